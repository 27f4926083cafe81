"""The device that computes, and its floating-point type, untouched by what others set in torch."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, ParamSpec, TypeVar

import torch

from napari_corrclip.errors import CorrClipError, InputError, NotEnoughMemory

P = ParamSpec("P")
Y = TypeVar("Y")
R = TypeVar("R")

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


def choose_dtype(
    name: str | torch.dtype = "float32", device: str | torch.device = "auto"
) -> torch.dtype:
    """Return the floating-point type called ``name``.

    Args:
        name: one of :data:`DTYPES`, or ``auto``: bfloat16 on a processor that multiplies it in tiles
            (:func:`has_amx`), where it takes a third of the time, and float32 everywhere else. The method
            has hard cuts, so that a lower precision changes single pixels.
        device: where ``auto`` is to compute, as :func:`choose_device` takes it; it need not be here.

    Raises:
        InputError: it is none of these.
    """
    wanted = str(name).strip().lower().removeprefix("torch.")
    if wanted == "auto":
        asked = str(device).strip().lower()
        where = available_devices()[0] if asked == "auto" else asked
        return torch.bfloat16 if where.startswith("cpu") and has_amx() else torch.float32
    if wanted not in DTYPES:
        raise InputError(
            f"There is no type {str(name)!r}; choose auto or one of {', '.join(DTYPES)}."
        )
    return DTYPES[wanted]


def has_amx(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies tiles of bfloat16 (Intel's AMX, from Sapphire Rapids on).

    Args:
        cpuinfo: where Linux says what the processor can. Elsewhere there is no such file: the answer is no.
    """
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = (line.partition(":")[2] for line in text.splitlines() if line.startswith("flags"))
    return "amx_bf16" in next(flags, "").split()


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


class Batches:
    """Batches of items, halved for good where the device's memory does not suffice for one.

    Args:
        size: items of a batch at first.

    Attributes:
        size: items of a batch from now on.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def run(
        self, count: int, work: Callable[[int, int], Generator[Y, None, R]]
    ) -> Generator[Y, None, list[R]]:
        """Drive the work of one batch after the other, without gradients; return their results.

        Args:
            count: of all items.
            work: makes the work on the items from a first to before another one, with a result. It is
                begun anew with half as many where memory ran out; then all that it held is free.

        Raises:
            RuntimeError: or what else torch and NumPy raise where memory does not suffice for one item.
        """
        results: list[R] = []
        start = 0
        while start < count:
            stop = min(start + self.size, count)
            result = yield from unless_full(work(start, stop), last_try=stop - start == 1)
            if result is None:
                self.size = (stop - start + 1) // 2
            else:
                results.append(result)
                start = stop
        return results


def unless_full(work: Generator[Y, None, R], *, last_try: bool) -> Generator[Y, None, R | None]:
    """Drive ``work`` without gradients; ``None`` where memory ran out, all of which is free then."""
    try:
        while True:
            try:
                # Never across a yield: the mode belongs to the thread, not to this work.
                with torch.no_grad():
                    event = next(work)
            except StopIteration as stop:
                result: R = stop.value
                return result
            yield event
    except (RuntimeError, MemoryError) as error:
        if last_try or not is_out_of_memory(error):
            raise
    finally:
        work.close()
    free_memory()  # here, where the error with its frames has gone
    return None


@contextmanager
def plain_torch(*, building: bool = False) -> Iterator[None]:
    """Meanwhile torch computes as it does where nobody changed it; also a decorator of functions.

    Other packages of a process set torch's defaults for their own work: the device of new tensors,
    autocast, inference mode, the precision of float32 products. None of it may change a result of ours,
    or be kept by it. Flags that make torch deterministic are left alone.

    The default *dtype* belongs to the whole process, threads that compute something else included, so
    it is set only where a library builds a network; in all other places a dtype is written out.

    Never across a yield, for most of this belongs to a thread; see :func:`plain_steps`.

    Args:
        building: whether a library builds a network, which is to be float32.
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(mode=False))
        for kind in _AUTOCAST:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        # Asked of a tensor, because there are three ways to set it.
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(_PRECISION)
        if building:
            stack.enter_context(_FLOAT32)
        yield


def plain_steps(
    work: Callable[P, Generator[Y, None, R]],
) -> Callable[P, Generator[Y, None, R]]:
    """Decorator of a generator: :func:`plain_torch` from each of its yields to the next."""

    @wraps(work)
    def plain(*args: P.args, **kwargs: P.kwargs) -> Generator[Y, None, R]:
        steps = work(*args, **kwargs)
        try:
            while True:
                with plain_torch():
                    try:
                        event = next(steps)
                    except StopIteration as stop:
                        result: R = stop.value
                        return result
                yield event
        finally:
            with plain_torch():
                steps.close()

    return plain


class _Shared(Generic[R]):
    """A setting that torch keeps for the whole process, made while anybody of ours needs it.

    Threads come and go in any order: the first one sets it, the last one puts back what there was.

    Args:
        get: returns what is set.
        put: sets it.
        wanted: what it is to be.
    """

    def __init__(self, get: Callable[[], R], put: Callable[[R], None], wanted: R) -> None:
        self._get, self._put, self._wanted = get, put, wanted
        self._lock = threading.Lock()
        self._users = 0
        self._former = wanted

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._former = self._get()
                if self._former != self._wanted:
                    self._put(self._wanted)
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            # What somebody else set meanwhile stays.
            if not self._users and self._former != self._wanted == self._get():
                self._put(self._former)


def _products() -> list[Any]:
    """Return what holds the precision of float32 products, one for each library; of old torch none."""
    backends = torch.backends
    kept = (backends.cuda.matmul, getattr(backends.mkldnn, "matmul", None))
    return [product for product in kept if hasattr(product, "fp32_precision")]


def _precision() -> tuple[str, ...]:
    # torch from 2.9 on refuses to tell one for all once somebody used its newer names.
    found = tuple(str(product.fp32_precision) for product in _products())
    whole = found or (torch.get_float32_matmul_precision(),)
    return tuple({"none": "ieee"}.get(precision, precision) for precision in whole)


def _set_precision(wanted: tuple[str, ...]) -> None:
    for product, precision in zip(_products(), wanted, strict=False):
        product.fp32_precision = precision
    if not _products():
        torch.set_float32_matmul_precision(wanted[0])


_AUTOCAST = ("cpu", "cuda", "mps", "xpu")
_PRECISION = _Shared(
    _precision, _set_precision, ("ieee",) * len(_products()) if _products() else ("highest",)
)
_FLOAT32 = _Shared(torch.get_default_dtype, torch.set_default_dtype, torch.float32)
