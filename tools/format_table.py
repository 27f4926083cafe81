"""The table of formats in docs/how-to/export.md, out of the formats themselves.

python -m tools.format_table            # writes it
python -m tools.format_table --check    # exit code 1 where it is stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from napari_corrclip.project.export.format import Format
from napari_corrclip.project.export.formats import FORMATS

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "export.md"
BEGIN, END = "<!-- formats -->", "<!-- end of formats -->"
PROVED = {
    "indexed": "Pillow, by the tests",
    "coco": "pycocotools, supervision, datumaro",
    "coco-panoptic": "datumaro, hotcoco",
    "yolo": "supervision, OpenCV by Ultralytics' rule",
    "cvat": "datumaro, of which CVAT's import is made",
    "label-studio": "label-studio-sdk, Label Studio's server",
    "geojson": "shapely",
    "ome-zarr": "ome-zarr-models, ngio, ome-zarr-py, napari-ome-zarr",
    "huggingface": "datasets",
}
"""Who of others has read each format, and found it right: docs/export/foreign.md."""
LACKS = {
    "indexed": "decisions, scores; regions, unless masks are both",
    "coco": "regions without a class, who saw what; predictions of corrected regions",
    "coco-panoptic": "regions without a class, who saw what; predictions of corrected regions",
    "yolo": "regions of several parts as one, scores, decisions, values",
    "cvat": "decisions, scores; regions beyond 255 an image",
    "label-studio": "numbers of classes, ignored regions",
    "geojson": "predictions of corrected regions",
    "ome-zarr": "predictions of corrected regions",
    "huggingface": "decisions, scores, regions",
}
"""What the manifest adds."""
IGNORED = {"geojson": "objects of the class `Ignore*`"}
"""What becomes of ignored regions, where it is no number and not nothing."""


def table() -> str:
    """Return the table."""
    rows = [
        "| `--format` | | labels | masks | no class | ignored | classes | read by | the manifest adds |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(name, format_) for name, format_ in FORMATS.items() if format_.writer is not None),
    ]
    others = "\n".join(
        f"`{name}` is read alone: {format_.title[0].lower()}{format_.title[1:]}. {format_.tip}"
        for name, format_ in FORMATS.items()
        if format_.writer is None
    )
    return "\n".join(rows) + f"\n\n{others}"


def _row(name: str, format_: Format) -> str:
    choices = format_.choices
    first = "as in the project" if choices.first == "keep" else f"from {choices.first} on"
    if choices.background == "unlabelled":
        first += ", without background"
    cells = [
        f"`{name}`",
        format_.title,
        "exact" if format_.exact else "polygons",
        ", ".join(format_.masks),
        _number(choices.unlabelled),
        IGNORED.get(
            name, _number(choices.unlabelled if choices.ignored is None else choices.ignored)
        ),
        first,
        PROVED[name],
        LACKS[name],
    ]
    return f"| {' | '.join(cells)} |"


def _number(number: int | None) -> str:
    return "in no mask" if number is None else str(number)


def filled(page: str) -> str:
    """Return the page with what stands between its marks written anew."""
    begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:begin]}\n\n{table()}\n\n{page[end:]}"


def main(arguments: Iterator[str] | None = None) -> None:
    """Write the table, or look whether it is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(None if arguments is None else list(arguments))
    page = PAGE.read_text(encoding="utf-8")
    new = filled(page)
    if options.check:
        sys.exit(int(page != new))
    PAGE.write_text(new, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
