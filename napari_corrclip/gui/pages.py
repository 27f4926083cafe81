"""The pages of the dock: a tab for each of a person's two tasks, and one for what comes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QTabBar, QVBoxLayout, QWidget


class Page(Enum):
    """A page; its value is what its tab says."""

    SET_UP = "Set up"
    IMAGES = "Images"
    CORRECT = "Correct"
    EXPORT = "Export"


TIPS = {
    Page.SET_UP: "Choose the image, the classes and the networks, and run",
    Page.IMAGES: "The images of the project: which are done, and the run over them",
    Page.CORRECT: "Correct the regions by mouse and keys",
    Page.EXPORT: "Write the labels to files, save the session, or copy it as Python",
}


class Pages(QWidget):
    """The tabs over the parts of the dock; a part may be on several pages.

    Args:
        parts: what is below the tabs, from above, with the pages that show it.
        stretch: the part that takes the room that is left.

    Signals (psygnal):
        turned: the :class:`Page` that is shown now.
    """

    turned = Signal(Page)

    def __init__(
        self, parts: Mapping[QWidget, Iterable[Page]], stretch: Iterable[QWidget] = ()
    ) -> None:
        super().__init__()
        self._parts = {part: frozenset(pages) for part, pages in parts.items()}
        # Where nothing in a dock asks for the room, napari adds a stretch below, a larger one for each dock.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.tabs = QTabBar()
        self.tabs.setExpanding(True)
        self.tabs.setDrawBase(False)
        self.tabs.setAccessibleName("Pages")
        self.tabs.setAccessibleDescription("The pages of the dock; arrow keys turn them")
        for number, page in enumerate(Page):
            self.tabs.addTab(page.value)
            self.tabs.setTabToolTip(number, TIPS[page])
        self.tabs.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.tabs)
        for part in self._parts:
            layout.addWidget(part, int(part in stretch))
        self.offer(Page.IMAGES, False)
        self.tabs.currentChanged.connect(self._turned)
        self._turned(0)

    @property
    def page(self) -> Page:
        """The page that is shown."""
        return list(Page)[self.tabs.currentIndex()]

    def turn_to(self, page: Page) -> None:
        """Show a page."""
        self.tabs.setCurrentIndex(list(Page).index(page))

    @property
    def offered(self) -> list[Page]:
        """The pages that have a tab now."""
        return [page for number, page in enumerate(Page) if self.tabs.isTabVisible(number)]

    def offer(self, page: Page, on: bool) -> None:
        """Have a tab for a page, or none where there is nothing on it."""
        if not on and self.page is page:
            self.turn_to(Page.SET_UP)
        self.tabs.setTabVisible(list(Page).index(page), on)

    def page_of(self, widget: QWidget) -> Page:
        """Return the page on which a widget is: the shown one, if that has it too.

        Raises:
            KeyError: the widget is on no page.
        """
        for part, pages in self._parts.items():
            if part is widget or part.isAncestorOf(widget):
                return (
                    self.page
                    if self.page in pages
                    else next(page for page in Page if page in pages)
                )
        raise KeyError(widget.objectName())

    def _turned(self, number: int) -> None:
        page = list(Page)[number]
        # What goes goes first: both at once would make a low window higher, and it would stay so.
        for part in sorted(self._parts, key=lambda part: page in self._parts[part]):
            part.setVisible(page in self._parts[part])
        self.turned.emit(page)
