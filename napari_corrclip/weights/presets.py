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

from napari_corrclip._moved import moved_names
from napari_corrclip.settings import Settings
from napari_corrclip.weights.files import Companion, WebFile, companions_of

Library = Literal["open_clip", "timm", "segment_anything", "demo"]

_SAM_HOME = "https://dl.fbaipublicfiles.com/segment_anything/"
# Of the last change of the file, so that the address always has the same bytes.
_MOBILE_HOME = (
    "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/"
    "f706ad9c4eb7f219c00d9050e46328518ffb65d2/weights/"
)
MOBILE = "vit_t"
"""MobileSAM's architecture, by the name that its authors gave it beside segment-anything's."""


@dataclass(frozen=True, slots=True)
class NetworkSpec(WebFile):
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
        companions: what its text tower needs beside its weights, if it is from elsewhere than
            :func:`~napari_corrclip.weights.files.companions_of` says.
    """

    library: Library
    architecture: str
    pretrained: str
    source: str = ""
    filename: str = ""
    licence: str = "unknown"
    size: int = 0
    sha256: str | None = None
    companions: tuple[Companion, ...] = ()

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
    def stage(self) -> str:
        """What it is called while it comes."""
        return self.filename if self.from_url else self.architecture

    @property
    def files(self) -> tuple[WebFile, ...]:
        """Its weights, and what its text tower needs beside them; of the demo's networks none."""
        if self.library != "open_clip":
            return () if self.library == "demo" else (self,)
        return (self, *(self.companions or companions_of(self.architecture)))

    @property
    def surely_read(self) -> int:
        """So many ASCII characters without & that its text tower reads, whatever they are; 0: unknown.

        The towers of the package's presets read 77 tokens, start and end counted, and a token has one
        character at least; XLM-RoBERTa's tokenizer puts a space before the text.
        """
        if self.library != "demo" and not self.is_published:
            return 0
        return 74 if self.is_multilingual else 75

    @property
    def is_published(self) -> bool:
        """Whether it is the CLIP of one of the package's presets, and no demo."""
        return self in {clip for _, _, clip, _, _ in _TABLE.values()}

    @property
    def is_multilingual(self) -> bool:
        """Whether its text tower is of the family that reads about a hundred languages."""
        return self.library == "open_clip" and len(self.files) > 1

    @property
    def former_place(self) -> Path | None:
        """Where earlier versions kept the file, if elsewhere; other addresses may have had that too."""
        if self.place == Path(self.filename):
            return None
        if self.source == f"{_SAM_HOME}{self.filename}":
            former = Path(self.filename)
        elif self.from_url:
            former = Path(self._folder) / self.filename
        else:
            owner, _, name = self.source.rpartition("/")
            former = Path(name if owner in ("timm", "laion") else self._folder) / self.filename
        return None if former == self.place else former

    @property
    def _published(self) -> Path | None:
        known = {network.filename: network for network in SAMS.values()}.get(self.filename)
        home = f"{_SAM_HOME}{self.filename}" if known is None else known.source
        sums = (None, None if known is None else known.sha256)
        return Path(self.filename) if self.source == home and self.sha256 in sums else None


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
        """The licences of all files, each once, in the order of :attr:`networks`."""
        files = (file for network in self.networks for file in network.files or (network,))
        return tuple(dict.fromkeys(file.licence for file in files))

    @property
    def size(self) -> int:
        """Bytes to download for all three networks."""
        return sum(file.size for network in self.networks for file in network.files)

    @property
    def templates(self) -> tuple[str, ...]:
        """The prompt templates, each with ``{}`` where the prompt goes."""
        # Here and not above: the 80 ImageNet templates live in open_clip, which imports torch.
        from napari_corrclip.vocabulary.templates import resolve

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
# LAION-5B, with XLM-RoBERTa as text tower; the hub has it as a pickle alone, which is read as tensors.
_XLM_ROBERTA_B32 = NetworkSpec(
    library="open_clip",
    architecture="xlm-roberta-base-ViT-B-32",
    pretrained="laion5b_s13b_b90k",
    source="laion/CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k",
    filename="open_clip_pytorch_model.bin",
    licence="MIT",
    size=1_464_485_892,
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


def _sam(architecture: str, pretrained: str, size: int, sha256: str) -> NetworkSpec:
    filename = f"sam_{architecture}_{pretrained}.pth"
    return NetworkSpec(
        library="segment_anything",
        architecture=architecture,
        pretrained=pretrained,
        source=f"{_SAM_HOME}{filename}",
        filename=filename,
        licence="Apache-2.0",
        size=size,
        sha256=sha256,
    )


# The names hold the beginning of the files' MD5, not of this.
_SAM_B = _sam(
    "vit_b",
    "01ec64",
    375_042_383,
    "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
)
_MOBILE_SAM = NetworkSpec(
    library="segment_anything",
    architecture=MOBILE,
    pretrained="mobile_sam",
    source=f"{_MOBILE_HOME}mobile_sam.pt",
    filename="mobile_sam.pt",
    licence="Apache-2.0",
    size=40_728_226,
    sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
)
SAMS: Mapping[str, NetworkSpec] = MappingProxyType(
    {
        "vit_b": _SAM_B,
        "vit_l": _sam(
            "vit_l",
            "0b3195",
            1_249_524_607,
            "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        ),
        "vit_h": _sam(
            "vit_h",
            "4b8939",
            2_564_550_879,
            "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        ),
        MOBILE: _MOBILE_SAM,
    }
)
"""The published checkpoints of segment-anything, and MobileSAM's, by architecture."""


def embedded(architecture: Literal["clip", "similarity", "sam"]) -> NetworkSpec:
    """Return a network of the demo, which needs no file."""
    return NetworkSpec("demo", architecture, pretrained="embedded", licence="BSD-3-Clause")


def _demo() -> Preset:
    from napari_corrclip.demo.networks import SETTINGS
    from napari_corrclip.demo.world import TEMPLATES

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


MULTILINGUAL = "xlm-roberta-base-ViT-B-32"
"""The preset whose text tower reads about a hundred languages."""
_TABLE: Mapping[str, tuple[str, str, NetworkSpec, NetworkSpec, NetworkSpec]] = {
    "vit-b-16": (
        "ViT-B/16: OpenAI CLIP, DINO ViT-B/8, SAM ViT-B",
        "The published combination with weights that anybody may use for any purpose. For "
        "photographs; a graphics card is advised.",
        _OPENAI_B16,
        _DINO_B8,
        _SAM_B,
    ),
    "lite": (
        "Lite: OpenAI CLIP ViT-B/16, DINO ViT-S/8, SAM ViT-B",
        "A smaller similarity tower, for a computer without a graphics card. Free for any use.",
        _OPENAI_B16,
        _DINO_S8,
        _SAM_B,
    ),
    "lite-mobile": (
        "Lite mobile: OpenAI CLIP ViT-B/16, DINO ViT-S/8, MobileSAM",
        "The smallest networks, for a computer without a graphics card: as Lite, with regions by "
        "MobileSAM. Free for any use.",
        _OPENAI_B16,
        _DINO_S8,
        _MOBILE_SAM,
    ),
    "vit-l-14": (
        "ViT-L/14: OpenAI CLIP, DINO ViT-B/8, SAM ViT-B",
        "A larger CLIP that knows more words; a graphics card is needed. Free for any use.",
        _OPENAI_L14,
        _DINO_B8,
        _SAM_B,
    ),
    "vit-h-14": (
        "ViT-H/14: LAION-2B CLIP, DINO ViT-B/8, SAM ViT-B",
        "The largest CLIP; a graphics card is needed. Free for any use.",
        _LAION_H14,
        _DINO_B8,
        _SAM_B,
    ),
    "vit-b-16-metaclip": (
        "ViT-B/16: MetaCLIP, DINO ViT-B/8, SAM ViT-B (not for commercial use)",
        "As published. The licence of MetaCLIP's weights does not allow commercial use.",
        _METACLIP_B16,
        _DINO_B8,
        _SAM_B,
    ),
    "vit-l-14-metaclip": (
        "ViT-L/14: MetaCLIP, DINO ViT-B/8, SAM ViT-B (not for commercial use)",
        "As published, with the best figures. The licence of MetaCLIP's weights does not allow "
        "commercial use.",
        _METACLIP_L14,
        _DINO_B8,
        _SAM_B,
    ),
    MULTILINGUAL: (
        "ViT-B/32 with XLM-RoBERTa: LAION-5B CLIP, DINO ViT-B/8, SAM ViT-B",
        "For words of about a hundred languages; its image tower is coarser than those of the others. "
        "Needs the extra multilingual. Free for any use.",
        _XLM_ROBERTA_B32,
        _DINO_B8,
        _SAM_B,
    ),
}


def _published(name: str) -> Preset:
    title, description, clip, similarity, regions = _TABLE[name]
    return Preset(
        name=name,
        title=title,
        description=description,
        clip=clip,
        similarity=similarity,
        regions=regions,
        settings=Settings(),
        template_set="imagenet",
    )


# Functions, so that naming one preset loads nothing of another.
_PRESETS: Mapping[str, Callable[[], Preset]] = MappingProxyType(
    {"demo": _demo, **{name: partial(_published, name) for name in _TABLE}}
)


def built_in_names() -> tuple[str, ...]:
    """Return the names of the presets that come with the package."""
    return tuple(_PRESETS)


def built_in(name: str) -> Preset:
    """Return the preset of the package that is called ``name``, one of :func:`built_in_names`."""
    return _PRESETS[name]()


__getattr__ = moved_names(__name__)
