"""The command line as ``python -m napari_corrclip``."""

import sys

from napari_corrclip.cli import main

if __name__ == "__main__":
    sys.exit(main())
