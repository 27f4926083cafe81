"""The merged classes of a set: a row says that a class became another one, and without it, it is back.

Who reads a project sees it at once, by the label values (:meth:`Index.survivors`). A session takes it as a
step when it is opened next (:func:`follow_merges`), and follows it back likewise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Step
from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import now
from napari_corrclip.project.index import Index, MergedClass
from napari_corrclip.project.words import Names, current
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, VocabularyClass, grammar, tree


@dataclass(frozen=True, slots=True)
class Parted:
    """The outcome of a merging that was taken back.

    Attributes:
        name: of the class that is there again.
        sessions: how many sessions had taken the merging, and have taken it back.
        left: of which this could not be done now, a sentence each; it is done when they are opened.
    """

    name: str
    sessions: int = 0
    left: tuple[str, ...] = ()


def merge_classes(
    index: Index, which: str | int, into: str | int, by: str, *, prompts: bool
) -> MergedClass:
    """Let a class be another one from now on; in a transaction.

    See :meth:`~napari_corrclip.project.project.Project.merge_classes`.
    """
    words = current(index)
    place, target = words.index(which), words.index(into)
    if place == target:
        raise InputError(f"{words.names[place]!r} is one class already; give two.")
    gone, heir = words.classes[place], words.classes[target]
    taken = [prompt for prompt in gone.prompts if prompts and prompt not in heir.prompts]
    # What was below it is below the heir, or where the heir was itself below it, below its parent.
    line = tree.line_of(words.parents, heir.value)
    above = gone.parent if gone.value in line else heir.value
    children = [class_.value for class_ in words.classes if class_.parent == gone.value]
    classes = [class_ for class_ in words.classes if class_ is not gone]
    left = replace(words, classes=tree.rejoined(classes, {gone.value: above}))
    if taken:
        left = left.with_prompts(left.index(heir.name), [*heir.prompts, *taken])
    document = _document(gone) | {"parent": gone.parent, "children": children}
    merged = MergedClass(gone.value, heir.value, place, document, taken, by, now())
    index.choose(left, index.recipe)
    index.note_merge(merged)
    return merged


def part_classes(index: Index, which: str | int) -> MergedClass:
    """Let a class that became another one be one of its own again; in a transaction.

    See :meth:`~napari_corrclip.project.project.Project.part_classes`.
    """
    merged = find(index, which)
    class_, words = class_of(merged), current(index)
    if any(grammar.key(other.name) == grammar.key(class_.name) for other in words.classes):
        raise InputError(
            f"There is another class {class_.name!r} by now; give that one another name first."
        )
    if class_.background and words.background is not None:
        class_ = replace(class_, background=False)
    classes = list(words.classes)
    # What its prompts went on to, however far.
    later = {each.value: each for each in index.merged_classes()}
    heir, came = merged.heir, list(merged.prompts)
    while heir in later:
        each = later.pop(heir)
        own = class_of(each)
        left = replace(own, prompts=tuple(prompt for prompt in own.prompts if prompt not in came))
        document = {**each.class_, **_document(left)}
        passed = [prompt for prompt in each.prompts if prompt in came]
        kept = [prompt for prompt in each.prompts if prompt not in came]
        index.note_merge(each._replace(class_=document, prompts=kept))
        heir, came = each.heir, passed
    for number, other in enumerate(classes):
        if other.value == heir:
            own_prompts = tuple(prompt for prompt in other.prompts if prompt not in came)
            classes[number] = replace(other, prompts=own_prompts)
    parent, children = _kin(merged)
    above = {heir, parent}
    classes = [
        replace(other, parent=class_.value)
        if other.value in children and other.parent in above
        else other
        for other in classes
    ]
    survivors = index.survivors()
    class_ = replace(class_, parent=None if parent is None else survivors.get(parent, parent))
    classes.insert(min(merged.place, len(classes)), class_)
    # It is no other one any more, since it is there.
    index.choose(replace(words, classes=tree.rejoined(classes, words.parents)), index.recipe)
    return merged


def find(index: Index, which: str | int) -> MergedClass:
    """Return the class that became another one, by its name or label value; the last one of a name.

    Raises:
        InputError: none did.
    """
    known = index.merged_classes()
    for merged in known[::-1]:
        if isinstance(which, str):
            same = grammar.key(which) == grammar.key(class_of(merged).name)
        else:
            same = which == merged.value
        if same:
            return merged
    names = ", ".join(repr(class_of(merged).name) for merged in known)
    raise InputError(
        f"No class {which!r} became another one; "
        + (f"these did: {names}." if names else "nothing was merged in this project.")
    )


def class_of(merged: MergedClass) -> VocabularyClass:
    """Return a class that became another one, as it was."""
    own = {key: value for key, value in merged.class_.items() if key not in ("parent", "children")}
    return Vocabulary.from_document(own).classes[0]


def _kin(merged: MergedClass) -> tuple[int | None, list[int]]:
    """Return the values of the class above it and of those below it, as it was.

    Raises:
        InputError: something else is said.
    """
    parent, children = merged.class_.get("parent"), merged.class_.get("children", [])
    if not isinstance(children, list) or not all(
        type(value) is int for value in ([] if parent is None else [parent]) + children
    ):
        raise InputError(
            f"The merged class {class_of(merged).name!r} has the parent {parent!r} and the children "
            f"{children!r}, which are no label values; take 'project.json' from a backup."
        )
    return parent, children


def merged_class(document: Mapping[str, Any]) -> MergedClass:
    """Return a class that became another one, of a file that anybody may have written.

    Raises:
        InputError: it says something else.
    """
    kinds: dict[str, type | tuple[type, ...]] = {
        "value": int, "heir": int, "place": int, "class_": dict, "prompts": list, "by": str,
        "at": (int, float),
    }  # fmt: skip
    wrong = [
        name
        for name, kind in kinds.items()
        if isinstance(document.get(name), bool) or not isinstance(document.get(name), kind)
    ]
    if wrong or document.keys() - kinds.keys():
        raise InputError(
            f"A merged class of 'project.json' has {', '.join(wrong or document.keys() - kinds.keys())} "
            "wrong; take the file from a backup, or take 'merged' out of it."
        )
    merged: MergedClass = MergedClass(**document)
    _kin(merged)
    if class_of(merged).value != merged.value or not 1 <= merged.heir <= MAX_VALUE:
        raise InputError(
            f"A merged class of 'project.json' has the values {merged.value} and {merged.heir}, which cannot "
            "be; take the file from a backup, or take 'merged' out of it."
        )
    return merged


def _document(class_: VocabularyClass) -> dict[str, object]:
    return Vocabulary((replace(class_, parent=None),), class_.value + 1).to_document()


def title_of(names: Names, merged: MergedClass) -> str:
    """Return what the step of a session is called by which it takes a merging."""
    return f"{class_of(merged).name!r} became {names.last(merged.heir)!r} in the whole set"


_TITLE = "in the whole set"


def parting_title(name: str) -> str:
    """Return what the step of a session is called by which it takes a merging back."""
    return f"{name!r} is a class again"


def follow_merges(session: Session, ours: Vocabulary, names: Names) -> Mapping[int, int]:
    """Let a session take the mergings of its set, and take those back that the set has not any more.

    Args:
        session: of an image of the set.
        ours: the set's classes.
        names: that its values ever had.

    Returns:
        Label values that are others by now, or again; empty: there was nothing to do.
    """
    moved: dict[int, int] = {}
    if not names.are_of(session.vocabulary):  # what its values mean is a matter of its own
        return moved
    by_value = {class_.value: class_ for class_ in ours.classes}
    for step, value, heir in _parted(session, by_value):
        words = _with_class(session.vocabulary, ours, value)
        if words is not None:
            session.part_classes(step, value, words, parting_title(by_value[value].name))
            moved[value] = heir
    for merged in names.merged:
        words = session.vocabulary
        heir = names.survivors[merged.value]
        if merged.value not in words.values or heir not in by_value:
            continue
        left = tuple(class_ for class_ in words.classes if class_.value != merged.value)
        if heir not in words.values:
            left = (*left, by_value[heir])
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
        session.merge_classes(merged.value, heir, vocabulary=words, title=title_of(names, merged))
        moved[merged.value] = heir
    return moved


def _with_class(words: Vocabulary, ours: Vocabulary, value: int) -> Vocabulary | None:
    """Return a session's classes with one of the set, as the set has them; ``None``: a name is another's."""
    here = {value, *words.values}
    classes = [class_ for class_ in ours.classes if class_.value in here]
    others = [class_ for class_ in words.classes if class_.value not in ours.values]
    if any(class_.background for class_ in classes):
        others = [replace(class_, background=False) for class_ in others]
    found = (*classes, *others)
    if len({grammar.key(class_.name) for class_ in found}) < len(found):
        return None
    next_value = max(words.next_value, *(class_.value + 1 for class_ in found))
    parents = words.parents | ours.parents
    return replace(words, classes=tree.rejoined(found, parents), next_value=next_value)


def _parted(
    session: Session, by_value: Mapping[int, VocabularyClass]
) -> Iterator[tuple[Step, int, int]]:
    """Yield the steps by which a session took mergings that are none any more, each with both values."""
    known, found = set(session.vocabulary.values), dict[int, tuple[Step, int, int]]()
    for step in session.history.done:
        if not step.title.endswith(_TITLE):
            continue
        for change in step.changes:
            if change.vocabulary is None:
                continue
            gone = set(change.vocabulary.old.values) - set(change.vocabulary.new.values)
            heirs = [swap.new.value for swap in change.verdicts.values() if swap.new is not None]
            for value in gone & by_value.keys() - known:
                found[value] = step, value, heirs[0] if heirs else value
    yield from found.values()
