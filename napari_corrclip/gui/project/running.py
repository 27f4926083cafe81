"""The run over a project in the window: in a thread of its own, while a person corrects."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.engine.networks import Networks
from napari_corrclip.errors import CorrClipError
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said
from napari_corrclip.progress import Progress
from napari_corrclip.project.project import Project
from napari_corrclip.project.run import Done, Failed, Report, Skipped
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.pace import Pace


class ProjectRun:
    """The run that goes on in the background.

    Args:
        networks: that are loaded; it shares them with what else asks for them.

    Attributes:
        passed_over: what the last one could not use of the project's folders, a sentence each.

    Signals (psygnal):
        status: a sentence for the person.
        busy: whether it runs.
        progressed: what is to be read of how far it is.
        advanced: the name of an item that has a result now, or has failed.
    """

    status = Signal(object)
    busy = Signal(bool)
    progressed = Signal(str)
    advanced = Signal(str)

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self.passed_over: tuple[str, ...] = ()
        self._jobs = Jobs()
        self._jobs.busy.connect(self.busy.emit)
        self._pace = Pace(0)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._jobs.running

    def start(self, project: Project, total: int, *, stale: bool = False) -> None:
        """Run the networks over what has no result yet.

        Args:
            project: which; the thread opens it for itself.
            total: how many images that is, for the time that is left.
            stale: also what was pre-labelled by other settings or words.
        """
        self._pace = Pace(total)
        self.passed_over = ()
        self._jobs.start(
            _run_steps(project.folder, self._networks, stale=stale, alone=project.is_only_writer),
            done=self._done,
            failed=self._failed,
            progressed=self._event,
            stopped=lambda: self.status.emit(
                "The run was stopped; what is done is kept, and Run goes on."
            ),
        )

    def cancel(self) -> None:
        """Stop it after the image that it is at; what is done is kept."""
        self._jobs.cancel()

    def drop(self) -> None:
        """Stop it, and tell nobody."""
        self._jobs.drop()

    def let_go(self) -> None:
        """Tell nobody anything more: whoever listened is being deleted."""
        for signal in (self.status, self.busy, self.progressed, self.advanced):
            signal.disconnect()
        self._jobs.drop()

    def _event(self, event: Any) -> None:
        if isinstance(event, Progress):
            if not self._pace.over:
                self.progressed.emit(f"{event.stage} …")
            return
        if isinstance(event, Done | Failed | Skipped):
            self.progressed.emit(self._pace.told(worked=isinstance(event, Done)))
            self.advanced.emit(event.key)

    def _done(self, ran: Ran) -> None:
        report, self.passed_over = ran.report, ran.passed_over
        said = []  # what went wrong comes first, for which there is room
        if report.failed:
            first = ", the first" if len(report.failed) > 1 else ""
            said.append(f"{len(report.failed)} failed{first}: {report.failed[0][1]}")
        if report.unsaved:
            said.append(f"{len(report.unsaved)} could not be saved: {report.unsaved[0][1]}")
        said.append(f"{count(len(report.done), 'image')} labelled.")
        wrong = report.failed or report.unsaved
        self.status.emit(Said(" ".join(said), Kind.WARNING if wrong else Kind.DONE))

    def _failed(self, error: Exception) -> None:
        if isinstance(error, CorrClipError):
            self.status.emit(error)
            return
        text = " ".join(str(error).split())[:300]
        self.status.emit(
            Said(
                f"The run failed ({type(error).__name__}: {text}); please report it.", Kind.WARNING
            )
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """The outcome of a run.

    Attributes:
        report: on the images.
        passed_over: what it could not use of the project's folders, a sentence each.
    """

    report: Report[str]
    passed_over: tuple[str, ...]


def _run_steps(
    folder: Path, networks: Networks, *, stale: bool, alone: bool
) -> Generator[Any, None, Ran]:
    """Run a project in a thread.

    Args:
        folder: of the project.
        networks: are loaded, if they are not.
        stale: as of :meth:`ProjectRun.start`.
        alone: whether the window alone may write the index; it collects what the thread leaves in folders.
    """
    yield Progress("load the libraries", 0, 1)
    prepare_imports()
    with (
        Project.open(folder, read_only=alone) as project,  # a thread has its own
        networks.working(project.recipe),
    ):
        segmenter = yield from networks.load_steps(project.recipe)
        part = (1, 1) if alone else None
        report = yield from project.run_steps(segmenter=segmenter, stale=stale, part=part)
        return Ran(report, project.passed_over)
