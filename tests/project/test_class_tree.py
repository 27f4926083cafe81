"""The tree of all classes that a set ever had: whichever go and come back, it is as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.errors import InputError
from napari_corrclip.project.class_tree import ClassTree, woven

Parents = dict[int, int | None]
MOTIONS = ("merge", "remove", "back", "move", "reorder", "add")


class Model:
    """What a set shows, told by what was done last; and what all of it is when all is there.

    Args:
        parents: of the classes at the beginning.
    """

    def __init__(self, parents: Parents) -> None:
        self.shown = dict(parents)
        self.whole = dict(parents)
        self.order = list(parents)
        """Of those whose order somebody saw last."""
        self.tree = ClassTree().chosen(parents)
        self.gone: list[int] = []

    def choose(self, shown: Parents, known: ClassTree | None = None) -> None:
        """Have other classes, of which the tree is to show just these."""
        self.tree = (known or self.tree).chosen(shown)
        self.shown = shown
        assert list(self.tree.among(shown).items()) == list(shown.items())
        for ways in (self.tree.parents, {**self.tree.parents, **self.tree.passed}):
            for value in ways:
                assert len(tree_line(ways, value)) <= len(ways)
        rows = json.loads(json.dumps(self.tree.rows()))
        assert ClassTree.of_rows(rows, "it") == self.tree

    def go(self, value: int, above: int | None, known: ClassTree) -> None:
        """Lose a class; what was below it is below another one."""
        left = {
            each: above if parent == value else parent
            for each, parent in self.shown.items()
            if each != value
        }
        self.gone.append(value)
        self.choose(left, known)

    def merge(self, value: int, heir: int) -> None:
        """Let a class be another one."""
        below = value in tree_line(self.shown, heir)
        above = self.shown[value] if below else heir
        self.go(value, above, self.tree.merged(value, heir))

    def back(self, value: int) -> None:
        """Let a class be there again."""
        self.gone.remove(value)
        self.choose(self.tree.among([*self.shown, value]))

    def move(self, value: int, above: int | None) -> None:
        """Say what a class is below."""
        if above is not None and value in tree_line(self.shown, above):
            return
        if self.shown[value] == above:  # as it is shown: nothing is said
            return
        shown = {**self.shown, value: above}
        if above is not None and value in tree_line(self.whole, above):
            # By classes that went it is above that: what is seen counts, in all of the line.
            self.whole |= {each: shown[each] for each in tree_line(shown, value)}
        self.whole[value] = above
        self.choose(shown)

    def reorder(self, values: list[int]) -> None:
        """Say the order of those that there are."""
        self.order = values
        self.choose({value: self.shown[value] for value in values})

    def add(self, above: int | None, place: int) -> None:
        """Have one more class."""
        value = 1 + max(self.whole)
        self.whole[value] = above
        items = list(self.shown.items())
        items.insert(place, (value, above))
        self.choose(dict(items))


def tree_line(ways: Mapping[int, int | None], value: int) -> list[int]:
    """The way up, which ends."""
    line, at = [value], ways[value]
    while at is not None:
        assert at not in line, "a circle"
        line.append(at)
        at = ways[at]
    return line


@st.composite
def trees(draw: st.DrawFn) -> Parents:
    """A tree of up to 8 classes, in any order."""
    number = draw(st.integers(2, 8))
    parents: Parents = {1: None}
    for value in range(2, number + 1):
        parents[value] = draw(st.sampled_from([None, *parents]))
    return {value: parents[value] for value in draw(st.permutations(list(parents)))}


@settings(max_examples=250, deadline=None)
@given(trees(), st.data())
def test_whatever_is_done_it_is_whole_when_all_are_back(parents: Parents, data: Any) -> None:
    model, draw = Model(parents), data.draw
    for _ in range(draw(st.integers(1, 14))):
        here = list(model.shown)
        kind = draw(st.sampled_from(MOTIONS))
        if kind == "merge" and len(here) > 1:
            value, heir = draw(st.permutations(here))[:2]
            model.merge(value, heir)
        elif kind == "remove" and len(here) > 1:
            value = draw(st.sampled_from(here))
            model.go(value, model.shown[value], model.tree)
        elif kind == "back" and model.gone:
            model.back(draw(st.sampled_from(model.gone)))
        elif kind == "move":
            model.move(draw(st.sampled_from(here)), draw(st.sampled_from([None, *here])))
        elif kind == "reorder":
            model.reorder(draw(st.permutations(here)))
        elif kind == "add":
            model.add(draw(st.sampled_from([None, *here])), draw(st.integers(0, len(here))))
    for value in draw(st.permutations(model.gone)):
        model.back(value)
    assert model.shown == model.whole
    assert [value for value in model.shown if value in model.order] == model.order


@settings(max_examples=60, deadline=None)
@given(trees(), st.data())
def test_classes_that_came_and_went_by_a_list_alone_are_as_the_list_says(
    parents: Parents, data: Any
) -> None:
    """Any other classes and parents at once, as of a file; some of them had gone."""
    known, draw = ClassTree().chosen(parents), data.draw
    for _ in range(3):
        chosen = draw(trees())
        known = known.chosen(chosen)
        assert list(known.among(chosen).items()) == list(chosen.items())
        for value in known.parents:
            tree_line({**known.parents, **known.passed}, value)
        value, heir = draw(st.permutations(list(chosen)))[:2]
        known = known.merged(value, heir)
        known = known.chosen(known.among(set(chosen) - {value}))


def test_one_that_comes_back_closes_no_circle() -> None:
    known = ClassTree().chosen({1: None, 2: 1, 3: 2, 4: 1, 5: None})  # 1 > 2 > 3, 1 > 4
    known = known.merged(2, 5).chosen({1: None, 3: 5, 4: 1, 5: None})
    known = known.merged(1, 3).chosen({3: 5, 4: 3, 5: None})
    # 3 is below 1 again by 2; what was below 1 is there until that is back.
    assert known.among([2, 3, 4, 5]) == {2: None, 3: 2, 4: None, 5: None}
    assert known.among([1, 2, 3, 4, 5]) == {1: None, 2: 1, 3: 2, 4: 1, 5: None}


def test_one_that_is_put_below_what_was_below_it_closes_no_circle() -> None:
    model = Model({1: None, 2: 1, 3: 2, 4: None})  # 1 > 2 > 3
    model.merge(2, 4)
    assert model.shown == {1: None, 3: 4, 4: None}
    model.move(1, 3)
    model.back(2)
    assert model.shown == model.whole == {1: 3, 2: 1, 3: 4, 4: None}


def test_the_order_is_that_of_the_values_and_others_stay_behind_what_they_stood_behind() -> None:
    assert woven([3, 1], [9, 1, 7, 8, 3, 6]) == [9, 3, 6, 1, 7, 8]
    assert woven([1, 4, 2], [1, 5, 2]) == [1, 5, 4, 2]
    assert woven([], [2, 1]) == [2, 1]


@pytest.mark.parametrize(
    "rows",
    [
        [[1, None]],
        [[1, None, None, None]],
        [[1, 2, None]],
        [[1, None, 2]],
        [[1, 1, None]],
        [[1, 2, None], [2, 1, None]],
        [[1, None, 2], [2, None, 1]],
        [[1, None, None], [1, None, None]],
        [[0, None, None]],
        [[70_000, None, None]],
        [[True, None, None]],
        [["1", None, None]],
        [[1, [], None]],
        [[[], None, None]],
    ],
)
def test_rows_that_are_no_tree_are_refused(rows: list[list[Any]]) -> None:
    with pytest.raises(InputError, match="that there ever were, in 'here', is none"):
        ClassTree.of_rows(rows, "'here'")


def test_what_an_earlier_version_wrote_down_is_taken_as_far_as_it_is_known() -> None:
    # 1 > 2 > 3, 1 > 4; 2 became 4, and 1 became 5.
    known = ClassTree().chosen({3: 4, 4: 5, 5: None})
    known = known.with_former(1, 0, {"parent": None, "children": [4]}, 5)
    known = known.with_former(2, 1, {"parent": 1, "children": [3, 77, "x"]}, 4)
    assert list(known.among([3, 4, 5]).items()) == [(3, 4), (4, 5), (5, None)]
    whole: Parents = {1: None, 2: 1, 3: 2, 4: 1, 5: None}
    assert list(known.among(whole).items()) == list(whole.items())
    assert known.with_former(2, 0, {}) == known
    # What it says is not believed where it would be a circle, or is no class.
    known = ClassTree().chosen({1: None, 2: 1})
    assert known.with_former(3, 9, {"parent": 2, "children": [1]}).parents[1] is None
    assert known.with_former(3, 9, {"parent": "x", "children": 4}, 8).rows()[-1] == (3, None, None)
