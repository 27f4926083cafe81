"""Label Studio's files: tasks, which are streamed into one and found in one again, and the interface.

A file of tasks may be larger than memory. The numbers of a mask are no JSON for long: they are cut out and
kept as bytes, so that what is checked of a stranger's document is as short as what it says beside its masks.
"""

from __future__ import annotations

import json
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import quoteattr

from napari_corrclip.errors import InputError
from napari_corrclip.project.export import streamed_json
from napari_corrclip.project.export.checks import is_too_large, whole
from napari_corrclip.project.export.exporting import portable
from napari_corrclip.project.export.format import Head
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.segments import Segment
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.storage.untrusted import check_regular, guarded
from napari_corrclip.vocabulary.grammar import color_from_text, color_to_text
from napari_corrclip.vocabulary.palette import Color

TASKS, CONFIG, PICTURES = "tasks.json", "config.xml", "images"
LABELS, IMAGE = "labels", "image"
"""What the interface calls its brush and its image."""
ADDRESS = "/data/local-files/?d="
ADVICE = "export once more from Label Studio, as JSON"
HIGHEST = (1 << 31) - 1
"""The highest id of a region."""
_UPLOADED = re.compile(r"(?<=/data/upload/)((?:\d+/)?)[0-9a-f]{8}-(?=.)")
"""In front of the name of an image that somebody gave to Label Studio itself."""
_ID = re.compile(r"(\d{1,10})-\d{1,5}")
_CLASS_ID = re.compile(r"class-\d{1,5}")
_MASK = re.compile(rb'"rle"\s*:\s*(\[[\d,\s]*\])')
_UNREAD = (
    "rectangle", "polygon", "ellipse", "keypoint", "vector", "bitmask", "rectanglelabels", "polygonlabels",
    "ellipselabels", "keypointlabels", "vectorlabels", "bitmasklabels",
)  # fmt: skip
"""Kinds of regions that are no masks of the brush."""


# -- writing


def as_json(document: object) -> str:
    """Return a piece of a file of tasks."""
    return json.dumps(document, ensure_ascii=False)


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


def data_told(image: LabelledImage, picture: str) -> dict[str, object]:
    """Return what a task has of its image.

    Args:
        image: with its name and its subset.
        picture: the name of its file.
    """
    height, width = image.shape
    told = {IMAGE: _address(picture), "name": image.name, "width": width, "height": height}
    return {**told, "subset": image.subset} if image.subset else told


def _address(name: str) -> str:
    """Return where Label Studio finds a picture; bytes of its name that are no text are kept."""
    try:
        place = urllib.parse.quote(f"{PICTURES}/{name}", errors="surrogateescape")
    except UnicodeEncodeError:  # half a character, as Windows may have it
        place = urllib.parse.quote(f"{PICTURES}/{portable(name)}")
    return ADDRESS + place


def result_told(
    segment: Segment, shape: tuple[int, int], name: str, *, person: bool, whole: bool
) -> dict[str, object]:
    """Return a region of a task, without the numbers of its mask, which come last in it.

    Args:
        segment: of the image.
        shape: of the image.
        name: of the class.
        person: whether it is as it was decided, else as a run proposed it.
        whole: whether it is all of a class.
    """
    note = segment.note
    result: dict[str, object] = {
        "id": f"{'class' if whole else segment.region}-{segment.value}",
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
        result["meta"] = _meta(note, name, segment.area)
    return {**result, "value": {"format": "rle", "brushlabels": [name], "rle": []}}


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


def prediction_told(image: LabelledImage) -> dict[str, object]:
    """Return what is said of all that a run proposed."""
    made = image.provenance
    version = "" if made is None else f" {made.versions.get('napari-corrclip', '')} {made.preset}"
    scores = [note.p for note in image.notes if note.predicted]
    return {
        "model_version": " ".join(f"napari-corrclip{version}".split()),
        "score": round(sum(scores) / len(scores), 6),
    }


# -- reading


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


def config_of(path: Path) -> Iterator[tuple[str, Color | None]]:
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


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """A task.

    Attributes:
        document: all that is said, with numbers of masks instead of these.
        masks: packed.
        where: the subject of a sentence about it.
    """

    document: dict[str, Any]
    masks: list[bytes]
    where: str


def places_of(path: Path) -> Iterator[tuple[int, int]]:
    """Yield the first byte of each task and the one behind it.

    Args:
        path: of the file.

    Raises:
        InputError: it cannot be read, or is no list of objects.
    """
    return streamed_json.places_of(path, "file of tasks", ADVICE)


def task_at(path: Path, place: tuple[int, int], *, masks: bool = True) -> Task:
    """Return a task.

    Args:
        path: of the file.
        place: as of :func:`places_of`.
        masks: whether they are taken along.

    Raises:
        InputError: it is damaged.
    """
    where = f"The task at byte {place[0]} of {str(path)!r}"
    check_regular(path, "file of tasks", ADVICE)
    with guarded(where, ADVICE), path.open("rb") as file:
        file.seek(place[0])
        data = file.read(place[1] - place[0])
    cuts: list[bytes] = []

    def cut(found: re.Match[bytes]) -> bytes:
        try:
            cuts.append(bytes(json.loads(found[1])) if masks else b"")
        except ValueError:
            raise InputError(
                f"{where} has a mask that is no list of bytes, 0 to 255; {ADVICE}."
            ) from None
        return b'"rle":%d' % (len(cuts) - 1)

    try:
        text = _MASK.sub(cut, data).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is no UTF-8 text (byte {error.start}); {ADVICE}.") from None
    document = load_json(text, where)
    if not isinstance(document, dict):
        raise InputError(f"{where} is no task; {ADVICE}.")
    return Task(document, cuts, f"The task {_called(document, place)} of {str(path)!r}")


def _called(document: Mapping[str, Any], place: tuple[int, int]) -> str:
    """Return what a task is known by to people: its id there and its image, else where it stands."""
    id_, data = document.get("id"), document.get("data")
    name = file_name_of(data)[:100] if isinstance(data, dict) else ""
    told = [str(id_)] if type(id_) is int else []
    told += [repr(name)] if name else []
    return ", ".join(told) or f"at byte {place[0]}"


def labels_in(task: Task) -> Iterator[str]:
    """Yield the classes of all masks that a task has."""
    for kind in ("annotations", "completions", "predictions"):
        for said in _dicts(task.document.get(kind)):
            for result in _dicts(said.get("result")):
                value = result.get("value")
                for each in ("brushlabels", "labels"):
                    found = value.get(each) if isinstance(value, dict) else None
                    yield from (name for name in found or () if isinstance(name, str) and name)


def others_in(task: Task) -> set[str]:
    """Return the kinds of regions of a task that are no masks of the brush, as it calls them."""
    kinds = {
        result.get("type")
        for kind in ("annotations", "completions", "predictions")
        for said in _dicts(task.document.get(kind))
        for result in _dicts(said.get("result"))
    }
    return {kind for kind in kinds if isinstance(kind, str) and kind.lower() in _UNREAD}


def file_name_of(data: Mapping[str, Any]) -> str:
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


def last_of(task: Task, *kinds: str) -> dict[str, Any] | None:
    """Return the last annotation or prediction that was not cancelled."""
    found = [said for kind in kinds for said in _dicts(task.document.get(kind))]
    counts = [said for said in found if said.get("was_cancelled") is not True]
    times = [str(said.get("updated_at") or said.get("created_at") or "") for said in counts]
    if not counts:
        return None
    return counts[max(range(len(counts)), key=lambda index: (times[index], index))]


@dataclass(frozen=True, eq=False, slots=True)
class Mask:
    """A mask of a task, and what is said of it.

    Attributes:
        name: of its class.
        shape: of the image.
        region: that it is of; 0: it is in none; ``None``: that is not known.
        whole: whether it is of all of a class.
        data: packed.
        said: of it, as it is there.
    """

    name: str
    shape: tuple[int, int]
    region: int | None
    whole: bool
    data: bytes
    said: Mapping[str, Any]


def masks_of(task: Task, said: Mapping[str, Any] | None) -> list[Mask]:
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


def _mask(task: Task, result: dict[str, Any], value: dict[str, Any], names: object) -> Mask:
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
    shape = size_told(*sides)
    if shape is None:
        raise InputError(f"{where} has an image of the size {sides!r}; {ADVICE}.")
    if result.get("image_rotation") not in (None, 0):
        raise InputError(
            f"{where} is on an image that was turned by {result['image_rotation']!r}; turn it back in Label "
            "Studio."
        )
    told = _ID.fullmatch(id_) if isinstance(id_, str) else None
    region = None if told is None or int(told[1]) > HIGHEST else int(told[1])
    whole = isinstance(id_, str) and _CLASS_ID.fullmatch(id_) is not None
    said = {key: result.get(key) for key in ("meta", "score")}
    return Mask(names[0], shape, region, whole, task.masks[number], said)


def size_told(height: object, width: object) -> tuple[int, int] | None:
    """Return rows and columns where they can be those of an image."""
    height, width = whole(height), whole(width)
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        return None
    return None if is_too_large((height, width)) else (height, width)


def _dicts(found: object) -> list[dict[str, Any]]:
    return (
        [document for document in found if isinstance(document, dict)]
        if isinstance(found, list)
        else []
    )
