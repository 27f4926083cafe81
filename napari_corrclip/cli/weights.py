"""The work of ``napari-corrclip models``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import typer

from napari_corrclip.cli.console import FAILED, INTERRUPTED, say, tell, tell_unfree
from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.progress import Progress, Steps, T, finish
from napari_corrclip.storage.places import is_file
from napari_corrclip.vocabulary.languages import LANGUAGES
from napari_corrclip.weights.cache import cache_folder, is_offline
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.extras import missing_extra
from napari_corrclip.weights.fetch import DOWNLOAD, fetch, file_path, missing, part_path
from napari_corrclip.weights.files import WebFile
from napari_corrclip.weights.presets import NetworkSpec, Preset, built_in_names
from napari_corrclip.weights.saved import own_names, read_preset, remove_preset, save_preset
from napari_corrclip.weights.verify import FileCheck, verify
from napari_corrclip.wording.amounts import size_text
from napari_corrclip.wording.visible import visible


def show_list() -> None:
    """Print every preset with its networks; of a saved one that cannot be read, why."""
    broken = []
    blocks = [[*_block(get_preset(name))] for name in built_in_names()]
    for name in own_names():
        try:
            blocks.append([*_block(read_preset(name), own=True)])
        except InputError as error:
            broken.append(f"Left out: {error}")
    for number, block in enumerate(blocks):
        tell(*([""] if number else []), *block)
    for line in broken:
        say(line)


def download(name: str, *, agreed: bool) -> None:
    """Fetch what is missing of the preset ``name``.

    Raises:
        InputError: there is no such preset, or nobody agreed to a licence.
        WeightsError: a file cannot be fetched.
    """
    preset = get_preset(name)
    files = _files(preset)
    extra = missing_extra(preset.networks)
    if extra is not None:
        say(extra)  # which another computer may have, that the files are meant for
    needed = missing(preset.networks)
    if not needed:
        for file in files:
            _finish(fetch(file))  # says so where a file of one's own is gone, or is another one
        say(f"All files of {name} are here." if files else f"{name} is embedded: it has no files.")
        return
    if is_offline():
        for file in needed:
            say(_finish(verify(file)).detail)
        raise WeightsError(
            f"Offline mode opens no connection, and files of {name} are missing; put them where it "
            "says, or leave offline mode."
        )
    total = sum(file.size for file in needed)
    say(f"{name}: {size_text(total)} into {cache_folder()}")
    for file in needed:
        say(f"  {file.title}: {size_text(file.size)}, {file.terms}")
    _ask_about_licences(needed, agreed=agreed)
    try:
        for file in files:
            _finish(fetch(file))
    except KeyboardInterrupt:
        say("Interrupted; what was fetched is kept, and the same command goes on there.")
        raise typer.Exit(INTERRUPTED) from None
    say(f"All files of {name} are here.")


def show_checks(name: str | None) -> None:
    """Check the files of the preset ``name``, or all that are here, and print what was found.

    Raises:
        InputError: there is no such preset.
        typer.Exit: a file is missing or damaged.
    """
    if name is None:
        files = [file for preset in _readable() for file in _files(preset)]
        files = [file for file in files if is_file(file_path(file))]
    else:
        files = list(_files(get_preset(name)))
    checks: list[FileCheck] = []
    for file in {file_path(file): file for file in files}.values():
        found = _finish(verify(file))
        checks.append(found)
        tell(f"{found.state:<9}  {found.path}")
    for check in checks:
        if check.detail:
            say(check.detail)
    if not checks:
        say(
            f"{name} is embedded: it has no files."
            if name
            else f"There are no weights in {cache_folder()}."
        )
    if not all(check.good for check in checks):
        raise typer.Exit(FAILED)


def show_paths(name: str | None) -> None:
    """Print the folder of the weights, or the files of the preset ``name``, a line each."""
    if name is None:
        tell(str(cache_folder()))
        return
    files = _files(get_preset(name))
    for file in files:
        tell(str(file_path(file)))
    if not files:
        say(f"{name} is embedded: it has no files.")


def remove(name: str) -> None:
    """Remove a preset that was saved; files of its networks stay.

    Raises:
        InputError: there is no such preset, or it is one of the package.
    """
    say(f"Removed {remove_preset(name)}; files of its networks stay in {cache_folder()}")


def save(preset: Preset, *, replace: bool) -> None:
    """Save ``preset`` and tell what it is."""
    path = save_preset(preset, replace=replace)
    tell(*_block(read_preset(preset.name), own=True))
    say(f"Saved in {path}")


def _readable() -> Iterator[Preset]:
    for name in built_in_names():
        yield get_preset(name)
    for name in own_names():
        try:
            yield read_preset(name)
        except InputError as error:
            say(f"Left out: {error}")


def _files(preset: Preset) -> tuple[WebFile, ...]:
    return tuple(file for network in preset.networks for file in network.files)


def _block(preset: Preset, *, own: bool = False) -> Iterator[str]:
    """Lines about ``preset``: name, then what it is, then a line for each network."""
    yield f"{preset.name}{' (your own)' if own else ''}"
    yield f"  {preset.title}"
    side = preset.settings.short_side
    size = "the image's own size" if side is None else f"inference at {side} pixels"
    licensed = (*preset.networks, *_files(preset))
    others = dict.fromkeys(file.licence_text for file in licensed if not file.any_use)
    unfree = any(not file.free for file in licensed)
    use = "free for any use" if not others else f"see before use: {', '.join(others)}"
    use = "not for commercial use" if unfree else use
    yield f"  {size}; {size_text(preset.size) if preset.size else 'nothing'} to download; {use}"
    if preset.clip.is_multilingual:
        yield f"  templates for words of a language: {', '.join(LANGUAGES)}, such as --templates ja"
    extra = missing_extra(preset.networks)
    if extra is not None:
        yield f"  {extra}"
    rows = [(network.title, network.licence_text, _here(network)) for network in preset.networks]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    for role, row in zip(("CLIP", "DINO", "SAM"), rows, strict=True):
        yield f"    {role:<4}  {row[0]:<{first}}  {row[1]:<{second}}  {row[2]}"


def _here(spec: NetworkSpec) -> str:
    if spec.library == "demo":
        return "embedded"
    path = file_path(spec)
    if not spec.source and not is_file(path):
        return f"your file {path} is missing"
    absent = missing((spec,))
    if not absent:
        return "here" if spec.source else f"your file {path}"
    part = part_path(path)
    if spec.source and is_file(part):
        return f"{size_text(part.stat().st_size)} of {size_text(spec.size)} here"
    left = f"{size_text(sum(file.size for file in absent))} to download"
    return left if spec.source else f"your file {path}, and {left}"


def _ask_about_licences(files: Sequence[WebFile], *, agreed: bool) -> None:
    unfree = [file for file in files if not file.free]
    if not unfree:
        return
    names = tell_unfree(unfree)
    if agreed:
        return
    if not sys.stdin.isatty():
        raise InputError(
            f"Nobody agreed to the licence of {names}; add --yes if the use is not commercial."
        )
    if not typer.confirm("Download?", default=False, err=True):
        say("Nothing was downloaded.")
        raise typer.Exit(FAILED)


def _finish(steps: Steps[T]) -> T:
    """Drive ``steps``, whose progress is in bytes, and show it on stderr; return the result.

    Off a terminal, a line for every tenth of a download: whoever reads the log sees that it moves.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(file=sys.stderr, leave=False, unit="B", unit_scale=True) as bar:

            def draw(event: Progress) -> None:
                bar.set_description_str(visible(event.stage), refresh=False)
                bar.total, bar.n = event.total, event.done
                bar.refresh()

            return finish(steps, draw)
    told = ("", -1)

    def tell(event: Progress) -> None:
        nonlocal told
        is_download = event.stage.startswith(DOWNLOAD)
        now = (event.stage, 10 * event.done // max(event.total, 1) if is_download else 0)
        if now != told:
            say(_line(event) if is_download else event.stage)
            told = now

    return finish(steps, tell)


def _line(event: Progress) -> str:
    return (
        f"{event.stage}: {size_text(event.done) if event.done else '0'} of {size_text(event.total)}"
    )
