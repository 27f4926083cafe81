"""The words and colours of classes and regions, for the layers and the status bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_corrclip.annotation import Region
from napari_corrclip.results.segmentation import class_colors
from napari_corrclip.storage.plain import plain
from napari_corrclip.vocabulary import Vocabulary


def class_colormap(vocabulary: Vocabulary) -> DirectLabelColormap:
    """Return the colours of the classes by label value; what is no class is clear."""
    return DirectLabelColormap(color_dict=class_colors(vocabulary))


def region_features(rows: list[Region], vocabulary: Vocabulary) -> pd.DataFrame:
    """Return what the status bar says of each region: ``cat 0.61 (dog 0.33)``."""
    return pd.DataFrame(
        {
            "index": [0, *(row.id for row in rows)],
            "region": ["unsegmented", *map(plain, descriptions(rows, vocabulary))],
        }
    )


def describe(row: Region, vocabulary: Vocabulary) -> str:
    """Say a region's class, how probable it is, and the likeliest other one."""
    return descriptions([row], vocabulary)[0]


def descriptions(rows: Sequence[Region], vocabulary: Vocabulary) -> list[str]:
    """Say that of many regions at once."""
    if not rows:
        return []
    names = vocabulary.names
    probable = np.array([row.probabilities for row in rows])
    mine = places_of(rows, vocabulary)
    others = probable.copy()
    has_class = np.flatnonzero(mine >= 0)
    others[has_class, mine[has_class]] = -1
    other = others.argmax(axis=1)
    every = np.arange(len(rows))
    found = []
    for row, at, sure, second, less in zip(
        rows,
        mine.tolist(),
        probable[every, mine].tolist(),
        other.tolist(),
        others[every, other].tolist(),
        strict=True,
    ):
        verdict = row.verdict
        if verdict is not None and verdict.kind == "ignored":
            shown = "ignored"
        else:
            shown = "no class" if at < 0 else f"{names[at]} {sure:.2f}"
            if verdict is not None:
                shown += f", {verdict.kind}"
        found.append(shown if less < 0 else f"{shown} ({names[second]} {less:.2f})")
    return found


def places_of(rows: Sequence[Region], vocabulary: Vocabulary) -> NDArray[np.int64]:
    """Return (R,) the place in the vocabulary of the class that each region shows, -1 = no class."""
    places = np.full(1 << 16, -1)
    places[list(vocabulary.values)] = np.arange(len(vocabulary))
    found: NDArray[np.int64] = places[[row.value for row in rows]]
    return found


def confidences(rows: Sequence[Region], vocabulary: Vocabulary) -> NDArray[np.float32]:
    """Return (R,) the mean probability of the class that each region shows, or of the likeliest."""
    if not rows:
        return np.zeros(0, np.float32)
    probable = np.array([row.probabilities for row in rows])
    at = places_of(rows, vocabulary)
    shown = probable[np.arange(len(rows)), at]
    return np.where(at >= 0, shown, probable.max(axis=1)).astype(np.float32)


def painting_title(vocabulary: Vocabulary, values: list[int], pixels: int) -> str:
    """Say what a stroke on the labels paints."""
    names = {each.value: repr(each.name) for each in vocabulary} | {0: "unlabelled"}
    listed = " and ".join(names.get(value, str(value)) for value in values)
    return f"Paint {pixels:,} pixel{'' if pixels == 1 else 's'} {listed}"
