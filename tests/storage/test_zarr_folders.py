"""A zarr's codecs and types are looked at before anything of it is decoded."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_corrclip.errors import InputError
from napari_corrclip.images.ome_zarr import open_zarr_plane
from napari_corrclip.storage.zarr_folders import (
    StoredArray,
    child,
    open_array,
    read_node,
    read_rows,
)

DATA = np.arange(1, 121, dtype=np.uint16).reshape(12, 10)
WHAT = "The image 'x.zarr'"


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def version_2(folder: Path, chunk: bytes = b"", **changes: Any) -> Path:
    """An array of version 2, written by hand."""
    said = {
        "zarr_format": 2, "shape": [4, 4], "chunks": [4, 4], "dtype": "<u2", "compressor": None,
        "fill_value": 0, "order": "C", "filters": None,
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / ".zarray").write_text(json.dumps({**said, **changes}))
    (folder / "0.0").write_bytes(chunk or bytes(32))
    return folder


def version_3(folder: Path, chunk: bytes = b"", **changes: Any) -> Path:
    """An array of version 3, written by hand."""
    said = {
        "zarr_format": 3, "node_type": "array", "shape": [4, 4], "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 4]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "attributes": {},
    }  # fmt: skip
    (folder / "c" / "0").mkdir(parents=True)
    (folder / "zarr.json").write_text(json.dumps({**said, **changes}))
    (folder / "c" / "0" / "0").write_bytes(chunk or bytes(32))
    return folder


def shards(chunk: list[int], *codecs: Any) -> dict[str, Any]:
    inner = {"chunk_shape": chunk, "codecs": [{"name": "bytes"}, *codecs]}
    return {"codecs": [{"name": "sharding_indexed", "configuration": inner}]}


def grid(*sides: int) -> dict[str, Any]:
    return {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(sides)}}}


def numcodec(name: str, **options: Any) -> dict[str, Any]:
    return {"codecs": [{"name": "bytes"}, {"name": name, "configuration": options}]}


PICKLE = {"id": "pickle"}
REFUSED: list[tuple[Callable[..., Path], dict[str, Any], str]] = [
    (version_2, {"filters": [PICKLE], "dtype": "|O"}, "the type '|O' and no numbers"),
    (version_2, {"filters": [PICKLE]}, "packed by the codec 'pickle'"),
    (version_2, {"compressor": PICKLE}, "packed by the codec 'pickle'"),
    (version_2, {"filters": [{"id": "zlib"}, PICKLE]}, "packed by the codec 'pickle'"),
    (version_2, {"filters": [{"id": "json2"}]}, "packed by the codec 'json2'"),
    (version_2, {"filters": [{"id": "vlen-bytes"}]}, "packed by the codec 'vlen-bytes'"),
    (version_2, {"filters": [{"id": "imagecodecs_jpegxl"}]}, "packed by the codec 'imagecodecs"),
    (version_2, {"filters": [{"id": ["pickle"]}]}, r"packed by the codec ['pickle']"),
    (version_2, {"filters": "pickle"}, "its filters are no list"),
    (version_2, {"object_codec": PICKLE}, "packed by the codec"),
    (version_2, {"filters": [{"id": "astype", "encode_dtype": "O"}]}, "is of the type 'O'"),
    (version_2, {"filters": [{"id": "delta", "dtype": "|O"}]}, "is of the type '|O'"),
    (version_2, {"filters": [{"id": "delta", "dtype": [["a", "O"]]}]}, "has the option 'dtype'"),
    (version_2, {"dtype": [["a", "<f4"], ["b", "|O"]]}, "and no numbers"),
    (version_2, {"dtype": "<U4"}, "the type '<U4'"),
    (version_2, {"dtype": "|V2"}, "the type '|V2'"),
    (version_2, {"dtype": "<M8[s]"}, "the type '<M8[s]'"),
    (version_2, {"dtype": None}, "the type None"),
    (version_2, {"shape": [1 << 20] * 2, "chunks": [1 << 20] * 2}, "at most 4 GiB can be read at once"),
    (version_2, {"chunks": [0, 4]}, "its chunks are [0, 4]"),
    (version_2, {"chunks": [4]}, "its chunks are (4,) and its shape is (4, 4)"),
    (version_2, {"shape": [-4, 4]}, "its shape are [-4, 4]"),
    (version_2, {"shape": [4, 1e999]}, "its shape are [4, inf]"),
    (version_2, {"shape": [1 << 40, 1 << 40]}, "its shape is ("),
    (version_2, {"fill_value": {"a": 1}}, "its fill value is none"),
    (version_2, {"fill_value": "gASV"}, "damaged"),
    (version_2, {"zarr_format": 1}, ".zarray is of the format 1"),
    (version_3, {"data_type": "string"}, "the type 'string'"),
    (version_3, {"data_type": {"name": "structured", "configuration": {}}}, "and no numbers"),
    (version_3, {"data_type": "variable_length_bytes"}, "the type 'variable_length_bytes'"),
    (version_3, numcodec("numcodecs.pickle"), "packed by the codec 'numcodecs.pickle'"),
    (version_3, numcodec("pickle"), "packed by the codec 'pickle'"),
    (version_3, numcodec("vlen-utf8"), "packed by the codec 'vlen-utf8'"),
    (version_3, numcodec("numcodecs.zlib", id="pickle"), "has the option 'id'"),
    (version_3, numcodec("numcodecs.astype", decode_dtype="|O"), "is of the type '|O'"),
    (version_3, {"codecs": [{"name": "bytes"}, "pickle"]}, "packed by the codec 'pickle'"),
    (version_3, {"codecs": [3]}, "packed by the codec 3"),
    (version_3, {"codecs": []}, "its codecs are []"),
    (version_3, shards([2, 2], {"name": "pickle"}), "packed by the codec 'pickle'"),
    (version_3, shards([2]), "in shards of (4, 4)"),
    (version_3, {**grid(1 << 30, 1 << 30), **shards([1, 1])}, "shards are of"),
    (version_3, {"storage_transformers": [{"name": "x"}]}, "packed by the codec"),
    (version_3, {"shape": [1 << 20] * 2, **grid(1 << 20, 1 << 20)}, "in chunks of 1048576 × 1048576"),
    (version_3, grid(1 << 15, 1 << 15), "its chunks are (32768, 32768) and its shape is (4, 4)"),
    (version_3, {"fill_value": [1, 2]}, "its fill value is none"),
    (version_3, {"node_type": "x"}, "zarr.json is of a 'x' of format 3"),
    (version_3, {"chunk_grid": 5}, "its metadata hold 5"),
    (version_3, {"chunk_key_encoding": {"name": "y"}}, "damaged"),
    (version_3, {"attributes": [1]}, "its attributes are no object"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "changes", "said"), REFUSED)
def test_what_is_not_of_plain_numbers_is_refused_before_it_is_decoded(
    tmp_path: Path, make: Callable[..., Path], changes: dict[str, Any], said: str
) -> None:
    marker = tmp_path / "marker"
    path = make(tmp_path / "a.zarr", pickle.dumps(Evil(marker)), **changes)
    with pytest.raises(InputError) as caught:
        open_zarr_plane(path, WHAT)
    assert said in str(caught.value)
    assert str(caught.value).startswith(WHAT)
    assert "report this" not in str(caught.value)
    assert not marker.exists()


def test_the_file_of_the_test_above_does_run_in_old_versions(tmp_path: Path) -> None:
    """Where zarr and numcodecs let it; else the test above would show nothing."""
    import numcodecs

    if tuple(int(part) for part in numcodecs.__version__.split(".")[:3]) >= (0, 16, 6):
        pytest.skip("this numcodecs unpickles nothing")
    marker = tmp_path / "marker"
    chunk = pickle.dumps([Evil(marker)])
    path = version_2(tmp_path / "a.zarr", chunk, filters=[PICKLE], dtype="|O")
    with contextlib.suppress(Exception):
        zarr.open_array(path, mode="r")[...]
    assert marker.exists()


def test_what_consolidated_metadata_say_is_not_asked_for(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = tmp_path / "group.zarr"
    version_2(path / "a", pickle.dumps(Evil(marker)), filters=[PICKLE], dtype="|O")
    good = json.loads((version_2(tmp_path / "good") / ".zarray").read_text())
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    said = {".zgroup": {"zarr_format": 2}, "a/.zarray": good}
    (path / ".zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": said}))
    with pytest.raises(InputError, match="no numbers"):
        open_zarr_plane(path, WHAT)
    # and the other way round: the array's own file says what it is
    (path / "a" / ".zarray").write_text(json.dumps(good))
    (path / "a" / "0.0").write_bytes(bytes(32))
    said["a/.zarray"] = {**good, "filters": [PICKLE], "dtype": "|O"}
    (path / ".zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": said}))
    array, _ = open_zarr_plane(path, WHAT)
    assert not array[...].any()
    assert not marker.exists()


def written(folder: Path, **options: Any) -> Path:
    """An array that zarr wrote."""
    kwargs = {"chunks": (5, 4), **options}
    array = zarr.create_array(folder, shape=DATA.shape, dtype=DATA.dtype, **kwargs)
    array[...] = DATA
    return folder


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"zarr_format": 2},
        {"shards": (10, 8)},
        {"compressors": None},
        {"compressors": [zarr.codecs.BloscCodec(), zarr.codecs.Crc32cCodec()]},
        {"compressors": zarr.codecs.GzipCodec(), "filters": [zarr.codecs.TransposeCodec(order=(1, 0))]},
        {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    ],
)  # fmt: skip
def test_arrays_of_numbers_are_read(tmp_path: Path, options: dict[str, Any]) -> None:
    array, axes = open_zarr_plane(written(tmp_path / "a.zarr", **options), WHAT)
    assert axes == ""
    assert np.array_equal(array[...], DATA)


@pytest.mark.parametrize(
    "packed",
    [
        {"compressor": {"id": "zlib", "level": 1}},
        {"compressor": {"id": "lzma", "filters": None, "format": 1, "check": -1, "preset": None}},
        {"compressor": {"id": "bz2", "level": 1}},
        {"compressor": {"id": "lz4", "acceleration": 1}},
        {"filters": [{"id": "delta", "dtype": "<u2", "astype": "<u2"}], "compressor": {"id": "zstd"}},
        {"filters": [{"id": "shuffle", "elementsize": 2}], "compressor": {"id": "blosc"}},
    ],
)  # fmt: skip
def test_packed_arrays_of_version_2_are_read(tmp_path: Path, packed: dict[str, Any]) -> None:
    from numcodecs import get_codec

    data = np.ascontiguousarray(DATA[:4, :4])
    chunk: Any = data
    for codec in (*packed.get("filters", ()), packed["compressor"]):
        chunk = get_codec(codec).encode(chunk)
    path = version_2(tmp_path / "a.zarr", bytes(chunk), **packed)
    assert np.array_equal(open_zarr_plane(path, WHAT)[0][...], data)


def stored(path: Path) -> StoredArray:
    return StoredArray(
        open_array(read_node(path, WHAT, "redo it"), WHAT, "redo it"), WHAT, "redo it"
    )


def test_a_stored_array_is_like_an_array(tmp_path: Path) -> None:
    array = stored(written(tmp_path / "a.zarr"))
    assert (array.shape, array.ndim, array.size, len(array)) == ((12, 10), 2, 120, 12)
    assert (array.dtype, array.chunks) == (np.uint16, (5, 4))
    assert np.array_equal(array, DATA)
    assert np.array_equal(array[2:5, 3], DATA[2:5, 3])
    for other in (copy.deepcopy(array), pickle.loads(pickle.dumps(array))):
        assert np.array_equal(other, DATA)
    with pytest.raises(IndexError):
        array[50]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda chunk: chunk.write_bytes(chunk.read_bytes()[:12]), "is damaged or cut short"),
        (lambda chunk: chunk.write_bytes(b"\xff" * 50), "is damaged or cut short"),
        (lambda chunk: (chunk.unlink(), os.mkfifo(chunk)), "it is a pipe"),
        (lambda chunk: (chunk.unlink(), chunk.symlink_to("/dev/zero")), "it is a pipe, a device"),
        (lambda chunk: (chunk.unlink(), chunk.mkdir()), "it is a folder"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX's")
@pytest.mark.parametrize("options", [{}, {"shards": (10, 8)}])
def test_a_damaged_chunk_is_one_sentence(
    tmp_path: Path, damage: Callable[[Path], object], said: str, options: dict[str, Any]
) -> None:
    path = written(tmp_path / "a.zarr", **options)
    array = stored(path)
    damage(path / "c" / "0" / "0")
    for key in (..., (slice(0, 2), slice(0, 2))):
        with pytest.raises(InputError, match=said):
            array[key]


@pytest.mark.parametrize("error", [TypeError, KeyError, RuntimeError, AttributeError])
def test_a_failing_library_is_not_told_as_damage(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise error("open_array() got an unexpected keyword argument")

    monkeypatch.setattr(zarr, "open_array", fail)
    node = read_node(version_3(tmp_path / "x.zarr"), WHAT, "copy it again")
    with pytest.raises(InputError, match=f"its reader failed \\({error.__name__}: .*open_array"):
        open_array(node, WHAT, "copy it again")


def test_what_zarr_cannot_make_of_metadata_is_told_as_damage(tmp_path: Path) -> None:
    folder = version_2(tmp_path / "x.zarr", compressor={"id": "zlib", "x": 1})
    with pytest.raises(InputError, match=r"is damaged or cut short \(.*unexpected keyword"):
        open_array(read_node(folder, WHAT, "copy it again"), WHAT, "copy it again")


def test_rows_are_all_there(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zarr")
    node = read_node(path, WHAT, "redo it")
    assert np.array_equal(read_rows(node, WHAT, "redo it"), DATA)
    (path / "c" / "2" / "1").unlink()
    with pytest.raises(InputError, match=r"is damaged \(8 of 9 chunks are there\); redo it\.$"):
        read_rows(node, WHAT, "redo it")
    said = json.loads((path / "zarr.json").read_text())
    (path / "zarr.json").write_text(json.dumps({**said, "shape": [1 << 40, 10]}))
    with pytest.raises(InputError, match="of 659706976668 chunks are there"):
        read_rows(read_node(path, WHAT, "redo it"), WHAT, "redo it")


@pytest.mark.parametrize(
    "path", ["../a.zarr", "/etc", "", ".", "a//b", "a\\b", "a\0b", None, 3, ["a"]]
)
def test_no_path_leads_out_of_a_group(tmp_path: Path, path: object) -> None:
    zarr.open_group(tmp_path / "g.zarr", mode="w")
    node = read_node(tmp_path / "g.zarr", WHAT, "redo it")
    with pytest.raises(InputError, match="which is none inside it; redo it"):
        child(node, path, WHAT, "redo it")


def test_metadata_that_cannot_be_read(tmp_path: Path) -> None:
    path = version_3(tmp_path / "a.zarr")
    for text in ("{", "[1]", "[" * 100_000, "\xff"):
        (path / "zarr.json").write_text(text, encoding="latin1")
        with pytest.raises(InputError, match="zarr metadata"):
            open_zarr_plane(path, WHAT)
    shutil.rmtree(path)
    with pytest.raises(InputError, match="there is no such folder"):
        open_zarr_plane(path, WHAT)
