"""The whole method over small random towers: stages, batches, progress, and bad input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_corrclip.engine import classifying, encoding, windows
from napari_corrclip.errors import InputError, NotEnoughMemory
from napari_corrclip.progress import finish
from napari_corrclip.results.segmentation import (
    Provenance,
    build_segmentation,
    segmentation_from_values,
)
from napari_corrclip.settings import STAGES, Settings
from napari_corrclip.vocabulary import Vocabulary
from tests import reference
from tests.held import Held
from tests.towers import random_towers

CLIP, DINO = random_towers(0)
TEXT = F.normalize(torch.randn(5, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
SMALL = Settings(short_side=None, window=112, stride=56)
SIMILARITIES = ["dino-qk", "dino-xx", "clip-qk", "clip-qq", "uniform"]


def _scene(
    seed: int = 0, shape: tuple[int, int] = (120, 170), ids: int = 5
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    rng = np.random.default_rng(seed)
    regions = reference.patchwork(rng, shape, ids)
    colours = rng.integers(0, 256, size=(ids + 1, 3))
    noise = rng.integers(-20, 20, size=(*shape, 3))
    return np.clip(colours[regions] + noise, 0, 255).astype(np.uint8), regions


def _logits(image: NDArray[np.uint8], regions: NDArray[np.int32], settings: Settings) -> Tensor:
    features = finish(encoding.encode_image(image, regions, CLIP, DINO, settings))
    return classifying.blended_logits(features, TEXT)


@pytest.mark.parametrize("rule", ["cross", "closed"])
@torch.no_grad()
def test_one_window_equals_the_plain_transcription(rule: Any) -> None:
    image, regions = _scene(3, (50, 90))
    settings = SMALL.replace(unsegmented=rule)
    layout = windows.plan((50, 90), settings, (16, 8))
    pixels = windows.prepare_image(image, layout.size, CLIP.mean, CLIP.std)
    window = windows.cut(pixels, layout.boxes[:1], layout.padding)
    raw = windows.cut(torch.from_numpy(regions), layout.boxes[:1], layout.padding, 6)
    ours = finish(encoding.encode_windows(window, raw, CLIP, DINO, settings))

    seen = (
        finish(DINO.features(windows.renormalise(window, CLIP.mean, CLIP.std, DINO.mean, DINO.std)))
        .query_key[0]
        .flatten(0, 1)
    )
    h, w = layout.padded[0] // 8, layout.padded[1] // 8
    cells = [r for row in reference.nearest(raw[0].tolist(), (h, w)) for r in row]
    merged = reference.merged(seen, cells, settings.eps)
    sim = seen @ seen.T
    attention = reference.attention(sim, reference.scope(merged, sim, rule), settings.tau)
    grid = [merged[i * w : (i + 1) * w] for i in range(h)]
    plain = reference.refined_features(CLIP.visual, window[0], grid, attention, 1.0, 0.5)
    torch.testing.assert_close(ours[0].flatten(0, 1), plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"similarity": "clip-qk"},
        {"scope": False, "spatial": False, "semantic": False},
        {"merging": False},
    ],
)
def test_the_batch_size_changes_nothing(changes: dict[str, Any]) -> None:
    image, regions = _scene()
    settings = SMALL.replace(**changes)
    one = _logits(image, regions, settings.replace(batch_size=1))
    for size in (2, 4, 64):
        many = _logits(image, regions, settings.replace(batch_size=size))
        torch.testing.assert_close(many, one, rtol=0, atol=1e-5)


@hypothesis_settings(max_examples=8)
@given(st.integers(0, 1000), st.permutations(range(1, 6)))
def test_relabelling_regions_changes_nothing(seed: int, names: list[int]) -> None:
    image, regions = _scene(seed, (64, 96))
    table = np.array([0, *(100_000_000 * n for n in names)], dtype=np.int32)
    torch.testing.assert_close(
        _logits(image, table[regions], SMALL), _logits(image, regions, SMALL), rtol=0, atol=1e-5
    )


def test_an_image_segmented_everywhere_has_no_unsegmented_part() -> None:
    image, regions = _scene(1, (70, 100))
    cross = _logits(image, regions + 1, SMALL)
    closed = _logits(image, regions + 1, SMALL.replace(unsegmented="closed"))
    assert torch.equal(cross, closed)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("rule", ["cross", "closed"])
@pytest.mark.parametrize("constant", [False, True])
def test_empty_region_maps_and_constant_images_stay_finite(
    similarity: Any, rule: Any, constant: bool
) -> None:
    image, regions = _scene(2, (70, 100))
    if constant:
        image = np.full_like(image, 128)
    settings = SMALL.replace(similarity=similarity, unsegmented=rule)
    for region_map in (np.zeros_like(regions), regions):
        logits = _logits(image, region_map, settings)
        assert logits.isfinite().all()
        assert logits.abs().max() <= 1 + 1e-5


def test_every_similarity_and_every_stage_gives_a_result_of_its_own() -> None:
    image, regions = _scene(4, (112, 112))
    variants = [SMALL.replace(similarity=s) for s in SIMILARITIES[1:]]
    variants += [Settings.ablation(stage, SMALL) for stage in STAGES[:-2]]
    variants += [SMALL, SMALL.replace(merging=False), SMALL.replace(semantic=False)]
    results = [_logits(image, regions, v) for v in variants]
    for i, a in enumerate(results):
        for b in results[:i]:
            assert (a - b).abs().max() > 1e-4


def test_without_the_value_step_the_scope_is_weighed_by_clip_qq() -> None:
    image, regions = _scene(4, (112, 112))
    plain = _logits(image, regions, SMALL.replace(value=False, similarity="uniform"))
    assert torch.equal(plain, _logits(image, regions, SMALL.replace(similarity="clip-qq")))


def test_the_base_lives_on_clips_grid_and_needs_no_similarity_tower() -> None:
    image, regions = _scene(4, (112, 112))
    ran: list[int] = []
    hook = DINO.model.norm.register_forward_hook(lambda *_: ran.append(1))
    embedded = DINO.model.patch_embed.proj.register_forward_hook(lambda *_: ran.append(1))
    base = Settings.ablation("base", SMALL)
    features = finish(encoding.encode_image(image, regions, CLIP, DINO, base))
    hook.remove()
    embedded.remove()
    assert ran == []
    assert features.features.shape == (1, 7, 7, 16)
    plain = reference.base_features(
        CLIP.visual, windows.prepare_image(image, (112, 112), CLIP.mean, CLIP.std)
    )
    torch.testing.assert_close(features.features[0].flatten(0, 1), F.normalize(plain, dim=-1))


def test_the_branches_work_without_scope_too() -> None:
    image, regions = _scene(4, (112, 112))
    settings = SMALL.replace(scope=False)
    features = finish(encoding.encode_image(image, regions, CLIP, DINO, settings))
    assert features.features.shape == (1, 7, 7, 16)
    assert features.features.isfinite().all()


def test_features_are_unit_length_detached_and_free_of_gradients() -> None:
    image, regions = _scene(0, (64, 64))
    features = finish(encoding.encode_image(image, regions, CLIP, DINO, SMALL)).features
    assert not features.requires_grad
    torch.testing.assert_close(features.norm(dim=-1), torch.ones(features.shape[:-1]))


def test_patches_that_do_not_divide_56_are_padded_to_their_least_common_multiple() -> None:
    clip, dino = random_towers(0, patch_size=32, image_size=64)
    image, regions = _scene(0, (70, 100))
    features = finish(encoding.encode_image(image, regions, clip, dino, SMALL))
    assert features.layout.padded == (96, 128)
    assert features.features.shape == (1, 12, 16, 16)


def test_a_shared_look_at_one_window_is_a_look_at_the_window() -> None:
    image, regions = _scene(4, (112, 112))
    ours = _logits(image, regions, SMALL.replace(windows="shared"))
    torch.testing.assert_close(ours, _logits(image, regions, SMALL), rtol=0, atol=1e-6)


@pytest.mark.parametrize("similarity", SIMILARITIES[:2])
@pytest.mark.parametrize("shape", [(120, 170), (50, 230)])
def test_windows_that_share_a_look_take_their_cells_of_the_whole_image(
    similarity: Any, shape: tuple[int, int]
) -> None:
    """Padded windows too, and a last one that begins between two patches."""
    image, regions = _scene(5, shape)
    settings = SMALL.replace(windows="shared", similarity=similarity)
    looks: list[torch.Size] = []
    cut: list[Tensor] = []
    with pytest.MonkeyPatch.context() as patch:
        look, cutting = type(DINO).features, windows.cut_cells
        patch.setattr(
            type(DINO),
            "features",
            lambda self, pixels, **k: looks.append(pixels.shape) or look(self, pixels, **k),
        )
        patch.setattr(
            windows, "cut_cells", lambda *args: cut.append((args, cutting(*args))) or cut[-1][1]
        )
        events = list(encoding.encode_image(image, regions, CLIP, DINO, settings))
    assert len(looks) == 1
    assert looks[0][0] == 1
    assert [e.done for e in events] == list(range((events[-1].total or 0) + 1))
    layout = windows.plan(shape, settings, (16, 8))
    cells = cut[0][0][0]
    for number, box in enumerate(layout.boxes[: len(cut[0][1])]):
        if box[0] % 8 == box[1] % 8 == 0:
            rows, columns = layout.padded[0] // 8, layout.padded[1] // 8
            plain = cells[box[0] // 8 :, box[1] // 8 :][:rows, :columns]
            torch.testing.assert_close(cut[0][1][number], plain)
    logits = _logits(image, regions, settings)
    assert logits.isfinite().all()
    # It is near to what the windows see by themselves, and not the same.
    apart = _logits(image, regions, settings.replace(windows="separate"))
    assert 1e-6 < (logits - apart).abs().max() < 0.5


def test_cells_between_two_patches_are_interpolated() -> None:
    layout = windows.plan((64, 68), Settings(short_side=None, window=64, stride=64), (16, 8))
    assert [box[1] for box in layout.boxes] == [0, 4]
    assert layout.padded == (112, 112)
    pixels = torch.zeros(3, 64, 68)
    around = windows.around(pixels, layout, 8)
    assert around.shape == (1, 3, 112, 120)
    columns = torch.arange(15.0).expand(14, 15)[..., None]
    first, second = windows.cut_cells(columns, layout, 8, 0, 2)
    assert first[0, :, 0].tolist() == list(range(14))
    assert second[3, :, 0].tolist() == [x + 0.5 for x in range(14)]


def test_a_whole_image_that_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(DINO), "features", full)
    image, regions = _scene()
    with pytest.raises(NotEnoughMemory, match=r"the whole image; lower short_side .*separate, or"):
        _logits(image, regions, SMALL.replace(windows="shared"))


def test_progress_counts_every_block_of_every_batch() -> None:
    image, regions = _scene()
    settings = SMALL.replace(batch_size=4)
    events = list(encoding.encode_image(image, regions, CLIP, DINO, settings))
    total = 2 * (CLIP.blocks + DINO.blocks)
    assert {(e.stage, e.total) for e in events} == {("windows", total)}
    assert [e.done for e in events] == list(range(total + 1))


def test_encoding_stops_where_its_generator_is_closed() -> None:
    image, regions = _scene()
    ran: list[int] = []
    hook = CLIP.visual.transformer.resblocks[0].mlp.register_forward_hook(lambda *_: ran.append(1))
    steps = encoding.encode_image(image, regions, CLIP, DINO, SMALL)
    for _ in range(DINO.blocks + 2):
        next(steps)
    assert torch.is_grad_enabled()
    steps.close()
    hook.remove()
    assert ran == [1]


def test_gradients_flow_through_the_functions_below() -> None:
    clip, dino = random_towers(5)
    window = torch.randn(1, 3, 56, 56)
    regions = torch.randint(0, 3, (1, 56, 56))
    finish(encoding.encode_windows(window, regions, clip, dino, SMALL)).sum().backward()
    assert clip.visual.conv1.weight.grad is not None
    assert dino.model.patch_embed.proj.weight.grad is not None


def test_features_come_back_from_their_parts() -> None:
    image, regions = _scene()
    features = finish(encoding.encode_image(image, regions, CLIP, DINO, SMALL))
    tensors, layout = features.to_parts()
    restored = encoding.WindowFeatures.from_parts(tensors, layout)
    assert restored.layout == features.layout
    assert torch.equal(restored.features, features.features)


def test_parts_that_do_not_belong_together_are_refused() -> None:
    layout = windows.plan((40, 40), SMALL, (16, 8)).to_json()
    for tensors in ({}, {"features": torch.zeros(2, 7, 7, 4)}, {"features": torch.zeros(1, 4)}):
        with pytest.raises(InputError, match="do not belong to 1 windows"):
            encoding.WindowFeatures.from_parts(tensors, layout)


def test_logits_are_the_cosines_of_the_only_window() -> None:
    layout = windows.plan((56, 56), SMALL, (16, 8))
    cells = F.normalize(torch.randn(1, 7, 7, 16), dim=-1)
    logits = classifying.blended_logits(encoding.WindowFeatures(cells, layout), TEXT)
    maps = (cells[0] @ TEXT.T).permute(2, 0, 1)[None]
    plain = F.interpolate(maps, size=(56, 56), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(logits, plain)


@hypothesis_settings(max_examples=15)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.5]), st.sampled_from([1 << 24, 64]))
def test_pixel_classes_equal_the_plain_transcription(
    seed: int, threshold: float, stripe: int
) -> None:
    rng = np.random.default_rng(seed)
    regions = rng.integers(0, 4, size=(6, 8), dtype=np.int32) * 1000
    logits = torch.tensor(rng.uniform(-0.1, 0.2, size=(4, 6, 8)), dtype=torch.float32)
    owner = torch.tensor([0, 2, 1, 0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifying, "_STRIPE_ELEMENTS", {"cpu": stripe})
        ours = classifying.classify_pixels(
            logits, regions, owner, torch.full((3,), threshold), 0, SMALL
        )
    plain = reference.classes(logits.tolist(), owner.tolist(), SMALL.logit_scale, threshold)
    assert ours.pixel_labels.tolist() == plain
    assert ours.labels.tolist() == reference.corrected(plain, regions.tolist())

    ids = sorted(set(regions.flatten().tolist()) - {0})
    assert ours.region_ids.tolist() == ids
    softmax = torch.softmax(logits * SMALL.logit_scale, dim=0)
    best = torch.stack([torch.maximum(softmax[0], softmax[3]), softmax[2], softmax[1]])
    torch.testing.assert_close(ours.confidence, best.amax(dim=0))
    for row, region in enumerate(ids):
        inside = torch.from_numpy(regions == region)
        torch.testing.assert_close(ours.region_probabilities[row], best[:, inside].mean(dim=1))
        assert ours.votes[row].sum() == inside.sum()


@hypothesis_settings(max_examples=15)
@given(
    st.integers(0, 1000), st.sampled_from([0.0, 0.6]), st.sampled_from([[0], [0, 9], [4, 7, 90]])
)
def test_pixels_finished_on_a_card_make_the_result_of_the_host(
    seed: int, threshold: float, ids: list[int]
) -> None:
    """Values beyond int16, pixels without class or region, regions in pieces, none at all."""
    rng = np.random.default_rng(seed)
    regions = rng.choice(ids, size=(7, 9)).astype(np.int32)
    logits = torch.tensor(rng.uniform(-0.02, 0.02, size=(3, 7, 9)), dtype=torch.float32)
    words = Vocabulary.from_names(["a", "b", "c"])
    classes = [replace(c, value=v) for c, v in zip(words.classes, (65535, 32768, 3), strict=True)]
    words = replace(words, classes=tuple(classes), next_value=65536)
    pixels = classifying.classify_pixels(
        logits, regions, torch.arange(3), torch.full((3,), threshold), -1, SMALL
    )
    provenance = Provenance(versions={})
    host = build_segmentation(pixels, regions, words, provenance)
    card = segmentation_from_values(
        pixels, classifying.pixel_values(pixels, words.values), regions, words, provenance
    )
    for name in ("labels", "pixel_labels", "confidence", "region_probabilities"):
        ours, theirs = getattr(card, name), getattr(host, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    pd.testing.assert_frame_equal(card.table, host.table)


@pytest.mark.parametrize("shape", [(90, 130), (224, 320)])
def test_bands_of_logits_change_nothing(shape: tuple[int, int]) -> None:
    """Larger than at inference and smaller, three bands at least."""
    image, regions = _scene(5, shape)
    settings = SMALL.replace(short_side=150)
    features = finish(encoding.encode_image(image, regions, CLIP, DINO, settings))
    owner, thresholds = torch.arange(5), torch.full((5,), 0.25)
    whole = classifying.classify_pixels(
        classifying.blended_logits(features, TEXT), regions, owner, thresholds, -1, settings
    )
    logits = classifying.Logits(features, TEXT)
    asked: list[range] = []
    with pytest.MonkeyPatch.context() as patch:
        rows = classifying.Logits.rows
        patch.setattr(classifying, "_BAND_ELEMENTS", 50 * 5 * logits.shape[2])
        patch.setattr(classifying, "_STRIPE_ELEMENTS", {"cpu": 5 * 7 * shape[1]})
        patch.setattr(
            classifying.Logits, "rows", lambda self, band: asked.append(band) or rows(self, band)
        )
        banded = classifying.classify_pixels(logits, regions, owner, thresholds, -1, settings)
    assert len(asked) >= 3
    assert max(len(band) for band in asked) <= 50
    torch.testing.assert_close(banded.confidence, whole.confidence, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        banded.region_probabilities, whole.region_probabilities, rtol=0, atol=1e-5
    )
    assert (banded.labels == whole.labels).float().mean() >= 0.9999


def test_a_thousand_queries_need_no_array_of_queries_and_pixels() -> None:
    """Torch's own count of what it holds at once, which an array of all would go beyond."""
    image, regions = _scene(6, (200, 320))
    settings = SMALL.replace(short_side=224, window=224)
    features = finish(encoding.encode_image(image, regions, CLIP, DINO, settings))
    text = F.normalize(torch.randn(1000, 16, generator=torch.Generator().manual_seed(1)), dim=-1)
    logits = classifying.Logits(features, text)
    array = 4 * 1000 * logits.shape[1] * logits.shape[2]
    with pytest.MonkeyPatch.context() as patch, Held() as held:
        patch.setattr(classifying, "_BAND_ELEMENTS", 1 << 21)
        found = classifying.classify_pixels(
            logits, regions, torch.arange(1000), torch.zeros(1000), -1, settings
        )
    assert found.labels.shape == (200, 320)
    assert held.most < array / 4
    with Held() as whole:
        classifying.blended_logits(features, text)
    assert array <= whole.most


def test_logits_of_a_stripe_are_gone_when_it_has_its_probabilities() -> None:
    """Of arrays of queries and pixels: probabilities, and twice as much to add them up in double."""
    classes, size = 40, (60, 90)
    regions = np.random.default_rng(2).integers(0, 5, size).astype(np.int32)
    logits = torch.rand(classes, 15, 20, generator=torch.Generator().manual_seed(2))
    with pytest.MonkeyPatch.context() as patch, Held() as held:
        patch.setattr(classifying, "_STRIPE_ELEMENTS", {"cpu": classes * size[0] * size[1]})
        classifying.classify_pixels(
            logits, regions, torch.arange(classes), torch.zeros(classes), -1, SMALL
        )
    assert held.most < 3.5 * 4 * classes * size[0] * size[1]


def test_without_correction_or_regions_pixels_keep_their_class() -> None:
    logits = torch.rand(3, 4, 4)
    owner, thresholds = torch.arange(3), torch.zeros(3)
    ones = np.ones((8, 8), dtype=np.int32)
    off = classifying.classify_pixels(
        logits, ones, owner, thresholds, 0, SMALL.replace(correction=False)
    )
    assert torch.equal(off.labels, off.pixel_labels)
    none = classifying.classify_pixels(logits, 0 * ones, owner, thresholds, 0, SMALL)
    assert torch.equal(none.labels, none.pixel_labels)
    assert none.region_probabilities.shape == (0, 3)


def test_pixels_below_the_threshold_have_no_class_where_there_is_no_background() -> None:
    logits, ones = torch.zeros(3, 4, 4), np.ones((4, 4), dtype=np.int32)
    result = classifying.classify_pixels(
        logits, ones, torch.arange(3), torch.full((3,), 0.9), -1, SMALL
    )
    assert result.labels.eq(-1).all()
    assert result.votes.tolist() == [[16, 0, 0, 0]]


@pytest.mark.parametrize(
    ("image", "regions", "reason"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.int32), r"shape \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.int32), r"shape \(4, 4, 4\)"),
        (np.zeros((4, 0, 3), np.uint8), np.zeros((4, 0), np.int32), r"shape \(4, 0, 3\)"),
        (np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.int32), "type float32"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.int32), r"regions have shape"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32), "must be integers"),
        (np.zeros((4, 4, 3), np.uint8), np.full((4, 4), -2, np.int32), "the id -2"),
    ],
)
def test_bad_images_and_regions_are_refused(image: Any, regions: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        finish(encoding.encode_image(image, regions, CLIP, DINO, SMALL))
