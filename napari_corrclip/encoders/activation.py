"""Activations of large tensors, in place where nobody needs what was there before."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def activated(activation: nn.Module, values: Tensor) -> Tensor:
    """Return ``activation(values)``; ``values`` may be overwritten and are not to be used afterwards.

    A plain GELU is computed where its input lies, unless gradients are kept, which need that. On a CPU it
    is faster by far than the memory that it would ask for: of an MLP of SAM it saves a tenth.
    """
    plain = type(activation) is nn.GELU and activation.approximate == "none"
    if not plain or torch.is_grad_enabled():
        result: Tensor = activation(values)
        return result
    in_place: Tensor = torch.ops.aten.gelu_(values)
    return in_place
