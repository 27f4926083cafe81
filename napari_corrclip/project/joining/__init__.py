"""Two projects of two people: compared, merged, and a sample of one for a second look."""
