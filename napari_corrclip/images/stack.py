"""The planes of an image with several: their axes, their order, and how far they are apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from napari_corrclip.errors import InputError

Where = tuple[int, ...]
"""The place of a plane: an index along each axis that leads to planes; () of an image of one plane."""
CHANNELS = (1, 3, 4)
"""How many channels a plane may have: gray, RGB, RGB with opacity."""
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Stack:
    """The planes of an image, in their order: the last axis varies fastest.

    Attributes:
        axes: the name of each axis that leads to planes, such as ("t", "z").
        shape: how many planes there are along each.
        spacing: from plane to plane along each; ``None`` where the file does not say.
        units: of the spacing; empty where the file does not say.
    """

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    spacing: tuple[float | None, ...]
    units: tuple[str, ...]

    @classmethod
    def unnamed(cls, shape: tuple[int, ...]) -> Stack:
        """Return what is known of an array's planes by their number alone."""
        axes = tuple(f"axis {axis}" for axis in range(len(shape)))
        return cls(axes, shape, (None,) * len(shape), ("",) * len(shape))

    def __len__(self) -> int:
        return math.prod(self.shape)

    def __iter__(self) -> Iterator[Where]:
        """Yield the place of each plane."""
        return product(*map(range, self.shape))

    def to_document(self) -> dict[str, Any]:
        """Return plain lists, for JSON."""
        return {
            "axes": list(self.axes),
            "shape": list(self.shape),
            "spacing": list(self.spacing),
            "units": list(self.units),
        }

    @classmethod
    def from_document(cls, document: object, where: str) -> Stack:
        """Return what :meth:`to_document` returned; it is taken as untrusted.

        Args:
            document: of plain JSON.
            where: begins the sentence.

        Raises:
            InputError: it is something else.
        """
        said = document if isinstance(document, Mapping) else {}
        parts = [said.get(name) for name in ("axes", "shape", "spacing", "units")]
        lists = [part for part in parts if isinstance(part, list)]
        if len(lists) == 4 and len({len(part) for part in lists}) == 1:
            axes, shape, spacing, units = lists
            if (
                all(isinstance(text, str) for text in (*axes, *units))
                and all(type(size) is int and size > 0 for size in shape)
                and all(step is None or type(step) in (int, float) for step in spacing)
            ):
                return cls(tuple(axes), tuple(shape), tuple(map(spacing_of, spacing)), tuple(units))
        raise InputError(f"{where} tells {str(document)[:60]!r} of its planes; run it again.")


def spacing_of(value: object) -> float | None:
    """Return what a stranger's file says of a distance; ``None`` where it is none."""
    try:
        number = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None


def unit_of(value: object) -> str:
    """Return what a stranger's file says of a unit; empty where it is none."""
    return value[:_LONGEST] if isinstance(value, str) else ""


def planes_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many planes an array has along each axis before those of one plane; () of one.

    Three axes of which the first is as long as channels are no stack:
    :func:`napari_corrclip.images.channels_last` says so.
    """
    if len(shape) < 3 or (len(shape) == 3 and (shape[0] in CHANNELS or shape[-1] in CHANNELS)):
        return ()
    return shape[: -3 if shape[-1] in CHANNELS else -2]


def check_place(shape: tuple[int, ...], where: Where, what: str) -> None:
    """Raise an ``InputError`` where there is no plane ``where`` among as many as ``shape`` says.

    Args:
        shape: how many planes there are along each axis.
        where: an index along each.
        what: the subject of the sentence.
    """
    if len(where) != len(shape) or not all(
        0 <= at < size for at, size in zip(where, shape, strict=True)
    ):
        there = " × ".join(map(str, shape)) if shape else "one"
        raise InputError(f"{what} has no plane {list(where)}, but {there}; give another one.")
