"""The encoded image of a session that was opened without networks, as the run encoded it that it shows.

What a run kept of an item's image (:mod:`napari_corrclip.project.features`) is taken, so that no image tower
runs; else the image is encoded anew, by the recipe and in the regions of that run. Either way the encoded
image is what the run had: classes that are looked for in it are found as by the run itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.annotation import Session
from napari_corrclip.engine.networks import Networks
from napari_corrclip.engine.recipe import GIVEN, Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.images import Pixels
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.progress import Progress, Steps, retold
from napari_corrclip.project.folder import RESULT
from napari_corrclip.results.folder import read_provenance
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.results.segmentation import Segmentation

if TYPE_CHECKING:
    from napari_corrclip.engine.encoded_image import EncodedImage
    from napari_corrclip.engine.features import Features
    from napari_corrclip.engine.segmenter import Segmenter
    from napari_corrclip.regions.embedding import SamEmbedding
    from napari_corrclip.regions.protocol import RegionSource
    from napari_corrclip.regions.sam import SamRegions


@dataclass(frozen=True, eq=False, slots=True)
class ShownRun:
    """The run that a session shows, as it was when somebody looked.

    Attributes:
        numbers: (H, W) numbers of its regions.
        provenance: how it came about.
        image: (H, W, 3) uint8, what it saw; ``None`` where the session has none.
    """

    numbers: NDArray[np.int32]
    provenance: Provenance
    image: NDArray[np.uint8] | None

    @classmethod
    def of(cls, session: Session) -> ShownRun:
        """Return that of a session; any thread may ask."""
        with session.locked():
            return cls(session.state.evidence.numbers.copy(), session.provenance, session.image)

    def is_shown(self, session: Session) -> bool:
        """Whether a session still shows it: another run, or an undo, may have come between."""
        with session.locked():
            return session.provenance == self.provenance and np.array_equal(
                session.state.evidence.numbers, self.numbers
            )


def recipe_of(provenance: Provenance, device: str = "auto") -> Recipe:
    """Return the recipe by which the image of a run can be encoded as it was then.

    Regions that came with the image, from a layer or a file, are those of the run, and need no source.

    Args:
        provenance: of the run.
        device: where it is encoded now; that of the run may be in another machine.

    Raises:
        InputError: it is not known, or cannot be remade.
    """
    if not provenance.recipe:
        raise InputError(
            "It is not known how this image was run, so it cannot be encoded as it was; run it again."
        )
    recipe = replace(Recipe.from_json(provenance.recipe), device=device)
    if recipe.scale is not None:
        raise InputError(
            "This image was run as a large one, and such are not encoded in one piece; run a part of it."
        )
    if recipe.parts.keys() == {"regions"} or recipe.regions == GIVEN:
        others = {name: part for name, part in recipe.parts.items() if name != "regions"}
        recipe = replace(recipe, regions=GIVEN, region_options=None, parts=others)
    if not recipe.whole:
        raise recipe.cannot_be_remade()
    return recipe


def encode_steps(
    run: ShownRun,
    pixels: Pixels,
    networks: Networks,
    *,
    folder: Path | None = None,
    device: str = "auto",
) -> Steps[EncodedImage]:
    """Encode the image of a session, as it was encoded by the run that the session shows.

    The session may be edited meanwhile. Whoever asked gives it what comes of this as its ``engine``, if it
    still shows that run (:meth:`ShownRun.is_shown`).

    Args:
        run: that the session shows.
        pixels: the image, and where it has no data.
        networks: kept for whoever asks next.
        folder: of the item that the session is of; ``None``: of none.
        device: where it is computed, as of a recipe.

    Raises:
        InputError: the run is not known or cannot be remade, or the session is of another image.
        WeightsError: the networks cannot be loaded.
    """
    yield Progress("load the libraries", 0, 1)
    prepare_imports()  # a window that draws may not have loaded torch
    from napari_corrclip.engine.encoded_image import EncodedImage

    recipe = recipe_of(run.provenance, device)
    if run.image is not None:
        pixels = Pixels(run.image, pixels.nodata, pixels.notes)  # with the contrast of that run
    if pixels.rgb.shape[:2] != run.numbers.shape:
        raise InputError(
            f"The image has {pixels.rgb.shape[:2]} pixels and the session {run.numbers.shape}; give the "
            "image that it is of."
        )
    kept, regions = None, run.numbers
    if folder is not None:
        yield Progress("read the image", 0, 1)
        kept, regions = _kept_of(folder, run)
    yield from networks.wait_steps(recipe)
    segmenter = yield from networks.load_steps(recipe)
    if kept is None or kept.clip != segmenter.clip.fingerprint:
        features = yield from _features_steps(segmenter, pixels, regions, run.provenance)
    else:
        features = yield from _clickable_steps(segmenter, pixels, kept)
    return EncodedImage(segmenter, pixels.rgb, features)


def _kept_of(folder: Path, run: ShownRun) -> tuple[Features | None, NDArray[np.int32]]:
    """Return the features that were kept of a run, if they were, and its regions by their ids.

    A session may show a later run than the item's, whose features are nowhere, and whose ids are not known;
    numbers do as well, since only where regions lie counts.
    """
    from napari_corrclip.project.features import read_features

    try:
        result = Segmentation.load(folder / RESULT)
    except InputError:  # it is damaged, or was taken away; the session has all that is needed
        return None, run.numbers
    if not np.array_equal(number_regions(result.regions)[0], run.numbers):
        return None, run.numbers
    document = read_provenance(folder / RESULT)
    made = None if document is None else Provenance.from_document(document)
    features = None
    if made is not None and _encodes_the_same(made, run.provenance):
        with contextlib.suppress(InputError):  # none were kept, or they are damaged
            features = read_features(folder)
    return features, result.regions


def _encodes_the_same(one: Provenance, other: Provenance) -> bool:
    """Whether two runs of one image in the same regions have the same features."""
    if one.stretch != other.stretch or not (one.recipe and other.recipe):
        return False
    first, second = (Recipe.from_json(made.recipe) for made in (one, other))
    return first.features_key() == second.features_key()


def _features_steps(
    segmenter: Segmenter, pixels: Pixels, regions: NDArray[np.int32], made: Provenance
) -> Steps[Features]:
    """Encode an image in regions that are known, and for clicks where the run was by SAM."""
    from napari_corrclip.regions.given import FoundRegions, GivenRegions
    from napari_corrclip.regions.protocol import Partition
    from napari_corrclip.regions.sam import SamRegions

    source: RegionSource
    if isinstance(segmenter.regions, SamRegions):
        # Its regions need not be found again, which is the long part of its work.
        embedding = yield from _clicks_steps(segmenter.regions, pixels)
        source = FoundRegions(Partition(regions, embedding), segmenter.regions)
    elif segmenter.regions.name == GIVEN:
        source = GivenRegions(regions, origin=_origin(made.regions))
    else:
        source = FoundRegions(Partition(regions), segmenter.regions)
    steps = segmenter.encode_steps(pixels, source, similarity_means=True)
    # None are found here.
    known = Progress("windows", 0, 1)
    return (yield from retold(steps, lambda event: known if event.stage == "regions" else event))


def _clickable_steps(segmenter: Segmenter, pixels: Pixels, features: Features) -> Steps[Features]:
    """Add what SAM needs for clicks where it was not kept."""
    from napari_corrclip.regions.sam import SamRegions

    sam = segmenter.regions
    if not isinstance(sam, SamRegions):
        return features
    known = features.embedding
    if known is not None and known.network == sam.fingerprint:
        return features
    return replace(features, embedding=(yield from _clicks_steps(sam, pixels)))


def _clicks_steps(sam: SamRegions, pixels: Pixels) -> Steps[SamEmbedding]:
    """Encode an image for clicks, which SAM itself calls a part of finding regions."""
    return (yield from retold(sam.encode(pixels.rgb), lambda event: replace(event, stage="clicks")))


def _origin(regions: Mapping[str, str | int | float | bool]) -> str:
    return str(regions.get("origin", "array"))
