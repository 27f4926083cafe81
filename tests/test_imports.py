"""The layers of the house: imports go down, and never in a circle; those inside functions count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tests.imports import GRAPH, imports, modules, room_of

# Lowest first. A room may import those of the layers below it, none of its own layer; it lies no higher than
# what it imports makes it.
LAYERS = (
    {"errors", "method", "whole_numbers", "wording", "_moved", "_torch_import"},
    {"devices", "progress", "storage"},
    {"images", "settings", "vocabulary"},
    {"demo", "encoders", "maps"},
    {"regions", "results", "weights"},
    {"learning"},
    {"annotation"},
    {"engine", "plugin", "scripting"},
    {"api", "project"},
    {"evaluation", "gui"},
    {"cli"},
    {"__main__"},
)
# What `_moved` finds by former names it imports by strings: they lead wherever a name lies now, and end
# with 0.3.
# Only `gui` and `plugin.samples` know napari, only `gui` Qt.
VIEWER = {"napari", "qtpy", "magicgui", "PyQt6", "PySide6", "vispy", "superqt"}


def circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Return the sets of nodes that all lead to each other."""
    nodes, rows, columns = list(arrows), [], []
    number = {node: i for i, node in enumerate(nodes)}
    for node, targets in arrows.items():
        rows += [number[node]] * len(targets)
        columns += [number[target] for target in targets]
    matrix = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(nodes), len(nodes)))
    count, labels = connected_components(matrix, connection="strong")
    groups = [{nodes[i] for i in np.flatnonzero(labels == label)} for label in range(count)]
    return [group for group in groups if len(group) > 1]


LAYER = {room: layer for layer, rooms in enumerate(LAYERS) for room in rooms}


@pytest.mark.parametrize("module", GRAPH)
def test_imports_go_down(module: str) -> None:
    room = room_of(module)
    assert room in LAYER, f"{room} is new: give it a layer in {Path(__file__).name}"
    for target in GRAPH[module]:
        other = room_of(target)
        assert other == room or LAYER[other] < LAYER[room], (
            f"{module} imports {target}, which does not lie below it"
        )


def test_every_layer_is_needed() -> None:
    """A room that might lie lower has a permission that it does not use."""
    assert sorted(LAYER) == sorted({room_of(module) for module in GRAPH})
    highest = dict.fromkeys(LAYER, -1)
    for module, targets in GRAPH.items():
        for target in targets:
            if room_of(target) != room_of(module):
                highest[room_of(module)] = max(highest[room_of(module)], LAYER[room_of(target)])
    assert {room: below + 1 for room, below in highest.items()} == LAYER


def test_nothing_imports_itself_in_a_circle() -> None:
    assert circles(GRAPH) == []


def test_no_folder_of_a_room_imports_itself_in_a_circle() -> None:
    """A folder inside a room is one node here, a module beside it another."""
    arrows: dict[str, set[str]] = {}
    for module, targets in GRAPH.items():
        places = {".".join(target.split(".")[:2]) for target in targets}
        arrows.setdefault(".".join(module.split(".")[:2]), set()).update(places)
    assert circles({place: targets - {place} for place, targets in arrows.items()}) == []


def test_circles_are_found() -> None:
    arrows = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set()}
    assert circles(arrows) == [{"a", "b", "c"}]
    assert circles({"a": {"b"}, "b": set()}) == []


@pytest.mark.parametrize("module", modules())
def test_only_the_gui_knows_napari_and_qt(module: str) -> None:
    if room_of(module) == "gui" or module == "plugin.samples":
        return
    for line, name in imports(modules()[module]):
        assert name.partition(".")[0] not in VIEWER, f"{module}:{line} imports {name}"


def test_the_reader_of_imports_sees_all_forms(tmp_path: Path) -> None:
    folder = tmp_path / "regions"
    folder.mkdir()
    path = folder / "sam.py"
    path.write_text(
        "import torch\n"
        "from napari_corrclip import settings\n"
        "from napari_corrclip.gui.dock import Dock\n"
        "from . import painting\n"
        "from ..encoders import clip\n"
        "def late():\n"
        "    import napari_corrclip.cli\n"
    )
    assert {name for _, name in imports(path, tmp_path)} == {
        "torch",
        "napari_corrclip.settings",
        "napari_corrclip.gui.dock.Dock",
        "napari_corrclip.regions.painting",
        "napari_corrclip.encoders.clip",
        "napari_corrclip.cli",
    }
