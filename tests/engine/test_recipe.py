"""A run as a value: it compares, travels, has a key, and makes the segmenter that it says."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.encoded_image import annotate_steps
from napari_corrclip.engine.found_regions import find_regions_steps
from napari_corrclip.engine.recipe import GIVEN, Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.images import PERCENTILES, ImageOptions, find_limits, read_pixels
from napari_corrclip.progress import finish
from napari_corrclip.regions import GivenRegions, SuperpixelRegions
from napari_corrclip.regions.sam import SamRegions
from napari_corrclip.results.provenance import Stretch
from napari_corrclip.settings import DETAILS, Settings
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.presets import NetworkSpec

SCENE = generate_scene(5)
WORDS = "red, blue, green\nbackground: grass, water"
QUICK: dict[str, Any] = {"device": "cpu", "regions": "superpixels"}


@pytest.fixture(scope="module")
def segmenter() -> nc.Segmenter:
    return nc.Segmenter.from_recipe(Recipe(**QUICK))


def test_a_recipe_says_everything_and_cannot_change() -> None:
    recipe = Recipe()
    assert recipe.preset == get_preset("demo")
    assert recipe.settings == get_preset("demo").settings
    assert recipe == Recipe("demo", region_options={"points_per_side": 8}, dtype="float32")
    assert hash(recipe) == hash(Recipe())
    with pytest.raises(AttributeError):
        recipe.device = "cuda"  # type: ignore[misc]
    with pytest.raises(TypeError):
        recipe.parts["clip"] = "x"  # type: ignore[index]


RECIPES = st.builds(
    Recipe,
    st.sampled_from(["demo", "vit-b-16", "vit-l-14"]),
    device=st.sampled_from(["auto", "cpu", "cuda:1"]),
    dtype=st.sampled_from(["auto", "float32", "float16", "bfloat16"]),
    regions=st.just("sam"),
    region_options=st.fixed_dictionaries(
        {}, optional={"points_per_side": st.integers(1, 64), "iou_threshold": st.floats(0, 1)}
    ),
    detail=st.sampled_from(DETAILS),
    settings=st.none() | st.builds(Settings, tau=st.floats(0.01, 100), merging=st.booleans()),
    parts=st.dictionaries(st.sampled_from(["clip", "templates"]), st.text(max_size=5)),
)


@given(RECIPES)
@settings(max_examples=60, deadline=None)
def test_a_recipe_travels_as_json_and_pickled(recipe: Recipe) -> None:
    for again in (Recipe.from_json(recipe.to_json()), pickle.loads(pickle.dumps(recipe))):
        assert again == recipe
        assert again.key("image") == recipe.key("image")
        assert again.features_key("image") == recipe.features_key("image")


def test_a_preset_of_ones_own_travels_whole() -> None:
    demo = get_preset("demo")
    mine = replace(demo, name="mine", settings=demo.settings.replace(tau=1.0))
    recipe = Recipe(mine)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert json.loads(recipe.to_json())["preset"]["name"] == "mine"
    # what it is called is no part of the run
    assert Recipe(replace(mine, name="yours", title="Yours")).key() == recipe.key()
    assert Recipe(demo, settings=mine.settings).key() == recipe.key()


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "float16"},
        {"regions": "superpixels", "region_options": None},
        {"region_options": {"points_per_side": 9}},
        {"detail": "fine"},
        {"settings": Settings(tau=0.5)},
        {"scale": 0.5},
        {"scale": 0.5, "tile": 512},
        {"scale": 0.5, "overlap": 64},
        {"preset": "vit-b-16"},
        {"parts": {"regions": "0123"}, "region_options": None},
        {"preset": replace(get_preset("demo"), template_set=("a {}.",))},
        {"preset": replace(get_preset("demo"), clip=NetworkSpec("demo", "other", "embedded"))},
    ],
)  # fmt: skip
def test_whatever_changes_a_result_changes_the_key(change: dict[str, Any]) -> None:
    recipe = Recipe()
    assert replace(recipe, **change).key() != recipe.key()


def test_what_only_computes_changes_no_key() -> None:
    recipe = Recipe()
    for same in (
        replace(recipe, device="cuda"),
        replace(recipe, settings=recipe.settings.replace(batch_size=1)),
    ):
        assert same.key("image") == recipe.key("image")
    assert recipe.key("image") != recipe.key("another")
    uncorrected = replace(recipe, settings=recipe.settings.replace(correction=False))
    assert uncorrected.features_key() == recipe.features_key()
    assert uncorrected.key() != recipe.key()


def test_what_has_no_effect_changes_no_key() -> None:
    large, given_ = Recipe(scale=1), Recipe(regions=GIVEN, scale=1)
    higher = large.settings.replace(short_side=448)
    assert large.key() == Recipe(scale=1.0).key() == replace(large, settings=higher).key()
    assert given_.key() == replace(given_, tile=512, overlap=64).key()
    assert Recipe(region_options={"dtype": "float32"}).key() == Recipe().key()
    demo = get_preset("demo")
    templated = Recipe(replace(demo, template_set=("a {}.",)))
    assert templated.features_key() == Recipe().features_key()
    assert templated.key() != Recipe().key()


def test_the_key_of_regions_is_of_what_finds_them_alone() -> None:
    recipe = Recipe()
    same: list[dict[str, Any]] = [
        {"settings": Settings(tau=0.7)},
        {"detail": "fine"},
        {"dtype": "float16"},
        {"device": "cpu"},
    ]
    for others in same:
        assert Recipe(**others).regions_key() == recipe.regions_key()
    superpixels = Recipe(regions="superpixels")
    assert (
        replace(superpixels, preset=get_preset("vit-b-16")).regions_key()
        == superpixels.regions_key()
    )
    different = [
        superpixels,
        Recipe("vit-b-16"),
        Recipe(region_options={"points_per_side": 9}),
        Recipe(region_options={"stability_threshold": 0.5}),
        Recipe(regions="superpixels", region_options={"n_segments": 7}),
    ]
    keys = {one.regions_key() for one in (recipe, *different)} | {recipe.regions_key("image")}
    assert len(keys) == len(different) + 2


def test_regions_that_were_found_before_lend_their_sam() -> None:
    """And find what a run finds, with no other network loaded."""
    recipe = Recipe(device="cpu", region_options={"points_per_side": 3})
    before = finish(find_regions_steps(recipe, SCENE.image, "key"))
    assert before.key == "key"
    other = replace(recipe, region_options={"points_per_side": 4})
    sam = before.sam_for(other)
    assert sam is not None
    assert before.sam_for(replace(other, device="auto")) is None
    assert before.sam_for(Recipe("vit-b-16", device="cpu")) is None
    segmenter = nc.Segmenter.from_recipe(other, sam=sam)
    assert isinstance(segmenter.regions, SamRegions)
    assert segmenter.regions.sam is sam
    assert segmenter.sam_for(recipe) is sam
    run = nc.Segmenter.from_recipe(recipe, former=segmenter).regions
    np.testing.assert_array_equal(before.found.regions, finish(run.segment(SCENE.image)))


def test_the_types_that_a_recipe_knows_are_those_of_the_devices() -> None:
    from napari_corrclip.devices import DTYPES, choose_dtype
    from napari_corrclip.engine.recipe import _DTYPES

    assert ("auto", *DTYPES) == _DTYPES
    assert Recipe().dtype == str(choose_dtype()).removeprefix("torch.") == "float32"


@pytest.mark.parametrize(("amx", "on_cpu"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_what_it_comes_to_here(
    monkeypatch: pytest.MonkeyPatch, amx: bool, on_cpu: str
) -> None:
    monkeypatch.setattr("napari_corrclip.devices.has_amx", lambda: amx)
    recipe = Recipe(device="cpu", dtype="auto", region_options={"dtype": "auto"})
    assert recipe == Recipe(device="cpu", dtype=on_cpu, region_options={"dtype": on_cpu})
    assert recipe.key() == Recipe(dtype=on_cpu, region_options={"dtype": on_cpu}).key()
    assert json.loads(recipe.to_json())["dtype"] == on_cpu
    # nowhere else, and never unasked
    assert (
        Recipe(device="cuda:1", dtype="auto", region_options={"dtype": "auto"}).dtype == "float32"
    )
    assert Recipe(device="cpu").dtype == "float32"
    monkeypatch.setattr("napari_corrclip.devices.has_amx", lambda: not amx)
    # elsewhere it is the same run
    assert Recipe.from_json(recipe.to_json()) == pickle.loads(pickle.dumps(recipe)) == recipe


def test_auto_in_what_an_earlier_version_wrote_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_corrclip.devices.has_amx", lambda: True)
    old = (Path(__file__).parents[1] / "data" / "project-1" / "project.json").read_text("utf-8")
    document = json.loads(old)["recipe"]
    assert document["dtype"] == "auto"
    recipe = Recipe.from_json(json.dumps(document))
    assert recipe.dtype == "float32"
    # as that version computed it
    assert recipe.key() == "ec0dd51180fb909f4c649a9f2fafb912"


def test_a_result_of_auto_keeps_what_it_came_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_corrclip.devices.has_amx", lambda: True)
    result = nc.segment(SCENE.image, WORDS, dtype="auto", **QUICK)
    assert result.provenance.dtype == "bfloat16"
    assert Recipe.from_json(result.provenance.recipe).dtype == "bfloat16"
    expected = nc.segment(SCENE.image, WORDS, dtype="bfloat16", **QUICK)
    np.testing.assert_array_equal(result.labels, expected.labels)
    assert result.provenance.recipe == expected.provenance.recipe


def test_other_limits_make_another_image_and_are_kept(tmp_path: Path) -> None:
    deep = SCENE.image.astype(np.uint16) * 200
    recipe = Recipe(**QUICK)
    low, high = find_limits(deep, PERCENTILES, colors=True)
    session = nc.annotate(deep, WORDS, recipe=recipe)
    assert session.provenance.stretch == (Stretch(low, high),)
    assert nc.segment(deep, WORDS, recipe=recipe).provenance.stretch == (Stretch(low, high),)
    assert nc.segment(SCENE.image, WORDS, recipe=recipe).provenance.stretch == ()
    pixels = read_pixels(deep, ImageOptions(limits=(0, 30000)))
    other = finish(annotate_steps(nc.Segmenter.from_recipe(recipe), pixels, WORDS))
    assert other.provenance.stretch == (Stretch(0.0, 30000.0),)
    assert recipe.key(other.image_digest) != recipe.key(session.image_digest)
    large = replace(recipe, scale=0.5)
    result = nc.segment_large(deep, WORDS, tmp_path / "large", recipe=large, limits=(0, 30000))
    assert result.provenance.stretch == (Stretch(0.0, 30000.0),)
    constant = nc.segment(np.full((64, 64), 7, np.uint16), WORDS, recipe=recipe)
    assert constant.provenance.stretch == (Stretch(7.0, 14.0),)  # and 7 is black


def test_a_key_is_the_same_in_another_process() -> None:
    code = (
        "from napari_corrclip.engine.recipe import Recipe; import sys; recipe = Recipe();"
        "assert 'torch' not in sys.modules; print(recipe.key('image'))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == Recipe().key("image")


def test_a_result_keeps_its_recipe(segmenter: nc.Segmenter, tmp_path: Path) -> None:
    asked = Recipe(**QUICK)
    result = segmenter.segment(SCENE.image, WORDS)
    result.save(tmp_path / "result", image=SCENE.image)
    kept = Recipe.from_json(nc.Segmentation.load(tmp_path / "result").provenance.recipe)
    assert kept == asked
    assert kept.key("image") == asked.key("image")
    again = nc.segment(SCENE.image, WORDS, recipe=kept)
    np.testing.assert_array_equal(again.labels, result.labels)
    assert again.provenance.recipe == result.provenance.recipe


def test_what_was_set_since_is_in_the_recipe(segmenter: nc.Segmenter) -> None:
    assert segmenter.recipe.whole
    fewer = segmenter.with_parts(SuperpixelRegions(20), segmenter.settings.replace(tau=0.5))
    assert not fewer.recipe.whole
    assert fewer.recipe.settings.tau == 0.5
    assert fewer.recipe.key() != segmenter.recipe.key()
    same = segmenter.with_parts(SuperpixelRegions(), segmenter.settings)
    assert same.recipe == segmenter.recipe


def test_maps_that_are_handed_in_are_named_by_their_ids(segmenter: nc.Segmenter) -> None:
    given = Recipe(device="cpu", regions=GIVEN)
    awaiting = nc.Segmenter.from_recipe(given, former=segmenter)
    assert awaiting.clip is segmenter.clip
    with pytest.raises(InputError, match="given with each image, and this one came without"):
        awaiting.encode(SCENE.image)
    keys = []
    for number in (1, 2):
        regions = GivenRegions(np.full(SCENE.image.shape[:2], number))
        features = awaiting.encode(SCENE.image, regions=regions)
        kept = Recipe.from_json(awaiting.classify(features, WORDS).provenance.recipe)
        direct = nc.Segmenter.from_preset(device="cpu", regions=regions.regions)
        assert direct.recipe == kept
        keys.append(kept.key())
        with pytest.raises(
            InputError, match=r"cannot be remade or sent, because regions \([0-9a-f]{16}\)"
        ):
            nc.Segmenter.from_recipe(kept)
        nc.Segmenter.from_recipe(kept, source=regions, former=segmenter)
        result = nc.segment(SCENE.image, WORDS, regions=regions.regions, recipe=given)
        assert Recipe.from_json(result.provenance.recipe).key() == kept.key()
    assert keys[0] != keys[1]


def test_a_map_is_handed_in_again_or_refused(segmenter: nc.Segmenter, tmp_path: Path) -> None:
    ids, others = (np.full(SCENE.image.shape[:2], number) for number in (1, 2))
    first = nc.segment(SCENE.image, WORDS, device="cpu", regions=ids)
    kept = Recipe.from_json(first.provenance.recipe)
    again = nc.segment(SCENE.image, WORDS, recipe=kept, regions=ids)
    assert again.provenance.recipe == first.provenance.recipe
    with pytest.raises(
        InputError, match=r"those of given \([0-9a-f]{16}\), and given .* handed in"
    ):
        nc.segment(SCENE.image, WORDS, recipe=kept, regions=others)
    with pytest.raises(InputError, match="finds its regions by sam, and superpixels was handed in"):
        nc.Segmenter.from_recipe(Recipe(), source=SuperpixelRegions())

    large = replace(Recipe(**QUICK), scale=0.5)
    with pytest.raises(InputError, match=r"regions=.* was given beside it"):
        nc.segment_large(SCENE.image, WORDS, tmp_path / "no", recipe=large, regions=ids)
    keys = []
    for name, given_ in (("one", ids), ("two", others)):
        result = nc.segment_large(
            SCENE.image, WORDS, tmp_path / name, scale=0.5, regions=given_, device="cpu"
        )
        found = Recipe.from_json(result.provenance.recipe)
        assert not found.whole
        keys.append(found.key())
        result = nc.segment_large(
            SCENE.image, WORDS, tmp_path / f"{name} again", recipe=found, regions=given_
        )
        assert Recipe.from_json(result.provenance.recipe) == found
        with pytest.raises(InputError, match="handed in as an object"):
            nc.segment_large(SCENE.image, WORDS, tmp_path / "no", recipe=found)
    assert keys[0] != keys[1]
    assert not (tmp_path / "no").exists()


def test_parts_that_are_handed_in_are_named_by_their_weights(segmenter: nc.Segmenter) -> None:
    def own(**changes: Any) -> nc.Segmenter:
        parts = {"templates": segmenter.templates, "settings": segmenter.settings, **changes}
        return nc.Segmenter(segmenter.clip, segmenter.similarity, SuperpixelRegions(), **parts)

    recipe = own().recipe
    assert not recipe.whole
    assert recipe.parts["clip"] == segmenter.clip.fingerprint
    assert recipe == own().recipe
    assert recipe.key() != own(templates="a photo of a {}.").recipe.key()
    kept = Recipe.from_json(own().segment(SCENE.image, WORDS).provenance.recipe)
    assert kept == recipe
    with pytest.raises(InputError, match=r"clip .* handed in as an object"):
        nc.Segmenter.from_recipe(kept)
    with pytest.raises(InputError, match=r"clip .* handed in as an object"):
        nc.Segmenter.from_recipe(Recipe(parts={"clip": "0123"}))
    for name in ("clip", "similarity", "templates"):  # else the recipe would not be of what runs
        with pytest.raises(AttributeError):
            setattr(own(), name, getattr(segmenter, name))


def test_networks_are_taken_over_where_they_are_the_same() -> None:
    first = nc.Segmenter.from_recipe(Recipe(device="cpu"))
    finer = nc.Segmenter.from_recipe(
        Recipe(device="cpu", region_options={"points_per_side": 2}), former=first
    )
    assert finer.clip is first.clip
    assert isinstance(finer.regions, SamRegions)
    assert finer.regions.sam is first.regions.sam  # type: ignore[attr-defined]
    assert finer.regions.options.points_per_side == 2
    lower = nc.Segmenter.from_recipe(Recipe(device="cpu", dtype="bfloat16"), former=first)
    assert lower.clip is not first.clip
    assert lower.recipe.dtype == "bfloat16"


def test_a_large_image_takes_the_same_recipe(tmp_path: Path) -> None:
    recipe = Recipe(**QUICK, scale=0.5)
    result = nc.segment_large(SCENE.image, WORDS, tmp_path / "large", recipe=recipe)
    kept = Recipe.from_json(result.provenance.recipe)
    assert kept == recipe
    named = nc.segment_large(SCENE.image, WORDS, tmp_path / "named", scale=0.5, **QUICK)
    assert named.provenance.recipe == result.provenance.recipe
    np.testing.assert_array_equal(named.labels[:], result.labels[:])
    with pytest.raises(InputError, match=r"scale 0\.5, at which an image is taken tile by tile"):
        nc.segment(SCENE.image, WORDS, recipe=recipe)
    with pytest.raises(InputError, match="needs a scale"):
        nc.segment_large(SCENE.image, WORDS, tmp_path / "none", recipe=Recipe(**QUICK))


def test_a_session_is_annotated_by_a_recipe() -> None:
    session = nc.annotate(SCENE.image, WORDS, recipe=Recipe(**QUICK))
    assert Recipe.from_json(session.provenance.recipe) == Recipe(**QUICK)


@pytest.mark.parametrize(
    "beside",
    [{"device": "cpu"}, {"regions": Path("map.png")}, {"detail": "fine"}, {"dtype": "float16"}],
)
def test_a_choice_beside_a_recipe_is_refused(beside: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(beside))}=.* was given beside it"):
        nc.segment(SCENE.image, WORDS, recipe=Recipe(**QUICK), **beside)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"preset": "vit"}, "no preset 'vit'"),
        ({"preset": 3}, "preset cannot be a int"),
        ({"preset": None}, "without a preset has no networks"),
        ({"regions": "voronoi"}, "no region source 'voronoi'"),
        ({"regions": SCENE.regions}, "regions cannot be a ndarray"),
        ({"region_options": {"points": 3}}, "SamRegions has no option 'points'"),
        ({"regions": GIVEN, "region_options": {"sigma": 3}}, "are of sam or superpixels"),
        ({"detail": "finest"}, "no detail 'finest'"),
        ({"settings": {"tau": 1}}, "settings cannot be a dict"),
        ({"tile": 512}, "tile is 512 without a scale"),
        ({"scale": -1}, "scale is -1; give a number above 0"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"scale": "0.5"}, "scale is '0.5'"),
        ({"scale": 1, "tile": "a"}, "tile is 'a'; give a whole number"),
        ({"scale": 1, "tile": 2.5}, r"tile is 2\.5"),
        ({"scale": 1, "tile": 2}, "2 pixels wide; give at least 4"),
        ({"scale": 1, "overlap": True}, "overlap is True"),
        ({"scale": 1, "tile": 10, "overlap": 50}, "50 pixels; give 2 to 5"),
        ({"device": "gpu"}, "no device 'gpu'; choose auto, cpu, cuda"),
        ({"dtype": "int3"}, "no type 'int3'; choose auto or one of float32"),
        ({"parts": ["x"]}, "parts cannot be a list"),
        ({"scale": 0.5, "detail": "fine"}, "detail is 'fine' and scale 0.5"),
        ({"parts": {"sam": "0"}}, "no part 'sam'"),
    ],
)
def test_what_cannot_run_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Recipe(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "napari-corrclip recipe 9"}, "not one of this version"),
        ({"model": "x"}, "unknown key 'model'"),
        ({"device": 3}, "'device' is 3; give text"),
        ({"preset": 3}, "'preset' is 3; give a preset's name"),
        ({"preset": {"name": "x"}}, "no 'clip'"),
        ({"scale": "0.5"}, "'scale' is '0.5'; give a number"),
        ({"scale": True}, "'scale' is True"),
        ({"tile": 0.5}, "'tile' is 0.5; give a whole number"),
        ({"settings": []}, r"'settings' is \[\]"),
        ({"settings": {"taus": 1}}, "Unknown setting 'taus'"),
        ({"region_options": 3}, "'region_options' is 3"),
        ({"region_options": {"__class__": 3}}, "no option '__class__'"),
        ({"parts": None}, "'parts' is None"),
        ({"regions": "voronoi", "region_options": None}, "no region source 'voronoi'"),
    ],
)
def test_a_strangers_document_is_looked_at(change: dict[str, Any], words: str) -> None:
    document = {**json.loads(Recipe().to_json()), **change}
    with pytest.raises(InputError, match=words):
        Recipe.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "{", "3", "[" * 5000, '{"format": NaN}'])
def test_text_that_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Recipe.from_json(text)


def test_a_recipe_is_read_from_text_alone() -> None:
    with pytest.raises(InputError, match="The recipe is a NoneType; give the text"):
        Recipe.from_json(None)  # type: ignore[arg-type]
