"""The text tower: cutting is exact, long prompts are refused, templates are averaged."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer

from napari_corrclip.encoders.clip import OpenClipEncoder
from napari_corrclip.encoders.text import text_features
from napari_corrclip.errors import InputError
from napari_corrclip.progress import finish
from napari_corrclip.vocabulary.templates import fill
from tests.towers import small_clip

TOKENIZER = SimpleTokenizer()
words = st.lists(
    st.sampled_from(["a", "red", "circle", "extraordinarily", "x" * 30, "café", "!?"]), max_size=12
).map(" ".join)


@pytest.fixture(scope="module")
def clip() -> OpenClipEncoder:
    return OpenClipEncoder(small_clip(), TOKENIZER, name="small")


@hypothesis_settings(max_examples=25)
@given(prompts=st.lists(words, min_size=1, max_size=5))
def test_cutting_after_the_longest_end_token_is_exact(
    clip: OpenClipEncoder, prompts: list[str]
) -> None:
    with torch.no_grad():
        full = clip.model.encode_text(TOKENIZER(prompts), normalize=True)
    ours = clip.encode_prompts(prompts)
    assert not ours.requires_grad
    torch.testing.assert_close(ours, full, rtol=0, atol=1e-6)


def test_the_whole_batch_is_cut_to_its_longest_prompt(clip: OpenClipEncoder) -> None:
    lengths: list[int] = []
    hook = clip.model.transformer.resblocks[0].register_forward_hook(
        lambda *a: lengths.append(a[1][0].shape[1])
    )
    clip.encode_prompts(["cat", "a red cat"])
    hook.remove()
    assert lengths == [5]


def test_many_prompts_keep_their_order(clip: OpenClipEncoder) -> None:
    prompts = [f"{'very ' * (i % 7)}number {i}" for i in range(300)]
    ours = clip.encode_prompts(prompts)
    assert ours.shape == (300, 16)
    for i in (0, 1, 150, 299):
        torch.testing.assert_close(ours[i], clip.encode_prompts([prompts[i]])[0])


def test_no_prompt_gives_no_feature(clip: OpenClipEncoder) -> None:
    assert clip.encode_prompts([]).shape == (0, 16)


@pytest.mark.parametrize("options", [{"pool_type": "eos", "eos_id": 49407}, {"proj_bias": True}])
def test_other_ends_and_projections(options: dict[str, Any]) -> None:
    model = small_clip(**options)
    with torch.no_grad():
        full = model.encode_text(TOKENIZER(["a cat", "dog"]), normalize=True)
    ours = OpenClipEncoder(model, TOKENIZER, name="x").encode_prompts(["a cat", "dog"])
    torch.testing.assert_close(ours, full, rtol=0, atol=1e-6)


def test_a_custom_text_model_with_open_clips_own_tower_is_served() -> None:
    model = open_clip.CustomTextCLIP(
        embed_dim=16,
        vision_cfg={"image_size": 32, "patch_size": 16, "width": 32, "layers": 5, "head_width": 16},
        text_cfg={"width": 32, "heads": 2, "layers": 2},
    ).eval()
    with torch.no_grad():
        full = model.encode_text(TOKENIZER(["a cat", "dog"]), normalize=True)
    ours = OpenClipEncoder(model, TOKENIZER, name="x").encode_prompts(["a cat", "dog"])
    torch.testing.assert_close(ours, full, rtol=0, atol=1e-6)


def test_a_prompt_over_the_context_length_is_refused(clip: OpenClipEncoder) -> None:
    assert clip.encode_prompts(["cat " * 75]).isfinite().all()
    with pytest.raises(InputError, match=r"'cat cat .*' has 78 tokens, more than the 77"):
        clip.encode_prompts(["dog", "cat " * 76])


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"no_causal_mask": True}, "not causal"), ({"pool_type": "last"}, "pools by 'last'")],
)
def test_other_text_towers_are_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        OpenClipEncoder(small_clip(**options), TOKENIZER, name="odd")


def test_a_class_token_in_the_text_is_refused() -> None:
    model = small_clip()
    model.cls_emb = torch.nn.Parameter(torch.zeros(32))
    with pytest.raises(InputError, match="class token"):
        OpenClipEncoder(model, TOKENIZER, name="odd")


def test_other_tokenizers_are_refused() -> None:
    with pytest.raises(InputError, match="comes with a SimpleNamespace"):
        OpenClipEncoder(small_clip(), SimpleNamespace(encode=len), name="odd")
    with pytest.raises(InputError, match="knows 100 tokens, but its tokenizer has 49408"):
        OpenClipEncoder(small_clip(vocab_size=100), TOKENIZER, name="odd")


def test_models_without_towers_are_refused() -> None:
    with pytest.raises(InputError, match="is a Linear without image tower"):
        OpenClipEncoder(torch.nn.Linear(1, 1), TOKENIZER, name="odd")
    model: Any = torch.nn.Module()
    model.visual = small_clip().visual
    with pytest.raises(InputError, match="text tower of 'odd' is a Module"):
        OpenClipEncoder(model, TOKENIZER, name="odd")


def test_queries_are_averaged_over_their_templates(clip: OpenClipEncoder) -> None:
    templates = ["a photo of a {}.", "{}", "the {} there"]
    ours = finish(text_features(clip, ["cat", "dog"], templates))
    for query, feature in zip(["cat", "dog"], ours, strict=True):
        mean = clip.encode_prompts(fill(templates, query)).mean(dim=0)
        torch.testing.assert_close(feature, mean / mean.norm())


def test_braces_in_a_query_are_text() -> None:
    assert fill(["a {}"], "{0}") == ("a {0}",)


def test_text_progress_ends_at_the_number_of_queries(clip: OpenClipEncoder) -> None:
    events = list(text_features(clip, ["a", "b", "c"], ["{}"] * 80))
    assert [(e.stage, e.done, e.total) for e in events] == [("text", 2, 3), ("text", 3, 3)]
    assert finish(text_features(clip, [], ["{}"])).shape == (0, 16)


def test_the_fingerprint_follows_text_weights_and_tokenizer(clip: OpenClipEncoder) -> None:
    other = small_clip()
    with torch.no_grad():
        other.ln_final.bias[0] += 1
    prints = {
        clip.fingerprint,
        OpenClipEncoder(small_clip(), TOKENIZER, name="other name").fingerprint,
    }
    assert len(prints) == 1
    assert OpenClipEncoder(other, TOKENIZER, name="small").fingerprint not in prints
    cased = OpenClipEncoder(small_clip(), SimpleTokenizer(clean="canonicalize"), name="small")
    assert cased.fingerprint not in prints
    assert clip.context_length == 77


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_text_is_close_to_single(dtype: torch.dtype) -> None:
    prompts = ["a red cat", "two dogs"]
    single = OpenClipEncoder(small_clip(), TOKENIZER, name="x").encode_prompts(prompts)
    half = OpenClipEncoder(small_clip(), TOKENIZER, name="x", dtype=dtype).encode_prompts(prompts)
    assert half.dtype == torch.float32
    assert torch.cosine_similarity(single, half, dim=-1).min() > 0.99
