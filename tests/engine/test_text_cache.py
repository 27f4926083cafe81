"""Text features are kept by weights, dtype, templates and prompt, and a bad cache never spoils a result."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_corrclip.demo.networks import load_clip, load_tokenizer
from napari_corrclip.encoders.clip import OpenClipEncoder
from napari_corrclip.engine.text_cache import TextCache
from napari_corrclip.errors import InputError
from napari_corrclip.progress import finish

QUERIES = ("red", "blue circle", "grass")
TEMPLATES = ("{}", "a photo of a {}.")


class Counting(OpenClipEncoder):
    """The demo's CLIP, which counts the prompts that it encodes."""

    def __init__(self, *, shift: float = 0.0, dtype: torch.dtype = torch.float32) -> None:
        model = load_clip()
        with torch.no_grad():
            model.text_projection += shift
        super().__init__(model, load_tokenizer(), name="demo", dtype=dtype)
        self.encoded: list[str] = []

    def encode_prompts(self, prompts: list[str]) -> Tensor:  # type: ignore[override]
        self.encoded += prompts
        return super().encode_prompts(prompts)


@pytest.fixture
def encoder() -> Counting:
    return Counting()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_second_instance_encodes_nothing(encoder: Counting, tmp_path: Path) -> None:
    first = finish(TextCache(tmp_path).features(encoder, QUERIES, TEMPLATES))
    assert len(encoder.encoded) == 6
    assert first.shape == (3, encoder.embed_dim)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(3))
    other = Counting()
    second = finish(TextCache(tmp_path).features(other, QUERIES[::-1], TEMPLATES))
    assert other.encoded == []
    assert torch.equal(second, first.flip(0))


def test_only_what_is_new_is_encoded(encoder: Counting, tmp_path: Path) -> None:
    cache = TextCache(tmp_path)
    finish(cache.features(encoder, ("red",), ("{}",)))
    finish(cache.features(encoder, ("red", "green", "red"), ("{}",)))
    assert encoder.encoded == ["red", "green"]
    finish(cache.features(encoder, ("red",), ("a {}.",)))
    assert encoder.encoded == ["red", "green", "a red."]


@pytest.mark.parametrize("change", [{"shift": 0.1}, {"dtype": torch.bfloat16}])
def test_other_weights_and_dtypes_have_entries_of_their_own(
    change: dict[str, Any], encoder: Counting, tmp_path: Path
) -> None:
    first = finish(TextCache(tmp_path).features(encoder, QUERIES, TEMPLATES))
    changed = Counting(**change)
    second = finish(TextCache(tmp_path).features(changed, QUERIES, TEMPLATES))
    assert len(changed.encoded) == 6
    assert not torch.equal(first, second)
    assert len(files(tmp_path)) == 6


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-7]),
        lambda path: path.write_bytes(path.read_bytes() + b"0" * 9000),
        lambda path: path.write_bytes(b"\x93NUMPY" + b"\xff" * 300),
        lambda path: np.save(path, np.zeros(3, np.float32)),
        lambda path: np.save(path, np.full(96, np.nan, np.float32)),
        lambda path: np.save(path, np.zeros(96)),
        lambda path: np.save(path, np.array([{}] * 96, object), allow_pickle=True),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_damaged_entry_is_encoded_anew(damage: object, encoder: Counting, tmp_path: Path) -> None:
    expected = finish(TextCache(tmp_path).features(encoder, QUERIES, TEMPLATES))
    for path in files(tmp_path):
        damage(path)  # type: ignore[operator]
    encoder.encoded.clear()
    found = finish(TextCache(tmp_path).features(encoder, QUERIES, TEMPLATES))
    assert len(encoder.encoded) == 6
    assert torch.equal(found, expected)


@pytest.mark.parametrize("at", [0, 7, 20, 127, 128, 300, -33, -32, -1])
def test_one_flipped_bit_is_found_out_and_computed_again(
    at: int, encoder: Counting, tmp_path: Path
) -> None:
    expected = finish(TextCache(tmp_path).features(encoder, ("red",), ("{}",)))
    (path,) = files(tmp_path)
    good = bytearray(path.read_bytes())
    bad = good.copy()
    bad[at] ^= 1
    path.write_bytes(bad)
    cache = TextCache(tmp_path)
    assert cache.missing(encoder, ("red",), ("{}",)) == ("red",)
    assert files(tmp_path) == []
    assert torch.equal(finish(cache.features(encoder, ("red",), ("{}",))), expected)
    assert path.read_bytes() == good


def test_an_entry_of_an_earlier_version_has_no_checksum(encoder: Counting, tmp_path: Path) -> None:
    expected = finish(TextCache(tmp_path).features(encoder, ("red",), ("{}",)))
    (path,) = files(tmp_path)
    earlier = path.read_bytes()[:-32]
    assert np.array_equal(np.load(path), expected[0])  # as that version reads ours
    path.write_bytes(earlier)
    assert TextCache(tmp_path).missing(encoder, ("red",), ("{}",)) == ()
    # its damage is seen where the feature's length is another
    bad = bytearray(earlier)
    bad[-1] ^= 64
    path.write_bytes(bad)
    assert TextCache(tmp_path).missing(encoder, ("red",), ("{}",)) == ("red",)


def test_an_entry_that_cannot_be_read_now_stays(
    encoder: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(TextCache(tmp_path).features(encoder, ("red",), ("{}",)))

    def refuse(*_: object, **__: object) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        assert TextCache(tmp_path).missing(encoder, ("red",), ("{}",)) == ("red",)
    assert TextCache(tmp_path).missing(encoder, ("red",), ("{}",)) == ()


def test_a_cache_that_cannot_be_written_costs_only_time(encoder: Counting, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = TextCache(tmp_path / "file" / "cache")
    expected = finish(TextCache(None).features(encoder, QUERIES, TEMPLATES))
    assert torch.equal(finish(cache.features(encoder, QUERIES, TEMPLATES)), expected)


def test_without_a_folder_it_keeps_them_in_memory(encoder: Counting) -> None:
    cache = TextCache(None)
    finish(cache.features(encoder, QUERIES, TEMPLATES))
    finish(cache.features(encoder, QUERIES, TEMPLATES))
    assert len(encoder.encoded) == 6


def test_what_was_used_least_recently_makes_room(encoder: Counting, tmp_path: Path) -> None:
    size = 128 + 4 * encoder.embed_dim + 32  # a file: NumPy's header, the feature, a checksum
    words = [f"red {number}" for number in range(6)]
    first = TextCache(tmp_path, limit=4 * size)
    for age, word in enumerate(words[:4]):
        finish(first.features(encoder, [word], ("{}",)))
        path = first._path(first._key(encoder, ("{}",), word))
        assert path is not None
        assert path.stat().st_size == size
        os.utime(path, (1000 + age, 1000 + age))
    assert len(files(tmp_path)) == 4
    # Used in another process: it is the youngest now.
    again = TextCache(tmp_path, limit=4 * size)
    finish(again.features(encoder, words[:1], ("{}",)))
    encoder.encoded.clear()
    finish(again.features(encoder, words[4:5], ("{}",)))
    assert len(files(tmp_path)) == 3
    encoder.encoded.clear()
    other = TextCache(tmp_path, limit=4 * size)
    assert other.missing(encoder, words[:5], ("{}",)) == (words[1], words[2])


def test_files_of_others_are_left_alone(encoder: Counting, tmp_path: Path) -> None:
    other = tmp_path / "ab" / "notes.txt"
    other.parent.mkdir()
    other.write_text("mine")
    finish(TextCache(tmp_path, limit=0).features(encoder, QUERIES, TEMPLATES))
    assert files(tmp_path) == [other]


def test_more_than_the_memory_holds_is_still_found(encoder: Counting) -> None:
    size = 4 * encoder.embed_dim
    expected = finish(TextCache(None).features(encoder, QUERIES, TEMPLATES))
    cache = TextCache(None, memory_limit=2 * size)
    encoder.encoded.clear()
    assert torch.equal(finish(cache.features(encoder, QUERIES, TEMPLATES)), expected)
    assert len(cache._memory) == 2
    assert cache._in_memory == 2 * size
    assert cache.missing(encoder, QUERIES, TEMPLATES) == QUERIES[:1]
    finish(cache.features(encoder, QUERIES[1:2], TEMPLATES))  # used last
    finish(cache.features(encoder, ("sand",), TEMPLATES))
    assert cache.missing(encoder, QUERIES, TEMPLATES) == (QUERIES[0], QUERIES[2])
    nothing = TextCache(None, memory_limit=0)
    assert torch.equal(finish(nothing.features(encoder, QUERIES, TEMPLATES)), expected)
    assert nothing._memory == {}


def test_a_cancelled_encoding_keeps_nothing_half(encoder: Counting, tmp_path: Path) -> None:
    many = tuple(f"red {number}" for number in range(300))
    steps = TextCache(tmp_path).features(encoder, many, ("{}", "a {}."))
    next(steps)
    steps.close()
    for path in files(tmp_path):
        assert np.load(path).shape == (encoder.embed_dim,)
    assert len(finish(TextCache(tmp_path).features(encoder, many[:3], ("{}", "a {}.")))) == 3


def test_a_prompt_that_is_too_long_is_refused(encoder: Counting, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than the 77"):
        finish(TextCache(tmp_path).features(encoder, ("red", "red " * 80), ("{}",)))
    assert files(tmp_path) == []


def test_a_quick_look_reads_new_prompts_in_one_template(encoder: Counting) -> None:
    cache = TextCache(None)
    known = finish(cache.features(encoder, ("red", "grass"), TEMPLATES))
    encoder.encoded.clear()
    assert cache.missing(encoder, ("red", "sand", "sand", "grass"), TEMPLATES) == ("sand",)
    quick = finish(cache.quick_features(encoder, ("red", "sand", "grass"), TEMPLATES))
    assert encoder.encoded == ["a photo of a sand."]
    assert torch.equal(quick[[0, 2]], known)
    alone = finish(TextCache(None).features(encoder, ("sand",), ("a photo of a {}.",)))
    assert torch.equal(quick[1:2], alone)
    # What was read quickly is still to be read in full; all of it known, nothing is read.
    assert cache.missing(encoder, ("sand",), TEMPLATES) == ("sand",)
    encoder.encoded.clear()
    again = finish(cache.quick_features(encoder, ("grass", "red"), TEMPLATES))
    assert torch.equal(again, known.flip(0))
    assert encoder.encoded == []
    # Templates without the usual one: their first.
    finish(cache.quick_features(encoder, ("sky",), ("{} here", "{}")))
    assert encoder.encoded == ["sky here"]
