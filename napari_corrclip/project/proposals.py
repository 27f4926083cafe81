"""The store of what a run proposes: written beside what items have, then kept as their ledger allows it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.project.features import Room, bytes_on_disk
from napari_corrclip.project.ledger import Ledger
from napari_corrclip.project.run import KeptMeanwhileError
from napari_corrclip.project.staging import drop, stage
from napari_corrclip.project.task import Proposal, Task
from napari_corrclip.project.vectors import read_vectors
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.results.vectors import RegionVectors

if TYPE_CHECKING:
    from napari_corrclip.engine.features import Features


class NotSavedError(InputError):
    """The error of a result that could not be saved: no other one would fare better."""


@dataclass(frozen=True, slots=True)
class Extras:
    """The choice of what a run keeps beside results.

    Attributes:
        vectors: those of the regions.
        features: how many bytes those of the images may take; 0: none are kept.
    """

    vectors: bool = True
    features: int = 0

    @property
    def similarity_means(self) -> bool:
        """Whether an image is to be encoded with what the similarity tower says of each region."""
        return self.vectors or self.features > 0


USUAL = Extras()
"""What a run keeps where nobody says another thing."""


class Proposals:
    """The runner's store of results: each in its item's folder, and noted by the ledger.

    Args:
        tasks: by the names of their items.
        ledger: takes note of what becomes of them.
        extras: what else is kept.
        folders: of all items whose features count for their limit.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        ledger: Ledger,
        extras: Extras = USUAL,
        folders: Iterable[Path] = (),
    ) -> None:
        self._tasks, self._ledger, self._extras = tasks, ledger, extras
        self._room = Room(extras.features, folders if extras.features else ())

    def has(self, key: str) -> bool:
        """Whether a person has said something about an item, which is left as it is then."""
        return self._ledger.is_decided(self._tasks[key])

    def write(self, key: str, proposal: Proposal) -> Proposal:
        """Write a proposal beside what its item has, while the next one is made; return what is told."""
        task, outcome, result = self._tasks[key], proposal.outcome, proposal.result
        folder = task.folder
        try:
            if isinstance(result, Segmentation):
                vectors, features = self._vectors(proposal), self._features(folder, proposal)
                if vectors is None and task.again:  # those that are there are of the same result
                    with contextlib.suppress(InputError):
                        vectors = read_vectors(folder)
                stage(folder, outcome, result, vectors, features)
            else:
                stage(folder, outcome, None)  # it was written as it was made
        except CorrClipError as error:
            raise NotSavedError(str(error)) from None
        return replace(proposal, vectors=None, features=None, encoded=None)

    def _vectors(self, proposal: Proposal) -> RegionVectors | None:
        if proposal.encoded is None or not self._extras.vectors:
            return proposal.vectors
        from napari_corrclip.engine.vectors import region_vectors

        assert isinstance(proposal.result, Segmentation)
        return region_vectors(proposal.encoded, proposal.result)

    def _features(self, folder: Path, proposal: Proposal) -> Features | None:
        features, encoded = proposal.features, proposal.encoded
        if encoded is not None and self._extras.features:
            features = encoded.features
        if features is None or not self._room.take(folder, bytes_on_disk(features)):
            return None
        return features

    def save(self, key: str, result: Proposal) -> None:
        """Let what was written take its place.

        Raises:
            KeptMeanwhileError: a person was faster.
            NotSavedError: the disk refuses.
        """
        task = self._tasks[key]
        try:
            kept = self._ledger.take(task, result)
        except CorrClipError as error:
            raise NotSavedError(str(error)) from None
        if not kept:
            drop(task.folder)
            raise KeptMeanwhileError(
                f"Somebody decided about {task.record.title!r} while it was run; it is left as it is."
            )
