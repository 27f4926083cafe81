"""A result in the label values of another set: the same pixels, regions and probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary, grammar


def revalued(result: Segmentation, words: Vocabulary) -> Segmentation:
    """Return a result in which each class has the value that it has in a set; nothing is computed anew.

    Args:
        result: by any classes.
        words: the set's, which are the same ones by their names.

    Raises:
        InputError: a class of the result is none of the set.
    """
    values = {grammar.key(class_.name): class_.value for class_ in words}
    table: NDArray[np.uint16] = np.zeros(1 + max(result.vocabulary.values), np.uint16)
    classes = []
    for class_ in result.vocabulary:
        value = values.get(grammar.key(class_.name))
        if value is None:
            raise InputError(
                f"Its labels are of the class {class_.name!r}, which its project has no longer; label it "
                "anew there (project run --stale, or relabel)."
            )
        table[class_.value] = value
        classes.append(replace(class_, value=value))
    vocabulary = replace(
        result.vocabulary, classes=tuple(classes), next_value=1 + max(table.tolist())
    )
    return replace(
        result,
        labels=table[result.labels],
        pixel_labels=table[result.pixel_labels],
        table=result.table.assign(value=table[result.table["value"].to_numpy()].astype(np.int64)),
        vocabulary=vocabulary,
    )
