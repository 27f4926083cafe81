"""Numbers that are typed in other countries: what they say, or nothing; never ten times as much."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QLocale, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit

from napari_corrclip.annotation.review.filter import parse_filter
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.panel import RANKED
from napari_corrclip.gui.numbers import NumberBox
from napari_corrclip.gui.words.table import _threshold
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.numbers import number, whole_number
from tests.gui.person import Person
from tests.gui.window import hearing

TYPED = [
    ("0.3", 0.3),
    ("0,3", 0.3),
    (",5", 0.5),
    ("12", 12.0),
    ("7.", 7.0),
    ("1e1", 10.0),
    ("0.30", 0.3),
]
REFUSED = [
    "1.000", "1,000", "1.000,5", "1,000.5", "1'000", "1’000", "1 000", "1\u202f000", "1\u00a0000",
    "0.3.3", "٠٫٣", "٣", "0٫3", "०.३", "1_0", "0x1", "nan", "inf", "1e999", "", "-", "%", "0.3 0",
]  # fmt: skip


@pytest.fixture(params=["de_DE", "en_US", "fr_FR", "de_CH", "ar_EG", "hi_IN", "C"])
def country(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[str]:
    before = QLocale()
    QLocale.setDefault(QLocale(request.param))
    yield request.param
    QLocale.setDefault(before)


@pytest.fixture
def in_german(qapp: QApplication) -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("de_DE"))
    yield
    QLocale.setDefault(before)


def write(box: QAbstractSpinBox, text: str, *, paste: bool) -> None:
    line = box.lineEdit()
    assert line is not None
    line.selectAll()
    if paste:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        line.paste()
    else:
        QTest.keyClicks(line, text) if text else line.del_()
    QTest.keyClick(line, Qt.Key.Key_Return)


@pytest.mark.parametrize("paste", [False, True])
def test_a_box_takes_both_marks_and_nothing_else(country: str, paste: bool, qtbot: QtBot) -> None:
    box = NumberBox()
    qtbot.addWidget(box)
    box.setRange(0, 1024)
    box.setDecimals(1)
    box.setSuffix(" GiB")
    for text, wanted in [*TYPED, ("0.3 GiB", 0.3), ("0,3GiB", 0.3), (" 0,3 ", 0.3)]:
        box.setValue(2.0)
        write(box, text, paste=paste)
        assert box.value() == wanted, text
        assert box.text() == f"{wanted:.1f} GiB"
    for text in [*REFUSED, "0.35", "-1", "1025"]:
        box.setValue(2.0)
        if text.isascii() or paste:  # a test's keys are ASCII's
            write(box, text, paste=paste)
        assert box.value() == 2.0, text
        assert box.text() == "2.0 GiB"
    box.setValue(1000.5)
    assert box.text() == "1000.5 GiB"  # what is shown can be typed


def test_every_number_of_the_dock_is_typed_by_that_rule(in_german: None, person: Person) -> None:
    boxes = person.dock.findChildren(QAbstractSpinBox)
    assert len(boxes) == 4
    for box in boxes:
        assert isinstance(box, NumberBox), box
        for part in (box.parentWidget(), box):  # also where there is nothing to be accepted
            assert part is not None
            part.setEnabled(True)
        for text in ("0.3", "0,3"):
            box.setValue(50)
            write(box, text, paste=False)
            assert box.value() == 0.3
    person.dock.image.contrast.setCurrentText(RANKED)
    person.dock.image.high.setValue(99)
    low = person.dock.image.low.lineEdit()
    assert low is not None
    low.selectAll()
    QTest.keyClicks(low, "12,5")  # without Enter, and Run is pressed
    contrast = person.dock.image._contrast()
    assert contrast.percentiles is not None
    assert contrast.percentiles[0] == 12.5


def test_parameters_are_typed_by_that_rule(in_german: None, person: Person) -> None:
    advanced = person.dock.model.advanced
    told: list[str] = []
    advanced.refused.connect(hearing(told))

    def write(name: str, text: str) -> None:
        line = advanced.fields[name]
        assert isinstance(line, QLineEdit)
        line.setText(text)
        line.editingFinished.emit()

    write("tau", "0,35")
    assert advanced.settings.tau == 0.35
    for text in ("1.000", "٠٫٣", "0'5", "1_0"):
        write("tau", text)
        assert advanced.settings.tau == 0.35
    assert told[0] == "The setting 'tau': '1.000' could be 1000 or 1.000; write 1000, or 1.0000."
    assert "The setting 'tau' is '٠٫٣' and must be a number" in told[1]
    window = advanced.settings.window
    for text in ("1.000", "3٣6", "336,0", "3_36", "9" * 5000):
        write("window", text)
        assert advanced.settings.window == window
    assert len(told) == 9
    # The keyboard that goes by changes nothing, though what is shown is rounded.
    exact = advanced.settings.replace(tau=0.123456789)
    advanced._take(exact)
    write("tau", "0.123457")
    assert advanced.settings == exact


def test_lines_with_numbers_in_them() -> None:
    words = Vocabulary.parse("cat, dog 5")
    parse_filter("area>0,5 conf<0,4", words, ())
    parse_filter("area>500,cat", words, ())
    for text, wrong in [
        ("area>1.000", "'1.000' could be 1000 or 1.000; write 1000, or 1.0000."),
        ("area>1,000", "'1,000' could be 1000 or 1.000; write 1000, or 1.0000."),
        ("conf<0,4,5", "'0,4,5' is no number in 'conf<0,4,5'; write such as 'conf<0.4'."),
        ("id=3,4", "'3,4' is no number in 'id=3,4'"),
        ("area>٣", "'٣' is no number"),
        ("area>1_0", "'1_0' is no number"),
    ]:
        with pytest.raises(InputError) as refused:
            parse_filter(text, words, ())
        assert wrong in str(refused.value)
    assert _threshold("0,5") == _threshold("0.5") == 0.5
    assert _threshold("") is None
    for text in ("٠٫٥", "1_0", "0.5.0", "nan"):
        with pytest.raises(InputError, match="is no number; give one from 0 to 1, or nothing"):
            _threshold(text)


def test_numbers() -> None:
    for text, wanted in TYPED:
        assert number(text) == wanted
    for text in REFUSED:
        if text in ("1.000", "1,000"):
            with pytest.raises(InputError, match="could be 1000 or"):
                number(text)
        else:
            assert number(text) is None, text
    assert (whole_number(" 336 "), whole_number("336.0"), whole_number("٣")) == (336, None, None)
