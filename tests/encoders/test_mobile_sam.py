"""MobileSAM: what its authors' own code computes with the same weights, and timm's own way of running it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from segment_anything import SamPredictor
from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from timm.models.tiny_vit import TinyVit
from torch import Tensor

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.encoders.mobile_sam import (
    TinyEncoder,
    build_mobile_sam,
    published_name,
    without_classifier,
)
from napari_corrclip.errors import WeightsError
from napari_corrclip.progress import Progress
from napari_corrclip.regions.sam import SamRegions
from napari_corrclip.weights.loading import load_sam
from napari_corrclip.weights.presets import MOBILE, SAMS, NetworkSpec
from tools import mobile_parity

SIDE = 128


def small_trunk() -> TinyVit:
    """A TinyVit of few channels, all its tensors far from what they are made as."""
    trunk = TinyVit(
        embed_dims=(8, 12, 16, 20),
        depths=(1, 1, 2, 1),
        num_heads=(1, 2, 4, 5),
        window_sizes=(7, 7, 14, 7),
        num_classes=0,
        drop_path_rate=0.0,
    )
    shapes = {name: tuple(tensor.shape) for name, tensor in trunk.state_dict().items()}
    trunk.load_state_dict(mobile_parity.random_state(shapes))
    return trunk.eval()


def small_sam() -> Sam:
    """A MobileSAM of 128 pixels and 16 channels."""
    cells = SIDE // 16
    sam = Sam(
        TinyEncoder(small_trunk(), img_size=SIDE, channels=16),
        PromptEncoder(16, (cells, cells), (SIDE, SIDE), mask_in_chans=4),
        MaskDecoder(
            transformer_dim=16,
            transformer=TwoWayTransformer(depth=2, embedding_dim=16, num_heads=2, mlp_dim=16),
        ),
    )
    shapes = {name: tuple(tensor.shape) for name, tensor in sam.state_dict().items()}
    sam.load_state_dict(mobile_parity.random_state(shapes))
    return sam.eval()


def with_spots(sam: Sam, image: NDArray[np.uint8]) -> Sam:
    """``sam`` whose masks are spots that differ from point to point."""
    with torch.no_grad():
        for mlp in sam.mask_decoder.output_hypernetworks_mlps:
            for layer in mlp.layers:
                layer.weight *= 10
    predictor = SamPredictor(sam)
    predictor.set_image(image)
    logits = [
        predictor.predict(np.array([point]), np.array([1]), return_logits=True)[0]
        for point in ((30, 40), (200, 90), (120, 220))
    ]
    sam.mask_threshold = float(np.quantile(logits, 0.9))
    return sam


def pixels(count: int = 1, side: int = SIDE) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights as MobileSAM's is published."""
    path = tmp_path_factory.mktemp("published") / "mobile_sam.pt"
    torch.save(mobile_parity.checkpoint(), path)
    return path


def test_it_computes_what_its_authors_code_computes(published: Path) -> None:
    """In its real shapes, from the published layout to features, logits of masks and scores."""
    expected = load_file(mobile_parity.GOLDEN)
    found = mobile_parity.kept(mobile_parity.ours(published))
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(
            found[name], tensor, rtol=0, atol=1e-4, msg=lambda m, n=name: n + m
        )
        assert tensor.std() > 0.3


def test_the_published_checkpoint_has_as_many_tensors_and_bytes_as_it_should(
    published: Path,
) -> None:
    state = torch.load(published, weights_only=True)
    assert len(state) == 439
    # The tensors, and a little for the pickle around them.
    assert 0 < SAMS[MOBILE].size - sum(tensor.nbytes for tensor in state.values()) < 200_000
    kept = without_classifier(state)
    ours = [published_name(name) for name in build_mobile_sam().state_dict()]
    assert sorted(ours) == sorted(kept)
    assert len(state) - len(kept) == 4


@pytest.mark.parametrize("side", [96, 128, 160])
def test_it_runs_as_timm_runs_it(side: int) -> None:
    """Windows that divide the grid of a stage and that do not; norms folded into their convolutions.

    In double precision: what is left then is a difference of the formulas, on every processor.
    """
    trunk = small_trunk().double()
    encoder = TinyEncoder(trunk, img_size=side, channels=8).eval().double()
    image = pixels(2, side).double()
    with torch.no_grad():
        expected = encoder.neck(trunk.stages(trunk.patch_embed(image)))
        found = encoder(image)
    assert found.shape == (2, 8, side // 16, side // 16)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


def test_the_pixels_and_the_weights_stay_as_they_are() -> None:
    encoder = TinyEncoder(small_trunk(), img_size=SIDE, channels=8).eval()
    image = pixels()
    before, state = image.clone(), {n: x.clone() for n, x in encoder.state_dict().items()}
    with torch.no_grad():
        first, again = encoder(image), encoder(image)
    assert torch.equal(first, again)
    assert torch.equal(image, before)
    assert all(torch.equal(x, state[name]) for name, x in encoder.state_dict().items())


def test_in_bfloat16_it_sees_about_the_same() -> None:
    encoder = TinyEncoder(small_trunk(), img_size=SIDE, channels=8).eval()
    with torch.no_grad():
        expected = encoder(pixels())
        found = encoder.to(torch.bfloat16)(pixels())
    assert found.dtype == torch.bfloat16
    alike = torch.nn.functional.cosine_similarity(
        found.float().flatten(), expected.flatten(), dim=0
    )
    assert alike > 0.99


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_regions_clicks_and_masks_are_found_with_it(dtype: str | None) -> None:
    image = generate_scene(3).image
    sam = with_spots(small_sam(), image)
    source = SamRegions(
        sam,
        points_per_side=4,
        iou_threshold=0,
        stability_threshold=0,
        nms_threshold=1,
        masks_per_point=3,
        dtype=dtype,
    )
    steps = source.partition(image)
    told: list[Progress] = []
    try:
        while True:
            told.append(next(steps))
    except StopIteration as stop:
        partition = stop.value
    assert partition.regions.shape == image.shape[:2]
    assert partition.regions.max() > 1
    assert [event.done for event in told] == list(range(told[-1].total + 1))
    assert all(before.total == after.total for before, after in pairwise(told))
    predictor = SamPredictor(sam.float())
    predictor.set_image(image)
    masks, scores, _ = predictor.predict(np.array([[70.0, 40.0]]), np.array([1]))
    expected = masks[scores.argmax()]
    found = source.click(partition.embedding, (40, 70), masks_per_point=3)
    assert 0 < expected.mean() < 1
    assert (found == expected).mean() > (0.999 if dtype is None else 0.9)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("without", r"vit_t: it has no 'image_encoder\.layers\.0\.downsample\.conv2\.c\.weight'"),
        ("too much", r"vit_t: 'image_encoder\.more' is no part of it"),
        ("our names", r"vit_t: it has no 'image_encoder\.patch_embed\.seq\.0\.c\.weight'"),
    ],
)
def test_another_checkpoint_is_refused_by_the_names_of_the_file(
    published: Path, tmp_path: Path, change: str, says: str
) -> None:
    state = torch.load(published, weights_only=True)
    name = "image_encoder.layers.0.downsample.conv2.c.weight"
    if change == "without":
        del state[name]
    elif change == "too much":
        state["image_encoder.more"] = torch.zeros(1)
    else:
        state = build_mobile_sam().state_dict()
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=says):
        load_sam(NetworkSpec.local("segment_anything", MOBILE, tmp_path / "other.pt"))
