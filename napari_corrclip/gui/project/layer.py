"""The layer in which the images of a project are shown, one in place of the one before."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace

import napari
from napari.layers import Image

from napari_corrclip.gui.image.layer_files import fill
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.image.planes import plane_of
from napari_corrclip.gui.project.reading import Ready
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.project.records import plane_text


class ItemLayer:
    """The layer of the item that is shown.

    Args:
        viewer: has it.
        image: the choice of the image, which is told of it.
        workspace: may hold something of the image before in memory alone, whose layer stays then.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, image: ImagePanel, workspace: Workspace
    ) -> None:
        self._viewer, self._image, self._workspace = viewer, image, workspace
        self._layer: Callable[[], Image | None] = lambda: None

    def fill(self, ready: Ready) -> None:
        """Put an image into the layer of the one before; a large one is opened by napari.

        Raises:
            InputError: it cannot be opened.
        """
        former = self._layer()
        former = former if former is not None and former in self._viewer.layers else None
        if self._workspace.unsaved_with(former):
            former = None  # what is in memory only stays with its image
        if ready.pixels is None:
            self._layer = lambda: None
            if former is not None:
                self._viewer.layers.remove(former)
            self._image.open_file(str(ready.path))
            layer = self._image.layer
            self._layer = (lambda: None) if layer is None else weakref.ref(layer)
            return
        data, name = ready.shown, f"{ready.path.stem}{plane_text(ready.record.plane)}"
        colours = data.ndim == 3
        if former is None or former.rgb is not colours:
            if former is not None:
                self._viewer.layers.remove(former)
            former = Image(data, name=name, rgb=colours)
            self._viewer.add_layer(former)
            self._layer = weakref.ref(former)
        fill(former, data, str(ready.path), ready.record.plane)
        former.name = name
        former.visible = True
        self._image.layer = former
        self._image.reset_choices()  # the same layer, and another image

    def see_whole(self) -> None:
        """Let the viewer show all of it, whatever its size."""
        self._viewer.reset_view()

    def whole_picture(self) -> Picture:
        """Return all of the image, whatever part was chosen for a run on another one.

        Raises:
            InputError: there is none.
        """
        source, layer = self._image.source(), self._image.layer
        if source is None or layer is None:
            return self._image.picture()
        # The plane of the layer, which may hold one plane of a stack alone.
        return self._image.picture_for(replace(source, slice=plane_of(layer, self._viewer.dims)))

    def has(self, picture: Picture) -> bool:
        """Whether the layer of a picture is in the viewer still."""
        return picture.layer is not None and picture.layer in self._viewer.layers
