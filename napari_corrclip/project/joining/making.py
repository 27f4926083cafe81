"""The place of a project that is made of others: it appears there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import check_outside
from napari_corrclip.storage.disk import cannot_write, sync_folder, sync_tree
from napari_corrclip.storage.temporary import temporary


@contextlib.contextmanager
def appearing(place: Path) -> Iterator[Path]:
    """Give a hidden folder beside a project's place, which takes that place at the end.

    Paths as seen from the one are those as seen from the other. Who fails, or is killed, leaves nothing that
    looks like a project; what a killed one has left is removed by the next.

    Args:
        place: of the project; there must be nothing, or an empty folder.

    Raises:
        InputError: something is there, it lies in a project, or it cannot be written.
    """
    if os.path.lexists(place) and (not place.is_dir() or any(place.iterdir())):
        raise InputError(f"{str(place)!r} is there and not empty; give another folder.")
    check_outside(place.parent)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with temporary(place.parent, place.suffix) as stage:
            stage.mkdir()
            yield stage
            sync_tree(stage)
            with contextlib.suppress(OSError):  # an empty folder, which Windows replaces by none
                place.rmdir()
            stage.rename(place)
            sync_folder(place.parent)
    except OSError as error:
        raise cannot_write(place, error) from None
