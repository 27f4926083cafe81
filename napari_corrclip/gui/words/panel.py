"""The vocabulary: a line to type into, over a table with a row a class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QModelIndex, QPoint, Qt, QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.class_keys import CLASS_KEYS
from napari_corrclip.gui.preferences import palette_of_new_classes
from napari_corrclip.gui.widgets import Line, button, give_room_back, set_tip
from napari_corrclip.gui.words.active import ActiveClass
from napari_corrclip.gui.words.detail import ClassDetail
from napari_corrclip.gui.words.merging import MergeWish, NoSet, OfSet, ask_again, ask_merge
from napari_corrclip.gui.words.parent import ask_parent
from napari_corrclip.gui.words.readings import read_typed
from napari_corrclip.gui.words.renaming import Letters, ask_about_prompt, renamed_with_prompt
from napari_corrclip.gui.words.shown import ShownClasses
from napari_corrclip.gui.words.table import (
    COLOR,
    KEY,
    NAME,
    PROMPTS,
    SHARE,
    THRESHOLD,
    ClassTable,
    VocabularyModel,
)
from napari_corrclip.gui.work.said import Kind, Said
from napari_corrclip.maps.values import count_values
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.benchmarks import BENCHMARKS, benchmark
from napari_corrclip.vocabulary.model import FILE_SUFFIXES
from napari_corrclip.vocabulary.near_colors import nearest_given
from napari_corrclip.wording.amounts import count

if TYPE_CHECKING:
    from napari_corrclip.annotation import Changed, Session

__all__ = ["COLOR", "KEY", "NAME", "PROMPTS", "SHARE", "THRESHOLD", "VocabularyPanel"]

FILES = f"Vocabularies ({' '.join('*' + suffix for suffix in FILE_SUFFIXES)})"
DELAY = 150
"""Milliseconds without an edit before the shares are counted."""


class VocabularyPanel(QWidget):
    """The panel of the classes: typed, edited, coloured, sorted, removed, loaded and saved.

    Attributes:
        prompts_follow: whether a class that is looked for by its name is looked for by its new name once it
            is renamed; ``None``: a person is asked.
        of_set: the set whose classes they are.

    Signals (psygnal):
        changed: the :class:`Vocabulary`, or ``None`` where none is left.
        refused: an error, or a sentence.
        told: a sentence on what was done.
        merging: a :class:`~napari_corrclip.gui.words.merging.MergeWish`.
        parting: the name of a merged class that is to be one of its own again.
        bringing_back: the name of a removed class that is to be there again.
    """

    changed = Signal(object)
    refused = Signal(object)
    told = Signal(Said)
    merging = Signal(MergeWish)
    parting = Signal(str)
    bringing_back = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = Line()
        self.line.setPlaceholderText("cat, dog, sky – then Enter")
        self.line.setAccessibleName("New classes")
        set_tip(
            self.line,
            "Commas separate classes. 'pet: cat, dog' is one class with two prompts; "
            "'cat #ff8800' gives it a colour; 'animal > cat' puts it below another one.",
        )
        self.line.returnPressed.connect(self._typed)
        self.model = VocabularyModel(self._edited, self)
        self.table = ClassTable(self.model)
        self.detail = ClassDetail(self.model)
        self.active = ActiveClass(self.table, self.model)
        self.shown = ShownClasses(self.table, self.model, self)
        self.shown.refused.connect(lambda said: self.refused.emit(said))
        self.shown.moved.connect(self._rows_moved)
        selection = self.table.selectionModel()
        assert selection is not None  # of a view with a model
        selection.selectionChanged.connect(self._rows_selected)
        self.model.modelReset.connect(self._rows_selected)
        self.table.clicked.connect(self._choose_color)
        CLASS_KEYS.changed.connect(self.model.show_keys)
        self.table.moved.connect(self._move)
        self.table.removed.connect(self._remove)
        self.table.asked.connect(self._offer)
        self.remove_button = button("Remove", "Remove the selected classes (Delete)")
        self.remove_button.clicked.connect(self._remove)
        self.clear_button = button("Clear", "Remove all classes")
        self.clear_button.clicked.connect(lambda: self._set(None))
        self.up_button = button("▲", "Move the selected classes up (Alt+Up); keys follow the order")
        self.up_button.clicked.connect(lambda: self._move(-1))
        self.down_button = button("▼", "Move the selected classes down (Alt+Down)")
        self.down_button.clicked.connect(lambda: self._move(1))
        self.up_button.setAccessibleName("Move up")
        self.down_button.setAccessibleName("Move down")
        self.lists_button = button("Lists", "Load and save the classes, or take a benchmark's")
        self.lists_button.setMenu(self._menu())
        self._below = QWidget()
        buttons = QHBoxLayout(self._below)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(4)
        for widget in (self.remove_button, self.clear_button, self.up_button, self.down_button):
            buttons.addWidget(widget)
        for widget in (self.up_button, self.down_button):
            widget.setMaximumWidth(28)
        # Before napari's style comes they ask for much more room, and a dock never becomes narrower again.
        for widget in (self.remove_button, self.clear_button, self.shown.button, self.lists_button):
            widget.setMinimumWidth(28)
        buttons.addStretch()
        buttons.addWidget(self.shown.button)
        buttons.addWidget(self.lists_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)  # all of it is to fit a low screen
        layout.addWidget(self.line)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.detail)
        layout.addWidget(self._below)
        self.prompts_follow: bool | None = None
        self.of_set: OfSet = NoSet()
        self._former: Vocabulary | None = None
        self._session: Session | None = None
        self._shares_shown = True
        self._seen: Session | None = None
        self._letters = Letters()
        self._waiting = False  # for the end of a run, during which they were changed
        self._count_later = QTimer(self)
        self._count_later.setSingleShot(True)
        self._count_later.setInterval(DELAY)
        self._count_later.timeout.connect(self._count)
        self._buttons()

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The classes; ``None`` where there is none yet."""
        return self.model.vocabulary

    def show_vocabulary(self, vocabulary: Vocabulary | None) -> None:
        """Show a vocabulary without telling anybody; the selected classes stay selected.

        Where it takes back what was renamed here, or does it again, letters go with the names.
        """
        self._letters_follow(vocabulary)
        self._show(vocabulary)

    def _show(self, vocabulary: Vocabulary | None) -> None:
        shown = self.vocabulary
        values = [] if shown is None else [shown.values[row] for row in self.table.rows()]
        self.model.show(vocabulary)
        if vocabulary is not None and vocabulary is not shown and values:
            kept = [row for row, value in enumerate(vocabulary.values) if value in values]
            if kept != self.table.rows():
                self.table.select(kept)
        if vocabulary is not shown and not self.table.rows():
            self.active.agree()
        self._buttons()

    def show_little(self, on: bool) -> None:
        """Leave out what is below the table for a while: there is no room for it; or show it again."""
        for part in (self.detail, self._below):
            part.setVisible(not on)
        give_room_back(self._below)

    def replace(self, vocabulary: Vocabulary) -> None:
        """Show other classes; those that there were can be brought back."""
        self._former = self.vocabulary or self._former
        self.line.clear()
        self._show(vocabulary)

    def follow(self, session: Session | None) -> None:
        """Show what a session does to its classes, and each one's share of its image; ``None``: of none."""
        self.let_go()
        CLASS_KEYS.changed.connect(self.model.show_keys)
        self._session = session
        if session is not None:
            session.changed.connect(self._session_changed)
        self._count_later.start()

    def show_shares(self, on: bool) -> None:
        """Show each class's share of the session's image; ``False``: another image is looked at."""
        self._shares_shown = on
        self._count()

    def let_go(self) -> None:
        """Follow no session, and touch nothing: the panel may be deleted."""
        CLASS_KEYS.changed.disconnect(self.model.show_keys)
        self.active.follow(None)
        former, self._session = self._session, None
        if former is not None:
            former.changed.disconnect(self._session_changed)

    def show_session(self) -> None:
        """Show the classes that the session has, unless others :meth:`wait` for the end of a run."""
        session = self._session
        another, self._seen = session is not self._seen, session
        if session is None or self._waiting or session.vocabulary == self.vocabulary:
            return
        if another:  # whose classes of the same values are others
            self._show(session.vocabulary)
        else:
            self.show_vocabulary(session.vocabulary)

    def wait(self) -> None:
        """Keep the classes as they are, whatever session is followed, until :meth:`take_waiting`."""
        self._waiting = True

    def take_waiting(self) -> bool:
        """Return whether the classes have waited; from now on they do not."""
        waited, self._waiting = self._waiting, False
        return waited

    def _session_changed(self, changed: Changed) -> None:
        if changed.vocabulary:
            self.show_session()
        self._count_later.start()

    def take_typed(self) -> bool:
        """Add what stands in the line, as if Enter had been pressed; return whether it could be read."""
        if self.line.text().strip():
            self._typed()
        return not self.line.text().strip()

    # -- files and lists

    def load(self, path: str | Path, *, replace: bool) -> None:
        """Take the classes of a file; ``replace``: in place of those there are."""
        palette = palette_of_new_classes()
        self._take(lambda: Vocabulary.from_file(path, palette=palette), replace=replace)

    def load_benchmark(self, name: str, *, replace: bool) -> None:
        """Take the classes of a benchmark's list; see :func:`benchmark`."""
        palette = palette_of_new_classes()
        self._take(lambda: benchmark(name, palette=palette), replace=replace)

    def save(self, path: str | Path) -> None:
        """Write the classes to a file, in the format of its ending."""
        if self.vocabulary is None:
            self.refused.emit(
                "There are no classes to save yet; type some, such as 'cat, dog, sky'."
            )
            return
        try:
            self.vocabulary.save(path)
        except InputError as error:
            self.refused.emit(error)
        else:
            number = count(len(self.vocabulary), "class", "classes")
            self.told.emit(Said(f"Saved {number} to {str(path)!r}.", Kind.DONE))

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)

        def add(to: QMenu, text: str, tip: str, call: Callable[[], object]) -> None:
            action = to.addAction(text)
            assert action is not None
            set_tip(action, tip)
            action.triggered.connect(lambda *_: call())

        add(
            menu,
            "Add from a file…",
            "Add the classes of a vocabulary file",
            partial(self._ask_file, False),
        )
        add(
            menu,
            "Replace by a file…",
            "Take the classes of a vocabulary file instead",
            partial(self._ask_file, True),
        )
        add(
            menu,
            "Save as…",
            "YAML and JSON hold everything; text and CSV what they can",
            self._ask_save,
        )
        menu.addSeparator()
        for text, replace in (
            ("Add a benchmark's classes", False),
            ("Replace by a benchmark's", True),
        ):
            lists = menu.addMenu(text)
            assert lists is not None
            for listed in BENCHMARKS.values():
                call = partial(self.load_benchmark, listed.name, replace=replace)
                add(
                    lists,
                    f"{listed.title} ({listed.classes})",
                    f"The {listed.classes} classes",
                    call,
                )
        menu.addSeparator()
        add(
            menu,
            "Bring the former classes back",
            "The classes before they were cleared or replaced",
            self._bring_back,
        )
        return menu

    def _ask_file(self, replace: bool) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load classes", "", FILES)
        if path:
            self.load(path, replace=replace)

    def _ask_save(self) -> None:
        if self.vocabulary is None:
            self.save("")  # says why there is nothing to ask for
            return
        path, _ = QFileDialog.getSaveFileName(self, "Save classes", "vocabulary.yaml", FILES)
        if path:
            self.save(path if Path(path).suffix else f"{path}.yaml")

    def _bring_back(self) -> None:
        if self._former is None:
            self.refused.emit(
                "No classes were cleared or replaced; there is nothing to bring back."
            )
        else:
            self._set(self._former)

    def _take(self, read: Callable[[], Vocabulary], *, replace: bool) -> None:
        try:
            found = read()
            words = found if replace or self.vocabulary is None else self.vocabulary.extend(found)
        except InputError as error:
            self.refused.emit(error)
            return
        if words == self.vocabulary:
            self.refused.emit(f"All of these {len(found)} classes are there already.")
        else:
            self._set(words)

    # -- what a person does

    def _typed(self) -> None:
        if not self.line.text().strip() or self.add(self.line.text()):
            self.line.clear()

    def add(self, text: str) -> bool:
        """Add classes as they would be typed; return whether the text could be read."""
        try:
            typed = read_typed(self, text)
            if typed is None:
                self.refused.emit(
                    "The classes were not added; they stand in the line as they were."
                )
                return False
            words = typed if self.vocabulary is None else self.vocabulary.extend(typed)
        except InputError as error:
            self.refused.emit(error)
            return False
        if words == self.vocabulary:
            self.refused.emit(f"{', '.join(map(repr, typed.names))}: there already.")
        else:
            self._set(words)
        return True

    def _edited(self, changed: Vocabulary | InputError) -> None:
        if isinstance(changed, InputError):
            self.refused.emit(changed)
            return
        renamed = renamed_with_prompt(self.vocabulary, changed)
        if renamed is not None and self.prompts_follow is None:
            # The editor of the name is still open; what is asked first makes one step of the two.
            QTimer.singleShot(0, partial(self._ask_about_prompt, self.vocabulary, changed, renamed))
        else:
            self._rename(changed, renamed, follows=self.prompts_follow is not False)

    def _rename(
        self, changed: Vocabulary, renamed: tuple[int, str] | None, *, follows: bool
    ) -> None:
        """Take an edit of the table; the prompt of a class that it renames follows, or stays as it was."""
        if renamed is not None and not follows:
            value, former = renamed
            changed = changed.with_prompts(changed.values.index(value), (former,))
        self._letters.note(self.vocabulary, changed)
        self._letters_follow(changed)
        self._set(changed)

    def _ask_about_prompt(
        self, before: Vocabulary | None, changed: Vocabulary, renamed: tuple[int, str]
    ) -> None:
        """Ask whether a class that is renamed is to be looked for by its new name, and rename it."""
        value, former = renamed
        if self.vocabulary != before:
            return  # it was renamed once more, or taken away, before this came up
        name = changed.by_value(value).name
        follows, always = ask_about_prompt(self, former, name)
        if follows is not None and always:
            self.prompts_follow = follows
        if follows is None or self.vocabulary != before:
            self.refused.emit(f"The class is called {former!r} as before.")
        else:
            self._rename(changed, renamed, follows=follows)

    def _rows_selected(self, *_: object) -> None:
        rows = self.table.rows()
        self.detail.show_row(rows[0] if len(rows) == 1 else None)
        self.active.row_chosen()

    def _choose_color(self, index: QModelIndex) -> None:
        if index.column() != COLOR or self.vocabulary is None:
            return
        one = self.vocabulary.classes[index.row()]
        color = QColorDialog.getColor(QColor(*one.color), self, f"Colour of {one.name}")
        # The table may have changed behind the dialog.
        if color.isValid() and self.vocabulary is not None and one.value in self.vocabulary.values:
            row = self.vocabulary.values.index(one.value)
            self._set(self.vocabulary.recolor(row, color.name()))

    def _move(self, by: int) -> None:
        if self.shown.by_share.isChecked():
            self.refused.emit(
                "The classes lie by their share; uncheck Show > By share to move them."
            )
            return
        rows = self.table.rows()
        if not rows:
            self.refused.emit("No class is selected; click on its row first.")
            return
        to = rows[0] - 1 if by < 0 else rows[-1] + 2
        self.model.move(rows, max(to, 0))

    def _offer(self, at: QPoint) -> None:
        """Show what can be done with the selected classes, and those that went, at a place on the screen."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        rows, words = self.table.rows(), self.vocabulary
        offered: dict[str, Callable[[], object]] = {}
        if rows:
            offered["Parent…"] = self._put_below
        if rows and words is not None and len(rows) < len(words):
            offered["Merge into…"] = self._merge
        if self.of_set.merged():
            offered["Part again…"] = self._part
        if self.of_set.removed():
            offered["Bring back…"] = self._bring_class_back
        for text, call in offered.items():
            action = menu.addAction(text)
            assert action is not None
            action.triggered.connect(lambda *_, call=call: call())
        if offered:
            menu.popup(at)

    def _put_below(self) -> None:
        """Ask which class the selected ones are below."""
        words, rows = self.vocabulary, self.table.rows()
        if words is None or not rows:
            return
        changed = ask_parent(self, words, rows)
        # The table may have changed behind the question.
        if changed is not None and changed != words and self.vocabulary == words:
            self._set(changed)

    def _merge(self) -> None:
        """Ask which class the selected ones become."""
        words, rows = self.vocabulary, self.table.rows()
        if words is None or not rows:
            return
        values = [words.values[row] for row in rows]
        ours = self.of_set.merges(values)
        if ours is not None:  # on all images; what the set does not have cannot take anything there
            words = ours
            rows = [words.values.index(value) for value in values]
        wish = ask_merge(self, words, rows, self.of_set.told_of(values))
        if wish is not None:
            self.merging.emit(wish)

    def _part(self) -> None:
        """Ask which merged class is to be one of its own again."""
        named = {
            gone: f"{gone}, which became {heir}" for gone, heir in self.of_set.merged().items()
        }
        told = (
            "It is a class again on all images, with everything that was decided as it; what was decided "
            "since stays."
        )
        name = ask_again(self, "Part again", named, told)
        if name is not None:
            self.parting.emit(name)

    def _bring_class_back(self) -> None:
        """Ask which removed class is to be there again."""
        told = "It is a class again on all images, with everything that was decided as it."
        name = ask_again(self, "Bring back", {name: name for name in self.of_set.removed()}, told)
        if name is not None:
            self.bringing_back.emit(name)

    def _remove(self) -> None:
        rows = self.table.rows()
        if self.vocabulary is None or not rows:
            self.refused.emit("No class is selected; click on its row first.")
            return
        if len(rows) == len(self.vocabulary):
            self._set(None)
            return
        words = self.vocabulary
        for name in [words.names[row] for row in rows]:
            words = words.remove(name)
        self._set(words)

    def take(self, vocabulary: Vocabulary) -> None:
        """Have other classes, as if they had been edited in the table."""
        self._set(vocabulary)

    def _set(self, vocabulary: Vocabulary | None) -> None:
        former = self.vocabulary
        if former is not None and (
            vocabulary is None or not set(former.names) <= set(vocabulary.names)
        ):
            self._former = former
        self._show(vocabulary)
        self.changed.emit(vocabulary)
        near = None if vocabulary is None else nearest_given(vocabulary, former)
        if near is not None:
            self.told.emit(Said(near.sentence, Kind.WARNING))

    def _rows_moved(self, elsewhere: bool) -> None:
        """Rows that lie by share have no place before or behind another in the vocabulary."""
        self.table.setDragEnabled(not elsewhere)
        self._buttons()

    def _letters_follow(self, words: Vocabulary | None) -> None:
        try:
            self._letters.follow(self.vocabulary, words)
        except InputError as error:
            self.refused.emit(error)

    def _buttons(self) -> None:
        some, in_order = self.vocabulary is not None, not self.shown.by_share.isChecked()
        for widget in (self.remove_button, self.clear_button):
            widget.setEnabled(some)
        for widget in (self.up_button, self.down_button):
            widget.setEnabled(some and in_order)

    def _count(self) -> None:
        session = self._session
        if session is None or not self._shares_shown:
            self.model.show_shares({})
        else:
            counts = count_values(session.labels)
            size = session.labels.size
            shares = {value: float(counts[value]) / size for value in session.vocabulary.values}
            self.model.show_shares(shares)
