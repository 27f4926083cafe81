"""Many images, or many planes of one."""
