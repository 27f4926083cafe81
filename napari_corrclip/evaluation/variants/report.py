"""The report of the study of variants: a line each, with the measured reason of those that lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from napari_corrclip.evaluation.ablation.report import difference, document_of, percent, shares
from napari_corrclip.evaluation.ablation.rows import FULL
from napari_corrclip.evaluation.resampling import FEWEST
from napari_corrclip.evaluation.variants.study import JUDGED, JUDGING_SOURCE, VariantStudy
from napari_corrclip.wording.amounts import count

_FEW = 0.005
"""Of the pixels: what changes fewer cannot move much."""


def study_tables(study: VariantStudy) -> Iterator[str]:
    """Yield the study as tables."""
    test, validation = study.test, study.validation
    groups = [group for group in test.groups if group.shown]
    judged = " and ".join(test.group(name).title for name in JUDGED)
    yield "## Variants\n"
    yield (
        f"The knobs of each were chosen in its grid by {count(validation.images, 'validation scene')} (the "
        f"highest mean of {judged}, regions by {JUDGING_SOURCE}), whether that was better than the published "
        f"method or not; then {count(test.images, 'test scene')} judged once. A variant wins where whole "
        f"intervals are above 0 on {judged}, against the published method and against its control: the "
        "published method with the value of one setting chosen on the same scenes.\n"
    )
    for source in test.sources:
        yield f"### Variants, regions: {source}\n"
        published = ", ".join(
            f"{group.title} {percent(test.score(source, FULL, group.name))}" for group in groups
        )
        yield f"Published method: {published}; {_cost(study, source, FULL)}.\n"
        columns = ["", "knobs", *(group.title for group in groups), "changed: right / wrong", "s"]
        yield "| " + " | ".join(columns) + " |"
        yield "|---" * len(columns) + "|"
        for name, choice in study.choices.items():
            cells = [
                _title(study, name),
                choice.knobs,
                *(difference(study.difference(name, group.name, source)) for group in groups),
                shares(test, source, name),
                f"{sum(test.seconds(source, name).values()):.2f}",
            ]
            yield "| " + " | ".join(cells) + " |"
        yield ""
    yield "### Verdicts\n"
    yield (
        "| | formula | knobs tried | validation | against its control: seen / held-out pairs | verdict |"
    )
    yield "|---|---|---|---|---|---|"
    for name, choice in study.choices.items():
        variant = choice.variant
        against = [study.against_control(name, group) for group in JUDGED]
        compared = " / ".join(difference(found) for found in against if found is not None)
        control = f"{study.choices[variant.control].variant.title}: {compared}" if compared else "–"
        cells = [
            _title(study, name),
            f"`{variant.formula}`",
            str(len(variant.rows)),
            f"{100 * choice.gain:+.1f}",
            control,
            verdict(study, name),
        ]
        yield "| " + " | ".join(cells) + " |"
    yield ""


def verdict(study: VariantStudy, name: str) -> str:
    """Return whether a variant won, or the measured reason why it did not, in a line."""
    if study.wins(name):
        harm = _harm(study, name)
        return f"**wins**{f'; by superpixels it harms {harm}' if harm else ''}"
    test = study.test
    if test.images < FEWEST:
        return f"{count(test.images, 'image')}, too few to tell"
    found = {group: study.difference(name, group) for group in JUDGED}
    changed, repaired, broken = (100 * share for share in test.changes(JUDGING_SOURCE, name))
    if all(interval.above_zero for interval in found.values()):
        behind = [
            test.group(group).title
            for group in JUDGED
            if (control := study.against_control(name, group)) and not control.above_zero
        ]
        return (
            f"a candidate: whole intervals above the published method, by {changed:.2f} % of the pixels, but "
            f"not above its control on {' and '.join(behind)}"
        )
    if changed < 100 * _FEW:
        return f"labels {changed:.2f} % of the pixels otherwise, too few to matter"
    lost = [test.group(group).title for group in JUDGED if found[group].below_zero]
    open_ = [
        test.group(group).title
        for group in JUDGED
        if not (found[group].below_zero or found[group].above_zero)
    ]
    balance = f"{repaired:.1f} % of the pixels become right, {broken:.1f} % wrong"
    if lost:
        return f"loses on {' and '.join(lost)}: {balance}"
    return f"the interval holds 0 on {' and '.join(open_)}: {balance}"


def study_document(study: VariantStudy) -> dict[str, object]:
    """Return the study by names, for JSON."""
    return {
        "validation": document_of(study.validation),
        "test": document_of(study.test),
        "choices": {
            name: {
                "title": choice.variant.title,
                "formula": choice.variant.formula,
                "setting": choice.variant.setting,
                "tried": [row.title for row in choice.variant.rows],
                "knobs": choice.knobs,
                "gain": choice.gain,
                "control": choice.variant.control,
                "against_control": {
                    group: asdict(found)
                    for group in JUDGED
                    if (found := study.against_control(name, group)) is not None
                },
                "wins": study.wins(name),
                "verdict": verdict(study, name),
            }
            for name, choice in study.choices.items()
        },
    }


def _title(study: VariantStudy, name: str) -> str:
    variant = study.choices[name].variant
    return f"*control: {variant.title}*" if variant.setting else variant.title


def _cost(study: VariantStudy, source: str, row: str) -> str:
    seconds = study.test.seconds(source, row)
    parts = ", ".join(f"{part} {value:.2f}" for part, value in seconds.items())
    return f"{sum(seconds.values()):.2f} s an image ({parts})"


def _harm(study: VariantStudy, name: str) -> str:
    """Return the groups on which a variant harms by regions of other sources."""
    test = study.test
    return " and ".join(
        f"{test.group(group).title} ({difference(found)})"
        for source in test.sources
        if source != JUDGING_SOURCE
        for group in JUDGED
        if (found := study.difference(name, group, source)).below_zero
    )
