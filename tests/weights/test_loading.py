"""The libraries' own towers, at small sizes, through checkpoints on the disk."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from segment_anything import sam_model_registry
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn

from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.loading import (
    first_mismatch,
    load_clip,
    load_sam,
    load_similarity,
    load_tokenizer,
)
from napari_corrclip.weights.presets import Library, NetworkSpec

TINY_CLIP = "napari-corrclip-test"
TINY_CONFIG = {
    "embed_dim": 16,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 5, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(autouse=True, scope="module")
def _tiny_clip_is_known(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("configs") / f"{TINY_CLIP}.json"
    path.write_text(json.dumps(TINY_CONFIG))
    open_clip.add_model_config(path)


def tiny_sam(checkpoint: None = None) -> Sam:
    return Sam(
        ImageEncoderViT(img_size=64, embed_dim=16, depth=1, num_heads=2, out_chans=16),
        PromptEncoder(16, (4, 4), (64, 64), mask_in_chans=4),
        MaskDecoder(
            transformer_dim=16,
            transformer=TwoWayTransformer(depth=1, embedding_dim=16, num_heads=2, mlp_dim=16),
        ),
    )


@pytest.fixture
def tiny_sam_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sam_model_registry, "tiny", tiny_sam)


def saved(model: nn.Module, path: Path) -> Path:
    state = model.state_dict()
    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)
    return path


def assert_same(loaded: nn.Module, model: nn.Module) -> None:
    """The same weights, in float32 whatever the file holds."""
    assert type(loaded) is type(model)
    assert not loaded.training
    expected = model.state_dict()
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype in (torch.float32, torch.int64), name
        assert torch.equal(tensor, expected[name].to(tensor.dtype)), name


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_clip_from_a_file(suffix: str, dtype: torch.dtype, tmp_path: Path) -> None:
    model = open_clip.CLIP(**open_clip.get_model_config(TINY_CLIP)).to(dtype)
    path = saved(model, tmp_path / f"clip{suffix}")
    spec = NetworkSpec.local("open_clip", TINY_CLIP, path)
    assert_same(load_clip(spec), model)
    assert load_tokenizer(spec)(["a dog"]).shape == (1, 77)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_similarity_tower_from_a_file(suffix: str, tmp_path: Path) -> None:
    model = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    path = saved(model, tmp_path / f"dino{suffix}")
    assert_same(load_similarity(NetworkSpec.local("timm", "vit_tiny_patch16_224", path)), model)


def test_a_classifier_in_the_similarity_towers_file_is_left_out(tmp_path: Path) -> None:
    model = timm.create_model("vit_tiny_patch16_224", num_classes=10)
    path = saved(model, tmp_path / "classifier.pth")
    loaded = load_similarity(NetworkSpec.local("timm", "vit_tiny_patch16_224", path))
    assert torch.equal(loaded.norm.weight, model.norm.weight)
    assert isinstance(loaded.head, nn.Identity)


@pytest.mark.usefixtures("tiny_sam_is_known")
def test_sam_from_a_file(tmp_path: Path) -> None:
    model = tiny_sam()
    path = saved(model, tmp_path / "sam.pth")
    assert_same(load_sam(NetworkSpec.local("segment_anything", "tiny", path)), model)


def test_weights_are_looked_for_in_the_given_cache(tmp_path: Path) -> None:
    model = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    (tmp_path / "somebody--vit_tiny.test").mkdir()
    saved(model, tmp_path / "somebody--vit_tiny.test" / "model.safetensors")
    spec = NetworkSpec(
        "timm", "vit_tiny_patch16_224", "test", "somebody/vit_tiny.test", "model.safetensors"
    )
    assert_same(load_similarity(spec, cache=tmp_path), model)


Loader = Callable[[NetworkSpec], nn.Module]
LOADERS: list[tuple[Loader, Library, str]] = [
    (load_clip, "open_clip", TINY_CLIP),
    (load_similarity, "timm", "vit_tiny_patch16_224"),
    (load_sam, "segment_anything", "tiny"),
]
each_loader = pytest.mark.parametrize(("load", "library", "architecture"), LOADERS)


@each_loader
@pytest.mark.usefixtures("tiny_sam_is_known")
def test_a_checkpoint_of_another_network_is_refused(
    load: Loader, library: Library, architecture: str, tmp_path: Path
) -> None:
    path = saved(nn.Linear(3, 3), tmp_path / "other.pth")
    with pytest.raises(WeightsError) as caught:
        load(NetworkSpec.local(library, architecture, path))
    message = str(caught.value)
    assert message.startswith(f"The weights file {path} is not of {library}'s {architecture}: it ")
    assert "has no '" in message
    assert "name the architecture of this file" in message
    assert "\n" not in message


def test_a_sam_of_another_size_is_refused_at_its_first_difference(tmp_path: Path) -> None:
    path = saved(tiny_sam(), tmp_path / "small.pth")
    expected = r"vit_b: 'image_encoder\.pos_embed' has shape \(1, 4, 4, 16\) instead of \(1, 64, 64"
    with pytest.raises(WeightsError, match=expected) as caught:
        load_sam(NetworkSpec.local("segment_anything", "vit_b", path))
    assert str(path) in str(caught.value)


def test_a_clip_of_another_size_is_refused(tmp_path: Path) -> None:
    config = open_clip.get_model_config(TINY_CLIP)
    config["vision_cfg"]["width"] = 48
    path = saved(open_clip.CLIP(**config), tmp_path / "wide.pth")
    with pytest.raises(WeightsError, match=r"has shape .*48.* instead of .*32"):
        load_clip(NetworkSpec.local("open_clip", TINY_CLIP, path))


@pytest.mark.parametrize("found", ["vit_small_patch16_224", "vit_tiny_patch16_224"])
def test_a_similarity_tower_of_another_size_is_refused(found: str, tmp_path: Path) -> None:
    model = timm.create_model(found, num_classes=0)
    if found == "vit_tiny_patch16_224":
        model.blocks = model.blocks[:6]  # half a tower, all shapes alike
    path = saved(model, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"has shape|has no 'blocks.6"):
        load_similarity(NetworkSpec.local("timm", "vit_tiny_patch16_224", path))


class Payload:
    """A pickle that would make a folder when it is read."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.target,)


@each_loader
@pytest.mark.usefixtures("tiny_sam_is_known")
def test_code_in_a_checkpoint_is_never_run(
    load: Loader, library: Library, architecture: str, tmp_path: Path
) -> None:
    target = tmp_path / "it ran"
    for name, save in {"zip.pth": torch.save, "plain.pth": dump}.items():
        save({"weight": Payload(target)}, tmp_path / name)
        with pytest.raises(WeightsError, match="cannot be read as tensors alone"):
            load(NetworkSpec.local(library, architecture, tmp_path / name))
    assert not target.exists()


def dump(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=2))


@each_loader
@pytest.mark.usefixtures("tiny_sam_is_known")
def test_no_file_is_tried_once_more_with_less_care(
    load: Loader,
    library: Library,
    architecture: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It makes torch's careful reader fail by a TypeError, after which open_clip tries without it; and the
    # variable, which other packages ask for, makes that one run code.
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    careful: list[object] = []
    real = torch.load

    def load_it(*args: object, **options: object) -> object:
        careful.append(options.get("weights_only"))
        return real(*args, **options)

    monkeypatch.setattr(torch, "load", load_it)
    path = tmp_path / "odd.pth"
    path.write_bytes(b"\x80\x02ccollections\nOrderedDict\nK\x05\x85R.")
    with pytest.raises(InputError, match=r"odd\.pth cannot be read as tensors|its reader failed"):
        load(NetworkSpec.local(library, architecture, path))
    assert set(careful) == {True}


@each_loader
@pytest.mark.usefixtures("tiny_sam_is_known")
def test_lengths_that_no_file_has_are_refused(
    load: Loader, library: Library, architecture: str, tmp_path: Path
) -> None:
    huge = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40, 4], "data_offsets": [0, 1 << 44]}})
    header = len(huge).to_bytes(8, "little") + huge.encode()
    for name, content in {
        "header.safetensors": (1 << 62).to_bytes(8, "little") + b"{}",
        "tensor.safetensors": header,
        "deep.safetensors": (200_000).to_bytes(8, "little") + b"[" * 200_000,
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match="cannot be read as tensors alone"):
            load(NetworkSpec.local(library, architecture, tmp_path / name))


def test_a_checkpoint_that_lies_in_itself_is_refused(tmp_path: Path) -> None:
    state: dict[str, object] = {}
    state["state_dict"] = state
    torch.save(state, tmp_path / "round.pth")
    with pytest.raises(WeightsError, match="it has no '"):
        load_similarity(NetworkSpec.local("timm", "vit_tiny_patch16_224", tmp_path / "round.pth"))


def test_a_checkpoint_is_held_against_the_preset_s_checksum(tmp_path: Path) -> None:
    model = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    path = saved(model, tmp_path / "mine.safetensors")
    spec = NetworkSpec("timm", "vit_tiny_patch16_224", str(path), sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"is not the one that the preset means .* is not used"):
        load_similarity(spec)


@each_loader
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", ["empty", "noise", "half"])
@pytest.mark.usefixtures("tiny_sam_is_known")
def test_a_damaged_checkpoint_is_refused(
    load: Loader, library: Library, architecture: str, suffix: str, kind: str, tmp_path: Path
) -> None:
    whole = saved(nn.Linear(64, 64), tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(
        {"empty": b"", "noise": b"no checkpoint", "half": whole[: len(whole) // 2]}[kind]
    )
    with pytest.raises(WeightsError, match=r"damaged.* cannot be read as tensors alone") as caught:
        load(NetworkSpec.local(library, architecture, path))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"holds a list where .* state_dict\(\)"):
        load_similarity(NetworkSpec.local("timm", "vit_tiny_patch16_224", tmp_path / "list.pth"))


def test_weights_trained_with_quickgelu_need_an_architecture_with_it() -> None:
    with pytest.raises(InputError, match="name ViT-B-16-quickgelu"):
        load_clip(NetworkSpec("open_clip", "ViT-B-16", "openai"))


@pytest.mark.parametrize(
    ("load", "library", "architecture", "says"),
    [
        (load_clip, "open_clip", "ViT-Q-99", "has no architecture 'ViT-Q-99'"),
        (load_clip, "open_clip", "RN50", "RN50 is not a plain CLIP"),
        (load_clip, "open_clip", "convnext_base", "convnext_base is not a plain CLIP"),
        (load_clip, "open_clip", "ViT-B-16-SigLIP", "SigLIP is not a plain CLIP"),
        (load_tokenizer, "open_clip", "roberta-ViT-B-32", "reads text by roberta-base, and of"),
        (load_similarity, "timm", "vit_nothing", "has no architecture 'vit_nothing'"),
        (load_similarity, "timm", "resnet10t", "resnet10t is a ResNet and not a plain vision"),
        (load_sam, "segment_anything", "vit_q", "choose one of vit_h, vit_l, vit_b"),
    ],
)
def test_an_architecture_that_is_not_served_is_refused_by_name(
    load: Loader, library: Library, architecture: str, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        load(NetworkSpec.local(library, architecture, "never opened.pth"))


@pytest.mark.parametrize("load", [load_clip, load_tokenizer, load_similarity, load_sam])
def test_a_network_of_another_library_is_refused(load: Loader) -> None:
    library: Library = "timm" if load is not load_similarity else "open_clip"
    with pytest.raises(InputError, match=f"a/b.pth is a network of {library}, where one of "):
        load(NetworkSpec.local(library, "a", "b.pth"))


def test_first_mismatch_also_finds_what_is_too_much() -> None:
    one, two = {"a": torch.zeros(2)}, {"a": torch.zeros(2), "b": torch.zeros(3)}
    assert first_mismatch(one, one) is None
    assert first_mismatch(two, one) == "'b' is no part of it"
    assert first_mismatch(one, two) == "it has no 'b', of shape (3,)"


def test_the_demo_loads_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path))
    preset = get_preset("demo")
    clip = load_clip(preset.clip)
    assert isinstance(clip, open_clip.CLIP)
    tokens = load_tokenizer(preset.clip)(["a red circle."])
    assert clip.encode_text(tokens).shape == (1, clip.text_projection.shape[1])
    assert not load_similarity(preset.similarity).training
    assert isinstance(load_sam(preset.regions), Sam)
    assert list(tmp_path.iterdir()) == []
