"""Benchmarking: a data set run as a project, scored, and reported beside the published figures."""
