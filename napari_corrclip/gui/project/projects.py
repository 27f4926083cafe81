"""The projects of a dock: their parts put together, and what each tells the others."""

from __future__ import annotations

from collections.abc import Callable

import napari
from qtpy.QtWidgets import QWidget

from napari_corrclip.engine.networks import Networks
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.project.opening import Opening
from napari_corrclip.gui.project.panel import ImagesPanel
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.project.running import ProjectRun
from napari_corrclip.gui.project.statistics import StatisticsWindow
from napari_corrclip.gui.project.way import WayBar
from napari_corrclip.gui.session.display import SessionDisplay
from napari_corrclip.gui.widgets import button
from napari_corrclip.gui.work.choice import Choice
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.project.project import Project
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count


class Projects:
    """The project that is open, if one is, and the way to another.

    Args:
        viewer: shows the images.
        image: the choice of the image.
        workspace: has the sessions.
        display: shows them.
        choices: returns the classes that were typed, or ``None``, and how images are run.
        may_fetch: asks whether weights that are missing may be downloaded.
        networks: that are loaded, which a run shares with whoever encodes one image meanwhile.
        tell: is given a sentence.
        parent: the dock.

    Attributes:
        open_button: for the page of somebody who has no image yet.
        open_another_button: for that of somebody who has.
        panel: the page of its images.
        way: the row that leads from one to the next.
        review: has the project.
        run: goes over its images in the background.
        opening: asks for a folder.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        image: ImagePanel,
        workspace: Workspace,
        display: SessionDisplay,
        *,
        choices: Callable[[], tuple[Vocabulary | None, Choice]],
        may_fetch: Callable[[Choice], bool],
        networks: Networks,
        tell: Tell,
        parent: QWidget,
    ) -> None:
        self._choices, self._may_fetch, self._tell = choices, may_fetch, tell
        self.review = Review(viewer, image, workspace, display, tell)
        self.run = ProjectRun(networks)
        self.panel = ImagesPanel(self.review, self.run, tell)
        self.panel.may_run = self._may_run
        self.way = WayBar(self.review, self.panel.model)
        self.opening = Opening(
            parent,
            lambda: choices()[0],
            lambda: choices()[1].recipe,
            self.opened,
            tell,
        )
        self.open_button, self.open_another_button = (
            button(
                "Open folder…",
                "Many images, one after another: a folder becomes a project, or is one",
            )
            for _ in range(2)
        )
        for pressed in (self.open_button, self.open_another_button):
            pressed.clicked.connect(lambda: self.opening.ask())
        self.statistics = StatisticsWindow(parent, tell)
        self.panel.statistics.connect(self._show_statistics)
        self.run.status.connect(tell)
        self.panel.counted.connect(self.way.refresh)
        self.way.stepped.connect(self.panel.step)
        self.way.verified.connect(self.panel.verify)
        self.way.skipped.connect(self.panel.skip)

    def opened(self, project: Project, run: bool) -> None:
        """Have a project from now on, show its first open image, and run it if that is wanted."""
        try:
            new = 0 if project.read_only else project.look_again()
        except InputError as error:
            self._tell(error)
            new = 0
        self.review.open(project)
        first = self.review.next_ready(self.panel.model.numbers())
        record = first or self.panel.model.record(0)
        came = f", {new:,} of them new" if new else ""
        said = f"Opened {project.folder.name!r}: {count(len(project), 'image')}{came}."
        if record is None or not self.panel.show_item(record, said):
            self._tell(Said(said, Kind.DONE))
        if run:
            self.panel.start()

    def _show_statistics(self) -> None:
        if self.review.project is not None:
            self.review.keep()
            self.statistics.open(self.review.project)

    def set_words(self, vocabulary: Vocabulary | None) -> None:
        """Have other classes for the whole set."""
        self.review.set_words(vocabulary)
        if self.review.project is not None:
            self.panel.show_words(vocabulary)

    def _may_run(self) -> bool:
        project = self.review.project
        if project is None:
            return False
        choice = self._choices()[1]
        try:
            if not project.read_only and choice.recipe.key() != project.recipe.key():
                project.choose(recipe=choice.recipe)
        except InputError as error:
            self._tell(error)
            return False
        return self._may_fetch(choice)

    def close(self) -> None:
        """Keep what was corrected, and let go of the project."""
        self.panel.close_jobs()
        self.statistics.close()
        self.review.close()

    def let_go(self) -> None:
        """Stop what runs, and touch no widget: they are being deleted."""
        self.panel.thumbnails.close()
        self.run.let_go()
        self.review.let_go()
