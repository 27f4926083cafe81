"""The sentences of a lesson, of one that helps and of one that does not."""

from __future__ import annotations

import pytest

from napari_corrclip.annotation.learning import Lookout
from napari_corrclip.gui.project.lesson_words import NOTHING, UNHELPFUL, account, score
from napari_corrclip.learning import Foretold
from tests.annotation.seen import one_sentence


def look(weight: float, verdicts: int = 40) -> Lookout:
    foretold = Foretold(verdicts, min(verdicts, 5), min(verdicts, 31))
    return Lookout(None, (), (), (), 100, 0, weight, 2 * verdicts, 3, foretold, 1)


@pytest.mark.parametrize(
    ("weight", "weights", "helps"),
    [
        (0.6, (0.3, 0.5), True),
        (0.04, (0.04, 0.06), True),
        (0.04, (0.06, 0.04), True),
        (0.06, (0.04, 0.04), True),  # by what was decided since
        (0.04, (0.04, 0.049), False),
        (0.04, (), False),
    ],
)
def test_one_that_has_not_helped_lately_says_so(
    weight: float, weights: tuple[float, ...], helps: bool
) -> None:
    told, tip = score(look(weight), weights), account(look(weight), weights)
    last = "oretold 5 of the last 40, networks 31"
    assert told == (f"F{last}" if helps else f"Has not helped lately: f{last}")
    assert tip.endswith(UNHELPFUL) is not helps
    assert one_sentence(UNHELPFUL)


def test_one_that_has_heard_nothing_has_not_failed() -> None:
    assert score(look(0.0, 0), (0.04, 0.04)) == f"{NOTHING}."
    assert UNHELPFUL not in account(look(0.0, 0), (0.04, 0.04))
