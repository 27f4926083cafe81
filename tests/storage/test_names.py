"""What is made beside a name fits wherever the name does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.errors import InputError
from napari_corrclip.storage.files import atomic_path, write_bytes, write_folder
from napari_corrclip.storage.names import cut, size

LONGEST = ("n" * 255, "顕" * 85, "e\u0301" * 85, "a." + "b" * 253, "x" * 251 + ".png")
"""255 bytes each."""


@given(st.text("ab.é顕🐈", min_size=1, max_size=90), st.integers(16, 300))
def test_a_name_is_cut_between_characters_and_stays_its_own(name: str, limit: int) -> None:
    found = cut(name, limit)
    assert size(found) <= limit
    assert found == name or (size(name) > limit and name.startswith(found[:-9]))
    assert cut(name + "x", limit) != found


@pytest.mark.parametrize("name", LONGEST)
def test_a_name_that_just_fits_is_written(name: str, tmp_path: Path) -> None:
    write_bytes(tmp_path / name, b"1")
    assert (tmp_path / name).read_bytes() == b"1"
    (tmp_path / name).unlink()
    for text in (b"1", b"2"):  # new, and in place of another
        write_folder(tmp_path / name, {"a": lambda path, text=text: path.write_bytes(text)})
    assert (tmp_path / name / "a").read_bytes() == b"2"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_temporary_file_ends_like_its_own(tmp_path: Path) -> None:
    with atomic_path(tmp_path / ("x" * 250 + ".tiff")) as temporary:
        assert temporary.suffix == ".tiff"
        temporary.touch()


def test_a_name_that_is_too_long_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"too long.*; give a shorter name"):
        write_bytes(tmp_path / ("x" * 256), b"")
