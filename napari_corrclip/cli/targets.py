"""The places of results, looked at before anything is computed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.images.origin import Origin, place_of
from napari_corrclip.storage.disk import cannot_write, check_name
from napari_corrclip.storage.temporary import temporary
from napari_corrclip.wording.visible import visible

_OPTIONAL = {"labels.png", "labels.tif", "overlay.png", "demo.png", "maps.zarr"}


_PLAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_. -]{0,62}[A-Za-z0-9_])?")
"""Names that every file system can hold."""
_INSIDE = "x" * 128
"""Stands for the longest path of ours inside a folder of results."""


def check_folder(folder: Path, names: Iterable[str] = ()) -> None:
    """Raise InputError where nothing can be written into ``folder``; leaves nothing there.

    What can be no name is told by the file system alone, so folders of these names are made for a moment:
    in a folder of their own, since others may begin to write in this one.

    Args:
        folder: need not exist.
        names: of what will be written into it.
    """
    existing, missing = folder.absolute(), []
    with _refusing(folder):
        while not _is_there(existing) and existing != existing.parent:
            missing.append(existing.name)
            existing = existing.parent
        _check_is_folder(existing)
    with contextlib.ExitStack() as trial:
        with _refusing(folder):
            inside = trial.enter_context(temporary(existing))
            inside.mkdir()
            for name in reversed(missing):
                inside /= name
                inside.mkdir()
        for name in names:
            with _refusing(folder / name):
                _is_there(folder.absolute() / name / _INSIDE)  # the whole path may be too long
                if not _PLAIN.fullmatch(name):
                    (inside / name).mkdir()
                    (inside / name).rmdir()


def check_file(file: Path) -> None:
    """Raise InputError where ``file`` cannot be written; leaves nothing there."""
    file = file.absolute()
    check_folder(file.parent, [file.name])
    with _refusing(file):
        if _is_there(file) and not file.is_file():
            raise OSError("it is there and no file")


def _check_is_folder(path: Path) -> None:
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what the system says of ``path`` into an InputError."""
    check_name(path)  # in words that are the same in every version of Python
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from None
    except ValueError as error:  # a NUL in it
        raise InputError(
            f"{str(path)!r} can be no name in a file system ({error}); give another one."
        ) from None


def _is_there(path: Path) -> bool:
    """Whether ``path`` exists; OSError where it never can, such as by a name that is too long."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def result_folders(
    images: Sequence[Path], output: Path, *, skipping: bool = False
) -> dict[Path, Path]:
    """The folder in ``output`` for each image's results: it is called as the image.

    An image that is given twice has one; links are images of their own names, whatever they lead to.

    Args:
        images: files or zarr folders, as they were given.
        output: need not exist.
        skipping: whether results that are there will be left as they are. Then those of an earlier version,
            which do not tell what the image held, are taken as those of an image of that name whose
            former file is gone.

    Raises:
        InputError: nothing can be written there, or one of them has the results of another image, of an
            earlier run.
    """
    from napari_corrclip.results.folder import result_names

    distinct: dict[Path, Path] = {}
    for image in images:
        distinct.setdefault(place_of(image), image)
    names = result_names(distinct)
    for image, name in zip(distinct.values(), names, strict=True):
        if name in {"", ".", ".."}:
            raise InputError(f"The image {str(image)!r} has no name before its ending; rename it.")
    check_folder(output, names)
    folders = {image: output / name for image, name in zip(distinct.values(), names, strict=True)}
    for image, folder in folders.items():

        def mine(owner: Origin, image: Path = image, folder: Path = folder) -> bool:
            return owner.is_of(image, folder) or (skipping and owner.may_be_of(image))

        check_replaceable(folder, mine)
    return folders


def check_replaceable(folder: Path, mine: Callable[[Origin], bool]) -> None:
    """Raise InputError where results of another image, or somebody's own files, would be replaced.

    Args:
        folder: gets results.
        mine: whether results of what it is told are those to be replaced.
    """
    from napari_corrclip.results.folder import foreign_files, read_provenance

    if os.path.lexists(folder):
        with _refusing(folder):
            _check_is_folder(folder)
    foreign = foreign_files(folder)
    if foreign:
        raise InputError(
            f"{str(folder / foreign[0])!r} is there and no result of this program's, and would be "
            "replaced; move it away or give another -o."
        )
    owner = Origin.from_document(read_provenance(folder) or {})
    if owner.image and not mine(owner):
        raise InputError(
            f"The folder {str(folder)!r} has the results of '{visible(owner.image)}', which would be "
            "replaced; remove it or give another -o."
        )


def has_whole_result(folder: Path) -> bool:
    """Whether all files of a result, an ordinary or a large one, are in ``folder``; none is read through."""
    from napari_corrclip.results.folder import (
        ALL_OWNED,
        FORMAT,
        LARGE_FORMAT,
        LARGE_MAPS,
        read_provenance,
    )
    from napari_corrclip.storage.folders import Locate, read_whole

    kind = (read_provenance(folder) or {}).get("format")

    def look(locate: Locate) -> bool:
        def has(name: str) -> bool:
            path = locate(name)
            return path.is_file() and path.stat().st_size > 0

        if kind == LARGE_FORMAT:
            from napari_corrclip.results.zarr_maps import MAPS, ROWS

            arrays = [locate(LARGE_MAPS) / name / "zarr.json" for name in (".", *MAPS, *ROWS)]
            return (
                has("regions.csv") and has("vocabulary.yaml") and all(p.is_file() for p in arrays)
            )
        labels = has("labels.png") or has("labels.tif")
        return labels and all(map(has, ALL_OWNED - _OPTIONAL))

    if kind not in (FORMAT, LARGE_FORMAT):
        return False
    try:
        return read_whole(folder, sorted(ALL_OWNED), look)
    except InputError:
        return False
