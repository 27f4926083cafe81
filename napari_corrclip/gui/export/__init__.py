"""The page that writes what was corrected to files."""
