"""A sample for a second look: drawn evenly, blind to the first look, and what it says of all."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

import napari_corrclip as nc
from napari_corrclip.annotation import Session
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.progress import finish
from napari_corrclip.project.joining.drawn import read_drawn
from napari_corrclip.project.joining.sampling import _draw_regions
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.sheet.listing import SheetFilter
from tests.project.joining.annotators import CLASSES, annotate, content, drawn, with_errors
from tests.project.small import RECIPE, write_scenes

Two = tuple[Path, Path]


@pytest.fixture
def decided(two: Two) -> Path:
    """A set of which Ann has decided all, with one region that she has split."""
    annotate(two[0], with_errors(drawn, 0.2, 1), "Ann")
    with Project.open(two[0]) as project:
        first, second, _ = project.items()
        project.mark(second, "verified", by="Ann")
        with project.session(first, by="Ann") as session:
            row, column = session.region(4).box[:2]
            mask = np.zeros(session.shape, np.bool_)
            mask[row:, column : column + 3] = True
            session.split_mask(4, mask)
    return two[0]


def test_a_sample_is_blind(decided: Path, tmp_path: Path) -> None:
    before = content(decided)
    with Project.open(decided, read_only=True) as project:
        made = project.sample(2, seed=3, progress=False)
        again = project.sample(2, tmp_path / "again", seed=3, progress=False)
        every = project.sample(50, tmp_path / "all", progress=False)
        verified = project.sample(1, tmp_path / "verified", verified=True, progress=False)
        first = {item.path: project.folder_of(item) for item in project}
    assert content(decided) == before
    assert made.folder == tmp_path / "a-second-look.corrclip-project"
    assert (made.drawn.kind, made.drawn.number, made.drawn.population) == ("images", 2, 3)
    assert made.drawn.images == again.drawn.images
    assert (every.drawn.asked, every.drawn.number) == (50, 3)
    assert verified.drawn.population == 1
    assert read_drawn(made.folder) == made.drawn
    text = b"".join(path.read_bytes() for path in made.folder.rglob("*") if path.is_file())
    assert b"Ann" not in text
    with Project.open(made.folder) as sample:
        assert [item.name for item in sample] == list(made.drawn.images)
        assert sample.status().missing == 0
        assert sample.items_to_run(stale=True) == []
        for item in sample:
            assert (item.state, item.by) == (ItemState.PRELABELLED, "")
            assert item.undecided == item.regions
            proposed = nc.Segmentation.load(first[item.path] / "result")
            np.testing.assert_array_equal(sample.result(item).labels, proposed.labels)
            assert {path.name for path in sample.folder_of(item).iterdir()} == {
                "item.json", "result", "vectors.safetensors",
            }  # fmt: skip
            with sample.session(item, by="Bo") as session:
                assert not session.state.verdicts
                session.assign(1, "red")


def test_a_second_look_counts_what_was_looked_at(decided: Path) -> None:
    with Project.open(decided, read_only=True) as project:
        made = project.sample(2, progress=False)
        with Project.open(made.folder) as sample:
            nothing = project.compare(sample, progress=False)
            assert (nothing.looked, nothing.pixels.total, nothing.regions.total) == (0, 0, 0)
            assert np.isnan(nothing.estimate.value)
            item = sample.items()[0]
            with sample.session(item, by="Bo") as session:
                session.assign(session.ids.tolist()[::2], "red")
                mine = {row.id for row in session.rows() if row.verdict is not None}
                mask = np.isin(session.regions, list(mine))
        with Project.open(made.folder) as sample:
            found = project.compare(sample, progress=False)
            assert (found.looked, found.drawn) == (1, made.drawn)
            assert found.pixels.total == int(mask.sum())
            beside = project.labels_beside(sample, found.worst_first()[0])
            assert not beside.differs[~mask].any()
            with pytest.raises(nc.InputError, match="the sample second"):
                sample.compare(project, progress=False)


def test_what_was_merged_is_one_class_in_the_sample_too(decided: Path) -> None:
    """Else the proposals there would be of a class that is gone, and nothing of them could be compared."""
    with Project.open(decided) as project:
        project.merge_classes("background", "blue", by="Ann")
        made = project.sample(3, progress=False)
        with Project.open(made.folder) as sample:
            assert {row.name for row in sample.figures().classes} <= {"red", "blue"}
            for item in sample:
                with sample.session(item, by="Bo") as session:
                    session.accept(session.ids.tolist())
            found = project.compare(sample, progress=False)
        assert (found.passed_over, found.looked) == ((), 3)
        assert {class_.name for class_ in found.classes} == {"red", "blue"}
    text = b"".join(path.read_bytes() for path in made.folder.rglob("*") if path.is_file())
    assert b"Ann" not in text


def test_single_regions(decided: Path, tmp_path: Path) -> None:
    """Those that Ann has made herself are none of them, since the second look would not have them."""
    with Project.open(decided, read_only=True) as project:
        many = project.sample(10_000, tmp_path / "many", kind="regions", progress=False)
        some = project.sample(12, tmp_path / "some", kind="regions", seed=5, progress=False)
        regions = sum(item.regions or 0 for item in project)
        assert (many.drawn.population, many.drawn.number) == (regions, regions - 2)
        assert some.drawn.number == 12
        chosen = dict(some.drawn.regions)
        said: list[tuple[str, str]] = []
        rng = np.random.default_rng(8)
        with Project.open(some.folder) as sample:
            for item in sample:
                (same,) = (each for each in project if each.path == item.path)
                first = project._index.rows(
                    "SELECT id, value FROM regions WHERE item = ?", (same.id,)
                )
                by_ann = {region: CLASSES[value - 1] for region, value in first if value}
                with sample.session(item, by="Bo") as session:
                    for region in session.ids.tolist():  # and others, which are none of the sample
                        answer = str(rng.choice(CLASSES))
                        session.assign(region, answer)
                        if region in chosen[item.name]:
                            said.append((by_ann[region], answer))
            with pytest.raises(nc.InputError, match="is no project; give Project"):
                project.compare(str(some.folder))  # type: ignore[arg-type]
        with Project.open(some.folder) as sample:
            found = project.compare(sample, progress=False)
            assert found.looked == found.regions.total == 12
            assert found.regions.kappa == pytest.approx(cohen_kappa_score(*zip(*said, strict=True)))
            assert found.estimate.units == 12
            assert found.estimate.low < found.estimate.value < found.estimate.high
            area = sum(
                int(np.isin(sample.result(item).regions, chosen[item.name]).sum())
                for item in sample
            )
            assert found.pixels.total == area


def test_the_sheet_of_a_sample_of_regions_has_those_that_were_drawn(
    decided: Path, tmp_path: Path
) -> None:
    with Project.open(decided, read_only=True) as project:
        made = project.sample(12, tmp_path / "some", kind="regions", seed=5, progress=False)
        images = project.sample(2, tmp_path / "images", progress=False)
        assert project.drawn is None
    with Project.open(made.folder) as sample:
        assert sample.drawn == made.drawn
        sheet = sample.sheet(progress=False)
        names = {item.id: item.name for item in sample}
        found = {(names[item], region) for item, region in sheet.between(0, len(sheet))}
        assert found == {(name, region) for name, ids in made.drawn.regions for region in ids}
        assert len(found) == 12
        every = sample.sheet(SheetFilter(drawn=False), progress=False)
        assert len(every) == sum(item.regions or 0 for item in sample)
        sample.decide(dict.fromkeys(sheet.page(0)[:5], "red"), by="Bo", progress=False)
        assert len(sample.sheet(progress=False)) == 7
    with Project.open(images.folder) as sample:  # of whole images all count
        assert len(sample.sheet(progress=False)) == sum(item.regions or 0 for item in sample)


def test_each_region_is_as_likely(decided: Path) -> None:
    """Over 20 seeds each of the regions is drawn about as often: within four standard deviations."""
    times: Counter[tuple[str, int]] = Counter()
    draws = 20
    with Project.open(decided, read_only=True) as project:
        regions = sum(item.regions or 0 for item in project) - 2
        for seed in range(draws):
            choice = finish(_draw_regions(project._index, project.items(), 10, seed))
            times.update((item, region) for item, ids in choice.regions.items() for region in ids)
    share = 10 / regions
    most = draws * share + 4 * (draws * share * (1 - share)) ** 0.5
    assert sum(times.values()) == 10 * draws
    assert max(times.values()) <= most
    assert len(times) > 0.8 * regions


def test_what_cannot_be_drawn(two: Two, networks: Segmenter, tmp_path: Path) -> None:
    with Project.open(two[0], read_only=True) as project:
        with pytest.raises(nc.InputError, match="decide some first"):
            project.sample(2)
        for number in (0, -3, 2.0, "2", None, True):
            with pytest.raises(nc.InputError, match=f"A sample of {number!r} has nothing in it"):
                project.sample(number)  # type: ignore[arg-type]
        with pytest.raises(nc.InputError, match="The seed of a sample is 'x'"):
            project.sample(2, seed="x")  # type: ignore[arg-type]
        with pytest.raises(nc.InputError, match="images or regions"):
            project.sample(1, kind="pixels")  # type: ignore[arg-type]
    annotate(two[0], lambda session, region: "red", "Ann")
    with Project.open(two[0], read_only=True) as project:
        with pytest.raises(nc.InputError, match="is there and not empty"):
            project.sample(1, two[1])
        made = project.sample(1, progress=False)
        path = made.folder / "second-look.json"
        for key, value in (("kind", "x"), ("seed", "1"), ("images", [1]), ("format", "other")):
            path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
            with pytest.raises(nc.InputError):
                read_drawn(made.folder)
            made.drawn.write(made.folder)


def test_planes_of_a_stack(tmp_path: Path, networks: Segmenter) -> None:
    (tmp_path / "images").mkdir()
    write_scenes(tmp_path, 2, 40, 48)
    planes = [nc.read_image(tmp_path / f"{number}.png")[:40] for number in range(2)]
    np.save(tmp_path / "images" / "s.npy", np.stack(planes))
    with Project.create(tmp_path / "a", "red, blue", tmp_path / "images", recipe=RECIPE) as project:
        project.run(segmenter=networks, progress=False)
        folder = project.folder

    def says(session: Session, region: int) -> str:
        return ("red", "blue")[region % 2]

    annotate(folder, says, "Ann")
    with Project.open(folder, read_only=True) as project:
        made = project.sample(1, tmp_path / "deep" / "q", progress=False)
    annotate(made.folder, says, "Bo")
    with (
        Project.open(folder, read_only=True) as project,
        Project.open(made.folder) as sample,
    ):
        assert [item.title[:-3] for item in sample] == ["../../images/s.npy"]
        found = project.compare(sample, progress=False)
        assert (found.looked, found.regions.kappa) == (1, 1)
