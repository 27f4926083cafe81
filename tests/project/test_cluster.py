"""Runs on a Dask cluster: byte-equal with a plain run, whoever is killed meanwhile."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import distributed
import imageio.v3 as iio
import numpy as np
import psutil
import pytest

import napari_corrclip as nc
from napari_corrclip.cli import app
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.engine.segmenter import Segmenter
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Steps, finish
from napari_corrclip.project import cluster
from napari_corrclip.project.cluster import Cluster
from napari_corrclip.project.folder import RESULT
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.project.run import Done
from napari_corrclip.project.worker import Job, Labelled, Orders, Refused, Unseen, answer
from napari_corrclip.vocabulary import Vocabulary

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9"),
]

RECIPE = nc.Recipe(regions="superpixels", region_options={"n_segments": 30})
WORDS = "red, blue, background: wood, stone"

# Read by the workers of these tests alone: some images kill who reads them, take long, or are not seen.
PRELOADED = """
import os, signal, time
from napari_corrclip.project import folder, reading

def read(image, plane=(), options=None, *, plain=reading.read_image):
    if image.name.startswith("deadly"):
        with open(image.parent / "deaths.log", "a") as log:
            log.write(f"{os.getpid()}\\n")
        os.kill(os.getpid(), signal.SIGKILL)
    if image.name.startswith("slow"):
        time.sleep(0.5)
    return plain(image, plane, options)

def look(image, *, plain=folder.file_now):
    if image.name.startswith("far"):
        raise FileNotFoundError(image)
    return plain(image)

if reading.read_image.__module__ == reading.__name__:  # Dask runs this more than once
    reading.read_image, folder.file_now = read, look
"""


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_recipe(RECIPE)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scheduler of a cluster of two processes, which have no connection to the web."""
    preloaded = tmp_path_factory.mktemp("preloaded") / "preloaded.py"
    preloaded.write_text(PRELOADED)
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=logging.CRITICAL,
        preload=[str(preloaded)],
        env={"HF_HUB_OFFLINE": "1"},
    ) as cluster:
        yield cluster.scheduler_address


def scene(path: Path, number: int) -> None:
    iio.imwrite(path, generate_scene(number).image[: 80 + number, :90])


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def project(images: Path, tmp_path: Path) -> Iterator[Project]:
    """Has no image yet; what is put into its folder is found by the run."""
    scene(images / "a.png", 0)
    with Project.create(tmp_path / "set", WORDS, images, recipe=RECIPE) as made:
        yield made


def check_equal(project: Project, segmenter: Segmenter, folder: Path) -> None:
    """Run the same images plainly, and compare all that is kept of them."""
    with Project.create(folder, WORDS, folder.parent / "images", recipe=RECIPE) as plain:
        plain.run(segmenter=segmenter, progress=False)
        labelled = plain.items("pre-labelled")
        assert [item.name for item in labelled] == [
            item.name for item in project.items("pre-labelled")
        ]
        for item in labelled:
            folders = [each.folder_of(item) for each in (plain, project)]
            for name in ("labels.png", "regions.tif", "regions.csv", "arrays.npz"):
                one, other = ((place / RESULT / name).read_bytes() for place in folders)
                assert one == other, f"{item.title}: {name}"
            told = [json.loads((place / "item.json").read_text()) for place in folders]
            how = [
                json.loads((place / RESULT / "provenance.json").read_text()) for place in folders
            ]
            for document in (*told, *how):
                for name in ("at", "seconds"):
                    document.pop(name, None)
            assert told[0] == told[1]
            assert how[0] == how[1]
            ours, theirs = project.item(item.name), item
            assert (ours.regions, ours.least, ours.digest) == (
                theirs.regions, theirs.least, theirs.digest,
            )  # fmt: skip
        assert [(item.name, item.reason) for item in plain.items("failed")] == [
            (item.name, item.reason) for item in project.items("failed")
        ]


def processes() -> set[int]:
    """Return the children of this process, but the one of Python that clears away what others left."""
    return {
        child.pid
        for child in psutil.Process().children(recursive=True)
        if "resource_tracker" not in " ".join(child.cmdline())
    }


def test_two_workers_make_what_one_process_makes(
    project: Project, images: Path, segmenter: Segmenter, tmp_path: Path
) -> None:
    for number in range(1, 5):
        scene(images / f"b{number}.png", number)
    np.save(images / "planes.npy", np.stack([generate_scene(n).image[:80, :90] for n in range(2)]))
    (images / "z.png").write_bytes(b"\x89PNG and no more")
    before = processes()
    report = project.run(workers=2, features=10**9, progress=False)
    assert processes() - before == set()
    assert len(report.done) == 7
    ((failed, reason),) = report.failed
    assert "z.png" in reason
    assert project.item(failed).reason == reason
    assert project.status().lines() == ["7 pre-labelled", "1 failed"]
    (run,) = project.runs
    assert (run.done, run.failed) == (7, 1)
    check_equal(project, segmenter, tmp_path / "plain")
    for name in report.done:
        shown = read_plane(project.path_of(name), project.item(name).plane)
        kept = project.features(name).windows.features
        assert kept.equal(segmenter.encode(shown).windows.features)


def test_workers_bring_features_to_what_was_run_without_them(
    project: Project, images: Path, address: str, segmenter: Segmenter, tmp_path: Path
) -> None:
    deep = generate_scene(3).image[:80, :90].astype(np.uint16) * 100
    for name in ("deep.tif", "far.tif"):
        iio.imwrite(images / name, deep)
    project.run(segmenter=segmenter, progress=False)
    assert len(project.run(scheduler=address, features=10**9, progress=False).done) == 3
    assert project.run(scheduler=address, features=10**9, progress=False).done == ()
    check_equal(project, segmenter, tmp_path / "plain")


def test_a_worker_that_is_killed_costs_no_image(
    project: Project, images: Path, address: str, segmenter: Segmenter, tmp_path: Path
) -> None:
    for number in range(1, 9):
        scene(images / f"slow{number}.png", number)
    with distributed.Client(address, set_as_default=False) as client:
        worker, pid = sorted(client.run(os.getpid).items())[0]
        killed = False
        for event in project.run_steps(scheduler=address):
            if isinstance(event, Done) and not killed:
                os.kill(pid, signal.SIGKILL)
                killed = True
        assert killed
        assert worker not in client.nthreads()
    assert project.status().lines() == ["9 pre-labelled"]
    check_equal(project, segmenter, tmp_path / "plain")


def test_an_image_that_kills_two_workers_is_failed_and_takes_no_other_with_it(
    project: Project, images: Path, address: str
) -> None:
    for number in range(1, 7):
        scene(images / f"b{number}.png", number)
    scene(images / "deadly.png", 7)
    report = project.run(scheduler=address, progress=False)
    assert len((images / "deaths.log").read_text().split()) == 2
    assert len(report.done) == 7
    ((failed, reason),) = report.failed
    assert project.item(failed).path.endswith("deadly.png")
    assert reason.startswith(
        "2 workers ended while they ran '../images/deadly.png', the last one tcp://"
    )
    assert project.item(failed).reason == reason


def test_pixels_are_sent_where_files_are_not_seen(
    project: Project, images: Path, address: str, segmenter: Segmenter, tmp_path: Path
) -> None:
    for number in range(1, 4):
        scene(images / f"far{number}.png", number)
    np.save(images / "far.npy", np.stack([generate_scene(n).image[:80, :90] for n in range(2)]))
    (images / "far-broken.png").write_bytes(b"\x89PNG and no more")
    assert len(project.run(scheduler=address, progress=False).done) == 6
    check_equal(project, segmenter, tmp_path / "plain")


def test_a_run_that_is_closed_leaves_nothing_waiting(
    project: Project, images: Path, address: str
) -> None:
    for number in range(1, 7):
        scene(images / f"slow{number}.png", number)
    steps = project.run_steps(scheduler=address)
    for event in steps:
        if isinstance(event, Done):
            break
    steps.close()
    assert project.status().lines() == ["6 new", "1 pre-labelled"]
    with distributed.Client(address, set_as_default=False) as client:

        def waiting(dask_scheduler: distributed.Scheduler) -> list[str]:
            return [key for key in dask_scheduler.tasks if key.startswith("napari-corrclip")]

        deadline = time.monotonic() + 20
        while client.run_on_scheduler(waiting):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert len(project.run(scheduler=address, progress=False).done) == 6


def test_a_run_that_is_closed_leaves_no_process(project: Project, images: Path) -> None:
    for number in range(1, 4):
        scene(images / f"b{number}.png", number)
    before = processes()
    steps = project.run_steps(workers=1)
    for event in steps:
        if isinstance(event, Done):
            break
    assert processes() - before
    steps.close()
    assert processes() - before == set()
    assert project.count()[ItemState.PRELABELLED] == 1


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler in a process of its own, and a worker of it."""
    place = tmp_path / "scheduler.json"
    common = ["--scheduler-file", str(place), "--no-dashboard"]
    with contextlib.ExitStack() as started, (tmp_path / "cluster.log").open("wb") as log:

        def start(name: str, *more: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{name}", *common, *more],
                stdout=log, stderr=log,
            )  # fmt: skip
            started.callback(process.wait)
            started.callback(process.kill)
            return process

        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
        start("worker", "--nthreads", "1", "--no-nanny", "--memory-limit", "0")
        deadline = time.monotonic() + 60
        while not place.exists() or not place.stat().st_size:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield json.loads(place.read_text())["address"], scheduler


def test_a_scheduler_that_is_killed_is_said_and_the_next_run_goes_on(
    project: Project,
    images: Path,
    apart: tuple[str, subprocess.Popen[bytes]],
    segmenter: Segmenter,
    tmp_path: Path,
) -> None:
    for number in range(1, 7):
        scene(images / f"b{number}.png", number)
    where, scheduler = apart
    done: list[str] = []

    def kill(event: object) -> None:
        if isinstance(event, Done):
            scheduler.kill()
            scheduler.wait()
            done.append(event.key)

    with pytest.raises(nc.InputError, match="is gone; what is done is kept") as told:
        finish(project.run_steps(scheduler=where), kill)
    assert where in str(told.value)
    kept = {item.name: item.at for item in project.items("pre-labelled")}
    assert set(done) <= kept.keys()  # one that was on its way is saved, too, and not told any more
    assert 1 <= len(kept) < 7
    assert ItemState.RUNNING not in project.count()
    project.run(segmenter=segmenter, progress=False)
    assert project.status().lines() == ["7 pre-labelled"]
    assert {name: project.item(name).at for name in kept} == kept
    check_equal(project, segmenter, tmp_path / "plain")


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (
            nc.Recipe("vit-b-16", regions="superpixels"),
            r"\d files are missing and offline mode opens no connection; get them",
        ),
        (nc.Recipe(device="cuda:99", regions="superpixels"), "There is no device 'cuda:99'"),
    ],
    ids=["weights", "device"],
)
def test_a_worker_that_cannot_follow_the_recipe_is_named(
    project: Project, address: str, recipe: nc.Recipe, sentence: str
) -> None:
    project.choose(recipe=recipe)
    kind = nc.WeightsError if "missing" in sentence else nc.InputError
    with pytest.raises(kind, match=rf"^On the worker tcp://[\d.:]+: {sentence}") as told:
        project.run(scheduler=address, progress=False)
    assert type(told.value) is kind
    assert project.status().lines() == ["1 new"]


def test_a_worker_of_another_version_is_named(
    project: Project, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_PACKAGE", "no-such-package")
    monkeypatch.setattr(cluster, "package_versions", lambda: {"no-such-package": "1.0"})
    with pytest.raises(nc.InputError, match=r"On the worker tcp://\S+ there is no no-such-package"):
        project.run(scheduler=address, progress=False)
    monkeypatch.setattr(cluster, "_PACKAGE", "numpy")
    monkeypatch.setattr(cluster, "package_versions", lambda: {"numpy": "1.0"})
    with pytest.raises(nc.InputError, match=r"On the worker tcp://\S+ numpy is \S+, and 1\.0 here"):
        project.run(scheduler=address, progress=False)
    assert project.status().lines() == ["1 new"]


def orders_of(recipe: nc.Recipe) -> Orders:
    words = json.dumps(Vocabulary.coerce(WORDS).to_document())
    return Orders(recipe.to_json(), words)


def test_what_a_worker_refuses_is_a_value(
    images: Path, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = images / "a.png"
    scene(path, 0)
    size, mtime = path.stat().st_size, path.stat().st_mtime_ns
    job = Job(orders_of(RECIPE), str(path), (), size, mtime)
    assert isinstance(answer(job), Labelled)
    for other in (replace(job, size=1), replace(job, mtime=1), replace(job, image="/gone.png")):
        assert isinstance(answer(other), Unseen)

    def kept_in_another_type(*_: object, **__: object) -> Steps[Segmenter]:
        yield from ()
        return segmenter

    monkeypatch.setattr(Segmenter, "load_steps", kept_in_another_type)
    found = answer(replace(job, orders=orders_of(replace(RECIPE, dtype="bfloat16"))))
    assert isinstance(found, Refused)
    assert "computes in float32 there and not in bfloat16" in str(found.error)


@pytest.mark.parametrize(
    ("workers", "scheduler", "sentence"),
    [
        (2, "tcp://127.0.0.1:1", "give one of the two"),
        (0, None, "cannot have 0 workers; give 1 or more"),
        (None, "127.0.0.1:8786", "The scheduler is '127.0.0.1:8786'; give its address"),
    ],
)
def test_a_cluster_that_cannot_be(workers: int, scheduler: str, sentence: str) -> None:
    with pytest.raises(nc.InputError, match=sentence):
        Cluster(workers, scheduler)


def test_what_does_not_go_with_workers_is_said(project: Project, segmenter: Segmenter) -> None:
    with pytest.raises(nc.InputError, match="Workers load networks of their own"):
        project.run(workers=2, segmenter=segmenter, progress=False)
    project.choose(recipe=nc.Recipe(regions="superpixels", scale=0.5))
    with pytest.raises(nc.InputError, match=r"With the scale 0\.5 the process that runs an image"):
        project.run(workers=2, progress=False)
    assert project.runs == []


def test_a_scheduler_that_is_not_there_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    with pytest.raises(nc.InputError, match=r"There is no Dask scheduler at tcp://127\.0\.0\.1:9 "):
        project.run(scheduler="tcp://127.0.0.1:9", progress=False)
    assert project.status().lines() == ["1 new"]


def test_a_run_on_workers_by_the_command_line(
    project: Project, images: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (images / "b.png").write_bytes(b"\x89PNG and no more")
    args = ["project", "run", str(project.folder)]
    assert app.run([*args, "--scheduler", address]) == 2
    said = capsys.readouterr()
    assert "1 image pre-labelled, 1 failed" in said.out
    assert "b.png" in said.err
    for wrong in (["--workers", "0"], ["--collect", "--workers", "2"]):
        assert app.run([*args, *wrong]) == 2
        assert capsys.readouterr().err.count("Error: ") == 1


WITHOUT = """
import sys
import napari_corrclip
from napari_corrclip.project.project import Project

with Project.open(sys.argv[1]) as project:
    assert len(project.run(progress=False).done) == 1
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert not loaded & {"dask", "distributed"}, loaded
    sys.modules["distributed"] = None  # as where it is not installed
    try:
        project.run(workers=2)
    except napari_corrclip.InputError as error:
        print(error)
"""


def test_without_the_extra_nothing_of_dask_is_loaded_and_a_sentence_says_what_to_install(
    project: Project,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WITHOUT), str(project.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == 'A run on workers needs Dask; pip install "napari-corrclip[cluster]".\n'


def test_a_project_without_images_to_run_starts_no_cluster(
    project: Project, segmenter: Segmenter
) -> None:
    project.run(segmenter=segmenter, progress=False)
    before = processes()
    assert project.run(workers=2, progress=False).done == ()
    assert processes() == before
