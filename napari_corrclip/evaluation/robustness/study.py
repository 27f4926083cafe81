"""The study of robustness: curves over damages, and what each remedy gains against each of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.demo.scenes import TEST_SEED, VALIDATION_SEED
from napari_corrclip.devices import describe_device
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.ablation.sets import PAIRS, DemoScenes, Group
from napari_corrclip.evaluation.resampling import (
    Interval,
    class_counts,
    difference_interval,
    mean_iou,
    miou_interval,
)
from napari_corrclip.evaluation.robustness.damages import DAMAGES, STRENGTHS, Pixels
from napari_corrclip.evaluation.robustness.remedies import REMEDIES, Remedy, nothing
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.results.segmentation import Segmentation

CLEAN: Final = "clean"
PLAIN: Final = Remedy("plain", "as it is", (0,), nothing)
MIDDLE: Final = STRENGTHS.index("middle")
JUDGED: Final = "pairs"
ALL: Final = Group("pairs", JUDGED, tuple(range(len(PAIRS))), "all pairs")
"""The objects of all pairs of colour and shape, by which a remedy is judged."""
GROUPS: Final = ("seen", "held_out")


@dataclass(frozen=True, eq=False)
class Robustness:
    """The figures of the study.

    Attributes:
        groups: of classes that are told apart: all pairs, seen ones, held-out ones.
        curves: by damage and strength (``clean``, 0: none), (N, 3, K) counts of the test scenes.
        remedies: by damage and remedy at the middle strength (``clean``: of whole images), likewise.
        knobs: by damage and remedy, what validation scenes chose; of whole images what was chosen for most.
        scenes: how many test scenes.
        validation: how many validation scenes.
        device: that computed.
    """

    groups: tuple[Group, ...]
    curves: Mapping[tuple[str, int], NDArray[np.int64]]
    remedies: Mapping[tuple[str, str], NDArray[np.int64]]
    knobs: Mapping[tuple[str, str], float]
    scenes: int
    validation: int
    device: str

    def miou(self, damage: str, strength: int, group: Group) -> Interval:
        """Return the mean IoU of some classes under a damage, with its interval over scenes."""
        return miou_interval(self.curves[damage, strength], group.classes)

    def cost(self, damage: str, strength: int, group: Group) -> Interval:
        """Return what a damage changes of the mean IoU of some classes, paired over scenes."""
        clean = self.curves[CLEAN, 0]
        return difference_interval(self.curves[damage, strength], clean, group.classes)

    def gain(self, damage: str, remedy: str, group: Group) -> Interval:
        """Return what a remedy adds to the mean IoU of some classes, paired over scenes."""
        against = self.curves[damage, 0 if damage == CLEAN else MIDDLE]
        return difference_interval(self.remedies[damage, remedy], against, group.classes)


def robustness_steps(
    scenes: int = 36,
    validation: int = 8,
    *,
    recipe: Recipe | None = None,
    damages: Collection[str] = (),
    remedies: Collection[str] = (),
) -> Steps[Robustness]:
    """Measure the demo's networks on damaged scenes; can be cancelled after each scene.

    Args:
        scenes: how many test scenes.
        validation: how many validation scenes, of which each remedy's knob is chosen.
        recipe: the run; ``None``: the demo's preset as it is, whose regions are SAM's.
        damages: names of those that are looked at; empty: all.
        remedies: names of those that are tried; empty: all.

    Raises:
        InputError: no scenes, or there is no such damage or remedy.
    """
    looked_at = _named("damage", damages, DAMAGES)
    tried = [REMEDIES[name] for name in _named("remedy", remedies, REMEDIES)]
    if scenes < 1 or validation < 1:
        raise InputError(
            f"{min(scenes, validation)} scenes cannot be measured; ask for at least one."
        )
    segmenters = _segmenters(recipe or Recipe("demo"))
    to_choose = DemoScenes(validation, VALIDATION_SEED, colours=False)
    to_judge = DemoScenes(scenes, TEST_SEED, colours=False)
    groups = (ALL, *(group for group in to_judge.groups if group.name in GROUPS))
    choices = [
        (damage, remedy, knob)
        for damage in looked_at
        for remedy in tried
        for knob in remedy.knobs
        if len(remedy.knobs) > 1
    ]
    found: dict[tuple[str, str], dict[float, float]] = {}
    for done, (damage, remedy, knob) in enumerate(choices):
        counts = yield from _counted(
            segmenters, to_choose, damage, MIDDLE, remedy, knob,
            f"choose {done + 1} of {len(choices)}",
        )  # fmt: skip
        reached = float(mean_iou(counts.sum(0), ALL.classes))
        found.setdefault((damage, remedy.name), {})[knob] = reached
    knobs = {key: max(means, key=means.__getitem__) for key, means in found.items()}
    for damage in looked_at:
        for remedy in tried:
            knobs.setdefault((damage, remedy.name), remedy.knobs[0])
    for remedy in tried:
        chosen = [knobs[damage, remedy.name] for damage in looked_at]
        knobs[CLEAN, remedy.name] = max(set(chosen), key=lambda knob: (chosen.count(knob), -knob))
    curves = {}
    strengths = range(len(STRENGTHS))
    places = [(CLEAN, 0), *((name, number) for name in looked_at for number in strengths)]
    for done, (damage, strength) in enumerate(places):
        curves[damage, strength] = yield from _counted(
            segmenters, to_judge, damage, strength, PLAIN, 0, f"curve {done + 1} of {len(places)}"
        )
    judged = {}
    pairs = [(damage, remedy) for damage in (*looked_at, CLEAN) for remedy in tried]
    for done, (damage, remedy) in enumerate(pairs):
        judged[damage, remedy.name] = yield from _counted(
            segmenters, to_judge, damage, MIDDLE, remedy, knobs[damage, remedy.name],
            f"remedy {done + 1} of {len(pairs)}",
        )  # fmt: skip
    device = describe_device(segmenters["sam"].clip.device)
    return Robustness(groups, curves, judged, knobs, scenes, validation, device)


def _named(what: str, asked: Collection[str], known: Mapping[str, object]) -> tuple[str, ...]:
    """Return those of some names that were asked for, in their order; all where none was.

    Raises:
        InputError: one is none of them.
    """
    for name in asked:
        if name not in known:
            raise InputError(f"There is no {what} {name!r}; choose {', '.join(known)}.")
    return tuple(name for name in known if name in asked or not asked)


def _segmenters(recipe: Recipe) -> Mapping[str, Segmenter]:
    """Return a segmenter for each source of regions, with the same towers."""
    by_sam = Segmenter.from_recipe(recipe)
    others = replace(recipe, regions="superpixels", region_options=None)
    return {"sam": by_sam, "superpixels": Segmenter.from_recipe(others, former=by_sam)}


def _counted(
    segmenters: Mapping[str, Segmenter],
    scenes: DemoScenes,
    damage: str,
    strength: int,
    remedy: Remedy,
    knob: float,
    told: str,
) -> Steps[NDArray[np.int64]]:
    """Return (N, 3, K) counts of scenes that were damaged and treated."""
    words = scenes.vocabularies[JUDGED]
    segmenter, counts = segmenters[remedy.source], []
    for number in range(len(scenes)):
        event = Progress(told, number, len(scenes))
        yield event
        scene = scenes.read(number)
        rgb = remedy.apply(damaged(scene.rgb, damage, strength), knob)
        result = yield from _as(event, segmenter.segment_steps(rgb, words))
        counts.append(class_counts(scene.truths[JUDGED], result.labels, len(words)))
    return np.stack(counts)


def _as(event: Progress, steps: Steps[Segmentation]) -> Steps[Segmentation]:
    """Tell all events of some work as one."""
    return retold(steps, lambda _: event)


def damaged(rgb: Pixels, damage: str, strength: int) -> Pixels:
    """Return an image with a damage, ``clean`` without."""
    if damage == CLEAN:
        return rgb
    kind = DAMAGES[damage]
    return kind.apply(rgb, kind.strengths[strength])


def figures_of(study: Robustness) -> dict[str, object]:
    """Return all figures with their intervals, as JSON can hold them."""
    return {
        "scenes": study.scenes,
        "validation": study.validation,
        "device": study.device,
        "knobs": {f"{damage} {remedy}": knob for (damage, remedy), knob in study.knobs.items()},
        "curves": {
            f"{damage} {strength}": {
                group.name: _plain(study.miou(damage, strength, group)) for group in study.groups
            }
            for damage, strength in study.curves
        },
        "costs": {
            f"{damage} {strength}": {
                group.name: _plain(study.cost(damage, strength, group)) for group in study.groups
            }
            for damage, strength in study.curves
            if damage != CLEAN
        },
        "gains": {
            f"{damage} {remedy}": {
                group.name: _plain(study.gain(damage, remedy, group)) for group in study.groups
            }
            for damage, remedy in study.remedies
        },
    }


def _plain(interval: Interval) -> list[float | None]:
    figures = interval.value, interval.low, interval.high
    return [None if math.isnan(figure) else figure for figure in figures]
