"""The commands and their options."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from napari_corrclip.cli import exports, models, project
from napari_corrclip.cli.console import (
    READER_GONE,
    Debug,
    Offline,
    guarded,
    lost_stdout,
    place,
    tell,
)
from napari_corrclip.cli.declared import Classes, Device, Dtype, Preset, RegionOptions, Regions
from napari_corrclip.cli.evaluate import evaluate
from napari_corrclip.cli.robustness import robustness
from napari_corrclip.errors import InputError
from napari_corrclip.wording.visible import visible_streams

# Without rich, help is plain text: it starts faster and reads the same in a log.
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

app.add_typer(models.app, name="models")
app.add_typer(project.app, name="project")
app.command()(evaluate)
app.command()(robustness)


def run(args: Sequence[str]) -> int:
    """Run the command line ``args`` and return the exit code."""
    with visible_streams():
        return _run(args)


def _run(args: Sequence[str]) -> int:
    # The command itself and not `app()`, which would replace sys.excepthook.
    command = typer.main.get_command(app)
    try:
        command.main(args=list(args), prog_name="napari-corrclip", standalone_mode=True)
    except SystemExit as stop:
        # What click puts in its place when help is printed to a reader that has gone.
        if stop.code == 1 and type(sys.stdout).__name__.endswith("PacifyFlushWrapper"):
            return READER_GONE
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except OSError as error:  # of help, which typer prints by itself
        return lost_stdout(error)
    return 0


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        tell(f"napari-corrclip {version('napari-corrclip')}")
        raise typer.Exit


@app.callback()
def napari_corrclip(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Type words, get one class map of the whole image."""


@app.command()
def segment(
    images: Annotated[
        list[Path], typer.Argument(parser=Path, metavar="IMAGE...", help="PNG, JPEG or TIFF files.")
    ],
    classes: Classes,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", parser=Path, metavar="DIR", help="Gets a folder of results per image."
        ),
    ],
    preset: Preset = "demo",
    regions: Regions = "sam",
    region_option: RegionOptions = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    detail: Annotated[
        str,
        typer.Option(
            metavar="standard|fine|native",
            help="Size at which the networks see the image: the preset's own, twice that, or the "
            "image's own (long side up to 2048). Small things vanish below.",
        ),
    ] = "standard",
    settings: Annotated[
        Path | None,
        typer.Option(
            parser=Path, metavar="FILE", help="YAML or JSON of settings in place of the preset's."
        ),
    ] = None,
    templates: Annotated[
        list[str] | None,
        typer.Option(
            metavar="imagenet|single|de|ja|…|TEXT",
            help="Sentences that prompts are put into, such as 'a microscopy image of {}'; may be "
            "repeated. A language's code for words of that language: de, es, fr, it, ja, ko, nl, pl, "
            "pt, ru, zh.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Pixels whose class is less probable (0 to 1) become background, or unlabelled.",
        ),
    ] = None,
    limits: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Values of the image that become black and white."),
    ] = None,
    percentiles: Annotated[
        tuple[float, float],
        typer.Option(
            metavar="LOW HIGH",
            help="The same by percentiles, for images of more than 8 bits without --limits.",
        ),
    ] = (0.1, 99.9),
    scale: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="For images too large for memory: the networks see S pixels for each of the image's, "
            "such as 0.25, in tiles, and maps are written as zarr. IMAGE may be a zarr folder, and "
            "a tiled TIFF is read tile by tile.",
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help="With --scale: how much sam or superpixels are shown at a time.",
            show_default="1024 / S",
        ),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help="With --scale: what neighbouring tiles share.",
            show_default="a quarter of a tile",
        ),
    ] = None,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing", help="Leave images out that have results; others are replaced."
        ),
    ] = False,
    _offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Segment images by words.

    Every image's results are saved as soon as they are there, in DIR/<name of the image>. An image
    that cannot be used is reported and left out; the exit code is 2 then.
    """
    with guarded(debug):
        from napari_corrclip.cli.options import parse_region_options
        from napari_corrclip.cli.segment import Options, segment_images

        segment_images(
            images,
            Options(
                classes=classes,
                output=output,
                preset=preset,
                regions=regions,
                region_options=parse_region_options(region_option or ()),
                device=device,
                dtype=dtype,
                detail=detail,
                settings=settings,
                templates=tuple(templates or ()),
                threshold=threshold,
                limits=limits,
                percentiles=percentiles,
                scale=scale,
                tile=tile,
                overlap=overlap,
                skip_existing=skip_existing,
            ),
            debug=debug,
        )


@app.command()
def demo(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=Path,
            metavar="DIR",
            help="Gets the results.",
            show_default="corrclip-demo",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Draws the scene; any number from 0.", show_default="7"),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            "-c",
            metavar="TEXT|FILE",
            help="As in segment; left out: what is in the scene.",
        ),
    ] = None,
    regions: Annotated[
        str, typer.Option(metavar="sam|superpixels|PATH", help="As in segment.")
    ] = "sam",
    region_option: RegionOptions = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    evaluate: Annotated[
        bool,
        typer.Option(
            "--evaluate",
            help="Measure on many scenes, stage by stage, instead; takes no -o, --seed, --classes "
            "and --region-option.",
        ),
    ] = False,
    scenes: Annotated[
        int | None, typer.Option(help="How many scenes --evaluate takes.", show_default="100")
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", parser=Path, metavar="FILE", help="Where --evaluate writes too."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Segment a built-in scene and compare it with its truth; needs no image and no network."""
    with guarded(debug):
        from napari_corrclip.cli import demo as command
        from napari_corrclip.cli.options import parse_region_options
        from napari_corrclip.errors import InputError

        of_one_scene = {
            "--output": output,
            "--seed": seed,
            "--classes": classes,
            "--region-option": region_option or None,
        }
        of_many = {"--scenes": scenes, "--json": json}
        for option, value in (of_one_scene if evaluate else of_many).items():
            if value is not None:
                raise InputError(
                    f"{option} does not go with --evaluate; leave one of the two out."
                    if evaluate
                    else f"{option} goes with --evaluate; add it or leave {option} out."
                )
        if evaluate:
            command.evaluate(
                100 if scenes is None else scenes,
                regions=regions,
                device=device,
                dtype=dtype,
                json=json,
            )
        else:
            command.show(
                Path("corrclip-demo") if output is None else output,
                7 if seed is None else seed,
                classes=classes,
                regions=regions,
                region_options=parse_region_options(region_option or ()),
                device=device,
                dtype=dtype,
            )


@app.command()
def effort(
    data: Annotated[
        str,
        typer.Option(
            metavar="demo|FOLDER",
            help="The demo's test scenes, or a folder with 'images' and, under the same names, "
            "'labels': gray images whose values are the classes, from 0.",
        ),
    ] = "demo",
    images: Annotated[
        int | None,
        typer.Option(
            help="How many are corrected.", show_default="50 scenes; every other photograph"
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", parser=place, metavar="DIR", help="Gets tables and plots."),
    ] = Path("corrclip-effort"),
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            "-c",
            metavar="TEXT|FILE",
            help="Names of the folder's classes, in the order of their values from 0.",
            show_default="FOLDER/classes.txt, a name a line, or numbers",
        ),
    ] = None,
    ignore: Annotated[
        list[int] | None,
        typer.Option(
            metavar="VALUE",
            help="Value of the folder's truth that is not counted; may be repeated.",
        ),
    ] = None,
    superpixels: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            metavar="N",
            help="About how many regions a folder's images have; may be repeated.",
            show_default="70, 350 and 1600",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what a folder's pre-labels learn from.")] = 0,
    variants: Annotated[
        bool,
        typer.Option(
            "--variants",
            help="Try other orders than the queue's too; with --sequence, features shuffled, wrong verdicts "
            "and all tools; with --sheets, other orders, features shuffled and the best order of pages.",
        ),
    ] = False,
    sequence: Annotated[
        bool,
        typer.Option(
            "--sequence",
            help="Correct image after image, with and without what the corrections teach.",
        ),
    ] = False,
    sheets: Annotated[
        bool,
        typer.Option(
            "--sheets",
            help="Correct a whole set on the contact sheet, 24 regions at once, beside region by region.",
        ),
    ] = False,
    orders: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --sequence: in how many orders of the images; with --sheets: by how many random "
            "halves of them intervals are told.",
            show_default="10",
        ),
    ] = None,
    sets: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="With --sequence or --sheets: of plain, noise, cast, words, class, examples; of a folder: "
            "held, few, cast.",
            show_default="all",
        ),
    ] = None,
    half: Annotated[
        str | None,
        typer.Option(
            metavar="test|tune",
            help="With --sequence or --sheets: the half that figures are told for, or that to choose by.",
            show_default="test",
        ),
    ] = None,
    no_plots: Annotated[bool, typer.Option("--no-plots", help="Draw nothing.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let it take the place of a study in DIR.")
    ] = False,
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Measure what correcting costs: a simulated person, with and without pre-labels.

    How it is measured, and one full run, is told in docs/effort.md; of sheets in docs/effort-sheets.md.
    """
    with guarded(debug):
        if sequence or sheets:
            from napari_corrclip.cli import sequences, set_sheets

            if sequence and sheets:
                raise InputError("--sequence and --sheets are two studies; ask for one of them.")
            study = set_sheets if sheets else sequences
            study.measure(
                sequences.Options(
                    data=data,
                    images=images,
                    orders=10 if orders is None else orders,
                    sets=sets,
                    half="test" if half is None else half,
                    output=output,
                    classes=classes,
                    ignore=tuple(ignore or ()),
                    superpixels=superpixels,
                    seed=seed,
                    device=device,
                    variants=variants,
                    plots=not no_plots,
                    replace=replace,
                )
            )
            return
        for option, given in (("--orders", orders), ("--sets", sets), ("--half", half)):
            if given is not None:
                raise InputError(
                    f"{option} is {str(given)!r}, and goes with --sequence or --sheets; add one of them, or "
                    "leave it out."
                )
        from napari_corrclip.cli import effort as command

        command.measure(
            command.Options(
                data=data,
                images=images,
                output=output,
                classes=classes,
                ignore=tuple(ignore or ()),
                superpixels=superpixels,
                seed=seed,
                device=device,
                variants=variants,
                plots=not no_plots,
                replace=replace,
            )
        )


@app.command()
def ablate(
    dataset: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATASET]",
            help="A data set as in evaluate, or 'folder'; left out: the demo's test scenes.",
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(parser=Path, metavar="DIR", help="Where the data set lies.")
    ] = None,
    scenes: Annotated[
        int | None,
        typer.Option(
            help="How many scenes, or images of the data set.",
            show_default="100 scenes; all images",
        ),
    ] = None,
    preset: Preset = "demo",
    regions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="sam|superpixels",
            help="Where regions come from; may be repeated.",
            show_default="both of scenes, else sam",
        ),
    ] = None,
    region_option: RegionOptions = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="YAML or JSON of the method's settings, above the data set's protocol.",
        ),
    ] = None,
    dtype: Dtype = "float32",
    detail: Annotated[
        str,
        typer.Option(metavar="standard|fine|native", help="Inference size, above the protocol's."),
    ] = "standard",
    classes: Annotated[
        str | None,
        typer.Option("--classes", "-c", metavar="TEXT|FILE", help="Of a folder, as in evaluate."),
    ] = None,
    first: Annotated[
        int | None, typer.Option(metavar="VALUE", help="Of a folder, as in evaluate.")
    ] = None,
    ignore: Annotated[
        list[int] | None,
        typer.Option(metavar="VALUE", help="Of a folder, as in evaluate; may be repeated."),
    ] = None,
    variants: Annotated[
        bool,
        typer.Option(
            "--variants",
            help="Try variants of the method, too, on the demo's scenes by its networks: validation scenes "
            "choose by SAM's regions, test scenes judge. Takes no DATASET and no other --preset.",
        ),
    ] = False,
    validation: Annotated[
        int | None,
        typer.Option(
            help="With --variants: how many scenes choose their knobs.", show_default="40"
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", parser=Path, metavar="DIR", help="Gets tables, JSON and plots."
        ),
    ] = Path("corrclip-ablation"),
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Let it take the place of a finished ablation in DIR."),
    ] = False,
    device: Device = "auto",
    _offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Switch the method on step by step, compare its similarities, and try variants of it.

    What was measured when this stops is kept in the output folder, and the same command goes on from there.
    """
    with guarded(debug):
        from napari_corrclip.cli import ablation as command
        from napari_corrclip.cli.options import parse_region_options

        command.measure(
            command.Options(
                dataset=dataset,
                root=root,
                scenes=scenes,
                preset=preset,
                regions=tuple(regions or ()),
                region_options=parse_region_options(region_option or ()),
                settings=settings,
                dtype=dtype,
                detail=detail,
                classes=classes,
                first=first,
                ignore=tuple(ignore or ()),
                variants=variants,
                validation=validation,
                device=device,
                output=output,
                replace=replace,
            )
        )


@app.command()
def export(
    places: Annotated[
        list[Path],
        typer.Argument(
            parser=Path,
            metavar="RESULT|SESSION...",
            help="Folders of results or saved sessions, or what was the -o of segment.",
        ),
    ],
    format_: exports.FormatName,
    output: exports.Output,
    split: exports.Split = None,
    seed: exports.Seed = 0,
    masks: exports.Masks = None,
    unlabelled: exports.Unlabelled = None,
    ignored: exports.Ignored = None,
    values_from: exports.ValuesFrom = None,
    background: exports.Background = None,
    pictures: exports.Pictures = None,
    roll_up: exports.RollUp = None,
    replace: exports.Replace = False,
    debug: Debug = False,
) -> None:
    """Write labels in the format of a trainer, of results and sessions that are in no project."""
    with guarded(debug):
        given = exports.Given(
            split,
            seed,
            masks,
            unlabelled,
            ignored,
            values_from,
            background,
            pictures,
            roll_up,
            replace,
        )
        exports.export_loose(places, format_, output, given)


@app.command()
def formats(debug: Debug = False) -> None:
    """List the formats of export, and whether labels come back from them exactly."""
    with guarded(debug):
        exports.list_formats()
