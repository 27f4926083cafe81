"""Pictures for people: an image and two label maps of it side by side, the classes named on them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from napari_corrclip.vocabulary import Vocabulary

Number = TypeVar("Number", bound=np.generic)

_SIDE = 512
"""Least side of a panel in pixels."""
_GAP = 12
_TITLE = 34
_OPACITY = 0.55
_LEAST_NAMED = 0.004
"""Share of the panel that a patch must have for its name to be written on it."""
_UNLABELLED = (40, 40, 40)
_DIFFERS = (213.0, 94.0, 0.0)  # vermilion of Okabe and Ito, seen by the colour-blind too
_LONGEST = 40
"""Letters of a panel's title."""


def comparison(
    image: NDArray[np.uint8],
    truth: NDArray[np.uint16],
    labels: NDArray[np.uint16],
    vocabulary: Vocabulary,
) -> NDArray[np.uint8]:
    """The image, its truth and the prediction side by side, (rows, columns, 3) uint8.

    Args:
        image: (H, W, 3) uint8.
        truth: (H, W) label values; 0 is left as in the image.
        labels: (H, W) label values.
        vocabulary: their names and colours.
    """
    factor = _factor(image)
    return _sheet(
        {
            "image": Image.fromarray(_enlarged(image, factor)),
            "truth": _panel(image, truth, vocabulary, factor),
            "prediction": _panel(image, labels, vocabulary, factor),
        }
    )


def disagreement(
    image: NDArray[np.uint8],
    maps: Mapping[str, NDArray[np.uint16]],
    differs: NDArray[np.bool_],
    vocabulary: Vocabulary,
) -> NDArray[np.uint8]:
    """The image, several label maps of it and where they differ side by side, (rows, columns, 3) uint8.

    Args:
        image: (H, W, 3) uint8.
        maps: (H, W) label values by what is written above each; 0 is left as in the image.
        differs: (H, W), where they do.
        vocabulary: their names and colours.
    """
    factor = _factor(image)
    panels = {"image": Image.fromarray(_enlarged(image, factor))}
    for title, labels in maps.items():
        panels[_short(title)] = _panel(image, labels, vocabulary, factor)
    gray = image.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    shown = np.where(differs[..., None], 0.25 * gray + 0.75 * np.array(_DIFFERS), 0.6 * gray)
    panels["where they differ"] = Image.fromarray(
        _enlarged(np.rint(shown).astype(np.uint8), factor)
    )
    return _sheet(panels)


def _factor(image: NDArray[np.uint8]) -> int:
    longest: int = max(image.shape[:2])
    return max(1, -(-_SIDE // longest))


def _short(title: str) -> str:
    return title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}…"


def _sheet(panels: Mapping[str, Image.Image]) -> NDArray[np.uint8]:
    """Return panels of one size side by side, each under its title."""
    width, height = next(iter(panels.values())).size
    sheet = Image.new(
        "RGB", (len(panels) * (width + _GAP) + _GAP, height + _TITLE + _GAP), (255, 255, 255)
    )
    draw = ImageDraw.Draw(sheet)
    for number, (title, panel) in enumerate(panels.items()):
        left = _GAP + number * (width + _GAP)
        sheet.paste(panel, (left, _TITLE))
        draw.text(
            (left + width / 2, _TITLE / 2), title, (30, 30, 30), ImageFont.load_default(20), "mm"
        )
    return np.asarray(sheet)


def png(picture: NDArray[np.uint8]) -> bytes:
    """``picture`` as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _panel(
    image: NDArray[np.uint8], labels: NDArray[np.uint16], vocabulary: Vocabulary, factor: int
) -> Image.Image:
    """The classes in their colours over the image in gray, outlined and named."""
    gray = image.mean(axis=-1, keepdims=True)
    colors = np.tile(np.array(_UNLABELLED, np.float64), (int(max(vocabulary.values)) + 1, 1))
    for value, color in vocabulary.colors.items():
        colors[value] = color
    mixed = (1 - _OPACITY) * gray + _OPACITY * colors[labels]
    drawn = np.where((labels > 0)[..., None], mixed, 0.6 * gray)
    shown = _enlarged(np.rint(drawn).astype(np.uint8), factor)
    shown[_outlines(_enlarged(labels, factor))] = 255
    panel = Image.fromarray(shown)
    _write_names(ImageDraw.Draw(panel), labels, vocabulary, factor)
    return panel


def _enlarged(array: NDArray[Number], factor: int) -> NDArray[Number]:
    return array.repeat(factor, axis=0).repeat(factor, axis=1)


def _outlines(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """True on both sides of every border between two values."""
    edges = np.zeros(labels.shape, np.bool_)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= right
    edges[:, :-1] |= right
    return edges


def _write_names(
    draw: ImageDraw.ImageDraw, labels: NDArray[np.uint16], vocabulary: Vocabulary, factor: int
) -> None:
    font = ImageFont.load_default(15)
    for class_ in vocabulary:
        patches, count = ndimage.label(labels == class_.value)
        sizes = np.bincount(patches.ravel(), minlength=count + 1)
        for patch in range(1, count + 1):
            if sizes[patch] < _LEAST_NAMED * labels.size:
                continue
            # Deepest inside the patch, where the name covers least of its outline.
            inside = np.pad(patches == patch, 1)
            depth = ndimage.distance_transform_edt(inside)[1:-1, 1:-1]
            row, column = np.unravel_index(int(depth.argmax()), depth.shape)
            at = ((int(column) + 0.5) * factor, (int(row) + 0.5) * factor)
            draw.text(
                at, class_.name, (255, 255, 255), font, "mm", stroke_width=2, stroke_fill=(0, 0, 0)
            )
