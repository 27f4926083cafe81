"""One image's result as a folder.

``labels.png``
    the class of each pixel by label value, an indexed PNG in the classes' colours; ``labels.tif``
    (uint16) instead where a value is above 255.
``regions.tif``
    region ids; uint16, or int32 above 65535.
``regions.csv``
    the region table (:func:`napari_corrclip.maps.table.region_table`).
``overlay.png``
    the classes over the image, with a legend, where the image was given.
``vocabulary.yaml``
    names, prompts, values and colours of the classes.
``provenance.json``
    versions, networks with licences, settings, seconds, and what the user is to be told.
``demo.png``
    of a scene of the demo: the image, its truth and the prediction.
``arrays.npz``
    what no other program asks for: ``confidence``, ``pixel_labels``, ``region_probabilities``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.regions import as_ids, check_regions
from napari_corrclip.results import label_files as maps
from napari_corrclip.storage.arrays import read_npz
from napari_corrclip.storage.disk import copy_tree, remove
from napari_corrclip.storage.folders import Locate, Writer, read_whole, staged, write_folder
from napari_corrclip.storage.names import MAX_BYTES, cut
from napari_corrclip.storage.text_files import dump_yaml, load_json, read_text
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.csv_cells import table_to_csv

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "napari-corrclip result 1"
LARGE_FORMAT = "napari-corrclip result 1, large"
LARGE_MAPS = "maps.zarr"
"""A large image's maps; see :mod:`napari_corrclip.results.zarr_maps`."""
OWNED = frozenset(
    {
        "labels.png", "labels.tif", "regions.tif", "regions.csv", "overlay.png", "vocabulary.yaml",
        "provenance.json", "arrays.npz", "demo.png",
    }
)  # fmt: skip
"""Every file name that a result may have."""
ALL_OWNED = OWNED | {LARGE_MAPS}
"""Every name that any result, an ordinary or a large one, may have in its folder."""
_PROVENANCE = "provenance.json"
_READ = (_PROVENANCE, "vocabulary.yaml", "labels.png", "labels.tif", "regions.tif", "arrays.npz")

_ARRAYS = {"confidence": np.float16, "pixel_labels": np.uint16, "region_probabilities": np.float32}


@dataclass(frozen=True)
class ReadResult:
    """The content of a result's folder; shapes and types are checked, and all maps have one shape."""

    labels: NDArray[np.uint16]
    regions: NDArray[np.int32]
    arrays: Mapping[str, NDArray[Any]]
    vocabulary: Vocabulary
    provenance: dict[str, Any]
    notes: tuple[str, ...]


def write_result(
    folder: Path,
    *,
    labels: NDArray[np.uint16],
    regions: NDArray[np.int32],
    table: pd.DataFrame,
    vocabulary: Vocabulary,
    arrays: Mapping[str, NDArray[Any]],
    provenance: Mapping[str, Any],
    notes: Sequence[str] = (),
    image: NDArray[np.uint8] | None = None,
    demo_picture: bytes | None = None,
) -> None:
    """Write a result's files into ``folder``, all or none; what else lies there stays.

    Raises:
        InputError: it cannot be written, the image is of another size than the labels, or somebody
            else's files would be replaced.
    """
    foreign = foreign_files(folder)
    if foreign:
        raise InputError(
            f"{str(folder / foreign[0])!r} is there and no result of this program's, and would be "
            "replaced; move it away or save to another folder."
        )
    document = {"format": FORMAT, "notes": list(notes), **provenance}
    writers: dict[str, Writer] = {
        "regions.tif": lambda path: maps.write_tiff(path, as_ids(regions)),
        "regions.csv": lambda path: path.write_text(table_to_csv(table), encoding="utf-8"),
        "vocabulary.yaml": lambda path: path.write_text(_words(vocabulary), encoding="utf-8"),
        "arrays.npz": lambda path: np.savez_compressed(path, allow_pickle=False, **arrays),
        "provenance.json": lambda path: path.write_text(
            json.dumps(document, indent=2, ensure_ascii=False) + "\n",
            encoding="utf-8",
            errors="backslashreplace",  # a path's bytes that are no text, as JSON escapes them
        ),
    }
    # By the vocabulary and not by what happens to occur: all images of a project are written alike.
    if max(vocabulary.values) <= 255:
        writers["labels.png"] = lambda path: maps.write_label_png(path, labels, vocabulary)
    else:
        writers["labels.tif"] = lambda path: maps.write_tiff(path, labels)
    if image is not None:
        writers["overlay.png"] = _overlay(image, labels, regions, vocabulary)
    if demo_picture is not None:
        writers["demo.png"] = lambda path: path.write_bytes(demo_picture)
    write_folder(folder, writers, owned=ALL_OWNED)


@lru_cache(maxsize=4)
def _words(vocabulary: Vocabulary) -> str:
    """Return the text of a vocabulary, which takes longer than the file, and is the same for a whole set."""
    return dump_yaml(vocabulary.to_document())


def copy_result(source: Path, folder: Path) -> None:
    """Copy the files of a result, an ordinary or a large one, into another folder: all of them or none.

    Args:
        source: has the result.
        folder: made with its parents where it does not exist.

    Raises:
        InputError: it cannot be read, or written.
    """
    with staged(folder, owned=ALL_OWNED) as stage:

        def copy(locate: Locate) -> None:
            for left in stage.iterdir():  # of a result that was exchanged meanwhile
                remove(left)
            for name in sorted(ALL_OWNED):
                path = locate(name)
                if path.is_dir():
                    copy_tree(path, stage / name)
                elif path.is_file():
                    shutil.copyfile(path, stage / name)

        read_whole(source, sorted(ALL_OWNED), copy)


def foreign_files(folder: Path) -> list[str]:
    """Return the names in ``folder`` that a result would replace, where no result lies there."""
    if read_provenance(folder) is not None:
        return []
    return [name for name in sorted(ALL_OWNED) if os.path.lexists(folder / name)]


def read_vocabulary(folder: str | os.PathLike[str]) -> Vocabulary:
    """Return the classes of a result, of which nothing else is read.

    Raises:
        InputError: they cannot be read.
    """
    name = "vocabulary.yaml"
    return read_whole(folder, [name], lambda locate: Vocabulary.from_file(locate(name)))


def read_regions(folder: Path) -> NDArray[np.int32]:
    """Return the region map of a result, (H, W), of which nothing else is read.

    Raises:
        InputError: it cannot be read.
    """
    name = "regions.tif"
    return read_whole(folder, [name], lambda locate: check_regions(maps.read_map(locate(name))))


def read_provenance(folder: Path) -> dict[str, object] | None:
    """Return what the results in ``folder``, of this version or another one, say of themselves."""
    try:
        text = read_whole(
            folder, [_PROVENANCE], lambda locate: read_text(locate(_PROVENANCE), "provenance")
        )
        document = load_json(text, repr(str(folder / _PROVENANCE)), surrogates=True)
    except InputError:
        return None
    kind = FORMAT.rstrip("0123456789")  # large ones too
    if isinstance(document, dict) and str(document.get("format")).startswith(kind):
        return document
    return None


def _overlay(
    image: NDArray[np.uint8],
    labels: NDArray[np.uint16],
    regions: NDArray[np.int32],
    vocabulary: Vocabulary,
) -> Callable[[Path], None]:
    from PIL import Image

    from napari_corrclip.results.overlay import draw_overlay

    picture = draw_overlay(image, labels, regions, vocabulary)
    return lambda path: Image.fromarray(picture).save(path, format="PNG")


def read_result(folder: Path) -> ReadResult:
    """Read a folder of :func:`write_result`; the files are taken as untrusted.

    Raises:
        InputError: something is missing, damaged, or of another shape than the rest.
    """
    return read_whole(folder, _READ, lambda locate: _read(folder, locate))


def _read(folder: Path, locate: Locate) -> ReadResult:
    if not folder.is_dir():
        raise InputError(f"There is no folder {str(folder)!r}; give the folder of a saved result.")
    source = locate(_PROVENANCE)
    document = load_json(read_text(source, "provenance"), repr(str(source)), surrogates=True)
    if isinstance(document, dict) and document.get("format") == LARGE_FORMAT:
        raise InputError(
            f"{str(folder)!r} holds the result of a large image; open it by LargeSegmentation.load."
        )
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(
            f"{str(folder)!r} is no result of this version; it should be {FORMAT!r}: segment the "
            "image again."
        )
    vocabulary = Vocabulary.from_file(locate("vocabulary.yaml"))
    name = "labels.png" if max(vocabulary.values) <= 255 else "labels.tif"
    labels = maps.read_map(locate(name))
    regions = maps.read_map(locate("regions.tif"))
    arrays = _read_arrays(locate("arrays.npz"), labels.size, len(vocabulary))
    shapes = {
        name: labels.shape,
        "regions.tif": regions.shape,
        **{f"arrays.npz/{key}": arrays[key].shape for key in ("confidence", "pixel_labels")},
    }
    if len(set(shapes.values())) != 1:
        listed = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise InputError(
            f"The files in {str(folder)!r} do not belong together ({listed}); segment the "
            "image again."
        )
    if labels.min(initial=0) < 0 or labels.max(initial=0) > np.iinfo(np.uint16).max:
        raise InputError(f"{str(folder / name)!r} holds values that are no labels (0 to 65535).")
    notes = document.get("notes", [])
    return ReadResult(
        labels=labels.astype(np.uint16),
        regions=check_regions(regions),
        arrays=arrays,
        vocabulary=vocabulary,
        provenance=document,
        notes=tuple(str(note) for note in notes) if isinstance(notes, list) else (),
    )


def _read_arrays(path: Path, pixels: int, classes: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of a result of so many pixels, which are no fewer than its regions."""
    remedy = "segment the image again"
    largest = 4 * max(pixels, 1) * max(classes, 1)
    arrays = read_npz(path, _ARRAYS, "file of arrays", remedy, largest=largest)
    for name, dtype in _ARRAYS.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 2:
            raise InputError(
                f"{str(path)!r} holds {name} as {arrays[name].dtype} of shape "
                f"{arrays[name].shape}, not as 2-D {np.dtype(dtype)}; segment the image again."
            )
    return arrays


def result_names(paths: Iterable[Path]) -> list[str]:
    """Return a folder name for each image, for results side by side in one folder.

    It is the file's name without its ending; images that would share one get their whole name, and
    a number where even that occurs twice. No two are alike, whatever the case; none that is made here is
    too long for a file system.
    """
    paths = list(paths)
    stems = [path.stem.casefold() for path in paths]
    often = Counter(stems)
    taken: set[str] = set()
    names = []
    for path, stem in zip(paths, stems, strict=True):
        name = base = path.stem if often[stem] == 1 else path.name.replace(".", "_")
        number = 2
        while name.casefold() in taken:
            after = f"_{number}"
            name, number = cut(base, MAX_BYTES - len(after)) + after, number + 1
        taken.add(name.casefold())
        names.append(name)
    return names
