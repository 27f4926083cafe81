"""YOLO's segmentation: a text an image, a line a part of a region or class, as Ultralytics' programs train.

``labels/SUBSET/NAME.txt``
    a line each: the class's number, then x and y of each point, as shares of the image's width and height.
``images/SUBSET/``
    the images.
``data.yaml``
    where the images are, and the classes' names by their numbers. It has no ``path``: a set lies where its
    file lies, wherever that is brought.

Programs make points whole pixels, Ultralytics' by cutting them down, others by rounding, and fill them by
OpenCV, with the pixels on the lines. So points are a part's outermost pixels, a quarter of a pixel from their
edge, which is the same one for all; and a hole is reached by a line inside the part. Filled again it is the
very part. A line has one part, and what belongs together is not in the file.

https://docs.ultralytics.com/datasets/segment/
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.filling import filled, paint
from napari_corrclip.maps.outlines import paths
from napari_corrclip.maps.regions import id_type
from napari_corrclip.project.export.checks import (
    MOST_OF_PICTURE,
    MOST_PIXELS,
    Covered,
    inside,
    short,
)
from napari_corrclip.project.export.exporting import SUBSETS
from napari_corrclip.project.export.format import (
    Entry,
    Format,
    Reader,
    Taken,
    Writer,
    files_in,
    vocabulary_of,
)
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.numbering import Choices
from napari_corrclip.project.export.pictures import (
    ENDINGS,
    Missing,
    goes_along,
    place_for,
    put_picture,
    size_of,
)
from napari_corrclip.project.export.polygons import keyed_bands, segment_of
from napari_corrclip.project.export.sizes import Sizes
from napari_corrclip.storage.text_files import dump_yaml, lines_of, load_yaml, read_text
from napari_corrclip.vocabulary import MAX_VALUE, VocabularyClass
from napari_corrclip.vocabulary.palette import default_color
from napari_corrclip.wording.amounts import count

LABELS, PICTURES, TABLES = "labels", "images", ("data.yaml", "dataset.yaml")
_PICTURES = (*ENDINGS, ".tif", ".tiff")
_LARGEST = 1 << 30
"""Bytes of a text at most."""
_LEAST = 3
"""Points of a line; fewer are taken for a box."""
_OFF = 0.01
"""Pixels that a point may be less than whole by rounding, and shares that it may be outside of the image."""
_QUARTER = 0.25
_ADVICE = "export it again, or correct it there"


class YoloWriter(Writer):
    """The writer; an image's lines are written a part after another."""

    def begin(self) -> None:
        """Make the folder of lines."""
        (self.folder / LABELS).mkdir()
        self._subsets: set[str] = set()
        self._missing = Missing()

    @property
    def most_pixels(self) -> int:
        """Of the picture beside it, which says how large it is; without one it is a number."""
        return MOST_PIXELS if self.head.pictures == "none" else MOST_OF_PICTURE

    def item(self, image: LabelledImage) -> None:
        """Write an image's lines."""
        subset = image.subset or SUBSETS[0]
        put_picture(image, self.folder / PICTURES / subset, self.head.pictures)
        if not goes_along(image, self.head.pictures):
            self._missing.add(f"{PICTURES}/{subset}/{place_for(image)}")
        assert self.head.masks != "both"
        height, width = image.shape
        found = paths(keyed_bands(image, self.head, self.head.masks), width)
        xs, ys = _shares(width), _shares(height)
        begins = found.begins.tolist()
        path = self.folder / LABELS / subset / f"{image.name}.txt"
        path.parent.mkdir(exist_ok=True)
        self._subsets.add(subset)
        with path.open("w", encoding="ascii", newline="") as file:
            for part, key in enumerate(found.segments.tolist()):
                cut = slice(begins[part], begins[part + 1])
                columns, rows = found.columns[cut].tolist(), found.rows[cut].tolist()
                while len(columns) < _LEAST:
                    columns.append(columns[0])
                    rows.append(rows[0])
                _, value = segment_of(key)
                told = [""] * (2 * len(columns) + 1)
                told[0] = str(self.head.numbering.by_value[value])
                told[1::2] = [xs[column] for column in columns]
                told[2::2] = [ys[row] for row in rows]
                file.write(" ".join(told) + "\n")

    def close(self) -> None:
        """Write the names, and where the images of each subset are that has some."""
        there = [subset for subset in SUBSETS if subset in self._subsets]
        document: dict[str, object] = {
            # Trainers want both; of a set that is not split they are one.
            subset: f"{PICTURES}/{subset if subset in there else there[0]}"
            for subset in SUBSETS
            if subset in there or subset != SUBSETS[2]
        }
        numbering = self.head.numbering
        document["names"] = {
            number: class_.name
            for class_, number in zip(numbering.classes, numbering.numbers, strict=True)
        }
        text = dump_yaml(document)
        (self.folder / TABLES[0]).write_text(text, encoding="utf-8", newline="")
        self.notes += self._missing.told("YOLO", f"called as the texts in {LABELS}")


def _shares(pixels: int) -> list[str]:
    """Return where each pixel lies, with digits enough for whoever cuts or rounds."""
    digits = len(str(pixels)) + 1
    return [f"{(pixel + _QUARTER) / pixels:.{digits}f}" for pixel in range(pixels)]


class YoloReader(Reader):
    """The reader; of sets of others, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        table = next((folder / name for name in TABLES if (folder / name).is_file()), None)
        if table is None:
            raise InputError(
                f"{str(folder)!r} has no {TABLES[0]}; write one with names: and train:."
            )
        self._where = f"The table {str(table)!r}"
        document = load_yaml(read_text(inside(folder, table, "table"), "table"), self._where)
        if not isinstance(document, dict):
            raise InputError(f"{self._where} is no mapping; {_ADVICE}.")
        names = self._names(document.get("names"))
        self._numbers = frozenset(names)
        self.vocabulary = vocabulary_of(
            [
                VocabularyClass(name, (name,), number + 1, default_color(number + 1))
                for number, name in names.items()
            ]
        )
        self._sizes = Sizes(folder)
        self._texts: dict[Entry, Path] = {}
        self.entries = list(self._entries(document))

    def _names(self, names: object) -> dict[int, str]:
        if isinstance(names, list):
            names = dict(enumerate(names))
        if not isinstance(names, dict) or not names:
            raise InputError(f"{self._where} has no names; write each class's name by its number.")
        found = {}
        for number, name in names.items():
            if isinstance(number, str) and number.isascii() and number.isdecimal():
                number = int(number)
            if type(number) is not int or not 0 <= number < MAX_VALUE:
                raise InputError(
                    f"{self._where} has the number {short(number)} of {short(name)}; numbers go from 0 to "
                    f"{MAX_VALUE - 1}."
                )
            if not isinstance(name, str | int | float):
                raise InputError(f"{self._where} has the name {short(name)}; write a text.")
            found[number] = str(name)
        return dict(sorted(found.items()))

    def _entries(self, document: Mapping[object, object]) -> Iterator[Entry]:
        seen: set[Path] = set()
        missing: list[str] = []
        alone = document.get(SUBSETS[1]) == document.get(SUBSETS[0])
        for subset in SUBSETS:
            given = document.get(subset)
            for place in given if isinstance(given, list) else [given]:
                if place is None:
                    continue
                found = self._files(place, subset)
                if found is None:
                    missing.append(
                        f"{self._where} names {short(place)} for {subset}, and there is no such "
                        f"{'list' if _is_list(place) else 'folder'} in {str(self._folder)!r}"
                    )
                    continue
                for name, picture, lines in found:
                    if lines in seen:
                        continue
                    seen.add(lines)
                    entry = Entry(
                        name,
                        picture.name if picture else name,
                        "" if alone and subset == SUBSETS[0] else subset,
                        picture,
                    )
                    if lines.is_file():
                        self._texts[entry] = lines
                    yield entry
        if missing and not seen:
            raise InputError(f"{missing[0]}; put it there.")
        for sentence in missing:
            self.tell(f"{sentence}; the others were read.")

    def _files(self, place: object, subset: str) -> Iterable[tuple[str, Path | None, Path]] | None:
        """Return name, image and lines of each image of a subset; ``None``: what is named is not there."""
        if _is_list(place):
            listed = self._placed(place, subset)
            return None if listed is None else self._listed(listed[0])
        folders = self._placed(place, subset)
        if folders is None:
            return None
        pictures, texts = folders
        known, lines = files_in(pictures, _PICTURES), files_in(texts, (".txt",))
        return [
            (name, known.get(name), lines.get(name, texts / f"{name}.txt"))
            for name in sorted({*known, *lines})
        ]

    def _listed(self, path: Path) -> Iterator[tuple[str, Path | None, Path]]:
        """Yield the images of a list that are there; of others is told how many there are."""
        without: list[str] = []
        text = read_text(
            inside(self._folder, path, "list of images"), "list of images", limit=_LARGEST
        )
        for line in lines_of(text):
            if not line:
                continue
            placed = self._placed(line, path.name)
            if placed is None:
                without.append(line)
                continue
            picture, lines = placed
            yield picture.stem, picture if picture.is_file() else None, lines
        if without:
            self.tell(
                f"Of the list {path.name!r} {count(len(without), 'image')}, such as {short(without[0])}, "
                f"{'is' if len(without) == 1 else 'are'} not in {str(self._folder)!r}; the others were read."
            )

    def _placed(self, place: object, subset: str) -> tuple[Path, Path] | None:
        """Return where the images and the lines of a subset lie, or an image and its lines.

        ``None``: nowhere. It is inside of the folder. Of sets of others the way there may begin elsewhere,
        such as ``../train/images``.

        Args:
            place: a folder of images, a list of images, or an image.
            subset: for sentences.
        """
        what = f"{self._where} names {short(place)} for {subset}"
        if not isinstance(place, str) or "\0" in place:
            raise InputError(f"{what}, which is no path; {_ADVICE}.")
        parts = [part for part in place.replace("\\", "/").split("/") if part not in ("", ".")]
        while parts and parts[0] == "..":
            del parts[0]
        # Whatever lies in front of what is there belongs to another machine.
        for start in range(len(parts) + 1):
            inner = parts[start:]
            if ".." in inner:
                continue
            beside = list(inner)
            if PICTURES in beside:
                beside[len(beside) - 1 - beside[::-1].index(PICTURES)] = LABELS
            pictures, texts = self._folder.joinpath(*inner), self._folder.joinpath(*beside)
            if pictures.suffix.lower() in _PICTURES:
                texts = texts.with_suffix(".txt")
            with contextlib.suppress(OSError):  # a name that no file can have
                if inner and (pictures.exists() or texts.exists()):
                    return pictures, texts
        return None

    def read(self, entry: Entry) -> Taken:
        """Return an image's labels, each line filled as OpenCV fills it; small ones lie over large ones."""
        shape = self._shape(entry)
        labels = np.zeros(shape, np.uint16)
        path = self._texts.get(entry)
        if path is None:
            return Taken(labels)
        values, begins, x, y = self._lines(inside(self._folder, path, "list of polygons"))
        regions = np.zeros(shape, id_type(len(values)))
        columns, rows = _pixels(x, shape[1]), _pixels(y, shape[0])
        order = np.argsort(-_areas(begins, columns, rows), kind="stable")
        counts = np.diff(begins)[order]
        ends = np.cumsum(counts)
        at = np.repeat(begins[:-1][order] - (ends - counts), counts) + np.arange(len(x))
        begins = np.concatenate([[0], ends])
        ids = order + 1
        owners = np.arange(len(order))
        covered = Covered(shape, f"The list of polygons {str(path)!r}")
        for piece in filled(owners, begins, rows[at], columns[at], shape, "border"):
            covered.add(int(piece.lengths.sum()))
            paint(labels, piece, values[order])
            paint(regions, piece, ids)
        return Taken(labels, regions)

    def _lines(
        self, path: Path
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return each line's label value and where its points begin, and x and y of all points."""
        values, counts, points = [], [0], [np.zeros((0, 2))]
        text = read_text(path, "list of polygons", limit=_LARGEST)
        for number, line in enumerate(lines_of(text), 1):
            fields = line.split()
            if not fields:
                continue
            where = f"Line {number} of {str(path)!r}"
            if len(fields) == 5:
                raise InputError(
                    f"{where} has a box alone (5 numbers), and masks are read; export polygons."
                )
            if len(fields) < 1 + 2 * _LEAST or len(fields) % 2 == 0:
                raise InputError(
                    f"{where} has {len(fields)} numbers; write a class's number, then x and y of {_LEAST} "
                    "points or more."
                )
            try:
                told = np.array(fields, np.float64)
            except ValueError:
                raise InputError(f"{where} has something that is no number; {_ADVICE}.") from None
            if not (told[1:] >= -_OFF).all() or not (told[1:] <= 1 + _OFF).all():
                _outside(where, told[1:].tolist())
            if told[0] not in self._numbers:
                raise InputError(
                    f"{where} has the class {fields[0][:20]}, which has no name; add it to {TABLES[0]}."
                )
            values.append(int(told[0]) + 1)
            points.append(told[1:].reshape(-1, 2))
            counts.append(len(points[-1]))
        joined = np.concatenate(points)
        return np.array(values, np.int64), np.cumsum(counts), joined[:, 0], joined[:, 1]

    def _shape(self, entry: Entry) -> tuple[int, int]:
        if entry.picture is not None:
            return size_of(entry.picture)
        shape = self._sizes.of(entry.name) or self.size_elsewhere(entry)
        if shape is None:
            raise InputError(
                f"There is no image of {entry.name!r}, and its lines do not say how large it is; put it into "
                f"{PICTURES!r}."
            )
        return shape


def _is_list(place: object) -> bool:
    return isinstance(place, str) and place.lower().endswith(".txt")


def _outside(where: str, told: list[float]) -> NoReturn:
    worst = next(share for share in told if not -_OFF <= share <= 1 + _OFF)
    advice = "divide x by the image's width and y by its height"
    if not math.isfinite(worst):
        advice = _ADVICE
    raise InputError(f"{where} has a point at {worst:g}; points are shares from 0 to 1: {advice}.")


def _pixels(shares: NDArray[np.float64], pixels: int) -> NDArray[np.int64]:
    """Return the pixel in which each point lies, as trainers cut them down."""
    found: NDArray[np.int64] = np.floor(shares * pixels + _OFF).astype(np.int64)
    return np.clip(found, 0, pixels - 1)


def _areas(
    begins: NDArray[np.int64], columns: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the area inside of each polygon."""
    after = np.arange(1, len(columns) + 1)
    after[begins[1:] - 1] = begins[:-1]
    cross = columns * rows[after] - columns[after] * rows
    areas: NDArray[np.float64] = np.abs(np.add.reduceat(np.append(cross, 0), begins[:-1]))
    return areas if len(begins) > 1 else np.zeros(0)


def _is_one(folder: Path) -> bool:
    return any((folder / name).is_file() for name in TABLES)


YOLO = Format(
    "yolo",
    "YOLO (segmentation)",
    "Polygons as Ultralytics' programs train with them, a line a part.",
    exact=False,
    masks=("regions", "classes"),
    choices=Choices(first=0, unlabelled=None, background="unlabelled"),
    free=frozenset({"background"}),
    pictures="copy",
    writer=YoloWriter,
    is_one=_is_one,
    reader=YoloReader,
)
