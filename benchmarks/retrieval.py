"""Unlabelled memory: the pre-labels of regions with and without those of their likest in other images.

    OMP_NUM_THREADS=1 python benchmarks/retrieval.py --photographs STREETS --json retrieval.json

Published as region retrieval (CorrCLIPv2): the K = 20 nearest regions of a bank by the similarity tower's
vectors, their values averaged, half of it and half of one's own. Here the bank is the other images of a set,
as in a project, and the values are class probabilities, averaged as they are (*mean*) or as logits, which is
the published form but for the length of the averaged vector (*logits*). What is measured is the share of the
regions' pixels whose class is right; gains are of an image, with 95 % of 2,000 resamples of images. *tune* is
what is chosen on, *test* what is told.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import napari_corrclip as nc
from napari_corrclip.demo.scenes import TEST_SEED, VALIDATION_SEED, generate_scene
from napari_corrclip.engine.encoded_image import run_steps
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.engine.vectors import region_vectors
from napari_corrclip.evaluation.effort.cases import forest
from napari_corrclip.evaluation.effort.cases.cast import ON_SCENES
from napari_corrclip.evaluation.effort.cases.folder import read_folder
from napari_corrclip.evaluation.effort.cases.photographs import MOST, split
from napari_corrclip.evaluation.effort.cases.scenes import WORDS, noisy
from napari_corrclip.progress import finish
from napari_corrclip.regions.given import GivenRegions
from napari_corrclip.regions.superpixels import SuperpixelRegions
from napari_corrclip.results.segmentation import Segmentation, segmentation_from_probabilities
from napari_corrclip.results.vectors import RegionVectors, scaled

NEIGHBOURS: Final = 20
SIGMA: Final = 34.0
"""Grey levels of the noise, under which superpixels of the demo are right on about 80 %."""
SIZES: Final = (100, 1_000, 10_000)
QUERIES: Final = 60
GRID: Final = 350
FORESTS: Final = {"80 %": 25_149, "few": 150}
"""Pixels that the forests of photographs are trained on."""
SEEDS: Final = {"tune": VALIDATION_SEED + 100, "test": TEST_SEED}
SEEN: Final[dict[str, Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]]] = {
    "plain": lambda image, seed: image,
    "noise": lambda image, seed: noisy(image, SIGMA, seed),
    "cast": lambda image, seed: ON_SCENES.tinted(image, seed),
}


@dataclass(frozen=True, eq=False)
class Seen:
    """The regions of an image, as they were seen.

    Attributes:
        keys: (R, d) float32 of unit length, of the similarity tower.
        own: (R, K) float64 P.
        pixels: (R, K) of each true class.
    """

    keys: NDArray[np.float32]
    own: NDArray[np.float64]
    pixels: NDArray[np.int64]

    @classmethod
    def of(cls, vectors: RegionVectors, result: Segmentation, truth: NDArray[np.integer]) -> Seen:
        """Return those of a result; the truth is in its vocabulary's values, 0 = not counted."""
        assert vectors.similarity is not None
        keys = vectors.similarity.astype(np.float32)
        keys /= np.maximum(np.linalg.norm(keys, axis=1, keepdims=True), 1e-6)
        counted = (truth > 0) & (result.regions > 0)
        rows = np.searchsorted(vectors.ids, result.regions[counted])
        columns = np.searchsorted(vectors.classes, truth[counted])
        classes = len(vectors.classes)
        pixels = np.bincount(rows * classes + columns, minlength=len(vectors) * classes)
        own = vectors.probabilities.astype(np.float64)
        return cls(keys, own / own.sum(axis=1, keepdims=True), pixels.reshape(-1, classes))


def scenes(source: str, half: str, count: int, cache: Path | None) -> dict[str, list[Seen]]:
    """Return scenes of the demo under each condition, in the regions of the plain scene."""
    segmenter = Segmenter.from_recipe(nc.Recipe("demo", regions=source))
    words = nc.Vocabulary.from_names(WORDS)
    found: dict[str, list[Seen]] = {name: [] for name in SEEN}
    for seed in range(SEEDS[half], SEEDS[half] + count):
        path = None if cache is None else cache / f"{source}-{seed}.npz"
        if path is not None and path.exists():
            with np.load(path) as file:
                for name, seen in found.items():
                    seen.append(
                        Seen(*(file[f"{name}_{part}"] for part in ("keys", "own", "pixels")))
                    )
            continue
        scene = generate_scene(seed)
        truth = np.array([0, *words.values], np.uint16)[scene.truth(words.names)]
        regions = GivenRegions(finish(segmenter.regions.segment(scene.image)))
        for name, look in SEEN.items():
            image = look(scene.image, seed)
            steps = run_steps(segmenter, image, words, regions, similarity_means=True)
            result, encoded = finish(steps)
            found[name].append(Seen.of(region_vectors(encoded, result), result, truth))
        if path is not None:
            last = {
                f"{name}_{part}": value
                for name in SEEN
                for part, value in vars(found[name][-1]).items()
            }
            np.savez_compressed(path, **last)
    return found


def photographs(folder: Path, half: str) -> dict[str, list[Seen]]:
    """Return every other photograph in superpixels, labelled by forests that were trained on the others."""
    read = read_folder(folder, ignore=[11])
    to_train, to_use = split(read.images)
    if half == "tune":
        to_train, to_use = to_use, to_train
    known = [forest.pixel_features(photograph.image) for photograph in to_train]
    sample = forest.draw_sample(known, [photograph.truth for photograph in to_train], MOST)
    trained = {name: forest.train(sample, size) for name, size in FORESTS.items()}
    segmenter = Segmenter.from_recipe(nc.Recipe("demo", regions="superpixels"))
    source, words = SuperpixelRegions(GRID), read.classes
    found: dict[str, list[Seen]] = {name: [] for name in FORESTS}
    for photograph in to_use:
        regions = finish(source.segment(photograph.image))
        # What the demo's networks call the regions is of no interest, only how they look.
        thing = nc.Vocabulary.from_names(["thing"])
        steps = run_steps(
            segmenter, photograph.image, thing, GivenRegions(regions), similarity_means=True
        )
        seen, encoded = finish(steps)
        vectors, features = region_vectors(encoded, seen), forest.pixel_features(photograph.image)
        truth = np.array([0, *words.values], np.uint16)[photograph.truth]
        for name, trees in trained.items():
            likely = forest.probabilities(trees, features, len(words), photograph.truth.shape)
            result = segmentation_from_probabilities(likely, regions, words)
            labelled = replace(
                vectors,
                probabilities=scaled(result.region_probabilities),
                classes=tuple(words.values),
            )
            found[name].append(Seen.of(labelled, result, truth))
    return found


def remembered(
    seen: Sequence[Seen], at: int, size: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Yield (R, K) of an image with a memory of the others: by the mean, by logits.

    Args:
        seen: all images.
        at: which one.
        size: regions of the others, taken image after image in an order of the seed.
        seed: of the order.
    """
    order = np.random.default_rng([seed, at]).permutation([i for i in range(len(seen)) if i != at])
    ends = np.cumsum([len(seen[i].keys) for i in order])
    used = order[: int(np.searchsorted(ends, size)) + 1]
    keys = np.concatenate([seen[i].keys for i in used])[:size]
    values = np.concatenate([seen[i].own for i in used])[:size]
    cosines = seen[at].keys @ keys.T
    nearest = np.argpartition(-cosines, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    own = seen[at].own
    yield own / 2 + values[nearest].mean(axis=1) / 2
    logits = np.log(np.maximum(values, 1e-6))
    mixed = np.log(np.maximum(own, 1e-6)) / 2 + logits[nearest].mean(axis=1) / 2
    yield np.exp(mixed)


def right(seen: Seen, scores: NDArray[Any]) -> float:
    """Return the share of the counted pixels whose region's class is right."""
    chosen = scores.argmax(axis=1)[:, None]
    found = np.take_along_axis(seen.pixels, chosen, axis=1)
    return float(found.sum()) / max(1.0, float(seen.pixels.sum()))


def measure(name: str, seen: Sequence[Seen]) -> Iterator[dict[str, Any]]:
    """Yield a row for each size of the bank; the last may be as many regions as there are."""
    queries = min(QUERIES, len(seen))
    own = np.array([right(each, each.own) for each in seen[:queries]])
    ceiling = float(np.mean([right(each, each.pixels) for each in seen[:queries]]))
    most = sum(len(each.keys) for each in seen) - max(len(each.keys) for each in seen)
    for size in SIZES:
        if size > 3 * most:
            continue
        both = np.array(
            [
                [right(seen[at], scores) for scores in remembered(seen, at, size, 0)]
                for at in range(queries)
            ]
        )
        row: dict[str, Any] = {
            "set": name, "images": queries, "bank": min(size, most), "own": float(own.mean()),
            "ceiling": ceiling,
        }  # fmt: skip
        for column, form in enumerate(("mean", "logits")):
            gains = both[:, column] - own
            row[form] = (float(gains.mean()), *interval(gains))
        yield row


def interval(gains: NDArray[np.float64]) -> tuple[float, float]:
    """Return 95 % of 2,000 resamples' means."""
    dice = np.random.default_rng(0)
    means = gains[dice.integers(len(gains), size=(2_000, len(gains)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def told(gain: tuple[float, float, float]) -> str:
    """Return a gain in percent points, with its interval."""
    mean, low, high = (100 * value for value in gain)
    return f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"


def main() -> None:
    """Measure, print the table, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--halves", nargs="+", default=["tune", "test"], choices=list(SEEDS))
    parser.add_argument("--superpixels", type=int, default=62, help="scenes; 0: none")
    parser.add_argument("--sam", type=int, default=830, help="scenes; 0: none")
    parser.add_argument("--photographs", type=Path, help="a folder as of effort --photographs")
    parser.add_argument("--cache", type=Path, help="a folder for what was seen of scenes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print("| half | set | bank | own | ceiling | mean | logits |\n|---|---|---|---|---|---|---|")
    for half in options.halves:
        sets: dict[str, list[Seen]] = {}
        for source in ("superpixels", "sam"):
            count = getattr(options, source)
            if count:
                found = scenes(source, half, count, options.cache)
                sets |= {f"{source}, {name}": seen for name, seen in found.items()}
        if options.photographs:
            found = photographs(options.photographs, half)
            sets |= {f"streets, {name}": seen for name, seen in found.items()}
        for name, seen in sets.items():
            for row in measure(name, seen):
                rows.append({"half": half} | row)
                print(
                    f"| {half} | {name} | {row['bank']:,} | {row['own']:.1%} | {row['ceiling']:.1%} | "
                    f"{told(row['mean'])} | {told(row['logits'])} |",
                    flush=True,
                )
    if options.json:
        document = {"date": date.today().isoformat(), "rows": rows}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
