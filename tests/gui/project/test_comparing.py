"""Two people's projects compared in the window of one: figures, and the other's labels over an image."""

from __future__ import annotations

import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.gui.comparing.window import CompareWindow
from napari_corrclip.gui.pages import Page
from napari_corrclip.project.project import Project
from tests.gui.hand import click_at, turn_to
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import name_shown, shown
from tests.project.joining.annotators import WORDS, annotate, copied, drawn, run_set, with_errors
from tests.project.small import RECIPE

pytestmark = pytest.mark.canvas


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann's and Bo's projects of three small scenes, a second look at Ann's, and one of other images."""
    base = tmp_path_factory.mktemp("two")
    ann = run_set(base, Segmenter.from_recipe(RECIPE)).rename(base / "ann.corrclip-project")
    bo = copied(ann, "bo")
    annotate(ann, with_errors(drawn, 0.1, 1), "Ann")
    annotate(bo, with_errors(drawn, 0.3, 2), "Bo")
    with Project.open(ann) as project:
        project.sample(2, base / "look", progress=False)
    annotate(base / "look.corrclip-project", with_errors(drawn, 0.2, 3), "Cy")
    (base / "others").mkdir()
    iio.imwrite(base / "others" / "9.png", generate_scene(9).image[:50, :50])
    Project.create(base / "other", WORDS, base / "others", recipe=RECIPE).close()
    return base


@pytest.fixture
def here(base: Path, tmp_path: Path) -> Path:
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    return tmp_path


def begin(person: Person, folder: Path) -> Project:
    person.dock.open_project(str(folder))
    project = shown(person)
    if any(item.regions for item in project):
        person.qtbot.waitUntil(lambda: person.dock.workspace.session is not None, timeout=MINUTE)
    turn_to(person, Page.IMAGES)
    return project


def compare(person: Person, other: Path, monkeypatch: pytest.MonkeyPatch) -> CompareWindow:
    """Press the button, choose a folder, and wait."""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(other))
    click_at(person, person.dock.projects.panel.compare_button)
    window = person.dock.compare
    person.qtbot.waitUntil(lambda: not window._jobs.running, timeout=MINUTE)
    return window


def again(person: Person, window: CompareWindow) -> None:
    person.qtbot.waitUntil(lambda: not window._jobs.running, timeout=MINUTE)


def entries(window: CompareWindow) -> list[str]:
    found = [window.list.item(row) for row in range(window.list.count())]
    return [entry.text().strip() for entry in found if entry is not None]


def ours_beside(person: Person) -> list[Labels]:
    return [layer for layer in person.viewer.layers if layer.name.startswith(("ann: ", "bo: "))]


def wait_for_layers(person: Person, number: int = 2) -> None:
    person.qtbot.waitUntil(lambda: len(ours_beside(person)) == number, timeout=MINUTE)


def test_a_comparison_is_told_and_leads_to_the_images(
    person: Person, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(person, here / "ann.corrclip-project")
    window = compare(person, here / "bo.corrclip-project", monkeypatch)
    with Project.open(here / "ann") as ann, Project.open(here / "bo") as bo:
        expected = ann.compare(bo, progress=False)
        worst = expected.worst_first()
        beside = [ann.labels_beside(bo, image) for image in worst]
    said = window.text.text().splitlines()
    assert said[0].startswith("ann and bo: 3 images compared, ")
    assert said[1].startswith(f"pixels: κ {expected.pixels.kappa:.3f} (95 % ")
    assert said[1].endswith(
        f"{expected.pixels.share:.1%} agree ({expected.pixels.agreed:,} of {expected.pixels.total:,})"
    )
    assert said[2].startswith(f"regions: κ {expected.regions.kappa:.3f} ")
    assert entries(window) == [
        f"{image.share:.1%}  {image.title.rpartition('/')[2]}" for image in worst
    ]
    assert not window.bar.isVisible()
    # The least agreed class first; each row of the confusion is all of a class.
    ious = [float(window.classes.item(row, 0).text()) for row in range(3)]
    assert ious == sorted(np.round(expected.pixels.iou, 3).tolist())
    columns = window.confusion.columnCount()
    assert columns == 3
    counts = expected.pixels.counts[1:-1, 1:-1]
    for row in range(3):
        shares = [float(window.confusion.item(row, at).text() or 0) for at in range(columns)]
        np.testing.assert_allclose(shares, 100 * counts[row] / counts[row].sum(), atol=0.06)
    assert f"red by ann, blue by bo: {counts[0, 1]:,} of " in window.confusion.item(0, 1).toolTip()

    # Enter opens the most different image, with Bo's labels, and where they differ, over it.
    active = person.viewer.layers.selection.active
    QTest.keyClick(window.list, Qt.Key.Key_Return)
    wait_for_layers(person)
    shown(person)
    title = worst[0].title.rpartition("/")[2]
    assert name_shown(person) == title.removesuffix(".png")
    labels, differs = ours_beside(person)
    assert (labels.name, differs.name) == ("bo: labels", "bo: where they differ")
    assert (labels.visible, differs.visible) == (False, True)
    np.testing.assert_array_equal(labels.data, beside[0].second)
    np.testing.assert_array_equal(differs.data, np.where(beside[0].differs, beside[0].second, 0))
    assert differs.data.any()
    assert not labels.editable
    assert not differs.editable
    image = person.dock.image.layer
    assert image is not None
    for layer in (labels, differs):
        np.testing.assert_allclose(layer.extent.world, image.extent.world)
    assert person.viewer.layers.selection.active is not labels
    if active is not None and active in person.viewer.layers:
        assert person.viewer.layers.selection.active is active
    nothing = "(left out, or unlabelled)"
    for layer in (labels, differs):
        assert layer.features["class"].tolist() == [nothing, "red", "blue", "background", nothing]
    # A double click opens another one, whose layers take the place of these.
    where = window.list.visualItemRect(window.list.item(1)).center()
    port = window.list.viewport()
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=where)
    QTest.mouseDClick(port, Qt.MouseButton.LeftButton, pos=where)
    person.qtbot.waitUntil(
        lambda: (
            len(ours_beside(person)) == 2
            and ours_beside(person)[0].data.shape == beside[1].second.shape
        ),
        timeout=MINUTE,
    )
    np.testing.assert_array_equal(ours_beside(person)[0].data, beside[1].second)
    # Whoever goes on to another image has them no longer.
    third = next(item for item in shown(person) if item.name not in (worst[0].name, worst[1].name))
    person.dock.projects.panel.show_item(third)
    wait_for_layers(person, 0)


def test_corrected_since_it_is_counted_anew_and_narrowed(
    person: Person, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = begin(person, here / "ann.corrclip-project")
    window = compare(person, here / "bo.corrclip-project", monkeypatch)
    before = window.compared
    assert before is not None
    session = person.dock.workspace.session
    assert session is not None
    session.assign(session.ids.tolist(), "red")  # as nobody ever was
    click_at(person, window.decided)
    again(person, window)
    after = window.compared
    assert after is not None
    assert after.found.pixels.agreed < before.found.pixels.agreed
    click_at(person, window.verified)
    again(person, window)
    assert window.text.text() == (
        "Of 3 images that both have none is verified in both; compare all images."
    )
    assert entries(window) == []
    assert person.dock.status.text() == window.text.text()
    assert project.vocabulary.names == ("red", "blue", "background")


def test_a_sample_is_compared_from_either_side(
    person: Person, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(person, here / "look.corrclip-project")
    window = compare(person, here / "ann.corrclip-project", monkeypatch)
    said = window.text.text().splitlines()
    assert said[0].startswith("ann and look: 2 images compared, 1 in the first alone")
    assert said[1].startswith(
        "a sample of 2 of 3 images of ann.corrclip-project, 2 looked at twice"
    )
    compared = window.compared
    assert compared is not None
    with Project.open(here / "ann") as ann, Project.open(here / "look") as look:
        image = compared.found.worst_first()[0]
        expected = ann.labels_beside(look, image)
    QTest.keyClick(window.list, Qt.Key.Key_Return)
    wait_for_layers(person)
    labels, _ = ours_beside(person)
    assert labels.name == "ann: labels"
    np.testing.assert_array_equal(labels.data, expected.first)
    # With the project they go, and the window.
    person.dock.projects.review.close()
    QApplication.processEvents()
    assert ours_beside(person) == []
    assert not window.list.isVisible()


def test_what_cannot_be_compared_is_told_in_a_sentence(
    person: Person, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(person, here / "ann.corrclip-project")
    (here / "empty").mkdir()
    for other, sentence in (
        ("empty", f"'{here / 'empty'}' is no project; make one: napari-corrclip project create."),
        (
            "ann.corrclip-project",
            "'ann.corrclip-project' is the project that is open; choose another one.",
        ),
        (
            "other.corrclip-project",
            "'ann' and 'other' have no image in common, whatever it is called; choose another project of the "
            "same images.",
        ),
    ):
        window = compare(person, here / other, monkeypatch)
        assert window.text.text() == sentence
        assert person.dock.status.text() == sentence
        assert window.compared is None


def test_a_comparison_is_stopped(
    person: Person, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(person, here / "ann.corrclip-project")
    window = person.dock.compare

    def stop(done: int) -> None:
        if done == 1 and window.bar.format().startswith("compare"):
            assert window.cancel_button.isVisible()
            window.cancel_button.click()

    window.bar.valueChanged.connect(stop)
    compare(person, here / "bo.corrclip-project", monkeypatch)
    assert window.text.text() == "The comparison was stopped."
    assert window.compared is None
    assert not window.cancel_button.isVisible()
    window.bar.valueChanged.disconnect(stop)
    compare(person, here / "bo.corrclip-project", monkeypatch)
    before = window.compared
    assert before is not None
    window.bar.valueChanged.connect(stop)
    click_at(person, window.decided)
    again(person, window)
    assert window.text.text().endswith("What is shown is of the comparison before.")
    assert window.compared is before
    assert len(entries(window)) == 3
