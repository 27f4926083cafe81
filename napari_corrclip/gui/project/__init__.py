"""Projects in the window: the list of their images, the run over them, and the way from one to the next."""
