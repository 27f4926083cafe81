"""napari's writers: a Labels layer as a class map with its class table, and whole sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_corrclip.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_corrclip.vocabulary import Vocabulary


def write_classes(path: str, data: Any, options: Mapping[str, Any]) -> list[str]:
    """Write a Labels layer as an indexed PNG or a TIFF, and its classes as ``….classes.csv`` beside it.

    A layer without class names gets no table.

    Args:
        path: of the map; ``.png`` holds values to 255.
        data: (H, W) integers.
        options: of the layer, as napari gives them.

    Raises:
        InputError: it is no single plane, a value does not fit, or it cannot be written.
    """
    from napari_corrclip.export import maps
    from napari_corrclip.storage.files import atomic_path

    labels = np.asarray(data)
    if labels.ndim != 2:
        raise InputError(
            f"The layer {options.get('name')!r} has shape {labels.shape}; save one plane at a time."
        )
    place = Path(path)
    words = vocabulary_of(labels, options)
    written = [str(place)]
    with atomic_path(place) as temporary:
        if place.suffix.lower() == ".png":
            maps.write_label_png(temporary, labels, words or _numbers(labels, options))
        else:
            maps.write_tiff(temporary, labels)
    if words is not None:
        table = place.with_name(f"{place.stem}.classes.csv")
        words.save(table)
        written.append(str(table))
    return written


def write_session(path: str, layers: Sequence[tuple[Any, Mapping[str, Any], str]]) -> list[str]:
    """Save the session that the layers show, into the folder ``path``.

    Raises:
        InputError: they show none, or several, or it cannot be written.
    """
    from napari_corrclip.annotation import Session
    from napari_corrclip.annotation.session import SESSION

    kept = [options.get("metadata", {}).get(SESSION) for _, options, _ in layers]
    sessions = {id(one): one for one in kept if isinstance(one, Session)}
    if len(sessions) != 1:
        names = ", ".join(repr(options.get("name")) for _, options, _ in layers)
        raise InputError(
            f"The layers {names} show {len(sessions) or 'no'} open session{'s'[: len(sessions)]}; "
            "select the 'labels' of one, or save a class map as PNG or TIFF."
        )
    (session,) = sessions.values()
    session.save(path)
    return [path]


def vocabulary_of(labels: NDArray[Any], options: Mapping[str, Any]) -> Vocabulary | None:
    """Return the classes of a layer: of its session, or by its features; ``None`` where it has none."""
    from napari_corrclip.annotation import Session
    from napari_corrclip.annotation.session import SESSION
    from napari_corrclip.plain import as_given
    from napari_corrclip.vocabulary import Vocabulary, VocabularyClass

    features = options.get("features")
    if features is None or not {"index", "class"} <= set(features):
        return None
    session = options.get("metadata", {}).get(SESSION)
    if isinstance(session, Session):
        return session.vocabulary
    rows = [
        (int(value), as_given(str(name)))
        for value, name in zip(features["index"], features["class"], strict=True)
        if value > 0
    ]
    if not rows:
        return None
    classes = tuple(
        VocabularyClass(name, (name,), value, color)
        for (value, name), color in zip(rows, _colors([v for v, _ in rows], options), strict=True)
    )
    return Vocabulary(classes, next_value=max(value for value, _ in rows) + 1)


def _numbers(labels: NDArray[Any], options: Mapping[str, Any]) -> Vocabulary:
    """Return a class for each value, so that a layer without names keeps its colours."""
    from napari_corrclip.vocabulary import Vocabulary, VocabularyClass

    values = [int(value) for value in np.unique(labels) if 0 < value <= 255] or [1]
    classes = tuple(
        VocabularyClass(str(value), (str(value),), value, color)
        for value, color in zip(values, _colors(values, options), strict=True)
    )
    return Vocabulary(classes, next_value=max(values) + 1)


def _colors(values: list[int], options: Mapping[str, Any]) -> list[tuple[int, int, int]]:
    shown = np.asarray(options["colormap"].map(np.asarray(values)))
    return [
        (int(red), int(green), int(blue))
        for red, green, blue in np.round(255 * shown[:, :3].astype(float))
    ]
