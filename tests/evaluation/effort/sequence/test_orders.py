"""The orders of a sequence: random, balanced, and the same again."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.evaluation.effort.sequence.orders import balanced_orders, late


@pytest.mark.parametrize(("images", "orders", "length"), [(60, 10, 25), (30, 10, 25), (4, 3, 25)])
def test_every_image_comes_as_often_as_any_other(images: int, orders: int, length: int) -> None:
    found = balanced_orders(images, orders, length)
    assert len(found) == orders
    assert all(len(set(order)) == len(order) == min(images, length) for order in found)
    times = np.bincount(np.concatenate(found), minlength=images)
    assert np.ptp(times) <= 1
    assert found == balanced_orders(images, orders, length)
    assert found != balanced_orders(images, orders, length, seed=1)


def test_the_20th_image_is_the_18th_to_the_22nd() -> None:
    assert list(late(25)) == [17, 18, 19, 20, 21]
    assert list(late(10)) == [8, 9]
    assert list(late(3)) == [2]
