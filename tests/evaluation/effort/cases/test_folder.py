"""A folder of photographs: how it is read, and one sentence for each way in which it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.cases.folder import read_folder
from napari_corrclip.evaluation.effort.cases.photographs import photograph_sets, split
from napari_corrclip.progress import finish
from tests.evaluation.effort.photographs import save, write


def test_values_become_class_numbers(tmp_path: Path) -> None:
    found = read_folder(write(tmp_path / "two"), classes=["dark", "light"], ignore=[9])
    assert found.name == "two"
    assert found.classes.names == ("dark", "light")
    assert [one.name for one in found.images] == ["0", "1", "2", "3"]
    assert np.unique(found.images[0].truth).tolist() == [0, 1, 2]
    assert (found.images[0].truth[-4:] == 0).all()
    assert (found.images[0].truth[:40, 0] == 1).all()


def test_names_come_from_a_file_or_are_numbers(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_folder(tmp_path, ignore=[9]).classes.names == ("class 0", "class 1")
    (tmp_path / "classes.txt").write_text("dark\nlight\n", encoding="utf-8")
    assert read_folder(tmp_path, ignore=[9]).classes.names == ("dark", "light")


def test_every_other_one_is_used(tmp_path: Path) -> None:
    to_train, to_use = split(read_folder(write(tmp_path, 5), ignore=[9]).images)
    assert [one.name for one in to_train] == ["0", "2", "4"]
    assert [one.name for one in to_use] == ["1", "3"]


def spoil_name(folder: Path) -> None:
    (folder / "labels" / "2.png").rename(folder / "labels" / "two.png")


def spoil_size(folder: Path) -> None:
    save(folder / "labels" / "1.png", np.zeros((5, 48)))


def spoil_file(folder: Path) -> None:
    (folder / "labels" / "1.png").write_bytes(b"no picture")


def spoil_colour(folder: Path) -> None:
    save(folder / "labels" / "1.png", np.zeros((48, 48, 3)))


def spoil_value(folder: Path) -> None:
    save(folder / "labels" / "1.png", np.full((48, 48), 7))


def spoil_twice(folder: Path) -> None:
    save(folder / "images" / "1.png", np.zeros((48, 48, 3)))


def spoil_labels(folder: Path) -> None:
    for path in (folder / "labels").iterdir():
        path.unlink()
    (folder / "labels").rmdir()


def spoil_images(folder: Path) -> None:
    for path in (folder / "images").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_name, r"2\.jpg' has no counterpart in .*labels"),
        (spoil_size, r"48 × 48 pixels and its truth .*1\.png' 5 × 48"),
        (spoil_file, r"The truth .*1\.png' is no image"),
        (spoil_colour, r"1\.png' holds colours \(shape \(48, 48, 3\)\)"),
        (spoil_value, r"1\.png' holds the value 7, and there are names for 0 to 1"),
        (spoil_twice, r"1\.jpg' and .*1\.png' have the same name"),
        (spoil_labels, r"labels' cannot be read \(No such file"),
        (spoil_images, r"images' is empty"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, spoil: object, words: str) -> None:
    write(tmp_path)
    spoil(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=words) as caught:
        read_folder(tmp_path, classes=["dark", "light"], ignore=[9])
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_too_few_to_train_and_use(tmp_path: Path) -> None:
    one = read_folder(write(tmp_path, 1), ignore=[9])
    with pytest.raises(InputError, match="at least two"):
        finish(photograph_sets(one))
    two = read_folder(write(tmp_path, 2), ignore=[9])
    with pytest.raises(InputError, match="0 images cannot be corrected"):
        finish(photograph_sets(two, 0))
    blind = read_folder(tmp_path, ignore=[0, 1, 9])
    with pytest.raises(InputError, match="has any truth"):
        finish(photograph_sets(blind))


def test_sets_of_photographs(tmp_path: Path) -> None:
    photographs = read_folder(write(tmp_path / "two", 6), classes=["dark", "light"], ignore=[9])
    sets = finish(photograph_sets(photographs, 2, grids=(9, 30)))
    assert [one.name for one in sets] == ["two-9", "two-30"]
    for cases in sets:
        assert [case.name for case in cases.cases] == ["1", "3"]
        assert cases.held == (abs(cases.accuracy - 0.8) <= 0.01)
        assert cases.accuracy > 0.5
    assert sets[1].cases[0].result.regions.max() > sets[0].cases[0].result.regions.max()
    again = finish(photograph_sets(photographs, 2, grids=(9,)))
    for case, other in zip(sets[0].cases, again[0].cases, strict=True):
        np.testing.assert_array_equal(case.result.labels, other.result.labels)
        np.testing.assert_array_equal(
            case.result.region_probabilities, other.result.region_probabilities
        )
