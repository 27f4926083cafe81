"""Names and commands of the version before the house was rebuilt, which go on working."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings

import pytest

import napari_corrclip
from napari_corrclip._moved import MOVED, MOVED_NAMES, today
from napari_corrclip.cli import main
from tests.imports import GRAPH

# What README.md, docs/ and copied scripts named on 2026-11-28, and modules that others may have imported.
NAMES = [
    "annotation:Draft",
    "annotation:Journal",
    "annotation:Session",
    "annotation:SmallGroup",
    "annotation.source:Source",
    "demo.scenes:generate_scene",
    "engine:annotate",
    "features:Features",
    "gui.dock:CorrClipDock",
    "gui.layers:SessionLayers",
    "gui.opening:open_widget",
    "images:find_limits",
    "large:LargeSegmentation",
    "large:segment_large",
    "large.grid:Tile",
    "scripting:check_regions",
    "segmentation:Segmentation",
    "segmenter:Segmenter",
    "storage.cells:quoted",
    "storage.cells:unquoted",
    "templates:IMAGENET_TEMPLATES",
    "weights.own:save_preset",
    "weights.presets:get_preset",
]
COMMANDS = {
    "demo": ["--evaluate", "--json"],
    "effort": ["--data", "--classes", "--ignore", "-o", "--variants"],
    "models download": ["--yes"],
    "models list": [],
    "models path": [],
    "models save": ["--clip", "--dino", "--sam", "--base"],
    "models verify": ["--offline"],
    "segment": [
        "--classes", "-c", "--preset", "-o", "--offline", "--regions", "--region-option", "--scale",
        "--skip-existing",
    ],
}  # fmt: skip


def forget(name: str) -> None:
    """Have a module that moved imported anew by its former name."""
    if today(f"napari_corrclip.{name}"):
        sys.modules.pop(f"napari_corrclip.{name}", None)


@pytest.mark.parametrize("former", MOVED)
def test_a_module_that_moved_is_the_same_by_its_former_name(former: str) -> None:
    forget(former)
    moved = importlib.import_module(f"napari_corrclip.{MOVED[former]}")
    spec = moved.__spec__
    with pytest.warns(DeprecationWarning, match=f"napari_corrclip.{MOVED[former]} now") as told:
        found = importlib.import_module(f"napari_corrclip.{former}")
    assert found is moved
    assert moved.__spec__ is spec
    assert "until 0.3" in str(told[0].message)


def test_who_imports_is_told() -> None:
    program = "import warnings; warnings.simplefilter('always')\nfrom napari_corrclip import segmentation\n"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stderr.startswith(
        "<string>:2: DeprecationWarning: napari_corrclip.segmentation is called"
    )


def test_what_moved_out_of_a_module_is_found() -> None:
    catalogue, presets = (
        importlib.import_module(f"napari_corrclip.weights.{name}")
        for name in ("catalogue", "presets")
    )
    with pytest.warns(DeprecationWarning, match=r"napari_corrclip.weights.catalogue now") as told:
        assert presets.get_preset is catalogue.get_preset
    assert told[0].filename == __file__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = presets.nothing


@pytest.mark.parametrize("module", MOVED_NAMES)
def test_every_name_that_moved_is_there(module: str) -> None:
    found = importlib.import_module(f"napari_corrclip.{module}")
    for name, home in MOVED_NAMES[module].items():
        with pytest.warns(DeprecationWarning, match=f"napari_corrclip.{home} now"):
            assert getattr(found, name).__module__ == f"napari_corrclip.{home}"


def test_no_former_name_hides_a_module() -> None:
    assert [module for module in GRAPH if today(f"napari_corrclip.{module}")] == []
    assert [former for former in MOVED.values() if former not in GRAPH] == []


@pytest.mark.parametrize("name", NAMES)
def test_names_go_on_working(name: str) -> None:
    module, _, attribute = name.partition(":")
    forget(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = importlib.import_module(f"napari_corrclip.{module}")
        assert hasattr(found, attribute)


@pytest.mark.parametrize("name", napari_corrclip.__all__)
def test_public_names_are_there(name: str) -> None:
    assert getattr(napari_corrclip, name) is not None


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_go_on_working(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    told = capsys.readouterr().out
    assert [option for option in COMMANDS[command] if option not in told] == []
