"""GeoJSON of outlines: what is in the file, what files of others may have, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.format import Wanted
from napari_corrclip.project.export.geojson import GEOJSON
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.vocabulary import Vocabulary
from tests.project.export.exported import holed, image, read, turned, write

MASKS: tuple[Wanted, ...] = ("regions", "classes", "both")
TWO = Vocabulary.from_names(["cat", "per:son"])
SQUARE = [[[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]]


def by_hand() -> LabelledImage:
    """Return a region with a hole and a part beside it, one that is ignored, and pixels of no region."""
    return holed(
        RegionNote(7, 1, 2, "accepted", 0.5, 0.25, True, "Ann", 1.7e9),
        RegionNote(9, 0, 1, "ignored"),
    )


def feature(coordinates: Any = SQUARE, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def others(folder: Path, document: Any, size: tuple[int, int] | None = (6, 5)) -> Opened:
    """Return the folder of a file that another program wrote, with its image."""
    folder.mkdir(exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "slide.geojson").write_text(text, encoding="utf-8")
    if size is not None:
        Image.new("RGB", size).save(folder / "slide.png")
    return Opened.of(folder)


def taken(opened: Opened) -> LabelledImage:
    return opened.image(opened.entries[0])


def test_the_file_is_as_it_is_written_here(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [by_hand()], GEOJSON, TWO)
    document = json.loads((folder / "a b.geojson").read_text(encoding="utf-8"))
    color = [list(class_.color) for class_ in TWO]
    assert document == {
        "type": "FeatureCollection",
        "image": {"name": "a b.png", "width": 5, "height": 4},
        "features": [
            {
                "type": "Feature",
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[[4, 3], [5, 3], [5, 4], [4, 4], [4, 3]]],
                },
                "properties": {
                    "objectType": "annotation",
                    "classification": {"name": "per:son", "color": color[1]},
                    "metadata": {"region": "0"},
                },
            },
            {
                "type": "Feature",
                "geometry": {
                    "type": "MultiPolygon",
                    "coordinates": [
                        [
                            [[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]],
                            [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]],
                        ],
                        [[[4, 0], [5, 0], [5, 1], [4, 1], [4, 0]]],
                    ],
                },
                "properties": {
                    "objectType": "annotation",
                    "classification": {"name": "cat", "color": color[0]},
                    "name": "7",
                    "isLocked": True,
                    "measurements": {"p": 0.5, "margin": 0.25},
                    "metadata": {
                        "region": "7",
                        "origin": "person",
                        "state": "accepted",
                        "by": "Ann",
                        "at": "2023-11-14T22:13:20+00:00",
                    },
                },
            },
            {
                "type": "Feature",
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[[3, 2], [5, 2], [5, 3], [3, 3], [3, 2]]],
                },
                "properties": {
                    "objectType": "annotation",
                    "classification": {"name": "Ignore*", "color": [180, 180, 180]},
                    "name": "9",
                    "isLocked": True,
                    "measurements": {"p": 0.0, "margin": 0.0},
                    "metadata": {"region": "9", "origin": "person", "state": "ignored"},
                },
            },
        ],
    }
    assert json.loads((folder / "classes.json").read_text(encoding="utf-8")) == {
        "pathClasses": [
            {"name": "cat", "color": color[0]},
            {"name": "per:son", "color": color[1]},
        ]
    }


def test_both_are_annotations_of_classes_and_detections_of_regions(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [by_hand()], GEOJSON, TWO, ExportOptions(masks="both"))
    document = json.loads((folder / "a b.geojson").read_text(encoding="utf-8"))
    told = [
        (one["properties"]["objectType"], one["properties"]["classification"]["name"])
        for one in document["features"]
    ]
    assert told == [
        ("annotation", "cat"),
        ("annotation", "per:son"),
        ("annotation", "Ignore*"),
        ("detection", "per:son"),
        ("detection", "cat"),
        ("detection", "Ignore*"),
    ]


@pytest.mark.parametrize("masks", ["regions", "both"])
def test_regions_and_decisions_need_no_manifest(masks: Wanted, tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [by_hand()], GEOJSON, TWO, ExportOptions(masks=masks))
    (other,) = read(folder, manifest=False)
    np.testing.assert_array_equal(other.regions, by_hand().regions)
    accepted, ignored = other.notes
    assert accepted == replace(by_hand().notes[0], predicted=1)
    assert (ignored.id, ignored.state, ignored.value) == (9, "ignored", 0)


def test_a_split_is_folders_and_pictures_lie_beside(tmp_path: Path) -> None:
    images = []
    for number in range(4):
        file = tmp_path / f"{number}.png"
        Image.new("RGB", (47, 31), (number, 0, 0)).save(file)
        images.append(replace(image(number, name=f"{number}.png"), file=file))
    options = ExportOptions(split=(50, 50), pictures="copy")
    opened = Opened.of(write(tmp_path / "out", images, GEOJSON, options=options))
    assert sorted(entry.subset for entry in opened.entries) == ["train", "train", "val", "val"]
    for entry in opened.entries:
        assert entry.picture is not None
        assert entry.picture.parent == opened.folder / entry.subset / "images"
        one = images[int(entry.name)]
        np.testing.assert_array_equal(opened.image(entry).labels, one.labels)


def test_the_background_can_be_left_out(tmp_path: Path) -> None:
    classes = TWO.with_background("cat")
    options = ExportOptions(background="unlabelled")
    folder = write(tmp_path / "out", [by_hand()], GEOJSON, classes, options)
    opened = Opened.of(folder, manifest=False)
    assert opened.vocabulary.names == ("per:son",)
    assert taken(opened).labels.tolist()[3] == [0, 0, 0, 0, 1]
    assert (taken(opened).labels > 0).sum() == 1
    assert taken(Opened.of(folder)).labels[3, 4] == 2


@pytest.mark.parametrize(
    ("classification", "name", "color"),
    [
        ({"name": "Tumor", "color": [200, 0, 0]}, "Tumor", (200, 0, 0)),
        ({"name": "Tumor", "color": [200, 0, 0, 128]}, "Tumor", (200, 0, 0)),
        ({"name": "Tumor", "colorRGB": -3670016}, "Tumor", (200, 0, 0)),
        ({"names": ["Tumor", "Positive"], "color": [1, 2, 3]}, "Tumor: Positive", (1, 2, 3)),
        ("Stroma", "Stroma", None),
        ({"name": "Käfer 🪲"}, "Käfer 🪲", None),
    ],
)
def test_classes_of_each_version_are_read(
    tmp_path: Path, classification: Any, name: str, color: tuple[int, int, int] | None
) -> None:
    opened = others(
        tmp_path,
        {"type": "FeatureCollection", "features": [feature(classification=classification)]},
    )
    (class_,) = opened.vocabulary
    assert class_.name == name
    assert color is None or class_.color == color
    expected = np.zeros((5, 6))
    expected[1:3, 1:3] = 1
    np.testing.assert_array_equal(taken(opened).labels, expected)
    assert [note.state for note in taken(opened).notes] == ["assigned"]


def test_a_list_of_features_or_one_alone_is_read(tmp_path: Path) -> None:
    one = feature(classification="a")
    assert taken(others(tmp_path / "list", [one, one])).labels.sum() == 4
    assert taken(others(tmp_path / "one", one)).labels.sum() == 4


def test_holes_parts_and_whoever_lies_over_whom(tmp_path: Path) -> None:
    hole = [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]]
    parts = [[[[5, 0], [6, 0], [6, 1], [5, 1], [5, 0]]], [[[5, 4], [6, 4], [6, 5], [5, 5], [5, 4]]]]
    features = [
        feature([[[2, 2], [3, 2], [3, 3], [2, 3]]], classification="b", objectType="cell"),
        feature(hole, classification="a"),
        feature(parts, "MultiPolygon", classification="Ignore*"),
        feature(SQUARE),  # of no class
    ]
    found = taken(others(tmp_path, features))
    a, b = 2, 1
    assert found.labels.tolist() == [
        [a, a, a, a, 0, 0],
        [a, 0, 0, a, 0, 0],
        [a, 0, b, a, 0, 0],
        [a, a, a, a, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert [(note.value, note.state) for note in found.notes] == [
        (a, "assigned"),
        (0, "ignored"),
        (0, ""),
        (b, "assigned"),
    ]


def test_heights_of_points_are_left(tmp_path: Path) -> None:
    ring = [[*point, 5] for point in SQUARE[0]]
    assert taken(others(tmp_path / "all", [feature([ring], classification="a")])).labels.sum() == 4
    ring[0] = ring[0][:2]
    one = feature([ring, []], classification="a")
    assert taken(others(tmp_path / "some", [one])).labels.sum() == 4


def test_what_lies_beyond_the_image_is_cut_off(tmp_path: Path) -> None:
    wide = [[[-1e8, -3.5], [1e8, -3.5], [1e8, 1.4], [-1e8, 1.4]]]
    found = taken(others(tmp_path, [feature(wide, classification="a")]))
    assert found.labels.sum(axis=1).tolist() == [6, 0, 0, 0, 0]


def test_photographs_that_lie_turned_are_as_they_are_seen(tmp_path: Path) -> None:
    opened = others(tmp_path, [feature(classification="a")], None)
    turned(tmp_path / "slide.jpg", (9, 4))
    assert taken(Opened.of(tmp_path)).labels.shape == (9, 4)
    assert opened.entries[0].picture is None


def test_classes_that_were_renamed_away_from_the_table_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [by_hand()], GEOJSON, TWO)
    path = folder / "a b.geojson"
    path.write_text(path.read_text(encoding="utf-8").replace('"cat"', '"dog"'), encoding="utf-8")
    with pytest.raises(InputError, match=r"the class 'dog', which is not in classes\.json; add it"):
        read(folder)
    (folder / "classes.json").unlink()
    assert Opened.of(folder, manifest=False).vocabulary.names == ("per:son", "dog")
    with pytest.raises(InputError, match="'dog' is none of those that were exported"):
        read(folder)


def test_without_the_table_a_manifest_knows_classes_by_their_names(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [by_hand()], GEOJSON, TWO)
    (folder / "classes.json").unlink()
    (other,) = read(folder)
    np.testing.assert_array_equal(other.labels, by_hand().labels)


def test_the_size_is_asked_for_where_nothing_says_it(tmp_path: Path) -> None:
    opened = others(tmp_path, [feature(classification="a")], None)
    with pytest.raises(
        InputError, match=r"does not say how large its image is; put the image beside"
    ):
        taken(opened)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("", "no valid JSON"),
        ("[" * 100_000, "nests more than"),
        ('{"a": 1, "a": 2}', "occurs twice"),
        ({"features": 3}, "has no features"),
        ([3], "The feature 1 in .* is none"),
        ([{"type": "Feature", "properties": []}], "no object with an area; .*: 1 without a geometry"),
        ([{"type": "Feature", "properties": [1]}], "properties that are no object"),
        ([feature(kind="LineString")], "no object with an area; .*passed over: 1 LineString"),
        ([feature(kind="Point")], "no object with an area; .*passed over: 1 Point"),
        ([feature(3)], "coordinates that are none of a Polygon"),
        ([feature([[3]], "MultiPolygon")], "coordinates that are no numbers"),
        ([feature([[["a", 1]]])], "coordinates that are no numbers"),
        ([feature([[[1]]])], "coordinates that are no numbers"),
        ([feature([[[1, 1], [2, [3]], [4, 4]]])], "coordinates that are no numbers"),
        ([feature([[[True, "1"]]])], "coordinates that are no numbers"),
        ([feature([[1, 2]])], "coordinates that are no numbers"),
        ([feature([3])], "coordinates that are no numbers"),
        ([feature([[[10**400, 1]]])], "coordinates that are no numbers"),
        ([feature([[[1e10, 1]]])], "a point that is further than"),
        ([feature([[[float("nan"), 1]]])], "or no number"),
        ([feature([[[1, 1], [float("inf"), 1]]])], "or no number"),
        ([feature(classification=3)], "has the class 3, which has no name"),
        ([feature(classification={"name": "a", "color": [1, 2]})], r"the colour \[1, 2\]"),
        ([feature(classification={"name": "a", "color": [1, 2, 256]})], r"the colour \[1, 2, 256\]"),
        ([feature(classification={"name": "\ud83d"})], "half a character"),
        ([feature(classification="a"), feature(classification="A")], "are the same"),
        ([feature(metadata={"region": "1", "state": "x"}, classification="a")], "the state 'x'"),
        ([feature(metadata={"region": "1", "at": "x"}, classification="a")], "was decided at 'x'"),
        (
            {"image": {"width": 10**6, "height": 10**6}, "features": [feature(classification="a")]},
            "1000000 x 1000000 pixels",
        ),
        (
            {
                "features": [
                    {
                        "type": "Feature",
                        "geometry": {"type": "Polygon", "coordinates": SQUARE, "plane": {"z": 2, "t": 0}},
                        "properties": {"classification": "a"},
                    }
                ]
            },
            "lies in the plane z 2",
        ),
    ],
)  # fmt: skip
def test_what_is_damaged_is_told_in_a_sentence(
    tmp_path: Path, document: Any, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        taken(others(tmp_path, document, None))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", '{"pathClasses": 1}', '{"pathClasses": [1]}', "{"])
def test_a_damaged_table_is_told(tmp_path: Path, text: str) -> None:
    folder = write(tmp_path / "out", [by_hand()], GEOJSON, TWO)
    (folder / "classes.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"classes\.json"):
        read(folder)


@pytest.mark.parametrize("masks", MASKS)
def test_a_class_called_as_what_is_ignored_is_not_lost(masks: Wanted, tmp_path: Path) -> None:
    options = ExportOptions(masks=masks)
    with pytest.raises(InputError, match=r"class 'Ignore\*' is called as QuPath.*; rename it"):
        write(
            tmp_path / "out", [by_hand()], GEOJSON, Vocabulary.from_names(["a", "Ignore*"]), options
        )
    assert not (tmp_path / "out").exists()
    names = ["ignore*", "Ignore**"]
    folder = write(tmp_path / "out", [by_hand()], GEOJSON, Vocabulary.from_names(names), options)
    opened = Opened.of(folder, manifest=False)
    assert list(opened.vocabulary.names) == names
    np.testing.assert_array_equal(taken(opened).labels, by_hand().labels)


def test_what_has_no_area_is_passed_over_and_told(tmp_path: Path) -> None:
    document = [
        feature([1, 1], "Point", classification="spot"),
        feature(classification="a"),
        feature([[1, 1], [2, 2]], "LineString"),
        {"type": "Feature", "geometry": None, "properties": {}},
        feature([2, 2], "Point"),
    ]
    opened = others(tmp_path, document)
    assert opened.vocabulary.names == ("a",)
    assert (taken(opened).labels > 0).sum() == 4
    assert opened.reader.notes == [
        "'slide.geojson' has objects without an area, which were passed over: 1 LineString, 2 Point, 1 "
        "without a geometry."
    ]
    (tmp_path / "classes.json").write_text('{"pathClasses": [{"name": "a"}]}')
    opened = Opened.of(tmp_path)  # files are looked at when they are read
    assert (taken(opened).labels > 0).sum() == 4
    assert len(opened.reader.notes) == 1


@pytest.mark.parametrize("damage", ["{", '{"features": 3}', json.dumps([feature([3])])])
def test_a_damaged_file_is_of_its_image_alone(damage: str, tmp_path: Path) -> None:
    others(tmp_path, [feature(classification="a")])
    (tmp_path / "bad.geojson").write_text(damage)
    opened = Opened.of(tmp_path)
    bad, good = opened.entries
    assert (opened.image(good).labels > 0).sum() == 4
    with pytest.raises(InputError, match=r"bad\.geojson"):
        opened.image(bad)


def test_objects_of_which_none_has_a_class_are_unclassified(tmp_path: Path) -> None:
    opened = others(tmp_path, [feature(), feature([[[4, 0], [6, 0], [6, 2], [4, 2], [4, 0]]])])
    assert opened.vocabulary.names == ("Unclassified",)
    (note,) = opened.reader.notes
    assert note.startswith("No object has a class; all are taken as 'Unclassified'")
    one = taken(opened)
    assert (one.labels > 0).sum() == 8
    assert [note.value for note in one.notes] == [1, 1]
    # beside classes they are what they are: regions without one
    document = [feature(), feature([[[4, 0], [6, 0], [6, 2], [4, 2], [4, 0]]], classification="a")]
    opened = others(tmp_path, document)
    assert opened.vocabulary.names == ("a",)
    assert not opened.reader.notes
    assert [note.value for note in taken(opened).notes] == [0, 1]


def test_whoever_opens_it_may_know_the_size(tmp_path: Path) -> None:
    opened = others(tmp_path, [feature(classification="a")], None)
    opened.reader.sizes = {opened.entries[0]: (5, 6)}.get
    assert taken(opened).labels.shape == (5, 6)


def test_an_object_beside_one_of_the_highest_id_gets_another_one(tmp_path: Path) -> None:
    def square(left: int, **more: object) -> dict[str, object]:
        ring = [[left, 0], [left + 3, 0], [left + 3, 3], [left, 3], [left, 0]]
        return {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"classification": {"name": "cat"}, **more},
        }

    features = [square(0, metadata={"region": str(2**31 - 1)}), square(5), square(10)]
    size = {"width": 20, "height": 10}
    document = {"type": "FeatureCollection", "image": size, "features": features}
    (tmp_path / "a.geojson").write_text(json.dumps(document))
    (back,) = read(tmp_path)
    assert back.regions[0, [0, 5, 10]].tolist() == [2**31 - 1, 1, 2]
