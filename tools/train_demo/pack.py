"""From a training's float32 checkpoint to the float16 file that the package ships."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from napari_corrclip.demo.networks import DATA

LOGS = Path(__file__).parent / "logs"


def pack(checkpoint: Path, name: str, folder: Path = DATA, logs: Path = LOGS) -> int:
    """Write ``name``.safetensors in float16 into ``folder``, and the log to ``logs``; returns its bytes."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    half = {key: value.half().contiguous() for key, value in state.items()}
    path = folder / f"{name}.safetensors"
    save_file(half, path)
    path.chmod(0o644)  # safetensors writes for the owner alone
    log = checkpoint.with_suffix(".json")
    if log.exists():
        shutil.copyfile(log, logs / log.name)
    return path.stat().st_size
