"""The motions of the classes of the set that is open: asked for, done in a thread, followed by the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from psygnal import Signal

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Step
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.project.turns import Turn
from napari_corrclip.gui.sheet.work import Act, Deciding
from napari_corrclip.gui.words.merging import MergeWish
from napari_corrclip.gui.words.removal import Reassigned, ToGive
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell, write_down
from napari_corrclip.gui.work.whole import LAST, Whole
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.project.following import follow_merges
from napari_corrclip.project.merged_classes import Parted
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet.acts import DecidedSheet, is_removal
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass
from napari_corrclip.wording.amounts import count

BACK = "Part again… takes it back."
"""Where that is the menu of a class says."""


@dataclass(frozen=True, slots=True)
class _Going:
    """A class on its way out of the set.

    Attributes:
        folder: of the project.
        name: of the class.
        decided: what was decided as it.
        here: names of items of which the session was open, where it was taken back already.
        begun: the record of that; ``None``: there is none yet.
    """

    folder: Path
    name: str
    decided: str
    here: tuple[str, ...] = ()
    begun: DecidedSheet | None = None


class _Went(NamedTuple):
    """The outcome of a class that was to go.

    Attributes:
        sheet: the record.
        stays: whether the set has it all the same.
    """

    sheet: DecidedSheet
    stays: bool


class _Running(NamedTuple):
    """The change that is at work in a thread.

    Attributes:
        whole: the work.
        ended: is given its result.
    """

    whole: Whole[object]
    ended: Callable[[object], object]


class Motions:
    """The motions of the classes of the set that is open; of an image in no set they are its session's.

    Args:
        review: has the project, and the session that is open.
        tell: is given a sentence.

    Signals (psygnal):
        changed: the classes of the set are others.
    """

    changed = Signal()

    def __init__(self, review: Review, tell: Tell) -> None:
        self._review, self._tell = review, tell
        self._jobs = Jobs()
        self._waiting: list[Turn] = []  # that were asked for and are not over; the first is at work
        self._running: _Running | None = None  # what the thread does
        self._closing = False
        self._back = Deciding(review, lambda told: self._tell(told))
        self._back.changed.connect(self.changed.emit)

    @property
    def running(self) -> bool:
        """Whether images are being changed in the thread."""
        return bool(self._waiting) or self._back.running

    @property
    def _project(self) -> Project | None:
        """The project that is open and can be written."""
        project = self._review.project
        return None if project is None or project.read_only else project

    # -- what is known before

    def merges(self, values: Sequence[int]) -> Vocabulary | None:
        """Return the set's classes, if some of these can be merged on all its images; else ``None``."""
        project = self._project
        if project is None or not set(values) <= set(project.vocabulary.values):
            return None
        own = self._review.session_of_shown
        if own is not None and not project.names_of_values().are_of(own.vocabulary):
            return None  # a value is another class there
        return project.vocabulary

    def told_of(self, values: Sequence[int]) -> str:
        """Return in a sentence what was decided as some classes on all images."""
        ours, project = self.merges(values), self._project
        if ours is None or project is None:
            return "What is decided or found as it on this image is the other class then."
        self._review.keep()
        told = []
        for value in values:
            name = ours.by_value(value).name
            decided = project.decided_as(name)
            if decided.regions:
                told.append(f"{decided.sentence(name)}.")
        all_follow = "All images of the set follow, and what nobody has decided there, too."
        return " ".join([*told, all_follow, "Part again… in this menu takes it back."])

    def merged(self) -> Mapping[str, str]:
        """Return by name of a class that became another one the name of that."""
        project = self._project
        return {} if project is None else project.merged_classes()

    def removed(self) -> Sequence[str]:
        """Return the names of classes that were removed with what was decided as them."""
        project = self._project
        try:
            return () if project is None else list(project.removed_classes())
        except InputError:  # their file cannot be read, which the sheet says
            return ()

    def going(self, before: Vocabulary | None, after: Vocabulary) -> dict[VocabularyClass, ToGive]:
        """Return the classes of the set that are about to go, and have decisions on any image.

        Args:
            before: the classes of the image that is open; ``None``: none is.
            after: what they are to be.
        """
        project = self._project
        if project is None or (before is not None and not self._review.has_session):
            return {}
        ours, after = project.vocabulary, project.classes_beside(before, after)
        gone = [
            class_
            for class_ in ours
            if class_.value not in after.values
            and (before is None or class_.value in before.values)
        ]
        if not gone or len(gone) == len(ours) or self.merges([each.value for each in gone]) is None:
            return {}
        self._review.keep()  # what was decided on the image that is open counts, too
        session, found = self._review.session_of_shown, {}
        for class_ in gone:
            decided = project.decided_as(class_.name)
            pixels = 0
            if session is not None and class_.value in session.vocabulary.values:
                own = session.vocabulary.by_value(class_.value)
                pixels = session.decided_as(own.name)[1]
            if decided.regions or pixels:
                found[class_] = ToGive(decided.regions, pixels, decided.images)
        return found

    @property
    def classes(self) -> Vocabulary | None:
        """The classes of the set that is open."""
        project = self._project
        return None if project is None else project.vocabulary

    @staticmethod
    def without(words: Vocabulary, gone: Mapping[VocabularyClass, ToGive]) -> Vocabulary:
        """Return classes without some; the last one stays."""
        for class_ in gone:
            if class_.value in words.values and len(words) > 1:
                words = words.remove(words.by_value(class_.value).name)
        return words

    @staticmethod
    def told_undone(step: Step) -> str:
        """Return what is to be known where a person has undone on one image what is so in the whole set."""
        entry = "Bring back…" if is_removal(step) else "Part again…"
        here = f"Undone on this image alone; {entry} in the menu of a class is for all."
        return here if is_removal(step) or step.of_set else ""

    def staying(self, gone: Mapping[VocabularyClass, ToGive]) -> Vocabulary:
        """Return the classes of the set that may take what was decided as others."""
        project = self._project
        assert project is not None  # something goes from it
        words = project.vocabulary
        for class_ in gone:
            words = words.remove(class_.name)
        return words

    # -- what is done

    def remove(self, answers: Reassigned) -> str | None:
        """Remove classes from the set; return what is told of it; ``None``: they stay, and why was told.

        What is taken back goes from the image that is open at once, and from the others in a thread.

        Args:
            answers: by label value, that of the class that takes what was decided; ``None``: nobody.
        """
        project = self._project
        assert project is not None
        names = {class_.value: class_.name for class_ in project.vocabulary}
        told = []
        for value, heir in answers.items():
            assert isinstance(value, int)
            name = names[value]
            if heir is not None:
                to = names[int(heir)]
                if not self._merge_one(project, name, to, prompts=False):
                    return None
                told.append(f"{name!r} became {to!r} on all images. {BACK}")
            else:
                found = project.decided_as(name)
                decided = f"{count(found.regions, 'region')} on {count(found.images, 'image')}"
                try:
                    # At once, also while another class is on its way: what waits is for other images.
                    going = self._here(project, _Going(project.folder, name, decided))
                except InputError as error:
                    self._tell(error)
                    return None
                done = f"{name!r} is taken back on all images"
                self._begin(project.folder, done, partial(self._take_back, going))
                told.append(f"What was decided as {name!r} is taken back …")
        return " ".join(told)

    def merge(self, wish: MergeWish) -> bool:
        """Let classes of the set be another one on all images; return whether they are of the set."""
        ours, project = self.merges([*wish.values, wish.heir]), self._project
        if ours is None or project is None:
            return False
        heir = ours.by_value(wish.heir).name
        names = [ours.by_value(value).name for value in wish.values]
        if all(self._merge_one(project, name, heir, prompts=wish.prompts) for name in names):
            gone = ", ".join(map(repr, names))
            self._tell(Said(f"Merged {gone} into {heir!r} on all images. {BACK}", Kind.DONE))
        return True

    def _merge_one(self, project: Project, name: str, heir: str, *, prompts: bool) -> bool:
        try:
            project.merge_classes(name, heir, prompts=prompts, by=self._review.keeping.by)
            self._follow(project)
        except InputError as error:
            self._tell(error)
            return False
        self._other_classes()
        return True

    def _follow(self, project: Project) -> None:
        """Let the open session take what became of the set's classes, as one step.

        Raises:
            InputError: the index cannot be told.
        """

        def follow(session: Session) -> Mapping[int, int]:
            return follow_merges(session, project.vocabulary, project.names_of_values())

        self._review.keeping.follow(follow)

    def _other_classes(self) -> None:
        self._review.changed.emit()
        self.changed.emit()

    def part(self, name: str) -> None:
        """Let a merged class be one of its own again, in a thread: sessions have taken it."""
        project = self._project
        if project is not None:
            done = f"{name!r} is a class again on all images"
            self._begin(project.folder, done, partial(self._part, project.folder, name))

    def _part(self, folder: Path, name: str) -> None:
        def steps(project: Project) -> Steps[Parted]:
            return project.part_classes_steps(name)

        def parted(found: Parted) -> None:
            project, record = self._project, self._review.shown_whole
            left = found.left
            if project is not None and project.folder == folder:
                self._follow(project)
                if record is not None:  # which has followed here
                    left = tuple(said for said in left if not said.startswith(f"{record.title}: "))
            said = f"{found.name!r} is a class again on all images."
            self._tell(_told(said, left))

        self._start(folder, f"{name!r} becomes a class again", steps, parted)

    def bring_back(self, name: str) -> None:
        """Have a removed class again, with what was decided as it."""
        project = self._project
        record = None if project is None else project.removed_classes().get(name)
        if project is not None and record is not None:
            self._back.add(Act(project.folder, {}, {}, back=record))

    def _here(self, project: Project, going: _Going) -> _Going:
        """Take back in the open session what was decided as a class; return what is left to be done.

        Raises:
            InputError: the class is gone, or it cannot be written.
        """
        record, session = self._review.shown_whole, self._review.session_of_shown
        if record is None or session is None or record.name in going.here:
            return going
        opened = {record.name: session}
        by = self._review.keeping.by
        steps = project.remove_class_steps(
            going.name, by=by, opened=opened, only=opened, begun=going.begun
        )
        begun = finish(steps)
        self._review.keep()
        return replace(going, here=(*going.here, record.name), begun=begun)

    def _take_back(self, going: _Going) -> None:
        """Take back what was decided as a class of a project, whichever is open by now."""
        project = self._project
        if project is not None and project.folder == going.folder:
            going = self._here(project, going)  # an image that was on its way
        by, name = self._review.keeping.by, going.name

        def steps(project: Project) -> Steps[_Went]:
            sheet = yield from project.remove_class_steps(
                name, by=by, besides=going.here, begun=going.begun
            )
            assert sheet is not None  # no other class takes it
            return _Went(sheet, name in project.vocabulary.names)

        def ended(went: _Went) -> None:
            said = f"Removed {name!r}; {going.decided} are undecided again."
            if went.stays:
                said = f"{name!r} stays as long as regions have it; remove it again."
            self._tell(_told(said, went.sheet.left))

        self._start(going.folder, f"{name!r} is taken back", steps, ended)

    # -- one after another

    def _begin(self, folder: Path, done: str, call: Callable[[], object]) -> None:
        """Change a project's images when it is time for that; no image is opened meanwhile.

        Args:
            folder: of the project.
            done: what is so then, as a clause.
            call: begins.
        """

        def begin() -> None:
            try:
                call()
            except Exception as error:
                self._failed(error)

        turn = Turn(folder, begin, done)
        self._waiting.append(turn)
        self._review.turns.ask(turn)

    def _failed(self, error: Exception) -> None:
        self._tell(_told_of_failure(error))
        self._end()

    def _end(self) -> None:
        """Let come what waits, now that the first is over."""
        self._running = None
        turn = self._waiting.pop(0)
        self._other_classes()
        self._review.turns.end(turn)

    def _start(
        self,
        folder: Path,
        what: str,
        steps: Callable[[Project], Steps[object]],
        done: Callable[..., object],
    ) -> None:
        """Do something to a project in a thread, which opens it itself."""

        def ended(found: object) -> None:
            try:
                done(found)
            except Exception as error:
                self._tell(_told_of_failure(error))
            self._end()

        def progressed(event: object) -> None:
            if isinstance(event, Progress) and event.total > 1:
                at = f"{what}: image {event.done + 1:,} of {event.total:,} …"
                said = " ".join(filter(None, (at, self._review.waits)))
                self._tell(Said(said, Kind.NOTE, for_now=True))

        def opening() -> Steps[object]:
            with Project.open(folder) as opened:
                return (yield from steps(opened))

        project = self._project
        alone = project is not None and project.folder == folder and project.is_only_writer
        whole = Whole(steps(project) if project is not None and alone else opening())
        self._running = _Running(whole, ended)
        if alone or self._closing:  # no thread may write, or none is waited for
            self._finish_running()
            return
        self._jobs.start(whole.in_thread(), done=ended, failed=self._failed, progressed=progressed)

    # -- the end

    def let_go(self) -> None:
        """Begin nothing in a thread, and tell nobody any more: all is being closed."""
        self._closing = True
        self._jobs.drop()
        self.changed.disconnect()
        self._tell = write_down
        self._back.let_go()

    def finish(self) -> None:
        """Have what is at work done before this returns; what waits is done when its turn comes."""
        self.let_go()
        self._finish_running()
        self._back.finish()

    def _finish_running(self) -> None:
        running = self._running
        if running is None:
            return
        try:
            found = running.whole.finish(LAST)
        except Exception as error:
            self._failed(error)
        else:
            running.ended(found)


def _told_of_failure(error: Exception) -> Said:
    if isinstance(error, CorrClipError):
        return Said.of(error)
    told = f"The classes of the set could not be changed ({error}); please report it."
    return Said(told, Kind.WARNING)


def _told(said: str, left: Sequence[str]) -> Said:
    """Return what is told of something that could not be done to all images."""
    if not left:
        return Said(said, Kind.DONE)
    more = f" (and {count(len(left) - 1, 'more image')})" if len(left) > 1 else ""
    return Said(f"{said} Left as it was: {left[0]}{more}", Kind.WARNING)
