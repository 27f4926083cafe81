"""A device that is full: batches are halved, the result stays, and one sentence ends what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_corrclip.cli.console import FAILED, exit_code, sentence
from napari_corrclip.demo.scenes import TEST_SEED, generate_scene
from napari_corrclip.devices import explained, is_out_of_memory
from napari_corrclip.encoders.clip_image import ClipImageEncoder
from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.engine import classifying, encoding
from napari_corrclip.errors import InputError, NotEnoughMemory
from napari_corrclip.progress import finish
from napari_corrclip.regions.sam import SamRegions, encoder, source
from napari_corrclip.regions.sam.decoder import PointDecoder
from napari_corrclip.settings import Settings
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.loading import load_sam
from tests import reference
from tests.engine.full_memory import holds
from tests.towers import random_towers

CLIP, DINO = random_towers(0)
TEXT = F.normalize(torch.randn(5, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (120, 280, 3), np.uint8)
REGIONS = reference.patchwork(RNG, (120, 280), 5)
SETTINGS = Settings(short_side=None, window=112, stride=56, batch_size=8)
FULL = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    MemoryError("Unable to allocate 1 TiB"),
)


@pytest.mark.parametrize("error", FULL)
@pytest.mark.parametrize(
    ("tower", "name"), [(TimmSimilarityEncoder, "features"), (ClipImageEncoder, "last_block")]
)
@pytest.mark.parametrize(("most", "left"), [(5, 4), (1, 1)])
def test_windows_go_on_in_halves_with_the_result_of_the_smaller_batch(
    monkeypatch: pytest.MonkeyPatch, tower: Any, name: str, error: Exception, most: int, left: int
) -> None:
    smaller = SETTINGS.replace(batch_size=left)
    expected = finish(encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, smaller))
    assert len(expected.layout) == 8
    monkeypatch.setattr(tower, name, holds(most, error, getattr(tower, name)))
    events = list(encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, SETTINGS))
    found = finish(encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, SETTINGS))
    assert torch.equal(found.features, expected.features)
    done = [event.done for event in events]
    assert done == sorted(done)
    assert events[-1].done == events[-1].total
    assert all(event.done <= (event.total or 0) for event in events)


@pytest.mark.parametrize("error", FULL)
def test_a_window_that_does_not_fit_ends_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(
        ClipImageEncoder, "last_block", holds(0, error, ClipImageEncoder.last_block)
    )
    with pytest.raises(NotEnoughMemory) as caught:
        finish(encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, SETTINGS))
    said = str(caught.value)
    assert said.startswith("cpu (")
    assert said.endswith(
        "has not enough memory for one window of 112 × 112 pixels; lower window in the settings "
        "(112), or close other programs."
    )
    assert sentence(caught.value) == said
    assert exit_code(caught.value) == FAILED


def test_another_error_of_a_tower_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = holds(0, RuntimeError("shapes differ"), ClipImageEncoder.last_block)
    monkeypatch.setattr(ClipImageEncoder, "last_block", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        finish(encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, SETTINGS))


def test_a_cancelled_batch_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        TimmSimilarityEncoder, "features", holds(1, FULL[0], TimmSimilarityEncoder.features)
    )
    steps = encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, SETTINGS)
    for _ in range(6):
        next(steps)
    steps.close()
    assert torch.is_grad_enabled()


def demo_sam(points: int = 8) -> SamRegions:
    return SamRegions(
        load_sam(get_preset("demo").regions, torch.device("cpu"), None), points_per_side=points
    )


def full_above(most: int, decode: Any) -> Any:
    def limited(self: Any, points: torch.Tensor, labels: torch.Tensor) -> Any:
        if len(points) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return decode(self, points, labels)

    return limited


def test_points_go_on_in_halves_with_the_result_of_the_smaller_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sam = demo_sam()
    image = generate_scene(TEST_SEED).image
    with monkeypatch.context() as patch:
        patch.setattr(source, "_POINTS_AT_ONCE", {"cpu": 2})
        expected = finish(sam.segment(image))
    assert expected.max() > 3
    monkeypatch.setattr(PointDecoder, "decode", full_above(3, PointDecoder.decode))
    events = list(sam.segment(image))
    np.testing.assert_array_equal(finish(sam.segment(image)), expected)
    assert events[-1].done == events[-1].total


@pytest.mark.parametrize(
    ("where", "name", "sentence"),
    [
        (
            PointDecoder,
            "decode",
            "SAM's masks, with one point at a time; lower points_per_side (4), or close",
        ),
        (encoder, "run_block", "SAM's image encoder; lower the size of SAM"),
    ],
)
def test_a_sam_that_does_not_fit_ends_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, sentence: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr(where, name, full)
    with pytest.raises(NotEnoughMemory) as caught:
        finish(demo_sam(4).segment(generate_scene(TEST_SEED).image))
    assert f"has not enough memory for {sentence}" in str(caught.value)


@hypothesis_settings(max_examples=6)
@given(st.integers(1, 7), st.booleans())
def test_pixels_are_classified_in_smaller_stripes(most: int, computed: bool) -> None:
    features = finish(encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, SETTINGS))
    logits = classifying.Logits(features, TEXT)
    given_logits = logits if computed else classifying.blended_logits(features, TEXT)
    owner, thresholds = torch.arange(5), torch.zeros(5)
    expected = classifying.classify_pixels(given_logits, REGIONS, owner, thresholds, -1, SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        upsample = classifying.prediction.upsample

        def limited(part: torch.Tensor, size: Any, rows: range, **options: Any) -> torch.Tensor:
            if len(rows) > most:
                raise MemoryError
            return upsample(part, size, rows, **options)

        patch.setattr(classifying.prediction, "upsample", limited)
        found = classifying.classify_pixels(given_logits, REGIONS, owner, thresholds, -1, SETTINGS)
    assert torch.equal(found.labels, expected.labels)
    torch.testing.assert_close(found.region_probabilities, expected.region_probabilities)


def test_pixels_that_do_not_fit_at_all_end(monkeypatch: pytest.MonkeyPatch) -> None:
    features = finish(encoding.encode_image(IMAGE, REGIONS, CLIP, DINO, SETTINGS))

    def full(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setattr(classifying.prediction, "upsample", full)
    with pytest.raises(MemoryError, match="1 TiB"):
        classifying.classify_pixels(
            classifying.Logits(features, TEXT),
            REGIONS,
            torch.arange(5),
            torch.zeros(5),
            -1,
            SETTINGS,
        )


def test_what_is_a_lack_of_memory_is_known() -> None:
    assert all(is_out_of_memory(error) for error in FULL)
    for other in (RuntimeError("no"), InputError("out of memory"), ValueError("out of memory")):
        assert not is_out_of_memory(other)
    with (
        pytest.raises(NotEnoughMemory, match="for a thing; lower it, or close other programs"),
        explained(torch.device("cpu"), "a thing", "it"),
    ):
        raise FULL[0]
