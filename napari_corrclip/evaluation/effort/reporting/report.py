"""The report of a study, as files: JSON, CSV and Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from napari_corrclip.evaluation.effort.curves import (
    CEILING,
    GAP,
    MEASURES,
    TARGETS,
    Measure,
    mean_curve,
)
from napari_corrclip.evaluation.effort.goals import GOALS, counts_for_goals
from napari_corrclip.evaluation.effort.reporting.cells import (
    interval,
    number,
    plain,
    plain_text,
    verdict_on,
)
from napari_corrclip.evaluation.effort.simulation.arms import ORACLE, UNLABELLED, Arm
from napari_corrclip.evaluation.effort.simulation.prices import PRICES
from napari_corrclip.evaluation.effort.study import SetStudy
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.csv_cells import quoted, rows_to_csv

AFTER = (10, 30, 100, 300)
_TITLES: dict[Measure, str] = {"accuracy": "pixel accuracy", "miou": "mean IoU"}


@dataclass(frozen=True, eq=False)
class Report:
    """Studies with what is needed to read them.

    Attributes:
        studies: one a set of images.
        arms: the ways of working, in order.
        orders: of the queue, that the goals are judged for.
        versions: of the packages.
    """

    studies: tuple[SetStudy, ...]
    arms: tuple[Arm, ...]
    orders: tuple[str, ...]
    versions: Mapping[str, str]

    def to_json(self) -> str:
        """Everything but the curves."""
        document = {
            "versions": dict(self.versions),
            "prices": {name: dict(prices) for name, prices in PRICES.items()},
            "arms": {arm.name: arm.title for arm in self.arms},
            "sets": [_set(study, self.arms, self.orders) for study in self.studies],
        }
        return json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def actions_csv(self) -> str:
        """A row for each image, arm, price table, measure and target: what it took."""
        rows: list[tuple[str, ...]] = [
            ("set", "arm", "image", "prices", "measure", "target", "actions")
        ]
        for study in self.studies:
            for arm, prices, measure, target in _cells(self.arms):
                found = study.actions(arm, target, measure, prices)
                for run, value in zip(study.runs[arm], found.tolist(), strict=True):
                    shown = "" if math.isnan(value) else f"{value:g}"
                    names = quoted(study.name), arm, quoted(run.case)
                    rows.append((*names, prices, measure, target, shown))
        return rows_to_csv(rows)

    def curves_csv(self) -> str:
        """A row for each point of each mean curve, with its interval over images."""
        rows: list[tuple[str, ...]] = [
            ("set", "arm", "prices", "measure", "actions", "mean", "low", "high")
        ]
        for study in self.studies:
            for arm in self.arms:
                for prices in PRICES:
                    for measure in MEASURES:
                        curve = mean_curve(study.runs[arm.name], measure, PRICES[prices])
                        points = zip(curve.spent, curve.mean, curve.low, curve.high, strict=True)
                        for spent, *values in points:
                            shown = [f"{value:.5f}" for value in values]
                            names = quoted(study.name), arm.name
                            rows.append((*names, prices, measure, f"{spent:g}", *shown))
        return rows_to_csv(rows)

    def markdown(self) -> str:
        """Tables for people."""
        parts = ["# Annotator effort\n", *goal_tables(self.studies, self.orders)]
        for study in self.studies:
            parts += _set_tables(study, self.arms)
        return "\n".join(parts)


def goal_tables(studies: Sequence[SetStudy], orders: Sequence[str]) -> Iterator[str]:
    """Yield the goals as a table for each order of the queue: ratio, interval, met or missed."""
    for order in orders:
        sets = [study for study in studies if f"{order}+tools" in study.runs]
        if not sets:
            continue
        yield f"## The goals, for the order {order}\n"
        yield (
            "Ratios of actions, totals over images with 95 % intervals. In brackets the same in "
            'mean IoU. "of 23": on so many images, where the others have no gap or one arm did not '
            "get there. Sets that the goals are not meant for are in italics.\n"
        )
        titles = " | ".join(plain_text(study.title) for study in sets)
        yield f"| ratio | target | prices | at most | {titles} |"
        yield "|---|---|---|---|" + "---|" * len(sets)
        for goal in GOALS:
            cells = []
            for study in sets:
                ratio = goal.ratio(study, order)
                verdict = "" if not counts_for_goals(study) else verdict_on(ratio, goal.bound)
                some = "" if ratio.images == len(study.best) else f" of {ratio.images}"
                text = f"{interval(ratio)}{some} [{number(goal.ratio(study, order, 'miou').value)}]"
                cells.append(text + verdict if counts_for_goals(study) else f"*{text}*")
            name = f"{goal.over.format(order)} / {goal.under}"
            yield (
                f"| {name} | {goal.target} | {goal.prices} | {goal.bound:.2f} | "
                + " | ".join(cells)
                + " |"
            )
        yield ""


def _set_tables(study: SetStudy, arms: Sequence[Arm]) -> Iterator[str]:
    ceilings = {measure: study.ceiling(measure) for measure in MEASURES}
    yield f"## {plain_text(study.title)}\n"
    yield (
        f"{count(len(study.best), 'image')}, {study.regions:.0f} regions each; {study.how}, right on "
        f"{100 * study.accuracy:.1f} % of the pixels. The regions' ceiling: "
        f"{interval(ceilings['accuracy'])} of the pixels, mean IoU {interval(ceilings['miou'])}.\n"
    )
    for measure in MEASURES:
        yield (
            f"Actions to a target in {_TITLES[measure]} at equal prices, mean over the images that "
            "reached it with its 95 % interval (in brackets how many, where not all did).\n"
        )
        yield "| | " + " | ".join(TARGETS) + " |"
        yield "|---|" + "---|" * len(TARGETS)
        for arm in arms:
            cells = []
            for target in TARGETS:
                found = study.mean_actions(arm.name, target, measure, "equal")
                some = "" if found.images == len(study.best) else f" ({found.images})"
                cells.append("–" if not found.images else interval(found, 1) + some)
            yield f"| {arm.title} | " + " | ".join(cells) + " |"
        yield ""
    yield (
        "After a number of actions: pixel accuracy / mean IoU, both over all pixels of the set, / "
        "mean boundary IoU. At the end: actions at equal prices, and what was reached in parts of the "
        "regions' ceiling. Untouched: share of the looked-at regions that were accepted as they were.\n"
    )
    yield (
        "| | "
        + " | ".join(f"{count}" for count in (0, *AFTER))
        + " | end | of the ceiling | untouched |"
    )
    yield "|---|" + "---|" * (len(AFTER) + 4)
    for arm in arms:
        cells = [
            " / ".join(f"{value:.3f}" for value in study.after(arm.name, count))
            for count in (0, *AFTER)
        ]
        spent, reached = study.end(arm.name, "equal")
        cells += [number(spent.value, 0), number(reached.value, 3)]
        share = f"{100 * study.untouched(arm.name):.0f} %" if arm.labels else "–"
        yield f"| {arm.title} | " + " | ".join(cells) + f" | {share} |"
    yield ""
    yield "In parts of what another way took, in pixel accuracy at equal prices.\n"
    others = [name for name in (UNLABELLED.name, "area", ORACLE.name) if name in study.runs]
    yield "| | " + " | ".join(f"/ {name}, {t}" for name in others for t in (CEILING, GAP)) + " |"
    yield "|---|" + "---|" * (2 * len(others))
    for arm in arms:
        cells = [
            interval(study.ratio(arm.name, name, target, "accuracy", "equal"))
            for name in others
            for target in (CEILING, GAP)
        ]
        yield f"| {arm.title} | " + " | ".join(cells) + " |"
    yield ""


def _set(study: SetStudy, arms: Sequence[Arm], orders: Sequence[str]) -> dict[str, object]:
    return {
        "name": study.name,
        "title": study.title,
        "pre_labels": study.how,
        "held": study.held,
        "accuracy": study.accuracy,
        "images": len(study.best),
        "regions": study.regions,
        "ceiling": {measure: asdict(study.ceiling(measure)) for measure in MEASURES},
        "untouched": {arm.name: study.untouched(arm.name) for arm in arms if arm.labels},
        "end": {
            arm.name: dict(
                zip(
                    ("actions", "of_ceiling"),
                    map(asdict, study.end(arm.name, "equal")),
                    strict=True,
                )
            )
            for arm in arms
        },
        "actions": [
            {
                "arm": arm,
                "prices": prices,
                "measure": measure,
                "target": target,
                **asdict(study.mean_actions(arm, target, measure, prices)),
            }
            for arm, prices, measure, target in _cells(arms)
        ],
        "goals": [
            {
                "order": order,
                **asdict(goal),
                "measure": measure,
                "meant": counts_for_goals(study),
                **asdict(goal.ratio(study, order, measure)),
            }
            for order in orders
            if f"{order}+tools" in study.runs
            for goal in GOALS
            for measure in MEASURES
        ],
        "after": [
            {
                "arm": arm.name,
                "actions": count,
                **dict(
                    zip(
                        ("accuracy", "miou", "boundary_iou"),
                        study.after(arm.name, count),
                        strict=True,
                    )
                ),
            }
            for arm in arms
            for count in (0, *AFTER)
        ],
    }


def _cells(arms: Sequence[Arm]) -> Iterator[tuple[str, str, Measure, str]]:
    for arm in arms:
        for prices in PRICES:
            for measure in MEASURES:
                for target in TARGETS:
                    yield arm.name, prices, measure, target
