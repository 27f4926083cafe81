"""The choice of an image and of a part of it, by mouse; and what becomes of layers that change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import imageio.v3 as iio
import napari
import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFormLayout, QWidget

from napari_corrclip.annotation import has_session, journal_folder
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.gui.dock import CorrClipDock
from napari_corrclip.gui.image.area import canvas_beside
from napari_corrclip.gui.image.panel import RANKED, RECTANGLE, VIEW
from tests.forms import short
from tests.gui.person import MINUTE, Person, run
from tests.gui.window import settle

SCENE = generate_scene(7).image


def camera(viewer: napari.Viewer) -> Any:
    return getattr(viewer, "scene", viewer).camera


def drag(person: Person, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one point of the world to another, with the left button."""
    canvas = canvas_beside(person.dock)

    def at(point: tuple[float, float]) -> QPoint:
        middle, zoom = camera(person.viewer).center[-2:], camera(person.viewer).zoom
        return QPoint(
            round(canvas.width() / 2 + (point[1] - middle[1]) * zoom),
            round(canvas.height() / 2 + (point[0] - middle[0]) * zoom),
        )

    QTest.mouseMove(canvas, at(start))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at(start))
    QApplication.processEvents()
    for part in np.linspace(0, 1, 6)[1:]:
        where = at(tuple(a + part * (b - a) for a, b in zip(start, end, strict=True)))  # type: ignore[arg-type]
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(where),
            QPointF(canvas.mapToGlobal(where)),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(canvas, event)
        QApplication.processEvents()
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=at(end))
    QApplication.processEvents()


def shown(person: Person) -> None:
    person.viewer.window.show()
    person.qtbot.waitUntil(person.dock.isVisible, timeout=MINUTE)
    settle(person.viewer)
    person.viewer.reset_view()


def ready(person: Person, layer: Any) -> None:
    person.dock.reset_choices()
    person.dock.image.layer = layer
    person.dock.image.fold.open()
    person.dock.model.regions.setCurrentText("superpixels")
    person.dock.words.line.setText("red, green, blue")


def tick(person: Person, box: QWidget) -> None:
    """Click on the square of a check box, which may be wider than its text."""
    where = QPoint(8, box.height() // 2)
    person.qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=where)


def rows(person: Person) -> set[str]:
    """The labels of the rows that are shown."""
    found = set()
    for form in person.dock.image.findChildren(QFormLayout):
        for row in range(form.rowCount()):
            item = form.itemAt(row, form.ItemRole.LabelRole)
            if form.isRowVisible(row) and item is not None:
                found.add(item.widget().text())
    return found


# -- rows


def test_only_rows_that_apply_are_shown(person: Person) -> None:
    add = person.viewer.add_image
    ready(person, add(SCENE, rgb=True, name="colour"))
    assert rows(person) == {"Image", "Run on"}
    ready(person, add(SCENE[..., 0], name="gray"))
    assert rows(person) == {"Image", "Run on", "Contrast"}
    ready(person, add(np.zeros((3, 40, 40)), name="stack"))
    assert rows(person) == {"Image", "Run on", "Planes", "Contrast"}
    levels = [np.zeros((400, 300, 3), np.uint8), np.zeros((200, 150, 3), np.uint8)]
    ready(person, add(levels, multiscale=True, rgb=True, name="levels"))
    assert rows(person) == {"Image", "Run on", "Level"}
    assert person.dock.image.level.itemText(0) == "by size (0: 400 × 300)"
    assert person.dock.image.level.itemText(2) == "1: 200 × 150"
    tick(person, person.dock.image.channels_box)
    assert {"Red", "Green", "Blue"} < rows(person)
    assert "Image" not in rows(person)


# -- which part


@pytest.mark.canvas
def test_a_drawn_rectangle_is_segmented_where_it_lies(person: Person) -> None:
    image = person.viewer.add_image(
        SCENE, rgb=True, name="scene", scale=(0.5, 0.25), translate=(20, -10), rotate=20
    )
    ready(person, image)
    shown(person)
    panel = person.dock.image
    panel.area.setCurrentText(RECTANGLE)
    person.press(person.dock.bar.run_button)
    assert "There is no rectangle yet; press 'Draw rectangle'" in person.dock.status.text()
    person.press(panel.draw_button)
    corner = image.data_to_world((SCENE.shape[0] * 0.3, SCENE.shape[1] * 0.4))
    other = image.data_to_world((SCENE.shape[0] * 0.7, SCENE.shape[1] * 0.8))
    drag(person, tuple(corner), tuple(other))
    picture = panel.picture()
    assert picture.box is not None
    top, left, bottom, right = picture.box
    np.testing.assert_array_equal(picture.rgb, SCENE[top:bottom, left:right])
    run(person)
    layers = person.dock.layers
    assert layers is not None
    assert layers.labels.data.shape == (bottom - top, right - left)
    np.testing.assert_allclose(
        layers.labels.data_to_world((0, 0)), image.data_to_world((top, left)), atol=1e-6
    )
    np.testing.assert_allclose(
        layers.labels.data_to_world((bottom - top, 5)), image.data_to_world((bottom, left + 5))
    )
    assert f"Rows {top}–{bottom - 1}, columns {left}–{right - 1}: " in person.dock.status.text()
    person.agree()


@pytest.mark.canvas
def test_the_chosen_rectangle_is_taken_and_else_the_last(person: Person) -> None:
    ready(person, person.viewer.add_image(SCENE, rgb=True, name="scene"))
    shown(person)
    panel = person.dock.image
    panel.area.setCurrentText(RECTANGLE)
    person.press(panel.draw_button)
    drag(person, (10, 10), (40, 50))
    drag(person, (20, 30), (60, 90))
    shapes = person.viewer.layers["area to segment"]
    shapes.selected_data = set()
    last = panel.picture().box
    assert last is not None
    np.testing.assert_allclose(last, (20, 30, 60, 90), atol=2)
    shapes.selected_data = {0}
    first = panel.picture().box
    assert first is not None
    np.testing.assert_allclose(first, (10, 10, 40, 50), atol=2)
    # Another rectangle goes into the same layer; a deleted layer is made anew.
    person.press(panel.draw_button)
    assert person.names().count("area to segment") == 1


def test_rectangles_are_cut_at_the_edges_and_refused_outside(person: Person) -> None:
    ready(person, person.viewer.add_image(SCENE, rgb=True, name="scene"))
    panel = person.dock.image
    panel.area.setCurrentText(RECTANGLE)
    person.press(panel.draw_button)
    shapes = person.viewer.layers["area to segment"]
    height, width = SCENE.shape[:2]

    def draw(top: float, left: float, bottom: float, right: float) -> None:
        shapes.data = [[[top, left], [top, right], [bottom, right], [bottom, left]]]

    draw(-50, 9.5, 39.5, width + 100)
    assert panel.picture().box == (0, 10, 40, width)
    draw(-50, -50, height + 50, width + 50)
    assert panel.picture().box is None
    draw(-50, -50, -20, -20)
    with pytest.raises(InputError, match="rectangle lies outside of the image 'scene'; draw it"):
        panel.picture()
    draw(9.5, 9.5, 19.5, 99.5)
    with pytest.raises(InputError, match="rectangle holds 10 × 90 pixels of 'scene'; 16 × 16 are"):
        panel.picture()
    person.dock.words.line.setText("red")
    person.press(person.dock.bar.run_button)
    assert "16 × 16 are the least" in person.dock.status.text()


@pytest.mark.canvas
@pytest.mark.parametrize("multiscale", [False, True])
def test_the_current_view_is_what_is_seen(person: Person, multiscale: bool) -> None:
    large = np.tile(SCENE[:100, :100], (4, 4, 1))
    data = [large, large[::2, ::2]] if multiscale else large
    image = person.viewer.add_image(
        data, rgb=True, name="large", multiscale=multiscale, scale=(2, 2)
    )
    ready(person, image)
    shown(person)
    panel = person.dock.image
    panel.area.setCurrentText(VIEW)
    assert panel.picture().box is None  # all of it is seen
    canvas = canvas_beside(person.dock)
    camera(person.viewer).center = (0, 400, 300)
    camera(person.viewer).zoom = canvas.height() / 200  # 200 units of the world are 100 pixels
    half = canvas.width() / canvas.height() * 50
    expected = (150, max(150 - half, 0), 250, min(150 + half, 400))

    def seen() -> None:
        np.testing.assert_allclose(panel.picture().box or (), expected, atol=1.5, rtol=0)

    person.qtbot.waitUntil(seen, timeout=MINUTE)
    camera(person.viewer).center = (0, 4000, 4000)
    with pytest.raises(InputError, match="view lies outside of the image 'large'; move the image"):
        panel.picture()
    person.viewer.dims.ndisplay = 3
    with pytest.raises(InputError, match="The view is 3-D"):
        panel.picture()


def test_without_a_window_there_is_no_view() -> None:
    with pytest.raises(InputError, match="no view of the image here"):
        canvas_beside(QWidget())


# -- levels, contrast, channels


def test_results_of_a_level_lie_over_the_image(person: Person) -> None:
    levels = [SCENE, SCENE[::2, ::2]]
    image = person.viewer.add_image(levels, multiscale=True, rgb=True, name="levels")
    ready(person, image)
    person.dock.image.level.setCurrentIndex(2)
    run(person)
    layers = person.dock.layers
    assert layers is not None
    assert layers.labels.data.shape == SCENE[::2, ::2].shape[:2]
    np.testing.assert_allclose(layers.labels.extent.world, image.extent.world, atol=0.51, rtol=0)
    assert tuple(layers.labels.scale) == (2, 2)
    assert "Level 1: " in person.dock.status.text()


def test_contrast_is_chosen(person: Person) -> None:
    deep = np.linspace(0, 60000, SCENE[..., 0].size).reshape(SCENE.shape[:2]).astype(np.uint16)
    ready(person, person.viewer.add_image(deep, name="deep", contrast_limits=(0, 60000)))
    panel = person.dock.image
    assert panel.low.isHidden()
    as_shown = panel.picture().rgb
    panel.contrast.setCurrentText(RANKED)
    assert not panel.low.isHidden()
    panel.low.setValue(25)
    panel.high.setValue(75)
    ranked = panel.picture().rgb
    assert (as_shown == 0).mean() < 0.01
    assert abs((ranked == 0).mean() - 0.25) < 0.01
    panel.low.setValue(80)
    person.press(person.dock.bar.run_button)
    assert "The percentiles are (80.0, 75.0)" in person.dock.status.text()


def test_grayscale_layers_are_channels(person: Person) -> None:
    for at, name in enumerate(("r", "g", "b")):
        person.viewer.add_image(SCENE[..., at], name=name, contrast_limits=(0, 255))
    ready(person, person.viewer.layers["r"])
    panel = person.dock.image
    tick(person, panel.channels_box)
    assert [channel.value.name for channel in panel.channels] == ["r", "g", "b"]
    for channel in panel.channels:
        channel.value = None
    person.press(person.dock.bar.run_button)
    assert "No channel is chosen" in person.dock.status.text()
    for channel, name in zip(panel.channels, ("r", "g", "b"), strict=True):
        channel.value = person.viewer.layers[name]
    run(person)
    session = person.dock.workspace.session
    assert session is not None
    np.testing.assert_array_equal(session.image, SCENE)
    person.viewer.layers["b"].translate = (5, 5)
    person.press(person.dock.bar.run_button)
    assert "'r' and 'b' do not lie over each other" in person.dock.status.text()


# -- reading


def test_a_lazy_image_is_read_in_the_thread(person: Person) -> None:
    import threading

    seen: list[str] = []

    def block() -> np.ndarray:
        seen.append(threading.current_thread().name)
        return SCENE[..., 0]

    import dask

    with dask.config.set(scheduler="synchronous"):
        array = da.from_delayed(dask.delayed(block)(), SCENE.shape[:2], np.uint8)
        ready(person, person.viewer.add_image(array, name="lazy", contrast_limits=(0, 255)))
        QApplication.processEvents()
        seen.clear()
        person.dock.reset_choices()
        person.dock.image.source()
        assert not seen
        run(person)
        assert person.dock.layers is not None
        assert "MainThread" not in seen[:1]


def test_what_cannot_be_read_is_said(person: Person) -> None:
    broken = [False]

    def block(block_id: Any = None) -> np.ndarray:
        if broken[0]:
            raise OSError("the disk is gone")
        return SCENE[..., 0]

    array = da.map_blocks(block, chunks=tuple((size,) for size in SCENE.shape[:2]), dtype=np.uint8)
    ready(person, person.viewer.add_image(array, name="lazy", contrast_limits=(0, 255)))
    broken[0] = True
    run(person)
    assert "'lazy' cannot be read (OSError: the disk is gone)" in person.dock.status.text()
    assert person.names() == ["lazy"]
    broken[0] = False
    run(person)
    person.agree()


# -- what is kept of parts


def test_corrections_of_a_part_are_offered_with_its_image(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    path = tmp_path / "scene.png"
    iio.imwrite(path, SCENE)

    def opened() -> None:
        (layer,) = person.viewer.open(str(path), plugin="napari")
        ready(person, layer)

    opened()
    panel = person.dock.image
    panel.area.setCurrentText(RECTANGLE)
    person.press(panel.draw_button)
    shapes = person.viewer.layers["area to segment"]
    shapes.data = [[[9.5, 19.5], [9.5, 79.5], [59.5, 79.5], [59.5, 19.5]]]
    run(person)
    session = person.dock.workspace.session
    assert session is not None
    assert session.source is not None
    assert session.source.crop == (10, 20, 60, 80)
    folder = journal_folder(session.source)
    person.qtbot.waitUntil(lambda: has_session(folder), timeout=MINUTE)  # written in a thread
    assert not has_session(journal_folder(session.source.part(None)))
    session.assign(session.ids[:2], "blue")
    labels = session.labels.copy()
    person.dock.cleanup()
    person.viewer.layers.clear()

    person.dock = CorrClipDock(person.viewer)
    person.viewer.window.add_dock_widget(person.dock, name="second")
    opened()
    keeper = person.dock.restore_bar
    assert not keeper.isHidden()
    assert keeper.parts.currentText() == "rows 10–59, columns 20–79"
    person.press(keeper.restore_button)
    person.wait()
    restored = person.dock.workspace.session
    assert restored is not None
    np.testing.assert_array_equal(restored.labels, labels)
    np.testing.assert_array_equal(restored.image, SCENE[10:60, 20:80])
    assert person.dock.layers is not None
    assert tuple(person.dock.layers.labels.translate) == (10, 20)
    assert keeper.isHidden()
    # The whole image is another session, and takes nothing away from that of its part.
    run(person)
    whole = person.dock.workspace.session
    assert whole is not None
    assert whole.source is not None
    assert whole.source.crop is None
    assert keeper.parts.currentText() == "rows 10–59, columns 20–79"
    person.dock.cleanup()


# -- layers that change


@pytest.mark.parametrize(
    ("what", "when"),
    short(
        ("deleted", "while it runs"),
        ("renamed", "while it is corrected"),
        ("other pixels", "while it is corrected"),
        ("other contrast", "while it runs"),
        ("moved", "while it is corrected"),
        rest=[
            ("deleted", "while it is corrected"),
            ("renamed", "while it runs"),
            ("other pixels", "while it runs"),
            ("other contrast", "while it is corrected"),
            ("moved", "while it runs"),
        ],
    ),
)
def test_a_layer_that_changes_is_harmless(person: Person, when: str, what: str) -> None:
    gray = SCENE[..., 0]
    image = person.viewer.add_image(gray, name="scene", contrast_limits=(0, 255))
    ready(person, image)

    def change() -> None:
        if what == "deleted":
            person.viewer.layers.remove(image)
        elif what == "renamed":
            image.name = "other"
        elif what == "other pixels":
            image.data = np.zeros((30, 40), np.uint8)
        elif what == "other contrast":
            image.contrast_limits = (100, 101)
        else:
            image.translate = (100, 100)

    person.press(person.dock.bar.run_button)
    if when == "while it runs":
        change()
    person.wait()
    session = person.dock.workspace.session
    assert session is not None
    np.testing.assert_array_equal(session.image, np.repeat(gray[..., None], 3, axis=-1))
    if when != "while it runs":
        change()
    person.agree()
    session.assign(session.ids[:2], "blue")
    person.agree()
    person.type("yellow")  # the labels are this image's still, whatever it is called
    person.wait()
    assert session.vocabulary.names == ("red", "green", "blue", "yellow")
    person.agree()
    person.press(person.dock.correct.undo_button)
    person.agree()
    if what == "deleted":
        person.press(person.dock.bar.run_button)
        assert "There is no image" in person.dock.status.text()
        assert person.dock.workspace.session is session
    else:
        session.assign(session.ids[:2], "blue")
        run(person)
        assert (person.dock.workspace.session is session) == (what != "other pixels")
        person.agree()
