"""Sets of images that are made and run once in a process of tests, and copied for each test that asks."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

_MADE: dict[str, Path] = {}


def prepared(images: Path, of: str, make: Callable[[Path], Path]) -> Path:
    """Return what ``make`` makes beside a folder of images; of the same images it is made once, and copied.

    ``of`` tells what else it depends on. The images get the times that those had of which it was made, so
    that they are the ones that were run.
    """
    files = sorted(path for path in images.rglob("*") if path.is_file())
    said = sha256(f"{make.__module__}.{make.__qualname__} {of}".encode())
    for path in files:
        said.update(f"{path.relative_to(images)}\0".encode() + sha256(path.read_bytes()).digest())
    folder = _MADE.get(said.hexdigest())
    if folder is None:
        base = Path(tempfile.mkdtemp(prefix="prepared-"))
        atexit.register(shutil.rmtree, base, ignore_errors=True)
        shutil.copytree(images, base / images.name)
        folder = _MADE[said.hexdigest()] = make(base / images.name)
    copied = images.with_name(folder.name)
    shutil.copytree(folder, copied, symlinks=True)
    for path in files:
        before = (folder.parent / images.name / path.relative_to(images)).stat()
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return copied
