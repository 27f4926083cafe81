"""The command line on the demo's networks, through its entry point."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import napari_corrclip
from napari_corrclip.cli import main
from napari_corrclip.cli.console import sentence
from napari_corrclip.cli.demo import agreement, truth_labels
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.demo.words import what_is_in
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.evaluation.comparison import comparison
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.vocabulary import Vocabulary
from tests.forms import short

WORDS = "red, blue, green, grass, water"
SCENE = generate_scene(1)
IMAGE = SCENE.image[:128, :128]
FILES = {
    "arrays.npz",
    "labels.png",
    "overlay.png",
    "provenance.json",
    "regions.csv",
    "regions.tif",
    "vocabulary.yaml",
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NAPARI_CORRCLIP_DEBUG", raising=False)
    # Processes that a test starts run this checkout, whichever one is installed.
    monkeypatch.setenv("PYTHONPATH", str(Path(napari_corrclip.__file__).parent.parent))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return save(tmp_path / "scene.png", IMAGE)


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def run(*args: object) -> int:
    """Segment by superpixels, which load nothing, unless ``args`` say otherwise."""
    words = [] if "--classes" in args else ["--classes", WORDS]
    source = [] if "--regions" in args else ["--regions", "superpixels"]
    return main(["segment", "--output", "out", *words, *source, *map(str, args)])


def names(folder: Path | str) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def provenance(folder: Path | str) -> dict[str, object]:
    document = json.loads((Path(folder) / "provenance.json").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


# -- the command itself


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("napari-corrclip 0.")


@pytest.mark.parametrize("command", [[], ["segment"], ["demo"]])
def test_help_names_every_option(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    expected = {
        "": ["segment", "demo", "--version"],
        "segment": ["IMAGE...", "--classes", "--detail", "--limits", "--skip-existing", "--debug"],
        "demo": ["--seed", "--evaluate", "--json", "--scenes"],
    }["".join(command)]
    assert all(name in text for name in expected)


def test_help_and_version_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom napari_corrclip.cli import main\n"
        "main(['segment', '--help']), main(['--version'])\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "napari", "numpy", "pandas", "PIL", "open_clip", "rich", "yaml"}
    assert not heavy & set(done.stderr.split())


@pytest.mark.parametrize(
    "args",
    [
        ["segment"],
        ["segment", "a.png"],
        ["segment", "a.png", "-c", "a"],
        ["segment", "a.png", "-c", "a", "-o", "out", "--threshold", "much"],
        ["segment", "a.png", "-c", "a", "-o", "out", "--nothing"],
        ["demo", "--seed", "-1"],
        ["nothing"],
    ],
)
def test_misuse_ends_with_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    assert "Error" in capsys.readouterr().err
    assert names(".") <= {"cache"}


# -- segment


def test_segment_writes_a_folder_for_an_image(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(picture) == 0
    assert names("out") == {"scene"}
    assert names("out/scene") == FILES
    told = provenance("out/scene")
    assert told["preset"] == "demo"
    assert told["image"] == str(picture)
    assert isinstance(told["seconds"], dict)
    assert told["seconds"].keys() == {"regions", "encode", "text", "classify"}
    assert isinstance(told["regions"], dict)
    assert told["regions"]["source"] == "superpixels"
    result = Segmentation.load("out/scene")
    assert result.vocabulary == Vocabulary.parse(WORDS)
    with Image.open("out/scene/labels.png") as labels:
        assert labels.mode == "P"
        assert labels.getpalette()[3:6] == list(result.vocabulary.colors[1])
        np.testing.assert_array_equal(np.asarray(labels), result.labels)
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == f"out/scene{os.sep}"
    assert [line.split()[1] for line in out.splitlines()[2:]] == WORDS.split(", ")
    assert "Preset demo on " in err
    assert f"{picture}: 128 × 128 pixels, 1 window\n" in err


@pytest.mark.parametrize(("detail", "windows"), [("fine", 9), ("native", 9), ("standard", 1)])
def test_detail_decides_the_number_of_windows(
    detail: str, windows: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / "small.png", IMAGE)
    # A short side of 64 pixels, twice that, and the image's own 128.
    (tmp_path / "s.yaml").write_text("{short_side: 64, window: 64, stride: 32}")
    assert run(path, "--settings", "s.yaml", "--detail", detail) == 0
    assert f"{windows} window" in capsys.readouterr().err


def test_a_bad_image_among_several_is_skipped(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(picture.read_bytes()[:2000])
    other = save(tmp_path / "other.png", IMAGE[::-1])
    assert run(picture, bad, tmp_path / "missing.png", other) == 2
    err = capsys.readouterr().err
    assert names("out") == {"scene", "other"}
    assert names("out/other") == FILES
    assert "'missing.png' cannot be read" in err.replace(f"{tmp_path}{os.sep}", "")
    assert "bad.png" in err
    assert "2 of 4 images failed" in err
    assert "Traceback" not in err


def test_images_of_one_name_get_folders_of_their_own(tmp_path: Path) -> None:
    images = [save(tmp_path / name, IMAGE) for name in ("a/cell.png", "b/cell.png", "cell.tif")]
    assert run(*images, images[0]) == 0
    found = [provenance(folder)["image"] for folder in Path("out").iterdir()]
    assert sorted(map(str, found)) == sorted(map(str, images))


def test_results_of_another_image_are_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (save(tmp_path / folder / "cell.png", IMAGE) for folder in "ab")
    assert run(first) == 0
    before = {path.name: path.read_bytes() for path in Path("out/cell").iterdir()}
    for other in (lambda: run(second), lambda: main(["demo", "-o", "out/cell"])):
        assert other() == 2
        assert f"has the results of {str(first)!r}" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path("out/cell").iterdir()} == before


def test_existing_results_are_replaced_or_left(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(picture, "--classes", "red, blue") == 0
    document = provenance("out/scene") | {"format": "napari-corrclip result 0"}
    Path("out/scene/provenance.json").write_text(json.dumps(document))
    assert run(picture, "--classes", "red, blue") == 0  # of a former version
    assert provenance("out/scene")["format"] == "napari-corrclip result 1"
    Path("out/scene/notes of mine.txt").write_text("kept")
    assert run(picture, "--classes", "green, wood", "--skip-existing") == 0
    assert "left out" in capsys.readouterr().err
    assert Segmentation.load("out/scene").vocabulary.names == ("red", "blue")
    assert run(picture, "--classes", "green, wood") == 0
    assert Segmentation.load("out/scene").vocabulary.names == ("green", "wood")
    assert names("out/scene") == {*FILES, "notes of mine.txt"}


def test_classes_come_from_files(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("red; red circle\nbackground: grass, water\n")
    assert run(picture, "--classes", "words.txt") == 0
    read = Vocabulary.from_file("out/scene/vocabulary.yaml")
    assert read.names == ("red", "background")
    assert read.queries == ("red", "red circle", "grass", "water")


def test_regions_come_from_a_file_or_a_folder(picture: Path, tmp_path: Path) -> None:
    regions = SCENE.regions[:128, :128]
    (tmp_path / "maps").mkdir()
    tifffile.imwrite(tmp_path / "maps/scene.tif", regions.astype(np.uint16))
    np.save(tmp_path / "map.npy", regions)
    for source in ("maps", "map.npy"):
        assert run(picture, "--regions", source) == 0
        np.testing.assert_array_equal(Segmentation.load("out/scene").regions, regions)


def test_region_options_reach_the_source_and_the_provenance(picture: Path) -> None:
    options = ["points_per_side=4", "painting=large-on-top", "iou_threshold=0.5"]
    given = [part for option in options for part in ("--region-option", option)]
    assert run(picture, "--regions", "sam", *given) == 0
    told = provenance("out/scene")["regions"]
    assert isinstance(told, dict)
    expected = {"points_per_side": 4, "painting": "large-on-top", "iou_threshold": 0.5}
    assert told.items() >= expected.items()
    assert main(["demo", "-c", "red", "-o", "shown", *given]) == 0
    assert provenance("shown")["regions"] == told
    assert run(picture, "--region-option", "compactness=5") == 0
    told = provenance("out/scene")["regions"]
    assert isinstance(told, dict)
    assert (told["source"], told["compactness"]) == ("superpixels", 5.0)


def test_settings_files_change_the_preset_s_settings(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = Segmenter.from_preset("demo", regions="superpixels").settings
    Path("s.yaml").write_text("tau: 0.5\nwindow: 96\n")
    assert run(picture, "--settings", "s.yaml") == 0
    expected = preset.replace(tau=0.5, window=96)
    assert provenance("out/scene")["settings"] == expected.model_dump()
    Path("s.json").write_text('{"alhpa": 1e-5}')
    assert run(picture, "--settings", "s.json") == 2
    assert "did you mean 'alpha'?" in capsys.readouterr().err
    assert provenance("out/scene")["settings"] == expected.model_dump()


def test_threshold_and_templates(picture: Path) -> None:
    # So flat that no probability rounds to 1.
    Path("flat.yaml").write_text("logit_scale: 1.0\n")
    flat = ("--settings", "flat.yaml", "--threshold", 1)
    assert run(picture, *flat, "--templates", "a {}.", "--templates", "{}") == 0
    result = Segmentation.load("out/scene")
    assert not result.labels.any()
    assert result.provenance.templates == ("a {}.", "{}")
    assert run(picture, "--templates", "single") == 0
    assert Segmentation.load("out/scene").provenance.templates == ("a photo of a {}.",)


def test_limits_of_deep_images(tmp_path: Path) -> None:
    save(tmp_path / "deep.png", IMAGE)
    assert run("deep.png") == 0
    plain = Segmentation.load("out/deep").labels
    Path("deep.png").unlink()
    tifffile.imwrite(tmp_path / "deep.png", IMAGE.astype(np.uint16) * 10 + 300, photometric="rgb")
    assert run("deep.png", "--limits", 300, 2850) == 0
    np.testing.assert_array_equal(Segmentation.load("out/deep").labels, plain)


def test_words_that_the_networks_never_saw_are_told(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(picture, "--classes", "red, giraffe") == 0
    out, err = capsys.readouterr()
    assert "Note: " in err
    assert "'giraffe'" in err
    assert "Note" not in out
    assert any("'giraffe'" in note for note in Segmentation.load("out/scene").notes)


def test_a_colour_that_is_near_another_class_s_is_told_once(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(picture, "--classes", "wood #f00, water #f01000, sand") == 0
    err = capsys.readouterr().err
    assert (
        err.count("Note: The colour of 'wood' is hard to tell from that of 'water' (difference")
        == 1
    )
    assert run(picture, "--classes", "wood, water, sand") == 0
    assert "hard to tell" not in capsys.readouterr().err


# -- failures that are not the user's


def test_an_unforeseen_failure_ends_with_1_and_a_sentence(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the device caught fire\nand more")

    monkeypatch.setattr(Segmenter, "encode_steps", broken)
    assert run(picture) == 1
    err = capsys.readouterr().err
    assert "the device caught fire and more" in err
    assert "--debug" in err
    assert "Traceback" not in err
    assert not Path("out").exists()
    assert run(picture, "--debug") == 1
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("NAPARI_CORRCLIP_DEBUG", "1")
    assert run(picture, picture.with_name("missing.png")) == 1
    assert "Traceback" in capsys.readouterr().err


def test_too_little_memory_is_told_with_what_to_do(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def large(*_: object) -> None:
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setattr(Segmenter, "encode_steps", large)
    assert run(picture) == 1
    assert "not enough memory (Unable to allocate 1 TiB); use a smaller" in capsys.readouterr().err


def test_what_torch_says_of_too_little_memory_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert "not enough memory" in sentence(caught.value)


def test_files_of_somebody_else_are_not_replaced(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = Path("out/scene/labels.png")
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"my own work")
    assert run(picture) == 2
    assert "no result of this program's" in capsys.readouterr().err
    assert main(["demo", "-o", "out/scene"]) == 2
    assert mine.read_bytes() == b"my own work"
    assert [path.name for path in mine.parent.iterdir()] == ["labels.png"]
    mine.rename(mine.with_name("provenance.json"))  # a name that others use too
    assert run(picture) == 2
    assert [path.read_bytes() for path in mine.parent.iterdir()] == [b"my own work"]


def test_names_that_the_terminal_cannot_show_stop_nothing(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert run(picture, "--classes", "red, w\u00f3od") == 0
    assert b"w\\xf3od" in written.getvalue()


def test_names_of_images_that_are_odd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = save(tmp_path / "plain.png", IMAGE)
    images = []
    for name in ("with a space", "größe ✓", "-c", "line\nbreak", os.fsdecode(b"caf\xe9")):
        image = tmp_path / f"{name}.png"
        # Not every name is one on every file system.
        with contextlib.suppress(OSError, UnicodeError):
            image.write_bytes(plain.read_bytes())
            images.append(image)
    for _ in range(2):  # the second time its own results are found again
        assert run("--", *images) == 0
        assert names("out") == {image.stem for image in images}
        assert all(names(Path("out") / image.stem) == FILES for image in images)
    capsys.readouterr()
    for name in ("..png", "...png"):  # would go to the output folder itself, or above it
        (tmp_path / name).write_bytes(plain.read_bytes())
        before = names("."), names("out")
        assert run(tmp_path / name) == 2
        assert "has no name before its ending" in capsys.readouterr().err
        assert (names("."), names("out")) == before
    scan = tmp_path / "scan"
    scan.write_bytes(plain.read_bytes())  # its folder would have its own name
    assert main(["segment", "scan", "-c", "red", "--regions", "superpixels", "-o", "."]) == 2
    assert "'scan' cannot be written (Not a directory)" in capsys.readouterr().err
    assert scan.read_bytes() == plain.read_bytes()


def test_ctrl_c_ends_with_130_and_one_line(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Segmenter, "encode_steps", interrupted)
    assert run(picture, picture.with_name("other.png")) == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("Interrupted;")


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize(
    ("number", "status"),
    short((signal.SIGTERM, 143), rest=[(signal.SIGINT, 130), (signal.SIGHUP, 129)])
    if os.name == "posix"
    else [],
)
def test_a_process_that_is_stopped_leaves_old_and_finished_output(
    tmp_path: Path, number: int, status: int
) -> None:
    first, large = (save(tmp_path / f"{name}.png", IMAGE) for name in ("first", "large"))
    assert run(large, "--classes", "red, blue") == 0
    before = {path.name: path.read_bytes() for path in Path("out/large").iterdir()}
    save(large, np.tile(SCENE.image, (3, 3, 1)))  # which takes a while
    # A shell that starts tests in the background has SIGINT ignored, and children inherit that.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from napari_corrclip.cli import main; raise SystemExit(main())"
    )
    args = ["segment", first, large, "-c", "green, wood", "-o", "out", "--detail", "native"]
    told = []
    with subprocess.Popen(
        [sys.executable, "-c", code, *args, "--regions", "superpixels"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            told.append(line)
            if line.startswith(str(large)):
                process.send_signal(number)
    assert process.returncode == status, told
    assert "Traceback" not in "".join(told)
    assert told[-1].startswith("Interrupted;")
    assert names("out") == {"first", "large"}
    assert Segmentation.load("out/first").vocabulary.names == ("green", "wood")
    assert {path.name: path.read_bytes() for path in Path("out/large").iterdir()} == before


def test_the_package_itself_is_the_command() -> None:
    command = [sys.executable, "-m", "napari_corrclip", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (
        0,
        f"napari-corrclip {napari_corrclip.__version__}",
    )


def test_a_process_prints_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "napari_corrclip.cli",
            "segment",
            "none.png",
            "-c",
            "a",
            "-o",
            "out",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "Error: The image 'none.png' cannot be read (No such file or directory); give a PNG, JPEG "
        "or TIFF image.\n"
    )


# -- stdout and stderr as a shell may leave them

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def shell(redirection: str, *args: object, unbuffered: bool = False) -> tuple[int, str, str]:
    """Run a real process behind ``redirection``; its exit code, stdout and stderr."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"PYTHONUNBUFFERED": "1"} if unbuffered else {}
    command = [sys.executable, "-m", "napari_corrclip.cli", *map(str, args)]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *command],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def only_sentence(stderr: str) -> str:
    """The one error in ``stderr``, whatever was told of progress before it."""
    assert "Traceback" not in stderr
    assert "Exception" not in stderr
    assert stderr.count("Error: ") == 1, stderr
    assert stderr.splitlines()[-1].startswith("Error: ")
    return stderr.splitlines()[-1]


@needs_dev_full
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_a_full_stdout_is_one_sentence(option: str, unbuffered: bool) -> None:
    code, _, err = shell(">/dev/full", option, unbuffered=unbuffered)
    assert code == 2
    assert "cannot be written (No space left on device)" in only_sentence(err)


@needs_dev_full
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_stream_costs_no_result(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stream: str
) -> None:
    with open("/dev/full", "w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, stream, full)
        code = run(picture)
    told = capsys.readouterr()
    if stream == "stdout":
        assert code == 2
        assert "what was saved before is complete" in only_sentence(told.err)
    else:
        assert code == 0
        assert told.out.splitlines()[0] == f"out/scene{os.sep}"
    assert names("out/scene") == FILES


def test_a_closed_stdout_is_told_before_anything_is_computed(picture: Path) -> None:
    for args in (["segment", picture, "-c", WORDS, "-o", "out"], ["demo", "-o", "out"]):
        code, _, err = shell(">&-", *args)
        assert code == 2
        assert "cannot be written (it is closed)" in only_sentence(err)
        assert err.count("\n") == 1
        assert not Path("out").exists()


@pytest.mark.skipif(os.name != "posix", reason="pipes are closed as POSIX has it")
@pytest.mark.parametrize("args", [["--help"], ["segment", "--help"], ["models", "--help"]])
def test_help_that_nobody_reads_is_no_error(args: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "napari_corrclip.cli", *args]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="pipes are closed as POSIX has it")
def test_a_reader_that_goes_away_is_no_error(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # what is told of an image is one write
    other = save(picture.with_name("other.png"), IMAGE)
    args = ["segment", picture, other, "-c", WORDS, "-o", "out", "--regions", "superpixels"]
    command = [sys.executable, "-m", "napari_corrclip.cli", *map(str, args)]
    # The reader leaves after the first line, as head -1 does.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == f"out/scene{os.sep}\n".encode()
        process.stdout.close()
        err = process.stderr.read().decode()
    assert process.returncode == 141, err
    assert "Error" not in err
    assert "Traceback" not in err
    assert names("out") == {"scene", "other"}
    assert names("out/other") == FILES


@pytest.mark.parametrize("redirection", ["2>&-", pytest.param("2>/dev/full", marks=needs_dev_full)])
def test_errors_that_nobody_can_be_told_leave_stdout_clean(redirection: str) -> None:
    assert shell(redirection, "segment", "none.png", "-c", "a", "-o", "out") == (2, "", "")
    assert shell(redirection, "segment") == (2, "", "")


# -- demo


def test_demo_writes_results_and_a_picture_and_tells_the_agreement(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["demo", "--seed", "3"]) == 0
    assert names("corrclip-demo") == {*FILES, "demo.png"}
    with Image.open("corrclip-demo/demo.png") as shown:
        assert shown.width > 3 * 512
    out = capsys.readouterr().out
    assert "object mIoU 0." in out
    assert all(one.name in out for one in what_is_in(generate_scene(3)))
    # Its own results are replaced; words that name nothing of the scene are told.
    assert main(["demo", "--seed", "2", "--regions", "superpixels", "-c", "giraffe"]) == 0
    assert provenance("corrclip-demo")["image"] == "demo scene 2"
    assert Segmentation.load("corrclip-demo").vocabulary.names == ("giraffe",)
    out, err = capsys.readouterr()
    assert "no truth to compare" in out
    assert "'giraffe'" in err


def test_demo_evaluate_prints_and_writes_all_stages(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["demo", "--evaluate", "--scenes", "1", "--regions", "superpixels"]
    assert main([*args, "--json", "new/scores.json"]) == 0
    document = json.loads(Path("new/scores.json").read_text())
    for group in ("colours", "seen", "held_out"):
        assert list(document[group]) == ["base", "scope", "value", "refinement", "full"]
        assert document[group]["full"].keys() == {"object_miou", "miou"}
    assert "refinement" in capsys.readouterr().out
    assert names("new") == {"scores.json"}


@pytest.mark.parametrize(
    "args",
    [
        ["--json", "scores.json"],
        ["--evaluate", "--scenes", "0"],
        ["--evaluate", "--json", "cache"],
        ["--evaluate", "--json", "file/scores.json"],
        ["--evaluate", "--json", "x" * 300],
        ["--evaluate", "--json", os.devnull],
        ["--evaluate", "--regions", ""],
        ["--evaluate", "--regions", "nothing", "--scenes", "1"],
        ["--regions", "nothing"],
        ["--regions", ""],
        ["--regions", "cache", "--region-option", "sigma=1"],
        ["--region-option", "sigma=1"],
        ["--classes", ""],
        ["--device", "cuda:99"],
        ["-o", "file/out"],
    ],
)
def test_demo_refuses_what_cannot_be_done(
    args: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("")
    Path("cache").mkdir()
    assert main(["demo", *args]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Error: ")
    assert len(err.splitlines()) == 1
    assert names(".") == {"file", "cache"}


@pytest.mark.parametrize(
    ("option", "evaluate"),
    [
        (["-o", "out"], True),
        (["--seed", "7"], True),
        (["--classes", "red"], True),
        (["--region-option", "points_per_side=8"], True),
        (["--scenes", "100"], False),
        (["--json", "scores.json"], False),
    ],
)
def test_demo_ignores_no_option(
    option: list[str], evaluate: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *option, *(["--evaluate"] if evaluate else [])]) == 2
    name = {"-o": "--output"}.get(option[0], option[0])
    goes = "does not go" if evaluate else "goes"
    assert capsys.readouterr().err.startswith(f"Error: {name} {goes} with --evaluate; ")
    assert names(".") <= {"cache"}


def test_truth_and_agreement_of_a_vocabulary() -> None:
    scene = generate_scene(7)
    words = what_is_in(scene)
    truth = truth_labels(scene, words)
    assert (truth > 0).all()
    assert agreement(truth, truth, words).miou == 1
    # Values, prompts and order of its own.
    things = Vocabulary.parse("things: Purple, blue\nground: water, wood").remove("things")
    things = things.add("things", prompts=("Purple", "blue"))
    truth = truth_labels(scene, things)
    assert set(np.unique(truth)) == {0, 2, 3}
    found = agreement(truth, np.where(truth == 3, 3, 0).astype(np.uint16), things)
    assert (found.object_miou, found.miou) == (1, 0.5)


def test_the_picture_shows_three_panels() -> None:
    scene = generate_scene(7)
    words = what_is_in(scene)
    truth = truth_labels(scene, words)
    shown = comparison(scene.image, truth, np.zeros_like(truth), words)
    assert shown.dtype == np.uint8
    assert shown.shape == (512 + 34 + 12, 3 * 512 + 4 * 12, 3)
    np.testing.assert_array_equal(shown[34 : 34 + 512 : 2, 12 : 12 + 512 : 2], scene.image)
