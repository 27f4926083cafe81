"""What is in memory only: said beside the session at every moment, and asked about before it is lost."""

from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import napari
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QDockWidget, QMessageBox, QWidget

from napari_corrclip.annotation import Session, has_session, journal, journal_folder
from napari_corrclip.annotation.files import log
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.image.picture import picture_of
from napari_corrclip.gui.session.saving import NameDialog
from tests.annotation.images import small_result
from tests.gui.person import MINUTE, Person, answer, click_in, delete_now, name_folder, threads_end

SHAPE = (60, 80)


class Last(QObject):
    """Who is asked last whether a window closes: it notes that nobody objected, and keeps it for the test."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.agreed = 0
        window.installEventFilter(self)  # the one that was installed first is asked last

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() != QEvent.Type.Close:
            return False
        self.agreed += 1
        event.ignore()
        return True


@pytest.fixture
def seen(
    make_napari_viewer: Callable[..., napari.Viewer],
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Person]:
    """Somebody before a window whose X is pressed; nobody but the test closes it."""
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    viewer = make_napari_viewer(show=True)
    window = viewer.window.main_menu.window()
    assert window is not None
    last = Last(window)
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    yield Person(viewer, dock, qtbot)
    dock.cleanup()
    dock.quitting.stop()
    window.removeEventFilter(last)
    dock.deleteLater()
    delete_now()
    threads_end(qtbot)


def correct(person: Person, path: Path | None = None) -> Session:
    """Open a session on an image in memory, or in a file."""
    result, image = small_result(SHAPE)
    if path is None:
        layer = person.viewer.add_image(image, rgb=True, name="scene")
    else:
        iio.imwrite(path, image)
        (layer,) = person.viewer.open(str(path), plugin="napari")
    person.dock.reset_choices()
    picture = picture_of(layer)
    session = Session(result, image, source=picture.source)
    person.dock.display.open(session, picture)
    return session


def decide(session: Session) -> None:
    row = next(row for row in session.rows() if row.verdict is None)
    session.assign([row.id], session.vocabulary.names[0])


class Held:
    """An encoded image, as far as a session asks when it is given one."""

    nbytes = 10


def safety(person: Person) -> str:
    return person.dock.line.safety.text()


def close_window(person: Person, button: str, asked: list[str]) -> bool:
    """Close napari's window, answer what is asked, and return whether it closed."""
    window = person.viewer.window.main_menu.window()
    assert window is not None
    (last,) = window.findChildren(Last)
    before = last.agreed

    def reply(box: QMessageBox) -> None:
        asked.append(box.text())
        click_in(box, button)

    clock = answer(QMessageBox, reply)
    window.close()
    clock.stop()
    return last.agreed > before


def test_what_is_in_memory_only_is_said_and_asked_about(seen: Person, tmp_path: Path) -> None:
    session = correct(seen)
    assert safety(seen) == "in memory only"
    decide(session)
    decide(session)
    assert safety(seen) == "in memory only"
    asked: list[str] = []
    assert not close_window(seen, "Cancel", asked)
    assert asked == ["2 corrections of 'scene' are in memory only. They go with napari."]
    assert seen.dock.workspace.session is session  # nothing was touched

    # Saving that fails keeps it open, and says why.
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    told: list[str] = []

    def name(dialog: NameDialog) -> None:
        answer(QMessageBox, lambda box: (told.append(box.text()), box.accept()))
        name_folder(dialog, str(blocked / "x"))

    answer(NameDialog, name)
    assert not close_window(seen, "Save…", asked)
    assert told[0].startswith(f"{str(blocked / 'x.corrclip')!r} cannot be written (")
    assert safety(seen) == "in memory only"

    # Saved, it is not asked about; edited since, it is.
    answer(NameDialog, lambda dialog: name_folder(dialog, str(tmp_path / "scene")))
    seen.press(seen.dock.menu.save_button)
    assert safety(seen) == "saved ✓"
    decide(session)
    assert safety(seen) == "in memory only"
    session.undo()
    assert not close_window(seen, "Cancel", asked)
    assert len(asked) == 3
    answer(NameDialog, lambda dialog: dialog.accept())
    assert close_window(seen, "Save…", asked)
    loaded = Session.load(tmp_path / "scene.corrclip")
    np.testing.assert_array_equal(loaded.labels, session.labels)


def test_quitting_without_saving_is_asked_about_once(seen: Person) -> None:
    session = correct(seen)
    decide(session)
    other = CorrClipDock(seen.viewer)
    seen.viewer.window.add_dock_widget(other, name="another CorrCLIP")
    asked: list[str] = []
    assert close_window(seen, "Quit without saving", asked)
    assert len(asked) == 1
    other.cleanup()


def test_what_is_removed_with_its_image_is_asked_about_too(seen: Person, tmp_path: Path) -> None:
    """All layers selected and deleted: the session went with them, and nobody was asked."""
    session = correct(seen)
    decide(session)
    seen.viewer.layers.clear()
    QApplication.processEvents()
    assert seen.dock.workspace.session is None
    asked: list[str] = []
    assert not close_window(seen, "Cancel", asked)
    assert asked == ["1 correction of 'scene' is in memory only. It goes with napari."]
    answer(NameDialog, lambda dialog: name_folder(dialog, str(tmp_path / "scene")))
    assert close_window(seen, "Save…", asked)
    loaded = Session.load(tmp_path / "scene.corrclip")
    np.testing.assert_array_equal(loaded.labels, session.labels)


def test_what_is_saved_before_its_image_is_removed_is_neither_kept_nor_asked_about(
    seen: Person, tmp_path: Path
) -> None:
    session = correct(seen)
    decide(session)
    answer(NameDialog, lambda dialog: name_folder(dialog, str(tmp_path / "scene")))
    seen.press(seen.dock.menu.save_button)
    seen.viewer.layers.remove("regions")
    seen.viewer.layers.remove("scene")
    QApplication.processEvents()
    assert "asked about" not in seen.dock.status.text()
    assert seen.dock.workspace.only_in_memory(()) == []
    assert close_window(seen, "Cancel", [])


def test_an_image_that_comes_back_is_gone_on_with(seen: Person) -> None:
    """Deleted by mistake, and added again from the console: what was corrected is offered, and asked once."""
    session = correct(seen)
    decide(session)
    layer = seen.viewer.layers["scene"]
    seen.viewer.layers.clear()
    QApplication.processEvents()
    seen.viewer.add_layer(layer)
    seen.dock.reset_choices()
    seen.dock.image.layer = layer
    assert not seen.dock.restore_bar.isHidden()
    asked: list[str] = []
    assert not close_window(seen, "Cancel", asked)
    assert asked == ["1 correction of 'scene' is in memory only. It goes with napari."]
    seen.press(seen.dock.restore_bar.restore_button)
    assert seen.dock.workspace.session is session


def test_unloading_lets_go_of_what_has_no_image(seen: Person) -> None:
    session = correct(seen)
    decide(session)
    kept = weakref.ref(session)
    seen.viewer.layers.clear()
    QApplication.processEvents()
    (found,) = seen.dock.workspace.only_in_memory(())
    assert found.session is kept()
    session.engine = Held()  # type: ignore[assignment]
    seen.dock.controller.unload()
    assert session.engine is None


def test_two_docks_ask_each_for_what_is_its_own(seen: Person, tmp_path: Path) -> None:
    """The answer on what one dock has is none on what another has, nor on what lost its image."""
    one = correct(seen)
    decide(one)
    close_dock(seen, None)  # it is kept with its image
    again = CorrClipDock(seen.viewer)
    seen.viewer.window.add_dock_widget(again, name="CorrCLIP again")
    second = Person(seen.viewer, again, seen.qtbot)
    seen.viewer.layers.clear()
    QApplication.processEvents()
    two = correct(second)
    decide(two)
    decide(two)
    asked: list[str] = []
    names = iter(("first", "second"))
    for _ in range(2):
        answer(NameDialog, lambda dialog: name_folder(dialog, str(tmp_path / next(names))))
    assert close_window(second, "Save…", asked)
    assert asked == ["3 corrections of 'scene' are in memory only. They go with napari."]
    saved = [Session.load(path).labels for path in sorted(tmp_path.glob("*.corrclip"))]
    for session in (one, two):
        assert any(np.array_equal(labels, session.labels) for labels in saved)
    again.cleanup()
    again.quitting.stop()


def test_started_over_in_memory_the_old_one_is_asked_about(seen: Person) -> None:
    session = correct(seen)
    decide(session)
    seen.viewer.layers.remove("regions")
    seen.viewer.layers.remove("labels of scene")
    bar = seen.dock.restore_bar
    assert "in memory until napari is closed" in bar.anew_button.toolTip()
    seen.press(bar.anew_button)
    assert "stays in memory, and is asked about" in seen.dock.status.text()
    assert bar.isHidden()
    asked: list[str] = []
    assert not close_window(seen, "Cancel", asked)
    assert asked == ["1 correction of 'scene' is in memory only. It goes with napari."]


def test_nothing_is_asked_where_nothing_would_be_lost(seen: Person, tmp_path: Path) -> None:
    session = correct(seen, tmp_path / "scene.png")
    seen.qtbot.waitUntil(lambda: safety(seen) == "saved ✓", timeout=MINUTE)
    decide(session)
    assert safety(seen) == "saved ✓"
    assert session.source is not None
    assert has_session(journal_folder(session.source))
    other = correct(seen)  # in which nothing is done
    assert safety(seen) == "in memory only"
    assert not other.can_undo
    asked: list[str] = []
    assert close_window(seen, "Cancel", asked)
    assert asked == []


def test_a_full_disk_is_in_memory_only_until_it_takes_something(
    seen: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = correct(seen, tmp_path / "scene.png")
    seen.qtbot.waitUntil(lambda: safety(seen) == "saved ✓", timeout=MINUTE)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write_all", full)
        patch.setattr(log, "write_all", full)
        patch.setattr(journal, "create", full)
        decide(session)
        assert safety(seen) == "in memory only"
        assert "No space left" in seen.dock.line.safety.toolTip()
        asked: list[str] = []
        assert not close_window(seen, "Cancel", asked)
        assert asked == ["1 correction of 'scene' is in memory only. It goes with napari."]
    decide(session)
    seen.qtbot.waitUntil(lambda: safety(seen) == "saved ✓", timeout=MINUTE)
    assert close_window(seen, "Cancel", asked)
    assert len(asked) == 1


def close_dock(person: Person, button: str | None) -> None:
    place = person.dock.parent()
    assert isinstance(place, QDockWidget)
    asked: list[str] = []

    def reply(box: QMessageBox) -> None:
        asked.append(box.text())
        click_in(box, button or "Cancel")

    clock = answer(QMessageBox, reply)
    person.viewer.window.remove_dock_widget(place)
    person.qtbot.waitUntil(
        lambda: bool(asked) or (button is None and person.dock._closed), timeout=MINUTE
    )
    person.qtbot.wait(1)
    clock.stop()
    assert bool(asked) is (button is not None)


def test_the_dock_asks_for_what_goes_with_it_alone(seen: Person) -> None:
    session = correct(seen)
    decide(session)
    seen.viewer.layers.remove("scene")
    close_dock(seen, "Cancel")
    kept = seen.dock.parentWidget()
    assert isinstance(kept, QDockWidget)
    assert kept.objectName() == "CorrCLIP"  # under its name, by which napari finds it again
    assert seen.dock.workspace.session is session
    assert isinstance(seen.dock.parent(), QDockWidget)
    assert seen.dock.isVisible()
    decide(session)
    seen.agree()
    close_dock(seen, "Close without saving")
    assert seen.dock.workspace.session is None


def test_what_stays_with_its_image_is_asked_about_with_the_window(seen: Person) -> None:
    session = correct(seen)
    decide(session)
    close_dock(seen, None)
    asked: list[str] = []
    assert not close_window(seen, "Cancel", asked)
    assert asked == ["1 correction of 'scene' is in memory only. It goes with napari."]


def test_what_was_agreed_to_go_with_the_dock_is_not_asked_about_again(seen: Person) -> None:
    session = correct(seen)
    decide(session)
    seen.viewer.layers.remove("scene")
    close_dock(seen, "Close without saving")
    assert close_window(seen, "Cancel", [])
