"""A project: many images, one vocabulary, and what the networks and a person made of each."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from napari_corrclip.annotation import Session, Source, restore
from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.annotation.journal import Journal
from napari_corrclip.engine.recipe import GIVEN, Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.images.pixels import read_pixels
from napari_corrclip.progress import Progress, Steps, drive
from napari_corrclip.project.finding import find_images
from napari_corrclip.project.folder import (
    ITEM,
    ITEMS,
    PROJECT,
    RESULT,
    SESSION,
    SUFFIX,
    Choices,
    Outcome,
    digest,
    file_now,
    is_corrected,
    is_project,
    item_name,
    now,
    relative,
)
from napari_corrclip.project.index import NAME, Found, Index
from napari_corrclip.project.prelabelling import (
    Folders,
    Indexed,
    Ledger,
    Proposal,
    Task,
    prelabel_steps,
)
from napari_corrclip.project.records import DECIDED, ItemRecord, ItemState, RunRecord, Status
from napari_corrclip.project.run import Event, Report
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.locks import take
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.vocabulary import Vocabulary, VocabularyLike

_RUNNER = ".runner.lock"
_TO_RUN = (ItemState.NEW, ItemState.RUNNING, ItemState.FAILED)


class Project:
    """A project's folder that is open: its images, pre-labelled, reviewed and verified one by one.

    Made by :meth:`create` or :meth:`open`; use it as a context, or close it. Several processes may have it
    open, each thread needs its own. What a person decided is never written over by a run.

    Attributes:
        folder: absolute.
        read_only: whether nothing may be changed.
    """

    def __init__(self, folder: Path, index: Index) -> None:
        self.folder = folder
        self._index = index

    # -- making and opening

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        vocabulary: VocabularyLike,
        images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
        *,
        recipe: Recipe | None = None,
    ) -> Project:
        """Make a project, and open it.

        Args:
            folder: gets the ending ``.corrclip-project`` where it has none; there must be nothing in it.
            vocabulary: text such as ``"cat, dog"``, a file, names, or a :class:`Vocabulary`.
            images: places as :meth:`add` takes them, or one of them; they stay where they are.
            recipe: how they are run; ``None``: the demo's preset.

        Raises:
            InputError: something is there already, cannot be written or cannot be used.
        """
        words = Vocabulary.coerce(vocabulary)
        recipe = recipe or Recipe()
        if not recipe.whole:
            raise recipe.cannot_be_remade()
        if recipe.scale is not None or recipe.regions == GIVEN:
            what = "regions that come with each image" if recipe.scale is None else "large images"
            raise InputError(f"A project runs no {what}; give a recipe without them.")
        place = Path(folder).expanduser().absolute()
        if place.suffix != SUFFIX:
            place = place.with_name(place.name + SUFFIX)
        found = _found(images, place)  # before anything is written
        try:
            place.mkdir(parents=True, exist_ok=True)
            if any(place.iterdir()):
                raise InputError(
                    f"{str(place)!r} is there and not empty; open it, or give another folder."
                )
            (place / ITEMS).mkdir()
        except OSError as error:
            raise cannot_write(place, error) from None
        index = Index(place / NAME, create=True)
        try:
            with index.transaction():
                index.choose(words, recipe)
                _take(index, found)
            Choices(words, recipe, tuple(index.places)).write(place)
        except BaseException:
            index.close()
            raise
        return cls(place, index)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, read_only: bool = False) -> Project:
        """Open a project.

        Args:
            folder: of the project, or its ``project.sqlite``.
            read_only: change nothing.

        Raises:
            InputError: it is none, damaged, or of a newer version.
        """
        place = Path(folder).expanduser().absolute()
        if place.name in (NAME, PROJECT):
            place = place.parent
        if not is_project(place):
            raise InputError(
                f"{os.fspath(folder)!r} is no project; make one: napari-corrclip project create."
            )
        return cls(place, Index(place / NAME, read_only=read_only))

    @classmethod
    def repair(cls, folder: str | os.PathLike[str]) -> Project:
        """Make the index of a project anew from its other files, and open it.

        The former index stays beside it, as ``project.sqlite.former``. Runs are counted anew.

        Raises:
            InputError: it is no project, somebody else has it open to run, or it cannot be written.
        """
        place = Path(folder).expanduser().absolute()
        choices = Choices.read(place)
        with _only_runner(place):
            for ending in ("", "-wal", "-shm"):
                former = place / (NAME + ending)
                if former.exists():
                    former.replace(place / f"{NAME}{ending}.former")
            index = Index(place / NAME, create=True)
            project = cls(place, index)
            with index.transaction():
                index.choose(choices.vocabulary, choices.recipe)
                index.look_in(choices.places)
        project.collect(progress=False)
        project.look_again()
        return project

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed."""
        return self._index.read_only

    # -- vocabulary and recipe

    @property
    def vocabulary(self) -> Vocabulary:
        """The classes of the set."""
        return self._index.vocabulary

    @property
    def recipe(self) -> Recipe:
        """How its images are run."""
        return self._index.recipe

    def choose(
        self, vocabulary: VocabularyLike | None = None, *, recipe: Recipe | None = None
    ) -> None:
        """Have other classes, or another recipe, from now on; what was made by the former ones is stale.

        Raises:
            InputError: it cannot be used, or written.
        """
        words = self.vocabulary if vocabulary is None else Vocabulary.coerce(vocabulary)
        how = self.recipe if recipe is None else recipe
        if not how.whole:
            raise how.cannot_be_remade()
        with self._index.transaction():
            self._index.choose(words, how)
            Choices(words, how, tuple(self._index.places)).write(self.folder)

    # -- images

    def add(self, *images: str | os.PathLike[str]) -> int:
        """Add images; return how many of them were new.

        Args:
            images: files, folders, patterns and lists, as
                :func:`~napari_corrclip.project.finding.find_images` takes them. What is added to a folder
                later is found by the next run.

        Raises:
            InputError: nothing is there, or the project cannot be written.
        """
        found = _found(images, self.folder)
        with self._index.transaction():
            new = _take(self._index, found)
            Choices(self.vocabulary, self.recipe, tuple(self._index.places)).write(self.folder)
        return new

    def look_again(self) -> int:
        """Add what has come to the folders, patterns and lists since; return how many images it is.

        Raises:
            InputError: the project cannot be written.
        """
        found: dict[str, list[Found]] = {}
        for place in self._index.places:
            with contextlib.suppress(
                InputError
            ):  # gone, or empty now: status tells what is missing
                found |= _found([self.folder / place], self.folder)
        with self._index.transaction():
            return _take(self._index, found)

    def path_of(self, item: ItemRecord | str) -> Path:
        """Return where an item's image lies now; there need be none."""
        return self._place(self.item(item))

    def _place(self, record: ItemRecord) -> Path:
        return Path(os.path.normpath(os.path.join(self.folder, record.path)))  # noqa: PTH118 - of 50,000

    def folder_of(self, item: ItemRecord | str) -> Path:
        """Return the folder of an item, with its ``result`` and its ``session``; it need not exist yet."""
        return self.folder / ITEMS / self.item(item).name

    def relink(self, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> int:
        """Look for images elsewhere from now on; return how many.

        Args:
            old: the folder, or the image, in which they lay.
            new: where they lie now.

        Raises:
            InputError: none lay there, or an image is not in the new place.
        """
        before, after = Path(old).expanduser().absolute(), Path(new).expanduser().absolute()
        moved: list[tuple[ItemRecord, Path]] = []
        for record in self._index.items():
            path = self._place(record)
            if path == before or before in path.parents:
                moved.append((record, after / path.relative_to(before)))
        if not moved:
            raise InputError(
                f"No image of the project lies in {os.fspath(old)!r}; look at its paths."
            )
        gone = [path for _, path in moved if not path.exists()]
        if gone:
            raise InputError(
                f"{len(gone)} of {len(moved)} images are not in {os.fspath(new)!r}, such as "
                f"{str(gone[0])!r}; copy them there first."
            )
        with self._index.transaction():
            for record, path in moved:
                self._index.move(record.id, relative(path, self.folder))
            for place in self._index.places:
                path = Path(os.path.normpath(self.folder / place))
                if path == before or before in path.parents:
                    self._index.forget_place(place)
                    now_in = after / path.relative_to(before)
                    self._index.look_in([os.path.relpath(now_in, self.folder)])
            Choices(self.vocabulary, self.recipe, tuple(self._index.places)).write(self.folder)
        for record, _ in moved:
            folder = self.folder_of(record)
            if (folder / ITEM).exists():
                self._write(self.item(record.name))
        return len(moved)

    # -- items

    def items(
        self, *states: ItemState | str, order: str = "id", descending: bool = False
    ) -> list[ItemRecord]:
        """Return items as they are now.

        Args:
            states: only those in one of them; none: all.
            order: what they are sorted by, such as ``"least"``, ``"path"``, ``"at"``.
            descending: the largest first.

        Raises:
            InputError: there is no such state or order.
        """
        chosen = [_state(state) for state in states] or None
        return self._index.items(chosen, order=order, descending=descending)

    def item(self, item: ItemRecord | str) -> ItemRecord:
        """Return an item as it is now, by its name or its path.

        Raises:
            InputError: there is none.
        """
        return self._index.item(item.name if isinstance(item, ItemRecord) else item)

    def __iter__(self) -> Iterator[ItemRecord]:
        return iter(self.items())

    def __len__(self) -> int:
        return len(self._index)

    @property
    def runs(self) -> list[RunRecord]:
        """The runs that there were, the first one first."""
        return self._index.runs()

    def status(self) -> Status:
        """Return the counts: of each state, of what is stale, of images that are gone."""
        places = (os.path.join(self.folder, path) for path in self._index.paths())  # noqa: PTH118
        missing = sum(not os.path.exists(place) for place in places)  # noqa: PTH110
        states = self._index.count()
        if ItemState.RUNNING in states and not _is_running(self.folder):
            # What a run that was killed has left; the next one takes it as new.
            left = states.pop(ItemState.RUNNING)
            states = {ItemState.NEW: states.pop(ItemState.NEW, 0) + left, **states}
        return Status(states, self._index.stale(self._fresh), missing)

    @property
    def _fresh(self) -> list[int]:
        """The runs whose results today's vocabulary and recipe would give again."""
        words, key = self.vocabulary, self.recipe.key()
        return [
            run.id
            for run in self._index.runs()
            if Recipe.from_json(run.recipe).key() == key and _words(run).finds_the_same(words)
        ]

    # -- running

    def run_steps(
        self,
        *,
        segmenter: Segmenter | None = None,
        stale: bool = False,
        strict: bool = False,
        part: tuple[int, int] | None = None,
    ) -> Generator[Event[str, Proposal], None, Report[str]]:
        """Generator of :meth:`run`: events of :func:`~napari_corrclip.project.run.run_steps`."""
        recipe, vocabulary = self.recipe, self.vocabulary
        with contextlib.ExitStack() as held:
            ledger: Ledger = Folders()
            if part is None:
                held.enter_context(_only_runner(self.folder))
                self.look_again()
                with self._index.transaction():
                    self._index.free_running()
            chosen = self._index.items(_TO_RUN)
            if stale:
                fresh = set(self._fresh)
                labelled = self._index.items([ItemState.PRELABELLED])
                chosen += [record for record in labelled if record.run not in fresh]
            if part is None:
                ledger = Indexed(self._index, vocabulary, recipe)
            else:
                chosen = [record for record in chosen if _is_in(record, part)]
                chosen = [record for record in chosen if not self._is_done(record)]
            tasks = [
                Task(record, self._place(record), self.folder / ITEMS / record.name)
                for record in chosen
            ]
            return (
                yield from prelabel_steps(
                    tasks,
                    ledger,
                    recipe=recipe,
                    vocabulary=vocabulary,
                    networks=_given(segmenter) if segmenter is not None else _loading(recipe),
                    strict=strict,
                )
            )

    def _is_done(self, record: ItemRecord) -> bool:
        """Whether an item's folder has a result by today's settings, which is still to be collected."""
        try:
            outcome = Outcome.read(self.folder_of(record))
        except InputError:  # there is none, or it is damaged
            return False
        return outcome.state is ItemState.PRELABELLED and (outcome.recipe, outcome.vocabulary) == (
            self.recipe.key(),
            self.vocabulary.fingerprint,
        )

    def collect_steps(self) -> Steps[int]:
        """Generator of :meth:`collect`."""
        index = self._index
        with _only_runner(self.folder):
            runs: dict[tuple[str, str], int] = {}
            folders = sorted((self.folder / ITEMS).glob(f"*/{ITEM}"))
            known = {record.name: record for record in index.items()}
            taken = 0
            for number, path in enumerate(folders):
                yield Progress("collect", number, len(folders))
                folder = path.parent
                record = known.get(folder.name)
                try:
                    outcome = Outcome.read(folder)
                except (
                    InputError
                ) as error:  # damaged: the image is run again, what was decided stays
                    if record is not None and record.state not in DECIDED:
                        with index.transaction():
                            index.mark(record.id, ItemState.FAILED, reason=str(error))
                    continue
                if record is not None and (record.at, record.state) == (outcome.at, outcome.state):
                    continue
                if record is not None and record.state in DECIDED:
                    continue  # since it was run
                self._take_item(folder, outcome, runs)
                taken += 1
            with index.transaction():
                for run in runs.values():
                    index.end_run(run)
        return taken

    def collect(self, *, progress: bool | None = None) -> int:
        """Take into the index what parts of a run have left in the items' folders; return how many items.

        Args:
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: another run is at work, or something there is damaged.
        """
        return drive(self.collect_steps(), show=progress)

    def _take_item(self, folder: Path, outcome: Outcome, runs: dict[tuple[str, str], int]) -> None:
        """Take what lies in an item's folder into the index.

        Args:
            folder: of the item.
            outcome: that lies there.
            runs: numbers of the runs that are known, by recipe and vocabulary; new ones are added.
        """
        index = self._index
        with index.transaction():
            index.add([Found(folder.name, outcome.path, outcome.size, outcome.mtime)])
            item = index.item(folder.name).id
            if (folder / RESULT).exists():
                result = Segmentation.load(folder / RESULT)
                how = result.provenance.recipe, result.vocabulary.fingerprint
                if how not in runs:
                    runs[how] = index.begin_run(result.vocabulary, Recipe.from_json(how[0]))
                index.take_regions(item, result.table, runs[how])
                index.give_result(item, runs[how], outcome.seconds)
            if is_corrected(folder):
                table = restore(folder / SESSION).table
                index.take_regions(item, table, None, by=outcome.by)
            index.note_file(item, outcome.size, outcome.mtime, outcome.digest)
            index.mark(item, outcome.state, reason=outcome.reason, by=outcome.by, at=outcome.at)

    def run(
        self,
        *,
        segmenter: Segmenter | None = None,
        stale: bool = False,
        strict: bool = False,
        part: tuple[int, int] | None = None,
        progress: bool | None = None,
    ) -> Report[str]:
        """Run the networks over what has no result yet, and keep each result as it is done.

        What is done stays done however a run ends; the next one goes on. What a person has begun to correct
        is left as it is.

        Args:
            segmenter: networks of the project's recipe that are loaded already.
            stale: run what was pre-labelled by other settings or words, too.
            strict: end with the first image that fails.
            part: ``(i, n)``: of n parts the i-th alone, from 1 on. It writes into the items' folders and not
                into the index, so that parts can run at once, on any machines; :meth:`collect` brings
                them in. Which items are of a part follows from their names.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: another run is at work, or a result cannot be saved.
            WeightsError: the networks cannot be loaded.
        """
        steps = self.run_steps(segmenter=segmenter, stale=stale, strict=strict, part=part)
        return drive(steps, show=progress)

    # -- reviewing

    def result(self, item: ItemRecord | str) -> Segmentation:
        """Return what the networks proposed for an item.

        Raises:
            InputError: there is no result, or it is damaged.
        """
        return Segmentation.load(self.folder_of(item) / RESULT)

    @contextlib.contextmanager
    def session(self, item: ItemRecord | str, *, by: str = "") -> Iterator[Session]:
        """Give the session of an item to correct it; every edit is on the disk as it is made.

        Afterwards the item is in review, if something was decided, and the index has its regions.

        Args:
            item: or its name.
            by: who corrects.

        Raises:
            InputError: it has neither result nor session, its image is gone or another one now, or
                somebody else has it open.
        """
        record, folder = self.item(item), self.folder_of(item)
        image = self.path_of(record)
        rgb = read_pixels(image).rgb
        self._check_unchanged(record, image)
        source = Source.of(image)
        if has_session(folder / SESSION):
            session = restore(folder / SESSION, rgb)
            session.source = source  # its folder says whose it is, wherever the image lies now
        else:
            session = Session(self.result(record), rgb, source=source)
        with Journal(session, folder / SESSION):
            self._mark(record, ItemState.IN_REVIEW, by)  # now: the process may be killed in between
            before = session.timeline.revision
            try:
                yield session
            finally:
                if session.timeline.revision != before:
                    with self._index.transaction():
                        self._index.take_regions(record.id, session.table, None, by=by)
                        self._index.mark(record.id, ItemState.IN_REVIEW, by=by)
                    self._write(self.item(record.name))
                else:
                    self._mark(record, record.state, record.by)

    def _mark(self, record: ItemRecord, state: ItemState, by: str) -> None:
        with self._index.transaction():
            self._index.mark(record.id, state, by=by)

    def mark(self, item: ItemRecord | str, state: ItemState | str, *, by: str = "") -> None:
        """Say that an item is verified, to be skipped, in review again, or new.

        Args:
            item: or its name.
            state: into which it comes.
            by: who says so.

        Raises:
            InputError: there is no such state, or nothing to verify.
        """
        record, chosen = self.item(item), _state(state)
        if chosen in (*DECIDED, ItemState.PRELABELLED) and record.regions is None:
            raise InputError(
                f"{record.path!r} has no result, so it cannot be {chosen}; run it first."
            )
        if chosen in (ItemState.RUNNING, ItemState.FAILED):
            raise InputError(f"Nobody but a run says that an item is {chosen}.")
        if chosen is ItemState.NEW and is_corrected(self.folder_of(record)):
            raise InputError(f"{record.path!r} was corrected, so it is not new any more.")
        self._mark(record, chosen, by)
        self._write(self.item(record.name))

    def _write(self, record: ItemRecord) -> None:
        """Write what became of an item into its folder."""
        folder = self.folder_of(record)
        former = Outcome.read(folder) if (folder / ITEM).exists() else Outcome(record.path)
        Outcome(
            record.path,
            record.size,
            record.mtime,
            record.digest,
            record.state,
            record.reason,
            record.by,
            record.at or now(),
            former.recipe,
            former.vocabulary,
            former.seconds,
        ).write_new(folder)

    def _check_unchanged(self, record: ItemRecord, image: Path) -> None:
        """Refuse an image that is another one than that which was run."""
        if not record.digest or file_now(image) == (record.size, record.mtime):
            return
        if digest(image) != record.digest:
            raise InputError(
                f"The image {str(image)!r} was changed after it was run; put the former one back, or say "
                "that the item is new and run it again."
            )


def _found(
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], folder: Path
) -> dict[str, list[Found]]:
    """Return the images of each place, as seen from a project's folder."""
    places = [images] if isinstance(images, str | os.PathLike) else list(images)
    found: dict[str, list[Found]] = {}
    for place in places:
        here = found.setdefault(os.path.relpath(Path(place).expanduser(), folder), [])
        for image in find_images(place):
            path = relative(image, folder)
            try:
                size, mtime = file_now(image)
            except OSError:
                size = mtime = 0  # told when its turn comes
            here.append(Found(item_name(path), path, size, mtime))
    return found


def _take(index: Index, found: dict[str, list[Found]]) -> int:
    """Add images to an index; inside a transaction."""
    index.look_in(found)
    return sum(index.add(images) for images in found.values())


@contextlib.contextmanager
def _only_runner(folder: Path) -> Iterator[None]:
    """Be the one process that runs a project.

    Raises:
        InputError: another one does, or nobody may write there.
    """
    try:
        lock = take(folder / _RUNNER)
    except OSError as error:
        raise cannot_write(folder, error) from None
    if lock is None:
        raise InputError(f"Another run is at work on {str(folder)!r}; wait for it, or stop it.")
    try:
        yield
    finally:
        lock.release()


def _is_running(folder: Path) -> bool:
    """Whether somebody runs a project now."""
    if not (folder / _RUNNER).exists():
        return False
    try:
        lock = take(folder / _RUNNER, create=False)
    except OSError:
        return False
    if lock is not None:
        lock.release()
    return lock is None


def _is_in(record: ItemRecord, part: tuple[int, int]) -> bool:
    """Whether an item is of a part, by its name alone.

    Raises:
        InputError: there is no such part.
    """
    number, parts = part
    if not 1 <= number <= parts:
        raise InputError(f"There is no part {number}/{parts}; give 1/{max(parts, 1)} to the last.")
    return int(hashlib.sha256(record.name.encode()).hexdigest()[:12], 16) % parts == number - 1


def _state(state: ItemState | str) -> ItemState:
    try:
        return ItemState(state)
    except ValueError:
        raise InputError(
            f"There is no state {state!r}; choose one of {', '.join(ItemState)}."
        ) from None


def _words(run: RunRecord) -> Vocabulary:
    return Vocabulary.from_document(load_json(run.vocabulary, f"The classes of run {run.id}"))


def _given(segmenter: Segmenter) -> Callable[[], Steps[Segmenter]]:
    def steps() -> Steps[Segmenter]:
        yield from ()
        return segmenter

    return steps


def _loading(recipe: Recipe) -> Callable[[], Steps[Segmenter]]:
    return lambda: Segmenter.load_steps(recipe)
