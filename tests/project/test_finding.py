"""The images of a place: folders at any depth, patterns, lists, zarr folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_corrclip.errors import InputError
from napari_corrclip.project.finding import find_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.png", "a.JPG", "deep/er/c.tif", "notes.md", ".hidden.png", ".git/d.png", "old.corrclip/e.png",
        "set.corrclip-project/items/f/result/labels.png",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    zarr.save_array(tmp_path / "large.zarr", np.zeros((4, 4), np.uint8))
    return tmp_path


def names(folder: Path, images: list[Path]) -> list[str]:
    return [image.relative_to(folder).as_posix() for image in images]


def test_a_folder_is_searched_at_any_depth_and_what_is_ours_or_hidden_is_left_out(
    folder: Path,
) -> None:
    assert names(folder, find_images(folder)) == ["a.JPG", "b.png", "deep/er/c.tif", "large.zarr"]
    assert names(folder, find_images(folder / "large.zarr")) == ["large.zarr"]
    assert names(folder, find_images(folder / "notes.md")) == ["notes.md"]  # named itself


def test_a_pattern(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(folder, find_images(folder / "*.png")) == ["b.png"]
    monkeypatch.chdir(folder)
    assert names(folder, find_images("**/*.tif")) == ["deep/er/c.tif"]
    (folder / "odd[1].png").touch()
    assert names(folder, find_images("odd[1].png")) == ["odd[1].png"]  # it is there


def test_lists_keep_their_order_and_see_paths_from_their_own_folder(folder: Path) -> None:
    text = folder / "deep" / "list.txt"
    text.write_text(f"# the best first\n../b.png\n\n{folder / 'a.JPG'}\n../b.png\n")
    assert names(folder, find_images(text)) == ["b.png", "a.JPG"]
    table = folder / "list.csv"
    table.write_text('\ufeffgrade,Image\n1,deep/er/c.tif\n2,"b.png"\n')
    assert names(folder, find_images(table)) == ["deep/er/c.tif", "b.png"]
    table.write_text("b.png,1\na.JPG,2\n")
    assert names(folder, find_images(table)) == ["b.png", "a.JPG"]


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_of_a_folder_leads_nowhere(folder: Path) -> None:
    (folder / "deep" / "back").symlink_to(folder)
    (folder / "deep" / "b2.png").symlink_to(folder / "b.png")
    assert "deep/b2.png" in names(folder, find_images(folder))
    assert len(find_images(folder)) == 5


@pytest.mark.parametrize(
    ("place", "content", "sentence"),
    [
        ("gone.png", None, "There is no image, folder or list"),
        ("*.webp", None, "No image fits the pattern"),
        ("none.txt", "# nothing\n", "names no image"),
        ("rows.csv", "image,grade\n,1\n", "Row 2 of the list"),
        ("rows.csv", "", "names no image"),
    ],
)
def test_what_names_no_image_is_said(
    folder: Path, place: str, content: str | None, sentence: str
) -> None:
    if content is not None:
        (folder / place).write_text(content)
    with pytest.raises(InputError, match=sentence):
        find_images(folder / place)


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no images; give one with files on"):
        find_images(tmp_path)
