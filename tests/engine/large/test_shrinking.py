"""A file that becomes shorter while it is read: a sentence, and nothing is left behind."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.large import large_steps
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.images import to_rgb
from napari_corrclip.images.planes import opened

IMAGE = np.tile(generate_scene(5).image, (2, 1, 1))


def _save(path: Path, **options: Any) -> Path:
    if path.suffix == ".npy":
        np.save(path, np.asfortranarray(IMAGE) if options else IMAGE)
    else:
        tifffile.imwrite(path, IMAGE, **options)
    return path


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("a.npy", {}),
    ("fortran.npy", {"order": "F"}),
    ("piece.tif", {}),
    ("strips.tif", {"rowsperstrip": 16}),
    ("tiles.tif", {"tile": (64, 64), "compression": "zlib"}),
]


@pytest.mark.parametrize(("name", "options"), KINDS, ids=[kind[0] for kind in KINDS])
def test_a_run_ends_in_a_sentence_and_leaves_nothing(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    path = _save(tmp_path / name, **options)
    segmenter = Segmenter.from_preset("demo", device="cpu", regions="superpixels")
    out = tmp_path / "out" / "result"
    steps = large_steps(segmenter, path, "red, blue", out, scale=0.5, tile=256)
    next(steps)
    os.truncate(path, path.stat().st_size // 3)
    with pytest.raises(InputError, match="cut short") as caught:
        for _ in steps:
            pass
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.rglob("*")) in ([path], [path, out.parent], [out.parent, path])


@pytest.mark.parametrize(("name", "options"), KINDS, ids=[kind[0] for kind in KINDS])
def test_pieces_of_a_file_are_those_of_the_image(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    with opened(_save(tmp_path / name, **options), "image") as plane:
        for box in ((0, 0, 512, 256), (3, 5, 100, 77), (500, 0, 512, 256)):
            top, left, bottom, right = box
            assert np.array_equal(plane.read(box), IMAGE[top:bottom, left:right])


def test_an_npy_file_is_told_by_its_content_and_never_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mmap, "mmap", None)
    path = _save(tmp_path / "a.npy").rename(tmp_path / "image")
    with opened(path, "image") as plane:
        assert np.array_equal(plane.read((3, 5, 9, 7)), IMAGE[3:9, 5:7])


def test_an_array_that_is_mapped_is_looked_at_before_each_piece(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.npy")
    mapped = np.load(path, mmap_mode="r")
    with opened(mapped[4:], "image") as plane:
        plane.read((0, 0, 9, 9))
        os.truncate(path, 4096)
        with pytest.raises(InputError, match="cut short"):
            plane.read((0, 0, 9, 9))
    with pytest.raises(InputError, match="cut short"):
        to_rgb(mapped)
