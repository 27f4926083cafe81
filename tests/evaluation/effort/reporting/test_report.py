"""A small study: its figures by hand, its files, its plots."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases.case import CaseSet
from napari_corrclip.evaluation.effort.curves import CEILING, GAP, TARGETS
from napari_corrclip.evaluation.effort.goals import GOALS, counts_for_goals
from napari_corrclip.evaluation.effort.reporting.output import RECORD, write_report
from napari_corrclip.evaluation.effort.reporting.report import Report
from napari_corrclip.evaluation.effort.simulation.arms import (
    ORACLE,
    UNLABELLED,
    UNLABELLED_TOOLS,
    queue_arm,
    tools_arm,
)
from napari_corrclip.evaluation.effort.study import SetStudy, study_steps
from napari_corrclip.evaluation.writing import check_foreign
from napari_corrclip.progress import finish
from tests.evaluation.effort.worlds import make_case, of_regions, random_case, stripes

ARMS = (
    UNLABELLED,
    UNLABELLED_TOOLS,
    queue_arm("area"),
    queue_arm("area-margin"),
    tools_arm("area-margin"),
    ORACLE,
)


def two_cases() -> CaseSet:
    """One where the largest is right and the second wrong, one where all is right."""
    regions = stripes([8, 6, 4, 2])
    truth = of_regions(regions, [1, 2, 1, 3])
    wrong = make_case(regions, truth, [1, 1, 1, 3], [0.9, 0.5, 0.9, 0.9])
    right = make_case(regions, truth, [1, 2, 1, 3])
    return CaseSet("hand", "by hand", (wrong, right), "written down", held=True)


@pytest.fixture(scope="module")
def study() -> SetStudy:
    return finish(study_steps(two_cases(), ARMS))


def test_actions_and_ratios_by_hand(study: SetStudy) -> None:
    assert study.accuracy == pytest.approx(0.85)
    assert study.ceiling("accuracy").value == 1
    # 70 % right to begin with. Largest first: look, look, assign. By area x (1 - margin) at once.
    assert study.actions("area", CEILING, "accuracy", "equal").tolist() == [3, 0]
    assert study.actions("area-margin", CEILING, "accuracy", "equal").tolist() == [2, 0]
    found = study.actions("oracle", GAP, "accuracy", "equal")
    np.testing.assert_array_equal(found, [2, np.nan])
    # Without labels 95 % need all four: 0.4, 0.7, 0.9, 1.0; the second has no gap.
    assert study.actions("regions", CEILING, "accuracy", "equal").tolist() == [8, 8]
    found = study.actions("regions", GAP, "accuracy", "one-each")
    np.testing.assert_array_equal(found, [4, np.nan])
    assert study.ratio("area-margin", "regions", CEILING, "accuracy", "equal").value == 2 / 16
    assert study.ratio("area-margin", "area", CEILING, "accuracy", "equal").value == 2 / 3
    assert study.untouched("area") == 7 / 8
    assert counts_for_goals(study)
    met = {goal: goal.ratio(study, "area-margin").value for goal in GOALS[:3]}
    assert list(met.values()) == [1 / 8, 1 / 4, 1 / 4]


def test_measures_after_some_actions(study: SetStudy) -> None:
    accuracy, miou, _ = study.after("area-margin", 0)
    assert accuracy == pytest.approx(0.85)
    # Class 1: 240 of 240 among 300; class 2: 60 of 120; class 3 is right.
    assert miou == pytest.approx((240 / 300 + 1 / 2 + 1) / 3)
    assert study.after("area-margin", 300) == (1, 1, 1)


@pytest.fixture(scope="module")
def report(study: SetStudy) -> Report:
    other = CaseSet(
        "chance", "by chance", tuple(random_case(seed) for seed in range(2)), "drawn", held=False
    )
    return Report((study, finish(study_steps(other, ARMS))), ARMS, ("area-margin",), {"a": "1"})


def test_json_is_json(report: Report) -> None:
    document = json.loads(report.to_json(), parse_constant=lambda text: pytest.fail(text))
    assert [one["name"] for one in document["sets"]] == ["hand", "chance"]
    first = document["sets"][0]
    assert first["accuracy"] == pytest.approx(0.85)
    assert first["held"] is True
    goal = next(one for one in first["goals"] if one["measure"] == "accuracy")
    assert (goal["value"], goal["bound"], goal["images"]) == (2 / 16, 0.2, 2)
    assert document["prices"]["one-each"]["find"] == 0


def test_csv_has_every_image_and_curve(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(report.actions_csv())))
    assert len(rows) == 4 * len(ARMS) * 2 * 2 * len(TARGETS)
    found = [
        row["actions"]
        for row in rows
        if row["set"] == "hand"
        and (row["arm"], row["target"]) == ("area", CEILING)
        and (row["prices"], row["measure"]) == ("equal", "accuracy")
    ]
    assert found == ["3", "0"]
    curves = list(csv.DictReader(io.StringIO(report.curves_csv())))
    ends = [
        float(row["mean"])
        for row in curves
        if (row["set"], row["arm"], row["measure"]) == ("hand", "area", "accuracy")
        and row["prices"] == "equal"
    ]
    assert ends[0] == pytest.approx(0.85)
    assert ends[-1] == 1


def test_tables_say_what_is_met(report: Report) -> None:
    text = report.markdown()
    row = next(line for line in text.splitlines() if line.startswith("| area-margin / regions"))
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[4] == "0.20"
    assert cells[5].startswith("0.12 (0.00–0.25) [")
    assert cells[5].endswith(" met")
    # The other set is no ground for the goals.
    assert cells[6].startswith("*")
    assert "untouched" in text
    assert "nan" not in text


def test_files_are_written_and_replaced(report: Report, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_report(folder, report)
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "effort.json",
        "effort.md",
        "effort-actions.csv",
        "effort-curves.csv",
        "effort-goals.png",
        "effort-hand.png",
        "effort-chance.png",
    }
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            assert image.size[0] > 500
            assert np.asarray(image.convert("L")).std() > 5
    check_foreign(folder, RECORD)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    write_report(folder, report, plots=False)
    assert not list(folder.glob("*.png"))
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_files_of_others_are_told(tmp_path: Path) -> None:
    check_foreign(tmp_path / "new", RECORD)
    check_foreign(tmp_path, RECORD)
    (tmp_path / "effort.md").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"effort\.md' is there"):
        check_foreign(tmp_path, RECORD)
