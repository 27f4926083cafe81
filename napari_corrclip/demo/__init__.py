"""The embedded world: a seeded generator of scenes with truth, and small networks trained on it."""
