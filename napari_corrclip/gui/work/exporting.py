"""The files of a corrected image, under the image's own name, all written whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from napari_corrclip.annotation import Session
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.layer_files import file_of
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.maps.regions import as_ids
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.results.label_files import write_label_png, write_tiff
from napari_corrclip.results.overlay import draw_overlay
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.files import atomic_path
from napari_corrclip.wording.csv_cells import table_to_csv

_UNFIT = re.compile(r'[\x00-\x1f/\\:*?"<>|]+')
Write = Callable[[Session, Path], object]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file.

    Attributes:
        title: in the window.
        tip: what it is for.
        ending: follows the image's name.
        write: of the session, to a path.
        beside: further files that belong to it.
    """

    title: str
    tip: str
    ending: str
    write: Write
    beside: Mapping[str, Write]


def _classes(session: Session, path: Path) -> None:
    session.vocabulary.save(path)


def _table(session: Session, path: Path) -> None:
    path.write_text(table_to_csv(session.table), encoding="utf-8", newline="")


def _overlay(session: Session, path: Path) -> None:
    if session.image is None:
        raise InputError(
            "The overlay needs the image, and this session has none at hand; leave the overlay out, or "
            "run once more."
        )
    picture = draw_overlay(session.image, session.labels, session.regions, session.vocabulary)
    Image.fromarray(picture).save(path)


FORMATS: Mapping[str, Format] = {
    "png": Format(
        "Labels as indexed PNG",
        "A pixel's value is its class, shown in the class's colour; to 255 classes. The classes are "
        "written beside it as CSV",
        ".labels.png",
        lambda session, path: write_label_png(path, session.labels, session.vocabulary),
        {".labels.classes.csv": _classes},
    ),
    "tiff": Format(
        "Labels as TIFF",
        "16 bits, for any number of classes. The classes are written beside it as CSV",
        ".labels.tif",
        lambda session, path: write_tiff(path, session.labels),
        {".labels.classes.csv": _classes},
    ),
    "regions": Format(
        "Regions as TIFF",
        "A pixel's value is the number of its region",
        ".regions.tif",
        lambda session, path: write_tiff(path, as_ids(session.regions)),
        {},
    ),
    "table": Format(
        "Table of the regions",
        "CSV: a row a region, with its class, how sure it is, its size and what was decided",
        ".regions.csv",
        _table,
        {},
    ),
    "overlay": Format(
        "Overlay with legend",
        "PNG: a picture to look at, the classes over the image",
        ".overlay.png",
        _overlay,
        {},
    ),
}
"""The formats by a short name, in the order of the window."""


def name_for(picture: Picture) -> str:
    """Return the name that files of a picture have: the image's own, and which part of it."""
    file = _opened_as(picture)
    name = picture.name if file is None else file.stem
    parts = [name, *(str(index) for index in picture.where)]
    if picture.level:
        parts.append(f"level{picture.level}")
    if picture.box is not None:
        parts.append("rows{}-{}_columns{}-{}".format(*_sides(picture.box)))
    return _UNFIT.sub("_", "_".join(parts)).strip(". ") or "image"


def _sides(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    top, left, bottom, right = box
    return top, bottom - 1, left, right - 1


def folder_for(picture: Picture) -> Path:
    """Return the folder that files of a picture go to if nobody says another: beside the image."""
    file = _opened_as(picture)
    return Path.home() if file is None else file.absolute().parent


def _opened_as(picture: Picture) -> Path | None:
    """Return the file of a picture as it was opened: the link, where it is known, and not its target."""
    source, layer = picture.source, picture.layer
    if source is None:
        return None
    link = None if layer is None else file_of(layer)
    is_it = link is not None and str(Path(link).resolve()) == source.path
    return Path(link if is_it and link is not None else source.path)


def paths_of(folder: Path, name: str, formats: Iterable[str]) -> list[Path]:
    """Return what would be written."""
    endings: dict[str, None] = {}
    for chosen in formats:
        endings |= dict.fromkeys([FORMATS[chosen].ending, *FORMATS[chosen].beside])
    return [folder / f"{name}{ending}" for ending in endings]


def export_steps(
    session: Session, folder: Path, name: str, formats: Iterable[str]
) -> Steps[list[Path]]:
    """Write the files; none takes its place before all of them are written.

    Args:
        session: of which a copy is made now and written, so that it may be edited meanwhile.
        folder: made where it does not exist.
        name: how the files' names begin.
        formats: keys of :data:`FORMATS`.

    Raises:
        InputError: a class does not fit a format, the image is missing, or it cannot be written.
    """
    written: dict[Path, Write] = {}
    for chosen in formats:
        kind = FORMATS[chosen]
        for ending, write in {kind.ending: kind.write, **kind.beside}.items():
            written[folder / f"{name}{ending}"] = write
    return _written(session.copy(), folder, written)


def _written(copy: Session, folder: Path, written: dict[Path, Write]) -> Steps[list[Path]]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    with ExitStack() as files:
        for number, (path, write) in enumerate(written.items()):
            yield Progress("write the files", number, len(written))
            temporary = files.enter_context(atomic_path(path))
            try:
                write(copy, temporary)
            except OSError as error:
                raise cannot_write(path, error) from error
    return list(written)
