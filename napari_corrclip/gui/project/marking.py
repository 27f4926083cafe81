"""The marks that a person gives images of a project: verified, skipped; and the next image that waits."""

from __future__ import annotations

from collections.abc import Sequence

from napari_corrclip.errors import InputError
from napari_corrclip.gui.project.model import file_name
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.work.said import Tell
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.wording.amounts import count

READY = (ItemState.PRELABELLED, ItemState.IN_REVIEW)
"""The states of images that wait for a person."""
TO_RUN = (ItemState.NEW, ItemState.FAILED)
"""The states of those that wait for a run."""


class Marking:
    """The marks that a person gives.

    Args:
        review: has the project, and shows its items.
        workspace: has the session of the one that is shown.
        tell: is given a sentence.
    """

    def __init__(self, review: Review, workspace: Workspace, tell: Tell) -> None:
        self._review, self._workspace, self._tell = review, workspace, tell

    def verify(self) -> ItemRecord | None:
        """Say that the item that is shown is verified; return it, or ``None`` where it could not be."""
        return self._mark(self._review.record, ItemState.VERIFIED)

    def skip(self) -> ItemRecord | None:
        """Leave out the item that is shown, or could not be opened; return it as :meth:`verify` does."""
        return self._mark(self._review.to_skip, ItemState.SKIPPED)

    def _mark(self, record: ItemRecord | None, state: ItemState) -> ItemRecord | None:
        project, keeping = self._review.project, self._review.keeping
        if project is None or record is None:
            self._tell("No image of the project is shown; choose one in the list.")
            return None
        if self._review.is_opening:
            self._tell("The image is still being opened; wait a moment.")
            return None
        is_shown = record is self._review.record
        try:
            if is_shown:
                self._check(record, state)
                keeping.take_whole()
            project.mark(record, state, by=keeping.by)
        except InputError as error:
            self._tell(error)
            return None
        if is_shown:
            keeping.draw()  # after it was marked, else it would be taken for an older one
        self._review.marked(record)
        return record

    def _check(self, record: ItemRecord, state: ItemState) -> None:
        """Refuse to say of the item that is shown what is not true of it.

        Raises:
            InputError: it is not what is corrected, or what was done to it is on no disk.
        """
        if self._review.is_elsewhere:
            raise InputError(
                f"{file_name(record)!r} is not what is corrected now; click on it in the list, and then say "
                f"that it is {state}."
            )
        if self._workspace.session is None:
            return
        try:
            self._workspace.write_again()  # what is verified is on the disk
        except InputError as error:
            raise InputError(
                f"{file_name(record)!r} is not {state}, for what you did to it is on no disk. {error}"
            ) from None

    def next_ready(self, numbers: Sequence[int], after: ItemRecord | None) -> ItemRecord | None:
        """Return the next item that waits for a person, but for the one that is shown.

        Args:
            numbers: of the items, in the order in which they are gone through.
            after: the first one comes after it, the last one before it; ``None``: from the first on.
        """
        project = self._review.project
        if project is None:
            return None
        ready = self._waiting(project)
        at = 0 if after is None or after.id not in numbers else numbers.index(after.id) + 1
        following = [*numbers[at:], *numbers[:at]]
        found = next((number for number in following if number in ready), None)
        return None if found is None else project.read_items([found])[0]

    def what_is_left(self) -> str:
        """Return why no image comes next."""
        project, shown = self._review.project, self._review.record
        if project is None:
            return ""
        waiting = len(self._waiting(project))
        if waiting:
            return f"No other of this list waits; {count(waiting, 'image')} outside of it."
        left = len(project.list_items(*TO_RUN))
        if left:
            return f"No other is ready; {count(left, 'image')} still to be run."
        if shown is not None and shown.state in READY:
            return f"{file_name(shown)!r} is the last that waits."
        return "All images are verified or skipped."

    def _waiting(self, project: Project) -> set[int]:
        """Return the numbers of the items that wait for a person, but for the one that is shown."""
        shown = self._review.record
        return set(project.list_items(*READY)) - {-1 if shown is None else shown.id}
