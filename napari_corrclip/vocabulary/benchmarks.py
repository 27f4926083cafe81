"""The vocabularies of the eight benchmarks by which open-vocabulary segmentation is measured.

Where the names come from is said in ``data/README.md``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary.model import Vocabulary
from napari_corrclip.vocabulary.palette import Palette

DATA = Path(__file__).with_name("data")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One list of classes.

    Attributes:
        name: by which it is asked for.
        title: what people call it.
        classes: how many, the background too.
        background: whether the first class is the background.
        threshold: least probability of the other classes, as the paper sets it.
    """

    name: str
    title: str
    classes: int
    background: bool = False
    threshold: float = 0.0


BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        benchmark.name: benchmark
        for benchmark in (
            Benchmark("voc20", "PASCAL VOC", 20),
            Benchmark("voc21", "PASCAL VOC with background", 21, True, 0.20),
            Benchmark("context59", "PASCAL Context", 59),
            Benchmark("context60", "PASCAL Context with background", 60, True, 0.15),
            Benchmark("coco_object", "COCO objects with background", 81, True, 0.25),
            Benchmark("coco_stuff", "COCO-Stuff", 171),
            Benchmark("ade20k", "ADE20K", 150),
            Benchmark("cityscapes", "Cityscapes", 19),
        )
    }
)
"""The lists by name."""


def benchmark(name: str, *, palette: Palette = Palette.DISTINCT) -> Vocabulary:
    """Return the vocabulary of a benchmark in colours of a palette; class i is line i of its list.

    Raises:
        InputError: there is none of that name.
    """
    found = BENCHMARKS.get(name)
    if found is None:
        near = difflib.get_close_matches(str(name).lower(), BENCHMARKS, n=1)
        advice = f"did you mean {near[0]!r}" if near else f"there are {', '.join(BENCHMARKS)}"
        raise InputError(f"{name!r} is no benchmark's vocabulary; {advice}?")
    path = DATA / f"{found.name}.txt"
    background = 0 if found.background else None
    words = Vocabulary.from_file(path, background=background, palette=palette)
    return words.with_threshold(found.threshold)
