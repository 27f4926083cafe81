"""The formats by their names, in the order in which they are offered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.coco import COCO
from napari_corrclip.project.export.cvat import CVAT
from napari_corrclip.project.export.format import Format
from napari_corrclip.project.export.geojson import GEOJSON
from napari_corrclip.project.export.hugging_face import HUGGING_FACE
from napari_corrclip.project.export.indexed import INDEXED
from napari_corrclip.project.export.label_maps import LABEL_MAPS, LABEL_MAPS_FROM_0
from napari_corrclip.project.export.label_studio import LABEL_STUDIO
from napari_corrclip.project.export.ome_zarr import OME_ZARR
from napari_corrclip.project.export.panoptic import PANOPTIC
from napari_corrclip.project.export.yolo import YOLO

FORMATS: Mapping[str, Format] = {
    format_.name: format_
    for format_ in (
        INDEXED,
        COCO,
        PANOPTIC,
        YOLO,
        CVAT,
        LABEL_STUDIO,
        GEOJSON,
        OME_ZARR,
        HUGGING_FACE,
        LABEL_MAPS,
        LABEL_MAPS_FROM_0,
    )
}
WRITTEN: Mapping[str, Format] = {
    name: format_ for name, format_ in FORMATS.items() if format_.writer is not None
}
"""Those that can be written; the others are read alone."""


def format_called(name: str, among: Iterable[str] = FORMATS) -> Format:
    """Return a format by its name.

    Args:
        name: in whatever case.
        among: those that are told to choose from.

    Raises:
        InputError: there is none.
    """
    try:
        return FORMATS[name.lower()]
    except (KeyError, AttributeError):
        raise InputError(f"There is no format {name!r}; choose {', '.join(among)}.") from None


def format_of(folder: Path) -> Format:
    """Return the format of an export that is there.

    Raises:
        InputError: it is none that can be read.
    """
    for format_ in FORMATS.values():
        if format_.is_one(folder):
            return format_
    raise InputError(
        f"{str(folder)!r} is no export that can be read ({', '.join(FORMATS)}); say which one it is "
        "(--format), or give a folder of label maps with a table of classes."
    )
