"""A few scenes of the demo with strange words, and the vectors of their regions; made once."""

from __future__ import annotations

from functools import cache

from napari_corrclip.evaluation.effort.cases.case import CaseSet
from napari_corrclip.evaluation.effort.cases.taught_scenes import taught_scene_sets
from napari_corrclip.progress import finish


@cache
def scenes(name: str = "words", count: int = 3, source: str = "superpixels") -> CaseSet:
    """The first scenes of the half that one may choose by."""
    (found,) = finish(taught_scene_sets(source, count=count, half="tune", names=(name,)))
    return found
