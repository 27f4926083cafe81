"""The place where a lesson is kept: a folder with what its first image fixed, and a file a finished sitting.

``lesson.safetensors``
    the classes, which of them were merged, and the normalisation (:func:`pack_lesson
    <napari_corrclip.learning.files.pack_lesson>`).
``sittings/000001.safetensors``
    a sitting each, by its number. Several people who finish sittings at the same time get one number after
    another, so that what they taught is one sequence in the order in which they finished. A file is written
    anew only where a verdict in it was taken back later.
``asked.json``
    by what words and networks the rows of the sittings were read last, and up to which sitting: a file that
    can be thrown away, for the networks are asked again then.
``switch``
    whether what was learnt is shown: off, ask or on.

What is learnt follows from these files; nothing else is kept.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from napari_corrclip.errors import InputError
from napari_corrclip.learning.files import pack_lesson, pack_sitting, unpack_lesson, unpack_sitting
from napari_corrclip.learning.lesson import Lesson
from napari_corrclip.learning.sitting import Sitting
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.locks import Lock, take
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.storage.untrusted import read_bytes

Switch = Literal["off", "ask", "on"]
"""Whether what was learnt is shown: not at all, when a person says so at each refresh, or by itself."""
SWITCHES: tuple[Switch, ...] = get_args(Switch)
DEFAULT: Switch = "on"
"""What costs least on every set of docs/effort.md, and on none more than no lesson; to ask costs more than no
lesson where an image has few regions."""
HEAD, SITTINGS, SWITCH, LOCK = "lesson.safetensors", "sittings", "switch", ".lesson.lock"
ASKED = "asked.json"
_NAME = re.compile(r"([0-9]{6,9})\.safetensors")
_WAIT = 10.0
"""Seconds for which one who writes waits for another one."""
_TOGETHER, _KEPT = 512, 4
"""Sittings that are folded at once, and the last lessons that are kept besides those after so many: where a
verdict is taken back, folding goes on from there."""
_LARGEST = 1 << 28
"""Bytes of a file at most."""
_MEMORY = 1 << 26
"""Bytes of sittings that stay in memory: for other classes, and at each look at what taught, all are read."""
_Mark = tuple[int, int, int]
_GONE: _Mark = (-1, -1, -1)


class LessonStore:
    """A lesson that is kept in a folder; any thread may ask.

    Args:
        folder: need not be there; it is made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._turn = threading.RLock()
        self._known: dict[int, _Mark] = {}
        self._earlier: dict[int, Lesson] = {}
        self._images: dict[int, tuple[_Mark, str, str]] = {}
        self._lesson: Lesson | None = None
        self._head_mark: _Mark = _GONE
        self._read_last: OrderedDict[int, tuple[_Mark, Sitting]] = OrderedDict()
        self._held = 0
        self._reading = threading.Lock()

    # -- the switch

    @property
    def switch(self) -> Switch:
        """Whether what was learnt is shown.

        Raises:
            InputError: its file is damaged.
        """
        path = self.folder / SWITCH
        if not path.exists():
            return DEFAULT
        said = read_text(path, "switch", limit=100).strip()
        for switch in SWITCHES:
            if said == switch:
                return switch
        raise InputError(
            f"The switch of the lesson in {str(self.folder)!r} is {said[:20]!r}; write off, ask or on into "
            f"{str(path)!r}."
        )

    @switch.setter
    def switch(self, switch: Switch) -> None:
        if switch not in SWITCHES:
            raise InputError(f"The lesson cannot be {switch!r}; say off, ask or on.")
        self._make_folder()
        write_bytes(self.folder / SWITCH, switch.encode())

    # -- the lesson

    def lesson(self, classes: Collection[int]) -> Lesson:
        """Return the lesson as all finished sittings make it, for the classes that there are now.

        Args:
            classes: label values of the vocabulary.

        Raises:
            InputError: a file is damaged.
        """
        with self._turn:
            return self._current(tuple(classes))

    def begun(self, classes: Collection[int], vectors: RegionVectors) -> Lesson:
        """Return the lesson, begun by an image where it was not.

        Args:
            classes: label values of the vocabulary.
            vectors: of the image's regions.

        Raises:
            InputError: a file is damaged, or the lesson cannot be kept.
        """
        with self._turn:
            lesson = self._current(tuple(classes))
            if lesson.normalisation is not None or not len(vectors):
                return lesson
            with self._alone():
                lesson = self._current(tuple(classes)).begun(
                    vectors
                )  # somebody may have been faster
                write_bytes(self.folder / HEAD, pack_lesson(lesson))
            return self._current(tuple(classes))

    def finish(
        self,
        classes: Collection[int],
        sitting: Sitting,
        taken_back: Mapping[int, Collection[int]] | None = None,
    ) -> Lesson:
        """Keep a finished sitting as the last one, and return the lesson after it.

        Args:
            classes: label values of the vocabulary.
            sitting: its number is given here. One without looks is not kept.
            taken_back: regions whose verdicts in former sittings hold no more, by the number of the sitting.

        Raises:
            InputError: it cannot be kept, or a file is damaged.
        """
        with self._turn:
            gone = {number: some for number, some in (taken_back or {}).items() if some}
            if not len(sitting.looks) and not gone:
                return self._current(tuple(classes))
            with self._alone():
                for number, regions in gone.items():
                    path = self._path(number)
                    if path.exists():
                        kept = self._read(path).without(np.array(sorted(regions), np.int64))
                        write_bytes(path, pack_sitting(kept))
                if len(sitting.looks):
                    number = max([0, *self._files()]) + 1
                    numbered = replace(sitting, number=number)
                    self._current(tuple(classes)).finish(numbered)  # before it is written
                    self._make_folder(SITTINGS)
                    write_bytes(self._path(number), pack_sitting(numbered))
            return self._current(tuple(classes))

    @property
    def has_sittings(self) -> bool:
        """Whether anything was taught yet.

        Raises:
            InputError: the folder cannot be looked through.
        """
        return bool(self._files())

    def merge(self, classes: Collection[int], merged: Mapping[int, int]) -> Lesson:
        """Take note that classes were made one, and return the lesson.

        Args:
            classes: label values of the vocabulary as it is now.
            merged: the value that took the place of another one, which is there no longer.

        Raises:
            InputError: it cannot be kept, or a file is damaged.
        """
        with self._turn:
            with self._alone():
                head = self._head(tuple(classes))
                together = {**head.merged, **merged}
                # One that came back is no other one any more, even if it goes again.
                together = {gone: by for gone, by in together.items() if gone not in classes}
                head = Lesson(tuple(classes), together, head.normalisation)
                write_bytes(self.folder / HEAD, pack_lesson(head))
            return self._current(tuple(classes))

    @property
    def clip_network(self) -> str:
        """The fingerprint of the CLIP that it learns by; empty before the first image.

        Raises:
            InputError: its file is damaged.
        """
        kept = self._kept()
        known = None if kept is None else kept.normalisation
        return "" if known is None else known.clip_network

    @property
    def merged(self) -> Mapping[int, int]:
        """The values that took the place of others.

        Raises:
            InputError: its file is damaged.
        """
        kept = self._kept()
        return {} if kept is None else kept.merged

    def was_asked(self, by: str) -> bool:
        """Whether the rows of all sittings were read by some words and networks, and by none since.

        Args:
            by: what names these, as given to :meth:`revise`.

        Raises:
            InputError: the folder cannot be looked through.
        """
        last = max(self._files(), default=0)
        try:
            said = load_json(read_text(self.folder / ASKED, "file", limit=1000), "It")
        except InputError:  # there is none, or it is damaged: they are read, and it is written anew
            return not last
        known = said.get("last") if isinstance(said, dict) and said.get("by") == by else None
        return type(known) is int and known >= last

    def revise(self, revised: Callable[[Sitting], Sitting] | None, by: str) -> None:
        """Write finished sittings anew, of whose regions the networks say something else by now.

        Args:
            revised: returns what a sitting is from now on; the same one: it stays. ``None``: all stay, for
                the networks know none of them.
            by: what names the words and networks, so that they need not be asked again.

        Raises:
            InputError: it cannot be kept, or a file is damaged.
        """
        with self._turn, self._alone():
            files = self._files()
            for path in files.values():
                if revised is None:
                    break
                sitting = self._read(path)
                found = revised(sitting)
                if found is not sitting:
                    write_bytes(path, pack_sitting(found))
            said = {"by": by, "last": max(files, default=0)}
            write_bytes(self.folder / ASKED, json.dumps(said).encode())

    def sittings(self, image: str | None = None, run: str | None = None) -> Iterator[Sitting]:
        """Yield the finished sittings, the first one first.

        Args:
            image: key of an image; ``None``: of all.
            run: digest of a run; ``None``: of all.

        Raises:
            InputError: a file is damaged.
        """
        for number, path in self._files().items():
            mark, *known = self._images.get(number, (_GONE, "", ""))
            if mark == _mark(path) != _GONE and not _is(known, image, run):
                continue
            sitting = self._read(path)
            if _is((sitting.image, sitting.run), image, run):
                yield sitting

    # -- files

    def _current(self, classes: tuple[int, ...]) -> Lesson:
        """Return the lesson, with what was finished or taken back since it was asked for last."""
        files = self._files()
        marks = {number: _mark(path) for number, path in files.items()}
        lesson = self._lesson
        head = _mark(self.folder / HEAD)
        if lesson is None or lesson.classes != classes or head != self._head_mark:
            self._head_mark = head
            lesson, self._known, self._earlier = self._head(classes), {}, {}
        changed = [number for number, mark in self._known.items() if marks.get(number) != mark]
        last = max(self._known, default=0)
        changed += [number for number in files if number < last and number not in self._known]
        if changed:
            lesson = self._before(min(changed), lesson)
        new = [number for number in files if number not in self._known]
        if new and lesson.normalisation is None:
            raise InputError(
                f"The lesson in {str(self.folder)!r} has sittings and no {HEAD!r}; take the file from a "
                "backup, or move the folder away and begin another one."
            )
        for first in range(0, len(new), _TOGETHER):
            some = new[first : first + _TOGETHER]
            lesson = lesson.finish(*(self._read(files[number]) for number in some))
            self._known |= {number: marks[number] for number in some}
            self._earlier[some[-1]] = lesson
        for number in sorted(self._earlier)[:-_KEPT]:
            if number % _TOGETHER:
                del self._earlier[number]
        self._lesson = lesson
        return lesson

    def _before(self, number: int, lesson: Lesson) -> Lesson:
        """Return the lesson as it was some time before a sitting, and know no more than that."""
        self._earlier = {last: kept for last, kept in self._earlier.items() if last < number}
        last = max(self._earlier, default=0)
        self._known = {known: mark for known, mark in self._known.items() if known <= last}
        return self._earlier[last] if last else lesson.replayed([])

    def _head(self, classes: tuple[int, ...]) -> Lesson:
        kept = self._kept()
        if kept is None:
            return Lesson.new(classes)
        return Lesson(classes, kept.merged, kept.normalisation).replayed([])

    def _kept(self) -> Lesson | None:
        """Return the lesson without its sittings, as its file has it; ``None``: there is none."""
        path = self.folder / HEAD
        if not path.exists():
            return None
        data = read_bytes(path, "lesson", "take it from a backup", limit=_LARGEST)
        try:
            return unpack_lesson(data)
        except InputError as error:
            raise InputError(
                f"{str(path)!r} cannot be used, and nothing is learnt until you take it from a backup or "
                f"move the folder {str(self.folder)!r} away, which begins another lesson: {error}"
            ) from None

    def _read(self, path: Path) -> Sitting:
        """Return a sitting, from memory if its file is as it was when it was read last."""
        number, mark = int(path.stem), _mark(path)
        with self._reading:
            known, before = self._read_last.get(number, (_GONE, None))
            if before is not None and known == mark != _GONE:
                self._read_last.move_to_end(number)
                return before
        sitting = self._unpacked(path, number)
        with self._reading:
            if (former := self._read_last.pop(number, None)) is not None:
                self._held -= former[1].nbytes
            self._images[number] = mark, sitting.image, sitting.run
            self._read_last[number] = mark, sitting
            self._held += sitting.nbytes
            while self._held > _MEMORY:
                _, (_, oldest) = self._read_last.popitem(last=False)
                self._held -= oldest.nbytes
        return sitting

    def _unpacked(self, path: Path, number: int) -> Sitting:
        data = read_bytes(
            path, "sitting", "move it away, and the others are learnt", limit=_LARGEST
        )
        try:
            sitting = unpack_sitting(data)
        except InputError as error:
            raise InputError(f"{str(path)!r} cannot be used: {error}") from None
        return sitting if sitting.number == number else replace(sitting, number=number)

    def _files(self) -> dict[int, Path]:
        """Return the files of the sittings by their numbers, ascending."""
        try:
            names = sorted(path.name for path in (self.folder / SITTINGS).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise InputError(
                f"The sittings of the lesson in {str(self.folder)!r} cannot be looked through "
                f"({error.strerror}); check its permissions."
            ) from None
        found = {int(name.partition(".")[0]): name for name in names if _NAME.fullmatch(name)}
        return {number: self.folder / SITTINGS / found[number] for number in sorted(found)}

    def _path(self, number: int) -> Path:
        return self.folder / SITTINGS / f"{number:06d}.safetensors"

    def _make_folder(self, *parts: str) -> None:
        place = self.folder.joinpath(*parts)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(place, error) from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let nobody else write meanwhile."""
        self._make_folder()
        path = self.folder / LOCK
        try:
            lock: Lock | None = take(path, wait=_WAIT)
        except OSError as error:
            raise cannot_write(path, error) from None
        if lock is None:
            raise InputError(
                f"Another process is writing to the lesson in {str(self.folder)!r} and does not end; try "
                "again later."
            )
        try:
            yield
        finally:
            lock.release()


def _is(known: Sequence[str], image: str | None, run: str | None) -> bool:
    return (image is None or known[0] == image) and (run is None or known[1] == run)


def _mark(path: Path) -> _Mark:
    """Return what tells whether a file is another one by now."""
    try:
        found = path.stat()
    except OSError:
        return _GONE
    # A file that is written anew in one tick of the clock is another inode.
    return found.st_mtime_ns, found.st_size, found.st_ino
