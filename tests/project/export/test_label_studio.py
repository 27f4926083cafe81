"""Label Studio's tasks: what is in the files, and what comes back of Label Studio's own export."""

from __future__ import annotations

import json
import tracemalloc
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export import streamed_json
from napari_corrclip.project.export.brush_rle import packed, unpacked
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.label_studio import LABEL_STUDIO
from napari_corrclip.project.export.label_studio_files import CONFIG, TASKS, places_of, task_at
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass
from tests.project.export.exported import NAMES, read, write

BARE = ExportOptions(pictures="none")
LABELS = np.array([[1, 1, 0, 2, 2], [1, 1, 0, 2, 2], [0, 0, 0, 1, 2], [1, 1, 0, 0, 0]], np.uint16)
REGIONS = np.array([[3, 3, 0, 8, 8], [3, 3, 0, 8, 8], [9, 9, 0, 8, 8], [3, 3, 0, 0, 0]], np.int32)
NOTES = (
    RegionNote(3, 1, 2, "assigned", 0.5, by="Ann", at=1.7e9),
    RegionNote(8, 2, 2, p=0.75),
    RegionNote(9, 0, 1, "ignored", 0.25),
)
MADE = Provenance(versions={"napari-corrclip": "9.8"}, preset="base")


def vocabulary() -> Vocabulary:
    classes = (
        VocabularyClass("cat", ("cat",), 1, (255, 0, 0)),
        VocabularyClass("dog", ("dog",), 2, (0, 0, 255)),
    )
    return Vocabulary(classes, 3)


def small(**more: Any) -> LabelledImage:
    """An image of 4 x 5 pixels: a region of two parts, one that is painted over, one ignored."""
    given: dict[str, Any] = {"path": "site/cells one.png", "provenance": MADE, **more}
    return LabelledImage("", LABELS, REGIONS, NOTES, **given)


def tasks(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / TASKS).read_text(encoding="utf-8"))
    return found


def mask(result: dict[str, Any]) -> NDArray[np.bool_]:
    height, width = result["original_height"], result["original_width"]
    found = np.zeros(height * width, np.bool_)
    for start, length in zip(
        *unpacked(bytes(result["value"]["rle"]), found.size, "It"), strict=True
    ):
        found[start : start + length] = True
    return found.reshape(height, width)


def rle(inside: NDArray[np.bool_]) -> list[int]:
    at = np.flatnonzero(np.diff(inside.ravel().astype(np.int8), prepend=0, append=0))
    return list(packed([(at[::2], at[1::2] - at[::2])], inside.size)[0])


def without_mask(result: dict[str, Any]) -> dict[str, Any]:
    value = {key: result["value"][key] for key in result["value"] if key != "rle"}
    return {**result, "value": value}


def test_a_task_has_what_was_proposed_and_what_was_decided(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [small()], LABEL_STUDIO, vocabulary(), BARE)
    (task,) = tasks(folder)
    assert list(task) == ["data", "predictions", "annotations"]
    assert task["data"] == {
        "image": "/data/local-files/?d=images/cells%20one.png",
        "name": "cells one",
        "width": 5,
        "height": 4,
    }
    (prediction,) = task["predictions"]
    assert prediction["model_version"] == "napari-corrclip 9.8 base"
    assert prediction["score"] == 0.5
    common = {
        "type": "brushlabels",
        "from_name": "labels",
        "to_name": "image",
        "original_width": 5,
        "original_height": 4,
        "image_rotation": 0,
    }
    assert [without_mask(result) for result in prediction["result"]] == [
        {**common, "id": "3-2", "score": 0.5, "value": {"format": "rle", "brushlabels": ["dog"]}},
        {**common, "id": "8-2", "score": 0.75, "value": {"format": "rle", "brushlabels": ["dog"]}},
        {**common, "id": "9-1", "score": 0.25, "value": {"format": "rle", "brushlabels": ["cat"]}},
    ]
    for result, region in zip(prediction["result"], (3, 8, 9), strict=True):
        np.testing.assert_array_equal(mask(result), region == REGIONS)
    (annotation,) = task["annotations"]
    assert "completed_by" not in annotation  # Label Studio refuses who is none of its users
    assert annotation["ground_truth"] is False
    cat = {"format": "rle", "brushlabels": ["cat"]}
    assert [without_mask(result) for result in annotation["result"]] == [
        {
            **common,
            "id": "3-1",
            "origin": "prediction-changed",
            "meta": {
                "text": ["assigned by Ann 2023-11-14T22:13:20+00:00"],
                "state": "assigned",
                "looked": True,
                "by": "Ann",
                "at": 1.7e9,
                "class": "cat",
                "area": 6,
            },
            "value": cat,
        },
        {**common, "id": "8-1", "origin": "prediction-changed", "value": cat},
        {**common, "id": "8-2", "origin": "prediction", "value": {**cat, "brushlabels": ["dog"]}},
    ]
    for result, region, value in zip(annotation["result"], (3, 8, 8), (1, 1, 2), strict=True):
        np.testing.assert_array_equal(mask(result), (region == REGIONS) & (value == LABELS))


def test_the_interface_has_the_classes(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [small()], LABEL_STUDIO, vocabulary(), BARE)
    assert (folder / CONFIG).read_text() == (
        '<View>\n  <Image name="image" value="$image" zoom="true" zoomControl="true"/>\n'
        '  <BrushLabels name="labels" toName="image">\n'
        '    <Label value="cat" background="#ff0000"/>\n'
        '    <Label value="dog" background="#0000ff"/>\n'
        "  </BrushLabels>\n</View>\n"
    )


def test_names_of_every_kind_are_escaped(tmp_path: Path) -> None:
    names = [*NAMES, "<b>", "&amp;", "a'b", "$x", "“”", "]", '["x"]', "\\"]
    given = Vocabulary.from_names(names)
    labels = np.arange(len(names) + 1, dtype=np.uint16)[None]
    one = LabelledImage("", labels, labels.astype(np.int32), path='a "b" #1 %2?.png')
    folder = write(tmp_path / "out", [one], LABEL_STUDIO, given, BARE)
    root = ElementTree.parse(folder / CONFIG).getroot()
    assert [label.get("value") for label in root.iter("Label")] == list(given.names)
    assert tasks(folder)[0]["data"]["image"].endswith("images/a%20_b_%20%231%20%252_.png")
    for interface in (True, False):  # without it, the tasks' own classes count
        if not interface:
            (folder / CONFIG).unlink()
        opened = Opened.of(folder, manifest=False)
        assert opened.vocabulary.names == given.names
        np.testing.assert_array_equal(opened.image(opened.entries[0]).labels, labels)


def test_what_nobody_has_looked_at_is_a_prediction_alone(tmp_path: Path) -> None:
    labels = np.where(REGIONS == 3, 2, np.where(REGIONS == 8, 1, 0)).astype(np.uint16)
    notes = (RegionNote(3, 2, 2, p=0.5), RegionNote(8, 1, 1, p=0.25), RegionNote(9, 0, 0))
    one = LabelledImage("", labels, REGIONS, notes, path="cells.png")
    images = [one, replace(one, path="done.png", verified=True)]
    folder = write(tmp_path / "out", images, LABEL_STUDIO, vocabulary(), BARE)
    proposed, verified = tasks(folder)
    assert [len(proposed[kind]) for kind in ("predictions", "annotations")] == [1, 0]
    assert proposed["predictions"][0]["model_version"] == "napari-corrclip"
    assert verified["annotations"][0]["ground_truth"] is True
    for other in read(folder, manifest=False):
        np.testing.assert_array_equal(other.labels, labels)
        np.testing.assert_array_equal(other.regions, np.where(labels, REGIONS, 0))
        assert [(note.id, note.value, note.predicted, note.p) for note in other.notes] == [
            (3, 2, 2, 0.5),
            (8, 1, 1, 0.25),
        ]


def test_decisions_come_back_without_the_manifest(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [small()], LABEL_STUDIO, vocabulary(), BARE)
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.labels, LABELS)
    np.testing.assert_array_equal(other.regions, np.where(LABELS > 0, REGIONS, 0))
    assert other.notes == (
        RegionNote(3, 1, 2, "assigned", 0.5, by="Ann", at=1.7e9),
        RegionNote(8, 2, 2, "assigned", 0.75),
    )


@pytest.mark.parametrize("change", ["class", "mask"])
def test_what_was_changed_there_is_nobody_s_former_decision(change: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [small()], LABEL_STUDIO, vocabulary(), BARE)
    found = tasks(folder)
    value = found[0]["annotations"][0]["result"][0]["value"]
    if change == "class":
        value["brushlabels"] = ["dog"]
    else:
        value["rle"] = rle((REGIONS == 3) & (np.arange(5) > 0))
    put(folder, found)
    (other,) = read(folder, manifest=False)
    (note,) = (note for note in other.notes if note.id == 3)
    assert (note.state, note.by, note.at, note.predicted) == ("assigned", "", 0.0, 2)
    assert note.value == (2 if change == "class" else 1)


def test_masks_of_classes(tmp_path: Path) -> None:
    options = replace(BARE, masks="classes")
    folder = write(tmp_path / "out", [small()], LABEL_STUDIO, vocabulary(), options)
    results = tasks(folder)[0]["annotations"][0]["result"]
    assert [result["id"] for result in results] == ["class-1", "class-2"]
    for result, value in zip(results, (1, 2), strict=True):
        np.testing.assert_array_equal(mask(result), value == LABELS)
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.labels, LABELS)
    assert len(other.notes) == 4  # a part of a class is a region


def test_images_and_subsets(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / "ä b.png")
    images = [
        small(path=name, file=tmp_path / "ä b.png") for name in ("x/ä b.png", "y/ä b.png", "z.png")
    ]
    options = ExportOptions(split=(2, 1))
    folder = write(tmp_path / "out", images, LABEL_STUDIO, vocabulary(), options)
    assert sorted(path.name for path in (folder / "images").iterdir()) == [
        "x_ä b.png",
        "y_ä b.png",
        "z.png",
    ]
    assert tasks(folder)[0]["data"]["image"] == "/data/local-files/?d=images/x_%C3%A4%20b.png"
    opened = Opened.of(folder, manifest=False)
    assert [entry.file_name for entry in opened.entries] == ["x_ä b.png", "y_ä b.png", "z.png"]
    assert {entry.subset for entry in opened.entries} == {"train", "val"}
    assert all(entry.picture is not None for entry in opened.entries)


def exported(
    data: dict[str, Any], annotations: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    """A task as Label Studio exports it."""
    return {
        "id": 17,
        "annotations": annotations,
        "file_upload": "1a2b3c4d-cells.jpg",
        "drafts": [],
        "predictions": [],
        "data": data,
        "meta": {},
        "created_at": "2026-01-01T10:00:00.000000Z",
        "project": 3,
        **more,
    }


def brush(
    name: str, numbers: list[int], shape: tuple[int, int] = (4, 5), **more: Any
) -> dict[str, Any]:
    """A region as Label Studio exports it."""
    return {
        "original_width": shape[1],
        "original_height": shape[0],
        "image_rotation": 0,
        "value": {"format": "rle", "rle": numbers, "brushlabels": [name]},
        "id": "kX_8a1Qz2v",
        "from_name": "tag",
        "to_name": "image",
        "type": "brushlabels",
        "origin": "manual",
        **more,
    }


def annotation(results: list[dict[str, Any]], hour: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "id": 5,
        "completed_by": 1,
        "result": results,
        "was_cancelled": False,
        "created_at": f"2026-01-01T{hour:02}:00:00.000000Z",
        "updated_at": f"2026-01-01T{hour:02}:00:00.000000Z",
        "lead_time": 3.5,
        **more,
    }


def put(folder: Path, found: object, name: str = TASKS) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(found), encoding="utf-8")


DATA = {"image": "/data/upload/3/1a2b3c4d-cells.jpg"}


def test_what_label_studio_exports_after_somebody_changed_it(tmp_path: Path) -> None:
    one = np.zeros((4, 5), np.bool_)
    one[1:3, 1:4] = True
    # what a person paints has the colour of the class: words that differ, of one opacity
    painted = np.zeros((4, 5, 4), np.uint8)
    painted[2, 2:] = (10, 20, 30, 255)
    painted[3] = (10, 20, 30, 127)  # the border of a stroke, more out than in
    text = f"{80:032b}001110010001101111111" + "0" + "10" + f"{79:08b}"
    text += "".join(f"{word:08b}" for word in painted.ravel().tolist())
    text += "0" * (-len(text) % 8)
    colored = [int(text[at : at + 8], 2) for at in range(0, len(text), 8)]
    old = annotation([brush("cat", rle(~one))], 9)
    cancelled = annotation([brush("cat", rle(~one))], 12, was_cancelled=True)
    last = annotation([brush("new & own", rle(one)), brush("dog", colored)], 11)
    proposal = {"model_version": "x", "score": 0.1, "result": [brush("cat", rle(one))]}
    found = [exported(DATA, [last, old, cancelled], predictions=[proposal])]
    put(tmp_path, found, "project-3-at-2026-01-01-10-00-1a2b3c4d.json")
    opened = Opened.of(tmp_path)
    assert opened.format is LABEL_STUDIO
    (entry,) = opened.entries
    assert (entry.name, entry.file_name) == ("cells", "cells.jpg")
    # classes in the order in which they come, since there is no interface
    assert opened.vocabulary.names == ("new & own", "dog", "cat")
    wanted = np.where(one, 1, 0)
    wanted[2, 2:] = 2  # later ones lie upon former ones
    other = opened.image(entry)
    np.testing.assert_array_equal(other.labels, wanted)
    assert [note.value for note in other.notes] == [1, 2]
    assert {note.state for note in other.notes} == {"assigned"}


def test_labels_of_a_brush_beside_it_and_choices(tmp_path: Path) -> None:
    inside = np.eye(4, 5, dtype=np.bool_)
    bare = brush("", rle(inside), type="brush")
    del bare["value"]["brushlabels"]
    labels = {"id": bare["id"], "type": "labels", "value": {"labels": ["cat"], "format": "rle"}}
    choice = {"id": "c", "type": "choices", "value": {"choices": ["good"]}}
    put(tmp_path, [exported(DATA, [annotation([labels, bare, choice])])])
    (other,) = read(tmp_path)
    np.testing.assert_array_equal(other.labels, inside)


def test_classes_go_by_names_with_the_manifest(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [small()], LABEL_STUDIO, vocabulary(), BARE)
    found = tasks(folder)
    found[0]["annotations"][0]["result"].reverse()
    (folder / CONFIG).unlink()
    put(folder, found)
    (other,) = read(folder)
    np.testing.assert_array_equal(other.labels, LABELS)
    assert {note.id: note.state for note in other.notes} == {3: "assigned", 8: "", 9: "ignored"}
    result = found[0]["annotations"][0]["result"][0]
    result["value"]["brushlabels"] = ["fox"]
    put(folder, found)
    with pytest.raises(InputError, match="'fox' is none of those that were exported"):
        read(folder)


def test_a_task_without_labels(tmp_path: Path) -> None:
    nothing = np.zeros((3, 7), np.uint16)
    one = LabelledImage("", nothing, nothing.astype(np.int32), path="none.png")
    folder = write(tmp_path / "out", [one], LABEL_STUDIO, vocabulary(), BARE)
    assert tasks(folder)[0]["annotations"] == tasks(folder)[0]["predictions"] == []
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.labels, nothing)
    # what others export does not tell the size
    place = tmp_path / "other"
    put(place, [exported(DATA, []), exported(DATA, [annotation([])])])
    (place / CONFIG).write_text((folder / CONFIG).read_text())
    with pytest.raises(InputError, match=r"nobody knows its image's size; put 'cells\.jpg' into"):
        read(place)
    (place / "images").mkdir()
    for name in ("cells.png", "cells_2.png"):
        Image.fromarray(np.zeros((2, 3), np.uint8)).save(place / "images" / name)
    assert [each.labels.shape for each in read(place)] == [(2, 3), (2, 3)]


def test_memory_is_that_of_the_maps(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    regions = np.kron(random.permutation(196).reshape(14, 14) + 1, np.ones((147, 147), np.int64))
    regions = np.ascontiguousarray(regions[:2048, :2048]).astype(np.int32)
    labels = (regions % 2 + 1).astype(np.uint16)
    notes = tuple(RegionNote(region, region % 2 + 1, 1, "accepted") for region in range(1, 197))
    one = LabelledImage("", labels, regions, notes, path="large.png")
    most = 3 * (labels.nbytes + regions.nbytes)
    tracemalloc.start()
    folder = write(tmp_path / "out", [one], LABEL_STUDIO, vocabulary(), BARE)
    assert tracemalloc.get_traced_memory()[1] < most
    tracemalloc.reset_peak()
    (other,) = read(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(other.labels, labels)
    assert peak < most


# -- the file of tasks


@given(
    found=st.lists(
        st.dictionaries(
            st.text(max_size=5),
            st.recursive(
                st.one_of(st.text(), st.integers(-9, 9), st.none()),
                lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
                max_leaves=8,
            ),
            max_size=3,
        ),
        max_size=4,
    ),
    chunk=st.integers(1, 40),
    indent=st.sampled_from([None, 1]),
    ascii_=st.booleans(),
)
def test_tasks_are_found_wherever_a_piece_of_the_file_ends(
    tmp_path_factory: pytest.TempPathFactory,
    found: list[dict[str, Any]],
    chunk: int,
    indent: int | None,
    ascii_: bool,
) -> None:
    path = tmp_path_factory.mktemp("tasks") / TASKS
    text = json.dumps(found, indent=indent, ensure_ascii=ascii_)
    path.write_bytes(text.encode("utf-8-sig" if chunk % 2 else "utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streamed_json, "_CHUNK", chunk)
        if chunk < 3:  # the mark of the encoding would be cut
            path.write_text(text, encoding="utf-8")
        assert [task_at(path, place).document for place in places_of(path)] == found


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[", "[{}", '[{"a": "b}]', "[{}] x", "x [{}]", "[{}, 3]", '[{}, "a"]', "[[]]", "[{}]]",
     "[{}}", '"a"', "[{]}]", "null", "[{}][", "[{},]", "[{} {}]"],
)  # fmt: skip
def test_what_is_no_list_of_tasks_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / TASKS).write_text(text)
    with pytest.raises(InputError, match=r"tasks|task at byte"):
        [task_at(tmp_path / TASKS, place) for place in places_of(tmp_path / TASKS)]


def whole(**more: Any) -> list[dict[str, Any]]:
    return [exported(DATA, [annotation([brush("cat", rle(LABELS == 1), **more)])])]


def with_value(**value: Any) -> list[dict[str, Any]]:
    given = {"format": "rle", "rle": rle(LABELS == 1), "brushlabels": ["cat"], **value}
    return whole(value={key: each for key, each in given.items() if each is not None})


def two_sizes() -> list[dict[str, Any]]:
    other = brush("cat", rle(LABELS[:2, :2] == 1), (2, 2))
    return [exported(DATA, [annotation([brush("cat", rle(LABELS == 1)), other])])]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (whole(image_rotation=90), "turned by 90"),
        (whole(original_width=6), "has 20 pixels, and its image 24"),
        (whole(original_width=0), r"size \(4, 0\)"),
        (whole(original_width=True), "size"),
        (whole(original_width=1 << 30, original_height=1 << 30), "size"),
        (whole(type="polygonlabels", value={"points": [], "polygonlabels": ["cat"]}), "polygonlabels"),
        (with_value(brushlabels=["cat", "dog"]), "give it one"),
        (with_value(brushlabels=None), "give it one"),
        (with_value(brushlabels=[3]), "give it one"),
        (with_value(rle=[1, 2, 256]), "0 to 255"),
        (with_value(rle=[1, -2]), "none of the brush"),
        (with_value(rle="x"), "none of the brush"),
        (with_value(rle=7), "none of the brush"),
        (with_value(rle=[]), "has 0 pixels"),
        (with_value(rle=rle(LABELS == 1)[:-2]), "cut short"),
        (with_value(format="png"), "none of the brush"),
        (two_sizes(), "several sizes"),
        ([{"annotations": [annotation([brush("cat", rle(LABELS == 1))])]}], "has no data"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_in_a_sentence(
    found: object, told: str, tmp_path: Path
) -> None:
    put(tmp_path, found)
    (tmp_path / CONFIG).write_text('<View><BrushLabels><Label value="cat"/></BrushLabels></View>')
    with pytest.raises(InputError, match=told):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<View>", "damaged"),
        ("<View/>", "has no mask of the brush that has a class"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>', "declarations"),
        (
            '<View><BrushLabels><Label value="a"/><Label value="A"/></BrushLabels></View>',
            "'?[aA]'?",
        ),
    ],
)
def test_an_interface_that_cannot_be_read_is_told(text: str, told: str, tmp_path: Path) -> None:
    put(tmp_path, [exported(DATA, [])])
    (tmp_path / CONFIG).write_text(text)
    with pytest.raises(InputError, match=told):
        Opened.of(tmp_path)


def test_an_interface_of_others_is_read(tmp_path: Path) -> None:
    put(tmp_path, whole())
    (tmp_path / CONFIG).write_text(
        '<View><!-- <!x> --><Header value="h"/><Image name="i" value="$image"/>'
        '<Labels name="l" toName="i"><Label value="fox" background="rgba(255, 0, 0, 0.7)"/>'
        '<Label value="cat" background="#abc"/></Labels><Brush name="b" toName="i"/></View>'
    )
    opened = Opened.of(tmp_path)
    assert opened.vocabulary.names == ("fox", "cat")
    assert opened.vocabulary.classes[1].color == (0xAA, 0xBB, 0xCC)


def test_names_of_strangers_lead_nowhere(tmp_path: Path) -> None:
    found = whole()
    for name in ("../../x", "/etc/passwd", "..", "a\x00b", "s3://b/../c.png"):
        task = json.loads(json.dumps(found[0]))
        task["data"] = {"image": name, "name": name}
        found.append(task)
    put(tmp_path, found)
    opened = Opened.of(tmp_path)
    assert all("/" not in entry.name and entry.name.strip(".") for entry in opened.entries)
    assert all("/" not in entry.file_name for entry in opened.entries)
    assert len({entry.name for entry in opened.entries}) == len(found)


@pytest.mark.parametrize("whole", [False, True])
def test_what_nobody_has_looked_at_stays_a_proposal(whole: bool, tmp_path: Path) -> None:
    """A task has predictions alone until somebody annotates it; then what is annotated is decided."""
    said = {"id": 3, "model_version": "m", "score": 0.5}
    numbers = rle(LABELS == 1)
    result = brush("cat", numbers, id="class-1" if whole else "x1", score=0.5)
    waiting = exported(DATA, [], predictions=[{**said, "result": [result]}])
    annotated = exported(
        {"image": "/data/upload/3/1a2b3c4d-other.jpg"},
        [annotation([brush("cat", numbers, id="class-1" if whole else "x1")])],
        predictions=[{**said, "result": [result]}],
    )
    put(tmp_path, [waiting, annotated])
    for as_, decided in (("decisions", "assigned"), ("predictions", "")):
        opened = Opened.of(tmp_path)
        one, other = (opened.image(entry, as_) for entry in opened.entries)  # type: ignore[arg-type]
        assert {note.state for note in one.notes} == {""}
        assert not one.is_decided
        assert {note.state for note in other.notes} == {decided}
        for each in (one, other):
            np.testing.assert_array_equal(each.labels, LABELS == 1)


@pytest.mark.parametrize("interface", [False, True])
def test_a_project_of_polygons_is_told_that_these_are_not_read(
    interface: bool, tmp_path: Path
) -> None:
    polygon = {
        "type": "polygonlabels",
        "value": {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["cat"]},
    }
    put(tmp_path, [exported(DATA, [annotation([polygon])])])
    if interface:
        (tmp_path / CONFIG).write_text(
            '<View><Image name="image" value="$image"/><PolygonLabels name="tag" toName="image">'
            '<Label value="cat"/></PolygonLabels></View>'
        )
    with pytest.raises(
        InputError, match="regions of the kind polygonlabels and no mask of the"
    ) as found:
        Opened.of(tmp_path)
    assert "beside it" not in str(found.value)


def test_a_task_is_called_by_its_id_and_its_image(tmp_path: Path) -> None:
    numbers = rle(LABELS == 1)
    for task, called in (
        (exported(DATA, [annotation([brush("cat", numbers[:5])])]), "17, 'cells.jpg'"),
        ({"data": DATA, "annotations": [annotation([brush("cat", numbers[:5])])]}, "'cells.jpg'"),
    ):
        put(tmp_path, [exported(DATA, []), task])
        opened = Opened.of(tmp_path)
        with pytest.raises(InputError, match=f"task {called} of ") as found:
            opened.image(opened.entries[-1])
        assert "at byte" not in str(found.value)
