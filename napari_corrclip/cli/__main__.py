"""``python -m napari_corrclip.cli``, where the command is not on the path."""

from napari_corrclip.cli import main

raise SystemExit(main())
