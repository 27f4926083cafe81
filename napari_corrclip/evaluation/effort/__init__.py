"""What correcting costs: a simulated person, with and without pre-labels, counted in actions."""
