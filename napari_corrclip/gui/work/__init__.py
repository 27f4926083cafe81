"""The work that runs and the sessions that are kept, without a widget."""
