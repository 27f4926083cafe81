"""The loading of a :class:`NetworkSpec` as a finished module of its library: float32, in evaluation mode.

The libraries build the towers and read their own checkpoint formats. Checkpoints are opened as
untrusted: safetensors, or pickles with ``weights_only=True``.
"""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import torch
from torch import nn

from napari_corrclip.devices import plain_torch
from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.progress import drive
from napari_corrclip.storage.untrusted import guarded
from napari_corrclip.weights import text_towers
from napari_corrclip.weights.extras import check_extras
from napari_corrclip.weights.fetch import fetch
from napari_corrclip.weights.files import CONFIG, PIECES
from napari_corrclip.weights.presets import MOBILE, NetworkSpec

if TYPE_CHECKING:
    import open_clip
    from open_clip.tokenizer import SimpleTokenizer
    from segment_anything.modeling import Sam
    from timm.models.vision_transformer import VisionTransformer

    from napari_corrclip.encoders.pieces import PieceTokenizer

Cache = str | os.PathLike[str] | None

_NESTED = 3
"""So deep a state_dict may lie in others; a pickle may also lie in itself."""

_MOST_CELLS = 256
"""Along a side of a grid of positions in a file; C-RADIO's have 128."""


@plain_torch(building=True)
def load_clip(
    spec: NetworkSpec, device: torch.device | str = "cpu", cache: Cache = None
) -> open_clip.CLIP | open_clip.CustomTextCLIP:
    """Return the image and text towers of ``spec``.

    Args:
        spec: a network of ``open_clip`` or ``demo``.
        device: where the weights go.
        cache: the cache folder of the weights.

    Raises:
        InputError: open_clip has no such architecture, or not as one that is served; its text tower needs
            an extra of the package that is not installed.
        WeightsError: the weights cannot be had or are not of this architecture.
    """
    if spec.library == "demo":
        from napari_corrclip.demo import networks

        return networks.load_clip().to(device=device).eval()
    import open_clip

    _check_library(spec, "open_clip")
    # Not create_model: it logs to the root logger and so sets up the host program's logging.
    config = _clip_config(spec)
    check_extras((spec,))
    text = _text(config)
    # First, because building takes seconds.
    described = _companion(spec, CONFIG, cache) if text_towers.is_foreign(text) else None
    path = drive(fetch(spec, cache))
    if path.suffix != ".safetensors":
        # Before open_clip does, which tries once more without weights_only where a file makes it fail.
        read_checkpoint(path)
    model = (
        open_clip.CLIP(**config)
        if described is None
        else text_towers.build_clip(config, text_towers.read_config(described))
    )
    try:
        open_clip.load_checkpoint(model, str(path), strict=True, weights_only=True)
    except Exception as error:
        _refuse(spec, path, read_checkpoint(path), model.state_dict(), error)
    return model.to(device=device).eval()


def load_tokenizer(spec: NetworkSpec, cache: Cache = None) -> SimpleTokenizer | PieceTokenizer:
    """Return the tokenizer of ``spec``'s text tower: it comes with the library, or is a companion.

    Args:
        spec: as of :func:`load_clip`.
        cache: as there.

    Raises:
        InputError: as :func:`load_clip`.
        WeightsError: as there, of the companion.
    """
    if spec.library == "demo":
        from napari_corrclip.demo import networks

        return networks.load_tokenizer()
    from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, SimpleTokenizer

    _check_library(spec, "open_clip")
    text = _text(_clip_config(spec))
    if text_towers.is_foreign(text):
        check_extras((spec,))
        return text_towers.read_tokenizer(_companion(spec, PIECES, cache), text)
    return SimpleTokenizer(context_length=text.get("context_length", DEFAULT_CONTEXT_LENGTH))


@plain_torch(building=True)
def load_similarity(
    spec: NetworkSpec, device: torch.device | str = "cpu", cache: Cache = None
) -> VisionTransformer:
    """Return the similarity tower of ``spec``, without a classifier.

    Arguments and errors as :func:`load_clip`, with ``timm`` in the place of ``open_clip``.
    """
    if spec.library == "demo":
        from napari_corrclip.demo import networks

        return networks.load_similarity().to(device=device).eval()
    from timm.models.vision_transformer import checkpoint_filter_fn

    model = _similarity_tower(spec)
    path = drive(fetch(spec, cache))
    state = read_checkpoint(path)
    side = _own_side(state, model)
    if side is not None:
        # Its positions as they are, to be resampled for each image by its own rule.
        model = _similarity_tower(spec, img_size=side)
    try:
        known = checkpoint_filter_fn(state, model)
        model.load_state_dict({k: v for k, v in known.items() if not k.startswith("head.")})
    except Exception as error:
        _refuse(spec, path, state, model.state_dict(), error)
    return model.to(device=device).eval()


def _own_side(state: Mapping[str, torch.Tensor], model: VisionTransformer) -> int | None:
    """Return the side in pixels of C-RADIO's own grid of positions, in a file of its authors; else ``None``.

    timm would resample it to the side of its architecture, and by another rule.
    """
    positions = state.get("radio_model.model.patch_generator.pos_embed")
    if positions is None or positions.ndim != 3:
        return None
    cells = math.isqrt(positions.shape[1])
    patch: int = model.patch_embed.patch_size[0]
    return cells * patch if cells**2 == positions.shape[1] and 0 < cells <= _MOST_CELLS else None


def _similarity_tower(spec: NetworkSpec, **options: Any) -> VisionTransformer:
    import timm
    from timm.models.vision_transformer import VisionTransformer

    _check_library(spec, "timm")
    if not timm.is_model(spec.architecture):
        raise InputError(
            f"timm {timm.__version__} has no architecture {spec.architecture!r}; give one such as "
            "vit_base_patch8_224 or vit_small_patch14_dinov2."
        )
    # Not pretrained=True: without the classifier timm loads leniently and would let a file pass
    # that lacks half of the tower.
    model = timm.create_model(spec.architecture, pretrained=False, num_classes=0, **options)
    if not isinstance(model, VisionTransformer):
        raise InputError(
            f"timm's {spec.architecture} is a {type(model).__name__} and not a plain vision "
            "transformer; give one such as vit_base_patch8_224."
        )
    return model


@plain_torch(building=True)
def load_sam(spec: NetworkSpec, device: torch.device | str = "cpu", cache: Cache = None) -> Sam:
    """Return the SAM of ``spec``; ``vit_t`` is MobileSAM, in the layout of its published checkpoint.

    Arguments and errors as :func:`load_clip`, with ``segment_anything`` in the place of
    ``open_clip``.
    """
    if spec.library == "demo":
        from napari_corrclip.demo import networks

        return networks.load_sam().to(device=device).eval()
    build = _sam_builder(spec)
    path = drive(fetch(spec, cache))
    # Read here, because its own builder unpickles without weights_only.
    state = read_checkpoint(path)
    model = build()
    # What the file calls each tensor of the network.
    names = {name: name for name in model.state_dict()}
    if spec.architecture == MOBILE:
        from napari_corrclip.encoders.mobile_sam import published_name, without_classifier

        names, state = {name: published_name(name) for name in names}, without_classifier(state)
    expected = {names[name]: tensor for name, tensor in model.state_dict().items()}
    try:
        known = {names[name]: name for name in names}
        model.load_state_dict({known[theirs]: tensor for theirs, tensor in state.items()})
    except Exception as error:
        _refuse(spec, path, state, expected, error)
    return model.to(device=device).eval()


def _sam_builder(spec: NetworkSpec) -> Callable[[], Sam]:
    from segment_anything import sam_model_registry

    _check_library(spec, "segment_anything")
    if spec.architecture == MOBILE:
        from napari_corrclip.encoders.mobile_sam import build_mobile_sam

        return build_mobile_sam
    if spec.architecture not in sam_model_registry:
        names = [name for name in sam_model_registry if name != "default"]
        raise InputError(
            f"segment-anything has no architecture {spec.architecture!r}; choose one of "
            f"{', '.join([*names, MOBILE])}."
        )
    build: Callable[[], Sam] = sam_model_registry[spec.architecture]
    return build


@plain_torch(building=True)
def tensor_bytes(spec: NetworkSpec) -> int:
    """Return how many bytes ``spec``'s weights have in float32; builds its shapes, fetches nothing.

    Raises:
        InputError: the library has no such architecture, or not as one that is served.
    """
    with torch.device("meta"):
        model: nn.Module
        if spec.library == "open_clip":
            import open_clip

            config = _clip_config(spec)
            text = _text(config)
            if text_towers.is_foreign(text):
                check_extras((spec,))
                numbers = text_towers.PUBLISHED[str(text["hf_model_name"])]
                model = text_towers.build_clip(config, numbers)
            else:
                model = open_clip.CLIP(**config)
        elif spec.library == "timm":
            model = _similarity_tower(spec)
        else:
            model = _sam_builder(spec)()
    return sum(parameter.nbytes for parameter in model.parameters())


@plain_torch()
def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint on the CPU; nothing in the file is run.

    Raises:
        WeightsError: it is no checkpoint, is damaged, or is a pickle of more than tensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    damage = (
        OSError, EOFError, RuntimeError, ValueError, LookupError, pickle.UnpicklingError,
        SafetensorError,
    )  # fmt: skip
    with guarded(f"The weights file {path}", "remove it and fetch it again"):
        try:
            if path.suffix == ".safetensors":
                return load_file(path)
            state = torch.load(path, map_location="cpu", weights_only=True)
        except damage as error:
            raise WeightsError(
                f"The weights file {path} cannot be read as tensors alone ({_brief(error)}); it is "
                "damaged, not a checkpoint, or holds code, which is never run: remove it and fetch it "
                "again."
            ) from error
    for _ in range(_NESTED):
        if isinstance(state, dict) and isinstance(inner := state.get("state_dict"), dict):
            state = inner
    if not isinstance(state, dict):
        raise WeightsError(
            f"The weights file {path} holds a {type(state).__name__} where a mapping of names to "
            "tensors is needed; save the network's state_dict()."
        )
    return {str(key): value for key, value in state.items() if isinstance(value, torch.Tensor)}


def _check_library(spec: NetworkSpec, wanted: str) -> None:
    if spec.library != wanted:
        raise InputError(
            f"{spec.title} is a network of {spec.library}, where one of {wanted} or demo is needed."
        )


def _clip_config(spec: NetworkSpec) -> dict[str, object]:
    """Return the arguments of ``open_clip.CLIP`` for ``spec``'s architecture."""
    import open_clip

    if spec.architecture not in open_clip.list_models():
        raise InputError(
            f"open_clip {open_clip.__version__} has no architecture {spec.architecture!r}; give "
            "one such as ViT-B-16-quickgelu, ViT-L-14 or ViT-H-14."
        )
    config: dict[str, object] = open_clip.get_model_config(spec.architecture)
    trained = open_clip.get_pretrained_cfg(spec.architecture, spec.pretrained)
    if trained.get("quick_gelu") and not config.get("quick_gelu"):
        raise InputError(
            f"The weights {spec.pretrained!r} were trained with QuickGELU, which "
            f"{spec.architecture} has not; name {spec.architecture}-quickgelu."
        )
    vision, text = cast("Mapping[str, object]", config["vision_cfg"]), _text(config)
    if "hf_model_name" in text and (reason := text_towers.why_refused(text)):
        raise InputError(
            f"open_clip's {spec.architecture} {reason}, and of Hugging Face's text towers those of "
            "XLM-RoBERTa alone are served: xlm-roberta-base-ViT-B-32 and xlm-roberta-large-ViT-H-14."
        )
    # Towers of other libraries bring settings with their prefix, ResNets a list of layers.
    prefixes = ("timm_",) if "hf_model_name" in text else ("timm_", "hf_")
    foreign = any(key.startswith(prefixes) for key in (*vision, *text))
    plain = config.keys() <= {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}
    if foreign or not plain or not isinstance(vision["layers"], int):
        raise InputError(
            f"open_clip's {spec.architecture} is not a plain CLIP with a vision transformer, and "
            "only those are served: ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336, ViT-H-14 and their "
            "like."
        )
    return config


def _text(config: Mapping[str, object]) -> Mapping[str, object]:
    return cast("Mapping[str, object]", config["text_cfg"])


def _companion(spec: NetworkSpec, filename: str, cache: Cache) -> Path:
    """Return where a companion of ``spec`` lies, and fetch it where it is missing."""
    found = next((file for file in spec.files[1:] if file.filename == filename), None)
    if found is None:
        raise WeightsError(
            f"The network {spec.title} comes without {filename}, which its text tower needs; name where "
            "that is from among the preset's companions."
        )
    return drive(fetch(found, cache))


def _refuse(
    spec: NetworkSpec,
    path: Path,
    state: Mapping[str, torch.Tensor],
    expected: Mapping[str, torch.Tensor],
    error: Exception,
) -> NoReturn:
    """Say in a sentence why the library could not load ``path``.

    The libraries fail in as many ways as there are wrong files, so the file is compared here with
    what the architecture has; their own words serve only where that finds nothing.
    """
    found = first_mismatch(state, expected) or _brief(error)
    raise WeightsError(
        f"The weights file {path} is not of {spec.library}'s {spec.architecture}: {found}; give "
        "the file of this architecture, or name the architecture of this file."
    ) from error


def first_mismatch(
    state: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]
) -> str | None:
    """Return in words the first tensor that ``state`` lacks or has in another shape.

    After those, a tensor that only ``state`` has; ``None`` where both agree.
    """
    for name, tensor in expected.items():
        if name not in state:
            return f"it has no {name!r}, of shape {tuple(tensor.shape)}"
        if state[name].shape != tensor.shape:
            return f"{name!r} has shape {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
    extra = next((name for name in state if name not in expected), None)
    return None if extra is None else f"{extra!r} is no part of it"


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 160 else text[:159] + "…"
