"""The report of an evaluation: JSON for programs, Markdown for people, a line for the console."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from napari_corrclip.demo.world import COLORS, COMBINATIONS, GROUNDS, SHAPES
from napari_corrclip.evaluation.benchmarking.evaluating import Evaluation
from napari_corrclip.evaluation.benchmarking.former import FORMAT, counted
from napari_corrclip.evaluation.benchmarking.scores import ImageScore
from napari_corrclip.evaluation.datasets.benchmarks import CONDITIONS
from napari_corrclip.evaluation.datasets.dataset import Dataset
from napari_corrclip.evaluation.effort.reporting.cells import number, plain, plain_text
from napari_corrclip.settings import Settings
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.visible import visible

DIGITS: Final = 1
_WIDE: Final = len("ceiling of superpixels")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of an evaluation.

    Attributes:
        name: in plain words.
        value: in percent; NaN where it cannot be told.
        published: the paper's, in percent; ``None``: there is none for it.
    """

    name: str
    value: float
    published: float | None = None

    @property
    def difference(self) -> float | None:
        """Ours less the published one, in points."""
        return None if self.published is None else self.value - self.published


def figures(evaluation: Evaluation) -> tuple[Figure, ...]:
    """Return the figures of an evaluation; the first one is the benchmarks'."""
    scores = evaluation.scores
    published = evaluation.dataset.published.get(evaluation.recipe.name)
    return (
        Figure("mIoU", 100 * scores.confusion.mean_iou(), published),
        Figure("pixel accuracy", 100 * scores.confusion.accuracy),
        Figure("mean class accuracy", 100 * scores.confusion.mean_class_accuracy),
        Figure("boundary IoU", 100 * scores.boundary.mean_iou),
    )


def notes(evaluation: Evaluation) -> Iterator[str]:
    """Yield what has to be known to read the figures, a sentence each."""
    dataset, recipe = evaluation.dataset, evaluation.recipe
    yield from set_notes(dataset, len(evaluation.scores.images), recipe.name)
    other = _beside_protocol(evaluation)
    if other:
        yield f"Settings that are not those of the data set's protocol and the preset: {other}."
    if evaluation.failed:
        yield f"{count(len(evaluation.failed), 'image')} without a result, such as " + ": ".join(
            evaluation.failed[0]
        )
    if figures(evaluation)[0].published is not None:
        own = recipe.region_options
        options = {} if own is None else asdict(own)
        side = options.get("points_per_side")
        ours = f"{side} × {side} points" if side else recipe.regions
        yield (
            f"The published figure is that of CorrCLIP's paper ({CONDITIONS}); this run's regions are by "
            + ours
            + (f", {options['painting']}." if "painting" in options else ".")
        )


def set_notes(dataset: Dataset, scored: int, preset: str) -> Iterator[str]:
    """Yield what has to be known of figures of a data set, by whatever command.

    Args:
        dataset: with all images that were to be measured.
        scored: how many were.
        preset: name of the networks.
    """
    if scored != dataset.whole:
        of = f"{scored:,} of {count(dataset.whole, 'image')} {'is' if scored == 1 else 'are'}"
        yield f"Only {of} scored, so that figures are not comparable."
    if preset == "demo" and not _are_of_the_demo(dataset):
        yield (
            "The demo's networks know coloured shapes alone, so that these figures say nothing of "
            "photographs and their words; --preset names others."
        )
    if dataset.remark:
        yield dataset.remark


def _are_of_the_demo(dataset: Dataset) -> bool:
    """Whether all words are ones that the demo's networks were trained with."""
    known = {*COLORS, *SHAPES, *GROUNDS, *(f"{color} {shape}" for color, shape in COMBINATIONS)}
    return known.issuperset(dataset.vocabulary.queries)


def _beside_protocol(evaluation: Evaluation) -> str:
    """Return the settings of a run that are others than its preset's by the protocol, in words."""
    preset = evaluation.recipe.preset
    if preset is None:
        return ""
    usual = evaluation.dataset.settings(preset.settings).model_dump(exclude={"batch_size"})
    used = evaluation.recipe.method.model_dump(exclude={"batch_size"})
    usual["dtype"], used["dtype"] = "float32", evaluation.recipe.dtype
    return ", ".join(
        f"{name} {used[name]} and not {value}"
        for name, value in usual.items()
        if used[name] != value
    )


def console_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield what is printed when an evaluation is done."""
    for each in figures(evaluation):
        beside = ""
        if each.published is not None:
            beside = f"   published {each.published:.1f}, {each.difference:+.1f}"
        yield f"{each.name:<{_WIDE}} {number(each.value, DIGITS):>5} %{beside}"
    for source, ceiling in evaluation.ceilings.items():
        reached = number(100 * ceiling.confusion.mean_iou(), DIGITS)
        yield (
            f"{'ceiling of ' + source:<{_WIDE}} {reached:>5} % mIoU, "
            f"{count(round(ceiling.regions / max(1, ceiling.images)), 'region')} an image"
        )


def markdown(
    evaluation: Evaluation,
    command: str,
    date: str,
    versions: Mapping[str, str],
    plots: Sequence[str],
    worst: Mapping[str, ImageScore],
) -> str:
    """Return the report for people.

    Args:
        evaluation: what came out.
        command: that was given.
        date: on which.
        versions: of the packages.
        plots: file names of the plots beside it.
        worst: by file name of a picture beside it, the score of the image that it shows.
    """
    return (
        "\n".join(
            [
                *_head(evaluation, command, date, versions),
                *_tables(evaluation),
                *(f"![{name}]({name})\n" for name in plots),
                *_worst(worst),
            ]
        )
        + "\n"
    )


def _head(
    evaluation: Evaluation, command: str, date: str, versions: Mapping[str, str]
) -> Iterator[str]:
    dataset, recipe = evaluation.dataset, evaluation.recipe
    yield f"# {plain_text(dataset.title)}, measured\n"
    made = ", ".join(f"{name} {version}" for name, version in versions.items())
    images = count(len(evaluation.scores.images), "image")
    classes = count(len(dataset.vocabulary), "class", "classes")
    yield (
        f"{date}: `{visible(command)}`, preset {recipe.name}, {images}, {classes}, "
        f"regions by {recipe.regions}, {evaluation.seconds:.2f} s an image on "
        f"{' and '.join(evaluation.devices)}. {made}.\n"
    )
    background = ""
    if dataset.vocabulary.background is not None:
        background = f"; least probability beside the background {dataset.vocabulary.threshold:g}"
    yield f"{sizes(recipe.method, recipe.dtype)}{background}.\n"
    for note in notes(evaluation):
        yield f"{plain_text(note)}\n"


def _tables(evaluation: Evaluation) -> Iterator[str]:
    yield "| | % | published | difference |"
    yield "|---|---|---|---|"
    for each in figures(evaluation):
        published = "" if each.published is None else number(each.published, DIGITS)
        difference = "" if each.difference is None else f"{each.difference:+.{DIGITS}f}"
        yield f"| {each.name} | {number(each.value, DIGITS)} | {published} | {difference} |"
    yield "\n## What the regions can reach\n"
    yield (
        "Each region with the class that most of its pixels have, pixels in no region as the run predicted "
        "them: no vote over these regions has more pixels right.\n"
    )
    yield "| regions by | an image | pixels in none, % | mIoU, % | pixel accuracy, % |"
    yield "|---|---|---|---|---|"
    for source, ceiling in evaluation.ceilings.items():
        cells = (
            f"{ceiling.regions / max(1, ceiling.images):.0f}",
            number(100 * ceiling.unsegmented / max(1, ceiling.pixels), DIGITS),
            number(100 * ceiling.confusion.mean_iou(), DIGITS),
            number(100 * ceiling.confusion.accuracy, DIGITS),
        )
        yield f"| {source} | {' | '.join(cells)} |"
    yield "\n## Classes\n"
    yield "| class | IoU, % | accuracy, % | boundary IoU, % | of the true pixels, % | taken most for |"
    yield "|---|---|---|---|---|---|"
    for row in class_rows(evaluation):
        shares = (
            number(100 * row[name], DIGITS) for name in ("iou", "accuracy", "boundary_iou", "share")
        )
        yield f"| {plain_text(row['name'])} | {' | '.join(shares)} | {plain_text(row['taken_for'])} |"
    yield ""


def sizes(settings: Settings, dtype: str) -> str:
    """Return at what sizes the networks see images, and in which type they compute; no full stop."""
    side = "own" if settings.short_side is None else settings.short_side
    return f"Short side {side}, windows of {settings.window} every {settings.stride} pixels, in {dtype}"


def _worst(worst: Mapping[str, ImageScore]) -> Iterator[str]:
    if not worst:
        return
    yield "## The worst images\n"
    yield (
        "By the mean IoU over the classes of their own truth; beside it the pixel accuracy, and the highest "
        "one that the regions can reach. Each as it is, with its truth, and with the prediction.\n"
    )
    yield "| image | mIoU, % | pixel accuracy, % | its regions can reach, % |"
    yield "|---|---|---|---|"
    for score in worst.values():
        shares = (score.miou, score.accuracy, score.ceiling)
        cells = " | ".join(number(100 * share, DIGITS) for share in shares)
        yield f"| {plain_text(score.name)} | {cells} |"
    yield ""
    for file, score in worst.items():
        yield f"![{plain_text(score.name)}]({file})\n"


def class_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return a row for each class: its figures (0 to 1), and what it is taken for most."""
    scores, names = evaluation.scores, evaluation.dataset.vocabulary.names
    counts = scores.confusion.counts
    total = max(1, int(counts[1:].sum()))
    iou, accuracy, boundary = (
        scores.confusion.iou,
        scores.confusion.class_accuracy,
        scores.boundary.iou,
    )
    rows = []
    for number_, name in enumerate(names, 1):
        wrong = counts[number_].copy()
        wrong[number_] = 0
        worst = int(wrong.argmax())
        taken = "" if not wrong[worst] else ("(unlabelled)" if worst == 0 else names[worst - 1])
        rows.append(
            {
                "name": name,
                "iou": float(iou[number_ - 1]),
                "accuracy": float(accuracy[number_ - 1]),
                "boundary_iou": float(boundary[number_ - 1]),
                "share": int(counts[number_].sum()) / total,
                "taken_for": taken,
            }
        )
    return rows


def to_json(evaluation: Evaluation, command: str, date: str, versions: Mapping[str, str]) -> str:
    """Return everything: figures, classes, images, the counts they are made of, and how it was run."""
    scores, dataset = evaluation.scores, evaluation.dataset
    document = {
        "format": FORMAT,
        "date": date,
        "command": command,
        "versions": dict(versions),
        "dataset": dataset.name,
        "title": dataset.title,
        "images": len(scores.images),
        "images_of_the_benchmark": dataset.expected or None,
        "counted": counted(dataset),
        "devices": list(evaluation.devices),
        "recipe": json.loads(evaluation.recipe.to_json()),
        "notes": list(notes(evaluation)),
        "seconds_an_image": evaluation.seconds,
        "figures": [
            {
                "name": each.name,
                "percent": each.value,
                "published": each.published,
                "difference": each.difference,
            }
            for each in figures(evaluation)
        ],
        "ceilings": {
            source: {
                "miou": ceiling.confusion.mean_iou(),
                "accuracy": ceiling.confusion.accuracy,
                "regions_an_image": ceiling.regions / max(1, ceiling.images),
                "unsegmented": ceiling.unsegmented / max(1, ceiling.pixels),
            }
            for source, ceiling in evaluation.ceilings.items()
        },
        "classes": class_rows(evaluation),
        "worst": [asdict(each) for each in worst_first(evaluation)[:50]],
        "failed": dict(evaluation.failed),
        "confusion": scores.confusion.counts.tolist(),
        "boundary": {
            "truth": scores.boundary.truth.tolist(),
            "prediction": scores.boundary.prediction.tolist(),
            "both": scores.boundary.both.tolist(),
        },
    }
    return json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def worst_first(evaluation: Evaluation) -> list[ImageScore]:
    """Return the images' scores, the lowest mean IoU first; without those of which nothing is counted."""
    known = [each for each in evaluation.scores.images if not math.isnan(each.miou)]
    order = np.argsort([each.miou for each in known], kind="stable")
    return [known[number_] for number_ in order]
