"""The files of a study or an evaluation, written together or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari_corrclip.errors import InputError
from napari_corrclip.storage.folders import Writer, recover_folder, write_folder


def check_foreign(folder: Path, record: str) -> None:
    """Raise InputError where ``folder`` has a file of these names that no study is known to have made.

    Args:
        folder: that gets the results.
        record: file that says so, of whose name the others' begin.
    """
    recover_folder(folder)
    if (folder / record).exists():
        return
    begin = record.partition(".")[0]
    foreign = sorted(folder.glob(f"{begin}*")) if folder.is_dir() else []
    if foreign:
        raise InputError(
            f"{str(foreign[0])!r} is there and might be replaced, without the {record} that says it is "
            "of this program; move it away or give another -o."
        )


def check_finished(
    folder: Path,
    record: str,
    what: str,
    *,
    replace: bool,
    describe: Callable[[Mapping[str, Any]], str] = lambda _: "",
) -> None:
    """Raise InputError where ``folder`` has a finished study, or files of its names that none has made.

    Args:
        folder: that gets the results.
        record: as for :func:`check_foreign`; JSON.
        what: noun of the study, with its article.
        replace: whether a finished one may be replaced.
        describe: tells of the record's document which one it is.
    """
    check_foreign(folder, record)
    if replace or not (folder / record).exists():
        return
    which = ""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if told := describe(json.loads((folder / record).read_bytes())):
            which = f" ({told})"
    raise InputError(
        f"{str(folder)!r} has {what}{which}; give another -o, or --replace to measure it anew."
    )


def write_together(
    folder: str | os.PathLike[str], writers: Mapping[str, Writer], plots: str
) -> None:
    """Write the files of a study into ``folder``, all or none; plots of an earlier one are replaced.

    Args:
        folder: that gets them.
        writers: by file name.
        plots: pattern of the names of plots.
    """
    target = Path(folder)
    recover_folder(target)
    before = [path.name for path in target.glob(plots)] if target.is_dir() else []
    write_folder(target, dict(writers), owned={*writers, *before})


def text(content: str) -> Writer:
    """Return what writes a text."""
    return binary(content.encode())


def binary(data: bytes) -> Writer:
    """Return what writes bytes."""
    return lambda path: path.write_bytes(data)
