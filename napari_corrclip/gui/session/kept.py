"""Sessions that are shown no more and are on no disk: kept with their image, to go on with.

They lie in the metadata of the image's layer. So they live as long as the image does, whichever dock is
opened, closed or opened again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from napari.layers import Layer

from napari_corrclip.annotation import Session
from napari_corrclip.gui.image.picture import Picture

HELD = "napari-corrclip held"


@dataclass(frozen=True, eq=False)
class Held:
    """A session in memory.

    Attributes:
        session: with what was decided.
        picture: what it is of.
        layers: what was left of it in the viewer.
    """

    session: Session
    picture: Picture
    layers: tuple[Layer, ...] = ()


def hold(held: Held) -> bool:
    """Keep a session in which something was done; return whether it is kept."""
    layer = held.picture.layer
    if layer is None or not (held.session.can_undo or held.session.can_redo):
        return False
    layer.metadata[HELD] = [*_others(held.picture), held]
    return True


def held_of(picture: Picture) -> list[Held]:
    """Return the sessions that are kept of the plane of an image, whichever parts of it they are of."""
    layer = picture.layer
    found: list[Held] = [] if layer is None else layer.metadata.get(HELD, [])
    return [one for one in found if one.picture.where == picture.where]


def release(held: Held) -> None:
    """Keep a session no more."""
    layer = held.picture.layer
    if layer is not None:
        layer.metadata[HELD] = [one for one in layer.metadata.get(HELD, []) if one is not held]
        if not layer.metadata[HELD]:
            del layer.metadata[HELD]


def unload(layers: Iterable[Any]) -> None:
    """Let go of the encoded images of what is kept with ``layers``."""
    for layer in layers:
        for one in layer.metadata.get(HELD, []):
            one.session.engine = None


def _others(picture: Picture) -> list[Held]:
    layer = picture.layer
    found: list[Held] = [] if layer is None else layer.metadata.get(HELD, [])
    return [one for one in found if not one.picture.same_as(picture)]
