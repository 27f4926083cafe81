"""How good a segmentation is: metrics over images with truth."""
