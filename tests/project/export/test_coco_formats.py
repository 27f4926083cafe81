"""COCO's two formats alike: what they tell of regions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.project.export.coco import COCO
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.format import Format
from napari_corrclip.project.export.importing import Opened
from napari_corrclip.project.export.panoptic import PANOPTIC
from tests.project.export.exported import HERON, THREE, write


@pytest.mark.parametrize("format_", [COCO, PANOPTIC], ids=lambda format_: format_.name)
def test_regions_and_decisions_need_no_manifest(format_: Format, tmp_path: Path) -> None:
    folder = write(tmp_path / "out", [HERON], format_, THREE, ExportOptions(pictures="none"))
    opened = Opened.of(folder, manifest=False)
    assert opened.format is format_
    (entry,) = opened.entries
    other = opened.image(entry, "predictions")
    np.testing.assert_array_equal(other.labels, HERON.labels)
    np.testing.assert_array_equal(other.regions, np.where(HERON.labels > 0, HERON.regions, 0))
    assert other.notes == (
        HERON.notes[1],
        replace(HERON.notes[2], predicted=0, p=0),
        HERON.notes[3],
    )
    assert (entry.name, opened.path_of(entry)) == ("heron", "heron.jpg")
