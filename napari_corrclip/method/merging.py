"""Mask merging: regions that look alike become one (eq. 5, 6)."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional as F


def number_regions(regions: Tensor) -> tuple[Tensor, Tensor]:
    """Renumber the regions that occur from 1 without gaps; 0, the unsegmented part, stays 0.

    Args:
        regions: integer map of any shape, ids >= 0, at least one element.

    Returns:
        the renumbered map (int64), and the (z,) int64 ids that occur, ascending: number r is
        ``ids[r - 1]``.
    """
    flat = regions.flatten().long()
    if int(flat.max()) <= 4 * flat.numel() + 1024:
        present = torch.bincount(flat) > 0
        present[0] = False
        numbers = torch.cumsum(present, dim=0) * present
        return numbers[flat].view(regions.shape), present.nonzero().flatten()
    # Ids may be far apart (another program's numbers); sorting then costs less than counting.
    ids, positions = torch.unique(flat, return_inverse=True)
    segmented = ids > 0
    numbers = torch.cumsum(segmented, dim=0) * segmented
    return numbers[positions].view(regions.shape), ids[segmented]


def region_features(features: Tensor, regions: Tensor, count: int) -> Tensor:
    """f: the mean of F_S over each region's cells, normalised (eq. 5).

    Args:
        features: (h, w, d) F_S of one window.
        regions: (h, w) ids 0..count without gaps; 0 is left out.
        count: number of regions z.

    Returns:
        (z, d) float32.
    """
    cells = features.reshape(-1, features.shape[-1])
    ids = regions.reshape(-1)
    # One matrix product: faster than adding cell by cell, and the same in every run on a GPU.
    member = (ids == torch.arange(1, count + 1, device=ids.device)[:, None]).to(cells.dtype)
    return F.normalize(member @ cells / member.sum(dim=1, keepdim=True).clamp(min=1), dim=-1)


def cluster(features: Tensor, eps: float) -> Tensor:
    """Cluster regions by DBSCAN on ``max(sim) - sim`` (eq. 6), min_samples 1.

    The maximum is over the whole matrix, so that no distance falls below 0 by rounding.

    Args:
        features: (z, d) of unit length.
        eps: largest distance between two regions that are joined directly.

    Returns:
        (z,) int64, clusters numbered from 0 in the order of their first regions.
    """
    cosine = (features @ features.T).detach().cpu().double().numpy()
    distance = np.maximum(cosine.max() - cosine, 0.0)
    # With min_samples 1 nothing is noise, and DBSCAN's clusters are the parts that hang together.
    _, labels = connected_components(csr_array(distance <= eps), directed=False)
    return torch.as_tensor(labels, dtype=torch.int64, device=features.device)


def merge(features: Tensor, regions: Tensor, eps: float) -> Tensor:
    """Merge the regions of one window on its feature grid.

    Args:
        features: (h, w, d) F_S.
        regions: (h, w) raw region ids on the feature grid, 0 = unsegmented.
        eps: see :func:`cluster`.

    Returns:
        (h, w) int64 merged regions 1..z without gaps, 0 = unsegmented. With fewer than two raw
        regions nothing is merged.
    """
    numbered, ids = number_regions(regions)
    if len(ids) < 2:
        return numbered
    clusters = cluster(region_features(features, numbered, len(ids)), eps)
    return F.pad(clusters + 1, (1, 0))[numbered]
