"""Large images on the demo's networks: as the image in one piece, lazily, whole or not at all."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
import zarr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.measure import label

import napari_corrclip
from napari_corrclip.api import segment_large
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.demo.world import GROUNDS
from napari_corrclip.encoders.clip_image import ClipImageEncoder
from napari_corrclip.engine.large import LargeSegmentation, large_steps
from napari_corrclip.engine.large import run as running
from napari_corrclip.engine.large.regions import tile_grid
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError, NotEnoughMemory
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.results import zarr_maps as storage
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary
from tests.engine.full_memory import holds
from tests.forms import short

SCENE = generate_scene(5)
SIZE = (420, 520)
SCALE = 0.5
NAMES = [*sorted({item.name for item in SCENE.objects}), *GROUNDS]
WORDS = Vocabulary.coerce("\n".join(NAMES))


def periodic(tile: NDArray[Any], size: tuple[int, int] = SIZE) -> NDArray[Any]:
    """The scene again and again; its period of 256 pixels divides no tile of these tests."""
    times = [-(-side // len(tile)) for side in size]
    return np.tile(tile, (*times, *[1] * (tile.ndim - 2)))[: size[0], : size[1]]


def true_regions(size: tuple[int, int] = SIZE) -> NDArray[np.int32]:
    """The scenes' parts, each repetition's under ids of its own, far apart."""
    rows, columns = (np.arange(side) // len(SCENE.image) for side in size)
    return (periodic(SCENE.regions, size) + 1000 * (rows[:, None] * 7 + columns)).astype(np.int32)


IMAGE = periodic(SCENE.image)
REGIONS = true_regions()


class ColorRegions:
    """Patches of one of 64 colours: what is found at a place depends on what is near it alone.

    Neither SAM nor superpixels are so, and what they find in a tile is not what they find in the
    whole; with this source all that differs is the tiles' doing.
    """

    name = "colors"

    def segment(self, image: NDArray[np.uint8]) -> Steps[NDArray[np.int32]]:
        yield Progress("regions", 0, 1)
        smooth = gaussian_filter(image.astype(np.float32), (1.5, 1.5, 0))
        codes = (smooth // 64).astype(int) @ (1, 4, 16)
        return np.asarray(label(codes + 1, background=0), np.int32)

    def describe(self) -> dict[str, str]:
        return {"source": self.name}


class Watched:
    """A lazy array that remembers how much of it was read, and how much at most at once."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.read, self.most = 0, 0

    def __getitem__(self, key: Any) -> Any:
        cut = self.array[key]
        self.read += cut.size
        self.most = max(self.most, cut.size)
        return cut


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    loaded = Segmenter.from_preset("demo", device="cpu", regions="superpixels")
    # at half the size, as the demo's networks see a scene
    short, long = (round(side * SCALE) for side in SIZE)
    settings = loaded.settings.replace(stride=96, batch_size=8, short_side=short, long_side=long)
    return loaded.with_parts(loaded.regions, settings)


@pytest.fixture(scope="module")
def whole(segmenter: Segmenter) -> Segmentation:
    """The image in one piece, with the true regions."""
    given = segmenter.with_parts(GivenRegions(REGIONS), segmenter.settings)
    return given.segment(IMAGE, WORDS, progress=False)


@pytest.fixture(scope="module")
def tiled(segmenter: Segmenter, tmp_path_factory: pytest.TempPathFactory) -> LargeSegmentation:
    """The same by tiles, with tiles far smaller than the image."""
    folder = tmp_path_factory.mktemp("large") / "result"
    with pytest.MonkeyPatch.context() as patch:
        _small_steps(patch)
        return finish(large_steps(segmenter, IMAGE, WORDS, folder, scale=SCALE, regions=REGIONS))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    _small_steps(monkeypatch)


def _small_steps(patch: pytest.MonkeyPatch) -> None:
    """Chunks and tiles as they would be of an image of many thousand pixels."""
    patch.setattr(storage, "CHUNK", 128)
    patch.setattr(running, "CHUNK", 128)
    patch.setattr(running, "_STEP", 120)


def test_with_given_regions_tiles_change_nothing(
    tiled: LargeSegmentation, whole: Segmentation
) -> None:
    assert tiled.provenance.tiling["scale"] == SCALE
    assert tiled.shape == SIZE
    for name in ("labels", "pixel_labels"):
        same = np.asarray(getattr(tiled, name)[...]) == getattr(whole, name)
        assert same.mean() >= 0.9999, name
    assert np.array_equal(tiled.regions[...], REGIONS)
    difference = np.abs(tiled.confidence[...].astype(float) - whole.confidence)
    assert (difference > 0.002).mean() < 1e-4
    assert len(set(np.unique(whole.labels))) > 5  # it is a scene with something in it


def test_the_table_is_that_of_the_whole(tiled: LargeSegmentation, whole: Segmentation) -> None:
    exact = ["id", "class", "area", "min_row", "min_col", "max_row", "max_col"]
    pd.testing.assert_frame_equal(tiled.table[exact], whole.table[exact])
    pd.testing.assert_frame_equal(tiled.table, whole.table, rtol=1e-3, atol=1e-3)
    shares = whole.class_shares()
    assert tiled.class_shares() == pytest.approx(shares, abs=1e-4)
    stored = pd.read_csv(tiled.folder / "regions.csv")
    assert list(stored["area"]) == list(whole.table["area"])


def test_regions_of_tiles_give_the_labels_of_the_whole(
    segmenter: Segmenter, tmp_path: Path, small: None
) -> None:
    source = segmenter.with_parts(ColorRegions(), segmenter.settings)
    whole = source.segment(IMAGE, WORDS, progress=False)
    result = finish(large_steps(source, IMAGE, WORDS, tmp_path / "out", scale=SCALE, tile=150))
    tiling = result.provenance.tiling
    assert (tiling["tile"], tiling["overlap"], tiling["tiles"]) == (150, 37, 20)
    assert result.provenance.regions["source"] == "colors"
    assert (np.asarray(result.labels[...]) == whole.labels).mean() >= 0.99
    # what the borders cut is one again, but for what hangs together outside a tile alone
    tops = [int((one.table["area"] > 200).sum()) for one in (whole, result)]
    assert tops[0] <= tops[1] <= 1.2 * tops[0]


def test_sam_looks_at_tiles_with_one_grid_of_points(segmenter: Segmenter, tmp_path: Path) -> None:
    """SAM's masks are not the same wherever a tile begins, so that borders of things differ."""
    sam = Segmenter.from_preset("demo", device="cpu").regions
    image = IMAGE[:256, :384]
    repeated = np.concatenate([once := finish(sam.segment(SCENE.image)), once[:, :128]], axis=1)
    given = segmenter.with_parts(GivenRegions(repeated), segmenter.settings)
    # the same inference size as at half the scale
    given.settings = given.settings.replace(short_side=128, long_side=192)
    whole = given.segment(image, WORDS, progress=False)
    steps = large_steps(
        segmenter, image, WORDS, tmp_path / "o", scale=SCALE, regions=sam, tile=256, overlap=64
    )
    result = finish(steps)
    assert result.provenance.tiling["tiles"] == 2
    assert (np.asarray(result.labels[...]) == whole.labels).mean() >= 0.95
    grid = tile_grid((900, 900), SCALE, sam)
    assert (grid.side, grid.overlap, grid.pitch) == (512, 128, 64)
    assert grid.tiles[1].box[1] % 64 == 0


@pytest.mark.parametrize("correction", [True, False])
def test_without_map_correction_pixels_keep_their_classes(
    segmenter: Segmenter, tmp_path: Path, correction: bool
) -> None:
    image, regions = IMAGE[:140, :140], REGIONS[:140, :140]
    other = segmenter.with_parts(
        segmenter.regions, segmenter.settings.replace(correction=correction)
    )
    result = finish(large_steps(other, image, WORDS, tmp_path / "o", scale=0.5, regions=regions))
    same = np.array_equal(result.labels[...], result.pixel_labels[...])
    assert same is not correction


def test_an_image_is_read_lazily(segmenter: Segmenter, tmp_path: Path, small: None) -> None:
    image, regions = Watched(IMAGE), Watched(REGIONS)
    steps = large_steps(segmenter, image, WORDS, tmp_path / "o", scale=1, regions=regions)
    assert image.read == 0
    for event in steps:
        if event.stage == "windows" and event.done:
            break
    # the windows around the first tile, and not the image
    assert 0 < image.read < IMAGE.size / 2
    assert 0 < regions.read < REGIONS.size / 2
    steps.close()
    assert image.most < IMAGE.size / 2


@pytest.mark.parametrize("kind", ["zarr", "ome", "dask", "tiff", "planar", "mapped", "npy"])
def test_every_lazy_input_gives_the_same(
    segmenter: Segmenter, tmp_path: Path, kind: str, reference: NDArray[np.uint16]
) -> None:
    source = _SOURCES[kind](IMAGE[:150, :170], tmp_path)
    regions = tmp_path / "regions.tif"
    tifffile.imwrite(regions, REGIONS[:150, :170], tile=(64, 64), compression="zlib")
    result = finish(
        large_steps(segmenter, source, WORDS, tmp_path / "o", scale=SCALE, regions=regions)
    )
    assert np.array_equal(result.labels[...], reference)
    assert result.provenance.regions["origin"] == str(regions)
    assert result.provenance.image == (str(source) if isinstance(source, Path) else "")


@pytest.fixture(scope="module")
def reference(segmenter: Segmenter, tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint16]:
    folder = tmp_path_factory.mktemp("reference") / "o"
    regions = REGIONS[:150, :170]
    steps = large_steps(segmenter, IMAGE[:150, :170], WORDS, folder, scale=SCALE, regions=regions)
    return np.asarray(finish(steps).labels[...])


def _zarr(image: NDArray[Any], folder: Path) -> Path:
    zarr.save_array(folder / "image.zarr", image)
    return folder / "image.zarr"


def _ome(image: NDArray[Any], folder: Path) -> Path:
    """OME-Zarr: t, c, z, y, x, the largest level first."""
    group = zarr.open_group(folder / "image.ome.zarr", mode="w")
    planes = np.moveaxis(image, -1, 0)[None, :, None]
    for level, array in enumerate((planes, planes[..., ::2, ::2])):
        group.create_array(str(level), data=array)
    axes = [{"name": name} for name in "tczyx"]
    group.attrs["multiscales"] = [
        {"axes": axes, "datasets": [{"path": str(level)} for level in range(2)]}
    ]
    return folder / "image.ome.zarr"


def _tiff(image: NDArray[Any], folder: Path) -> Path:
    path = folder / "image.tif"
    tifffile.imwrite(path, image, tile=(64, 64), compression="zlib", photometric="rgb")
    return path


def _planar(image: NDArray[Any], folder: Path) -> Path:
    path = folder / "planar.tif"
    planes = np.moveaxis(image, -1, 0)
    tifffile.imwrite(path, planes, tile=(64, 64), photometric="rgb", planarconfig="separate")
    return path


def _mapped(image: NDArray[Any], folder: Path) -> Path:
    tifffile.imwrite(folder / "plain.tif", image, photometric="rgb", byteorder=">")
    return folder / "plain.tif"


def _npy(image: NDArray[Any], folder: Path) -> Path:
    np.save(folder / "image.npy", image)
    return folder / "image.npy"


_SOURCES: dict[str, Callable[[NDArray[Any], Path], Any]] = {
    "zarr": _zarr,
    "ome": _ome,
    "dask": lambda image, _: dask.array.from_array(image, chunks=(64, 64, 3)),
    "tiff": _tiff,
    "planar": _planar,
    "mapped": _mapped,
    "npy": _npy,
}


def _stages() -> list[str]:
    return ["regions", "joining", "windows", "painting"]


@pytest.mark.parametrize("stage", _stages())
def test_what_is_cancelled_leaves_nothing(segmenter: Segmenter, tmp_path: Path, stage: str) -> None:
    folder = tmp_path / "deep" / "out"
    image = IMAGE[:150, :170]
    steps = large_steps(segmenter, image, WORDS, folder, scale=SCALE, tile=100, overlap=20)
    for event in steps:
        if event.stage == stage:
            break
    else:
        raise AssertionError(f"there is no stage {stage}")
    assert len(list(folder.parent.glob(".*.tmp"))) == 1  # something was being written
    steps.close()
    assert not list(folder.parent.iterdir())


def test_a_failure_keeps_the_former_result(
    segmenter: Segmenter, tmp_path: Path, tiled: LargeSegmentation
) -> None:
    folder = tmp_path / "out"
    image = IMAGE[:140, :140]
    former = finish(
        large_steps(segmenter, image, WORDS, folder, scale=SCALE, regions=REGIONS[:140, :140])
    )
    before = np.asarray(former.labels[...])
    wrong = REGIONS[:140, :140].copy()
    wrong[130, 130] = -4
    with pytest.raises(InputError, match="negative id -4"):
        finish(large_steps(segmenter, image, WORDS, folder, scale=SCALE, regions=wrong))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert np.array_equal(LargeSegmentation.load(folder).labels[...], before)
    again = finish(
        large_steps(
            segmenter,
            image,
            "red, grass",
            folder,
            scale=SCALE,
            regions=GivenRegions(REGIONS[:140, :140], origin="cells.tif"),
        )
    )
    assert again.vocabulary.names == ("red", "grass")
    assert again.provenance.regions["origin"] == "cells.tif"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_result_is_read_again_as_it_was(tiled: LargeSegmentation) -> None:
    again = LargeSegmentation.load(tiled.folder)
    assert np.array_equal(again.labels[...], tiled.labels[...])
    pd.testing.assert_frame_equal(again.table, tiled.table)
    assert again.provenance == tiled.provenance
    assert again.vocabulary == tiled.vocabulary
    with pytest.raises(ValueError, match="read-only"):
        again.labels[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        again.region_probabilities[0, 0] = 1
    with pytest.raises(InputError, match="holds the result of a large image; open it by Large"):
        Segmentation.load(tiled.folder)


def test_layers_show_it(tiled: LargeSegmentation) -> None:
    from napari.layers import Labels

    labels, regions = (
        Labels(data, **options) for data, options, _ in tiled.to_layers(scale=(2, 2))
    )
    assert labels.data.shape == SIZE
    assert labels.scale.tolist() == regions.scale.tolist() == [2, 2]
    assert not regions.visible
    value = int(tiled.labels[0, 0])
    assert labels.get_status((0, 0))["value"].startswith(f"{value}; class: ")


def test_the_front_door(tmp_path: Path) -> None:
    assert napari_corrclip.segment_large is segment_large
    result = segment_large(
        IMAGE[:100, :120],
        "red, grass",
        tmp_path / "o",
        scale=1,
        regions="superpixels",
        region_options={"n_segments": 12},
        device="cpu",
        progress=False,
    )
    assert result.shape == (100, 120)
    assert dict(result.provenance.tiling) == {
        "scale": 1.0, "windows": 1, "tile": 1024, "overlap": 256, "tiles": 1,
    }  # fmt: skip
    assert result.provenance.regions["n_segments"] == 12
    assert 2 <= len(result.table) <= 30


class Elsewhere:
    """A source whose regions are not of what it was shown."""

    name = "elsewhere"

    def segment(self, image: NDArray[np.uint8]) -> Steps[NDArray[np.int32]]:
        yield Progress("regions", 0, 1)
        return np.zeros((3, 4), np.int32)

    def describe(self) -> dict[str, str]:
        return {"source": self.name}


_WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "scale": ({"scale": 0}, "The scale is 0; give a number above 0 and up to 8"),
    "tiny": ({"scale": 0.01}, "At the scale 0.01 an image of 90 × 100 pixels is less than 16"),
    "tile": ({"tile": 2}, "The tile is 2 pixels wide; give at least 4."),
    "overlap": ({"overlap": 60}, "The overlap of the tiles is 60 pixels; give 2 to 50"),
    "regions": (
        {"regions": np.zeros((9, 9), np.int32)},
        "The regions have shape (9, 9) and the image (90, 100)",
    ),
    "channels": (
        {"regions": np.zeros((90, 100, 3), np.int32)},
        "The regions have the shape (90, 100, 3); give one 2-D array",
    ),
    "floats": ({"regions": np.zeros((90, 100))}, "The regions are float64; give whole numbers"),
    "source": (
        {"regions": Elsewhere()},
        "The region source 'elsewhere' gave regions of shape (3, 4) for a tile of (90, 100)",
    ),
    "missing": ({"image": "no such.tif"}, "The image 'no such.tif' cannot be read"),
    "stack": ({"image": np.zeros((4, 4, 4, 4))}, "The image is 4-dimensional"),
    "text": ({"image": np.array([["a"]])}, "The image holds values of type <U1"),
    "nan": (
        {"image": np.full((90, 100), np.nan)},
        "The image holds values that are no numbers, one of them at row 0, column 0",
    ),
    "words": ({"vocabulary": ""}, "vocabulary"),
}


@pytest.mark.parametrize("what", _WRONG)
def test_what_cannot_be_used_is_said_in_one_sentence(
    segmenter: Segmenter, tmp_path: Path, what: str
) -> None:
    changes, sentence = _WRONG[what]
    given = {"image": IMAGE[:90, :100], "vocabulary": "red", "scale": 0.5, "tile": 100, **changes}
    image, words = given.pop("image"), given.pop("vocabulary")
    with pytest.raises(InputError) as caught:
        finish(large_steps(segmenter, image, words, tmp_path / "o", **given))
    text = str(caught.value)
    assert sentence in text
    assert "\n" not in text
    assert not list(tmp_path.iterdir())


def test_nobody_s_files_are_replaced(segmenter: Segmenter, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"scale": 0.5, "regions": REGIONS[:90, :100]}
    for name in ("notes.txt", "labels.png"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(
            InputError, match=re.escape(f"{name}' is there and no part of a result")
        ):
            finish(large_steps(segmenter, IMAGE[:90, :100], "red", folder, **arguments))
        assert (folder / name).read_text() == "mine"
    with pytest.raises(InputError, match="is there and no folder"):
        finish(large_steps(segmenter, IMAGE[:90, :100], "red", folder / name, **arguments))


def test_without_zarr_it_is_said_what_to_install(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    for call in (
        lambda: finish(large_steps(segmenter, IMAGE, "red", tmp_path / "o", scale=1)),
        lambda: LargeSegmentation.load(tmp_path),
    ):
        with pytest.raises(InputError, match=r"pip install napari-corrclip\[large\]"):
            call()


def _remove_rows(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder / "maps.zarr" / "votes")


def _other_vocabulary(folder: Path) -> None:
    Vocabulary.coerce("red, blue, green").save(folder / "vocabulary.yaml")


def _other_format(folder: Path) -> None:
    document = json.loads((folder / "provenance.json").read_text())
    (folder / "provenance.json").write_text(json.dumps({**document, "format": "other"}))


def _ordinary(folder: Path) -> None:
    document = json.loads((folder / "provenance.json").read_text())
    kind = "napari-corrclip result 1"
    (folder / "provenance.json").write_text(json.dumps({**document, "format": kind}))


def _other_type(folder: Path) -> None:
    zarr.open_group(folder / "maps.zarr").create_array(
        "labels", shape=(90, 100), dtype="float32", overwrite=True
    )


def _other_size(folder: Path) -> None:
    zarr.open_group(folder / "maps.zarr").create_array(
        "labels", shape=(91, 100), dtype="uint16", overwrite=True
    )


def _no_maps(folder: Path) -> None:
    (folder / "maps.zarr").rename(folder / "elsewhere")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_remove_rows, "cannot be read"),
        (_other_vocabulary, "is of 2 classes, and its vocabulary has 3"),
        (_other_format, "is no large result of this version"),
        (_ordinary, "holds an ordinary result; open it by Segmentation.load"),
        (_other_type, "holds labels as float32 of shape"),
        (_other_size, "do not belong together"),
        (_no_maps, "holds no result of a large image"),
    ],
)
def test_a_damaged_result_is_told(
    damaged: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    damage(damaged)
    with pytest.raises(InputError, match=sentence) as caught:
        LargeSegmentation.load(damaged)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def sound(segmenter: Segmenter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "o"
    regions = REGIONS[:90, :100]
    finish(
        large_steps(segmenter, IMAGE[:90, :100], "red, grass", folder, scale=0.5, regions=regions)
    )
    return folder


@pytest.fixture
def damaged(sound: Path, tmp_path: Path) -> Iterator[Path]:
    import shutil

    shutil.copytree(sound, tmp_path / "o")
    return tmp_path / "o"


# -- memory


@pytest.mark.parametrize("most", short(1, rest=[3]))
def test_batches_are_halved_where_memory_is_short(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    image, regions = IMAGE[:250, :360], REGIONS[:250, :360]
    sizes = {3: 2, 1: 1}  # of 8, 4, 2 and 1
    smaller = segmenter.with_parts(
        segmenter.regions, segmenter.settings.replace(batch_size=sizes[most])
    )

    def labels(of: Segmenter, folder: str) -> NDArray[np.uint16]:
        steps = large_steps(of, image, WORDS, tmp_path / folder, scale=1, regions=regions)
        return np.asarray(finish(steps).labels[...])

    expected = labels(smaller, "smaller")
    seen: list[int] = []
    limited = holds(most, torch.OutOfMemoryError("CUDA out of memory"), ClipImageEncoder.last_block)

    def watched(self: ClipImageEncoder, pixels: torch.Tensor, **options: Any) -> Any:
        seen.append(len(pixels))
        return limited(self, pixels, **options)

    monkeypatch.setattr(ClipImageEncoder, "last_block", watched)
    np.testing.assert_array_equal(labels(segmenter, "halved"), expected)
    assert seen[:2] == [8, 4]
    assert max(seen[3:]) <= most  # the size that fits is kept for the rest of the image


def test_a_window_that_does_not_fit_is_said_and_nothing_is_left(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = holds(0, MemoryError("Unable to allocate 1 TiB"), ClipImageEncoder.last_block)
    monkeypatch.setattr(ClipImageEncoder, "last_block", full)
    steps = large_steps(
        segmenter, IMAGE[:300], WORDS, tmp_path / "o", scale=1, regions=REGIONS[:300]
    )
    with pytest.raises(
        NotEnoughMemory, match=r"not enough memory for one window of 1.*; lower window"
    ):
        finish(steps)
    assert not list(tmp_path.iterdir())


def test_stitched_windows_are_refused(segmenter: Segmenter, tmp_path: Path) -> None:
    stitched = segmenter.with_parts(segmenter.regions, segmenter.settings.replace(stitched=True))
    with pytest.raises(InputError, match=r"stitched is true in the settings.*set it to false"):
        finish(large_steps(stitched, IMAGE, WORDS, tmp_path / "o", scale=1, regions=REGIONS))
    assert not list(tmp_path.iterdir())


def test_shared_windows_are_refused(segmenter: Segmenter, tmp_path: Path) -> None:
    shared = segmenter.with_parts(segmenter.regions, segmenter.settings.replace(windows="shared"))
    with pytest.raises(InputError, match=r"windows is 'shared' in the settings.*'separate'"):
        finish(large_steps(shared, IMAGE, WORDS, tmp_path / "o", scale=1, regions=REGIONS))
    assert not list(tmp_path.iterdir())
