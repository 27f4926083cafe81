"""CVAT's "Segmentation mask 1.1": an archive that its import takes as it is, and its export gives.

``annotations.zip``
    in it ``labelmap.txt`` (``label:color_rgb:parts:actions``), a list of names for each subset in
    ``ImageSets/Segmentation``, ``SegmentationClass/NAME.png`` in the colours of the classes, and
    ``SegmentationObject/NAME.png`` with a mask a region, in the colours of Pascal VOC.
``images/``
    the images, for the task in CVAT.

What CVAT does not take is written so that it does. A class whose colour is another's or black gets one of
Pascal VOC's. A colon, a ``#`` in front, and a ``%`` before two hexadecimal digits are written as in a URL.

CVAT knows 255 masks an image: of more, the smallest regions of each class are one mask together, and an image
of 255 classes and more has no file of masks, so that each class is one. With more than 255 classes CVAT's
reader (Datumaro) refuses images that have few and one beyond the 255th; here they are read.
"""

from __future__ import annotations

import io
import re
import urllib.parse
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_corrclip.errors import InputError
from napari_corrclip.images.files import damage
from napari_corrclip.images.pictures import open_picture
from napari_corrclip.maps.regions import as_ids
from napari_corrclip.project.export.archived import Files, Unpacked, Zipped
from napari_corrclip.project.export.checks import MOST_OF_PICTURE, check_size, inside
from napari_corrclip.project.export.format import (
    Entry,
    Format,
    Head,
    Reader,
    Taken,
    Writer,
    vocabulary_in_order,
)
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.numbering import Choices
from napari_corrclip.project.export.pictures import ENDINGS, put_picture, size_of
from napari_corrclip.project.export.png_bands import write_rgb
from napari_corrclip.project.export.segments import Runs
from napari_corrclip.project.export.sizes import Sizes
from napari_corrclip.project.export.voc import voc_colors, voc_indices
from napari_corrclip.storage.text_files import lines_of
from napari_corrclip.storage.untrusted import guarded
from napari_corrclip.vocabulary.grammar import key
from napari_corrclip.wording.amounts import count

ARCHIVE = "annotations.zip"
LABELMAP, CLASSES, OBJECTS, LISTS, PICTURES = (
    "labelmap.txt", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation", "images",
)  # fmt: skip
WITH = "JPEGImages"
"""Where CVAT's own exports have the images, if somebody asks for them."""
DEFAULT = "default"
"""CVAT's name for what is in no subset."""
BLACK: Final = (0, 0, 0)
MOST = 255
"""Masks of an image that CVAT knows: its reader has that many of Pascal VOC's colours."""
_HEADER = "# label:color_rgb:parts:actions\n"
_TO_ESCAPE = re.compile(r"^#|:|%(?=[0-9A-Fa-f]{2})")
_VALUES = 1 << 16
_ADVICE = "export once more from CVAT, as Segmentation mask 1.1"


def escaped(name: str) -> str:
    """Return a name as a line of CVAT's lists can begin with it."""
    return _TO_ESCAPE.sub(lambda found: f"%{ord(found[0]):02X}", name)


def unescaped(text: str) -> str:
    """Return the name of which :func:`escaped` made a text."""
    return urllib.parse.unquote(text)


# -- writing


class CvatWriter(Writer):
    """The writer; masks go into the archive as soon as they are there."""

    def begin(self) -> None:
        """Open the archive and write the classes."""
        self._lists: dict[str, list[str]] = {sub: [] for sub in self.head.subsets or (DEFAULT,)}
        self._archive = self.held.enter_context(zipfile.ZipFile(self.folder / ARCHIVE, "w"))
        self._palette = palette(self.head)
        self._beyond: dict[bool, list[str]] = {False: [], True: []}
        self._text(LABELMAP, labelmap(self.head, self._palette))
        other = [
            class_.name
            for class_, color in zip(
                self.head.numbering.classes, self._palette[1:].tolist(), strict=True
            )
            if class_.color != tuple(color)
        ]
        if other:
            more = (
                f" and {count(len(other) - 1, 'other class', 'other classes')}" if other[1:] else ""
            )
            self.notes.append(
                f"CVAT takes a colour for one class, and black for none: {other[0]!r}{more} "
                f"{'have other ones' if more else 'has another one'} there."
            )

    @property
    def most_pixels(self) -> int:
        """Of a PNG."""
        return MOST_OF_PICTURE

    def item(self, image: LabelledImage) -> None:
        """Write an image's masks, and note its name."""
        name = escaped(image.name)
        runs = Runs.of(image)
        unseen = np.zeros(runs.values.shape, np.bool_)
        numbers = self.head.numbering.encode(runs.values, unseen).astype(np.int64)
        self._mask(f"{CLASSES}/{name}.png", image.shape, runs, self._palette[numbers])
        masks, wanted = masks_of(runs, numbers, each=self.head.masks == "both")
        if wanted > MOST:
            self._beyond[masks is None].append(image.path or image.name)
        if masks is not None:
            self._mask(f"{OBJECTS}/{name}.png", image.shape, runs, voc_colors(masks))
        put_picture(replace(image, name=name), self.folder / PICTURES, self.head.pictures)
        self._lists[image.subset or DEFAULT].append(name)

    def close(self) -> None:
        """Write the lists of names."""
        for subset, names in self._lists.items():
            self._text(f"{LISTS}/{subset}.txt", "".join(f"{name}\n" for name in names))
        for none, what in (
            (False, "the smallest regions of each class are one mask together"),
            (True, "each of its classes is one mask"),
        ):
            if found := self._beyond[none]:
                others = f" and {count(len(found) - 1, 'other image')}" if found[1:] else ""
                self.notes.append(
                    f"CVAT knows {MOST} masks an image: of {found[0]!r}{others} {what}."
                )

    def _text(self, name: str, text: str) -> None:
        self._archive.writestr(zipfile.ZipInfo(name), text.encode(), zipfile.ZIP_DEFLATED)

    def _mask(
        self, name: str, shape: tuple[int, int], runs: Runs, colors: NDArray[np.uint8]
    ) -> None:
        with self._archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
            write_rgb(file, shape, _painted(runs, colors, shape))


def _painted(
    runs: Runs, colors: NDArray[np.uint8], shape: tuple[int, int]
) -> Iterator[NDArray[np.uint8]]:
    """Yield the rows of a picture whose runs have colours."""
    height, width = shape
    rows = max(1, _BAND // max(width, 1))
    for top in range(0, height, rows):
        low = min(rows, height - top)
        first, last = np.searchsorted(runs.starts, (top * width, (top + low) * width))
        painted = np.repeat(colors[first:last], runs.lengths[first:last], axis=0)
        yield painted.reshape(low, width, 3)


_BAND = 1 << 18
"""Pixels that are painted together."""


def masks_of(
    runs: Runs, numbers: NDArray[np.int64], *, each: bool
) -> tuple[NDArray[np.int64] | None, int]:
    """Return the mask that each run is of, from 1 on, 0 of none, and how many CVAT would have to know.

    ``None``: it cannot hold them, not even put together.

    Args:
        runs: of an image.
        numbers: of their classes, 0 for none.
        each: whether each region has a mask, as far as CVAT knows so many; else each class has one.
    """
    regions = runs.regions if each else np.zeros_like(runs.regions)
    inside = numbers > 0
    keys, owner = np.unique((regions * _VALUES + numbers)[inside], return_inverse=True)
    classes = keys % _VALUES
    if len(keys) > MOST:
        present = np.unique(classes)
        if len(present) >= MOST:
            return None, len(keys)
        areas = np.zeros(len(keys), np.int64)
        np.add.at(areas, owner, runs.lengths[inside])
        largest = np.argsort(-areas, kind="stable")[: MOST - len(present)]
        together = np.searchsorted(present, classes) + len(largest)
        together[np.sort(largest)] = np.arange(len(largest))
        _, place = np.unique(together, return_inverse=True)  # a class may have no small ones
    else:
        place = np.arange(len(keys))
    found = np.zeros(numbers.shape, np.int64)
    found[inside] = place[owner] + 1
    return found, len(keys)


def palette(head: Head) -> NDArray[np.uint8]:
    """Return the colours of numbers, (n + 1, 3): no two alike, and none of a class black, which is none's."""
    wanted = [class_.color for class_ in head.numbering.classes]
    taken, spare = {BLACK, *wanted}, iter(range(1, 1 << 24))
    used, colors = {BLACK}, [BLACK]
    for color in wanted:
        found = color
        while found in used or (found != color and found in taken):
            red, green, blue = voc_colors(np.array(next(spare))).tolist()
            found = red, green, blue
        used.add(found)
        colors.append(found)
    return np.array(colors, np.uint8)


def labelmap(head: Head, colors: NDArray[np.uint8]) -> str:
    """Return the lines of the classes; the first is of black, by another name where a class has its own."""
    names = [class_.name for class_ in head.numbering.classes]
    known = {key(name) for name in names}
    free = ("background", "unlabelled", *(f"unlabelled {number}" for number in range(2, 1 << 17)))
    nothing = next(name for name in free if key(name) not in known)
    lines = (
        f"{escaped(name)}:{','.join(map(str, color))}::\n"
        for name, color in zip((nothing, *names), colors.tolist(), strict=True)
    )
    return _HEADER + "".join(lines)


# -- reading


def found_in(folder: Path) -> Files | None:
    """Return the files of an export in a folder; ``None``: there is none.

    What was unpacked goes first, since somebody may have changed it; of archives the one that is called as
    ours, else the only one.

    Args:
        folder: is looked at.
    """
    if (folder / LABELMAP).is_file() and (folder / CLASSES).is_dir():
        return Unpacked(folder, _ADVICE)
    if (folder / ARCHIVE).is_file():
        return Zipped(inside(folder, folder / ARCHIVE, "archive"), _ADVICE)
    archives = [path for path in folder.glob("*.zip") if path.is_file()]
    if len(archives) != 1:
        return None
    files = Zipped(inside(folder, archives[0], "archive"), _ADVICE)
    return files if files.listed(CLASSES, ".png") else None


def is_cvat(folder: Path) -> bool:
    """Whether a folder has an export of CVAT in it; one that is damaged is none."""
    try:
        return found_in(folder) is not None
    except InputError:
        return (folder / ARCHIVE).is_file()


@dataclass(frozen=True, slots=True)
class _Label:
    """A line of the labelmap: a class, or what is none."""

    name: str
    color: tuple[int, int, int]


class CvatReader(Reader):
    """The reader; masks are read one by one.

    CVAT writes no mask of an image that has no annotation. Such a one is all unlabelled where its size is
    known, by its picture or the manifest; else it is none of the entries.
    """

    def __init__(self, folder: Path) -> None:
        files = found_in(folder)
        if files is None:
            raise InputError(
                f"{str(folder)!r} has no {ARCHIVE} and no {LABELMAP} with {CLASSES}; {_ADVICE}."
            )
        self._folder, self._files = folder, files
        self._labels = _read_labels(files)
        classes = [label for label in self._labels if label.color != BLACK]
        self._values = {label.color: value for value, label in enumerate(classes, start=1)}
        self._values[BLACK] = 0
        self.vocabulary = vocabulary_in_order((label.name, label.color) for label in classes)
        self._manifest = Sizes(folder)
        self._sizes: dict[str, tuple[int, int]] = {}
        self.entries = list(self._entries())

    def _entries(self) -> Iterator[Entry]:
        masks = {
            name[len(CLASSES) + 1 : -len(".png")] for name in self._files.listed(CLASSES, ".png")
        }
        pictures = self._pictures()
        seen = set()
        for subset, text in self._lists(masks):
            for name in lines_of(text):
                if not name or name.startswith("#") or name in seen:
                    continue
                seen.add(name)
                picture, called = pictures.get(name), unescaped(name)
                if name not in masks:
                    size = self._size_of(called, picture)
                    if size is None:
                        continue
                    self._sizes[called] = size
                file_name = picture.name if picture else called
                yield Entry(called, file_name, "" if subset == DEFAULT else subset, picture)

    def _pictures(self) -> dict[str, Path]:
        """Return the images by their names, which may have folders; those in an archive are told alone."""
        if any(self._files.listed(WITH, ending) for ending in ENDINGS) and isinstance(
            self._files, Zipped
        ):
            self.tell(
                f"{self._files.place!r} has images in {WITH}, which are not taken out of it; unpack it where "
                "it lies if a project is to be made of them."
            )
        found: dict[str, Path] = {}
        with guarded(f"The folder {str(self._folder)!r}", "check its permissions"):
            for place in (self._folder / WITH, self._folder / PICTURES):
                for path in sorted(place.rglob("*")):
                    if path.suffix.lower() in ENDINGS:
                        found[path.relative_to(place).with_suffix("").as_posix()] = path
        return found

    def _lists(self, masks: set[str]) -> Iterator[tuple[str, str]]:
        names = self._files.listed(LISTS, ".txt")
        if not names:
            yield "", "\n".join(sorted(masks))
        # Pascal VOC has a list of what is in two others, too
        for name in sorted(names, key=lambda name: (name.endswith("/trainval.txt"), name)):
            yield PurePosixPath(name).stem, _text(self._files, name, "list of images")

    def _size_of(self, name: str, picture: Path | None) -> tuple[int, int] | None:
        if picture is not None:
            return size_of(picture)
        return self._manifest.told(name)

    def read(self, entry: Entry) -> Taken:
        """Return an image's masks."""
        if entry.name in self._sizes:
            shape = check_size(self._sizes[entry.name], f"The image {entry.name!r}")
            return Taken(np.zeros(shape, np.uint16))
        name = f"{escaped(entry.name)}.png"
        colors = np.array([label.color for label in self._labels], np.uint32)
        labels = self._decoded(f"{CLASSES}/{name}", colors, self._values_of)
        if labels is None:
            raise InputError(
                f"There is no mask {CLASSES}/{name!r} in {self._files.place!r}; {_ADVICE}."
            )
        colors = voc_colors(np.arange(MOST + 1)).astype(np.uint32)
        regions = self._decoded(f"{OBJECTS}/{name}", colors, _regions_of)
        if regions is not None and regions.shape != labels.shape:
            raise InputError(
                f"{OBJECTS}/{name!r} has {regions.shape} pixels, and {CLASSES}/{name!r} has "
                f"{labels.shape}; {_ADVICE}."
            )
        return Taken(labels, regions)

    def _decoded(
        self,
        name: str,
        colors: NDArray[np.uint32],
        decode: Callable[[NDArray[np.uint32], str], NDArray[Any]],
    ) -> NDArray[Any] | None:
        """Return a mask by the meaning of its colours, uint16 or, where that is too little, int32.

        ``None``: there is none.

        Args:
            name: of its file.
            colors: (n, 3), that the numbers of a mask of one channel stand for.
            decode: tells of colours what they mean.
        """
        data = self._files.read(name, "mask")
        if data is None:
            return None
        where = f"The mask {name!r} of {self._files.place!r}"
        with (
            guarded(where, _ADVICE, damage=damage()),
            _opened(data, where, Path(self._files.place) / name) as picture,
        ):
            found: NDArray[Any] = np.empty((picture.height, picture.width), np.uint16)
            for top, band in _bands(picture, colors @ _PLACES, where):
                flat = band.ravel()
                begins = np.flatnonzero(np.diff(flat, prepend=flat[:1] ^ 1))
                lengths = np.diff(begins, append=len(flat))
                known, owner = np.unique(flat[begins], return_inverse=True)
                meant = as_ids(decode(known, where))
                if meant.dtype != np.uint16:
                    found = found.astype(np.int32, copy=False)
                told = np.repeat(meant[owner], lengths)
                found[top : top + len(band)] = told.reshape(band.shape)
        return found

    def _values_of(self, colors: NDArray[np.uint32], where: str) -> NDArray[np.uint16]:
        found = []
        for color in _channels(colors).tolist():
            value = self._values.get(tuple(color))
            if value is None:
                raise InputError(
                    f"{where} has the colour {tuple(color)}, which {LABELMAP} gives to no class; add it "
                    "there."
                )
            found.append(value)
        return np.array(found, np.uint16)


_PLACES = np.array([1, 1 << 8, 1 << 16], np.uint32)
"""By which red, green and blue are one number."""


def _read_labels(files: Files) -> list[_Label]:
    """Return the lines of the labelmap.

    Raises:
        InputError: it is missing or none.
    """
    where = f"The file {LABELMAP} of {files.place!r}"
    rows = []
    for line in lines_of(_text(files, LABELMAP, "table of classes")):
        if not line or line.startswith("#"):
            continue
        parts = line.split(":")
        color = _color(parts[1]) if len(parts) == 4 else None
        if color is None:
            raise InputError(
                f"{where} has the line {line[:80]!r}; write label:red,green,blue:parts:actions."
            )
        rows.append((unescaped(parts[0]), color))
    if rows and all(color == () for _, color in rows):
        colors = voc_colors(np.arange(len(rows))).tolist()
        rows = [(name, tuple(color)) for (name, _), color in zip(rows, colors, strict=True)]
    owners: dict[tuple[int, ...], str] = {}
    for name, color in rows:
        other = owners.setdefault(color, name)
        if other is not name and color != BLACK:
            raise InputError(
                f"{where} gives the colour {color} to {other!r} and {name!r}; give one of them another "
                "colour in CVAT, and export again."
            )
    return [_Label(name, (color[0], color[1], color[2])) for name, color in rows if color]


def _color(text: str) -> tuple[int, ...] | None:
    """Return red, green and blue, or nothing of nothing; ``None``: it is no colour."""
    if not text.strip():
        return ()
    try:
        color = tuple(int(part) for part in text.split(","))
    except ValueError:
        return None
    return color if len(color) == 3 and all(0 <= level <= 255 for level in color) else None


def _text(files: Files, name: str, what: str) -> str:
    data = files.read(name, what)
    if data is None:
        raise InputError(f"There is no {what} {name!r} in {files.place!r}; {_ADVICE}.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {what} {name!r} of {files.place!r} is no UTF-8 text (byte {error.start}); {_ADVICE}."
        ) from None


def _opened(data: bytes, where: str, path: Path) -> Image.Image:
    try:
        return open_picture(io.BytesIO(data), path, ("PNG",))
    except UnidentifiedImageError:
        raise InputError(f"{where} is no PNG; {_ADVICE}.") from None


def _bands(
    picture: Image.Image, index_colors: NDArray[np.uint32], where: str
) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    """Yield pieces of whole rows, the first row and the colours: red + 256 green + 65536 blue."""
    width, height = picture.size
    rows = max(1, _BAND // max(width, 1))
    for top in range(0, height, rows):
        piece = picture.crop((0, top, width, min(top + rows, height)))
        if picture.mode == "L":
            numbers = np.asarray(piece)
            if int(numbers.max()) >= len(index_colors):
                raise InputError(
                    f"{where} has the number {int(numbers.max())}, and {LABELMAP} has "
                    f"{len(index_colors)} lines; add the class there."
                )
            yield top, index_colors[numbers]
            continue
        if picture.mode not in ("RGB", "RGBA", "P"):
            raise InputError(f"{where} is of the kind {picture.mode}, not of colours; {_ADVICE}.")
        channels = np.asarray(piece.convert("RGB").convert("RGBA"))
        packed = np.ascontiguousarray(channels).view(np.dtype("<u4"))[..., 0]
        yield top, (packed & 0xFFFFFF).astype(np.uint32, copy=False)


def _channels(colors: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return np.stack([colors & 255, colors >> 8 & 255, colors >> 16], axis=-1)


def _regions_of(colors: NDArray[np.uint32], _where: str) -> NDArray[np.int32]:
    return voc_indices(_channels(colors))


CVAT = Format(
    "cvat",
    "CVAT (Segmentation mask 1.1)",
    "An archive for CVAT's import, with a mask a region, 255 an image at most; read what CVAT exports.",
    exact=True,
    masks=("both", "classes"),
    choices=Choices(first=1),
    free=frozenset({"background"}),
    pictures="copy",
    writer=CvatWriter,
    is_one=is_cvat,
    reader=CvatReader,
)
