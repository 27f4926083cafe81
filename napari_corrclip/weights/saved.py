"""Presets of one's own: any three networks under a name, each a small JSON file.

The files are read as untrusted: somebody may have sent them. What they name is data, never code, and
a downloaded file lies inside the cache folder, where no published file of another source is.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, get_args

from napari_corrclip.errors import InputError
from napari_corrclip.settings import Settings
from napari_corrclip.storage.files import cannot_write, write_bytes
from napari_corrclip.storage.places import expanded, is_file
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.vocabulary.templates import NAMES, check
from napari_corrclip.weights.cache import presets_folder
from napari_corrclip.weights.files import Companion
from napari_corrclip.weights.presets import Library, NetworkSpec, Preset, built_in_names

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ROLES: Mapping[str, Library] = {
    "clip": "open_clip",
    "similarity": "timm",
    "regions": "segment_anything",
}
_URL = r"https?://[A-Za-z0-9._:-]+/[!-~]+"
_REPOSITORY = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_KEYS = ("title", "description", *_ROLES, "settings", "templates")
_SUFFIX = ".json"
_MOST_COMPANIONS = 8


def save_preset(preset: Preset, *, replace: bool = False) -> Path:
    """Save ``preset`` under its name for this person and return the file.

    It is then known by its name wherever presets are: in Python, on the command line and in the dock.
    The file is JSON and lies in :func:`~napari_corrclip.weights.cache.presets_folder`; of the settings
    it holds those that are not the default. Paths of local checkpoints become absolute.

    Args:
        preset: for example of :func:`~napari_corrclip.weights.naming.make_preset`.
        replace: whether a preset of this name that was saved before is replaced.

    Raises:
        InputError: the name is taken or cannot be a file's, a part cannot be saved, or the file cannot
            be written.
    """
    name = _check_name(preset.name)
    document = _document(preset)
    _preset(name, document, f"The preset {name!r}", Path.cwd())  # what is written can be read
    path = _path(name)
    if not replace and path.exists():
        raise InputError(
            f"There is a preset {name!r} already ({path}); choose another name, or say that it is to "
            "be replaced."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from None
    write_bytes(path, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
    return path


def remove_preset(name: str) -> Path:
    """Remove the saved preset called ``name`` and return where its file was; files of its networks stay.

    Raises:
        InputError: there is no such preset, it is one of the package, or its file cannot be removed.
    """
    if name in built_in_names():
        raise InputError(
            f"{name!r} is a preset of the package, which stays; name one that you saved."
        )
    path = _path(_check_name(name))
    if name not in own_names():
        own = ", ".join(own_names()) or "none"
        raise InputError(f"You saved no preset {name!r}; those that you saved: {own}.")
    try:
        path.unlink()
    except OSError as error:
        raise InputError(
            f"{str(path)!r} cannot be removed ({error.strerror or error}); give permission there."
        ) from None
    return path


def read_preset(name: str) -> Preset:
    """Return the saved preset called ``name``.

    Raises:
        InputError: there is no such file, or something in it cannot be.
    """
    path = _path(name)
    where = f"The preset file {str(path)!r}"
    document = load_json(read_text(path, "preset file"), where)
    return _preset(name, document, where, path.parent)


def to_document(preset: Preset) -> dict[str, object]:
    """Return ``preset`` as plain values for JSON, its name included."""
    return {"name": preset.name, **_document(preset)}


def from_document(document: object, where: str) -> Preset:
    """Return the preset that :func:`to_document` gave; what it holds is taken as untrusted.

    Args:
        document: of JSON.
        where: what holds it, for the errors.

    Raises:
        InputError: it is no preset, or something in it cannot be.
    """
    if not isinstance(document, dict):
        raise InputError(f"{where} is {_kind(document)}; give the name of a preset, or a preset.")
    rest = {key: value for key, value in document.items() if key != "name"}
    return _preset(_text(document.get("name", ""), f"{where}: 'name'"), rest, where, Path.cwd())


def own_names() -> tuple[str, ...]:
    """Return the names of the saved presets, in the alphabet's order."""
    found = (path.stem for path in presets_folder().glob(f"*{_SUFFIX}") if is_file(path))
    taken = {name.casefold() for name in built_in_names()}
    return tuple(sorted(n for n in found if _NAME.fullmatch(n) and n.casefold() not in taken))


def own_presets() -> tuple[Preset, ...]:
    """Return the saved presets; of one that cannot be read a warning is logged."""
    found = []
    for name in own_names():
        try:
            found.append(read_preset(name))
        except InputError as error:
            _log.warning("%s", error)
    return tuple(found)


def _path(name: str) -> Path:
    return presets_folder() / f"{name}{_SUFFIX}"


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"A preset cannot be called {name!r}; use up to 64 letters, digits, '-', '_' and '.', and "
            "a letter or digit first."
        )
    if name.casefold() in {known.casefold() for known in built_in_names()}:
        raise InputError(f"{name!r} is a preset of the package; choose another name.")
    return name


def _document(preset: Preset) -> dict[str, Any]:
    templates = preset.template_set
    return {
        "title": preset.title,
        "description": preset.description,
        **{role: _network_document(getattr(preset, role)) for role in _ROLES},
        "settings": preset.settings.model_dump(exclude_defaults=True),
        "templates": templates if isinstance(templates, str) else list(templates),
    }


def _network_document(spec: NetworkSpec) -> dict[str, Any]:
    if spec.library != "demo" and not spec.source:
        spec = replace(spec, pretrained=str(expanded(spec.pretrained, "The checkpoint").absolute()))
    document = _values_of(spec)
    if spec.companions:
        document["companions"] = [_values_of(file) for file in spec.companions]
    return document


def _values_of(file: NetworkSpec | Companion) -> dict[str, Any]:
    """Return those values of a file that are not the default."""
    values = {field.name: (getattr(file, field.name), field.default) for field in fields(file)}
    return {
        name: value
        for name, (value, default) in values.items()
        if default is MISSING or value != default
    }


def _preset(name: str, document: object, where: str, folder: Path) -> Preset:
    """Return the preset in ``document``; relative paths of checkpoints begin at ``folder``."""
    found = _mapping(document, where, _KEYS, needed=tuple(_ROLES))
    networks = {role: _network(found[role], f"{where}, {role!r}", role, folder) for role in _ROLES}
    title = _text(found.get("title", ""), f"{where}: 'title'")
    return Preset(
        name=name,
        title=title or ", ".join(network.title for network in networks.values()),
        description=_text(found.get("description", ""), f"{where}: 'description'"),
        clip=networks["clip"],
        similarity=networks["similarity"],
        regions=networks["regions"],
        settings=_settings(found.get("settings", {}), where),
        template_set=_templates(found.get("templates", "imagenet"), where),
    )


def _network(document: object, where: str, role: str, folder: Path) -> NetworkSpec:
    names = tuple(field.name for field in fields(NetworkSpec))
    values = dict(
        _mapping(document, where, names, needed=("library", "architecture", "pretrained"))
    )
    companions = _companions(values.pop("companions", []), where)
    _check_values(values, where)
    spec = NetworkSpec(**values, companions=companions)
    if spec.library not in ("demo", _ROLES[role]) or spec.library not in get_args(Library):
        raise InputError(
            f"{where}: 'library' is {spec.library!r}; it can be {_ROLES[role]} or demo."
        )
    if not spec.architecture or not spec.pretrained:
        raise InputError(f"{where}: 'architecture' or 'pretrained' is empty; name both.")
    if companions and spec.library != "open_clip":
        raise InputError(f"{where}: 'companions' are of networks of open_clip alone; remove them.")
    if spec.source:
        _check_address(spec, where)
        return spec
    if spec.library == "demo":
        return spec
    return replace(
        spec, pretrained=str(folder / expanded(spec.pretrained, f"{where}: 'pretrained'"))
    )


def _companions(document: object, where: str) -> tuple[Companion, ...]:
    where = f"{where}, 'companions'"
    if not isinstance(document, list) or len(document) > _MOST_COMPANIONS:
        raise InputError(
            f"{where} is {_kind(document)}; give a list of at most {_MOST_COMPANIONS} files."
        )
    found = []
    for item in document:
        names = tuple(field.name for field in fields(Companion))
        values = _mapping(item, where, names, needed=("source", "filename"))
        _check_values(values, where)
        file = Companion(**values)
        if not re.fullmatch("[0-9a-f]{40}|", file.commit):
            raise InputError(f"{where}: 'commit' is {file.commit!r}; give 40 digits from 0 to f.")
        _check_address(file, where)
        found.append(file)
    return tuple(found)


def _check_values(values: Mapping[str, Any], where: str) -> None:
    for key, value in values.items():
        if key == "size":
            if type(value) is not int or not 0 <= value < 1 << 50:
                raise InputError(f"{where}: 'size' is {_kind(value)}; give the number of bytes.")
        elif key != "sha256" or value is not None:
            _text(value, f"{where}: {key!r}")
            if key == "sha256" and not re.fullmatch("[0-9a-f]{64}", value):
                raise InputError(f"{where}: 'sha256' is {value!r}; give 64 digits from 0 to f.")


def _check_address(file: NetworkSpec | Companion, where: str) -> None:
    # A file name of a stranger's becomes a path on this computer.
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}", file.filename):
        raise InputError(
            f"{where}: 'filename' is {file.filename!r}; give a file's name without a folder."
        )
    if not re.fullmatch(_URL if file.from_url else _REPOSITORY, file.source):
        raise InputError(
            f"{where}: 'source' is {file.source!r}; give an https address or a repository of the "
            "Hugging Face hub (owner/name)."
        )


def _mapping(
    document: object, where: str, known: tuple[str, ...], needed: tuple[str, ...]
) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise InputError(f"{where} is {_kind(document)}; give an object with {', '.join(needed)}.")
    for key in document:
        if key not in known:
            raise InputError(f"{where} has the unknown key {key!r}; known are {', '.join(known)}.")
    for key in needed:
        if key not in document:
            raise InputError(f"{where} has no {key!r}; add it.")
    return document


def _settings(document: object, where: str) -> Settings:
    if not isinstance(document, dict):
        raise InputError(f"{where}: 'settings' is {_kind(document)}; give an object, such as {{}}.")
    try:
        return Settings.from_mapping(document)
    except InputError as error:
        raise InputError(f"{where}, 'settings': {error}") from None


def _templates(document: object, where: str) -> str | tuple[str, ...]:
    if isinstance(document, str) and document in NAMES:
        return document
    if not isinstance(document, list):
        raise InputError(
            f"{where}: 'templates' is {_kind(document)}; give one of {', '.join(NAMES)}, or a "
            "list of texts with {}."
        )
    try:
        return check(document)
    except InputError as error:
        raise InputError(f"{where}, 'templates': {error}") from None


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or len(value) > 2000 or not value.isprintable():
        raise InputError(f"{where} is {_kind(value)}; give one line of text.")
    return value


def _kind(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:39]}…"
