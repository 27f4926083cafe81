"""Lists of a project's items: sought, filtered, sorted, as a slow and obvious sort has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, rmtree

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import SESSION
from napari_corrclip.project.listing import ItemOrder
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.thumbnails import FILE, SIDE, draw, thumbnail

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 30})
NAMES = ("a_1", "a%2", "B 3", "Über", "plain")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listing")
    (folder / "images").mkdir()
    for number, name in enumerate(NAMES):
        image = generate_scene(number).image[: 80 + number, :100]
        iio.imwrite(folder / "images" / f"{name}.png", image)
    words = "red, green, blue"
    with Project.create(folder / "set", words, folder / "images", recipe=RECIPE) as project:
        project.run(progress=False)
        with project.session("../images/plain.png", by="Ann") as session:
            session.accept(session.ids[:10].tolist())
        return project.folder


@pytest.fixture
def project(made: Path) -> Iterator[Project]:
    with Project.open(made) as opened:
        yield opened


def names(project: Project, numbers: list[int]) -> list[str]:
    return [Path(record.path).stem for record in project.read_items(numbers)]


def gain(project: Project, record: ItemRecord) -> float:
    """Area x (1 - margin), summed over what nobody has decided."""
    with project.session(record) as session:
        table = session.table
    table = table[table["state"] == ""]
    return float((table["area"] * (1 - table["margin"])).sum())


@pytest.mark.parametrize("order", [order for order in ItemOrder if order is not ItemOrder.CLASS])
def test_every_order_lists_all(project: Project, order: ItemOrder) -> None:
    numbers = project.list_items(order=order)
    assert sorted(names(project, numbers)) == sorted(NAMES)
    assert project.list_items(order=order) == numbers
    assert names(project, numbers[::-1]) == names(project, numbers)[::-1]


def test_orders_are_those_that_they_say(project: Project) -> None:
    def listed(order: str) -> list[ItemRecord]:
        return project.read_items(project.list_items(order=order))

    gains = [gain(project, record) for record in listed("gain")]
    assert gains == pytest.approx(sorted(gains, reverse=True))
    least = [record.least for record in listed("least")]
    assert least == sorted(number for number in least if number is not None)
    left = [record.undecided for record in listed("left")]
    assert left == sorted((number for number in left if number is not None), reverse=True)
    assert [record.path for record in listed("file")] == sorted(record.path for record in project)
    numbers = sorted(
        record.id for record in project
    )  # none of the next two is in the order of these
    recent = [record.at for record in listed("recent")]
    assert recent == sorted(recent, reverse=True)
    assert project.list_items(order="recent") != numbers
    states = [(record.state, record.path) for record in listed("state")]
    assert states == sorted(states)
    assert project.list_items(order="state") != numbers


def test_names_are_sought_as_they_are_typed(project: Project) -> None:
    for sought, found in (("A_", ["a_1"]), ("a%", ["a%2"]), ("b 3", ["B 3"]), ("nowhere", [])):
        assert names(project, project.list_items(search=sought)) == found
    for sought in (
        "über",
        "ÜBER",
        "U\u0308ber",
    ):  # and with the dots beside the letter, as some disks have it
        assert names(project, project.list_items(search=sought)) == ["Über"]
        assert project.list_items("in review", search=sought) == []
    assert names(project, project.list_items("in review")) == ["plain"]
    assert names(project, project.list_items(ItemState.VERIFIED)) == []
    assert project.read_items([10**6]) == []


def test_orders_and_states_that_are_none_are_refused(project: Project) -> None:
    with pytest.raises(InputError, match="cannot be listed by 'size'; choose one of file, gain"):
        project.list_items(order="size")
    with pytest.raises(InputError, match="The order by class has no class"):
        project.list_items(order="class")
    with pytest.raises(InputError, match="There is no state 'done'"):
        project.list_items("done")


def test_thumbnails_are_kept_and_made_anew_when_something_became_of_the_item(
    project: Project,
) -> None:
    record = project.item("../images/a_1.png")
    image, folder = project.path_of(record), project.folder_of(record)
    first = thumbnail(record, image, folder)
    assert max(first.shape[:2]) == SIDE
    assert (first == thumbnail(record, image, folder)).all()
    kept = folder / FILE
    kept.write_bytes(b"no picture")
    assert (first == thumbnail(record, image, folder)).all()
    with project.session(record) as session:
        session.assign(session.ids.tolist(), "green")
    record = project.item(record)
    again = thumbnail(record, image, folder)
    assert (again != first).any()
    kept.unlink()
    assert (again == thumbnail(record, image, folder, keep=False)).all()
    assert not kept.exists()


def test_a_thumbnail_of_the_moment_before_a_result_took_its_place_is_made_anew(
    made: Path, tmp_path: Path
) -> None:
    copytree(made.parent, tmp_path / "copy")
    with Project.open(tmp_path / "copy" / made.name) as project:
        record = project.item("../images/B 3.png")
        image, folder = project.path_of(record), project.folder_of(record)
        kept, result, away = folder / FILE, folder / "result", folder / "result.next"
        kept.unlink(missing_ok=True)
        rmtree(folder / SESSION, ignore_errors=True)  # of a test before
        bare = draw(iio.imread(image))
        # The time that the index has is that at which the result was made, before it was written.
        result.rename(away)
        np.testing.assert_array_equal(thumbnail(record, image, folder), bare)
        assert kept.stat().st_mtime > record.at
        away.rename(result)
        labelled = thumbnail(record, image, folder)
        assert (labelled != bare).any()
        once = kept.stat().st_mtime_ns
        np.testing.assert_array_equal(thumbnail(record, image, folder), labelled)
        assert kept.stat().st_mtime_ns == once  # and not each time
        # As earlier versions left it.
        said, stat = PngInfo(), image.stat()
        said.add_text("of", f"{stat.st_size} {stat.st_mtime_ns}")
        Image.fromarray(bare).save(kept, pnginfo=said)
        np.testing.assert_array_equal(thumbnail(record, image, folder), labelled)


def test_figures_are_those_of_the_regions(project: Project) -> None:
    found = project.figures()
    tables = []
    for record in project:
        with project.session(record) as session:
            tables.append(session.table)
    for row in found.classes:
        assert row.area == sum(int(t["area"][t["label"] == row.value].sum()) for t in tables)
        assert row.images == sum(bool((t["label"] == row.value).any()) for t in tables)
    assert sum(row.regions for row in found.classes) == sum(len(t) for t in tables)
    undecided = [t["p"][(t["state"] == "") & (t["label"] > 0)] for t in tables]
    assert sum(found.certainty) == sum(map(len, undecided))
    assert found.certainty[-1] == sum(int((p >= 0.9).sum()) for p in undecided)


def test_a_thumbnail_has_no_labels_over_another_image_than_that_which_was_run(
    made: Path, tmp_path: Path
) -> None:
    copytree(made.parent, tmp_path / "copy")
    with Project.open(tmp_path / "copy" / made.name) as project:
        record = project.item("../images/a_1.png")
        image, folder = project.path_of(record), project.folder_of(record)
        labelled, former = thumbnail(record, image, folder), image.read_bytes()
        assert (labelled != draw(iio.imread(image))).any()
        other = generate_scene(9).image[:80, :100]
        before = image.stat()
        iio.imwrite(image, other)
        for time in (image.stat().st_mtime_ns, before.st_mtime_ns - 10**9):  # a copy keeps its time
            os.utime(image, ns=(time, time))
            np.testing.assert_array_equal(thumbnail(record, image, folder), draw(other))
        # Of one that was only written again, or put back, it is as it was.
        image.write_bytes(former)
        np.testing.assert_array_equal(thumbnail(record, image, folder), labelled)
        os.utime(image, (1, 1))
        np.testing.assert_array_equal(thumbnail(record, image, folder), labelled)
        kept = (folder / FILE).stat().st_mtime_ns
        np.testing.assert_array_equal(thumbnail(record, image, folder), labelled)
        assert (folder / FILE).stat().st_mtime_ns == kept  # and is not made each time
        # One that is gone is not seen to be another one.
        image.unlink()
        np.testing.assert_array_equal(thumbnail(record, image, folder), labelled)
