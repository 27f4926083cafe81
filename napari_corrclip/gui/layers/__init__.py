"""The layers of a session, and what is drawn on them."""

from napari_corrclip._moved import moved_names

__getattr__ = moved_names(__name__)
