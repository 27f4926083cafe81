"""Plots of a study of sequences, by matplotlib, which only they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from napari_corrclip.evaluation.effort.sequence import figures
from napari_corrclip.evaluation.effort.sequence.study import SequenceStudy
from napari_corrclip.evaluation.effort.sequence.ways import ASK, ON, UNTAUGHT
from napari_corrclip.evaluation.plotting import png
from napari_corrclip.wording.visible import visible

_COLORS: Final = {UNTAUGHT.name: "#000000", ON.name: "#0072B2", ASK.name: "#E69F00"}
_COLUMNS = 4


def places_plot(studies: Sequence[SequenceStudy]) -> bytes:
    """Return a PNG: actions at each place of the sequence, untaught, on and ask, a panel a set."""
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(studies))
    rows = -(-len(studies) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.5 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[len(studies) :]:
        axis.set_axis_off()
    for axis, study in zip(axes.flat, studies, strict=False):
        for name, color in _COLORS.items():
            if name not in study.taught and name not in study.untaught:
                continue
            points = figures.by_place(study, name)
            x = range(1, len(points) + 1)
            axis.plot(x, [point.value for point in points], color=color, linewidth=1.4, label=name)
            low, high = [point.low for point in points], [point.high for point in points]
            axis.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
        axis.set_ylim(bottom=0)
        axis.set_title(visible(study.title), fontsize=8, parse_math=False)
        axis.set_xlabel("image", fontsize=7)
        axis.set_ylabel("assignments" if study.few else "actions", fontsize=7)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25, linewidth=0.5)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, ncols=len(labels) or 1, loc="outside lower center")
    return png(figure)


def spared_plot(studies: Sequence[SequenceStudy]) -> bytes:
    """Return a PNG: actions saved against pixels left wrong, with the rest accepted above a threshold."""
    from matplotlib.figure import Figure

    some = [study for study in studies if study.spared]
    figure = Figure(figsize=(3.2 * max(1, len(some)), 2.9), layout="constrained")
    axes = figure.subplots(1, max(1, len(some)), squeeze=False, sharey=True)[0]
    for axis, study in zip(axes, some, strict=False):
        for taught, name in ((False, UNTAUGHT.name), (True, ON.name)):
            points = [point for point in figures.spared(study) if point.taught == taught]
            left, saved = (
                [100 * point.left for point in points],
                [100 * point.saved for point in points],
            )
            axis.plot(left, saved, "o-", color=_COLORS[name], markersize=3, label=name)
            for point, x, y in zip(points, left, saved, strict=True):
                if point.above < 1:
                    axis.annotate(f"{point.above:g}", (x, y), fontsize=6)
        axis.set_title(visible(study.title), fontsize=8, parse_math=False)
        axis.set_xlabel("% of the pixels left wrong", fontsize=7)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25, linewidth=0.5)
    axes[0].set_ylabel("% of the actions saved", fontsize=7)
    axes[0].legend(fontsize=7)
    return png(figure)
