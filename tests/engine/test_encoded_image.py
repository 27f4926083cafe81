"""A session over real networks: what decisions alone cannot do."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.demo.scenes import TEST_SEED, Scene, generate_scene
from napari_corrclip.engine.encoded_image import EncodedImage
from napari_corrclip.errors import InputError
from napari_corrclip.regions import SuperpixelRegions


@pytest.fixture(scope="module")
def scene() -> Scene:
    return generate_scene(TEST_SEED)


@pytest.fixture
def session(scene: Scene) -> nc.Session:
    return nc.annotate(scene.image, "red, yellow, green, blue, grass, sand, water")


def test_an_image_file_is_the_session_s_source(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "scene.png"
    Image.fromarray(scene.image).save(path)
    session = nc.annotate(path, "red, grass", regions="superpixels")
    assert session.source is not None
    assert session.source.path == str(path.resolve())
    assert session.source.size == path.stat().st_size


def test_a_new_vocabulary_labels_at_once_and_keeps_decisions(session: nc.Session) -> None:
    first, second = session.ids[:2].tolist()
    session.assign(first, "blue")
    before = session.labels.copy()
    words = session.vocabulary.add("white").remove("sand").rename("grass", "stone")
    session.set_vocabulary(words)
    assert session.region(first).value == words.values[words.index("blue")]
    # as if it had been segmented by these words
    fresh = session.engine.classify(words)  # type: ignore[union-attr]
    undecided = session.regions != first
    np.testing.assert_array_equal(session.labels[undecided], fresh.labels[undecided])
    assert session.region(second).probabilities.shape == (len(words),)
    session.undo()
    np.testing.assert_array_equal(session.labels, before)


def test_clicks_are_answered_from_the_image_they_are_on(scene: Scene, tmp_path: Path) -> None:
    """Whatever was encoded in between, and from features that were saved."""
    segmenter = nc.Segmenter.from_preset("demo", device="cpu")
    other = generate_scene(TEST_SEED + 1).image
    assert other.shape == scene.image.shape
    features = segmenter.encode(scene.image)
    segmenter.encode(other)
    features.save(tmp_path / "features")
    kept = nc.Features.load(tmp_path / "features")
    fresh = nc.Segmenter.from_preset("demo", device="cpu")
    at, on = np.array([[128, 128]]), np.array([True])
    expected = EncodedImage(fresh, scene.image, fresh.encode(scene.image)).click(at, on)
    assert expected is not None
    assert expected.any()
    wrong = EncodedImage(fresh, other, fresh.encode(other)).click(at, on)
    assert not np.array_equal(expected, wrong)
    for encoded in (features, kept):
        mask = EncodedImage(segmenter, scene.image, encoded).click(at, on)
        np.testing.assert_array_equal(mask, expected)
    by_superpixels = segmenter.with_parts(SuperpixelRegions(), segmenter.settings)
    assert EncodedImage(by_superpixels, scene.image, kept).click(at, on) is None


def test_sam_splits_where_it_is_clicked(scene: Scene) -> None:
    session = nc.annotate(scene.image, "red, grass")
    item = max(
        (number for number in np.unique(scene.instances) if number),
        key=lambda number: int((scene.instances == number).sum()),
    )
    thing = scene.instances == item
    # One region over the thing and what is around it, which a person now cuts apart.
    session.paint_regions(np.ones(session.shape, bool), None)
    (region,) = session.ids.tolist()
    inside = np.argwhere(thing)
    centre = inside[np.abs(inside - inside.mean(axis=0)).sum(axis=1).argmin()]
    session.split_points(region, keep=[(0, 0)], cut=[tuple(centre.tolist())])
    new = session.regions == max(session.ids)
    overlap = (new & thing).sum() / (new | thing).sum()
    assert overlap > 0.5


def test_without_sam_a_watershed_splits(scene: Scene) -> None:
    session = nc.annotate(scene.image, "red, grass", regions="superpixels")
    assert session.engine is not None
    assert session.engine.click(np.array([[3, 3]]), np.array([True])) is None
    session.merge(session.ids)
    (region,) = session.ids.tolist()
    session.split_points(region, keep=[(0, 0)], cut=[(128, 128)])
    assert len(session.ids) == 2


def test_similar_regions_are_of_the_same_thing(scene: Scene) -> None:
    session = nc.annotate(
        scene.image, "red, yellow, green, blue, purple, white, grass", regions="superpixels"
    )
    # Of each ground the largest region; those most like it are of the same ground.
    hits = total = 0
    for ground in np.unique(scene.grounds):
        bare = (scene.grounds == ground) & (scene.instances == 0)
        on_it = [row.id for row in session.rows() if bare[session.regions == row.id].mean() > 0.9]
        if len(on_it) < 20:
            continue
        found = session.similar(on_it[0], 10)
        hits += len(set(found) & set(on_it))
        total += 10
    assert total
    assert hits / total > 0.7


def test_the_networks_run_again_within_one_s_own_regions(session: nc.Session) -> None:
    kept = session.ids[:3].tolist()
    session.assign(kept[0], "blue")
    session.paint_regions(_square(session.shape), None)
    regions, before = session.regions.copy(), session.labels.copy()
    edited = session.reencode()
    np.testing.assert_array_equal(session.regions, regions)
    assert session.region(kept[0]).verdict is not None
    assert not edited.conflicts
    session.undo()
    np.testing.assert_array_equal(session.labels, before)


def _square(shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[60:120, 60:120] = True
    return mask


def test_without_networks_what_needs_them_is_refused(tmp_path: Path, scene: Scene) -> None:
    nc.annotate(scene.image, "red, grass", regions="superpixels").save(tmp_path)
    session = nc.Session.load(tmp_path)
    with pytest.raises(InputError, match="opened without networks"):
        session.reencode()
    with pytest.raises(InputError, match="needs the networks or the image"):
        session.similar(int(session.ids[0]), 3)


def test_the_tutorial_in_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "tutorials" / "console.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    monkeypatch.chdir(tmp_path)
    exec("".join(blocks), {"__name__": "__main__"})
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.dtype == np.uint16
    loaded = nc.Session.load(tmp_path / "corrected")
    np.testing.assert_array_equal(loaded.labels, labels)
    assert loaded.can_undo
