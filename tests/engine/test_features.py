"""Features on disk: the same classes come of them, and only whole ones are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.features import Features
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.regions import SamEmbedding

WORDS = "red, blue\nbackground: grass, water"


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    segmenter = Segmenter.from_preset("demo", device="cpu", regions="superpixels")
    segmenter.settings = segmenter.settings.replace(window=64, stride=48)
    return segmenter


@pytest.fixture(scope="module")
def features(segmenter: Segmenter) -> Features:
    return segmenter.encode(generate_scene(5).image)


def test_saved_features_give_the_same_result(
    segmenter: Segmenter, features: Features, tmp_path: Path
) -> None:
    path = tmp_path / "scene.features"
    features.save(path)
    read = Features.load(path)
    assert torch.equal(read.windows.features, features.windows.features)
    assert read.windows.layout == features.windows.layout
    np.testing.assert_array_equal(read.regions, features.regions)
    assert read.settings == features.settings
    assert (read.clip, dict(read.region_source)) == (features.clip, dict(features.region_source))
    assert dict(read.seconds) == dict(features.seconds)
    first, second = (segmenter.classify(one, WORDS) for one in (features, read))
    np.testing.assert_array_equal(first.labels, second.labels)
    # Tensors of a file may lie at odd addresses, where sums are taken in another order.
    np.testing.assert_allclose(first.confidence, second.confidence, atol=1e-3)
    assert list(first.table["class"]) == list(second.table["class"])


def test_saved_features_serve_a_segmenter_loaded_anew(
    segmenter: Segmenter, features: Features, tmp_path: Path
) -> None:
    features.save(tmp_path / "f")
    other = Segmenter.from_preset("demo", device="cpu", regions="superpixels")
    found = other.classify(Features.load(tmp_path / "f"), WORDS)
    np.testing.assert_array_equal(found.labels, segmenter.classify(features, WORDS).labels)


def test_features_cannot_be_written_to(features: Features, tmp_path: Path) -> None:
    features.save(tmp_path / "f")
    for one in (features, Features.load(tmp_path / "f")):
        with pytest.raises(ValueError, match="read-only"):
            one.regions[0, 0] = 1
        with pytest.raises(TypeError):
            one.seconds["encode"] = 0  # type: ignore[index]


def test_their_size_is_known(features: Features, tmp_path: Path) -> None:
    features.save(tmp_path / "f")
    assert features.shape == (256, 256)
    assert 0 < (tmp_path / "f").stat().st_size - features.nbytes < 16_384


def test_saving_replaces_a_file_at_once(features: Features, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    features.save(path)
    Features.load(path)
    assert [one.name for one in tmp_path.iterdir()] == ["f"]


DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    "change",
    [
        {"format": "napari-corrclip features 0"},
        {"layout": "{}"},
        {"layout": None},
        {"settings": '{"tau": -1}'},
        {"settings": "["},
        {"region_source": "["},
        {"region_source": "[]"},
        {"seconds": "3"},
        {"seconds": '{"encode": "x"}'},
        {"clip": None},
        {"regions": torch.zeros(3, 3, dtype=torch.int32)},
        {"regions": torch.zeros(256, 256, dtype=torch.int64)},
        {"regions": torch.full((256, 256), -1, dtype=torch.int32)},
        {"regions": None},
        {"features": torch.zeros(1, 2, 2, 96)},
        {"features": torch.full((1, 32, 32, 96), float("nan"))},
        {"features": torch.full((9, 32, 32, 96), 1e30)},
        {"features": torch.ones((9, 32, 32, 96), dtype=torch.int64)},
        {"regions": torch.zeros(256, 256, dtype=torch.bfloat16)},
        {"regions": torch.zeros(256, 256, dtype=torch.complex64)},
        {"region_source": '{"source": 1e999}'},
        {"region_source": '{"source": {"a": 1}}'},
        {"region_source": DEEP},
        {"seconds": f'{{"encode": {"9" * 400}}}'},
        {"seconds": DEEP},
        {"settings": DEEP},
        {"settings": '{"tau": 1e999}'},
        {"layout": DEEP},
        {"layout": '{"image_size": [1e999, 256]}'},
        {"features": torch.zeros(25, 4)},
        {"features": torch.zeros(9, 0, 16, 96)},
        {"features": None},
        {"embedding": "{}"},
        {"embedding": DEEP},
        {"embedding": '{"image_size": [8, 8], "network": "x"}'},
        {"embedding.features": None},
        {"embedding.features": torch.zeros(3)},
    ],
)
def test_spoilt_files_are_refused(
    change: dict[str, object], features: Features, tmp_path: Path
) -> None:
    path = tmp_path / "f.safetensors"
    embedding = SamEmbedding(torch.zeros(1, 4, 2, 2), (256, 256), "a network")
    replace(features, embedding=embedding).save(path)
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, value in change.items():
        store: dict[str, object] = tensors if name in tensors else metadata  # type: ignore[assignment]
        if value is None:
            del store[name]
        else:
            store[name] = value
    save_file(tensors, path, metadata)
    with pytest.raises(InputError) as caught:
        Features.load(path)
    assert str(path) in str(caught.value)
    assert "report this" not in str(caught.value)
