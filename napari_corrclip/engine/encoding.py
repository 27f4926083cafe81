"""The slow half of the method: from an image and its regions to the features of its windows.

It knows no vocabulary. Each stage can be switched off in the settings, down to the base of the ablation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_corrclip._moved import moved_names
from napari_corrclip.devices import Batches, explained, unless_full
from napari_corrclip.encoders.protocols import (
    Blocks,
    ImageEncoder,
    LastBlock,
    SimilarityEncoder,
    SimilarityFeatures,
)
from napari_corrclip.engine import windows as win
from napari_corrclip.errors import InputError
from napari_corrclip.maps.looks import cell_means
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.method import merging, scope, similarity
from napari_corrclip.method.grids import nearest, unfold
from napari_corrclip.method.similarity import unit_cells
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.settings import Settings


@dataclass(frozen=True)
class WindowFeatures:
    """The cells of an image's windows in the space shared with text; knows no vocabulary.

    Attributes:
        features: (W, h, w, D) float32 of unit length, on the CPU.
        layout: where the windows lie.
        similarity_means: (R, d) float32 on the CPU, the mean over each region's pixels of the similarity
            tower's cells, regions by ascending id; ``None`` where nobody asked for it, or the settings asked
            nothing of that tower.
    """

    features: Tensor
    layout: win.Layout
    similarity_means: Tensor | None = None

    def to_parts(self) -> tuple[dict[str, Tensor], str]:
        """Tensors by name, and the layout as JSON: all there is to keep."""
        tensors = {"features": self.features}
        if self.similarity_means is not None:
            tensors["similarity_means"] = self.similarity_means
        return tensors, self.layout.to_json()

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], layout: str) -> WindowFeatures:
        """Put together again what :meth:`to_parts` took apart.

        Raises:
            InputError: where the parts do not belong together.
        """
        restored = win.Layout.from_json(layout)
        features = tensors.get("features")
        if (
            features is None
            or not features.is_floating_point()
            or features.ndim != 4
            or len(features) != len(restored)
            or not features.numel()
        ):
            shape = None if features is None else tuple(features.shape)
            raise InputError(
                f"Features of shape {shape} do not belong to {len(restored)} windows; encode the "
                "image again."
            )
        means = tensors.get("similarity_means")
        if means is not None and (means.dtype != torch.float32 or means.ndim != 2):
            raise InputError(
                f"Regions have no means of shape {tuple(means.shape)} and type {means.dtype}; encode the "
                "image again."
            )
        return cls(features.float(), restored, means)


@dataclass(frozen=True)
class MethodSteps:
    """The steps between the towers, each in a place where a study of variants may put another.

    Attributes:
        merged: what :func:`merged_regions` does (section 3).
        compared: what :func:`compared_cells` does (section 2).
        attend: the attention within the merged regions (section 4), of cells (B, N, d) compared with cells
            (B, N, d), and of merged regions (B, N).
    """

    merged: Callable[[Tensor, SimilarityFeatures | None, Settings], Tensor]
    compared: Callable[
        [LastBlock, SimilarityFeatures | None, tuple[int, int], Settings], tuple[Tensor, Tensor]
    ]
    attend: Callable[[Tensor, Tensor, Tensor, Settings], scope.Attend]


def encode_image(
    rgb: NDArray[np.uint8],
    regions: NDArray[np.int32],
    clip: ImageEncoder,
    similarity: SimilarityEncoder,
    settings: Settings,
    *,
    similarity_means: bool = False,
    steps: MethodSteps | None = None,
) -> Steps[WindowFeatures]:
    """Encode an image window by window; slow, and free of any vocabulary.

    Yields after every block of every batch of windows, which is where it can be cancelled. No
    gradient is kept. Where the device's memory does not suffice for a batch, it is halved for the
    rest of the image.

    Args:
        rgb: (H, W, 3) uint8.
        regions: (H, W) raw region ids >= 0, 0 = unsegmented.
        clip: the image tower.
        similarity: the similarity tower; it does not run where the settings ask for nothing of it.
        settings: size, windows and the stages of the method.
        similarity_means: also return what the similarity tower says of each region. Its cells are let go of
            window by window; meanwhile one grid of them over the image is held (:class:`windows.Mosaic`), of
            which a region has the mean over its pixels. Nothing else of the result depends on it.
        steps: as of :func:`encode_windows`.

    Raises:
        InputError: where image or regions have the wrong shape, type or values.
        NotEnoughMemory: the device cannot hold a single window.
        ValueError: the settings ask for windows that attend to one another; those are encoded by
            :func:`napari_corrclip.engine.stitching.encode_image`.
    """
    if settings.stitched and settings.scope:
        raise ValueError("windows that attend to one another are not encoded one by one")
    check_image(rgb, regions)
    layout = win.plan(
        (rgb.shape[0], rgb.shape[1]), settings, (clip.patch_size, similarity.patch_size)
    )
    pixels = win.prepare_image(rgb, layout.size, clip.mean, clip.std)
    region_map = win.prepare_regions(regions, layout.size)
    padding = int(region_map.max()) + 1

    once, blocks = 0, clip.blocks
    if needs_similarity(settings) and settings.windows == "shared":
        once = similarity.blocks
    elif needs_similarity(settings):
        blocks += similarity.blocks
    size, done = settings.batch_size, 0
    total = once + len(range(0, len(layout), size)) * blocks
    yield Progress("windows", 0, total)

    def block(_: None) -> Progress:
        nonlocal done
        done += 1
        return Progress("windows", done, total)

    image: SimilarityFeatures | None = None
    if once:
        around = win.around(pixels, layout, similarity.patch_size).to(clip.device)
        what = "the similarity tower over the whole image"
        lower = f"short_side in the settings ({settings.short_side}), set windows to separate"
        with explained(clip.device, what, lower):
            whole = look(around, clip, similarity, settings)
            image = yield from retold(unless_full(whole, last_try=True), block)

    seen_cells: win.Mosaic | None = None

    def encode(start: int, stop: int) -> Blocks[Tensor]:
        nonlocal total, seen_cells
        # Of a batch that did not fit, some blocks are done that have to be done again.
        total = done + len(range(start, len(layout), stop - start)) * blocks
        batch = win.cut(pixels, layout.boxes[start:stop], layout.padding).to(clip.device)
        seen: SimilarityFeatures | None = None
        if image is not None:
            seen = cut_out(image, layout, similarity.patch_size, start, stop)
        elif needs_similarity(settings):
            seen = yield from look(batch, clip, similarity, settings)
        cells = yield from encode_windows(
            batch,
            win.cut(region_map, layout.boxes[start:stop], layout.padding, padding).to(clip.device),
            clip,
            similarity,
            settings,
            seen=seen,
            steps=steps,
        )
        found = unit_cells(cells).cpu()
        if similarity_means and seen is not None:
            # Last of all, since a batch that did not fit is begun anew.
            looks = seen.query_key.cpu()
            if seen_cells is None:
                rows, columns, channels = looks.shape[1:]
                seen_cells = win.Mosaic((rows, columns), channels, layout)
            for number, found_there in enumerate(looks, start):
                seen_cells.add(number, found_there)
        return found

    what = f"one window of {layout.padded[0]} × {layout.padded[1]} pixels"
    with explained(clip.device, what, f"window in the settings ({settings.window})"):
        features = yield from retold(Batches(size).run(len(layout), encode), block)
    means: Tensor | None = None
    if seen_cells is not None:
        numbers, ids = number_regions(regions)
        means = torch.from_numpy(cell_means(numbers, len(ids), seen_cells.cells().numpy()))
    return WindowFeatures(torch.cat(features), layout, means)


def encode_windows(
    windows: Tensor,
    regions: Tensor,
    clip: ImageEncoder,
    similarity_tower: SimilarityEncoder,
    settings: Settings,
    seen: SimilarityFeatures | None = None,
    steps: MethodSteps | None = None,
) -> Blocks[Tensor]:
    """Features of a batch of windows (sections 2 to 5); yields after every block that ran.

    Keeps gradients where they are enabled.

    Args:
        windows: (B, 3, H, W) padded, normalised by CLIP's mean and std.
        regions: (B, H, W) int64 raw regions, the padding one of its own, 0 = unsegmented.
        clip: the image tower.
        similarity_tower: the similarity tower.
        settings: the stages of the method.
        seen: what the similarity tower says of the windows; ``None`` = ask it, where it is needed.
        steps: between the towers; ``None`` = the published ones.

    Returns:
        F (B, h, w, D) float32, after the projection, not normalised. Cells are those of the
        similarity tower's grid; without scope reconstruction those of CLIP's.
    """
    steps = PUBLISHED if steps is None else steps
    height, width = windows.shape[-2:]
    patch = similarity_tower.patch_size
    size = (height // patch, width // patch)

    if seen is None and needs_similarity(settings):
        seen = yield from look(windows, clip, similarity_tower, settings)

    merged: Tensor | None = None
    if settings.scope or settings.semantic:
        merged = steps.merged(nearest(regions, size), seen, settings).to(clip.device)

    last = yield from clip.last_block(
        windows, regions=merged if settings.semantic else None, spatial=settings.spatial
    )

    attention: scope.Attend | None = None
    if settings.scope and merged is not None:
        left, right = (
            cells.to(clip.device) for cells in steps.compared(last, seen, size, settings)
        )
        attention = steps.attend(left, right, merged.flatten(1), settings)
    return clip.cell_features(
        last,
        attention,
        size if settings.scope else last.grid,
        alpha=settings.alpha,
        beta=settings.beta,
    )


def look(
    windows: Tensor, clip: ImageEncoder, tower: SimilarityEncoder, settings: Settings
) -> Blocks[SimilarityFeatures]:
    """What the similarity tower says of windows (B, 3, H, W) in CLIP's normalisation."""
    pixels = win.renormalise(windows, clip.mean, clip.std, tower.mean, tower.std)
    output = _similarity_name(settings) == "dino-xx"
    return (yield from tower.features(pixels.to(tower.device), output=output))


def cut_out(
    image: SimilarityFeatures, layout: win.Layout, patch: int, start: int, stop: int
) -> SimilarityFeatures:
    """What was said of the whole image, of windows start..stop-1."""

    def cut(cells: Tensor) -> Tensor:
        return unit_cells(win.cut_cells(cells[0], layout, patch, start, stop))

    output = None if image.output is None else cut(image.output)
    return SimilarityFeatures(query_key=cut(image.query_key), output=output)


def merged_regions(regions: Tensor, seen: SimilarityFeatures | None, settings: Settings) -> Tensor:
    """Merge each window's regions on its feature grid (section 3), or only renumber them.

    Args:
        regions: (B, h, w) raw regions on the feature grid.
        seen: the similarity tower's features; needed where merging is on.
        settings: ``merging`` and ``eps``.

    Returns:
        (B, h, w) int64, in each window 1..z without gaps, 0 = unsegmented.
    """
    if not settings.merging or seen is None:
        return torch.stack([merging.number_regions(window)[0] for window in regions])
    features = seen.query_key
    regions = regions.to(features.device)
    return torch.stack(
        [merging.merge(f, r, settings.eps) for f, r in zip(features, regions, strict=True)]
    )


def compared_cells(
    last: LastBlock, seen: SimilarityFeatures | None, size: tuple[int, int], settings: Settings
) -> tuple[Tensor, Tensor]:
    """The cells (B, N, d) of the feature grid whose products are S (section 2), by the settings."""
    name = _similarity_name(settings)
    if name == "uniform":
        cells = similarity.uniform(len(last.queries), size[0] * size[1], device=last.queries.device)
        return cells, cells
    if name == "clip-qq" or name == "clip-qk":
        queries, keys = (
            similarity.on_feature_grid(unfold(tokens[:, 1:], last.grid), size).flatten(1, 2)
            for tokens in (last.queries, last.keys if name == "clip-qk" else last.queries)
        )
        return queries, keys
    if seen is None:
        raise ValueError(f"the similarity {name!r} needs the similarity tower's features")
    features = seen.output if name == "dino-xx" else seen.query_key
    if features is None:
        raise ValueError("the similarity 'dino-xx' needs the similarity tower's output")
    return features.flatten(1, 2), features.flatten(1, 2)


def attend_within(left: Tensor, right: Tensor, regions: Tensor, settings: Settings) -> scope.Attend:
    """Attn of merged regions (B, N) by the settings (section 4); see :func:`.scope.attend_within`."""
    return scope.attend_within(left, right, regions, settings.unsegmented, settings.tau)


PUBLISHED = MethodSteps(merged_regions, compared_cells, attend_within)


def _similarity_name(settings: Settings) -> str:
    return settings.similarity if settings.value else "clip-qq"


def needs_similarity(settings: Settings) -> bool:
    """Whether the settings ask for anything of the similarity tower."""
    merges = settings.merging and (settings.scope or settings.semantic)
    return merges or (settings.scope and _similarity_name(settings).startswith("dino"))


def check_image(rgb: NDArray[np.uint8], regions: NDArray[np.int32]) -> None:
    """Raise InputError where image (H, W, 3) or regions (H, W) have another shape, type or values."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise InputError(
            f"The image has shape {rgb.shape} and type {rgb.dtype}; it must be "
            "(rows, columns, 3) of uint8, at least one pixel large."
        )
    if regions.shape != rgb.shape[:2]:
        raise InputError(
            f"The regions have shape {regions.shape}, the image {rgb.shape[:2]}; "
            "they must be alike."
        )
    if not np.issubdtype(regions.dtype, np.integer):
        raise InputError(f"The regions are of type {regions.dtype}; they must be integers.")
    if regions.min() < 0:
        raise InputError(
            f"The regions hold the id {regions.min()}; ids must be 0 (unsegmented) or larger."
        )


__getattr__ = moved_names(__name__)
