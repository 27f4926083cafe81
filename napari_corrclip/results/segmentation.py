"""The result: the class of every pixel and every region, how sure it is, and what made it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps import table as tables
from napari_corrclip.maps import votes as voting
from napari_corrclip.maps.regions import check_regions, number_regions
from napari_corrclip.maps.values import count_values, shares
from napari_corrclip.results.provenance import Network, Provenance, Stretch, package_versions
from napari_corrclip.storage.frozen import Closed, closed
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.markup import plain, plain_features

if TYPE_CHECKING:
    import pandas as pd
    import torch

__all__ = [
    "Network",
    "PixelResults",
    "Provenance",
    "Segmentation",
    "build_segmentation",
    "class_colors",
    "class_features",
    "class_layer",
    "package_versions",
    "segmentation_from_probabilities",
    "segmentation_from_values",
]

CLEAR = (0.0, 0.0, 0.0, 0.0)
"""The colour of what is not shown, RGBA."""
LayerData = tuple[NDArray[Any], dict[str, Any], str]
_SPATIAL = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


class PixelResults(Protocol):
    """The values of every pixel and region, by class *index*; arrays or tensors on any device.

    ``pixel_labels`` and ``labels``: (H, W), before and after map correction, -1 = no class;
    ``confidence``: (H, W) probability of the winning class; ``region_ids``: (R,) ascending,
    without 0; ``region_probabilities``: (R, K) means; ``votes``: (R, 1 + K) pixels by
    ``pixel_labels``, column 0 without a class.
    """

    @property
    def pixel_labels(self) -> NDArray[Any] | torch.Tensor: ...  # noqa: D102
    @property
    def labels(self) -> NDArray[Any] | torch.Tensor: ...  # noqa: D102
    @property
    def confidence(self) -> NDArray[Any] | torch.Tensor: ...  # noqa: D102
    @property
    def region_ids(self) -> NDArray[Any] | torch.Tensor: ...  # noqa: D102
    @property
    def region_probabilities(self) -> NDArray[Any] | torch.Tensor: ...  # noqa: D102
    @property
    def votes(self) -> NDArray[Any] | torch.Tensor: ...  # noqa: D102


class PixelValues(Protocol):
    """Maps in label values and the regions' boxes, as :class:`Segmentation` and its table keep them."""

    @property
    def labels(self) -> NDArray[np.uint16]: ...
    @property
    def pixel_labels(self) -> NDArray[np.uint16]: ...
    @property
    def confidence(self) -> NDArray[np.float16]: ...
    @property
    def boxes(self) -> NDArray[np.int32]: ...


@dataclass(frozen=True, eq=False)
class Segmentation(Closed):
    """One segmented image. The arrays cannot be written to; copy what you want to change.

    Attributes:
        labels: (H, W) uint16, the class's *value*; 0 = unlabelled.
        regions: (H, W) int32, 0 = unsegmented.
        confidence: (H, W) float16, the probability of what is shown: of the pixel's winning class,
            or, where the region's vote put another class there, of that class on average over the
            region. A pixel below the background threshold keeps the low probability of what had won
            there.
        table: a row a region, by ascending id; see :func:`napari_corrclip.maps.table.region_table`.
        pixel_labels: (H, W) uint16 values before map correction.
        region_probabilities: (R, K) float32, mean probability of each class (in the vocabulary's
            order) in each region; rows as in ``table``.
        vocabulary: the classes.
        provenance: what made it.
        notes: what the user is to be told about it, a sentence each.
    """

    labels: NDArray[np.uint16]
    regions: NDArray[np.int32]
    confidence: NDArray[np.float16]
    table: pd.DataFrame
    pixel_labels: NDArray[np.uint16]
    region_probabilities: NDArray[np.float32]
    vocabulary: Vocabulary
    provenance: Provenance
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Close the arrays."""
        for name, dtype in (
            ("labels", np.uint16),
            ("regions", np.int32),
            ("confidence", np.float16),
            ("pixel_labels", np.uint16),
            ("region_probabilities", np.float32),
        ):
            object.__setattr__(self, name, closed(getattr(self, name), dtype))
        object.__setattr__(self, "notes", tuple(self.notes))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.labels.shape[0], self.labels.shape[1]

    def stretched(self, stretch: tuple[Stretch | None, ...]) -> Segmentation:
        """Return it with a provenance that tells how the image became 8 bits."""
        return replace(self, provenance=replace(self.provenance, stretch=stretch))

    def class_shares(self) -> dict[str, float]:
        """Return each class's share of all pixels, by name; unlabelled pixels are nobody's."""
        return shares(count_values(self.labels), self.labels.size, self.vocabulary)

    def to_layers(self, *, confidence: bool = False, **spatial: Any) -> list[LayerData]:
        """Return napari layer tuples: ``labels``, ``regions`` and, if asked for, ``confidence``.

        The arrays are copies, so that the layers can be edited. ``regions`` are meant as outlines;
        napari takes no contour in a tuple, so the layer starts hidden and carries
        ``metadata["contour"]``: set ``layer.contour`` to it and show it.

        Args:
            confidence: whether to add the image layer of the confidence.
            **spatial: ``scale``, ``translate``, ``rotate``, ``shear``, ``affine``, ``units`` and
                ``axis_labels`` of the image's two axes, for every layer.

        Raises:
            InputError: another keyword.
        """
        for key in spatial:
            if key not in _SPATIAL:
                raise InputError(f"{key!r} is no spatial setting; use {', '.join(_SPATIAL)}.")
        where = {key: value for key, value in spatial.items() if value is not None}
        layers: list[LayerData] = [
            class_layer(self.labels.copy(), self.vocabulary, **where),
            (
                self.regions.copy(),
                {
                    "name": "regions",
                    "visible": False,
                    "features": plain_features(self.table.rename(columns={"id": "index"})),
                    "metadata": {"contour": 1},
                    **where,
                },
                "labels",
            ),
        ]
        if confidence:
            shown = {"name": "confidence", "contrast_limits": (0.0, 1.0), "visible": False, **where}
            # float32, because napari draws no float16
            layers.append((self.confidence.astype(np.float32), shown, "image"))
        return layers

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        image: NDArray[np.uint8] | None = None,
        demo_picture: bytes | None = None,
    ) -> None:
        """Write everything into ``folder``, all of it or nothing; :meth:`load` reads it again.

        What is written is told in :mod:`napari_corrclip.results.folder`. Files of other names that
        lie there stay.

        Args:
            folder: made where it does not exist; former results in it are replaced.
            image: (H, W, 3) uint8; with it comes ``overlay.png``, the classes drawn over the image.
            demo_picture: a PNG beside it, of a scene of the demo with its truth.

        Raises:
            InputError: it cannot be written, or the image has another size.
        """
        from napari_corrclip.results import folder as folders

        folders.write_result(
            Path(folder),
            labels=self.labels,
            regions=self.regions,
            table=self.table,
            vocabulary=self.vocabulary,
            arrays={
                "confidence": self.confidence,
                "pixel_labels": self.pixel_labels,
                "region_probabilities": self.region_probabilities,
            },
            provenance=self.provenance.to_document(),
            notes=self.notes,
            image=image,
            demo_picture=demo_picture,
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Segmentation:
        """Read what :meth:`save` wrote; the files are taken as untrusted.

        Raises:
            InputError: something is missing, damaged or does not belong together.
        """
        from napari_corrclip.results import folder as folders

        read = folders.read_result(Path(folder))
        vocabulary = read.vocabulary
        numbers, ids = number_regions(read.regions)
        indices = class_indices(read.arrays["pixel_labels"], vocabulary)
        probabilities = read.arrays["region_probabilities"]
        if probabilities.shape != (len(ids), len(vocabulary)):
            raise InputError(
                f"The result in {os.fspath(folder)!r} has probabilities of shape "
                f"{probabilities.shape} for {len(ids)} regions and {len(vocabulary)} classes; its "
                "files do not belong together, so segment the image again."
            )
        class_indices(read.labels, vocabulary)
        votes = voting.count_votes(indices, numbers, len(ids), len(vocabulary))
        return cls(
            labels=read.labels,
            regions=read.regions,
            confidence=read.arrays["confidence"],
            table=tables.region_table(ids, numbers, votes, probabilities, vocabulary),
            pixel_labels=read.arrays["pixel_labels"],
            region_probabilities=probabilities,
            vocabulary=vocabulary,
            provenance=Provenance.from_document(read.provenance),
            notes=read.notes,
        )


def class_layer(labels: NDArray[np.integer], vocabulary: Vocabulary, **options: Any) -> LayerData:
    """Return napari's tuple of a class map: in the classes' colours, with their names as features.

    Args:
        labels: (H, W) label values.
        vocabulary: the classes.
        **options: more of the layer's own, such as ``scale``.
    """
    shown = {
        "name": "labels",
        "opacity": 0.4,
        "colormap": class_colors(vocabulary),
        "features": class_features(vocabulary),
    }
    return labels, {**shown, **options}, "labels"


def class_colors(vocabulary: Vocabulary) -> dict[int | None, tuple[float, float, float, float]]:
    """Return the classes' colours by label value, RGBA from 0 to 1; ``None`` and 0, no class, are clear."""
    colors: dict[int | None, tuple[float, float, float, float]] = {None: CLEAR, 0: CLEAR}
    for value, (red, green, blue) in vocabulary.colors.items():
        colors[value] = (red / 255, green / 255, blue / 255, 1.0)
    return colors


def class_features(vocabulary: Vocabulary) -> pd.DataFrame:
    """Return what napari's status bar says of each label value."""
    import pandas as pd

    names = [plain(name) for name in vocabulary.names]
    return pd.DataFrame({"index": [0, *vocabulary.values], "class": ["unlabelled", *names]})


def build_segmentation(
    pixels: PixelResults,
    regions: NDArray[np.int32],
    vocabulary: Vocabulary,
    provenance: Provenance,
    *,
    notes: Sequence[str] = (),
) -> Segmentation:
    """Return the frozen result of classified pixels, in label values, with its region table.

    Args:
        pixels: classes, confidence and votes, by class index.
        regions: (H, W) raw region ids, 0 = unsegmented.
        vocabulary: the K classes.
        provenance: what made it.
        notes: sentences for the user.
    """
    numbers, ids = number_regions(regions)
    probabilities = np.asarray(_array(pixels.region_probabilities), np.float32)
    votes = np.asarray(_array(pixels.votes), np.int64)
    if not np.array_equal(_array(pixels.region_ids), ids):
        raise ValueError("region_ids are not the ids that occur in regions, ascending")
    before, after = _array(pixels.pixel_labels), _array(pixels.labels)
    confidence = np.asarray(_array(pixels.confidence), np.float32)
    sure = voting.confidences(probabilities, voting.winners(votes))
    confidence = voting.shown_confidence(confidence, before, after, numbers, sure)
    # The last one is that of index -1, no class.
    values = np.array([*vocabulary.values, 0], np.uint16)
    return Segmentation(
        labels=values[after],
        regions=regions,
        confidence=confidence.astype(np.float16),
        table=tables.region_table(ids, numbers, votes, probabilities, vocabulary),
        pixel_labels=values[before],
        region_probabilities=probabilities,
        vocabulary=vocabulary,
        provenance=provenance,
        notes=tuple(notes),
    )


def segmentation_from_values(
    pixels: PixelResults,
    values: PixelValues,
    regions: NDArray[np.int32],
    vocabulary: Vocabulary,
    provenance: Provenance,
    *,
    notes: Sequence[str] = (),
) -> Segmentation:
    """Return what :func:`build_segmentation` does, of pixels that are finished where they are.

    Args:
        pixels: of which regions and votes are taken.
        values: their maps, in label values, and the regions' boxes.
        regions: (H, W) raw region ids, 0 = unsegmented.
        vocabulary: the K classes.
        provenance: what made it.
        notes: sentences for the user.
    """
    probabilities = np.asarray(_array(pixels.region_probabilities), np.float32)
    table = tables.frame(
        np.asarray(_array(pixels.region_ids), np.int64),
        values.boxes,
        np.asarray(_array(pixels.votes), np.int64),
        probabilities,
        vocabulary,
    )
    return Segmentation(
        labels=values.labels,
        regions=regions,
        confidence=values.confidence,
        table=table,
        pixel_labels=values.pixel_labels,
        region_probabilities=probabilities,
        vocabulary=vocabulary,
        provenance=provenance,
        notes=tuple(notes),
    )


def segmentation_from_probabilities(
    probabilities: NDArray[np.floating],
    regions: NDArray[np.integer],
    vocabulary: Vocabulary,
    *,
    correction: bool = True,
    provenance: Provenance | None = None,
    notes: Sequence[str] = (),
) -> Segmentation:
    """Return the result of anybody's class probabilities, by the rules of the method.

    The winner is the likeliest class; below its threshold a pixel takes the background class, or
    none; with ``correction`` every region takes its most frequent class.

    Args:
        probabilities: (K, H, W), from 0 to 1, in the vocabulary's order.
        regions: (H, W) region ids, 0 = unsegmented.
        vocabulary: the K classes.
        correction: whether regions vote.
        provenance: what made them; ``None``: the packages' versions alone.
        notes: sentences for the user.

    Raises:
        InputError: shapes that do not fit, values that are no probabilities, or no regions.
    """
    regions = check_regions(regions)
    expected = (len(vocabulary), *regions.shape)
    if probabilities.shape != expected:
        raise InputError(
            f"The probabilities have shape {probabilities.shape}; {len(vocabulary)} classes and "
            f"regions of {regions.shape} need {expected}."
        )
    # NaN passes no comparison
    if probabilities.size and not (probabilities.min() >= 0 and probabilities.max() <= 1):
        raise InputError("The probabilities are not all from 0 to 1; give the output of a softmax.")
    before, confidence = _winners(probabilities)
    unsure = confidence < np.asarray(vocabulary.thresholds, np.float32)[before]
    before[unsure] = -1 if vocabulary.background is None else vocabulary.background
    numbers, ids = number_regions(regions)
    votes = voting.count_votes(before, numbers, len(ids), len(vocabulary))
    after = voting.apply_votes(before, numbers, voting.winners(votes)) if correction else before
    return build_segmentation(
        _Pixels(
            pixel_labels=before,
            labels=after,
            confidence=confidence,
            region_ids=ids,
            region_probabilities=voting.mean_probabilities(probabilities, numbers, len(ids)),
            votes=votes,
        ),
        regions,
        vocabulary,
        provenance or Provenance(versions=package_versions()),
        notes=notes,
    )


def class_indices(values: NDArray[np.uint16], vocabulary: Vocabulary) -> NDArray[np.int64]:
    """Return the class index of each label value, -1 for 0.

    Raises:
        InputError: a value that is no class's.
    """
    table = np.full(1 << 16, -2, np.int64)
    table[0] = -1
    table[list(vocabulary.values)] = np.arange(len(vocabulary))
    indices = table[values]
    if indices.size and indices.min() < -1:
        wrong = int(values[indices < -1][0])
        raise InputError(
            f"The labels hold the value {wrong}, which no class of the vocabulary has; they are "
            f"{', '.join(map(str, vocabulary.values[:20]))}{', …' if len(vocabulary) > 20 else ''}."
        )
    return indices


def _winners(
    probabilities: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the likeliest class of each pixel, the first of equals, and its probability.

    Class by class, which is many times faster than ``argmax`` over the first axis.
    """
    winner = np.zeros(probabilities.shape[1:], np.int64)
    highest = probabilities[0].astype(np.float32)
    for index in range(1, len(probabilities)):
        better = probabilities[index] > highest
        winner[better] = index
        np.maximum(highest, probabilities[index], out=highest, casting="same_kind")
    return winner, highest


@dataclass(frozen=True)
class _Pixels:
    """The values of pixels and regions as arrays (a :class:`PixelResults`)."""

    pixel_labels: NDArray[np.int64]
    labels: NDArray[np.int64]
    confidence: NDArray[np.float32]
    region_ids: NDArray[np.int64]
    region_probabilities: NDArray[np.float32]
    votes: NDArray[np.int64]


def _array(values: NDArray[Any] | torch.Tensor) -> NDArray[Any]:
    """Return an array of an array or a tensor, wherever it lies; without importing torch."""
    if isinstance(values, np.ndarray):
        return values
    found: NDArray[Any] = values.detach().cpu().numpy()
    return found
