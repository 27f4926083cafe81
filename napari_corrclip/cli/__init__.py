"""The command line: parse, call, print. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run ``napari-corrclip`` and return its exit code.

    0: done; 1: a failure that is not the user's; 2: something that was given cannot be used;
    130: interrupted; 141: whoever read the output has gone.

    Args:
        args: what follows the program's name; ``None``: what the process was started with.
    """
    if sys.stderr is None:  # closed; Python would print to stdout what is meant for it
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - it stays
    try:
        from napari_corrclip.cli.app import run

        return run(sys.argv[1:] if args is None else list(args))
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
