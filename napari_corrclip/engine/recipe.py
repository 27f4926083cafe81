"""A run as one value: which networks, where, in which type, which regions, how fine, by which settings.

A recipe is frozen, compares, pickles and has a JSON form, so that it can be kept with a result, sent to
another machine and asked whether a result is still what it would give. It knows no image and no vocabulary,
and importing it loads no network and no torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from napari_corrclip.engine.tiles import check_scale, check_tiles
from napari_corrclip.engine.window_count import Size, window_grid
from napari_corrclip.errors import InputError
from napari_corrclip.regions.options import REGION_KINDS, SourceOptions, region_options
from napari_corrclip.settings import Detail, Settings, at_detail
from napari_corrclip.storage.frozen import FrozenMapping
from napari_corrclip.storage.text_files import load_json
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.fetch import missing
from napari_corrclip.weights.files import WebFile
from napari_corrclip.weights.presets import NetworkSpec, Preset, built_in, built_in_names
from napari_corrclip.weights.saved import from_document, to_document

if TYPE_CHECKING:
    import torch

FORMAT = "napari-corrclip recipe 1"
GIVEN = "given"
"""What ``regions`` is called where a region map comes with each image."""
_PARTS = ("clip", "similarity", "regions", "templates")
_DEVICE = re.compile(r"auto|cpu(:0)?|mps(:0)?|cuda(:\d+)?")  # of whatever machine
_DTYPES = ("auto", "float32", "float16", "bfloat16")  # known here, so that no torch is loaded


@dataclass(frozen=True, init=False)
class Recipe:
    """A run as a value, checked when it is made.

    Args:
        preset: the networks: a preset's name, or a preset; ``None`` where both towers were handed in as
            objects and are among ``parts``.
        device: where they run: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: of CLIP and the similarity tower: ``auto``, ``float32``, ``float16``, ``bfloat16``.
        regions: ``sam`` or ``superpixels``; ``given`` where a map comes with each image; the name of a
            source that was handed in as an object and is among ``parts``.
        region_options: of ``sam`` or ``superpixels``, by name; ``None``: the defaults.
        detail: the inference size; see :func:`~napari_corrclip.settings.at_detail`.
        scale: of a large image, pixels that the networks see for each pixel along a side; ``None``: the image
            is taken in one piece, at ``detail``.
        tile: with ``scale``, side in pixels of what the region source sees at a time; ``None``: its default.
        overlap: with ``scale``, pixels that tiles share; ``None``: its default.
        settings: of the method, before ``detail``; ``None``: the preset's.
        parts: fingerprints of what was handed in as an object, by ``clip``, ``similarity``, ``regions``,
            ``templates``. A recipe with parts has a key, but cannot be remade or sent.

    Attributes:
        preset: the preset itself, so that a change of a saved one is another recipe.
        region_options: every option, its default included; ``None`` for regions that are not found.
        settings: never ``None``.

    Raises:
        InputError: an argument cannot be used.
    """

    preset: Preset | None
    device: str
    dtype: str
    regions: str
    region_options: SourceOptions | None
    detail: Detail
    scale: float | None
    tile: int | None
    overlap: int | None
    settings: Settings
    parts: Mapping[str, str]

    def __init__(
        self,
        preset: str | Preset | None = "demo",
        *,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        regions: str = "sam",
        region_options: Mapping[str, Any] | SourceOptions | None = None,
        detail: Detail = "standard",
        scale: float | None = None,
        tile: int | None = None,
        overlap: int | None = None,
        settings: Settings | None = None,
        parts: Mapping[str, str] | None = None,
    ) -> None:
        parts = _parts(parts)
        chosen = get_preset(preset) if isinstance(preset, str) else preset
        if scale is not None:
            scale, (tile, overlap) = check_scale(scale), check_tiles(tile, overlap)
        values: dict[str, object] = {
            "preset": chosen,
            "device": str(device).strip().lower(),
            "dtype": str(dtype).strip().lower().removeprefix("torch."),
            "regions": regions,
            "region_options": _options(GIVEN if "regions" in parts else regions, region_options),
            "detail": detail,
            "scale": scale,
            "tile": tile,
            "overlap": overlap,
            "settings": _settings(settings, chosen),
            "parts": parts,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        if not isinstance(self.preset, Preset | None):
            raise InputError(
                f"A recipe's preset cannot be a {type(self.preset).__name__}; give a preset or its name."
            )
        at_detail(self.settings, self.detail)
        if not _DEVICE.fullmatch(self.device):
            raise InputError(
                f"There is no device {self.device!r}; choose auto, cpu, cuda, cuda:1 and so on, or mps."
            )
        if self.dtype not in _DTYPES:
            raise InputError(
                f"There is no type {self.dtype!r}; choose auto or one of {', '.join(_DTYPES[1:])}."
            )
        if self.preset is None and not {"clip", "similarity"} <= self.parts.keys():
            raise InputError(
                "A recipe without a preset has no networks; give a preset, or the fingerprints of "
                "'clip' and 'similarity' as parts."
            )
        if self.regions not in (*REGION_KINDS, GIVEN) and "regions" not in self.parts:
            raise InputError(
                f"There is no region source {self.regions!r}; choose {', '.join(REGION_KINDS)} or "
                f"{GIVEN}, or hand the source in."
            )
        if self.scale is None:
            for name in ("tile", "overlap"):
                if getattr(self, name) is not None:
                    raise InputError(
                        f"{name} is {getattr(self, name)!r} without a scale; it is of large images, so "
                        "give a scale too or leave it out."
                    )
        elif self.detail != "standard":
            raise InputError(
                f"detail is {self.detail!r} and scale {self.scale!r}, and both set the size that the "
                "networks see; leave one of the two out."
            )

    # -- what it stands for

    @property
    def name(self) -> str:
        """The preset's name; empty for networks that were handed in."""
        return "" if self.preset is None else self.preset.name

    @property
    def networks(self) -> tuple[NetworkSpec, ...]:
        """The networks that it loads: SAM only where it finds the regions."""
        if self.preset is None:
            return ()
        uses_sam = self.regions == "sam" and "regions" not in self.parts
        return self.preset.networks if uses_sam else self.preset.networks[:2]

    @property
    def missing(self) -> tuple[WebFile, ...]:
        """Their files that would be downloaded; asks no network."""
        return missing(self.networks)

    @property
    def method(self) -> Settings:
        """The settings at the recipe's detail, or scale: what the method runs by."""
        if self.scale is not None:
            return self.settings.replace(short_side=None)  # the scale sets the inference size
        return at_detail(self.settings, self.detail)

    def windows(self, shape: Size) -> Size:
        """Return the rows and columns of windows of an image of so many rows and columns."""
        return window_grid(shape, self.method)

    def same_towers(self, other: Recipe) -> bool:
        """Whether both load the same CLIP and similarity tower onto the same device, in the same type."""
        return self._towers == other._towers

    @property
    def _towers(self) -> tuple[object, ...]:
        towers = [self.parts.get(part, "") for part in ("clip", "similarity")]
        return self.networks[:2], *towers, self.device, self.dtype

    # -- parts that were handed in

    @property
    def whole(self) -> bool:
        """Whether it can be remade from itself alone, here or elsewhere."""
        return not self.parts

    def cannot_be_remade(self) -> InputError:
        """Return the error of whoever would remake or send a recipe that is not :attr:`whole`."""
        parts = ", ".join(f"{part} ({value})" for part, value in self.parts.items())
        return InputError(
            f"This recipe cannot be remade or sent, because {parts} was handed in as an object and is "
            "known by its fingerprint alone; hand it in again, or use a preset."
        )

    # -- keys

    def resolved(self) -> Recipe:
        """Return it with the floating-point type that ``auto`` stands for: float32."""
        return replace(self, dtype="float32") if self.dtype == "auto" else self

    def key(self, image: str = "") -> str:
        """Return 32 hex digits: the same recipe on the same image has the same ones.

        What computes (the device, how many windows at once) is left out, and what a preset is called; a
        local checkpoint counts by its path.

        Args:
            image: a digest of the pixels that the networks see, as ``Session.image_digest``, so that a file
                whose values were stretched otherwise is another image; empty for the recipe alone.
        """
        templates = "" if self.preset is None else self.preset.template_set
        return self._key(image, self.method.result_fingerprint, dict(self.parts), templates)

    def features_key(self, image: str = "") -> str:
        """Return the key of what is encoded before any vocabulary, without templates and map correction."""
        parts = {name: part for name, part in self.parts.items() if name != "templates"}
        return self._key(image, self.method.features_fingerprint, parts)

    def regions_key(self, image: str = "") -> str:
        """Return the key of the regions that are found, whatever is encoded after them."""
        networks = [_named(spec) for spec in self.networks[2:]]
        part = self.parts.get("regions", "")
        return _hashed(
            [FORMAT, networks, self.regions, self._key_options(), self._tiles, part, image]
        )

    def _key(self, image: str, settings: str, parts: dict[str, str], templates: object = "") -> str:
        return _hashed(
            [
                FORMAT, [_named(spec) for spec in self.networks], templates, self.resolved().dtype,
                self.regions, self._key_options(), *self._tiles, parts, settings, image,
            ]
        )  # fmt: skip

    @property
    def _tiles(self) -> tuple[float | None, tuple[int | None, int | None] | None]:
        # Regions that are given are not looked for tile by tile.
        return self.scale, None if self.regions == GIVEN else (self.tile, self.overlap)

    def _key_options(self) -> dict[str, object] | None:
        options = self._options()
        if options is not None and options.get("dtype", "") is None:
            options["dtype"] = "float32"  # what a preset's SAM is loaded in
        return options

    # -- JSON

    def to_json(self) -> str:
        """Return the recipe as one line of JSON; what was handed in is named by its fingerprint."""
        preset: object = None
        if self.preset is not None:
            known = (
                self.preset.name in built_in_names() and built_in(self.preset.name) == self.preset
            )
            preset = self.preset.name if known else to_document(self.preset)
        document = {
            "format": FORMAT,
            "preset": preset,
            "device": self.device,
            "dtype": self.dtype,
            "regions": self.regions,
            "region_options": self._options(),
            "detail": self.detail,
            "scale": self.scale,
            "tile": self.tile,
            "overlap": self.overlap,
            "settings": self.settings.model_dump(),
            "parts": dict(self.parts),
        }
        return json.dumps(document, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Return the recipe that :meth:`to_json` wrote; the text is taken as untrusted.

        Raises:
            InputError: it is something else, or something in it cannot be used here.
        """
        where = "The recipe"
        if not isinstance(text, str):
            raise InputError(
                f"{where} is a {type(text).__name__}; give the text that Recipe.to_json wrote."
            )
        document = load_json(text, where)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError(f"{where} is not one of this version; give what Recipe.to_json wrote.")
        values = {name: value for name, value in document.items() if name != "format"}
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise InputError(
                    f"{where} has the unknown key {name!r}; known are {', '.join(known)}."
                )
        for name, (kinds, advice) in _KINDS.items():
            value = values.get(name)
            if name in values and (not isinstance(value, kinds) or isinstance(value, bool)):
                raise InputError(f"{where}: {name!r} is {value!r}; give {advice}.")
        if isinstance(values.get("preset"), dict):
            values["preset"] = from_document(values["preset"], f"{where}: 'preset'")
        if values.get("settings") is not None:
            values["settings"] = Settings.from_mapping(values["settings"])
        return cls(**values)

    def _options(self) -> dict[str, object] | None:
        return None if self.region_options is None else asdict(self.region_options)


def _named(spec: NetworkSpec) -> list[object]:
    """Return what says which network it is."""
    files = [[file.source, file.filename, file.sha256, file.commit] for file in spec.companions]
    return [
        spec.library, spec.architecture, spec.pretrained, spec.source, spec.filename, spec.sha256,
        *files,
    ]  # fmt: skip


def _hashed(values: list[object]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _parts(parts: object) -> FrozenMapping[str, str]:
    if parts is None:
        return FrozenMapping({})
    if not isinstance(parts, Mapping):
        raise InputError(
            f"A recipe's parts cannot be a {type(parts).__name__}; give fingerprints by part, such as "
            "{'regions': '0123456789abcdef'}."
        )
    for name in parts:
        if name not in _PARTS:
            raise InputError(
                f"A recipe has no part {name!r}; those handed in can be {', '.join(_PARTS)}."
            )
    return FrozenMapping({name: str(part) for name, part in parts.items()})


_TEXT = ((str,), "text")
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "preset": ((str, dict, type(None)), "a preset's name, or a preset"),
    "device": _TEXT,
    "dtype": _TEXT,
    "regions": _TEXT,
    "region_options": ((dict, type(None)), "options by name"),
    "detail": _TEXT,
    "scale": ((int, float, type(None)), "a number, or null"),
    "tile": ((int, type(None)), "a whole number, or null"),
    "overlap": ((int, type(None)), "a whole number, or null"),
    "settings": ((dict, type(None)), "settings by name"),
    "parts": ((dict,), "fingerprints by part"),
}
"""Types of what is in a document, which is a stranger's, with what to give."""


def _options(
    regions: str, options: Mapping[str, Any] | SourceOptions | None
) -> SourceOptions | None:
    if isinstance(options, SourceOptions):
        options = asdict(options)
    if not isinstance(regions, str):
        raise InputError(
            f"A recipe's regions cannot be a {type(regions).__name__}; name them, and hand the map or the "
            "source in."
        )
    return region_options(regions, options)


def _settings(settings: Settings | None, preset: Preset | None) -> Settings:
    if settings is None:
        return preset.settings if isinstance(preset, Preset) else Settings()
    if not isinstance(settings, Settings):
        raise InputError(
            f"The settings cannot be a {type(settings).__name__}; give Settings(tau=0.25) or the like."
        )
    return settings


def fingerprint_of(described: Mapping[str, object]) -> str:
    """Return 16 hex digits for what a region source says of itself; a given map counts by its ids alone."""
    values = {name: value for name, value in described.items() if name != "origin"}
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
