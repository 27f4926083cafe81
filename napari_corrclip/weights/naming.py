"""Networks by the names that their libraries give them, and presets of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.settings import Settings
from napari_corrclip.storage.places import expanded, is_file
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.files import companions_of
from napari_corrclip.weights.presets import (
    SAMS,
    Library,
    NetworkSpec,
    Preset,
    built_in_names,
    embedded,
)

Named = str | NetworkSpec

_LICENCES = {
    "openai": "MIT", "laion2b": "MIT", "laion5b": "MIT", "frozen_laion5b": "MIT",
    "metaclip": "CC-BY-NC-4.0",
}  # fmt: skip


def make_preset(
    name: str,
    *,
    clip: Named | None = None,
    similarity: Named | None = None,
    regions: Named | None = None,
    base: str | Preset = "vit-b-16",
    settings: Settings | None = None,
    templates: str | Iterable[str] | None = None,
    title: str = "",
    description: str = "",
) -> Preset:
    """Return a preset of any networks; what is left out is that of ``base``.

    Use it as it is, or keep it with :func:`~napari_corrclip.weights.saved.save_preset`.

    Args:
        name: what it is called.
        clip: as open_clip calls it, ``ViT-B-32/laion2b_s34b_b79k``; a checkpoint of your own,
            ``ViT-B-32=/data/mine.pt``; or ``demo``.
        similarity: as timm calls it, ``vit_small_patch14_dinov2.lvd142m``;
            ``vit_base_patch8_224=/data/mine.pth``; or ``demo``.
        regions: SAM: ``vit_b``, ``vit_l``, ``vit_h``; MobileSAM: ``vit_t``; ``vit_b=/data/mine.pth``; or
            ``demo``.
        base: a preset or its name.
        settings: of the method.
        templates: as in :func:`~napari_corrclip.vocabulary.templates.resolve`.
        title: one line for a menu; left out: the networks' names.
        description: what it is good for.

    Raises:
        InputError: a library knows no such network, or it is of a kind that is not served.
        WeightsError: a checkpoint of your own does not exist.
    """
    from napari_corrclip.vocabulary.templates import NAMES, resolve

    start = base if isinstance(base, Preset) else get_preset(base)
    asked: Mapping[Library, Named | None] = {
        "open_clip": clip,
        "timm": similarity,
        "segment_anything": regions,
    }
    networks = [
        known
        if wanted is None
        else named_network(library, wanted)
        if isinstance(wanted, str)
        else wanted
        for (library, wanted), known in zip(asked.items(), start.networks, strict=True)
    ]
    chosen: Any = start.template_set if templates is None else templates
    return Preset(
        name=name,
        title=title or ", ".join(network.title for network in networks),
        description=description,
        clip=networks[0],
        similarity=networks[1],
        regions=networks[2],
        settings=start.settings if settings is None else settings,
        template_set=chosen if isinstance(chosen, str) and chosen in NAMES else resolve(chosen),
    )


def named_network(library: Library, name: str) -> NetworkSpec:
    """Return the network that ``library`` calls ``name``, with where its weights come from.

    Args:
        library: ``open_clip``, ``timm`` or ``segment_anything``.
        name: as in :func:`make_preset`.

    Raises:
        InputError: the library knows no such network, or it is of a kind that is not served.
        WeightsError: a checkpoint of your own does not exist.
    """
    name = name.strip()
    if name == "demo":
        roles: Mapping[Library, Any] = {"open_clip": "clip", "timm": "similarity"}
        return embedded(roles.get(library, "sam"))
    from napari_corrclip.weights.loading import tensor_bytes

    architecture, is_local, path = name.partition("=")
    if is_local:
        spec = NetworkSpec.local(
            library, architecture.strip(), expanded(path.strip(), "The checkpoint")
        )
        tensor_bytes(spec)  # says what is wrong with the architecture
        if not is_file(Path(spec.pretrained)):
            raise WeightsError(
                f"The weights file {spec.pretrained} for {library}'s {spec.architecture} does not "
                "exist; check the path."
            )
        return spec
    spec = _FINDERS[library](name)
    # Published files are known better: their licences, sizes and checksums.
    published = (network for preset in built_in_names() for network in get_preset(preset).networks)
    for network in (*SAMS.values(), *published):
        if (network.library, network.architecture, network.source) == (
            library,
            spec.architecture,
            spec.source,
        ):
            return network
    return replace(spec, size=tensor_bytes(spec))


def _open_clip(name: str) -> NetworkSpec:
    import open_clip

    architecture, _, tag = name.rpartition("/") if "/" in name else (name, "", "")
    architecture = architecture.replace("/", "-")
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if not tags or tag not in tags:
        if architecture not in open_clip.list_models():
            raise InputError(
                f"open_clip {open_clip.__version__} has no network {name!r}; give architecture and "
                "weights, such as ViT-B-32/laion2b_s34b_b79k, or a file, such as ViT-B-32=mine.pt."
            )
        raise InputError(
            (
                f"open_clip has no weights {tag!r} of {architecture}; "
                if tag
                else f"{name!r} names no weights of it; "
            )
            + (f"choose one of {', '.join(tags)}, or " if tags else "")
            + f"give a file, such as {architecture}=mine.pt."
        )
    known: Mapping[str, Any] = open_clip.get_pretrained_cfg(architecture, tag)
    source, filename = _where(known.get("hf_hub", ""), known.get("url", ""))
    # The hub has LAION's CLIPs with a text tower that needs files of its own as pickles alone.
    is_pickle = bool(companions_of(architecture))
    usual = "open_clip_pytorch_model.bin" if is_pickle else "open_clip_model.safetensors"
    return NetworkSpec(
        library="open_clip",
        architecture=architecture,
        pretrained=tag,
        source=source,
        filename=filename or usual,
        # open_clip tells no licences; those of a few series are the same for all of its weights.
        licence=next((of for begin, of in _LICENCES.items() if tag.startswith(begin)), "unknown"),
    )


def _timm(name: str) -> NetworkSpec:
    import timm

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture) or not tag or name not in timm.list_pretrained(architecture):
        tags = [full for full in timm.list_pretrained(f"{architecture}*") if "." in full][:8]
        raise InputError(
            f"timm {timm.__version__} has no network {name!r}; give architecture and weights, such as "
            f"{', '.join(tags) or 'vit_small_patch14_dinov2.lvd142m'}, or a file, such as "
            "vit_base_patch8_224=mine.pth."
        )
    listed = timm.models.get_pretrained_cfg(name)
    known: Mapping[str, Any] = {} if listed is None else asdict(listed)
    hub = known.get("hf_hub_id")
    source, filename = _where(f"{hub}/" if hub else "", str(known.get("url", "")))
    licences = {
        "apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause",
        "nvidia-open-model-license": "NVIDIA Open Model License",
    }  # fmt: skip
    licence = str(known.get("license") or "unknown")
    return NetworkSpec(
        library="timm",
        architecture=architecture,
        pretrained=tag,
        source=source,
        filename=known.get("hf_hub_filename") or filename or "model.safetensors",
        licence=licences.get(licence, licence.upper() if "-nc" in licence else licence),
    )


def _segment_anything(name: str) -> NetworkSpec:
    try:
        return SAMS[name]
    except KeyError:
        raise InputError(
            f"segment-anything has no network {name!r}; choose one of {', '.join(SAMS)}, or a file, "
            "such as vit_b=mine.pth."
        ) from None


def _where(hub: str, url: str) -> tuple[str, str]:
    """Return source and file name, which is empty where the hub's usual one is meant."""
    if hub:
        source, _, filename = hub.rpartition("/")
        return source, filename
    return url, url.rpartition("/")[2]


_FINDERS: Mapping[Library, Callable[[str], NetworkSpec]] = {
    "open_clip": _open_clip,
    "timm": _timm,
    "segment_anything": _segment_anything,
}
