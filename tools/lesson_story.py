"""The story of a lesson: photographs of one drive, corrected by real keys until the third opens nearly right.

    xvfb-run -a -s "-screen 0 1400x900x24" python -m tools.lesson_story STREETS PICTURES --first 40

STREETS is a folder with photographs in ``images`` and gray maps of the truth in ``labels``, in which 0 is
the first word; what is no word is unknown. Consecutive photographs become a project, are labelled by the
demo's networks, and are gone through in the window with the lesson on: D for the first region of the queue,
then Enter where its class is that of most of its known pixels, else the key of that class (Backspace where
nothing is known); Ctrl+Enter to the next image.

Printed is, per image, the share of the known pixels that are right: by the networks, when opened, at the
end; and how many regions were looked at, how many were given another class, and the keys. PICTURES
is a folder for pictures of the window when images 1, 2 and 3 are opened, and in the middle of image 2.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_corrclip.annotation import Session
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.pages import Page
from napari_corrclip.project.project import Project
from tools.hand import Hand

WORDS = (
    "sky", "building", "pole", "road", "pavement", "tree",
    "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
DIGITS = 10
"""Classes that have a digit as their key."""
SHOWN = 3
"""Images of which a picture is taken when they are opened."""


@dataclass(frozen=True)
class Row:
    """What one image cost.

    Attributes:
        image: the file's name.
        networks: share of the known pixels that were right by the networks alone, 0 to 1.
        opened: that when the image was opened.
        end: that when it was left; ``None``: it was only opened.
        looks: regions that were looked at.
        assigned: those that were given another class.
        keys: pressed until it was left.
    """

    image: str
    networks: float
    opened: float
    end: float | None
    looks: int
    assigned: int
    keys: int

    def __str__(self) -> str:
        shares = " | ".join(
            "" if share is None else f"{share * 100:.1f} %"
            for share in (self.networks, self.opened, self.end)
        )
        return f"| {self.image} | {shares} | {self.looks} | {self.assigned} | {self.keys} |"


HEAD = "| image | networks | opened | at the end | looks | assigned | keys |\n|---|---|---|---|---|---|---|"


class Story(Hand):
    """Somebody who corrects the images of a project with its lesson on.

    Args:
        project: folder of a project whose images are labelled.
        words: its classes, in order.
        pictures: folder for pictures of the window.
    """

    def __init__(self, project: Path, words: Sequence[str], pictures: Path) -> None:
        super().__init__()
        self.words, self.pictures = words, pictures
        review = self.dock.projects.review
        self.dock.open_project(str(project))
        self.wait(lambda: review.has_session and not review.is_opening)
        self.dock.pages.turn_to(Page.CORRECT)
        self.settle()
        QTest.keyClick(self.dock.projects.lesson.switch, Qt.Key.Key_End)  # the last of off, ask, on
        if self.dock.projects.teaching.switch != "on":
            raise RuntimeError("The key did not turn the lesson on.")
        QTest.mouseClick(self.dock.correct.button, Qt.MouseButton.LeftButton)
        window = self.dock.window()
        assert window is not None  # it was added to one
        QApplication.setActiveWindow(window)  # where nobody manages windows none is active
        self.wait(window.isActiveWindow)
        self.canvas.setFocus()
        self.settle()

    @property
    def mode(self) -> CorrectMode:
        """The tools of the open session."""
        mode = self.dock.correct.mode
        assert mode is not None, self.dock.status.text()
        return mode

    def shoot(self, name: str) -> None:
        """Save the window as it is."""
        self.settle()
        pixels = np.asarray(self.viewer.screenshot(canvas_only=False, flash=False))
        Image.fromarray(pixels[..., :3]).save(self.pictures / f"{name}.png")

    def correct(self, truth: NDArray[np.integer], middle: str) -> tuple[int, int]:
        """Go through the queue to its end, but for the group of small regions.

        Args:
            truth: index of the word of every pixel; what is no index is unknown.
            middle: name of the picture that is taken when half of the regions were looked at; empty: none.

        Returns:
            How many regions were looked at, and how many were given another class.
        """
        looks = assigned = 0
        half = self.mode.review.queue.left.regions // 2
        self.key(Qt.Key.Key_D)
        while self.mode.review.on:
            (region,) = self.mode.selection
            if self.session.region(region).verdict is not None:
                break  # the last one stays selected
            if looks == half and middle:
                self.shoot(middle)
            assigned += self.decide(region, truth[self.session.regions == region])
            looks += 1
            if self.session.region(region).verdict is None:
                raise RuntimeError(f"Region {region} is undecided; {self.dock.status.text()}")
        return looks, assigned

    def decide(self, region: int, pixels: NDArray[np.integer]) -> bool:
        """Say the truth of the region that is selected; return whether it was given another class."""
        votes = np.bincount(pixels, minlength=len(self.words))[: len(self.words)]
        if not votes.any():
            self.key(Qt.Key.Key_Backspace)
            return False
        index = int(votes.argmax())
        value = self.session.vocabulary.values[index]
        if self.session.region(region).value == value:
            self.key(Qt.Key.Key_Return)
            return False
        if index < DIGITS:
            self.key(Qt.Key(int(Qt.Key.Key_0) + (index + 1) % 10))
        else:
            self.find(self.words[index])
        if self.session.region(region).value != value:
            raise RuntimeError(f"Region {region} is no {self.words[index]}.")
        return True

    def find(self, word: str) -> None:
        """Assign a class without a digit: /, as much of its name as no other begins with, Enter."""
        self.key(Qt.Key.Key_Slash)
        typed = beginning(word, self.words)
        line = self.dock.correct.finder.line
        QTest.keyClicks(line, typed)
        QTest.keyClick(line, Qt.Key.Key_Return)
        self._done(len(typed) + 1)
        self.canvas.setFocus()

    def leave(self, verified: bool) -> None:
        """Go to the next image, and wait until it is there."""
        review = self.dock.projects.review
        before = review.record
        assert before is not None  # one is shown
        if verified:
            self.key(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        else:
            self.key(Qt.Key.Key_PageDown)
        self.wait(
            lambda: (
                review.has_session
                and not review.is_opening
                and review.record is not None
                and review.record.id != before.id
            )
        )

    def tell(
        self, truths: dict[str, NDArray[np.integer]], networks: dict[str, float], corrected: int
    ) -> list[Row]:
        """Go through all images; correct the first of them, and only open the others."""
        rows = []
        for number in range(len(truths)):
            if number:
                self.leave(verified=number <= corrected)
            record = self.dock.projects.review.record
            assert record is not None  # it was waited for
            name = record.path.rpartition("/")[2]
            if number < SHOWN:
                self.shoot(f"{number + 1}-opened")
            truth, before = truths[name], self.actions
            opened, end, looks, assigned = self.right(truth), None, 0, 0
            if number < corrected:
                looks, assigned = self.correct(truth, "2-middle" if number == 1 else "")
                end = self.right(truth)
            rows.append(
                Row(name, networks[name], opened, end, looks, assigned, self.actions - before)
            )
            print(rows[-1], flush=True)
        if corrected == len(truths):
            self.key(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
            self.settle()
        return rows

    def right(self, truth: NDArray[np.integer]) -> float:
        """Return the share of the known pixels that are right now."""
        return share_right(self.session, truth)


def beginning(word: str, words: Sequence[str]) -> str:
    """Return as much of a word as no other of the words begins with; all of it where one begins with all."""
    others = [other for other in words if other != word]
    for end in range(1, len(word)):
        if not any(other.startswith(word[:end]) for other in others):
            return word[:end]
    return word


def share_right(session: Session, truth: NDArray[np.integer]) -> float:
    """Return the share of the known pixels that have their class."""
    values = np.array(session.vocabulary.values)
    known = truth < len(values)
    return float((session.labels[known] == values[truth[known]]).mean())


def tell(
    streets: Path,
    pictures: Path,
    *,
    first: int = 0,
    images: int = 5,
    corrected: int | None = None,
    words: Sequence[str] = WORDS,
    segments: int | None = None,
) -> list[Row]:
    """Make the project, and tell the story.

    Args:
        streets: has ``images`` and ``labels``.
        pictures: folder for pictures of the window; made where there is none.
        first: number of the first photograph, in the order of their names, from 0.
        images: how many there are.
        corrected: how many of them are corrected; ``None``: all.
        words: the classes, in the order of the truth's values.
        segments: about how many superpixels there are; ``None``: as many as usual.
    """
    chosen = sorted((streets / "images").iterdir())[first : first + images]
    truths = {
        photograph.name: np.asarray(iio.imread(streets / "labels" / f"{photograph.stem}.png"))
        for photograph in chosen
    }
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        photographs, folder = Path(made, "photographs"), Path(made, "streets")
        photographs.mkdir()
        for photograph in chosen:
            shutil.copyfile(photograph, photographs / photograph.name)
        options = None if segments is None else {"n_segments": segments}
        recipe = Recipe(preset="demo", regions="superpixels", region_options=options)
        networks = {}
        with Project.create(folder, ", ".join(words), photographs, recipe=recipe) as project:
            project.run(progress=False)
            for item in project.items():
                name = item.path.rpartition("/")[2]
                with project.session(item) as session:
                    networks[name] = share_right(session, truths[name])
            path = project.folder
        print(HEAD)
        story = Story(path, words, pictures)
        try:
            return story.tell(truths, networks, len(chosen) if corrected is None else corrected)
        finally:
            story.close()


def main() -> None:
    """Tell the story, and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("streets", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--first", type=int, default=0, help="the first photograph, from 0")
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--corrected", type=int, help="the others are only opened; default: all")
    parser.add_argument("--words", default=", ".join(WORDS), help="in the order of the truth")
    parser.add_argument("--segments", type=int, help="superpixels of an image, about")
    options = parser.parse_args()
    tell(
        options.streets,
        options.pictures,
        first=options.first,
        images=options.images,
        corrected=options.corrected,
        words=options.words.split(", "),
        segments=options.segments,
    )


if __name__ == "__main__":
    main()
