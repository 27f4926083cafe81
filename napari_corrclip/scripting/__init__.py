"""A session as a Python script: the last run, and everything that was done by hand since.

:func:`as_python` writes it; the other names are what such a script calls. Titles, names of classes and files,
and whatever else comes from files of others, get into a script as literals (``repr``) or, made visible, as
comments; never as code.
"""

from napari_corrclip.scripting.packed import check_regions, label_map, mask, repeat
from napari_corrclip.scripting.script import Script, as_python, script_steps

__all__ = [
    "Script",
    "as_python",
    "check_regions",
    "label_map",
    "mask",
    "repeat",
    "script_steps",
]
