"""The text tower for other languages: its tokens and features are open_clip's own, from three files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from napari_corrclip.encoders.clip import OpenClipEncoder
from napari_corrclip.encoders.clip_text import tokenize
from napari_corrclip.encoders.pieces import PieceTokenizer
from napari_corrclip.errors import InputError
from napari_corrclip.weights.files import CONFIG
from napari_corrclip.weights.loading import load_clip, load_tokenizer
from tests.weights import tiny_xlm

WORDS = (
    "Hund",
    "chat noir",
    "кошка",
    "ネコ",
    "強い犬",
    "猫",
    "고양이",
    "قطة",
    "a  dog &amp; a cat",
    "ﬁne ½",
    "",
)
TOKENIZER = PieceTokenizer(tiny_xlm.pieces(), 77)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    tiny_xlm.put(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(cache: Path) -> OpenClipEncoder:
    found = tiny_xlm.spec()
    return OpenClipEncoder(load_clip(found, cache=cache), load_tokenizer(found, cache), name="tiny")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """open_clip's own CLIP and tokenizer, each built by itself from a folder of the hub's layout."""
    from open_clip.tokenizer import HFTokenizer

    folder = tmp_path_factory.mktemp("hub")
    (folder / CONFIG).write_text(tiny_xlm.config())
    (folder / "tokenizer.json").write_text(fast_tokenizer(tiny_xlm.pieces()))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "XLMRobertaTokenizer"}')
    model = tiny_xlm.of_open_clip(folder)
    torch_file = folder / "weights.bin"
    torch_file.write_bytes(tiny_xlm.checkpoint())
    model.load_state_dict(torch.load(torch_file, weights_only=True))
    return model, HFTokenizer(str(folder))


def fast_tokenizer(pieces: bytes) -> str:
    """``tokenizer.json`` of a SentencePiece model, in the parts that the hub's has for XLM-RoBERTa."""
    import sentencepiece
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram

    model = sentencepiece.SentencePieceProcessor(model_proto=pieces)
    count = model.get_piece_size()
    special = [(name, 0.0) for name in ("<s>", "<pad>", "</s>", "<unk>")]
    known = [(model.id_to_piece(i), model.get_score(i)) for i in range(3, count)]
    made = Tokenizer(Unigram([*special, *known, ("<mask>", 0.0)], 3, byte_fallback=False))
    made.normalizer = normalizers.Precompiled(charsmap(pieces))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
        ]
    )
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    made.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    return made.to_str()


def charsmap(pieces: bytes) -> bytes:
    """The table of characters in a model: field 2 of its field 3, by the rules of protocol buffers."""
    return field(field(pieces, 3), 2)


def field(message: bytes, wanted: int) -> bytes:
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
            if byte < 128:
                return value

    while place < len(message):
        key = number()
        kind = key & 7
        size = number() if kind in (0, 2) else {1: 8, 5: 4}[kind]
        if kind == 2 and key >> 3 == wanted:
            return message[place : place + size]
        place += 0 if kind == 0 else size
    raise LookupError(wanted)


def tokens_of(*texts: str) -> list[list[int]]:
    return tokenize(TOKENIZER, texts, TOKENIZER.context_length)


def real(ids: torch.Tensor) -> list[int]:
    """Tokens without padding."""
    return [int(i) for i in ids if i != PieceTokenizer.pad_token_id]


@pytest.mark.parametrize("text", [*WORDS, *tiny_xlm.SENTENCES])
def test_tokens_are_those_of_open_clips_tokenizer(text: str, reference: tuple[Any, Any]) -> None:
    [tokens] = tokens_of(text)
    assert tokens == real(reference[1]([text])[0])


letters = st.sampled_from("aä éñçłøбЖяネコあ猫狗한글ع½ﬁ１’-,.()")


@hypothesis_settings(max_examples=100)
@given(text=st.text(letters, max_size=40))
def test_any_text_has_open_clips_tokens(text: str, reference: tuple[Any, Any]) -> None:
    [tokens] = tokens_of(text)
    assert tokens == real(reference[1]([text])[0])


@hypothesis_settings(max_examples=200)
@given(
    text=st.text(
        st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="&"), max_size=74
    )
)
def test_ascii_of_74_characters_is_surely_read(text: str) -> None:
    assert len(tokens_of(text)[0]) <= 77


def test_features_are_those_of_open_clips_own_tower(
    encoder: OpenClipEncoder, reference: tuple[Any, Any]
) -> None:
    prompts = [*WORDS, *tiny_xlm.SENTENCES]
    model, tokenizer = reference
    with torch.no_grad():
        expected = model.encode_text(tokenizer(prompts), normalize=True)
    ours = encoder.encode_prompts(prompts)
    assert ours.dtype == torch.float32
    assert not ours.requires_grad
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)
    assert float((ours[0] - ours[3]).norm()) > 0.01  # the weights tell words apart


def test_a_text_does_not_depend_on_its_batch(encoder: OpenClipEncoder) -> None:
    prompts = [f"{'ein Foto ' * (i % 7)}{WORDS[i % 5]}" for i in range(300)]
    ours = encoder.encode_prompts(prompts)
    for i in (0, 1, 150, 299):
        torch.testing.assert_close(
            ours[i], encoder.encode_prompts([prompts[i]])[0], rtol=0, atol=1e-6
        )
    assert encoder.encode_prompts([]).shape == (0, 16)


def test_the_image_tower_is_open_clips_own(
    encoder: OpenClipEncoder, reference: tuple[Any, Any]
) -> None:
    expected = reference[0].visual.state_dict()
    found = encoder.visual.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert encoder.patch_size == 32


def test_bfloat16_is_near(cache: Path, encoder: OpenClipEncoder) -> None:
    found = tiny_xlm.spec()
    half = OpenClipEncoder(
        load_clip(found, cache=cache),
        load_tokenizer(found, cache),
        name="tiny",
        dtype=torch.bfloat16,
    )
    cosines = (half.encode_prompts(WORDS[:5]) * encoder.encode_prompts(WORDS[:5])).sum(dim=1)
    assert float(cosines.min()) > 0.99
    assert half.fingerprint == encoder.fingerprint


def test_a_text_that_is_too_long_is_refused_by_its_tokens(encoder: OpenClipEncoder) -> None:
    assert encoder.context_length == 77
    assert len(tokens_of("猫" * 30)[0]) == 33  # a space before it, start and end
    with pytest.raises(InputError, match=r"'猫猫.*' has 83 tokens, more than the 77"):
        encoder.check_prompts(["ネコ", "猫" * 80])
    with pytest.raises(InputError, match="83 tokens"):
        encoder.encode_prompts(["猫" * 80])


def model_of(encoder: OpenClipEncoder, **config: Any) -> Any:
    """A CLIP with the encoder's text tower, whose configuration says something else."""
    import copy

    model = copy.deepcopy(encoder.model)
    for name, value in config.items():
        setattr(model.text.config, name, value)
    return model


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "roberta"}, "is a roberta"),
        ({"pad_token_id": 0}, "pads by the token 0"),
        ({"vocab_size": 50}, "knows 50 tokens, but its tokenizer has"),
        ({"max_position_embeddings": 40}, "reads 38 tokens, but its tokenizer gives 77"),
    ],
)
def test_other_towers_are_refused(
    encoder: OpenClipEncoder, config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError, match=f"The text tower of 'odd' {reason}"):
        OpenClipEncoder(model_of(encoder, **config), TOKENIZER, name="odd")


def test_other_poolers_and_tokenizers_are_refused(encoder: OpenClipEncoder) -> None:
    from open_clip.hf_model import MaxPooler

    with pytest.raises(InputError, match="comes with a SimpleNamespace"):
        OpenClipEncoder(model_of(encoder), SimpleNamespace(encode=len), name="odd")
    model = model_of(encoder)
    model.text.pooler = MaxPooler()
    with pytest.raises(InputError, match="ends in a MaxPooler"):
        OpenClipEncoder(model, TOKENIZER, name="odd")
    model = model_of(encoder)
    model.text.output_tokens = True
    with pytest.raises(InputError, match="gives tokens beside their mean"):
        OpenClipEncoder(model, TOKENIZER, name="odd")


def test_two_trainings_and_two_tokenizers_have_two_fingerprints(encoder: OpenClipEncoder) -> None:
    model = model_of(encoder)
    with torch.no_grad():
        model.text.proj[0].weight.add_(0.1)
    other = OpenClipEncoder(model, TOKENIZER, name="tiny")
    assert other.fingerprint != encoder.fingerprint


@pytest.mark.parametrize(
    "data", [b"", b"no model", tiny_xlm.pieces()[:1000], json.dumps({}).encode()]
)
def test_what_holds_no_pieces_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"no model of SentencePiece|begins with the pieces"):
        PieceTokenizer(data, 77)


def test_pieces_in_another_order_are_refused() -> None:
    import io

    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(tiny_xlm.SENTENCES * 20),
        model_writer=written,
        vocab_size=400,
        hard_vocab_limit=False,
        unk_id=3,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        minloglevel=2,
        num_threads=1,
    )
    with pytest.raises(InputError, match=r"begins with the pieces <pad>, <s>, </s>, where"):
        PieceTokenizer(written.getvalue(), 77)
