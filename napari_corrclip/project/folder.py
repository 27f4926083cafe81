"""The folder of a project, and the folders of its items: what is written by whom, so that no write is shared.

``project.json``
    the vocabulary, the recipe and the places of images: with the items all that the index is made of. It
    follows the index, and is written when a transaction has ended: everybody works by the index, so that
    what an index refused must not come back by a repair. Where a process was killed between the two, the
    index is ahead, and whoever opens the project next to write lets the file catch up.
``project.sqlite``
    the index (:mod:`napari_corrclip.project.index`).
``items/NAME/``
    an image: ``item.json`` says which, and what became of it; ``result`` is a result as everywhere
    (:mod:`napari_corrclip.results.folder`), ``session`` the journal of a person's corrections. A run writes
    ``result``, a reviewer ``session``; ``item.json`` is written last, whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from napari_corrclip.annotation import Session, restore
from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.annotation.files.log import glance, has_session
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.images.origin import digest_of, place_of, position_of
from napari_corrclip.images.pixels import Pixels
from napari_corrclip.images.stack import Stack, Where, check_place
from napari_corrclip.project.database import NAME
from napari_corrclip.project.records import ItemState
from napari_corrclip.results.folder import LARGE_FORMAT, read_provenance
from napari_corrclip.results.large import LargeSegmentation
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.names import cut
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.storage.zarr_folders import METADATA
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.visible import visible_bytes

SUFFIX = ".corrclip-project"
FORMAT = "napari-corrclip project 1"
ITEM_FORMAT, PLANE_FORMAT = "napari-corrclip item 1", "napari-corrclip item 2"
"""Of an image, and of a plane, which an earlier version would take for one."""
PROJECT, ITEM, ITEMS, RESULT, SESSION = "project.json", "item.json", "items", "result", "session"
SHEETS = "sheets.jsonl"
_KINDS = {
    "path": str, "size": int, "mtime": int, "digest": str, "reason": str, "by": str, "at": float,
    "recipe": str, "vocabulary": str, "seconds": float,
}  # fmt: skip
_SAMPLED = 32
"""Hex digits of a checksum of samples, see :func:`~napari_corrclip.images.origin.digest_of`."""
_PIECE = 1 << 20
_ZARR = (*METADATA, ".zattrs", ".zmetadata")
_DEPTH = 24
"""So deep are folders inside a zarr folder looked into."""
_STEM = 60
"""Bytes of an image's name that its item's folder is called by."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The content of ``item.json``: which image an item is, and what became of it.

    Attributes:
        path: as an :class:`~napari_corrclip.project.records.ItemRecord` has it, like the next three.
        size: bytes of the file.
        mtime: when it was last changed, see :func:`file_now`.
        digest: checksum of its content.
        state: what became of it.
        reason: why it failed.
        by: who brought it into this state.
        at: when.
        recipe: key of the recipe that made the result; empty: there is none.
        vocabulary: fingerprint of the vocabulary that it was made by.
        seconds: that it took.
        plane: which one of a stack; empty of one image.
        stack: the stack's planes.
    """

    path: str
    size: int = 0
    mtime: int = 0
    digest: str = ""
    state: ItemState = ItemState.NEW
    reason: str = ""
    by: str = ""
    at: float = 0.0
    recipe: str = ""
    vocabulary: str = ""
    seconds: float = 0.0
    plane: Where = ()
    stack: Stack | None = None

    def write(self, folder: Path, name: str = ITEM) -> None:
        """Write it into an item's folder, whole or not at all.

        Args:
            folder: of the item.
            name: of the file.

        Raises:
            InputError: it cannot be written.
        """
        document = {"format": PLANE_FORMAT if self.plane else ITEM_FORMAT, **asdict(self)}
        del document["plane"], document["stack"]
        if self.stack is not None:
            document |= {"plane": list(self.plane), "stack": self.stack.to_document()}
        write_bytes(folder / name, (json.dumps(document, indent=2) + "\n").encode())

    def write_new(self, folder: Path, name: str = ITEM) -> None:
        """Write it into an item's folder, which need not exist yet; the project's does.

        Args:
            folder: of the item.
            name: of the file.

        Raises:
            InputError: it cannot be written, or the project was moved away.
        """
        try:
            # None above them: there would be two halves of a project that was moved.
            for place in (folder.parent, folder):
                place.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from None
        self.write(folder, name)

    @classmethod
    def read(cls, folder: Path) -> Outcome:
        """Return that of an item's folder; the file is taken as untrusted.

        Raises:
            InputError: there is none, or it is damaged.
        """
        where = str(folder / ITEM)
        document = load_json(read_text(folder / ITEM, "item"), f"The item {where!r}")
        known = (ITEM_FORMAT, PLANE_FORMAT)
        if not isinstance(document, dict) or document.get("format") not in known:
            raise InputError(
                f"{where!r} is no item of this version; remove its folder and run again."
            )
        values: dict[str, Any] = {}
        for field in fields(cls):
            if field.name in ("plane", "stack"):
                continue
            value = document.get(field.name, None if field.name == "path" else field.default)
            if field.name == "state":
                value = next((state for state in ItemState if state == value), None)
            elif _KINDS[field.name] is float and type(value) is int:
                value = float(value)
            elif type(value) is not _KINDS[field.name] or not _can_be_kept(value):
                value = None
            if value is None:
                raise InputError(
                    f"{where!r}: {field.name!r} is {document.get(field.name)!r}; remove the folder and "
                    "run again."
                )
            values[field.name] = value
        if document["format"] == PLANE_FORMAT:
            stack = Stack.from_document(document.get("stack"), where)
            plane = document.get("plane")
            place = tuple(plane) if isinstance(plane, list) else ()
            if not all(type(at) is int for at in place):
                place = ()
            check_place(stack.shape, place, where)
            values |= {"plane": place, "stack": stack}
        return cls(**values)


def _can_be_kept(value: object) -> bool:
    """Whether an index can have a value: a whole number of 64 bits, a text without an end in it."""
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return not (isinstance(value, str) and "\0" in value)


@dataclass(frozen=True, slots=True)
class Choices:
    """The content of ``project.json``.

    Attributes:
        vocabulary: the classes of the set.
        recipe: how its images are run.
        places: where images are looked for, as seen from the project's folder.
        merged: classes that became others, each as the index has it.
        tree: rows of the tree of all classes that the set ever had; empty: it is that of the vocabulary.
    """

    vocabulary: Vocabulary
    recipe: Recipe
    places: tuple[str, ...] = ()
    merged: tuple[dict[str, Any], ...] = ()
    tree: tuple[Sequence[int | None], ...] = ()

    def write(self, folder: Path) -> None:
        """Write it into a project's folder, whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        write_bytes(folder / PROJECT, self._text.encode())

    def is_in(self, folder: Path) -> bool:
        """Whether a project's folder has them as they are; what cannot be read has not."""
        try:
            return read_text(folder / PROJECT, "project") == self._text
        except InputError:
            return False

    @property
    def _text(self) -> str:
        document = {
            "format": FORMAT,
            "vocabulary": self.vocabulary.to_document(),
            "recipe": json.loads(self.recipe.to_json()),
            "places": list(self.places),
        }
        if self.merged:
            document["merged"] = list(self.merged)
        if self.tree:
            document["tree"] = list(self.tree)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Choices:
        """Return that of a project's folder; the file is taken as untrusted.

        Raises:
            InputError: there is none, or it is damaged.
        """
        where = f"The project {str(folder / PROJECT)!r}"
        document = load_json(read_text(folder / PROJECT, "project"), where)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError(
                f"{where} is not one of this version; install the newest napari-corrclip."
            )
        places = document.get("places", [])
        if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
            raise InputError(f"{where}: 'places' is {places!r}; give a list of paths.")
        merged = document.get("merged", [])
        if not isinstance(merged, list) or not all(isinstance(each, dict) for each in merged):
            raise InputError(f"{where}: 'merged' is {merged!r}; give a list of merged classes.")
        rows = document.get("tree", [])
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise InputError(f"{where}: 'tree' is {rows!r}; give a list of lists, or take it out.")
        return cls(
            Vocabulary.from_document(document.get("vocabulary")),
            Recipe.from_json(json.dumps(document.get("recipe"))),
            tuple(places),
            tuple(merged),
            tuple(rows),
        )


def item_name(path: str, plane: Where = (), shape: tuple[int, ...] = ()) -> str:
    """Return what the folder of a new item is called: its image's name, and what tells it from others.

    Args:
        path: of the image, as seen from the project's folder.
        plane: of a stack, which plane.
        shape: how many planes there are along each axis.
    """
    stem = "".join(
        letter if letter.isalnum() or letter in "._- " else "_" for letter in Path(path).stem
    )
    name = (
        f"{cut(stem, _STEM).strip(' .') or 'image'}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"
    )
    # Names of planes sort as the planes do.
    places = (f"{at:0{len(str(size - 1))}}" for at, size in zip(plane, shape, strict=True))
    return "-".join([name, *places])


def relative(image: str | os.PathLike[str], folder: Path) -> str:
    """Return an image's path as seen from a project's folder; absolute where there is no way.

    Raises:
        InputError: its name is no text, so that no file of ours can hold it.
    """
    place = place_of(image)
    check_text(place)
    return position_of(place, folder) or place.as_posix()


def check_text(place: str | Path) -> None:
    """Refuse a path that is no text, so that no file of ours can hold it.

    Raises:
        InputError: it is none.
    """
    try:
        str(place).encode()
    except UnicodeEncodeError:
        raise InputError(
            f"The name of {visible_bytes(repr(str(place)))} is no valid text; rename it."
        ) from None


def image_in(folder: Path, path: str) -> Path:
    """Return where an image lies, of whose path a project's folder has a record."""
    return Path(os.path.normpath(os.path.join(folder, path)))  # noqa: PTH118 - of 50,000


def item_folder(folder: Path, name: str) -> Path:
    """Return the folder of an item inside a project's; it need not exist yet."""
    return folder / ITEMS / name


def file_now(image: Path) -> tuple[int, int]:
    """Return size and time of an image's file.

    Of a zarr folder, whose own time stays when its chunks are written, it is the size of all files in it, and
    a number that stands for their names, sizes and times; none of them is read.

    Raises:
        OSError: there is none.
    """
    found = image.stat()
    if not stat.S_ISDIR(found.st_mode):
        return found.st_size, found.st_mtime_ns
    size, seen = 0, hashlib.sha256()
    for name, path in _files_in(str(image)):
        seen.update(os.fsencode(name) + b";")
        with contextlib.suppress(OSError):  # a link that leads nowhere
            file = os.stat(path)  # noqa: PTH116 - of 100,000 chunks
            size += file.st_size
            seen.update(b"%d;%d;" % (file.st_size, file.st_mtime_ns))
    return size, int.from_bytes(seen.digest()[:8], "big") >> 1  # 63 bits, as SQLite has them


def _files_in(folder: str, inside: str = "", depth: int = _DEPTH) -> Iterator[tuple[str, str]]:
    """Yield name and path of each file of a zarr folder; what a file browser hides there is no part of it.

    Raises:
        OSError: a folder cannot be read.
    """
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.is_dir()) for entry in entries)
    for name, is_folder in found:
        if name.startswith(".") and name not in _ZARR:
            continue
        path = os.path.join(folder, name)  # noqa: PTH118
        if not is_folder:
            yield inside + name, path
        elif depth:  # a link may lead back to where it is
            yield from _files_in(path, f"{inside}{name}/", depth - 1)


def now() -> float:
    """Return the time in seconds since 1970."""
    return time.time()


def is_corrected(folder: Path) -> bool:
    """Whether somebody has decided something about an item, by its folder; what cannot be read counts.

    A look that brought classes of the set into the session decides nothing, and neither does what a lesson
    says.
    """
    session = folder / SESSION
    if not has_session(session):
        return False
    found = glance(session)
    if found is None or not found.steps:
        return found is None
    try:
        return decides(restore(session))
    except InputError:
        return True


def decides(session: Session) -> bool:
    """Whether a session has more than other words, and what a lesson says."""
    return any(
        change.vocabulary is None and not step.teaches
        for step in session.history.done
        for change in step.changes
    )


def read_result(folder: Path) -> Segmentation | LargeSegmentation:
    """Return the result in an item's folder.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if is_large(folder):
        return LargeSegmentation.load(folder / RESULT)
    return Segmentation.load(folder / RESULT)


def is_large(folder: Path) -> bool:
    """Whether an item's folder has a large image's result, whose maps stay on the disk."""
    return (read_provenance(folder / RESULT) or {}).get("format") == LARGE_FORMAT


def is_project(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is a project's."""
    return (Path(folder) / PROJECT).is_file()


def check_outside(folder: Path) -> None:
    """Refuse a place for results inside a project's folder, whose files are its own.

    Args:
        folder: need not exist.

    Raises:
        InputError: it lies in one, or is one.
    """
    target = folder.expanduser().resolve()
    for each in (target, *target.parents):
        if is_project(each):
            raise InputError(
                f"{str(folder)!r} lies in the project {str(each)!r}, whose files are its own; give a folder "
                "outside of it."
            )


def place_of_new(folder: str | os.PathLike[str]) -> Path:
    """Return where a project of a name lies: absolute, with the ending that all have.

    Raises:
        InputError: it has no name.
    """
    text = os.fspath(folder)
    place = Path(os.path.expanduser(text)).absolute()  # noqa: PTH111 - of nobody stays
    if ".." in place.parts:
        place = place.resolve()
    if not text or not place.name:
        raise InputError(
            f"{text!r} is no name of a project; give one, such as 'birds{SUFFIX}', or its path."
        )
    return place if place.suffix == SUFFIX else place.with_name(place.name + SUFFIX)


def project_at(folder: str | os.PathLike[str]) -> Path | None:
    """Return the project that is meant by a place, absolute; ``None``: there is none.

    It is that very folder, the one of an index, or the one of that name with the ending that all have.
    """
    text = os.fspath(folder)
    place = Path(os.path.expanduser(text)).absolute()  # noqa: PTH111
    if not text:
        return None
    if ".." in place.parts:
        place = place.resolve()
    if place.name in (NAME, PROJECT):
        place = place.parent
    if is_project(place):
        return place
    with contextlib.suppress(InputError):
        named = place_of_new(place)
        return named if is_project(named) else None
    return None


def content_of(image: Path) -> str:
    """Return the checksum of an image's content, 64 hex digits; empty where it cannot be read.

    It is of every byte, of a zarr folder of every chunk: what was decided on other pixels hangs on it.
    """
    place, found = place_of(image), hashlib.sha256()
    try:
        if not place.is_dir():
            _read_into(found, str(place))
            return found.hexdigest()
        for name, path in _files_in(str(place)):
            try:
                size = os.stat(path).st_size  # noqa: PTH116
            except FileNotFoundError:  # a link that leads nowhere
                continue
            found.update(b"%s;%d;" % (os.fsencode(name), size))
            _read_into(found, path)
    except (OSError, ValueError):
        return ""
    return found.hexdigest()


def has_content(image: Path, digest: str) -> bool:
    """Whether an image's content has a checksum; that of earlier versions was of samples of a large one."""
    return (digest_of(place_of(image)) if len(digest) == _SAMPLED else content_of(image)) == digest


class UnreadableError(InputError):
    """The error of an image that is there and cannot be read, so that nobody knows whether it was changed."""

    def __init__(self, image: Path, error: OSError) -> None:
        super().__init__(
            f"The image {str(image)!r} cannot be read ({error.strerror or error}); look at its permissions."
        )


def check_readable(image: Path) -> None:
    """Refuse an image of which something cannot be read.

    Raises:
        UnreadableError: it cannot.
    """
    try:
        paths = (
            [path for _, path in _files_in(str(image))] if os.path.isdir(image) else [str(image)]  # noqa: PTH112
        )
        for path in paths:
            with (
                contextlib.suppress(FileNotFoundError),
                open(path, "rb", buffering=0, opener=_at_once) as file,
            ):
                file.read(1)
    except OSError as error:
        raise UnreadableError(image, error) from None


def _read_into(found: hashlib._Hash, path: str) -> None:
    with open(path, "rb", buffering=0, opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("it is no regular file")
        while data := file.read(_PIECE):
            found.update(data)


def _at_once(path: str, flags: int) -> int:
    """Open a file; a pipe is not waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def content_of_plane(pixels: Pixels) -> str:
    """Return the checksum of a plane's content: of its pixels, so that a stack may get more planes."""
    return digest(pixels.rgb)
