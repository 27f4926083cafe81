from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from napari_corrclip.devices import (
    Batches,
    available_devices,
    choose_device,
    choose_dtype,
    describe_device,
    has_amx,
)
from napari_corrclip.errors import InputError
from napari_corrclip.progress import finish


def test_cpu_is_always_there_and_comes_last() -> None:
    assert available_devices()[-1] == "cpu"
    assert choose_device("cpu") == choose_device(" CPU ") == torch.device("cpu")
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


def test_auto_is_the_first_device() -> None:
    assert str(choose_device()) == str(choose_device("auto")) == available_devices()[0]


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "meta", "", "cpu:3", "cuda:x", "xpu"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(InputError) as caught:
        choose_device(name)
    here = ", ".join(available_devices())
    assert str(caught.value) == (
        f"There is no device {name!r} on this machine; choose auto or one of {here}."
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card here")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(InputError, match=r"no device 'cuda' on this machine; .* cpu"):
        choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card here")
def test_cuda_is_the_first_card() -> None:
    assert choose_device("cuda") == choose_device("auto") == torch.device("cuda:0")
    assert "GiB" in describe_device(choose_device("cuda"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("float32", torch.float32),
        ("float16", torch.float16),
        ("BFloat16", torch.bfloat16),
        (torch.bfloat16, torch.bfloat16),
    ],
)
def test_types_by_name(name: str | torch.dtype, expected: torch.dtype) -> None:
    assert choose_dtype(name) == expected


@pytest.mark.parametrize(
    ("amx", "here", "device", "expected"),
    [
        (True, "cpu", "auto", torch.bfloat16),
        (True, "cpu", torch.device("cpu"), torch.bfloat16),
        (True, "cuda:0", "auto", torch.float32),
        (True, "cuda:0", "cpu", torch.bfloat16),
        (True, "cpu", "cuda:1", torch.float32),
        (True, "mps", "auto", torch.float32),
        (False, "cpu", "auto", torch.float32),
    ],
)
def test_auto_is_bfloat16_on_a_processor_with_tiles_alone(
    monkeypatch: pytest.MonkeyPatch,
    amx: bool,
    here: str,
    device: str | torch.device,
    expected: torch.dtype,
) -> None:
    monkeypatch.setattr("napari_corrclip.devices.has_amx", lambda: amx)
    monkeypatch.setattr("napari_corrclip.devices.available_devices", lambda: (here, "cpu"))
    assert choose_dtype("auto", device) == expected
    assert choose_dtype(device=device) == torch.float32


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (
            "flags\t\t: fpu avx512_bf16 amx_bf16 avx512_fp16 amx_tile amx_int8\nbugs\t\t: none\n",
            True,
        ),
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16\nmodel name\t: amx_bf16\n", False),
        ("flags\t\t: fpu no_amx_bf16 amx_tile\n", False),
        ("processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd bf16\n", False),
        ("", False),
        (None, False),
    ],
)
def test_tiles_are_what_linux_says_of_the_processor(
    tmp_path: Path, cpuinfo: str | None, expected: bool
) -> None:
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(cpuinfo, encoding="utf-8")
    assert has_amx(path) is expected


@pytest.mark.parametrize("name", ["float64", "half", "", torch.int32])
def test_other_types_are_refused(name: str | torch.dtype) -> None:
    with pytest.raises(InputError, match="choose auto or one of float32, float16, bfloat16"):
        choose_dtype(name)


def test_a_device_is_described_with_what_it_has() -> None:
    assert describe_device(torch.device("cpu")).startswith("cpu (")


def test_batches_are_halved_for_good_where_memory_ends() -> None:
    tried: list[tuple[int, int]] = []

    def work(start: int, stop: int) -> Generator[str, None, list[int]]:
        tried.append((start, stop))
        assert not torch.is_grad_enabled()
        yield f"from {start}"
        if stop - start > 2:
            raise torch.OutOfMemoryError
        return list(range(start, stop))

    batches = Batches(5)
    events: list[str] = []
    assert finish(batches.run(5, work), events.append) == [[0, 1], [2, 3], [4]]
    assert tried == [(0, 5), (0, 3), (0, 2), (2, 4), (4, 5)]
    assert events == ["from 0", "from 0", "from 0", "from 2", "from 4"]
    assert torch.is_grad_enabled()
    assert finish(batches.run(3, work)) == [[0, 1], [2]]
    assert finish(batches.run(0, work)) == []


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("shapes differ")])
def test_a_single_item_that_does_not_fit_and_other_errors_are_raised(error: Exception) -> None:
    def work(start: int, stop: int) -> Generator[None, None, int]:
        if stop - start > 1 and isinstance(error, MemoryError):
            raise error
        yield
        raise error

    batches = Batches(4)
    with pytest.raises(type(error)):
        finish(batches.run(4, work))
    assert batches.size == (1 if isinstance(error, MemoryError) else 4)
