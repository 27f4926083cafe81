"""Exports that are read again: label maps, values and names as they were, in each format that says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.format import Format
from napari_corrclip.project.export.formats import WRITTEN
from napari_corrclip.project.export.importing import Opened
from tests.project.export.exported import image, read, same_notes, words, write

EXACT = [
    pytest.param(format_, masks, id=f"{format_.name}-{masks}")
    for format_ in WRITTEN.values()
    for masks in format_.masks
    if format_.exact
]


@pytest.mark.parametrize(("format_", "masks"), EXACT)
def test_labels_regions_and_decisions_come_back(
    format_: Format, masks: str, tmp_path: Path
) -> None:
    images = [image(1), image(2, (64, 64), name="other/a b.png"), image(3, (1, 1), name="dot.png")]
    folder = write(
        tmp_path / "out", images, format_, options=ExportOptions(masks=masks, pictures="none")
    )
    opened = Opened.of(folder)
    assert opened.format is format_
    assert opened.vocabulary == words()
    back = {opened.path_of(entry): opened.image(entry) for entry in opened.entries}
    assert sorted(back) == sorted(one.path for one in images)
    for one in images:
        other = back[one.path]
        np.testing.assert_array_equal(other.labels, one.labels)
        np.testing.assert_array_equal(other.regions, one.regions)
        assert same_notes(other, one)
        assert other.verified


@pytest.mark.parametrize(("format_", "masks"), EXACT)
def test_labels_and_names_need_no_manifest(format_: Format, masks: str, tmp_path: Path) -> None:
    one = image(4)
    folder = write(
        tmp_path / "out", [one], format_, options=ExportOptions(masks=masks, pictures="none")
    )
    opened = Opened.of(folder, manifest=False)
    (other,) = read(folder, manifest=False)
    ours, theirs = words(), opened.vocabulary
    assert theirs.names == ours.names
    renumbered = np.zeros(65536, np.uint16)
    renumbered[list(theirs.values)] = ours.values
    np.testing.assert_array_equal(renumbered[other.labels], one.labels)


@pytest.mark.parametrize(("format_", "masks"), EXACT)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_partition_comes_back(
    format_: Format,
    masks: str,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    height: int,
    width: int,
) -> None:
    one = image(seed, (height, width), regions=seed % 30)
    folder = tmp_path_factory.mktemp("export") / "out"
    write(folder, [one], format_, options=ExportOptions(masks=masks, pictures="none"))
    (other,) = read(folder)
    np.testing.assert_array_equal(other.labels, one.labels)
    np.testing.assert_array_equal(other.regions, one.regions)
    assert same_notes(other, one)
