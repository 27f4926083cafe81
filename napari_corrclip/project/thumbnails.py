"""Small pictures of a project's items: what is labelled over the image, kept in the item's folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.errors import InputError
from napari_corrclip.images.stack import Where
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.project.folder import RESULT, SESSION, is_large
from napari_corrclip.project.reviewing import plane_in, read_session
from napari_corrclip.results.folder import read_result
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.vocabulary import Vocabulary

SIDE = 96
"""Pixels of the long side, at most."""
OPACITY = 0.45
FILE = "thumbnail.png"
_UNLIKELY = 4_000_000
"""Bytes that no thumbnail has: what is larger is another file."""


def thumbnail(
    image: Path, folder: Path, since: float, *, keep: bool = True, plane: Where | None = None
) -> NDArray[np.uint8]:
    """Return the small picture of an item, (h, w, 3) uint8; where there is none that is new enough, make it.

    Args:
        image: the item's.
        folder: of the item.
        since: when something became of the item last, in seconds since 1970.
        keep: write it into the folder, for the next time.
        plane: which one of a stack; ``None``: that which was run, as the folder says.

    Raises:
        InputError: the image cannot be read, or is a large one, which would have to be read whole.
    """
    kept = _kept(folder / FILE, since)
    if kept is not None:
        return kept
    if is_large(folder):
        raise InputError(
            f"{str(image)!r} was run as a large image, of which no small picture is made."
        )
    rgb = read_plane(image, plane_in(folder) if plane is None else plane).rgb
    made = draw(rgb, *_labels(folder))
    if keep and folder.is_dir():
        write(made, folder)
    return made


def draw(
    rgb: NDArray[np.uint8],
    labels: NDArray[np.integer] | None = None,
    vocabulary: Vocabulary | None = None,
) -> NDArray[np.uint8]:
    """Return a small picture of an image, (h, w, 3) uint8.

    Args:
        rgb: (H, W, 3).
        labels: (H, W) values, drawn over it; ``None``: none are there.
        vocabulary: has their colours.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, SIDE / max(height, width, 1))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX))
    if labels is None or vocabulary is None or labels.shape != (height, width):
        return small
    rows = (np.arange(size[1]) * height) // size[1]
    columns = (np.arange(size[0]) * width) // size[0]
    picked = np.asarray(labels)[np.ix_(rows, columns)]
    mixed = small.astype(np.float32)
    for class_ in vocabulary:
        here = picked == class_.value
        mixed[here] += OPACITY * (np.array(class_.color[:3], np.float32) - mixed[here])
    return mixed.round().astype(np.uint8)


def write(picture: NDArray[np.uint8], folder: Path) -> None:
    """Keep the small picture of an item in its folder; where that cannot be, it is made again next time."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, format="PNG")
    try:
        write_bytes(folder / FILE, data.getvalue())
    except InputError:
        return


def _kept(path: Path, since: float) -> NDArray[np.uint8] | None:
    try:
        found = path.stat()
        if found.st_mtime < since or found.st_size > _UNLIKELY:
            return None
        with Image.open(path, formats=["PNG"]) as picture:
            if max(picture.size) > SIDE:
                return None
            return np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError):  # none, or damaged
        return None


def _labels(folder: Path) -> tuple[NDArray[np.integer] | None, Vocabulary | None]:
    """Return what is labelled in an item's folder, a person's decisions included."""
    try:
        if has_session(folder / SESSION):
            session = read_session(folder)
            return session.labels, session.vocabulary
        if (folder / RESULT).is_dir():
            result = read_result(folder / RESULT)
            return result.labels, result.vocabulary
    except InputError:  # it is told when the item is opened
        pass
    return None, None
