"""The report of a study of sheets, as files: JSON, CSV and Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from napari_corrclip.evaluation.effort.curves import CEILING, GAP
from napari_corrclip.evaluation.effort.reporting.cells import (
    interval,
    number,
    plain,
    plain_text,
    verdict_on,
)
from napari_corrclip.evaluation.effort.sheets import figures
from napari_corrclip.evaluation.effort.sheets.study import (
    END,
    SET_QUEUE,
    TARGETS,
    SheetStudy,
)
from napari_corrclip.evaluation.effort.sheets.ways import KINDS, PRICES, SheetWay
from napari_corrclip.evaluation.resampling import Interval
from napari_corrclip.wording.csv_cells import quoted, rows_to_csv


@dataclass(frozen=True, eq=False)
class SheetReport:
    """Studies of sheets with what is needed to read them.

    Attributes:
        studies: one a set of images.
        ways: by sheets, in order.
        half: of the data.
        versions: of the packages.
    """

    studies: tuple[SheetStudy, ...]
    ways: tuple[SheetWay, ...]
    half: str
    versions: Mapping[str, str]

    def to_json(self) -> str:
        """All figures."""
        document = {
            "versions": dict(self.versions),
            "half": self.half,
            "ways": {way.name: way.title for way in self.ways},
            "sets": [self._set(study) for study in self.studies],
        }
        return json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def csv(self) -> str:
        """A row for each way, sample, target and table of prices; sample 0 has all images."""
        rows: list[tuple[str, ...]] = [
            ("set", "sample", "images", "way", "target", "prices", "actions")
        ]
        for study in self.studies:
            for at, sample in enumerate((study.whole, *study.halves)):
                for way in (*sample.singly, *sample.runs):
                    rows += [
                        (
                            quoted(study.name),
                            str(at),
                            str(len(sample.images)),
                            way,
                            target,
                            prices,
                            _plain_number(sample.actions(way, target, prices)),
                        )
                        for target in TARGETS
                        for prices in PRICES
                    ]
        return rows_to_csv(rows)

    def markdown(self) -> str:
        """Tables for people."""
        parts = ["# The contact sheet\n", *sets_table(self.studies)]
        parts += goals_table(self.studies, self.ways)
        for study in self.studies:
            parts += set_tables(study, self.ways)
        return "\n".join(parts)

    def _set(self, study: SheetStudy) -> dict[str, object]:
        found: dict[str, object] = {}
        for way in self.ways:
            run, under = study.whole.runs[way.name], figures.base_of(way)
            found[way.name] = {
                "pages": len(run.kinds),
                "kinds": dict(zip(KINDS, run.kinds.sum(axis=0).tolist(), strict=True)),
                "actions": {
                    prices: {
                        target: study.whole.actions(way.name, target, prices) for target in TARGETS
                    }
                    for prices in PRICES
                },
                "ratio": {
                    prices: {
                        target: asdict(figures.ratio(study, way.name, under, target, prices))
                        for target in TARGETS
                    }
                    for prices in PRICES
                },
                "left_wrong": {
                    target: list(figures.left_wrong(study.whole, way.name, target))
                    for target in TARGETS
                },
            }
        regions = study.whole.regions
        return {
            "name": study.name,
            "title": study.title,
            "pre_labels": study.how,
            "held": study.held,
            "images": len(study.whole.images),
            "regions": len(regions.best),
            "start": regions.start,
            "ceiling": regions.ceiling,
            "wrong": float(regions.wrong.mean()),
            "halves": [list(half.images) for half in study.halves],
            "region_by_region": {way: dict(took) for way, took in study.whole.singly.items()},
            "sheets": found,
        }


def sets_table(studies: Sequence[SheetStudy]) -> Iterator[str]:
    """Yield what the sets are, and what they take region by region."""
    yield "## Sets\n"
    yield (
        "Actions region by region: by the queue of each image, by one queue over all, and taught image after "
        "image; to 95 % of the ceiling, to 80 % of the gap, until all is decided.\n"
    )
    yield (
        "| set | images | regions | ceiling | pre-labels right | regions wrong | queue of each image | one "
        "queue over all | taught |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for study in studies:
        sample = study.whole
        took = [
            ", ".join(_plain_number(ways[target]) for target in TARGETS if target in ways)
            for ways in sample.singly.values()
        ]
        cells = [
            plain_text(study.title),
            str(len(sample.images)),
            str(len(sample.regions.best)),
            number(sample.regions.ceiling, 3),
            _share(sample.regions.start),
            _share(float(sample.regions.wrong.mean())),
            *(took + ["–"] * 3)[:3],
        ]
        yield "| " + " | ".join(cells) + " |"
    yield ""


def goals_table(studies: Sequence[SheetStudy], ways: Sequence[SheetWay]) -> Iterator[str]:
    """Yield what sheets take to 95 % of the ceiling, in parts of region by region."""
    yield f"## The goal: at most {figures.GOAL:g} of region by region to 95 % of the ceiling\n"
    yield "| way | " + " | ".join(plain_text(study.title) for study in studies) + " |"
    yield "|---|" + "---|" * len(studies)
    for way in ways:
        cells = []
        for study in studies:
            found = figures.ratio(study, way.name, figures.base_of(way))
            cells.append(_text(found) + verdict_on(found, figures.GOAL))
        yield f"| {way.title} | " + " | ".join(cells) + " |"
    yield ""


def set_tables(study: SheetStudy, ways: Sequence[SheetWay]) -> Iterator[str]:
    """Yield all ways on one set."""
    yield f"## {plain_text(study.title)}\n"
    yield (
        "| way | actions to 95 % of the ceiling | ÷ region by region | the same, accepting paid | ÷ one "
        "queue over all | to 80 % of the gap | all decided | decided wrongly at 95 % | at the end | beside, "
        "at the end |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for way in ways:
        under, name = figures.base_of(way), way.name
        wrongly = figures.left_wrong(study.whole, name, CEILING)[0]
        last = figures.left_wrong(study.whole, name, END)
        cells = [
            _plain_number(study.whole.actions(name, CEILING, figures.USUAL)),
            _text(figures.ratio(study, name, under)),
            _text(figures.ratio(study, name, under, CEILING, "accept-paid")),
            "–" if way.taught else _text(figures.ratio(study, name, SET_QUEUE)),
            _text(figures.ratio(study, name, under, GAP)),
            _text(figures.ratio(study, name, under, END)),
            _share(wrongly, 2),
            *(_share(part, 2) if study.whole.runs[name].whole else "–" for part in last),
        ]
        yield f"| {way.title} | " + " | ".join(cells) + " |"
    yield ""


def _text(found: Interval) -> str:
    return number(found.value) if math.isnan(found.low) else interval(found)


def _share(value: float, digits: int = 1) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.{digits}f} %"


def _plain_number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f}"
