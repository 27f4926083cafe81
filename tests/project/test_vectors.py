"""Vectors of an item's regions: kept by a run, of its result and no other, refused where damaged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import napari_corrclip as nc
from napari_corrclip.cli import app
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.encoded_image import EncodedImage, run_steps
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.engine.vectors import region_vectors
from napari_corrclip.progress import finish
from napari_corrclip.project.project import Project
from napari_corrclip.project.vectors import MEANS, VECTORS, bytes_of_vectors
from napari_corrclip.results.vectors import bytes_a_region

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 30})
WORDS = "red, blue, background: wood, stone"


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(3):
        iio.imwrite(folder / f"{number}.png", generate_scene(number).image[: 90 + number, :100])
    with Project.create(tmp_path / "set", WORDS, folder, recipe=RECIPE) as made:
        yield made


def files(project: Project) -> dict[str, bytes]:
    """What lies in the items' folders, but for what tells of the time."""
    return {
        f"{item.name}/{path.relative_to(project.folder_of(item))}": path.read_bytes()
        for item in project
        for path in sorted(project.folder_of(item).rglob("*"))
        if path.is_file() and path.name not in ("item.json", "provenance.json")
    }


def test_results_are_the_same_with_and_without_vectors(
    project: Project, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, vectors=False, progress=False)
    first = project.item("../photographs/0.png")
    with pytest.raises(nc.InputError, match="no vectors of its regions"):
        project.vectors(first)
    without = files(project)
    for item in project:
        project.mark(item, "new")
    assert len(project.run(segmenter=segmenter, progress=False).done) == 3
    kept = files(project)
    assert {name: data for name, data in kept.items() if not name.endswith(VECTORS)} == without
    assert len(kept) == len(without) + 3

    # They are those of the run, and as large as was told.
    result = project.result(first)
    image = iio.imread(project.path_of(first))
    steps = run_steps(segmenter, image, project.vocabulary, similarity_means=True)
    proposed, encoded = finish(steps)
    expected, vectors = region_vectors(encoded, proposed), project.vectors(first)
    assert vectors.ids.tolist() == result.table["id"].tolist()
    for name, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(vectors, name), value)
    size = (project.folder_of(first) / VECTORS).stat().st_size
    assert size < len(vectors) * bytes_a_region(3) + 1024

    # Without them they go with the result that they were of.
    for item in project:
        project.mark(item, "new")
    project.run(segmenter=segmenter, vectors=False, progress=False)
    assert files(project) == without


def test_parts_keep_them_and_other_words_make_them_anew(
    project: Project, segmenter: Segmenter
) -> None:
    for part in ((1, 2), (2, 2)):
        with Project.open(project.folder, read_only=True) as other:
            other.run(segmenter=segmenter, part=part, progress=False)
    assert project.collect(progress=False) == 3
    item = project.item("../photographs/1.png")
    former = project.vectors(item)
    assert former.probabilities.shape[1] == 3

    project.choose("red, yellow")
    project.run(segmenter=segmenter, stale=True, progress=False)
    vectors = project.vectors(item)
    assert vectors.probabilities.shape == (len(former), 2)
    np.testing.assert_array_equal(vectors.clip, former.clip)
    with Project.open(project.folder, read_only=True) as other:
        assert len(other.vectors(item.name)) == len(vectors)


def test_their_size_is_told_before(project: Project, segmenter: Segmenter) -> None:
    with pytest.raises(nc.InputError, match="no part"):
        project.size_of_vectors(part=(3, 2))
    halves = [project.size_of_vectors(part=(number, 2)) for number in (1, 2)]
    told = project.size_of_vectors()
    assert sum(halves) == told
    project.run(segmenter=segmenter, progress=False)
    took = sum((project.folder_of(item) / VECTORS).stat().st_size for item in project)
    assert took <= told < 1.7 * took  # the demo has fewer than 128 numbers to project
    assert project.size_of_vectors() == 0
    project.choose("red, yellow")
    again = project.size_of_vectors(stale=True)
    project.run(segmenter=segmenter, stale=True, progress=False)
    took = sum((project.folder_of(item) / VECTORS).stat().st_size for item in project)
    assert took <= again < 1.5 * took


def test_the_estimate_follows_the_recipe() -> None:
    def told(recipe: nc.Recipe) -> float:
        return bytes_of_vectors(recipe, 150, 100, None) / 100 / bytes_a_region(150)

    assert told(RECIPE) == pytest.approx(30, abs=1)
    assert told(nc.Recipe(regions="superpixels")) == pytest.approx(350, abs=1)
    assert told(nc.Recipe(region_options={"points_per_side": 4})) == pytest.approx(16, abs=1)
    assert told(nc.Recipe(region_options={"points_per_side": 32})) == pytest.approx(350, abs=1)
    assert bytes_of_vectors(nc.Recipe(scale=0.5), 150, 100, None) == 0


def test_a_session_s_new_regions_have_no_row(project: Project, segmenter: Segmenter) -> None:
    project.run(segmenter=segmenter, progress=False)
    item = project.item("../photographs/0.png")
    with project.session(item) as session:
        first = int(session.ids[0])
        near = int(next(iter(session.state.adjacency.neighbours(first))))
        session.merge([first, near])
        ids = session.ids
    vectors = project.vectors(item)
    rows = vectors.rows_of(ids)
    assert len(ids) == len(vectors) - 1
    assert (rows >= 0).all()
    assert vectors.rows_of([int(ids.max()) + 1]).tolist() == [-1]
    with pytest.raises(nc.InputError, match="no means of decided regions"):
        project.means(item)


def test_means_of_decided_regions_are_kept_where_the_image_is_encoded(
    project: Project, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    item = project.item("../photographs/0.png")
    image = iio.imread(project.path_of(item))
    features = finish(segmenter.encode_steps(image, similarity_means=True))
    encoded = EncodedImage(segmenter, image, features)
    with project.session(item) as session:
        session.engine = encoded
        chosen = session.ids[[1, 3]].tolist()
        session.assign(chosen, "red")
    means = project.means(item)
    assert means.ids.tolist() == means.similarity_ids.tolist() == chosen
    seen = features.windows.similarity_means
    assert seen is not None
    np.testing.assert_array_equal(means.similarity, seen.numpy()[[1, 3]].astype(np.float16))
    assert means.clip.shape == (2, encoded.cells().shape[-1])
    # One that was only looked at leaves them.
    before = (project.folder_of(item) / MEANS).read_bytes()
    with project.session(item):
        pass
    assert (project.folder_of(item) / MEANS).read_bytes() == before
    for change in (
        {"similarity_ids": means.ids + 1},
        {"areas": means.areas * 0},
        {"clip": means.clip[:1]},
        {"ids": means.ids[::-1].copy()},
        {"similarity": means.similarity * np.float16("nan")},
        {"format": "napari-corrclip vectors 1"},
    ):
        spoil(project.folder_of(item) / MEANS, change)
        refused(project.folder_of(item) / MEANS, lambda: project.means(item))
        (project.folder_of(item) / MEANS).write_bytes(before)


def spoil(path: Path, change: dict[str, Any]) -> None:
    """Change parts of a file of tensors; ``None`` takes one away."""
    with safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata())
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, value in change.items():
        store: dict[str, Any] = metadata if isinstance(value, str) or name in metadata else arrays
        if value is None:
            del store[name]
        else:
            store[name] = value
    save_file(arrays, path, metadata)


def refused(path: Path, read: Any) -> None:
    """Hold that a file is refused in one sentence that names it."""
    with pytest.raises(nc.InputError) as caught:
        read()
    said = str(caught.value)
    assert str(path) in said
    assert "\n" not in said
    assert said.endswith(".")
    assert "report this" not in said


def test_damaged_files_are_refused(project: Project, segmenter: Segmenter) -> None:
    project.run(segmenter=segmenter, progress=False)
    item, other = project.items()[:2]
    path = project.folder_of(item) / VECTORS
    whole = path.read_bytes()
    vectors = project.vectors(item)
    assert vectors.similarity is not None
    count = len(vectors)
    changes: list[dict[str, Any]] = [
        {"ids": None},
        {"probabilities": None},
        {"projection": None},
        {"classes": None},
        {"format": "napari-corrclip vectors 9"},
        {"classes": "[" * 5000},
        {"classes": "[1, 2.5, 3]"},
        {"classes": "[1, 2]"},
        {"projection": "-1"},
        {"projection": "9" * 400},
        {"ids": vectors.ids[::-1].copy()},
        {"ids": vectors.ids - vectors.ids[0]},
        {"ids": vectors.ids.astype(np.int64)},
        {"ids": vectors.ids[:, None]},
        {"clip": vectors.clip[1:]},
        {"clip": vectors.clip.astype(np.float32)},
        {"clip": np.full_like(vectors.clip, np.nan)},
        {"clip": np.zeros((count, 129), np.float16)},
        {"similarity": np.full_like(vectors.similarity, np.inf)},
        {"similarity": vectors.similarity[0]},
        {"colours": vectors.colours[:, :7]},
        {"places": vectors.places + 1},
        {"places": np.full_like(vectors.places, np.nan)},
        {"probabilities": vectors.probabilities * 0},
        {"probabilities": vectors.probabilities - np.float16(1)},
        {name: getattr(vectors, name)[1:] for name in (
            "ids", "clip", "similarity", "colours", "places", "probabilities"
        )},
    ]  # fmt: skip
    for change in changes:
        spoil(path, change)
        refused(path, lambda: project.vectors(item))
        path.write_bytes(whole)
    for data in (b"", b"no", whole[:-1], whole[:100], whole[100:], b"\xff" * 4000):
        path.write_bytes(data)
        refused(path, lambda: project.vectors(item))
    shutil.copy(project.folder_of(other) / VECTORS, path)  # of another image
    refused(path, lambda: project.vectors(item))
    path.write_bytes(whole)
    assert len(project.vectors(item)) == count
    path.unlink()
    path.mkdir()
    refused(path, lambda: project.vectors(item))


def test_the_command_line_tells_their_size_or_leaves_them_out(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(project.folder)
    assert app.run(["project", "run", folder, "--no-vectors"]) == 0
    assert "Vectors" not in capsys.readouterr().err
    assert not list(project.folder.rglob(VECTORS))
    for item in project:
        project.mark(item, "new")
    assert app.run(["project", "run", folder]) == 0
    assert "Vectors of the regions take up to about 0.1 MB" in capsys.readouterr().err
    assert len(list(project.folder.rglob(VECTORS))) == 3
    assert app.run(["project", "run", folder, "--collect", "--no-vectors"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_large_image_has_none(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    iio.imwrite(tmp_path / "a.png", generate_scene(3).image[:160, :150])
    recipe = nc.Recipe(
        regions="superpixels", region_options={"n_segments": 20}, scale=0.5, tile=128, overlap=32
    )
    with Project.create(tmp_path / "set", WORDS, tmp_path / "a.png", recipe=recipe) as project:
        assert project.size_of_vectors() == 0
        project.run(progress=False)
        (item,) = project
        with pytest.raises(nc.InputError, match="a large image keeps none"):
            project.vectors(item)
