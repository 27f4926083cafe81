"""The only place that knows Qt and napari: layers, workers, the dock."""
