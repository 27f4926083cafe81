"""Images with labels that are exported and read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.progress import finish
from napari_corrclip.project.export.exporting import ExportOptions, Source, export_steps
from napari_corrclip.project.export.format import Format, Wanted
from napari_corrclip.project.export.formats import WRITTEN
from napari_corrclip.project.export.image import LabelledImage, RegionNote, State
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.vocabulary import Vocabulary

NAMES = (
    "cat",
    "a, b",
    'say "no"',
    "=1+1",
    "Käfer 🪲",
    " ".join(["long"] * 8),
    "per:son",
    "{x}",
    "a/b",
)
HERON = LabelledImage(
    "",
    np.array([[1, 1, 0, 0, 2], [1, 0, 0, 0, 2], [1, 1, 0, 3, 2], [0, 0, 0, 3, 2]], np.uint16),
    np.array([[7, 7, 0, 0, 9], [7, 0, 0, 0, 9], [7, 7, 0, 8, 9], [5, 5, 0, 8, 9]], np.int32),
    (
        RegionNote(5, 0, 1, "ignored", by="Ann", at=5.0),
        RegionNote(7, 1, 1, "", 0.75, 0.5),
        RegionNote(8, 3, 1, "assigned", 0.25, 0.125, True, "Öz", 1.7e9),
        RegionNote(9, 2, 2, "accepted", 0.5, 0.25, True, "Ann", 1.8e9),
    ),
    path="site/heron.jpg",
)
"""An image of 4 x 5 pixels of :data:`THREE` classes; a run proposed one, a person decided the others."""
THREE = Vocabulary.from_names(["sky", "=bird", 'a, "b"'])
MASKS = [
    pytest.param(format_, masks, id=f"{name}-{masks}")
    for name, format_ in WRITTEN.items()
    for masks in format_.masks
]
"""Each format that is written, with each thing that its masks may be of."""
WRITTEN_FORMATS = [pytest.param(format_, id=name) for name, format_ in WRITTEN.items()]
"""Each format that is written."""
WITH_REGIONS = [pair for pair in MASKS if pair.values[1] != "classes"]
"""Those whose files know regions: not where masks are of classes, and nothing of Hugging Face's."""
BARE = ExportOptions(pictures="none")
STATES: tuple[State, ...] = ("", "assigned", "accepted", "ignored")


def words(count: int = len(NAMES)) -> Vocabulary:
    """Return a vocabulary of many kinds of names, the third of which went again."""
    names = [*NAMES, *(f"class {number}" for number in range(count))][: count + 1]
    return (
        Vocabulary.from_names(names).remove(2)
        if count > 2
        else Vocabulary.from_names(names[:count])
    )


def holed(*notes: RegionNote) -> LabelledImage:
    """Return a region with a hole and a part (7), one that is ignored (9), and pixels of no region."""
    labels = np.array(
        [[1, 1, 1, 0, 1], [1, 0, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 2]], np.uint16
    )
    regions = np.array(
        [[7, 7, 7, 0, 7], [7, 0, 7, 0, 0], [7, 7, 7, 9, 9], [0, 0, 0, 0, 0]], np.int32
    )
    return LabelledImage("", labels, regions, notes, path="site/a b.png")


def image(
    seed: int,
    shape: tuple[int, int] = (31, 47),
    *,
    vocabulary: Vocabulary | None = None,
    regions: int = 12,
    name: str = "site/a b.jpg",
) -> LabelledImage:
    """Return an image of random blocks: regions of several parts, some painted over, some ignored."""
    random = np.random.default_rng(seed)
    values = (vocabulary or words()).values
    cells = random.integers(0, regions + 1, (shape[0] // 4 + 1, shape[1] // 5 + 1))
    ids = np.kron(cells, np.ones((4, 5), np.int64))[: shape[0], : shape[1]].astype(np.int32)
    ids[ids > 0] += 5 * (ids[ids > 0] % 3)  # ids have gaps
    labels = np.zeros(shape, np.uint16)
    notes = []
    for number, region in enumerate(np.unique(ids[ids > 0]).tolist()):
        state = STATES[number % 4]
        value = 0 if state == "ignored" else int(random.choice((0, *values)))
        labels[ids == region] = value
        at = 1.7e9 + number if state else 0.0
        by = ("Ann", "Öz")[number % 2] if state else ""
        notes.append(
            RegionNote(
                region, value, int(random.choice((0, *values))), state, 0.5, 0.25, True, by, at
            )
        )
    painted = random.random(shape) < 0.05
    labels[painted] = random.choice(values, int(painted.sum()))
    return LabelledImage("", labels, ids, tuple(notes), path=name, verified=True)


def turned(file: Path, size: tuple[int, int] = (31, 47)) -> Path:
    """Save a photograph that is stored turned, with a note which way, and return its file.

    Args:
        file: a JPEG.
        size: width and height as stored, which are the rows and columns as seen.
    """
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", size).save(file, exif=exif)
    return file


def write(
    folder: Path,
    images: Sequence[LabelledImage],
    format_: Format,
    vocabulary: Vocabulary | None = None,
    options: ExportOptions | None = None,
) -> Path:
    """Export images, and return the folder."""

    def source(one: LabelledImage) -> Source:
        title = one.path + (str(list(one.plane)) if one.plane else "")
        return Source(one.path, title, lambda: one)

    steps = export_steps(
        [source(one) for one in images], folder, format_, vocabulary or words(), options
    )
    return finish(steps).folder


def read(folder: Path, *, manifest: bool = True) -> list[LabelledImage]:
    """Return the images of an export."""
    opened = Opened.of(folder, manifest=manifest)
    return [opened.image(entry) for entry in opened.entries]


def segments(image: LabelledImage) -> np.ndarray:
    """Return which segment each pixel is of, (H, W): those of one region and one class; 0 is of no class."""
    labels = np.asarray(image.labels, np.int64)
    return np.where(labels > 0, (np.asarray(image.regions, np.int64) << 16) + labels, 0)


def same_segments(one: LabelledImage, other: LabelledImage) -> bool:
    """Whether two have the same segments, whatever the ids of regions are."""
    first, second = segments(one), segments(other)
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    return pairs.shape[1] == len(np.unique(first)) == len(np.unique(second))


def same_notes(one: LabelledImage, other: LabelledImage) -> bool:
    """Whether two have the same notes, but for the probabilities' last digits."""
    return [replace(note, p=0, margin=0) for note in one.notes] == [
        replace(note, p=0, margin=0) for note in other.notes
    ]


def plain(count: int) -> Vocabulary:
    """Return a vocabulary of the values from 1 on."""
    return Vocabulary.from_names([f"class {number}" for number in range(count)])


def masks_of(format_: Format) -> Wanted:
    """Return what masks are to be of, so that a format's files know regions if they can."""
    return next((masks for masks in format_.masks if masks != "classes"), "classes")


def grid(side: int, cells: int, classes: int) -> LabelledImage:
    """Return an image of cells x cells regions, each of one class."""
    at = np.arange(side) * cells // side
    regions = (at[:, None] * cells + at + 1).astype(np.int32)
    values = (1 + np.arange(cells * cells + 1) % classes).astype(np.uint16)
    notes = tuple(
        RegionNote(region, int(values[region]), int(values[region]), p=0.5)
        for region in range(1, cells * cells + 1)
    )
    return LabelledImage("", values[regions], regions, notes, path="grid.png")
