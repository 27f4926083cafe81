"""A run on a Dask cluster: images go to workers, and what they make of them comes back in any order.

Nothing of Dask is imported before a run asks for it. The process of the run reads no pixels as long as
workers see the files, and is the only one that writes. Each image is sent to one worker by its address, so
that it is known which images a worker had when it was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections import Counter, deque
from collections.abc import Generator, Iterator
from concurrent import futures
from dataclasses import dataclass, replace
from importlib import metadata
from itertools import chain
from typing import TYPE_CHECKING, Any

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.progress import Progress
from napari_corrclip.project.folder import file_now
from napari_corrclip.project.prelabelling import Elsewhere
from napari_corrclip.project.proposals import Extras
from napari_corrclip.project.reading import ReadImage, read_image
from napari_corrclip.project.run import Made
from napari_corrclip.project.task import Proposal, Task, propose
from napari_corrclip.project.worker import (
    Answer,
    Job,
    Labelled,
    Orders,
    Refused,
    Unseen,
    answer,
)
from napari_corrclip.results.provenance import package_versions
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Sent

Events = Generator[Progress | Made[str, Proposal], None, None]

_AT_ONCE = 2
"""Images that a worker has: one that it runs, and one that waits, so that it need not."""
_LOSSES = 2
"""So many workers an image may take with it."""
_TICK_S = 0.25
_CONNECT_S = 20
_PACKAGE = "napari-corrclip"
_LARGE = "1 TiB"
"""From which size on Dask warns of what it is given to send."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that a person asked for.

    Args:
        workers: so many processes of one thread each are made on this machine; ``None``: none.
        scheduler: address of one that is there, such as ``tcp://10.0.0.1:8786``; ``None``: there is none.

    Raises:
        InputError: both or neither are given, or one of them cannot be used; or Dask is not installed.
    """

    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        """Check it."""
        if (self.workers is None) == (self.scheduler is None):
            raise InputError(
                "A run has workers of its own (workers, --workers) or those of a scheduler (scheduler, "
                "--scheduler); give one of the two."
            )
        if self.workers is not None and self.workers < 1:
            raise InputError(f"A run cannot have {self.workers} workers; give 1 or more.")
        if self.scheduler is not None and "://" not in self.scheduler:
            raise InputError(
                f"The scheduler is {self.scheduler!r}; give its address, such as tcp://10.0.0.1:8786."
            )
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise InputError(
                'A run on workers needs Dask; pip install "napari-corrclip[cluster]".'
            ) from None

    def check(self, recipe: Recipe) -> None:
        """Refuse a recipe of large images.

        Raises:
            InputError: it is one.
        """
        if recipe.scale is not None:
            raise InputError(
                f"With the scale {recipe.scale:g} the process that runs an image writes it piece by piece, "
                "which workers do not; run without them, or in parts (--part)."
            )

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Connect to it; one that was made for the run is over afterwards.

        Raises:
            InputError: it cannot be started, or reached.
        """
        from distributed import Client, LocalCluster

        with contextlib.ExitStack() as held:
            held.enter_context(_quiet())
            where: Any = self.scheduler
            if where is None:
                try:
                    where = LocalCluster(
                        n_workers=self.workers,
                        threads_per_worker=1,
                        processes=True,
                        host="127.0.0.1",
                        dashboard_address="127.0.0.1:0",  # it cannot be left out; any port that is free
                        memory_limit=0,  # the machine's; a worker is not restarted for a large image
                        silence_logs=logging.CRITICAL,  # what is to be said of a worker is said here
                    )
                except (OSError, RuntimeError, futures.TimeoutError) as error:
                    raise InputError(
                        f"{count(self.workers or 0, 'worker')} cannot be started here "
                        f"({_first_line(error)}); run without them, and in a script keep what is run below "
                        "if __name__ == '__main__'."
                    ) from None
                held.callback(where.close)
            try:
                client = Client(where, timeout=_CONNECT_S, set_as_default=False)
            except (OSError, ValueError, futures.TimeoutError) as error:
                raise InputError(
                    f"There is no Dask scheduler at {self.scheduler} ({_first_line(error)}); start one, or "
                    "correct the address."
                ) from None
            held.callback(client.close)
            yield client

    def elsewhere(
        self, recipe: Recipe, vocabulary: Vocabulary, total: int, extras: Extras
    ) -> Elsewhere:
        """Return the work of a run: makes the proposals of tasks on the cluster.

        Args:
            recipe: of the run.
            vocabulary: of the run.
            total: how many tasks there are, for the progress.
            extras: what else is wanted.
        """

        def steps(tasks: Iterator[Task]) -> Events:
            first = next(tasks, None)
            if first is None:
                return
            yield Progress("start the cluster", 0, total)
            orders = Orders(
                recipe.to_json(),
                json.dumps(vocabulary.to_document()),
                None if self.workers is None else 1,
                extras.vectors,
                extras.features > 0,
            )
            with self.client() as client:
                dispatch = _Dispatch(client, chain([first], tasks), orders, recipe, vocabulary)
                # What it waits for when it is closed, Dask forgets with the client.
                yield from dispatch.steps(total)

        return steps


@dataclass(frozen=True, eq=False, slots=True)
class _Flight:
    """An image that a worker has.

    Attributes:
        task: the item.
        worker: its address.
        alone: whether the worker has no other one, so that it is known which one it was lost with.
        sent: what was asked of Dask; kept as long as the answer is wanted.
        read: the image as it was read here, without its pixels; ``None``: the worker reads it.
    """

    task: Task
    worker: str
    alone: bool
    sent: Sent[Answer]
    read: ReadImage | None


class _Dispatch:
    """The giving out of images to workers.

    Args:
        client: of the cluster.
        tasks: taken one by one, as there is room for them.
        orders: the run as it is sent.
        recipe: of the run.
        vocabulary: of the run.
    """

    def __init__(
        self,
        client: Client,
        tasks: Iterator[Task],
        orders: Orders,
        recipe: Recipe,
        vocabulary: Vocabulary,
    ) -> None:
        self._client, self._tasks = client, tasks
        self._scheduler = client.scheduler_info()["address"]
        self._loop: asyncio.AbstractEventLoop = client.sync(_running_loop)
        self._recipe, self._vocabulary = recipe, vocabulary
        self._orders = orders
        self._known = set[str]()
        """Workers that have the same package."""
        self._over = False
        self._flights: dict[futures.Future[list[Answer]], _Flight] = {}
        self._again = deque[Task]()
        """Tasks whose worker was lost, each to be tried on a worker that has no other one."""
        self._losses = Counter[str]()
        self._blind = set[str]()
        """Workers that do not see the files."""

    def steps(self, total: int) -> Events:
        """Give out all tasks, and yield what becomes of each.

        Raises:
            InputError: the scheduler is gone, or a worker cannot follow the recipe.
            WeightsError: a worker lacks weights.
        """
        done = 0
        while self._flights or self._again or not self._over:
            workers = self._workers()
            for made in chain(self._lost(workers), self._send(workers), self._arrived()):
                done += 1
                yield made
                del made
            stage = f"run on {count(len(workers), 'worker')}" if workers else "wait for workers"
            yield Progress(stage, done, total)

    def _workers(self) -> set[str]:
        """Return the addresses of those that are there.

        Raises:
            InputError: the scheduler is gone.
        """
        if self._client.status == "running":
            with contextlib.suppress(OSError, futures.TimeoutError, futures.CancelledError):
                workers = set(self._client.nthreads())
                self._known = (self._known & workers) | self._checked(workers - self._known)
                return self._known
        raise InputError(
            f"The Dask scheduler at {self._scheduler} is gone; what is done is kept, so start one again and "
            "repeat the run."
        )

    def _checked(self, workers: set[str]) -> set[str]:
        """Return those of new workers that can be given images.

        One that cannot load what it is sent ends without a word, and takes images with it.

        Raises:
            InputError: one has no napari-corrclip, or another version of it.
        """
        if not workers:
            return set()
        found = self._client.run(
            metadata.version, _PACKAGE, workers=sorted(workers), on_error="return"
        )
        ours = package_versions()[_PACKAGE]
        for worker, version in found.items():
            if isinstance(version, metadata.PackageNotFoundError):
                raise InputError(
                    f"On the worker {worker} there is no {_PACKAGE}; install {ours} there, as it is here."
                )
            if isinstance(version, str) and version != ours:
                raise InputError(
                    f"On the worker {worker} {_PACKAGE} is {version}, and {ours} here; install the same one."
                )
        return {worker for worker, version in found.items() if version == ours}

    def _lost(self, workers: set[str]) -> Iterator[Made[str, Proposal]]:
        """Take back the images of workers that are gone; yield those that are given up."""
        for arriving, flight in list(self._flights.items()):
            if flight.worker not in workers and not arriving.done():
                del self._flights[arriving]
                flight.sent.cancel()  # else it would wait for the worker to come back
                yield from self._retried(flight)

    def _retried(self, flight: _Flight) -> Iterator[Made[str, Proposal]]:
        name = flight.task.record.name
        self._losses[name] += 1
        if self._losses[name] < _LOSSES:
            self._again.append(flight.task)
            return
        yield Made(
            name,
            error=InputError(
                f"{_LOSSES} workers ended while they ran {flight.task.record.title!r}, the last one "
                f"{flight.worker}; run it without workers to see why, or give them more memory."
            ),
        )

    def _send(self, workers: set[str]) -> Iterator[Made[str, Proposal]]:
        """Fill workers that have room; yield those images that cannot be read to be sent."""
        while True:
            loads = Counter(flight.worker for flight in self._flights.values())
            alone = {flight.worker for flight in self._flights.values() if flight.alone}
            free = [each for each in sorted(workers - alone) if loads[each] < _AT_ONCE]
            if not free:
                return
            worker = min(free, key=loads.__getitem__)
            retried = bool(self._again) and not loads[worker]
            if retried:
                task = self._again.popleft()
            else:
                found = None if self._over else next(self._tasks, None)
                if found is None:
                    self._over = True
                    return
                task = found
            try:
                self._give(task, worker, alone=retried)
            except CorrClipError as error:
                yield Made(task.record.name, error=error)

    def _give(self, task: Task, worker: str, *, alone: bool) -> None:
        """Send an image to a worker: its path, or its pixels where the worker does not see the file.

        Raises:
            InputError: it has to be read here, and cannot be.
        """
        import dask

        image, plane, read = task.image, task.record.plane, None
        try:
            size, mtime = file_now(image)
        except OSError:
            read, size, mtime = read_image(image, plane, task.options), 0, 0  # which says why
        if worker in self._blind and read is None:
            read = read_image(image, plane, task.options)
        job = Job(self._orders, str(image.absolute()), plane, size, mtime, read, task.options)
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": _LARGE}):
            sent = self._client.submit(
                answer,
                job,
                key=f"napari-corrclip-{uuid.uuid4().hex}",
                workers=[worker],
                allow_other_workers=False,
                pure=False,
            )
        arriving: futures.Future[list[Answer]] = asyncio.run_coroutine_threadsafe(
            self._client.gather([sent], asynchronous=True), self._loop
        )
        if read is not None:
            read = replace(read, pixels=None)
        self._flights[arriving] = _Flight(task, worker, alone, sent, read)

    def _arrived(self) -> Iterator[Made[str, Proposal]]:
        """Wait a moment for answers, and yield what became of their images."""
        if not self._flights:
            if self._again or not self._over:  # there is no worker
                time.sleep(_TICK_S)
            return
        for arriving in futures.wait(self._flights, _TICK_S, futures.FIRST_COMPLETED).done:
            yield from self._made(self._flights.pop(arriving), arriving)

    def _made(
        self, flight: _Flight, arriving: futures.Future[list[Answer]]
    ) -> Iterator[Made[str, Proposal]]:
        """Yield what became of an image; nothing where it is tried once more.

        Raises:
            InputError: the scheduler is gone, or this worker can run no image.
            WeightsError: this worker lacks weights.
        """
        from distributed.scheduler import KilledWorker, NoValidWorkerError

        task = flight.task
        try:
            (found,) = arriving.result()
        except (KilledWorker, NoValidWorkerError, futures.CancelledError):
            self._workers()  # says so where it is the scheduler that is gone
            yield from self._retried(flight)
            return
        if isinstance(found, Refused):
            raise type(found.error)(f"On the worker {flight.worker}: {found.error}")
        if isinstance(found, Unseen):
            self._blind.add(flight.worker)
            try:
                self._give(task, flight.worker, alone=flight.alone)
            except CorrClipError as error:
                yield Made(task.record.name, error=error)
            return
        if not isinstance(found, Labelled):
            yield Made(task.record.name, error=found.error)
            return
        read = flight.read or ReadImage(None, found.size, found.mtime, found.digest)
        yield Made(
            task.record.name,
            propose(
                task,
                read,
                found.result,
                self._recipe,
                self._vocabulary,
                found.seconds,
                found.vectors,
                found.features,
            ),
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's client from telling in its own words, on stderr, what is said in a sentence."""
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
