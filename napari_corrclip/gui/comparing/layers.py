"""Two layers over an image: the other's labels, and these where they differ; nobody paints on them."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import napari
import numpy as np
import pandas as pd
from napari.layers import Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.comparing.work import Compared, beside_steps
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.planes import place
from napari_corrclip.gui.layers.captions import class_colormap
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.project.joining.agreement import ComparedImage, LabelsBeside
from napari_corrclip.project.joining.classes import JointClass, numbered
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.wording.markup import plain

NOTHING, NOTHING_COLOR = "(left out, or unlabelled)", (213, 94, 0)
"""What is said of where the other shows no class, and its colour: vermilion, as in pictures of reports."""
_SOON = 50
"""Milliseconds after which it is looked again whether the image is there."""


class BesideLayers:
    """The two layers, which go when another image is opened.

    One has the other's classes where they differ from ours, which lie below; one, hidden until a person
    wants it, has all of the other's labels. Both are as they were when the image was opened here.

    Args:
        viewer: gets them.
        image: has the layer of the image.
        review: opens images.
        tell: is given a sentence.
        parent: with which it goes.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        image: ImagePanel,
        review: Review,
        tell: Tell,
        parent: QWidget,
    ) -> None:
        self._viewer, self._image, self._review, self._tell = viewer, image, review, tell
        self._jobs = Jobs()
        self._wanted = ""  # the item's name
        self._compared: Compared | None = None
        self._labels: LabelsBeside | None = None
        self._made: list[Callable[[], Labels | None]] = []
        self._soon = QTimer(parent)
        self._soon.setInterval(_SOON)
        self._soon.timeout.connect(self._put)
        review.shown.connect(self._shown)

    def show(self, compared: Compared, image: ComparedImage) -> None:
        """Show the labels of an image as soon as they are read, and as it is open."""
        self.close()
        self._wanted, self._compared = compared.item_here(image), compared
        self._jobs.start(beside_steps(compared, image), done=self._take, failed=self._failed)

    def close(self) -> None:
        """Take the layers away."""
        self.let_go()
        for made in self._made:
            layer = made()
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._made = []

    def let_go(self) -> None:
        """Show nothing any more, and touch no layer: they may be being deleted."""
        self._jobs.drop()
        self._soon.stop()
        self._wanted, self._compared, self._labels = "", None, None

    def _take(self, labels: LabelsBeside) -> None:
        self._labels = labels
        self._soon.start()
        self._put()

    def _failed(self, error: Exception) -> None:
        self.let_go()
        if isinstance(error, CorrClipError):
            self._tell(error)
        else:
            text = f"The other's labels cannot be shown ({error}); please report it."
            self._tell(Said(text, Kind.WARNING))

    def _shown(self, record: ItemRecord) -> None:
        if record.name != self._wanted:
            self.close()

    def _put(self) -> None:
        """Add the layers, once the image's own are there, so that these lie on them."""
        labels, compared, record = self._labels, self._compared, self._review.record
        if labels is None or compared is None or self._review.is_opening:
            return
        self._soon.stop()
        layer = self._image.layer
        if layer is None or record is None or record.name != self._wanted:
            return  # it could not be opened, which is told
        name, classes = compared.other_name, compared.found.classes
        theirs = labels.first if compared.is_second else labels.second
        nothing = len(classes) + 1  # which stands for what they left out, or without a label
        words = numbered((*classes, JointClass(NOTHING, NOTHING_COLOR, None, None)))
        named = pd.DataFrame(
            {"index": range(nothing + 1), "class": [NOTHING, *map(plain, words.names)]}
        )
        apart = np.where(labels.differs, np.where(theirs > 0, theirs, nothing), 0).astype(np.uint16)
        made = [
            Labels(
                data,
                name=f"{name}: {what}",
                opacity=opacity,
                visible=visible,
                features=named,
                colormap=class_colormap(words),
                **place(layer, step=labels.step),
            )
            for data, what, opacity, visible in (
                (theirs, "labels", 0.4, False),
                (apart, "where they differ", 0.85, True),
            )
        ]
        active = self._viewer.layers.selection.active
        for each in made:
            each.editable = False
            self._viewer.add_layer(each)
            self._made.append(weakref.ref(each))
        if active is not None:
            self._viewer.layers.selection.active = active  # which has the keys
