"""The command ``ablate``, through its entry point."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_corrclip.cli import ablation as command
from napari_corrclip.cli import main
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.progress import Steps, T


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def ablate(*args: object) -> int:
    return main(["ablate", *map(str, args)])


def test_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate("--scenes", 2, "--regions", "superpixels", "--device", "cpu", "-o", "out") == 0
    shown = capsys.readouterr().out
    document = json.loads(Path("out/ablation.json").read_text(encoding="utf-8"))
    rows = document["sources"]["superpixels"]
    assert list(rows) == [
        *("base", "scope", "value", "refinement", "full", "main", "spatial", "semantic"),
        *(f"similarity-{name}" for name in ("uniform", "clip-qk", "clip-qq", "dino-xx", "dino-qk")),
    ]
    # The default similarity is the full method; the paper's figures stand beside.
    assert rows["similarity-dino-qk"]["groups"] == {
        group: {"miou": figures["miou"], "difference": None}
        for group, figures in rows["full"]["groups"].items()
    }
    assert document["published"]["ablation"]["base"] == [51.8, 32.6, 33.0]
    assert "51.8 / 32.6 / 33.0" in shown
    gain = rows["full"]["groups"]["colours"]["difference"]
    figures = [rows[row]["groups"]["colours"]["miou"]["value"] for row in ("full", "refinement")]
    assert gain["value"] == pytest.approx(figures[0] - figures[1])
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert document["images"] == 2
    assert document["settings"]["eps"] == 0.02
    assert Path("out/ablation.md").read_text(encoding="utf-8").strip() in shown
    assert Path("out/ablation.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "ablation.json",
        "ablation.md",
        "ablation.png",
    ]
    before = Path("out/ablation.json").read_bytes()
    assert ablate("--scenes", 1, "-o", "out") == 2
    error = capsys.readouterr().err
    assert (
        "'out' has a finished ablation (one of 2 scenes of the demo, from seed 3000000 by" in error
    )
    assert "or --replace to measure it anew" in error
    assert Path("out/ablation.json").read_bytes() == before


def test_a_run_goes_on_and_tells_of_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is interrupted is kept by its options and told with its command; a finished run leaves it."""

    def interrupting(steps: Steps[T], **_: float) -> T:
        before = set(Path("out").glob("unfinished-*/*.json"))
        for _event in steps:
            if set(Path("out").glob("unfinished-*/*.json")) - before:
                raise KeyboardInterrupt
        raise AssertionError("nothing was kept")

    args = ["--scenes", 2, "--regions", "superpixels", "--device", "cpu", "-o", "out"]
    few = ["--region-option", "n_segments=20"]
    real = command.follow

    def of_measuring(steps: Steps[T], **options: float) -> T:
        return (interrupting if steps.__name__ == "measure_steps" else real)(steps, **options)

    for more in ([], few):
        monkeypatch.setattr(command, "follow", of_measuring)
        monkeypatch.setattr(sys, "argv", ["napari-corrclip", "ablate", *map(str, args + more)])
        assert ablate(*args, *more) == 130
        assert "what was done is kept, and the same command goes on" in capsys.readouterr().err
    monkeypatch.setattr(command, "follow", real)
    assert ablate(*args, *few) == 0
    told = capsys.readouterr().err
    assert "1 of 2 images was measured before; this goes on from there" in told
    other = next(line for line in told.splitlines() if line.startswith("Note: "))
    assert f"goes on by napari-corrclip ablate {' '.join(map(str, args))}; remove it" in other
    (left,) = Path("out").glob("unfinished-*")
    assert str(left) in other
    document = json.loads(Path("out/ablation.json").read_text(encoding="utf-8"))
    assert document["sources"]["superpixels"]["base"]["regions"] < 40


def test_a_folder_of_images(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path("set")
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    names = ["red", "blue", "green", "grass", "sand"]
    for seed in range(2):
        scene = generate_scene(seed)
        Image.fromarray(scene.image[:96, :128]).save(root / "images" / f"{seed}.png")
        truth = scene.truth(names)[:96, :128]
        labels = np.where(truth == 0, 255, truth.astype(int) - 1).astype(np.uint8)
        Image.fromarray(labels).save(root / "labels" / f"{seed}.png")
    # A word that the demo's networks never saw.
    (root / "classes.txt").write_text("\n".join(["pizza", *names[1:]]), encoding="utf-8")
    args = ["folder", "--root", root, "--regions", "superpixels", "--device", "cpu", "-o", "out"]
    assert ablate(*args) == 2  # a folder ignores no value by itself
    assert "value 255" in capsys.readouterr().err
    args += ["--ignore", 255]
    assert ablate(*args, "--scenes", 1, "--detail", "native", "--offline") == 0
    told = capsys.readouterr().err
    notes = [
        "Only 1 of 2 images is scored, so that figures are not comparable.",
        "The demo's networks know coloured shapes alone, so that these figures say nothing of photographs "
        "and their words; --preset names others.",
    ]
    document = json.loads(Path("out/ablation.json").read_text(encoding="utf-8"))
    sizes = "Short side own, windows of 128 every 64 pixels, in float32."
    assert document["notes"] == [*notes, sizes]
    assert document["title"] == "set, 1 image"
    page = Path("out/ablation.md").read_text(encoding="utf-8")
    for note in notes:
        assert f"Note: {note}" in told
        assert note in page
    assert sizes in page
    # Of one image there is no interval.
    scope = document["sources"]["superpixels"]["scope"]["groups"]["all"]
    gain = f"{100 * scope['difference']['value']:+.1f}"
    assert f"| + scope | {100 * scope['miou']['value']:.1f} ({gain}) |" in page
    assert document["settings"]["short_side"] is None
    assert document["images"] == 1
    assert list(document["sources"]["superpixels"]["base"]["groups"]) == ["all"]
    assert ablate(*args, "--scenes", 3, "--replace") == 2
    assert "has 2 images here and 3 were asked for" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--scenes", 0], "--scenes 0 cannot be measured"),
        (["--regions", "given"], "ablate takes no regions 'given'"),
        (["--preset", "none"], "There is no preset 'none'"),
        (["--detail", "huge"], "There is no detail 'huge'"),
        (["--validation", 3], "--validation goes with --variants"),
        (["--variants", "--validation", 0], "--validation 0 chooses nothing"),
        (["--variants", "--regions", "superpixels"], "--variants are judged by SAM's regions"),
        (["voc21", "--root", ".", "--variants"], "chosen and judged on the demo's scenes"),
        (["--root", "."], "--root is of a data set"),
        (["--ignore", 255], "--classes, --first and --ignore are for a folder"),
        (["--region-option", "points_per_side=4"], "--region-option goes with one --regions"),
        (["--settings", "stitched.yaml"], "the settings say stitched: true"),
        (["voc21"], "'voc21' is read from a folder"),
        (["voc12", "--root", "."], "'voc12' is no data set"),
        (["folder", "--root", "nowhere"], "cannot be read"),
        (["folder", "--root", "set", "-o", "set/images"], "whose files are the data set's"),
        (["folder", "--root", "set", "-c", "a, b\nc"], "Line 1 names 2 classes"),
        (["-o", "mine"], "move it away or give another -o"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(
    args: list[object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("stitched.yaml").write_text("stitched: true", encoding="utf-8")
    for part in ("images", "labels"):
        (Path("set") / part).mkdir(parents=True)
        (Path("set") / part / "a.png").write_bytes(b"")
    Path("set/classes.txt").write_text("a\nb", encoding="utf-8")
    Path("mine").mkdir()
    Path("mine/ablation.csv").write_text("mine", encoding="utf-8")
    assert ablate(*args) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not Path("corrclip-ablation").exists()


def test_a_slip_is_told_before_torch_is_loaded() -> None:
    code = (
        "import sys; from napari_corrclip.cli import main; "
        "code = main(['ablate', 'voc12', '--root', '.']); "
        "print(code, sorted({'torch', 'open_clip', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 []"
