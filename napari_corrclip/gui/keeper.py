"""Corrections that outlive the viewer: written with every edit, and offered when the image comes back."""

from __future__ import annotations

from collections.abc import Callable

from psygnal import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_corrclip.annotation import (
    Journal,
    Session,
    Source,
    has_session,
    journal_folder,
    put_aside,
    restore,
)
from napari_corrclip.errors import InputError
from napari_corrclip.gui.layers import Tell
from napari_corrclip.gui.picture import Picture
from napari_corrclip.gui.widgets import button


class Keeper(QWidget):
    """Keeps the session on the disk, where the image is a file; a row that offers what lies there.

    Args:
        tell: is given a sentence.
        picture: returns what would be segmented.

    Attributes:
        journal: of the session that is open.

    Signals (psygnal):
        restored: the :class:`Session` and its :class:`Picture`.
    """

    restored = Signal(object, object)

    def __init__(
        self, tell: Tell, picture: Callable[[], Picture], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._tell = tell
        self._picture = picture
        self._offered: Source | None = None
        self.journal: Journal | None = None
        self.restore_button = button("Restore", "Go on where this image was left")
        self.restore_button.clicked.connect(self.restore)
        self.anew_button = button(
            "Begin anew", "Put the former corrections aside; they stay on the disk"
        )
        self.anew_button.clicked.connect(self.begin_anew)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Corrected before:"), 1)
        row.addWidget(self.restore_button)
        row.addWidget(self.anew_button)
        self.hide()

    def offer(self, source: Source | None, open_now: Session | None) -> bool:
        """Offer the corrections of ``source``, if there are any that are not open; return whether."""
        mine = None if open_now is None else open_now.source
        found = (
            source is not None
            and not (mine is not None and mine.key == source.key)
            and has_session(journal_folder(source))
        )
        self._offered = source if found else None
        self.setVisible(found)
        return found

    def keep(self, session: Session) -> None:
        """Write every edit to the disk from now on, if the image is a file."""
        self.close_journal()
        if session.source is None:
            return
        try:
            self.journal = Journal(session, journal_folder(session.source))
        except InputError as error:
            self._tell(f"{error} Corrections are kept in memory only.")
            return
        self.journal.failed.connect(self._tell)

    def close_journal(self) -> None:
        """Write no more; what was written stays."""
        if self.journal is not None:
            self.journal.close()
            self.journal = None

    def restore(self) -> None:
        """Open the corrections that are offered."""
        source = self._offered
        if source is None:
            return
        try:
            picture = self._picture()
            session = restore(journal_folder(source), picture.rgb, source=source)
        except InputError as error:
            self._tell(str(error))
            return
        self._withdraw()
        self.restored.emit(session, picture)
        steps = len(session.history.done)
        self._tell(
            " ".join([f"Restored {len(session.ids)} regions and {steps} steps.", *session.notes])
        )

    def begin_anew(self) -> None:
        """Leave the corrections on the disk alone, and begin anew with the next run."""
        if self._offered is not None:
            try:
                aside = put_aside(journal_folder(self._offered))
            except InputError as error:
                self._tell(str(error))
                return
            self._tell(f"The former corrections lie in {str(aside)!r} now.")
        self._withdraw()

    def _withdraw(self) -> None:
        self._offered = None
        self.hide()
