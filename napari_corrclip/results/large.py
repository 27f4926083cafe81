"""The result of a large image: small things in memory, maps on the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps import table as tables
from napari_corrclip.maps.values import count_values, shares
from napari_corrclip.results.folder import FORMAT, LARGE_FORMAT, LARGE_MAPS
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import LayerData, class_layer
from napari_corrclip.results.zarr_maps import check_zarr, read_maps
from napari_corrclip.storage.folders import Locate, read_whole
from napari_corrclip.storage.frozen import Closed, closed
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.markup import plain_features

if TYPE_CHECKING:
    import pandas as pd

_READ = ("provenance.json", "vocabulary.yaml", LARGE_MAPS)


@dataclass(frozen=True, eq=False)
class LargeSegmentation(Closed):
    """One segmented large image. Maps are zarr arrays that are read where they are cut.

    Attributes:
        folder: where the maps lie; they can be read as long as it is there and another result has not
            taken its place, which a read says with an ``InputError``.
        labels: (H, W) uint16, the class's *value*; 0 = unlabelled.
        regions: (H, W) int32, 0 = unsegmented.
        confidence: (H, W) float16, as of :class:`~napari_corrclip.results.segmentation.Segmentation`.
        pixel_labels: (H, W) uint16 values before map correction.
        table: a row a region; see :func:`napari_corrclip.maps.table.region_table`.
        region_probabilities: (R, K) float32, mean probability of each class; rows as in ``table``.
        vocabulary: the classes.
        provenance: what made it; ``tiling`` says at which scale and in which tiles.
        notes: what the user is to be told about it, a sentence each.
    """

    folder: Path
    labels: Any
    regions: Any
    confidence: Any
    pixel_labels: Any
    table: pd.DataFrame
    region_probabilities: NDArray[np.float32]
    vocabulary: Vocabulary
    provenance: Provenance
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.labels.shape[0], self.labels.shape[1]

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> LargeSegmentation:
        """Open a result; the files are taken as untrusted.

        Raises:
            InputError: something is missing, damaged or does not belong together.
        """
        check_zarr()
        folder = Path(folder).absolute()
        return read_whole(folder, _READ, lambda locate: cls._read(folder, locate))

    @classmethod
    def _read(cls, folder: Path, locate: Locate) -> LargeSegmentation:
        from napari_corrclip.results.maps_store import MapsStore, check_pieces

        source = locate("provenance.json")
        document = load_json(read_text(source, "provenance"), repr(str(source)), surrogates=True)
        kind = document.get("format") if isinstance(document, dict) else None
        if kind == FORMAT:
            raise InputError(
                f"{str(folder)!r} holds an ordinary result; open it by Segmentation.load."
            )
        if kind != LARGE_FORMAT or not isinstance(document, dict):
            raise InputError(
                f"{str(folder)!r} is no large result of this version; it should be "
                f"{LARGE_FORMAT!r}: segment the image again."
            )
        vocabulary = Vocabulary.from_file(locate("vocabulary.yaml"))
        place = locate(LARGE_MAPS)
        check_pieces(place)
        maps = read_maps(place, partial(MapsStore, folder=folder))
        ids, boxes, votes = maps["region_ids"], maps["region_boxes"], maps["votes"]
        probabilities = maps["region_probabilities"]
        count = len(vocabulary)
        if (probabilities.shape[1], votes.shape[1], boxes.shape[1]) != (count, count + 1, 4):
            raise InputError(
                f"The result in {str(folder)!r} is of {probabilities.shape[1]} classes, and its "
                f"vocabulary has {count}; its files do not belong together, so segment the image "
                "again."
            )
        notes = document.get("notes", [])
        return cls(
            folder=folder,
            labels=maps["labels"],
            regions=maps["regions"],
            confidence=maps["confidence"],
            pixel_labels=maps["pixel_labels"],
            table=tables.frame(ids, boxes, votes, probabilities, vocabulary),
            region_probabilities=closed(probabilities),
            vocabulary=vocabulary,
            provenance=Provenance.from_document(document),
            notes=tuple(str(note) for note in notes) if isinstance(notes, list) else (),
        )

    def class_shares(self) -> dict[str, float]:
        """Return each class's share of all pixels, by name; reads the labels a chunk at a time."""
        counts = np.zeros(1, np.int64)
        height, width = self.labels.chunks
        for top in range(0, self.shape[0], height):
            for left in range(0, self.shape[1], width):
                block = np.asarray(self.labels[top : top + height, left : left + width])
                counts = counts + count_values(block)
        return shares(counts, self.shape[0] * self.shape[1], self.vocabulary)

    def to_layers(self, **spatial: Any) -> list[LayerData]:
        """Return napari layer tuples of ``labels`` and, hidden, ``regions``, read where they are seen.

        Args:
            **spatial: ``scale``, ``translate`` and the like of the image, for both layers.
        """
        regions = {
            "name": "regions",
            "visible": False,
            "features": plain_features(self.table.rename(columns={"id": "index"})),
            **spatial,
        }
        return [
            class_layer(self.labels, self.vocabulary, **spatial),
            (self.regions, regions, "labels"),
        ]
