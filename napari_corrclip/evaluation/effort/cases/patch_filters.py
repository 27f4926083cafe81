"""Random patch filters: what stands in for CLIP's cells where there is no CLIP that knows photographs.

Responses of random filters, rectified and averaged, are a known baseline of learnt features (Coates, Lee and
Ng 2011, *An analysis of single-layer networks in unsupervised feature learning*; Saxe et al. 2011, *On random
weights and unsupervised feature learning*).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 8
"""Pixels of a patch along each side."""
STEP = 4
"""Pixels from one cell to the next."""
FILTERS = 64
"""At each scale; half of them see patches of one contrast."""
SCALES = (1, 2)
"""The image is seen in full and at half of its size."""
_LEAST_CONTRAST = 0.05
_SEED = 11


def cells(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (h, w, 256): both rectified responses of 64 random filters, at two scales.

    A patch is taken in Lab, less the image's mean and in parts of its standard deviation, channel by channel.
    Half of the filters see it so, colour and all; half see it less its own mean, in parts of its contrast.

    Args:
        image: (H, W, 3) uint8.
    """
    from skimage.color import rgb2lab
    from skimage.transform import downscale_local_mean

    lab = rgb2lab(image)
    lab = (lab - lab.mean(axis=(0, 1))) / np.maximum(lab.std(axis=(0, 1)), 1.0)
    rows, columns = -(-image.shape[0] // STEP), -(-image.shape[1] // STEP)
    rng = np.random.default_rng(_SEED)
    found = []
    for scale in SCALES:
        filters = rng.standard_normal((SIDE * SIDE * 3, FILTERS)) / np.sqrt(SIDE * SIDE * 3)
        seen = lab if scale == 1 else downscale_local_mean(lab, (scale, scale, 1))
        step = STEP // scale
        around = ((SIDE // 2, SIDE // 2 + step),) * 2
        padded = np.pad(seen, (*around, (0, 0)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE), axis=(0, 1))
        # The patch around the middle of each cell.
        chosen = windows[step // 2 :: step, step // 2 :: step][:rows, :columns]
        patches = chosen.reshape(rows, columns, 3, SIDE * SIDE)
        texture = patches - patches.mean(axis=3, keepdims=True)
        contrast = (texture**2).mean(axis=(2, 3), keepdims=True)
        texture = texture / np.sqrt(contrast + _LEAST_CONTRAST)
        for part, own in (
            (patches, filters[:, : FILTERS // 2]),
            (texture, filters[:, FILTERS // 2 :]),
        ):
            response = part.reshape(rows, columns, -1) @ own
            found += [np.maximum(response, 0), np.maximum(-response, 0)]
    return np.concatenate(found, axis=2).astype(np.float32)
