"""The embedding of an image by SAM's image encoder: what answers clicks, apart from the network itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from napari_corrclip.errors import InputError
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.storage.untrusted import reason


@dataclass(frozen=True, eq=False)
class SamEmbedding:
    """An image as SAM's decoder sees it; all that a click needs.

    Attributes:
        features: (1, C, h, w) float32 on the CPU.
        image_size: (H, W) of the image.
        network: fingerprint of the SAM that computed it; no other can read it.
    """

    features: Tensor
    image_size: tuple[int, int]
    network: str

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return int(self.features.nbytes)

    def to_parts(self) -> tuple[dict[str, Tensor], str]:
        """Tensors by name, and the rest as JSON: all there is to keep."""
        rest = {"image_size": self.image_size, "network": self.network}
        return {"features": self.features}, json.dumps(rest)

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], rest: str) -> SamEmbedding:
        """Put together again what :meth:`to_parts` took apart.

        Raises:
            InputError: where the parts are none of an embedding.
        """
        try:
            said = load_json(rest, "The embedding of SAM")
            height, width = said["image_size"]
            network = said["network"]
            features = tensors["features"].float()
            if not all(type(side) is int and side > 0 for side in (height, width)):
                raise ValueError(f"its image is of {height} × {width}")
            if not isinstance(network, str):
                raise ValueError(f"its network is called {network!r}")
            if features.ndim != 4:
                raise ValueError(f"its features are of shape {tuple(features.shape)}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"This is no embedding of SAM's ({reason(error)}); encode the image again."
            ) from None
        return cls(features, (height, width), network)
