"""Regions by SAM: everything that a grid of points hits, and single clicks.

The networks are segment-anything's own classes with their own weights; how they are run is ours:

* :mod:`~napari_corrclip.regions.sam.encoder`: the image encoder, with fused attention;
* :mod:`~napari_corrclip.regions.sam.decoder`: the mask decoder over many points of one image;
* :mod:`~napari_corrclip.regions.sam.masks`: low-resolution logits to masks of the image;
* :mod:`~napari_corrclip.regions.sam.source`: the region source that puts them together.
"""

from __future__ import annotations

from napari_corrclip.regions.embedding import SamEmbedding
from napari_corrclip.regions.sam.source import SamRegions

__all__ = ["SamEmbedding", "SamRegions"]
