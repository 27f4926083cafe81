"""Sliding windows: every pixel is covered, and blending undoes cutting."""

from __future__ import annotations

import json
import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_corrclip.engine import windows
from napari_corrclip.engine.window_count import inference_size
from napari_corrclip.errors import InputError
from napari_corrclip.settings import Settings
from tests.reference import nearest, window_starts

sides = st.integers(1, 300)


@st.composite
def layouts(draw: st.DrawFn) -> windows.Layout:
    window = draw(st.integers(16, 128))
    stride = draw(st.integers(1, window).map(lambda s: max(s, window // 4)))
    settings = Settings(short_side=None, window=window, stride=stride)
    patches = draw(st.sampled_from([(16, 8), (14, 8), (32, 8), (14, 14), (16, 16), (12, 8)]))
    return windows.plan((draw(sides), draw(sides)), settings, patches)


@given(layouts())
def test_windows_cover_every_pixel_and_are_alike(layout: windows.Layout) -> None:
    assert windows.cover_count(layout).min() >= 1
    for top, left, bottom, right in layout.boxes:
        assert (bottom - top, right - left) == layout.window
        assert top >= 0
        assert left >= 0
        assert bottom <= layout.size[0]
        assert right <= layout.size[1]


@given(sides, st.integers(1, 200), st.integers(1, 200))
def test_windows_start_where_the_plain_rule_says(side: int, window: int, stride: int) -> None:
    settings = Settings(short_side=None, window=max(window, 16), stride=min(stride, window, 16))
    layout = windows.plan((side, side), settings, (16, 8))
    starts = window_starts(side, min(settings.window, side), settings.stride)
    assert sorted({box[0] for box in layout.boxes}) == sorted(set(starts))
    assert len(layout) == len(starts) ** 2


@given(layouts(), st.floats(-1, 1))
def test_blending_a_constant_gives_the_constant(layout: windows.Layout, value: float) -> None:
    blended = windows.blend(lambda _, rows: torch.full((2, len(rows), 4), value), (3, 4), layout)
    assert blended.shape == (2, *layout.size)
    torch.testing.assert_close(blended, torch.full_like(blended, value))


@given(layouts())
def test_cutting_then_blending_gives_the_map_back(layout: windows.Layout) -> None:
    maps = torch.rand(2, *layout.size, generator=torch.Generator().manual_seed(0))
    cut = windows.cut(maps, layout.boxes, layout.padding, 9)
    assert cut.shape == (len(layout), 2, *layout.padded)

    def window(number: int, rows: range) -> torch.Tensor:
        return cut[number, :, rows.start : rows.stop]

    torch.testing.assert_close(windows.blend(window, layout.padded, layout), maps)


@given(layouts(), st.integers(1, 9), st.integers(1, 9), st.integers(1, 60))
def test_bands_of_rows_are_those_of_the_whole(
    layout: windows.Layout, height: int, width: int, step: int
) -> None:
    maps = torch.rand(len(layout), 2, height, width, generator=torch.Generator().manual_seed(0))
    asked: list[int] = []

    def window(number: int, rows: range) -> torch.Tensor:
        asked.append(len(rows))
        return maps[number, :, rows.start : rows.stop]

    # The plain rule: each map to its padded window, cropped, added, divided.
    total = torch.zeros(2, *layout.size)
    before, left, _, _ = layout.padding
    for one, (t, le, b, r) in zip(maps, layout.boxes, strict=True):
        full = F.interpolate(one[None], size=layout.padded, mode="bilinear")[0]
        total[:, t:b, le:r] += full[:, before : before + b - t, left : left + r - le]
    total /= windows.cover_count(layout)
    rows = layout.size[0]
    bands = [
        windows.blend(window, (height, width), layout, range(top, min(top + step, rows)))
        for top in range(0, rows, step)
    ]
    torch.testing.assert_close(torch.cat(bands, dim=1), total, rtol=0, atol=1e-5)
    # A band asks for no more of a window than its rows lie between.
    assert max(asked) <= step * height // layout.padded[0] + 3


@given(layouts())
def test_layout_survives_json(layout: windows.Layout) -> None:
    assert windows.Layout.from_json(layout.to_json()) == layout


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "nonsense", '{"image_size": [1, 2]}', '{"image_size": "ab"}', "[" * 9999],
)
def test_broken_layouts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="no layout"):
        windows.Layout.from_json(text)


def test_layouts_that_cannot_be_are_refused() -> None:
    layout = windows.plan((40, 40), Settings(short_side=None), (16, 8))
    impossible = [
        replace(layout, boxes=((0, 0, 41, 40),)),
        replace(layout, boxes=()),
        replace(layout, size=(0, 40)),
        replace(layout, padding=(-1, 0, 0, 0)),
        replace(layout, size=(80, 40)),
    ]
    for broken in impossible:
        with pytest.raises(InputError, match="do not fit"):
            windows.Layout.from_json(broken.to_json())


def hostile(**changes: object) -> str:
    return json.dumps(
        {
            "image_size": [40, 40],
            "size": [40, 40],
            "boxes": [[0, 0, 40, 40]],
            "window": [40, 40],
            "padding": [0, 0, 0, 0],
            **changes,
        }
    )


@pytest.mark.parametrize(
    "text",
    [
        hostile(image_size=[10**9, 40]),
        hostile(size=[10**9, 10**9], window=[10**9, 10**9], boxes=[[0, 0, 10**9, 10**9]]),
        hostile(padding=[0, 0, 10**9, 10**9]),
        # Few boxes whose corners would span a grid of billions.
        hostile(
            size=[16_001, 16_001],
            window=[2, 2],
            boxes=[[i, i, i + 2, i + 2] for i in range(16_000)],
        ),
        hostile(size=[1, 100_001], window=[1, 1], boxes=[[0, i, 1, i + 1] for i in range(100_001)]),
    ],
    ids=["image", "size", "padding", "corners", "windows"],
)
def test_a_layout_may_not_ask_for_more_than_can_be(text: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="do not fit"):
            windows.Layout.from_json(text)
        assert tracemalloc.get_traced_memory()[1] < 2**28
    finally:
        tracemalloc.stop()


def test_what_is_planned_is_bounded_alike() -> None:
    for settings, words in (
        (Settings(short_side=None, long_side=65536, window=16, stride=1), "65536 × 65536 pixels"),
        (Settings(short_side=None, long_side=4096, window=16, stride=1), "16654561 windows"),
    ):
        with pytest.raises(InputError, match=f"{words}.* lower short_side and long_side"):
            windows.plan((70_000, 70_000), settings, (16, 8))
    # The largest that the command line's "native" makes is far below.
    layout = windows.plan((9000, 9000), Settings(short_side=None), (16, 8))
    assert windows.Layout.from_json(layout.to_json()) == layout


@pytest.mark.parametrize(
    ("size", "short", "long", "expected"),
    [
        ((480, 640), 336, 2048, (336, 448)),
        ((333, 500), 336, 2048, (336, 505)),
        ((100, 2000), 336, 2048, (102, 2048)),
        ((101, 131), None, 2048, (101, 131)),
        ((4096, 1000), None, 2048, (2048, 500)),
        ((1, 5000), 336, 2048, (1, 2048)),
    ],
)
def test_inference_size(
    size: tuple[int, int], short: int | None, long: int, expected: tuple[int, int]
) -> None:
    assert inference_size(size, short, long) == expected


@pytest.mark.parametrize(
    ("patches", "multiple"),
    [((16, 8), 56), ((14, 8), 56), ((14, 14), 56), ((8, 8), 56), ((32, 8), 32), ((12, 8), 24)],
)
def test_padding_multiple(patches: tuple[int, int], multiple: int) -> None:
    assert windows.padding_multiple(patches) == multiple


def test_padding_is_half_on_each_side_and_the_odd_pixel_behind() -> None:
    layout = windows.plan((101, 131), Settings(short_side=None), (16, 8))
    assert layout.padding == (5, 18, 6, 19)
    assert layout.padded == (112, 168)


def test_the_number_of_windows_is_known_before_anything_runs() -> None:
    assert len(windows.plan((480, 640), Settings(), (16, 8))) == 2
    assert len(windows.plan((480, 640), Settings(short_side=672), (16, 8))) == 24


def test_an_image_is_resized_and_normalised() -> None:
    rgb = np.full((20, 30, 3), 51, dtype=np.uint8)
    pixels = windows.prepare_image(rgb, (40, 60), (0.2, 0.1, 0.0), (1.0, 0.5, 0.1))
    assert pixels.shape == (3, 40, 60)
    expected = torch.tensor([0.0, 0.2, 2.0])[:, None, None].expand(3, 40, 60)
    torch.testing.assert_close(pixels, expected, atol=1e-6, rtol=0)


def test_renormalising_equals_normalising_afresh() -> None:
    raw = torch.rand(2, 3, 5, 5)
    mean, std, other = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), (0.1, 0.2, 0.3)
    once = windows.normalise(raw, mean, std)
    again = windows.renormalise(once, mean, std, other, std)
    torch.testing.assert_close(again, windows.normalise(raw, other, std))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_regions_are_resized_by_nearest(rows: int, columns: int, h: int, w: int) -> None:
    regions = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    assert windows.prepare_regions(regions, (h, w)).tolist() == nearest(regions, (h, w))


def test_multiple_is_the_least_common_one() -> None:
    assert windows.padding_multiple((10, 4)) == math.lcm(10, 4)


@given(
    st.tuples(st.integers(8, 90), st.integers(8, 90)),
    st.integers(16, 64),
    st.integers(8, 40),
    st.sampled_from([4, 8, 14]),
)
def test_a_mosaic_puts_every_cell_where_it_was_seen(
    size: tuple[int, int], window: int, stride: int, patch: int
) -> None:
    settings = Settings(short_side=None, window=window, stride=min(stride, window))
    layout = windows.plan(size, settings, (patch, patch))
    grid = layout.padded[0] // patch, layout.padded[1] // patch
    seen = []
    for top, left, _, _ in layout.boxes:
        # Each cell tells where its centre lies in the image, in pixels.
        rows = (torch.arange(grid[0]) + 0.5) * patch - layout.padding[0] + top
        columns = (torch.arange(grid[1]) + 0.5) * patch - layout.padding[1] + left
        seen.append(torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1))
    found = windows.mosaic(torch.stack(seen), layout)
    for axis in (0, 1):
        pitch = layout.padded[axis] / grid[axis]
        count = max(1, int(layout.size[axis] / pitch))
        assert found.shape[axis] == count
        centres = (torch.arange(count) + 0.5) * pitch
        place = found.movedim(axis, 0)[..., axis]
        # Within one cell: windows need not begin where a cell of the grid does.
        assert (place - centres[:, None]).abs().max() <= pitch
