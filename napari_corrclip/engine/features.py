"""The features, slow to compute and free of vocabularies: the seam between encoding and classifying."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_corrclip.devices import plain_torch
from napari_corrclip.engine.encoding import WindowFeatures
from napari_corrclip.engine.windows import mosaic
from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.regions.embedding import SamEmbedding
from napari_corrclip.settings import Settings
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.frozen import Closed, FrozenMapping, closed
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.storage.untrusted import check_regular, guarded

FORMAT = "napari-corrclip features 2"
# Without SAM's embedding.
_FORMATS = (FORMAT, "napari-corrclip features 1")
_WINDOWS = ("features", "similarity_means")
_LONGEST = 1.01


@dataclass(frozen=True, eq=False)
class Features(Closed):
    """An encoded image: everything a new vocabulary needs, and no network but the text tower.

    Attributes:
        windows: the cells of each window, normalised, float32 on the CPU.
        regions: (H, W) int32 raw regions at the image's own size, 0 = unsegmented; not writable.
        settings: how they were computed.
        clip: fingerprint of the CLIP that computed them; only its text tower can classify them, in
            whatever dtype either computed.
        region_source: where the regions came from, with its parameters.
        seconds: wall time of each stage.
        nodata: (H, W) bool, where the image holds no data: in no region, and never labelled; ``None``:
            nowhere.
        notes: what the user is to be told about the image, a sentence each.
        embedding: the image as SAM sees it, for clicks on it; ``None`` where SAM did not divide it.
    """

    windows: WindowFeatures
    regions: NDArray[np.int32]
    settings: Settings
    clip: str
    region_source: Mapping[str, str | int | float | bool]
    seconds: Mapping[str, float] = field(default_factory=dict)
    nodata: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    embedding: SamEmbedding | None = None

    def __post_init__(self) -> None:
        """Close what could be changed from outside."""
        object.__setattr__(self, "regions", closed(self.regions))
        if self.nodata is not None:
            object.__setattr__(self, "nodata", closed(self.nodata))
        for name in ("region_source", "seconds"):
            object.__setattr__(self, name, FrozenMapping(getattr(self, name)))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.windows.layout.image_size

    @plain_torch()
    def cells(self) -> NDArray[np.float32]:
        """Return (h, w, D) float32, the windows' cells as one grid that covers the image evenly.

        What a region looks like is the mean of the cells under it.
        """
        cells: NDArray[np.float32] = mosaic(self.windows.features, self.windows.layout).numpy()
        return cells

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        features = self.windows.features
        hidden = 0 if self.nodata is None else self.nodata.nbytes
        clicks = 0 if self.embedding is None else self.embedding.nbytes
        means = self.windows.similarity_means
        looks = 0 if means is None else means.nbytes
        return int(features.nbytes + self.regions.nbytes + hidden + clicks + looks)

    @plain_torch()
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file, whole or not at all.

        Raises:
            InputError: the file cannot be written.
        """
        from safetensors.torch import save

        tensors, layout = self.windows.to_parts()
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        tensors["regions"] = torch.from_numpy(np.array(self.regions))
        if self.nodata is not None:
            tensors["nodata"] = torch.from_numpy(np.array(self.nodata))
        metadata = {
            "format": FORMAT,
            "layout": layout,
            "settings": self.settings.to_json(),
            "clip": self.clip,
            "region_source": json.dumps(dict(self.region_source)),
            "seconds": json.dumps(dict(self.seconds)),
            "notes": json.dumps(self.notes),
        }
        if self.embedding is not None:
            parts, metadata["embedding"] = self.embedding.to_parts()
            tensors |= {f"embedding.{name}": part.contiguous() for name, part in parts.items()}
        write_bytes(path, save(tensors, metadata))

    @classmethod
    @plain_torch()
    def load(cls, path: str | os.PathLike[str]) -> Features:
        """Read what :meth:`save` wrote; the file is taken as untrusted.

        Raises:
            InputError: it is missing, damaged or something else.
        """
        name, remedy = os.fspath(path), "encode the image again"
        check_regular(path, "features", f"give a file that Features.save wrote, or {remedy}")
        try:
            return _read(name, remedy)
        except InputError as error:
            raise InputError(f"The features in {name!r} cannot be read: {error}") from error


def _read(name: str, remedy: str) -> Features:
    from safetensors import SafetensorError, safe_open

    with (
        guarded("the file", remedy, damage=(SafetensorError, ValueError)),
        safe_open(name, framework="pt") as file,
    ):
        metadata = file.metadata() or {}
        if metadata.get("format") not in _FORMATS:
            raise InputError("it is no file of features; give one that Features.save wrote.")
        wanted = {"layout", "settings", "clip", "region_source", "seconds"}
        if wanted - metadata.keys() or {"features", "regions"} - set(file.keys()):
            raise ValueError("a part of it is missing")
        stored = file.get_tensor("regions")
        if stored.dtype != torch.int32 or (stored < 0).any():
            raise ValueError("its regions are no ids")
        regions: NDArray[np.int32] = np.array(stored.numpy())
        nodata = np.array(file.get_tensor("nodata").numpy()) if "nodata" in file.keys() else None  # noqa: SIM118
        parts = {name: file.get_tensor(name).clone() for name in _WINDOWS if name in file.keys()}  # noqa: SIM118
        windows = WindowFeatures.from_parts(parts, metadata["layout"])
        if regions.shape != windows.layout.image_size:
            raise ValueError(f"its regions are of shape {regions.shape}, and not of the image's")
        if nodata is not None and (nodata.shape != regions.shape or nodata.dtype != np.bool_):
            raise ValueError("its pixels without data are none of the image's")
        # Of unit length, where there is anything; NaN is not below either.
        if not (windows.features.norm(dim=-1) < _LONGEST).all():
            raise ValueError("not all of its features are of unit length")
        means = windows.similarity_means
        if means is not None:
            _, ids = number_regions(regions)
            if len(means) != len(ids) or not (means.norm(dim=-1) < _LONGEST).all():
                raise ValueError("what the similarity tower says of its regions is none of them")
        settings = Settings.from_json(metadata["settings"])
        source = _notes(metadata["region_source"], str | int | float)
        seconds = _notes(metadata["seconds"], int | float)
        notes = load_json(metadata.get("notes", "[]"), "the notes")
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            raise ValueError("its notes are no sentences")
        embedding = None
        if "embedding" in metadata:
            part = "embedding.features"
            if part not in file.keys():  # noqa: SIM118
                raise ValueError("SAM's embedding is missing")
            embedding = SamEmbedding.from_parts(
                {"features": file.get_tensor(part).clone()}, metadata["embedding"]
            )
            if embedding.image_size != regions.shape:
                raise ValueError("SAM's embedding is of another image")
    return Features(
        windows,
        regions,
        settings,
        metadata["clip"],
        source,
        seconds,
        nodata,
        tuple(notes),
        embedding,
    )


def _notes(text: str, kinds: Any) -> dict[str, Any]:
    """Return an object of plain values, as JSON has it."""
    found = load_json(text, "a note", surrogates=True)  # one is a path
    if not isinstance(found, dict) or not all(isinstance(value, kinds) for value in found.values()):
        raise ValueError("its notes are no objects of plain values")
    return found
