"""Regions by SAM: everything that a grid of points hits, and single clicks.

The networks and the generator of masks are segment-anything's own. Its image encoder, the slow
part, runs block by block here, so that it can be cancelled between two blocks and its result can be
kept for clicks; the generator then finds the image encoded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from segment_anything import SamAutomaticMaskGenerator, SamPredictor
from segment_anything.modeling import Sam
from segment_anything.utils.amg import build_point_grid, rle_to_mask
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor
from torchvision.ops import nms

from napari_corrclip.devices import choose_dtype
from napari_corrclip.encoders.fingerprint import fingerprint
from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.regions.painting import Painting, check_order, paint
from napari_corrclip.regions.protocol import Described, check_count, check_image, check_share

_POINTS_AT_ONCE = 64
# Masks are float logits at the image's size (or SAM's, if larger) until they are thresholded.
_LOGITS_AT_ONCE = 1 << 26


@dataclass(frozen=True, eq=False)
class SamEmbedding:
    """An image as SAM's decoder sees it; all that a click needs.

    Attributes:
        features: (1, C, h, w) float32 on the CPU.
        image_size: (H, W) of the image.
    """

    features: Tensor
    image_size: tuple[int, int]

    def to_parts(self) -> tuple[dict[str, Tensor], str]:
        """Tensors by name, and the rest as JSON: all there is to keep."""
        return {"features": self.features}, json.dumps({"image_size": self.image_size})

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], rest: str) -> SamEmbedding:
        """Put together again what :meth:`to_parts` took apart.

        Raises:
            InputError: where the parts are none of an embedding.
        """
        try:
            height, width = json.loads(rest)["image_size"]
            features = tensors["features"].float()
            if features.ndim != 4 or min(int(height), int(width)) < 1:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise InputError("This is no embedding of SAM's; encode the image again.") from None
        return cls(features, (int(height), int(width)))


class SamRegions:
    """SAM's masks of a grid of points, painted into one partition.

    Args:
        sam: a SAM of segment-anything's classes, of any size.
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
        last_embedding: of the image that was divided last, for :meth:`click`; ``None`` before.
    """

    name = "sam"

    def __init__(
        self,
        sam: Sam,
        *,
        points_per_side: int = 8,
        iou_threshold: float = 0.4,
        stability_threshold: float = 0.4,
        masks_per_point: Literal[1, 3] = 1,
        min_area: int = 0,
        nms_threshold: float = 0.7,
        painting: Painting = "small-on-top",
        device: torch.device | str | None = None,
        dtype: torch.dtype | str | None = None,
    ) -> None:
        self.points_per_side = check_count(points_per_side, "points_per_side", least=1)
        self.iou_threshold = check_share(iou_threshold, "iou_threshold")
        self.stability_threshold = check_share(stability_threshold, "stability_threshold")
        self.nms_threshold = check_share(nms_threshold, "nms_threshold")
        if masks_per_point not in (1, 3):
            raise InputError(f"masks_per_point is {masks_per_point!r}; choose 1 or 3.")
        self.masks_per_point = masks_per_point
        self.min_area = check_count(min_area, "min_area")
        check_order(painting)
        self.painting = painting
        if device is not None:
            sam.to(device)
        if dtype is not None:
            sam.image_encoder.to(choose_dtype(dtype))
        # segment-anything makes float32 tensors of prompts, whatever the weights are.
        sam.prompt_encoder.float()
        sam.mask_decoder.float()
        self.sam = sam
        self.last_embedding: SamEmbedding | None = None
        self._fingerprint: str | None = None

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.sam.device
        return device

    @property
    def fingerprint(self) -> str:
        """A stable name of the network with its weights."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self.sam)
        return self._fingerprint

    def describe(self) -> Mapping[str, Described]:
        """Return the source, its network and every setting."""
        return {
            "source": self.name,
            "network": self.fingerprint,
            "points_per_side": self.points_per_side,
            "iou_threshold": self.iou_threshold,
            "stability_threshold": self.stability_threshold,
            "masks_per_point": self.masks_per_point,
            "min_area": self.min_area,
            "nms_threshold": self.nms_threshold,
            "painting": self.painting,
        }

    def segment(self, image: NDArray[np.uint8]) -> Steps[NDArray[np.int32]]:
        """Divide ``image`` into regions; see :class:`RegionSource`.

        Yields between the blocks of the image encoder and between batches of points. Keeps the
        embedding in :attr:`last_embedding`.
        """
        points = self._point_batches(check_image(image))
        total = self._encoding_steps() + len(points)
        self.last_embedding = None
        embedding = yield from self._encode(image, total)
        self.last_embedding = embedding
        regions = yield from self._divide(embedding, points, self._encoding_steps(), total)
        return regions

    def encode(self, image: NDArray[np.uint8]) -> Steps[SamEmbedding]:
        """Run the image encoder on (H, W, 3) uint8; yields between its blocks.

        Raises:
            InputError: not such an image, or one too elongated to be seen at SAM's size.
        """
        embedding = yield from self._encode(image, self._encoding_steps())
        return embedding

    def divide(self, embedding: SamEmbedding) -> Steps[NDArray[np.int32]]:
        """Divide an encoded image as :meth:`segment` does; yields between batches of points."""
        self._check(embedding)
        points = self._point_batches(embedding.image_size)
        regions = yield from self._divide(embedding, points, 0, len(points))
        return regions

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
        predictor = _Predictor(self.sam, embedding, masks_per_point)
        masks, scores, _ = predictor.predict(at[:, ::-1], labels.astype(np.int64))
        best: NDArray[np.bool_] = masks[int(scores.argmax())]
        return best

    def _encoding_steps(self) -> int:
        return len(self.sam.image_encoder.blocks) + 1

    def _encode(self, image: NDArray[np.uint8], total: int) -> Steps[SamEmbedding]:
        size = check_image(image)
        encoder = self.sam.image_encoder
        if 0 in ResizeLongestSide.get_preprocess_shape(*size, encoder.img_size):
            raise InputError(
                f"The image of {size[0]} x {size[1]} pixels is too elongated for SAM; use "
                "superpixels or cut it."
            )
        yield Progress("regions", 0, total)
        # No gradients, but never across a yield: the mode belongs to the thread, not to this work.
        with torch.no_grad():
            resized = ResizeLongestSide(encoder.img_size).apply_image(image)
            pixels = torch.from_numpy(resized).permute(2, 0, 1)[None].to(self.device)
            padded = self.sam.preprocess(pixels.float())
            tokens = encoder.patch_embed(padded.to(encoder.patch_embed.proj.weight.dtype))
            if encoder.pos_embed is not None:
                tokens = tokens + encoder.pos_embed
        for done, block in enumerate(encoder.blocks, start=1):
            with torch.no_grad():
                tokens = block(tokens)
            yield Progress("regions", done, total)
        with torch.no_grad():
            features = encoder.neck(tokens.permute(0, 3, 1, 2)).float().cpu()
        yield Progress("regions", len(encoder.blocks) + 1, total)
        return SamEmbedding(features, size)

    def _point_batches(self, size: tuple[int, int]) -> list[NDArray[np.float64]]:
        """The grid of points, x and y from 0 to 1, in batches that fit the memory."""
        grid = build_point_grid(self.points_per_side)
        pixels = max(size[0] * size[1], self.sam.image_encoder.img_size**2)
        batch = _LOGITS_AT_ONCE // (pixels * self.masks_per_point)
        batch = min(_POINTS_AT_ONCE, max(1, batch))
        return [grid[start : start + batch] for start in range(0, len(grid), batch)]

    def _divide(
        self, embedding: SamEmbedding, batches: list[NDArray[np.float64]], done: int, total: int
    ) -> Steps[NDArray[np.int32]]:
        found: list[dict[str, Any]] = []
        predictor = _Predictor(self.sam, embedding, self.masks_per_point)
        # The generator looks at no pixel: the predictor has the embedding already.
        blank = np.broadcast_to(np.uint8(0), (*embedding.image_size, 3))
        for points in batches:
            generator = SamAutomaticMaskGenerator(
                self.sam,
                points_per_side=None,
                point_grids=[points],
                points_per_batch=len(points),
                pred_iou_thresh=self.iou_threshold,
                stability_score_thresh=self.stability_threshold,
                box_nms_thresh=1.0,  # below, over all batches together
                output_mode="uncompressed_rle",
            )
            generator.predictor = predictor
            found += generator.generate(blank)
            done += 1
            yield Progress("regions", done, total)
        kept = [mask for mask in self._distinct(found) if mask["area"] >= max(1, self.min_area)]
        return paint(
            _RunLengthMasks([mask["segmentation"] for mask in kept]),
            self.painting,
            shape=embedding.image_size,
            areas=[mask["area"] for mask in kept],
        )

    def _distinct(self, masks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Non-maximum suppression by boxes, as the generator does it over one image."""
        if not masks:
            return []
        boxes = torch.tensor([mask["bbox"] for mask in masks], dtype=torch.float32)
        boxes[:, 2:] += boxes[:, :2]
        scores = torch.tensor([mask["predicted_iou"] for mask in masks])
        return [masks[index] for index in nms(boxes, scores, self.nms_threshold).tolist()]

    def _check(self, embedding: SamEmbedding) -> None:
        encoder = self.sam.prompt_encoder
        expected = (1, encoder.embed_dim, *encoder.image_embedding_size)
        if tuple(embedding.features.shape) != expected:
            raise InputError(
                f"The embedding has shape {tuple(embedding.features.shape)} where this SAM's has "
                f"{expected}; encode the image with this SAM."
            )


class _Predictor(SamPredictor):  # type: ignore[misc]  # segment-anything has no types
    """segment-anything's predictor over an image that is encoded already."""

    def __init__(self, sam: Sam, embedding: SamEmbedding, masks_per_point: int) -> None:
        super().__init__(sam)
        self.transform = _Resize(sam.image_encoder.img_size)
        self._embedding = embedding
        self._several = masks_per_point == 3
        self.set_image(None)

    def set_image(self, image: object, image_format: str = "RGB") -> None:
        """Take the embedding, whatever the image: the generator asks for it once a batch."""
        size = self._embedding.image_size
        self.features = self._embedding.features.to(self.model.device)
        self.original_size = size
        self.input_size = self.transform.get_preprocess_shape(
            *size, self.model.image_encoder.img_size
        )
        self.is_image_set = True

    def predict_torch(self, *args: Any, **options: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Predict as many masks as this predictor is for; the generator always asks for three."""
        # predict() hands multimask_output over by position, the generator by name
        names = ("point_coords", "point_labels", "boxes", "mask_input", "multimask_output")
        options |= dict(zip(names, args, strict=False))
        options["multimask_output"] = self._several
        masks, scores, low = super().predict_torch(**options)
        return masks, scores, low


class _Resize(ResizeLongestSide):  # type: ignore[misc]  # segment-anything has no types
    """Points in float32: Apple's devices have no float64, which NumPy would hand them."""

    def apply_coords(
        self, coords: NDArray[np.floating], original_size: tuple[int, ...]
    ) -> NDArray[np.float32]:
        resized: NDArray[np.floating] = super().apply_coords(coords, original_size)
        return resized.astype(np.float32)


class _RunLengthMasks(Sequence[NDArray[np.bool_]]):
    """Run-length encoded masks, each decoded when it is taken: thousands may exist."""

    def __init__(self, encoded: list[dict[str, Any]]) -> None:
        self._encoded = encoded

    def __len__(self) -> int:
        return len(self._encoded)

    def __getitem__(self, index: Any) -> Any:
        return rle_to_mask(self._encoded[index])

    def __iter__(self) -> Iterator[NDArray[np.bool_]]:
        return (rle_to_mask(mask) for mask in self._encoded)
