"""Label Studio's packing of masks: bits as they are written down, and whatever mask comes back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.brush_rle import packed, unpacked

Runs = tuple[NDArray[np.int64], NDArray[np.int64]]
HEAD = "{:032b} 00111 0010 0011 0111 1111"
"""Of words, their size, and the sizes of lengths."""


def runs_of(mask: NDArray[np.bool_]) -> Runs:
    at = np.flatnonzero(np.diff(mask.ravel().astype(np.int8), prepend=0, append=0))
    return at[::2], at[1::2] - at[::2]


def mask_of(runs: Runs, pixels: int) -> NDArray[np.bool_]:
    mask = np.zeros(pixels, np.bool_)
    for start, length in zip(*runs, strict=True):
        mask[start : start + length] = True
    return mask


def bits(text: str) -> bytes:
    """Bytes of bits that are written down, with spaces between them."""
    text = text.replace(" ", "")
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def test_a_mask_is_packed_as_the_format_says() -> None:
    # five pixels, of which the second and third are in: 4, 8 and 8 words
    (data,) = packed([(np.array([1]), np.array([2]))], 5)
    assert data == bits(
        HEAD.format(20) + "1 00 011 00000000" + "1 00 111 11111111" + "1 00 111 00000000"
    )
    # 9 to 16 words are of the second class, 17 to 256 of the third, up to 65536 of the fourth
    (data,) = packed([(np.array([3]), np.array([5]))], 20_000)
    assert data == bits(
        HEAD.format(80_000)
        + "1 01 1011 00000000"
        + "1 10 00010011 11111111"
        + "1 11 1111111111111111 00000000"
        + f"1 11 {80_000 - 12 - 20 - 65_536 - 1:016b} 00000000"
    )


def test_words_one_after_another_are_read() -> None:
    # three pixels of (1, 2, 3, 128), (1, 2, 3, 127), (9, 9, 9, 255), as Label Studio paints in a colour
    words = [1, 2, 3, 128, 1, 2, 3, 127]
    data = bits(
        HEAD.format(12)
        + "0 00 111"
        + "".join(f"{word:08b}" for word in words)
        + "1 00 010 00001001"
        + "0 00 000 11111111"
    )
    assert mask_of(unpacked(data, 3, "It"), 3).tolist() == [True, False, True]


def test_other_sizes_of_lengths_are_read() -> None:
    head = f"{8:032b} 00111 0000 0001 0010 0011"
    data = bits(head + "1 01 11 11111111" + "1 00 1 00000000" + "0 00 1 00000000 00000000")
    assert mask_of(unpacked(data, 2, "It"), 2).tolist() == [True, False]


@given(
    masks=st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=5),
    times=st.sampled_from([1, 3, 50, 9000]),
)
def test_any_masks_come_back(masks: list[list[bool]], times: int) -> None:
    arrays = [np.repeat(np.array(mask), times) for mask in masks]
    found = packed([runs_of(mask) for mask in arrays], 7 * times)
    assert len(found) == len(arrays)
    for mask, data in zip(arrays, found, strict=True):
        starts, lengths = unpacked(data, 7 * times, "It")
        np.testing.assert_array_equal(starts, runs_of(mask)[0])
        np.testing.assert_array_equal(lengths, runs_of(mask)[1])


@given(data=st.binary(max_size=60))
def test_bytes_of_whatever_kind_are_told_in_a_sentence(data: bytes) -> None:
    for head in (b"", bits(HEAD.format(400))[:7]):
        try:
            starts, lengths = unpacked(head + data, 100, "It")
        except InputError:
            continue
        assert (starts + lengths <= 100).all()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "has 0 pixels"),
        (bits(HEAD.format(16)), "has 4 pixels, and its image 5"),
        (bits(HEAD.format(20).replace("00111", "01111", 1)), "words of 16 bits"),
        (bits(HEAD.format(20) + "1 00 011 00000000"), "cut short"),
        (bits(HEAD.format(20) + "1 10 11111111 00000000"), "damaged"),
        (bits(HEAD.format(20) + "0 10 00010011 00000000"), "cut short"),
    ],
)
def test_what_is_damaged_is_told(data: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        unpacked(data, 5, "It")
