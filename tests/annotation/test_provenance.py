"""A session knows how its last run came about, on the disk too."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_corrclip.annotation import Journal, Session, Source, restore
from napari_corrclip.annotation.files.packing import Damaged, pack_state, unpack_state
from napari_corrclip.results.provenance import Network, Provenance
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.settings import Settings
from tests.annotation.images import small_result


def made(preset: str) -> Provenance:
    return Provenance(
        versions={"python": "3.13"},
        preset=preset,
        networks=(Network("open_clip", "ViT-B-16", "laion2b", "hub", "MIT"),),
        device="cpu",
        settings=Settings(tau=0.3),
        regions={"source": "sam", "points_per_side": 16, "iou_threshold": 0.5},
        seconds={"encode": 1.5},
    )


def run(preset: str, *, correction: bool = True) -> Segmentation:
    result, _ = small_result(correction=correction)
    return replace(result, provenance=made(preset))


def test_another_run_brings_its_own_and_undo_takes_it_back() -> None:
    session = Session(run("vit-b-16"))
    assert session.provenance == made("vit-b-16")
    other = run("lite", correction=False)
    session.rerun(other)
    assert session.provenance == made("lite")
    session.undo()
    assert session.provenance == made("vit-b-16")
    session.redo()
    assert session.provenance == made("lite")


def test_it_is_saved_with_its_history(tmp_path: Path) -> None:
    session = Session(run("vit-b-16"))
    session.rerun(run("lite", correction=False))
    session.save(tmp_path)
    again = Session.load(tmp_path)
    assert again.provenance == made("lite")
    again.undo()
    assert again.provenance == made("vit-b-16")


def test_it_is_in_the_journal(tmp_path: Path) -> None:
    session = Session(run("vit-b-16"))
    with Journal(session, tmp_path / "journal"):
        session.rerun(run("lite", correction=False))
    assert restore(tmp_path / "journal").provenance == made("lite")


def test_a_session_of_an_early_version_knows_nothing(tmp_path: Path) -> None:
    session = Session(run("vit-b-16"))
    packed = pack_state(session.state, {})
    name, other = b'"provenance"', b'"provenancE"'
    assert packed.count(name) == 1
    state, _ = unpack_state(packed.replace(name, other))
    assert state.provenance == Provenance()
    np.testing.assert_array_equal(state.labels, session.labels)


def test_a_provenance_that_is_none_is_damage() -> None:
    packed = pack_state(Session(run("vit-b-16")).state, {})
    size = int.from_bytes(packed[:8], "little")
    header = json.loads(packed[8 : 8 + size])
    header["__metadata__"]["provenance"] = "[]"
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    with pytest.raises(Damaged, match="no provenance"):
        unpack_state(len(told).to_bytes(8, "little") + told + packed[8 + size :])


def test_regions_made_after_another_run_vote_as_that_run_s_do() -> None:
    """The first showed every pixel's own class; the second elects a class for each region."""
    first, second = run("lite", correction=False), run("lite")
    session = Session(first)
    session.rerun(second)
    mask = np.zeros(session.shape, bool)
    mask[4:20, 4:20] = True
    (new,) = (session.paint_regions(mask, None).updated[-1],)
    assert session.region(new).voting == "majority"
    assert set(np.unique(session.labels[mask])) == {session.region(new).value}
    session.undo()
    session.undo()
    np.testing.assert_array_equal(session.labels, first.labels)


def test_a_file_whose_name_is_no_text_has_a_session_and_a_result(tmp_path: Path) -> None:
    photo = tmp_path / os.fsdecode(b"M\xfcnchen.png")
    try:
        photo.write_bytes(b"pixels")
    except OSError:
        pytest.skip("this disk has no such names")
    provenance = replace(
        made("lite"), image=str(photo), regions={"source": "given", "origin": str(photo)}
    )
    result, image = small_result()
    result = replace(
        result,
        provenance=provenance,
        vocabulary=replace(result.vocabulary, origin=str(photo.with_suffix(".yaml"))),
    )
    session = Session(result, image, source=Source.of(photo, channels=(str(photo),)))
    with Journal(session, tmp_path / "journal"):
        session.rerun(replace(result, provenance=replace(provenance, preset="")))  # in a record
        session.assign(1, "sky")
    session.save(tmp_path / "saved")
    for found in (restore(tmp_path / "journal"), Session.load(tmp_path / "saved")):
        assert found.source == session.source
        assert found.provenance == session.provenance
        assert found.vocabulary.origin == session.vocabulary.origin
        np.testing.assert_array_equal(found.labels, session.labels)
    result.save(tmp_path / "result")
    again = Segmentation.load(tmp_path / "result").provenance
    assert again.regions == provenance.regions
