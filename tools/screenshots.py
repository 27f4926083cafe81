"""The pictures of the window in docs/images, taken by real mouse and keys.

    xvfb-run -a -s "-screen 0 1400x900x24" python -m tools.screenshots

Every step of the story: window-STEP-WIDTH-THEME.png. The pages show 1400 pixels, dark.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_corrclip.demo.scenes import VALIDATION_SEED, generate_scene
from napari_corrclip.demo.words import what_is_in
from napari_corrclip.demo.world import COLORS, GROUNDS
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.gui.export.panel import SETS
from napari_corrclip.gui.pages import Page
from napari_corrclip.progress import Progress
from napari_corrclip.project.project import Project
from tools.hand import LEFT, NONE, RIGHT, Hand

SIZES = {1400: 900, 1024: 700}
THEMES = ("dark", "light")
SHAPES = ((192, 256), (256, 192), (224, 224))
"""Rows and columns of the images of a project."""
SHIFT = Qt.KeyboardModifier.ShiftModifier
STROKES = (
    (
        Qt.Key.Key_5,
        [
            (10, 10), (10, 590), (60, 590), (45, 450), (90, 440), (110, 590), (110, 490), (160, 590),
            (160, 500), (200, 590), (200, 500), (250, 590), (250, 500), (300, 590), (300, 490), (350, 590),
            (350, 450), (390, 590), (390, 10), (375, 130), (340, 10), (340, 100), (300, 10), (300, 70),
            (250, 10), (250, 60), (200, 10), (200, 60), (150, 10), (150, 70), (100, 10), (100, 100),
            (60, 10), (60, 150), (30, 10), (30, 180),
        ],
    ),
    (
        Qt.Key.Key_3,
        [
            (95, 150), (130, 110), (160, 150), (180, 100), (200, 160), (220, 110), (230, 180), (260, 120),
            (270, 180), (300, 140), (300, 190), (330, 180), (310, 250), (350, 230), (320, 300), (365, 300),
            (345, 350), (350, 390), (320, 420), (290, 450), (300, 425), (250, 465), (240, 425), (200, 465),
            (200, 420), (160, 450), (170, 425), (130, 435),
        ],
    ),
    (
        Qt.Key.Key_2,
        [
            (28, 290), (35, 240), (60, 205), (100, 188), (140, 190), (175, 225), (195, 280), (195, 330),
            (175, 370), (140, 395), (100, 400), (60, 380), (35, 340), (60, 320), (60, 250), (90, 215),
            (75, 300), (75, 350), (110, 365), (150, 378), (190, 380), (220, 340), (215, 270), (200, 210),
            (235, 235), (270, 215), (240, 270), (260, 300), (235, 310),
        ],
    ),
    (
        Qt.Key.Key_4,
        [(75, 414), (110, 408), (235, 378), (260, 360), (290, 345), (300, 380), (270, 390), (310, 360)],
    ),
    (
        Qt.Key.Key_1,
        [(115, 260), (115, 310), (140, 340), (160, 350), (150, 300), (140, 250), (150, 225), (175, 270),
         (180, 310)],
    ),
)  # fmt: skip
"""Keys and places of the strokes over the photograph, (row, column)."""


class Story(Hand):
    """Somebody before a window, with a camera."""

    def __init__(self, folder: Path, size: tuple[int, int], theme: str) -> None:
        self.folder, self.size, self.theme = folder, size, theme
        self.photograph = False  # of which a palette would change the colours
        super().__init__(size, theme)

    def shoot(self, step: str, settle: float = 0.4) -> None:
        """Save the window as it is."""
        self.settle(settle)
        pixels = self.viewer.screenshot(canvas_only=False, flash=False)
        picture = Image.fromarray(np.asarray(pixels)[..., :3])
        path = self.folder / f"window-{step}-{self.size[0]}-{self.theme}.png"
        if not self.photograph:
            # A palette is a third of the bytes, and the eye sees no difference.
            picture = picture.quantize(256, kmeans=3, dither=Image.Dither.NONE)
        picture.save(path, optimize=True)
        print(path, picture.size, f"{path.stat().st_size / 1000:.0f} kB", flush=True)

    def press(self, widget: QWidget) -> None:
        """Click on a button."""
        QTest.mouseClick(widget, LEFT)
        QApplication.processEvents()

    def inside(self, region: int) -> tuple[float, float]:
        """A pixel well inside a region."""
        from scipy.ndimage import distance_transform_edt

        depth = distance_transform_edt(np.pad(self.session.regions == region, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        return float(row), float(column)

    def tell(self) -> None:
        """Go the whole way, taking pictures."""
        dock = self.dock
        self.shoot("1-first-start")
        # At the usual detail there are tenths of a second between regions and labels.
        dock.model.detail.setCurrentIndex(dock.model.detail.count() - 1)
        self.press(dock.bar.demo_button)
        found: list[object] = []
        dock.controller.regions_found.connect(lambda *_: found.append(True))
        self.wait(lambda: bool(found))
        self.shoot("2-running", settle=0.05)
        if not dock.controller.running:
            raise TimeoutError("the run was over before its picture was taken")
        self.press(dock.bar.cancel_button)
        self.wait(lambda: not dock.controller.running)
        dock.model.detail.setCurrentIndex(0)
        self.press(dock.bar.run_button)
        self.wait_for_result()
        large = sorted(self.session.rows(), key=lambda row: -row.area)
        self.hover(self.inside(large[1].id))
        self.shoot("3-result")
        self.press(dock.correct.button)
        for number, row in enumerate(large[1:3]):
            self.click(self.inside(row.id), SHIFT if number else NONE)
        self.shoot("4-selection")
        self.key(Qt.Key.Key_Escape)
        self.split(large[0].id)
        self.queue()
        self.key(Qt.Key.Key_Return)  # what it shows is right
        self.key(Qt.Key.Key_Escape)
        self.correct()
        self.shoot("7-after-correcting")
        dock.pages.turn_to(Page.EXPORT)
        self.shoot("8-export")

    def tell_photograph(self) -> None:
        """Sweep classes over the superpixels of a photograph, taking pictures."""
        self.photograph = True
        dock = self.dock
        image = self.viewer.open_sample("napari-corrclip", "coffee")[0]
        dock.image.layer = image
        dock.model.regions.setCurrentText("superpixels")
        self.type("coffee, cup, saucer, spoon, table")
        self.press(dock.bar.run_button)
        self.wait_for_result()
        self.press(dock.correct.button)
        for number, stroke in enumerate(STROKES):
            last = number == len(STROKES) - 1
            self.sweep(
                *stroke, before_release=(lambda: self.shoot("9-sweep")) if last else lambda: None
            )

    def tell_images(self) -> None:
        """Go through some images of a project, taking a picture of its page."""
        folder = Path(tempfile.mkdtemp()) / "scenes"
        folder.mkdir()
        for number in range(12):
            height, width = SHAPES[number % len(SHAPES)]
            scene = generate_scene(number).image[:height, :width]
            Image.fromarray(scene).save(folder / f"scene {number:02d}.png")
        words = what_is_in(generate_scene(7))
        with Project.create(folder, words, folder) as project:
            project.run(progress=False)
        dock, review = self.dock, self.dock.projects.review
        review.keeping.by = "Ann"
        dock.open_project(str(folder))
        for step in range(6):
            self.wait(lambda: review.has_session and not review.is_opening)
            if step == 5:
                break
            if step == 3:
                dock.session.accept(dock.session.ids[:2].tolist())
                self.press(dock.projects.way.next_button)
            else:
                self.press(dock.projects.way.verify_button)
        dock.session.accept(dock.session.ids[:1].tolist())
        self.press(dock.projects.panel.view)
        self.settle(3)  # the small pictures, and what the index hears
        self.shoot("11-images")
        dock.pages.turn_to(Page.EXPORT)
        dock.export.what.setCurrentText(next(iter(SETS)))
        dock.export.kind.setCurrentIndex(dock.export.kind.findData("coco"))
        self.shoot("13-export-set")

    def tell_encoding(self) -> None:
        """Ask the networks about an image of a project, taking a picture while it is encoded."""
        folder = Path(tempfile.mkdtemp()) / "scenes"
        folder.mkdir()
        for number in (3, 7):
            Image.fromarray(generate_scene(number).image).save(folder / f"scene {number:02d}.png")
        # At the usual detail it is over before a picture is taken.
        words, recipe = what_is_in(generate_scene(7)), Recipe(detail="fine")
        with Project.create(folder, words, folder, recipe=recipe) as project:
            project.run(progress=False)
        dock, review = self.dock, self.dock.projects.review
        dock.open_project(str(folder))
        self.wait(lambda: review.has_session and not review.is_opening)
        dock.pages.turn_to(Page.CORRECT)
        self.press(dock.correct.button)
        self.settle()
        self.click(self.inside(max(self.session.rows(), key=lambda row: row.area).id))
        seen: list[Progress] = []
        dock.controller.progressed.connect(seen.append)
        self.key(Qt.Key.Key_F)
        self.wait(lambda: any(event.stage == "windows" and event.done for event in seen))
        self.shoot("12-encoding", settle=0.05)
        if not dock.controller.running:
            raise TimeoutError("the image was encoded before its picture was taken")
        self.wait(lambda: not dock.controller.running)

    def tell_lesson(self) -> None:
        """Correct the images of a set that has a word the networks do not know, and let them teach."""
        lawn = GROUNDS.index("grass")
        found = (
            scene
            for seed in itertools.count(VALIDATION_SEED + 200)
            if ((scene := generate_scene(seed)).grounds == lawn).mean() > 0.2
        )
        scenes = list(itertools.islice(found, 4))
        true_words = (*COLORS, *GROUNDS)
        words = ["lawn" if word == "grass" else word for word in true_words]
        folder = Path(tempfile.mkdtemp()) / "scenes"
        folder.mkdir()
        for number, scene in enumerate(scenes):
            Image.fromarray(scene.image).save(folder / f"scene {number + 1}.png")
        with Project.create(folder, words, folder, recipe=Recipe(regions="superpixels")) as project:
            project.run(progress=False)
        dock, review = self.dock, self.dock.projects.review
        teaching, bar = dock.projects.teaching, dock.projects.lesson
        dock.open_project(str(folder))
        self.wait(lambda: review.has_session and not review.is_opening)
        dock.pages.turn_to(Page.CORRECT)
        self.press(dock.correct.button)
        for number, scene in enumerate(scenes):
            name = f"scene {number + 1}.png"
            self.wait(
                lambda name=name: (
                    review.has_session
                    and not review.is_opening
                    and review.record is not None
                    and review.record.path.endswith(name)
                )
            )
            truth = scene.truth(true_words)
            self.shoot(f"14-lesson-opened-{number + 1}")
            if number == 3:
                break
            for look in range(40):
                self.decide(truth)
                if number == 0 and look >= 14 and teaching.offered is not None:
                    break
            if number == 0:
                self.shoot("14-lesson")
                self.press(bar.look_button)
                self.shoot("15-lesson-look")
                self.press(bar.apply_button)
                self.shoot("16-lesson-applied")
                bar.switch.setCurrentText("on")
                teaching.turn("on")
                for _ in range(20):
                    self.decide(truth)
            self.press(dock.projects.way.verify_button)
        self.key(Qt.Key.Key_D)
        self.press(bar.why_button)
        rows = dock.projects.teachers.rows
        self.wait(lambda: rows[0].isVisible())
        self.settle()
        window = rows[0].window()
        assert window is not None
        window.grab().save(str(self.folder / f"window-17-taught-{self.size[0]}-{self.theme}.png"))

    def decide(self, truth: NDArray[np.integer]) -> None:
        """Say the truth of the region that comes next."""
        mode = self.dock.correct.mode
        assert mode is not None  # of the session
        if not mode.review.on:
            self.key(Qt.Key.Key_D)
        (region,) = mode.selection
        at = int(np.bincount(truth[self.session.regions == region]).argmax())
        values = (0, *self.session.vocabulary.values)
        if not at:
            self.key(Qt.Key.Key_Backspace)
        elif self.session.region(region).value == values[at]:
            self.key(Qt.Key.Key_Return)
        else:
            self.session.assign(region, values[at])
        self.key(Qt.Key.Key_D) if mode.selection == (region,) else None

    def split(self, region: int) -> None:
        """Cut something off a region, and leave it."""
        self.click(self.inside(region))
        self.key(Qt.Key.Key_S)
        row, column = self.inside(region)
        self.click((row, column))
        inside = np.argwhere(self.session.regions == region)
        far = inside[np.abs(inside - (row, column)).sum(axis=1).argmax()]
        self.click(far, button=RIGHT)
        self.wait(lambda: "Enter splits it" in self.dock.status.text())
        self.shoot("5-split-preview")
        self.key(Qt.Key.Key_Escape)

    def correct(self) -> None:
        """Put right what the networks took for something else."""
        triangle, cross = (212.0, 216.0), (155.0, 118.0)
        self.click(triangle)  # one region with a part of the square
        self.key(Qt.Key.Key_S, SHIFT)
        self.key(Qt.Key.Key_Escape)
        self.click(triangle)
        self.key(Qt.Key.Key_6)
        self.key(Qt.Key.Key_Escape)
        self.click(cross)
        self.key(Qt.Key.Key_4)

    def queue(self) -> None:
        """Walk to the region that is most worth a look."""
        self.key(Qt.Key.Key_D)
        self.shoot("6-queue")


def main() -> None:
    """Take all pictures of one size and theme."""
    parser = argparse.ArgumentParser(description="The pictures of the window in docs/images.")
    images = Path(__file__).parents[1] / "docs" / "images"
    parser.add_argument("-o", "--output", type=Path, default=images)
    parser.add_argument("--width", type=int, choices=SIZES, default=1400)
    parser.add_argument("--theme", choices=THEMES, default="dark")
    parser.add_argument("--photograph", action="store_true", help="the steps on a photograph")
    parser.add_argument("--images", action="store_true", help="the steps through a project")
    parser.add_argument("--lesson", action="store_true", help="a set that learns")
    parser.add_argument("--encoding", action="store_true", help="an image that is being encoded")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for last in (False, False, True):
        size = (options.width, SIZES[options.width])
        story = Story(options.output, size, options.theme)
        try:
            if options.images:
                story.tell_images()
            elif options.lesson:
                story.tell_lesson()
            elif options.encoding:
                story.tell_encoding()
            elif options.photograph:
                story.tell_photograph()
            else:
                story.tell()
            break
        except TimeoutError:
            if last:
                raise
        finally:
            story.close()


if __name__ == "__main__":
    main()
