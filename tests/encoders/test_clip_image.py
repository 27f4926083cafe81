"""The image tower: against the plain transcription, its gradients, dtypes and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from open_clip.model import _build_vision_tower
from open_clip.transformer import LayerNormFp32

from napari_corrclip.encoders.clip_image import CLIP_MEAN, ClipImageEncoder
from napari_corrclip.encoders.positions import resample_positions
from napari_corrclip.errors import InputError
from napari_corrclip.progress import finish
from tests import reference
from tests.towers import clip_tower, random_towers


def refined(
    clip: ClipImageEncoder,
    pixels: torch.Tensor,
    regions: torch.Tensor,
    attention: torch.Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 0.5,
) -> torch.Tensor:
    """The refined features of windows, (B, h, w, D), from the tower's last block (eq. 11)."""
    last = finish(clip.last_block(pixels, regions=regions))
    size = (int(regions.shape[-2]), int(regions.shape[-1]))
    return clip.cell_features(
        last, lambda values: attention.to(values.dtype) @ values, size, alpha=alpha, beta=beta
    )


def _inputs(
    seed: int, size: tuple[int, int] = (7, 9), batch: int = 1, ids: int = 4
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randn(batch, 3, 56, 72, generator=generator)
    regions = torch.randint(0, ids + 1, (batch, *size), generator=generator)
    n = size[0] * size[1]
    return pixels, regions, torch.rand(batch, n, n, generator=generator).softmax(dim=-1)


@hypothesis_settings(max_examples=10)
@given(st.integers(0, 1000), st.sampled_from([(7, 9), (3, 4), (14, 18)]), st.integers(0, 6))
@torch.no_grad()
def test_refined_features_equal_the_plain_transcription(
    seed: int, size: tuple[int, int], ids: int
) -> None:
    clip, _ = random_towers(seed, patch_size=8, image_size=32)
    pixels, regions, attention = _inputs(seed, size, ids=ids)
    ours = refined(clip, pixels, regions, attention, alpha=0.7, beta=1.3)
    plain = reference.refined_features(
        clip.visual, pixels[0], regions[0].tolist(), attention[0], 0.7, 1.3
    )
    torch.testing.assert_close(ours[0].flatten(0, 1), plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layers", [5, 12, 24])
@torch.no_grad()
def test_the_spatial_branch_knows_every_depth(layers: int) -> None:
    clip, _ = random_towers(layers, layers=layers)
    pixels, regions, attention = _inputs(layers)
    ours = refined(clip, pixels, regions, attention)
    plain = reference.refined_features(
        clip.visual, pixels[0], regions[0].tolist(), attention[0], 1.0, 0.5
    )
    torch.testing.assert_close(ours[0].flatten(0, 1), plain, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_base_equals_the_plain_transcription() -> None:
    clip, _ = random_towers(3)
    pixels, _, _ = _inputs(3)
    last = finish(clip.last_block(pixels, spatial=False))
    ours = clip.cell_features(last, None, last.grid, alpha=1, beta=1)
    plain = reference.base_features(clip.visual, pixels[0])
    assert ours.shape == (1, 3, 4, 16)
    torch.testing.assert_close(ours[0].flatten(0, 1), plain, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_mask_tokens_leave_the_patches_alone() -> None:
    clip, _ = random_towers(1)
    pixels, regions, _ = _inputs(1)
    with_tokens, without = (
        finish(clip.last_block(pixels, regions=regions)),
        finish(clip.last_block(pixels)),
    )
    torch.testing.assert_close(with_tokens.values, without.values)
    assert without.mask_tokens is None


@torch.no_grad()
def test_windows_with_different_regions_share_a_batch() -> None:
    clip, _ = random_towers(2)
    pixels, regions, attention = _inputs(2, batch=3)
    regions[1] = 0
    regions[2] = torch.arange(63).reshape(7, 9) + 1
    together = refined(clip, pixels, regions, attention)
    for i in range(3):
        one = slice(i, i + 1)
        alone = refined(clip, pixels[one], regions[one], attention[one])
        torch.testing.assert_close(together[one], alone, rtol=0, atol=1e-5)


@torch.no_grad()
def test_relabelling_merged_regions_changes_nothing() -> None:
    clip, _ = random_towers(2)
    pixels, regions, attention = _inputs(2)
    table = torch.tensor([0, 3, 1, 4, 2])
    torch.testing.assert_close(
        refined(clip, pixels, regions, attention), refined(clip, pixels, table[regions], attention)
    )


def test_gradients_reach_every_parameter_that_takes_part() -> None:
    clip, _ = random_towers(0)
    pixels, regions, attention = _inputs(0)
    attention.requires_grad_()
    refined(clip, pixels, regions, attention).square().sum().backward()
    assert attention.grad is not None
    missing = [n for n, p in clip.visual.named_parameters() if p.grad is None]
    assert missing == []


def test_a_forward_pass_stops_between_blocks() -> None:
    clip, _ = random_towers(0)
    passes: list[int] = []
    for index, block in enumerate(clip.visual.transformer.resblocks):
        block.register_forward_hook(lambda *_: None)
        block.mlp.register_forward_hook(lambda *_, i=index: passes.append(i))
    forward = clip.last_block(_inputs(0)[0])
    next(forward)
    forward.close()
    assert passes == [0]


@torch.no_grad()
def test_every_block_yields_once() -> None:
    clip, _ = random_towers(0, layers=7)
    assert sum(1 for _ in clip.last_block(_inputs(0)[0])) == clip.blocks == 7


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("fp32_norms", [False, True])
@torch.no_grad()
def test_half_precision_is_close_to_single(dtype: torch.dtype, fp32_norms: bool) -> None:
    norm = {"norm_layer": LayerNormFp32} if fp32_norms else {}
    clip, _ = random_towers(0, **norm)
    inputs = _inputs(0)
    single = refined(clip, *inputs)
    half = refined(ClipImageEncoder(clip.visual, name="half", dtype=dtype), *inputs)
    assert half.dtype == torch.float32
    assert torch.cosine_similarity(single, half, dim=-1).min() > 0.99


def test_the_normalisation_is_the_towers_own_or_the_callers() -> None:
    visual = clip_tower()
    assert ClipImageEncoder(visual, name="x").mean == CLIP_MEAN
    visual.image_mean, visual.image_std = (0.5, 0.5, 0.5), [0.25, 0.25, 0.25]
    encoder = ClipImageEncoder(visual, name="x")
    assert (encoder.mean, encoder.std) == ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    assert ClipImageEncoder(visual, name="x", mean=(0, 0, 1)).mean == (0, 0, 1)


def _tower(seed: int = 0, **options: Any) -> Any:
    return random_towers(seed, **options)[0].visual


def _fingerprint(visual: Any, **options: Any) -> str:
    return ClipImageEncoder(visual, name="x", **options).fingerprint


def test_the_fingerprint_follows_weights_activation_and_normalisation() -> None:
    original = _fingerprint(_tower())
    assert _fingerprint(_tower()) == original
    changed = _tower()
    with torch.no_grad():
        changed.proj[0, 0] += 1
    others = {_fingerprint(_tower(1)), _fingerprint(_tower(quick_gelu=True)), _fingerprint(changed)}
    assert len(others | {original, _fingerprint(_tower(), mean=(0.5, 0.5, 0.5))}) == 5


def test_the_fingerprint_is_that_of_the_weights_and_not_of_what_computes() -> None:
    original = _fingerprint(_tower())
    for dtype in (torch.float16, torch.bfloat16):
        assert _fingerprint(_tower(), dtype=dtype) == original
        # Rounded before they were handed over, they are other weights.
        assert _fingerprint(_tower().to(dtype), dtype=dtype) != original
    # A network that was trained in half precision loses nothing in single.
    native = _fingerprint(_tower().half(), dtype=torch.float16)
    assert _fingerprint(_tower().half().float()) == native


@pytest.mark.parametrize(
    ("model", "patch", "blocks", "dim"),
    [
        ("ViT-B-32", 32, 12, 512),
        ("ViT-B-32-quickgelu", 32, 12, 512),
        ("ViT-B-16", 16, 12, 512),
        ("ViT-B-16-quickgelu", 16, 12, 512),
        ("ViT-L-14", 14, 24, 768),
        ("ViT-L-14-336", 14, 24, 768),
        ("ViT-H-14", 14, 32, 1024),
    ],
)
def test_the_clip_family_is_served(model: str, patch: int, blocks: int, dim: int) -> None:
    encoder = ClipImageEncoder(_real_tower(model), name=model, device="meta")
    assert (encoder.patch_size, encoder.blocks, encoder.embed_dim) == (patch, blocks, dim)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("RN50", "ModifiedResNet"),
        ("convnext_base", "TimmModel"),
        ("ViT-B-16-SigLIP", "TimmModel"),
        ("coca_ViT-B-32", "attentional pooler"),
        ("ViT-L-14-CLIPA", "pools by 'avg'"),
    ],
)
def test_other_towers_are_refused_by_name_with_those_that_are_served(
    model: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as error:
        ClipImageEncoder(_real_tower(model), name=model)
    assert repr(model) in str(error.value)
    assert "ViT-B-16" in str(error.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"layers": 4}, "4 blocks"),
        ({"qk_norm": True}, "CustomResidualAttentionBlock"),
        ({"pool_type": "avg"}, "pools by 'avg'"),
        ({"patch_size": (16, 8)}, "not square"),
    ],
)
def test_small_differences_are_refused_too(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        ClipImageEncoder(clip_tower(**options), name="odd")


def test_positions_at_the_native_size_are_untouched() -> None:
    positions = torch.randn(12, 5)
    assert resample_positions(positions, (3, 4), (3, 4)) is positions


@given(st.integers(1, 9), st.integers(1, 30), st.integers(1, 30))
def test_positions_come_in_any_size(native: int, rows: int, columns: int) -> None:
    positions = torch.ones(native * native, 2)
    resampled = resample_positions(positions, (native, native), (rows, columns))
    torch.testing.assert_close(resampled, torch.ones(rows * columns, 2))


def test_positions_follow_the_published_rule() -> None:
    positions = torch.tensor(np.random.default_rng(0).normal(size=(16, 3)), dtype=torch.float32)
    ours = resample_positions(positions, (4, 4), (6, 9))
    torch.testing.assert_close(ours, reference.positions(positions, (4, 4), (6, 9)))


def _real_tower(model: str) -> Any:
    """The image tower of a real model, without memory for its weights."""
    config = open_clip.get_model_config(model)
    with torch.device("meta"):
        return _build_vision_tower(
            config["embed_dim"], config["vision_cfg"], config.get("quick_gelu", False)
        )
