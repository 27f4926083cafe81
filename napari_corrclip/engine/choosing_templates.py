"""Templates chosen for each class on encoded images, and what a text tower says in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from napari_corrclip.encoders.protocols import ImageTextEncoder
from napari_corrclip.engine.features import Features
from napari_corrclip.engine.text_cache import TextCache
from napari_corrclip.errors import InputError
from napari_corrclip.method import template_choice
from napari_corrclip.method.similarity import unit_cells
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.chosen_templates import TemplateChoice


def choose_steps(
    images: Iterable[Features],
    words: Vocabulary,
    templates: Sequence[str],
    clip: ImageTextEncoder,
    texts: TextCache,
    *,
    per_class: int,
    logit_scale: float,
) -> Steps[TemplateChoice]:
    """Choose for each class the templates that are surest of it on some images; yields after each image.

    Args:
        images: encoded by ``clip``; one is held at a time. The order does not matter.
        words: the vocabulary.
        templates: to choose from.
        clip: the text tower.
        texts: where text features are kept.
        per_class: how many templates a class has at most.
        logit_scale: as of the settings.

    Raises:
        InputError: there is nothing to choose, or no image, or one of another CLIP.
    """
    if isinstance(images, Features) or not isinstance(images, Iterable):
        raise InputError(
            "Templates are chosen on a list of encoded images, and what was given is of type "
            f"{type(images).__name__}; give a list."
        )
    if type(per_class) is not int or per_class < 1:
        raise InputError(f"{per_class!r} templates a class cannot be chosen; give a number from 1.")
    if len(templates) <= per_class:
        raise InputError(
            f"{per_class} of {len(templates)} templates leave nothing to choose; give more templates, or "
            "choose fewer of them."
        )
    words.check_prompts()
    text = yield from texts_in(clip, texts, words.queries, [(template,) for template in templates])
    text = text.to(clip.device)
    query_class = torch.tensor(words.query_class, device=clip.device)
    sums = torch.zeros(len(templates), len(words), dtype=torch.float64)
    counts = torch.zeros(len(templates), len(words), dtype=torch.int64)
    seen = 0
    for features in images:
        if not isinstance(features, Features):
            raise InputError(
                f"Templates are chosen on encoded images, and one is of type {type(features).__name__}; give "
                "what encode returned."
            )
        if features.clip != clip.fingerprint:
            raise InputError(
                f"These features were computed by another CLIP than {clip.name!r}; encode the image again."
            )
        cells = unit_cells(torch.from_numpy(features.cells())).flatten(0, 1).to(clip.device)
        added = template_choice.entropy_sums(cells, text, logit_scale, query_class, len(words))
        sums, counts, seen = sums + added[0], counts + added[1], seen + 1
        yield Progress("templates", seen, seen)
    if not seen:
        raise InputError("Templates are chosen on images, and none was given; encode at least one.")
    chosen = template_choice.choose(sums, counts, per_class)
    return TemplateChoice(
        {
            name: tuple(templates[index] for index in own)
            for name, own in zip(words.names, chosen, strict=True)
            if own
        },
        seen,
    )


def texts_in(
    clip: ImageTextEncoder,
    texts: TextCache,
    queries: Sequence[str],
    sets: Sequence[Sequence[str]],
) -> Steps[Tensor]:
    """F_text of every query in each of several sets of templates, (sets, Q, D) float32 on the CPU."""
    found = []
    for templates in sets:
        found.append((yield from texts.features(clip, queries, templates)))
    return torch.stack(found)


def check_choice(words: Vocabulary, choice: object) -> TemplateChoice:
    """Return what was handed in as a choice; an empty one is of any words.

    Raises:
        InputError: it is no choice, or one of other words.
    """
    if not isinstance(choice, TemplateChoice):
        raise InputError(
            f"What is of type {type(choice).__name__} is no choice of templates; give what choose_templates "
            "returned, or TemplateChoice({'cat': ['a photo of a {}.']})."
        )
    if choice.classes and all(choice.of(name) is None for name in words.names):
        others = ", ".join(map(repr, list(choice.classes)[:3]))
        raise InputError(
            f"The templates were chosen for other words, such as {others}, and {words.names[0]!r} is none of "
            "them, nor is another of these; choose templates for these words, or leave the choice out."
        )
    return choice


def notes_of(words: Vocabulary, choice: TemplateChoice) -> tuple[str, ...]:
    """Return what is to be told of classes for which no templates were chosen."""
    left = [
        class_.name for class_ in words.classes if class_.prompts and choice.of(class_.name) is None
    ]
    if not choice.classes or not left:
        return ()
    shown = ", ".join(map(repr, left[:5])) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
    return (
        f"No templates were chosen for {shown}, which all templates look for as without a choice.",
    )


def experts_of(
    words: Vocabulary, choice: TemplateChoice, templates: Sequence[str]
) -> tuple[list[tuple[str, ...]], list[int]]:
    """Return the different sets of templates that classes are found by, and which each class has.

    Args:
        words: the vocabulary.
        choice: the templates of its classes.
        templates: of classes that have none of their own.
    """
    # Of a mean the order is nothing, and the same templates are one set.
    chosen = [choice.of(name) for name in words.names]
    own = [tuple(templates) if few is None else tuple(sorted(few)) for few in chosen]
    sets = list(dict.fromkeys(own))
    return sets, [sets.index(few) for few in own]
