"""The projects of a dock: their parts put together, and what each tells the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import napari
from qtpy.QtWidgets import QWidget

from napari_corrclip.annotation import Session
from napari_corrclip.engine.networks import Networks
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.correct import CorrectPanel
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.project.lesson_bar import LessonBar
from napari_corrclip.gui.project.like_list import LikeWindow
from napari_corrclip.gui.project.marking import Marking
from napari_corrclip.gui.project.opening import Opening
from napari_corrclip.gui.project.panel import ImagesPanel
from napari_corrclip.gui.project.passed_over import PassedOver
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.project.running import ProjectRun
from napari_corrclip.gui.project.statistics import StatisticsWindow
from napari_corrclip.gui.project.teachers import TeachersWindow
from napari_corrclip.gui.project.teaching import Teaching
from napari_corrclip.gui.project.way import WayBar
from napari_corrclip.gui.project.words import SetWords
from napari_corrclip.gui.session.display import SessionDisplay
from napari_corrclip.gui.widgets import button
from napari_corrclip.gui.work.choice import Choice
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import SUFFIX
from napari_corrclip.project.project import Project
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

GO_WITH = {
    "preset": "settings",
    "regions": "region_options",
    "region_options": "regions",
}
"""What else of a recipe is taken with what was changed, for it means nothing beside another one."""


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
        correct: the tools by which regions are corrected.
        parent: the dock.

    Attributes:
        open_button: for the page of somebody who has no image yet.
        open_another_button: for that of somebody who has.
        panel: the page of its images.
        way: the row that leads from one to the next.
        review: has the project.
        marking: takes what is said of its images.
        words: the classes of the set.
        teaching: the lesson of the image that is open.
        lesson: its row on the page of corrections.
        teachers: the window of what taught a region.
        like: the window of the regions that look like one.
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
        correct: CorrectPanel,
        parent: QWidget,
    ) -> None:
        self._choices, self._may_fetch, self._tell = choices, may_fetch, tell
        self._looking = Jobs()
        self._shown = choices()[1].recipe  # by the dock, when the project was opened
        self.review = Review(viewer, image, workspace, display, tell)
        self.run = ProjectRun(networks)
        self._passed_over = PassedOver()
        self.marking = Marking(self.review, workspace, tell)
        self.words = SetWords(self.review, tell)
        self.panel = ImagesPanel(self.review, self.marking, self.run, tell)
        self.panel.may_run = self._may_run
        self._correct = correct
        self.teaching = Teaching(self.review, lambda: correct.mode, tell)
        self.review.learns = self.teaching.begin
        workspace.leaving.connect(self._leaving)
        self.lesson = LessonBar(self.teaching)
        self.lesson.looked.connect(self._look)
        self.review.opened.connect(self._show_lesson)
        self.teachers = TeachersWindow(parent, tell)
        self.teaching.asked.connect(self._show_teachers)
        self.teachers.opened.connect(self.open_region)
        self.like = LikeWindow(parent, tell)
        self.teaching.like_asked.connect(self._show_like)
        self.like.opened.connect(self.open_region)
        self.review.opened.connect(lambda _: self.like.close())  # it lists those of the one before
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
        self.statistics = StatisticsWindow(viewer, parent, tell)
        self.panel.statistics.connect(self._show_statistics)
        self.run.status.connect(self._told_of_run)
        self.panel.counted.connect(self.way.refresh)
        self.way.stepped.connect(self.panel.step)
        self.way.verified.connect(self.panel.verify)
        self.way.skipped.connect(self.panel.skip)

    def opened(self, project: Project, run: bool, why_read_only: str = "") -> None:
        """Have a project from now on, show its first open image, and run it if that is wanted.

        Args:
            project: that was opened.
            run: whether all images are to be run at once.
            why_read_only: why nothing can be written into it; empty: it can.
        """
        self._looking.drop()
        self._passed_over.forget()
        new = self._look_alone(project) if project.is_only_writer else 0
        self.review.open(project)
        self._shown = self._choices()[1].recipe
        first = self.marking.next_ready(self.panel.model.numbers(), None)
        record = first or self.panel.model.record(0)
        came = f", {new:,} of them new" if new else ""
        name = project.folder.name.removesuffix(SUFFIX)
        said = f"Opened {name!r}: {count(len(project), 'image')}{came}."
        if record is None or not self.panel.show_item(record, said):
            self._tell(Said(said, Kind.DONE))
        self._tell_passed_over(project.passed_over)
        if why_read_only:
            only = f"It can only be looked at, for {why_read_only}."
            self.review.tell_besides(Said(only, Kind.WARNING))
        if run:
            self.panel.start()  # which looks again itself
        elif not project.read_only and not project.is_only_writer:
            self._looking.start(
                _look_steps(project.folder), done=self._looked, failed=self._cannot_look
            )

    def _leaving(self, _session: Session) -> None:
        self.teaching.leave()

    def _show_lesson(self, project: Project | None) -> None:
        self.lesson.show_project(project is not None and not project.read_only)

    def _look(self) -> None:
        """Walk through what the lesson offers; where regions are not corrected yet, from now on they are."""
        self._correct.button.setChecked(True)
        self.teaching.look()

    def _show_teachers(self, region: int) -> None:
        project, teaching = self.review.project, self.teaching
        learning, session = teaching.learning, teaching.session
        if project is not None and learning is not None and session is not None:
            self.teachers.open(project, learning, session, region)

    def _show_like(self, region: int) -> None:
        project, record = self.review.project, self.review.shown_whole
        if project is not None and record is not None:
            self.like.open(project, record.name, region)

    def show_words(self) -> None:
        """Offer the classes of the set as orders of its images."""
        if self.review.project is not None:
            self.panel.show_words(self.review.project.vocabulary)

    def open_region(self, image: str, region: int) -> None:
        """Show an image with a region of it selected."""
        project = self.review.project
        if project is None:
            return
        self._correct.button.setChecked(True)
        self.teaching.select(image, region)
        try:
            self.panel.show_item(project.item(image))
        except InputError as error:
            self._tell(error)

    def open_item(self, image: str) -> None:
        """Show an image of the project, by the name of its item."""
        project = self.review.project
        if project is None:
            return
        try:
            self.panel.show_item(project.item(image))
        except InputError as error:
            self._tell(error)

    def _look_alone(self, project: Project) -> int:
        """Add what has come to a project's folders, where no other thread may write; return how many."""
        try:
            project.catch_up()
            return project.look_again()
        except InputError as error:
            self._tell(error)
            return 0

    def _looked(self, looked: Looked) -> None:
        project = self.review.project
        if project is None:
            return
        self.review.look_for_items()
        self.panel.refresh()
        name = project.folder.name.removesuffix(SUFFIX)
        new = f"{count(looked.new, 'new image')} in {name!r}." if looked.new else ""
        self._tell_passed_over(looked.passed_over, new)
        if new and self.review.record is None and not self.review.is_opening:
            self.panel.step(1)

    def _tell_passed_over(self, found: Sequence[str], new: str = "") -> None:
        """Tell what has come to the project's folders, and what of them cannot be used."""
        over = self._passed_over.said_of(found)
        if over or new:
            text = " ".join(filter(None, (new, over)))
            self.review.tell_besides(Said(text, Kind.WARNING if over else Kind.DONE))

    def _told_of_run(self, told: str | Said | CorrClipError) -> None:
        """Tell what a run tells, and what it could not use of the project's folders."""
        said, project = Said.of(told), self.review.project
        if project is not None:
            over = self._passed_over.said_of((*self.run.passed_over, *project.passed_over))
            if over:
                said = replace(said, text=f"{said.text} {over}", kind=Kind.WARNING)
        self._tell(said)

    def _cannot_look(self, error: Exception) -> None:
        if isinstance(error, CorrClipError):
            self._tell(error)
        else:
            self._tell(Said(f"New images cannot be looked for ({error}).", Kind.WARNING))

    def _show_statistics(self) -> None:
        if self.review.project is not None:
            self.review.keep()
            self.statistics.open(self.review.project)

    def words_beside(self, before: Vocabulary | None, after: Vocabulary) -> Vocabulary:
        """Return changed classes with values that no other class of the set has."""
        return self.words.beside(before, after)

    def set_words(self, before: Vocabulary | None, after: Vocabulary | None) -> None:
        """Change the classes of the whole set as those of the image were."""
        self.words.change(before, after)
        self.show_words()

    def _may_run(self) -> bool:
        project = self.review.project
        if project is None:
            return False
        choice = self._choices()[1]
        try:
            recipe = changed(project.recipe, self._shown, choice.recipe)
            if not project.read_only and recipe != project.recipe:
                project.choose(recipe=recipe)
                self._tell("Images are run from now on as the page Set up was changed.")
        except InputError as error:
            self._tell(error)
            return False
        return self._may_fetch(replace(choice, recipe=project.recipe))

    def close(self) -> None:
        """Keep what was corrected, and let go of the project."""
        self.opening.drop()
        self._looking.drop()
        self.panel.close_jobs()
        self.statistics.close()
        self.teachers.close()
        self.like.close()
        self.review.close()

    def let_go(self) -> None:
        """Stop what runs, and touch no widget: they are being deleted."""
        self.opening.drop()
        self._looking.drop()
        self.panel.thumbnails.close()
        self.panel.conflict_count.changed.disconnect()
        self.panel.conflict_count.close()
        self.statistics.let_go()
        self.teachers.let_go()
        self.like.let_go()
        self.run.let_go()
        self.teaching.let_go()
        self.review.let_go()


def changed(recipe: Recipe, shown: Recipe, now: Recipe) -> Recipe:
    """Return a project's recipe with what a person has changed in the dock, and nothing else.

    The dock cannot say all of a recipe, and not every one: what it does not show stays.

    Args:
        recipe: of the project.
        shown: by the dock, when the project was opened.
        now: by the dock.

    Raises:
        InputError: what was changed does not go with the rest.
    """
    names = {
        field.name
        for field in fields(Recipe)
        if getattr(now, field.name) != getattr(shown, field.name)
    }
    for name, more in GO_WITH.items():
        if name in names:
            names.add(more)
    return replace(recipe, **{name: getattr(now, name) for name in names})


@dataclass(frozen=True, slots=True)
class Looked:
    """The outcome of a look at a project's folders.

    Attributes:
        new: how many images have come.
        passed_over: what cannot be used there, a sentence each.
    """

    new: int
    passed_over: tuple[str, ...]


def _look_steps(folder: Path) -> Steps[Looked]:
    """Look in a thread for what has come to a project's folders."""
    yield Progress("look for corrections", 0, 2)
    with Project.open(folder) as project:  # a thread has its own
        project.catch_up()
        yield Progress("look for images", 1, 2)
        new = project.look_again()
        return Looked(new, project.passed_over)
