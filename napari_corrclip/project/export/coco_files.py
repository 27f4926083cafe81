"""COCO's documents: annotations that are streamed into a file, and found in one again.

``info``, ``licenses``, ``categories``, ``annotations`` and ``images``; an annotation names its image by the
image's id. While a file is written, images are held; while one is read, images, categories and the
places of annotations.
"""

from __future__ import annotations

import contextlib
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import with_new_ids
from napari_corrclip.project.export.checks import check_size, inside, moment, share, whole
from napari_corrclip.project.export.exporting import names_of, subset_called
from napari_corrclip.project.export.format import Entry, Head, vocabulary_of
from napari_corrclip.project.export.image import LabelledImage, RegionNote, State
from napari_corrclip.project.export.pictures import How, put_picture
from napari_corrclip.project.export.segments import Segment
from napari_corrclip.project.export.streamed_json import elements_at, elements_of
from napari_corrclip.vocabulary import MAX_VALUE, VocabularyClass
from napari_corrclip.vocabulary.palette import Palette, default_color

ANNOTATIONS, PICTURES = "annotations", "images"
_COMPACT = (",", ":")
_TOGETHER = 1 << 18
"""Bytes of annotations that are read together."""
_LARGEST_ID = (1 << 31) - 1


_WHOLE = "default"
"""What documents without a split are called; some libraries look for a name behind the underscore."""


def document_name(name: str, subset: str) -> str:
    """Return what a document is called."""
    return f"{name}_{subset or _WHOLE}.json"


def documents_called(folder: Path, name: str) -> dict[str, Path]:
    """Return the documents of a folder of annotations by their subsets.

    Args:
        folder: of the export.
        name: with which they begin.
    """
    found: dict[str, Path] = {}
    for path in sorted((folder / ANNOTATIONS).glob(f"{name}*.json")):
        subset = path.stem[len(name) :].lstrip("_")
        known = "" if subset == _WHOLE else subset_called(subset)
        found[path.stem if known in found else known] = path
    return found


def inside_of(places: Iterable[Path], name: object) -> Path | None:
    """Return a file that a document names, in the first of some folders that has it; never outside of them.

    Args:
        places: the folders.
        name: as the document has it.
    """
    if not isinstance(name, str) or "\0" in name:
        return None
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or not path.parts or ".." in path.parts or ":" in path.parts[0]:
        return None
    with contextlib.suppress(OSError):  # a name that no file can have
        return next((place / path for place in places if (place / path).is_file()), None)
    return None


# -- writing


class DocumentWriter:
    """The writer of a document, open until its end.

    Args:
        path: of the file; its folder is made.
        head: of the export.
        things: whether categories say if they are of things, which can be counted; ``None``: they do not.
    """

    def __init__(self, path: Path, head: Head, things: bool | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="ascii", newline="\n")
        info = {"description": "exported by napari-corrclip", "masks": head.masks}
        self._file.write(f'{{"info":{_json(info)},\n"licenses":[],\n"categories":')
        self._file.write(_lines([_json(each) for each in _categories(head, things)]))
        self._file.write(',\n"annotations":[')
        self._images: list[str] = []
        self._between = "\n"

    def annotation(
        self,
        told: Mapping[str, object],
        key: str = "",
        elements: Iterable[Mapping[str, object]] = (),
    ) -> None:
        """Write an annotation.

        Args:
            told: what it has.
            key: of a list that it has, too.
            elements: of this list, written one after another.
        """
        text = _json(told)
        self._file.write(self._between + (f'{text[:-1]},"{key}":[' if key else text))
        between = ""
        for element in elements:
            self._file.write(between + _json(element))
            between = ","
        if key:
            self._file.write("]}")
        self._between = ",\n"

    def image(self, told: Mapping[str, object]) -> None:
        """Note an image."""
        self._images.append(_json(told))

    def close(self) -> None:
        """Write the images."""
        self._file.write(f'],\n"images":{_lines(self._images)}}}\n')

    def __enter__(self) -> DocumentWriter:
        """Be open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, whatever is in it."""
        self._file.close()


def _json(told: object) -> str:
    return json.dumps(told, separators=_COMPACT)


def _lines(told: Sequence[str]) -> str:
    return "[\n" + ",\n".join(told) + "]" if told else "[]"


def _categories(head: Head, things: bool | None) -> Iterator[dict[str, object]]:
    names = {class_.value: class_.name for class_ in head.vocabulary}
    for class_, number in zip(head.numbering.classes, head.numbering.numbers, strict=True):
        told: dict[str, object] = {
            "id": number,
            "name": class_.name,
            "supercategory": _above(class_, names),
            "color": list(class_.color),
        }
        if things is not None:
            told["isthing"] = int(things)
        yield told


def _above(class_: VocabularyClass, names: Mapping[int, str]) -> str:
    """Return what a category is a kind of: its parent, and where it has none, the background alone."""
    if class_.parent is not None:
        return names[class_.parent]
    return "background" if class_.background else ""


def image_told(number: int, image: LabelledImage, folder: Path, how: How) -> dict[str, object]:
    """Return what a document has of an image, whose picture is put into its place.

    Args:
        number: its id.
        image: with its name and its subset.
        folder: of the export.
        how: what becomes of pictures.
    """
    file_name = put_picture(image, folder / PICTURES / image.subset, how)
    height, width = image.shape
    return {
        "id": number,
        "width": width,
        "height": height,
        "file_name": file_name,
        "name": image.name,
    }


def known_of(segment: Segment) -> dict[str, object]:
    """Return what is known of a segment beside its pixels: a score, and attributes.

    A score is that of a class that a run proposed. Where a region's class is another one than that of the
    segment, a person painted the segment.
    """
    note = segment.note
    attributes: dict[str, object] = {"region": segment.region}
    told: dict[str, object] = {"attributes": attributes}
    if note is None:
        return told
    if note.value != segment.value:
        return {"attributes": {**attributes, "origin": "person"}}
    if note.predicted == segment.value and note.p > 0:
        told = {"score": round(note.p, 6), **told}
    attributes |= {"origin": note.origin, "margin": round(note.margin, 6)}
    if note.state:
        attributes |= {"state": note.state, "by": note.by, "at": note.at}
    return told


def box_of(segment: Segment) -> list[int]:
    """Return x, y, width and height."""
    top, left, bottom, right = segment.box
    return [left, top, right - left, bottom - top]


# -- reading


@dataclass(frozen=True, slots=True)
class Listed:
    """An image as a document lists it.

    Attributes:
        name: what it is called by an export of ours; empty in others.
        file_name: of its picture.
        shape: rows and columns.
        first: of its annotations, in the places of the document.
        end: behind the last one.
        wrong: why it cannot be read; empty: it can.
    """

    name: str
    file_name: str
    shape: tuple[int, int]
    first: int
    end: int
    wrong: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    """A document that is there; its annotations are read from the file when they are wanted.

    Attributes:
        path: of the file.
        masks: of what they are, in an export of ours.
        names: of the categories, by their ids.
        colors: likewise, where it tells them.
        images: in their order.
        places: (n, 2) where annotations begin and end in the file, those of an image together.
    """

    path: Path
    masks: str
    names: Mapping[int, str]
    colors: Mapping[int, tuple[int, int, int]]
    images: Sequence[Listed]
    places: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path) -> Document:
        """Return that of a file.

        Raises:
            InputError: it is none, or damaged.
        """
        owners, places = array("q"), array("q")
        told: dict[str, list[tuple[int, int]]] = {"images": [], "categories": [], "info": []}
        where = f"The document {str(path)!r}"
        for element in elements_of(path, "document of annotations"):
            if element.key in told:
                told[element.key].append((element.start, element.end))
            elif element.key == "annotations":
                value = element.value
                owner = value.get("image_id") if isinstance(value, dict) else None
                owners.append(_id(owner, f"{where}: the image_id of an annotation"))
                places.extend((element.start, element.end))
        with path.open("rb") as file:
            read = {key: elements_at(file, each, where) for key, each in told.items()}
        images = [_mapping(each, f"{where}: an image") for each in read["images"]]
        ids = [_id(each.get("id"), f"{where}: the id of an image") for each in images]
        order, bounds = _sorted(np.array(owners, np.int64), ids, where)
        names, colors = _named(read["categories"], where)
        info = read["info"][0] if read["info"] and isinstance(read["info"][0], dict) else {}
        return cls(
            path,
            str(info.get("masks", "")),
            names,
            colors,
            [_listed(each, bound, where) for each, bound in zip(images, bounds, strict=True)],
            np.array(places, np.int64).reshape(-1, 2)[order],
        )

    def annotations(self, image: Listed) -> Iterator[Mapping[str, Any]]:
        """Yield those of an image, in their order.

        Raises:
            InputError: one is damaged.
        """
        where = f"An annotation of {str(self.path)!r}"
        with self.path.open("rb") as file:
            waiting: list[tuple[int, int]] = []
            size = 0
            for start, end in self.places[image.first : image.end].tolist():
                waiting.append((start, end))
                size += end - start
                if size >= _TOGETHER:
                    for told in elements_at(file, waiting, where):
                        yield _mapping(told, where)
                    waiting, size = [], 0
            for told in elements_at(file, waiting, where):
                yield _mapping(told, where)


def _sorted(
    owners: NDArray[np.int64], ids: Sequence[int], where: str
) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Return the order in which annotations are together by their images, and the bounds of each image."""
    known = np.array(ids, np.int64)
    if len(np.unique(known)) < len(known):
        raise InputError(f"{where} has two images of one id; give each its own.")
    unknown = owners[~np.isin(owners, known)]
    if len(unknown):
        raise InputError(
            f"{where} has an annotation of the image {int(unknown[0])}, which it does not list; add it."
        )
    order = np.argsort(owners, kind="stable")
    there = owners[order]
    firsts = np.searchsorted(there, known, "left").tolist()
    ends = np.searchsorted(there, known, "right").tolist()
    return order, list(zip(firsts, ends, strict=True))


def _listed(told: Mapping[str, Any], bound: tuple[int, int], where: str) -> Listed:
    file_name, name = told.get("file_name"), told.get("name", "")
    if not isinstance(file_name, str) or not file_name:
        raise InputError(f"{where} has an image without file_name; give it one.")
    if not isinstance(name, str) or name in (".", "..") or {"/", "\\", "\0"} & set(name):
        name = ""
    sides = told.get("height"), told.get("width")
    try:
        return Listed(
            name, file_name, check_size(sides, f"{where}: the image {file_name!r}"), *bound
        )
    except InputError as error:  # of this image, and told when it is read
        return Listed(name, file_name, (0, 0), *bound, str(error))


def _named(
    categories: Sequence[object], where: str
) -> tuple[dict[int, str], dict[int, tuple[int, int, int]]]:
    names: dict[int, str] = {}
    colors: dict[int, tuple[int, int, int]] = {}
    for each in categories:
        told = _mapping(each, f"{where}: a category")
        number, name = _id(told.get("id"), f"{where}: the id of a category"), told.get("name")
        if not isinstance(name, str):
            raise InputError(f"{where} has the category {number} without a name; give it one.")
        if number in names:
            raise InputError(f"{where} has two categories {number}; give each its own id.")
        names[number] = name
        color = told.get("color")
        if (
            isinstance(color, list)
            and len(color) == 3
            and all(type(c) is int and 0 <= c <= 255 for c in color)
        ):
            colors[number] = (color[0], color[1], color[2])
    return names, colors


def _mapping(told: object, where: str) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise InputError(f"{where} is {str(told)[:40]!r} and no object; correct it.")
    return told


def _id(told: object, where: str) -> int:
    told = whole(told)
    if type(told) is not int or not -(1 << 63) <= told < 1 << 63:
        raise InputError(f"{where} is {str(told)[:40]!r}; give a whole number.")
    return told


class Collection:
    """The documents of an export together: one for each subset.

    Args:
        folder: of the export.
        paths: of the documents, by subset.

    Attributes:
        values: the label value of each category's id.
        vocabulary: of these values.
        entries: the images.
        found: document and image of each entry, by its name.

    Raises:
        InputError: one is damaged, or they do not have the same categories.
    """

    def __init__(self, folder: Path, paths: Mapping[str, Path]) -> None:
        documents = {
            subset: Document.read(inside(folder, path, "document of annotations"))
            for subset, path in paths.items()
        }
        names: dict[int, str] = {}
        colors: dict[int, tuple[int, int, int]] = {}
        for document in documents.values():
            for number, name in document.names.items():
                if names.setdefault(number, name) != name:
                    raise InputError(
                        f"{str(document.path)!r} calls the category {number} {name!r}, and another document "
                        f"{names[number]!r}; give it one name."
                    )
            colors = {**document.colors, **colors}
        fit = all(1 <= number <= MAX_VALUE for number in names)
        if not names:
            raise InputError(
                f"{', '.join(repr(str(path)) for path in paths.values())} has no categories; write each "
                'class there, such as {"id": 1, "name": "cat"}.'
            )
        self.values = {
            number: number if fit else place for place, number in enumerate(names, start=1)
        }
        self.vocabulary = vocabulary_of(
            [
                VocabularyClass(name, (name,), value, colors.get(number) or _color(value))
                for (number, name), value in zip(names.items(), self.values.values(), strict=True)
            ]
        )
        listed = [
            (subset, document, image)
            for subset, document in documents.items()
            for image in document.images
        ]
        called = [image.name for _, _, image in listed]
        if not all(called) or len(set(called)) < len(called):
            called = names_of([image.file_name.replace("\\", "/") for _, _, image in listed])
        self.entries: list[Entry] = []
        self.found: dict[str, tuple[Document, Listed]] = {}
        for (subset, document, image), name in zip(listed, called, strict=True):
            beside = document.path.parent
            places = (folder / PICTURES / subset, folder / PICTURES, folder / subset, beside)
            picture = inside_of(places, image.file_name)
            self.entries.append(Entry(name, image.file_name, subset, picture))
            self.found[name] = document, image

    def of(self, entry: Entry) -> tuple[Document, Listed]:
        """Return the document and the image of an entry.

        Raises:
            InputError: what the document says of the image cannot be.
        """
        document, image = self.found[entry.name]
        if image.wrong:
            raise InputError(image.wrong)
        return document, image

    def value_of(self, told: Mapping[str, Any], where: str) -> int:
        """Return the label value of the category that an annotation has.

        Raises:
            InputError: it has none that is known.
        """
        number = whole(told.get("category_id"))
        if type(number) is not int or number not in self.values:
            raise InputError(
                f"{where} has the category_id {str(number)[:40]!r}, and there is no such category; add it."
            )
        return self.values[number]


def _color(value: int) -> tuple[int, int, int]:
    return default_color(value, background=False, palette=Palette.DISTINCT)


class Regions:
    """The regions of an image, as annotations are told one after another.

    Each has an id of its own. Ours have that of the region here; a region of several classes has an
    annotation for each of them.

    Attributes:
        ids: of the regions that annotations name; ``None``: a new one.
        values: the label value of each annotation.
    """

    def __init__(self) -> None:
        self.ids: list[int | None] = []
        self.values: list[int] = []
        self._told: list[tuple[int, tuple[Any, ...]]] = []
        self._taken: set[tuple[int, int]] = set()

    def add(self, told: Mapping[str, Any], value: int) -> int:
        """Take an annotation, and return its number, from 1 on.

        Args:
            told: what it says.
            value: label value of its category.
        """
        attributes = told.get("attributes")
        known = attributes if isinstance(attributes, dict) else {}
        region = known.get("region")
        if (
            type(region) is not int
            or not 0 <= region <= _LARGEST_ID
            or (region, value) in self._taken  # somebody has copied an annotation
        ):
            region = None
        else:
            self._taken.add((region, value))
        self.ids.append(region)
        self.values.append(value)
        if note := _note(value, told.get("score"), known):
            self._told.append((len(self.ids), note))
        return len(self.ids)

    def tables(self) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
        """Return the label value and the region of each annotation, by its number; of 0 they are 0."""
        return np.array([0, *self.values], np.uint16), with_new_ids([0, *self.ids])

    def notes(self, regions: NDArray[np.int32]) -> tuple[RegionNote, ...]:
        """Return what is known of the regions, by ascending id.

        Args:
            regions: of each annotation.
        """
        found: dict[int, tuple[Any, ...]] = {}
        for number, note in self._told:
            region = int(regions[number])
            if region:
                found.setdefault(region, note)
        return tuple(RegionNote(region, *found[region]) for region in sorted(found))


def _note(value: int, score: object, known: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return what an annotation says of its region, as a note has it behind the id; ``None``: nothing."""
    if "margin" not in known and score is None:
        return None
    told, by = known.get("state"), known.get("by")
    state: State = told if told in ("assigned", "accepted") else ""
    p = share(score)
    return (
        value,
        value if p > 0 or not state else 0,
        state,
        p,
        share(known.get("margin")),
        True,
        by if isinstance(by, str) and state else "",
        (moment(known.get("at")) or 0.0) if state else 0.0,
    )
