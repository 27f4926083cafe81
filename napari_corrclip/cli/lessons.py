"""The work of ``napari-corrclip project lesson``: the switch of a set, and what was learnt so far."""

from __future__ import annotations

from pathlib import Path

from napari_corrclip.cli.console import tell
from napari_corrclip.errors import InputError
from napari_corrclip.learning import Lesson
from napari_corrclip.learning.store import SWITCHES
from napari_corrclip.project.project import Project
from napari_corrclip.wording.amounts import count


def lesson(folder: Path, switch: str | None) -> None:
    """Turn the switch, or tell how it stands, and what was learnt; see the command's help.

    Raises:
        InputError: it is no switch, a file of the lesson is damaged, or nothing may be written.
    """
    chosen = next((each for each in SWITCHES if each == switch), None)
    if switch is not None and chosen is None:
        raise InputError(f"The lesson cannot be {switch!r}; say off, ask or on.")
    with Project.open(folder, read_only=chosen is None) as project:
        if chosen is not None:
            project.lesson.switch = chosen
        tell(f"The lesson is {project.lesson.switch}.")
        told = [
            line
            for store in project.lesson.stores()
            if store.has_sittings
            for line in lines(store.lesson(project.vocabulary.values))
        ]
        tell(*(told or ["Nothing was taught yet: decide some regions in the window."]))


def lines(lesson: Lesson) -> list[str]:
    """Return what was learnt, who foretold the last verdicts, and how much it counts."""
    foretold, opening = lesson.foretold, lesson.weights[0]
    images = 0 if lesson.state is None else lesson.state.sittings
    return [
        f"{count(lesson.verdicts, 'verdict')} at {count(images, 'sitting')}, an opening of an image each",
        f"of the last {foretold.verdicts:,} it has foretold {foretold.lesson:,}, the networks "
        f"{foretold.networks:,}",
        f"when the next image is opened it counts for {opening:.0%} beside the networks",
    ]
