"""Presets of one's own: made by names, saved, read as untrusted."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import napari_corrclip as nc
from napari_corrclip.errors import InputError
from napari_corrclip.settings import Settings
from napari_corrclip.weights.cache import presets_folder
from napari_corrclip.weights.catalogue import get_preset, preset_names, presets
from napari_corrclip.weights.presets import NetworkSpec, Preset, built_in_names
from napari_corrclip.weights.saved import save_preset


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", str(tmp_path / "presets"))
    return tmp_path / "presets"


@pytest.fixture
def mine(tmp_path: Path) -> Preset:
    return Preset(
        name="mine",
        title="Mine",
        description="Für Zellen.",
        clip=NetworkSpec(
            "open_clip", "ViT-B-32", "laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            "open_clip_model.safetensors", "MIT", 605_109_252,
        ),
        similarity=NetworkSpec.local("timm", "vit_tiny_patch16_224", tmp_path / "tower.pth"),
        regions=get_preset("vit-b-16").regions,
        settings=Settings(short_side=448, tau=0.3),
        template_set=("a micrograph of {}.",),
    )  # fmt: skip


def test_a_saved_preset_is_read_as_it_was(mine: Preset, folder: Path) -> None:
    assert save_preset(mine) == folder / "mine.json"
    assert get_preset("mine") == mine
    assert presets()[-1] == mine
    assert preset_names()[-1] == "mine"
    # Small, and only what is not the default.
    document = json.loads((folder / "mine.json").read_text(encoding="utf-8"))
    assert document["settings"] == {"tau": 0.3, "short_side": 448}
    assert "size" not in document["similarity"]


@pytest.mark.parametrize("name", ["demo", "vit-b-16", "lite", "vit-l-14-metaclip"])
def test_every_preset_of_the_package_can_be_saved_under_another_name(name: str) -> None:
    copy = replace(get_preset(name), name="copy")
    save_preset(copy)
    assert get_preset("copy") == copy


def test_the_folder_is_the_variable_s_else_that_of_the_user_s_configuration(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    assert presets_folder() == folder
    monkeypatch.delenv("NAPARI_CORRCLIP_PRESETS")
    assert presets_folder().parts[-2:] == ("napari-corrclip", "presets")
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", "~/mine")
    assert presets_folder() == Path.home() / "mine"


def test_a_relative_path_becomes_absolute_and_in_a_file_begins_at_its_folder(
    mine: Preset, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    local = NetworkSpec.local("timm", "vit_tiny_patch16_224", "tower.pth")
    path = save_preset(replace(mine, similarity=local))
    assert get_preset("mine").similarity.pretrained == str(tmp_path / "tower.pth")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["similarity"]["pretrained"] = "tower.pth"  # sent together with the preset
    path.write_text(json.dumps(document), encoding="utf-8")
    assert get_preset("mine").similarity.pretrained == str(folder / "tower.pth")


def test_a_saved_preset_is_replaced_only_where_that_is_said(mine: Preset) -> None:
    save_preset(mine)
    other = replace(mine, title="Other")
    with pytest.raises(InputError, match=r"There is a preset 'mine' already .*; choose another"):
        save_preset(other)
    assert get_preset("mine") == mine
    save_preset(other, replace=True)
    assert get_preset("mine") == other


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "a b", "x" * 65, "ö", "a\n", None])
def test_a_name_that_is_no_file_s_is_refused(mine: Preset, folder: Path, name: Any) -> None:
    with pytest.raises(InputError, match=r"A preset cannot be called .*; use up to 64 letters"):
        save_preset(replace(mine, name=name))
    assert not folder.exists()


@pytest.mark.parametrize("name", ["demo", "vit-b-16", "VIT-B-16"])
def test_a_preset_of_the_package_cannot_be_hidden(mine: Preset, folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' is a preset of the package; choose another"):
        save_preset(replace(mine, name=name))
    save_preset(mine).rename(folder / f"{name}.json")
    assert "mine" not in preset_names()
    assert preset_names().count(name) == (name != "VIT-B-16")
    assert get_preset(name.lower()).clip != mine.clip


def test_a_preset_that_could_not_be_read_is_not_written(mine: Preset, folder: Path) -> None:
    with pytest.raises(InputError, match="'library' is 'timm'; it can be open_clip or demo"):
        save_preset(replace(mine, clip=mine.similarity))
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_told(mine: Preset, folder: Path) -> None:
    folder.write_text("in the way")
    with pytest.raises(InputError, match=r"mine\.json' cannot be written"):
        save_preset(mine)


WRONG: list[tuple[Mapping[str, Any], str]] = [
    ({"colour": 1}, "has the unknown key 'colour'; known are title, description, clip,"),
    ({"clip": None}, "'clip' is null; give an object with library, architecture, pretrained"),
    ({"title": 3}, "'title' is 3; give one line of text"),
    ({"title": "two\nlines"}, "'title' is .*; give one line of text"),
    ({"description": ["a"]}, "'description' is .*; give one line of text"),
    ({"settings": []}, "'settings' is \\[\\]; give an object"),
    ({"settings": {"tao": 1}}, "'settings': .*tao"),
    ({"settings": {"tau": -1.0}}, "'settings': .*tau"),
    ({"templates": 3}, "'templates' is 3; give one of imagenet, single, "),
    ({"templates": "other"}, "'templates' is \"other\"; give one of imagenet, single, "),
    ({"templates": ["no hole"]}, "'templates': .*no hole"),
    ({"clip.secret": 1}, "'clip' has the unknown key 'secret'; known are library,"),
    ({"clip.library": None}, "'library' is null; give one line of text"),
    ({"clip.library": "os"}, "'library' is 'os'; it can be open_clip or demo"),
    ({"regions.library": "timm"}, "'library' is 'timm'; it can be segment_anything or demo"),
    ({"clip.architecture": ""}, "'architecture' or 'pretrained' is empty; name both"),
    ({"clip.size": -1}, "'size' is -1; give the number of bytes"),
    ({"clip.size": 10**400}, "a number of 1329 bits; write one of at most 64"),
    ({"clip.source": "https://[a/b.pt"}, "'source' is 'https://\\[a/b.pt'; give an https address"),
    ({"clip.source": "https://a/b c.pt"}, "'source' is 'https://a/b c.pt'; give an https address"),
    ({"clip.size": True}, "'size' is true; give the number of bytes"),
    ({"clip.sha256": "ab"}, "'sha256' is 'ab'; give 64 digits from 0 to f"),
    ({"clip.filename": "../../.bashrc"}, "'filename' is '../../.bashrc'; give a file's name"),
    ({"clip.filename": "/etc/passwd"}, "'filename' is '/etc/passwd'; give a file's name"),
    ({"clip.filename": ".."}, "'filename' is '..'; give a file's name without a folder"),
    ({"clip.filename": ""}, "'filename' is ''; give a file's name without a folder"),
    ({"clip.source": "file:///etc/x"}, "'source' is 'file:///etc/x'; give an https address or a"),
    ({"clip.source": "../up"}, "'source' is '../up'; give an https address or a repository"),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_what_is_wrong_in_a_file_is_said_in_a_sentence(
    mine: Preset,
    changes: Mapping[str, Any],
    expected: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = save_preset(mine)
    document = json.loads(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        role, _, inner = key.partition(".")
        (document[role] if inner else document)[inner or role] = value
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match=expected) as caught:
        get_preset("mine")
    said = str(caught.value)
    assert said.startswith(f"The preset file {str(path)!r}")
    assert said.endswith((".", "?"))
    assert "\n" not in said
    # The others are there all the same, and it is told why this one is not.
    with caplog.at_level(logging.WARNING):
        assert [one.name for one in presets()] == list(preset_names()[:-1])
    assert said in caplog.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", r"is \[\]; give an object with clip, similarity, regions"),
        ("{", "is no valid JSON"),
        ('{"clip": {}, "clip": {}}', "the key 'clip' occurs twice"),
        ('{"clip": {}, "similarity": {}}', "has no 'regions'; add it"),
        ('{"clip": {}, "similarity": {}, "regions": {}}', "'clip' has no 'library'; add it"),
    ],
)
def test_a_file_of_something_else_is_refused(folder: Path, text: str, expected: str) -> None:
    folder.mkdir()
    (folder / "mine.json").write_text(text)
    with pytest.raises(InputError, match=expected):
        get_preset("mine")


def test_files_of_other_names_are_no_presets(folder: Path) -> None:
    folder.mkdir()
    for name in (".hidden.json", "a b.json", "notes.txt"):
        (folder / name).write_text("{}")
    (folder / "folder.json").mkdir()
    assert preset_names() == built_in_names()


# -- networks by their libraries' names


def test_networks_are_named_as_their_libraries_name_them(tmp_path: Path) -> None:
    file = tmp_path / "mine.pt"
    file.write_bytes(b"")
    preset = nc.make_preset(
        "mine",
        clip="ViT-B-32/laion2b_s34b_b79k",
        similarity="vit_small_patch14_dinov2.lvd142m",
        regions="vit_h",
    )
    assert preset.clip.source == "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    assert preset.clip.size == 605_109_252
    assert preset.similarity.source == "timm/vit_small_patch14_dinov2.lvd142m"
    assert preset.licences == ("MIT", "Apache-2.0")
    assert preset.regions.filename == "sam_vit_h_4b8939.pth"
    assert preset.title == (
        "ViT-B-32/laion2b_s34b_b79k, vit_small_patch14_dinov2/lvd142m, vit_h/4b8939"
    )
    assert (preset.settings, preset.template_set) == (Settings(), "imagenet")
    nc.save_preset(preset)
    assert nc.get_preset("mine") == preset
    local = nc.make_preset("other", clip=f"ViT-B-32={file}", base="lite", templates="single")
    assert local.clip == NetworkSpec.local("open_clip", "ViT-B-32", file)
    assert local.similarity == get_preset("lite").similarity
    assert local.template_set == "single"


def test_a_published_network_keeps_its_licence_size_and_checksum() -> None:
    known = get_preset("vit-l-14-metaclip")
    preset = nc.make_preset(
        "mine",
        clip="ViT-L-14-quickgelu/metaclip_fullcc",
        similarity="vit_base_patch8_224.dino",
        regions="vit_b",
    )
    assert preset.networks == known.networks
    other = nc.make_preset("mine", clip="ViT-B-32-quickgelu/metaclip_400m").clip
    assert (other.licence, other.free) == ("CC-BY-NC-4.0", False)
    assert nc.make_preset("mine", clip="ViT-L-14/datacomp_xl_s13b_b90k").clip.licence == "unknown"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"clip": "ViT"}, "open_clip .* has no network 'ViT'; give architecture and weights, such"),
        ({"clip": "ViT-B-32/x"}, "open_clip has no weights 'x' of ViT-B-32; choose one of openai,"),
        (
            {"clip": "ViT-B-32"},
            "^'ViT-B-32' names no weights of it; choose one of openai, laion400m_e31,",
        ),
        ({"clip": "ViT-B-32/openai"}, "were trained with QuickGELU, which ViT-B-32 has not"),
        ({"clip": "RN50/openai"}, "RN50 is not a plain CLIP with a vision transformer|QuickGELU"),
        (
            {"clip": "ViT-B-32=gone.pt"},
            "The weights file gone.pt for open_clip's ViT-B-32 does not",
        ),
        ({"clip": "ViT-Q=gone.pt"}, "open_clip .* has no architecture 'ViT-Q'"),
        ({"similarity": "vit_base_patch8_224.x"}, "timm .* has no network 'vit_base_patch8_224.x'"),
        ({"similarity": "vit_base_patch8_224"}, "has no network .*such as vit_base_patch8_224.aug"),
        ({"similarity": "resnet50.a1_in1k"}, "timm's resnet50 is a ResNet and not a plain vision"),
        (
            {"regions": "vit_x"},
            "segment-anything has no network 'vit_x'; choose one of vit_b, vit_l",
        ),
        ({"regions": "vit_x=a.pth"}, "segment-anything has no architecture 'vit_x'; choose one of"),
        ({"base": "other"}, "There is no preset 'other'; choose one of demo, vit-b-16"),
        ({"templates": "photo"}, "'photo' names no set of templates"),
    ],
)
def test_a_network_that_does_not_exist_is_told_with_those_that_do(
    asked: Mapping[str, Any], expected: str
) -> None:
    with pytest.raises(InputError, match=expected) as caught:
        nc.make_preset("mine", **asked)
    assert "\n" not in str(caught.value)


def test_a_saved_preset_of_a_local_tower_segments(tmp_path: Path) -> None:
    import timm
    import torch

    from napari_corrclip.demo.scenes import generate_scene

    tower = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    torch.save(tower.state_dict(), tmp_path / "tower.pth")
    preset = nc.make_preset(
        "mine",
        clip="demo",
        similarity=f"vit_tiny_patch16_224={tmp_path / 'tower.pth'}",
        regions="demo",
        base="demo",
    )
    nc.save_preset(preset)
    image = generate_scene(1).image
    by_name = nc.segment(image, "red, blue", preset="mine", regions="superpixels", progress=False)
    by_value = nc.segment(image, "red, blue", preset=preset, regions="superpixels", progress=False)
    assert (by_name.labels == by_value.labels).all()
    assert by_name.provenance.preset == "mine"
    assert by_name.provenance.networks[1].weights == str(tmp_path / "tower.pth")
    assert by_name.provenance.networks[1].licence == "unknown"
