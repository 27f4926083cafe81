"""The actions that four tasks cost, counted while real mouse and keys do them.

    xvfb-run -a -s "-screen 0 1400x900x24" python -m tools.action_counts STREETS

An action is a click, a key, a stroke of the mouse, or a line that is typed; scrolling to what is not in view
is one too. STREETS is a folder with photographs in ``images`` and maps of the truth in ``labels``.

1. The demo, from the open dock to its first result.
2. The superpixels of one photograph, from the first result to 95 % of the pixels: by click and key, two for
   each region, and by sweeps, a key that is held and a stroke.
3. The files of one image, from its result.
4. Twelve photographs, from the open dock to the last that is verified: opened as a project, labelled, gone
   through. What a person would correct is left out; how long each image takes to come is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QFileDialog, QLineEdit, QScrollArea
from scipy import ndimage
from skimage.graph import MCP_Geometric

from napari_corrclip.annotation import Session
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.project.opening import WordsDialog
from napari_corrclip.maps.strokes import line, touched
from napari_corrclip.regions.options import SuperpixelOptions
from tools.hand import LEFT, Hand

CLASSES = (
    "sky", "building", "pole", "road", "pavement", "tree",
    "sign", "fence", "car", "pedestrian", "cyclist",
)  # fmt: skip
IGNORED = 11
GOAL = 0.95
SEGMENTS = 350


class Counted(Hand):
    """Somebody at the mouse and the keys, who scrolls to what is out of view."""

    def press(self, button: QAbstractButton) -> None:
        """Click on a button, scrolling to it first where it is out of view."""
        if button.visibleRegion().isEmpty():
            for area in self.dock.findChildren(QScrollArea):
                if area.isAncestorOf(button):
                    area.ensureWidgetVisible(button)
                    self._done()
        if button.visibleRegion().isEmpty():
            raise RuntimeError(f"{button.text()!r} is not on the screen; a hand cannot press it.")
        QTest.mouseClick(button, LEFT, pos=button.visibleRegion().boundingRect().center())
        self._done()


def demo() -> int:
    """Count the first task."""
    hand = Counted()
    hand.press(hand.dock.bar.demo_button)
    hand.wait_for_result()
    hand.close()
    return hand.actions


def export(hand: Counted) -> int:
    """Count the third task, after a result."""
    before = hand.actions
    tabs = hand.dock.pages.tabs
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(list(Page).index(Page.EXPORT)).center())
    hand.actions += 1
    QApplication.processEvents()
    hand.press(hand.dock.export.button)
    hand.wait(lambda: not hand.dock.controller.running)
    print("  ", hand.dock.status.text())
    return hand.actions - before


def correct(photograph: Path, truth: NDArray[np.uint8], *, sweeps: bool) -> dict[str, Any]:
    """Count the second task: to :data:`GOAL` of the pixels, the largest gain first."""
    hand = Counted()
    hand.viewer.open(str(photograph), plugin="napari", rgb=True)
    hand.settle()
    hand.dock.model.preset.setCurrentText("demo")
    hand.dock.model.regions.setCurrentText("superpixels")
    hand.dock.model.advanced.regions.take(SuperpixelOptions(n_segments=SEGMENTS))
    hand.type(", ".join(CLASSES))
    hand.press(hand.dock.bar.run_button)
    hand.wait_for_result()
    session = hand.session
    begin = share_right(session, truth)
    hand.actions = 0
    hand.press(hand.dock.correct.button)
    work = by_sweeps if sweeps else by_click_and_key
    work(hand, session, truth)
    hand.settle()
    result = {
        "regions": len(session.ids),
        "right at first": round(begin, 4),
        "right at last": round(share_right(session, truth), 4),
        "actions": hand.actions,
    }
    if sweeps:
        result["export"] = export(hand)
    hand.close()
    return result


def twelve(photographs: list[Path], picture: Path | None) -> dict[str, Any]:
    """Count the fourth task."""
    hand = Counted()
    dock, review = hand.dock, hand.dock.projects.review
    dock.model.preset.setCurrentText("demo")
    dock.model.regions.setCurrentText("superpixels")
    folder = photographs[0].parent
    clock = QTimer()

    def answer() -> None:
        """Write the folder into the system's dialog, and the classes into ours."""
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QFileDialog):
            (line, *_) = dialog.findChildren(QLineEdit)
            line.setText(str(folder))  # pasted
            QTest.keyClick(line, Qt.Key.Key_Return)
        elif isinstance(dialog, WordsDialog):
            QTest.keyClicks(dialog.line, ", ".join(CLASSES))
            QTest.keyClick(dialog.line, Qt.Key.Key_Return)
        else:
            return
        hand.actions += 1  # a line that is typed

    clock.timeout.connect(answer)
    clock.start(50)
    hand.press(dock.projects.open_button)
    hand.wait(lambda: review.project is not None)  # the questions come when the folder was read
    clock.stop()
    hand.wait(lambda: not dock.projects.run.running)
    hand.wait(lambda: review.has_session)
    if picture is not None:
        hand.settle()
        dock.projects.panel.view.clearFocus()
        hand.canvas.setFocus()
        QTest.qWait(1500)  # the small pictures
        Image.fromarray(
            np.asarray(hand.viewer.screenshot(canvas_only=False, flash=False))[..., :3]
        ).save(picture)
    window = dock.window()
    assert window is not None

    QApplication.setActiveWindow(
        window
    )  # where nobody manages windows, a dialog leaves none active
    hand.wait(window.isActiveWindow)
    seconds = []
    for number in range(len(photographs)):
        hand.settle(1.5)  # a person looks; meanwhile the next one is read
        began, before = perf_counter(), review.record
        hand.key(Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        if number < len(photographs) - 1:
            assert before is not None  # what is verified

            def arrived(former: int = before.id) -> bool:
                shown = review.record
                opened = review.has_session and not review.is_opening
                return opened and shown is not None and shown.id != former

            hand.wait(arrived)
            seconds.append(perf_counter() - began)
    project = review.project
    assert project is not None  # opened above
    verified = len(project.items("verified"))
    result = {
        "verified": verified,
        "actions": hand.actions,
        "seconds to the next, median and most": [
            round(float(np.median(seconds)), 3),
            round(max(seconds), 3),
        ],
    }
    hand.close()
    return result


def share_right(session: Session, truth: NDArray[np.uint8]) -> float:
    """Return the share of the known pixels that have their class."""
    known = truth != IGNORED
    return float((session.labels[known] == truth[known] + 1).mean())


def wanted(session: Session, truth: NDArray[np.uint8]) -> dict[int, int]:
    """Return the class of the truth that most pixels of each region have, by its id."""
    found = {}
    for region in session.ids.tolist():
        votes = np.bincount(truth[session.regions == region], minlength=IGNORED + 1)[:IGNORED]
        if votes.any():
            found[region] = int(votes.argmax())
    return found


def gain(session: Session, truth: NDArray[np.uint8], regions: list[int], class_: int) -> int:
    """Return how many pixels more are right once regions have a class."""
    inside = np.isin(session.regions, regions) & (truth != IGNORED)
    right = session.labels[inside] == truth[inside] + 1
    return int((truth[inside] == class_).sum() - right.sum())


def by_click_and_key(hand: Counted, session: Session, truth: NDArray[np.uint8]) -> None:
    """Click on a region and press its class's key, the largest gain first."""
    classes = wanted(session, truth)
    gains = {region: gain(session, truth, [region], class_) for region, class_ in classes.items()}
    for region in sorted(gains, key=lambda region: -gains[region]):
        if share_right(session, truth) >= GOAL or gains[region] <= 0:
            return
        hand.click(inside_of(session.regions == region))
        give(hand, session, classes[region])


def give(hand: Counted, session: Session, class_: int) -> None:
    """Assign a class to what is selected: by its digit, or found by its name."""
    if class_ < 10:
        hand.key(digit(class_))
        return
    hand.key(Qt.Key.Key_Slash)
    QTest.keyClicks(hand.dock.correct.finder.line, CLASSES[class_])
    QTest.keyClick(hand.dock.correct.finder.line, Qt.Key.Key_Return)
    hand.actions += 2
    hand.canvas.setFocus()
    QApplication.processEvents()


def digit(class_: int) -> Qt.Key:
    """Return the key of one of the first ten classes."""
    return Qt.Key(int(Qt.Key.Key_0) + (class_ + 1) % 10)


def by_sweeps(hand: Counted, session: Session, truth: NDArray[np.uint8]) -> None:
    """Draw strokes inside the connected regions of one class, the largest gain first."""
    classes = wanted(session, truth)
    camera: Any = getattr(hand.viewer, "scene", hand.viewer).camera
    strokes = []
    for class_ in sorted(set(classes.values())):
        alike = [region for region, value in classes.items() if value == class_]
        parts, count = ndimage.label(np.isin(session.regions, alike))
        for part in range(1, count + 1):
            within = parts == part
            wrong = [
                region
                for region in np.unique(session.regions[within]).tolist()
                if session.region(region).value != class_ + 1
            ]
            if wrong and gain(session, truth, wrong, class_) > 0:
                strokes.append((gain(session, truth, wrong, class_), class_, within, wrong))
    for _, class_, within, wrong in sorted(strokes, key=lambda one: -one[0]):
        if share_right(session, truth) >= GOAL:
            return
        left = [region for region in wrong if session.region(region).value != class_ + 1]
        while left:
            corners, reached = route(session.regions, within, left, camera.zoom)
            if class_ < 10 and len(left) > 1:
                hand.sweep(digit(class_), corners)
            else:
                reached = left[:1]
                hand.click(inside_of(session.regions == reached[0]))
                give(hand, session, class_)
            missed = [region for region in reached if session.region(region).value != class_ + 1]
            if missed:
                raise RuntimeError(f"The stroke missed regions {missed}; {hand.dock.status.text()}")
            left = [region for region in left if region not in reached]


def route(
    regions: NDArray[np.int32], within: NDArray[np.bool_], wanted: list[int], zoom: float
) -> tuple[NDArray[np.float64], list[int]]:
    """Return the corners of a line that stays in a part of the image, and which regions it comes to."""
    free = ndimage.binary_erosion(within, iterations=2)
    deep = np.zeros(
        regions.shape, bool
    )  # where a line is surely inside a region, and not at its border
    for region in wanted:
        depth = ndimage.distance_transform_edt(np.pad(regions == region, 1))[1:-1, 1:-1]
        deep |= depth >= min(3.0, depth.max())
    here = inside_of(regions == wanted[0]).astype(int)
    free[tuple(here)] = True
    corners, reached, left = [here], [wanted[0]], set(wanted[1:])
    while left:
        search = MCP_Geometric(np.where(free, 1.0, -1.0))
        costs, _ = search.find_costs([tuple(here)])
        costs = np.where(np.isin(regions, sorted(left)) & free & deep, costs, np.inf)
        if not np.isfinite(costs).any():
            break
        end = np.unravel_index(int(costs.argmin()), costs.shape)
        path = [np.array(place) for place in search.traceback(end)]
        corners += straightened(path, within, zoom)
        here = path[-1]
        region = int(regions[tuple(here)])
        reached.append(region)
        left.discard(region)
    return np.array(corners, float), reached


def straightened(
    path: list[NDArray[np.intp]], within: NDArray[np.bool_], zoom: float
) -> list[NDArray[np.intp]]:
    """Return the places of a path between which straight strokes stay in a part of the image."""
    corners, at = [], 0
    while at < len(path) - 1:
        to = at + 1
        for far in range(min(at + 60, len(path) - 1), at, -1):
            ends = path[at].astype(float), path[far].astype(float)
            if within[touched(line(*ends, np.eye(2) * zoom, 2.0), within.shape)].all():
                to = far
                break
        corners.append(path[to])
        at = to
    return corners


def inside_of(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the place that is deepest inside."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return np.array(np.unravel_index(int(depth.argmax()), depth.shape), float)


def main() -> None:
    """Do the tasks, and print what each costs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("streets", type=Path)
    parser.add_argument("--photograph", default="0016E5_06420")
    parser.add_argument("--twelve", action="store_true", help="the fourth task alone")
    parser.add_argument("--picture", type=Path, help="of the page Images, in the fourth task")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())  # of its own, for the files and the corrections
    os.environ["NAPARI_CORRCLIP_SESSIONS"] = str(folder / "sessions")
    many = folder / "photographs"
    many.mkdir()
    images = sorted((options.streets / "images").glob("*.jpg"))
    for image in images[:: len(images) // 12][:12]:
        shutil.copyfile(image, many / image.name)
    last = twelve(sorted(many.iterdir()), options.picture)
    if options.twelve:
        print(json.dumps({"twelve photographs": last}, indent=1))
        return
    truth = np.asarray(iio.imread(options.streets / "labels" / f"{options.photograph}.png"))
    counted: dict[str, Any] = {
        "twelve photographs": last,
        "demo to the first result": demo(),
    }
    for name, sweeps in (("click and key", False), ("sweeps", True)):
        photograph = (
            folder / f"{name.replace(' ', '-')}.jpg"
        )  # else the second is offered the first's work
        shutil.copyfile(options.streets / "images" / f"{options.photograph}.jpg", photograph)
        counted[name] = correct(photograph, truth, sweeps=sweeps)
    print(json.dumps(counted, indent=1))


if __name__ == "__main__":
    main()
