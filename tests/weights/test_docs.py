"""What docs/how-to/weights.md says is so."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from napari_corrclip.cli.app import app
from napari_corrclip.weights.cache import CACHE_VARIABLE, OFFLINE_VARIABLES, PRESETS_VARIABLE
from napari_corrclip.weights.catalogue import get_preset, presets
from napari_corrclip.weights.presets import Preset
from napari_corrclip.weights.saved import save_preset
from napari_corrclip.wording.amounts import size_text

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-to" / "weights.md").read_text(encoding="utf-8")
HEAD = (
    "| preset | CLIP | similarity (DINO) | regions (SAM) | inference | download | licences | use |"
)


def row(preset: Preset) -> str:
    """The row of ``preset`` in the table of the docs."""
    networks = (f"`{network.title}`" for network in preset.networks)
    free = all(network.free for network in preset.networks)
    cells = [
        f"`{preset.name}`",
        *networks,
        str(preset.settings.short_side),
        size_text(preset.size) if preset.size else "none",
        ", ".join(preset.licences),
        "any" if free else "not commercial",
    ]
    return f"| {' | '.join(cells)} |"


def test_the_table_of_presets_is_that_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PRESETS_VARIABLE, str(tmp_path))
    table = TEXT.partition(HEAD)[2].partition("\n\n")[0].splitlines()[2:]
    assert table == [row(preset) for preset in presets()]


def commands() -> list[list[str]]:
    blocks = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [
        line[line.index("napari-corrclip") + 1 :] for line in words if "napari-corrclip" in line
    ]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_of_the_docs_is_one(words: list[str]) -> None:
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    with command.make_context("napari-corrclip", words):  # refuses what it does not know
        pass


def test_the_folders_of_the_docs_are_those_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (CACHE_VARIABLE, PRESETS_VARIABLE, *OFFLINE_VARIABLES):
        assert f"`{variable}" in TEXT
    layout = re.findall(r"^(\S+\.(?:pth?|safetensors))\b", TEXT, re.MULTILINE)
    published = {network.place.as_posix() for preset in presets() for network in preset.networks}
    assert {place for place in layout if not place.startswith(("somebody", "web-"))} <= published
    assert len(layout) == 6


def test_the_keys_of_the_docs_are_those_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PRESETS_VARIABLE, str(tmp_path))
    document = json.loads(save_preset(replace(get_preset("lite"), name="copy")).read_text())
    for key in (*document, *document["regions"]):
        assert f"`{key}`" in TEXT
