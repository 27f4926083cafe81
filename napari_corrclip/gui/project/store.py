"""The store of a project's sessions in the workspace, kept in step with the items that there are."""

from __future__ import annotations

from napari_corrclip.annotation import SessionStore
from napari_corrclip.gui.work.workspace import Workspace
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemRecord
from napari_corrclip.project.sessions import ItemSessions


class ItemsStore:
    """The store that the workspace has as long as a project is open.

    Args:
        workspace: keeps sessions in it.

    Attributes:
        sessions: of all items that are known; ``None``: no project is open.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.sessions: ItemSessions | None = None
        self._used: ItemSessions | None = None  # by the workspace
        workspace.left.connect(lambda _: self.use())

    def open(self, project: Project) -> None:
        """Know the items that a project has now."""
        self.sessions = project.sessions()
        self.use()

    def close(self) -> None:
        """Let the workspace have a person's own store again; no session is open."""
        self.sessions = self._used = None
        self._workspace.use(SessionStore())

    def look_for_items(self, project: Project) -> None:
        """Know the items that have come since, so that their sessions lie in them."""
        if self.sessions is not None and len(project) != len(self.sessions.names):
            self.open(project)

    def know(self, project: Project, record: ItemRecord) -> None:
        """Know an item that has come, or moved, since."""
        names = {} if self.sessions is None else self.sessions.names
        if names.get((record.path, record.plane)) != record.name:
            self.open(project)

    def use(self) -> None:
        """Let the workspace have the store of all items, as soon as no session is open."""
        if self.sessions is not self._used and self._workspace.session is None:
            self._used = self.sessions
            self._workspace.use(self.sessions or SessionStore())
