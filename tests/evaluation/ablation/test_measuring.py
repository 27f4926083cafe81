"""The ablation: shared towers give what each row gives alone; a run that was cancelled goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.demo.scenes import VALIDATION_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, COMBINATIONS, HELD_OUT
from napari_corrclip.engine.encoding import encode_image
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.evaluation.ablation.kept import Kept
from napari_corrclip.evaluation.ablation.measuring import Measured, measure_steps
from napari_corrclip.evaluation.ablation.rows import Row, ablation_rows, stage_rows
from napari_corrclip.evaluation.ablation.sets import DemoScenes, Group
from napari_corrclip.evaluation.ablation.shared import SharedTowers
from napari_corrclip.evaluation.metrics import Confusion
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.regions.given import GivenRegions


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(Recipe("demo", device="cpu", regions="superpixels"))


def measured(
    segmenter: Segmenter, count: int, rows: tuple[Row, ...], kept: Kept | None = None
) -> Steps[Measured]:
    sources = {"superpixels": segmenter.regions}
    scenes = DemoScenes(count, VALIDATION_SEED)
    return measure_steps(scenes, rows, sources, segmenter, kept=kept)


def test_shared_towers_give_every_row_what_it_computes_alone(segmenter: Segmenter) -> None:
    scene = generate_scene(VALIDATION_SEED + 1)
    regions = finish(segmenter.regions.segment(scene.image)).copy()
    regions[:60, :70] = 0
    towers = SharedTowers(segmenter.clip, segmenter.similarity)
    # In this order the first rows run without regions, and with them later.
    for row in ablation_rows(segmenter.settings):
        alone, shared = (
            finish(encode_image(scene.image, regions, clip, similarity, row.settings)).features
            for clip, similarity in (
                (segmenter.clip, segmenter.similarity),
                (towers.clip, towers.similarity),
            )
        )
        np.testing.assert_allclose(shared, alone, atol=2e-6, err_msg=row.name)
    assert towers.memory.owed > 0


def test_a_row_scores_what_its_segmentation_does(segmenter: Segmenter) -> None:
    rows = tuple(row for row in ablation_rows(segmenter.settings) if row.name in ("base", "full"))
    found = finish(measured(segmenter, 2, rows))
    images = DemoScenes(2, VALIDATION_SEED)
    for row in rows:
        for name, words in images.vocabularies.items():
            confusion = Confusion(len(words))
            for number in range(2):
                image = images.read(number)
                regions = finish(segmenter.regions.segment(image.rgb))
                one = segmenter.with_parts(GivenRegions(regions), row.settings)
                confusion.add(image.truths[name], one.segment(image.rgb, words).labels)
            for group in images.groups:
                if group.vocabulary == name:
                    score = found.score("superpixels", row.name, group.name)
                    assert score == pytest.approx(confusion.mean_iou(group.classes), abs=1e-4)
    spent = found.seconds("superpixels", "full")
    assert min(spent.values()) > 0
    assert found.regions("superpixels", "full") > 50
    # Of what the full method labels otherwise than the base, both ways are counted.
    changed, repaired, broken = found.changes("superpixels", "full")
    assert changed == 0  # its neighbour, the refinement, was not measured
    assert repaired == broken == 0


def test_what_changes_is_counted_against_the_row_before(segmenter: Segmenter) -> None:
    found = finish(measured(segmenter, 1, stage_rows(segmenter.settings)))
    for row in ("scope", "full"):
        changed, repaired, broken = found.changes("superpixels", row)
        before = found.rows[row]
        hits = [found.counts("superpixels", name, "pairs")[:, 0].sum() for name in (row, before)]
        counted = found.counts("superpixels", row, "pairs")[:, 1].sum()
        assert repaired - broken == pytest.approx((hits[0] - hits[1]) / counted)
        assert 0 < repaired + broken <= changed
    assert found.changes("superpixels", "base") == (0, 0, 0)


def test_a_cancelled_run_goes_on_where_it_stopped(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = stage_rows(segmenter.settings)[:2]
    whole = finish(measured(segmenter, 2, rows))
    steps = measured(segmenter, 2, rows, Kept(tmp_path, "key"))
    event = next(steps)
    while event.done < len(rows):  # the first image is done
        event = next(steps)
    steps.close()
    read: list[int] = []
    draw = DemoScenes.read
    monkeypatch.setattr(
        DemoScenes, "read", lambda self, number: (read.append(number), draw(self, number))[1]
    )
    events: list[Progress] = []
    again = finish(measured(segmenter, 2, rows, Kept(tmp_path, "key")), events.append)
    assert read == [1]
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert events[-1].done == events[-1].total == 4
    for row in rows:
        np.testing.assert_array_equal(
            again.counts("superpixels", row.name, "pairs"),
            whole.counts("superpixels", row.name, "pairs"),
        )
    # Another run's figures are not taken, a row that is missing is measured, a damaged file again.
    assert Kept(tmp_path, "other").folder != Kept(tmp_path, "key").folder
    read.clear()
    finish(measured(segmenter, 2, stage_rows(segmenter.settings)[:3], Kept(tmp_path, "key")))
    assert read == [0, 1]
    first, second = sorted(Kept(tmp_path, "key").folder.iterdir())
    document = json.loads(first.read_text())
    assert list(document) == ["base", "scope", "value"]
    document["scope"]["counts"]["pairs"][0][0] = -1
    first.write_text(json.dumps(document))
    second.write_text("{")
    read.clear()
    finish(measured(segmenter, 2, rows, Kept(tmp_path, "key")))
    assert read == [0, 1]
    Kept(tmp_path, "key").remove()
    assert list(tmp_path.iterdir()) == []


def test_groups_of_the_demo_are_those_of_its_world() -> None:
    scenes = DemoScenes(3)
    groups = {group.name: group for group in scenes.groups}
    names = scenes.vocabularies["pairs"].names
    held = {tuple(names[index].split()) for index in groups["held_out"].classes}
    assert held == HELD_OUT
    both = {*groups["seen"].classes, *groups["held_out"].classes}
    assert both == set(range(len(COMBINATIONS)))
    assert len(groups["colours"].classes) == len(COLORS)
    assert groups["colours_all"].classes == tuple(range(len(COLORS) + 5))
    assert not groups["colours_all"].shown
    assert isinstance(groups["seen"], Group)
    assert {group.vocabulary for group in DemoScenes(1, colours=False).groups} == {"pairs"}
