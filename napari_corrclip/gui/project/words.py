"""The classes of a project's set, as they are changed at the image that is open in the window."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from napari_corrclip.annotation import Session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.project.own_classes import OwnClasses
from napari_corrclip.vocabulary import Vocabulary, tree


class SetWords:
    """The classes of the set.

    Args:
        review: has the project, and the item that is open.
        tell: is given a sentence.
    """

    def __init__(self, review: Review, tell: Tell) -> None:
        self._review, self._tell = review, tell
        self._merging: tuple[Session, dict[int, int]] | None = None

    def beside(self, before: Vocabulary | None, after: Vocabulary) -> Vocabulary:
        """Return changed classes with values that no other class of the set has.

        Args:
            before: of the image that is open; ``None``: none is.
            after: what they were changed to.
        """
        project = self._review.project
        if project is None or not self._are_of_the_set(before):
            return after
        return project.classes_beside(before, after)

    def change(self, before: Vocabulary | None, after: Vocabulary | None) -> None:
        """Change the classes of the whole set as those of the image were in the window.

        Args:
            before: as for :meth:`beside`.
            after: what that returned.
        """
        project = self._review.project
        if project is None or after is None or project.read_only:
            return
        if not self._are_of_the_set(before):
            return
        former = project.vocabulary
        if before is not None:
            own = OwnClasses.of(before, former, project.names_of_values())
            # What becomes of a value that is another class in the set is a matter of the image alone.
            values = {mine.value for mine, _ in own.clashes}
            before, after = _without(before, values), _without(after, values)
            if before is None or after is None:
                return
        try:
            stay = project.change_classes(before, after, self._review.record)
        except InputError as error:
            self._tell(error)
            return
        if stay:
            names = ", ".join(repr(name) for name in stay)
            self._tell(
                Said(
                    f"{names} stays in the set, where other images have regions of it.",
                    Kind.NOTE,
                )
            )
        if project.vocabulary != former:
            self._review.changed.emit()

    def merge(
        self, session: Session | None, given_to: Mapping[str | int, str | int | None]
    ) -> None:
        """Remember which classes are to become others, until the image has its new ones (:meth:`edited`).

        Args:
            session: of the image.
            given_to: by label value of a class that goes, that of the class that takes its place. Those of a
                change that did not come are forgotten.
        """
        merged = {
            gone: by
            for gone, by in given_to.items()
            if isinstance(gone, int) and isinstance(by, int)
        }
        self._merging = (session, merged) if session is not None and merged else None

    def edited(self, session: Session) -> None:
        """Let the lesson know which classes became others, once they did: an image may refuse its new ones.

        Args:
            session: that was edited, in whatever way.
        """
        if self._merging is None:
            return
        words, (of, merged) = session.vocabulary, self._merging
        if of is not session:
            self._merging = None
            return
        if not merged.keys().isdisjoint(words.values):
            return
        self._merging, project = None, self._review.project
        if project is None or project.read_only or not self._review.has_session:
            return
        ours = project.vocabulary
        try:
            project.change_classes(ours, ours, merged=merged)
        except InputError as error:
            self._tell(error)

    def _are_of_the_set(self, words: Vocabulary | None) -> bool:
        """Whether classes are those of an item, or of no image; another one's are its own."""
        return words is None or self._review.has_session


def _without(words: Vocabulary, values: Container[int]) -> Vocabulary | None:
    """Return classes without those of some values; ``None``: there is no other."""
    classes = tuple(class_ for class_ in words.classes if class_.value not in values)
    return replace(words, classes=tree.rejoined(classes, words.parents)) if classes else None
