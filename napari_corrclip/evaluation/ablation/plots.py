"""Plots of differences with their intervals, by matplotlib, which only they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from napari_corrclip.evaluation.ablation.measuring import Measured
from napari_corrclip.evaluation.plotting import png
from napari_corrclip.wording.visible import visible

# Of Okabe and Ito, told apart by the colour-blind too.
_COLORS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def difference_plot(measured: Measured, titles: Mapping[str, str] | None = None) -> bytes:
    """Return a PNG: of every row that is compared with another the difference, with its interval.

    Args:
        measured: the figures.
        titles: what rows are called that say more than their own; ``None``: those have all.
    """
    from matplotlib.figure import Figure

    names = [row for row, against in measured.rows.items() if against]
    groups = [group for group in measured.groups if group.shown]
    sources = measured.sources
    figure = Figure(figsize=(5.2 * len(sources), 0.42 * len(names) + 1.6), layout="constrained")
    axes = figure.subplots(1, len(sources), sharey=True, squeeze=False)[0]
    for axis, source in zip(axes, sources, strict=True):
        for number, group in enumerate(groups):
            color = _COLORS[number % len(_COLORS)]
            for at, row in enumerate(names):
                found = measured.difference(source, row, measured.rows[row], group.name)
                y = at + 0.22 * (number - (len(groups) - 1) / 2)
                axis.plot([100 * found.low, 100 * found.high], [y, y], color=color, linewidth=1.5)
                label = group.title if at == 0 else None
                axis.plot([100 * found.value], [y], "o", color=color, markersize=4, label=label)
        axis.axvline(0, color="#000000", linewidth=0.8)
        axis.grid(axis="x", alpha=0.25, linewidth=0.5)
        axis.set_title(f"{source}: {visible(measured.title)}", fontsize=8, parse_math=False)
        axis.set_xlabel("points of mIoU", fontsize=8)
    called = {**measured.titles, **(titles or {})}
    labels = [
        f"{visible(called[row])}\nagainst {visible(called[measured.rows[row]])}" for row in names
    ]
    axes[0].set_yticks(range(len(names)), labels, fontsize=6, parse_math=False)
    axes[0].invert_yaxis()
    handles, shown = axes[0].get_legend_handles_labels()
    figure.legend(handles, shown, fontsize=7, ncols=len(groups), loc="outside lower center")
    return png(figure)
