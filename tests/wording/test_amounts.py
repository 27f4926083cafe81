"""Amounts in words."""

from __future__ import annotations

from napari_corrclip.wording.amounts import count, size_text


def test_one_is_no_plural() -> None:
    assert [count(number, "region") for number in (0, 1, 2140)] == [
        "0 regions",
        "1 region",
        "2,140 regions",
    ]
    assert count(3, "class", "classes") == "3 classes"


def test_sizes_are_said_in_round_numbers() -> None:
    sizes = (0, 1, 5_200_000, 375_042_383, 3_944_437_764)
    assert [size_text(size) for size in sizes] == [
        "size unknown",
        "0.1 MB",
        "5.2 MB",
        "375 MB",
        "3.9 GB",
    ]
