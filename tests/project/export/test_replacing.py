"""A former export that is replaced: its files are, and whatever else is there stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Steps, finish
from napari_corrclip.project.export.exporting import Exported, ExportOptions, Source, export_steps
from napari_corrclip.project.export.formats import FORMATS, WRITTEN
from napari_corrclip.project.export.importing import Opened
from tests.project.export.exported import image, words, write

BARE = ExportOptions(pictures="none")
AGAIN = ExportOptions(pictures="none", replace=True)


def steps(folder: Path, name: str, options: ExportOptions = AGAIN) -> Steps[Exported]:
    """Return an export of two images that has begun."""
    images = [image(1, name="a.png"), image(2, name="b.png")]
    sources = [Source(one.path, one.path, lambda one=one: one) for one in images]
    begun = export_steps(sources, folder, FORMATS[name], words(), options)
    next(begun)
    next(begun)
    return begun


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files, hidden ones too, with what is in them."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", WRITTEN)
def test_an_export_of_any_format_is_replaced_and_what_lies_beside_stays(
    name: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "out", [image(1), image(2, name="b.png")], WRITTEN[name], None, BARE)
    mine = {"notes.txt": b"mine", "mine/a.png": b"mine", ".git/config": b"mine"}
    for path, data in mine.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
    for path in [folder, *folder.iterdir()]:  # as systems put them wherever a person looks
        if path.is_dir():
            for of_system in (".DS_Store", "Thumbs.db", "desktop.ini", "._a"):
                (path / of_system).write_bytes(b"")
    write(folder, [image(3)], WRITTEN[name], None, AGAIN)
    assert [one.path for one in map(Opened.of(folder).image, Opened.of(folder).entries)] == [
        image(3).path
    ]
    now = tree(folder)
    assert {path: now[path] for path in mine} == mine


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("indexed", "SegmentationClass/mine.png"),
        ("indexed", "SegmentationClass/.git/config"),
        ("indexed", "SegmentationClass/.hidden"),
        ("indexed", "napari-corrclip/note.txt"),
        ("indexed", "napari-corrclip/items/mine.npz"),
        ("coco", "annotations/mine/a.json"),
        ("ome-zarr", "a b.ome.zarr/labels/nuclei_by_hand/zarr.json"),
        ("ome-zarr", "a b.ome.zarr/labels/classes/0/c/9/9"),
    ],
)
def test_files_inside_of_its_folders_are_told_and_nothing_is_touched(
    name: str, path: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "out", [image(1)], FORMATS[name], options=BARE)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(b"mine")
    before = tree(folder)
    with pytest.raises(InputError, match=r"is no file of the export that is to be replaced; move"):
        write(folder, [image(1)], FORMATS[name], options=AGAIN)
    assert tree(folder) == before


def test_links_that_a_person_put_there_are_told(tmp_path: Path) -> None:
    """To a folder inside, and in the place of a folder, which lies on another disk then."""
    folder = write(tmp_path / "out", [image(1)], FORMATS["indexed"], options=BARE)
    (tmp_path / "mine").mkdir()
    link = folder / "SegmentationClass" / "link"
    link.symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match=r"link' is no file of the export"):
        write(folder, [image(1)], FORMATS["indexed"], options=AGAIN)
    link.unlink()
    shutil.move(folder / "SegmentationClass", tmp_path / "mine")
    (folder / "SegmentationClass").symlink_to(tmp_path / "mine" / "SegmentationClass")
    with pytest.raises(InputError, match=r"SegmentationClass' is no file of the export"):
        write(folder, [image(1)], FORMATS["indexed"], options=AGAIN)
    assert (folder / "SegmentationClass").is_symlink()


@pytest.mark.parametrize("mine", ["images/mine.jpg", "labels/hand.txt", "data.yaml"])
def test_another_format_takes_no_names_that_are_not_the_former_ones(
    mine: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "out", [image(1)], FORMATS["indexed"], options=BARE)
    (folder / mine).parent.mkdir(exist_ok=True)
    (folder / mine).write_bytes(b"mine")
    before = tree(folder)
    seen = np.zeros((31, 47, 3), np.uint8)
    with pytest.raises(InputError, match=r"is no file of the export that is to be replaced"):
        write(
            folder,
            [replace(image(1), pixels=seen)],
            FORMATS["yolo"],
            options=ExportOptions(replace=True),
        )
    assert tree(folder) == before


def _put(folder: Path) -> None:
    (folder / "SegmentationClass" / "by_hand.png").write_bytes(b"mine")


def _put_beside(folder: Path) -> None:
    (folder / "annotations").mkdir()
    (folder / "annotations" / "by_hand.json").write_bytes(b"mine")


def _change(folder: Path) -> None:
    (folder / "SegmentationClass" / "a b.png").write_bytes(b"mine")


def _export(name: str) -> Callable[[Path], None]:
    return lambda folder: finish(steps(folder, name)) and None


@pytest.mark.parametrize(
    "meanwhile",
    [_put, _put_beside, _change, _export("yolo"), _export("indexed")],
    ids=["a file", "a name of the new one", "a change", "another export", "one of the former"],
)
@pytest.mark.parametrize("name", ["indexed", "coco"])
def test_what_comes_while_an_export_runs_stays(
    name: str, meanwhile: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = write(tmp_path / "out", [image(1)], FORMATS["indexed"], options=BARE)
    begun = steps(folder, name)
    meanwhile(folder)
    before = {path: data for path, data in tree(folder).items() if not path.startswith(".")}
    if meanwhile is _put_beside and name == "indexed":  # none of its names
        finish(begun)
        assert (folder / "annotations" / "by_hand.json").read_bytes() == b"mine"
        return
    with pytest.raises(InputError, match=r"was changed while the export ran|is no file of the exp"):
        finish(begun)
    assert tree(folder) == before


def test_a_former_export_that_somebody_took_away_meanwhile_is_no_loss(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [image(1)], FORMATS["indexed"], options=BARE)
    begun = steps(folder, "coco")
    for path in [path for path in folder.iterdir() if not path.name.startswith(".")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert finish(begun).images == 2
    assert Opened.of(folder).format.name == "coco"


@pytest.mark.parametrize("pictures", ["copy", "link", "none"])
@pytest.mark.parametrize("way", ["plain", "linked file", "linked folder"])
def test_images_in_a_former_export_are_not_replaced(
    way: str, pictures: str, tmp_path: Path
) -> None:
    seen = np.random.default_rng(0).integers(0, 255, (31, 47, 3), np.uint8)
    one = replace(image(1), pixels=seen)
    folder = write(tmp_path / "out", [one], FORMATS["indexed"])
    (file,) = (folder / "JPEGImages").iterdir()
    if way == "linked file":
        (tmp_path / "link.png").symlink_to(file)
        file = tmp_path / "link.png"
    elif way == "linked folder":
        (tmp_path / "link").symlink_to(file.parent)
        file = tmp_path / "link" / file.name
    before = tree(folder)
    options = ExportOptions(pictures=pictures, replace=True)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lies in the export that is to be replaced"):
        write(folder, [replace(image(1), file=file)], FORMATS["indexed"], options=options)
    assert tree(folder) == before
    write(tmp_path / "other", [replace(image(1), file=file)], FORMATS["indexed"])
    with Image.open(tmp_path / "other" / "JPEGImages" / "a b.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), seen)
