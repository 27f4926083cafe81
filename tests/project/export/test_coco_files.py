"""COCO's documents as they are found in files: however large, and however strange."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.project.export import streamed_json
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.formats import FORMATS
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.streamed_json import elements_at, elements_of, places_of
from tests.project.export.exported import image, write

PLAIN = ExportOptions(pictures="none")
DOCUMENT = {
    "info": {"a": "Käfer 🪲", "b": [1, 2.5, None]},
    "none": [],
    "images": [{"id": number, "name": "ü" * number} for number in range(40)],
    "number": 123456,
    "annotations": [[number] * number for number in range(40)],
    "last": "text with \\ and \" and ] and }",
}  # fmt: skip


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("chunk", [4, 7, 64, 1 << 18])
def test_elements_are_those_of_the_document(
    chunk: int, indent: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed_json, "_CHUNK", chunk)
    path = tmp_path / "a.json"
    text = json.dumps(DOCUMENT, ensure_ascii=False, indent=indent)
    path.write_text(f"\ufeff {text} \n", encoding="utf-8")
    found: dict[str, list[Any]] = {}
    with path.open("rb") as file:
        for element in elements_of(path, "document"):
            (value,) = elements_at(file, [(element.start, element.end)], "it")
            found.setdefault(element.key, []).append(value)
    assert found == {
        key: value if isinstance(value, list) else [value]
        for key, value in DOCUMENT.items()
        if value != []
    }


def test_an_element_is_not_read_forever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_json, "_LONGEST", 1000)
    path = tmp_path / "a.json"
    path.write_text('{"images": ["' + "x" * (1 << 20))
    with pytest.raises(InputError, match="from byte 12 on"):
        list(elements_of(path, "document"))


@pytest.mark.parametrize(
    ("limit", "text"),
    [("_LONGEST_PASSED", '[{"a": [' + "1, " * (1 << 19) + '1], "'), ("_LONGEST_TEXT", '[{"')],
)
def test_an_element_is_not_passed_over_forever(
    limit: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed_json, limit, 1000)
    path = tmp_path / "a.json"
    path.write_text(text + "x" * (1 << 20) + '"}]')
    with pytest.raises(InputError, match="no valid JSON list of objects"):
        list(places_of(path, "document", "copy it again"))
    monkeypatch.undo()
    path.write_text('[{"a": "' + "x" * (1 << 20) + '"}, {}]')
    assert [end - start for start, end in places_of(path, "document", "")] == [(1 << 20) + 9, 2]


def test_subsets_call_a_class_alike(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [image(1)], FORMATS["coco"], options=PLAIN)
    (path,) = (folder / "annotations").iterdir()
    told = json.loads(path.read_text())
    told["categories"][0]["name"] = "other"
    path.with_name("instances_val.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match="'other'"):
        Opened.of(folder, manifest=False)


def test_no_document_takes_the_place_of_another(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [image(1)], FORMATS["coco"], options=PLAIN)
    (path,) = (folder / "annotations").iterdir()
    for name in ("instances.json", "instances_valid.json", "instances_val.json"):
        path.with_name(name).write_text(path.read_text())
    entries = Opened.of(folder, manifest=False).entries
    assert len({entry.subset for entry in entries}) == len({entry.name for entry in entries}) == 4


ODD = [
    None, True, 0, -1, 1.5, 1e308, 1 << 63, -(1 << 63), "", "a", "\0", "../x", "/", "\ud800", "é" * 300,
    "o" * 50, [], {}, [[]], [1], [None], [[1e9] * 8], {"a": 1}, {"size": [9, 11], "counts": "0"},
]  # fmt: skip


@pytest.mark.parametrize("kind", ["coco", "coco-panoptic"])
def test_strange_values_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [image(1, (9, 11))], FORMATS[kind], options=PLAIN)
    (path,) = (folder / "annotations").glob("*.json")
    whole, dice = json.loads(path.read_text()), random.Random(0)
    if kind == "coco":
        whole["annotations"][0]["segmentation"] = [[0, 0, 3.5, 0, 3, 3, 0, 3]]
        whole["annotations"][1]["segmentation"]["counts"] = [3, 3, 93]
    places = list(places_in(whole))
    outcomes = {"read": 0, "refused": 0}
    for _ in range(300):
        changed = copy.deepcopy(whole)
        *above, key = dice.choice(places)
        inner: Any = changed
        for step in above:
            inner = inner[step]
        inner[key] = dice.choice(ODD)
        path.write_text(json.dumps(changed))
        try:
            opened = Opened.of(folder, name=kind, manifest=False)
            for entry in opened.entries:
                opened.image(entry)
            outcomes["read"] += 1
        except InputError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 30


def places_in(told: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where in a document there are values."""
    if above:
        yield above
    keys = told if isinstance(told, dict) else range(len(told)) if isinstance(told, list) else ()
    for key in keys:
        yield from places_in(told[key], (*above, key))
