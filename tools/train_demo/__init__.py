"""How the demo networks were trained: ``python -m tools.train_demo --help``."""
