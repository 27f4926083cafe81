"""The figures of a comparison as lines and rows: what a console, a page and a window say alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from napari_corrclip.maps.agreement import Estimate
from napari_corrclip.project.joining.agreement import Agreement, Comparison
from napari_corrclip.project.joining.drawn import Drawn
from napari_corrclip.wording.amounts import count

DIGITS: Final = 3


def images_line(found: Comparison) -> str:
    """Return how many images were compared, and how many were not."""
    compared = f"{count(len(found.images), 'image')} compared"
    parts = [
        f"{len(found.first_alone):,} in the first alone",
        f"{len(found.second_alone):,} in the second alone",
    ]
    if found.not_verified:
        parts.append(f"{found.not_verified:,} not verified by both")
    if found.passed_over:
        parts.append(f"{len(found.passed_over):,} passed over")
    return ", ".join([compared, *parts])


def sample_line(drawn: Drawn, found: Comparison) -> str:
    """Return what a sample is, how much of it was looked at, and what it says of all."""
    estimate = found.estimate
    all_ = count(drawn.population, drawn.kind[:-1])
    line = f"a sample of {drawn.number:,} of {all_} of {drawn.source}, {found.looked:,} looked at twice"
    if found.elsewhere:
        return f"{line}; {found.elsewhere} is not what it was drawn from, and nothing is told of all of that"
    all_of_them = "all" if drawn.kind == "images" else "all that are as they were proposed"
    return f"{line}; κ of {all_of_them} is estimated as {_number(estimate.value)}{_range(estimate)}"


def estimates(found: Comparison) -> Iterator[tuple[str, Agreement, Estimate]]:
    """Yield what was compared, the agreement on it and its κ: of regions that were drawn, as such."""
    drawn = found.drawn is not None and found.drawn.kind == "regions"
    yield "pixels", found.pixels, found.pixels.estimate()
    yield "regions", found.regions, found.regions.estimate(by_regions=drawn)


def figures_line(agreement: Agreement, estimate: Estimate) -> str:
    """Return κ with its interval, and on how much both say the same."""
    if not agreement.total:
        return "none that could be compared"
    return (
        f"κ {_number(estimate.value)}{_range(estimate)}, {agreement.share:.1%} agree "
        f"({agreement.agreed:,} of {agreement.total:,})"
    )


def _range(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return ""
    return f" (95 % {estimate.low:.{DIGITS}f} to {estimate.high:.{DIGITS}f})"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.{DIGITS}f}"


def class_rows(found: Comparison) -> list[dict[str, Any]]:
    """Return a row for each joint class: IoU, how much of it each has, and with what it is mixed up most."""
    counts, names = found.pixels.counts, found.names
    rows = []
    for place, (class_, iou) in enumerate(zip(found.classes, found.pixels.iou, strict=True), 1):
        mixed = counts[place] + counts[:, place]
        mixed[place] = 0
        worst = int(mixed.argmax())
        rows.append(
            {
                "name": class_.name,
                "in_first": class_.first is not None,
                "in_second": class_.second is not None,
                "iou": float(iou),
                "first_pixels": int(counts[place].sum()),
                "second_pixels": int(counts[:, place].sum()),
                "mixed_up_with": names[worst] if mixed[worst] else "",
            }
        )
    return rows
