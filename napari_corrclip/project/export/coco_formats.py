"""The common part of COCO's formats: a document for each subset, whose annotations are those of segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.coco_files import (
    ANNOTATIONS,
    Collection,
    DocumentWriter,
    document_name,
    documents_called,
    image_told,
    known_of,
)
from napari_corrclip.project.export.format import Format, Head, Reader, Writer
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.numbering import Choices
from napari_corrclip.project.export.segments import Masks, Segment, segments_of


class CollectionWriter(Writer):
    """The writer of the documents; annotations are written as soon as they are there.

    Attributes:
        kind: what the documents are called, in front of their subset.
        things: whether categories say if they are of things, which can be counted.
        images: so many were begun.
    """

    kind: ClassVar[str]
    things: ClassVar[bool] = False

    def begin(self) -> None:
        """Open the documents."""
        self.masks: Masks = "classes" if self.head.masks == "classes" else "regions"
        things = self.masks == "regions" if self.things else None
        self._documents = {
            subset: self.held.enter_context(DocumentWriter(self.place(subset), self.head, things))
            for subset in self.subsets
        }
        self.images = 0

    @property
    def subsets(self) -> tuple[str, ...]:
        """Those that have a document."""
        return self.head.subsets or ("",)

    def place(self, subset: str) -> Path:
        """Return where the document of a subset is written."""
        return self.folder / ANNOTATIONS / document_name(self.kind, subset)

    def begun(self, image: LabelledImage) -> DocumentWriter:
        """Put an image into its document, and return this."""
        document = self._documents[image.subset]
        self.images += 1
        document.image(image_told(self.images, image, self.folder, self.head.pictures))
        return document

    def segments(self, image: LabelledImage, *, columns: bool = False) -> Iterator[Segment]:
        """Yield the segments of an image that are of classes with numbers.

        Args:
            image: has them.
            columns: as of :func:`~napari_corrclip.project.export.segments.segments_of`.
        """
        numbers = self.head.numbering.by_value
        for segment in segments_of(image, self.masks, columns=columns):
            if segment.value in numbers:
                yield segment

    def known(self, segment: Segment) -> dict[str, object]:
        """Return what is known of a segment beside its pixels; nothing where it is all of a class."""
        return known_of(segment) if self.masks == "regions" else {}

    def close(self) -> None:
        """Write the ends of the documents."""
        for document in self._documents.values():
            document.close()


class CollectionReader(Reader):
    """The reader of the documents; annotations are read from their files image by image.

    Attributes:
        kind: what the documents are called, in front of their subset.
        of: of what they are, in sentences.
    """

    kind: ClassVar[str]
    of: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        paths = self.documents_in(folder)
        if not paths:
            raise InputError(
                f"{str(folder)!r} has no document of {self.of} ({ANNOTATIONS}/{self.kind}_*.json); put it "
                "there."
            )
        self.folder = folder
        self.documents = Collection(folder, paths)
        self.vocabulary, self.entries = self.documents.vocabulary, self.documents.entries

    @classmethod
    def documents_in(cls, folder: Path) -> dict[str, Path]:
        """Return the documents of an export by their subsets."""
        return documents_called(folder, cls.kind)


def coco_format(
    name: str,
    title: str,
    tip: str,
    writer: Callable[[Path, Head], CollectionWriter],
    reader: type[CollectionReader],
) -> Format:
    """Return one of COCO's formats; the arguments are those of :class:`Format`."""
    return Format(
        name,
        title,
        tip,
        exact=True,
        masks=("regions", "classes"),
        choices=Choices(unlabelled=None),
        free=frozenset({"first", "background"}),
        pictures="copy",
        writer=writer,
        is_one=lambda folder: bool(reader.documents_in(folder)),
        reader=reader,
    )
