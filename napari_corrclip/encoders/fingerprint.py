"""A cheap, stable name for a network with its weights."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

_SAMPLES = 64


def fingerprint(*parts: object) -> str:
    """Hash networks and whatever else changes what they compute.

    Of a network: names, shapes and up to 64 evenly spaced values of every tensor, and the class of
    every submodule (an activation has no weights, but changes everything): enough to tell two
    trainings apart, without reading gigabytes. The same on every device, and in every dtype that
    holds the values exactly; so it is taken before a network is cast to what it computes in.

    Args:
        *parts: networks, and values whose ``repr`` is hashed.

    Returns:
        32 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(_sample(part) if isinstance(part, nn.Module) else f"{part!r};".encode())
    return digest.hexdigest()[:32]


def _sample(module: nn.Module) -> bytes:
    named = [f"{name}:{type(child).__name__};" for name, child in module.named_modules()]
    values = [torch.empty(0, dtype=torch.float32)]
    for name, tensor in module.state_dict().items():
        named.append(f"{name}:{tuple(tensor.shape)};")
        # A tensor on the meta device has a shape and no values.
        if not tensor.is_meta:
            flat = tensor.detach().flatten()
            values.append(flat[:: max(1, flat.numel() // _SAMPLES)][:_SAMPLES].float().cpu())
    return "".join(named).encode() + torch.cat(values).numpy().tobytes()
