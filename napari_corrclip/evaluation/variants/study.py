"""The study of variants: validation scenes choose each one's knobs, test scenes judge once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from napari_corrclip.demo.scenes import TEST_SEED, VALIDATION_SEED
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.evaluation.ablation.kept import Kept
from napari_corrclip.evaluation.ablation.measuring import Measured, measure_steps
from napari_corrclip.evaluation.ablation.rows import FULL, Row
from napari_corrclip.evaluation.ablation.sets import DemoScenes
from napari_corrclip.evaluation.resampling import Interval
from napari_corrclip.evaluation.variants.catalogue import Variant, variants
from napari_corrclip.progress import Steps
from napari_corrclip.regions.protocol import RegionSource

JUDGED: Final = ("seen", "held_out")
"""Groups of classes on which a variant has to win."""
JUDGING_SOURCE: Final = "sam"
"""Regions by which knobs are chosen and variants judged: the default ones."""


@dataclass(frozen=True, eq=False)
class Choice:
    """A variant with the knobs that validation chose.

    Attributes:
        variant: with its whole grid.
        knobs: what was chosen.
        gain: by how much its mean of the judged groups was above the published method's on validation.
    """

    variant: Variant
    knobs: str
    gain: float


@dataclass(frozen=True, eq=False)
class VariantStudy:
    """The outcome of the study.

    Attributes:
        choices: by name of the variant.
        validation: all knobs on the validation scenes.
        test: the chosen ones on the test scenes; a row has its variant's name.
    """

    choices: Mapping[str, Choice]
    validation: Measured
    test: Measured

    def difference(self, name: str, group: str, source: str = JUDGING_SOURCE) -> Interval:
        """Return how much a variant is above the published method on the test scenes."""
        return self.test.difference(source, name, FULL, group)

    def against_control(self, name: str, group: str) -> Interval | None:
        """Return how much it is above its control there; ``None``: it has none."""
        control = self.choices[name].variant.control
        return self.test.difference(JUDGING_SOURCE, name, control, group) if control else None

    def wins(self, name: str) -> bool:
        """Whether whole intervals are above 0 on all judged groups, against its control as well."""
        found = [self.difference(name, group) for group in JUDGED]
        found += [
            interval
            for group in JUDGED
            if (interval := self.against_control(name, group)) is not None
        ]
        return all(interval.above_zero for interval in found)


def study_steps(
    segmenter: Segmenter,
    sources: Mapping[str, RegionSource],
    *,
    validation: int,
    test: int,
    kept: Kept | None = None,
    chosen_from: Sequence[Variant] | None = None,
    colours: bool = False,
) -> Steps[VariantStudy]:
    """Choose on validation scenes and judge on test scenes; yields as :func:`measure_steps` does.

    Args:
        segmenter: of the demo, with SAM's regions.
        sources: of regions by name, :data:`JUDGING_SOURCE` among them.
        validation: how many validation scenes.
        test: how many test scenes.
        kept: as of :func:`measure_steps`.
        chosen_from: the variants; ``None``: all.
        colours: whether the test scenes are classified by colours, too, for information.
    """
    full = Row(FULL, "published", segmenter.settings)
    scenes = DemoScenes(validation, VALIDATION_SEED, colours=False)
    tried = chosen_from
    if tried is None:
        tried = variants(segmenter, scenes.vocabularies["pairs"])
    judging = {JUDGING_SOURCE: sources[JUDGING_SOURCE]}
    grid = [full, *(row for variant in tried for row in variant.rows)]
    first = None if kept is None else kept.of("validation")
    measured = yield from measure_steps(scenes, grid, judging, segmenter, kept=first)
    chosen = {variant.name: choose(variant, measured) for variant in tried}
    rows = [full]
    for variant in tried:
        row = next(row for row in variant.rows if row.title == chosen[variant.name].knobs)
        rows.append(replace(row, name=variant.name))
    knobs = [f"{row.name} {row.title}" for row in rows]
    second = None if kept is None else kept.of("test", *knobs)
    judged = yield from measure_steps(
        DemoScenes(test, TEST_SEED, colours), rows, sources, segmenter, kept=second
    )
    return VariantStudy(chosen, measured, judged)


def choose(variant: Variant, measured: Measured) -> Choice:
    """Return the knobs of the highest mean over the judged groups, the first of equals.

    A group that the truth of no image has decides nothing: rows that predict none of it have no figure there.

    Args:
        variant: with its grid.
        measured: every row of the grid and the published method, by :data:`JUDGING_SOURCE`.
    """
    occur = [group for group in JUDGED if measured.occurs(group)]

    def mean(name: str) -> float:
        scores = [measured.score(JUDGING_SOURCE, name, group) for group in occur]
        return sum(scores) / max(1, len(scores))

    best = max(variant.rows, key=lambda row: mean(row.name))
    return Choice(variant, best.title, mean(best.name) - mean(FULL))
