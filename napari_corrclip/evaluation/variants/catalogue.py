"""The variants that are tried, each with the grid of knobs that validation scenes choose from.

A control is the published method with a setting of its own chosen on the same scenes: a variant that only
does what another value of that setting does, too, is no better than it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from napari_corrclip.encoders.protocols import LastBlock, SimilarityFeatures
from napari_corrclip.engine.encoding import PUBLISHED, MethodSteps
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.evaluation.ablation.rows import FULL, Row
from napari_corrclip.evaluation.variants.channels import weighted
from napari_corrclip.evaluation.variants.fusion import ScaledSimilarity, fused
from napari_corrclip.evaluation.variants.open_regions import close_calls
from napari_corrclip.evaluation.variants.points import AdaptivePoints, Open
from napari_corrclip.evaluation.variants.rounds import merge_in_rounds, schedule
from napari_corrclip.evaluation.variants.shallow import ChosenShallow
from napari_corrclip.evaluation.variants.temperature import by_entropy, by_spread
from napari_corrclip.method.grids import unfold
from napari_corrclip.method.scope import Attend
from napari_corrclip.method.similarity import on_feature_grid
from napari_corrclip.regions.protocol import RegionSource
from napari_corrclip.regions.sam import SamRegions
from napari_corrclip.settings import Settings
from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Variant:
    """A variant with its grid.

    Attributes:
        name: for files.
        title: for people.
        formula: what it computes, in a line.
        rows: one for each choice of its knobs; the row's title says them.
        control: name of the variant that it has to beat besides the published method; empty: none.
        setting: whether its knob is a setting that there is already; such a one is a control.
    """

    name: str
    title: str
    formula: str
    rows: tuple[Row, ...]
    control: str = ""
    setting: bool = False


def variants(segmenter: Segmenter, words: Vocabulary) -> tuple[Variant, ...]:
    """Return all variants of the method that a segmenter runs.

    Args:
        segmenter: with SAM's regions.
        words: of the margins that more points are asked for by.
    """
    full = segmenter.settings
    return (
        *_controls(full, segmenter),
        *_temperatures(full),
        *_fusions(full),
        _rounds(full),
        _channels(full),
        _shallow(full),
        *_points(full, segmenter, words),
    )


def _variant(
    name: str,
    title: str,
    formula: str,
    rows: dict[str, Row],
    control: str = "",
    *,
    setting: bool = False,
) -> Variant:
    named = tuple(
        replace(row, name=f"{name} {knobs}", title=knobs, against=FULL)
        for knobs, row in rows.items()
    )
    return Variant(name, title, formula, named, control, setting)


def _row(settings: Settings) -> Row:
    return Row("", "", settings)


def _controls(full: Settings, segmenter: Segmenter) -> tuple[Variant, ...]:
    sides = (4, 6, 12)
    return (
        _variant(
            "tau",
            "τ",
            "the published method with another τ",
            {f"τ = {tau:g}": _row(full.replace(tau=tau)) for tau in (0.02, 0.05, 0.1, 1.0)},
            setting=True,
        ),
        _variant(
            "eps",
            "eps",
            "the published method with another eps",
            {f"eps = {eps:g}": _row(full.replace(eps=eps)) for eps in (0.0, 0.005, 0.01, 0.05)},
            setting=True,
        ),
        _variant(
            "alpha",
            "α",
            "the published method with another α",
            {f"α = {alpha:g}": _row(full.replace(alpha=alpha)) for alpha in (0.0, 0.3, 0.6, 2.0)},
            setting=True,
        ),
        _variant(
            "grid",
            "points",
            "SAM at another grid of points",
            {f"{side} × {side}": _with_points(_row(full), side) for side in sides},
            setting=True,
        ),
    )


def _temperatures(full: Settings) -> tuple[Variant, ...]:
    def spread(power: float, reference: float, each_cell: bool) -> Row:
        def attend(left: Tensor, right: Tensor, regions: Tensor, settings: Settings) -> Attend:
            return by_spread(
                left,
                right,
                regions,
                settings.unsegmented,
                settings.tau,
                power=power,
                reference=reference,
                each_cell=each_cell,
            )

        return replace(_row(full), steps=replace(PUBLISHED, attend=attend))

    def entropy(power: float) -> Row:
        def attend(left: Tensor, right: Tensor, regions: Tensor, settings: Settings) -> Attend:
            return by_entropy(left, right, regions, settings.unsegmented, settings.tau, power=power)

        return replace(_row(full), steps=replace(PUBLISHED, attend=attend))

    knobs = [(power, reference) for power in (0.5, 1.0) for reference in (0.05, 0.2)]
    by_spreads = tuple(
        _variant(
            f"tau-{'cell' if each_cell else 'window'}",
            f"τ by the spread of S in {'each cell’s row' if each_cell else 'the window'}",
            "τ · (σ(S in scope) / σ₀)^p",
            {
                f"p = {power:g}, σ₀ = {reference:g}": spread(power, reference, each_cell)
                for power, reference in knobs
            },
            "tau",
        )
        for each_cell in (False, True)
    )
    by_entropies = _variant(
        "tau-entropy",
        "τ by the entropy of each cell's attention",
        "τ · (H / log n)^p",
        {f"p = {power:g}": entropy(power) for power in (-4.0, 16.0, 64.0)},
        "tau",
    )
    return (*by_spreads, by_entropies)


def _fusions(full: Settings) -> tuple[Variant, ...]:
    def with_clip(weight: float) -> Row:
        def compared(
            last: LastBlock,
            seen: SimilarityFeatures | None,
            size: tuple[int, int],
            settings: Settings,
        ) -> tuple[Tensor, Tensor]:
            dino, _ = PUBLISHED.compared(last, seen, size, settings)
            queries = unfold(last.queries[:, 1:], last.grid)
            clip = on_feature_grid(queries, size).flatten(1, 2)
            cells = fused([dino, clip.to(dino.device)], [1 - weight, weight])
            return cells, cells

        return replace(_row(full), steps=replace(PUBLISHED, compared=compared))

    def with_output(weight: float, factor: float | None) -> Row:
        def compared(
            last: LastBlock,
            seen: SimilarityFeatures | None,
            size: tuple[int, int],
            settings: Settings,
        ) -> tuple[Tensor, Tensor]:
            if seen is None or seen.output is None:
                raise ValueError("there is no output of the similarity tower to fuse")
            both = [cells.flatten(1, 2) for cells in (seen.query_key, seen.output)]
            cells = fused(both, [1 - weight, weight])
            return cells, cells

        steps = MethodSteps(PUBLISHED.merged, compared, PUBLISHED.attend)
        if factor is None:
            # The name asks for the output; what is compared is said here.
            return replace(_row(full.replace(similarity="dino-xx")), steps=steps)
        return replace(
            _row(full),
            steps=steps,
            similarity=lambda towers: ScaledSimilarity(towers.similarity, factor),
        )

    return (
        _variant(
            "two-scales",
            "S of the similarity tower at two scales",
            "(1 − w) · S + w · S at the windows' size times s",
            {
                f"w = {weight:g}, s = {factor:g}": with_output(weight, factor)
                for factor in (0.5, 1.5)
                for weight in (0.5, 1.0)
            },
        ),
        _variant(
            "with-clip",
            "S of the similarity tower and CLIP's q·q",
            "(1 − w) · S + w · S_clip-qq",
            {f"w = {weight:g}": with_clip(weight) for weight in (0.25, 0.5, 0.75)},
        ),
        _variant(
            "with-output",
            "S of the similarity tower's q + k and x",
            "(1 − w) · S + w · S_dino-xx",
            {f"w = {weight:g}": with_output(weight, None) for weight in (0.5, 0.75)},
        ),
    )


def _rounds(full: Settings) -> Variant:
    def rounds(first: float, factor: float, count: int) -> Row:
        def merged(regions: Tensor, seen: SimilarityFeatures | None, settings: Settings) -> Tensor:
            if seen is None:
                raise ValueError("there are no features to merge by")
            features = seen.query_key
            eps = schedule(settings.eps, first, factor, count)
            regions = regions.to(features.device)
            return torch.stack(
                [merge_in_rounds(f, r, eps) for f, r in zip(features, regions, strict=True)]
            )

        return replace(_row(full), steps=replace(PUBLISHED, merged=merged))

    knobs = (
        (1.0, 0.5, 3),
        (1.0, 1.0, 3),
        (0.125, 2.0, 3),
        (0.125, 2.0, 4),
        (0.125, 2.0, 5),
        (0.0625, 2.0, 3),
    )
    return _variant(
        "rounds",
        "merging in rounds",
        "eps_r = eps · first · f^(r − 1), regions described anew",
        {f"first = {a:g}, f = {f:g}, R = {n}": rounds(a, f, n) for a, f, n in knobs},
        "eps",
    )


def _channels(full: Settings) -> Variant:
    return _variant(
        "channels",
        "channels weighted by the texts' spread",
        "w_c = (Var_q t_qc / mean)^γ in the cosine",
        {
            f"γ = {gamma:g}": replace(_row(full), weigh=partial(weighted, gamma=gamma))
            for gamma in (0.25, 0.5, 1.0, 2.0)
        },
    )


def _shallow(full: Settings) -> Variant:
    def shallow(temperature: float, pool: int | None) -> Row:
        return replace(
            _row(full), clip=lambda towers: ChosenShallow(towers.clip, temperature, pool)
        )

    knobs = [
        (temperature, pool)
        for pool in (None, 4)
        for temperature in (math.inf, 0.1, 0.03)
        if pool is not None or temperature < math.inf
    ]
    return _variant(
        "shallow",
        "spatial branch by likeness to the main one",
        "a_b = softmax_b (mean cos(x_b, x_main) / T)",
        {
            f"T = {t if t < math.inf else '∞'}, {'its' if pool is None else 'all'} blocks": shallow(
                t, pool
            )
            for t, pool in knobs
        },
        "alpha",
    )


def _points(full: Settings, segmenter: Segmenter, words: Vocabulary) -> tuple[Variant, ...]:
    def close(margin: float) -> Open:
        return close_calls(segmenter, full, words, margin)

    return (
        _variant(
            "few-points",
            "few points first, more where no region is",
            "points of the fine grid in pixels of no region",
            {
                f"{coarse} then {fine}": _with_points(_row(full), coarse, fine)
                for coarse, fine in ((4, 8), (8, 16))
            },
            "grid",
        ),
        _variant(
            "few-points-margin",
            "few points first, more where no region is or the margin is small",
            "and in regions whose two best classes are less than m apart",
            {
                f"{coarse} then {fine}, m = {margin:g}": _with_points(
                    _row(full), coarse, fine, close(margin)
                )
                for coarse, fine in ((4, 8), (8, 16))
                for margin in (0.3,)
            },
            "grid",
        ),
    )


def _with_points(row: Row, coarse: int, fine: int = 0, open_: Open | None = None) -> Row:
    made: dict[RegionSource, RegionSource] = {}

    def adaptive(source: RegionSource) -> RegionSource:
        if not isinstance(source, SamRegions):
            return source  # it asks no points
        if source not in made:  # to know its network it reads all of its weights
            made[source] = AdaptivePoints(source, coarse, fine, open_)
        return made[source]

    return replace(row, source=adaptive)
