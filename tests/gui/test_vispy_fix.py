"""A process of its own: what is tested here is that it does not die."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import time
import napari, numpy as np
from qtpy.QtWidgets import QApplication
from napari_corrclip.gui.vispy_fix import mend_drawing
mend_drawing()
mend_drawing()
viewer = napari.Viewer()
def settle():
    end = time.time() + 0.5
    while time.time() < end:
        QApplication.processEvents()
        time.sleep(0.01)
viewer.add_image(np.zeros((200, 300, 3), np.uint8), rgb=True)
for _ in range(2):
    labels = viewer.add_labels(np.ones((100, 100), int))
    settle()
    labels.mode = "paint"
    settle()
    viewer.layers.remove(labels)
    settle()
print("alive")
viewer.close()
"""


@pytest.mark.canvas
def test_a_removed_layer_is_drawn_no_more(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "alive" in done.stdout
