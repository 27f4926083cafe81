"""The report on two projects that were compared: JSON for programs, Markdown for people, console lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from napari_corrclip.evaluation.effort.reporting.cells import number, plain, plain_text
from napari_corrclip.maps.agreement import Estimate
from napari_corrclip.project.joining.agreement import Agreement, Comparison
from napari_corrclip.project.joining.drawn import Drawn
from napari_corrclip.project.joining.figures import (
    DIGITS,
    class_rows,
    estimates,
    figures_line,
    images_line,
    sample_line,
)
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.visible import visible

FORMAT: Final = "napari-corrclip comparison 1"
_LISTED: Final = 50
"""So many images, and sentences on such that were passed over, are told one by one in the page."""


@dataclass(frozen=True, slots=True)
class Told:
    """The words that are told beside the figures.

    Attributes:
        first: the first project, as it is called.
        second: the second one.
        command: that was given.
        date: on which.
        counted: what was counted, in words.
        versions: of the packages.
    """

    first: str
    second: str
    command: str
    date: str
    counted: str
    versions: Mapping[str, str]


def console_lines(found: Comparison, told: Told) -> Iterator[str]:
    """Yield what is printed when a comparison is done."""
    yield images_line(found)
    if found.drawn is not None:
        yield sample_line(found.drawn, found)
    for what, agreement, estimate in estimates(found):
        yield f"{what:<8} {figures_line(agreement, estimate)}"
    for row in class_rows(found):
        if row["first_pixels"] or row["second_pixels"]:
            yield f"  IoU {number(row['iou'], DIGITS)}  {row['name']}{_whose(row, told)}"
    worst = found.worst_first()
    for image in worst[:5]:
        yield f"  {image.share:.1%} differ on {image.title}"
    if len(worst) > 5:
        yield f"  and on {count(len(worst) - 5, 'image')} less"


def _whose(row: Mapping[str, Any], told: Told) -> str:
    if row["in_first"] and row["in_second"]:
        return ""
    return f" ({told.first if row['in_first'] else told.second} alone)"


def markdown(found: Comparison, told: Told, pictures: Mapping[str, str], plot: str = "") -> str:
    """Return the report for people.

    Args:
        found: what came out.
        told: beside it.
        pictures: names of the files of pictures beside it, each with the image that it is of.
        plot: name of the file beside it that shows the confusion; empty: there is none.
    """
    parts = (
        _head(found, told),
        _classes(found, told),
        _confusion(found),
        [f"![{plot}]({plot})\n"] if plot else [],
        _images(found),
        _pictures(pictures),
        _passed_over(found),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(found: Comparison, told: Told) -> Iterator[str]:
    yield f"# {plain_text(told.first)} and {plain_text(told.second)}, compared\n"
    made = ", ".join(f"{name} {version}" for name, version in told.versions.items())
    yield f"{told.date}: `{visible(told.command)}`. {made}.\n"
    yield f"{images_line(found)}; counted are {told.counted}.\n"
    if found.drawn is not None:
        line = plain_text(sample_line(found.drawn, found))
        yield f"{line[0].upper()}{line[1:]}. Counted is what both have decided of it.\n"
    yield "| | compared | both say the same | share | Cohen's κ | 95 % interval |"
    yield "|---|---|---|---|---|---|"
    for what, agreement, estimate in estimates(found):
        interval = "–"
        if not np.isnan(estimate.low):
            interval = f"{estimate.low:.{DIGITS}f} to {estimate.high:.{DIGITS}f}"
        yield (
            f"| {what} | {agreement.total:,} | {agreement.agreed:,} | {number(agreement.share, DIGITS)} "
            f"| {number(agreement.kappa, DIGITS)} | {interval} |"
        )
    yield ""
    yield (
        f"Regions are those that are the same pixels in both and that both have decided: "
        f"{found.regions.total:,} of {found.first_decided:,} that were decided in {plain_text(told.first)} "
        f"and {found.second_decided:,} in {plain_text(told.second)}. The interval is the jackknife's over "
        "images, as if these had been drawn from many; of regions that were drawn one by one over regions.\n"
    )


def _classes(found: Comparison, told: Told) -> Iterator[str]:
    first, second = plain_text(told.first), plain_text(told.second)
    yield "## Classes\n"
    yield f"| class | IoU | pixels in {first} | pixels in {second} | mixed up most with | is in |"
    yield "|---|---|---|---|---|---|"
    for row in class_rows(found):
        both = row["in_first"] and row["in_second"]
        where = "both" if both else (first if row["in_first"] else second)
        yield (
            f"| {plain_text(row['name'])} | {number(row['iou'], DIGITS)} | {row['first_pixels']:,} "
            f"| {row['second_pixels']:,} | {plain_text(row['mixed_up_with'])} | {where} |"
        )
    yield ""


def _confusion(found: Comparison) -> Iterator[str]:
    for what, agreement in (("Pixels", found.pixels), ("Regions", found.regions)):
        counts = agreement.counts
        used = np.flatnonzero(counts.any(axis=0) | counts.any(axis=1))
        if not len(used):
            continue
        names = [plain_text(found.names[place]) for place in used]
        yield f"## {what}: what the first says (rows), and the second (columns)\n"
        yield f"| | {' | '.join(names)} |"
        yield f"|---|{'---|' * len(names)}"
        for name, place in zip(names, used, strict=True):
            yield f"| {name} | {' | '.join(f'{counts[place, other]:,}' for other in used)} |"
        yield ""


def _images(found: Comparison) -> Iterator[str]:
    worst = found.worst_first()
    yield "## Images on which they differ\n"
    if not worst:
        yield "None.\n"
        return
    yield "| image | pixels that differ | share | regions that differ |"
    yield "|---|---|---|---|"
    for image in worst[:_LISTED]:
        yield (
            f"| {plain_text(image.title)} | {image.differing:,} | {image.share:.1%} "
            f"| {image.differing_regions:,} of {image.regions:,} |"
        )
    yield ""
    if len(worst) > _LISTED:
        yield f"And {count(len(worst) - _LISTED, 'image')} less, which the JSON beside this lists.\n"


def _pictures(pictures: Mapping[str, str]) -> Iterator[str]:
    for name, title in pictures.items():
        yield f"{plain_text(title)}:\n\n![{name}]({name})\n"


def _passed_over(found: Comparison) -> Iterator[str]:
    if not found.passed_over:
        return
    yield "## Passed over\n"
    for line in found.passed_over[:_LISTED]:
        yield f"- {plain_text(line)}"
    if len(found.passed_over) > _LISTED:
        yield f"- and {len(found.passed_over) - _LISTED:,} more"
    yield ""


def to_json(found: Comparison, told: Told) -> str:
    """Return everything: figures, classes, images, and the counts that they are made of."""
    document = {
        "format": FORMAT,
        "date": told.date,
        "command": told.command,
        "versions": dict(told.versions),
        "first": told.first,
        "second": told.second,
        "counted": told.counted,
        **{
            what: _figures_of(agreement, estimate) for what, agreement, estimate in estimates(found)
        },
        "regions_decided": {"first": found.first_decided, "second": found.second_decided},
        "labels": list(found.names),
        "classes": class_rows(found),
        "images": [
            asdict(image) | {"share": image.share}
            for image in sorted(found.images, key=lambda image: (-image.share, image.title))
        ],
        "in_first_alone": list(found.first_alone),
        "in_second_alone": list(found.second_alone),
        "passed_over": list(found.passed_over),
        "not_verified": found.not_verified,
        "sample": None if found.drawn is None else _sample_of(found.drawn, found),
    }
    return json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _sample_of(drawn: Drawn, found: Comparison) -> dict[str, Any]:
    estimate = None if found.elsewhere else asdict(found.estimate)
    return asdict(drawn) | {"looked_at": found.looked, "estimate": estimate}


def _figures_of(agreement: Agreement, estimate: Estimate) -> dict[str, Any]:
    return {
        "compared": agreement.total,
        "agreed": agreement.agreed,
        "share": agreement.share,
        "kappa": agreement.kappa,
        "low": estimate.low,
        "high": estimate.high,
        "confusion": agreement.counts.tolist(),
    }
