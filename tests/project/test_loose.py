"""Results and sessions of no project that are exported: each of its own picture, one after another."""

from __future__ import annotations

import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray

import napari_corrclip as nc
from napari_corrclip.annotation import Source
from napari_corrclip.images.origin import Origin
from napari_corrclip.images.stack import Stack
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.taken import result_of
from napari_corrclip.project.folder import Outcome
from napari_corrclip.results.provenance import Provenance
from tests.project.export.exported import image, words

BARE = ExportOptions(pictures="none")
SHAPE = (31, 47)


def pixels(seed: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.uint8]:
    """Return a picture, which any other one has the size of."""
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def segmented(
    file: Path, folder: Path, seed: int = 1, shape: tuple[int, int] = SHAPE
) -> nc.Segmentation:
    """Write the result of an image into a folder, as ``segment`` does, and return it."""
    origin = Origin.of(file, folder)
    made = Provenance(
        image=origin.image, image_digest=origin.digest, image_position=origin.position
    )
    one = replace(image(seed, shape), provenance=made)
    found = result_of(one, words(), "a test")
    found.save(folder)
    return found


def picture_of(folder: Path) -> NDArray[np.uint8]:
    """Return the picture of an export's only image."""
    (entry,) = Opened.of(folder).entries
    assert entry.picture is not None
    return np.asarray(iio.imread(entry.picture))


def test_another_picture_in_an_image_s_place_goes_into_no_export(tmp_path: Path) -> None:
    """It has the size of the labels, and is told by its content."""
    for number in (0, 1):
        iio.imwrite(tmp_path / f"{number}.png", pixels(number))
        segmented(tmp_path / f"{number}.png", tmp_path / "results" / str(number), number)
    iio.imwrite(tmp_path / "0.png", pixels(7))
    done = nc.export(tmp_path / "results", tmp_path / "out", "indexed", progress=False)
    (told,) = done.left_out
    assert told.startswith("0.png: The image ")
    assert told.endswith(
        "0.png' is gone, or was changed since it was segmented; put it back, or export without pictures "
        "(--pictures none)."
    )
    assert [entry.name for entry in Opened.of(done.folder).entries] == ["1"]
    np.testing.assert_array_equal(picture_of(done.folder), pixels(1))
    done = nc.export(
        tmp_path / "results", tmp_path / "bare", "indexed", options=BARE, progress=False
    )
    assert (done.images, done.left_out) == (2, ())


def test_the_picture_that_was_copied_with_a_result_is_its_own(tmp_path: Path) -> None:
    place = tmp_path / "here"
    place.mkdir()
    iio.imwrite(place / "0.png", pixels(0))
    segmented(place / "0.png", place / "results" / "0")
    place.rename(tmp_path / "there")
    place.mkdir()
    iio.imwrite(place / "0.png", pixels(7))  # another one, where the first one lay
    done = nc.export(tmp_path / "there" / "results", tmp_path / "out", "indexed", progress=False)
    np.testing.assert_array_equal(picture_of(done.folder), pixels(0))


@pytest.mark.parametrize("pictures", ["copy", "none"])
def test_the_result_of_a_plane_is_of_this_plane(pictures: str, tmp_path: Path) -> None:
    planes = np.stack([pixels(number)[..., 0] for number in range(5)])
    iio.imwrite(tmp_path / "cells.tif", planes)
    places = []
    for plane in (0, 2):
        item = tmp_path / "items" / str(plane)
        segmented(tmp_path / "cells.tif", item / "result", plane)
        Outcome("cells.tif", plane=(plane,), stack=Stack.unnamed((5,))).write(item)
        places.append(item / "result")
    options = ExportOptions(pictures="copy" if pictures == "copy" else "none")
    done = nc.export(places, tmp_path / "out", "indexed", options=options, progress=False)
    assert done.left_out == ()
    opened = Opened.of(done.folder)
    found = {opened.plane_of(entry): entry for entry in opened.entries}
    assert sorted(found) == [(0,), (2,)]
    assert found[2,].name == "cells_2"
    if pictures == "copy":
        for plane, entry in found.items():
            assert entry.picture is not None
            there = np.asarray(iio.imread(entry.picture))[..., 0].astype(float)
            wanted = planes[plane].astype(float)
            assert np.corrcoef(there.ravel(), wanted.ravel())[0, 1] > 0.99


def test_a_session_s_picture_is_the_one_that_was_corrected(tmp_path: Path) -> None:
    file = tmp_path / "0.png"
    iio.imwrite(file, pixels(0))
    result = segmented(file, tmp_path / "result")
    session = nc.Session(result, pixels(0), source=Source.of(file))
    session.save(tmp_path / "session")
    done = nc.export(tmp_path / "session", tmp_path / "out", "indexed", progress=False)
    np.testing.assert_array_equal(picture_of(done.folder), pixels(0))
    assert (done.folder / "JPEGImages" / "0.png").read_bytes() == file.read_bytes()
    shutil.copy(file, tmp_path / "copy.png")  # another time, and the same pixels
    (tmp_path / "copy.png").replace(file)
    done = nc.export(tmp_path / "session", tmp_path / "again", "indexed", progress=False)
    assert done.left_out == ()

    iio.imwrite(file, pixels(7))
    with pytest.raises(nc.InputError, match=r"0\.png' was changed since it was corrected; put it"):
        nc.export(tmp_path / "session", tmp_path / "other", "indexed", progress=False)
    assert not (tmp_path / "other").exists()
    done = nc.export(session, tmp_path / "held", "indexed", progress=False)  # it has its pixels
    np.testing.assert_array_equal(picture_of(done.folder), pixels(0))


def test_results_are_read_one_after_another(tmp_path: Path) -> None:
    """Of many no more is in memory than of two."""
    file = tmp_path / "0.png"
    iio.imwrite(file, pixels(0, (600, 600)))
    for number in range(9):
        segmented(file, tmp_path / "many" / str(number), number, (600, 600))
    for number in range(2):
        shutil.copytree(tmp_path / "many" / str(number), tmp_path / "few" / str(number))
    peaks = []
    for name in ("few", "few", "many"):  # the first time modules are loaded
        tracemalloc.start()
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        nc.export(tmp_path / name, tmp_path / "out", "indexed", options=BARE, progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]


def test_sessions_are_read_one_after_another(tmp_path: Path) -> None:
    file = tmp_path / "0.png"
    iio.imwrite(file, pixels(0, (600, 600)))
    result = segmented(file, tmp_path / "result", 1, (600, 600))
    nc.Session(result).save(tmp_path / "many" / "0")
    for number in range(1, 9):
        shutil.copytree(tmp_path / "many" / "0", tmp_path / "many" / str(number))
    for number in range(2):
        shutil.copytree(tmp_path / "many" / "0", tmp_path / "few" / str(number))
    peaks = []
    for name in ("few", "few", "many"):
        tracemalloc.start()
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        nc.export(tmp_path / name, tmp_path / "out", "indexed", options=BARE, progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]


def test_other_classes_are_told_before_anything_is_written(tmp_path: Path) -> None:
    file = tmp_path / "0.png"
    iio.imwrite(file, pixels(0))
    segmented(file, tmp_path / "results" / "0")
    other = image(3, vocabulary=words(4))
    result_of(other, words(4), "a test").save(tmp_path / "results" / "1")
    with pytest.raises(nc.InputError, match="has other classes than"):
        nc.export(tmp_path / "results", tmp_path / "out", "indexed", progress=False)
    assert not (tmp_path / "out").exists()


def test_of_two_of_one_name_their_folders_are_put_before_it(tmp_path: Path) -> None:
    for number, site in enumerate(("north", "south")):
        (tmp_path / site).mkdir()
        for name in ("heron.png", f"{number}.png"):
            iio.imwrite(tmp_path / site / name, pixels(number))
            segmented(tmp_path / site / name, tmp_path / "results" / f"{site} {name}", number)
    done = nc.export(tmp_path / "results", tmp_path / "out", "indexed", progress=False)
    assert done.notes == ()
    opened = Opened.of(done.folder)
    assert {entry.name: opened.path_of(entry) for entry in opened.entries} == {
        "north_heron": "north/heron.png",
        "south_heron": "south/heron.png",
        "0": "0.png",
        "1": "1.png",
    }


def test_what_is_given_twice_goes_out_once_and_two_of_one_photograph_are_told(
    tmp_path: Path,
) -> None:
    file = tmp_path / "0.png"
    iio.imwrite(file, pixels(0))
    result = segmented(file, tmp_path / "result")
    session = nc.Session(result, pixels(0), source=Source.of(file))
    (tmp_path / "x").mkdir()
    places = [tmp_path / "result", tmp_path / "x" / ".." / "result"]
    done = nc.export(places, tmp_path / "once", "indexed", progress=False)
    assert (done.images, done.notes) == (1, ())
    done = nc.export([places[0], session], tmp_path / "two", "indexed", progress=False)
    assert done.images == 2
    (told,) = done.notes
    assert told.startswith(f"{str(file)!r} goes out 2 times, as {str(places[0])!r}, session 2 have")


def test_results_and_sessions_are_exported_together(tmp_path: Path) -> None:
    for number in (0, 1):
        iio.imwrite(tmp_path / f"{number}.png", pixels(number))
        segmented(tmp_path / f"{number}.png", tmp_path / str(number), number)
    first = nc.Segmentation.load(tmp_path / "0")
    session = nc.Session(nc.Segmentation.load(tmp_path / "1"), source=Source.of(tmp_path / "1.png"))
    done = nc.export([first, session, first], tmp_path / "out", "indexed", progress=False)
    assert (done.images, done.left_out) == (2, ())
    for nothing in (5, [5], [[first]], {"a": first}, b"result"):
        with pytest.raises(nc.InputError):
            nc.export(nothing, tmp_path / "none", "indexed", progress=False)  # type: ignore[arg-type]
    assert not (tmp_path / "none").exists()
