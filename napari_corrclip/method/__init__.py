"""CorrCLIP, one module a step, named after the paper's sections.

Pure functions of tensors: they know no network, no file and no setting, and import nothing of this
package. In the order in which an image passes through them:

==================  ==========================================================================
:mod:`~.text`          prompts in templates become one feature a query
:mod:`~.similarity`    value reconstruction: how alike two cells are (eq. 9, 10)
:mod:`~.merging`       regions that look alike become one (eq. 5, 6)
:mod:`~.scope`         scope reconstruction: who attends to whom (eq. 7, 8)
:mod:`~.refinement`    the spatial and the semantic branch (eq. 11)
:mod:`~.stitching`     attention across windows instead (OV-Stitcher; no part of the paper)
:mod:`~.prediction`    logits, probabilities, the background threshold
:mod:`~.correction`    map correction: every region votes (eq. 12)
:mod:`~.baseline`      what the method is measured against (eq. 1-4)
:mod:`~.grids`         nearest and bilinear resampling between grids
==================  ==========================================================================

Shapes: B windows, h x w cells of the feature grid, N = h * w, d channels, K classes, Q queries.
Region id 0 is the unsegmented part, by name and not by being the smallest id that occurs.
"""
