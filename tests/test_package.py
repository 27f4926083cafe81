"""What is installed: manifest, entry points, lazy names, sample data."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import npe2
import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

import napari_corrclip
from napari_corrclip.plugin.samples import synthetic_scene

ROOT = Path(__file__).parents[1]
MANIFEST = Path(napari_corrclip.__file__).with_name("napari.yaml")


def test_manifest_is_valid_and_its_commands_exist() -> None:
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == "napari-corrclip"


def test_manifest_at_the_top_is_a_symlink_to_the_packaged_one() -> None:
    link = ROOT / "napari.yaml"
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == MANIFEST.resolve()


def test_napari_finds_the_installed_manifest() -> None:
    (found,) = entry_points(group="napari.manifest", name="napari-corrclip")
    assert found.value == "napari_corrclip:napari.yaml"
    manifest = npe2.PluginManifest.from_distribution("napari-corrclip")
    assert manifest.contributions.sample_data


def test_the_command_line_is_installed() -> None:
    (found,) = entry_points(group="console_scripts", name="napari-corrclip")
    assert callable(found.load())


def test_the_package_says_that_it_is_typed() -> None:
    assert MANIFEST.with_name("py.typed").is_file()


def test_version_is_that_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert napari_corrclip.__version__ == version("napari-corrclip") == project["version"]


def test_sample_data_is_a_scene_and_its_regions() -> None:
    (image, about, kind), (regions, hidden, regions_kind) = synthetic_scene()
    assert (kind, regions_kind) == ("image", "labels")
    assert image.shape == (256, 256, 3)
    assert image.dtype == np.uint8
    assert about["rgb"] is True
    assert regions.shape == image.shape[:2]
    assert np.issubdtype(regions.dtype, np.integer)
    assert hidden["visible"] is False


def test_napari_makes_layers_of_the_sample_data() -> None:
    layers = [Layer.create(*data) for data in synthetic_scene()]
    assert [type(layer) for layer in layers] == [Image, Labels]


@pytest.mark.parametrize("name", napari_corrclip.__all__)
def test_public_name_resolves_and_is_kept(name: str) -> None:
    value = getattr(napari_corrclip, name)
    assert value is not None
    assert vars(napari_corrclip)[name] is value
    assert name in dir(napari_corrclip)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = napari_corrclip.Nothing


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh Python has after ``statement``."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {"torch", "napari", "qtpy", "PyQt6", "numpy", "pandas", "open_clip", "timm", "pydantic"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("import napari_corrclip; dir(napari_corrclip)")
    assert "napari_corrclip" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("command", [["--help"], ["segment", "--help"]])
def test_help_of_the_command_line_loads_nothing_heavy(command: list[str]) -> None:
    loaded = loaded_by(
        f"from napari_corrclip.cli import main; assert main({command}) == 0; print()"
    )
    assert {"napari_corrclip", "typer"} <= loaded
    # The help of a command tells of defaults, which are pydantic's.
    heavy = HEAVY | {"rich", "scipy", "skimage", "PIL"}
    assert not loaded & (heavy - ({"pydantic"} if len(command) > 1 else set()))


@pytest.mark.parametrize(
    "statement",
    [
        "from napari_corrclip import Settings, Vocabulary",
        "from napari_corrclip import presets; presets()",
        "import napari_corrclip.plugin.samples",
    ],
)
def test_data_without_networks_loads_no_torch_and_no_viewer(statement: str) -> None:
    loaded = loaded_by(statement)
    assert not loaded & {"torch", "napari", "qtpy", "PyQt6", "open_clip", "timm"}
