"""``napari-corrclip project`` as a person types it: made, run, told of, relinked, repaired."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_corrclip.cli import app
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.project.database import NAME
from napari_corrclip.project.project import Project
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.loading import load_tokenizer
from napari_corrclip.weights.presets import MULTILINGUAL, built_in_names

CREATE = ("--regions", "superpixels", "--region-option", "n_segments=40", "-c", "red, blue, wood")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(2):
        iio.imwrite(folder / f"{number}.png", generate_scene(number).image[:100, :100])
    return folder


def test_the_whole_way(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["project", "create", "set", "images", *CREATE]) == 0
    assert "set.corrclip-project: 2 images, 3 classes" in capsys.readouterr().out
    assert app.run(["project", "run", "set.corrclip-project"]) == 0
    out = capsys.readouterr()
    assert "2 images pre-labelled, 0 failed" in out.out
    assert "images/1.png: " in out.err
    assert "(2 of 2 · " in out.err
    (images / "bad.png").write_bytes(b"no")
    assert app.run(["project", "run", "set.corrclip-project"]) == 2
    out = capsys.readouterr()
    assert "0 images pre-labelled, 1 failed" in out.out
    assert out.err.count("bad.png") == 1
    assert "Vectors of the regions take up to" in out.err  # what has come since is counted
    assert app.run(["project", "status", f"set.corrclip-project/{NAME}"]) == 0
    out = capsys.readouterr()
    assert "2 pre-labelled\n1 failed\n" in out.out
    assert "  ../images/bad.png: " in out.out

    images.rename(tmp_path / "photographs")
    assert app.run(["project", "status", "set.corrclip-project"]) == 0
    assert "3 images not found, such as '" in capsys.readouterr().out
    assert app.run(["project", "relink", "set.corrclip-project", "images", "photographs"]) == 0
    assert "3 images relinked" in capsys.readouterr().out
    Path("set.corrclip-project", NAME).unlink()
    assert app.run(["project", "status", "set.corrclip-project"]) == 2
    assert "is missing; make it anew: napari-corrclip project repair" in capsys.readouterr().err
    assert app.run(["project", "repair", "set.corrclip-project"]) == 0
    assert "2 pre-labelled" in capsys.readouterr().out
    with Project.open("set.corrclip-project") as project:
        project.choose("red, green, wood")
    assert app.run(["project", "run", "set.corrclip-project", "--stale", "--strict"]) == 2
    assert "is no image that can be read" in capsys.readouterr().err


def test_copies_and_large_images_by_the_command_line(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(images / "stack.npy", np.stack([generate_scene(2).image[:100, :100]] * 2))
    more = ("--copy", "--scale", "0.5", "--tile", "128", "--overlap", "32")
    assert app.run(["project", "create", "set", "images", *CREATE, *more]) == 0
    out = capsys.readouterr()
    size = sum(path.stat().st_size for path in images.iterdir()) / 1e6
    assert f"Copying 3 images, {size:.1f} MB\n" in out.err
    assert "set.corrclip-project: 4 images, 2 of them planes of 1 stack, 3 classes" in out.out
    shutil.rmtree(images)
    Path("set.corrclip-project").rename("moved.corrclip-project")
    assert app.run(["project", "run", "moved.corrclip-project"]) == 0
    out = capsys.readouterr()
    assert "4 images pre-labelled, 0 failed" in out.out
    assert "stack.npy[1]: " in out.err
    assert app.run(["project", "status", "moved.corrclip-project"]) == 0
    assert "regions superpixels, scale 0.5\n4 pre-labelled\n" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_what_was_passed_over_is_told_by_the_command_that_makes_a_project(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "gone.png").symlink_to(images / "nowhere.png")
    assert app.run(["project", "create", "set", "images", *CREATE, "--copy"]) == 0
    out = capsys.readouterr()
    assert "Copying 2 images, " in out.err
    assert "set.corrclip-project: 2 images, 3 classes\nThere is no image '" in out.out
    assert out.out.endswith("gone.png' to be copied; check the path.\n")


@pytest.mark.parametrize("given", ["images", ".", "images/deep"])
@pytest.mark.parametrize("copied", [False, True])
def test_who_moved_the_project_alone_is_told_what_to_type(
    images: Path, capsys: pytest.CaptureFixture[str], given: str, copied: bool
) -> None:
    (images / "deep").mkdir()
    for number in range(2):
        (images / f"{number}.png").rename(images / "deep" / f"{number}.png")
    assert app.run(["project", "create", "set", "images", *CREATE]) == 0
    Path("else where").mkdir()
    place = Path("set.corrclip-project").rename("else where/set.corrclip-project")
    if copied:  # these went with it
        with Project.open(place) as project:
            assert project.add(images / "deep" / "0.png", copy=True) == 1
    capsys.readouterr()
    assert app.run(["project", "relink", str(place), given, given]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    if given == ".":
        assert "2 of 2 images are not in '.', such as " in said
    else:
        looked_for = place.absolute().parent / "images"
        assert f"2 images not found are looked for in {str(looked_for)!r}, so type: nap" in said
    program, *command = shlex.split(said.partition("type: ")[2].strip().removesuffix("."))
    assert program == "napari-corrclip"
    assert app.run(command) == 0
    assert "2 images relinked" in capsys.readouterr().out
    with Project.open(place) as project:
        assert project.status().missing == 0
        shutil.copy(images / "deep" / "0.png", images / "deep" / "later.png")
        assert project.look_again() == 1
        assert len(project) == 3 + copied


def test_who_does_not_know_where_images_are_looked_for_is_told_so(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "create", "set", "images", *CREATE]) == 0
    relink = ["project", "relink", "set.corrclip-project", "nowhere", "anywhere"]
    assert app.run(relink) == 2
    assert "looked for in 'nowhere', and none is missing; leave it" in capsys.readouterr().err
    images.rename("moved")
    assert app.run(relink) == 2
    assert f"{str(images)!r} FOLDER, in which they lie now." in capsys.readouterr().err
    assert app.run([*relink[:3], str(images), "./elsewhere/../moved"]) == 0
    assert "2 images relinked" in capsys.readouterr().out
    with Project.open("set.corrclip-project") as project:
        assert project.status().missing == 0
        assert [item.path for item in project] == ["../moved/0.png", "../moved/1.png"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--preset", "gone"), "gone"),
        (("--regions", "map.png"), "a project finds its regions itself"),
        (("--region-option", "n_segments"), "is no NAME=VALUE"),
        (("--region-option", "colour=3"), "colour"),
        (("--device", "gpu"), "gpu"),
        (("--dtype", "int8"), "int8"),
        (("--detail", "coarse"), "coarse"),
        (("--tile", "256"), "--tile goes with --scale"),
        (("--scale", "0.5", "--detail", "fine"), "--detail fine does not go with --scale"),
        (("--scale", "0"), "0"),
        (("-c", "cat,,dog"), "empty class name"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_made(
    images: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], sentence: str
) -> None:
    args = ["project", "create", "set", str(images), "-c", "cat", "--regions", "superpixels", *more]
    assert app.run(args) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not Path("set.corrclip-project").exists()


def test_parts_and_what_they_made_by_the_command_line(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "create", "set", str(images), *CREATE]) == 0
    for part in ("1/2", "2/2"):
        assert app.run(["project", "run", "set.corrclip-project", "--part", part]) == 0
        assert "project run set.corrclip-project --collect" in capsys.readouterr().out
    assert app.run(["project", "run", "set.corrclip-project", "--collect"]) == 0
    assert "2 images collected\n2 pre-labelled\n" in capsys.readouterr().out
    for wrong in (
        ["--part", "3"],
        ["--part", "3/2"],
        ["--collect", "--part", "1/2"],
        ["--collect", "--stale"],
    ):
        assert app.run(["project", "run", "set.corrclip-project", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_what_is_no_project_is_not_opened(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["project", "open", "images"]) == 2
    assert "'images' is no project" in capsys.readouterr().err


def test_features_are_kept_and_other_words_found_by_the_command_line(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "create", "set", str(images), *CREATE]) == 0
    place = "set.corrclip-project"
    run = ["project", "run", place, "--keep", "features"]
    assert app.run([*run, "--limit", "500kB"]) == 0
    out = capsys.readouterr()
    assert "Features of the images take about 0.9 MB, and the limit is 0.5 MB: about 57%" in out.err
    assert app.run(["project", "relabel", place]) == 0
    assert "0 images relabelled, 0 failed" in capsys.readouterr().out
    assert app.run(["project", "relabel", place, "-c", "red, green, wood"]) == 0
    out = capsys.readouterr()
    assert "1 image pre-labelled by other classes or settings has no features" in out.err
    assert f"project run {place} --stale --keep features" in out.err
    assert "1 image relabelled, 0 failed" in out.out
    assert "2 pre-labelled, 1 of them by older settings" in out.out
    assert app.run([*run, "--stale"]) == 0
    assert "take about 0.4 MB (the limit is 20.0 GB)" in capsys.readouterr().err
    shutil.rmtree(images)
    assert app.run(["project", "relabel", place, "-c", "green, blue, wood, stone"]) == 0
    out = capsys.readouterr()
    assert "2 images relabelled, 0 failed" in out.out
    assert "images/1.png: " in out.err
    assert "2 pre-labelled\n" in out.out
    with Project.open(place) as project:
        # Classes of the same name keep their values, also "blue", which was gone meanwhile.
        assert [class_.value for class_ in project.vocabulary.classes] == [4, 2, 3, 5]


def test_other_classes_by_mistake_are_taken_back(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["project", "create", "set", str(images), *CREATE]) == 0
    place = "set.corrclip-project"
    assert app.run(["project", "run", place]) == 0
    with Project.open(place) as project:
        first, _ = project
        with project.session(first) as session:
            session.assign(session.ids[:2].tolist(), "blue")
        mistaken = project.vocabulary
    capsys.readouterr()
    assert app.run(["project", "relabel", place, "-c", "car, lamp"]) == 0
    assert "'blue' stays in the set, where images have regions of it\n" in capsys.readouterr().err
    with Project.open(place) as project:
        assert project.vocabulary.names == ("car", "lamp", "blue")
        assert project.vocabulary.values == (4, 5, 2)
        assert project.count_stale() == {"in review": 1, "pre-labelled": 1}
        # "blue" is a class of the set; of what was proposed nothing goes out as if it had no class.
        with pytest.raises(InputError, match=r"labels of .*'red'.*relabel"):
            project.export(tmp_path / "export", "indexed", progress=False)
    assert app.run(["project", "relabel", place, "-c", "red, blue, wood"]) == 0
    out = capsys.readouterr()
    assert "stay" not in out.err
    assert "1 pre-labelled\n1 in review\n" in out.out
    with Project.open(place) as project:
        assert project.vocabulary.classes == mistaken.classes
        assert project.vocabulary.next_value == 6  # of the two that were a mistake, and of no more
        assert project.export(tmp_path / "export", "indexed", progress=False).images == 2


def test_what_needs_no_networks_does_not_wait_for_their_libraries(images: Path) -> None:
    code = (
        "import sys; from napari_corrclip.cli import app; place = 'set.corrclip-project';"
        "create = ['project', 'create', 'set', '-c', 'red, wood', '--regions', 'superpixels'];"
        "codes = [app.run(each) for each in ["
        "[*create, 'nothere', '--device', 'cpu'], [*create, 'no*.png', '--device', 'cpu'],"
        "[*create, 'images'], ['project', 'relabel', place],"
        "['project', 'relabel', place, '-c', 'red, moss']]];"
        "assert codes == [2, 2, 0, 0, 0], codes;"
        "late = {'torch', 'triton', 'open_clip'} & set(sys.modules);"
        "assert not late, late"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The multilingual one's tokenizer is downloaded; tests/weights has a small one of its kind.
@pytest.mark.parametrize("name", [name for name in built_in_names() if name != MULTILINGUAL])
def test_prompts_that_are_not_counted_fit_every_text_tower(name: str) -> None:
    fits = get_preset(name).clip.surely_read
    assert fits == 75
    tokenizer = load_tokenizer(get_preset(name).clip)
    assert tokenizer.context_length >= fits + 2
    dice = random.Random(1)
    printable = [chr(code) for code in range(1, 128) if chr(code) != "&"]
    for _ in range(200):
        text = "".join(dice.choices(printable, k=fits))
        assert len(tokenizer.encode(text)) <= fits


def test_what_is_run_again_for_its_features_is_told_with_their_size(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["project", "run", "set.corrclip-project"]
    assert app.run(["project", "create", "set", str(images), *CREATE]) == 0
    assert app.run(run) == 0
    capsys.readouterr()
    assert app.run([*run, "--keep", "features"]) == 0
    out = capsys.readouterr()
    assert (
        "Features of the images take about 0.9 MB (the limit is 20.0 GB); 2 images pre-labelled without "
        "them are run again\n"
    ) in out.err
    assert "(2 of 2 · " in out.err
    assert "2 images pre-labelled, 0 failed" in out.out
    assert app.run([*run, "--keep", "features"]) == 0
    out = capsys.readouterr()
    assert "Features" not in out.err
    assert "0 images pre-labelled" in out.out


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--limit", "1GB"), "add --keep features"),
        (("--keep", "results"), "the features are what can be kept"),
        (("--keep", "features", "--limit", "much"), "give a size, such as 500MB or 20GB"),
        (("--keep", "features", "--limit", "0GB"), "give a size, such as 500MB or 20GB"),
        (("--collect", "--keep", "features"), "--collect runs nothing"),
    ],
)
def test_what_cannot_be_kept_is_said(
    images: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], sentence: str
) -> None:
    assert app.run(["project", "create", "set", str(images), *CREATE]) == 0
    capsys.readouterr()
    assert app.run(["project", "run", "set.corrclip-project", *more]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert app.run(["project", "relabel", "set.corrclip-project", "-c", "cat,,dog"]) == 2
    assert "empty class name" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="others allow no such names")
def test_a_name_that_is_no_text_is_told_so_that_it_can_be_found(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(os.fsdecode(b"photographs/caf\xe9"))
    shutil.copytree(images, folder)
    shutil.copy(images / "0.png", os.fsdecode(b"images/caf\xe9\\.png"))
    assert app.run(["project", "create", "set", "images", *CREATE]) == 0
    out = capsys.readouterr().out
    assert r"images/caf\xe9\\.png' is no valid text; rename it." in out
    assert app.run(["project", "create", "none", str(folder), *CREATE]) == 2
    assert r"photographs/caf\xe9' is no valid text; rename it." in capsys.readouterr().err
    for where in (os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"caf\xe9*.png")):
        assert app.run(["project", "create", "none", where, *CREATE]) == 2
        err = capsys.readouterr().err
        assert r"caf\xe9" in err
        assert "udc" not in err
    segment = ["segment", "-c", "red, wood", "-o", "out", "--regions", "superpixels"]
    shutil.copy(images / "1.png", folder.with_name("0.png"))
    assert app.run([*segment, str(folder / "0.png")]) == 0
    capsys.readouterr()
    assert app.run([*segment, "photographs/0.png"]) == 2
    err = capsys.readouterr().err
    assert "has the results of '" in err
    assert r"\\" not in err
    shutil.rmtree(folder)
    assert app.run(["project", "create", "none", "--from", "out"]) == 2
    err = capsys.readouterr().err
    assert "are gone or were changed, such as '" in err
    assert r"\\" not in err


@pytest.fixture
def labelled(images: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A project of two photographs and three planes that was run, beside the current folder's images."""
    np.save(images / "cells.npy", np.stack([generate_scene(2).image[:60, :60]] * 3))
    assert app.run(["project", "create", "set", "images", *CREATE]) == 0
    assert app.run(["project", "run", "set.corrclip-project"]) == 0
    capsys.readouterr()
    return Path("set.corrclip-project")


def states(folder: Path) -> dict[str, str]:
    """Return the states of a project's items, as the index and as their folders have them, and by whom."""
    with Project.open(folder) as project:
        for item in project:
            path = project.folder_of(item) / "item.json"
            document = json.loads(path.read_text()) if path.exists() else {"state": "new"}
            assert document["state"] == item.state
            assert document.get("by", "") == item.by
        return {
            item.title.removeprefix("../images/"): f"{item.state} {item.by}".rstrip()
            for item in project
        }


@pytest.mark.parametrize(
    ("named", "marked"),
    [
        (["images/0.png"], ["0.png"]),  # as seen from here
        (["../images/0.png", "images/0.png"], ["0.png"]),  # as the project has it, and once
        (["images/cells.npy[1]", "images/1.png"], ["1.png", "cells.npy[1]"]),
        (["../images/cells.npy[0]"], ["cells.npy[0]"]),
        (["*.png"], ["0.png", "1.png"]),
        (["*/[0-9].png"], ["0.png", "1.png"]),
        (["*/cells*"], ["cells.npy[0]", "cells.npy[1]", "cells.npy[2]"]),
        (["*.npy[2]"], ["cells.npy[2]"]),
    ],
)
def test_images_are_marked_however_they_are_named(
    labelled: Path, capsys: pytest.CaptureFixture[str], named: list[str], marked: list[str]
) -> None:
    assert app.run(["project", "mark", str(labelled), "verified", *named, "--by", "Ann"]) == 0
    number = f"{len(marked)} image{'s' if len(marked) > 1 else ''}"
    assert capsys.readouterr().out == f"{number} marked verified\n"
    found = states(labelled)
    assert sorted(name for name, state in found.items() if state == "verified Ann") == marked
    assert len([state for state in found.values() if state == "pre-labelled"]) == 5 - len(marked)


def test_all_images_of_a_state_are_marked(
    labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = ["project", "mark", str(labelled)]
    assert app.run([*mark, "skipped", "images/0.png", "--by", "Ann"]) == 0
    capsys.readouterr()
    for args, told in (
        (["skipped", "--all", "--in", "skipped", "--by", "Ben"], "0 images marked skipped\n"),
        (["verified", "--all", "--in", "pre-labelled"], "4 images marked verified\n"),
        (["skipped", "--all", "--by", "Ben"], "4 images marked skipped\n"),
        (["pre-labelled", "--all", "--in", "new"], "0 images marked pre-labelled\n"),
    ):
        assert app.run([*mark, *args]) == 0
        assert capsys.readouterr().out == told
    found = states(labelled)
    assert found.pop("0.png") == "skipped Ann"  # whoever has said so before is not written over
    assert set(found.values()) == {"skipped Ben"}


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (
            ["done", "images/0.png"],
            "There is no state 'done'; choose one of new, pre-labelled, in review, verified, skipped.",
        ),
        (["verified", "--all", "--in", "done"], "There is no state 'done'"),
        (["failed", "images/0.png"], "Nobody but a run says that an item is failed"),
        (["verified", "images/0.png", "gone.png"], "The project has no image 'gone.png'; give its"),
        (["verified", "images/0.png", "*.gif"], "No image of the project fits the pattern '*.gif'"),
        (["verified", "images/0.png", "images/cells.npy"], "is a stack of 3 planes; name one"),
        (["verified", "images/0.png", "images/cells.npy[7]"], "has no image 'images/cells.npy[7]'"),
        (["verified", "images/0.png", "images/later.png"], "has no result, so it cannot be verif"),
        (["verified", "--all"], "later.png' has no result, so it cannot be verified"),
        (["verified"], "Say which images, or give --all"),
        (["verified", "images/0.png", "--all"], "Say which images, or give --all"),
        (["verified", "images/0.png", "--in", "new"], "goes with --all"),
    ],
)
def test_none_is_marked_where_one_cannot_be(
    labelled: Path,
    images: Path,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    sentence: str,
) -> None:
    shutil.copy(images / "0.png", images / "later.png")
    with Project.open(labelled) as project:
        project.look_again()
    before = states(labelled)
    assert app.run(["project", "mark", str(labelled), *args]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert states(labelled) == before


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in the way is replaced there")
def test_none_is_marked_where_the_disk_refuses_one(
    labelled: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("later.png", "last.png"):
        shutil.copy(images / "0.png", images / name)
    with Project.open(labelled) as project:
        project.look_again()
        in_the_way = project.folder_of(project.items()[-1])
    in_the_way.write_text("no folder can be made here")
    assert app.run(["project", "mark", str(labelled), "skipped", "--all", "--by", "Ann"]) == 2
    assert "cannot be written" in capsys.readouterr().err
    in_the_way.unlink()
    assert sorted(set(states(labelled).values())) == ["new", "pre-labelled"]
    assert app.run(["project", "mark", str(labelled), "skipped", "--all", "--by", "Ann"]) == 0
    assert set(states(labelled).values()) == {"skipped Ann"}
