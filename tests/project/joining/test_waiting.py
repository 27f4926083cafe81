"""Conflicts of a merged project on a sheet: decided like any other region, in the classes of now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import napari_corrclip as nc
from napari_corrclip.errors import InputError
from napari_corrclip.project.joining.conflicts import read_conflicts, write_conflicts
from napari_corrclip.project.joining.waiting import OpenConflict, open_conflicts
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.sheet.listing import Sheet, SheetFilter, SheetOrder
from napari_corrclip.storage.text_files import MAX_RECORDS
from tests.project.joining.annotators import annotate

Two = tuple[Path, Path]
CONFLICTS = SheetFilter(conflicts=True)


@pytest.fixture
def merged(two: Two, tmp_path: Path) -> Path:
    """Ann says red of all but some; Bo blue of each third, and that each ninth is left out."""
    annotate(two[0], lambda _, region: "red" if region % 5 or not region % 3 else "", "Ann")
    annotate(
        two[1], lambda _, region: ("blue", "", "red")[region % 3] if region % 9 else "ignore", "Bo"
    )
    with Project.open(two[0], read_only=True) as one, Project.open(two[1], read_only=True) as other:
        return one.merge(other, tmp_path / "c", progress=False).folder


def listed(project: Project) -> tuple[Sheet, list[OpenConflict]]:
    """The sheet of the conflicts, and these in its order."""
    sheet = project.sheet(CONFLICTS, progress=False)
    return sheet, [sheet.conflicts[place] for place in sheet.between(0, len(sheet))]


def test_a_sheet_lists_what_is_open_the_largest_first(merged: Path) -> None:
    with Project.open(merged) as project:
        sheet, found = listed(project)
        waits = project.open_conflicts()
        assert len(found) == len(waits) == len(project.conflicts) > 12
        assert {each.conflict for each in found} == set(waits)
        pixels = [each.conflict.pixels for each in found]
        assert pixels == sorted(pixels, reverse=True)
        regions = project.read_regions(sheet.between(0, len(sheet)))
        assert [each.area for each in regions] == pixels
        assert [each.box for each in regions] == [each.conflict.box for each in found]
        assert {each.state for each in regions} == {""}
        # They are among those of an ordinary sheet, which has others, too.
        places = {each.place for each in found}
        every = project.sheet(progress=False)
        assert places < {place for number in range(every.pages) for place in every.page(number)}
        assert every.conflicts == {}
        # By looks, or of what looks like one: the same, in another order.
        for wanted in (
            SheetFilter(conflicts=True, order=SheetOrder.ALIKE),
            SheetFilter(conflicts=True, order=SheetOrder.LIKE, like=(found[3].place,)),
        ):
            other = project.sheet(wanted, progress=False)
            assert set(other.between(0, len(other))) == places
        assert other.between(0, 1) == [found[3].place]
        assert {each.conflict.people for each in found} == {("Ann", "Bo")}
        said = {each.conflict.said for each in found}
        assert said == {("Ann: red", "Bo: blue"), ("Ann: red", "Bo: left out")}


def test_decided_it_is_open_no_longer_and_taken_back_it_is_again(merged: Path) -> None:
    with Project.open(merged) as project:
        sheet, found = listed(project)
        regions = project.read_regions(sheet.between(0, len(sheet)))
        values = {class_.name: class_.value for class_ in project.vocabulary} | {"": 0}
        for each in found:
            both = each.conflict.first, each.conflict.second
            assert each.values == tuple(values[decision.class_] for decision in both)
        out = next(row for row, each in enumerate(found) if each.values[1] == 0)
        before = project.read_regions(each.place for each in found)
        decisions = {regions[row]: found[row].values[row % 2] for row in range(6)}
        decided = project.decide(decisions | {regions[out]: 0}, by="Cy", progress=False)
        assert decided.left == ()
        now = {each.place: each for each in project.read_regions(each.place for each in found)}
        for row in range(6):
            after, value = now[found[row].place], found[row].values[row % 2]
            if row != out:
                state = "assigned" if value else "ignored"
                assert (after.state, after.value, after.by) == (state, value, "Cy")
        assert (now[found[out].place].state, now[found[out].place].by) == ("ignored", "Cy")
        gone = {each.place for each in found[:6]} | {found[out].place}
        assert {each.place for each in listed(project)[1]} == {each.place for each in found} - gone
        assert len(project.open_conflicts()) == len(found) - len(gone)
        assert len(project.conflicts) == len(found)  # what either has said is known for ever
        project.undo_sheet(decided, by="Cy", progress=False)
        assert [each.place for each in listed(project)[1]] == [each.place for each in found]
        assert project.read_regions(each.place for each in found) == before


def test_nobody_waits_for_images_that_are_verified_or_skipped(merged: Path) -> None:
    with Project.open(merged) as project:
        first, second, third = project.items()
        project.mark(first, ItemState.VERIFIED)
        project.mark(second, ItemState.SKIPPED)
        assert {each.item for each in project.open_conflicts()} == {third.name}
        sheet, found = listed(project)
        assert len(sheet) == len(project.open_conflicts()) > 0
        assert {each.item for each in found} == {third.id}


def test_a_class_that_was_merged_renamed_or_removed_since(merged: Path) -> None:
    with Project.open(merged) as project:
        blue = project.vocabulary.by_value(project.vocabulary.values[1])
        assert blue.name == "blue"
        project.change_classes(None, project.vocabulary.rename("blue", "azure"))
        assert {each.values[1] for each in listed(project)[1]} == {blue.value, 0}
        wood = project.vocabulary.values[project.vocabulary.index("background")]
        project.merge_classes("azure", "background")
        assert {each.values[1] for each in listed(project)[1]} == {wood, 0}
        project.part_classes("azure", progress=False)
        assert {each.values[1] for each in listed(project)[1]} == {blue.value, 0}
        # No region is decided to be of it: it may go, and whoever decides says which else.
        words = project.vocabulary
        project.change_classes(words, words.remove("azure"))
        assert "azure" not in project.vocabulary.names
        found = listed(project)[1]
        assert {each.values for each in found} == {(1, None), (1, 0)}
        assert {each.word_of(0) for each in found} == {1}
        assert {each.word_of(1) for each in found if each.values[1] == 0} == {0}
        gone = next(each for each in found if each.values[1] is None)
        with pytest.raises(InputError, match="no class 'blue' any more; give another class"):
            gone.word_of(1)


def test_what_a_conflict_shows_is_nobodys_word_and_cannot_be_accepted(merged: Path) -> None:
    with Project.open(merged) as project:
        found = [each.place for each in listed(project)[1]]
        shown = project.read_regions(found[:1])[0]
        told = project.decide({shown: None, found[1]: None, found[2]: "red"}, progress=False)
        assert [item.regions[0].region for item in told.items] == [found[2][1]]
        ends = "is a conflict, and what it shows is nobody's word; give it a class."
        assert len(told.left) == 2
        assert all(line.endswith(ends) for line in told.left)
        assert [each.place for each in listed(project)[1]] == found[:2] + found[3:]
        # Once somebody has decided, it is a region like any other.
        again = project.decide({found[2]: None}, progress=False)
        assert (again.items, again.left) == ((), ())


def test_the_two_are_called_by_who_decided_where_that_tells_them_apart(merged: Path) -> None:
    with Project.open(merged, read_only=True) as project:
        found = open_conflicts(project._index, project.conflicts)[0].conflict
    assert found.people == ("Ann", "Bo")
    same = replace(found, second=replace(found.second, by="Ann"))
    unknown = replace(found, first=replace(found.first, by=""))
    assert same.people == unknown.people == ("the first", "the second")
    assert unknown.said[0] == "the first: red"


def test_a_project_that_was_never_merged_has_no_such_sheet(two: Two) -> None:
    with Project.open(two[0], read_only=True) as project:
        sheet, found = listed(project)
        assert (len(sheet), found, project.open_conflicts()) == (0, [], [])


def test_a_list_of_more_than_4_mib_is_read(merged: Path) -> None:
    with Project.open(merged, read_only=True) as project:
        one = project.conflicts[0]
    write_conflicts(merged, [replace(one, item="é" * 2000, region=at) for at in range(1200)])
    assert (merged / "conflicts.json").stat().st_size > 4 << 20
    with Project.open(merged, read_only=True) as project:
        assert len(project.conflicts) == 1200
        assert project.open_conflicts() == []  # no such item


def test_a_list_of_conflicts_that_no_merge_would_write_is_not_read(tmp_path: Path) -> None:
    write_conflicts(tmp_path, [])
    assert read_conflicts(tmp_path) == ()
    with (tmp_path / "conflicts.json").open("r+b") as file:
        file.truncate(MAX_RECORDS + 1)  # which takes no room on the disk
    with pytest.raises(nc.InputError, match="larger than 256 MiB"):
        read_conflicts(tmp_path)
