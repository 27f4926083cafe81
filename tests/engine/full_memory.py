"""A tower that has no memory for larger batches."""

from __future__ import annotations

from typing import Any

import torch


def holds(most: int, error: Exception, generator: Any) -> Any:
    """``generator`` over a tower's pixels, which fails after some blocks with more than ``most``."""

    def limited(self: Any, pixels: torch.Tensor, **options: Any) -> Any:
        steps = generator(self, pixels, **options)
        for block, step in enumerate(iter(lambda: next(steps, steps), steps)):
            if block == 1 and len(pixels) > most:
                raise error
            yield step

    def whole(self: Any, pixels: torch.Tensor, **options: Any) -> Any:
        if len(pixels) > most:
            return limited(self, pixels, **options)
        return generator(self, pixels, **options)

    return whole
