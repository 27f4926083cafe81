"""A small CLIP with XLM-RoBERTa as its text tower, published as the real one is: three files, two owners.

Its tensors are made and named by open_clip itself, from a folder such as the hub has it; its pieces of words
are trained by SentencePiece as those of the real one were.
"""

from __future__ import annotations

import io
import json
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.files import CONFIG, PIECES, Companion
from napari_corrclip.weights.presets import NetworkSpec, Preset
from tests.weights.serving import Server

NAME = "tiny-xlm"
ARCHITECTURE = "xlm-roberta-tiny-ViT-B-32"
COMMIT = "0123456789" * 4
CLIP_CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "layers": 5, "width": 32, "head_width": 16, "patch_size": 32},
    "text_cfg": {
        "hf_model_name": "xlm-roberta-tiny",
        "hf_tokenizer_name": "xlm-roberta-tiny",
        "hf_pooler_type": "mean_pooler",
    },
}
# The hub's file of xlm-roberta-base, byte for byte: its checksum is that of the preset.
BASE_CONFIG = """{
  "architectures": [
    "XLMRobertaForMaskedLM"
  ],
  "attention_probs_dropout_prob": 0.1,
  "bos_token_id": 0,
  "eos_token_id": 2,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "hidden_size": 768,
  "initializer_range": 0.02,
  "intermediate_size": 3072,
  "layer_norm_eps": 1e-05,
  "max_position_embeddings": 514,
  "model_type": "xlm-roberta",
  "num_attention_heads": 12,
  "num_hidden_layers": 12,
  "output_past": true,
  "pad_token_id": 1,
  "position_embedding_type": "absolute",
  "transformers_version": "4.17.0.dev0",
  "type_vocab_size": 1,
  "use_cache": true,
  "vocab_size": 250002
}
"""
SENTENCES = (
    "ein Foto von einem Hund", "a photo of a cat", "une photo d'un chat", "una foto de un perro",
    "una foto di un gatto", "uma foto de um cão", "een foto van een hond", "zdjęcie psa i kota",
    "фото кота и собаки", "ネコの写真", "猫和狗的照片", "강아지 사진", "صورة قطة", "red, green and blue",
)  # fmt: skip


@cache
def pieces() -> bytes:
    """``sentencepiece.bpe.model``, with <unk>, <s> and </s> first as fairseq trains it."""
    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 20),
        model_writer=written,
        vocab_size=400,
        hard_vocab_limit=False,
        model_type="unigram",
        character_coverage=1.0,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        minloglevel=2,
        num_threads=1,
    )
    return written.getvalue()


@cache
def config() -> str:
    """``config.json`` in the layout of the real one."""
    import sentencepiece

    count = sentencepiece.SentencePieceProcessor(model_proto=pieces()).get_piece_size()
    numbers = {
        "hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32,
        "max_position_embeddings": 82, "vocab_size": count + 2,
    }  # fmt: skip
    return json.dumps({**json.loads(BASE_CONFIG), **numbers}, indent=2) + "\n"


def of_open_clip(folder: Path) -> Any:
    """The CLIP as open_clip builds it by itself, from a folder with ``config.json``."""
    import open_clip

    text = {**CLIP_CONFIG["text_cfg"], "hf_model_name": str(folder), "hf_model_pretrained": False}
    text.pop("hf_tokenizer_name")
    return open_clip.CustomTextCLIP(**{**CLIP_CONFIG, "text_cfg": text}).eval()


@cache
def checkpoint() -> bytes:
    """``open_clip_pytorch_model.bin``: a pickle of tensors far from their initial values."""
    import torch

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / CONFIG).write_text(config())
        model = of_open_clip(Path(folder))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    pickled = io.BytesIO()
    torch.save(model.state_dict(), pickled)
    return pickled.getvalue()


def register() -> None:
    """Make open_clip know the architecture."""
    import open_clip

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{ARCHITECTURE}.json"
        path.write_text(json.dumps(CLIP_CONFIG))
        open_clip.add_model_config(path)


def spec() -> NetworkSpec:
    """The network, by the addresses at which :func:`publish` puts its files."""
    home = "FacebookAI/xlm-roberta-tiny"
    return NetworkSpec(
        library="open_clip",
        architecture=ARCHITECTURE,
        pretrained="tiny",
        source="laion/CLIP-ViT-B-32-xlm-roberta-tiny",
        filename="open_clip_pytorch_model.bin",
        licence="MIT",
        size=len(checkpoint()),
        companions=(
            Companion(home, CONFIG, "MIT", len(config()), commit=COMMIT),
            Companion(home, PIECES, "MIT", len(pieces()), commit=COMMIT),
        ),
    )


def preset() -> Preset:
    """The preset of it, with the demo's other networks."""
    return replace(get_preset("demo"), name=NAME, title="Tiny", clip=spec(), template_set="single")


def publish(server: Server) -> Preset:
    """Put the files on ``server``, and return the preset that names them."""
    home = f"/FacebookAI/xlm-roberta-tiny/resolve/{COMMIT}"
    server.files |= {
        "/laion/CLIP-ViT-B-32-xlm-roberta-tiny/resolve/main/open_clip_pytorch_model.bin": checkpoint(),
        f"{home}/{CONFIG}": config().encode(),
        f"{home}/{PIECES}": pieces(),
    }
    register()
    return preset()


def put(folder: Path) -> NetworkSpec:
    """Put the files where a cache at ``folder`` has them, and return the network."""
    register()
    found = spec()
    for file, content in zip(found.files, (checkpoint(), config().encode(), pieces()), strict=True):
        path = folder / file.place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return found
