"""Labels saved by napari's menu: the ending of the name decides who writes them.

napari asks the writer whose filter is chosen in its dialog, and its own comes first. That one fails at a name
in .png and leaves an empty file there; as .tif it writes the labels of a session without their classes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Layer

from napari_corrclip.annotation.session import SESSION
from napari_corrclip.plugin.writer import ENDINGS, SUFFIX

if TYPE_CHECKING:
    from napari.components import LayerList, ViewerModel

PLUGIN = "napari-corrclip"


def mend_saving(viewer: ViewerModel) -> None:
    """Have a viewer's layers saved by :class:`Saving` from now on, whatever the dock does."""
    if not isinstance(viewer.layers.save, Saving):
        viewer.layers.save = Saving(viewer.layers)


class Saving:
    """The ``save`` of a viewer's layers that finds our writers by the name's ending.

    Args:
        layers: of a viewer.
    """

    def __init__(self, layers: LayerList) -> None:
        self._layers = layers
        self._save: Callable[..., list[str]] = layers.save

    def __call__(
        self, path: str, *, selected: bool = False, plugin: str | None = None, **more: Any
    ) -> list[str]:
        """Save all layers, or the selected ones; see napari's own.

        Args:
            path: where.
            selected: whether the selected layers alone.
            plugin: whose writer; it is asked then, and nobody else.
            **more: the writer that was chosen in napari's dialog.
        """
        chosen = any(
            str(getattr(writer, "command", "")).startswith(PLUGIN) for writer in more.values()
        )
        wanted = [
            layer for layer in self._layers if layer in self._layers.selection or not selected
        ]
        if plugin is None and not chosen and _is_ours(Path(path).suffix.lower(), wanted):
            return self._save(path, selected=selected, plugin=PLUGIN)
        return self._save(path, selected=selected, plugin=plugin, **more)


def _is_ours(ending: str, layers: list[Layer]) -> bool:
    """Whether our writers are the ones for layers under a name that ends so."""
    if ending == SUFFIX:
        return True
    if len(layers) != 1 or not isinstance(layers[0], Labels):
        return False
    return ending == ".png" or (ending in ("", *ENDINGS) and SESSION in layers[0].metadata)
