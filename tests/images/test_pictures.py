"""What lies beside good pixels does not matter, and an image of Pillow's is what its file is."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.images import read_image, to_rgb
from tests.images.pngs import RGB, SLOPES, write_png

BROKEN = (
    b"",
    b"MM",
    b"garbage!" * 9,
    b"II*\0\xff\xff\xff\xff",
    b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01",
)


@pytest.mark.parametrize("exif", BROKEN)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_broken_notes_of_a_camera_hide_no_pixels(kind: str, exif: bytes, tmp_path: Path) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    data = io.BytesIO()
    Image.fromarray(RGB).save(data, kind, **options)
    expected = np.asarray(Image.open(io.BytesIO(data.getvalue())).convert("RGB"))
    path = tmp_path / "a"
    if kind == "JPEG":
        notes = b"Exif\0\0" + exif
        whole = data.getvalue()
        path.write_bytes(
            whole[:2] + b"\xff\xe1" + struct.pack(">H", len(notes) + 2) + notes + whole[2:]
        )
    else:
        Image.fromarray(RGB).save(path, kind, exif=exif or b"x", **options)
    assert np.array_equal(read_image(path), expected)


@pytest.mark.parametrize("orientation", [0, 9, 300])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_an_impossible_orientation_is_none(name: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = (
        {"exif": exif} if name == "a.png" else {"tiffinfo": {274: orientation}}
    )
    Image.fromarray(RGB).save(tmp_path / name, **options)
    assert np.array_equal(read_image(tmp_path / name), RGB)


HANDED: dict[str, tuple[str, dict[str, Any]]] = {
    "palette.png": ("P", {}),
    "palette.tif": ("P", {}),
    "cmyk.jpg": ("CMYK", {}),
    "cmyk.tif": ("CMYK", {}),
    "bits.png": ("1", {}),
    "opacity.png": ("LA", {}),
    "rgba.png": ("RGBA", {}),
    "deep.png": ("I;16", {}),
    "turned.png": ("RGB", {}),
    "turned.tif": ("RGB", {"tiffinfo": {274: 6}}),
}


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("name", HANDED)
def test_an_image_of_pillow_is_what_its_file_is(name: str, loaded: bool, tmp_path: Path) -> None:
    mode, options = HANDED[name]
    image = Image.fromarray(RGB)
    deep: NDArray[np.uint16] = RGB[:, :, 0].astype(np.uint16) * 200
    image = Image.fromarray(deep) if mode == "I;16" else image.convert(mode)
    if name == "turned.png":
        exif = Image.Exif()
        exif[0x0112] = 6
        options = {"exif": exif}
    image.save(tmp_path / name, **options)
    with Image.open(tmp_path / name) as opened:
        if loaded:
            opened.load()
        assert np.array_equal(to_rgb(opened), to_rgb(read_image(tmp_path / name)))


def test_an_image_of_pillow_not_looked_at_yet_has_all_its_bits(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", SLOPES[:, :, :3], 2)
    with Image.open(tmp_path / "a.png") as opened:
        assert np.array_equal(to_rgb(opened), to_rgb(SLOPES[:, :, :3]))


def test_a_fault_of_pillow_is_not_told_as_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")

    def fail(*_: object, **__: object) -> None:
        raise AttributeError("no attribute")

    monkeypatch.setattr(Image.Image, "load", fail)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(InputError, match="its reader failed") as caught:
        read_image(tmp_path / "a.png")
    assert "damaged" not in str(caught.value)
