"""C-RADIO as similarity: random weights in the real architecture's layout, against timm's own of any size."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models import vision_transformer as vit
from torch.nn import functional as F

from napari_corrclip.encoders.clip_image import CLIP_MEAN, CLIP_STD
from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.encoders.positions import resample_positions
from napari_corrclip.encoders.radio import IMAGENET_MEAN, input_of, is_radio, radio_positions
from napari_corrclip.engine.parts import load_towers
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.progress import finish
from napari_corrclip.weights.loading import load_similarity
from napari_corrclip.weights.naming import make_preset, named_network
from napari_corrclip.weights.presets import NetworkSpec
from napari_corrclip.weights.saved import read_preset, save_preset

pytestmark = pytest.mark.skipif(
    not timm.is_model("vit_base_patch16_radio_v3"), reason="this timm has no C-RADIO"
)

NAME = "vit_nano_patch16_radio_v3"
SMALL: dict[str, Any] = {"embed_dim": 24, "depth": 2, "num_heads": 2, "init_values": 1e-5}
GRID = 8


@pytest.fixture(scope="module", autouse=True)
def _nano() -> None:
    """A C-RADIO of a small size under a name of its own; what else it is, is what timm says of ViT-B/16."""
    if timm.is_model(NAME):
        return

    def vit_nano_patch16_radio_v3(
        pretrained: bool = False, **options: Any
    ) -> vit.VisionTransformer:
        chosen = {"img_size": 64, **SMALL, **options}
        tower: Any = timm.create_model("vit_base_patch16_radio_v3", **chosen)
        return tower

    vit_nano_patch16_radio_v3.__module__ = vit.__name__
    timm.models.register_model(vit_nano_patch16_radio_v3)


def published(seed: int = 0) -> dict[str, torch.Tensor]:
    """A file as NVIDIA lays it out, 8 x 8 positions, with what is no part of the backbone."""
    generator = torch.Generator().manual_seed(seed)
    tower = timm.create_model(NAME, pretrained=False, num_classes=0)
    own = {
        name: value.clone() for name, value in tower.state_dict().items() if name[:7] == "blocks."
    }
    own |= {
        "patch_generator.embedder.weight": torch.zeros(24, 3 * 16 * 16),
        "patch_generator.pos_embed": torch.zeros(1, GRID * GRID, 24),
        "patch_generator.cls_token.token": torch.zeros(8, 24),
    }
    state = {}
    for name, value in own.items():
        noise = torch.randn(value.shape, generator=generator) * 0.2
        state[f"radio_model.model.{name.replace('gamma', 'grandma')}"] = value + noise
    state["radio_model.input_conditioner.norm_mean"] = torch.tensor(CLIP_MEAN).view(3, 1, 1)
    state["radio_model.summary_idxs"] = torch.tensor([0, 1, 2])
    return state


def _any_size(state: dict[str, torch.Tensor], *, aligned: bool) -> Any:
    """timm's tower of any size, which is the one that it says to be exact."""
    naflex = pytest.importorskip("timm.models.naflexvit")
    tower = naflex.NaFlexVit(
        naflex.NaFlexVitCfg(
            patch_size=16,
            class_token=True,
            reg_tokens=7,
            global_pool="token",
            final_norm=False,
            pos_embed_grid_size=(GRID, GRID),
            pos_embed_interp_mode="bilinear",
            pos_embed_ar_preserving=True,
            pos_embed_antialias=False,
            pos_embed_align_corners=aligned,
            **SMALL,
        ),
        num_classes=0,
    ).eval()
    tower.load_state_dict(naflex.checkpoint_filter_fn(dict(state), tower))
    return tower


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("size", [(128, 128), (64, 64), (48, 80), (96, 32), (208, 160)])
@torch.no_grad()
def test_at_any_size_the_tokens_are_those_of_timms_exact_tower(
    tmp_path: Path, size: tuple[int, int], aligned: bool
) -> None:
    state = published()
    save_file(state, tmp_path / "model.safetensors")
    spec = NetworkSpec.local("timm", NAME, tmp_path / "model.safetensors")
    positions = partial(radio_positions, align_corners=aligned)
    ours = TimmSimilarityEncoder(
        load_similarity(spec), name=NAME, mean=CLIP_MEAN, std=CLIP_STD, positions=positions
    )
    pixels = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    exact = _any_size(state, aligned=aligned)
    seen: list[torch.Tensor] = []
    hook = exact.blocks[-1].attn.qkv.register_forward_hook(lambda *a: seen.append(a[2]))
    output = exact.forward_features(pixels)
    hook.remove()
    output = output["patches"] if isinstance(output, dict) else output
    found = finish(ours.features(pixels, output=True))
    assert found.output is not None
    assert found.query_key.shape[1:3] == (size[0] // 16, size[1] // 16)
    tokens = F.normalize(output[:, 8:], dim=-1)
    torch.testing.assert_close(found.output.flatten(1, 2), tokens, rtol=0, atol=1e-5)
    both = F.normalize(seen[0][:, 8:, :24] + seen[0][:, 8:, 24:48], dim=-1)
    torch.testing.assert_close(found.query_key.flatten(1, 2), both, rtol=0, atol=1e-5)


@torch.no_grad()
def test_positions_are_not_resampled_by_dinos_rule() -> None:
    positions = torch.randn(GRID * GRID, 24, generator=torch.Generator().manual_seed(0))
    by_radio = radio_positions(positions, (GRID, GRID), (5, 7))
    assert (by_radio - resample_positions(positions, (GRID, GRID), (5, 7))).abs().max() > 0.1
    # A form of the native side is a corner of the native grid.
    corner = positions.view(GRID, GRID, 24)[:3].flatten(0, 1)
    assert torch.equal(radio_positions(positions, (GRID, GRID), (3, GRID)), corner)


def test_only_c_radio_is_shown_pixels_and_positions_its_way() -> None:
    radio = input_of("vit_large_patch16_radio_v3")
    assert (radio.mean, radio.std) == (CLIP_MEAN, CLIP_STD)
    aligned = [
        input_of(f"vit_{size}").positions.keywords["align_corners"]  # type: ignore[attr-defined]
        for size in ("base_patch16_radio_v3", "huge_patch16_radio_v3", "huge_patch16_radio_v4")
    ]
    assert aligned == [True, True, False]
    dino = input_of("vit_base_patch8_224")
    assert (dino.mean, dino.positions) == (IMAGENET_MEAN, resample_positions)
    assert not is_radio("naflexvit_base_patch16_radio_v3")


@pytest.mark.parametrize(
    ("model", "blocks"),
    [
        ("vit_base_patch16_radio_v3", 12),
        ("vit_large_patch16_radio_v3", 24),
        ("vit_so400m_patch16_radio_v4", 27),
    ],
)
def test_the_real_architectures_are_served(model: str, blocks: int) -> None:
    with torch.device("meta"):
        tower = timm.create_model(model, pretrained=False, num_classes=0)
    encoder = TimmSimilarityEncoder(tower, name=model, device="meta")
    assert (encoder.patch_size, encoder.blocks) == (16, blocks)


def test_a_preset_of_ones_own_names_it_with_its_licence() -> None:
    preset = make_preset("radio-b", similarity="vit_base_patch16_radio_v3.c_radio")
    assert preset.similarity.licence == "NVIDIA Open Model License"
    assert preset.similarity.source == "timm/vit_base_patch16_radio_v3.c_radio"
    assert preset.similarity.size > 340_000_000
    save_preset(preset)
    assert read_preset("radio-b") == preset


def test_dino_three_is_refused_by_name_there_too() -> None:
    with pytest.raises(Exception, match="vit_small_patch16_dinov3 is a Eva"):
        named_network("timm", "vit_small_patch16_dinov3.lvd1689m")


def test_a_recipe_loads_it_with_its_own_means_and_positions(tmp_path: Path) -> None:
    save_file(published(), tmp_path / "nano.safetensors")
    preset = make_preset("nano", similarity=f"{NAME}={tmp_path / 'nano.safetensors'}", base="demo")
    _, tower = load_towers(preset, Recipe(preset, device="cpu"))
    assert (tower.mean, tower.std) == (CLIP_MEAN, CLIP_STD)
    assert tower.model.patch_embed.grid_size == (GRID, GRID)  # of the file, not of the architecture
    assert isinstance(tower._positions, partial)
    assert tower._positions.func is radio_positions
