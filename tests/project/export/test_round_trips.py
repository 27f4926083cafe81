"""Exports that are read again: label maps, values and names as they were, in each format.

Polygons hold each pixel, too, where nobody has changed them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.maps.parts import parts_of
from napari_corrclip.project.export.exporting import ExportOptions
from napari_corrclip.project.export.format import Format
from napari_corrclip.project.export.importing import Opened
from tests.project.export.exported import (
    MASKS,
    WITH_REGIONS,
    image,
    read,
    same_notes,
    same_segments,
    segments,
    words,
    write,
)


@pytest.mark.parametrize(("format_", "masks"), MASKS)
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


@pytest.mark.parametrize(("format_", "masks"), WITH_REGIONS)
def test_the_files_themselves_know_regions(format_: Format, masks: str, tmp_path: Path) -> None:
    """Without the manifest, which knows them of all formats."""
    images = [image(1), image(2, (64, 64), name="other/a b.png"), image(3, (1, 1), name="dot.png")]
    folder = write(
        tmp_path / "out", images, format_, options=ExportOptions(masks=masks, pictures="none")
    )
    known = Opened.of(folder)
    names = {known.path_of(entry): entry.name for entry in known.entries}
    bare = Opened.of(folder, manifest=False)
    back = {entry.name: bare.image(entry) for entry in bare.entries}
    for one in images:
        other = back[names[one.path]]
        if format_.name == "yolo":  # each part of a region is a line, and so a region
            one = replace(one, regions=parts_of(segments(one)))
        assert same_segments(one, other)
        if format_.name not in ("yolo", "cvat"):  # which have no place for ids
            kept = one.labels > 0
            np.testing.assert_array_equal(other.regions[kept], one.regions[kept])


@pytest.mark.parametrize(("format_", "masks"), MASKS)
@settings(max_examples=12, deadline=None)  # of each of eighteen
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_partition_comes_back_and_its_labels_and_names_need_no_manifest(
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
    bare = Opened.of(folder, manifest=False)
    (entry,) = bare.entries
    assert bare.vocabulary.names == words().names
    renumbered = np.zeros(65536, np.uint16)
    renumbered[list(bare.vocabulary.values)] = words().values
    np.testing.assert_array_equal(renumbered[bare.image(entry).labels], one.labels)
