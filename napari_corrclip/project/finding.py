"""The images that a project's places name: files, folders, patterns, and lists of them."""

from __future__ import annotations

import csv
import glob
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.images.origin import place_of
from napari_corrclip.storage.text_files import read_text
from napari_corrclip.storage.zarr_folders import METADATA

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".ppm", ".npy")
"""How the files end that are taken of a folder; one that is named itself may end in any way."""
LISTS = (".txt", ".csv")
COLUMNS = ("image", "path", "file", "filename")
"""What the column of a CSV file may be called that names the images; else it is the first."""


def find_images(place: str | os.PathLike[str]) -> list[Path]:
    """Return the images of a place, by their paths and in the order of these; a list keeps its own.

    Args:
        place: an image; a folder, in which images are looked for at any depth (a zarr folder is one image);
            a pattern such as ``photos/**/*.jpg``; or a ``.txt`` or ``.csv`` file that lists images, whose
            relative paths are seen from its own folder.

    Raises:
        InputError: there is nothing there, or a list cannot be read.
    """
    text = os.fspath(place)
    path = Path(text).expanduser()
    if not os.path.lexists(path):
        if glob.has_magic(text):
            found = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - of any root
            images = sorted(image for image in found if _is_image(image))
            if images:
                return _distinct(images)
            raise InputError(f"No image fits the pattern {text!r}; look at its folder and ending.")
        raise InputError(f"There is no image, folder or list {text!r}; check the path.")
    if path.is_dir() and not _is_zarr(path):
        images = sorted(_inside(path))
        if not images:
            raise InputError(
                f"The folder {text!r} has no images; give one with files on {', '.join(ENDINGS)}."
            )
        return _distinct(images)
    if path.suffix.lower() in LISTS:
        return _distinct(_listed(path))
    return _distinct([path])


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the images at any depth of a folder; what begins with a dot, and what is ours, is left out."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if entry.name.startswith(".") or path.suffix in (".corrclip", ".corrclip-project"):
            continue
        if entry.is_dir():
            if _is_zarr(path):
                yield path
            elif not entry.is_symlink():  # which might lead back to where it is
                yield from _inside(path)
        elif _is_image(path):
            yield path


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS or _is_zarr(path)


def _is_zarr(path: Path) -> bool:
    return path.is_dir() and any((path / name).exists() for name in METADATA)


def _listed(path: Path) -> list[Path]:
    text = read_text(path, "list of images")
    if path.suffix.lower() == ".csv":
        names = list(_column(path, text))
    else:
        names = [line.strip() for line in text.splitlines()]
        names = [name for name in names if name and not name.startswith("#")]
    if not names:
        raise InputError(f"The list {str(path)!r} names no image; write a path on each line.")
    return [path.parent / Path(name).expanduser() for name in names]


def _column(path: Path, text: str) -> Iterator[str]:
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
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
