"""Saved sessions, results and projects opened by *File > Open*: in the dock, with their image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from napari.layers import Image
from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer

from napari_corrclip.annotation import Session, Source
from napari_corrclip.annotation.files.folder import STATE_FILE, image_record, is_session
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.console import open_widget
from napari_corrclip.gui.image.layer_files import file_of, own_file_of
from napari_corrclip.gui.image.planes import Where, show_plane
from napari_corrclip.images.origin import Origin
from napari_corrclip.plugin import reader
from napari_corrclip.project.database import NAME
from napari_corrclip.project.folder import is_project
from napari_corrclip.results.folder import read_provenance

Reader = Callable[[reader.PathOrPaths], list[Any]]
NOTHING: list[Any] = [(None,)]
"""By which a reader tells napari that it has no layers to add."""


def get_reader(path: reader.PathOrPaths) -> Reader | None:
    """Return the reader of a path, or ``None`` where it is none of ours.

    In a viewer a project, and a session or a result whose image is there, is opened in the dock; what else
    there is comes as layers (:func:`napari_corrclip.plugin.reader.get_reader`).
    """
    viewer = napari.current_viewer()
    if isinstance(path, str) and Path(path).name == NAME and viewer is not None:
        return _project_in_dock(viewer, Path(path).parent)
    read = reader.get_reader(path)
    if read is None or not isinstance(path, str) or path.lower().endswith(reader.TABLE):
        return read
    return read if viewer is None else _in_dock(viewer, Path(path), read)


def _project_in_dock(viewer: napari.Viewer, folder: Path) -> Reader | None:
    """Return the reader that has a project opened in the dock; ``None``: the folder is none."""
    if not is_project(folder):
        return None

    def opened(_paths: reader.PathOrPaths) -> list[Any]:
        # napari is in the middle of opening.
        QTimer.singleShot(0, lambda: open_widget(viewer).open_project(str(folder)))
        return NOTHING

    return opened


def _in_dock(viewer: napari.Viewer, path: Path, read: Reader) -> Reader:
    """Return the reader that has a folder opened in the dock, where its image is there."""

    def opened(paths: reader.PathOrPaths) -> list[Any]:
        folder = path if path.is_dir() else path.parent
        source = _image_of(folder, is_a_session=path.name == STATE_FILE or is_session(folder))
        if source is None:
            layers = read(paths)
            show_info(
                f"{str(folder)!r} came as mere layers, for its image is not where it was; to go on "
                "correcting, open the image and press Load session… in the dock CorrCLIP."
            )
            return layers
        if source.channels:
            layers = read(paths)
            show_info(
                f"{str(folder)!r} came as mere layers, for it is of the channels "
                f"{', '.join(source.channels)}; to go on correcting, open and choose them, and press Load "
                "session… in the dock CorrCLIP."
            )
            return layers
        # napari is in the middle of opening; and what is asked is asked when it is done.
        QTimer.singleShot(0, lambda: _open(viewer, folder, source))
        return NOTHING

    return opened


def _image_of(folder: Path, *, is_a_session: bool) -> Source | None:
    """Return the image of a saved session or a result; ``None``: it is not there, or in no file."""
    if is_a_session:
        record = image_record(folder)
        # What cannot be read so says why when all of it is.
        source = Session.load(folder).source if record is None else record.source
        return source if source is not None and Path(source.path).exists() else None
    origin = Origin.from_document(read_provenance(folder) or {})
    places = [origin.image, str(folder / origin.position) if origin.position else ""]
    for place in places:
        if place and Path(place).exists() and origin.is_of(place, folder):
            return Source.of(place)
    return None


def _open(viewer: napari.Viewer, folder: Path, source: Source) -> None:
    """Show the image, and have the dock go on with what lies in a folder."""
    dock = open_widget(viewer)
    try:
        layer, where = _plane_of(viewer, source)
    except (CorrClipError, OSError, ValueError) as error:  # of whoever reads the image
        dock.say(f"The image {source.path!r} of {str(folder)!r} cannot be opened ({error}).")
        return
    if layer is not None:
        dock.image.layer = layer
        if len(where) == layer.ndim - 2:
            show_plane(layer, viewer.dims, where)
    try:
        dock.open_saved(str(folder))
    except InputError as error:
        dock.say(error)


def _plane_of(viewer: napari.Viewer, source: Source) -> tuple[Image | None, Where]:
    """Return the layer and plane of an image's file: one that is there, or else a new layer."""
    place = Path(source.path).resolve()
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    for layer in images:
        file = file_of(layer)
        if file is not None and Path(file).resolve() == place:
            return layer, source.slice
    for layer in images:
        for index in range(layer.data.shape[0] if layer.ndim > 2 and not layer.multiscale else 0):
            own = own_file_of(layer, (index, *source.slice))
            if own is not None and (Path(own[0]).resolve(), own[1]) == (place, source.slice):
                return layer, (index, *source.slice)
    made = viewer.open(source.path, plugin="napari")
    return next((layer for layer in made if isinstance(layer, Image)), None), source.slice
