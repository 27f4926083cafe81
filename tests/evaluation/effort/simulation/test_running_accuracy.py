"""What is counted from the session's events is what a count of the whole map gives."""

from __future__ import annotations

import numpy as np
import pytest

from napari_corrclip.annotation import Session
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.simulation.region_truth import true_numbers
from napari_corrclip.evaluation.effort.simulation.running_accuracy import RunningAccuracy
from napari_corrclip.evaluation.metrics import Confusion, true_miou
from tests.evaluation.effort.worlds import NAMES, random_case


@pytest.mark.parametrize("seed", range(5))
def test_after_any_edit_the_counts_are_those_of_the_whole_map(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = random_case(seed)
    session = Session(case.result, case.image)
    truth = true_numbers(case)
    running = RunningAccuracy(session, truth)
    for _ in range(60):
        some = rng.choice(session.ids, min(2, len(session.ids)), replace=False).tolist()
        edit = rng.integers(8)
        try:
            if edit < 3:
                session.assign(some, NAMES[rng.integers(3)])
            elif edit == 3:
                session.paint(rng.random(truth.shape) < 0.1, NAMES[rng.integers(3)])
            elif edit == 4:
                session.merge(some)
            elif edit == 5:
                session.undo()
            elif edit == 6:
                session.ignore(some)
            else:
                session.spread(some[0], NAMES[rng.integers(3)])
        except InputError:
            continue
        whole = Confusion(len(NAMES))
        whole.add(truth, session.labels)  # values are numbers here
        np.testing.assert_array_equal(running.confusion.counts[1:], whole.counts[1:])
        np.testing.assert_array_equal(running.shown, session.labels)
        assert running.hits == np.count_nonzero((truth > 0) & (session.labels == truth))
    running.close()
    before = running.hits
    session.assign(session.ids.tolist(), "sky")
    session.assign(session.ids.tolist(), "road")
    assert running.hits == before


def test_a_stray_pixel_of_an_absent_class_is_no_class_of_the_image() -> None:
    confusion = Confusion(3)
    confusion.add(np.array([1] * 60 + [2] * 40), np.array([1] * 59 + [3] + [2] * 40))
    assert true_miou(confusion) == pytest.approx((59 / 60 + 1) / 2)
    assert confusion.mean_iou() == pytest.approx((59 / 60 + 1) / 3)
