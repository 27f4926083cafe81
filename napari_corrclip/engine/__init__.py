"""An image and words to a result, by torch: encoding (slow, no words), classifying (fast)."""

from napari_corrclip._moved import moved_names

__getattr__ = moved_names(__name__)
