from __future__ import annotations

import re
from pathlib import Path

import open_clip
import pytest
import segment_anything
import timm
import torch

from napari_corrclip.errors import InputError
from napari_corrclip.weights.catalogue import get_preset, preset_names, presets
from napari_corrclip.weights.loading import tensor_bytes as tensor_bytes_of
from napari_corrclip.weights.presets import MOBILE, SAMS, NetworkSpec


def test_every_preset_has_its_name_and_says_what_it_is() -> None:
    assert tuple(preset.name for preset in presets()) == preset_names()
    for preset in presets():
        assert preset.title
        assert preset.description
        files = [file for network in preset.networks for file in network.files]
        assert preset.size == sum(file.size for file in files)
        assert set(preset.licences) == {network.licence for network in preset.networks}
        assert all(template.count("{}") == 1 for template in preset.templates)


@pytest.mark.parametrize("name", ["", "vit-b16", "Demo", None, ["demo"]])
def test_an_unknown_preset_is_refused_with_those_there_are(name: str) -> None:
    expected = (
        f"There is no preset {name!r}; choose one of demo, vit-b-16, lite, lite-mobile, vit-l-14, "
        "vit-h-14, vit-b-16-metaclip, vit-l-14-metaclip, xlm-roberta-base-ViT-B-32."
    )
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        get_preset(name)


def test_the_demo_needs_no_download() -> None:
    preset = get_preset("demo")
    assert preset.size == 0
    assert {network.library for network in preset.networks} == {"demo"}


def test_vit_b_16_may_be_used_for_anything_and_has_the_published_templates() -> None:
    preset = get_preset("vit-b-16")
    assert preset.licences == ("MIT", "Apache-2.0")
    assert preset.settings.short_side == 336
    assert len(preset.templates) == 80


def tensor_bytes(module: torch.nn.Module) -> int:
    return sum(parameter.nbytes for parameter in module.parameters())


PUBLISHED = [name for name in preset_names() if name != "demo"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_clip_is_what_open_clip_calls_so(name: str) -> None:
    spec = get_preset(name).clip
    known = open_clip.get_pretrained_cfg(spec.architecture, spec.pretrained)
    assert known["hf_hub"] == f"{spec.source}/"
    assert bool(known.get("quick_gelu")) == spec.architecture.endswith("quickgelu")
    assert spec.size == tensor_bytes_of(spec)
    if len(spec.files) == 1:  # open_clip itself would ask the hub how large the other text tower is
        with torch.device("meta"):
            model = open_clip.CLIP(**open_clip.get_model_config(spec.architecture))
        assert spec.size == tensor_bytes(model)


@pytest.mark.parametrize("name", ["vit-b-16", "lite", "lite-mobile"])
def test_the_similarity_tower_is_what_timm_calls_dino(name: str) -> None:
    spec = get_preset(name).similarity
    known = timm.models.get_pretrained_cfg(f"{spec.architecture}.{spec.pretrained}")
    assert known is not None
    assert known.hf_hub_id == spec.source
    assert known.license == spec.licence.casefold()
    with torch.device("meta"):
        model = timm.create_model(spec.architecture, pretrained=False, num_classes=0)
    assert spec.size == tensor_bytes(model)


def test_metaclip_alone_is_not_free_for_any_use() -> None:
    unfree = [name for name in preset_names() if not all(n.free for n in get_preset(name).networks)]
    assert unfree == ["vit-b-16-metaclip", "vit-l-14-metaclip"]
    for name in unfree:
        assert get_preset(name).clip.licence == "CC-BY-NC-4.0"
        assert "does not allow commercial use" in get_preset(name).description


@pytest.mark.parametrize("architecture", ["vit_b", "vit_l", "vit_h"])
def test_sam_s_checkpoints_are_pinned_by_their_checksums(architecture: str) -> None:
    spec = SAMS[architecture]
    assert spec.architecture in segment_anything.sam_model_registry
    # The tensors, and a little for the pickle around them.
    assert 0 < spec.size - tensor_bytes_of(spec) < 200_000
    assert spec.source.endswith(f"/{spec.filename}")
    assert spec.sha256 is not None
    assert re.fullmatch("[0-9a-f]{64}", spec.sha256)


def test_lite_mobile_is_lite_with_regions_by_mobile_sam() -> None:
    lite, mobile = get_preset("lite"), get_preset("lite-mobile")
    assert (mobile.clip, mobile.similarity, mobile.settings) == (
        lite.clip,
        lite.similarity,
        lite.settings,
    )
    assert lite.regions == SAMS["vit_b"]
    assert mobile.regions == SAMS[MOBILE]
    assert mobile.regions.source.startswith("https://")
    assert mobile.regions.filename == mobile.regions.source.rpartition("/")[2]
    assert mobile.regions.sha256 is not None
    assert re.fullmatch("[0-9a-f]{64}", mobile.regions.sha256)
    # The tensors of the encoder without its classifier (tests/encoders/test_mobile_sam.py has all).
    assert tensor_bytes_of(mobile.regions) < mobile.regions.size < lite.regions.size / 9
    ours = {"small"}  # which other tests make known
    known = segment_anything.sam_model_registry.keys() - ours
    assert known == {"default", "vit_h", "vit_l", "vit_b"}


def test_files_of_equal_names_have_places_of_their_own() -> None:
    first = NetworkSpec("timm", "a", "x", source="timm/a.x", filename="model.safetensors")
    second = NetworkSpec("timm", "b", "x", source="timm/b.x", filename="model.safetensors")
    assert first.place == Path("a.x/model.safetensors")
    assert second.place == Path("b.x/model.safetensors")
    assert get_preset("vit-b-16").regions.place == Path("sam_vit_b_01ec64.pth")


def at(source: str, filename: str = "model.safetensors", sha256: str | None = None) -> NetworkSpec:
    return NetworkSpec("timm", "c", "x", source=source, filename=filename, sha256=sha256)


ONE, OTHER = "1" * 64, "2" * 64
ADDRESSES = [
    *(network for preset in presets() for network in preset.networks if network.source),
    *SAMS.values(),
    at("timm/a.x"),
    at("timm/a.x", "other.safetensors"),
    at("timm/a.x", sha256=ONE),
    at("timm/a.x", sha256=OTHER),
    at("laion/a.x"),
    at("somebody/a.x"),
    at("laion/CLIP-x"),
    at("timm/CLIP-x"),
    at("timm/CLIP-ViT-H-14-laion2B-s32B-b79K", "open_clip_model.safetensors"),
    at("timm/laion--a.x"),
    at("timm/web-host"),
    at("timm/text"),
    at("a/b--c"),
    at("a--b/c"),
    at("a-/b"),
    at("a/-b"),
    at("https://host/files/1"),
    at("https://host/files/2"),
    at("http://host/files/2"),
    at("https://host:444/files/2"),
    at("https://other/files/2"),
    at("https://host/files/2", "other.safetensors"),
    at("https://host/files/2", sha256=ONE),
    at("https://host/files/2", sha256=OTHER),
    at("https://host/files?id=1"),
    at("https://host/files?id=2"),
    at("https://host/a/b/model.safetensors"),
    at("https://host/a-b/model.safetensors"),
    at("https://host/A-B/model.safetensors"),
    at("https://host/web-host/model.safetensors"),
    at("https://host/sam_vit_b_01ec64.pth", "sam_vit_b_01ec64.pth"),
    at(SAMS["vit_b"].source, "sam_vit_b_01ec64.pth", sha256=OTHER),
    at(SAMS[MOBILE].source, "mobile_sam.pt", sha256=OTHER),
    at(SAMS["vit_b"].source.replace("sam_vit_b_01ec64.pth", "mobile_sam.pt"), "mobile_sam.pt"),
    at("https://host/mobile_sam.pt", "mobile_sam.pt"),
    at("http://CLIP-ViT-H-14-laion2B-s32B-b79K/open_clip_model.safetensors"),
    at("https://../c.pth", "c.pth"),
    at("https://host:8000/../../c.pth", "c.pth"),
    at("https://host/" + "long/" * 200 + "c.pth", "c.pth"),
]


def test_two_addresses_never_share_a_place() -> None:
    different = {(one.source, one.filename, one.sha256): one for one in ADDRESSES}
    # As a file system sees them that knows no capital letters.
    places = {one.place.as_posix().casefold() for one in different.values()}
    assert len(places) == len(different)
    for place in places:
        assert place.count("/") <= 1
        assert ".." not in place.split("/")
        assert max(map(len, place.split("/"))) < 120


def test_the_same_address_has_one_place_whatever_it_is_called() -> None:
    one = NetworkSpec("timm", "c", "x", "https://host/files/1", "a.pth", "MIT", 5)
    assert one.place == at("https://host/files/1", "a.pth").place


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (SAMS["vit_h"], "sam_vit_h_4b8939.pth"),
        (SAMS[MOBILE], "mobile_sam.pt"),
        (at(SAMS["vit_h"].source, "sam_vit_h_4b8939.pth"), "sam_vit_h_4b8939.pth"),
        (at("timm/vit_small.x"), "vit_small.x/model.safetensors"),
        (at("laion/CLIP-x"), "CLIP-x/model.safetensors"),
        (at("somebody/a.x"), "somebody--a.x/model.safetensors"),
    ],
)
def test_published_files_and_the_hub_s_repositories_keep_their_places(
    spec: NetworkSpec, place: str
) -> None:
    assert spec.place == Path(place)
    assert spec.former_place is None


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (at("https://host/some/c.pth", "c.pth"), "web-host-some/c.pth"),
        (at("somebody/a.x", sha256=ONE), "somebody--a.x/model.safetensors"),
        (at("laion/a.x"), "a.x/model.safetensors"),
        (at(SAMS["vit_b"].source, "sam_vit_b_01ec64.pth", OTHER), "sam_vit_b_01ec64.pth"),
    ],
)
def test_where_earlier_versions_kept_a_file_is_known(spec: NetworkSpec, place: str) -> None:
    assert spec.former_place == Path(place)


def test_a_spec_of_a_local_file_has_no_source() -> None:
    spec = NetworkSpec.local("timm", "vit_tiny_patch16_224", Path("weights") / "tiny.pth")
    assert Path(spec.pretrained) == Path("weights/tiny.pth")
    assert spec.source == ""
    assert spec.licence == "unknown"
    assert spec.title == "vit_tiny_patch16_224/tiny.pth"
