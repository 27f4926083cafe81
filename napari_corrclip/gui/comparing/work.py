"""The work of a comparison in the window: two projects counted, and one image of both read, in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import SUFFIX, project_at
from napari_corrclip.project.joining.agreement import ComparedImage, Comparison, LabelsBeside
from napari_corrclip.project.joining.drawn import read_drawn
from napari_corrclip.project.project import Project
from napari_corrclip.wording.amounts import count

SIDE = 4096
"""Longest side in pixels of the labels that are shown; those of larger images are made small."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A comparison, as it was asked for.

    Attributes:
        folder: of the project that is open.
        other: of the other one.
        verified: only images that both have verified.
        decided: only pixels that somebody has decided in both.
    """

    folder: Path
    other: Path
    verified: bool = False
    decided: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Compared:
    """A comparison of the project that is open with another one.

    Attributes:
        asked: what was asked for.
        folders: of the first, and of the second: a sample is the second.
        found: what came out.
    """

    asked: Asked
    folders: tuple[Path, Path]
    found: Comparison

    @property
    def names(self) -> tuple[str, str]:
        """What the first, and the second, are called."""
        one, other = (folder.name.removesuffix(SUFFIX) for folder in self.folders)
        return (one, other) if one != other else (str(self.folders[0]), str(self.folders[1]))

    @property
    def is_second(self) -> bool:
        """Whether the project that is open is the second."""
        return self.folders[1] == self.asked.folder

    @property
    def other_name(self) -> str:
        """What the other project is called."""
        return self.names[0 if self.is_second else 1]

    def item_here(self, image: ComparedImage) -> str:
        """Return the name of an image's item in the project that is open."""
        return image.other_name if self.is_second else image.name


def compare_steps(asked: Asked) -> Steps[Compared]:
    """Compare two projects, in a thread, which needs indices of its own.

    Raises:
        InputError: the other is no project, is the same one, or nothing of it can be compared.
    """
    yield Progress("open", 0, 1)
    place = project_at(asked.other)
    if place is not None and place.samefile(asked.folder):
        raise InputError(f"{place.name!r} is the project that is open; choose another one.")
    with (
        Project.open(asked.folder, read_only=True) as ours,
        Project.open(asked.other, read_only=True) as theirs,
    ):
        if read_drawn(ours.folder) is not None and read_drawn(theirs.folder) is None:
            first, second = theirs, ours  # what was drawn is compared with what it was drawn from
        else:
            first, second = ours, theirs
        found = yield from first.compare_steps(
            second, verified=asked.verified, decided=asked.decided
        )
        compared = Compared(asked, (first.folder, second.folder), found)
    if not found.images:
        raise InputError(_nothing(compared))
    return compared


def _nothing(compared: Compared) -> str:
    """Say why nothing was compared."""
    found, (one, other) = compared.found, compared.names
    if found.passed_over:
        number = count(len(found.passed_over), "image")
        return f"Of {number} that both have none can be compared: {found.passed_over[0]}"
    if found.not_verified:
        number = count(found.not_verified, "image")
        return f"Of {number} that both have none is verified in both; compare all images."
    return (
        f"{one!r} and {other!r} have no image in common, whatever it is called; choose another project of "
        "the same images."
    )


@contextmanager
def _both(compared: Compared) -> Iterator[tuple[Project, Project]]:
    with (
        Project.open(compared.folders[0], read_only=True) as first,
        Project.open(compared.folders[1], read_only=True) as second,
    ):
        yield first, second


def beside_steps(compared: Compared, image: ComparedImage) -> Steps[LabelsBeside]:
    """Read the labels of an image in both projects, in a thread.

    Raises:
        InputError: they cannot be read any more.
    """
    yield Progress("read labels", 0, 1)
    with _both(compared) as (first, second):
        return first.labels_beside(second, image, decided=compared.asked.decided, side=SIDE)
