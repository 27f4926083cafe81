"""The edits that make several regions of one: by its connected parts, by clicks, by a mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation.change import Change, Plan, Swap
from napari_corrclip.annotation.edits.targets import mask_of, points_of, region_of
from napari_corrclip.annotation.region import Region
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import State
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box, padded, window
from napari_corrclip.wording.amounts import count

Points = Sequence[Sequence[float]]
"""(row, column) pairs in pixels."""

Click = Callable[[NDArray[np.int64], NDArray[np.bool_]], NDArray[np.bool_] | None]
"""(n, 2) points and whether each is on the thing -> (H, W) mask of the thing; ``None``: cannot tell."""


def split(state: State, region: int) -> Plan:
    """Make a region of each connected part (by pixel sides); the largest keeps the id."""
    from skimage.measure import label

    row = _divisible(state, region)
    inside = state.regions[window(row.box)] == row.id
    parts = label(inside, connectivity=1)
    sizes = np.bincount(parts.ravel())[1:]
    if len(sizes) < 2:
        raise InputError(f"Region {row.id} is in one piece; split it by clicks or by a mask.")
    rank = np.empty(len(sizes) + 1, np.int64)
    rank[0] = 0
    rank[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, len(sizes) + 1)
    return _divide(state, row, rank[parts])


def split_mask(state: State, region: int, mask: NDArray[np.bool_]) -> Plan:
    """Give what lies in ``mask``, (H, W) bool, an id of its own; the rest keeps the region's."""
    row = _divisible(state, region)
    where = window(row.box)
    inside = state.regions[where] == row.id
    return _divide(state, row, _cut(inside, mask_of(state, mask)[where]))


def split_points(
    state: State,
    region: int,
    keep: Points,
    cut: Points,
    *,
    image: NDArray[np.uint8] | None = None,
    click: Click | None = None,
) -> Plan:
    """Cut away the part on which the ``cut`` points lie from that on which the ``keep`` points do."""
    _, parts = split_preview(state, region, keep, cut, image=image, click=click)
    return _divide(state, region_of(state, region), parts)


def split_preview(
    state: State,
    region: int,
    keep: Points,
    cut: Points,
    *,
    image: NDArray[np.uint8] | None = None,
    click: Click | None = None,
) -> tuple[Box, NDArray[np.integer]]:
    """Say how :func:`split_points` would divide a region; nothing is planned.

    SAM's decoder tells the part, where there is one and its mask divides the region as the clicks
    do; else a watershed from the points on the image's edges.

    Returns:
        The region's box, and (h, w) in it: 1 what stays, 2 what is cut away, 0 outside the region.
    """
    divider = Divider(state, region, image=image, click=click)
    return divider.box, divider.divide(*divider.points(keep, cut))


class Divider:
    """A divider of one region by clicks, again and again; see :func:`split_preview`.

    Its edges are computed once. :meth:`divide` may run in another thread while the state is edited: it
    tells of the region as it was.

    Args:
        state: as it is.
        region: the one to divide.
        image: (H, W, 3) uint8.
        click: SAM's decoder.

    Raises:
        InputError: there is no such region, or it is a single pixel.

    Attributes:
        box: the region's.
    """

    def __init__(
        self,
        state: State,
        region: int,
        *,
        image: NDArray[np.uint8] | None = None,
        click: Click | None = None,
    ) -> None:
        self._state = state
        self._row = _divisible(state, region)
        self._inside = state.regions[window(self._row.box)] == self._row.id
        self._image = image
        self._click = click
        self._edges: NDArray[np.float32] | None = None

    @property
    def box(self) -> Box:
        """The region's box."""
        return self._row.box

    def points(self, keep: Points, cut: Points) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (n, 2) rows and columns of the points that stay, and of those that are cut away.

        Raises:
            InputError: they cannot divide it.
        """
        kept = points_of(self._state, self._row, keep, "keep")
        away = points_of(self._state, self._row, cut, "cut")
        if set(map(tuple, kept.tolist())) & set(map(tuple, away.tolist())):
            raise InputError("A point is both to keep and to cut; click on different pixels.")
        return kept, away

    def divide(self, kept: NDArray[np.int64], away: NDArray[np.int64]) -> NDArray[np.integer]:
        """Return (h, w) in the box: 1 what stays, 2 what is cut away, 0 outside the region.

        Raises:
            InputError: that takes the image, and there is none.
        """
        row, inside = self._row, self._inside
        if self._click is not None:
            points = np.concatenate([away, kept])
            mask = self._click(points, np.arange(len(points)) < len(away))
            if mask is not None and mask[tuple(away.T)].all() and not mask[tuple(kept.T)].any():
                return _cut(inside, mask[window(row.box)])
        if self._image is None:
            raise InputError(
                f"Region {row.id} cannot be split by clicks without the image; open the session with it, "
                "or split by a mask."
            )
        if self._edges is None:
            self._edges = _edges(self._image, row.box)
        corner = np.array(row.box[:2])
        return _watershed(self._edges, inside, kept - corner, away - corner)


def _edges(image: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
    """Return (h, w) float32, the strongest edge of the three colours at each pixel of ``box``."""
    from skimage.filters import sobel

    # One pixel around, so that the border of the box makes no edge.
    around = padded(box, 1, image.shape[:2])
    part = image[window(around)]
    edges = np.zeros(part.shape[:2], np.float32)
    for plane in range(3):  # one at a time: a large region is a large part of the memory
        np.maximum(edges, sobel(part[..., plane].astype(np.float32) / 255), out=edges)
    top, left = box[0] - around[0], box[1] - around[1]
    return edges[top : top + box[2] - box[0], left : left + box[3] - box[1]]


def _watershed(
    edges: NDArray[np.float32],
    inside: NDArray[np.bool_],
    kept: NDArray[np.int64],
    away: NDArray[np.int64],
) -> NDArray[np.integer]:
    from skimage.segmentation import watershed

    seeds = np.zeros(inside.shape, np.int32)
    seeds[tuple(kept.T)] = 1
    seeds[tuple(away.T)] = 2
    flooded = watershed(edges, seeds, mask=inside)
    # A part that no flood reaches stays with the region.
    parts: NDArray[np.integer] = np.where(inside, np.maximum(flooded, 1), 0)
    return parts


def _divisible(state: State, region: int) -> Region:
    row = region_of(state, region)
    if row.area < 2:
        raise InputError(f"Region {row.id} is a single pixel; there is nothing to split.")
    return row


def _cut(inside: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Number the pixels of a region: 2 in the mask, 1 in the rest, 0 outside the region."""
    return inside.view(np.uint8) + (inside & mask)


def _divide(state: State, row: Region, parts: NDArray[np.integer]) -> Plan:
    """Plan that part 1 keeps the id and each other one gets a new id.

    All inherit an assigned class; otherwise they vote anew.

    Args:
        state: as it is.
        row: the region.
        parts: (h, w) in the region's box, 1 to n in the region, 0 outside it.
    """
    pieces = int(parts.max())
    if pieces < 2 or not (parts == 1).any():
        raise InputError(
            f"The cut leaves region {row.id} in one piece; mark a part of it, not all or nothing."
        )
    ids = np.array([0, row.id, *state.new_ids(pieces - 1)], np.int32)
    before = state.regions[window(row.box)]
    after = np.where(parts > 0, ids[parts], before)
    patch = Patch.between(before, after, row.box)
    assert patch is not None
    verdicts = {}
    notes: tuple[str, ...] = ()
    if row.verdict is not None and row.verdict.kind == "assigned":
        verdicts = {part: Swap(None, row.verdict) for part in ids[2:].tolist()}
    elif row.verdict is not None:
        verdicts = {row.id: Swap(row.verdict, None)}
        notes = (f"Region {row.id} was {row.verdict.kind} as a whole; its parts are undecided.",)
    voting = state.votings.get(row.id)
    votings = {} if voting is None else {part: Swap(None, voting) for part in ids[2:].tolist()}
    title = f"Split region {row.id} into {count(pieces, 'part')}"
    return Plan(title, Change({"regions": patch}, verdicts, votings), notes)
