"""Which image a result is of, wherever it was moved."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from napari_corrclip.images.origin import Origin, digest_of, place_of


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    (folder / "images").mkdir(parents=True)
    (folder / "images/a.png").write_bytes(b"the pixels of a")
    return folder


def of(project: Path, name: str = "images/a.png") -> Origin:
    return Origin.of(project / name, project / "out" / "a")


def known(origin: Origin, project: Path, name: str = "images/a.png") -> bool:
    return origin.is_of(project / name, project / "out" / "a")


def test_it_is_the_name_that_was_given(project: Path, tmp_path: Path) -> None:
    link = project / "link.png"
    link.symlink_to("images/a.png")
    os.link(project / "images/a.png", project / "hard.png")
    (tmp_path / "mounted").symlink_to(project)
    assert place_of(link) == link.parent.resolve() / "link.png"
    places = {place_of(project / name) for name in ("images/a.png", "link.png", "hard.png")}
    assert len(places) == 3
    assert place_of(tmp_path / "mounted/link.png") == place_of(link)
    assert place_of(project / "images/../link.png") == place_of(link)
    assert place_of(project / "images" / "..") == project.resolve()
    assert of(project, "link.png").digest == of(project).digest


def test_a_project_is_moved_copied_or_changed(project: Path, tmp_path: Path) -> None:
    origin = of(project)
    assert origin.position == "../../images/a.png"
    copy = Path(shutil.copytree(project, tmp_path / "copy"))
    assert known(origin, project)
    assert known(origin, copy)
    (copy / "images/a.png").write_bytes(b"the pixels of b")
    assert not known(origin, copy)
    moved = project.rename(tmp_path / "there")
    assert known(origin, moved)
    (moved / "images/a.png").rename(moved / "renamed.png")
    assert known(origin, moved, "renamed.png")


def test_a_second_file_with_the_same_pixels_is_another_image(project: Path) -> None:
    origin = of(project)
    shutil.copy(project / "images/a.png", project / "a.png")
    (project / "link.png").symlink_to("images/a.png")
    assert not known(origin, project, "a.png")
    assert not known(origin, project, "link.png")


def test_results_of_before_are_likely_of_a_file_of_that_name_that_is_gone(project: Path) -> None:
    for old, expected in (("/gone/a.png", True), ("C:\\gone\\a.png", True), ("/gone/b.png", False)):
        origin = Origin.from_document({"image": old})
        assert not known(origin, project)
        assert origin.may_be_of(project / "images/a.png") is expected
    there = Origin.from_document({"image": str(project / "images/a.png")})
    assert not there.may_be_of(project / "a.png")
    assert not Origin("/gone/a.png", "0" * 32).may_be_of(project / "images/a.png")


@pytest.mark.parametrize("document", [{}, {"image": 5, "image_digest": [], "image_position": None}])
def test_what_is_no_text_is_left_out(document: dict[str, object]) -> None:
    assert Origin.from_document(document) == Origin("")


def test_large_files_and_zarr_folders_are_sampled(tmp_path: Path) -> None:
    large = tmp_path / "large.tif"
    content = bytearray(os.urandom(6 << 20))
    large.write_bytes(content)
    before = digest_of(large)
    assert before == digest_of(large)
    content[-1] ^= 1
    large.write_bytes(content)
    assert digest_of(large) != before
    folder = tmp_path / "a.zarr"
    (folder / "c/0").mkdir(parents=True)
    (folder / "zarr.json").write_text(json.dumps({"shape": [2, 2]}))
    (folder / "c/0/0").write_bytes(b"1234")
    before = digest_of(folder)
    assert digest_of(Path(shutil.copytree(folder, tmp_path / "b.zarr"))) == before
    (folder / "c/0/0").write_bytes(b"1235")
    assert digest_of(folder) != before


def test_what_cannot_be_read_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("pipe", "loop", "missing", "nul\0"):
        assert digest_of(tmp_path / name) == ""
    assert not Origin("/elsewhere/pipe", "0" * 32).is_of(tmp_path / "pipe", tmp_path)
