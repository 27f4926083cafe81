"""The window of a comparison: how far two people agree, where they differ, and the other's labels."""
