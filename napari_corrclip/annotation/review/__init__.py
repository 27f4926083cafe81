"""The regions that a person should look at: which ones, and in what order."""
