"""The preview of regions: what the settings find in the image, before there are words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.panel import ImagePanel
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.model.panel import ModelPanel
from napari_corrclip.gui.session.display import SessionDisplay
from napari_corrclip.gui.work.controller import Controller
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.wording.amounts import count

if TYPE_CHECKING:
    from napari_corrclip.engine.found_regions import RegionsBefore

LOOK = ("contrast_limits", "gamma", "data")
"""What of a layer changes the pixels that the regions are found in."""


@dataclass(frozen=True, eq=False, slots=True)
class _Asked:
    """The image and the settings that a preview is of.

    Attributes:
        picture: the image, or its part.
        key: of the settings of the regions.
        look: of the layer, by :data:`LOOK` but for its data.
    """

    picture: Picture
    key: str
    look: tuple[object, ...]

    def is_same(self, other: _Asked) -> bool:
        """Whether the pixels are the same."""
        contrast = self.picture.contrast == other.picture.contrast and self.look == other.look
        return self.picture.same_as(other.picture) and contrast


class RegionPreview:
    """The outlines of regions that nobody has decided on, while image, settings and page are those.

    Sessions, layers and what a person did stay as they are; a session's outlines make way meanwhile.

    Args:
        image, model: what is chosen.
        controller: finds the regions.
        display: draws them.
        tell: is given a sentence.

    Attributes:
        shown: whether a preview is on the screen.
    """

    def __init__(
        self,
        image: ImagePanel,
        model: ModelPanel,
        controller: Controller,
        display: SessionDisplay,
        tell: Tell,
    ) -> None:
        self._image = image
        self._model = model
        self._controller = controller
        self._display = display
        self._tell = tell
        self._asked: _Asked | None = None
        self._layer: Any = None
        self.shown = False
        controller.previewed.connect(self._show)
        image.part_chosen.connect(self.look_again)
        model.advanced.changed.connect(self.look_again)
        model.preset.currentTextChanged.connect(self.look_again)

    def find(self) -> None:
        """Find the regions of the chosen image by the chosen settings, where nothing else is at work."""
        if self._controller.running:
            self._tell("Something is at work; wait for it or cancel it first.")
            return
        try:
            asked = self._now()
            missing = self._model.to_fetch_for_regions(self._model.choice)
        except InputError as error:
            self._tell(error)
            return
        if missing and not self._model.may_fetch(missing):
            self._tell("Nothing was downloaded, and no regions were looked for.")
            return
        self._follow(asked)
        self._controller.find_regions(asked.picture, self._model.choice)

    def look_again(self, *_: object) -> None:
        """Take the preview away where it is of other settings or another image than what is chosen."""
        asked = self._asked
        if asked is None:
            return
        try:
            now = self._now()
        except InputError:  # no image, or a part that there is not
            now = None
        if now is None or not asked.is_same(now):
            self.leave("the image or part that it was of")
        elif now.key != asked.key:
            self.leave("the settings that it was of")

    def leave(self, because: str = "") -> None:
        """Take the preview away.

        Args:
            because: what it goes with; empty: that is told otherwise.
        """
        was, self.shown = self.shown, False
        self._follow(None)
        self._model.advanced.regions.found.setText("")
        if was:
            self._display.forget_preview()
            if because:
                self._tell(f"The preview of regions is gone with {because}.")

    def let_go(self) -> None:
        """Listen no more, and touch nothing."""
        self.shown = False
        self._follow(None)

    def _show(self, before: RegionsBefore, picture: Picture) -> None:
        asked = self._asked
        if asked is None or asked.picture is not picture:
            self._tell("Other things were chosen meanwhile; Preview shows the regions of those.")
            return
        regions, nodata = before.found.regions, picture.pixels.nodata
        if nodata is not None:
            regions = np.where(nodata, 0, regions)
        self._display.preview(regions, picture, instead=True)
        self.shown = True
        said = count(len(np.unique(regions[regions > 0])), "region")
        self._model.advanced.regions.found.setText(said)
        self._tell(
            Said(f"{said} found, shown until something else is chosen; Run takes them.", Kind.DONE)
        )

    def _now(self) -> _Asked:
        """Return what is chosen.

        Raises:
            InputError: there is no image, or a setting cannot be.
        """
        picture, choice = self._image.picture(), self._model.choice
        layer: Any = picture.layer
        look: tuple[object, ...] = ()
        if layer is not None and not layer.rgb:
            look = (tuple(layer.contrast_limits), layer.gamma)
        return _Asked(picture, choice.recipe.regions_key(), look)

    def _follow(self, asked: _Asked | None) -> None:
        """Hear of the layer that a preview is of; ``None``: of none."""
        former, self._asked = self._layer, asked
        self._layer = None if asked is None else asked.picture.layer
        for layer, connects in ((former, False), (self._layer, True)):
            for name in LOOK:
                event = getattr(getattr(layer, "events", None), name, None)
                if event is not None:
                    (event.connect if connects else event.disconnect)(self.look_again)
