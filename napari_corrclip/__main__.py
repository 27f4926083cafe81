"""``python -m napari_corrclip`` is the command line."""

import sys

from napari_corrclip.cli import main

if __name__ == "__main__":
    sys.exit(main())
