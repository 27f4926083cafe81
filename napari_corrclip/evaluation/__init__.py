"""The quality of segmentations: metrics over images with truth."""
