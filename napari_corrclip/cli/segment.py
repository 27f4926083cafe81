"""``napari-corrclip segment``: check everything that is cheap first, then image by image."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from napari_corrclip.cli.console import (
    FAILED,
    UNUSABLE,
    exit_code,
    say,
    sentence,
    show_traceback,
    tell,
    tell_unfree,
)
from napari_corrclip.cli.options import (
    RegionOptions,
    check_region_options,
    check_regions,
    check_scale_options,
    read_classes,
)
from napari_corrclip.cli.targets import has_whole_result, result_folders
from napari_corrclip.engine.recipe import GIVEN, Recipe
from napari_corrclip.errors import InputError, WeightsError
from napari_corrclip.images import PERCENTILES, ImageOptions, Pixels, read_pixels
from napari_corrclip.images.origin import Origin
from napari_corrclip.maps.reading import ENDINGS, find_map
from napari_corrclip.progress import Steps, drive, finish
from napari_corrclip.project.run import Done, Failed, Item, Outcome, Skipped, run_steps
from napari_corrclip.regions.options import REGION_KINDS
from napari_corrclip.settings import Settings
from napari_corrclip.storage.text_files import load_json, load_yaml, read_text
from napari_corrclip.storage.zarr_folders import METADATA
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.vocabulary.near_colors import nearest_given
from napari_corrclip.weights.cache import is_offline
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.extras import check_extras
from napari_corrclip.weights.fetch import missing
from napari_corrclip.weights.presets import NetworkSpec, Preset
from napari_corrclip.wording.amounts import count, size_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_corrclip.engine.segmenter import Segmenter
    from napari_corrclip.regions.protocol import RegionSource
    from napari_corrclip.results.large import LargeSegmentation
    from napari_corrclip.results.segmentation import Segmentation
    from napari_corrclip.settings import Detail


@dataclass(frozen=True)
class Options:
    """The options of ``segment``; the command's help says what each means."""

    classes: str
    output: Path
    preset: str = "demo"
    regions: str = "sam"
    region_options: RegionOptions = field(default_factory=dict)
    device: str = "auto"
    dtype: str = "float32"
    detail: str = "standard"
    settings: Path | None = None
    templates: tuple[str, ...] = ()
    threshold: float | None = None
    limits: tuple[float, float] | None = None
    percentiles: tuple[float, float] = PERCENTILES
    scale: float | None = None
    tile: int | None = None
    overlap: int | None = None
    skip_existing: bool = False


def segment_images(images: Sequence[Path], options: Options, *, debug: bool = False) -> None:
    """Segment ``images`` and save each as it is done.

    Raises:
        InputError: an option cannot be used, or the only image. Nothing was loaded or written then,
            as far as that can be known before.
        typer.Exit: some of several images failed, with the exit code.
    """
    job = Job(options)
    folders = result_folders(images, options.output, skipping=options.skip_existing)
    # The only image is read before torch is imported: a slip in its name is told at once.
    only = len(folders) == 1 and options.scale is None
    read = {image: job.read(image) for image in folders} if only else {}
    job.check()
    near = nearest_given(job.vocabulary)
    if near is not None:
        say(f"Note: {near.sentence}")
    items = [
        Item(image, partial(job.steps, image, folder, read.get(image)))
        for image, folder in folders.items()
    ]
    codes = []

    def tell_event(event: Outcome[Path, Segmented]) -> None:
        if isinstance(event, Skipped):
            say(f"{event.key}: has results in {folders[event.key]}; left out.")
            return
        error = event.error if isinstance(event, Failed) else None
        if isinstance(event, Done):
            error = event.problem
            if error is None:
                report(event.result.result, folders[event.key])
        if error is not None:
            text = sentence(error)
            say(f"Error: {text if str(event.key) in text else f'{event.key}: {text}'}")
            if debug:
                show_traceback(error)
            codes.append(exit_code(error))

    def ends(error: Exception) -> bool:
        # Without weights no other image would fare better.
        return len(folders) == 1 or isinstance(error, WeightsError)

    drive(
        run_steps(items, Folders(folders, skipping=options.skip_existing), ends=ends),
        tell=tell_event,
    )
    if codes:
        rest = "; the others are saved" if len(codes) < len(folders) else ""
        say(f"{len(codes)} of {count(len(folders), 'image')} failed{rest}.")
        raise typer.Exit(FAILED if FAILED in codes else UNUSABLE)


@dataclass(frozen=True, eq=False)
class Segmented:
    """The outcome of an image: the result, and the pixels that its overlay is painted over.

    Attributes:
        result: of the image.
        rgb: (H, W, 3) uint8; ``None`` for a large image, whose result is in its folder already.
    """

    result: Segmentation | LargeSegmentation
    rgb: NDArray[np.uint8] | None = None


class Folders:
    """The store of results: a folder for each image.

    Args:
        folders: by image.
        skipping: whether a result that is there is left as it is.
    """

    def __init__(self, folders: Mapping[Path, Path], *, skipping: bool) -> None:
        self._folders, self._skipping = folders, skipping

    def has(self, key: Path) -> bool:
        """Whether an image has a whole result that is to stay."""
        return self._skipping and has_whole_result(self._folders[key])

    def save(self, key: Path, result: Segmented) -> None:
        """Write a result into its image's folder."""
        from napari_corrclip.results.segmentation import Segmentation

        if isinstance(result.result, Segmentation):
            result.result.save(self._folders[key], image=result.rgb)


class Job:
    """The part of a run that is the same for all images: made from the options, cheap things first.

    The networks are loaded when the first image has been read, so that a slip costs no download.
    """

    def __init__(self, options: Options) -> None:
        vocabulary = read_classes(options.classes)
        if options.threshold is not None:
            vocabulary = vocabulary.with_threshold(options.threshold)
        self.options = options
        self.preset = get_preset(options.preset)
        self.settings = self.preset.settings
        if options.settings is not None:
            self.settings = read_settings(options.settings, self.preset.settings)
        self.image_options = ImageOptions(options.limits, options.percentiles)
        # Limits and percentiles are looked at before any image is.
        _ = self.image_options.rgb([[0]])
        self._vocabulary = vocabulary

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The classes, with the templates that were asked for."""
        templates = self.options.templates
        if not templates:
            return self._vocabulary
        return self._vocabulary.with_templates(templates[0] if len(templates) == 1 else templates)

    def check(self) -> None:
        """Raise InputError for all that can be found out without a network."""
        from napari_corrclip.devices import choose_device, choose_dtype
        from napari_corrclip.settings import at_detail

        choose_device(self.options.device)
        choose_dtype(self.options.dtype, self.options.device)
        at_detail(self.settings, cast("Detail", self.options.detail))
        options = self.options
        check_scale_options(options.scale, options.tile, options.overlap, options.detail)
        check_prompts(self.vocabulary, self.preset)
        check_regions(self.options.regions)
        check_region_options(self.options.region_options, self.options.regions)
        _ = self.recipe

    @cached_property
    def recipe(self) -> Recipe:
        """The run; a region map comes with each image."""
        options = self.options
        return Recipe(
            self.preset,
            device=options.device,
            dtype=options.dtype,
            regions=options.regions if self._finds_regions else GIVEN,
            region_options=options.region_options,
            detail=cast("Detail", options.detail),
            scale=options.scale,
            tile=options.tile,
            overlap=options.overlap,
            settings=self.settings,
        )

    @property
    def _finds_regions(self) -> bool:
        return self.options.regions in REGION_KINDS

    def read(self, image: Path) -> Pixels:
        """Return what is in the file ``image``."""
        return read_pixels(image, self.image_options)

    def steps(self, image: Path, folder: Path, pixels: Pixels | None = None) -> Steps[Segmented]:
        """Segment ``image``, whose result goes into ``folder``.

        Args:
            image: the file.
            folder: of the result.
            pixels: what is in the file, where it has been read.
        """
        if self.options.scale is not None:
            return Segmented((yield from self._large_steps(image, folder, self.options.scale)))
        if pixels is None:
            pixels = self.read(image)
        return Segmented((yield from self._steps(image, folder, pixels)), pixels.rgb)

    def _steps(self, image: Path, folder: Path, pixels: Pixels) -> Steps[Segmentation]:
        rgb = pixels.rgb
        given = self._given_regions(image)
        if given is not None:
            finish(given.segment(rgb))  # says whether they fit, before networks are loaded
        segmenter = self._segmenter
        height, width = rgb.shape[:2]
        windows = len(segmenter.plan((height, width)))
        say(f"{image}: {height} × {width} pixels, {count(windows, 'window')}")
        result = yield from segmenter.segment_steps(pixels, self.vocabulary, given)
        origin = Origin.of(image, folder)
        provenance = replace(
            result.provenance,
            image=origin.image,
            image_digest=origin.digest,
            image_position=origin.position,
        )
        return replace(result, provenance=provenance)

    def _large_steps(self, image: Path, folder: Path, scale: float) -> Steps[LargeSegmentation]:
        from napari_corrclip.engine.large.reading import LazyImage
        from napari_corrclip.engine.large.run import large_steps
        from napari_corrclip.engine.large.windows import check_size
        from napari_corrclip.images.planes import opened

        with opened(image, "image") as plane:  # before networks are loaded
            size = LazyImage(plane, self.image_options).size
            check_size(scale, size)
        given = None if self._finds_regions else self._regions_file(image)
        segmenter = self._segmenter
        say(f"{image}: {size[0]} × {size[1]} pixels, at the scale {scale:g}")
        return (
            yield from large_steps(
                segmenter,
                image,
                self.vocabulary,
                folder,
                regions=given,
                options=self.image_options,
                origin=Origin.of(image, folder),
            )
        )

    @cached_property
    def _segmenter(self) -> Segmenter:
        from napari_corrclip.devices import describe_device
        from napari_corrclip.engine.segmenter import Segmenter

        tell_fetched(self.recipe)
        segmenter = Segmenter.from_recipe(self.recipe)
        kind = str(segmenter.clip.dtype).removeprefix("torch.")
        say(f"Preset {self.preset.name} on {describe_device(segmenter.clip.device)}, {kind}")
        return segmenter

    def _given_regions(self, image: Path) -> RegionSource | None:
        if self._finds_regions:
            return None
        from napari_corrclip.regions.given import GivenRegions

        return GivenRegions.from_file(self._regions_file(image))

    def _regions_file(self, image: Path) -> Path:
        """The file, or zarr folder, of the given regions of ``image``."""
        path = Path(self.options.regions)
        if path.is_dir() and not any((path / name).exists() for name in METADATA):
            found = find_map(path, image.stem)
            if found is None:
                raise InputError(
                    f"The folder {str(path)!r} has no regions for {str(image)!r}; put "
                    f"{image.stem + ENDINGS[0]!r} there, or one on {', '.join(ENDINGS[1:])}."
                )
            path = found
        return path


def tell_fetched(recipe: Recipe) -> None:
    """Tell what must be downloaded first, and ask on a terminal where a licence forbids commercial use.

    Raises:
        WeightsError: somebody does not agree.
    """
    for line in _to_be_fetched(recipe):
        say(line)
    unfree = [] if is_offline() else [file for file in recipe.missing if not file.free]
    if not unfree:
        return
    names = tell_unfree(unfree)
    if sys.stdin.isatty() and not typer.confirm("Download?", default=False, err=True):
        raise WeightsError(
            f"Nobody agreed to the licence of {names}, and nothing was downloaded; choose another preset."
        )


def _to_be_fetched(recipe: Recipe) -> Iterator[str]:
    """A line for each file that must be downloaded first: what, how much, under which licence."""
    if is_offline():
        return
    for file in recipe.missing:
        what = f"the weights of {file.title}" if isinstance(file, NetworkSpec) else file.title
        yield f"Fetching {what}: {size_text(file.size)}, {file.terms}."


def read_settings(path: Path, base: Settings) -> Settings:
    """``base`` with what the YAML or JSON file ``path`` says instead.

    Raises:
        InputError: it cannot be read, or a setting in it is unknown or out of bounds.
    """
    text, where = read_text(path, "settings file"), f"The settings file {str(path)!r}"
    load = load_json if path.suffix.lower() == ".json" else load_yaml
    changes = load(text, where)
    if changes is None:
        return base
    if not isinstance(changes, dict):
        raise InputError(f"{where} holds no 'key: value' pairs; write for example 'tau: 0.25'.")
    try:
        return Settings.from_mapping({**base.model_dump(), **changes})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def check_prompts(vocabulary: Vocabulary, preset: Preset) -> None:
    """Raise InputError where a prompt in its template is too long; loads no network, fetches nothing.

    So it does where the text tower needs an extra of the package that is not installed.
    """
    from napari_corrclip.vocabulary.templates import fill

    check_extras(preset.networks)
    vocabulary.check_prompts()
    templates = vocabulary.templates or preset.templates
    filled = [fill(templates, query) for query in vocabulary.queries]
    # The tokenizer comes with torch, which takes seconds; only & may begin what it makes longer.
    if all(
        len(text) <= preset.clip.surely_read and text.isascii() and "&" not in text
        for texts in filled
        for text in texts
    ):
        return
    if preset.clip.is_multilingual and missing((preset.clip,)):
        return  # its tokenizer is among them; they are measured when it has come
    from napari_corrclip.encoders.clip_text import tokenize
    from napari_corrclip.weights.loading import load_tokenizer

    tokenizer = load_tokenizer(preset.clip)
    for texts in filled:
        tokenize(tokenizer, texts, tokenizer.context_length)


def report(result: Segmentation | LargeSegmentation, folder: Path) -> None:
    """Print what was found and where it lies; what the user is to be told goes to stderr."""
    for note in result.notes:
        say(f"Note: {note}")
    tell(f"{folder}{os.sep}", *(f"  {line}" for line in class_lines(result)))


def class_lines(result: Segmentation | LargeSegmentation) -> Iterator[str]:
    """A line a class: value, name, share of the image's pixels, number of regions."""
    shares = result.class_shares()
    unlabelled = 1 - sum(shares.values())
    regions = result.table["value"].value_counts()
    rows = [(class_.value, class_.name, shares[class_.name]) for class_ in result.vocabulary]
    # half a pixel, for the sum's last digits
    if unlabelled * result.shape[0] * result.shape[1] > 0.5:
        rows.append((0, "(unlabelled)", unlabelled))
    width = max(5, *(len(name) for _, name, _ in rows))
    yield f"{'value':>5}  {'class':<{width}}  {'share':>7}  {'regions':>7}"
    for value, name, share in rows:
        yield f"{value:>5}  {name:<{width}}  {share:>7.1%}  {int(regions.get(value, 0)):>7}"
