"""COCO's instances: an annotation for each region, its mask as run lengths.

``annotations/instances_SUBSET.json``
    or ``instances_default.json`` without a split: images, categories and annotations. A mask is compressed
    run lengths down the columns, whatever its form; its parts are one annotation. Beside what COCO has there
    are ``score`` of a class that a run proposed, and ``attributes``: origin (run or person), margin, region,
    and of a decision state, by and at (seconds since 1970). An image has its ``name`` here, too.
``images/SUBSET/``
    the images, or ``images/``.

Pixels without a class, and what was ignored, are in no mask. Files of others are read whether masks are
compressed or not, or polygons. Where annotations overlap the later one counts; crowds are masks as any other.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.coco_files import ANNOTATIONS, Regions, box_of
from napari_corrclip.project.export.coco_formats import (
    CollectionReader,
    CollectionWriter,
    coco_format,
)
from napari_corrclip.project.export.coco_masks import Canvas, compressed, counts_of
from napari_corrclip.project.export.exporting import subset_called
from napari_corrclip.project.export.format import Entry, Taken
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.segments import Segment
from napari_corrclip.storage.untrusted import check_regular

_NAME = "instances"
_OTHERS = "_annotations.coco.json"
"""The document of a subset beside its pictures, as Roboflow writes it."""
_KEYS = (b"images", b"annotations", b"categories")
_TOGETHER = 1 << 16
"""Runs that are coded together."""


class CocoWriter(CollectionWriter):
    """The writer; masks are coded some together."""

    kind = _NAME

    def begin(self) -> None:
        """Open the documents."""
        super().begin()
        self._annotations = 0

    def item(self, image: LabelledImage) -> None:
        """Write an image's annotations."""
        document = self.begun(image)
        height, width = image.shape
        numbers = self.head.numbering.by_value
        for segment, text in _coded(self.segments(image, columns=True), height * width):
            self._annotations += 1
            document.annotation(
                {
                    "id": self._annotations,
                    "image_id": self.images,
                    "category_id": numbers[segment.value],
                    "segmentation": {"size": [height, width], "counts": text},
                    "area": segment.area,
                    "bbox": box_of(segment),
                    "iscrowd": 0,
                    **self.known(segment),
                }
            )


def _coded(segments: Iterator[Segment], pixels: int) -> Iterator[tuple[Segment, str]]:
    """Yield segments with the texts of their masks; many are coded together."""
    some: list[Segment] = []
    runs = 0
    for segment in segments:
        some.append(segment)
        runs += len(segment.starts)
        if runs >= _TOGETHER:
            yield from zip(some, compressed(*counts_of(some, pixels)), strict=True)
            some, runs = [], 0
    if some:
        yield from zip(some, compressed(*counts_of(some, pixels)), strict=True)


class CocoReader(CollectionReader):
    """The reader; masks are painted upon one another."""

    kind, of = _NAME, "instances"

    @classmethod
    def documents_in(cls, folder: Path) -> dict[str, Path]:
        """Return the documents of an export by their subsets."""
        found = super().documents_in(folder)
        if not found and (folder / _OTHERS).is_file():
            found = {"": folder / _OTHERS}
        if not found and folder.is_dir():
            for path in sorted(folder.glob(f"*/{_OTHERS}")):
                found[subset_called(path.parent.name)] = path
        if not found and (alone := _alone_in(folder)) is not None:
            found[""] = alone
        return found

    def read(self, entry: Entry) -> Taken:
        """Return an image's labels."""
        document, image = self.documents.of(entry)
        where = f"The image {entry.name!r} of {str(document.path)!r}"
        canvas, regions = Canvas(*image.shape, image.end - image.first, where), Regions()
        for told in document.annotations(image):
            where = f"The annotation {str(told.get('id'))[:40]} of {str(document.path)!r}"
            number = regions.add(told, self.documents.value_of(told, where))
            canvas.paint(told.get("segmentation"), number, where)
        canvas.finish()
        values, ids = regions.tables()
        labels = canvas.labels(values)
        if document.masks == "classes":
            return Taken(labels)
        return Taken(labels, canvas.ids(ids), None, regions.notes(ids))


def _alone_in(folder: Path) -> Path | None:
    """Return the document that lies beside the pictures: the one of this name, else the only one."""
    there = [path for path in sorted(folder.glob("*.json")) if _looks(path)]
    called = [path for path in there if path.name == f"{ANNOTATIONS}.json"]
    return next(iter(called or there), None) if called or len(there) == 1 else None


def _looks(path: Path) -> bool:
    """Whether a file has what a document of instances has, by a glance that reads nothing into memory."""
    try:
        check_regular(path, "document of annotations", "check the path")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            begins = text[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
            return (
                begins
                and all(text.find(b'"%b"' % key) >= 0 for key in _KEYS)
                and text.find(b'"segments_info"') < 0
            )
    except (OSError, InputError, ValueError):  # one that is empty cannot be mapped
        return False


COCO = coco_format(
    "coco",
    "COCO instances",
    "An annotation for each region, its mask as run lengths, with its score and who decided.",
    CocoWriter,
    CocoReader,
)
