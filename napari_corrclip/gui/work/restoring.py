"""A picture and the corrections of it, read together in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.gui.image.contrast import BEFORE, Contrast
from napari_corrclip.gui.image.picture import Picture, Stretches
from napari_corrclip.progress import Progress, Steps


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
