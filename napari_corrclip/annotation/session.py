"""One image being corrected: prediction, decisions, and everything a person can do to them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from psygnal import SignalInstance

from napari_corrclip.annotation import descriptors
from napari_corrclip.annotation.change import Edited, Plan, Step
from napari_corrclip.annotation.edits import (
    class_merging,
    merging,
    painting,
    predictions,
    splitting,
    verdicts,
)
from napari_corrclip.annotation.edits import (
    labels as taken,
)
from napari_corrclip.annotation.edits.predictions import Reassign
from napari_corrclip.annotation.edits.splitting import Points
from napari_corrclip.annotation.edits.targets import (
    Pixels,
    Regions,
    region_of,
    regions_of,
)
from napari_corrclip.annotation.edits.verdicts import Which
from napari_corrclip.annotation.encoded import EncodedImage
from napari_corrclip.annotation.encoded_cache import FeatureCache
from napari_corrclip.annotation.evidence import Taught
from napari_corrclip.annotation.files.checking import Damaged, check_change
from napari_corrclip.annotation.files.folder import Saved, digest, load_parts, save_parts
from napari_corrclip.annotation.files.packing import pack_state, unpack_state
from napari_corrclip.annotation.files.records import OnDisk, pack_history, unpack_history
from napari_corrclip.annotation.history import LIMIT, History
from napari_corrclip.annotation.learning import Learning, show
from napari_corrclip.annotation.region import Region, Verdict, Voting, region_frame
from napari_corrclip.annotation.state import State
from napari_corrclip.annotation.timeline import Timeline, refused
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box
from napari_corrclip.images.source import Source
from napari_corrclip.learning import Lesson, Sitting
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.vocabulary import ClassLike, Vocabulary
from napari_corrclip.vocabulary.palette import Color
from napari_corrclip.wording.amounts import count

if TYPE_CHECKING:
    import pandas as pd

    from napari_corrclip.vocabulary import VocabularyLike

P = ParamSpec("P")
T = TypeVar("T", bound=np.generic)

SESSION = "napari-corrclip session"
"""Where a layer of an open session keeps it in its ``metadata``."""


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
        cache: where encoded images are kept, up to its limit; ``None``: that of this process.

    Raises:
        InputError: the image is of another size, or the result's labels are not those that its pixels
            elect.

    Attributes:
        timeline: the state, its history and revision; what a journal and a draft go by.
        source: as given.
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

    timeline: Timeline
    source: Source | None
    notes: tuple[str, ...]
    journal_folder: Path | None
    """The folder of the journal that keeps it or kept it last, or that it was restored from."""
    on_disk: OnDisk | None
    """Where that journal ended when it said all of the session, if it is closed."""
    beside: Callable[[Vocabulary, Vocabulary], Vocabulary] | None
    """Given the classes and what they are changed to, returns the latter with values that mean nothing else
    in the set of images that it is of; ``None``: it is of an image alone, or its caller sees to that."""

    def __init__(
        self,
        result: Segmentation,
        image: NDArray[np.uint8] | None = None,
        *,
        engine: EncodedImage | None = None,
        source: Source | None = None,
        history_limit: int = LIMIT,
        cache: FeatureCache | None = None,
    ) -> None:
        self._begin(State.of(result), History(history_limit), image, engine, cache)
        self.source = source
        self.notes = result.notes

    @classmethod
    def of(
        cls,
        saved: Saved,
        image: NDArray[np.uint8] | None = None,
        *,
        engine: EncodedImage | None = None,
        source: Source | None = None,
        cache: FeatureCache | None = None,
    ) -> Session:
        """Return the session that a folder held, for what its image is now.

        Args:
            saved: what the folder held; it is the session's from now on.
            image: as in the constructor.
            engine: as there.
            source: the image's file as it is now; where it was changed, ``notes`` says so.
            cache: as in the constructor.

        Raises:
            InputError: it is of another image.
        """
        told: str | None = None
        if source is not None and saved.source is not None:
            told = saved.source.difference(source)
            if told is not None and source.key != saved.source.key:
                raise InputError(told)
        session = cls.__new__(cls)
        session._begin(saved.state, saved.history, image, engine, cache)
        session.source = source or saved.source
        timeline = session.timeline
        if image is not None and saved.image == timeline.image_digest:
            told = None  # whatever else was written into the file
        elif told is None and image is not None and saved.image not in ("", timeline.image_digest):
            told = (
                "The image has other pixels than the one that was corrected; look whether the regions "
                "fit it."
            )
        if image is None:
            timeline.image_digest = saved.image
        session.notes = () if told is None else (told,)
        return session

    def _begin(
        self,
        state: State,
        history: History,
        image: NDArray[np.uint8] | None,
        engine: EncodedImage | None,
        cache: FeatureCache | None,
    ) -> None:
        if image is not None:
            self._check_image(image, state)
        if cache is None:
            cache = FeatureCache.of_process()
        self._hold(Timeline(state, history, image, cache))
        self.timeline.encoded = engine

    def _hold(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.source = None
        self.notes = ()
        self.journal_folder = None
        self.on_disk = None
        self.beside = None

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

    def copy(self) -> Session:
        """Return one of its own of the same revision; any thread may ask.

        It has the same image and encoded image; nobody listens to it, and no journal keeps it.

        Raises:
            InputError: a step is being put together.
        """
        other = Session.__new__(Session)
        other._hold(self.timeline.copy())
        other.source = self.source
        return other

    def parts(self) -> Saved:
        """Return what is written to files, a copy; any thread may ask.

        Raises:
            InputError: a step is being put together.
        """
        timeline = self.timeline
        with timeline.reading:
            timeline.check_no_group()
            return Saved(
                timeline.state.copy(derived=False),
                timeline.history.copy(),
                self.source,
                timeline.image_digest,
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """As a saved one, with its image: without the engine, the journal and who listens."""
        copy = self.copy()
        state, history = pack_state(copy.state, {}), pack_history(copy.history)
        rest = (copy.history.limit, copy.image, copy.image_digest, copy.source, self.notes)
        return _unpickled, (type(self), state, history, *rest)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write everything into ``folder``, all of it or nothing: regions, decisions, history.

        The image is not copied; :meth:`load` takes it again.

        Raises:
            InputError: it cannot be written, or a step is being put together.
        """
        save_parts(self.parts(), folder)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        image: NDArray[np.uint8] | None = None,
        *,
        engine: EncodedImage | None = None,
        source: Source | None = None,
        history_limit: int = LIMIT,
        cache: FeatureCache | None = None,
    ) -> Session:
        """Read what :meth:`save` wrote; the files are taken as untrusted.

        Args:
            folder: where it was saved.
            image: (H, W, 3) uint8, as in the constructor.
            engine: as there.
            source: the image's file as it is now; where it was changed, ``notes`` says so.
            history_limit: as there.
            cache: as there.

        Raises:
            InputError: something is missing, damaged, of a newer version, or of another image.
        """
        saved = load_parts(folder, history_limit)
        return cls.of(saved, image, engine=engine, source=source, cache=cache)

    # -- threads

    def locked(self) -> AbstractContextManager[None]:
        """Let other threads wait: what is read inside belongs together, and nobody edits in between.

        ::

            with session.locked():
                labels, table = session.labels.copy(), session.table

        The signals of edits that are made inside are emitted at the end.
        """
        return self.timeline.locked()

    @property
    def changed(self) -> SignalInstance:
        """The signal of every edit, undo and redo, with what it touched."""
        return self.timeline.changed

    @property
    def recorded(self) -> SignalInstance:
        """The signal of every record of the history: its kind and its step."""
        return self.timeline.recorded

    # -- what there is

    @property
    def state(self) -> State:
        """Maps, decisions and vocabulary; only edits change them."""
        return self.timeline.state

    @property
    def history(self) -> History:
        """What was done and undone."""
        return self.timeline.history

    @property
    def image(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8, what the last run saw; ``None`` where there is none at hand."""
        return self.timeline.image

    @property
    def image_digest(self) -> str:
        """A checksum of the image's pixels; empty without an image."""
        return self.timeline.image_digest

    @property
    def engine(self) -> EncodedImage | None:
        """The encoded image of the run that is shown; ``None`` where there is none, or no longer.

        Undo leads back to that of the run before the last one; those of older runs are let go, for the
        sake of memory, and those for which the cache has no room. To set it to ``None`` lets go of all.
        """
        return self.timeline.encoded

    @engine.setter
    def engine(self, engine: EncodedImage | None) -> None:
        self.timeline.encoded = engine

    def encoded(self) -> EncodedImage | None:
        """Return :attr:`engine` to work with: of what the cache keeps it is the last to go now."""
        return self.timeline.use_encoded()

    @property
    def run_digest(self) -> str:
        """A checksum of the run that is shown: where its regions lie.

        An encoded image is of a session that was saved and loaded meanwhile, if this stayed the same.
        """
        return digest(self.state.evidence.numbers)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.state.shape

    @property
    def labels(self) -> NDArray[np.uint16]:
        """(H, W) label values, prediction + decisions; a read-only view that follows the edits."""
        return _view(self.state.labels)

    @property
    def regions(self) -> NDArray[np.int32]:
        """(H, W) region ids, 0 = unsegmented; a read-only view that follows the edits."""
        return _view(self.state.regions)

    @property
    def pins(self) -> NDArray[np.int32]:
        """(H, W) painted label values, -1 = not painted; a read-only view that follows the edits."""
        return _view(self.state.pins)

    @property
    def prediction(self) -> NDArray[np.uint16]:
        """(H, W) label values of the last run before map correction; a read-only view."""
        return _view(self.state.evidence.prediction)

    @property
    def provenance(self) -> Provenance:
        """How the last run came about, and what a lesson said since; empty where that is not known."""
        state = self.state
        taught = state.evidence.taught
        return state.provenance if taught is None else replace(state.provenance, lesson=taught.told)

    @property
    def vocabulary(self) -> Vocabulary:
        """The classes."""
        return self.state.vocabulary

    @property
    def ids(self) -> NDArray[np.int64]:
        """(R,) ids of the regions, ascending."""
        with self.timeline.reading:
            return np.array(sorted(self.state.rows), np.int64)

    def region(self, region: int) -> Region:
        """Return the row of a region.

        Raises:
            InputError: it does not exist.
        """
        with self.timeline.reading:
            return region_of(self.state, region)

    def find(self, region: int) -> Region | None:
        """Return the row of a region, ``None`` where it does not exist."""
        with self.timeline.reading:
            return self.state.rows.get(region)

    def rows(self) -> list[Region]:
        """Return all regions by ascending id."""
        with self.timeline.reading:
            return [self.state.rows[region_id] for region_id in sorted(self.state.rows)]

    def region_at(self, row: int, column: int) -> int:
        """Return the id of the region at a pixel, 0 where there is none or outside the image."""
        height, width = self.shape
        if not (0 <= row < height and 0 <= column < width):
            return 0
        with self.timeline.reading:
            return int(self.state.regions[row, column])

    @property
    def table(self) -> pd.DataFrame:
        """A row a region, by ascending id.

        The columns of :func:`napari_corrclip.maps.table.region_table`, of the prediction; ``state``:
        ``assigned``, ``accepted``, ``ignored`` or ""; and ``label``, ``label_class``: value and name
        of what the region shows, by verdict or else as predicted.
        """
        with self.timeline.reading:
            rows, vocabulary = self.rows(), self.vocabulary
        return region_frame(rows, vocabulary)

    def decided_as(self, which: ClassLike) -> tuple[int, int]:
        """Return how many regions are decided as a class, and how many pixels are painted as it."""
        with self.timeline.reading:
            value = self.vocabulary.value_of(which)
            verdicts = self.state.verdicts.values()
            regions = sum(verdict.value == value for verdict in verdicts)
            return regions, int(np.count_nonzero(self.state.pins == value))

    def neighbours(self, region: int) -> Mapping[int, int]:
        """Return the ids that touch a region, each with its length of border in pixel sides."""
        with self.timeline.reading:
            return dict(self.state.adjacency.neighbours(self.region(region).id))

    def patch_of(self, region: int) -> list[int]:
        """Return what :meth:`spread` would assign: the connected undecided regions of one prediction."""
        with self.timeline.reading:
            return verdicts.patch_of(self.state, region)

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
        with self.timeline.reading:
            row = self.region(region)
            if among is None:
                others = [other for other in self.rows() if other.verdict is None]
            else:
                others = regions_of(self.state, among)
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
        with self.timeline.reading:
            return self._describe(rows, cells)

    def _cells(self) -> NDArray[np.float32] | None:
        """Return the encoded image as a grid, which may take long, so that nobody has to wait for it."""
        engine = self.encoded()
        return None if engine is None else engine.cells()

    def _describe(
        self, rows: list[Region], cells: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        if cells is not None:
            return descriptors.cell_descriptors(self.state, rows, cells)
        if self.image is None:
            raise InputError(
                "Likeness needs the networks or the image; open the session with either."
            )
        return descriptors.colour_descriptors(self.state, rows, self.image)

    # -- what a person says of regions

    def assign(self, regions: Regions, which: ClassLike) -> Edited:
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

    def spread(self, region: int, which: ClassLike) -> Edited:
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

    def take_labels(
        self,
        labels: NDArray[np.integer],
        regions: NDArray[np.integer],
        decided: Mapping[int, Verdict],
        *,
        where: NDArray[np.bool_] | None = None,
        values: Mapping[int, int] | None = None,
        title: str = "Take labels from elsewhere",
    ) -> Edited:
        """Show labels that were made elsewhere, as one step that can be undone.

        Regions and verdicts are these; pixels of which they would show something else are painted.

        Args:
            labels: (H, W) label values of the vocabulary; 0 = unlabelled.
            regions: (H, W) ids; 0 = in no region.
            decided: verdicts by region id; others are decided by nobody.
            where: (H, W), which pixels show these labels in any case, painted if need be; others are left to
                what is predicted. ``None``: all.
            values: classes of undecided regions: one for which another class is predicted is assigned its
                own. ``None``: none is.
            title: what is done, in words for a person.

        Raises:
            InputError: they are of another size, or of no class.
        """
        return self._make(taken.take_labels, labels, regions, decided, where, values or {}, title)

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
        engine = self.encoded()
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
        engine = self.encoded()
        click = None if engine is None else engine.click
        with self.timeline.reading:
            return splitting.Divider(self.state, region, image=self.image, click=click)

    def paint_regions(self, pixels: Pixels, region: int | None) -> Edited:
        """Give pixels to a region; ``None``: to a new one; 0: to none.

        Args:
            pixels: (H, W) bool, or rows and columns.
            region: where the stroke began.
        """
        return self._make(painting.paint_regions, pixels, region)

    def paint(self, pixels: Pixels, which: ClassLike | None) -> Edited:
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
            provisional: whether :meth:`refine` is to follow, since the result is a first look, or there is
                none yet.

        Raises:
            InputError: a removed class has decisions and ``reassign`` does not name it, the result
                does not belong here, or this is no vocabulary.
        """
        wanted = Vocabulary.coerce(vocabulary)
        while True:
            with self.timeline.reading:
                former = self.vocabulary
                words = former.matched(wanted)
                if self.beside is not None and result is None:
                    words = self.beside(former, words)
                # Looked at first, so that a refusal costs no classification.
                predictions.moved_decisions(self.state, words, reassign or {})
            # The very same words are a wish to look again.
            told = words != former and words.finds_the_same(former)
            engine, found = self.encoded(), result
            if found is None and classify and engine is not None and not told:
                found = engine.classify(words)  # nobody waits for that
            with self.locked():
                # Else somebody was faster: it is looked again, at what there is now.
                if self.vocabulary is former and self.engine is engine:
                    plan = predictions.change_vocabulary(self.state, words, found, reassign)
                    # What was predicted at a first look and stays is still that.
                    first = provisional or (found is None and self.provisional)
                    return self.timeline.do(plan, provisional=first)

    def new_class(
        self,
        name: str,
        regions: Regions,
        *,
        color: Color | None = None,
        beside: Callable[[Vocabulary, Vocabulary], Vocabulary] | None = None,
    ) -> Edited:
        """Make a class of which these regions are the examples, as one step.

        It has no prompts: no network is asked for it, and its probability is 0 until a lesson has learnt
        from the examples what it looks like (:meth:`learn`). Words can be given to it at any time
        (:meth:`Vocabulary.with_prompts <napari_corrclip.Vocabulary.with_prompts>`).

        Args:
            name: of the class; no other one has it.
            regions: ids; at least one.
            color: (red, green, blue); ``None``: that of its value.
            beside: is given the classes without it and with it, and returns the latter with values that mean
                nothing else in a set of images, as :meth:`Project.classes_beside
                <napari_corrclip.Project.classes_beside>` does; ``None``: :attr:`beside`.

        Raises:
            InputError: there is a class of the name already, or no such region; nothing changes then.
        """
        with self.locked():
            examples = [row.id for row in regions_of(self.state, regions)]
            words = self.vocabulary.add(name, prompts=(), color=color, background=False)
            beside = beside or self.beside
            if beside is not None:
                words = beside(self.vocabulary, words)
            title = f"New class {words.names[-1]!r} from {count(len(examples), 'region')}"
            with self.step(title):
                self.set_vocabulary(words, classify=False)
                made = self.assign(examples, words.values[-1])
            return replace(made, title=title)

    def merge_classes(
        self,
        which: ClassLike,
        into: ClassLike,
        *,
        vocabulary: Vocabulary | None = None,
        title: str | None = None,
        of_set: bool = False,
    ) -> Edited:
        """Make a class another one, as one step: its regions, decided or not, are the other's.

        A region that shows neither of them shows what it did. No network is asked.

        Args:
            which: the class that goes.
            into: the one that takes its place.
            vocabulary: the classes from then on, which may have other words; ``None``: those that are left.
            title: of the step; ``None``: what is done.
            of_set: whether they became one in a whole set of images: each decision keeps which class it gave,
                and :meth:`route_classes` finds it again.

        Raises:
            InputError: there is no such class, or both are the same.
        """
        with self.locked():
            value = self.vocabulary.value_of(which)
            heir = (self.vocabulary if vocabulary is None else vocabulary).value_of(into)
            if value == heir:
                name = self.vocabulary.by_value(value).name
                raise InputError(f"{name!r} is one class already; give two.")
            words = vocabulary
            if words is None:
                words = self.vocabulary.remove(self.vocabulary.by_value(value).name)
            said = title or class_merging.merging_title(self.state, value, heir)
            plan = class_merging.merge_class(self.state, value, heir, words, said, of_set=of_set)
            return self.timeline.do(plan, provisional=self.provisional)

    def route_classes(
        self,
        mergings: Sequence[class_merging.Merging],
        vocabulary: Vocabulary,
        now: Mapping[int, int],
        title: str,
    ) -> Edited:
        """Let what was of merged classes be of those that they are now, or their own again.

        Whatever was decided or painted since stays.

        Args:
            mergings: by which the classes went, the last one first.
            vocabulary: the classes from now on.
            now: label values that are others.
            title: of the step.
        """
        with self.locked():
            plan = class_merging.route_classes(self.state, mergings, vocabulary, now, title)
            return self.timeline.do(plan, provisional=self.provisional)

    @property
    def provisional(self) -> bool:
        """Whether a better look was to follow: after a first one, or after classes came without any."""
        with self.timeline.reading:
            at = self.history.last_prediction
            return at is not None and self.history.done[at].awaits_look

    def refine(self, result: Segmentation) -> Edited:
        """Take a better classification by the same vocabulary, as part of the step that brought it.

        Undoing that step takes both back at once; what was decided since stays.

        Raises:
            InputError: the result is of another image or vocabulary.
        """
        with self.locked():
            plan = predictions.change_vocabulary(self.state, self.vocabulary, result)
            return self.timeline.amend(plan.title, replace(plan.change, vocabulary=None))

    def teach(self, taught: Taught | None, title: str = "Learnt") -> Edited:
        """Show what a lesson says of undecided regions in the place of what the networks said.

        Further ones become part of the same step of the history, until another prediction comes: one undo
        takes back all of it. Decided regions stay as they are.

        Args:
            taught: of each of the run's regions, in the order of their ids; ``None``: nothing any more, the
                networks' own opinion shows again.
            title: of the step.

        Raises:
            InputError: it is of other regions or classes.
        """
        return show(self.timeline, taught, title)

    def vectors(self) -> RegionVectors:
        """Return the vectors of the regions of the run that is shown, by the encoded image.

        Raises:
            InputError: the session has no networks.
        """
        engine = self.encoded()
        if engine is None:
            raise InputError(
                "The session was opened without networks, so its regions have no vectors; open it with an "
                "engine, or give those that a project has kept (Project.vectors)."
            )
        with self.timeline.reading:
            probabilities, classes = self.state.evidence.probabilities, self.vocabulary.values
        return engine.vectors(probabilities, classes)

    def learn(
        self,
        lesson: Lesson,
        vectors: RegionVectors,
        image: str = "",
        former: Sequence[Sitting] = (),
        before: Learning | None = None,
    ) -> Learning:
        """Let what is decided here from now on teach a lesson, and what that says be looked at and shown.

        ::

            learning = session.learn(lesson, session.vectors())
            session.assign(7, "hedge")
            found = learning.look_out()  # what would change now
            learning.apply(found)  # one step of the history
            lesson = lesson.finish(learning.leave())

        Args:
            lesson: of the set, for the session's classes.
            vectors: of the regions of the run that the session shows.
            image: a key that the image has whenever it is opened.
            former: finished sittings of the lesson, for an image that was opened before.
            before: what learnt until now, where the session's words have changed since: what it was told of
                the regions that were decided meanwhile goes on.

        Raises:
            InputError: the vectors are of another run or preset; the lesson is of other classes.
        """
        return Learning(self.timeline, lesson, vectors, image, former, before)

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
        with self.locked():
            plan = predictions.rerun(self.state, result)
            if image is not None:
                self._check_image(image, self.state)
            change = self.timeline.with_run(plan.change, engine, image)
            return self.timeline.do(replace(plan, change=change))

    def reencode(self) -> Edited:
        """Run the networks anew within the session's own regions; slow.

        Raises:
            InputError: the session has no engine.
        """
        while True:
            with self.timeline.reading:
                former = self.encoded()
                regions, words = np.array(self.state.regions), self.vocabulary
            if former is None:
                raise InputError(
                    "The session was opened without networks; open it with an engine to encode."
                )
            result, engine = former.encode(regions, words)  # nobody waits for that
            with self.locked():
                # Else somebody was faster: what there is now is encoded. Decisions carry over.
                if (
                    self.vocabulary is words
                    and self.engine is former
                    and np.array_equal(self.state.regions, regions)
                ):
                    return self.rerun(result, engine=engine)

    def repeat(self, step: Step) -> Edited:
        """Make a step that was recorded of an equal session, exactly.

        Raises:
            InputError: the session is not as the other one was before the step; nothing changes then.
        """
        made: list[Edited] = []
        try:
            with self.timeline.group(step):
                for change in step.changes:
                    check_change(self.state, change)
                    made.append(self.timeline.do(Plan(step.title, change)))
        except Damaged as error:
            raise refused("made", step, error) from None
        with self.timeline.reading:
            there = set(self.state.rows)
        removed = {region for edited in made for region in edited.removed} - there
        updated = {region for edited in made for region in edited.updated} & there
        return Edited(
            step.title,
            tuple(sorted(updated)),
            tuple(sorted(removed)),
            made=any(edited.made for edited in made),
        )

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
        return self.timeline.move("undo")

    def redo(self) -> Edited:
        """Make the last undone step again; does nothing where there is none.

        Raises:
            InputError: as of :meth:`undo`.
        """
        return self.timeline.move("redo")

    def step(self, title: str, *, act: str = "") -> AbstractContextManager[None]:
        """Make all edits inside one step of the history; if one is refused, none is made.

        Other threads wait until it is whole, and what changed is told then.

        Args:
            title: what is done, in words for a person.
            act: key of what is done at once on many images, if it is part of that.
        """
        return self.timeline.group(Step(title, (), act=act))

    def _make(
        self,
        plan: Callable[Concatenate[State, P], Plan],
        *given: P.args,
        **named: P.kwargs,
    ) -> Edited:
        """Plan an edit and make it; nobody edits in between."""
        with self.locked():
            return self.timeline.do(plan(self.state, *given, **named))


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
    session._begin(unpack_state(state)[0], steps, image, None, None)
    session.timeline.image_digest = digest
    session.source, session.notes = source, notes
    return session
