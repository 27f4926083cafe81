"""A project: many images, one vocabulary, and what the networks and a person made of each."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from napari_corrclip.annotation import Session
from napari_corrclip.engine.networks import Networks
from napari_corrclip.engine.recipe import GIVEN, Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress, Steps, drive
from napari_corrclip.project import (
    choosing,
    class_motions,
    class_removal,
    collecting,
    comparing,
    exporting,
    importing,
    intake,
    listing,
    merged_classes,
    naming,
    one_runner,
    relabelling,
    relinking,
    reviewing,
    running,
    statistics,
    teaching,
    unusable,
)
from napari_corrclip.project import words as classes
from napari_corrclip.project.bank import bank_of
from napari_corrclip.project.choosing import Choice
from napari_corrclip.project.class_removal import DecidedAs
from napari_corrclip.project.copying import IMAGES, Copies, copies_of, copy_steps
from napari_corrclip.project.crops import ON_SHEET, Framing
from napari_corrclip.project.database import NAME
from napari_corrclip.project.encoding import ShownRun, encode_steps
from napari_corrclip.project.export.exporting import Exported, ExportOptions
from napari_corrclip.project.export.importing import As, Opened
from napari_corrclip.project.features import read_features
from napari_corrclip.project.folder import (
    ITEMS,
    check_outside,
    image_in,
    item_folder,
    place_of_new,
    project_at,
    read_result,
)
from napari_corrclip.project.importing import Imported
from napari_corrclip.project.index import Index
from napari_corrclip.project.joining.agreement import ComparedImage, Comparison, LabelsBeside
from napari_corrclip.project.joining.comparing import compare_steps, labels_beside
from napari_corrclip.project.joining.conflicts import Conflict, Prefer, read_conflicts
from napari_corrclip.project.joining.drawn import Drawn, Kind, read_drawn
from napari_corrclip.project.joining.merging import Merged, merge_steps
from napari_corrclip.project.joining.sampling import Sample, sample_steps
from napari_corrclip.project.joining.waiting import open_conflicts
from napari_corrclip.project.learning import ProjectLesson
from napari_corrclip.project.likeness import LikeRegions, Wanted, like_steps
from napari_corrclip.project.listing import ItemOrder
from napari_corrclip.project.merged_classes import Parted
from napari_corrclip.project.own_classes import OwnClasses
from napari_corrclip.project.proposals import Extras
from napari_corrclip.project.records import (
    LABELLED,
    ItemRecord,
    ItemState,
    RunRecord,
    StackRecord,
    Status,
    check_by,
)
from napari_corrclip.project.relabelling import Relabelled
from napari_corrclip.project.run import Event, Report
from napari_corrclip.project.sessions import ItemSessions
from napari_corrclip.project.sheet import acts
from napari_corrclip.project.sheet.acts import DecidedSheet
from napari_corrclip.project.sheet.cache import CropCache
from napari_corrclip.project.sheet.crops import Crop, crop_steps
from napari_corrclip.project.sheet.deciding import Answer as SheetAnswer
from napari_corrclip.project.sheet.deciding import Key as SheetKey
from napari_corrclip.project.sheet.deciding import decide_steps
from napari_corrclip.project.sheet.listing import Sheet, SheetFilter, sheet_steps
from napari_corrclip.project.sheet.regions import Place, SheetRegion, read_regions
from napari_corrclip.project.sheet.undoing import UndoneSheet, tell, undo_steps
from napari_corrclip.project.statistics import Figures
from napari_corrclip.project.taking_up import results_in, take_up_steps
from napari_corrclip.project.task import Proposal
from napari_corrclip.project.teaching import TaughtSet
from napari_corrclip.project.vectors import read_means, read_vectors
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionMeans, RegionVectors
from napari_corrclip.results.zarr_maps import check_zarr
from napari_corrclip.storage.disk import cannot_write, remove
from napari_corrclip.vocabulary import (
    ClassLike,
    RollUp,
    Vocabulary,
    VocabularyClass,
    VocabularyLike,
)

if TYPE_CHECKING:
    from napari_corrclip.engine.encoded_image import EncodedImage
    from napari_corrclip.engine.features import Features
    from napari_corrclip.engine.segmenter import Segmenter


class Project:
    """A project's folder that is open: its images, pre-labelled, reviewed and verified one by one.

    Made by :meth:`create` or :meth:`open`; use it as a context, or close it. Several processes may have it
    open, each thread needs its own. What a person decided is never written over by a run.

    Attributes:
        folder: absolute.
        read_only: whether nothing may be changed.
        crops: the small pictures of its regions that are kept; :attr:`CropCache.size
            <napari_corrclip.project.sheet.cache.CropCache.size>` tells how many bytes they take, and
            :meth:`CropCache.clear <napari_corrclip.project.sheet.cache.CropCache.clear>` removes them.
    """

    def __init__(self, folder: Path, index: Index) -> None:
        self.folder = folder
        self._index = index
        self._networks = Networks()
        self._lesson = ProjectLesson(
            self.folder, self.item, index.check_writable, self._own_classes
        )
        self._bank = bank_of(folder)
        self.crops = CropCache(None if index.read_only else folder)

    # -- making and opening

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        vocabulary: VocabularyLike,
        images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
        *,
        recipe: Recipe | None = None,
        copy: bool = False,
        progress: bool | None = None,
    ) -> Project:
        """Make a project, and open it.

        Args:
            folder: gets the ending ``.corrclip-project`` where it has none; there must be nothing in it.
            vocabulary: text such as ``"cat, dog"``, a file, names, or a :class:`Vocabulary`.
            images: places as :meth:`add` takes them, or one of them; they stay where they are.
            recipe: how they are run; ``None``: the demo's preset.
            copy: copy the images into the folder, so that it can be moved alone; :meth:`size_of` tells
                beforehand how much that is. What is in their places later is not found then.
            progress: of copying, draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: something is there already, cannot be written or cannot be used. What lies in a folder
                and cannot be used is passed over (:attr:`passed_over`).
        """
        words = Vocabulary.coerce(vocabulary)
        words.check_prompts()
        recipe = recipe or Recipe()
        _check(recipe)
        place = place_of_new(folder)
        # Before anything is written.
        told: list[InputError] = []
        copies = copies_of(images) if copy else None
        found = {} if copy else intake.found_in(images, place, tell=told.append)
        try:
            place.mkdir(parents=True, exist_ok=True)
            if any(place.iterdir()):
                raise FileExistsError(place)
            # Of two who make it at once, this tells who was first; what lies there is theirs then.
            (place / ITEMS).mkdir()
        except FileExistsError:
            raise InputError(
                f"{str(place)!r} is there and not empty; open it, or give another folder."
            ) from None
        except OSError as error:
            with contextlib.suppress(OSError):
                place.rmdir()
            raise cannot_write(place, error) from None
        with contextlib.ExitStack() as undone:
            undone.callback(remove, place)
            if copies is not None:
                drive(copy_steps(copies, place), show=progress)
                copied = [place / IMAGES] if copies.images else []
                found = intake.found_in(copied, place, tell=told.append)
            index = undone.enter_context(contextlib.closing(Index(place / NAME, create=True)))
            _pass_over(index, copies, told)
            with index.transaction():
                index.choose(words, recipe)
                intake.take(index, found)
            intake.write_choices(index)
            undone.pop_all()
        return cls(place, index)

    @classmethod
    def from_results(
        cls,
        folder: str | os.PathLike[str],
        results: str | os.PathLike[str],
        *,
        copy: bool = False,
        progress: bool | None = None,
    ) -> Project:
        """Make a project of results of ``napari-corrclip segment``, and open it; nothing is run.

        Its images are those that the results tell of, pre-labelled by copies of these; its vocabulary is
        theirs, its recipe that of most of them.

        Args:
            folder: as for :meth:`create`.
            results: what was the command's ``-o``.
            copy: copy the images, too, as for :meth:`create`.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: there are no results, they have different classes, an image is gone or another one
                now, or as of :meth:`create`.
        """
        found = results_in(results)
        images = {image: image for image in found.folders}
        copies = copies_of(images).images if copy else ()
        made = cls.create(
            folder, found.vocabulary, images, recipe=found.recipe, copy=copy, progress=progress
        )
        with contextlib.ExitStack() as undone:
            undone.callback(remove, made.folder)
            undone.enter_context(made)
            images |= {image: made.folder / IMAGES / path for image, path in copies}
            drive(take_up_steps(made._index, found, images), show=progress)
            made.collect(progress=progress)
            undone.pop_all()
        return made

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, read_only: bool = False) -> Project:
        """Open a project.

        Args:
            folder: of the project, with or without the ending ``.corrclip-project``; or its
                ``project.sqlite``.
            read_only: change nothing.

        Raises:
            InputError: it is none, damaged, or of a newer version.
        """
        place = project_at(folder)
        if place is None:
            raise InputError(
                f"{os.fspath(folder)!r} is no project; make one: napari-corrclip project create."
            )
        index = Index(place / NAME, read_only=read_only)
        if not read_only:
            # Where the disk refuses it, the index is right all the same.
            with contextlib.suppress(InputError):
                intake.write_choices(index)
        return cls(place, index)

    @classmethod
    def repair(cls, folder: str | os.PathLike[str]) -> Project:
        """Make the index of a project anew from its other files, and open it.

        The former one stays beside it, as ``project.sqlite.former``, ``.former.2`` and so on. Who decided
        about a region and when, and when runs were, is taken from it as far as it can be read; else the time
        is that of files, and nobody is named. A repair that is killed, or fails, leaves all as it was.

        Raises:
            InputError: it is no project, somebody else has it open, or it cannot be written.
        """
        place = project_at(folder) or Path(folder).expanduser().absolute()
        return cls(place, collecting.index_anew(place))

    def close(self) -> None:
        """Let go of the index, and of networks."""
        self._networks.let_go()
        self.crops.close()
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

    @property
    def is_only_writer(self) -> bool:
        """Whether nobody else may write as long as it is open: its disk carries no write-ahead log."""
        return self._index.is_only_writer

    @property
    def passed_over(self) -> tuple[str, ...]:
        """What was looked for since it was opened and could not be used, a sentence each.

        Such as an image whose name can be none, a folder that nobody may look into, a link to be copied that
        leads nowhere, the copy of an item's folder. :meth:`status` has them, too.
        """
        told = itertools.chain.from_iterable(self._index.passed_over.values())
        return tuple(dict.fromkeys(told))

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

        Args:
            vocabulary: as for :meth:`create`. Of text, names or a file it is as :meth:`match` returns it; a
                :class:`Vocabulary` is taken as it is, as one that was made of :attr:`vocabulary` by its
                methods. ``None``: those that there are.
            recipe: ``None``: that which there is.

        Raises:
            InputError: it cannot be used, or written.
        """
        self._index.check_writable()
        chosen = None if vocabulary is None else Vocabulary.coerce(vocabulary)
        if chosen is not None:
            chosen.check_prompts()
        how = self.recipe if recipe is None else recipe
        _check(how)
        with self._index.transaction():  # in which nobody decides
            words = classes.current(self._index)
            if chosen is vocabulary and chosen is not None:
                words = replace(chosen, next_value=max(chosen.next_value, words.next_value))
            elif chosen is not None:
                words = classes.matched(self._index, chosen)
            self._index.choose(words, how)
        intake.write_choices(self._index)

    def match(self, vocabulary: VocabularyLike) -> Vocabulary:
        """Return classes with the values of the set, and behind them those that stay in it.

        Classes of the same name are the same ones, also of one that the set had once, and keep their label
        values; others get values that none ever had. A class that somebody gave to regions stays.
        """
        return classes.matched(self._index, Vocabulary.coerce(vocabulary))

    def classes_beside(self, before: Vocabulary | None, after: Vocabulary) -> Vocabulary:
        """Return an image's changed classes, of which the new ones have values that are theirs in the set.

        Args:
            before: the image's classes, which may lag behind the set's; ``None``: the set's.
            after: what they were changed to.
        """
        return classes.beside(self._index, before, after)

    def change_classes(
        self,
        before: Vocabulary | None,
        after: Vocabulary,
        item: ItemRecord | None = None,
        merged: Mapping[int, int] | None = None,
    ) -> list[str]:
        """Change the set's classes as an image's were; return the names of those that stay, though they went.

        A class that somebody gave to regions of other images stays in the set.

        Args:
            before: as for :meth:`classes_beside`.
            after: what that returned.
            item: the image's; ``None``: it is of none.
            merged: of classes that went, the label value of the one that took their place: what was taught
                of them is of that one, if they went from the whole set.

        Raises:
            InputError: the set has another class of a name, or it cannot be written.
        """
        self._index.check_writable()
        with self._index.transaction():
            number = None if item is None else item.id
            stay = classes.change(self._index, before, after, number)
        intake.write_choices(self._index)
        values = self.vocabulary.values
        gone = {value: other for value, other in (merged or {}).items() if value not in values}
        self._lesson.merge(values, gone)
        return [class_.name for class_ in stay]

    def merge_classes(
        self, which: ClassLike, into: ClassLike, *, prompts: bool = True, by: str = ""
    ) -> None:
        """Let a class of the set be another one from now on, on all images, decided or not.

        It is one row of the index, which lists, figures, exports and lessons go by at once. A session takes
        it as a step when it is opened next. No decision is written over, so that :meth:`part_classes` takes
        it back exactly.

        Args:
            which: the class that goes, its name or its label value.
            into: the one that it becomes.
            prompts: whether the other one gets its prompts, so that other runs find what both found.
            by: who says so.

        Raises:
            InputError: there is no such class, both are the same, or it cannot be written.
        """
        check_by(by)
        self._index.check_writable()
        with self._index.transaction():
            merged = merged_classes.merge_classes(self._index, which, into, by, prompts=prompts)
        intake.write_choices(self._index)
        self._lesson.merge(self.vocabulary.values, {merged.value: merged.heir})

    def part_classes_steps(self, which: ClassLike) -> Steps[Parted]:
        """Generator of :meth:`part_classes`."""
        self._index.check_writable()
        return (yield from class_motions.part_steps(self._index, self._lesson, which))

    def part_classes(self, which: ClassLike, *, progress: bool | None = None) -> Parted:
        """Let a class that became another one be one of its own again, as it was.

        What was decided since stays, also in sessions that had taken the merging.

        Args:
            which: the class that went, its name or its label value.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: it became no other one, there is another class of its name by now, or it cannot be
                written.
        """
        return drive(self.part_classes_steps(which), show=progress)

    def decided_as(self, which: ClassLike) -> DecidedAs:
        """Return how many regions of how many images were decided as a class, as the index knows.

        Args:
            which: the class, its name or its label value.

        Raises:
            InputError: there is no such class.
        """
        return class_removal.decided_as(self._index, self.vocabulary.value_of(which))

    def remove_class_steps(
        self,
        which: ClassLike,
        to: ClassLike | None = None,
        *,
        by: str = "",
        opened: Mapping[str, Session] | None = None,
        only: Collection[str] | None = None,
        besides: Collection[str] = (),
        begun: DecidedSheet | None = None,
    ) -> Steps[DecidedSheet | None]:
        """Generator of :meth:`remove_class`.

        Args:
            which: as there.
            to: as there.
            by: as there.
            opened: as for :meth:`decide`.
            only: names of items, on which alone it is taken back now, and the class stays; ``None``: on all.
            besides: names of items on which that was done already.
            begun: a record that this goes on with.
        """
        check_by(by)
        self._index.check_writable()
        if to is not None:
            self.merge_classes(which, to, prompts=False, by=by)
            return None
        return (
            yield from class_removal.remove_steps(
                self._index,
                self._lesson,
                which,
                by,
                opened=opened,
                only=only,
                besides=besides,
                to=begun,
            )
        )

    def remove_class(
        self,
        which: ClassLike,
        to: ClassLike | None = None,
        *,
        by: str = "",
        progress: bool | None = None,
    ) -> DecidedSheet | None:
        """Remove a class from the set, and say what becomes of what was decided as it, on all images.

        ::

            project.decided_as("cat")  # DecidedAs(regions=12, images=4)
            project.remove_class("cat", "animal")  # project.part_classes("cat") takes it back
            record = project.remove_class("dog")  # project.undo_sheet(record) takes it back

        Args:
            which: the class, its name or its label value.
            to: the class that it becomes (:meth:`merge_classes`; its prompts go). ``None``: what was decided
                as it, and painted, is taken back in each image that was corrected, as one step of its
                history. What only the networks found stays, as what was made by former classes, until it is
                labelled anew.
            by: who says so.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Returns:
            The record of what was taken back, for :meth:`undo_sheet`, which brings the class back, too.
            Images that somebody else has open are in its ``left``, and the class stays if it was given to
            regions there. ``None``: there is another class.

        Raises:
            InputError: there is no such class, it is the last one, or it cannot be written.
        """
        return drive(self.remove_class_steps(which, to, by=by), show=progress)

    def removed_classes(self) -> Mapping[str, DecidedSheet]:
        """Return by name of a class that was removed the last record of that, until it is taken back.

        One that stays, for an image was open elsewhere, is among them if anything was taken back as it.
        """
        names = {class_.value for class_ in self.vocabulary}
        return {
            class_.name: sheet
            for sheet in acts.removals(self.folder)
            if sheet.removed is not None and not sheet.undone
            if (class_ := merged_classes.class_of(sheet.removed)).value not in names or sheet.items
        }

    def merged_classes(self) -> Mapping[str, str]:
        """Return by name of a class that became another one the name of that which it is now."""
        names = self.names_of_values()
        return {
            merged_classes.class_of(merged).name: names.last(names.survivors[merged.value])
            for merged in names.merged
        }

    def _own_classes(self, words: Vocabulary) -> OwnClasses:
        """Compare an image's classes with the set's."""
        return OwnClasses.of(words, self.vocabulary, self.names_of_values())

    def names_of_values(self) -> classes.Names:
        """Return the names that label values ever had in the set, as they are now."""
        return classes.Names(self._index)

    # -- images

    @staticmethod
    def size_of(
        images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    ) -> tuple[int, int]:
        """Return how many images places have, and how many bytes they are, which a copy takes.

        Raises:
            InputError: nothing is there.
        """
        copies = copies_of(images)
        return len(copies.images), copies.size

    def add(
        self,
        *images: str | os.PathLike[str],
        copy: bool = False,
        progress: bool | None = None,
    ) -> int:
        """Add images; return how many of them were new.

        Args:
            images: files, folders, patterns and lists, as
                :func:`~napari_corrclip.project.finding.find_images` takes them. What is added to a folder
                later is found by the next run.
            copy: copy them into the project, see :meth:`create`; what it has a copy of already is left out.
            progress: of copying, draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: nothing is there, an image that is named itself cannot be used, or the project cannot
                be written. What lies in a folder and cannot be used is passed over (:attr:`passed_over`).
        """
        self._index.check_writable()
        copied = copies = None
        told: list[InputError] = []
        if copy:
            copies = copies_of(images, self.folder)
            copied = drive(copy_steps(copies, self.folder), show=progress)
            images = () if copied is None else (self.folder / IMAGES,)
        try:
            known = self._index.files()
            found = intake.found_in(images, self.folder, known, tell=told.append)
            _pass_over(self._index, copies, told)
            with self._index.transaction():
                new = intake.take(self._index, found)
        except BaseException:
            if copied is not None:
                remove(copied)
            raise
        intake.write_choices(self._index)
        return new

    def look_again(self) -> int:
        """Add what has come to the folders, patterns and lists since; return how many images it is.

        Raises:
            InputError: the project cannot be written.
        """
        self._index.check_writable()
        return intake.look_again(self._index)

    def check_apart(self, folder: str | os.PathLike[str]) -> None:
        """Refuse a place for results in this project, or another, or where this one looks for images.

        Args:
            folder: need not exist.

        Raises:
            InputError: results would be mixed with the project's files, or taken for images.
        """
        check_outside(Path(folder))
        intake.check_apart(self._index, Path(folder))

    def path_of(self, item: ItemRecord | str) -> Path:
        """Return where an item's image lies now; there need be none."""
        return image_in(self.folder, self.item(item).path)

    def folder_of(self, item: ItemRecord | str) -> Path:
        """Return the folder of an item, with its ``result`` and its ``session``; it need not exist yet."""
        return item_folder(self.folder, self.item(item).name)

    def relink(self, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> int:
        """Look for images elsewhere from now on; return how many.

        Args:
            old: the folder, or the image, in which they lay.
            new: where they lie now.

        Raises:
            InputError: none lay there, or an image is not in the new place.
        """
        self._index.check_writable()
        return relinking.relink(self._index, old, new)

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
        chosen = [reviewing.state_of(state) for state in states] or None
        return self._index.items(chosen, order=order, descending=descending)

    def list_items(
        self,
        *states: ItemState | str,
        search: str = "",
        order: ItemOrder | str = ItemOrder.FILE,
        value: int | None = None,
    ) -> list[int]:
        """Return the numbers of items, in an order; of 50,000 at once, where their records take longer.

        Args:
            states: only those in one of them; none: all.
            search: only those whose path has this in it, in whatever case.
            order: how they are sorted, such as ``"gain"``, ``"least"``, ``"random"``.
            value: of the class of which, by ``"class"``, an item with the largest area comes first.

        Raises:
            InputError: there is no such state or order, or no class is given where one is needed.
        """
        chosen = [reviewing.state_of(state) for state in states] or None
        return listing.list_items(self._index, chosen, search=search, order=order, value=value)

    def read_items(self, numbers: Iterable[int]) -> list[ItemRecord]:
        """Return the records of items as they are now, by numbers as of :meth:`list_items`.

        Those that are gone are left out.
        """
        return self._index.items_of(numbers)

    def item(self, item: ItemRecord | str) -> ItemRecord:
        """Return an item as it is now, by its name or its path, of a plane with its place: ``cells.tif[3]``.

        Raises:
            InputError: there is none, or it is a stack.
        """
        return self._index.item(item.name if isinstance(item, ItemRecord) else item)

    def items_named(self, *images: str | os.PathLike[str]) -> list[ItemRecord]:
        """Return the items that names are of, each once.

        Args:
            images: paths as seen from the current folder, or else as the project has them; of a plane with
                its place, ``cells.tif[3]``; or patterns such as ``*/birds/*.jpg``, which whole paths of the
                project fit (``*`` stands for anything, ``/`` too; of stacks that fit all planes).

        Raises:
            InputError: there is no such item, or it is a stack that is named itself.
        """
        return naming.items_named(self._index, images)

    def __iter__(self) -> Iterator[ItemRecord]:
        return iter(self.items())

    def __len__(self) -> int:
        return len(self._index)

    @property
    def stacks(self) -> list[StackRecord]:
        """The stacks whose planes are items, by their paths."""
        return self._index.stacks()

    @property
    def runs(self) -> list[RunRecord]:
        """The runs that there were, the first one first."""
        return self._index.runs()

    def count(self) -> dict[ItemState, int]:
        """Return how many items are in each state that any is in."""
        return self._index.count()

    def figures(self, *, roll_up: RollUp | None = None) -> Figures:
        """Return the figures of the set: images by state, area and images of each class, certainty.

        Args:
            roll_up: count with a class what is below it, as :meth:`Vocabulary.roll_up
                <napari_corrclip.Vocabulary.roll_up>` takes it; ``None``: each class for itself.

        Raises:
            InputError: there is no such class.
        """
        return statistics.figures(self._index, roll_up)

    def status(self) -> Status:
        """Return the counts: of each state, of what is stale, of images that are gone or changed.

        Images whose files are as they were cost a look at each; of others up to 64 MiB are read. The new time
        of one that is found to be the same is noted, if the project is open to write.
        """
        files = comparing.look_at_files(self._index)
        states = self._index.count()
        if ItemState.RUNNING in states and not one_runner.is_running(self.folder):
            # What a run that was killed has left; the next one takes it as new.
            left = states.pop(ItemState.RUNNING)
            states = {ItemState.NEW: states.pop(ItemState.NEW, 0) + left, **states}
        unusable.note(self._index)  # where nobody has looked since it was opened
        return Status(
            states,
            self.count_stale(),
            missing=files.missing,
            changed=files.changed,
            kept=files.kept,
            touched=files.touched,
            dead=files.dead,
            gone=files.gone,
            other=files.other,
            kept_other=files.kept_other,
            way=files.way,
            link=files.link,
            passed_over=self.passed_over,
        )

    def count_stale(self) -> dict[ItemState, int]:
        """Return how many items of each state are stale, as :meth:`status` does, without a look at images.

        Of those whose labels are shown: one that is marked new, or failed, has none.
        """
        stale = self._index.stale(choosing.fresh_runs(self._index))
        return {state: number for state, number in stale.items() if state in LABELLED}

    # -- running

    def items_to_run(
        self,
        *,
        stale: bool = False,
        part: tuple[int, int] | None = None,
        features: int = 0,
        only: Collection[str] | None = None,
    ) -> list[ItemRecord]:
        """Return the items that :meth:`run` would take, but for those that come to its folders till then.

        Args:
            stale: as for :meth:`run`.
            part: as there.
            features: as there; those that are run again for them come last.
            only: as for :meth:`run_steps`.

        Raises:
            InputError: there is no such part.
        """
        found = choosing.choose(self._index, stale=stale, part=part, features=features, only=only)
        return found.items

    def _choice(self, stale: bool, part: tuple[int, int] | None, features: int) -> Choice:
        return choosing.choose(self._index, stale=stale, part=part, features=features)

    def run_steps(
        self,
        *,
        segmenter: Segmenter | None = None,
        stale: bool = False,
        strict: bool = False,
        part: tuple[int, int] | None = None,
        workers: int | None = None,
        scheduler: str | None = None,
        vectors: bool = True,
        features: int = 0,
        only: Collection[str] | None = None,
    ) -> Generator[Event[str, Proposal], None, Report[str]]:
        """Generator of :meth:`run`: events of :func:`~napari_corrclip.project.run.run_steps`.

        Of the items of the names ``only`` alone, where these are given
        (:attr:`ItemRecord.name <napari_corrclip.project.records.ItemRecord.name>`).
        """
        if part is None:  # a part writes into the items' folders alone
            self._index.check_writable()
        return running.project_steps(
            self._index,
            segmenter,
            stale=stale,
            strict=strict,
            part=part,
            workers=workers,
            scheduler=scheduler,
            extras=Extras(vectors, features),
            only=only,
        )

    def size_of_vectors(
        self, *, stale: bool = False, part: tuple[int, int] | None = None, features: int = 0
    ) -> int:
        """Return up to about how many bytes the region vectors of a :meth:`run` take on the disk.

        By how many regions the images have that were run, or by the options of the recipe; images that the
        run would find in folders are not counted. Of large images it is none.

        Args:
            stale: as for :meth:`run`.
            part: as there.
            features: as there.

        Raises:
            InputError: there is no such part.
        """
        return choosing.bytes_of_all_vectors(self._index, self._choice(stale, part, features))

    def size_of_features(
        self, *, stale: bool = False, part: tuple[int, int] | None = None, features: int = 0
    ) -> int:
        """Return about how many bytes the features of a :meth:`run` take on the disk, whatever their limit.

        By the networks' shapes and the sizes of some of the images, evenly spread. Of large images none are
        kept.

        Args:
            stale: as for :meth:`run`.
            part: as there.
            features: as there, so that those are counted that are run again for theirs; 0: without these.

        Raises:
            InputError: there is no such part.
        """
        return choosing.bytes_of_all_features(self._index, self._choice(stale, part, features))

    def items_to_relabel(self) -> Relabelled:
        """Return the items that :meth:`relabel` would take, and those that need a :meth:`run`, too."""
        return relabelling.items_to_relabel(self._index)

    def relabel_steps(
        self, *, segmenter: Segmenter | None = None, strict: bool = False
    ) -> Generator[Event[str, Proposal], None, Report[str]]:
        """Generator of :meth:`relabel`: events of :func:`~napari_corrclip.project.run.run_steps`."""
        self._index.check_writable()
        return relabelling.relabel_steps(self._index, self._lesson, segmenter, strict=strict)

    def relabel(
        self,
        *,
        segmenter: Segmenter | None = None,
        strict: bool = False,
        progress: bool | None = None,
    ) -> Report[str]:
        """Label what was pre-labelled by other words anew, by the features that a run has kept.

        The fast half of a run alone: no image tower runs, no image is read, and it may even be gone. Results
        are those of a run by the same words, to the bit. What has no features, or those of other settings, is
        left as it is (:meth:`items_to_relabel`), and so is what a person has begun to correct.

        Args:
            segmenter: networks of the project's recipe that are loaded already.
            strict: end with the first item that fails; its former labels stay.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: a run is at work, or a result cannot be saved.
            WeightsError: the networks cannot be loaded.
        """
        return drive(self.relabel_steps(segmenter=segmenter, strict=strict), show=progress)

    def teach_steps(self) -> Steps[TaughtSet]:
        """Generator of :meth:`teach`."""
        self._index.check_writable()
        return teaching.teach_steps(self._index, self._lesson)

    def teach(self, *, progress: bool | None = None) -> TaughtSet:
        """Let all images that nobody has begun to correct show what was learnt on others.

        The labels and probabilities of their undecided regions are from then on those of the lesson, in
        lists, exports and the order of images, too; the provenance says so. The step can be undone in each
        image, and what the networks said is kept. After another run the images show the networks' opinion.

        Args:
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: a run is at work, or the index cannot be written.
        """
        return drive(self.teach_steps(), show=progress)

    # -- handing on, and taking back

    def export_steps(
        self,
        folder: str | os.PathLike[str],
        format: str,  # noqa: A002 - as everybody calls it
        *,
        only: ItemState | str | Iterable[ItemState | str] = (),
        options: ExportOptions | None = None,
    ) -> Steps[Exported]:
        """Generator of :meth:`export`."""
        states = [only] if isinstance(only, str) else list(only)
        chosen = [reviewing.state_of(state) for state in states]
        return exporting.project_steps(self._index, folder, format, only=chosen, options=options)

    def export_item_steps(
        self,
        item: ItemRecord | str,
        session: Session,
        folder: str | os.PathLike[str],
        format: str,  # noqa: A002
        *,
        options: ExportOptions | None = None,
    ) -> Steps[Exported]:
        """Export one item as its open session shows it; see :meth:`export`."""
        name = self.item(item).name
        return exporting.item_steps(self._index, name, session, folder, format, options)

    def export(
        self,
        folder: str | os.PathLike[str],
        format: str,  # noqa: A002
        *,
        only: ItemState | str | Iterable[ItemState | str] = (),
        options: ExportOptions | None = None,
        progress: bool | None = None,
    ) -> Exported:
        """Write the labels of the set in the format of a trainer: as corrected, else as proposed.

        Args:
            folder: is made, with all of it or not at all.
            format: its name, one of :data:`napari_corrclip.project.export.formats.FORMATS`.
            only: items in these states, such as ``"verified"``; none: all that have labels and are not
                skipped.
            options: masks, numbers, pictures, a split; ``None``: as the format does usually.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: no item is in these states, the format cannot hold something, or the folder has
                something or cannot be written.
        """
        return drive(self.export_steps(folder, format, only=only, options=options), show=progress)

    def import_steps(
        self,
        folder: str | os.PathLike[str],
        *,
        format: str | None = None,  # noqa: A002
        kind: As = "decisions",
        by: str = "",
        replace: bool = False,
        manifest: bool = True,
    ) -> Steps[Imported]:
        """Generator of :meth:`import_labels`."""
        opened = Opened.of(folder, name=format, manifest=manifest)
        return importing.import_steps(self._index, opened, as_=kind, by=by, replacing=replace)

    def import_labels(
        self,
        folder: str | os.PathLike[str],
        *,
        format: str | None = None,  # noqa: A002
        kind: As = "decisions",
        by: str = "",
        replace: bool = False,
        manifest: bool = True,
        progress: bool | None = None,
    ) -> Imported:
        """Take the labels of an export, of this program or another one, into the items of the same images.

        Images go by their paths, else by their names. With the manifest that lies beside an export,
        decisions come back as they were, and what was changed in another program since counts as decided.
        What somebody has corrected here, or a run has proposed, stays and is told.

        Args:
            folder: of the export.
            format: its name; ``None``: it is found out.
            kind: what labels are without a manifest: a person's ``"decisions"``, or ``"predictions"``.
            by: who decided, where nobody else is named.
            replace: let labels take the place of what is there; of decisions as a step that can be undone.
            manifest: whether the manifest is looked at.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: it is no export, or a run is at work.
        """
        steps = self.import_steps(
            folder, format=format, kind=kind, by=by, replace=replace, manifest=manifest
        )
        return drive(steps, show=progress)

    # -- two people

    def compare_steps(
        self, other: Project, *, verified: bool = False, decided: bool = False
    ) -> Steps[Comparison]:
        """Generator of :meth:`compare`."""
        return compare_steps(self._index, _other(other), verified=verified, decided=decided)

    def compare(
        self,
        other: Project,
        *,
        verified: bool = False,
        decided: bool = False,
        progress: bool | None = None,
    ) -> Comparison:
        """Compare what this project and another one say of the images that both have; nothing is written.

        Images are the same by their content, classes by their names. Labels are those that each project
        shows now: as corrected, else as proposed.

        Args:
            other: of somebody else, or of the same person at another time.
            verified: only images that both have verified.
            decided: only pixels that somebody has decided in both; all pixels of a verified image are.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Returns:
            The counts, κ and IoU follow from; images that cannot be compared are passed over and told.
        """
        steps = self.compare_steps(other, verified=verified, decided=decided)
        return drive(steps, show=progress)

    def labels_beside(
        self, other: Project, image: ComparedImage, *, decided: bool = False, side: int = 0
    ) -> LabelsBeside:
        """Return the labels of a compared image in both projects, and where they differ.

        Args:
            other: that it was compared with.
            image: of the comparison.
            decided: as it was for :meth:`compare`.
            side: the longest side in pixels of what is returned; 0: the image's own.

        Raises:
            InputError: they cannot be read any more.
        """
        return labels_beside(self._index, _other(other), image, decided=decided, side=side)

    def merge_steps(
        self, other: Project, folder: str | os.PathLike[str], *, prefer: Prefer = "none"
    ) -> Steps[Merged]:
        """Generator of :meth:`merge`."""
        return merge_steps(self._index, _other(other), folder, prefer=prefer)

    def merge(
        self,
        other: Project,
        folder: str | os.PathLike[str],
        *,
        prefer: Prefer = "none",
        progress: bool | None = None,
    ) -> Merged:
        """Make a new project of this one and another: all images, classes and decisions of both.

        It begins as a copy of this one; neither is written into. Images are the same by their content,
        classes by their names. What the other one has decided on images of both is a step in their sessions,
        which can be undone there. Decisions that conflict are listed in the new project
        (:attr:`conflicts`), whatever becomes of them.

        Args:
            other: of somebody else.
            folder: of the new project; there must be nothing in it. It appears whole or not at all.
            prefer: whose decision comes through where both decided otherwise of the same pixels: ``"A"`` is
                this project's, ``"B"`` the other's, ``"newest"`` the one that was made last; by ``"none"``
                they are undecided in the new project.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: something is in the folder, it cannot be written, or somebody is at work on one of
                both.
        """
        return drive(self.merge_steps(other, folder, prefer=prefer), show=progress)

    def sample_steps(
        self,
        number: int,
        folder: str | os.PathLike[str] | None = None,
        *,
        kind: Kind = "images",
        seed: int = 0,
        verified: bool = False,
    ) -> Steps[Sample]:
        """Generator of :meth:`sample`."""
        return sample_steps(self._index, number, folder, kind=kind, seed=seed, verified=verified)

    def sample(
        self,
        number: int,
        folder: str | os.PathLike[str] | None = None,
        *,
        kind: Kind = "images",
        seed: int = 0,
        verified: bool = False,
        progress: bool | None = None,
    ) -> Sample:
        """Draw at random of what was decided, and make a project of it for a second look.

        It has the same classes, the images (linked) and what the networks proposed, and no decision. This
        one is not written into. When somebody has decided there, :meth:`compare` with it tells the κ of
        both looks, and its interval for all that it was drawn from.

        Args:
            number: how many; if there are fewer, all.
            folder: of the new project; there must be nothing in it. ``None``: beside this one.
            kind: draw ``"images"``, or single ``"regions"`` that were decided as they were proposed.
            seed: another one draws others.
            verified: of verified images alone.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: nothing was decided, or the project cannot be written.
        """
        steps = self.sample_steps(number, folder, kind=kind, seed=seed, verified=verified)
        return drive(steps, show=progress)

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What was decided otherwise in the projects that this one was merged of."""
        return read_conflicts(self.folder)

    def open_conflicts(self, conflicts: Sequence[Conflict] | None = None) -> list[Conflict]:
        """Return those that nobody won and that nobody has decided since the merge.

        A :meth:`sheet` of ``SheetFilter(conflicts=True)`` has their regions. Those of images that were
        verified or skipped since wait for nobody.

        Args:
            conflicts: all of them, if they were read already; ``None``: :attr:`conflicts`.
        """
        all_of_them = self.conflicts if conflicts is None else conflicts
        return [each.conflict for each in open_conflicts(self._index, all_of_them)]

    @cached_property
    def drawn(self) -> Drawn | None:
        """What this project was drawn from for a second look; ``None``: it is no such sample.

        Raises:
            InputError: the record of it is damaged.
        """
        return read_drawn(self.folder)

    def collect_steps(self) -> Steps[int]:
        """Generator of :meth:`collect`."""
        self._index.check_writable()
        return collecting.collect_steps(self._index)

    def collect(self, *, progress: bool | None = None) -> int:
        """Take into the index what parts of a run have left in the items' folders; return how many items.

        Args:
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: another run is at work, or something there is damaged.
        """
        return drive(self.collect_steps(), show=progress)

    def run(
        self,
        *,
        segmenter: Segmenter | None = None,
        stale: bool = False,
        strict: bool = False,
        part: tuple[int, int] | None = None,
        workers: int | None = None,
        scheduler: str | None = None,
        vectors: bool = True,
        features: int = 0,
        progress: bool | None = None,
    ) -> Report[str]:
        """Run the networks over what has no result yet, and keep each result as it is done.

        What is done stays done however a run ends; the next one goes on, and takes in what parts have left in
        the items' folders. What a person has begun to correct is left as it is.

        Args:
            segmenter: networks of the project's recipe that are loaded already.
            stale: run what was pre-labelled by other settings or words, or of an image that was changed
                since, too.
            strict: end with the first image that fails.
            part: ``(i, n)``: of n parts the i-th alone, from 1 on. It writes into the items' folders and not
                into the index, so that parts can run at once, on any machines; :meth:`collect` brings
                them in. Which items are of a part follows from their names.
            workers: have the images run by so many processes of one thread each on this machine, which are
                made for the run by Dask (extra ``cluster``). As each begins as a Python of its own, a script
                keeps the call below ``if __name__ == "__main__"``.
            scheduler: have them run by the workers of the Dask scheduler at this address, such as
                ``tcp://10.0.0.1:8786``, which need the same packages, and the weights. This process alone
                writes.
            vectors: keep vectors of the regions beside each result, see :meth:`vectors`; results are the same
                with and without.
            features: keep those of the images, up to so many bytes on the disk, so that other words need no
                image tower (:meth:`relabel`); :meth:`size_of_features` tells before how many they are. As
                far as they leave room, items are run again that have a result by today's settings and no
                features, and that nobody has decided about; their results stay the same. 0: none are kept.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: another run is at work, or a result cannot be saved; the scheduler is gone, or a
                worker cannot follow the recipe.
            WeightsError: the networks cannot be loaded.
        """
        steps = self.run_steps(
            segmenter=segmenter,
            stale=stale,
            strict=strict,
            part=part,
            workers=workers,
            scheduler=scheduler,
            vectors=vectors,
            features=features,
        )
        return drive(steps, show=progress)

    # -- reviewing

    def result(self, item: ItemRecord | str) -> Segmentation | LargeSegmentation:
        """Return what the networks proposed for an item; of a large image, with its maps on the disk.

        Raises:
            InputError: there is no result, or it is damaged.
        """
        return read_result(self.folder_of(item))

    @property
    def lesson(self) -> ProjectLesson:
        """What has been decided on the images so far, and what it says of others."""
        return self._lesson

    def features(self, item: ItemRecord | str) -> Features:
        """Return the features of an item's image that a run has kept.

        Args:
            item: or its name.

        Raises:
            InputError: there are none (a run without them, a large image, a result that was taken up), or
                they are damaged or of another result.
        """
        return read_features(self.folder_of(item))

    def vectors(self, item: ItemRecord | str) -> RegionVectors:
        """Return the vectors of the regions that the networks proposed for an item.

        They are of the run: regions that a person has made since by a split have none
        (:meth:`~napari_corrclip.results.vectors.RegionVectors.rows_of` says so), and of a merged one there
        are those of its parts.

        Args:
            item: or its name.

        Raises:
            InputError: there are none (a run without them, a large image, a result that was taken up), or
                they are damaged or of another result.
        """
        return read_vectors(self.folder_of(item))

    def means(self, item: ItemRecord | str) -> RegionMeans:
        """Return the unprojected means of the regions that were decided in an item.

        They are kept at the end of a :meth:`session` that was given its image encoded (``session.engine``),
        and of the similarity tower for regions that are as the networks saw them.

        Args:
            item: or its name.

        Raises:
            InputError: there are none, or they are damaged.
        """
        return read_means(self.folder_of(item))

    def like_steps(
        self,
        item: ItemRecord | str,
        region: int,
        *,
        most: int = 20,
        undecided: bool = False,
        of: ClassLike | None = None,
        elsewhere: bool = False,
    ) -> Steps[LikeRegions]:
        """Generator of :meth:`like`."""
        value = None if of is None else self.vocabulary.value_of(of)
        wanted = Wanted(most, undecided, value, elsewhere)
        return like_steps(self._index, self._bank, self.item(item), region, wanted)

    def like(
        self,
        item: ItemRecord | str,
        region: int,
        *,
        most: int = 20,
        undecided: bool = False,
        of: ClassLike | None = None,
        elsewhere: bool = False,
        progress: bool | None = None,
    ) -> LikeRegions:
        """Return the regions of all images that look most like one, the likest first.

        By the cosine of their vectors (:mod:`napari_corrclip.project.bank` says of which parts of them). The
        vectors of all images are read the first time, and those of images that were run since each time.

        Args:
            item: or its name.
            region: id of a region that its run found.
            most: how many at most.
            undecided: only those that nobody has decided about.
            of: only those that show this class, its name or its label value; given itself, it is that of its
                label value, whatever it is called by then.
            elsewhere: only those of other images.
            progress: of reading, draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: the item has no vectors, or none of this region; there is no such class.
        """
        steps = self.like_steps(
            item, region, most=most, undecided=undecided, of=of, elsewhere=elsewhere
        )
        return drive(steps, show=progress)

    # -- the contact sheet

    def sheet_steps(self, wanted: SheetFilter | None = None) -> Steps[Sheet]:
        """Generator of :meth:`sheet`."""
        if wanted is not None and not isinstance(wanted, SheetFilter):
            raise InputError(f"{wanted!r} says not which regions are wanted; give a SheetFilter.")
        return sheet_steps(self._index, self._bank, wanted or SheetFilter())

    def sheet(self, wanted: SheetFilter | None = None, *, progress: bool | None = None) -> Sheet:
        """Return regions of the whole set in an order, to be looked at and decided page by page.

        It stays as it is while somebody decides. Images whose files are gone, and large ones, are left out.

        Args:
            wanted: which regions, and what comes first; ``None``: all that nobody has decided about, those of
                whose class the networks are least sure first.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: regions that the others are to look like have no vectors, or these are damaged.
        """
        return drive(self.sheet_steps(wanted), show=progress)

    def read_regions(self, places: Iterable[Place | SheetRegion]) -> list[SheetRegion]:
        """Return regions as they are now, in the order of their places; those that are gone are left out.

        Args:
            places: an item's number and the id of a region in it, each, as a page of :meth:`sheet` has them;
                or regions.

        Raises:
            InputError: one is no place.
        """
        return read_regions(self._index, places)

    def crop_steps(
        self, regions: Iterable[SheetRegion], framing: Framing = ON_SHEET
    ) -> Generator[Progress | Crop, None, int]:
        """Generator of the small pictures of regions, each as it is made; returns how many there are.

        The images are read one after another, each once. What was made is kept in the project
        (:attr:`crops`), so that it is read from there the next time; in one that may only be read, in memory.

        Args:
            regions: as of :meth:`read_regions`.
            framing: how large, and how much around them:
                :data:`~napari_corrclip.project.crops.ON_SHEET`,
                :data:`~napari_corrclip.project.crops.IN_CONTEXT`, or another one.
        """
        return crop_steps(self.folder, regions, self.crops, framing)

    def decide_steps(
        self,
        decisions: Mapping[SheetKey, SheetAnswer],
        *,
        by: str = "",
        opened: Mapping[str, Session] | None = None,
        to: DecidedSheet | None = None,
        made: VocabularyClass | None = None,
    ) -> Steps[DecidedSheet]:
        """Generator of :meth:`decide`."""
        self._index.check_writable()
        value = None if made is None else made.value
        return decide_steps(
            self._index, self._lesson, decisions, by, opened=opened, to=to, made=value
        )

    def decide(
        self,
        decisions: Mapping[SheetKey, SheetAnswer],
        *,
        by: str = "",
        opened: Mapping[str, Session] | None = None,
        to: DecidedSheet | None = None,
        made: VocabularyClass | None = None,
        progress: bool | None = None,
    ) -> DecidedSheet:
        """Decide about regions of many images at once, each in the session of its image.

        ::

            page = project.read_regions(project.sheet().page(0))
            decided = project.decide({**dict.fromkeys(page), page[3]: "hedge"}, by="ann")
            project.undo_sheet(decided)

        What is decided in an image is one step of its history, teaches the lesson, and is shown of others of
        its regions where the lesson's switch is on. An image that somebody else has open, or whose file is
        gone or another one by now, is left and told; the others are decided.

        Args:
            decisions: by regions as of :meth:`read_regions`, which are left if they show something else by
                now than what was looked at; or by pairs of an item, or its name or number, and a region's id.
                Each has a class of the set, its name or its label value; 0: it is left out; ``None``: it is
                as it is shown, which decides no conflict of two people (:meth:`open_conflicts`), nor
                that it is of a class which the set has no more.
            by: who decides.
            opened: sessions of items, by their names, that are open here, and are decided where they are;
                whoever has them open tells the index and the lesson.
            to: a record that this goes on with, so that both are taken back as one.
            made: a class that was made for it (:meth:`add_class`), and goes with it when it is taken back.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Returns:
            The record, with what was left.

        Raises:
            InputError: there is no such item or class, or the record cannot be written.
        """
        steps = self.decide_steps(decisions, by=by, opened=opened, to=to, made=made)
        return drive(steps, show=progress)

    def add_class(self, name: str) -> VocabularyClass:
        """Add a class without prompts to the set, of which regions will be the examples; return it.

        Args:
            name: of the class.

        Raises:
            InputError: there is a class of the name already, or it cannot be written.
        """
        words = self.classes_beside(None, self.vocabulary.add(name, prompts=(), background=False))
        self.change_classes(None, words)
        return words.classes[words.index(name)]

    def new_class_steps(
        self,
        name: str,
        regions: Iterable[SheetKey],
        *,
        by: str = "",
        opened: Mapping[str, Session] | None = None,
    ) -> Steps[DecidedSheet]:
        """Generator of :meth:`new_class`."""
        examples = list(regions) if isinstance(regions, Iterable) else []
        if not examples:
            raise InputError("No region is chosen as an example; choose at least one.")
        made = self.add_class(name)
        decisions = dict.fromkeys(examples, made)
        sheet = None
        try:
            sheet = yield from self.decide_steps(decisions, by=by, opened=opened, made=made)
        finally:
            if sheet is None or not sheet.items:  # nothing became of it
                words = self.vocabulary
                self.change_classes(words, words.remove(made.name))
        return sheet

    def new_class(
        self,
        name: str,
        regions: Iterable[SheetKey],
        *,
        by: str = "",
        opened: Mapping[str, Session] | None = None,
        progress: bool | None = None,
    ) -> DecidedSheet:
        """Make a class of the set of which regions of any images are the examples.

        It has no prompts: the networks are not asked for it, and the lesson learns from the examples what it
        looks like.

        Args:
            name: of the class; no other one has it.
            regions: as for :meth:`decide`.
            by: who decides.
            opened: as for :meth:`decide`.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Returns:
            The record; :meth:`undo_sheet` removes the class, too, unless something else is of it by then.

        Raises:
            InputError: there is a class of the name already, or as of :meth:`decide`.
        """
        return drive(self.new_class_steps(name, regions, by=by, opened=opened), show=progress)

    def undo_sheet_steps(
        self,
        sheet: DecidedSheet,
        *,
        by: str = "",
        opened: Mapping[str, Session] | None = None,
        only: Collection[str] | None = None,
    ) -> Steps[UndoneSheet]:
        """Generator of :meth:`undo_sheet`."""
        self._index.check_writable()
        found = yield from undo_steps(self._index, self._lesson, sheet, by, opened, only)
        words = self.vocabulary
        undone = {each.number for each in self.decided_sheets() if each.undone}
        heirs = self._index.survivors().values()  # what others became stays, until they are parted
        can_go = sheet.made in words.values and sheet.made not in heirs and len(words) > 1
        if sheet.made is not None and can_go and sheet.number in undone:
            class_ = words.by_value(sheet.made)
            self.change_classes(words, words.remove(class_.name))
        return found

    def undo_sheet(
        self,
        sheet: DecidedSheet,
        *,
        by: str = "",
        opened: Mapping[str, Session] | None = None,
        only: Collection[str] | None = None,
        progress: bool | None = None,
    ) -> UndoneSheet:
        """Take back exactly what was decided at once on a sheet, in each of its images.

        Where nothing was done to an image since, that is an undo in its history; else a step that takes back
        the decisions on these regions alone. An image in which one of them was edited since, or that somebody
        else has open, is left and told. One in which it was undone by hand is told, too, and counts as taken
        back.

        Args:
            sheet: as of :meth:`decide`, or one of :meth:`decided_sheets`.
            by: who takes it back.
            opened: as for :meth:`decide`.
            only: names of items, in which alone it is taken back now; ``None``: in all.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: it was taken back already.
        """
        steps = self.undo_sheet_steps(sheet, by=by, opened=opened, only=only)
        return drive(steps, show=progress)

    def tell_undone(self, undone: UndoneSheet) -> None:
        """Let the index have who had decided what before a sheet that was taken back in open sessions.

        Args:
            undone: as of :meth:`undo_sheet`; of the sessions that were ``opened`` there the index was told
                since (:meth:`take`).

        Raises:
            InputError: it cannot be written.
        """
        self._index.check_writable()
        tell(self._index, undone.untold)

    def decided_sheets(self) -> list[DecidedSheet]:
        """Return what was ever decided at once on sheets, the last one last.

        Of one in the middle of which the process was killed, it is what was about to be decided by then.

        Raises:
            InputError: their file cannot be read.
        """
        return acts.read(self.folder)

    @contextlib.contextmanager
    def session(self, item: ItemRecord | str, *, by: str = "") -> Iterator[Session]:
        """Give the session of an item to correct it; every edit is on the disk as it is made.

        Afterwards the item is in review, if something was decided, and the index has its regions. A class
        that is added to it has a label value that is no other class in the set, also where the item was run
        by older classes.

        Args:
            item: or its name.
            by: who corrects.

        Raises:
            InputError: it has neither result nor session, its image is gone or another one now, is a large
                one, or somebody else has it open.
        """
        check_by(by)
        self._index.check_writable()
        with reviewing.reviewed(self._index, self.item(item), by) as session:
            session.beside = self.classes_beside
            try:
                yield session
            finally:  # the project may be closed before the session is let go of
                session.beside = None

    def encode_steps(
        self, item: ItemRecord | str, session: Session, *, segmenter: Segmenter | None = None
    ) -> Steps[EncodedImage]:
        """Generator of :meth:`encode`, which leaves it to the caller to give it to the session."""
        if segmenter is not None:
            self._networks.loaded = segmenter.recipe, segmenter
        record = self.item(item)
        image, folder = self.path_of(record), self.folder_of(record)
        reviewing.check_unchanged(record, image)
        pixels = read_plane(image, record.plane, reviewing.as_it_was_read(folder))
        run, device = ShownRun.of(session), self.recipe.device
        return (yield from encode_steps(run, pixels, self._networks, folder=folder, device=device))

    def encode(
        self,
        item: ItemRecord | str,
        session: Session,
        *,
        segmenter: Segmenter | None = None,
        progress: bool | None = None,
    ) -> EncodedImage:
        """Encode the image of an item's session, which opens without networks.

        From then on new classes are looked for at once (:meth:`Session.set_vocabulary`), likeness and splits
        by points are told by the networks, and the end of a :meth:`session` keeps the means of decided
        regions. It is encoded by the recipe of the run that the session shows, and in its regions: of what
        that run kept of the image where it did, so that no image tower runs, else anew. The networks stay
        loaded for the next item, until the project is closed.

        Args:
            item: or its name.
            session: of it; its decisions and labels stay as they are.
            segmenter: networks that are loaded already, which are taken where they are those of the recipe.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Returns:
            The encoded image, which is the session's ``engine`` now. The session holds it no longer than the
            cache of encoded images has room for it.

        Raises:
            InputError: it is not known how the item was run, that cannot be remade, or its image is gone or
                another one now.
            WeightsError: the networks cannot be loaded.
        """
        encoded = drive(self.encode_steps(item, session, segmenter=segmenter), show=progress)
        session.engine = encoded
        return encoded

    def take(
        self,
        item: ItemRecord | str,
        session: Session,
        *,
        by: str = "",
        decided: bool = True,
        moved: Mapping[int, int] | None = None,
    ) -> None:
        """Take note of a session that somebody else keeps in an item's folder, as a window does.

        Args:
            item: or its name.
            session: of the item, as it is now.
            by: who corrects.
            decided: whether something was decided since, so that the item is in review.
            moved: label values of classes that became others, or are their own again, by what they are in
                the session now; who decided stays.

        Raises:
            InputError: it cannot be written.
        """
        self._index.check_writable()
        reviewing.take(self._index, self.item(item), session, by, decided=decided, moved=moved)

    def catch_up(self) -> int:
        """Take decisions into the index that it never heard of; return of how many items they are.

        A process that was killed may have left edits in an item's journal alone. A run does so itself.

        Raises:
            InputError: the index cannot be written.
        """
        self._index.check_writable()
        return reviewing.catch_up(self._index)

    def sessions(self) -> ItemSessions:
        """Return the store of the items' sessions, for whoever opens images and not items."""
        return ItemSessions(None, self.folder, self._index.names())

    def mark(self, item: ItemRecord | str, state: ItemState | str, *, by: str = "") -> None:
        """Say that an item is verified, to be skipped, in review again, or new.

        Args:
            item: or its name.
            state: into which it comes.
            by: who says so.

        Raises:
            InputError: there is no such state, or nothing to verify.
        """
        self.mark_all([item], state, by=by)

    def mark_all(
        self, items: Iterable[ItemRecord | str], state: ItemState | str, *, by: str = ""
    ) -> int:
        """Mark several items, all or none; return how many.

        Args:
            items: or their names, such as :meth:`items` of a state, or :meth:`items_named`.
            state: into which they come.
            by: who says so.

        Raises:
            InputError: there is no such state or item, or nothing to verify.
        """
        check_by(by)
        self._index.check_writable()
        found = [self.item(item) for item in items]
        reviewing.mark(self._index, found, reviewing.marked_state(state), by)
        return len(found)


def _other(other: object) -> Index:
    """Return the index of another project.

    Raises:
        InputError: it is none, such as the path of one.
    """
    if not isinstance(other, Project):
        raise InputError(f"{other!r} is no project; give Project.open of its folder.")
    return other._index


def _pass_over(index: Index, copies: Copies | None, told: Iterable[InputError]) -> None:
    """Have an index say what was passed over when images were added, and perhaps copied."""
    copied = () if copies is None else copies.passed_over
    index.passed_over["added"] = tuple(dict.fromkeys((*copied, *map(str, told))))


def _check(recipe: Recipe) -> None:
    """Refuse a recipe that no run could follow for every image.

    Raises:
        InputError: something was handed in, regions come with each image, or zarr is not installed.
    """
    if not recipe.whole:
        raise recipe.cannot_be_remade()
    if recipe.regions == GIVEN:
        raise InputError(
            "A project runs no regions that come with each image; give a recipe without them."
        )
    if recipe.scale is not None:
        check_zarr()
