"""The window of the contact sheet: a page of small pictures, what is on it, and one in its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from psygnal import Signal
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QInputDialog,
    QScrollBar,
    QVBoxLayout,
    QWidget,
)

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.sheet.cells import CellsModel, told
from napari_corrclip.gui.sheet.keys import ACCEPT, LIKE, NEW, keys_of_classes
from napari_corrclip.gui.sheet.pictures import Pictures
from napari_corrclip.gui.sheet.sides import SIDES, SidesBar
from napari_corrclip.gui.sheet.view import CellsView
from napari_corrclip.gui.sheet.work import Act, Deciding
from napari_corrclip.gui.widgets import (
    Label,
    OwnWindow,
    button,
    combo,
    is_enter,
    primary_button,
    set_tip,
)
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Said, Tell
from napari_corrclip.progress import Steps
from napari_corrclip.project.crops import IN_CONTEXT, ON_SHEET
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet.cache import NAME
from napari_corrclip.project.sheet.listing import Sheet, SheetFilter, SheetOrder
from napari_corrclip.project.sheet.regions import SheetRegion
from napari_corrclip.vocabulary import VocabularyClass
from napari_corrclip.wording.amounts import count, size_text

ANY = "all classes"
ORDERS: Mapping[str, SheetOrder] = {
    "least sure first": SheetOrder.P,
    "nearest to another class first": SheetOrder.MARGIN,
    "most pixels at stake first": SheetOrder.STAKES,
    "most alike together": SheetOrder.ALIKE,
}
ASIDE = 300
"""Logical pixels of the picture of a region in its surroundings."""
SOON = 60
"""Milliseconds for which a page is shown before its pictures are asked for: none are while one scrolls."""


class SheetWindow:
    """The window, made when it is asked for.

    Args:
        parent: with which it goes.
        review: has the project.
        tell: is given a sentence, as this window is too.

    Attributes:
        classes, undecided, conflicts, drawn, order: what is on the sheet, and what comes first.
        model, view: the page that is shown.
        chosen: the class that Enter gives.
        bar: which page it is.
        sides: take the word of one of two people who decided otherwise.
        text: how much there is; ``said``: what became of what was done; ``keys``: what keys do.
        kept: how many bytes the pictures of the project take.
        sheet: that is shown; ``None``: none is yet.
        deciding: takes what is decided.

    Signals (psygnal):
        opened: the name of an item and the id of a region in it, which are to be seen.
        class_made: a class of the set is new, or gone.
    """

    opened = Signal(str, int)
    class_made = Signal()

    def __init__(self, parent: QWidget, review: Review, tell: Tell) -> None:
        self._parent, self._review, self._tell = parent, review, tell
        self._jobs = Jobs()
        self.sheet: Sheet | None = None
        self._listed: tuple[VocabularyClass, ...] = ()
        self._keys: dict[str, VocabularyClass] = {}
        self._like: tuple[tuple[int, int], ...] = ()
        self._page = 0
        self._is_large = False
        self._aside_row: int | None = None
        self.deciding = Deciding(review, self._say)
        self.deciding.changed.connect(self.follow)
        self._pictures = Pictures(ON_SHEET, self._drawn)
        self._contexts = Pictures(IN_CONTEXT, self._show_aside)
        inside = QWidget()
        self.classes = combo([ANY], "Only regions that show this class")
        self.classes.setAccessibleName("Class of the regions on the sheet")
        self.undecided = QCheckBox("Undecided only")
        self.undecided.setChecked(True)
        set_tip(self.undecided, "Leave out regions that somebody has decided about")
        self.order = combo(ORDERS, "What comes first")
        self.order.setAccessibleName("Order of the regions")
        self.conflicts = QCheckBox("Conflicts only")
        set_tip(
            self.conflicts,
            "Only what two people decided otherwise, whose projects were merged into this one; largest first",
        )
        self.conflicts.toggled.connect(lambda _: self._look_anew())
        self.drawn = QCheckBox("Second look only")
        set_tip(
            self.drawn, "Only what was drawn at random for a second look; the rest does not count"
        )
        self.drawn.toggled.connect(lambda _: self._look_anew())
        for box in (self.classes, self.order):
            box.setSizeAdjustPolicy(box.SizeAdjustPolicy.AdjustToContents)
            box.textActivated.connect(lambda _: self._look_anew())
        self.undecided.toggled.connect(lambda _: self._look_anew())
        self.like_button = button(
            "More like these (M)", "The marked regions first, and what looks like them"
        )
        self.like_button.clicked.connect(self._look_like)
        self.all_button = button("All again", "Not only by what looks like some")
        self.all_button.clicked.connect(self._look_anew)
        self.all_button.hide()
        self.text, self.said, self.keys, self.details, self.kept = (Label() for _ in range(5))
        set_tip(
            self.kept,
            f"In {NAME} in the project's folder, which may be thrown away: they are made again",
        )
        for label in (self.said, self.keys, self.details):
            label.setWordWrap(True)
        self.model = CellsModel(inside)
        self.view = CellsView(self.model, self._pictures.picture)
        self.view.toggled.connect(self.model.toggle)
        self.view.wanted.connect(self._open)
        self.view.hovered.connect(self._look_at)
        self.view.pressed_key.connect(self._key)
        self.model.changed.connect(self._count)
        self.bar = QScrollBar(Qt.Orientation.Vertical)
        self.bar.setAccessibleName("Page of the sheet")
        self.bar.valueChanged.connect(self._turned)
        self.picture = Label()
        self.picture.setFixedSize(ASIDE, ASIDE)
        self.picture.setAccessibleName("The region in its surroundings")
        self.details.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.chosen = combo([], "The class that Enter gives to the marked regions")
        self.chosen.setAccessibleName("Class that Enter gives")
        self.give_button = button("Give (Enter)", "Give the marked regions this class")
        self.give_button.clicked.connect(self._give_chosen)
        self.new_button = button(
            "New class… (N)", "A class of which the marked regions are the examples"
        )
        self.new_button.clicked.connect(self._make_class)
        self.accept_button = primary_button(
            "The rest is right (A)",
            "Accept all regions of this page that are not marked, and go on",
        )
        self.accept_button.clicked.connect(self._accept)
        self.undo_button = button(
            "Undo (Ctrl+Z)", "Take back what you decided last on a sheet, also before a restart"
        )
        self.undo_button.clicked.connect(self._undo)
        self.sides = SidesBar()
        self.sides.taken.connect(self._take_side)
        self._soon = QTimer(inside)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._soon.timeout.connect(self._want_pictures)
        top, middle, side, give = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(), QHBoxLayout()
        below = QHBoxLayout()
        for widget in (
            self.classes, self.undecided, self.conflicts, self.drawn, self.order, self.like_button,
            self.all_button,
        ):  # fmt: skip
            top.addWidget(widget)
        top.addStretch(1)
        top.addWidget(self.text)
        middle.addWidget(self.view, 1)
        middle.addWidget(self.bar)
        side.addWidget(self.picture)
        side.addWidget(self.details, 1)
        give.addWidget(self.chosen, 1)
        give.addWidget(self.give_button)
        side.addWidget(self.sides)
        side.addLayout(give)
        side.addWidget(self.new_button)
        side.addWidget(self.undo_button)
        side.addWidget(self.accept_button)
        middle.addLayout(side)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addLayout(middle, 1)
        column.addWidget(self.keys)
        below.addWidget(self.said, 1)
        below.addWidget(self.kept)
        column.addLayout(below)
        self.window = OwnWindow(inside, "CorrCLIP: contact sheet", parent)

    # -- what is listed

    def open(self, project: Project, *, conflicts: bool = False, merged: bool = False) -> None:
        """Show the window, with a sheet of the project's undecided regions.

        Args:
            project: that is open.
            conflicts: show those alone of which two people decided otherwise.
            merged: whether there may be such.
        """
        self._pictures.show(project)
        self._contexts.show(project)
        self.deciding.try_again()
        self._show_words(project)
        for box, checked in ((self.conflicts, conflicts), (self.drawn, True)):
            box.blockSignals(True)
            box.setChecked(checked)
            box.blockSignals(False)
        self.conflicts.setVisible(conflicts or merged)
        self.drawn.setVisible(_is_of_regions(project))
        self.said.setText("")
        self.window.open()
        self._make_large()
        self._look_anew()
        self.view.setFocus()

    def _make_large(self) -> None:
        """Give the window room for a whole page, as far as the screen has it; Qt would take two thirds."""
        window = self.view.window()
        screen = None if window is None else window.screen()
        if window is None or screen is None or self._is_large:
            return
        self._is_large = True  # from then on it is as large as a person has made it
        room = screen.availableGeometry().size()
        window.resize(window.sizeHint().boundedTo(QSize(room.width() - 20, room.height() - 60)))

    def close(self) -> None:
        """Show nothing any more; what was decided is written."""
        self._drop()
        self.model.show((), {})  # of the next project there is nothing to be decided yet
        self._show_aside()
        self.window.close()

    def let_go(self) -> None:
        """Touch no widget any more: they are being deleted. :meth:`finish` writes what is left."""
        self.deciding.let_go()
        self.opened.disconnect()
        self.class_made.disconnect()
        self._drop()

    def finish(self) -> None:
        """Have what is being written done before this returns; what waits is done when its turn comes."""
        self.deciding.finish()

    def _drop(self) -> None:
        self._jobs.drop()
        self._soon.stop()
        self._pictures.show(None)
        self._contexts.show(None)
        self.sheet = None

    def _show_words(self, project: Project) -> None:
        """Offer the classes of the set, with their keys."""
        words = project.vocabulary
        self._keys = keys_of_classes(words)
        self._show_keys()
        if words.classes == self._listed:
            return
        self._listed = words.classes
        for box, names in ((self.classes, [ANY, *words.names]), (self.chosen, [*words.names])):
            before = box.currentText()
            box.clear()
            box.addItems(names)
            box.setCurrentIndex(max(box.findText(before), 0))

    def _show_keys(self) -> None:
        """Say what keys do."""
        keyed = [f"{key} {class_.name}" for key, class_ in self._keys.items()]
        marks, rest = "a wrong one", f" {ACCEPT}: the rest is right."
        if self._of_conflicts:
            people = zip(SIDES, self.sides.people, strict=True)
            keyed = [*(f"{key} what {person} has said" for key, person in people), *keyed]
            marks, rest = "a conflict", ""
        self.keys.setText(
            f"Click or Space marks {marks}, Ctrl+A all. The marked ones get: {' · '.join(keyed)} · "
            f"Backspace left out.{rest} PageDown, PageUp turn. Double click or Ctrl+Enter opens the image."
        )

    @property
    def _of_conflicts(self) -> bool:
        return self.sheet is not None and self.sheet.filter.conflicts

    def _look_anew(self) -> None:
        self._like = ()
        self._look()

    def _look_like(self) -> None:
        """List what looks like the marked regions, or like that which the keyboard is at."""
        cells = self.model.cells
        rows = self.model.marked or [self.view.currentIndex().row()]
        places = tuple(cells[row].region.place for row in rows if 0 <= row < len(cells))
        if places:
            self._like = places
            self._look()

    def _look(self) -> None:
        project = self._review.project
        if project is None:
            return
        at = self.classes.currentIndex()
        order = SheetOrder.LIKE if self._like else ORDERS[self.order.currentText()]
        wanted = SheetFilter(
            value=None if at <= 0 else self._listed[at - 1].value,
            undecided=self.undecided.isChecked(),
            order=order,
            like=self._like,
            conflicts=self.conflicts.isChecked(),
            drawn=self.drawn.isChecked(),
        )
        self.undecided.setVisible(not wanted.conflicts)  # they are undecided, and sorted by size
        self.order.setVisible(not wanted.conflicts)
        self.text.setText("Listing the regions …")
        self.all_button.setVisible(bool(self._like))
        self._jobs.start(_steps(project.folder, wanted), done=self._take, failed=self._failed)

    def _take(self, sheet: Sheet) -> None:
        self.sheet = sheet
        if self._review.project is not None:
            self._show_words(self._review.project)  # which may be others since it was asked for
        of_conflicts = sheet.filter.conflicts
        self.sides.show_conflicts(sheet.conflicts, shown=of_conflicts)
        self.accept_button.setVisible(not of_conflicts)
        self.view.have_lines(2 if of_conflicts else 1)
        self._show_keys()
        self.bar.blockSignals(True)
        self.bar.setRange(0, max(sheet.pages - 1, 0))
        self.bar.setValue(0)
        self.bar.blockSignals(False)
        out = []
        if sheet.gone:
            out.append(f"{count(sheet.gone, 'image')} gone")
        if sheet.large:
            out.append(f"{count(sheet.large, 'large image')}")
        if sheet.without_vectors:
            out.append(
                f"{count(sheet.without_vectors, 'region')} that cannot be compared at the end"
            )
        self.said.setText("Left out: " + ", ".join(out) + "." if out else "")
        self._turned(0)

    def _failed(self, error: Exception) -> None:
        self._say(
            error
            if isinstance(error, CorrClipError)
            else f"The list failed ({error}); please report it."
        )
        self._count()

    # -- the page

    def _turned(self, page: int) -> None:
        """Show a page."""
        project, sheet = self._review.project, self.sheet
        if project is None or sheet is None:
            return
        self._page = page
        self.model.show(project.read_regions(sheet.page(page)), sheet.conflicts)
        waiting = self.deciding.waiting(project.folder)
        if waiting:
            self.model.follow((), waiting)
        if self.model.cells:
            self.view.setCurrentIndex(self.model.index(0))
        self._aside_row = 0
        self._show_aside()
        self._soon.start()

    def turn(self, by: int) -> None:
        """Show the page after, or before."""
        self.bar.setValue(self._page + by)

    def _want_pictures(self) -> None:
        """Have the pictures of this page, then of the next, and its first ones in their surroundings."""
        project, sheet = self._review.project, self.sheet
        if project is None or sheet is None:
            return
        regions = [cell.region for cell in self.model]
        following = project.read_regions(sheet.page(self._page + 1))
        self._pictures.want([*regions, *following])
        self._show_aside()

    def _drawn(self) -> None:
        project = self._review.project
        size = 0 if project is None else project.crops.size
        self.kept.setText(f"pictures kept: {size_text(size)}" if size else "")
        port = self.view.viewport()
        if port is not None:
            port.update()

    def _look_at(self, row: int) -> None:
        if row != self._aside_row:
            self._aside_row = row
            self._show_aside()

    def _show_aside(self) -> None:
        """Show the region that the mouse or the keyboard is at in its surroundings."""
        row, cells = self._aside_row, self.model.cells
        if row is None or not 0 <= row < len(cells):
            self.picture.clear()
            self.details.setText("")
            return
        cell = cells[row]
        self.details.setText(told(cell))
        picture = self._contexts.picture(cell.region)
        if picture is None:
            picture = self._pictures.picture(cell.region)  # until the other one is there
            self._contexts.want([cell.region])
        if picture is None:
            self.picture.clear()
            return
        smooth = Qt.TransformationMode.SmoothTransformation
        self.picture.setPixmap(
            picture.scaled(ASIDE, ASIDE, Qt.AspectRatioMode.KeepAspectRatio, smooth)
        )

    def _count(self) -> None:
        """Say how much there is, and on the buttons what they would do."""
        sheet = self.sheet
        marked = len(self.model.marked)
        if sheet is not None:
            page = (
                f"page {self._page + 1:,} of {sheet.pages:,}" if len(sheet) else "nothing to decide"
            )
            some = f" · {marked:,} marked" if marked else ""
            what = "conflict" if self._of_conflicts else "region"
            self.text.setText(f"{count(len(sheet), what)} · {page}{some}")
        project = self._review.project
        can = project is not None and not project.read_only
        self.accept_button.setEnabled(can and bool(self._open_rows()))
        self.give_button.setEnabled(can and bool(self.model.cells))
        self.new_button.setEnabled(can and bool(marked))
        self.sides.setEnabled(can and bool(self.model.cells))
        self.undo_button.setEnabled(can)

    def _say(self, told: str | Said | CorrClipError) -> None:
        self.said.setText(Said.of(told).text)
        self._tell(told)

    # -- what is decided

    def _open_rows(self) -> list[int]:
        """Return the rows that are neither marked nor decided."""
        return [
            row for row, cell in enumerate(self.model.cells) if cell.is_open and not cell.marked
        ]

    def _chosen_rows(self) -> list[int]:
        """Return the marked rows, or that which the keyboard is at."""
        at = self.view.currentIndex().row()
        return self.model.marked or ([at] if 0 <= at < len(self.model.cells) else [])

    def _give(self, value: int, name: str, made: str = "") -> None:
        """Give the marked regions a class."""
        rows = self._chosen_rows()
        if rows:
            self._act(rows, dict.fromkeys(rows, value), dict.fromkeys(rows, name), made)

    def _give_chosen(self) -> None:
        at = self.chosen.currentIndex()
        if 0 <= at < len(self._listed):
            self._give(self._listed[at].value, self._listed[at].name)

    def _accept(self) -> None:
        """Accept what is not marked; where nothing is left then, show the next page."""
        if self._of_conflicts:
            self._say(
                f"Of two people nobody is right unseen: {' and '.join(SIDES)} take their word."
            )
            return
        cells, rows = self.model.cells, self._open_rows()
        with_class = [row for row in rows if cells[row].region.value]
        if with_class:
            names = {row: cells[row].title for row in with_class}
            self._act(with_class, dict.fromkeys(with_class), names)
        if len(with_class) < len(rows):
            self._say("A region that shows no class cannot be accepted; give it one.")
        elif not self.model.marked:
            self.turn(1)

    def _take_side(self, side: int) -> None:
        """Decide the marked conflicts as one of the two people has."""
        cells, rows = self.model.cells, self._chosen_rows()
        said, why = self.sides.said([cells[row].region.place for row in rows], side)
        found = {
            row: said[cells[row].region.place] for row in rows if cells[row].region.place in said
        }
        if found:
            values = {row: value for row, (value, _) in found.items()}
            self._act([*found], values, {row: name for row, (_, name) in found.items()})
        if why:
            self._say(why[0])

    def _act(
        self,
        rows: list[int],
        values: Mapping[int, int | None],
        names: Mapping[int, str],
        made: str = "",
    ) -> None:
        project = self._review.project
        if project is None or project.read_only:
            self._say("The project can only be looked at.")
            return
        cells = self.model.cells
        decisions: dict[SheetRegion, int | None] = {cells[row].region: values[row] for row in rows}
        said = {cells[row].region.place: names[row] for row in rows}
        for row in rows:
            self.model.say([row], names[row])
        self.deciding.add(Act(project.folder, decisions, said, made))

    def _make_class(self) -> None:
        """Ask for a name, and make a class of which the marked regions are the examples."""
        if not self.model.marked:
            self._say("Mark the regions that are examples of the new class first.")
            return
        number = count(len(self.model.marked), "region")
        name, sure = QInputDialog.getText(self.view, "New class", f"Name of the class of {number}:")
        name = name.strip()
        if not sure or not name:
            return
        if name in {class_.name for class_ in self._listed}:
            self._say(f"There is a class {name!r} already; give the regions that one.")
            return
        self._give(0, name, name)

    def _undo(self) -> None:
        project = self._review.project
        if project is not None and project.read_only:
            self._say("The project can only be looked at.")
        else:
            self.deciding.undo()

    def follow_classes(self) -> None:
        """Show the classes of the set, if they are others."""
        project = self._review.project
        if project is not None and project.vocabulary.classes != self._listed:
            self.follow()

    def follow(self) -> None:
        """Show what the regions of the page are by now, and the classes that there are."""
        project = self._review.project
        if project is None or self.sheet is None:
            return
        before = self._listed
        self._show_words(project)
        if self._listed != before:
            self.class_made.emit()
        places = [cell.region.place for cell in self.model]
        self.model.follow(project.read_regions(places), self.deciding.waiting(project.folder))
        self._show_aside()

    def _open(self, row: int) -> None:
        """Have the image of a region opened."""
        if 0 <= row < len(self.model.cells):
            region = self.model.cells[row].region
            self.opened.emit(region.item.name, region.region)

    def _key(self, event: QKeyEvent) -> None:
        """Do what a key says; others are left to the list."""
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        key, row = event.key(), self.view.currentIndex().row()
        sign = event.text().upper()
        event.accept()
        if self._of_conflicts and sign in SIDES:  # Windows says AltGr is Ctrl+Alt
            self._take_side(SIDES.index(sign))
        elif control:
            if key == Qt.Key.Key_Z:
                self._undo()
            elif key == Qt.Key.Key_A:
                self.model.toggle_all()
            elif is_enter(event):
                self._open(row)
            else:
                event.ignore()
        elif key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            self.turn(1 if key == Qt.Key.Key_PageDown else -1)
        elif key == Qt.Key.Key_Space:
            self.model.toggle(row)
        elif is_enter(event):
            self._give_chosen()
        elif sign == ACCEPT:
            self._accept()
        elif sign == LIKE:
            self._look_like()
        elif sign == NEW:
            self._make_class()
        elif key == Qt.Key.Key_Backspace:
            self._give(0, "left out")
        elif sign in self._keys:
            class_ = self._keys[sign]
            self._give(class_.value, class_.name)
        else:
            event.ignore()


def _is_of_regions(project: Project) -> bool:
    """Whether a project is a sample of single regions; what is wrong with its record the list says."""
    try:
        drawn = project.drawn
    except InputError:
        return False
    return drawn is not None and drawn.kind == "regions"


def _steps(folder: Path, wanted: SheetFilter) -> Steps[Sheet]:
    """List in a thread, which needs the index for itself."""
    with Project.open(folder, read_only=True) as project:
        return (yield from project.sheet_steps(wanted))
