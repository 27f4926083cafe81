"""Two people with known errors, each with a copy of one project that was run."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from napari_corrclip.annotation import Session
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project.project import Project
from tests.project.small import RECIPE, write_scenes

WORDS = "red, blue, background: wood"
CLASSES = ("red", "blue", "background")
Says = Callable[[Session, int], str]
"""What somebody says of a region: a class, ``ignore``, or nothing."""


def run_set(base: Path, segmenter: Segmenter, number: int = 3, words: str = WORDS) -> Path:
    """Make ``base/a`` of scenes in ``base/images``, run it, and return its folder."""
    (base / "images").mkdir(parents=True)
    write_scenes(base / "images", number, 60, 72)
    with Project.create(base / "a", words, base / "images", recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        return project.folder


def copied(folder: Path, name: str) -> Path:
    """Copy a project's folder beside it, as somebody does who works on a copy."""
    target = folder.with_name(f"{name}.corrclip-project")
    shutil.copytree(folder, target)
    return target


def annotate(folder: Path, says: Says, by: str, *, verify: bool = False) -> None:
    """Let somebody decide all regions of a project."""
    with Project.open(folder) as project:
        for item in project:
            with project.session(item, by=by) as session:
                said: dict[str, list[int]] = {}
                for region in session.ids.tolist():
                    said.setdefault(says(session, region), []).append(region)
                for what, regions in sorted(said.items()):
                    if what == "ignore":
                        session.ignore(regions)
                    elif what:
                        session.assign(regions, what)
            if verify:
                project.mark(item, "verified", by=by)


def with_errors(true: Says, rate: float, seed: int) -> Says:
    """Return somebody who says something else than is true of a share of the regions."""
    rng = np.random.default_rng(seed)

    def says(session: Session, region: int) -> str:
        right = true(session, region)
        if rng.random() >= rate:
            return right
        return str(rng.choice([name for name in CLASSES if name != right]))

    return says


def drawn(session: Session, region: int) -> str:
    """What is true of a region: drawn by its image and its number, each class as likely."""
    return CLASSES[np.random.default_rng([*session.shape, region]).integers(len(CLASSES))]


def content(folder: Path) -> dict[str, str]:
    """Return the checksum of each file of a folder, by its path inside."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
