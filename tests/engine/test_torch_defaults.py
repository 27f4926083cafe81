"""What other packages set in torch changes nothing in a result of ours, and nothing of theirs is changed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import napari_corrclip as nc
from napari_corrclip import devices
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.encoders.text import text_features
from napari_corrclip.engine.text_cache import TextCache
from napari_corrclip.progress import finish
from tests.forms import short

WORDS = "wood, water, purple circle"


@contextlib.contextmanager
def while_set(put: Callable[[Any], None], value: object, former: object) -> Iterator[None]:
    """Set something of torch's until the end of the block."""
    put(value)
    try:
        yield
    finally:
        put(former)


def default_dtype(dtype: torch.dtype) -> AbstractContextManager[None]:
    return while_set(torch.set_default_dtype, dtype, torch.float32)


def products(precision: str) -> AbstractContextManager[None]:
    return while_set(torch.set_float32_matmul_precision, precision, "highest")


CHANGED: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "float16": lambda: default_dtype(torch.float16),
    "meta": lambda: while_set(torch.set_default_device, "meta", None),
    "meta in a block": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "low products": lambda: products("medium"),
    "deterministic": lambda: while_set(torch.use_deterministic_algorithms, True, False),
}


def everything(folder: Path) -> list[Any]:
    """All that torch has a part in: both kinds of regions, words, clicks, large images, files."""
    image = generate_scene(7).image[:96, :128]
    segmenter = nc.Segmenter.from_preset(device="cpu", region_options={"points_per_side": 3})
    features = segmenter.encode(image)
    features.save(folder / "features.safetensors")
    again = nc.Features.load(folder / "features.safetensors")
    result = segmenter.classify(again, WORDS)
    embedding = again.embedding
    session = nc.annotate(image, WORDS, device="cpu", regions="superpixels")
    large = nc.segment_large(
        image, WORDS, folder / "large", scale=0.75, device="cpu", regions="superpixels"
    )
    key = TextCache._key(segmenter.clip, ("a {}.",), "water")
    return [
        result.labels, result.confidence, result.region_probabilities, result.regions,
        features.windows.features.numpy(), features.cells(),
        segmenter.regions.click(embedding, [(40, 60), (5, 5)], [True, False]),
        session.labels, large.labels[:], large.confidence[:], large.region_probabilities,
        np.array([key, segmenter.clip.fingerprint, segmenter.regions.fingerprint]),
        np.array(sorted({str(one.dtype) for one in segmenter.clip.model.parameters()})),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What comes where nobody set anything."""
    return everything(tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize(
    "name",
    short(
        *("float64", "meta", "inference mode", "autocast", "low products", "deterministic"),
        rest=["bfloat16", "float16", "meta in a block", "no gradients"],
    ),
)
def test_what_others_set_changes_nothing(
    name: str, plain: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path))  # the words are read anew
    with CHANGED[name]():
        found = everything(tmp_path)
    for there, one in zip(plain, found, strict=True):
        assert one.dtype == there.dtype
        np.testing.assert_array_equal(one, there)


def test_what_was_loaded_among_it_serves_without_it_too(plain: list[Any]) -> None:
    image = generate_scene(7).image[:96, :128]
    with torch.inference_mode(), default_dtype(torch.bfloat16), torch.device("meta"):
        segmenter = nc.Segmenter.from_preset(device="cpu", region_options={"points_per_side": 3})
        features = segmenter.encode(image)
    np.testing.assert_array_equal(segmenter.classify(features, WORDS).labels, plain[0])
    np.testing.assert_array_equal(segmenter.segment(image, WORDS).labels, plain[0])
    assert not features.windows.features.is_inference()


def test_what_others_set_is_theirs_between_the_steps_and_after_them() -> None:
    image = generate_scene(7).image[:64, :64]
    segmenter = nc.Segmenter.from_preset(device="cpu", regions="superpixels")
    with products("medium"), torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
        for stop in (2, 99):
            for count, _ in enumerate(segmenter.segment_steps(image, WORDS)):
                assert torch.get_float32_matmul_precision() == "medium"
                assert torch.is_autocast_enabled("cpu")
                assert torch.empty(0).is_meta
                if count == stop:
                    break
        assert torch.get_float32_matmul_precision() == "medium"


def test_the_default_dtype_of_others_is_left_alone_while_we_compute() -> None:
    class Looking(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kw: Any = None) -> Any:
            seen.add(torch.get_default_dtype())
            return func(*args, **(kw or {}))

    seen: set[torch.dtype] = set()
    image = generate_scene(7).image[:64, :64]
    segmenter = nc.Segmenter.from_preset(device="cpu", regions="superpixels")
    with default_dtype(torch.float64), Looking():
        segmenter.segment(image, WORDS)
    assert seen == {torch.float64}


def test_threads_that_build_at_once_put_back_what_there_was() -> None:
    inside, ended = threading.Barrier(2), threading.Event()

    def longer() -> None:
        with devices.plain_torch(building=True):
            inside.wait()
            ended.wait()
            seen.append(torch.get_default_dtype())

    seen: list[torch.dtype] = []
    with default_dtype(torch.float64):
        thread = threading.Thread(target=longer)
        thread.start()
        with devices.plain_torch(building=True):
            inside.wait()
        ended.set()
        thread.join()
        assert seen == [torch.float32]
        assert torch.get_default_dtype() == torch.float64


def test_a_choice_made_while_we_build_stays() -> None:
    with default_dtype(torch.float64), devices.plain_torch(building=True):
        torch.set_default_dtype(torch.bfloat16)
    with default_dtype(torch.float64):
        with devices.plain_torch(building=True):
            torch.set_default_dtype(torch.bfloat16)
        assert torch.get_default_dtype() == torch.bfloat16


def test_no_words_are_of_float32_too() -> None:
    segmenter = nc.Segmenter.from_preset(device="cpu", regions="superpixels")
    with default_dtype(torch.float64):
        assert finish(text_features(segmenter.clip, [], ["{}"])).dtype == torch.float32
        assert segmenter.clip.encode_prompts([]).dtype == torch.float32
        assert finish(TextCache(None).features(segmenter.clip, [], ["{}"])).dtype == torch.float32
