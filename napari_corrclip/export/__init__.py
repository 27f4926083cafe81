"""Results in other people's formats.

What is here takes arrays, tables and vocabularies, not results or sessions: a prediction and a
corrected map are written alike.

* :mod:`~napari_corrclip.export.maps`: label and region maps as image files;
* :mod:`~napari_corrclip.export.overlay`: the picture of a result;
* :mod:`~napari_corrclip.export.folder`: everything of one image in one folder.
"""
