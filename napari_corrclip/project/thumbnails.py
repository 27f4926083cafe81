"""Small pictures of a project's items: what is labelled over the image, kept in the item's folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.project.folder import RESULT, SESSION, file_now, is_large
from napari_corrclip.project.reading import is_as_it_was
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.reviewing import read_session
from napari_corrclip.results.folder import read_result
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.vocabulary import Vocabulary

SIDE = 96
"""Pixels of the long side, at most."""
OPACITY = 0.45
FILE = "thumbnail.png"
OF = "of"
"""The name of the text in it that says of which state of the image's file it is."""
BESIDE = "beside"
"""The name of the text in it that says which labels there were when it was begun."""
_UNLIKELY = 4_000_000
"""Bytes that no thumbnail has: what is larger is another file."""


def thumbnail(
    record: ItemRecord, image: Path, folder: Path, *, keep: bool = True
) -> NDArray[np.uint8]:
    """Return the small picture of an item, (h, w, 3) uint8; where there is none that is true now, make it.

    An image that is another one than that which was run has no labels over it.

    Args:
        record: the item.
        image: where its image lies.
        folder: of the item.
        keep: write it into the folder, for the next time.

    Raises:
        InputError: the image cannot be read, or is a large one, which would have to be read whole.
    """
    file = _file_of(image)
    beside = labels_in(folder)  # before they are read: a run may write others meanwhile
    kept = _kept(folder / FILE, record, file, beside)
    if kept is not None:
        return kept
    if is_large(folder):
        raise InputError(
            f"{str(image)!r} was run as a large image, of which no small picture is made."
        )
    rgb = read_plane(image, record.plane).rgb
    made = draw(rgb) if _is_another(record, image, file) else draw(rgb, *_labels(folder))
    if keep and folder.is_dir():
        write(made, folder, beside, file)
    return made


def labels_in(folder: Path) -> str:
    """Return what tells the labels in an item's folder from those before; empty: there are none.

    A run is noted with the time at which its result was made, which takes its place a moment later: the time
    of a picture does not tell whether it was there.
    """
    if has_session(folder / SESSION):
        return "session"
    try:
        return f"result {(folder / RESULT / 'provenance.json').stat().st_mtime_ns}"
    except OSError:
        return ""


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


def write(picture: NDArray[np.uint8], folder: Path, beside: str, file: str = "") -> None:
    """Keep the small picture of an item in its folder; where that cannot be, it is made again next time.

    Args:
        picture: as of :func:`draw`.
        folder: of the item.
        beside: what :func:`labels_in` said before they were read.
        file: the state of the image's file that it is of; empty: that which was run.
    """
    data, said = io.BytesIO(), PngInfo()
    said.add_text(BESIDE, beside)
    if file:
        said.add_text(OF, file)
    Image.fromarray(picture).save(data, format="PNG", pnginfo=said)
    try:
        write_bytes(folder / FILE, data.getvalue())
    except InputError:
        return


def _file_of(image: Path) -> str:
    """Return what tells an image's file from that which was there before; empty where it is gone."""
    try:
        return _state(*file_now(image))
    except (OSError, ValueError):
        return ""


def _state(size: int, mtime: int) -> str:
    return f"{size} {mtime}"


def _is_another(record: ItemRecord, image: Path, file: str) -> bool:
    """Whether an image is another one than that which was run; read only where its file is."""
    if not file or not record.digest or file == _state(record.size, record.mtime):
        return False
    try:
        return not is_as_it_was(image, record.plane, record.digest)
    except InputError:  # of a stack there is no such plane any more
        return True


def _kept(path: Path, record: ItemRecord, file: str, beside: str) -> NDArray[np.uint8] | None:
    """Return the kept picture, if nothing became of the item since, and it is of its file and labels."""
    try:
        found = path.stat()
        if found.st_mtime < record.at or found.st_size > _UNLIKELY:
            return None
        with Image.open(path, formats=["PNG"]) as picture:
            if max(picture.size) > SIDE:
                return None
            if file and picture.info.get(OF, _state(record.size, record.mtime)) != file:
                return None
            # Those of earlier versions that say nothing of a file are of a session.
            drawn = picture.info.get(BESIDE, "" if OF in picture.info else beside)
            if drawn != beside:
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
