"""What an earlier version wrote is read as that version read it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import napari_corrclip as nc
from napari_corrclip.annotation import Journal, Session, restore
from napari_corrclip.engine.features import Features
from napari_corrclip.engine.text_cache import TextCache
from napari_corrclip.progress import finish
from napari_corrclip.weights.catalogue import get_preset

BEFORE = Path(__file__).parent.parent / "data" / "before"
COLORS = {1: (230, 60, 60), 2: (60, 130, 230), 3: (60, 180, 74), 4: (246, 196, 40)}
"""Of the palette that new classes had their colours from then."""
EXPECTED: dict[str, dict[str, Any]] = json.loads((BEFORE / "expected.json").read_text())


def digest(array: Any) -> str:
    """Of the type, the shape and the values, as ``write.py`` has it."""
    values = np.ascontiguousarray(np.asarray(array))
    text = f"{values.dtype.str} {values.shape}".encode()
    return hashlib.sha256(text + values.tobytes()).hexdigest()


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A copy, which may be written to."""
    return Path(shutil.copytree(BEFORE, tmp_path / "before"))


def is_as_expected(session: Session) -> None:
    said = EXPECTED["session"]
    assert digest(session.labels) == said["labels"]
    assert digest(session.regions) == said["regions"]
    assert [step.title for step in session.history.done] == said["done"]
    assert len(session.history.undone) == said["undone"]
    assert len(session.state.verdicts) == said["verdicts"]
    assert list(session.vocabulary.names) == said["words"]
    assert session.vocabulary.colors == COLORS
    assert session.redo()  # which adds a class, as it was added then
    assert session.vocabulary.colors == {**COLORS, 5: (154, 72, 200)}
    while session.undo():
        pass
    assert digest(session.labels) == said["first_labels"]


def test_a_result(before: Path) -> None:
    result = nc.Segmentation.load(before / "result")
    said = EXPECTED["result"]
    for name in ("labels", "regions", "confidence"):
        assert digest(getattr(result, name)) == said[name]
    assert len(result.table) == said["regions_in_table"]
    assert result.vocabulary.colors == COLORS


def test_a_result_is_replaced(before: Path) -> None:
    result = nc.Segmentation.load(before / "result")
    result.save(before / "result")
    assert digest(nc.Segmentation.load(before / "result").labels) == EXPECTED["result"]["labels"]


def test_a_large_result(before: Path) -> None:
    large = nc.LargeSegmentation.load(before / "large")
    for name, expected in EXPECTED["large"].items():
        assert digest(getattr(large, name)[:]) == expected
    assert large.vocabulary.colors == COLORS


def test_a_session(before: Path) -> None:
    is_as_expected(Session.load(before / "session"))


def test_a_session_goes_on(before: Path) -> None:
    session = Session.load(before / "session")
    session.save(before / "session")
    is_as_expected(Session.load(before / "session"))


def test_a_journal(before: Path) -> None:
    is_as_expected(restore(before / "journal"))


def test_a_journal_goes_on(before: Path) -> None:
    session = restore(before / "journal")
    with Journal(session, before / "journal"):
        session.redo()
        session.undo()
    is_as_expected(restore(before / "journal"))


def test_features(before: Path) -> None:
    segmenter = nc.Segmenter.from_preset("demo", device="cpu", regions="superpixels")
    features = Features.load(before / "features.safetensors")
    words = nc.Segmentation.load(before / "result").vocabulary
    labels = segmenter.classify(features, words).labels
    assert digest(labels) == EXPECTED["result"]["labels"]
    again = segmenter.encode(np.asarray(Image.open(before / "scene.png")))
    assert again.shape == features.shape


def test_the_cache_of_words(before: Path) -> None:
    segmenter = nc.Segmenter.from_preset("demo", device="cpu", regions="superpixels")
    words = nc.Segmentation.load(before / "result").vocabulary
    cache = TextCache(before / "cache" / "text")
    templates = words.templates or segmenter.templates
    assert cache.missing(segmenter.clip, words.queries, templates) == ()
    kept = finish(cache.features(segmenter.clip, words.queries, templates))
    anew = finish(TextCache(None).features(segmenter.clip, words.queries, templates))
    assert np.allclose(kept, anew, atol=1e-5)


def test_a_preset_of_ones_own(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", str(before / "presets"))
    preset = get_preset("mine")
    assert preset.title == "Mine"
    assert (preset.clip.library, preset.clip.architecture) == ("open_clip", "ViT-B-32")
