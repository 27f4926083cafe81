"""The two Labels layers of a session, kept in step with it in both directions.

The session is the truth and the layers show it: an edit of the session is copied into them, in the boxes
that it touched; a brush stroke on them becomes an edit of the session, or is wiped away with the reason
why. There is one history, the session's: the layers' own undo and redo are replaced by it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_corrclip.annotation import Changed, Edited, Region, Session
from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    from napari.components import ViewerModel

Tell = Callable[[str], object]
"""Shows a person a sentence."""

DELAY = 200
"""Milliseconds without an edit before the status bar's texts are written anew."""
PIXELS = 50_000
"""Up to so many changed pixels are drawn by themselves."""
CLEAR = (0.0, 0.0, 0.0, 0.0)


class SessionLayers:
    """Shows ``session`` as the layers ``labels`` and ``regions`` of ``viewer``.

    Args:
        viewer: gets the layers.
        session: what is shown and edited.
        spatial: ``scale``, ``translate`` and the like of the image's two axes.
        tell: is given a sentence after every stroke and undo, and for every refusal.

    Attributes:
        labels: uint16 classes, in the vocabulary's colours.
        regions: int32 ids, as outlines.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        *,
        spatial: Mapping[str, Any] | None = None,
        tell: Tell = lambda _: None,
    ) -> None:
        self.session = session
        self._tell = tell
        self._closed = False
        self._strokes: dict[Labels, NDArray[np.integer]] = {}
        where = dict(spatial or {})
        self.labels = Labels(
            session.labels.copy(),
            name="labels",
            opacity=0.4,
            colormap=class_colormap(session.vocabulary),
            features=class_features(session.vocabulary),
            **where,
        )
        self.regions = Labels(
            session.regions.copy(),
            name="regions",
            opacity=0.8,
            features=region_features(session.rows(), session.vocabulary),
            **where,
        )
        self.regions.contour = 1
        self._rows_of = {one: at for at, one in enumerate(self.regions.features["index"])}
        self._later = QTimer()
        self._later.setSingleShot(True)
        self._later.setInterval(DELAY)
        self._later.timeout.connect(self._describe_all)
        for layer in self.layers:
            layer.undo = self.undo
            layer.redo = self.redo
            viewer.add_layer(layer)
        self.labels.events.paint.connect(self._labels_painted)
        self.regions.events.paint.connect(self._regions_painted)
        # Before napari's own callback, which paints with the label that is selected then.
        self.regions.mouse_drag_callbacks.insert(0, self._stroke_begins)
        for layer in self.layers:
            layer.mouse_drag_callbacks.insert(0, self._stroke)
        session.changed.connect(self._show)

    @property
    def layers(self) -> tuple[Labels, Labels]:
        """Both layers, the upper one last."""
        return self.labels, self.regions

    def close(self) -> None:
        """Leave the layers alone from now on; their own undo is theirs again, and empty."""
        if self._closed:
            return
        self._closed = True
        self._later.stop()
        self.session.changed.disconnect(self._show)
        self.labels.events.paint.disconnect(self._labels_painted)
        self.regions.events.paint.disconnect(self._regions_painted)
        self.regions.mouse_drag_callbacks.remove(self._stroke_begins)
        for layer in self.layers:
            layer.mouse_drag_callbacks.remove(self._stroke)
            del layer.undo
            del layer.redo
            # Strokes that the session holds are not to be undone a second time; no public way.
            getattr(layer, "_reset_history", lambda: None)()

    def undo(self) -> None:
        """Take the session's last step back, and say which."""
        edited = self.session.undo()
        self._tell(f"{edited.title}." if edited.title else "There is nothing to undo.")

    def redo(self) -> None:
        """Make the last undone step again, and say which."""
        edited = self.session.redo()
        self._tell(f"{edited.title}." if edited.title else "There is nothing to redo.")

    # -- what the session changed

    def _show(self, changed: Changed) -> None:
        """Copy what an edit touched into the layers."""
        if changed.vocabulary:
            self.labels.colormap = class_colormap(self.session.vocabulary)
            self.labels.features = class_features(self.session.vocabulary)
        _copy(self.session.labels, self.labels, changed.labels, self._strokes.get(self.labels))
        _copy(self.session.regions, self.regions, changed.regions, self._strokes.get(self.regions))
        self._describe(changed)

    def _describe(self, changed: Changed) -> None:
        """Keep what the status bar says in step: a changed row at once, another set of rows soon."""
        features = self.regions.features
        known = self._rows_of
        rows = [row for one in changed.updated if (row := self.session.find(one)) is not None]
        if changed.vocabulary or changed.removed or any(row.id not in known for row in rows):
            # Thousands of rows take longer than an edit may; whoever edits on is not held up.
            self._later.start()
            return
        column = features.columns.get_loc("region")
        for row in rows:
            features.iat[known[row.id], column] = describe(row, self.session.vocabulary)

    def _describe_all(self) -> None:
        self.regions.features = region_features(self.session.rows(), self.session.vocabulary)
        self._rows_of = {one: at for at, one in enumerate(self.regions.features["index"])}

    # -- what a person painted

    def _labels_painted(self, _event: object) -> None:
        """Pin what a stroke painted, or wipe it away."""
        painted = np.asarray(self.labels.data)
        at = np.nonzero(painted != self.session.labels)
        values = np.unique(painted[at]).tolist()
        try:
            with self.session.step(_title(self.session.vocabulary, values, len(at[0]))):
                for value in values:
                    here = painted[at] == value
                    self.session.paint((at[0][here], at[1][here]), value)
        except InputError as error:
            self._wipe(self.labels, self.session.labels, at, str(error))
            return
        if values:
            self._tell(f"{self.session.history.done[-1].title}.")

    def _stroke(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        """Know what was shown before a stroke, so that a change meanwhile spares what it painted."""
        if str(layer.mode) not in ("paint", "erase", "polygon"):
            return
        self._strokes[layer] = np.array(layer.data)
        try:
            yield
            while event.type == "mouse_move":
                yield
        finally:
            self._strokes.pop(layer, None)

    def _stroke_begins(self, layer: Labels, event: Any) -> None:
        """A brush paints the region in which it begins; with Alt, or outside all, a new one."""
        if str(layer.mode) != "paint" or event.button != 1:
            return
        row, column = layer.world_to_data(event.position)[-2:]
        region = self.session.region_at(int(np.floor(row + 0.5)), int(np.floor(column + 0.5)))
        new = region == 0 or "Alt" in event.modifiers
        layer.selected_label = int(self.session.ids.max(initial=0)) + 1 if new else region

    def _regions_painted(self, _event: object) -> None:
        """Extend the region in which a stroke began, or make a new one."""
        painted = np.asarray(self.regions.data)
        at = np.nonzero(painted != self.session.regions)
        if not len(at[0]):
            return
        try:
            target = self._target(int(painted[at[0][0], at[1][0]]))
            edited = self.session.paint_regions(at, target)
        except InputError as error:
            self._wipe(self.regions, self.session.regions, at, str(error))
            return
        # The ids that napari painted may be others than those the session gave.
        self._copy_pixels(self.regions, self.session.regions, at)
        self._tell(" ".join([said(edited, self.session), *edited.notes]))

    def _target(self, painted: int) -> int | None:
        """What the painted value stands for: a region, none (the eraser), or a new one."""
        return painted if painted == 0 or self.session.find(painted) else None

    def _wipe(
        self,
        layer: Labels,
        truth: NDArray[np.integer],
        at: tuple[NDArray[np.int64], ...],
        why: str,
    ) -> None:
        self._copy_pixels(layer, truth, at)
        self._tell(why)

    def _copy_pixels(
        self, layer: Labels, truth: NDArray[np.integer], at: tuple[NDArray[np.int64], ...]
    ) -> None:
        layer.data[at] = truth[at]
        layer.refresh(extent=False)


def class_colormap(vocabulary: Vocabulary) -> DirectLabelColormap:
    """Return the colours of the classes by label value; what is no class is clear."""
    colors: dict[int | None, tuple[float, float, float, float]] = {None: CLEAR, 0: CLEAR}
    for value, (red, green, blue) in vocabulary.colors.items():
        colors[value] = (red / 255, green / 255, blue / 255, 1.0)
    return DirectLabelColormap(color_dict=colors)


def class_features(vocabulary: Vocabulary) -> pd.DataFrame:
    """Return what the status bar says of each label value."""
    return pd.DataFrame(
        {"index": [0, *vocabulary.values], "class": ["unlabelled", *vocabulary.names]}
    )


def region_features(rows: list[Region], vocabulary: Vocabulary) -> pd.DataFrame:
    """Return what the status bar says of each region: ``cat 0.61 (dog 0.33)``."""
    return pd.DataFrame(
        {
            "index": [0, *(row.id for row in rows)],
            "region": ["unsegmented", *(describe(row, vocabulary) for row in rows)],
        }
    )


def describe(row: Region, vocabulary: Vocabulary) -> str:
    """Say a region's class, how probable it is, and the likeliest other one."""
    index = {one.value: at for at, one in enumerate(vocabulary)}
    ranked = np.argsort(-row.probabilities, kind="stable").tolist()
    other = next((at for at in ranked if vocabulary.values[at] != row.value), None)
    if row.verdict is not None and row.verdict.kind == "ignored":
        shown = "ignored"
    elif row.value in index:
        at = index[row.value]
        shown = f"{vocabulary.names[at]} {row.probabilities[at]:.2f}"
    else:
        shown = "no class"
    if row.verdict is not None and row.verdict.kind != "ignored":
        shown += f", {row.verdict.kind}"
    if other is None:
        return shown
    return f"{shown} ({vocabulary.names[other]} {row.probabilities[other]:.2f})"


def said(edited: Edited, session: Session) -> str:
    """Say what an edit did, in a sentence."""
    return f"{edited.title}; {len(edited.updated)} regions re-voted."


def _title(vocabulary: Vocabulary, values: list[int], pixels: int) -> str:
    names = {one.value: repr(one.name) for one in vocabulary} | {0: "unlabelled"}
    listed = " and ".join(names.get(value, str(value)) for value in values)
    return f"Paint {pixels:,} pixel{'' if pixels == 1 else 's'} {listed}"


def _copy(
    truth: NDArray[np.integer],
    layer: Labels,
    boxes: tuple[tuple[int, int, int, int], ...],
    unpainted: NDArray[np.integer] | None = None,
) -> None:
    """Copy ``boxes`` of ``truth`` into a layer and have it drawn again.

    During a stroke ``unpainted`` is the layer without it; what it painted so far stays.

    Few pixels go by napari's own way of painting, which draws only around them: outlines of all regions
    of a large image take a tenth of a second.
    """
    wholly = False
    for top, left, bottom, right in boxes:
        inside = truth[top:bottom, left:right]
        if unpainted is not None:
            here, bare = (one[top:bottom, left:right] for one in (layer.data, unpainted))
            np.copyto(here, inside, where=here == bare, casting="unsafe")
            bare[...] = inside
            wholly = True
            continue
        rows, columns = np.nonzero(layer.data[top:bottom, left:right] != inside)
        if len(rows) > PIXELS:
            layer.data[top:bottom, left:right] = inside
            wholly = True
        elif len(rows):
            with layer.events.paint.blocker():  # it was not painted by a person
                layer.data_setitem((rows + top, columns + left), inside[rows, columns])
    if wholly:
        layer.refresh(extent=False)
