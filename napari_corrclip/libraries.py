"""What libraries need to live beside each other: torch beside a canvas, vispy beside Mesa."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any


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


def mend_drawing() -> None:
    """Keep the process from dying after a layer was removed; call it before layers are.

    Where Mesa draws (Intel, AMD and in software on Linux; seen with Mesa 22.3, vispy 0.17, PyQt6), the
    deletion of a program with its layer ends in a segmentation fault at a later draw of another layer. The
    programs of removed layers are kept until the process ends; each takes a few kilobytes.
    """
    if not sys.platform.startswith("linux"):
        return
    from vispy.gloo import glir

    program: Any = getattr(glir, "GlirProgram", None)
    if program is not None:
        program.delete = _keep


def _keep(_program: object) -> None:
    """Delete nothing."""
