"""C-RADIO's rules of what it sees: other means than DINO's, and positions resampled by its own way.

C-RADIO (NVIDIA) is distilled from several teachers into a plain vision transformer, which newer versions of
timm have as ``vit_base_patch16_radio_v3`` and its like. Its tokens are laid out as those of DINO with
registers: one class token, behind it the other teachers' and the registers; there is no final norm. What
differs is told here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor
from torch.nn import functional as F

from .clip_image import CLIP_MEAN, CLIP_STD
from .positions import resample_positions

Resample = Callable[[Tensor, tuple[int, int], tuple[int, int]], Tensor]
"""Positions (rows * columns, C) of a native grid, that grid, another grid -> positions of the other."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_RADIO = re.compile(r"vit_\w+_patch\d+_radio_v\d+")
# As their code reads its own positions, by timm's notes on the published versions.
_CORNERS_ALIGNED = ("vit_base_patch16_radio_v3", "vit_huge_patch16_radio_v3")


@dataclass(frozen=True)
class TowerInput:
    """The form in which a similarity tower wants to be shown an image.

    Attributes:
        mean: of the pixels that it was trained with.
        std: likewise.
        positions: its rule for positions at another size.
    """

    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    positions: Resample = resample_positions


def is_radio(architecture: str) -> bool:
    """Whether timm's architecture of that name is C-RADIO's as a plain vision transformer."""
    return _RADIO.fullmatch(architecture) is not None


def input_of(architecture: str) -> TowerInput:
    """How timm's architecture of that name wants to be shown an image; all but C-RADIO's as DINO."""
    if not is_radio(architecture):
        return TowerInput()
    aligned = architecture in _CORNERS_ALIGNED
    return TowerInput(CLIP_MEAN, CLIP_STD, partial(radio_positions, align_corners=aligned))


def radio_positions(
    positions: Tensor,
    native: tuple[int, int],
    size: tuple[int, int],
    *,
    align_corners: bool = False,
) -> Tensor:
    """Resample positions as C-RADIO does: to a square of the longer side, of which the corner is taken.

    Bilinear, no antialias. So a patch has the place that it has in a square image, whatever the image's own
    form.

    Args:
        positions: (n_rows * n_columns, C) of the native grid, class and register tokens left out.
        native: rows and columns of the native grid.
        size: rows and columns wanted.
        align_corners: whether the corners of both grids are one another's, as in the first code of the
            third version.

    Returns:
        (rows * columns, C) in the dtype given.
    """
    side = max(size)
    grid = positions.reshape(1, *native, -1)
    if tuple(native) != (side, side):
        maps = grid.float().permute(0, 3, 1, 2)
        maps = F.interpolate(
            maps, size=(side, side), mode="bilinear", align_corners=align_corners, antialias=False
        )
        grid = maps.permute(0, 2, 3, 1).to(positions.dtype)
    return grid[:, : size[0], : size[1]].flatten(0, 2)
