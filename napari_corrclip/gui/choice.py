"""What is chosen of the networks, and the segmenter that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_corrclip.segmenter import Segmenter

DETAILS = ("standard", "fine", "native")
REGIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "SAM fast (8 × 8)": ("sam", {"points_per_side": 8}),
    "SAM normal (16 × 16)": ("sam", {"points_per_side": 16}),
    "SAM fine (32 × 32)": ("sam", {"points_per_side": 32}),
    "superpixels": ("superpixels", {}),
}
"""The sources of regions by the words of the dock, with their options."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which networks, where, how fine.

    Attributes:
        preset: its name.
        device: ``auto``, ``cpu``, ``cuda``, …
        detail: one of :data:`DETAILS`.
        regions: one of :data:`REGIONS`.
    """

    preset: str = "demo"
    device: str = "auto"
    detail: str = "standard"
    regions: str = next(iter(REGIONS))

    def load(self) -> Segmenter:
        """Load the networks; to be called in a thread.

        Raises:
            CorrClipError: a network cannot be loaded.
        """
        from napari_corrclip.segmenter import Segmenter

        kind, options = REGIONS[self.regions]
        return Segmenter.from_preset(
            self.preset,
            device=self.device,
            detail=self.detail,  # type: ignore[arg-type]
            regions=kind,
            region_options=options,
        )
