"""Our MobileSAM beside its authors' own code with the same random weights: golden file and comparison.

    python -m venv /tmp/reference
    /tmp/reference/bin/pip install torch torchvision timm mobilesam-mirror
    python -m tools.mobile_parity compare --reference /tmp/reference/bin/python
    python -m tools.mobile_parity write --reference /tmp/reference/bin/python

The reference runs in a process and an environment of its own, because importing it puts models of its own
into timm's registry. Weights are made of their names, so that both sides have the same without a file, and
ours go the way of the published checkpoint: by its names, with its classifier.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GOLDEN = Path(__file__).parents[1] / "tests" / "data" / "mobile_sam.safetensors"
PACKAGE = "mobilesam-mirror"
POINTS = ((200.0, 300.0), (700.0, 820.0))
"""x and y of the clicks, in pixels of the frame of 1024."""
EVERY = {
    "features": (slice(None, None, 4), slice(3, None, 9)),
    "logits": (slice(None), slice(2, None, 5)),
}
"""What the golden file keeps: of channels, or of masks; and of rows and columns."""


def random_tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    """Return the weights called ``name``: far from zero, of a size that keeps activations about 1."""
    # The old generator, because its numbers are promised never to change.
    generator = np.random.RandomState(zlib.crc32(name.encode()))
    values: NDArray[np.float64] = generator.standard_normal(shape)
    if name.endswith("num_batches_tracked"):
        return torch.tensor(1)
    if name.endswith("running_var"):
        values = 0.5 + np.abs(values)
    elif name.endswith("attention_biases"):
        pass  # as they are: differences of some units decide where a cell looks
    elif len(shape) == 1:
        values = 0.1 * values + (1.0 if name.endswith("weight") else 0.0)
    else:
        values = values / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


def random_state(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return weights for each name of a network."""
    return {name: random_tensor(name, shape) for name, shape in shapes.items()}


def picture() -> Tensor:
    """Return (1, 3, 1024, 1024) float32, normalised pixels: waves, edges and noise."""
    y, x = np.mgrid[:1024, :1024] / 1024.0
    noise = np.random.RandomState(0).standard_normal((3, 1024, 1024))
    waves = np.stack([np.sin(9 * x + 4 * y), np.cos(31 * x * y), np.sign(np.sin(17 * (x - y * y)))])
    return torch.from_numpy((waves + 0.2 * noise).astype(np.float32))[None]


def reference() -> dict[str, Tensor]:
    """Return what the authors' code computes; needs their package."""
    from mobile_sam import sam_model_registry

    sam = sam_model_registry["vit_t"]()
    sam.load_state_dict(random_state({n: tuple(x.shape) for n, x in sam.state_dict().items()}))
    # It gathers its attention biases when it is told to evaluate, so after they were loaded.
    sam.train().eval()
    with torch.no_grad():
        features = sam.image_encoder(picture())
        prompts = torch.tensor(POINTS)[:, None]
        sparse, dense = sam.prompt_encoder(
            points=(prompts, torch.ones(len(prompts), 1, dtype=torch.int64)), boxes=None, masks=None
        )
        logits, scores = sam.mask_decoder(
            image_embeddings=features,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
    return {"features": features, "logits": logits, "scores": scores}


def checkpoint() -> dict[str, Tensor]:
    """Return random weights in the layout of the published checkpoint, its classifier included."""
    from napari_corrclip.encoders.mobile_sam import build_mobile_sam, published_name

    with torch.device("meta"):
        shapes = {
            published_name(name): tuple(tensor.shape)
            for name, tensor in build_mobile_sam().state_dict().items()
        }
    classifier: dict[str, tuple[int, ...]] = {"norm_head.weight": (320,), "norm_head.bias": (320,)}
    classifier |= {"head.weight": (1000, 320), "head.bias": (1000,)}
    return random_state(shapes | {f"image_encoder.{name}": of for name, of in classifier.items()})


def ours(path: Path) -> dict[str, Tensor]:
    """Return what we compute with the checkpoint at ``path``."""
    from napari_corrclip.regions.sam.decoder import PointDecoder
    from napari_corrclip.regions.sam.encoder import steps
    from napari_corrclip.weights.loading import load_sam
    from napari_corrclip.weights.presets import NetworkSpec

    sam = load_sam(NetworkSpec.local("segment_anything", "vit_t", path))
    with torch.no_grad():
        features = picture()
        for step in steps(sam.image_encoder):
            features = step(features)
        decoder = PointDecoder(sam, features, several=True)
        points = torch.tensor(POINTS)[:, None]
        decoded = decoder.decode(points, torch.ones(len(points), 1, dtype=torch.int64))
        logits = decoder.logits(decoded, torch.arange(len(points)))
    return {"features": features, "logits": logits, "scores": decoded.scores}


def kept(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the part of what was computed that the golden file has."""
    parts = dict(found)
    for name, (channels, cells) in EVERY.items():
        parts[name] = found[name][:, channels, cells, cells]
    return {name: tensor.contiguous() for name, tensor in parts.items()}


def main() -> None:
    """Run the reference elsewhere; compare, or write the golden file."""
    from safetensors.torch import load_file, save_file

    parser = argparse.ArgumentParser(description="MobileSAM beside its authors' own code.")
    parser.add_argument("what", choices=["compare", "write", "reference"])
    parser.add_argument("--reference", type=Path, help=f"a Python that has {PACKAGE}")
    parser.add_argument("--output", type=Path, help="with reference: where to")
    options = parser.parse_args()
    if options.what == "reference":
        from importlib.metadata import version

        told = {name: version(name) for name in (PACKAGE, "torch", "timm")}
        found = {name: tensor.contiguous() for name, tensor in reference().items()}
        save_file(found, options.output, {"versions": json.dumps(told)})
        return
    with tempfile.TemporaryDirectory() as folder:
        theirs, weights = Path(folder) / "reference.safetensors", Path(folder) / "random.pt"
        command = [str(options.reference), __file__, "reference", "--output", str(theirs)]
        subprocess.run(command, check=True)
        expected = load_file(theirs)
        versions = _versions(theirs)
        if options.what == "write":
            save_file(kept(expected), GOLDEN, {"versions": versions})
            print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes, {versions}")
            return
        torch.save(checkpoint(), weights)
        found = ours(weights)
    print(f"reference: {versions}; here: torch {torch.__version__}")
    worst = 0.0
    for name, tensor in expected.items():
        difference = float((found[name] - tensor).abs().max())
        worst = max(worst, difference)
        print(
            f"{name} {tuple(tensor.shape)}: at most {difference:.1e} apart, std {tensor.std():.2f}"
        )
    if worst > 1e-4:
        sys.exit(f"They differ by {worst:.1e}, which is more than 1e-4.")


def _versions(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        versions: str = file.metadata()["versions"]
    return versions


if __name__ == "__main__":
    main()
