"""Encoding, classifying and what goes between them, on the demo's networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

import napari_corrclip
from napari_corrclip.demo.networks import load_clip, load_tokenizer
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.encoders.clip import OpenClipEncoder
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.images import read_pixels
from napari_corrclip.progress import Progress
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.regions.painting import PAINTINGS
from napari_corrclip.regions.sam import SamRegions
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.settings import Settings, at_detail
from napari_corrclip.vocabulary import Vocabulary

WORDS = "red, blue, green\nbackground: grass, water"
SCENE = generate_scene(5)


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def loaded() -> Segmenter:
    return Segmenter.from_preset("demo", device="cpu", regions="superpixels")


@pytest.fixture
def segmenter(loaded: Segmenter) -> Segmenter:
    """The loaded networks put together anew, so that tests may change what they like."""
    return Segmenter(
        loaded.clip,
        loaded.similarity,
        loaded.regions,
        loaded.settings,
        templates=loaded.templates,
        preset=loaded.preset,
        networks=loaded.networks,
    )


@contextmanager
def passes(*networks: nn.Module) -> Iterator[list[str]]:
    """Collect the type of every module of ``networks`` that runs forward."""
    known = {id(module) for network in networks for module in network.modules()}
    found: list[str] = []

    def note(module: nn.Module, _: object) -> None:
        if id(module) in known:
            found.append(type(module).__name__)

    handle = register_module_forward_pre_hook(note)
    try:
        yield found
    finally:
        handle.remove()


def towers(segmenter: Segmenter) -> tuple[nn.Module, nn.Module]:
    return segmenter.clip.model.visual, segmenter.similarity.model  # type: ignore[attr-defined]


def test_the_public_call_gives_a_result() -> None:
    result = napari_corrclip.segment(SCENE.image, WORDS, device="cpu", regions="superpixels")
    assert result.labels.shape == (256, 256)
    assert result.labels.dtype == np.uint16
    assert result.regions.dtype == np.int32
    assert result.confidence.dtype == np.float16
    assert ((result.confidence >= 0) & (result.confidence <= 1)).all()
    assert set(np.unique(result.labels)) <= set(result.vocabulary.values)
    assert len(result.table) == len(np.unique(result.regions[result.regions > 0]))
    assert result.provenance.preset == "demo"
    assert [network.library for network in result.provenance.networks] == ["demo", "demo"]
    assert result.provenance.seconds.keys() == {"regions", "encode", "text", "classify"}
    for array in (result.labels, result.regions, result.confidence):
        assert not array.flags.writeable


def test_sam_is_the_default_and_loaded_only_then(loaded: Segmenter) -> None:
    assert loaded.regions.name == "superpixels"
    segmenter = Segmenter.from_preset("demo", device="cpu")
    assert isinstance(segmenter.regions, SamRegions)
    assert len(segmenter.networks) == 3
    result = segmenter.segment(SCENE.image, WORDS)
    assert result.provenance.regions["source"] == "sam"
    assert result.regions.max() > 0


def test_classifying_runs_no_image_tower_and_encoding_no_text(segmenter: Segmenter) -> None:
    with passes(*towers(segmenter)) as image_side, passes(segmenter.clip.model.transformer) as text:  # type: ignore[attr-defined]
        features = segmenter.encode(SCENE.image)
        assert image_side
        assert not text
        image_side.clear()
        segmenter.classify(features, WORDS)
        assert not image_side
        assert text
        text.clear()
        # All prompts are known now, so that no network runs at all.
        segmenter.classify(features, "green, red: blue")
        assert not image_side
        assert not text


def test_the_same_twice(segmenter: Segmenter) -> None:
    features = segmenter.encode(SCENE.image)
    again = segmenter.encode(SCENE.image)
    assert torch.equal(features.windows.features, again.windows.features)
    first, second = (segmenter.classify(features, WORDS) for _ in range(2))
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.confidence, second.confidence)
    assert first.table.equals(second.table)


def test_segment_is_encode_and_classify(segmenter: Segmenter) -> None:
    apart = segmenter.classify(segmenter.encode(SCENE.image), WORDS)
    np.testing.assert_array_equal(segmenter.segment(SCENE.image, WORDS).labels, apart.labels)


def test_the_batch_size_changes_nothing(segmenter: Segmenter) -> None:
    segmenter.settings = segmenter.settings.replace(window=64, stride=32)
    found = {}
    for size in (1, 3, 16):
        segmenter.settings = segmenter.settings.replace(batch_size=size)
        found[size] = segmenter.encode(SCENE.image).windows.features
    assert len(found[1]) == 9
    for size in (3, 16):
        torch.testing.assert_close(found[size], found[1], atol=1e-5, rtol=0)


def test_a_changed_vocabulary_keeps_the_values(segmenter: Segmenter) -> None:
    features = segmenter.encode(SCENE.image)
    words = Vocabulary.parse("red, blue, green, grass, water")
    before = segmenter.classify(features, words).labels
    after = segmenter.classify(features, words.reorder([4, 2, 0, 1, 3])).labels
    np.testing.assert_array_equal(after, before)
    less = words.remove("green").add("sand")
    labels = segmenter.classify(features, less).labels
    assert set(np.unique(labels)) <= {1, 2, 4, 5, 6}


def test_thresholds_give_background_or_nothing(segmenter: Segmenter) -> None:
    # So flat that no probability rounds to 1.
    segmenter.settings = segmenter.settings.replace(logit_scale=1.0)
    features = segmenter.encode(SCENE.image)
    sure = Vocabulary.parse("red, blue").with_threshold(1.0)
    assert not segmenter.classify(features, sure).labels.any()
    sure = Vocabulary.parse(WORDS).with_threshold(1.0)
    assert (segmenter.classify(features, sure).labels == 4).all()


def test_unknown_words_are_noted(loaded: Segmenter, segmenter: Segmenter) -> None:
    features = loaded.encode(SCENE.image)
    assert loaded.classify(features, WORDS).notes == ()
    (note,) = loaded.classify(features, "red, giraffe: tall Giraffe").notes
    assert "'tall', 'giraffe'" in note
    (note,) = loaded.classify(features, "🐈, red").notes
    assert "never saw '🐈' in training" in note
    # Networks of one's own say nothing: nobody knows what they have read.
    assert segmenter.classify(features, "giraffe").notes == ()


def test_unknown_words_of_a_template_are_noted_too(loaded: Segmenter) -> None:
    words = Vocabulary.parse("red").with_templates("a microscopy image of {}")
    (note,) = loaded.classify(loaded.encode(SCENE.image), words).notes
    assert "'microscopy', 'image'" in note


def test_the_painting_order_is_the_regions_and_kept_in_the_provenance() -> None:
    for order in PAINTINGS:
        segmenter = Segmenter.from_preset(
            "demo", device="cpu", region_options={"painting": order, "points_per_side": 2}
        )
        assert segmenter.regions.options.painting == order  # type: ignore[attr-defined]
        provenance = segmenter.segment(SCENE.image, WORDS).provenance
        assert provenance.regions["painting"] == order
        assert provenance.settings == segmenter.settings


def test_region_options_reach_the_source() -> None:
    numbers = []
    for side in (2, 8):
        result = napari_corrclip.segment(
            SCENE.image, WORDS, device="cpu", region_options={"points_per_side": side}
        )
        assert result.provenance.regions["points_per_side"] == side
        numbers.append(int(result.regions.max()))
    assert numbers[0] <= 4 < numbers[1]
    few, many = (
        napari_corrclip.segment(
            SCENE.image,
            WORDS,
            device="cpu",
            regions="superpixels",
            region_options={"n_segments": n},
        ).regions.max()
        for n in (10, 100)
    )
    assert few < 20 < many


@pytest.mark.parametrize(
    ("regions", "options", "words"),
    [
        ("sam", {"points": 4}, "SamRegions has no option 'points'; it takes dtype, iou_threshold"),
        ("sam", {"device": "cpu"}, "no option 'device'"),
        ("sam", {"sam": None}, "no option 'sam'"),
        ("sam", {"dtype": "float8"}, "no type 'float8'"),
        ("sam", {"points_per_side": "8"}, "points_per_side is '8'; give a whole number"),
        ("sam", {"iou_threshold": "high"}, "iou_threshold is 'high'; give a number from 0 to 1"),
        ("sam", {"painting": None}, "None is no painting order; choose small-on-top or"),
        ("sam", ["points_per_side"], "give names with values"),
        ("superpixels", {"points_per_side": 4}, "SuperpixelRegions has no option"),
        ("superpixels", {"n_segments": 0}, "n_segments is 0"),
        ("superpixels", {"compactness": "5"}, "compactness is '5'; give a number above 0"),
        ("superpixels", {"sigma": None}, "sigma is None; give a number of pixels"),
        ("superpixels", {"min_size": True}, "min_size is True; give a number from 0 to 1"),
        (SCENE.regions, {"points_per_side": 4}, "are of sam or superpixels; leave them out"),
        (SCENE.regions, ["points_per_side"], "are of sam or superpixels; leave them out"),
        ("voronoi", {"points_per_side": 4}, "no region source 'voronoi'"),
    ],
)
def test_wrong_region_options_are_one_sentence(
    regions: object, options: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("the towers were loaded")

    monkeypatch.setattr("napari_corrclip.weights.loading.load_clip", loaded)
    for make in (
        partial(napari_corrclip.segment, SCENE.image, WORDS),
        partial(Segmenter.from_preset, "demo"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            make(device="cpu", regions=regions, region_options=options)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ("voronoi", "no region source 'voronoi'"),
        ([[1, 2]], "cannot come from a list"),
        (torch.ones(2, 2), "cannot come from a Tensor"),
        (np.ones((2, 2)), "float64"),
    ],
)
def test_regions_from_nowhere_are_refused(regions: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Segmenter.from_preset("demo", regions=regions)  # type: ignore[arg-type]


def test_a_source_of_ones_own_is_looked_at(segmenter: Segmenter) -> None:
    class Far:
        name = "far"

        def segment(self, image: np.ndarray) -> Iterator[Progress]:
            yield Progress("regions", 1, 1)
            return np.full(image.shape[:2], 2**32 + 5)

        def describe(self) -> dict[str, str]:
            return {"source": self.name}

    segmenter.regions = Far()
    with pytest.raises(InputError, match="4294967301"):
        segmenter.encode(SCENE.image)


def test_switching_correction_off_is_a_matter_of_classifying(segmenter: Segmenter) -> None:
    segmenter.regions = GivenRegions(np.ones((256, 256), np.uint8))
    features = segmenter.encode(SCENE.image)
    corrected = segmenter.classify(features, WORDS)
    assert len(np.unique(corrected.labels)) == 1
    segmenter.settings = segmenter.settings.replace(correction=False)
    plain = segmenter.classify(features, WORDS)
    np.testing.assert_array_equal(plain.labels, corrected.pixel_labels)
    assert plain.provenance.settings is not None
    assert not plain.provenance.settings.correction


def test_every_stage_of_the_ablation_runs(segmenter: Segmenter) -> None:
    full = segmenter.settings
    for stage in ("base", "scope", "value", "refinement", "full"):
        segmenter.settings = Settings.ablation(stage, full)
        assert segmenter.segment(SCENE.image, WORDS).labels.any()


# -- size


@pytest.mark.parametrize(
    ("detail", "shape", "windows"),
    [
        ("standard", (256, 256), 1),
        ("standard", (256, 512), 3),
        ("fine", (256, 256), 9),
        ("native", (256, 320), 12),
        ("native", (20, 20), 1),
    ],
)
def test_windows_are_known_before_anything_runs(
    detail: str, shape: tuple[int, int], windows: int, segmenter: Segmenter
) -> None:
    segmenter.settings = at_detail(segmenter.settings, detail)  # type: ignore[arg-type]
    with passes(*towers(segmenter)) as ran:
        layout = segmenter.plan(shape)
        assert len(layout) == windows
        assert not ran
    image = np.resize(SCENE.image, (*shape, 3))
    features = segmenter.encode(image)
    assert features.windows.layout == layout
    assert features.shape == shape
    assert segmenter.classify(features, WORDS).labels.shape == shape


@pytest.mark.parametrize(
    "shape", [(256, 256, 3), (256,), (0, 256), (256, -1), (25.6, 256), ("256", "256"), 256, None]
)
def test_no_windows_are_planned_for_what_is_no_size(shape: object, segmenter: Segmenter) -> None:
    with pytest.raises(InputError, match=r"give \(rows, columns\), two whole numbers") as caught:
        segmenter.plan(shape)  # type: ignore[arg-type]
    assert repr(shape) in str(caught.value)


def test_windows_are_planned_for_sizes_in_any_integers(segmenter: Segmenter) -> None:
    expected = segmenter.plan((256, 300))
    assert segmenter.plan([256, 300]) == expected  # type: ignore[arg-type]
    assert segmenter.plan((np.int64(256), np.uint16(300))) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        (
            "clip",
            "ViT-B-16",
            "clip cannot be 'ViT-B-16'; give an OpenClipEncoder, or load a preset",
        ),
        ("clip", load_clip(), "clip cannot be a CLIP;"),
        ("similarity", None, "similarity cannot be None; give a TimmSimilarityEncoder"),
        ("regions", None, "regions cannot be None; give SamRegions"),
        ("regions", "sam", "regions cannot be 'sam';"),
        ("regions", SCENE.regions, r"regions cannot be a ndarray; .* GivenRegions\(array\)"),
        ("regions", SuperpixelRegions, "regions cannot be the class SuperpixelRegions itself"),
        ("settings", {"tau": 1}, "settings cannot be a dict;"),
        ("text_cache", "folder", "text_cache cannot be 'folder'; give a TextCache"),
        ("templates", "a photo", "holds {} 0 times"),
        ("templates", None, "Templates are None"),
    ],
)
def test_parts_that_are_something_else_are_one_sentence(
    part: str, value: object, words: str, segmenter: Segmenter
) -> None:
    parts: dict[str, object] = {
        name: getattr(segmenter, name) for name in ("clip", "similarity", "regions")
    }
    with pytest.raises(InputError, match=words) as caught:
        Segmenter(**{**parts, part: value})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_towers_in_each_others_place_are_told(segmenter: Segmenter) -> None:
    with pytest.raises(InputError, match="clip cannot be a TimmSimilarityEncoder"):
        Segmenter(segmenter.similarity, segmenter.clip, segmenter.regions)  # type: ignore[arg-type]


def test_settings_of_another_kind_are_told_before_anything_is_loaded() -> None:
    for detail in ("standard", "fine"):
        with pytest.raises(InputError, match="settings cannot be a dict"):
            Segmenter.from_preset("demo", settings={"tau": 1}, detail=detail)  # type: ignore[arg-type]


def test_detail_keeps_what_the_settings_say() -> None:
    settings = Settings(short_side=1500, tau=0.5)
    assert at_detail(settings, "standard") is settings
    fine = at_detail(settings, "fine")
    assert (fine.short_side, fine.long_side, fine.tau) == (3000, 3000, 0.5)
    assert at_detail(settings, "native").short_side is None
    assert at_detail(settings.replace(short_side=None), "fine").short_side is None
    with pytest.raises(InputError, match="choose one of standard, fine, native"):
        at_detail(settings, "coarse")  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (9, 40)])
def test_tiny_and_thin_images(shape: tuple[int, int], segmenter: Segmenter) -> None:
    result = segmenter.segment(np.resize(SCENE.image, (*shape, 3)), WORDS)
    assert result.labels.shape == shape


# -- images and regions


def test_images_come_as_arrays_or_files(segmenter: Segmenter, tmp_path: object) -> None:
    from PIL import Image

    path = f"{tmp_path}/scene.png"
    Image.fromarray(SCENE.image).save(path)
    np.testing.assert_array_equal(read_pixels(path).rgb, SCENE.image)
    gray = SCENE.image[..., 0]
    assert read_pixels(gray).rgb.shape == (256, 256, 3)
    assert segmenter.segment(gray.astype(np.float32), WORDS).labels.shape == (256, 256)


def test_given_regions_are_kept_as_they_are(segmenter: Segmenter) -> None:
    ids = np.where(SCENE.regions == 1, 0, SCENE.regions * 1000)
    segmenter.regions = GivenRegions(ids)
    result = segmenter.segment(SCENE.image, WORDS)
    np.testing.assert_array_equal(result.regions, ids)
    assert list(result.table["id"]) == sorted(set(ids[ids > 0].tolist()))
    for region, value in zip(result.table["id"], result.table["value"], strict=True):
        assert set(np.unique(result.labels[ids == region])) == {value}
    assert result.provenance.regions["source"] == "given"


def test_an_image_without_any_region(segmenter: Segmenter) -> None:
    segmenter.regions = GivenRegions(np.zeros((256, 256), np.uint8))
    result = segmenter.segment(SCENE.image, WORDS)
    assert len(result.table) == 0
    np.testing.assert_array_equal(result.labels, result.pixel_labels)


def test_a_region_array_through_the_one_call() -> None:
    result = napari_corrclip.segment(SCENE.image, WORDS, device="cpu", regions=SCENE.regions)
    np.testing.assert_array_equal(result.regions, SCENE.regions)


# -- progress and cancellation


def test_progress_goes_through_all_stages_and_ends_complete(segmenter: Segmenter) -> None:
    last: dict[str, Progress] = {}
    for event in segmenter.segment_steps(SCENE.image, WORDS):
        assert 0 <= event.done <= event.total
        if event.stage in last:
            assert event.done >= last[event.stage].done
        last[event.stage] = event
    assert list(last) == ["regions", "windows", "text", "classify"]
    assert all(event.done == event.total for event in last.values())
    blocks = segmenter.clip.blocks + segmenter.similarity.blocks
    assert last["windows"].total == blocks


@pytest.mark.parametrize("stop", ["windows", "text"])
def test_cancelling_between_blocks_stops_the_networks(stop: str, segmenter: Segmenter) -> None:
    segmenter.settings = segmenter.settings.replace(window=64, stride=32, batch_size=2)
    expected = segmenter.segment(SCENE.image, "red, white cross").labels
    segmenter.text_cache = type(segmenter.text_cache)(None)
    with passes(*towers(segmenter), segmenter.clip.model) as ran:  # type: ignore[attr-defined]
        steps = segmenter.segment_steps(SCENE.image, "red, white cross")
        seen = 0
        for event in steps:
            seen += event.stage == stop
            if seen and event.done >= min(4, event.total):
                break
        ran.clear()
        steps.close()
        assert not ran
        with pytest.raises(StopIteration) as stopped:
            next(steps)
        assert stopped.value.value is None
    # Nothing is left behind that would change the next run.
    labels = segmenter.segment(SCENE.image, "red, white cross").labels
    np.testing.assert_array_equal(labels, expected)
    assert torch.is_grad_enabled()


def test_between_two_steps_at_most_one_block_runs(segmenter: Segmenter) -> None:
    blocks = [
        *segmenter.clip.model.visual.transformer.resblocks,  # type: ignore[attr-defined]
        *(block.mlp.fc2 for block in segmenter.similarity.model.blocks),  # type: ignore[attr-defined]
    ]
    ran: list[int] = []
    handles = [block.register_forward_hook(lambda *_: ran.append(1)) for block in blocks]
    try:
        for event in segmenter.encode_steps(SCENE.image):
            assert len(ran) <= 1, event
            ran.clear()
    finally:
        for handle in handles:
            handle.remove()


# -- parts that do not fit, types


def test_features_of_another_clip_are_refused(segmenter: Segmenter) -> None:
    features = segmenter.encode(SCENE.image)
    model = load_clip()
    with torch.no_grad():
        model.visual.proj[0, 0] += 1
    for dtype in (torch.float32, torch.bfloat16):
        clip = OpenClipEncoder(model, load_tokenizer(), name="another", dtype=dtype)
        other = Segmenter(clip, segmenter.similarity, segmenter.regions)
        with pytest.raises(
            InputError, match=r"another CLIP than 'another'; encode the image again"
        ):
            other.classify(features, WORDS)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_features_of_half_precision_are_classified_in_single(dtype: str, loaded: Segmenter) -> None:
    half = Segmenter.from_preset("demo", device="cpu", dtype=dtype, regions="superpixels")
    assert half.clip.dtype != loaded.clip.dtype
    for one, other in ((half, loaded), (loaded, half)):
        features = one.encode(SCENE.image)
        labels = other.classify(features, WORDS).labels
        assert (labels == one.classify(features, WORDS).labels).mean() >= 0.99
        assert (labels == loaded.segment(SCENE.image, WORDS).labels).mean() >= 0.99


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_on_the_cpu(dtype: str, loaded: Segmenter) -> None:
    exact = loaded.segment(SCENE.image, WORDS)
    half = Segmenter.from_preset("demo", device="cpu", dtype=dtype, regions="superpixels")
    result = half.segment(SCENE.image, WORDS)
    assert result.provenance.dtype == dtype
    assert np.isfinite(result.confidence).all()
    assert (result.pixel_labels == exact.pixel_labels).mean() > 0.9


# -- layers


def test_layers_of_a_result_open_in_napari(loaded: Segmenter) -> None:
    from napari.layers import Labels, Layer

    result = loaded.segment(SCENE.image, WORDS)
    layers = [Layer.create(*one) for one in result.to_layers(scale=(0.5, 0.5))]
    labels, regions = layers
    assert isinstance(labels, Labels)
    np.testing.assert_array_equal(labels.data, result.labels)
    np.testing.assert_array_equal(regions.data, result.regions)
    assert tuple(labels.scale) == (0.5, 0.5)
    for value, color in result.vocabulary.colors.items():
        np.testing.assert_allclose(labels.get_color(value)[:3], np.array(color) / 255, atol=1e-3)
