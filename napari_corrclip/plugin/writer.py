"""napari's writers: a Labels layer as a class map with its class table, and whole sessions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.storage.untrusted import reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_corrclip.vocabulary import Vocabulary


ENDINGS = (".png", ".tif", ".tiff")
"""How a class map's file may end, in whatever case; as in the manifest."""
SUFFIX = ".corrclip"
"""How the folder of a session ends, as in the manifest."""


def write_classes(path: str, data: Any, options: Mapping[str, Any]) -> list[str]:
    """Write a Labels layer as an indexed PNG or a TIFF, and its classes as ``….classes.csv`` beside it.

    A layer without class names gets no table, nor one whose values are objects and no classes
    (:func:`vocabulary_of`). Of a multiscale layer the finest level is written.

    Args:
        path: of the map; ``.png`` holds values to 255. Without an ending, as napari's dialog may
            give it, it gets ``.png`` or, where a value is above 255, ``.tif``.
        data: (H, W) integers, of NumPy or whatever computes them.
        options: of the layer, as napari gives them.

    Raises:
        InputError: it is no single plane, a value does not fit, or it cannot be written.
    """
    from napari_corrclip.results import label_files as maps
    from napari_corrclip.storage.files import atomic_path

    with _refusing(path):
        labels = np.asarray(data[0] if options.get("multiscale") else data)
        if labels.ndim != 2:
            raise InputError(
                f"The layer {options.get('name')!r} has shape {labels.shape}; save one plane at a "
                "time."
            )
        place = _with_ending(Path(path), labels)
        words = vocabulary_of(options)
        table = place.with_name(f"{place.stem}.classes.csv")
        if words is not None:
            _check_fits(table)
        with contextlib.ExitStack() as both:
            if words is not None:
                words.save(both.enter_context(atomic_path(table)))
            # the map takes its place first: a table beside no map would be read as one
            temporary = both.enter_context(atomic_path(place))
            if place.suffix.lower() == ".png":
                maps.write_label_png(temporary, labels, words or _numbers(labels, options))
            else:
                maps.write_tiff(temporary, labels)
        if words is None:
            # That of the map that was there before: its names would be taken for this one's.
            with contextlib.suppress(OSError):
                table.unlink(missing_ok=True)
    return [str(place)] if words is None else [str(place), str(table)]


def _check_fits(place: Path) -> None:
    """Raise what the file system says of a name that it cannot hold, before anything is written."""
    from napari_corrclip.storage.disk import cannot_write

    try:
        place.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise cannot_write(place, error) from None


def _with_ending(place: Path, labels: NDArray[Any]) -> Path:
    """Return ``place`` with the ending of a map."""
    if place.suffix.lower() in ENDINGS:
        return place
    if place.suffix:
        raise InputError(
            f"{str(place)!r} ends like no class map; use {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}."
        )
    whole = place.with_name(place.name + (".png" if labels.max(initial=0) <= 255 else ".tif"))
    if whole.exists():  # the person was asked about the name without the ending alone
        raise InputError(
            f"{str(whole)!r} is there already; give the name with its ending to replace it."
        )
    return whole


@contextlib.contextmanager
def _refusing(path: str) -> Iterator[None]:
    """Turn whatever stops a writer into a sentence that reaches the person.

    napari takes a ``ValueError`` for a plugin that knows no such file, and says only that.
    """
    from napari_corrclip.storage.files import cannot_write

    try:
        yield
    except (CorrClipError, MemoryError):
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    except Exception as error:
        raise InputError(
            f"{path!r} cannot be written, because what writes it failed ({type(error).__name__}: "
            f"{reason(error)}); choose another name or format, and please report this."
        ) from error


def write_session(path: str, layers: Sequence[tuple[Any, Mapping[str, Any], str]]) -> list[str]:
    """Save the session that the layers show, into the folder ``path``.

    Args:
        path: of the folder; without an ending it gets :data:`SUFFIX`.
        layers: as napari gives them.

    Raises:
        InputError: they show none, or several, the name ends like a file of another kind, or it cannot be
            written.
    """
    from napari_corrclip.annotation import Session
    from napari_corrclip.annotation.session import SESSION

    kept = [options.get("metadata", {}).get(SESSION) for _, options, _ in layers]
    sessions = {id(session): session for session in kept if isinstance(session, Session)}
    if len(sessions) != 1:
        names = ", ".join(repr(options.get("name")) for _, options, _ in layers)
        raise InputError(
            f"The layers {names} show {len(sessions) or 'no'} open session{'s'[: len(sessions)]}; "
            "select the 'labels' of one, or save a class map as PNG or TIFF."
        )
    (session,) = sessions.values()
    folder = Path(path)
    if folder.suffix.lower() != SUFFIX:
        if folder.suffix:
            raise InputError(
                f"{path!r} does not end in {SUFFIX}, as a session has to, and these layers are saved as one; "
                "end it so, or select one Labels layer alone to save a class map."
            )
        folder = folder.with_name(f"{folder.name}{SUFFIX}")
    with _refusing(path):
        session.save(folder)
    return [str(folder)]


def vocabulary_of(options: Mapping[str, Any]) -> Vocabulary | None:
    """Return the classes of a layer: of its session, or of ``index`` and ``class`` in its features.

    Rows without a label value (1 to 65535) or a name count for nothing, and equal rows once.

    Returns:
        the classes with their values, names, prompts and colours; ``None`` where the layer names
        none, or where a value has several names or a name several values: then a row is an object,
        such as a region, and the values are no classes.
    """
    from napari_corrclip.annotation import Session
    from napari_corrclip.annotation.session import SESSION
    from napari_corrclip.vocabulary import Vocabulary, VocabularyClass, grammar

    features = options.get("features")
    if features is None or not {"index", "class"} <= set(features):
        return None
    session = options.get("metadata", {}).get(SESSION)
    if isinstance(session, Session):
        # what a table of values, names and colours has no column for stays with the session
        classes = session.vocabulary.classes
    else:
        rows = zip(features["index"], features["class"], strict=True)
        named = dict.fromkeys((_value(index), _name(name)) for index, name in rows)
        pairs = [(value, name) for value, name in named if value and name]
        values, names = ({value for value, _ in pairs}, {grammar.key(name) for _, name in pairs})
        if not pairs or not len(pairs) == len(values) == len(names):
            return None
        colors = _colors([value for value, _ in pairs], options)
        classes = tuple(
            VocabularyClass(name, (name,), value, color)
            for (value, name), color in zip(pairs, colors, strict=True)
        )
    return Vocabulary(classes, next_value=max(class_.value for class_ in classes) + 1)


def _value(index: Any) -> int:
    """Return the label value in a cell of features, which may hold anything; 0 = none."""
    from napari_corrclip.vocabulary.classes import MAX_VALUE

    try:
        value = int(index)
        return value if value == index and 0 < value <= MAX_VALUE else 0
    except (TypeError, ValueError, OverflowError):  # missing, not a number, infinite
        return 0


def _name(cell: Any) -> str:
    """Return the name in a cell of features; "" = none."""
    import pandas as pd

    from napari_corrclip.wording.markup import as_given

    missing = pd.api.types.is_scalar(cell) and pd.isna(cell)
    return "" if missing else as_given(str(cell)).strip()


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
