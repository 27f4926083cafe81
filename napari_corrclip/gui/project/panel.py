"""The page of a project's images: the list, what of it is shown, and the run over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from psygnal import Signal
from qtpy.QtCore import QModelIndex, QTimer
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.project.conflicts import ConflictCount
from napari_corrclip.gui.project.marking import TO_RUN, Marking
from napari_corrclip.gui.project.model import RECORD, ItemsModel, file_name
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.project.running import ProjectRun
from napari_corrclip.gui.project.thumbnails import Thumbnails
from napari_corrclip.gui.project.view import ItemsView
from napari_corrclip.gui.widgets import Label, Line, button, combo, primary_button, set_tip
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.project.listing import ItemOrder
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

SOON = 300
"""Milliseconds after which what a run has made is seen in the list."""
TO_DO = "to do"
FILTERS: Mapping[str, tuple[ItemState, ...]] = {
    "all states": (),
    TO_DO: tuple(
        state for state in ItemState if state not in (ItemState.VERIFIED, ItemState.SKIPPED)
    ),
    **{str(state): (state,) for state in ItemState},
}
ORDERS: Mapping[str, ItemOrder] = {
    "by file": ItemOrder.FILE,
    "most to gain": ItemOrder.GAIN,
    "least certain": ItemOrder.LEAST,
    "most left": ItemOrder.LEFT,
    "by state": ItemOrder.STATE,
    "last changed": ItemOrder.RECENT,
    "random sample": ItemOrder.RANDOM,
}
MOST = "most "
"""How the order by a class begins, before its name."""


class ImagesPanel(QWidget):
    """The list of a project's images.

    Args:
        review: shows the chosen one.
        marking: takes what is said of it, and knows which comes next.
        run: goes over them.
        tell: is given a sentence.

    Attributes:
        model, view: the list.
        search, states, order: what of it is shown, and how it is sorted.
        conflict_count: of what two people decided otherwise and nobody since.
        may_run: asks whatever is to be asked before a run.

    Signals (psygnal):
        counted: the states of items, or how many there are, may be others.
        statistics: they are asked for.
        sheet: the contact sheet is asked for.
        conflicts: that of what two people decided otherwise is.
        compare: another project is to be compared with this one.
    """

    counted = Signal()
    statistics = Signal()
    sheet = Signal()
    conflicts = Signal()
    compare = Signal()

    def __init__(
        self,
        review: Review,
        marking: Marking,
        run: ProjectRun,
        tell: Tell,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._review, self._marking, self._run, self._tell = review, marking, run, tell
        self.may_run: Callable[[], bool] = lambda: True
        self.thumbnails = Thumbnails(self._drawn)
        self.model = ItemsModel(self)
        self.view = ItemsView(self.model, self.thumbnails.picture)
        self.view.clicked.connect(self._chosen)
        self.view.activated.connect(self._chosen)
        self.search = Line()
        self.search.setPlaceholderText("part of a name")
        self.search.setAccessibleName("Part of an image's name")
        set_tip(self.search, "Only images whose path has this in it")
        self.search.textChanged.connect(self._sought)
        self.states = combo(FILTERS, "Only images in this state")
        self.states.setAccessibleName("Only images in this state")
        self.states.currentTextChanged.connect(self._sought)
        self.order = combo(ORDERS, "What comes first")
        self.order.setAccessibleName("Order of the images")
        self.order.currentTextChanged.connect(self._sought)
        self.statistics_button = button("Statistics", "Images by state, area by class, certainty")
        self.statistics_button.clicked.connect(lambda: self.statistics.emit())
        self.sheet_button = button(
            "Contact sheet…", "Regions of all images as small pictures, decided a page at a time"
        )
        self.sheet_button.clicked.connect(lambda: self.sheet.emit())
        self.compare_button = button(
            "Compare with…",
            "How far another project agrees with this one on the images that both have",
        )
        self.compare_button.clicked.connect(lambda: self.compare.emit())
        self.conflicts_button = button(
            "Conflicts to decide…",
            "What two people decided otherwise, whose projects were merged into this one",
        )
        self.conflicts_button.clicked.connect(lambda: self.conflicts.emit())
        self.conflicts_button.hide()
        self.conflict_count = ConflictCount(review.tell_besides)
        self.conflict_count.changed.connect(self._tell_conflicts)
        self.stage = Label()
        self.stage.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.stage.setWordWrap(True)  # of a set that takes hours
        self.stop_button = button("Stop", "Stop the run over the project; what is done is kept")
        self.stop_button.clicked.connect(run.cancel)
        self.run_button = primary_button("Run", "Label all images that have no labels yet")
        self.run_button.clicked.connect(self.start)
        # While it runs, in the place of the button: beside others there is no room for the time that is left.
        self.way = QWidget()
        self.way.hide()
        first, second, sheet = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        foot = QHBoxLayout(self.way)
        first.addWidget(self.search, 1)
        first.addWidget(self.states)
        second.addWidget(self.order, 1)
        second.addWidget(self.statistics_button)
        second.addWidget(self.compare_button)
        sheet.addWidget(self.sheet_button)
        sheet.addStretch(1)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.addWidget(self.stage, 1)
        foot.addWidget(self.stop_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self.view, 1)
        column.addWidget(self.conflicts_button)
        column.addLayout(sheet)
        column.addWidget(self.way)
        column.addWidget(self.run_button)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(SOON)
        self._later.timeout.connect(self.refresh)
        self._stale = False
        review.coming_next = lambda: marking.next_ready(self.model.numbers(), review.record)
        review.opened.connect(self._opened)
        review.shown.connect(self._shown)
        review.changed.connect(self._refresh_soon)
        run.busy.connect(self._busy)
        run.progressed.connect(self._progressed)
        run.advanced.connect(self._advanced)

    # -- what is listed

    def _opened(self, project: Project | None) -> None:
        self._run.drop()
        self.thumbnails.show(project)
        self.model.show(project)
        self.show_words(None if project is None else project.vocabulary)
        self.conflict_count.show(project)
        self._count()

    def show_words(self, words: Vocabulary | None) -> None:
        """Offer the classes as orders: most of each comes first."""
        chosen = self.order.currentText()
        self.order.blockSignals(True)
        while self.order.count() > len(ORDERS):
            self.order.removeItem(len(ORDERS))
        for class_ in words or ():
            self.order.addItem(f"{MOST}{class_.name!r}", class_.value)
        self.order.setCurrentIndex(max(self.order.findText(chosen), 0))
        self.order.blockSignals(False)
        if self.order.currentText() != chosen:
            self._sought()

    def refresh(self) -> None:
        """Show what there is now."""
        self._later.stop()
        try:
            self.model.refresh()
        except InputError as error:
            self._tell(error)
        self._select_shown()
        self._count()

    def _refresh_soon(self) -> None:
        if not self._later.isActive():
            self._later.start()

    def _sought(self, *_: object) -> None:
        self.model.states = FILTERS[self.states.currentText()]
        self.model.search = self.search.text().strip()
        self.model.order = ORDERS.get(self.order.currentText(), ItemOrder.CLASS)
        self.model.value = self.order.currentData()
        self.refresh()

    def _drawn(self) -> None:
        port = self.view.viewport()
        if port is not None:
            port.update()

    def _select_shown(self) -> None:
        record = self._review.record
        self.view.show_row(None if record is None else self.model.row_of(record))

    def _shown(self, _record: ItemRecord) -> None:
        self._select_shown()
        self.counted.emit()

    # -- what a person does

    def _chosen(self, index: QModelIndex) -> None:
        record = index.data(RECORD)
        if isinstance(record, ItemRecord):
            self.show_item(record)

    def show_item(self, record: ItemRecord, said: str = "") -> bool:
        """Show an item's image, unless it is; return whether it could be. ``said`` is told besides."""
        if self._review.is_shown(record):
            self._review.stay()
            if said:
                self._tell(said)
            return True
        try:
            self._review.show(record, said)
        except InputError as error:
            self._tell(error)
            self._select_shown()  # one stays where one is
            return False
        return True

    def step(self, by: int) -> None:
        """Show the image before, or the one after, in the list."""
        rows = self.model.rowCount()
        if not rows:
            self._tell("No image is listed; show all states, or seek another name.")
            return
        # From the one that could not be opened on, else nobody would come past it.
        record = self._review.at
        at = None if record is None else self.model.row_of(record)
        row = (0 if by > 0 else rows - 1) if at is None else at + by
        passed = ""
        while 0 <= row < rows:
            found = self.model.record(row)
            if found is None or not self._is_gone(found):
                break
            passed, row = _passed_over(found), row + by
        else:
            last = "This is the last image of the list." if by > 0 else "This is the first image."
            self._tell(" ".join(filter(None, (passed, last))))
            return
        if found is not None:
            self.show_item(found, passed)

    def _is_gone(self, record: ItemRecord) -> bool:
        project = self._review.project
        return project is not None and not project.path_of(record).exists()

    def verify(self) -> None:
        """Say that the image that is shown is verified, and show the next that waits for a person."""
        marked = self._marking.verify()
        if marked is not None:
            self._go_on(marked, f"{file_name(marked)!r} is verified.")

    def skip(self) -> None:
        """Leave the image that is shown out, or that which could not be opened, and show the next."""
        marked = self._marking.skip()
        if marked is not None:
            self._go_on(marked, f"{file_name(marked)!r} is skipped.")

    def _go_on(self, marked: ItemRecord, said: str) -> None:
        numbers = list(self.model.numbers())
        following = self._marking.next_ready(numbers, marked)
        while following is not None and self._is_gone(following):
            said = f"{said} {_passed_over(following)}"
            at = numbers.index(following.id)
            numbers = [*numbers[at + 1 :], *numbers[:at]]
            following = self._marking.next_ready(numbers, None)
        self.refresh()
        if following is None:
            self._tell(Said(f"{said} {self._marking.what_is_left()}", Kind.DONE))
            return
        self.show_item(following, said)

    # -- the run

    def start(self) -> None:
        """Run over what has no labels yet; else over what has older ones."""
        project = self._review.project
        if project is None or self._run.running or not self.may_run():
            return
        total = self._to_run()
        try:
            self._run.start(project, total or self._stale_count(), stale=not total)
        except InputError as error:
            self._tell(error)

    def _to_run(self) -> int:
        project = self._review.project
        return 0 if project is None else len(project.list_items(*TO_RUN))

    def _stale_count(self) -> int:
        project = self._review.project
        if project is None:
            return 0
        return project.count_stale().get(ItemState.PRELABELLED, 0)

    def _busy(self, busy: bool) -> None:
        self.way.setVisible(busy)
        self.run_button.setVisible(not busy)
        self.stage.setText("")
        set_tip(self.stage, "")
        project = self._review.project
        if not busy and project is not None and project.is_only_writer:
            try:
                project.collect(progress=False)  # what the thread has left in the items' folders
            except InputError as error:
                self._tell(error)
        self._review.look_for_items()
        self.refresh()

    def _progressed(self, said: str) -> None:
        self.stage.setText(said)
        set_tip(self.stage, said)

    def _advanced(self, name: str) -> None:
        record, project = self._review.record, self._review.project
        self._refresh_soon()
        self._review.look_for_items()
        if record is None or project is None or record.name != name:
            return
        # The image that is looked at has its labels now.
        self._review.record = project.item(name)
        if self._review.record.regions is not None and not self._review.has_session:
            self._review.open_session()

    def _count(self) -> None:
        """Say on the button what a run would do."""
        left, running = self._to_run(), self._run.running
        stale = 0 if left or running else self._stale_count()
        if left or not stale:
            text = f"Run {count(left, 'image')}" if left else "Run"
        else:
            text = f"Run {count(stale, 'image')} again (other words or settings)"
        self.run_button.setText(text)
        project = self._review.project
        can = project is not None and not project.read_only
        self.run_button.setEnabled(can and not running and bool(left or stale))
        self.conflict_count.look()
        self.counted.emit()

    def _tell_conflicts(self) -> None:
        """Say how many conflicts wait for somebody, where there are any."""
        waiting = self.conflict_count.waiting
        self.conflicts_button.setText(f"{count(waiting, 'conflict')} to decide…")
        self.conflicts_button.setVisible(waiting > 0)

    def close_jobs(self) -> None:
        """Make and run nothing any more."""
        self._later.stop()
        self.thumbnails.close()
        self.conflict_count.close()
        self._run.drop()


def _passed_over(record: ItemRecord) -> str:
    return f"{file_name(record)!r} is gone; put it back, or relink. It is passed over."
