"""The images beside their labels in an export, as a trainer reads them: upright, of 8 bits.

Masks lie as the picture is seen. A photograph that a camera stored turned, with a note which way, is read
upright by some programs and turned by others; its copy is therefore written upright.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.images.files import damage
from napari_corrclip.images.pictures import FORMATS, open_picture, orientation_of
from napari_corrclip.images.planes import opened
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.project.export.checks import check_size
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.untrusted import guarded

How = Literal["copy", "link", "none"]
"""What becomes of the images: they are copied, linked to, or stay where they are."""
HOWS: tuple[How, ...] = get_args(How)
_KINDS = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "BMP": (".bmp",), "WEBP": (".webp",)}
"""Pictures that every trainer reads, and how their names end."""
_MODES = {"1", "L", "LA", "P", "RGB", "RGBA"}
"""Of pictures, how Pillow calls their pixels, that every trainer reads alike; not of 16 bits, nor CMYK."""
_DEPTH = 24
"""Where in a PNG is how many bits a number has; Pillow says of colours of 16 bits that they are RGB."""
_PACKED = 256
"""Pixels that a byte of a file is taken to hold at most; a TIFF need not have the pixels that it tells."""
ENDINGS = tuple(ending for endings in _KINDS.values() for ending in endings)


def put_picture(image: LabelledImage, folder: Path, how: How) -> str:
    """Bring an image's picture into a folder; return its name there, else :func:`where_it_is`.

    What every trainer reads as it is seen is copied as it is; of what is stored turned, of 16 bits or in
    inks (CMYK), of planes and of other files (TIFF, zarr, …) a PNG is written of what the networks saw.

    Args:
        image: whose picture it is.
        folder: made where it does not exist.
        how: what becomes of it.

    Raises:
        InputError: the image is gone or cannot be read, or the folder cannot be written.
    """
    if not goes_along(image, how):
        return where_it_is(image)
    ending = "" if image.pixels is not None else _ending(image)
    name = f"{image.name}{ending or '.png'}"
    target = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not ending:
            Image.fromarray(pixels_of(image)).save(target, format="PNG", compress_level=1)
        elif how == "link":
            assert image.file is not None
            target.symlink_to(os.path.abspath(image.file))  # noqa: PTH100 - a link stays one
        else:
            assert image.file is not None
            shutil.copyfile(image.file, target)
    except OSError as error:
        if image.file is not None and not os.path.lexists(image.file):
            raise InputError(
                f"The image {str(image.file)!r} is gone; put it back, or export without pictures."
            ) from None
        raise cannot_write(target, error) from None
    return name


def goes_along(image: LabelledImage, how: How) -> bool:
    """Whether a picture is put into the export of its labels."""
    return how != "none" and (image.file is not None or image.pixels is not None)


def where_it_is(image: LabelledImage) -> str:
    """Return where the picture of an image is that is not in the export: its whole path, else its name.

    What leads from the project to it would lead elsewhere from the export.
    """
    if image.file is not None:
        return Path(os.path.abspath(image.file)).as_posix()  # noqa: PTH100 - a link stays one
    return image.path.rpartition("/")[2] or image.name


def place_for(image: LabelledImage) -> str:
    """Return the name under which a trainer looks for a picture that somebody has to put into the export."""
    ending = "." + image.path.rpartition("/")[2].rpartition(".")[2].lower()
    return f"{image.name}{ending if ending in ENDINGS and not image.plane else '.png'}"


@dataclass(slots=True)
class Missing:
    """The pictures that are to lie in an export and do not, so that somebody has to put them there.

    Attributes:
        first: where the first of them is to be, as seen from the folder of the export; empty: there is none.
        number: how many.
    """

    first: str = ""
    number: int = 0

    def add(self, place: str) -> None:
        """Note where one is to be."""
        self.first = self.first or place
        self.number += 1

    def told(self, reader: str, rule: str) -> list[str]:
        """Return the sentence about them, if there is one to say.

        Args:
            reader: who looks for them.
            rule: how they are called.
        """
        if not self.number:
            return []
        them = "the picture" if self.number == 1 else f"{self.number} pictures"
        first = "" if self.number == 1 else "the first one "
        return [
            f"{reader} needs {them} in the export, too: put {first or 'it '}at {self.first!r}"
            f"{'' if self.number == 1 else ' and the others likewise'}, upright ({rule})."
        ]


def pixels_of(image: LabelledImage) -> NDArray[np.uint8]:
    """Return (H, W, 3), the image as the networks saw it; it has a file or its pixels.

    Raises:
        InputError: its file cannot be read.
    """
    if image.pixels is not None:
        return image.pixels
    assert image.file is not None
    return read_plane(image.file, image.plane).rgb


def with_picture(image: LabelledImage, how: How, *, as_pixels: bool = False) -> LabelledImage:
    """Return an image with the pixels of its picture, where a copy of its file would not do.

    Args:
        image: with its labels.
        how: what becomes of the picture.
        as_pixels: whether a copy of a file never would.

    Raises:
        InputError: the picture is wanted and gone, cannot be read, or is of another size than the labels.
    """
    if how == "none" or image.pixels is not None or image.file is None:
        return image
    if not image.file.exists():
        raise InputError(
            f"The image {str(image.file)!r} is gone; put it back, or tell where it is (project relink)."
        )
    if not as_pixels and _ending(image):
        _check_shape(image, size_of(image.file))
        return image
    if hasattr(image.labels, "chunks"):  # a large one, which takes long to be read
        with opened(image.file, "image", where=image.plane) as plane:
            _check_shape(image, plane.size)
    pixels = read_plane(image.file, image.plane).rgb
    _check_shape(image, pixels.shape[:2])
    return replace(image, pixels=pixels)


def _check_shape(image: LabelledImage, shape: tuple[int, ...]) -> None:
    if shape != image.shape:
        raise InputError(
            f"The image {str(image.file)!r} has {shape} pixels, and its labels {image.shape}; put the image "
            "back that they are of."
        )


def is_turned(image: LabelledImage) -> bool:
    """Whether an image is stored turned, with a note which way, so that not every program sees it upright."""
    return not image.plane and image.file is not None and _look(image.file)[1] != 1


def size_of(picture: Path) -> tuple[int, int]:
    """Return the rows and columns of a picture as it is seen; of most kinds without reading its pixels.

    Raises:
        InputError: it cannot be read.
    """
    where = f"The image {str(picture)!r}"
    if picture.suffix.lower() in ENDINGS:
        with (
            guarded(where, "save or copy it again", damage=damage()),
            picture.open("rb") as file,
            open_picture(file, picture, FORMATS) as found,
        ):
            width, height = found.size
            return (width, height) if orientation_of(found) > 4 else (height, width)
    with opened(picture, "image") as plane:
        return check_size(plane.size, where, stored=_PACKED * picture.stat().st_size)


def _ending(image: LabelledImage) -> str:
    """Return how the name of a copy of the very file ends; empty where a copy is no picture as it is seen."""
    assert image.file is not None
    if image.plane or image.file.is_dir():
        return ""
    kind, turned = _look(image.file)
    ending = image.file.suffix.lower()
    return ending if turned == 1 and ending in _KINDS.get(kind, ()) else ""


def _look(file: Path) -> tuple[str, int]:
    """Return the kind of a picture that all trainers read alike, else empty; and how it lies, 1 to 8."""
    try:
        with file.open("rb") as opened, open_picture(opened, file, tuple(_KINDS)) as picture:
            if getattr(picture, "n_frames", 1) > 1:
                return "", 1
            kind, turned = picture.format or "", orientation_of(picture)
            opened.seek(_DEPTH)
            is_deep = kind == "PNG" and opened.read(1) == b"\x10"
            return kind if picture.mode in _MODES and not is_deep else "", turned
    except (OSError, InputError, SyntaxError, ValueError):
        return "", 1
