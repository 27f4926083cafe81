"""``napari-corrclip segment --scale``: large images on the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

import napari_corrclip
from napari_corrclip.cli import main
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.large import LargeSegmentation
from tests.forms import short

SCENE = generate_scene(1)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(napari_corrclip.__file__).parent.parent))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "slide.tif"
    image = SCENE.image[:150, :200]
    tifffile.imwrite(path, image, tile=(64, 64), compression="zlib", photometric="rgb")
    return path


def run(*args: object) -> int:
    words = ("--classes", "red, blue, grass, water", "--output", "out", "--device", "cpu")
    return main(["segment", *words, *map(str, args)])


def test_a_tiled_tiff_becomes_a_large_result(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(picture, "--scale", 0.5, "--regions", "superpixels", "--tile", 120, "--overlap", 30)
    out, err = capsys.readouterr()
    assert code == 0, err
    result = LargeSegmentation.load("out/slide")
    assert result.shape == (150, 200)
    tiling = result.provenance.tiling
    assert (tiling["scale"], tiling["tile"], tiling["overlap"]) == (0.5, 120, 30)
    assert result.provenance.image == str(picture.resolve())
    assert "150 × 200 pixels, at the scale 0.5" in err
    for name, share in result.class_shares().items():
        assert f"{share:.1%}" in next(line for line in out.splitlines() if f" {name} " in line)
    # again: the former result of the same image is replaced, or left
    assert run(picture, "--scale", 1, "--regions", "superpixels") == 0
    assert LargeSegmentation.load("out/slide").provenance.tiling["scale"] == 1
    assert run(picture, "--scale", 0.5, "--skip-existing") == 0
    assert LargeSegmentation.load("out/slide").provenance.tiling["scale"] == 1


@pytest.mark.parametrize("folder", [True, False])
def test_given_regions_of_a_zarr(
    tmp_path: Path, folder: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    zarr.save_array(tmp_path / "slide.zarr", SCENE.image[:90, :100])
    regions = tmp_path / "regions"
    if folder:
        regions.mkdir()
        np.save(regions / "slide.npy", SCENE.regions[:90, :100])
    else:
        zarr.save_array(regions, SCENE.regions[:90, :100])
    assert run("slide.zarr", "--scale", 0.5, "--regions", regions) == 0, capsys.readouterr().err
    result = LargeSegmentation.load("out/slide")
    assert np.array_equal(result.regions[...], SCENE.regions[:90, :100])


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--tile", 100), "--tile goes with --scale; add it or leave --tile out."),
        (("--overlap", 9), "--overlap goes with --scale; add it or leave --overlap out."),
        (("--scale", 1, "--detail", "fine"), "--detail fine does not go with --scale"),
        (("--scale", 0), "The scale is 0.0; give a number above 0 and up to 8"),
        (("--scale", 1, "--tile", 100, "--overlap", 60), "give 2 to 50, half a tile of 100"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    picture: Path, args: tuple[object, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(picture, "--regions", "superpixels", *args) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1
    assert sentence in said[0]
    assert not Path("out").exists() or not list(Path("out").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize("name", short("SIGKILL", rest=["SIGHUP"]))
def test_a_run_that_is_ended_leaves_the_former_result(picture: Path, name: str) -> None:
    common = ("--scale", 1, "--regions", "superpixels")
    assert run(picture, *common) == 0
    Path("out/slide/notes.txt").write_text("mine")
    before = sorted(str(path) for path in Path("out").rglob("*"))
    tifffile.imwrite(picture, np.tile(SCENE.image, (4, 4, 1)), photometric="rgb")
    args = [*map(str, ("segment", picture, *common)), "-c", "red, green", "-o", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_corrclip", *args], stderr=subprocess.DEVNULL
    )
    while not list(Path("out/slide").glob(".*.tmp/maps.zarr")):
        assert process.poll() is None
        time.sleep(0.02)
    number = getattr(signal, name)
    process.send_signal(number)
    killed = number == signal.SIGKILL
    assert process.wait() == (-number if killed else 128 + number)
    if not killed:
        assert sorted(str(path) for path in Path("out").rglob("*")) == before
    assert len(LargeSegmentation.load("out/slide").vocabulary.names) == 4
    assert sorted(str(path) for path in Path("out").rglob("*")) == before
