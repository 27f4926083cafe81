"""Classes, their prompts, background and colours; the text grammar and the file formats.

* :mod:`~napari_corrclip.vocabulary.model`: :class:`Vocabulary`;
* :mod:`~napari_corrclip.vocabulary.classes`: :class:`VocabularyClass`;
* :mod:`~napari_corrclip.vocabulary.tree`: which class is a kind of which;
* :mod:`~napari_corrclip.vocabulary.grammar`: what a person types;
* :mod:`~napari_corrclip.vocabulary.benchmarks`: the class lists of the benchmarks;
* :mod:`~napari_corrclip.vocabulary.files`: YAML, JSON, CSV and text files;
* :mod:`~napari_corrclip.vocabulary.palette`: the colour of a value.
"""

from __future__ import annotations

from napari_corrclip.vocabulary.classes import MAX_VALUE, ClassLike, VocabularyClass
from napari_corrclip.vocabulary.model import RolledUp, RollUp, Vocabulary, VocabularyLike

__all__ = [
    "MAX_VALUE",
    "ClassLike",
    "RollUp",
    "RolledUp",
    "Vocabulary",
    "VocabularyClass",
    "VocabularyLike",
]
