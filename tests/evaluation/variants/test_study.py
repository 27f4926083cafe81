"""The study of variants: neutral knobs are the published method; validation chooses, test scenes judge."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_corrclip.demo.scenes import VALIDATION_SEED, generate_scene
from napari_corrclip.engine.encoding import PUBLISHED, encode_image
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.evaluation.ablation.kept import Kept, OfImage
from napari_corrclip.evaluation.ablation.measuring import Measured
from napari_corrclip.evaluation.ablation.rows import FULL, Row, label_steps
from napari_corrclip.evaluation.ablation.sets import DemoScenes
from napari_corrclip.evaluation.ablation.shared import SharedTowers
from napari_corrclip.evaluation.variants.catalogue import Variant, variants
from napari_corrclip.evaluation.variants.fusion import ScaledSimilarity
from napari_corrclip.evaluation.variants.points import AdaptivePoints
from napari_corrclip.evaluation.variants.report import study_document, study_tables, verdict
from napari_corrclip.evaluation.variants.shallow import ChosenShallow
from napari_corrclip.evaluation.variants.study import JUDGED, choose, study_steps
from napari_corrclip.progress import finish
from napari_corrclip.regions.protocol import partition
from napari_corrclip.regions.sam import SamRegions
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.settings import Settings


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(Recipe("demo", device="cpu", regions="sam"))


def test_towers_of_variants_are_the_published_ones_at_neutral_knobs(segmenter: Segmenter) -> None:
    scene = generate_scene(VALIDATION_SEED + 2)
    regions = np.repeat(np.repeat(np.arange(64, dtype=np.int32).reshape(8, 8), 32, 0), 32, 1)
    towers = SharedTowers(segmenter.clip, segmenter.similarity)

    def features(clip: object = None, similarity: object = None) -> torch.Tensor:
        return finish(
            encode_image(
                scene.image,
                regions,
                clip or segmenter.clip,  # type: ignore[arg-type]
                similarity or segmenter.similarity,  # type: ignore[arg-type]
                segmenter.settings,
            )
        ).features

    published = features()
    plain = features(clip=ChosenShallow(towers.clip, math.inf))
    torch.testing.assert_close(plain, published, atol=1e-6, rtol=0)
    # All four blocks before the last but one are other weights and other features.
    everything = features(clip=ChosenShallow(towers.clip, 0.1, 4))
    assert float((everything - published).abs().max()) > 1e-3
    # A tower at another scale says its own beside, and merging is by what it says at the first.
    scaled = ScaledSimilarity(towers.similarity, 1.0)
    seen = finish(scaled.features(torch.rand(1, 3, 128, 128)))
    torch.testing.assert_close(seen.output, seen.query_key, atol=1e-6, rtol=0)
    torch.testing.assert_close(features(similarity=scaled), published, atol=1e-6, rtol=0)
    half = ScaledSimilarity(towers.similarity, 0.5)
    assert finish(half.features(torch.rand(1, 3, 128, 128))).output.shape == (1, 32, 32, 96)


def test_no_more_points_are_the_published_regions(segmenter: Segmenter) -> None:
    source = segmenter.regions
    assert isinstance(source, SamRegions)
    image = generate_scene(VALIDATION_SEED + 3).image
    published = finish(source.segment(image))
    side = source.options.points_per_side
    alone = AdaptivePoints(source, side, 0)
    np.testing.assert_array_equal(finish(partition(alone, image)).regions, published)
    assert alone.asked == [side**2]
    few = AdaptivePoints(source, 3, 8)
    first = finish(few.divide(finish(few.encode(image))))
    both = finish(partition(few, image)).regions
    assert 9 < few.asked[0] < 9 + 64
    assert ((both == 0) <= (first == 0)).all()
    assert (both == 0).sum() < (first == 0).sum()
    # What was in a region is in the same one.
    pairs = set(zip(first[first > 0].tolist(), both[first > 0].tolist(), strict=True))
    assert len(pairs) == len({old for old, _ in pairs})


def test_every_row_of_the_catalogue_labels_an_image(segmenter: Segmenter) -> None:
    """One knob of each; that every title is another and every row names what it is compared with."""
    scenes = DemoScenes(1, VALIDATION_SEED, colours=False)
    words = scenes.vocabularies["pairs"]
    image = scenes.read(0)
    tried = variants(segmenter, words)
    names = [row.name for variant in tried for row in variant.rows]
    assert len(set(names)) == len(names)
    assert {variant.control for variant in tried} - {""} <= {
        variant.name for variant in tried if variant.setting
    }
    text = segmenter.text_cache.features(segmenter.clip, words.queries, segmenter.templates)
    texts = {"pairs": (words, finish(text))}
    towers = SharedTowers(segmenter.clip, segmenter.similarity)
    regions = finish(segmenter.regions.segment(image.rgb))
    labels, elsewhere = {}, {FULL}
    for row in (Row(FULL, "", segmenter.settings), *(variant.rows[-1] for variant in tried)):
        if row.source is not None:  # of other regions than are given here
            elsewhere.add(row.name)
        given = finish(label_steps(row, towers, image.rgb, regions, texts))
        labels[row.name] = given.labels["pairs"]
        assert given.labels["pairs"].shape == image.rgb.shape[:2]
        assert row.against == ("" if row.name == FULL else FULL)
    changed = {name: float((found != labels[FULL]).mean()) for name, found in labels.items()}
    assert {name for name, share in changed.items() if not share} == elsewhere


def test_groups_that_no_truth_has_choose_nothing() -> None:
    """A row that predicts none of such a group has no figure there, which decides nothing."""
    groups = DemoScenes(1, colours=False).groups
    seen, held_out = (next(each for each in groups if each.name == name) for name in JUDGED)
    found = {}
    for row, hits, stray in ((FULL, 40, 3), ("a x", 60, 0), ("a y", 80, 2)):
        counts = np.zeros((3, 41), np.int64)
        counts[:, seen.classes[0]] = hits, 100, 100
        counts[2, held_out.classes[0]] = stray
        found["sam", row] = [OfImage({"pairs": counts}, (0, 0, 0), 1, (1, 0, 0, 0))]
    rows = {FULL: "", "a x": FULL, "a y": FULL}
    measured = Measured("demo", "demo", groups, rows, {row: row for row in rows}, found)
    full = Settings()
    knobs = (Row("a x", "x", full, FULL), Row("a y", "y", full, FULL))
    for tried in (knobs, knobs[::-1]):
        choice = choose(Variant("a", "a", "f", tried), measured)
        assert choice.knobs == "y"
        assert choice.gain == pytest.approx(80 / 120 - 40 / 160)


def test_validation_chooses_and_test_scenes_judge(segmenter: Segmenter, tmp_path: Path) -> None:
    full = segmenter.settings
    good = Row("branches on", "on", full, FULL)
    bad = Row(
        "no words", "off", full, FULL, weigh=lambda cells, text: (cells, torch.zeros_like(text))
    )
    wrong = Row(
        "wrong", "zero", full, FULL, weigh=lambda cells, text: (cells, torch.zeros_like(text))
    )
    same = Row("same", "same", full, FULL, steps=replace(PUBLISHED))
    tried = [
        Variant("two", "two knobs", "x", (bad, good), control="zero"),
        Variant("zero", "no text", "y", (wrong,), setting=True),
        Variant("same", "the same", "z", (same,)),
    ]
    sources = {"sam": segmenter.regions, "superpixels": SuperpixelRegions()}
    kept = Kept(tmp_path, "key")

    def study() -> object:
        return study_steps(segmenter, sources, validation=1, test=5, kept=kept, chosen_from=tried)

    found = finish(study())  # type: ignore[arg-type]
    assert found.choices["two"].knobs == "on"
    assert found.choices["zero"].gain < 0
    assert found.validation.images == 1
    assert found.test.images == 5
    assert list(found.test.rows) == [FULL, "two", "zero", "same"]
    for group in JUDGED:
        assert found.difference("two", group).value == 0
        control = found.against_control("two", group)
        assert control is not None
        assert control.value > 0
        assert found.against_control("zero", group) is None
    assert not found.wins("two")
    assert "0.00 %" in verdict(found, "same")
    assert "loses on seen pairs" in verdict(found, "zero")
    few = finish(study_steps(segmenter, sources, validation=1, test=1, chosen_from=[tried[1]]))
    assert verdict(few, "zero") == "1 image, too few to tell"
    page = "\n".join(study_tables(found))
    assert "| two knobs | on |" in page
    assert "*control: no text*" in page
    document = json.loads(json.dumps(study_document(found)))
    assert document["choices"]["two"]["tried"] == ["off", "on"]
    assert document["test"]["images"] == 5
    assert set(document["test"]["sources"]) == {"sam", "superpixels"}
    again = finish(study())  # type: ignore[arg-type]
    assert again.test.seconds("sam", "two") == found.test.seconds("sam", "two")
