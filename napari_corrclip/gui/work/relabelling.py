"""Other words for an open session: looked for in a thread, first quickly, then well.

No Qt here. What a person types is never lost: a change that comes while another one is looked for takes its
place and holds its words, too. In the session, the first look and the better one are one step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from napari_corrclip.annotation import Draft, Session
from napari_corrclip.annotation.change import Edited
from napari_corrclip.annotation.edits.predictions import Reassign
from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.work.drafting import Drafting
from napari_corrclip.gui.work.encoding import Encoding
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

if TYPE_CHECKING:
    from napari_corrclip.engine.encoded_image import EncodedImage, Preview

OTHERS = "Run on the page Images looks for them in the others."
"""What is told besides of classes of a project."""


@dataclass(frozen=True, eq=False)
class _Change:
    """A vocabulary that is looked for and not shown yet."""

    vocabulary: Vocabulary
    reassign: Reassign

    def take(self, session: Session, result: Segmentation | None, *, provisional: bool) -> Edited:
        """Give a session these words, and what was found by them."""
        return session.set_vocabulary(
            self.vocabulary,
            result=result,
            reassign=self.reassign,
            classify=False,
            provisional=provisional,
        )


@dataclass(frozen=True, eq=False)
class _Look:
    """The result of a look, and the session as it will be by it.

    Attributes:
        waiting: whether the words are not the session's yet, and come with it.
        drafting: the edit that it is a draft of.
        draft: the session as it will be.
    """

    result: Segmentation
    waiting: bool
    drafting: Drafting[Edited | None]
    draft: Draft[Edited | None]


class Relabelling:
    """The search for other vocabularies in an open session.

    Args:
        jobs: of which one runs at a time.
        workspace: has the session that is open.
        encoding: encodes the image of a session without networks.
        say: shows a sentence.
        given_up: called when words that were asked for will not be the session's.
        progressed: gets every :class:`Progress`.
        failed: gets what a job raised.
        stopped: called when a job was cancelled before it changed anything.
    """

    def __init__(
        self,
        jobs: Jobs,
        workspace: Workspace,
        encoding: Encoding,
        *,
        say: Tell,
        given_up: Callable[[], object],
        progressed: Callable[[Progress], object],
        failed: Callable[[Exception], object],
        stopped: Callable[[], object],
    ) -> None:
        self._jobs = jobs
        self._workspace = workspace
        self._encoding = encoding
        self._say = say
        self._given_up = given_up
        self._progressed = progressed
        self._failed = failed
        self._stopped = stopped
        self._change: _Change | None = None
        # The classes by which the job that runs, or ran last, looks.
        self._looking: Vocabulary | None = None
        # Classes whose better look was given up: it is not to be begun again with every edit.
        self._left: Vocabulary | None = None

    def _session(self) -> Session | None:
        """Return what is corrected; ``None``: nothing, or a run goes on, which brings words of its own."""
        return None if self._jobs.segmenting else self._workspace.session

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The classes that the session has, or is about to have; ``None`` without a session."""
        session = self._session()
        if self._change is not None:
            return self._change.vocabulary
        return None if session is None else session.vocabulary

    @property
    def answers(self) -> Reassign:
        """What was said of the decisions of classes that are about to go."""
        return {} if self._change is None else self._change.reassign

    def forget(self) -> None:
        """Give up a change that is not shown yet; its job is dropped by whoever calls this."""
        self._change = None

    def begin(self, vocabulary: Vocabulary, reassign: Reassign) -> None:
        """Label the session's image by other classes: no image tower runs.

        Words that are new are shown after a first look, in one prompt template, and then as they are
        found by all. Other names, colours or another order ask no network and are there at once. Where the
        image is not encoded, new words are there at once, without a pixel, and are looked for when it is.

        Args:
            vocabulary: all classes from now on, those of a former change that is not shown yet too.
            reassign: what becomes of the decisions of classes that go; see
                :meth:`Session.set_vocabulary`.
        """
        session = self._session()
        if session is None:
            return
        encoded = _encoded(session)
        if encoded is not None or not self._encoding.is_on:  # which goes on for these words, too
            self._jobs.drop()
        self._change = self._left = None
        if vocabulary == session.vocabulary:
            self.look_again()
        elif encoded is None or vocabulary.finds_the_same(session.vocabulary):
            self._take_at_once(session, vocabulary, reassign)
        else:
            self._change = _Change(vocabulary, reassign)
            self._look(session, encoded, self._change)

    def look_again(self) -> None:
        """Finish what is shown after a first look alone, if nothing else runs.

        To be called when the session has changed: an undo may lead back to such a look, or away from
        the words that are being looked for.
        """
        session = self._session()
        if session is None:
            return
        wanted = self._change is not None or session.vocabulary == self._looking
        if self._jobs.running and (wanted or not self._jobs.is_of(self)):
            return
        self._jobs.drop(self)
        encoded = _encoded(session)
        if encoded is None or not session.provisional or session.vocabulary == self._left:
            return
        words = self._looking = session.vocabulary
        steps = encoded.classify_steps(words)
        self._start(session, None, self._looked(session, None, steps))

    def _look(self, session: Session, encoded: EncodedImage, change: _Change) -> None:
        self._looking = change.vocabulary
        steps = encoded.relabel_steps(change.vocabulary)
        self._start(session, change, self._looked(session, change, steps))

    def _start(
        self,
        session: Session,
        change: _Change | None,
        steps: Generator[Progress | _Look, None, _Look],
    ) -> None:
        def event(event: Progress | _Look) -> None:
            if isinstance(event, Progress):
                self._progressed(event)
            elif self._change is change and change is not None:
                self._take_first(session, change, event)

        def done(look: _Look) -> None:
            self._end(session, change, look)

        self._jobs.start(
            steps,
            done=done,
            failed=self._give_up,
            progressed=event,
            stopped=self._cancelled,
            owner=self,
        )

    def _looked(
        self,
        session: Session,
        change: _Change | None,
        steps: Generator[Progress | Preview, None, Segmentation],
    ) -> Generator[Progress | _Look, None, _Look]:
        """Look by ``steps``, in the thread, and make drafts of the session as it will be."""

        def drafted(event: Progress | Preview) -> Progress | _Look:
            if isinstance(event, Progress):
                return event
            return self._drafted(session, change, event.result, provisional=True)

        result = yield from retold(steps, drafted)
        return (yield from self._drafted_steps(session, change, result))

    def _drafted_steps(
        self,
        session: Session,
        change: _Change | None,
        result: Segmentation,
        former: _Look | None = None,
    ) -> Steps[_Look]:
        """Draft what was found, or again what ``former`` is a draft of."""
        yield Progress("count the regions", 0, 1)
        if former is None or former.waiting != self._waits(change):
            return self._drafted(session, change, result)
        return replace(former, draft=former.drafting.draft(session))

    def _waits(self, change: _Change | None) -> bool:
        return change is not None and self._change is change

    def _drafted(
        self,
        session: Session,
        change: _Change | None,
        result: Segmentation,
        *,
        provisional: bool = False,
    ) -> _Look:
        waiting = self._waits(change)

        def edit(session: Session) -> Edited | None:
            if waiting and change is not None:
                return change.take(session, result, provisional=provisional)
            if session.vocabulary == result.vocabulary and session.provisional:
                return session.refine(result)
            return None  # undone meanwhile

        drafting = Drafting(edit)
        return _Look(result, waiting, drafting, drafting.draft(session))

    def _end(self, session: Session, change: _Change | None, look: _Look) -> None:
        """Take the better look."""
        waiting, draft = self._waits(change), None
        if look.waiting == waiting:
            try:
                draft = look.drafting.take(look.draft)
            except CorrClipError as error:
                self._refused(error)
                return
        if draft is None:
            again = self._drafted_steps(session, change, look.result, look)
            self._start(session, change, again)
            return
        if waiting:
            self._change = None
        if draft.made is not None:
            said = _labelled(look.result, draft.made)
            self._say(f"{said} {OTHERS}" if self._encoding.is_of_set else said)

    def _take_first(self, session: Session, change: _Change, look: _Look) -> None:
        """Take words and what was found by them at the first look, whatever was edited meanwhile."""
        edited: Edited | None
        if look.waiting and look.draft.take():
            self._change = None
            edited = look.draft.made
        else:
            edited = self._take(session, change, look.result, provisional=True)
        if edited is not None:
            words = _classes(change.vocabulary)
            self._say(f"A first look for {words}; a better one follows …")

    def _take(
        self,
        session: Session,
        change: _Change,
        result: Segmentation | None,
        *,
        provisional: bool = False,
    ) -> Edited | None:
        """Give the session the changed words, and what was found by them; ``None``: it refuses."""
        self._change = None
        try:
            return change.take(session, result, provisional=provisional)
        except CorrClipError as error:
            self._refused(error)
            return None

    def _refused(self, error: CorrClipError) -> None:
        self._change = None
        self._jobs.drop(self)
        self._say(error)
        self._given_up()

    def _take_at_once(self, session: Session, words: Vocabulary, reassign: Reassign) -> None:
        """Take words for which no network is asked."""
        known = words.finds_the_same(session.vocabulary)
        comes = "" if known else self._encoding.ask("the new classes", self.look_again)
        edited = self._take(session, _Change(words, reassign), None)
        if edited is None:
            return
        said = (
            f"There are {_classes(words)}."
            if known
            else comes or "Press Run to look for these classes."
        )
        kind = Kind.DONE if known else Kind.NOTE
        self._say(Said(" ".join([said, *edited.notes]), kind, undo=known))
        self.look_again()

    def _give_up(self, error: Exception) -> None:
        self._leave()
        self._failed(error)

    def _cancelled(self) -> None:
        if self._leave():
            self._say("Stopped; the labels stay as they were found at the first look.")
        else:
            self._stopped()

    def _leave(self) -> bool:
        """End a change that was not finished; return whether it was shown after a first look."""
        self._change = None
        session = self._session()
        if session is None:
            return False
        self._left = session.vocabulary
        self._given_up()
        return session.provisional


def _encoded(session: Session) -> EncodedImage | None:
    """Return the session's encoded image, which in the window is the real one."""
    return cast("EncodedImage | None", session.encoded())


def _classes(vocabulary: Vocabulary) -> str:
    return count(len(vocabulary), "class", "classes")


def _labelled(result: Segmentation, edited: Edited | None = None) -> str:
    notes = () if edited is None else edited.notes
    return " ".join([f"Labelled by {_classes(result.vocabulary)}.", *notes, *result.notes])
