"""The quality of the demo preset, on scenes that nothing was chosen on.

Three figures for every stage of the ablation, each summed over the test scenes: a vocabulary of
colours alone; and one of all 36 colour x shape pairs, scored apart on the pairs that were seen in
training and on those held out of it. The base is the same CLIP, as it is. The measuring itself, and all
other rows, are the ablation's (:mod:`napari_corrclip.evaluation.ablation`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.demo.scenes import TEST_SEED, Scene, generate_scene
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.ablation.measuring import measure_steps
from napari_corrclip.evaluation.ablation.rows import stage_rows
from napari_corrclip.evaluation.ablation.sets import DemoScenes
from napari_corrclip.progress import Steps
from napari_corrclip.regions.protocol import Partition, RegionSource
from napari_corrclip.regions.sam import SamEmbedding, SamRegions
from napari_corrclip.settings import STAGES, Stage
from napari_corrclip.wording.amounts import count

GROUPS: Final = ("colours", "seen", "held_out")


@dataclass(frozen=True)
class Score:
    """Mean IoU over the classes of objects, and over those and the grounds."""

    object_miou: float
    miou: float


@dataclass(frozen=True)
class Evaluation:
    """The figures that were measured.

    Attributes:
        scores: group (``colours``, ``seen``, ``held_out``) -> stage of the ablation -> scores.
        click_iou: mean IoU of SAM's mask for one click on every object; NaN without SAM.
        seconds: mean wall time a scene of ``regions``, ``encode`` and ``classify``, of the last stage.
        scenes: number of scenes.
        regions: where regions came from.
    """

    scores: Mapping[str, Mapping[str, Score]]
    click_iou: float
    seconds: Mapping[str, float]
    scenes: int
    regions: str

    def to_json(self) -> str:
        """The scores at the top level, the rest beside them."""
        document: dict[str, object] = {
            group: {stage: asdict(score) for stage, score in stages.items()}
            for group, stages in self.scores.items()
        }
        document["click_iou"] = None if np.isnan(self.click_iou) else self.click_iou
        document["seconds_per_scene"] = dict(self.seconds)
        document["scenes"] = self.scenes
        document["regions"] = self.regions
        return json.dumps(document, indent=2) + "\n"

    def table(self) -> str:
        """The scores as text: a row a stage, object mIoU / mIoU in each group."""
        head = f"{'stage':<12}" + "".join(f"{group:>18}" for group in self.scores)
        lines = [
            f"object mIoU / mIoU over {count(self.scenes, 'test scene')}, regions: {self.regions}",
            head,
        ]
        for stage in self.scores["colours"]:
            cells = [self.scores[group][stage] for group in self.scores]
            lines.append(
                f"{stage:<12}" + "".join(f"{c.object_miou:>10.3f} / {c.miou:.3f}" for c in cells)
            )
        if not np.isnan(self.click_iou):
            lines.append(f"IoU of SAM's mask for one click on an object: {self.click_iou:.3f}")
        spent = ", ".join(f"{stage} {value:.2f}" for stage, value in self.seconds.items())
        total = sum(self.seconds.values())
        lines.append(f"seconds a scene, full method: {total:.2f} ({spent})")
        return "\n".join(lines)


def evaluate_steps(
    scenes: int = 100,
    *,
    recipe: Recipe | None = None,
    first_seed: int = TEST_SEED,
    stages: Sequence[Stage] = STAGES,
) -> Steps[Evaluation]:
    """Measure the demo preset; yields after every stage of every scene.

    Args:
        scenes: how many, from ``first_seed`` on.
        recipe: the run, of the full method; ``None``: the preset as it is.
        first_seed: seed of the first scene; the default begins the test split.
        stages: which stages of the ablation.

    Raises:
        InputError: no scenes, or an argument that the segmenter refuses.
    """
    if scenes < 1:
        raise InputError(f"{scenes} scenes cannot be evaluated; ask for at least one.")
    recipe = recipe or Recipe("demo")
    segmenter = Segmenter.from_recipe(recipe)
    images = DemoScenes(scenes, first_seed)
    clicks: list[float] = []

    def told(number: int, source: RegionSource, found: Partition) -> None:
        if isinstance(source, SamRegions) and found.embedding is not None:
            clicks.extend(click_ious(source, found.embedding, generate_scene(first_seed + number)))

    rows = [row for row in stage_rows(recipe.method) if row.name in stages]
    sources = {recipe.regions: segmenter.regions}
    measured = yield from measure_steps(images, rows, sources, segmenter, told=told)

    def score(group: str, stage: str) -> Score:
        return Score(
            measured.score(recipe.regions, stage, group),
            measured.score(recipe.regions, stage, f"{group}_all"),
        )

    last = rows[-1].name
    return Evaluation(
        scores={group: {row.name: score(group, row.name) for row in rows} for group in GROUPS},
        click_iou=float(np.mean(clicks)) if clicks else float("nan"),
        seconds=measured.seconds(recipe.regions, last),
        scenes=scenes,
        regions=recipe.regions,
    )


def click_ious(source: SamRegions, embedding: SamEmbedding, scene: Scene) -> list[float]:
    """IoU with the truth of the mask for one click a visible object of ``scene``.

    The click is a pixel of the object drawn from the scene's seed, as a person's is: anywhere on it.

    Args:
        source: who answers clicks.
        embedding: the scene's image as that source encoded it.
        scene: with its objects.
    """
    rng = np.random.default_rng(scene.seed)
    ious = []
    for item in scene.objects:
        truth = scene.instances == item.instance
        rows, columns = np.nonzero(truth)
        at = int(rng.integers(len(rows)))
        mask = source.click(embedding, [(int(rows[at]), int(columns[at]))])
        ious.append(iou(mask, truth))
    return ious


def iou(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks."""
    return float((mask & truth).sum() / max(1, int((mask | truth).sum())))
