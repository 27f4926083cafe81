"""The small pictures of a sheet: each region of a page in what lies around it, with a line around it.

Regions are those that an item has now, a person's splits and merges among them. Images are read as they were
when they were run, upright and of a stack the item's plane, each once for all its regions that are wanted.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import restore
from napari_corrclip.annotation.files.log import has_session
from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress
from napari_corrclip.project.crops import ON_SHEET, Framing, crop_of
from napari_corrclip.project.folder import (
    RESULT,
    SESSION,
    file_now,
    image_in,
    is_large,
    item_folder,
)
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.reviewing import as_it_was_read, check_unchanged
from napari_corrclip.project.sheet.cache import CropCache
from napari_corrclip.project.sheet.regions import SheetRegion
from napari_corrclip.results.folder import read_regions


@dataclass(frozen=True, eq=False, slots=True)
class Crop:
    """The small picture of a region.

    Attributes:
        region: whose it is.
        pixels: (side, side, 3) uint8; ``None``: it cannot be made.
        problem: why it cannot, a sentence; else empty.
    """

    region: SheetRegion
    pixels: NDArray[np.uint8] | None
    problem: str = ""


def crop_steps(
    folder: Path, regions: Iterable[SheetRegion], cache: CropCache, framing: Framing = ON_SHEET
) -> Generator[Progress | Crop, None, int]:
    """Make pictures; see :meth:`~napari_corrclip.project.project.Project.crop_steps`."""
    by_item: dict[int, list[SheetRegion]] = {}
    for region in regions:
        by_item.setdefault(region.item.id, []).append(region)
    total, done = sum(map(len, by_item.values())), 0
    for some in by_item.values():
        yield Progress("make small pictures", done, total)
        for crop in crops_of(folder, some, cache, framing):
            yield crop
            done += 1
    return done


def crops_of(
    folder: Path, regions: list[SheetRegion], cache: CropCache, framing: Framing = ON_SHEET
) -> list[Crop]:
    """Return the pictures of regions of one item, of which nothing is read if all of them are kept.

    Args:
        folder: of the project.
        regions: of one item, at least one.
        cache: has those that were made, and keeps the others.
        framing: how large they are.
    """
    record = regions[0].item
    try:
        state = file_now(image_in(folder, record.path))
    except OSError:
        why = f"{record.title!r} is gone; put it back, or relink."
        return [Crop(region, None, why) for region in regions]
    stamps = {region.region: _stamp(state, region, framing) for region in regions}
    made: dict[int, Crop] = {}
    for region in regions:
        kept = cache.get(record.name, region.region, framing.side, stamps[region.region])
        if kept is not None:
            made[region.region] = Crop(region, kept)
    lacking = [region for region in regions if region.region not in made]
    if lacking:
        try:
            rgb, numbers = _read(folder, record)
        except InputError as error:
            return [made.get(region.region, Crop(region, None, str(error))) for region in regions]
        for region in lacking:
            crop = _cut(rgb, numbers, region, framing)
            made[region.region] = crop
            if crop.pixels is not None:
                cache.keep(record.name, region.region, stamps[region.region], crop.pixels)
    return [made[region.region] for region in regions]


def _stamp(state: tuple[int, int], region: SheetRegion, framing: Framing) -> str:
    """Return what tells a region's picture from that of another file, run, shape or framing.

    A stroke that leaves area and box of a region as they are leaves its picture, too.
    """
    said = (*state, region.run, region.area, *region.box, framing.around, framing.light)
    return " ".join(map(str, said))


def _read(folder: Path, record: ItemRecord) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return the pixels and the region map of an item as it is now.

    Raises:
        InputError: they cannot be read, the image was changed since, or is a large one.
    """
    place, image = item_folder(folder, record.name), image_in(folder, record.path)
    if is_large(place):
        raise InputError(f"{record.title!r} was run as a large image, of which no crops are made.")
    check_unchanged(record, image)
    rgb = read_plane(image, record.plane, as_it_was_read(place)).rgb
    corrected = has_session(place / SESSION)
    regions = restore(place / SESSION).regions if corrected else read_regions(place / RESULT)
    if regions.shape != rgb.shape[:2]:
        raise InputError(f"{record.title!r} was changed after it was run; run it again.")
    return rgb, regions


def _cut(
    rgb: NDArray[np.uint8], numbers: NDArray[np.int32], region: SheetRegion, framing: Framing
) -> Crop:
    """Return the picture of a region that lies where it is said to."""
    top, left, bottom, right = region.box
    inside = np.zeros(numbers.shape, bool)
    inside[top:bottom, left:right] = numbers[top:bottom, left:right] == region.region
    try:
        return Crop(region, crop_of(rgb, inside, framing))
    except InputError:
        why = f"{region.item.title!r} has no region {region.region} in its place any more."
        return Crop(region, None, why)
