"""Lessons and sittings as bytes, and back; what is read is taken as untrusted.

Both are safetensors: named arrays of known types and a few texts, nothing that could run. A sitting is kept
as it was finished, of the classes that there were, and never written again; a lesson keeps what cannot be
told from its sittings: the classes, which of them were merged, and the normalisation.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.learning.features import columns
from napari_corrclip.learning.lesson import Lesson
from napari_corrclip.learning.normalisation import ALIKE, Normalisation
from napari_corrclip.learning.sitting import Looks, Sitting, Undecided
from napari_corrclip.maps.looks import COLOURS
from napari_corrclip.maps.projection import LENGTH
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.storage.untrusted import guarded
from napari_corrclip.vocabulary.classes import MAX_VALUE

SITTING_FORMAT, LESSON_FORMAT = "napari-corrclip sitting 1", "napari-corrclip lesson 1"
_ROWS: Mapping[str, Any] = {
    "ids": np.int32,
    "elected": np.int32,
    "probabilities": np.float16,
    "clip": np.float16,
    "similarity": np.float16,
    "colours": np.float32,
    "places": np.float32,
}
_LOOKS: Mapping[str, Any] = {
    **_ROWS,
    "values": np.int32,
    "accepted": np.bool_,
    "times": np.int64,
    "foretold": np.bool_,
    "p": np.float64,
    "q": np.float64,
    "q_opening": np.float64,
}
_UNDECIDED: Mapping[str, Any] = {**_ROWS, "shown": np.int32}
_NORMALISATION: Mapping[str, Any] = {
    "clip_mean": np.float64,
    "similarity_mean": np.float64,
    "colour_mean": np.float64,
    "colour_spread": np.float64,
}
_NUMBERS = ("clip_length", "similarity_length", "projection")
_SITTING_REMEDY = "leave the sitting out of the lesson, or take the file from a backup"
_LESSON_REMEDY = "begin another lesson, or take the file from a backup"
_LONGEST_TEXT = 1 << 16
_MOST_EACH = 1 << 24
"""Regions that one left undecided may count for: more would drown the ridge in rounding."""
_FARTHEST = 1e30
"""No number is farther from 0: its square is finite, whatever it is divided by."""


def pack_sitting(sitting: Sitting) -> bytes:
    """Return a sitting as bytes; probabilities are kept in half precision, as they are in results."""
    arrays = {
        f"{part}.{name}": np.ascontiguousarray(array.astype(dtype))
        for part, rows, types in (
            ("looks", sitting.looks, _LOOKS),
            ("undecided", sitting.undecided, _UNDECIDED),
        )
        for name, dtype in types.items()
        if (array := getattr(rows, name)) is not None
    }
    said = {name: getattr(sitting, name) for name in ("number", "image", "run", "opened", "left")}
    return _packed(
        SITTING_FORMAT,
        arrays,
        {**said, "classes": list(sitting.classes), "each": sitting.undecided.each},
    )


def unpack_sitting(data: bytes) -> Sitting:
    """Return what :func:`pack_sitting` wrote.

    Raises:
        InputError: it is something else.
    """
    with guarded("The sitting", _SITTING_REMEDY, damage=_damage()):
        arrays, said = _unpacked(data, SITTING_FORMAT)
        classes = _classes(said["classes"])
        looks = Looks(**_part(arrays, "looks", _LOOKS, classes))
        each = _number(said["each"], "each")
        undecided = Undecided(**_part(arrays, "undecided", _UNDECIDED, classes), each=each)
        _check_labels("looks.values", looks.values, classes)
        _check_labels("undecided.shown", undecided.shown, classes)
        widths = [
            (rows.clip.shape[1], None if rows.similarity is None else rows.similarity.shape[1])
            for rows in (looks, undecided)
        ]
        if widths[0] != widths[1]:
            raise ValueError("its two parts have vectors of different lengths")
        if not 1 <= each <= _MOST_EACH:
            raise ValueError(f"an undecided region counts for {each}")
        number = said["number"]
        if type(number) is not int or not 0 < number < 1 << 31:
            raise ValueError(f"its number is {number!r}")
        texts = {name: _text(said[name], name) for name in ("image", "run", "opened", "left")}
        for name in ("opened", "left"):
            datetime.datetime.fromisoformat(texts[name])
        return Sitting(number=number, classes=classes, looks=looks, undecided=undecided, **texts)


def pack_lesson(lesson: Lesson) -> bytes:
    """Return what a lesson has beside its sittings, as bytes."""
    said: dict[str, object] = {
        "classes": list(lesson.classes),
        "merged": [[value, other] for value, other in lesson.merged.items()],
    }
    arrays: dict[str, NDArray[Any]] = {}
    found = lesson.normalisation
    if found is not None:
        arrays = {name: np.array(getattr(found, name)) for name in _NORMALISATION}
        names = (*_NUMBERS, "clip_network", "similarity_network")
        said["normalisation"] = {name: getattr(found, name) for name in names}
    return _packed(LESSON_FORMAT, arrays, said)


def unpack_lesson(data: bytes) -> Lesson:
    """Return what :func:`pack_lesson` wrote: a lesson of no sittings yet, for :meth:`Lesson.replayed`.

    Raises:
        InputError: it is something else.
    """
    with guarded("The lesson", _LESSON_REMEDY, damage=_damage()):
        arrays, said = _unpacked(data, LESSON_FORMAT)
        pairs = said["merged"]
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 for pair in pairs
        ):
            raise ValueError("what was merged is no list of pairs")
        flat = [value for pair in pairs for value in pair]
        if not all(type(value) is int and 0 < value <= MAX_VALUE for value in flat):
            raise ValueError("what was merged are no label values")
        lesson = Lesson(_classes(said["classes"]), merged=dict(pairs))
        if "normalisation" not in said:
            return lesson
        normalisation = _normalisation(arrays, said["normalisation"])
        return Lesson(lesson.classes, lesson.merged, normalisation).replayed([])


def _normalisation(arrays: Mapping[str, NDArray[Any]], said: Any) -> Normalisation:
    means: dict[str, Any] = {
        name: _array(arrays, name, dtype) for name, dtype in _NORMALISATION.items()
    }
    for name, most in (("clip_mean", LENGTH), ("similarity_mean", LENGTH)):
        if means[name].ndim != 1 or len(means[name]) > most:
            raise ValueError(f"its {name} is of shape {means[name].shape}")
    for name in ("colour_mean", "colour_spread"):
        if means[name].shape != (len(COLOURS),):
            raise ValueError(f"its {name} is of shape {means[name].shape}")
    lengths: dict[str, Any] = {
        name: _number(said[name], name) for name in ("clip_length", "similarity_length")
    }
    if min(*lengths.values(), means["colour_spread"].min()) < ALIKE:
        raise ValueError(f"not all of its spreads are {ALIKE:g} or more")
    projection = said["projection"]
    if type(projection) is not int:
        raise ValueError(f"its projection is {projection!r}")
    return Normalisation(
        **means,
        **lengths,
        clip_network=_text(said["clip_network"], "clip_network"),
        similarity_network=_text(said["similarity_network"], "similarity_network"),
        projection=projection,
    )


def _part(
    arrays: Mapping[str, NDArray[Any]],
    part: str,
    types: Mapping[str, Any],
    classes: tuple[int, ...],
) -> dict[str, Any]:
    """Return the columns of the rows of a sitting, each as long as the ids are."""
    found: dict[str, Any] = {}
    count = len(_array(arrays, f"{part}.ids", np.int32))
    widths = {"probabilities": len(classes), "colours": len(COLOURS), "places": 2}
    for name, dtype in types.items():
        if name == "similarity" and f"{part}.{name}" not in arrays:
            found[name] = None
            continue
        array = _array(arrays, f"{part}.{name}", dtype)
        wide = name in widths or name in ("clip", "similarity")
        if array.ndim != 1 + wide or len(array) != count:
            raise ValueError(f"{part}.{name} is of shape {array.shape} for {count} regions")
        if wide and array.shape[1] != widths.get(name, array.shape[1]):
            raise ValueError(f"{part}.{name} is of shape {array.shape}")
        if wide and array.shape[1] > LENGTH and name not in widths:
            raise ValueError(f"{part}.{name} is of shape {array.shape}")
        if name in ("probabilities", "places", "p", "q", "q_opening"):
            _check_shares(f"{part}.{name}", array)
        found[name] = array
    ids = found["ids"]
    if len(np.unique(ids)) < len(ids) or ids.min(initial=1) < 1:
        raise ValueError(f"{part}.ids are no ids of different regions")
    _check_labels(f"{part}.elected", found["elected"], classes)
    return found


def _check_labels(name: str, values: NDArray[np.int32], classes: tuple[int, ...]) -> None:
    strange = columns(values, classes) < 0
    if strange.any():
        raise ValueError(f"{name} has the label value {values[strange][0]}, which is of no class")


def _check_shares(name: str, array: NDArray[Any]) -> None:
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"{name} are not all from 0 to 1")


def _classes(said: Any) -> tuple[int, ...]:
    if not isinstance(said, list) or not all(
        type(value) is int and 0 < value <= MAX_VALUE for value in said
    ):
        raise ValueError("its classes are no label values")
    if not said or len(set(said)) < len(said):
        raise ValueError("it has no classes, or one of them twice")
    return tuple(said)


def _number(said: Any, name: str) -> float:
    if type(said) not in (int, float) or not np.isfinite(said):
        raise ValueError(f"{name} is {said!r}")
    return float(said)


def _text(said: Any, name: str) -> str:
    if not isinstance(said, str) or len(said) > _LONGEST_TEXT:
        raise ValueError(f"its {name} is no text")
    return said


def _array(arrays: Mapping[str, NDArray[Any]], name: str, dtype: Any) -> NDArray[Any]:
    array = arrays[name]
    if array.dtype != dtype or array.ndim < 1:
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"not all of {name} are finite")
    # In half precision no number is as far.
    if array.dtype in (np.float32, np.float64) and np.abs(array).max(initial=0) > _FARTHEST:
        raise ValueError(f"not all of {name} are within ±{_FARTHEST:g}")
    if array.dtype == np.bool_ and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError(f"not all of {name} are yes or no")
    return array


def _packed(kind: str, arrays: Mapping[str, NDArray[Any]], said: Mapping[str, object]) -> bytes:
    from safetensors.numpy import save

    # One text: safetensors writes several in any order, and the same is to be the same bytes.
    return bytes(save(dict(arrays), {"said": json.dumps({"format": kind, **said})}))


def _unpacked(data: bytes, kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    from safetensors.numpy import load

    arrays = load(data)  # which looks at the whole header, at its depth too
    length = int.from_bytes(data[:8], "little")
    texts = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    said = load_json(texts["said"], "what it says", surrogates=True)  # in its image, a path
    if not isinstance(said, dict) or said.get("format") != kind:
        raise ValueError(f"it is no {kind!r}")
    return arrays, said


def _damage() -> tuple[type[BaseException], ...]:
    """Return what the checks of the formats raise, ours, safetensors', JSON's and NumPy's."""
    from safetensors import SafetensorError

    return (SafetensorError, KeyError, IndexError, TypeError, ValueError, OverflowError)
