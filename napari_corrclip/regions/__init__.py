"""The sources of regions: one protocol, three sources.

* :mod:`~napari_corrclip.regions.protocol`: what a source is;
* :mod:`~napari_corrclip.regions.sam`: SAM's masks on a grid of points;
* :mod:`~napari_corrclip.regions.superpixels`: superpixels;
* :mod:`~napari_corrclip.regions.given`: an array of another program;
* :mod:`~napari_corrclip.regions.painting`: overlapping masks to one partition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.regions.painting import paint
from napari_corrclip.regions.protocol import RegionSource
from napari_corrclip.regions.superpixels import SuperpixelRegions

if TYPE_CHECKING:
    from napari_corrclip.regions.sam import SamEmbedding, SamRegions

__all__ = [
    "GivenRegions",
    "RegionSource",
    "SamEmbedding",
    "SamRegions",
    "SuperpixelRegions",
    "paint",
]


def __getattr__(name: str) -> Any:
    # Late, because it imports torch and segment-anything, which the other sources do without.
    if name in {"SamEmbedding", "SamRegions"}:
        from napari_corrclip.regions import sam

        return getattr(sam, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
