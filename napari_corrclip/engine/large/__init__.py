"""Images too large for memory: one grid of windows, regions tile by tile, results on the disk.

How a pixel goes through, with what is in memory in brackets::

    image (zarr, dask, memmap, tiled TIFF)
      |                                                                  planes.py, reading.py
      |-- tile + margin -> a region source -> ids of this tile alone     [one tile]
      |        joined with the neighbours' ids over the shared strips    grid.py, joining.py
      |        -> regions on the disk, numbered through                  regions.py
      |
      |-- windows of ONE grid over the whole image, each encoded once    windows.py
      |        -> its logits on the cells      [windows that a later tile needs]
      |
      |-- block by block: logits blended over all windows that cover it, exactly as of an image in
      |   one piece -> classes before map correction -> the disk         blocks.py
      |        -> votes, sums, boxes of its regions       [regions x classes] tally.py
      |
      '-- block by block: every region takes its class -> the disk       run.py

So a tile is how much is read and kept at a time, and not what is inferred by itself: with given
regions the labels are those of the image in one piece. Only regions that are found see the tiles, as
their source looks at a tile at a time.
"""

from __future__ import annotations

from napari_corrclip._moved import moved_names
from napari_corrclip.engine.large.run import large_steps
from napari_corrclip.results.large import LargeSegmentation

__all__ = ["LargeSegmentation", "large_steps"]

__getattr__ = moved_names(__name__)
