"""The worker's side of a run on a cluster: one image at a time, by networks that stay in the process.

Imports little: a scheduler looks at what it passes on, and has no need of torch.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.progress import finish
from napari_corrclip.storage.text_files import load_json

if TYPE_CHECKING:
    from napari_corrclip.engine.features import Features
    from napari_corrclip.engine.segmenter import Segmenter
    from napari_corrclip.images import ImageOptions
    from napari_corrclip.images.stack import Where
    from napari_corrclip.project.reading import ReadImage
    from napari_corrclip.results.segmentation import Segmentation
    from napari_corrclip.results.vectors import RegionVectors
    from napari_corrclip.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Orders:
    """A run as it is sent: texts alone, which are read as any other document.

    Attributes:
        recipe: as JSON, with its floating-point type resolved.
        vocabulary: as JSON.
        threads: of torch; ``None``: as many as the worker has.
        vectors: whether those of the regions are wanted, too.
        features: whether those of the image are wanted, too.
    """

    recipe: str
    vocabulary: str
    threads: int | None = None
    vectors: bool = True
    features: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Job:
    """An image's work as it is sent.

    Attributes:
        orders: the run.
        image: absolute path of the file.
        plane: of a stack, which one.
        size: bytes of the file, where it is sent as a path.
        mtime: when that was last changed.
        read: the image as it was read, where a worker does not see the file.
        options: how it becomes 8 bits; ``None``: as usual.
    """

    orders: Orders
    image: str
    plane: Where
    size: int = 0
    mtime: int = 0
    read: ReadImage | None = None
    options: ImageOptions | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Labelled:
    """An answer to a job: the image has a result.

    Attributes:
        result: of the networks.
        size: of the file, as a :class:`~napari_corrclip.project.reading.ReadImage` has it, like the next two.
        mtime: of the file.
        digest: of the content.
        seconds: that it took.
        vectors: of its regions; ``None``: nobody wants them.
        features: of the image, likewise.
    """

    result: Segmentation
    size: int
    mtime: int
    digest: str
    seconds: float
    vectors: RegionVectors | None = None
    features: Features | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Unusable:
    """An answer to a job: the image has no result, whoever runs it."""

    error: CorrClipError


@dataclass(frozen=True, eq=False, slots=True)
class Refused:
    """An answer to a job: this worker can run no image."""

    error: CorrClipError


@dataclass(frozen=True, slots=True)
class Unseen:
    """An answer to a job: this worker does not see the same file, and needs the pixels."""


Answer = Labelled | Unusable | Refused | Unseen


def answer(job: Job) -> Answer:
    """Run one image; called on a worker. What goes wrong is a value."""
    if job.read is None and not _sees(job):
        return Unseen()
    with _networks.lock:
        begun = time.perf_counter()
        try:
            segmenter, vocabulary = _networks.of(job.orders)
        except CorrClipError as error:
            return Refused(error)
        from napari_corrclip.engine.encoded_image import run_steps
        from napari_corrclip.engine.vectors import region_vectors
        from napari_corrclip.project.reading import read_image

        try:
            read = job.read or read_image(Path(job.image), job.plane, job.options)
            assert read.pixels is not None  # no large image is sent
            means = job.orders.vectors or job.orders.features
            steps = run_steps(segmenter, read.pixels, vocabulary, similarity_means=means)
            result, encoded = finish(steps)
            vectors = region_vectors(encoded, result) if job.orders.vectors else None
        except CorrClipError as error:
            return Unusable(error)
    seconds = time.perf_counter() - begun
    features = encoded.features if job.orders.features else None
    return Labelled(result, read.size, read.mtime, read.digest, seconds, vectors, features)


def _sees(job: Job) -> bool:
    """Whether the file lies here too, of the same size and time."""
    from napari_corrclip.project.folder import file_now

    try:
        return file_now(Path(job.image)) == (job.size, job.mtime)
    except OSError:
        return False


class _Networks:
    """The one set of networks of a worker's process, and whose turn it is with them.

    Threads of one process take turns: each runs an image with all of the device.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._orders: Orders | None = None
        self._ready: tuple[Segmenter, Vocabulary] | None = None

    def of(self, orders: Orders) -> tuple[Segmenter, Vocabulary]:
        """Return the networks and the vocabulary of a run, loaded once; to be called with the lock.

        Raises:
            InputError: this process cannot follow the recipe.
            WeightsError: weights are missing here and cannot be fetched, or are another network's.
        """
        if self._ready is not None and self._orders == orders:
            return self._ready
        if orders.threads is not None:
            import torch

            torch.set_num_threads(orders.threads)
        from napari_corrclip.devices import choose_dtype
        from napari_corrclip.engine.recipe import Recipe
        from napari_corrclip.engine.segmenter import Segmenter
        from napari_corrclip.vocabulary import Vocabulary

        recipe = Recipe.from_json(orders.recipe)
        vocabulary = Vocabulary.from_document(load_json(orders.vocabulary, "The classes"))
        former = None if self._ready is None else self._ready[0]
        # One set at a time: the former one goes where it is not used again.
        self._ready = self._orders = None
        segmenter = finish(Segmenter.load_steps(recipe, former=former))
        for tower in (segmenter.clip, segmenter.similarity):
            if tower.dtype != choose_dtype(recipe.dtype):
                kept = str(tower.dtype).removeprefix("torch.")
                raise InputError(
                    f"{tower.name} computes in {kept} there and not in {recipe.dtype}, so that results "
                    "would differ; leave that worker out, or choose another type."
                )
        segmenter.check_prompts(vocabulary)
        self._orders, self._ready = orders, (segmenter, vocabulary)
        return self._ready


_networks = _Networks()
