"""The field's variants on the demo's scenes: stitched windows, chosen templates, the margin rule.

Validation scenes choose each one's number, test scenes judge once: the difference of the mIoU to the method
as it is, with the 95 % interval of a paired bootstrap over the images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_corrclip.demo.scenes import TEST_SEED, VALIDATION_SEED, Scene, generate_scene
from napari_corrclip.demo.world import GROUNDS
from napari_corrclip.engine import stitching
from napari_corrclip.engine.classifying import blended_logits
from napari_corrclip.engine.features import Features
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.evaluation.ablation.sets import PAIRS, DemoScenes
from napari_corrclip.evaluation.resampling import (
    Interval,
    class_counts,
    difference_interval,
    mean_iou,
    miou_interval,
)
from napari_corrclip.evaluation.variants.study import JUDGED
from napari_corrclip.method import correction, merging, prediction
from napari_corrclip.method.stitching import occurrence_weights
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.regions.protocol import partition
from napari_corrclip.settings import Detail
from napari_corrclip.vocabulary import Vocabulary

GROUPS: Final[Mapping[str, tuple[int, ...]]] = {
    group.name.replace("_", " "): group.classes
    for group in DemoScenes(1, colours=False).groups
    if group.name in JUDGED
}
"""Indices of the pairs that the networks saw in training, and of those that they did not."""

Ids = NDArray[np.int32]
Pixels = NDArray[np.uint8]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Judgement:
    """One variant against the method as it is, on test images that nothing was chosen on.

    Attributes:
        variant: what it is.
        chosen: its number, which validation images chose.
        before: group -> mIoU of the method as it is.
        difference: group -> mIoU of the variant less that.
    """

    variant: str
    chosen: str
    before: Mapping[str, Interval]
    difference: Mapping[str, Interval]

    @property
    def wins(self) -> bool:
        """Whether it is better by a whole interval on seen and on held-out pairs."""
        return all(interval.above_zero for interval in self.difference.values())


def judged(
    variant: str, chosen: str, counts: Counts, before: Counts, others: Sequence[int] = ()
) -> Judgement:
    """Compare the counts (N, 3, K) of the same images; ``others`` are classes that both groups have."""
    groups = {name: (*own, *others) for name, own in GROUPS.items()}
    return Judgement(
        variant,
        chosen,
        {name: miou_interval(before, own) for name, own in groups.items()},
        {name: difference_interval(counts, before, own) for name, own in groups.items()},
    )


def best(counts: Mapping[str, Counts]) -> str:
    """The name whose mIoU over all classes is highest; the first of equals."""
    return max(counts, key=lambda name: float(mean_iou(counts[name].sum(0))))


@dataclass(frozen=True, eq=False)
class Picture:
    """An image with its truth and the regions that SAM found.

    Attributes:
        image: (H, W, 3) uint8.
        truth: (H, W) uint16, pairs 1 to 36, then the grounds.
        regions: (H, W) int32.
    """

    image: Pixels
    truth: NDArray[np.uint16]
    regions: Ids


def pictures(segmenter: Segmenter, count: int, first_seed: int, side: int = 1) -> Iterator[Picture]:
    """Scenes, or squares of ``side`` x ``side`` of them, each seen by SAM on its own.

    Args:
        segmenter: has the source of regions.
        count: how many.
        first_seed: of the first scene.
        side: scenes along a side.
    """
    for number in range(count):
        seeds = range(first_seed + number * side**2, first_seed + (number + 1) * side**2)
        parts = [_picture(segmenter, generate_scene(seed)) for seed in seeds]
        highest = 0
        for index, part in enumerate(parts):
            regions = np.where(part.regions > 0, part.regions + np.int32(highest), 0)
            highest = max(highest, int(regions.max()))
            parts[index] = Picture(part.image, part.truth, regions.astype(np.int32))
        yield Picture(
            *(
                np.concatenate(
                    [
                        np.concatenate(
                            [getattr(part, name) for part in parts[row * side : (row + 1) * side]],
                            1,
                        )
                        for row in range(side)
                    ]
                )
                for name in ("image", "truth", "regions")
            )
        )


def _picture(segmenter: Segmenter, scene: Scene) -> Picture:
    found = finish(partition(segmenter.regions, scene.image))
    return Picture(scene.image, scene.truth([*PAIRS, *GROUNDS]), found.regions.astype(np.int32))


# -- stitched windows


def alike(covers: Tensor, padding: Tensor) -> Tensor:
    """Every cell counts as often as it occurs: the other rule for places that several windows show."""
    return torch.ones_like(covers, dtype=torch.float32)


def stitching_steps(scenes: int, validation: int, *, detail: Detail, side: int) -> Steps[Judgement]:
    """Judge stitched windows; yields after every image.

    Args:
        scenes: test images.
        validation: validation images, which choose how much a place counts that several windows show.
        detail: of the demo preset; its own sees a scene in one window.
        side: scenes along a side of an image.
    """
    segmenter = Segmenter.from_preset("demo", device="cpu", detail=detail)
    settings = segmenter.settings
    if side > 1:
        short = side * (settings.short_side or 0)
        settings = settings.replace(short_side=short)
    words = Vocabulary.from_names([*PAIRS, *GROUNDS])
    rules = {"each place once": occurrence_weights, "as often as it occurs": alike}
    total = scenes + validation

    def measured(picture: Picture, rule: str | None) -> Counts:
        weigh = occurrence_weights if rule is None else rules[rule]
        encoded = finish(
            stitching.encode_image(
                picture.image,
                picture.regions,
                segmenter.clip,
                segmenter.similarity,
                settings.replace(stitched=rule is not None),
                weigh=weigh,
            )
        )
        features = Features(encoded, picture.regions, settings, segmenter.clip.fingerprint, {})
        result = segmenter.classify(features, words, progress=False)
        return class_counts(picture.truth, result.labels, len(words))

    chosen: dict[str, list[Counts]] = {rule: [] for rule in rules}
    for done, picture in enumerate(pictures(segmenter, validation, VALIDATION_SEED, side)):
        for rule in rules:
            chosen[rule].append(measured(picture, rule))
        yield Progress("stitching", done + 1, total)
    rule = best({name: np.stack(counts) for name, counts in chosen.items()})
    stitched, apart = list[Counts](), list[Counts]()
    for done, picture in enumerate(pictures(segmenter, scenes, TEST_SEED, side), validation):
        stitched.append(measured(picture, rule))
        apart.append(measured(picture, None))
        yield Progress("stitching", done + 1, total)
    what = f"{side} × {side} scenes" if side > 1 else f"one scene, {detail}"
    return judged(f"stitched windows ({what})", rule, np.stack(stitched), np.stack(apart))


# -- templates chosen by entropy


def template_steps(scenes: int, validation: int, most: int = 3) -> Steps[Judgement]:
    """Judge templates chosen on the images themselves, without their truth; yields after every image.

    Args:
        scenes: test images.
        validation: validation images, which choose how many templates a class has.
        most: of how many at most.
    """
    segmenter = Segmenter.from_preset("demo", device="cpu")
    words = Vocabulary.from_names([*PAIRS, *GROUNDS])
    total = scenes + validation
    done = 0

    def encoded(count: int, seed: int) -> Steps[list[tuple[Features, NDArray[np.uint16]]]]:
        nonlocal done
        found = []
        for picture in pictures(segmenter, count, seed):
            features = segmenter.encode(
                picture.image, regions=GivenRegions(picture.regions), progress=False
            )
            found.append((features, picture.truth))
            done += 1
            yield Progress("templates", done, total)
        return found

    def measured(
        images: Sequence[tuple[Features, NDArray[np.uint16]]], per_class: int | None
    ) -> Counts:
        choice = None
        if per_class is not None:
            choice = segmenter.choose_templates(
                [features for features, _ in images], words, per_class=per_class, progress=False
            )
        return np.stack(
            [
                class_counts(
                    truth,
                    segmenter.classify(features, words, choice=choice, progress=False).labels,
                    len(words),
                )
                for features, truth in images
            ]
        )

    images = yield from encoded(validation, VALIDATION_SEED)
    chosen = best({str(n): measured(images, n) for n in range(1, most + 1)})
    images = yield from encoded(scenes, TEST_SEED)
    return judged(
        "templates by entropy",
        f"{chosen} of {len(segmenter.templates)} a class",
        measured(images, int(chosen)),
        measured(images, None),
    )


# -- the margin rule for background


def margins(probabilities: Tensor) -> Tensor:
    """How far the winner is above the best other class, (K, ...) -> (...); all of it where there is none."""
    if len(probabilities) == 1:
        return probabilities[0]
    two = probabilities.topk(2, dim=0).values
    return two[0] - two[1]


def apply_level(labels: Tensor, sure: Tensor, level: float, background: int) -> Tensor:
    """Pixels that are less sure than a level become background.

    Args:
        labels: winning class indices, any shape.
        sure: of each pixel the winner's probability (the paper's threshold), or its margin (:func:`margins`).
        level: from 0 to 1.
        background: class index that such pixels get.
    """
    return labels.masked_fill(sure < level, background)


def margin_steps(scenes: int, validation: int) -> Steps[Judgement]:
    """Judge the margin rule against the threshold, both by what validation images choose for each.

    The vocabulary is the 36 pairs. The grounds have no words; they are the background, which is found by
    nothing but the rule.
    """
    segmenter = Segmenter.from_preset("demo", device="cpu")
    words = Vocabulary.from_names(PAIRS)
    query_class = torch.arange(len(PAIRS))
    background = len(PAIRS)
    levels = [round(0.02 * step, 2) for step in range(1, 50)]
    text = finish(segmenter.text_cache.features(segmenter.clip, words.queries, segmenter.templates))
    done, total = 0, scenes + validation

    def measured(count: int, seed: int, rules: Sequence[str]) -> Steps[dict[str, Counts]]:
        nonlocal done
        found: dict[str, list[Counts]] = {rule: [] for rule in rules}
        for picture in pictures(segmenter, count, seed):
            features = segmenter.encode(
                picture.image, regions=GivenRegions(picture.regions), progress=False
            )
            truth = np.minimum(picture.truth, background + 1)  # all grounds are one class
            regions, _ = merging.number_regions(torch.from_numpy(picture.regions))
            logits = prediction.upsample(blended_logits(features.windows, text), features.shape)
            queries = prediction.query_probabilities(logits, segmenter.settings.logit_scale)
            probabilities = prediction.class_probabilities(queries, query_class, len(PAIRS))
            labels, sure = prediction.winners(probabilities)
            above = margins(probabilities)
            for rule in rules:
                kind, level = rule.split()
                told = sure if kind == "threshold" else above
                decided = apply_level(labels, told, float(level), background)
                votes = correction.count_votes(decided, regions, background + 1)
                shown = correction.apply_votes(decided, votes.rows, votes.winners)
                found[rule].append(class_counts(truth, shown.numpy() + 1, background + 1))
            done += 1
            yield Progress("margin", done, total)
        return {rule: np.stack(counts) for rule, counts in found.items()}

    chosen = []
    for kind in ("threshold", "margin"):
        done = 0
        seen = yield from measured(
            validation, VALIDATION_SEED, [f"{kind} {level}" for level in levels]
        )
        chosen.append(best(seen))
    counts = yield from measured(scenes, TEST_SEED, chosen)
    threshold, margin = chosen
    return judged(
        "margin for background",
        f"{margin} against {threshold}",
        counts[margin],
        counts[threshold],
        others=(background,),
    )


def table(judgements: Sequence[Judgement]) -> str:
    """The judgements as a Markdown table, in points of mIoU."""
    head = ["variant", "chosen by validation", "images"]
    for group in GROUPS:
        head += [f"{group}: before", "difference"]
    lines = ["| " + " | ".join([*head, "wins"]) + " |", "|" + "---|" * (len(head) + 1)]
    for judgement in judgements:
        images = next(iter(judgement.before.values())).images
        cells = [judgement.variant, judgement.chosen, str(images)]
        for group in GROUPS:
            told = judgement.difference[group]
            cells.append(f"{100 * judgement.before[group].value:.1f}")
            ends = f" ({100 * told.low:+.2f} to {100 * told.high:+.2f})" if told.told else ""
            cells.append(f"{100 * told.value:+.2f}{ends}")
        lines.append("| " + " | ".join([*cells, "yes" if judgement.wins else "no"]) + " |")
    return "\n".join(lines)
