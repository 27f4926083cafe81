"""The report of the study of robustness: two tables for people, and a plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from napari_corrclip.evaluation.plotting import png
from napari_corrclip.evaluation.resampling import FEWEST, Interval
from napari_corrclip.evaluation.robustness.damages import DAMAGES, STRENGTHS
from napari_corrclip.evaluation.robustness.remedies import REMEDIES
from napari_corrclip.evaluation.robustness.study import CLEAN, MIDDLE, Robustness
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.visible import visible

RECORD: Final = "robustness.json"
TABLES: Final = "robustness.md"
PLOT: Final = "robustness-curves.png"
_COLORS: Final = {"noise": "#0072B2", "blur": "#E69F00", "jpeg": "#009E73", "contrast": "#CC79A7"}


def markdown(study: Robustness, command: str, date: str, versions: Mapping[str, str]) -> str:
    """Return the tables: what damages cost, and what helps.

    Args:
        study: what was measured.
        command: that was given.
        date: on which.
        versions: of the packages.
    """
    made = ", ".join(f"{name} {version}" for name, version in versions.items())
    head = (
        f"`{visible(command)}`, {date}: {count(study.scenes, 'test scene')} of the demo on {study.device} "
        f"({made}).\n\n"
        "Regions by SAM but where it is said; mIoU of objects in percent, with 95 % intervals over scenes, "
        f"which are not told of fewer than {FEWEST}. Change: against the same scenes without damage, drawn "
        "anew in pairs; **bold** where the whole interval is on one side of 0. What a remedy has to choose "
        f"was chosen on {count(study.validation, 'other scene')}."
    )
    return "\n".join([head, "", *_curves(study), "", *_remedies(study)]) + "\n"


def _curves(study: Robustness) -> Iterator[str]:
    titles = [group.title for group in study.groups]
    yield f"| damage | {' | '.join(titles)} | change, {titles[0]} |"
    yield "|---|" + "---|" * (len(titles) + 1)
    for damage, strength in study.curves:
        if damage == CLEAN:
            name, change = "none", ""
        else:
            kind = DAMAGES[damage]
            name = f"{kind.title} {kind.strengths[strength]:g} ({STRENGTHS[strength]})"
            cost = study.cost(damage, strength, study.groups[0])
            change = _gain(cost)
            if cost.above_zero or cost.below_zero:
                change = f"**{change}**"
        cells = [_figure(study.miou(damage, strength, group)) for group in study.groups]
        yield f"| {name} | {' | '.join(cells)} | {change} |"


def _remedies(study: Robustness) -> Iterator[str]:
    names = [f"gain, {group.title}" for group in study.groups]
    yield f"| damage | remedy | chosen | {' | '.join(names)} | helps |"
    yield "|---|---|---|" + "---|" * len(names) + "---|"
    for damage, name in study.remedies:
        said = "none" if damage == CLEAN else f"{damage} {DAMAGES[damage].strengths[MIDDLE]:g}"
        remedy, knob = REMEDIES[name], study.knobs[damage, name]
        gains = [study.gain(damage, name, group) for group in study.groups]
        chosen = f"{knob:g}" if len(remedy.knobs) > 1 else ""
        cells = " | ".join(_gain(gain) for gain in gains)
        yield f"| {said} | {remedy.title} | {chosen} | {cells} | {verdict(gains[0])} |"


def verdict(gain: Interval) -> str:
    """Return whether a whole interval lies on one side of nothing."""
    if gain.above_zero:
        return "**yes**"
    return "harms" if gain.below_zero else ""


def curve_plot(study: Robustness) -> bytes:
    """Return a PNG: mean IoU over the strength of each damage, with intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, len(study.groups), sharey=True, squeeze=False)[0]
    for axis, group in zip(axes, study.groups, strict=True):
        there = [name for name in DAMAGES if (name, MIDDLE) in study.curves]
        for shift, name in enumerate(there):
            places = [(CLEAN, 0), *((name, number) for number in range(len(STRENGTHS)))]
            found = [study.miou(*place, group) for place in places]
            at = [number + 0.05 * (shift - 1.5) for number in range(len(places))]
            values = [100 * each.value for each in found]
            # Of few scenes all resamples may lie on one side of the value.
            below = [100 * max(0.0, each.value - each.low) for each in found]
            above = [100 * max(0.0, each.high - each.value) for each in found]
            label = DAMAGES[name].title.partition(",")[0]
            axis.errorbar(
                at,
                values,
                yerr=(below, above),
                color=_COLORS[name],
                label=label,
                marker="o",
                capsize=2,
            )
        axis.set_title(group.title)
        axis.set_xticks(range(len(STRENGTHS) + 1), ["none", *STRENGTHS])
        axis.grid(alpha=0.3)
    axes[0].set_ylim(bottom=0)  # shared; when all have been drawn
    axes[0].set_ylabel("mIoU of objects, %")
    axes[-1].legend(frameon=False)
    return png(figure)


def _figure(found: Interval) -> str:
    if math.isnan(found.value):
        return "–"
    text = f"{100 * found.value:.1f}"
    return f"{text} ({100 * found.low:.1f}–{100 * found.high:.1f})" if found.told else text


def _gain(found: Interval) -> str:
    if math.isnan(found.value):
        return "–"
    text = f"{100 * found.value:+.1f}"
    return f"{text} ({100 * found.low:+.1f} to {100 * found.high:+.1f})" if found.told else text
