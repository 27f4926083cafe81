"""The record of a sample in its project: what it was drawn from, and how; ``second-look.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from napari_corrclip.errors import InputError
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.text_files import MAX_RECORDS, load_json, read_text

FILE: Final = "second-look.json"
FORMAT: Final = "napari-corrclip second look 1"
Kind = Literal["images", "regions"]
KINDS: Final = ("images", "regions")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample of what somebody has decided, drawn for a second look.

    Attributes:
        kind: what was drawn.
        source: the project that it was drawn from, as it was called; for people.
        seed: of the draw.
        asked: how many were asked for.
        population: images, or regions, that somebody has decided there.
        images: names of the sample's items.
        regions: of a sample of regions, the ids of those that were drawn, by the item's name.
    """

    kind: Kind
    source: str
    seed: int
    asked: int
    population: int
    images: tuple[str, ...]
    regions: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def number(self) -> int:
        """How many were drawn: there may be fewer than were asked for."""
        if self.kind == "images":
            return len(self.images)
        return sum(len(ids) for _, ids in self.regions)

    def regions_of(self, item: str) -> frozenset[int] | None:
        """Return the ids of an item's regions that were drawn; ``None``: all are looked at."""
        return None if self.kind == "images" else frozenset(dict(self.regions).get(item, ()))

    def write(self, folder: Path) -> None:
        """Write it into a project's folder.

        Raises:
            InputError: it cannot be written.
        """
        document = {
            "format": FORMAT,
            "kind": self.kind,
            "source": self.source,
            "seed": self.seed,
            "asked": self.asked,
            "population": self.population,
            "images": list(self.images),
            "regions": {item: list(ids) for item, ids in self.regions},
        }
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        write_bytes(folder / FILE, text.encode())


def read_drawn(folder: Path) -> Drawn | None:
    """Return what a project was drawn from; ``None``: it is no sample. The file is taken as untrusted.

    Raises:
        InputError: the file is damaged, or of a newer version.
    """
    if not (folder / FILE).exists():
        return None
    where = f"The record {str(folder / FILE)!r} of a sample"
    document = load_json(read_text(folder / FILE, "sample", limit=MAX_RECORDS), where)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"{where} is not of this version; install the newest napari-corrclip.")
    kind, source, images, regions = (
        document.get(key) for key in ("kind", "source", "images", "regions")
    )
    seed, asked, population = (document.get(key) for key in ("seed", "asked", "population"))
    if (
        kind not in KINDS
        or not isinstance(source, str)
        or type(seed) is not int
        or type(asked) is not int
        or type(population) is not int
        or not isinstance(images, list)
        or not all(isinstance(name, str) for name in images)
        or not isinstance(regions, dict)
        or not all(
            isinstance(ids, list) and all(type(each) is int for each in ids)
            for ids in regions.values()
        )
    ):
        raise InputError(f"{where} is damaged; draw the sample once more.")
    drawn = tuple((str(item), tuple(ids)) for item, ids in regions.items())
    return Drawn(kind, source, seed, asked, population, tuple(images), drawn)
