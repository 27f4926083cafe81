"""The pages of the dock: what each shows, that all of it fits the smallest screens, and where it leads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio.v3 as iio
import napari
import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFileDialog,
    QMessageBox,
)

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct.correcting import Tool
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.work.said import Kind, Said, done, past
from napari_corrclip.vocabulary import Vocabulary
from tests.forms import short
from tests.gui.hand import click_at, turn_to
from tests.gui.person import Person, answer, click_in, threads_end
from tests.gui.seen import cut
from tests.gui.window import Window, settle

pytestmark = pytest.mark.canvas

# The second is 1400 x 900 at a scaling of 150 %.
SIZES = [(1024, 700), (933, 600)]


@pytest.fixture
def on_screen(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[Person]:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(*SIZES[0])
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    settle(viewer)
    yield Person(viewer, dock, qtbot)
    dock.cleanup()
    threads_end(qtbot)


@pytest.mark.parametrize("theme", short("dark", rest=["light"]))
@pytest.mark.parametrize(("width", "height"), short(SIZES[0], rest=[SIZES[1]]))
def test_every_page_fits(on_screen: Person, width: int, height: int, theme: str) -> None:
    person, dock = on_screen, on_screen.dock
    person.viewer.theme = theme
    person.viewer.window.resize(width, height)
    settle(person.viewer)
    click_at(person, dock.bar.demo_button)
    person.wait()
    settle(person.viewer)
    window = dock.window()
    assert window is not None
    assert (window.width(), window.height()) == (width, height)
    assert dock.pages.page is Page.CORRECT
    click_at(person, dock.correct.next_button)
    assert cut(dock) == []
    rows = dock.words.table.viewport()
    assert rows is not None
    assert rows.height() >= 2 * dock.words.table.rowHeight(0)
    assert (window.width(), window.height()) == (width, height)
    tools = dock.correct.tool_buttons[Tool.SWEEP]
    assert tools.isVisible()
    layers = dock.layers
    assert layers is not None
    Window(person.viewer, dock.session, layers, []).key(Qt.Key.Key_Slash)
    settle(person.viewer)
    assert dock.correct.finder.isVisible()
    assert not tools.isVisible()
    assert cut(dock) == []
    assert (window.width(), window.height()) == (width, height)
    QTest.keyClick(dock.correct.finder.line, Qt.Key.Key_Escape)
    assert tools.isVisible()
    turn_to(person, Page.SET_UP)
    assert cut(dock) == []
    for fold, other in ((dock.image.fold, dock.model), (dock.model, dock.image.fold)):
        click_at(person, fold.head)
        settle(person.viewer)
        assert cut(dock) == []
        assert (window.width(), window.height()) == (width, height)
        assert not other.is_open  # one of them is open alone
        assert dock.words.table.visibleRegion().boundingRect().height() >= 40
    turn_to(person, Page.EXPORT)
    assert cut(dock) == []
    assert dock.width() <= 340
    foot = dock.mapTo(window, QPoint(0, dock.height())).y()
    assert foot <= window.height() == height


@pytest.mark.parametrize(("width", "height"), short(SIZES[1], rest=[SIZES[0]]))
def test_what_is_offered_of_an_image_fits_every_page(
    on_screen: Person, width: int, height: int
) -> None:
    """The row over the pages takes the room of what is below the classes, and gives it back."""
    person, dock, viewer = on_screen, on_screen.dock, on_screen.viewer
    viewer.window.resize(width, height)
    settle(viewer)
    click_at(person, dock.bar.demo_button)
    person.wait()
    session = dock.session
    session.assign(session.ids[:2].tolist(), session.vocabulary.names[0])
    other = viewer.add_image(generate_scene(8).image, name="other", rgb=True)
    assert dock.image.layer is other
    turn_to(person, Page.SET_UP)
    click_at(person, dock.bar.run_button)
    person.wait()
    viewer.layers.selection.active = viewer.layers["demo scene"]
    window = dock.window()
    assert window is not None
    low = height == SIZES[1][1]
    for page in dock.pages.offered:
        turn_to(person, page)
        settle(viewer)
        assert dock.restore_bar.isVisible()
        assert cut(dock) == []
        assert (window.width(), window.height()) == (width, height)
        if page is not Page.EXPORT:
            assert dock.words.detail.isVisible() is not low
    turn_to(person, Page.SET_UP)
    click_at(person, dock.model.head)
    settle(viewer)
    assert cut(dock) == []
    assert (window.width(), window.height()) == (width, height)
    click_at(person, dock.restore_bar.restore_button)
    person.wait()
    assert dock.session is session
    assert not dock.restore_bar.isVisible()
    assert dock.words.detail.isVisible()
    settle(viewer)
    assert (window.width(), window.height()) == (width, height)


def test_a_session_that_is_loaded_makes_no_low_window_grow(
    on_screen: Person, tmp_path: Path
) -> None:
    person, dock, viewer = on_screen, on_screen.dock, on_screen.viewer
    viewer.window.resize(*SIZES[1])
    settle(viewer)
    click_at(person, dock.bar.demo_button)
    person.wait()
    click_at(person, dock.correct.next_button)
    session = dock.session
    session.assign(session.ids[:2].tolist(), session.vocabulary.names[0])
    dock.workspace.save(session, tmp_path / "scene.corrclip")
    session.assign(session.ids[2:4].tolist(), session.vocabulary.names[0])
    answer(QMessageBox, lambda box: click_in(box, "Load"))
    turn_to(person, Page.EXPORT)
    dock.loading.begin(str(tmp_path / "scene.corrclip"))
    person.wait()
    settle(viewer)
    assert dock.session is not session
    assert dock.pages.page is Page.CORRECT
    assert dock.restore_bar.isVisible()  # the former one, which was edited since
    assert cut(dock) == []
    window = dock.window()
    assert window is not None
    assert (window.width(), window.height()) == SIZES[1]


@pytest.mark.long
@pytest.mark.process
@pytest.mark.parametrize(("scale", "size"), [("1.5", "933-600"), ("2", "1024-700")])
def test_every_page_fits_at_a_scaling(scale: str, size: str) -> None:
    """Of the screen, which Qt reads when it starts: in a Python and on a screen of their own."""
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    made = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "long or not long",
            "-o", "xvfb_width=2200", "-o", "xvfb_height=1500",
            "-k", f"test_every_page_fits and {size} and not scaling", __file__,
        ],
        env={**environment, "QT_SCALE_FACTOR": scale},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout[-3000:]
    assert "2 passed" in made.stdout


def test_the_demo_is_on_the_empty_first_page_alone(on_screen: Person) -> None:
    person, dock = on_screen, on_screen.dock
    assert dock.bar.demo_button.isVisible()
    person.type("cat, dog")
    typed = dock.words.vocabulary
    answer(QMessageBox, lambda box: click_in(box, "Cancel"))
    click_at(person, dock.bar.demo_button)
    assert dock.words.vocabulary == typed
    assert len(person.viewer.layers) == 0
    assert dock.status.text() == "The demo was not opened; your classes are as they were."
    answer(QMessageBox, lambda box: click_in(box, "Replace"))
    click_at(person, dock.bar.demo_button)
    person.wait()
    assert dock.words.vocabulary is not None
    assert "cat" not in dock.words.vocabulary.names
    turn_to(person, Page.SET_UP)
    assert not dock.bar.demo_button.isVisible()  # there is an image
    dock.words._bring_back()
    assert isinstance(dock.words.vocabulary, Vocabulary)
    assert dock.words.vocabulary.names == ("cat", "dog")


def test_what_runs_can_be_cancelled_from_every_page(on_screen: Person) -> None:
    person, dock = on_screen, on_screen.dock
    person.viewer.add_image(generate_scene(7).image, rgb=True)
    dock.reset_choices()
    dock.model.detail.setCurrentIndex(dock.model.detail.count() - 1)
    person.type("red, green")
    run, cancel = dock.bar.run_button, dock.bar.cancel_button
    for page in dock.pages.offered:
        turn_to(person, Page.SET_UP)
        click_at(person, dock.bar.run_button)
        assert not run.isEnabled()
        assert run.text() == "Run"
        places = [QRect(one.mapTo(dock, QPoint(0, 0)), one.size()) for one in (run, cancel)]
        assert not places[0].intersects(places[1])
        turn_to(person, page)
        click_at(person, cancel)
        person.wait()
        assert dock.status.text() == "Cancelled; nothing was changed."
        assert not dock.bar.cancel_button.isVisible()


def test_a_click_or_key_that_comes_too_late_to_cancel_begins_nothing(on_screen: Person) -> None:
    person, dock = on_screen, on_screen.dock
    person.viewer.add_image(generate_scene(7).image[:96, :128], rgb=True)
    dock.reset_choices()
    dock.model.regions.setCurrentText("superpixels")
    person.type("red, green")
    window = dock.window()
    assert window is not None
    began: list[bool] = []
    dock.controller.busy.connect(began.append)
    cancel = dock.bar.cancel_button
    click_at(person, dock.bar.run_button)
    assert window.focusWidget() is cancel  # the keyboard goes with what can be pressed
    where = cancel.mapTo(window, cancel.rect().center())
    person.wait()
    QTest.keyClick(dock.pages.tabs, Qt.Key.Key_Left)
    assert dock.pages.page is Page.SET_UP
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
        assert window.focusWidget() is dock.pages.tabs
        QTest.keyClick(dock.pages.tabs, key)
    for _ in range(2):
        there = window.childAt(where)
        assert there is not None
        assert not isinstance(there, QAbstractButton)
        QTest.mouseClick(there, Qt.MouseButton.LeftButton, pos=there.mapFrom(window, where))
    assert began == [True, False]
    assert dock.pages.page is Page.SET_UP


def test_the_stages_of_a_first_run_are_told_in_words(
    on_screen: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, dock = on_screen, on_screen.dock
    person.viewer.add_image(generate_scene(7).image[:96, :128], rgb=True)
    dock.reset_choices()
    dock.model.regions.setCurrentText("superpixels")
    person.type("red, green")
    stages: list[str] = []

    def note(_: object) -> None:
        text = dock.bar.text().partition("  ")[0].partition(" · ")[0]
        assert dock.bar.stage.text().startswith(text)  # none is cut
        if text not in stages:
            stages.append(text)

    dock.controller.progressed.connect(note)
    click_at(person, dock.bar.run_button)
    person.wait()
    assert stages[:4] == [
        "Loading the libraries (once per start)",
        "Reading the image",
        "Loading the networks (once per start)",
        "Finding regions",
    ]
    assert stages[-1] == "Counting the regions"
    assert all(stage[0].isupper() for stage in stages)


def test_nothing_moves_when_the_sentence_changes(on_screen: Person) -> None:
    dock = on_screen.dock
    parts = [dock.bar.run_button, dock.words.table, dock.status, dock.status.icon]
    places: set[tuple[tuple[int, int], ...]] = set()
    long = " ".join(["This sentence has far more words than its place has room for."] * 4)
    for said in ("", "Short.", long, done("Assign 3 regions to 'cat'"), InputError(long)):
        dock.status.say(said)
        QApplication.processEvents()
        corners = [part.mapTo(dock, QPoint(0, 0)) for part in parts]
        sides = dock.status.size()
        places.add((*((at.x(), at.y()) for at in corners), (sides.width(), sides.height())))
    assert len(places) == 1
    assert dock.status.text() == long
    assert dock.status.said.kind is Kind.WARNING
    lines = dock.status.label.text().split("\n")
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert long in dock.status.label.toolTip()
    assert dock.status.accessibleName() == f"Warning: {long}"
    assert dock.status.undo_button.isHidden()


@pytest.mark.parametrize(
    ("title", "sentence"),
    [
        ("Assign 3 regions to 'cat'", "Assigned 3 regions to 'cat'"),
        ("Split region 4 into 2 parts", "Split region 4 into 2 parts"),
        ("New region 7 of 20 pixels", "New region 7 of 20 pixels"),
        ("", ""),
    ],
)
def test_what_was_done_is_told_in_the_past(title: str, sentence: str) -> None:
    assert past(title) == sentence


def test_an_error_warns_and_mere_text_is_a_note() -> None:
    assert Said.of("Click on a region.") == Said("Click on a region.", Kind.NOTE)
    assert Said.of(InputError("No.")) == Said("No.", Kind.WARNING)
    assert Said.of(done("Merge 2 regions", "It voted.")) == Said(
        "Merged 2 regions. It voted.", Kind.DONE, undo=True
    )


# -- export


def test_files_are_written_under_the_image_s_own_name(
    on_screen: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, dock = on_screen, on_screen.dock
    scene = tmp_path / "a scene.png"
    iio.imwrite(scene, generate_scene(3).image[:96, :128])
    turn_to(person, Page.EXPORT)
    assert not dock.export.button.isEnabled()
    person.viewer.open(str(scene), plugin="napari")
    dock.reset_choices()
    turn_to(person, Page.SET_UP)
    dock.model.regions.setCurrentText("superpixels")
    person.type("red, green")
    session = person.run()
    turn_to(person, Page.EXPORT)
    assert dock.export.folder is None
    for box in dock.export.boxes.values():
        if not box.isChecked():
            click_at(person, box)
    labels, regions = session.labels.copy(), session.regions.copy()
    click_at(person, dock.export.button)
    assert dock.controller.running
    session.ignore(
        session.ids.tolist()
    )  # what is done meanwhile ends nothing, and is in no file yet
    person.wait()
    session.undo()
    names = {path.name.removeprefix("a scene.") for path in tmp_path.glob("a scene.*")}
    assert names == {
        "png", "labels.png", "labels.classes.csv", "labels.tif", "regions.tif", "regions.csv", "overlay.png",
    }  # fmt: skip
    assert dock.status.text().startswith(
        f"Wrote 6 files into {str(tmp_path)!r}: a scene.labels.png"
    )
    assert dock.status.said.kind is Kind.DONE
    with Image.open(tmp_path / "a scene.labels.png") as indexed:
        assert indexed.mode == "P"
        np.testing.assert_array_equal(np.asarray(indexed), labels)
    np.testing.assert_array_equal(iio.imread(tmp_path / "a scene.labels.tif"), labels)
    np.testing.assert_array_equal(iio.imread(tmp_path / "a scene.regions.tif"), regions)
    assert Vocabulary.from_file(tmp_path / "a scene.labels.classes.csv").names == ("red", "green")

    # What is ignored is void in the files, and the page says so.
    assert dock.export.void.text() == "Pixels without a class are void (0). No region is ignored."
    session.ignore(session.ids[:3].tolist())
    assert dock.export.void.text().startswith("3 ignored regions are void (0 in the labels")
    assert not session.labels[np.isin(session.regions, session.ids[:3])].any()

    # What is there is asked about, and left as it is.
    before = (tmp_path / "a scene.labels.tif").read_bytes()
    session.assign(session.ids.tolist(), "red")
    answer(QMessageBox, lambda box: click_in(box, "Cancel"))
    click_at(person, dock.export.button)
    assert (tmp_path / "a scene.labels.tif").read_bytes() == before
    assert dock.status.text() == "Nothing was written; the files are as they were."

    # Another folder, which cannot be written: nothing half is left.
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(blocked))
    click_at(person, dock.export.choose_button)
    click_at(person, dock.export.button)
    person.wait()
    assert str(blocked) in dock.status.text()
    assert dock.status.said.kind is Kind.WARNING
