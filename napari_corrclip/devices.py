"""Which device computes, and in which floating-point type."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

import torch

from napari_corrclip.errors import CorrClipError, InputError, NotEnoughMemory

DTYPES: Final = MappingProxyType(
    {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
)


def available_devices() -> tuple[str, ...]:
    """Return the devices of this machine, the fastest kind first."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return (*cuda, *mps, "cpu")


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device called ``name``.

    Args:
        name: ``auto`` (the first of :func:`available_devices`), ``cpu``, ``mps``, ``cuda``, or a
            numbered one such as ``cuda:1``.

    Raises:
        InputError: there is no such device here.
    """
    here = available_devices()
    wanted = str(name).strip().lower()
    if wanted == "auto":
        return torch.device(here[0])
    full = {"cuda": "cuda:0", "mps:0": "mps", "cpu:0": "cpu"}.get(wanted, wanted)
    if full not in here:
        raise InputError(
            f"There is no device {str(name)!r} on this machine; choose auto or one of "
            f"{', '.join(here)}."
        )
    return torch.device(full)


def choose_dtype(name: str | torch.dtype = "auto") -> torch.dtype:
    """Return the floating-point type called ``name``.

    Args:
        name: ``auto``, which is float32 everywhere (the method has hard cuts, so that a lower
            precision changes single pixels), or one of :data:`DTYPES`.

    Raises:
        InputError: it is none of these.
    """
    wanted = str(name).strip().lower().removeprefix("torch.")
    if wanted == "auto":
        return torch.float32
    if wanted not in DTYPES:
        raise InputError(
            f"There is no type {str(name)!r}; choose auto or one of {', '.join(DTYPES)}."
        )
    return DTYPES[wanted]


def describe_device(device: torch.device) -> str:
    """Return ``device`` with its name and memory, such as ``cuda:0 (NVIDIA H100, 79.1 GiB)``."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"cuda:{device.index or 0} ({properties.name}, {_gib(properties.total_memory)})"
    if device.type == "mps":
        return f"mps ({_gib(torch.mps.recommended_max_memory())})"
    threads = torch.get_num_threads()
    parts = [f"{threads} thread{'s' if threads != 1 else ''}"]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        parts.append(_gib(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    return f"{device} ({', '.join(parts)})"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def short_description(name: str) -> str:
    """Return a device with its memory in 1e9 bytes: ``cuda:0 NVIDIA H100 (85 GB, 80 free)``."""
    device = torch.device(name)
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        title = f"{name} {torch.cuda.get_device_name(device)}"
        return f"{title} ({total / 1e9:.0f} GB, {free / 1e9:.0f} free)"
    if device.type == "mps":
        return f"{name} ({torch.mps.recommended_max_memory() / 1e9:.0f} GB)"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return f"{name} ({os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB)"
    return name


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` is a device's, or the computer's, that has no memory left."""
    if isinstance(error, CorrClipError):
        return False
    # On the CPU and on MPS it is a plain RuntimeError that says so.
    said = "out of memory" in str(error) or "allocate memory" in str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and said
    )


@contextmanager
def explained(device: torch.device, what: str, lower: str) -> Iterator[None]:
    """Meanwhile a lack of memory becomes a sentence.

    Args:
        device: where it is lacking.
        what: what there is too little memory for.
        lower: what to lower.

    Raises:
        NotEnoughMemory: instead of what the libraries raise.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        # The frames of the error would hold what fills the memory.
        error.__traceback__ = None
        other = "close other programs" if device.type == "cpu" else "use the CPU"
        raise NotEnoughMemory(
            f"{describe_device(device)} has not enough memory for {what}; lower {lower}, or {other}."
        ) from None


def free_memory() -> None:
    """Give back what torch keeps of devices' memory for later."""
    gc.collect()  # networks and their tensors may be held by cycles
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
