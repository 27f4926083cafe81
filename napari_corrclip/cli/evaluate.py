"""``napari-corrclip evaluate`` and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_corrclip.cli.console import Debug, Offline, guarded
from napari_corrclip.cli.declared import Device, Dtype, Preset, RegionOptions


def evaluate(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="voc21, voc20, context60, context59, coco_stuff, coco_object, ade20k, cityscapes, or "
            "folder: any with 'images', 'labels' of the same names and 'classes.txt'.",
        ),
    ],
    root: Annotated[
        Path,
        typer.Option("--root", metavar="DIR", help="Where the data set lies, in its usual layout."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Gets the report and a project with all results; the same command goes on there.",
            show_default="corrclip-evaluation-DATASET",
        ),
    ] = None,
    preset: Preset = "demo",
    regions: Annotated[
        str, typer.Option("--regions", metavar="sam|superpixels", help="Where regions come from.")
    ] = "sam",
    region_option: RegionOptions = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="YAML or JSON of the method's settings, above the data set's protocol.",
        ),
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    detail: Annotated[
        str,
        typer.Option(metavar="standard|fine|native", help="Inference size, above the protocol's."),
    ] = "standard",
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            "-c",
            metavar="TEXT|FILE",
            help="Of a folder: its classes, in the order of their values.",
            show_default="ROOT/classes.txt",
        ),
    ] = None,
    first: Annotated[
        int | None,
        typer.Option(
            metavar="VALUE",
            help="Of a folder: the truth's value of the first class.",
            show_default="0",
        ),
    ] = None,
    ignore: Annotated[
        list[int] | None,
        typer.Option(
            metavar="VALUE",
            help="Of a folder: value of the truth that is not counted; may be repeated.",
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Only so many images, evenly spread; more can be added.",
            show_default="all",
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Of N parts run the I-th alone, after --prepare; nothing is scored."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Have the images run by N processes on this machine; needs the extra cluster.",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="tcp://HOST:PORT",
            help="Have them run by the workers of this Dask scheduler; needs the extra cluster.",
        ),
    ] = None,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Make the project for parts, and run nothing.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Tell what is found under the root, and run nothing.")
    ] = False,
    oracle: Annotated[
        bool,
        typer.Option(
            "--oracle",
            help="Tell what regions of the other source could reach, too: superpixels beside sam, sam beside "
            "superpixels.",
        ),
    ] = False,
    no_plots: Annotated[
        bool, typer.Option("--no-plots", help="Tables and pictures alone.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Let the report take the place of one of more images or other values in DIR.",
        ),
    ] = False,
    _offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Measure a preset on a data set with truth, by the protocol of the benchmark.

    Results are kept, so that a run that was stopped goes on; the networks' weights are fetched as by segment.
    """
    with guarded(debug):
        from napari_corrclip.cli import evaluations as command
        from napari_corrclip.cli.options import parse_region_options

        command.evaluate(
            command.Options(
                dataset=dataset,
                root=root,
                output=output,
                preset=preset,
                regions=regions,
                region_options=parse_region_options(region_option or ()),
                settings=settings,
                device=device,
                dtype=dtype,
                detail=detail,
                classes=classes,
                first=first,
                ignore=tuple(ignore or ()),
                images=images,
                part=part,
                workers=workers,
                scheduler=scheduler,
                prepare=prepare,
                check=check,
                oracle=oracle,
                plots=not no_plots,
                replace=replace,
            )
        )
