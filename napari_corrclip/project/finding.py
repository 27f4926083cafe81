"""The images that a project's places name: files, folders, patterns, and lists of them."""

from __future__ import annotations

import csv
import glob
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.images.origin import place_of
from napari_corrclip.project.export.manifest import has_manifest
from napari_corrclip.storage.text_files import lines_of, read_text
from napari_corrclip.storage.zarr_folders import METADATA

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".ppm", ".npy")
"""How the files end that are taken of a folder; one that is named itself may end in any way."""
LISTS = (".txt", ".csv")
COLUMNS = ("image", "path", "file", "filename")
"""What the column of a CSV file may be called that names the images; else it is the first."""
_OURS = (
    ".corrclip", ".corrclip-project", ".labels.png", ".labels.tif", ".regions.tif", ".overlay.png"
)  # fmt: skip
"""How folders end whose pictures we have made, and such pictures."""

Tell = Callable[[InputError], object]


class NothingThereError(InputError):
    """The error of a place that has no image, or is gone."""


class _LockedError(InputError):
    """The error of a folder that cannot be read."""


def find_images(
    place: str | os.PathLike[str], *, root: Path | None = None, tell: Tell | None = None
) -> list[Path]:
    """Return the images of a place, by their paths and in the order of these; a list keeps its own.

    Args:
        place: an image; a folder, in which images are looked for at any depth (a zarr folder is one image);
            a pattern such as ``photos/**/*.jpg``; or a ``.txt`` or ``.csv`` file that lists images, whose
            relative paths are seen from its own folder.
        root: the folder from which a relative place is seen, whatever it is called; ``None``: the current
            one.
        tell: is told which folder inside of a folder cannot be read, and is passed over; ``None``: that is
            raised.

    Raises:
        InputError: a list cannot be read, or a folder.
        NothingThereError: there is nothing there.
    """
    text = os.fspath(place)
    path = (root or Path()) / Path(text).expanduser()
    if not os.path.lexists(path):
        if glob.has_magic(text):
            images = sorted(image for image in _fitting(_expanded(text), root) if _is_image(image))
            if images:
                return _distinct(images)
            raise NothingThereError(
                f"No image fits the pattern {text!r}; look at its folder and ending."
            )
        raise NothingThereError(f"There is no image, folder or list {text!r}; check the path.")
    if _is_folder(path) and not _is_zarr(path):
        images = sorted(_inside(path, tell))
        if not images:
            raise NothingThereError(
                f"The folder {text!r} has no images; give one with files on {', '.join(ENDINGS)}."
            )
        return _distinct(images)
    if path.suffix.lower() in LISTS:
        return _distinct(_listed(path))
    return _distinct([path])


def names_images(place: str | os.PathLike[str]) -> bool:
    """Whether a place names its images one by one: a file or a list, and no folder or pattern."""
    text = os.fspath(place)
    path = Path(text).expanduser()
    return not is_pattern(path, text) and (not _is_folder(path) or _is_zarr(path))


def place_from(place: str | os.PathLike[str], folder: Path) -> str:
    """Return a place as it is seen from a folder; of a pattern, whatever the folders on the way are called.

    Args:
        place: as :func:`find_images` takes it.
        folder: absolute.
    """
    text = os.fspath(place)
    path = Path(text).expanduser()
    if is_pattern(path, text):
        pattern = os.path.join(glob.escape(os.getcwd()), _expanded(text))  # noqa: PTH109, PTH118 - no path
        return seen_from(pattern, glob.escape(str(folder)))
    return seen_from(path, folder)


def seen_from(place: str | Path, folder: str | Path) -> str:
    """Return a place, or a pattern, as it is seen from a folder, with ``/``; absolute on another drive."""
    try:
        seen = os.path.relpath(place, folder)
    except ValueError:
        seen = os.path.abspath(place)  # noqa: PTH100 - of a pattern
    return seen.replace(os.sep, "/")


def is_pattern(path: Path, text: str) -> bool:
    """Whether a place is a pattern: as text it may be one, and nothing of that very name is there."""
    return glob.has_magic(text) and not os.path.lexists(path)


def _expanded(pattern: str) -> str:
    """Return a pattern with the home folder in the place of ``~``."""
    head, separator, rest = pattern.partition("/")
    if not head.startswith("~"):
        return pattern
    return glob.escape(str(Path(head).expanduser())) + separator + rest


def _fitting(pattern: str, root: Path | None) -> Iterator[Path]:
    """Yield what fits a pattern; what is ours is left out, as in folders, unless the pattern names it."""
    parts = Path(pattern).parts
    fixed = next(at for at, part in enumerate(parts) if glob.has_magic(part))
    named = any(_is_ours(part) for part in parts[fixed:])
    exports: dict[Path, bool] = {}

    def is_in_export(path: Path) -> bool:
        above = [Path(*path.parts[:at]) for at in range(fixed + 1, len(path.parts))]
        for folder in above:
            if folder not in exports:
                exports[folder] = has_manifest((root or Path()) / folder)
        return any(exports[folder] for folder in above)

    for name in glob.glob(pattern, root_dir=root, recursive=True):  # noqa: PTH207 - of any root
        if named or not (
            any(_is_ours(part) for part in Path(name).parts[fixed:]) or is_in_export(Path(name))
        ):
            yield (root or Path()) / name


def _is_ours(name: str) -> bool:
    return name.endswith(_OURS)


def _inside(folder: Path, tell: Tell | None) -> Iterator[Path]:
    """Yield the images at any depth of a folder; what begins with a dot, and what is ours, is left out.

    Ours are results, projects, exports and pictures of labels.

    Raises:
        _LockedError: it cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry.name, entry.is_symlink()) for entry in found)
    except OSError as error:
        raise _LockedError(
            f"The folder {str(folder)!r} cannot be read ({error.strerror}); look at its permissions, or "
            "leave it out."
        ) from None
    for name, is_link in entries:
        path = folder / name
        if name.startswith(".") or _is_ours(name):
            continue
        if _is_folder(path):
            if _is_zarr(path):
                yield path
            elif not is_link and not has_manifest(path):  # a link might lead back to where it is
                try:
                    yield from _inside(path, tell)
                except _LockedError as error:
                    if tell is None:
                        raise
                    tell(error)
        elif _is_image(path):
            yield path


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS or _is_zarr(path)


def _is_zarr(path: Path) -> bool:
    return _is_folder(path) and any(os.path.lexists(path / name) for name in METADATA)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - where nobody may look it is none


def _listed(path: Path) -> list[Path]:
    text = read_text(path, "list of images")
    if path.suffix.lower() == ".csv":
        names = list(_column(path, text))
    else:
        names = [name for name in lines_of(text) if name and not name.startswith("#")]
    if not names:
        raise InputError(f"The list {str(path)!r} names no image; write a path on each line.")
    return [path.parent / os.path.expanduser(name) for name in names]  # noqa: PTH111 - of nobody stays


def _column(path: Path, text: str) -> Iterator[str]:
    rows: list[list[str]] = []
    try:
        # Of whatever line ends.
        rows += csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=None))
    except csv.Error as error:
        raise InputError(
            f"The list {str(path)!r} cannot be read as a table ({error}); save it as CSV again."
        ) from None
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    at = next((head.index(name) for name in COLUMNS if name in head), None)
    for number, row in enumerate(rows[at is not None :], 1 + (at is not None)):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= (at or 0) or not row[at or 0].strip():
            raise InputError(
                f"Row {number} of the list {str(path)!r} names no image; write its path there."
            )
        yield row[at or 0].strip()


def _distinct(images: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(place_of(image) for image in images))
