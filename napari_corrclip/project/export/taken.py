"""Labels that were taken back, as what they become here: a result, or a session with a person's decisions.

The networks' evidence does not travel: a result that is made of labels has one class a region, with the
probability that was noted. Where an item has a result of its own, its evidence stays, and the labels are
decisions on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.region import Verdict
from napari_corrclip.maps import table as tables
from napari_corrclip.maps import votes as voting
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.project.export.image import IGNORED, LabelledImage
from napari_corrclip.results.provenance import Provenance, package_versions
from napari_corrclip.results.segmentation import Segmentation, class_indices
from napari_corrclip.vocabulary import Vocabulary


def result_of(image: LabelledImage, vocabulary: Vocabulary, origin: str) -> Segmentation:
    """Return a result of labels: what was predicted where somebody decided, else the labels themselves.

    Args:
        image: with all its labels in memory.
        vocabulary: the classes.
        origin: where they come from, for the provenance.

    Raises:
        InputError: a label is of no class.
    """
    labels = np.asarray(image.labels, np.uint16)
    regions = np.asarray(image.regions, np.int32)
    numbers, ids = number_regions(regions)
    values = {note.id: note.predicted for note in image.notes}
    given = np.array([0, *(values.get(region, 0) for region in ids.tolist())], np.uint16)
    # A pixel shows its own class where nobody has decided; what was painted comes over what was predicted.
    predicted = np.where(image.decided(), np.where(numbers > 0, given[numbers], 0), labels)
    scores = {note.id: note.p for note in image.notes}
    p = np.array([scores.get(region, 0.0) for region in ids.tolist()], np.float32)
    probabilities = _probabilities(given[1:], p, vocabulary)
    votes = voting.count_votes(
        class_indices(predicted, vocabulary), numbers, len(ids), len(vocabulary)
    )
    sure = np.concatenate([[0.0], probabilities.max(axis=1)]).astype(np.float16)
    made = image.provenance or Provenance(versions=package_versions(), regions={"origin": origin})
    return Segmentation(
        labels=predicted,
        regions=regions,
        confidence=np.where(predicted > 0, sure[numbers], np.float16(0)),
        table=tables.region_table(ids, numbers, votes, probabilities, vocabulary),
        pixel_labels=predicted,
        region_probabilities=probabilities,
        vocabulary=vocabulary,
        provenance=made,
        notes=(f"The labels come from {origin}; no network of this program was asked.",),
    )


def _probabilities(
    values: NDArray[np.uint16], p: NDArray[np.float32], vocabulary: Vocabulary
) -> NDArray[np.float32]:
    """Return (R, K): of each region's class what was noted, or all; the rest is shared by the others."""
    count = len(vocabulary)
    of_value = {value: index for index, value in enumerate(vocabulary.values)}
    index = np.array([of_value.get(value, -1) for value in values.tolist()], np.int64)
    known = index >= 0
    p = np.where(p > 0, np.clip(p, 0, 1), 1).astype(np.float32)
    rest = (1 - p) / max(count - 1, 1)
    found = np.where(known, rest, 0)[:, None].repeat(count, axis=1).astype(np.float32)
    found[np.flatnonzero(known), index[known]] = p[known]
    return found


def take_into(session: Session, image: LabelledImage, title: str) -> None:
    """Let a session show an image's labels and decisions, as a step that can be undone.

    What somebody has verified they have said of every pixel, so that all of it shows these labels, whatever
    is predicted here. Of another image it is what was decided; the rest is left to what is predicted.

    Raises:
        InputError: they are of different size, or a label is of no class of the session.
    """
    session.take_labels(
        np.asarray(image.labels),
        np.asarray(image.regions),
        verdicts_of(image),
        where=None if image.verified else image.decided(),
        values={note.id: note.value for note in image.notes if image.verified},
        title=title,
    )


def verdicts_of(image: LabelledImage) -> dict[int, Verdict]:
    """Return what a person decided about an image's regions."""
    return {
        note.id: Verdict("ignored", 0, note.looked)
        if note.state == IGNORED
        else Verdict(note.state, note.value, note.looked, note.given)
        for note in image.notes
        if note.state
    }
