"""The dock's long work without a widget: it runs, cancels, re-labels, and tells in sentences.

What a run makes is handed on; which session is open the workspace says. One job runs at a time. A new run, a
cancel or the end of the dock makes the former job's results unwanted, and :mod:`.job` drops them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.annotation import Draft, Session
from napari_corrclip.annotation.edits.predictions import Reassign
from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.engine.networks import Networks
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.image.planes import Where
from napari_corrclip.gui.work.choice import REGIONS, SAM, Choice
from napari_corrclip.gui.work.drafting import Drafting
from napari_corrclip.gui.work.encoding import Encoding, too_large_to_keep
from napari_corrclip.gui.work.estimates import ESTIMATES
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.relabelling import Relabelling
from napari_corrclip.gui.work.restoring import PictureLooks
from napari_corrclip.gui.work.said import Kind, Said
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.run import Done, Report
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

if TYPE_CHECKING:
    from napari_corrclip.engine.encoded_image import EncodedImage
    from napari_corrclip.engine.found_regions import RegionsBefore

NEXT = "Press Next region, then the digit of its class."


@dataclass(frozen=True, eq=False)
class Found:
    """An event between progress: the regions are there, before anything is classified."""

    regions: NDArray[np.int32]
    picture: Picture


@dataclass(frozen=True, eq=False)
class _Ran:
    """A run that has ended, and the session that it opens, or a draft of the one that takes it in."""

    result: Segmentation
    engine: EncodedImage
    rerun: Drafting[tuple[str, ...]]
    made: Session | Draft[tuple[str, ...]]

    @property
    def session(self) -> Session:
        """The new one, or the one that the draft is of."""
        return self.made if isinstance(self.made, Session) else self.made.of


class Controller:
    """The runner of what a person asks for.

    Args:
        workspace: has the session that is open.

    Attributes:
        networks: that are loaded; a run over a project shares them.
        encoding: encodes the image of a session that was opened without networks.

    Signals (psygnal):
        status: a sentence for the person.
        busy: whether a job runs.
        progressed: a :class:`Progress`.
        regions_found: (H, W) int32 and the picture, while a run goes on.
        previewed: the :class:`RegionsBefore` that were asked for by themselves, and their picture.
        made: a new :class:`Session` with its :class:`Picture`.
        words_given_up: words that were asked for will not be the session's.
        sliced: a plane of a stack is done: its new session, its picture, and why the session could not be
            written, or ``None``.
        unloading: the networks go; whoever keeps an image that they encoded lets go of it.
    """

    status = Signal(object)
    busy = Signal(bool)
    progressed = Signal(Progress)
    regions_found = Signal(object, object)
    previewed = Signal(object, object)
    made = Signal(object, object)
    words_given_up = Signal()
    sliced = Signal(object, object, object)
    unloading = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._jobs = Jobs()
        self._jobs.busy.connect(self.busy.emit)
        self.networks = Networks()
        self.encoding = Encoding(
            self._jobs,
            workspace,
            self.networks,
            say=self.status.emit,
            progressed=self._event,
            failed=self._failed,
        )
        self._before: RegionsBefore | None = None
        self._chosen: Choice | None = None
        self._words = Relabelling(
            self._jobs,
            workspace,
            self.encoding,
            say=self.status.emit,
            given_up=self.words_given_up.emit,
            progressed=self._event,
            failed=self._failed,
            stopped=self._stopped,
        )
        workspace.leaving.connect(self._give_words_up)
        workspace.opened.connect(self._give_words_up)

    @property
    def running(self) -> bool:
        """Whether a job runs."""
        return self._jobs.running

    @property
    def segmenting(self) -> bool:
        """Whether the job that runs is a whole run, and not a change of words."""
        return self._jobs.segmenting

    def run(
        self,
        picture: Picture,
        vocabulary: Vocabulary,
        choice: Choice,
        reassign: Reassign | None = None,
    ) -> None:
        """Segment ``picture`` in a thread and open a session on it.

        Where a session on the same picture is open, the run goes into it: what was decided stays, and
        ``reassign`` says what becomes of the decisions of classes that go.
        """
        self._jobs.drop()
        self._words.forget()
        self.encoding.forget()  # the run brings an encoded image of its own
        began = perf_counter()

        def done(ran: _Ran) -> None:
            result, engine, made = ran.result, ran.engine, ran.made
            self._before = None  # the run has them, or found others
            notes = list(result.notes)
            session, taken = self._open_on(picture), None
            if isinstance(made, Draft) and made.of is session:
                taken = ran.rerun.take(made)
            if taken is not None:
                notes += taken.made
            elif session is not None or isinstance(made, Draft):
                again = self._made_steps(picture, result, engine, ran.rerun)
                self._start(again, done, segmenting=True)
                return
            cache = ran.session.timeline.cache
            if engine not in cache:
                notes.append(too_large_to_keep(engine.nbytes, cache))
            found = (
                f"{_said(picture)}{count(len(result.table), 'region')} in "
                f"{perf_counter() - began:.1f} s."
            )
            self.status.emit(Said(" ".join([found, *notes, NEXT]), Kind.DONE))
            if isinstance(made, Session):
                # After that sentence: what goes wrong with opening it is to be read.
                self.made.emit(made, picture)

        self._choose(choice)
        steps = self._run_steps(picture, vocabulary, choice, reassign or {})
        self._start(steps, done, segmenting=True)
        self.status.emit(f"Segmenting {picture.title} …")

    def find_regions(self, picture: Picture, choice: Choice) -> None:
        """Find the regions of ``picture`` in a thread, and nothing else.

        No session is touched, and neither CLIP nor the similarity tower is loaded. The next run by the
        same recipe of regions on the same pixels takes them.
        """

        def done(before: RegionsBefore) -> None:
            self._before = before
            self.previewed.emit(before, picture)

        self._chosen = choice
        self._start(self._find_steps(picture, choice.recipe), done)
        self.status.emit(f"Finding the regions of {picture.title} …")

    def _give_words_up(self, _: object) -> None:
        """Another session is open, or none; a run goes on while the slider moves."""
        self._jobs.drop(self._words)
        self._words.forget()

    def _open_on(self, picture: Picture) -> Session | None:
        return self._workspace.session if self._workspace.is_open(picture) else None

    def run_stack(
        self,
        pictures: Sequence[Picture],
        vocabulary: Vocabulary,
        choice: Choice,
        have: Collection[Where] = (),
    ) -> None:
        """Segment planes in a thread, one after another; see :mod:`napari_corrclip.project.stack`.

        Args:
            pictures: the planes.
            vocabulary: the classes.
            choice: the networks.
            have: planes that have a session in memory, and are skipped.
        """
        count, finished = len(pictures), [0]
        notes: dict[str, list[Where]] = {}  # what each says, and of which planes

        def sliced(event: Done[Where, Session]) -> None:
            finished[0] += 1
            for note in event.result.notes:
                notes.setdefault(note, []).append(event.key)
            picture = next(candidate for candidate in pictures if candidate.where == event.key)
            self.status.emit(
                " ".join(
                    [
                        f"{_said(picture)}done. Cancel keeps what is done; Run goes on from there.",
                        *([str(event.problem)] if event.problem else []),
                    ]
                )
            )
            self.sliced.emit(event.result, picture, event.problem and str(event.problem))

        def done(run: Report[Where]) -> None:
            parts = [f"{len(run.done)} of {count} planes segmented."]
            if run.skipped:
                parts.append(
                    f"{len(run.skipped)} had a session already and are as they were, words too."
                )
            if run.failed:
                where, why = run.failed[0]
                parts.append(f"{len(run.failed)} failed, the first at {_place(where)}: {why}")
            for note, planes in notes.items():
                some = len(planes) < len(run.done)
                parts.append(f"Of plane {_place(planes[0])}: {note}" if some else note)
            kind = Kind.WARNING if run.failed or notes else Kind.DONE
            self.status.emit(Said(" ".join([*parts, "Move the slider to correct each."]), kind))

        def stopped() -> None:
            self.status.emit(
                f"Cancelled; {finished[0]} planes were segmented and are kept. Resume with Run."
            )

        def event(found: Any) -> None:
            if isinstance(found, Done):
                sliced(found)
            elif isinstance(found, Progress):
                self._event(found)

        self._choose(choice)
        self._start(
            self._stack_steps(pictures, vocabulary, choice, have),
            done,
            stopped=stopped,
            progressed=event,
            segmenting=True,
        )
        self.status.emit(f"Segmenting {count} planes of {pictures[0].name!r} …")

    # -- other words

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The classes that the session has, or is about to have; ``None`` without a session."""
        return self._words.vocabulary

    @property
    def answers(self) -> Reassign:
        """What was said of the decisions of classes that are about to go."""
        return self._words.answers

    def set_vocabulary(self, vocabulary: Vocabulary, reassign: Reassign | None = None) -> None:
        """Label the session's image by other classes; see :meth:`.Relabelling.begin`."""
        self._words.begin(vocabulary, reassign or {})

    def look_again(self) -> None:
        """Tell that the session has changed, or that nothing runs any more.

        See :meth:`.Relabelling.look_again` and :meth:`.Encoding.resume`.
        """
        self._words.look_again()
        self.encoding.resume()

    def work(
        self,
        steps: Steps[Any],
        done: Callable[[Any], object],
        what: str = "The reading of the corrections",
    ) -> None:
        """Do other long work, in place of what runs.

        Args:
            steps: the work.
            done: gets what it returns.
            what: the work in words, "The export", to be told where something else takes its place.
        """

        def dropped() -> None:
            self.status.emit(
                Said(f"{what} was stopped by what came after it; do it again.", Kind.WARNING)
            )

        self._start(steps, done, dropped=dropped)

    def cancel(self) -> None:
        """Stop what runs; what there was before stays."""
        if self._jobs.running:
            self._jobs.cancel()
            self.status.emit("Stopping …")

    def unload(self) -> None:
        """Let go of the networks and of the encoded image, and of the memory they take."""
        if self.running or self.networks.is_at_work:
            self.status.emit("The networks are at work; cancel the run before they are unloaded.")
            return
        self.let_go()
        self.status.emit("The networks are unloaded; the next run loads them again.")

    def let_go(self) -> None:
        """Let go of the networks, and tell nobody but those who keep what they encoded."""
        self.networks.let_go()
        self._before = None
        if self._workspace.session is not None:
            self._workspace.session.engine = None
        self.unloading.emit()
        if "torch" in sys.modules:
            from napari_corrclip.devices import free_memory

            free_memory()

    def close(self) -> None:
        """Abandon what runs: nobody listens any more."""
        self._jobs.drop()

    def fall_silent(self) -> None:
        """Tell nobody anything more: whoever listened is being deleted."""
        for signal in (
            self.status, self.busy, self.progressed, self.regions_found,
            self.previewed, self.made, self.words_given_up, self.sliced, self.unloading,
        ):  # fmt: skip
            signal.disconnect()

    # -- jobs

    def _choose(self, choice: Choice) -> None:
        """Take note of what is to run; other networks than the loaded ones go first.

        Two sets of networks may not fit at once, and one that planes of a stack hold stays.
        """
        self._chosen = choice
        loaded = self.networks.loaded
        if loaded is not None and not loaded[0].same_towers(choice.recipe):
            self.unloading.emit()

    def _start(
        self,
        steps: Generator[Any, None, Any],
        done: Callable[[Any], object],
        *,
        stopped: Callable[[], object] | None = None,
        progressed: Callable[[Any], object] | None = None,
        dropped: Callable[[], object] = lambda: None,
        segmenting: bool = False,
    ) -> None:
        self._jobs.start(
            steps,
            done=done,
            failed=self._failed,
            progressed=progressed or self._event,
            stopped=stopped or self._stopped,
            dropped=dropped,
            segmenting=segmenting,
        )

    def _event(self, event: Progress | Found) -> None:
        if isinstance(event, Found):
            self.regions_found.emit(event.regions, event.picture)
        else:
            self.progressed.emit(event)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, CorrClipError) and not isinstance(error, MemoryError):
            self.status.emit(error)
            return
        text = " ".join(str(error).split())[:300]
        if "out of memory" in text or isinstance(error, MemoryError):
            # The frames of the error hold what filled the memory.
            error.__traceback__ = error.__context__ = error.__cause__ = None
            self.let_go()
            self.status.emit(Said(self._too_large(), Kind.WARNING))
        else:
            sentence = f"The run failed ({type(error).__name__}: {text}); please report it."
            self.status.emit(Said(sentence, Kind.WARNING))

    def _too_large(self) -> str:
        """Say what to lower, with the values of the run that did not fit."""
        choice = self._chosen
        if choice is None:
            return "The device has not enough memory; choose a smaller detail or the CPU."
        recipe = choice.recipe
        device = "The computer" if recipe.device == "cpu" else f"The device ({recipe.device})"
        lower = []
        if recipe.detail != "standard":
            lower.append(f"the detail ({recipe.detail})")
        if recipe.settings.window > 224:
            lower.append(f"the window ({recipe.settings.window})")
        if recipe.regions == SAM and choice.regions != next(iter(REGIONS)):
            lower.append(f"the points ({choice.regions})")
        if not lower:
            lower.append("the size of the image, by its 'Run on'")
        other = "" if recipe.device == "cpu" else ", or choose the CPU"
        return (
            f"{device} has not enough memory; lower {' or '.join(lower)}{other}. The networks were "
            "unloaded."
        )

    def _stopped(self) -> None:
        self.status.emit("Cancelled; nothing was changed.")

    # -- the work itself, in the thread

    def _run_steps(
        self, picture: Picture, vocabulary: Vocabulary, choice: Choice, reassign: Reassign
    ) -> Generator[Progress | Found, None, _Ran]:
        yield Progress("load the libraries", 0, 1)
        prepare_imports()
        from napari_corrclip.engine.encoded_image import run_steps
        from napari_corrclip.regions.given import FoundRegions
        from napari_corrclip.regions.protocol import partition

        yield Progress("read the image", 0, 1)
        picture.rgb  # noqa: B018
        before = self._before
        sam = None if before is None else before.sam_for(choice.recipe)
        segmenter = yield from self.networks.load_steps(choice.recipe, sam)
        segmenter.check_prompts(vocabulary)
        began = perf_counter()
        source = choice.source or segmenter.regions
        taken = before is not None and before.key == _regions_key(choice.recipe, picture)
        if before is not None and taken:
            parted, seconds = before.found, before.seconds
            began -= seconds
        else:
            parted = yield from partition(source, picture.rgb)
            seconds = perf_counter() - began
        yield Found(parted.regions, picture)
        found = FoundRegions(parted, source)
        result, engine = yield from run_steps(segmenter, picture.pixels, vocabulary, found)
        result = result.stretched(picture.stretch)
        rerun = Drafting(_rerun(result, engine, reassign, picture.rgb))
        ran = yield from self._made_steps(picture, result, engine, rerun)
        encode, whole = result.provenance.seconds["encode"], perf_counter() - began
        ESTIMATES.note(choice, picture.shape, seconds, encode, whole)
        return ran

    def _find_steps(self, picture: Picture, recipe: Recipe) -> Steps[RegionsBefore]:
        yield Progress("load the libraries", 0, 1)
        prepare_imports()
        from napari_corrclip.engine.found_regions import find_regions_steps

        yield Progress("read the image", 0, 1)
        key = _regions_key(recipe, picture)
        before, loaded = self._before, self.networks.loaded
        if before is not None and before.key == key:
            return before
        sam = None if before is None else before.sam_for(recipe)
        if sam is None and loaded is not None:
            sam = loaded[1].sam_for(recipe)
        return (yield from find_regions_steps(recipe, picture.rgb, key, sam))

    def _made_steps(
        self,
        picture: Picture,
        result: Segmentation,
        engine: EncodedImage,
        rerun: Drafting[tuple[str, ...]],
    ) -> Steps[_Ran]:
        """Make a session of a run, or take it into the one that is open on the same picture."""
        yield Progress("count the regions", 0, 1)
        session = self._open_on(picture)
        if session is not None:
            return _Ran(result, engine, rerun, rerun.draft(session))
        session = Session(result, picture.rgb, engine=engine, source=picture.source)
        session.state.adjacency  # noqa: B018  # which the first key would have to wait for
        return _Ran(result, engine, rerun, session)

    def _stack_steps(
        self,
        pictures: Sequence[Picture],
        vocabulary: Vocabulary,
        choice: Choice,
        have: Collection[Where],
    ) -> Generator[Any, None, Report[Where]]:
        yield Progress("load the libraries", 0, 1)
        prepare_imports()
        from napari_corrclip.project.stack import Slice, stack_steps

        segmenter = yield from self.networks.load_steps(choice.recipe)
        slices = [
            Slice(
                picture.where,
                picture.read,
                picture.source,
                partial(getattr, picture, "stretch"),
                partial(PictureLooks, picture),
                picture.stack,
            )
            for picture in pictures
        ]
        return (yield from stack_steps(segmenter, slices, vocabulary, have=have))


def _regions_key(recipe: Recipe, picture: Picture) -> str:
    return recipe.regions_key(digest(picture.rgb))


def _rerun(
    result: Segmentation, engine: EncodedImage, reassign: Reassign, image: NDArray[np.uint8]
) -> Callable[[Session], tuple[str, ...]]:
    """Return what takes a run into a session, as one step that can be undone, and returns notes."""

    def edit(session: Session) -> tuple[str, ...]:
        words, notes = result.vocabulary, list[str]()
        answers = dict(reassign)
        for entry in session.vocabulary:
            # Decided while the run went on, as a class that it does not know; nobody could be asked.
            gone = entry.value not in words.values and entry.value not in answers
            if gone and any(session.decided_as(entry.value)):
                answers[entry.value] = None
                notes.append(
                    f"What was decided as {entry.name!r} was taken back; undo brings it again."
                )
        with session.step("Run again"):
            if session.vocabulary != words:
                session.set_vocabulary(words, reassign=answers, classify=False)
            edited = session.rerun(result, engine=engine, image=image)
        return *notes, *edited.notes

    return edit


def _said(picture: Picture) -> str:
    """Say which plane and part was taken, before a sentence."""
    return f"{picture.plane[:1].upper()}{picture.plane[1:]}: " if picture.plane else ""


def _place(where: Where) -> str:
    return ", ".join(str(index) for index in where)
