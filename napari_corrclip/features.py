"""What is slow to compute and knows no vocabulary: the seam between encoding and classifying."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from napari_corrclip.devices import plain_torch
from napari_corrclip.errors import InputError
from napari_corrclip.frozen import Closed, FrozenMapping, closed
from napari_corrclip.pipeline import WindowFeatures
from napari_corrclip.settings import Settings
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.windows import mosaic

FORMAT = "napari-corrclip features 1"


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
    """

    windows: WindowFeatures
    regions: NDArray[np.int32]
    settings: Settings
    clip: str
    region_source: Mapping[str, str | int | float | bool]
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Close what could be changed from outside."""
        object.__setattr__(self, "regions", closed(self.regions))
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
        return int(features.element_size() * features.nelement() + self.regions.nbytes)

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
        metadata = {
            "format": FORMAT,
            "layout": layout,
            "settings": self.settings.to_json(),
            "clip": self.clip,
            "region_source": json.dumps(dict(self.region_source)),
            "seconds": json.dumps(dict(self.seconds)),
        }
        write_bytes(path, save(tensors, metadata))

    @classmethod
    @plain_torch()
    def load(cls, path: str | os.PathLike[str]) -> Features:
        """Read what :meth:`save` wrote; the file is taken as untrusted.

        Raises:
            InputError: it is missing, damaged or something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(os.fspath(path), framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise InputError(
                        f"{os.fspath(path)!r} is no file of features; give one that "
                        "Features.save wrote."
                    )
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
                regions = tensors.pop("regions").numpy()
                windows = WindowFeatures.from_parts(tensors, metadata["layout"])
                source = json.loads(metadata["region_source"])
                seconds = json.loads(metadata["seconds"])
                settings = Settings.from_json(metadata["settings"])
                clip = metadata["clip"]
                if not isinstance(source, dict) or not isinstance(seconds, dict):
                    raise ValueError("its notes are no objects")
                if not all(isinstance(value, int | float) for value in seconds.values()):
                    raise ValueError("its seconds are no numbers")
                if not windows.features.isfinite().all():
                    raise ValueError("not all of its features are finite")
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(
                f"The features in {os.fspath(path)!r} cannot be read ({error}); encode the image "
                "again."
            ) from error
        if (
            regions.shape != windows.layout.image_size
            or regions.dtype != np.int32
            or (regions < 0).any()
        ):
            raise InputError(
                f"The regions in {os.fspath(path)!r} have shape {regions.shape} and type "
                f"{regions.dtype}, or ids below 0: not those of the image; encode it again."
            )
        return cls(windows, regions, settings, clip, source, seconds)
