"""``napari-corrclip robustness`` on a scene, by the demo's networks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from napari_corrclip.cli import main
from napari_corrclip.evaluation.resampling import Interval
from napari_corrclip.evaluation.robustness.report import verdict


def test_a_damage_and_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Low contrast costs, and stretching gives most of it back; tables, JSON and plot say the same."""
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    few = ["--scenes", "1", "--validation", "1", "--damage", "contrast", "--remedy", "stretch"]
    assert main(["robustness", *few, "-o", str(out)]) == 0
    told = capsys.readouterr().out
    found = json.loads((out / "robustness.json").read_text())
    curve = [found["curves"][name]["pairs"][0] for name in ("clean 0", *_CONTRASTS)]
    assert curve[0] > curve[2] > curve[3]
    assert found["gains"]["contrast stretch"]["pairs"][0] > 0
    assert found["knobs"]["contrast stretch"] in (0.5, 2)
    page = (out / "robustness.md").read_text()
    assert page in told
    assert f"| none | {100 * curve[0]:.1f} |" in page  # of one scene there is no interval
    cost = found["costs"]["contrast 1"]["pairs"][0]
    assert cost == pytest.approx(curve[2] - curve[0])
    assert f"| {100 * cost:+.1f} |" in page
    assert found["command"].startswith("napari-corrclip")  # then what this process was begun with
    assert found["command"] in page
    assert found["device"] in page
    assert "noise" not in page
    with Image.open(out / "robustness-curves.png") as picture:
        assert picture.width > 500
    assert main(["robustness", *few, "-o", str(out)]) == 2
    assert capsys.readouterr().err == (
        f"Error: {str(out)!r} has a finished study ({found['date']}); give another -o, or --replace to "
        "measure it anew.\n"
    )
    assert (out / "robustness.md").read_text() == page


_CONTRASTS = [f"contrast {strength}" for strength in range(3)]


def test_what_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["robustness", "--damage", "rain", "-o", str(tmp_path / "a")]) == 2
    assert "There is no damage 'rain'; choose noise, blur" in capsys.readouterr().err
    assert main(["robustness", "--remedy", "hope", "-o", str(tmp_path / "a")]) == 2
    assert "There is no remedy 'hope'; choose smooth" in capsys.readouterr().err
    for option in ("--scenes", "--validation"):
        assert main(["robustness", option, "0", "-o", str(tmp_path / "a")]) == 2
        error = capsys.readouterr().err
        assert error == f"Error: {option} 0 cannot be measured; ask for at least one.\n"
    (tmp_path / "robustness.md").write_text("mine")
    assert main(["robustness", "-o", str(tmp_path)]) == 2
    assert (tmp_path / "robustness.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.1, 0.2, "**yes**"), (-0.2, -0.1, "harms"), (-0.1, 0.1, "")]
)
def test_only_whole_intervals_judge(low: float, high: float, said: str) -> None:
    assert verdict(Interval((low + high) / 2, low, high, 9)) == said
