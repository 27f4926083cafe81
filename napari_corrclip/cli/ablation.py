"""``napari-corrclip ablate``: the method switched on step by step, its similarities, and variants of it."""

from __future__ import annotations

import datetime
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from napari_corrclip.cli.console import going_on, say, tell
from napari_corrclip.cli.following import follow
from napari_corrclip.cli.options import (
    RegionOptions,
    check_region_options,
    read_numbered_classes,
)
from napari_corrclip.cli.segment import read_settings, tell_fetched
from napari_corrclip.cli.targets import check_folder
from napari_corrclip.errors import InputError
from napari_corrclip.regions.options import REGION_KINDS
from napari_corrclip.settings import at_detail
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.wording.amounts import count

if TYPE_CHECKING:
    from napari_corrclip.evaluation.datasets.dataset import Dataset
    from napari_corrclip.settings import Detail

DEMO = "demo"
SCENES = 100
VALIDATION = 40


@dataclass(frozen=True)
class Options:
    """The options of ``ablate``; the command's help says what each means.

    Attributes:
        dataset: name of a data set; ``None``: the demo's scenes.
        root: folder of the data set.
        scenes: how many images; ``None``: 100 scenes, or all of the data set.
        preset: of the networks.
        regions: sources of regions; none: of the demo both, else SAM.
        region_options: of the only source.
        settings: file of the method's settings, above the data set's.
        dtype: of CLIP and the similarity tower.
        detail: the inference size, above the data set's.
        classes: of a folder, its classes.
        first: of a folder, value of the first class.
        ignore: of a folder, values that are not counted.
        variants: whether variants are tried, too.
        validation: how many scenes choose the variants' knobs; ``None``: 40.
        device: where the networks run.
        replace: whether a finished ablation in the folder may be replaced.
        output: the folder that gets the results.
    """

    dataset: str | None
    root: Path | None
    scenes: int | None
    preset: str
    regions: Sequence[str]
    region_options: RegionOptions
    settings: Path | None
    dtype: str
    detail: str
    classes: str | None
    first: int | None
    ignore: Sequence[int]
    variants: bool
    validation: int | None
    device: str
    output: Path
    replace: bool = False


def measure(options: Options) -> None:
    """Measure the rows, print their tables and write the files.

    Raises:
        InputError: an argument cannot be used.
        typer.Exit: somebody interrupted it.
    """
    dataset = _checked(options)

    from napari_corrclip.evaluation.ablation.output import check_output

    check_folder(options.output)
    check_output(options.output, replace=options.replace)
    if dataset is not None:
        dataset.check_apart(options.output)
    with going_on():
        _measure(options, dataset)


def _measure(options: Options, dataset: Dataset | None) -> None:
    from napari_corrclip.devices import describe_device
    from napari_corrclip.engine.parts import load_regions
    from napari_corrclip.engine.recipe import Recipe
    from napari_corrclip.engine.segmenter import Segmenter
    from napari_corrclip.evaluation.ablation import plots, report
    from napari_corrclip.evaluation.ablation.kept import Kept, others_unfinished, run_key
    from napari_corrclip.evaluation.ablation.measuring import measure_steps
    from napari_corrclip.evaluation.ablation.output import PLOT, write_ablation
    from napari_corrclip.evaluation.ablation.rows import ablation_rows
    from napari_corrclip.evaluation.ablation.sets import DatasetImages, DemoScenes, ImageSet
    from napari_corrclip.evaluation.benchmarking.report import set_notes, sizes
    from napari_corrclip.evaluation.benchmarking.survey import survey_steps
    from napari_corrclip.evaluation.plotting import has_matplotlib
    from napari_corrclip.results.segmentation import package_versions

    images: ImageSet
    notes: list[str] = []
    if dataset is None:
        images = DemoScenes(SCENES if options.scenes is None else options.scenes)
    else:
        images = DatasetImages(dataset, options.scenes)
        found = follow(survey_steps(images.dataset))
        found.check()
        for line in found.lines():
            say(line)
        notes += set_notes(dataset, len(images), options.preset)
        for note in notes:
            if note != dataset.remark:  # which was among the lines
                say(f"Note: {note}")
    kinds = tuple(dict.fromkeys(options.regions)) or (REGION_KINDS if dataset is None else ("sam",))
    recipes = {
        kind: Recipe(
            options.preset,
            device=options.device,
            dtype=options.dtype,
            regions=kind,
            region_options=options.region_options or None,
        )
        for kind in kinds
    }
    first = recipes[kinds[0]]
    settings = images.settings(first.settings)
    if options.settings is not None:
        settings = read_settings(options.settings, settings)
    settings = at_detail(settings, cast("Detail", options.detail))
    if settings.stitched:
        raise InputError(
            "ablate measures the published attention, window by window, and the settings say stitched: true; "
            "set it to false."
        )
    tell_fetched(first)
    segmenter: Segmenter = follow(Segmenter.load_steps(replace(first, settings=settings)))
    sources = {kinds[0]: segmenter.regions}
    sources |= {kind: load_regions(recipes[kind]) for kind in kinds[1:]}
    device = describe_device(segmenter.clip.device)
    say(f"{images.title} on {device}, regions by {' and '.join(kinds)}")

    rows = ablation_rows(settings)
    prints = {row.name: row.settings.fingerprint for row in rows}
    command = shlex.join(["napari-corrclip", *sys.argv[1:]])
    kept = Kept(options.output, run_key(first, sources, images.key, prints), command)
    of_variants = run_key(first, sources, "variants", {"full": settings.fingerprint})
    also = Kept(options.output, of_variants, command)
    places = [kept, also] if options.variants else [kept]
    if begun := kept.begun(len(images), sources):
        was = "was" if begun == 1 else "were"
        say(
            f"{begun:,} of {count(len(images), 'image')} {was} measured before; this goes on from there."
        )
    for left, other in others_unfinished(options.output, [each.folder for each in places]).items():
        way = f"goes on by {other}" if other else "goes on by the command that it was begun with"
        say(
            f"Note: {str(left)!r} is of another run, which {way}; remove it where that is not wanted."
        )
    measured = follow(measure_steps(images, rows, sources, segmenter, kept=kept))
    notes.append(f"{sizes(settings, first.dtype)}.")
    run = report.Run(
        command=command,
        preset=options.preset,
        settings=settings.model_dump(),
        versions=package_versions(),
        device=device,
        date=datetime.date.today().isoformat(),
        notes=tuple(notes),
    )
    page, more = report.markdown(measured, run), {}
    drawn = {PLOT: plots.difference_plot(measured)} if has_matplotlib() else {}
    if options.variants:
        from napari_corrclip.evaluation.variants.report import study_document, study_tables
        from napari_corrclip.evaluation.variants.study import study_steps

        study = follow(
            study_steps(
                segmenter,
                sources,
                validation=VALIDATION if options.validation is None else options.validation,
                test=len(images),
                kept=also,
            )
        )
        page += "\n" + "\n".join(study_tables(study))
        more["variants"] = study_document(study)
        if drawn:
            drawn["ablation-variants.png"] = plots.difference_plot(
                study.test, {name: found.variant.title for name, found in study.choices.items()}
            )
    write_ablation(options.output, report.to_json(measured, run, **more), page, drawn)
    for place in places:
        place.remove()
    if not drawn:
        say(
            "matplotlib is not installed, so there is no plot; pip install 'napari-corrclip[effort]'"
        )
    tell(*page.split("\n"))
    tell(f"{options.output}{os.sep}")


def _checked(options: Options) -> Dataset | None:
    """Return the data set, opened; ``None``: the demo's scenes. Nothing heavy is imported for it.

    Raises:
        InputError: an option cannot be used, or does not go with another.
    """
    if options.scenes is not None and options.scenes < 1:
        raise InputError(f"--scenes {options.scenes} cannot be measured; ask for at least one.")
    for kind in options.regions:
        if kind not in REGION_KINDS:
            raise InputError(
                f"ablate takes no regions {kind!r}; choose {' or '.join(REGION_KINDS)}."
            )
    preset = get_preset(options.preset)
    at_detail(preset.settings, cast("Detail", options.detail))
    if options.region_options and len(options.regions) != 1:
        raise InputError(
            "--region-option goes with one --regions; say which source the options are of."
        )
    check_region_options(options.region_options, (*options.regions, "sam")[0])
    if options.settings is not None:
        read_settings(options.settings, preset.settings)
    if options.validation is not None and not options.variants:
        raise InputError("--validation goes with --variants; add it or leave --validation out.")
    if options.validation is not None and options.validation < 1:
        raise InputError(
            f"--validation {options.validation} chooses nothing; ask for at least one."
        )
    demo = options.dataset in (None, DEMO)
    if options.variants:
        if not demo or options.preset != DEMO:
            raise InputError(
                "--variants are chosen and judged on the demo's scenes by the demo's networks; leave the "
                "data set and --preset out."
            )
        if options.regions and "sam" not in options.regions:
            raise InputError(
                "--variants are judged by SAM's regions; add --regions sam or leave --regions out."
            )
    if demo:
        if options.classes is not None or options.first is not None or options.ignore:
            raise InputError(
                "--classes, --first and --ignore are for a folder, and the demo's scenes have their own; "
                "leave them out."
            )
        if options.root is not None:
            raise InputError(
                "--root is of a data set, and the demo's scenes are drawn; name the data set or leave "
                "--root out."
            )
        return None
    if options.root is None:
        raise InputError(
            f"{options.dataset!r} is read from a folder; give it by --root, or no data set for the demo's "
            "scenes."
        )

    from napari_corrclip.evaluation.datasets.opening import open_dataset

    classes = None if options.classes is None else read_numbered_classes(options.classes)
    return open_dataset(
        str(options.dataset),
        options.root,
        classes=classes,
        first=options.first,
        ignore=options.ignore,
    )
