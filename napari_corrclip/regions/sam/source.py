"""SAM as a source of regions: what its parts find, put together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from segment_anything.modeling import Sam
from segment_anything.utils.amg import build_point_grid
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor
from torchvision.ops import nms

from napari_corrclip.devices import Batches, choose_dtype, explained, plain_steps, plain_torch
from napari_corrclip.encoders.fingerprint import fingerprint
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.regions.embedding import SamEmbedding
from napari_corrclip.regions.options import SamOptions
from napari_corrclip.regions.painting import Painting
from napari_corrclip.regions.protocol import (
    Described,
    Partition,
    check_image,
)
from napari_corrclip.regions.sam import encoder as encoding
from napari_corrclip.regions.sam.decoder import PointDecoder
from napari_corrclip.regions.sam.masks import Upsampler

# Every point has its own copy of the image's tokens: 4 MB of 4096 x 256.
_POINTS_AT_ONCE = {"cpu": 16, "cuda": 64}
# A CPU decodes four of those in two thirds of the time of sixteen: they stay in its cache and in memory that
# was used before.
_CACHED_ELEMENTS = 1 << 22


class SamRegions:
    """SAM's masks of a grid of points, painted into one partition.

    Args:
        sam: a SAM of segment-anything's classes, of any size, or MobileSAM
            (:func:`~napari_corrclip.encoders.mobile_sam.build_mobile_sam`).
        points_per_side: the grid is this many points squared.
        iou_threshold: a mask stays if its predicted IoU is above this; 0 lets all pass.
        stability_threshold: a mask stays if thresholding it one logit higher or lower changes it to
            no less than this IoU.
        masks_per_point: 1, or 3 for whole, part and part of a part.
        min_area: masks of fewer pixels are dropped.
        nms_threshold: of two masks whose boxes overlap by a higher IoU the one of lower predicted
            IoU is dropped.
        painting: which of overlapping masks is seen
            (:func:`~napari_corrclip.regions.painting.paint`).
        device: where it computes; ``sam`` is moved there. ``None``: where it is.
        dtype: of the image encoder; prompts and masks are always computed in float32. ``None``: as
            it is.

    Attributes:
        options: the numbers above.
        fingerprint: a stable name of the network with its weights.
    """

    name = "sam"

    def __init__(
        self,
        sam: Sam,
        *,
        points_per_side: int = SamOptions.points_per_side,
        iou_threshold: float = SamOptions.iou_threshold,
        stability_threshold: float = SamOptions.stability_threshold,
        masks_per_point: Literal[1, 3] = SamOptions.masks_per_point,
        min_area: int = SamOptions.min_area,
        nms_threshold: float = SamOptions.nms_threshold,
        painting: Painting = SamOptions.painting,
        device: torch.device | str | None = None,
        dtype: torch.dtype | str | None = None,
    ) -> None:
        self.options = SamOptions(
            points_per_side,
            iou_threshold,
            stability_threshold,
            masks_per_point,
            min_area,
            nms_threshold,
            painting,
            None if dtype is None else str(choose_dtype(dtype, device or sam.device)),
        )
        self.fingerprint = fingerprint(sam)  # before it is cast, as of the other networks
        if device is not None:
            sam.to(device)
        if self.options.dtype is not None:
            sam.image_encoder.to(choose_dtype(self.options.dtype))
        # segment-anything makes float32 tensors of prompts, whatever the weights are.
        sam.prompt_encoder.float()
        sam.mask_decoder.float()
        self.sam = sam

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.sam.device
        return device

    def describe(self) -> Mapping[str, Described]:
        """Return the source, its network and every setting."""
        return {
            "source": self.name,
            "network": self.fingerprint,
            **{name: value for name, value in asdict(self.options).items() if value is not None},
        }

    @plain_steps
    def segment(self, image: NDArray[np.uint8]) -> Steps[NDArray[np.int32]]:
        """Divide ``image`` into regions; see :class:`RegionSource`.

        Yields between the blocks of the image encoder and between batches of points.
        """
        partition = yield from self.partition(image)
        return partition.regions

    @plain_steps
    def partition(self, image: NDArray[np.uint8]) -> Steps[Partition]:
        """Divide ``image`` as :meth:`segment` does, and keep its embedding for :meth:`click`."""
        check_image(image)
        points = self._point_batches()
        total = self._encoding_steps() + len(points)
        embedding = yield from self._encode(image, total)
        regions = yield from self._divide(embedding, points, self._encoding_steps(), total)
        return Partition(regions, embedding)

    @plain_steps
    def encode(self, image: NDArray[np.uint8]) -> Steps[SamEmbedding]:
        """Run the image encoder on (H, W, 3) uint8; yields between its blocks.

        Raises:
            InputError: not such an image, or one too elongated to be seen at SAM's size.
        """
        embedding = yield from self._encode(image, self._encoding_steps())
        return embedding

    @plain_steps
    def divide(
        self, embedding: SamEmbedding, points: NDArray[np.float64] | None = None
    ) -> Steps[NDArray[np.int32]]:
        """Divide an encoded image as :meth:`segment` does; yields between batches of points.

        Args:
            embedding: the encoded image.
            points: (n, 2) where a mask is asked for, x and y from 0 to 1, at least one; ``None``: the grid.
        """
        self._check(embedding)
        batches = self._point_batches(points)
        regions = yield from self._divide(embedding, batches, 0, len(batches))
        return regions

    @plain_steps
    def masks(self, embedding: SamEmbedding) -> Steps[NDArray[np.bool_]]:
        """Find the masks that :meth:`divide` paints; yields between batches of points.

        Returns:
            (K, H, W) bool, of the highest predicted IoU first; they overlap.
        """
        self._check(embedding)
        points = self._point_batches()
        masks = yield from self._find(embedding, points, 0, len(points))
        found = np.zeros((len(masks.areas), *embedding.image_size), np.bool_)
        with torch.no_grad():
            upsampler = self._upsampler(embedding)
            for window in upsampler.windows(masks.logits, self.sam.mask_threshold):
                where = slice(window.masks.start, window.masks.stop)
                inside = (window.logits > self.sam.mask_threshold).cpu().numpy()
                found[where, window.rows, window.columns] = inside
        return found

    @plain_torch()
    def click(
        self,
        embedding: SamEmbedding,
        points: ArrayLike,
        keep: Sequence[bool] | None = None,
        *,
        masks_per_point: Literal[1, 3] = 1,
    ) -> NDArray[np.bool_]:
        """Return the mask of a click, or of several clicks on one thing.

        Args:
            embedding: the encoded image.
            points: (row, column) in pixels of the image, or (n, 2) of them.
            keep: for each point whether it is on the thing (the default) or on what is to be cut
                away.
            masks_per_point: 1, or 3 to take of three the one of the highest predicted IoU.

        Returns:
            (H, W) bool.

        Raises:
            InputError: points outside the image, or an embedding of another SAM.
        """
        self._check(embedding)
        at = np.atleast_2d(np.asarray(points, np.float64))
        inside = (
            (at >= 0) & (at < np.asarray(embedding.image_size)) if at.shape[1:] == (2,) else None
        )
        if inside is None or not len(at) or not inside.all():
            raise InputError(
                f"The points {np.asarray(points).tolist()} are not all (row, column) inside the "
                f"image of {embedding.image_size}; click inside it."
            )
        labels = np.ones(len(at), np.int64) if keep is None else np.asarray(keep, np.bool_)
        if labels.shape != (len(at),):
            raise InputError(f"There are {len(at)} points and {labels.size} labels; give one each.")
        with torch.no_grad():
            decoder = self._decoder(embedding, several=masks_per_point == 3)
            prompts = self._in_frame(at[:, ::-1], embedding.image_size)[None]
            decoded = decoder.decode(
                prompts, torch.from_numpy(labels.astype(np.int64)[None]).to(self.device)
            )
            logits = decoder.logits(decoded, torch.zeros(1, dtype=torch.int64, device=self.device))
            best = logits[:, int(decoded.scores.argmax())]
            mask = self._upsampler(embedding).whole(best)[0] > self.sam.mask_threshold
        found: NDArray[np.bool_] = mask.cpu().numpy()
        return found

    def _encoding_steps(self) -> int:
        return len(encoding.steps(self.sam.image_encoder)) - 1

    def _encode(self, image: NDArray[np.uint8], total: int) -> Steps[SamEmbedding]:
        size = check_image(image)
        encoder = self.sam.image_encoder
        if 0 in ResizeLongestSide.get_preprocess_shape(*size, encoder.img_size):
            raise InputError(
                f"The image of {size[0]} x {size[1]} pixels is too elongated for SAM; use "
                "superpixels or cut it."
            )
        yield Progress("regions", 0, total)
        with explained(self.device, "SAM's image encoder", "the size of SAM (its preset)"):
            return (yield from self._run_encoder(image, total))

    def _run_encoder(self, image: NDArray[np.uint8], total: int) -> Steps[SamEmbedding]:
        encoder = self.sam.image_encoder
        # No gradients, but never across a yield: the mode belongs to the thread, not to this work.
        with torch.no_grad():
            resized = ResizeLongestSide(encoder.img_size).apply_image(image)
            pixels = torch.from_numpy(resized).permute(2, 0, 1)[None].to(self.device)
            first, *rest = encoding.steps(encoder)
            cells = first(self.sam.preprocess(pixels.float()))
        for done, step in enumerate(rest, start=1):
            with torch.no_grad():
                cells = step(cells)
            if done < len(rest):
                yield Progress("regions", done, total)
        features = cells.float().cpu()
        yield Progress("regions", len(rest), total)
        return SamEmbedding(features, (image.shape[0], image.shape[1]), self.fingerprint)

    def _point_batches(
        self, points: NDArray[np.float64] | None = None
    ) -> list[NDArray[np.float64]]:
        """Points, x and y from 0 to 1, those of the grid by default, in batches that fit the memory."""
        grid = build_point_grid(self.options.points_per_side) if points is None else points
        batch = _POINTS_AT_ONCE.get(self.device.type, _POINTS_AT_ONCE["cpu"])
        if self.device.type == "cpu":
            prompts = self.sam.prompt_encoder
            elements = math.prod(prompts.image_embedding_size) * prompts.embed_dim
            batch = max(1, min(batch, _CACHED_ELEMENTS // elements))
        return [grid[start : start + batch] for start in range(0, len(grid), batch)]

    def _divide(
        self, embedding: SamEmbedding, batches: list[NDArray[np.float64]], done: int, total: int
    ) -> Steps[NDArray[np.int32]]:
        masks = yield from self._find(embedding, batches, done, total)
        with torch.no_grad(), self._explained():
            regions = self._upsampler(embedding).paint(
                masks.logits, self.sam.mask_threshold, masks.areas.numpy(), self.options.painting
            )
            return regions.int().cpu().numpy()

    def _find(
        self, embedding: SamEmbedding, batches: list[NDArray[np.float64]], done: int, total: int
    ) -> Steps[_Masks]:
        """The masks that stay, the highest score first."""
        points = np.concatenate(batches)
        with self._explained():
            with torch.no_grad():
                decoder = self._decoder(embedding, several=self.options.masks_per_point == 3)
                upsampler = self._upsampler(embedding)

            def find(start: int, stop: int) -> Steps[_Masks]:
                nonlocal done, total
                total = done + len(range(start, len(points), stop - start))
                masks = self._good_masks(decoder, upsampler, points[start:stop])
                done += 1
                yield Progress("regions", done, total)
                return masks

            found = yield from Batches(len(batches[0])).run(len(points), find)
            with torch.no_grad():
                masks = _joined(found)
                # As segment-anything does it over one image: by boxes, the highest score first.
                masks = masks[nms(masks.boxes.float(), masks.scores, self.options.nms_threshold)]
                return masks[masks.areas >= max(1, self.options.min_area)]

    def _explained(self) -> AbstractContextManager[None]:
        lower = f"points_per_side ({self.options.points_per_side})"
        return explained(self.device, "SAM's masks, with one point at a time", lower)

    def _good_masks(
        self, decoder: PointDecoder, upsampler: Upsampler, points: NDArray[np.float64]
    ) -> _Masks:
        """The masks of some points that are good and stable enough to stay."""
        height, width = upsampler.size
        at = self._in_frame(points * (width, height), upsampler.size)[:, None]
        decoded = decoder.decode(at, torch.ones(at.shape[:2], dtype=torch.int64, device=at.device))
        good = torch.ones_like(decoded.scores, dtype=torch.bool)
        if self.options.iou_threshold > 0:
            good = decoded.scores > self.options.iou_threshold
        # A point's logits cost about the same for one mask and for three.
        asked = good.any(dim=1).nonzero().flatten()
        logits = decoder.logits(decoded, asked)[good[asked]]
        measured = upsampler.measure(logits, self.sam.mask_threshold)
        masks = _Masks(decoded.scores[good].cpu(), logits, measured.areas, measured.boxes)
        if self.options.stability_threshold > 0:
            masks = masks[measured.stability >= self.options.stability_threshold]
        return masks

    def _decoder(self, embedding: SamEmbedding, *, several: bool) -> PointDecoder:
        return PointDecoder(self.sam, embedding.features.to(self.device), several=several)

    def _in_frame(self, points: NDArray[np.floating], size: tuple[int, int]) -> Tensor:
        """Points (n, 2), x and y in the image of ``size``, in the encoder's frame."""
        scaled = ResizeLongestSide(self.sam.image_encoder.img_size).apply_coords(points, size)
        # float32 before it goes to the device: Apple's have no float64.
        return torch.from_numpy(scaled.astype(np.float32)).to(self.device)

    def _upsampler(self, embedding: SamEmbedding) -> Upsampler:
        frame = self.sam.image_encoder.img_size
        height, width = embedding.features.shape[2:]
        return Upsampler(
            (4 * height, 4 * width),
            frame,
            ResizeLongestSide.get_preprocess_shape(*embedding.image_size, frame),
            embedding.image_size,
            self.device,
        )

    def _check(self, embedding: SamEmbedding) -> None:
        encoder = self.sam.prompt_encoder
        expected = (1, encoder.embed_dim, *encoder.image_embedding_size)
        if embedding.network != self.fingerprint:
            raise InputError(
                f"The embedding was computed by the SAM {embedding.network!r} and this one is "
                f"{self.fingerprint!r}; encode the image with this SAM."
            )
        if tuple(embedding.features.shape) != expected:
            raise InputError(
                f"The embedding has shape {tuple(embedding.features.shape)} where this SAM's has "
                f"{expected}; encode the image with this SAM."
            )


@dataclass(frozen=True)
class _Masks:
    """The K masks that are kept: scores, areas and boxes on the CPU, logits where they were made."""

    scores: Tensor
    logits: Tensor
    areas: Tensor
    boxes: Tensor

    def __getitem__(self, which: Tensor) -> _Masks:
        return _Masks(
            self.scores[which],
            self.logits[which.to(self.logits.device)],
            self.areas[which],
            self.boxes[which],
        )


def _joined(parts: Sequence[_Masks]) -> _Masks:
    return _Masks(
        *(
            torch.cat([getattr(part, name) for part in parts])
            for name in ("scores", "logits", "areas", "boxes")
        )
    )
