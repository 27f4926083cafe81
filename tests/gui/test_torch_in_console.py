"""Calls that bring torch, from a console beside a canvas that is drawn already."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.forms import short

SCRIPT = """
import sys
import napari
from qtpy.QtWidgets import QApplication
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.demo.words import what_is_in

viewer = napari.Viewer(show=True)
scene = generate_scene(7)
viewer.add_image(scene.image, rgb=True)
QApplication.processEvents()
viewer.screenshot(canvas_only=True, flash=False)
assert "torch" not in sys.modules

import napari_corrclip as nc
from tests.forms import short

{call}
print("torch" in sys.modules, found.labels.shape == scene.image.shape[:2])
viewer.close()
"""


@pytest.mark.canvas
@pytest.mark.parametrize("name", short(rest=["annotate", "segment"]))
def test_a_console_may_call_it_beside_a_drawn_canvas(tmp_path: Path, name: str) -> None:
    script = tmp_path / "console.py"
    call = f"found = nc.{name}(scene.image, what_is_in(scene), preset='demo')"
    script.write_text(SCRIPT.replace("{call}", call))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-2:] == ["True", "True"], done.stdout
