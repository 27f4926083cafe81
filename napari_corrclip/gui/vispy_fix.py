"""The workaround that vispy needs beside Mesa."""

from __future__ import annotations

import sys
from typing import Any


def mend_drawing() -> None:
    """Keep the process from dying after a layer was removed; call it before layers are.

    Where Mesa draws (Intel, AMD and in software on Linux; seen with Mesa 22.3, vispy 0.17, PyQt6), the
    deletion of a program with its layer ends in a segmentation fault at a later draw of another layer. The
    programs of removed layers are kept until the process ends; how much memory that takes was not measured.
    """
    if not sys.platform.startswith("linux"):
        return
    from vispy.gloo import glir

    program: Any = getattr(glir, "GlirProgram", None)
    if program is not None:
        program.delete = _keep


def _keep(_program: object) -> None:
    """Delete nothing."""
