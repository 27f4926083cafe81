"""OME-Zarr with labels: what is said in it, that it is written a chunk at a time, and what is refused."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.project.export.exporting import ExportOptions, head_of
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.ome_zarr import OME_ZARR
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import image, read, turned, words, write

TWO = Vocabulary.from_names(["cat", "per:son"])
BARE = ExportOptions(pictures="none")


def by_hand() -> LabelledImage:
    """Return a region that a person decided about, one that is ignored, and pixels of no region."""
    labels = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 2]], np.uint16)
    regions = np.array([[7, 7, 0], [7, 9, 9], [0, 0, 0]], np.int32)
    notes = (
        RegionNote(7, 1, 2, "accepted", 0.5, 0.25, True, "Ann", 1.7e9),
        RegionNote(9, 0, 1, "ignored"),
    )
    return LabelledImage("", labels, regions, notes, path="site/a b.png")


def ome(folder: Path, *parts: str) -> Any:
    document = json.loads(folder.joinpath(*parts, "zarr.json").read_text(encoding="utf-8"))
    return document["attributes"]["ome"]


def test_the_metadata_are_as_they_are_written_here(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [by_hand()], OME_ZARR, TWO, BARE) / "a b.ome.zarr"
    assert ome(folder) == {"version": "0.5"}
    assert ome(folder, "labels") == {"version": "0.5", "labels": ["classes", "regions"]}
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0]}]}
    assert ome(folder, "labels", "classes") == {
        "version": "0.5",
        "multiscales": [{"name": "classes", "axes": axes, "datasets": [level]}],
        "image-label": {
            "colors": [
                *({"label-value": class_.value, "rgba": [*class_.color, 255]} for class_ in TWO),
                {"label-value": 0, "rgba": [0, 0, 0, 0]},
            ],
            "properties": [
                {"label-value": 1, "name": "cat", "value": 1},
                {"label-value": 2, "name": "per:son", "value": 2},
                {"label-value": 0, "name": "unlabelled", "value": 0},
            ],
            "source": {"image": "../../"},
        },
    }
    assert ome(folder, "labels", "regions")["image-label"]["properties"] == [
        {
            "label-value": 7,
            "class": "cat",
            "predicted": "per:son",
            "p": 0.5,
            "margin": 0.25,
            "origin": "person",
            "state": "accepted",
            "by": "Ann",
            "at": "2023-11-14T22:13:20+00:00",
        },
        {
            "label-value": 9,
            "class": "",
            "predicted": "cat",
            "p": 0.0,
            "margin": 0.0,
            "origin": "person",
            "state": "ignored",
        },
    ]
    array = zarr.open_array(folder / "labels" / "classes" / "0", mode="r")
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array[...], by_hand().labels)
    array = zarr.open_array(folder / "labels" / "regions" / "0", mode="r")
    np.testing.assert_array_equal(array[...], by_hand().regions)


def test_decisions_need_no_manifest(tmp_path: Path) -> None:
    (other,) = read(write(tmp_path / "out", [by_hand()], OME_ZARR, TWO, BARE), manifest=False)
    np.testing.assert_array_equal(other.regions, by_hand().regions)
    assert other.notes == by_hand().notes


@pytest.mark.parametrize(
    "options",
    [
        ExportOptions(ignored=255, unlabelled=0),
        ExportOptions(ignored=77, unlabelled=255, first=0),
        ExportOptions(first=1),
        ExportOptions(ignored=0),
    ],
)
def test_choices_are_said_in_the_file(tmp_path: Path, options: ExportOptions) -> None:
    options = replace(options, pictures="none", masks="classes")
    (other,) = read(write(tmp_path / "out", [by_hand()], OME_ZARR, TWO, options), manifest=False)
    np.testing.assert_array_equal(other.labels, by_hand().labels)
    ignored = other.regions[1, 1]
    told = {note.id: note.state for note in other.notes}
    assert (told.get(ignored) == "ignored") == (options.ignored not in (None, 0))


def test_levels_have_every_second_pixel_of_labels_and_averages_of_the_image(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    regions = random.integers(0, 50, (37, 2051)).astype(np.int32)
    labels = (regions % 3).astype(np.uint16)
    pixels = random.integers(0, 256, (37, 2051, 3)).astype(np.uint8)
    file = tmp_path / "a.png"
    Image.fromarray(pixels).save(file)
    one = LabelledImage("", labels, regions, path="a.png", file=file)
    folder = write(tmp_path / "out", [one], OME_ZARR, TWO) / "a.ome.zarr"
    for name, array in (("classes", labels), ("regions", regions)):
        levels = zarr.open_group(folder / "labels" / name, mode="r")
        for level, step in enumerate((1, 2, 4)):
            np.testing.assert_array_equal(levels[str(level)][...], array[::step, ::step])
        assert "3" not in levels
    root = zarr.open_group(folder, mode="r")
    np.testing.assert_array_equal(root["0"][...], pixels.transpose(2, 0, 1))
    half = pixels[:36, :2050].reshape(18, 2, 1025, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    assert np.abs(root["1"][:, :18, :1025] - half).max() <= 0.5
    assert root["1"].shape == (3, 19, 1026)
    shifts = [
        level["coordinateTransformations"][1]["translation"]
        for level in ome(folder)["multiscales"][0]["datasets"]
    ]
    assert shifts == [[0, 0, 0], [0, 0.5, 0.5], [0, 1.5, 1.5]]
    opened = Opened.of(tmp_path / "out")
    picture = opened.entries[0].picture
    assert picture is not None
    np.testing.assert_array_equal(read_plane(picture).rgb, pixels)
    assert opened.path_of(opened.entries[0]) == "a.png"


def test_photographs_lie_as_they_are_seen(tmp_path: Path) -> None:
    file = turned(tmp_path / "a.jpg")
    one = replace(image(0, (31, 47)), file=file)
    folder = write(tmp_path / "out", [one], OME_ZARR)
    assert zarr.open_group(folder / "a b.ome.zarr", mode="r")["0"].shape == (3, 31, 47)


def test_links_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="OME-Zarr holds the pixels themselves"):
        write(tmp_path / "out", [by_hand()], OME_ZARR, TWO, ExportOptions(pictures="link"))
    assert not (tmp_path / "out").exists()


def test_a_large_map_is_never_in_memory(tmp_path: Path) -> None:
    shape = (4096, 5000)
    stored = {}
    for name, kind in (("labels", np.uint16), ("regions", np.int32)):
        array = zarr.create_array(
            tmp_path / f"{name}.zarr", shape=shape, chunks=(1024, 1024), dtype=kind
        )
        for top in range(0, shape[0], 1024):
            rows = np.arange(top, min(top + 1024, shape[0]))[:, None] // 64
            cells = rows * 100 + np.arange(shape[1]) // 64 + 1
            array[top : top + 1024] = cells if name == "regions" else cells % 2 + 1
        stored[name] = array
    one = LabelledImage("a", stored["labels"], stored["regions"], path="a.png")
    (tmp_path / "out").mkdir()
    tracemalloc.start()
    try:
        with OME_ZARR.writer(tmp_path / "out", head_of(OME_ZARR, TWO, BARE)) as writer:
            writer.item(one)
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        reader = OME_ZARR.reader(tmp_path / "out")
        taken = reader.read(reader.entries[0])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    pixels = shape[0] * shape[1]
    assert written < 3 * pixels  # half of both maps
    assert peak < 12 * pixels
    np.testing.assert_array_equal(taken.labels, np.asarray(stored["labels"]))
    np.testing.assert_array_equal(taken.regions, np.asarray(stored["regions"]))


def test_a_split_is_folders(tmp_path: Path) -> None:
    images = [image(number, name=f"{number}.png") for number in range(4)]
    options = replace(BARE, split=(50, 50))
    opened = Opened.of(write(tmp_path / "out", images, OME_ZARR, options=options))
    assert sorted(entry.subset for entry in opened.entries) == ["train", "train", "val", "val"]
    for entry in opened.entries:
        np.testing.assert_array_equal(opened.image(entry).labels, images[int(entry.name)].labels)
    assert opened.vocabulary == words()


def changed(*parts: str, **said: Any) -> Callable[[Path], None]:
    """Return what changes what a group says of itself."""

    def change(folder: Path) -> None:
        path = folder.joinpath(*parts, "zarr.json")
        document = json.loads(path.read_text(encoding="utf-8"))
        document["attributes"]["ome"] |= said
        path.write_text(json.dumps(document), encoding="utf-8")

    return change


def grown(folder: Path) -> None:
    path = folder / "labels" / "classes" / "0" / "zarr.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["shape"] = [1 << 20, 1 << 20]
    path.write_text(json.dumps(document), encoding="utf-8")


def cut(folder: Path) -> None:
    path = folder / "labels" / "classes" / "0" / "c" / "0" / "0"
    path.write_bytes(path.read_bytes()[:5])


def labelled(**said: Any) -> dict[str, Any]:
    return {"image-label": said}


CLASS = {"label-value": 1, "name": "cat"}


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / "zarr.json").unlink(), "is no zarr"),
        (lambda folder: (folder / "zarr.json").write_text("{"), "no valid JSON"),
        (lambda folder: (folder / "labels" / "zarr.json").unlink(), "is no zarr"),
        (cut, "is damaged"),
        (grown, r"of \d+ files is said to have 1048576 x 1048576 pixels"),
        (changed("labels", "classes", multiscales=[]), "names no array"),
        (
            changed("labels", "classes", multiscales=[{"datasets": [{"path": "../../.."}]}]),
            "which is none inside it",
        ),
        (changed("labels", "classes", **labelled()), "The vocabulary is empty"),
        (changed("labels", "classes", **labelled(properties=3)), "the property 3 without"),
        (changed("labels", "classes", **labelled(properties=[{}])), "without a label-value"),
        (changed("labels", "classes", **labelled(properties=[{"label-value": 1}])), "has no name"),
        (changed("labels", "classes", **labelled(properties=[CLASS])), "no colour of the class"),
        (
            changed(
                "labels",
                "classes",
                **labelled(properties=[CLASS], colors=[{"label-value": 1, "rgba": [1, 2, 300]}]),
            ),
            "colo",
        ),
        (
            changed(
                "labels",
                "classes",
                **labelled(properties=[CLASS], colors=[{"label-value": 1, "rgba": [1, 2, 3]}]),
            ),
            "has the number 2, which no class has",
        ),
        (
            changed("labels", "regions", **labelled(properties=[{"label-value": 7, "state": "x"}])),
            "has the state 'x'",
        ),
        (
            changed("labels", "regions", **labelled(properties=[{"label-value": 7, "at": 1e99}])),
            "was decided at",
        ),
    ],
)
def test_what_is_damaged_is_told_in_a_sentence(
    tmp_path: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    folder = write(tmp_path / "out", [by_hand()], OME_ZARR, TWO, BARE)
    damage(folder / "a b.ome.zarr")
    with pytest.raises(InputError, match=sentence) as caught:
        read(folder, manifest=False)
    assert "\n" not in str(caught.value)


def test_images_of_other_classes_are_told(tmp_path: Path) -> None:
    images = [by_hand(), replace(by_hand(), path="c.png")]
    folder = write(tmp_path / "out", images, OME_ZARR, TWO, BARE)
    said = labelled(properties=[CLASS], colors=[{"label-value": 1, "rgba": [1, 2, 3]}])
    changed("labels", "classes", **said)(folder / "c.ome.zarr")
    with pytest.raises(InputError, match="another number or colour of the class 'cat'"):
        Opened.of(folder)


def labels_of_others(folder: Path, version: str, shape: tuple[int, ...] = ()) -> Path:
    """Write what other programs write: nuclei by number, and a map whose numbers are called by classes."""
    nuclei = np.zeros((5, 6), np.int32)
    nuclei[0, :2], nuclei[2:4, 3:] = 3, 70_001
    kinds = np.zeros((5, 6), np.uint8)
    kinds[4], kinds[3, 5] = 1, 2
    said = [{"label-value": 1, "name": "grass"}, {"label-value": 2, "class": "cat"}]
    zarr_format = 3 if version == "0.5" else 2
    root = zarr.open_group(folder / "plate.ome.zarr", mode="w", zarr_format=zarr_format)
    labels = root.create_group("labels")
    names = {"labels": ["nuclei", "kinds"]}
    told = {"version": version, **names}
    labels.attrs.update({"ome": told} if version == "0.5" else names)
    for name, array, properties in (("nuclei", nuclei, []), ("kinds", kinds, said)):
        group = labels.create_group(name)
        stored = group.create_array(
            "0", shape=(*shape, 5, 6), chunks=(*shape, 3, 4), dtype=array.dtype
        )
        stored[...] = array.reshape(*shape, 5, 6)
        about = {
            "multiscales": [{"datasets": [{"path": "0"}]}],
            "image-label": {"properties": properties} if properties else {},
        }
        group.attrs.update({"ome": about} if version == "0.5" else about)
    return folder


@pytest.mark.parametrize(("version", "shape"), [("0.5", ()), ("0.4", (1, 1, 1))])
def test_labels_of_other_programs_are_objects_of_a_class(
    tmp_path: Path, version: str, shape: tuple[int, ...]
) -> None:
    (one,) = read(labels_of_others(tmp_path, version, shape))
    opened = Opened.of(tmp_path)
    values = {class_.name: class_.value for class_ in opened.vocabulary}
    assert list(values) == ["nuclei", "kinds", "grass", "cat"]
    expected = np.zeros((5, 6), np.uint16)
    expected[0, :2] = expected[2:4, 3:] = values["nuclei"]
    expected[4], expected[3, 5] = values["grass"], values["cat"]
    np.testing.assert_array_equal(one.labels, expected)
    assert len(one.notes) == 4
    ids = np.asarray(one.regions)
    assert (ids[0, 0], ids[2, 3], ids[4, 0], ids[3, 5]) == (3, 70_001, 70_002, 70_003)


def test_a_large_picture_is_written_a_chunk_at_a_time(tmp_path: Path) -> None:
    pixels = np.zeros((3000, 3100, 3), np.uint8)
    pixels[::2, ::3] = 200
    labels, regions = np.zeros(pixels.shape[:2], np.uint16), np.zeros(pixels.shape[:2], np.int32)
    labels[:9] = regions[:9] = 1
    one = LabelledImage("", labels, regions, (RegionNote(1, 1, 1),), path="a.png", pixels=pixels)
    write(tmp_path / "warm", [replace(by_hand(), pixels=pixels[:3, :3])], OME_ZARR, TWO)
    tracemalloc.start()
    try:
        folder = write(tmp_path / "out", [one], OME_ZARR, TWO) / "a.ome.zarr"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.2 * pixels.nbytes, peak / pixels.nbytes
    group = zarr.open_group(folder, mode="r")
    np.testing.assert_array_equal(np.asarray(group["0"]), pixels.transpose(2, 0, 1))
    first = pixels.astype(np.float64).reshape(1500, 2, 1550, 2, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(np.asarray(group["1"]), np.floor(first + 0.5).transpose(2, 0, 1))
