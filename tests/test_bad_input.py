"""What cannot be used: one clear sentence, exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors.torch import save_file

import napari_corrclip
from napari_corrclip.cli import main
from napari_corrclip.cli.options import parse_region_options, read_classes
from napari_corrclip.cli.targets import check_folder
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.presets import NetworkSpec

SCENE = generate_scene(1)
SMALL = SCENE.image[:64, :64]
CLOSED = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", CLOSED)
    monkeypatch.delenv("NAPARI_CORRCLIP_DEBUG", raising=False)


@pytest.fixture
def no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loads a network for a mistake that could be told before fails the test."""

    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("networks were loaded")

    monkeypatch.setattr(Segmenter, "from_recipe", loaded)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_preset("demo", device="cpu", regions="superpixels")


def picture(name: str = "image.png") -> str:
    Image.fromarray(SMALL).save(name)
    return name


def refused(
    capsys: pytest.CaptureFixture[str], *args: str, made: tuple[str, ...] = (), fetches: int = 0
) -> str:
    """Run ``segment`` and return its one sentence; nothing but ``made`` may lie here then.

    Before it, ``fetches`` downloads are announced with their licence.
    """
    before = {path.name for path in Path().iterdir()}
    defaults = {"--classes": "red, grass", "--regions": "superpixels", "--output": "out"}
    given = [*args]
    for name, value in defaults.items():
        if name not in args:
            given += [name, value]
    assert main(["segment", *given]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    announced, lines = err.splitlines()[:fetches], err.splitlines()[fetches:]
    assert all(line.startswith("Fetching") and "licence" in line for line in announced)
    assert len(lines) == 1, err
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in err
    assert {path.name for path in Path().iterdir()} == before | set(made)
    return lines[0].removeprefix("Error: ")


# -- classes and prompts


@pytest.mark.usefixtures("no_networks")
@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ("", "empty"),
        ("  \n , ", "empty"),
        ("red, blue, Red", "the same"),
        ("red: a, a", "twice"),
        ("missing.yaml", "'missing.yaml' cannot be read"),
        ("red: " + "very " * 90 + "red", "tokens, more than the 77"),
    ],
)
def test_classes(classes: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sentence in refused(capsys, picture(), "--classes", classes)


@pytest.mark.usefixtures("no_networks")
def test_a_prompt_is_measured_in_its_longest_template(capsys: pytest.CaptureFixture[str]) -> None:
    # 73 words and the two marks would fit by themselves, but not in "there is a {} in the scene."
    told = refused(capsys, picture(), "--classes", "many: " + "red " * 73)
    assert "tokens, more than the 77" in told
    assert "shorten it" in told


def test_a_prompt_that_is_too_long_stops_the_api_before_the_image_is_encoded(
    segmenter: Segmenter,
) -> None:
    with pytest.raises(InputError, match=r"more than the 77 .* shorten it"):
        next(segmenter.segment_steps(SMALL, {"many": "red " * 80}))
    features = segmenter.encode(SMALL)
    with pytest.raises(InputError, match="more than the 77"):
        segmenter.classify(features, {"many": "red " * 80})


@pytest.mark.usefixtures("no_networks")
@pytest.mark.parametrize("name", ["photo.jpg", "words.md", "folder/words"])
def test_a_file_of_another_kind_is_no_class(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    image = picture()
    Path("folder").mkdir()
    Path(name).write_text("red")
    told = refused(capsys, image, "--classes", f" {name}")
    assert f"--classes {name!r}" in told
    assert ".yaml, .yml, .json, .csv, .txt" in told


def test_a_name_that_only_looks_like_a_file_is_a_class() -> None:
    Path("cat").mkdir()
    Path("photo.jpg").write_text("")
    assert read_classes("cat").names == ("cat",)
    assert read_classes("Dr. No").names == ("Dr. No",)
    assert read_classes("photo.jpg\ncat").names == ("photo.jpg", "cat")
    assert read_classes("and/or, " + "long " * 99).names[0] == "and/or"


# -- images

ARRAYS: list[tuple[Any, str]] = [
    (np.zeros((0, 5, 3), np.uint8), r"\(0, 5, 3\).*no pixels"),
    (np.zeros((2, 3, 4, 5, 6)), r"5-dimensional"),
    (np.zeros((8, 8, 5), np.uint8), r"\(8, 8, 5\), 5 channels"),
    (np.zeros((3, 8, 8), np.uint8), r"channels seem to come first"),
    (np.full((8, 8), np.nan), r"NaN.*row 0, column 0"),
    (np.full((8, 8, 3), np.inf, np.float32), r"infinite"),
    (np.full((8, 8), "a"), r"values of type"),
]


@pytest.mark.parametrize(("array", "sentence"), ARRAYS)
def test_arrays(array: Any, sentence: str, segmenter: Segmenter) -> None:
    for use in (
        lambda: segmenter.encode(array),
        lambda: napari_corrclip.segment(array, "red, grass", regions="superpixels"),
    ):
        with pytest.raises(InputError, match=sentence):
            use()


@pytest.mark.usefixtures("no_networks")
@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((2, 3, 4, 5, 6), np.uint8), "a stack of the shape (2, 3, 4, 5, 6)"),
        (np.full((8, 8), np.nan, np.float32), "NaN"),
        (np.full((8, 8), np.inf, np.float32), "infinite"),
        (np.zeros((8, 8, 5), np.uint8), "(8, 8, 5)"),
    ],
)
def test_images_of_the_wrong_kind(
    array: np.ndarray, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite("image.tif", array, photometric="minisblack")
    told = refused(capsys, "image.tif")
    assert sentence in told
    assert "'image.tif'" in told


@pytest.mark.usefixtures("no_networks")
def test_files_that_are_no_images(capsys: pytest.CaptureFixture[str]) -> None:
    whole = Path(picture("cut.png")).read_bytes()
    Path("cut.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(SMALL).save("cut.jpg")
    Path("cut.jpg").write_bytes(Path("cut.jpg").read_bytes()[:700])
    tifffile.imwrite("cut.tif", SMALL)
    Path("cut.tif").write_bytes(Path("cut.tif").read_bytes()[:3000])
    Path("empty.png").write_bytes(b"")
    Path("text.png").write_text("no image")
    Path("folder.png").mkdir()
    for name, sentence in {
        "cut.png": "cut short",
        "cut.jpg": "cut short",
        "cut.tif": "cut short",
        "empty.png": "is an empty file",
        "text.png": "is no image that can be read",
        "missing.png": "cannot be read",
        "folder.png": "cannot be read",
    }.items():
        told = refused(capsys, name)
        assert sentence in told
        assert repr(name) in told


@pytest.mark.usefixtures("no_networks")
@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--limits", "5", "5"], "limits"),
        (["--limits", "nan", "5"], "limits"),
        (["--percentiles", "-1", "50"], "percentiles"),
        (["--threshold", "1.5"], "threshold"),
        (["--detail", "most"], "There is no detail 'most'; choose one of standard, fine, native"),
        (["--dtype", "int8"], "There is no type 'int8'"),
        (["--templates", "a photo"], "{}"),
        (["--settings", "missing.yaml"], "'missing.yaml' cannot be read"),
        (["--preset", "large"], "There is no preset 'large'; choose one of demo, vit-b-16, lite,"),
        (["--device", "cuda:99"], "There is no device 'cuda:99' on this machine; choose auto or"),
        (["--regions", "squares"], "There are no regions 'squares'; choose sam or superpixels"),
        (["--regions", ""], "--regions is empty (''); choose sam or superpixels, or give"),
        (["--regions", " "], "--regions is empty (' '); choose sam or superpixels, or give"),
        (["--regions", "x" * 300], "There are no regions 'xxx"),
        (["--region-option", "sigma"], "'sigma' is no NAME=VALUE; write"),
        (["--region-option", "=2"], "'=2' is no NAME=VALUE; write"),
        (["--region-option", "sigma= "], "'sigma= ' is no NAME=VALUE; write"),
        (
            ["--region-option", "sigma=2", "--region-option", "sigma=3"],
            "'sigma' is given twice; leave one of them out",
        ),
        (
            ["--regions", ".", "--region-option", "sigma=2"],
            "sigma=2 goes with --regions sam or superpixels, and '.' is a region map",
        ),
    ],
)
def test_options(option: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sentence in refused(capsys, picture(), *option)


@pytest.mark.parametrize(
    ("regions", "option", "sentence"),
    [
        ("superpixels", "points_per_side=8", "no option 'points_per_side'; it takes"),
        ("superpixels", "sigma=-1", "sigma is -1; give"),
        ("superpixels", "sigma=nan", "sigma is nan; give"),
        ("superpixels", "sigma=wide", "sigma"),
        ("sam", "sigma=1", "no option 'sigma'; it takes"),
        ("sam", "points_per_side=0", "points_per_side is 0; give"),
        ("sam", "points_per_side=many", "points_per_side is 'many'; give"),
        ("sam", "iou_threshold=high", "iou_threshold"),
        ("sam", "device=cpu", "device"),
        ("sam", "painting=red-on-top", "'red-on-top' is no painting order; choose"),
    ],
)
def test_region_options_cost_no_download(
    regions: str, option: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--preset", "vit-b-16", "--regions", regions, "--region-option", option]
    assert sentence in refused(capsys, picture(), *args)


def test_region_options_are_numbers_where_they_can_be() -> None:
    texts = ["points_per_side=32", "iou_threshold = .5", "painting=large-on-top", "a=b=c"]
    expected = {"points_per_side": 32, "iou_threshold": 0.5, "painting": "large-on-top", "a": "b=c"}
    assert parse_region_options(texts) == expected


def test_options_through_the_api() -> None:
    for options, sentence in (
        ({"preset": "large"}, "There is no preset 'large'"),
        ({"device": "cuda:99"}, "There is no device 'cuda:99'"),
        ({"dtype": "int8"}, "There is no type 'int8'"),
        ({"regions": "squares"}, "There is no region source 'squares'"),
        ({"detail": "most"}, "There is no detail 'most'"),
    ):
        with pytest.raises(InputError, match=sentence):
            napari_corrclip.segment(SMALL, "red", **options)  # type: ignore[arg-type]


# -- regions

REGIONS: list[tuple[np.ndarray, str]] = [
    (np.ones((64, 32), np.uint8), r"\(64, 32\)"),
    (np.full((64, 64), -3, np.int16), "negative id -3"),
    (np.ones((64, 64), np.float32), "float32"),
    (np.ones((64, 64, 3), np.uint8), r"\(64, 64, 3\)"),
]


@pytest.mark.parametrize(("regions", "sentence"), REGIONS)
def test_region_arrays(regions: np.ndarray, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        napari_corrclip.segment(SMALL, "red, grass", regions=regions)


@pytest.mark.usefixtures("no_networks")
@pytest.mark.parametrize(("regions", "sentence"), REGIONS)
@pytest.mark.parametrize("name", ["regions.tif", "regions.npy"])
def test_region_files(
    name: str, regions: np.ndarray, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name.endswith(".npy"):
        np.save(name, regions)
    else:
        tifffile.imwrite(name, regions)
    assert sentence.replace("\\", "") in refused(capsys, picture(), "--regions", name)


@pytest.mark.usefixtures("no_networks")
def test_region_files_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.npy").write_bytes(b"")
    Path("maps").mkdir()
    assert "'empty.npy'" in refused(capsys, picture(), "--regions", "empty.npy")
    assert "has no regions for 'image.png'" in refused(capsys, picture(), "--regions", "maps")
    if Path("/dev/zero").exists():
        assert "no regular file" in refused(capsys, picture(), "--regions", "/dev/zero")


# -- places to write to


@pytest.mark.usefixtures("no_networks")
@pytest.mark.parametrize(
    "output", ["file", "file/out", "file/a/b", "/proc/out", "x" * 300, "new/" + "x" * 300, "loop"]
)
def test_output_that_cannot_be_written(output: str, capsys: pytest.CaptureFixture[str]) -> None:
    # A path below a file and one in /proc are closed to everybody, even to root.
    if output.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("there is no /proc here")
    Path("file").write_text("kept")
    Path("loop").symlink_to("loop")
    told = refused(capsys, picture(), "--output", output)
    assert repr(output) in told
    assert "cannot be written" in told
    assert Path("file").read_text() == "kept"


def test_paths_with_a_nul(capsys: pytest.CaptureFixture[str]) -> None:
    picture()
    for args in (["a\0.png", "-o", "out"], ["image.png", "-o", "a\0/b"]):
        assert main(["segment", *args, "-c", "red", "--regions", "superpixels"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "null byte" in err.splitlines()[-1]  # said by typer or, where that is old, by us
    with pytest.raises(InputError, match="null byte"):
        check_folder(Path("a\0/b"))


def test_saving_where_nothing_can_be_written(segmenter: Segmenter) -> None:
    Path("file").write_text("kept")
    result = segmenter.segment(SMALL, "red, grass")
    features = segmenter.encode(SMALL)
    for save in (
        lambda: result.save("file/out", image=SMALL),
        lambda: features.save("file/features.safetensors"),
    ):
        with pytest.raises(InputError, match="cannot be written"):
            save()
    assert [path.name for path in Path().iterdir()] == ["file"]


# -- weights


def local(library: Any, architecture: str, path: str) -> NetworkSpec:
    return NetworkSpec.local(library, architecture, path)


def test_a_checkpoint_of_another_architecture() -> None:
    save_file({"weight": torch.zeros(3)}, "wrong.safetensors")
    Path("code.pt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    demo = get_preset("demo")
    for path, sentence in (
        ("wrong.safetensors", r"is not of timm's vit_tiny_patch16_224: .* give the file of this"),
        ("code.pt", r"cannot be read as tensors alone"),
        ("none.pt", r"does not exist"),
    ):
        preset = replace(demo, similarity=local("timm", "vit_tiny_patch16_224", path))
        with pytest.raises(WeightsError, match=sentence):
            Segmenter.from_preset(preset, device="cpu", regions="superpixels")


def test_weights_that_are_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    images = picture(), picture("other.png")
    told = refused(capsys, *images, "--preset", "vit-b-16", "--device", "cpu", fetches=2)
    place = tmp_path / "cache" / "vit_base_patch16_clip_224.openai" / "open_clip_model.safetensors"
    assert str(place) in told
    assert f"{CLOSED}/timm/vit_base_patch16_clip_224.openai" in told
    assert "MIT" in told
    assert not place.exists()


# -- features


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"\xff" * len(data),
        lambda data: data.replace(b"napari-corrclip features", b"napari-corrclip fixtures"),
    ],
)
def test_files_of_features(spoil: Callable[[bytes], bytes], segmenter: Segmenter) -> None:
    path = Path("features.safetensors")
    segmenter.encode(SMALL).save(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match=r"features\.safetensors"):
        napari_corrclip.Features.load(path)
    with pytest.raises(InputError, match="none"):
        napari_corrclip.Features.load("none")
