"""``napari-corrclip project compare`` as a person types it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_corrclip.cli import app
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.plotting import has_matplotlib
from napari_corrclip.project.project import Project
from tests.project.joining.annotators import annotate, copied, drawn, with_errors
from tests.project.small import RECIPE, WORDS, write_scenes


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, and projects of Ann and Bo, who are wrong at times."""
    base = tmp_path_factory.mktemp("two")
    (base / "images").mkdir()
    write_scenes(base / "images", 2, 60, 72)
    with Project.create(base / "ann", WORDS, base / "images", recipe=RECIPE) as project:
        project.run(progress=False)
        folder = project.folder
    copied(folder, "bo")
    annotate(folder, with_errors(drawn, 0.1, 1), "Ann")
    annotate(base / "bo", with_errors(drawn, 0.3, 2), "Bo")
    return base


@pytest.fixture
def here(ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the current folder."""
    shutil.copytree(ready, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_figures_and_a_report(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["project", "compare", "ann", "bo", "-o", "report"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "2 images compared, 0 in the first alone, 0 in the second alone\npixels   κ 0."
    )
    document = json.loads((here / "report" / "comparison.json").read_text())
    with Project.open("ann") as one, Project.open("bo") as other:
        found = one.compare(other, progress=False)
    assert document["pixels"]["confusion"] == found.pixels.counts.tolist()
    assert document["pixels"]["kappa"] == found.pixels.kappa
    assert f"κ {found.pixels.kappa:.3f} (95 %" in out
    assert f"κ {found.regions.kappa:.3f} (95 %" in out
    assert f"{found.pixels.share:.1%} agree ({found.pixels.agreed:,} of" in out
    assert [image["title"] for image in document["images"]] == [
        image.title for image in found.worst_first()
    ]
    page = (here / "report" / "comparison.md").read_text()
    assert page.startswith("# ann and bo, compared\n")
    assert f"| regions | {found.regions.total} | {found.regions.agreed} |" in page
    for number, image in enumerate(found.worst_first(), 1):
        assert f"{image.title}:\n\n![comparison-worst-{number}.png]" in page
        picture = iio.imread(here / "report" / f"comparison-worst-{number}.png")
        assert picture.shape[1] > 4 * 512 > picture.shape[0]
        vermilion = (picture[..., 0] > 150) & (picture[..., 2] < 60) & (picture[..., 1] < 140)
        last = vermilion[:, 3 * picture.shape[1] // 4 :]
        rows = picture.shape[0] - 34 - 12
        columns = (picture.shape[1] - 12) // 4 - 12
        assert last.sum() / (rows * columns) == pytest.approx(image.share, abs=0.02)

    plots = has_matplotlib()
    if plots:
        assert "![comparison-confusion.png](comparison-confusion.png)" in page
        plot = iio.imread(here / "report" / "comparison-confusion.png")
        assert len(np.unique(plot.reshape(-1, plot.shape[-1]), axis=0)) > 50  # cells and a scale

    # Once more in its place, and never in that of others.
    copied(here / "ann.corrclip-project", "same")
    assert app.run(["project", "compare", "ann", "same", "-o", "report"]) == 0
    assert {path.name for path in (here / "report").iterdir()} == {
        "comparison.json", "comparison.md", *(["comparison-confusion.png"] if plots else []),
    }  # fmt: skip
    (here / "other").mkdir()
    (here / "other" / "comparison.md").write_text("mine")
    capsys.readouterr()
    assert app.run(["project", "compare", "ann", "bo", "-o", "other"]) == 2
    assert "might be replaced" in capsys.readouterr().err


def test_without_matplotlib_the_confusion_is_not_drawn(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert app.run(["project", "compare", "ann", "bo", "-o", "report"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("The confusion is not drawn, for matplotlib is not installed;")
    assert said.count("\n") == 1
    names = {path.name for path in (here / "report").iterdir()}
    assert names == {
        "comparison.json", "comparison.md", "comparison-worst-1.png", "comparison-worst-2.png",
    }  # fmt: skip
    assert "confusion.png" not in (here / "report" / "comparison.md").read_text()


def test_what_is_passed_over_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Project.open("bo") as project:
        project.mark(project.items()[0], "skipped")
    assert app.run(["project", "compare", "ann", "bo"]) == 2
    out = capsys.readouterr()
    assert "Passed over: ../images/0.png: It is skipped in bo.corrclip-project" in out.err
    assert out.out.startswith(
        "1 image compared, 0 in the first alone, 0 in the second alone, 1 passed over\n"
    )
    assert app.run(["project", "compare", "ann", "bo", "--verified"]) == 0
    out = capsys.readouterr()
    assert "0 images compared" in out.out
    assert "2 not verified by both" in out.out
    assert "pixels   none that could be compared" in out.out


def test_names_of_others_are_text(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bo.corrclip-project").rename("b|o\n`x`.corrclip-project")
    iio.imwrite(here / "images" / "0.png", generate_scene(9).image[:50, :50])
    assert app.run(["project", "compare", "ann", "b|o\n`x`", "-o", "report"]) == 2
    out = capsys.readouterr()
    assert out.err.count("\n") == 1
    page = (here / "report" / "comparison.md").read_text()
    assert page.splitlines()[0] == r"# ann and b\|o\\n\`x\`, compared"
    assert np.isfinite(
        json.loads((here / "report" / "comparison.json").read_text())["pixels"]["kappa"]
    )


def test_a_merge_and_its_conflicts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["project", "merge", "ann", "bo", "-o", "both"]) == 0
    out = capsys.readouterr()
    with Project.open("both") as project:
        listed = project.conflicts
        assert project.count() == {"in review": 2}
    assert out.out.splitlines()[0].endswith(
        "both.corrclip-project: 2 images, 2 of them in both, 0 of the second alone"
    )
    number = f"{len(listed)} conflicts, {len(listed)} of them to be decided; all stand in "
    assert out.out.splitlines()[1].startswith(number)
    first = listed[0]
    assert (
        f"{first.image}, region {first.region}: A {first.first.class_} by Ann, "
        f"B {first.second.class_} by Bo\n" in out.err
    )
    assert app.run(["project", "merge", "ann", "bo", "-o", "both"]) == 2
    assert "is there and not empty" in capsys.readouterr().err
    assert app.run(["project", "merge", "ann", "bo", "-o", "c", "--prefer", "Ann"]) == 2
    assert "--prefer is 'Ann'; choose none, A, B, newest" in capsys.readouterr().err
    assert app.run(["project", "merge", "ann", "bo", "-o", "c", "--prefer", "B"]) == 0
    assert "; B is taken\n" in capsys.readouterr().err
    assert app.run(["project", "compare", "bo", "c"]) == 0
    assert "pixels   κ 1.000" in capsys.readouterr().out


def test_a_sample_and_its_second_look(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["project", "sample", "ann", "1", "--seed", "4"]) == 0
    out = capsys.readouterr().out
    assert (
        "ann-second-look.corrclip-project: 1 of 2 images that somebody has decided, drawn by seed 4"
        in out
    )
    assert "napari-corrclip project compare ann " in out
    annotate(here / "ann-second-look", with_errors(drawn, 0.1, 5), "Cy")
    assert app.run(["project", "compare", "ann", "ann-second-look", "-o", "report"]) == 0
    line = "a sample of 1 of 2 images of ann.corrclip-project, 1 looked at twice; κ of all is estimated as 0."
    assert line in capsys.readouterr().out
    document = json.loads((here / "report" / "comparison.json").read_text())
    assert document["sample"]["looked_at"] == 1
    assert document["sample"]["estimate"]["low"] is None  # one image tells no interval
    assert app.run(["project", "sample", "ann", "5", "--regions", "-o", "q"]) == 0
    assert (
        "q.corrclip-project: 5 of 38 regions that somebody has decided on "
        in capsys.readouterr().out
    )


def test_nothing_is_written_among_images_or_into_a_project(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(here.rglob("*"))
    compare, merge = ["project", "compare", "ann", "bo"], ["project", "merge", "ann", "bo"]
    for command, said in (
        ([*compare, "-o", "images"], "where ann.corrclip-project looks for its images"),
        ([*compare, "-o", "images/x/y"], "where ann.corrclip-project looks for its images"),
        ([*compare, "-o", "ann.corrclip-project/items"], "whose files are its own"),
        ([*compare, "-o", "bo.corrclip-project/x"], "whose files are its own"),
        ([*compare, "-o", ""], "The path is empty"),
        ([*merge, "-o", "ann.corrclip-project/x"], "whose files are its own"),
        ([*merge, "-o", ""], "The path is empty"),
        (["project", "sample", "ann", "1", "-o", "ann.corrclip-project/q"], "whose files are"),
        (["project", "sample", "ann", "1", "-o", ""], "The path is empty"),
        (["effort", "-o", "ann.corrclip-project/x"], "whose files are its own"),
        (["effort", "--sheets", "-o", "ann.corrclip-project/x"], "whose files are its own"),
        (["effort", "--sequence", "--no-plots", "-o", "ann.corrclip-project"], "are its own"),
        (["effort", "-o", ""], "The path is empty"),
    ):
        assert app.run(command) == 2, command
        assert said in capsys.readouterr().err, command
    left = [path for path in here.rglob("*") if not path.name.endswith(("-shm", "-wal"))]
    assert sorted(left) == [path for path in before if not path.name.endswith(("-shm", "-wal"))]
    assert app.run([*compare, "-o", "image"]) == 0  # beside them
    assert (here / "image" / "comparison.json").exists()


def test_where_a_pattern_looks_for_images_nothing_is_written(here: Path) -> None:
    with Project.create("some", WORDS, "images/*.png", recipe=RECIPE) as project:
        for folder in ("images", "images/deep"):
            with pytest.raises(InputError, match=r"where some\.corrclip-project looks"):
                project.check_apart(folder)
        project.check_apart("beside")
    with Project.create("single", WORDS, "images/0.png", recipe=RECIPE) as project:
        project.check_apart("images")  # none but that image is looked for


def test_one_project_twice_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "link").symlink_to(here / "ann.corrclip-project", target_is_directory=True)
    for other in ("ann", "link"):
        assert app.run(["project", "compare", "ann", other]) == 2
        assert "is both of the projects that are to be compared; give another" in (
            capsys.readouterr().err
        )


def test_status_tells_of_classes_rolled_up_and_of_open_conflicts(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "merge", "ann", "bo", "-o", "both"]) == 0
    capsys.readouterr()
    assert app.run(["project", "status", "both"]) == 0
    plain = capsys.readouterr().out
    with Project.open("both") as project:
        waiting = len(project.open_conflicts())
        words = project.vocabulary
        project.choose(words.with_parent("red", "blue"))
        (blue,) = (row for row in project.figures(roll_up="root").classes if row.name == "blue")
    assert f"{waiting} conflicts to decide on a sheet\n" in plain
    assert "  blue: " not in plain
    assert app.run(["project", "status", "both", "--roll-up", "root"]) == 0
    out = capsys.readouterr().out
    said = f"  blue: {blue.regions} regions on 2 images, {blue.decided} decided, {blue.area:,} pixels\n"
    assert said in out
    assert "  red: " not in out
    assert app.run(["project", "status", "both", "--roll-up", "nix"]) == 2
    assert "'nix'" in capsys.readouterr().err
    assert app.run(["project", "status", "ann"]) == 0
    assert "conflict" not in capsys.readouterr().out


def test_a_sample_of_another_project_estimates_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "sample", "ann", "2", "-o", "q"]) == 0
    annotate(here / "q", drawn, "Cy")
    capsys.readouterr()
    assert app.run(["project", "compare", "bo", "q", "-o", "report"]) == 0
    out = capsys.readouterr().out
    assert "2 looked at twice; bo.corrclip-project is not what it was drawn from" in out
    assert "estimated" not in out
    document = json.loads((here / "report" / "comparison.json").read_text())
    assert document["sample"]["estimate"] is None


def test_a_number_that_is_none_and_a_name_that_is_taken(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "sample", "ann", "two"]) == 2
    assert "'two' is no whole number; say how many are drawn, such as 20." in (
        capsys.readouterr().err
    )
    assert app.run(["project", "classes", "ann", "--rename", "red", "Blue"]) == 2
    assert "There is a class 'Blue' already; give 'red' another name, or --merge, which makes" in (
        capsys.readouterr().err
    )
    assert app.run(["project", "classes", "ann", "--rename", "red", "Red"]) == 0
