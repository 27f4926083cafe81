"""The dock "CorrCLIP": choose an image, type a vocabulary, press Run, correct the labels.

It puts the panels together, and says to each what the others and the controller tell; what each does is in
its own room.
"""

from __future__ import annotations

import html
from typing import Any

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import QGroupBox, QInputDialog, QLabel, QVBoxLayout, QWidget

from napari_corrclip.annotation import Changed, Session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.controller import Controller
from napari_corrclip.gui.correct import CorrectMode, CorrectPanel
from napari_corrclip.gui.image_panel import ImagePanel
from napari_corrclip.gui.keeper import Keeper
from napari_corrclip.gui.layers import SessionLayers
from napari_corrclip.gui.model_panel import ModelPanel
from napari_corrclip.gui.picture import Picture
from napari_corrclip.gui.regions_table import RegionsBar
from napari_corrclip.gui.run_bar import RunBar
from napari_corrclip.gui.vocabulary_panel import VocabularyPanel
from napari_corrclip.vocabulary import Vocabulary

FIRST = (
    "Type the classes that you see in the image and press Run. "
    "The labels and regions that come back are layers: paint on them to correct."
)


class CorrClipDock(QWidget):
    """The widget that napari docks.

    Args:
        viewer: given by napari, by the annotation's name.

    Attributes:
        controller: does what the buttons say.
        image, words, model, bar, correct, regions, keeper: the panels.
        layers: of the session that is corrected; ``None`` before the first run.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.controller = Controller()
        self.layers: SessionLayers | None = None
        self._preview: Any = None
        self.image = ImagePanel(viewer)
        self.keeper = Keeper(self.say, self.image.picture)
        self.words = VocabularyPanel()
        self.model = ModelPanel()
        self.bar = RunBar()
        self.correct = CorrectPanel(self.say)
        self.regions = RegionsBar(viewer)
        self.status = QLabel(FIRST)
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByMouse
        )
        self.status.linkActivated.connect(self._undo)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setMinimumWidth(320)
        words = QGroupBox("Vocabulary")
        QVBoxLayout(words).addWidget(self.words)
        layout = QVBoxLayout(self)
        layout.addWidget(self.image)
        layout.addWidget(self.keeper)
        layout.addWidget(words, 1)
        layout.addWidget(self.model)
        layout.addWidget(self.bar)
        layout.addWidget(self.correct)
        layout.addWidget(self.regions)
        layout.addWidget(self.status)
        self._connect()
        self.reset_choices()

    def _connect(self) -> None:
        self.image.chosen.connect(self._image_chosen)
        self.keeper.restored.connect(self._restored)
        self.words.changed.connect(self._words_changed)
        self.words.refused.connect(self.say)
        self.bar.run.connect(self.run)
        self.bar.cancel.connect(self.controller.cancel)
        self.bar.demo.connect(self.try_demo)
        # The model's settings make room for the keys.
        self.correct.switched.connect(lambda on: self.model.setVisible(not on))
        self.controller.status.connect(self.say)
        self.controller.busy.connect(self.bar.show_busy)
        self.controller.progressed.connect(self.bar.show_progress)
        self.controller.regions_found.connect(self._regions_found)
        self.controller.opened.connect(self._opened)
        self.controller.relabelled.connect(self._relabelled)
        self.viewer.layers.events.removed.connect(self._layer_removed)

    # -- what a person does

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are; napari calls it when they change."""
        self.image.reset_choices()

    def try_demo(self) -> None:
        """Open a synthetic scene, type what is in it, and run."""
        from napari_corrclip.demo.scenes import generate_scene
        from napari_corrclip.demo.words import what_is_in

        scene = generate_scene(7)
        self.image.layer = self.viewer.add_image(scene.image, name="demo scene", rgb=True)
        self.model.preset.setCurrentText("demo")
        self.words.show_vocabulary(what_is_in(scene))
        self.run()

    def run(self) -> None:
        """Segment the chosen image by the vocabulary."""
        self.words.take_typed()
        try:
            picture = self.image.picture()
        except InputError as error:
            self.say(str(error))
            return
        if self.words.vocabulary is None:
            self.say("There are no classes yet; type some, such as 'cat, dog, sky'.")
            return
        if self.keeper.offer(picture.source, self.controller.session):
            self.say("There are corrections of this image; restore them, or begin anew.")
            return
        self.controller.run(picture, self.words.vocabulary, self.model.choice)

    def cleanup(self) -> None:
        """Stop what runs and let go of the layers; the dock is closed."""
        self.controller.close()
        self._forget_preview()
        self._forget_layers()

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Let go when the dock is closed; behind another tab it is only hidden."""
        super().hideEvent(event)
        # napari closes a dock by taking the widget out of it, which is done when this is.
        QTimer.singleShot(0, self._clean_up_if_closed)

    def _clean_up_if_closed(self) -> None:
        if self.parent() is None:
            self.cleanup()
            self.controller.unload()

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.status.setText(sentence)

    def _say_with_undo(self, sentence: str) -> None:
        """Show a sentence on what can be taken back by a click."""
        self.status.setText(f'{html.escape(sentence)} <a href="undo">Undo</a>')

    def _undo(self, _link: str) -> None:
        if self.layers is not None:
            self.layers.undo()

    def _image_chosen(self) -> None:
        self.keeper.offer(self.image.source(), self.controller.session)

    def _words_changed(self, vocabulary: Vocabulary | None) -> None:
        session, picture, layer = (
            self.controller.session, self.controller.picture, self.image.layer
        )  # fmt: skip
        if session is None or picture is None or self.controller.segmenting:
            return  # the next run takes them, or the one that goes on when it has ended
        if layer is None or layer.name != picture.name:
            self.say(f"These classes are for the next run; the labels are of {picture.name!r}.")
            return
        if vocabulary is None:
            self.words.show_vocabulary(session.vocabulary)
            self.say(
                "What is corrected needs a class; add the new ones first, then remove the others."
            )
            return
        reassign = self._ask_about_removed(session, vocabulary)
        if reassign is None:
            self.words.show_vocabulary(session.vocabulary)
            return
        self.controller.set_vocabulary(vocabulary, reassign)

    def _ask_about_removed(
        self, session: Session, vocabulary: Vocabulary
    ) -> dict[str | int, str | int | None] | None:
        """Ask what becomes of the decisions of each class that goes; ``None``: it is to stay."""
        reassign: dict[str | int, str | int | None] = {}
        for one in session.vocabulary:
            if one.value in vocabulary.values:
                continue
            regions, pixels = session.decided_as(one.value)
            if not regions and not pixels:
                continue
            kept = [f"give them to {name!r}" for name in vocabulary.names]
            chosen, sure = QInputDialog.getItem(
                self,
                f"Remove {one.name!r}",
                f"{regions:,} regions and {pixels:,} painted pixels are {one.name!r}:",
                ["take these decisions back", *kept],
                editable=False,
            )
            if not sure:
                return None
            place = kept.index(chosen) if chosen in kept else None
            reassign[one.value] = None if place is None else vocabulary.values[place]
        return reassign

    # -- what the controller tells

    def _regions_found(self, regions: NDArray[np.int32], picture: Picture) -> None:
        """Show the regions while the classes are still being computed."""
        self._forget_preview()
        self._preview = self.viewer.add_labels(
            regions, name="regions (classes follow)", opacity=0.8, **picture.spatial
        )
        self._preview.contour = 1
        self._preview.editable = False

    def _restored(self, session: Session, picture: Picture) -> None:
        self.words.show_vocabulary(session.vocabulary)
        self.controller.open(session, picture)

    def _opened(self, session: Session, picture: Picture) -> None:
        self._forget_preview()
        self._forget_layers()
        self.layers = SessionLayers(
            self.viewer,
            session,
            spatial=picture.spatial,
            tell=self.say,
            tell_stroke=self._say_with_undo,
        )
        mode = CorrectMode(self.viewer, self.layers, self.say)
        self.correct.open(mode)
        self.regions.open(mode)
        self.viewer.layers.selection.active = self.layers.labels
        session.changed.connect(self._session_changed)
        self.keeper.keep(session)
        typed = self.words.vocabulary
        self.words.show_vocabulary(session.vocabulary)
        self._shares(session)
        if typed is not None and typed != session.vocabulary:
            self._words_changed(typed)  # typed while the run went on

    def _relabelled(self, session: Session) -> None:
        self._forget_preview()  # the run went into the open session, or nowhere
        self.words.show_vocabulary(session.vocabulary)

    def _session_changed(self, changed: Changed) -> None:
        session = self.controller.session
        if session is not None:
            if changed.vocabulary:  # an undo, or the console
                self.words.show_vocabulary(session.vocabulary)
            self._shares(session)

    # -- layers

    def _forget_layers(self) -> None:
        """Let go of the session's layers and its journal; the layers stay in the viewer as they are."""
        self.regions.close_mode()
        self.correct.close_mode()
        self.keeper.close_journal()
        former, self.layers = self.layers, None
        if former is not None:
            former.close()
            for layer in former.layers:
                layer.name = f"{layer.name} (before)"

    def _layer_removed(self, event: Any) -> None:
        """A layer of ours that somebody removes ends the correcting; the labels are not lost sight of."""
        if self.layers is not None and event.value in self.layers.layers:
            self._forget_layers()
            self.controller.close()
            self.controller.session = None
            self.say(f"The layer {event.value.name!r} was removed; press Run for new ones.")
        if event.value is self._preview:
            self._preview = None

    def _forget_preview(self) -> None:
        preview, self._preview = self._preview, None
        if preview is not None and preview in self.viewer.layers:
            self.viewer.layers.remove(preview)

    def _shares(self, session: Session) -> None:
        counts = np.bincount(session.labels.ravel(), minlength=1)
        values = session.vocabulary.values
        self.words.model.show_shares(
            {
                value: counts[value] / session.labels.size if value < len(counts) else 0.0
                for value in values
            }
        )
