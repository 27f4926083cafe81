"""More like this: the likest regions of a set, by files as they are now, and as filters want them."""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.cli import app
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.progress import finish
from napari_corrclip.project.likeness import LikeRegions
from napari_corrclip.project.project import Project
from napari_corrclip.project.vectors import VECTORS, read_vectors, write_vectors

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 30})
WORDS = "red, blue, green, yellow, wood, grass, sand, stone"
FIRST = "../images/0.png"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of four scenes that was run; the last two are of one scene."""
    place = tmp_path_factory.mktemp("likeness")
    (place / "images").mkdir()
    for number, seed in enumerate((0, 1, 2, 2)):
        iio.imwrite(place / "images" / f"{number}.png", generate_scene(seed).image[:128, :140])
    with Project.create(place / "set", WORDS, place / "images", recipe=RECIPE) as made:
        made.run(segmenter=Segmenter.from_recipe(RECIPE), progress=False)
        return made.folder


@pytest.fixture
def project(run: Path, tmp_path: Path) -> Iterator[Project]:
    shutil.copytree(run.parent, tmp_path, dirs_exist_ok=True)
    with Project.open(tmp_path / run.name) as opened:
        yield opened


def like(project: Project, region: int = 1, **wanted: object) -> LikeRegions:
    return project.like(FIRST, region, progress=False, **wanted)  # type: ignore[arg-type]


def places(found: LikeRegions) -> list[tuple[str, int]]:
    return [(each.item.path, each.region) for each in found.regions]


def test_they_are_the_nearest_by_the_written_out_cosine(project: Project) -> None:
    parts = [(item, project.vectors(item)) for item in project]
    towers = []
    for name in ("clip", "similarity"):
        tower = np.concatenate([getattr(vectors, name) for _, vectors in parts]).astype(np.float64)
        tower -= tower.mean(axis=0)
        towers.append(tower / np.linalg.norm(tower, axis=1, keepdims=True))
    names = [(item.path, int(region)) for item, vectors in parts for region in vectors.ids]
    asked = names.index((FIRST, 7))
    cosines = sum(tower @ tower[asked] for tower in towers) / 2
    order = [row for row in np.argsort(-cosines, kind="stable").tolist() if row != asked]

    found = like(project, 7, most=10_000)
    assert found.compared == len(names) - 1 == len(found.regions)
    assert found.left_out == ()
    expected = [cosines[row] for row in order]
    np.testing.assert_allclose([each.cosine for each in found.regions], expected, atol=1e-5)
    assert set(places(found)) == set(names) - {(FIRST, 7)}
    few = like(project, 7, most=5)
    assert few.regions == found.regions[:5]
    # What it says of a region is what the image's table says.
    first = few.regions[0]
    row = project.result(first.item).table.set_index("id").loc[first.region]
    box = tuple(row[["min_row", "min_col", "max_row", "max_col"]].astype(int))
    assert (first.value, first.name, first.box, first.state) == (
        row["value"],
        row["class"],
        box,
        "",
    )


def test_the_same_region_of_a_copied_image_is_the_likest(project: Project) -> None:
    found = project.like("../images/2.png", 5, elsewhere=True, progress=False)
    assert (found.regions[0].item.path, found.regions[0].region) == ("../images/3.png", 5)
    assert found.regions[0].cosine == pytest.approx(1, abs=1e-5)
    assert {each.item.path for each in found.regions}.isdisjoint({"../images/2.png"})


def test_filters_leave_what_is_wanted_and_nothing_else(project: Project) -> None:
    every = like(project, 7, most=10_000)
    name = every.regions[3].name
    of = like(project, 7, most=10_000, of=name)
    assert of.regions == tuple(each for each in every.regions if each.name == name)
    # A class that is given itself is the one of its label value, wherever it stands by then.
    before = project.vocabulary
    asked = before.by_value(every.regions[3].value)
    moved = before.remove(next(other for other in before.names if other != name))
    project.change_classes(before, moved)
    assert like(project, 7, most=10_000, of=asked).regions == of.regions
    with project.session("../images/1.png", by="Ann") as session:
        ids = session.ids.tolist()
        session.assign(ids[0], "wood")
        session.accept(ids[1])
        session.ignore(ids[2])
    now = {(each.item.path, each.region): each for each in like(project, 7, most=10_000).regions}
    states = [now["../images/1.png", region].state for region in ids[:3]]
    assert states == ["assigned", "accepted", "ignored"]
    assert now["../images/1.png", ids[0]].name == "wood"
    assert now["../images/1.png", ids[2]].name == "no class"
    left = like(project, 7, most=10_000, undecided=True)
    decided = {("../images/1.png", region) for region in ids[:3]}
    assert set(places(left)) == set(now) - decided
    for wrong, why in (({"of": "horse"}, "horse"), ({"most": 0}, "at least one")):
        with pytest.raises(nc.InputError, match=why):
            like(project, 7, **wrong)


def test_a_merged_region_is_gone_and_a_new_one_is_refused(project: Project) -> None:
    with project.session(FIRST) as session:
        first = int(session.ids[0])
        near = int(next(iter(session.state.adjacency.neighbours(first))))
        session.merge([first, near])
        gone = max(first, near)
    found = project.like("../images/1.png", 1, most=10_000, progress=False)
    assert (FIRST, gone) not in places(found)
    assert (FIRST, min(first, near)) in places(found)
    with pytest.raises(nc.InputError, match="no vector of a region 9999"):
        like(project, 9999)


def test_files_that_come_change_or_go_are_seen(project: Project) -> None:
    before = like(project, 7)
    third = project.item("../images/2.png")
    path = project.folder_of(third) / VECTORS
    data = path.read_bytes()
    path.write_bytes(b"damaged")
    found = like(project, 7)
    assert found.compared < before.compared
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith("../images/2.png: ")
    path.unlink()
    assert "no vectors" in like(project, 7).left_out[0]
    path.write_bytes(data)
    assert like(project, 7) == before
    project.mark(third, "new")  # its labels are not shown any more
    assert like(project, 7).compared < before.compared
    with pytest.raises(nc.InputError, match="is new, and has no labels"):
        project.like(third.name, 1, progress=False)
    # Read once: what did not change is not asked for again.
    assert [event.stage for event in project.like_steps(FIRST, 7)] == []


def test_vectors_of_other_networks_are_told_and_not_compared(project: Project) -> None:
    folder = project.folder_of("../images/1.png")
    vectors = read_vectors(folder)
    write_vectors(folder / VECTORS, dataclasses.replace(vectors, clip_network="another"))
    found = like(project, 7, most=10_000)
    assert found.left_out == ("../images/1.png: its vectors are of other networks",)
    assert {path for path, _ in places(found)} == {FIRST, "../images/2.png", "../images/3.png"}
    # Without the similarity tower likeness is told by CLIP alone.
    for item in project:
        folder = project.folder_of(item)
        write_vectors(
            folder / VECTORS,
            dataclasses.replace(read_vectors(folder), similarity=None, similarity_network=""),
        )
    third = project.like("../images/2.png", 5, progress=False)
    assert (third.regions[0].item.path, third.regions[0].region) == ("../images/3.png", 5)


def test_a_stopped_search_goes_on_and_all_who_have_it_open_share_what_was_read(
    project: Project,
) -> None:
    steps = project.like_steps(FIRST, 7)
    next(steps)
    next(steps)
    steps.close()
    stages = []
    steps = project.like_steps(FIRST, 7)
    while True:
        try:
            stages.append(next(steps))
        except StopIteration as end:
            expected = end.value
            break
    assert [(event.done, event.total) for event in stages] == [(0, 3), (1, 3), (2, 3)]
    with Project.open(project.folder, read_only=True) as other:
        assert list(other.like_steps(FIRST, 7)) == []  # nothing is read again
        assert finish(other.like_steps(FIRST, 7)) == expected
    told = list[LikeRegions]()
    work = threading.Thread(target=lambda: told.append(like_there(project.folder)))
    work.start()
    work.join()
    assert told == [expected]


def like_there(folder: Path) -> LikeRegions:
    with Project.open(folder, read_only=True) as project:
        return like(project, 7)


def test_the_command_prints_a_table_and_writes_json(
    project: Project,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = like(project, 7, most=4, elsewhere=True)
    (project.folder_of("../images/1.png") / VECTORS).unlink()
    expected = like(project, 7, most=4, elsewhere=True)
    asked = ["project", "like", str(project.folder), "images/0.png", "7", "-n", "4", "--elsewhere"]
    assert app.run([*asked, "--json", "out/like.json"]) == 0
    out = capsys.readouterr()
    lines = out.out.splitlines()
    assert lines[0].split() == ["cosine", "region", "class", "decided", "image"]
    assert [line.split() for line in lines[1:5]] == [
        [f"{each.cosine:.3f}", str(each.region), each.name, "-", each.item.path]
        for each in expected.regions
    ]
    assert (
        lines[5] == f"4 regions of {expected.compared:,} that region 7 of {FIRST} was compared with"
    )
    assert "Not compared: ../images/1.png: " in out.err
    document = json.loads((tmp_path / "out" / "like.json").read_text(encoding="utf-8"))
    assert (document["image"], document["region"]) == (FIRST, 7)
    assert [(each["image"], each["region"]) for each in document["regions"]] == places(expected)
    assert app.run(["project", "like", str(project.folder), "*.png", "7"]) == 2
    assert "name the one" in capsys.readouterr().err
    assert app.run([*asked, "--undecided", "--class", "horse"]) == 2
