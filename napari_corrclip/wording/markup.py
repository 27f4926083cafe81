"""Text of others – names of classes, files, layers, presets – that a window shows as it stands.

Qt takes a text for markup where its first line looks like it: a class called ``<b>cat</b>`` would be bold,
and one with ``<img src=…>`` would open a file. In tooltips, and in what napari shows of layers, nobody can
tell it otherwise. A space without width behind the first character of what could be a tag or an entity is not
seen, and makes it none. Names of classes hold no such space, so that they are found again in what was plain.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_SPACE = "\u200b"
_MARKUP = re.compile("<|&(?=lt;)")


def plain(text: str) -> str:
    """Return ``text`` so that Qt takes it for what it is."""
    return _MARKUP.sub(lambda found: found[0] + _SPACE, text)


def as_given(text: str) -> str:
    """Return the name of a class that :func:`plain` was given."""
    return text.replace(_SPACE, "")


def plain_features(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table whose texts are plain, for the ``features`` of a layer, which napari shows."""
    from pandas.api.types import is_string_dtype

    texts = [name for name in table.columns if is_string_dtype(table[name])]
    return table.assign(**{name: table[name].map(plain) for name in texts})
