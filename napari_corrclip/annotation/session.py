"""One image being corrected: prediction, decisions, and everything a person can do to them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_corrclip.annotation import descriptors
from napari_corrclip.annotation.change import Change, Edited, EncodedRef, Plan, Seen, Step, Swap
from napari_corrclip.annotation.edits import merging, painting, predictions, splitting, verdicts
from napari_corrclip.annotation.edits.predictions import Reassign
from napari_corrclip.annotation.edits.splitting import Points
from napari_corrclip.annotation.edits.targets import (
    Pixels,
    Regions,
    region_of,
    regions_of,
    value_of,
)
from napari_corrclip.annotation.edits.verdicts import Which
from napari_corrclip.annotation.encoded import EncodedImage
from napari_corrclip.annotation.encoded_cache import FEATURES, Kept
from napari_corrclip.annotation.files.checking import Damaged, apply_all, check_change
from napari_corrclip.annotation.files.folder import Saved, digest, load_parts, save_parts
from napari_corrclip.annotation.files.packing import pack_state, unpack_state
from napari_corrclip.annotation.files.records import (
    Kind,
    due,
    follow,
    pack_history,
    unpack_history,
)
from napari_corrclip.annotation.history import LIMIT, History
from napari_corrclip.annotation.region import Region, Voting, region_frame
from napari_corrclip.annotation.state import Changed, State, folded
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box
from napari_corrclip.images.source import Source
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pandas as pd

    from napari_corrclip.annotation.journal import Journal, OnDisk
    from napari_corrclip.vocabulary import VocabularyLike

P = ParamSpec("P")
T = TypeVar("T", bound=np.generic)

SESSION = "napari-corrclip session"
"""Where a layer of an open session keeps it in its ``metadata``."""

ENGINES = 2
"""So many encoded images are kept for undo, if the feature cache has room: that of the last run, and of
the one before it."""


@dataclass(frozen=True, eq=False)
class Taken:
    """What the last step that was made on a copy started from and led to, so that it is undone at once.

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
    """

    changes: list[Change] = field(default_factory=list)
    told: list[Changed] = field(default_factory=list)


class Session:
    """An image's prediction, regions and vocabulary, and a person's decisions on them.

    The decisions (verdicts on regions, pinned pixels) are data of their own: ``labels`` is computed
    from prediction + decisions, so another run or vocabulary loses none of them. Every edit is
    checked whole before anything changes, then made, then recorded; a refusal is an ``InputError`` of
    one sentence and leaves the session as it was; so does an undo. A class is given by its name or its
    *label value* (not its index, as a :class:`Vocabulary` takes it), a region by its id.

    Threads may share it. An edit, its place in the history and its record in a journal are one: another
    thread's edit comes before or after, and what is read in between is of one of both states. While a step
    is put together (:meth:`step`), other threads wait. What is to belong together in several calls, or in
    the maps, is read in :meth:`locked`.

    Args:
        result: what was predicted.
        image: (H, W, 3) uint8; for splitting by clicks and for likeness where there is no engine.
        engine: the encoded image, for new vocabularies, SAM's clicks and likeness.
        source: the file that the image came from; the key under which the session is found again.
        history_limit: bytes of memory for undo.

    Raises:
        InputError: the image is of another size, or the result's labels are not those that its pixels
            elect.

    Attributes:
        history: what was done; see :class:`~napari_corrclip.annotation.history.History`.
        notes: what a person is to be told on opening it, a sentence each; of a result its own.

    Signals (psygnal):
        changed: a :class:`~napari_corrclip.annotation.state.Changed` after every edit, undo and redo; after
            a :meth:`step` once.
        recorded: ("do" | "amend" | "undo" | "redo", :class:`~napari_corrclip.annotation.change.Step`).

    They are emitted one after another in the order of the edits, when the edit has been recorded and the
    session is free again: a listener may read it, edit it and wait for other threads. It is called in the
    thread of the edit, or in that of an edit whose signals are just being emitted; an edit by a listener is
    told when all have been told of the one before. What a listener raises reaches whoever edits, and the
    edit is made all the same.
    """

    notes: tuple[str, ...]
    journal_folder: Path | None
    """The folder of the journal that keeps it or kept it last, or that it was restored from."""
    image_digest: str
    """A checksum of the image's pixels; empty without an image."""

    changed = Signal(Changed)
    recorded = Signal(str, object)

    def __init__(
        self,
        result: Segmentation,
        image: NDArray[np.uint8] | None = None,
        *,
        engine: EncodedImage | None = None,
        source: Source | None = None,
        history_limit: int = LIMIT,
    ) -> None:
        self._start(State.of(result), History(history_limit), image, engine, source)
        self.notes = result.notes

    @classmethod
    def _of(
        cls,
        saved: Saved,
        image: NDArray[np.uint8] | None,
        engine: EncodedImage | None,
        source: Source | None,
    ) -> Session:
        """Return the session that a folder held, for what its image is now."""
        told: str | None = None
        if source is not None and saved.source is not None:
            told = saved.source.difference(source)
            if told is not None and source.key != saved.source.key:
                raise InputError(told)
        session = cls.__new__(cls)
        session._start(saved.state, saved.history, image, engine, source or saved.source)
        if told is None and image is not None and saved.image not in ("", session.image_digest):
            told = (
                "The image has other pixels than the one that was corrected; look whether the regions "
                "fit it."
            )
        if image is None:
            session.image_digest = saved.image
        session.notes = () if told is None else (told,)
        return session

    def _start(
        self,
        state: State,
        history: History,
        image: NDArray[np.uint8] | None,
        engine: EncodedImage | None,
        source: Source | None,
    ) -> None:
        if image is not None:
            self._check_image(image, state)
        self.image_digest = "" if image is None else digest(image)
        self._hold(state, history, image, source)
        self.engine = engine

    @staticmethod
    def _check_image(image: NDArray[np.uint8], state: State) -> None:
        if not isinstance(image, np.ndarray):
            raise InputError(
                f"The image is a {type(image).__name__}; give the array that the session is of, for "
                "example of nc.to_rgb(nc.read_image(path))."
            )
        if image.shape != (*state.shape, 3) or image.dtype != np.uint8:
            raise InputError(
                f"The image has shape {image.shape} and type {image.dtype}; the session needs "
                f"{(*state.shape, 3)} of uint8."
            )

    def _hold(
        self,
        state: State,
        history: History,
        image: NDArray[np.uint8] | None,
        source: Source | None,
    ) -> None:
        # Who reads or changes the session holds this, from the plan to the record of an edit.
        self._lock = threading.RLock()
        self._inside = 0
        # What is to be told when nobody edits; one thread at a time does.
        self._untold: deque[Callable[[], object]] = deque()
        self._telling = False
        self._has_told = False  # whether who holds the lock has something told at the end
        self._turn = threading.Lock()
        self._recorders: list[Callable[[Kind, Step], None]] = []
        self._revision = 0
        self._state = state
        self.history = history
        self.image = image
        self._engine = _reference(None)
        self._kept: deque[Kept] = deque(maxlen=ENGINES)
        self.source = source
        self.notes = ()
        self.journal_folder = None
        self._journal: Journal | None = None
        self._on_disk: OnDisk | None = None
        self._group: _Group | None = None
        self._taken: Taken | None = None

    def _copy(self) -> tuple[Session, int]:
        """Return one of its own, and which revision of this one it is; any thread may ask."""
        with self._lock:
            self._check_no_group()
            other = Session.__new__(Session)
            other._hold(self._state.copy(), self.history.copy(), self.image, self.source)
            other.image_digest = self.image_digest
            other._engine, other._kept = self._engine, self._kept.copy()
            return other, self._revision

    def _adopt(
        self,
        other: Session,
        revision: int,
        records: Sequence[tuple[Kind, Step]],
        told: Changed,
        former: State,
    ) -> bool:
        """Become as ``other``, a copy of this one at ``revision``, in which ``records`` were made.

        ``former`` is a copy of the state of this one, for an undo.

        Returns:
            Whether it did: not where something else was done meanwhile.
        """
        with self.locked():
            self._check_no_group()
            if self._revision != revision:
                return False
            self._revision += 1
            self._engine, self._kept = other._engine, other._kept
            self.image, self.image_digest = other.image, other.image_digest
            if records:
                former.share_adjacency(self._state)
                self._state.adopt(other._state)
            for kind, step in records:
                follow(self.history, kind, step)
            if len(records) == 1 and records[0][0] == "do":
                other._state.forget_adjacency()  # it is this one's now, and follows its edits
                self._taken = Taken(records[0][1], former, other._state)
            elif any(kind == "amend" for kind, _ in records):
                self._taken = None
            if records:
                self._record(told, *records)
        return True

    def _snapshot(self) -> Saved:
        """Return what is written to files, a copy; any thread may ask.

        Raises:
            InputError: a step is being put together.
        """
        with self._lock:
            self._check_no_group()
            return Saved(
                self._state.copy(derived=False),
                self.history.copy(),
                self.source,
                self.image_digest,
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """As a saved one, with its image: without the engine, the journal and who listens."""
        copy, _ = self._copy()
        state, history = pack_state(copy._state, {}), pack_history(copy.history)
        rest = (copy.history.limit, copy.image, copy.image_digest, copy.source, self.notes)
        return _unpickled, (type(self), state, history, *rest)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write everything into ``folder``, all of it or nothing: regions, decisions, history.

        The image is not copied; :meth:`load` takes it again.

        Raises:
            InputError: it cannot be written, or a step is being put together.
        """
        save_parts(self._snapshot(), folder)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        image: NDArray[np.uint8] | None = None,
        *,
        engine: EncodedImage | None = None,
        source: Source | None = None,
        history_limit: int = LIMIT,
    ) -> Session:
        """Read what :meth:`save` wrote; the files are taken as untrusted.

        Args:
            folder: where it was saved.
            image: (H, W, 3) uint8, as in the constructor.
            engine: as there.
            source: the image's file as it is now; where it was changed, ``notes`` says so.
            history_limit: as there.

        Raises:
            InputError: something is missing, damaged, of a newer version, or of another image.
        """
        return cls._of(load_parts(folder, history_limit), image, engine, source)

    # -- threads

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let other threads wait: what is read inside belongs together, and nobody edits in between.

        ::

            with session.locked():
                labels, table = session.labels.copy(), session.table

        The signals of edits that are made inside are emitted at the end.
        """
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

    def _tell(self, message: Callable[[], object]) -> None:
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

    # -- what there is

    @property
    def state(self) -> State:
        """Maps, decisions and vocabulary; only edits change them."""
        return self._state

    @property
    def engine(self) -> EncodedImage | None:
        """The encoded image of the run that is shown; ``None`` where there is none, or no longer.

        Undo leads back to the engine of the run before the last one; those of older runs are let go,
        for the sake of memory, and those for which
        :data:`~napari_corrclip.annotation.encoded_cache.FEATURES` has no room. To set it to ``None`` lets go
        of all.
        """
        engine = self._engine()
        if engine is not None:
            FEATURES.use(engine)
        return engine

    @engine.setter
    def engine(self, engine: EncodedImage | None) -> None:
        with self._lock:
            self._revision += 1
            self._engine = _reference(engine)
            if engine is None:
                self._kept.clear()
            else:
                self._kept.append(FEATURES.keep(engine))

    @property
    def run_digest(self) -> str:
        """A checksum of the run that is shown: where its regions lie.

        An encoded image is of a session that was saved and loaded meanwhile, if this stayed the same.
        """
        return digest(self._state.evidence.numbers)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self._state.shape

    @property
    def labels(self) -> NDArray[np.uint16]:
        """(H, W) label values, prediction + decisions; a read-only view that follows the edits."""
        return _view(self._state.labels)

    @property
    def regions(self) -> NDArray[np.int32]:
        """(H, W) region ids, 0 = unsegmented; a read-only view that follows the edits."""
        return _view(self._state.regions)

    @property
    def pins(self) -> NDArray[np.int32]:
        """(H, W) painted label values, -1 = not painted; a read-only view that follows the edits."""
        return _view(self._state.pins)

    @property
    def prediction(self) -> NDArray[np.uint16]:
        """(H, W) label values of the last run before map correction; a read-only view."""
        return _view(self._state.evidence.prediction)

    @property
    def provenance(self) -> Provenance:
        """How the last run came about; empty where that is not known."""
        return self._state.provenance

    @property
    def vocabulary(self) -> Vocabulary:
        """The classes."""
        return self._state.vocabulary

    @property
    def ids(self) -> NDArray[np.int64]:
        """(R,) ids of the regions, ascending."""
        with self._lock:
            return np.array(sorted(self._state.rows), np.int64)

    def region(self, region: int) -> Region:
        """Return the row of a region.

        Raises:
            InputError: it does not exist.
        """
        with self._lock:
            return region_of(self._state, region)

    def find(self, region: int) -> Region | None:
        """Return the row of a region, ``None`` where it does not exist."""
        with self._lock:
            return self._state.rows.get(region)

    def rows(self) -> list[Region]:
        """Return all regions by ascending id."""
        with self._lock:
            return [self._state.rows[one] for one in sorted(self._state.rows)]

    def region_at(self, row: int, column: int) -> int:
        """Return the id of the region at a pixel, 0 where there is none or outside the image."""
        height, width = self.shape
        if not (0 <= row < height and 0 <= column < width):
            return 0
        with self._lock:
            return int(self._state.regions[row, column])

    @property
    def table(self) -> pd.DataFrame:
        """A row a region, by ascending id.

        The columns of :func:`napari_corrclip.maps.table.region_table`, of the prediction; ``state``:
        ``assigned``, ``accepted``, ``ignored`` or ""; and ``label``, ``label_class``: value and name
        of what the region shows, by verdict or else as predicted.
        """
        with self._lock:
            rows, vocabulary = self.rows(), self.vocabulary
        return region_frame(rows, vocabulary)

    def decided_as(self, which: str | int) -> tuple[int, int]:
        """Return how many regions are decided as a class, and how many pixels are painted as it."""
        with self._lock:
            value = value_of(self.vocabulary, which)
            verdicts = self._state.verdicts.values()
            regions = sum(verdict.value == value for verdict in verdicts)
            return regions, int(np.count_nonzero(self._state.pins == value))

    def neighbours(self, region: int) -> Mapping[int, int]:
        """Return the ids that touch a region, each with its length of border in pixel sides."""
        with self._lock:
            return dict(self._state.adjacency.neighbours(self.region(region).id))

    def patch_of(self, region: int) -> list[int]:
        """Return what :meth:`spread` would assign: the connected undecided regions of one prediction."""
        with self._lock:
            return verdicts.patch_of(self._state, region)

    def similar(self, region: int, count: int, *, among: Regions | None = None) -> list[int]:
        """Return the ids of the ``count`` regions most like a region, most alike first.

        Likeness is the cosine of the mean CLIP features under the regions; without an engine of
        colours and class probabilities.

        Args:
            region: the one that is looked at.
            count: how many.
            among: those to choose from; ``None``: all undecided ones.

        Raises:
            InputError: no such region, a count below 1, or neither engine nor image.
        """
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            self.region(region)  # what is wrong with the first argument is told first
            raise InputError(f"{count!r} similar regions cannot be selected; give 1 or more.")
        cells = self._cells()
        with self._lock:
            row = self.region(region)
            if among is None:
                others = [other for other in self.rows() if other.verdict is None]
            else:
                others = regions_of(self._state, among)
            others = [other for other in others if other.id != row.id]
            if not others:
                return []
            vectors = self._describe([row, *others], cells)
        order = np.argsort(-(vectors[1:] @ vectors[0]), kind="stable")[:count]
        return [others[index].id for index in order.tolist()]

    def descriptors(self, rows: list[Region]) -> NDArray[np.float32]:
        """Return (R, D) of unit length, a vector of what each region looks like.

        Raises:
            InputError: the session has neither engine nor image.
        """
        cells = self._cells()
        with self._lock:
            return self._describe(rows, cells)

    def _cells(self) -> NDArray[np.float32] | None:
        """Return the encoded image as a grid, which may take long, so that nobody has to wait for it."""
        engine = self.engine
        return None if engine is None else engine.cells()

    def _describe(
        self, rows: list[Region], cells: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        if cells is not None:
            return descriptors.cell_descriptors(self._state, rows, cells)
        if self.image is None:
            raise InputError(
                "Likeness needs the networks or the image; open the session with either."
            )
        return descriptors.colour_descriptors(self._state, rows, self.image)

    # -- what a person says of regions

    def assign(self, regions: Regions, which: str | int) -> Edited:
        """Give regions a class."""
        return self._make(verdicts.assign, regions, which)

    def accept(self, regions: Regions) -> Edited:
        """Say that what regions show is right; it stays, whatever is predicted later.

        Where the pixels of a region show their own classes (``pixels`` in :meth:`revote`), those that
        differ from its most frequent one are painted.
        """
        return self._make(verdicts.accept, regions)

    def accept_above(self, confidence: float) -> Edited:
        """Accept all undecided regions whose class has a mean probability above ``confidence``."""
        return self._make(verdicts.accept_above, confidence)

    def ignore(self, regions: Regions) -> Edited:
        """Leave regions out: they are unlabelled, whatever is predicted."""
        return self._make(verdicts.ignore, regions)

    def clear(self, regions: Regions) -> Edited:
        """Take the verdicts on regions back."""
        return self._make(verdicts.clear, regions)

    def undecide(self, regions: Regions) -> Edited:
        """Take back all that was decided on regions: verdicts, and what was painted inside them."""
        return self._make(verdicts.undecide, regions)

    def spread(self, region: int, which: str | int) -> Edited:
        """Assign a class to a region and to the whole patch of :meth:`patch_of`."""
        return self._make(verdicts.spread, region, which)

    def revote(
        self, which: Which = "undecided", by: Voting = "majority", *, overrule: bool = False
    ) -> Edited:
        """Let regions elect their class from the last run's pixels; no network runs.

        Args:
            which: ``"undecided"``, ``"all"`` or ids.
            by: ``majority`` of the pixels (eq. 12 of the paper), ``mean`` probability, or ``pixels``:
                each pixel shows its own class.
            overrule: take the verdicts of decided regions back; without it they are refused.
        """
        return self._make(verdicts.revote, which, by, overrule=overrule)

    # -- the shapes of regions

    def merge(self, regions: Regions) -> Edited:
        """Make one region of several; it keeps the lowest id, votes add up.

        Of differing verdicts the largest decided region's wins, and ``notes`` says so.
        """
        return self._make(merging.merge, regions)

    def absorb(self, regions: Regions) -> Edited:
        """Let undecided regions become part of the neighbours with the longest common borders."""
        return self._make(merging.absorb, regions)

    def split(self, region: int) -> Edited:
        """Make a region of each connected part; the largest keeps the id.

        The parts inherit an assigned class, else they vote anew; so it is for every split.
        """
        return self._make(splitting.split, region)

    def split_mask(self, region: int, mask: NDArray[np.bool_]) -> Edited:
        """Give what lies in ``mask``, (H, W) bool, an id of its own."""
        return self._make(splitting.split_mask, region, mask)

    def split_points(self, region: int, keep: Points, cut: Points) -> Edited:
        """Cut the part under the ``cut`` points away from that under the ``keep`` points.

        By SAM's decoder on the encoded image where there is one, else by a watershed on the image.

        Args:
            region: the one to split.
            keep: (row, column) points that stay in it.
            cut: (row, column) points of what gets a new id.
        """
        engine = self.engine
        click = None if engine is None else engine.click
        return self._make(splitting.split_points, region, keep, cut, image=self.image, click=click)

    def split_preview(
        self, region: int, keep: Points, cut: Points
    ) -> tuple[Box, NDArray[np.integer]]:
        """Say how :meth:`split_points` would divide a region, and change nothing.

        Returns:
            The region's box, and (h, w) in it: 1 what stays, 2 what is cut away, 0 outside the region.
        """
        divider = self.divider(region)
        return divider.box, divider.divide(*divider.points(keep, cut))

    def divider(self, region: int) -> splitting.Divider:
        """Return what tells :meth:`split_preview` of one region again and again, in any thread.

        Raises:
            InputError: there is no such region, or it is a single pixel.
        """
        engine = self.engine
        click = None if engine is None else engine.click
        with self._lock:
            return splitting.Divider(self._state, region, image=self.image, click=click)

    def paint_regions(self, pixels: Pixels, region: int | None) -> Edited:
        """Give pixels to a region; ``None``: to a new one; 0: to none.

        Args:
            pixels: (H, W) bool, or rows and columns.
            region: where the stroke began.
        """
        return self._make(painting.paint_regions, pixels, region)

    def paint(self, pixels: Pixels, which: str | int | None) -> Edited:
        """Pin pixels to a class, to 0 (unlabelled), or to nothing (``None``): the pins go.

        Args:
            pixels: (H, W) bool, or rows and columns.
            which: the class.
        """
        return self._make(painting.paint, pixels, which)

    # -- another prediction under the same decisions

    def set_vocabulary(
        self,
        vocabulary: VocabularyLike,
        *,
        result: Segmentation | None = None,
        reassign: Reassign | None = None,
        classify: bool = True,
        provisional: bool = False,
    ) -> Edited:
        """Take another vocabulary; with an engine or a ``result`` the image is labelled by it at once.

        Other names, colours or another order alone ask no network.

        Args:
            vocabulary: the classes from now on. The session's own, changed by its methods, or text,
                names, a file, or a vocabulary made from scratch: then classes of the same name are
                the same classes, and the others are new (:meth:`Vocabulary.matched`).
            result: the image classified by it, where the caller has done that already.
            reassign: what becomes of the decisions of each removed class that has any: another class,
                or ``None`` to take them back.
            classify: whether the engine may be asked; without it an added class has no pixels yet.
            provisional: whether the result is a first look that :meth:`refine` is to follow.

        Raises:
            InputError: a removed class has decisions and ``reassign`` does not name it, the result
                does not belong here, or this is no vocabulary.
        """
        wanted = Vocabulary.coerce(vocabulary)
        while True:
            with self._lock:
                former = self.vocabulary
                words = former.matched(wanted)
                # Looked at first, so that a refusal costs no classification.
                predictions.moved_decisions(self._state, words, reassign or {})
            # The very same words are a wish to look again.
            told = words != former and words.finds_the_same(former)
            engine, found = self.engine, result
            if found is None and classify and engine is not None and not told:
                found = engine.classify(words)  # nobody waits for that
            with self.locked():
                # Else somebody was faster: it is looked again, at what there is now.
                if self.vocabulary is former and self._engine() is engine:
                    plan = predictions.change_vocabulary(self._state, words, found, reassign)
                    # What was predicted at a first look and stays is still that.
                    first = provisional if found is not None else self.provisional
                    return self._perform(plan, first)

    @property
    def provisional(self) -> bool:
        """Whether what is predicted is a first look that a better one was to follow."""
        with self._lock:
            at = self.history.last_prediction
            return at is not None and self.history.done[at].provisional

    def refine(self, result: Segmentation) -> Edited:
        """Take a better classification by the same vocabulary, as part of the step that brought it.

        Undoing that step takes both back at once; what was decided since stays.

        Raises:
            InputError: the result is of another image or vocabulary.
        """
        with self.locked():
            self._check_no_group()
            plan = predictions.change_vocabulary(self._state, self.vocabulary, result)
            change = replace(plan.change, vocabulary=None)
            step = Step(plan.title, (change,))
            touched = self._apply(change)
            self.history.amend(step)
            self._taken = None  # there, the step that brought the prediction is another one
            self._record(touched, ("amend", step))
        return Edited(plan.title, touched.updated, touched.removed)

    def rerun(
        self,
        result: Segmentation,
        *,
        engine: EncodedImage | None = None,
        image: NDArray[np.uint8] | None = None,
    ) -> Edited:
        """Take another run of the same image and vocabulary: other regions, preset or settings.

        Verdicts carry over by their pixels; a new region is decided where at least half of it was.
        Decided pixels that would show something else keep what was decided, as pins; the regions
        with such pixels are the ``conflicts``.

        Args:
            result: the run.
            engine: the image as that run encoded it, the session's from now on; undo brings the former
                one back. ``None``: the session's stays.
            image: (H, W, 3) uint8, what that run saw, as with another contrast; the session's from now
                on, and undone with it. ``None``: what the session has.

        Raises:
            InputError: the result is of another image or another vocabulary.
        """
        kept = None if engine is None else FEATURES.keep(engine)
        with self.locked():
            plan = predictions.rerun(self._state, result)
            if image is not None and image is not self.image:
                self._check_image(image, self._state)
                seen = Seen(digest(image), image)
                if seen.digest != self.image_digest:
                    pixels = Swap(Seen(self.image_digest, self.image), seen)
                    plan = replace(plan, change=replace(plan.change, image=pixels))
            if kept is not None:
                swap = Swap(self._engine, _reference(engine))
                plan = replace(plan, change=replace(plan.change, engine=swap))
                self._kept.append(kept)
            change = plan.change
            if change.empty and not (change.engine is None and change.image is None):
                # It is no step, and goes with the one that is being put together.
                self._revision += 1
                self._see(change)
                if self._group is not None:
                    self._group.changes.append(change)
            return self._perform(plan)

    def reencode(self) -> Edited:
        """Run the networks anew within the session's own regions; slow.

        Raises:
            InputError: the session has no engine.
        """
        while True:
            with self._lock:
                former = self.engine
                regions, words = np.array(self._state.regions), self.vocabulary
            if former is None:
                raise InputError(
                    "The session was opened without networks; open it with an engine to encode."
                )
            result, engine = former.encode(regions, words)  # nobody waits for that
            with self.locked():
                # Else somebody was faster: what there is now is encoded. Decisions carry over.
                if (
                    self.vocabulary is words
                    and self._engine() is former
                    and np.array_equal(self._state.regions, regions)
                ):
                    return self.rerun(result, engine=engine)

    def repeat(self, step: Step) -> Edited:
        """Make a step that was recorded of an equal session, exactly.

        Raises:
            InputError: the session is not as the other one was before the step; nothing changes then.
        """
        made: list[Edited] = []
        try:
            with self.step(step.title):
                for change in step.changes:
                    check_change(self._state, change)
                    made.append(self._perform(Plan(step.title, change)))
        except Damaged as error:
            raise _refused("made", step, error) from None
        with self._lock:
            there = set(self._state.rows)
        removed = {one for edited in made for one in edited.removed} - there
        updated = {one for edited in made for one in edited.updated} & there
        return Edited(step.title, tuple(sorted(updated)), tuple(sorted(removed)))

    # -- history

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self.history.done)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return bool(self.history.undone)

    def undo(self) -> Edited:
        """Take the last step back; does nothing where there is none.

        Raises:
            InputError: a step is being put together, or the step, which was read from a file, cannot be
                taken back; nothing changes then.
        """
        return self._move("undo")

    def redo(self) -> Edited:
        """Make the last undone step again; does nothing where there is none.

        Raises:
            InputError: as of :meth:`undo`.
        """
        return self._move("redo")

    def _move(self, kind: Literal["undo", "redo"]) -> Edited:
        """Lead the state one step back or forth, and then the history: neither where it is refused."""
        with self.locked():
            self._check_no_group()
            steps = self.history.done if kind == "undo" else self.history.undone
            if not steps:
                return Edited("")
            step, applied, taken = steps[-1], due(self.history, kind, None), self._taken
            if taken is not None and taken.step is step:
                told = self._swap(applied, taken.former if kind == "undo" else taken.made)
            else:
                try:
                    # Told as one: a listener finds the session as it is after the last of the changes.
                    told = folded(apply_all(self._state, applied.changes))
                except Damaged as error:
                    raise _refused(f"{kind}ne", step, error) from None
            self._revision += 1
            for change in applied.changes:
                self._see(change)
            follow(self.history, kind, None)
            self._record(told, (kind, step))
        return Edited(applied.title, told.updated, told.removed)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Make all edits inside one step of the history; if one is refused, none is made.

        Other threads wait until it is whole, and what changed is told then.

        Args:
            title: what is done, in words for a person.
        """
        with self.locked():
            self._check_no_group()
            self._group = group = _Group()
            try:
                yield
            except BaseException:
                self._group = None
                for change in reversed(group.changes):
                    self._apply(change.inverse())
                raise
            self._group = None
            step = Step(title, tuple(one for one in group.changes if not one.empty))
            if step.changes:
                self.history.record(step)
                self._record(folded(group.told), ("do", step))

    def _check_no_group(self) -> None:
        if self._group is not None:
            raise InputError("A step is being put together; finish it first.")

    def _make(
        self,
        plan: Callable[Concatenate[State, P], Plan],
        *given: P.args,
        **named: P.kwargs,
    ) -> Edited:
        """Plan an edit and make it; nobody edits in between."""
        with self.locked():
            return self._perform(plan(self._state, *given, **named))

    def _perform(self, plan: Plan, provisional: bool = False) -> Edited:
        """Make a plan and record it, within :meth:`locked`; a plan that changes nothing is no step."""
        if plan.change.empty:
            return Edited(plan.title, notes=plan.notes, conflicts=plan.conflicts)
        touched = self._apply(plan.change)
        if self._group is not None:
            self._group.changes.append(plan.change)
            self._group.told.append(touched)
        else:
            step = Step(plan.title, (plan.change,), provisional)
            self.history.record(step)
            self._record(touched, ("do", step))
        return Edited(plan.title, touched.updated, touched.removed, plan.notes, plan.conflicts)

    def _record(self, told: Changed, *records: tuple[Kind, Step]) -> None:
        """Let the journals write down what was done, and tell it and what it changed.

        It has been done: each journal hears of it, and it is told, if another journal is interrupted too.
        """
        with contextlib.ExitStack() as each:  # the last that is put on it comes first
            each.callback(self._tell, partial(self.changed.emit, told))
            for kind, step in reversed(records):
                each.callback(self._tell, partial(self.recorded.emit, kind, step))
                for write in reversed(self._recorders):
                    each.callback(write, kind, step)

    def _apply(self, change: Change) -> Changed:
        touched = self._state.apply(change)
        self._revision += 1
        self._see(change)
        return touched

    def _see(self, change: Change) -> None:
        """Take the encoded image and the pixels that come with a run."""
        if change.engine is not None:
            self._engine = change.engine.new
        if change.image is not None:
            seen = change.image.new
            self.image_digest = seen.digest
            # After loading those of a former run are not at hand; these have another contrast alone.
            self.image = self.image if seen.pixels is None else seen.pixels

    def _swap(self, step: Step, state: State) -> Changed:
        """Become as ``state``, which is what ``step`` leads to, without counting all of it anew."""
        gone = set(self._state.rows)
        self._state.adopt(state)
        state.forget_adjacency()
        whole = (self._state.full,)
        return Changed(
            whole,
            whole if any("regions" in change.patches for change in step.changes) else (),
            tuple(sorted(self._state.rows)),
            tuple(sorted(gone - set(self._state.rows))),
            any(change.vocabulary is not None for change in step.changes),
        )


def _refused(what: str, step: Step, error: Damaged) -> InputError:
    """Return what is told of a step that came from a file and cannot be."""
    return InputError(
        f"The step {step.title[:100]!r} cannot be {what} ({error}); go on from here, or load the session "
        "from a backup."
    )


def _reference(engine: EncodedImage | None) -> EncodedRef:
    return (lambda: None) if engine is None else weakref.ref(engine)


def _view(array: NDArray[T]) -> NDArray[T]:
    view = array.view()
    view.flags.writeable = False
    return view


def _unpickled(
    kind: type[Session],
    state: bytes,
    history: bytes,
    limit: int,
    image: NDArray[np.uint8] | None,
    digest: str,
    source: Source | None,
    notes: tuple[str, ...],
) -> Session:
    """Return the session that was pickled or copied; a history as large as it was."""
    session, steps = kind.__new__(kind), unpack_history(history, sys.maxsize)
    steps.limit_to(limit)
    session._start(unpack_state(state)[0], steps, image, None, source)
    session.image_digest, session.notes = digest, notes
    return session
