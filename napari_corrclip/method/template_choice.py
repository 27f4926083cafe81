"""Templates chosen by entropy: for each class those that are surest of it, without any truth (FLOSS).

After Benigmim et al., "FLOSS: Free Lunch in Open-vocabulary Semantic Segmentation" (arXiv:2504.10487), from
its equations; no code of theirs was read. Theirs lets an expert speak only where it predicts its own class,
and asks the averaged classifier where none does; here a class has everywhere the probability that its own
expert gives it, so that background thresholds, confidences and votes go on as before.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .prediction import apply_background, class_probabilities, query_probabilities, winners


def entropy_sums(
    features: Tensor, text: Tensor, logit_scale: float, query_class: Tensor, classes: int
) -> tuple[Tensor, Tensor]:
    """How unsure each template alone is of the cells that it gives to each class.

    ``H_mk = mean over { i : argmax_c p_m(c | x_i) = k } of  - sum over q of p_m(q | x_i) log p_m(q | x_i)``,
    p_m being the softmax over the queries q in template m. Sums and numbers of cells are returned apart, so
    that those of many images can be added.

    Args:
        features: (P, D) cells of unit length.
        text: (M, Q, D) of unit length: each query in each of the M templates.
        logit_scale: as in :func:`~.prediction.query_probabilities`.
        query_class: (Q,) int64, the class index of each query.
        classes: number of classes K.

    Returns:
        (M, K) float64 sums of entropies in nats, and (M, K) int64 numbers of cells.
    """
    sums = torch.zeros(len(text), classes, dtype=torch.float64)
    counts = torch.zeros(len(text), classes, dtype=torch.int64)
    for template, queries in enumerate(text):
        probabilities = query_probabilities(queries.float() @ features.float().T, logit_scale)
        entropy = torch.special.entr(probabilities).sum(dim=0).double().cpu()
        owner, _ = winners(class_probabilities(probabilities, query_class, classes))
        owner = owner.cpu()
        sums[template] = torch.zeros(classes, dtype=torch.float64).index_add_(0, owner, entropy)
        counts[template] = torch.bincount(owner, minlength=classes)
    return sums, counts


def choose(sums: Tensor, counts: Tensor, per_class: int) -> list[tuple[int, ...]]:
    """The templates of each class that are surest of it: those of the lowest mean entropy.

    Args:
        sums: (M, K) of :func:`entropy_sums`, added over all images.
        counts: likewise.
        per_class: how many templates a class has at most.

    Returns:
        for each class its templates' indices, the surest first, the lower index on a tie. Only templates that
        gave cells to the class are among them; none for a class that no template found.
    """
    means = sums / counts.clamp(min=1)
    means = means.masked_fill(counts == 0, float("inf"))
    order = means.argsort(dim=0, stable=True)
    return [
        tuple(int(m) for m in order[:per_class, k] if counts[m, k]) for k in range(means.shape[1])
    ]


def expert_probabilities(
    logits: Tensor, logit_scale: float, query_class: Tensor, experts: Tensor
) -> Tensor:
    """The probability of each class by its own expert: P_k = p of class k by the classifier of class k.

    Args:
        logits: (E, Q, ...) cosines of every query in the templates of each of E experts.
        logit_scale: as in :func:`~.prediction.query_probabilities`.
        query_class: (Q,) int64, the class index of each query.
        experts: (K,) int64, which of the E is the expert of each class.

    Returns:
        (K, ...) float32; they need not add up to 1.
    """
    classes = len(experts)
    out = torch.empty(classes, *logits.shape[2:], dtype=torch.float32, device=logits.device)
    for expert in experts.unique().tolist():
        queries = query_probabilities(logits[expert], logit_scale)
        own = (experts == expert).nonzero().flatten()
        out[own] = class_probabilities(queries, query_class, classes)[own]
    return out


def classify(
    logits: Tensor,
    logit_scale: float,
    query_class: Tensor,
    thresholds: Tensor,
    background: int,
    experts: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """From the experts' logits to classes: the class whose own expert is surest of it, then background.

    Args:
        logits: (E * Q, ...) cosines, expert by expert.
        logit_scale: as of :func:`~.prediction.query_probabilities`.
        query_class: as of :func:`expert_probabilities`.
        thresholds: (K,) as of :func:`~.prediction.apply_background`.
        background: as there.
        experts: as of :func:`expert_probabilities`.

    Returns:
        as :func:`~.prediction.classify`.
    """
    stacked = logits.unflatten(0, (-1, len(query_class)))
    probabilities = expert_probabilities(stacked, logit_scale, query_class, experts)
    winner, highest = winners(probabilities)
    return probabilities, apply_background(winner, highest, thresholds, background), highest
