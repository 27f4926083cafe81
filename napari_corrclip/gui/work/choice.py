"""A run by the words of the dock: the recipe that they stand for, and the layer that holds regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from napari_corrclip.engine.recipe import GIVEN, Recipe
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.regions.options import SamOptions, SourceOptions, SuperpixelOptions
from napari_corrclip.regions.protocol import RegionSource
from napari_corrclip.settings import DETAILS, Detail, Settings, at_detail

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["DETAILS", "LAYER", "REGIONS", "Choice", "detail_title", "regions_title", "source_for"]

SAM, SUPERPIXELS = "sam", "superpixels"
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
    """A run by the words of the dock.

    Attributes:
        recipe: which networks, where, how fine.
        regions: as :func:`regions_title` says it.
        given: returns the layer's (H, W) integers; ``None`` where regions are found.
    """

    recipe: Recipe
    regions: str = next(iter(REGIONS))
    given: Callable[[], NDArray[Any]] | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        preset: str = "demo",
        device: str = "auto",
        detail: str = "standard",
        regions: str = next(iter(REGIONS)),
        settings: Settings | None = None,
        given: Callable[[], NDArray[Any]] | None = None,
        region_options: Mapping[str, Any] | None = None,
    ) -> Choice:
        """Return what is chosen in the dock.

        Args:
            preset: its name.
            device: ``auto``, ``cpu``, ``cuda``, …
            detail: one of :data:`DETAILS`.
            regions: one of :data:`REGIONS`, or :data:`LAYER` and a layer's name.
            settings: of the method; ``None``: the preset's.
            given: as above.
            region_options: those that are others than what ``regions`` stands for, by name.

        Raises:
            InputError: there is no such preset, its file cannot be used, or an option is out of its bounds.
        """
        kind, options = REGIONS.get(regions, (GIVEN, {}))
        options = {**options, **(region_options or {})}
        recipe = Recipe(
            preset,
            device=device,
            detail=cast("Detail", detail),
            regions=kind,
            region_options=options,
            settings=settings,
        )
        return cls(recipe, regions_title(regions, recipe.region_options), given)

    @property
    def source(self) -> RegionSource | None:
        """The regions of the layer; ``None`` where the recipe finds them."""
        return None if self.given is None else GivenRegions(self.given())


def regions_title(regions: str, options: SourceOptions | None) -> str:
    """``SAM (12 × 12)``: a source of :data:`REGIONS`, or of given ones, with how fine it is."""
    if isinstance(options, SamOptions):
        points = options.points_per_side
        known = (
            title for title, row in REGIONS.items() if row == (SAM, {"points_per_side": points})
        )
        return next(known, f"SAM ({points} × {points})")
    if isinstance(options, SuperpixelOptions) and options.n_segments is not None:
        return f"{SUPERPIXELS} ({options.n_segments:,})"
    return regions


def source_for(recipe: Recipe) -> str | None:
    """Return the one of :data:`REGIONS` that is nearest to how a recipe finds regions; ``None``: given."""
    of_kind = {
        title: options for title, (kind, options) in REGIONS.items() if kind == recipe.regions
    }
    found = recipe.region_options
    points = found.points_per_side if isinstance(found, SamOptions) else None
    exact = (title for title, known in of_kind.items() if known.get("points_per_side") == points)
    return next(exact, next(iter(of_kind), None))


def detail_title(settings: Settings, detail: str) -> str:
    """``fine (672)``: a detail with the short side at which the networks see the image."""
    side = at_detail(settings, cast("Detail", detail)).short_side
    return detail if side is None else f"{detail} ({side})"
