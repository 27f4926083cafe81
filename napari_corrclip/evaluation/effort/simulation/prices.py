"""The prices of actions. Runs count actions by kind, so that prices are put on afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

KINDS: Final = (
    "look", "find", "assign", "spread", "box", "merge", "split", "brush", "accept", "sweep", "apply",
)  # fmt: skip
"""What a person does, one action each.

``look``: at the region that the queue presents, accepting it included; ``find``: choosing the next
region where nothing is predicted and no queue leads; ``assign``: a class to the one region at hand;
``spread``: to its whole patch; ``box``: to all regions in a drawn box, by one key; ``sweep``: to all
regions that one stroke touches; ``merge``: small regions into their neighbours; ``split``: a region by
one click; ``brush``: a disc; ``accept``: all regions above a confidence at once; ``apply``: what was
learnt, which a strip offers. Undo is free.
"""

PRICES: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "equal": MappingProxyType(dict.fromkeys(KINDS, 1.0)),
        "one-each": MappingProxyType({**dict.fromkeys(KINDS, 1.0), "find": 0.0}),
    }
)
"""Price tables by name.

``equal``: a region that is given a class costs two actions, with pre-labels (look, assign) and
without (find, assign). ``one-each``: without pre-labels nobody has to look at a prediction, so that
giving a region a class is the one action, assign. With pre-labels both tables say the same.
"""


def costs(kinds: NDArray[np.integer], prices: Mapping[str, float]) -> NDArray[np.float64]:
    """Return (n + 1,) what was spent before the first and after each of n actions.

    Args:
        kinds: (n,) indices into :data:`KINDS`.
        prices: of each kind.
    """
    price = np.array([prices[kind] for kind in KINDS])
    return np.concatenate([[0.0], np.cumsum(price[kinds])])
