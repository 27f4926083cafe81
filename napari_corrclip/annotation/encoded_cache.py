"""Encoded images in memory: the least recently used ones make room when they are more than a limit.

An encoded image is kept by a :class:`Kept`, which somebody holds who may want it again: a session for the
run that it shows, a plane of a stack. The cache empties it when the room is needed, or when nobody holds it.
Networks do not count: they are the engines' in common.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from typing import Any, Generic, Protocol, TypeVar

from napari_corrclip.errors import InputError

LIMIT_VARIABLE = "NAPARI_CORRCLIP_FEATURE_CACHE"
GIB = 1 << 30
DEFAULT_LIMIT = 2 * GIB
"""Some twenty images of a megapixel at the finest detail, hundreds at the usual one."""


class Sized(Protocol):
    """An encoded image that can tell how large it is."""

    @property
    def nbytes(self) -> int:
        """Memory, in bytes, that is free when it is let go of."""


Encoded = TypeVar("Encoded", bound=Sized)


class Kept(Generic[Encoded]):
    """The holder of an encoded image, until the cache needs the room.

    Attributes:
        engine: ``None``: it was let go of.
    """

    __slots__ = ("__weakref__", "engine")

    def __init__(self, engine: Encoded) -> None:
        self.engine: Encoded | None = engine


class FeatureCache:
    """The encoded images that are kept, of which the least recently used go above a limit.

    Threads may share it.

    Args:
        limit: in bytes; ``None``: as the environment variable ``NAPARI_CORRCLIP_FEATURE_CACHE`` says, a
            number of GiB, else ``preferred``.

    Attributes:
        preferred: in bytes, what a person chose in napari, if anything.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self.preferred = DEFAULT_LIMIT
        self._kept: list[weakref.ref[Kept[Any]]] = []  # the least recently used first
        self._lock = threading.RLock()

    @staticmethod
    def of_process() -> FeatureCache:
        """Return the one that a session has whom nobody gave another one."""
        return FEATURES

    @property
    def limit(self) -> int:
        """So many bytes may be kept; 0: nothing is.

        Raises:
            InputError: the environment variable is no number of GiB.
        """
        if self._limit is not None:
            return self._limit
        given = limit_of_environment()
        return self.preferred if given is None else given

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._limit = limit
        self.trim()

    @property
    def nbytes(self) -> int:
        """Memory that is taken now, in bytes."""
        return sum(_sizes(self._there()).values())

    def keep(self, engine: Encoded) -> Kept[Encoded]:
        """Keep an encoded image as long as the returned object lives and there is room for it.

        It is the last that is let go of, unless it is larger than the limit by itself.
        """
        kept = Kept(engine)
        with self._lock:
            self._kept.append(weakref.ref(kept))
            self.trim()
        return kept

    def __contains__(self, engine: object) -> bool:
        return any(kept.engine is engine for kept in self._there())

    def use(self, engine: Sized) -> None:
        """Note that an encoded image is used now."""
        with self._lock:
            there = self._there()
            there.sort(key=lambda kept: kept.engine is engine)  # stable
            self._kept = [weakref.ref(kept) for kept in there]
            self.trim()  # what is kept may have grown

    def trim(self) -> None:
        """Let go of the least recently used until the others fit."""
        limit = self.limit
        with self._lock:
            there = self._there()
            sizes = _sizes(there)
            # One that would never fit is no reason to let go of others.
            gone = {engine for engine, size in sizes.items() if size > limit}
            total = sum(size for engine, size in sizes.items() if engine not in gone)
            for kept in there:
                engine = id(kept.engine)
                if total > limit and engine not in gone:
                    total -= sizes[engine]
                    gone.add(engine)
            for kept in there:
                if id(kept.engine) in gone:
                    kept.engine = None
            self._kept = [weakref.ref(kept) for kept in there if kept.engine is not None]

    def _there(self) -> list[Kept[Any]]:
        with self._lock:
            found = [kept for ref in self._kept if (kept := ref()) is not None]
        return [kept for kept in found if kept.engine is not None]


def _sizes(there: list[Kept[Any]]) -> dict[int, int]:
    """Return the size of each engine, once, by its identity."""
    return {id(engine): engine.nbytes for kept in there if (engine := kept.engine) is not None}


FEATURES = FeatureCache()
"""That of this process."""


def limit_of_environment() -> int | None:
    """Return the limit, in bytes, that the environment sets; ``None``: it sets none.

    Raises:
        InputError: it is no number of GiB.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    if not text:
        return None
    try:
        return limit_in_bytes(float(text))
    except ValueError:
        raise InputError(
            f"{LIMIT_VARIABLE} is {text!r}; give the limit as a number of GiB, such as 2, or remove it."
        ) from None


def limit_in_bytes(gib: float) -> int:
    """Return so many GiB in bytes.

    Raises:
        InputError: it is negative or no number.
    """
    if not (math.isfinite(gib) and gib >= 0):
        raise InputError(f"A feature cache of {gib!r} GiB cannot be; give 0 or more, such as 2.")
    return int(gib * GIB)


def set_feature_cache_limit(gib: float | None) -> None:
    """Limit the memory of encoded images, in all sessions of this process together.

    What is over the limit is let go of at once, the least recently used first. A session whose encoded
    image was let go of keeps its labels, regions and decisions; new classes need another run.

    Args:
        gib: in GiB; 0 keeps none. ``None``: as ``NAPARI_CORRCLIP_FEATURE_CACHE`` says, else 2.

    Raises:
        InputError: it is negative or no number.
    """
    FEATURES.limit = None if gib is None else limit_in_bytes(gib)
