"""The embedded networks: stock classes, small files, every word one token."""

from __future__ import annotations

from pathlib import Path

import open_clip
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from segment_anything.modeling import Sam
from timm.models.vision_transformer import VisionTransformer

from napari_corrclip.demo import networks
from napari_corrclip.demo.tokenizer import make_merges, write_merges


def test_all_files_together_are_at_most_8_mb() -> None:
    assert sum(path.stat().st_size for path in networks.DATA.iterdir()) <= 8_000_000


def test_the_networks_are_the_libraries_own_classes() -> None:
    clip, similarity, sam = networks.load_clip(), networks.load_similarity(), networks.load_sam()
    assert type(clip) is open_clip.CLIP
    assert type(similarity) is VisionTransformer
    assert type(sam) is Sam
    for network, untrained in (
        (clip, networks.build_clip()),
        (similarity, networks.build_similarity()),
        (sam, networks.build_sam()),
    ):
        assert not network.training
        assert all(v.dtype == torch.float32 for v in network.state_dict().values())
        assert network.state_dict().keys() == untrained.state_dict().keys()


@pytest.mark.parametrize("word", networks.WORDS)
def test_every_word_of_the_world_is_one_token(word: str) -> None:
    assert len(networks.load_tokenizer().encode(word)) == 1


def test_any_other_text_falls_back_to_bytes() -> None:
    tokenizer = networks.load_tokenizer()
    for text in ("zebra", "grün", "猫", "red-ish"):
        assert tokenizer.decode(tokenizer.encode(text)).strip().replace(" ", "") == text


def test_the_shipped_merges_are_those_of_the_words(tmp_path: Path) -> None:
    size = write_merges(networks.WORDS, tmp_path / "merges.txt.gz")
    assert (tmp_path / "merges.txt.gz").read_bytes() == networks.MERGES.read_bytes()
    assert SimpleTokenizer(bpe_path=str(networks.MERGES)).vocab_size == size


def test_a_later_merge_never_breaks_an_earlier_word(tmp_path: Path) -> None:
    words = ["ring", "striped", "string", "trip", "ripe", "red", "ed", "stripe"]
    assert len(set(make_merges(words))) == len(make_merges(words))
    write_merges(words, tmp_path / "merges.gz")
    tokenizer = SimpleTokenizer(bpe_path=str(tmp_path / "merges.gz"))
    assert [len(tokenizer.encode(word)) for word in words] == [1] * len(words)
