"""Data sets: images with truth, in the layouts in which people have them."""
