"""The way to a project: a folder is chosen, and becomes one by the words of a person, or is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QVBoxLayout, QWidget

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.widgets import Label, Line, button
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.finding import find_images
from napari_corrclip.project.folder import SUFFIX, is_project
from napari_corrclip.project.project import Project
from napari_corrclip.storage.places import can_write
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count


@dataclass(frozen=True)
class Answer:
    """The answer of a person who is asked about a new project.

    Attributes:
        vocabulary: the classes of the set.
        run: whether all images are to be labelled at once.
    """

    vocabulary: Vocabulary
    run: bool


class Opening:
    """The opener of projects.

    Args:
        parent: of the questions.
        words: returns the classes that were typed in the dock; ``None``: none were.
        recipe: returns how images are run.
        opened: gets the project, whether it is to be run at once, and why nothing can be written into it.
        tell: is given a sentence.
    """

    def __init__(
        self,
        parent: QWidget,
        words: Callable[[], Vocabulary | None],
        recipe: Callable[[], Recipe],
        opened: Callable[[Project, bool, str], object],
        tell: Tell,
    ) -> None:
        self._parent, self._words, self._recipe = parent, words, recipe
        self._opened, self._tell = opened, tell
        self._jobs = Jobs()

    def ask(self) -> None:
        """Ask for a folder, and open it."""
        chosen = QFileDialog.getExistingDirectory(
            self._parent, "Open a folder of images, or a project"
        )
        if chosen:
            self.open(Path(chosen))

    def open(self, folder: Path) -> None:
        """Open a project, or make one of a folder of images, in a thread; what is wrong is told."""
        self.drop()
        try:
            place = self._project_of(folder)
            if place is not None:
                project, why = _open(place)
                self._opened(project, False, why)
                return
        except InputError as error:
            self._tell(error)
            return
        self._tell(Said(f"Looking for images in {folder.name!r} …", for_now=True))
        self._jobs.start(
            _find_steps(folder), done=lambda images: self._ask(folder, images), failed=self._failed
        )

    def drop(self) -> None:
        """Make nothing any more of what was asked for before."""
        self._jobs.drop()

    def _ask(self, folder: Path, images: int) -> None:
        """Ask for the classes of a folder's images, and make a project of them."""
        try:
            place, recipe = self._place_for(folder), self._recipe()
            answer = ask_words(self._parent, folder, place, images, self._words())
        except InputError as error:
            self._tell(error)
            return
        if answer is None:
            self._tell("Nothing was opened.")
            return
        self._tell(Said(f"Making {place.name!r} of {count(images, 'image')} …", for_now=True))
        self._jobs.start(
            _make_steps(place, answer.vocabulary, folder, recipe),
            done=lambda project: self._opened(project, answer.run, ""),
            failed=self._failed,
        )

    def _failed(self, error: Exception) -> None:
        if isinstance(error, CorrClipError):
            self._tell(error)
        else:
            text = f"The project cannot be made ({error}); please report it."
            self._tell(Said(text, Kind.WARNING))

    @staticmethod
    def _project_of(folder: Path) -> Path | None:
        """Return the project that a folder is, or that was made of it; ``None``: there is none."""
        return next((place for place in (folder, *_places(folder)) if is_project(place)), None)

    @staticmethod
    def _place_for(folder: Path) -> Path:
        """Return where the project of a folder is to be: beside it, or inside it.

        Raises:
            InputError: nobody may write there.
        """
        for place in _places(folder):
            if can_write(place.parent):
                return place
        raise InputError(
            f"A project cannot be made beside {str(folder)!r} or in it, for nobody may write there; make it "
            "elsewhere: napari-corrclip project create."
        )


def _find_steps(folder: Path) -> Steps[int]:
    """Count the images of a folder; what cannot be used, the project tells."""
    yield Progress("look for images", 0, 1)
    return len(find_images(folder, tell=lambda _: None))


def _make_steps(
    place: Path, vocabulary: Vocabulary, folder: Path, recipe: Recipe
) -> Steps[Project]:
    yield Progress("make the project", 0, 1)
    project = Project.create(place, vocabulary, folder, recipe=recipe)
    try:
        yield Progress("make the project", 1, 1)
    except GeneratorExit:  # nobody wants it open any more
        project.close()
        raise
    return project


def _open(place: Path) -> tuple[Project, str]:
    """Open a project, to be looked at alone where nothing can be written; return why that is, too.

    Raises:
        InputError: it cannot be read either.
    """
    try:
        return Project.open(place), ""
    except (InputError, OSError) as error:
        why = "nobody may write there" if not can_write(place) else str(error).rstrip(".")
        try:
            return Project.open(place, read_only=True), why
        except InputError:
            if isinstance(error, InputError):
                raise error from None
            raise


def _places(folder: Path) -> tuple[Path, ...]:
    """Return where the project of a folder may lie: beside it, or inside it."""
    name = (folder.name or "images") + SUFFIX  # the root of a disk has no name
    beside = (folder.with_name(name),) if folder.name else ()
    return *beside, folder / name


_WIDTH = 420
"""Pixels that the question is wide at least."""


class WordsDialog(QDialog):
    """The question for the classes of a set.

    Args:
        text: what there is.
        words: those that were typed already, which are not asked for again; ``None``: none were.

    Attributes:
        answer: what was said; ``None``: nothing is to be made.
    """

    def __init__(self, parent: QWidget, text: str, words: Vocabulary | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("A new project")
        self._words = words
        self.line = Line()
        self.line.setPlaceholderText("cat, dog, sky")
        self.line.setAccessibleName("Classes of the project")
        self.line.setMinimumWidth(320)
        self.line.returnPressed.connect(lambda: self._answer(True))
        self.line.setVisible(words is None)
        label, self.wrong = Label(text), Label()
        for told in (label, self.wrong):
            told.setWordWrap(True)
        self.answer: Answer | None = None
        box = QDialogButtonBox()
        self.run_button = button("Label all", "Make the project, and label all images now")
        self.make_button = button("Only make it", "Make the project; images are labelled later")
        self.cancel_button = button("Cancel", "Make nothing")
        box.addButton(self.run_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(self.make_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(self.cancel_button, QDialogButtonBox.ButtonRole.RejectRole)
        self.run_button.clicked.connect(lambda: self._answer(True))
        self.make_button.clicked.connect(lambda: self._answer(False))
        self.cancel_button.clicked.connect(self.reject)
        self.run_button.setDefault(True)
        column = QVBoxLayout(self)
        column.addWidget(label)
        column.addWidget(self.line)
        column.addWidget(self.wrong)
        column.addWidget(box)

    def _answer(self, run: bool) -> None:
        try:
            self.answer = Answer(self._words or Vocabulary.coerce(self.line.text()), run)
        except InputError as error:
            self.wrong.setText(str(error))
            self._fit()
            return
        self.accept()

    def _fit(self) -> None:
        """Be as high as the sentences need; Qt counts a wrapped one as if the box were narrower."""
        layout = self.layout()
        assert layout is not None  # made above
        layout.activate()
        width = max(self.width(), _WIDTH)
        self.resize(width, max(self.height(), layout.heightForWidth(width)))

    def showEvent(self, event: QShowEvent | None) -> None:
        """Fit before it is seen."""
        self._fit()
        super().showEvent(event)


def ask_words(
    parent: QWidget, folder: Path, place: Path, images: int, words: Vocabulary | None
) -> Answer | None:
    """Ask which classes a new project has; ``None``: it is not to be made.

    Args:
        parent: of the window that asks.
        folder: of the images.
        place: of the project.
        images: how many there are.
        words: what was typed already; ``None``: nothing was.
    """
    classes = (
        "Which classes do you see in them? Others can be added later."
        if words is None
        else f"They get the classes that you typed: {', '.join(words.names)}."
    )
    dialog = WordsDialog(
        parent,
        f"{count(images, 'image')} in {folder.name!r}, which stay where they are; what is made of them goes "
        f"into {str(place)!r}. {classes}",
        words,
    )
    dialog.exec()
    answer = dialog.answer
    dialog.deleteLater()
    return answer
