"""The order in which a person looks at regions: what to look at next, and why."""
