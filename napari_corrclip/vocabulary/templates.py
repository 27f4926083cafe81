"""Prompt templates: the sentences a prompt is put into before it is encoded.

A template is text that holds ``{}`` once, such as ``a photo of a {}.``; a prompt's text feature is
the mean over the templates.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Sequence

from napari_corrclip.errors import InputError
from napari_corrclip.vocabulary.languages import LANGUAGES

SINGLE_TEMPLATES: tuple[str, ...] = ("a photo of a {}.",)
"""The one template that CLIP's authors propose first."""

ENGLISH: tuple[str, ...] = ("imagenet", "single")
"""The sets of templates in English, by name."""

NAMES: tuple[str, ...] = (*ENGLISH, *LANGUAGES)
"""The sets of templates that :func:`resolve` knows by name: English ones, and a language's by its code."""

MAX_TEMPLATES = 1000
MAX_TEMPLATE_LENGTH = 1000


@functools.cache
def imagenet_templates() -> tuple[str, ...]:
    """Return CLIP's 80 ImageNet templates as strings, in open_clip's order (loads open_clip)."""
    from open_clip import OPENAI_IMAGENET_TEMPLATES

    # open_clip has them as functions of the prompt
    return tuple(template("{}") for template in OPENAI_IMAGENET_TEMPLATES)


def __getattr__(name: str) -> tuple[str, ...]:
    """``IMAGENET_TEMPLATES``, made on first use: open_clip loads torch, importing this must not."""
    if name == "IMAGENET_TEMPLATES":
        return imagenet_templates()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def resolve(templates: str | Iterable[str]) -> tuple[str, ...]:
    """Return the templates that ``templates`` means.

    Args:
        templates: ``"imagenet"`` (80), ``"single"`` (``a photo of a {}.``), the code of a language such as
            ``"de"`` or ``"ja"`` (7 each, see :data:`~napari_corrclip.vocabulary.languages.LANGUAGES`), a text
            or several.

    Raises:
        InputError: a template without ``{}`` or with two, one twice, none, or an unknown name.
    """
    if isinstance(templates, str):
        if templates == "imagenet":
            return imagenet_templates()
        if templates == "single":
            return SINGLE_TEMPLATES
        if templates in LANGUAGES:
            return LANGUAGES[templates].templates
        if "{" not in templates and "}" not in templates and " " not in templates.strip():
            near = difflib.get_close_matches(templates.lower(), NAMES, n=1)
            advice = f"did you mean {near[0]!r}" if near else f"choose one of {', '.join(NAMES)}"
            raise InputError(
                f"{templates!r} names no set of templates; {advice}, or write a template with {{}} "
                "where the prompt goes."
            )
        templates = (templates,)
    try:
        found = list(templates)
    except TypeError:
        raise InputError(f"Templates are {templates!r}; give a name or a list of texts.") from None
    return check(found)


def check(templates: Sequence[object]) -> tuple[str, ...]:
    """Return ``templates`` trimmed, or say what is wrong with the first that cannot be used."""
    if not templates:
        raise InputError("There is no prompt template; give at least one, such as '{}'.")
    if len(templates) > MAX_TEMPLATES:
        raise InputError(f"{len(templates)} templates are too many; give at most {MAX_TEMPLATES}.")
    found: dict[str, None] = {}
    for template in templates:
        if not isinstance(template, str):
            raise InputError(f"The template {template!r} is no text; write it in quotes.")
        text = " ".join(template.split())
        if len(text) > MAX_TEMPLATE_LENGTH:
            raise InputError(
                f"The template {text[:40] + '…'!r} has {len(text)} characters; use at most "
                f"{MAX_TEMPLATE_LENGTH}."
            )
        if text.count("{}") != 1:
            raise InputError(
                f"The template {template!r} holds {{}} {text.count('{}')} times; put it in once, "
                "where the prompt goes, such as 'a photo of a {}.'."
            )
        if text in found:
            raise InputError(f"The template {text!r} is given twice; remove one.")
        found[text] = None
    return tuple(found)


def fill(templates: Sequence[str], prompt: str) -> tuple[str, ...]:
    """Return ``prompt`` put into each template; braces elsewhere, in either, stay as they are."""
    return tuple(template.replace("{}", prompt, 1) for template in templates)
