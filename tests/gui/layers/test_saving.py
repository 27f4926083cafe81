"""Labels layers saved by a person: in napari's dialog and by script, with every refusal told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import napari
import napari.plugins
import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels
from PIL import Image as Picture
from qtpy.QtWidgets import QFileDialog

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.session import SESSION
from napari_corrclip.errors import InputError
from napari_corrclip.plugin import reader as _reader
from napari_corrclip.plugin import writer as _writer
from napari_corrclip.results import label_files as maps
from napari_corrclip.results.label_files import read_map
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result
from tests.forms import short
from tests.gui.saved_layers import save_selected

Make = Callable[..., napari.Viewer]
DATA = np.array([[0, 1, 1], [2, 2, 3]])
FILTER = "class map with class table"


def save(layer: Labels, path: Path) -> list[str]:
    return _writer.write_classes(str(path), *layer.as_layer_data_tuple()[:2])


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Answer the dialog: this path, by our writer."""

    def answer(path: Path) -> None:
        def choose(*_: object, filter: str = "", **__: object) -> tuple[str, str]:  # noqa: A002
            (ours,) = (one for one in filter.split(";;") if FILTER in one)
            return str(path), ours

        monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)

    return answer


LAYERS: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "negative": (np.array([[0, -1]]), {}, "a.png", "label -1 does not fit an indexed PNG"),
    "too large": (np.array([[0, 300]]), {}, "a.png", "label 300 does not fit"),
    "negative in a TIFF": (np.array([[0, -1]]), {}, "a.tif", "label -1 does not fit a TIFF"),
    "a stack": (np.ones((3, 4, 5), int), {}, "a.png", "save one plane at a time"),
    "no such folder": (DATA, {}, "none/a.png", "cannot be written"),
    "another ending": (DATA, {}, "a.gif", "ends like no class map; use .png, .tif or .tiff"),
    "a name that cannot be": (DATA, {}, "a\0.png", "can be no name in a file system"),
}


@pytest.fixture
def plugins() -> None:
    """What a viewer does first: it looks for plugins."""
    napari.plugins._initialize_plugins()


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("case", [one for one in LAYERS if one != "another ending"])
def test_every_refusal_reaches_a_script(tmp_path: Path, case: str) -> None:
    """napari takes a ``ValueError`` of a writer for "no valid writer", and says nothing else."""
    data, options, name, sentence = LAYERS[case]
    layer = Labels(data, **options)
    with pytest.raises(InputError, match=sentence) as caught:
        layer.save(str(tmp_path / name), plugin="napari-corrclip")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("plugins")
def test_an_error_of_a_library_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no pixels\ntoday")

    monkeypatch.setattr(maps, "write_label_png", fail)
    sentence = r"a\.png' cannot be written, because .* failed \(ValueError: no pixels today\)"
    with pytest.raises(InputError, match=sentence):
        Labels(DATA).save(str(tmp_path / "a.png"), plugin="napari-corrclip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "case", short("negative", "no such folder", rest=["a stack", "another ending"])
)
def test_the_dialog_tells_why(
    make_napari_viewer: Make, tmp_path: Path, ask: Callable[[Path], None], case: str
) -> None:
    data, options, name, sentence = LAYERS[case]
    viewer = make_napari_viewer(show=True)
    viewer.layers.selection = {viewer.add_labels(data, **options)}
    ask(tmp_path / name)
    told, shown = save_selected(viewer)
    assert [sentence in one for one in told] == [True]
    assert [sentence in one for one in shown] == [True]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("highest", "ending"), [(255, ".png"), (256, ".tif")])
def test_a_name_without_an_ending_gets_one(tmp_path: Path, highest: int, ending: str) -> None:
    """napari's dialog proposes the layer's name, which has none."""
    layer = Labels(np.array([[0, highest]]))
    assert save(layer, tmp_path / "cells") == [str(tmp_path / f"cells{ending}")]
    assert read_map(tmp_path / f"cells{ending}").max() == highest
    with pytest.raises(InputError, match="is there already; give the name with its ending"):
        save(layer, tmp_path / "cells")


def table(index: list[Any], names: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"index": pd.Series(index), "class": pd.Series(names)})


@pytest.mark.parametrize(
    ("features", "classes"),
    [
        # a row an object: of one class several, or the map's value several times
        (table([1, 2, 3], ["cell", "cell", "nucleus"]), None),
        (table([1, 1, 2, 3], ["cell", "nucleus", "a", "b"]), None),
        (
            table([1, 1, 2, 3], ["cell", "cell", "nucleus", "wall"]),
            {1: "cell", 2: "nucleus", 3: "wall"},
        ),
        (table([1, 2, 3], ["Cell", "cell", "wall"]), None),
        # what names no class counts for nothing
        (table([0, -1, 1, 3], ["ground", "seed", "cell", "wall"]), {1: "cell", 3: "wall"}),
        (table([1.0, np.nan, 2.5, np.inf], ["cell", "a", "b", "c"]), {1: "cell"}),
        (table([1, 2, 3], ["cell", None, " "]), {1: "cell"}),
        (table([1, None, "x"], ["cell", "a", "b"]), {1: "cell"}),
        (table([1, 70_000], ["cell", "far"]), {1: "cell"}),
        (table([1, 2], [pd.NA, float("nan")]), None),
        (table([1, 2], [7, 8]), {1: "7", 2: "8"}),
        (table([], []), None),
    ],
)
def test_whatever_features_say_the_map_is_written(
    tmp_path: Path, features: pd.DataFrame, classes: dict[int, str] | None
) -> None:
    path = tmp_path / "map.png"
    written = save(Labels(DATA, features=features), path)
    np.testing.assert_array_equal(read_map(path), DATA)
    names = tmp_path / "map.classes.csv"
    if classes is None:
        assert written == [str(path)]
        assert not names.exists()
    else:
        assert written == [str(path), str(names)]
        found = Vocabulary.from_file(names)
        assert dict(zip(found.values, found.names, strict=True)) == classes


def test_the_table_of_a_former_map_does_not_name_another_ones_classes(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    save(Labels(DATA, features=table([1, 3], ["cat", "dog"])), path)
    assert (tmp_path / "map.classes.csv").exists()
    assert save(Labels(DATA, features=table([1, 1], ["a", "b"])), path) == [str(path)]
    assert not (tmp_path / "map.classes.csv").exists()


def test_a_table_whose_name_is_too_long_costs_no_map(tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 249}.png"
    with pytest.raises(InputError, match=r"classes\.csv' cannot be written .*shorter name"):
        save(Labels(DATA, features=table([1, 3], ["cat", "dog"])), path)
    assert list(tmp_path.iterdir()) == []


def test_the_regions_of_a_result_are_written(tmp_path: Path) -> None:
    """Their features have a row a region, with its class."""
    result, _ = small_result((40, 50))
    _, (data, options, _) = result.to_layers()
    layer = Labels(data, **options)
    assert save(layer, tmp_path / "regions.tif") == [str(tmp_path / "regions.tif")]
    np.testing.assert_array_equal(read_map(tmp_path / "regions.tif"), data)


def test_the_classes_of_a_session_are_written_without_what_a_table_cannot_hold(
    tmp_path: Path,
) -> None:
    result, image = small_result((40, 50))
    words = result.vocabulary.with_templates(["a photo of {}"]).with_threshold(0.2)
    session = Session(dataclasses.replace(result, vocabulary=words), image)
    (data, options, _), *_ = result.to_layers()
    layer = Labels(data, **options, metadata={SESSION: session})
    save(layer, tmp_path / "map.png")
    assert Vocabulary.from_file(tmp_path / "map.classes.csv").names == words.names


@pytest.mark.parametrize(
    ("data", "multiscale"),
    [
        ([DATA.repeat(8, 0).repeat(8, 1), DATA], True),
        (da.from_array(DATA.repeat(8, 0).repeat(8, 1)), False),
    ],
)
def test_the_finest_labels_go_out_whatever_computes_them(
    tmp_path: Path, data: Any, multiscale: bool
) -> None:
    save(Labels(data, multiscale=multiscale), tmp_path / "map.tif")
    np.testing.assert_array_equal(read_map(tmp_path / "map.tif"), DATA.repeat(8, 0).repeat(8, 1))


def test_a_class_map_is_found_by_its_table_in_whatever_case(tmp_path: Path) -> None:
    Picture.fromarray(DATA.astype(np.uint8)).save(tmp_path / "A1.PNG")
    (tmp_path / "A1.Classes.CSV").write_text("name,value\ncell,1\nwall,2\nground,3\n")
    reader = _reader.get_reader(str(tmp_path / "A1.Classes.CSV"))
    assert reader is not None
    ((data, options, _),) = reader(str(tmp_path / "A1.Classes.CSV"))
    np.testing.assert_array_equal(data, DATA)
    assert options["name"] == "A1"
