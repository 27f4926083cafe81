"""Vocabularies as Python: the shortest expression that gives exactly the same classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.model import FILE_SUFFIXES

Make = Callable[[], Vocabulary]


def vocabulary_expression(words: Vocabulary) -> str:
    """Return an argument that :meth:`Vocabulary.coerce` makes equal classes of."""
    for text in _texts(words):
        if _made(partial(Vocabulary.coerce, text)) == words:
            return repr(text)
    return f"nc.Vocabulary({_fields(words)})"


def vocabulary_calls(old: Vocabulary, new: Vocabulary) -> Iterator[str]:
    """Yield arguments for ``session.set_vocabulary`` that make ``new`` of ``old``; there is always one."""
    for text, make in _edits(old, new):
        if _made(make) == new:
            yield f"session.vocabulary.{text}"
    for text in _texts(new):
        if _made(partial(_matched, old, text)) == new:
            yield repr(text)
    yield f"replace(session.vocabulary, {_fields(new)})"


def _texts(words: Vocabulary) -> Iterator[str]:
    """Yield texts that may mean ``words``, but none that would be taken for the name of a file."""
    for text in (", ".join(words.names), words.to_text()):
        if not text.strip().lower().endswith(FILE_SUFFIXES):
            yield text


def _edits(old: Vocabulary, new: Vocabulary) -> Iterator[tuple[str, Make]]:
    """Yield single edits that might lead from ``old`` to ``new``."""
    known = {class_.value: class_ for class_ in old}
    for at, class_ in enumerate(new):
        name = class_.name
        if class_.value not in known:
            yield f"add({name!r})", partial(old.add, name)
            yield f"add({name!r}, index={at})", partial(old.add, name, index=at)
            continue
        before = known[class_.value]
        if before.name != name:
            yield f"rename({before.name!r}, {name!r})", partial(old.rename, before.name, name)
        if before.color != class_.color:
            yield f"recolor({name!r}, {class_.color!r})", partial(old.recolor, name, class_.color)
        if before.prompts != class_.prompts:
            prompts = list(class_.prompts)
            yield f"with_prompts({name!r}, {prompts!r})", partial(old.with_prompts, name, prompts)
        if before.threshold != class_.threshold:
            least = class_.threshold
            yield f"with_threshold({least!r}, {name!r})", partial(old.with_threshold, least, name)
        if before.parent != class_.parent:
            above = None if class_.parent is None else new.by_value(class_.parent).name
            yield f"with_parent({name!r}, {above!r})", partial(old.with_parent, name, above)
    for class_ in old:
        if class_.value not in new.values:
            yield f"remove({class_.name!r})", partial(old.remove, class_.name)
    if sorted(old.values) == sorted(new.values):
        yield f"reorder({list(new.names)!r})", partial(old.reorder, new.names)


def _matched(old: Vocabulary, text: str) -> Vocabulary:
    return old.matched(Vocabulary.coerce(text))


def _fields(words: Vocabulary) -> str:
    classes = "".join(f"nc.{class_!r}, " for class_ in words)
    return (
        f"classes=({classes}), next_value={words.next_value}, threshold={words.threshold}, "
        f"templates={words.templates!r}"
    )


def _made(make: Make) -> Vocabulary | None:
    try:
        return make()
    except InputError:
        return None
