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

from collections.abc import Iterator
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.coco_files import (
    ANNOTATIONS,
    SUBSETS,
    Collection,
    DocumentWriter,
    Regions,
    box_of,
    document_name,
    documents_called,
    image_told,
    known_of,
)
from napari_corrclip.project.export.coco_masks import (
    Canvas,
    compressed,
    counts_of,
)
from napari_corrclip.project.export.format import Entry, Format, Reader, Taken, Writer
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.numbering import Choices
from napari_corrclip.project.export.segments import Masks, Segment, segments_of

_NAME = "instances"
_OTHERS = "_annotations.coco.json"
"""The document of a subset beside its pictures, as Roboflow writes it."""
_TOGETHER = 1 << 16
"""Runs that are coded together."""


class CocoWriter(Writer):
    """The writer; annotations are written as soon as they are there."""

    def begin(self) -> None:
        """Open the documents."""
        self._documents = {
            subset: self.held.enter_context(
                DocumentWriter(self.folder / ANNOTATIONS / document_name(_NAME, subset), self.head)
            )
            for subset in self.head.subsets or ("",)
        }
        self._images = self._annotations = 0

    def item(self, image: LabelledImage) -> None:
        """Write an image's annotations."""
        document = self._documents[image.subset]
        self._images += 1
        document.image(image_told(self._images, image, self.folder, self.head.pictures))
        height, width = image.shape
        numbers = self.head.numbering.by_value
        masks: Masks = "classes" if self.head.masks == "classes" else "regions"
        segments = (
            segment
            for segment in segments_of(image, masks, columns=True)
            if segment.value in numbers
        )
        for segment, text in _coded(segments, height * width):
            self._annotations += 1
            document.annotation(
                {
                    "id": self._annotations,
                    "image_id": self._images,
                    "category_id": numbers[segment.value],
                    "segmentation": {"size": [height, width], "counts": text},
                    "area": segment.area,
                    "bbox": box_of(segment),
                    "iscrowd": 0,
                    **(known_of(segment) if masks == "regions" else {}),
                }
            )

    def close(self) -> None:
        """Write the ends of the documents."""
        for document in self._documents.values():
            document.close()


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


class CocoReader(Reader):
    """The reader; annotations are read from their file image by image."""

    def __init__(self, folder: Path) -> None:
        paths = _documents(folder)
        if not paths:
            raise InputError(
                f"{str(folder)!r} has no document of instances ({ANNOTATIONS}/{_NAME}_*.json); put it there."
            )
        self._documents = Collection(folder, paths)
        self.vocabulary, self.numbers = self._documents.vocabulary, self._documents.numbers
        self.entries = self._documents.entries

    def read(self, entry: Entry) -> Taken:
        """Return an image's labels."""
        document, image = self._documents.found[entry.name]
        canvas, regions = Canvas(*image.shape, image.end - image.first), Regions()
        for told in document.annotations(image):
            where = f"The annotation {str(told.get('id'))[:40]} of {str(document.path)!r}"
            number = regions.add(told, self._documents.value_of(told, where))
            canvas.paint(told.get("segmentation"), number, where)
        canvas.finish()
        values, ids = regions.tables()
        labels = canvas.labels(values)
        if document.masks == "classes":
            return Taken(labels)
        return Taken(labels, canvas.ids(ids), None, regions.notes(ids))


def _documents(folder: Path) -> dict[str, Path]:
    found = documents_called(folder, _NAME)
    if not found and (folder / _OTHERS).is_file():
        found = {"": folder / _OTHERS}
    if not found and folder.is_dir():
        for path in sorted(folder.glob(f"*/{_OTHERS}")):
            found[SUBSETS.get(path.parent.name, path.parent.name)] = path
    return found


COCO = Format(
    "coco",
    "COCO instances",
    "An annotation for each region, its mask as run lengths, with its score and who decided.",
    exact=True,
    masks=("regions", "classes"),
    choices=Choices(unlabelled=None),
    free=frozenset({"first", "background"}),
    pictures="copy",
    writer=CocoWriter,
    is_one=lambda folder: bool(_documents(folder)),
    reader=CocoReader,
)
