"""The planes of a TIFF: which of its axes lead to them, and how far apart its writer says they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip.images.stack import Stack, spacing_of, unit_of
from napari_corrclip.images.tiff.pages import full_picture, open_tiff
from napari_corrclip.images.tiff.pixels import axis_kinds

if TYPE_CHECKING:
    from tifffile import TiffFile

_NAMED = "tzc"
"""Axes whose letters say what they are; others are pages, whatever tifffile calls them."""
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_SAID = re.compile(r'\b(PhysicalSizeZ|PhysicalSizeZUnit|TimeIncrement|TimeIncrementUnit)="([^"]*)"')


def tiff_stack(path: Path) -> Stack:
    """Return the planes of a TIFF's picture, of which there may be one; reads no pixel.

    Raises:
        InputError: it holds no picture, or several that are equally large.
        TiffFileError, OSError, struct.error: it is damaged.
    """
    with open_tiff(path) as tiff:
        series, _ = full_picture(tiff, path)
        kinds = axis_kinds(series)
        lead = [axis for axis, kind in enumerate(kinds) if kind == "?"]
        letters = [series.axes[axis].lower() for axis in lead]
        apart = _apart(tiff)
    return Stack(
        tuple(letter if letter in _NAMED else "page" for letter in letters),
        tuple(int(series.shape[axis]) for axis in lead),
        tuple(apart.get(letter, (None, ""))[0] for letter in letters),
        tuple(apart.get(letter, (None, ""))[1] for letter in letters),
    )


def _apart(tiff: TiffFile) -> dict[str, tuple[float | None, str]]:
    """Return what ImageJ or OME say of the distance of planes along "z" and "t", and its unit."""
    said: dict[str, object] = {}
    if tiff.is_imagej and isinstance(tiff.imagej_metadata, dict):
        found = tiff.imagej_metadata
        said = {"z": found.get("spacing"), "z unit": found.get("unit"), "t": found.get("finterval")}
        said["t unit"] = found.get("tunit", "s")
    elif tiff.is_ome and isinstance(tiff.ome_metadata, str):
        # Attributes alone, so that no XML of strangers is expanded.
        pixels = _PIXELS.search(tiff.ome_metadata)
        words = dict(_SAID.findall(pixels[0])) if pixels else {}
        said = {"z": words.get("PhysicalSizeZ"), "z unit": words.get("PhysicalSizeZUnit", "µm")}
        said |= {"t": words.get("TimeIncrement"), "t unit": words.get("TimeIncrementUnit", "s")}
    apart = {}
    for letter in "zt":
        distance = spacing_of(said.get(letter))
        unit = unit_of(said.get(f"{letter} unit")) if distance is not None else ""
        apart[letter] = distance, unit
    return apart
