"""``napari-corrclip project compare``, ``merge`` and ``sample``: two people's projects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_corrclip.cli.console import Debug, guarded, place

First = Annotated[Path, typer.Argument(parser=place, metavar="A", help="A project's folder.")]
Second = Annotated[Path, typer.Argument(parser=place, metavar="B", help="Another one's.")]


def _number(text: str | int) -> int:
    """Return the number that somebody typed.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no whole number; say how many are drawn, such as 20."
        ) from None


def compare(
    first: First,
    second: Second,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=place,
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


def merge(
    first: First,
    second: Second,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            parser=place,
            metavar="C",
            help="Is made, and ends in .corrclip-project.",
            show_default=False,
        ),
    ],
    prefer: Annotated[
        str,
        typer.Option(
            metavar="A|B|newest|none",
            help="Whose decision comes through where both decided otherwise; none: somebody has to decide.",
        ),
    ] = "none",
    debug: Debug = False,
) -> None:
    """Make a new project of two: all images, classes and decisions of both.

    Images are the same by their content, classes by their names. Where both decided otherwise of the same
    pixels it is told, and listed in C/conflicts.json with who decided and when. Neither A nor B is written
    into. What of B could not be taken is told; the exit code is 2 then.
    """
    with guarded(debug):
        from napari_corrclip.cli import joined

        joined.merge(first, second, output, prefer)


def sample(
    folder: Annotated[
        Path, typer.Argument(parser=place, metavar="PROJECT", help="The project's folder.")
    ],
    number: Annotated[int, typer.Argument(parser=_number, metavar="N", help="How many are drawn.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=place,
            metavar="Q",
            help="Is made, and ends in .corrclip-project.",
            show_default="PROJECT-second-look",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one draws others.")] = 0,
    regions: Annotated[
        bool,
        typer.Option("--regions", help="Draw single regions, and no images."),
    ] = False,
    verified: Annotated[bool, typer.Option("--verified", help="Of verified images alone.")] = False,
    debug: Debug = False,
) -> None:
    """Draw at random of what was decided, as a project for a second look that shows no decision.

    Whoever decides there sees what the networks proposed, and nothing of the first look. Afterwards
    `project compare PROJECT Q` tells the κ of both looks, with its interval for the whole.
    """
    with guarded(debug):
        from napari_corrclip.cli import joined

        joined.sample(folder, number, output, seed=seed, regions=regions, verified=verified)
