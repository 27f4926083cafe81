"""The simulated person: the ways of working, what each action does, and what it costs."""
