"""The manifest beside an export: what its format cannot hold, so that it comes back with it.

A folder ``napari-corrclip`` in the export:

``manifest.json``
    the format, the choices, the classes with prompts and colours, the runs that proposed, and of each image
    its name, path, plane and subset. Where classes were rolled up, also which stands for which, and the
    format is another one, that programs which do not know of that take no label for a person's word.
``items/NUMBER.npz``
    of one image the regions, as runs along its rows; of each region what was predicted, what a person
    decided, who and when; and a number that stands for its pixels and labels as they were written. Where
    somebody has changed them in another program since, it is another one, and what is there now counts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.images.stack import Where
from napari_corrclip.maps.regions import as_ids
from napari_corrclip.maps.runs import spread
from napari_corrclip.project.export.checks import inside, moment, share
from napari_corrclip.project.export.format import Head
from napari_corrclip.project.export.image import IGNORED, LabelledImage, RegionNote, State
from napari_corrclip.project.export.numbering import VOID, Choices
from napari_corrclip.project.export.segments import Tally, left_out, runs_by_bands
from napari_corrclip.results.provenance import Provenance, package_versions
from napari_corrclip.storage.arrays import read_npz
from napari_corrclip.storage.disk import cannot_write
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary

FOLDER, NAME, ITEMS = "napari-corrclip", "manifest.json", "items"
FORMAT = "napari-corrclip export 1"
ROLLED_UP = "napari-corrclip export 2"
"""The format where classes were rolled up, so that labels say less than those that they were made of."""
_REMEDY = "export once more, or move the folder 'napari-corrclip' away and import without it"
STATES: tuple[State, ...] = get_args(State)
_COLUMNS = {
    "lengths": np.uint32, "run_ids": np.int32, "unwritten": np.uint16, "ids": np.int32, "values": np.uint16,
    "predicted": np.uint16, "states": np.uint8, "looked": np.bool_, "p": np.float32, "margin": np.float32,
    "by": np.uint32, "at": np.float64, "prints": np.uint64,
}  # fmt: skip
_WIDEST = max(np.dtype(dtype).itemsize for dtype in _COLUMNS.values())
_RUNS = ("lengths", "run_ids", "unwritten")
_OF_SYSTEMS = re.compile(
    r"\.DS_Store|\._.*|\.directory|(?i:ehthumbs|thumbs)\.db|(?i:desktop)\.ini", re.DOTALL
)
"""Files that systems put into a folder to show it as it was seen last; nobody misses one."""


@dataclass(frozen=True, slots=True)
class Noted:
    """An image as the manifest knows it, without its maps.

    Attributes:
        number: of its file.
        name: as of :class:`~napari_corrclip.project.export.image.LabelledImage`, like the next four.
        path: of the image.
        plane: of a stack.
        subset: of a split.
        verified: whether a person has said that it is done.
        painted: whether a person has painted pixels.
        shape: rows and columns.
        run: number of the run that proposed; ``None``: that is not known.
        outside: a number that stands for the pixels of no region and their labels; ``None``: not known.
    """

    number: int
    name: str
    path: str
    plane: Where
    subset: str
    verified: bool
    painted: bool
    shape: tuple[int, int]
    run: int | None
    outside: int | None = None


def has_manifest(folder: Path) -> bool:
    """Whether a folder is an export with its manifest."""
    return os.path.isfile(folder / FOLDER / NAME)  # noqa: PTH113 - where nobody may look is none


class ManifestWriter:
    """The writer of a manifest.

    Args:
        folder: of the export.
        kind: name of its format.
        head: of the export.
    """

    def __init__(self, folder: Path, kind: str, head: Head) -> None:
        self._folder, self._kind, self._head = folder / FOLDER, kind, head
        self._items: list[Noted] = []
        self._runs: dict[str, int] = {}
        self._people: dict[str, int] = {}
        try:
            (self._folder / ITEMS).mkdir(parents=True)
        except OSError as error:
            raise cannot_write(self._folder, error) from None

    def item(self, image: LabelledImage) -> None:
        """Note an image.

        Raises:
            InputError: it cannot be written.
        """
        run = None
        if image.provenance is not None:
            # What an image alone has would make each run another one.
            made = replace(
                image.provenance,
                image="",
                image_digest="",
                image_position="",
                stretch=(),
                seconds={},
            )
            text = json.dumps(made.to_document())
            run = self._runs.setdefault(text, len(self._runs))
        number = len(self._items)
        arrays, outside = self._arrays(image)
        self._items.append(
            Noted(
                number,
                image.name,
                image.path,
                image.plane,
                image.subset,
                image.verified,
                image.painted,
                image.shape,
                run,
                outside,
            )
        )
        path = _file(self._folder, number)
        try:
            np.savez_compressed(path, allow_pickle=False, **arrays)
        except OSError as error:
            raise cannot_write(path, error) from None

    def _arrays(self, image: LabelledImage) -> tuple[dict[str, NDArray[Any]], int]:
        """Return what is kept of an image's regions, and what stands for the pixels of none."""
        notes = image.notes
        # What a format leaves out, as the background class, is found as unlabelled in it.
        written = np.ones(MAX_VALUE + 1, np.bool_)
        numbered = self._head.numbering.by_value
        written[[value for value in self._head.vocabulary.values if value not in numbered]] = False
        tally = Tally()
        bands: dict[str, list[NDArray[Any]]] = {name: [] for name in _RUNS}
        for runs in runs_by_bands(image):
            seen = written[runs.values]
            tally.add(runs if seen.all() else runs.relabelled(np.where(seen, runs.values, 0)))
            unwritten = np.where(seen, 0, runs.values)
            for name, array in zip(_RUNS, (runs.lengths, runs.regions, unwritten), strict=True):
                bands[name].append(array.astype(_COLUMNS[name]))
        prints = tally.fingerprints()
        people = [self._people.setdefault(note.by, len(self._people)) for note in notes]
        columns: dict[str, Sequence[object] | NDArray[Any]] = {
            **{name: np.concatenate(arrays) if arrays else [] for name, arrays in bands.items()},
            "ids": [note.id for note in notes],
            "values": [note.value for note in notes],
            "predicted": [note.predicted for note in notes],
            "states": [STATES.index(note.state) for note in notes],
            "looked": [note.looked for note in notes],
            "p": [note.p for note in notes],
            "margin": [note.margin for note in notes],
            "by": people,
            "at": [note.at for note in notes],
            "prints": [prints.get(note.id, 0) for note in notes],
        }
        arrays: dict[str, NDArray[Any]] = {
            name: np.asarray(columns[name], dtype) for name, dtype in _COLUMNS.items()
        }
        return arrays, tally.outside()

    def _rolled_up(self) -> dict[str, object]:
        """Return which classes stand for which others, by the former's values, as the manifest says it."""
        head = self._head
        if head.rolled_up is None:
            return {}
        return {
            "rolled_up": [
                {"value": value, "name": name, "as": head.rolled_up.values[value]}
                for value, name in head.rolled_up.names.items()
                if head.rolled_up.values[value] != value
            ]
        }

    def close(self) -> None:
        """Write what is of all images.

        Raises:
            InputError: it cannot be written.
        """
        head = self._head
        stage = self._folder.parent
        files = list(files_of(stage, {path.name for path in stage.iterdir()} - {FOLDER}))
        document = {
            "format": FORMAT if head.rolled_up is None else ROLLED_UP,
            "kind": self._kind,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": package_versions()["napari-corrclip"],
            "masks": head.masks,
            "choices": asdict(head.numbering.choices),
            "subsets": list(head.subsets),
            "files": files,
            "vocabulary": head.vocabulary.to_document(),
            **self._rolled_up(),
            "people": list(self._people),
            "runs": [json.loads(text) for text in self._runs],
            "items": [
                {**asdict(item), "plane": list(item.plane), "shape": list(item.shape)}
                for item in self._items
            ],
        }
        try:
            text = json.dumps(document, ensure_ascii=False) + "\n"
            (self._folder / NAME).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise cannot_write(self._folder / NAME, error) from None


@dataclass(frozen=True, eq=False)
class Manifest:
    """The manifest of an export.

    Attributes:
        folder: of the export.
        kind: name of its format.
        choices: by which numbers were given.
        files: what was written, but for the manifest itself, as seen from the folder.
        vocabulary: the classes.
        people: who decided.
        runs: that proposed.
        items: the images, by their names.
        rolled_up: of each class that went out as another one, its name and the other's.
    """

    folder: Path
    kind: str
    choices: Choices
    files: tuple[str, ...]
    vocabulary: Vocabulary
    people: tuple[str, ...]
    runs: tuple[Provenance, ...]
    items: Mapping[str, Noted]
    rolled_up: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """What was written, by the names in the folder itself."""
        return frozenset({*(path.partition("/")[0] for path in self.files), FOLDER})

    @property
    def written(self) -> frozenset[str]:
        """All files that were written, the manifest's own among them, as seen from the folder."""
        items = (f"{FOLDER}/{ITEMS}/{_file_name(item.number)}" for item in self.items.values())
        return frozenset({*self.files, f"{FOLDER}/{NAME}", *items})

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Return that of an export, ``None`` where it has none; it is taken as untrusted.

        Raises:
            InputError: it is damaged, of a newer version, or a link out of the folder.
        """
        path = folder / FOLDER / NAME
        if not has_manifest(folder):
            return None
        where = f"The manifest {str(inside(folder, path, 'manifest'))!r}"
        document = load_json(read_text(path, "manifest", limit=1 << 30), where, surrogates=True)
        if not isinstance(document, dict) or document.get("format") not in (FORMAT, ROLLED_UP):
            raise InputError(f"{where} is not one of this version; {_REMEDY}.")
        try:
            items = [_noted(item, len(document["runs"])) for item in document["items"]]
            words = Vocabulary.from_document(document["vocabulary"])
            rolled = document["rolled_up"] if document["format"] == ROLLED_UP else []
            return cls(
                folder,
                _text(document["kind"]),
                Choices(**document["choices"]),
                tuple(map(_place, document["files"])),
                words,
                tuple(map(_text, document["people"])),
                tuple(map(Provenance.from_document, document["runs"])),
                {item.name: item for item in items},
                {_text(each["name"]): words.by_value(each["as"]).name for each in rolled},
            )
        except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
            detail = f" ({str(error).rstrip('.')})" if isinstance(error, InputError) else ""
            raise InputError(f"{where} is damaged{detail}; {_REMEDY}.") from None

    def image(
        self, item: Noted, labels: NDArray[np.uint16], ignored: NDArray[np.bool_] | None = None
    ) -> LabelledImage:
        """Return an image with labels that were read, and with what the manifest knows of it.

        Regions whose labels are as they were written keep what a person decided; others are assigned, or
        ignored, by whoever changed them. Where pixels of no region have changed, these have said so of all.

        Args:
            item: the image.
            labels: (H, W) as the format has them, values of :attr:`vocabulary`; become the image's own, with
                the classes that the format left out.
            ignored: (H, W), what was to be left out of training; ``None``: the format does not tell.

        Raises:
            InputError: the manifest is damaged or a link out of the folder, or the labels are of another
                size.
        """
        path = inside(self.folder, _file(self.folder / FOLDER, item.number), "manifest")
        if labels.shape != item.shape:
            raise InputError(
                f"The labels of {item.name!r} have {labels.shape} pixels, and were exported with "
                f"{item.shape}; give them their size, or import without the manifest."
            )
        # An image has no more runs, and no more regions, than pixels.
        arrays = read_npz(path, _COLUMNS, "manifest", _REMEDY, largest=_WIDEST * labels.size)
        rows = {len(arrays[name]) for name in _COLUMNS if name not in _RUNS}
        lengths, run_ids = arrays["lengths"], arrays["run_ids"]
        right = (
            all(
                arrays[name].dtype == dtype and arrays[name].ndim == 1
                for name, dtype in _COLUMNS.items()
            )
            and len(rows) == 1
            and len(lengths) == len(run_ids) == len(arrays["unwritten"])
            and int(lengths.sum(dtype=np.int64)) == labels.size
            and not (run_ids < 0).any()
            and len(np.unique(arrays["ids"])) == len(arrays["ids"])
        )
        if not right:
            raise InputError(f"{str(path)!r} is damaged; {_REMEDY}.")
        regions = spread(as_ids(run_ids), lengths, item.shape)
        bare = LabelledImage(
            item.name,
            labels,
            regions,
            path=item.path,
            plane=item.plane,
            subset=item.subset,
            verified=item.verified,
            painted=item.painted,
            provenance=None if item.run is None else self.runs[item.run],
        )
        tally = Tally.of(bare)
        notes, changed = self._notes(arrays, tally, self._left_out(bare, ignored), path)
        outside = item.outside is not None and item.outside != tally.outside()
        _fill(bare, arrays, changed)
        return replace(
            bare,
            notes=notes,
            changed=item.verified and (outside or bool(changed)),
            painted=item.painted or outside,
            outside=outside,
        )

    def _left_out(
        self, image: LabelledImage, ignored: NDArray[np.bool_] | None
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Return the regions that are ignored now, and those that surely are not."""
        # What is ignored has its own number, or its own objects where the unlabelled have none; else a file
        # does not tell whether it was.
        numbers = (None, self.choices.unlabelled)
        told = self.choices.unlabelled is None or self.choices.ignored not in numbers
        if ignored is None or not (told or self.choices.unlabelled != VOID):
            return frozenset(), frozenset()
        out, kept = left_out(image, ignored)
        return out, kept if told else frozenset()

    def _notes(
        self,
        arrays: Mapping[str, NDArray[Any]],
        tally: Tally,
        left_out: tuple[frozenset[int], frozenset[int]],
        path: Path,
    ) -> tuple[tuple[RegionNote, ...], list[int]]:
        """Return what is known of regions, and which of them were changed in another program."""
        out, kept = left_out
        prints, now = tally.fingerprints(), tally.majorities()
        there = np.isin(arrays["ids"], list(prints))  # of the others nothing is to be known
        columns = [arrays[name][there].tolist() for name in _COLUMNS if name not in _RUNS]
        notes, changed = list[RegionNote](), list[int]()
        for region, value, predicted, state, looked, p, margin, by, at, written in zip(
            *columns, strict=True
        ):
            when = moment(at)
            if state >= len(STATES) or by >= len(self.people) or when is None:
                raise InputError(f"{str(path)!r} is damaged; {_REMEDY}.")
            note = RegionNote(
                region,
                value,
                predicted,
                STATES[state],
                share(p),
                share(margin),
                looked,
                self.people[by],
                when,
            )
            value = now[region]
            ignored = not value and region in out
            other = region in kept if note.state == IGNORED else ignored
            if prints[region] != written or other:
                changed.append(region)
                says: State = IGNORED if ignored else "assigned"
                note = replace(note, value=value, state=says, looked=True, by="", at=0.0)
            notes.append(note)
        return tuple(notes), changed


def _fill(image: LabelledImage, arrays: Mapping[str, NDArray[Any]], changed: Sequence[int]) -> None:
    """Put back the classes that the format left out, but for regions that were changed."""
    if not arrays["unwritten"].any():
        return
    left_out = spread(arrays["unwritten"], arrays["lengths"], image.shape)
    for top, labels, regions in image.bands():
        mine = (labels == 0) & ~np.isin(regions, changed)
        np.copyto(labels, left_out[top : top + len(labels)], where=mine)


def _file(folder: Path, number: int) -> Path:
    return folder / ITEMS / _file_name(number)


def _file_name(number: int) -> str:
    return f"{number:06d}.npz"


def _noted(item: Mapping[str, Any], runs: int) -> Noted:
    number, run, outside = item["number"], item["run"], item.get("outside")
    shape, plane = tuple(item["shape"]), tuple(item["plane"])
    unknown = [0 if each is None else each for each in (run, outside)]
    whole = (number, *shape, *plane, *unknown)
    if not all(type(each) is int and each >= 0 for each in whole) or len(shape) != 2:
        raise TypeError
    if run is not None and run >= runs:
        raise ValueError
    return Noted(
        number,
        _text(item["name"]),
        _text(item["path"]),
        plane,
        _text(item["subset"]),
        item["verified"] is True,
        item["painted"] is True,
        (shape[0], shape[1]),
        run,
        outside,
    )


def files_of(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield the files at any depth of some of what is in a folder, as seen from it; a link is one.

    What is hidden is among them, but for what systems put wherever a person looks.

    Args:
        folder: of an export.
        names: of files and folders in it; need not be there.

    Raises:
        OSError: what is there cannot be seen.
    """

    def failed(error: OSError) -> None:
        raise error

    for name in sorted(names):
        top = folder / name
        if top.is_symlink() or not top.is_dir():
            if os.path.lexists(top):
                yield name
            continue
        for place, folders, files in os.walk(top, onerror=failed):
            at = Path(place).relative_to(folder).as_posix()
            links = [each for each in folders if Path(place, each).is_symlink()]
            yield from (
                f"{at}/{each}" for each in (*files, *links) if not _OF_SYSTEMS.fullmatch(each)
            )


def _place(value: object) -> str:
    """Return a path inside of a folder, as a manifest names it; it may be a stranger's."""
    place = _text(value)
    if any(part in ("", ".", "..") or part.startswith(".") for part in re.split(r"[/\\]", place)):
        raise ValueError(f"{place!r} is no file of the export")
    if PureWindowsPath(place).drive:
        raise ValueError(f"{place!r} is no file of the export")
    return place


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
