"""Copy as Python: what is on the clipboard does in another process what was done here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_corrclip.demo.scenes import generate_scene
from tests.forms import short
from tests.gui.person import MINUTE, Person


def copied(person: Person) -> str:
    """What is on the clipboard after the entry of the menu."""
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    clipboard.setText("")
    person.dock.menu.copy_button.click()
    person.qtbot.waitUntil(lambda: not person.dock.controller.running, timeout=MINUTE)
    person.qtbot.waitUntil(lambda: bool(clipboard.text()), timeout=MINUTE)
    return clipboard.text()


def agree(person: Person, text: str, folder: Path) -> None:
    """Run the script in a process of its own, and compare the pixels."""
    script = folder / "script.py"
    lines = [
        text,
        "import numpy as np",
        "np.savez('made.npz', labels=session.labels, regions=session.regions)",
    ]
    script.write_text("\n".join(lines), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, script.name], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    with np.load(folder / "made.npz") as made:
        np.testing.assert_array_equal(made["labels"], person.dock.session.labels)
        np.testing.assert_array_equal(made["regions"], person.dock.session.regions)


@pytest.mark.parametrize(
    ("regions", "written"),
    short(
        ("superpixels", "regions='superpixels'"),
        rest=[("SAM normal (16 × 16)", "'points_per_side': 16")],
    ),
)
def test_the_demo_and_what_was_done_to_it(
    person: Person, tmp_path: Path, regions: str, written: str
) -> None:
    copy, status = person.dock.menu.copy_button, person.dock.status
    copy.click()
    assert status.text() == "There is no session yet; press Run, or restore one."
    person.dock.model.regions.setCurrentText(regions)
    person.press(person.dock.bar.demo_button)
    person.wait()
    session = person.dock.session
    first, second, third = session.ids[:3].tolist()
    session.assign([first], session.vocabulary.names[-1])
    session.merge([second, third])
    session.ignore(first)
    session.undo()
    person.type("red triangle")
    person.qtbot.waitUntil(lambda: "red triangle" in session.vocabulary.names, timeout=MINUTE)
    person.qtbot.waitUntil(lambda: not person.dock.controller.running, timeout=MINUTE)
    person.press(person.dock.bar.run_button)
    copy.click()
    assert status.text() == "Something runs; copy when it has ended, or cancel it first."
    person.press(person.dock.bar.cancel_button)
    person.wait()
    text = copied(person)
    assert f"session.merge([{second}, {third}])" in text
    assert "session.ignore" not in text
    assert written in text
    assert "Copied as Python: the run and 3 steps since" in person.dock.status.text()
    agree(person, text, tmp_path)


@pytest.mark.long
def test_an_image_in_memory_is_saved_where_the_person_says(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [str(tmp_path / "nowhere" / "my image.png"), "", str(tmp_path / "my image")]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (answers.pop(0), "PNG (*.png)"))
    image = generate_scene(5).image[:200, :150]
    person.dock.image.layer = person.viewer.add_image(image, name="my image", rgb=True)
    person.dock.words.line.setText("red, green, grass, sand")
    person.dock.model.regions.setCurrentText("superpixels")
    person.run()

    person.dock.menu.copy_button.click()
    person.qtbot.waitUntil(lambda: "cannot be written" in person.dock.status.text(), timeout=MINUTE)
    person.dock.menu.copy_button.click()
    person.qtbot.waitUntil(
        lambda: (
            person.dock.status.text()
            == "Nothing was copied; the image is in no file that a script could read."
        ),
        timeout=MINUTE,
    )
    text = copied(person)
    assert not answers
    assert repr(str(tmp_path / "my image.png")) in text
    agree(person, text, tmp_path)


@pytest.mark.long
def test_the_script_makes_the_run_on_the_contrast_that_it_saw(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = str(tmp_path / "image.png")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (saved, "PNG (*.png)"))
    deep = generate_scene(5).image[:200, :150, 0].astype(np.uint16) * 100
    layer = person.viewer.add_image(deep, name="deep", contrast_limits=(0, 25500))
    person.dock.image.layer = layer
    person.dock.words.line.setText("red, green, grass, sand")
    person.dock.model.regions.setCurrentText("superpixels")
    session = person.run()
    session.assign(session.ids[:2].tolist(), "red")
    before = session.image
    layer.contrast_limits = (3000, 9000)
    assert person.run() is session
    assert session.image is not None
    assert not np.array_equal(session.image, before)
    session.assign(session.ids[3:5].tolist(), "green")
    agree(person, copied(person), tmp_path)
    session.undo()
    session.undo()
    assert session.image is before
