"""The files of an item's region vectors, beside its result.

``items/NAME/vectors.safetensors``
    the arrays of a :class:`~napari_corrclip.results.vectors.RegionVectors` under their names, and in the
    metadata the format, the version of the projection, the networks' fingerprints and the classes' label
    values. A run writes it after the result that it is of; it is taken away before that is written over, so
    that none is ever of another result.
``items/NAME/means.safetensors``
    likewise a :class:`~napari_corrclip.results.vectors.RegionMeans` of the regions that somebody decided,
    written at the end of a session that has its image encoded.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.maps.looks import COLOURS
from napari_corrclip.maps.projection import LENGTH
from napari_corrclip.project.folder import RESULT, is_large
from napari_corrclip.regions.options import SamOptions, SuperpixelOptions
from napari_corrclip.results.vectors import RegionMeans, RegionVectors, bytes_a_region, scaled
from napari_corrclip.storage.arrays import read_npz
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.folders import read_whole
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.storage.untrusted import check_regular, guarded

VECTORS, MEANS = "vectors.safetensors", "means.safetensors"
FORMAT, MEANS_FORMAT = "napari-corrclip vectors 1", "napari-corrclip means 1"
_TYPES: Mapping[str, str] = {
    "ids": "I32",
    "clip": "F16",
    "similarity": "F16",
    "colours": "F32",
    "places": "F32",
    "probabilities": "F16",
}
"""The arrays with their types, as safetensors calls them."""
_MEANS: Mapping[str, str] = {
    "ids": "I32",
    "areas": "I64",
    "clip": "F16",
    "similarity_ids": "I32",
    "similarity": "F16",
}
_NETWORKS = ("clip_network", "similarity_network")
_REMEDY = "mark the image new and run it again if nobody has corrected it, or go on without"
_MEANS_REMEDY = "remove the file, or go on without"
_USUAL_REGIONS = 350
"""So many superpixels, or masks of SAM, an image is taken to have before the first one is run."""


def write_vectors(path: Path, vectors: RegionVectors) -> None:
    """Write a file of vectors, whole or not at all.

    Raises:
        InputError: they cannot be written.
    """
    said = {"projection": str(vectors.projection), "classes": json.dumps(vectors.classes)}
    _write(path, FORMAT, _TYPES, vectors, said)


def write_means(folder: Path, means: RegionMeans) -> None:
    """Write the means of decided regions into an item's folder, whole or not at all.

    Raises:
        InputError: they cannot be written.
    """
    _write(folder / MEANS, MEANS_FORMAT, _MEANS, means, {})


def read_vectors(folder: Path) -> RegionVectors:
    """Return the vectors in an item's folder; the file is taken as untrusted.

    Raises:
        InputError: there are none, or they are damaged or not of the result that lies beside them.
    """
    path = folder / VECTORS
    if not path.exists():
        why = "it was run without them, by an earlier version or not here"
        if is_large(folder):
            why = "a large image keeps none"
        raise InputError(f"The image has no vectors of its regions ({why}); {_REMEDY}.")
    with _used(path, _REMEDY):
        arrays, said = _read(
            path, FORMAT, _TYPES, ("projection", "classes"), _REMEDY, optional=("similarity",)
        )
        classes = load_json(said["classes"], "the classes")
        if not isinstance(classes, list) or not all(type(value) is int for value in classes):
            raise InputError(f"its classes are no label values; {_REMEDY}.")
        if not re.fullmatch(r"[0-9]{1,9}", said["projection"]):
            raise InputError(f"its projection is {said['projection']!r}; {_REMEDY}.")
        vectors = RegionVectors(
            ids=arrays["ids"],
            clip=arrays["clip"],
            similarity=arrays.get("similarity"),
            colours=arrays["colours"],
            places=arrays["places"],
            probabilities=arrays["probabilities"],
            classes=tuple(classes),
            clip_network=said["clip_network"],
            similarity_network=said["similarity_network"],
            projection=int(said["projection"]),
        )
        _check_vectors(vectors)
        _check_result(folder, vectors)
    return vectors


def read_means(folder: Path) -> RegionMeans:
    """Return the means of decided regions in an item's folder; the file is taken as untrusted.

    Raises:
        InputError: there are none, or they are damaged.
    """
    path = folder / MEANS
    if not path.exists():
        raise InputError(
            f"{folder.name!r} has no means of decided regions, since no session of it ended with its image "
            "encoded; encode the image, give it to the session as its engine, and decide again."
        )
    with _used(path, _MEANS_REMEDY):
        arrays, said = _read(path, MEANS_FORMAT, _MEANS, (), _MEANS_REMEDY)
        for name in ("ids", "similarity_ids"):
            _check_ids(arrays[name], name, _MEANS_REMEDY)
        ids, others = arrays["ids"], arrays["similarity_ids"]
        for name, count in (("clip", len(ids)), ("similarity", len(others))):
            _check_rows(name, arrays[name], count, range(1 << 16), _MEANS_REMEDY)
        if arrays["areas"].shape != ids.shape or (arrays["areas"] < 1).any():
            raise InputError(f"its areas are none of {len(ids)} regions; {_MEANS_REMEDY}.")
        if not np.isin(others, ids).all():
            raise InputError(f"not all of its similarity_ids are ids of it; {_MEANS_REMEDY}.")
    return RegionMeans(
        ids=ids,
        areas=arrays["areas"],
        clip=arrays["clip"],
        similarity_ids=others,
        similarity=arrays["similarity"],
        clip_network=said["clip_network"],
        similarity_network=said["similarity_network"],
    )


def keep_means(folder: Path, session: Session) -> None:
    """Keep the means of a session's decided regions, where it has its image encoded; else do nothing.

    Raises:
        InputError: they cannot be written.
    """
    encoded = session.encoded()
    if encoded is None:
        return
    from napari_corrclip.engine.encoded_image import EncodedImage  # imports torch
    from napari_corrclip.engine.vectors import region_means

    if not isinstance(encoded, EncodedImage) or encoded.features.shape != session.shape:
        return
    decided = [row.id for row in session.rows() if row.verdict]
    write_means(folder, region_means(encoded, session.regions, decided))


def _write(
    path: Path,
    kind: str,
    types: Mapping[str, str],
    values: RegionVectors | RegionMeans,
    said: Mapping[str, str],
) -> None:
    from safetensors.numpy import save

    arrays = {name: getattr(values, name) for name in types}
    found = {name: np.array(array) for name, array in arrays.items() if array is not None}
    networks = {name: getattr(values, name) for name in _NETWORKS}
    write_bytes(path, save(found, {"format": kind, **networks, **said}))


@contextlib.contextmanager
def _used(path: Path, remedy: str) -> Iterator[None]:
    """Say of which file an error is."""
    what = "vectors"
    check_regular(path, what, remedy)
    try:
        yield
    except InputError as error:
        raise InputError(f"The {what} {str(path)!r} cannot be used: {error}") from error


def _read(
    path: Path,
    kind: str,
    types: Mapping[str, str],
    said: Collection[str],
    remedy: str,
    *,
    optional: Collection[str] = (),
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays of a file, of the types that they are to have, and what it says besides."""
    from safetensors import SafetensorError, safe_open

    with (
        guarded("the file", remedy, damage=(SafetensorError, ValueError)),
        safe_open(str(path), framework="numpy") as file,
    ):
        metadata = file.metadata() or {}
        if metadata.get("format") != kind:
            raise InputError(f"it is no file of this kind and version; {remedy}.")
        names = set(file.keys())
        if {*_NETWORKS, *said} - metadata.keys() or types.keys() - names - set(optional):
            raise ValueError("a part of it is missing")
        arrays: dict[str, NDArray[Any]] = {}
        for name in types.keys() & names:
            found = file.get_slice(name).get_dtype()
            if found != types[name]:  # before it is read: NumPy does not know all types
                raise ValueError(f"its {name} are of type {found} and not {types[name]}")
            arrays[name] = file.get_tensor(name)
    return arrays, dict(metadata)


def _check_vectors(vectors: RegionVectors) -> None:
    """Refuse arrays that do not belong together."""
    _check_ids(vectors.ids, "ids", _REMEDY)
    widths: Mapping[str, Collection[int]] = {
        "clip": range(1, LENGTH + 1),
        "similarity": range(1, LENGTH + 1),
        "colours": (len(COLOURS),),
        "places": (2,),
        "probabilities": (len(vectors.classes),),
    }
    for name, wide in widths.items():
        array = getattr(vectors, name)
        if array is not None:
            _check_rows(name, array, len(vectors), wide, _REMEDY)
    for name in ("places", "probabilities"):
        array = getattr(vectors, name)
        if array.size and not (array.min() >= 0 and array.max() <= 1):
            raise InputError(f"its {name} are not all from 0 to 1; {_REMEDY}.")


def _check_ids(ids: NDArray[np.int32], name: str, remedy: str) -> None:
    steps = np.diff(ids.astype(np.int64)) if ids.ndim == 1 else np.zeros(1)
    if (steps < 1).any() or (ids < 1).any():
        raise InputError(f"its {name} are no ascending ids of regions; {remedy}.")


def _check_rows(
    name: str, array: NDArray[Any], count: int, wide: Collection[int], remedy: str
) -> None:
    if array.ndim != 2 or len(array) != count or array.shape[1] not in wide:
        raise InputError(f"its {name} are of shape {array.shape} for {count} regions; {remedy}.")
    if not np.isfinite(array).all():
        raise InputError(f"not all of its {name} are finite; {remedy}.")


def _check_result(folder: Path, vectors: RegionVectors) -> None:
    """Refuse vectors of another result than the one beside them: as many regions, and their probabilities."""
    name = "region_probabilities"
    found = read_whole(
        folder / RESULT,
        ["arrays.npz"],
        lambda locate: read_npz(locate("arrays.npz"), [name], "result", "run the image again"),
    )[name]
    if found.ndim != 2 or found.shape != vectors.probabilities.shape:
        raise InputError(
            f"it has {len(vectors)} regions and {len(vectors.classes)} classes, and the result beside it "
            f"probabilities of shape {found.shape}; {_REMEDY}."
        )
    same = np.allclose(scaled(found), vectors.probabilities, rtol=0, atol=1e-3)
    if not same:
        raise InputError(f"it is of another result than the one beside it; {_REMEDY}.")


def regions_an_image(recipe: Recipe) -> int:
    """Return about how many regions a recipe finds in an image, before any has been run."""
    options = recipe.region_options
    if isinstance(options, SuperpixelOptions) and options.n_segments is not None:
        return options.n_segments
    if isinstance(options, SamOptions):
        return min(_USUAL_REGIONS, options.points_per_side**2 * options.masks_per_point)
    return _USUAL_REGIONS


def bytes_of_vectors(recipe: Recipe, classes: int, images: int, regions: float | None) -> int:
    """Return up to about how many bytes the vectors of a run take on the disk; of large images none.

    Args:
        recipe: of the run.
        classes: how many.
        images: that are run.
        regions: of an image, as others of the project have on average; ``None``: none has been run.
    """
    if recipe.scale is not None:
        return 0
    each = regions_an_image(recipe) if regions is None else regions
    return round(images * (each * bytes_a_region(classes) + _HEADER))


_HEADER = 700
"""Bytes that a file has besides."""
