"""COCO's panoptic segmentation: what is in the files, what those of others may have, and what is refused."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.panoptic import PANOPTIC
from napari_corrclip.project.export.png_bands import write_rgb
from tests.project.export.exported import HERON, THREE, image, read, turned, write

PLAIN = ExportOptions(pictures="none")
CLASSES = ExportOptions(pictures="none", masks="classes")


def document(folder: Path, name: str = "panoptic_default") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "annotations" / f"{name}.json").read_text("ascii"))
    return found


def test_files_are_as_the_format_says(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [HERON], PANOPTIC, THREE, PLAIN)
    found = document(folder)
    assert found["images"] == [
        {"id": 1, "width": 5, "height": 4, "file_name": "heron.jpg", "name": "heron"}
    ]
    assert [(told["id"], told["name"], told["isthing"]) for told in found["categories"]] == [
        (1, "sky", 1),
        (2, "=bird", 1),
        (3, 'a, "b"', 1),
    ]
    assert found["annotations"] == [
        {
            "image_id": 1, "file_name": "heron.png",
            "segments_info": [
                {
                    "id": 1, "category_id": 1, "area": 5, "bbox": [0, 0, 2, 3], "iscrowd": 0,
                    "score": 0.75, "attributes": {"region": 7, "origin": "run", "margin": 0.5},
                },
                {
                    "id": 2, "category_id": 3, "area": 2, "bbox": [3, 2, 1, 2], "iscrowd": 0,
                    "attributes": {
                        "region": 8, "origin": "person", "margin": 0.125, "state": "assigned",
                        "by": "Öz", "at": 1.7e9,
                    },
                },
                {
                    "id": 3, "category_id": 2, "area": 4, "bbox": [4, 0, 1, 4], "iscrowd": 0,
                    "score": 0.5,
                    "attributes": {
                        "region": 9, "origin": "person", "margin": 0.25, "state": "accepted",
                        "by": "Ann", "at": 1.8e9,
                    },
                },
            ],
        }
    ]  # fmt: skip
    with Image.open(folder / "annotations" / "panoptic_default" / "heron.png") as picture:
        assert picture.mode == "RGB"
        colors = np.asarray(picture)
    red = [[1, 1, 0, 0, 3], [1, 0, 0, 0, 3], [1, 1, 0, 2, 3], [0, 0, 0, 2, 3]]
    np.testing.assert_array_equal(colors[:, :, 0], red)
    assert not colors[:, :, 1:].any()


def test_classes_are_stuff(tmp_path: Path) -> None:
    one = image(1)
    found = document(write(tmp_path / "out", [one], PANOPTIC, options=CLASSES))
    assert {told["isthing"] for told in found["categories"]} == {0}
    (told,) = found["annotations"]
    values = np.unique(one.labels[one.labels > 0]).tolist()
    assert [segment["category_id"] for segment in told["segments_info"]] == values
    assert not any("attributes" in segment for segment in told["segments_info"])


def test_names_subsets_and_pictures(tmp_path: Path) -> None:
    images = []
    for number in range(6):
        file = turned(tmp_path / f"{number}.jpg")
        images.append(replace(image(number, (31, 47), name=f"s{number}/a b.jpg"), file=file))
    folder = write(tmp_path / "out", images, PANOPTIC, options=ExportOptions(split=(50, 50)))
    for subset in ("train", "val"):
        found = document(folder, f"panoptic_{subset}")
        assert len(found["images"]) == 3
        for told, its in zip(found["images"], found["annotations"], strict=True):
            assert its["image_id"] == told["id"]
            assert Path(its["file_name"]).stem == Path(told["file_name"]).stem
            with (
                Image.open(folder / "images" / subset / told["file_name"]) as picture,
                Image.open(
                    folder / "annotations" / f"panoptic_{subset}" / its["file_name"]
                ) as map_,
            ):
                assert picture.size == map_.size == (told["width"], told["height"])
    entries = Opened.of(folder).entries
    assert {(entry.subset, entry.picture is not None) for entry in entries} == {
        ("train", True),
        ("val", True),
    }


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 30), width=st.integers(1, 30))
def test_pictures_of_bands_are_read_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, seed: int, height: int, width: int
) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("png") / "a.png"
    cuts = np.unique(random.integers(0, height + 1, 3)).tolist()
    bounds = sorted({0, height, *cuts})
    bands = (pixels[a:b] for a, b in pairwise(bounds))
    with path.open("wb") as file:
        write_rgb(file, (height, width), bands)
    with Image.open(path) as picture:
        picture.verify()
    with Image.open(path) as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)


# -- of others


SEGMENTS = [
    {"id": 3226956, "category_id": 90, "area": 4, "bbox": [0, 0, 2, 2], "iscrowd": 0},
    {"id": 7, "category_id": 3, "area": 2, "bbox": [2, 0, 1, 2], "iscrowd": 1},
]


def others(folder: Path, pixels: Any = None, annotation: Any = None, **more: Any) -> Path:
    """Write an export of somebody else, whose folder of maps lies beside the one of documents."""
    told: dict[str, Any] = {
        "images": [{"id": 40, "width": 4, "height": 2, "file_name": "x.jpg"}],
        "categories": [{"id": 3, "name": "grass"}, {"id": 90, "name": "car"}],
        "annotations": [
            {"image_id": 40, "file_name": "x.png", "segments_info": SEGMENTS, **(annotation or {})}
        ],
    }
    (folder / "annotations").mkdir(parents=True)
    (folder / "panoptic_val2017").mkdir()
    path = folder / "annotations" / "panoptic_val2017.json"
    path.write_text(json.dumps({**told, **more}), encoding="utf-8")
    if pixels is None:
        pixels = np.zeros((2, 4, 3), np.uint8)
        pixels[:, :2] = 0x4C, 0x3D, 0x31  # 76 + 256 * 61 + 65536 * 49
        pixels[:, 2] = 7, 0, 0
    Image.fromarray(pixels).save(folder / "panoptic_val2017" / "x.png")
    return folder


def test_files_of_others(tmp_path: Path) -> None:
    opened = Opened.of(others(tmp_path / "in"))
    assert opened.format is PANOPTIC
    (entry,) = opened.entries
    assert (entry.name, entry.subset, opened.vocabulary.names) == ("x", "val2017", ("grass", "car"))
    found = opened.image(entry)
    np.testing.assert_array_equal(found.labels, [[90, 90, 3, 0]] * 2)
    np.testing.assert_array_equal(found.regions, [[1, 1, 2, 0]] * 2)


def segment(**more: object) -> dict[str, object]:
    return {"segments_info": [{**SEGMENTS[0], **more}, SEGMENTS[1]]}


COLORS = np.zeros((2, 4, 3), np.uint8)
DAMAGED: dict[str, tuple[dict[str, Any], str]] = {
    "map of another size": ({"pixels": np.zeros((4, 2, 3), np.uint8)}, "4 x 2"),
    "gray map": ({"pixels": np.zeros((2, 4), np.uint8)}, "PNG of L"),
    "unknown segment": ({"pixels": COLORS + np.uint8(1)}, "the segment 65793"),
    "no map": ({"annotation": {"file_name": "y.png"}}, "'?y.png"),
    "map outside": ({"annotation": {"file_name": "../../secret.png"}}, "secret"),
    "absolute map": ({"annotation": {"file_name": "/etc/hostname"}}, "hostname"),
    "map without name": ({"annotation": {"file_name": 5}}, "the map '5'"),
    "name that is far too long": ({"annotation": {"file_name": "x" * 5000}}, "put it there"),
    "no segments": ({"annotation": {"segments_info": None}}, "segments_info"),
    "segment that is none": ({"annotation": {"segments_info": [5]}}, "segments_info"),
    "id that is none": ({"annotation": segment(id="a")}, "the id a"),
    "id of nothing": ({"annotation": segment(id=0)}, "the id 0"),
    "id that is too large": ({"annotation": segment(id=1 << 24)}, "the id 16777216"),
    "one id twice": ({"annotation": segment(id=7)}, "twice"),
    "unknown class": ({"annotation": segment(category_id=5)}, "category_id"),
    "no annotation": ({"annotations": []}, "0 times"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_exports_are_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    more, sentence = DAMAGED[case]
    Image.new("RGB", (4, 2)).save(tmp_path / "secret.png")
    with pytest.raises(InputError, match=sentence):
        read(others(tmp_path / "in", **more))


def test_any_byte_of_a_map_changed_is_read_or_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [image(3, (9, 11))], PANOPTIC, options=PLAIN)
    (path,) = (folder / "annotations" / "panoptic_default").iterdir()
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] = int(random.integers(256))
        path.write_bytes(bytes(changed))
        with contextlib.suppress(InputError):
            read(folder, manifest=False)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError):
        read(folder, manifest=False)
