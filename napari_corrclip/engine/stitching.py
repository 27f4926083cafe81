"""Encoding by stitched attention: the windows of an image attend to one another in the last block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_corrclip.devices import Batches, explained, unless_full
from napari_corrclip.encoders.protocols import (
    Blocks,
    ImageEncoder,
    LastBlock,
    SimilarityEncoder,
    SimilarityFeatures,
)
from napari_corrclip.engine import encoding
from napari_corrclip.engine import windows as win
from napari_corrclip.engine.encoding import WindowFeatures
from napari_corrclip.engine.window_count import Size
from napari_corrclip.errors import InputError
from napari_corrclip.maps.looks import cell_means
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.method import merging, stitching
from napari_corrclip.method.grids import nearest
from napari_corrclip.method.similarity import unit_cells
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.settings import Settings

MAX_CELLS = 1 << 18
"""Most cells of all windows together; 148 windows of 42 × 42 cells, for which about 4 GB are held."""

Weigh = Callable[[Tensor, Tensor], Tensor]
"""Cover counts (W, h, w) and whether each cell is padding -> weights (W, h, w) > 0."""


def is_stitched(settings: Settings) -> bool:
    """Whether attention goes across windows: it is asked for, and there is a scope to attend in."""
    return settings.stitched and settings.scope


def encode_image(
    rgb: NDArray[np.uint8],
    regions: NDArray[np.int32],
    clip: ImageEncoder,
    similarity: SimilarityEncoder,
    settings: Settings,
    *,
    similarity_means: bool = False,
    weigh: Weigh = stitching.occurrence_weights,
) -> Steps[WindowFeatures]:
    """Encode an image, its windows on their own or, where the settings say so, stitched together.

    Arguments, result and errors are those of :func:`~napari_corrclip.engine.encoding.encode_image`.
    Stitched, the similarity tower sees all windows first, then CLIP; regions are merged over the whole
    image, and in the last block every window's cells attend to those of all windows
    (:mod:`napari_corrclip.method.stitching`). Of a single window the result is the same, up to rounding.

    Args:
        rgb: as there.
        regions: as there.
        clip: as there.
        similarity: as there.
        settings: as there.
        similarity_means: as there.
        weigh: how much each cell counts where it is stitched, of how many windows show its place and
            whether it is padding.

    Raises:
        InputError: the image has more cells than can be stitched.
    """
    given = (rgb, regions, clip, similarity, settings)
    if not is_stitched(settings):
        return (yield from encoding.encode_image(*given, similarity_means=similarity_means))
    return (yield from _encode_stitched(*given, similarity_means=similarity_means, weigh=weigh))


@dataclass(frozen=True, eq=False)
class _Read:
    """A batch of windows as both towers read it, before the last block attends.

    Attributes:
        last: CLIP's last block, without its queries and keys.
        left: (B, N, d) cells whose products with the right ones are S.
        right: likewise.
    """

    last: LastBlock
    left: Tensor
    right: Tensor


def _encode_stitched(
    rgb: NDArray[np.uint8],
    regions: NDArray[np.int32],
    clip: ImageEncoder,
    similarity: SimilarityEncoder,
    settings: Settings,
    *,
    similarity_means: bool,
    weigh: Weigh,
) -> Steps[WindowFeatures]:
    encoding.check_image(rgb, regions)
    patches = (clip.patch_size, similarity.patch_size)
    layout = win.plan((rgb.shape[0], rgb.shape[1]), settings, patches)
    grid = (layout.padded[0] // similarity.patch_size, layout.padded[1] // similarity.patch_size)
    _check_cells(len(layout), grid)
    pixels = win.prepare_image(rgb, layout.size, clip.mean, clip.std)
    region_map = win.prepare_regions(regions, layout.size)
    padding = int(region_map.max()) + 1

    looks = encoding.needs_similarity(settings)
    at_once = looks and settings.windows == "shared"
    size, done = settings.batch_size, 0
    batches = len(range(0, len(layout), size))
    total = batches * clip.blocks + len(layout)
    if looks:
        total += similarity.blocks * (1 if at_once else batches)
    yield Progress("windows", 0, total)

    def block(_: None) -> Progress:
        nonlocal done, total
        done += 1
        total = max(total, done)  # of a batch that did not fit, some blocks are done again
        return Progress("windows", done, total)

    def cut(start: int, stop: int) -> Tensor:
        return win.cut(pixels, layout.boxes[start:stop], layout.padding).to(clip.device)

    def look(start: int, stop: int) -> Blocks[SimilarityFeatures]:
        return (yield from encoding.look(cut(start, stop), clip, similarity, settings))

    what = f"one window of {layout.padded[0]} × {layout.padded[1]} pixels"
    lower = f"window in the settings ({settings.window})"
    seen: SimilarityFeatures | None = None
    if at_once:
        around = win.around(pixels, layout, similarity.patch_size).to(clip.device)
        whole = "the similarity tower over the whole image"
        side = f"short_side in the settings ({settings.short_side}), set windows to separate"
        with explained(clip.device, whole, side):
            tower = encoding.look(around, clip, similarity, settings)
            image = yield from retold(unless_full(tower, last_try=True), block)
        if image is not None:
            seen = encoding.cut_out(image, layout, similarity.patch_size, 0, len(layout))
    elif looks:
        with explained(clip.device, what, lower):
            found = yield from retold(Batches(size).run(len(layout), look), block)
        seen = _together(found)

    raw = nearest(win.cut(region_map, layout.boxes, layout.padding, padding), grid).to(clip.device)
    covers = cover_counts(layout, grid).to(clip.device)
    weights = weigh(covers, raw == padding)
    merged = merging.number_regions(raw)[0]
    if settings.merging and seen is not None:
        features = seen.query_key.to(clip.device)
        merged = stitching.merge_across(features, raw, weights, settings.eps)

    def read(start: int, stop: int) -> Blocks[_Read]:
        # Mask class tokens are of one window: its regions by their own, smaller numbers.
        own = torch.stack([merging.number_regions(window)[0] for window in merged[start:stop]])
        last = yield from clip.last_block(
            cut(start, stop), regions=own if settings.semantic else None, spatial=settings.spatial
        )
        here = None if seen is None else _some(seen, start, stop)
        left, right = encoding.compared_cells(last, here, grid, settings)
        kept = replace(last, queries=last.queries[:, :0], keys=last.keys[:, :0])
        return _Read(kept, left.to(clip.device), right.to(clip.device))

    with explained(clip.device, what, lower):
        reads = yield from retold(Batches(size).run(len(layout), read), block)
    left, right = (torch.cat([getattr(part, name) for part in reads]) for name in ("left", "right"))
    windows = [
        _window(part.last, number) for part in reads for number in range(len(part.last.values))
    ]
    values = torch.cat([part.last.values for part in reads])
    spatial = None
    if settings.spatial:
        spatial = torch.cat(
            [part.last.spatial_values for part in reads if part.last.spatial_values is not None]
        )
    del reads
    cells = stitching.stitch(left, right, merged.flatten(1), weights.flatten(1))

    def attend(start: int, stop: int) -> Blocks[Tensor]:
        attention = stitching.attend_across(
            cells,
            left[start:stop],
            merged[start:stop].flatten(1),
            start,
            settings.unsegmented,
            settings.tau,
        )
        features = clip.cell_features(
            # The values of all windows go in, and the cells of this one come out.
            replace(windows[start], values=values, spatial_values=spatial),
            attention,
            grid,
            alpha=settings.alpha,
            beta=settings.beta,
        )
        yield
        return unit_cells(features).cpu()

    with explained(clip.device, f"{len(layout)} windows that are stitched", lower):
        encoded = yield from retold(Batches(1).run(len(layout), attend), block)
    means: Tensor | None = None
    if similarity_means and seen is not None:
        numbers, ids = number_regions(regions)
        grid_of_all = win.mosaic(seen.query_key.cpu(), layout).numpy()
        means = torch.from_numpy(cell_means(numbers, len(ids), grid_of_all))
    return WindowFeatures(torch.cat(encoded), layout, means)


def cover_counts(layout: win.Layout, grid: Size) -> Tensor:
    """How many windows show the place of each cell, (W, h, w) int64, at least 1.

    A cell's place is its centre; what lies beyond every window, as padding does, counts once.

    Args:
        layout: where the windows lie.
        grid: (h, w) cells of each window.
    """
    axes = []
    for axis in (0, 1):
        starts = torch.tensor(sorted({box[axis] for box in layout.boxes}))
        pitch = layout.padded[axis] / grid[axis]
        centres = (torch.arange(grid[axis]) + 0.5) * pitch - layout.padding[axis]
        places = starts[:, None] + centres
        shown = (places[..., None] >= starts) & (places[..., None] < starts + layout.window[axis])
        axes.append(shown.sum(dim=-1).clamp(min=1))
    rows, columns = axes
    # Windows lie row by row, as in the layout.
    counts: Tensor = (rows[:, None, :, None] * columns[None, :, None, :]).flatten(0, 1)
    return counts


def _check_cells(windows: int, grid: Size) -> None:
    cells = windows * grid[0] * grid[1]
    if cells > MAX_CELLS:
        raise InputError(
            f"stitched is on in the settings, and the image has {windows} windows with {cells} cells, of "
            f"which at most {MAX_CELLS} can attend to one another; lower short_side, raise stride, or set "
            "stitched to false."
        )


def _together(parts: list[SimilarityFeatures]) -> SimilarityFeatures:
    outputs = [part.output for part in parts if part.output is not None]
    return SimilarityFeatures(
        query_key=torch.cat([part.query_key for part in parts]),
        output=torch.cat(outputs) if outputs else None,
    )


def _some(seen: SimilarityFeatures, start: int, stop: int) -> SimilarityFeatures:
    output = None if seen.output is None else seen.output[start:stop]
    return SimilarityFeatures(query_key=seen.query_key[start:stop], output=output)


def _window(last: LastBlock, number: int) -> LastBlock:
    """One window's part that stays its own: the semantic branch."""
    own = slice(number, number + 1)
    return replace(
        last,
        queries=last.queries[own],
        keys=last.keys[own],
        values=last.values[own, :0],
        spatial_values=None,
        mask_tokens=None if last.mask_tokens is None else last.mask_tokens[own],
        regions=None if last.regions is None else last.regions[own],
    )
