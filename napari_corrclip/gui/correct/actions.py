"""The actions of correct mode, one for each of its keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from psygnal import Signal
from qtpy.QtWidgets import QMessageBox

from napari_corrclip.annotation import Edited
from napari_corrclip.errors import InputError
from napari_corrclip.gui.canvas.outlines import Shown
from napari_corrclip.gui.correct.correcting import DIGITS, Correcting, Tool
from napari_corrclip.gui.correct.naming import ask_name
from napari_corrclip.gui.correct.peeking import Peeking
from napari_corrclip.gui.correct.review import Review
from napari_corrclip.gui.correct.splitting import Splitting
from napari_corrclip.gui.correct.spreading import Spreading
from napari_corrclip.gui.correct.sweeping import Sweeping
from napari_corrclip.gui.widgets import question
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count

SIMILAR = 5
"""Regions that one press of F adds."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A class's key that was pressed: what it assigns when it is let go, if nobody swept meanwhile."""

    name: str
    targets: tuple[int, ...]
    refusal: InputError | None


class Actions:
    """The decisions on the targets, and the tools that the keys switch.

    All but those that say so raise :class:`InputError` where there is no target.

    Attributes:
        ask_teachers: is given a region of which one wants to know what taught it its class.
        beside: returns changed classes with values that no other class of the set has.
        ask_like: is given a region whose like is looked for in all images.

    Signals (psygnal):
        find_asked: a class is to be found: the title, the names, and who takes the name.
        class_made: a class was made of examples: the vocabulary before, and after.
    """

    find_asked = Signal(str, tuple, object)
    class_made = Signal(object, object)

    def __init__(
        self,
        correcting: Correcting,
        review: Review,
        splitting: Splitting,
        spreading: Spreading,
        peeking: Peeking,
        sweeping: Sweeping,
    ) -> None:
        self.review = review
        self.splitting = splitting
        self.peeking = peeking
        self._correcting = correcting
        self._session = correcting.session
        self._spreading = spreading
        self.sweeping = sweeping
        self._held: _Held | None = None
        self.ask_teachers: Callable[[int], object] = self._no_teachers
        self.beside: Callable[[Vocabulary, Vocabulary], Vocabulary] = lambda _, after: after
        self.ask_like: Callable[[int], object] = self._no_others

    def toggle_outlines(self) -> None:
        """Outline regions, or none but the selected ones; needs no target."""
        shown = self._correcting.outlines.shown
        self._show_outlines(replace(shown, any=not shown.any))

    def toggle_undecided(self) -> None:
        """Outline what was decided alone, or all; needs no target."""
        shown = self._correcting.outlines.shown
        self._show_outlines(replace(shown, any=True, decided_only=not shown.decided_only))

    def toggle_class(self) -> None:
        """Outline the class of the first target alone, or all; to come back it needs no target."""
        shown = self._correcting.outlines.shown
        value = None
        if shown.of_class is None:
            value = self._session.region(self._correcting.targets()[0]).value
        self.outline_class(value)

    def outline_class(self, value: int | None) -> None:
        """Outline a class alone, by its label value, or all; needs no target."""
        self._show_outlines(replace(self._correcting.outlines.shown, any=True, of_class=value))

    def _show_outlines(self, shown: Shown) -> None:
        self._correcting.outlines.show(shown)
        if not shown.any:
            self._correcting.say("No outlines; press O to see them again.")
            return
        what = "Decided regions" if shown.decided_only else "Regions"
        of_class = shown.of_class
        if of_class is not None:
            words = self._session.vocabulary
            known = of_class in words.values
            what += f" of {words.by_value(of_class).name!r}" if known else " of no class"
        alone = shown.decided_only or of_class is not None
        self._correcting.say(
            f"{what} alone are outlined." if alone else "All regions are outlined."
        )

    def escape(self) -> None:
        """Take the stroke back that is being drawn, else put the tool down, else select nothing."""
        if self.sweeping.under_way:
            self.sweeping.give_up()
        elif self._correcting.tool is not None:
            self._correcting.take(None)
            self._correcting.say("A drag moves the image again.")
        else:
            self._correcting.select(())

    def lasso(self) -> None:
        """Take the lasso, or put it down; needs no target."""
        on = self._correcting.tool is not Tool.LASSO
        self._correcting.take(Tool.LASSO if on else None)
        self._correcting.say_for_now(
            "A drag draws around what it selects; with Shift it adds, with Ctrl+Shift it takes out."
            if on
            else "A drag moves the image again."
        )

    def select_similar(self) -> None:
        """Add the regions most like the first of the selection; encode the image first, where it is not."""
        chosen = self._correcting.targets()
        comes = self._correcting.encode("similar regions", lambda: self._selected_similar(chosen))
        if comes:
            self._correcting.select(chosen)  # which is seen, and waits
            self._correcting.say(comes)
        else:
            self._add_similar(chosen)

    def _selected_similar(self, chosen: list[int]) -> None:
        """Add them now that the image is encoded, if they are still waited for."""
        if list(self._correcting.selection) == chosen:
            self._add_similar(chosen)

    def _add_similar(self, chosen: list[int]) -> None:
        undecided = [row.id for row in self._session.rows() if row.verdict is None]
        among = [region for region in undecided if region not in chosen]
        more = self._session.similar(chosen[0], SIMILAR, among=among) if among else []
        self._correcting.select([*chosen, *more])
        self._correcting.say_for_now(
            f"{len(self._correcting.selection)} regions are selected, "
            f"{len(more)} of them for likeness{'' if self._session.engine else ' of colours'}."
        )

    def assign(self, digit: str) -> None:
        """Assign the class of a digit key at once."""
        self.hold(digit)
        self.let_go()

    def hold(self, digit: str) -> None:
        """Assign the class of a digit key when that is let go; with a drag meanwhile, sweep it."""
        name = self._named(digit)
        if name is not None:
            self.hold_class(name)

    def hold_class(self, name: str) -> None:
        """Assign a class when its key is let go; with a drag meanwhile, sweep it.

        The targets are those of now: where somebody types fast, the next key moves on before this one is up.
        """
        try:
            self._held = _Held(name, tuple(self._correcting.targets()), None)
        except InputError as error:
            self._held = _Held(name, (), error)
        self.sweeping.held = name

    def let_go(self) -> None:
        """Do what the key of a class is for, which is up again, or which another key follows."""
        held, self._held = self._held, None
        swept = self.sweeping.held is None  # by a stroke that has begun
        self.sweeping.held = None
        if held is None or swept:
            return
        if held.refusal is not None:
            self._correcting.say_for_now(held.refusal)
        else:
            self._decide(lambda: self._session.assign(held.targets, held.name))

    def spread(self, digit: str) -> None:
        """Assign the class of a digit key to the whole patch around the targets."""
        name = self._named(digit)
        if name is not None:
            self.spread_class(name)

    def spread_class(self, name: str) -> None:
        """Assign a class to the whole patch around the targets."""
        self._decide(lambda: self._spreading.assign(self._correcting.targets(), name))

    def find(self) -> None:
        """Ask for the name of a class, and assign it."""
        targets = self._correcting.targets()
        self._ask("assign to", targets, lambda name: self._session.assign(targets, name))

    def find_to_spread(self) -> None:
        """Ask for the name of a class, and spread it."""
        targets = self._correcting.targets()
        self._ask("spread from", targets, lambda name: self._spreading.assign(targets, name))

    def _ask(self, verb: str, targets: list[int], edit: Callable[[str], Edited]) -> None:
        regions = f"{len(targets)} regions" if len(targets) > 1 else f"region {targets[0]}"
        self.find_asked.emit(
            f"Class to {verb} {regions}",
            self._session.vocabulary.names,
            lambda name: self._decide(lambda: edit(name)),
        )

    def accept(self) -> None:
        """Accept the predicted class, and go on to the next region of the queue."""
        accept = self._session.accept
        if self._correcting.perform(lambda: accept(self._correcting.targets())) is not None:
            self.review.next()

    def ignore(self) -> None:
        """Leave the targets out."""
        self._decide(lambda: self._session.ignore(self._correcting.targets()))

    def undecide(self) -> None:
        """Take back what was decided on the targets and painted in them."""
        self._correcting.perform(lambda: self._session.undecide(self._correcting.targets()))

    def runner_up(self) -> None:
        """Assign the likeliest class besides the predicted one, to each region its own."""

        def work() -> Edited:
            targets = self._correcting.targets()
            edited, made = Edited(""), False
            with self._session.step(f"Runner-up of {count(len(targets), 'region')}"):
                for region in targets:
                    edited = self._session.assign(region, self.review.queue.runner_up(region))
                    made = made or edited.made
            title = f"Assign the runner-up to {count(len(targets), 'region')}"
            return replace(edited, title=title, made=made)

        self._decide(work)

    def new_class(self) -> None:
        """Ask for the name of a class, and make it of the targets as its examples, without any prompt."""
        targets = self._correcting.targets()
        name = ask_name(self._correcting.host, len(targets), self._session.vocabulary.names)
        if name:
            self._correcting.perform(lambda: self._made_of(name, targets))

    def _made_of(self, name: str, targets: list[int]) -> Edited:
        before = self._session.vocabulary
        made = self._session.new_class(name, targets, beside=self.beside)
        self.class_made.emit(before, self._session.vocabulary)
        note = "What you decide finds it."
        return replace(made, notes=(*made.notes, note))

    def teachers(self) -> None:
        """Show the verdicts that taught a region its class."""
        self.ask_teachers(self._correcting.targets()[0])

    def _no_teachers(self, _region: int) -> None:
        self._correcting.say_for_now(
            "Images of a project have a lesson, which knows what taught it; open a folder for one."
        )

    def more_like_this(self) -> None:
        """List the regions of all images that look most like a region."""
        self.ask_like(self._correcting.targets()[0])

    def _no_others(self, _region: int) -> None:
        self._correcting.say_for_now(
            "Other images are searched where they are a project; open a folder. F adds similar ones."
        )

    def merge(self) -> None:
        """Make one region of the selected ones."""
        self._correcting.perform(lambda: self._session.merge(self._correcting.targets()))

    def split_parts(self) -> None:
        """Split a region into its connected parts."""
        self._correcting.perform(lambda: self._session.split(self._correcting.targets()[0]))

    def revote(self) -> None:
        """Let the selected regions vote anew, or all undecided ones where none is selected.

        Asks before verdicts are taken back.
        """
        perform, session = self._correcting.perform, self._session
        selection = list(self._correcting.selection)
        rows = [session.region(region) for region in selection]
        decided = [row.id for row in rows if row.verdict is not None]
        if not decided:
            perform(lambda: session.revote(selection or "undecided"))
            return
        box = question(
            self._correcting.host,
            "Re-vote",
            f"{len(decided)} of the {len(rows)} selected regions {'is' if len(decided) == 1 else 'are'} "
            "decided. Take these decisions back and vote anew?",
        )
        every = box.addButton("Take back and re-vote", QMessageBox.ButtonRole.AcceptRole)
        rest = [row.id for row in rows if row.verdict is None]
        others = box.addButton("Only the undecided", QMessageBox.ButtonRole.ActionRole)
        assert others is not None
        others.setEnabled(bool(rest))
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.exec()
        answer = box.clickedButton()
        if answer is every:
            perform(lambda: session.revote(selection, overrule=True))
        elif answer is others:
            perform(lambda: session.revote(rest))

    def _named(self, digit: str) -> str | None:
        """Return the class of a digit key; says so where there is none."""
        index = DIGITS.index(digit)
        names = self._session.vocabulary.names
        if index < len(names):
            return names[index]
        self._correcting.say_for_now(f"There is no class {digit}; there are {len(names)}.")
        return None

    def _decide(self, action: Callable[[], Edited]) -> None:
        """Perform a decision, and go on where the queue is being walked."""
        reviewing = self.review.on
        if self._correcting.perform(action) is not None and reviewing:
            self.review.next()
