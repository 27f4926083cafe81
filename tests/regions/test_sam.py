"""SAM as it is run here says what segment-anything's own generator and predictor say."""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from segment_anything import SamAutomaticMaskGenerator, SamPredictor
from segment_anything.modeling import Sam

from napari_corrclip.demo.networks import build_sam
from napari_corrclip.errors import InputError
from napari_corrclip.progress import finish
from napari_corrclip.regions import RegionSource, SamEmbedding, SamRegions, paint
from napari_corrclip.regions.sam import source as module
from tools.train_demo.sam import initialise

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
ANYTHING = {"iou_threshold": 0.0, "stability_threshold": 0.0}  # 0 lets every mask pass


@pytest.fixture(scope="module")
def sam() -> Sam:
    """An untrained SAM of the demo's size whose masks are spots that differ from point to point."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = build_sam().eval()
        initialise(network)
    with torch.no_grad():
        for mlp in network.mask_decoder.output_hypernetworks_mlps:
            for layer in mlp.layers:
                layer.weight *= 10
    predictor = SamPredictor(network)
    predictor.set_image(IMAGE)
    logits = [
        predictor.predict(np.array([point]), np.array([1]), return_logits=True)[0]
        for point in ((7, 5), (40, 10), (20, 30))
    ]
    network.mask_threshold = float(np.quantile(logits, 0.99))
    return network


def test_it_is_a_region_source(sam: Sam) -> None:
    assert isinstance(SamRegions(sam), RegionSource)


def test_the_default_is_the_published_fast_setting(sam: Sam) -> None:
    told = SamRegions(sam).describe()
    assert {key: told[key] for key in told if key != "network"} == {
        "source": "sam",
        "points_per_side": 8,
        "iou_threshold": 0.4,
        "stability_threshold": 0.4,
        "masks_per_point": 1,
        "min_area": 0,
        "nms_threshold": 0.7,
        "painting": "small-on-top",
    }


def test_another_network_is_told_apart(sam: Sam) -> None:
    other = copy.deepcopy(sam)
    with torch.no_grad():
        other.mask_decoder.iou_token.weight += 1
    assert SamRegions(sam).describe()["network"] == SamRegions(sam).describe()["network"]
    assert SamRegions(sam).describe()["network"] != SamRegions(other).describe()["network"]


@pytest.mark.parametrize("points_at_once", [64, 5])
@pytest.mark.parametrize("painting", ["small-on-top", "large-on-top"])
def test_three_masks_a_point_are_those_of_the_stock_generator(
    sam: Sam, monkeypatch: pytest.MonkeyPatch, points_at_once: int, painting: str
) -> None:
    monkeypatch.setattr(module, "_POINTS_AT_ONCE", {"cpu": points_at_once})
    stock = SamAutomaticMaskGenerator(
        sam, points_per_side=4, pred_iou_thresh=0.0, stability_score_thresh=0.3, box_nms_thresh=0.9
    )
    masks = [record["segmentation"] for record in stock.generate(IMAGE) if record["area"]]
    assert len(masks) > 9
    source = SamRegions(
        sam,
        points_per_side=4,
        iou_threshold=0.0,
        stability_threshold=0.3,
        nms_threshold=0.9,
        masks_per_point=3,
        painting=painting,  # type: ignore[arg-type]
    )
    regions = finish(source.segment(IMAGE))
    np.testing.assert_array_equal(regions, paint(masks, painting))  # type: ignore[arg-type]
    assert regions.dtype == np.int32
    assert regions.max() > 5


def test_one_mask_a_point_is_the_predictors_single_mask(sam: Sam) -> None:
    source = SamRegions(sam, points_per_side=1, **ANYTHING)  # type: ignore[arg-type]
    regions = finish(source.segment(IMAGE))
    predictor = SamPredictor(sam)
    predictor.set_image(IMAGE)
    center = np.array([[IMAGE.shape[1] / 2, IMAGE.shape[0] / 2]])
    masks, _, _ = predictor.predict(center, np.array([1]), multimask_output=False)
    assert 0 < masks[0].sum() < masks[0].size
    np.testing.assert_array_equal(regions > 0, masks[0])


def test_the_encoder_in_pieces_gives_the_whole_encoders_embedding(sam: Sam) -> None:
    embedding = finish(SamRegions(sam).encode(IMAGE))
    predictor = SamPredictor(sam)
    predictor.set_image(IMAGE)
    torch.testing.assert_close(embedding.features, predictor.get_image_embedding())
    assert embedding.image_size == (40, 56)
    assert not embedding.features.requires_grad


def test_it_yields_between_the_blocks_and_can_be_closed_there(sam: Sam) -> None:
    source = SamRegions(sam, points_per_side=3)
    ran: list[int] = []
    hooks = [
        block.mlp.lin2.register_forward_hook(lambda *_, index=index: ran.append(index))
        for index, block in enumerate(sam.image_encoder.blocks)
    ]
    try:
        steps = source.segment(IMAGE)
        assert next(steps).done == 0
        assert ran == []
        assert next(steps).done == 1
        assert ran == [0]
        # the mode belongs to the thread and must not leak out of the generator
        assert torch.is_grad_enabled()
        steps.close()
        assert ran == [0]
        events = list(source.segment(IMAGE))
    finally:
        for hook in hooks:
            hook.remove()
    total = len(sam.image_encoder.blocks) + 2
    assert [event.done for event in events] == list(range(total + 1))
    assert {(event.stage, event.total) for event in events} == {("regions", total)}


def test_the_generator_encodes_nothing_again(sam: Sam) -> None:
    source = SamRegions(sam, points_per_side=4)
    ran = []
    hook = sam.image_encoder.blocks[0].mlp.lin2.register_forward_hook(lambda *_: ran.append(1))
    try:
        embedding = finish(source.partition(IMAGE)).embedding
        assert embedding is not None
        finish(source.divide(embedding))
        source.click(embedding, (3, 4))
    finally:
        hook.remove()
    assert ran == [1]


def test_a_kept_embedding_divides_and_clicks_as_before(sam: Sam) -> None:
    source = SamRegions(sam, points_per_side=4, **ANYTHING)  # type: ignore[arg-type]
    regions = finish(source.segment(IMAGE))
    embedding = finish(source.partition(IMAGE)).embedding
    assert embedding is not None
    again = SamEmbedding.from_parts(*embedding.to_parts())
    np.testing.assert_array_equal(finish(source.divide(again)), regions)
    np.testing.assert_array_equal(source.click(again, (9, 5)), source.click(embedding, (9, 5)))


@pytest.mark.parametrize("masks", [1, 3])
def test_a_click_is_the_stock_predictors(sam: Sam, masks: int) -> None:
    source = SamRegions(sam)
    embedding = finish(source.encode(IMAGE))
    predictor = SamPredictor(sam)
    predictor.set_image(IMAGE)
    points = np.array([[10, 30], [25, 8]])
    expected, scores, _ = predictor.predict(
        points[:, ::-1], np.array([1, 0]), multimask_output=masks == 3
    )
    mask = source.click(embedding, points, [True, False], masks_per_point=masks)  # type: ignore[arg-type]
    assert mask.shape == (40, 56)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, expected[scores.argmax()])


def test_small_masks_are_dropped(sam: Sam) -> None:
    options = {"points_per_side": 4, "masks_per_point": 3, **ANYTHING}
    every = SamRegions(sam, painting="large-on-top", **options)  # type: ignore[arg-type]
    large = SamRegions(sam, painting="large-on-top", min_area=20, **options)  # type: ignore[arg-type]
    found = finish(every.partition(IMAGE))
    regions, embedding = found.regions, found.embedding
    assert embedding is not None
    fewer = finish(large.divide(embedding))
    assert fewer.max() < regions.max()
    # the largest mask is on top, so that its whole area is seen
    assert np.bincount(fewer.ravel())[1] >= 20


def test_where_no_mask_stays_everything_is_unsegmented(sam: Sam) -> None:
    source = SamRegions(sam, points_per_side=2, iou_threshold=1.0)
    assert not finish(source.segment(IMAGE)).any()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (300, 7)])
def test_images_of_any_size_are_divided(sam: Sam, size: tuple[int, int]) -> None:
    source = SamRegions(sam, points_per_side=2, **ANYTHING)  # type: ignore[arg-type]
    assert finish(source.segment(np.full((*size, 3), 9, np.uint8))).shape == size


def test_the_encoder_may_run_in_a_smaller_type(sam: Sam) -> None:
    half = SamRegions(copy.deepcopy(sam), dtype=torch.bfloat16, **ANYTHING)  # type: ignore[arg-type]
    embedding = finish(half.encode(IMAGE))
    assert embedding.features.dtype == torch.float32
    exact = finish(SamRegions(sam).encode(IMAGE)).features
    assert 0 < (embedding.features - exact).abs().mean() < 0.1 * exact.abs().mean()
    assert half.click(embedding, (3, 3)).shape == (40, 56)


def test_a_network_given_in_float16_still_takes_points(sam: Sam) -> None:
    source = SamRegions(copy.deepcopy(sam).bfloat16())
    assert source.click(finish(source.encode(IMAGE)), (3, 3)).shape == (40, 56)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points_per_side": 0}, "points_per_side is 0"),
        ({"points_per_side": 1001}, "points_per_side is 1001; give a whole number from 1 to 1000"),
        ({"iou_threshold": 1.5}, "iou_threshold is 1.5"),
        ({"stability_threshold": -0.1}, "stability_threshold is -0.1"),
        ({"nms_threshold": float("nan")}, "nms_threshold is nan"),
        ({"masks_per_point": 2}, "masks_per_point is 2; choose 1 or 3"),
        ({"min_area": -4}, "min_area is -4"),
        ({"painting": "random"}, "'random' is no painting order"),
    ],
)
def test_useless_settings_are_refused(sam: Sam, options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SamRegions(sam, **options)  # type: ignore[arg-type]


def test_what_cannot_be_seen_or_clicked_is_refused(sam: Sam) -> None:
    source = SamRegions(sam)
    with pytest.raises(InputError, match="too elongated"):
        finish(source.encode(np.zeros((1, 600, 3), np.uint8)))
    embedding = finish(source.encode(IMAGE))
    for points in ([(40, 0)], [(-1, 0)], [], [(1, 2, 3)], (float("nan"), 2)):
        with pytest.raises(InputError, match="inside the image"):
            source.click(embedding, points)
    with pytest.raises(InputError, match="1 points and 2 labels"):
        source.click(embedding, (1, 1), [True, False])
    wrong = replace(embedding, features=embedding.features[:, :5])
    with pytest.raises(InputError, match="encode the image with this SAM"):
        source.click(wrong, (1, 1))
    for other in (wrong, replace(embedding, network="another")):
        with pytest.raises(InputError, match="encode the image with this SAM"):
            finish(source.divide(other))
    tensors, rest = embedding.to_parts()
    for parts in [
        ({}, "{}"),
        ({}, rest),
        (tensors, "[]"),
        (tensors, '{"image_size": ["8", 8]}'),
        (tensors, '{"image_size": [8.5, 8]}'),
        (tensors, '{"image_size": [40, 56]}'),
        (tensors, '{"image_size": [40, 56], "network": 3}'),
        ({"features": tensors["features"][0]}, rest),
    ]:
        with pytest.raises(InputError, match="no embedding"):
            SamEmbedding.from_parts(*parts)
    for text, said in [
        ("[" * 400 + "]" * 400, "levels"),
        ('{"image_size": [1e999, 1]}', "finite"),
        ("{", "valid"),
    ]:
        with pytest.raises(InputError, match=said):
            SamEmbedding.from_parts(tensors, text)


def test_every_setting_is_told(sam: Sam) -> None:
    told = set(SamRegions(sam).describe())
    asked = set(inspect.signature(SamRegions).parameters) - {"sam", "device", "dtype"}
    assert asked <= told
