"""The files of an ablation, written together or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from napari_corrclip.evaluation.writing import (
    binary,
    check_finished,
    text,
    write_together,
)
from napari_corrclip.storage.folders import Writer

RECORD: Final = "ablation.json"
PAGE: Final = "ablation.md"
PLOT: Final = "ablation.png"


def check_output(folder: Path, *, replace: bool = False) -> None:
    """Raise InputError where ``folder`` has a finished ablation, or files of its names that none has made.

    Args:
        folder: that gets the files.
        replace: whether a finished one may be replaced.
    """
    check_finished(
        folder,
        RECORD,
        "a finished ablation",
        replace=replace,
        describe=lambda its: f"one of {its['title']} by preset {its['preset']}, {its['date']}",
    )


def write_ablation(folder: Path, document: str, page: str, plots: dict[str, bytes]) -> None:
    """Write the files; those of an earlier ablation there are replaced, others stay.

    Args:
        folder: that gets them.
        document: JSON.
        page: Markdown.
        plots: PNGs by file name, each beginning with ``ablation``.

    Raises:
        InputError: they cannot be written.
    """
    writers: dict[str, Writer] = {RECORD: text(document), PAGE: text(page)}
    writers |= {name: binary(data) for name, data in plots.items()}
    write_together(folder, writers, "ablation*.png")
