"""Names of files in an export, whatever images and disks have."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.project.export import formats
from napari_corrclip.project.export.exporting import (
    alike,
    names_of,
    names_with_folders,
)
from napari_corrclip.project.export.formats import FORMATS
from napari_corrclip.project.export.importing import Opened
from tests.project.export.exported import (
    BARE,
    image,
    write,
)


def test_names_of_files() -> None:
    titles = [
        "../a/heron.jpg",
        "../b/heron.jpg",
        "../b/reed.png",
        "cells.tif[3]",
        "cells.tif[0, 12]",
    ]
    assert names_of(titles) == ["a_heron", "b_heron", "reed", "cells_3", "cells_0_12"]
    assert names_of(["x.png", "x.jpg", "X.tif"]) == ["x", "x_2", "X_3"]
    assert names_of(["a\nb\t:.png", "..png", "a" * 300])[0] == "a_b_"
    assert all(len(name.encode()) < 240 for name in names_of(["ä" * 300 + ".png"]))
    assert names_with_folders("../a/b/heron.jpg") == ["heron", "b_heron", "a_b_heron"]


def test_names_of_devices_are_none_of_files() -> None:
    """Windows takes them for devices, whatever follows."""
    titles = ["con.png", "NUL.tif", "aux.jpg", "com1.x.png", "LPT³.png", "CONIN$.png"]
    assert names_of(titles) == ["con_", "NUL_", "aux_", "com1_.x", "LPT³_", "CONIN$_"]
    assert names_of(["con/a.png", "b/a.png"]) == ["con__a", "b_a"]
    assert names_of(["console.png", "com10.png", "con_.png", "con.png"]) == [
        "console",
        "com10",
        "con_",
        "con__2",
    ]
    assert names_with_folders("prn/con.png") == ["con_", "prn__con_"]


def test_names_that_are_one_on_some_disk_are_two() -> None:
    """As macOS has names, and as others do; and bytes that are no text, which no list in UTF-8 can have."""
    whole, parts = "Käfer.png", unicodedata.normalize("NFD", "KÄFER.png")
    assert names_of([whole, parts]) == ["Käfer", "KÄFER_2"]
    assert names_of([f"a/{whole}", f"b/{parts}"]) == ["a_Käfer", "b_KÄFER"]
    assert names_of(["caf\udce9.png", "caf\udce8.png", "\ud800.png"]) == [
        "caf_xE9",
        "caf_xE8",
        "_uD800",
    ]
    assert names_with_folders(os.fsdecode(b"b\xff/caf\xe9.jpg")) == ["caf_xE9", "b_xFF_caf_xE9"]
    assert alike("Straße ΐ") == alike(unicodedata.normalize("NFD", "STRASSE ΐ"))


@pytest.mark.parametrize("manifest", [True, False])
@pytest.mark.parametrize("name", formats.WRITTEN)
def test_names_of_all_disks_come_back(name: str, manifest: bool, tmp_path: Path) -> None:
    titles = ["caf\udce9.png", "\ud83d.png", "Käfer.png", unicodedata.normalize("NFD", "KÄFER.png")]
    images = [replace(image(seed), path=title) for seed, title in enumerate(titles)]
    folder = write(tmp_path / "out", images, FORMATS[name], options=BARE)
    names = [path.name for path in folder.rglob("*")]
    assert all(name.isprintable() and name.encode() for name in names)
    assert len({alike(name) for name in names}) == len(set(names))
    if name == "yolo" and not manifest:  # nothing else says how large they are
        return
    opened = Opened.of(folder, manifest=manifest)
    assert {entry.name for entry in opened.entries} == set(names_of(titles))
    back = {entry.name: opened.image(entry) for entry in opened.entries}
    if manifest:
        assert [back[each].path for each in names_of(titles)] == titles
    if FORMATS[name].exact:
        for one, each in zip(images, names_of(titles), strict=True):
            np.testing.assert_array_equal(back[each].labels > 0, one.labels > 0)
