"""Where our folders lie, on every kind of machine."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from napari_corrclip.annotation import Source, journal_folder
from napari_corrclip.errors import InputError
from napari_corrclip.storage import places
from napari_corrclip.weights import cache
from napari_corrclip.weights.catalogue import preset_names
from napari_corrclip.weights.saved import own_names, read_preset

FOLDERS = {
    places.CACHE_VARIABLE: places.cache_folder,
    places.PRESETS_VARIABLE: places.presets_folder,
    places.SESSIONS_VARIABLE: places.sessions_folder,
}
each = pytest.mark.parametrize(("variable", "folder"), FOLDERS.items(), ids=FOLDERS)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in FOLDERS:
        monkeypatch.delenv(variable, raising=False)
    places._without_home.cache_clear()
    yield
    places._without_home.cache_clear()


@pytest.fixture(params=["raises", "as it is"])
def homeless(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A user whom no file knows, and the folder for temporary files."""

    def home(*_: object, **__: object) -> str:
        # What platformdirs does has changed.
        if request.param == "raises":
            raise RuntimeError("could not determine the home directory")
        return "~/.cache/napari-corrclip"

    for name in ("user_cache_dir", "user_config_dir", "user_data_dir"):
        monkeypatch.setattr(platformdirs, name, home)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@each
def test_a_variable_names_the_folder(
    variable: str, folder: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "mine"))
    assert FOLDERS[variable]() == tmp_path / "mine"
    monkeypatch.setenv(variable, "~/mine")
    assert FOLDERS[variable]() == Path.home() / "mine"
    monkeypatch.setenv(variable, "~nobody-of-that-name/mine")
    with pytest.raises(
        InputError, match=rf"The folder in {variable} is '~nobody-of-that-name/mine'"
    ):
        FOLDERS[variable]()


@each
def test_else_it_is_one_of_the_system_s(variable: str, folder: object) -> None:
    assert "napari-corrclip" in FOLDERS[variable]().parts
    assert FOLDERS[variable]().is_absolute()


def test_without_a_home_all_of_them_are_in_a_folder_of_ones_own(
    homeless: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = {make() for make in FOLDERS.values()}
        assert {make() for make in FOLDERS.values()} == found
    assert len(found) == 3
    own = homeless / f"napari-corrclip-{os.getuid()}"
    assert all(own in one.parents for one in found)
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert [record.getMessage() for record in caplog.records] == [
        f"There is no home folder: weights, presets and sessions are kept in {own}; set HOME, or "
        "NAPARI_CORRCLIP_CACHE, NAPARI_CORRCLIP_PRESETS and NAPARI_CORRCLIP_SESSIONS."
    ]
    # Another process of the same user finds it again.
    places._without_home.cache_clear()
    assert {make() for make in FOLDERS.values()} == found


@pytest.mark.parametrize("kind", ["open to all", "link", "file"])
def test_what_somebody_else_laid_there_is_not_used(
    kind: str, homeless: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = homeless / f"napari-corrclip-{os.getuid()}"
    if kind == "open to all":
        own.mkdir()
        own.chmod(0o777)
    elif kind == "link":
        own.symlink_to(tmp_path_factory.mktemp("elsewhere"))
    else:
        own.write_text("mine")
    folder = places.cache_folder().parent
    assert folder != own
    assert folder.parent == homeless
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_where_nothing_can_be_made_nothing_is_kept(
    homeless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", refuse)
    folder = places.cache_folder()
    assert not folder.exists()
    with pytest.raises(NotADirectoryError):
        folder.mkdir(parents=True)
    assert "demo" in preset_names()


def test_what_was_public_elsewhere_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(places.SESSIONS_VARIABLE, str(tmp_path))
    source = Source("a.png")
    assert journal_folder(source) == tmp_path / source.key
    assert cache.presets_folder is places.presets_folder
    assert cache.cache_folder() == places.cache_folder()
    monkeypatch.setattr(cache.PREFERENCES, "folder", str(tmp_path / "preferred"))
    assert cache.cache_folder() == tmp_path / "preferred"
    monkeypatch.setenv(places.CACHE_VARIABLE, str(tmp_path / "named"))
    assert cache.cache_folder() == tmp_path / "named"
    assert cache.cache_folder(tmp_path) == tmp_path


def test_a_folder_that_nobody_may_look_into_has_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    assert not places.is_file(tmp_path / "a")


def test_a_preset_with_somebody_s_unknown_home_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(places.PRESETS_VARIABLE, str(tmp_path))
    demo = {"library": "demo", "architecture": "clip", "pretrained": "embedded"}
    (tmp_path / "far.json").write_text(
        '{"clip": {"library": "open_clip", "architecture": "ViT-B-32", '
        '"pretrained": "~nobody-of-that-name/a.pt"}, '
        f'"similarity": {demo}, "regions": {demo}}}'.replace("'", '"')
    )
    assert own_names() == ("far",)
    with pytest.raises(InputError, match=r"'pretrained' is '~nobody-of-that-name/a.pt'"):
        read_preset("far")
