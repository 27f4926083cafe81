"""The merged classes of a set: a row says that a class became another one, and without it, it is back.

Who reads a project sees it at once, by the label values (:meth:`Index.survivors`). A session takes it as a
step when it is opened next, and follows it back likewise (:mod:`napari_corrclip.project.following`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from napari_corrclip.errors import InputError
from napari_corrclip.project.folder import now
from napari_corrclip.project.index import Index, MergedClass
from napari_corrclip.project.words import current
from napari_corrclip.vocabulary import (
    MAX_VALUE,
    ClassLike,
    Vocabulary,
    VocabularyClass,
    grammar,
    merging,
)


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


class GoneClass(NamedTuple):
    """A class that went from its set and became no other one.

    Attributes:
        place: where it stood among the classes.
        class_: the class as a vocabulary's document has it.
    """

    place: int
    class_: dict[str, Any]


def merge_classes(
    index: Index, which: ClassLike, into: ClassLike, by: str, *, prompts: bool
) -> MergedClass:
    """Let a class be another one from now on; in a transaction.

    See :meth:`~napari_corrclip.project.project.Project.merge_classes`.
    """
    words = current(index)
    left, taken = merging.merged(words, which, into, prompts=prompts)
    gone, heir = (words.by_value(words.value_of(class_)) for class_ in (which, into))
    place = words.classes.index(gone)
    merged = MergedClass(gone.value, heir.value, place, document_of(gone), taken, by, now())
    index.choose(left, index.recipe, merged)
    return merged


def part_classes(index: Index, which: ClassLike) -> MergedClass:
    """Let a class that became another one be one of its own again; in a transaction.

    See :meth:`~napari_corrclip.project.project.Project.part_classes`.
    """
    merged = find(index, which)
    words = current(index)
    check_free(words, class_of(merged))
    classes = list(words.classes)
    # What its prompts went on to, however far.
    later = {each.value: each for each in index.merged_classes()}
    heir, came = merged.heir, list(merged.prompts)
    while heir in later:
        each = later.pop(heir)
        own = class_of(each)
        left = replace(own, prompts=tuple(prompt for prompt in own.prompts if prompt not in came))
        document = {**each.class_, **document_of(left)}
        passed = [prompt for prompt in each.prompts if prompt in came]
        kept = [prompt for prompt in each.prompts if prompt not in came]
        index.note_merge(each._replace(class_=document, prompts=kept))
        heir, came = each.heir, passed
    for number, other in enumerate(classes):
        if other.value == heir:
            own_prompts = tuple(prompt for prompt in other.prompts if prompt not in came)
            classes[number] = replace(other, prompts=own_prompts)
    words = replace(words, classes=tuple(classes))
    # It is no other one any more, since it is there.
    index.choose(put_back(index, words, merged), index.recipe)
    return merged


def check_free(words: Vocabulary, class_: VocabularyClass) -> None:
    """Refuse a class that is to be there again while another one has its name.

    Raises:
        InputError: one has.
    """
    if any(grammar.key(other.name) == grammar.key(class_.name) for other in words.classes):
        raise InputError(
            f"There is another class {class_.name!r} by now; give that one another name first."
        )


def put_back(index: Index, words: Vocabulary, gone: MergedClass | GoneClass) -> Vocabulary:
    """Return a set's classes with one that went, where it was, and what was below it below it again.

    Args:
        index: of the project.
        words: the classes, none of which has its name.
        gone: the class.
    """
    class_ = class_of(gone)
    if class_.background and words.background is not None:
        class_ = replace(class_, background=False)
    here = {each.value: each for each in (*words.classes, class_)}
    known = index.class_tree().with_former(class_.value, gone.place, gone.class_)
    found = known.among(here).items()
    classes = tuple(replace(here[value], parent=parent) for value, parent in found)
    return replace(words, classes=classes)


def find(index: Index, which: ClassLike) -> MergedClass:
    """Return the class that became another one, by its name or label value; the last one of a name.

    Raises:
        InputError: none did.
    """
    known = index.merged_classes()
    if isinstance(which, VocabularyClass):
        which = which.value
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


def class_of(gone: MergedClass | GoneClass) -> VocabularyClass:
    """Return a class that became another one, or went, as it was."""
    # Which an earlier version wrote down.
    own = {key: value for key, value in gone.class_.items() if key not in ("parent", "children")}
    return Vocabulary.from_document(own).classes[0]


def document_of(class_: VocabularyClass) -> dict[str, object]:
    """Return the document of a class that goes; what it was below is known by the set's tree."""
    return Vocabulary((replace(class_, parent=None),), class_.value + 1).to_document()


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
    if class_of(merged).value != merged.value or not 1 <= merged.heir <= MAX_VALUE:
        raise InputError(
            f"A merged class of 'project.json' has the values {merged.value} and {merged.heir}, which cannot "
            "be; take the file from a backup, or take 'merged' out of it."
        )
    return merged
