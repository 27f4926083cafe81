"""The question for the classes of a new project: all of it can be read, whatever it says."""

from __future__ import annotations

from napari.qt import get_stylesheet
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QWidget

from napari_corrclip.gui.project.opening import WordsDialog

QUESTION = (
    "12 images in 'a folder with a long name of its own', which stay where they are; what is made of them "
    "goes into 'a folder with a long name of its own.corrclip-project' beside them. Which classes do you see "
    "in them? Others can be added later."
)


def is_whole(dialog: WordsDialog) -> bool:
    labels = [label for label in dialog.findChildren(QLabel) if label.text()]
    return all(label.height() >= label.heightForWidth(label.width()) for label in labels)


def test_no_line_of_it_is_cut(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.setStyleSheet(get_stylesheet("dark"))
    dialog = WordsDialog(parent, QUESTION, None)
    dialog.setStyleSheet(get_stylesheet("dark"))
    with qtbot.waitExposed(dialog):
        dialog.show()
    assert is_whole(dialog)
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)
    assert "The vocabulary is empty" in dialog.wrong.text()
    qtbot.waitUntil(lambda: is_whole(dialog))
    assert dialog.answer is None
