"""The drawings over napari's canvas, in pixels of the screen."""
