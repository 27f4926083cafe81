"""Results that somebody sent: nothing in them runs, and no more is unpacked than an image has."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.errors import InputError
from napari_corrclip.plugin.reader import get_reader

BEFORE = Path(__file__).parent.parent / "data" / "before"


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BEFORE / "result", tmp_path / "result"))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BEFORE / "large", tmp_path / "large"))


def test_objects_in_a_result_are_not_unpickled(result: Path, tmp_path: Path) -> None:
    with np.load(result / "arrays.npz") as stored:
        arrays = dict(stored)
    arrays["confidence"] = np.array([[Evil(tmp_path / "marker")]], object)
    np.savez(result / "arrays.npz", **arrays)
    with pytest.raises(InputError, match=r"arrays\.npz', 'confidence', holds pickled"):
        nc.Segmentation.load(result)
    assert not (tmp_path / "marker").exists()


def test_a_result_unfolds_to_no_more_than_its_image(result: Path) -> None:
    with np.load(result / "arrays.npz") as stored:
        arrays = dict(stored)
    arrays["region_probabilities"] = np.zeros((20_000_000, 4), np.float32)
    np.savez_compressed(result / "arrays.npz", **arrays)
    with pytest.raises(InputError, match="holds region_probabilities of 320000128 bytes where"):
        nc.Segmentation.load(result)


@pytest.mark.parametrize("name", ["labels", "region_ids"])
def test_chunks_of_a_large_result_are_not_unpickled(large: Path, tmp_path: Path, name: str) -> None:
    folder = large / "maps.zarr" / name
    said = json.loads((folder / "zarr.json").read_text())
    for chunk in [path for path in folder.rglob("*") if path.is_file()]:
        chunk.write_bytes(pickle.dumps(Evil(tmp_path / "marker")))
    (folder / "zarr.json").unlink()
    document = {
        "zarr_format": 2, "shape": said["shape"], "dtype": "|O", "compressor": None, "order": "C",
        "chunks": said["chunk_grid"]["configuration"]["chunk_shape"], "fill_value": 0,
        "filters": [{"id": "pickle"}], "dimension_separator": "/",
    }  # fmt: skip
    (folder / ".zarray").write_text(json.dumps(document))
    with pytest.raises(InputError, match=rf"maps\.zarr', '{name}', holds elements of the type"):
        nc.LargeSegmentation.load(large)
    assert not (tmp_path / "marker").exists()


def test_a_lost_chunk_of_the_regions_is_told(large: Path) -> None:
    for name in ("region_ids", "region_boxes", "votes", "region_probabilities"):
        (chunk,) = (one for one in (large / "maps.zarr" / name / "c").rglob("*") if one.is_file())
        kept = chunk.read_bytes()
        chunk.unlink()
        with pytest.raises(InputError, match=rf"'{name}', is damaged \(0 of 1 chunks are there\)"):
            nc.LargeSegmentation.load(large)
        chunk.write_bytes(kept)
    nc.LargeSegmentation.load(large)


def test_a_map_that_is_damaged_later_is_one_sentence(large: Path) -> None:
    opened = nc.LargeSegmentation.load(large)
    shares = opened.class_shares()
    chunk = large / "maps.zarr" / "labels" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:30])
    for read in (opened.class_shares, lambda: opened.labels[:], lambda: np.asarray(opened.labels)):
        with pytest.raises(InputError, match=r"maps\.zarr', 'labels', is damaged or cut short"):
            read()
    assert sum(shares.values()) <= 1


def test_a_large_result_pickles(large: Path) -> None:
    opened = nc.LargeSegmentation.load(large)
    again = pickle.loads(pickle.dumps(opened.labels))
    assert np.array_equal(again, opened.labels)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "\0", '{"format": 5}', "1e999", "NaN"])
def test_a_strange_provenance_is_none_of_ours(result: Path, text: str) -> None:
    (result / "provenance.json").write_text(text)
    for path in (result, result / "provenance.json"):
        assert get_reader(str(path)) is None
    with pytest.raises(InputError):
        nc.Segmentation.load(result)


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
def test_a_pipe_as_provenance_is_not_waited_for(result: Path) -> None:
    (result / "provenance.json").unlink()
    os.mkfifo(result / "provenance.json")
    assert get_reader(str(result)) is None


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "", "/dev/null", "\ud800"])
def test_the_reader_of_napari_raises_nothing(path: str) -> None:
    assert get_reader(path) is None
