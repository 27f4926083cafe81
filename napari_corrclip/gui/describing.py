"""Classes and regions in words and colours, for the layers and the status bar."""

from __future__ import annotations

import numpy as np
import pandas as pd
from napari.utils.colormaps import DirectLabelColormap

from napari_corrclip.annotation import Region
from napari_corrclip.vocabulary import Vocabulary

CLEAR = (0.0, 0.0, 0.0, 0.0)


def class_colormap(vocabulary: Vocabulary) -> DirectLabelColormap:
    """Return the colours of the classes by label value; what is no class is clear."""
    colors: dict[int | None, tuple[float, float, float, float]] = {None: CLEAR, 0: CLEAR}
    for value, (red, green, blue) in vocabulary.colors.items():
        colors[value] = (red / 255, green / 255, blue / 255, 1.0)
    return DirectLabelColormap(color_dict=colors)


def class_features(vocabulary: Vocabulary) -> pd.DataFrame:
    """Return what the status bar says of each label value."""
    return pd.DataFrame(
        {"index": [0, *vocabulary.values], "class": ["unlabelled", *vocabulary.names]}
    )


def region_features(rows: list[Region], vocabulary: Vocabulary) -> pd.DataFrame:
    """Return what the status bar says of each region: ``cat 0.61 (dog 0.33)``."""
    return pd.DataFrame(
        {
            "index": [0, *(row.id for row in rows)],
            "region": ["unsegmented", *(describe(row, vocabulary) for row in rows)],
        }
    )


def describe(row: Region, vocabulary: Vocabulary) -> str:
    """Say a region's class, how probable it is, and the likeliest other one."""
    index = {one.value: at for at, one in enumerate(vocabulary)}
    ranked = np.argsort(-row.probabilities, kind="stable").tolist()
    other = next((at for at in ranked if vocabulary.values[at] != row.value), None)
    if row.verdict is not None and row.verdict.kind == "ignored":
        shown = "ignored"
    elif row.value in index:
        at = index[row.value]
        shown = f"{vocabulary.names[at]} {row.probabilities[at]:.2f}"
    else:
        shown = "no class"
    if row.verdict is not None and row.verdict.kind != "ignored":
        shown += f", {row.verdict.kind}"
    if other is None:
        return shown
    return f"{shown} ({vocabulary.names[other]} {row.probabilities[other]:.2f})"


def painting_title(vocabulary: Vocabulary, values: list[int], pixels: int) -> str:
    """Say what a stroke on the labels paints."""
    names = {one.value: repr(one.name) for one in vocabulary} | {0: "unlabelled"}
    listed = " and ".join(names.get(value, str(value)) for value in values)
    return f"Paint {pixels:,} pixel{'' if pixels == 1 else 's'} {listed}"
