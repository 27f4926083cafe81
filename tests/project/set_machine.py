"""Random work of two people on a set: sessions, sheets, classes in motion, copies compared and joined.

After every step the index, its figures and its sheets are held to the slow model, and so are each session
that is opened, all exports, the lesson's rows, κ and what is joined, whenever they are asked for.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sklearn.metrics import cohen_kappa_score

import napari_corrclip as nc
from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.project.exporting import read_item
from napari_corrclip.project.joining.agreement import Comparison
from napari_corrclip.project.project import Project
from napari_corrclip.project.sheet.listing import SheetFilter
from napari_corrclip.project.words import Names
from tests.project.set_model import LEFT_OUT, Image, Model, Sheet, Verdicts

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 9})
WORDS = "red, green, blue, background: grass"
IMAGES = 6
PEOPLE = ("Ann", "Bob")

ran: Counter[str] = Counter()
"""How often each rule was carried out."""


PLACE = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where projects lie that nobody keeps: thousands of steps are not to wait for a disk."""


@cache
def template() -> Path:
    """Return a project of six small images that was run, made once; and copied for each example."""
    base = Path(tempfile.mkdtemp(prefix="motions-", dir=PLACE))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    (base / "images").mkdir()
    for number in range(IMAGES):
        iio.imwrite(base / "images" / f"{number}.png", generate_scene(number).image[:64, :64])
    with Project.create(base / "set", WORDS, base / "images", recipe=RECIPE) as project:
        project.run(progress=False)
        project.lesson.switch = (
            "off"  # it is taught, and its predictions are no matter of the model
        )
        return project.folder


def same(found: set[Any], expected: set[Any]) -> None:
    assert found == expected, (
        f"found, and not expected: {found - expected}; expected, and not found: {expected - found}"
    )


class Machine(RuleBasedStateMachine):
    """A project and its model, side by side."""

    @initialize()
    def start(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="motions-", dir=PLACE))
        shutil.copytree(template().parent, self.place, dirs_exist_ok=True)
        self.project = Project.open(self.place / template().name)
        words, images = self.project.vocabulary, dict[str, Image]()
        for item in self.project:
            result = self.project.result(item)
            with Project.open(self.project.folder, read_only=True) as reader:
                index = reader._index
                labels = np.asarray(read_item(index, item, words, Names(index)).labels)
            regions = np.asarray(result.regions)
            found = {
                region: int(labels[regions == region][0]) for region in np.unique(regions).tolist()
            }
            images[item.name] = Image(regions, found)
        self.model = Model(images, {class_.value: class_.name for class_ in words})
        self.held = contextlib.ExitStack()
        self.session: Session | None = None
        self.name, self.by, self.lags, self.stale = "", "", "", False
        self.named = 0

    def teardown(self) -> None:
        if hasattr(self, "held"):
            self.held.close()
            self.project.close()
            shutil.rmtree(self.place)

    # -- what there is

    @property
    def values(self) -> list[int]:
        return list(self.project.vocabulary.values)

    def draw_value(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.values))

    def draw_regions(self, data: st.DataObject, name: str, most: int = 4) -> list[int]:
        ids = sorted(self.model.images[name].found)
        return data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=most, unique=True))

    def new_name(self) -> str:
        """Return a name that no class ever had: an image may know one that the set has not any more."""
        self.named += 1
        return f"colour {self.named}"

    def draw_person(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(PEOPLE))

    # -- one step

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        likely = [name for name, (weight, can) in ACTS.items() if can(self) for _ in range(weight)]
        name = data.draw(st.sampled_from(likely))
        getattr(self, name)(data)
        ran[name] += 1

    # -- one image

    def open(self, data: st.DataObject) -> None:
        self.name, self.by = (
            data.draw(st.sampled_from(sorted(self.model.images))),
            self.draw_person(data),
        )
        by = self.by
        item = self.project.item(self.name)
        self.session = self.held.enter_context(self.project.session(item, by=by))
        self.align(self.session)
        self.stale = False
        self.learning = self.project.lesson.learn(self.session, item)
        self.check_session()

    def align(self, session: Session) -> None:
        """Take note of steps that the model does not know: they are those that bring the set's classes."""
        image = self.model.images[self.name]
        if not session.can_redo:
            image.settle()
        titles = [step.title for step in session.history.done]
        of_set = [
            step.of_set or step.title.startswith("Change the vocabulary")
            for step in session.history.done
        ]
        known = [title for title, _ in image.done]
        done: list[tuple[str, Verdicts]] = []
        left = list(image.done)
        for title, news in zip(titles, of_set, strict=True):
            if left and left[0][0] == title:
                done.append(left.pop(0))
            else:
                assert news, (titles, known)
                done.append((title, left[0][1] if left else image.said))
        assert not left, (titles, known)
        image.done = done

    def check_session(self) -> None:
        session, model = self.session, self.model
        assert session is not None
        if (
            self.stale
        ):  # until it is left it has not heard of what was parted, or it was taken back by hand
            return
        image = model.images[self.name]
        verdicts = {
            region: (each.kind, model.now(each.value) if each.kind != "ignored" else 0)
            for region, each in session.state.verdicts.items()
        }
        expected = {
            region: (each.kind, model.now(each.value)) for region, each in image.said.items()
        }
        same(set(verdicts.items()), set(expected.items()))
        labels = np.vectorize(model.now, otypes=[np.uint16])(session.labels)
        np.testing.assert_array_equal(labels, model.labels(self.name))

    def say(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(["assigned", "accepted", "ignored", "clear"]))
        session, image = self.session, self.model.images[self.name]
        assert session is not None
        regions = self.draw_regions(data, self.name)
        said = dict(image.said)
        before = len(session.history.done)
        # What is decided is what the person sees, who may have taken a merging back by hand.
        seen = {row.id: row.predicted for row in map(session.region, regions)}
        now = {region: (each.kind, each.value) for region, each in session.state.verdicts.items()}
        if kind == "assigned":
            # A class that has gone from the set is told to who has it here still, and is theirs to remove.
            theirs = [
                value for value in session.vocabulary.values if self.model.now(value) in self.values
            ]
            value = data.draw(st.sampled_from(theirs))
            session.assign(regions, value)
            said |= {
                region: self.model.say(kind, value, self.by)
                for region in regions
                if now.get(region) != (kind, value)
            }
        elif kind == "accepted":
            session.accept(regions)
            said |= {
                region: self.model.say(kind, seen[region], self.by)
                for region in regions
                if region not in said or said[region].kind == "ignored"
            }
        elif kind == "ignored":
            session.ignore(regions)
            said |= {
                region: self.model.say(kind, LEFT_OUT, self.by)
                for region in regions
                if now.get(region) != (kind, LEFT_OUT)
            }
        else:
            session.clear(regions)
            said = {region: each for region, each in said.items() if region not in regions}
        if len(session.history.done) > before:
            image.push(session.history.done[-1].title, said)
        else:
            assert said == image.said
        self.check_session()

    def differs(self, image: Image, region: int, kind: str, value: int) -> bool:
        """Whether a decision of a sheet is another one than that which stands."""
        now, said = self.model.now, image.said.get(region)
        return said is None or (said.kind, now(said.value)) != (kind, now(value))

    def undo(self, _: st.DataObject) -> None:
        assert self.session is not None
        self.stale |= self.session.history.done[-1].of_set
        self.session.undo()
        self.model.images[self.name].undo()
        self.check_session()

    def redo(self, _: st.DataObject) -> None:
        assert self.session is not None
        self.session.redo()
        self.stale |= self.session.history.done[-1].of_set
        self.model.images[self.name].redo()
        self.check_session()

    def leave(self, _: st.DataObject) -> None:
        assert self.session is not None
        if not self.learning.fits:  # its words were undone, or done again
            item = self.project.item(self.name)
            self.learning = self.project.lesson.learn(self.session, item, self.learning)
        self.project.lesson.finish(self.learning)
        self.held.close()
        self.session, self.lags = None, ""
        self.model.take(self.name, self.by)

    # -- classes

    def merge(self, data: st.DataObject) -> None:
        if len(self.values) < 3:
            return
        value, heir = data.draw(
            st.lists(st.sampled_from(self.values), min_size=2, max_size=2, unique=True)
        )
        self.project.merge_classes(self.model.names[value], self.model.names[heir])
        self.model.merged[value] = heir

    def part(self, data: st.DataObject) -> None:
        value = data.draw(st.sampled_from(sorted(self.model.merged)))
        found = self.project.part_classes(value, progress=False)
        assert len(found.left) <= (self.session is not None)
        del self.model.merged[value]
        self.stale = True
        if found.left:  # the index hears of it when the image is left
            self.lags = self.name

    def rename(self, data: st.DataObject) -> None:
        value, name = self.draw_value(data), self.new_name()
        words = self.project.vocabulary
        self.project.change_classes(words, words.rename(self.model.names[value], name))
        self.model.names[value] = name

    def put_below(self, data: st.DataObject) -> None:
        words = self.project.vocabulary
        value = self.draw_value(data)
        parent = data.draw(st.sampled_from([None, *words.names]))
        try:
            words = words.with_parent(self.model.names[value], parent)
        except InputError:  # a circle
            return
        self.project.change_classes(self.project.vocabulary, words)

    # -- sheets

    def decide(self, data: st.DataObject) -> None:
        by, decisions = self.draw_person(data), dict[Any, Any]()
        for name in data.draw(
            st.lists(
                st.sampled_from(sorted(self.model.images)), min_size=1, max_size=3, unique=True
            )
        ):
            for region in self.draw_regions(data, name, 3):
                decisions[name, region] = data.draw(
                    st.sampled_from([None, None, LEFT_OUT, *self.values])
                )
        record = self.project.decide(decisions, by=by, progress=False)
        self.decided(record, decisions, by)

    def decided(
        self, record: Any, decisions: dict[Any, Any], by: str, made: int | None = None
    ) -> None:
        """Take a sheet into the model."""
        sheet = Sheet({}, {}, made)
        told = {item.name: item for item in record.items}
        for name in {name for name, _ in decisions}:
            image = self.model.images[name]
            if self.session is not None and name == self.name:  # who has it open keeps it
                assert name not in told
                continue
            said = {}
            for (other, region), answer in decisions.items():
                if other != name:
                    continue
                if answer is None:
                    if region not in image.said:
                        shown = self.model.now(image.found[region])
                        said[region] = self.model.say("accepted", shown, by)
                elif answer == LEFT_OUT:
                    if self.differs(image, region, "ignored", LEFT_OUT):
                        said[region] = self.model.say("ignored", LEFT_OUT, by)
                elif self.differs(image, region, "assigned", answer):
                    said[region] = self.model.say("assigned", answer, by)
            assert (name in told) == bool(said), (record.left, said)
            if not said:
                continue
            assert {each.region for each in told[name].regions} == said.keys()
            sheet.said[name] = said
            sheet.former[name] = {
                region: image.told[region] for region in said if region in image.told
            }
            image.push(
                f"Sheet {record.number}: {len(said)} region{'s' * (len(said) > 1)} decided",
                image.said | said,
            )
            self.model.take(name, by)
        self.model.sheets[record.number] = sheet

    def split_off(self, data: st.DataObject) -> None:
        """Make a class of examples."""
        name = self.new_name()
        image, by = data.draw(st.sampled_from(sorted(self.model.images))), self.draw_person(data)
        regions = [(image, region) for region in self.draw_regions(data, image, 3)]
        record = self.project.new_class(name, regions, by=by, progress=False)
        value = record.made
        assert value is not None
        assert value not in self.model.names
        self.model.names[value] = name
        self.decided(record, dict.fromkeys(regions, value), by, value)

    def take_back(self, data: st.DataObject) -> None:
        number, by = data.draw(st.sampled_from(sorted(self.model.sheets))), self.draw_person(data)
        sheet = self.model.sheets[number]
        record = next(each for each in self.project.decided_sheets() if each.number == number)
        found = self.project.undo_sheet(record, by=by, progress=False)
        for name in found.items:
            image = self.model.images[name]
            said = sheet.said.pop(name)
            former = sheet.former.pop(name)
            stands = {each.number for each in image.said.values()}
            assert stands.issuperset(each.number for each in said.values())
            self.model.take_back(name, number, said, former)
        for name in sheet.said:
            image = self.model.images[name]
            is_open = self.session is not None and name == self.name
            edited = not image.done or not image.done[-1][0].startswith(f"Sheet {number}:")
            assert is_open or edited, found.left
        if not sheet.said:
            del self.model.sheets[number]
            if (
                sheet.made is not None
                and sheet.made not in self.project.vocabulary.values
                and sheet.made not in self.model.merged
            ):
                assert sheet.made not in {self.model.now(each) for each in self.model.merged}

    # -- the project

    def reopen(self, _: st.DataObject) -> None:
        folder = self.project.folder
        self.project.close()
        self.project = Project.open(folder)

    def export(self, _: st.DataObject) -> None:
        """Read an image as all exports do."""
        index = self.project._index
        for item in self.project:
            found = read_item(index, item, index.vocabulary, Names(index))
            np.testing.assert_array_equal(np.asarray(found.labels), self.model.labels(item.name))

    def learnt(self, _: st.DataObject) -> None:
        """Hold what the lesson was taught to what is said: each region once, of the class that it is now."""
        expected = {
            (name, region, self.model.now(said.value))
            for name, image in self.model.images.items()
            for region, said in image.told.items()
            if said.kind != "ignored"
        }
        self.check_lesson(self.project, expected)

    def check_lesson(self, project: Project, expected: set[tuple[str, int, int]]) -> None:
        """Hold a lesson to items, regions and label values, and see that it has none twice."""
        taught = Counter[tuple[str, int, int]]()
        for store in project.lesson.stores():
            for sitting in store.sittings():
                for region, value in zip(sitting.looks.ids, sitting.looks.values, strict=True):
                    taught[sitting.image, int(region), self.model.now(int(value))] += 1
        same(set(taught), expected)
        assert set(taught.values()) <= {1}, taught

    def join(self, data: st.DataObject) -> None:
        """Let a third person decide in a copy, compare both, and join them."""
        model, place = self.model, self.place / f"copy-{sum(ran.values())}"
        place.mkdir()
        shutil.copytree(self.project.folder, place / "copy.corrclip-project")
        shutil.copytree(self.place / "images", place / "images")
        others = {name: dict(image.told) for name, image in model.images.items()}
        decisions = dict[Any, Any]()
        for name in data.draw(st.lists(st.sampled_from(sorted(others)), max_size=3, unique=True)):
            for region in self.draw_regions(data, name):
                answer = data.draw(st.sampled_from([None, LEFT_OUT, *self.values]))
                decisions[name, region] = answer
                if answer is None and region not in others[name]:
                    shown = model.now(model.images[name].found[region])
                    others[name][region] = model.say("accepted", shown, "Cy")
                elif answer is not None:
                    kind = "assigned" if answer else "ignored"
                    others[name][region] = model.say(kind, answer, "Cy")
        prefer = data.draw(st.sampled_from(["none", "A", "B"]))
        with Project.open(place / "copy.corrclip-project") as copy:
            if decisions:
                assert not copy.decide(decisions, by="Cy", progress=False).left
            comparison = self.project.compare(copy, progress=False)
            assert not comparison.passed_over
            self.check_comparison(comparison, others)
            made = self.project.merge(copy, place / "joined", prefer=prefer, progress=False)
        rows, conflicts = model.joined(others, prefer)
        assert not made.left_out, made.left_out
        same({(each.item, each.region) for each in made.conflicts}, conflicts)
        assert made.open == len(conflicts) * (prefer == "none")
        with Project.open(made.folder) as joined:
            names = {class_.value: class_.name for class_ in joined.vocabulary}
            items = {item.id: item.name for item in joined}
            found = {
                (items[item], region, "left out" if state == "ignored" else names[value], state)
                for item, region, value, state in joined._index.rows(
                    "SELECT item, id, value, state FROM shown_regions"
                )
            }
            same(found, rows)
            assert len(joined.open_conflicts()) == made.open
            values = {name: value for value, name in names.items()}
            decided = {
                (name, region, values[shown])
                for name, region, shown, state in rows
                if state in ("assigned", "accepted")
            }
            self.check_lesson(joined, decided)
            sheets = [(each.number, each.undone) for each in self.project.decided_sheets()]
            assert [(each.number, each.undone) for each in joined.decided_sheets()] == sheets
        shutil.rmtree(place)

    def check_comparison(self, found: Comparison, others: Mapping[str, Verdicts]) -> None:
        """Hold agreement and κ to those of every pixel, one by one."""
        pairs, decided = list[tuple[str, str, int]](), Counter[bool]()
        for name, image in self.model.images.items():
            for region in image.found:
                mine, theirs = (
                    self.model.says(name, region, said) for said in (image.told, others[name])
                )
                pairs.append((mine, theirs, image.area(region)))
                if region in image.told and region in others[name]:
                    decided[mine == theirs] += 1
        first, second, areas = zip(*pairs, strict=True)
        assert found.pixels.total == sum(areas)
        assert found.pixels.agreed == sum(area for one, two, area in pairs if one == two)
        assert (found.regions.total, found.regions.agreed) == (decided.total(), decided[True])
        if len({*first, *second}) > 1:
            expected = cohen_kappa_score(first, second, sample_weight=areas)
            assert found.pixels.kappa == pytest.approx(expected, abs=1e-9)

    # -- after every step

    @invariant()
    def index_is_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        index, model = self.project._index, self.model
        names = {item.id: item.name for item in self.project}
        rows = {
            (names[item], region, value, state, by)
            for item, region, value, state, by in index.rows(
                "SELECT item, id, value, state, by FROM shown_regions"
            )
        }
        if self.lags:
            kept = [{row for row in each if row[0] != self.lags} for each in (rows, model.rows())]
            same(*kept)
            return
        same(rows, model.rows())
        found = {
            row.value: (row.area, row.images, row.regions, row.decided)
            for row in self.project.figures().classes
            if row.regions
        }
        same(set(found.items()), set(model.figures().items()))
        words = self.project.vocabulary
        assert {class_.value: class_.name for class_ in words}.items() <= model.names.items()
        assert not model.merged.keys() & set(words.values)

    @invariant()
    def sheets_are_the_model(self) -> None:
        if not hasattr(self, "model") or self.lags:
            return
        value = self.values[sum(ran.values()) % len(self.values)]
        sheet = self.project.sheet(SheetFilter(value=value), progress=False)
        names = {item.id: item.name for item in self.project}
        found = {(names[item], region) for item, region in sheet.between(0, len(sheet))}
        assert found == {
            (name, region)
            for name, region, shown, state, _ in self.model.rows()
            if shown == value and not state
        }


ACTS: dict[str, tuple[int, Callable[[Machine], bool]]] = {
    "open": (6, lambda it: it.session is None),
    "say": (8, lambda it: it.session is not None),
    "undo": (2, lambda it: it.session is not None and it.session.can_undo),
    "redo": (2, lambda it: it.session is not None and it.session.can_redo),
    "leave": (3, lambda it: it.session is not None),
    "merge": (2, lambda it: len(it.values) > 2),
    "part": (2, lambda it: bool(it.model.merged)),
    "rename": (1, lambda _: True),
    "put_below": (1, lambda _: True),
    "decide": (4, lambda _: True),
    "split_off": (1, lambda _: True),
    "take_back": (2, lambda it: bool(it.model.sheets)),
    "reopen": (1, lambda it: it.session is None),
    "export": (1, lambda it: it.session is None),
    "learnt": (2, lambda it: it.session is None),
    "join": (1, lambda it: it.session is None),
}
"""What may be done, how often beside the others, and when it can be."""
