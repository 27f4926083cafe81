"""A stranger's provenance is of the types that its fields have, or none."""

from __future__ import annotations

from typing import Any

import pytest

from napari_corrclip.errors import InputError
from napari_corrclip.results.provenance import Network, Provenance
from napari_corrclip.settings import Settings

MADE = Provenance(
    versions={"python": "3.13"},
    networks=(Network("open_clip", "ViT-B-16", "laion2b"),),
    settings=Settings(tau=0.3),
    templates=("a {}",),
    regions={"source": "sam", "points_per_side": 16, "stable": True},
    seconds={"encode": 1.5},
    tiling={"scale": 0.25},
)
ODD: tuple[Any, ...] = (5, "x", [1], {"a": {}}, {"a": [1]}, [["a", "b"]], float("nan"), {1: 1})


def test_what_was_written_is_read() -> None:
    assert Provenance.from_document(MADE.to_document()) == MADE
    assert Provenance.from_document({}) == Provenance()
    assert Provenance.from_document({**MADE.to_document(), "of a later version": 1}) == MADE


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize(
    "name", ["versions", "networks", "settings", "regions", "seconds", "tiling"]
)
def test_wrong_types_are_refused(name: str, value: Any) -> None:
    if name == "settings" and isinstance(value, dict):
        return  # a setting that is gone since
    with pytest.raises(InputError, match="no provenance of a result"):
        Provenance.from_document({**MADE.to_document(), name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preset", 5),
        ("image", ["a"]),
        ("device", {}),
        ("templates", "abc"),
        ("templates", [1]),
        ("seconds", {"encode": float("inf")}),
        ("seconds", {"encode": "1"}),
        ("tiling", {"scale": float("nan")}),
        ("versions", {"python": 3}),
        ("networks", [{"library": "x"}]),
        ("networks", [{**MADE.to_document()["networks"][0], "name": 5}]),
        ("settings", {"tau": float("inf")}),
    ],
)
def test_wrong_values_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match="no provenance of a result"):
        Provenance.from_document({**MADE.to_document(), name: value})
