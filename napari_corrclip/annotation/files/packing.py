"""Steps and states as bytes, and back; what is read is taken as untrusted.

Both are safetensors: named arrays of known types and a few texts, nothing that could run.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from napari_corrclip.annotation.change import Change, Map, Seen, Step, Swap
from napari_corrclip.annotation.evidence import Evidence, Taught
from napari_corrclip.annotation.files.checking import (
    Damaged,
    check_maps,
    check_patch,
    check_taught,
    check_verdicts,
)
from napari_corrclip.annotation.region import KINDS, VOTINGS, Verdict, Voting
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import NOT_PINNED, State
from napari_corrclip.errors import InputError
from napari_corrclip.images.boxes import Box
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.vocabulary import Vocabulary

D = TypeVar("D", bound=np.generic)
Arrays = dict[str, NDArray[np.generic]]

__all__ = [
    "STATE_FORMAT",
    "Damaged",
    "pack_state",
    "pack_step",
    "unpack_state",
    "unpack_step",
]

STATE_FORMAT = "napari-corrclip session 1"
_MAPS: tuple[Map, ...] = get_args(Map)
_GIVEN = [4, 8]
"""The columns of verdicts that are rarely needed."""


def pack_step(step: Step) -> bytes:
    """Return ``step`` as bytes."""
    arrays: Arrays = {}
    texts = {"title": step.title, "changes": str(len(step.changes))}
    texts |= {flag: "yes" for flag in ("of_set", "back") if getattr(step, flag)}
    if step.act:
        texts["act"] = step.act
    for number, change in enumerate(step.changes):
        for name, patch in change.patches.items():
            _put_patch(arrays, f"{number}.{name}", patch)
        arrays[f"{number}.verdicts"] = _verdict_swaps(change.verdicts)
        arrays[f"{number}.votings"] = _voting_swaps(change.votings)
        if change.voting is not None:
            texts[f"{number}.voting.old"] = change.voting.old
            texts[f"{number}.voting.new"] = change.voting.new
        if change.vocabulary is not None:
            texts[f"{number}.vocabulary.old"] = _vocabulary_text(change.vocabulary.old)
            texts[f"{number}.vocabulary.new"] = _vocabulary_text(change.vocabulary.new)
        if change.probabilities is not None:
            arrays[f"{number}.probabilities.old"] = change.probabilities.old
            arrays[f"{number}.probabilities.new"] = change.probabilities.new
        if change.taught is not None:
            _put_taught(arrays, f"{number}.taught.old", change.taught.old)
            _put_taught(arrays, f"{number}.taught.new", change.taught.new)
        if change.provenance is not None:
            texts[f"{number}.provenance.old"] = _provenance_text(change.provenance.old)
            texts[f"{number}.provenance.new"] = _provenance_text(change.provenance.new)
        if change.image is not None:
            texts[f"{number}.image.old"] = change.image.old.digest
            texts[f"{number}.image.new"] = change.image.new.digest
    return _pack(arrays, texts)


def unpack_step(data: bytes) -> Step:
    """Return what :func:`pack_step` wrote.

    Raises:
        Damaged: it is something else.
    """
    with _told_as_damage():
        arrays, texts = _unpack(data)
        count = int(texts["changes"])
        changes = tuple(_change(arrays, texts, str(number)) for number in range(count))
        return Step(
            texts["title"],
            changes,
            of_set="of_set" in texts,
            act=texts.get("act", ""),
            back="back" in texts,
        )


def pack_state(state: State, texts: Mapping[str, str]) -> bytes:
    """Return ``state`` as bytes, with further texts beside it."""
    evidence = state.evidence
    arrays: Arrays = {
        "regions": state.regions,
        "prediction": evidence.prediction,
        "numbers": evidence.numbers,
        "probabilities": evidence.probabilities,
        "verdicts": _verdict_swaps(
            {region_id: Swap(None, v) for region_id, v in state.verdicts.items()}
        ),
        "votings": _voting_swaps(
            {region_id: Swap(None, v) for region_id, v in state.votings.items()}
        ),
    }
    if evidence.taught is not None:
        _put_taught(arrays, "taught", evidence.taught)
    bare = np.full(state.shape, NOT_PINNED, np.int32)
    pins = Patch.between(bare, state.pins, state.full)
    if pins is not None:
        _put_patch(arrays, "pins", pins)
    known = {
        "format": STATE_FORMAT,
        "vocabulary": _vocabulary_text(state.vocabulary),
        "voting": state.voting,
        "provenance": _provenance_text(state.provenance),
    }
    return _pack(arrays, {**texts, **known})


def unpack_state(data: bytes) -> tuple[State, dict[str, str]]:
    """Return what :func:`pack_state` wrote: the state, and all texts.

    Raises:
        Damaged: it is something else.
        InputError: a newer version of this program wrote it.
    """
    with _told_as_damage():
        arrays, texts = _unpack(data)
    written = texts.get("format", "")
    if written != STATE_FORMAT:
        if written.startswith(STATE_FORMAT[:-1]):
            raise InputError(
                f"The session is of the format {written!r} and this program reads {STATE_FORMAT!r}; "
                "use a newer version of it."
            )
        raise Damaged("it is no session")
    with _told_as_damage():
        regions = _array(arrays, "regions", np.int32, 2)
        evidence = Evidence(
            _array(arrays, "prediction", np.uint16, 2),
            _array(arrays, "numbers", np.int32, 2),
            _array(arrays, "probabilities", np.float32, 2),
            _taught(arrays, "taught"),
        )
        vocabulary = _read_vocabulary(texts["vocabulary"])
        painted = _patch(arrays, "pins") if "pins.box" in arrays else None
        check_maps(
            regions,
            evidence.prediction,
            evidence.numbers,
            evidence.probabilities,
            painted,
            vocabulary,
        )
        check_taught(evidence.taught, len(evidence.probabilities), vocabulary)
        pins = np.full(regions.shape, NOT_PINNED, np.int32)
        if painted is not None:
            painted.apply(pins)
        verdicts = {
            region_id: swap.new for region_id, swap in _swapped_verdicts(arrays["verdicts"]).items()
        }
        votings = {
            region_id: swap.new for region_id, swap in _swapped_votings(arrays["votings"]).items()
        }
        state = State(
            regions,
            evidence,
            vocabulary,
            voting=VOTINGS[VOTINGS.index(texts["voting"])],
            pins=pins,
            verdicts={
                region_id: verdict for region_id, verdict in verdicts.items() if verdict is not None
            },
            votings={
                region_id: voting for region_id, voting in votings.items() if voting is not None
            },
            provenance=_read_provenance(texts.get("provenance", "{}")),
        )
        check_verdicts(state)
        return state, texts


@contextlib.contextmanager
def _told_as_damage() -> Iterator[None]:
    """Tell what the checks of the formats say, ours, safetensors' and JSON's, as damage.

    No memory is no damage, and passes: safetensors compares what a header claims with the size of the file
    before it makes an array.
    """
    try:
        yield
    except Damaged:
        raise
    except KeyError as error:
        raise Damaged(f"{error} is missing") from None
    except (
        InputError, SafetensorError, IndexError, TypeError, ValueError, OverflowError
    ) as error:  # fmt: skip
        raise Damaged(" ".join(str(error).split())[:200] or type(error).__name__) from None


def _change(arrays: Arrays, texts: Mapping[str, str], at: str) -> Change:
    vocabulary = probabilities = provenance = None
    if f"{at}.vocabulary.old" in texts:
        vocabulary = Swap(
            _read_vocabulary(texts[f"{at}.vocabulary.old"]),
            _read_vocabulary(texts[f"{at}.vocabulary.new"]),
        )
    if f"{at}.probabilities.old" in arrays:
        probabilities = Swap(
            _array(arrays, f"{at}.probabilities.old", np.float32, 2),
            _array(arrays, f"{at}.probabilities.new", np.float32, 2),
        )
    voting = None
    if f"{at}.voting.old" in texts:
        before, after = (texts[f"{at}.voting.{when}"] for when in ("old", "new"))
        voting = Swap(VOTINGS[VOTINGS.index(before)], VOTINGS[VOTINGS.index(after)])
    if f"{at}.provenance.old" in texts:
        provenance = Swap(
            _read_provenance(texts[f"{at}.provenance.old"]),
            _read_provenance(texts[f"{at}.provenance.new"]),
        )
    said, says = (_taught(arrays, f"{at}.taught.{when}") for when in ("old", "new"))
    taught = None if said is None and says is None else Swap(said, says)
    image = None
    if f"{at}.image.old" in texts:
        image = Swap(Seen(texts[f"{at}.image.old"], None), Seen(texts[f"{at}.image.new"], None))
    return Change(
        {name: _patch(arrays, f"{at}.{name}") for name in _MAPS if f"{at}.{name}.box" in arrays},
        _swapped_verdicts(arrays[f"{at}.verdicts"]),
        _swapped_votings(arrays[f"{at}.votings"]),
        voting,
        vocabulary,
        probabilities,
        provenance,
        # An engine that the loaded session is given is of its last run, and of no run before it.
        None if provenance is None else Swap(_nobody, _nobody),
        image,
        taught,
    )


def _nobody() -> None:
    """Refer to no engine."""


def _put_taught(arrays: Arrays, name: str, taught: Taught | None) -> None:
    if taught is not None:
        arrays[f"{name}.values"] = taught.values
        arrays[f"{name}.probabilities"] = taught.probabilities
        arrays[f"{name}.told"] = np.array([taught.weight, taught.verdicts, taught.images])


def _taught(arrays: Arrays, name: str) -> Taught | None:
    if f"{name}.values" not in arrays:
        return None
    weight, verdicts, images = _array(arrays, f"{name}.told", np.float64, 1).tolist()
    return Taught(
        _array(arrays, f"{name}.values", np.int32, 1),
        _array(arrays, f"{name}.probabilities", np.float32, 2),
        weight,
        int(verdicts),
        int(images),
    )


def _put_patch(arrays: Arrays, name: str, patch: Patch) -> None:
    arrays[f"{name}.box"] = np.array(patch.box, np.int64)
    arrays[f"{name}.start"] = patch.start
    arrays[f"{name}.length"] = patch.length
    arrays[f"{name}.old"] = patch.old
    arrays[f"{name}.new"] = patch.new


def _patch(arrays: Arrays, name: str) -> Patch:
    box = _array(arrays, f"{name}.box", np.int64, 1).tolist()
    top, left, bottom, right = box
    start, length = (_array(arrays, f"{name}.{part}", np.int64, 1) for part in ("start", "length"))
    old, new = (_array(arrays, f"{name}.{part}", np.int32, 1) for part in ("old", "new"))
    corners: Box = (top, left, bottom, right)
    patch = Patch(corners, start, length, old, new)
    check_patch(patch, name.rpartition(".")[2])
    return patch


def _verdict_swaps(swaps: Mapping[int, Swap[Verdict | None]]) -> NDArray[np.int64]:
    """(n, 7): id, then kind (0 = none), value and looked, before and after; (n, 9), where some class
    that was given became another one: with that given as the last of each.
    """  # noqa: D205
    rows = [[region_id, *_code(swap.old), *_code(swap.new)] for region_id, swap in swaps.items()]
    found = np.array(rows, np.int64).reshape(-1, 9)
    return found if found[:, _GIVEN].any() else np.delete(found, _GIVEN, axis=1)


def _code(verdict: Verdict | None) -> tuple[int, int, int, int]:
    if verdict is None:
        return 0, 0, 0, 0
    return KINDS.index(verdict.kind) + 1, verdict.value, int(verdict.looked), verdict.given


def _swapped_verdicts(array: NDArray[np.generic]) -> dict[int, Swap[Verdict | None]]:
    if array.ndim == 2 and array.shape[1] == 7:
        array = np.insert(array, [4, 7], 0, axis=1)
    return {row[0]: Swap(_verdict(*row[1:5]), _verdict(*row[5:9])) for row in _rows(array, 9)}


def _verdict(kind: int, value: int, looked: int, given: int) -> Verdict | None:
    if kind == 0:
        return None
    if kind < 0 or not (0 <= value < 1 << 16 and 0 <= given < 1 << 16):
        raise Damaged("a verdict says nothing known")
    return Verdict(KINDS[kind - 1], value, bool(looked), given)


def _voting_swaps(swaps: Mapping[int, Swap[Voting | None]]) -> NDArray[np.int64]:
    """(n, 3): id, then the voting (0 = the session's own), before and after."""
    number = {None: 0} | {voting: at for at, voting in enumerate(VOTINGS, start=1)}
    rows = [[region_id, number[swap.old], number[swap.new]] for region_id, swap in swaps.items()]
    return np.array(rows, np.int64).reshape(-1, 3)


def _swapped_votings(array: NDArray[np.generic]) -> dict[int, Swap[Voting | None]]:
    return {row[0]: Swap(_voting(row[1]), _voting(row[2])) for row in _rows(array, 3)}


def _voting(code: int) -> Voting | None:
    if code < 0:
        raise Damaged("a region votes in no known way")
    return None if code == 0 else VOTINGS[code - 1]


def _rows(array: NDArray[np.generic], width: int) -> Iterable[list[int]]:
    if array.dtype != np.int64 or array.ndim != 2 or array.shape[1] != width:
        raise Damaged("a table has another shape")
    rows: list[list[int]] = array.tolist()
    return rows


def _array(arrays: Arrays, name: str, dtype: type[D], dimensions: int) -> NDArray[D]:
    array = arrays[name]
    if array.dtype != dtype or array.ndim != dimensions:
        raise Damaged(f"{name} is {array.dtype} of shape {array.shape}")
    return array  # type: ignore[return-value]


def _vocabulary_text(vocabulary: Vocabulary) -> str:
    return json.dumps({"origin": vocabulary.origin, **vocabulary.to_document()})


@lru_cache(maxsize=32)
def _read_vocabulary(text: str) -> Vocabulary:
    """Return a vocabulary, of which the steps of a history and the sessions of a set name few, and often."""
    document = dict(load_json(text, "its vocabulary", surrogates=True))  # in its origin, a path
    origin = str(document.pop("origin"))
    vocabulary = replace(Vocabulary.from_document(document), origin=origin)
    # A name that UTF-8 does not have could be read, and never be written again.
    json.dumps(vocabulary.to_document(), ensure_ascii=False).encode()
    return vocabulary


def _provenance_text(provenance: Provenance) -> str:
    return json.dumps(provenance.to_document())


def _read_provenance(text: str) -> Provenance:
    return Provenance.from_document(load_json(text, "its provenance", surrogates=True))


def _pack(arrays: Arrays, texts: Mapping[str, str]) -> bytes:
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return bytes(save(whole, dict(texts)))


def _unpack(data: bytes) -> tuple[Arrays, dict[str, str]]:
    arrays = load(data)  # which looks at the whole header, at its depth too
    length = int.from_bytes(data[:8], "little")
    texts = json.loads(data[8 : 8 + length]).get("__metadata__")
    return arrays, texts or {}
