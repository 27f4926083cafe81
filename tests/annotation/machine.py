"""Random edits, undo, redo, reviewing, saving and loading, held to a slow model after every step."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from napari_corrclip.annotation import (
    ORDERS,
    Changed,
    Draft,
    Edited,
    Queue,
    Session,
    SmallGroup,
    Verdict,
)
from napari_corrclip.annotation.change import Change, Step, Swap
from napari_corrclip.annotation.evidence import Taught
from napari_corrclip.errors import InputError
from tests.annotation.model import Model, Refused
from tests.annotation.seen import Seen, one_sentence
from tests.annotation.worlds import NAMES, random_image, random_regions, random_result
from tests.annotation.worlds import random_vocabulary as vocabulary_of

Draw = Callable[..., Any]
Call = tuple[str, tuple[Any, ...], dict[str, Any]]

SEEDS = st.integers(0, 2**32 - 1)
UNKNOWN = 999_999

ran: Counter[tuple[str, str]] = Counter()
"""How often each rule was carried out ("done"), changed nothing, or was refused."""


# -- what to do: arguments that fit the session as it is, and some that do not


def rarely(draw: Draw) -> bool:
    return bool(draw(st.integers(0, 14)) == 14)


def region(draw: Draw, model: Model) -> int:
    if not model.ids or rarely(draw):
        return UNKNOWN
    return int(draw(st.sampled_from(model.ids)))


def regions(draw: Draw, model: Model) -> Any:
    if rarely(draw):
        return draw(st.sampled_from([[], UNKNOWN, [*model.ids, UNKNOWN]]))
    if not model.ids:
        return []
    return draw(st.lists(st.sampled_from(model.ids), min_size=1, max_size=5))


def which(draw: Draw, model: Model) -> str | int:
    if rarely(draw):
        return draw(st.sampled_from(["nothing of that name", 4711]))
    return draw(st.sampled_from([*model.vocabulary.names, *model.vocabulary.values]))


def pixels(draw: Draw, model: Model) -> Any:
    """A rectangle, in some cases with holes, as a mask or as indices; rarely nothing, or outside."""
    height, width = model.regions.shape
    mask = np.zeros((height, width), bool)
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    mask[top : top + rows, left : left + columns] = True
    kind = "outside" if rarely(draw) else draw(st.sampled_from(["mask", "indices", "holes"]))
    if kind == "holes":
        mask &= np.random.default_rng(draw(SEEDS)).random(mask.shape) < 0.6
    if kind == "indices":
        return tuple(axis.tolist() for axis in np.nonzero(mask))
    if kind == "outside":
        return draw(st.sampled_from([([0, height], [0, 0]), ([0, -1], [0, 0]), ([0], [width])]))
    return mask


def points(draw: Draw, model: Model) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]]:
    one = region(draw, model)
    inside = [tuple(at) for at in np.argwhere(model.regions == one).tolist()]
    if len(inside) < 2 or rarely(draw):
        return one, [(0, 0)], draw(st.sampled_from([[], [(0, 0)], [(99, 0)], [(11, 15)]]))
    some = draw(st.lists(st.sampled_from(inside), min_size=2, max_size=5))
    at = draw(st.integers(1, len(some) - 1))
    return one, some[:at], some[at:]


def voting(draw: Draw, model: Model) -> Call:
    asked = draw(st.sampled_from(["undecided", "all", "some"]))
    return (
        "revote",
        (regions(draw, model) if asked == "some" else asked,),
        {
            "by": "lot" if rarely(draw) else draw(st.sampled_from(["majority", "mean", "pixels"])),
            "overrule": draw(st.booleans()),
        },
    )


def vocabulary(draw: Draw, model: Model) -> Call:
    old, new = model.vocabulary, model.vocabulary
    reassign: dict[str | int, Any] = {}
    for change in draw(
        st.lists(st.sampled_from(["add", "remove", "rename", "reorder"]), max_size=3)
    ):
        name = draw(st.sampled_from(new.names))
        unused = [one for one in NAMES if one not in {*new.names, *old.names}]
        if change == "add" and unused:
            new = new.add(unused[0], index=draw(st.integers(0, len(new))))
        elif change == "remove" and len(new) > 1:
            new = new.remove(name)
            removed = [one for one in old if one.value not in new.values]
            for one in removed:
                what = draw(st.sampled_from(["leave", "clear", "name", "value", "value"]))
                key = draw(st.sampled_from([one.name, one.value]))
                if what != "leave":
                    reassign[key] = {
                        "clear": None,
                        "name": draw(st.sampled_from(new.names)),
                        "value": draw(st.sampled_from(new.values)),
                    }[what]
        elif change == "rename" and unused:
            new = new.rename(name, unused[0])
        elif change == "reorder":
            new = new.reorder(draw(st.permutations(new.names)))
    # a target that went itself afterwards is one more refusal; a key must be of a class that goes
    keywords: dict[str, Any] = {"reassign": reassign or None}
    if draw(st.booleans()):
        random = np.random.default_rng(draw(SEEDS))
        wrong = draw(st.integers(0, 9)) == 0
        keywords["result"] = random_result(
            random, old if wrong else new, model.regions.shape, random_regions_of(random, model)
        )
    return "set_vocabulary", (new,), keywords


def random_regions_of(random: np.random.Generator, model: Model) -> np.ndarray:
    """The regions of another run, or the session's own."""
    if random.random() < 0.5:
        return model.regions
    return random_regions(random, model.regions.shape)


def another_run(draw: Draw, model: Model) -> Call:
    random = np.random.default_rng(draw(SEEDS))
    kind = draw(st.sampled_from(["other", "other", "own", "size", "classes"]))
    shape, classes = model.regions.shape, model.vocabulary
    if kind == "size":
        shape = (shape[0] + 1, shape[1])
    if kind == "classes":
        classes = classes.add("another class")
    found = model.regions if kind == "own" else random_regions(random, shape)
    return "rerun", (random_result(random, classes, shape, found),), {}


def lesson(draw: Draw, model: Model) -> Taught | None:
    """What a lesson might say of the run's regions, in some cases of others or of no class."""
    random = np.random.default_rng(draw(SEEDS))
    kind = draw(st.sampled_from(["some"] * 6 + ["nothing", "size", "class"]))
    if kind == "nothing":
        return None
    values, regions = model.vocabulary.values, len(model.chances_of_run) + (kind == "size")
    said = random.choice([-1, *values], regions).astype(np.int32)
    if kind == "class" and regions:
        said[0] = 4711
    probabilities = random.dirichlet(np.ones(len(values)), regions).astype(np.float32)
    return Taught(said, probabilities)


EDITS: dict[str, Callable[[Draw, Model], Call]] = {
    "assign": lambda draw, model: ("assign", (regions(draw, model), which(draw, model)), {}),
    "accept": lambda draw, model: ("accept", (regions(draw, model),), {}),
    "accept_above": lambda draw, model: (
        "accept_above",
        (draw(st.sampled_from([0, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5, -0.1])),),
        {},
    ),
    "ignore": lambda draw, model: ("ignore", (regions(draw, model),), {}),
    "clear": lambda draw, model: ("clear", (regions(draw, model),), {}),
    "spread": lambda draw, model: ("spread", (region(draw, model), which(draw, model)), {}),
    "revote": voting,
    "merge": lambda draw, model: ("merge", (regions(draw, model),), {}),
    "absorb": lambda draw, model: ("absorb", (regions(draw, model),), {}),
    "split": lambda draw, model: ("split", (region(draw, model),), {}),
    "split_mask": lambda draw, model: (
        "split_mask",
        (
            region(draw, model),
            np.random.default_rng(draw(SEEDS)).random(model.regions.shape)
            < draw(st.sampled_from([0, 0.2, 0.5, 1])),
        ),
        {},
    ),
    "split_points": lambda draw, model: ("split_points", points(draw, model), {}),
    "paint": lambda draw, model: (
        "paint",
        (pixels(draw, model), draw(st.sampled_from([None, 0, which(draw, model)]))),
        {},
    ),
    "paint_regions": lambda draw, model: (
        "paint_regions",
        (pixels(draw, model), draw(st.sampled_from([None, 0, region(draw, model)]))),
        {},
    ),
    "set_vocabulary": vocabulary,
    "rerun": another_run,
}
ALWAYS_A_STEP = {"set_vocabulary", "rerun"}


def check_against(session: Session, model: Model) -> None:
    """Assert that the session is what the model is."""
    rows = model.rows()
    np.testing.assert_array_equal(session.regions, model.regions)
    np.testing.assert_array_equal(session.pins, model.pins)
    np.testing.assert_array_equal(session.prediction, model.prediction)
    np.testing.assert_array_equal(session.labels, model.labels(rows))
    assert session.labels.dtype == np.uint16
    assert session.regions.dtype == np.int32
    assert session.vocabulary == model.vocabulary
    assert session.ids.tolist() == model.ids
    near = model.neighbours()
    for one, row in rows.items():
        found = session.region(one)
        assert found.area == row.area
        assert found.box == row.box
        assert found.votes.tolist() == list(row.votes)
        np.testing.assert_allclose(found.probabilities, row.probabilities, atol=1e-6)
        assert found.voting == row.voting
        assert found.predicted == row.predicted
        assert found.value == row.value
        # No class of the session became another one of a set: what was given is what the region has.
        assert (None if found.verdict is None else astuple(found.verdict)) == (
            None if row.verdict is None else (*row.verdict, 0)
        )
        assert session.neighbours(one) == near[one]
    check_table(session, model)


def check_table(session: Session, model: Model) -> None:
    table, values = session.table, model.vocabulary.values
    names = {0: "", **dict(zip(values, model.vocabulary.names, strict=True))}
    assert table["id"].tolist() == model.ids
    for (_, line), row in zip(table.iterrows(), model.rows().values(), strict=True):
        p = dict(zip(values, row.probabilities, strict=True))
        mine = p.get(row.predicted, 0.0)
        others = {value: one for value, one in p.items() if value != row.predicted}
        ranked = [*sorted(p.values(), reverse=True), 0.0]
        assert (line["class"], line["value"]) == (names[row.predicted], row.predicted)
        assert line["area"] == row.area
        assert tuple(line[["min_row", "min_col", "max_row", "max_col"]]) == row.box
        assert abs(line["p"] - mine) < 1e-6
        assert abs(line["margin"] - (ranked[0] - ranked[1])) < 2e-6
        votes = row.votes[[0, *values].index(row.predicted)]
        assert abs(line["share"] - votes / row.area) < 1e-6
        assert abs(line["runner_up_p"] - max(others.values(), default=0.0)) < 1e-6
        assert line["runner_up"] in {names[value] for value in others} | ({""} - set(others))
        assert line["state"] == ("" if row.verdict is None else row.verdict[0])
        assert (line["label"], line["label_class"]) == (row.value, names[row.value])


class Timeline:
    """All states there were, in the order in which undoing leads back through them."""

    def __init__(self, first: tuple[Model, Seen | None]) -> None:
        self.states = [first]
        self.at = 0

    def add(self, state: tuple[Model, Seen | None]) -> None:
        # What was undone is not forgotten: the way back leads through it.
        self.states += list(reversed(self.states[self.at : -1]))
        self.states.append(state)
        self.at = len(self.states) - 1

    @property
    def now(self) -> tuple[Model, Seen | None]:
        return self.states[self.at]


class Machine(RuleBasedStateMachine):
    """A session and its model, side by side."""

    SHAPE = (12, 16)

    @initialize(seed=SEEDS)
    def start(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        vocabulary = vocabulary_of(random)
        result = random_result(random, vocabulary, self.SHAPE)
        self.image = random_image(random, self.SHAPE)
        self.session = Session(result, self.image)
        self.listen()
        self.model = Model(result)
        check_against(self.session, self.model)
        self.timeline = Timeline((self.model, Seen(self.session)))
        self.review: Review | None = None
        self.way = self.saved = 0
        self.drafts = False

    def listen(self) -> None:
        self.heard: list[Changed] = []
        self.session.changed.connect(self.heard.append)

    # -- one edit

    def expected(self, model: Model, call: Call) -> Model | None:
        """Return the model after the edit; ``None``: to be refused."""
        name, arguments, keywords = call
        after = model.copy()
        try:
            getattr(after, name)(*arguments, **keywords)
        except Refused:
            return None
        return after

    def edit(self, call: Call, before: Model) -> tuple[Model, Edited | None]:
        """Make an edit; return the model after it, and what the session said of it."""
        name, arguments, keywords = call
        after = self.expected(before, call)
        refused = edited = None
        try:
            edited = self.perform(lambda session: getattr(session, name)(*arguments, **keywords))
        except InputError as error:
            refused = str(error)
        if refused is not None:
            assert one_sentence(refused), refused
            assert after is None, f"{name} was refused: {refused}"
            return before, None
        assert after is not None, f"{name} was not refused"
        if name == "split_points":
            after = before.copy()
            cut = np.array(self.session.regions, np.int64)
            after.split_points(*arguments, as_it_was_cut=cut)
        if name == "rerun":
            decided = before.decided()
            np.testing.assert_array_equal(
                self.session.labels[decided], before.labels()[decided], "decisions lost"
            )
        assert edited.title
        assert all(one_sentence(note) for note in edited.notes)
        return after, edited

    def perform(self, act: Callable[[Session], Any]) -> Any:
        """Edit the session, or a copy that it takes."""
        if not self.drafts:
            return act(self.session)
        draft = Draft.make(self.session, act)
        assert draft.take()
        return draft.made

    def make(self, name: str, data: st.DataObject) -> None:
        before, seen = self.timeline.now
        self.heard.clear()
        after, edited = self.edit(EDITS[name](data.draw, before), before)
        if edited is None:
            ran[name, "refused"] += 1
            self.unchanged(seen)
            return
        step = name in ALWAYS_A_STEP or not after.same(before)
        ran[name, "done" if step else "no change"] += 1
        if step:
            self.changed(after, seen, edited)
            self.timeline.add((after, Seen(self.session)))
        else:
            self.unchanged(seen)

    def unchanged(self, seen: Seen) -> None:
        Seen(self.session).same(seen)
        assert not self.heard
        self.check_history()

    def changed(self, after: Model, seen: Seen, edited: Edited | None) -> None:
        """Check the session against the model, and what was told against what differs."""
        check_against(self.session, after)
        self.check_told(seen, edited)

    def check_told(self, seen: Seen, edited: Edited | None) -> None:
        now = Seen(self.session)
        for name in ("labels", "regions"):
            differs = seen.maps[name] != now.maps[name]
            for told in self.heard:
                for top, left, bottom, right in getattr(told, name):
                    differs[top:bottom, left:right] = False
            assert not differs.any(), f"{name} changed unseen"
        gone = set(seen.rows) - set(now.rows)
        different = {one for one, row in now.rows.items() if seen.rows.get(one) != row}
        updated = {one for told in self.heard for one in told.updated}
        removed = {one for told in self.heard for one in told.removed}
        assert different <= updated
        assert gone <= removed
        if seen.vocabulary != now.vocabulary:
            assert any(told.vocabulary for told in self.heard)
        if edited is not None:
            assert different <= set(edited.updated) <= set(now.rows)
            assert gone <= set(edited.removed)
            assert set(edited.conflicts) <= set(now.rows)
            assert not set(edited.removed) & set(now.rows)

    def check_history(self) -> None:
        assert self.session.can_undo == (self.timeline.at > 0)
        assert self.session.can_redo == (self.timeline.at < len(self.timeline.states) - 1)

    @rule(
        data=st.data(),
        times=st.integers(1, 3),
        between=st.sampled_from(["assign", "split", "undo"]),
    )
    def teach(self, data: st.DataObject, times: int, between: str) -> None:
        """A lesson is heard several times, and something else happens in between."""
        for number in range(times):
            if number and between == "undo":
                self.move(-1, self.session.undo)
            elif number:
                self.make(between, data)
            self.teach_once(data)

    def teach_once(self, data: st.DataObject) -> None:
        """What a lesson says becomes part of the step by which one was last heard."""
        before, seen = self.timeline.now
        self.heard.clear()
        taught = lesson(data.draw, before)
        history = self.session.history
        since, ahead = history.last_taught, list(history.undone)
        after, edited = self.edit(("teach", (taught,), {}), before)
        if edited is None or after.same(before):
            ran["teach", "refused" if edited is None else "no change"] += 1
            self.unchanged(seen)
            return
        self.changed(after, seen, edited)
        if taught is None or since is None:
            ran["teach", "done"] += 1
            self.timeline.add((after, Seen(self.session)))
            return
        ran["teach again", "done"] += 1
        # All states since that step are taught by now, and those ahead until another prediction comes.
        last = self.timeline.at
        for step in reversed(ahead):
            if step.predicts or step.teaches:
                break
            last += 1
        for at in range(since + 1, last + 1):
            model = self.timeline.states[at][0].copy()
            model.taught = after.copy().taught
            self.timeline.states[at] = (model, None)
        self.timeline.states[self.timeline.at] = (after, Seen(self.session))

    # -- every edit is a rule

    @rule(data=st.data())
    def assign(self, data: st.DataObject) -> None:
        self.make("assign", data)

    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        self.make("accept", data)

    @rule(data=st.data())
    def accept_above(self, data: st.DataObject) -> None:
        self.make("accept_above", data)

    @rule(data=st.data())
    def ignore(self, data: st.DataObject) -> None:
        self.make("ignore", data)

    @rule(data=st.data())
    def clear(self, data: st.DataObject) -> None:
        self.make("clear", data)

    @rule(data=st.data())
    def spread(self, data: st.DataObject) -> None:
        self.make("spread", data)

    @rule(data=st.data())
    def revote(self, data: st.DataObject) -> None:
        self.make("revote", data)

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        self.make("merge", data)

    @rule(data=st.data())
    def absorb(self, data: st.DataObject) -> None:
        self.make("absorb", data)

    @rule(data=st.data())
    def split(self, data: st.DataObject) -> None:
        self.make("split", data)

    @rule(data=st.data())
    def split_mask(self, data: st.DataObject) -> None:
        self.make("split_mask", data)

    @rule(data=st.data())
    def split_points(self, data: st.DataObject) -> None:
        self.make("split_points", data)

    @rule(data=st.data())
    def paint(self, data: st.DataObject) -> None:
        self.make("paint", data)

    @rule(data=st.data())
    def paint_regions(self, data: st.DataObject) -> None:
        self.make("paint_regions", data)

    @rule(data=st.data())
    def set_vocabulary(self, data: st.DataObject) -> None:
        self.make("set_vocabulary", data)

    @rule(data=st.data())
    def rerun(self, data: st.DataObject) -> None:
        self.make("rerun", data)

    @rule(data=st.data(), names=st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=4))
    def grouped(self, data: st.DataObject, names: list[str]) -> None:
        """Several edits as one step; if one is refused, none was made."""
        before, seen = self.timeline.now
        self.heard.clear()
        model, steps, refused = before, 0, False
        try:
            with self.session.step("Several things"):
                for name in names:
                    call = EDITS[name](data.draw, model)
                    after, edited = self.edit(call, model)
                    if edited is None:
                        refused = True
                        raise InputError("One was refused.")
                    steps += name in ALWAYS_A_STEP or not after.same(model)
                    model = after
        except InputError:
            assert refused
            ran["grouped", "refused"] += 1
            Seen(self.session).same(seen)
            self.check_told(seen, None)
            self.check_history()
            return
        ran["grouped", "done" if steps else "no change"] += 1
        if not steps:
            self.unchanged(seen)
            return
        self.changed(model, seen, None)
        self.timeline.add((model, Seen(self.session)))

    @rule(data=st.data(), name=st.sampled_from(sorted(EDITS)))
    def drafted(self, data: st.DataObject, name: str) -> None:
        self.drafts = True
        try:
            self.make(name, data)
        finally:
            self.drafts = False
        ran["drafted", "done"] += 1

    # -- back and forth

    @precondition(lambda self: self.session.can_undo)
    @rule(times=st.integers(1, 5), again=st.integers(0, 3))
    def undo(self, times: int, again: int) -> None:
        for _ in range(times):
            ran["undo", "done" if self.move(-1, self.session.undo) else "no change"] += 1
        for _ in range(again):
            ran["redo", "done" if self.move(1, self.session.redo) else "no change"] += 1

    @precondition(lambda self: self.session.can_redo)
    @rule()
    def redo(self) -> None:
        self.move(1, self.session.redo)
        ran["redo", "done"] += 1

    @rule(way=st.sampled_from(["undo", "redo"]))
    def refused_move(self, way: str) -> None:
        """A step that cannot be, as a file may hold one, stays where it is, and so does everything."""
        _, seen = self.timeline.now
        self.heard.clear()
        step = Step("Impossible", (Change(verdicts={UNKNOWN: Swap(None, Verdict("ignored", 0))}),))
        history = self.session.history
        steps, step = (history.done, step.inverse()) if way == "undo" else (history.undone, step)
        steps.append(step)
        with pytest.raises(InputError) as told:
            getattr(self.session, way)()
        assert one_sentence(str(told.value))
        assert steps.pop() is step
        self.unchanged(seen)
        ran[way, "refused"] += 1

    def move(self, by: int, call: Callable[[], Edited]) -> bool:
        _, seen = self.timeline.now
        self.heard.clear()
        possible = 0 <= self.timeline.at + by < len(self.timeline.states)
        edited = call()
        assert bool(edited.title) == possible
        if not possible:
            self.unchanged(seen)
            return False
        self.timeline.at += by
        model, former = self.timeline.now
        if former is None:  # it has become another one since it was left
            self.timeline.states[self.timeline.at] = (model, Seen(self.session))
        else:
            Seen(self.session).same(former)
        check_against(self.session, model)
        self.check_told(seen, edited)
        return True

    @precondition(lambda self: self.timeline.at != self.saved)
    @rule()
    def save_and_load(self) -> None:
        self.saved = self.timeline.at
        ran["save and load", "done"] += 1
        with tempfile.TemporaryDirectory() as folder:
            self.session.save(Path(folder) / "saved")
            self.session = Session.load(Path(folder) / "saved", self.image)
        self.listen()
        model, seen = self.timeline.now
        Seen(self.session).same(seen)
        check_against(self.session, model)
        self.review = None

    # -- reviewing

    @rule(order=st.sampled_from(sorted(ORDERS)), every=st.integers(0, 4))
    def open_queue(self, order: str, every: int) -> None:
        ran["queue open", "done"] += 1
        self.review = Review(self.session, order, every)

    @precondition(lambda self: self.review is not None)
    @rule()
    def queue_next(self) -> None:
        assert self.review is not None
        ran["queue next", "done"] += 1
        self.review.next(self.timeline.now[0])

    @precondition(lambda self: self.review is not None)
    @rule()
    def queue_refresh(self) -> None:
        assert self.review is not None
        ran["queue refresh", "done"] += 1
        self.review.refresh(self.timeline.now[0])

    @precondition(lambda self: self.review is not None)
    @rule()
    def queue_back(self) -> None:
        assert self.review is not None
        ran["queue back", "done"] += 1
        found = self.review.queue.back()
        assert found is None or found in self.timeline.now[0].ids

    @precondition(lambda self: len(self.timeline.states) >= self.way + 5)
    @rule()
    def all_the_way_back(self) -> None:
        """The first state is still there, and the last one."""
        ran["all the way", "done"] += 1
        self.way = len(self.timeline.states)
        way = self.timeline.at
        for _ in range(way):
            self.move(-1, self.session.undo)
        self.check_history()
        for _ in range(way):
            self.move(1, self.session.redo)


class Review:
    """A queue, and what must be true of it."""

    SMALL = 0.02  # of 192 pixels: less than 4

    def __init__(self, session: Session, order: str, every: int) -> None:
        self.queue = Queue(session, order, refresh_every=every, small=self.SMALL)
        self.order, self.every = order, every

    def small(self, model: Model) -> set[int]:
        rows = model.rows().values()
        return {
            row.id
            for row in rows
            if row.verdict is None and row.area < self.SMALL * model.regions.size
        }

    def refresh(self, model: Model) -> None:
        self.queue.refresh()
        large = {row.id for row in model.rows().values() if row.verdict is None} - self.small(model)
        ahead = []
        while isinstance(found := self.queue.peek(), int) and found not in ahead:
            # Without decisions in between, the queue leads once through everything.
            ahead.append(found)
            if not self.every or len(ahead) <= self.every:
                assert self.queue.next() == found
            else:
                break
        assert set(ahead) <= large
        if not self.every:
            assert set(ahead) == large
        self.queue.refresh()

    def next(self, model: Model) -> None:
        rows = model.rows()
        undecided = {row.id for row in rows.values() if row.verdict is None}
        small = self.small(model)
        left = self.queue.left
        assert left.regions == len(undecided)
        share = sum(rows[one].area for one in undecided) / model.regions.size
        assert abs(left.share - share) < 1e-9
        ahead = self.queue.peek()
        found = self.queue.next()
        assert found == ahead
        if not undecided:
            assert found is None
        elif isinstance(found, SmallGroup):
            assert undecided == small == set(found.ids)
            assert list(found.ids) == sorted(found.ids)
            assert found.area == sum(rows[one].area for one in small)
        else:
            assert found in undecided - small
