"""The lesson of a set beside the image that is open: what is decided there teaches it, and it is shown.

It begins when an image is opened and is kept when that is left. In between nothing changes but at a refresh:
before the next region of the queue is chosen, once a few regions were looked at.
"""

from __future__ import annotations

from collections.abc import Callable

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.learning import Learning, Lookout
from napari_corrclip.errors import InputError
from napari_corrclip.gui.correct import CorrectMode
from napari_corrclip.gui.project.lesson_words import learnt, name_of
from napari_corrclip.gui.project.review import Review
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.learning.store import DEFAULT, Switch
from napari_corrclip.project.project import Project
from napari_corrclip.project.records import ItemState
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

LOOKS, FEW_LOOKS = 5, 3
"""Verdicts after which is learnt, and those of an image of few regions."""
FEW = 40
"""Regions under which an image has few."""
DONE = (ItemState.VERIFIED, ItemState.SKIPPED)
"""The states of images that nothing but a person's own decision changes any more."""
UNTAUGHT = "Show the networks' own"


class Teaching:
    """The lesson of the open image.

    Args:
        review: has the project and the image.
        mode: returns the tools of the open session; ``None``: there are none.
        tell: is given a sentence.

    Attributes:
        session: of the open image; ``None``: none is open.
        learning: of the open image; ``None``: none is open, or it cannot teach.
        why_not: why the open image teaches nothing; empty: it does, or none is open.
        last: the last look at what was learnt; ``None``: there was none.
        offered: what would change, until a person says so; ``None``: nothing.
        switch: whether what was learnt is shown.
        region: the one that is selected; ``None``: none or several are.

    Signals (psygnal):
        changed: any of these may be others.
        asked: a region of which one wants to know what taught it its class.
        like_asked: a region whose like is looked for in all images.
    """

    changed = Signal()
    asked = Signal(int)
    like_asked = Signal(int)

    def __init__(self, review: Review, mode: Callable[[], CorrectMode | None], tell: Tell) -> None:
        self._review, self._mode, self._tell = review, mode, tell
        self.learning: Learning | None = None
        self.why_not = self._told_why = ""
        self.last: Lookout | None = None
        self.offered: Lookout | None = None
        self._offer: Lookout | None = None  # as it was found
        self.switch: Switch = DEFAULT
        self._was: Switch | None = None  # the switch, before it was turned off
        self.region: int | None = None
        self._to_select: tuple[str, int] | None = None
        self.session: Session | None = None
        self._looks = 0
        self._walks = False  # through what is offered
        self._anew = False  # whether the words or the run are others than those that teach
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._refresh_unwalked)
        review.opened.connect(self._opened)

    # -- an image is opened, and left

    def _opened(self, project: Project | None) -> None:
        self._read_switch(project)
        self.changed.emit()

    def _read_switch(self, project: Project | None) -> None:
        """Know how the switch is set; whoever else has the project open may have turned it."""
        try:
            self.switch = DEFAULT if project is None else project.lesson.switch
        except InputError as error:
            self._tell(error)

    def begin(self, session: Session) -> str:
        """Let the image that was just opened teach, and show what was learnt before; return what to tell."""
        self._let_go()
        project, record, mode = self._review.project, self._review.shown_whole, self._mode()
        if project is None or record is None or mode is None or project.read_only:
            return ""
        self._read_switch(project)
        self.session = session
        session.timeline.recorded.connect(self._recorded)
        mode.review.before_next = self._refresh_if_due
        mode.review.before_refresh = self.refresh
        mode.review.hint = self.hint
        mode.actions.ask_teachers = self.ask
        mode.actions.ask_like = self.like_asked.emit
        mode.correcting.selected.connect(self._selected)
        wanted, self._to_select = self._to_select, None
        if wanted is not None and wanted[0] == record.name:
            mode.select([wanted[1]])
        if not self._learn():
            self.changed.emit()
            news, self._told_why = self.why_not != self._told_why, self.why_not
            return self.why_not if news else ""  # and not with every image
        assert self.learning is not None  # it was begun
        told = ""
        try:
            # What was decided before a process was killed is in no sitting yet, and counts too.
            self.last = self.learning.look_out()
            if record.state not in DONE:
                if self._show(self.last):
                    told = f"Learnt: {count(len(self.last.regions), 'region')}."
                if self.offered is not None:
                    told = f"The lesson would change {count(len(self.offered.regions), 'region')}."
        except InputError as error:
            self._tell(error)
        self.changed.emit()
        return told

    def _learn(self) -> bool:
        """Begin to learn from the open session; return whether that could be."""
        project, record, session = self._review.project, self._review.shown_whole, self.session
        before, self.learning, self.why_not = self.learning, None, ""
        if project is None or record is None or session is None:
            return False
        try:
            self.learning = project.lesson.learn(session, record, before)
        except InputError as error:
            self.why_not = str(error)
            return False
        return True

    def leave(self) -> None:
        """Keep what was learnt of the image that is about to be left."""
        project, learning = self._review.project, self.learning
        if learning is not None and project is not None and not project.read_only:
            try:
                if not learning.fits and self._learn():
                    learning = self.learning
                if learning is not None and learning.fits:
                    project.lesson.finish(learning)
            except InputError as error:
                self._tell(error)
        self._let_go()
        self.changed.emit()

    def select(self, image: str, region: int) -> None:
        """Select a region of an image, now or when it is opened.

        Args:
            image: name of its item.
            region: id; one that is there no more is not selected.
        """
        record, mode = self._review.shown_whole, self._mode()
        if record is None or record.name != image or mode is None:
            self._to_select = image, region
        elif mode.session.find(region) is not None:
            mode.select([region])
            mode.review.show(region)

    def _selected(self, selection: tuple[int, ...]) -> None:
        self.region = selection[0] if len(selection) == 1 else None
        self.changed.emit()

    def ask(self, region: int | None = None) -> None:
        """Ask what taught a region its class; ``None``: that which is selected."""
        region = self.region if region is None else region
        if self.learning is None:
            self._tell(InputError(self.why_not or "No image that could teach is open."))
        elif region is not None:
            self.asked.emit(region)

    def let_go(self) -> None:
        """Keep what was learnt, and tell and touch nobody: the window is being deleted."""
        self.changed.disconnect()
        self.asked.disconnect()
        self.like_asked.disconnect()
        self._mode, self._tell = lambda: None, lambda _: None
        self.leave()

    def _let_go(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.timeline.recorded.disconnect(self._recorded)
        self._soon.stop()
        mode = self._mode()
        if mode is not None:
            mode.review.before_next = mode.review.before_refresh = lambda: None
            mode.review.hint = lambda _: ""
            mode.layers.outlines.offer(())
        self.region = None
        self.learning = self.last = self.offered = self._offer = None
        self.why_not = ""
        self._looks, self._walks, self._anew = 0, False, False

    @property
    def words(self) -> Vocabulary | None:
        """The classes of the open image; ``None``: none is open."""
        return None if self.session is None else self.session.vocabulary

    # -- the switch

    def turn(self, switch: Switch) -> None:
        """Turn the switch of the set, and have the open image follow."""
        project = self._review.project
        if project is None or switch == self.switch:
            return
        was = self.switch
        if not self._keep_switch(project, switch):
            self.changed.emit()
            return
        self._was = was if switch == "off" else None
        self._withdraw()
        if switch == "off":
            self._untaught()
        else:
            self.refresh()
        self.changed.emit()

    def _keep_switch(self, project: Project, switch: Switch) -> bool:
        """Set the switch of the set, and return whether that could be."""
        try:
            project.lesson.switch = switch
        except InputError as error:
            self._tell(error)
            return False
        self.switch = switch
        return True

    def _turn_along(self, kind: str) -> None:
        """Have the switch follow where a person undoes that it was turned off, or does it again."""
        project, switch = self._review.project, self._was if kind == "undo" else "off"
        if project is not None and switch is not None and switch != self.switch:
            was = self.switch
            if self._keep_switch(project, switch) and switch == "off":
                self._was = was

    def _untaught(self) -> None:
        """Show the networks' own opinion again."""
        session = self.session
        if session is None or self._is_done or session.state.evidence.taught is None:
            return
        session.teach(None, UNTAUGHT)
        self._tell(Said("The networks' own opinion is shown; what was learnt is kept.", Kind.DONE))

    # -- a refresh

    @property
    def _every(self) -> int:
        few = self.session is not None and len(self.session.ids) < FEW
        return FEW_LOOKS if few else LOOKS

    @property
    def _is_due(self) -> bool:
        return self._looks >= self._every

    @property
    def _is_done(self) -> bool:
        """Whether a person has said that the image is as it is to be."""
        project, record = self._review.project, self._review.shown_whole
        return project is None or record is None or project.item(record).state in DONE

    def _refresh_if_due(self) -> None:
        if self._is_due:
            self.refresh()

    def _refresh_unwalked(self) -> None:
        """Follow what was done to the session, where nobody walks through the queue."""
        mode = self._mode()
        if self._anew:
            self._anew = False
            if self.learning is None or not self.learning.fits:
                self._learn()
                self.changed.emit()
        if mode is None or mode.review.on or mode.splitting.on or mode.layers.drawing:
            return
        self._refresh_if_due()

    def refresh(self) -> None:
        """Learn from what has been decided by now; show what would change, or ask whether to."""
        self._looks = 0
        mode, learning, session = self._mode(), self.learning, self.session
        if self.switch == "off" or mode is None or session is None or learning is None:
            return
        told = ""
        try:
            if not learning.fits:
                if not self._learn() or self.learning is None:
                    self.changed.emit()
                    return
                learning = self.learning
            self.last = learning.look_out()
            if not self._is_done:
                told = self._show(self.last)
        except InputError as error:
            self._tell(error)
            return
        self._reorder(mode)
        self._tell_learnt(told)
        self.changed.emit()

    def _show(self, found: Lookout) -> str:
        """Show what was learnt, offer it, or neither, by the switch; return what is to be told of it."""
        self._withdraw()
        if self.switch == "on":
            return self._apply(found)
        if self.switch == "off":
            self._untaught()
        elif found.regions:
            self._offer = self.offered = found
            self._outline()
        return ""

    def _apply(self, found: Lookout) -> str:
        session, learning = self.session, self.learning
        if session is None or learning is None:
            return ""
        if not found.learnt and session.state.evidence.taught is None:
            return ""  # it would be a step at which nothing is seen
        learning.apply(found)
        return learnt(found, session.vocabulary) if found.regions else ""

    def _tell_learnt(self, told: str) -> None:
        session = self.session
        if told and session is not None:
            last = session.history.done[-1:]
            undo = (
                bool(last) and last[0].teaches
            )  # else Undo would take back what was decided after it
            self._tell(Said(told, Kind.DONE, undo=undo))

    def _reorder(self, mode: CorrectMode) -> None:
        """Order the queue by what is known now; what is walked through comes first."""
        mode.review.queue.reorder()
        if self._walks and self.offered is not None:
            mode.review.queue.bring(self.left_of_offer)

    # -- what is offered

    @property
    def left_of_offer(self) -> tuple[int, ...]:
        """The offered regions that nobody has decided since."""
        return () if self.offered is None else self.offered.regions

    def apply(self) -> None:
        """Show what is offered."""
        mode, offered = self._mode(), self.offered
        if mode is None or offered is None:
            return
        self._withdraw()
        try:
            told = self._apply(offered)
        except InputError as error:
            self._tell(error)
        else:
            self._reorder(mode)
            self._tell_learnt(told)
        self.changed.emit()

    def look(self) -> None:
        """Walk through what is offered, one region after another."""
        mode = self._mode()
        if mode is None or self.offered is None:
            return
        self._walks = True
        mode.review.queue.bring(self.left_of_offer)
        mode.review.next()

    def hint(self, region: int) -> str:
        """Return the name of the class that a region would be of by what is offered; empty: of none."""
        session, offered = self.session, self.offered
        if session is None or offered is None or region not in offered.regions:
            return ""
        value = offered.values[offered.regions.index(region)]
        return name_of(value, session.vocabulary)

    def _withdraw(self) -> None:
        """Offer nothing."""
        self.offered = self._offer = None
        self._outline()

    def _outline(self) -> None:
        mode = self._mode()
        if mode is not None:
            mode.layers.outlines.offer(self.left_of_offer)

    # -- what is done to the session

    def _recorded(self, kind: str, step: Step) -> None:
        if step.predicts:
            self._anew = True
            self._withdraw()
            self._soon.start()
            self.changed.emit()
            return
        if step.teaches:
            if kind in ("undo", "redo"):  # by the person, who has to go on before it is shown again
                self._looks = 0
                self._withdraw()
                if step.title == UNTAUGHT:
                    self._turn_along(kind)
                self.changed.emit()
            return
        if kind == "do" and _is_look(step):
            self._looks += 1
            self._soon.start()
        if self._offer is not None and self.learning is not None:
            self.offered = self.learning.what_is_left(self._offer)
            if self.offered.regions:
                self._outline()
            else:
                self._walks = False
                self._withdraw()
            self.changed.emit()


def _is_look(step: Step) -> bool:
    """Whether somebody decided about a region that they saw."""
    return any(
        swap.new is not None and swap.new.looked
        for change in step.changes
        for swap in change.verdicts.values()
    )
