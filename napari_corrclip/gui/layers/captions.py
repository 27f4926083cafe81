"""The words and colours of classes and regions, for the layers and the status bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap
from numpy.typing import NDArray

from napari_corrclip.annotation import Region
from napari_corrclip.maps.votes import confidences, runners_up
from napari_corrclip.results.segmentation import class_colors
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.markup import plain

GREYS = (0.95, 0.55, 0.8, 0.4, 0.7)
"""Of regions one after another, so that neighbours differ."""


class ClassColormap(DirectLabelColormap):  # type: ignore[misc]  # napari says no types
    """The colours of classes: napari's, looked up in a table.

    napari's own asks Python for each of the 65,536 values of uint16, a seventh of a second whenever a session
    is opened or a class gets another colour or name.
    """

    def _map_precast(
        self, values: NDArray[np.integer], apply_selection: bool
    ) -> NDArray[np.float32]:
        colors = self._values_mapping_to_minimum_values_set(apply_selection)[1]
        table = np.zeros((max(colors) + 1, 4), np.float32)
        for value, color in colors.items():
            table[value] = color
        mapped: NDArray[np.float32] = table[values]
        return mapped


def class_colormap(vocabulary: Vocabulary) -> ClassColormap:
    """Return the colours of the classes by label value; what is no class is clear."""
    return ClassColormap(color_dict=class_colors(vocabulary))


def region_colormap() -> CyclicLabelColormap:
    """Return the colours of region ids: greys, which nobody takes for the colours of classes."""
    greys = [(shade, shade, shade, 1.0) for shade in GREYS]
    return CyclicLabelColormap(colors=np.array([(0.0,) * 4, *greys], np.float32))


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
    own = np.array([row.class_index for row in rows])
    columns = (own, confidences(probable, own), *runners_up(probable, own))
    found = []
    for row, at, sure, second, less in zip(rows, *(c.tolist() for c in columns), strict=True):
        verdict = row.verdict
        if verdict is not None and verdict.kind == "ignored":
            shown = "ignored"
        else:
            shown = "no class" if at < 0 else f"{names[at]} {sure:.2f}"
            if verdict is not None:
                shown += f", {verdict.kind}"
        found.append(shown if second < 0 else f"{shown} ({names[second]} {less:.2f})")
    return found


def painting_title(vocabulary: Vocabulary, values: list[int], pixels: int) -> str:
    """Say what a stroke on the labels paints."""
    names = {class_.value: repr(class_.name) for class_ in vocabulary} | {0: "unlabelled"}
    listed = " and ".join(names.get(value, str(value)) for value in values)
    return f"Paint {count(pixels, 'pixel')} {listed}"
