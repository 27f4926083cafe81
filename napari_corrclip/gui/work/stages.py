"""The stages of long work in words for a person, who does not know what the parts of a run are called."""

from __future__ import annotations

from collections.abc import Mapping

STAGES: Mapping[str, str] = {
    "load the libraries": "Loading the libraries (once per start)",
    "load the networks": "Loading the networks (once per start)",
    "read": "Reading the image",
    "read the image": "Reading the image",
    "regions": "Finding regions",
    "windows": "Encoding the image",
    "clicks": "Encoding the image for clicks",
    "text": "Encoding the words",
    "classify": "Finding the classes",
    "count the regions": "Counting the regions",
    "wait for the run of the set": "Waiting for the run of the set, by other networks",
}
"""What is said of a stage, by its name in :class:`~napari_corrclip.progress.Progress`."""


def said(stage: str) -> str:
    """Return what is said of a stage; others than those of a run, as downloads, say it themselves."""
    return STAGES.get(stage, stage[:1].upper() + stage[1:])
