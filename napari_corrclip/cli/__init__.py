"""The command line: parse, call, print. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run ``napari-corrclip`` and return its exit code.

    0: done; 1: a failure that is not the user's; 2: something that was given cannot be used;
    129: the terminal or the connection is gone; 130: interrupted; 141: whoever read the output has
    gone; 143: terminated, as a cluster does. What is ended by 129 or 143 is cleaned up like what was
    interrupted.

    Args:
        args: what follows the program's name; ``None``: what the process was started with.
    """
    if sys.stderr is None:  # closed; Python would print to stdout what is meant for it
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - it stays
    terminated: list[int] = []

    def terminate(number: int, _frame: object) -> None:
        terminated.append(number)
        # A shell and the system both tell that a terminal is gone: the second must not stop the cleaning up.
        if len(terminated) == 1:
            raise KeyboardInterrupt

    if args is None and threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
            number = getattr(signal, name, None)
            # nohup and shells have it ignored, and mean it
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, terminate)
    try:
        from napari_corrclip.cli.app import run

        code = run(sys.argv[1:] if args is None else list(args))
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # the terminal is gone
            print("Interrupted.", file=sys.stderr, flush=True)
        code = 130
    return 128 + terminated[0] if terminated else code
