"""The answer to Run and to other words: a question, a refusal or work, by the choices and the workspace.

Nothing is asked, shown or done here. The dock puts a question to the person, adds the answer to the choices
and resolves again, until there is nothing left to ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.edits.predictions import Reassign
from napari_corrclip.vocabulary import Vocabulary, VocabularyClass
from napari_corrclip.weights.files import WebFile

FIRST = "Type the classes that you see in the image, press Run, and correct what comes back."


@dataclass(frozen=True, eq=False)
class Choices:
    """The choices of a person, and their answers so far.

    Attributes:
        vocabulary: the classes; ``None``: there are none.
        all_planes: whether all planes of a stack are to be run on, and not one image.
        given: whether the regions are those of a layer.
        missing: files of networks that would be downloaded.
        may_fetch: whether they may be.
        may_leave: whether what nobody could find again is to be left.
        reassign: what becomes of the decisions of classes that go, by their value.
    """

    vocabulary: Vocabulary | None
    all_planes: bool = False
    given: bool = False
    missing: tuple[WebFile, ...] = ()
    may_fetch: bool = False
    may_leave: bool = False
    reassign: Reassign | None = None


@dataclass(frozen=True, eq=False)
class State:
    """The state of the workspace, beside the chosen image.

    Attributes:
        session: the one that is open.
        image: whether one is chosen.
        same: whether it is of that image and part.
        name: of the image that it is of.
        lost: how many of its steps nobody could find again if it were left.
        offered: whether there are corrections of just that image, to go on with.
        values: of classes on the planes of a stack; ``None``: there is none.
        answered: what was said of classes that are about to go.
    """

    session: Session | None = None
    image: bool = True
    same: bool = False
    name: str = ""
    lost: int = 0
    offered: bool = False
    values: Mapping[str, int] | None = None
    answered: Reassign | None = None


@dataclass(frozen=True)
class Fetch:
    """The question whether these files of networks may be downloaded."""

    files: tuple[WebFile, ...]


@dataclass(frozen=True)
class Leave:
    """The question whether a session is left though nobody could find its steps again."""

    steps: int
    because: str


@dataclass(frozen=True)
class Removal:
    """The question what becomes of the decisions of classes that go.

    Attributes:
        decided: each class that goes, with its decided regions and painted pixels.
        vocabulary: the classes from now on.
    """

    decided: Mapping[VocabularyClass, tuple[int, int]]
    vocabulary: Vocabulary


@dataclass(frozen=True)
class Ask:
    """The answer that something has to be asked first."""

    question: Fetch | Leave | Removal


@dataclass(frozen=True)
class Refuse:
    """The answer that nothing is done, for a reason in a sentence.

    Attributes:
        sentence: for the person.
        words_back: whether the words are to be shown again as the session has them.
    """

    sentence: str
    words_back: bool = False


@dataclass(frozen=True, eq=False)
class Run:
    """The answer that something is done.

    Attributes:
        vocabulary: by these classes.
        reassign: what becomes of the decisions of classes that go; empty where no session is changed.
    """

    vocabulary: Vocabulary
    reassign: Reassign


def resolve(choices: Choices, state: State) -> Ask | Refuse | Run:
    """Return what pressing Run comes to."""
    if choices.vocabulary is None:
        return Refuse("There are no classes yet; type some, such as 'cat, dog, sky'.")
    if choices.all_planes and choices.given:
        return Refuse("A layer's regions serve one plane at a time; choose 'this plane' to run on.")
    if choices.missing and not choices.may_fetch:
        return Ask(Fetch(choices.missing))
    if state.lost and not state.same and not choices.may_leave:
        because = (
            f"The image {state.name!r} is in the viewer no more, and nobody could find them again. "
        )
        return Ask(Leave(state.lost, because))
    if choices.all_planes:
        return Run(choices.vocabulary, {})
    if state.offered:
        return Refuse("There are corrections of this image; restore them, or start over.")
    if state.session is None or not state.same:
        return Run(choices.vocabulary, {})
    return _relabelled(choices, state, state.session)


def resolve_words(choices: Choices, state: State) -> Ask | Refuse | Run:
    """Return what a change of the words comes to, while an image is corrected or none is.

    ``state.same`` is whether the chosen image is the one that is corrected, or none is chosen.
    """
    if state.session is None:
        first = "" if state.image else "Open an image, then press "
        look = f"{first or 'Press '}Run to look for these classes."
        return Refuse(FIRST if choices.vocabulary is None else look)
    if not state.same:
        return Refuse(f"These classes are for the next run; the labels are of {state.name!r}.")
    if choices.vocabulary is None:
        return Refuse(
            "What is corrected needs a class; add the new ones first, then remove the others.",
            words_back=True,
        )
    return _relabelled(choices, state, state.session)


def refusal(question: Fetch | Leave | Removal) -> Refuse:
    """Return what a question comes to that was answered with Cancel."""
    if isinstance(question, Fetch):
        return Refuse(
            "Nothing was downloaded, and nothing was run; the preset 'demo' needs no download."
        )
    if isinstance(question, Leave):
        return Refuse("Nothing was run; what is corrected is as it was.")
    return Refuse("", words_back=True)


def answered(
    choices: Choices, question: Fetch | Leave | Removal, reassign: Reassign | None = None
) -> Choices:
    """Return the choices with a question answered by yes, or by what becomes of decisions."""
    if isinstance(question, Fetch):
        return replace(choices, may_fetch=True)
    if isinstance(question, Leave):
        return replace(choices, may_leave=True)
    return replace(choices, reassign=reassign or {})


def _relabelled(choices: Choices, state: State, session: Session) -> Ask | Run:
    """Return what it comes to that an open session gets other words."""
    assert choices.vocabulary is not None
    words = session.vocabulary.matched(choices.vocabulary)
    if state.values is not None:
        words = words.beside(session.vocabulary, state.values)
    known = {**(state.answered or {}), **(choices.reassign or {})}
    reassign: dict[str | int, str | int | None] = {}
    decided: dict[VocabularyClass, tuple[int, int]] = {}
    for entry in session.vocabulary:
        if entry.value in words.values:
            continue
        target = known.get(entry.value)
        if entry.value in known and (target is None or target in words.values):
            reassign[entry.value] = target
        elif any(counts := session.decided_as(entry.value)):
            decided[entry] = counts
    return Ask(Removal(decided, words)) if decided else Run(words, reassign)
