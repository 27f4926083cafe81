"""Plots of a study, by matplotlib, which only they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from napari_corrclip.evaluation.effort.curves import Measure, mean_curve
from napari_corrclip.evaluation.effort.goals import GOALS, counts_for_goals
from napari_corrclip.evaluation.effort.simulation.arms import (
    BRUSH,
    ORACLE,
    UNLABELLED,
    UNLABELLED_TOOLS,
    Arm,
)
from napari_corrclip.evaluation.effort.simulation.prices import PRICES
from napari_corrclip.evaluation.effort.study import SetStudy
from napari_corrclip.evaluation.plotting import png
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of Okabe and Ito, told apart by the colour-blind too.
_COLORS: Final[Mapping[str, str]] = {
    BRUSH.name: "#999999",
    UNLABELLED.name: "#000000",
    UNLABELLED_TOOLS.name: "#000000",
    "raster": "#CC79A7",
    "random": "#F0E442",
    "area": "#E69F00",
    "area-margin": "#56B4E9",
    "adaptive": "#0072B2",
    ORACLE.name: "#009E73",
}
# Where all had one, nothing could be told apart.
_BANDS: Final = {UNLABELLED.name, UNLABELLED_TOOLS.name, "adaptive", "adaptive+tools"}
ONE_BY_ONE: Final = (
    UNLABELLED.name,
    "random",
    "raster",
    "area",
    "area-margin",
    "adaptive",
    ORACLE.name,
)
WITH_TOOLS: Final = (BRUSH.name, UNLABELLED_TOOLS.name, "area-margin+tools", "adaptive+tools")


def curve_plot(study: SetStudy, arms: Sequence[Arm]) -> bytes:
    """Return a PNG: pixel accuracy and mean IoU over actions, one by one and with all tools."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.2), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col", sharey="row")
    titles = {arm.name: arm.title for arm in arms}
    measures: tuple[tuple[Measure, str], ...] = (
        ("accuracy", "share of right pixels"),
        ("miou", "mean IoU"),
    )
    for row, (measure, label) in enumerate(measures):
        for column, names in enumerate((ONE_BY_ONE, WITH_TOOLS)):
            axis = axes[row, column]
            _curves(axis, study, [name for name in names if name in study.runs], measure, titles)
            best = study.ceiling(measure).value
            axis.axhline(best, color="#009E73", linestyle=":", linewidth=1)
            axis.axhline(0.95 * best, color="#009E73", linestyle="--", linewidth=0.7)
            if row:
                axis.set_xlabel("actions at equal prices")
                axis.legend(fontsize=7, loc="lower right")
        axes[row, 0].set_ylabel(label)
    axes[0, 0].set_title("one by one", fontsize=9)
    axes[0, 1].set_title("with all tools", fontsize=9)
    figure.suptitle(
        f"{visible(study.title)}: {count(len(study.best), 'image')}, {study.regions:.0f} regions, pre-labels "
        f"{100 * study.accuracy:.0f} % right; dotted: what regions can reach, dashed: 95 % of it",
        fontsize=9,
        parse_math=False,  # a $ in a folder's name begins no formula
    )
    return png(figure)


def goal_plot(studies: Sequence[SetStudy], orders: Sequence[str]) -> bytes:
    """Return a PNG: every goal's ratio with its interval, beside its bound."""
    from matplotlib.figure import Figure

    sets = [study for study in studies if counts_for_goals(study)] or list(studies)
    orders = [order for order in orders if all(f"{order}+tools" in s.runs for s in sets)]
    figure = Figure(figsize=(10, 0.55 * len(GOALS) + 1.2), layout="constrained")
    axes = figure.subplots(1, max(1, len(sets)), sharey=True, squeeze=False)[0]
    for axis, study in zip(axes, sets, strict=False):
        for at, goal in enumerate(GOALS):
            for also, order in enumerate(orders):
                found = goal.ratio(study, order)
                y = at + 0.25 * (also - (len(orders) - 1) / 2)
                share = [value / goal.bound for value in (found.low, found.value, found.high)]
                color = _COLORS.get(order, "#D55E00")
                axis.plot([share[0], share[2]], [y, y], color=color, linewidth=1.5)
                label = order if at == 0 else None
                axis.plot([share[1]], [y], "o", color=color, markersize=4, label=label)
        axis.axvline(1, color="#D55E00", linewidth=0.8)
        axis.set_xlim(left=0)
        axis.set_title(visible(study.title), fontsize=8, parse_math=False)
        axis.set_xlabel("ratio / bound", fontsize=8)
    axes[0].set_yticks(
        range(len(GOALS)),
        [
            f"{goal.over.format('queue')} / {goal.under}\n{goal.target}, {goal.prices} "
            f"(≤ {goal.bound:.2f})"
            for goal in GOALS
        ],
        fontsize=7,
    )
    axes[0].invert_yaxis()
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=7, ncols=len(labels) or 1, loc="outside lower center")
    return png(figure)


def _curves(
    axis: Axes, study: SetStudy, names: Sequence[str], measure: Measure, titles: Mapping[str, str]
) -> None:
    for name in names:
        curve = mean_curve(study.runs[name], measure, PRICES["equal"])
        color = _COLORS[name.removesuffix("+tools") if "+tools" in name else name]
        # The first point is before any action; a logarithm has no place for it.
        spent = curve.spent.clip(0.7)
        axis.plot(spent, curve.mean, color=color, linewidth=1.4, label=titles.get(name, name))
        if name in _BANDS:
            axis.fill_between(spent, curve.low, curve.high, color=color, alpha=0.15, linewidth=0)
    axis.set_xscale("log")
    axis.grid(alpha=0.25, linewidth=0.5)
