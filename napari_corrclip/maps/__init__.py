"""Integer maps of an image: label maps and region maps, their ids as they are stored."""
