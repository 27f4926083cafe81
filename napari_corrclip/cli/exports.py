"""``export`` and ``import``: labels handed on to trainers, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from napari_corrclip.cli.console import UNUSABLE, place, say, tell
from napari_corrclip.errors import InputError
from napari_corrclip.wording.amounts import count

if TYPE_CHECKING:
    from napari_corrclip.project.export.exporting import Exported, ExportOptions

SHOWN = 20
"""So many images that were not taken are told one by one."""

FormatName = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        metavar="NAME",
        help="Which format; `formats` lists them.",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", parser=place, metavar="DIR", help="Is made.", show_default=False
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        metavar="80/10/10",
        help="Deal the images out for training, validation and testing; planes of one file stay together.",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option(help="Another one deals them out in another way.")]


def _chosen(metavar: str, told: str) -> Any:
    """Return an option that each format chooses itself where nobody gives it."""
    return typer.Option(metavar=metavar, help=told, show_default="as the format does")


Masks = Annotated[str | None, _chosen("regions|classes|both", "What a mask is of.")]
Unlabelled = Annotated[int | None, _chosen("N", "The number of pixels without a class.")]
Ignored = Annotated[int | None, _chosen("N", "The number of ignored regions.")]
ValuesFrom = Annotated[
    str | None,
    _chosen(
        "keep|0|1",
        "Number the classes as in the project, or without gaps from 0 or 1 on.",
    ),
]
Background = Annotated[
    str | None,
    _chosen(
        "class|unlabelled",
        "The background class is a class as any other, or as if its pixels had none.",
    ),
]
Pictures = Annotated[
    str | None,
    _chosen("copy|link|none", "The images themselves: copied, linked to, or left where they are."),
]
RollUp = Annotated[
    str | None,
    typer.Option(
        metavar="root|CLASS,…",
        help="Classes as those above them: as the uppermost, or as the nearest of some.",
        show_default="each as itself",
    ),
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Let it take the place of a former export in DIR.")
]


@dataclass(frozen=True, slots=True)
class Given:
    """The options of an export as they were typed; each is told at its type above."""

    split: str | None
    seed: int
    masks: str | None
    unlabelled: int | None
    ignored: int | None
    values_from: str | None
    background: str | None
    pictures: str | None
    roll_up: str | None
    replace: bool

    def options(self) -> ExportOptions:
        """Return them as what an export takes.

        Raises:
            InputError: one cannot be used.
        """
        from napari_corrclip.project.export.exporting import ExportOptions, split_of
        from napari_corrclip.project.export.format import Wanted
        from napari_corrclip.project.export.numbering import Background, First
        from napari_corrclip.project.export.pictures import HOWS, How

        first = {"keep": "keep", "0": 0, "1": 1, None: None}
        if self.values_from not in first:
            raise InputError(f"--values-from is {self.values_from!r}; choose keep, 0 or 1.")
        return ExportOptions(
            masks=cast("Wanted | None", _one_of("--masks", self.masks, get_args(Wanted))),
            unlabelled=self.unlabelled,
            ignored=self.ignored,
            first=cast("First | None", first[self.values_from]),
            background=cast(
                "Background | None", _one_of("--background", self.background, get_args(Background))
            ),
            pictures=cast("How | None", _one_of("--pictures", self.pictures, HOWS)),
            split=() if self.split is None else split_of(self.split),
            seed=self.seed,
            roll_up=self.roll_up,
            replace=self.replace,
        )


def _one_of(option: str, text: str | None, known: Sequence[str]) -> str | None:
    if text is not None and text not in known:
        raise InputError(f"{option} is {text!r}; choose {', '.join(known)}.")
    return text


def export_project(
    folder: Path, format_: str, output: Path, only: Sequence[str], given: Given
) -> None:
    """Export a project.

    Raises:
        InputError: something cannot be used, or written.
        typer.Exit: images were left out.
    """
    from napari_corrclip.project.project import Project

    with Project.open(folder, read_only=True) as project:
        done = project.export(output, format_, only=only, options=given.options())
    _tell_exported(done, format_)


def export_loose(places: Sequence[Path], format_: str, output: Path, given: Given) -> None:
    """Export results and sessions that are in no project.

    Raises:
        InputError: something cannot be used, or written.
        typer.Exit: images were left out.
    """
    from napari_corrclip.progress import drive
    from napari_corrclip.project.loose import loose_steps

    _tell_exported(drive(loose_steps(places, output, format_, given.options())), format_)


def _tell_exported(done: Exported, format_: str) -> None:
    if done.turned:
        say(
            f"{count(done.turned, 'photograph')} {'is' if done.turned == 1 else 'are'} stored turned, with a "
            "note which way: masks lie as it is seen upright. --pictures copy writes upright copies."
        )
    _say_some(done.notes)
    _say_some([f"Left out: {line}" for line in done.left_out])
    tell(f"{done.folder}: {count(done.images, 'image')} as {format_}{done.dealt}")
    if done.left_out:
        raise typer.Exit(UNUSABLE)


def _say_some(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        say(line)
    if len(lines) > SHOWN:
        say(f"and {len(lines) - SHOWN:,} more")


def list_formats() -> None:
    """Print the formats: name, what it is, whether labels come back exactly."""
    from napari_corrclip.project.export.formats import FORMATS

    width = max(map(len, FORMATS))
    for name, format_ in FORMATS.items():
        kept = "exact" if format_.exact else "polygons"
        kept = "read" if format_.writer is None else kept
        tell(f"{name:{width}}  {kept:8}  {format_.title}: {format_.tip}")


def import_labels(
    folder: Path,
    export: Path,
    *,
    format_: str | None,
    kind: str,
    images: Sequence[str],
    by: str,
    replace: bool,
    no_manifest: bool,
) -> None:
    """Take an export's labels into a project, which is made where there is none.

    Raises:
        InputError: something cannot be used.
        typer.Exit: not all labels were taken.
    """
    from napari_corrclip.project.export.importing import KINDS, Opened
    from napari_corrclip.project.folder import place_of_new, project_at
    from napari_corrclip.project.importing import recipe_in
    from napari_corrclip.project.project import Project
    from napari_corrclip.project.records import ItemState
    from napari_corrclip.storage.disk import remove

    if kind not in KINDS:
        raise InputError(f"--as is {kind!r}; choose {' or '.join(KINDS)}.")
    known = project_at(folder)
    if known is not None:
        project = Project.open(known)
        if images:
            project.add(*images)
    else:
        new = place_of_new(folder)
        opened = Opened.of(export, name=format_, manifest=not no_manifest)
        pictures = [entry.picture for entry in opened.entries if entry.picture is not None]
        if not images and not pictures:
            raise InputError(
                f"{str(export)!r} has no images, and there is no project {str(new)!r} yet; say where the "
                "images are (--images)."
            )
        recipe = recipe_in(opened)
        project = Project.create(new, opened.vocabulary, images or pictures, recipe=recipe)
    kept = True
    try:
        with project:
            try:
                done = project.import_labels(
                    export,
                    format=format_,
                    kind=kind,
                    by=by,
                    replace=replace,
                    manifest=not no_manifest,
                )
            finally:
                kept = known is not None or project.count().keys() != {ItemState.NEW}
            if known is None and kept:
                tell(f"{project.folder}: {count(len(project), 'image')}")
    finally:
        if not kept:  # it was made for this import, and has nothing of it
            remove(project.folder)
    _say_some(done.notes)
    _say_some(done.conflicts)
    if done.classes:
        tell(f"new classes: {', '.join(done.classes)}")
    tell(f"{count(len(done.done), 'image')} imported, {len(done.conflicts)} not")
    if not kept:
        say(f"No label came, so that the project {str(project.folder)!r} was not made.")
    if done.conflicts:
        raise typer.Exit(UNUSABLE)
