"""OME-Zarr 0.5: images with their labels, in chunks and levels, as viewers of large images read them.

``NAME.ome.zarr``, in an export that is split ``SUBSET/NAME.ome.zarr``
    the image, where images are copied: (c, y, x) uint8, and halves of it, averaged.
``NAME.ome.zarr/labels/classes``
    a pixel's number is its class; names, label values and colours are said beside it.
``NAME.ome.zarr/labels/regions``
    its region; scores, decisions and classes are said beside it, of up to 200000 regions.

Halves of labels have every second pixel, never something between two numbers. A map is written and read a
chunk at a time.

https://ngff.openmicroscopy.org/0.5/
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import check_regions
from napari_corrclip.project.export.attributes import attributes_of, note_of, scores_of
from napari_corrclip.project.export.checks import check_size, inside, is_too_large
from napari_corrclip.project.export.exporting import SUBSETS
from napari_corrclip.project.export.format import (
    Entry,
    Format,
    Reader,
    Taken,
    Writer,
    vocabulary_of,
)
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.indexed import VOID_COLOR
from napari_corrclip.project.export.numbering import Choices, decode
from napari_corrclip.project.export.pictures import pixels_of
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.untrusted import guarded
from napari_corrclip.storage.zarr_folders import (
    StoredArray,
    ZarrNode,
    check_zarr,
    child,
    open_array,
    read_node,
)
from napari_corrclip.vocabulary import MAX_VALUE, VocabularyClass

ENDING, LABELS, CLASSES, REGIONS = ".ome.zarr", "labels", "classes", "regions"
UNLABELLED, IGNORED = "unlabelled", "ignored"
VERSION = "0.5"
CHUNK = 1024
_ROWS = 256
"""Of a chunk that are looked at together."""
_MOST_TOLD = 200_000
"""Regions whose properties are said: they are one document, which readers load whole."""
_LARGEST_CHUNK = 1 << 24
"""Pixels that a file is taken to hold at most."""
_ADVICE = "export it again"
_CHANNELS = (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"))


class OmeZarrWriter(Writer):
    """The writer; a map is written a chunk at a time."""

    puts_pixels = True

    def begin(self) -> None:
        """Refuse what cannot be."""
        check_zarr()
        if self.head.pictures == "link":
            raise InputError(
                "OME-Zarr holds the pixels themselves; copy the images, or leave them out."
            )

    @property
    def most_pixels(self) -> None:
        """As many as there are chunks for."""
        return None

    def item(self, image: LabelledImage) -> None:
        """Write an image and its maps."""
        import zarr

        from napari_corrclip.storage.zarr_store import EndedWrites

        folder = self.folder / image.subset
        folder.mkdir(exist_ok=True)
        path = folder / f"{image.name}{ENDING}"
        store = EndedWrites(path)
        try:
            self._write(zarr.open_group(store, mode="w", zarr_format=3), image)
        except OSError as error:
            raise cannot_write(path, error) from None
        finally:
            store.end()

    def _write(self, root: Any, image: LabelledImage) -> None:
        said: dict[str, object] = {"version": VERSION}
        if self.head.pictures == "copy" and not (image.file is None and image.pixels is None):
            said |= _write_picture(root, image)
        root.attrs["ome"] = said
        both = self.head.masks == "both"
        names = [CLASSES, REGIONS] if both else [CLASSES]
        labels = root.create_group(LABELS)
        labels.attrs["ome"] = {"version": VERSION, "labels": names}
        numbering = self.head.numbering

        def classes_in(window: tuple[slice, slice]) -> NDArray[Any]:
            values, regions = np.asarray(image.labels[window]), np.asarray(image.regions[window])
            return numbering.encode(values, image.ignored(values, regions))

        kind = np.uint8 if numbering.highest <= 255 else np.uint16
        self._write_map(labels, CLASSES, image, kind, classes_in, self._classes())
        if both:
            self._write_map(
                labels,
                REGIONS,
                image,
                np.int32,
                lambda window: np.asarray(image.regions[window]),
                {"properties": self._regions(image)},
            )

    def _write_map(
        self,
        labels: Any,
        name: str,
        image: LabelledImage,
        kind: type[np.integer],
        piece: Callable[[tuple[slice, slice]], NDArray[Any]],
        about: Mapping[str, object],
    ) -> None:
        """Write a map and its halves, each from the one before."""
        group = labels.create_group(name)
        shape = image.shape
        arrays: list[Any] = []
        while True:
            array = _new_array(group, str(len(arrays)), shape, kind, whole=is_too_large(shape))
            for window in _windows(shape):
                if arrays:
                    array[window] = _every_second(arrays[-1], window)
                else:
                    array[window] = _put_together(piece, window, kind)
            arrays.append(array)
            if max(shape) <= CHUNK:
                break
            shape = -(-shape[0] // 2), -(-shape[1] // 2)
        scales = [[float(1 << level)] * 2 for level in range(len(arrays))]
        # What has no properties or colours does not say so: lists are not empty there.
        told = {key: value for key, value in about.items() if value}
        group.attrs["ome"] = {
            "version": VERSION,
            "multiscales": [_multiscale(name, ("y", "x"), scales)],
            "image-label": {**told, "source": {"image": "../../"}},
        }

    def _classes(self) -> dict[str, object]:
        choices, numbering = self.head.numbering.choices, self.head.numbering
        colors, properties = [], []
        for class_, number in zip(numbering.classes, numbering.numbers, strict=True):
            colors.append({"label-value": number, "rgba": [*class_.color, 255]})
            properties.append({"label-value": number, "name": class_.name, "value": class_.value})
        # Readers want a colour of whatever has properties.
        for what, other, color in (
            (UNLABELLED, choices.unlabelled, (0, 0, 0, 0)),
            (IGNORED, choices.ignored, (*VOID_COLOR, 255)),
        ):
            if other is not None and all(other != told["label-value"] for told in properties):
                colors.append({"label-value": other, "rgba": list(color)})
                properties.append({"label-value": other, "name": what, "value": 0})
        return {"colors": colors, "properties": properties}

    def _regions(self, image: LabelledImage) -> list[dict[str, object]]:
        if len(image.notes) > _MOST_TOLD:
            self.notes.append(
                f"{image.path or image.name!r} has more than {_MOST_TOLD} regions: scores and decisions "
                "are in the manifest alone."
            )
            return []
        names = {class_.value: class_.name for class_ in self.head.vocabulary}
        return [
            {
                "label-value": note.id,
                "class": names.get(note.value, ""),
                "predicted": names.get(note.predicted, ""),
                **scores_of(note),
                **attributes_of(note),
            }
            for note in image.notes
        ]


def _write_picture(root: Any, image: LabelledImage) -> dict[str, object]:
    """Write the image and its halves; return what the group says of them."""
    pixels = np.ascontiguousarray(pixels_of(image).transpose(2, 0, 1))
    scales: list[list[float]] = []
    shifts: list[list[float]] = []
    while True:
        level = len(scales)
        array = _new_array(root, str(level), pixels.shape, np.uint8)
        array[...] = pixels
        scales.append([1.0, float(1 << level), float(1 << level)])
        # The middle of what was averaged.
        shifts.append([0.0, ((1 << level) - 1) / 2, ((1 << level) - 1) / 2])
        if max(pixels.shape[1:]) <= CHUNK:
            break
        pixels = _halved(pixels)
    window = {"min": 0, "max": 255, "start": 0, "end": 255}
    channels = [
        {"label": label, "color": color, "active": True, "window": window}
        for label, color in _CHANNELS
    ]
    return {
        "multiscales": [_multiscale(image.name, ("c", "y", "x"), scales, shifts)],
        "omero": {"channels": channels},
    }


def _halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (c, h, w) averaged over 2 × 2 pixels; an odd last row or column counts twice."""
    _, height, width = pixels.shape
    even = np.pad(pixels, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    total = sum(even[:, row::2, column::2].astype(np.uint16) for row in (0, 1) for column in (0, 1))
    return ((np.asarray(total) + 2) // 4).astype(np.uint8)


def _new_array(
    group: Any, name: str, shape: Sequence[int], kind: type[np.integer], *, whole: bool = False
) -> Any:
    """Make an array.

    Args:
        group: that it is in.
        name: of the array.
        shape: of the array.
        kind: of its numbers.
        whole: whether chunks of nothing are written, too, by which a large one is known to be no pretence.
    """
    chunks = tuple(min(CHUNK, side) for side in shape)
    names = ("c", "y", "x")[-len(shape) :]
    return group.create_array(
        name,
        shape=tuple(shape),
        chunks=chunks,
        dtype=kind,
        dimension_names=names,
        fill_value=0,
        config={"write_empty_chunks": whole},
    )


def _put_together(
    piece: Callable[[tuple[slice, slice]], NDArray[Any]],
    window: tuple[slice, slice],
    kind: type[np.integer],
) -> NDArray[Any]:
    """Return a chunk, whose rows are looked at some at a time."""
    rows, columns = window
    chunk = np.empty((rows.stop - rows.start, columns.stop - columns.start), kind)
    for top in range(rows.start, rows.stop, _ROWS):
        bottom = min(top + _ROWS, rows.stop)
        chunk[top - rows.start : bottom - rows.start] = piece((slice(top, bottom), columns))
    return chunk


def _every_second(larger: Any, window: tuple[slice, slice]) -> NDArray[Any]:
    """Return a chunk of a map of half the size, a chunk of the larger one after another."""
    rows, columns = window
    chunk = np.empty((rows.stop - rows.start, columns.stop - columns.start), larger.dtype)
    half = CHUNK // 2
    for top in range(0, chunk.shape[0], half):
        for left in range(0, chunk.shape[1], half):
            row, column = 2 * (rows.start + top), 2 * (columns.start + left)
            piece = np.asarray(larger[row : row + CHUNK, column : column + CHUNK])[::2, ::2]
            chunk[top : top + half, left : left + half] = piece
    return chunk


def _windows(shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Yield the chunks of a map."""
    for top in range(0, shape[0], CHUNK):
        for left in range(0, shape[1], CHUNK):
            yield (
                slice(top, min(top + CHUNK, shape[0])),
                slice(left, min(left + CHUNK, shape[1])),
            )


def _multiscale(
    name: str,
    axes: Sequence[str],
    scales: Sequence[Sequence[float]],
    shifts: Sequence[Sequence[float]] = (),
) -> dict[str, object]:
    datasets = []
    for level, scale in enumerate(scales):
        told: list[dict[str, object]] = [{"type": "scale", "scale": list(scale)}]
        if shifts:
            told.append({"type": "translation", "translation": list(shifts[level])})
        datasets.append({"path": str(level), "coordinateTransformations": told})
    kinds = [{"name": axis, "type": "channel" if axis == "c" else "space"} for axis in axes]
    return {"name": name, "axes": kinds, "datasets": datasets}


class OmeZarrReader(Reader):
    """The reader; all metadata are looked at as a stranger's before zarr opens an array."""

    def __init__(self, folder: Path) -> None:
        check_zarr()
        self._folder = folder
        found: dict[str, tuple[VocabularyClass, int]] = {}
        self._paths: dict[Entry, Path] = {}
        for subset in ("", *SUBSETS):
            for path in _images_in(folder / subset):
                _check_links(folder, path)
                root = read_node(path, _what(path), _ADVICE)
                name = path.name[: -len(ENDING)]
                shown = "multiscales" in _said(root)
                self._paths[Entry(name, name, subset, path if shown else None)] = path
                for class_, number in _table(root)[0]:
                    if found.setdefault(class_.name, (class_, number)) != (class_, number):
                        raise InputError(
                            f"{_what(path)} has another number or colour of the class {class_.name!r} than "
                            f"others in {str(folder)!r}; {_ADVICE}."
                        )
        self.entries = list(self._paths)
        self.vocabulary = vocabulary_of([class_ for class_, _ in found.values()])
        self.numbers = [number for _, number in found.values()]

    def read(self, entry: Entry) -> Taken:
        """Return an image's maps."""
        path = self._paths[entry]
        root = read_node(path, _what(path), _ADVICE)
        classes, nothing, out = _table(root)
        array = _map(_label_group(root, CLASSES))
        values = {number: class_.value for class_, number in classes}
        unknown = sorted({0, *nothing, *out} - values.keys())
        labels = np.empty(array.shape, np.uint16)
        ignored = np.zeros(array.shape, np.bool_) if out else None
        for at, numbers in _pieces(array):
            labels[at] = decode(numbers, values, unknown, str(path / LABELS / CLASSES))
            if ignored is not None:
                ignored[at] = np.isin(numbers, sorted(out))
        if not _has_regions(root):
            return Taken(labels, None, ignored)
        group = _label_group(root, REGIONS)
        array = _map(group)
        if array.shape != labels.shape:
            raise InputError(
                f"{_what(path)} has {CLASSES} of {labels.shape} and {REGIONS} of {array.shape} pixels; "
                f"{_ADVICE}."
            )
        regions: NDArray[np.integer] = np.empty(array.shape, np.uint16)
        for at, ids in _pieces(array):
            checked = check_regions(ids)
            if regions.dtype == np.uint16 and checked.max() > np.iinfo(np.uint16).max:
                regions = regions.astype(np.int32)
            regions[at] = checked
        names = {class_.name: class_.value for class_, _ in classes}
        return Taken(labels, regions, ignored, list(_notes(group, names, path)))


def _what(path: Path) -> str:
    return f"The OME-Zarr {str(path)!r}"


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with guarded(f"The folder {str(folder)!r}", "check its permissions"):
        return [path for path in sorted(folder.iterdir()) if path.name.lower().endswith(ENDING)]


def _check_links(folder: Path, path: Path) -> None:
    """Refuse files of an image that lie elsewhere."""
    inside(folder, path, "OME-Zarr")
    waiting = [path] if path.is_dir() else []
    while waiting:
        with guarded(_what(path), "check its permissions"), os.scandir(waiting.pop()) as found:
            for each in found:
                if each.is_symlink():
                    inside(folder, Path(each.path), "part of an OME-Zarr")
                elif each.is_dir():
                    waiting.append(Path(each.path))


def _said(node: ZarrNode) -> Mapping[str, Any]:
    ome = node.attributes.get("ome")
    return ome if isinstance(ome, dict) else {}


def _has_regions(root: ZarrNode) -> bool:
    names = _said(child(root, LABELS, _what(root.path), _ADVICE)).get("labels")
    return isinstance(names, list) and REGIONS in names


def _label_group(root: ZarrNode, name: str) -> ZarrNode:
    return child(root, f"{LABELS}/{name}", _what(root.path), _ADVICE)


def _about(group: ZarrNode) -> Mapping[str, Any]:
    about = _said(group).get("image-label")
    return about if isinstance(about, dict) else {}


def _properties(group: ZarrNode) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the numbers of which something is said, and what."""
    listed = _about(group).get("properties", [])
    for given in listed if isinstance(listed, list) else [listed]:
        told: Mapping[str, Any] = given if isinstance(given, dict) else {}
        number = told.get("label-value")
        if type(number) is not int or not 0 <= number <= np.iinfo(np.int32).max:
            raise InputError(
                f"{_what(group.path)} has the property {str(given)[:60]} without a label-value; {_ADVICE}."
            )
        yield number, told


def _table(root: ZarrNode) -> tuple[list[tuple[VocabularyClass, int]], set[int], set[int]]:
    """Return the classes with their numbers, and the numbers of what has none and of what is ignored."""
    group = _label_group(root, CLASSES)
    what = _what(group.path)
    colors = {}
    listed = _about(group).get("colors", [])
    for told in listed if isinstance(listed, list) else []:
        color = told.get("rgba") if isinstance(told, dict) else None
        if isinstance(color, list) and isinstance(told.get("label-value"), int):
            colors[told["label-value"]] = tuple(color[:3])
    classes = []
    nothing: set[int] = set()
    out: set[int] = set()
    for number, told in _properties(group):
        name, value = told.get("name"), told.get("value", number)
        if not isinstance(name, str) or type(value) is not int or not 0 <= value <= MAX_VALUE:
            raise InputError(
                f"{what} has the class {str(told)[:60]}, which has no name; {_ADVICE}."
            )
        if value:
            color = colors.get(number)
            if color is None:
                raise InputError(f"{what} has no colour of the class {name!r}; {_ADVICE}.")
            classes.append((VocabularyClass(name, (name,), value, color), number))
        else:
            (out if name == IGNORED else nothing).add(number)
    return classes, nothing, out


def _map(group: ZarrNode) -> StoredArray:
    """Return the largest level of a map, which is read where it is cut."""
    what = _what(group.path)
    try:
        path = _said(group)["multiscales"][0]["datasets"][0]["path"]
    except (KeyError, IndexError, TypeError):
        raise InputError(f"{what} names no array; {_ADVICE}.") from None
    node = child(group, path, what, _ADVICE)
    array = StoredArray(open_array(node, what, _ADVICE), what, _ADVICE)
    if array.ndim != 2 or array.dtype.kind not in "iu" or not array.size:
        raise InputError(f"{what} is {array.dtype} of shape {array.shape} and no map; {_ADVICE}.")
    there = sum(len(names) for _, _, names in os.walk(node.path))
    # Of a map most of whose chunks are not there; those of one class alone are not written.
    held = 2 * there * min(math.prod(array.chunks), _LARGEST_CHUNK)
    check_size(array.shape, f"{what} of {there} files", stored=held)
    return array


def _pieces(array: StoredArray) -> Iterator[tuple[tuple[slice, slice], NDArray[Any]]]:
    """Yield where pieces of a map lie, and the pieces, each of some rows of a chunk."""
    for rows, columns in _windows((array.shape[0], array.shape[1])):
        for top in range(rows.start, rows.stop, _ROWS):
            at = slice(top, min(top + _ROWS, rows.stop)), columns
            yield at, np.asarray(array[at])


def _notes(group: ZarrNode, names: Mapping[str, int], path: Path) -> Iterator[RegionNote]:
    for region, told in _properties(group):
        note = note_of(region, told, told, f"The region {region} in {str(path)!r}")
        predicted = told.get("predicted")
        yield replace(note, predicted=names.get(predicted, 0) if isinstance(predicted, str) else 0)


def _is_one(folder: Path) -> bool:
    return any(_images_in(folder / subset) for subset in ("", *SUBSETS))


OME_ZARR = Format(
    "ome-zarr",
    "OME-Zarr",
    "Images with labels of classes and regions in chunks, as viewers of large images read them.",
    exact=True,
    masks=("both", "classes"),
    choices=Choices(),
    free=frozenset({"first", "unlabelled", "ignored", "background"}),
    pictures="copy",
    writer=OmeZarrWriter,
    is_one=_is_one,
    reader=OmeZarrReader,
)
