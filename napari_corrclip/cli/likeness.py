"""The work of ``napari-corrclip project like``: a region's like, as a table and as JSON."""

from __future__ import annotations

import json as document
from pathlib import Path

from napari_corrclip.cli.console import say, tell
from napari_corrclip.cli.targets import check_file
from napari_corrclip.errors import InputError
from napari_corrclip.project.likeness import LikeRegion, LikeRegions
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.wording.amounts import count

SHOWN = 10
"""So many images that could not be compared are told one by one."""


def like(
    folder: Path,
    image: str,
    region: int,
    *,
    most: int,
    undecided: bool,
    of: str | None,
    elsewhere: bool,
    json: Path | None,
) -> None:
    """List a region's like; see the command's help.

    Raises:
        InputError: there is no such image, region or class, or no vectors; the file cannot be written.
    """
    if json is not None:
        check_file(json)
    with Project.open(folder, read_only=True) as project:
        items = project.items_named(image)
        if len(items) != 1:
            raise InputError(
                f"{image!r} fits {len(items):,} images; name the one that has the region."
            )
        found = project.like(
            items[0], region, most=most, undecided=undecided, of=of, elsewhere=elsewhere
        )
        if json is not None:
            json.absolute().parent.mkdir(parents=True, exist_ok=True)
            text = document.dumps(
                to_document(items[0], region, found), indent=2, ensure_ascii=False
            )
            write_bytes(json, f"{text}\n".encode())
        for line in found.left_out[:SHOWN]:
            say(f"Not compared: {line}")
        if len(found.left_out) > SHOWN:
            say(f"and {len(found.left_out) - SHOWN:,} more")
        if found.regions:
            tell(*table(found.regions))
        tell(
            f"{count(len(found.regions), 'region')} of {found.compared:,} that region {region} of "
            f"{items[0].title} was compared with"
        )
        if json is not None:
            tell(str(json))


def table(regions: tuple[LikeRegion, ...]) -> list[str]:
    """Return a line a region: cosine, id, class, what was decided, image."""
    if not regions:
        return []
    rows = [("cosine", "region", "class", "decided", "image")]
    for each in regions:
        cosine = f"{each.cosine:.3f}"
        rows.append((cosine, str(each.region), each.name, each.state or "-", each.item.title))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    one, two, three, four = widths
    return [
        f"{row[0]:>{one}}  {row[1]:>{two}}  {row[2]:<{three}}  {row[3]:<{four}}  {row[4]}"
        for row in rows
    ]


def to_document(item: ItemRecord, region: int, found: LikeRegions) -> dict[str, object]:
    """Return what was found as plain JSON, boxes as :class:`LikeRegion` has them."""
    return {
        "image": item.title,
        "region": region,
        "compared": found.compared,
        "left_out": list(found.left_out),
        "regions": [
            {
                "image": each.item.title,
                "region": each.region,
                "class": each.name,
                "value": each.value,
                "state": each.state,
                "box": list(each.box),
                "cosine": round(each.cosine, 6),
            }
            for each in found.regions
        ],
    }
