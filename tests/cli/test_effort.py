"""The command ``effort``, through its entry point."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from napari_corrclip.cli import main
from tests.evaluation.effort.photographs import write
from tests.users import another_user


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def effort(*args: object) -> int:
    return main(["effort", *map(str, args)])


def test_a_folder_of_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "two", 4)
    few = ["--superpixels", 6, "--superpixels", 12, "--variants"]
    assert effort("--data", "two", "-c", "dark, light", "--ignore", 9, *few, "-o", "out") == 0
    shown = capsys.readouterr()
    assert "adaptive / regions" in shown.out
    assert "a random forest trained on" in shown.err
    document = json.loads(Path("out/effort.json").read_text(encoding="utf-8"))
    assert [one["images"] for one in document["sets"]] == [2, 2]
    assert {"brush", "regions", "raster", "raster+boxes", "adaptive+tools", "oracle"} <= {
        *document["arms"]
    }
    assert "expected-error" in document["arms"]
    assert "expected-error / regions" in shown.out
    assert Path("out/effort-two-12.png").exists()
    assert Path("out/effort-curves.csv").exists()


def test_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    assert effort("--images", 1, "--no-plots", "--device", "cpu", "-o", "out") == 0
    document = json.loads(Path("out/effort.json").read_text(encoding="utf-8"))
    names = [one["name"] for one in document["sets"]]
    assert names == ["demo-sam", "demo-sam-held", "demo-superpixels", "demo-superpixels-held"]
    assert "expected-error" not in document["arms"]
    assert not list(Path("out").glob("*.png"))
    again = ["--images", 1, "--no-plots", "--device", "cpu", "-o", "out"]
    assert effort(*again) == 2
    assert "'out' has a study; give another -o, or --replace to measure it anew." in (
        capsys.readouterr().err
    )
    assert json.loads(Path("out/effort.json").read_text(encoding="utf-8")) == document


def test_a_folder_image_after_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "two", 6)
    some = ["--superpixels", 9, "--orders", 2, "--sets", "few"]
    args = ["--data", "two", "--ignore", 9, *some, "--device", "cpu", "-o", "out"]
    assert effort("--sequence", *args, "--variants") == 0
    shown = capsys.readouterr()
    assert "| two, few | on / untaught, never more |" in shown.out
    document = json.loads(Path("out/sequence.json").read_text(encoding="utf-8"))
    assert [found["name"] for found in document["sets"]] == ["two-few"]
    assert document["half"] == "test"
    ways = document["sets"][0]["ways"]
    assert {"untaught", "on", "ask", "shuffled", "wrong", "on+tools"} <= {*ways}
    assert len(ways["on"]["places"]) == 3
    assert Path("out/sequence-places-few.png").exists()
    # A second run takes the place of the first; another study's files stay.
    Path("out/effort.md").write_text("mine", encoding="utf-8")
    again = ["--sequence", *args, "--images", 1, "--no-plots", "--half", "tune", "--replace"]
    assert effort(*again) == 0
    assert json.loads(Path("out/sequence.json").read_text(encoding="utf-8"))["half"] == "tune"
    assert not list(Path("out").glob("*.png"))
    assert Path("out/effort.md").read_text(encoding="utf-8") == "mine"


def test_a_folder_on_the_contact_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "two", 6)
    some = ["--superpixels", 30, "--orders", 2, "--sets", "few"]
    args = ["--data", "two", "--ignore", 9, *some, "--device", "cpu", "-o", "out"]
    assert effort("--sheets", *args, "--variants") == 0
    shown = capsys.readouterr()
    assert "| most alike together, marking all |" in shown.out
    document = json.loads(Path("out/sheets.json").read_text(encoding="utf-8"))
    (found,) = document["sets"]
    assert (found["name"], found["images"], len(found["halves"])) == ("two-few", 3, 2)
    assert {"p", "alike+all", "class-stakes", "p-on", "alike-best"} <= {*found["sheets"]}
    assert found["sheets"]["p"]["left_wrong"]["all decided"][0] == 0
    assert "| two, few | 3 |" in Path("out/sheets.md").read_text(encoding="utf-8")
    assert Path("out/sheets.csv").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--data", "nowhere"], "There is no folder 'nowhere'"),
        (["--data", "empty"], "cannot be read"),
        (["--images", "0"], "--images 0 cannot be corrected"),
        (["-c", "red, blue"], "are for a folder, and the data is the demo's"),
        (["--data", "two", "-c", "dark, light"], "holds the value 9"),
        (["--data", "two", "-c", "dark", "--ignore", "9"], "holds the value 1"),
        (["--sequence", "--images", "0"], "--images 0 cannot be corrected"),
        (["--sheets", "--sequence"], "are two studies"),
        (["--sheets", "--sets", "plain, fancy"], "There is no set 'fancy'"),
        (["--sheets", "-o", "file"], "'file' cannot be written"),
        (["--sequence", "--half", "left"], "There is no half 'left'"),
        (["--sequence", "--sets", "plain, fancy"], "There is no set 'fancy'"),
        (["--sequence", "--sets", ","], "There is no set ''"),
        (["--sequence", "-c", "red, blue"], "are for a folder, and the data is the demo's"),
        (["--sequence", "--data", "nowhere"], "There is no folder 'nowhere'"),
        (
            ["--sequence", "--data", "two", "--superpixels", "4", "--superpixels", "9"],
            "with one number of --superpixels",
        ),
        (["-o", "file"], "'file' cannot be written"),
        (["-o", "theirs"], "effort.md' is there"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    args: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "two", 2)
    Path("empty").mkdir()
    Path("theirs").mkdir()
    Path("theirs/effort.md").write_text("mine", encoding="utf-8")
    Path("file").write_text("", encoding="utf-8")
    assert effort(*args) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("Error: ")
    assert words in said[0]
    assert Path("theirs/effort.md").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_that_may_not_be_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # pytest closes them to others, and it is theirs to look inside
    (tmp_path / "closed").mkdir(mode=0o500)
    with another_user():
        assert effort("--images", 1, "-o", "closed/out") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_without_matplotlib_it_says_so_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert effort("--images", 1, "-o", "out") == 2
    assert "need matplotlib" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--half", "tune"), ("--orders", "3"), ("--sets", "plain")]
)
def test_an_option_of_another_study_is_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert effort("--images", 1, option, value, "-o", "out") == 2
    assert f"{option} is '{value}', and goes with --sequence or --sheets; add one of them" in (
        capsys.readouterr().err
    )
    assert not Path("out").exists()


def test_results_among_what_is_measured_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "two", 2)
    for more in ([], ["--sequence"], ["--sheets"]):
        assert effort("--data", "two", "--no-plots", *more, "-o", "two/images") == 2
        assert "whose files are measured, and results would be taken" in capsys.readouterr().err
