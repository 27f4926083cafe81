"""Label maps of others, in a folder with a table of classes; they are read and never written.

``classes.csv``, ``.json``, ``.yaml``, ``.yml`` or ``.txt``
    names and numbers, as a vocabulary's file says them (see :mod:`napari_corrclip.vocabulary.files`), or a
    mapping of numbers to names or names to numbers. Without numbers, the classes have those from 1 on in
    their order; of :data:`LABEL_MAPS_FROM_0` from 0 on. Where the maps may be either, it is told.
maps
    PNG, TIFF or .npy files at whatever depth, called as their images, perhaps with an ending such as
    ``_mask``. Where there are folders called ``masks``, ``labels`` or the like, these have the maps and no
    others. A file of a map's name without the ending is its image. Folders called ``train``, ``val`` or
    ``test`` are subsets.

255 is what was to be left out of training where no class has it, and 0 what has no class.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.pictures import open_picture
from napari_corrclip.maps.reading import ENDINGS, read_map
from napari_corrclip.project.export.checks import inside
from napari_corrclip.project.export.exporting import SUBSETS, names_of, subset_called
from napari_corrclip.project.export.format import Entry, Format, Reader, Taken, vocabulary_of
from napari_corrclip.project.export.indexed import read_table
from napari_corrclip.project.export.manifest import FOLDER
from napari_corrclip.project.export.numbering import VOID, Choices, decode, is_nothing
from napari_corrclip.storage.text_files import lines_of, load_json, load_yaml, read_text
from napari_corrclip.storage.untrusted import check_regular, guarded
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, files
from napari_corrclip.vocabulary.classes import complete, is_int
from napari_corrclip.vocabulary.grammar import Entry as Named
from napari_corrclip.wording.amounts import count

TABLE = "classes"
_INDEXED = "number,name,red,green,blue,value"
"""The header of our own table beside indexed PNG."""
_MAPS = frozenset((
    "mask", "masks", "label", "labels", "labelmap", "labelmaps", "label_maps", "annotation", "annotations",
    "ann", "anns", "ann_dir", "gt", "gtfine", "gtcoarse", "groundtruth", "ground_truth", "segmentation",
    "segmentations", "seg", "segmentationclass", "semantic",
))  # fmt: skip
"""Folders of maps, in lower case."""
_IMAGES = frozenset((
    "image", "images", "img", "imgs", "img_dir", "picture", "pictures", "photo", "photos", "rgb",
    "jpegimages", "leftimg8bit", "input", "inputs",
))  # fmt: skip
"""Folders of what the maps are of."""
_BEHIND = re.compile(
    r"(?:[_.-](?:gtFine|gtCoarse))?[_.-](?:labelIds|masks?|labels?|segmentation|seg|gt|groundtruth|annotation)$",
    re.IGNORECASE,
)
"""How a map's name goes on behind its image's."""
_BESIDE = re.compile(
    r"(?:[_.-](?:gtFine|gtCoarse))?[_.-](?:colou?rs?|instanceIds|instances?|labelTrainIds|overlay|preview)$",
    re.IGNORECASE,
)
"""How the name of what lies beside a map goes on, made of it or for another purpose."""
_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_LOSSY = (".jpg", ".jpeg", ".webp")


class LabelMapsReader(Reader):
    """The reader; maps are read one by one.

    Args:
        folder: of the maps.
        first: number of the first class where the table has none.
    """

    def __init__(self, folder: Path, *, first: int = 1) -> None:
        self._folder = folder
        table = table_in(folder)
        if table is None:
            raise InputError(
                f"{str(folder)!r} has no table of classes; put {TABLE}.csv there, with the columns name and "
                "value."
            )
        self._values, self._ignored, self.vocabulary, told = read_classes(
            inside(folder, table, "table of classes"), first
        )
        self._doubt = ""
        if first and not told:
            self._doubt = (
                f"{table.name!r} has no numbers: its first class, {self.vocabulary.names[0]!r}, was read as "
                f"{first} in the label maps, and 0 as no class, which these allow; where the first class is "
                f"0 in them, import with --format {LABEL_MAPS_FROM_0.name} instead."
            )
        self._has_zero, self._highest = False, 0
        if VOID not in self._values:
            self._ignored.add(VOID)
        self._maps: dict[str, Path] = {}
        self.entries = list(self._entries())
        if not self.entries:
            lossy = f" {' '.join(self.notes)}" if self.notes else ""
            raise InputError(
                f"{str(folder)!r} has a table of classes and no label map ({', '.join(ENDINGS)}); put them "
                f"there.{lossy}"
            )

    def _entries(self) -> Iterator[Entry]:
        maps, pictures = maps_in(self._folder)
        lossy = lossy_among(maps, pictures, self._folder)
        if lossy:
            first = lossy[0].relative_to(self._folder).as_posix()
            others = f" and {count(len(lossy) - 1, 'other file')}" if lossy[1:] else ""
            self.tell(
                f"{first!r}{others} {'were' if others else 'was'} passed over, since JPEG and WebP change "
                "the numbers of pixels; save label maps as PNG from where they come."
            )
        pictures = [path for path in pictures if path not in set(lossy)]
        by_name: dict[str, list[Path]] = {}
        for path in pictures:
            by_name.setdefault(path.stem, []).append(path)
        told = []
        for path in maps:
            *folders, _ = path.relative_to(self._folder).parts
            stem = path.stem
            name = stem if stem in by_name else _BEHIND.sub("", stem) or stem
            kept = [each for each in folders if not _is_about(each)]
            subset = next(
                (subset_called(each) for each in folders if subset_called(each) in SUBSETS), ""
            )
            picture = _nearest(by_name.get(name, ()), kept, self._folder)
            file_name = "/".join([*kept, picture.name if picture else name])
            told.append((path, file_name, subset, picture))
        titles = [
            f"{file_name}." if not picture else file_name for _, file_name, _, picture in told
        ]
        for name, (path, file_name, subset, picture) in zip(names_of(titles), told, strict=True):
            self._maps[name] = path
            yield Entry(name, file_name, subset, picture)

    def read(self, entry: Entry) -> Taken:
        """Return an image's map."""
        path = self._maps[entry.name]
        numbers = read_map(inside(self._folder, path, "label map"), "label map")
        nothing = {0} - self._values.keys() | self._ignored
        labels = decode(numbers, self._values, sorted(nothing), str(path))
        ignored = np.isin(numbers, sorted(self._ignored))
        self._look(numbers)
        return Taken(labels, None, ignored if ignored.any() else None)

    def _look(self, numbers: NDArray[np.integer]) -> None:
        """Tell of a table without numbers as long as the maps that were read allow two readings."""
        if not self._doubt:
            return
        known = numbers[~np.isin(numbers, sorted(self._ignored))]
        self._has_zero |= bool((known == 0).any())
        self._highest = max(self._highest, int(known.max(initial=0)))
        if self._highest >= len(self.vocabulary):  # which no map has that begins with 0
            self._doubt = ""
            self.notes[:] = [note for note in self.notes if "has no numbers: " not in note]
        elif self._has_zero:
            self.tell(self._doubt)


def lossy_among(maps: Sequence[Path], pictures: Sequence[Path], folder: Path) -> list[Path]:
    """Return the pictures that lie or are called as label maps do, and are of a kind that keeps no numbers.

    Args:
        maps: that were found.
        pictures: the other pictures.
        folder: of all.
    """
    known = {(path.parent, path.stem) for path in (*maps, *pictures)}
    found = []
    for path in pictures:
        if path.suffix.lower() not in _LOSSY:
            continue
        about = [each.lower() for each in path.relative_to(folder).parts[:-1] if _is_about(each)]
        image = _BEHIND.sub("", path.stem)
        if (about and about[-1] in _MAPS) or (
            not about and image != path.stem and (path.parent, image) in known
        ):
            found.append(path)
    return found


def table_in(folder: Path) -> Path | None:
    """Return the table of classes in a folder, whatever its ending; ``None``: there is none."""
    for suffix in (".csv", ".json", ".yaml", ".yml", ".txt"):
        for path in (folder / f"{TABLE}{suffix}", folder / f"{TABLE.capitalize()}{suffix}"):
            if path.is_file():
                return path
    return None


def maps_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the label maps and the other pictures in a folder, at whatever depth.

    Raises:
        InputError: it cannot be looked into.
    """
    found: list[Path] = []
    with guarded(f"The folder {str(folder)!r}", "check its permissions"):
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(each for each in folders if each[0] != "." and each != FOLDER)
            found += [Path(place, name) for name in sorted(names) if name[0] != "."]
    maps = [path for path in found if path.suffix.lower() in ENDINGS]
    within = {path: {each.lower() for each in path.relative_to(folder).parts[:-1]} for path in maps}
    for chosen in (
        [path for path in maps if within[path] & _MAPS],
        [path for path in maps if not within[path] & _IMAGES],
    ):
        if chosen:
            maps = chosen
            break
    maps = _without_pictures(maps, {path for path in maps if within[path] & _MAPS})
    known = set(maps)
    others = [path for path in found if path.suffix.lower() in _PICTURES and path not in known]
    return maps, others


def _without_pictures(maps: Sequence[Path], sure: Collection[Path]) -> list[Path]:
    """Return the label maps among files of which some may be what the maps are of.

    Where files end as maps do, those of the same names without it are none, nor are what colours them; the
    others are maps as well, unless they have colours.

    Args:
        maps: the files.
        sure: those in folders of maps, whose images lie elsewhere.
    """
    behind = [path for path in maps if _BEHIND.search(path.stem)]
    there = {(path.parent, _BEHIND.sub("", path.stem)) for path in behind}
    names = {(_subset_of(path), _BEHIND.sub("", path.stem)) for path in behind}

    def has_map(path: Path) -> bool:
        name = _BESIDE.sub("", path.stem)
        return (path.parent, name) in there or (
            path not in sure and (_subset_of(path), name) in names
        )

    others = [path for path in maps if not _BEHIND.search(path.stem)]
    alone = {path for path in others if not has_map(path) and not (behind and _has_colors(path))}
    mixed = {path.parent for path in alone}  # of such a folder a name alone says nothing
    left = {
        path
        for path in others
        if path not in alone
        and (
            path.parent not in mixed
            or (path.parent, _BESIDE.sub("", path.stem)) in there
            or _has_colors(path)
        )
    }
    return [path for path in maps if path not in left]


def _subset_of(path: Path) -> str:
    return next((part.lower() for part in path.parts[-2::-1] if subset_called(part) in SUBSETS), "")


def _has_colors(path: Path) -> bool:
    """Whether a file is a PNG of colours, which no map is."""
    if path.suffix.lower() != ".png":
        return False
    try:
        check_regular(path, "label map", "check the path")
        with path.open("rb") as file, open_picture(file, path, ("PNG",)) as picture:
            return picture.mode in ("RGB", "RGBA")
    except (OSError, InputError, SyntaxError, ValueError):
        return False  # which is told when it is read


def _is_about(folder: str) -> bool:
    """Whether a folder's name says what lies in it, and is none of an image's."""
    return folder.lower() in _MAPS | _IMAGES


def _nearest(pictures: Sequence[Path], kept: Sequence[str], folder: Path) -> Path | None:
    """Return the picture of a map, of those with its name; ``None``: it is not known which."""
    for path in pictures:
        *folders, _ = path.relative_to(folder).parts
        if [each for each in folders if not _is_about(each)] == list(kept):
            return path
    return pictures[0] if len(pictures) == 1 else None


def read_classes(path: Path, first: int = 1) -> tuple[dict[int, int], set[int], Vocabulary, bool]:
    """Return the label value of each number, the numbers of what is ignored, the classes, and if it has any.

    A class has its number as its label value; one of number 0, which is unlabelled here, gets another one.

    Args:
        path: of the table.
        first: number of the first class where the table has none.

    Raises:
        InputError: it cannot be read, or is no such table.
    """
    where = f"The table of classes {str(path)!r}"
    text = read_text(path, "table of classes")
    if next(lines_of(text)) == _INDEXED:
        return (*read_table(path), True)
    try:
        entries = _entries_of(path, text, where)
        numbers = _numbers(entries, first)
        values: dict[int, int] = {}
        ignored: set[int] = set()
        classes = []
        taken = {*numbers}
        highest = min(max(numbers, default=0) + 1, MAX_VALUE)
        spare = next((value for value in range(highest, 0, -1) if value not in taken), 0)
        if not spare:
            raise InputError(f"all numbers up to {MAX_VALUE} are given; leave one class out.")
        for entry, number in zip(entries, numbers, strict=True):
            if number in values or number in ignored:
                raise InputError(f"the number {number} is that of two classes; give each its own.")
            if number in (0, VOID) and is_nothing(entry.name):
                ignored |= {number} if number else set()
                values |= {} if number else {0: 0}
                continue
            values[number] = number or spare
            classes.append(replace(entry, value=values[number]))
        told = any(entry.value is not None for entry in entries)
        return values, ignored, vocabulary_of(complete(classes)), told
    except InputError as error:
        sentence = str(error)
        raise InputError(
            sentence if sentence.startswith(where) else f"{where}: {sentence}"
        ) from None


def _numbers(entries: Sequence[Named], first: int) -> list[int]:
    """Return the number of each class, as a vocabulary's file gives them, but for 0."""
    given = [entry.value for entry in entries]
    for entry, number in zip(entries, given, strict=True):
        if number is not None and not (is_int(number) and 0 <= number <= MAX_VALUE):
            raise InputError(
                f"the class {entry.name!r} has the number {number!r}; use a whole number from 0 to "
                f"{MAX_VALUE}."
            )
    known = [number for number in given if number is not None]
    free = max(known) + 1 if known else first
    numbers = []
    for number in given:
        numbers.append(free if number is None else number)
        free += number is None
    return numbers


def _entries_of(path: Path, text: str, where: str) -> Sequence[Named]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return files.from_table(text)
    if suffix == ".txt":
        return files.entries_of(text)
    data = load_json(text, where) if suffix == ".json" else load_yaml(text, where)
    if isinstance(data, Mapping) and "classes" not in data:
        numbered = _numbered(data)
        if numbered is not None:
            return numbered
    if isinstance(data, list):  # as COCO has its categories
        data = [
            {("value" if name == "id" else name): each for name, each in element.items()}
            if isinstance(element, dict) and "value" not in element
            else element
            for element in data
        ]
    return files.entries_of_document(data)


def _numbered(data: Mapping[object, object]) -> list[Named] | None:
    """Return the classes of a mapping of numbers to names or the other way; ``None``: it is another one."""
    if all(isinstance(name, str) for name in data.values()) and data:
        numbers = [int(str(number)) for number in data if re.fullmatch(r"\d{1,5}", str(number))]
        if len(numbers) == len(data):
            return [
                Named(str(name), value=number)
                for number, name in zip(numbers, data.values(), strict=True)
            ]
    if all(is_int(number) for number in data.values()) and data:
        return [Named(str(name), value=number) for name, number in data.items()]  # type: ignore[arg-type]
    return None


def is_maps(folder: Path) -> bool:
    """Whether a folder has a table of classes and a label map."""
    try:
        if table_in(folder) is None:
            return False
        maps, pictures = maps_in(folder)
        return bool(maps or lossy_among(maps, pictures, folder))
    except InputError:
        return False


LABEL_MAPS = Format(
    "label-maps",
    "Label maps with a table of classes",
    "Any folder of PNG, TIFF or .npy maps with classes.csv, .json, .yaml or .txt.",
    exact=True,
    masks=("classes",),
    choices=Choices(),
    free=frozenset(),
    pictures="none",
    writer=None,
    is_one=is_maps,
    reader=LabelMapsReader,
)
LABEL_MAPS_FROM_0 = replace(
    LABEL_MAPS,
    name="label-maps-from-0",
    title="Label maps whose first class is 0",
    tip="The same, where the table has no numbers and the first class is 0 in the maps.",
    is_one=lambda _: False,
    reader=partial(LabelMapsReader, first=0),
)
