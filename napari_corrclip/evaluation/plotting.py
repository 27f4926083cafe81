"""The drawing of plots by matplotlib: whether it is there, and a figure as a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from napari_corrclip.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
