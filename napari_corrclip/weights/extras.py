"""Extras of the package that some networks need: whether they are installed, and how to install them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from napari_corrclip.errors import InputError
from napari_corrclip.weights.presets import NetworkSpec

_NEEDED = ("transformers", "sentencepiece")


def missing_extra(networks: Iterable[NetworkSpec]) -> str | None:
    """Return in a sentence what has to be installed for ``networks``, or ``None``; imports nothing."""
    named = next((spec.title for spec in networks if len(spec.files) > 1), None)
    gone = [name for name in _NEEDED if named and importlib.util.find_spec(name) is None]
    if not gone:
        return None
    are = "is" if len(gone) == 1 else "are"
    return (
        f"The text tower of {named} needs {' and '.join(gone)}, which {are} not installed; install "
        'them with pip install "napari-corrclip[multilingual]" and start again.'
    )


def check_extras(networks: Iterable[NetworkSpec]) -> None:
    """Raise InputError where ``networks`` need what is not installed; before anything is downloaded."""
    sentence = missing_extra(networks)
    if sentence is not None:
        raise InputError(sentence)
