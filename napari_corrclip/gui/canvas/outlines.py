"""The outlines of a session's regions: what a person decided, ignored, selected, and what is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray
from psygnal import Signal

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
        offered, marked, selected: ids of what stands out; the latter more so than the former.
        swept: ids of what is being given a class, and looks as if it had it.
        division: a region that is to be divided.
        shown: which regions are outlined beside these.

    Signals (psygnal):
        shown_changed: others are outlined than before.
    """

    shown_changed = Signal()

    def __init__(self, viewer: ViewerModel, layer: Labels, session: Session) -> None:
        self._viewer = viewer
        self._layer = layer
        self._session = session
        self.selected: frozenset[int] = frozenset()
        self.marked: frozenset[int] = frozenset()
        self.offered: frozenset[int] = frozenset()
        self.swept: frozenset[int] = frozenset()
        self._swept_value = 0
        self.division: Division | None = None
        self.shown = Shown()
        self._veiled = self._aside = False
        self._rows: _Rows | None = None
        self._scheme: Scheme | None = None
        super().__init__(viewer, layer)
        layer.events.set_data.connect(self.refresh)
        layer.events.labels_update.connect(self._drawn_on)
        layer.events.visible.connect(self._look_anew)

    def close(self) -> None:
        """Draw nothing more."""
        super().close()
        events = self._layer.events
        events.set_data.disconnect(self.refresh)
        events.labels_update.disconnect(self._drawn_on)
        events.visible.disconnect(self._look_anew)

    # -- what is drawn

    def select(self, regions: Iterable[int]) -> None:
        """Have exactly these regions look selected."""
        former, self.selected = self.selected, frozenset(regions)
        if self.selected != former:
            self._look_anew()

    def mark(self, regions: Iterable[int]) -> None:
        """Mark exactly these regions."""
        former, self.marked = self.marked, frozenset(regions)
        if self.marked != former:
            self._look_anew()

    def offer(self, regions: Iterable[int]) -> None:
        """Let exactly these regions stand out as those that would be of another class, until others do."""
        former, self.offered = self.offered, frozenset(regions)
        if self.offered != former:
            self._look_anew()

    def sweep(self, value: int, regions: Iterable[int]) -> None:
        """Have exactly these regions look as if they had just got the class of a label value."""
        former, self.swept = self.swept, frozenset(regions)
        self._swept_value = value
        if self.swept == former:
            return
        self._scheme = None
        other = np.isin(self._known().ids, list(self.swept ^ former))
        self.refresh_in(tuple(box) for box in self._known().boxes[other].tolist())

    def divide(self, division: Division | None) -> None:
        """Show how a region would be divided, or no more."""
        self.division = division
        self.refresh()

    def veil(self, on: bool) -> None:
        """Draw nothing for a while."""
        self._veiled = on
        self.refresh()

    def step_aside(self, on: bool) -> None:
        """Make way for other outlines of the same image, until these are wanted again."""
        if on != self._aside:
            self._aside = on
            self.refresh()

    def show(self, shown: Shown) -> None:
        """Outline others than before."""
        self.shown = shown
        self._look_anew()
        self.shown_changed.emit()

    def clear(self) -> None:
        """Let nothing stand out any more but what is offered."""
        self._veiled = False
        self.division = None
        self.selected = self.marked = self.swept = frozenset()
        self._look_anew()

    def changed(self, changed: Changed) -> None:
        """Follow an edit of the session."""
        rows = [
            row for region in changed.updated if (row := self._session.find(region)) is not None
        ]
        if changed.vocabulary or self._rows is None:
            self._rows = None
            self._look_anew()
            return
        self._rows = self._rows.replaced(changed.removed, rows)
        self._scheme = None
        self.refresh_in([*changed.regions, *(row.box for row in rows)])

    def _drawn_on(self, event: Any) -> None:
        """Follow a stroke, of which napari tells the box that was drawn on."""
        top, left = (int(place) for place in event.offset[-2:])
        rows, columns = event.data.shape[-2:]
        self.refresh_in([(top, left, top + rows, left + columns)])

    def _look_anew(self, _event: object = None) -> None:
        self._scheme = None
        self.refresh()

    # -- the content of the cover

    def painted(self, view: View) -> NDArray[np.uint32]:
        """Return the picture of a view."""
        if self._veiled or self._aside or self._layer not in self._viewer.layers:
            return np.zeros(view.size, np.uint32)
        if self._scheme is None:
            self._scheme = self._made_scheme()
        regions = np.asarray(self._layer.data)
        picture = paint(regions, view, self._scheme)
        for level, outstanding in self._outstanding():
            boxes = self._known().boxes[outstanding]
            sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
            tiny = boxes[sides * view.zoom < TINY * view.width]
            spot(picture, view, (tiny[:, :2] + tiny[:, 2:]) / 2, self._border_of(level))
        if self.division is not None:
            box = self.division.box
            inside = tint(self.division.parts, (box[0], box[1]), view, _TINTS)
            np.copyto(picture, inside, where=inside != 0)
        return picture

    def dots(self) -> Sequence[Dot]:
        """Return the dots over it."""
        return () if self.division is None or self._veiled or self._aside else self.division.dots

    def _known(self) -> _Rows:
        if self._rows is None:
            self._rows = _Rows.of(self._session.rows())
        return self._rows

    def _border_of(self, level: Level) -> int:
        if level is not Level.SWEPT:
            return HIGHLIGHTS[level][0]
        return packed(*self._session.vocabulary.colors.get(self._swept_value, NO_CLASS))

    def _made_scheme(self) -> Scheme:
        rows = self._known()
        kinds, shows = rows.kinds, rows.values
        shown = self.shown
        if not shown.any or not self._layer.visible:
            kinds = np.zeros_like(kinds)
        if shown.decided_only:
            kinds = np.where(kinds == Kind.UNDECIDED, Kind.HIDDEN, kinds)
        if shown.of_class is not None:
            kinds = np.where(rows.values == shown.of_class, kinds, Kind.HIDDEN)
        levels = np.zeros(len(rows.ids), np.uint8)
        for level, outstanding in self._outstanding():
            levels[outstanding] = level
            if level is Level.SWEPT:
                kinds, shows = kinds.copy(), shows.copy()
                kinds[outstanding], shows[outstanding] = Kind.DECIDED, self._swept_value
        colors = {0: NO_CLASS, **self._session.vocabulary.colors}
        values = np.array(sorted(colors), np.int64)
        palette = np.array([colors[value] for value in values.tolist()], np.uint8)
        return scheme(rows.ids, kinds, values.searchsorted(shows), palette, levels)

    def _outstanding(self) -> Iterator[tuple[Level, NDArray[np.intp]]]:
        """Yield the levels, the lower one first, and which regions are of each."""
        for level, regions in (
            (Level.OFFERED, self.offered),
            (Level.MARKED, self.marked),
            (Level.SELECTED, self.selected),
            (Level.SWEPT, self.swept),
        ):
            if regions:
                yield level, np.flatnonzero(np.isin(self._known().ids, list(regions)))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The part of regions that is drawn, by ascending id."""

    ids: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    values: NDArray[np.int64]
    boxes: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Region]) -> _Rows:
        count = len(rows)
        return cls(
            np.fromiter((row.id for row in rows), np.int64, count),
            np.fromiter((_kind(row) for row in rows), np.uint8, count),
            np.fromiter((row.value for row in rows), np.int64, count),
            np.array([row.box for row in rows], np.int64).reshape(count, 4),
        )

    def replaced(self, removed: Sequence[int], rows: Sequence[Region]) -> _Rows:
        """Return these without some, and with the present state of others."""
        new = _Rows.of(rows)
        kept = ~np.isin(self.ids, [*removed, *new.ids.tolist()])
        order = np.concatenate([self.ids[kept], new.ids]).argsort()
        return _Rows(
            np.concatenate([self.ids[kept], new.ids])[order],
            np.concatenate([self.kinds[kept], new.kinds])[order],
            np.concatenate([self.values[kept], new.values])[order],
            np.concatenate([self.boxes[kept], new.boxes])[order],
        )


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
