"""The person at the sheets of a set: what a page takes, what is left wrong, and what the project has then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_corrclip.evaluation.effort.sheets.made import made_steps
from napari_corrclip.evaluation.effort.sheets.person import SheetPerson, SheetRun, look_over
from napari_corrclip.evaluation.effort.sheets.regions import SetRegions
from napari_corrclip.evaluation.effort.sheets.singly import (
    image_by_image,
    over_the_set,
    taught_steps,
    trace_steps,
)
from napari_corrclip.evaluation.effort.sheets.ways import (
    ALIKE,
    BOUND,
    BY_CLASS,
    LEAST_SURE,
    STAKES,
    TAUGHT_P,
    SheetWay,
    hasty,
    with_all,
)
from napari_corrclip.evaluation.effort.simulation.region_truth import ceiling
from napari_corrclip.progress import finish
from napari_corrclip.project.project import Project
from tests.evaluation.effort.taught import scenes

CASES = scenes().cases[1:]
NAMES = [case.name for case in CASES]


@pytest.fixture(scope="module")
def regions() -> SetRegions:
    return SetRegions.of(CASES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(made_steps(tmp_path_factory.mktemp("made"), CASES))


@pytest.fixture(scope="module")
def project(folder: Path) -> Iterator[Project]:
    with Project.open(folder) as opened:
        yield opened


def run(project: Project, regions: SetRegions, way: SheetWay) -> SheetRun:
    return finish(SheetPerson(project, regions, way, NAMES).review_steps())


def test_the_regions_of_a_set_are_those_of_its_images(regions: SetRegions) -> None:
    right = [
        np.count_nonzero((case.truth == case.result.labels) & (case.truth > 0)) for case in CASES
    ]
    assert regions.start == pytest.approx(sum(right) / regions.total)
    assert regions.total == sum(np.count_nonzero(case.truth) for case in CASES)
    reach = [ceiling(case).accuracy for case in CASES]
    assert (regions.reach / regions.totals).tolist() == pytest.approx(reach)


@pytest.mark.parametrize(
    "way", [LEAST_SURE, with_all(ALIKE), STAKES, BY_CLASS, BOUND], ids=lambda way: way.name
)
def test_who_is_careful_leaves_nothing_wrong_but_what_lies_beside(
    project: Project, regions: SetRegions, way: SheetWay
) -> None:
    found = run(project, regions, way)
    assert found.whole
    assert len(found.decided) == len(regions.best)
    assert not found.wrongly.any()
    # Every region has its class, so that all that is left is beside it.
    assert found.right[-1] == regions.reach.sum() + regions.outside.sum()
    assert found.right[-1] + found.beside[-1] == regions.total
    assert (np.diff(found.right) >= 0).all()
    assert (np.diff(found.beside) >= 0).all()
    assert (np.diff(found.spent("accept-free")) > 0).all()
    paid, free = found.spent("accept-paid"), found.spent("accept-free")
    assert (paid - free)[-1] == found.kinds[:, 4].sum() > 0
    pages = found.kinds[:, 0].sum()
    assert pages == len(found.kinds) >= -(-len(regions.best) // 24)
    if not way.marks_all:  # each wrong one takes a click, but for one that the keyboard is at
        assert regions.wrong.sum() - pages <= found.kinds[:, 1].sum() <= regions.wrong.sum()


def test_marking_all_takes_less_and_decides_the_same(project: Project, regions: SetRegions) -> None:
    one_by_one, all_ = run(project, regions, ALIKE), run(project, regions, with_all(ALIKE))
    assert one_by_one.decided == all_.decided
    assert all_.kinds[:, 2].sum() > 0
    assert (all_.kinds.sum(axis=1) <= one_by_one.kinds.sum(axis=1)).all()
    assert all_.spent("accept-free")[-1] < 0.6 * one_by_one.spent("accept-free")[-1]


def test_pages_of_one_region_are_region_by_region(project: Project, regions: SetRegions) -> None:
    traces = [finish(trace_steps(case)) for case in CASES]
    spent, right = over_the_set(traces)
    found = run(project, regions, replace(LEAST_SURE, page=1))
    assert found.spent("accept-free")[-1] == spent[-1] == len(regions.best) + regions.wrong.sum()
    assert found.right[-1] == right[-1]
    # Likewise the queue of each image, which has to bring all of them to what they can reach.
    assert image_by_image(traces, regions, float(right[-1])) <= spent[-1]
    assert image_by_image(traces, regions, float(right[0])) == 0
    assert np.isnan(image_by_image(traces, regions, float(right[-1] + 1)))
    assert (np.diff(right) >= 0).all()


def test_who_overlooks_some_decides_these_wrongly(project: Project, regions: SetRegions) -> None:
    careful, some = run(project, regions, ALIKE), run(project, regions, hasty(ALIKE, 0.2))
    assert some.wrongly[-1] > 0
    missed = sum(some.decided[place] is None for place, said in careful.decided.items() if said)
    assert 0.1 * regions.wrong.sum() < missed < 0.5 * regions.wrong.sum()
    assert some.right[-1] + some.wrongly[-1] + some.beside[-1] == regions.total
    assert run(project, regions, hasty(ALIKE, 0.2)).decided == some.decided
    assert np.isnan(some.actions_to(float(careful.right[-1]), "accept-free"))


def test_alike_features_are_what_saves(
    project: Project, regions: SetRegions, tmp_path: Path
) -> None:
    from napari_corrclip.evaluation.effort.simulation.lesson import shuffled

    assert all(case.vectors is not None for case in CASES)
    mixed = [
        replace(case, vectors=shuffled(case.vectors, case.name))
        for case in CASES
        if case.vectors is not None
    ]
    with Project.open(finish(made_steps(tmp_path, mixed))) as other:
        blind = run(other, regions, with_all(ALIKE))
    seen = run(project, regions, with_all(ALIKE))
    assert seen.spent("accept-free")[-1] < 0.8 * blind.spent("accept-free")[-1]


def test_what_was_decided_is_in_the_project(folder: Path, regions: SetRegions) -> None:
    with Project.open(folder) as opened:
        found = run(opened, regions, LEAST_SURE)
        made = opened.decide({**found.decided}, progress=False)
        assert made.left == ()
        labels = [opened.session(record) for record in opened.items()]
        right = 0
        for case, held in zip(CASES, labels, strict=True):
            with held as session:
                right += np.count_nonzero((case.truth == session.labels) & (case.truth > 0))
        assert right == found.right[-1]
        opened.undo_sheet(made)


def test_with_a_lesson_pages_teach_the_next_ones(folder: Path, regions: SetRegions) -> None:
    goal = 0.95 * regions.reach.sum()
    with Project.open(folder) as opened:
        untaught = run(opened, regions, LEAST_SURE)
        person = SheetPerson(opened, regions, replace(TAUGHT_P, list_every=2), NAMES)
        taught = finish(person.review_steps(goal))
    assert taught.right[-1] >= goal
    assert not taught.whole
    assert taught.kinds[:, 6].sum() == taught.kinds[:, 7].sum() == (len(taught.kinds) - 1) // 2
    assert taught.actions_to(goal, "accept-free") < 0.5 * untaught.actions_to(goal, "accept-free")
    traces = finish(taught_steps(CASES, regions))
    assert image_by_image(traces, regions, goal) < 0.5 * untaught.actions_to(goal, "accept-free")


_numbers = st.integers(0, 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_numbers, _numbers, st.booleans()), min_size=1, max_size=12))
def test_a_page_is_decided_whichever_way_it_is_marked(page: list[tuple[int, int, bool]]) -> None:
    shown, best, missed = (np.array(column) for column in zip(*page, strict=True))
    careful = np.zeros(len(page), bool)
    wrong = np.flatnonzero((best > 0) & (shown != best))
    found = [look_over(shown, best, careful, marks_all=may) for may in (False, True)]
    for each in found:
        assert sorted(each.rows) == wrong.tolist()
        assert all(best[row] == number for row, number in zip(each.rows, each.numbers, strict=True))
        assert each.actions["look"] == 1
        assert each.actions["give"] == len(set(best[wrong]))
    assert found[1].actions.total() <= found[0].actions.total()
    overlooked = look_over(shown, best, missed.astype(bool))
    assert set(overlooked.rows) == set(wrong) - set(np.flatnonzero(missed))
