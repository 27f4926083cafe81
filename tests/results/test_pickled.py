"""Results are pickled and copied: people segment in worker processes and take results back."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import napari_corrclip as nc
from napari_corrclip.annotation import Source
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.encoded_image import Preview
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.storage.frozen import FrozenMapping

COPIES = {
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "oldest pickle": lambda one: pickle.loads(pickle.dumps(one, 2)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}
NAMES = (
    "CorrClipError", "ExportOptions", "Features", "GivenRegions", "InputError", "Lesson", "NetworkSpec",
    "Preset", "Preview", "Progress", "Queue", "Recipe", "Segmentation", "Segmenter", "Session", "Settings",
    "Vocabulary", "VocabularyClass", "WeightsError",
)  # fmt: skip
copies = pytest.mark.parametrize("again", COPIES.values(), ids=COPIES)


@cache
def made() -> dict[str, Any]:
    """One of everything public that can be held, and of what it holds."""
    image = generate_scene(7).image[:64, :64]
    segmenter = nc.Segmenter.from_preset(device="cpu", regions="superpixels")
    features = segmenter.encode(image)
    result = segmenter.classify(features, "wood, water")
    session = nc.Session(result, image, source=Source("a.png", 3, 4))
    first, second = session.ids.tolist()[:2]
    session.assign([first], "water")
    session.accept([second])
    session.undo()
    return {
        "CorrClipError": nc.CorrClipError("said"),
        "ExportOptions": nc.ExportOptions(masks="regions", split=(80, 20), seed=1),
        "Features": features,
        "InputError": nc.InputError("said"),
        "Lesson": nc.Lesson.new([1, 2, 5]),
        "Preset": nc.get_preset("lite"),
        "Progress": nc.Progress("text", 1, 2),
        "Queue": nc.Queue(session),
        "Recipe": nc.Recipe("lite", region_options={"points_per_side": 4}, scale=0.5),
        "Segmentation": result,
        "Segmenter": segmenter,
        "Session": session,
        "Settings": nc.Settings(eps=0.25),
        "Vocabulary": nc.Vocabulary.coerce("a = cat|dog, b"),
        "VocabularyClass": next(iter(nc.Vocabulary.coerce("a = cat|dog, b"))),
        "WeightsError": nc.WeightsError("said"),
        "GivenRegions": GivenRegions(result.regions),
        "Preview": Preview(result),
        "NetworkSpec": nc.get_preset("lite").clip,
    }


def test_one_of_every_public_type_is_here() -> None:
    types = {name for name in nc.__all__ if isinstance(getattr(nc, name), type)}
    # Both are open files; whoever needs them elsewhere opens them there (a large result: below).
    assert types - set(NAMES) == {"LargeSegmentation", "Project"}
    assert made().keys() == set(NAMES)


@copies
@pytest.mark.parametrize("name", NAMES)
def test_what_is_public_is_pickled_and_copied(name: str, again: Callable[[Any], Any]) -> None:
    there = made()[name]
    found = again(there)
    assert type(found) is type(there)
    if isinstance(there, Exception):
        assert str(found) == str(there)
    assert_same(found, there)


def assert_same(found: Any, there: Any) -> None:
    """Compare parts, and whether they can be written to."""
    if isinstance(there, np.ndarray):
        np.testing.assert_array_equal(found, there)
        assert found.dtype == there.dtype
        assert found.flags.writeable == there.flags.writeable
    elif isinstance(there, torch.Tensor):
        assert torch.equal(found, there)
    elif isinstance(there, pd.DataFrame):
        pd.testing.assert_frame_equal(found, there)
    elif dataclasses.is_dataclass(there):
        for field in dataclasses.fields(there):
            assert_same(getattr(found, field.name), getattr(there, field.name))
    elif isinstance(there, tuple | list):
        for one, other in zip(found, there, strict=True):
            assert_same(one, other)
    elif isinstance(there, str | int | float | Mapping | nc.Settings):
        assert found == there


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> nc.LargeSegmentation:
    """A large result."""
    return nc.segment_large(
        generate_scene(7).image[:64, :64],
        "wood, water",
        tmp_path_factory.mktemp("large") / "out",
        scale=1,
        device="cpu",
        regions="superpixels",
        progress=False,
    )


@copies
def test_a_large_result_is_pickled_and_copied(
    again: Callable[[Any], Any], there: nc.LargeSegmentation
) -> None:
    found = again(there)
    np.testing.assert_array_equal(found.labels[:], there.labels[:])
    assert found.class_shares() == there.class_shares()
    assert_same(found.table, there.table)
    assert_same(found.region_probabilities, there.region_probabilities)
    assert not found.region_probabilities.flags.writeable
    assert found.provenance == there.provenance


@copies
def test_a_copied_session_goes_on_by_itself(again: Callable[[Any], Any]) -> None:
    session = again(made()["Session"])
    there = made()["Session"]
    np.testing.assert_array_equal(session.labels, there.labels)
    assert session.source == there.source
    assert session.image_digest == there.image_digest
    assert [step.title for step in session.history.done] == [
        step.title for step in there.history.done
    ]
    told: list[object] = []
    there.changed.connect(told.append)
    session.redo()
    session.undo()
    session.undo()
    assert not session.history.done
    assert there.history.done
    assert told == []
    there.changed.disconnect(told.append)


def frozen() -> Iterator[FrozenMapping[str, int]]:
    """A mapping, and what is made of it."""
    one = FrozenMapping({"a": 1})
    yield one
    yield from (again(one) for again in COPIES.values())


def test_a_frozen_mapping_is_a_mapping_that_cannot_be_written_to() -> None:
    given = {"a": 1}
    taken = FrozenMapping(given)
    given["b"] = 2
    assert dict(taken) == {"a": 1}
    for one in frozen():
        assert one == {"a": 1} == one
        assert one | {"b": 2} == {"b": 2} | one == {"a": 1, "b": 2}
        assert repr(one) == "FrozenMapping({'a': 1})"
        with pytest.raises(TypeError):
            one["a"] = 2  # type: ignore[index]
