"""The import of torch beside a viewer that is drawing already."""

from __future__ import annotations

import contextlib
import os
import sys


def prepare_imports() -> None:
    """Make the import of torch's libraries safe once a canvas is there; call it before the first one.

    On Linux, drawing by Mesa (software, AMD, many virtual machines) loads LLVM for the whole process.
    triton, which torch brings on Linux, has an LLVM of its own, whose calls would then land in Mesa's, and
    the process dies. Loaded once with its own symbols first, it is left alone afterwards.
    """
    if not sys.platform.startswith("linux") or "triton" in sys.modules:
        return
    former = sys.getdlopenflags()
    sys.setdlopenflags(former | os.RTLD_DEEPBIND)
    try:
        with contextlib.suppress(ImportError):
            import triton  # noqa: F401
    finally:
        sys.setdlopenflags(former)
