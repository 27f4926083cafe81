"""One image's result as a folder: what other programs read, and what comes back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.results.folder import OWNED, result_names
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.vocabulary import Vocabulary

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)


def make(vocabulary: Vocabulary, highest: int = 5, seed: int = 0) -> Segmentation:
    random = np.random.default_rng(seed)
    regions = random.integers(0, 5, (12, 16))
    regions[regions == 4] = highest
    p = random.dirichlet(np.ones(len(vocabulary)), (12, 16)).transpose(2, 0, 1)
    return segmentation_from_probabilities(p, regions, vocabulary)


def entries(folder: Path) -> set[str]:
    """Names of what lies in ``folder``."""
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def result() -> Segmentation:
    return make(Vocabulary.parse("cat, dog #010203, wörd"))


def test_other_programs_read_the_maps(result: Segmentation, tmp_path: Path) -> None:
    result.save(tmp_path, image=IMAGE)
    with Image.open(tmp_path / "labels.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.array(picture), result.labels)
        palette = picture.getpalette()
        assert palette is not None
        assert palette[:3] == [0, 0, 0]
        assert palette[6:9] == [1, 2, 3]
        colours = np.array(picture.convert("RGB"))
    assert tuple(colours[result.labels == 2][0]) == (1, 2, 3)
    regions = tifffile.imread(tmp_path / "regions.tif")
    assert regions.dtype == np.uint16
    np.testing.assert_array_equal(regions, result.regions)
    table = pd.read_csv(tmp_path / "regions.csv")
    assert table["id"].tolist() == [1, 2, 3, 5]
    assert table["class"].isin(["cat", "dog", "wörd"]).all()
    provenance = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["versions"]["numpy"] == np.__version__
    assert Vocabulary.from_file(tmp_path / "vocabulary.yaml") == result.vocabulary
    with Image.open(tmp_path / "overlay.png") as picture:
        assert min(picture.size) >= 480
    assert entries(tmp_path) == OWNED - {"labels.tif", "demo.png"}


def test_values_above_255_are_written_as_tiff(tmp_path: Path) -> None:
    vocabulary = Vocabulary.from_names([f"class {index}" for index in range(300)])
    result = make(vocabulary, highest=70_000)
    result.save(tmp_path / "x")
    labels = tifffile.imread(tmp_path / "x" / "labels.tif")
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels, result.labels)
    regions = tifffile.imread(tmp_path / "x" / "regions.tif")
    assert regions.dtype == np.int32
    assert not (tmp_path / "x" / "labels.png").exists()
    again = Segmentation.load(tmp_path / "x")
    np.testing.assert_array_equal(again.labels, result.labels)
    np.testing.assert_array_equal(again.regions, result.regions)


def test_a_second_result_leaves_nothing_of_the_first(result: Segmentation, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    make(Vocabulary.from_names(list(map(str, range(300))))).save(tmp_path, image=IMAGE)
    result.save(tmp_path)
    assert entries(tmp_path) == {"notes.txt", *OWNED} - {"labels.tif", "overlay.png", "demo.png"}
    pd.testing.assert_frame_equal(Segmentation.load(tmp_path).table, result.table)


@pytest.mark.parametrize("foreign", [False, True])
def test_an_interrupt_leaves_the_old_result(
    result: Segmentation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: bool
) -> None:
    folder = tmp_path / "x"
    result.save(folder)
    if foreign:
        (folder / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(result.vocabulary, seed=1).save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert entries(tmp_path) == {"x"}


def test_a_place_that_cannot_be_written_is_one_sentence(
    result: Segmentation, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InputError, match=r"file/x.*cannot be written .*choose a folder"):
        result.save(tmp_path / "file" / "x")
    assert (tmp_path / "file").read_text() == "kept"


def test_an_image_of_another_size_is_refused_before_anything_is_written(
    result: Segmentation, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"image of \(12, 8\).*\(12, 16\)"):
        result.save(tmp_path / "x", image=IMAGE[:, :8])
    assert entries(tmp_path) == set()


def shrink_regions(folder: Path) -> None:
    tifffile.imwrite(folder / "regions.tif", np.ones((3, 3), np.uint16))


def drop_a_region(folder: Path) -> None:
    tifffile.imwrite(folder / "regions.tif", np.ones((12, 16), np.uint16))


def unknown_label(folder: Path) -> None:
    Image.fromarray(np.full((12, 16), 9, np.uint8)).save(folder / "labels.png")


def colour_labels(folder: Path) -> None:
    Image.fromarray(IMAGE).save(folder / "labels.png")


def pickled_arrays(folder: Path) -> None:
    np.savez(folder / "arrays.npz", confidence=np.array([{}], object))


def wrong_arrays(folder: Path) -> None:
    with np.load(folder / "arrays.npz") as stored:
        arrays = dict(stored)
    arrays["confidence"] = arrays["confidence"].astype(np.float64)
    np.savez(folder / "arrays.npz", **arrays)


def truncated(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])

    return cut


def missing(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def no_json(folder: Path) -> None:
    (folder / "provenance.json").write_text("[1]")


def other_format(folder: Path) -> None:
    path = folder / "provenance.json"
    path.write_text(path.read_text().replace("result 1", "result 99"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shrink_regions, r"do not belong together \(labels.png \(12, 16\), regions.tif \(3, 3\)"),
        (drop_a_region, r"probabilities of shape \(4, 3\) for 1 regions"),
        (unknown_label, "the value 9, which no class"),
        (colour_labels, "labels.png. holds colours"),
        (pickled_arrays, "arrays.npz.*holds pickled Python objects"),
        (wrong_arrays, "confidence as float64"),
        (truncated("labels.png"), "labels.png.*damaged or cut short"),
        (truncated("arrays.npz"), "arrays.npz.*is damaged or cut short"),
        (truncated("provenance.json"), "provenance.json.*no valid JSON"),
        (missing("labels.png"), "labels.png.*No such file"),
        (missing("regions.tif"), "regions.tif.*No such file"),
        (missing("arrays.npz"), "arrays.npz.*cannot be read"),
        (missing("vocabulary.yaml"), "vocabulary.yaml"),
        (missing("provenance.json"), "provenance.json"),
        (no_json, "is no result of this version"),
        (other_format, "is no result of this version"),
        (shutil.rmtree, "There is no folder"),
    ],
)
def test_damaged_folders_are_refused_with_a_sentence(
    result: Segmentation, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    result.save(tmp_path / "x")
    damage(tmp_path / "x")
    with pytest.raises(InputError, match=message) as caught:
        Segmentation.load(tmp_path / "x")
    assert "\n" not in str(caught.value)


def test_names_of_many_results_are_different() -> None:
    paths = ["a/cat.png", "b/dog.tif", "cat.jpg", "c/cat.png", "Dog.x", "bird.1.png", "cat_png"]
    names = result_names(map(Path, paths))
    assert names == [
        "cat_png", "dog_tif", "cat_jpg", "cat_png_2", "Dog_x", "bird.1", "cat_png_3",
    ]  # fmt: skip
    assert result_names([]) == []


def test_somebody_s_own_files_are_not_replaced(result: Segmentation, tmp_path: Path) -> None:
    (tmp_path / "labels.png").write_text("my hand labels")
    with pytest.raises(InputError, match=r"labels\.png.* is there and no result"):
        result.save(tmp_path)
    assert entries(tmp_path) == {"labels.png"}
    assert (tmp_path / "labels.png").read_text() == "my hand labels"
    (tmp_path / "labels.png").rename(tmp_path / "mine.png")
    result.save(tmp_path)
    result.save(tmp_path)  # our own may be
    assert (tmp_path / "mine.png").read_text() == "my hand labels"
