"""Zarr folders of strangers, whose metadata are looked at before zarr opens them.

A zarr's metadata name the codecs that its chunks go through, and there are codecs that unpickle, which
runs whatever the file says. So every array is opened by itself, after its own metadata file was found to
name nothing but codecs and types from lists: of plain numbers. Groups are walked here, and consolidated
metadata, which may say other things than the array's own file, are never asked for.
"""

from __future__ import annotations

import lzma
import math
import os
import re
import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.storage.untrusted import guarded, reason

METADATA = ("zarr.json", ".zarray", ".zgroup")
"""What an array or a group of zarr has one of."""
MAX_METADATA = 64 << 20
"""Most bytes of a metadata file; consolidated ones of a plate have some."""
MAX_CHUNK = 4 << 30
"""Most bytes of a chunk in memory, the least that can be read at once."""

# Numbers in, numbers out. Of numcodecs there are missing those of objects and text: pickle, json2,
# msgpack2, vlen-*, categorize; and whatever else is installed.
_NUMCODECS = frozenset(
    {
        "adler32", "astype", "bitround", "blosc", "bz2", "crc32", "crc32c", "delta",
        "fixedscaleoffset", "fletcher32", "gzip", "jenkins_lookup3", "lz4", "lzma", "packbits",
        "pcodec", "quantize", "shuffle", "zfpy", "zlib", "zstd",
    }
)  # fmt: skip
_CODECS = frozenset(
    {"blosc", "bytes", "crc32c", "endian", "gzip", "sharding_indexed", "transpose", "zstd"}
) | {f"numcodecs.{name}" for name in _NUMCODECS}
_TYPES = frozenset(
    {
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64", "complex64", "complex128",
    }
)  # fmt: skip
_TYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c(8|16))")
_LONGEST = 1 << 48
_SMALL = 64 << 20  # a chunk of so many bytes may be larger than its array
# What zarr's own checks raise of metadata; ours have looked at them before.
_DAMAGED_METADATA = (ValueError,)
# What zarr and its codecs raise where a chunk is damaged; RuntimeError is Blosc's and Zstandard's.
_DAMAGED_CHUNK = (ValueError, RuntimeError, EOFError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class ZarrNode:
    """One array or group, as its metadata file says.

    Attributes:
        path: of its folder.
        version: of zarr's format.
        kind: what it is.
        attributes: what its writer noted.
        document: the metadata file.
    """

    path: Path
    version: Literal[2, 3]
    kind: Literal["array", "group"]
    attributes: Mapping[str, object]
    document: Mapping[str, object]


def check_zarr() -> None:
    """Raise an ``InputError`` where zarr, which large images and results need, is not there."""
    try:
        import zarr

        _ = zarr.create_array
    except (ImportError, AttributeError):
        raise InputError(
            "Large images need zarr 3, which is not installed; run "
            "'pip install napari-corrclip[large]'."
        ) from None


def read_node(folder: Path, what: str, advice: str) -> ZarrNode:
    """Return what ``folder`` is; nothing but its metadata is read.

    Where both versions of the format are there, it is the newer, as zarr has it.

    Args:
        folder: of an array or a group.
        what: the subject of the sentence, such as ``"The image 'a.zarr'"``.
        advice: what to do, the end of the sentence.

    Raises:
        InputError: it is neither, or its metadata cannot be read.
    """
    name = next((file for file in METADATA if os.path.lexists(folder / file)), None)
    if name is None:
        if not folder.is_dir():
            raise InputError(f"{what} cannot be read (there is no such folder); {advice}.")
        raise InputError(f"{what} is no zarr (it has no {', '.join(METADATA)}); {advice}.")
    document = _document(folder / name)
    if name == "zarr.json":
        kind, attributes = document.get("node_type"), document.get("attributes", {})
        if document.get("zarr_format") != 3 or kind not in ("array", "group"):
            _damaged(what, f"zarr.json is of a {kind!r} of format {document.get('zarr_format')!r}")
        version: Literal[2, 3] = 3
    else:
        if document.get("zarr_format") != 2:
            _damaged(what, f"{name} is of the format {document.get('zarr_format')!r}")
        version, kind = 2, "array" if name == ".zarray" else "group"
        notes = folder / ".zattrs"
        attributes = _document(notes) if os.path.lexists(notes) else {}
    if not isinstance(attributes, dict):
        _damaged(what, "its attributes are no object")
    return ZarrNode(folder, version, "array" if kind == "array" else "group", attributes, document)


def child(node: ZarrNode, path: object, what: str, advice: str) -> ZarrNode:
    """Return what lies at a path of strangers inside a group.

    Raises:
        InputError: the path leads out of the group, or as of :func:`read_node`.
    """
    parts = path.split("/") if isinstance(path, str) else []
    if not parts or any(part in ("", ".", "..") or set(part) & set("\\:\0") for part in parts):
        raise InputError(f"{what} names the path {path!r}, which is none inside it; {advice}.")
    return read_node(node.path.joinpath(*parts), f"{what}, {path!r},", advice)


def children(node: ZarrNode) -> list[str]:
    """Return the names of the arrays and groups in a group, in the order of their names."""
    with os.scandir(node.path) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    found = (
        name for name in names if any((node.path / name / file).is_file() for file in METADATA)
    )
    return sorted(found)


def open_array(
    node: ZarrNode, what: str, advice: str, *, store: Callable[[Path], Any] | None = None
) -> Any:
    """Return the zarr array of a node, after its metadata were looked at; no chunk is read.

    Args:
        node: an array's.
        what: the subject of the sentence.
        advice: what to do where it is damaged.
        store: makes zarr's store of the array's folder; ``None``: regular files alone are read.

    Raises:
        InputError: it is of anything but numbers, has a codec that is not known to hold numbers,
            cannot be, or has a chunk of more than :data:`MAX_CHUNK`.
    """
    check_array(node, what, advice)
    check_zarr()
    import zarr

    from napari_corrclip.storage.zarr_store import RegularFiles

    with guarded(what, advice, damage=_DAMAGED_METADATA), warnings.catch_warnings():
        # Such as that other programs may not know a codec.
        warnings.simplefilter("ignore")
        opened = RegularFiles(node.path, read_only=True) if store is None else store(node.path)
        try:
            return zarr.open_array(opened, mode="r", zarr_format=node.version)
        except (TypeError, KeyError) as error:
            # Zarr hands what metadata say to its classes as it is. Where it opens a sound array, they are
            # at fault, and else it raises its own fault again.
            sound = zarr.storage.MemoryStore()
            zarr.create_array(sound, shape=(1,), dtype="uint8", zarr_format=node.version)
            zarr.open_array(sound, mode="r", zarr_format=node.version)
            raise ValueError(reason(error)) from error


def check_array(node: ZarrNode, what: str, advice: str) -> None:
    """Look at an array's metadata: shape, chunks, type, codecs and fill value.

    Raises:
        InputError: as of :func:`open_array`.
    """
    if node.kind != "array":
        raise InputError(f"{what} is a group of zarr and no array; {advice}.")
    said, kind = node.document, _type(node, what)
    shape = _sides(said.get("shape"), 0, what, "shape")
    if node.version == 2:
        chunks = _sides(said.get("chunks"), 1, what, "chunks")
        filters = said.get("filters") or []
        if not isinstance(filters, list):
            _damaged(what, "its filters are no list")
        compressor = said.get("compressor")
        for codec in [*filters, *([] if compressor is None else [compressor])]:
            _check_numcodec(codec, what)
        if said.get("object_codec") is not None:
            _refused_codec(what, said["object_codec"])
    else:
        grid = _part(said.get("chunk_grid"), what)
        chunks = _sides(grid.get("chunk_shape"), 1, what, "chunks")
        if said.get("storage_transformers"):
            _refused_codec(what, said["storage_transformers"])
        chunks = _check_codecs(said.get("codecs"), chunks, what)
    if len(chunks) != len(shape):
        _damaged(what, f"its chunks are {chunks} and its shape is {shape}")
    size = math.prod(chunks) * kind.itemsize
    if size > max(_SMALL, 2 * math.prod(shape) * kind.itemsize):
        _damaged(what, f"its chunks are {chunks} and its shape is {shape}")
    if size > MAX_CHUNK:
        raise InputError(
            f"{what} lies in chunks of {' × '.join(map(str, chunks))}, and at most "
            f"{MAX_CHUNK >> 30} GiB can be read at once; save it in smaller chunks."
        )
    if math.prod(shape) * kind.itemsize >= 1 << 62:
        _damaged(what, f"its shape is {shape}")
    fill = said.get("fill_value")
    if kind.kind in "iu" and isinstance(fill, int | float):
        bounds = np.iinfo(kind)
        if not bounds.min <= fill <= bounds.max:  # NaN is not, either
            _damaged(what, f"its fill value is {_short(fill)}, and its type {kind}")
    if not isinstance(fill, str | int | float | None) and not (
        isinstance(fill, list) and len(fill) == 2 and kind.kind == "c"
    ):
        _damaged(what, "its fill value is none")


def _type(node: ZarrNode, what: str) -> np.dtype[Any]:
    name = node.document.get("dtype" if node.version == 2 else "data_type")
    known = isinstance(name, str) and (
        _TYPE.fullmatch(name) is not None if node.version == 2 else name in _TYPES
    )
    if not known:
        raise InputError(
            f"{what} holds elements of the type {_short(name)} and no numbers; save it as numbers."
        )
    return np.dtype(str(name))


def _sides(values: object, least: int, what: str, which: str) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(
        type(side) is int and least <= side < _LONGEST for side in values
    ):
        _damaged(what, f"its {which} are {_short(values)}")
    return tuple(values)


def _check_codecs(codecs: object, chunks: tuple[int, ...], what: str) -> tuple[int, ...]:
    """Look at the codecs of zarr 3; return the shape of what is read at once."""
    if not isinstance(codecs, list) or not codecs:
        _damaged(what, f"its codecs are {_short(codecs)}")
    for codec in codecs:
        name = codec.get("name") if isinstance(codec, dict) else codec
        if not isinstance(name, str) or name not in _CODECS:
            _refused_codec(what, name)
        said: Mapping[str, Any] = {} if isinstance(codec, str) else _part(codec, what)
        if name == "sharding_indexed":
            inner = _sides(said.get("chunk_shape"), 1, what, "shards' chunks")
            if len(inner) != len(chunks):
                _damaged(what, f"its shards' chunks are {inner} in shards of {chunks}")
            # Of each chunk the shard's index has two numbers of 8 bytes.
            index = math.prod(-(-side // part) for side, part in zip(chunks, inner, strict=True))
            if 16 * index > MAX_CHUNK:
                _damaged(what, f"its shards are of {index} chunks")
            chunks = _check_codecs(said.get("codecs"), inner, what)
            _check_codecs(said.get("index_codecs", ["bytes"]), (index, 2), what)
        elif str(name).startswith("numcodecs."):
            _check_options(said, what)
        else:
            _check_options({key: said[key] for key in said if key != "order"}, what)
    return chunks


def _check_numcodec(codec: object, what: str) -> None:
    """Look at a filter or compressor of zarr 2."""
    name = codec.get("id") if isinstance(codec, dict) else codec
    if not isinstance(codec, dict) or not isinstance(name, str) or name not in _NUMCODECS:
        _refused_codec(what, name)
    _check_options({key: codec[key] for key in codec if key != "id"}, what)


def _check_options(options: Mapping[str, object], what: str) -> None:
    """Refuse options that make another codec or type out of one."""
    for key, value in options.items():
        if key == "id" or not isinstance(value, str | int | float | None):
            # lzma has a list of its own filters, which are numbers
            plain = isinstance(value, list) and all(_is_plain(item) for item in value)
            if key != "filters" or not plain:
                _damaged(what, f"a codec has the option {key!r}, {_short(value)}")
        if key in ("dtype", "astype", "encode_dtype", "decode_dtype") and not (
            isinstance(value, str) and (_TYPE.fullmatch(value) or value in _TYPES)
        ):
            _damaged(what, f"a codec is of the type {_short(value)}")


def _is_plain(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(number, int) for number in value.values())


def _part(value: object, what: str) -> Mapping[str, Any]:
    """Return the configuration of a part of zarr 3's metadata."""
    said = value.get("configuration", {}) if isinstance(value, dict) else None
    if not isinstance(said, dict):
        _damaged(what, f"its metadata hold {_short(value)}")
    return said


def _document(path: Path) -> dict[str, object]:
    text = read_text(path, "zarr metadata", limit=MAX_METADATA)
    # Attributes of other programs hold NaN.
    document = load_json(text, f"The zarr metadata {str(path)!r}", finite=False)
    if not isinstance(document, dict):
        raise InputError(f"The zarr metadata {str(path)!r} are no object; save the zarr again.")
    return document


def _refused_codec(what: str, codec: object) -> NoReturn:
    raise InputError(
        f"{what} is packed by the codec {_short(codec)}, and only codecs of plain numbers are opened, "
        "since others may run a stranger's program; save it with zstd, gzip or blosc."
    )


def _damaged(what: str, reason: str) -> NoReturn:
    raise InputError(f"{what} is damaged ({reason}); save or copy it again.")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


class StoredArray:
    """An array on the disk that is read where it is cut, whose damage is told in a sentence.

    What zarr's own arrays have, such as ``chunks`` and ``attrs``, it has too.

    Args:
        array: of :func:`open_array`.
        what: the subject of the sentence.
        advice: what to do where a chunk is damaged.
    """

    def __init__(self, array: Any, what: str, advice: str) -> None:
        self._array = array
        self._what = what
        self._advice = advice

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis."""
        return tuple(self._array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        dtype: np.dtype[Any] = np.dtype(self._array.dtype)
        return dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        """Length of the first axis."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return a cut, read now.

        Raises:
            InputError: a chunk of it is damaged or cannot be read.
            IndexError: there is no such cut.
        """
        try:
            with guarded(self._what, self._advice, damage=_DAMAGED_CHUNK):
                return self._array[key]
        except InputError as error:
            if isinstance(error.__cause__, IndexError):  # the caller's fault, no file's
                raise error.__cause__ from None
            raise

    def __setitem__(self, key: Any, value: Any) -> None:
        """Refuse what would change a result.

        Raises:
            ValueError: always, as NumPy has it.
        """
        raise ValueError("assignment destination is read-only")

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Return all of it."""
        return np.asarray(self[...], dtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also while it is unpickled, when there is no array yet
            raise AttributeError(name)
        return getattr(self._array, name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.dtype} {self.shape} of {self._what}>"


def read_rows(node: ZarrNode, what: str, advice: str) -> NDArray[Any]:
    """Return all of a table that was written with a file for every chunk.

    Zarr takes a chunk that is not there for zeros, and metadata that speak of more rows than there are
    would ask for the memory of all of them.

    Raises:
        InputError: as of :func:`open_array`; a chunk is missing or damaged.
    """
    array = StoredArray(open_array(node, what, advice), what, advice)
    grid = node.document.get("chunks")
    if node.version == 3:
        grid = _part(node.document.get("chunk_grid"), what)["chunk_shape"]
    sides = zip(array.shape, _sides(grid, 1, what, "chunks"), strict=True)
    wanted = math.prod(-(-side // chunk) for side, chunk in sides)
    there = sum(len(names) for _, _, names in os.walk(node.path))
    there -= sum((node.path / name).is_file() for name in (*METADATA, ".zattrs"))
    if there < wanted:
        raise InputError(f"{what} is damaged ({there} of {wanted} chunks are there); {advice}.")
    return np.asarray(array)
