"""The result: frozen, in label values, with the layers that napari takes and files that come back."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_corrclip.errors import InputError
from napari_corrclip.results.provenance import Network, Provenance, package_versions
from napari_corrclip.results.segmentation import (
    Segmentation,
    build_segmentation,
    segmentation_from_probabilities,
)
from napari_corrclip.settings import Settings
from napari_corrclip.vocabulary import Vocabulary

VOCABULARY = Vocabulary.parse("cat, dog\nbackground: sky, grass").remove("cat").add("bird")
REGIONS = np.array([[0, 7, 7, 7], [0, 7, 7, 3], [0, 0, 3, 3]], np.int32)
PROVENANCE = Provenance(
    versions=package_versions(),
    preset="demo",
    networks=(Network("demo", "clip", "embedded", licence="BSD-3-Clause"),),
    device="cpu (2 threads)",
    dtype="float32",
    settings=Settings(tau=0.3),
    templates=("a photo of a {}.",),
    regions={"source": "given", "origin": "array"},
    seconds={"regions": 0.25, "encode": 1.23456789},
    image="cat.png",
)


def probabilities() -> np.ndarray:
    """(3, 3, 4) for dog, background, bird."""
    p = np.full((3, 3, 4), 0.1, np.float32)
    p[0, :2, 1:] = 0.8  # region 7 is a dog
    p[2, 0, 3] = 0.9  # but for one pixel
    p[1, REGIONS == 3] = 0.9  # region 3 is background
    p[0, 1, 2] = 0.75
    return p


@pytest.fixture
def result() -> Segmentation:
    return segmentation_from_probabilities(
        probabilities(), REGIONS, VOCABULARY, provenance=PROVENANCE, notes=["Look out."]
    )


def test_labels_are_values_before_and_after_the_vote(result: Segmentation) -> None:
    dog, background, bird = VOCABULARY.values
    assert (dog, background, bird) == (2, 3, 4)
    assert result.labels.dtype == result.pixel_labels.dtype == np.uint16
    np.testing.assert_array_equal(
        result.pixel_labels, [[dog, dog, dog, bird], [dog, dog, dog, 3], [dog, dog, 3, 3]]
    )
    np.testing.assert_array_equal(
        result.labels, [[dog, dog, dog, dog], [dog, dog, dog, 3], [dog, dog, 3, 3]]
    )


def test_confidence_is_of_the_class_that_is_shown(result: Segmentation) -> None:
    assert result.confidence.dtype == np.float16
    assert result.confidence[0, 1] == pytest.approx(0.8, abs=1e-3)
    # overruled by its region: what the region gives to "dog"
    mean = probabilities()[0][REGIONS == 7].mean()
    assert result.confidence[0, 3] == pytest.approx(mean, abs=1e-3)
    assert result.table.set_index("id").loc[7, "p"] == pytest.approx(mean)


def test_the_table_has_a_row_a_region(result: Segmentation) -> None:
    assert result.table["id"].tolist() == [3, 7]
    assert result.table["class"].tolist() == ["background", "dog"]
    assert result.table["value"].tolist() == [3, 2]
    assert result.table["share"].tolist() == [1, 0.8]
    assert result.region_probabilities.shape == (2, 3)


def test_a_result_cannot_be_changed(result: Segmentation) -> None:
    for name in ("labels", "regions", "confidence", "pixel_labels", "region_probabilities"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(result, name)[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.notes = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        result.provenance.seconds["x"] = 1  # type: ignore[index]


def test_the_callers_regions_stay_writable() -> None:
    regions = REGIONS.copy()
    segmentation_from_probabilities(probabilities(), regions, VOCABULARY)
    assert regions.flags.writeable
    regions[0] = 1


def test_below_the_threshold_a_pixel_is_background_or_nothing() -> None:
    p = np.array([[[0.4, 0.9]], [[0.3, 0.05]]], np.float32)
    regions = np.zeros((1, 2), np.int32)
    with_background = dataclasses.replace(Vocabulary.parse("cat, background"), threshold=0.5)
    found = segmentation_from_probabilities(p, regions, with_background)
    np.testing.assert_array_equal(found.labels, [[2, 1]])
    assert found.confidence[0, 0] == pytest.approx(0.4, abs=1e-3)
    without = dataclasses.replace(Vocabulary.parse("cat, dog"), threshold=0.5)
    np.testing.assert_array_equal(
        segmentation_from_probabilities(p, regions, without).labels, [[0, 1]]
    )


def test_a_region_may_vote_for_nothing() -> None:
    p = np.array([[[0.4, 0.4, 0.9]], [[0.3, 0.3, 0.05]]], np.float32)
    words = dataclasses.replace(Vocabulary.parse("cat, dog"), threshold=0.5)
    found = segmentation_from_probabilities(p, np.ones((1, 3), np.int32), words)
    np.testing.assert_array_equal(found.labels, [[0, 0, 0]])
    row = found.table.iloc[0]
    assert (row["class"], row["value"], row["p"]) == ("", 0, 0)
    assert row["runner_up"] == "cat"
    assert row["share"] == pytest.approx(2 / 3)


def test_without_correction_pixels_keep_their_class() -> None:
    found = segmentation_from_probabilities(probabilities(), REGIONS, VOCABULARY, correction=False)
    np.testing.assert_array_equal(found.labels, found.pixel_labels)
    assert found.table["class"].tolist() == ["background", "dog"]


@given(
    arrays(np.float32, (3, 4, 5), elements=st.floats(0, 1, width=32)),
    arrays(np.int32, (4, 5), elements=st.sampled_from([0, 1, 4, 90])),
)
def test_regions_are_of_one_class_and_the_rest_is_left_alone(
    p: np.ndarray, regions: np.ndarray
) -> None:
    found = segmentation_from_probabilities(p, regions, VOCABULARY)
    for row in found.table.itertuples():
        assert (found.labels[regions == row.id] == row.value).all()
    outside = regions == 0
    np.testing.assert_array_equal(found.labels[outside], found.pixel_labels[outside])
    assert set(np.unique(found.labels)) <= {0, *VOCABULARY.values}
    assert np.isfinite(found.confidence).all()


def test_tensors_make_the_same_result_as_arrays(result: Segmentation) -> None:
    @dataclasses.dataclass
    class Tensors:
        pixel_labels: torch.Tensor
        labels: torch.Tensor
        confidence: torch.Tensor
        region_ids: torch.Tensor
        region_probabilities: torch.Tensor
        votes: torch.Tensor

    index = np.zeros(10, np.int64)
    index[list(VOCABULARY.values)] = range(3)
    p = torch.from_numpy(probabilities())
    before, after = (torch.from_numpy(index[x]) for x in (result.pixel_labels, result.labels))
    pixels = Tensors(
        pixel_labels=before,
        labels=after,
        confidence=p.amax(0).requires_grad_(),
        region_ids=torch.tensor([3, 7]),
        region_probabilities=torch.stack([p[:, i == REGIONS].mean(1) for i in (3, 7)]),
        votes=torch.tensor([[0, 0, 3, 0], [0, 4, 0, 1]]),
    )
    built = build_segmentation(pixels, REGIONS, VOCABULARY, PROVENANCE)
    pd.testing.assert_frame_equal(built.table, result.table)
    for name in ("labels", "confidence", "pixel_labels", "region_probabilities"):
        np.testing.assert_allclose(getattr(built, name), getattr(result, name), rtol=1e-6)


@pytest.mark.parametrize(
    ("p", "regions", "message"),
    [
        (probabilities()[:2], REGIONS, r"shape \(2, 3, 4\); 3 classes and regions of \(3, 4\)"),
        (probabilities() * 2, REGIONS, "not all from 0 to 1"),
        (np.full((3, 3, 4), np.nan), REGIONS, "not all from 0 to 1"),
        (probabilities(), REGIONS - 1, "negative id -1"),
    ],
)
def test_what_makes_no_result_is_refused(p: np.ndarray, regions: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        segmentation_from_probabilities(p, regions, VOCABULARY)


def test_shares_are_by_name(result: Segmentation) -> None:
    assert result.class_shares() == {"dog": 9 / 12, "background": 3 / 12, "bird": 0}


# -- layers


def test_napari_takes_the_layers(result: Segmentation) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pydantic, while napari is loaded
        from napari.layers import Labels, Layer

    spatial = {
        "scale": (2.0, 0.5),
        "translate": (3.0, 4.0),
        "units": ("um", "um"),
        "axis_labels": ("y", "x"),
        "affine": None,
    }
    layers = [Layer.create(*one) for one in result.to_layers(confidence=True, **spatial)]
    labels, regions, _ = layers
    assert isinstance(labels, Labels)
    assert isinstance(regions, Labels)
    assert [layer.name for layer in layers] == ["labels", "regions", "confidence"]
    for layer in layers:
        np.testing.assert_array_equal(layer.scale, (2, 0.5))
        np.testing.assert_array_equal(layer.translate, (3, 4))
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
        assert layer.axis_labels == ("y", "x")
    assert labels.data.dtype == np.uint16
    assert regions.data.dtype == np.int32
    assert labels.opacity == pytest.approx(0.4)
    for one in VOCABULARY:
        np.testing.assert_allclose(
            labels.get_color(one.value)[:3], np.array(one.color) / 255, atol=1e-6
        )
    assert labels.colormap.map(np.array([0, 999]))[:, 3].tolist() == [0, 0]
    assert "dog" in labels.get_status((3, 4), world=True)["value"]
    regions.visible = True
    # row 1, column 3 is in region 3
    assert "background" in regions.get_status((5, 5.5), world=True)["value"]
    regions.contour = regions.metadata["contour"]
    labels.data_setitem(np.nonzero(labels.data == 2), 4)
    assert (result.labels == 2).any()


def test_a_layer_of_another_frame_is_refused(result: Segmentation) -> None:
    with pytest.raises(InputError, match="'scales' is no spatial setting"):
        result.to_layers(scales=(1, 1))


# -- files


def test_a_saved_result_comes_back(result: Segmentation, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    again = Segmentation.load(tmp_path / "out")
    for name in ("labels", "regions", "confidence", "pixel_labels", "region_probabilities"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
        assert getattr(again, name).dtype == getattr(result, name).dtype
    pd.testing.assert_frame_equal(again.table, result.table)
    assert again.vocabulary == VOCABULARY
    assert again.provenance == PROVENANCE
    assert again.notes == ("Look out.",)


def test_provenance_is_plain_json() -> None:
    document = json.loads(json.dumps(PROVENANCE.to_document()))
    assert document["networks"][0]["licence"] == "BSD-3-Clause"
    assert document["settings"]["tau"] == 0.3
    assert document["versions"]["numpy"] == np.__version__
    assert Provenance.from_document(document) == PROVENANCE
    assert Provenance.from_document({}) == Provenance()
    # A result of a version that had a setting more.
    document["settings"]["painting"] = "large-on-top"
    assert Provenance.from_document(document) == PROVENANCE


@pytest.mark.parametrize(
    "document",
    [[], None, {"networks": 3}, {"networks": [{"name": "x"}]}, {"settings": {"tau": -1}},
     {"settings": []}, {"versions": 5}, {"templates": 1}],
)  # fmt: skip
def test_what_is_no_provenance_is_refused(document: object) -> None:
    with pytest.raises(InputError, match="no provenance"):
        Provenance.from_document(document)
