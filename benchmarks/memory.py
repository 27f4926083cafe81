"""What a large image and many words need beyond the networks, each in a process of its own.

    python benchmarks/memory.py --json memory.json

* 4096 x 4096 pixels and 20 classes, regions by superpixels: the peak of finding them, encoding and
  classifying;
* 1,000 classes at one megapixel: the peak of classifying, beside one array of classes x pixels.

The peak is what the process had in memory (Linux's VmHWM), less what it had with the networks loaded
and run once.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
from pathlib import Path
from time import process_time
from typing import Any

CASES = {
    "4096": "4096 x 4096, 20 classes, superpixels",
    "words": "1,000 classes, 1 MP, classify",
}
LIMIT_GIB = {"4096": 3e9 / 2**30, "words": 1000 * 800 * 1280 * 4 / 2**30}


def main() -> None:
    """Measure each case in its own process, print, write."""
    parser = argparse.ArgumentParser(description="Peak memory beyond the networks.")
    parser.add_argument("--preset", default="vit-b-16", help="in its shapes, with random weights")
    parser.add_argument("--detail", default="standard")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure(options.cases[0], options.preset, options.detail)))
        return
    import torch

    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "preset": options.preset,
        "detail": options.detail,
        "rows": [],
    }
    for case in options.cases:
        command = [sys.executable, __file__, "--alone", "--cases", case]
        command += ["--preset", options.preset, "--detail", options.detail]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        document["rows"].append(row)
        print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def measure(case: str, preset: str, detail: str) -> dict[str, Any]:
    """Seconds and GiB beyond the networks of one case, in this process."""
    import torch

    sys.path.insert(0, str(Path(__file__).parent))
    from speed import WORDS, build, picture

    from napari_corrclip.engine.text_cache import TextCache
    from napari_corrclip.regions.superpixels import SuperpixelRegions
    from napari_corrclip.settings import at_detail
    from napari_corrclip.vocabulary import Vocabulary

    torch.set_num_threads(1)  # what is measured is memory, whatever else the machine does
    segmenter = build(preset, torch.device("cpu"), torch.float32)
    segmenter.settings = at_detail(segmenter.settings, detail)
    segmenter.regions = SuperpixelRegions()
    words = WORDS
    if case == "words":
        words = Vocabulary.from_names([f"thing {index}" for index in range(1000)])
        segmenter.text_cache = TextCache(None)
        know(segmenter, words)
    image = picture((4096, 4096) if case == "4096" else (800, 1280))
    small = segmenter.encode(image[:400, :400], progress=False)
    segmenter.classify(small, WORDS, progress=False)
    features = None
    if case == "words":
        features = segmenter.encode(image, progress=False)
    reset_peak()
    before, times = resident("VmRSS"), {}
    if features is None:
        features = segmenter.encode(image, progress=False)
        times = {f"{name}_s": round(value, 2) for name, value in features.seconds.items()}
        times["encode_peak_gib"] = round(resident("VmHWM") - before, 2)
    began = process_time()
    segmenter.classify(features, words, progress=False)
    times["classify_cpu_s"] = round(process_time() - began, 2)
    return {
        "case": CASES[case],
        **times,
        "peak_gib": round(resident("VmHWM") - before, 2),
        "limit_gib": round(LIMIT_GIB[case], 2),
    }


def know(segmenter: Any, words: Any) -> None:
    """Random features for ``words``: reading 1,000 of them is not what is measured."""
    import torch
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    rows = F.normalize(
        torch.randn(len(words.queries), segmenter.clip.embed_dim, generator=generator), dim=-1
    )
    cache = segmenter.text_cache
    for query, row in zip(words.queries, rows, strict=True):
        cache._keep(cache._key(segmenter.clip, segmenter.templates, query), row)


def reset_peak() -> None:
    """Forget the peak so far."""
    Path("/proc/self/clear_refs").write_text("5")


def resident(which: str) -> float:
    """GiB in memory: ``VmRSS`` now, ``VmHWM`` at most."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(which))
    return int(line.split()[1]) / 2**20


if __name__ == "__main__":
    main()
