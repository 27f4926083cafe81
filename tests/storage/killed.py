"""Kill, or hold, a process that saves before every step that it takes on the disk; look at what is there.

python -m tests.storage.killed --points all
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import napari_corrclip as nc
from napari_corrclip.annotation import Journal, Session, restore
from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.effort.reporting.output import RECORD, write_report
from napari_corrclip.evaluation.effort.reporting.report import Report
from napari_corrclip.results.folder import LARGE_FORMAT
from napari_corrclip.results.segmentation import Segmentation
from napari_corrclip.storage import folders
from napari_corrclip.storage.files import write_bytes
from napari_corrclip.storage.folders import read_whole, write_folder
from napari_corrclip.vocabulary import Vocabulary
from tests.annotation.images import small_result

STEPS = frozenset(
    {
        "open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
        "os.utime", "os.chmod", "fcntl.flock", "napari_corrclip.write", "napari_corrclip.fsync",
    }
)  # fmt: skip
NOTES = "notes.txt"
PLACES = ("new", "existing", "beside notes")
NOTHING, OLD, NEW, NEXT = 0, 1, 2, 3


@dataclass(frozen=True)
class Kind:
    """Something that is saved whole or not at all.

    Attributes:
        write: saves a number at a path.
        read: returns it; ``InputError`` where there is none.
    """

    write: Callable[[Path, int], object]
    read: Callable[[Path], int]


def _write_texts(folder: Path, value: int) -> None:
    names = ("a", "b", "c") if value % 2 else ("a", "d")
    writers = {name: lambda path, value=value: path.write_text(str(value)) for name in names}
    write_folder(folder, writers, owned="abcd")


def _read_texts(folder: Path) -> int:
    def read(locate: folders.Locate) -> int:
        found = {name: int(locate(name).read_text()) for name in "abcd" if locate(name).exists()}
        if not found:
            raise InputError("There is nothing.")
        (value,) = set(found.values())
        assert set(found) == set("abc" if value % 2 else "ad"), found
        return value

    return read_whole(folder, "abcd", read)


@cache
def _result(value: int) -> Segmentation:
    return small_result(words="cat, dog, sky" if value % 2 else "cat, dog, sky=300", seed=value)[0]


def _value(labels: Any) -> int:
    (value,) = (one for one in (OLD, NEW, NEXT) if np.array_equal(_result(one).labels, labels))
    return value


def _write_session(folder: Path, value: int) -> None:
    session = Session(_result(OLD))
    for region in range(1, value + 1):
        session.assign(region, "dog")
    session.save(folder)


def _steps(session: Session) -> int:
    steps = len(session.history.done)
    assert steps == len(session.state.verdicts)
    return steps


def _read_result(folder: Path) -> int:
    result = Segmentation.load(folder)
    value = _value(result.labels)
    assert np.array_equal(result.confidence, _result(value).confidence)
    return value


def _write_large(folder: Path, value: int) -> None:
    # imports torch, which the others need not wait for
    from napari_corrclip.results.zarr_maps import create_maps, new_result, write_rows

    words = Vocabulary.parse("cat")
    with new_result(folder) as stage, create_maps(stage, (3, 4)) as maps:
        for name in ("labels", "regions", "confidence", "pixel_labels"):
            maps[name][...] = value
        boxes, one = np.zeros((1, 4)), np.ones((1, 2))
        rows = {"region_ids": [value], "region_boxes": boxes, "votes": one}
        write_rows(maps, {**rows, "region_probabilities": one[:, 1:]})
        words.save(stage / "vocabulary.yaml")
        (stage / "regions.csv").write_text("id\n")
        document = {"format": LARGE_FORMAT, "notes": [str(value)]}
        (stage / "provenance.json").write_text(json.dumps(document))


def _read_large(folder: Path) -> int:
    large = nc.LargeSegmentation.load(folder)
    value = int(large.notes[0])
    assert np.array_equal(large.labels[...], np.full((3, 4), value))
    assert large.table["id"].tolist() == [value]
    return value


def _write_journal(folder: Path, value: int) -> None:
    there = folder.is_dir() and any(folder.glob("snapshot-*"))
    session = restore(folder) if there else Session(_result(OLD))
    with Journal(session, folder, records=1) as journal:
        for region in range(_steps(session) + 1, value + 1):
            session.assign(region, "dog")
        journal.wait()


def _write_effort(folder: Path, value: int) -> None:
    write_report(folder, Report((), (), (), {"run": str(value)}), plots=False)


def _read_effort(folder: Path) -> int:
    def read(locate: folders.Locate) -> int:
        if not locate(RECORD).exists():
            raise InputError("There is no study.")
        return int(json.loads(locate(RECORD).read_bytes())["versions"]["run"])

    return read_whole(folder, (RECORD, "effort.md"), read)


def _write_file(folder: Path, value: int) -> None:
    folder.mkdir(exist_ok=True)
    write_bytes(folder / "file", str(value).encode())


def _read_file(folder: Path) -> int:
    if not (folder / "file").exists():
        raise InputError("There is no file.")
    return int((folder / "file").read_bytes())


KINDS = {
    "texts": Kind(_write_texts, _read_texts),
    "session": Kind(_write_session, lambda folder: _steps(Session.load(folder))),
    "result": Kind(lambda folder, value: _result(value).save(folder), _read_result),
    "large": Kind(_write_large, _read_large),
    "journal": Kind(_write_journal, lambda folder: _steps(restore(folder))),
    "effort": Kind(_write_effort, _read_effort),
    "file": Kind(_write_file, _read_file),
}


def prepared(kind: Kind, base: Path, place: str) -> Path:
    """Return a folder in ``base``, which is empty, with what was saved before."""
    folder = base / "saved"
    if place != "new":
        kind.write(folder, OLD)
    if place == "beside notes":
        (folder / NOTES).write_text("mine")
    return folder


@cache
def warmed(name: str) -> Kind:
    """A kind, with all loaded that a fork would load each time."""
    with tempfile.TemporaryDirectory() as made:
        for value in (OLD, NEW, NEXT):
            KINDS[name].write(Path(made) / "saved", value)
            assert KINDS[name].read(Path(made) / "saved") == value
    return KINDS[name]


def hidden(base: Path) -> list[str]:
    """What is hidden anywhere in ``base``."""
    return [str(path.relative_to(base)) for path in base.rglob(".*")]


def value_of(kind: Kind, folder: Path) -> int:
    """What is saved; ``NOTHING`` where nothing is."""
    try:
        return kind.read(folder)
    except InputError as error:
        if any(words in str(error) for words in ("damaged", "belong together")):
            raise AssertionError("what was read is mixed") from error
        return NOTHING


@contextmanager
def child(work: Callable[[], object]) -> Iterator[int]:
    """Give the process number of a fork that does ``work``; it has to be waited for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # idle threads of libraries, none of which is needed
        number = os.fork()
    if number == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    yield number


def sent_before(step: int, base: Path, number: int) -> None:
    """Let this process send itself the signal ``number`` before its ``step``-th step on the disk."""
    seen = 0

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in STEPS:
            return
        if event == "open":
            path = os.fsdecode(args[0]) if isinstance(args[0], str | bytes) else ""
            if not path or (Path(path).is_absolute() and not path.startswith(str(base))):
                return  # a module, or a descriptor that is open
        seen += 1
        if seen == step:
            os.kill(os.getpid(), number)

    sys.addaudithook(hook)


def kill_before(kind: Kind, place: str, step: int) -> int | None:
    """Kill a process that saves before a step; return what was there then, ``None``: it had ended.

    Raises:
        AssertionError: it was neither what was there before nor all of the new, another file was touched,
            nothing more could be saved, or something was left over.
    """
    with tempfile.TemporaryDirectory() as made:
        base = Path(made).resolve()
        folder = prepared(kind, base, place)

        def work() -> None:
            sent_before(step, base, signal.SIGKILL)
            kind.write(folder, NEW)

        with child(work) as process:
            _, status = os.waitpid(process, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return None
        found = value_of(kind, folder)
        # A journal is saved edit by edit.
        allowed = {NOTHING} if place == "new" else {OLD}
        allowed |= {OLD, NEW} if kind is KINDS["journal"] else {NEW}
        assert found in allowed, found
        check_notes(folder, place)
        kind.write(folder, NEXT)
        assert kind.read(folder) == NEXT
        check_notes(folder, place)
        assert not hidden(base), hidden(base)
        return found


def check_notes(folder: Path, place: str) -> None:
    """Raise AssertionError where the file of somebody else is not what it was."""
    if place == "beside notes":
        assert (folder / NOTES).read_text() == "mine"


def hold_before(kind: Kind, place: str, step: int) -> bool:
    """Hold a process before a step, read and save beside it, let it go on; return whether it was held.

    Raises:
        AssertionError: the one undid the other's work, or something was left over.
    """
    with tempfile.TemporaryDirectory() as made:
        base = Path(made).resolve()
        folder = prepared(kind, base, place)

        def work() -> None:
            sent_before(step, base, signal.SIGSTOP)
            kind.write(folder, NEW)

        with child(work) as process:
            _, status = os.waitpid(process, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            assert status == 0
            return False
        try:
            before = {NOTHING} if place == "new" else {OLD}
            assert value_of(kind, folder) in before | {NEW}
            try:
                with impatient():
                    kind.write(folder, NEXT)
            except InputError as error:
                if "is being written by another program" not in str(error):
                    raise
                assert value_of(kind, folder) in before | {NEW}
            else:
                assert kind.read(folder) == NEXT
        finally:
            os.kill(process, signal.SIGCONT)
            _, status = os.waitpid(process, 0)
        assert status == 0
        assert kind.read(folder) in {NEW, NEXT}
        check_notes(folder, place)
        assert not hidden(base), hidden(base)
        return True


def beside_each_other(kind: Kind, place: str, times: int) -> int:
    """Let two processes save and read beside them; return how often was read.

    Raises:
        AssertionError: something was neither, or a save failed.
    """
    with tempfile.TemporaryDirectory() as made:
        base = Path(made).resolve()
        folder = prepared(kind, base, place)
        if place == "new":
            kind.write(folder, OLD)

        def work(value: int) -> None:
            for _ in range(times):
                kind.write(folder, value)

        with child(lambda: work(OLD)) as first, child(lambda: work(NEW)) as second:
            running, reads = {first, second}, 0
            while running:
                assert kind.read(folder) in {OLD, NEW}
                reads += 1
                for process in list(running):
                    ended, status = os.waitpid(process, os.WNOHANG)
                    if ended:
                        assert status == 0
                        running.remove(process)
        check_notes(folder, place)
        assert not hidden(base), hidden(base)
        return reads


@contextmanager
def impatient() -> Iterator[None]:
    """Let a writer wait for another one for a moment alone."""
    former, folders.WAIT = folders.WAIT, 0.05
    try:
        yield
    finally:
        folders.WAIT = former


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the long form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", default="all", help="all, or every n-th")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    options = parser.parse_args(arguments)
    stride = 1 if options.points == "all" else int(options.points)
    began = time.monotonic()
    kills = holds = 0
    for name in options.kinds:
        kind = warmed(name)
        kind_began, outcomes = time.monotonic(), dict.fromkeys((NOTHING, OLD, NEW), 0)
        held = 0
        for place in PLACES:
            step = 1
            while (found := kill_before(kind, place, step)) is not None:
                outcomes[found] += 1
                step += stride
            if name != "journal":  # has a lock of its own, which refuses a second one
                step = 1
                while hold_before(kind, place, step):
                    held += 1
                    step += stride
        kills, holds = kills + sum(outcomes.values()), holds + held
        print(
            f"{name}: killed {sum(outcomes.values())} times; found nothing {outcomes[NOTHING]}, the old "
            f"{outcomes[OLD]}, the new {outcomes[NEW]} times, always whole; held {held} times; "
            f"{time.monotonic() - kind_began:.0f} s",
            flush=True,
        )
    print(
        f"{kills} kills and {holds} holds in {time.monotonic() - began:.0f} s, {platform.system()}, "
        f"Python {platform.python_version()}: nothing lost, mixed or left over."
    )


if __name__ == "__main__":
    main()
