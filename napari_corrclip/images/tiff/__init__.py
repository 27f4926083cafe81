"""TIFF files: which picture of one is meant, its numbers as they are stored, its colours."""
