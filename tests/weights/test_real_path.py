"""The whole way of weights, by the command line: a server, a cache, the libraries, a result.

The server speaks as the hub does: it names a store, which has the files. Each test is one thing that
happens to people who download a gigabyte.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import napari_corrclip
from napari_corrclip.cli import main
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.fetch import file_path, file_url, part_path
from napari_corrclip.weights.presets import Preset
from napari_corrclip.weights.saved import save_preset
from tests.weights import small
from tests.weights.serving import Server, serving
from tools.mobile_parity import checkpoint

MINUTES = 600
DOWNLOAD = ("models", "download", small.NAME)
Streams = pytest.CaptureFixture[str]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", str(tmp_path / "presets"))
    monkeypatch.setenv("PYTHONPATH", str(Path(napari_corrclip.__file__).parent.parent))
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
    found = small.publish(server)
    save_preset(found)
    return found


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(generate_scene(1).image).save(tmp_path / "scene.png")
    return tmp_path / "scene.png"


def segment(picture: Path, *options: str) -> list[str]:
    return [
        *("segment", str(picture), "-c", "red, blue", "-o", "out", "--preset", small.NAME),
        *("--region-option", "points_per_side=4", *options),
    ]


def paths(preset: Preset) -> list[Path]:
    return [file_path(network) for network in preset.networks]


def assert_all_here(preset: Preset) -> None:
    """As published, byte for byte, and nothing half done beside them."""
    for path, content in zip(paths(preset), small.checkpoints(), strict=True):
        assert path.read_bytes() == content
        assert not part_path(path).exists()


def child(*args: str, limit: int | None = None) -> subprocess.Popen[str]:
    """Run the command line in a process of its own; ``limit``: bytes that a file of it may have."""

    # A shell that starts tests in the background has SIGINT ignored, and children inherit that.
    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    return subprocess.Popen(
        [sys.executable, "-m", "tests.weights.small", *args],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, told = process.communicate(timeout=MINUTES)
    return process.returncode, told


def test_first_download(
    server: Server, preset: Preset, picture: Path, capfd: Streams, cache: Path
) -> None:
    assert main(DOWNLOAD) == 0
    assert_all_here(preset)
    told = capfd.readouterr().err
    # What, how much, under which licence, and how far.
    for network in preset.networks:
        assert f"{network.title}: " in told
        assert f"licence {network.licence}" in told
    size = preset.similarity.size / 1e6
    assert f"download {small.DINO} (Apache-2.0): 0 of {size:.0f} MB" in told
    assert f"download {small.DINO} (Apache-2.0): {size:.0f} MB of {size:.0f} MB" in told
    # The hub is asked where a file lies; it comes from the store.
    assert "GET /store/timm/vit_tiny.small/model.safetensors" in server.requests
    assert not any(asked.startswith("GET /timm") for asked in server.requests)
    small.register()
    assert main(segment(picture)) == 0
    networks = json.loads(Path("out/scene/provenance.json").read_text())["networks"]
    assert [one["licence"] for one in networks] == ["MIT", "Apache-2.0", "Apache-2.0"]
    assert [one["name"] for one in networks] == [small.CLIP, small.DINO, small.SAM]


def test_weights_come_with_the_first_segmentation(
    preset: Preset, picture: Path, capfd: Streams
) -> None:
    small.register()
    assert main(segment(picture)) == 0
    assert_all_here(preset)
    assert "Fetching the weights of vit_tiny_patch16_224/small: 22 MB, licence Apache-2.0." in (
        capfd.readouterr().err
    )


def test_second_run_without_network(
    server: Server, preset: Preset, picture: Path, monkeypatch: pytest.MonkeyPatch, capfd: Streams
) -> None:
    assert main(DOWNLOAD) == 0
    asked = len(server.requests)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nobody answers
    server.files.clear()
    small.register()
    assert main(segment(picture)) == 0
    assert main(DOWNLOAD) == 0
    assert "All files of small are here." in capfd.readouterr().err
    assert len(server.requests) == asked


def test_connection_cut_in_the_middle_then_resume(
    server: Server, preset: Preset, capfd: Streams
) -> None:
    server.cut = 1_000_000
    assert main(DOWNLOAD) == 2
    told = capfd.readouterr().err
    # However a connection ends, the sentence tells how far it came.
    assert (
        f"could not be fetched (the connection ended after 1000000 of {preset.clip.size} " in told
    )
    part = part_path(file_path(preset.clip))
    kept = part.stat().st_size
    assert kept == 1_000_000
    assert main(["models", "list"]) == 0
    assert f"{kept / 1e6:.1f} MB of {preset.clip.size / 1e6:.1f} MB here" in capfd.readouterr().out
    server.cut = None
    assert main(DOWNLOAD) == 0
    assert (
        f"GET /store/laion/small.clip/open_clip_model.safetensors bytes={kept}-" in server.requests
    )
    assert_all_here(preset)


def test_wrong_checksum_removes_the_file(server: Server, preset: Preset, capfd: Streams) -> None:
    path = file_path(preset.regions)
    address = f"/segment_anything/{path.name}"
    right = server.files[address]
    server.files[address] = right[:-1] + b"x"
    assert main(DOWNLOAD) == 2
    told = capfd.readouterr().err
    assert f"is not the published {path.name} (SHA-256 " in told
    assert "was removed; try again" in told
    assert not path.exists()
    assert not part_path(path).exists()
    server.files[address] = right
    assert main(DOWNLOAD) == 0
    assert_all_here(preset)


def test_cancel_in_the_middle(server: Server, preset: Preset) -> None:
    server.pause = 0.02
    process = child(*DOWNLOAD)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("download vit_tiny") and ": 0 of" not in line:
            process.send_signal(signal.SIGINT)
            break
    code, told = ended(process)
    assert code == 130
    assert told.splitlines()[-1] == (
        "Interrupted; what was fetched is kept, and the same command goes on there."
    )
    assert file_path(preset.clip).is_file()
    part = part_path(file_path(preset.similarity))
    kept = part.stat().st_size
    assert 0 < kept < preset.similarity.size
    server.pause = 0.0
    assert main(DOWNLOAD) == 0
    assert f"GET /store/timm/vit_tiny.small/model.safetensors bytes={kept}-" in server.requests
    assert_all_here(preset)


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own at ``folder``; a skip where nobody may mount one."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Callable[[bool], None]]:
    """A folder that nobody may write to, until the function that is given says otherwise."""
    if os.geteuid() == 0:  # whom missing permissions do not stop
        with mounted(folder, "size=64m"):
            remount(folder, "ro")
            yield lambda writable: remount(folder, "rw" if writable else "ro")
        return

    def permit(writable: bool) -> None:
        for one in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            one.chmod(0o755 if writable else 0o555)

    folder.mkdir()
    permit(False)
    try:
        yield permit
    finally:
        permit(True)


def test_disk_full_on_a_small_file_system(cache: Path, preset: Preset, capfd: Streams) -> None:
    with mounted(cache, "size=8m"):
        assert main(DOWNLOAD) == 2
        told = capfd.readouterr().err
        folder = file_path(preset.similarity).parent
        assert f"Error: Weights cannot be written to {folder} (No space left on device);" in told
        assert "make room or give permission there, or name another folder in " in told
        assert "Traceback" not in told
        assert part_path(file_path(preset.similarity)).stat().st_size > 1_000_000
        remount(cache, "size=64m")  # somebody made room
        assert main(DOWNLOAD) == 0
        assert_all_here(preset)


def test_disk_full_as_a_limit_of_the_file_s_size(preset: Preset) -> None:
    code, told = ended(child(*DOWNLOAD, limit=5_000_000))
    assert code == 2
    assert f"Weights cannot be written to {file_path(preset.similarity).parent} (File too" in told
    assert "Traceback" not in told
    assert part_path(file_path(preset.similarity)).stat().st_size == 5_000_000
    assert main(DOWNLOAD) == 0
    assert_all_here(preset)


def test_two_processes_at_once(server: Server, preset: Preset) -> None:
    server.pause = 0.02  # until they have met
    first = child(*DOWNLOAD)
    assert first.stderr is not None
    assert any(line.startswith("download ") for line in first.stderr)
    second = child(*DOWNLOAD)
    assert second.stderr is not None
    told = ""
    for line in second.stderr:
        told += line
        if line.startswith("wait for another download of "):
            break
    server.pause = 0.0
    for process in (first, second):
        code, text = ended(process)
        assert code == 0, text
        told += text
    assert "wait for another download of " in told
    got = [asked for asked in server.requests if asked.startswith(("GET /store", "GET /seg"))]
    assert len(got) == len(set(got)) == 3
    assert_all_here(preset)


def test_read_only_cache(cache: Path, preset: Preset, picture: Path, capfd: Streams) -> None:
    small.register()
    with read_only(cache) as be_writable:
        assert main(DOWNLOAD) == 2
        told = capfd.readouterr().err
        assert f"Error: Weights cannot be written to {file_path(preset.clip).parent} (" in told
        assert "Read-only file system" in told or "Permission denied" in told
        assert "name another folder in NAPARI_CORRCLIP_CACHE" in told
        be_writable(True)
        assert main(DOWNLOAD) == 0
        be_writable(False)  # a folder that a lab shares
        assert main(segment(picture)) == 0
        assert main(["models", "verify", small.NAME]) == 0
        assert capfd.readouterr().out.count("intact") == 3
        assert_all_here(preset)


def test_cache_that_is_a_file(cache: Path, preset: Preset, capfd: Streams) -> None:
    cache.write_text("in the way")  # stops the superuser too
    assert main(DOWNLOAD) == 2
    assert f"Weights cannot be written to {file_path(preset.clip).parent} (" in (
        capfd.readouterr().err
    )


class Payload:
    """A pickle that makes a folder when it is read."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


def test_pickle_that_would_run_code_is_refused_and_does_not_run(
    server: Server, picture: Path, tmp_path: Path, capfd: Streams
) -> None:
    import torch

    target, file = tmp_path / "it ran", io.BytesIO()
    torch.save({"weights": Payload(target)}, file)
    harmful = small.publish(server, sam=file.getvalue())
    save_preset(harmful)
    small.register()
    assert main(segment(picture)) == 2
    told = capfd.readouterr().err
    assert f"The weights file {file_path(harmful.regions)} cannot be read as tensors alone" in told
    assert "holds code, which is never run" in told
    assert not target.exists()
    assert not Path("out").exists()
    # The file does what is said of it.
    torch.load(file_path(harmful.regions), weights_only=False)
    assert target.is_dir()


def test_offline_opens_no_socket(server: Server, preset: Preset, picture: Path) -> None:
    # One process for all commands. Python tells of every socket that is made, whichever library makes it.
    watched = (
        "import json, sys\n"
        "from napari_corrclip.cli import main\n"
        "from tests.weights import small\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, _: event.startswith('socket.') and seen.append(event))\n"
        "small.register()\n"
        "for line in sys.stdin:\n"
        "    args = json.loads(line)\n"
        "    seen.clear()\n"
        "    code = main(args)\n"
        "    print('sockets:', *seen, file=sys.stderr)\n"
        "    print(code, file=sys.stderr, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", watched],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stderr is not None

    def offline(*args: str) -> tuple[int, str]:
        print(json.dumps(args), file=process.stdin, flush=True)
        told = []
        for line in process.stderr:
            told.append(line)
            if line.startswith("sockets:"):
                return int(process.stderr.readline()), "".join(told)
        raise AssertionError("".join(told))

    code, told = offline(*segment(picture, "--offline"))
    assert code == 2
    assert "offline mode opens no connection" in told
    assert "3 files are missing and" in told
    for network in preset.networks:
        assert f"{file_url(network)} to {file_path(network)}" in told
    assert "Fetching" not in told
    assert told.splitlines()[-1] == "sockets:"
    code, told = offline(*DOWNLOAD, "--offline")
    assert code == 2
    for network in preset.networks:
        assert f"{file_path(network)} is missing; get " in told
    assert "Offline mode opens no connection, and files of small are missing;" in told
    assert told.splitlines()[-1] == "sockets:"
    assert server.requests == []

    code, told = offline(*DOWNLOAD)  # the hook does see
    assert code == 0
    assert "socket.connect" in told.splitlines()[-1]
    asked = len(server.requests)
    for args in (segment(picture, "--offline"), ["models", "verify", small.NAME, "--offline"]):
        code, told = offline(*args)
        assert code == 0, told
        assert told.splitlines()[-1] == "sockets:"
    assert len(server.requests) == asked
    process.communicate(timeout=MINUTES)
    assert process.returncode == 0


def test_licence_that_forbids_commercial_use_is_told_before_the_download(
    server: Server, preset: Preset, capfd: Streams
) -> None:
    clip = replace(preset.clip, licence="CC-BY-NC-4.0")
    save_preset(replace(preset, clip=clip), replace=True)
    assert main(DOWNLOAD) == 2
    told = capfd.readouterr().err
    assert f"Not for commercial use: the licence of {clip.title} (CC-BY-NC-4.0) allows" in told
    assert f"Nobody agreed to the licence of {clip.title} (CC-BY-NC-4.0); add --yes if" in told
    assert server.requests == []
    assert main([*DOWNLOAD, "--yes"]) == 0
    assert_all_here(preset)


def test_mobile_sam_comes_and_finds_regions(
    server: Server, preset: Preset, picture: Path, capfd: Streams
) -> None:
    """A checkpoint of random weights in the published layout and of the published size."""
    import torch

    file = io.BytesIO()
    torch.save(checkpoint(), file)
    content = file.getvalue()
    server.files["/MobileSAM/weights/mobile_sam.pt"] = content
    mobile = replace(
        get_preset("lite-mobile").regions,
        source=f"{server.url}/MobileSAM/weights/mobile_sam.pt",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    save_preset(replace(preset, regions=mobile), replace=True)
    assert main(DOWNLOAD) == 0
    told = capfd.readouterr().err
    assert "vit_t/mobile_sam: " in told
    assert "licence Apache-2.0" in told
    assert file_path(mobile).read_bytes() == content
    assert main(["models", "verify", small.NAME]) == 0
    assert capfd.readouterr().out.count("intact") == 3
    small.register()
    assert main([*segment(picture), "--region-option", "stability_threshold=0", "--offline"]) == 0
    provenance = json.loads(Path("out/scene/provenance.json").read_text())
    regions = provenance["networks"][2]
    assert (regions["name"], regions["licence"]) == ("vit_t", "Apache-2.0")
    assert provenance["regions"]["source"] == "sam"
