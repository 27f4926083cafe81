"""The numbers of a TIFF's picture as they are stored, a piece at a time."""

from __future__ import annotations

import math
import struct
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.flat import FileBytes, FlatArray
from napari_corrclip.images.nodata import NoData
from napari_corrclip.images.stack import check_place
from napari_corrclip.images.tiff import unpacking
from napari_corrclip.images.tiff.pages import tag_number
from napari_corrclip.images.tiff.unpacking import DamagedError

if TYPE_CHECKING:
    from tifffile import TiffPage, TiffPageSeries

_FILL_ORDER, _JPEG_TABLES, _SUBSAMPLING, _NODATA = 266, 347, 530, 42113
# Unpacked strips and tiles that are kept, since the next piece may cut the same ones.
_KEPT_BYTES = 1 << 27

# Tags without which pixels are something else, from ImageWidth to SampleFormat.
_NEEDED_TAGS = frozenset(
    (
        256,
        257,
        258,
        259,
        262,
        266,
        273,
        274,
        277,
        278,
        279,
        284,
        317,
        320,
        322,
        323,
        324,
        325,
        339,
        347,
    )
)
_MOST_TAGS = 4096
# How many bytes a codec may make of one: Zstandard gives some ten thousand of a picture of one colour.
_LARGEST_RATIO = 1 << 16

Span = tuple[int, int]


class StoredPixels:
    """The numbers of one picture in a TIFF, as they are stored; read where they are cut.

    Whatever the tags say of colours, opacity or a rotation is left to
    :class:`napari_corrclip.images.tiff.colors.TiffPicture`.

    Args:
        file: the same file as the series', open as long as this is used.
        series: planes of one or more channels.
        where: which plane, an index along each axis that :func:`axis_kinds` calls "?"; of one plane none.

    Attributes:
        shape: (H, W) or (H, W, C).
        dtype: in the machine's byte order; wider than stored where bits are packed.
        bits: of a number as it is stored.
        is_rgb: whether the library that unpacks them makes RGB of YCbCr as well.

    Raises:
        InputError: it is a stack, or stored in a way that cannot be read here; or the file ends before
            its pixels do.
    """

    def __init__(
        self, file: FileBytes, series: TiffPageSeries, where: tuple[int, ...] = ()
    ) -> None:
        if where:
            _check_plain(file.path, series)
            kinds = zip(series.shape, axis_kinds(series), strict=True)
            sizes = tuple(size for size, kind in kinds if kind == "?")
            check_place(sizes, where, f"The TIFF {str(file.path)!r}")
            if not _in_one_piece(series):
                series, where = _one_plane(file.path, series, where), ()
        self.file, self.page = file, series.keyframe
        axes = axis_kinds(series) if where else plane_axes(file.path, series)
        _check_tags(file, self.page)
        self._parts = _parts(file, series, axes, where)
        check_complete(file, self._parts)
        first = self._parts[0]
        self.dtype, self.bits = first.dtype.newbyteorder("="), first.bits
        count = sum(part.channels for part in self._parts)
        self.is_rgb = first.is_rgb
        self._has_channels = "C" in axes
        self.shape = (*first.size, count) if self._has_channels else first.size

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return the rows and columns, (h, w) or (h, w, C), of two slices of step 1."""
        rows, columns = (
            slice(*cut.indices(side))
            for cut, side in zip((*key, slice(None))[:2], self.shape, strict=False)
        )
        try:
            pieces = [
                part.read((rows.start, rows.stop), (columns.start, columns.stop))
                for part in self._parts
            ]
        except DamagedError as error:
            raise InputError(
                f"The {self.file.what} {str(self.file.path)!r} is damaged or cut short ({error}); save "
                "or copy it again."
            ) from error
        found = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=2)
        return found if self._has_channels else found[:, :, 0]

    @property
    def in_pieces(self) -> bool:
        """Whether less than all can be read."""
        return all(part.in_pieces for part in self._parts)


def axis_kinds(series: TiffPageSeries) -> list[str]:
    """Return, per axis, "Y", "X", "C" for channels, "" for one of length 1 or "?" for one of planes."""
    axes = []
    for size, name in zip(series.shape, series.axes, strict=True):
        if name in "YX":
            axes.append(name)
        elif size == 1:
            axes.append("")
        else:
            # three channels are taken for red, green and blue; other numbers are measurements
            axes.append("C" if name == "S" or (name == "C" and size == 3) else "?")
    return axes


def plane_axes(path: Path, series: TiffPageSeries) -> list[str]:
    """Return :func:`axis_kinds` of one plane.

    Raises:
        InputError: it is a stack.
    """
    axes = axis_kinds(series)
    if sorted(axis for axis in axes if axis) not in (["X", "Y"], ["C", "X", "Y"]):
        raise InputError(
            f"The TIFF {str(path)!r} holds a stack of the shape {tuple(series.shape)} (axes "
            f"{series.axes}) and not one plane; save the plane to segment, of 1 or 3 channels."
        )
    return axes


def _one_plane(path: Path, series: TiffPageSeries, where: tuple[int, ...]) -> TiffPageSeries:
    """Return the pages of one plane out of those of a stack."""
    from tifffile import TiffPageSeries

    shape, names, kinds = series.shape, series.axes, axis_kinds(series)
    # The first axes lead from page to page.
    lead = next(axis for axis in range(len(shape) + 1) if math.prod(shape[:axis]) == len(series))
    if "?" in kinds[lead:]:
        raise InputError(f"The TIFF {str(path)!r} holds a volume; save its planes as pages.")
    at = iter(where)
    keys = tuple(next(at) if kind == "?" else slice(None) for kind in kinds[:lead])
    numbers = np.arange(len(series)).reshape(shape[:lead])[keys]
    # Each as a page of its own, which may have its own palette.
    pages = [frame.aspage() for n in numbers.ravel() if (frame := series[int(n)]) is not None]
    if len(pages) != numbers.size:
        raise DamagedError("its pages are not all there")
    kept = [name for name, kind in zip(names[:lead], kinds, strict=False) if kind != "?"]
    return TiffPageSeries(
        pages,
        (*numbers.shape, *shape[lead:]),
        series.dtype,
        "".join(kept) + names[lead:],
        kind=series.kind,
    )


def _check_tags(file: FileBytes, page: TiffPage) -> None:
    """Refuse a page with a tag that tifffile left out because it lies behind the file's end.

    It goes on with the tag's default, such as 1 for the bits of a number.
    """
    form = page.parent.tiff
    size = struct.calcsize(form.tagnoformat)
    count = struct.unpack(form.tagnoformat, file.read(page.offset, size))[0]
    if count > _MOST_TAGS:
        raise DamagedError(f"a page has {count} tags")
    entries = file.read(page.offset + size, count * form.tagsize)
    for at in range(0, len(entries), form.tagsize):
        code = struct.unpack_from(f"{form.byteorder}H", entries, at)[0]
        if code in _NEEDED_TAGS and code not in page.tags:
            raise DamagedError(f"its tag {code} cannot be read")


class _Flat:
    """A picture whose numbers lie in one piece, in whatever order of axes."""

    def __init__(
        self, array: FlatArray, axes: Sequence[str], bits: int, where: tuple[int, ...] = ()
    ) -> None:
        self._array, self._axes, self.bits, self._where = array, axes, bits, where
        self.dtype, self.in_pieces, self.is_rgb = array.dtype, True, False
        sizes = dict(zip(axes, array.shape, strict=True))
        self.size, self.channels = (sizes["Y"], sizes["X"]), sizes.get("C", 1)
        count = math.prod(array.shape) * array.dtype.itemsize
        self.ends = [array.offset + count]

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        keys = {"Y": slice(*rows), "X": slice(*columns), "C": slice(None)}
        at = iter(self._where)
        cut = self._array[
            tuple(next(at) if axis == "?" else keys.get(axis, 0) for axis in self._axes)
        ]
        order = [axis for axis in self._axes if axis in keys]
        cut = cut.transpose([order.index(axis) for axis in "YXC" if axis in order])
        return np.atleast_3d(cut)


@dataclass(frozen=True)
class _Segment:
    """The place of a strip or tile in the picture, and its bytes in the file."""

    index: int
    rows: Span
    columns: Span
    channel: int
    offset: int
    count: int


class _Paged:
    """A picture of strips or tiles, on one page.

    Attributes:
        size: rows and columns.
        channels: samples of a pixel.
        dtype: in the file's byte order.
        bits: of a sample.
        in_pieces: whether it is of several strips or tiles, or can be read by rows.
        is_rgb: whether YCbCr comes as RGB.
    """

    def __init__(
        self, file: FileBytes, page: TiffPage, offsets: Sequence[int], counts: Sequence[int]
    ) -> None:
        self._file, self._page = file, page
        self._offsets, self._counts = offsets, counts
        self.size = int(page.imagelength), int(page.imagewidth)
        self.channels = int(page.samplesperpixel)
        self.bits = _bits(file, page)
        self._compression, self._predictor = int(page.compression), int(page.predictor)
        self._way = _way(file, page, self.bits, sum(counts))
        self.is_rgb = self._way != "unpack" and int(page.photometric) in (2, 6)
        whole_bytes = self.bits in (8, 16, 32, 64)
        self._reversed = tag_number(page, _FILL_ORDER, 1) == 2
        self._in_place = (
            self._way == "unpack"
            and self._compression == unpacking.NONE
            and whole_bytes
            and not self._reversed
        )
        self.dtype = _dtype(file, page, self.bits)
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._separate = int(page.planarconfig) == 2 and self.channels > 1
        self._tiled = bool(page.is_tiled)
        if self._tiled:
            self._side = int(page.tilelength), int(page.tilewidth)
        else:
            self._side = min(int(page.rowsperstrip), self.size[0]), self.size[1]
        if min(*self._side, *self.size) < 1:
            raise DamagedError(f"its strips or tiles have the size {self._side}")
        self._across = -(-self.size[1] // self._side[1])
        self._down = -(-self.size[0] // self._side[0])
        planes = self.channels if self._separate else 1
        expected = self._across * self._down * planes
        if min(len(offsets), len(counts)) < expected:
            raise DamagedError(f"it has {len(offsets)} of {expected} strips or tiles")
        if not any(counts):
            raise DamagedError("none of its strips or tiles was written")
        # Before so much memory is asked for: a size is a number that anybody can write.
        least = self.size[0] * self.size[1] * self.channels * self.bits // 8
        most = sum(counts) * (1 if self._compression == unpacking.NONE else _LARGEST_RATIO)
        if all(counts[:expected]) and most < least:
            raise DamagedError(f"its {least} bytes of pixels are stored in {sum(counts)}")
        self.in_pieces = self._in_place or expected > planes

    @property
    def ends(self) -> list[int]:
        """Where each strip or tile ends in the file."""
        return [
            offset + count
            for offset, count in zip(self._offsets, self._counts, strict=False)
            if offset and count
        ]

    def read(self, rows: Span, columns: Span) -> NDArray[Any]:
        """Return the (h, w, channels) numbers."""
        shape = (rows[1] - rows[0], columns[1] - columns[0], self.channels)
        found = np.full(shape, self._missing, self.dtype.newbyteorder("="))
        for segment in self._segments(rows, columns):
            if not segment.offset or not segment.count:
                continue  # a sparse file: a tile that was never written
            inner_rows, inner_columns = (
                (max(wide[0], part[0]), min(wide[1], part[1]))
                for wide, part in ((rows, segment.rows), (columns, segment.columns))
            )
            cut = self._cut(
                segment,
                (inner_rows[0] - segment.rows[0], inner_rows[1] - segment.rows[0]),
                (inner_columns[0] - segment.columns[0], inner_columns[1] - segment.columns[0]),
            )
            place = found[
                inner_rows[0] - rows[0] : inner_rows[1] - rows[0],
                inner_columns[0] - columns[0] : inner_columns[1] - columns[0],
            ]
            if self._separate:
                place[:, :, segment.channel] = cut[:, :, 0]
            else:
                place[:] = cut
        return found

    @cached_property
    def _missing(self) -> int | float:
        """What a tile that was never written holds: no data, or zeros."""
        value = None
        named = nodata_of(self._page)
        if named is not None:
            value = named.value(self.dtype)
        return 0 if value is None else value

    def _segments(self, rows: Span, columns: Span) -> Iterator[_Segment]:
        if rows[0] >= rows[1] or columns[0] >= columns[1]:
            return
        high, wide = self._side
        per_plane = self._across * self._down
        for channel in range(self.channels if self._separate else 1):
            for down in range(rows[0] // high, -(-rows[1] // high)):
                for across in range(columns[0] // wide, -(-columns[1] // wide)):
                    index = channel * per_plane + down * self._across + across
                    yield _Segment(
                        index,
                        (down * high, (down + 1) * high),
                        (across * wide, (across + 1) * wide),
                        channel,
                        int(self._offsets[index]),
                        int(self._counts[index]),
                    )

    def _shape(self, segment: _Segment) -> tuple[int, int, int]:
        """Rows, columns and samples that a strip or tile has; the last strip may be short."""
        rows = self._side[0]
        if not self._tiled:
            rows = min(rows, self.size[0] - segment.rows[0])
        return rows, self._side[1], 1 if self._separate else self.channels

    def _cut(self, segment: _Segment, rows: Span, columns: Span) -> NDArray[Any]:
        """Return a part of a strip or tile; of one that is not packed no more is read."""
        if self._in_place:
            shape = self._shape(segment)
            if segment.count < math.prod(shape) * self.dtype.itemsize:
                raise DamagedError(
                    f"a strip or tile has {segment.count} of "
                    f"{math.prod(shape) * self.dtype.itemsize} bytes"
                )
            array = FlatArray(self._file, segment.offset, shape, self.dtype)
            return array[slice(*rows), slice(*columns)]
        whole = self._kept.pop(segment.index, None)
        if whole is None:
            whole = self._decode(segment)
        self._kept[segment.index] = whole
        while (
            len(self._kept) > 1
            and sum(segment.nbytes for segment in self._kept.values()) > _KEPT_BYTES
        ):
            self._kept.popitem(last=False)
        return whole[slice(*rows), slice(*columns)]

    def _decode(self, segment: _Segment) -> NDArray[Any]:
        shape = self._shape(segment)
        data = self._file.read(segment.offset, segment.count)
        if self._way == "tifffile":
            return self._by_tifffile(data, segment.index, shape)
        if self._reversed and self._way == "unpack":
            data = unpacking.reverse_bits(data)
        if self._way == "decode":
            return unpacking.decode(data, self._compression, shape, self.bits, _carried(self._page))
        size = shape[0] * unpacking.row_bytes(shape[1] * shape[2], self.bits)
        raw = unpacking.unpack(data, self._compression, size)
        values = unpacking.numbers(raw, self.dtype, self.bits, shape)
        # libtiff as well knows no predictor of what is not packed
        predictor = 1 if self._compression == unpacking.NONE else self._predictor
        values = unpacking.predicted(values, predictor)
        return values.astype(self.dtype.newbyteorder("="), copy=False)

    def _by_tifffile(self, data: bytes, index: int, shape: tuple[int, int, int]) -> NDArray[Any]:
        tables = getattr(self._page.tags.get(_JPEG_TABLES), "value", None)
        found: Any = self._page.decode(data, index, jpegtables=tables)[0]
        if found is None:
            return np.full(shape, self._missing, self.dtype.newbyteorder("="))
        array: NDArray[Any] = np.asarray(found)
        return array.reshape(array.shape[-3:])


Part = _Flat | _Paged


def _check_plain(path: Path, series: TiffPageSeries) -> None:
    whole = all(frame is not None for frame in series)
    if series.transform is not None or series.is_multifile or not whole:
        raise InputError(
            f"The TIFF {str(path)!r} is of a kind ({series.kind or 'unknown'}) whose pixels lie in "
            "several files or are not what is stored; save the picture as a plain TIFF."
        )


def _in_one_piece(series: TiffPageSeries) -> bool:
    """Whether more lies there than its pages say: ImageJ describes a stack above 4 GB by its first alone."""
    return math.prod(series.shape) != len(series) * math.prod(series.keyframe.shape)


def _parts(
    file: FileBytes, series: TiffPageSeries, axes: Sequence[str], where: tuple[int, ...]
) -> list[Part]:
    """Return what the channels of a plane are made of: one page, a page each, or one piece."""
    page = series.keyframe
    _check_plain(file.path, series)
    if _in_one_piece(series):
        if series.dataoffset is None or series.dtype is None:
            raise DamagedError("its pages are not all there")
        bits = _bits(file, page)
        _way(file, page, bits, 0)
        dtype = _dtype(file, page, bits)
        array = FlatArray(file, series.dataoffset, tuple(series.shape), dtype)
        return [_Flat(array, axes, bits, where)]
    return [
        _Paged(file, page, frame.dataoffsets, frame.databytecounts)
        for frame in series
        if frame is not None
    ]


def check_complete(file: FileBytes, parts: Sequence[Part]) -> None:
    """Refuse a file that ends before its pixels do."""
    size = file.path.stat().st_size
    end = max((end for part in parts for end in part.ends), default=0)
    if end > size:
        raise InputError(
            f"The {file.what} {str(file.path)!r} is cut short: it has {size} of {end} bytes; save or "
            "copy it again."
        )


def nodata_of(page: TiffPage) -> NoData | None:
    """Return the value that stands for no data, if the page names one."""
    value = getattr(page.tags.get(_NODATA), "value", None)
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return NoData(str(value)) if value is not None else None


def _bits(file: FileBytes, page: TiffPage) -> int:
    found: Any = page.bitspersample
    sizes = {int(size) for size in found} if isinstance(found, tuple) else {int(found)}
    bits = sizes.pop()
    if sizes or not 1 <= bits <= 64 or bits == 24 or 32 < bits < 64:
        raise InputError(
            f"The TIFF {str(file.path)!r} holds numbers of {found} bits, which cannot be read here; "
            "save it with 8, 16 or 32 bits."
        )
    return bits


def _dtype(file: FileBytes, page: TiffPage, bits: int) -> np.dtype[Any]:
    """Return the type of a page's numbers in the file's byte order; packed ones in a wider type."""
    order = page.parent.byteorder
    kind = {1: "u", 2: "i", 3: "f", 4: "u"}.get(int(page.sampleformat))
    if kind is None or (kind == "f" and bits not in (16, 32, 64)):
        raise InputError(
            f"The TIFF {str(file.path)!r} holds numbers of {bits} bits in the sample format "
            f"{int(page.sampleformat)}, which cannot be read here; save it as integers or 32-bit floats."
        )
    wide = next(width for width in (8, 16, 32, 64) if width >= bits)
    return np.dtype(f"{order}{kind}{wide // 8}")


def _way(file: FileBytes, page: TiffPage, bits: int, count: int) -> str:
    """Return who makes numbers of a page's bytes: "unpack", "decode" (Pillow) or "tifffile".

    Raises:
        InputError: nobody can.
    """
    from tifffile import COMPRESSION, PHOTOMETRIC

    compression = int(page.compression)
    photometric = int(page.photometric)
    if page.tiledepth > 1 or page.imagedepth > 1:
        raise InputError(f"The TIFF {str(file.path)!r} holds a volume; save the plane to segment.")
    whole = 3 * int(page.imagelength) * int(page.imagewidth)
    if photometric == PHOTOMETRIC.YCBCR and not (
        compression == unpacking.NONE and bits == 8 and count == whole
    ):
        # chroma of several pixels together, which Pillow brings apart
        known = unpacking.unpacks(compression) or unpacking.decodes(compression, bits)
        if bits == 8 and known and int(page.planarconfig) == 1 and page.samplesperpixel == 3:
            return "decode"
    elif unpacking.unpacks(compression):
        return "unpack"
    elif unpacking.decodes(compression, bits):
        return "decode"
    if compression != unpacking.NONE and find_spec("imagecodecs") is not None:
        return "tifffile"
    try:
        name = COMPRESSION(compression).name
    except ValueError:
        name = f"compression {compression}"
    if unpacking.unpacks(compression):
        raise InputError(
            f"The TIFF {str(file.path)!r} holds {color_name(photometric)} colours of "
            f"{page.samplesperpixel} × {bits} bits, which cannot be read here; save it as RGB."
        )
    raise InputError(
        f"The TIFF {str(file.path)!r} is packed by {name} ({bits} bits) and cannot be read here; run "
        "'pip install imagecodecs' or save it uncompressed."
    )


def color_name(photometric: int) -> str:
    """Return the name of a colour model by its number."""
    from tifffile import PHOTOMETRIC

    try:
        return PHOTOMETRIC(photometric).name
    except ValueError:
        return f"photometric {photometric}"


def _carried(page: TiffPage) -> Mapping[int, tuple[int, bytes]]:
    """Return the tags that a strip or tile is decoded by."""
    tags: dict[int, tuple[int, bytes]] = {}
    photometric = int(page.photometric)
    # of 1 bit, ones are to be ones
    tags[262] = (3, struct.pack("<H", photometric if photometric in (2, 5, 6) else 1))
    tables = getattr(page.tags.get(_JPEG_TABLES), "value", None)
    if isinstance(tables, bytes):
        tags[_JPEG_TABLES] = (7, tables)
    for code in (292, 293):  # options of CCITT
        tags[code] = (4, struct.pack("<I", tag_number(page, code, 0)))
    if tag_number(page, _FILL_ORDER, 1) == 2:
        tags[_FILL_ORDER] = (3, struct.pack("<H", 2))
    if photometric == 6:
        chroma = getattr(page.tags.get(_SUBSAMPLING), "value", (2, 2))
        tags[_SUBSAMPLING] = (3, struct.pack("<2H", *(int(factor) for factor in chroma)))
    if page.samplesperpixel in (2, 4) and photometric != 5:
        tags[338] = (3, struct.pack("<H", 0))
    return tags
