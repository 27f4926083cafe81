"""The new files of an item, written beside the former ones until it is known that nobody was faster.

Writing takes longer than a reviewer needs to begin: ``result.next`` and the like are written first, by
whatever thread, and take their places when the index, in a transaction, has no decision about the item. What
a process that was killed has left of them is removed by the next one.

Vectors and features go before the result that they are of is replaced, and come after it, so that none is
ever beside another result.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip.project.features import FEATURES
from napari_corrclip.project.folder import ITEM, RESULT, Outcome
from napari_corrclip.project.vectors import VECTORS, write_vectors
from napari_corrclip.results.vectors import RegionVectors
from napari_corrclip.results.zarr_maps import move_result
from napari_corrclip.storage.disk import cannot_write, remove, sync_folder

if TYPE_CHECKING:
    from napari_corrclip.engine.features import Features
    from napari_corrclip.results.segmentation import Segmentation

NEXT = "result.next"
"""Where a result is written; a large image's, as it is made."""
_OTHERS = {"vectors.next": VECTORS, "features.next": FEATURES, "item.next": ITEM}
"""Where the others are written, and their places, in the order in which they take them."""
_VECTORS_NEXT, _FEATURES_NEXT, _ITEM_NEXT = _OTHERS


def stage(
    folder: Path,
    outcome: Outcome,
    result: Segmentation | None,
    vectors: RegionVectors | None = None,
    features: Features | None = None,
) -> None:
    """Write a result into an item's folder, and what is kept of its regions and of the encoded image.

    Args:
        folder: of the item.
        outcome: what became of it.
        result: of its image; ``None``: a large one, which is there already.
        vectors: of its regions, if they are kept.
        features: of its image, if they are kept.

    Raises:
        InputError: something cannot be written. Nothing of it is left then.
    """
    if result is not None:
        drop(folder)
    try:
        if result is not None:
            result.save(folder / NEXT)
        if vectors is not None:
            write_vectors(folder / _VECTORS_NEXT, vectors)
        if features is not None:
            features.save(folder / _FEATURES_NEXT)
        outcome.write(folder, _ITEM_NEXT)
    except BaseException:
        drop(folder)
        raise


def place(folder: Path, *, encoded: bool = True) -> None:
    """Let what was staged take its place.

    Args:
        folder: of the item.
        encoded: whether the image was encoded anew, so that features that were kept are of another time.

    Raises:
        InputError: it cannot be written.
    """
    result = folder / RESULT
    try:
        (folder / VECTORS).unlink(missing_ok=True)
        if encoded:
            (folder / FEATURES).unlink(missing_ok=True)
        if result.exists():
            move_result(folder / NEXT, result)
        else:
            (folder / NEXT).rename(result)
        for staged, name in _OTHERS.items():
            if (folder / staged).exists():
                (folder / staged).replace(folder / name)
        sync_folder(folder)
    except OSError as error:
        raise cannot_write(folder, error) from None


def drop(folder: Path) -> None:
    """Remove what was staged, if anything was."""
    for name in (NEXT, *_OTHERS):
        remove(folder / name)
