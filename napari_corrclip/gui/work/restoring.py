"""The way of a session from the disk to the image that it is of: read, compared, stretched as it was then.

All of it is done in another thread. A session is opened on the pixels that were corrected, wherever they are
now; where they are elsewhere, that is what comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session, SessionStore, Source
from napari_corrclip.annotation.belonging import Look, OtherImageError, UnprovenError, belonging
from napari_corrclip.annotation.files.folder import ImageRecord
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.contrast import BEFORE, Contrast
from napari_corrclip.gui.image.picture import Picture, Stretches, picture_like
from napari_corrclip.gui.image.planes import Where
from napari_corrclip.images import Pixels
from napari_corrclip.images.boxes import Box
from napari_corrclip.progress import Progress, Steps


@dataclass(frozen=True, eq=False)
class OfOther:
    """Corrections that are kept in the place of an image, and are of another one.

    Attributes:
        record: of the image that they are of.
        folder: where they lie now.
    """

    record: ImageRecord
    folder: Path

    @property
    def box(self) -> Box | None:
        """The part of the image that they are of."""
        return None if self.record.source is None else self.record.source.crop


@dataclass(frozen=True, eq=False)
class Unproven:
    """Corrections of which nothing proves that they are of the image.

    Attributes:
        sentence: why, and what to do.
    """

    sentence: str


@dataclass(frozen=True, eq=False)
class Belongs:
    """The image that corrections are of.

    Attributes:
        sentence: which it is.
        picture: a plane that the viewer has; ``None``: none has these pixels.
        path: a file to be opened; empty: none is known.
        box: the part of the image; ``None``: all of it.
    """

    sentence: str
    picture: Picture | None = None
    path: str = ""
    box: Box | None = None


Restored = Session | OfOther | Unproven | None
"""What :func:`find_steps` comes to; ``None``: nothing is kept."""


class PictureLooks:
    """The looks at a picture: as it is to be seen, and as a session says that it was stretched.

    Args:
        picture: nothing of it is read before it is looked at.
    """

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._seen: list[tuple[Contrast | Stretches, Look, Pixels, Stretches]] = []

    def __call__(self, then: Stretches) -> Iterator[Look]:
        """Yield the picture as it is to be seen, and as it may have been seen."""
        yield self._look(self._picture.contrast)
        now = self._seen[0][3]
        if not now or now == then:
            return
        ways: Sequence[Contrast | Stretches] = BEFORE
        if then:
            ways = [then] if len(then) == len(now) else []
        for way in ways:
            yield self._look(way)

    def _look(self, way: Contrast | Stretches) -> Look:
        for known, look, _, _ in self._seen:
            if known == way:
                return look
        pixels = self._picture.read(way)
        look = Look(pixels.rgb)
        # The first, and the last one that was looked at; a picture may be large.
        self._seen = [*self._seen[:1], (way, look, pixels, self._picture.stretch)]
        return look

    def keep(self, image: NDArray[np.uint8] | None) -> None:
        """Let the picture be what was looked at."""
        for _, look, pixels, stretch in self._seen:
            if look.image is image:
                self._picture.stretch = stretch
                self._picture.keep(pixels)


def find_steps(
    picture: Picture,
    source: Source,
    store: SessionStore,
    stack: tuple[int, ...],
    *,
    asked: bool,
) -> Steps[Restored]:
    """Read what is kept of a picture, if it is of its pixels; see :meth:`.SessionStore.find`."""
    yield Progress("look for corrections", 0, 2)
    if not store.may_have(source, stack):
        return None
    yield Progress("read the corrections", 1, 2)
    looks = PictureLooks(picture)

    def beside(where: Where) -> PictureLooks | None:
        there = all(0 <= index < size for index, size in zip(where, stack, strict=False))
        if not there or picture.layer is None:
            return None
        return PictureLooks(picture_like(picture, where, picture.box))

    try:
        session = store.find(source, looks, stack=stack, beside=beside, asked=asked)
    except OtherImageError as error:
        return OfOther(error.record, error.folder)
    except UnprovenError as error:
        return Unproven(str(error))
    if session is not None:
        looks.keep(session.image)
    return session


def stray_steps(
    pictures: Sequence[tuple[Picture, Source]], store: SessionStore
) -> Steps[list[Path | None]]:
    """Return for each of some pictures where a session of it lies that is known by its pixels alone."""
    found: list[Path | None] = []
    for number, (picture, source) in enumerate(pictures):
        yield Progress("look for corrections", number, len(pictures))
        try:
            found.append(store.stray(source, picture.shape, PictureLooks(picture)))
        except InputError:  # it cannot be read, which is told when it is to be
            found.append(None)
    return found


def belonging_steps(picture: Picture, others: Iterable[Picture], other: OfOther) -> Steps[Belongs]:
    """Look for the image that corrections are of, among other planes and by their file.

    Args:
        picture: in whose place they lay.
        others: the planes to look at, in their order.
        other: the corrections.
    """
    planes = list(others)
    for number, plane in enumerate(planes):
        yield Progress("look for their image", number, len(planes))
        try:
            found = belonging(other.record, None, PictureLooks(plane)).proven
        except InputError:  # it cannot be read, which is told when it is shown
            continue
        if found:
            return Belongs(
                f"The corrections that were kept for {picture.title} are of {plane.plane}; they open there.",
                plane,
            )
    then = other.record.source
    if then is not None and picture.source is not None and then.path != picture.source.path:
        path = Path(then.path)
        if path.is_file():
            return Belongs(
                f"The corrections that were kept for {picture.title} are of {path.name!r}.",
                path=then.path,
                box=other.box,
            )
    return Belongs(
        f"{picture.title} has other pixels now than those that were corrected, so the corrections were not "
        f"opened; they lie in {str(other.folder)!r}, and come back with their image."
    )


def open_steps(
    picture: Picture,
    read: Callable[[NDArray[np.uint8] | None, Source | None], Session],
) -> Steps[Session]:
    """Read a picture and a session of it, stretched as it was when the session was made.

    The session knows its pixels. One that does not know how they were stretched is looked for by what the
    dock did when none did. Where nothing gives those pixels, the picture stays as it is to be, and the
    session's notes tell that it has others.

    Args:
        picture: is read here, and kept as it was read.
        read: returns the session, with the image or without, and with its file or without.
    """
    yield Progress("read the corrections", 0, 2)
    bare, looks = read(None, None), PictureLooks(picture)
    yield Progress("read the image", 1, 2)
    record = ImageRecord(bare.source, bare.image_digest, bare.provenance.stretch, bare.shape)
    about = belonging(record, None, looks)
    session = read(about.image, None if _may_be_in(picture.source, bare.source) else picture.source)
    looks.keep(about.image)
    return session


def _may_be_in(now: Source | None, then: Source | None) -> bool:
    """Whether the pixels alone tell if what was saved is of an image, and not the file and the plane.

    Another file with the same pixels is another image, as long as it is there.
    """
    if now is None or then is None or now.channels != then.channels:
        return False
    former = None if now.former is None else now.former.path
    return then.path in (now.path, former) or not Path(then.path).exists()
