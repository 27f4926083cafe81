"""An item's image as a run reads it: pixels, and by what its file is known again; one ahead of the work."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from napari_corrclip.images import ImageOptions
from napari_corrclip.images.pixels import Pixels
from napari_corrclip.images.stack import Where
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.project.folder import (
    check_readable,
    content_of,
    content_of_plane,
    file_now,
    has_content,
)


@dataclass(frozen=True, eq=False, slots=True)
class ReadImage:
    """An image that was read, and its file as it was before.

    Attributes:
        pixels: of the image, or of a plane; ``None``: it is a large one, which is read piece by piece.
        size: bytes of the file.
        mtime: when it was last changed.
        digest: checksum of the content.
    """

    pixels: Pixels | None
    size: int
    mtime: int
    digest: str


def read_image(image: Path, plane: Where = (), options: ImageOptions | None = None) -> ReadImage:
    """Return the pixels of an image, or of one plane of a stack.

    Args:
        image: its file.
        plane: of a stack, which one.
        options: limits or percentiles.

    Raises:
        InputError: it cannot be used.
    """
    size, mtime = _file_before(image)
    pixels = read_plane(image, plane, options)
    # A plane is known by its own pixels.
    return ReadImage(pixels, size, mtime, content_of_plane(pixels) if plane else content_of(image))


def look_at_image(image: Path) -> ReadImage:
    """Return what a large image is known by, whose pixels are not all in memory."""
    return ReadImage(None, *_file_before(image), content_of(image))


class ReadAhead:
    """The reading of images in a thread: while one is worked on, the next one is read.

    Use it as a context.

    Args:
        reads: of the images, in the order in which they will most likely be wanted.
    """

    def __init__(self, reads: Sequence[Callable[[], ReadImage]]) -> None:
        self._reads = reads
        self._thread = ThreadPoolExecutor(1, "napari-corrclip-read")
        self._ahead: tuple[int, Future[ReadImage]] | None = None

    def get(self, number: int) -> ReadImage:
        """Return an image, and begin to read the one after it.

        Args:
            number: of the image, from 0 on.

        Raises:
            InputError: it cannot be used.
        """
        if self._ahead is not None and self._ahead[0] == number:
            reading = self._ahead[1]
        else:
            reading = self._thread.submit(self._reads[number])
        self._ahead = None
        read = reading.result()
        if number + 1 < len(self._reads):
            self._ahead = number + 1, self._thread.submit(self._reads[number + 1])
        return read

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the thread, and of what it reads."""
        self._thread.shutdown(cancel_futures=True)
        self._ahead = None


def is_as_it_was(image: Path, plane: Where, digest: str) -> bool:
    """Whether an image, or the plane of a stack, is that of a checksum, whatever its file's time is.

    Raises:
        UnreadableError: it cannot be read, which tells nothing of its content.
        InputError: there is no such plane.
    """
    if plane:  # other ones may have come beside it
        check_readable(image)
        return content_of_plane(read_plane(image, plane)) == digest
    same = has_content(image, digest)
    if not same:
        check_readable(image)
    return same


def _file_before(image: Path) -> tuple[int, int]:
    """Return size and time before anything is read, so that what is changed meanwhile is another one."""
    with contextlib.suppress(OSError):  # reading it says why
        return file_now(image)
    return 0, 0
