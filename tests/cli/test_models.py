"""``napari-corrclip models``; downloads themselves are in tests/weights/test_real_path.py."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

import napari_corrclip
from napari_corrclip.cli import main
from napari_corrclip.weights.catalogue import get_preset, preset_names
from napari_corrclip.weights.fetch import checksum_path, file_path
from napari_corrclip.weights.presets import NetworkSpec, Preset
from napari_corrclip.weights.saved import save_preset
from tests.weights.serving import Server, serving

Streams = pytest.CaptureFixture[str]
TENSORS = save({"weight": torch.arange(300_000, dtype=torch.float32)})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", str(tmp_path / "presets"))
    monkeypatch.setenv("PYTHONPATH", str(Path(napari_corrclip.__file__).parent.parent))
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path / "cache"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as state:
        monkeypatch.setenv("HF_ENDPOINT", state.url)
        state.files["/somebody/tower/resolve/main/model.safetensors"] = TENSORS
        yield state


@pytest.fixture
def mine(server: Server) -> Preset:
    """One file of the hub, not for commercial use, between networks of the demo."""
    tower = NetworkSpec(
        library="timm",
        architecture="vit_tiny_patch16_224",
        pretrained="mine",
        source="somebody/tower",
        filename="model.safetensors",
        licence="CC-BY-NC-4.0",
        size=len(TENSORS),
    )
    preset = replace(get_preset("demo"), name="mine", title="Mine", similarity=tower)
    save_preset(preset)
    return preset


def models(*args: str) -> int:
    return main(["models", *args])


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# -- list


def test_list_tells_networks_size_licence_and_what_is_here(cache: Path, capsys: Streams) -> None:
    lite = get_preset("lite")
    put(file_path(lite.clip), b"")
    put(file_path(lite.similarity).with_name("model.safetensors.part"), bytes(20_000_000))
    assert models("list") == 0
    blocks = {block.split("\n")[0]: block for block in capsys.readouterr().out.split("\n\n")}
    assert tuple(blocks) == preset_names()
    for name, block in blocks.items():
        preset = get_preset(name)
        assert preset.title in block
        assert f"inference at {preset.settings.short_side} pixels" in block
        for network in preset.networks:
            assert network.title in block
            assert network.licence in block
    assert "1.1 GB to download; free for any use" in blocks["lite"]
    assert "nothing to download; free for any use" in blocks["demo"]
    assert "not for commercial use" in blocks["vit-l-14-metaclip"].lower()
    rows = [row.split("  ")[-1].strip() for row in blocks["lite"].rstrip().split("\n")[3:]]
    assert rows == ["here", "20 MB of 87 MB here", "375 MB to download"]
    assert blocks["demo"].count("embedded") >= 3


def test_list_has_presets_of_ones_own_and_says_what_is_wrong_with_one(
    mine: Preset, tmp_path: Path, capsys: Streams
) -> None:
    (tmp_path / "presets" / "broken.json").write_text('{"secret": 1}')
    local = NetworkSpec.local("timm", "vit_tiny_patch16_224", tmp_path / "tower.pth")
    save_preset(replace(mine, name="local", similarity=local))
    assert models("list") == 0
    out, err = capsys.readouterr()
    assert "\nmine (your own)\n  Mine\n" in out
    assert f"your file {tmp_path / 'tower.pth'} is missing" in out
    assert "see before use: licence not known to us" in out
    assert "broken" not in out
    assert err.startswith(
        f"Left out: The preset file '{tmp_path / 'presets' / 'broken.json'}' has "
    )
    put(tmp_path / "tower.pth", b"")
    assert models("list") == 0
    assert f"your file {tmp_path / 'tower.pth'}\n" in capsys.readouterr().out


def test_listing_loads_no_torch() -> None:
    code = (
        "import sys; from napari_corrclip.cli import main; main(['models', 'list']); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


# -- download


def test_download_without_a_terminal_needs_a_yes_for_a_licence(
    mine: Preset, server: Server, capsys: Streams
) -> None:
    assert models("download", "mine") == 2
    told = capsys.readouterr().err
    assert "mine: 1.2 MB into " in told
    assert "vit_tiny_patch16_224/mine: 1.2 MB, licence CC-BY-NC-4.0" in told
    assert "Not for commercial use: the licence of vit_tiny_patch16_224/mine (CC-BY-NC-4.0)" in told
    assert "add --yes if the use is not commercial." in told
    assert server.requests == []
    assert models("download", "mine", "--yes") == 0
    assert file_path(mine.similarity).read_bytes() == TENSORS
    assert models("download", "mine") == 0  # nothing to agree to any more
    assert capsys.readouterr().err.endswith("All files of mine are here.\n")


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_download_asks_on_a_terminal(mine: Preset, server: Server, answer: str, code: int) -> None:
    main_end, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_corrclip.cli", "models", "download", "mine"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    told, answered = "", False
    while True:
        ready, _, _ = select.select([main_end], [], [], 600)
        assert ready, told
        try:
            more = os.read(main_end, 4096)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        told += more.decode()
        if "[y/N]" in told and not answered:
            assert not any(asked.startswith("GET /somebody") for asked in server.requests)
            os.write(main_end, f"{answer}\n".encode())
            answered = True
    os.close(main_end)
    assert process.wait(600) == code
    assert file_path(mine.similarity).is_file() == (answer == "y")
    if answer == "y":
        assert "1.20M/1.20M" in told  # a bar, in bytes
        assert "download vit_tiny_patch16_224 (CC-BY-NC-4.0)" in told
        assert "All files of mine are here." in told
    else:
        assert "Nothing was downloaded." in told


def test_download_of_the_demo_has_nothing_to_do(capsys: Streams) -> None:
    assert models("download", "demo") == 0
    assert capsys.readouterr().err == "demo is embedded: it has no files.\n"


def test_download_says_where_a_local_file_is_gone(
    mine: Preset, tmp_path: Path, capsys: Streams
) -> None:
    local = NetworkSpec.local("timm", "vit_tiny_patch16_224", tmp_path / "tower.pth")
    save_preset(replace(mine, similarity=local), replace=True)
    assert models("download", "mine") == 2
    assert f"The weights file {tmp_path / 'tower.pth'} for timm's" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["download", "verify", "path"])
def test_an_unknown_preset_is_told_with_those_there_are(
    mine: Preset, command: str, capsys: Streams
) -> None:
    assert models(command, "vit-q") == 2
    told = capsys.readouterr().err
    assert told.startswith("Error: There is no preset 'vit-q'; choose one of demo, vit-b-16, ")
    assert told.endswith(", mine.\n")


def test_offline_names_each_file_and_forgets_itself_afterwards(
    mine: Preset, server: Server, capsys: Streams
) -> None:
    assert models("download", "mine", "--offline") == 2
    told = capsys.readouterr().err
    path = file_path(mine.similarity)
    address = f"{server.url}/somebody/tower/resolve/main/model.safetensors"
    assert told == (
        f"{path} is missing; get {address} and put it there.\n"
        "Error: Offline mode opens no connection, and files of mine are missing; put them where it "
        "says, or leave offline mode.\n"
    )
    assert server.requests == []
    assert "NAPARI_CORRCLIP_OFFLINE" not in os.environ
    assert models("download", "mine", "--yes") == 0


# -- verify


def test_verify_finds_what_is_damaged_and_what_is_missing(
    mine: Preset, cache: Path, capsys: Streams
) -> None:
    path = file_path(mine.similarity)
    assert models("verify", "mine") == 1
    out, err = capsys.readouterr()
    assert out == f"missing    {path}\n"
    assert f"{path} is missing; get " in err
    assert models("download", "mine", "--yes") == 0
    assert models("verify", "mine") == 0
    assert f"intact     {path}\n" in capsys.readouterr().out
    changed = bytearray(TENSORS)
    changed[-1] ^= 1  # one bit of a megabyte
    path.write_bytes(changed)
    assert models("verify", "mine") == 1
    out, err = capsys.readouterr()
    assert out == f"damaged    {path}\n"
    right = hashlib.sha256(TENSORS).hexdigest()
    assert f"{path} is not the published file (SHA-256 " in err
    assert f"instead of {right[:12]}…); remove it and fetch it again." in err
    assert path.read_bytes() == changed  # it is a person's to remove
    assert models("verify") == 1  # among all that are here
    assert capsys.readouterr().out == f"damaged    {path}\n"


def test_verify_knows_checksums_without_network(
    mine: Preset, server: Server, capsys: Streams
) -> None:
    assert models("download", "mine", "--yes") == 0
    asked = len(server.requests)
    assert models("verify", "mine", "--offline") == 0
    assert "intact" in capsys.readouterr().out
    sam = put(file_path(get_preset("vit-b-16").regions), b"not it")
    assert models("verify", "--offline") == 1
    assert f"damaged    {sam}" in capsys.readouterr().out
    assert len(server.requests) == asked


def test_verify_asks_the_hub_about_a_file_that_was_put_there_by_hand(
    mine: Preset, server: Server, capsys: Streams
) -> None:
    path = put(file_path(mine.similarity), TENSORS)
    assert models("verify", "mine", "--offline") == 0
    out, err = capsys.readouterr()
    assert out == f"unchecked  {path}\n"
    assert (
        f"{path} is there, and its checksum is not known; write it to model.safetensors.sha256"
        in (err)
    )
    assert models("verify", "mine") == 0
    assert capsys.readouterr().out == f"intact     {path}\n"
    assert not any(asked.startswith("GET /somebody") for asked in server.requests)
    digest = hashlib.sha256(b"another").hexdigest()
    checksum_path(path).write_text(f"{digest}  model.safetensors\n")
    assert models("verify", "mine", "--offline") == 1
    assert "damaged" in capsys.readouterr().out


def test_verify_finds_half_a_file_without_its_checksum(mine: Preset, capsys: Streams) -> None:
    path = put(file_path(mine.similarity), TENSORS[:-1000])
    assert models("verify", "mine", "--offline") == 1
    out, err = capsys.readouterr()
    assert out == f"damaged    {path}\n"
    assert f"{path} is damaged (" in err


def test_a_file_that_cannot_be_read_is_damaged(
    mine: Preset, capsys: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(file_path(mine.similarity), TENSORS)
    original = Path.open

    def failing(self: Path, *args: object, **kwargs: object) -> object:
        # No file of this system can be made to fail for the superuser, as a bad disk does.
        if self == path:
            raise OSError(5, "Input/output error")
        return original(self, *args, **kwargs)  # type: ignore[arg-type, call-overload]

    monkeypatch.setattr(Path, "open", failing)
    assert models("verify", "mine") == 1
    assert f"{path} cannot be read (Input/output error); replace it." in capsys.readouterr().err


def test_verify_where_nothing_is(cache: Path, capsys: Streams) -> None:
    assert models("verify") == 0
    assert capsys.readouterr().err == f"There are no weights in {cache}.\n"
    assert models("verify", "demo") == 0
    assert capsys.readouterr().err == "demo is embedded: it has no files.\n"


def test_verify_of_all_leaves_out_a_preset_that_cannot_be_read(
    mine: Preset, tmp_path: Path, capsys: Streams
) -> None:
    (tmp_path / "presets" / "broken.json").write_text("{")
    assert models("verify") == 0
    assert "broken.json' is no valid JSON" in capsys.readouterr().err


# -- path


def test_path_is_the_folder_or_a_line_for_each_file(cache: Path, capsys: Streams) -> None:
    assert models("path") == 0
    assert capsys.readouterr().out == f"{cache}\n"
    assert models("path", "lite") == 0
    assert capsys.readouterr().out.splitlines() == [
        str(cache / "vit_base_patch16_clip_224.openai" / "open_clip_model.safetensors"),
        str(cache / "vit_small_patch8_224.dino" / "model.safetensors"),
        str(cache / "sam_vit_b_01ec64.pth"),
    ]
    assert models("path", "demo") == 0
    assert capsys.readouterr().out == ""


# -- save


def test_remove_takes_away_what_was_saved_alone(
    mine: Preset, tmp_path: Path, capsys: Streams
) -> None:
    weights = put(file_path(mine.similarity), TENSORS)
    (tmp_path / "presets" / "broken.json").write_text("{")
    for name in ("demo", "lite", "theirs", "../mine"):
        assert models("remove", name) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert models("remove", "theirs") == 2
    assert (
        "You saved no preset 'theirs'; those that you saved: broken, mine."
        in capsys.readouterr().err
    )
    assert models("remove", "broken") == 0
    assert models("remove", "mine") == 0
    assert f"Removed {tmp_path / 'presets' / 'mine.json'}; files of" in capsys.readouterr().err
    assert list((tmp_path / "presets").iterdir()) == []
    assert weights.read_bytes() == TENSORS
    assert "mine" not in preset_names()


def test_licences_that_are_not_known_to_allow_any_use_are_named(capsys: Streams) -> None:
    assert models("save", "radio", "--dino", "vit_base_patch16_radio_v3.c_radio") == 0
    shown = capsys.readouterr().out
    assert "see before use: NVIDIA Open Model License" in shown
    assert "free for any use" not in shown
    assert models("save", "other", "--clip", "ViT-L-14/datacomp_xl_s13b_b90k") == 0
    shown = capsys.readouterr().out
    assert "see before use: licence not known to us" in shown
    assert "  licence not known to us  " in shown


def test_other_commands_tell_a_licence_before_they_fetch(
    mine: Preset, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Streams
) -> None:
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "a.png")
    args = ["segment", str(tmp_path / "a.png"), "-c", "red", "--preset", "mine", "-o"]
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert main([*args, str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    licence = "Not for commercial use: the licence of vit_tiny_patch16_224/mine (CC-BY-NC-4.0)"
    assert licence in told
    assert "and nothing was downloaded; choose another preset." in told
    assert not any(asked.startswith("GET /somebody") for asked in server.requests)
    monkeypatch.setattr(sys, "stdin", io.StringIO())  # nobody is there who could be asked
    assert main([*args, str(tmp_path / "out")]) == 2  # which is no such tower
    assert licence in capsys.readouterr().err
    assert file_path(mine.similarity).is_file()


class Terminal(io.StringIO):
    """Somebody at a terminal, who types this."""

    def isatty(self) -> bool:
        return True


def test_save_makes_a_preset_that_the_command_line_knows(tmp_path: Path, capsys: Streams) -> None:
    (tmp_path / "settings.yaml").write_text("tau: 0.3\n")
    args = ["cells", "--dino", "vit_small_patch8_224.dino", "--sam", "vit_l"]
    args += ["--settings", str(tmp_path / "settings.yaml"), "--templates", "a micrograph of {}."]
    args += ["--title", "Cells", "--description", "For microscopes."]
    assert models("save", *args) == 0
    out, err = capsys.readouterr()
    assert out.startswith("cells (your own)\n  Cells\n")
    assert err == f"Saved in {tmp_path / 'presets' / 'cells.json'}\n"
    preset = get_preset("cells")
    assert preset.clip == get_preset("vit-b-16").clip
    assert preset.similarity == get_preset("lite").similarity
    assert preset.regions.architecture == "vit_l"
    assert preset.settings.tau == 0.3
    assert preset.template_set == ("a micrograph of {}.",)
    assert preset.description == "For microscopes."
    assert models("save", *args) == 2
    assert "There is a preset 'cells' already" in capsys.readouterr().err
    assert models("save", "cells", "--sam", "vit_h", "--replace") == 0
    assert get_preset("cells").regions.architecture == "vit_h"


def test_a_slip_in_save_is_a_sentence_and_writes_nothing(tmp_path: Path, capsys: Streams) -> None:
    for args in (["a", "--clip", "ViT"], ["demo"], ["a/b"], ["a", "--base", "x"]):
        assert models("save", *args) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("Error: ")
        assert err.count("\n") == 1
    assert not (tmp_path / "presets").exists()


def test_the_folder_of_presets_is_the_only_place_that_save_writes_to(tmp_path: Path) -> None:
    assert models("save", "mine", "--sam", "vit_l") == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / "presets" / "mine.json"]
    assert json.loads(files[0].read_text())["regions"]["pretrained"] == "0b3195"


def test_help_of_each_command_is_plain(capsys: Streams) -> None:
    for command in ("list", "download", "verify", "path", "save"):
        assert models(command, "--help") == 0
        assert f"napari-corrclip models {command}" in capsys.readouterr().out
    assert models("--help") == 0
    assert "..." not in capsys.readouterr().out.replace("[ARGS]...", "")
