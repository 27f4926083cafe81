"""Stitched attention in the whole method, over small random towers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine import encoding, stitching, windows
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.progress import finish
from napari_corrclip.settings import Settings
from tests import reference
from tests.towers import random_towers

CLIP, DINO = random_towers(0)
SMALL = Settings(short_side=None, window=112, stride=56, stitched=True)
SIMILARITIES = ["dino-qk", "dino-xx", "clip-qk", "clip-qq", "uniform"]


def _scene(seed: int, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    rng = np.random.default_rng(seed)
    regions = reference.patchwork(rng, shape, 5)
    colours = rng.integers(0, 256, size=(6, 3))
    noise = rng.integers(-20, 20, size=(*shape, 3))
    return np.clip(colours[regions] + noise, 0, 255).astype(np.uint8), regions


def _cells(shape: tuple[int, int], settings: Settings, seed: int = 0) -> torch.Tensor:
    image, regions = _scene(seed, shape)
    return finish(stitching.encode_image(image, regions, CLIP, DINO, settings)).features


@pytest.mark.parametrize("rule", ["cross", "closed"])
@pytest.mark.parametrize("shape", [(112, 112), (90, 100)])  # the second is padded
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_an_image_of_a_single_window_is_as_without(
    rule: Any, shape: tuple[int, int], similarity: Any
) -> None:
    settings = SMALL.replace(unsegmented=rule, similarity=similarity)
    torch.testing.assert_close(
        _cells(shape, settings), _cells(shape, settings.replace(stitched=False)), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"similarity": "dino-xx"},
        {"similarity": "clip-qk"},
        {"merging": False},
        {"spatial": False, "semantic": False},
        {"windows": "shared"},
        {"value": False},
    ],
)
def test_windows_see_one_another_and_the_batch_size_changes_nothing(
    changes: dict[str, Any],
) -> None:
    settings = SMALL.replace(**changes)
    one = _cells((120, 170), settings.replace(batch_size=1))
    assert one.shape == (6, 14, 14, 16)
    assert one.isfinite().all()
    many = _cells((120, 170), settings.replace(batch_size=4))
    torch.testing.assert_close(many, one, rtol=0, atol=1e-5)
    apart = _cells((120, 170), settings.replace(stitched=False))
    assert (one - apart).abs().max() > 1e-3


def test_a_window_answers_to_what_only_another_one_shows() -> None:
    """The last columns are in the last windows alone; under one region the first ones see them too."""
    image, _ = _scene(1, (112, 224))
    changed = image.copy()
    changed[:, 200:] = 255 - changed[:, 200:]
    regions = np.ones(image.shape[:2], np.int32)
    first = []
    for settings in (SMALL, SMALL.replace(stitched=False)):
        two = [
            finish(stitching.encode_image(pixels, regions, CLIP, DINO, settings)).features[0]
            for pixels in (image, changed)
        ]
        first.append(float((two[0] - two[1]).abs().max()))
    assert first[0] > 1e-4
    assert first[1] == 0


@torch.no_grad()
def test_two_windows_equal_the_plain_equations() -> None:
    """Main branch alone, every region one: Attn over the cells of both windows, w = 1 / covers."""
    image, _ = _scene(2, (112, 168))
    regions = np.ones(image.shape[:2], np.int32)
    settings = SMALL.replace(spatial=False, semantic=False, merging=False)
    ours = finish(stitching.encode_image(image, regions, CLIP, DINO, settings)).features

    layout = windows.plan((112, 168), settings, (16, 8))
    pixels = windows.prepare_image(image, layout.size, CLIP.mean, CLIP.std)
    batch = windows.cut(pixels, layout.boxes, layout.padding)
    seen = finish(
        DINO.features(windows.renormalise(batch, CLIP.mean, CLIP.std, DINO.mean, DINO.std))
    ).query_key
    values = finish(CLIP.last_block(batch, spatial=False)).values[:, 1:]
    cells = torch.cat([reference.to_grid(one, (7, 7), (14, 14)) for one in values])
    # Columns of 8 pixels; the windows begin at 0 and 56 and share 56 to 112.
    place = torch.cat([(torch.arange(196) % 14) * 8 + 4, (torch.arange(196) % 14) * 8 + 60])
    weight = torch.where((place > 56) & (place < 112), 0.5, 1.0)
    flat = seen.flatten(0, 2)
    shares = weight * torch.exp(flat @ flat.T / settings.tau)
    attended = (shares / shares.sum(dim=1, keepdim=True)) @ cells
    visual = CLIP.visual
    block = visual.transformer.resblocks[-1]
    plain = visual.ln_post(block.attn.out_proj(attended)) @ visual.proj
    plain = torch.nn.functional.normalize(plain, dim=-1)
    torch.testing.assert_close(ours.flatten(0, 2), plain, rtol=1e-4, atol=1e-4)


def test_how_often_a_place_is_shown_is_counted() -> None:
    layout = windows.plan((150, 300), SMALL, (16, 8))
    counts = stitching.cover_counts(layout, (14, 14))
    cover = windows.cover_count(layout)
    for number, (top, left, _, _) in enumerate(layout.boxes):
        for row, column in ((0, 0), (3, 9), (13, 13)):
            expected = cover[top + row * 8 + 4, left + column * 8 + 4]
            assert counts[number, row, column] == expected
    assert counts.max() >= 4


def test_what_lies_beyond_all_windows_counts_once() -> None:
    layout = windows.plan((60, 60), SMALL, (16, 8))
    assert layout.padded == (112, 112)
    assert (stitching.cover_counts(layout, (14, 14)) == 1).all()


def test_every_block_and_every_window_yields() -> None:
    image, regions = _scene(0, (120, 170))
    steps = stitching.encode_image(image, regions, CLIP, DINO, SMALL.replace(batch_size=4))
    events = []
    try:
        while True:
            events.append(next(steps))
    except StopIteration:
        pass
    # Two batches through both towers, then six windows.
    assert [event.done for event in events] == list(range(2 * (DINO.blocks + CLIP.blocks) + 7))
    assert {event.total for event in events} == {len(events) - 1}


def test_it_can_be_cancelled_while_windows_attend() -> None:
    image, regions = _scene(0, (120, 170))
    steps = stitching.encode_image(image, regions, CLIP, DINO, SMALL)
    for event in steps:
        if event.done == event.total - 3:
            break
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_what_the_similarity_tower_says_of_regions_is_as_without() -> None:
    image, regions = _scene(4, (120, 170))
    both = [
        finish(
            stitching.encode_image(
                image, regions, CLIP, DINO, SMALL.replace(stitched=on), similarity_means=True
            )
        ).similarity_means
        for on in (True, False)
    ]
    assert both[0] is not None
    torch.testing.assert_close(both[0], both[1])


def test_too_many_cells_are_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stitching, "MAX_CELLS", 500)
    image, regions = _scene(0, (120, 170))
    steps = stitching.encode_image(image, regions, CLIP, DINO, SMALL)
    with pytest.raises(InputError, match=r"6 windows with 1176 cells.*at most 500.*stitched"):
        next(steps)
    assert _cells((90, 100), SMALL).shape[0] == 1  # 196 cells


def test_without_a_scope_there_is_nothing_to_stitch() -> None:
    settings = Settings.ablation("base", SMALL)
    assert torch.equal(
        _cells((120, 170), settings), _cells((120, 170), settings.replace(stitched=False))
    )


def test_one_by_one_is_not_silently_done_instead() -> None:
    image, regions = _scene(0, (90, 100))
    with pytest.raises(ValueError, match="attend to one another"):
        next(encoding.encode_image(image, regions, CLIP, DINO, SMALL))


def test_the_segmenter_stitches_where_the_settings_say_so() -> None:
    """The demo at twice its detail, nine windows; its result says by which settings it was made."""
    scene = generate_scene(3_000_000)
    segmenter = Segmenter.from_preset("demo", regions=scene.regions, detail="fine")
    assert len(segmenter.plan(scene.image.shape[:2])) == 9
    apart = segmenter.encode(scene.image)
    segmenter.settings = segmenter.settings.replace(stitched=True)
    stitched = segmenter.encode(scene.image)
    assert (stitched.windows.features - apart.windows.features).abs().max() > 1e-2
    words = ", ".join(f"{item.color} {item.shape}" for item in scene.objects if item.color)
    result = segmenter.classify(stitched, words)
    assert result.provenance.settings is not None
    assert result.provenance.settings.stitched
