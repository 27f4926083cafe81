"""The small pictures of a sheet: right pixels, a line around the region, kept while they are true."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.project import crops as drawing
from napari_corrclip.project.crops import IN_CONTEXT, ON_SHEET, Framing, crop_of
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet import cache as kept
from napari_corrclip.project.sheet import crops as making
from napari_corrclip.project.sheet.cache import CropCache
from napari_corrclip.project.sheet.crops import Crop
from napari_corrclip.project.sheet.listing import SheetFilter
from napari_corrclip.project.sheet.regions import SheetRegion
from tests.project.small import RECIPE

FIRST = "../images/0.png"
EXACT = Framing(side=48, around=0.5, least=2, light=1.0)
"""A region of 24 pixels is shown as it is, pixel by pixel."""


def regions(project: Project, path: str = FIRST) -> list[SheetRegion]:
    sheet = project.sheet(SheetFilter(undecided=False), progress=False)
    item = project.item(path).id
    return project.read_regions(place for place in sheet.between(0, len(sheet)) if place[0] == item)


def crops(project: Project, of: list[SheetRegion], framing: Framing = ON_SHEET) -> list[Crop]:
    return [each for each in project.crop_steps(of, framing) if isinstance(each, Crop)]


def pixels(crop: Crop) -> np.ndarray:
    assert crop.pixels is not None, crop.problem
    return crop.pixels


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The images that are read for pictures."""
    found: list[Path] = []
    read = making.read_plane

    def counted(path: Path, *more: object) -> object:
        found.append(path)
        return read(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "read_plane", counted)
    return found


def test_a_region_is_shown_as_it_is_with_a_line_around_it() -> None:
    dice = np.random.default_rng(0)
    rgb = dice.integers(60, 200, (80, 90, 3)).astype(np.uint8)
    inside = np.zeros((80, 90), bool)
    inside[40:64, 30:54] = True
    np.testing.assert_array_equal(crop_of(rgb, inside, EXACT), rgb[28:76, 18:66])
    lined = crop_of(rgb, inside, Framing(48, 0.5, 2, 1.0, outlined=True))
    within = slice(12, 36)
    np.testing.assert_array_equal(lined[within, within], rgb[40:64, 30:54])  # it covers none of it
    assert (lined[11, within] == 255).all()
    assert (lined[10, within] == 0).all()
    np.testing.assert_array_equal(lined[:9], rgb[28:37, 18:66])
    darker = crop_of(rgb, inside, Framing(48, 0.5, 2, 0.5))
    np.testing.assert_array_equal(darker[within, within], rgb[40:64, 30:54])
    np.testing.assert_allclose(darker[:12], rgb[28:40, 18:66] * 0.5, atol=0.51)


def test_beyond_the_image_is_nothing_and_a_thread_is_seen() -> None:
    rgb = np.full((200, 200, 3), 128, np.uint8)
    inside = np.zeros((200, 200), bool)
    inside[:, 0] = True  # a pixel wide and as long as the image
    made = crop_of(rgb, inside, ON_SHEET)
    assert made.shape == (128, 128, 3)
    assert (made[:, :40] == 0).all(axis=2).mean() > 0.9
    assert (made == 255).all(axis=2).sum() > 100
    with pytest.raises(nc.InputError, match="no pixels"):
        crop_of(rgb, np.zeros((200, 200), bool))


def test_each_image_is_read_once_and_never_again(project: Project, reads: list[Path]) -> None:
    some = regions(project)[:5] + regions(project, "../images/1.png")[:4]
    made = crops(project, some[::2] + some[1::2])
    assert len(reads) == 2
    assert [crop.region for crop in sorted(made, key=lambda crop: some.index(crop.region))] == some
    result = project.result(FIRST)
    image = iio.imread(project.path_of(FIRST))
    assert not isinstance(result, nc.LargeSegmentation)
    for crop in made:
        if crop.region.item.path == FIRST:
            expected = crop_of(image, result.regions == crop.region.region, ON_SHEET)
            np.testing.assert_array_equal(pixels(crop), expected)
    size = project.crops.size
    assert size > 9 * 1000
    again = crops(project, some)
    assert len(reads) == 2
    for crop in again:
        first = next(each for each in made if each.region == crop.region)
        difference = np.abs(pixels(crop).astype(int) - pixels(first))
        assert difference.mean() < 6  # as JPEG keeps it
    # The large one with its surroundings is another picture; both go when they are removed.
    assert pixels(crops(project, some[:1], IN_CONTEXT)[0]).shape == (360, 360, 3)
    assert project.crops.clear() >= size
    assert project.crops.size == 0
    assert not (project.folder / kept.NAME).exists()
    crops(project, some[:1])
    assert len(reads) == 4


def test_pictures_follow_the_file_the_run_and_what_became_of_regions(
    project: Project, reads: list[Path]
) -> None:
    one_of = regions(project)[:1]
    first = pixels(crops(project, one_of)[0])
    with project.session(FIRST) as session:
        kept_id = one_of[0].region
        session.merge([kept_id, next(iter(session.state.adjacency.neighbours(kept_id)))])
        merged = min(kept_id, *(row.id for row in session.rows() if row.area > one_of[0].area))
        inside = np.array(session.regions)
    now = [each for each in regions(project) if each.area != one_of[0].area]
    crop = next(each for each in crops(project, now) if inside[each.region.box[0] :].size)
    image = iio.imread(project.path_of(FIRST))
    np.testing.assert_array_equal(
        pixels(crop), crop_of(image, inside == crop.region.region, ON_SHEET)
    )
    assert merged in {each.region for each in now}
    # An image that is another one by now has no picture, and says why.
    Image.fromarray(255 - image).save(project.path_of(FIRST))
    (told,) = crops(project, now[:1])
    assert told.pixels is None
    assert "was changed after it was run" in told.problem
    project.path_of(FIRST).unlink()
    (told,) = crops(project, now[:1])
    assert "is gone" in told.problem
    assert first.shape == (128, 128, 3)


def test_read_only_keeps_them_in_memory_and_not_too_many(
    project: Project, monkeypatch: pytest.MonkeyPatch, reads: list[Path]
) -> None:
    some = regions(project)
    with Project.open(project.folder, read_only=True) as only:
        crops(only, some)
        assert not (project.folder / kept.NAME).exists()
        size = only.crops.size
        assert size > 0
        crops(only, some)
        assert len(reads) == 1
        monkeypatch.setattr(kept, "IN_MEMORY", size // 2)
        crops(only, regions(project, "../images/1.png"))
        assert 0 < only.crops.size <= size


@pytest.mark.parametrize("damage", [b"no database", b"SQLite format 3\0" + b"\0" * 5000])
def test_a_damaged_or_foreign_cache_costs_a_picture_and_nothing_else(
    project: Project, damage: bytes
) -> None:
    (project.folder / kept.NAME).write_bytes(damage)
    (crop,) = crops(project, regions(project)[:1])
    (again,) = crops(project, regions(project)[:1])
    assert pixels(crop).shape == pixels(again).shape
    with Project.open(project.folder) as other:  # somebody else's lies are looked at, too
        row = crop.region
        found = sqlite3.connect(project.folder / kept.NAME)
        found.execute("CREATE TABLE IF NOT EXISTS crops (x)")
        found.execute("UPDATE crops SET picture = 'no picture'")
        found.commit()
        found.close()
        assert pixels(crops(other, [row])[0]).shape == (128, 128, 3)


def test_a_cache_that_somebody_writes_is_not_waited_for(tmp_path: Path) -> None:
    cache = CropCache(tmp_path)
    picture = np.zeros((128, 128, 3), np.uint8)
    cache.keep("a", 1, "x", picture)
    other = sqlite3.connect(tmp_path / kept.NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    cache.keep("b", 1, "x", picture)
    assert cache.get("a", 1, 128, "x") is None
    other.execute("ROLLBACK")
    other.close()
    assert cache.get("a", 1, 128, "x") is not None
    assert cache.get("a", 1, 128, "y") is None
    assert cache.get("b", 1, 128, "x") is None
    cache.close()
    # A thread that makes pictures still opens nothing, which nobody would close.
    cache.keep("c", 1, "x", picture)
    assert cache.get("a", 1, 128, "x") is None
    assert cache._connection is None


def test_planes_and_turned_photographs_are_seen_as_they_were_run(tmp_path: Path) -> None:
    scenes = [generate_scene(number).image[:64, :96] for number in range(3)]
    place = tmp_path / "images"
    place.mkdir()
    tifffile.imwrite(
        place / "stack.tif", np.stack(scenes[:2]), photometric="rgb", metadata={"axes": "ZYXS"}
    )
    turned = Image.fromarray(scenes[2])
    exif = turned.getexif()
    exif[0x0112] = 6  # a quarter to the right
    turned.save(place / "turned.png", exif=exif)
    upright = np.rot90(scenes[2], -1)
    with Project.create(tmp_path / "set", "red, blue", place, recipe=RECIPE) as project:
        report = project.run(segmenter=Segmenter.from_recipe(RECIPE), progress=False)
        assert report.failed == ()
        seen = {"../images/turned.png": upright}
        seen |= {f"../images/stack.tif[{plane}]": scenes[plane] for plane in (0, 1)}
        for title, image in seen.items():
            result = project.result(title)
            assert not isinstance(result, nc.LargeSegmentation)
            for crop in crops(project, regions(project, title)[:2]):
                inside = result.regions == crop.region.region
                np.testing.assert_array_equal(pixels(crop), crop_of(image, inside, ON_SHEET))


def test_the_list_of_like_regions_has_its_pictures_still(project: Project) -> None:
    region = regions(project)[0]
    made = drawing.crop(project.folder, region.item.name, region.region)
    assert made.shape == (drawing.SIDE, drawing.SIDE, 3)
