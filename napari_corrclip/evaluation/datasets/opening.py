"""The opening of data sets by name: a benchmark, or any folder of images, truths and a file of classes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.datasets.benchmarks import LAYOUTS, open_benchmark
from napari_corrclip.evaluation.datasets.dataset import Dataset
from napari_corrclip.evaluation.datasets.folder import open_folder
from napari_corrclip.vocabulary import Vocabulary

FOLDER: Final = "folder"
"""The name of whatever lies in ``images`` and ``labels``."""
DATASETS: Final = (*LAYOUTS, FOLDER)


def open_dataset(
    name: str,
    root: str | os.PathLike[str],
    *,
    classes: Vocabulary | None = None,
    first: int | None = None,
    ignore: Collection[int] = (),
) -> Dataset:
    """Find the images and truths of a data set; reads no picture.

    Args:
        name: one of :data:`DATASETS`.
        root: the folder in which it lies.
        classes: of a folder; ``None``: those that its ``classes.txt`` names.
        first: of a folder, the truth's value of the first class; ``None``: 0.
        ignore: of a folder, values of the truth that are not counted.

    Raises:
        InputError: there is no such data set, or it is not as it should be.
    """
    if name == FOLDER:
        return open_folder(root, classes=classes, first=first or 0, ignore=ignore)
    if name not in LAYOUTS:
        near = difflib.get_close_matches(str(name).lower(), DATASETS, n=1)
        advice = f"did you mean {near[0]!r}" if near else f"there are {', '.join(DATASETS)}"
        raise InputError(f"{name!r} is no data set; {advice}?")
    if classes is not None or first is not None or ignore:
        raise InputError(
            f"--classes, --first and --ignore are for a {FOLDER}, and {name} has its own; leave them out."
        )
    return open_benchmark(name, Path(root))
