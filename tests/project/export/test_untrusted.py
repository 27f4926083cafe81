"""What a file of an export says of itself, whoever wrote it, in each format: refused in a sentence."""

from __future__ import annotations

import json
import os
import re
import shutil
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export import checks
from napari_corrclip.project.export.cvat import ARCHIVE
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.formats import FORMATS, WRITTEN
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.numbering import Choices
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import write

BARE = ExportOptions(pictures="none")
ONE = Vocabulary.from_names(["cat"])


def nothing() -> LabelledImage:
    """Return an image of which no pixel has a class."""
    return LabelledImage("", np.zeros((4, 5), np.uint16), np.zeros((4, 5), np.int32), path="a.png")


def manifest_with(folder: Path, change: Any) -> None:
    """Change the manifest of an export."""
    path = folder / "napari-corrclip" / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def without_masks(path: Path) -> None:
    """Take the masks out of an archive."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            if not name.endswith(".png"):
                archive.writestr(name, data)


def read_all(folder: Path) -> list[LabelledImage]:
    opened = Opened.of(folder)
    return [opened.image(entry) for entry in opened.entries]


@pytest.mark.parametrize("manifest", [True, False])
@pytest.mark.parametrize("shape", [(10**6, 10**6), ((1 << 14) + 1, 1 << 14)])
@pytest.mark.parametrize("name", ["yolo", "cvat"])
def test_a_manifest_asks_for_no_more_memory_than_an_image_has(
    name: str, shape: tuple[int, int], manifest: bool, tmp_path: Path
) -> None:
    """Without it, too: it says alone how large an image is whose files do not."""
    folder = write(tmp_path / "out", [nothing()], FORMATS[name], ONE, BARE)

    def change(document: dict[str, Any]) -> None:
        document["items"][0]["shape"] = shape

    manifest_with(folder, change)
    if name == "cvat":  # CVAT has no mask of an image without labels
        without_masks(folder / ARCHIVE)
    else:
        (folder / "labels" / "train" / "a.txt").write_text("0 0 0 1 0 1 1\n")
    opened = Opened.of(folder, manifest=manifest)
    with pytest.raises(InputError, match=rf"said to have {shape[0]} x {shape[1]} pixels, and"):
        opened.image(opened.entries[0])


def test_a_geojson_asks_for_no_more_memory_than_an_image_has(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [nothing()], FORMATS["geojson"], ONE, BARE)
    path = folder / "a.geojson"
    for about in ({"width": (1 << 14) + 1, "height": 1 << 14}, None):
        document = {"type": "FeatureCollection", "features": []}
        path.write_text(json.dumps({**document, "image": about} if about else document))
        with pytest.raises(InputError, match=r"said to have 16384 x 16385 pixels, and"):
            read_all(folder)

        def change(document: dict[str, Any]) -> None:
            document["items"][0]["shape"] = [1 << 14, (1 << 14) + 1]

        manifest_with(folder, change)


def test_a_task_asks_for_no_more_memory_than_an_image_has(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [nothing()], FORMATS["label-studio"], ONE, BARE)
    path = folder / "tasks.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document[0]["data"] |= {"width": 1 << 15, "height": 1 << 14}
    path.write_text(json.dumps(document))
    # as far as the file goes nobody knows, and the manifest says what was written
    assert [one.shape for one in read_all(folder)] == [(4, 5)]

    def change(document: dict[str, Any]) -> None:
        document["items"][0]["shape"] = [1 << 14, 1 << 15]

    manifest_with(folder, change)
    with pytest.raises(InputError, match=r"said to have 16384 x 32768 pixels, and"):
        read_all(folder)


def test_a_zarr_of_one_enormous_chunk_asks_for_no_more_memory(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [nothing()], FORMATS["ome-zarr"], ONE, BARE)
    path = folder / "a.ome.zarr" / "labels" / "classes" / "0" / "zarr.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["shape"] = [1 << 15, 1 << 15]
    document["chunk_grid"]["configuration"]["chunk_shape"] = [1 << 15, 1 << 15]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"said to have 32768 x 32768 pixels, and"):
        read_all(folder)


def test_a_picture_asks_for_no_more_memory_than_it_holds(tmp_path: Path) -> None:
    """A TIFF need not have all tiles that it says it has."""
    folder = write(tmp_path / "out", [nothing()], FORMATS["geojson"], ONE, BARE)
    sparse_tiff(folder / "a.tif", 1 << 17)
    with pytest.raises(InputError, match=r"131072 x 131072 pixels, and"):
        read_all(folder)


CHOICES: list[tuple[dict[str, Any], str]] = [
    ({"first": "x"}, "first class's number is 'x'; choose 'keep', 0, 1"),
    ({"first": 2}, "first class's number is 2"),
    ({"first": True}, "first class's number is True"),
    ({"first": [0]}, r"first class's number is \[0\]"),
    (
        {"unlabelled": [1]},
        r"number of unlabelled pixels is \[1\]; give one from 0 to 65535",
    ),
    ({"unlabelled": -1}, "number of unlabelled pixels is -1"),
    ({"unlabelled": True}, "number of unlabelled pixels is True"),
    ({"ignored": "abc"}, "number of ignored regions is 'abc'"),
    ({"ignored": 65536}, "number of ignored regions is 65536"),
    ({"ignored": 1.5}, "number of ignored regions is 1.5"),
    ({"background": 3}, "background class is 3; choose 'class' or 'unlabelled'"),
    ({"background": None}, "background class is None"),
]


@pytest.mark.parametrize(("choices", "sentence"), CHOICES)
def test_choices_that_nobody_can_mean_are_told(
    choices: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=sentence):
        Choices(**choices)
    folder = write(tmp_path / "out", [nothing()], FORMATS["indexed"], ONE, BARE)
    manifest_with(folder, lambda document: document["choices"].update(choices))
    with pytest.raises(InputError, match=f"manifest.* is damaged .*{sentence}"):
        Opened.of(folder)
    if None not in choices.values():  # which is what nobody has said
        with pytest.raises(InputError, match=sentence):
            write(tmp_path / "new", [nothing()], FORMATS["indexed"], ONE, replace(BARE, **choices))


def decided() -> LabelledImage:
    """Return an image of one region that a person decided about."""
    note = RegionNote(3, 1, 1, "assigned", 0.5, 0.25, True, "Ann", 1.7e9)
    ones = np.ones((4, 5))
    return LabelledImage(
        "", ones.astype(np.uint16), 3 * ones.astype(np.int32), (note,), path="a.png"
    )


TIMES = ["1e300", "Infinity", "NaN", "-1", "253402300800", "true", '"x"']
"""As JSON."""
FILES = {
    "coco": "annotations/instances_default.json",
    "coco-panoptic": "annotations/panoptic_default.json",
    "label-studio": "tasks.json",
    "geojson": "a.geojson",
    "ome-zarr": "a.ome.zarr/labels/regions/zarr.json",
}


@pytest.mark.parametrize("when", TIMES)
@pytest.mark.parametrize("name", FILES)
def test_a_time_that_no_calendar_has_is_none_or_told(name: str, when: str, tmp_path: Path) -> None:
    """What is imported can be exported, in each format that knows when somebody decided."""
    folder = write(tmp_path / "out", [decided()], FORMATS[name], ONE, BARE)
    path = folder / FILES[name]
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r'("at": ?)("[^"]*"|[\d.e+]+)', rf"\g<1>{when}", text)
    changed = re.sub(r'("(?:p|score|margin)": ?)0\.\d+', r"\g<1>7e99", changed)
    assert re.search(rf'"at": ?{when}', changed)
    path.write_text(changed, encoding="utf-8")
    try:
        opened = Opened.of(folder, manifest=False)
        one = opened.image(opened.entries[0])
    except InputError as error:
        assert path.name in str(error) or "a.ome.zarr" in str(error)  # noqa: PT017 - or none is raised
        return
    (note,) = one.notes
    assert note.at == 0
    assert note.p <= 1
    assert note.margin <= 1
    for other in FILES:
        write(tmp_path / other, [one], FORMATS[other], opened.vocabulary, BARE)


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+00:00"])
def test_a_date_at_the_end_of_the_calendar_is_told(at: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [decided()], FORMATS["geojson"], ONE, BARE)
    path = folder / "a.geojson"
    text = path.read_text(encoding="utf-8").replace("2023-11-14T22:13:20+00:00", at)
    assert at in text
    path.write_text(text, encoding="utf-8")
    opened = Opened.of(folder, manifest=False)
    with pytest.raises(InputError, match=f"was decided at '{re.escape(at)}'; write"):
        opened.image(opened.entries[0])


@pytest.mark.parametrize("at", [np.inf, np.nan, 1e300, -1.0])
def test_a_time_of_a_manifest_is_one(at: float, tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [decided()], FORMATS["indexed"], ONE, BARE)
    path = folder / "napari-corrclip" / "items" / "000000.npz"
    arrays = dict(np.load(path))
    np.savez_compressed(path, **{**arrays, "at": np.array([at])})
    with pytest.raises(InputError, match="is damaged"):
        read_all(folder)
    off = {"p": np.array([np.inf], np.float32), "margin": np.array([7], np.float32)}
    np.savez_compressed(path, **{**arrays, **off})
    (one,) = read_all(folder)
    assert (one.notes[0].p, one.notes[0].margin) == (0, 1)


def pictured(path: Path) -> LabelledImage:
    """Return an image with its picture."""
    Image.new("RGB", (5, 4)).save(path)
    return replace(decided(), file=path)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
@pytest.mark.parametrize("name", WRITTEN)
def test_no_link_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    """Of each file of an export that is read again; of the pictures it may, which can be exported so."""
    format_ = FORMATS[name]
    one = pictured(tmp_path / "a.png")
    how = ExportOptions(pictures="none" if name == "ome-zarr" else "link")
    folder = write(tmp_path / "out", [one], format_, ONE, how)
    shutil.move(folder / "napari-corrclip", tmp_path / "manifest")
    assert read_all(folder)[0].labels.all()
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert files
    aside = tmp_path / "aside"
    refused = 0
    for path in files:
        path.rename(aside)
        path.symlink_to(aside)
        try:
            (back,) = read_all(folder)
        except InputError as error:
            assert "is a link out of the folder" in str(error), path  # noqa: PT017 - or it is not read
            refused += 1
        else:
            assert path.name in UNREAD, path
            assert back.labels.all()
        path.unlink()
        aside.rename(path)
    assert refused
    for path in [path for path in folder.rglob("*") if path.is_dir() and path.name != "images"]:
        if not path.is_dir() or any(each.is_symlink() for each in path.rglob("*")):
            continue  # of pictures
        path.rename(aside)
        path.symlink_to(aside)
        with pytest.raises(InputError, match="is a link out of the folder"):
            read_all(folder)
        path.unlink()
        aside.rename(path)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_no_link_leads_out_of_the_manifest(tmp_path: Path) -> None:
    """Neither of it nor of its folders: what it says would be of somebody's other files."""
    folder = write(tmp_path / "out", [nothing()], FORMATS["indexed"], ONE, BARE)
    aside = tmp_path / "aside"
    for name in ("manifest.json", "items/000000.npz", "items", ""):
        path = folder / "napari-corrclip" / name
        path.rename(aside)
        path.symlink_to(aside)
        with pytest.raises(InputError, match=r"The manifest .* is a link out of the folder"):
            read_all(folder)
        path.unlink()
        aside.rename(path)
    assert len(read_all(folder)) == 1


UNREAD = {"README.md", "id2label.json"}
"""Files of a set that are for others."""


@pytest.mark.parametrize("manifest", [True, False])
@pytest.mark.parametrize("name", WRITTEN)
def test_a_name_is_one_whatever_other_programs_take_for_the_end_of_a_line(
    name: str, manifest: bool, tmp_path: Path
) -> None:
    titles = ["a\u2028b.png", "c\u0085d.png", "e\u2029.png", "\u00a0f\u3000.png"]
    images = [replace(decided(), path=title) for title in titles]
    folder = write(tmp_path / "out", images, FORMATS[name], ONE, BARE)
    if name == "yolo" and not manifest:  # nothing else says how large they are
        return
    opened = Opened.of(folder, manifest=manifest)
    assert len(opened.entries) == len(titles)
    assert {entry.name for entry in opened.entries} == {title[:-4] for title in titles}
    for entry in opened.entries:
        assert opened.image(entry).labels.all()


def sparse_tiff(path: Path, side: int, tile: int = 4096) -> None:
    """Write a TIFF of whose tiles the first one is there."""
    data = zlib.compress(bytes(tile * tile))
    count = (side // tile) ** 2
    tags = [
        (256, side),
        (257, side),
        (258, 8),
        (259, 8),
        (262, 1),
        (277, 1),
        (322, tile),
        (323, tile),
    ]
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    lists = np.zeros((2, count), "<u4")
    lists[:, 0] = start + lists.nbytes, len(data)
    entries = [np.array([kind, 4, 1, value], "<u4") for kind, value in tags]
    entries += [
        np.array([kind, 4, count, start + 4 * count * row], "<u4")
        for row, kind in enumerate((324, 325))
    ]
    table = b"".join(
        int(kind).to_bytes(2, "little") + int(form).to_bytes(2, "little") + rest.tobytes()
        for (kind, form, *_), rest in ((entry, entry[2:]) for entry in entries)
    )
    head = b"II*\0\x08\0\0\0" + len(entries).to_bytes(2, "little")
    path.write_bytes(head + table + bytes(4) + lists.tobytes() + data)


def padded(folder: Path, rows: int) -> None:
    """Let a manifest tell of so many regions more, none of which the image has."""
    path = folder / "napari-corrclip" / "items" / "000000.npz"
    arrays = dict(np.load(path))
    for name in arrays.keys() - {"lengths", "run_ids", "unwritten"}:
        more = np.arange(1000, 1000 + rows) if name == "ids" else np.zeros(rows)
        arrays[name] = np.concatenate([arrays[name], more.astype(arrays[name].dtype)])
    np.savez_compressed(path, **arrays)


@pytest.mark.parametrize(
    ("side", "rows"),
    [pytest.param(4, 1 << 20, id="more than pixels"), pytest.param(1000, 990_000, id="fewer")],
)
def test_a_manifest_of_regions_that_nobody_has_asks_for_little_memory(
    side: int, rows: int, tmp_path: Path
) -> None:
    labels = np.ones((side, side), np.uint16)
    one = LabelledImage("", labels, labels.astype(np.int32), (RegionNote(1, 1, 1),), path="a.png")
    folder = write(tmp_path / "out", [one], FORMATS["indexed"], ONE, BARE)
    read_all(folder)
    padded(folder, rows)
    tracemalloc.start()
    try:
        if rows > side * side:
            with pytest.raises(
                InputError, match=r"000000\.npz' holds ids of \d+ bytes where at most"
            ):
                read_all(folder)
        else:
            (back,) = read_all(folder)
            assert [note.id for note in back.notes] == [1]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Arrays of them take 54 bytes a region, lists 300 and more.
    assert peak < (8 << 20 if rows > side * side else 120 * rows)


def test_a_manifest_tells_of_a_region_once(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [nothing()], FORMATS["indexed"], ONE, BARE)
    padded(folder, 1)
    read_all(folder)
    padded(folder, 1)
    with pytest.raises(InputError, match="is damaged"):
        read_all(folder)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("-1,dog,1,2,3,2", "the number -1"),
        ("1000000000000000,dog,1,2,3,2", "classes have numbers from 0 to 65535"),
        ("1,dog,1,2,3,2", "the number 1 twice"),
        (f'2,"{"x" * 140_000}",1,2,3,2', "field larger than field limit"),
    ],
)
def test_a_table_of_classes_that_cannot_be_is_told(tmp_path: Path, row: str, why: str) -> None:
    folder = write(tmp_path / "out", [nothing()], FORMATS["indexed"], ONE)
    table = folder / "classes.csv"
    head = table.read_text(encoding="utf-8").splitlines()[0]
    table.write_text("\n".join([head, "1,cat,9,9,9,1", row]), encoding="utf-8")
    for manifest in (True, False):
        with pytest.raises(InputError, match=why):
            Opened.of(folder, manifest=manifest)


def test_masks_that_cover_an_image_again_and_again_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document of some kilobytes is not to keep a computer busy for hours."""
    monkeypatch.setattr(checks, "_MORE", 0)
    side, many = 64, 65
    corners = [[0, 0], [side, 0], [side, side], [0, side]]
    documents = {
        "coco": {
            "images": [{"id": 1, "file_name": "a.png", "width": side, "height": side}],
            "categories": [{"id": 1, "name": "cat"}],
            "annotations": [
                {
                    "id": number,
                    "image_id": 1,
                    "category_id": 1,
                    "segmentation": [[at for corner in corners for at in corner]]
                    if number % 2
                    else {"size": [side, side], "counts": [0, side * side]},
                }
                for number in range(1, many + 1)
            ],
        },
        "geojson": {
            "type": "FeatureCollection",
            "image": {"width": side, "height": side},
            "features": [
                {
                    "type": "Feature",
                    "geometry": {"type": "Polygon", "coordinates": [[*corners, corners[0]]]},
                    "properties": {"classification": {"name": "cat"}},
                }
            ]
            * many,
        },
    }
    (tmp_path / "coco" / "annotations").mkdir(parents=True)
    (tmp_path / "geojson").mkdir()
    places = {
        "coco": tmp_path / "coco" / "annotations" / "instances.json",
        "geojson": tmp_path / "geojson" / "a.geojson",
    }
    for name, document in documents.items():
        places[name].write_text(json.dumps(document), encoding="utf-8")
        opened = Opened.of(tmp_path / name, name=name)
        with pytest.raises(InputError, match="cover the image more than 64 times over"):
            opened.image(opened.entries[0])
