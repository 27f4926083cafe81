"""The options that ``segment`` and ``demo`` share, looked at before anything heavy."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.regions.options import REGION_KINDS, region_options
from napari_corrclip.storage.zarr_folders import check_zarr
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.model import FILE_SUFFIXES

RegionOptions = Mapping[str, int | float | str]


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


def read_numbered_classes(text: str) -> Vocabulary:
    """Return the vocabulary that ``--classes`` gives, of which the n-th line, where it has lines, is class n.

    Raises:
        InputError: as of :func:`read_classes`, or a line is not one class, so that others would be shifted.
    """
    from napari_corrclip.evaluation.datasets.folder import classes_in_order
    from napari_corrclip.vocabulary.files import check_a_class_a_line

    name = text.strip()
    if "\n" in name:
        check_a_class_a_line(text)
    elif name.lower().endswith(".txt") and os.path.isfile(name):  # noqa: PTH113 - as above
        return classes_in_order(Path(name))
    return read_classes(text)


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


def parse_region_options(texts: Sequence[str]) -> RegionOptions:
    """Return the options of ``--region-option``, each ``NAME=VALUE``, by name.

    Raises:
        InputError: one has another form, or two have one name.
    """
    options: dict[str, int | float | str] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if not (name and value):
            raise InputError(
                f"--region-option {text!r} is no NAME=VALUE; write for example points_per_side=32."
            )
        if name in options:
            raise InputError(f"--region-option {name!r} is given twice; leave one of them out.")
        options[name] = _number(value)
    return options


def check_region_options(options: RegionOptions, regions: str) -> None:
    """Raise InputError where the source that ``regions`` names would refuse ``options``."""
    if not options:
        return
    shown = ", ".join(f"{name}={value}" for name, value in options.items())
    if regions not in REGION_KINDS:
        raise InputError(
            f"--region-option {shown} goes with --regions {' or '.join(REGION_KINDS)}, and "
            f"{regions!r} is a region map that is there already; leave one of them out."
        )
    region_options(regions, options)


def check_scale_options(
    scale: float | None, tile: int | None, overlap: int | None, detail: str
) -> None:
    """Raise InputError where options of large images do not go together, or zarr is not installed."""
    if scale is None:
        for name, value in (("tile", tile), ("overlap", overlap)):
            if value is not None:
                raise InputError(f"--{name} goes with --scale; add it or leave --{name} out.")
        return
    if detail != "standard":
        raise InputError(
            f"--detail {detail} does not go with --scale, which sets the size that the networks see; leave "
            "one of the two out."
        )
    check_zarr()


def _number(text: str) -> int | float | str:
    """``text`` as a whole number or another number, where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
