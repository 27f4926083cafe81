"""What a person prefers: kept by napari, chosen in its preferences or in the dock, and obeyed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import napari.settings
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QLabel, QLineEdit

from napari_corrclip.annotation.encoded_cache import FEATURES, GIB
from napari_corrclip.gui import preferences as configuration
from napari_corrclip.gui.dock import FIRST, CorrClipDock
from napari_corrclip.gui.model.resources import Resources
from napari_corrclip.gui.preferences import DEFAULTS, PLUGIN
from napari_corrclip.vocabulary.palette import Color, Palette, default_color
from napari_corrclip.weights.cache import cache_folder, is_offline
from tests.gui.person import Person, answer

needs_settings = pytest.mark.skipif(
    not hasattr(napari.settings, "get_plugin_settings"), reason="napari < 0.9 keeps none"
)
VARIABLES = (
    "NAPARI_CORRCLIP_CACHE", "NAPARI_CORRCLIP_OFFLINE", "HF_HUB_OFFLINE",
    "NAPARI_CORRCLIP_FEATURE_CACHE",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def kept() -> Any:
    """napari's settings of the plugin, read anew from the file as another process would."""
    napari.settings._clear_plugin_settings_cache()
    return napari.settings.get_plugin_settings(PLUGIN)


@pytest.fixture
def storage(person: Person) -> Resources:
    person.dock.model.open_advanced()
    return person.dock.model.advanced.resources


@needs_settings
def test_the_manifest_has_the_defaults() -> None:
    settings = kept()
    for (group, name), value in DEFAULTS.items():
        assert getattr(getattr(settings, group), name) == value


def test_without_settings_nothing_is_said_and_the_defaults_count(person: Person) -> None:
    assert person.dock.status.text() == FIRST
    assert person.dock.model.preset.currentText() == "demo"
    assert person.dock.model.device.device == "auto"
    assert cache_folder().name == "napari-corrclip"
    assert not is_offline()
    assert FEATURES.limit == 2 * GIB


@needs_settings
def test_the_next_dock_takes_what_was_set(
    make_napari_viewer: Callable[..., napari.Viewer], tmp_path: Path
) -> None:
    settings = kept()
    settings.weights.folder = str(tmp_path / "weights")
    settings.weights.offline = True
    settings.memory.feature_cache_gib = 0.5
    settings.start.preset = "lite"
    settings.start.device = "cpu"
    napari.settings._clear_plugin_settings_cache()
    dock = CorrClipDock(make_napari_viewer())
    assert cache_folder() == tmp_path / "weights"
    assert is_offline()
    assert FEATURES.limit == GIB // 2
    assert dock.model.preset.currentText() == "lite"
    assert dock.model.device.device == "cpu"
    assert dock.model.choice.recipe.name == "lite"
    shown = dock.model.advanced.resources
    assert shown.limit.value() == 0.5
    assert shown.folder.path == str(tmp_path / "weights")
    dock.cleanup()
    dock.deleteLater()


@needs_settings
def test_the_environment_wins_and_the_dock_says_so(
    make_napari_viewer: Callable[..., napari.Viewer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = kept()
    settings.weights.folder = str(tmp_path / "set")
    settings.weights.offline = True
    settings.memory.feature_cache_gib = 0.5
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "named"))
    monkeypatch.setenv("NAPARI_CORRCLIP_OFFLINE", "0")
    monkeypatch.setenv("NAPARI_CORRCLIP_FEATURE_CACHE", "4")
    dock = CorrClipDock(make_napari_viewer())
    assert cache_folder() == tmp_path / "named"
    assert not is_offline()
    assert FEATURES.limit == 4 * GIB
    shown = dock.model.advanced.resources
    assert shown.folder.path == str(tmp_path / "named")
    assert not shown.choose_button.isEnabled()
    assert "NAPARI_CORRCLIP_CACHE names the folder" in shown.choose_button.toolTip()
    assert "Set by NAPARI_CORRCLIP_CACHE" in shown.folder.toolTip()
    assert shown.limit.value() == 4
    assert not shown.limit.isEnabled()
    assert "Set by NAPARI_CORRCLIP_FEATURE_CACHE" in shown.limit.toolTip()
    dock.cleanup()
    dock.deleteLater()


@needs_settings
def test_a_preset_that_there_is_not_is_said(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> None:
    kept().start.preset = "vit-z"
    dock = CorrClipDock(make_napari_viewer())
    assert dock.status.text() == (
        "There is no preset 'vit-z', which the preferences name; choose one here."
    )
    assert dock.model.preset.currentText() == "demo"
    dock.cleanup()
    dock.deleteLater()


@needs_settings
def test_a_device_that_there_is_not_is_said_by_the_run(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> None:
    kept().start.device = "cuda:9"
    viewer = make_napari_viewer()
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    assert dock.model.device.currentText() == "cuda:9"
    there = Person(viewer, dock, qtbot)
    there.press(dock.bar.demo_button)
    there.wait()
    assert "cuda:9" in dock.status.text()
    dock.cleanup()


def test_a_limit_of_the_environment_that_is_none_is_said(
    make_napari_viewer: Callable[..., napari.Viewer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_FEATURE_CACHE", "lots")
    dock = CorrClipDock(make_napari_viewer())
    assert "NAPARI_CORRCLIP_FEATURE_CACHE is 'lots'; give the limit" in dock.status.text()
    assert FEATURES.limit == 2 * GIB
    dock.cleanup()
    dock.deleteLater()


def test_the_limit_is_typed_counts_at_once_and_is_kept(person: Person, storage: Resources) -> None:
    person.press(person.dock.bar.demo_button)
    person.wait()
    storage.refresh()
    assert "in use" in storage.used.text()
    assert not storage.used.text().startswith("0 MiB")
    line = storage.limit.lineEdit()
    assert line is not None
    line.selectAll()
    person.qtbot.keyClicks(line, "0")
    person.qtbot.keyClick(line, Qt.Key.Key_Return)
    assert FEATURES.limit == 0
    assert FEATURES.nbytes == 0
    assert storage.used.text() == "0 MiB in use"
    person.type("purple")
    assert person.dock.status.text() == "Press Run to look for these classes."
    if configuration.is_kept():
        assert kept().memory.feature_cache_gib == 0


def test_the_wheel_changes_no_limit(person: Person, storage: Resources) -> None:
    before = storage.limit.value()
    at = QPointF(storage.limit.rect().center())
    event = QWheelEvent(
        at, QPointF(storage.limit.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(storage.limit, event)
    assert storage.limit.value() == before


def test_a_folder_is_chosen_in_the_dialog_and_runs_take_it(
    person: Person, storage: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Qt's own dialog, which can be filled in, and not that of the desktop.
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs, True)
    folder = tmp_path / "weights"
    folder.mkdir()
    seen: list[str] = []

    def fill(dialog: QFileDialog) -> None:
        seen.append(dialog.windowTitle())
        line = dialog.findChild(QLineEdit, "fileNameEdit")
        assert line is not None
        line.setText(str(folder))
        person.qtbot.keyClick(line, Qt.Key.Key_Return)

    answer(QFileDialog, fill)
    person.press(storage.choose_button)
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs, False)
    assert seen == ["Folder of weights"]
    assert person.dock.status.text() == f"Weights are kept in {str(folder)!r} from now on."
    assert storage.folder.path == str(folder)
    assert "GB free" in storage.free.text()
    assert cache_folder() == folder
    if configuration.is_kept():
        assert kept().weights.folder == str(folder)
    person.press(person.dock.bar.demo_button)
    person.wait()
    assert list((folder / "text").rglob("*.npy"))  # what the text tower read is kept there
    assert storage.default_button.isVisibleTo(storage)
    person.press(storage.default_button)
    assert cache_folder().name == "napari-corrclip"
    assert not storage.default_button.isVisibleTo(storage)
    if configuration.is_kept():
        assert kept().weights.folder == ""


def test_a_folder_that_cannot_be_written_is_refused(
    person: Person, storage: Resources, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    before = cache_folder()
    storage.choose(str(tmp_path / "file" / "weights"))
    text = person.dock.status.text()
    assert text.startswith("Weights cannot be written to")
    assert "Not a directory); choose another folder." in text
    assert cache_folder() == before
    if configuration.is_kept():
        assert kept().weights.folder == ""


@needs_settings
def test_a_setting_that_cannot_be_kept_counts_now(
    person: Person, storage: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    napari.settings._clear_plugin_settings_cache()
    monkeypatch.setattr(napari.settings, "_CFG_PATH", str(tmp_path / "file" / "settings.yaml"))
    folder = tmp_path / "weights"
    storage.choose(str(folder))
    assert cache_folder() == folder
    assert "counts now but not at the next start" in person.dock.status.text()


@needs_settings
def test_a_plugin_that_is_disabled_has_the_defaults(
    make_napari_viewer: Callable[..., napari.Viewer], tmp_path: Path, npe2pm: Any
) -> None:
    # napari's and npe2's fixtures hide what is installed: as a plugin that napari does not know.
    napari.settings._clear_plugin_settings_cache()
    assert not configuration.is_kept()
    assert configuration.setting("memory", "feature_cache_gib") == 2.0
    configuration.choose_folder(str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    storage = Resources()
    storage.refresh()
    assert "does not keep it" in storage.choose_button.toolTip()
    storage.deleteLater()


@needs_settings
def test_napari_shows_and_changes_them_in_its_preferences(
    make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot
) -> None:
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog

    settings = kept()
    viewer = make_napari_viewer()
    dialog = PreferencesDialog(viewer.window._qt_window)
    pages = [dialog._list.item(row).text() for row in range(dialog._list.count())]
    assert "CorrCLIP" in pages
    page = dialog._stack.widget(pages.index("CorrCLIP"))
    assert page is not None
    titles = [label.text() for label in page.findChildren(QLabel)]
    assert "Feature cache (GiB)" in titles
    (folder,) = [
        line for line in page.findChildren(QLineEdit) if line.text() == settings.weights.folder
    ][:1]
    folder.setText("/somewhere")
    assert "Colours of new classes" in titles
    (palettes,) = [
        box
        for box in page.findChildren(QComboBox)
        if [box.itemText(row) for row in range(box.count())] == [*Palette]
    ]
    assert palettes.currentText() == Palette.DISTINCT
    palettes.setCurrentText(Palette.FORMER)
    dialog.accept()
    assert kept().weights.folder == "/somewhere"
    assert configuration.palette_of_new_classes() is Palette.FORMER
    dialog.deleteLater()


@needs_settings
def test_new_classes_alone_get_the_colours_that_are_chosen(person: Person, tmp_path: Path) -> None:
    def colors() -> list[Color]:
        words = person.dock.words.vocabulary
        assert words is not None
        return [class_.color for class_ in words]

    person.type("cat")
    person.dock.words.save(tmp_path / "saved.yaml")
    kept().colours.palette = "former"
    person.type("dog")
    mixed = [default_color(1), default_color(2, palette=Palette.FORMER)]
    assert colors() == mixed
    # What was saved comes back as it was; the classes of a list and of a text are new.
    person.dock.words.load(tmp_path / "saved.yaml", replace=True)
    assert colors() == mixed[:1]
    person.dock.words.load_benchmark("voc20", replace=True)
    assert colors() == [default_color(value, palette=Palette.FORMER) for value in range(1, 21)]
    (tmp_path / "typed.txt").write_text("cat\ndog #f00\n")
    person.dock.words.load(tmp_path / "typed.txt", replace=True)
    assert colors() == [(230, 60, 60), (255, 0, 0)]
    kept().colours.palette = "distinct"
    person.type("sky")
    assert colors() == [(230, 60, 60), (255, 0, 0), default_color(3)]


def test_without_settings_new_classes_are_told_apart(person: Person) -> None:
    assert configuration.palette_of_new_classes() is Palette.DISTINCT
