"""Of NumPy's files only numbers are read, and no more than there are."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.images.flat import FileBytes, open_npy
from napari_corrclip.storage.arrays import read_npz

NUMBERS = np.arange(12, dtype=np.int32).reshape(3, 4)


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """A file with any header."""
    text = header.encode("latin1") + b"\n"
    width = 2 if version == (1, 0) else 4
    return b"\x93NUMPY" + bytes(version) + len(text).to_bytes(width, "little") + text + data


def header(shape: object, descr: object = "<f4", order: object = False) -> str:
    return f"{{'descr': {descr!r}, 'fortran_order': {order!r}, 'shape': {shape!r}, }}"


def read_npy(path: Path) -> np.ndarray[Any, Any]:
    """Return all of a file that is read in pieces."""
    with FileBytes(path, "array") as file:
        array, by_columns = open_npy(file, "save it anew")
        found = array[()]
        return found.T if by_columns else found


@pytest.mark.parametrize("array", [NUMBERS, np.asfortranarray(NUMBERS), NUMBERS[:0], NUMBERS > 3])
def test_numbers_are_read(tmp_path: Path, array: np.ndarray[Any, Any]) -> None:
    np.save(tmp_path / "a.npy", array)
    found = read_npy(tmp_path / "a.npy")
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_are_read(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, NUMBERS, version=version)
    assert np.array_equal(read_npy(tmp_path / "a.npy"), NUMBERS)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    array = np.array([Evil(marker)], object)
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    np.savez(tmp_path / "a.npz", a=array, b=NUMBERS)
    for read in (
        lambda: read_npy(tmp_path / "a.npy"),
        lambda: read_npz(tmp_path / "a.npz", ["a"], "array", "x"),
    ):
        with pytest.raises(InputError, match="holds pickled Python objects, which may run"):
            read()
    assert not marker.exists()
    assert np.array_equal(read_npz(tmp_path / "a.npz", ["b"], "array", "x")["b"], NUMBERS)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (npy(header((10**12,)), b"1234"), "is cut short: it has 4 of 4000000000000 bytes"),
        (npy(header((1 << 60, 1 << 60)), b"1234"), "which cannot be"),
        (npy(header((0, 10**40))), "which cannot be"),
        (npy(header((-1, 4)), b"1234"), "which cannot be"),
        (npy(header((3,), [("a", "<f4"), ("b", "|O")]), b"12345678"), "pickled Python objects"),
        (npy(header((3,), [("a", "<f4"), ("b", "<f4")]), bytes(24)), "and no numbers"),
        (npy(header((3,), "<U4"), bytes(48)), "and no numbers"),
        (npy(header((3,), "<M8[s]"), bytes(24)), "and no numbers"),
        (npy(header((3,), "|V4"), bytes(12)), "and no numbers"),
        (npy(header((3.0,)), bytes(12)), "is no NumPy array"),
        (npy(header("abc"), bytes(12)), "is no NumPy array"),
        (npy(header((3,), order="no"), bytes(12)), "is no NumPy array"),
        (npy("__import__('os').system('true')"), "is no NumPy array"),
        (npy("-" * 9000 + "1"), "is no NumPy array"),
        (npy("(" * 9000), "is no NumPy array"),
        (npy("{'descr"), "is no NumPy array"),
        (npy("\0"), "is no NumPy array"),
        (npy("{}", version=(9, 9)), "is no NumPy array"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff{", "is no NumPy array"),
        (pickle.dumps(NUMBERS), "is no NumPy array"),
        (b"", "is no NumPy array"),
    ],
)  # fmt: skip
def test_what_a_header_says_is_looked_at_first(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", data)
    with pytest.raises(InputError, match=said) as caught:
        read_npy(tmp_path / "a.npy")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "a.npy") in str(caught.value)
    with pytest.raises(InputError, match=said):
        read_npz(tmp_path / "a.npz", ["a"], "array", "save it anew")


def test_a_failing_library_is_not_told_as_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise TypeError("read_array() got an unexpected keyword argument")

    np.savez(tmp_path / "a.npz", a=NUMBERS)
    monkeypatch.setattr(np.lib.format, "read_array", fail)
    with pytest.raises(InputError, match=r"its reader failed \(TypeError: read_array"):
        read_npz(tmp_path / "a.npz", ["a"], "array", "x")


def test_no_more_is_unpacked_than_belongs_there(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(50 << 20, np.uint8))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    with pytest.raises(InputError, match=r"holds a of 52428928 bytes where at most 1000 belong"):
        read_npz(tmp_path / "a.npz", ["a"], "array", "x", largest=1000)


@pytest.mark.parametrize("name", ["a", "b"])
def test_an_archive_that_says_other_sizes_than_it_has(tmp_path: Path, name: str) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1000, np.uint8))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    at = data.index(b"PK\1\2") + 24  # the stated size, in the directory
    data[at : at + 4] = (500).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(InputError, match="cut short" if name == "a" else "no array 'b'"):
        read_npz(tmp_path / "a.npz", [name], "array", "x")
