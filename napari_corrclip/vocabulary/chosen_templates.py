"""The templates that were chosen for each class of a vocabulary, and their JSON form."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.frozen import FrozenMapping
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.vocabulary import grammar
from napari_corrclip.vocabulary import templates as prompt_templates

FORMAT = "napari-corrclip templates 1"
_KEYS = ("format", "classes", "images")


@dataclass(frozen=True)
class TemplateChoice:
    """The templates by which each class is found, in the place of the mean over all.

    Attributes:
        classes: templates by the name of a class, the surest first. A class that is not here, as one that no
            template found, keeps the vocabulary's templates.
        images: on how many images they were chosen.

    Raises:
        InputError: a name or a template cannot be one.
    """

    classes: Mapping[str, tuple[str, ...]]
    images: int = 0

    def __post_init__(self) -> None:
        """Check what may have come from a file."""
        if not isinstance(self.classes, Mapping):
            raise InputError(
                "Templates of classes are a mapping of names to lists, not of type "
                f"{type(self.classes).__name__}; write {{'cat': ['a photo of a {{}}.']}}."
            )
        found: dict[str, tuple[str, ...]] = {}
        for name, templates in self.classes.items():
            checked = grammar.check_text(name, "class name", grammar.MAX_NAME)
            if isinstance(templates, str) or not isinstance(templates, Sequence):
                raise InputError(
                    f"The class {checked!r} has {templates!r}; give a list of templates."
                )
            found[checked] = prompt_templates.check(tuple(templates))
        object.__setattr__(self, "classes", FrozenMapping(found))
        if type(self.images) is not int or self.images < 0:
            raise InputError(
                f"Templates were chosen on {self.images!r} images; give a number from 0."
            )

    def of(self, name: str) -> tuple[str, ...] | None:
        """Return the templates of the class of that name, in whatever case; ``None``: not chosen."""
        wanted = grammar.key(name)
        return next((own for n, own in self.classes.items() if grammar.key(n) == wanted), None)

    def to_json(self) -> str:
        """Return it as a JSON object."""
        classes = {name: list(templates) for name, templates in self.classes.items()}
        document = {"format": FORMAT, "classes": classes, "images": self.images}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "The chosen templates") -> TemplateChoice:
        """Return what :meth:`to_json` wrote; the text is taken as untrusted.

        Raises:
            InputError: it is something else.
        """
        document = load_json(text, where)
        classes: Any = document.get("classes") if isinstance(document, dict) else None
        if not isinstance(classes, dict) or document.get("format") != FORMAT:
            raise InputError(
                f"{where} are none of this version; give what TemplateChoice.to_json wrote."
            )
        for key in document:
            if key not in _KEYS:
                raise InputError(
                    f"{where} have the unknown key {key!r}; known are {', '.join(_KEYS)}."
                )
        try:
            return cls(classes, document.get("images", 0))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as a JSON file, whole or not at all."""
        write_bytes(path, self.to_json().encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TemplateChoice:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: there is no such file, or it holds something else.
        """
        where = f"The chosen templates in {os.fspath(path)!r}"
        return cls.from_json(read_text(path, "file of chosen templates"), where)
