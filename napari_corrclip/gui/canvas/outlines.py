"""The outlines of a session's regions: what a person decided, ignored, selected, and what is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray

from napari_corrclip.annotation import Changed, Session
from napari_corrclip.annotation.region import Region
from napari_corrclip.gui.canvas.cover import Dot, Drawing
from napari_corrclip.gui.canvas.painter import View, paint, spot, tint
from napari_corrclip.gui.canvas.schemes import HIGHLIGHTS, Kind, Level, Scheme, packed, scheme
from napari_corrclip.images.boxes import Box

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

NO_CLASS = (190, 190, 190)
"""The colour of what was decided to be of no class."""
KEPT, CUT = 1, 2
"""The parts of a region that is divided."""
PART_COLORS = {KEPT: (25, 190, 240), CUT: (240, 50, 165)}
_TINTS = np.array([0, *(packed(*color, 150) for color in PART_COLORS.values())], np.uint32)
TINY = 3
"""Widths of a line, on the screen, under which what stands out becomes a spot."""


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """A region that is to be divided.

    Attributes:
        box: of the region.
        parts: (h, w) in the box: ``KEPT``, ``CUT``, or 0 outside the region.
        dots: the places that were clicked.
    """

    box: Box
    parts: NDArray[np.uint8]
    dots: tuple[Dot, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """The choice of regions that are outlined; what stands out is so whatever is chosen.

    Attributes:
        any: whether any are.
        decided_only: whether only what was decided is.
        of_class: the label value of the class that alone is; ``None``: those of all are.
    """

    any: bool = True
    decided_only: bool = False
    of_class: int | None = None


class Outlines(Drawing):
    """The outlines over the canvas, in pixels of the screen.

    Args:
        viewer: whose canvas it is.
        layer: the ids of the regions, also of a stroke that is being drawn.
        session: says what they are.

    Attributes:
        selected, marked: ids of what stands out; what is selected more so.
        division: a region that is to be divided.
        shown: which regions are outlined beside these.
    """

    def __init__(self, viewer: ViewerModel, layer: Labels, session: Session) -> None:
        self._viewer = viewer
        self._layer = layer
        self._session = session
        self.selected: frozenset[int] = frozenset()
        self.marked: frozenset[int] = frozenset()
        self.division: Division | None = None
        self.shown = Shown()
        self._veiled = False
        self._ids = np.empty(0, np.int64)
        self._kinds = np.empty(0, np.uint8)
        self._values = np.empty(0, np.int64)
        self._boxes = np.empty((0, 4), np.int64)
        self._are_read = False
        self._scheme: Scheme | None = None
        super().__init__(viewer, layer)
        layer.events.set_data.connect(self.refresh)
        layer.events.labels_update.connect(self.refresh)
        layer.events.visible.connect(self._look_anew)

    def close(self) -> None:
        """Draw nothing more."""
        super().close()
        events = self._layer.events
        events.set_data.disconnect(self.refresh)
        events.labels_update.disconnect(self.refresh)
        events.visible.disconnect(self._look_anew)

    # -- what is drawn

    def select(self, regions: Iterable[int]) -> None:
        """Have exactly these regions look selected."""
        self.selected = frozenset(regions)
        self._look_anew()

    def mark(self, regions: Iterable[int]) -> None:
        """Mark exactly these regions."""
        self.marked = frozenset(regions)
        self._look_anew()

    def divide(self, division: Division | None) -> None:
        """Show how a region would be divided, or no more."""
        self.division = division
        self.refresh()

    def veil(self, on: bool) -> None:
        """Draw nothing for a while."""
        self._veiled = on
        self.refresh()

    def show(self, shown: Shown) -> None:
        """Outline others than before."""
        self.shown = shown
        self._look_anew()

    def clear(self) -> None:
        """Let nothing stand out any more."""
        self._veiled = False
        self.division = None
        self.selected = self.marked = frozenset()
        self._look_anew()

    def changed(self, changed: Changed) -> None:
        """Follow an edit of the session."""
        rows = [
            row for region in changed.updated if (row := self._session.find(region)) is not None
        ]
        if changed.vocabulary or changed.removed or not self._are_read:
            self._are_read = False
        elif rows:
            told = [row.id for row in rows]
            at = self._ids.searchsorted(told)
            if at.max() < len(self._ids) and np.array_equal(self._ids[at], told):
                self._kinds[at] = [_kind(row) for row in rows]
                self._values[at] = [row.value for row in rows]
                self._boxes[at] = [row.box for row in rows]
            else:
                self._are_read = False
        self._look_anew()

    def _look_anew(self, _event: object = None) -> None:
        self._scheme = None
        self.refresh()

    # -- the content of the cover

    def painted(self, view: View) -> NDArray[np.uint32]:
        """Return the picture of a view."""
        if self._veiled or self._layer not in self._viewer.layers:
            return np.zeros(view.size, np.uint32)
        if self._scheme is None:
            self._scheme = self._made_scheme()
        regions = np.asarray(self._layer.data)
        picture = paint(regions, view, self._scheme)
        for level, outstanding in self._outstanding():
            sides = self._boxes[outstanding, 2:] - self._boxes[outstanding, :2]
            tiny = outstanding[sides.max(axis=1, initial=0) * view.zoom < TINY * view.width]
            middles = (self._boxes[tiny, :2] + self._boxes[tiny, 2:]) / 2
            spot(picture, view, middles, HIGHLIGHTS[level][0])
        if self.division is not None:
            box = self.division.box
            inside = tint(self.division.parts, (box[0], box[1]), view, _TINTS)
            np.copyto(picture, inside, where=inside != 0)
        return picture

    def dots(self) -> Sequence[Dot]:
        """Return the dots over it."""
        return () if self.division is None or self._veiled else self.division.dots

    def _made_scheme(self) -> Scheme:
        if not self._are_read:
            self._read()
        vocabulary = self._session.vocabulary
        kinds = self._kinds
        shown = self.shown
        if not shown.any or not self._layer.visible:
            kinds = np.zeros_like(kinds)
        if shown.decided_only:
            kinds = np.where(kinds == Kind.UNDECIDED, Kind.HIDDEN, kinds)
        if shown.of_class is not None:
            kinds = np.where(self._values == shown.of_class, kinds, Kind.HIDDEN)
        levels = np.zeros(len(self._ids), np.uint8)
        for level, outstanding in self._outstanding():
            levels[outstanding] = level
        values = np.array([0, *vocabulary.values], np.int64)
        palette = np.array(
            [NO_CLASS, *(vocabulary.colors[value] for value in vocabulary.values)], np.uint8
        )
        order = values.argsort()
        at = values[order].searchsorted(self._values).clip(0, len(values) - 1)
        return scheme(self._ids, kinds, order[at], palette, levels)

    def _outstanding(self) -> Iterator[tuple[Level, NDArray[np.intp]]]:
        """Yield the levels, the lower one first, and which regions are of each."""
        for level, regions in ((Level.MARKED, self.marked), (Level.SELECTED, self.selected)):
            if regions:
                yield level, np.flatnonzero(np.isin(self._ids, list(regions)))

    def _read(self) -> None:
        rows = self._session.rows()
        count = len(rows)
        self._ids = np.fromiter((row.id for row in rows), np.int64, count)
        self._kinds = np.fromiter((_kind(row) for row in rows), np.uint8, count)
        self._values = np.fromiter((row.value for row in rows), np.int64, count)
        self._boxes = np.array([row.box for row in rows], np.int64).reshape(count, 4)
        self._are_read = True


def _kind(row: Region) -> Kind:
    if row.verdict is None:
        return Kind.UNDECIDED
    return Kind.IGNORED if row.verdict.kind == "ignored" else Kind.DECIDED


class FoundOutlines(Drawing):
    """The outlines of regions that were found, while their classes are not known yet.

    Args:
        viewer: whose canvas it is.
        regions: (H, W) ids; 0 = no region.
        spatial: ``scale``, ``translate`` and the like of the image's two axes.
    """

    def __init__(
        self, viewer: ViewerModel, regions: NDArray[np.integer], spatial: Mapping[str, Any]
    ) -> None:
        self._regions = regions
        ids = np.arange(1, int(regions.max(initial=0)) + 1)
        undecided = np.full(len(ids), Kind.UNDECIDED)
        self._scheme = scheme(ids, undecided, np.zeros_like(ids), np.empty((0, 3), np.uint8))
        # It is in no list: it says where the image lies.
        super().__init__(viewer, Points(ndim=2, **spatial))

    def painted(self, view: View) -> NDArray[np.uint32]:
        """Return the picture of a view."""
        return paint(self._regions, view, self._scheme)

    def dots(self) -> Sequence[Dot]:
        """Return the dots over it: none."""
        return ()
