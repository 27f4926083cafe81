"""The report of a study of sequences, as files: JSON, CSV and Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from napari_corrclip.evaluation.effort.curves import mean_interval
from napari_corrclip.evaluation.effort.reporting.cells import (
    interval,
    number,
    plain,
    plain_text,
    verdict_on,
)
from napari_corrclip.evaluation.effort.sequence import figures
from napari_corrclip.evaluation.effort.sequence.goals import judged
from napari_corrclip.evaluation.effort.sequence.study import SequenceStudy
from napari_corrclip.evaluation.effort.sequence.ways import (
    ASK,
    ON,
    ON_TOOLS,
    SHUFFLED,
    UNTAUGHT,
    UNTAUGHT_5,
    WRONG,
)
from napari_corrclip.evaluation.effort.simulation.lesson import Visit, Way
from napari_corrclip.evaluation.resampling import Interval
from napari_corrclip.wording.csv_cells import quoted, rows_to_csv

_TABLE = (
    "| set | untaught | total | image 20 ÷ same untaught | image 20 ÷ image 1 untaught | image 20 ÷ image 1, "
    "both taught | images worse | extra actions there |"
)


@dataclass(frozen=True, eq=False)
class SequenceReport:
    """Studies of sequences with what is needed to read them.

    Attributes:
        studies: one a set of images.
        ways: of correcting, in order.
        half: of the data.
        versions: of the packages.
    """

    studies: tuple[SequenceStudy, ...]
    ways: tuple[Way, ...]
    half: str
    versions: Mapping[str, str]

    def to_json(self) -> str:
        """All figures."""
        document = {
            "versions": dict(self.versions),
            "half": self.half,
            "ways": {way.name: way.title for way in self.ways},
            "sets": [_set(study) for study in self.studies],
        }
        return json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def csv(self) -> str:
        """A row for each visit to an image; a place of 0: untaught, or as the first one of a set."""
        rows: list[tuple[str, ...]] = [
            (
                "set", "way", "order", "place", "image", "actions", "looks", "giving", "applied",
                "right at opening", "wrong at end",
            )
        ]  # fmt: skip
        for study in self.studies:
            groups = [*study.untaught.items(), *study.alone.items()]
            for way, visits in groups:
                rows += [_visit(study, way, 0, 0, visit) for visit in visits]
            for way, orders in (*study.taught.items(), *study.spared.items()):
                rows += [
                    _visit(study, way, order, place, visit)
                    for order, visits in enumerate(orders, 1)
                    for place, visit in enumerate(visits, 1)
                ]
        return rows_to_csv(rows)

    def markdown(self) -> str:
        """Tables for people."""
        studies = self.studies
        parts = ["# Image after image\n", *sets_table(studies), *goals_table(studies)]
        for way in (ON, ASK):
            if any(way.name in study.taught for study in studies):
                parts += way_table(studies, way)
        parts += [*openings_table(studies), *variants_table(studies), *tools_table(studies)]
        parts += spared_table(studies)
        return "\n".join(parts)


def sets_table(studies: Sequence[SequenceStudy]) -> Iterator[str]:
    """Yield what the sets are."""
    yield "## Sets\n"
    yield "| set | images | regions | ceiling | pre-labels right | how |"
    yield "|---|---|---|---|---|---|"
    for study in studies:
        images = len(study.untaught[UNTAUGHT.name])
        yield (
            f"| {plain_text(study.title)} | {images} | {study.regions:.0f} | {study.ceiling:.3f} | "
            f"{100 * study.accuracy:.1f} % | {study.how} |"
        )
    yield ""


def goals_table(studies: Sequence[SequenceStudy]) -> Iterator[str]:
    """Yield every goal with what was found: met or missed, in bold where the whole interval says so."""
    yield "## The goals\n"
    yield "| set | what | found | at most | |"
    yield "|---|---|---|---|---|"
    for study in studies:
        for goal in judged(study):
            found = goal.found
            text = number(found.value) if math.isnan(found.low) else interval(found)
            said = verdict_on(found, goal.bound)
            yield f"| {plain_text(study.title)} | {goal.what} | {text} | {goal.bound:.2f} |{said} |"
    yield ""


def way_table(studies: Sequence[SequenceStudy], way: Way) -> Iterator[str]:
    """Yield what a way with a lesson takes on every set."""
    yield f"## {way.title[:1].upper()}{way.title[1:]}\n"
    yield from _way_rows([study for study in studies if way.name in study.taught], way.name)


def _way_rows(studies: Sequence[SequenceStudy], way: str) -> Iterator[str]:
    yield _TABLE
    yield "|---|---|---|---|---|---|---|---|"
    for study in studies:
        found = figures.worse(study, way)
        cells = [
            number(float(figures.base(study, way).mean()), 1),
            interval(figures.total(study, way)),
            interval(figures.total(study, way, figures.places(study))),
            interval(figures.late_to_first(study, way)),
            interval(figures.late_to_first(study, way, strict=True)),
            f"{100 * found.share:.1f} %",
            f"{100 * found.extra:.1f} %",
        ]
        counted = " (assignments)" if study.few else ""
        yield f"| {plain_text(study.title)}{counted} | " + " | ".join(cells) + " |"
    yield ""


def openings_table(studies: Sequence[SequenceStudy]) -> Iterator[str]:
    """Yield how right pre-labels are when an image is opened, and how far their probabilities hold."""
    yield "## When an image is opened\n"
    yield (
        "Untaught → on: pixels right and mean IoU over all pixels of images 18–22; expected calibration "
        "error of undecided regions when an image is opened (all places), and at refreshes.\n"
    )
    yield "| set | pixels right | mean IoU | calibration error | at refreshes |"
    yield "|---|---|---|---|---|"
    for study in studies:
        if ON.name not in study.taught:
            continue
        here = figures.places(study)
        late = [figures.opening(study, way, here) for way in (None, ON.name)]
        all_ = [figures.opening(study, way) for way in (None, ON.name)]
        cells = [
            " → ".join(number(value, 3) for value in values)
            for values in (
                [found.accuracy for found in late],
                [found.miou for found in late],
                [found.error for found in all_],
                [found.later for found in all_],
            )
        ]
        yield f"| {plain_text(study.title)} | " + " | ".join(cells) + " |"
    yield ""


def variants_table(studies: Sequence[SequenceStudy]) -> Iterator[str]:
    """Yield the totals of what else was tried."""
    ways = [
        way
        for way in (UNTAUGHT_5, ON, SHUFFLED, WRONG)
        if any(way.name in study.taught or way.name in study.untaught for study in studies)
    ]
    if len(ways) < 2:
        return
    yield "## Shuffled features and wrong verdicts\n"
    yield "| total ÷ untaught | " + " | ".join(way.title for way in ways) + " |"
    yield "|---|" + "---|" * len(ways)
    for study in studies:
        cells = [
            interval(figures.total(study, way.name))
            if way.name in study.taught or way.name in study.untaught
            else "–"
            for way in ways
        ]
        yield f"| {plain_text(study.title)} | " + " | ".join(cells) + " |"
    yield ""


def tools_table(studies: Sequence[SequenceStudy]) -> Iterator[str]:
    """Yield what a lesson saves beside spread, boxes, sweeps and splits, which both sides have."""
    some = [study for study in studies if ON_TOOLS.name in study.taught]
    if not some:
        return
    yield "## With all tools on both sides\n"
    yield from _way_rows(some, ON_TOOLS.name)


def spared_table(studies: Sequence[SequenceStudy]) -> Iterator[str]:
    """Yield actions saved against pixels left wrong, where the rest is accepted."""
    if not any(study.spared for study in studies):
        return
    yield "## Looks spared\n"
    yield (
        "The rest is accepted, by one action, once all undecided regions show a probability above the "
        "threshold: actions saved of the untaught whole queue / pixels left wrong that it would have put "
        "right.\n"
    )
    some = [study for study in studies if study.spared]
    yield "| | " + " | ".join(plain_text(study.title) for study in some) + " |"
    yield "|---|" + "---|" * len(some)
    curves = [{point.way: point for point in figures.spared(study)} for study in some]
    for way in curves[0]:
        cells = [
            f"{100 * curve[way].saved:.0f} % / {100 * curve[way].left:.2f} %"
            if way in curve
            else "–"
            for curve in curves
        ]
        point = curves[0][way]
        rest = "the whole queue" if point.above >= 1 else f"above {point.above:g}"
        yield f"| {'on' if point.taught else 'untaught'}, {rest} | " + " | ".join(cells) + " |"
    yield ""


def _visit(study: SequenceStudy, way: str, order: int, place: int, visit: Visit) -> tuple[str, ...]:
    counts = visit.opening[1:]
    right = float(counts[:, 1:].trace() / max(1, counts.sum()))
    return (
        quoted(study.name),
        way,
        str(order),
        str(place),
        quoted(visit.case),
        str(visit.actions()),
        str(visit.actions("look")),
        str(visit.actions(*figures.GIVING)),
        str(visit.actions("apply")),
        f"{right:.5f}",
        f"{visit.wrong:.5f}",
    )


def _set(study: SequenceStudy) -> dict[str, object]:
    ways = {}
    for way in (*study.untaught, *study.taught):
        found: dict[str, object] = {
            "total": asdict(figures.total(study, way)),
            "places": [asdict(point) for point in figures.by_place(study, way)],
        }
        if way in study.taught:
            found |= {
                "late": asdict(figures.total(study, way, figures.places(study))),
                "late_to_first_untaught": asdict(figures.late_to_first(study, way)),
                "worse": asdict(figures.worse(study, way)),
                "opening": asdict(figures.opening(study, way)),
                "late_opening": asdict(figures.opening(study, way, figures.places(study))),
            }
            if way in study.alone:
                strict = figures.late_to_first(study, way, strict=True)
                found["late_to_first"] = asdict(strict)
        else:
            found["actions"] = asdict(_mean(study, way))
        ways[way] = found
    return {
        "name": study.name,
        "title": study.title,
        "pre_labels": study.how,
        "held": study.held,
        "accuracy": study.accuracy,
        "images": len(study.untaught[UNTAUGHT.name]),
        "regions": study.regions,
        "few": study.few,
        "ceiling": study.ceiling,
        "orders": [list(order) for order in study.orders],
        "opening": asdict(figures.opening(study, None)),
        "late_opening": asdict(figures.opening(study, None, figures.places(study))),
        "ways": ways,
        "spared": [asdict(point) for point in figures.spared(study)],
        "goals": [asdict(goal) for goal in judged(study)],
    }


def _mean(study: SequenceStudy, way: str) -> Interval:
    return mean_interval(figures.spent(study, study.untaught[way]))
