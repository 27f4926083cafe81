"""The list of a project's images, as it is seen."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtGui import QImage

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.thumbnails import draw
from tests.gui.person import MINUTE, Person
from tests.gui.project.opened import prelabelled, shown
from tests.gui.project.reviewer import SCENE

pytestmark = pytest.mark.canvas


def small_picture(person: Person, record: ItemRecord) -> NDArray[np.uint8]:
    """Wait until the list has the small picture of an item, and return its pixels."""
    made = person.dock.projects.panel.thumbnails.picture
    person.qtbot.waitUntil(lambda: made(record) is not None, timeout=MINUTE)
    pixmap = made(record)
    assert pixmap is not None
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    raw = image.constBits()
    assert raw is not None
    flat = np.frombuffer(raw.asstring(image.sizeInBytes()), np.uint8)  # type: ignore[attr-defined]
    return flat.reshape(image.height(), image.width(), 4)[..., :3]


def test_no_labels_lie_over_an_image_that_was_changed_since_it_was_run(
    person: Person, images: Path
) -> None:
    folder = prelabelled(images)
    person.dock.open_project(str(folder))
    first, second = (shown(person).item(SCENE.format(number)) for number in (0, 1))
    before = [small_picture(person, record) for record in (first, second)]
    person.dock.projects.review.close()
    other = generate_scene(9).image[: 96 + 8, :128]
    iio.imwrite(images / "scene 1.png", other)
    person.dock.open_project(str(folder))
    shown(person)
    np.testing.assert_array_equal(small_picture(person, second), draw(other))
    np.testing.assert_array_equal(small_picture(person, first), before[0])
    assert (before[1] != draw(other)).any()
