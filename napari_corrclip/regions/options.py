"""The options of the sources that find regions, as values: names, bounds and defaults, without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from napari_corrclip.errors import InputError
from napari_corrclip.regions.painting import Painting, check_order
from napari_corrclip.regions.protocol import check_count, check_share, is_number

MOST_POINTS, MOST_SEGMENTS = 1_000, 1_000_000
"""More would be a slip: a grid of a million points, and as many superpixels as are ever told apart."""
MOST_COMPACTNESS, MOST_SIGMA = 1_000_000, 1_000
"""More would be a slip: squares whatever the colours, and a blur over all of a photograph."""


@dataclass(frozen=True)
class SamOptions:
    """The options of :class:`~napari_corrclip.regions.sam.SamRegions`, which explains each.

    Raises:
        InputError: one is out of its bounds.
    """

    points_per_side: int = 8
    iou_threshold: float = 0.4
    stability_threshold: float = 0.4
    masks_per_point: Literal[1, 3] = 1
    min_area: int = 0
    nms_threshold: float = 0.7
    painting: Painting = "small-on-top"
    dtype: str | None = None

    def __post_init__(self) -> None:
        """Check each, and make plain numbers of NumPy's."""
        if self.masks_per_point not in (1, 3):
            raise InputError(f"masks_per_point is {self.masks_per_point!r}; choose 1 or 3.")
        check_order(self.painting)
        checked: dict[str, object] = {
            "points_per_side": check_count(
                self.points_per_side, "points_per_side", least=1, most=MOST_POINTS
            ),
            "min_area": check_count(self.min_area, "min_area"),
        }
        for name in ("iou_threshold", "stability_threshold", "nms_threshold"):
            checked[name] = check_share(getattr(self, name), name)
        if self.dtype is not None:
            from napari_corrclip.devices import choose_dtype  # imports torch

            checked["dtype"] = str(choose_dtype(self.dtype)).removeprefix("torch.")
        for name, value in checked.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class SuperpixelOptions:
    """The options of :class:`~napari_corrclip.regions.superpixels.SuperpixelRegions`, which explains each.

    Raises:
        InputError: one is out of its bounds.
    """

    n_segments: int | None = None
    compactness: float = 20.0
    sigma: float = 1.0
    min_size: float = 0.5

    def __post_init__(self) -> None:
        """Check each, and make plain numbers of NumPy's."""
        checked: dict[str, object] = {"min_size": check_share(self.min_size, "min_size")}
        if self.n_segments is not None:
            checked["n_segments"] = check_count(
                self.n_segments, "n_segments", least=1, most=MOST_SEGMENTS
            )
        if not is_number(self.compactness) or not 0 < self.compactness <= MOST_COMPACTNESS:
            raise InputError(
                f"compactness is {self.compactness!r}; give a number above 0, up to {MOST_COMPACTNESS:,}."
            )
        if not is_number(self.sigma) or not 0 <= self.sigma <= MOST_SIGMA:
            raise InputError(
                f"sigma is {self.sigma!r}; give a number of pixels from 0 to {MOST_SIGMA:,}."
            )
        checked |= {"compactness": float(self.compactness), "sigma": float(self.sigma)}
        for name, value in checked.items():
            object.__setattr__(self, name, value)


SourceOptions = SamOptions | SuperpixelOptions

_KINDS: Mapping[str, tuple[type[SourceOptions], str]] = {
    "sam": (SamOptions, "SamRegions"),
    "superpixels": (SuperpixelOptions, "SuperpixelRegions"),
}
REGION_KINDS = tuple(_KINDS)
"""The sources that find regions, by the names that scripts and the command line use."""


def region_options(kind: str, options: Mapping[str, Any] | None) -> SourceOptions | None:
    """Return the options of the source ``kind``; ``None`` where it is none of :data:`REGION_KINDS`.

    Args:
        kind: what ``regions`` is called.
        options: names with values; ``None``: the defaults.

    Raises:
        InputError: an option is unknown or out of its bounds, or the source takes none.
    """
    if kind not in _KINDS:
        if options:
            raise InputError(
                f"The region options {options!r} are of sam or superpixels; leave them out where "
                "regions are given, or choose one of these."
            )
        return None
    chosen, title = _KINDS[kind]
    if options is not None and not isinstance(options, Mapping):
        raise InputError(
            f"The region options are {options!r}; give names with values, such as "
            "{'points_per_side': 16}."
        )
    known = [option.name for option in fields(chosen)]
    for name in options or ():
        if name not in known:
            raise InputError(
                f"{title} has no option {name!r}; it takes {', '.join(sorted(known))}."
            )
    return chosen(**options or {})
