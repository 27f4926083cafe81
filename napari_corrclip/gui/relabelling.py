"""Other words for an open session: looked for in a thread, first quickly, then well.

No Qt here. What a person types is never lost: a change that comes while another one is looked for takes its
place and holds its words, too. In the session, the first look and the better one are one step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Edited
from napari_corrclip.annotation.edits.predictions import Reassign
from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.jobs import Jobs
from napari_corrclip.progress import Progress
from napari_corrclip.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    from napari_corrclip.engine import Preview


@dataclass(frozen=True, eq=False)
class _Change:
    """A vocabulary that is looked for and not shown yet."""

    vocabulary: Vocabulary
    reassign: Reassign


class Relabelling:
    """Gives a session other vocabularies.

    Args:
        jobs: of which one runs at a time.
        session: returns the one that is corrected; ``None`` where there is none, or none to be touched.
        say: shows a sentence.
        show: is given the session whenever its vocabulary is to be shown.
        progressed: gets every :class:`Progress`.
        failed: gets what a job raised.
        stopped: called when a job was cancelled before it changed anything.
    """

    def __init__(
        self,
        jobs: Jobs,
        *,
        session: Callable[[], Session | None],
        say: Callable[[str], object],
        show: Callable[[Session], object],
        progressed: Callable[[Progress], object],
        failed: Callable[[Exception], object],
        stopped: Callable[[], object],
    ) -> None:
        self._jobs = jobs
        self._session = session
        self._say = say
        self._show = show
        self._progressed = progressed
        self._failed = failed
        self._stopped = stopped
        self._change: _Change | None = None
        # The classes by which the job that runs, or ran last, looks.
        self._looking: Vocabulary | None = None
        # Classes whose better look was given up: it is not to be begun again with every edit.
        self._left: Vocabulary | None = None

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
        found by all. Other names, colours or another order ask no network and are there at once.

        Args:
            vocabulary: all classes from now on, those of a former change that is not shown yet too.
            reassign: what becomes of the decisions of classes that go; see
                :meth:`Session.set_vocabulary`.
        """
        session = self._session()
        if session is None:
            return
        self._jobs.drop()
        self._change = self._left = None
        engine: Any = session.engine
        if vocabulary == session.vocabulary:
            self._show(session)
            self.look_again()
        elif engine is None or vocabulary.finds_the_same(session.vocabulary):
            self._take_at_once(session, vocabulary, reassign)
        else:
            self._change = _Change(vocabulary, reassign)
            self._look(session, engine, self._change)

    def look_again(self) -> None:
        """Finish what is shown after a first look alone, if nothing else runs.

        To be called when the session has changed: an undo may lead back to such a look, or away from
        the words that are being looked for.
        """
        session = self._session()
        if session is None:
            return
        wanted = self._change is not None or session.vocabulary == self._looking
        if self._jobs.running and wanted:
            return
        self._jobs.drop()
        engine: Any = session.engine
        if engine is None or not session.provisional or session.vocabulary == self._left:
            return
        words = self._looking = session.vocabulary
        self._jobs.start(
            engine.segmenter.classify_steps(engine.features, words),
            done=lambda result: self._finish(session, result),
            failed=self._give_up,
            progressed=self._progressed,
            stopped=self._cancelled,
        )

    def _look(self, session: Session, engine: Any, change: _Change) -> None:
        from napari_corrclip.engine import Preview  # torch came with the engine

        words = self._looking = change.vocabulary

        def event(event: Progress | Preview) -> None:
            if not isinstance(event, Preview):
                self._progressed(event)
            elif self._take(session, change, event.result, provisional=True) is not None:
                self._say(f"A first look for {_classes(words)}; a better one follows …")

        def done(result: Segmentation) -> None:
            if self._change is not change:
                self._finish(session, result)
            elif (edited := self._take(session, change, result)) is not None:
                self._say(_labelled(result, edited))

        self._jobs.start(
            engine.relabel_steps(words),
            done=done,
            failed=self._give_up,
            progressed=event,
            stopped=self._cancelled,
        )

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
            return session.set_vocabulary(
                change.vocabulary,
                result=result,
                reassign=change.reassign,
                classify=False,
                provisional=provisional,
            )
        except CorrClipError as error:
            self._jobs.drop()
            self._say(str(error))
            return None
        finally:
            self._show(session)

    def _take_at_once(self, session: Session, words: Vocabulary, reassign: Reassign) -> None:
        """Take words for which no network is asked."""
        known = words.finds_the_same(session.vocabulary)
        edited = self._take(session, _Change(words, reassign), None)
        if edited is None:
            return
        said = f"There are {_classes(words)}." if known else "Press Run to look for these classes."
        self._say(" ".join([said, *edited.notes]))
        self.look_again()

    def _finish(self, session: Session, result: Segmentation) -> None:
        """Take a better look by the words that the session has, if it still has them."""
        if session.vocabulary == result.vocabulary and session.provisional:
            session.refine(result)
            self._say(_labelled(result))

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
        self._show(session)
        return session.provisional


def _classes(vocabulary: Vocabulary) -> str:
    return f"{len(vocabulary)} class{'' if len(vocabulary) == 1 else 'es'}"


def _labelled(result: Segmentation, edited: Edited | None = None) -> str:
    notes = () if edited is None else edited.notes
    return " ".join([f"Labelled by {_classes(result.vocabulary)}.", *notes, *result.notes])
