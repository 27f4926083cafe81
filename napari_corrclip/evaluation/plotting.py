"""The drawing of plots by matplotlib: whether it is there, and a figure as a file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.wording.visible import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMED: Final = 40
"""Up to so many classes a confusion plot has their names."""


def has_matplotlib() -> bool:
    """Whether matplotlib is installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def check_matplotlib() -> None:
    """Raise InputError where matplotlib is not installed; before anything long begins."""
    if not has_matplotlib():
        raise InputError(
            "The plots need matplotlib, which is not installed; run pip install "
            "'napari-corrclip[effort]', or leave them out by --no-plots."
        )


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def confusion_png(
    shares: NDArray[np.floating],
    names: tuple[Sequence[str], Sequence[str]],
    sides: tuple[str, str],
    label: str,
) -> bytes:
    """Return a PNG: with what each row of a confusion is met, as shares of the row.

    Args:
        shares: (rows, columns), 0 to 1.
        names: of rows, and of columns.
        sides: what rows are of, and columns.
        label: of the scale of colours.
    """
    from matplotlib.figure import Figure

    side = 2.2 + 0.26 * min(len(names[0]), _NAMED)
    figure = Figure(figsize=(side + 0.9, side), layout="constrained")
    axis = figure.subplots()
    picture = axis.imshow(
        shares, cmap="viridis", vmin=0, vmax=1, interpolation="nearest", aspect="auto"
    )
    rows, columns = ([short(name) for name in each] for each in names)
    if len(rows) <= _NAMED:
        axis.set_yticks(range(len(rows)), rows, fontsize=8, parse_math=False)
        axis.set_xticks(range(len(columns)), columns, rotation=90, fontsize=8, parse_math=False)
    axis.set_ylabel(visible(sides[0]), parse_math=False)
    axis.set_xlabel(visible(sides[1]), parse_math=False)
    figure.colorbar(picture).set_label(visible(label), parse_math=False)
    return png(figure)


def short(name: str, most: int = 28) -> str:
    """Return a name as a plot may show it, of at most so many characters."""
    text = visible(name)
    return text if len(text) <= most else text[: most - 1] + "…"
