"""The pictures of the contact sheet and of two people in docs/images, taken by real mouse and keys.

    xvfb-run -a -s "-screen 0 1400x960x24" python -m tools.sheet_screenshots

``window-sheet.png``, ``window-conflicts.png``, ``window-compare.png``, ``window-beside.png``: a project of
eight scenes, what Ann and Bo have decided of it with some errors, and what was merged of both.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.gui.pages import Page
from napari_corrclip.project.project import Project
from tools.hand import LEFT, Hand

WORDS = "red, green, blue, yellow, purple, background: wood; grass; sand; water"
RECIPE = Recipe(regions="superpixels", region_options={"n_segments": 40})
SCENES = 8
ERRORS = {"Ann": 0.08, "Bo": 0.16}
"""The share of the regions of which each says something else than the networks."""


def make_projects(base: Path) -> None:
    """Make the projects ``scenes``, ``ann``, ``bo`` and ``both``."""
    images = base / "images"
    images.mkdir()
    for number in range(SCENES):
        Image.fromarray(generate_scene(number).image).save(images / f"scene {number}.png")
    with Project.create(base / "scenes", WORDS, images, recipe=RECIPE) as project:
        project.run(progress=False)
        project.lesson.switch = "off"
        folder = project.folder
    copies = [folder.with_name(folder.name.replace("scenes", name)) for name in ("ann", "bo")]
    for number, (copy, (by, rate)) in enumerate(zip(copies, ERRORS.items(), strict=True)):
        shutil.copytree(folder, copy)
        _annotate(copy, by, rate, np.random.default_rng(number))
    with (
        Project.open(copies[0], read_only=True) as ann,
        Project.open(copies[1], read_only=True) as bo,
    ):
        ann.merge(bo, base / "both", progress=False)


def _annotate(folder: Path, by: str, rate: float, rng: np.random.Generator) -> None:
    with Project.open(folder) as project:
        names = project.vocabulary.names
        for item in project:
            with project.session(item, by=by) as session:
                said: dict[str, list[int]] = {}
                for row in session.rows():
                    right = session.vocabulary.by_value(row.value).name if row.value else names[-1]
                    others = [name for name in names if name != right]
                    says = str(rng.choice(others)) if rng.random() < rate else right
                    said.setdefault(says, []).append(row.id)
                for name, regions in sorted(said.items()):
                    session.assign(regions, name)


class Sheets(Hand):
    """Somebody before the sheet and the comparison, with a camera."""

    def __init__(self, output: Path, base: Path) -> None:
        self.output, self.base = output, base
        super().__init__()

    def shoot(self, name: str, widget: QWidget | None = None) -> None:
        """Save a window as it is; ``None``: napari's."""
        self.settle(0.6)
        path = self.output / f"window-{name}.png"
        if widget is None:
            self.viewer.window.activate()
            self.settle()
            pixels = self.viewer.screenshot(canvas_only=False, flash=False)
            Image.fromarray(np.asarray(pixels)[..., :3]).save(path)
        else:
            widget.grab().save(str(path))
        picture = Image.open(path).convert("RGB")
        picture.quantize(256, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)
        print(path, picture.size, f"{path.stat().st_size / 1000:.0f} kB", flush=True)

    def open(self, name: str) -> None:
        """Open a project at the page of its images."""
        review = self.dock.projects.review
        self.dock.open_project(str(self.base / f"{name}.corrclip-project"))
        self.wait(lambda: review.has_session and not review.is_opening)
        self.dock.pages.turn_to(Page.IMAGES)
        self.settle(2)

    def press(self, button: QWidget) -> None:
        """Click on a button."""
        QTest.mouseClick(button, LEFT)
        QApplication.processEvents()

    def look(self) -> QWidget:
        """Wait until all pictures of the sheet are there, and all that was decided is; return its window."""
        sheet = self.dock.sheet
        self.wait(lambda: sheet.sheet is not None and not sheet._jobs.running)
        self.settle()
        self.wait(
            lambda: (
                not (
                    sheet._soon.isActive()
                    or sheet._pictures.running
                    or sheet._contexts.running
                    or sheet.deciding.running
                )
            )
        )
        window = sheet.view.window()
        assert window is not None
        return window

    def mark(self, rows: Sequence[int]) -> None:
        """Click on regions of the page."""
        view = self.dock.sheet.view
        for row in rows:
            at = view.visualRect(self.dock.sheet.model.index(row)).center()
            QTest.mouseClick(view.viewport(), LEFT, pos=at)
            QApplication.processEvents()

    def tell(self) -> None:
        """Go the whole way, taking pictures."""
        self.open("scenes")
        self.press(self.dock.projects.panel.sheet_button)
        self.look()
        self.mark((2, 4))
        self.shoot("sheet", self.look())
        self.dock.sheet.close()
        self.open("both")
        self.press(self.dock.projects.panel.conflicts_button)
        self.look()
        view = self.dock.sheet.view
        for key in ("[", Qt.Key.Key_Right, "]"):
            QTest.keyClick(view, key)
        self.look()
        self.mark((4, 6))
        self.shoot("conflicts", self.look())
        self.dock.sheet.close()
        self.open("ann")
        review, compare = self.dock.projects.review, self.dock.compare
        assert review.project is not None  # it was opened
        compare.open(review.project, self.base / "bo.corrclip-project")
        self.wait(lambda: compare.compared is not None)
        window = compare.list.window()
        assert window is not None
        self.shoot("compare", window)
        QTest.keyClick(compare.list, Qt.Key.Key_Return)
        self.wait(lambda: not review.is_opening)
        window.hide()
        self.settle(2)
        self.shoot("beside")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description="The pictures of the sheet in docs/images.")
    images = Path(__file__).parents[1] / "docs" / "images"
    parser.add_argument("-o", "--output", type=Path, default=images)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        make_projects(base)
        story = Sheets(options.output, base)
        try:
            story.tell()
        finally:
            story.close()


if __name__ == "__main__":
    main()
