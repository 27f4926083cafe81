"""The dock "CorrCLIP": choose an image, type a vocabulary, press Run, correct the labels."""

from __future__ import annotations

from typing import Any

import napari
import numpy as np
from magicgui.widgets import create_widget
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.annotation import (
    Changed,
    Journal,
    Session,
    Source,
    has_session,
    journal_folder,
    put_aside,
    restore,
)
from napari_corrclip.errors import InputError
from napari_corrclip.gui.controller import DETAILS, REGIONS, Choice, Controller
from napari_corrclip.gui.correct import CorrectMode, help_text
from napari_corrclip.gui.layers import SessionLayers
from napari_corrclip.gui.picture import Picture, picture_of
from napari_corrclip.gui.vocabulary_panel import VocabularyPanel
from napari_corrclip.progress import Progress
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.weights.presets import presets

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
        layers: of the session that is corrected; ``None`` before the first run.
        mode: correct mode on these layers.
        journal: keeps the session on the disk, where the image is a file.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.controller = Controller()
        self.layers: SessionLayers | None = None
        self.mode: CorrectMode | None = None
        self.journal: Journal | None = None
        self._preview: Any = None

        self.image: Any = create_widget(annotation=Image, label="image")
        self.words = VocabularyPanel()
        self.preset = _combo([preset.name for preset in presets()], "Which networks")
        self.regions = _combo(list(REGIONS), "Where regions come from")
        self.detail = _combo(
            list(DETAILS),
            "Size at which the networks see the image: the preset's own, twice that, or the image's "
            "own. Small things vanish below.",
        )
        self.device = _combo(["auto", "cpu", "cuda", "mps"], "Where the networks run")
        self.restore_button = QPushButton("Restore")
        self.restore_button.setToolTip("Go on where this image was left")
        self.restore_button.clicked.connect(self.restore)
        self.anew_button = QPushButton("Begin anew")
        self.anew_button.setToolTip("Put the former corrections aside; they stay on the disk")
        self.anew_button.clicked.connect(self._discard)
        self.run_button = QPushButton("Run")
        self.run_button.clicked.connect(self._run_or_cancel)
        self.demo_button = QPushButton("Try the demo")
        self.demo_button.setToolTip(
            "A synthetic scene, a vocabulary for it, and a run; no download"
        )
        self.demo_button.clicked.connect(self.try_demo)
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.progress.hide()
        self.undo_button = QPushButton("Undo")
        self.undo_button.setToolTip("Take the last correction back (Ctrl+Z on either layer)")
        self.undo_button.clicked.connect(self._undo)
        self.redo_button = QPushButton("Redo")
        self.redo_button.setToolTip("Make it again (Ctrl+Shift+Z)")
        self.redo_button.clicked.connect(self._redo)
        self.correct_button = QPushButton("Correct regions")
        self.correct_button.setCheckable(True)
        self.correct_button.setToolTip(
            "Select regions by mouse and decide by keys; while it is off, napari's tools paint"
        )
        self.correct_button.toggled.connect(self._correct)
        self.selection = QLabel("")
        self.left = QLabel("")
        self.left.hide()
        self.keys = QLabel(help_text())
        self.keys.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status = QLabel(FIRST)
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setMinimumWidth(320)
        self._lay_out()
        self._connect()
        self.reset_choices()
        self._enable()

    def _lay_out(self) -> None:
        image = QFormLayout()
        image.addRow("Image", self.image.native)
        self._offer = QWidget()
        offer = QHBoxLayout(self._offer)
        offer.setContentsMargins(0, 0, 0, 0)
        offer.addWidget(QLabel("Corrected before:"), 1)
        offer.addWidget(self.restore_button)
        offer.addWidget(self.anew_button)
        self._offer.hide()
        words = QGroupBox("Vocabulary")
        QVBoxLayout(words).addWidget(self.words)
        self.model = QGroupBox("Model")
        form = QFormLayout(self.model)
        form.addRow("Preset", self.preset)
        form.addRow("Regions", self.regions)
        form.addRow("Detail", self.detail)
        form.addRow("Device", self.device)
        run = QHBoxLayout()
        run.addWidget(self.run_button, 2)
        run.addWidget(self.demo_button, 1)
        back = QHBoxLayout()
        back.addWidget(self.undo_button)
        back.addWidget(self.redo_button)
        layout = QVBoxLayout(self)
        layout.addLayout(image)
        layout.addWidget(self._offer)
        layout.addWidget(words, 1)
        layout.addWidget(self.model)
        layout.addLayout(run)
        layout.addWidget(self.progress)
        correct = QHBoxLayout()
        correct.addWidget(self.correct_button)
        correct.addWidget(self.selection, 1)
        layout.addLayout(correct)
        layout.addLayout(back)
        layout.addWidget(self.left)
        layout.addWidget(self.keys)
        layout.addWidget(self.status)
        self.keys.hide()

    def _connect(self) -> None:
        self.words.changed.connect(self._words_changed)
        self.words.refused.connect(self.say)
        self.controller.status.connect(self.say)
        self.controller.busy.connect(self._busy)
        self.controller.progressed.connect(self._progressed)
        self.controller.regions_found.connect(self._regions_found)
        self.controller.opened.connect(self._opened)
        self.controller.relabelled.connect(self._relabelled)
        self.viewer.layers.events.removed.connect(self._layer_removed)
        self.image.changed.connect(self._image_chosen)

    # -- what a person does

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are; napari calls it when they change."""
        self.image.reset_choices()
        self._image_chosen()

    def try_demo(self) -> None:
        """Open a synthetic scene, type what is in it, and run."""
        from napari_corrclip.demo.scenes import generate_scene
        from napari_corrclip.demo.words import what_is_in

        scene = generate_scene(7)
        layer = self.viewer.add_image(scene.image, name="demo scene", rgb=True)
        self.image.reset_choices()
        self.image.value = layer
        self.preset.setCurrentText("demo")
        self.words.show_vocabulary(what_is_in(scene))
        self.run()

    def run(self) -> None:
        """Segment the chosen image by the vocabulary."""
        self.words.take_typed()
        layer = self.image.value
        if layer is None:
            self.say("There is no image; open one, or try the demo.")
            return
        if self.words.vocabulary is None:
            self.say("There are no classes yet; type some, such as 'cat, dog, sky'.")
            return
        if self._kept() is not None:
            self._offer.show()
            self.say("There are corrections of this image; restore them, or begin anew.")
            return
        try:
            picture = picture_of(layer, tuple(self.viewer.dims.current_step))
        except InputError as error:
            self.say(str(error))
            return
        self.controller.run(picture, self.words.vocabulary, self.choice)

    @property
    def choice(self) -> Choice:
        """What is chosen of the networks."""
        return Choice(
            self.preset.currentText(),
            self.device.currentText(),
            self.detail.currentText(),
            self.regions.currentText(),
        )

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

    def _undo(self) -> None:
        if self.layers is not None:
            self.layers.undo()

    def _redo(self) -> None:
        if self.layers is not None:
            self.layers.redo()

    def _run_or_cancel(self) -> None:
        if self.controller.running:
            self.controller.cancel()
        else:
            self.run()

    def _words_changed(self, vocabulary: Vocabulary | None) -> None:
        self._enable()
        session, picture, layer = (
            self.controller.session, self.controller.picture, self.image.value
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

    def _correct(self, on: bool) -> None:
        """Switch correct mode; the model's settings make room for the keys."""
        if self.mode is None:
            return
        if on:
            self.mode.start()
            if self.layers is not None and self.viewer.layers.selection.active not in (
                self.layers.layers
            ):
                self.viewer.layers.selection.active = self.layers.labels
            self.say("Click on a region, or press D for the one that is most worth a look.")
        else:
            self.mode.stop()
        self.keys.setVisible(on)
        self.left.setVisible(on)
        self._count_left()
        self.model.setVisible(not on)

    def _selected(self, selection: tuple[int, ...]) -> None:
        self.selection.setText(f"{len(selection)} selected" if selection else "")

    def _forget_layers(self) -> None:
        """Let go of the session's layers and its journal; the layers stay in the viewer as they are."""
        if self.mode is not None:
            self.mode.stop()
            self.mode = None
        self.correct_button.setChecked(False)
        if self.journal is not None:
            self.journal.close()
            self.journal = None
        former, self.layers = self.layers, None
        if former is not None:
            former.close()
            for layer in former.layers:
                layer.name = f"{layer.name} (before)"

    # -- what the controller tells

    def _busy(self, busy: bool) -> None:
        self.run_button.setText("Cancel" if busy else "Run")
        self.progress.setVisible(busy)
        self.progress.setRange(0, 0)
        self._enable()

    def _progressed(self, event: Progress) -> None:
        self.progress.setRange(0, max(event.total, 1))
        self.progress.setValue(event.done)
        self.progress.setFormat(f"{event.stage}  %v of %m")

    def _regions_found(self, regions: NDArray[np.int32], picture: Picture) -> None:
        """Show the regions while the classes are still being computed."""
        self._forget_preview()
        self._preview = self.viewer.add_labels(
            regions, name="regions (classes follow)", opacity=0.8, **picture.spatial
        )
        self._preview.contour = 1
        self._preview.editable = False

    def _opened(self, session: Session, picture: Picture) -> None:
        self._forget_preview()
        self._forget_layers()
        self.layers = SessionLayers(self.viewer, session, spatial=picture.spatial, tell=self.say)
        self.mode = CorrectMode(self.viewer, self.layers, self.say)
        self.mode.selected.connect(self._selected)
        self.viewer.layers.selection.active = self.layers.labels
        session.changed.connect(self._session_changed)
        if session.source is not None:
            self._keep(session)
        typed = self.words.vocabulary
        self.words.show_vocabulary(session.vocabulary)
        self._shares(session)
        self._enable()
        if typed is not None and typed != session.vocabulary:
            self._words_changed(typed)  # typed while the run went on

    def _keep(self, session: Session) -> None:
        """Write every edit to the disk from now on."""
        assert session.source is not None
        try:
            self.journal = Journal(session, journal_folder(session.source))
        except InputError as error:
            self.say(f"{error} Corrections are kept in memory only.")
            return
        self.journal.failed.connect(self.say)

    def _kept(self) -> Source | None:
        """Return the chosen image's source, if corrections of it lie on the disk and are not open."""
        layer = self.image.value
        if layer is None:
            return None
        try:
            source = picture_of(layer, tuple(self.viewer.dims.current_step)).source
        except InputError:
            return None
        if source is None or not has_session(journal_folder(source)):
            return None
        mine = self.controller.session
        if mine is not None and mine.source is not None and mine.source.key == source.key:
            return None
        return source

    def _image_chosen(self, *_: object) -> None:
        self._offer.setVisible(self._kept() is not None)
        self._enable()

    def restore(self) -> None:
        """Open the corrections of the chosen image that lie on the disk."""
        source = self._kept()
        if source is None:
            return
        picture = picture_of(self.image.value, tuple(self.viewer.dims.current_step))
        try:
            session = restore(journal_folder(source), picture.rgb, source=source)
        except InputError as error:
            self.say(str(error))
            return
        self._offer.hide()
        self.words.show_vocabulary(session.vocabulary)
        self.controller.open(session, picture)
        steps = len(session.history.done)
        self.say(
            " ".join([f"Restored {len(session.ids)} regions and {steps} steps.", *session.notes])
        )

    def _discard(self) -> None:
        """Leave the corrections on the disk alone, and begin anew with the next run."""
        source = self._kept()
        if source is not None:
            try:
                aside = put_aside(journal_folder(source))
            except InputError as error:
                self.say(str(error))
                return
            self.say(f"The former corrections lie in {str(aside)!r} now.")
        self._offer.hide()

    def _relabelled(self, session: Session) -> None:
        self.words.show_vocabulary(session.vocabulary)

    def _session_changed(self, changed: Changed) -> None:
        session = self.controller.session
        if session is not None:
            if changed.vocabulary:  # an undo, or the console
                self.words.show_vocabulary(session.vocabulary)
            self._shares(session)
        self._count_left()
        self._enable()

    def _count_left(self) -> None:
        """Say how much of the queue is left."""
        if self.mode is not None and self.mode.on:
            left = self.mode.queue.left
            self.left.setText(f"<b>{left.regions:,} left ≈ {left.share:.0%} of the area</b>")

    def _layer_removed(self, event: Any) -> None:
        """A layer of ours that somebody removes ends the correcting; the labels are not lost sight of."""
        if self.layers is not None and event.value in self.layers.layers:
            self._forget_layers()
            self.controller.close()
            self.controller.session = None
            self.say(f"The layer {event.value.name!r} was removed; press Run for new ones.")
            self._enable()
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

    def _enable(self, *_: object) -> None:
        session = self.controller.session
        self.correct_button.setEnabled(self.layers is not None)
        self.undo_button.setEnabled(session is not None and session.can_undo)
        self.redo_button.setEnabled(session is not None and session.can_redo)
        self.demo_button.setEnabled(not self.controller.running)


def _combo(choices: list[str], tip: str) -> QComboBox:
    combo = QComboBox()
    combo.addItems(choices)
    combo.setToolTip(tip)
    # A long entry must not make the dock wide.
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(10)
    return combo
