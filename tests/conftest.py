"""What every test shares: how hypothesis searches, and what happens where there is no screen."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

# Networks in tests are small: a second thread costs them more than it gives. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# The first example of a property pays for imports and compiled kernels, so time says nothing; in CI
# the same examples every time, so that a red run is the change's doing, and half as many as elsewhere.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("ci" if os.environ.get("CI") else "local")

ROOT = Path(__file__).parent.parent

# .ci/run looks for these words.
NO_CANVAS = "needs a drawn canvas: install Xvfb"


def _has_screen() -> bool:
    if os.environ.get("QT_QPA_PLATFORM") in {"offscreen", "minimal"}:
        return False
    if not sys.platform.startswith("linux"):
        return True
    # pytest-xvfb starts Xvfb where it is there.
    return bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or shutil.which("Xvfb")
    )


HAS_SCREEN = _has_screen()
if not HAS_SCREEN:
    # Widgets still work without a screen; only what napari draws does not.
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep tests away from the user's cache and presets: text features in it may be of other weights."""
    os.environ["NAPARI_CORRCLIP_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["NAPARI_CORRCLIP_PRESETS"] = str(tmp_path_factory.mktemp("presets"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if HAS_SCREEN:
        return
    for item in items:
        if item.get_closest_marker("canvas"):
            item.add_marker(pytest.mark.skip(reason=NO_CANVAS))
