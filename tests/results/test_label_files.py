"""Label maps as files: every value as it is, or a sentence and no file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.results.label_files import read_map, write_label_png, write_tiff
from napari_corrclip.vocabulary import Vocabulary

WORDS = Vocabulary.parse("cat, dog")
LARGE = 2**31 - 1


def png(path: Path, labels: NDArray[np.integer]) -> None:
    write_label_png(path, labels, WORDS)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8", ">u2", ">i4"])
@pytest.mark.parametrize(("write", "highest"), [(png, 255), (write_tiff, LARGE)])
def test_values_of_any_type_come_back(
    tmp_path: Path, write: Callable[..., None], highest: int, dtype: str
) -> None:
    top = min(np.iinfo(dtype).max, highest)
    labels = np.array([[0, 1, 2], [3, 127, top]], dtype)
    write(tmp_path / "map", labels)
    np.testing.assert_array_equal(read_map(tmp_path / "map"), labels)


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        (np.array([[0, 255]], np.uint8), np.uint8),
        (np.array([[0, 255]], np.uint16), np.uint16),
        (np.array([[0, 255]], np.int32), np.int32),
        (np.array([[0, 65535]]), np.uint16),
        (np.array([[0, 65536]]), np.int32),
    ],
)
def test_a_tiff_has_a_type_that_every_program_reads(
    tmp_path: Path, labels: NDArray[np.integer], kept: type
) -> None:
    write_tiff(tmp_path / "map.tif", labels)
    assert tifffile.imread(tmp_path / "map.tif").dtype == kept


@pytest.mark.parametrize(
    ("write", "labels", "sentence"),
    [
        (png, np.array([[0, -1]], np.int8), r"label -1 does not fit an indexed PNG \(0 to 255\)"),
        (png, np.array([[0, 256]]), r"label 256 does not fit .*write a TIFF"),
        (png, np.array([[0, 2**63]], np.uint64), "label 9223372036854775808 does not fit"),
        (png, np.array([[0, 1.0]]), "are float64, and an indexed PNG holds whole numbers"),
        (png, np.array([[False, True]]), "are bool"),
        (png, np.array([[1]]).astype("m8[s]"), "are timedelta64"),
        (png, np.zeros((0, 3), int), r"shape \(0, 3\)"),
        (write_tiff, np.array([[0, -5]], np.int64), r"label -5 does not fit .*\(0 to 2147483647\)"),
        (write_tiff, np.array([[0, 2**31]]), "label 2147483648 does not fit .*renumber"),
        (write_tiff, np.array([[0, 2**32]], np.uint64), "label 4294967296 does not fit"),
        (write_tiff, np.array([[0, np.nan]]), "are float64"),
        (write_tiff, np.array([[False, True]]), "are bool"),
        (write_tiff, np.zeros((2, 3, 4), int), r"shape \(2, 3, 4\)"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_file_is_begun(
    tmp_path: Path, write: Callable[..., None], labels: NDArray[np.generic], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        write(tmp_path / "map", labels)
    assert list(tmp_path.iterdir()) == []
