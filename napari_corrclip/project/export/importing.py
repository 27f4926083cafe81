"""An export that is read again: with its manifest all that was decided, without it labels alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.stack import Where
from napari_corrclip.maps.parts import parts_of
from napari_corrclip.project.export.format import Entry, Format, Reader, Taken
from napari_corrclip.project.export.formats import format_called, format_of
from napari_corrclip.project.export.image import IGNORED, LabelledImage, RegionNote
from napari_corrclip.project.export.manifest import Manifest
from napari_corrclip.project.export.segments import Tally, left_out
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, grammar

As = Literal["decisions", "predictions"]
"""What labels are that nobody knows more of: a person's, or proposals that a person is to look at."""
KINDS: tuple[As, ...] = get_args(As)
_PACKED = (".zip", ".gz", ".tgz", ".tar")
_ROWS = 64
"""Rows that are given other values at once."""


@dataclass(frozen=True, eq=False)
class Opened:
    """An export that is open.

    Attributes:
        folder: of the export.
        format: that it is in.
        reader: reads it.
        manifest: beside it; ``None``: there is none, or it was left out.
        vocabulary: the classes.
    """

    folder: Path
    format: Format
    reader: Reader
    manifest: Manifest | None
    vocabulary: Vocabulary

    @classmethod
    def of(
        cls, folder: str | os.PathLike[str], *, name: str | None = None, manifest: bool = True
    ) -> Opened:
        """Open an export.

        Args:
            folder: of the export.
            name: of its format; ``None``: it is found out.
            manifest: whether its manifest is looked at.

        Raises:
            InputError: it is none, or damaged.
        """
        place = Path(folder).expanduser().absolute()
        if place.is_file():
            packed = place.suffix.lower() in _PACKED
            way = "unpack it, and give its folder" if packed else "give the folder of the export"
            raise InputError(f"{os.fspath(folder)!r} is a file; {way}.")
        if not place.is_dir():
            raise InputError(
                f"There is no folder {os.fspath(folder)!r}; give the folder of an export."
            )
        found = Manifest.read(place) if manifest else None
        if name is None and found is not None:
            name = found.kind
        format_ = format_of(place) if name is None else format_called(name)
        reader = format_.reader(place)
        return cls(
            place, format_, reader, found, reader.vocabulary if found is None else found.vocabulary
        )

    @property
    def entries(self) -> Sequence[Entry]:
        """The images."""
        return self.reader.entries

    def path_of(self, entry: Entry) -> str:
        """Return the path of an image as the manifest knows it, else what the format calls it."""
        item = None if self.manifest is None else self.manifest.items.get(entry.name)
        return entry.file_name if item is None else item.path

    def plane_of(self, entry: Entry) -> Where:
        """Return which plane of a stack an image is; () where nobody says so."""
        item = None if self.manifest is None else self.manifest.items.get(entry.name)
        return () if item is None else item.plane

    def knows(self, entry: Entry) -> bool:
        """Whether the manifest has an image, and so knows that no label is what was exported, too."""
        return self.manifest is not None and entry.name in self.manifest.items

    def image(self, entry: Entry, as_: As = "decisions") -> LabelledImage:
        """Return an image with its labels, and all that is known of them.

        Args:
            entry: the image.
            as_: what labels are where there is no manifest.

        Raises:
            InputError: it cannot be read.
        """
        taken = self.reader.read(entry)
        if self.manifest is not None:
            table, labels = self._translation, taken.labels
            for top in range(0, len(labels), _ROWS):
                labels[top : top + _ROWS] = table[labels[top : top + _ROWS]]
            item = self.manifest.items.get(entry.name)
            if item is not None:
                ignored = taken.ignored
                del taken  # its regions, which the manifest has as they were
                return self.manifest.image(item, labels, ignored)
            notes = [
                replace(note, value=int(table[note.value]), predicted=int(table[note.predicted]))
                for note in taken.notes
            ]
            taken = replace(taken, labels=labels, notes=notes)
        return _bare(entry, taken, as_)

    @cached_property
    def _translation(self) -> NDArray[np.uint16]:
        """The manifest's label value of each of the reader's, (65536,).

        Classes go by their names, since other programs sort them and number them anew.
        """
        known = {grammar.key(class_.name): class_.value for class_ in self.vocabulary}
        table = np.zeros(MAX_VALUE + 1, np.uint16)
        for class_ in self.reader.vocabulary:
            value = known.get(grammar.key(class_.name))
            if value is None:
                raise InputError(
                    f"The class {class_.name!r} is none of those that were exported; import without the "
                    "manifest (--no-manifest)."
                )
            table[class_.value] = value
        return table


def _bare(entry: Entry, taken: Taken, as_: As) -> LabelledImage:
    """Return an image of which nothing but labels is known, and perhaps regions."""
    labels, ignored, regions = taken.labels, taken.ignored, taken.regions
    if regions is None:
        regions = parts_of(labels, ignored)
    bare = LabelledImage(
        entry.name, labels, regions, taken.notes, path=entry.file_name, subset=entry.subset
    )
    noted = {note.id: note for note in taken.notes}
    out, _ = (frozenset[int](),) * 2 if ignored is None else left_out(bare, ignored)
    notes = []
    for region, value in sorted(Tally.of(bare).majorities().items()):
        note = noted.get(region) or RegionNote(region, value, value)
        if region in out and not value:
            note = replace(note, state=IGNORED)
        elif as_ == "decisions" and value and not note.state and region not in taken.proposed:
            note = replace(note, state="assigned")
        notes.append(replace(note, value=value))
    return replace(bare, notes=tuple(notes))
