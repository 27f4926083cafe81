"""Presets: named combinations of three networks, as data.

Nothing here imports torch or the networks' libraries, so that presets can be listed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from napari_corrclip.errors import InputError
from napari_corrclip.settings import Settings

Library = Literal["open_clip", "timm", "segment_anything", "demo"]


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """One network: which library builds it and where its weights come from.

    Attributes:
        library: who builds it; ``demo`` is embedded in this package.
        architecture: the library's name of the architecture, for example ``ViT-B-16-quickgelu``.
        pretrained: the library's tag of the weights, or the path of a local checkpoint where
            ``source`` is empty.
        source: a URL, a repository of the Hugging Face hub (``owner/name``), or empty.
        filename: the file's name in the source.
        licence: the weights' licence (SPDX where there is one).
        size: bytes to download. Of a hub file it is the tensors' size, which the file exceeds by
            its header of some kilobytes.
        sha256: the file's checksum, where one is published.
    """

    library: Library
    architecture: str
    pretrained: str
    source: str = ""
    filename: str = ""
    licence: str = "unknown"
    size: int = 0
    sha256: str | None = None

    @classmethod
    def local(
        cls, library: Library, architecture: str, path: str | Path, *, licence: str = "unknown"
    ) -> NetworkSpec:
        """Return the network whose weights are the checkpoint at ``path``."""
        return cls(library, architecture, pretrained=str(path), licence=licence)

    @property
    def title(self) -> str:
        """``architecture/pretrained`` as shown to people; of a local file its name alone."""
        return f"{self.architecture}/{Path(self.pretrained).name}"

    @property
    def free(self) -> bool:
        """Whether the licence allows any use, commercial use included."""
        return "-NC" not in self.licence.upper()

    @property
    def from_url(self) -> bool:
        """Whether ``source`` is a URL and not a repository of the hub."""
        return self.source.startswith(("https://", "http://"))

    @property
    def place(self) -> Path:
        """Where the file lies, relative to the cache folder.

        Files of the hub are often called ``model.safetensors``; their repository's name tells them
        apart.
        """
        if not self.source or self.from_url:
            return Path(self.filename)
        return Path(self.source.rpartition("/")[2]) / self.filename


@dataclass(frozen=True, slots=True)
class Preset:
    """A named combination of networks with the settings that suit them.

    Attributes:
        name: what the command line and the API call it.
        title: one line for a menu.
        description: what it is good for, in a sentence or two.
        clip: image and text towers.
        similarity: the tower whose features weigh the attention.
        regions: the network that finds regions.
        settings: the method's settings for these networks, the inference size among them.
        template_set: a name that ``templates.resolve`` knows, or the templates themselves.
    """

    name: str
    title: str
    description: str
    clip: NetworkSpec
    similarity: NetworkSpec
    regions: NetworkSpec
    settings: Settings
    template_set: str | tuple[str, ...]

    @property
    def networks(self) -> tuple[NetworkSpec, NetworkSpec, NetworkSpec]:
        """CLIP, the similarity tower and the network of the regions."""
        return (self.clip, self.similarity, self.regions)

    @property
    def licences(self) -> tuple[str, ...]:
        """The weights' licences, each once, in the order of :attr:`networks`."""
        return tuple(dict.fromkeys(network.licence for network in self.networks))

    @property
    def size(self) -> int:
        """Bytes to download for all three networks."""
        return sum(network.size for network in self.networks)

    @property
    def templates(self) -> tuple[str, ...]:
        """The prompt templates, each with ``{}`` where the prompt goes."""
        # Here and not above: the 80 ImageNet templates live in open_clip, which imports torch.
        from napari_corrclip.templates import resolve

        return resolve(self.template_set)


def _open_clip(
    architecture: str, pretrained: str, source: str, size: int, licence: str = "MIT"
) -> NetworkSpec:
    return NetworkSpec(
        library="open_clip",
        architecture=architecture,
        pretrained=pretrained,
        source=source,
        filename="open_clip_model.safetensors",
        licence=licence,
        size=size,
    )


_OPENAI_B16 = _open_clip(
    "ViT-B-16-quickgelu", "openai", "timm/vit_base_patch16_clip_224.openai", 598_482_948
)
_OPENAI_L14 = _open_clip(
    "ViT-L-14-quickgelu", "openai", "timm/vit_large_patch14_clip_224.openai", 1_710_466_052
)
_LAION_H14 = _open_clip(
    "ViT-H-14", "laion2b_s32b_b79k", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", 3_944_437_764
)
_METACLIP_B16 = _open_clip(
    "ViT-B-16-quickgelu",
    "metaclip_fullcc",
    "timm/vit_base_patch16_clip_224.metaclip_2pt5b",
    598_482_948,
    "CC-BY-NC-4.0",
)
_METACLIP_L14 = _open_clip(
    "ViT-L-14-quickgelu",
    "metaclip_fullcc",
    "timm/vit_large_patch14_clip_224.metaclip_2pt5b",
    1_710_466_052,
    "CC-BY-NC-4.0",
)
_DINO_S8 = NetworkSpec(
    library="timm",
    architecture="vit_small_patch8_224",
    pretrained="dino",
    source="timm/vit_small_patch8_224.dino",
    filename="model.safetensors",
    licence="Apache-2.0",
    size=86_681_088,
)
_DINO_B8 = NetworkSpec(
    library="timm",
    architecture="vit_base_patch8_224",
    pretrained="dino",
    source="timm/vit_base_patch8_224.dino",
    filename="model.safetensors",
    licence="Apache-2.0",
    size=343_231_488,
)
_SAM_B = NetworkSpec(
    library="segment_anything",
    architecture="vit_b",
    pretrained="01ec64",
    source="https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth",
    filename="sam_vit_b_01ec64.pth",
    licence="Apache-2.0",
    size=375_042_383,
    # The name's 01ec64 begins the file's MD5, not this.
    sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
)


def _demo() -> Preset:
    from napari_corrclip.demo.networks import SETTINGS
    from napari_corrclip.demo.world import TEMPLATES

    def embedded(architecture: str) -> NetworkSpec:
        return NetworkSpec("demo", architecture, pretrained="embedded", licence="BSD-3-Clause")

    return Preset(
        name="demo",
        title="Demo: coloured shapes, embedded",
        description=(
            "Three small networks that come with the package and know synthetic scenes of coloured "
            "shapes and nothing else. For a first look, tutorials and tests."
        ),
        clip=embedded("clip"),
        similarity=embedded("similarity"),
        regions=embedded("sam"),
        settings=SETTINGS,
        template_set=TEMPLATES,
    )


_TABLE: Mapping[str, tuple[str, str, NetworkSpec, NetworkSpec]] = {
    "vit-b-16": (
        "ViT-B/16: OpenAI CLIP, DINO ViT-B/8, SAM ViT-B",
        "The published combination with weights that anybody may use for any purpose. For "
        "photographs; a graphics card is advised.",
        _OPENAI_B16,
        _DINO_B8,
    ),
    "lite": (
        "Lite: OpenAI CLIP ViT-B/16, DINO ViT-S/8, SAM ViT-B",
        "A smaller similarity tower, for a computer without a graphics card. Free for any use.",
        _OPENAI_B16,
        _DINO_S8,
    ),
    "vit-l-14": (
        "ViT-L/14: OpenAI CLIP, DINO ViT-B/8, SAM ViT-B",
        "A larger CLIP that knows more words; a graphics card is needed. Free for any use.",
        _OPENAI_L14,
        _DINO_B8,
    ),
    "vit-h-14": (
        "ViT-H/14: LAION-2B CLIP, DINO ViT-B/8, SAM ViT-B",
        "The largest CLIP; a graphics card is needed. Free for any use.",
        _LAION_H14,
        _DINO_B8,
    ),
    "vit-b-16-metaclip": (
        "ViT-B/16: MetaCLIP, DINO ViT-B/8, SAM ViT-B (not for commercial use)",
        "As published. The licence of MetaCLIP's weights does not allow commercial use.",
        _METACLIP_B16,
        _DINO_B8,
    ),
    "vit-l-14-metaclip": (
        "ViT-L/14: MetaCLIP, DINO ViT-B/8, SAM ViT-B (not for commercial use)",
        "As published, with the best figures. The licence of MetaCLIP's weights does not allow "
        "commercial use.",
        _METACLIP_L14,
        _DINO_B8,
    ),
}


def _published(name: str) -> Preset:
    title, description, clip, similarity = _TABLE[name]
    return Preset(
        name=name,
        title=title,
        description=description,
        clip=clip,
        similarity=similarity,
        regions=_SAM_B,
        settings=Settings(),
        template_set="imagenet",
    )


# Functions, so that naming one preset loads nothing of another.
_PRESETS: Mapping[str, Callable[[], Preset]] = MappingProxyType(
    {"demo": _demo, **{name: partial(_published, name) for name in _TABLE}}
)


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets."""
    return tuple(_PRESETS)


def get_preset(name: str) -> Preset:
    """Return the preset called ``name``.

    Raises:
        InputError: there is none of that name.
    """
    try:
        make = _PRESETS[name]
    except (KeyError, TypeError):
        raise InputError(
            f"There is no preset {name!r}; choose one of {', '.join(_PRESETS)}."
        ) from None
    return make()


def presets() -> tuple[Preset, ...]:
    """Return all presets."""
    return tuple(make() for make in _PRESETS.values())
