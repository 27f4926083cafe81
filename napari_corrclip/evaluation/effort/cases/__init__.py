"""The cases that are corrected: images with their truth and pre-labels."""
