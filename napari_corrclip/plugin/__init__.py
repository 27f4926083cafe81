"""The parts that the manifest names: reader, writer, sample data."""
