"""COCO's instances: what is in the file, what files of others may have, and what is refused."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.coco import COCO
from napari_corrclip.project.export.coco_masks import Canvas, compressed, counts_of, decompressed
from napari_corrclip.project.export.exporting import ExportOptions, head_of
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.segments import segments_of
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import HERON, THREE, image, read, turned, words, write

PLAIN = ExportOptions(pictures="none")
CLASSES = ExportOptions(pictures="none", masks="classes")


def document(folder: Path, name: str = "instances_default.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "annotations" / name).read_text("ascii"))
    return found


def test_file_is_as_the_format_says(tmp_path: Path) -> None:
    found = document(write(tmp_path / "out", [HERON], COCO, THREE, PLAIN))
    assert found["images"] == [
        {"id": 1, "width": 5, "height": 4, "file_name": "heron.jpg", "name": "heron"}
    ]
    colors = [list(class_.color) for class_ in THREE]
    assert found["categories"] == [
        {"id": 1, "name": "sky", "supercategory": "", "color": colors[0]},
        {"id": 2, "name": "=bird", "supercategory": "", "color": colors[1]},
        {"id": 3, "name": 'a, "b"', "supercategory": "", "color": colors[2]},
    ]
    common = {"image_id": 1, "iscrowd": 0}
    assert found["annotations"] == [
        # columns: 1110 1010 and nothing, 0 3 1 1 1 1 13; from the fourth on -2 0 0 12
        {
            "id": 1, "category_id": 1, "segmentation": {"size": [4, 5], "counts": "031N00<"},
            "area": 5, "bbox": [0, 0, 2, 3], "score": 0.75,
            "attributes": {"region": 7, "origin": "run", "margin": 0.5}, **common,
        },
        {
            "id": 2, "category_id": 3, "segmentation": {"size": [4, 5], "counts": ">24"},
            "area": 2, "bbox": [3, 2, 1, 2],
            "attributes": {
                "region": 8, "origin": "person", "margin": 0.125, "state": "assigned", "by": "Öz",
                "at": 1.7e9,
            },
            **common,
        },
        # 16 needs a second group for its sign; nothing follows the last pixel
        {
            "id": 3, "category_id": 2, "segmentation": {"size": [4, 5], "counts": "`04"},
            "area": 4, "bbox": [4, 0, 1, 4], "score": 0.5,
            "attributes": {
                "region": 9, "origin": "person", "margin": 0.25, "state": "accepted", "by": "Ann",
                "at": 1.8e9,
            },
            **common,
        },
    ]  # fmt: skip


def test_classes_have_one_annotation_each(tmp_path: Path) -> None:
    one = image(1)
    folder = write(tmp_path / "out", [one], COCO, options=CLASSES)
    found = document(folder)["annotations"]
    values = np.unique(one.labels[one.labels > 0])
    assert [told["category_id"] for told in found] == values.tolist()
    assert [told["area"] for told in found] == [int((one.labels == v).sum()) for v in values]
    assert not any("attributes" in told for told in found)
    (other,) = read(folder, manifest=False)
    assert len(np.unique(other.regions)) > len(values) + 1  # connected parts


def test_parts_of_a_region_are_one_annotation(tmp_path: Path) -> None:
    regions = np.zeros((40, 50), np.int32)
    for number, (row, column) in enumerate(((2, 3), (2, 30), (25, 3), (25, 30))):
        regions[row : row + 10, column : column + 9] = 4
        regions[row + 3 : row + 5, column + 3 : column + 5] = 5 + number  # a hole
    labels = np.where(regions == 4, 1, 0).astype(np.uint16)
    one = LabelledImage("", labels, regions, (RegionNote(4, 1, 1),), path="a.png")
    folder = write(tmp_path / "out", [one], COCO, THREE, PLAIN)
    assert len(document(folder)["annotations"]) == 1
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.regions, np.where(regions == 4, 4, 0))


def test_names_and_subsets(tmp_path: Path) -> None:
    images = [image(number, name=f"s{number}/a b.jpg") for number in range(10)]
    options = ExportOptions(pictures="none", split=(60, 20, 20))
    folder = write(tmp_path / "out", images, COCO, options=options)
    counts = {}
    for subset in ("train", "val", "test"):
        found = document(folder, f"instances_{subset}.json")
        counts[subset] = len(found["images"])
        assert {told["image_id"] for told in found["annotations"]} <= {
            told["id"] for told in found["images"]
        }
    assert counts == {"train": 6, "val": 2, "test": 2}
    opened = Opened.of(folder, manifest=False)
    assert {entry.subset for entry in opened.entries} == set(counts)
    assert sorted(entry.name for entry in opened.entries) == [
        f"s{number}_a b" for number in range(10)
    ]


def test_pictures_lie_as_their_masks(tmp_path: Path) -> None:
    photograph, plain = turned(tmp_path / "turned.jpg", (20, 30)), tmp_path / "b.png"
    Image.new("RGB", (9, 7)).save(plain)
    images = [
        replace(image(1, (20, 30), name="x/a.jpg"), file=photograph),
        replace(image(2, (7, 9), name="y/a.png"), file=plain),
    ]
    folder = write(tmp_path / "out", images, COCO, options=ExportOptions(pictures="copy"))
    for told in document(folder)["images"]:
        with Image.open(folder / "images" / told["file_name"]) as picture:
            assert picture.size == (told["width"], told["height"])
            assert picture.getexif().get(0x0112, 1) == 1
    pictures = [entry.picture for entry in Opened.of(folder).entries]
    assert pictures == [folder / "images" / "x_a.png", folder / "images" / "y_a.png"]


def test_numbers_and_background(tmp_path: Path) -> None:
    vocabulary = Vocabulary.from_names(["background", "cat", "dog"]).remove(1)
    labels = np.array([[1, 3, 0]], np.uint16)
    one = LabelledImage("", labels, np.array([[1, 2, 0]], np.int32), path="a")
    options = replace(PLAIN, first=0, background="unlabelled")
    folder = write(tmp_path / "out", [one], COCO, vocabulary, options)
    found = document(folder)
    assert [(told["id"], told["name"]) for told in found["categories"]] == [(0, "dog")]
    assert [told["category_id"] for told in found["annotations"]] == [0]
    opened = Opened.of(folder)
    np.testing.assert_array_equal(opened.image(opened.entries[0]).labels, [[1, 3, 0]])
    bare = Opened.of(folder, manifest=False)
    assert np.flatnonzero(bare.image(bare.entries[0]).labels).tolist() == [1]


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 30), width=st.integers(1, 30))
def test_counts_are_those_of_the_mask(seed: int, height: int, width: int) -> None:
    one = image(seed, (height, width), regions=seed % 9)
    segments = list(segments_of(one, columns=True))
    if not segments:
        return
    texts = compressed(*counts_of(segments, height * width))
    counts, begins = decompressed(texts, height * width)
    expected = []
    canvas = Canvas(height, width, len(segments))
    for number, (segment, text) in enumerate(zip(segments, texts, strict=True), start=1):
        mask = (one.labels == segment.value) & (one.regions == segment.region)
        expected.append(counted(mask))
        told: list[int] | str = expected[-1] if number % 2 else text
        canvas.paint({"size": [height, width], "counts": told}, number, "it")
    assert [each.tolist() for each in np.split(counts, begins[1:])] == expected
    canvas.finish()
    found = canvas.labels(np.array([0, *(segment.value for segment in segments)], np.uint16))
    np.testing.assert_array_equal(found, one.labels)


def counted(mask: NDArray[np.bool_]) -> list[int]:
    """Counts by going from pixel to pixel."""
    counts, now = [0], False
    for pixel in mask.ravel(order="F").tolist():
        if pixel != now:
            counts.append(0)
            now = pixel
        counts[-1] += 1
    return counts


@pytest.mark.parametrize("pixels", [2**20, 2**27])
def test_large_counts(pixels: int) -> None:
    counts = np.array([pixels // 2, 1, pixels // 4, pixels // 8, 3])
    counts[-1] += pixels - counts.sum()
    (text,) = compressed(counts, [0])
    assert decompressed([text], pixels)[0].tolist() == counts.tolist()


# -- of others


def others(folder: Path, **more: Any) -> Path:
    """Write a document of somebody else; what is given takes the place of its own."""
    told: dict[str, Any] = {
        "images": [{"id": 40, "width": 6, "height": 5, "file_name": "sub/x.jpg"}],
        "categories": [{"id": 3, "name": "tree"}, {"id": 90, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 40, "category_id": 90, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]},
            {
                "id": 2, "image_id": 40, "category_id": 3, "iscrowd": 1,
                "segmentation": {"size": [5, 6], "counts": [10, 3, 17]},
            },
        ],
    }  # fmt: skip
    (folder / "annotations").mkdir(parents=True)
    path = folder / "annotations" / "instances_default.json"
    path.write_text(json.dumps({**told, **more}), encoding="utf-8")
    return folder


def test_polygons_and_lists_of_others(tmp_path: Path) -> None:
    folder = others(tmp_path / "in")
    opened = Opened.of(folder)
    assert opened.format is COCO
    assert opened.vocabulary.names == ("tree", "car")
    assert opened.vocabulary.values == (3, 90)
    (entry,) = opened.entries
    assert (entry.name, entry.file_name, entry.subset) == ("x", "sub/x.jpg", "")
    found = opened.image(entry)
    np.testing.assert_array_equal(
        found.labels,
        [
            [0, 0, 3, 0, 0, 0],  # the later one lies above
            [0, 90, 3, 90, 90, 0],
            [0, 90, 3, 90, 90, 0],
            [0, 90, 90, 90, 90, 0],
            [0, 0, 0, 0, 0, 0],
        ],
    )
    np.testing.assert_array_equal(np.unique(found.regions), [0, 1, 2])


def test_polygons_have_the_pixels_whose_centres_they_hold(tmp_path: Path) -> None:
    ring = [2, 2, 30, 5, 18, 16, 36.5, 37.25, 4, 30, -8, 12]
    star = [20.0, 1, 30, 39, 1, 14, 39, 14, 10, 39]
    told = [
        {"image_id": 1, "category_id": 1, "segmentation": [ring]},
        {"image_id": 2, "category_id": 1, "segmentation": [star, [0, 0, 3, 0, 3, 3]]},
    ]
    images = [{"id": n, "width": 40, "height": 38, "file_name": f"{n}.jpg"} for n in (1, 2)]
    folder = others(
        tmp_path / "in", images=images, annotations=told, categories=[{"id": 1, "name": "a"}]
    )
    first, second = read(folder)
    for one, polygons in ((first, [ring]), (second, [star, [0, 0, 3, 0, 3, 3]])):
        expected = np.zeros((38, 40), bool)
        for row in range(38):
            for column in range(40):
                expected[row, column] = any(
                    inside(polygon, column + 0.5, row + 0.5) for polygon in polygons
                )
        np.testing.assert_array_equal(one.labels == 1, expected)


def inside(polygon: list[float], x: float, y: float) -> bool:
    """Whether a ray to the left crosses an odd number of sides."""
    points = list(zip(polygon[::2], polygon[1::2], strict=True))
    found = False
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
            found = not found
    return found


def test_copied_annotations_are_regions_of_their_own(tmp_path: Path) -> None:
    mask = {"size": [5, 6], "counts": [0, 5, 25]}
    again = {"size": [5, 6], "counts": [20, 5, 5]}
    common = {"image_id": 40, "category_id": 3, "attributes": {"region": 7, "margin": 0.5}}
    told = [{**common, "segmentation": mask}, {**common, "segmentation": again, "score": 0.25}]
    (found,) = read(others(tmp_path / "in", annotations=told))
    np.testing.assert_array_equal(found.regions[0], [7, 0, 0, 0, 8, 0])
    assert [(note.id, note.p, note.margin) for note in found.notes] == [(7, 0, 0.5), (8, 0.25, 0.5)]


def test_folders_as_roboflow_writes_them(tmp_path: Path) -> None:
    made = others(tmp_path / "in")
    for name in ("train", "valid"):
        (tmp_path / "out" / name).mkdir(parents=True)
        text = (made / "annotations" / "instances_default.json").read_text()
        text = text.replace("sub/x.jpg", f"{name}.jpg")
        (tmp_path / "out" / name / "_annotations.coco.json").write_text(text)
        (tmp_path / "out" / name / f"{name}.jpg").touch()
    opened = Opened.of(tmp_path / "out")
    assert [(entry.name, entry.subset) for entry in opened.entries] == [
        ("train", "train"),
        ("valid", "val"),
    ]
    assert [entry.picture for entry in opened.entries] == [
        tmp_path / "out" / "train" / "train.jpg",
        tmp_path / "out" / "valid" / "valid.jpg",
    ]


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "/etc/hostname", "a/../../secret.jpg", "..\\secret.jpg", ".", "C:/x"]
)
def test_no_picture_outside_of_the_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").touch()
    images = [{"id": 40, "width": 6, "height": 5, "file_name": name}]
    (entry,) = Opened.of(others(tmp_path / "in", images=images)).entries
    assert entry.picture is None
    assert "/" not in entry.name


# -- damaged


def with_mask(mask: object, **more: object) -> Callable[[Path], Path]:
    told = {"id": 1, "image_id": 40, "category_id": 3, "segmentation": mask, **more}
    return lambda folder: others(folder, annotations=[told])


def counts(told: object) -> Callable[[Path], Path]:
    return with_mask({"size": [5, 6], "counts": told})


DAMAGED = {
    "mask of another size": (with_mask({"size": [6, 5], "counts": [30]}), r"\[5, 6\]"),
    "no mask": (with_mask(None), "no mask"),
    "a box alone": (with_mask([]), "no mask"),
    "too few counts": (counts([10, 3]), "30 pixels"),
    "too many counts": (counts([10, 3, 1 << 63]), "30 pixels"),
    "negative counts": (counts([40, -10]), "30 pixels"),
    "counts that go around": (counts([1 << 62, 1 << 62, 1 << 62, 1 << 62, 30]), "30 pixels"),
    "counts as words": (counts(["a"]), "30 pixels"),
    "counts as true": (counts([True, 29]), "30 pixels"),
    "no counts": (counts(None), "no text"),
    "text cut short": (counts("n"), "cut short"),
    "text of other characters": (counts("ä"), "30 pixels"),
    "text of spaces": (counts("  "), "none"),
    "a number far too long": (counts("o" * 20 + "0"), "too large"),
    "empty text": (counts(""), "30 pixels"),
    "polygon of words": (with_mask([["a"] * 6]), "polygon"),
    "polygon of two corners": (with_mask([[1, 2, 3, 4]]), "4 numbers"),
    "polygon that is odd": (with_mask([[1, 2, 3, 4, 5, 6, 7]]), "7 numbers"),
    "polygon far away": (with_mask([[1, 2, 1e300, 4, 5, 6]]), "far outside"),
    "polygon without list": (with_mask([1, 2, 3, 4, 5, 6]), "no list"),
    "unknown class": (with_mask([], category_id=7), "category_id '?7"),
    "class as text": (with_mask([], category_id="3"), "category_id"),
    "unknown image": (with_mask([], image_id=7), "the image 7"),
    "image as text": (with_mask([], image_id="40"), "whole number"),
    "an enormous id": (with_mask([], image_id=1 << 70), "whole number"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_annotations_are_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    make, sentence = DAMAGED[case]
    folder = make(tmp_path / "in")
    with pytest.raises(InputError, match=sentence):
        read(folder)


IMAGE = {"id": 40, "width": 6, "height": 5, "file_name": "x.jpg"}
HEADS: dict[str, tuple[dict[str, Any], str]] = {
    "no classes": ({"categories": []}, "default.json.* has no categories"),
    "two classes of one id": ({"categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]}, "two"),
    "two classes of one name": (
        {"categories": [{"id": 3, "name": "a"}, {"id": 90, "name": "A"}]}, "are the same",
    ),
    "class without name": ({"categories": [{"id": 3}]}, "without a name"),
    "class without id": ({"categories": [{"name": "a"}]}, "id of a category"),
    "class with half a character": ({"categories": [{"id": 3, "name": "a\ud800"}]}, "control"),
    "class that is none": ({"categories": ["a"]}, "no object"),
    "images of one id": ({"images": [IMAGE, IMAGE]}, "two images"),
    "image without size": ({"images": [{"id": 40, "file_name": "x"}]}, "height"),
    "image without pixels": ({"images": [{**IMAGE, "width": 0}]}, "width"),
    "image that fills the memory": ({"images": [{**IMAGE, "width": 1 << 40}]}, "at most"),
    "image without a name": ({"images": [{**IMAGE, "file_name": 5}]}, "file_name"),
    "image that is none": ({"images": [7]}, "no object"),
    "annotation that is none": ({"annotations": [7]}, "image_id"),
}  # fmt: skip


@pytest.mark.parametrize("case", HEADS)
def test_damaged_heads_are_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    more, sentence = HEADS[case]
    with pytest.raises(InputError, match=sentence):
        read(others(tmp_path / "in", **more))


TEXTS = {
    "": "no valid JSON", "[]": "no valid JSON", "{": "no valid JSON", '{"images": [': "no valid JSON",
    '{"images": [1,]}': "no valid JSON", '{"images": {}} x': "behind its end", '{5: 1}': "the key 5",
    '{"images": [], "images": []}': "the key 'images'", '{"images": [{"id": NaN}]}': "nan",
    '{"images": [{"id": 1, "id": 2}]}': "twice", '{"annotations": ' + "[" * 100_000: "deep",
    '{"images": ["\udcff"]}': "UTF-8",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_damaged_documents_are_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    folder = others(tmp_path / "in")
    path = folder / "annotations" / "instances_default.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=TEXTS[text]):
        read(folder)


def test_any_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [image(3, (9, 11))], COCO, options=PLAIN)
    path = folder / "annotations" / "instances_default.json"
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for place in random.choice(len(whole), 400, replace=False).tolist():
        changed = bytearray(whole)
        changed[place] = int(random.integers(256))
        path.write_bytes(bytes(changed))
        with contextlib.suppress(InputError):
            read(folder, manifest=False)
        path.write_bytes(whole[:place])
        with pytest.raises(InputError):
            read(folder, manifest=False)


# -- memory


def test_memory_of_a_document_is_not_that_of_its_annotations(tmp_path: Path) -> None:
    one = image(1, (128, 128), regions=5)
    folder = tmp_path / "out"
    folder.mkdir()
    with COCO.writer(folder, head_of(COCO, words(), PLAIN)) as writer:
        for number in range(200):
            writer.item(replace(one, name=str(number)))
    size = (folder / "annotations" / "instances_default.json").stat().st_size
    tracemalloc.start()
    try:
        reader = COCO.reader(folder)
        for entry in reader.entries[:3]:
            reader.read(entry)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 3 << 20
    assert peak < size / 2


def test_an_image_that_somebody_added_is_told_in_the_classes_of_the_manifest(
    tmp_path: Path,
) -> None:
    vocabulary = Vocabulary.from_names(["gone", "cat", "dog"]).remove(0)
    one = LabelledImage("", np.array([[2, 3]], np.uint16), np.array([[1, 2]], np.int32), path="a")
    options = replace(PLAIN, first=0)
    folder = write(tmp_path / "out", [one], COCO, vocabulary, options)
    told = document(folder)
    told["images"].append({"id": 9, "width": 2, "height": 1, "file_name": "b.jpg", "name": "b"})
    mask = {"size": [1, 2], "counts": [0, 1, 1]}
    told["annotations"].append(
        {"image_id": 9, "category_id": 1, "segmentation": mask, "score": 0.5}
    )
    (folder / "annotations" / "instances_default.json").write_text(json.dumps(told))
    opened = Opened.of(folder)
    added = opened.image(opened.entries[1], "predictions")
    np.testing.assert_array_equal(added.labels, [[3, 0]])
    assert added.notes == (RegionNote(1, 3, 3, p=0.5),)


def test_whole_numbers_may_be_written_as_floats(tmp_path: Path) -> None:
    folder = others(
        tmp_path,
        images=[{"id": 40.0, "width": 6.0, "height": 5.0, "file_name": "x.jpg"}],
        categories=[{"id": 3.0, "name": "tree"}],
        annotations=[
            {
                "id": 1.0, "image_id": 40.0, "category_id": 3.0,
                "segmentation": {"size": [5.0, 6.0], "counts": [10, 3, 17]},
            }
        ],
    )  # fmt: skip
    (one,) = read(folder)
    assert one.shape == (5, 6)
    assert (one.labels == 3).sum() == 3


@pytest.mark.parametrize("side", [200.5, 0, None, "6"])
def test_an_image_of_no_size_is_told_and_the_others_are_read(side: Any, tmp_path: Path) -> None:
    images = [
        {"id": 40, "width": 6, "height": 5, "file_name": "x.jpg"},
        {"id": 41, "width": side, "height": 5, "file_name": "y.jpg"},
    ]
    opened = Opened.of(others(tmp_path, images=images))
    good, bad = opened.entries
    assert opened.image(good).labels.any()
    with pytest.raises(InputError, match=r"the image 'y\.jpg' has the height 5 and the width"):
        opened.image(bad)


@pytest.mark.parametrize("name", ["annotations.json", "my labels.json"])
def test_a_document_beside_its_pictures_is_found(name: str, tmp_path: Path) -> None:
    folder = others(tmp_path)
    (folder / "annotations" / "instances_default.json").rename(folder / name)
    (folder / "annotations").rmdir()
    (folder / "other.json").write_text('{"images": 1}')
    (folder / "empty.json").write_text("")
    (folder / "sub").mkdir()
    Image.new("RGB", (6, 5)).save(folder / "sub" / "x.jpg")
    opened = Opened.of(folder)
    assert opened.format is COCO
    (entry,) = opened.entries
    assert entry.picture == folder / "sub" / "x.jpg"
    assert opened.image(entry).labels.any()
    (folder / "second.json").write_bytes((folder / name).read_bytes())
    if name == "annotations.json":
        assert Opened.of(folder).format is COCO
    else:  # nobody knows which one
        with pytest.raises(InputError, match="no export that can be read"):
            Opened.of(folder)
        with pytest.raises(InputError, match="has no document of instances"):
            Opened.of(folder, name="coco")


def test_a_document_without_categories_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"instances_default\.json' has no categories; write each class"
    ):
        Opened.of(others(tmp_path, categories=[], annotations=[]))
