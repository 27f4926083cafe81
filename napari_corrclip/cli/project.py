"""``napari-corrclip project``: many images, pre-labelled and kept track of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_corrclip.cli import exports, joining
from napari_corrclip.cli.console import UNUSABLE, Debug, Offline, guarded, place

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Projects: many images with one vocabulary, pre-labelled, corrected and verified.",
)

Folder = Annotated[
    Path, typer.Argument(parser=place, metavar="PROJECT", help="The project's folder.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first image that fails.")]


@app.command()
def create(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(
            parser=place, metavar="PROJECT", help="Is made, and ends in .corrclip-project."
        ),
    ],
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGES...",
            help="Images, folders (at any depth), patterns such as 'photos/**/*.jpg', or lists (.txt, .csv).",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option("--classes", "-c", metavar="TEXT|FILE", help="As in segment."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            "--from",
            parser=Path,
            metavar="RESULTS",
            help="What was the -o of segment: its images, classes and options are taken, and its results "
            "are pre-labelled items without a run.",
        ),
    ] = None,
    preset: Annotated[
        str, typer.Option(metavar="demo|vit-b-16|…", help="Which networks.")
    ] = "demo",
    regions: Annotated[
        str, typer.Option(metavar="sam|superpixels", help="Where regions come from.")
    ] = "sam",
    region_option: Annotated[
        list[str] | None,
        typer.Option("--region-option", metavar="NAME=VALUE", help="As in segment."),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where the networks run.")
    ] = "auto",
    dtype: Annotated[
        str, typer.Option(metavar="float32|float16|bfloat16|auto", help="As in segment.")
    ] = "float32",
    detail: Annotated[
        str, typer.Option(metavar="standard|fine|native", help="As in segment.")
    ] = "standard",
    scale: Annotated[
        float | None,
        typer.Option(metavar="S", help="Large images: as in segment, each in tiles at this scale."),
    ] = None,
    tile: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="With --scale, as in segment.")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="With --scale, as in segment.")
    ] = None,
    copy: Annotated[
        bool,
        typer.Option(
            "--copy",
            help="Copy the images into the project, so that its folder can be moved alone; how much that is, "
            "is told before.",
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Make a project of images, which stay where they are; each plane of a stack is one.

    Or of results of segment, with --from.

    What is put into their folders later is found by the next run.
    """
    with guarded(debug):
        from napari_corrclip.cli import projects

        if results is not None:
            projects.take_up(folder, results, _given(context), copy=copy)
            return
        projects.create(
            folder,
            images or (),
            classes,
            preset=preset,
            regions=regions,
            region_options=region_option or (),
            device=device,
            dtype=dtype,
            detail=detail,
            scale=scale,
            tile=tile,
            overlap=overlap,
            copy=copy,
        )


@app.command()
def run(
    folder: Folder,
    stale: Annotated[
        bool,
        typer.Option(
            "--stale",
            help="Run what was pre-labelled by other settings or words, or before its image changed, too.",
        ),
    ] = False,
    strict: Strict = False,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Of N parts the I-th alone, such as 1/3; parts share no write, so that jobs of an array can "
            "run them at once, on any machines.",
        ),
    ] = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Run nothing; take in what parts have made.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Have the images run by N processes of one thread each on this machine; needs the extra "
            "cluster.",
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
    no_vectors: Annotated[
        bool,
        typer.Option(
            "--no-vectors",
            help="Keep no vectors of the regions, which are less than 1 KiB a region; results are the same.",
        ),
    ] = False,
    taught: Annotated[
        bool,
        typer.Option(
            "--taught",
            help="Then let all images that nobody has begun to correct show what was learnt on others; what "
            "the networks said is kept.",
        ),
    ] = False,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            metavar="features",
            help="Keep the features of the images, too, so that relabel needs no image tower; what was "
            "pre-labelled without them is run again as far as there is room. How much that is, is told "
            "before.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="With --keep features: up to so much in the whole project (of a part: its share), such as "
            "500MB or 20GB (the default).",
            show_default=False,
        ),
    ] = None,
    _offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Pre-label the images that have no result yet.

    Each is kept as it is done; after a stop the next run goes on. What somebody has begun to correct is left
    as it is. An image that fails is told and passed over; the exit code is 2 then.
    """
    with guarded(debug):
        from napari_corrclip.cli import projects

        projects.run(
            folder,
            stale=stale,
            strict=strict,
            part=part,
            collect=collect,
            workers=workers,
            scheduler=scheduler,
            vectors=not no_vectors,
            taught=taught,
            keep=keep,
            limit=limit,
        )


@app.command()
def relabel(
    folder: Folder,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            "-c",
            metavar="TEXT|FILE",
            help="The classes from now on, as in segment; those of the same name are the same ones. Without "
            "it the project's.",
            show_default=False,
        ),
    ] = None,
    strict: Strict = False,
    _offline: Offline = False,
    debug: Debug = False,
) -> None:
    """Label by other classes what was pre-labelled, by the features that run --keep features has kept.

    No image tower runs. What somebody has begun to correct is left as it is; what has no features is told,
    and needs run --stale.
    """
    with guarded(debug):
        from napari_corrclip.cli import projects

        projects.relabel(folder, classes, strict=strict)


@app.command()
def status(folder: Folder, roll_up: exports.RollUp = None, debug: Debug = False) -> None:
    """Tell how many images are in each state, what failed, and how many conflicts wait for somebody.

    With --roll-up also how much of each of these classes there is, with all below it.
    """
    with guarded(debug):
        from napari_corrclip.cli import projects

        projects.show_status(folder, roll_up)


@app.command()
def mark(
    folder: Folder,
    state: Annotated[
        str,
        typer.Argument(
            metavar="STATE", help="verified, skipped, new, pre-labelled or 'in review'."
        ),
    ],
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGES...",
            help="Paths as seen from here, or as the project has them; planes such as 'cells.tif[3]'; or "
            "patterns such as '*/birds/*.jpg' on the project's paths, in which * stands for / too.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so.", show_default=False)] = "",
    every: Annotated[
        bool, typer.Option("--all", help="All images that are not in this state yet.")
    ] = False,
    among: Annotated[
        str | None,
        typer.Option(
            "--in", metavar="STATE", help="With --all: of those in this state.", show_default=False
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Say of images that they are verified, to be skipped, in review again, or new; all of them or none.

    What is verified or skipped is left as it is by every run.
    """
    with guarded(debug):
        from napari_corrclip.cli import projects

        projects.mark(folder, state, images or (), by=by, every=every, among=among)


@app.command()
def like(
    folder: Folder,
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE",
            help="Its path as seen from here or in the project; a plane with its place.",
        ),
    ],
    region: Annotated[int, typer.Argument(metavar="REGION", help="The region's id.")],
    most: Annotated[int, typer.Option("-n", metavar="N", help="So many at most.")] = 20,
    undecided: Annotated[
        bool, typer.Option("--undecided", help="Only regions that nobody has decided about.")
    ] = False,
    of: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="NAME", help="Only regions that show this class.", show_default=False
        ),
    ] = None,
    elsewhere: Annotated[
        bool, typer.Option("--elsewhere", help="Only regions of other images.")
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option("--json", parser=Path, metavar="FILE", help="Where they are written too."),
    ] = None,
    debug: Debug = False,
) -> None:
    """List the regions of all images that look most like one, with the cosine of their vectors.

    Regions are compared by the vectors that run keeps beside the results; images without are told.
    """
    with guarded(debug):
        from napari_corrclip.cli import likeness

        likeness.like(
            folder,
            image,
            region,
            most=most,
            undecided=undecided,
            of=of,
            elsewhere=elsewhere,
            json=json,
        )


@app.command()
def lesson(
    folder: Folder,
    switch: Annotated[
        str | None,
        typer.Argument(
            metavar="[off|ask|on]",
            help="Whether what was learnt is shown in the window: not at all, when a person says so, or by "
            "itself.",
            show_default=False,
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Tell what corrections have taught so far, and whether it is shown; or turn that switch."""
    with guarded(debug):
        from napari_corrclip.cli import lessons

        lessons.lesson(folder, switch)


@app.command("open")
def open_window(folder: Folder, debug: Debug = False) -> None:
    """Open a project in napari, with the dock, to correct its images."""
    with guarded(debug):
        from napari_corrclip.cli import projects

        projects.open_window(folder)


@app.command()
def relink(
    folder: Folder,
    old: Annotated[Path, typer.Argument(parser=Path, metavar="OLD", help="Where images lay.")],
    new: Annotated[Path, typer.Argument(parser=Path, metavar="NEW", help="Where they lie now.")],
    debug: Debug = False,
) -> None:
    """Look for images in another place."""
    with guarded(debug):
        from napari_corrclip.cli import projects

        projects.relink(folder, old, new)


@app.command("classes")
def classes_of(
    folder: Folder,
    rename: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="OLD NEW", help="Give a class another name; its label value stays."),
    ] = None,
    merge: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="CLASS INTO",
            help="Let a class be another one from now on, on all images, decided or not; "
            "no decision is written over.",
        ),
    ] = None,
    keep_prompts: Annotated[
        bool,
        typer.Option(
            "--keep-prompts",
            help="With --merge: the other one keeps its own prompts alone, and does not get those of CLASS.",
        ),
    ] = False,
    part: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="Let a class that was merged be one of its own again."),
    ] = None,
    remove: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="Remove a class from the set; where regions were decided as it, with --to or --undecide.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="With --remove: this class gets what was decided as the other; --part takes it back.",
        ),
    ] = None,
    undecide: Annotated[
        bool,
        typer.Option(
            "--undecide",
            help="With --remove: what was decided as the class is taken back on all images.",
        ),
    ] = False,
    bring_back: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="Have a removed class again, with what was decided as it.",
        ),
    ] = None,
    below: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="CLASS PARENT",
            help="Put a class below another one, such as a species below its genus; '': below none.",
        ),
    ] = None,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so.")] = "",
    debug: Debug = False,
) -> None:
    """List the classes of a project with their regions, or change one of them first."""
    with guarded(debug):
        from napari_corrclip.cli import class_motions

        motion = class_motions.Motion(
            rename, merge, keep_prompts, part, remove, to, undecide, bring_back, below
        )
        if not class_motions.move(folder, motion, by=by):
            raise typer.Exit(UNUSABLE)


@app.command()
def repair(folder: Folder, debug: Debug = False) -> None:
    """Make a project's index anew from its items; the former one stays beside it."""
    with guarded(debug):
        from napari_corrclip.cli import projects

        projects.repair(folder)


@app.command()
def export(
    folder: Folder,
    format_: exports.FormatName,
    output: exports.Output,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help="Images in this state alone, such as verified; may be repeated.",
            show_default="all that have labels and are not skipped",
        ),
    ] = None,
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
    """Write the labels of the set in the format of a trainer: as corrected, else as proposed.

    A manifest beside them has what the format cannot hold; with it, import brings all decisions back.
    """
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
        exports.export_project(folder, format_, output, only or (), given)


@app.command("import")
def import_labels(
    folder: Annotated[
        Path,
        typer.Argument(parser=place, metavar="PROJECT", help="Is made where there is none."),
    ],
    export: Annotated[
        Path, typer.Argument(parser=place, metavar="EXPORT", help="The folder of an export.")
    ],
    format_: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="NAME", show_default="it is found out"),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="decisions|predictions",
            help="What labels are where no manifest tells: a person's, or proposals to be looked at.",
        ),
    ] = "decisions",
    images: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLACE",
            help="Images to be added before, as in create; may be repeated.",
            show_default="of a new project those in the export",
        ),
    ] = None,
    by: Annotated[
        str, typer.Option(metavar="NAME", help="Who decided, where nobody is named.")
    ] = "",
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Let labels take the place of what is there; of decisions as a step that can be undone.",
        ),
    ] = False,
    no_manifest: Annotated[
        bool, typer.Option("--no-manifest", help="Leave the manifest beside the export unread.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Take labels of an export, of this program or another one, into the images of the same names.

    What was corrected here, or proposed by a run, stays and is told; the exit code is 2 then.
    """
    with guarded(debug):
        exports.import_labels(
            folder,
            export,
            format_=format_,
            kind=kind,
            images=images or (),
            by=by,
            replace=replace,
            no_manifest=no_manifest,
        )


def _given(context: typer.Context) -> list[str]:
    """Return what a person gave of what results tell themselves."""
    given = []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        theirs = name not in ("folder", "results", "copy", "debug")
        if theirs and source is not None and source.name == "COMMANDLINE":
            given.append("IMAGES" if name == "images" else parameter.opts[0])
    return given


app.command()(joining.compare)
app.command()(joining.merge)
app.command()(joining.sample)
