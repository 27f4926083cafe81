"""The results of a run, and our own files of them.

Maps are written by what takes arrays, tables and vocabularies, not results or sessions: a prediction and a
corrected map are written alike.

* :mod:`~napari_corrclip.results.segmentation`, :mod:`~napari_corrclip.results.large`: results, in memory
  and on the disk; :mod:`~napari_corrclip.results.provenance`: how they were made;
* :mod:`~napari_corrclip.results.folder`: everything of one image in one folder;
  :mod:`~napari_corrclip.results.zarr_maps`: maps that do not fit into memory;
* :mod:`~napari_corrclip.results.label_files`: label and region maps as image files;
* :mod:`~napari_corrclip.results.overlay`: the picture of a result.
"""
