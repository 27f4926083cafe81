"""The similarity tower: against timm's own forward pass, registers, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch.nn import functional as F

from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.errors import InputError
from napari_corrclip.progress import finish
from tests.towers import dino_tower, random_towers


def _native(tower: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """q + k of the last block and the output tokens, taken from timm's own forward pass."""
    seen: list[torch.Tensor] = []
    hook = tower.blocks[-1].attn.qkv.register_forward_hook(lambda *a: seen.append(a[2]))
    output = tower.forward_features(pixels)
    hook.remove()
    d = tower.embed_dim
    both = seen[0][..., :d] + seen[0][..., d : 2 * d]
    prefix = tower.num_prefix_tokens
    return F.normalize(both[:, prefix:], dim=-1), F.normalize(output[:, prefix:], dim=-1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reg_tokens": 4, "no_embed_class": True, "init_values": 1e-2, "patch_size": 14},
        {"reg_tokens": 2, "no_embed_class": False, "image_size": 48},
        {"class_token": False, "global_pool": "avg"},
        {"patch_size": 16, "pre_norm": True},
        {"dynamic_img_size": True},
    ],
)
@torch.no_grad()
def test_features_at_the_native_size_are_timms_own(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    patch = options.get("patch_size", 8)
    options = {"image_size": 4 * patch, **options}
    tower = dino_tower(**options).eval()
    for parameter in tower.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.1)
    pixels = torch.randn(2, 3, options["image_size"], options["image_size"])
    query_key, output = _native(tower, pixels)
    features = finish(TimmSimilarityEncoder(tower, name="x").features(pixels, output=True))
    torch.testing.assert_close(features.query_key.flatten(1, 2), query_key)
    if "class_token" not in options:
        assert features.output is not None
        torch.testing.assert_close(features.output.flatten(1, 2), output)


@torch.no_grad()
def test_the_grid_is_the_whole_patches_and_the_rest_is_unused() -> None:
    _, dino = random_towers()
    pixels = torch.randn(1, 3, 45, 71)
    features = finish(dino.features(pixels))
    assert features.query_key.shape == (1, 5, 8, 24)
    assert features.output is None
    changed = pixels.clone()
    changed[:, :, 40:] = 0
    changed[:, :, :, 64:] = 0
    torch.testing.assert_close(finish(dino.features(changed)).query_key, features.query_key)


@torch.no_grad()
def test_every_block_yields_once() -> None:
    _, dino = random_towers()
    assert sum(1 for _ in dino.features(torch.randn(1, 3, 16, 16))) == dino.blocks == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision_is_close_to_single(dtype: torch.dtype) -> None:
    _, dino = random_towers()
    pixels = torch.randn(1, 3, 40, 40)
    single = finish(dino.features(pixels)).query_key
    half = finish(
        TimmSimilarityEncoder(dino.model, name="x", dtype=dtype).features(pixels)
    ).query_key
    assert half.dtype == torch.float32
    assert torch.cosine_similarity(single, half, dim=-1).min() > 0.99


def test_gradients_flow() -> None:
    _, dino = random_towers()
    finish(dino.features(torch.randn(1, 3, 24, 24))).query_key[0, 0, 0].sum().backward()
    assert dino.model.patch_embed.proj.weight.grad is not None


@pytest.mark.parametrize(
    ("model", "patch", "blocks"),
    [
        ("vit_small_patch8_224.dino", 8, 12),
        ("vit_base_patch8_224.dino", 8, 12),
        ("vit_base_patch16_224.dino", 16, 12),
        ("vit_base_patch14_dinov2", 14, 12),
        ("vit_base_patch14_reg4_dinov2", 14, 12),
        ("vit_large_patch14_reg4_dinov2", 14, 24),
    ],
)
def test_dino_one_and_two_are_served(model: str, patch: int, blocks: int) -> None:
    encoder = TimmSimilarityEncoder(_real_tower(model), name=model, device="meta")
    assert (encoder.patch_size, encoder.blocks) == (patch, blocks)


@torch.no_grad()
def test_dino_two_with_registers_runs_at_another_size() -> None:
    tower = timm.create_model("vit_small_patch14_reg4_dinov2", pretrained=False, num_classes=0)
    features = finish(TimmSimilarityEncoder(tower, name="x").features(torch.randn(1, 3, 56, 112)))
    assert features.query_key.shape == (1, 4, 8, 384)
    assert features.query_key.isfinite().all()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("swin_tiny_patch4_window7_224", "SwinTransformer"),
        ("resnet18", "ResNet"),
        ("deit_tiny_distilled_patch16_224", "VisionTransformerDistilled"),
        ("vit_small_patch16_dinov3", "Eva"),
    ],
)
def test_other_towers_are_refused_by_name_with_those_that_are_served(
    model: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as error:
        TimmSimilarityEncoder(_real_tower(model), name=model)
    assert repr(model) in str(error.value)
    assert "vit_base_patch8_224.dino" in str(error.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"qk_norm": True}, "normalises its queries"),
        ({"pos_embed": "none"}, "positional embedding"),
        ({"in_chans": 4}, "4 channels"),
        ({"patch_size": (8, 16)}, "not square"),
    ],
)
def test_small_differences_are_refused_too(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        TimmSimilarityEncoder(dino_tower(**options), name="odd")


def test_a_tower_without_joint_projection_is_refused() -> None:
    tower = dino_tower()
    tower.blocks[1].attn.qkv = torch.nn.Identity()
    with pytest.raises(InputError, match="no joint query-key-value"):
        TimmSimilarityEncoder(tower, name="odd")


def _real_tower(model: str) -> Any:
    with torch.device("meta"):
        return timm.create_model(model, pretrained=False)
