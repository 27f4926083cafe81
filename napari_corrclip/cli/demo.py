"""``napari-corrclip demo``: a built-in scene beside its truth, or many of them measured."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.cli.console import say, tell
from napari_corrclip.cli.options import (
    RegionOptions,
    check_region_options,
    check_regions,
    read_classes,
)
from napari_corrclip.cli.segment import check_prompts, class_lines
from napari_corrclip.cli.targets import check_file, check_folder, check_replaceable
from napari_corrclip.demo.scenes import Scene, generate_scene
from napari_corrclip.demo.words import what_is_in
from napari_corrclip.demo.world import GROUNDS
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.metrics import Confusion
from napari_corrclip.progress import drive
from napari_corrclip.regions.options import REGION_KINDS
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.weights.catalogue import get_preset

PICTURE = "demo.png"
SCENE = "demo scene "
"""What the provenance calls a scene, before its seed."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of a label map with the truth: mean IoU of objects' classes and of all, accuracy."""

    object_miou: float
    miou: float
    accuracy: float


def show(
    output: Path,
    seed: int,
    *,
    classes: str | None,
    regions: str,
    region_options: RegionOptions,
    device: str,
    dtype: str,
) -> None:
    """Segment the scene of ``seed``, write results and a picture, print how it agrees.

    Raises:
        InputError: an argument cannot be used.
    """
    scene = generate_scene(seed)
    words = what_is_in(scene) if classes is None else read_classes(classes)
    check_folder(output)
    check_replaceable(output, lambda owner: owner.image.startswith(SCENE))
    check_regions(regions)

    from napari_corrclip.devices import describe_device
    from napari_corrclip.engine.segmenter import Segmenter
    from napari_corrclip.evaluation.comparison import comparison, png

    check_prompts(words, get_preset("demo"))
    check_region_options(region_options, regions)
    segmenter = Segmenter.from_preset(
        "demo",
        device=device,
        dtype=dtype,
        regions=regions if regions in REGION_KINDS else Path(regions),
        region_options=region_options,
    )
    say(f"Scene {seed} on {describe_device(segmenter.clip.device)}")
    result = drive(segmenter.segment_steps(scene.image, words))
    origin = replace(result.provenance, image=f"{SCENE}{seed}")
    result = replace(result, provenance=origin)
    truth = truth_labels(scene, words)
    picture = png(comparison(scene.image, truth, result.labels, words))
    result.save(output, image=scene.image, demo_picture=picture)

    for note in result.notes:
        say(f"Note: {note}")
    tell(*class_lines(result))
    found = agreement(truth, result.labels, words)
    if np.isnan(found.miou):
        tell("None of these words names anything in the scene, so there is no truth to compare.")
    else:
        tell(
            f"object mIoU {found.object_miou:.3f}   mIoU {found.miou:.3f}   "
            f"pixel accuracy {found.accuracy:.3f}"
        )
    seconds = "   ".join(f"{stage} {value:.2f}" for stage, value in origin.seconds.items())
    tell(f"seconds: {seconds}")
    tell(f"{output}{os.sep}   picture: {output / PICTURE}")


def evaluate(scenes: int, *, regions: str, device: str, dtype: str, json: Path | None) -> None:
    """Measure the demo preset on its test scenes; print the table and write it to ``json``.

    Raises:
        InputError: an argument cannot be used.
    """
    if regions not in REGION_KINDS:
        raise InputError(
            f"--evaluate takes no regions {regions!r}; choose {' or '.join(REGION_KINDS)}."
        )
    if json is not None:
        check_file(json)

    from napari_corrclip.evaluation.demo_world import evaluate_steps

    recipe = Recipe("demo", device=device, dtype=dtype, regions=regions)
    found = drive(evaluate_steps(scenes, recipe=recipe))
    if json is not None:  # first, so that a stdout that cannot be written does not cost it
        json.absolute().parent.mkdir(parents=True, exist_ok=True)
        write_bytes(json, found.to_json().encode())
    tell(*found.table().split("\n"))
    if json is not None:
        tell(str(json))


def truth_labels(scene: Scene, vocabulary: Vocabulary) -> NDArray[np.uint16]:
    """(H, W) uint16 true label values; 0 where no prompt of the vocabulary names what is there."""
    values = np.array(
        [0, *(vocabulary.values[index] for index in vocabulary.query_class)], np.uint16
    )
    prompts = [" ".join(query.lower().split()) for query in vocabulary.queries]
    return values[scene.truth(prompts)]


def agreement(
    truth: NDArray[np.uint16], labels: NDArray[np.uint16], vocabulary: Vocabulary
) -> Agreement:
    """Compare (H, W) label values with the true ones; where the truth is 0 nothing is counted.

    A class all of whose prompts are grounds is no object's.
    """
    index = np.zeros(int(max(vocabulary.values)) + 1, np.int64)
    index[list(vocabulary.values)] = np.arange(1, len(vocabulary) + 1)
    confusion = Confusion(len(vocabulary))
    confusion.add(index[truth], index[labels])
    objects = [
        number
        for number, class_ in enumerate(vocabulary)
        if not {prompt.lower() for prompt in class_.prompts} <= set(GROUNDS)
    ]
    return Agreement(confusion.mean_iou(objects), confusion.mean_iou(), confusion.accuracy)
