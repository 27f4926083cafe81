"""The field's variants of the method, on the demo's scenes: a row each, as a Markdown table.

python -m benchmarks.field                         # about ten minutes on two cores
python -m benchmarks.field --only margin --scenes 20 --validation 10
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping

import timm
import torch

from napari_corrclip.encoders.dino import TimmSimilarityEncoder
from napari_corrclip.engine.stitching import cover_counts
from napari_corrclip.engine.windows import cut, plan
from napari_corrclip.evaluation.variants import field
from napari_corrclip.evaluation.variants.field import Judgement
from napari_corrclip.method.grids import nearest
from napari_corrclip.method.merging import number_regions
from napari_corrclip.method.scope import attend_within
from napari_corrclip.method.similarity import unit_cells
from napari_corrclip.method.stitching import attend_across, occurrence_weights, stitch
from napari_corrclip.progress import Steps, finish
from napari_corrclip.settings import Settings

STUDIES: Mapping[str, Callable[[int, int], Steps[Judgement]]] = {
    "squares": lambda n, v: field.stitching_steps(n, v, detail="standard", side=2),
    "fine": lambda n, v: field.stitching_steps(n, v, detail="fine", side=1),
    "templates": field.template_steps,
    "margin": field.margin_steps,
}


def costs() -> str:
    """Stitched attention beside that of each window, and C-RADIO's tower beside DINO's, as a table."""
    generator = torch.Generator().manual_seed(0)
    settings = Settings()
    layout = plan((672, 672), settings.replace(short_side=672), (16, 8))
    grid = (42, 42)
    blocks = torch.arange(672) // 84
    regions = 1 + blocks[:, None] * 8 + blocks
    regions[torch.rand(672, 672, generator=generator) < 0.05] = 0
    merged = nearest(cut(regions, layout.boxes, layout.padding), grid).flatten(1)
    cells, values = (torch.randn(len(layout), 42 * 42, 768, generator=generator) for _ in range(2))
    cells = unit_cells(cells)
    covers = cover_counts(layout, grid)
    weights = occurrence_weights(covers, torch.zeros_like(covers, dtype=torch.bool)).flatten(1)

    def apart() -> None:
        for number, window in enumerate(cells):
            ids, _ = number_regions(merged[number])
            attend_within(window[None], window[None], ids[None], "cross", 0.25)(values[[number]])

    def stitched() -> None:
        every = stitch(cells, cells, merged, weights)
        for number in range(len(layout)):
            some = merged[[number]]
            attend_across(every, cells[[number]], some, number, "cross", 0.25)(values)

    rows = [(f"attention, {len(layout)} windows, each its own", _seconds(apart))]
    rows.append((f"attention, {len(layout)} windows stitched", _seconds(stitched)))
    for name in ("vit_small_patch8_224", "vit_base_patch8_224", "vit_base_patch16_radio_v3"):
        tower = TimmSimilarityEncoder(timm.create_model(name, num_classes=0), name=name)
        pixels = torch.randn(1, 3, 336, 336, generator=generator)
        rows.append((f"{name}, a window of 336", _seconds(lambda: finish(tower.features(pixels)))))  # noqa: B023
    lines = ["| what | CPU s |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {value:.2f} |" for what, value in rows)])


def _seconds(work: Callable[[], object], times: int = 1) -> float:
    """The least of the processor's seconds."""
    spent = []
    with torch.no_grad():
        for _ in range(times):
            began = time.process_time()
            work()
            spent.append(time.process_time() - began)
    return min(spent)


def main() -> None:
    """Run them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=[*STUDIES, "costs"], default=list(STUDIES))
    parser.add_argument("--scenes", type=int, default=100, help="test images")
    parser.add_argument("--validation", type=int, default=40, help="validation images")
    asked = parser.parse_args()
    if "costs" in asked.only:
        print(costs())
        return
    judgements = []
    for name in asked.only:
        began = time.perf_counter()
        judgements.append(finish(STUDIES[name](asked.scenes, asked.validation)))
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
        print(field.table(judgements[-1:]), file=sys.stderr, flush=True)
    print(field.table(judgements))


if __name__ == "__main__":
    main()
