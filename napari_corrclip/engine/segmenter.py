"""The segmenter, from an image and a vocabulary to a segmentation.

Encoding is slow and knows no vocabulary; classifying is fast. Each exists as a generator of progress
events (``*_steps``), which the viewer, the command line and scripts drive alike, and as a plain call.
"""

from __future__ import annotations

import copy
import os
import reprlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from napari_corrclip._moved import moved_names
from napari_corrclip.devices import describe_device, plain_steps, plain_torch
from napari_corrclip.encoders.protocols import ImageTextEncoder, SimilarityEncoder
from napari_corrclip.engine import choosing_templates, classifying, stitching, windows
from napari_corrclip.engine.features import Features
from napari_corrclip.engine.language_notes import language_notes
from napari_corrclip.engine.parts import (
    Regions,
    load_regions,
    load_towers,
    named_regions,
    part_of,
    sam_of,
    unknown_words_of,
)
from napari_corrclip.engine.recipe import GIVEN, Recipe, fingerprint_of
from napari_corrclip.engine.text_cache import TextCache
from napari_corrclip.errors import InputError
from napari_corrclip.images import Pixels, read_pixels
from napari_corrclip.maps.regions import check_regions
from napari_corrclip.progress import Progress, Steps, drive
from napari_corrclip.regions.protocol import Described, RegionSource, partition
from napari_corrclip.results.provenance import Stretch
from napari_corrclip.results.segmentation import (
    Network,
    Provenance,
    Segmentation,
    build_segmentation,
    package_versions,
    segmentation_from_values,
)
from napari_corrclip.settings import Detail, Settings
from napari_corrclip.vocabulary import Vocabulary, VocabularyLike
from napari_corrclip.vocabulary.chosen_templates import TemplateChoice
from napari_corrclip.vocabulary.templates import SINGLE_TEMPLATES, fill, resolve
from napari_corrclip.weights.cache import cache_folder
from napari_corrclip.weights.extras import check_extras
from napari_corrclip.weights.fetch import check_offline, fetch, missing
from napari_corrclip.weights.presets import NetworkSpec, Preset

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

__getattr__ = moved_names(__name__)

#: An array, an image of Pillow's, a file, or what was read of one of them.
Image = NDArray[Any] | str | os.PathLike[str] | Pixels


class Segmenter:
    """CorrCLIP, assembled from finished parts.

    Args:
        clip: image and text tower.
        similarity: the tower whose features say what belongs together.
        regions: where regions come from.
        settings: the method's choices; ``None``: the published ones.
        templates: prompt templates for vocabularies that bring none of their own, as
            :func:`napari_corrclip.vocabulary.templates.resolve` takes them.
        preset: the name to keep in the provenance; empty for a combination of one's own.
        networks: what to keep in the provenance about the networks of such a combination.
        recipe: what the parts were made by; ``None`` for a combination of one's own.
        text_cache: where text features are kept; ``None``: in memory.
        unknown_words: words of a prompt that the text tower never saw, for networks of a small world.

    Raises:
        InputError: a part is not what it should be; names it.
    """

    def __init__(
        self,
        clip: ImageTextEncoder,
        similarity: SimilarityEncoder,
        regions: RegionSource,
        settings: Settings | None = None,
        *,
        templates: str | Sequence[str] = SINGLE_TEMPLATES,
        preset: str = "",
        networks: Sequence[Network] = (),
        recipe: Recipe | None = None,
        text_cache: TextCache | None = None,
        unknown_words: Callable[[str], Sequence[str]] | None = None,
    ) -> None:
        _check_part("clip", clip, ImageTextEncoder, "an OpenClipEncoder")
        _check_part("similarity", similarity, SimilarityEncoder, "a TimmSimilarityEncoder")
        _check_part(
            "regions",
            regions,
            RegionSource,
            "SamRegions, SuperpixelRegions() or GivenRegions(array)",
        )
        self._clip = clip
        self._similarity = similarity
        self.regions = regions
        self.settings = Settings() if settings is None else _check_settings(settings)
        self._templates = resolve(templates)
        self.preset = preset or ("" if recipe is None else recipe.name)
        self._networks = tuple(networks)
        self._made_by = recipe
        self._source = regions
        self.text_cache = TextCache(None) if text_cache is None else text_cache
        _check_part("text_cache", self.text_cache, TextCache, "a TextCache")
        self._unknown_words = unknown_words

    @property
    def clip(self) -> ImageTextEncoder:
        """The image and text tower."""
        return self._clip

    @property
    def similarity(self) -> SimilarityEncoder:
        """The similarity tower."""
        return self._similarity

    @property
    def templates(self) -> tuple[str, ...]:
        """The prompt templates for vocabularies that bring none of their own."""
        return self._templates

    @classmethod
    def from_preset(
        cls,
        preset: str | Preset = "demo",
        *,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "float32",
        regions: Regions = "sam",
        region_options: Mapping[str, Any] | None = None,
        settings: Settings | None = None,
        detail: Detail = "standard",
        cache: str | os.PathLike[str] | None = None,
    ) -> Segmenter:
        """Load a preset's networks and assemble them.

        Args:
            preset: its name, or a preset.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            dtype: of CLIP and the similarity tower: ``float32``, ``float16``, ``bfloat16``, or ``auto``, as
                in :class:`Recipe`.
                SAM runs in float32, the type in which it takes points.
            regions: ``sam``, ``superpixels``, a region source, or an integer array (H, W).
            region_options: of ``sam`` (``points_per_side``, ``iou_threshold``, …) or ``superpixels``
                (``n_segments``, …); see :class:`SamRegions` and :class:`SuperpixelRegions`. Other
                regions take none.
            settings: ``None``: the preset's.
            detail: inference size: the preset's own (``standard``), twice that (``fine``), or the
                image's own scale (``native``).
            cache: folder of weights and text features; ``None``: the user's.

        Raises:
            InputError: unknown preset, device, dtype, regions or region options.
            WeightsError: weights are missing and cannot be fetched, or are another network's.
        """
        # First, because regions can be wrong in many ways, and a slip should cost no loading.
        kind, source = named_regions(regions)
        recipe = Recipe(
            preset,
            device=device,
            dtype=dtype,
            regions=kind,
            region_options=region_options,
            detail=detail,
            settings=settings,
            parts={} if source is None else {"regions": part_of(source)},
        )
        return cls.from_recipe(recipe, source=source, cache=cache)

    @classmethod
    @plain_torch()
    def from_recipe(
        cls,
        recipe: Recipe,
        *,
        source: RegionSource | None = None,
        cache: str | os.PathLike[str] | None = None,
        former: Segmenter | None = None,
        sam: Sam | None = None,
    ) -> Segmenter:
        """Make what a recipe says.

        Args:
            recipe: the run.
            source: the region source, where the recipe knows it by its fingerprint alone or a map comes with
                the image.
            cache: folder of weights and text features; ``None``: the user's.
            former: another segmenter, whose networks are taken where they are the same.
            sam: the preset's SAM on the recipe's device, where it is loaded already.

        Raises:
            InputError: there is no such device here, a part was handed in that is not here, ``source`` is
                another one than the recipe's, or a network needs an extra of the package.
            WeightsError: weights are missing and cannot be fetched, or are another network's.
        """
        preset = recipe.preset
        others = recipe.parts.keys() - {"regions"}
        if preset is None or others or (source is None and "regions" in recipe.parts):
            raise recipe.cannot_be_remade()
        check_extras(recipe.networks)  # before anything is downloaded
        if source is not None:
            recipe = _with_source(recipe, source)
        shared = former if former is not None and former._has_towers_of(recipe) else None
        if shared is None and sam is None:
            check_offline(
                missing(recipe.networks if source is None else recipe.networks[:2], cache), cache
            )
        if source is None:
            source = load_regions(recipe, cache, sam if shared is None else shared.sam_for(recipe))
        if shared is not None:
            clip, similarity, texts = shared.clip, shared.similarity, shared.text_cache
        else:
            clip, similarity = load_towers(preset, recipe, cache)
            texts = TextCache(cache_folder(cache) / "text")
        return cls(
            clip,
            similarity,
            source,
            recipe.method,
            templates=preset.templates,
            recipe=recipe,
            text_cache=texts,
            unknown_words=unknown_words_of(preset),
        )

    def _has_towers_of(self, recipe: Recipe) -> bool:
        return self._made_by is not None and self._made_by.same_towers(recipe)

    def sam_for(self, recipe: Recipe) -> Sam | None:
        """Return the SAM of a recipe where it is loaded here; ``None``: it is not."""
        return None if self._made_by is None else sam_of(self._source, self._made_by, recipe)

    @classmethod
    def load_steps(
        cls,
        recipe: Recipe,
        *,
        source: RegionSource | None = None,
        former: Segmenter | None = None,
        sam: Sam | None = None,
    ) -> Steps[Segmenter]:
        """Generator of :meth:`from_recipe` that fetches what is missing first, and can be cancelled then."""
        check_extras(recipe.networks)
        absent = recipe.missing
        check_offline(absent)
        for spec in absent:
            yield from fetch(spec)
        yield Progress("load the networks", 0, 1)
        return cls.from_recipe(recipe, source=source, former=former, sam=sam)

    @property
    def recipe(self) -> Recipe:
        """The run that this segmenter makes of an image, as it is now.

        Parts that were handed in as objects, or set since, are named by their fingerprints.
        """
        return self.recipe_with(self.regions.describe())

    def recipe_with(
        self, regions: Mapping[str, Described], settings: Settings | None = None
    ) -> Recipe:
        """Return the run with regions of a source that says this of itself.

        Args:
            regions: as ``describe`` of the source gives it.
            settings: of the method; ``None``: the segmenter's.
        """
        settings = self.settings if settings is None else settings
        made = self._made_by or self._assembled(settings)
        if settings != made.method:
            made = replace(made, settings=settings, detail="standard")
        named = made.regions != GIVEN or "regions" in made.parts
        if self._made_by and named and regions == self._source.describe():
            return made
        name = str(regions.get("source", GIVEN))
        parts = {part: value for part, value in made.parts.items() if part != "regions"}
        if name != GIVEN or "sha256" in regions:
            parts["regions"] = fingerprint_of(regions)
        return replace(made, regions=name, region_options=None, parts=parts)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks, as the provenance keeps them."""
        return self.networks_of(self.recipe)

    def networks_of(self, recipe: Recipe) -> tuple[Network, ...]:
        """Return what the provenance keeps of the networks of one of this segmenter's runs."""
        return self._networks or tuple(_network(spec) for spec in recipe.networks)

    def _assembled(self, settings: Settings) -> Recipe:
        """Return the recipe of towers that were handed in."""
        return Recipe(
            None,
            device=self.clip.device,
            dtype=self.clip.dtype,
            regions=GIVEN,
            settings=settings,
            parts={
                "clip": self.clip.fingerprint,
                "similarity": self.similarity.fingerprint,
                "templates": fingerprint_of({"templates": list(self.templates)}),
            },
        )

    def with_parts(self, regions: RegionSource, settings: Settings) -> Segmenter:
        """Return a segmenter of the same networks with other regions and settings."""
        other = copy.copy(self)
        other.regions, other.settings = regions, _check_settings(settings)
        return other

    def plan(self, shape: tuple[int, int]) -> windows.Layout:
        """Where the windows of an image of ``shape`` (rows, columns) would lie; runs nothing.

        ``len()`` of it is the number of windows, to which the time is about proportional.

        Raises:
            InputError: ``shape`` is no size of an image.
        """
        patches = (self.clip.patch_size, self.similarity.patch_size)
        return windows.plan(shape, self.settings, patches)

    @plain_steps
    def encode_steps(
        self,
        image: Image,
        regions: RegionSource | None = None,
        *,
        similarity_means: bool = False,
    ) -> Steps[Features]:
        """Generator of :meth:`encode`: yields between the blocks of each network.

        Args:
            image: as in :meth:`encode`.
            regions: as there.
            similarity_means: keep what the similarity tower says of each region, too, see
                :class:`~napari_corrclip.engine.encoding.WindowFeatures`.
        """
        source = self.regions if regions is None else regions
        pixels = read_pixels(image)
        began = time.perf_counter()
        # A source of anybody's: what it gives is looked at before it becomes int32.
        parted = yield from partition(source, pixels.rgb)
        found = check_regions(parted.regions)
        if pixels.nodata is not None:
            found = check_regions(np.where(pixels.nodata, 0, found))
        segmented = time.perf_counter()
        encoded = yield from stitching.encode_image(
            pixels.rgb,
            found,
            self.clip,
            self.similarity,
            self.settings,
            similarity_means=similarity_means,
        )
        return Features(
            windows=encoded,
            regions=found,
            settings=self.settings,
            clip=self.clip.fingerprint,
            region_source=source.describe(),
            seconds={"regions": segmented - began, "encode": time.perf_counter() - segmented},
            nodata=pixels.nodata,
            notes=pixels.notes,
            embedding=parted.embedding,
        )

    def encode(
        self,
        image: Image,
        *,
        regions: RegionSource | None = None,
        progress: bool | None = None,
    ) -> Features:
        """Find regions and encode the image; slow, and free of any vocabulary.

        Args:
            image: an array as :func:`napari_corrclip.images.to_rgb` takes it, an image of Pillow's, or a
                path. What a masked array hides, or a file calls no data, is in no region and unlabelled.
            regions: where regions come from this time; ``None``: the segmenter's own source.
            progress: draw a bar on stderr; ``None``: only where that is a terminal.

        Raises:
            InputError: the image or the regions cannot be used.
        """
        return drive(self.encode_steps(image, regions), show=progress)

    def unread(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Return the prompts that the text tower has yet to read in more than one template."""
        templates = vocabulary.templates or self.templates
        if len(templates) == 1:
            return ()
        return self.text_cache.missing(self.clip, vocabulary.queries, templates)

    @plain_steps
    def classify_steps(
        self,
        features: Features,
        vocabulary: VocabularyLike,
        *,
        quick: bool = False,
        choice: TemplateChoice | None = None,
    ) -> Steps[Segmentation]:
        """Generator of :meth:`classify`: yields after every query that is encoded.

        Args:
            features: as in :meth:`classify`.
            vocabulary: as there.
            quick: read prompts that are new in one template alone, for a first look.
            choice: as there; not for a first look.
        """
        words = Vocabulary.coerce(vocabulary)
        words.check_prompts()
        if not isinstance(features, Features):
            raise InputError(
                f"Features are needed to classify, not a {type(features).__name__}; encode the image."
            )
        if features.clip != self.clip.fingerprint:
            raise InputError(
                f"These features were computed by another CLIP than {self.clip.name!r}; encode the "
                "image again, or load the networks it was encoded with."
            )
        if features.windows.features.shape[-1] != self.clip.embed_dim:
            raise InputError(
                f"These features have {features.windows.features.shape[-1]} channels and "
                f"{self.clip.name!r} has {self.clip.embed_dim}; encode the image again."
            )
        began = time.perf_counter()
        templates = words.templates or self.templates
        experts = None
        if choice is not None:
            choosing_templates.check_choice(words, choice)
        if choice is not None and not quick:
            sets, of = choosing_templates.experts_of(words, choice, templates)
            every = yield from choosing_templates.texts_in(
                self.clip, self.text_cache, words.queries, sets
            )
            text, experts = every.flatten(0, 1), torch.tensor(of, device=self.clip.device)
        else:
            read = self.text_cache.quick_features if quick else self.text_cache.features
            text = yield from read(self.clip, words.queries, templates)
        ready = time.perf_counter()
        yield Progress("classify", 0, 1)
        background = words.background
        # What was encoded stays as it was; how pixels are classified is today's choice.
        settings = features.settings.replace(
            logit_scale=self.settings.logit_scale, correction=self.settings.correction
        )
        pixels = classifying.classify_pixels(
            classifying.Logits(features.windows, text.to(self.clip.device)),
            features.regions,
            torch.tensor(words.query_class, device=self.clip.device),
            torch.tensor(words.thresholds, dtype=torch.float32, device=self.clip.device),
            -1 if background is None else background,
            settings,
            experts,
        )
        if features.nodata is not None:
            pixels = classifying.without(pixels, torch.tensor(features.nodata))
        values = None
        if self.clip.device.type == "cuda":
            values = classifying.pixel_values(pixels, words.values)
        seconds = dict(features.seconds)
        seconds |= {"text": ready - began, "classify": time.perf_counter() - ready}
        recipe = self.recipe_with(features.region_source, settings)
        provenance = Provenance(
            versions=package_versions(),
            preset=self.preset,
            networks=self.networks_of(recipe),
            device=describe_device(self.clip.device),
            dtype=str(self.clip.dtype).removeprefix("torch."),
            settings=settings,
            templates=templates,
            regions=dict(features.region_source),
            seconds=seconds,
            recipe=recipe.to_json(),
            chosen_templates={} if choice is None or quick else choice.classes,
        )
        notes = (*features.notes, *self.notes(words))
        if choice is not None and not quick:
            notes += choosing_templates.notes_of(words, choice)
        if values is None:
            result = build_segmentation(pixels, features.regions, words, provenance, notes=notes)
        else:
            result = segmentation_from_values(
                pixels, values, features.regions, words, provenance, notes=notes
            )
        yield Progress("classify", 1, 1)
        return result

    def classify(
        self,
        features: Features,
        vocabulary: VocabularyLike,
        *,
        choice: TemplateChoice | None = None,
        progress: bool | None = None,
    ) -> Segmentation:
        """Classify an encoded image; a new vocabulary costs milliseconds.

        Args:
            features: what :meth:`encode` returned, of the same CLIP.
            vocabulary: text such as ``"cat, dog"``, a file, names, or a :class:`Vocabulary`.
            choice: templates of each class, of :meth:`choose_templates`; ``None``: the mean over all. A class
                that it lacks keeps all templates, and a note of the result says so.
            progress: as in :meth:`encode`.

        Raises:
            InputError: the vocabulary cannot be used, the features are of another CLIP, or the choice is of
                other words.
        """
        return drive(self.classify_steps(features, vocabulary, choice=choice), show=progress)

    @plain_steps
    def choose_templates_steps(
        self, images: Iterable[Features], vocabulary: VocabularyLike, *, per_class: int = 4
    ) -> Steps[TemplateChoice]:
        """Generator of :meth:`choose_templates`: yields after every template and every image."""
        words = Vocabulary.coerce(vocabulary)
        return (
            yield from choosing_templates.choose_steps(
                images,
                words,
                words.templates or self.templates,
                self.clip,
                self.text_cache,
                per_class=per_class,
                logit_scale=self.settings.logit_scale,
            )
        )

    def choose_templates(
        self,
        images: Iterable[Features],
        vocabulary: VocabularyLike,
        *,
        per_class: int = 4,
        progress: bool | None = None,
    ) -> TemplateChoice:
        """Choose for each class the templates that are surest of it on these images (FLOSS).

        No truth is needed. With real networks nobody measured here what it gives; its authors report 0.6
        to 1.2 points for other methods. Classifying takes a pass for every different set of templates.

        Args:
            images: what :meth:`encode` returned of some images, of those that are to be classified or others.
            vocabulary: as in :meth:`classify`.
            per_class: how many templates a class has at most.
            progress: as in :meth:`encode`.

        Raises:
            InputError: there is nothing to choose from, no image, or one of another CLIP.
        """
        return drive(
            self.choose_templates_steps(images, vocabulary, per_class=per_class), show=progress
        )

    def segment_steps(
        self, image: Image, vocabulary: VocabularyLike, regions: RegionSource | None = None
    ) -> Steps[Segmentation]:
        """Generator of :meth:`segment`; ``regions`` as in :meth:`encode`."""
        words = Vocabulary.coerce(vocabulary)  # before the slow part, so that a slip costs nothing
        self.check_prompts(words)
        pixels = read_pixels(image)
        features = yield from self.encode_steps(pixels, regions)
        result = yield from self.classify_steps(features, words)
        return result.stretched(Stretch.of(pixels.limits))

    def segment(
        self, image: Image, vocabulary: VocabularyLike, *, progress: bool | None = None
    ) -> Segmentation:
        """:meth:`encode`, then :meth:`classify`."""
        return drive(self.segment_steps(image, vocabulary), show=progress)

    def check_prompts(self, vocabulary: Vocabulary) -> None:
        """Raise InputError where a prompt in its longest template is too long, or there is no prompt."""
        vocabulary.check_prompts()
        templates = vocabulary.templates or self.templates
        self.clip.check_prompts(
            [prompt for query in vocabulary.queries for prompt in fill(templates, query)]
        )

    def notes(self, vocabulary: Vocabulary) -> tuple[str, ...]:
        """Return what the user is to be told about a result, a sentence each."""
        preset = None if self._made_by is None else self._made_by.preset
        if preset is not None and preset.clip.library != "demo":
            own = vocabulary.templates is not None
            return language_notes(preset, vocabulary.queries, own_templates=own)
        if self._unknown_words is None:
            return ()
        said = [*vocabulary.queries, *(vocabulary.templates or ())]
        words = dict.fromkeys(word for text in said for word in self._unknown_words(text))
        if not words:
            return ()
        listed = ", ".join(repr(word) for word in list(words)[:5])
        if len(words) > 5:
            listed += f" and {len(words) - 5} more"
        return (
            f"The {self.preset or self.clip.name} networks never saw {listed} in training, so what "
            "they mark with it is a guess; use another preset for words of the real world.",
        )


def _with_source(recipe: Recipe, source: RegionSource) -> Recipe:
    """Return the recipe with the source that was handed in."""
    part, asked = part_of(source), recipe.parts.get("regions")
    if asked not in (None, part):
        raise InputError(
            f"The recipe's regions are those of {recipe.regions} ({asked}), and {source.name} ({part}) was "
            "handed in; hand in the same ones, or make a recipe of these."
        )
    if asked is None and recipe.regions != GIVEN:
        raise InputError(
            f"The recipe finds its regions by {recipe.regions}, and {source.name} was handed in; leave it "
            "out, or make a recipe of it."
        )
    return replace(recipe, regions=source.name, parts={**recipe.parts, "regions": part})


def _check_settings(settings: object) -> Settings:
    _check_part("settings", settings, Settings, "Settings(tau=0.25) or the like")
    return cast("Settings", settings)


def _check_part(name: str, part: object, kind: type, advice: str) -> None:
    """Raise InputError where ``part`` is not of ``kind``, or is a class where one of it is needed."""
    if isinstance(part, kind) and not isinstance(part, type):
        return
    if isinstance(part, type):
        found = f"the class {part.__name__} itself"
    else:
        found = reprlib.repr(part) if isinstance(part, str | None) else f"a {type(part).__name__}"
    raise InputError(
        f"The segmenter's {name} cannot be {found}; give {advice}, or load a preset with "
        "Segmenter.from_preset."
    )


def _network(spec: NetworkSpec) -> Network:
    return Network(
        library=spec.library,
        name=spec.architecture,
        weights=spec.pretrained,
        source=spec.source,
        licence=spec.licence,
    )
