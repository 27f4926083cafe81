"""Features that a run keeps, their limit, and other words by them alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.features import Features
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.images import read_pixels
from napari_corrclip.project.features import FEATURES, bytes_of_features, size_of_features
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.weights.presets import built_in
from tests.project.small import RECIPE, WORDS, write_scenes

OTHERS = "red, green = green|lime, background: wood, stone"
PLENTY = 10**9


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    write_scenes(folder, 3, 150, 96)
    # Sixteen bits, stretched to eight when it is read.
    deep = generate_scene(3).image[:100, :100].astype(np.uint16) * 100
    iio.imwrite(folder / "deep.tif", deep)
    return folder


@pytest.fixture
def project(project: Project, segmenter: Segmenter) -> Project:
    """A project that was run, and kept features."""
    project.run(segmenter=segmenter, features=PLENTY, progress=False)
    return project


def result_of(project: Project, item: str) -> Segmentation:
    result = project.result(item)
    assert isinstance(result, Segmentation)
    return result


def test_relabelled_is_run_anew_to_the_bit(
    project: Project, images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    project.choose(OTHERS)
    assert project.status().stale == {ItemState.PRELABELLED: 4}
    assert len(project.items_to_relabel().ready) == 4
    with Project.create(tmp_path / "anew", WORDS, images, recipe=RECIPE) as anew:
        anew.choose(project.vocabulary)
        anew.run(segmenter=segmenter, progress=False)
        for item in project:
            (images / item.path.rpartition("/")[2]).unlink()  # no image is needed
        report = project.relabel(segmenter=segmenter, progress=False)
        assert len(report.done) == 4
        assert project.status().stale == {}
        for name in report.done:
            ours, theirs = result_of(project, name), result_of(anew, name)
            for what in ("labels", "regions", "confidence", "region_probabilities", "pixel_labels"):
                np.testing.assert_array_equal(getattr(ours, what), getattr(theirs, what))
            assert ours.table.equals(theirs.table)
            assert ours.vocabulary == theirs.vocabulary
            for what in ("recipe", "stretch", "image_digest", "networks", "settings", "regions"):
                assert getattr(ours.provenance, what) == getattr(theirs.provenance, what)
            here, there = project.vectors(name), anew.vectors(name)
            for what in ("ids", "clip", "similarity", "colours", "places", "probabilities"):
                np.testing.assert_array_equal(getattr(here, what), getattr(there, what))
            assert here.classes == there.classes
            mine, other = project.item(name), anew.item(name)
            for what in ("digest", "regions", "undecided", "least"):
                assert getattr(mine, what) == getattr(other, what)
        orders = [of.read_items(of.list_items(order="gain")) for of in (project, anew)]
        assert [item.name for item in orders[0]] == [item.name for item in orders[1]]
    # Features stay for the next words.
    project.choose("red, blue")
    assert len(project.relabel(segmenter=segmenter, progress=False).done) == 4


def test_kept_features_are_those_of_the_image(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    for item in project:
        kept = project.features(item)
        encoded = segmenter.encode(read_pixels(project.path_of(item)))
        assert kept.windows.features.equal(encoded.windows.features)
        np.testing.assert_array_equal(kept.regions, encoded.regions)
        assert kept.windows.similarity_means is not None  # for Project.means


def test_what_has_no_features_or_is_decided_is_left_as_it_is(
    project: Project, segmenter: Segmenter
) -> None:
    first, second, third, fourth = project
    with project.session(first, by="Ann") as session:
        session.assign(session.ids[:1].tolist(), "red")
    (project.folder_of(second) / FEATURES).unlink()
    project.mark(third, "skipped", by="Ann")
    project.choose(OTHERS)
    found = project.items_to_relabel()
    assert [item.name for item in found.ready] == [fourth.name]
    assert [item.name for item in found.others] == [second.name]
    assert project.relabel(segmenter=segmenter, progress=False).done == (fourth.name,)
    assert [item.state for item in project] == [
        ItemState.IN_REVIEW,
        ItemState.PRELABELLED,
        ItemState.SKIPPED,
        ItemState.PRELABELLED,
    ]
    assert list(result_of(project, second.name).vocabulary.names) == ["red", "blue", "background"]
    with pytest.raises(nc.InputError, match=r"has no features .*--keep features"):
        project.features(second)


def test_features_of_other_settings_are_none(project: Project) -> None:
    project.choose(recipe=nc.Recipe(regions="superpixels", region_options={"n_segments": 9}))
    found = project.items_to_relabel()
    assert (len(found.ready), len(found.others)) == (0, 4)
    # How pixels become labels is no matter of features.
    settings = RECIPE.settings.replace(correction=False)
    project.choose(
        recipe=nc.Recipe(
            regions="superpixels", region_options={"n_segments": 20}, settings=settings
        )
    )
    assert len(project.items_to_relabel().ready) == 4


def test_another_reading_of_the_same_features(
    project: Project, images: Path, tmp_path: Path
) -> None:
    settings = RECIPE.settings.replace(correction=False)
    recipe = nc.Recipe(regions="superpixels", region_options={"n_segments": 20}, settings=settings)
    project.choose(recipe=recipe)
    name = project.relabel(progress=False).done[0]
    with Project.create(tmp_path / "anew", WORDS, images, recipe=recipe) as anew:
        anew.run(progress=False)
        np.testing.assert_array_equal(result_of(project, name).labels, result_of(anew, name).labels)
        assert result_of(project, name).provenance.recipe == recipe.to_json()


def test_a_run_without_features_takes_away_those_of_another_result(
    project: Project, segmenter: Segmenter
) -> None:
    project.choose(OTHERS)
    project.run(segmenter=segmenter, stale=True, progress=False)
    assert not list(project.folder.rglob(FEATURES))


@pytest.mark.parametrize("damage", ["half", "other"])
def test_features_that_cannot_be_used_are_told_and_the_labels_stay(
    project: Project, segmenter: Segmenter, damage: str
) -> None:
    first, second, *_ = project
    path = project.folder_of(first) / FEATURES
    if damage == "half":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        shutil.copyfile(project.folder_of(second) / FEATURES, path)
    project.choose(OTHERS)
    report = project.relabel(segmenter=segmenter, progress=False)
    assert len(report.done) == 3
    ((name, reason),) = report.failed
    assert name == first.name
    assert "features" in reason
    assert project.item(first).state is ItemState.PRELABELLED
    assert list(result_of(project, name).vocabulary.names) == ["red", "blue", "background"]
    assert project.status().stale == {ItemState.PRELABELLED: 1}
    with pytest.raises(nc.InputError, match="features"):
        project.relabel(segmenter=segmenter, strict=True, progress=False)


def test_an_image_that_was_changed_is_not_labelled_by_features_of_the_former_one(
    project: Project, images: Path, segmenter: Segmenter
) -> None:
    first, *_ = project
    iio.imwrite(project.path_of(first), generate_scene(9).image[:60, :70])
    project.choose(OTHERS)
    ((name, reason),) = project.relabel(segmenter=segmenter, progress=False).failed
    assert name == first.name
    assert "was changed after it was run" in reason


def test_features_are_kept_up_to_a_limit(
    images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        told = project.size_of_features()
        project.run(segmenter=segmenter, features=told * 6 // 10, progress=False)
        folders = [project.folder_of(item) for item in project]
        kept = [size_of_features(folder) for folder in folders]
        assert 0 < sum(kept) <= told * 6 // 10
        assert 0 in kept
        # The limit is that of the project, and not of a run: there is no more room.
        for folder, size in zip(folders, kept, strict=True):
            if size:
                project.mark(folder.name, "skipped")
        project.choose(OTHERS)
        report = project.run(
            segmenter=segmenter, features=told * 6 // 10, stale=True, progress=False
        )
        assert len(report.done) == kept.count(0)
        assert [size_of_features(folder) for folder in folders] == kept


def test_the_size_that_is_told_is_the_size_that_is_taken(
    images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        told = project.size_of_features()
        project.run(segmenter=segmenter, features=PLENTY, progress=False)
        taken = sum(size_of_features(project.folder_of(item)) for item in project)
        assert told == pytest.approx(taken, rel=0.1)


@pytest.mark.parametrize("preset", ["vit-b-16", "vit-l-14", "vit-h-14"])
def test_the_size_that_is_told_of_real_networks_is_that_of_their_shapes(preset: str) -> None:
    from napari_corrclip.engine.windows import plan

    recipe = nc.Recipe(preset, regions="superpixels")
    shape = (427, 640)
    clip, similarity = recipe.networks
    assert "patch8" in similarity.architecture
    channels = {"vit-b-16": 512, "vit-l-14": 768, "vit-h-14": 1024}[preset]
    patch = 16 if preset == "vit-b-16" else 14
    layout = plan(shape, recipe.method, (patch, 8))
    cells = len(layout) * (layout.padded[0] // 8) * (layout.padded[1] // 8)
    assert bytes_of_features(recipe, shape) == pytest.approx(
        4 * (cells * channels + shape[0] * shape[1]), rel=0.01
    )
    assert built_in(preset).networks[0] == clip


def test_parts_share_the_limit(images: Path, tmp_path: Path, segmenter: Segmenter) -> None:
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        told = project.size_of_features()
        for part in (1, 2):
            project.run(segmenter=segmenter, features=told, part=(part, 2), progress=False)
        project.collect(progress=False)
        kept = [size_of_features(project.folder_of(item)) for item in project]
        assert sum(kept) <= told
        assert any(kept)
        assert all(
            isinstance(project.features(item), Features)
            for item in project
            if size_of_features(project.folder_of(item))
        )


@pytest.fixture
def without(images: Path, tmp_path: Path, segmenter: Segmenter) -> Iterator[Project]:
    """A project that was run, and kept no features."""
    with Project.create(tmp_path / "without", WORDS, images, recipe=RECIPE) as made:
        made.run(segmenter=segmenter, progress=False)
        yield made


def kept_in(project: Project) -> list[str]:
    """Return the names of the items that have features."""
    return [item.name for item in project if size_of_features(project.folder_of(item))]


def written_of(project: Project, item: str) -> dict[str, bytes]:
    """Return what was written of an item's result, but when and how long, and the arrays of its vectors."""
    folder, vectors = project.folder_of(item), project.vectors(item)
    names = ("labels.png", "regions.tif", "regions.csv", "arrays.npz")
    arrays = ("ids", "clip", "similarity", "colours", "places", "probabilities")
    found = {name: (folder / "result" / name).read_bytes() for name in names}
    return found | {name: getattr(vectors, name).tobytes() for name in arrays}


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("vectors", [False, True])
def test_what_was_run_without_features_gets_them_and_stays_the_same(
    without: Project, segmenter: Segmenter, stale: bool, vectors: bool
) -> None:
    first, second, third, deep = without
    with without.session(first, by="Ann") as session:
        session.assign(session.ids[:1].tolist(), "red")
    without.mark(second, "skipped", by="Ann")
    wanted = [third.name, deep.name]
    assert without.items_to_run(stale=stale) == []
    chosen = without.items_to_run(stale=stale, features=PLENTY)
    assert [item.name for item in chosen] == wanted
    before = {name: written_of(without, name) for name in wanted}
    told = without.size_of_features(stale=stale, features=PLENTY)
    report = without.run(
        segmenter=segmenter, stale=stale, features=PLENTY, vectors=vectors, progress=False
    )
    assert list(report.done) == wanted == kept_in(without)
    for name, files in before.items():
        now = written_of(without, name)
        assert [each for each in files if files[each] != now[each]] == []
    taken = sum(size_of_features(without.folder_of(name)) for name in wanted)
    assert told == pytest.approx(taken, rel=0.1)
    assert without.size_of_features(stale=stale, features=PLENTY) == 0
    assert without.run(segmenter=segmenter, features=PLENTY, progress=False).done == ()


def test_what_has_to_be_run_comes_first_and_the_rest_as_far_as_there_is_room(
    without: Project, images: Path, segmenter: Segmenter
) -> None:
    iio.imwrite(images / "new.png", generate_scene(5).image[:150, :96])
    without.look_again()
    new = without.items()[-1].name
    limit = round(without.size_of_features() * 2.5)
    report = without.run(segmenter=segmenter, features=limit, progress=False)
    assert report.done[0] == new
    assert len(report.done) == 2
    assert sorted(kept_in(without)) == sorted(report.done)
    assert sum(size_of_features(without.folder_of(name)) for name in report.done) <= limit
    # With what is left none is run in vain.
    assert without.items_to_run(features=limit) == []
    assert without.run(segmenter=segmenter, features=limit, progress=False).done == ()


def test_no_image_is_run_in_vain_for_features_that_find_no_room(
    tmp_path: Path, segmenter: Segmenter
) -> None:
    (tmp_path / "images").mkdir()
    for number, columns in enumerate((240, 240, 60, 60, 60)):
        image = generate_scene(number).image[:60, :columns]
        iio.imwrite(tmp_path / "images" / f"{number}.png", image)
    with Project.create(tmp_path / "set", WORDS, tmp_path / "images", recipe=RECIPE) as project:
        project.run(segmenter=segmenter, progress=False)
        mean = project.size_of_features(features=PLENTY) / 5
        limit = round(mean * 1.2)
        done = project.run(segmenter=segmenter, features=limit, progress=False).done
        assert list(done) == kept_in(project) != []
        assert project.run(segmenter=segmenter, features=limit, progress=False).done == ()


def test_an_image_that_gives_no_such_result_any_more_keeps_the_one_that_it_has(
    without: Project, images: Path, segmenter: Segmenter
) -> None:
    gone, changed, damaged, deep = without
    without.path_of(gone).unlink()
    iio.imwrite(without.path_of(changed), generate_scene(9).image[:60, :70])
    path = without.path_of(damaged)
    times = path.stat()
    path.write_bytes(path.read_bytes()[:40] + bytes(times.st_size - 40))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    report = without.run(segmenter=segmenter, features=PLENTY, progress=False)
    assert report.done == (deep.name,)
    assert [name for name, _ in report.failed] == [damaged.name]
    assert [item.state for item in without] == [ItemState.PRELABELLED] * 4
    assert without.item(damaged) == damaged
    assert result_of(without, damaged.name).labels.any()


def test_a_part_gives_features_to_what_it_has_made_before(
    images: Path, tmp_path: Path, segmenter: Segmenter
) -> None:
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as project:
        mine = [item.name for item in project.items_to_run(part=(1, 2))]
        assert 0 < len(mine) < 4
        for collected in (False, True):
            features = 2 * PLENTY if collected else 0
            report = project.run(
                segmenter=segmenter, part=(1, 2), features=features, progress=False
            )
            assert sorted(report.done) == sorted(mine)
            assert sorted(kept_in(project)) == (sorted(mine) if collected else [])
        assert project.items_to_run(part=(1, 2), features=2 * PLENTY) == []
        project.collect(progress=False)
        assert project.status().lines() == [f"{4 - len(mine)} new", f"{len(mine)} pre-labelled"]
        project.run(segmenter=segmenter, progress=False)
        for part in (1, 2):
            project.run(segmenter=segmenter, part=(part, 2), features=2 * PLENTY, progress=False)
        assert len(kept_in(project)) == 4
