"""A small study of sequences on scenes of the demo, from the runs to the files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.evaluation.effort.sequence import figures
from napari_corrclip.evaluation.effort.sequence.output import write_sequences
from napari_corrclip.evaluation.effort.sequence.report import SequenceReport
from napari_corrclip.evaluation.effort.sequence.study import SequenceStudy, sequence_steps
from napari_corrclip.evaluation.effort.sequence.ways import ASK, ON, STANDARD, UNTAUGHT
from napari_corrclip.progress import Progress, finish
from tests.evaluation.effort.taught import scenes


@pytest.fixture(scope="module")
def study() -> SequenceStudy:
    return finish(sequence_steps(scenes(), STANDARD, orders=1, length=3))


def test_a_lesson_saves_most_of_it(study: SequenceStudy) -> None:
    assert figures.total(study, "on").value < 0.4
    assert figures.total(study, "on").value <= figures.total(study, "ask").value < 0.5
    assert figures.opening(study, "on").accuracy > figures.opening(study, None).accuracy
    # The first of an order is taught by nothing but itself.
    first, alone = study.taught["on"][0][0], study.alone["on"][study.orders[0][0]]
    assert np.array_equal(first.kinds, alone.kinds)
    assert all(visit.reached for visit in study.taught["on"][0])


def test_it_is_told_whole(study: SequenceStudy, tmp_path: Path) -> None:
    few = scenes("plain", 2, "sam")
    other = finish(sequence_steps(few, (UNTAUGHT, ON), orders=1, length=2, above=(0.5,)))
    assert other.few
    assert set(other.spared) == {"untaught-0.5", "on-0.5"}
    report = SequenceReport((study, other), STANDARD, "tune", {"numpy": "2"})
    write_sequences(tmp_path, report)
    document = json.loads((tmp_path / "sequence.json").read_text(encoding="utf-8"))
    assert [found["name"] for found in document["sets"]] == [
        "demo-superpixels-words",
        "demo-sam-plain",
    ]
    assert document["sets"][0]["ways"]["on"]["total"]["value"] < 0.4
    rows = list(csv.DictReader(io.StringIO((tmp_path / "sequence.csv").read_text("utf-8"))))
    asked = [row for row in rows if row["way"] == ASK.name and int(row["place"])]
    assert len(asked) == 3
    for row in asked:
        parts = sum(int(row[kind]) for kind in ("looks", "giving", "applied"))
        assert parts == int(row["actions"])
    tables = (tmp_path / "sequence.md").read_text(encoding="utf-8")
    assert "| demo, superpixels, words | on / untaught |" in tables
    assert "untaught, above 0.5" in tables
    for name in ("places", "places-few", "spared"):
        with Image.open(tmp_path / f"sequence-{name}.png") as plot:
            assert plot.size[0] > 200


def test_it_can_be_stopped_at_every_action() -> None:
    steps = sequence_steps(scenes(), (UNTAUGHT, ON), orders=1, length=2)
    seen = [next(steps) for _ in range(20)]
    assert all(isinstance(event, Progress) for event in seen)
    steps.close()
