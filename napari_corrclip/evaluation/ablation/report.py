"""The report of an ablation: tables for people, and JSON with all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from napari_corrclip.evaluation.ablation.measuring import Measured
from napari_corrclip.evaluation.ablation.published import ABLATION, CONDITIONS, SETS, SIMILARITIES
from napari_corrclip.evaluation.effort.reporting.cells import plain, plain_text
from napari_corrclip.evaluation.resampling import FEWEST, RESAMPLES, SEED, Interval
from napari_corrclip.wording.amounts import count

_PARTS = (
    (
        "Stages",
        "Each stage has everything of the one above it, with which it is compared.",
        tuple(ABLATION),
    ),
    (
        "Branches",
        "Everything else on, map correction too; compared with all branches together (full).",
        ("full", "main", "spatial", "semantic"),
    ),
    (
        "Similarities",
        "The full method each; compared with the one that the preset takes.",
        tuple(SIMILARITIES),
    ),
)


@dataclass(frozen=True)
class Run:
    """The circumstances of a measuring, to be kept beside its figures.

    Attributes:
        command: that was given.
        preset: of the networks.
        settings: of the full method, by name.
        versions: of the packages.
        device: that computed.
        date: ISO 8601.
        notes: what has to be known to read the figures, a sentence each.
    """

    command: str
    preset: str
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    device: str
    date: str
    notes: tuple[str, ...] = ()


def markdown(measured: Measured, run: Run) -> str:
    """Return the tables of an ablation, with what was run."""
    return "\n".join(["# Ablation\n", *head(measured, run), *tables(measured)])


def head(measured: Measured, run: Run) -> Iterator[str]:
    """Yield what was run, and how its figures are to be read."""
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    yield (
        f"`{run.command}`, {run.date}: {plain_text(measured.title)}, preset {run.preset} on {run.device} "
        f"({versions}).\n"
    )
    for note in run.notes:
        yield f"{plain_text(note)}\n"
    yield (
        "Figures are mean IoU in percent over all pixels of the set. In brackets the difference from the row "
        f"it is compared with and the 95 % interval of a paired bootstrap: images are drawn anew {RESAMPLES} "
        f"times (seed {SEED}), both rows' pixel counts added up over the same draws; of fewer than {FEWEST} "
        "images none is told. **Bold**: the whole interval is on one side of 0. Changed: pixels labelled "
        "otherwise than by the row it is compared with; of all pixels, those that became right and those "
        "that became wrong. Seconds an image (on a CPU the processor's): of encoding and classifying, at "
        "most as if the row ran alone; towers and regions are computed once and shared. "
        f"{CONDITIONS}\n"
    )


def tables(measured: Measured) -> Iterator[str]:
    """Yield a table for each source of regions and part of the ablation."""
    for source in measured.sources:
        first = next(iter(measured.rows))
        found, seconds = measured.regions(source, first), measured.seconds(source, first)
        yield f"## Regions: {source}\n"
        yield f"{count(round(found), 'region')} an image, found in {seconds['regions']:.2f} s.\n"
        for title, said, names in _PARTS:
            rows = [name for name in names if name in measured.rows]
            if len(rows) > 1:
                yield f"### {title}, {source}\n"
                yield f"{said}\n"
                yield from table(measured, source, rows)


def table(measured: Measured, source: str, rows: Sequence[str]) -> Iterator[str]:
    """Yield a table of some rows, with the paper's figures beside."""
    groups = [group for group in measured.groups if group.shown]
    staged = any(row in ABLATION and row != "full" for row in rows)
    alike = any(row in SIMILARITIES for row in rows)
    columns = [
        "",
        *(group.title for group in groups),
        "changed: right / wrong",
        "s an image",
        *([f"paper: {' / '.join(SETS)}"] if staged else []),
        *([f"paper: {SETS[0]}"] if alike else []),
    ]
    yield "| " + " | ".join(columns) + " |"
    yield "|---" * len(columns) + "|"
    for row in rows:
        against = measured.rows[row]
        against = against if against in rows else ""
        spent = measured.seconds(source, row)
        cells = [
            measured.titles[row],
            *(cell(measured, source, row, against, group.name) for group in groups),
            shares(measured, source, row) if against else "",
            f"{spent['encode'] + spent['classify']:.2f}",
        ]
        if staged:
            cells.append(" / ".join(f"{value:.1f}" for value in ABLATION.get(row, ())))
        if alike:
            cells.append(f"{SIMILARITIES[row]:.1f}" if row in SIMILARITIES else "")
        yield "| " + " | ".join(cells) + " |"
    yield ""


def cell(measured: Measured, source: str, row: str, against: str, group: str) -> str:
    """Return a figure in percent, with the difference from another row and its interval."""
    score = percent(measured.score(source, row, group))
    if not against:
        return score
    return f"{score} ({difference(measured.difference(source, row, against, group))})"


def percent(value: float) -> str:
    """Return a share in percent; a dash where it cannot be told."""
    return "–" if value != value else f"{100 * value:.1f}"


def difference(found: Interval) -> str:
    """Return a difference in points with its interval if that is told, bold where it is on one side of 0."""
    if found.value != found.value:
        return "–"
    text = f"{100 * found.value:+.1f}"
    if found.told:
        text += f", {100 * found.low:+.1f} to {100 * found.high:+.1f}"
    return f"**{text}**" if found.above_zero or found.below_zero else text


def shares(measured: Measured, source: str, row: str) -> str:
    """Return which pixels a row changes: all, those that become right, those that become wrong."""
    changed, repaired, broken = (100 * share for share in measured.changes(source, row))
    return f"{changed:.2f} %: {repaired:.2f} / {broken:.2f}"


def to_json(measured: Measured, run: Run, **more: object) -> str:
    """Return everything as JSON.

    Args:
        measured: the figures.
        run: what was run.
        more: other parts of the document, by name.
    """
    document = {
        **asdict(run),
        "resamples": RESAMPLES,
        "seed": SEED,
        **document_of(measured),
        "published": {
            "sets": SETS,
            "ablation": {name: list(values) for name, values in ABLATION.items()},
            "similarities": dict(SIMILARITIES),
        },
        **more,
    }
    return json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def document_of(measured: Measured) -> dict[str, object]:
    """Return the figures of rows on a set, by name."""
    return {
        "set": measured.name,
        "title": measured.title,
        "images": measured.images,
        "sources": {
            source: {row: _row(measured, source, row) for row in measured.rows}
            for source in measured.sources
        },
    }


def _row(measured: Measured, source: str, row: str) -> dict[str, object]:
    against = measured.rows[row]
    changed, repaired, broken = measured.changes(source, row)
    return {
        "title": measured.titles[row],
        "against": against,
        "groups": {
            group.name: {
                "miou": asdict(measured.interval(source, row, group.name)),
                "difference": asdict(measured.difference(source, row, against, group.name))
                if against
                else None,
            }
            for group in measured.groups
        },
        "changed": changed,
        "repaired": repaired,
        "broken": broken,
        "seconds": measured.seconds(source, row),
        "regions": measured.regions(source, row),
    }
