"""The picture of a result: classes over the image, outlines of the regions, a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_corrclip.errors import InputError
from napari_corrclip.maps.values import count_values, shares
from napari_corrclip.vocabulary import Vocabulary

SMALLEST, LARGEST = 640, 1600
"""Long side in pixels of the drawn image: small scenes are enlarged, photographs reduced."""

_PAPER = (255, 255, 255)
_INK = (28, 30, 34)
_FAINT = (120, 124, 130)
_UNLABELLED = (214, 216, 220)
Color = tuple[int, int, int]
Picture = NDArray[np.uint8]
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Pillow's own font draws Latin letters; other scripts take the first of these that is there.
_WIDE_FONTS = (
    "NotoSansCJK-Regular.ttc", "msyh.ttc", "PingFang.ttc", "Arial Unicode.ttf",
    "NotoSans-Regular.ttf", "DejaVuSans.ttf", "segoeui.ttf",
)  # fmt: skip


@dataclass(frozen=True)
class _Entry:
    """A line of the legend."""

    color: Color
    name: str
    share: float


def draw_overlay(
    image: NDArray[np.uint8],
    labels: NDArray[np.integer],
    regions: NDArray[np.integer] | None,
    vocabulary: Vocabulary,
    *,
    opacity: float = 0.5,
    legend: bool = True,
    before: bool = False,
) -> Picture:
    """Draw the classes over the image.

    Args:
        image: (H, W, 3) uint8.
        labels: (H, W) label values.
        regions: (H, W) region ids, drawn as thin lines; ``None``: none.
        vocabulary: the classes.
        opacity: of the classes' colours.
        legend: whether to list the classes that occur, with their share of the pixels.
        before: whether to put the image itself beside it, on the left.

    Returns:
        (h, w, 3) uint8; the image is enlarged or reduced to be legible.

    Raises:
        InputError: shapes that do not fit.
    """
    for what, array in (("image", image[..., 0]), ("regions", regions)):
        if array is not None and array.shape != labels.shape:
            raise InputError(
                f"The {what} of {array.shape} and the labels of {labels.shape} differ in size; "
                "give those of one image."
            )
    size = _drawn_size(labels.shape[0], labels.shape[1])
    photo = _resize(image, size)
    drawn = _at_size(labels, size)
    picture = _blend(photo, drawn, vocabulary, opacity)
    if regions is not None:
        _draw_lines(picture, _borders(_at_size(regions, size)), (255, 255, 255), 0.45)
    _draw_lines(picture, _thick(_borders(drawn), size), (255, 255, 255), 0.95)
    parts = [photo, picture] if before else [picture]
    if legend:
        parts.append(_draw_legend(legend_entries(labels, vocabulary), size[0], max(size)))
    return beside(parts, gap=max(8, max(size) // 80))


def legend_entries(labels: NDArray[np.integer], vocabulary: Vocabulary) -> list[_Entry]:
    """Return the classes that occur, the largest first, and what is unlabelled last."""
    counts = count_values(labels)
    found = shares(counts, labels.size, vocabulary)
    entries = [
        _Entry(class_.color, class_.name, found[class_.name])
        for class_ in vocabulary
        if counts[class_.value]
    ]
    entries.sort(key=lambda entry: -entry.share)
    if counts[0]:
        entries.append(_Entry(_UNLABELLED, "unlabelled", counts[0] / labels.size))
    return entries


def beside(pictures: Sequence[Picture], *, gap: int = 8) -> Picture:
    """Put pictures side by side on white, aligned at the top, inside a margin of ``gap`` pixels."""
    height = max(picture.shape[0] for picture in pictures) + 2 * gap
    width = sum(picture.shape[1] + gap for picture in pictures) + gap
    page = np.full((height, width, 3), _PAPER, np.uint8)
    left = gap
    for picture in pictures:
        page[gap : gap + picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + gap
    return page


def _drawn_size(height: int, width: int) -> tuple[int, int]:
    long_side = max(height, width)
    if long_side < SMALLEST:
        # whole multiples: every pixel of the map stays a square
        factor = -(-SMALLEST // long_side)
        return height * factor, width * factor
    scale = min(1.0, LARGEST / long_side)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _at_size(ids: NDArray[np.integer], size: tuple[int, int]) -> NDArray[np.integer]:
    """Return a map at another size, by nearest."""
    rows = np.arange(size[0]) * ids.shape[0] // size[0]
    columns = np.arange(size[1]) * ids.shape[1] // size[1]
    resized: NDArray[np.integer] = ids[rows[:, None], columns]
    return resized


def _resize(image: NDArray[np.uint8], size: tuple[int, int]) -> Picture:
    if image.shape[:2] == size:
        return np.array(image)
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.array(picture.resize((size[1], size[0]), Image.Resampling.LANCZOS))


def _blend(
    photo: Picture, labels: NDArray[np.integer], vocabulary: Vocabulary, opacity: float
) -> Picture:
    colors = np.zeros((max(vocabulary.values) + 1, 3), np.float32)
    for value, color in vocabulary.colors.items():
        colors[value] = color
    # Most of the image's own colour goes and its darkest parts are lifted; otherwise a red class on
    # a blue thing would look like neither, and unlike its colour in the legend.
    base = photo.astype(np.float32)
    gray = base @ np.array([0.299, 0.587, 0.114], np.float32)
    base = 0.2 * base + 0.8 * (36 + 0.86 * gray[..., None])
    mixed = base + (colors[labels] - base) * opacity
    shown = np.where((labels > 0)[..., None], mixed, photo)
    return np.rint(shown).astype(np.uint8)


def _borders(ids: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return the pixels whose right or lower neighbour has another id."""
    found = np.zeros(ids.shape, np.bool_)
    found[:, :-1] = ids[:, :-1] != ids[:, 1:]
    found[:-1] |= ids[:-1] != ids[1:]
    return found


def _thick(lines: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the lines two pixels thick, in large pictures three."""
    for _ in range(1 if max(size) < 1200 else 2):
        grown = lines.copy()
        grown[1:] |= lines[:-1]
        grown[:, 1:] |= lines[:, :-1]
        grown[1:, 1:] |= lines[:-1, :-1]
        lines = grown
    return lines


def _draw_lines(picture: Picture, where: NDArray[np.bool_], color: Color, opacity: float) -> None:
    under = picture[where].astype(np.float32)
    picture[where] = np.rint(under + (np.array(color) - under) * opacity).astype(np.uint8)


def _draw_legend(entries: Sequence[_Entry], height: int, side: int) -> Picture:
    """Draw a column of colours, names and shares, not higher than the image."""
    text = max(14, round(side / 42))
    row, pad = round(text * 1.75), round(text * 0.5)
    room = max(1, (height - pad) // row)
    entries = list(entries)
    if len(entries) > room:
        rest = entries[room - 1 :]
        more = _Entry(_PAPER, f"{len(rest)} more", sum(entry.share for entry in rest))
        entries = [*entries[: room - 1], more]
    names = [_shorten(entry.name) for entry in entries]
    shares = [_percent(entry.share) for entry in entries]
    fonts = [_font(name, text) for name in names]
    plain = _font("", text)
    column = round(
        max((_width(font, name) for font, name in zip(fonts, names, strict=True)), default=0)
    )
    numbers = round(max((_width(plain, share) for share in shares), default=0))
    box = round(text * 1.1)
    width = pad + box + pad + column + 2 * pad + numbers + pad
    page = Image.new("RGB", (width, max(len(entries) * row + pad, 1)), _PAPER)
    pen = ImageDraw.Draw(page)
    for index, (entry, name, share, font) in enumerate(
        zip(entries, names, shares, fonts, strict=True)
    ):
        middle = pad // 2 + index * row + row // 2
        top = middle - box // 2
        if entry.color != _PAPER:
            pen.rounded_rectangle(
                (pad, top, pad + box, top + box), radius=box // 5, fill=entry.color
            )
        pen.text((2 * pad + box, middle), name, fill=_INK, font=font, anchor="lm")
        pen.text((width - pad, middle), share, fill=_FAINT, font=plain, anchor="rm")
    return np.array(page)


def _percent(share: float) -> str:
    if share >= 0.0995:
        return f"{100 * share:.0f} %"
    return f"{100 * share:.1f} %" if share >= 0.0005 else "< 0.1 %"


def _shorten(name: str, limit: int = 32) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def _width(font: _Font, text: str) -> float:
    return float(font.getlength(text))


def _font(text: str, size: int) -> _Font:
    if any(ord(letter) > 0x17F and letter != "…" for letter in text):
        for name in _WIDE_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    return ImageFont.load_default(size)
