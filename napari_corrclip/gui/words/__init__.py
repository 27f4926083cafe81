"""The vocabulary: the line to type into and the table of classes."""
