"""The training's parts on a handful of scenes: truthful captions, and losses that fall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_corrclip.demo import networks
from napari_corrclip.demo.scenes import TRAIN_SEED
from napari_corrclip.demo.world import COLORS, GROUNDS, HELD_OUT, KNOWN_WORDS, SHAPES, TEXTURES
from napari_corrclip.encoders.clip import OpenClipEncoder
from tools.train_demo import clip, sam, similarity
from tools.train_demo.captions import make_bank, targets
from tools.train_demo.pack import pack
from tools.train_demo.pool import Pool, make_pool


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return make_pool(tmp_path_factory.mktemp("pool"), TRAIN_SEED, 8, "seen", 0.5, workers=1)


def test_no_caption_names_a_held_out_combination() -> None:
    bank = make_bank()
    assert len(set(bank.captions)) == len(bank.captions)
    for caption in bank.captions:
        words = set(caption.split())
        assert words <= KNOWN_WORDS
        assert not any({color, shape} <= words for color, shape in HELD_OUT)


def test_every_target_is_a_caption_that_is_true_of_its_region(pool: Pool) -> None:
    bank = make_bank()
    attributes = pool.attributes.reshape(-1, 4)
    attributes = attributes[(attributes >= 0).any(1)]
    for level in bank.levels:
        for row, target in zip(attributes, targets(level, attributes).tolist(), strict=True):
            color, shape, texture, ground = row.tolist()
            if target < 0:
                assert (color < 0, level.uses[0]) == (True, True)
                continue
            said = bank.captions[int(level.rows[target])].split()
            if ground >= 0:
                assert said == [GROUNDS[ground]]
                continue
            true = {TEXTURES[texture], SHAPES[shape]} | ({COLORS[color]} if color >= 0 else set())
            assert set(said) <= true
            assert len(said) == sum(level.uses)


def test_the_training_sees_what_the_encoder_computes(pool: Pool) -> None:
    """The training's own forward pass pools the same features that the tower's front end gives."""
    model = networks.load_clip()
    encoder = OpenClipEncoder(model, networks.load_tokenizer(), name="demo")
    names = ("red circle", "striped green star", "grass")
    ours = clip.Texts(names)
    with torch.no_grad():
        for row, template in enumerate(networks.TEMPLATES):
            expected = encoder.encode_prompts([template.format(name) for name in names])
            torch.testing.assert_close(
                ours.encode(model, ours.ids[:, row]), expected, atol=1e-5, rtol=0
            )
        pixels = clip.normalise(pool.images[:1])
        whole = clip.run_crops(model.visual, pixels, torch.arange(256)[None])
        torch.testing.assert_close(
            whole, torch.nn.functional.normalize(model.visual(pixels), dim=-1), atol=1e-5, rtol=0
        )


def test_clip_loss_falls_on_a_few_scenes(pool: Pool) -> None:
    torch.manual_seed(0)
    model, bank = networks.build_clip(), make_bank()
    texts, rng = clip.Texts(bank.captions), np.random.default_rng(0)
    batch = clip.draw_batch(pool, rng, 3)
    attributes = batch.attributes.reshape(-1, 4)
    present = (attributes >= 0).any(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        features = clip.run_scenes(model.visual, batch, 0.0)["all"].flatten(0, 1)[present]
        scale = torch.tensor(14.0)
        loss = clip.caption_loss(features, texts.sample(model), bank, attributes[present], scale)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_sam_and_similarity_losses_fall_on_a_few_scenes(pool: Pool) -> None:
    torch.manual_seed(0)
    model, rng = networks.load_sam().train(), np.random.default_rng(0)
    pixels, points, target, _ = sam.sample(pool, rng, 2, 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    losses = []
    for _ in range(8):
        masks, _ = sam.batch_masks(model, model.image_encoder(model.preprocess(pixels)), points)
        loss = sam.mask_loss(masks, target).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]

    tower = networks.build_similarity()
    optimizer = torch.optim.AdamW(tower.parameters(), lr=1e-3)
    losses = []
    part, rows, ids, attributes = similarity.windows(pool, np.arange(4), (4, 4), 16)
    for _ in range(8):
        loss = similarity.contrast(similarity.cell_features(tower, part, rows), ids, attributes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_pool_on_disk_is_reopened(tmp_path: Path) -> None:
    first = make_pool(tmp_path, TRAIN_SEED, 2, "seen", 0.5, workers=1)
    stamp = (tmp_path / "images.npy").stat().st_mtime_ns
    second = make_pool(tmp_path, TRAIN_SEED, 2, "seen", 0.5, workers=1)
    assert (tmp_path / "images.npy").stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(first.images, second.images)


def test_packed_weights_are_the_checkpoint_in_float16(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    state = networks.build_similarity().state_dict()
    torch.save(state, tmp_path / "similarity.pt")
    size = pack(tmp_path / "similarity.pt", "similarity", tmp_path)
    packed = load_file(tmp_path / "similarity.safetensors")
    assert size < 1_200_000
    assert packed.keys() == state.keys()
    for name, tensor in packed.items():
        assert tensor.dtype == torch.float16
        torch.testing.assert_close(tensor.float(), state[name], atol=2e-3, rtol=2e-3)
