"""Names and commands of README and docs, today's and those of 2026-11-28: all of them work."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from napari_corrclip.cli.app import app
from tests.documented import found, lines_of

ROOT = Path(__file__).parents[1]
# What was documented before the house was rebuilt; lines go from here with version 0.3 at the earliest.
FORMER = (ROOT / "tests" / "data" / "public_names.txt").read_text(encoding="utf-8").splitlines()
LINES = dict.fromkeys([*FORMER, *lines_of([ROOT / "README.md", ROOT / "docs"])])
COMMANDS = [line for line in LINES if line.startswith("$")]
NAMES = [line for line in LINES if not line.startswith("$")]


@pytest.mark.parametrize("line", NAMES)
def test_a_documented_name_is_there(line: str) -> None:
    dotted, *keywords = line.split()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what has moved
        value = found(dotted)
    if keywords:
        parameters = inspect.signature(value).parameters
        if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
            assert set(keywords) <= set(parameters)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_documented_command_answers(line: str) -> None:
    words = line.split()[1:]
    command: Any = get_command(app)
    while words and not words[0].startswith("-"):
        command, words = command.commands[words[0]], words[1:]
    with command.make_context("napari-corrclip", [], resilient_parsing=True) as context:
        options = {name for each in command.get_params(context) for name in each.opts}
    assert set(words) <= options | {"--help"}


def test_the_reader_of_pages_sees_all_forms(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`Session.load(folder)`, `nc.to_rgb(image, limits=(0, 1))`, `session.py`,\n"
        "napari_corrclip.maps.table, `napari-corrclip models list`, `for event in seg.encode_steps(image)`\n"
        "```python\nimport napari_corrclip as nc\nnc.segment(image, 'cat', preset='demo')  # session.undo()\n"
        "from napari_corrclip.annotation import Draft\nDraft.make(session, work)\n```\n"
        "```bash\n.venv/bin/napari-corrclip segment a.png \\\n  --classes 'a, b' -o out\n"
        "python -m napari_corrclip.cli  # napari -w napari-corrclip\n```\n"
    )
    assert lines_of([page]) == [
        "$ models list",
        "$ segment --classes -o",
        "napari_corrclip",
        "napari_corrclip.Segmenter.encode_steps",
        "napari_corrclip.Session.load",
        "napari_corrclip.Session.undo",
        "napari_corrclip.annotation",
        "napari_corrclip.annotation.Draft",
        "napari_corrclip.annotation.Draft.make",
        "napari_corrclip.cli",
        "napari_corrclip.maps.table",
        "napari_corrclip.segment preset",
        "napari_corrclip.to_rgb limits",
    ]
