"""Seconds until the package is imported and the command line has answered.

    python benchmarks/start.py --json start.json

Each in processes of its own, beside one of Python that does nothing; the fastest of some, by the time of
the processor.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

CASES = {
    "import napari_corrclip": (["-c", "import napari_corrclip"], 0.1),
    "napari-corrclip --help": (["-m", "napari_corrclip.cli", "--help"], 0.5),
}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Start-up.")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "rows": [],
    }
    floor = min(seconds(["-c", "pass"]) for _ in range(options.repeats))
    for title, (arguments, target) in CASES.items():
        ours = min(seconds(arguments) for _ in range(options.repeats))
        row = {"case": title, "ours_s": round(ours, 3), "floor_s": round(floor, 3)}
        document["rows"].append(row | {"target_s": target})
        print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def seconds(arguments: list[str]) -> float:
    """Of the processor, that a Python with ``arguments`` takes."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return spent() - before


if __name__ == "__main__":
    main()
