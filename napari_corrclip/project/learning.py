"""The lesson of a project: what is decided on some of its images makes the next ones easier.

It lies in the project's folder ``lesson`` (:mod:`napari_corrclip.learning.store`), apart by the networks that
the images were run by: what was learnt of one preset says nothing of another one. The index knows nothing of
it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.learning import Learning, Lookout
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.learning import Lesson, Sitting, Teacher
from napari_corrclip.learning.store import LessonStore, Switch
from napari_corrclip.project.folder import item_folder
from napari_corrclip.project.own_classes import OwnClasses
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.vectors import read_vectors
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.vocabulary import Vocabulary

FOLDER = "lesson"
_KEY = re.compile("[0-9a-f]{16}")
"""What the folder of a choice of networks is called."""


def asked_by(words: Vocabulary, recipe: Recipe) -> str:
    """Return what names the words and networks that say what a region is; 16 hex digits.

    Names, colours and the order of the classes say nothing, nor do classes without words.

    Args:
        words: the classes.
        recipe: has the networks, and the templates of words that have none.
    """
    prompts = sorted((class_.value, class_.prompts) for class_ in words if class_.prompts)
    said = json.dumps([prompts, words.templates, recipe.key()])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


class ProjectLesson:
    """The lesson that a project's images teach, and are taught by; any thread may ask.

    ::

        with project.session(item) as session:
            learning = project.lesson.learn(session, item)
            learning.apply(learning.opening())
            ...  # decide
            learning.apply(learning.look_out())
            project.lesson.finish(learning)

    Args:
        folder: of the project.
        item: tells of a name which item it is.
        check_writable: raises an ``InputError`` where nothing may be written.
        own_classes: compares an image's classes with the set's.
    """

    def __init__(
        self,
        folder: Path,
        item: Callable[[ItemRecord | str], ItemRecord],
        check_writable: Callable[[], None],
        own_classes: Callable[[Vocabulary], OwnClasses],
    ) -> None:
        self.folder = folder / FOLDER
        self._project, self._item, self._check_writable = folder, item, check_writable
        self._own_classes = own_classes
        self._stores: dict[str, LessonStore] = {}

    @property
    def switch(self) -> Switch:
        """Whether what was learnt is shown: ``off``, ``ask`` (at each refresh) or ``on``; of the whole set.

        Raises:
            InputError: its file is damaged; what is set is none of the three, or cannot be kept.
        """
        return LessonStore(self.folder).switch

    @switch.setter
    def switch(self, switch: Switch) -> None:
        self._check_writable()
        LessonStore(self.folder).switch = switch

    @property
    def has_begun(self) -> bool:
        """Whether anything was taught yet, by whatever networks the images were run."""
        return any(store.has_sittings for store in self.stores())

    def stores(self) -> list[LessonStore]:
        """Return where the lessons lie, one for each choice of networks that images were corrected by."""
        try:
            names = sorted(path.name for path in self.folder.iterdir() if path.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise InputError(
                f"The lesson in {str(self.folder)!r} cannot be looked through ({error.strerror}); check its "
                "permissions."
            ) from None
        return [self._store(name) for name in names if _KEY.fullmatch(name)]

    def store(self, vectors: RegionVectors) -> LessonStore:
        """Return where the lesson of the networks lies that vectors are of."""
        networks = f"{vectors.clip_network}\n{vectors.similarity_network}\n{vectors.projection}"
        return self._store(hashlib.sha256(networks.encode()).hexdigest()[:16])

    def _store(self, key: str) -> LessonStore:
        return self._stores.setdefault(key, LessonStore(self.folder / key))

    def lacks(self, words: Vocabulary, recipe: Recipe) -> bool:
        """Whether there are verdicts on whose regions the networks were not asked by some words.

        Args:
            words: the classes.
            recipe: has the networks. Lessons of other networks count until it is known that these have
                nothing to say of them.

        Raises:
            InputError: the lesson cannot be looked through.
        """
        by = asked_by(words, recipe)
        return bool(words.queries) and not all(store.was_asked(by) for store in self.stores())

    def merge(self, classes: Collection[int], merged: Mapping[int, int]) -> None:
        """Take note that classes of the set were made one: their verdicts speak of the one that is left.

        Args:
            classes: label values of the set's vocabulary as it is now.
            merged: the value that took the place of another one, which is there no longer. One that is there
                again has its own verdicts from now on, in any case.

        Raises:
            InputError: it cannot be kept, or a file is damaged.
        """
        for store in self.stores():
            if merged or not store.merged.keys().isdisjoint(classes):
                self._check_writable()
                store.merge(classes, merged)

    def learn(
        self, session: Session, item: ItemRecord | str, before: Learning | None = None
    ) -> Learning:
        """Let what is decided in an item's session from now on teach the lesson.

        Nothing is written before :meth:`finish`.

        Args:
            session: of the item, as :meth:`Project.session` gives it.
            item: or its name.
            before: what learnt from the session until its words changed.

        Raises:
            InputError: the item has no vectors, or they are of another run than the session's; a class of the
                session is another one in the set; the lesson is damaged.
        """
        record, words = self._item(item), session.vocabulary
        self._check_classes(words)
        vectors = read_vectors(item_folder(self._project, record.name))
        store = self.store(vectors)
        former = list(store.sittings(record.name))
        return session.learn(store.lesson(words.values), vectors, record.name, former, before)

    def finish(self, learning: Learning) -> Lesson:
        """Keep what was learnt in a session that is left, and return the lesson after it.

        Raises:
            InputError: it cannot be kept; the session shows another run or other classes by now, or a class
                of it is another one in the set.
        """
        self._check_writable()
        own = self._check_classes(learning.timeline.state.vocabulary)
        store, classes = self.store(learning.vectors), learning.lesson.classes
        sitting, taken_back = learning.leave(), learning.taken_back
        if len(sitting.looks):  # the first image that teaches something fixes how vectors are read
            store.begun(classes, learning.vectors)
            # What became another class before anything was taught by these networks.
            known = store.merged
            missing = {gone: heir for gone, heir in own.heirs.items() if gone not in known}
            if missing:
                store.merge(own.values, missing)
        return store.finish(classes, sitting, taken_back)

    def _check_classes(self, words: Vocabulary) -> OwnClasses:
        """Refuse verdicts that would speak of other classes than they are meant of."""
        own = self._own_classes(words)
        if own.clash:
            raise InputError(
                f"{own.clash}, so that nothing can be learnt here; give its regions another class, then "
                "remove it."
            )
        return own

    def opening(self, session: Session, item: ItemRecord | str) -> Lookout:
        """Return what an item's undecided regions are taken for by what is known; nothing is learnt.

        Nothing is written either, so that a project that may only be read says it, too.

        Args:
            session: of the item.
            item: or its name.

        Raises:
            InputError: as of :meth:`learn`.
        """
        return self.learn(session, item).opening()

    def what_taught(self, learning: Learning, region: int, most: int = 3) -> tuple[Teacher, ...]:
        """Return the verdicts, on whatever image, on the regions that look most like one.

        Args:
            learning: of the session that has the region.
            region: its id.
            most: how many.

        Raises:
            InputError: a file of the lesson is damaged.
        """
        sittings: list[Sitting] = list(self.store(learning.vectors).sittings())
        return learning.what_taught(region, sittings, most)
