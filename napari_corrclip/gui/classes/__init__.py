"""The classes of an image and of its set in motion: merged, parted, removed and brought back."""
