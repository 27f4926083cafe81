"""What a graphics card computes is what the CPU computes; skipped where there is no card."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_corrclip.demo.scenes import TEST_SEED, generate_scene
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.regions.given import GivenRegions

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card")

WORDS = ", ".join([*COLORS, *GROUNDS])


@pytest.fixture(scope="module")
def on_the_cpu() -> Segmenter:
    return Segmenter.from_preset("demo", device="cpu", dtype="float32")


@pytest.mark.parametrize("scene", range(3))
@pytest.mark.parametrize("points", [8, 16])
def test_sam_finds_the_same_regions(on_the_cpu: Segmenter, scene: int, points: int) -> None:
    image = generate_scene(TEST_SEED + scene).image
    options = {"points_per_side": points}
    expected, found = (
        Segmenter.from_preset("demo", device=device, region_options=options)
        .encode(image, progress=False)
        .regions
        for device in ("cpu", "cuda")
    )
    assert found.max() > 1
    assert np.mean(found == expected) >= 0.999


@pytest.mark.parametrize("scene", range(3))
@pytest.mark.parametrize(
    ("dtype", "share"), [("float32", 0.999), ("float16", 0.995), ("bfloat16", 0.995)]
)
def test_pixels_get_the_same_classes(
    on_the_cpu: Segmenter, scene: int, dtype: str, share: float
) -> None:
    image = generate_scene(TEST_SEED + scene).image
    features = on_the_cpu.encode(image, progress=False)
    expected = on_the_cpu.classify(features, WORDS, progress=False)
    card = Segmenter.from_preset("demo", device="cuda", dtype=dtype, regions="superpixels")
    same = card.encode(image, regions=GivenRegions(features.regions), progress=False)
    found = card.classify(same, WORDS, progress=False)
    assert np.mean(found.labels == expected.labels) >= share
    assert np.mean(found.pixel_labels == expected.pixel_labels) >= share
    np.testing.assert_array_equal(found.table["id"], expected.table["id"])
