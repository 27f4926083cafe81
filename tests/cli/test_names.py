"""Names on the command line: of links, long ones, those of a project that was moved, and hostile ones."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.cli import main
from napari_corrclip.cli.targets import check_folder, result_folders
from napari_corrclip.errors import InputError

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def picture(name: str, level: int = 40) -> Path:
    pixels = np.full((64, 64, 3), level, np.uint8)
    pixels[:, 32:] += 100
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def run(*args: object, words: str = "wood, water") -> int:
    return main(["segment", *map(str, args), "-c", words, "--regions", "superpixels", "-o", "out"])


def provenance(folder: str) -> dict[str, object]:
    document: dict[str, object] = json.loads((Path("out") / folder / "provenance.json").read_text())
    return document


def files(folder: str = ".") -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def test_links_to_one_file_are_images_of_their_own() -> None:
    picture("object.png")
    Path("frame1.png").symlink_to("object.png")
    Path("frame2.png").symlink_to("object.png")
    os.link("object.png", "frame3.png")
    names = ["frame1", "frame2", "frame3"]
    assert run(*(f"{name}.png" for name in names), "./frame1.png", Path.cwd() / "frame2.png") == 0
    assert files("out") == {*names}
    told = [provenance(name) for name in names]
    assert [one["image"] for one in told] == [str(Path.cwd() / f"{name}.png") for name in names]
    assert [one["image_position"] for one in told] == [f"../../{name}.png" for name in names]
    assert len({str(one["image_digest"]) for one in told}) == 1


def test_names_that_just_fit_get_results() -> None:
    images = [picture("顕" * 83 + ".png"), picture("a/" + "x" * 250 + ".png")]
    assert run(*images) == 0
    assert files("out") == {image.stem for image in images}
    assert run(*images, "--scale", 1) == 0
    assert files("out") == {image.stem for image in images}


def test_long_names_that_are_the_same_get_folders_of_their_own() -> None:
    images = [Path(folder) / ("x" * 251 + ".png") for folder in "ab"]
    folders = result_folders(images, Path("out"))
    assert len(set(folders.values())) == 2
    assert not files()


def test_a_path_that_is_too_long_is_told_before_anything_is_computed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = picture("a.png")
    for output in ("x" * 256, "/".join(["x" * 200] * 20)):
        assert main(["segment", str(image), "-c", "red", "-o", output]) == 2
        err = capsys.readouterr().err
        assert "too long); give a shorter name." in err
        assert "Preset" not in err
    assert files() == {"a.png"}


def test_what_the_file_system_refuses_is_told_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = os.mkdir

    def strict(path: os.PathLike[str], *args: int, **more: int) -> None:
        if ":" in os.fspath(path):
            raise OSError(22, "Invalid argument")
        make(path, *args, **more)

    monkeypatch.setattr(os, "mkdir", strict)
    with pytest.raises(
        InputError, match=r"'out/a:b' cannot be written .* give a name that the file system"
    ):
        result_folders([Path("a:b.png")], Path("out"))
    check_folder(Path("new/folder"), ["ab"])
    assert not files()


def test_a_folder_as_image_has_the_name_of_the_folder() -> None:
    Path("cells.zarr").mkdir()
    os.chdir("cells.zarr")
    assert result_folders([Path()], Path("../out")) == {Path(): Path("../out/cells")}


# -- a project that was moved


def test_a_moved_project_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("here").mkdir()
    monkeypatch.chdir("here")
    images = [picture("a.png"), picture("b.png", 60)]
    assert run(images[0]) == 0
    monkeypatch.chdir(tmp_path)
    Path("here").rename("there")
    monkeypatch.chdir("there")
    assert run(*images, "--skip-existing") == 0
    assert "a.png: has results in out/a; left out." in capsys.readouterr().err
    assert files("out") == {"a", "b"}
    assert run(*images) == 0
    assert provenance("a")["image"] == str(tmp_path / "there/a.png")


def test_another_image_of_the_name_is_not_left_out_nor_replaced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(picture("old/a.png")) == 0
    Path("old").rename("new")
    picture("new/a.png", 90)
    before = provenance("a")
    for options in ((), ("--skip-existing",)):
        assert run("new/a.png", *options) == 2
        assert "has the results of" in capsys.readouterr().err
    assert provenance("a") == before


def test_results_of_an_earlier_version_are_left_but_not_replaced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = picture("a.png")
    assert run(image) == 0
    document = provenance("a")
    for name in ("image_digest", "image_position"):
        del document[name]
    Path("out/a/provenance.json").write_text(json.dumps(document | {"image": "/gone/a.png"}))
    assert run(image) == 2
    assert run(image, "--skip-existing") == 0
    assert "left out" in capsys.readouterr().err
    Path("out/a/provenance.json").write_text(json.dumps(document | {"image": "/gone/other.png"}))
    assert run(image, "--skip-existing") == 2


# -- hostile names


def test_nothing_that_is_printed_is_obeyed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    presets = Path("presets")
    presets.mkdir()
    (presets / "p.json").write_text(json.dumps({EVIL: 1}))
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", str(presets))
    image = picture(f"a{EVIL}\nError: b.png")
    Path("v.yaml").write_text(f"- !<tag:{EVIL}> a\n".replace("\x07", ""))
    Path("v.csv").write_text(f"name,{EVIL}\na,b\n")
    Path("s.json").write_text(json.dumps({EVIL: 1}))
    assert run(image) == 0
    for arguments in (
        ["segment", f"no{EVIL}.png", "-c", "a", "-o", "out"],
        ["segment", "x.png", "-c", "v.yaml", "-o", "out"],
        ["segment", "x.png", "-c", "v.csv", "-o", "out"],
        ["segment", "x.png", "-c", f"a{EVIL}", "-o", "out", "--debug"],
        ["segment", "x.png", "-c", "a", "--settings", "s.json", "-o", f"o{EVIL}"],
        ["segment", f"--no{EVIL}"],
        [f"no{EVIL}"],
        ["models", "verify", f"no{EVIL}"],
        ["models", "save", f"no{EVIL}", "--title", EVIL],
        [
            "models",
            "save",
            "mine",
            "--title",
            EVIL,
            "--clip",
            "demo",
            "--dino",
            "demo",
            "--sam",
            "demo",
        ],
        ["models", "list"],
    ):
        assert main(arguments) in (0, 2), arguments
    out, err = capsys.readouterr()
    for text in (out, err):
        assert text
        controls = {one for one in text if unicodedata.category(one) in ("Cc", "Cf")}
        assert controls <= {"\n", "\r", "\t"}
    assert "\\x1b]0;owned\\x07" in err
    assert "\nError: b.png" not in out + err  # a line of a name is no line of ours
