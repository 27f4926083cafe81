"""What the dock does, without a widget: runs, cancels, re-labels, and tells in sentences.

The dock calls methods and listens to the signals; it decides nothing. One job runs at a time. A new run,
a cancel or the end of the dock makes the former job's results unwanted, and :mod:`.worker` drops them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import Session
from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.libraries import prepare_imports
from napari_corrclip.gui.picture import Picture
from napari_corrclip.gui.worker import Job
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.vocabulary import Vocabulary

DETAILS = ("standard", "fine", "native")
REGIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "SAM fast (8 × 8)": ("sam", {"points_per_side": 8}),
    "SAM normal (16 × 16)": ("sam", {"points_per_side": 16}),
    "SAM fine (32 × 32)": ("sam", {"points_per_side": 32}),
    "superpixels": ("superpixels", {}),
}
"""The sources of regions by the words of the dock, with their options."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which networks, where, how fine.

    Attributes:
        preset: its name.
        device: ``auto``, ``cpu``, ``cuda``, …
        detail: one of :data:`DETAILS`.
        regions: one of :data:`REGIONS`.
    """

    preset: str = "demo"
    device: str = "auto"
    detail: str = "standard"
    regions: str = next(iter(REGIONS))


@dataclass(frozen=True, eq=False)
class Found:
    """An event between progress: the regions are there, before anything is classified."""

    regions: NDArray[np.int32]
    picture: Picture


class _JobFactory(Protocol):
    def __call__(
        self,
        steps: Generator[Any, None, Any],
        *,
        done: Callable[[Any], object],
        failed: Callable[[Exception], object],
        progressed: Callable[[Any], object],
        stopped: Callable[[], object],
    ) -> Job[Any]: ...


class Controller:
    """Runs what a person asks for.

    Args:
        job: makes the jobs; another one than :class:`Job` for tests.

    Attributes:
        session: what is corrected; ``None`` before the first run.
        picture: what it is of.

    Signals (psygnal):
        status: a sentence for the person.
        busy: whether a job runs.
        progressed: a :class:`Progress`.
        regions_found: (H, W) int32 and the picture, while a run goes on.
        opened: a new :class:`Session` with its :class:`Picture`.
        relabelled: the session has another vocabulary.
    """

    status = Signal(str)
    busy = Signal(bool)
    progressed = Signal(Progress)
    regions_found = Signal(object, object)
    opened = Signal(object, object)
    relabelled = Signal(object)

    def __init__(self, job: _JobFactory = Job) -> None:
        self._make_job = job
        self._job: Job[Any] | None = None
        self._loaded: tuple[Choice, Any] | None = None
        self.session: Session | None = None
        self.picture: Picture | None = None

    @property
    def running(self) -> bool:
        """Whether a job runs."""
        return self._job is not None

    def run(self, picture: Picture, vocabulary: Vocabulary, choice: Choice) -> None:
        """Segment ``picture`` in a thread and open a session on it."""
        self._drop()
        began = perf_counter()

        def done(session: Session) -> None:
            self._end()
            self.session, self.picture = session, picture
            self.opened.emit(session, picture)
            left = len(session.ids)
            self.status.emit(
                f"{left} region{'' if left == 1 else 's'} in {perf_counter() - began:.1f} s. "
                + " ".join(
                    [*session.notes, "Paint on the layers to correct them, or type more classes."]
                )
            )

        self._start(self._run_steps(picture, vocabulary, choice), done)
        self.status.emit(f"Segmenting {picture.name!r} …")

    def set_vocabulary(
        self,
        vocabulary: Vocabulary,
        reassign: Mapping[str | int, str | int | None] | None = None,
    ) -> None:
        """Label the session's image by other classes, in a thread: no image tower runs."""
        session = self.session
        if session is None:
            return
        self._drop()

        def done(result: Any) -> None:
            self._end()
            try:
                session.set_vocabulary(vocabulary, result=result, reassign=reassign)
            except CorrClipError as error:
                self.status.emit(str(error))
            else:
                self.status.emit(f"Labelled by {len(vocabulary)} classes.")
            self.relabelled.emit(session)

        engine: Any = session.engine
        self._start(
            engine.segmenter.classify_steps(engine.features, vocabulary)
            if engine is not None
            else _nothing(),
            done,
        )

    def cancel(self) -> None:
        """Stop what runs; what there was before stays."""
        if self._job is not None:
            self._job.cancel()
            self.status.emit("Stopping …")

    def unload(self) -> None:
        """Let go of the networks, and of the memory they take."""
        self._loaded = None
        self.status.emit("The networks are unloaded; the next run loads them again.")

    def close(self) -> None:
        """Abandon what runs: nobody listens any more."""
        self._drop()

    # -- jobs

    def _start(self, steps: Generator[Any, None, Any], done: Callable[[Any], object]) -> None:
        self._job = self._make_job(
            steps,
            done=done,
            failed=self._failed,
            progressed=self._event,
            stopped=self._stopped,
        )
        self.busy.emit(True)
        self._job.start()

    def _drop(self) -> None:
        if self._job is not None:
            self._job.abandon()
            self._end()

    def _end(self) -> None:
        self._job = None
        self.busy.emit(False)

    def _event(self, event: Progress | Found) -> None:
        if isinstance(event, Found):
            self.regions_found.emit(event.regions, event.picture)
        else:
            self.progressed.emit(event)

    def _failed(self, error: Exception) -> None:
        self._end()
        if isinstance(error, CorrClipError):
            self.status.emit(str(error))
            return
        text = " ".join(str(error).split())[:300]
        if "out of memory" in text or isinstance(error, MemoryError):
            self._loaded = None
            self.status.emit(
                "The device has not enough memory; choose a smaller detail, fewer points or the CPU."
            )
        else:
            self.status.emit(f"The run failed ({type(error).__name__}: {text}); please report it.")

    def _stopped(self) -> None:
        self._end()
        self.status.emit("Cancelled; nothing was changed.")

    # -- the work itself, in the thread

    def _run_steps(
        self, picture: Picture, vocabulary: Vocabulary, choice: Choice
    ) -> Generator[Progress | Found, None, Session]:
        yield Progress("load the libraries", 0, 1)
        prepare_imports()
        from napari_corrclip.engine import annotate_steps
        from napari_corrclip.regions.given import FoundRegions

        yield Progress("load the networks", 0, 1)
        segmenter = self._segmenter(choice)
        segmenter.check_prompts(vocabulary)
        regions = yield from segmenter.regions.segment(picture.rgb)
        yield Found(regions, picture)
        session = yield from annotate_steps(
            segmenter,
            picture.rgb,
            vocabulary,
            regions=FoundRegions(regions, segmenter.regions),
            source=picture.source,
        )
        return session

    def _segmenter(self, choice: Choice) -> Any:
        from napari_corrclip.segmenter import Segmenter

        if self._loaded is not None and self._loaded[0] == choice:
            return self._loaded[1]
        kind, options = REGIONS[choice.regions]
        segmenter = Segmenter.from_preset(
            choice.preset,
            device=choice.device,
            detail=choice.detail,  # type: ignore[arg-type]
            regions=kind,
            region_options=options,
        )
        self._loaded = replace(choice), segmenter
        return segmenter


def _nothing() -> Steps[None]:
    yield Progress("classify", 0, 1)
    return None
