"""The options that several commands have, as typer declares them."""

from __future__ import annotations

from typing import Annotated

import typer

Classes = Annotated[
    str,
    typer.Option(
        "--classes",
        "-c",
        metavar="TEXT|FILE",
        help="Classes by commas, such as 'cat, dog, background: sky, grass' ('name: prompts' up to "
        "the end of a line), or a .txt, .csv, .yaml or .json file of them.",
    ),
]
Regions = Annotated[
    str,
    typer.Option(
        "--regions",
        metavar="sam|superpixels|PATH",
        help="Where regions come from. PATH: an image or .npy file of integers, 0 = unsegmented, "
        "or a folder with such a file of the image's name.",
    ),
]
RegionOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--region-option",
        metavar="NAME=VALUE",
        help="Of sam or superpixels, such as points_per_side=32; may be repeated.",
    ),
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where the networks run.")]
Dtype = Annotated[
    str,
    typer.Option(
        metavar="auto|float32|float16|bfloat16",
        help="What CLIP and the similarity tower compute in.",
    ),
]
Preset = Annotated[
    str,
    typer.Option(
        metavar="demo|vit-b-16|…", help="Which networks; 'models list' tells which there are."
    ),
]
