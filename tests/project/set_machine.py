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
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

import napari_corrclip as nc
from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.errors import InputError
from napari_corrclip.project.exporting import read_item
from napari_corrclip.project.joining.agreement import Comparison
from napari_corrclip.project.joining.drawn import KINDS
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import DECIDED, ItemState
from napari_corrclip.project.sheet.listing import SheetFilter
from napari_corrclip.project.words import Names
from tests.project.set_model import LEFT_OUT, NOTHING, Image, Model, Said, Sheet, State, Verdicts

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


@cache
def run() -> dict[str, tuple[NDArray[np.int32], dict[int, int], dict[int, Counter[int]]]]:
    """Return of the template's items the region map, label value and votes by region, as they go out."""
    with Project.open(template(), read_only=True) as project:
        index, words = project._index, project.vocabulary
        images = {}
        for item in project:
            result = project.result(item)
            assert isinstance(result, nc.Segmentation)
            regions = result.regions
            labels = np.asarray(read_item(index, item, words, Names(index)).labels)
            found, votes = dict[int, int](), dict[int, Counter[int]]()
            for region in np.unique(regions).tolist():
                (found[region],) = np.unique(labels[regions == region]).tolist()
                votes[region] = Counter(result.pixel_labels[regions == region].tolist())
                del votes[region][0]
            images[item.name] = regions, found, votes
        return images


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
        words = self.project.vocabulary
        images = {name: Image(*found) for name, found in run().items()}
        self.model = Model(images, {class_.value: class_.name for class_ in words})
        self.held = contextlib.ExitStack()
        self.session: Session | None = None
        self.name, self.by, self.lags, self.stale, self.by_hand = "", "", "", False, False
        self.named = 0
        self.apart = set[str]()  # images that were left so that they do not follow the set
        self.moved = set[int]()  # label values of classes that ever became others

    def teardown(self) -> None:
        if hasattr(self, "held"):
            self.held.close()
            self.project.close()
            shutil.rmtree(self.place)

    # -- what there is

    @property
    def values(self) -> list[int]:
        return list(self.project.vocabulary.values)

    @property
    def is_whole(self) -> bool:
        """Whether no region shows a class that was removed since its networks found it."""
        shown = {value for _, _, value, *_ in self.model.rows()}
        return shown <= {0, *self.values}

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
        self.stale = self.by_hand = False
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
        done: list[tuple[str, State]] = []
        left = list(image.done)
        for title, news in zip(titles, of_set, strict=True):
            if left and left[0][0] == title:
                done.append(left.pop(0))
            else:
                assert news, (titles, known)
                done.append((title, left[0][1] if left else image.state))
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
        if kind == "accepted":  # what shows no class cannot be
            regions = [
                region
                for region in regions
                if seen[region] or now.get(region, ("",))[0] in ("assigned", "accepted")
            ]
            if not regions:
                return
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
        of_set = self.session.history.done[-1].of_set
        self.stale |= of_set
        self.by_hand |= of_set
        self.session.undo()
        self.model.images[self.name].undo()
        self.check_session()

    def redo(self, _: st.DataObject) -> None:
        assert self.session is not None
        self.session.redo()
        of_set = self.session.history.done[-1].of_set
        self.stale |= of_set
        self.by_hand |= of_set
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
        # Who took a step of the set back by hand shows classes anew: may count as who decided, and teaches
        # what is shown until the image is opened and follows again.
        (self.apart.add if self.by_hand else self.apart.discard)(self.name)
        if self.by_hand:
            image, number = self.model.images[self.name], self.project.item(self.name).id
            query = "SELECT id, by FROM regions WHERE item = ? AND state != ''"
            for region, by in self.project._index.rows(query, (number,)):
                said = image.told.said.get(region)
                if said is not None and said.value in self.moved and by == self.by:
                    image.told.said[region] = replace(said, by=by)

    # -- classes

    def merge(self, data: st.DataObject) -> None:
        if len(self.values) < 3:
            return
        value, heir = data.draw(
            st.lists(st.sampled_from(self.values), min_size=2, max_size=2, unique=True)
        )
        self.project.merge_classes(self.model.names[value], self.model.names[heir])
        self.model.merged[value] = heir
        self.moved.add(value)

    def part(self, data: st.DataObject) -> None:
        value = data.draw(st.sampled_from(sorted(self.model.merged)))
        found = self.project.part_classes(value, progress=False)
        assert len(found.left) <= (self.session is not None)
        del self.model.merged[value]
        self.stale = True
        if found.left:  # the index hears of it when the image is left
            self.lags = self.name

    def remove(self, data: st.DataObject) -> None:
        """Let a class go, with what was decided as it."""
        value, by = self.draw_value(data), self.draw_person(data)
        name, of_it = self.model.names[value], list[str]()
        for each, image in self.model.images.items():
            if any(self.model.now(said.value) == value for said in image.told.said.values()):
                of_it.append(each)
        decided = self.project.decided_as(name)
        record = self.project.remove_class(name, by=by, progress=False)
        assert record is not None
        assert not record.left
        assert (decided.regions, decided.images) == (record.regions, len(of_it))
        sheet = Sheet({}, {}, removed=value)
        told = {item.name: item for item in record.items}
        assert told.keys() >= set(of_it)
        for each in told:
            regions = len(told[each].regions)
            back = f", {regions} region{'s' * (regions > 1)} undecided" if regions else ""
            title = f"Sheet {record.number}: class {name!r} removed{back}"
            sheet.said[each] = {}
            sheet.former[each], sheet.gone[each] = self.model.remove(each, title, value, by)
            assert {row.region for row in told[each].regions} == sheet.former[each].keys()
        self.model.sheets[record.number] = sheet
        self.check_removed()

    def check_removed(self) -> None:
        """Hold the classes that can come back to those that went, or of which something is still to come."""
        expected = {
            self.model.names[sheet.removed]: number
            for number, sheet in self.model.sheets.items()
            if sheet.removed is not None and (sheet.removed not in self.values or sheet.former)
        }
        removed = self.project.removed_classes()
        assert {name: record.number for name, record in removed.items()} == expected

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
                    shown = self.model.shown(name, region)
                    if region not in image.said and shown in self.values:
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
                region: image.told.said[region] for region in said if region in image.told.said
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
        if sheet.removed in self.model.merged:  # it was there again, and became another one since
            with pytest.raises(InputError, match="part it first"):
                self.project.undo_sheet(record, by=by, progress=False)
            return
        found = self.project.undo_sheet(record, by=by, progress=False)
        for name in found.items:
            image = self.model.images[name]
            said = sheet.said.pop(name)
            former = sheet.former.pop(name)
            stands = {each.number for each in image.said.values()}
            assert stands.issuperset(each.number for each in said.values())
            if sheet.removed is not None:  # what was taken back is of nobody since
                assert not image.said.keys() & former.keys()
            self.model.take_back(name, number, said, former, sheet.gone.pop(name, NOTHING))
        for name in [name for name in sheet.said if self.was_undone(name, number)]:
            if any(line.startswith(f"{name}: what was decided on sheet") for line in found.left):
                for each in (sheet.said, sheet.former, sheet.gone):  # it counts as taken back
                    each.pop(name, None)
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

    def was_undone(self, name: str, number: int) -> bool:
        """Whether a sheet was undone in an image by hand, as often as it was done."""
        titles = [title for title, _ in self.model.images[name].done]
        done, undone = (
            sum(title.startswith(f"{how}Sheet {number}:") for title in titles)
            for how in ("", "Undo: ")
        )
        return done == undone

    # -- the project

    def reopen(self, _: st.DataObject) -> None:
        folder = self.project.folder
        self.project.close()
        self.project = Project.open(folder)

    def export(self, _: st.DataObject) -> None:
        """Read an image as all exports do."""
        index = self.project._index
        for item in self.project:
            labels = self.model.labels(item.name)
            if not {0, *self.values}.issuperset(
                np.unique(labels).tolist()
            ):  # networks found it alone
                with pytest.raises(InputError, match="which is no class of the set"):
                    read_item(index, item, index.vocabulary, Names(index))
                continue
            found = read_item(index, item, index.vocabulary, Names(index))
            np.testing.assert_array_equal(np.asarray(found.labels), labels)

    def learnt(self, _: st.DataObject) -> None:
        """Hold what the lesson was taught to what is said: each region once, of the class that it is now."""
        expected = {
            (name, region, self.model.now(value))
            for name, image in self.model.images.items()
            for region, value in image.taught.items()
        }
        self.check_lesson(self.project, expected)

    def check_lesson(self, project: Project, expected: set[tuple[str, int, int]]) -> None:
        """Hold a lesson to items, regions and label values, and see that it has none twice."""
        taught = Counter[tuple[str, int, int]]()
        for store in project.lesson.stores():
            for sitting in store.sittings():
                for region, value in zip(sitting.looks.ids, sitting.looks.values, strict=True):
                    if sitting.image not in self.apart:
                        taught[sitting.image, int(region), self.model.now(int(value))] += 1
        same(set(taught), {each for each in expected if each[0] not in self.apart})
        assert set(taught.values()) <= {1}, taught

    def join(self, data: st.DataObject) -> None:
        """Let a third person decide in a copy, compare both, and join them."""
        model, place = self.model, self.place / f"copy-{sum(ran.values())}"
        place.mkdir()
        shutil.copytree(self.project.folder, place / "copy.corrclip-project")
        shutil.copytree(self.place / "images", place / "images")
        others = {name: dict(image.told.said) for name, image in model.images.items()}
        decisions = dict[Any, Any]()
        for name in data.draw(st.lists(st.sampled_from(sorted(others)), max_size=3, unique=True)):
            for region in self.draw_regions(data, name):
                self.answer(data, decisions, name, region, others[name])
        prefer = data.draw(st.sampled_from(["none", "A", "B"]))
        with Project.open(place / "copy.corrclip-project") as copy:
            if decisions:
                assert not copy.decide(decisions, by="Cy", progress=False).left
            comparison = self.project.compare(copy, progress=False)
            assert not comparison.passed_over
            self.check_comparison(comparison, others)
            made = self.project.merge(copy, place / "joined", prefer=prefer, progress=False)
        stands, conflicts = model.joined(others, prefer)
        assert not made.left_out, made.left_out
        same({(each.item, each.region) for each in made.conflicts}, set(conflicts))
        assert made.open == len(conflicts) * (prefer == "none")
        with Project.open(made.folder) as joined:
            self.check_joined(joined, stands)
            assert len(joined.open_conflicts()) == made.open
            sheets = [(each.number, each.undone) for each in self.project.decided_sheets()]
            assert [(each.number, each.undone) for each in joined.decided_sheets()] == sheets
            if made.open:
                self.decide_conflicts(data, joined, stands, conflicts)
            if model.merged and data.draw(st.booleans()):
                self.part_joined(data, joined, stands)
        shutil.rmtree(place)

    def answer(
        self,
        data: st.DataObject,
        decisions: dict[Any, Any],
        name: str,
        region: int,
        said: Verdicts,
        proposed: State | None = None,
    ) -> None:
        """Let a third person decide about a region, beside what was said of its image.

        Args:
            data: to draw from.
            decisions: gets the answer.
            name: of the image.
            region: of it.
            said: what was said of the image, which gets the decision.
            proposed: what the networks' proposals are there; ``None``: as the set shows them.
        """
        answer = data.draw(st.sampled_from([None, LEFT_OUT, *self.values]))
        shown = self.model.found(name, region, proposed or self.model.images[name].told)
        if answer is None and region not in said and shown not in self.values:
            return  # what shows no class of the set cannot be accepted
        decisions[name, region] = answer
        if answer is None and region not in said:
            said[region] = self.model.say("accepted", shown, "Cy")
        elif answer is not None:
            said[region] = self.model.say("assigned" if answer else "ignored", answer, "Cy")

    def check_joined(self, joined: Project, stands: Mapping[tuple[str, int], Said | None]) -> None:
        """Hold a joined project, and what its lesson was taught, to the decisions that stand there."""
        names = {0: "", **{class_.value: class_.name for class_ in joined.vocabulary}}
        items = {item.id: item.name for item in joined}
        found = {
            (items[item], region, "left out" if state == "ignored" else names[value], state)
            for item, region, value, state in joined._index.rows(
                "SELECT item, id, value, state FROM shown_regions"
            )
        }
        rows = self.model.rows_of(stands)
        same(found, rows)
        decided = set[tuple[str, int, int]]()
        for (name, region), said in stands.items():
            image = self.model.images[name]
            taught = region in image.taught and image.told.said.get(region) is said
            taught = taught or bool(self.model.found(name, region, image.told))
            if said and said.kind != "ignored" and taught:
                decided.add((name, region, self.model.now(said.value)))
        self.check_lesson(joined, decided)

    def decide_conflicts(
        self,
        data: st.DataObject,
        joined: Project,
        stands: dict[tuple[str, int], Said | None],
        conflicts: Mapping[tuple[str, int], tuple[Said, Said]],
    ) -> None:
        """Decide conflicts on their sheet by the word of either, take that back, or do it again."""
        items = {item.id: item.name for item in joined}
        sheet = joined.sheet(SheetFilter(conflicts=True), progress=False)
        listed = {(items[item], region) for item, region in sheet.between(0, len(sheet))}
        same(listed, set(conflicts))
        decisions, before = dict[Any, int](), dict(stands)
        for (item, region), conflict in sheet.conflicts.items():
            key = items[item], region
            side = data.draw(st.sampled_from([None, 0, 1]))
            if side is None:
                continue
            word = conflicts[key][side]
            value = 0 if word.kind == "ignored" else self.model.now(word.value)
            assert conflict.word_of(side) == value
            decisions[item, region] = value
            stands[key] = self.model.say("assigned" if value else "ignored", value, "Dot")
        if not decisions:
            return
        shown = dict.fromkeys(decisions)
        assert len(joined.decide(shown, by="Dot", progress=False).left) == len(shown)
        record = joined.decide(decisions, by="Dot", progress=False)
        assert not record.left
        self.check_joined(joined, stands)
        assert len(joined.open_conflicts()) == len(conflicts) - len(decisions)
        if data.draw(st.booleans()):
            assert not joined.undo_sheet(record, by="Dot", progress=False).left
            stands.update(before)
            self.check_joined(joined, stands)
            assert len(joined.open_conflicts()) == len(conflicts)

    def part_joined(
        self,
        data: st.DataObject,
        joined: Project,
        stands: Mapping[tuple[str, int], Said | None],
    ) -> None:
        """Part classes in a joined project that both had merged: each decision is of what was given."""
        merged = self.model.merged
        value = data.draw(st.sampled_from(sorted(merged)))
        assert not joined.part_classes(value, progress=False).left
        heir = merged.pop(value)
        try:
            self.check_joined(joined, stands)
        finally:
            merged[value] = heir

    # -- a second look

    def look_again(self, data: st.DataObject) -> None:
        """Let somebody decide about a sample of it who sees nothing of what was decided, and compare."""
        model, place = self.model, self.place / f"second-{sum(ran.values())}"
        decided = {name for name, image in model.images.items() if image.told.said}
        kind = data.draw(st.sampled_from(KINDS))
        number = data.draw(st.integers(1, 3))
        population = {item.name for item in self.project.items(*DECIDED)}
        assert decided <= population
        if not (population if kind == "images" else decided):
            with pytest.raises(InputError, match=r"decide some first|draw images"):
                self.project.sample(number, place, kind=kind, progress=False)
            return
        sample = self.project.sample(
            number, place, kind=kind, seed=data.draw(st.integers(0, 9)), progress=False
        )
        with Project.open(sample.folder) as second:
            names = self.check_blind(second)
            if kind == "images":
                assert len(names) == min(number, len(population))
                drawn = {
                    (name, region) for name in names.values() for region in model.images[name].found
                }
            else:
                drawn = {
                    (names[item], region)
                    for item, regions in sample.drawn.regions
                    for region in regions
                }
                of_all = {
                    (name, region) for name in decided for region in model.images[name].told.said
                }
                assert drawn <= of_all
                assert len(drawn) == min(number, len(of_all))
                assert sample.drawn.population == len(of_all)
            decisions, others = dict[Any, Any](), {name: Verdicts() for name in model.images}
            for item, name in names.items():
                of_it = sorted(region for each, region in drawn if each == name)
                for region in data.draw(st.lists(st.sampled_from(of_it), max_size=4, unique=True)):
                    self.answer(data, decisions, name, region, others[name], State())
                for each, region in [key for key in decisions if key[0] == name]:
                    decisions[item, region] = decisions.pop((each, region))
            if decisions:
                assert not second.decide(decisions, by="Cy", progress=False).left
            found = self.project.compare(second, progress=False)
            # What was found of a class that is removed is told, unless somebody decides otherwise.
            lost = {
                name
                for name in names.values()
                for region, value in model.images[name].found.items()
                if model.now(said.value if (said := others[name].get(region)) else value)
                not in {0, *self.values}
            }
            assert len(found.passed_over) == len(lost), found.passed_over
            drawn = {(name, region) for name, region in drawn if name not in lost}
            self.check_second_look(found, drawn, others)
        shutil.rmtree(sample.folder)

    def check_blind(self, second: Project) -> dict[str, str]:
        """Hold a sample to what the networks proposed, see that it has nobody's word, and return its items.

        Returns:
            By the name of each item there its name here.
        """
        here = {Path(item.path).name: item.name for item in self.project}
        names = {item.name: here[Path(item.path).name] for item in second}
        numbers = {item.id: names[item.name] for item in second}
        rows = set(second._index.rows("SELECT item, id, value, state, by FROM shown_regions"))
        proposed = {
            (name, region, self.model.now(value), "", "")
            for name in names.values()
            for region, value in self.model.images[name].found.items()
        }
        same({(numbers[item], *more) for item, *more in rows}, proposed)
        assert {(item.state, item.by) for item in second} == {(ItemState.PRELABELLED, "")}
        assert not second.decided_sheets()
        assert not second.lesson.has_begun
        assert not list(second.folder.rglob("session"))
        told = {
            each.by for image in self.model.images.values() for each in image.told.said.values()
        }
        for path in second.folder.rglob("*.json*"):
            assert not any(f'"{person}"' in path.read_text() for person in told), path
        return names

    def check_second_look(
        self,
        found: Comparison,
        drawn: set[tuple[str, int]],
        others: Mapping[str, Verdicts],
    ) -> None:
        """Hold agreement and κ of a second look to what both have said of regions that were drawn."""
        said = [
            (
                self.model.says(name, region, self.model.images[name].told.said[region]),
                self.model.says(name, region, others[name][region]),
                self.model.images[name].area(region),
            )
            for name, region in sorted(drawn)
            if region in self.model.images[name].told.said and region in others[name]
        ]
        assert found.regions.total == len(said)
        assert found.pixels.total == sum(area for *_, area in said)
        assert found.regions.agreed == sum(one == two for one, two, _ in said)
        if len({each for one, two, _ in said for each in (one, two)}) > 1:
            first, second, areas = zip(*said, strict=True)
            pixels = cohen_kappa_score(first, second, sample_weight=areas)
            assert found.pixels.kappa == pytest.approx(pixels, abs=1e-9)
            regions = cohen_kappa_score(first, second)
            assert found.regions.kappa == pytest.approx(regions, abs=1e-9)
        assert found.drawn is not None
        if found.drawn.kind == "regions":
            assert found.looked == len(said)

    def check_comparison(self, found: Comparison, others: Mapping[str, Verdicts]) -> None:
        """Hold agreement and κ to those of every pixel, one by one."""
        pairs, decided = list[tuple[str, str, int]](), Counter[bool]()
        for name, image in self.model.images.items():
            for region in image.found:
                mine, theirs = (
                    self.model.says(name, region, said.get(region))
                    for said in (image.told.said, others[name])
                )
                pairs.append((mine, theirs, image.area(region)))
                if region in image.told.said and region in others[name]:
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
    "say": (12, lambda it: it.session is not None),
    "undo": (3, lambda it: it.session is not None and it.session.can_undo),
    "redo": (3, lambda it: it.session is not None and it.session.can_redo),
    "leave": (3, lambda it: it.session is not None),
    "merge": (2, lambda it: len(it.values) > 2),
    "part": (2, lambda it: bool(it.model.merged)),
    "remove": (1, lambda it: it.session is None and len(it.values) > 2),
    "rename": (1, lambda _: True),
    "put_below": (1, lambda _: True),
    "decide": (3, lambda _: True),
    "split_off": (1, lambda _: True),
    "take_back": (2, lambda it: bool(it.model.sheets)),
    "reopen": (1, lambda it: it.session is None),
    "export": (1, lambda it: it.session is None),
    "learnt": (2, lambda it: it.session is None),
    "join": (1, lambda it: it.session is None and it.is_whole),
    "look_again": (1, lambda it: it.session is None and it.is_whole),
}
"""What may be done, how often beside the others, and when it can be."""
