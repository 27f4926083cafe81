"""The choice of the networks, and the segmenter that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from napari_corrclip.engine.window_count import Size, window_grid
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.settings import DETAILS, Detail, Settings, at_detail
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.fetch import fetch, missing
from napari_corrclip.weights.presets import NetworkSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_corrclip.engine.segmenter import Segmenter


__all__ = ["DETAILS", "LAYER", "REGIONS", "Choice", "detail_title"]

SAM, SUPERPIXELS, GIVEN = "sam", "superpixels", "given"
REGIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "SAM fast (8 × 8)": (SAM, {"points_per_side": 8}),
    "SAM normal (16 × 16)": (SAM, {"points_per_side": 16}),
    "SAM fine (32 × 32)": (SAM, {"points_per_side": 32}),
    "superpixels": (SUPERPIXELS, {}),
}
"""The sources of regions by the words of the dock, with their options."""
LAYER = "layer: "
"""How the name of a Labels layer begins in the list of sources."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice of networks: which, where, how fine.

    Attributes:
        preset: its name.
        device: ``auto``, ``cpu``, ``cuda``, …
        detail: one of :data:`DETAILS`.
        regions: one of :data:`REGIONS`, or :data:`LAYER` and a layer's name.
        settings: of the method; ``None``: the preset's.
        given: returns the layer's (H, W) integers; ``None`` where regions are found.
    """

    preset: str = "demo"
    device: str = "auto"
    detail: str = "standard"
    regions: str = next(iter(REGIONS))
    settings: Settings | None = None
    given: Callable[[], NDArray[Any]] | None = field(default=None, compare=False)

    @property
    def kind(self) -> str:
        """``sam``, ``superpixels`` or ``given``."""
        return REGIONS[self.regions][0] if self.regions in REGIONS else GIVEN

    @property
    def networks(self) -> tuple[NetworkSpec, ...]:
        """The networks that are needed: SAM only where it finds the regions."""
        used = get_preset(self.preset).networks
        return used if self.kind == SAM else used[:2]

    @property
    def missing(self) -> tuple[NetworkSpec, ...]:
        """Those whose files would be downloaded; asks no network."""
        return missing(self.networks)

    @property
    def base(self) -> Settings:
        """The settings before the detail."""
        return get_preset(self.preset).settings if self.settings is None else self.settings

    def windows(self, shape: Size) -> Size:
        """Rows and columns of windows of an image of so many rows and columns."""
        return window_grid(shape, at_detail(self.base, cast("Detail", self.detail)))

    def load_steps(self, former: tuple[Choice, Segmenter] | None = None) -> Steps[Segmenter]:
        """Fetch what is missing and load the networks; to be driven in a thread.

        Args:
            former: another choice with its segmenter, whose networks are taken where they are the same.

        Raises:
            CorrClipError: a network cannot be fetched or loaded.
        """
        for spec in self.missing:
            yield from fetch(spec)
        yield Progress("load the networks", 0, 1)
        from napari_corrclip.engine.segmenter import Segmenter, region_source

        kind, options = REGIONS.get(self.regions, (GIVEN, {}))
        settings = at_detail(self.base, cast("Detail", self.detail))
        if former is not None and former[0].same_towers(self):
            segmenter = former[1]
            found = region_source(
                self._given() if self.given is not None else kind,
                get_preset(self.preset),
                segmenter.clip.device,
                options=options or None,
                sam=getattr(segmenter.regions, "sam", None),
            )
            return segmenter.with_parts(found, settings)
        return Segmenter.from_preset(
            self.preset,
            device=self.device,
            settings=settings,
            regions=self._given() if self.given is not None else kind,
            region_options=options or None,
        )

    def _given(self) -> NDArray[Any]:
        assert self.given is not None
        return self.given()

    def same_towers(self, other: Choice) -> bool:
        """Whether both use the same CLIP and similarity tower on the same device."""
        return (self.preset, self.device) == (other.preset, other.device)


def detail_title(settings: Settings, detail: str) -> str:
    """``fine (672)``: a detail with the short side at which the networks see the image."""
    side = at_detail(settings, cast("Detail", detail)).short_side
    return detail if side is None else f"{detail} ({side})"
