"""The demo's networks: the libraries' own classes at a small size, with the embedded weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from napari_corrclip.demo.world import (
    COLORS,
    FUNCTION_WORDS,
    GROUNDS,
    KNOWN_WORDS,
    SHAPES,
    TEMPLATES,
    TEXTURES,
)
from napari_corrclip.settings import Settings

if TYPE_CHECKING:
    import open_clip
    from open_clip.tokenizer import SimpleTokenizer
    from segment_anything.modeling import Sam
    from timm.models.vision_transformer import VisionTransformer
    from torch import nn

__all__ = [
    "KNOWN_WORDS",
    "SETTINGS",
    "TEMPLATES",
    "build_clip",
    "build_sam",
    "build_similarity",
    "load_clip",
    "load_sam",
    "load_similarity",
    "load_tokenizer",
]

Network = TypeVar("Network", bound="nn.Module")

DATA: Final = Path(__file__).parent / "data"
MERGES: Final = DATA / "merges.txt.gz"

#: Side in pixels at which CLIP and the similarity tower see a scene: half of what it is drawn at.
WINDOW: Final = 128
WORDS: Final = COLORS + SHAPES + TEXTURES + GROUNDS + FUNCTION_WORDS

CLIP_PATCH: Final = 8
CHANNELS: Final = 96
"""That image and text share."""
SIMILARITY_PATCH: Final = 4
#: The method's settings for these networks; eps was chosen on validation scenes (see the model card).
SETTINGS: Final = Settings(
    short_side=WINDOW, window=WINDOW, stride=WINDOW // 2, batch_size=4, eps=0.02
)


@cache
def load_tokenizer() -> SimpleTokenizer:
    """open_clip's tokenizer over the demo's own merges."""
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(bpe_path=str(MERGES), context_length=77)


def build_clip() -> open_clip.CLIP:
    """An untrained CLIP of open_clip's classes: ViT, patch 8, 128 pixels, width 96, 6 blocks."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    return CLIP(
        embed_dim=CHANNELS,
        vision_cfg=CLIPVisionCfg(
            layers=6,
            width=96,
            head_width=24,
            patch_size=CLIP_PATCH,
            image_size=WINDOW,
            mlp_ratio=4.0,
        ),
        text_cfg=CLIPTextCfg(
            context_length=77, vocab_size=load_tokenizer().vocab_size, width=96, heads=4, layers=2
        ),
    )


def build_similarity() -> VisionTransformer:
    """An untrained ViT of timm's, laid out like DINO's: patch 4, 128 pixels, width 96, 4 blocks."""
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        img_size=WINDOW,
        patch_size=SIMILARITY_PATCH,
        embed_dim=96,
        depth=4,
        num_heads=3,
        num_classes=0,
    )


def build_sam() -> Sam:
    """An untrained SAM of segment-anything's classes: 256 pixels, patch 16, width 160, 4 blocks."""
    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )

    side, patch, channels = 256, 16, 128
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=side,
            patch_size=patch,
            embed_dim=160,
            depth=4,
            num_heads=4,
            mlp_ratio=4.0,
            out_chans=channels,
            qkv_bias=True,
            use_rel_pos=False,
            window_size=0,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=channels,
            image_embedding_size=(side // patch, side // patch),
            input_image_size=(side, side),
            mask_in_chans=8,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=channels, mlp_dim=256, num_heads=2
            ),
            transformer_dim=channels,
            iou_head_depth=2,
            iou_head_hidden_dim=128,
        ),
    )


def load_clip() -> open_clip.CLIP:
    """The demo's CLIP, float32, in evaluation mode."""
    return _loaded(build_clip, "clip")


def load_similarity() -> VisionTransformer:
    """The demo's similarity tower, float32, in evaluation mode."""
    return _loaded(build_similarity, "similarity")


def load_sam() -> Sam:
    """The demo's SAM, float32, in evaluation mode."""
    return _loaded(build_sam, "sam")


def _loaded(build: Callable[[], Network], name: str) -> Network:
    from safetensors.torch import load_file

    # Here, because presets name these networks without loading torch.
    from napari_corrclip.devices import plain_torch

    with plain_torch(building=True):
        network = build()
        # Stored in float16 to keep the wheel small; computed in float32.
        stored = load_file(DATA / f"{name}.safetensors")
        network.load_state_dict({key: value.float() for key, value in stored.items()})
    return network.eval()
