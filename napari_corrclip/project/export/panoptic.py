"""COCO's panoptic segmentation: an image of segments, and a document that tells what each of them is.

``annotations/panoptic_SUBSET.json``
    or ``panoptic_default.json`` without a split: images, categories, and of each image its segments, with
    ``score`` and ``attributes`` as in :mod:`~napari_corrclip.project.export.coco`. Classes are things where
    masks are of regions, and stuff where they are of classes.
``annotations/panoptic_SUBSET/NAME.png``
    a pixel's segment is R + 256 G + 65536 B; 0 is in none, which its evaluation leaves out. They lie where
    the format has them: in a folder beside the document that is called like it.
``images/SUBSET/``
    the images, or ``images/``.

Pixels without a class, and what was ignored, are in no segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.files import damage
from napari_corrclip.images.pictures import open_picture
from napari_corrclip.maps.regions import id_type
from napari_corrclip.project.export.checks import MOST_OF_PICTURE, inside
from napari_corrclip.project.export.coco_files import Regions, box_of, inside_of
from napari_corrclip.project.export.coco_formats import (
    CollectionReader,
    CollectionWriter,
    coco_format,
)
from napari_corrclip.project.export.format import Entry, Taken
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.png_bands import write_rgb
from napari_corrclip.project.export.segments import Segment
from napari_corrclip.storage.untrusted import check_regular, guarded

_NAME = "panoptic"
_MOST = (1 << 24) - 1
_BAND = 1 << 16
"""Pixels that are looked at together, about."""


class PanopticWriter(CollectionWriter):
    """The writer; an image's map is written before its segments."""

    kind, things = _NAME, True

    def begin(self) -> None:
        """Make the folders of the maps, and open the documents."""
        self._maps = {subset: self.place(subset).with_suffix("") for subset in self.subsets}
        for folder in self._maps.values():
            folder.mkdir(parents=True)
        super().begin()

    @property
    def most_pixels(self) -> int:
        """Of a PNG."""
        return MOST_OF_PICTURE

    def item(self, image: LabelledImage) -> None:
        """Write an image's segments."""
        document = self.begun(image)
        numbers = self.head.numbering.by_value
        segments = list(self.segments(image))
        if len(segments) > _MOST:
            raise InputError(
                f"{image.path!r} has {len(segments)} segments, and a PNG of them holds {_MOST}; take "
                "another format."
            )
        name = f"{image.name}.png"
        bands = _bands(segments, *image.shape)
        with (self._maps[image.subset] / name).open("wb") as file:
            write_rgb(file, image.shape, bands)
        told = (
            {
                "id": number,
                "category_id": numbers[segment.value],
                "area": segment.area,
                "bbox": box_of(segment),
                "iscrowd": 0,
                **self.known(segment),
            }
            for number, segment in enumerate(segments, start=1)
        )
        document.annotation({"image_id": self.images, "file_name": name}, "segments_info", told)


def _bands(segments: list[Segment], height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the colours of segments, which are numbered from 1 on, from the top to the bottom."""
    nothing = [np.zeros(0, np.int64)]
    starts = np.concatenate([segment.starts for segment in segments] or nothing)
    ends = starts + np.concatenate([segment.lengths for segment in segments] or nothing)
    owner = np.repeat(
        np.arange(1, len(segments) + 1, dtype="<u4"), [len(segment.starts) for segment in segments]
    )
    order = np.argsort(starts)
    starts, ends, owner = starts[order], ends[order], owner[order]
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        first, last = top * width, min(top + rows, height) * width
        some = slice(np.searchsorted(starts, first), np.searchsorted(starts, last))
        bounds = np.empty(2 * (some.stop - some.start) + 2, np.int64)
        bounds[0], bounds[-1] = first, last
        bounds[1:-1:2], bounds[2:-1:2] = starts[some], ends[some]
        numbers = np.zeros(len(bounds) - 1, "<u4")  # between two segments there is none
        numbers[1::2] = owner[some]
        pixels = np.repeat(numbers, np.diff(bounds))
        yield pixels.view(np.uint8).reshape(-1, width, 4)[:, :, :3]


class PanopticReader(CollectionReader):
    """The reader; maps are read some rows together."""

    kind, of = _NAME, "segments"

    def read(self, entry: Entry) -> Taken:
        """Return an image's labels."""
        document, image = self.documents.of(entry)
        where = f"The segments of {image.file_name!r} in {str(document.path)!r}"
        annotations = list(document.annotations(image))
        if len(annotations) != 1:
            raise InputError(f"{where} are told {len(annotations)} times; tell them once.")
        told, regions = annotations[0], Regions()
        ids = [0]
        for each in _segments(told, where):
            number = each.get("id")
            if type(number) is not int or not 1 <= number <= _MOST:
                raise InputError(
                    f"{where} have the id {str(number)[:40]}; give numbers from 1 to {_MOST}."
                )
            regions.add(each, self.documents.value_of(each, where))
            ids.append(number)
        if len(set(ids)) < len(ids):
            raise InputError(f"{where} have an id twice; give each its own.")
        values, region_ids = regions.tables()
        places = (document.path.with_suffix(""), self.folder / document.path.stem)
        path = inside_of(places, told.get("file_name"))
        if path is None:
            raise InputError(
                f"{where} have the map {str(told.get('file_name'))[:200]!r}, which is not in "
                f"{str(places[0])!r}; put it there."
            )
        inside(self.folder, path, "map of segments")
        labels = np.empty(image.shape, np.uint16)
        found: NDArray[np.integer] | None = None
        if document.masks != "classes":
            found = np.empty(image.shape, id_type(int(region_ids.max())))
        for top, numbers in _numbers(path, image.shape, np.array(ids)):
            labels[top : top + len(numbers)] = values[numbers]
            if found is not None:
                found[top : top + len(numbers)] = region_ids[numbers]
        return Taken(labels, found, None, () if found is None else regions.notes(region_ids))


def _segments(told: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    segments = told.get("segments_info")
    if not isinstance(segments, list) or not all(isinstance(each, dict) for each in segments):
        raise InputError(f"{where} have no list of objects (segments_info); correct it.")
    return segments


def _numbers(
    path: Path, shape: tuple[int, int], ids: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield pieces of whole rows: the first row, and the place of each pixel's id.

    Raises:
        InputError: it is no such map, of another size, or has an id that is none of these.
    """
    order = np.argsort(ids)
    known = ids[order]
    for top, colors in _colors(path, shape):
        red, green, blue = np.moveaxis(colors, 2, 0).astype(np.int32)
        flat = (red | green << 8 | blue << 16).ravel()
        begins = np.flatnonzero(np.diff(flat, prepend=-1))
        numbers = flat[begins]
        at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        unknown = numbers[known[at] != numbers]
        if len(unknown):
            raise InputError(
                f"The map {str(path)!r} has the segment {int(unknown[0])}, which its document does not tell; "
                "add it there."
            )
        lengths = np.diff(begins, append=len(flat))
        yield top, np.repeat(order[at], lengths).reshape(-1, shape[1])


def _colors(path: Path, shape: tuple[int, int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield pieces of whole rows of a map: the first row, and (h, W, 3) colours."""
    from PIL import UnidentifiedImageError

    what, advice = "map of segments", "export or copy it again"
    check_regular(path, what, advice)
    where = f"The {what} {str(path)!r}"
    height, width = shape
    rows = max(1, _BAND // width)
    with guarded(where, advice, damage=damage()), path.open("rb") as file:
        try:
            opened = open_picture(file, path, ("PNG",))
        except UnidentifiedImageError:
            raise InputError(f"{where} is no PNG; {advice}.") from None
        with opened as picture:
            if picture.mode != "RGB" or picture.size != (width, height):
                raise InputError(
                    f"{where} is a PNG of {picture.mode}, {picture.height} x {picture.width} pixels, and one "
                    f"of RGB, {height} x {width} is told; {advice}."
                )
            picture.load()
            for top in range(0, height, rows):  # all at once would be a second picture in memory
                yield top, np.asarray(picture.crop((0, top, width, min(top + rows, height))))


PANOPTIC = coco_format(
    "coco-panoptic",
    "COCO panoptic",
    "An image of segments beside a document that tells what each is; no two overlap.",
    PanopticWriter,
    PanopticReader,
)
