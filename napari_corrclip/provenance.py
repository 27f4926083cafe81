"""How a result came about: what ran, in which versions, by which weights and settings, how long."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import metadata
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.frozen import FrozenMapping
from napari_corrclip.settings import Settings

_PACKAGES = (
    "napari-corrclip", "torch", "open_clip_torch", "timm", "segment-anything", "scikit-image",
    "numpy",
)  # fmt: skip


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


@dataclass(frozen=True)
class Provenance:
    """How a result came about. Mappings are copied and cannot be written to.

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
        image: the image's file, if it came from one.
        tiling: of a large image: ``scale`` (inference pixels a pixel), ``windows``, and ``tile``,
            ``overlap`` and ``tiles`` where regions were found tile by tile.
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

    def __post_init__(self) -> None:
        """Close what could be changed from outside."""
        for name in ("versions", "regions", "tiling"):
            object.__setattr__(self, name, FrozenMapping(getattr(self, name)))
        # so that what is read again equals what was written, legibly
        seconds = {stage: round(value, 4) for stage, value in self.seconds.items()}
        object.__setattr__(self, "seconds", FrozenMapping(seconds))
        object.__setattr__(self, "networks", tuple(self.networks))
        object.__setattr__(self, "templates", tuple(self.templates))

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
            "tiling": dict(self.tiling),
        }

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
            known = {one.name: document[one.name] for one in fields(cls) if one.name in document}
            known["networks"] = tuple(
                Network(**{one.name: str(network[one.name]) for one in fields(Network)})
                for network in known.get("networks", ())
            )
            for name in ("preset", "device", "dtype", "image"):
                known[name] = str(known.get(name, ""))
            known["templates"] = tuple(str(template) for template in known.get("templates", ()))
            settings = known.get("settings")
            if settings is not None:
                kept = {k: v for k, v in settings.items() if k in Settings.model_fields}
                known["settings"] = Settings(**kept)
            return cls(**known)
        except (AttributeError, InputError, KeyError, TypeError, ValueError) as error:
            detail = f" ({error})" if isinstance(error, InputError) else ""
            raise InputError(
                f"This is no provenance of a result{detail}; segment the image again."
            ) from None


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
