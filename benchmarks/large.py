"""A large image by tiles: seconds and the peak of memory, in a process of its own.

    python benchmarks/large.py --side 8192 --scale 0.25 --regions superpixels --json large.json

The image is a zarr of the demo's scenes, each at ``--zoom`` times its size, and the networks are the
demo's: what is measured is the tiles' own cost. Other networks add their own weights and windows.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

SCENES = 12


def main() -> None:
    """Draw the image, measure in a new process, print, write."""
    parser = argparse.ArgumentParser(description="A large image by tiles.")
    parser.add_argument("--side", type=int, default=8192, help="of the image, in pixels")
    parser.add_argument("--zoom", type=int, default=2, help="size of the demo's scenes in it")
    parser.add_argument("--scale", type=float, default=0.25)
    parser.add_argument("--stride", type=int, default=96, help="of the windows, of 128 pixels")
    parser.add_argument("--regions", choices=("superpixels", "sam", "given"), default="superpixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(measure(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder), options.side, options.zoom)
        command = [sys.executable, __file__, *sys.argv[1:], "--folder", folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    document = json.loads(done.stdout.splitlines()[-1])
    for key, value in document.items():
        print(f"{key:<12} {value}")
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def draw(folder: Path, side: int, zoom: int) -> None:
    """Write ``image.zarr`` and the true regions ``regions.zarr``, chunk by chunk."""
    import numpy as np
    import zarr

    from napari_corrclip.demo.scenes import SIZE, TEST_SEED, generate_scene

    scenes = [generate_scene(TEST_SEED + index) for index in range(SCENES)]
    step = SIZE * zoom
    shape, chunks = (side, side), (step, step)
    image = zarr.create_array(
        folder / "image.zarr", shape=(*shape, 3), chunks=(*chunks, 3), dtype=np.uint8
    )
    regions = zarr.create_array(folder / "regions.zarr", shape=shape, chunks=chunks, dtype=np.int32)
    places = [(top, left) for top in range(0, side, step) for left in range(0, side, step)]
    for number, (top, left) in enumerate(places):
        scene = scenes[number * 7 % SCENES]
        height, width = min(step, side - top), min(step, side - left)
        where = slice(top, top + height), slice(left, left + width)
        large = scene.image.repeat(zoom, axis=0).repeat(zoom, axis=1)
        image[where] = large[:height, :width]
        ids = (scene.regions + 100 * number).repeat(zoom, axis=0).repeat(zoom, axis=1)
        regions[where] = ids[:height, :width]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Segment the image in ``options.folder`` and say what it took."""
    import torch

    import napari_corrclip as nc
    from napari_corrclip.demo.world import COLORS, GROUNDS
    from napari_corrclip.devices import describe_device

    torch.set_num_threads(options.threads)
    words = "\n".join([*COLORS, *GROUNDS])
    given = options.folder / "regions.zarr"
    began = perf_counter()
    result = nc.segment_large(
        options.folder / "image.zarr",
        words,
        options.folder / "result",
        scale=options.scale,
        device="cpu",
        regions=given if options.regions == "given" else options.regions,
        settings=nc.get_preset("demo").settings.replace(stride=options.stride),
        progress=sys.stderr.isatty(),
    )
    seconds = perf_counter() - began
    # kilobytes, but for macOS, which counts bytes
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {
        "date": datetime.date.today().isoformat(),
        "device": describe_device(torch.device("cpu")),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "side": options.side,
        "regions": options.regions,
        "found": len(result.table),
        "classes": len(result.vocabulary),
        **result.provenance.tiling,
        "peak_gb": round(peak / 1e9, 2),
        "seconds": round(seconds, 1),
        "stages": dict(result.provenance.seconds),
    }


if __name__ == "__main__":
    main()
