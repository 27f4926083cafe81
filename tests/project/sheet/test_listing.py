"""The list behind a sheet: what is on it, in which order, and that nothing on it jumps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_corrclip as nc
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.sheet.alike import grouped
from napari_corrclip.project.sheet.listing import Sheet, SheetFilter, SheetOrder
from napari_corrclip.project.vectors import VECTORS

FIRST = "../images/0.png"


def sheet(project: Project, **wanted: object) -> Sheet:
    return project.sheet(SheetFilter(**wanted), progress=False)  # type: ignore[arg-type]


def places(of: Sheet) -> list[tuple[int, int]]:
    return of.between(0, len(of))


def test_it_has_every_open_region_once_the_least_sure_first(project: Project) -> None:
    tables = {item.id: project.result(item).table for item in project}
    rows = [
        (row.p, row.margin, number, row.id, row.value)
        for number, table in tables.items()
        for row in table.itertuples()
    ]
    by_p = sorted(rows, key=lambda row: (row[0], row[2], row[3]))
    found = sheet(project)
    assert places(found) == [(number, region) for _, _, number, region, _ in by_p]
    by_margin = sorted(rows, key=lambda row: (row[1], row[2], row[3]))
    assert places(sheet(project, order=SheetOrder.MARGIN)) == [row[2:4] for row in by_margin]
    stakes = {
        (number, row.id): row.area * (1 - row.margin)
        for number, table in tables.items()
        for row in table.itertuples()
    }
    by_stakes = sorted(stakes, key=lambda place: (-stakes[place], *place))
    assert places(sheet(project, order=SheetOrder.STAKES)) == by_stakes
    value = by_p[0][4]
    of_class = [row[2:4] for row in by_p if row[4] == value]
    assert places(sheet(project, value=value)) == of_class
    # The pages are the list, piece by piece; what is read of them is what the tables say.
    assert [place for page in range(found.pages) for place in found.page(page)] == places(found)
    assert found.page(found.pages) == []
    seen = project.read_regions(found.page(0))
    assert [each.place for each in seen] == found.page(0)
    for each in seen:
        row = tables[each.item.id].set_index("id").loc[each.region]
        box = tuple(row[["min_row", "min_col", "max_row", "max_col"]].astype(int))
        assert (each.p, each.area, each.value, each.name, each.state, each.box) == (
            row["p"], row["area"], row["value"], row["class"], "", box,
        )  # fmt: skip


def test_a_class_that_was_merged_is_on_the_sheet_of_its_heir(project: Project) -> None:
    words = project.vocabulary
    values = {each.value for each in project.read_regions(places(sheet(project)))}
    gone, heir = sorted(values)[:2]
    both = places(sheet(project, value=gone)) + places(sheet(project, value=heir))
    project.merge_classes(words.by_value(gone).name, words.by_value(heir).name)
    found = sheet(project, value=heir)
    assert sorted(places(found)) == sorted(both)
    shown = project.read_regions(found.page(0))
    assert {each.value for each in shown} == {heir}
    decided = project.decide(
        dict.fromkeys(shown), progress=False
    )  # what was looked at is what there is
    assert decided.left == ()
    assert project.undo_sheet(decided, progress=False).left == ()


def test_what_is_decided_verified_gone_or_large_is_left_out(project: Project) -> None:
    before = sheet(project)
    second, third, fourth = (project.item(f"../images/{number}.png") for number in (1, 2, 3))
    with project.session(FIRST, by="Ann") as session:
        decided = session.ids[:3].tolist()
        session.accept(decided[:2])
        session.ignore(decided[2])
    project.mark(second, ItemState.VERIFIED)
    project.path_of(third).unlink()
    (project.folder_of(fourth) / "result" / "maps.zarr").mkdir()
    found = sheet(project)
    first = project.item(FIRST).id
    kept = [each for each in places(before) if each[0] == first and each[1] not in decided]
    assert places(found) == kept
    assert (found.gone, found.large) == (1, 1)
    every = sheet(project, undecided=False, states=tuple(ItemState))
    assert {item for item, _ in places(every)} == {first, second.id}
    assert set(places(every)) >= {(first, region) for region in decided}
    # The list of before is as it was; what its regions show now is read anew.
    again = {each.place: each for each in project.read_regions(places(before))}
    assert again[first, decided[2]].state == "ignored"
    assert again[first, decided[0]].by == "Ann"
    with project.session(FIRST) as session:
        kept_id = int(session.ids[0])
        near = next(iter(session.state.adjacency.neighbours(kept_id)))
        session.merge([kept_id, near])
    left = [each.place for each in project.read_regions(places(before))]
    gone = (first, max(kept_id, int(near)))
    assert left == [place for place in places(before) if place != gone]


def test_alike_ones_share_a_page_and_a_copy_lies_beside_its_original(project: Project) -> None:
    found = sheet(project, order=SheetOrder.ALIKE, page=4)
    assert sorted(places(found)) == sorted(places(sheet(project)))
    assert found.without_vectors == 0
    assert places(sheet(project, order=SheetOrder.ALIKE, page=4)) == places(found)
    x, at = vectors(project)

    def likeness(of: Sheet) -> float:
        pages = [x[[at[place] for place in of.page(page)]] for page in range(of.pages)]
        return float(np.mean([(page @ page.T).mean() for page in pages if len(page) == 4]))

    assert likeness(found) > likeness(sheet(project, page=4)) + 0.15
    third, fourth = (project.item(f"../images/{number}.png").id for number in (2, 3))
    pages = [set(found.page(page)) for page in range(found.pages)]
    together = sum(
        (fourth, region) in page for page in pages for item, region in page if item == third
    )
    assert together > 0.6 * sum(item == third for item, _ in places(found))
    # The page whose regions are least sure comes first; the last may have fewer.
    p = {each.place: each.p for each in project.read_regions(places(found))}
    means = [np.mean([p[place] for place in found.page(page)]) for page in range(found.pages)]
    whole = means if len(found) % 4 == 0 else means[:-1]
    assert whole == sorted(whole)


def test_more_like_these_begins_with_them_and_needs_their_vectors(project: Project) -> None:
    x, at = vectors(project)
    these = tuple(sheet(project).page(0)[:2])
    found = sheet(project, order=SheetOrder.LIKE, like=these)
    mean = x[[at[place] for place in these]].mean(axis=0)
    cosines = [float(x[at[place]] @ mean) for place in places(found)]
    np.testing.assert_allclose(cosines, sorted(cosines, reverse=True), atol=1e-5)
    fourth = project.item("../images/3.png")
    (project.folder_of(fourth) / VECTORS).unlink()
    less = sheet(project, order=SheetOrder.ALIKE)
    assert less.without_vectors == fourth.regions
    assert {item for item, _ in places(less)[-less.without_vectors :]} == {fourth.id}
    with pytest.raises(nc.InputError, match="no vectors"):
        sheet(project, order=SheetOrder.LIKE, like=((fourth.id, 1),))
    for wrong in ({"order": SheetOrder.LIKE}, {"page": 0}):
        with pytest.raises(nc.InputError):
            sheet(project, **wrong)
    for item in project:
        (project.folder_of(item) / VECTORS).unlink(missing_ok=True)
    none = sheet(project, order=SheetOrder.ALIKE)
    assert places(none) == places(sheet(project))
    assert none.without_vectors == len(none)


def test_an_empty_project_has_an_empty_sheet(tmp_path: Path) -> None:
    with Project.create(tmp_path / "none", "red, blue") as project:
        for order in (SheetOrder.P, SheetOrder.ALIKE):
            found = sheet(project, order=order)
            assert (len(found), found.pages, found.page(0)) == (0, 0, [])


def vectors(project: Project) -> tuple[np.ndarray, dict[tuple[int, int], int]]:
    """Return the vectors of all regions, centred and of unit length, and the row of each."""
    parts = [(item.id, project.vectors(item)) for item in project]
    towers = []
    for name in ("clip", "similarity"):
        tower = np.concatenate([getattr(each, name) for _, each in parts]).astype(np.float64)
        tower -= tower.mean(axis=0)
        towers.append(tower / np.linalg.norm(tower, axis=1, keepdims=True) / np.sqrt(2))
    names = [(number, int(region)) for number, each in parts for region in each.ids]
    return np.concatenate(towers, axis=1), {name: row for row, name in enumerate(names)}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.integers(1, 30), st.integers(1, 40), st.integers(0, 2**31))
def test_pages_hold_every_row_once_whatever_they_are(
    rows: int, page: int, wide: int, seed: int
) -> None:
    dice = np.random.default_rng(seed)
    x = dice.integers(-1, 2, (rows, wide)).astype(np.float32)  # many of them the same
    order, odd = grouped(x, page)
    assert sorted(order.tolist()) == list(range(rows))
    assert len(odd) == rows
    assert np.isfinite(odd).all()
    np.testing.assert_array_equal(grouped(x, page)[0], order)


def test_kinds_of_things_come_to_pages_of_their_own() -> None:
    dice = np.random.default_rng(0)
    kinds = dice.normal(size=(40, 128))
    kind = dice.permutation(np.repeat(np.arange(40), 24))
    x = kinds[kind] + 0.3 * dice.normal(size=(len(kind), 128))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    order, _ = grouped(x.astype(np.float32), 24)
    pages = kind[order].reshape(-1, 24)
    pure = np.mean([np.bincount(page).max() / 24 for page in pages])
    assert pure > 0.75  # by chance 0.13


def test_the_odd_one_of_a_page_is_told() -> None:
    dice = np.random.default_rng(1)
    x = np.tile(dice.normal(size=(1, 32)), (24, 1)) + 0.05 * dice.normal(size=(24, 32))
    x[7] = dice.normal(size=32)
    order, odd = grouped(x.astype(np.float32), 24)
    assert order[odd.argmax()] == 7


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"value": "red"}, "Regions of 'red' were asked for; give the label value"),
        ({"value": True}, "Regions of True were asked for"),
        ({"states": ("foo",)}, "no state of an image 'foo'; give of new, "),
        ({"order": "nix"}, "no order of a sheet 'nix'; give of p, margin"),
        ({"like": ("x",)}, "'x' is the place of no region"),
    ],
)
def test_a_filter_of_what_there_is_not_is_refused(wanted: dict[str, object], said: str) -> None:
    with pytest.raises(nc.InputError, match=said):
        SheetFilter(**wanted)  # type: ignore[arg-type]


def test_a_filter_takes_regions_and_names(project: Project) -> None:
    shown = project.read_regions(project.sheet(progress=False).page(0))[0]
    by_region = SheetFilter(order="like", like=(shown,), states=["pre-labelled"])  # type: ignore[arg-type]
    by_place = SheetFilter(
        order=SheetOrder.LIKE, like=(shown.place,), states=(ItemState.PRELABELLED,)
    )
    assert by_region == by_place
    sheets = [project.sheet(each, progress=False) for each in (by_region, by_place)]
    assert sheets[0].page(0) == sheets[1].page(0)
    assert sheets[0].page(0)[0] == shown.place
