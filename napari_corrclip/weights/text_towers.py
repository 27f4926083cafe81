"""Text towers of Hugging Face's transformers inside open_clip's CLIPs: built from files that are here.

Neither library is given a name that it might look up in the hub, nor a configuration that it reads itself:
such a file may name code, kernels and repositories. What is needed of it are ten numbers, and these are read
and bounded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from torch import nn

from napari_corrclip.encoders.pieces import PieceTokenizer
from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.storage.untrusted import read_bytes

_MOST_CONFIG = 1 << 20
_MOST_PIECES = 64 << 20
_MOST_PARAMETERS = 8 << 30
"""Numbers of a text tower. XLM-RoBERTa's largest has ten billion, and no CLIP was made of it."""

# Of config.json: what is read, and between which bounds it may lie.
_SIZES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "vocab_size": (4, 1 << 22),
        "hidden_size": (1, 1 << 14),
        "num_hidden_layers": (1, 1 << 8),
        "num_attention_heads": (1, 1 << 8),
        "intermediate_size": (1, 1 << 16),
        "max_position_embeddings": (3, 1 << 16),
        "type_vocab_size": (1, 16),
        "pad_token_id": (1, 1),
    }
)
# What the computation is made of; another value is another network. Left out, it is this one.
_FIXED: Mapping[str, object] = MappingProxyType(
    {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}
)
_FAMILY = "xlm-roberta"
_BASE = MappingProxyType(
    {
        "vocab_size": 250_002,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
        "pad_token_id": 1,
        "layer_norm_eps": 1e-5,
    }
)
PUBLISHED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "xlm-roberta-base": _BASE,
        "xlm-roberta-large": MappingProxyType(
            {
                **_BASE,
                "hidden_size": 1024,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "intermediate_size": 4096,
            }
        ),
    }
)
"""What the published ``config.json`` says, by open_clip's ``hf_model_name``: for sizes before it is here."""


def is_foreign(text: Mapping[str, object]) -> bool:
    """Whether an open_clip ``text_cfg`` asks for a text tower of Hugging Face's."""
    return "hf_model_name" in text


def why_refused(text: Mapping[str, object]) -> str:
    """Return why a ``text_cfg`` that :func:`is_foreign` is not served; empty where it is."""
    name = str(text["hf_model_name"])
    known = ("hf_model_name", "hf_tokenizer_name", "hf_pooler_type", "hf_proj_type")
    if not name.startswith(_FAMILY):
        return f"reads text by {name}"
    if text.get("hf_tokenizer_name", name) != name:
        return f"has the tokenizer of {text['hf_tokenizer_name']}"
    if text.get("hf_pooler_type", "mean_pooler") != "mean_pooler":
        return f"has a {text['hf_pooler_type']}"
    other = next((key for key in text if key not in (*known, "context_length")), None)
    return "" if other is None else f"sets {other!r}"


def read_config(path: Path) -> dict[str, float]:
    """Return the numbers of a text tower in its ``config.json``, which is taken as untrusted.

    Raises:
        WeightsError: the file cannot be read, or is of another network.
    """
    where = f"The text tower's file {str(path)!r}"
    advice = "remove it and fetch it again"
    try:
        document = load_json(read_text(path, "text tower's file", limit=_MOST_CONFIG), where)
    except InputError as error:
        raise WeightsError(str(error)) from None
    if not isinstance(document, dict):
        raise WeightsError(f"{where} holds no names and values; {advice}.")
    kind = document.get("model_type")
    if kind != _FAMILY:
        raise WeightsError(
            f"{where} is of a network of the kind {_shown(kind)}, and text towers of the kind "
            f"{_FAMILY!r} alone are served; {advice}."
        )
    for key, wanted in _FIXED.items():
        if document.get(key, wanted) != wanted:
            raise WeightsError(
                f"{where} has {key!r} {_shown(document[key])}, and {wanted!r} alone is served; {advice}."
            )
    found: dict[str, float] = {}
    for key, (least, most) in _SIZES.items():
        value = document.get(key)
        if type(value) is not int or not least <= value <= most:
            between = f"{least}" if least == most else f"a whole number from {least} to {most}"
            raise WeightsError(
                f"{where} has {key!r} {_shown(value)} instead of {between}; {advice}."
            )
        found[key] = value
    eps = document.get("layer_norm_eps")
    if not isinstance(eps, float) or not 0 < eps < 0.1:
        raise WeightsError(f"{where} has 'layer_norm_eps' {_shown(eps)}; {advice}.")
    found["layer_norm_eps"] = eps
    width, heads = int(found["hidden_size"]), int(found["num_attention_heads"])
    if width % heads:
        raise WeightsError(f"{where} divides {width} channels among {heads} heads; {advice}.")
    rows = found["vocab_size"] + found["max_position_embeddings"]
    layer = width * (4 * width + 2 * found["intermediate_size"])
    if width * rows + found["num_hidden_layers"] * layer > _MOST_PARAMETERS:
        raise WeightsError(f"{where} describes more numbers than any such network has; {advice}.")
    return found


def build_clip(config: Mapping[str, Any], numbers: Mapping[str, float]) -> nn.Module:
    """Return a CLIP with a text tower of these numbers, its weights still random.

    Args:
        config: of open_clip's architecture.
        numbers: of :func:`read_config` or :data:`PUBLISHED`.

    Returns:
        an ``open_clip.CustomTextCLIP``, with the names of tensors that published checkpoints have.
    """
    import open_clip
    from open_clip.hf_model import HFTextEncoder
    from transformers import XLMRobertaConfig

    text, values = config["text_cfg"], cast("dict[str, Any]", dict(numbers))
    tower = HFTextEncoder(
        "",
        output_dim=config["embed_dim"],
        config=XLMRobertaConfig(**values),
        pooler_type="mean_pooler",
        proj_type=text.get("hf_proj_type", "mlp"),
    )
    # Of no use under another pooler, and no checkpoint has it; open_clip leaves it out, too, where it reads
    # the configuration itself.
    tower.transformer.pooler = None
    # open_clip builds the image tower; its smallest text tower is put away again.
    plain = {"context_length": 1, "vocab_size": 1, "width": 64, "heads": 1, "layers": 1}
    model = open_clip.CustomTextCLIP(**{**config, "text_cfg": plain})
    model.text = tower
    model.context_length, model.vocab_size = context_length(text), tower.vocab_size
    return cast("nn.Module", model)


def context_length(text: Mapping[str, Any]) -> int:
    """Return how many tokens of a text are read, by a ``text_cfg``: as many as in training."""
    from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH

    return int(text.get("context_length", DEFAULT_CONTEXT_LENGTH))


def read_tokenizer(path: Path, text: Mapping[str, Any]) -> PieceTokenizer:
    """Return the tokenizer in the file of the pieces of words, which is taken as untrusted.

    Args:
        path: of the file.
        text: open_clip's ``text_cfg``.

    Raises:
        WeightsError: it cannot be read, or holds something else.
    """
    advice = "remove it and fetch it again"
    try:
        data = read_bytes(path, "text tower's file", advice, limit=_MOST_PIECES)
    except InputError as error:
        raise WeightsError(str(error)) from None
    try:
        return PieceTokenizer(data, context_length(text))
    except InputError as error:
        raise WeightsError(
            f"The text tower's file {str(path)!r} holds no pieces of words, because {error}; {advice}."
        ) from None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
