"""Indexed PNG in the layout of Pascal VOC; TIFF where numbers are above 255.

``SegmentationClass/NAME.png``
    a pixel's number is its class, shown in the class's colour; a TIFF of 16 bits instead in an export that
    needs numbers above 255, in all of its files.
``SegmentationObject/NAME.png``
    its region, as an image of 16 bits, or a TIFF above 65535 or of more pixels than a PNG may have.
``JPEGImages/``
    the images.
``ImageSets/Segmentation/SUBSET.txt``
    a name a line.
``classes.csv``
    number, name, colour and label value of each class, and the numbers of what has none.

Sets of others have no ``classes.csv``: where the palette of the maps is Pascal VOC's, the numbers are those
of its 20 classes, 255 is left out of training, in the maps of regions as well, and names in a list that have
no map, as those of its tests, are passed over.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.images.pictures import open_picture
from napari_corrclip.maps.parts import parts_of
from napari_corrclip.maps.reading import read_map
from napari_corrclip.maps.regions import as_ids, check_regions
from napari_corrclip.project.export.checks import (
    MOST_OF_PICTURE,
    check_number,
    inside,
    is_too_large,
)
from napari_corrclip.project.export.format import (
    Entry,
    Format,
    Head,
    Reader,
    Taken,
    Writer,
    files_in,
    vocabulary_of,
)
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.numbering import (
    IGNORED,
    UNLABELLED,
    VOID,
    Choices,
    are_of,
    decode,
)
from napari_corrclip.project.export.pictures import ENDINGS, put_picture
from napari_corrclip.project.export.voc import NAMES, voc_colors, voc_vocabulary
from napari_corrclip.results.label_files import write_tiff
from napari_corrclip.storage.text_files import lines_of, read_text
from napari_corrclip.storage.untrusted import check_regular, guarded
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.csv_cells import rows_to_csv, unquoted

LABELS, REGIONS, PICTURES, LISTS = (
    "SegmentationClass", "SegmentationObject", "JPEGImages", "ImageSets/Segmentation",
)  # fmt: skip
TABLE = "classes.csv"
COLUMNS = ("number", "name", "red", "green", "blue", "value")
_ENDINGS = (".png", ".tif")
_ALL = ("all", "trainval")
"""Lists of what is in no subset, or in others as well."""
_ADVICE = (
    "write them as its first line, and below of each class its number in the label maps, its name, its "
    "colour from 0 to 255, and the value that it gets here, from 1 on (0: it is none)"
)
_TABLES = frozenset(("classes", "labelmap", "class_names", "labels"))
"""What a table of classes is called elsewhere."""
VOID_COLOR = (224, 224, 192)
"""Pascal VOC's colour of what is not to be trained on."""


class IndexedWriter(Writer):
    """The writer; a map is written as soon as it is there."""

    def begin(self) -> None:
        """Write the table."""
        self._lists: dict[str, list[str]] = {subset: [] for subset in self.head.subsets or ("all",)}
        for name in (LABELS, LISTS, *((REGIONS,) if self.head.masks == "both" else ())):
            (self.folder / name).mkdir(parents=True)
        self._ending = ".png" if self.head.numbering.highest <= 255 else ".tif"
        text = rows_to_csv([COLUMNS, *table_rows(self.head)])
        (self.folder / TABLE).write_text(text, encoding="utf-8", newline="")

    @property
    def most_pixels(self) -> int | None:
        """Of a PNG; a TIFF has as many as it holds."""
        return MOST_OF_PICTURE if self._ending == ".png" else None

    def item(self, image: LabelledImage) -> None:
        """Write an image's maps, and note its name."""
        kind = np.uint8 if self._ending == ".png" else np.uint16
        numbers = encoded(image, self.head, kind)
        self._write(self.folder / LABELS / f"{image.name}{self._ending}", numbers)
        if self.head.masks == "both":
            _write_regions(self.folder / REGIONS / image.name, image)
        put_picture(image, self.folder / PICTURES, self.head.pictures)
        self._lists[image.subset or "all"].append(image.name)

    def close(self) -> None:
        """Write the lists of names."""
        for subset, names in self._lists.items():
            text = "".join(f"{name}\n" for name in names)
            (self.folder / LISTS / f"{subset}.txt").write_text(text, encoding="utf-8", newline="")

    def _write(self, path: Path, numbers: NDArray[np.integer]) -> None:
        if self._ending == ".tif":
            write_tiff(path, numbers)
            return
        picture = Image.fromarray(numbers)
        picture.putpalette(palette_of(self.head))
        picture.save(path, format="PNG")


def encoded(image: LabelledImage, head: Head, kind: type[np.integer]) -> NDArray[np.integer]:
    """Return the label map of an image in the numbers of an export."""
    numbers = np.empty(image.shape, kind)
    for top, labels, regions in image.bands():
        ignored = image.ignored(labels, regions)
        numbers[top : top + len(labels)] = head.numbering.encode(labels, ignored)
    return numbers


def decoded(
    path: Path, values: Mapping[int, int], ignored: Set[int]
) -> tuple[NDArray[np.uint16], NDArray[np.bool_] | None]:
    """Return the labels of a label map, and what was ignored; ``None``: nothing can have been.

    Args:
        path: of the map.
        values: as of :func:`read_table`.
        ignored: numbers, likewise.

    Raises:
        InputError: it cannot be read, or has numbers that nobody knows.
    """
    numbers = read_map(path, "label map")
    nothing = {0, VOID} - values.keys() | ignored
    labels = decode(numbers, values, sorted(nothing), str(path))
    return labels, are_of(numbers, ignored) if ignored else None


def _write_regions(stem: Path, image: LabelledImage) -> None:
    regions = as_ids(np.concatenate([band for _, _, band in image.bands()]))
    if regions.dtype == np.uint16 and not is_too_large(image.shape, MOST_OF_PICTURE):
        Image.fromarray(regions).save(stem.with_name(f"{stem.name}.png"), format="PNG")
    else:
        write_tiff(stem.with_name(f"{stem.name}.tif"), regions)


def palette_of(head: Head) -> bytes:
    """Return the palette of an indexed PNG: of each number its class's colour."""
    palette = np.zeros((256, 3), np.uint8)
    choices = head.numbering.choices
    if choices.ignored is not None and choices.ignored != choices.unlabelled:
        palette[choices.ignored] = VOID_COLOR
    for class_, number in zip(head.numbering.classes, head.numbering.numbers, strict=True):
        palette[number] = class_.color
    return palette.tobytes()


def table_rows(head: Head) -> Iterator[tuple[object, ...]]:
    """Yield the rows of the table of classes below its :data:`COLUMNS`."""
    choices, numbering = head.numbering.choices, head.numbering
    if choices.unlabelled is not None:
        yield choices.unlabelled, UNLABELLED, 0, 0, 0, 0
    for class_, number in zip(numbering.classes, numbering.numbers, strict=True):
        yield number, class_.name, *class_.color, class_.value
    if choices.ignored is not None and choices.ignored != choices.unlabelled:
        yield choices.ignored, IGNORED, *VOID_COLOR, 0


class IndexedReader(Reader):
    """The reader; maps are read one by one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps = files_in(folder / LABELS, _ENDINGS)
        self._regions = files_in(folder / REGIONS, _ENDINGS)
        self._is_voc = not (folder / TABLE).is_file() and self._has_palette()
        if self._is_voc:
            self.vocabulary = voc_vocabulary()
            self._values = {value: value for value in (0, *self.vocabulary.values)}
            self._ignored = {VOID}
            self.tell(
                f"There is no {TABLE}, and the numbers were read as the {len(NAMES)} classes of Pascal VOC, "
                f"whose palette the label maps have; if they are others, put a {TABLE} with the columns "
                f"{', '.join(COLUMNS)} there and import once more."
            )
        else:
            if not os.path.lexists(folder / TABLE):
                raise InputError(
                    f"{str(folder)!r} has no {TABLE}, and its label maps are not in Pascal VOC's colours; "
                    f"put one there with the columns {','.join(COLUMNS)}: {_ADVICE}."
                )
            self._values, self._ignored, self.vocabulary = read_table(
                inside(folder, folder / TABLE, "table of classes")
            )
        self.entries = list(self._entries())

    def _has_palette(self) -> bool:
        """Whether the first label map is in Pascal VOC's colours."""
        path = next(iter(self._maps.values()), None)
        return path is not None and _has_voc_palette(inside(self._folder, path, "label map"))

    def _entries(self) -> Iterator[Entry]:
        pictures = files_in(self._folder / PICTURES, ENDINGS)
        seen: set[str] = set()
        without: list[str] = []
        for subset, names in self._lists():
            for name in names:
                if not name or name in seen:
                    continue
                seen.add(name)
                if self._is_voc and name not in self._maps:
                    without.append(name)
                    continue
                picture = pictures.get(name)
                yield Entry(name, picture.name if picture else name, subset, picture)
        if without:
            self.tell(
                f"{count(len(without), 'image')} in {LISTS} with no label map in {LABELS}, such as "
                f"{without[0]!r}, {'was' if len(without) == 1 else 'were'} passed over."
            )

    def _lists(self) -> Iterator[tuple[str, Iterator[str]]]:
        """Yield the subsets with the names in them; without a list, all maps are in none."""
        lists = sorted(
            (self._folder / LISTS).glob("*.txt"), key=lambda path: (path.stem in _ALL, path)
        )
        for path in lists:
            inside(self._folder, path, "list of images")
            text = read_text(path, "list of images", limit=1 << 28)
            yield "" if path.stem in _ALL else path.stem, lines_of(text)
        if not lists:
            yield "", iter(self._maps)

    def read(self, entry: Entry) -> Taken:
        """Return an image's maps."""
        path = self._maps.get(entry.name)
        if path is None:
            where = str(self._folder / LABELS / entry.name)
            raise InputError(f"There is no label map {where!r} (.png, .tif); put it there.")
        inside(self._folder, path, "label map")
        labels, ignored = decoded(path, self._values, self._ignored)
        found = self._regions.get(entry.name)
        regions: NDArray[np.integer] | None = None
        if found is not None:
            regions = check_regions(read_map(inside(self._folder, found, "regions"), "regions"))
        if regions is not None and ignored is not None and self._is_voc:
            regions = _with_void(regions, ignored)
        return Taken(labels, regions, ignored)


def _has_voc_palette(path: Path) -> bool:
    """Whether a file is an indexed PNG whose first colours are those of Pascal VOC."""
    if path.suffix.lower() != ".png":
        return False
    try:
        check_regular(path, "label map", "check the path")
        with path.open("rb") as file, open_picture(file, path, ("PNG",)) as picture:
            colors = picture.getpalette() if picture.mode == "P" else None
    except (OSError, InputError, SyntaxError, ValueError):
        return False  # which is told when it is read
    wanted = voc_colors(np.arange(len(NAMES) + 1)).ravel().tolist()
    return colors is not None and colors[: len(wanted)] == wanted


def _with_void(regions: NDArray[np.integer], ignored: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Return regions of Pascal VOC, in whose maps 255 is what is ignored: each part of that is a region."""
    found = regions.astype(np.int32)
    found[found == VOID] = 0
    parts = parts_of(np.zeros(found.shape, np.uint16), ignored)
    here = parts > 0
    found[here] = int(found.max(initial=0)) + parts[here]
    return found


def read_table(path: Path) -> tuple[dict[int, int], set[int], Vocabulary]:
    """Return the label value of each number, the numbers of what is ignored, and the classes.

    Args:
        path: of ``classes.csv``.

    Raises:
        InputError: it is missing or no such table.
    """
    where = f"The table of classes {str(path)!r}"
    with guarded(where, _ADVICE, damage=csv.Error):
        rows = list(csv.reader(io.StringIO(read_text(path, "table of classes"), newline="")))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputError(f"{str(path)!r} has not the columns {','.join(COLUMNS)}; {_ADVICE}.")
    values: dict[int, int] = {}
    ignored: set[int] = set()
    classes = []
    for row in rows[1:]:
        try:
            number, red, green, blue, value = (int(row[at]) for at in (0, 2, 3, 4, 5))
            name = unquoted(row[1])
        except (ValueError, IndexError):
            raise InputError(
                f"{str(path)!r} has the row {row!r}; give {', '.join(COLUMNS)}."
            ) from None
        check_number(number, {*values, *ignored}, where)
        if value:
            values[number] = value
            classes.append(VocabularyClass(name, (name,), value, (red, green, blue)))
        elif name == IGNORED:
            ignored.add(number)
        else:
            values[number] = 0
    return values, ignored, vocabulary_of(classes)


def is_indexed(folder: Path) -> bool:
    """Whether a folder has label maps as Pascal VOC lays them, with our table, or in its colours."""
    if not (folder / LABELS).is_dir():
        return False
    if (folder / TABLE).is_file():
        return _is_table(folder / TABLE)
    try:
        maps = files_in(folder / LABELS, (".png",))
        if _TABLES & {
            name.lower() for name in files_in(folder, (".txt", ".json", ".yaml", ".yml", ".csv"))
        }:
            return False
    except InputError:
        return False
    return bool(maps) and _has_voc_palette(next(iter(maps.values())))


def _is_table(path: Path) -> bool:
    """Whether a table is one of ours, whatever is wrong with it; others are read beside label maps."""
    try:
        header = next(lines_of(read_text(path, "table of classes")))
    except InputError:
        return True
    return {"number", "red"} <= set(re.split(r"\W+", header.lower()))


INDEXED = Format(
    "indexed",
    "Indexed PNG (Pascal VOC)",
    "A pixel's number is its class, shown in the class's colour; TIFF above 255 classes.",
    exact=True,
    masks=("classes", "both"),
    choices=Choices(ignored=VOID),
    free=frozenset({"first", "unlabelled", "ignored", "background"}),
    pictures="copy",
    writer=IndexedWriter,
    is_one=is_indexed,
    reader=IndexedReader,
)
