"""How the demo networks were trained: ``python -m napari_corrclip.demo.training --help``."""
