"""The figures of images kept on the disk while a set is measured, so that a run that ended goes on."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.regions.protocol import RegionSource
from napari_corrclip.results.segmentation import package_versions
from napari_corrclip.storage.files import write_bytes

_UNFINISHED: Final = "unfinished-"
_COMMAND: Final = "command.txt"


@dataclass(frozen=True)
class OfImage:
    """The figures of a row on an image.

    Attributes:
        counts: by vocabulary (3, K) int64, see :func:`~napari_corrclip.evaluation.resampling.class_counts`.
        seconds: of regions, encoding and classifying, as if the row had run alone.
        regions: how many regions there were.
        changes: counted pixels in all, and of these those labelled otherwise than by the row that it is
            compared with: all, those that became right, those that became wrong; by the first vocabulary.
    """

    counts: Mapping[str, NDArray[np.int64]]
    seconds: tuple[float, float, float]
    regions: int
    changes: tuple[int, int, int, int]


class Kept:
    """A folder of figures, a file for each image and source of regions.

    Args:
        folder: that gets the results; a folder in it, of the key's name, is kept until :meth:`remove`.
        key: whatever the figures depend on: the same run has the same text.
        command: by which the run goes on, kept beside the figures; empty: nobody is to be told.
    """

    def __init__(self, folder: Path, key: str, command: str = "") -> None:
        self.prefix = ""
        self.command = command
        self.folder = folder / f"{_UNFINISHED}{_hashed(key)[:16]}"

    def of(self, part: str, *depends: str) -> Kept:
        """Return the place of one of several measurings of the same run.

        Args:
            part: its name.
            depends: what its figures depend on besides the key.
        """
        other = copy.copy(self)
        other.prefix = f"{part}-{_hashed(json.dumps(depends))[:8]}-" if depends else f"{part}-"
        return other

    def begun(self, images: int, sources: Collection[str]) -> int:
        """Return of how many images of a set figures by every source of regions are kept."""
        return sum(
            all(self._path(number, source).is_file() for source in sources)
            for number in range(images)
        )

    def read(
        self, number: int, source: str, rows: Sequence[str], classes: Mapping[str, int]
    ) -> dict[str, OfImage]:
        """Return what is kept of an image by a source, by row; what cannot be used is left out.

        Args:
            number: of the image.
            source: of the regions.
            rows: names of those that are asked for.
            classes: by vocabulary, how many there have to be.
        """
        found = {}
        with contextlib.suppress(OSError, ValueError):
            document = json.loads(self._path(number, source).read_bytes())
            for row in rows:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    found[row] = _of_image(document[row], classes)
        return found

    def write(self, number: int, source: str, found: Mapping[str, OfImage]) -> None:
        """Keep the figures of an image by a source.

        Raises:
            InputError: they cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        told = self.folder / _COMMAND
        if self.command and not told.exists():
            write_bytes(told, f"{self.command}\n".encode(errors="surrogateescape"))
        document = {
            row: {
                "counts": {name: counts.tolist() for name, counts in image.counts.items()},
                "seconds": image.seconds,
                "regions": image.regions,
                "changes": image.changes,
            }
            for row, image in found.items()
        }
        write_bytes(self._path(number, source), json.dumps(document).encode())

    def remove(self) -> None:
        """Remove everything that is kept; the results are written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int, source: str) -> Path:
        return self.folder / f"{self.prefix}{number:06d}-{source}.json"


def others_unfinished(folder: Path, mine: Collection[Path]) -> dict[Path, str]:
    """Return the places of other runs in a folder that did not end, each with its command where it is known.

    Args:
        folder: that gets the results.
        mine: places of the run that is on.
    """
    found = {}
    for place in sorted(folder.glob(f"{_UNFINISHED}*")):
        if place.is_dir() and place not in mine:
            found[place] = ""
            with contextlib.suppress(OSError):
                found[place] = (place / _COMMAND).read_text(errors="replace").strip()
    return found


def run_key(
    recipe: Recipe, sources: Mapping[str, RegionSource], set_key: str, rows: Mapping[str, str]
) -> str:
    """Return the text of what the figures of a run depend on.

    Args:
        recipe: of the networks.
        sources: of regions, by name.
        set_key: of the images.
        rows: by name, the fingerprint of each one's settings.
    """
    described = {name: dict(source.describe()) for name, source in sources.items()}
    versions = package_versions()
    return json.dumps([recipe.key(), described, set_key, dict(rows), versions], sort_keys=True)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _of_image(values: Any, classes: Mapping[str, int]) -> OfImage:
    """Return figures that were read; raises ValueError, KeyError or TypeError where they are none."""
    counts = {name: np.array(values["counts"][name]) for name in classes}
    for name, found in counts.items():
        if found.shape != (3, classes[name]) or found.dtype != np.int64 or found.min() < 0:
            raise ValueError("these are no counts")
    regions, encode, classify = (float(value) for value in values["seconds"])
    counted, changed, repaired, broken = (int(value) for value in values["changes"])
    return OfImage(
        counts,
        (regions, encode, classify),
        int(values["regions"]),
        (counted, changed, repaired, broken),
    )
