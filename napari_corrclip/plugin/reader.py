"""napari's reader: saved sessions, results, and class maps with a class table, as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_corrclip.errors import InputError

PathOrPaths = str | Sequence[str]
TABLE = ".classes.csv"
"""How the class table beside a class map ends."""


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[Any]] | None:
    """Return the reader of a path, or ``None`` where it is none of ours.

    Args:
        path: ``session.safetensors`` of a saved session, ``provenance.json`` of a result, the
            ``….classes.csv`` beside a class map, or the folder of one of the first two.
    """
    if not isinstance(path, str):
        return None
    from napari_corrclip.annotation.files.folder import STATE_FILE, is_session
    from napari_corrclip.results.folder import read_provenance

    place = Path(path)
    try:
        is_folder = place.is_dir()
        folder = place if is_folder else place.parent
        if place.name.lower().endswith(TABLE):
            return _each(read_classes)
        if place.name == STATE_FILE or is_session(folder):
            return _each(read_session)
        if (is_folder or place.name == "provenance.json") and read_provenance(folder) is not None:
            return _each(read_result)
    except (OSError, ValueError):  # no name that a file can have
        return None
    return None


def read_session(path: Path) -> list[Any]:
    """Return labels and regions of a saved session; to go on with it, open it in the dock.

    Raises:
        InputError: it is damaged or of a newer version.
    """
    from napari_corrclip.annotation import Session
    from napari_corrclip.results.segmentation import class_layer
    from napari_corrclip.wording.markup import plain_features

    session = Session.load(path if path.is_dir() else path.parent)
    table = session.table.rename(columns={"id": "index"})
    regions = {
        "name": "regions",
        "visible": False,
        "features": plain_features(table),
        "metadata": {"contour": 1},
    }
    return [
        class_layer(session.labels.copy(), session.vocabulary),
        (session.regions.copy(), regions, "labels"),
    ]


def read_result(path: Path) -> list[Any]:
    """Return the layers of a result's folder.

    Raises:
        InputError: it is damaged, or of another version.
    """
    from napari_corrclip.results.segmentation import Segmentation

    return list(Segmentation.load(path if path.is_dir() else path.parent).to_layers())


def read_classes(path: Path) -> list[Any]:
    """Return the class map to which a class table belongs, in its colours.

    Raises:
        InputError: there is no map beside it, or one of the two cannot be read.
    """
    from napari_corrclip.maps.reading import find_map, read_map
    from napari_corrclip.results.segmentation import class_layer
    from napari_corrclip.vocabulary import Vocabulary
    from napari_corrclip.wording.markup import plain

    stem = path.name[: -len(TABLE)]
    found = find_map(path.parent, stem, (".png", ".tif", ".tiff"))
    if found is None:
        raise InputError(
            f"There is no class map {stem}.png or {stem}.tif beside {str(path)!r}; put it there."
        )
    labels = read_map(found, "class map")
    return [class_layer(labels, Vocabulary.from_file(path), name=plain(stem))]


def _each(read: Callable[[Path], list[Any]]) -> Callable[[PathOrPaths], list[Any]]:
    def reader(path: PathOrPaths) -> list[Any]:
        paths = [path] if isinstance(path, str) else path
        return [layer for file in paths for layer in read(Path(file))]

    return reader
