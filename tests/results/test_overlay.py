"""The picture of a result."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.results.overlay import (
    LARGEST,
    SMALLEST,
    beside,
    draw_overlay,
    legend_entries,
)
from napari_corrclip.vocabulary import Vocabulary

WORDS = Vocabulary.parse("cat #ff0000, dog #00ff00, bird #0000ff")


def scene(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image = np.full((height, width, 3), 120, np.uint8)
    labels = np.ones((height, width), np.uint16)
    labels[:, width // 2 :] = 2
    regions = np.arange(height * width).reshape(height, width) // (height * width // 2 + 1)
    return image, labels, regions


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (700, 900), (2400, 300)])
def test_the_picture_is_legible_whatever_the_images_size(size: tuple[int, int]) -> None:
    picture = draw_overlay(*scene(*size), WORDS, legend=False)
    assert picture.dtype == np.uint8
    assert SMALLEST <= max(picture.shape) <= LARGEST + 2 * LARGEST // 40
    ratio = (picture.shape[0] - 20) / (picture.shape[1] - 20)
    assert ratio == pytest.approx(size[0] / size[1], rel=0.15)


def test_classes_show_in_their_colours_and_unlabelled_pixels_as_they_are() -> None:
    image, labels, _ = scene(64, 64)
    labels[:20] = 0
    picture = draw_overlay(image, labels, None, WORDS, legend=False).astype(int)
    height, width = picture.shape[:2]
    cat, dog = picture[height // 2, width // 4], picture[height // 2, width * 3 // 4]
    assert cat[0] > cat[1] + 80
    assert dog[1] > dog[0] + 80
    assert picture[height // 8, width // 4].tolist() == [120, 120, 120]


def test_outlines_of_regions_and_classes_are_drawn() -> None:
    image, labels, regions = scene(64, 64)
    without = draw_overlay(image, labels, None, WORDS, legend=False)
    with_regions = draw_overlay(image, labels, regions, WORDS, legend=False)
    assert (without != with_regions).any()
    middle = without.shape[1] // 2
    assert without[without.shape[0] // 4, middle - 3 : middle + 3].min(axis=1).max() > 200


def test_the_legend_lists_what_occurs_the_largest_first() -> None:
    labels = np.array([[1, 2, 2, 2], [0, 0, 2, 2]], np.uint16)
    entries = legend_entries(labels, WORDS)
    assert [(entry.name, entry.share) for entry in entries] == [
        ("dog", 5 / 8),
        ("cat", 1 / 8),
        ("unlabelled", 2 / 8),
    ]
    assert entries[0].color == (0, 255, 0)


def test_a_legend_and_the_image_stand_beside_the_picture() -> None:
    image, labels, regions = scene(64, 64)
    alone = draw_overlay(image, labels, regions, WORDS, legend=False)
    legend = draw_overlay(image, labels, regions, WORDS)
    both = draw_overlay(image, labels, regions, WORDS, before=True)
    assert alone.shape[0] == legend.shape[0] == both.shape[0]
    assert both.shape[1] - legend.shape[1] >= SMALLEST
    # the colours of the two classes are in the legend, undiluted
    aside = legend[:, alone.shape[1] :].reshape(-1, 3).tolist()
    assert [255, 0, 0] in aside
    assert [0, 255, 0] in aside
    assert [0, 0, 255] not in aside


def test_many_classes_and_strange_names_fit() -> None:
    names = [f"class number {index} " + "long " * (index % 30) for index in range(150)]
    words = Vocabulary.from_names(names).add("猫").add("קפה")
    labels = np.random.default_rng(0).choice(np.array(words.values, np.uint16), (40, 60))
    image = np.zeros((40, 60, 3), np.uint8)
    picture = draw_overlay(image, labels, None, words)
    plain = draw_overlay(image, labels, None, words, legend=False)
    assert picture.shape[0] == plain.shape[0]
    assert picture.shape[1] < 2.5 * plain.shape[1]


def test_pictures_stand_side_by_side() -> None:
    page = beside([np.zeros((4, 3, 3), np.uint8), np.zeros((2, 5, 3), np.uint8)], gap=1)
    assert page.shape == (6, 11, 3)
    assert (page[1:5, 1:4] == 0).all()
    assert (page[3:5, 5:10] == 255).all()


def test_parts_of_different_images_are_refused() -> None:
    image, labels, regions = scene(8, 9)
    with pytest.raises(InputError, match=r"regions of \(8, 8\) and the labels of \(8, 9\)"):
        draw_overlay(image, labels, regions[:, :8], WORDS)
