"""Layers that somebody saves by napari's menu, and what napari says of it."""

from __future__ import annotations

import gc
import sys
import traceback

import napari
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication


def save_selected(viewer: napari.Viewer) -> tuple[list[str], list[str]]:
    """Choose *Save Selected Layers…* in the menu; return what napari was told, and what it shows."""
    menu = viewer.window.file_menu
    notification_manager.records.clear()
    notification_manager.notification_ready.connect(NapariQtNotification.show_notification)
    try:
        with notification_manager:
            menu.findAction("napari.window.file.save_layers_dialog.selected").trigger()
            QApplication.processEvents()
        boxes = viewer.window._qt_viewer.canvas.native.findChildren(NapariQtNotification)
        return (
            [one.message for one in notification_manager.records],
            [one.message.text() for one in boxes],
        )
    finally:
        notification_manager.notification_ready.disconnect(NapariQtNotification.show_notification)
        for one in notification_manager.records:
            # the frames that an error, and those before it, came through hold the viewer
            error = one.exception
            while error is not None:
                traceback.clear_frames(error.__traceback__)
                error.__traceback__ = None
                error = error.__context__
        notification_manager.records.clear()
        for box in boxes:
            box.close()
        for name in ("last_exc", "last_type", "last_value", "last_traceback"):
            if hasattr(sys, name):
                delattr(sys, name)
        gc.collect()
