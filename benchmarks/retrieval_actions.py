"""Unlabelled memory in actions: what it saves a person who corrects image after image, alone and taught.

    OMP_NUM_THREADS=1 python benchmarks/retrieval_actions.py --photographs STREETS

As benchmarks/retrieval.py: half of each region's probabilities are the mean of those of its K = 20 nearest
regions among all other images of its set, by the similarity tower's vectors. The class of a region is then
its likeliest. The person, the sets and the measure are those of ``napari-corrclip effort --sequence``; totals
are in parts of those without memory and lesson.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.effort.cases.case import Case, CaseSet
from napari_corrclip.evaluation.effort.cases.folder import read_folder
from napari_corrclip.evaluation.effort.cases.taught_photographs import taught_photograph_sets
from napari_corrclip.evaluation.effort.cases.taught_scenes import taught_scene_sets
from napari_corrclip.evaluation.effort.curves import ratio_interval
from napari_corrclip.evaluation.effort.sequence.study import SequenceStudy, sequence_steps
from napari_corrclip.evaluation.effort.sequence.ways import ON, UNTAUGHT
from napari_corrclip.evaluation.resampling import Interval
from napari_corrclip.progress import finish
from napari_corrclip.results.segmentation import segmentation_from_probabilities
from napari_corrclip.results.vectors import scaled

NEIGHBOURS: Final = 20
PLACES: Final = 25
WAYS: Final = {
    "memory alone": ("memory", UNTAUGHT.name),
    "lesson": ("", ON.name),
    "lesson over memory": ("memory", ON.name),
}


def remembering(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return cases whose regions remember those of the others."""
    keys, own = [], []
    for case in cases:
        assert case.vectors is not None
        assert case.vectors.similarity is not None
        found = case.vectors.similarity.astype(np.float32)
        keys.append(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6))
        own.append(case.vectors.probabilities.astype(np.float64))
    made = []
    for at, case in enumerate(cases):
        bank = np.concatenate([each for number, each in enumerate(keys) if number != at])
        values = np.concatenate([each for number, each in enumerate(own) if number != at])
        cosines = keys[at] @ bank.T
        nearest = np.argpartition(-cosines, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        made.append(_labelled(case, own[at] / 2 + values[nearest].mean(axis=1) / 2))
    return tuple(made)


def _labelled(case: Case, probabilities: NDArray[np.float64]) -> Case:
    """Return a case by other probabilities of its regions, the same for all pixels of each."""
    assert case.vectors is not None
    regions, classes = case.result.regions, probabilities.shape[1]
    rows = np.searchsorted(case.vectors.ids, regions)
    whole = np.vstack([probabilities, np.full(classes, 1 / classes)])
    rows[regions == 0] = len(probabilities)
    result = segmentation_from_probabilities(
        np.moveaxis(whole[rows], 2, 0).astype(np.float32), regions, case.result.vocabulary
    )
    vectors = replace(case.vectors, probabilities=scaled(result.region_probabilities))
    return replace(case, result=result, vectors=vectors)


def totals(study: SequenceStudy, way: str) -> NDArray[np.float64]:
    """Return (orders x places) actions; of few regions assignments, in the order of the images."""
    kinds = ("assign",) if study.few else ()
    if way == UNTAUGHT.name:
        visits = [[study.untaught[way][image] for image in order] for order in study.orders]
    else:
        visits = [list(order) for order in study.taught[way]]
    return np.array([[visit.actions(*kinds) for visit in each] for each in visits], float).ravel()


def measured(cases: CaseSet, orders: int) -> tuple[float, dict[str, Interval]]:
    """Return a set's actions an image, and totals in parts of those without memory and lesson."""
    sets = {"": cases, "memory": replace(cases, cases=remembering(cases.cases))}
    studies = {
        name: finish(sequence_steps(each, [UNTAUGHT, ON], orders=orders, length=PLACES, above=()))
        for name, each in sets.items()
    }
    base = totals(studies[""], UNTAUGHT.name)
    return float(base.mean()), {
        name: ratio_interval(totals(studies[memory], way), base)
        for name, (memory, way) in WAYS.items()
    }


def main() -> None:
    """Measure, print the table, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photographs", type=Path, help="a folder of images and labels")
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--half", default="test", choices=["tune", "test"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"| set | untaught | {' | '.join(WAYS)} |\n|---|---|---|---|---|")
    rows: list[dict[str, Any]] = []
    for source in ("superpixels", "sam", "photographs"):
        if source != "photographs":
            sets = finish(
                taught_scene_sets(
                    source, count=options.scenes, half=options.half, names=["plain", "cast"]
                )
            )
        elif options.photographs:
            read = read_folder(options.photographs, ignore=[11])
            sets = finish(taught_photograph_sets(read, None, half=options.half))
        else:
            continue
        for cases in sets:
            untaught, found = measured(cases, options.orders)
            row: dict[str, Any] = {name: asdict(each) for name, each in found.items()}
            rows.append({"set": cases.title, "untaught": untaught} | row)
            told = [
                f"{each.value:.2f} ({each.low:.2f} to {each.high:.2f})" for each in found.values()
            ]
            print(f"| {cases.title} | {untaught:.1f} | {' | '.join(told)} |", flush=True)
    if options.json:
        document = {"date": date.today().isoformat(), "half": options.half, "rows": rows}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
