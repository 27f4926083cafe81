"""Kill a process that is correcting, at a random moment, and restore what it did.

python -m tests.annotation.killed --times 50
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from napari_corrclip.annotation import Journal, restore
from tests.annotation.random_edits import digest, edit, new_session

ROOT = Path(__file__).parents[2]


def correct(folder: Path, seed: int) -> None:
    """Edit for ever, and say after each edit that it is made."""
    session = new_session(seed)
    with Journal(session, folder, records=7):  # so that kills hit snapshots too
        print("ready", flush=True)
        number = 0
        while True:
            edit(session, seed, number)
            print(number, flush=True)
            number += 1


def kill_once(folder: Path, seed: int) -> tuple[int, int]:
    """Return how many edits the killed process had said were made, and how many were restored.

    Raises:
        AssertionError: what was restored is no state that the process went through.
    """
    command = [sys.executable, "-m", "tests.annotation.killed", "--folder", str(folder)]
    child = subprocess.Popen(
        [*command, "--seed", str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0, 0.4))
    child.send_signal(signal.SIGKILL)
    said = [int(line) for line in child.stdout.read().split("\n")[:-1]]
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    made = said[-1] + 1 if said else 0

    restored = digest(restore(folder))
    again = new_session(seed)
    for number in range(made):
        edit(again, seed, number)
    if digest(again) == restored:
        return made, made
    # It was killed after the record was written and before it could say so.
    edit(again, seed, made)
    assert digest(again) == restored, f"seed {seed}: {made} edits were made, others restored"
    return made, made + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="run as the process that is killed")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.folder is not None:
        correct(options.folder, options.seed)
    edits = ahead = 0
    for seed in range(options.seed, options.seed + options.times):
        with tempfile.TemporaryDirectory() as folder:
            made, restored = kill_once(Path(folder) / "journal", seed)
        edits += made
        ahead += restored - made
    print(
        f"{options.times} processes killed; {edits} edits were said to be made, all restored; in {ahead} "
        "cases the one being made, too."
    )


if __name__ == "__main__":
    main()
