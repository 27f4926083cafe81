"""What the manifest names: reader, writer, sample data."""
