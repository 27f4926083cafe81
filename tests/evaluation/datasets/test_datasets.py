"""Data sets in the layouts in which they are published: what is read, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.datasets.benchmarks import LAYOUTS
from napari_corrclip.evaluation.datasets.dataset import Incomplete, TruthValues
from napari_corrclip.evaluation.datasets.opening import DATASETS, open_dataset
from napari_corrclip.settings import Settings
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.benchmarks import BENCHMARKS
from tests.evaluation.datasets.layouts import KEYS, KIND, write_dataset

SHAPE = (12, 20)
#: Of each benchmark the stored values that mean no class, its first class, its last one.
STORED = {
    "voc21": ((255,), 0, 20),
    "voc20": ((0, 255), 1, 20),
    "context60": ((255,), 0, 59),
    "context59": ((0, 255), 1, 59),
    "coco_stuff": ((255,), 0, 170),
    "coco_object": ((255,), 0, 80),
    "ade20k": ((0, 255), 1, 150),
    "cityscapes": ((255,), 0, 18),
}


def pictures(seed: int = 0) -> list[NDArray[np.uint8]]:
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, (*SHAPE, 3), np.uint8) for _ in range(2)]


def stored(name: str) -> list[NDArray[np.uint8]]:
    """Two truths: in the first all that means no class, and the first class; in the second all classes."""
    void, first, last = STORED[name]
    maps = [np.full(SHAPE, first, np.uint8), np.empty(SHAPE, np.uint8)]
    for row, value in enumerate(void):
        maps[0][row] = value
    maps[1].flat = np.arange(first, last + 1)[np.arange(maps[1].size) % (last - first + 1)]
    return maps


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_benchmark_is_read_in_its_layout(name: str, tmp_path: Path) -> None:
    write_dataset(tmp_path, name, pictures(), stored(name))
    found = open_dataset(name, tmp_path)
    assert [each.name for each in found.images] == list(KEYS[KIND[name]])
    assert len(found.vocabulary) == BENCHMARKS[name].classes
    void, _, _ = STORED[name]
    rgb, truth = found.read(found.images[0])
    assert rgb.shape == (*SHAPE, 3)
    assert rgb.dtype == np.uint8
    assert truth.dtype == np.uint16
    assert (truth[: len(void)] == 0).all()
    assert (truth[len(void) :] == 1).all()
    _, truth = found.read(found.images[1])
    assert np.unique(truth).tolist() == list(range(1, len(found.vocabulary) + 1))[: truth.size]
    if found.images[0].image.suffix == ".png":
        np.testing.assert_array_equal(rgb, pictures()[0])


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_benchmark_is_measured_by_its_protocol(name: str, tmp_path: Path) -> None:
    """The table of the benchmarks: images, classes, short side, window, stride, threshold."""
    protocol = {
        "voc21": (1449, 21, 336, 336, 0.20),
        "voc20": (1449, 20, 336, 336, 0.0),
        "context60": (5104, 60, 336, 336, 0.15),
        "context59": (5104, 59, 336, 336, 0.0),
        "coco_stuff": (5000, 171, 336, 336, 0.0),
        "coco_object": (5000, 81, 336, 336, 0.25),
        "ade20k": (2000, 150, 448, 336, 0.0),
        "cityscapes": (500, 19, 448, 224, 0.0),
    }
    write_dataset(tmp_path, name, pictures(), stored(name))
    found = open_dataset(name, tmp_path)
    images, classes, side, window, threshold = protocol[name]
    assert (found.expected, len(found.vocabulary)) == (images, classes)
    assert found.vocabulary.threshold == threshold
    assert found.vocabulary.background == (0 if BENCHMARKS[name].background else None)
    settings = found.settings(Settings(tau=0.5, short_side=200, window=100, stride=50))
    assert settings == Settings(tau=0.5, short_side=side, window=window, stride=112)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_root_may_be_where_the_archive_was_unpacked(name: str, tmp_path: Path) -> None:
    write_dataset(tmp_path / LAYOUTS[name].homes[-1], name, pictures(), stored(name))
    assert len(open_dataset(name, tmp_path).images) == 2


@pytest.mark.parametrize("name", ["coco_stuff", "cityscapes"])
def test_what_macos_leaves_beside_images_is_none(name: str, tmp_path: Path) -> None:
    write_dataset(tmp_path, name, pictures(), stored(name))
    image = open_dataset(name, tmp_path).images[0].image
    image.with_name(f"._{image.name}").write_bytes(b"of macOS")
    if name == "cityscapes":
        (image.parents[1] / ".hidden").mkdir()
        (image.parents[1] / ".hidden" / image.name).write_bytes(b"of somebody")
    assert len(open_dataset(name, tmp_path).images) == 2


def test_some_images_are_taken_evenly(tmp_path: Path) -> None:
    write_dataset(tmp_path, "voc21", pictures(), stored("voc21"))
    found = open_dataset("voc21", tmp_path)
    found = replace(found, images=found.images * 5, expected=0)
    some = found.take(3)
    assert [each.name for each in some.images] == [found.images[at].name for at in (0, 3, 6)]
    assert (len(some.take(2).images), some.take(2).whole, found.take(None)) == (2, 10, found)
    with pytest.raises(InputError, match=r"has 10 images here and 11 were asked for"):
        found.take(11)
    with pytest.raises(InputError, match=r"0 images cannot be measured"):
        found.take(0)


def test_objects_are_made_of_stuff(tmp_path: Path) -> None:
    """Things are themselves, all else is background; what is ignored stays so."""
    maps = stored("coco_stuff")
    write_dataset(tmp_path, "coco_stuff", pictures(), maps)
    found = open_dataset("coco_object", tmp_path)
    assert "COCO-Stuff" in found.note
    for each, values in zip(found.images, maps, strict=True):
        _, truth = found.read(each)
        expected = np.where(values < 80, values.astype(int) + 2, 1)
        np.testing.assert_array_equal(truth, np.where(values == 255, 0, expected))
    write_dataset(tmp_path, "coco_object", pictures(), stored("coco_object"))
    assert not open_dataset("coco_object", tmp_path).note


def test_a_folder_is_a_data_set(tmp_path: Path) -> None:
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    Image.fromarray(pictures()[0]).save(tmp_path / "images" / "a.jpg")
    Image.fromarray(np.full(SHAPE, 2, np.uint8)).save(tmp_path / "labels" / "a.png")
    (tmp_path / "classes.txt").write_text("cat\ndog: dog; puppy\n")
    found = open_dataset("folder", tmp_path)
    with pytest.raises(
        InputError, match=r"holds the value 2, and there are names for 0 to 1; .* --ignore 2\."
    ):
        found.read(found.images[0])
    found = open_dataset("folder", tmp_path, first=1)
    assert found.vocabulary.names == ("cat", "dog")
    assert found.vocabulary.queries == ("cat", "dog", "puppy")
    assert (found.read(found.images[0])[1] == 2).all()
    ignored = open_dataset("folder", tmp_path, ignore=[2])
    assert not ignored.read(ignored.images[0])[1].any()
    words = Vocabulary.parse("a, b, c")
    assert open_dataset("folder", tmp_path, classes=words).read_truth(found.images[0])[0, 0] == 3
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(InputError, match=r"has no 'classes\.txt', which names the classes"):
        open_dataset("folder", tmp_path)


def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'voc22' is no data set; did you mean 'voc21'"):
        open_dataset("voc22", tmp_path)
    with pytest.raises(InputError, match="'trees' is no data set; there are voc21"):
        open_dataset("trees", tmp_path)
    with pytest.raises(InputError, match=r"--classes, --first and --ignore are for a folder"):
        open_dataset("voc21", tmp_path, ignore=[3])
    with pytest.raises(InputError, match="There is no folder"):
        open_dataset("voc21", tmp_path / "no")
    with pytest.raises(
        InputError,
        match=r"has no PASCAL VOC .*'ImageSets/Segmentation/val.txt' and no 'JPEGImages' in",
    ):
        open_dataset("voc21", tmp_path)
    write_dataset(tmp_path, "voc21", pictures(), stored("voc21"))
    truth = tmp_path / "SegmentationClass" / "2007_000042.png"
    Image.fromarray(np.full(SHAPE, 21, np.uint8)).save(truth)
    found = open_dataset("voc21", tmp_path)
    with pytest.raises(
        InputError,
        match=r"2007_0+42\.png' holds the value 21, and there are names for 0 to 20; give the",
    ):
        found.read(found.images[1])
    Image.fromarray(np.zeros((12, 19), np.uint8)).save(truth)
    with pytest.raises(InputError, match=r"is 12 × 20 pixels and its truth .* 12 × 19; give maps"):
        found.read(found.images[1])
    truth.unlink()
    with pytest.raises(InputError, match=r"The truth '.*2007_000042\.png' is not there; complete"):
        open_dataset("voc21", tmp_path)
    shutil.rmtree(tmp_path / "JPEGImages")
    (tmp_path / "JPEGImages").mkdir()
    with pytest.raises(
        Incomplete, match=r"The image '.*' is not there \(2 other files are missing, too\)"
    ) as told:
        open_dataset("voc21", tmp_path)
    assert [each.rpartition("/")[2] for each in told.value.each] == [
        "2007_000033.jpg' is not there",
        "2007_000042.jpg' is not there",
        "2007_000042.png' is not there",
    ]
    (tmp_path / "ImageSets" / "Segmentation" / "val.txt").write_text("\n")
    with pytest.raises(InputError, match=r"val\.txt' names no image of PASCAL VOC"):
        open_dataset("voc21", tmp_path)


def test_an_image_that_is_listed_twice_counts_once(tmp_path: Path) -> None:
    write_dataset(tmp_path, "voc21", pictures(), stored("voc21"))
    split = tmp_path / "ImageSets" / "Segmentation" / "val.txt"
    keys = KEYS["voc"]
    split.write_text("\r\n".join([keys[1], keys[0], f" {keys[1]} ", keys[1]]))
    found = open_dataset("voc21", tmp_path)
    assert [each.name for each in found.images] == [keys[1], keys[0]]
    assert found.note == f"2 lines of {LAYOUTS['voc21'].split} repeat another, which counts once"
    split.write_text("\n".join([*keys, keys[0]]))
    assert "1 line of" in open_dataset("voc21", tmp_path).note


@pytest.mark.parametrize("line", ["../JPEGImages/2007_000033", "/etc/passwd", r"..\a", "a\0b"])
def test_a_list_does_not_lead_out_of_the_folder_of_images(line: str, tmp_path: Path) -> None:
    write_dataset(tmp_path, "context60", pictures(), stored("context60"))
    split = tmp_path / "ImageSets" / "SegmentationContext" / "val.txt"
    split.write_text(f"{KEYS['context'][0]}\n{line}\n")
    with pytest.raises(
        InputError, match=r"^Line 2 of '.*val\.txt', .*is no name of an image; give"
    ):
        open_dataset("context60", tmp_path)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.uint64])
def test_values_of_any_type_become_numbers(dtype: type[np.integer]) -> None:
    values = TruthValues(1, frozenset({0, 100}))
    stored = np.array([[0, 1, 2, 3, 100]], dtype)
    assert values.numbers(stored, 3, "it", "do {value}").tolist() == [[0, 1, 2, 3, 0]]
    with pytest.raises(
        InputError, match=r"it holds the value 3, and there are names for 1 to 2; do 3"
    ):
        values.numbers(stored, 2, "it", "do {value}")


def test_a_value_too_large_for_a_class_is_none() -> None:
    stored = np.array([[2**64 - 1]], np.uint64)
    with pytest.raises(InputError, match="holds the value"):
        TruthValues().numbers(stored, 3, "it", "do {value}")


def test_every_benchmark_of_the_vocabularies_has_a_layout() -> None:
    assert set(LAYOUTS) == set(BENCHMARKS)
    assert (*LAYOUTS, "folder") == DATASETS
