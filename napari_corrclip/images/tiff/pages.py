"""TIFF files: the picture that is meant among all that one holds."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip.errors import InputError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF begins: of either byte order, and its form for more than 4 GB."""

ORIENTATION = 274
"""The tag that says how the picture is turned."""

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
# What slide scanners put beside the slide; tifffile names them in one way for all makers.
_BESIDE_A_SLIDE = ("Thumbnail", "Label", "Macro", "Map")


@contextlib.contextmanager
def open_tiff(path: Path) -> Iterator[TiffFile]:
    """Give the TIFF at ``path``, which stays open meanwhile.

    A damaged file is told in one sentence of ours: without a handler, Python would print each of
    tifffile's own remarks to stderr. An application that listens to the log still hears them.
    """
    from tifffile import TiffFile

    logger = logging.getLogger("tifffile")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    with TiffFile(path) as tiff:
        yield tiff


@dataclass(frozen=True)
class _Found:
    """One picture of a TIFF: what it is said to be, and how large it is."""

    series: TiffPageSeries
    kind: str  # "" = a picture like any other
    size: tuple[int, int]

    @property
    def pixels(self) -> int:
        return self.size[0] * self.size[1]

    def describe(self) -> str:
        return f"{self.kind or 'picture'} of {self.size[0]} × {self.size[1]}"


def full_picture(tiff: TiffFile, path: Path) -> tuple[TiffPageSeries, str | None]:
    """Return the full-size picture of ``tiff``, and a sentence that names the others, if any.

    Thumbnails, overviews and masks are told by their tags (NewSubfileType and the older
    SubfileType), what a slide scanner adds by its name; of the rest the largest is meant.

    Args:
        tiff: an open file.
        path: for the sentences.

    Returns:
        A series, whose ``shape``, ``axes`` and ``asarray()`` belong together, and a note.

    Raises:
        InputError: it holds no picture, or several that are equally large.
    """
    found = [picture for series in tiff.series for picture in _pictures(series)]
    if not found:
        raise InputError(f"The TIFF {str(path)!r} holds no picture; give another file.")
    # a file may hold nothing but what is said to be a thumbnail or a mask: then that is meant
    candidates = (
        [picture for picture in found if not picture.kind]
        or [picture for picture in found if picture.kind != "mask"]
        or found
    )
    full = max(candidates, key=lambda picture: picture.pixels)
    equals = [picture for picture in candidates if picture.pixels == full.pixels]
    if len(equals) > 1:
        raise InputError(
            f"The TIFF {str(path)!r} holds {len(equals)} images of different kinds, all of "
            f"{full.size[0]} × {full.size[1]} pixels; save the one to segment in a file of its own."
        )
    others = [picture.describe() for picture in found if picture is not full]
    others += [
        _Found(level, "smaller copy", _size(level)).describe() for level in full.series.levels[1:]
    ]
    if not others:
        return full.series, None
    return full.series, (
        f"The TIFF {str(path)!r} holds more than the picture of {full.size[0]} × {full.size[1]} "
        f"pixels that is used, namely {_listed(others)}."
    )


def _pictures(series: TiffPageSeries) -> Iterator[_Found]:
    """Tell what each part of a series is; pages of different roles are taken apart."""
    if series.kind not in ("ome", "shaped") and series.name in _BESIDE_A_SLIDE:
        said = _kind(series.keyframe)  # tifffile takes a macro without its tag for a label
        kind = said if said in ("label", "macro") else series.name.lower()
        yield _Found(series, kind, _size(series))
        return
    if series.kind != "generic" or len(series) == 1:
        yield _Found(series, _kind(series.keyframe), _size(series))
        return
    # pages are grouped by how they are stored alone: a picture and its mask may be of one group
    groups: dict[str, list[TiffPage]] = {}
    for page in series:
        if page is not None:
            whole = page.aspage()
            groups.setdefault(_kind(whole), []).append(whole)
    if len(groups) == 1:
        yield _Found(series, next(iter(groups)), _size(series))
        return
    for kind, pages in groups.items():
        part = _series_of(pages)
        yield _Found(part, kind, _size(part))


def _series_of(pages: list[TiffPage]) -> TiffPageSeries:
    from tifffile import TiffPageSeries

    page = pages[0]
    if len(pages) == 1:
        return TiffPageSeries(pages, page.shape, page.dtype, page.axes, kind="generic")
    shape, axes = (len(pages), *page.shape), f"I{page.axes}"
    return TiffPageSeries(pages, shape, page.dtype, axes, kind="generic")


def _kind(page: TiffPage) -> str:
    """What a page is beside a picture: "mask", "smaller copy", "label", "macro" or ""."""
    from tifffile import PHOTOMETRIC

    new = tag_number(page, _NEW_SUBFILE_TYPE, 0)
    if new & _MASK or page.photometric == PHOTOMETRIC.MASK:
        return "mask"
    # Aperio's second line begins so: "label 387x463"
    lines = page.description.splitlines() if page.description.startswith("Aperio") else []
    for word in ("label", "macro"):
        if len(lines) > 1 and lines[1].strip().lower().startswith(word):
            return word
    return "smaller copy" if new & _REDUCED or tag_number(page, _SUBFILE_TYPE, 1) == 2 else ""


def tag_number(page: TiffPage, code: int, default: int) -> int:
    """Return the whole number in a page's tag, or ``default`` where there is none."""
    value = getattr(page.tags.get(code), "value", default)
    return int(value) if isinstance(value, int) else default


def _size(series: TiffPageSeries) -> tuple[int, int]:
    axes = series.axes
    if "Y" in axes and "X" in axes:
        return int(series.shape[axes.index("Y")]), int(series.shape[axes.index("X")])
    return int(series.keyframe.imagelength), int(series.keyframe.imagewidth)


def _listed(names: Iterable[str]) -> str:
    """A list in words, equal ones counted."""
    parts = [
        f"{count} × {name}" if count > 1 else f"a {name}" for name, count in Counter(names).items()
    ]
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
