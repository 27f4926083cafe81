"""The table of regions."""
