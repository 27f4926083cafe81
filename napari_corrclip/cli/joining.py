"""``napari-corrclip project compare``: two people's projects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_corrclip.cli.console import Debug, guarded, place

First = Annotated[Path, typer.Argument(parser=place, metavar="A", help="A project's folder.")]
Second = Annotated[Path, typer.Argument(parser=place, metavar="B", help="Another one's.")]


def compare(
    first: First,
    second: Second,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=Path,
            metavar="DIR",
            help="Gets tables (JSON, Markdown), and pictures of the images that differ most.",
            show_default=False,
        ),
    ] = None,
    verified: Annotated[
        bool, typer.Option("--verified", help="Only images that both have verified.")
    ] = False,
    decided: Annotated[
        bool,
        typer.Option(
            "--decided",
            help="Only pixels that somebody has decided in both; of a verified image that is all.",
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Tell how far two projects agree on the images that both have: Cohen's κ, and IoU of each class.

    Images are the same by their content, classes by their names. Labels are those that each project shows
    now. Nothing is written into either. Images that cannot be compared are told and passed over; the exit
    code is 2 then.
    """
    with guarded(debug):
        from napari_corrclip.cli import joined

        joined.compare(first, second, output, verified=verified, decided=decided)
