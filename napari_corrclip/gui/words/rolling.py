"""The choice whether classes count for themselves, or as what they are kinds of."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_corrclip.errors import InputError
from napari_corrclip.gui.widgets import Line, combo, set_tip
from napari_corrclip.vocabulary import RollUp, Vocabulary, grammar
from napari_corrclip.vocabulary.model import ROOT

EACH, UPPERMOST, NAMED = "as they are", "as the uppermost above", "as the nearest of"
_TIP = (
    "Whether each class goes out as itself, as the uppermost class that it is a kind of, or as the nearest "
    "one above it of those that are named"
)


class RollUpChoice(QWidget):
    """The choice, shown where a class is below another one.

    Attributes:
        box: what classes count as.
        line: the names of the classes that others count as, if some are to be named.

    Signals (psygnal):
        changed: the choice is another one.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = combo((EACH, UPPERMOST, NAMED), _TIP)
        self.box.setAccessibleName("Classes count")
        self.line = Line()
        self.line.setAccessibleName("Classes that others count as")
        set_tip(
            self.line, "Names, with commas between them; what is below none of them stays as it is"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.box, 1)
        row.addWidget(self.line, 1)
        self.line.hide()
        self.box.currentTextChanged.connect(self._chosen)
        self.line.editingFinished.connect(lambda: self.changed.emit())
        self._words: Vocabulary | None = None

    def show_words(self, words: Vocabulary | None) -> bool:
        """Be a choice for these classes; return whether there is any: a class is below another one."""
        self._words = words
        above = {} if words is None else dict.fromkeys(words.parents.values())
        above.pop(None, None)
        if words is not None:
            names = [words.by_value(value).name for value in above if value is not None]
            self.line.setPlaceholderText(grammar.write_prompts(names, ", "))
        return bool(above)

    def _chosen(self, text: str) -> None:
        self.line.setVisible(text == NAMED)
        self.changed.emit()

    @property
    def value(self) -> RollUp | None:
        """What was chosen, of classes of which one is below another; ``None``: each for itself.

        Raises:
            InputError: a class is named that there is not.
        """
        text = self.box.currentText()
        if self._words is None or text == EACH or not any(self._words.parents.values()):
            return None
        if text == UPPERMOST:
            return ROOT
        typed = self.line.text().strip()
        if not typed:
            raise InputError(
                "No class is named that others count as; name some, such as "
                f"'{self.line.placeholderText()}', or choose {UPPERMOST!r}."
            )
        self._words.roll_up(names := grammar.parse_prompts(typed))
        return names
