"""Two people's projects compared: figures as scikit-learn has them, and everything that does not fit told."""

from __future__ import annotations

import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, jaccard_score

import napari_corrclip as nc
from napari_corrclip.annotation import Session
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.errors import InputError
from napari_corrclip.project.joining.agreement import Comparison
from napari_corrclip.project.project import Project
from tests.project.joining.annotators import (
    CLASSES,
    WORDS,
    annotate,
    content,
    copied,
    drawn,
    run_set,
    with_errors,
)
from tests.project.small import RECIPE, write_scenes

Two = tuple[Path, Path]


def compare(two: Two, **options: bool) -> Comparison:
    with Project.open(two[0], read_only=True) as one, Project.open(two[1], read_only=True) as other:
        return one.compare(other, progress=False, **options)


def shown(folder: Path) -> list[Session]:
    """The sessions of a project's items."""
    with Project.open(folder) as project:
        sessions = []
        for item in project.items(order="path"):
            with project.session(item) as session:
                sessions.append(session.copy())
        return sessions


def test_two_with_known_errors(two: Two) -> None:
    """One is wrong on a tenth of the regions, the other on a fifth; each error is one of two other classes.

    Both agree where both are right, or wrong in the same way: 0.9 · 0.8 + 0.1 · 0.2 / 2 = 0.73. Each class is
    as likely, so that κ = (0.73 - 1/3) / (1 - 1/3) = 0.595.
    """
    annotate(two[0], with_errors(drawn, 0.1, 1), "Ann")
    annotate(two[1], with_errors(drawn, 0.2, 2), "Bo")
    before = [content(folder) for folder in two]
    found = compare(two)
    assert [content(folder) for folder in two] == before
    pairs = list(zip(*map(shown, two), strict=True))
    pixels = [np.concatenate([pair[at].labels.ravel() for pair in pairs]) for at in (0, 1)]
    said = [[row.value for pair in pairs for row in pair[at].rows()] for at in (0, 1)]
    assert found.pixels.total == len(pixels[0])
    assert found.pixels.agreed == int((pixels[0] == pixels[1]).sum())
    assert found.pixels.kappa == pytest.approx(cohen_kappa_score(*pixels), abs=1e-12)
    assert found.regions.total == len(said[0])
    assert found.regions.kappa == pytest.approx(cohen_kappa_score(*said), abs=1e-12)
    estimate = found.regions.estimate(by_regions=True)
    assert estimate.low < 0.595 < estimate.high
    assert estimate.high - estimate.low < 0.4
    for number, iou in enumerate(found.pixels.iou, 1):
        assert iou == pytest.approx(jaccard_score(pixels[0] == number, pixels[1] == number))
    assert found.first_decided == found.second_decided == len(said[0])
    shares = [float((pair[0].labels != pair[1].labels).mean()) for pair in pairs]
    worst = found.worst_first()
    assert [image.share for image in worst] == pytest.approx(sorted(shares, reverse=True))


def test_one_person_agrees_with_themselves(two: Two) -> None:
    annotate(two[0], drawn, "Ann")
    annotate(two[1], drawn, "Ann")
    found = compare(two)
    assert (found.pixels.kappa, found.regions.kappa) == (1, 1)
    assert found.worst_first() == []
    with pytest.raises(InputError, match="is both of the projects that are to be compared"):
        compare((two[0], two[0]))


def test_other_classes_images_elsewhere_and_what_is_left_out(
    two: Two, networks: Segmenter, tmp_path: Path
) -> None:
    """The second has other classes, in another order, and its images elsewhere, under other names."""
    (tmp_path / "elsewhere").mkdir()
    for image in sorted((tmp_path / "images").iterdir()):
        shutil.copy(image, tmp_path / "elsewhere" / f"photo {image.name}")
    write_scenes(tmp_path / "elsewhere", 1, 30, 30)  # one that the first has not
    with Project.create(
        tmp_path / "c", "green, Blue, background: wood", tmp_path / "elsewhere", recipe=RECIPE
    ) as other:
        other.run(segmenter=networks, progress=False)
    annotate(two[0], lambda session, region: CLASSES[region % 2], "Ann")
    annotate(
        other.folder,
        lambda session, region: ("green", "Blue", "ignore")[region % 3],
        "Bo",
    )
    found = compare((two[0], other.folder))
    assert [(each.name, each.first, each.second) for each in found.classes] == [
        ("red", 1, None), ("blue", 2, 2), ("background", 3, 3), ("green", None, 1),
    ]  # fmt: skip
    assert [image.other for image in found.images] == [
        f"../elsewhere/photo {number}.png" for number in range(3)
    ]
    assert (found.first_alone, found.second_alone) == ((), ("../elsewhere/0.png",))
    red, blue, green, out = (
        found.names.index(name) for name in ("red", "blue", "green", "(left out)")
    )
    counts = found.regions.counts
    # Region r is red or blue by r mod 2, and blue, left out or green by r mod 3.
    expected = np.zeros_like(counts)
    for session in shown(two[0]):
        for region in session.ids.tolist():
            expected[(red, blue)[region % 2], (green, blue, out)[region % 3]] += 1
    np.testing.assert_array_equal(counts, expected)
    assert np.isnan(found.pixels.iou[2])  # neither has any background
    assert found.pixels.iou[0] == 0


def test_only_what_is_verified_or_decided(two: Two) -> None:
    annotate(two[0], lambda session, region: "red" if region % 2 else "", "Ann")
    annotate(two[1], lambda session, region: "blue" if region % 3 else "", "Bo")
    with Project.open(two[0]) as one, Project.open(two[1]) as other:
        for project in (one, other):
            project.mark(project.items()[0], "verified", by="Cy")
        one.mark(one.items()[1], "verified", by="Cy")
    found = compare(two, verified=True)
    assert (len(found.images), found.not_verified) == (1, 2)
    height, width = shown(two[0])[0].shape
    assert found.pixels.total == height * width
    found = compare(two, decided=True)
    pixels = 0
    for number, (one_, other_) in enumerate(zip(*map(shown, two), strict=True)):
        mine = (one_.regions % 2 > 0) | (number < 2)
        theirs = (other_.regions % 3 > 0) | (number < 1)
        pixels += int((mine & theirs).sum())
    assert found.pixels.total == pixels


def test_what_cannot_be_compared_is_told_and_passed_over(two: Two, tmp_path: Path) -> None:
    with Project.open(two[1]) as other:
        items = other.items()
        other.mark(items[0], "skipped", by="Bo")
        shutil.rmtree(other.folder_of(items[1]) / "result")
    with Project.create(tmp_path / "c", WORDS, tmp_path / "images", recipe=RECIPE):
        pass  # never run
    found = compare(two)
    assert len(found.images) == 1
    assert [line.partition(":")[0] for line in found.passed_over] == [
        "../images/0.png", "../images/1.png",
    ]  # fmt: skip
    assert "is skipped in b.corrclip-project" in found.passed_over[0]
    never = compare((two[0], tmp_path / "c.corrclip-project"))
    assert (len(never.images), len(never.passed_over)) == (0, 3)
    assert "has no labels in c.corrclip-project; run that project first" in never.passed_over[0]
    assert np.isnan(never.pixels.kappa)


def test_an_image_that_was_changed_or_is_of_another_size(
    two: Two, networks: Segmenter, tmp_path: Path
) -> None:
    """Sizes of one content differ where one of them was run as it was stored once, and is turned today."""
    with Project.open(two[1]) as other:
        folder = other.folder_of(other.items()[2])
        result = nc.Segmentation.load(folder / "result")
        small = nc.segment(iio.imread(other.path_of(other.items()[2]))[:40], WORDS, recipe=RECIPE)
        assert result.labels.shape != small.labels.shape
        small.save(folder / "result")
    found = compare(two)
    assert len(found.images) == 2
    (told,) = found.passed_over
    assert "62 × 72 pixels in a.corrclip-project and 40 × 72 in b.corrclip-project" in told
    iio.imwrite(tmp_path / "images" / "0.png", np.zeros((60, 72, 3), np.uint8))
    found = compare(two)
    assert "was changed after it was run" in found.passed_over[0]


def test_copies_of_an_image_in_a_project_go_by_their_names(
    networks: Segmenter, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    write_scenes(tmp_path / "images", 1, 40, 40)
    for name in ("1.png", "2.png"):
        shutil.copy(tmp_path / "images" / "0.png", tmp_path / "images" / name)
    with Project.create(tmp_path / "a", WORDS, tmp_path / "images", recipe=RECIPE) as project:
        project.run(segmenter=networks, progress=False)
    one = project.folder
    other = copied(one, "b")
    (tmp_path / "images" / "1.png").rename(tmp_path / "images" / "9.png")
    with Project.open(other) as project:
        project.relink(tmp_path / "images" / "1.png", tmp_path / "images" / "9.png")
    shutil.copy(tmp_path / "images" / "9.png", tmp_path / "images" / "1.png")
    found = compare((one, other))
    assert [(image.title[-5:], image.other[-5:]) for image in found.images] == [
        ("0.png", "0.png"), ("1.png", "9.png"), ("2.png", "2.png"),
    ]  # fmt: skip


def test_large_images_and_planes_are_compared_piece_by_piece(tmp_path: Path) -> None:
    recipe = nc.Recipe(
        regions="superpixels", region_options={"n_segments": 20}, scale=0.5, tile=128, overlap=32
    )
    scene = generate_scene(3).image[:150, :140]
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images" / "b.npy", np.stack([scene, scene[::-1]]))
    folders = []
    for name, words in (("a", "red, blue, background: wood"), ("b", "blue, background: wood")):
        with Project.create(tmp_path / name, words, tmp_path / "images", recipe=recipe) as project:
            project.run(progress=False)
            project.mark_all(project.items(), "verified", by="Ann")
            folders.append(project.folder)
    found = compare((folders[0], folders[1]), verified=True)
    with Project.open(folders[0]) as one, Project.open(folders[1]) as other:
        first, second = (
            np.concatenate([project.result(item).labels[:].ravel() for item in project])
            for project in (one, other)
        )
        assert [image.title for image in found.images] == [
            "../images/b.npy[0]",
            "../images/b.npy[1]",
        ]
        of_first = np.array([0, 2, 3])[second]  # blue and background there
        assert found.pixels.kappa == pytest.approx(cohen_kappa_score(first, of_first), abs=1e-12)
        assert found.regions.total == found.first_decided
        beside = one.labels_beside(other, found.images[0], side=40)
        assert beside.first.shape == (38, 35)
        whole = one.result(one.items()[0]).labels[:]
        np.testing.assert_array_equal(beside.first, whole[::4, ::4])
        apart = whole != np.array([0, 2, 3])[other.result(other.items()[0]).labels[:]]
        blocks = np.pad(apart, ((0, 2), (0, 0))).reshape(38, 4, 35, 4).any(axis=(1, 3))
        np.testing.assert_array_equal(beside.differs, blocks)


def test_no_image_in_common(tmp_path: Path, networks: Segmenter) -> None:
    """Then there is nothing to compare, and that is no error."""
    one = run_set(tmp_path / "one", networks, 1)
    (tmp_path / "images").mkdir()
    iio.imwrite(tmp_path / "images" / "0.png", generate_scene(5).image[:50, :50])
    with Project.create(tmp_path / "b", WORDS, tmp_path / "images", recipe=RECIPE) as project:
        other = project.folder
    found = compare((one, other))
    assert (found.images, found.passed_over) == ((), ())
    assert (found.first_alone, found.second_alone) == (("../images/0.png",),) * 2
    assert np.isnan(found.pixels.share)
