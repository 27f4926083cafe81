"""The choice of an image, and of a part of it, in step with the viewer."""

from __future__ import annotations

from typing import Any, cast

import napari
from magicgui.widgets import create_widget
from napari.layers import Image
from psygnal import Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_corrclip.annotation import Source
from napari_corrclip.errors import InputError
from napari_corrclip.gui.fold import Fold
from napari_corrclip.gui.image.area import Area
from napari_corrclip.gui.image.contrast import AUTOMATIC, Contrast
from napari_corrclip.gui.image.layer_files import note
from napari_corrclip.gui.image.picture import OURS, Picture, picture_of, source_of
from napari_corrclip.gui.image.planes import axis_name, level_for, plane_of, shape_at, show_plane
from napari_corrclip.gui.numbers import NumberBox
from napari_corrclip.gui.widgets import button, combo, set_tip
from napari_corrclip.images import PERCENTILES
from napari_corrclip.images.boxes import Box

WHOLE, VIEW, RECTANGLE = AREAS = ("whole image", "current view", "rectangle")
AS_READ, SHOWN, RANKED = CONTRASTS = ("automatic", "as shown", "percentiles")
THIS = "this plane"
COVERING = ("opaque", "translucent", "translucent_no_depth")
"""Blendings by which an image hides what lies below it."""


class ImagePanel(QWidget):
    """The choice of what is segmented; rows that do not apply to the chosen layer are hidden.

    Args:
        viewer: whose image layers are offered.

    Attributes:
        layers: the list of layers, a magicgui widget.
        channels: lists for red, green and blue, in use while ``channels_box`` is checked.
        area, planes, level, contrast: further choices.

    Signals (psygnal):
        chosen: another layer is chosen, or none is left.
        part_chosen: that, or another part or level of it.
    """

    chosen = Signal()
    part_chosen = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.drawn = Area(viewer)
        self.layers = _choice(Image, "image")
        set_tip(self.layers.native, "The image layer that is segmented")
        self.channels_box = QCheckBox("Channels of one image")
        set_tip(self.channels_box, "Take up to three grayscale layers as red, green and blue")
        self.channels = [_choice(Image | None, name) for name in ("red", "green", "blue")]
        for channel in self.channels:
            set_tip(channel.native, f"The grayscale layer that is taken as {channel.label}")
        self.area = combo(AREAS, "Which part of the image is segmented")
        self.area.setMinimumContentsLength(6)
        self.area.setAccessibleName("Run on")
        self.draw_button = button("Draw rectangle", "Drag a rectangle over the image")
        self.planes = combo(
            [THIS],
            "The plane that the viewer shows, or one after another; those that are done are skipped",
        )
        self.level = combo(
            [], "Which level of the multiscale image; results are scaled to lie over it"
        )
        self.contrast = combo(
            CONTRASTS,
            "What becomes black and white for the networks. Automatic: of more than 8 bits, the percentiles "
            f"{PERCENTILES[0]:g} and {PERCENTILES[1]:g}, as by the command line and in scripts; as soon as "
            "you set the layer's contrast or gamma, as shown",
        )
        self.low, self.high = (
            _percentile(value, becomes)
            for value, becomes in zip(PERCENTILES, ("black", "white"), strict=True)
        )
        ranks = QHBoxLayout()
        for spin in (self.low, self.high):
            ranks.addWidget(spin)
        parts = QHBoxLayout()
        parts.addWidget(self.area)
        parts.addWidget(self.draw_button)
        inside = QWidget()
        self._form = QFormLayout(inside)
        self._images = QFormLayout()
        for form in (self._images, self._form):
            form.setContentsMargins(0, 0, 0, 0)
            form.setVerticalSpacing(4)
        self._images.addRow("Image", self.layers.native)
        for label, channel in zip(("Red", "Green", "Blue"), self.channels, strict=True):
            self._images.addRow(label, channel.native)
        self._form.addRow("", self.channels_box)
        self.fold = Fold("Part", inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._images)
        layout.addWidget(self.fold)
        self._form.addRow("Run on", parts)
        self._form.addRow("Planes", self.planes)
        self._form.addRow("Level", self.level)
        self._form.addRow("Contrast", self.contrast)
        self._form.addRow("From, to", ranks)
        self._ranks = ranks
        for choice in (self.layers, *self.channels):
            choice.changed.connect(self._layer_chosen)
        self.channels_box.toggled.connect(self._channels_wanted)
        self.area.currentTextChanged.connect(self._show_rows)
        self.contrast.currentTextChanged.connect(self._show_rows)
        self.level.currentIndexChanged.connect(lambda _: self.part_chosen.emit())
        self.planes.currentIndexChanged.connect(self._summarise)
        self.draw_button.clicked.connect(self.draw_rectangle)
        self._layer_chosen()

    @property
    def layer(self) -> Image | None:
        """The chosen layer; of channels the first."""
        used = [layer for layer in self._chosen_channels() if layer is not None]
        return used[0] if used else self.layers.value

    @layer.setter
    def layer(self, layer: Image) -> None:
        self.layers.reset_choices()
        self.channels_box.setChecked(False)
        self.layers.value = layer

    @property
    def axis(self) -> int | None:
        """The leading axis along which all planes are to be segmented; ``None``: only this plane."""
        found: int | None = self.planes.currentData()
        return found

    @property
    def shown(self) -> Picture | None:
        """What is chosen; ``None`` where it cannot be segmented."""
        try:
            return self.picture()
        except InputError:
            return None

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns of what would be segmented; ``None`` where that is not known."""
        picture = self.shown
        return None if picture is None else picture.shape

    def follow(self, layer: object) -> None:
        """Choose a layer that was selected in the viewer, if it is one to choose."""
        if layer in self.layers.choices and not self.channels_box.isChecked():
            self.layers.value = layer

    def bring_to_view(self) -> None:
        """Show the chosen layer, and hide the images that lie over it."""
        used = [layer for layer in self._chosen_channels() if layer is not None] or [self.layer]
        for layer in used:
            if layer is not None and layer in self.viewer.layers:
                layer.visible = True
                for other in _over(layer, self.viewer):
                    if other not in used:
                        other.visible = False

    def add(self, widget: QWidget) -> None:
        """Put a widget below the choice of the part."""
        self._form.addRow("", widget)

    def reset_choices(self) -> None:
        """Offer the layers that there are."""
        for choice in (self.layers, *self.channels):
            choice.reset_choices()
        self._layer_chosen()

    def draw_rectangle(self) -> None:
        """Let a person draw the part that is segmented."""
        if self.layer is not None:
            self.area.setCurrentText(RECTANGLE)
            self.drawn.draw(self.layer)

    def picture(self) -> Picture:
        """Return what is chosen; nothing is read yet.

        Raises:
            InputError: there is no layer, or this part of it cannot be segmented.
        """
        return self.pictures(None)[0]

    def pictures(self, axis: int | None) -> list[Picture]:
        """Return what is chosen of all planes along a leading axis; ``None``: of the one that is shown.

        Raises:
            InputError: as :meth:`picture`.
        """
        layer = self._layer()
        where = plane_of(layer, self.viewer.dims)
        level, box = self._part(layer)
        contrast = self._contrast()
        wheres = [where]
        if axis is not None:
            wheres = [
                (*where[:axis], index, *where[axis + 1 :]) for index in range(shape_at(layer)[axis])
            ]
        return [
            picture_of(
                layer,
                where,
                level=level,
                box=box,
                contrast=contrast,
                channels=self._chosen_channels(),
            )
            for where in wheres
        ]

    def picture_for(self, source: Source) -> Picture:
        """Return the part of the chosen layer that ``source`` says; nothing is read yet.

        Raises:
            InputError: there is no layer.
        """
        here = self.source()
        # Of a plane that is known by a file of its own, it is the one that is shown.
        own = here is not None and here.former is not None
        return picture_of(
            self._layer(),
            plane_of(self._layer(), self.viewer.dims) if own else source.slice,
            level=source.level,
            box=source.crop,
            contrast=self._contrast(),
            channels=self._chosen_channels(),
        )

    def show_picture(self, picture: Picture) -> None:
        """Choose the layer that a picture is of, and show its plane."""
        layer = picture.layer
        if layer is None or layer not in self.viewer.layers:
            return
        if layer is not self.layer:
            self.layer = layer
        show_plane(layer, self.viewer.dims, picture.where)

    def open_file(self, path: str) -> None:
        """Open an image's file and choose it.

        Raises:
            InputError: it cannot be opened.
        """
        try:
            layers = self.viewer.open(path)
        except Exception as error:  # whoever reads it may raise anything
            raise InputError(
                f"The image {path!r} cannot be opened ({error}); look after its file."
            ) from error
        images = [layer for layer in layers if isinstance(layer, Image)]
        if images:
            self.layer = images[0]

    def source(self) -> Source | None:
        """Return the file and plane that is looked at, without its part; ``None`` where there is none."""
        try:
            layer = self._layer()
            where = plane_of(layer, self.viewer.dims)
        except InputError:
            return None
        level = self.level.currentData()
        return source_of(
            layer,
            where,
            level=level_for(layer) if level is None else level,
            channels=self._chosen_channels(),
        )

    def _layer(self) -> Image:
        if self.layer is None:
            raise InputError("There is no image; open one, or try the demo.")
        return self.layer

    def _chosen_channels(self) -> list[Image | None]:
        if not self.channels_box.isChecked():
            return []
        return [choice.value for choice in self.channels]

    def _contrast(self) -> Contrast:
        if self.contrast.currentText() == AS_READ:
            return AUTOMATIC
        ranked = self.contrast.currentText() == RANKED
        for spin in (self.low, self.high):
            spin.interpretText()  # where a click on Run leaves the keyboard at the box
        return Contrast((self.low.value(), self.high.value()) if ranked else None)

    def _part(self, layer: Image) -> tuple[int, Box | None]:
        """Return the level and the part of it that are chosen."""
        area = self.area.currentText()

        def at(level: int) -> Box | None:
            if area == VIEW:
                return self.drawn.view(layer, level, self)
            return self.drawn.rectangle(layer, level) if area == RECTANGLE else None

        level = self.level.currentData() if layer.multiscale else 0
        if level is None:
            box = at(0)
            sides = shape_at(layer)[-2:]
            share = 1.0 if box is None else max(box[2] - box[0], box[3] - box[1]) / max(sides)
            level = level_for(layer, share)
        return level, at(level)

    # -- rows

    def _gray(self) -> list[Image]:
        """Return the grayscale layers, from below."""
        images = [layer for layer in self.viewer.layers if isinstance(layer, Image)]
        return [layer for layer in images if not layer.rgb and OURS not in layer.metadata]

    def _channels_wanted(self, on: bool) -> None:
        """Begin with the grayscale layers of one size, from below."""
        if on and not any(self._chosen_channels()):
            gray = self._gray()
            alike = [image for image in gray if shape_at(image) == shape_at(gray[0])]
            for channel, layer in zip(self.channels, alike, strict=False):
                channel.value = layer
        self._layer_chosen()

    def _layer_chosen(self, *_: object) -> None:
        note(self.layers.choices)
        layer = self.layer
        axes = 0 if layer is None else layer.ndim - 2
        chosen = self.planes.currentText()
        self.planes.clear()
        self.planes.addItem(THIS, None)
        if layer is not None:
            for axis, count in enumerate(shape_at(layer)[:-2]):
                self.planes.addItem(f"all {count} along {axis_name(layer, axis)}", axis)
        self.planes.setCurrentIndex(max(self.planes.findText(chosen), 0))
        chosen = self.level.currentText()
        self.level.clear()
        if layer is not None and layer.multiscale:
            self.level.addItem(f"by size ({_level_name(layer, level_for(layer))})", None)
            for level in range(len(layer.level_shapes)):
                self.level.addItem(_level_name(layer, level), level)
            self.level.setCurrentIndex(max(self.level.findText(chosen), 0))
        self._form.setRowVisible(self.planes, axes > 0)
        self._form.setRowVisible(self.level, self.level.count() > 0)
        self._show_rows()
        self.chosen.emit()

    def _show_rows(self, *_: object) -> None:
        layer, many = self.layer, self.channels_box.isChecked()
        self._form.setRowVisible(self.channels_box, len(self._gray()) > 1 or many)
        self._images.setRowVisible(self.layers.native, not many)
        for channel in self.channels:
            self._images.setRowVisible(channel.native, many)
        self.draw_button.setVisible(self.area.currentText() == RECTANGLE)
        shades = layer is not None and not layer.rgb
        self._form.setRowVisible(self.contrast, shades)
        self._form.setRowVisible(self._ranks, shades and self.contrast.currentText() == RANKED)
        self._summarise()
        self.part_chosen.emit()

    def _summarise(self, *_: object) -> None:
        """Say in the line what is chosen of the image."""
        layer = self.layer
        said = [self.area.currentText()]
        if layer is not None and layer.ndim > 2 and self.planes.count() > 1:
            said.append(self.planes.currentText())
        if layer is not None and not layer.rgb:
            said.append(f"contrast {self.contrast.currentText()}")
        self.fold.tell(", ".join(said))


def _over(layer: Image, viewer: napari.viewer.Viewer) -> list[Image]:
    """Return the images that cover a layer, or a part of it."""
    canvas: Any = getattr(viewer, "canvas", viewer)  # napari 0.9 moved it
    if canvas.grid.enabled:
        return []
    low, high = layer.extent.world[:, -2:]
    return [
        other
        for other in viewer.layers[viewer.layers.index(layer) + 1 :]
        if isinstance(other, Image)
        and OURS not in other.metadata
        and other.visible
        and other.opacity == 1
        and other.blending in COVERING
        and (other.extent.world[0, -2:] < high).all()
        and (other.extent.world[1, -2:] > low).all()
    ]


def _choice(annotation: object, label: str) -> Any:
    """Return a list of the viewer's images to choose from, without those that are made of a session."""
    made = cast(Any, create_widget(annotation=cast(Any, annotation), label=label))
    every = made.options["choices"]  # napari's own: the layers of the viewer that the widget is in

    def choices(widget: object) -> list[Image]:
        return [layer for layer in every(widget) if OURS not in layer.metadata]

    return create_widget(
        annotation=cast(Any, annotation), label=label, options={"choices": choices}
    )


def _percentile(value: float, becomes: str) -> NumberBox:
    made = NumberBox()
    made.setAccessibleName(f"Percentile that becomes {becomes}")
    made.setRange(0, 100)
    made.setDecimals(1)
    made.setSuffix(" %")
    # Two of them share the width of a narrow dock.
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    made.setValue(value)
    set_tip(made, f"Percentile of the pixels that becomes {becomes}")
    return made


def _level_name(layer: Image, level: int) -> str:
    rows, columns = shape_at(layer, level)[-2:]
    return f"{level}: {rows:,} × {columns:,}"
