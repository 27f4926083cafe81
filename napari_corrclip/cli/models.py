"""``napari-corrclip models``: which networks there are, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_corrclip.cli.console import Debug, Offline, guarded

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Networks: list, fetch and check them, save presets of your own.",
)

PresetName = Annotated[str, typer.Argument(metavar="PRESET")]
AnyPreset = Annotated[str | None, typer.Argument(metavar="[PRESET]")]


@app.command("list")
def list_presets(debug: Debug = False) -> None:
    """List presets, and what is here of them.

    With their networks, inference size, download size and licences.
    """
    with guarded(debug):
        from napari_corrclip.cli import weights

        weights.show_list()


@app.command()
def download(
    preset: PresetName,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Agree to licences that forbid commercial use.")
    ] = False,
    _offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Fetch a preset's weights.

    What was fetched before a stop is kept, and the next try goes on there.
    """
    with guarded(debug):
        from napari_corrclip.cli import weights

        weights.download(preset, agreed=yes)


@app.command()
def verify(preset: AnyPreset = None, _offline: Offline = False, debug: Debug = False) -> None:
    """Compare files with their checksums.

    Without PRESET: all files of all presets that are here. The exit code is 1 if a file is missing or
    damaged.
    """
    with guarded(debug):
        from napari_corrclip.cli import weights

        weights.show_checks(preset)


@app.command()
def path(preset: AnyPreset = None, debug: Debug = False) -> None:
    """Print where weights lie.

    The folder, or a line for each file of PRESET, whether it is there or not.
    """
    with guarded(debug):
        from napari_corrclip.cli import weights

        weights.show_paths(preset)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    debug: Debug = False,
) -> None:
    """Remove a preset of your own.

    Files of its networks stay: others may use them.
    """
    with guarded(debug):
        from napari_corrclip.cli import weights

        weights.remove(name)


@app.command()
def save(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    clip: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORK",
            help="As open_clip calls it, such as ViT-B-32/laion2b_s34b_b79k; a file of yours: "
            "ViT-B-32=mine.pt; or demo.",
        ),
    ] = None,
    dino: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORK",
            help="The similarity tower, as timm calls it, such as "
            "vit_small_patch14_dinov2.lvd142m; vit_base_patch8_224=mine.pth; or demo.",
        ),
    ] = None,
    sam: Annotated[
        str | None,
        typer.Option(
            metavar="vit_b|vit_l|vit_h|vit_t|vit_b=FILE|demo", help="SAM; vit_t is MobileSAM."
        ),
    ] = None,
    base: Annotated[
        str, typer.Option(metavar="PRESET", help="Gives what is left out, settings too.")
    ] = "vit-b-16",
    settings: Annotated[
        Path | None,
        typer.Option(
            parser=Path, metavar="FILE", help="YAML or JSON of settings in place of the base's."
        ),
    ] = None,
    templates: Annotated[
        list[str] | None,
        typer.Option(
            metavar="imagenet|single|de|ja|…|TEXT", help="As in segment; may be repeated."
        ),
    ] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="A line for menus.")] = "",
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is good for.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a preset of this name that you saved.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Save a preset of your own.

    Python, the dock and --preset then know it by NAME. It is a small JSON file, which 'models remove'
    removes.
    """
    with guarded(debug):
        from napari_corrclip.cli import weights
        from napari_corrclip.cli.segment import read_settings
        from napari_corrclip.weights.catalogue import get_preset
        from napari_corrclip.weights.naming import make_preset

        start = get_preset(base)
        preset = make_preset(
            name,
            clip=clip,
            similarity=dino,
            regions=sam,
            base=start,
            settings=None if settings is None else read_settings(settings, start.settings),
            templates=templates[0] if templates and len(templates) == 1 else templates or None,
            title=title,
            description=description,
        )
        weights.save(preset, replace=replace)
