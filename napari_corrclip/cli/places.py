"""Where results go, looked at before anything is computed."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.storage.files import cannot_write

_OPTIONAL = {"labels.png", "labels.tif", "overlay.png", "demo.png", "maps.zarr"}


def check_folder(folder: Path) -> None:
    """Raise InputError where nothing can be written into ``folder``; leaves nothing there."""
    existing, missing = folder.absolute(), []
    with _refusing(folder):
        while not _is_there(existing) and existing != existing.parent:
            missing.append(existing.name)
            existing = existing.parent
        _check_is_folder(existing)
        for name in missing:
            _is_there(existing / name)  # too long is told only of a name in a folder that exists
        with tempfile.TemporaryFile(dir=existing):
            pass


def check_file(file: Path) -> None:
    """Raise InputError where ``file`` cannot be written; leaves nothing there."""
    check_folder(file.absolute().parent)
    with _refusing(file):
        if _is_there(file) and not file.is_file():
            raise OSError("it is there and no file")


def _check_is_folder(path: Path) -> None:
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what the system says of ``path`` into an InputError."""
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


def result_folders(images: Sequence[Path], output: Path) -> dict[Path, Path]:
    """The folder in ``output`` for each image's results: it is called as the image.

    Raises:
        InputError: one of them has the results of another image, of an earlier run.
    """
    from napari_corrclip.export.folder import result_names

    distinct = list({origin(image): image for image in images}.values())
    names = result_names(distinct)
    for image, name in zip(distinct, names, strict=True):
        if name in {".", ".."}:
            raise InputError(f"The image {str(image)!r} has no name before its ending; rename it.")
    folders = {image: output / name for image, name in zip(distinct, names, strict=True)}
    for image, folder in folders.items():
        check_replaceable(folder, origin(image).__eq__)
    return folders


def origin(image: Path) -> str:
    """What the provenance calls ``image``: its whole path, links followed.

    Bytes of a name that are no text are escaped, for the file is UTF-8.
    """
    try:
        image = image.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL: reading it tells why
        image = image.absolute()
    return str(image).encode(errors="backslashreplace").decode()


def check_replaceable(folder: Path, mine: Callable[[str], bool]) -> None:
    """Raise InputError where results of another image, or somebody's own files, would be replaced.

    Args:
        folder: gets results.
        mine: whether results of what it is told, an image's path, are those to be replaced.
    """
    from napari_corrclip.export.folder import foreign_files, read_provenance

    if os.path.lexists(folder):
        with _refusing(folder):
            _check_is_folder(folder)
    foreign = foreign_files(folder)
    if foreign:
        raise InputError(
            f"{str(folder / foreign[0])!r} is there and no result of this program's, and would be "
            "replaced; move it away or give another -o."
        )
    owner = (read_provenance(folder) or {}).get("image")
    if isinstance(owner, str) and owner and not mine(owner):
        raise InputError(
            f"The folder {str(folder)!r} has the results of {owner!r}, which would be replaced; "
            "remove it or give another -o."
        )


def has_whole_result(folder: Path) -> bool:
    """Whether all files of a result, an ordinary or a large one, are in ``folder``; none is read through."""
    from napari_corrclip.export.folder import (
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
            from napari_corrclip.large.storage import MAPS, ROWS

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
