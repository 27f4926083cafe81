"""Images that are copied into a project, so that its folder can be moved alone: all of them, or none.

They lie in ``images``, which is a place of the project like any other: what a person puts there is found by
the next run. The first ones are ``images`` itself, later ones a numbered folder in it, so that each time one
rename brings all of them. Each keeps its name; of a folder that is copied each image keeps its place inside.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.finding import find_images, names_images
from napari_corrclip.project.folder import check_text, content_of
from napari_corrclip.storage.disk import cannot_write, sync_folder, sync_tree
from napari_corrclip.storage.temporary import temporary
from napari_corrclip.wording import amounts

IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Copies:
    """Images that are to be copied.

    Attributes:
        images: each with the path that it gets, as seen from where they are copied to.
        size: bytes of them all.
        passed_over: what lies in folders and cannot be copied, a sentence each.
    """

    images: tuple[tuple[Path, Path], ...]
    size: int
    passed_over: tuple[str, ...] = ()


def copies_of(
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    folder: Path | None = None,
) -> Copies:
    """Return what is to be copied; nothing is yet.

    Args:
        images: a place as :func:`~napari_corrclip.project.finding.find_images` takes it, or several.
        folder: of a project, in which what it has a copy of already is left out.

    Raises:
        InputError: nothing is there that can be copied, or an image that is named itself, or by a list,
            cannot be.
    """
    places = [images] if isinstance(images, str | os.PathLike) else list(images)
    passed_over: dict[str, None] = {}
    names: set[str] = set()
    numbers: dict[str, Iterator[int]] = {}
    chosen: dict[Path, Path] = {}
    for place in places:
        told: list[InputError] = []
        tell = None if names_images(place) else told.append
        usable = False
        for image in find_images(place, tell=tell):
            try:
                path = _path(image, Path(place).expanduser().absolute())
                _check(image, path)
            except InputError as error:
                if tell is None:
                    raise
                tell(error)
                continue
            usable = True
            if image in chosen:
                continue
            # A disk may know no capitals. Of 50,000 of one name each goes on where the last one was.
            more = numbers.setdefault(str(path).casefold(), count(2))
            tries = chain([path], (Path(str(number), path) for number in more))
            path = next(each for each in tries if str(each).casefold() not in names)
            names.add(str(path).casefold())
            chosen[image] = path
        if told and not usable:
            raise told[0]
        passed_over |= dict.fromkeys(map(str, told))
    pairs = [pair for pair in chosen.items() if folder is None or not _has(folder, *pair)]
    return Copies(tuple(pairs), sum(_size(image) for image, _ in pairs), tuple(passed_over))


def copy_steps(copies: Copies, folder: Path) -> Steps[Path | None]:
    """Copy images into a project, and return the folder that has them, ``None`` where there are none.

    Args:
        copies: the images.
        folder: of the project.

    Raises:
        InputError: an image cannot be read, or there is no space. Nothing was copied then.
    """
    if not copies.images:
        return None
    free = shutil.disk_usage(folder).free
    if free < copies.size:
        raise InputError(
            f"{amounts.count(len(copies.images), 'image')} of {amounts.size_text(copies.size)} are to be "
            f"copied, and the disk of {str(folder)!r} has {amounts.size_text(free)} left; make room, or link "
            "them."
        )
    try:
        with temporary(folder) as stage:
            stage.mkdir()
            for number, (image, path) in enumerate(copies.images):
                yield Progress("copy", number, len(copies.images))
                _copy(image, stage / path)
            sync_tree(stage)
            target = next(place for place in _folders(folder) if not os.path.lexists(place))
            stage.rename(target)
            sync_folder(target.parent)
            return target
    except OSError as error:
        raise cannot_write(folder / IMAGES, error) from None


def _check(image: Path, path: Path) -> None:
    """Refuse an image that cannot be copied.

    Args:
        image: where it lies.
        path: that its copy gets.

    Raises:
        InputError: it is not there, cannot be read, or its name is no text.
    """
    check_text(path)
    if not (image.is_file() or image.is_dir()):
        raise InputError(f"There is no image {str(image)!r} to be copied; check the path.")
    if not os.access(image, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise InputError(f"The image {str(image)!r} cannot be read; look at its permissions.")


def _path(image: Path, place: Path) -> Path:
    """Return where the copy of an image of a place lies."""
    if place.is_dir() and image.is_relative_to(place.resolve()):
        return Path(place.name, image.relative_to(place.resolve()))
    return Path(image.name)


def _folders(folder: Path) -> Iterator[Path]:
    """Yield the folders that copies are in, and then those that the next ones may get."""
    yield folder / IMAGES
    for number in count(2):
        yield folder / IMAGES / str(number)


def _has(folder: Path, image: Path, path: Path) -> bool:
    """Whether a project has a copy of an image already."""
    for place in _folders(folder):
        if not os.path.lexists(place):
            return False
        there = place / path
        if (
            there.exists()
            and _size(there) == _size(image)
            and content_of(there) == content_of(image)
        ):
            return True
    return False


def _size(image: Path) -> int:
    if image.is_file():
        return image.stat().st_size
    return sum(path.stat().st_size for path in image.rglob("*") if path.is_file())


def _copy(image: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if image.is_dir():
        shutil.copytree(image, target, ignore_dangling_symlinks=True)
    else:
        shutil.copy2(image, target)
