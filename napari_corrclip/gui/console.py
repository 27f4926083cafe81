"""The functions for the console: the dock, and a layer segmented without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.contrast import AUTOMATIC
from napari_corrclip.gui.image.picture import picture_of
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import VocabularyLike

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels

    from napari_corrclip.gui.dock import CorrClipDock


@dataclass(frozen=True, eq=False)
class SegmentedLayer:
    """A segmented image layer.

    Attributes:
        result: the whole result.
        labels: a new layer of the classes, uint16, where the image lies; in no viewer yet.
        regions: the same of the regions, int32, as outlines.
    """

    result: Segmentation
    labels: Labels
    regions: Labels

    def add_to(self, viewer: napari.Viewer) -> SegmentedLayer:
        """Add both layers to ``viewer`` and return this."""
        viewer.add_layer(self.labels)
        viewer.add_layer(self.regions)
        return self


def segment_layer(
    layer: Image,
    vocabulary: VocabularyLike,
    *,
    where: tuple[int, ...] | None = None,
    **options: Any,
) -> SegmentedLayer:
    """Segment what is shown of an image layer; needs no dock.

    Args:
        layer: RGB, or grayscale: as its contrast limits show it, or by
            :data:`napari_corrclip.images.PERCENTILES` where it has more than 8 bits and nobody set them.
        vocabulary: the classes, such as ``"cat, dog"``.
        where: the plane of a layer of more than two axes, an index for each of the others.
        **options: ``preset``, ``device``, ``regions``, ``detail`` … as of
            :func:`napari_corrclip.segment`.

    Returns:
        Layers in the image's place, with the result that they show.

    Raises:
        InputError: this is no image layer, a plane has to be named, or anything that
            :func:`napari_corrclip.segment` refuses.
    """
    from napari.layers import Image, Layer

    prepare_imports()
    from napari_corrclip.api import segment

    if not isinstance(layer, Image):
        raise InputError(f"{layer!r} is no image layer; give one, such as viewer.layers['image'].")
    leading = tuple(layer.data[0].shape if layer.multiscale else layer.data.shape)
    leading = leading[: layer.ndim - 2]
    given = where or ()
    if len(given) != len(leading) or any(
        not 0 <= at < size for at, size in zip(given, leading, strict=True)
    ):
        raise InputError(
            f"The plane {where!r} is none of the layer {layer.name!r}; its other axes have the sizes "
            f"{leading}, so give an index for each."
        )
    picture = picture_of(layer, given, contrast=AUTOMATIC)
    result = segment(picture.pixels, vocabulary, **options).stretched(picture.stretch)
    labels, regions = (
        Layer.create(data, about, kind) for data, about, kind in result.to_layers(**picture.spatial)
    )
    regions.contour = 1
    regions.visible = True
    return SegmentedLayer(result, labels, regions)


def open_widget(viewer: napari.Viewer | None = None) -> CorrClipDock:
    """Return the dock "CorrCLIP" of a viewer; opened where it is not there yet.

    Args:
        viewer: ``None``: the current one.

    Raises:
        InputError: there is no viewer.
    """
    import napari as viewers

    from napari_corrclip.gui.dock import CorrClipDock

    viewer = viewers.current_viewer() if viewer is None else viewer
    if viewer is None:
        raise InputError("There is no viewer; make one with napari.Viewer().")
    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, CorrClipDock):
            holder = widget.parent()
            if holder is not None and hasattr(holder, "raise_"):
                holder.show()  # type: ignore[attr-defined]
                holder.raise_()
            return widget
    _, opened = viewer.window.add_plugin_dock_widget("napari-corrclip", "CorrCLIP")
    made: CorrClipDock = opened
    return made
