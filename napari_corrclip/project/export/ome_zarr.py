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
from napari_corrclip.maps.regions import as_ids, check_regions
from napari_corrclip.project.export.attributes import attributes_of, note_of, scores_of
from napari_corrclip.project.export.checks import check_number, check_size, inside, is_too_large
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
from napari_corrclip.project.export.numbering import IGNORED, UNLABELLED, Choices, decode
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
from napari_corrclip.vocabulary.palette import default_color

ENDING, LABELS, CLASSES, REGIONS = ".ome.zarr", "labels", "classes", "regions"
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
    """Write the image and its halves, each from the one before; return what the group says of them."""
    pixels = pixels_of(image)
    shape = pixels.shape[0], pixels.shape[1]
    scales: list[list[float]] = []
    shifts: list[list[float]] = []
    arrays: list[Any] = []
    while True:
        level = len(scales)
        array = _new_array(root, str(level), (3, *shape), np.uint8)
        for window in _windows(shape):
            at = (slice(None), *window)
            array[at] = (
                _averaged(arrays[-1], window) if arrays else pixels[window].transpose(2, 0, 1)
            )
        arrays.append(array)
        scales.append([1.0, float(1 << level), float(1 << level)])
        # The middle of what was averaged.
        shifts.append([0.0, ((1 << level) - 1) / 2, ((1 << level) - 1) / 2])
        if max(shape) <= CHUNK:
            break
        shape = -(-shape[0] // 2), -(-shape[1] // 2)
    limits = {"min": 0, "max": 255, "start": 0, "end": 255}
    channels = [
        {"label": label, "color": color, "active": True, "window": limits}
        for label, color in _CHANNELS
    ]
    return {
        "multiscales": [_multiscale(image.name, ("c", "y", "x"), scales, shifts)],
        "omero": {"channels": channels},
    }


def _averaged(larger: Any, window: tuple[slice, slice]) -> NDArray[np.uint8]:
    """Return a chunk of an image of half the size, a chunk of the larger one after another."""
    rows, columns = window
    chunk = np.empty((3, rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    half = CHUNK // 2
    for top in range(0, chunk.shape[1], half):
        for left in range(0, chunk.shape[2], half):
            row, column = 2 * (rows.start + top), 2 * (columns.start + left)
            piece = np.asarray(larger[:, row : row + CHUNK, column : column + CHUNK])
            chunk[:, top : top + half, left : left + half] = _halved(piece)
    return chunk


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
        self._foreign: dict[str, None] = {}
        for subset in ("", *SUBSETS):
            for path in _images_in(folder / subset):
                _check_links(folder, path)
                root = read_node(path, _what(path), _ADVICE)
                name = path.name[: -len(ENDING)]
                shown = "multiscales" in _said(root)
                self._paths[Entry(name, name, subset, path if shown else None)] = path
                if not _is_ours(root):
                    self._foreign.update(dict.fromkeys(_foreign_classes(root)))
                    continue
                for class_, number in _table(root)[0]:
                    if found.setdefault(class_.name, (class_, number)) != (class_, number):
                        raise InputError(
                            f"{_what(path)} has another number or colour of the class {class_.name!r} than "
                            f"others in {str(folder)!r}; {_ADVICE}."
                        )
        self.entries = list(self._paths)
        free = max((class_.value for class_, _ in found.values()), default=0)
        for name in self._foreign:
            if name not in found:
                free += 1
                found[name] = VocabularyClass(name, (name,), free, default_color(free)), free
        self.vocabulary = vocabulary_of([class_ for class_, _ in found.values()])

    def read(self, entry: Entry) -> Taken:
        """Return an image's maps."""
        path = self._paths[entry]
        root = read_node(path, _what(path), _ADVICE)
        if not _is_ours(root):
            return self._read_foreign(root)
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

    def _read_foreign(self, root: ZarrNode) -> Taken:
        """Return the label images of another program, of which later ones lie upon former ones.

        Each number of one is an object, which is of the class that is said beside it, else of one that is
        called as the label image is.
        """
        values = {class_.name: class_.value for class_ in self.vocabulary}
        labels: NDArray[np.uint16] | None = None
        regions: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        free = 0
        for name in _label_names(root):
            group = _label_group(root, name)
            array = _map(group)
            if labels is None:
                labels = np.zeros(array.shape, np.uint16)
                regions = np.zeros(array.shape, np.int32)
            if array.shape != labels.shape:
                raise InputError(
                    f"{_what(root.path)} has labels of {labels.shape} and of {array.shape} pixels; leave one "
                    "of them out of 'labels'."
                )
            classes = {number: values[called] for number, called in _called(group).items()}
            highest = free
            for at, numbers in _pieces(array):
                there = numbers > 0
                if not there.any():
                    continue
                found, owner = np.unique(numbers[there], return_inverse=True)
                if int(found[-1]) > np.iinfo(np.int32).max - free:
                    raise InputError(
                        f"{_what(group.path)} has the number {int(found[-1])}, and regions have up to "
                        f"{np.iinfo(np.int32).max}; renumber it."
                    )
                told = np.array(
                    [classes.get(int(number), values[name]) for number in found], np.uint16
                )
                labels[at][there] = told[owner]
                regions[at][there] = (found.astype(np.int64) + free)[owner]
                highest = max(highest, free + int(found[-1]))
            free = highest
        assert labels is not None  # it names labels, else it is none
        return Taken(labels, as_ids(regions), None)


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
    ome = node.attributes.get(
        "ome", node.attributes
    )  # from 0.5 on it is what others say of it apart
    return ome if isinstance(ome, dict) else {}


def _label_names(root: ZarrNode) -> list[str]:
    """Return what the labels of an image are called."""
    names = _said(child(root, LABELS, _what(root.path), _ADVICE)).get("labels")
    known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    if not known:
        raise InputError(f"{_what(root.path)} names no labels; {_ADVICE}, or take it out.")
    return list(dict.fromkeys(known))


def _is_ours(root: ZarrNode) -> bool:
    return CLASSES in _label_names(root)


def _has_regions(root: ZarrNode) -> bool:
    return REGIONS in _label_names(root)


def _called(group: ZarrNode) -> dict[int, str]:
    """Return the classes that another program says of the numbers of its labels."""
    called = {}
    for number, told in _properties(group):
        name = next((told[key] for key in ("class", "name") if isinstance(told.get(key), str)), "")
        if name:
            called[number] = name
    return called


def _foreign_classes(root: ZarrNode) -> Iterator[str]:
    """Yield the classes of another program's labels: as numbers are called, and as label images are."""
    for name in _label_names(root):
        yield name
        yield from _called(_label_group(root, name)).values()


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
    known: set[int] = set()
    nothing: set[int] = set()
    out: set[int] = set()
    for number, told in _properties(group):
        name, value = told.get("name"), told.get("value", number)
        known.add(check_number(number, known, what))
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


class _Plane:
    """The last two axes of an array that has one place along all others, read where it is cut."""

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        self.shape = array.shape[-2:]

    def __getitem__(self, at: tuple[slice, slice]) -> NDArray[Any]:
        return np.asarray(self._array[(0,) * (self._array.ndim - 2) + at])


def _map(group: ZarrNode) -> _Plane:
    """Return the largest level of a map, which is read where it is cut."""
    what = _what(group.path)
    try:
        path = _said(group)["multiscales"][0]["datasets"][0]["path"]
    except (KeyError, IndexError, TypeError):
        raise InputError(f"{what} names no array; {_ADVICE}.") from None
    node = child(group, path, what, _ADVICE)
    array = StoredArray(open_array(node, what, _ADVICE), what, _ADVICE)
    flat = array.ndim >= 2 and all(length == 1 for length in array.shape[:-2])
    if not flat or array.dtype.kind not in "iu" or not array.size:
        raise InputError(f"{what} is {array.dtype} of shape {array.shape} and no map; {_ADVICE}.")
    there = sum(len(names) for _, _, names in os.walk(node.path))
    # Of a map most of whose chunks are not there; those of one class alone are not written.
    held = 2 * there * min(math.prod(array.chunks), _LARGEST_CHUNK)
    plane = _Plane(array)
    check_size(plane.shape, f"{what} of {there} files", stored=held)
    return plane


def _pieces(array: _Plane) -> Iterator[tuple[tuple[slice, slice], NDArray[Any]]]:
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
