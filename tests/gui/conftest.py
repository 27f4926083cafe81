"""What tests of the window share: a viewer, somebody before it, and nothing of former tests."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# A widget that outlives its viewer fails the test; read when the first viewer is made.
os.environ.setdefault("NAPARI_STRICT_QT", "1")
# Settings of napari are not those of whoever runs the tests. Read when napari is imported.
os.environ["NAPARI_CONFIG"] = f"{tempfile.mkdtemp(prefix='settings-of-napari-')}/settings.yaml"

import napari
import napari.settings
import pytest
from npe2 import PluginManager
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.annotation import Session
from napari_corrclip.annotation.encoded_cache import FEATURES
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.layers.session_layers import SessionLayers
from napari_corrclip.weights.cache import PREFERENCES
from tests.annotation.images import small_result
from tests.forms import short
from tests.gui.gates import Gate, at_stage
from tests.gui.person import Person, User, answer_no_more, delete_now, start, threads_end
from tests.gui.stacks import planes, ready
from tests.gui.window import SIDE, Window, hearing

atexit.register(shutil.rmtree, Path(os.environ["NAPARI_CONFIG"]).parent, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _libraries() -> None:
    prepare_imports()  # some tests import torch when others have drawn
    import napari._qt.qt_viewer  # noqa: F401

    gc.collect()


@pytest.fixture(autouse=True)
def _nobody_answers_for_the_next_test() -> Iterator[None]:
    yield
    answer_no_more()


@pytest.fixture(scope="session", autouse=True)
def _plugins_are_looked_for_once() -> Iterator[None]:
    """Every viewer reads the manifests of all that is installed again, a tenth of a test's time."""
    found: list[int] = []
    discover = PluginManager.discover

    def once(*args: Any, **options: Any) -> int:
        if not found:
            found.append(discover(*args, **options))
        return found[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManager, "discover", once)
        yield


@pytest.fixture(autouse=True)
def _old_objects_are_left_alone(_libraries: None) -> None:
    """Take all that is there by now (libraries, what other tests left) out of garbage collection.

    napari's fixture collects several times a test; looking through torch and what it brings each time takes
    longer than most tests. What is garbage by now would be frozen with the rest, and stay for ever.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_preferences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Read and write settings of plugins in a folder of the test's own, and forget them after it.

    napari's fixture for that, ``plugin_settings``, hides installed plugins; and this one is to be there.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("folder", "offline"):
            patch.setattr(PREFERENCES, name, getattr(PREFERENCES, name))
        for name in ("_limit", "preferred"):
            patch.setattr(FEATURES, name, getattr(FEATURES, name))
        patch.setattr(FEATURES, "_kept", [])  # what other tests left is not counted
        forget = getattr(napari.settings, "_clear_plugin_settings_cache", None)  # napari >= 0.9
        if forget is None:
            yield
            return
        place = tmp_path_factory.mktemp("preferences") / "settings.yaml"
        patch.setattr(napari.settings, "_CFG_PATH", str(place))
        forget()
        yield
        forget()


@pytest.fixture
def make_napari_viewer(
    make_napari_viewer: Callable[..., napari.Viewer],
) -> Iterator[Callable[..., napari.Viewer]]:
    """napari's own, with what was to be deleted deleted before it looks for leaks.

    An event loop that runs does so; that of a test has ended.
    """
    yield make_napari_viewer
    delete_now()


@pytest.fixture
def window(make_napari_viewer: Callable[..., napari.Viewer]) -> Iterator[Window]:
    result, image = small_result((SIDE, SIDE))
    viewer = make_napari_viewer(show=True)
    viewer.add_image(image, rgb=True)
    session = Session(result, image)
    told: list[str] = []
    layers = SessionLayers(viewer, session, tell=hearing(told))
    window = Window(viewer, session, layers, told)
    window.settle()
    viewer.reset_view()
    QApplication.processEvents()
    yield window
    layers.close()


@pytest.fixture
def mode(window: Window) -> Iterator[CorrectMode]:
    mode = CorrectMode(window.viewer, window.layers, window.tell)
    mode.start()
    window.viewer.layers.selection.active = window.layers.labels
    yield mode
    mode.stop()


@pytest.fixture
def person(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[Person]:
    viewer = make_napari_viewer()
    dock = CorrClipDock(viewer)
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    yield Person(viewer, dock, qtbot)
    dock.cleanup()
    # The thread of an abandoned job must be gone before the next test begins.
    threads_end(qtbot)


@pytest.fixture
def on_screen(make_napari_viewer: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[Person]:
    """Somebody who sees the window; nobody but the dock itself cleans up."""
    viewer = make_napari_viewer(show=True)
    dock = CorrClipDock(viewer)
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    viewer.window.add_dock_widget(dock, name="CorrCLIP")
    yield Person(viewer, dock, qtbot)
    if not gone:
        dock.deleteLater()
        delete_now()
    threads_end(qtbot)


@pytest.fixture
def user(make_napari_viewer_proxy: Callable[..., napari.Viewer], qtbot: QtBot) -> Iterator[User]:
    """Somebody with a whole window, in which there is nothing yet."""
    user = start(make_napari_viewer_proxy(show=True), qtbot)
    yield user
    user.dock.cleanup()
    user.dock.deleteLater()
    delete_now()
    threads_end(qtbot)


@pytest.fixture
def stack(person: Person) -> Person:
    """A stack without a file, moved and scaled, with the slider on its plane 0."""
    person.viewer.add_image(
        planes(), rgb=True, name="stack", scale=(2, 0.5, 0.5), translate=(10, 3, 4)
    )
    ready(person)
    return person


@pytest.fixture(params=short("load the networks", "windows", rest=("regions", "text")))
def barrier(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gate]:
    """A stage at which every run is held."""
    # Words that are cached would need no stage of their own.
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path_factory.mktemp("cache")))
    gate = at_stage(monkeypatch, request.param)
    yield gate
    gate.open()
