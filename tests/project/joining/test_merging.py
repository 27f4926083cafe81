"""Two people's projects merged: what each decided is there, and what they decided otherwise is listed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_corrclip as nc
from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.progress import finish
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.exporting import read_item
from napari_corrclip.project.joining.conflicts import Conflict, Prefer, read_conflicts
from napari_corrclip.project.joining.merging import Merged
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord, ItemState
from napari_corrclip.project.words import Names
from napari_corrclip.vocabulary.palette import default_color
from tests.project.joining.annotators import WORDS, annotate, box, content, copied
from tests.project.small import RECIPE
from tests.users import another_user, open_folder

Two = tuple[Path, Path]
Rows = dict[int, tuple[int, str, str, float | None]]


def merge(two: Two, folder: Path, prefer: Prefer = "none") -> Merged:
    """Merge two projects, which stay as they are."""
    before = [content(each) for each in two]
    with Project.open(two[0], read_only=True) as one, Project.open(two[1], read_only=True) as other:
        merged = one.merge(other, folder, prefer=prefer, progress=False)
    assert [content(each) for each in two] == before
    return merged


def rows(project: Project, item: ItemRecord) -> Rows:
    """The class, the decision, who and when, of an item's regions."""
    query = "SELECT id, value, state, by, at FROM regions WHERE item = ? ORDER BY id"
    return {row[0]: tuple(row[1:]) for row in project._index.rows(query, (item.id,))}


def image(project: Project, item: ItemRecord) -> LabelledImage:
    index = project._index
    return read_item(index, item, index.vocabulary, Names(index))


def everything(folder: Path) -> list[object]:
    """What a project says of its items, but for their numbers and folders."""
    with Project.open(folder, read_only=True) as project:
        return [
            (
                item.title,
                item.state,
                item.by,
                item.at,
                rows(project, item),
                digest(np.asarray(image(project, item).labels)),
                digest(np.asarray(image(project, item).regions)),
            )
            for item in project.items(order="path")
        ]


def test_with_itself_it_is_the_same(two: Two, tmp_path: Path) -> None:
    annotate(two[0], lambda session, region: ("red", "ignore", "")[region % 3], "Ann")
    with Project.open(two[0]) as project:
        first, second, _ = project.items()
        project.mark(first, "verified", by="Cy")
        with project.session(second, by="Ann") as session:
            session.paint(box(session, slice(3, 9), slice(4, 20)), "blue")
    merged = merge((two[0], two[0]), tmp_path / "c")
    assert (merged.images, merged.both, merged.added) == (3, 3, 0)
    assert (merged.conflicts, merged.left_out, merged.classes) == ((), (), ())
    assert everything(merged.folder) == everything(two[0])
    with Project.open(two[0]) as one, Project.open(merged.folder) as made:
        assert (made.vocabulary, made.recipe, made.runs) == (one.vocabulary, one.recipe, one.runs)
        assert made.items_to_run(stale=True) == []
        assert made.status().missing == 0
        with made.session(made.items()[1]) as session:
            session.undo()  # what Ann has painted
            assert not (session.pins >= 0).any()


@pytest.mark.parametrize("prefer", ["none", "A", "B", "newest"])
def test_region_by_region(two: Two, tmp_path: Path, prefer: Prefer) -> None:
    """Ann decides every second region, then Bo every third, and Ann at last two regions once more."""
    annotate(two[0], lambda session, region: "red" if region % 2 else "", "Ann")
    annotate(two[1], lambda session, region: "" if region % 3 else "blue", "Bo")
    with Project.open(two[0]) as project:
        item = project.items()[0]
        with project.session(item, by="Ann") as session:
            session.assign([9, 15], "background")
        mine = [rows(project, each) for each in project]
    with Project.open(two[1]) as project:
        theirs = [rows(project, each) for each in project]
    merged = merge(two, tmp_path / "c", prefer)
    assert merged.left_out == ()
    with Project.open(merged.folder) as made:
        listed = made.conflicts
        assert listed == merged.conflicts
        expected: set[tuple[str, int, str, str, str]] = set()
        for item, one, other in zip(made.items(), mine, theirs, strict=True):
            found = rows(made, item)
            assert found.keys() == one.keys() == other.keys()
            for region, row in found.items():
                if not (one[region][1] and other[region][1]):
                    wanted = other[region] if other[region][1] else one[region]
                    assert row == wanted
                    continue
                newer = "A" if (item.title[-5:], region) in {("0.png", 9), ("0.png", 15)} else "B"
                won = {"none": "", "newest": newer}.get(prefer, prefer)
                if won:
                    assert row == {"A": one, "B": other}[won][region]
                else:
                    assert row[1:] == ("", "", None)
                name = "background" if one[region][0] == 3 else "red"
                expected.add((item.title, region, name, "blue", won))
        assert expected == {
            (each.image, each.region, each.first.class_, each.second.class_, each.won)
            for each in listed
        }
        assert {(each.first.by, each.second.by) for each in listed} == {("Ann", "Bo")}
        assert all(0 < each.first.at != each.second.at > 0 for each in listed)
        assert {item.state for item in made} == {ItemState.IN_REVIEW}
        assert made.open_conflicts() == [each for each in listed if not each.won]
        # What came from Bo is a step that can be undone.
        item = made.items()[0]
        with made.session(item) as session:
            assert session.history.done[-1].title == "Merge of b.corrclip-project"
            session.undo()
        assert {region: row[:2] for region, row in rows(made, item).items()} == {
            region: row[:2] for region, row in mine[0].items()
        }


def test_classes_that_were_merged_and_renamed_mean_what_they_mean(two: Two, tmp_path: Path) -> None:
    """Sessions that have not heard of it yet follow, and a class of another name is the same one."""
    for folder, region in zip(two, (3, 4), strict=True):
        annotate(folder, lambda _, each, it=region: "red" if each == it else "", "Ann")
        with Project.open(folder) as project:
            project.merge_classes("red", "background")
            words = project.vocabulary
            project.change_classes(words, words.rename("blue", "azure"))
    with Project.open(two[1]) as project:
        items = [item.name for item in project]
        project.decide({(item, 5): "azure" for item in items}, by="Bo", progress=False)
    merged = merge(two, tmp_path / "c")
    assert (merged.left_out, merged.conflicts, merged.classes) == ((), (), ())
    with Project.open(merged.folder) as made, Project.open(two[0]) as first:
        assert made.vocabulary == first.vocabulary
        values = dict(zip(made.vocabulary.names, made.vocabulary.values, strict=True))
        for item in made:
            found = rows(made, item)
            decided = {region: row[0] for region, row in found.items() if row[1]}
            background = values["background"]
            assert decided == {3: background, 4: background, 5: values["azure"]}
        made.part_classes("red", progress=False)
        value = made.vocabulary.classes[made.vocabulary.index("red")].value
        for item in made:
            # As Ann and Bo gave them, though Bo's came as of what both had made of it.
            assert {rows(made, item)[region][0] for region in (3, 4)} == {value}


def looks(project: Project) -> set[tuple[str, int]]:
    """What a lesson was taught: items and regions."""
    return {
        (sitting.image, int(region))
        for store in project.lesson.stores()
        for sitting in store.sittings()
        for region in sitting.looks.ids
    }


@pytest.mark.parametrize("who", ["nobody", "B", "both"])
def test_images_of_the_second_alone_have_its_classes_and_teach(
    two: Two, networks: Segmenter, tmp_path: Path, who: str
) -> None:
    (tmp_path / "more").mkdir()
    iio.imwrite(tmp_path / "more" / "own.png", generate_scene(7).image[:60, :72])
    with Project.open(two[1]) as bo:
        bo.add(tmp_path / "more")
        bo.run(segmenter=networks, progress=False)
        for item in bo:
            bo.decide({(item, 1): "red", (item, 2): "blue"}, by="Bo", progress=False)
        assert len(looks(bo)) == 8
    merging = {"nobody": (), "B": two[1:], "both": two}[who]
    for folder in merging:
        with Project.open(folder) as project:
            project.merge_classes("red", "blue")
    merged = merge(two, tmp_path / "c")
    assert (merged.left_out, merged.conflicts, merged.added) == ((), (), 1)
    with Project.open(merged.folder) as made:
        expected = ["blue" if merging else "red", "blue"]
        for item in made:
            found = made.read_regions([(item.id, 1), (item.id, 2)])
            assert [each.name for each in found] == expected
            assert [(each.state, each.by) for each in found] == [("assigned", "Bo")] * 2
        assert looks(made) == {(item.name, region) for item in made for region in (1, 2)}


def test_a_sheet_of_the_merged_project_is_no_sheet_of_the_second(
    two: Two, networks: Segmenter, tmp_path: Path
) -> None:
    """Both are the first of their projects; the second's step is in the history of the image."""
    (tmp_path / "more").mkdir()
    iio.imwrite(tmp_path / "more" / "own.png", generate_scene(7).image[:60, :72])
    with Project.open(two[1]) as bo:
        bo.lesson.switch = "off"
        bo.add(tmp_path / "more")
        bo.run(segmenter=networks, progress=False)
        own = bo.items()[-1].title
        decided = bo.decide({(own, 1): "blue", (own, 2): "blue"}, by="Bo", progress=False)
        assert decided.number == 1
    merged = merge(two, tmp_path / "c")
    with Project.open(merged.folder) as made:
        made.lesson.switch = "off"
        item = next(each for each in made if each.title.endswith("own.png"))
        sheet = made.decide({(item, 1): "red"}, by="Ann", progress=False)
        assert sheet.number == 1
        with made.session(item, by="Ann") as session:
            session.undo()
        assert made.undo_sheet(sheet, progress=False).items == ()
        found = made.read_regions([(item.id, 1), (item.id, 2)])
        assert [(each.name, each.state) for each in found] == [("blue", "assigned")] * 2


def test_classes_of_the_second_have_their_own_colours_and_a_tree_that_differs_is_told(
    two: Two, others: Path, tmp_path: Path
) -> None:
    with Project.open(two[0]) as ann, Project.open(others) as bo:
        ann.choose("colour > red, colour > blue, background: wood")
        bo.choose("blue > red, green, olive #808000, background: wood")
    merged = merge((two[0], others), tmp_path / "c")
    assert merged.parents == (
        "'red' is below 'colour' in the first and below 'blue' in the second; it stays where it is in the "
        "first.",
    )
    with Project.open(merged.folder) as made:
        words = made.vocabulary
        assert words.path("red") == ("colour", "red")
        assert len({class_.color for class_ in words}) == len(words)
        green = words.by_value(words.value_of("green"))
        assert green.color == default_color(green.value)
        assert words.by_value(words.value_of("olive")).color == (128, 128, 0)


def test_a_conflict_that_somebody_decides_is_open_no_longer(two: Two, tmp_path: Path) -> None:
    for folder, name in zip(two, ("red", "blue"), strict=True):
        with Project.open(folder) as project, project.session(project.items()[0]) as session:
            session.assign([2, 5], name)
    merged = merge(two, tmp_path / "c")
    assert (len(merged.conflicts), merged.open) == (2, 2)
    with Project.open(merged.folder) as made:
        with made.session(made.items()[0], by="Cy") as session:
            session.assign(5, "blue")
        assert [each.region for each in made.open_conflicts()] == [2]
        assert len(made.conflicts) == 2
        # And merged again, the list goes on.
    again = merge((merged.folder, two[1]), tmp_path / "d")
    with Project.open(again.folder) as made:
        assert [each.region for each in made.conflicts] == [2, 5]
        assert made.open_conflicts() == []  # Bo's blue for 2 was against nobody's


def labels_by_name(project: Project, item: ItemRecord) -> tuple[np.ndarray, np.ndarray]:
    """The name of each pixel's class, and which pixels somebody has decided."""
    made = image(project, item)
    names = np.full(1 << 16, "", object)
    for class_ in project.vocabulary:
        names[class_.value] = class_.name.lower()
    decided = np.ones(made.shape, np.bool_) if made.verified else made.decided()
    shown = names[made.labels]
    shown[made.ignored(np.asarray(made.labels), np.asarray(made.regions))] = "out"
    return shown, decided


@pytest.fixture
def others(two: Two, networks: Segmenter, tmp_path: Path) -> Path:
    """A project of Bo: other classes, other regions, two of the images under other names, and one more."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for number in range(2):
        shutil.copy(tmp_path / "images" / f"{number}.png", folder / f"photo {number}.png")
    iio.imwrite(folder / "own.png", generate_scene(7).image[:50, :64])
    recipe = nc.Recipe(regions="superpixels", region_options={"n_segments": 9})
    words = "green, Blue, background: wood"
    with Project.create(tmp_path / "bo", words, folder, recipe=recipe) as project:
        project.run(progress=False)
        annotate_by_hand(project)
        return project.folder


def annotate_by_hand(project: Project) -> None:
    """Split, merge, paint, assign, ignore."""
    for number, item in enumerate(project):
        with project.session(item, by="Bo") as session:
            first, second, *rest = session.ids.tolist()
            session.assign(first, "Blue")
            left, top = session.region(second).box[1], session.region(second).box[0]
            session.split_mask(second, box(session, slice(top, None), slice(left, left + 3)))
            session.assign(second, "green")
            session.ignore(rest[0])
            session.merge([rest[1], rest[2]])
            session.accept(min(rest[1], rest[2]))
            session.paint(box(session, slice(20, 48), slice(5, 60)), "green")
            assert number < 3


def test_other_classes_other_regions_other_places(two: Two, others: Path, tmp_path: Path) -> None:
    annotate(two[0], lambda session, region: ("red", "", "blue", "")[region % 4], "Ann")
    with Project.open(two[0]) as one:
        one.mark(one.items()[2], "verified", by="Ann")
    (tmp_path / "deep").mkdir()
    merged = merge((two[0], others), tmp_path / "deep" / "c")
    assert (merged.images, merged.both, merged.added) == (4, 2, 1)
    assert (merged.classes, merged.left_out) == (("green",), ())
    with (
        Project.open(two[0]) as one,
        Project.open(others) as other,
        Project.open(merged.folder) as made,
    ):
        assert made.vocabulary.names == ("red", "blue", "background", "green")
        assert made.status().missing == 0
        assert [item.title for item in made] == [
            "../../images/0.png", "../../images/1.png", "../../images/2.png",
            "../../elsewhere/own.png",
        ]  # fmt: skip
        clashing = painted_by_bo = 0
        for number, item in enumerate(made.items()[:2]):
            mine, by_ann = labels_by_name(one, one.items()[number])
            theirs, by_bo = labels_by_name(other, other.items()[number + 1])
            found, decided = labels_by_name(made, item)
            clash = by_ann & by_bo & (mine != theirs)
            clashing += int(clash.sum())
            assert (found == mine)[by_ann & ~clash].all()
            assert (found == theirs)[by_bo & ~clash].all()
            assert decided[by_ann & ~clash].all()
            verdicts = {
                row for row, each in rows(other, other.items()[number + 1]).items() if each[1]
            }
            verdict = np.isin(image(other, other.items()[number + 1]).regions, list(verdicts))
            assert decided[by_bo & verdict & ~clash].all()
            assert not decided[clash].any()
            with made.session(item) as session:
                painted = by_bo & ~verdict & ~by_ann
                painted_by_bo += int(painted.sum())
                assert (session.pins[painted] == 4).all()  # green
            who = {each[2] for each in rows(made, item).values() if each[1]}
            assert who == {"Ann", "Bo"}
            listed = [each for each in merged.conflicts if each.item == item.name]
            assert sum(each.pixels for each in listed) == int(clash.sum())
            for each in listed:
                top, left, bottom, right = each.box
                assert (image(made, item).regions[top:bottom, left:right] == each.region).any()
        assert min(clashing, painted_by_bo) > 0
        assert everything(merged.folder)[3][1:] == everything(two[0])[2][1:]

        # The image that is Bo's alone is as Bo has it, by other values.
        item, bos = made.items()[3], other.items()[0]
        for shown, wanted in zip(
            labels_by_name(made, item), labels_by_name(other, bos), strict=True
        ):
            np.testing.assert_array_equal(shown, wanted)
        np.testing.assert_array_equal(image(made, item).regions, image(other, bos).regions)
        assert {key: each[1:] for key, each in rows(made, item).items()} == {
            key: each[1:] for key, each in rows(other, bos).items()
        }
        np.testing.assert_array_equal(
            made.result(item).region_probabilities, other.result(bos).region_probabilities
        )
        np.testing.assert_array_equal(
            made.vectors(item).probabilities, other.vectors(bos).probabilities
        )
        before = labels_by_name(made, item)[0]
        with made.session(item) as session:
            session.undo()
            assert not session.state.verdicts
            session.redo()
        np.testing.assert_array_equal(labels_by_name(made, item)[0], before)


def test_the_other_way_round_the_same_is_decided(two: Two, others: Path, tmp_path: Path) -> None:
    annotate(two[0], lambda session, region: ("red", "", "blue", "")[region % 4], "Ann")
    there = merge((two[0], others), tmp_path / "c")
    back = merge((others, two[0]), tmp_path / "d")
    with Project.open(there.folder) as one, Project.open(back.folder) as other:
        for item in one:
            name = Path(item.path).name.removeprefix("photo ")
            (same,) = (
                each for each in other if Path(each.path).name.removeprefix("photo ") == name
            )
            mine, theirs = labels_by_name(one, item), labels_by_name(other, same)
            both = mine[1] & theirs[1]
            assert (mine[0] == theirs[0])[both].all()
            # Paint that is what one of both runs predicts is told from a prediction by the other alone.
            assert (mine[1] != theirs[1]).mean() < 0.1
    assert sum(each.pixels for each in there.conflicts) == sum(
        each.pixels for each in back.conflicts
    )


def test_what_is_not_labelled_comes_from_who_has_labelled_it(
    two: Two, networks: Segmenter, tmp_path: Path
) -> None:
    with Project.create(tmp_path / "new", WORDS, tmp_path / "images", recipe=RECIPE) as project:
        project.mark(project.items()[2], "skipped", by="Cy")
        new = project.folder
    annotate(two[0], lambda session, region: "red" if region % 2 else "", "Ann")
    for number, pair in enumerate([(new, two[0]), (two[0], new)]):
        merged = merge(pair, tmp_path / f"m{number}")
        assert (merged.conflicts, merged.left_out) == ((), ())
        found, wanted = everything(merged.folder), everything(two[0])
        assert [each[4:] for each in found] == [each[4:] for each in wanted]
        assert [each[1] for each in found] == [ItemState.IN_REVIEW] * 3


def test_verified_images(two: Two, tmp_path: Path) -> None:
    """Who has verified an image has decided all of it."""
    annotate(two[1], lambda session, region: "red" if region == 3 else "", "Bo")
    with Project.open(two[0]) as one:
        one.mark(one.items()[0], "verified", by="Ann")
        region = rows(one, one.items()[0])[3]
    with Project.open(two[1]) as other:
        other.mark(other.items()[1], "verified", by="Bo")
    merged = merge(two, tmp_path / "c")
    with Project.open(merged.folder) as made:
        states = [(item.state, item.by) for item in made]
        shown = [rows(made, item) for item in made]
    clash = region[0] != 1
    assert states[1] == (ItemState.VERIFIED, "Bo")
    assert states[2][0] is ItemState.IN_REVIEW
    assert states[0][0] is (ItemState.IN_REVIEW if clash else ItemState.VERIFIED)
    if clash:  # what Ann has verified stays decided but for the region in question
        assert {key for key, each in shown[0].items() if not each[1]} == {3}
        assert {each[2] for key, each in shown[0].items() if key != 3} == {"Ann"}
        (told,) = merged.conflicts
        assert (told.first.by, told.second.by, told.region) == ("Ann", "Bo", 3)


def test_what_cannot_be_taken_is_told(two: Two, networks: Segmenter, tmp_path: Path) -> None:
    annotate(two[1], lambda session, region: "red", "Bo")
    with Project.open(two[1]) as other:
        first, second, _ = (other.folder_of(item) / "session" for item in other)
    shutil.rmtree(first)
    for file in second.rglob("*"):
        if file.is_file():
            file.write_bytes(b"no")
    merged = merge(two, tmp_path / "c")
    told = merged.left_out
    assert [line.partition(":")[0] for line in told] == ["../images/0.png", "../images/1.png"]
    assert "Its session is gone" in told[0]
    with Project.open(merged.folder) as made:
        assert [item.state for item in made] == [
            ItemState.PRELABELLED, ItemState.PRELABELLED, ItemState.IN_REVIEW,
        ]  # fmt: skip


def test_refusals_leave_nothing(two: Two, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    with Project.open(two[0]) as one, Project.open(two[1]) as other:
        with pytest.raises(nc.InputError, match="is there and not empty"):
            one.merge(other, two[0])
        with pytest.raises(nc.InputError, match="choose none, A, B, newest"):
            one.merge(other, tmp_path / "c", prefer="mine")  # type: ignore[arg-type]
        with (
            other.session(other.items()[0]),
            pytest.raises(nc.InputError, match=r"Somebody has '../images/0.png' of .* open"),
        ):
            one.merge(other, tmp_path / "c")
        steps = one.merge_steps(other, tmp_path / "c")
        assert {next(steps).stage for _ in range(12)} >= {"join", "copy", "merge"}
        steps.close()
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        (tmp_path / "c.corrclip-project").mkdir()
        assert finish(one.merge_steps(other, tmp_path / "c")).images == 3


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="it mounts folders by unshare")
def test_projects_on_a_disk_that_is_read_only_are_merged_and_a_session_there_is_told(
    two: Two, tmp_path: Path
) -> None:
    mounts = "mount --bind {0} {0} && mount -o remount,bind,ro {0}"
    inside = " && ".join([*(mounts.format(folder.name) for folder in two), '"$@"'])
    begin = ["unshare", "-rm", "sh", "-ec", inside, "sh"]
    try:
        subprocess.run([*begin, "true"], cwd=tmp_path, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nobody may mount here")
    annotate(two[0], lambda _, region: "red" if region % 2 else "", "Ann")
    annotate(two[1], lambda _, region: "blue" if region % 2 else "", "Bo")
    command = [sys.executable, "-m", "napari_corrclip", "project", "merge", "a", "b", "-o", "c"]
    with Project.open(two[1]) as other, other.session(other.items()[0]):
        told = subprocess.run(
            [*begin, *command], cwd=tmp_path, check=False, capture_output=True, text=True
        )
    assert (told.returncode, "Somebody has '../images/0.png'" in told.stderr) == (2, True)
    done = subprocess.run(
        [*begin, *command], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "3 images, 3 of them in both" in done.stdout
    assert len(read_conflicts(tmp_path / "c.corrclip-project")) > 0


@pytest.mark.skipif(os.name == "nt", reason="whose permissions are others")
def test_who_may_only_read_both_projects_merges_them(two: Two) -> None:
    annotate(two[0], lambda _, region: "red" if region % 2 else "", "Ann")
    annotate(two[1], lambda _, region: "blue" if region % 2 else "", "Bo")
    with open_folder() as base:
        shutil.copytree(two[0].parent, base / "both")
        for path in (base / "both", *(base / "both").rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        (base / "mine").mkdir(mode=0o777)
        (base / "mine").chmod(0o777)
        folders = [base / "both" / folder.name for folder in two]
        with (
            another_user(),
            Project.open(folders[0], read_only=True) as one,
            Project.open(folders[1], read_only=True) as other,
        ):
            merged = one.merge(other, base / "mine" / "c", progress=False)
            with Project.open(merged.folder) as made:
                assert (merged.left_out, len(made.open_conflicts()) > 0) == ((), True)
                first = made.open_conflicts()[0]
                told = made.decide({(first.item, first.region): "red"}, progress=False)
                assert (told.left, told.regions) == ((), 1)


@pytest.mark.process
def test_a_merge_that_is_killed_leaves_nothing_that_looks_like_one(
    two: Two, tmp_path: Path
) -> None:
    script = """
    import sys
    from napari_corrclip.project.project import Project
    with Project.open(sys.argv[1]) as one, Project.open(sys.argv[2]) as other:
        for event in one.merge_steps(other, sys.argv[3]):
            print(event.stage, event.done, flush=True)
            if (event.stage, event.done) == ("merge", 1):
                sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, two), str(tmp_path / "c")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "merge 1\n":
                break
        os.kill(process.pid, signal.SIGKILL)
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert left
    assert not (tmp_path / "c.corrclip-project").exists()
    merged = merge(two, tmp_path / "c")
    assert merged.images == 3
    assert not {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}


def test_large_images_come_as_they_are(tmp_path: Path) -> None:
    recipe = nc.Recipe(
        regions="superpixels", region_options={"n_segments": 20}, scale=0.5, tile=128, overlap=32
    )
    (tmp_path / "images").mkdir()
    iio.imwrite(tmp_path / "images" / "0.png", generate_scene(3).image[:150, :140])
    with Project.create(tmp_path / "a", WORDS, tmp_path / "images", recipe=recipe) as project:
        project.run(progress=False)
        one = project.folder
    other = copied(one, "b")
    with Project.open(other) as project:
        project.mark_all(project.items(), "verified", by="Bo")
    merged = merge((one, other), tmp_path / "c")
    assert merged.left_out == ()
    with Project.open(merged.folder) as made, Project.open(one) as first:
        (item,) = made
        assert (item.state, item.by) == (ItemState.VERIFIED, "Bo")
        np.testing.assert_array_equal(
            made.result(item).labels[:], first.result(first.items()[0]).labels[:]
        )


def test_a_damaged_list_is_refused(two: Two, tmp_path: Path) -> None:
    for folder, name in zip(two, ("red", "blue"), strict=True):
        annotate(folder, lambda session, region, name=name: name if region < 3 else "", name)  # type: ignore[misc]
    merged = merge(two, tmp_path / "c")
    assert all(isinstance(each, Conflict) for each in read_conflicts(merged.folder))
    path = merged.folder / "conflicts.json"
    text = path.read_text()
    for damaged in (
        "",
        "{}",
        "[]",
        text.replace('"box"', '"bax"'),
        text.replace('"won": ""', '"won": 3'),
    ):
        path.write_text(damaged)
        with pytest.raises(nc.InputError):
            read_conflicts(merged.folder)
    assert read_conflicts(two[0]) == ()
