"""The command as ``python -m napari_corrclip.cli``, where it is not on the path."""

from napari_corrclip.cli import main

raise SystemExit(main())
