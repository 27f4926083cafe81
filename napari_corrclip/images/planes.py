"""One plane of an array that need not be in memory: zarr, dask, memmap, a tiled TIFF, NumPy."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.images import channels_last, check_type
from napari_corrclip.images.boxes import Box
from napari_corrclip.images.files import is_tiff, open_tiff_plane, read_picture
from napari_corrclip.images.flat import FileBytes, check_mapped, open_npy
from napari_corrclip.images.ome_zarr import open_zarr_plane
from napari_corrclip.images.stack import check_place, planes_of
from napari_corrclip.storage.arrays import is_npy
from napari_corrclip.storage.untrusted import reason

# Most elements that are read at once where only some rows of them are wanted.
_BAND = 1 << 24
# What libraries raise where they are at fault themselves, and not the data.
_MISTAKES = (AttributeError, TypeError, NameError, ImportError, NotImplementedError, RecursionError)
_FORMATS = "give a TIFF, a zarr folder, an .npy file or another picture"


@runtime_checkable
class LazyArray(Protocol):
    """An array that can be cut: the cut is read when :func:`numpy.asarray` asks for it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis."""
        ...

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        ...

    def __getitem__(self, key: Any) -> Any:
        """Return a cut by a tuple of slices and numbers."""
        ...


@dataclass(frozen=True)
class Plane:
    """Rows and columns, and perhaps channels, of a lazy array.

    Attributes:
        array: read only where it is asked for.
        axes: a letter an axis: "Y" rows, "X" columns, "C" channels, "1" one of length 1, "?" one that has
            other planes.
        name: for errors; "image" or "regions", with the file's name where there is one.
        notes: what the user is to be told about it, a sentence each.
        where: which plane it is, an index along each axis "?".
    """

    array: LazyArray
    axes: str
    name: str
    notes: tuple[str, ...] = ()
    where: tuple[int, ...] = ()

    @property
    def masked(self) -> bool:
        """Whether pieces may be masked arrays, which hide pixels without data."""
        array = self.array
        return isinstance(array, np.ma.MaskedArray) or bool(getattr(array, "masked", False))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.array.shape[self.axes.index("Y")], self.array.shape[self.axes.index("X")]

    def read(self, box: Box) -> NDArray[Any]:
        """Return the (h, w) or (h, w, C) pixels of ``box``; masked where pixels without data are hidden.

        Raises:
            InputError: they cannot be read.
        """
        top, left, bottom, right = box
        key = {"Y": slice(top, bottom), "X": slice(left, right), "C": slice(None), "1": 0}
        check_mapped(self.array, self.name)
        where, at = f"rows {top} to {bottom}, columns {left} to {right}", iter(self.where)
        try:
            cut = self.array[tuple(next(at) if axis == "?" else key[axis] for axis in self.axes)]
            if not isinstance(cut, np.ma.MaskedArray):
                cut = np.asarray(cut)
        except (CorrClipError, MemoryError):
            raise
        except _MISTAKES as error:
            raise InputError(
                f"The {self.name} could not be read at {where}, because its reader failed "
                f"({type(error).__name__}: {reason(error)}); give it as another array or file, and please "
                "report this."
            ) from error
        except Exception as error:  # libraries raise whatever comes where data are damaged
            raise InputError(
                f"The {self.name} cannot be read at {where} ({reason(error)}); save or copy it again."
            ) from error
        order = [axis for axis in self.axes if axis in "YXC"]
        turned: NDArray[Any] = cut.transpose([order.index(axis) for axis in "YXC" if axis in order])
        return turned

    def pick(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
        """Return the pixels at the crossings of ``rows`` and ``columns``, both ascending.

        What lies between them is read a band at a time and left.
        """
        left, right = int(columns[0]), int(columns[-1]) + 1
        height = max(1, _BAND // (right - left))
        parts, start = [], 0
        while start < len(rows):
            top = int(rows[start])
            stop = int(np.searchsorted(rows, top + height))
            band = self.read((top, left, int(rows[stop - 1]) + 1, right))
            parts.append(band[rows[start:stop] - top][:, columns - left])
            start = stop
        # of masked arrays NumPy's own would forget what they hide
        return np.ma.concatenate(parts) if self.masked else np.concatenate(parts)


def as_plane(array: Any, name: str, channel_axis: int | None = None) -> Plane:
    """Return an array's plane; reads nothing of it.

    Args:
        array: whatever can be cut, (H, W), (H, W, channels) or with channels at ``channel_axis``.
        name: for errors.
        channel_axis: the axis of the channels if it is not the last.

    Raises:
        InputError: another shape or type, or no pixels.
    """
    if not isinstance(array, LazyArray):
        array = np.asarray(array)
    shape = tuple(int(side) for side in array.shape)
    # as long as the array and of one element in memory
    like = np.broadcast_to(np.zeros((), np.dtype(array.dtype)), shape)
    check_type(like)
    channels_last(like, channel_axis)
    if len(shape) == 2:
        return Plane(array, "YX", name)
    at = (channel_axis if channel_axis is not None else -1) % 3
    return Plane(array, "YX"[:at] + "C" + "YX"[at:], name)


@contextlib.contextmanager
def opened(
    source: Any, name: str, channel_axis: int | None = None, *, where: tuple[int, ...] = ()
) -> Iterator[Plane]:
    """Give the plane of an array or of a file, which stays open meanwhile.

    A TIFF and a zarr folder (of one array, or OME-Zarr, whose largest level is taken) are read
    where they are asked for, as is an .npy file; other pictures are read whole.

    Args:
        source: an array, a plane, or the path of a file or of a zarr folder.
        name: "image" or "regions".
        channel_axis: of an array, see :func:`as_plane`; files say it themselves.
        where: of a file with several planes, which one; see :mod:`napari_corrclip.images.stacks`.

    Raises:
        InputError: it cannot be read, or is not one plane.
    """
    if isinstance(source, Plane):
        yield source
        return
    if not isinstance(source, str | os.PathLike):
        yield as_plane(source, name, channel_axis)
        return
    path = Path(source)
    name = f"{name} {str(path)!r}"
    with contextlib.ExitStack() as stack:
        try:
            plane = _open(path, name, channel_axis, where, stack)
        except OSError as error:
            raise InputError(
                f"The {name} cannot be read ({error.strerror or error}); {_FORMATS}."
            ) from None
        yield plane


def _open(
    path: Path,
    name: str,
    channel_axis: int | None,
    where: tuple[int, ...],
    stack: contextlib.ExitStack,
) -> Plane:
    if path.is_dir():
        array, axes = open_zarr_plane(path, f"The {name}", where)
    elif is_npy(path, name.partition(" ")[0], _FORMATS):
        return _open_npy(path, name, channel_axis, where, stack)
    elif is_tiff(path):
        tiff, notes = stack.enter_context(open_tiff_plane(path, where))
        whole = read_picture(path, where).array if tiff is None else tiff
        return replace(as_plane(whole, name, channel_axis), notes=notes)
    else:
        array, axes = read_picture(path, where).array, ""
    if not axes:
        return _plane_at(array, name, channel_axis, where)
    # its one plane in the usual order, for the same look at its type and channels
    order = [axes.index(axis) for axis in "YXC" if axis in axes]
    shape = [array.shape[axis] for axis in order]
    like = np.broadcast_to(np.zeros((), np.dtype(array.dtype)), shape)
    check_type(like)
    channels_last(like, None)
    return Plane(array, axes, name, where=where)


def _plane_at(array: Any, name: str, channel_axis: int | None, where: tuple[int, ...]) -> Plane:
    """The plane of an array whose first axes lead to it."""
    if not where:
        return as_plane(array, name, channel_axis)
    shape = tuple(int(side) for side in array.shape)
    check_place(planes_of(shape), where, f"The {name}")
    like = np.broadcast_to(np.zeros((), np.dtype(array.dtype)), shape[len(where) :])
    axes = as_plane(like, name, channel_axis).axes
    return Plane(array, "?" * len(where) + axes, name, where=where)


def _open_npy(
    path: Path,
    name: str,
    channel_axis: int | None,
    where: tuple[int, ...],
    stack: contextlib.ExitStack,
) -> Plane:
    """The plane of an .npy file, of which pieces are read and nothing stays mapped."""
    file = stack.enter_context(FileBytes(path, name.partition(" ")[0]))
    array, by_columns = open_npy(file, _FORMATS)
    order = -1 if by_columns else 1
    like = np.broadcast_to(np.zeros((), array.dtype), array.shape[::order])
    plane = _plane_at(like, name, channel_axis, where)
    return replace(plane, array=array, axes=plane.axes[::order], where=where[::order])
