"""The classes of an image beside those of its set: brought together where they can be, else told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from napari_corrclip.annotation import Session
from napari_corrclip.project.following import follow_merges
from napari_corrclip.project.words import Names
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass, grammar


@dataclass(frozen=True)
class OwnClasses:
    """The classes of an image that its set does not have, or not so.

    Attributes:
        clashes: each with the set's class of the same value or, under another one, of the same name.
        others: those whose value no class of the set has, and whose name none has either.
        values: label values of the set's classes.
        heirs: of the set's classes that became others, the label value of the one that each became.
    """

    clashes: tuple[tuple[VocabularyClass, VocabularyClass], ...]
    others: tuple[VocabularyClass, ...]
    values: tuple[int, ...]
    heirs: Mapping[int, int]

    @classmethod
    def of(cls, words: Vocabulary, ours: Vocabulary, names: Names) -> OwnClasses:
        """Compare an image's classes with the set's.

        Args:
            words: the image's.
            ours: the set's.
            names: that its values ever had; a class that is called otherwise now is the same one.
        """
        by_value = {class_.value: class_ for class_ in ours.classes}
        by_name = {grammar.key(class_.name): class_ for class_ in ours.classes}
        clashes, others = [], []
        for class_ in words.classes:
            same = by_value.get(class_.value)
            named = by_name.get(grammar.key(class_.name))
            if same is not None:
                if same is not named and not names.are_of([class_]):
                    clashes.append((class_, same))
            elif named is not None:
                clashes.append((class_, named))
            else:
                others.append(class_)
        heirs = {merged.value: merged.heir for merged in names.merged}
        return cls(tuple(clashes), tuple(others), ours.values, heirs)

    @property
    def clash(self) -> str:
        """What cannot be, as a clause, such as ``'boat' is 'rock' on other images``; empty: all fits."""
        if not self.clashes:
            return ""
        mine, theirs = self.clashes[0]
        more = f" (and {len(self.clashes) - 1:,} more)" if len(self.clashes) > 1 else ""
        what = f"is {theirs.name!r} on other images"
        if mine.value != theirs.value:
            what = f"is not the {theirs.name!r} of other images"
        return f"{mine.name!r}{more} {what}"


def bring_classes(session: Session, ours: Vocabulary, names: Names) -> Mapping[int, int]:
    """Let a session have the set's classes beside those of its own, unless a value would be two classes.

    Return the label values that are others by that, or again, as
    :func:`~napari_corrclip.project.following.follow_merges` does.

    Args:
        session: of an image of the set.
        ours: the set's classes; a new one has its value on all images, and one may be called otherwise.
        names: as for :meth:`OwnClasses.of`.
    """
    moved = follow_merges(session, ours, names)
    former = session.vocabulary
    own = OwnClasses.of(former, ours, names)
    if own.clashes:
        return moved
    # What becomes of the decisions of a class that has gone from the set is for a person to say.
    others = own.others
    if ours.background is not None:
        others = tuple(replace(class_, background=False) for class_ in others)
    words = replace(
        ours,
        classes=(*ours.classes, *others),
        next_value=max(ours.next_value, former.next_value),
        origin=former.origin,
    )
    if words.classes != former.classes:
        session.set_vocabulary(words, classify=False)
    return moved


def told_of_classes(session: Session, ours: Vocabulary, names: Names) -> str:
    """Return what a person is to know of a session's classes that are not the set's; mostly nothing.

    Args:
        session: of an image of the set, to which :func:`bring_classes` was done.
        ours: as there.
        names: as there.
    """
    own = OwnClasses.of(session.vocabulary, ours, names)
    if own.clashes:
        return f"{own.clash}. Give its regions another class here, then remove it."
    shown = {row.value for row in session.rows()}
    gone = [
        repr(class_.name)
        for class_ in own.others
        if class_.value in shown and names.knows(class_.value)
    ]
    if not gone:
        return ""
    what, it = ("is no class", "it") if len(gone) == 1 else ("are no classes", "them")
    return f"{', '.join(gone)} {what} of the set any more; this image has {it} until you remove {it} here."
