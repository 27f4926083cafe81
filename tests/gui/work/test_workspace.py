"""Who owns which session: a table of what becomes of it, without a window."""

from __future__ import annotations

import gc
import shutil
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from napari_corrclip.annotation import (
    Session,
    SessionStore,
    Source,
    has_session,
    journal_folder,
    restore,
)
from napari_corrclip.annotation.encoded_cache import FEATURES, FeatureCache
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.work.exporting import name_for
from napari_corrclip.gui.work.with_images import InMemory, WithImages
from napari_corrclip.gui.work.workspace import (
    Left,
    Opened,
    Safety,
    StackLeft,
    Unread,
    Workspace,
)
from napari_corrclip.images import Pixels
from tests.annotation.images import small_result
from tests.annotation.random_edits import digest, new_session

SHAPE = (48, 64)
CROP = (8, 8, 40, 56)


@dataclass
class Room:
    """A workspace, and all that it has told."""

    folder: Path
    workspace: Workspace = field(default_factory=Workspace)
    told: list[str] = field(default_factory=list)
    events: list[Opened | Left | StackLeft] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)

    def __post_init__(self) -> None:
        def told(sentence: str | InputError) -> None:
            self.told.append(str(sentence))

        def event(what: Any) -> None:
            self.events.append(what)

        self.workspace.told.connect(told)
        self.workspace.failed.connect(told)
        for signal in (self.workspace.opened, self.workspace.left, self.workspace.stack_left):
            signal.connect(event)

    def image(self, planes: int = 0) -> Image:
        data = np.zeros((*([planes] if planes else []), *SHAPE, 3), np.uint8)
        self.images.append(Image(data, rgb=True, name=f"image {len(self.images)}"))
        return self.images[-1]

    def picture(
        self, image: Image | None = None, *where: int, file: str = "", crop: Any = None
    ) -> Picture:
        """A plane of an image, of a file or of none."""
        image = self.image() if image is None else image
        source = None
        if file:
            (self.folder / file).touch()
            source = Source.of(self.folder / file, slice=where, crop=crop)
        return Picture(
            image.name,
            SHAPE,
            lambda _: (Pixels(np.zeros((*SHAPE, 3), np.uint8), None), ()),
            source=source,
            layers=[image],
            where=where,
            box=crop,
            plane=f"plane {where[0] + 1}" if where else "",
        )

    def open(self, picture: Picture, *, edits: int = 1, **how: bool) -> Session:
        session = made(picture)
        self.workspace.open(session, picture, **how)
        edited(session, edits)
        return session

    def offered(self, picture: Picture) -> list[object]:
        return [offer.kept for offer in self.workspace.offers(picture.source, picture)]

    def back(self, *where: int) -> Session | None:
        """The slider comes to a plane."""
        found = self.workspace.comes_with(where)
        if isinstance(found, InMemory):
            self.workspace.arrive(found.session, found.picture)
        elif isinstance(found, Unread):
            file, crop = Path(found.source.path).name, found.source.crop
            picture = self.picture(found.picture.layer, *where, file=file, crop=crop)
            if found.source in SessionStore():
                self.workspace.arrive(on_disk(picture), picture)
        return self.workspace.session


def made(picture: Picture) -> Session:
    session = new_session(7)
    session.source = picture.source
    return session


def edited(session: Session, times: int = 1) -> Session:
    for region in session.ids[:times].tolist():
        session.ignore(region)
    return session


def on_disk(picture: Picture) -> Session:
    assert picture.source is not None
    return restore(journal_folder(picture.source), source=picture.source)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(tmp_path / "sessions"))
    return Room(tmp_path)


@pytest.fixture
def blocked(tmp_path: Path) -> None:
    """Nothing can be written where sessions are kept."""
    (tmp_path / "sessions").write_text("a file where the folder should be")


def another(room: Room) -> None:
    room.open(room.picture())


def closed(room: Room) -> None:
    room.workspace.close()


def left(room: Room) -> None:
    room.workspace.leave()


# -- one image

GOING: list[Callable[[Room], None]] = [another, closed, left]


@pytest.mark.parametrize("go", GOING)
def test_what_is_on_no_disk_is_kept_with_its_image(room: Room, go: Callable[[Room], None]) -> None:
    picture = room.picture()
    session = room.open(picture)
    go(room)
    (kept,) = room.offered(picture)
    assert isinstance(kept, InMemory)
    assert kept.session is session
    gone = [event for event in room.events if isinstance(event, Left)]
    assert [(event.session, event.put_away) for event in gone] == [(session, False)]
    assert room.offered(room.picture()) == []  # of another image


@pytest.mark.parametrize("go", GOING)
def test_what_is_on_the_disk_is_found_there(room: Room, go: Callable[[Room], None]) -> None:
    picture = room.picture(file="scene.png")
    session = room.open(picture)
    assert room.offered(picture) == []  # it is open
    go(room)
    (source,) = room.offered(picture)
    assert source == picture.source
    assert room.workspace.kept_with(picture.layer) == ()
    assert digest(on_disk(picture)) == digest(session)
    assert not room.told


@pytest.mark.usefixtures("blocked")
def test_what_cannot_be_written_is_told_and_kept_with_its_image(room: Room) -> None:
    picture = room.picture(file="scene.png")
    session = room.open(picture)
    (sentence,) = room.told
    assert sentence.endswith(" Corrections are kept in memory only.")
    assert not room.workspace.keeps(session)
    room.workspace.leave()
    assert [kept.session for kept in room.workspace.kept_with(picture.layer)] == [session]


def test_what_is_done_while_it_is_left_is_written(room: Room) -> None:
    """A stroke that is still drawn ends with its layers."""
    picture = room.picture(file="scene.png")
    session = room.open(picture)
    room.workspace.leaving.connect(lambda leaving: edited(leaving, 3))
    room.workspace.leave()
    assert digest(on_disk(picture)) == digest(session)
    assert len(session.history.done) > 1


def test_what_was_edited_after_its_journal_was_closed_is_kept(room: Room) -> None:
    picture = room.picture(file="scene.png")
    session = room.open(picture)
    room.workspace.close_journal()
    session.undo()
    room.workspace.leave()
    assert [kept.session for kept in room.workspace.kept_with(picture.layer)] == [session]


def test_a_prediction_that_nobody_corrected_is_not_kept(room: Room) -> None:
    picture = room.picture()
    room.open(picture, edits=0)
    another(room)
    assert room.offered(picture) == []


def test_what_was_undone_is_kept(room: Room) -> None:
    picture = room.picture()
    room.open(picture).undo()
    another(room)
    assert len(room.offered(picture)) == 1


def test_a_later_session_of_the_same_part_takes_the_place(room: Room) -> None:
    image = room.image()
    room.open(room.picture(image))
    part = room.open(room.picture(image, crop=CROP))
    again = room.open(room.picture(image))
    room.workspace.leave()
    assert {kept.session for kept in room.workspace.kept_with(image)} == {part, again}


def test_what_is_released_is_kept_no_more(room: Room) -> None:
    picture = room.picture()
    room.open(picture)
    another(room)
    (kept,) = room.offered(picture)
    assert isinstance(kept, InMemory)
    room.workspace.release(kept)
    assert room.offered(picture) == []
    room.workspace.open(kept.session, kept.picture)
    assert room.workspace.is_open(picture)


def test_another_workspace_offers_what_the_first_kept(room: Room) -> None:
    picture = room.picture()
    session = room.open(picture)
    room.workspace.close()
    (offer,) = Workspace().offers(None, picture)
    assert isinstance(offer.kept, InMemory)
    assert offer.asked
    assert offer.kept.session is session


@pytest.mark.parametrize("shared", [True, False])
def test_only_workspaces_that_share_them_find_the_sessions_of_an_image(
    room: Room, shared: bool
) -> None:
    mine = WithImages()
    one = Workspace(with_images=mine)
    other = Workspace(with_images=mine if shared else WithImages())
    picture = room.picture()
    session = made(picture)
    one.open(session, picture)
    edited(session)
    one.leave()
    assert [kept.session for kept in one.kept_with(picture.layer)] == [session]
    assert [offer.kept for offer in other.offers(None, picture)] == (
        list(mine.of(picture.layer)) if shared else []
    )
    assert room.offered(picture) == []  # it is not the process's
    (kept,) = one.kept_with(picture.layer)
    other.release(kept)
    assert (one.kept_with(picture.layer) == ()) == shared


def test_layers_that_stand_for_a_session_are_found_by_whoever_opens_it_again(room: Room) -> None:
    """One dock is closed and another one opened; later the session is left in another viewer, too."""
    picture, other = room.picture(), Workspace()
    session = room.open(picture)
    room.workspace.close()
    here, there = room.image(), room.image()
    room.workspace.stand_in(session, [here])
    assert other.stand_ins(session) == [here]
    (kept,) = other.kept_with(picture.layer)
    other.take_up(kept)
    other.leave()
    other.stand_in(session, [there])
    assert room.workspace.stand_ins(session) == [here, there]
    assert other.stand_ins(made(picture)) == []
    room.images.remove(here)
    del here
    gc.collect()
    assert other.stand_ins(session) == [there]


def test_it_outlives_its_image_until_it_is_given_up(room: Room) -> None:
    session = weakref.ref(room.open(room.picture()))
    room.workspace.close()
    room.events.clear()
    room.images.clear()
    gc.collect()
    (kept,) = room.workspace.only_in_memory(())
    assert kept.session is session()
    assert room.workspace.is_alone(kept)
    room.workspace.release(kept)
    del kept
    gc.collect()
    assert session() is None


def test_parts_are_offered_the_image_first(room: Room) -> None:
    image = room.image()
    pictures = [
        room.picture(image, file="scene.png", crop=CROP),
        room.picture(image, file="scene.png"),
    ]
    for picture in pictures:
        room.open(picture)
    another(room)
    offers = room.workspace.offers(pictures[1].source, pictures[1])
    assert [(offer.part, offer.asked) for offer in offers] == [(None, True), (CROP, False)]


def test_two_windows_do_not_write_one_image(room: Room) -> None:
    picture = room.picture(file="scene.png")
    session = room.open(picture)
    other = Room(room.folder)
    other.open(picture)
    assert other.told[0].endswith("Corrections are kept in memory only.")
    with pytest.raises(InputError, match="is open already, in this program or another"):
        other.workspace.make_room(picture.source)
    assert digest(on_disk(picture)) == digest(session)


# -- room for another


def test_room_is_made_by_putting_aside(room: Room) -> None:
    picture = room.picture(file="scene.png")
    session = room.open(picture)
    former = digest(session)
    said = room.workspace.make_room(picture.source)
    (aside,) = [path for path in (room.folder / "sessions").iterdir() if has_session(path)]
    assert repr(str(aside)) in said
    assert digest(restore(aside)) == former
    loaded = made(picture)
    room.workspace.open(loaded, picture)
    assert room.workspace.kept_with(picture.layer) == ()  # it lies aside
    edited(loaded, 3)
    assert digest(on_disk(picture)) == digest(loaded)


def test_nothing_is_put_aside_where_nothing_is(room: Room) -> None:
    assert room.workspace.make_room(None) == ""
    assert room.workspace.make_room(room.picture(file="scene.png").source) == ""


def test_where_no_room_can_be_made_the_journal_goes_on(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = room.picture(file="scene.png")
    session = room.open(picture)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refused)
        with pytest.raises(InputError, match="Permission denied"):
            room.workspace.make_room(picture.source)
    session.undo()
    assert digest(on_disk(picture)) == digest(session)


# -- what is lost by leaving


@pytest.mark.parametrize(
    ("file", "edits", "there", "run", "load"),
    [
        ("", 2, False, 2, 2),
        ("", 0, False, 0, 0),
        ("", 2, True, 0, 0),  # it is kept with its image
        ("scene.png", 2, False, 0, 0),
    ],
)
def test_steps_that_another_image_would_end(
    room: Room, file: str, edits: int, there: bool, run: int, load: int
) -> None:
    room.open(room.picture(file=file), edits=edits)
    if not there:
        gone = room.images.pop()  # somebody holds it, and the viewer shows it no more
        assert gone not in room.images
    picture = room.picture()
    assert room.workspace.state_for_run(picture, room.images).lost == run
    assert room.workspace.steps_lost_by(picture, room.images, replaced=True) == load


@pytest.mark.parametrize(("file", "load"), [("", 2), ("scene.png", 0)])
def test_steps_that_another_session_of_that_image_would_end(
    room: Room, file: str, load: int
) -> None:
    """A run goes into the session; one that is loaded takes its place."""
    picture = room.picture(file=file)
    room.open(picture, edits=2)
    assert room.workspace.state_for_run(picture, room.images).lost == 0
    assert room.workspace.steps_lost_by(picture, room.images, replaced=True) == load
    part = room.picture(room.images[-1], file=file, crop=CROP)
    assert room.workspace.steps_lost_by(part, room.images, replaced=True) == 0


def test_steps_of_a_session_that_waits_in_memory_with_its_image(room: Room) -> None:
    """Another image is open, so that it is not seen; one that is loaded takes its place all the same."""
    picture = room.picture()
    room.open(picture, edits=2)
    room.open(room.picture())
    assert room.workspace.state_for_run(picture, room.images).lost == 0
    assert room.workspace.steps_lost_by(picture, room.images, replaced=True) == 2


@pytest.mark.usefixtures("blocked")
def test_steps_that_could_not_be_written_are_counted(room: Room) -> None:
    room.open(room.picture(file="scene.png"), edits=2)
    picture = room.picture()
    assert room.workspace.state_for_run(picture, ()).lost == 2
    assert room.workspace.state_for_run(picture, room.images).lost == 0


def test_steps_of_planes_in_memory_are_counted_where_their_stack_ends(room: Room) -> None:
    image = room.image(3)
    for plane in range(2):
        room.open(room.picture(image, plane), edits=plane + 1)
        room.workspace.put_away()

    def lost(picture: Picture, layers: list[Image]) -> tuple[int, int]:
        run = room.workspace.state_for_run(picture, layers).lost
        return run, room.workspace.steps_lost_by(picture, layers, replaced=True)

    assert lost(room.picture(image, 2), room.images) == (0, 0)
    assert lost(room.picture(image, 1), room.images) == (0, 2)
    other = room.picture()
    assert lost(other, room.images) == (0, 0)  # they are kept with the stack
    assert lost(other, room.images[1:]) == (3, 3)


# -- what Run and other words are resolved by


def test_the_state_where_nothing_is_open(room: Room) -> None:
    picture = room.picture()
    run = room.workspace.state_for_run(picture, room.images)
    words = room.workspace.state_for_words(picture.layer)
    assert (run.session, run.same, run.name, run.lost, run.offered) == (None, False, "", 0, False)
    assert (words.session, words.same, words.name) == (None, True, "")
    assert run.values is words.values is None


def test_the_state_beside_the_image_that_is_corrected(room: Room) -> None:
    image = room.image(2)
    session = room.open(room.picture(image, 0))
    answered: dict[str | int, str | int | None] = {3: None}
    run = room.workspace.state_for_run(room.picture(image, 0), room.images, answered)
    words = room.workspace.state_for_words(image, answered)
    for state in (run, words):
        assert (state.session, state.same, state.name) == (session, True, "image 0")
        assert state.values == {entry.name: entry.value for entry in session.vocabulary}
        assert state.answered == answered


@pytest.mark.parametrize(
    ("which", "run", "words"),
    [("part", False, True), ("other", False, False), ("none", False, True)],
)
def test_the_state_beside_another_choice(room: Room, which: str, run: bool, words: bool) -> None:
    """Words are those of the image, whatever part is chosen; a run is of a part."""
    image = room.image()
    room.open(room.picture(image))
    chosen = {
        "part": room.picture(image, crop=CROP),
        "other": room.picture(),
        "none": room.picture(),
    }[which]
    layer = None if which == "none" else chosen.layer
    assert room.workspace.state_for_run(chosen, room.images).same == run
    assert room.workspace.state_for_words(layer).same == words


def test_only_corrections_of_the_very_part_are_offered_to_a_run(room: Room) -> None:
    image = room.image()
    room.open(room.picture(image, crop=CROP))
    another(room)
    for picture, offered in (
        (room.picture(image), False),
        (room.picture(image, crop=CROP), True),
    ):
        assert room.workspace.state_for_run(picture, room.images).offered == offered


# -- the planes of a stack


@pytest.mark.parametrize("file", ["", "stack.tif"])
def test_a_plane_comes_back_as_it_was(room: Room, file: str) -> None:
    image = room.image(3)
    sessions = []
    for plane in range(2):
        sessions.append(room.open(room.picture(image, plane, file=file), edits=plane + 1))
        room.workspace.put_away()
        assert room.workspace.session is None
    assert room.back(2) is None
    for plane in (1, 0):
        session = room.back(plane)
        assert session is not None
        assert digest(session) == digest(sessions[plane])
        assert (session is sessions[plane]) == (not file)
        assert room.events[-1].arrived  # type: ignore[union-attr]
        assert not session.can_redo
        session.undo()
        room.workspace.put_away()
    assert room.workspace.kept_with(image) == ()


def test_nothing_comes_where_something_is_open(room: Room) -> None:
    image = room.image(3)
    room.open(room.picture(image, 0))
    room.workspace.put_away()
    another_plane = room.open(room.picture(image, 1))
    assert room.workspace.comes_with((0,)) is None
    assert room.workspace.session is another_plane


@pytest.mark.usefixtures("blocked")
def test_a_plane_that_cannot_be_written_stays_in_memory(room: Room) -> None:
    image = room.image(3)
    session = room.open(room.picture(image, 0, file="stack.tif"))
    room.workspace.put_away()
    assert room.told[-1].endswith("kept in memory only.")
    assert room.back(0) is session


def test_the_part_that_was_looked_at_comes_first(room: Room) -> None:
    image = room.image(3)
    for crop in (CROP, None):
        room.open(room.picture(image, 0, file="stack.tif", crop=crop))
    room.open(room.picture(image, 1, file="stack.tif", crop=CROP))
    room.workspace.put_away()
    found = room.workspace.comes_with((0,))
    assert isinstance(found, Unread)
    assert found.source.crop == CROP


@pytest.mark.parametrize("go", [another, closed])
def test_planes_in_memory_are_kept_when_their_stack_is_left(
    room: Room, go: Callable[[Room], None]
) -> None:
    image = room.image(3)
    session = room.open(room.picture(image, 0))
    room.workspace.put_away()
    untouched = room.open(room.picture(image, 1), edits=0)
    room.workspace.put_away()
    go(room)
    (event,) = [event for event in room.events if isinstance(event, StackLeft)]
    assert event.image is image
    assert [plane.session for plane in event.planes] == [session, untouched]
    assert [kept.session for kept in room.workspace.kept_with(image)] == [session]
    assert room.workspace.comes_with((0,)) is None


def test_a_run_that_ends_on_another_plane_waits_for_its_own(room: Room) -> None:
    image = room.image(3)
    picture = room.picture(image, 0)
    session = room.open(picture, shown=False)
    assert room.told == ["'image 0', plane 1 is segmented; move the slider there to correct it."]
    assert room.workspace.session is None
    assert room.workspace.in_memory([picture, room.picture(image, 1)]) == {(0,)}
    assert room.back(0) is session


@pytest.mark.parametrize("file", ["", "stack.tif"])
def test_a_run_takes_no_decision_of_its_plane_away(room: Room, file: str) -> None:
    image = room.image(3)
    picture = room.picture(image, 0, file=file)
    former = digest(room.open(picture))
    room.workspace.put_away()
    room.open(picture, shown=False)
    assert room.told == ["'image 0', plane 1 has corrections already; go there and run again."]
    session = room.back(0)
    assert session is not None
    assert digest(session) == former


def test_the_planes_of_a_run_over_the_stack(room: Room) -> None:
    """The one that is shown is opened, if nothing else is; the others wait."""
    image = room.image(4)
    pictures = [
        room.picture(image, plane, file="" if plane < 2 else "stack.tif") for plane in range(4)
    ]
    room.workspace.follow(pictures[0])
    sessions = [made(picture) for picture in pictures]
    for plane, problem in enumerate([None, None, "no space", None]):
        room.workspace.take_plane(sessions[plane], pictures[plane], problem, shown=plane in (1, 3))
    assert room.workspace.session is sessions[1]
    assert room.workspace.in_memory(pictures) == {(0,), (1,), (2,)}
    room.workspace.put_away()
    assert room.back(2) is sessions[2]


def test_a_value_means_one_class_on_all_planes(room: Room) -> None:
    image = room.image(3)
    assert room.workspace.values is None
    first = room.open(room.picture(image, 0))
    first.set_vocabulary(first.vocabulary.add("sand"))
    room.workspace.put_away()
    room.open(room.picture(image, 1, file="stack.tif"))
    values = room.workspace.values
    assert values is not None
    assert values["sand"] == first.vocabulary.values[-1]
    another(room)
    assert room.workspace.values is None


# -- memory


class Encoded:
    """What the cache asks of an encoded image."""

    nbytes = 100


def encoded(session: Session) -> Any:
    session.engine = Encoded()  # type: ignore[assignment]
    return session.engine


@pytest.mark.parametrize("same_run", [True, False])
def test_a_plane_on_the_disk_finds_its_encoded_image(room: Room, same_run: bool) -> None:
    picture = room.picture(room.image(3), 0, file="stack.tif")
    session = room.open(picture)
    engine = encoded(session)
    room.workspace.put_away()
    found = room.workspace.comes_with((0,))
    assert isinstance(found, Unread)
    again = on_disk(picture)
    if not same_run:
        again = Session(*small_result((40, 64)), source=picture.source)
    room.workspace.arrive(again, found.picture)
    assert (again.engine is engine) == same_run


def test_the_encoded_image_of_a_plane_is_kept_where_its_session_keeps_it(room: Room) -> None:
    cache, picture = FeatureCache(), room.picture(room.image(3), 0, file="stack.tif")
    session = Session(*small_result(SHAPE), source=picture.source, cache=cache)
    room.workspace.open(session, picture)
    engine = encoded(session)
    room.workspace.put_away()
    room.events.clear()
    del session
    gc.collect()
    assert engine in cache
    assert engine not in FEATURES


def test_unloading_lets_go_of_all_but_the_open_one(room: Room) -> None:
    image, other = room.image(3), room.picture()
    away, kept = room.open(other), room.open(room.picture(image, 0))
    assert room.workspace.kept_with(other.layer)[0].session is away
    room.workspace.put_away()
    disk = room.open(room.picture(image, 1, file="stack.tif"))
    engines = [weakref.ref(encoded(session)) for session in (away, kept, disk)]
    room.workspace.put_away()
    open_now = room.open(room.picture(image, 2))
    engine = encoded(open_now)
    del disk
    room.events.clear()
    gc.collect()
    assert None not in [reference() for reference in engines]
    room.workspace.unload(room.images)
    gc.collect()
    assert [reference() for reference in engines] == [None] * 3
    assert open_now.engine is engine


# -- in a folder that a person says


def test_what_was_saved_counts_as_saved_for_as_long_as_it_lies_there(room: Room) -> None:
    folder = room.folder / "one.corrclip"
    first = room.open(room.picture())
    room.workspace.save(first, folder)
    assert room.workspace.safety is Safety.SAVED
    assert room.workspace.only_in_memory(room.images) == []
    second = room.open(room.picture())
    room.workspace.save(second, folder)  # a person was asked
    assert room.workspace.lies_in(second, folder)
    assert not room.workspace.lies_in(first, folder)
    assert [kept.session for kept in room.workspace.only_in_memory(room.images)] == [first]

    shutil.rmtree(folder)
    assert room.workspace.safety is Safety.MEMORY
    assert len(room.workspace.only_in_memory(room.images)) == 2
    room.workspace.save(second, folder)
    assert room.workspace.safety is Safety.SAVED
    assert room.workspace.saved_in(second) == folder
    edited(second, 2)
    assert room.workspace.safety is Safety.MEMORY


def test_levels_are_saved_under_names_of_their_own(room: Room) -> None:
    picture = room.picture()
    coarse = room.picture()
    coarse.name, coarse.level = picture.name, 2
    assert name_for(coarse) == f"{name_for(picture)}_level2"


# -- in the place that a photograph once had in its folder


def test_what_lies_where_a_photograph_once_was_stays_there(room: Room) -> None:
    """Another photograph stands there now in the folder's stack; its session is not this one's to move."""
    folder = room.folder / "photographs"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.png").touch()
    image = room.image(2)
    once = Source.of(folder, slice=(0,))
    other = made(room.picture(image, 0))
    other.source = once
    with SessionStore().journal(other):
        edited(other, 2)
    picture = room.picture(image, 0, file="photographs/a.png")
    assert picture.source is not None
    picture.source = replace(picture.source, slice=(), former=once)
    assert room.offered(picture) == [picture.source]  # it may be of it: only its pixels tell

    assert room.workspace.make_room(picture.source) == ""
    assert digest(restore(journal_folder(once))) == digest(other)

    # What a run has found for a plane that is not shown is kept, whatever lies there.
    found = made(picture)
    assert room.workspace.open(found, picture, shown=False)
    assert digest(on_disk(picture)) == digest(found)
    assert digest(restore(journal_folder(once))) == digest(other)


def test_a_person_begins_anew_beside_what_lies_there(room: Room) -> None:
    once = Source.of(room.folder, slice=(0,))
    other = made(room.picture(room.image(2), 0))
    other.source = once
    with SessionStore().journal(other):
        edited(other)
    picture = room.picture(file="a.png")
    assert picture.source is not None
    picture.source = replace(picture.source, former=once)
    said = room.workspace.decline(picture.source)
    assert said == (
        f"The former corrections stay in {str(journal_folder(once))!r}; Export > Load session… opens them."
    )
    assert room.offered(picture) == []
    session = room.open(picture)
    room.workspace.leave()
    assert room.offered(picture) == [picture.source]
    assert digest(on_disk(picture)) == digest(session)
