"""CVAT's "Segmentation mask 1.1": what is in the archive, and what comes back of CVAT's own."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.progress import finish
from napari_corrclip.project.export.cvat import (
    ARCHIVE,
    CVAT,
    escaped,
    unescaped,
    voc_indices,
)
from napari_corrclip.project.export.exporting import (
    Exported,
    ExportOptions,
    Source,
    export_steps,
)
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.voc import voc_colors
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass
from tests.project.export.exported import read, same_notes, write

RED, BLUE = (200, 0, 0), (0, 0, 200)
BARE = ExportOptions(pictures="none")


def vocabulary(*classes: tuple[str, tuple[int, int, int]]) -> Vocabulary:
    found = tuple(
        VocabularyClass(name, (name,), value, color)
        for value, (name, color) in enumerate(classes, start=1)
    )
    return Vocabulary(found, len(found) + 1)


def small() -> tuple[LabelledImage, Vocabulary]:
    """An image of 4 x 5 pixels: a region of two parts, one that is painted over, one ignored."""
    labels = np.array([[1, 1, 0, 2, 2], [1, 1, 0, 2, 2], [0, 0, 0, 1, 2], [1, 1, 0, 0, 0]])
    regions = np.array([[3, 3, 0, 8, 8], [3, 3, 0, 8, 8], [9, 9, 0, 8, 8], [3, 3, 0, 0, 0]])
    notes = (
        RegionNote(3, 1, 1),
        RegionNote(8, 2, 2, "accepted"),
        RegionNote(9, 0, 1, "ignored"),
    )
    one = LabelledImage(
        "", labels.astype(np.uint16), regions.astype(np.int32), notes, path="cells.png"
    )
    return one, vocabulary(("cat", RED), ("dog", BLUE))


def opened(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / ARCHIVE) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == "RGB"
        return np.array(picture)


def png(array: NDArray[np.integer], palette: NDArray[np.uint8] | None = None) -> bytes:
    picture = Image.fromarray(array.astype(np.uint8))
    if palette is not None:
        picture.putpalette(palette.tobytes())
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()


def rewrite(
    folder: Path, changed: Mapping[str, bytes | None], kind: int = zipfile.ZIP_DEFLATED
) -> None:
    """Put other files into an archive; ``None`` takes one out."""
    files = {**opened(folder), **changed}
    with zipfile.ZipFile(folder / ARCHIVE, "w", kind) as archive:
        for name, data in files.items():
            if data is not None:
                archive.writestr(name, data)


def test_the_archive_is_as_the_format_says(tmp_path: Path) -> None:
    one, classes = small()
    folder = write(tmp_path / "out", [one], CVAT, classes, BARE)
    files = opened(folder)
    assert list(files) == [
        "labelmap.txt",
        "SegmentationClass/cells.png",
        "SegmentationObject/cells.png",
        "ImageSets/Segmentation/default.txt",
    ]
    assert files["labelmap.txt"].decode() == (
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:200,0,0::\ndog:0,0,200::\n"
    )
    assert files["ImageSets/Segmentation/default.txt"] == b"cells\n"
    colors = np.array([(0, 0, 0), RED, BLUE], np.uint8)
    np.testing.assert_array_equal(pixels(files["SegmentationClass/cells.png"]), colors[one.labels])
    # Pascal VOC's colours of 1, 2 and 3: the third is the pixel of region 8 that somebody painted over
    masks = np.array([[1, 1, 0, 3, 3], [1, 1, 0, 3, 3], [0, 0, 0, 2, 3], [1, 1, 0, 0, 0]])
    voc = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)], np.uint8)
    np.testing.assert_array_equal(pixels(files["SegmentationObject/cells.png"]), voc[masks])


def test_masks_of_classes_are_one_a_class(tmp_path: Path) -> None:
    one, classes = small()
    options = replace(BARE, masks="classes")
    files = opened(write(tmp_path / "out", [one], CVAT, classes, options))
    voc = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0)], np.uint8)
    np.testing.assert_array_equal(pixels(files["SegmentationObject/cells.png"]), voc[one.labels])


def test_regions_come_back_without_the_manifest(tmp_path: Path) -> None:
    one, classes = small()
    (other,) = read(write(tmp_path / "out", [one], CVAT, classes, BARE), manifest=False)
    np.testing.assert_array_equal(
        other.regions, [[1, 1, 0, 3, 3], [1, 1, 0, 3, 3], [0, 0, 0, 2, 3], [1, 1, 0, 0, 0]]
    )
    assert [(note.id, note.value, note.state) for note in other.notes] == [
        (1, 1, "assigned"),
        (2, 1, "assigned"),
        (3, 2, "assigned"),
    ]


def test_colors_of_pascal_voc() -> None:
    # of the development kit's table
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128),
             8: (64, 0, 0), 20: (0, 64, 128), 255: (224, 224, 192)}  # fmt: skip
    for index, color in known.items():
        assert tuple(voc_colors(np.array(index)).tolist()) == color
    every = np.unique(np.concatenate([np.arange(70_000), [2**24 - 1]]))
    colors = voc_colors(every)
    assert len(np.unique(colors, axis=0)) == len(every)
    np.testing.assert_array_equal(voc_indices(colors), every)


def test_each_class_has_a_color_of_its_own(tmp_path: Path) -> None:
    given = vocabulary(
        ("a", (0, 0, 0)), ("b", (128, 0, 0)), ("c", RED), ("d", RED), ("e", (0, 128, 0)), ("f", RED)
    )
    labels = np.arange(7, dtype=np.uint16).reshape(1, 7)
    one = LabelledImage("", labels, labels.astype(np.int32), path="one.png")
    folder = write(tmp_path / "out", [one], CVAT, given, BARE)
    lines = opened(folder)["labelmap.txt"].decode().splitlines()
    colors = [line.split(":")[1] for line in lines[1:]]
    assert len(set(colors)) == len(colors)
    # who has a colour alone, or first, keeps it, and nobody gets that of another
    assert colors == ["0,0,0", "128,128,0", "128,0,0", "200,0,0", "0,0,128", "0,128,0", "128,0,128"]
    assert Opened.of(folder).vocabulary == given
    for manifest in (True, False):
        np.testing.assert_array_equal(read(folder, manifest=manifest)[0].labels, labels)


@pytest.mark.parametrize(
    "name", ["#1", "per:son", "50%", "%3A", "100%25", "a:b:c", "# #", "Käfer: 🪲", "%", "per%3Ason"]
)
def test_names_that_the_labelmap_cannot_hold_come_back(name: str, tmp_path: Path) -> None:
    text = escaped(name)
    assert unescaped(text) == name
    assert ":" not in text
    assert not text.startswith("#")
    one, _ = small()
    folder = write(tmp_path / "out", [one], CVAT, vocabulary((name, RED), ("x", BLUE)), BARE)
    assert Opened.of(folder, manifest=False).vocabulary.names == (name, "x")


def test_a_class_may_be_called_background(tmp_path: Path) -> None:
    one, _ = small()
    given = vocabulary(("Background", RED), ("unlabelled", BLUE))
    folder = write(tmp_path / "out", [one], CVAT, given, BARE)
    lines = opened(folder)["labelmap.txt"].decode().splitlines()
    assert lines[1:] == ["unlabelled 2:0,0,0::", "Background:200,0,0::", "unlabelled:0,0,200::"]
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.labels, one.labels)


def test_the_background_class_may_be_what_is_black(tmp_path: Path) -> None:
    one, _ = small()
    given = Vocabulary.from_names(["background", "cat"])
    options = replace(BARE, background="unlabelled")
    folder = write(tmp_path / "out", [one], CVAT, given, options)
    lines = opened(folder)["labelmap.txt"].decode().splitlines()
    assert [line.split(":")[0] for line in lines[1:]] == ["background", "cat"]
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.labels, np.where(one.labels == 2, 1, 0))


def stripes(count: int, classes: int, width: int = 8) -> tuple[LabelledImage, Vocabulary]:
    """An image of so many regions, each a row, the later ones narrower, and of classes in turn."""
    regions = np.repeat(np.arange(1, count + 1, dtype=np.int32)[:, None], width, axis=1)
    regions[count // 2 :, width // 2 :] = 0
    labels = np.where(regions > 0, (regions - 1) % classes + 1, 0).astype(np.uint16)
    notes = tuple(
        RegionNote(region, (region - 1) % classes + 1, 1) for region in range(1, count + 1)
    )
    one = LabelledImage("", labels, regions, notes, path="many.png")
    return one, Vocabulary.from_names([f"class {number}" for number in range(classes)])


@pytest.mark.parametrize("count", [255, 256, 400])
def test_more_masks_than_cvat_knows_are_put_together(count: int, tmp_path: Path) -> None:
    one, classes = stripes(count, 3)
    folder = write(tmp_path / "out", [one], CVAT, classes, BARE)
    masks = voc_indices(pixels(opened(folder)["SegmentationObject/many.png"]))
    np.testing.assert_array_equal(masks > 0, one.labels > 0)
    assert masks.max() == len(np.unique(masks[masks > 0])) == min(count, 255)
    for mask in range(1, int(masks.max()) + 1):
        assert len(np.unique(one.labels[masks == mask])) == 1
    # the largest have one each
    for region in range(1, min(count // 2, 252) + 1):
        assert len(np.unique(masks[one.regions == region])) == 1
        (own,) = np.unique(masks[one.regions == region])
        np.testing.assert_array_equal(masks == own, one.regions == region)
    (other,) = read(folder)
    np.testing.assert_array_equal(other.labels, one.labels)
    np.testing.assert_array_equal(other.regions, one.regions)
    assert same_notes(other, one)


def exported(folder: Path, images: list[LabelledImage], classes: Vocabulary) -> Exported:
    """Export images, and return what is told of it."""
    sources = [Source(one.path, one.path, lambda one=one: one) for one in images]  # type: ignore[misc]
    return finish(export_steps(sources, folder, CVAT, classes, BARE))


def test_what_cvat_does_not_know_as_it_was_is_told(tmp_path: Path) -> None:
    many, classes = stripes(400, 3)
    few = replace(stripes(255, 3)[0], path="few.png")
    assert exported(tmp_path / "few", [few], classes).notes == ()
    assert exported(tmp_path / "one", [many, few], classes).notes == (
        "CVAT knows 255 masks an image: of 'many.png' the smallest regions of each class are one mask "
        "together.",
    )
    others = [replace(many, path=f"{number}.png") for number in range(3)]
    (note,) = exported(tmp_path / "three", others, classes).notes
    assert note.startswith(
        "CVAT knows 255 masks an image: of '0.png' and 2 other images the smallest"
    )
    one, classes = stripes(300, 300)
    assert exported(tmp_path / "classes", [one], classes).notes[-1] == (
        "CVAT knows 255 masks an image: of 'many.png' each of its classes is one mask."
    )
    one, classes = stripes(3, 3)[0], vocabulary(("a", RED), ("b", (0, 0, 0)), ("c", BLUE))
    assert exported(tmp_path / "colour", [one], classes).notes == (
        "CVAT takes a colour for one class, and black for none: 'b' has another one there.",
    )


def test_three_hundred_classes(tmp_path: Path) -> None:
    one, classes = stripes(300, 300)
    few = replace(stripes(6, 6)[0], path="few.png")
    folder = write(tmp_path / "out", [one, few], CVAT, classes, BARE)
    names = list(opened(folder))
    assert "SegmentationObject/few.png" in names
    assert "SegmentationObject/many.png" not in names  # CVAT could not tell its masks apart
    for manifest in (True, False):
        back = {each.name: each for each in read(folder, manifest=manifest)}
        np.testing.assert_array_equal(back["many"].labels, one.labels)
        np.testing.assert_array_equal(back["few"].labels, few.labels)


def test_subsets_are_lists_and_images_lie_beside_the_archive(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / "#1.png")
    one, classes = small()
    images = [
        replace(one, path=name, file=tmp_path / "#1.png") for name in ("#1.png", "b.png", "c.png")
    ]
    options = ExportOptions(split=(2, 1))
    folder = write(tmp_path / "out", images, CVAT, classes, options)
    lists = [name for name in opened(folder) if name.startswith("ImageSets")]
    assert lists == ["ImageSets/Segmentation/train.txt", "ImageSets/Segmentation/val.txt"]
    # a line that begins with # is none, so that name and image have another one
    assert sorted(path.name for path in (folder / "images").iterdir()) == [
        "%231.png",
        "b.png",
        "c.png",
    ]
    found = Opened.of(folder, manifest=False)
    assert sorted(entry.name for entry in found.entries) == ["#1", "b", "c"]
    assert {entry.subset for entry in found.entries} == {"train", "val"}
    assert all(entry.picture is not None for entry in found.entries)
    assert sorted(each.path for each in read(folder)) == ["#1.png", "b.png", "c.png"]


def exported_by_cvat(folder: Path, one: LabelledImage) -> None:
    """Leave what CVAT exports: its own colours and order of classes, and a dog painted into a corner."""
    labels, regions = one.labels.copy(), np.asarray(one.regions)
    labels[3, 4] = 2
    masks = np.where(labels > 0, regions, 0)
    masks[3, 4] = 1
    colors = np.array([(0, 0, 0), (61, 61, 245), (250, 50, 83)], np.uint8)
    rewrite(
        folder,
        {
            "labelmap.txt": b"# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
            b"dog:250,50,83::\ncat:61,61,245::\n",
            "SegmentationClass/cells.png": png(colors[labels]),
            "SegmentationObject/cells.png": png(voc_colors(masks)),
        },
    )


def test_what_cvat_exports_after_somebody_changed_it(tmp_path: Path) -> None:
    one, classes = small()
    folder = write(tmp_path / "out", [one], CVAT, classes, BARE)
    exported_by_cvat(folder, one)
    wanted = one.labels.copy()
    wanted[3, 4] = 2
    (known,) = read(folder)  # classes go by their names, whatever their order
    np.testing.assert_array_equal(known.labels, wanted)
    (bare,) = read(folder, manifest=False)
    np.testing.assert_array_equal(bare.labels, np.array([0, 2, 1])[wanted])
    # unpacked by somebody, under another name, or in other kinds of PNG it is the same
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    with zipfile.ZipFile(folder / ARCHIVE) as archive:
        archive.extractall(unpacked)
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    (folder / ARCHIVE).rename(renamed / "task_7_annotations.zip")
    for place in (unpacked, renamed):
        (other,) = read(place, manifest=False)
        np.testing.assert_array_equal(other.labels, bare.labels)
        np.testing.assert_array_equal(other.regions, bare.regions)


def test_masks_of_one_channel_and_with_a_palette(tmp_path: Path) -> None:
    one, classes = small()
    folder = write(tmp_path / "out", [one], CVAT, classes, BARE)
    palette = np.zeros((256, 3), np.uint8)
    palette[[5, 6]] = RED, BLUE
    table = np.array([0, 5, 6])
    rewrite(
        folder,
        {
            "SegmentationClass/cells.png": png(table[one.labels], palette),
            "SegmentationObject/cells.png": png(np.where(one.labels > 0, one.regions, 0)),
        },
    )
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.labels, one.labels)
    np.testing.assert_array_equal(other.regions, np.where(one.labels > 0, one.regions, 0))
    rewrite(folder, {"SegmentationClass/cells.png": png(one.labels)})
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.labels, one.labels)


def test_an_image_from_which_all_was_taken_has_no_mask(tmp_path: Path) -> None:
    one, classes = small()
    other = replace(one, path="other.png")
    folder = write(tmp_path / "out", [one, other], CVAT, classes, BARE)
    gone = {f"Segmentation{kind}/cells.png": None for kind in ("Class", "Object")}
    rewrite(folder, gone)
    back = {each.name: each for each in read(folder)}
    assert not back["cells"].labels.any()
    assert back["cells"].labels.shape == one.shape
    np.testing.assert_array_equal(back["other"].labels, one.labels)
    # nobody knows its size where there is neither manifest nor image
    (folder / "napari-corrclip").rename(tmp_path / "gone")
    assert [each.name for each in read(folder)] == ["other"]
    (folder / "images").mkdir()
    (folder / "images" / "cells.png").write_bytes(png(np.zeros((4, 5))))
    assert [each.name for each in read(folder)] == ["cells", "other"]


def test_labels_without_colors_have_those_of_pascal_voc(tmp_path: Path) -> None:
    one, classes = small()
    folder = write(tmp_path / "out", [one], CVAT, classes, BARE)
    rewrite(
        folder,
        {
            "labelmap.txt": b"background:::\ncat:::\ndog:::\n",
            "SegmentationClass/cells.png": png(voc_colors(one.labels)),
        },
    )
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.labels, one.labels)


# -- damaged files


def cut(folder: Path) -> None:
    path = folder / ARCHIVE
    path.write_bytes(path.read_bytes()[:-200])


def no_archive(folder: Path) -> None:
    (folder / ARCHIVE).write_bytes(b"hello")


def bomb(folder: Path) -> None:
    rewrite(folder, {"SegmentationClass/cells.png": bytes(1 << 27)})


def lying_bomb(folder: Path) -> None:
    """The list says fewer bytes than the file unpacks to."""
    rewrite(folder, {"SegmentationClass/cells.png": bytes(1 << 27)})
    path = folder / ARCHIVE
    data = path.read_bytes().replace((1 << 27).to_bytes(4, "little"), (99).to_bytes(4, "little"))
    path.write_bytes(data)


def packed_otherwise(folder: Path) -> None:
    rewrite(folder, {}, zipfile.ZIP_LZMA)


def flipped(folder: Path) -> None:
    path = folder / ARCHIVE
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 6] ^= 0xFF
    path.write_bytes(data)


def changed(**files: bytes | None) -> Callable[[Path], None]:
    places = {
        "labelmap": "labelmap.txt",
        "mask": "SegmentationClass/cells.png",
        "masks": "SegmentationObject/cells.png",
    }
    return lambda folder: rewrite(folder, {places[name]: data for name, data in files.items()})


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut, "damaged"),
        (no_archive, "damaged"),
        (bomb, "unpacks from"),
        (lying_bomb, "damaged"),
        (packed_otherwise, "packed in a way"),
        (flipped, "damaged"),
        (changed(labelmap=None), "no table of classes"),
        (changed(labelmap=b"\xff\xfe\xfd"), "no UTF-8"),
        (changed(labelmap=b"cat:1,2::\n"), "the line 'cat:1,2::'"),
        (changed(labelmap=b"cat:1,2,256::\n"), "the line"),
        (changed(labelmap=b"cat:1,2,3:\n"), "the line"),
        (changed(labelmap=b"cat:1,2,3::\ndog:1,2,3::\n"), "'cat' and 'dog'"),
        (changed(labelmap=b"cat:1,2,3::\ncat:1,2,4::\n"), "cat"),
        (changed(labelmap=b"cat:200,0,0::\n"), r"colour \(0, 0, 200\)"),
        (changed(labelmap=b""), "class"),
        (changed(mask=b"none"), "no PNG"),
        (changed(mask=png(np.full((4, 5), 7))), "number 7"),
        (changed(mask=png(np.zeros((4, 5)) > 0)[:45]), "damaged"),
        (changed(masks=png(np.zeros((5, 4)))), r"\(5, 4\) pixels"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_told_in_a_sentence(
    damage: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    one, classes = small()
    folder = write(tmp_path / "out", [one], CVAT, classes, BARE)
    damage(folder)
    with pytest.raises(InputError, match=told):
        read(folder, manifest=False)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    one, classes = small()
    folder = write(tmp_path / "out", [one], CVAT, classes, BARE)
    with zipfile.ZipFile(folder / ARCHIVE) as archive:
        archive.extractall(folder)
    (tmp_path / "secret.png").write_bytes((folder / "SegmentationClass/cells.png").read_bytes())
    listed = folder / "ImageSets/Segmentation/default.txt"
    link = folder / "SegmentationClass/link.png"
    link.symlink_to(tmp_path / "secret.png")
    listed.write_text("link\n")
    with pytest.raises(InputError, match="outside"):
        read(folder, manifest=False)
    # what is no file of the folder has no mask there
    listed.write_text("../../secret\ncells\n/etc/passwd\n")
    assert [each.name for each in read(folder, manifest=False)] == ["cells"]


@pytest.mark.parametrize("place", ["JPEGImages", "images"])
def test_pictures_beside_the_masks_are_found(place: str, tmp_path: Path) -> None:
    files = {
        "labelmap.txt": b"# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:255,0,0::\n",
        "ImageSets/Segmentation/default.txt": b"cells\nsub/more\n",
    }
    mask = np.zeros((4, 5, 3), np.uint8)
    mask[1, 1] = (255, 0, 0)
    for name in ("cells", "sub/more"):
        files[f"SegmentationClass/{name}.png"] = png(mask)
        files[f"{place}/{name}.jpg"] = png(np.zeros((4, 5)))
    for name, data in files.items():
        path = tmp_path / "unpacked" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    opened = Opened.of(tmp_path / "unpacked")
    assert opened.format is CVAT
    assert [entry.picture for entry in opened.entries] == [
        tmp_path / "unpacked" / place / f"{name}.jpg" for name in ("cells", "sub/more")
    ]
    assert not opened.reader.notes
    if place == "JPEGImages":
        (tmp_path / "zipped").mkdir()
        with zipfile.ZipFile(tmp_path / "zipped" / "task.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        (note,) = Opened.of(tmp_path / "zipped").reader.notes
        assert "has images in JPEGImages, which are not taken out of it; unpack it" in note
