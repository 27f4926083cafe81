"""The dock "CorrCLIP": choose an image, type a vocabulary, press Run, correct the labels.

It puts the panels together, and says to each what the others and the controller tell; what each does is in
its own room.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtCore import QSize, QTimer
from qtpy.QtGui import QKeyEvent, QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.annotation import Changed, Session
from napari_corrclip.annotation.change import Step
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.classes.motions import Motions
from napari_corrclip.gui.comparing.window import CompareWindow
from napari_corrclip.gui.correct import CorrectPanel
from napari_corrclip.gui.export.panel import ExportPanel
from napari_corrclip.gui.fold import Fold
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.layers.saving import mend_saving
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.gui.model.panel import ModelPanel
from napari_corrclip.gui.pages import Page, Pages
from napari_corrclip.gui.project.projects import Projects
from napari_corrclip.gui.region_preview import RegionPreview
from napari_corrclip.gui.regions.table import RegionsBar
from napari_corrclip.gui.run_bar import RunBar
from napari_corrclip.gui.sentence import Sentence
from napari_corrclip.gui.session.copying import ScriptCopier
from napari_corrclip.gui.session.display import SessionDisplay
from napari_corrclip.gui.session.loading import Loading, ask_to_leave
from napari_corrclip.gui.session.menu import SessionMenu
from napari_corrclip.gui.session.quitting import Quitting, alone_in
from napari_corrclip.gui.session.restore_bar import OFFERED, RestoreBar
from napari_corrclip.gui.session.saving import SessionSaver
from napari_corrclip.gui.session.state_line import SessionLine
from napari_corrclip.gui.sheet.window import SheetWindow
from napari_corrclip.gui.start import StartPanel
from napari_corrclip.gui.vispy_fix import mend_drawing
from napari_corrclip.gui.widgets import Docked, is_enter, is_sure, set_reading_order, style_sheet
from napari_corrclip.gui.words.merging import MergeWish
from napari_corrclip.gui.words.panel import VocabularyPanel
from napari_corrclip.gui.words.removal import ask_about_removed
from napari_corrclip.gui.work.choice import Choice
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.gui.work.resolve import (
    FIRST,
    Ask,
    Choices,
    Fetch,
    Leave,
    Refuse,
    Run,
    State,
    answered,
    refusal,
    resolve,
    resolve_words,
)
from napari_corrclip.gui.work.said import OVER, Kind, Said, done
from napari_corrclip.gui.work.with_images import InMemory
from napari_corrclip.gui.work.workspace import Opened, Workspace
from napari_corrclip.project.project import Project
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.merging import merged
from napari_corrclip.weights.extras import missing_extra

WIDTH = 320
"""Logical pixels, at least; the canvas is to have the larger part of a small screen."""

GONE = "The layers were removed with their image; open it again to go on with it."
BACK = "Restore brings back what was corrected"

LOW = 660
"""A window that is lower, in logical pixels, has no room for all at once, as 1400 x 900 at 150 % is."""


class CorrClipDock(Docked):
    """The widget that napari docks.

    Args:
        viewer: given by napari, by the annotation's name.

    Attributes:
        workspace: has the sessions.
        controller: does what takes long.
        image, words, model, bar, correct, regions, restore_bar: the panels.
        display: shows the session that is corrected.
        preview: shows the regions that settings would find.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        mend_drawing()
        mend_saving(viewer)
        self._closed = self._deleted = False
        self._heard = True
        self._elsewhere = False  # whether another image than the session's is chosen
        self._next_words: Vocabulary | None = None  # typed beside it
        self._step: list[Step] = []
        self._given_up: list[InMemory] = []  # what goes with the dock, as a person has agreed
        self._asked_about: Callable[[], Image | None] = lambda: None
        self._taken_away = False  # whether the layers of the plane that is seen were removed
        self.viewer = viewer
        self.workspace = Workspace(alone=alone_in(viewer))
        self.controller = Controller(self.workspace)
        self.image = ImagePanel(viewer)
        self.restore_bar = RestoreBar(self.workspace, self.image, self.controller, self.say)
        self.words = VocabularyPanel()
        self.model = ModelPanel(viewer, self.controller)
        self.bar = RunBar()
        self.correct = CorrectPanel(self.say)
        self.regions = RegionsBar(viewer)
        self.display = SessionDisplay(
            viewer,
            self.workspace,
            correct=self.correct,
            regions=self.regions,
            tell=self.say,
        )
        self.preview = RegionPreview(
            self.image, self.model, self.controller, self.display, self.say
        )
        self.loading = Loading(
            self.image, self.controller, self.workspace, self.display, self.say, parent=self
        )
        copier = ScriptCopier(self, self.workspace, self.controller, self.say)
        self.saver = SessionSaver(self, self.workspace, self.say)
        self.menu = SessionMenu(self.saver, self.loading, copier, self.say)
        self.export = ExportPanel(self.workspace, self.controller, self.say)
        self.line = SessionLine(self.workspace)
        self.quitting = Quitting(viewer, self.workspace)
        self.status = Sentence(FIRST)
        self.projects = Projects(
            viewer,
            self.image,
            self.workspace,
            self.display,
            choices=lambda: (self.words.vocabulary, self.model.choice),
            may_fetch=self._may_fetch,
            networks=self.controller.networks,
            tell=self.say,
            correct=self.correct,
            parent=self,
        )
        self.sheet = SheetWindow(self, self.projects.review, self.say)
        self.sheet.opened.connect(self.projects.open_region)
        self.sheet.class_made.connect(self.projects.show_words)
        self.projects.panel.sheet.connect(self._show_sheet)
        self.motions = Motions(self.projects.review, self.say)
        self.words.of_set = self.motions
        self.projects.panel.conflicts.connect(lambda: self._show_sheet(conflicts=True))
        self.compare = CompareWindow(viewer, self.image, self, self.projects.review, self.say)
        self.compare.opened.connect(self.projects.open_item)
        self.projects.panel.compare.connect(self._compare)
        self.export.project = lambda: self.projects.review.project
        self.export.item = lambda: self.projects.review.shown_whole
        self.export.keep = self._keep_set
        self.image.add(self.projects.open_another_button)
        self.start = StartPanel(self.bar.demo_button, self.projects.open_button)
        self.pages = self._pages()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(self.restore_bar)  # whatever page is shown, a sentence may tell of it
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.bar)
        layout.addWidget(self.line)
        layout.addWidget(self.projects.way)
        layout.addWidget(self.status)
        self.setMinimumWidth(WIDTH)
        self._take_theme()
        set_reading_order(self)
        self._connect()
        self.model.begin()
        self.reset_choices()

    def _pages(self) -> Pages:
        """Return the panels on their pages; the classes are on two of them."""
        above, below = QWidget(), QWidget()
        choose = QVBoxLayout(above)
        choose.addWidget(self.start)
        choose.addWidget(self.image)
        run = QVBoxLayout(below)
        run.addWidget(self.model)
        run.addWidget(self.bar.run_button)
        correct = QWidget()
        column = QVBoxLayout(correct)
        column.addWidget(self.regions)
        column.addWidget(self.projects.lesson)
        column.addWidget(self.correct)
        export = QWidget()
        files = QVBoxLayout(export)
        files.addWidget(self.export)
        files.addStretch(1)
        files.addWidget(self.menu)
        files.addWidget(self.export.button)
        for part in (choose, run, column, files):
            part.setContentsMargins(0, 0, 0, 0)
            part.setSpacing(3)
        return Pages(
            {
                above: [Page.SET_UP],
                self.projects.panel: [Page.IMAGES],
                self.words: [Page.SET_UP, Page.CORRECT],
                below: [Page.SET_UP],
                correct: [Page.CORRECT],
                export: [Page.EXPORT],
            },
            stretch=[self.words, self.projects.panel, export],
        )

    def _take_theme(self, _event: object = None) -> None:
        self.setStyleSheet(style_sheet(self.viewer.theme))

    def sizeHint(self) -> QSize:
        """Return a width that leaves the canvas the larger part of a small screen."""
        return QSize(WIDTH, super().sizeHint().height())

    def _connect(self) -> None:
        encoding = self.controller.encoding
        encoding.folder_of = lambda: self.projects.review.folder
        encoding.device = lambda: self.model.device.device
        encoding.may_fetch = lambda recipe: self._may_fetch(Choice(recipe))
        self.image.chosen.connect(self._image_chosen)
        self.workspace.told.connect(self.say)
        self.workspace.opened.connect(self._opened)
        self.restore_bar.shown.connect(self._fit)
        self.restore_bar.restored.connect(self.display.open)
        self.restore_bar.restored.connect(lambda session, _: self._show_run(session))
        self.restore_bar.taken_up.connect(self.display.take_up)
        self.restore_bar.taken_up.connect(lambda kept: self._show_run(kept.session))
        self.loading.loaded.connect(self._show_run)
        self.display.slider.belongs.connect(self.restore_bar.tell_belonging)
        self.display.slider.unproven.connect(self.restore_bar.offer_unproven)
        self.display.edited.connect(self._edited)
        self.display.edited.connect(self.line.refresh)
        self.display.edited.connect(self.export.look_again)
        self.pages.turned.connect(self.export.look_again)
        self.display.left.connect(self._plane_left)
        self.display.removed.connect(self._removed)
        self.words.changed.connect(self._words_changed)
        self.words.merging.connect(self._merge_classes)
        self.words.parting.connect(self.motions.part)
        self.words.bringing_back.connect(self.motions.bring_back)
        self.motions.changed.connect(self._set_has_other_classes)
        self.motions.changed.connect(self.sheet.follow)
        self.projects.review.changed.connect(self.sheet.follow_classes)
        self.correct.class_asked.connect(self.words.add)
        self.correct.begun.connect(lambda: self.pages.turn_to(Page.CORRECT))
        self.words.refused.connect(self._say_refusal)
        self.words.told.connect(self.say)
        self.model.unload.connect(self.controller.unload)
        self.model.refused.connect(self._say_refusal)
        self.model.told.connect(self.say)
        self.model.agreed.connect(lambda: self.say(OVER))
        self.bar.run.connect(self.run)
        self.bar.cancel.connect(self.controller.cancel)
        self.bar.demo.connect(self.try_demo)
        self.status.undo.connect(self._undo)
        # What is open of the choices is open alone, so that a low screen shows it whole.
        self.image.fold.switched.connect(lambda on: self._make_room(self.model, on))
        self.model.switched.connect(lambda on: self._make_room(self.image.fold, on))
        self.viewer.events.theme.connect(self._take_theme)
        self.model.preview.connect(self.preview.find)
        self.pages.turned.connect(self._turned)
        self.display.edited.connect(lambda _: self.preview.leave())
        self.bar.let_go.connect(lambda: self.pages.tabs.setFocus())
        self.controller.status.connect(self.say)
        self.controller.busy.connect(self.bar.show_busy)
        self.controller.busy.connect(self.model.tell_windows)
        self.image.part_chosen.connect(lambda: self.model.show_shape(self.image.shape))
        self.controller.busy.connect(self._busy)
        self.controller.progressed.connect(self.bar.show_progress)
        self.controller.regions_found.connect(self._regions_found)
        self.controller.made.connect(self.display.open)
        self.controller.words_given_up.connect(self.words.show_session)
        self.controller.sliced.connect(self.display.take_plane)
        self.controller.unloading.connect(lambda: self.workspace.unload(self.viewer.layers))
        self.projects.review.opened.connect(self._project_opened)
        self.viewer.dims.events.point.connect(self._slider_moved)
        self.viewer.layers.selection.events.active.connect(self._layer_selected)
        # A viewer that is closed deletes what is docked without another word; no bound method, which Qt
        # would not call any more.
        self.destroyed.connect(lambda: self._let_go())

    @property
    def session(self) -> Session:
        """What is corrected, for the console: ``widget.session.assign([3, 7], "cat")``.

        Raises:
            InputError: nothing is corrected yet.
        """
        return self.workspace.corrected

    @property
    def layers(self) -> SessionLayers | None:
        """Those of the session that is corrected; ``None`` before the first run."""
        return self.display.layers

    # -- what a person does

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are; napari calls it when they change."""
        self.image.reset_choices()
        self.model.reset_choices()
        self.start.setVisible(self.image.layer is None)
        self.image.setVisible(self.image.layer is not None)

    @staticmethod
    def _make_room(other: Fold, on: bool) -> None:
        if on:
            other.close_up()

    def _fit(self, offered: bool) -> None:
        """Show less of the classes in a low window while corrections are offered."""
        window = self.window()
        self.words.show_little(offered and window is not None and window.height() < LOW)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Show all of the classes where a window has become high enough."""
        super().resizeEvent(event)
        window = self.window()
        if window is not None and window.height() >= LOW and not self.restore_bar.isHidden():
            self.words.show_little(False)

    def open_project(self, folder: str) -> None:
        """Open a project, or make one of a folder of images."""
        self.projects.opening.open(Path(folder))

    def _keep_set(self) -> None:
        """Let the disk have all that was done to the image of a set that is corrected.

        Raises:
            InputError: it cannot be written.
        """
        if self.workspace.session is not None:
            self.workspace.write_again()
        self.projects.review.keep()

    def _show_sheet(self, *, conflicts: bool = False) -> None:
        project = self.projects.review.project
        if project is not None:
            self.projects.review.keep()
            merged = self.projects.panel.conflict_count.any
            self.sheet.open(project, conflicts=conflicts, merged=merged)

    def _compare(self) -> None:
        project = self.projects.review.project
        if project is not None:
            self.compare.ask(project)

    def _project_opened(self, project: Project | None) -> None:
        """Show the classes and the recipe of a project, and its page."""
        self.sheet.close()  # it shows the regions of the one before
        self.pages.offer(Page.IMAGES, project is not None)
        self.export.project_opened(project)
        if project is None:
            return
        if self.words.vocabulary != project.vocabulary:
            self.words.replace(project.vocabulary)
        try:
            gone = self.model.show_run(project.recipe)
        except InputError as error:
            gone = str(error)
        if gone:
            self.say(Said(gone, Kind.WARNING))
        self.pages.turn_to(Page.IMAGES)

    def _may_fetch(self, choice: Choice) -> bool:
        extra = missing_extra(choice.recipe.networks)
        if extra is not None:
            self.say(extra)
            return False
        missing = self.model.to_fetch(choice)
        return not missing or self.model.may_fetch(missing)

    def try_demo(self) -> None:
        """Open a synthetic scene, type what is in it, and run; words that are there are asked about."""
        from napari_corrclip.demo.scenes import generate_scene
        from napari_corrclip.demo.words import what_is_in

        typed = self.words.vocabulary
        if (typed is not None or self.words.line.text().strip()) and not self._may_replace_words():
            self.say("The demo was not opened; your classes are as they were.")
            return
        scene = generate_scene(7)
        self.image.layer = self.viewer.add_image(scene.image, name="demo scene", rgb=True)
        self.model.preset.setCurrentText("demo")
        self.words.replace(what_is_in(scene))
        self.run()

    def _may_replace_words(self) -> bool:
        return is_sure(
            self,
            "Try the demo",
            "The demo has classes of its own, which take the place of yours. 'Bring the former classes "
            "back' in Lists brings yours back.",
            "Replace",
        )

    def open_saved(self, folder: str) -> None:
        """Go on with a saved session or a result on the chosen image; one that is corrected is asked about.

        Raises:
            InputError: there is no image, or something is at work.
        """
        self.loading.check()
        picture = self.workspace.picture
        if (
            picture is not None
            and self.workspace.session is not None
            and picture.layer is self.image.layer
            and not is_sure(
                self,
                "Open",
                f"{picture.title} is being corrected. What you open takes its place; what was corrected is "
                "put aside.",
                "Open",
            )
        ):
            self.say("Nothing was opened; what is corrected is as it was.")
            return
        self.loading.begin(folder)

    def run(self) -> None:
        """Segment the chosen image by the vocabulary."""
        if not self.words.take_typed():
            return  # what is wrong with it has been said
        try:
            picture = self.image.picture()
        except InputError as error:
            self.image.fold.open()  # where what it tells to press is
            self.say(error)
            return
        try:
            choice = self.model.choice_for(picture)
        except InputError as error:
            self.say(error)
            return
        all_planes = self.image.axis is not None
        choices = Choices(
            self.words.vocabulary,
            all_planes=all_planes,
            given=choice.given is not None,
            missing=self.model.to_fetch(choice),
        )
        if not all_planes:
            self.restore_bar.offer(picture.source, picture)
        state = self.workspace.state_for_run(picture, self.viewer.layers, self.controller.answers)
        found = self._ask(choices, resolve, state)
        if isinstance(found, Refuse):
            self.say(found.sentence)
        elif all_planes:
            self._run_stack(found.vocabulary)
        else:
            self.controller.run(picture, found.vocabulary, choice, found.reassign)

    def _ask(
        self,
        choices: Choices,
        resolve: Callable[[Choices, State], Ask | Refuse | Run],
        state: State,
    ) -> Refuse | Run:
        """Resolve choices, and put what has to be asked to the person until nothing has to."""
        while True:
            found = resolve(choices, state)
            if not isinstance(found, Ask):
                return found
            question, reassign = found.question, None
            if isinstance(question, Fetch):
                sure = self.model.may_fetch(question.files)
            elif isinstance(question, Leave):
                sure = ask_to_leave(
                    self, question.steps, "Run on another image", "Run", question.because
                )
            else:
                reassign = ask_about_removed(self, question.decided, question.vocabulary)
                sure = reassign is not None
            if not sure:
                return refusal(question)
            choices = answered(choices, question, reassign)

    def _run_stack(self, vocabulary: Vocabulary) -> None:
        """Segment all planes that have no session yet."""
        pictures = self.image.pictures(self.image.axis)
        self.workspace.follow(pictures[0])
        have = self.workspace.in_memory(pictures)
        self.controller.run_stack(pictures, vocabulary, self.model.choice, have)

    def cleanup(self) -> None:
        """Stop what runs and let go of the layers; the dock is closed."""
        if self._closed:
            return
        self._closed = True
        self.viewer.events.theme.disconnect(self._take_theme)
        self.controller.close()
        self.bar.close_activity()
        self.model.device.close_jobs()
        self.display.close()
        self.projects.review.turns.stop()
        self.sheet.close()
        self.compare.close()
        self.projects.close()
        self._finish_changes()
        for kept in self._given_up:
            self.workspace.release(kept)
        if not self.quitting.lost:  # else it is asked about with the window
            self.quitting.stop()
        self.words.let_go()
        self.preview.let_go()
        self.viewer.dims.events.point.disconnect(self._slider_moved)
        self.viewer.layers.selection.events.active.disconnect(self._layer_selected)

    def dock_closed(self) -> None:
        """Let go of the layers, and of the networks' memory, unless a person wants to keep what would go."""
        self._given_up = [] if self._closed else self.quitting.lost_with_dock
        if not self._closed and not self.quitting.may_go(
            self._given_up,
            "Close without saving",
            "The image is in the viewer no more, so {they go} with the dock.",
        ):
            self.viewer.window.add_dock_widget(
                self, name=self.docked_as or "CorrCLIP", area="right"
            )
            return
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
        self.projects.review.turns.stop()
        self.sheet.let_go()
        self.motions.let_go()
        self.compare.let_go()
        self.projects.let_go()
        self.model.device.close_jobs()
        self.bar.end_activity()
        self.workspace.stop()
        self._finish_changes()
        self.display.stop()
        self.regions.fall_silent()
        self.words.let_go()
        self.preview.let_go()
        self.controller.let_go()
        self.workspace.unload(())
        self.viewer.dims.events.point.disconnect(self._slider_moved)
        self.viewer.layers.selection.events.active.disconnect(self._layer_selected)

    def _finish_changes(self) -> None:
        """Do all that was asked for to the images of sets; no session of one is open here any more."""
        self.sheet.finish()
        self.motions.finish()
        self.projects.review.turns.finish()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Keep Enter from the canvas, where it accepts a region, if it was for a field of the dock."""
        fields = (QLineEdit, QComboBox, QAbstractSpinBox, QAbstractItemView, QCheckBox)
        if event is not None and is_enter(event) and isinstance(self.focusWidget(), fields):
            event.accept()
            return
        super().keyPressEvent(event)

    def say(self, sentence: str | Said | CorrClipError) -> None:
        """Show a sentence, if there is one."""
        said = Said.of(sentence)
        if self._deleted or not (said.text or said == OVER):  # a late word, to nobody
            return
        self._heard = self._heard or not (said.for_now or said == OVER)
        self.status.say(said)

    def _say_refusal(self, sentence: str | Said | CorrClipError) -> None:
        """Show why the classes are as they were, until they are others."""
        self.say(replace(Said.of(sentence), for_now=True))

    def _undo(self) -> None:
        if self.layers is not None:
            self.layers.undo()

    def _end_undo(self) -> None:
        """Offer no Undo beside a sentence that tells of another session than the open one."""
        if self.status.said.undo:
            self.say(replace(self.status.said, undo=False))

    def _offer(self) -> None:
        """Offer what is kept of the chosen image."""
        stack, nothing = self.workspace.image, self.workspace.session is None
        comes = nothing and stack is not None and stack is self.image.layer and not self._taken_away
        try:
            picture = self.image.picture()
        except InputError:  # no image, or channels that do not fit
            picture = None
        # What else there is of a stack comes with its plane.
        if self.projects.review.is_opening:  # it comes by itself
            self.restore_bar.offer(None, None)
        else:
            self.restore_bar.offer(None if comes else self.image.source(), picture)

    def _image_chosen(self) -> None:
        self._offer()
        layer, former = self.image.layer, self._asked_about()
        if layer is not None and layer is not former:
            self.image.bring_to_view()
        self.display.image_chosen(layer)
        self._show_words_of(layer)
        self._asked_about = (lambda: None) if layer is None else weakref.ref(layer)
        idle = self.workspace.session is None and not self.controller.running
        if idle and layer is None and former is not layer and self._promises_restore:
            self.say(GONE)
        if idle and layer is not former and not self.restore_bar.isHidden():
            self.say(OFFERED)

    def _show_words_of(self, layer: Image | None) -> None:
        """Show the session's classes beside its own image, and those of the next run beside another."""
        session, picture = self.workspace.session, self.workspace.picture
        if session is None or picture is None or layer is None or self.controller.segmenting:
            return
        words = self.words.vocabulary
        if layer in picture.layers:
            if self._elsewhere and words != self.controller.vocabulary:
                self._next_words = words
                self.words.show_vocabulary(self.controller.vocabulary)
            self._see_elsewhere(False)
        elif not self._elsewhere:
            self._see_elsewhere(True)
            if self._next_words is not None:
                self.words.show_vocabulary(self._next_words)

    def _see_elsewhere(self, on: bool) -> None:
        if on is not self._elsewhere:
            self._elsewhere = on
            self.words.show_shares(not on)

    def _layer_selected(self, event: Any) -> None:
        """Choose the image that a person selects in the layer list."""
        if isinstance(event.value, Image):
            self.image.follow(event.value)

    def _slider_moved(self, _event: object = None) -> None:
        self.preview.look_again()
        self._taken_away = False
        if self.image.layer is not None and self.image.layer.ndim > 2:
            self._image_chosen()

    def _merge_classes(self, wish: MergeWish) -> None:
        """Let classes be another one: on all images of the set that is open, or else on this image."""
        self.say(OVER)
        words, session = self.words.vocabulary, self.workspace.session
        if words is None or self.motions.merge(wish):
            return
        names = [words.by_value(value).name for value in wish.values]
        heir = words.by_value(wish.heir).name
        if session is None or self._elsewhere:
            for name in names:
                words, _ = merged(words, name, heir, prompts=wish.prompts)
            self.words.take(words)
        elif self.controller.running:
            self.say("Something is at work; wait for it or cancel it, then merge.")
        else:
            with session.step(f"Merge {', '.join(map(repr, names))} into {heir!r}"):
                for name in names:
                    words, _ = merged(session.vocabulary, name, heir, prompts=wish.prompts)
                    session.merge_classes(name, heir, vocabulary=words)

    def _set_has_other_classes(self) -> None:
        """Show the classes that the set has by now, where no session shows its own."""
        project = self.projects.review.project
        if project is not None and self.workspace.session is None:
            self.words.show_vocabulary(project.vocabulary)
        self.projects.show_words()

    def _words_changed(self, vocabulary: Vocabulary | None) -> None:
        self.say(OVER)  # what was refused before
        before = self.controller.vocabulary
        if vocabulary is None or self.controller.segmenting:
            self._take_words(before, vocabulary)
            return
        going = self.motions.going(before, vocabulary)
        if not going:
            self._take_words(before, vocabulary)
            return
        staying = self.motions.staying(going)
        answers = ask_about_removed(self, going, staying)
        told = None if answers is None else self.motions.remove(answers)
        if told is None:
            # Of several the first may be gone by now.
            self.words.show_vocabulary(self.controller.vocabulary or self.motions.classes)
            return
        self._take_words(self.motions.without(before or staying, going), vocabulary)
        self.say(told)

    def _take_words(self, before: Vocabulary | None, vocabulary: Vocabulary | None) -> None:
        """Take other classes.

        Args:
            before: those of the image that is corrected; ``None``: none is.
            vocabulary: from now on; ``None``: there is none.
        """
        if vocabulary is not None:
            typed, vocabulary = vocabulary, self.projects.words_beside(before, vocabulary)
            if vocabulary != typed:
                self.words.show_vocabulary(vocabulary)
            self.projects.set_words(before, vocabulary)
        if self.controller.segmenting:
            self.words.wait()  # taken when the run has ended
            return
        state = self.workspace.state_for_words(self.image.layer, self.controller.answers)
        found = self._ask(Choices(vocabulary), resolve_words, state)
        if isinstance(found, Run):
            if found.vocabulary != vocabulary:
                self.words.show_vocabulary(found.vocabulary)
            self.projects.words.merge(self.workspace.session, found.reassign or {})
            self.controller.set_vocabulary(found.vocabulary, found.reassign)
            return
        if found.words_back:
            if vocabulary is not None:
                self.projects.set_words(vocabulary, before)
            self.words.show_vocabulary(self.controller.vocabulary)
        self.say(found.sentence)

    def _take_words_typed_meanwhile(self) -> None:
        """Take the classes that were changed while a run went on."""
        if self.controller.segmenting or not self.words.take_waiting():
            return
        session, words = self.workspace.session, self.words.vocabulary
        if session is not None and words != session.vocabulary:
            self._words_changed(words)

    # -- what the controller tells

    def _plane_left(self) -> None:
        self.words.follow(None)
        self.words.active.follow(None)
        self._image_chosen()
        picture = self.image.shown
        if picture is not None and not self.controller.running:
            self.say(f"{picture.title}.")  # what was said of the plane that was left is over
        else:
            self._end_undo()

    def _nothing_shown(self) -> None:
        self.pages.turn_to(Page.SET_UP)
        self._plane_left()

    def _removed(self, name: str, image: bool) -> None:
        """Somebody removed a layer of the session, or its stack."""
        self.controller.close()
        if image:
            self.say(f"The image {name!r} was removed; its labels stay as hidden layers.")
            self._nothing_shown()
            return
        self._taken_away = True
        self._nothing_shown()
        if self.image.layer is None:
            self.say(GONE)
            return
        back = "" if self.restore_bar.isHidden() else f"{BACK}, and "
        self.say(f"The layer {name!r} was removed; {back}Run makes new ones.")

    @property
    def _promises_restore(self) -> bool:
        """Whether what is said last leads to the row over the pages, or to another run."""
        told = self.status.said.text
        return told == OFFERED or "Run makes new ones" in told

    def _regions_found(self, regions: NDArray[np.int32], picture: Picture) -> None:
        self.preview.leave()  # these take its place
        self.display.preview(regions, picture)

    def _selected(self, _selection: tuple[int, ...]) -> None:
        self.preview.leave()  # what is selected is to be seen

    def _turned(self, page: Page) -> None:
        if page is not Page.SET_UP:
            self.preview.leave("the page that it was on")

    def _opened(self, opened: Opened) -> None:
        self.preview.leave()
        self._taken_away = False
        session, picture = opened.session, opened.picture
        self._next_words = None
        self._see_elsewhere(False)
        if opened.arrived and not self.controller.running:
            self.say(f"{picture.title}.")  # what was said of the plane before is over
        elif opened.arrived:
            self._end_undo()
        self._step = session.history.done[-1:]
        self.words.follow(session)
        self.words.active.follow(None if self.layers is None else self.layers.labels)
        if self.correct.mode is not None:
            self.correct.mode.correcting.selected.connect(self._selected)
            self.correct.mode.correcting.encode = self.controller.encoding.ask
            self.correct.mode.actions.beside = self.projects.words_beside
            self.correct.mode.actions.class_made.connect(self.projects.set_words)
        if not opened.arrived:
            self._offer()  # what was put aside is not offered any more; before a page that needs the room
            self.pages.turn_to(Page.CORRECT)
        if not opened.arrived or not self.controller.segmenting:  # else they are for the next run
            self.words.show_session()
        if picture.layer is not None and picture.layer in self.viewer.layers:
            # Another may have been chosen while it was segmented, and is what is seen.
            told = self.status.text()
            self.display.image_chosen(self.image.layer)
            if self.image.layer in picture.layers:
                self.image.bring_to_view()
            else:
                self.say(f"{told} It is hidden until {picture.name!r} is chosen again.")
        else:
            self.say(f"{self.status.text()} The image {picture.name!r} is in the viewer no more.")

    def _show_run(self, session: Session) -> None:
        """Show how a session that is gone on with was made, as the next run would be."""
        if not session.provenance.recipe:
            return
        try:
            gone = self.model.show_run(Recipe.from_json(session.provenance.recipe))
        except InputError as error:
            gone = f"How it was made cannot be shown: {error}"
        if gone:
            self.say(Said(f"{self.status.text()} {gone}", Kind.WARNING))

    def _busy(self, busy: bool) -> None:
        if not busy:
            if not self.preview.shown:  # that is a person's own
                self.display.forget_preview()  # a run that was stopped or failed leaves nothing
            # What the job brought comes first.
            QTimer.singleShot(0, self._take_words_typed_meanwhile)
            QTimer.singleShot(0, self._forget_made)
            QTimer.singleShot(0, self._look_again)

    def _look_again(self) -> None:
        """Begin what an edit asked for while something else was at work."""
        if not self._deleted and not self._closed and not self.controller.running:
            self.controller.look_again()

    def _forget_made(self) -> None:
        """A class that was asked for has come with the job, or will not."""
        if not self._deleted and not self.controller.running:
            self.correct.forget_made()

    def _edited(self, _changed: Changed) -> None:
        session = self.workspace.session
        if session is not None:
            self.projects.words.edited(session)
            self.controller.look_again()
            self._heard = False
            QTimer.singleShot(0, self._tell_step)  # who made it may tell of it first

    def _tell_step(self) -> None:
        """Tell of a step that nobody told of, as the console's; Undo beside a sentence is of that step."""
        session = self.workspace.session
        if self._deleted or session is None:
            return
        steps = session.history.done
        former, self._step = self._step, steps[-1:]
        gone = [step for step in former if step not in steps]
        undone = session.can_redo and bool(gone)
        besides = self.motions.told_undone(gone[0]) if undone else ""
        if former == self._step or (self._heard and not besides):
            return
        if undone:
            self.say(Said(besides or f"Undone: {gone[0].title}.", Kind.DONE))
        elif steps:
            self.say(done(steps[-1].title))
