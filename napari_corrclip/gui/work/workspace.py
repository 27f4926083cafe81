"""The sessions of a dock: which is open, which are put away, which are kept on the disk.

No widget here, and no viewer: the workspace is asked and told, and tells by signals. What a person did is
in one of four places, and goes from one to the next without being in none:

========================  =======================================================================
open                      corrected now; every edit is in its journal, where the image is a file
of a plane, put away      read from its journal when the slider comes back, or else held in memory
kept with its image       in memory, where it is on no disk, and for as long as the image lives
on the disk               in its journal's folder, and offered whenever the image comes back
========================  =======================================================================
"""

from __future__ import annotations

import weakref
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_corrclip.annotation import Journal, Session, SessionStore, Source
from napari_corrclip.annotation.change import Step
from napari_corrclip.annotation.edits.predictions import Reassign
from napari_corrclip.annotation.encoded import EncodedImage
from napari_corrclip.annotation.encoded_cache import Kept
from napari_corrclip.annotation.files.log import Glance, glance
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.picture import Picture, picture_like, source_like
from napari_corrclip.gui.image.planes import Where
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.resolve import State
from napari_corrclip.gui.work.restoring import Restored, find_steps, stray_steps
from napari_corrclip.gui.work.with_images import InMemory, WithImages
from napari_corrclip.images.boxes import Box
from napari_corrclip.progress import Steps

Plane = tuple[Where, int, Box | None]
IN_MEMORY_ONLY = "Corrections are kept in memory only."


class Safety(Enum):
    """The safety of the open session; the value is what the window says."""

    SAVED = "saved ✓"
    WRITING = "saving …"
    MEMORY = "in memory only"


@dataclass(frozen=True, eq=False)
class Unread:
    """Corrections on the disk that are not read yet, which a thread is to do.

    Attributes:
        picture: what they are of.
        source: by which they are found.
    """

    picture: Picture
    source: Source


@dataclass(frozen=True, eq=False)
class Offer:
    """Former corrections that a person may go on with.

    Attributes:
        part: of the image; ``None``: all of it.
        kept: the source by which they are found on the disk, or the session in memory.
        asked: whether they are of the very part that was asked about.
        steps: how many corrections.
        changed: when the last was made, in seconds since 1970; ``None``: they are in memory.
    """

    part: Box | None
    kept: Source | InMemory
    asked: bool
    steps: int = 0
    changed: float | None = None


@dataclass(frozen=True, eq=False)
class Opened:
    """An event: a session is corrected from now on.

    Attributes:
        session: which one.
        picture: what it is of.
        arrived: whether it came with its plane, and not after a run or by a person's wish.
    """

    session: Session
    picture: Picture
    arrived: bool


@dataclass(frozen=True, eq=False)
class Left:
    """An event: a session is corrected no more.

    Attributes:
        session: which one.
        picture: what it is of.
        put_away: whether it comes back with its plane.
        on_disk: whether all of it is read from the disk when the image is gone on with.
    """

    session: Session
    picture: Picture
    put_away: bool
    on_disk: bool = False


@dataclass(frozen=True, eq=False)
class StackLeft:
    """An event: the planes of a stack come back by themselves no more.

    Attributes:
        image: the layer that they are planes of.
        planes: those that were in memory alone.
    """

    image: Any
    planes: tuple[InMemory, ...]


@dataclass(frozen=True, eq=False)
class _Looked:
    """A part of an image at whose pixels somebody has looked.

    Attributes:
        source: the part, as its file was.
        places: with which sessions they were compared.
        found: the one that is of them; ``None``: none is.
    """

    source: Source
    places: tuple[Path, ...]
    found: Path | None


class Workspace:
    """The owner of a dock's sessions.

    Args:
        store: where sessions are kept on the disk; ``None``: a person's.
        with_images: where those are kept that are on no disk; ``None``: those of this process.
        alone: those that a window keeps without their images, and asks about; shared by its docks.

    Attributes:
        session: the one that is open; ``None``: nothing is corrected.
        picture: what it is of.
        image: the layer whose planes are followed; ``None``: no stack is corrected.
        journal: of the open session; ``None``: it is on no disk.

    Signals (psygnal):
        leaving: the open session is about to be left; what is still to be done to it is done now.
        left: it was :class:`Left`.
        opened: one was :class:`Opened`.
        stack_left: :class:`StackLeft`.
        found: corrections that :meth:`look_for` has come upon; they are offered now.
        told: a sentence, an error's where it warns.
        failed: a sentence on what the journal cannot write; may come from its thread.
        kept: :attr:`safety` may be another one without an edit; may come from the journal's thread.
    """

    leaving = Signal(Session)
    left = Signal(Left)
    opened = Signal(Opened)
    stack_left = Signal(StackLeft)
    found = Signal()
    told = Signal(object)
    failed = Signal(str)
    kept = Signal()

    def __init__(
        self,
        store: SessionStore | None = None,
        with_images: WithImages | None = None,
        alone: list[InMemory] | None = None,
    ) -> None:
        self._store = SessionStore() if store is None else store
        self._with_images = WithImages.of_process() if with_images is None else with_images
        self.session: Session | None = None
        self.picture: Picture | None = None
        self.image: Any = None
        self.journal: Journal | None = None
        self._unwritten = ""  # why there is none of the open session
        self._like: Picture | None = None  # in the manner of which other planes are looked at
        self._planes: dict[Plane, InMemory] = {}
        self._alone = [] if alone is None else alone
        self._values: dict[str, int] = {}  # of classes on all planes, by name
        self._encoded: dict[
            Plane, tuple[str, Kept[EncodedImage]]
        ] = {}  # of planes that are on the disk
        self._declined: set[Path] = set()  # folders that somebody began anew beside
        self._looked: dict[str, _Looked] = {}  # by the part's key
        self._looking = Jobs()
        self._looked_at: list[tuple[Source, tuple[Path, ...]]] = []
        # The session that was read, or whose journal was closed, last, with its last step.
        self._wrote: tuple[weakref.ref[Session] | None, list[Step]] = None, []

    def use(self, store: SessionStore) -> None:
        """Have the sessions in another store from now on; nothing may be open."""
        self._store = store
        self._looked.clear()
        self._declined.clear()
        self._looking.drop()

    # -- open, leave

    def open(
        self, session: Session, picture: Picture, *, shown: bool = True, arrived: bool = False
    ) -> bool:
        """Correct ``session`` from now on, and write down what is done to it.

        Args:
            session: takes the place of the one that is open, which is left.
            picture: what it is of.
            shown: whether the viewer shows that plane; else it is kept for when it does, unless that
                would replace what a person decided there.
            arrived: see :class:`Opened`.

        Returns:
            Whether it is open, or kept for then.
        """
        if not shown:
            return self._keep_for_later(session, picture)
        self.leave()
        self.follow(picture)
        self.session, self.picture = session, picture
        self._write(session)
        self.opened.emit(Opened(session, picture, arrived))
        return True

    def leave(self) -> None:
        """Correct nothing any more; what is on no disk is kept with its image."""
        session, picture, written = self._let_go()
        if session is None or picture is None:
            return
        on_disk = written or self._is_written(session)
        if not on_disk:
            self._keep_in_memory(session, picture)
        self.left.emit(Left(session, picture, put_away=False, on_disk=on_disk))

    def put_away(self) -> None:
        """Correct nothing until the plane comes back."""
        session, picture, written = self._let_go()
        if session is None or picture is None:
            return
        self._like = picture
        self._note_values(session)
        if written:
            self._keep_encoded(session, picture)
        else:
            self._keep(session, picture)
        self.left.emit(Left(session, picture, put_away=True))

    def close(self) -> None:
        """Leave all; nothing is lost that is on the disk, or that was done to an image that stays."""
        self.leave()
        self.end_stack()
        self._looking.drop()

    def stop(self) -> None:
        """Write no more and tell nobody: who listened is being deleted."""
        for signal in (
            self.leaving, self.left, self.opened, self.stack_left, self.found, self.told, self.failed,
            self.kept,
        ):  # fmt: skip
            signal.disconnect()
        self._looking.drop()
        self.close_journal()

    @property
    def corrected(self) -> Session:
        """The session that is open.

        Raises:
            InputError: none is.
        """
        if self.session is None:
            raise InputError("There is no session yet; press Run, or restore one.")
        return self.session

    def is_open(self, picture: Picture) -> bool:
        """Whether the open session is of this image and part; its contrast may differ."""
        return self.picture is not None and self.picture.same_as(picture)

    def _let_go(self) -> tuple[Session | None, Picture | None, bool]:
        """Return what was open, and whether all of it is on the disk."""
        if self.session is not None:
            self.leaving.emit(self.session)
        written = self.close_journal()
        session, self.session = self.session, None
        picture, self.picture = self.picture, None
        return session, picture, written

    # -- the planes of a stack

    def follow(self, picture: Picture) -> None:
        """Follow the stack that ``picture`` is a plane of; another one is left."""
        image = picture.layer if picture.where else None
        if image is not self.image:
            self.end_stack()
        self.image, self._like = image, picture

    def end_stack(self) -> None:
        """Follow no stack; what its planes held in memory is kept with the image."""
        planes, self._planes = tuple(self._planes.values()), {}
        self._values.clear()
        self._encoded.clear()
        image, self.image = self.image, None
        if image is not None and planes:
            self.stack_left.emit(StackLeft(image, planes))
            for plane in planes:
                self._with_images.keep(plane.session, plane.picture)

    def comes_with(self, where: Where) -> InMemory | Unread | None:
        """Return what there is of a plane of the stack, to be opened now that it is shown.

        Of a file it may be that nothing is found when it is read.
        """
        if self.image is None or self._like is None or self.session is not None:
            return None
        for plane in [plane for plane in self._planes if plane[0] == where][-1:]:
            return self._planes[plane]
        source = source_like(self._like, where)
        if source is None:
            return None
        # What is kept in another place may be of this plane too, by its pixels.
        parts = self._store.parts(source) or [source.part(self._like.box)]
        chosen = next((part for part in parts if part.crop == self._like.box), parts[0])
        return Unread(picture_like(self._like, where, chosen.crop), chosen)

    def arrive(self, session: Session, picture: Picture) -> None:
        """Open what :meth:`comes_with` its plane; what was read anew finds its encoded image."""
        plane = _plane(picture)
        run, encoded = self._encoded.pop(plane, ("", None))
        if plane in self._planes and self._planes[plane].session is session:
            del self._planes[plane]
        elif encoded is not None and encoded.engine is not None and run == session.run_digest:
            session.engine = encoded.engine
        self.open(session, picture, arrived=True)

    def take_plane(
        self, session: Session, picture: Picture, problem: str | None, *, shown: bool
    ) -> None:
        """Take a plane that a run over the stack has finished, and open it if it is shown.

        Args:
            session: of the plane.
            picture: the plane.
            problem: why it could not be written; ``None``: it was, where it has a source.
            shown: whether the viewer shows it.
        """
        if shown and self.session is None:
            self.open(session, picture, arrived=True)
        elif session.source is None or problem is not None:
            self._planes[_plane(picture)] = InMemory(session, picture)
        else:
            self._keep_encoded(session, picture)

    def in_memory(self, pictures: Sequence[Picture]) -> set[Where]:
        """Return those planes of ``pictures``, all of the stack, of which a session is in memory."""
        planes = set(self._planes)
        if self.picture is not None and self.picture.layer is self.image:
            planes.add(_plane(self.picture))
        return {
            picture.where
            for picture in pictures
            if picture.layer is self.image and _plane(picture) in planes
        }

    @property
    def values(self) -> Mapping[str, int] | None:
        """The value of every class on the stack's planes, by name; ``None``: there is no stack."""
        if self.image is None:
            return None
        for session in (self.session, *(plane.session for plane in self._planes.values())):
            self._note_values(session)
        return dict(self._values)

    def _note_values(self, session: Session | None) -> None:
        for entry in () if session is None else session.vocabulary:
            self._values.setdefault(entry.name, entry.value)

    def _keep_for_later(self, session: Session, picture: Picture) -> bool:
        """Keep a session whose plane is not shown, unless that replaces what a person decided there."""
        if self.in_memory([picture]) or (
            session.source is not None and self._store.is_kept(session.source)
        ):
            self.told.emit(f"{picture.title} has corrections already; go there and run again.")
            return False
        self.follow(picture)
        self._keep(session, picture)
        self.told.emit(f"{picture.title} is segmented; move the slider there to correct it.")
        return True

    def _keep(self, session: Session, picture: Picture) -> None:
        """Keep a session that is not shown: in its journal, or else in memory."""
        if session.source is not None:
            try:
                self._store.journal(session).close()
            except InputError as error:
                self.told.emit(InputError(f"{error} {IN_MEMORY_ONLY}"))
            else:
                self._keep_encoded(session, picture)
                return
        self._planes[_plane(picture)] = InMemory(session, picture)

    def _keep_encoded(self, session: Session, picture: Picture) -> None:
        """Keep the encoded image of a plane whose session is read from the disk when it comes back."""
        self._note_values(session)
        engine = session.engine
        if engine is not None:
            self._encoded[_plane(picture)] = session.run_digest, session.timeline.cache.keep(engine)

    # -- what Run and other words are resolved by

    def state_for_run(
        self, picture: Picture, layers: Container[Any], answered: Reassign | None = None
    ) -> State:
        """Return the state beside a picture that is to be run on.

        Args:
            picture: which one.
            layers: those that are there, in the viewer.
            answered: what was said of classes that are about to go.
        """
        offers = self.offers(picture.source, picture)
        return replace(
            self._state(answered),
            same=self.is_open(picture),
            lost=self.steps_lost_by(picture, layers, replaced=False),
            offered=any(offer.asked for offer in offers),
        )

    def state_for_words(self, image: Any, answered: Reassign | None = None) -> State:
        """Return the state beside an image layer that is chosen while the words change.

        Args:
            image: which one, of whatever plane or part; ``None``: none is chosen.
            answered: what was said of classes that are about to go.
        """
        shown = self.picture
        same = shown is None or image is None or image is shown.layer
        return replace(self._state(answered), same=same, image=image is not None)

    def _state(self, answered: Reassign | None) -> State:
        name = "" if self.picture is None else self.picture.name
        return State(self.session, name=name, values=self.values, answered=answered)

    # -- what is offered

    def offers(self, source: Source | None, picture: Picture | None = None) -> list[Offer]:
        """Return the corrections of an image and its parts that are kept and not open.

        Args:
            source: the image's file, whose parts are looked for on the disk.
            picture: the image, of whose plane those in memory are looked for.
        """
        mine = None if self.session is None else self.session.source
        found = list[Offer]()
        if source is not None:
            for part in self._store.parts(source):
                declined = self._store.saved(part) in self._declined
                if not declined and (mine is None or part.key != mine.key):
                    seen = self._store.glance(part) or Glance(0, 0.0)
                    of_it = part.key == source.key
                    found.append(Offer(part.crop, part, of_it, seen.steps, seen.changed))
            found += self._strays(source, [offer.part for offer in found])
        if picture is None:
            return found
        return found + [
            Offer(
                kept.picture.box,
                kept,
                asked=kept.picture.same_as(picture),
                steps=len(kept.session.history.done),
            )
            for kept in self.kept_with(picture.layer)
            if kept.picture.where == picture.where
        ]

    def _strays(self, source: Source, offered: Sequence[Box | None]) -> list[Offer]:
        """Return the corrections of an image that were found by its pixels, and lie in no place of it."""
        mine = None if self.session is None else self.session.source
        found = list[Offer]()
        for looked in self._looked.values():
            part, place = looked.source, looked.found
            is_of = part.part(source.crop) == source
            if not is_of or part.crop in offered or place is None:
                continue
            seen = glance(place)
            if seen is not None and (mine is None or mine.key != part.key):
                asked = part.key == source.key
                found.append(Offer(part.crop, part, asked, seen.steps, seen.changed))
        return found

    def parts_to_look_at(self, source: Source) -> list[Source]:
        """Return the image and those crops of it that it may be worth to :meth:`look_for` corrections of."""
        return self._store.stray_parts(source)

    def look_for(self, pictures: Iterable[Picture]) -> None:
        """Look in a thread whether corrections that lie in no image's place are of some pictures.

        Their pixels are read only where there are such corrections of their size, and only once.
        """
        asked = list[tuple[Picture, Source, tuple[Path, ...]]]()
        for picture in pictures:
            source = picture.source
            if source is None or self.is_open(picture):
                continue
            places = tuple(place for place, _ in self._store.strays(source, picture.shape))
            looked = self._looked.get(source.key)
            known = looked is not None and (looked.source, looked.places) == (source, places)
            if places and not known:
                asked.append((picture, source, places))
        looked_at = [(source, places) for _, source, places in asked]
        if not asked or (self._looking.running and self._looked_at == looked_at):
            return
        self._looked_at = looked_at

        def done(found: list[Path | None]) -> None:
            for (_, source, places), place in zip(asked, found, strict=True):
                self._looked[source.key] = _Looked(source, places, place)
            if any(found):
                self.found.emit()

        steps = stray_steps([(picture, source) for picture, source, _ in asked], self._store)
        self._looking.start(steps, done=done, failed=self.told.emit)

    def kept_with(self, image: Any) -> Sequence[InMemory]:
        """Return the sessions that are kept in memory with an image layer, and go with it."""
        return self._with_images.of(image)

    def take_up(self, kept: InMemory, *, shown: bool = True) -> None:
        """Open a session that is kept with its image; see :meth:`open`."""
        self.release(kept)
        if not self.open(kept.session, kept.picture, shown=shown):
            self._keep_in_memory(kept.session, kept.picture)

    def _keep_in_memory(self, session: Session, picture: Picture) -> None:
        """Keep a session with its image, and with the window should that one go."""
        self._with_images.keep(session, picture)
        kept = InMemory(session, picture)
        if (session.can_undo or session.can_redo) and not self.is_alone(kept):
            self._alone.append(kept)

    def release(self, kept: InMemory) -> None:
        """Keep a session no more: it is open, or lost with a person's consent."""
        self._with_images.release(kept)
        self._alone[:] = [other for other in self._alone if other.session is not kept.session]

    def set_aside(self, kept: InMemory) -> None:
        """Offer a session with its image no more: a person begins anew; it is kept until napari is closed."""
        self.release(kept)
        self._alone.append(kept)

    def is_alone(self, kept: InMemory) -> bool:
        """Whether a session is kept without its image, for as long as the window."""
        return any(other.session is kept.session for other in self._alone)

    def stand_in(self, session: Session, layers: Iterable[Any]) -> None:
        """Note that layers stand for a session that was left, until it is opened again."""
        self._with_images.stand_in(session, layers)

    def stand_ins(self, session: Session) -> list[Any]:
        """Return the layers that stand for a session, whichever dock left them."""
        return self._with_images.stand_ins(session)

    # -- on the disk

    def restore_steps(
        self, picture: Picture, source: Source, *, asked: bool = False
    ) -> Steps[Restored]:
        """Read a picture and the corrections that are kept of it; to be driven in a thread.

        Args:
            picture: what they are to be opened on.
            source: by which they are found.
            asked: whether a person has said that they are of it, where nothing proves it.
        """
        return find_steps(picture, source, self._store, picture.stack, asked=asked)

    def keeps(self, session: Session) -> bool:
        """Whether all of the open session is on the disk."""
        journal = self.journal
        return journal is not None and journal.session is session and journal.problem is None

    def note_as_read(self) -> None:
        """Take note that the open session is what the disk has, though another process may write there."""
        if self.session is not None:
            self._wrote = weakref.ref(self.session), self.session.history.done[-1:]

    @property
    def is_as_read(self) -> bool:
        """Whether nothing was done to the open session since it was read or written."""
        return self.session is not None and self._is_written(self.session)

    def finish_writing(self) -> None:
        """Wait until all of the open session is on the disk.

        Raises:
            InputError: it cannot be written.
        """
        journal = self.journal
        if journal is None:
            why = "What is corrected is in memory only; Export > Save session… keeps it."
            raise InputError(" ".join(filter(None, (self._unwritten, why))))
        journal.wait()
        if journal.problem is not None:
            raise InputError(journal.problem)

    def write_again(self) -> None:
        """Try once more to write what could not be written, and wait until all of it is on the disk.

        Raises:
            InputError: it cannot be written.
        """
        if self.journal is not None:
            self.journal.write_again()
        elif self.session is not None:
            self._write(self.session)
        self.finish_writing()

    @property
    def safety(self) -> Safety:
        """Where all of the open session is."""
        session, journal = self.session, self.journal
        if session is not None and self._with_images.is_saved(session):
            return Safety.SAVED
        if session is None or journal is None or not self.keeps(session):
            return Safety.MEMORY
        return Safety.SAVED if journal.whole else Safety.WRITING

    def save(self, session: Session, folder: Path) -> None:
        """Save a session in a folder, and know that nothing of it is lost until it is edited.

        Raises:
            InputError: as of :meth:`Session.save`.
        """
        edits = session.timeline.edits
        session.save(folder)
        self._with_images.note_saved(session, folder, edits)
        self.kept.emit()

    def saved_in(self, session: Session) -> Path | None:
        """Return the folder in which a person saved a session last; ``None``: in none."""
        return self._with_images.saved_in(session)

    def lies_in(self, session: Session, folder: Path) -> bool:
        """Whether what lies in a folder is what a person saved of a session last."""
        return self._with_images.lies_in(session, folder)

    def unsaved_with(self, image: Any) -> list[InMemory]:
        """Return the sessions that are kept with an image layer and that nobody has saved as they are."""
        return [
            kept for kept in self.kept_with(image) if not self._with_images.is_saved(kept.session)
        ]

    def keep_alone(self, image: Any) -> None:
        """Keep what is in memory of an image layer that is removed, until napari is closed.

        Args:
            image: with which it is kept too, should it come back.
        """
        self._alone += [kept for kept in self.unsaved_with(image) if not self.is_alone(kept)]

    def only_in_memory(self, images: Iterable[Any]) -> list[InMemory]:
        """Return what was corrected and is on no disk: it is lost when napari is closed.

        Args:
            images: the layers of the viewer, with which others are kept.
        """
        found = list(self._planes.values())
        if self.session is not None and self.picture is not None:
            if self.journal is not None:
                self.journal.wait()  # who closes is told the truth
            if not self.keeps(self.session) and not self._is_written(self.session):
                found.insert(0, InMemory(self.session, self.picture))
        found += [kept for image in images for kept in self.kept_with(image)]
        found += self._alone
        return [
            kept
            for kept in {id(kept.session): kept for kept in found}.values()
            if (kept.session.can_undo or kept.session.can_redo)
            and not self._with_images.is_saved(kept.session)
        ]

    def steps_lost_by(self, picture: Picture, layers: Container[Any], *, replaced: bool) -> int:
        """Return how many steps nobody could find again, were a session of ``picture`` opened.

        What is on no disk is kept with its image, if that is still there.

        Args:
            picture: of the session.
            layers: those that are there, in the viewer.
            replaced: whether the session takes the place of one that is in memory of just that picture;
                a run goes into it.
        """
        stack_stays = bool(picture.where) and picture.layer is self.image
        ending = [
            (kept, stack_stays)
            for plane, kept in self._planes.items()
            if not stack_stays or plane == _plane(picture)
        ]
        if self.session is not None and self.picture is not None and not self.keeps(self.session):
            kept = InMemory(self.session, self.picture)
            ending.append((kept, self.is_open(picture)))
        if replaced:
            ending += [
                (kept, True)
                for kept in self.kept_with(picture.layer)
                if kept.picture.same_as(picture)
            ]
        return sum(
            len(kept.session.history.done)
            for kept, in_place in ending
            if (replaced and in_place) or kept.picture.layer not in layers
            if not self._with_images.is_saved(kept.session)
        )

    def make_room(self, source: Source | None) -> str:
        """Put what is kept of an image aside, so that another session can be kept in its place.

        Returns:
            A sentence on where it lies now; empty where there was nothing.

        Raises:
            InputError: it cannot be put aside, and is as it was.
        """
        if source is None:
            return ""
        journal, folder = self.journal, self._store.folder(source)
        mine = None if journal is None or journal.folder != folder else journal
        if mine is not None:
            self.close_journal()  # it may be about to write there for the first time
        if not self._store.is_kept(source):
            return ""
        try:
            aside = self._store.put_aside(source)
        except InputError:
            if mine is not None:
                self._write(mine.session)
            raise
        return (
            f"The former corrections lie in {str(aside)!r} now; Export > Load session… opens them."
        )

    def decline(self, source: Source) -> str:
        """Offer what is kept of an image no more, so that another session can begin; see :meth:`make_room`.

        What does not lie in the image's own place stays where it is, and is offered by nobody but the next
        window.
        """
        said, place = self.make_room(source), self._store.saved(source)
        looked = self._looked.get(source.key)
        if looked is not None:
            self._looked[source.key] = replace(looked, found=None)
            place = looked.found if place is None else place
        if place is None:
            return said
        self._declined.add(place)
        stay = f"The former corrections stay in {str(place)!r}; Export > Load session… opens them."
        return " ".join(filter(None, [said, stay]))

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

    def _write(self, session: Session) -> None:
        """Write every edit to the disk from now on, if the image is a file."""
        self.close_journal()
        self._unwritten = ""
        if session.source is None:
            return
        try:
            self.journal = self._store.journal(session, wait=False)
        except InputError as error:
            self._unwritten = str(error)
            self.told.emit(InputError(f"{error} {IN_MEMORY_ONLY}"))
            return
        self.journal.failed.connect(self._cannot_write)
        self.journal.written.connect(self._written)

    def _cannot_write(self, sentence: str) -> None:
        self.failed.emit(sentence)
        self.kept.emit()

    def _written(self) -> None:
        self.kept.emit()

    def _is_written(self, session: Session) -> bool:
        """Whether all of it was on the disk when it was read or its journal closed, and it is as it was."""
        last, done = self._wrote
        return last is not None and last() is session and session.history.done[-1:] == done

    # -- memory

    def unload(self, images: Iterable[Any]) -> None:
        """Let go of the encoded images of all sessions but the open one.

        Args:
            images: the layers of the viewer, with which others are kept.
        """
        self._encoded.clear()
        kept = [kept for image in images for kept in self.kept_with(image)]
        for held in (*self._planes.values(), *kept, *self._alone):
            held.session.engine = None


def _plane(picture: Picture) -> Plane:
    return picture.where, picture.level, picture.box
