"""The cost of correcting: a simulated person, with and without pre-labels, counted in actions."""
