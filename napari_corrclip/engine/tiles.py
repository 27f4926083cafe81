"""The numbers of a run tile by tile and their bounds: scale, tile, overlap; without torch."""

from __future__ import annotations

from numbers import Integral, Real

from napari_corrclip.errors import InputError

SMALLEST = 4
"""Pixels along a tile's side, at least."""


def check_scale(scale: object) -> float:
    """Return ``scale`` as a float.

    Raises:
        InputError: it is no number above 0 and up to 8.
    """
    if isinstance(scale, bool) or not isinstance(scale, Real) or not 0 < float(scale) <= 8:
        raise InputError(
            f"The scale is {scale!r}; give a number above 0 and up to 8, how many pixels the "
            "networks see for each of the image's, such as 1 or 0.25."
        )
    return float(scale)


def check_tiles(tile: object, overlap: object) -> tuple[int | None, int | None]:
    """Return a tile's side and the overlap in pixels, as plain numbers; ``None``: its default.

    Raises:
        InputError: they are no such whole numbers.
    """
    side, shared = _whole(tile, "tile"), _whole(overlap, "overlap")
    if side is not None and side < SMALLEST:
        raise InputError(f"The tile is {side} pixels wide; give at least {SMALLEST}.")
    if side is not None and shared is not None and not 2 <= shared <= side // 2:
        raise InputError(
            f"The overlap of the tiles is {shared} pixels; give 2 to {side // 2}, half a tile of {side}."
        )
    if shared is not None and shared < 2:
        raise InputError(f"The overlap of the tiles is {shared} pixels; give at least 2.")
    return side, shared


def _whole(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"The {name} is {value!r}; give a whole number of pixels.")
    return int(value)
