"""All benchmarks, one after the other, each in a process of its own; one table.

    python -m benchmarks --json benchmarks.json                # about half an hour on two cores
    python -m benchmarks --only method start                   # some of them
    python -m benchmarks --write docs/performance.md           # puts the table into that file

A row tells what ours and a reference took in the same run, their ratio, the floor (what cannot be saved,
measured too) and the target. The viewer's and an accelerator's benchmarks have tables of their own
(``gui.py``, ``accelerator.py``).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BEGIN, END = "<!-- python -m benchmarks -->", "<!-- end of python -m benchmarks -->"
PACKAGES = ("torch", "numpy", "open_clip_torch", "timm", "segment_anything", "napari-corrclip")

# Why a target is missed, as measured; beside the row in the table.
REASONS: dict[str, str] = {}


@dataclass(frozen=True)
class Row:
    """One line of the table; ``limit`` is the most that ``value`` (ours or a ratio) should be."""

    what: str
    unit: str
    ours: float
    reference: float | None = None
    floor: float | None = None
    target: str = ""
    met: bool | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the reference."""
        return None if self.reference is None else self.ours / self.reference


def timed(document: dict[str, Any]) -> Iterator[Row]:
    """Of ``method.py`` and ``start.py``."""
    for row in document["rows"]:
        ours, reference = row["ours_s"], row.get("reference_s")
        target, met = "", None
        if "target_s" in row:
            target, met = f"{row['target_s']} s", ours <= row["target_s"]
        elif "target" in row:
            target, met = f"{row['target']} ×", ours <= row["target"] * reference
        yield Row(row["case"], "s", ours, reference, row.get("floor_s"), target, met)


def everything(document: dict[str, Any]) -> Iterator[Row]:
    """Of ``everything.py``: by the processor's time, which other work hardly touches."""
    for points, limit, memory in ((16, 0.5, 0.5), (32, 0.35, None)):
        found = {row["side"]: row for row in document["rows"] if row["points"] == points}
        if len(found) != 2:
            continue
        ours, reference = found.values()
        for unit, key, most in (("CPU s", "cpu", limit), ("GiB", "peak_gib", memory)):
            yield Row(
                f"everything mode, ViT-B, {points} × {points} points",
                unit,
                ours[key],
                reference[key],
                None,
                "" if most is None else f"{most} ×",
                None if most is None else ours[key] <= most * reference[key],
            )


def memory(document: dict[str, Any]) -> Iterator[Row]:
    """Of ``memory.py``."""
    for row in document["rows"]:
        ours, most = row["peak_gib"], row["limit_gib"]
        yield Row(f"memory: {row['case']}", "GiB", ours, None, None, f"{most} GiB", ours <= most)


def options(document: dict[str, Any]) -> Iterator[Row]:
    """Of ``options.py``."""
    for row in document["rows"]:
        changed = f"changes {row['changed_labels_percent']} % of the labels"
        for detail in ("standard", "fine"):
            if f"{detail}_s" in row:
                title = f"{row['option']} ({changed}), encode {detail}"
                yield Row(title, "s", row[f"{detail}_s"], row[f"{detail}_plain_s"])


def languages(document: dict[str, Any]) -> Iterator[Row]:
    """Of ``languages.py``: the text tower for other languages beside the English one."""
    found: dict[int, list[float]] = {}
    for row in document["rows"]:
        found.setdefault(row["templates"], []).append(row["text_s"])
    for templates, (english, other) in found.items():
        yield Row(f"20 words of other languages, {templates} templates", "s", other, english)


def edits(document: dict[str, Any]) -> Iterator[Row]:
    """Of ``annotation.py``."""
    for row in document["edits"]:
        yield Row(f"correcting: {row['edit']}", "ms", row["median"], document["reference"])


PARTS: dict[str, tuple[list[str], Callable[[dict[str, Any]], Iterator[Row]]]] = {
    "start": ([], timed),
    "method": (["--threads", "1"], timed),
    "everything": (["--points", "16", "32"], everything),
    "memory": ([], memory),
    "options": (["--threads", "1"], options),
    "annotation": ([], edits),
    "languages": (["--threads", "1"], languages),
}


def main() -> None:
    """Run the parts, print the table, write it and the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="One table.")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--json", type=Path, help="all that was measured")
    parser.add_argument("--write", type=Path, help="a Markdown file with the two marks")
    parser.add_argument("--from-json", type=Path, help="print (and write) what was measured before")
    chosen = parser.parse_args()
    if chosen.from_json:
        document = json.loads(chosen.from_json.read_text(encoding="utf-8"))
    else:
        document = about() | {"parts": {name: run(name) for name in chosen.only}}
    rows = [row for name, part in document["parts"].items() for row in PARTS[name][1](part)]
    document["rows"] = [asdict(row) | {"ratio": row.ratio} for row in rows]
    if chosen.json:
        chosen.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    text = table(document, rows)
    print(text)
    if chosen.write:
        fill(chosen.write, text)


def about() -> dict[str, Any]:
    """Machine, versions, date."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def processor() -> str:
    """Its name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def run(name: str) -> dict[str, Any]:
    """Run a benchmark and return its JSON; what it prints goes to stderr."""
    print(f"{name} …", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        command = [sys.executable, str(HERE / f"{name}.py"), *PARTS[name][0], "--json", str(path)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


def table(document: dict[str, Any], rows: list[Row]) -> str:
    """Markdown: where and when, the table, a sentence for each target that was missed."""
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    lines = [
        f"{document['date']}, {document['cores']} cores ({document['processor'] or document['machine']}), "
        f"Python {document['python']}, {versions}.",
        "",
        "| | unit | ours | reference | ratio | floor | target | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        met = {None: "", True: "yes", False: "no"}[row.met]
        cells = [row.what, row.unit, *map(number, (row.ours, row.reference, row.ratio, row.floor))]
        lines.append("| " + " | ".join([*cells, row.target, met]) + " |")
    missed = [row for row in rows if row.met is False]
    if missed:
        lines.append("")
    for row in missed:
        why = REASONS.get(row.what, "the reason is not measured yet")
        lines.append(f"- Missed: {row.what}, {number(row.ours)} {row.unit}: {why}.")
    return "\n".join(lines) + "\n"


def number(value: float | None) -> str:
    """Three digits, or nothing."""
    if value is None:
        return ""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def fill(path: Path, text: str) -> None:
    """Put ``text`` between the marks of a Markdown file."""
    whole = path.read_text(encoding="utf-8")
    if BEGIN not in whole or END not in whole:
        raise SystemExit(f"{path} has not the lines {BEGIN!r} and {END!r}; add them.")
    before, rest = whole.split(BEGIN, 1)
    path.write_text(f"{before}{BEGIN}\n{text}{END}{rest.split(END, 1)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
