"""A merges file of the demo's own for open_clip's ``SimpleTokenizer``.

Every word of the world is one token, anything else falls back to bytes. (The stock table alone would
weigh 12 MB.)
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

#: bytes, bytes at a word's end, start and end of text.
BASE_TOKENS = 256 + 256 + 2


def make_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Byte-pair merges, in order of rank, under which each of ``words`` (a-z) becomes one token.

    A word is first merged by what is there already, then its pieces from left to right. Merges
    that come later rank lower, so they never stop an earlier word from becoming whole.
    """
    merges: list[tuple[str, str]] = []
    ranks: dict[tuple[str, str], int] = {}
    for word in words:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            pairs = list(pairwise(pieces))
            best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
            if best not in ranks:
                best = pairs[0]
                ranks[best] = len(merges)
                merges.append(best)
            at = pairs.index(best)
            pieces[at : at + 2] = ["".join(best)]
    return merges


def write_merges(words: Iterable[str], path: Path) -> int:
    """Write the merges file that ``SimpleTokenizer`` reads; returns the number of its tokens."""
    merges = make_merges(words)
    text = "\n".join(["#version: 0.2", *(" ".join(pair) for pair in merges)])
    # No time stamp, so that the same words give the same file.
    data = bytearray(gzip.compress(text.encode(), mtime=0))
    data[9] = 3  # the system, for which each Python has another number
    path.write_bytes(data)
    return BASE_TOKENS + len(merges)
