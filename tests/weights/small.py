"""Three small real networks, published on a server of this machine in the layouts of the real sources."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.presets import NetworkSpec, Preset
from tests.weights.serving import Server

NAME = "small"
CLIP, DINO, SAM = "napari-corrclip-small", "vit_tiny_patch16_224", "small"
CLIP_CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 5, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def register() -> None:
    """Make the libraries know the small architectures."""
    import open_clip
    from segment_anything import sam_model_registry

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{CLIP}.json"
        path.write_text(json.dumps(CLIP_CONFIG))
        open_clip.add_model_config(path)
    sam_model_registry[SAM] = build_sam


def build_sam(checkpoint: None = None) -> object:
    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )

    return Sam(
        ImageEncoderViT(img_size=64, embed_dim=16, depth=1, num_heads=2, out_chans=16),
        PromptEncoder(16, (4, 4), (64, 64), mask_in_chans=4),
        MaskDecoder(
            transformer_dim=16,
            transformer=TwoWayTransformer(depth=1, embedding_dim=16, num_heads=2, mlp_dim=16),
        ),
    )


@cache
def checkpoints() -> tuple[bytes, bytes, bytes]:
    """CLIP and DINO as the hub has them, SAM as its authors published it: a pickle."""
    import open_clip
    import timm
    import torch
    from safetensors.torch import save

    register()
    torch.manual_seed(0)
    clip = open_clip.CLIP(**open_clip.get_model_config(CLIP))
    dino = timm.create_model(DINO, num_classes=0)
    pickled = io.BytesIO()
    torch.save(build_sam().state_dict(), pickled)
    tensors = (
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        for model in (clip, dino)
    )
    return (*map(save, tensors), pickled.getvalue())


def publish(server: Server, sam: bytes | None = None) -> Preset:
    """Put the networks on ``server`` and return the preset that names them; ``sam``: other bytes."""
    clip, dino, own = checkpoints()
    sam = own if sam is None else sam
    name = f"sam_{SAM}_{hashlib.md5(sam).hexdigest()[:6]}.pth"
    server.files |= {
        "/laion/small.clip/resolve/main/open_clip_model.safetensors": clip,
        "/timm/vit_tiny.small/resolve/main/model.safetensors": dino,
        f"/segment_anything/{name}": sam,
    }
    return replace(
        get_preset("demo"),
        name=NAME,
        title="Small",
        description="For tests.",
        clip=NetworkSpec(
            "open_clip", CLIP, "small", "laion/small.clip", "open_clip_model.safetensors",
            "MIT", len(clip),
        ),
        similarity=NetworkSpec(
            "timm", DINO, "small", "timm/vit_tiny.small", "model.safetensors", "Apache-2.0", len(dino)
        ),
        regions=NetworkSpec(
            "segment_anything", SAM, "small", f"{server.url}/segment_anything/{name}", name,
            "Apache-2.0", len(sam), hashlib.sha256(sam).hexdigest(),
        ),
    )  # fmt: skip


if __name__ == "__main__":
    # The command line, where the libraries know the small architectures.
    from napari_corrclip.cli import main

    if sys.argv[1] == "segment":
        register()
    raise SystemExit(main())
