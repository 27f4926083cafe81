"""A box for a number, which is read as :mod:`napari_corrclip.vocabulary.numbers` reads what is typed."""

from __future__ import annotations

from qtpy.QtCore import QLocale
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary.numbers import number


class NumberBox(QDoubleSpinBox):
    """A number that is typed by the rule of ``vocabulary.numbers.number``, whatever the computer's language.

    Qt's own leaves marks between thousands out, so that 0.3 is three where decimals come after a comma. Here
    no character is left out: what is no number gives way to the number before it. What is typed counts when
    Enter is pressed or the box is left. The wheel changes nothing, for the panels scroll under the mouse.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        plain = QLocale.c()
        plain.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
        self.setLocale(plain)
        # Else what is refused in the end would have counted up to the last character but one.
        self.setKeyboardTracking(False)

    def validate(self, text: str | None, at: int) -> tuple[QValidator.State, str, int]:
        """Say whether a number is typed, or may become one."""
        typed = text or ""
        found = self._typed(typed)
        accepted = found is not None and self.minimum() <= found <= self.maximum()
        state = QValidator.State.Acceptable if accepted else QValidator.State.Intermediate
        return state, typed, at

    def valueFromText(self, text: str | None) -> float:  # noqa: D102
        found = self._typed(text or "")
        return self.value() if found is None else found

    def fixup(self, text: str | None) -> str:
        """Return what is shown where no number was typed: the one before."""
        return f"{self.prefix()}{self.textFromValue(self.value())}{self.suffix()}"

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: D102
        if event is not None:
            event.ignore()

    def _typed(self, text: str) -> float | None:
        """Return the number, ``None`` where it is none or has more decimals than are kept."""
        typed = text.removeprefix(self.prefix()).removesuffix(self.suffix())
        typed = typed.removesuffix(self.suffix().strip()).strip()
        try:
            found = number(typed)
        except InputError:
            return None
        return found if found is not None and round(found, self.decimals()) == found else None
