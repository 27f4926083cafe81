"""A small study of sheets on scenes of the demo, from the runs to the files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from napari_corrclip.evaluation.effort.sheets import figures
from napari_corrclip.evaluation.effort.sheets.output import write_sheets
from napari_corrclip.evaluation.effort.sheets.report import SheetReport
from napari_corrclip.evaluation.effort.sheets.study import (
    CEILING,
    END,
    IMAGES,
    SET_QUEUE,
    SheetStudy,
    sheets_steps,
)
from napari_corrclip.evaluation.effort.sheets.ways import (
    ALIKE,
    LEAST_SURE,
    SHUFFLED,
    hasty,
    with_all,
)
from napari_corrclip.progress import Progress, finish
from tests.evaluation.effort.taught import scenes

WAYS = (LEAST_SURE, with_all(ALIKE), SHUFFLED, hasty(with_all(ALIKE)))


@pytest.fixture(scope="module")
def study() -> SheetStudy:
    return finish(sheets_steps(scenes(), WAYS, halves=3))


def test_ratios_have_the_spread_of_halves(study: SheetStudy) -> None:
    whole = study.whole
    assert [len(half.images) for half in study.halves] == [1, 1, 1]
    found = figures.ratio(study, "alike+all", IMAGES)
    over = whole.actions("alike+all", CEILING, "accept-free")
    assert found.value == over / whole.singly[IMAGES][CEILING]
    assert found.low < found.value < found.high
    assert found.value < figures.ratio(study, "p", IMAGES).value
    assert found.value < figures.ratio(study, "alike+all-shuffled", IMAGES).value
    end = figures.ratio(study, "p", IMAGES, END)
    assert end.value == whole.actions("p", END, "accept-free") / whole.singly[SET_QUEUE][END]
    # Of one sample there is no spread.
    alone = figures.spread(SheetStudy("", "", "", False, whole, ()), lambda _: 0.5)
    assert alone.value == 0.5
    assert math.isnan(alone.low)
    assert figures.left_wrong(whole, "alike+all", END)[0] == 0
    assert figures.left_wrong(whole, "alike+all-hasty", END)[0] > 0


def test_it_is_told_whole(study: SheetStudy, tmp_path: Path) -> None:
    report = SheetReport((study,), WAYS, "tune", {"numpy": "2"})
    write_sheets(tmp_path, report)
    document = json.loads((tmp_path / "sheets.json").read_text(encoding="utf-8"))
    (told,) = document["sets"]
    assert told["sheets"]["p"]["ratio"]["accept-free"][CEILING]["value"] == pytest.approx(
        figures.ratio(study, "p", IMAGES).value
    )
    assert told["sheets"]["p"]["kinds"]["look"] == told["sheets"]["p"]["pages"]
    with (tmp_path / "sheets.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * (2 + len(WAYS)) * 3 * 2
    tables = (tmp_path / "sheets.md").read_text(encoding="utf-8")
    assert "| demo, superpixels, words | 3 |" in tables
    assert tables.count("| most alike together, marking all |") == 2


def test_it_can_be_stopped_at_every_page() -> None:
    steps = sheets_steps(scenes(), (LEAST_SURE,), halves=1)
    seen = [next(steps) for _ in range(400)]
    assert all(isinstance(event, Progress) for event in seen)
    steps.close()
