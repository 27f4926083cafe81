"""The classes that are left where one becomes another one."""

from __future__ import annotations

from dataclasses import replace

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import tree
from napari_corrclip.vocabulary.classes import ClassLike
from napari_corrclip.vocabulary.model import Vocabulary


def merged(
    words: Vocabulary,
    which: ClassLike,
    into: ClassLike,
    *,
    prompts: bool = True,
) -> tuple[Vocabulary, list[str]]:
    """Return the classes of which one became another one, and the prompts that this got by it.

    What was below the one is below the other, or where that was itself below it, below its parent.

    Args:
        words: the classes.
        which: the class that goes, its name or its label value.
        into: the one that it becomes.
        prompts: whether that one gets its prompts.

    Raises:
        InputError: there is no such class, or both are the same.
    """
    gone, heir = (words.by_value(words.value_of(class_)) for class_ in (which, into))
    if gone is heir:
        raise InputError(f"{gone.name!r} is one class already; give two.")
    taken = [prompt for prompt in gone.prompts if prompts and prompt not in heir.prompts]
    line = tree.line_of(words.parents, heir.value)
    above = gone.parent if gone.value in line else heir.value
    classes = [class_ for class_ in words.classes if class_ is not gone]
    left = replace(words, classes=tree.rejoined(classes, {gone.value: above}))
    if taken:
        left = left.with_prompts(left.index(heir.name), [*heir.prompts, *taken])
    return left, taken
