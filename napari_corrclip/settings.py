"""The settings of a segmentation: one frozen, bounded value with a YAML and a JSON form.

Settings hold what changes the *result* (and, with ``batch_size``, how it is reached). Which
networks run and where regions come from is said elsewhere. An unknown key is an error, so that a
misspelt setting in a file is never silently the default.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_corrclip.errors import InputError
from napari_corrclip.storage.text_files import dump_yaml, load_json, load_yaml, read_text

Similarity = Literal["dino-qk", "dino-xx", "clip-qk", "clip-qq", "uniform"]
Unsegmented = Literal["cross", "closed"]
Windows = Literal["separate", "shared"]
Detail = Literal["standard", "fine", "native"]
Stage = Literal["base", "scope", "value", "refinement", "full"]

STAGES: tuple[Stage, ...] = ("base", "scope", "value", "refinement", "full")
"""The ablation's stages, each with everything of the ones before it."""

DETAILS: tuple[Detail, ...] = ("standard", "fine", "native")
"""Inference sizes, see :func:`at_detail`."""

# What happens after the image tower or leaves its features as they are (up to 1e-5 in the logits):
# changing one of these must not cost the person another encoding.
_NOT_IN_FEATURES = frozenset({"correction", "logit_scale", "batch_size"})

# Settings that came after results had been kept: left out of the hashes at their default, so that what was
# made before them keeps its key.
_CAME_LATER = frozenset({"stitched"})


class Settings(BaseModel):
    """Every choice of the method; the defaults are the published ones.

    Values are checked on construction and never change; :meth:`replace` gives a changed copy.
    A wrong value raises :class:`~napari_corrclip.errors.InputError` with one sentence.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )

    similarity: Similarity = Field(
        default="dino-qk",
        description="Features whose cosines weigh the attention of value reconstruction.",
    )
    scope: bool = Field(
        default=True,
        description="Attend only inside the region (eq. 7, 8); off: q·q attention of the base.",
    )
    value: bool = Field(
        default=True,
        description="Weigh by `similarity` (eq. 9, 10); off: clip-qq inside the scope.",
    )
    merging: bool = Field(
        default=True, description="Merge regions that look alike before the scope (eq. 5, 6)."
    )
    spatial: bool = Field(
        default=True, description="Add the mean of middle blocks to the features (eq. 11)."
    )
    semantic: bool = Field(
        default=True, description="Add each region's mask class token to the features (eq. 11)."
    )
    correction: bool = Field(
        default=True, description="Give each region its most frequent class (eq. 12)."
    )
    unsegmented: Unsegmented = Field(
        default="cross",
        description="Whether an unsegmented cell sees all cells like it (cross; published) or "
        "only unsegmented ones (closed; eq. 7 as printed).",
    )
    tau: float = Field(
        default=0.25, gt=0, le=100, description="Temperature of the attention's softmax."
    )
    alpha: float = Field(default=1.0, ge=0, le=100, description="Weight of the spatial branch.")
    beta: float = Field(default=0.5, ge=0, le=100, description="Weight of the semantic branch.")
    eps: float = Field(
        default=0.2, ge=0, le=2, description="Largest cosine distance at which DBSCAN merges."
    )
    logit_scale: float = Field(
        default=40.0, gt=0, le=1000, description="Factor of the cosines before the softmax."
    )
    short_side: int | None = Field(
        default=336,
        ge=16,
        le=65536,
        description="Short side, in pixels, that the image is resized to; null: its own size.",
    )
    long_side: int = Field(
        default=2048, ge=16, le=65536, description="Longest side, in pixels, after resizing."
    )
    window: int = Field(
        default=336, ge=16, le=4096, description="Side of the sliding window in pixels."
    )
    stride: int = Field(
        default=112,
        ge=1,
        le=4096,
        description="Step of the sliding window in pixels; at most `window`.",
    )
    windows: Windows = Field(
        default="separate",
        description="Whether the similarity tower sees each window by itself (separate; published) "
        "or the whole image once (shared; faster where windows overlap, and other labels).",
    )
    stitched: bool = Field(
        default=False,
        description="Attend to the cells of all windows instead of the own one's (OV-Stitcher); not in the "
        "paper, not measured here with real networks.",
    )
    batch_size: int = Field(
        default=4, ge=1, le=1024, description="Windows that go through the towers at once."
    )

    if not TYPE_CHECKING:  # a type checker keeps the typed signature that pydantic declares

        def __init__(self, **data: Any) -> None:
            plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in data.items()}
            try:
                super().__init__(**plain)
            except ValidationError as error:
                raise InputError(_sentence(error)) from None

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.stride > self.window:
            raise ValueError(
                f"stride {self.stride} is larger than window {self.window}, which would leave "
                "pixels that no window covers; make it at most the window"
            )
        if self.short_side is not None and self.short_side > self.long_side:
            raise ValueError(
                f"short_side {self.short_side} is larger than long_side {self.long_side}; "
                "raise long_side or lower short_side"
            )
        return self

    def replace(self, **changes: Any) -> Settings:
        """Return a copy with ``changes`` applied and everything checked again."""
        return Settings(**{**self.model_dump(), **changes})

    @classmethod
    def ablation(cls, stage: Stage, base: Settings | None = None) -> Settings:
        """Return ``base`` (default: the defaults) cut down to a cumulative stage of the ablation.

        ``base`` has no scope, no branches and no map correction; ``scope``, ``value``,
        ``refinement`` and ``full`` each switch one step on and keep the earlier ones (the paper's
        ablation table).
        """
        if stage not in STAGES:
            raise InputError(
                f"{stage!r} is no stage of the ablation; choose one of {', '.join(STAGES)}."
            )
        reached = STAGES.index(stage)
        return (base or cls()).replace(
            scope=reached >= 1,
            value=reached >= 2,
            spatial=reached >= 3,
            semantic=reached >= 3,
            correction=reached >= 4,
        )

    @property
    def fingerprint(self) -> str:
        """A short stable hash (16 hex digits) of all settings."""
        return self._digest(())

    @property
    def result_fingerprint(self) -> str:
        """A hash of what changes a result: all but how many windows are computed at once."""
        return self._digest({"batch_size"})

    @property
    def features_fingerprint(self) -> str:
        """A hash of what changes encoded features; ``correction``, for one, is not among it."""
        return self._digest(_NOT_IN_FEATURES)

    def _digest(self, left_out: Collection[str]) -> str:
        values = self.model_dump(exclude=set(left_out))
        for name in _CAME_LATER & values.keys():
            if values[name] == type(self).model_fields[name].default:
                del values[name]
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Return the settings as a JSON object, one key a line."""
        return json.dumps(self.model_dump(), indent=2) + "\n"

    def to_yaml(self) -> str:
        """Return the settings as a YAML mapping, in the order in which they are declared."""
        return dump_yaml(self.model_dump())

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Settings:
        """Return the settings of ``mapping``; what it leaves out has its default."""
        for key in mapping:
            if not isinstance(key, str):
                raise InputError(f"The settings' key {key!r} is no text; {_known_keys()}.")
        return cls(**mapping)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Settings:
        """Read settings from JSON: a string is the text itself, a path object names a file."""
        text, where = _source(source)
        return cls._from_document(load_json(text, where), where)

    @classmethod
    def from_yaml(cls, source: str | os.PathLike[str]) -> Settings:
        """Read settings from YAML: a string is the text itself, a path object names a file.

        Empty text gives the defaults.
        """
        text, where = _source(source)
        data = load_yaml(text, where)
        return cls._from_document({} if data is None else data, where)

    @classmethod
    def _from_document(cls, data: object, where: str) -> Settings:
        if not isinstance(data, dict):
            raise InputError(
                f"{where} holds {type(data).__name__} {_short(data)} where settings are "
                "'key: value' pairs; write for example 'tau: 0.25', or pass a pathlib.Path to "
                "read a file."
            )
        return cls.from_mapping(data)


def at_detail(settings: Settings, detail: Detail) -> Settings:
    """``settings`` at an inference size: as they are, twice that, or the image's own scale.

    Raises:
        InputError: there is no such detail.
    """
    if detail not in DETAILS:
        raise InputError(f"There is no detail {detail!r}; choose one of {', '.join(DETAILS)}.")
    if detail == "standard" or settings.short_side is None:
        return settings
    if detail == "native":
        return settings.replace(short_side=None)
    return settings.replace(
        short_side=2 * settings.short_side,
        long_side=max(settings.long_side, 2 * settings.short_side),
    )


def _source(source: str | os.PathLike[str]) -> tuple[str, str]:
    if isinstance(source, str):
        return source, "The settings' text"
    return read_text(source, "settings file"), f"The settings file {os.fspath(source)!r}"


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _known_keys() -> str:
    return "the settings are " + ", ".join(Settings.model_fields)


def _sentence(error: ValidationError) -> str:
    """Return pydantic's first complaint as one sentence: the key, the value, what to do."""
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    value = _short(first["input"])
    context = first.get("ctx", {})
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key.lower(), Settings.model_fields, n=1)
        advice = f"did you mean {near[0]!r}?" if near else f"{_known_keys()}."
        return f"Unknown setting {key!r} (value {value}); {advice}"
    if first["type"] == "value_error":
        return f"Settings that do not fit together: {context['error']}."
    if first["type"] == "literal_error":
        wanted = f"one of {context['expected']}"
    elif first["type"] == "finite_number":
        wanted = "a finite number"
    elif "greater_than" in first["type"] or "less_than" in first["type"]:
        wanted = _bounds(key)
    else:
        wanted = {"bool_type": "true or false"}.get(first["type"], _bounds(key))
    return f"The setting {key!r} is {value} and must be {wanted}."


def _bounds(key: str) -> str:
    """Return what the numeric setting ``key`` may be, such as ``a number > 0 and <= 100``."""
    field = Settings.model_fields[key]
    kind = "a number" if field.annotation is float else "a whole number"
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    limits = [
        f"{sign} {getattr(rule, name):g}"
        for rule in field.metadata
        for name, sign in signs.items()
        if hasattr(rule, name)
    ]
    text = f"{kind} {' and '.join(limits)}"
    return f"{text}, or null" if field.annotation == int | None else text
