"""The image that is chosen: layer, plane, part, contrast."""
