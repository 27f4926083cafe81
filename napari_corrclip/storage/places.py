"""Every folder of ours: of weights, of presets and of sessions, and the variables that name them.

Where a person has no home (a container, a batch system's user that no file knows), what needs no folder
must work all the same: what would lie in it lies in a folder of this user's own for temporary files.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from functools import cache
from pathlib import Path
from typing import Literal

from napari_corrclip.errors import InputError

_log = logging.getLogger(__name__)

CACHE_VARIABLE = "NAPARI_CORRCLIP_CACHE"
PRESETS_VARIABLE = "NAPARI_CORRCLIP_PRESETS"
SESSIONS_VARIABLE = "NAPARI_CORRCLIP_SESSIONS"

_NAME = "napari-corrclip"
_Kind = Literal["cache", "config", "data"]


def cache_folder(
    folder: str | os.PathLike[str] | None = None, preferred: str | os.PathLike[str] = ""
) -> Path:
    """Return the folder in which downloaded weights and text features are kept; it need not exist yet.

    Args:
        folder: a folder to use; ``None`` takes the one that ``NAPARI_CORRCLIP_CACHE`` names, else
            ``preferred``, else the system's folder for a user's caches.
        preferred: what a person prefers in this process; empty: nothing.

    Raises:
        InputError: it begins with the home of somebody who has none.
    """
    if folder:
        return expanded(folder, "The folder of weights").absolute()
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return expanded(named, f"The folder in {CACHE_VARIABLE}").absolute()
    if preferred:
        return expanded(preferred, "The folder of weights").absolute()
    return _of_user("cache")


def presets_folder() -> Path:
    """Return the folder of the presets that a person saved; it need not exist yet.

    The one that the environment variable ``NAPARI_CORRCLIP_PRESETS`` names, else ``presets`` in the
    system's folder for a user's configuration: caches may be emptied at any time, and what somebody
    made must outlive that.

    Raises:
        InputError: as of :func:`cache_folder`.
    """
    named = os.environ.get(PRESETS_VARIABLE)
    if named:
        return expanded(named, f"The folder in {PRESETS_VARIABLE}").absolute()
    return _of_user("config") / "presets"


def sessions_folder() -> Path:
    """Return the folder of the sessions that are kept while they are edited; it need not exist yet.

    The one that the environment variable ``NAPARI_CORRCLIP_SESSIONS`` names, else ``sessions`` in the
    system's folder for a user's data.

    Raises:
        InputError: as of :func:`cache_folder`.
    """
    named = os.environ.get(SESSIONS_VARIABLE)
    if named:
        return expanded(named, f"The folder in {SESSIONS_VARIABLE}").absolute()
    return _of_user("data") / "sessions"


def expanded(path: str | os.PathLike[str], what: str) -> Path:
    """Return ``path`` with the home folder in the place of ``~``.

    Args:
        path: of a file or folder.
        what: names it in the sentence, as its subject.

    Raises:
        InputError: nobody knows that home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(
            f"{what} is {os.fspath(path)!r}, and that home folder is not known here; give the whole "
            "path."
        ) from None


def can_write(folder: Path) -> bool:
    """Whether something may be made in ``folder``, which need not exist yet."""
    effective = os.access in os.supports_effective_ids
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return folder.is_dir() and os.access(folder, os.W_OK, effective_ids=effective)
    except OSError:  # another person's home
        return False


def is_file(path: Path) -> bool:
    """Whether there is a file; where nobody may look, there is none."""
    try:
        return path.is_file()
    except OSError:  # another person's home
        return False


def _of_user(kind: _Kind) -> Path:
    """Return the system's folder of this kind for us, or, without a home, one for temporary files."""
    import platformdirs

    known = {
        "cache": platformdirs.user_cache_dir,
        "config": platformdirs.user_config_dir,
        "data": platformdirs.user_data_dir,
    }
    try:
        folder = Path(known[kind](_NAME, appauthor=False))
    except (OSError, RuntimeError, KeyError):
        return _without_home() / kind
    # Some versions give "~/.cache" as it is: a folder called ~ wherever a program was started.
    return folder if folder.is_absolute() else _without_home() / kind


@cache  # The same for the whole process, and told once.
def _without_home() -> Path:
    try:
        folder = _own_temporary(Path(tempfile.gettempdir()))
    except OSError:
        # Nothing can be made there, which everybody who keeps something must be able to bear.
        return Path(os.devnull) / _NAME
    _log.warning(
        "There is no home folder: weights, presets and sessions are kept in %s; set HOME, or %s, %s "
        "and %s.",
        folder, CACHE_VARIABLE, PRESETS_VARIABLE, SESSIONS_VARIABLE,
    )  # fmt: skip
    return folder


def _own_temporary(base: Path) -> Path:
    """Return a folder in ``base`` that belongs to this user, and that nobody else can look into."""
    if not hasattr(os, "getuid"):
        return Path(tempfile.mkdtemp(prefix=f"{_NAME}-", dir=base))
    folder = base / f"{_NAME}-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if not mine or found.st_mode & 0o077:
            # Somebody else made it first: what lies there may be anything.
            return Path(tempfile.mkdtemp(prefix=f"{_NAME}-", dir=base))
    return folder
