"""The provenance of a result: what ran, in which versions, by which weights and settings, how long."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import metadata
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.settings import Settings
from napari_corrclip.storage.frozen import FrozenMapping

_PACKAGES = (
    "napari-corrclip", "torch", "open_clip_torch", "timm", "segment-anything", "scikit-image",
    "numpy",
)  # fmt: skip
PERCENTILES_BEFORE = (1.0, 99.0)
"""By which the dock stretched deep images before it kept that in the provenance."""


@dataclass(frozen=True, slots=True)
class Network:
    """One network of a result.

    Attributes:
        library: who builds it.
        name: the architecture.
        weights: the library's tag of the weights, or a checkpoint's path.
        source: URL or hub repository of the weights; empty for embedded or local ones.
        licence: of the weights.
    """

    library: str
    name: str
    weights: str
    source: str = ""
    licence: str = "unknown"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The stretch by which one channel of an image became 8 bits.

    Attributes:
        low: the value that became black.
        high: the value that became white; more than ``low``.
        gamma: the exponent by which the shares of white in between were bent; 1 for none.

    Raises:
        InputError: these are no such numbers.
    """

    low: float
    high: float
    gamma: float = 1.0

    @classmethod
    def of(cls, limits: tuple[float, float] | None) -> tuple[Stretch, ...]:
        """Return what a provenance says of an image whose ``limits`` became black and white, if any did."""
        return () if limits is None else (cls(*map(float, limits)),)

    def __post_init__(self) -> None:
        if not (-math.inf < self.low < self.high < math.inf and 0 < self.gamma < math.inf):
            raise InputError(
                f"An image cannot be stretched from {self.low!r} to {self.high!r} by gamma "
                f"{self.gamma!r}; give finite numbers, the lower one first, and a gamma above 0."
            )


@dataclass(frozen=True)
class Provenance:
    """The provenance of a result. Mappings are copied and cannot be written to.

    Attributes:
        versions: version of Python and of each package that computes.
        preset: the preset's name; empty for a combination of one's own.
        networks: the networks that ran.
        device: with its name and memory.
        dtype: of the towers.
        settings: the method's settings; ``None`` where the method did not run.
        templates: the prompt templates.
        regions: the region source and its parameters.
        seconds: wall time of each stage, to a tenth of a millisecond.
        image: the image's file, if it came from one; a link is named and not what it leads to.
        image_digest: checksum of what is in that file, see :class:`~napari_corrclip.images.origin.Origin`.
        image_position: where the file lies as seen from the result's folder.
        recipe: the run as JSON, for ``napari_corrclip.engine.recipe.Recipe.from_json``; empty where it is
            not known.
        tiling: of a large image: ``scale`` (inference pixels a pixel), ``windows``, and ``tile``,
            ``overlap`` and ``tiles`` where regions were found tile by tile.
        stretch: how the image became 8 bits: one of all channels, or one of each of three, ``None`` for an
            empty one; nothing where the image was taken as it came, or where that is not known.
        lesson: what was learnt from a person's verdicts and is shown in the place of what the networks said:
            its ``weight`` beside them, and the ``verdicts`` and ``images`` that it was learnt from; empty:
            nothing is.
        chosen_templates: the templates of each class by its name, where they were chosen
            (:class:`napari_corrclip.vocabulary.chosen_templates.TemplateChoice`); else empty.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    preset: str = ""
    networks: tuple[Network, ...] = ()
    device: str = ""
    dtype: str = ""
    settings: Settings | None = None
    templates: tuple[str, ...] = ()
    regions: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    image: str = ""
    tiling: Mapping[str, int | float] = field(default_factory=dict)
    stretch: tuple[Stretch | None, ...] = ()
    image_digest: str = ""
    image_position: str = ""
    recipe: str = ""
    lesson: Mapping[str, int | float] = field(default_factory=dict)
    chosen_templates: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Close what could be changed from outside."""
        for name in ("versions", "regions", "tiling", "lesson"):
            object.__setattr__(self, name, FrozenMapping(getattr(self, name)))
        chosen = {name: tuple(own) for name, own in self.chosen_templates.items()}
        object.__setattr__(self, "chosen_templates", FrozenMapping(chosen))
        # so that what is read again equals what was written, legibly
        seconds = {stage: round(value, 4) for stage, value in self.seconds.items()}
        object.__setattr__(self, "seconds", FrozenMapping(seconds))
        object.__setattr__(self, "networks", tuple(self.networks))
        object.__setattr__(self, "templates", tuple(self.templates))
        object.__setattr__(self, "stretch", tuple(self.stretch))

    def to_document(self) -> dict[str, Any]:
        """Return plain lists, dicts, texts and numbers, for JSON."""
        return {
            "versions": dict(self.versions),
            "preset": self.preset,
            "networks": [asdict(network) for network in self.networks],
            "device": self.device,
            "dtype": self.dtype,
            "settings": None if self.settings is None else self.settings.model_dump(),
            "templates": list(self.templates),
            "regions": dict(self.regions),
            "seconds": dict(self.seconds),
            "image": self.image,
            "image_digest": self.image_digest,
            "image_position": self.image_position,
            "tiling": dict(self.tiling),
            "stretch": [None if part is None else asdict(part) for part in self.stretch],
            "recipe": json.loads(self.recipe) if self.recipe else None,
            **({"lesson": dict(self.lesson)} if self.lesson else {}),
            **({"chosen_templates": self._chosen()} if self.chosen_templates else {}),
        }

    def _chosen(self) -> dict[str, list[str]]:
        return {name: list(own) for name, own in self.chosen_templates.items()}

    @classmethod
    def from_document(cls, document: object) -> Provenance:
        """Return what :meth:`to_document` gave; unknown keys are left out, of the settings too.

        A result outlives the version that made it, and a setting may be gone since.

        Raises:
            InputError: it is something else.
        """
        try:
            if not isinstance(document, dict):
                raise TypeError
            known = {
                field.name: document[field.name] for field in fields(cls) if field.name in document
            }
            for name, kinds in _MAPPINGS.items():
                _check_mapping(known.setdefault(name, {}), kinds)
            known["networks"] = tuple(
                Network(**{field.name: _text(network[field.name]) for field in fields(Network)})
                for network in known.get("networks", ())
            )
            for name in (
                "preset", "device", "dtype", "image", "image_digest", "image_position"
            ):  # fmt: skip
                known[name] = _text(known.get(name, ""))
            templates = known.get("templates", [])
            if not isinstance(templates, list):
                raise TypeError
            known["templates"] = tuple(_text(template) for template in templates)
            chosen = known.get("chosen_templates", {})
            if not all(isinstance(own, list) for own in chosen.values()):
                raise TypeError
            known["chosen_templates"] = {
                _text(name): tuple(_text(template) for template in own)
                for name, own in chosen.items()
            }
            recipe = known.get("recipe")
            if not isinstance(recipe, dict | None):
                raise TypeError
            known["recipe"] = "" if recipe is None else json.dumps(recipe, ensure_ascii=False)
            known["stretch"] = tuple(_stretch(part) for part in known.get("stretch", ()))
            settings = known.get("settings")
            if settings is not None:
                kept = {k: v for k, v in settings.items() if k in Settings.model_fields}
                known["settings"] = Settings(**kept)
            return cls(**known)
        except (
            AttributeError,
            InputError,
            KeyError,
            OverflowError,
            TypeError,
            ValueError,
        ) as error:
            detail = f" ({error})" if isinstance(error, InputError) else ""
            raise InputError(
                f"This is no provenance of a result{detail}; segment the image again."
            ) from None


_MAPPINGS: Mapping[str, tuple[type, ...]] = {
    "versions": (str,),
    "regions": (str, int, float),
    "seconds": (int, float),
    "tiling": (int, float),
}
"""Types of what is in a mapping; a document is a stranger's."""


def _stretch(document: Mapping[str, Any] | None) -> Stretch | None:
    if document is None:
        return None
    return Stretch(**{field.name: float(document[field.name]) for field in fields(Stretch)})


def _check_mapping(values: object, kinds: tuple[type, ...]) -> None:
    if not isinstance(values, dict) or not all(
        isinstance(key, str) and isinstance(value, kinds) for key, value in values.items()
    ):
        raise TypeError
    if not all(math.isfinite(value) for value in values.values() if isinstance(value, float)):
        raise ValueError


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute; "" for a missing one."""
    return dict(_package_versions())


@cache  # Reading a package's metadata takes a millisecond.
def _package_versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    return found
