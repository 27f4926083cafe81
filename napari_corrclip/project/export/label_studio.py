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

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.parts import parts_of
from napari_corrclip.maps.regions import with_new_ids
from napari_corrclip.project.export.brush_rle import MOST, packed, painted, unpacked
from napari_corrclip.project.export.checks import MOST_PIXELS, inside, moment, share
from napari_corrclip.project.export.format import (
    Entry,
    Format,
    Reader,
    Taken,
    Writer,
    files_in,
    vocabulary_in_order,
)
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.label_studio_files import (
    ADVICE,
    CONFIG,
    PICTURES,
    TASKS,
    Mask,
    Task,
    as_json,
    config,
    config_of,
    data_told,
    file_name_of,
    labels_in,
    last_of,
    masks_of,
    others_in,
    places_of,
    prediction_told,
    result_told,
    size_told,
    task_at,
    tasks_in,
)
from napari_corrclip.project.export.manifest import STATES
from napari_corrclip.project.export.numbering import Choices
from napari_corrclip.project.export.pictures import (
    ENDINGS,
    Missing,
    goes_along,
    place_for,
    put_picture,
    size_of,
)
from napari_corrclip.project.export.segments import Masks, Segment, joined, segments_of
from napari_corrclip.project.export.sizes import Sizes
from napari_corrclip.vocabulary.palette import Color

_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\]+")
_RUNS = 1 << 16
"""Runs that are packed together."""
_TOGETHER = 256
"""Segments that are packed together."""
_BYTES = [str(byte) for byte in range(256)]


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
        self._missing = Missing()

    @property
    def most_pixels(self) -> int:
        """Of a task and of a mask."""
        return min(MOST_PIXELS, MOST)

    def item(self, image: LabelledImage) -> None:
        """Write a task."""
        name = put_picture(image, self.folder / PICTURES, self.head.pictures)
        if not goes_along(image, self.head.pictures):
            name = place_for(image)
            self._missing.add(f"{PICTURES}/{name}")
        data = as_json(data_told(image, name))
        self._file.write(f'{"," if self._begun else ""}\n{{"data": {data}, "predictions": [')
        self._begun = True
        if any(note.predicted for note in image.notes):
            self._results(_proposed(image), prediction_told(image), person=False)
        self._file.write('], "annotations": [')
        if is_decided(image):
            self._results(image, {"ground_truth": image.verified}, person=True)
        self._file.write("]}")

    def close(self) -> None:
        """End the list."""
        self._file.write("\n]\n")
        self.notes += self._missing.told("Label Studio", f"as {TASKS} has their names")

    def _results(self, image: LabelledImage, more: Mapping[str, Any], *, person: bool) -> None:
        """Write an annotation or a prediction."""
        self._file.write(as_json({**more, "result": []}).removesuffix("]}"))
        first, whole = True, self.head.masks == "classes"
        for segments in self._batches(image):
            masks = [(segment.starts, segment.lengths) for segment in segments]
            for segment, data in zip(segments, packed(masks, math.prod(image.shape)), strict=True):
                name = self._names[segment.value]
                told = result_told(segment, image.shape, name, person=person, whole=whole)
                text = as_json(told)
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
        masks: Masks = "classes" if self.head.masks == "classes" else "regions"
        for segment in segments_of(image, masks):
            if segment.value not in self._names:
                continue
            batch.append(joined(segment) if len(segment.starts) > 1 else segment)
            runs += len(segment.starts)
            if runs > _RUNS or len(batch) >= _TOGETHER:
                yield batch
                batch, runs = [], 0
        yield batch


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


# -- reading


class LabelStudioReader(Reader):
    """The reader; tasks are read one by one, of each the last annotation that counts, else the prediction."""

    def __init__(self, folder: Path) -> None:
        path = tasks_in(folder)
        if path is None:
            raise InputError(
                f"{str(folder)!r} has no {TASKS}, nor another file of tasks; {ADVICE}."
            )
        inside(folder, path, "file of tasks")
        self._folder, self._path = folder, path
        self._sizes = Sizes(folder)
        self._places: dict[str, tuple[int, int]] = {}
        self._others: set[str] = set()
        colors: dict[str, Color | None] = dict(
            config_of(inside(folder, folder / CONFIG, "labelling interface"))
        )
        self.entries = list(self._entries(colors))
        if not colors:
            if self._others:
                raise InputError(
                    f"{str(path)!r} has regions of the kind {', '.join(sorted(self._others))} and no mask "
                    "of the brush, and these alone are read; redraw them with the brush (BrushLabels) in "
                    "Label Studio."
                )
            raise InputError(
                f"{str(path)!r} has no mask of the brush that has a class, and no interface with classes of "
                f"the brush (BrushLabels) lies beside it; put it there as {CONFIG}."
            )
        self._values = {name: value for value, name in enumerate(colors, start=1)}
        self.vocabulary = vocabulary_in_order(colors.items())

    def _entries(self, colors: dict[str, Color | None]) -> Iterator[Entry]:
        """Yield the images, and note the classes that the interface has not."""
        pictures = files_in(self._folder / PICTURES, ENDINGS)
        seen: set[str] = set()
        for place in places_of(self._path):
            task = task_at(self._path, place, masks=False)
            for label in labels_in(task):
                colors.setdefault(label, None)
            self._others |= others_in(task)
            data = task.document.get("data")
            if not isinstance(data, dict):
                raise InputError(f"{task.where} has no data; {ADVICE}.")
            file_name = file_name_of(data)
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
        proposed = masks_of(task, last_of(task, "predictions"))
        decided = last_of(task, "annotations", "completions")
        masks = proposed if decided is None else masks_of(task, decided)
        shape = masks[0].shape if masks else self._shape(task, entry)
        if any(mask.shape != shape for mask in masks):
            raise InputError(f"{task.where} has masks of several sizes; {ADVICE}.")
        ids = with_new_ids([mask.region for mask in masks]).tolist()
        runs = [unpacked(mask.data, shape[0] * shape[1], task.where) for mask in masks]
        areas = [int(lengths.sum()) for _, lengths in runs]
        labels, regions = painted(
            [
                (*run, self._values[mask.name], id_)
                for run, mask, id_ in zip(runs, masks, ids, strict=True)
            ],
            shape,
        )
        if any(mask.whole for mask in masks):
            if decided is not None:
                return Taken(labels)
            parts = parts_of(labels)
            return Taken(labels, parts, proposed=frozenset(np.unique(parts[parts > 0]).tolist()))
        before = {mask.region or 0: mask for mask in reversed(proposed)}
        notes = {
            id_: self._note(id_, mask, area, before.get(mask.region) if mask.region else None)
            for mask, id_, area in reversed(list(zip(masks, ids, areas, strict=True)))
            if id_
        }
        open_ = frozenset(notes) if decided is None else frozenset[int]()
        return Taken(labels, regions, notes=list(notes.values()), proposed=open_)

    def _note(self, id_: int, mask: Mask, area: int, proposed: Mask | None) -> RegionNote:
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
        shape = size_told(data.get("height"), data.get("width"))
        if shape is not None:
            return shape
        if entry.picture is not None:
            return size_of(entry.picture)
        shape = self._sizes.of(entry.name) or self.size_elsewhere(entry)
        if shape is None:
            raise InputError(
                f"{task.where} has no mask, and nobody knows its image's size; put {entry.file_name!r} into "
                f"the folder {PICTURES!r}, or take the task out."
            )
        return shape


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
