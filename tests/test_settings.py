from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_corrclip.errors import InputError
from napari_corrclip.settings import STAGES, Settings

finite = st.floats(allow_nan=False, allow_infinity=False)
some_settings = st.builds(
    Settings,
    similarity=st.sampled_from(["dino-qk", "dino-xx", "clip-qk", "clip-qq", "uniform"]),
    scope=st.booleans(),
    correction=st.booleans(),
    unsegmented=st.sampled_from(["cross", "closed"]),
    tau=st.floats(0, 100, exclude_min=True),
    eps=st.floats(0, 2),
    short_side=st.none() | st.integers(16, 2048),
    window=st.integers(112, 4096),
    stride=st.integers(1, 112),
)


def test_the_defaults_are_the_published_ones() -> None:
    settings = Settings()
    assert (settings.tau, settings.alpha, settings.beta, settings.eps) == (0.25, 1.0, 0.5, 0.2)
    assert (settings.short_side, settings.window, settings.stride) == (336, 336, 112)
    assert settings.similarity == "dino-qk"
    assert settings.logit_scale == 40


@given(some_settings)
def test_yaml_and_json_bring_back_the_same_settings(settings: Settings) -> None:
    assert Settings.from_yaml(settings.to_yaml()) == settings
    assert Settings.from_json(settings.to_json()) == settings
    assert Settings.from_json(settings.to_json()).fingerprint == settings.fingerprint


def test_files_are_read_by_path(tmp_path: Path) -> None:
    settings = Settings(tau=0.1)
    (tmp_path / "s.yaml").write_text(settings.to_yaml())
    (tmp_path / "s.json").write_text(settings.to_json())
    assert Settings.from_yaml(tmp_path / "s.yaml") == settings
    assert Settings.from_json(tmp_path / "s.json") == settings
    assert Settings.from_yaml("") == Settings()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tau": 0}, ["'tau'", "0", "> 0"]),
        ({"tau": "much"}, ["'tau'", "'much'", "a number"]),
        ({"tau": None}, ["'tau'", "None"]),
        ({"alpha": True}, ["'alpha'", "True"]),
        ({"eps": float("nan")}, ["'eps'", "nan", "finite"]),
        ({"eps": float("inf")}, ["'eps'", "inf", "finite"]),
        ({"beta": -0.5}, ["'beta'", "-0.5", ">= 0"]),
        ({"window": 3}, ["'window'", "3", "whole number"]),
        ({"window": 100.5}, ["'window'", "100.5"]),
        ({"short_side": 0}, ["'short_side'", "0", "null"]),
        ({"short_side": "big"}, ["'short_side'", "'big'", "null"]),
        ({"batch_size": 0}, ["'batch_size'", "0"]),
        ({"scope": "yes"}, ["'scope'", "'yes'", "true or false"]),
        ({"similarity": "dino"}, ["'similarity'", "'dino'", "'dino-qk'"]),
        # It belongs to the regions, which keep it.
        ({"painting": "large-on-top"}, ["Unknown setting 'painting'"]),
        ({"stride": 400}, ["stride 400", "window 336"]),
        ({"short_side": 4096}, ["short_side 4096", "long_side 2048"]),
        ({"taau": 1}, ["'taau'", "did you mean 'tau'?"]),
        ({"shortside": 1}, ["did you mean 'short_side'?"]),
        ({"zebra": 1}, ["'zebra'", "similarity, scope"]),
    ],
)
def test_a_wrong_value_is_one_sentence(changes: dict[str, Any], words: list[str]) -> None:
    makers: list[Callable[..., Settings]] = [Settings, Settings().replace]
    for make in makers:
        with pytest.raises(InputError) as caught:
            make(**changes)
        message = str(caught.value)
        assert "\n" not in message
        assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tua: 1", "did you mean 'tau'"),
        ("tau: [", "no valid YAML"),
        ("- tau", "'key: value'"),
        ("settings.yaml", "pathlib.Path"),
        ("1: 2", "key 1 is no text"),
        ("tau: 1\ntau: 2", "occurs twice"),
        ("tau: &a 1\nalpha: *a", "alias"),
        ("tau: !!python/object/apply:os.getcwd []", "no valid YAML"),
    ],
)
def test_wrong_yaml_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Settings.from_yaml(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"tau": 1, "tau": 2}', '{"tau": NaN}', "[" * 99999]
)
def test_wrong_json_is_one_sentence(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings.from_json(text)
    assert "\n" not in str(caught.value)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("# é".encode("latin-1"))
    for path in (tmp_path, tmp_path / "none.yaml", tmp_path / "latin.yaml", Path("a\0b")):
        with pytest.raises(InputError, match="settings file"):
            Settings.from_yaml(path)


def test_settings_do_not_change() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.tau = 1.0  # type: ignore[misc]
    changed = settings.replace(tau=1.0)
    assert (settings.tau, changed.tau) == (0.25, 1.0)
    assert hash(changed.replace(tau=0.25)) == hash(settings)


def test_numpy_scalars_are_numbers() -> None:
    settings = Settings(tau=np.float32(0.5), window=np.int64(224), scope=np.bool_(False))  # type: ignore[arg-type]
    assert settings == Settings(tau=0.5, window=224, scope=False)
    assert json.loads(settings.to_json())["window"] == 224


def test_each_stage_of_the_ablation_switches_one_step_on() -> None:
    switches = ["scope", "value", "spatial", "semantic", "correction"]
    table = {
        stage: [name for name in switches if getattr(Settings.ablation(stage), name)]
        for stage in STAGES
    }
    assert table == {
        "base": [],
        "scope": switches[:1],
        "value": switches[:2],
        "refinement": switches[:4],
        "full": switches,
    }
    assert Settings.ablation("full") == Settings()
    assert Settings.ablation("base", Settings(tau=1)).tau == 1
    with pytest.raises(InputError, match="'half'"):
        Settings.ablation("half")  # type: ignore[arg-type]


def test_fingerprints_tell_what_features_depend_on() -> None:
    settings = Settings()
    corrected = settings.replace(correction=False, logit_scale=1, batch_size=9)
    assert corrected.fingerprint != settings.fingerprint
    assert corrected.features_fingerprint == settings.features_fingerprint
    assert settings.replace(tau=1).features_fingerprint != settings.features_fingerprint


def test_settings_that_came_later_leave_the_keys_of_earlier_results_as_they_are() -> None:
    """The hashes were noted before ``stitched`` was a setting."""
    demo = Settings(short_side=128, window=128, stride=64, batch_size=4, eps=0.02)
    noted = {
        Settings(): ("5bd1935a2360c384", "9b13fcd3bea3972f", "0d91bf3e783a8cf6"),
        demo: ("4d2732ac5afc110b", "a1ef14d5f2a7444f", "b0fea53e35a59d2a"),
        Settings(tau=0.5, windows="shared"): (
            "7228dfde62f3d377", "2012f2d76e412e12", "2f0c2475f030ccd2",
        ),
    }  # fmt: skip
    for settings, hashes in noted.items():
        for made in (settings, Settings.from_json(settings.to_json())):
            found = (made.fingerprint, made.result_fingerprint, made.features_fingerprint)
            assert found == hashes
        stitched = settings.replace(stitched=True)
        assert stitched.fingerprint != hashes[0]
        assert stitched.result_fingerprint != hashes[1]
        assert stitched.features_fingerprint != hashes[2]


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_importing_loads_no_network_library() -> None:
    import subprocess

    code = (
        "import sys, napari_corrclip.settings, napari_corrclip.vocabulary, "
        "napari_corrclip.vocabulary.templates, napari_corrclip.images; "
        "sys.exit(bool({'torch', 'open_clip', 'napari', 'PIL', 'tifffile'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
