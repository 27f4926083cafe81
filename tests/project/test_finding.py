"""The images of a place: folders at any depth, patterns, lists, zarr folders."""

from __future__ import annotations

import ntpath
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_corrclip.errors import InputError
from napari_corrclip.project.finding import find_images, place_from, seen_from
from napari_corrclip.project.project import Project
from tests.users import another_user, open_folder


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


def test_a_pattern_leaves_out_what_is_ours_unless_it_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert names(folder, find_images(folder / "**/*.png")) == ["b.png"]
    monkeypatch.chdir(folder)
    for root, prefix in ((None, ""), (folder, ""), (folder / "deep", "../")):
        found = find_images(f"{prefix}**/*.png", root=root)
        assert names(folder, found) == ["b.png"]
    inside = ["set.corrclip-project/items/f/result/labels.png"]
    assert names(folder, find_images("set.corrclip-project/**/*.png")) == inside
    assert names(folder, find_images("**/*.corrclip-project/**/*.png")) == inside
    with pytest.raises(InputError, match="No image fits"):
        find_images("**/labels.png")


def test_a_place_is_seen_from_a_folder_whatever_that_is_called(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = folder / "odd [a]" / "set"
    odd.mkdir(parents=True)
    (odd.parent / "x.png").touch()
    monkeypatch.chdir(odd.parent)
    for place, seen in (
        ("*.png", "../*.png"),
        ("../*.png", "../../*.png"),
        ("x.png", "../x.png"),
        (str(folder / "deep" / "*" / "*.tif"), "../../deep/*/*.tif"),
    ):
        assert place_from(place, odd) == seen
        assert find_images(seen, root=odd) == find_images(place)
    assert place_from("*.png", folder / "deep") == "../odd [[]a]/*.png"
    assert names(odd.parent, find_images("../odd [[]a]/*.png", root=folder / "deep")) == ["x.png"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_table_has_whatever_line_ends(folder: Path, ends: str) -> None:
    (folder / "list.csv").write_bytes(ends.join(["image,grade", "b.png,1", "a.JPG,2", ""]).encode())
    assert names(folder, find_images(folder / "list.csv")) == ["b.png", "a.JPG"]


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
        ("rows.csv", f"image\n{'x' * 140_000}\n", "cannot be read as a table"),
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


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_folder_that_nobody_may_look_into_is_said_or_told(folder: Path) -> None:
    with open_folder() as base:
        shutil.copytree(folder, base / "images")
        (base / "images").chmod(0o755)
        (base / "images" / "deep").chmod(0)
        (base / "images" / "no way").mkdir(mode=0o444)
        with another_user():
            with pytest.raises(InputError, match=r"deep' cannot be read \(Permission denied\)"):
                find_images(base / "images")
            told: list[InputError] = []
            found = find_images(base / "images", tell=told.append)
        (base / "images" / "deep").chmod(0o755)
        assert names(base / "images", found) == ["a.JPG", "b.png", "large.zarr"]
        assert len(told) == 1


def test_names_of_nobodys_home_are_names(folder: Path) -> None:
    (folder / "list.txt").write_text("~nobody-at-all/a.png\n")
    assert names(folder, find_images(folder / "list.txt")) == ["~nobody-at-all/a.png"]


def test_names_in_a_list_have_whatever_names_may_have(tmp_path: Path) -> None:
    given = ["a\u2028b.png", "c\u0085.png", "d.png"]
    for name in given:
        (tmp_path / name).touch()
    listed = tmp_path / "list.txt"
    listed.write_text("\r\n".join([*given, ""]), encoding="utf-8", newline="")
    assert sorted(path.name for path in find_images(listed)) == sorted(given)


def test_images_on_another_drive_are_found_again_and_relinked(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From which Windows knows no way to the project."""

    def relpath(path: object, start: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", relpath)
    pattern, moved = str(folder / "*.png"), folder.with_name("moved")
    home = tmp_path_factory.mktemp("project")
    with Project.create(home / "set", "cat", [folder / "deep", pattern]) as project:
        assert project._index.places == sorted([pattern, str(folder / "deep")])
        assert [Path(item.path) for item in project.items(order="path")] == [
            folder / "b.png",
            folder / "deep/er/c.tif",
        ]
        (folder / "later.png").touch()
        assert project.look_again() == 1
        folder.rename(moved)
        assert project.relink(folder, moved) == 3
        assert project._index.places == sorted([str(moved / "*.png"), str(moved / "deep")])
        assert project.status().missing == 0


def test_a_place_is_seen_with_slashes_wherever_it_is_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that a project that was made on Windows finds its images elsewhere."""
    monkeypatch.setattr(os, "sep", "\\")
    monkeypatch.setattr(os.path, "relpath", ntpath.relpath)
    assert seen_from("C:\\photos\\birds", "C:\\photos\\set") == "../birds"
