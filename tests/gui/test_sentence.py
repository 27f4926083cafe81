"""The sentence at the foot as it is read: what there is room for, and what its tip has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from qtpy.QtWidgets import QApplication

from napari_corrclip.gui.sentence import Sentence
from tests.gui.person import delete_now

pytestmark = pytest.mark.usefixtures("qapp")

FOLDER = "/home/somebody/pictures of the summer/the second box/turned and cut"
GONE = "is gone; put it back, or relink."


@pytest.fixture
def foot() -> Iterator[Sentence]:
    made = Sentence()
    made.resize(310, made.sizeHint().height())  # as wide as in the dock
    made.show()
    QApplication.processEvents()
    yield made
    made.deleteLater()
    delete_now()


def seen(foot: Sentence) -> str:
    return foot.label.text().replace("\n", " ")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (FOLDER + "/a b.png", "a b.png"),
        (FOLDER + "/one's.png", "one's.png"),
        (FOLDER + "/stack.zarr/", "stack.zarr"),
        ("C:\\Users\\somebody\\pictures of the summer\\turned and cut\\a.png", "a.png"),
        ("\\\\server\\share of all\\pictures of the summer\\turned and cut\\a.png", "a.png"),
    ],
)
def test_one_that_is_too_long_loses_folders_and_has_them_in_its_tip(
    foot: Sentence, path: str, name: str
) -> None:
    foot.say(f"{path!r} {GONE}")
    assert seen(foot) == f"{name!r} {GONE}"
    assert foot.text() == f"{path!r} {GONE}"
    assert path.replace("\\", "").replace("/", "") in foot.label.toolTip().replace(
        "\\", ""
    ).replace("&#x27;", "'").replace("/", "")


@pytest.mark.parametrize(
    "said", ["'/a/b.png' is gone.", "Wrote '../a.png' and 'b.png'.", "1/2 and 3/4"]
)
def test_what_fits_stays_as_it_is(foot: Sentence, said: str) -> None:
    foot.say(said)
    assert seen(foot) == said
    assert foot.label.toolTip() == ""


def test_names_and_fractions_are_no_paths(foot: Sentence) -> None:
    said = f"'either/or' was changed to 'and/or' in 3/4 of the images of 'the whole/set'; {'so it is ' * 9}"
    foot.say(said)
    assert seen(foot).startswith("'either/or' was changed to 'and/or' in 3/4 of")
    assert seen(foot).endswith("…")
