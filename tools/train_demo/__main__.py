"""Train the demo networks anew.

    python -m tools.train_demo all --out runs
    python -m tools.train_demo pack --out runs
    python -m tools.train_demo eps

Draws the scenes once (1.6 GB below ``--out``), trains each network for a bounded wall time, and packs the
checkpoints in float16 into the package. The three trainings are independent of one another. ``eps`` then
shows what the packed networks score on validation scenes for each eps, to choose the preset's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from napari_corrclip.demo import networks, tokenizer
from napari_corrclip.demo.scenes import TRAIN_SEED, VALIDATION_SEED
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.evaluation.demo_world import evaluate_steps
from napari_corrclip.progress import finish
from tools.train_demo import clip, sam, similarity
from tools.train_demo.pack import pack
from tools.train_demo.pool import make_pool

#: Share of training objects in a colour that has no name.
UNNAMED = 0.5
NETWORKS = ("clip", "sam", "similarity")


def choose_eps(scenes: int = 30) -> None:
    """Print object mIoU on validation scenes for each eps, with regions of SAM and superpixels."""
    for regions in ("sam", "superpixels"):
        for eps in (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4):
            found = finish(
                evaluate_steps(
                    scenes,
                    recipe=Recipe(regions=regions, settings=networks.SETTINGS.replace(eps=eps)),
                    first_seed=VALIDATION_SEED,
                    stages=("full",),
                )
            )
            scores = {group: found.scores[group]["full"].object_miou for group in found.scores}
            print(
                regions,
                eps,
                {group: round(score, 3) for group, score in scores.items()},
                flush=True,
            )


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m tools.train_demo")
    parser.add_argument("what", choices=[*NETWORKS, "all", "pack", "eps"])
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--clip-minutes", type=float, default=50)
    parser.add_argument("--sam-minutes", type=float, default=75)
    parser.add_argument("--similarity-minutes", type=float, default=14)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.what == "eps":
        choose_eps()
        return
    chosen = NETWORKS if arguments.what in ("all", "pack") else (arguments.what,)
    tokenizer.write_merges(networks.WORDS, networks.MERGES)
    if arguments.what == "pack":
        for name in chosen:
            print(f"{name}: {pack(arguments.out / f'{name}.pt', name):,} bytes")
        return
    torch.set_num_threads(arguments.threads)
    validation = make_pool(arguments.out / "validation", VALIDATION_SEED, 200, "all", 0.0)
    pool = make_pool(arguments.out / "train", TRAIN_SEED, arguments.scenes, "seen", UNNAMED)
    if "similarity" in chosen:
        similarity.train(pool, validation, arguments.out, minutes=arguments.similarity_minutes)
    if "sam" in chosen:
        sam.train(pool, validation, arguments.out, minutes=arguments.sam_minutes)
    if "clip" in chosen:
        clip.train(
            pool,
            validation,
            arguments.out,
            crop_steps=1400,
            scene_steps=1_000_000,
            minutes=arguments.clip_minutes,
        )


if __name__ == "__main__":
    main()
