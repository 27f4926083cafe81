"""The accuracy of a session's labels, kept up to date from what the session says has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.evaluation.metrics import Confusion, true_miou
from napari_corrclip.images.boxes import window
from napari_corrclip.maps.votes import crosstab

if TYPE_CHECKING:
    from napari_corrclip.annotation import Changed, Session


class RunningAccuracy:
    """A session beside its truth; an edit costs its boxes, not the image.

    Args:
        session: is listened to until :meth:`close`.
        truth: (H, W) class numbers from 1, 0 = not counted.

    Attributes:
        confusion: pixel counts of truth x shown.
        shown: (H, W) class numbers from 1, 0 = none, as the session shows them.
    """

    def __init__(self, session: Session, truth: NDArray[np.integer]) -> None:
        self.session = session
        self.truth = truth.astype(np.int64)
        vocabulary = session.vocabulary
        self._numbers = np.zeros(max(vocabulary.values) + 1, np.int64)
        self._numbers[list(vocabulary.values)] = np.arange(1, len(vocabulary) + 1)
        self.shown = self._numbers[session.labels]
        self.confusion = Confusion(len(vocabulary))
        self.confusion.add(self.truth, self.shown)
        session.changed.connect(self._take)

    def close(self) -> None:
        """Stop listening."""
        self.session.changed.disconnect(self._take)

    @property
    def accuracy(self) -> float:
        """Share of the counted pixels that are right."""
        return self.confusion.accuracy

    @property
    def hits(self) -> int:
        """Number of pixels that are right."""
        return int(np.diag(self.confusion.counts)[1:].sum())

    @property
    def miou(self) -> float:
        """Mean IoU over the classes of the truth."""
        return true_miou(self.confusion)

    def _take(self, changed: Changed) -> None:
        for box in changed.labels:
            self._take_box(window(box))

    def _take_box(self, box: tuple[slice, slice]) -> None:
        now, before = self._numbers[self.session.labels[box]], self.shown[box]
        other = now != before
        if not other.any():
            return
        truth = self.truth[box][other]
        counts = self.confusion.counts
        counts -= crosstab(truth, before[other], counts.shape)
        counts += crosstab(truth, now[other], counts.shape)
        self.shown[box] = now
