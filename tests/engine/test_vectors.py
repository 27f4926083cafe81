"""Vectors of regions against the same written down plainly, window by window and pixel by pixel."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.engine import encoding, windows
from napari_corrclip.engine.encoded_image import EncodedImage, run_steps
from napari_corrclip.engine.features import Features
from napari_corrclip.engine.vectors import region_means, region_vectors
from napari_corrclip.errors import InputError
from napari_corrclip.maps import looks
from napari_corrclip.maps.projection import project
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.progress import finish
from napari_corrclip.results.vectors import RegionVectors, bytes_a_region
from napari_corrclip.settings import Settings
from napari_corrclip.vocabulary import Vocabulary
from tests import reference
from tests.engine.full_memory import holds
from tests.towers import random_towers

CLIP, DINO = random_towers(0)
RNG = np.random.default_rng(2)
IMAGE = RNG.integers(0, 256, (90, 150, 3), np.uint8)
REGIONS = 3 * reference.patchwork(RNG, (90, 150), 5)
SETTINGS = Settings(short_side=80, window=56, stride=32, batch_size=3)
WORDS = Vocabulary.coerce("red, blue = blue|navy, background: wood, stone")


def plain_means(by_window: list[Tensor], layout: windows.Layout) -> list[list[float]]:
    """The rule of the docs in loops: a grid over the image, and the mean over each region's pixels."""
    cells_down, cells_right = by_window[0].shape[:2]
    pitch = layout.padded[0] / cells_down, layout.padded[1] / cells_right
    rows, columns = int(layout.size[0] / pitch[0]), int(layout.size[1] / pitch[1])
    grid: dict[tuple[int, int], Tensor] = {}
    for i in range(rows):
        for j in range(columns):
            y, x = (i + 0.5) * pitch[0], (j + 0.5) * pitch[1]
            seen = []
            for (top, left, bottom, right), cells in zip(layout.boxes, by_window, strict=True):
                if top <= y < bottom and left <= x < right:
                    r = int((y - top + layout.padding[0]) / pitch[0])
                    c = int((x - left + layout.padding[1]) / pitch[1])
                    seen.append(cells[r, c].double())
            grid[i, j] = torch.stack(seen).mean(dim=0)
    height, width = REGIONS.shape
    means = []
    for region in sorted({int(r) for r in REGIONS.ravel()} - {0}):
        own = [(r, c) for r in range(height) for c in range(width) if REGIONS[r, c] == region]
        under = [grid[r * rows // height, c * columns // width] for r, c in own]
        means.append(torch.stack(under).mean(dim=0).tolist())
    return means


def seen_by_the_tower(layout: windows.Layout, how: str) -> list[Tensor]:
    """Queries plus keys of each window, one tower pass after the other."""
    pixels = windows.prepare_image(IMAGE, layout.size, CLIP.mean, CLIP.std)

    def look(batch: Tensor) -> Tensor:
        batch = windows.renormalise(batch, CLIP.mean, CLIP.std, DINO.mean, DINO.std)
        with torch.no_grad():
            return finish(DINO.features(batch)).query_key[0]

    if how == "separate":
        return [look(windows.cut(pixels, [box], layout.padding)) for box in layout.boxes]
    whole = look(windows.around(pixels, layout, DINO.patch_size))
    numbers = range(len(layout))
    cut = [windows.cut_cells(whole, layout, DINO.patch_size, n, n + 1)[0] for n in numbers]
    return [F.normalize(cells, dim=-1) for cells in cut]


@pytest.mark.parametrize("how", ["separate", "shared"])
def test_means_are_those_of_the_plain_rule_and_change_nothing(how: Any) -> None:
    settings = SETTINGS.replace(windows=how)
    without = finish(encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, settings))
    found = finish(
        encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, settings, similarity_means=True)
    )
    assert without.similarity_means is None
    assert torch.equal(found.features, without.features)
    assert len(found.layout) > settings.batch_size

    plain = plain_means(seen_by_the_tower(found.layout, how), found.layout)
    assert found.similarity_means is not None
    assert found.similarity_means.dtype == torch.float32
    np.testing.assert_allclose(found.similarity_means, plain, rtol=0, atol=2e-6)

    numbers, ids = number_regions(REGIONS)
    cells = windows.mosaic(found.features, found.layout).numpy()
    plain = plain_means(list(found.features), found.layout)
    np.testing.assert_allclose(looks.cell_means(numbers, len(ids), cells), plain, rtol=0, atol=2e-6)


def test_a_batch_that_did_not_fit_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(settings: Settings) -> encoding.WindowFeatures:
        steps = encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, settings, similarity_means=True)
        return finish(steps)

    expected = encode(SETTINGS.replace(batch_size=2))
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
    limited = holds(2, full, TimmSimilarityEncoder.features)
    monkeypatch.setattr(TimmSimilarityEncoder, "features", limited)
    found = encode(SETTINGS.replace(batch_size=4))
    assert torch.equal(found.features, expected.features)
    assert found.similarity_means is not None
    assert expected.similarity_means is not None
    assert torch.equal(found.similarity_means, expected.similarity_means)


def test_a_tower_that_is_not_asked_says_nothing() -> None:
    base = SETTINGS.replace(scope=False, spatial=False, semantic=False)
    steps = encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, base, similarity_means=True)
    assert finish(steps).similarity_means is None


# -- of a run


@pytest.fixture(scope="module")
def run() -> tuple[Any, EncodedImage]:
    segmenter = nc.Segmenter.from_preset(
        "demo", device="cpu", regions="superpixels", region_options={"n_segments": 40}
    )
    image = generate_scene(4).image[:100, :130]
    return finish(run_steps(segmenter, image, WORDS, similarity_means=True))


def test_vectors_of_a_run(run: tuple[Any, EncodedImage]) -> None:
    result, encoded = run
    vectors = region_vectors(encoded, result)
    assert vectors.ids.tolist() == result.table["id"].tolist()
    assert len(vectors) == len(result.table)
    assert vectors.classes == WORDS.values
    assert vectors.clip_network == encoded.segmenter.clip.fingerprint
    assert vectors.similarity_network == encoded.segmenter.similarity.fingerprint
    numbers, count = np.searchsorted(vectors.ids, result.regions) + 1, len(vectors)
    numbers = np.where(result.regions > 0, numbers, 0).astype(np.int32)
    clip = project(looks.cell_means(numbers, count, encoded.cells()))
    np.testing.assert_allclose(vectors.clip, clip, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(vectors.clip.astype(float), axis=1), 1, atol=1e-2)
    means = encoded.features.windows.similarity_means
    assert means is not None
    assert vectors.similarity is not None
    np.testing.assert_allclose(vectors.similarity, project(means.numpy()), atol=1e-3)
    rows = result.region_probabilities / result.region_probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(vectors.probabilities, rows, atol=1e-3)
    middle = (result.table["min_row"] + result.table["max_row"]) / 2 / 100
    assert np.abs(vectors.places[:, 0] - middle).max() < 0.2
    with pytest.raises(ValueError, match="read-only"):
        vectors.clip[0, 0] = 0


def test_a_region_takes_less_than_a_kibibyte(run: tuple[Any, EncodedImage]) -> None:
    vectors = region_vectors(run[1], run[0])
    assert vectors.nbytes <= len(vectors) * bytes_a_region(len(WORDS))
    long = RegionVectors(
        np.arange(1, 3, dtype=np.int32), *(project(np.ones((2, d))).astype("f2") for d in (512, 768)),
        np.zeros((2, 8), np.float32), np.zeros((2, 2), np.float32), np.zeros((2, 150), np.float16),
        tuple(range(1, 151)), "clip", "tower",
    )  # fmt: skip
    assert long.nbytes == 2 * bytes_a_region(150) == 2 * 856
    assert bytes_a_region(233) < 1024 < bytes_a_region(235)


def test_regions_that_the_run_did_not_have_have_no_row(run: tuple[Any, EncodedImage]) -> None:
    vectors = region_vectors(run[1], run[0])
    first, last = int(vectors.ids[0]), int(vectors.ids[-1])
    assert vectors.rows_of([last, 0, first, last + 1]).tolist() == [len(vectors) - 1, -1, 0, -1]
    nothing = RegionVectors(
        vectors.ids[:0], vectors.clip[:0], None, vectors.colours[:0], vectors.places[:0],
        vectors.probabilities[:0], vectors.classes, "clip",
    )  # fmt: skip
    assert nothing.rows_of([1, 2]).tolist() == [-1, -1]


@pytest.mark.parametrize("again", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy])
def test_vectors_travel_between_processes(
    run: tuple[Any, EncodedImage], again: Callable[[Any], Any]
) -> None:
    for values in (
        region_vectors(run[1], run[0]),
        region_means(run[1], run[0].regions, run[0].table["id"][:3]),
    ):
        other = again(values)
        for name, value in vars(values).items():
            np.testing.assert_array_equal(getattr(other, name), value)
            assert not isinstance(value, np.ndarray) or not getattr(other, name).flags.writeable


def test_means_of_chosen_regions_as_they_are_now(run: tuple[Any, EncodedImage]) -> None:
    result, encoded = run
    first, second, third, fourth = result.table["id"].tolist()[:4]
    regions = result.regions.copy()
    regions[regions == second] = first  # merged
    regions[regions == third] = 9_000  # split, and nothing is left
    means = region_means(encoded, regions, [fourth, first, 9_000, 123_456])
    assert means.ids.tolist() == [first, fourth, 9_000]
    assert means.areas.tolist() == [(regions == region).sum() for region in means.ids]
    assert means.similarity_ids.tolist() == [fourth]
    seen = encoded.features.windows.similarity_means
    assert seen is not None
    np.testing.assert_array_equal(means.similarity, seen.numpy()[3:4].astype(np.float16))
    merged = np.isin(result.regions, [first, second])
    (expected,) = looks.cell_means(merged.astype(np.int32), 1, encoded.cells())
    np.testing.assert_allclose(means.clip[0], expected, atol=1e-3)


def test_features_keep_the_means(run: tuple[Any, EncodedImage], tmp_path: Any) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    features, path = run[1].features, tmp_path / "f"
    features.save(path)
    means, read = features.windows.similarity_means, Features.load(path).windows.similarity_means
    assert means is not None
    assert read is not None
    assert torch.equal(read, means)
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for wrong in (means[1:], means.double(), 2 * means, means * float("nan"), means[0]):
        save_file({**tensors, "similarity_means": wrong.contiguous()}, path, metadata)
        with pytest.raises(InputError, match="cannot be read"):
            Features.load(path)
