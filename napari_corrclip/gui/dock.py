"""The dock "CorrCLIP": choose an image, type a vocabulary, press Run, correct the labels.

It puts the panels together, and says to each what the others and the controller tell; what each does is in
its own room.
"""

from __future__ import annotations

import html
import weakref
from collections.abc import Callable

import napari
from napari.layers import Image
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QGroupBox,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.annotation import Changed, Session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct import CorrectPanel
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.model.panel import ModelPanel
from napari_corrclip.gui.regions.table import RegionsBar
from napari_corrclip.gui.run_bar import RunBar
from napari_corrclip.gui.session.copying import ScriptCopier
from napari_corrclip.gui.session.display import Shown
from napari_corrclip.gui.session.kept import Held, held_of, unload
from napari_corrclip.gui.session.loading import Loading, ask_to_leave
from napari_corrclip.gui.session.menu import SessionMenu
from napari_corrclip.gui.session.restore_bar import Keeper
from napari_corrclip.gui.vispy_fix import mend_drawing
from napari_corrclip.gui.widgets import Column, Docked, Label, is_enter
from napari_corrclip.gui.words.panel import VocabularyPanel
from napari_corrclip.gui.words.removal import ask_about_removed
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.vocabulary import Vocabulary

FIRST = (
    "Type the classes that you see in the image and press Run. "
    "The labels and regions that come back are layers: paint on them to correct."
)


class CorrClipDock(Docked):
    """The widget that napari docks.

    Args:
        viewer: given by napari, by the annotation's name.

    Attributes:
        controller: does what the buttons say.
        image, words, model, bar, correct, regions, keeper: the panels.
        shown: the layers of the session that is corrected.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        mend_drawing()
        self._closed = self._deleted = False
        self._asked_about: Callable[[], Image | None] = lambda: None
        self.viewer = viewer
        self.controller = Controller()
        self._typed = False
        self.image = ImagePanel(viewer)
        self.keeper = Keeper(self.say, self.image.picture_for, self.controller.work)
        self.words = VocabularyPanel()
        self.model = ModelPanel(viewer)
        self.bar = RunBar()
        self.correct = CorrectPanel(self.say)
        self.regions = RegionsBar(viewer)
        self.shown = Shown(
            viewer,
            self.controller,
            correct=self.correct,
            regions=self.regions,
            keeper=self.keeper,
            tell=self.say,
            tell_stroke=self._say_with_undo,
        )
        self.stack = self.shown.stack
        loading = Loading(
            self.image, self.controller, self.keeper, self.stack, self.say, parent=self
        )
        copier = ScriptCopier(self, lambda: self.session, self.controller, self.say)
        self.menu = SessionMenu(lambda: self.session, loading, copier, self.say)
        self.bar.row.addWidget(self.menu)
        self.status = Label(FIRST)
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
        column = QWidget()
        panels = QVBoxLayout(column)
        panels.setContentsMargins(0, 0, 0, 0)
        for panel in (self.image, self.keeper, words, self.model, self.correct, self.regions):
            panels.addWidget(panel, int(panel is words))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        # On a small screen the panels scroll; the button and the sentence are always seen.
        layout.addWidget(Column(column), 1)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        self._connect()
        self.model.begin()
        self.reset_choices()

    def _connect(self) -> None:
        self.image.chosen.connect(self._image_chosen)
        self.keeper.restored.connect(self._restored)
        self.keeper.taken_up.connect(self._taken_up)
        # A job of its own would end what runs.
        self.controller.busy.connect(lambda busy: self.keeper.setEnabled(not busy))
        self.shown.left.connect(self._nothing_shown)
        self.words.changed.connect(self._words_changed)
        self.words.refused.connect(self.say)
        self.model.unload.connect(self.controller.unload)
        self.model.refused.connect(self.say)
        self.model.files.serve(self.controller.work, lambda: self.controller.running)
        self.bar.run.connect(self.run)
        self.bar.cancel.connect(self.controller.cancel)
        self.bar.demo.connect(self.try_demo)
        # What is for the next run makes room for the keys.
        for panel in (self.image, self.model):
            self.correct.switched.connect(lambda on, panel=panel: panel.setVisible(not on))
        self.controller.status.connect(self.say)
        self.controller.busy.connect(self.bar.show_busy)
        self.controller.busy.connect(self.model.tell_windows)
        self.controller.busy.connect(lambda _: self.model.files.refresh())
        self.image.part_chosen.connect(lambda: self.model.show_shape(self.image.shape))
        self.controller.busy.connect(self._busy)
        self.controller.progressed.connect(self.bar.show_progress)
        self.controller.regions_found.connect(self.shown.preview)
        self.controller.opened.connect(self._opened)
        self.controller.relabelled.connect(self._relabelled)
        self.shown.edited.connect(self._edited)
        self.controller.admits = self.stack.admit
        self.controller.sliced.connect(self.stack.take)
        self.controller.unloading.connect(self.stack.unload)
        self.controller.unloading.connect(lambda: unload(self.viewer.layers))
        self.viewer.dims.events.point.connect(self._slider_moved)
        # A viewer that is closed deletes what is docked without another word; no bound method, which Qt
        # would not call any more.
        self.destroyed.connect(lambda: self._let_go())

    @property
    def session(self) -> Session:
        """What is corrected, for the console: ``widget.session.assign([3, 7], "cat")``.

        Raises:
            InputError: nothing is corrected yet.
        """
        if self.controller.session is None:
            raise InputError("There is no session yet; press Run, or restore one.")
        return self.controller.session

    @property
    def layers(self) -> SessionLayers | None:
        """Those of the session that is corrected; ``None`` before the first run."""
        return self.shown.layers

    # -- what a person does

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are; napari calls it when they change."""
        self.image.reset_choices()
        self.model.reset_choices()

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
        if not self.words.take_typed():
            return  # what is wrong with it has been said
        try:
            picture = self.image.picture()
        except InputError as error:
            self.say(str(error))
            return
        if self.words.vocabulary is None:
            self.say("There are no classes yet; type some, such as 'cat, dog, sky'.")
            return
        try:
            choice = self.model.choice_for(picture)
        except InputError as error:
            self.say(str(error))
            return
        if self.image.axis is not None and choice.given is not None:
            self.say("A layer's regions serve one plane at a time; choose 'this plane' to run on.")
            return
        if not self.model.may_fetch(choice):
            self.say(
                "Nothing was downloaded, and nothing was run; the preset 'demo' needs no download."
            )
            return
        if not self._may_leave(picture):
            self.say("Nothing was run; what is corrected is as it was.")
            return
        if self.image.axis is not None:
            self._run_stack(self.words.vocabulary)
            return
        if self.keeper.offer(picture.source, self.controller.session, held_of(picture), picture):
            self.say("There are corrections of this image; restore them, or begin anew.")
            return
        vocabulary, session, reassign = self.words.vocabulary, self.controller.session, None
        if session is not None and self.controller.shows(picture):
            vocabulary = self.stack.numbered(session.vocabulary.matched(vocabulary), session)
            reassign = ask_about_removed(self, session, vocabulary, self.controller.answers)
            if reassign is None:
                return
        self.controller.run(picture, vocabulary, choice, reassign)

    def _may_leave(self, picture: Picture) -> bool:
        """Ask where corrections would be lost: in memory alone, of an image that is there no more."""
        session, shown = self.controller.session, self.controller.picture
        if session is None or shown is None or self.controller.shows(picture):
            return True
        there = shown.layer is not None and shown.layer in self.viewer.layers
        if there or self.keeper.keeps(session) or not session.can_undo:
            return True
        because = (
            f"The image {shown.name!r} is in the viewer no more, and nobody could find them again. "
        )
        return ask_to_leave(self, len(session.history.done), "Run on another image", "Run", because)

    def _run_stack(self, vocabulary: Vocabulary) -> None:
        """Segment all planes that have no session yet."""
        pictures = self.image.pictures(self.image.axis)
        self.stack.follow(pictures[0])
        have = self.stack.held(pictures)
        self.controller.run_stack(pictures, vocabulary, self.model.choice, have)

    def cleanup(self) -> None:
        """Stop what runs and let go of the layers; the dock is closed."""
        if self._closed:
            return
        self._closed = True
        self.controller.close()
        self.bar.close_activity()
        self.model.device.close_jobs()
        self.shown.close()
        self.viewer.dims.events.point.disconnect(self._slider_moved)

    def dock_closed(self) -> None:
        """Let go of the layers, and of the networks' memory."""
        self.cleanup()
        self.controller.unload()

    def _let_go(self) -> None:
        """Stop what runs, and touch no widget: they are being deleted."""
        self._deleted = True
        if self._closed:
            return
        self._closed = True
        self.controller.fall_silent()
        self.controller.close()
        self.model.device.close_jobs()
        self.bar.end_activity()
        self.shown.stop()
        self.controller.let_go()
        self.stack.unload()
        self.viewer.dims.events.point.disconnect(self._slider_moved)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Keep Enter from the canvas, where it accepts a region, if it was for a field of the dock."""
        fields = (QLineEdit, QComboBox, QAbstractSpinBox, QAbstractItemView, QCheckBox)
        if event is not None and is_enter(event) and isinstance(self.focusWidget(), fields):
            event.accept()
            return
        super().keyPressEvent(event)

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        if self._deleted:
            return  # a late word, to nobody
        self.status.setTextFormat(Qt.TextFormat.PlainText)  # names may look like tags
        self.status.setText(sentence)

    def _say_with_undo(self, sentence: str) -> None:
        """Show a sentence on what can be taken back by a click."""
        self.status.setTextFormat(Qt.TextFormat.RichText)
        # A link's own colour is dark blue, whatever the theme.
        color = get_theme(self.viewer.theme).text.as_hex()
        self.status.setText(
            f'{html.escape(sentence)} <a href="undo" style="color: {color}">Undo</a>'
        )

    def _undo(self, _link: str) -> None:
        if self.layers is not None:
            self.layers.undo()

    def _image_chosen(self) -> None:
        stack = self.stack.layer
        if self.controller.session is None and stack is not None and stack is self.image.layer:
            self.keeper.offer(None, None, self._held())  # what else there is comes with its plane
        else:
            self.keeper.offer(self.image.source(), self.controller.session, self._held())
        layer, former = self.image.layer, self._asked_about()
        self._asked_about = (lambda: None) if layer is None else weakref.ref(layer)
        idle = self.controller.session is None and not self.controller.running
        if idle and layer is not former and not self.keeper.isHidden():
            self.say("This image was segmented before: Restore goes on with it, or Begin anew.")
        shown = self.controller.picture if self.controller.session is not None else None
        if shown is None or layer is None or layer is former or self.controller.running:
            return
        if shown.layer not in self.viewer.layers or former is None:
            return
        if layer in shown.layers:
            self.say(f"The labels are those of {shown.name!r}.")
        else:
            self.say(f"The labels are still those of {shown.name!r}; Run segments {layer.name!r}.")

    def _held(self) -> list[Held]:
        """Return what is kept in memory of the chosen image."""
        try:
            return held_of(self.image.picture())
        except InputError:  # no image, or channels that do not fit
            return []

    def _slider_moved(self, _event: object = None) -> None:
        if self.image.layer is not None and self.image.layer.ndim > 2:
            self._image_chosen()

    def _words_changed(self, vocabulary: Vocabulary | None) -> None:
        if self.controller.segmenting:
            self._typed = True  # taken when the run has ended
            return
        session, picture, layer = (
            self.controller.session, self.controller.picture, self.image.layer
        )  # fmt: skip
        if session is None or picture is None:
            self.say("Press Run to look for these classes." if vocabulary is not None else FIRST)
            return
        if layer is not None and layer is not picture.layer:
            self.say(f"These classes are for the next run; the labels are of {picture.name!r}.")
            return
        if vocabulary is None:
            self.words.show_vocabulary(self.controller.vocabulary)
            self.say(
                "What is corrected needs a class; add the new ones first, then remove the others."
            )
            return
        vocabulary = self.stack.numbered(session.vocabulary.matched(vocabulary), session)
        reassign = ask_about_removed(self, session, vocabulary, self.controller.answers)
        if reassign is None:
            self.words.show_vocabulary(self.controller.vocabulary)
            return
        self.words.show_vocabulary(vocabulary)
        self.controller.set_vocabulary(vocabulary, reassign)

    def _take_words_typed_meanwhile(self) -> None:
        """Take the classes that were changed while a run went on."""
        if not self._typed or self.controller.segmenting:
            return
        self._typed = False
        session, words = self.controller.session, self.words.vocabulary
        if session is not None and words != session.vocabulary:
            self._words_changed(words)

    # -- what the controller tells

    def _restored(self, session: Session, picture: Picture) -> None:
        self.words.show_vocabulary(session.vocabulary)
        self.controller.open(session, picture)
        self._image_chosen()  # what was put aside is not offered any more

    def _taken_up(self, held: Held) -> None:
        self.shown.take_up(held)
        self._restored(held.session, held.picture)

    def _nothing_shown(self) -> None:
        self.words.show_shares(None)
        self._image_chosen()

    def _opened(self, session: Session, picture: Picture) -> None:
        self.shown.open(session, picture)
        if not self.stack.opening:
            self._relabelled(session)
        elif not self.controller.segmenting:  # else what is typed is for the next run
            self.words.show_vocabulary(session.vocabulary)
        self.words.show_shares(session)
        if self.stack.opening:
            self.shown.look_as_before()
        if picture.layer is None or picture.layer not in self.viewer.layers:
            self.say(f"{self.status.text()} The image {picture.name!r} is in the viewer no more.")

    def _relabelled(self, session: Session) -> None:
        if not self._typed:
            self.words.show_vocabulary(session.vocabulary)

    def _busy(self, busy: bool) -> None:
        if not busy:
            self.shown.forget_preview()  # a run that was stopped or failed leaves nothing
            # What the job brought comes first.
            QTimer.singleShot(0, self._take_words_typed_meanwhile)

    def _edited(self, changed: Changed) -> None:
        session = self.controller.session
        if session is not None:
            if changed.vocabulary:  # an undo, or the console
                self._relabelled(session)
            self.words.show_shares(session)
            self.controller.look_again()
