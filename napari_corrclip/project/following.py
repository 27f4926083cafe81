"""The way of a set's merged classes into the sessions of its images: each is a step there, and so is its end.

A session takes what was merged or parted since it was opened last. What somebody decided is of the class that
was given (:attr:`~napari_corrclip.annotation.region.Verdict.said`), whatever that became and is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Change, Step
from napari_corrclip.annotation.edits.class_merging import Merging
from napari_corrclip.annotation.history import standing
from napari_corrclip.project.merged_classes import class_of
from napari_corrclip.project.words import Names
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass, grammar, tree

_WHOLE_SET, _AGAIN, _ALL_AGAIN = " in the whole set", " is a class again", " are classes again"


def _merging_title(name: str, heir: str) -> str:
    """Return what the step of a session is called by which it takes a merging."""
    return f"{name!r} became {heir!r}{_WHOLE_SET}"


def _parting_title(names: Sequence[str]) -> str:
    """Return what the step of a session is called by which it takes mergings back."""
    return " and ".join(map(repr, names)) + (_AGAIN if len(names) == 1 else _ALL_AGAIN)


def has_parted(session: Session, value: int) -> bool:
    """Whether the last that a session did was to take a merging back, among others of its set."""
    for step in reversed(session.history.done):
        if not step.of_set:
            break
        swaps = [change.vocabulary for change in step.changes if change.vocabulary is not None]
        if any(value in swap.new.values and value not in swap.old.values for swap in swaps):
            return True
    return False


def follow_merges(session: Session, ours: Vocabulary, names: Names) -> Mapping[int, int]:
    """Let a session take the mergings of its set, and take those back that the set has not any more.

    Args:
        session: of an image of the set.
        ours: the set's classes.
        names: that its values ever had.

    Returns:
        Label values that are others by now, or again; empty: there was nothing to do.
    """
    if not names.are_of(session.vocabulary):  # what its values mean is a matter of its own
        return {}
    moved = _follow_back(session, ours, names)
    by_value = {class_.value: class_ for class_ in ours.classes}
    for merged in names.merged:
        words = session.vocabulary
        heir = names.survivors[merged.value]
        if merged.value not in words.values or heir not in by_value:
            continue
        left = tuple(class_ for class_ in words.classes if class_.value != merged.value)
        if heir not in words.values:
            left = (*left, by_value[heir])
        left = tuple(  # which may have got the prompts of the other one
            replace(class_, prompts=by_value[heir].prompts) if class_.value == heir else class_
            for class_ in left
        )
        if sum(class_.background for class_ in left) > 1:
            left = tuple(
                replace(class_, background=False) if class_.value == heir else class_
                for class_ in left
            )
        parents = ours.parents | {merged.value: heir}
        words = replace(
            words,
            classes=tree.rejoined(left, parents),
            next_value=max(words.next_value, heir + 1),
        )
        session.merge_classes(
            merged.value,
            heir,
            vocabulary=words,
            title=_merging_title(class_of(merged).name, names.last(merged.heir)),
            of_set=True,
        )
        moved[merged.value] = heir
    return moved


def _follow_back(session: Session, ours: Vocabulary, names: Names) -> dict[int, int]:
    """Let what a session took for merged be of the classes that it is now; return the values that moved."""
    mergings, words = _mergings(session.history.done), session.vocabulary
    verdicts = session.state.verdicts.values()
    gone = {merging.value for merging in mergings} | {each.given for each in verdicts if each.given}
    if not gone:
        return {}
    now = _routes(names, words)
    became = {now.get(value, value) for value in gone}
    back = [value for value in ours.values if value in became and value not in words.values]
    known = with_classes(words, ours, back)
    if known is None:
        return {}
    now = {value: other for value, other in now.items() if other in known.values}
    moved = {
        value: verdict.value
        for verdict in verdicts
        if verdict.value != (value := now.get(verdict.said, verdict.said)) and value in known.values
    }
    if back:
        title = _parting_title([known.by_value(value).name for value in back])
    else:  # of one class, and now of another one, and both were there
        value = next((value for value in sorted(gone) if value in now), min(gone))
        title = _merging_title(names.last(value), names.last(now.get(value, value)))
    made = session.route_classes(mergings, known, now, title).made
    return (moved or {value: value for value in became}) if made else {}


def _routes(names: Names, words: Vocabulary) -> dict[int, int]:
    """Return what the classes are now that a session does not have: the first that it has, or the last."""
    heirs = {merged.value: merged.heir for merged in names.merged}
    found = {}
    for value in heirs:
        now = value
        while now in heirs and now not in words.values:
            now = heirs[now]
        if now != value:
            found[value] = now
    return found


def _mergings(done: Sequence[Step]) -> list[Merging]:
    """Return by what changes a session took classes for merged, the last one first.

    A better look that came to such a step since is a later change, as those of other steps are; but for steps
    that were taken back since.
    """
    found, later = list[Merging](), list[Change]()
    for step in reversed(standing(done)):
        motions = [change for change in step.changes if change.vocabulary is not None]
        if not step.of_set:
            later += step.changes
            continue
        if motions:
            later += [change for change in step.changes if change.vocabulary is None]
        for change in motions:
            assert change.vocabulary is not None  # mypy does not see that it was asked
            gone = set(change.vocabulary.old.values) - set(change.vocabulary.new.values)
            found += [Merging(value, change, tuple(later)) for value in gone]
    return found


def with_classes(words: Vocabulary, ours: Vocabulary, values: Iterable[int]) -> Vocabulary | None:
    """Return a session's classes with some of the set, as the set has them; ``None``: a name is another's."""
    back = set(values)
    if not back:
        return words
    here = {*back, *words.values}
    classes: list[VocabularyClass] = [class_ for class_ in ours.classes if class_.value in here]
    others = [class_ for class_ in words.classes if class_.value not in ours.values]
    if any(class_.background for class_ in classes):
        others = [replace(class_, background=False) for class_ in others]
    found = (*classes, *others)
    if len({grammar.key(class_.name) for class_ in found}) < len(found):
        return None
    next_value = max(words.next_value, *(class_.value + 1 for class_ in found))
    parents = words.parents | ours.parents
    return replace(words, classes=tree.rejoined(found, parents), next_value=next_value)
