"""The paper's own figures of its ablation and its similarities, in mIoU; none of them measured by us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CONDITIONS: Final = (
    "The paper's figures are of MetaCLIP's ViT-B/16, DINO ViT-B/8 and regions of SAM 2 by "
    "32 × 32 points."
)

SETS: Final = ("VOC21", "Context60", "COCO-Object")

ABLATION: Final[Mapping[str, tuple[float, float, float]]] = {
    "base": (51.8, 32.6, 33.0),
    "scope": (68.1, 39.6, 41.5),
    "value": (68.5, 40.3, 42.0),
    "refinement": (72.5, 42.0, 43.7),
    "full": (74.8, 44.2, 43.7),
}
"""By stage on each of :data:`SETS`; ViT-B/16 of MetaCLIP, regions of SAM 2 at 32 × 32 points."""

SIMILARITIES: Final[Mapping[str, float]] = {
    "similarity-uniform": 73.4,
    "similarity-clip-qk": 69.5,
    "similarity-clip-qq": 73.8,
    "similarity-dino-xx": 73.4,
    "similarity-dino-qk": 74.2,
}
"""By row on VOC21; DINO ViT-B."""
