"""Label Studio: tasks with masks of the brush, what a run proposed beside what a person decided.

``tasks.json``
    a task an image. Its ``data`` has the address of the image, its name, subset and size. Its prediction has
    what a run proposed, with scores and the run's version. Where a person has decided anything, its
    annotation has all labels as they are now: of each region who decided and when, and of what nobody looked
    at that it comes from a prediction.
``config.xml``
    the labelling interface, with the classes in their colours.
``images/``
    the images.

Label Studio looks for the images at ``/data/local-files/?d=images/…``, with the export's folder as the root
of its local files. Who decided is noted with each region: Label Studio takes no annotator who is none of its
own users, and has whoever imports as the one who made the annotation. A region that a person ignored has no
mask in the annotation.
"""

from __future__ import annotations

import json
import math
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.brush_rle import MOST, packed, unpacked
from napari_corrclip.project.export.checks import (
    MOST_PIXELS,
    check_size,
    inside,
    is_too_large,
    moment,
    share,
)
from napari_corrclip.project.export.exporting import portable
from napari_corrclip.project.export.format import (
    Entry,
    Format,
    Head,
    Reader,
    Taken,
    Writer,
    files_in,
    vocabulary_of,
)
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.label_studio_file import ADVICE, Task, places_of, task_at
from napari_corrclip.project.export.manifest import STATES, Manifest
from napari_corrclip.project.export.numbering import Choices
from napari_corrclip.project.export.pictures import ENDINGS, put_picture, size_of
from napari_corrclip.project.export.segments import Segment, joined, segments_of
from napari_corrclip.storage.text_files import read_text
from napari_corrclip.storage.untrusted import guarded
from napari_corrclip.vocabulary import VocabularyClass
from napari_corrclip.vocabulary.grammar import color_from_text, color_to_text
from napari_corrclip.vocabulary.palette import Color, default_color

TASKS, CONFIG, PICTURES = "tasks.json", "config.xml", "images"
LABELS, IMAGE = "labels", "image"
"""What the interface calls its brush and its image."""
ADDRESS = "/data/local-files/?d="
_UPLOADED = re.compile(r"(?<=/data/upload/)((?:\d+/)?)[0-9a-f]{8}-(?=.)")
"""In front of the name of an image that somebody gave to Label Studio itself."""
_ID = re.compile(r"(\d{1,10})-\d{1,5}")
_CLASS_ID = re.compile(r"class-\d{1,5}")
_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\]+")
_RUNS = 1 << 16
"""Runs that are packed together."""
_BYTES = [str(byte) for byte in range(256)]
_HIGHEST = (1 << 31) - 1
_UNREAD = (
    "rectangle", "polygon", "ellipse", "keypoint", "vector", "bitmask", "rectanglelabels", "polygonlabels",
    "ellipselabels", "keypointlabels", "vectorlabels", "bitmasklabels",
)  # fmt: skip
"""Kinds of regions that are no masks of the brush."""


# -- writing


class LabelStudioWriter(Writer):
    """The writer; a mask goes into the file as soon as it is packed."""

    def begin(self) -> None:
        """Write the interface, and begin the list."""
        (self.folder / CONFIG).write_text(config(self.head), encoding="utf-8", newline="")
        self._names = {class_.value: class_.name for class_ in self.head.numbering.classes}
        path = self.folder / TASKS
        # of a file's name that is no text, JSON has the bytes escaped
        opened = path.open("w", encoding="utf-8", newline="", errors="backslashreplace")
        self._file = self.held.enter_context(opened)
        self._file.write("[")
        self._begun = False

    @property
    def most_pixels(self) -> int:
        """Of a task and of a mask."""
        return min(MOST_PIXELS, MOST)

    def item(self, image: LabelledImage) -> None:
        """Write a task."""
        height, width = image.shape
        name = put_picture(image, self.folder / PICTURES, self.head.pictures)
        data = {IMAGE: _address(name), "name": image.name, "width": width, "height": height}
        if image.subset:
            data["subset"] = image.subset
        self._file.write(f'{"," if self._begun else ""}\n{{"data": {_json(data)}, "predictions": [')
        self._begun = True
        if any(note.predicted for note in image.notes):
            self._results(_proposed(image), _prediction(image), person=False)
        self._file.write('], "annotations": [')
        if is_decided(image):
            self._results(image, {"ground_truth": image.verified}, person=True)
        self._file.write("]}")

    def close(self) -> None:
        """End the list."""
        self._file.write("\n]\n")

    def _results(self, image: LabelledImage, more: Mapping[str, Any], *, person: bool) -> None:
        """Write an annotation or a prediction."""
        self._file.write(_json({**more, "result": []}).removesuffix("]}"))
        first = True
        for segments in self._batches(image):
            masks = [(segment.starts, segment.lengths) for segment in segments]
            for segment, data in zip(segments, packed(masks, math.prod(image.shape)), strict=True):
                text = _json(self._result(segment, image.shape, person=person))
                # The numbers are last in it; json.dumps takes ten times as long for them.
                numbers = ",".join(map(_BYTES.__getitem__, data))
                self._file.write(
                    f"{'' if first else ','}\n{text.removesuffix('[]}}')}[{numbers}]}}}}"
                )
                first = False
        self._file.write("]}")

    def _batches(self, image: LabelledImage) -> Iterator[list[Segment]]:
        """Yield the segments that are written, some together."""
        batch: list[Segment] = []
        runs = 0
        masks = self.head.masks
        for segment in segments_of(image, "classes" if masks == "classes" else "regions"):
            if segment.value not in self._names:
                continue
            batch.append(joined(segment) if len(segment.starts) > 1 else segment)
            runs += len(segment.starts)
            if runs > _RUNS or len(batch) >= _TOGETHER:
                yield batch
                batch, runs = [], 0
        yield batch

    def _result(
        self, segment: Segment, shape: tuple[int, int], *, person: bool
    ) -> dict[str, object]:
        """Return a region of a task, without the numbers of its mask, which come last in it."""
        note, owner = segment.note, str(segment.region)
        result: dict[str, object] = {
            "id": f"{'class' if self.head.masks == 'classes' else owner}-{segment.value}",
            "type": "brushlabels",
            "from_name": LABELS,
            "to_name": IMAGE,
            "original_width": shape[1],
            "original_height": shape[0],
            "image_rotation": 0,
        }
        if note is not None and not person:
            result["score"] = round(note.p, 6)
        if person:
            result["origin"] = _origin(segment)
        if person and note is not None and note.state:
            result["meta"] = _meta(note, self._names[segment.value], segment.area)
        value = {"format": "rle", "brushlabels": [self._names[segment.value]], "rle": []}
        return {**result, "value": value}


def _address(name: str) -> str:
    """Return where Label Studio finds a picture; bytes of its name that are no text are kept."""
    try:
        place = urllib.parse.quote(f"{PICTURES}/{name}", errors="surrogateescape")
    except UnicodeEncodeError:  # half a character, as Windows may have it
        place = urllib.parse.quote(f"{PICTURES}/{portable(name)}")
    return ADDRESS + place


_TOGETHER = 256
"""Segments that are packed together."""


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False)


def _origin(segment: Segment) -> str:
    """Return what Label Studio calls what a region comes from."""
    if segment.note is None or not segment.note.predicted:
        return "manual"
    return "prediction" if segment.note.predicted == segment.value else "prediction-changed"


def _meta(note: RegionNote, name: str, area: int) -> dict[str, object]:
    """Return who decided what about a region and when, as a text for people, and for us.

    What is decided tells later whether somebody has decided otherwise since.
    """
    at = datetime.fromtimestamp(note.at, UTC).isoformat(timespec="seconds") if note.at else ""
    told = " ".join(part for part in (note.state, note.by and f"by {note.by}", at) if part)
    more = {"state": note.state, "looked": note.looked, "by": note.by, "at": note.at}
    return {"text": [told], **more, "class": name, "area": area}


def _prediction(image: LabelledImage) -> dict[str, object]:
    """Return what is said of all that a run proposed."""
    made = image.provenance
    version = "" if made is None else f" {made.versions.get('napari-corrclip', '')} {made.preset}"
    scores = [note.p for note in image.notes if note.predicted]
    return {
        "model_version": " ".join(f"napari-corrclip{version}".split()),
        "score": round(sum(scores) / len(scores), 6),
    }


class _Predicted:
    """The labels that a run gave the regions of an image, as an array that is read where it is cut."""

    def __init__(self, image: LabelledImage) -> None:
        self._regions, self.shape = image.regions, image.regions.shape
        chunks = getattr(image.labels, "chunks", None)
        if chunks is not None:
            self.chunks = chunks
        notes = sorted(image.notes, key=lambda note: note.id)
        self._ids = np.array([0, *(note.id for note in notes)], np.int64)
        self._values = np.array([0, *(note.predicted for note in notes)], np.uint16)

    def __getitem__(self, cut: Any) -> NDArray[np.uint16]:
        """Return a piece."""
        regions = np.asarray(self._regions[cut])
        at = np.minimum(np.searchsorted(self._ids, regions), len(self._ids) - 1)
        found: NDArray[np.uint16] = self._values[at]
        found[self._ids[at] != regions] = 0
        return found


def _proposed(image: LabelledImage) -> LabelledImage:
    return replace(image, labels=_Predicted(image))


def is_decided(image: LabelledImage) -> bool:
    """Whether anything of an image is not as a run proposed it."""
    if image.verified or any(note.state for note in image.notes):
        return True
    pairs = zip(image.bands(), _proposed(image).bands(), strict=True)
    return not all(np.array_equal(labels, other) for (_, labels, _), (_, other, _) in pairs)


def config(head: Head) -> str:
    """Return the labelling interface."""
    labels = "".join(
        f"    <Label value={quoteattr(class_.name)} background={quoteattr(color_to_text(class_.color))}/>\n"
        for class_ in head.numbering.classes
    )
    return (
        f'<View>\n  <Image name="{IMAGE}" value="${IMAGE}" zoom="true" zoomControl="true"/>\n'
        f'  <BrushLabels name="{LABELS}" toName="{IMAGE}">\n{labels}  </BrushLabels>\n</View>\n'
    )


# -- reading


@dataclass(frozen=True, eq=False, slots=True)
class _Mask:
    """A mask of a task, and what is said of it."""

    name: str
    shape: tuple[int, int]
    region: int | None
    """0: it is in none; ``None``: that is not known."""
    whole: bool
    """Whether it is of all of a class."""
    data: bytes
    said: Mapping[str, Any]


def tasks_in(folder: Path) -> Path | None:
    """Return the file of tasks in a folder: ours, or the only one that looks as Label Studio exports it."""
    if (folder / TASKS).is_file():
        return folder / TASKS
    found = [path for path in sorted(folder.glob("*.json")) if path.is_file() and _looks(path)]
    return found[0] if len(found) == 1 else None


def _looks(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(1 << 12).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError:
        return False
    keys = (b'"annotations"', b'"predictions"', b'"completions"')
    return start.startswith(b"[") and any(key in start for key in keys)


class LabelStudioReader(Reader):
    """The reader; tasks are read one by one, of each the last annotation that counts, else the prediction."""

    named = True

    def __init__(self, folder: Path) -> None:
        path = tasks_in(folder)
        if path is None:
            raise InputError(
                f"{str(folder)!r} has no {TASKS}, nor another file of tasks; {ADVICE}."
            )
        inside(folder, path, "file of tasks")
        self._folder, self._path = folder, path
        self._places: dict[str, tuple[int, int]] = {}
        colors: dict[str, Color | None] = dict(
            _config_of(inside(folder, folder / CONFIG, "labelling interface"))
        )
        self.entries = list(self._entries(colors))
        if not colors:
            raise InputError(
                f"{str(path)!r} has no class; put {CONFIG} beside it, with the interface."
            )
        self._values = {name: value for value, name in enumerate(colors, start=1)}
        self.vocabulary = vocabulary_of(
            [
                VocabularyClass(name, (name,), value, color or default_color(value))
                for value, (name, color) in enumerate(colors.items(), start=1)
            ]
        )
        self.numbers = self.vocabulary.values

    def _entries(self, colors: dict[str, Color | None]) -> Iterator[Entry]:
        """Yield the images, and note the classes that the interface has not."""
        pictures = files_in(self._folder / PICTURES, ENDINGS)
        seen: set[str] = set()
        for place in places_of(self._path):
            task = task_at(self._path, place, masks=False)
            for label in _labels_in(task):
                colors.setdefault(label, None)
            data = task.document.get("data")
            if not isinstance(data, dict):
                raise InputError(f"{task.where} has no data; {ADVICE}.")
            file_name = _file_name(data)
            given = data.get("name")
            name = given if isinstance(given, str) and given else PurePosixPath(file_name).stem
            name = base = _UNFIT.sub("_", name).strip(" .") or "image"
            number = 2
            while name.casefold() in seen:
                name, number = f"{base}_{number}", number + 1
            seen.add(name.casefold())
            self._places[name] = place
            subset = data.get("subset")
            yield Entry(
                name,
                file_name or name,
                subset if isinstance(subset, str) else "",
                pictures.get(name),
            )

    def read(self, entry: Entry) -> Taken:
        """Return an image's masks."""
        task = task_at(self._path, self._places[entry.name])
        proposed = _masks_of(task, _last(task, "predictions"))
        decided = _last(task, "annotations", "completions")
        masks = proposed if decided is None else _masks_of(task, decided)
        shape = masks[0].shape if masks else self._shape(task, entry)
        if any(mask.shape != shape for mask in masks):
            raise InputError(f"{task.where} has masks of several sizes; {ADVICE}.")
        ids = _ids_of(masks)
        runs = [unpacked(mask.data, shape[0] * shape[1], task.where) for mask in masks]
        areas = [int(lengths.sum()) for _, lengths in runs]
        labels, regions = _painted(
            [
                (*run, self._values[mask.name], id_)
                for run, mask, id_ in zip(runs, masks, ids, strict=True)
            ],
            shape,
        )
        if any(mask.whole for mask in masks):
            return Taken(labels)
        before = {mask.region or 0: mask for mask in reversed(proposed)}
        notes = {
            id_: self._note(id_, mask, area, before.get(mask.region) if mask.region else None)
            for mask, id_, area in reversed(list(zip(masks, ids, areas, strict=True)))
            if id_
        }
        return Taken(labels, regions, notes=list(notes.values()))

    def _note(self, id_: int, mask: _Mask, area: int, proposed: _Mask | None) -> RegionNote:
        meta = mask.said.get("meta")
        if not isinstance(meta, dict) or (meta.get("class"), meta.get("area")) != (mask.name, area):
            meta = {}  # nobody said so, or somebody has changed it in Label Studio
        value = self._values[mask.name]
        state, by = meta.get("state"), meta.get("by")
        score = share((mask if proposed is None else proposed).said.get("score"))
        return RegionNote(
            id_,
            value,
            value if proposed is None else self._values[proposed.name],
            state if state in STATES and state != "ignored" else "",
            score,
            0.0,
            meta.get("looked") is not False,
            by if isinstance(by, str) else "",
            moment(meta.get("at")) or 0.0,
        )

    def _shape(self, task: Task, entry: Entry) -> tuple[int, int]:
        """Return the size of an image without masks."""
        data = task.document["data"]
        shape = _size(data.get("height"), data.get("width"))
        if shape is not None:
            return shape
        if entry.picture is not None:
            return size_of(entry.picture)
        item = None if self._manifest is None else self._manifest.items.get(entry.name)
        if item is None:
            raise InputError(
                f"{task.where} has no mask, and nobody knows its image's size; put {entry.file_name!r} into "
                f"the folder {PICTURES!r}, or take the task out."
            )
        return check_size(item.shape, f"The image {entry.name!r} in the manifest")

    @cached_property
    def _manifest(self) -> Manifest | None:
        return Manifest.read(self._folder)


def _config_of(path: Path) -> Iterator[tuple[str, Color | None]]:
    """Yield the classes of a labelling interface, with colours where they are plain ones."""
    if not path.is_file():
        return
    text = read_text(path, "labelling interface")
    where = f"The labelling interface {str(path)!r}"
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        raise InputError(f"{where} has declarations (<!…>), which are not read; take them out.")
    with guarded(where, "save it anew from Label Studio", damage=ElementTree.ParseError):
        root = ElementTree.fromstring(text)
    for labels in (*root.iter("BrushLabels"), *root.iter("Labels")):
        for label in labels.iter("Label"):
            name, color = label.get("value"), label.get("background", "")
            try:
                found = color_from_text(color)
            except InputError:
                found = None
            if name:
                yield name, found


def _labels_in(task: Task) -> Iterator[str]:
    """Yield the classes of all masks that a task has."""
    for kind in ("annotations", "completions", "predictions"):
        for said in _dicts(task.document.get(kind)):
            for result in _dicts(said.get("result")):
                value = result.get("value")
                for each in ("brushlabels", "labels"):
                    found = value.get(each) if isinstance(value, dict) else None
                    yield from (name for name in found or () if isinstance(name, str) and name)


def _dicts(found: object) -> list[dict[str, Any]]:
    return (
        [document for document in found if isinstance(document, dict)]
        if isinstance(found, list)
        else []
    )


def _file_name(data: Mapping[str, Any]) -> str:
    """Return the name of the file that a task's data leads to."""
    addresses = [data.get(IMAGE), *(value for key, value in data.items() if key != "name")]
    address = next((text for text in addresses if isinstance(text, str) and text), "")
    address = _UPLOADED.sub(r"\1", address)
    try:
        parts = urllib.parse.urlsplit(address)
        place = urllib.parse.parse_qs(parts.query).get("d", [urllib.parse.unquote(parts.path)])[0]
    except ValueError:
        place = address
    return PurePosixPath(place.replace("\\", "/")).name


def _last(task: Task, *kinds: str) -> dict[str, Any] | None:
    """Return the last annotation or prediction that was not cancelled."""
    found = [said for kind in kinds for said in _dicts(task.document.get(kind))]
    counts = [said for said in found if said.get("was_cancelled") is not True]
    times = [str(said.get("updated_at") or said.get("created_at") or "") for said in counts]
    if not counts:
        return None
    return counts[max(range(len(counts)), key=lambda index: (times[index], index))]


def _masks_of(task: Task, said: Mapping[str, Any] | None) -> list[_Mask]:
    """Return the masks of an annotation or prediction."""
    results = _dicts((said or {}).get("result"))
    beside = {}
    for result in results:
        value = result.get("value")
        if isinstance(value, dict) and "rle" not in value and value.get("labels"):
            beside[result.get("id")] = value["labels"]
    found = []
    for result in results:
        kind, value = result.get("type"), result.get("value")
        if isinstance(kind, str) and kind.lower() in _UNREAD:
            raise InputError(
                f"{task.where} has a region of the kind {kind!r}, and masks of the brush alone are read; "
                "redraw it with the brush, or delete it."
            )
        if not isinstance(value, dict) or "rle" not in value:
            continue
        names = value.get("brushlabels") or value.get("labels") or beside.get(result.get("id"))
        found.append(_mask(task, result, value, names))
    return found


def _mask(task: Task, result: dict[str, Any], value: dict[str, Any], names: object) -> _Mask:
    id_ = result.get("id")
    where = f"The region {id_!r} of {task.where[0].lower()}{task.where[1:]}"
    if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
        raise InputError(f"{where} has the classes {names!r}; give it one in Label Studio.")
    number = value["rle"]
    if (
        value.get("format", "rle") != "rle"
        or type(number) is not int
        or not 0 <= number < len(task.masks)
    ):
        raise InputError(f"{where} has a mask that is none of the brush's; {ADVICE}.")
    sides = result.get("original_height"), result.get("original_width")
    shape = _size(*sides)
    if shape is None:
        raise InputError(f"{where} has an image of the size {sides!r}; {ADVICE}.")
    if result.get("image_rotation") not in (None, 0):
        raise InputError(
            f"{where} is on an image that was turned by {result['image_rotation']!r}; turn it back in Label "
            "Studio."
        )
    told = _ID.fullmatch(id_) if isinstance(id_, str) else None
    region = None if told is None or int(told[1]) > _HIGHEST else int(told[1])
    whole = isinstance(id_, str) and _CLASS_ID.fullmatch(id_) is not None
    said = {key: result.get(key) for key in ("meta", "score")}
    return _Mask(names[0], shape, region, whole, task.masks[number], said)


def _size(height: object, width: object) -> tuple[int, int] | None:
    """Return rows and columns where they can be those of an image."""
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        return None
    return None if is_too_large((height, width)) else (height, width)


def _ids_of(masks: Sequence[_Mask]) -> list[int]:
    """Return the id of the region of each mask; those of which it is not known get new ones."""
    free = max((mask.region or 0 for mask in masks), default=0) + 1
    if free + len(masks) > _HIGHEST:
        free = 1
    ids = []
    for mask in masks:
        ids.append(free if mask.region is None else mask.region)
        free += mask.region is None
    return ids


def _painted(
    masks: Sequence[tuple[NDArray[np.int64], NDArray[np.int64], int, int]], shape: tuple[int, int]
) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """Return the labels and regions of masks, of which later ones lie upon former ones.

    Args:
        masks: of each the starts and lengths of its runs, its label value and its region.
        shape: rows and columns.
    """
    pixels = shape[0] * shape[1]
    counts = [len(starts) for starts, _, _, _ in masks]
    starts = np.concatenate([np.zeros(0, np.int64), *(mask[0] for mask in masks)])
    lengths = np.concatenate([np.zeros(0, np.int64), *(mask[1] for mask in masks)])
    values = np.repeat(np.array([mask[2] for mask in masks], np.uint16), counts)
    ids = np.repeat(np.array([mask[3] for mask in masks], np.int32), counts)
    order = np.argsort(starts, kind="stable")
    ends = (starts + lengths)[order]
    if (starts[order][1:] < ends[:-1]).any():
        labels, regions = np.zeros(pixels, np.uint16), np.zeros(pixels, np.int32)
        for start, end, value, id_ in zip(
            starts.tolist(), (starts + lengths).tolist(), values.tolist(), ids.tolist(), strict=True
        ):
            labels[start:end] = value
            regions[start:end] = id_
        return labels.reshape(shape), regions.reshape(shape)
    # No two share a pixel: gap, run, gap, run, …, gap
    every = np.zeros(2 * len(order) + 1, np.int64)
    every[1::2] = lengths[order]
    every[0::2] = np.diff(starts[order], append=pixels, prepend=0)
    every[2::2] -= lengths[order]
    told = np.zeros(len(every), np.uint16), np.zeros(len(every), np.int32)
    told[0][1::2], told[1][1::2] = values[order], ids[order]
    return np.repeat(told[0], every).reshape(shape), np.repeat(told[1], every).reshape(shape)


LABEL_STUDIO = Format(
    "label-studio",
    "Label Studio",
    "Tasks with brush masks: a run's as predictions, a person's as annotations; reads what it exports.",
    exact=True,
    masks=("regions", "classes"),
    choices=Choices(first=1, unlabelled=None),
    free=frozenset({"background"}),
    pictures="copy",
    writer=LabelStudioWriter,
    is_one=lambda folder: tasks_in(folder) is not None,
    reader=LabelStudioReader,
)
