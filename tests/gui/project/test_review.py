"""A folder of images before a person: it becomes a project, is labelled, and gone through to the end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import PIL.Image
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.project import opening
from napari_corrclip.gui.project.opening import WordsDialog
from napari_corrclip.gui.work.said import Kind
from napari_corrclip.project import database, intake
from napari_corrclip.project.finding import find_images
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.reviewing import read_session
from tests.gui.hand import choose as pick
from tests.gui.hand import click_at, turn_to, write
from tests.gui.person import MINUTE, Person, answer, delete_now
from tests.gui.project.opened import key, name_shown, prelabelled, shown, states
from tests.gui.seen import check_names, check_seen, check_walk, cut, walk
from tests.gui.window import Window, settle

pytestmark = pytest.mark.canvas


def choose(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have the system's dialog answered with a folder."""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(folder))


def words(text: str, *, run: bool = True) -> Callable[[WordsDialog], None]:
    """Return what types the classes into the question for them, and presses a button there."""

    def reply(dialog: WordsDialog) -> None:
        QTest.keyClicks(dialog.line, text)
        if run:
            QTest.keyClick(dialog.line, Qt.Key.Key_Return)
        else:
            QTest.mouseClick(dialog.make_button, Qt.MouseButton.LeftButton)

    return reply


def test_a_folder_is_opened_labelled_and_verified(
    person: Person, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.model.regions.setCurrentText("superpixels")
    choose(monkeypatch, images)
    answer(WordsDialog, words("red, green, blue"))
    click_at(person, dock.projects.open_button)
    project = shown(person)
    assert dock.pages.page is Page.IMAGES
    assert person.names()[0] == "scene 0"
    # It runs while one looks; what is looked at opens as it is done.
    qtbot.waitUntil(lambda: dock.workspace.session is not None, timeout=MINUTE)
    qtbot.waitUntil(lambda: not dock.projects.run.running, timeout=MINUTE)
    assert states(project) == ["pre-labelled"] * 4
    folder = project.folder
    decided: dict[int, np.ndarray] = {}
    for number in range(4):
        qtbot.waitUntil(lambda n=number: name_shown(person) == f"scene {n}", timeout=MINUTE)
        session = dock.session
        assert person.names() == [f"scene {number}", "labels", "regions"]
        person.agree()
        assert dock.projects.way.left.text() == f"{number + 1} of 4 · {number} verified"
        if number in (1, 2):
            session.assign(session.ids[:2].tolist(), "green")
            decided[number] = session.labels.copy()
        if number == 2:  # the index is told without anybody's doing
            qtbot.waitUntil(lambda: states(project)[2] == "in review", timeout=MINUTE)
        key(person, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        shown(person)
    assert states(project) == ["verified"] * 4
    assert "All images are verified" in dock.status.text()
    person.viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: dock.projects.review.project is None, timeout=MINUTE)
    with Project.open(folder) as again:
        for number, item in enumerate(again):
            assert item.by == dock.projects.review.keeping.by
            with again.session(item) as session:
                assert len(session.history.done) == (number in decided)
                if number in decided:
                    np.testing.assert_array_equal(session.labels, decided[number])
        assert again.figures().states == {ItemState.VERIFIED: 4}


@pytest.mark.skipif(sys.platform != "linux", reason="others allow no such names")
def test_a_folder_with_a_file_that_cannot_be_used_is_opened_and_says_so(
    person: Person, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = os.fsdecode(os.fsencode(images) + b"/odd \xff.png")
    Path(odd).write_bytes((images / "scene 0.png").read_bytes())
    choose(monkeypatch, images)
    answer(WordsDialog, words("red, green", run=False))
    threads: list[threading.Thread] = []

    def find(*given: Any, **more: Any) -> list[Path]:
        threads.append(threading.current_thread())
        return find_images(*given, **more)

    for module in (opening, intake):  # of thousands it takes a minute
        monkeypatch.setattr(module, "find_images", find)
    click_at(person, person.dock.projects.open_button)
    assert [item.path for item in shown(person)] == [f"../scenes/scene {n}.png" for n in range(4)]
    assert len(threads) >= 2
    assert threading.main_thread() not in threads
    said = person.dock.status.text()
    assert "4 images. Passed over: The name of '" in said
    assert "is no valid text; rename it." in said


def test_one_goes_to_and_fro_and_what_was_decided_is_there_again(
    person: Person, images: Path
) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    assert name_shown(person) == "scene 0"
    assert "'set': 4 images. " in dock.status.text()
    assert "regions left: D goes on, " in dock.status.text()
    assert dock.words.vocabulary == project.vocabulary
    assert dock.model.regions.currentText() == "superpixels"
    dock.session.assign(dock.session.ids[:3].tolist(), "blue")
    labels = dock.session.labels.copy()
    turn_to(person, Page.CORRECT)
    for turn, there in ((Qt.Key.Key_PageDown, 1), (Qt.Key.Key_PageDown, 2), (Qt.Key.Key_PageUp, 1)):
        key(person, turn)
        qtbot.waitUntil(lambda n=there: name_shown(person) == f"scene {n}", timeout=MINUTE)
        shown(person)
        assert len(person.names()) == 3
        person.agree()
        assert dock.pages.page is Page.CORRECT  # where one corrects, one stays
    click_at(person, dock.projects.way.back_button)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 0", timeout=MINUTE)
    shown(person)
    np.testing.assert_array_equal(dock.session.labels, labels)
    person.agree()
    assert states(project) == ["in review", "pre-labelled", "pre-labelled", "pre-labelled"]
    click_at(person, dock.projects.way.back_button)
    assert dock.status.text() == "This is the first image."
    # What is taken back is taken back in the index, too.
    assert dock.layers is not None
    window = Window(person.viewer, dock.session, dock.layers, [])
    window.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert dock.session.region(int(dock.session.ids[0])).verdict is None
    key(person, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    with Project.open(project.folder, read_only=True) as read:
        first = read.item("../scenes/scene 0.png")
        assert first.undecided == first.regions


def test_d_begins_where_nothing_is_corrected_yet_and_digits_are_napari_s_until_then(
    person: Person, images: Path
) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    assert dock.pages.page is Page.IMAGES
    assert dock.layers is not None
    labels = dock.layers.labels
    key(person, Qt.Key.Key_2)
    assert str(labels.mode) == "paint"  # which is napari's own
    assert not dock.session.history.done
    for page in (Page.IMAGES, Page.CORRECT):
        turn_to(person, page)
        key(person, Qt.Key.Key_D)
        assert dock.correct.button.isChecked()
        assert dock.correct.mode is not None
        (region,) = dock.correct.mode.selection
        assert dock.pages.page is Page.CORRECT  # where the digits are beside the classes
        key(person, Qt.Key.Key_D)
        assert dock.correct.mode.selection != (region,)
        click_at(person, dock.correct.button)
        assert not dock.correct.button.isChecked()
    # At the next image, whose layers are the same ones, too; and it is decided by a digit then.
    key(person, Qt.Key.Key_PageDown)
    shown(person)
    assert not dock.correct.button.isChecked()
    key(person, Qt.Key.Key_D)
    (region,) = dock.correct.mode.selection
    key(person, Qt.Key.Key_2)
    verdict = dock.session.region(region).verdict
    assert verdict is not None
    assert verdict.value == project.vocabulary.values[1]
    click_at(person, dock.correct.button)
    dock.projects.close()
    assert [layer.keymap for layer in person.viewer.layers] == [{}] * len(person.viewer.layers)


def test_the_list_is_sought_filtered_and_sorted(person: Person, images: Path) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    panel = dock.projects.panel

    def listed() -> list[str]:
        return [panel.model.index(row).data()[6:7] for row in range(panel.model.rowCount())]

    def records() -> list[ItemRecord]:
        return project.read_items(panel.model.numbers())

    assert listed() == list("0123")
    write(person, panel.search, "SCENE 2")
    assert listed() == ["2"]
    key(person, Qt.Key.Key_PageDown)  # from one that is not listed
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 2", timeout=MINUTE)
    shown(person)
    click_at(person, dock.projects.way.skip_button)
    assert states(project)[2] == "skipped"
    shown(person)
    assert dock.status.text() == (
        "'scene 2.png' is skipped. No other of this list waits; 3 images outside of it."
    )
    panel.search.selectAll()
    person.qtbot.keyClick(panel.search, Qt.Key.Key_Delete)
    pick(panel.states, "skipped")
    assert listed() == ["2"]
    pick(panel.states, "to do")
    assert listed() == list("013")
    pick(panel.states, "all states")
    pick(panel.order, "least certain")
    least = [record.least or 2.0 for record in records()]
    assert least == sorted(least)
    pick(panel.order, "most to gain")
    gains = [gain_of(project, record) for record in records()]
    assert gains == sorted(gains, reverse=True)
    assert min(gains) > 0
    pick(panel.order, "most 'blue'")
    areas = [area_of(project, record, 3) for record in records()]
    assert areas == sorted(areas, reverse=True)
    assert len(set(areas)) > 1
    pick(panel.order, "random sample")
    assert sorted(listed()) == list("0123")
    click_at(person, panel.statistics_button)
    picture = dock.projects.statistics.picture
    person.qtbot.waitUntil(lambda: picture.isVisible(), timeout=MINUTE)
    assert picture.pixmap().width() > 500
    assert "1 skipped" in dock.projects.statistics.text.text()


def gain_of(project: Project, record: ItemRecord) -> float:
    """Area x (1 - margin), summed over what nobody has decided, as the review queue scores it."""
    table = project.result(record).table
    return float((table["area"] * (1 - table["margin"])).sum())


def test_the_time_that_a_run_has_left_is_seen(person: Person, images: Path) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    shown(person)
    turn_to(person, Page.IMAGES)
    panel, said = dock.projects.panel, "120 of 3,000 · 12.1 s each · 13 h 53 min left"
    dock.projects.run.busy.emit(True)
    dock.projects.run.progressed.emit(said)
    settle(person.viewer)
    assert panel.stage.isVisible()
    assert panel.stage.height() >= panel.stage.heightForWidth(panel.stage.width()) > 0
    assert not cut(panel)
    assert panel.stop_button.isVisible()
    assert not panel.run_button.isVisible()
    dock.projects.run.busy.emit(False)
    assert panel.run_button.isVisible()
    assert not panel.stop_button.isVisible()


def area_of(project: Project, record: ItemRecord, value: int) -> int:
    table = project.result(record).table
    return int(table["area"][table["value"] == value].sum())


# Of whoever reads a broken image for napari, and leaves it open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_images_that_are_gone_broken_or_not_run_are_told_of(person: Person, images: Path) -> None:
    dock, qtbot = person.dock, person.qtbot
    folder = prelabelled(images)
    (images / "broken.png").write_bytes(b"\x89PNG and no more")
    iio.imwrite(images / "late.png", generate_scene(9).image[:96, :96])
    (images / "scene 3.png").unlink()
    person.viewer.window._qt_viewer._qt_open([str(folder / "project.sqlite")], stack=False)
    project = shown(person)
    panel = dock.projects.panel
    qtbot.waitUntil(lambda: panel.model.rowCount() == 6, timeout=MINUTE)
    assert panel.run_button.text() == "Run 2 images"
    for _ in range(5):
        key(person, Qt.Key.Key_PageDown)
        shown(person)
    assert "scene 3.png' is gone; put it back" in dock.status.text()
    assert name_shown(person) == "scene 2"
    click_at(person, panel.run_button)
    qtbot.waitUntil(lambda: not dock.projects.run.running, timeout=MINUTE)
    said = dock.status.said
    assert re.match(r"1 failed: .*broken.png' is no image.* 1 image labelled\.", said.text)
    assert said.kind is Kind.WARNING
    assert sorted(states(project)) == ["failed", *["pre-labelled"] * 5]
    assert panel.run_button.text() == "Run 1 image"
    # As it is seen: no folders, and why; all of it is in the tip.
    seen = dock.status.label
    assert (
        seen.text().replace("\n", " ").startswith("1 failed: 'broken.png' is no image that can be")
    )
    assert str(images / "broken.png") in seen.toolTip()
    (record,) = project.items("failed")
    row = panel.model.row_of(record)
    assert row is not None
    tip = panel.model.index(row).data(Qt.ItemDataRole.ToolTipRole)
    assert "broken.png' is no image that can be read" in tip
    panel.show_item(record)
    shown(person)
    assert "broken.png' is no image that can be read" in dock.status.text()
    assert name_shown(person) == "scene 2"  # what was shown stays


def test_a_run_leaves_the_image_alone_that_somebody_looks_at(person: Person, images: Path) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    project.choose("red, green, blue, wood")
    labels = dock.session.labels.copy()
    report = project.run(stale=True, progress=False)
    assert (len(report.done), len(report.skipped)) == (3, 1)
    np.testing.assert_array_equal(project.result("../scenes/scene 0.png").labels, labels)
    assert states(project) == ["pre-labelled"] * 4
    assert project.item("../scenes/scene 0.png").run == 1
    dock.session.assign(1, "green")
    key(person, Qt.Key.Key_PageDown)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    assert states(project) == ["in review", *["pre-labelled"] * 3]


def test_words_are_those_of_the_set(person: Person, images: Path) -> None:
    dock, qtbot = person.dock, person.qtbot
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    dock.session.assign(dock.session.ids[:3].tolist(), "blue")
    turn_to(person, Page.SET_UP)
    write(person, dock.words.line, "wood")
    qtbot.waitUntil(lambda: not dock.controller.running, timeout=MINUTE)
    assert project.vocabulary.names == ("red", "green", "blue", "wood")
    turn_to(person, Page.IMAGES)
    text = "Run 3 images again (other words or settings)"
    qtbot.waitUntil(lambda: dock.projects.panel.run_button.text() == text, timeout=MINUTE)
    key(person, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)
    # The new class can be assigned there at once, without the networks.
    assert dock.session.vocabulary == project.vocabulary
    dock.session.assign(int(dock.session.ids[0]), "wood")
    # So is a class that is called otherwise; what was decided as it stays.
    project.choose(project.vocabulary.rename(2, "sea"))
    key(person, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 0", timeout=MINUTE)
    shown(person)
    assert dock.session.vocabulary == project.vocabulary
    assert dock.words.vocabulary == project.vocabulary
    regions = [dock.session.region(region) for region in dock.session.ids[:3].tolist()]
    assert [dock.session.vocabulary.by_value(row.value).name for row in regions] == ["sea"] * 3
    person.agree()
    key(person, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)
    person.agree()
    click_at(person, dock.projects.panel.run_button)
    qtbot.waitUntil(lambda: not dock.projects.run.running, timeout=MINUTE)
    assert "2 images labelled." in dock.status.text()
    assert project.item("../scenes/scene 3.png").run == 2
    expected = ["in review", "in review", "pre-labelled", "pre-labelled"]
    qtbot.waitUntil(lambda: states(project) == expected, timeout=MINUTE)
    person.agree()


def test_every_page_fits_and_is_gone_through_by_keyboard(person: Person, images: Path) -> None:
    dock, viewer = person.dock, person.viewer
    window = dock.window()
    assert window is not None
    dock.open_project(str(prelabelled(images)))
    shown(person)
    dock.say("Nothing to take back.")
    for size in ((1024, 700), (933, 600)):
        viewer.window.resize(*size)
        settle(viewer)
        for page in dock.pages.offered:
            turn_to(person, page)
            settle(viewer)
            assert cut(dock) == [], (size, page)
            assert (window.width(), window.height()) == size, page
    viewer.window.resize(1024, 700)
    settle(viewer)
    turn_to(person, Page.IMAGES)
    assert check_names(dock.projects.panel) >= 6
    assert check_names(dock.projects.way) == 4
    window.activateWindow()
    person.qtbot.waitUntil(window.isActiveWindow, timeout=MINUTE)
    stops = walk(dock.pages.tabs, dock)
    panel, way = dock.projects.panel, dock.projects.way
    for stop in (panel.search, panel.view, panel.run_button, way.next_button, way.verify_button):
        assert stop in stops or not stop.isEnabled(), stop
    check_walk(stops, dock)
    check_seen(stops, dock)
    # Enter opens what the arrows have come to.
    panel.view.setFocus()
    QTest.keyClick(panel.view, Qt.Key.Key_Down)
    QTest.keyClick(panel.view, Qt.Key.Key_Return)
    person.qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)


def test_planes_deep_and_turned_images_are_shown_as_they_were_run(
    person: Person, tmp_path: Path
) -> None:
    dock, qtbot = person.dock, person.qtbot
    folder = tmp_path / "mixed"
    folder.mkdir()
    scene = generate_scene(3).image[:96, :128]
    tifffile.imwrite(
        folder / "deep.tif", (scene.astype(np.uint16) * 200 + 100).mean(axis=-1).astype(np.uint16)
    )
    tifffile.imwrite(
        folder / "stack.tif",
        np.stack([generate_scene(seed).image[:80, :112].mean(axis=-1) for seed in range(3)]).astype(
            np.uint8
        ),
        photometric="minisblack",
    )
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    PIL.Image.fromarray(scene).save(folder / "turned.jpg", exif=exif)
    dock.open_project(str(prelabelled(folder)))
    project = shown(person)
    titles = ["deep.tif", "stack.tif[0]", "stack.tif[1]", "stack.tif[2]", "turned.jpg"]
    panel = dock.projects.panel
    assert [panel.model.index(row).data() for row in range(5)] == titles
    assert panel.run_button.text() == "Run"
    for number, title in enumerate(titles):
        if number:
            key(person, Qt.Key.Key_PageDown)
            shown(person)
        name = title.replace(".tif", "").replace(".jpg", "")
        qtbot.waitUntil(lambda n=name: name_shown(person) == n, timeout=MINUTE)
        record = project.item(dock.projects.review.record)  # type: ignore[arg-type]
        result = project.result(record)
        np.testing.assert_array_equal(dock.session.labels, result.labels)
        person.agree()
        assert person.names() == [name, "labels", "regions"]
        image = person.viewer.layers[name]
        assert image.data.shape[:2] == result.labels.shape
        assert image.rgb is (title != "deep.tif")
        dock.session.assign(1, "green")
        labels = dock.session.labels.copy()
        key(person, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        shown(person)
        kept = read_session(project.folder_of(record))
        np.testing.assert_array_equal(kept.labels, labels)
        panel.show_item(project.item(record))
        shown(person)
        np.testing.assert_array_equal(dock.session.labels, labels)
    assert states(project) == ["verified"] * 5


def test_a_disk_without_a_log_has_one_writer_and_a_run_behind_it(
    person: Person, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, qtbot = person.dock, person.qtbot
    recipe = nc.Recipe(regions="superpixels", region_options={"n_segments": 40})
    with Project.create(images.with_name("set"), "red, green", images, recipe=recipe) as made:
        folder = made.folder
    monkeypatch.setattr(database, "VFS", "unix-dotfile")
    dock.open_project(str(folder))
    project = shown(person)
    assert project.is_only_writer
    turn_to(person, Page.IMAGES)
    click_at(person, dock.projects.panel.run_button)
    qtbot.waitUntil(lambda: not dock.projects.run.running, timeout=MINUTE)
    assert "4 images labelled." in dock.status.text()
    assert states(project) == ["pre-labelled"] * 4
    key(person, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: name_shown(person) == "scene 1", timeout=MINUTE)
    shown(person)
    key(person, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    shown(person)
    assert states(project)[1] == "verified"


def test_what_was_done_last_is_in_the_index_when_the_window_is_closed(
    on_screen: Person, images: Path
) -> None:
    dock = on_screen.dock
    folder = prelabelled(images)
    dock.open_project(str(folder))
    shown(on_screen)
    dock.session.assign(dock.session.ids[:3].tolist(), "blue")
    labels = dock.session.labels.copy()
    on_screen.viewer.close()  # at once
    delete_now()
    with Project.open(folder) as project:
        (record,) = project.items("in review")
        assert record.undecided == (record.regions or 0) - 3
        np.testing.assert_array_equal(read_session(project.folder_of(record)).labels, labels)


@pytest.mark.process
def test_the_command_line_opens_a_project_in_napari(images: Path, tmp_path: Path) -> None:
    folder = prelabelled(images)
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_corrclip", "project", "open", str(folder)],
        env={**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml")},
        start_new_session=True,  # napari is a process of its own
    )
    try:
        # The page Images is shown: its small pictures are made.
        end = time.monotonic() + MINUTE / 1000
        while len(list(folder.glob("items/*/thumbnail.png"))) < 4:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


RUN_IN_A_VIEWER = """
import sys
import napari, numpy as np
viewer = napari.Viewer()
viewer.add_image(np.zeros((64, 64)))
viewer.screenshot()
from napari_corrclip.project.project import Project
assert "torch" not in sys.modules
with Project.open(sys.argv[1]) as project:
    print(len(project.run(progress=False).done))
viewer.close()
"""


@pytest.mark.process
def test_a_project_is_run_where_a_viewer_has_drawn(images: Path, tmp_path: Path) -> None:
    recipe = nc.Recipe(regions="superpixels", region_options={"n_segments": 40})
    with Project.create(images.with_name("set"), "red, green", images, recipe=recipe) as made:
        folder = made.folder
    done = subprocess.run(
        [sys.executable, "-c", RUN_IN_A_VIEWER, str(folder)],
        env={**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr
