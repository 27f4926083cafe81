"""The timeline of a session: its state, its history and its revision, for any thread."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation.change import Change, Edited, EncodedRef, Plan, Seen, Step, Swap
from napari_corrclip.annotation.encoded import EncodedImage
from napari_corrclip.annotation.encoded_cache import FeatureCache, Kept
from napari_corrclip.annotation.files.checking import Damaged, apply_all
from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.annotation.files.records import Kind, due, follow
from napari_corrclip.annotation.history import History
from napari_corrclip.annotation.state import Changed, State, folded
from napari_corrclip.errors import InputError

ENCODED = 2
"""So many encoded images are kept for undo, if the cache has room: that of the last run, and of the one
before it."""


class Writer(Protocol):
    """The protocol of a journal: it writes a timeline down while it is edited."""

    def append(self, kind: Kind, step: Step) -> None:
        """Write down what was just done, in the lock of the timeline; it raises interrupts alone."""

    def prepare(self, kind: Kind, step: Step) -> None:
        """Write down a large step that is about to be made, in any thread."""


@dataclass(frozen=True, eq=False)
class _Taken:
    """The states around the last step that was made on a copy, so that it is undone at once.

    It is true as long as undo leads back to this very state. A better prediction becomes part of an earlier
    step (:meth:`History.amend`), and from then on it is of a past that never was.

    To apply and count the change of a whole run takes a quarter of a second at 4 megapixels; to copy the
    maps that there were, a tenth of that.

    Attributes:
        step: the step.
        former: the state before it.
        made: the state after it.
    """

    step: Step
    former: State
    made: State


@dataclass(eq=False)
class _Group:
    """A step that is being put together.

    Attributes:
        changes: what was done so far.
        told: what each touched.
        provisional: whether a better look is to follow the last prediction among them.
    """

    changes: list[Change] = field(default_factory=list)
    told: list[Changed] = field(default_factory=list)
    provisional: bool = False


class Timeline:
    """A state with all that led to it, and what it was computed from: image and encoded image.

    Every change is one of three: made, recorded and told together; part of a step that is being put
    together (:meth:`group`); or taken from a copy on which it was made (:meth:`adopt`).

    Threads may share it. A change, its place in the history and its record by a writer are one: another
    thread's comes before or after. Signals are emitted one after another in the order of the changes, when
    the change has been recorded and the timeline is free again.

    Args:
        state: to begin with; it is changed in place.
        history: what led to it.
        image: (H, W, 3) uint8 pixels of the image; ``None`` where they are not at hand.
        cache: where encoded images are kept, up to its limit.

    Attributes:
        state: maps, decisions and vocabulary; only changes made here change them.
        history: what was done and undone.
        revision: a number that is another one after every change.
        edits: likewise, but for another encoded image alone, which is of the same run and on no disk.
        image: as given, or what the last run saw.
        image_digest: a checksum of the image's pixels; empty without an image.
        writers: each is given every record.
        reading: a lock for who only reads; who changes something takes :meth:`locked`.

    Signals (psygnal):
        changed: a :class:`~napari_corrclip.annotation.state.Changed` after every change that shows.
        recorded: ("do" | "amend" | "undo" | "redo", :class:`~napari_corrclip.annotation.change.Step`).
    """

    changed = Signal(Changed)
    recorded = Signal(str, object)

    def __init__(
        self,
        state: State,
        history: History,
        image: NDArray[np.uint8] | None,
        cache: FeatureCache,
        *,
        image_digest: str | None = None,
    ) -> None:
        self.state = state
        self.history = history
        self.revision = self.edits = 0
        self.image = image
        if image_digest is None:
            image_digest = "" if image is None else digest(image)
        self.image_digest = image_digest
        self.cache = cache
        self.writers: list[Writer] = []
        self._encoded = _reference(None)
        self._kept: deque[Kept[EncodedImage]] = deque(maxlen=ENCODED)
        self._group: _Group | None = None
        self._taken: _Taken | None = None
        # Who reads or changes it holds this, from the plan to the record of a change.
        self.reading = self._lock = threading.RLock()
        self._inside = 0
        # What is to be told when nobody edits; one thread at a time does.
        self._untold: deque[Callable[[], object]] = deque()
        self._telling = False
        self._has_told = False  # whether who holds the lock has something told at the end
        self._turn = threading.Lock()

    # -- threads

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let other threads wait; what changes inside is told at the end."""
        self._lock.acquire()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            # Who has only read calls no listener: what is waiting is told by whoever edited.
            tells = self._has_told and not self._inside
            if tells:
                self._has_told = False
            self._lock.release()
            if tells:
                self._tell_all()

    def tell(self, message: Callable[[], object]) -> None:
        """Let ``message`` be called when nobody edits, after those before it; within :meth:`locked`."""
        self._untold.append(message)
        self._has_told = True

    def _tell_all(self) -> None:
        """Tell what is waiting, unless somebody does: a listener that edits, or another thread.

        It is not told in the lock, so that a listener may wait for whom it likes.
        """
        if not self._untold:
            return
        with self._turn:
            if self._telling:
                return
            self._telling = True
        failure: Exception | None = None
        try:
            while True:
                with self._turn:
                    if not self._untold:
                        self._telling = False  # who adds something after this tells it
                        break
                    message = self._untold.popleft()
                try:
                    message()
                except Exception as error:
                    failure = failure or error
        except BaseException:
            self._telling = False
            raise
        if failure is not None:
            raise failure

    def check_no_group(self) -> None:
        """See that no step is being put together.

        Raises:
            InputError: one is.
        """
        if self._group is not None:
            raise InputError("A step is being put together; finish it first.")

    # -- the encoded image

    @property
    def encoded(self) -> EncodedImage | None:
        """The encoded image of the run that is shown; ``None`` where there is none, or no longer."""
        return self._encoded()

    @encoded.setter
    def encoded(self, encoded: EncodedImage | None) -> None:
        with self._lock:
            self.revision += 1
            self._encoded = _reference(encoded)
            if encoded is None:
                self._kept.clear()
            else:
                self._kept.append(self.cache.keep(encoded))

    def use_encoded(self) -> EncodedImage | None:
        """Return :attr:`encoded`, which is the last now that the cache lets go of."""
        encoded = self._encoded()
        if encoded is not None:
            self.cache.use(encoded)
        return encoded

    def with_run(
        self, change: Change, encoded: EncodedImage | None, image: NDArray[np.uint8] | None
    ) -> Change:
        """Return ``change`` with what its run encoded and saw; within :meth:`locked`.

        Args:
            change: another prediction.
            encoded: the image as that run encoded it, kept from now on; ``None``: it stays the same.
            image: what that run saw; ``None``: it stays the same.
        """
        if image is not None and image is not self.image:
            seen = Seen(digest(image), image)
            if seen.digest != self.image_digest:
                former = Seen(self.image_digest, self.image)
                change = replace(change, image=Swap(former, seen))
        if encoded is not None:
            self._kept.append(self.cache.keep(encoded))
            change = replace(change, engine=Swap(self._encoded, _reference(encoded)))
        return change

    # -- do, undo, redo

    def do(self, plan: Plan, *, provisional: bool = False) -> Edited:
        """Make a plan and record it, within :meth:`locked`; a plan that changes nothing is no step.

        Another encoded image or other pixels alone are no step either: there is nothing to see that undo
        could take back.
        """
        change = plan.change
        if change.empty:
            return Edited(plan.title, notes=plan.notes, conflicts=plan.conflicts)
        if not change.shows:
            change = Change(engine=change.engine, image=change.image)  # nothing unrecorded besides
        touched = self._apply(change)
        if self._group is not None:
            self._group.changes.append(change)
            self._group.told.append(touched)
            if change.predicts:
                self._group.provisional = provisional
        elif change.shows:
            step = Step(plan.title, (change,), provisional, plan.of_set)
            self.history.record(step)
            self._record(touched, ("do", step))
        return Edited(
            plan.title, touched.updated, touched.removed, plan.notes, plan.conflicts, change.shows
        )

    def amend(self, title: str, change: Change) -> Edited:
        """Make a better prediction part of the step that brought the last one; within :meth:`locked`."""
        self.check_no_group()
        step = Step(title, (change,))
        touched = self._apply(change)
        self.history.amend(step)
        self._taken = None  # there, the step that brought the prediction is another one
        self._record(touched, ("amend", step))
        return Edited(title, touched.updated, touched.removed, made=True)

    def move(self, kind: Literal["undo", "redo"]) -> Edited:
        """Lead the state one step back or forth, and then the history: neither where it is refused.

        Raises:
            InputError: a step is being put together, or the step, which was read from a file, cannot be.
        """
        with self.locked():
            self.check_no_group()
            steps = self.history.done if kind == "undo" else self.history.undone
            if not steps:
                return Edited("")
            step, applied, taken = steps[-1], due(self.history, kind, None), self._taken
            if taken is not None and taken.step is step:
                told = self._swap(applied, taken.former if kind == "undo" else taken.made)
            else:
                try:
                    # Told as one: a listener finds the session as it is after the last of the changes.
                    told = folded(apply_all(self.state, applied.changes))
                except Damaged as error:
                    raise refused(f"{kind}ne", step, error) from None
            self.revision += 1
            self.edits += 1
            for change in applied.changes:
                self._see(change)
            follow(self.history, kind, None)
            self._record(told, (kind, step))
        return Edited(applied.title, told.updated, told.removed, made=True)

    @contextlib.contextmanager
    def group(self, like: Step) -> Iterator[None]:
        """Make all changes inside one step, which is else like that one; if one is refused, none is made."""
        with self.locked():
            self.check_no_group()
            self._group = group = _Group()
            try:
                yield
            except BaseException:
                self._group = None
                for change in reversed(group.changes):
                    self._apply(change.inverse())
                raise
            self._group = None
            shown = tuple(change for change in group.changes if change.shows)
            step = replace(like, changes=shown, provisional=group.provisional)
            if step.changes:
                self.history.record(step)
                self._record(folded(group.told), ("do", step))

    # -- copies

    def copy(self) -> Timeline:
        """Return one of its own of the same revision, that nobody listens to; any thread may ask.

        Raises:
            InputError: a step is being put together.
        """
        with self._lock:
            self.check_no_group()
            other = Timeline(
                self.state.copy(),
                self.history.copy(),
                self.image,
                self.cache,
                image_digest=self.image_digest,
            )
            other.revision, other.edits = self.revision, self.edits
            other._encoded, other._kept = self._encoded, self._kept.copy()
            return other

    def adopt(
        self,
        other: Timeline,
        revision: int,
        records: Sequence[tuple[Kind, Step]],
        told: Changed,
        former: State,
    ) -> bool:
        """Become as ``other``, a copy of this one at ``revision``, on which ``records`` were made.

        Args:
            other: the copy, which is used no more.
            revision: of this one when it was copied.
            records: what was done on the copy.
            told: what that touched.
            former: a copy of the state of this one, for an undo.

        Returns:
            Whether it did: not where something else was done meanwhile.
        """
        with self.locked():
            self.check_no_group()
            if self.revision != revision:
                return False
            self.revision += 1
            self.edits += other.edits != self.edits
            self._encoded, self._kept = other._encoded, other._kept
            self.image, self.image_digest = other.image, other.image_digest
            if records:
                former.share_adjacency(self.state)
                self.state.adopt(other.state)
            for kind, step in records:
                follow(self.history, kind, step)
            if len(records) == 1 and records[0][0] == "do":
                other.state.forget_adjacency()  # it is this one's now, and follows its edits
                self._taken = _Taken(records[0][1], former, other.state)
            elif any(kind == "amend" for kind, _ in records):
                self._taken = None
            if records:
                self._record(told, *records)
        return True

    def prepare(self, kind: Kind, step: Step) -> None:
        """Have a step that is about to be adopted written down already; any thread may ask."""
        for writer in tuple(self.writers):  # another thread may close one meanwhile
            writer.prepare(kind, step)

    def _record(self, told: Changed, *records: tuple[Kind, Step]) -> None:
        """Let the writers write down what was done, and tell it and what it changed.

        It has been done: each writer hears of it, and it is told, if another writer is interrupted too.
        """
        with contextlib.ExitStack() as each:  # the last that is put on it comes first
            each.callback(self.tell, partial(self.changed.emit, told))
            for kind, step in reversed(records):
                each.callback(self.tell, partial(self.recorded.emit, kind, step))
                for writer in reversed(self.writers):
                    each.callback(writer.append, kind, step)

    def _apply(self, change: Change) -> Changed:
        touched = self.state.apply(change)
        self.revision += 1
        self.edits += 1
        self._see(change)
        return touched

    def _see(self, change: Change) -> None:
        """Take the encoded image and the pixels that come with a run."""
        if change.engine is not None:
            self._encoded = change.engine.new
        if change.image is not None:
            seen = change.image.new
            self.image_digest = seen.digest
            # After loading those of a former run are not at hand; these have another contrast alone.
            self.image = self.image if seen.pixels is None else seen.pixels

    def _swap(self, step: Step, state: State) -> Changed:
        """Become as ``state``, which is what ``step`` leads to, without counting all of it anew."""
        gone = set(self.state.rows)
        self.state.adopt(state)
        state.forget_adjacency()
        whole = (self.state.full,)
        return Changed(
            whole,
            whole if any("regions" in change.patches for change in step.changes) else (),
            tuple(sorted(self.state.rows)),
            tuple(sorted(gone - set(self.state.rows))),
            any(change.vocabulary is not None for change in step.changes),
        )


def refused(what: str, step: Step, error: Damaged) -> InputError:
    """Return what is told of a step that came from a file and cannot be made."""
    return InputError(
        f"The step {step.title[:100]!r} cannot be {what} ({error}); go on from here, or load the session "
        "from a backup."
    )


def _reference(encoded: EncodedImage | None) -> EncodedRef:
    return (lambda: None) if encoded is None else weakref.ref(encoded)
