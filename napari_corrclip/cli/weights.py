"""The work of ``napari-corrclip models``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import typer

from napari_corrclip.cli.console import FAILED, INTERRUPTED, say, tell
from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.progress import Progress, Steps, T, finish
from napari_corrclip.storage.places import is_file
from napari_corrclip.weights.cache import cache_folder, is_offline
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.fetch import DOWNLOAD, fetch, file_path, missing, part_path
from napari_corrclip.weights.presets import NetworkSpec, Preset, built_in_names
from napari_corrclip.weights.saved import own_names, read_preset, save_preset
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
    networks = _with_files(get_preset(name))
    needed = missing(networks)
    if not needed:
        for spec in networks:
            _finish(fetch(spec))  # says so where a file of one's own is gone, or is another one
        say(
            f"All files of {name} are here."
            if networks
            else f"{name} is embedded: it has no files."
        )
        return
    if is_offline():
        for spec in needed:
            say(_finish(verify(spec)).detail)
        raise WeightsError(
            f"Offline mode opens no connection, and files of {name} are missing; put them where it "
            "says, or leave offline mode."
        )
    total = sum(spec.size for spec in needed)
    say(f"{name}: {size_text(total)} into {cache_folder()}")
    for spec in needed:
        say(f"  {spec.title}: {size_text(spec.size)}, licence {spec.licence}")
    _ask_about_licences(needed, agreed=agreed)
    try:
        for spec in networks:
            _finish(fetch(spec))
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
        networks = [network for preset in _readable() for network in _with_files(preset)]
        networks = [network for network in networks if is_file(file_path(network))]
    else:
        networks = list(_with_files(get_preset(name)))
    checks: list[FileCheck] = []
    for spec in {file_path(spec): spec for spec in networks}.values():
        found = _finish(verify(spec))
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
    networks = _with_files(get_preset(name))
    for spec in networks:
        tell(str(file_path(spec)))
    if not networks:
        say(f"{name} is embedded: it has no files.")


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


def _with_files(preset: Preset) -> tuple[NetworkSpec, ...]:
    return tuple(spec for spec in preset.networks if spec.library != "demo")


def _block(preset: Preset, *, own: bool = False) -> Iterator[str]:
    """Lines about ``preset``: name, then what it is, then a line for each network."""
    yield f"{preset.name}{' (your own)' if own else ''}"
    yield f"  {preset.title}"
    side = preset.settings.short_side
    size = "the image's own size" if side is None else f"inference at {side} pixels"
    free = all(spec.free and spec.licence != "unknown" for spec in preset.networks)
    unfree = any(not spec.free for spec in preset.networks)
    use = "not for commercial use" if unfree else "free for any use" if free else "see the licences"
    yield f"  {size}; {size_text(preset.size) if preset.size else 'nothing'} to download; {use}"
    rows = [(network.title, network.licence, _here(network)) for network in preset.networks]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    for role, row in zip(("CLIP", "DINO", "SAM"), rows, strict=True):
        yield f"    {role:<4}  {row[0]:<{first}}  {row[1]:<{second}}  {row[2]}"


def _here(spec: NetworkSpec) -> str:
    if spec.library == "demo":
        return "embedded"
    path = file_path(spec)
    if is_file(path):
        return "here" if spec.source else f"your file {path}"
    if not spec.source:
        return f"your file {path} is missing"
    part = part_path(path)
    if is_file(part):
        return f"{size_text(part.stat().st_size)} of {size_text(spec.size)} here"
    return f"{size_text(spec.size)} to download"


def _ask_about_licences(networks: Sequence[NetworkSpec], *, agreed: bool) -> None:
    unfree = [spec for spec in networks if not spec.free]
    if not unfree:
        return
    names = " and ".join(f"{spec.title} ({spec.licence})" for spec in unfree)
    say(f"Not for commercial use: the licence of {names} allows research and teaching alone.")
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
