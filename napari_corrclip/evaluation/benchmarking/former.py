"""The report that a folder has before a run, of which nothing is to be lost unawares."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.datasets.dataset import Dataset
from napari_corrclip.wording.amounts import count

FORMAT: Final = "napari-corrclip evaluation 1"


def counted(dataset: Dataset) -> dict[str, Any]:
    """Return what a report keeps of the images and values that its figures count, as JSON can hold it."""
    return {
        "images": len(dataset.images),
        "first_value": dataset.values.first,
        "ignored_values": sorted(dataset.values.ignored),
    }


def check_former(path: Path, dataset: Dataset, *, oracle: bool) -> None:
    """Raise InputError where a report counts more images or other values than the one that would replace it.

    One of as many images or fewer is no more than a step on the way, and gives place.

    Args:
        path: the report's JSON; need not be there.
        dataset: what is to be counted now.
        oracle: whether both sources' ceilings are to be told.
    """
    if not path.exists():
        return
    former: Any = None
    with contextlib.suppress(OSError, ValueError):
        former = json.loads(path.read_bytes())
    known = isinstance(former, dict) and former.get("format") == FORMAT
    lost = list(_lost(former, dataset, oracle)) if known else ["it is none of this version"]
    if lost:
        raise InputError(
            f"The report in {str(path.parent)!r} is another one ({'; '.join(lost)}); give the same options, "
            "another -o, or --replace, which leaves the results of images as they are."
        )


def _lost(former: dict[str, Any], dataset: Dataset, oracle: bool) -> Iterator[str]:
    """Yield what a report has that a new one would not have, as far as it is known."""
    now, then = counted(dataset), former.get("counted")
    then = then if isinstance(then, dict) else {"images": former.get("images")}
    images = then.get("images")
    if isinstance(images, int) and images > now["images"]:
        yield f"it is of {count(images, 'image')} and not of {now['images']:,}"
    if then.get("ignored_values", now["ignored_values"]) != now["ignored_values"]:
        yield (
            f"it leaves out {_values(then['ignored_values'])} and not {_values(now['ignored_values'])}"
        )
    if then.get("first_value", now["first_value"]) != now["first_value"]:
        yield f"its first class is the value {then['first_value']} and not {now['first_value']}"
    ceilings = former.get("ceilings")
    if isinstance(ceilings, dict) and len(ceilings) > 1 and not oracle:
        yield f"it tells what {list(ceilings)[-1]} could reach, which is asked for by --oracle"


def _values(ignored: object) -> str:
    """Return values of a truth in words."""
    if not isinstance(ignored, list) or not ignored:
        return "no value"
    return f"the value{'s' if len(ignored) > 1 else ''} {', '.join(map(str, ignored))}"
