"""The encoded image of an item's session: that of the run, from what was kept or anew."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.encoded_image import EncodedImage, annotate_steps
from napari_corrclip.engine.networks import Networks
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.images import Pixels, read_pixels
from napari_corrclip.progress import Progress, finish
from napari_corrclip.project.encoding import ShownRun, encode_steps, recipe_of
from napari_corrclip.project.project import Project
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.results.provenance import Provenance

RECIPES = {
    "superpixels": nc.Recipe(regions="superpixels", region_options={"n_segments": 30}),
    "sam": nc.Recipe(region_options={"points_per_side": 8}),
}
WORDS = "red, blue, background: wood, stone"
MORE = "red, blue, green, background: wood, stone"


@pytest.fixture(scope="module")
def segmenters() -> dict[str, Segmenter]:
    return {name: Segmenter.from_recipe(recipe) for name, recipe in RECIPES.items()}


@pytest.fixture(params=RECIPES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def a_project(folder: Path, recipe: nc.Recipe) -> Project:
    images = folder / "photographs"
    images.mkdir()
    for number in range(2):
        iio.imwrite(images / f"{number}.png", generate_scene(number).image[: 90 + number, :100])
    return Project.create(folder / "set", WORDS, images, recipe=recipe)


@pytest.fixture
def project(tmp_path: Path, kind: str, segmenters: dict[str, Segmenter]) -> Iterator[Project]:
    with a_project(tmp_path, RECIPES[kind]) as made:
        made.run(segmenter=segmenters[kind], progress=False)
        yield made


def keep_features(project: Project, segmenter: Segmenter) -> None:
    """Keep the features of all items, as a run that is asked to does."""
    for item in project:
        features = segmenter.encode(project.path_of(item), progress=False)
        features.save(project.folder_of(item) / "features.safetensors")


def annotated(segmenter: Segmenter, image: Any) -> nc.Session:
    return finish(annotate_steps(segmenter, image, WORDS))


def bare(project: Project, segmenter: Segmenter, name: str = "0") -> nc.Session:
    """Return a session of an item that never was without networks."""
    image = iio.imread(project.path_of(f"../photographs/{name}.png"))
    return annotated(segmenter, image)


def points(session: nc.Session, region: int) -> tuple[list[Any], list[Any]]:
    rows, columns = np.nonzero(session.regions == region)
    places = list(zip(rows.tolist(), columns.tolist(), strict=True))
    return places[:1], places[-1:]


@pytest.mark.parametrize("kept", [False, True])
def test_classes_likeness_and_splits_are_as_with_the_networks_from_the_start(
    project: Project,
    segmenters: dict[str, Segmenter],
    kind: str,
    kept: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    segmenter = segmenters[kind]
    if kept:
        keep_features(project, segmenter)
    expected, first = bare(project, segmenter), project.items()[0]
    expected.merge(expected.ids[:2].tolist())
    expected.set_vocabulary(MORE)
    with project.session(first) as session:
        session.merge(session.ids[:2].tolist())
        before, edits = session.labels.copy(), session.timeline.edits
        if kept:  # no image tower runs
            monkeypatch.setattr(Segmenter, "encode_steps", None)
        encoded = project.encode(first, session, segmenter=segmenter, progress=False)
        assert session.engine is encoded
        assert session.timeline.edits == edits
        np.testing.assert_array_equal(session.labels, before)
        # Whatever was edited, the engine's regions are the run's.
        result = project.result(first)
        np.testing.assert_array_equal(encoded.features.regions, result.regions)
        session.set_vocabulary(MORE)
        np.testing.assert_array_equal(session.labels, expected.labels)
        assert session.table.equals(expected.table)
        for region in session.ids[:4].tolist():
            assert session.similar(region, 5) == expected.similar(region, 5)
        region = int(session.table.sort_values("area").id.iloc[-1])
        asked = points(session, region)
        _, parts = session.split_preview(region, *asked)
        np.testing.assert_array_equal(parts, expected.split_preview(region, *asked)[1])
        clicked = encoded.click(np.array([asked[0][0]]), np.array([True]))
        assert (clicked is None) is (kind != "sam")
        # Another run within the regions as they are now carries on from there.
        session.set_vocabulary("red, blue, background: wood, stone")
        np.testing.assert_array_equal(session.prediction, result.pixel_labels)


def test_the_means_of_decided_regions_are_kept_of_both_towers(
    project: Project, segmenters: dict[str, Segmenter], kind: str
) -> None:
    first, second = project.items()
    with project.session(first) as session:
        chosen = session.ids[:3].tolist()
        session.assign(chosen, "blue")
        project.encode(first, session, segmenter=segmenters[kind], progress=False)
    means = project.means(first)
    assert means.ids.tolist() == means.similarity_ids.tolist() == chosen
    assert means.similarity_network == segmenters[kind].similarity.fingerprint
    # To look is not to decide: what was encoded and left is as it was.
    with project.session(second) as session:
        project.encode(second, session, segmenter=segmenters[kind], progress=False)
    assert project.item(second).state == "pre-labelled"
    with pytest.raises(nc.InputError, match="no means"):
        project.means(second)


def test_classes_that_nobody_was_asked_for_are_known_until_they_are_looked_for(
    project: Project, segmenters: dict[str, Segmenter], kind: str
) -> None:
    """Also by whoever opens the session next: what is to be looked for is in its history."""
    first = project.items()[0]
    with project.session(first) as session:
        assert not session.provisional
        session.set_vocabulary(MORE)
        assert session.provisional
        session.assign(1, "green")
    with project.session(first) as session:
        assert session.provisional
        session.set_vocabulary(session.vocabulary.rename("green", "leaf"))
        assert session.provisional
        encoded = project.encode(first, session, segmenter=segmenters[kind], progress=False)
        session.refine(encoded.classify(session.vocabulary))
        assert not session.provisional
        labels = session.labels.copy()
    with project.session(first) as session:
        assert not session.provisional
        session.undo()  # the name, with which the look came
        assert session.provisional
        session.redo()
        assert not session.provisional
        np.testing.assert_array_equal(session.labels, labels)


def test_the_recipe_is_that_of_the_result_and_networks_are_loaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[nc.Recipe] = []
    real = Segmenter.from_recipe.__func__  # type: ignore[attr-defined]

    def counted(cls: type[Segmenter], recipe: nc.Recipe, **options: Any) -> Segmenter:
        loads.append(recipe)
        return real(cls, recipe, **options)  # type: ignore[no-any-return]

    recipe = RECIPES["superpixels"]
    with a_project(tmp_path, recipe) as project:
        project.run(progress=False)
        project.choose(recipe=replace(recipe, region_options={"n_segments": 12}, detail="fine"))
        monkeypatch.setattr(Segmenter, "from_recipe", classmethod(counted))
        for item in project:
            with project.session(item) as session:
                result = project.result(item)
                encoded = project.encode(item, session, progress=False)
                np.testing.assert_array_equal(encoded.features.regions, result.regions)
                assert encoded.features.settings == result.provenance.settings
                session.set_vocabulary(WORDS)
                np.testing.assert_array_equal(session.prediction, result.pixel_labels)
    assert [made.key() for made in loads] == [recipe.key()]


def test_a_session_that_was_run_again_is_encoded_as_that_run(
    project: Project, segmenters: dict[str, Segmenter], kind: str
) -> None:
    """What was kept of the item's result is of other regions, or of other settings in the same ones."""
    segmenter, first = segmenters[kind], project.items()[0]
    keep_features(project, segmenter)
    other = {"superpixels": "sam", "sam": "superpixels"}[kind]
    fine = Segmenter.from_recipe(replace(RECIPES[kind], detail="fine"), former=segmenter)
    image = iio.imread(project.path_of(first))
    for again in (segmenters[other], fine):
        with project.session(first) as session:
            session.rerun(again.segment(image, session.vocabulary, progress=False))
            run = ShownRun.of(session)
            encoded = project.encode(first, session, segmenter=segmenter, progress=False)
            assert run.is_shown(session)
            assert encoded.features.settings == again.settings
            found = encoded.classify(session.vocabulary)
            np.testing.assert_array_equal(found.pixel_labels, session.prediction)
            session.undo()
            assert not run.is_shown(session)


@pytest.mark.parametrize("what", ["features", "result", "network"])
def test_what_was_kept_and_is_damaged_or_of_others_is_not_taken(
    project: Project, segmenters: dict[str, Segmenter], kind: str, what: str
) -> None:
    segmenter, first = segmenters[kind], project.items()[0]
    keep_features(project, segmenter)
    path = project.folder_of(first) / "features.safetensors"
    result = project.result(first)
    with project.session(first) as session:
        session.assign(1, "red")
        if what == "features":
            path.write_bytes(path.read_bytes()[:-1000])
        elif what == "network":
            features = segmenter.encode(project.path_of(first), progress=False)
            replace(features, clip="0" * 16).save(path)
        else:
            (project.folder_of(first) / "result" / "labels.tif").write_bytes(b"no picture")
        encoded = project.encode(first, session, segmenter=segmenter, progress=False)
        assert encoded.features.clip == segmenter.clip.fingerprint
        found = encoded.classify(session.vocabulary)
        np.testing.assert_array_equal(found.pixel_labels, result.pixel_labels)
        np.testing.assert_array_equal(found.regions > 0, result.regions > 0)


def test_clicks_need_no_more_than_what_was_kept_without_sam(
    tmp_path: Path, segmenters: dict[str, Segmenter]
) -> None:
    segmenter = segmenters["sam"]
    with a_project(tmp_path, RECIPES["sam"]) as project:
        project.run(segmenter=segmenter, progress=False)
        first = project.items()[0]
        features = segmenter.encode(project.path_of(first), progress=False)
        path = project.folder_of(first) / "features.safetensors"
        replace(features, embedding=None).save(path)
        with project.session(first) as session:
            encoded = project.encode(first, session, segmenter=segmenter, progress=False)
    assert encoded.features.embedding is not None
    assert features.embedding is not None
    assert torch.equal(encoded.features.embedding.features, features.embedding.features)


def test_pixels_without_data_stay_without(segmenters: dict[str, Segmenter]) -> None:
    image = np.ma.masked_array(generate_scene(3).image[:90, :100])
    image[:30] = np.ma.masked
    for segmenter in segmenters.values():
        fresh = annotated(segmenter, image)
        session = nc.Session(segmenter.segment(image, WORDS, progress=False), fresh.image)
        pixels = read_pixels(image)
        session.engine = finish(encode_steps(ShownRun.of(session), pixels, Networks()))
        for one in (fresh, session):
            one.set_vocabulary(MORE)
        np.testing.assert_array_equal(session.labels, fresh.labels)
        assert not session.labels[:30].any()


def test_regions_that_came_with_the_image_need_no_source(segmenters: dict[str, Segmenter]) -> None:
    image = generate_scene(3).image[:90, :100]
    regions = (np.arange(90)[:, None] // 30 * 5 + np.arange(100) // 25 + 1) * 7
    segmenter = segmenters["superpixels"]
    features = segmenter.encode(image, regions=GivenRegions(regions), progress=False)
    session = nc.Session(segmenter.classify(features, WORDS, progress=False), image)
    encoded = finish(encode_steps(ShownRun.of(session), Pixels(image), Networks()))
    assert isinstance(encoded, EncodedImage)
    found = encoded.classify(session.vocabulary)
    np.testing.assert_array_equal(found.pixel_labels, session.prediction)


def test_what_cannot_be_remade_is_told(segmenters: dict[str, Segmenter]) -> None:
    with pytest.raises(nc.InputError, match="not known how this image was run"):
        recipe_of(Provenance())
    large = nc.Recipe(regions="superpixels", scale=0.5)
    with pytest.raises(nc.InputError, match="run as a large one"):
        recipe_of(Provenance(recipe=large.to_json()))
    made = segmenters["superpixels"]
    own = Segmenter(made.clip, made.similarity, made.regions)
    image = generate_scene(0).image[:60, :60]
    session = nc.Session(own.segment(image, WORDS, progress=False), image)
    with pytest.raises(nc.InputError, match="handed in as an object"):
        finish(encode_steps(ShownRun.of(session), Pixels(image), Networks()))
    assert session.engine is None
    other = nc.Session(made.segment(image, WORDS, progress=False))
    with pytest.raises(nc.InputError, match="give the image that it is of"):
        finish(encode_steps(ShownRun.of(other), Pixels(image[:50]), Networks()))


def test_a_device_of_another_machine_does_not_hinder(
    project: Project, segmenters: dict[str, Segmenter], kind: str
) -> None:
    path = project.folder_of(project.items()[0]) / "result" / "provenance.json"
    said = json.loads(path.read_text())
    said["recipe"]["device"] = "cuda:7"
    path.write_text(json.dumps(said))
    first = project.items()[0]
    with project.session(first) as session:
        project.encode(first, session, segmenter=segmenters[kind], progress=False)
        assert session.engine is not None


def test_networks_are_loaded_by_one_thread_and_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    networks, recipe = Networks(), RECIPES["superpixels"]
    began, go_on = threading.Event(), threading.Event()
    real = Segmenter.from_recipe.__func__  # type: ignore[attr-defined]
    loads: list[nc.Recipe] = []

    def held(cls: type[Segmenter], recipe: nc.Recipe, **options: Any) -> Segmenter:
        loads.append(recipe)
        began.set()
        assert go_on.wait(60)
        return real(cls, recipe, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(Segmenter, "from_recipe", classmethod(held))
    got: list[Segmenter] = []
    thread = threading.Thread(target=lambda: got.append(finish(networks.load_steps(recipe))))
    thread.start()
    assert began.wait(60)
    steps = networks.load_steps(recipe)
    assert next(steps) == Progress("load the networks", 0, 1)  # it waits, and can be stopped
    go_on.set()
    got.append(finish(steps))
    thread.join()
    assert got[0] is got[1]
    assert loads == [recipe]
    # Of other regions with the same towers these stay; other towers take their place.
    towers = got[0].clip
    assert finish(networks.load_steps(RECIPES["sam"])).clip is towers
    assert finish(networks.load_steps(replace(recipe, dtype="float16"))).clip is not towers
    # Whoever would need others waits for a long run by these.
    with networks.working(recipe):
        assert finish(networks.wait_steps(replace(RECIPES["sam"], dtype="float32"))) is None
        waiting = networks.wait_steps(replace(recipe, dtype="float16"))
        assert next(waiting).stage == "wait for the run of the set"
    assert list(waiting) == []
