"""The picture that the networks see of an image layer, and where it lies in the world.

A :class:`Picture` is made in the GUI thread without reading a pixel, with everything noted that a person
may change meanwhile: contrast, name, transforms. Its pixels are read when they are first asked for, which
is in the worker's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import SessionStore, Source
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.contrast import Contrast, ShownContrast, colours, find_stretch, gray
from napari_corrclip.gui.image.layer_files import (
    file_of,
    has_own_contrast,
    own_file_of,
    part_of,
    weakly,
)
from napari_corrclip.gui.image.planes import (
    Where,
    data_at,
    index_at,
    level_for,
    place,
    plane_name,
    shape_at,
    shown_plane,
)
from napari_corrclip.images import Pixels, read_picture
from napari_corrclip.images.boxes import Box
from napari_corrclip.images.nodata import masked, without_data
from napari_corrclip.results.provenance import Stretch

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

Stretches = tuple[Stretch | None, ...]
"""How grayscale, or each of three channels, becomes 8 bits; empty of colours."""
Read = Callable[[Contrast | Stretches], tuple[Pixels, Stretches]]
"""Reads pixels by a contrast or as they were once stretched, and returns how they were stretched."""
_Part = tuple[NDArray[np.uint8], NDArray[np.bool_] | None, Stretch | None]
OURS = "napari-corrclip shows"
"""In the ``metadata`` of an image layer that is made of a session, and is no image to segment."""
TRANSFORMS = ("scale", "translate", "rotate", "shear", "affine")


class Picture:
    """One 2-D image to segment.

    Args:
        name: of the layer.
        shape: rows and columns.
        read: returns the pixels; let go of as soon as :attr:`pixels` are there.
        spatial: ``scale``, ``translate`` and the like of its two axes, for layers over it.
        source: the file, slice and crop it came from; ``None`` where it came from none.
        layers: that it is of, or its three channels; held weakly, a person may delete them.
        where: which plane of the layer.
        level: of a multiscale layer.
        box: the part of that level; ``None``: all.
        plane: says which plane and part it is; empty for a whole 2-D image.
        stack: how many planes the layer has along each axis that is not shown.
        contrast: of grayscale.

    Attributes:
        stretch: how it became 8 bits when it was read last; empty of colours, and before.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, int],
        read: Read,
        *,
        spatial: Mapping[str, Any] | None = None,
        source: Source | None = None,
        layers: Sequence[Image | None] = (),
        where: Where = (),
        level: int = 0,
        box: Box | None = None,
        plane: str = "",
        stack: tuple[int, ...] = (),
        contrast: Contrast = Contrast(),  # noqa: B008  # it is frozen
    ) -> None:
        self.name = name
        self.shape = shape
        self.spatial: Mapping[str, Any] = spatial or {}
        self.source = source
        self.where, self.level, self.box, self.plane = where, level, box, plane
        self.stack = stack
        self.contrast = contrast
        self.stretch: Stretches = ()
        self._read: Read | None = read
        self._pixels: Pixels | None = None
        self._layers = [weakly(layer) for layer in layers]
        self._data = [weakly(None if layer is None else data_at(layer, level)) for layer in layers]

    @property
    def pixels(self) -> Pixels:
        """What the networks see, and where there is no data; the first time it is read, which may take long.

        Raises:
            InputError: it cannot be read.
        """
        if self._pixels is None:
            self.keep(self.read())
        assert self._pixels is not None
        return self._pixels

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 of :attr:`pixels`."""
        return self.pixels.rgb

    def read(self, way: Contrast | Stretches | None = None) -> Pixels:
        """Return :attr:`pixels` without keeping them, before they were asked for.

        Args:
            way: another contrast, or how it was stretched when a session was made of it.

        Raises:
            InputError: it cannot be read.
        """
        assert self._read is not None
        pixels, self.stretch = self._read(self.contrast if way is None else way)
        return pixels

    def keep(self, pixels: Pixels) -> None:
        """Let :attr:`pixels` be what was read last."""
        self._pixels = pixels
        self._read = None  # and with it the array, which may be large

    @property
    def title(self) -> str:
        """Its name, and which plane and part it is."""
        return ", ".join(part for part in (repr(self.name), self.plane) if part)

    @property
    def layer(self) -> Image | None:
        """The layer that it is of, of channels the first; ``None`` if it is no more."""
        return next(
            (found for reference in self._layers if (found := reference()) is not None), None
        )

    @property
    def layers(self) -> list[Image | None]:
        """The layer, or the three channels; ``None`` for those that are no more."""
        return [reference() for reference in self._layers]

    def same_as(self, other: Picture) -> bool:
        """Whether both are of one image and part: of one file, or of one layer with the same data.

        Contrast may differ. No pixel is read: two layers with equal pixels are two images.
        """
        if self.shape != other.shape:
            return False
        mine, others = (
            [reference() for reference in (*of._layers, *of._data)] for of in (self, other)
        )
        if self.layer is not None and _identical(mine, others):
            return (self.where, self.level, self.box) == (other.where, other.level, other.box)
        if self.source is None or other.source is None:
            return False
        return self.source.key == other.source.key


def picture_of(
    layer: Image,
    where: Where | None = None,
    *,
    level: int | None = None,
    box: Box | None = None,
    contrast: Contrast = Contrast(),  # noqa: B008  # it is frozen
    channels: Sequence[Image | None] = (),
) -> Picture:
    """Return a plane of an image layer, or a part of it, to be read later.

    RGB is the layer's own word for it; anything else is grayscale.

    Args:
        layer: 2-D, n-D, multiscale; NumPy, dask, zarr or whatever else is indexed like them.
        where: the plane of an n-D layer; ``None``: the first one.
        level: of a multiscale layer; ``None``: by size, see :func:`.planes.level_for`.
        box: the part of that level.
        contrast: of grayscale; by default as the viewer shows it.
        channels: three grayscale layers over each other as red, green and blue, each may be ``None``;
            ``layer`` is the first that is none of those. Empty: the layer by itself.

    Raises:
        InputError: the channels do not lie over each other.
    """
    where = (0,) * (layer.ndim - 2) if where is None else where
    level = level_for(layer) if level is None else level
    check_channels(channels)
    rows, columns = shape_at(layer, level)[-2:]
    if box is not None:
        rows, columns = box[2] - box[0], box[3] - box[1]
    readers = [
        None if channel is None else _reader(channel, index_at(channel, where, level), level, box)
        for channel in (channels or [layer])
    ]

    def read(way: Contrast | Stretches) -> tuple[Pixels, Stretches]:
        ways = [way] * len(readers) if isinstance(way, Contrast) else way
        dark = np.zeros((rows, columns), np.uint8), None, None
        found = [
            dark if reader is None or by is None else reader(by)
            for reader, by in zip(readers, ways, strict=True)
        ]
        hidden = [lacking for _, lacking, _ in found if lacking is not None]
        nodata = np.logical_or.reduce(hidden) if hidden else None
        planes = [pixels for pixels, _, _ in found]
        if planes[0].ndim == 3:
            return Pixels(planes[0], nodata), ()
        rgb = np.stack(planes * (3 // len(planes)), axis=-1)
        return Pixels(rgb, nodata), tuple(stretch for _, _, stretch in found)

    parts = [plane_name(layer, where)]
    if layer.multiscale:
        parts.append(f"level {level}")
    if box is not None:
        parts.append(f"rows {box[0]}–{box[2] - 1}, columns {box[1]}–{box[3] - 1}")
    return Picture(
        " + ".join(dict.fromkeys(layer.name for layer in channels if layer is not None))
        or layer.name,
        (rows, columns),
        read,
        spatial=place(layer, level=level, box=box),
        source=source_of(layer, where, level=level, box=box, channels=channels),
        layers=channels or [layer],
        where=where,
        level=level,
        box=box,
        plane=", ".join(part for part in parts if part),
        stack=shape_at(layer)[:-2],
        contrast=contrast,
    )


def picture_like(picture: Picture, where: Where, box: Box | None) -> Picture:
    """Return another plane or part of the layer that ``picture`` is of, in the same manner."""
    layer, layers = picture.layer, picture.layers
    assert layer is not None
    return picture_of(
        layer,
        where,
        level=picture.level,
        box=box,
        contrast=picture.contrast,
        channels=layers if len(layers) > 1 else (),
    )


def neighbours(picture: Picture, box: Box | None) -> list[Picture]:
    """Return the other planes along each axis of the layer that ``picture`` is of, the nearest first.

    Args:
        picture: one of the planes.
        box: the part of each.
    """
    if picture.layer is None:
        return []
    where = picture.where
    others = [
        (*where[:axis], index, *where[axis + 1 :])
        for axis, size in enumerate(picture.stack)
        for index in range(size)
        if index != where[axis]
    ]
    others.sort(key=lambda other: sum(abs(a - b) for a, b in zip(other, where, strict=True)))
    return [picture_like(picture, other, box) for other in others]


def source_like(picture: Picture, where: Where) -> Source | None:
    """Return the source of another plane, without its part."""
    layer, layers = picture.layer, picture.layers
    if picture.source is None or picture.source.former is None or layer is None:
        return None if picture.source is None else replace(picture.source, slice=where, crop=None)
    channels = layers if len(layers) > 1 else ()
    return source_of(layer, where, level=picture.level, channels=channels)


def source_of(
    layer: Image,
    where: Where = (),
    *,
    level: int = 0,
    box: Box | None = None,
    channels: Sequence[Image | None] = (),
) -> Source | None:
    """Return the file and part that a picture comes from, without reading it; ``None``: from no file."""
    used = [layer for layer in channels if layer is not None] or [layer]
    paths = [path for layer in used if (path := file_of(layer)) and Path(path).exists()]
    if len(paths) < len(used):
        return None
    owns = [own_file_of(layer, where) for layer in used]
    if any(own is None or not Path(own[0]).exists() for own in owns):
        return _source_in(layer, paths, where, level, box, channels)
    # Each plane is known by its own file, which stays the same when there is one more in the stack.
    files = [own[0] for own in owns if own is not None]
    first = owns[0]
    assert first is not None
    found = _source_in(layer, files, first[1], level, box, channels)
    if files == paths:
        return found
    former = _source_in(layer, paths, where, level, box, channels)
    return replace(found, former=former)


def _source_in(
    layer: Image,
    paths: Sequence[str],
    where: Where,
    level: int,
    box: Box | None,
    channels: Sequence[Image | None],
) -> Source:
    """Return the source of a plane of a file, or of the files of channels."""
    files = iter(paths)
    names = tuple(
        "" if channel is None else next(files) if len(set(paths)) > 1 else channel.name
        for channel in channels
    )
    source = Source.of(paths[0], level=level, slice=where, channels=names, crop=box)
    if channels:
        return source
    part, one_of_several = part_of(layer)  # a file may give a layer a channel
    alone = replace(source, channels=(part,))
    # The others may have been removed before anybody saw them side by side.
    return alone if one_of_several or alone in SessionStore() else source


def check_channels(channels: Sequence[Image | None]) -> None:
    """See that layers can be the channels of one image.

    Raises:
        InputError: there is none, one is coloured, or they do not lie over each other.
    """
    used = [layer for layer in channels if layer is not None]
    if not channels:
        return
    if not used:
        raise InputError("No channel is chosen; choose a layer for red, green or blue.")
    first = used[0]
    for layer in used:
        if layer.rgb:
            raise InputError(
                f"The layer {layer.name!r} is in colour; choose grayscale layers as channels."
            )
        if not np.array_equal(layer.level_shapes, first.level_shapes):
            raise InputError(
                f"The layers {first.name!r} of {_size(first)} and {layer.name!r} of {_size(layer)} pixels "
                "are not of one size; choose channels of one image."
            )
        origin = (0,) * (first.ndim - 2)
        here, there = place(first, where=origin), place(layer, where=origin)
        if not all(np.allclose(here[name], there[name]) for name in TRANSFORMS):
            raise InputError(
                f"The layers {first.name!r} and {layer.name!r} do not lie over each other; give them the "
                "same scale and translate, or choose channels of one image."
            )


def _reader(
    layer: Image, where: Where, level: int, box: Box | None
) -> Callable[[Contrast | Stretch], _Part]:
    """Return what reads a part of a layer as it is now: (H, W) or (H, W, 3) uint8, and (H, W) no data."""
    data, name, rgb = data_at(layer, level), layer.name, layer.rgb
    low, high = (0.0, 1.0) if rgb else (float(limit) for limit in layer.contrast_limits)
    shown = ShownContrast((low, high), float(layer.gamma), not rgb and has_own_contrast(layer))
    part = (...,) if box is None else (slice(box[0], box[2]), slice(box[1], box[3]))
    path = file_of(layer) if not where and not layer.multiscale else None

    def read(by: Contrast | Stretch) -> _Part:
        try:
            plane = data[(*where, *part)]
            plane = plane if isinstance(plane, np.ma.MaskedArray) else np.asarray(plane)
        except MemoryError:
            raise
        except Exception as error:  # whatever computes it may raise anything
            text = " ".join(str(error).split())[:200]
            raise InputError(
                f"The image {name!r} cannot be read ({type(error).__name__}: {text}); "
                "look after its file, or after what computes it."
            ) from error
        lacking = _hidden_by_file(path, data.shape[:2])
        plane = masked(plane, None if lacking is None else lacking[part])
        lacking = without_data(plane)
        try:
            if rgb:
                return colours(plane), lacking, None
            stretch = find_stretch(plane, by, shown) if isinstance(by, Contrast) else by
            pixels = gray(np.ma.getdata(plane), stretch)
        except InputError as error:
            raise InputError(f"{name!r}: {error}") from None
        if lacking is not None:
            pixels[lacking] = 0
        return pixels, lacking, stretch

    return read


def _hidden_by_file(path: str | None, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return (H, W), where a TIFF says that it has no data, which napari does not read; ``None``: nowhere."""
    if path is None or Path(path).suffix.lower() not in (".tif", ".tiff"):
        return None
    try:
        lacking = without_data(read_picture(Path(path)).array)
    except InputError:  # a stack, or what another reader reads
        return None
    return lacking if lacking is not None and lacking.shape == shape else None


def shows_plane(picture: Picture, viewer: ViewerModel) -> bool:
    """Whether a viewer shows the plane that a picture is of, as long as its stack is there."""
    layer = picture.layer
    if not picture.where or layer is None or layer not in viewer.layers:
        return True
    return shown_plane(layer, viewer.dims) == picture.where


def _size(layer: Image) -> str:
    return " × ".join(f"{size:,}" for size in shape_at(layer))


def _identical(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))
