"""Variants of the method: pure functions in the place of its steps, tried on the demo's scenes."""
