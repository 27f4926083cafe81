"""Parts of results that cannot be written to, and stay so when they are pickled or copied.

``types.MappingProxyType`` cannot be pickled, and NumPy forgets on the way that an array was closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

K = TypeVar("K")
V = TypeVar("V")


class FrozenMapping(Mapping[K, V]):
    """A mapping that cannot be written to.

    Args:
        items: copied, so that nobody changes them from outside.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._items!r})"

    def __or__(self, other: Mapping[K, V]) -> dict[K, V]:
        return {**self, **other}

    def __ror__(self, other: Mapping[K, V]) -> dict[K, V]:
        return {**other, **self}

    def __reduce__(self) -> tuple[type[FrozenMapping[K, V]], tuple[dict[K, V]]]:
        return type(self), (self._items,)


class Closed:
    """A value whose arrays are closed to writing, and again when it was pickled or copied.

    Those of a dataclass are closed when it is made.
    """

    def __post_init__(self) -> None:
        """Close the arrays."""
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, closed(value))

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            self.__dict__[name] = closed(value) if isinstance(value, np.ndarray) else value


def closed(array: Any, dtype: Any = None) -> Any:
    """Return a view of an array that cannot be written to."""
    view = np.asarray(array, dtype).view()
    view.flags.writeable = False
    return view
