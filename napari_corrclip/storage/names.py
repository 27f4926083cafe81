"""Names of files and folders that a file system can hold.

File systems count a name's bytes, mostly up to 255; an encrypted one (eCryptfs) stops at 143.
"""

from __future__ import annotations

import hashlib
import os

MAX_BYTES = 255
"""Most bytes of a name on the file systems in use."""


def size(name: str) -> int:
    """Return the bytes of ``name`` as the file system counts them."""
    return len(os.fsencode(name))


def cut(name: str, limit: int) -> str:
    """Return ``name``, or where it has more than ``limit`` bytes its beginning and a hash of all of it."""
    if size(name) <= limit:
        return name
    mark = "~" + hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    while name and size(name) + len(mark) > limit:
        name = name[:-1]
    return name + mark
