"""What stands around the package: workflows, issue forms, citation, and what is packed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, FormatChecker

from tools import package_contents

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = [
    path for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"
]
HELD_TO = {
    **dict.fromkeys(WORKFLOWS, "github-workflow"),
    **dict.fromkeys(FORMS, "github-issue-forms"),
    GITHUB / "ISSUE_TEMPLATE" / "config.yml": "github-issue-config",
    GITHUB / "dependabot.yml": "dependabot-2.0",
    ROOT / "CITATION.cff": "citation-file-format",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


class _Loader(yaml.SafeLoader):
    """YAML 1.2 as GitHub reads it: ``on`` is a word, a date a text."""


_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, expression)
        for tag, expression in resolvers
        if tag not in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)


def schema(name: str) -> Any:
    return json.loads((ROOT / "tests" / "data" / "schemas" / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("path", HELD_TO, ids=lambda path: path.name)
def test_a_file_is_as_its_schema_says(path: Path) -> None:
    validator = Draft7Validator(schema(HELD_TO[path]), format_checker=FormatChecker())
    faults = [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(read(path))]
    assert faults == []


@pytest.mark.parametrize("name", sorted(set(HELD_TO.values())))
def test_a_schema_refuses_what_is_none(name: str) -> None:
    validator = Draft7Validator(schema(name))
    validator.check_schema(schema(name))
    assert not validator.is_valid({"nothing": "of the kind"})


def test_every_file_of_github_is_held_to_a_schema() -> None:
    assert {path for path in GITHUB.rglob("*") if path.is_file()} <= set(HELD_TO)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_no_more_than_it_must(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        assert set(job.get("permissions", {})) <= {"id-token", "pages"}, name
        for step in job["steps"]:
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v1)", step.get("uses", "a/b@v1"))
            # What others name (branches, titles) goes through the environment, never into a script.
            assert "github." not in str(step.get("run"))
            for script in re.findall(r"\.ci/\w+", str(step.get("run"))):
                assert os.access(ROOT / script, os.X_OK)


def test_the_tests_run_on_every_python_that_is_claimed() -> None:
    matrix = read(GITHUB / "workflows" / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    classifiers = " ".join(PROJECT["classifiers"])
    assert matrix["python"] == re.findall(r"Python :: (3\.\d+)", classifiers)
    assert [system.partition("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]


def test_a_release_is_published_without_a_secret() -> None:
    workflow = read(GITHUB / "workflows" / "release.yml")
    assert workflow["on"] == {"push": {"tags": ["v*"]}}
    publish = workflow["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"]["name"] == "pypi"
    assert publish["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert "secrets." not in (GITHUB / "workflows" / "release.yml").read_text(encoding="utf-8")


def test_the_citation_is_of_this_version() -> None:
    citation = read(ROOT / "CITATION.cff")
    for key in ("version", "license"):
        assert citation[key] == PROJECT[key]
    assert citation["title"] == PROJECT["name"]
    assert citation["authors"] == PROJECT["authors"]


def wheel(folder: Path, names: set[str]) -> Path:
    """Write a wheel with these files of the tree, or empty ones."""
    path = folder / "napari_corrclip-0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("napari_corrclip-0.dist-info/licenses/LICENSE", "")
        for name in names:
            source = ROOT / name
            file.writestr(name, source.read_bytes() if name.endswith(".yaml") else b"")
    return path


def test_what_a_wheel_should_not_hold_is_told(tmp_path: Path) -> None:
    package = package_contents.package()
    assert package_contents.faults_of_wheel(wheel(tmp_path, package)) == []
    more = {"tests/test_golden.py", "napari_corrclip/demo/data/sam.json"}
    assert len(package_contents.faults_of_wheel(wheel(tmp_path, package | more))) == 3
    less = package - {"napari_corrclip/plugin/writer.py"}
    assert package_contents.faults_of_wheel(wheel(tmp_path, less)) == [
        "napari_corrclip/plugin/writer.py is missing",
        "napari.yaml names napari_corrclip.plugin.writer, which is missing",
    ]


def test_what_an_sdist_lacks_is_told(tmp_path: Path) -> None:
    path = tmp_path / "napari_corrclip-0.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        for name in package_contents.package() | {".ci/run", "docs/index.md", "tests/conftest.py"}:
            file.add(ROOT / name, f"napari_corrclip-0/{name}")
    assert package_contents.faults_of_sdist(path) == [
        ".github/ is missing", "benchmarks/ is missing", "tools/ is missing",
    ]  # fmt: skip


@pytest.mark.parametrize("script", ["docs", "each", "package", "run"])
def test_a_script_of_ci_is_bash(script: str) -> None:
    subprocess.run(["bash", "-n", ROOT / ".ci" / script], check=True)
