"""The way of the preset for other languages: three files from a server, then offline, to a result."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import open_clip
import pytest
from PIL import Image

import napari_corrclip
from napari_corrclip.cli import main
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.progress import finish
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.extras import check_extras, missing_extra
from napari_corrclip.weights.fetch import fetch, file_path, file_url, is_here, missing
from napari_corrclip.weights.files import CONFIG, PIECES, XLM_ROBERTA, Companion, companions_of
from napari_corrclip.weights.loading import load_clip, load_tokenizer, tensor_bytes
from napari_corrclip.weights.naming import make_preset, named_network
from napari_corrclip.weights.presets import MULTILINGUAL, NetworkSpec, Preset
from napari_corrclip.weights.saved import read_preset, save_preset
from napari_corrclip.weights.text_towers import PUBLISHED, read_config
from napari_corrclip.weights.verify import verify
from tests.weights import tiny_xlm
from tests.weights.serving import Server, serving

Streams = pytest.CaptureFixture[str]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", str(tmp_path / "presets"))
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def server(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as state:
        state.store = True
        monkeypatch.setenv("HF_ENDPOINT", state.url)
        yield state


@pytest.fixture
def preset(server: Server) -> Preset:
    found = tiny_xlm.publish(server)
    save_preset(found)
    return found


@pytest.fixture
def picture(cache: Path) -> Path:
    Image.fromarray(generate_scene(1).image).save("scene.png")
    return Path("scene.png")


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What somebody tried to connect to; it fails."""
    tried: list[object] = []

    def refuse(self: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError(address)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tried


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where neither library is installed."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setitem(sys.modules, "sentencepiece", None)


def segment(picture: Path, classes: str, *options: str) -> list[str]:
    return [
        *("segment", str(picture), "-c", classes, "-o", "out", "--preset", tiny_xlm.NAME),
        *("--regions", "superpixels", *options),
    ]


# -- what the preset is


def test_the_preset_is_open_clips_network_with_the_pinned_files_of_its_text_tower() -> None:
    spec = get_preset(MULTILINGUAL).clip
    known = open_clip.get_pretrained_cfg(spec.architecture, spec.pretrained)
    assert known["hf_hub"] == f"{spec.source}/"
    assert not known.get("quick_gelu")
    assert spec.size == tensor_bytes(spec)
    assert [file.title for file in spec.files] == [
        "xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k",
        "xlm-roberta-base/config.json",
        "xlm-roberta-base/sentencepiece.bpe.model",
    ]
    assert [file.licence for file in spec.files] == ["MIT"] * 3
    assert [file.place.as_posix() for file in spec.files] == [
        "CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k/open_clip_pytorch_model.bin",
        "FacebookAI--xlm-roberta-base/config.json",
        "FacebookAI--xlm-roberta-base/sentencepiece.bpe.model",
    ]
    assert file_url(spec.files[2]) == (
        "https://huggingface.co/FacebookAI/xlm-roberta-base/resolve/"
        "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089/sentencepiece.bpe.model"
    )
    preset = get_preset(MULTILINGUAL)
    assert preset.size == sum(file.size for net in preset.networks for file in net.files)
    assert preset.size - sum(net.size for net in preset.networks) == 615 + 5_069_051


@pytest.mark.parametrize("name", XLM_ROBERTA)
def test_what_is_known_of_a_text_tower_is_what_its_pinned_file_says(
    name: str, tmp_path: Path
) -> None:
    text = tiny_xlm.BASE_CONFIG
    if name == "xlm-roberta-large":
        for key in ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers"):
            text = re.sub(f'("{key}": )\\d+', rf"\g<1>{PUBLISHED[name][key]}", text)
    file = XLM_ROBERTA[name][0]
    assert (file.filename, file.size) == (CONFIG, len(text))
    assert file.sha256 == hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / CONFIG).write_text(text, newline="\n")
    assert read_config(tmp_path / CONFIG) == PUBLISHED[name]


def test_which_of_open_clips_text_towers_need_files_and_which_are_served() -> None:
    served = []
    for name in open_clip.list_models():
        text = open_clip.get_model_config(name)["text_cfg"]
        if "hf_model_name" not in text or name == tiny_xlm.ARCHITECTURE:
            assert companions_of(name) == ()
            continue
        spec = NetworkSpec("open_clip", name, "x")
        if text["hf_model_name"] in XLM_ROBERTA:
            served.append(name)
            assert companions_of(name) == XLM_ROBERTA[text["hf_model_name"]]
        else:
            assert companions_of(name) == ()
            with pytest.raises(InputError, match=r"(?s)reads text by .* XLM-RoBERTa alone are"):
                tensor_bytes(spec)
    assert served == ["xlm-roberta-base-ViT-B-32", "xlm-roberta-large-ViT-H-14"]


def test_another_of_the_family_comes_by_its_name_with_its_licence() -> None:
    spec = named_network("open_clip", "xlm-roberta-large-ViT-H-14/frozen_laion5b_s13b_b90k")
    assert (spec.licence, spec.filename) == ("MIT", "open_clip_pytorch_model.bin")
    assert spec.files[1:] == XLM_ROBERTA["xlm-roberta-large"]
    assert spec.size == 4_772_059_140
    assert named_network("open_clip", "xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k") == (
        get_preset(MULTILINGUAL).clip
    )
    with pytest.raises(
        InputError, match=r"nllb-clip-base reads text by facebook/nllb-200-distilled"
    ):
        named_network("open_clip", "nllb-clip-base/v1")


# -- from the server to a result


def test_a_download_brings_every_file_and_tells_of_each(
    server: Server, preset: Preset, picture: Path, capfd: Streams, cache: Path
) -> None:
    assert missing(preset.networks) == preset.clip.files
    assert not is_here(preset.clip)
    assert main(["models", "download", tiny_xlm.NAME]) == 0
    told = capfd.readouterr().err
    for file in preset.clip.files:
        assert f"  {file.title}: 0.1 MB, licence MIT" in told or file.size > 150_000
        assert file.title in told
    assert "download xlm-roberta-tiny/sentencepiece.bpe.model (MIT): 0 of" in told
    contents = (tiny_xlm.checkpoint(), tiny_xlm.config().encode(), tiny_xlm.pieces())
    for file, content in zip(preset.clip.files, contents, strict=True):
        path = file_path(file)
        assert path.read_bytes() == content
        assert finish(verify(file, offline=True)).state == "intact"
    assert file_path(preset.clip.files[2]).parent.name == "FacebookAI--xlm-roberta-tiny"
    assert is_here(preset.clip)
    # Each was asked for at its commit.
    for name in (CONFIG, PIECES):
        asked = f"HEAD /FacebookAI/xlm-roberta-tiny/resolve/{tiny_xlm.COMMIT}/{name}"
        assert asked in server.requests
    assert main(["models", "path", tiny_xlm.NAME]) == 0
    paths = capfd.readouterr().out.split()
    assert paths == [str(file_path(file)) for file in preset.clip.files]
    assert main(["models", "verify", tiny_xlm.NAME, "--offline"]) == 0
    assert capfd.readouterr().out.count("intact") == 3
    assert main(["models", "list"]) == 0
    assert re.search(r"CLIP +xlm-roberta-tiny-ViT-B-32/tiny +MIT +here", capfd.readouterr().out)


def test_a_picture_is_segmented_by_words_of_other_scripts_without_a_connection(
    cache: Path, picture: Path, no_connections: list[object], capfd: Streams
) -> None:
    tiny_xlm.put(cache)
    save_preset(tiny_xlm.preset())
    assert main(segment(picture, "Hund, кошка, ネコ, 猫", "--templates", "{} の写真")) == 0
    document = json.loads(Path("out/scene/provenance.json").read_text(encoding="utf-8"))
    assert document["networks"][0]["name"] == tiny_xlm.ARCHITECTURE
    assert document["networks"][0]["licence"] == "MIT"
    told = capfd.readouterr().out
    assert all(word in told for word in ("Hund", "кошка", "ネコ", "猫"))
    assert no_connections == []


def test_files_come_with_the_first_segmentation(
    preset: Preset, picture: Path, capfd: Streams
) -> None:
    assert main(segment(picture, "Hund, 猫")) == 0
    told = capfd.readouterr().err
    assert "Fetching the weights of xlm-roberta-tiny-ViT-B-32/tiny: 0." in told
    assert "Fetching xlm-roberta-tiny/sentencepiece.bpe.model: 0.2 MB, licence MIT." in told
    assert missing(preset.networks) == ()


def test_a_prompt_that_is_too_long_is_refused_before_any_image(
    preset: Preset, server: Server, picture: Path, capfd: Streams
) -> None:
    long = "猫" * 80
    # Its pieces are not here yet: nothing is fetched to measure a word before the image is looked at.
    assert main(segment(Path("gone.png"), long)) == 2
    assert "gone.png" in capfd.readouterr().err
    assert server.requests == []
    assert main(["models", "download", tiny_xlm.NAME]) == 0
    capfd.readouterr()
    assert main(segment(picture, long)) == 2
    told = capfd.readouterr().err
    assert re.search(r"has 9\d tokens, more than the 77 that the text tower reads", told)
    assert not Path("out").exists()


def test_a_recipe_of_it_can_be_sent_and_its_files_are_part_of_its_key(cache: Path) -> None:
    tiny_xlm.put(cache)
    recipe = Recipe(tiny_xlm.preset(), regions="superpixels")
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.missing == ()
    other = replace(
        recipe.preset.clip if recipe.preset else tiny_xlm.spec(),
        companions=tuple(replace(file, commit="f" * 40) for file in tiny_xlm.spec().companions),
    )
    changed = Recipe(replace(tiny_xlm.preset(), clip=other), regions="superpixels")
    assert changed.key() != recipe.key()
    published = Recipe(MULTILINGUAL)
    assert Recipe.from_json(published.to_json()) == published


# -- what is missing, damaged or of somebody else


def test_offline_a_missing_file_is_named_with_its_address(
    cache: Path, picture: Path, capfd: Streams
) -> None:
    tiny_xlm.put(cache)
    spec = tiny_xlm.spec()
    save_preset(tiny_xlm.preset())
    for file in spec.files[1:]:
        path = file_path(file)
        content = path.read_bytes()
        path.unlink()
        assert main(segment(picture, "Hund", "--offline")) == 2
        told = capfd.readouterr().err
        assert f"The file {file.title} (" in told
        assert f", MIT) is not at {path}" in told
        assert f"get {file_url(file)} by other means" in told
        assert main(["models", "verify", tiny_xlm.NAME, "--offline"]) == 1
        assert "missing" in capfd.readouterr().out
        path.write_bytes(content)


def test_another_file_than_the_published_one_is_not_kept(cache: Path, server: Server) -> None:
    file = get_preset(MULTILINGUAL).clip.files[1]
    path = f"/{file.source}/resolve/e73636d4f797dec63c3081bb6ed5c7b0bb3f2089/{CONFIG}"
    server.files[path] = tiny_xlm.config().encode()
    with pytest.raises(
        WeightsError, match=r"is not the published config\.json \(SHA-256 .* removed"
    ):
        finish(fetch(file))
    assert not file_path(file).exists()
    server.files[path] = tiny_xlm.BASE_CONFIG.encode()
    assert read_config(finish(fetch(file))) == PUBLISHED["xlm-roberta-base"]


def test_a_server_cannot_fill_the_disk_with_a_small_file(cache: Path, server: Server) -> None:
    server.store = False
    file = replace(tiny_xlm.spec().companions[0], source=f"{server.url}/a/config.json")
    server.files["/a/config.json"] = b" " * (2 << 20)
    with pytest.raises(WeightsError, match="far more than such a file has"):
        finish(fetch(file))


def with_config(folder: Path, **changes: Any) -> NetworkSpec:
    """The network with other values in its config.json; None takes one away."""
    spec = tiny_xlm.put(folder)
    document = {**json.loads(tiny_xlm.config()), **changes}
    kept = {key: value for key, value in document.items() if value is not None}
    (folder / spec.files[1].place).write_text(json.dumps(kept))
    return spec


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"model_type": "roberta"},
            "of the kind 'roberta', and text towers of the kind 'xlm-roberta'",
        ),
        ({"model_type": None}, "of the kind None"),
        ({"hidden_act": "relu"}, "has 'hidden_act' 'relu', and 'gelu' alone is served"),
        ({"position_embedding_type": "relative_key"}, "'absolute' alone is served"),
        ({"is_decoder": True}, "has 'is_decoder' True"),
        ({"hidden_size": 1 << 40}, "has 'hidden_size' 1099511627776 instead of a whole number"),
        ({"hidden_size": "24"}, "has 'hidden_size' '24' instead"),
        ({"hidden_size": True}, "has 'hidden_size' True instead"),
        ({"hidden_size": 25}, "divides 25 channels among 2 heads"),
        ({"num_hidden_layers": None}, "has 'num_hidden_layers' None instead"),
        ({"pad_token_id": 0}, "has 'pad_token_id' 0 instead of 1"),
        ({"layer_norm_eps": 0}, "has 'layer_norm_eps' 0;"),
        (
            {"hidden_size": 16384, "vocab_size": 4_000_000},
            "describes more numbers than any such network",
        ),
    ],
)
def test_a_configuration_that_is_not_served_is_refused(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    spec = with_config(tmp_path, **changes)
    with pytest.raises(WeightsError, match=re.escape(reason)) as caught:
        load_clip(spec, cache=tmp_path)
    assert str(tmp_path / spec.files[1].place) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_configuration_says_beside_its_numbers_is_not_obeyed(
    tmp_path: Path, no_connections: list[object]
) -> None:
    """Such keys name code, kernels of the hub, another type, other files."""
    spec = with_config(
        tmp_path,
        auto_map={"AutoConfig": "somebody/evil--evil.Config", "AutoModel": "evil.Model"},
        attn_implementation="somebody/kernel",
        _attn_implementation="somebody/kernel",
        _attn_implementation_internal="somebody/kernel",
        configuration_files=["config.9.9.9.json"],
        quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True},
        torch_dtype="float16",
        dtype="float16",
        _name_or_path="somebody/evil",
    )
    plain = load_clip(tiny_xlm.put(tmp_path / "plain"), cache=tmp_path / "plain").state_dict()
    model = load_clip(spec, cache=tmp_path)
    assert no_connections == []
    assert all(tensor.equal(plain[name]) for name, tensor in model.state_dict().items())
    assert model.state_dict().keys() == plain.keys()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no valid JSON"),
        (b"[1]", "holds no names and values"),
        (b'{"model_type": "xlm-roberta"', "is no valid JSON"),
        (b"[" * 100_000, "nests more than"),
        (b"\xff\xfe\xff", "is no UTF-8 text"),
        (b" " * (2 << 20), "is larger than 1 MiB"),
    ],
)
def test_a_damaged_configuration_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    spec = tiny_xlm.put(tmp_path)
    (tmp_path / spec.files[1].place).write_bytes(content)
    with pytest.raises(WeightsError, match=re.escape(reason)):
        load_clip(spec, cache=tmp_path)


@pytest.mark.parametrize("content", [b"", b"no pieces", tiny_xlm.pieces()[:5000]])
def test_damaged_pieces_are_refused(content: bytes, tmp_path: Path) -> None:
    spec = tiny_xlm.put(tmp_path)
    path = tmp_path / spec.files[2].place
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="holds no pieces of words, because it ") as caught:
        load_tokenizer(spec, tmp_path)
    assert str(path) in str(caught.value)
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(WeightsError, match="is larger than 64 MiB"):
        load_tokenizer(spec, tmp_path)


def test_a_checkpoint_of_another_tower_is_refused_at_its_first_difference(tmp_path: Path) -> None:
    spec = with_config(tmp_path, num_hidden_layers=3)
    with pytest.raises(WeightsError, match=r"it has no 'text\.transformer\.encoder\.layer\.2\."):
        load_clip(spec, cache=tmp_path)


def test_a_network_without_its_companions_says_which_file_is_missing(tmp_path: Path) -> None:
    spec = replace(tiny_xlm.put(tmp_path), companions=())
    with pytest.raises(
        WeightsError, match=r"xlm-roberta-tiny-ViT-B-32/tiny comes without config\.json"
    ):
        load_clip(spec, cache=tmp_path)


def test_a_checkpoint_of_ones_own_takes_the_published_files(cache: Path) -> None:
    weights = Path("mine.pt")
    weights.write_bytes(b"0")
    spec = NetworkSpec.local("open_clip", MULTILINGUAL, weights)
    assert [file.title for file in missing((spec,))] == [
        "xlm-roberta-base/config.json",
        "xlm-roberta-base/sentencepiece.bpe.model",
    ]
    assert not is_here(spec)
    own = make_preset("own", clip=f"{MULTILINGUAL}={weights}", base="lite")
    assert own.clip.files[1:] == XLM_ROBERTA["xlm-roberta-base"]


# -- presets of one's own


def test_a_saved_preset_keeps_where_the_files_come_from(cache: Path) -> None:
    save_preset(tiny_xlm.preset())
    assert read_preset(tiny_xlm.NAME) == tiny_xlm.preset()
    save_preset(replace(get_preset(MULTILINGUAL), name="copy"))
    assert read_preset("copy").clip == get_preset(MULTILINGUAL).clip
    assert "companions" not in (cache.parent / "presets" / "copy.json").read_text()


Document = dict[str, Any]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d["clip"].update(companions={}), "'companions' is {}; give a list of at most 8"),
        (lambda d: d["clip"].update(companions=[{}] * 9), "give a list of at most 8 files"),
        (lambda d: d["clip"]["companions"].append(3), "is 3; give an object with source, filename"),
        (lambda d: d["clip"]["companions"][0].pop("source"), "has no 'source'; add it"),
        (
            lambda d: d["clip"]["companions"][0].update(filename="../../a"),
            "'filename' is '../../a'; give a file's name without a folder",
        ),
        (lambda d: d["clip"]["companions"][0].update(source=""), "'source' is ''; give an https"),
        (
            lambda d: d["clip"]["companions"][0].update(source="file:///etc/a"),
            "'source' is 'file:///etc/a'; give an https",
        ),
        (lambda d: d["clip"]["companions"][0].update(commit="../main"), "'commit' is '../main'"),
        (lambda d: d["clip"]["companions"][0].update(sha256="abc"), "'sha256' is 'abc'; give 64"),
        (lambda d: d["clip"]["companions"][0].update(size=-1), "'size' is -1"),
        (lambda d: d["clip"]["companions"][0].update(code="x"), "the unknown key 'code'"),
        (
            lambda d: d["regions"].update(companions=[{"source": "a/b", "filename": "c"}]),
            "'companions' are of networks of open_clip alone",
        ),
    ],
)
def test_companions_of_strangers_are_looked_at(
    change: Callable[[Document], object], reason: str, cache: Path
) -> None:
    path = save_preset(tiny_xlm.preset())
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=re.escape(reason)):
        read_preset(tiny_xlm.NAME)


def test_a_strangers_file_never_lies_in_the_place_of_the_published_one() -> None:
    published = XLM_ROBERTA["xlm-roberta-base"][1]
    other = replace(published, sha256="1" * 64)
    assert published.place.as_posix() == "FacebookAI--xlm-roberta-base/sentencepiece.bpe.model"
    assert other.place != published.place
    assert other.place.parent.name.startswith("FacebookAI--xlm-roberta-base+")
    at_url = Companion("https://host/files/sentencepiece.bpe.model", PIECES)
    assert at_url.place.parent.name.startswith("web-host-files+")


# -- without the extra


def test_without_the_extra_one_sentence_says_how_to_install_it(without_extra: None) -> None:
    sentence = (
        "The text tower of xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k needs transformers and "
        "sentencepiece, which are not installed; install them with pip install "
        '"napari-corrclip[multilingual]" and start again.'
    )
    assert missing_extra(get_preset(MULTILINGUAL).networks) == sentence
    for name in ("demo", "lite", "vit-b-16"):
        assert missing_extra(get_preset(name).networks) is None
    with pytest.raises(InputError, match=re.escape(sentence)):
        check_extras(get_preset(MULTILINGUAL).networks)
    with pytest.raises(InputError, match=re.escape(sentence)):
        Segmenter.from_recipe(Recipe(MULTILINGUAL))


@pytest.mark.parametrize("gone", ["transformers", "sentencepiece"])
def test_one_of_two_libraries_is_named_alone(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, gone, None)
    sentence = missing_extra(get_preset(MULTILINGUAL).networks)
    assert sentence is not None
    assert f"needs {gone}, which is not installed" in sentence


def test_without_the_extra_nothing_is_downloaded_for_a_run(
    server: Server, preset: Preset, picture: Path, capfd: Streams, without_extra: None
) -> None:
    assert main(segment(picture, "Hund")) == 2
    assert 'pip install "napari-corrclip[multilingual]"' in capfd.readouterr().err
    with pytest.raises(InputError, match="not installed"):
        finish(Segmenter.load_steps(Recipe(preset)))
    with pytest.raises(InputError, match="not installed"):
        load_tokenizer(preset.clip)
    with pytest.raises(InputError, match="not installed"):
        load_clip(preset.clip)
    assert server.requests == []


def test_without_the_extra_the_preset_is_listed_and_its_files_can_be_fetched_for_elsewhere(
    server: Server, preset: Preset, capfd: Streams, without_extra: None
) -> None:
    assert main(["models", "list"]) == 0
    listed = capfd.readouterr().out
    assert MULTILINGUAL in listed
    assert listed.count('pip install "napari-corrclip[multilingual]"') == 2
    assert main(["models", "download", tiny_xlm.NAME]) == 0
    told = capfd.readouterr().err
    assert told.index("not installed") < told.index("download ")
    assert is_here(preset.clip)


@pytest.mark.process
@pytest.mark.parametrize(
    "words", [("--help",), ("models", "list"), ("models", "path", MULTILINGUAL)]
)
def test_neither_library_is_imported_to_list_presets(words: tuple[str, ...], cache: Path) -> None:
    code = (
        "import sys; from napari_corrclip.cli import main; code = main(sys.argv[1:]);"
        "loaded = {'torch', 'transformers', 'sentencepiece', 'open_clip'} & set(sys.modules);"
        "print(loaded, file=sys.stderr); raise SystemExit(code or bool(loaded))"
    )
    home = str(Path(napari_corrclip.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": home},
        check=False,
    )
    assert done.returncode == 0, done.stderr
