"""A session that lies in a folder, loaded from the menu beside Run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

import napari_corrclip as nc
from napari_corrclip.annotation import (
    Session,
    Source,
    has_session,
    journal_folder,
    restore,
)
from napari_corrclip.cli.app import run as command
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.progress import Progress
from tests.gui.person import MINUTE, Person, answer, click_in

WORDS = "red, green, blue"
SCENE = generate_scene(7).image
CROP = (10, 20, 90, 120)


@dataclass
class Loader(Person):
    """Somebody who chooses folders in the dialog, which cannot be driven itself."""

    folders: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def session(self) -> Session:
        return self.dock.session

    def trigger(self) -> None:
        """Choose the entry of the menu."""
        self.dock.menu.load_button.click()

    @property
    def said(self) -> str:
        return self.dock.status.text()

    def load(self, folder: Path | str, button: str | None = None) -> None:
        """Choose a folder; the question, if there is to be one, is answered by a button."""
        self.folders.append(str(folder))
        self.asked.clear()
        before = self.dock.workspace.session
        clock = answer(QMessageBox, lambda box: self._reply(box, button))
        self.trigger()
        self.wait()
        if button is not None:
            self.qtbot.waitUntil(lambda: bool(self.asked), timeout=MINUTE)
            self.qtbot.waitUntil(lambda: QApplication.activeModalWidget() is None, timeout=MINUTE)
        clock.stop()
        assert (button is None) == (not self.asked)
        if button == "Cancel":
            assert self.dock.workspace.session is before

    def _reply(self, box: QMessageBox, button: str | None) -> None:
        self.asked.append(box.text())
        click_in(box, button or "Cancel")

    def add(self, image: np.ndarray, **how: object) -> None:
        self.dock.image.layer = self.viewer.add_image(image, **how)
        self.dock.model.regions.setCurrentText("superpixels")

    def open(self, path: Path) -> None:
        (layer,) = self.viewer.open(str(path), plugin="napari")
        self.dock.reset_choices()
        self.dock.image.layer = layer
        self.dock.model.regions.setCurrentText("superpixels")

    def shows(self, saved: Session) -> None:
        """What is corrected is as it was saved, in the layers too."""
        np.testing.assert_array_equal(self.session.labels, saved.labels)
        np.testing.assert_array_equal(self.session.regions, saved.regions)
        assert self.dock.words.vocabulary == saved.vocabulary == self.session.vocabulary
        self.agree()


@pytest.fixture
def loader(person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Loader:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    found = Loader(person.viewer, person.dock, person.qtbot)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: found.folders.pop(0))
    return found


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The scene, segmented by the demo networks, with two steps of corrections."""
    session = nc.annotate(SCENE, WORDS, regions="superpixels", progress=False)
    session.assign(session.ids[:4].tolist(), "blue")
    session.ignore(session.ids[4:6].tolist())
    return session


@pytest.fixture
def saved(corrected: Session, tmp_path: Path) -> Path:
    corrected.save(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    iio.imwrite(tmp_path / "scene.png", SCENE)
    return tmp_path / "scene.png"


def of_source(corrected: Session, folder: Path, source: Source | None) -> Path:
    """Save the session as one of another source."""
    corrected.save(folder)
    other = Session.load(folder, SCENE)
    other.source = source
    other.save(folder)
    return folder


def test_a_loaded_session_goes_on_with_its_history(
    loader: Loader, corrected: Session, saved: Path
) -> None:
    loader.add(SCENE, name="scene", rgb=True, scale=(0.5, 0.5))
    loader.load(saved)
    count = len(corrected.ids)
    assert loader.said == f"Loaded {count} regions and 2 steps."
    assert loader.names() == ["scene", "labels", "regions"]
    loader.shows(corrected)
    assert loader.dock.layers is not None
    assert tuple(loader.dock.layers.labels.scale) == (0.5, 0.5)
    session = loader.session
    first = int(session.ids[0])
    for _ in range(2):
        loader.press(loader.dock.correct.undo_button)
        loader.agree()
    assert session.region(first).verdict is None
    assert not session.can_undo
    for _ in range(2):
        loader.press(loader.dock.correct.redo_button)
    loader.shows(corrected)
    # The networks come with the next run, which goes into this session.
    loader.press(loader.dock.bar.run_button)
    loader.wait()
    assert loader.session is session
    assert session.engine is not None
    verdict = session.region(first).verdict
    assert verdict is not None
    loader.type("wood")
    loader.wait()
    assert session.vocabulary.names[-1] == "wood"
    loader.agree()

    # What is in memory only is asked about.
    labels = session.labels.copy()
    loader.load(saved, "Cancel")
    assert loader.asked[0].startswith("4 steps of what was corrected are kept in memory only.")
    assert loader.said == "Nothing was loaded; what is corrected is as it was."
    assert loader.names() == ["scene", "labels", "regions"]
    np.testing.assert_array_equal(session.labels, labels)
    loader.agree()

    loader.load(saved, "Load")
    assert loader.said.startswith("Loaded ")
    assert loader.names() == [
        "scene", "labels of scene", "regions of scene", "labels", "regions"
    ]  # fmt: skip
    np.testing.assert_array_equal(loader.viewer.layers["labels of scene"].data, labels)
    loader.shows(corrected)
    session.undo()  # whoever holds it from the console changes nothing that is shown
    loader.shows(corrected)


def test_what_stays_with_another_image_is_not_asked_about(
    loader: Loader, corrected: Session, saved: Path
) -> None:
    loader.add(generate_scene(8).image, name="other", rgb=True)
    loader.type(WORDS)
    former = loader.run()
    former.assign(former.ids[:2].tolist(), "green")
    loader.add(SCENE, name="scene", rgb=True)
    loader.load(saved)
    loader.shows(corrected)
    loader.dock.image.layer = loader.viewer.layers["other"]
    loader.press(loader.dock.restore_bar.restore_button)
    assert loader.session is former
    loader.agree()


def test_what_the_journal_keeps_is_put_aside(
    loader: Loader, corrected: Session, saved: Path, scene: Path
) -> None:
    def aside() -> Path:
        """Where the last sentence says that the former corrections lie."""
        lie = [
            path
            for path in (scene.parent / "sessions").iterdir()
            if "." in path.name and has_session(path) and repr(str(path)) in loader.said
        ]
        assert len(lie) == 1
        assert loader.said.endswith(
            f"The former corrections lie in {str(lie[0])!r} now; Export > Load session… opens them."
        )
        return lie[0]

    loader.open(scene)
    loader.load(saved)
    former = loader.session
    former.assign(former.ids[:2].tolist(), "green")
    labels = former.labels.copy()
    loader.load(saved)  # over what is open
    first = aside()
    np.testing.assert_array_equal(restore(first).labels, labels)
    loader.shows(corrected)
    # What is done now is kept as the image's.
    loader.session.assign(loader.session.ids[7:9].tolist(), "red")
    source, other = loader.session.source, loader.session.labels.copy()
    assert source is not None
    assert source.path == str(scene.resolve())
    np.testing.assert_array_equal(restore(journal_folder(source)).labels, other)
    assert len(loader.session.history.done) == 3

    loader.viewer.layers.clear()
    loader.open(scene)
    assert not loader.dock.restore_bar.isHidden()
    assert loader.dock.workspace.session is None
    # Over what is offered. And what lies aside can be loaded: a journal is a session, too.
    loader.load(first)
    np.testing.assert_array_equal(restore(aside()).labels, other)
    assert loader.dock.restore_bar.isHidden()
    np.testing.assert_array_equal(loader.session.labels, labels)
    loader.agree()


def test_what_cannot_be_loaded_is_said(loader: Loader, saved: Path, tmp_path: Path) -> None:
    def not_asked() -> None:
        loader.folders.append("not asked for")
        loader.trigger()
        assert loader.folders.pop() == "not asked for"

    not_asked()
    assert loader.said == "There is no image; open one, or try the demo."

    loader.add(SCENE[:100, :90], name="small", rgb=True)
    before = loader.said
    loader.load("")  # the dialog was cancelled
    assert loader.said == before

    loader.load(saved)
    rows, columns = SCENE.shape[:2]
    assert loader.said == (
        f"The session is of {rows} × {columns} pixels, and 'small' has 100 × 90; "
        "choose the image that it was saved of, and the same part of it."
    )

    (tmp_path / "empty").mkdir()
    loader.load(tmp_path / "empty")
    assert loader.said.startswith(
        f"There is no session in {str(tmp_path / 'empty')!r} (No such file"
    )
    assert "give a folder that a session was saved to" in loader.said

    state = saved / "session.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    loader.load(saved)
    assert loader.said.startswith(f"The session in {str(saved)!r} is damaged")
    assert loader.dock.workspace.session is None
    assert loader.names() == ["small"]

    # Loading can be cancelled, and stops no run.
    loader.add(SCENE, name="scene", rgb=True)
    loader.folders.append(str(saved))
    loader.trigger()
    loader.press(loader.dock.bar.cancel_button)
    loader.wait()
    assert loader.said == "Cancelled; nothing was changed."
    assert loader.names() == ["small", "scene"]
    loader.type(WORDS)
    loader.press(loader.dock.bar.run_button)
    not_asked()
    assert loader.said == "Something is at work; wait for it or cancel it, then load the session."
    loader.wait()
    loader.agree()


def test_a_session_of_another_file_of_a_changed_one_and_of_none(
    loader: Loader, corrected: Session, scene: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    iio.imwrite(other, SCENE)
    folder = of_source(corrected, tmp_path / "of other", Source.of(other))
    loader.open(scene)
    loader.load(folder)
    assert loader.said == (
        f"The session belongs to {str(other)!r}, not to {str(scene)!r}; open it with its own image."
    )
    assert loader.dock.workspace.session is None

    loader.open(other)
    iio.imwrite(other, SCENE, compression=1)
    loader.load(folder)
    assert loader.said == "Loaded 162 regions and 2 steps."  # its pixels are the same
    loader.shows(corrected)

    # On a layer without a file, nothing is kept as if it were one.
    source = Source.of(scene)
    folder = of_source(corrected, tmp_path / "of a file", source)
    loader.add(SCENE[::-1], name="turned", rgb=True)
    loader.load(folder, "Cancel")
    assert loader.said == "Nothing was loaded; what is corrected is as it was."
    loader.load(folder, "Load all the same")
    assert "The session was corrected on other pixels than 'turned' has" in loader.asked[0]
    assert "The image has other pixels than the one that was corrected" in loader.said
    loader.session.assign(loader.session.ids[:1].tolist(), "red")
    assert not has_session(journal_folder(source))
    loader.agree()


def test_a_session_of_a_part_finds_its_part(loader: Loader, scene: Path, tmp_path: Path) -> None:
    loader.open(scene)
    top, left, bottom, right = CROP
    part = SCENE[top:bottom, left:right]
    made = nc.annotate(part, WORDS, regions="superpixels", progress=False)
    made.source = Source.of(scene).part(CROP)
    made.assign(made.ids[:2].tolist(), "green")
    made.save(tmp_path / "part")
    loader.load(tmp_path / "part")
    loader.shows(made)
    assert loader.dock.layers is not None
    assert tuple(loader.dock.layers.labels.translate) == (top, left)
    np.testing.assert_array_equal(loader.session.image, part)


def test_a_plane_of_a_stack(loader: Loader, corrected: Session, tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    gray = SCENE.mean(axis=-1).astype(np.uint8)
    tifffile.imwrite(path, np.stack([gray, gray[::-1], gray]), photometric="minisblack")
    folder = of_source(corrected, tmp_path / "plane", Source.of(path, slice=(1,)))
    loader.open(path)
    stack = loader.dock.image.layer
    loader.viewer.dims.set_point(0, 0)
    loader.load(folder)
    assert loader.said == (
        "The session is of plane 1 of 0–2 along axis 0; move the slider there, and load it again."
    )
    loader.viewer.dims.set_point(0, 1)

    def leave(event: Progress) -> None:
        """Between the two parts of the work: the image has been chosen, and is being read."""
        if event.stage == "read the image":
            loader.viewer.dims.set_point(0, 0)

    loader.dock.controller.progressed.connect(leave)
    loader.load(folder)
    assert loader.said == (
        "The slider has left 'stack', plane 1 of 0–2 along axis 0; move it back, and load the session "
        "again."
    )
    assert loader.dock.workspace.session is None
    loader.dock.controller.progressed.disconnect(leave)
    loader.viewer.dims.set_point(0, 1)
    loader.load(folder)
    loader.shows(corrected)
    picture = loader.dock.workspace.picture
    assert picture is not None
    assert (picture.layer, picture.where) == (stack, (1,))
    # It comes and goes with its plane, like any other.
    loader.session.assign(loader.session.ids[7:9].tolist(), "red")
    labels = loader.session.labels.copy()
    loader.viewer.dims.set_point(0, 0)
    loader.qtbot.waitUntil(lambda: loader.dock.layers is None, timeout=MINUTE)
    loader.viewer.dims.set_point(0, 1)
    loader.qtbot.waitUntil(lambda: loader.dock.layers is not None, timeout=MINUTE)
    np.testing.assert_array_equal(loader.session.labels, labels)
    loader.agree()


def test_a_result_is_asked_about_on_any_image_but_its_own(
    loader: Loader, scene: Path, tmp_path: Path
) -> None:
    said = ["--classes", WORDS, "--regions", "superpixels", "-o", str(tmp_path / "out")]
    assert command(["segment", str(scene), *said]) == 0
    (folder,) = {found.parent for found in (tmp_path / "out").rglob("provenance.json")}
    other = tmp_path / "other.png"
    iio.imwrite(other, SCENE[::-1])
    loader.open(other)
    loader.load(folder, "Cancel")
    assert loader.asked[0].startswith(
        f"The result is of {str(scene)!r} as it was then, and nothing proves that 'other' is that image."
    )
    assert loader.said == "Nothing was loaded; what is corrected is as it was."

    loader.open(scene)
    loader.load(folder)
    np.testing.assert_array_equal(loader.session.labels, nc.Segmentation.load(folder).labels)
    loader.viewer.layers.clear()
    iio.imwrite(scene, SCENE[::-1])  # where it lay, there is another image now
    loader.open(scene)
    loader.load(folder, "Cancel")

    # One that knows no image is asked about, too.
    result = nc.Segmentation.load(folder)
    nothing = replace(result.provenance, image="", image_digest="", image_position="")
    bare = replace(result, provenance=nothing)
    bare.save(tmp_path / "bare")
    loader.load(tmp_path / "bare", "Load all the same")
    assert loader.asked[0].startswith("The result does not say of which image it is.")
    np.testing.assert_array_equal(loader.session.labels, bare.labels)


def test_it_is_the_image_that_was_chosen_whatever_is_chosen_meanwhile(
    loader: Loader, saved: Path, corrected: Session
) -> None:
    loader.add(SCENE[::-1], name="another", rgb=True)
    loader.add(SCENE, name="scene", rgb=True)
    loader.folders.append(str(saved))
    loader.trigger()
    loader.dock.image.layer = loader.viewer.layers["another"]
    loader.wait()
    picture = loader.dock.workspace.picture
    assert picture is not None
    assert picture.layer is loader.viewer.layers["scene"]
    assert "hidden until 'scene' is chosen again" in loader.said
    loader.dock.image.layer = loader.viewer.layers["scene"]
    loader.shows(corrected)
