"""Corrections that outlive the viewer: written with every edit, and offered when the image comes back."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from qtpy import QtCore
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_corrclip.annotation import Journal, Session, SessionStore, Source
from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.contrast import BEFORE, Contrast
from napari_corrclip.gui.image.picture import Picture, Stretches
from napari_corrclip.gui.layers.session_layers import Tell
from napari_corrclip.gui.session.kept import Held, release
from napari_corrclip.gui.widgets import Label, button, combo
from napari_corrclip.images.boxes import Box
from napari_corrclip.progress import Progress, Steps

Work = Callable[[Steps[Any], Callable[[Any], object]], object]
"""Does steps in the thread, and calls back with what they return."""


class Keeper(QWidget):
    """The row that offers the corrections on the disk, and keeps those of the open session there.

    Args:
        tell: is given a sentence.
        picture: returns what a source is, of the chosen layer.
        work: does what takes long.

    Attributes:
        journal: of the session that is open.
        parts: the parts of the image whose corrections are offered.

    Signals (psygnal):
        restored: the :class:`Session` and its :class:`Picture`.
        taken_up: a session that was kept in memory.
    """

    restored = Signal(object, object)
    taken_up = Signal(Held)
    # What a journal tells from its thread is said in the widget's.
    _failed = QtCore.Signal(str)  # type: ignore[attr-defined]

    def __init__(
        self,
        tell: Tell,
        picture: Callable[[Source], Picture],
        work: Work,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._tell = tell
        self._failed.connect(self._say_failed)
        self._picture = picture
        self._work = work
        self.journal: Journal | None = None
        # The session whose journal was closed last, with its last step.
        self._wrote: tuple[Callable[[], Session | None], list[Step]] = (lambda: None), []
        self.parts = combo([], "Which part of the image")
        self.restore_button = button("Restore", "Go on where this image was left")
        self.restore_button.clicked.connect(self.restore)
        self.anew_button = button(
            "Begin anew", "Put the former corrections aside; they stay on the disk"
        )
        self.anew_button.clicked.connect(self.begin_anew)
        row = QHBoxLayout()
        row.addWidget(Label("Corrected before:"), 1)
        row.addWidget(self.restore_button)
        row.addWidget(self.anew_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addLayout(row)
        rows.addWidget(self.parts)
        self.hide()

    def offer(
        self,
        source: Source | None,
        open_now: Session | None,
        held: Sequence[Held] = (),
        asked: Picture | None = None,
    ) -> bool:
        """Offer what is kept of an image and its parts and is not open.

        Args:
            source: the image's file, whose parts are looked for on the disk.
            open_now: the session that is open.
            held: what is kept of it in memory.
            asked: what is about to be run on.

        Returns:
            Whether ``source`` itself, or ``asked``, is among them.
        """
        mine = None if open_now is None or open_now.source is None else open_now.source.key
        parts = [] if source is None else SessionStore().parts(source)
        found = [part for part in parts if part.key != mine]
        self.parts.clear()
        for one in found:
            self.parts.addItem(part_name(one), one)
        keys = [one.key for one in found]
        at = keys.index(source.key) if source is not None and source.key in keys else -1
        for kept in held:
            self.parts.addItem(f"{box_name(kept.picture.box)}, in memory", kept)
            if asked is not None and kept.picture.same_as(asked):
                at = self.parts.count() - 1
        if at >= 0:
            self.parts.setCurrentIndex(at)
        cut = any(one.crop is not None for one in found) or any(one.picture.box for one in held)
        self.parts.setVisible(cut or self.parts.count() > 1)
        self.setVisible(self.parts.count() > 0)
        return at >= 0

    def keep(self, session: Session) -> None:
        """Write every edit to the disk from now on, if the image is a file."""
        self.close_journal()
        if session.source is None:
            return
        try:
            self.journal = SessionStore().journal(session, wait=False)
        except InputError as error:
            self._tell(f"{error} Corrections are kept in memory only.")
            return
        self.journal.failed.connect(self._failed.emit)

    def _say_failed(self, sentence: str) -> None:
        self._tell(sentence)

    def close_journal(self) -> bool:
        """Write no more; return whether everything was written."""
        journal, self.journal = self.journal, None
        if journal is None:
            return False
        journal.close()
        if journal.problem is not None:
            return False
        session = journal.session
        self._wrote = weakref.ref(session), session.history.done[-1:]
        return True

    def wrote(self, session: Session) -> bool:
        """Whether all of a session was on the disk when its journal was closed, and it is as it was then."""
        last, done = self._wrote
        return last() is session and session.history.done[-1:] == done

    def keeps(self, session: Session) -> bool:
        """Whether all of a session is on the disk."""
        journal = self.journal
        return journal is not None and journal.session is session and journal.problem is None

    def make_room(self, source: Source | None) -> str:
        """Put what is kept of an image aside, so that another session can be kept in its place.

        Returns:
            A sentence on where it lies now; empty where there was nothing.

        Raises:
            InputError: it cannot be put aside, and is as it was.
        """
        if source is None:
            return ""
        store, journal = SessionStore(), self.journal
        mine = None if journal is None or journal.folder != store.folder(source) else journal
        if mine is not None:
            self.close_journal()  # it may be about to write there for the first time
        if source not in store:
            return ""
        try:
            aside = store.put_aside(source)
        except InputError:
            if mine is not None:
                self.keep(mine.session)
            raise
        return (
            f"The former corrections lie in {str(aside)!r} now; Session > Load session… opens them."
        )

    def restore(self) -> None:
        """Open the corrections that are offered."""
        source: Source | Held | None = self.parts.currentData()
        if source is None:
            return
        if isinstance(source, Held):
            release(source)
            self._withdraw()
            self._tell("Here is what was corrected before.")
            self.taken_up.emit(source)
            return
        try:
            picture = self._picture(source)
            if picture.source is None:
                raise InputError(
                    f"The layer {picture.name!r} does not show its file any more; open "
                    f"{source.path!r} again to restore its corrections."
                )
        except InputError as error:
            self._tell(str(error))
            return

        def done(session: Session) -> None:
            self._withdraw()
            steps = len(session.history.done)
            self._tell(
                " ".join(
                    [f"Restored {len(session.ids)} regions and {steps} steps.", *session.notes]
                )
            )
            # After that sentence: what goes wrong with opening it is to be read.
            self.restored.emit(session, picture)

        self._work(restore_steps(picture, source), done)

    def begin_anew(self) -> None:
        """Leave the corrections on the disk alone, and begin anew with the next run."""
        source: Source | Held | None = self.parts.currentData()
        if isinstance(source, Held):
            release(source)
            self._tell("Begun anew; what was corrected before is in the layers only.")
            self._withdraw()
            return
        try:
            aside = self.make_room(source)
        except InputError as error:
            self._tell(str(error))
            return
        if aside:
            self._tell(aside)
        self._withdraw()

    def _withdraw(self) -> None:
        """Offer no more what was chosen; other parts stay offered."""
        self.parts.removeItem(self.parts.currentIndex())
        self.setVisible(self.parts.count() > 0)


def restore_steps(picture: Picture, source: Source) -> Steps[Session]:
    """Read a picture and the corrections that are kept of it."""
    return open_steps(picture, lambda rgb: SessionStore().restore(source, rgb))


def open_steps(
    picture: Picture, read: Callable[[NDArray[np.uint8] | None], Session]
) -> Steps[Session]:
    """Read a picture and a session of it, stretched as it was when the session was made.

    The session knows its pixels. One that does not know how they were stretched is looked for by what the
    dock did when none did. Where nothing gives those pixels, the picture stays as it is to be, and the
    session's notes tell that it has others.

    Args:
        picture: is read here, and kept as it was read.
        read: returns the session, with the image or without.
    """
    yield Progress("read the image", 0, 2)
    pixels = picture.read()
    yield Progress("read the corrections", 1, 2)
    session = read(pixels.rgb)
    now, then = picture.stretch, session.provenance.stretch
    if now and now != then:
        wanted = read(None).image_digest
        ways: Sequence[Contrast | Stretches] = BEFORE
        if then:
            ways = [then] if len(then) == len(now) else []
        for way in ways if wanted != session.image_digest else ():
            former = picture.read(way)
            if digest(former.rgb) == wanted:
                pixels, session = former, read(former.rgb)
                break
    picture.keep(pixels)
    return session


def part_name(source: Source) -> str:
    """Say which part of its image a source is."""
    return box_name(source.crop)


def box_name(box: Box | None) -> str:
    """Say which part of an image a box is."""
    if box is None:
        return "whole image"
    top, left, bottom, right = box
    return f"rows {top}–{bottom - 1}, columns {left}–{right - 1}"
