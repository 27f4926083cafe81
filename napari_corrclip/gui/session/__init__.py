"""Sessions: shown, kept, restored, saved and loaded."""
