"""What the options that ``segment`` and ``demo`` share mean, looked at before anything heavy."""

from __future__ import annotations

import os
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.model import FILE_SUFFIXES

REGION_KINDS = ("sam", "superpixels")


def read_classes(text: str) -> Vocabulary:
    """Return the vocabulary that ``--classes`` gives: text, or the name of a file of it.

    Raises:
        InputError: it cannot be read, or names a file of another kind, which would otherwise be a
            class of that name.
    """
    name = text.strip()
    if (
        "\n" not in name
        and (Path(name).suffix or os.sep in name)  # a folder called cat forbids no class
        and not name.lower().endswith(FILE_SUFFIXES)
        and os.path.exists(name)  # noqa: PTH110 - text of any length, which Path.exists refuses
    ):
        raise InputError(
            f"--classes {name!r} is a file or folder and no vocabulary; give classes such as "
            f"'cat, dog', or a file of them on {', '.join(FILE_SUFFIXES)}."
        )
    return Vocabulary.coerce(text)


def check_regions(regions: str) -> None:
    """Raise InputError where ``--regions`` is neither a kind nor a file or folder."""
    if regions in REGION_KINDS:
        return
    choice = f"choose {' or '.join(REGION_KINDS)}, or give the path of a region map."
    if not regions.strip():
        raise InputError(f"--regions is empty ({regions!r}); {choice}")
    if not os.path.exists(regions):  # noqa: PTH110 - text of any length, which Path.exists refuses
        raise InputError(f"There are no regions {regions!r}; {choice}")
    # A pipe would wait for a writer, a device never end.
    if not (Path(regions).is_file() or Path(regions).is_dir()):
        raise InputError(f"The regions {regions!r} are no regular file; {choice}")
