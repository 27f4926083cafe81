"""A row that offers the corrections that are kept of an image, to go on with or to put aside."""

from __future__ import annotations

import time

from psygnal import Signal
from qtpy import QtCore
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_corrclip.annotation import Source
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture, neighbours, shows_plane
from napari_corrclip.gui.session.loading import ask_to_leave
from napari_corrclip.gui.widgets import Label, button, combo, give_room_back, is_sure, set_tip
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.gui.work.restoring import (
    Belongs,
    OfOther,
    Restored,
    Unproven,
    belonging_steps,
)
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.with_images import InMemory
from napari_corrclip.gui.work.workspace import Offer, Workspace
from napari_corrclip.images.boxes import Box
from napari_corrclip.wording.amounts import count

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
"""Python's own names follow a language that Qt sets."""

GONE = "Their image is in the viewer no more, so they cannot be kept with it. "
OFFERED = "This image was corrected before: Restore goes on with it, or Start over."
OF_OTHER = "Corrections of another image are kept here."


class RestoreBar(QWidget):
    """The row that offers what the workspace keeps of the chosen image; hidden where that is nothing.

    Args:
        workspace: has the sessions.
        image: the choice of the image.
        controller: reads in the thread.
        tell: is given a sentence.

    Attributes:
        parts: the parts of the image whose corrections are offered.
        found: says how many corrections, and of when.

    Signals (psygnal):
        restored: the :class:`Session` and its :class:`Picture`, read from the disk.
        taken_up: a session that was kept in memory.
        shown: whether the row is to be seen now; before it comes, and after it went.
    """

    restored = Signal(object, object)
    taken_up = Signal(InMemory)
    shown = Signal(bool)
    # What a journal tells from its thread is said in the widget's.
    _failed = QtCore.Signal(str)  # type: ignore[attr-defined]

    def __init__(
        self,
        workspace: Workspace,
        image: ImagePanel,
        controller: Controller,
        tell: Tell,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._image = image
        self._controller = controller
        self._tell = tell
        self._asked: tuple[Source | None, Picture | None] = None, None
        workspace.found.connect(self._found)
        self._failed.connect(self._say_failed)
        workspace.failed.connect(self._failed.emit)
        # A job of its own would end what runs.
        controller.busy.connect(lambda busy: self.setEnabled(not busy))
        self.parts = combo([], "Which part of the image")
        self.parts.setAccessibleName("Part that was corrected before")
        self.restore_button = button("Restore", "Go on where this image was left")
        self.restore_button.clicked.connect(self.restore)
        self.anew_button = button(
            "Start over (keeps the old one)",
            "Put the former corrections aside; they stay on the disk",
        )
        self.anew_button.clicked.connect(self.begin_anew)
        self.go_button = button(
            "Go there", "Show the image that the corrections are of, and open them"
        )
        self.go_button.clicked.connect(self.go)
        self._elsewhere: tuple[Picture, Belongs] | None = None
        self.found = Label()
        self._offers: list[Offer] = []
        self.parts.currentIndexChanged.connect(self._describe)
        row = QHBoxLayout()
        row.addWidget(self.restore_button, 1)
        row.addWidget(self.anew_button)
        row.addWidget(self.go_button)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.found)
        rows.addWidget(self.parts)
        rows.addLayout(row)
        self._show_elsewhere(None)

    def offer(self, source: Source | None, picture: Picture | None) -> None:
        """Offer what is kept of an image and its parts and is not open.

        Args:
            source: the image's file, whose parts are looked for on the disk.
            picture: the image, of whose plane those in memory are looked for.
        """
        elsewhere = self._elsewhere
        here = elsewhere is not None and picture is not None and picture.same_as(elsewhere[0])
        if here and self._workspace.session is None:
            return  # it is still to be seen where they belong
        self._show_elsewhere(None)
        offers = self._workspace.offers(source, picture)
        self.parts.clear()
        self._offers = offers
        for offer in offers:
            in_memory = ", in memory" if isinstance(offer.kept, InMemory) else ""
            self.parts.addItem(f"{box_name(offer.part)}{in_memory}", offer.kept)
        asked = [offer.asked for offer in offers]
        if True in asked:
            self.parts.setCurrentIndex(len(asked) - 1 - asked[::-1].index(True))
        cut = any(offer.part is not None for offer in offers)
        self.parts.setVisible(cut or len(offers) > 1)
        self._show(bool(offers))
        self._asked = source, picture
        if source is not None and picture is not None and not picture.where:
            # What lies in no image's place may be of this one, by its pixels.
            parts = self._workspace.parts_to_look_at(source)
            self._workspace.look_for(self._image.picture_for(part) for part in parts)

    def _show(self, on: bool) -> None:
        if on:
            self.shown.emit(True)  # others make room first
        self.setVisible(on)
        if not on:
            give_room_back(self)
            self.shown.emit(False)

    def _found(self) -> None:
        """Offer what a look at the pixels has found of the image that is still chosen."""
        hidden = self.isHidden()
        self.offer(*self._asked)
        idle = self._workspace.session is None and not self._controller.running
        if hidden and idle and not self.isHidden():
            self._tell(OFFERED)

    def _describe(self, number: int) -> None:
        """Say what there is of the part that is chosen."""
        offer = self._offers[number] if 0 <= number < len(self._offers) else None
        self.found.setText("" if offer is None else described(offer))
        in_memory = offer is not None and isinstance(offer.kept, InMemory)
        stay = (
            "they stay in memory until napari is closed" if in_memory else "they stay on the disk"
        )
        set_tip(self.anew_button, f"Put the former corrections aside; {stay}")

    def _say_failed(self, sentence: str) -> None:
        self._tell(sentence)

    def restore(self) -> None:
        """Open the corrections that are offered."""
        kept: Source | InMemory | None = self.parts.currentData()
        if kept is None:
            return
        if isinstance(kept, InMemory):
            if not self._may_leave(kept.picture):
                return
            self._withdraw()
            self._tell("Here is what was corrected before.")
            self.taken_up.emit(kept)
            return
        try:
            picture = self._image.picture_for(kept)
            if picture.source is None:
                raise InputError(
                    f"The layer {picture.name!r} does not show its file any more; open "
                    f"{kept.path!r} again to restore its corrections."
                )
        except InputError as error:
            self._tell(error)
            return

        self._open(picture, kept)

    def _may_leave(self, picture: Picture) -> bool:
        """Ask whether what is open is left, where it is in memory only and its image is gone."""
        layers = self._image.viewer.layers
        lost = self._workspace.steps_lost_by(picture, layers, replaced=False)
        if not lost or ask_to_leave(self, lost, "Restore corrections", "Restore", GONE):
            return True
        self._tell("Nothing was restored; what is corrected is as it was.")
        return False

    def _open(self, picture: Picture, kept: Source, *, asked: bool = False) -> None:
        def done(found: Restored) -> None:
            if isinstance(found, Unproven):
                if is_sure(self, "Restore corrections", found.sentence, "Restore"):
                    self._open(picture, kept, asked=True)
                return
            if isinstance(found, OfOther):
                self._withdraw()
                others = neighbours(picture, found.box)
                self._controller.work(
                    belonging_steps(picture, others, found),
                    lambda belongs: self._tell_of_shown(picture, belongs),
                )
                return
            if found is None:
                self._tell("Nothing is kept of this image any more.")
                return
            session = found
            if not shows_plane(picture, self._image.viewer):
                self._tell(f"The slider has left {picture.title}; move it back, and restore again.")
                return
            if not self._may_leave(picture):
                return
            self._withdraw()
            steps = len(session.history.done)
            self._tell(
                " ".join(
                    [
                        f"Restored {len(session.ids)} regions and {count(steps, 'step')}.",
                        *session.notes,
                    ]
                )
            )
            # After that sentence: what goes wrong with opening it is to be read.
            self.restored.emit(session, picture)

        self._controller.work(self._workspace.restore_steps(picture, kept, asked=asked), done)

    def _tell_of_shown(self, picture: Picture, belongs: Belongs) -> None:
        """As :meth:`tell_belonging`, if its plane is shown still."""
        if shows_plane(picture, self._image.viewer):
            self.tell_belonging(picture, belongs)
        else:
            self._tell(Said(belongs.sentence, Kind.WARNING))

    def tell_belonging(self, picture: Picture, belongs: Belongs) -> None:
        """Say which image corrections are of that were kept in the place of another, and offer it.

        Args:
            picture: in whose place they lay.
            belongs: which image they are of.
        """
        self._tell(Said(belongs.sentence, Kind.WARNING))
        if belongs.picture is not None or belongs.path:
            self._show_elsewhere((picture, belongs))

    def offer_unproven(self, picture: Picture) -> None:
        """Offer corrections that are opened only if a person says that they are of a plane."""
        self.offer(picture.source, picture)

    def go(self) -> None:
        """Show the image that the corrections are of, and open them there."""
        if self._elsewhere is None:
            return
        _, belongs = self._elsewhere
        self._show_elsewhere(None)
        if belongs.picture is None:
            try:
                self._image.open_file(belongs.path)
                here = self._image.source()
                if here is not None:
                    # Its pixels say where they lie now.
                    part = here.part(belongs.box)
                    self._open(self._image.picture_for(part), part)
            except InputError as error:
                self._tell(error)
            return
        picture = belongs.picture
        self._image.show_picture(picture)
        if self._workspace.image is picture.layer or picture.source is None:
            return  # what comes with the plane is opened by its slider
        self._open(picture, picture.source)

    def _show_elsewhere(self, elsewhere: tuple[Picture, Belongs] | None) -> None:
        self._elsewhere = elsewhere
        there = elsewhere is not None
        if there:
            self.found.setText(OF_OTHER)
        else:
            self._describe(self.parts.currentIndex())
        self.go_button.setVisible(there)
        for offered in (self.restore_button, self.anew_button):
            offered.setVisible(not there)
        if there:
            self.parts.hide()
        self._show(there or self.parts.count() > 0)

    def begin_anew(self) -> None:
        """Leave the corrections on the disk alone, and start over with the next run."""
        kept: Source | InMemory | None = self.parts.currentData()
        if isinstance(kept, InMemory):
            self._workspace.set_aside(kept)
            self._tell(
                "Started over; what was corrected before stays in memory, and is asked about when napari "
                "is closed."
            )
            self._withdraw()
            return
        if kept is None:
            return
        try:
            aside = self._workspace.decline(kept)
        except InputError as error:
            self._tell(error)
            return
        if aside:
            self._tell(aside)
        self._withdraw()

    def _withdraw(self) -> None:
        """Offer no more what was chosen; other parts stay offered."""
        number = self.parts.currentIndex()
        del self._offers[number : number + 1]
        self.parts.removeItem(number)
        self._describe(self.parts.currentIndex())
        self._show(self.parts.count() > 0)


def described(offer: Offer) -> str:
    """Say how much is kept and since when: "21 corrections of 27 Nov, 20:47"."""
    corrections = count(offer.steps, "correction") if offer.steps else "labelled, not corrected,"
    if offer.changed is None:
        return f"{corrections} in memory"
    at, now = time.localtime(offer.changed), time.localtime()
    year = "" if at.tm_year == now.tm_year else f" {at.tm_year}"
    month = MONTHS[at.tm_mon - 1]
    return f"{corrections} of {at.tm_mday} {month}{year}, {at.tm_hour:02}:{at.tm_min:02}"


def box_name(box: Box | None) -> str:
    """Say which part of an image a box is."""
    if box is None:
        return "whole image"
    top, left, bottom, right = box
    return f"rows {top}–{bottom - 1}, columns {left}–{right - 1}"
