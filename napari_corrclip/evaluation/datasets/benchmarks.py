"""The eight benchmarks as they lie on a disk: layouts, protocols, published figures.

Layouts are those that mmsegmentation's guide to data sets makes, in which the field has them. Protocols and
figures are of CorrCLIP's paper (ICCV 2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from napari_corrclip.errors import InputError
from napari_corrclip.evaluation.datasets.dataset import (
    Dataset,
    Incomplete,
    LabelledImage,
    TruthValues,
)
from napari_corrclip.storage.frozen import FrozenMapping
from napari_corrclip.storage.text_files import read_text
from napari_corrclip.vocabulary.benchmarks import BENCHMARKS, benchmark
from napari_corrclip.wording.amounts import count

_VOID: Final = frozenset({255})
_ZERO_TOO: Final = frozenset({0, 255})
_THINGS: Final = 80
"""The first classes of COCO-Stuff, by its train ids, are COCO's objects."""


@dataclass(frozen=True, slots=True)
class Truths:
    """One way in which a benchmark's truth is kept.

    Attributes:
        pattern: of the map's path below the root; ``{key}`` and ``{folder}`` are those of
            its image.
        values: what it holds.
        note: what is to be known where it was read so.
    """

    pattern: str
    values: TruthValues
    note: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a benchmark below its root.

    Attributes:
        picture: pattern of an image's path: ``{key}`` is what its name begins with, ``{folder}`` a folder.
        truths: ways in which truths are kept; the first that is there is taken.
        split: file with a key a line; empty: all images that are there.
        homes: folders in which the root may lie, as those who publish it pack it.
        images: how many there are.
        short_side: of the inference, in pixels.
        window: side of the window, in pixels.
        published: figures of CorrCLIP's paper by preset, mIoU in percent.
    """

    picture: str
    truths: tuple[Truths, ...]
    images: int
    split: str = ""
    homes: tuple[str, ...] = ()
    short_side: int = 336
    window: int = 336
    published: Mapping[str, float] = field(default_factory=lambda: FrozenMapping({}))


_PRESETS: Final = ("vit-b-16", "vit-b-16-metaclip", "vit-l-14-metaclip")


def _figures(*values: float) -> Mapping[str, float]:
    return FrozenMapping(dict(zip(_PRESETS, values, strict=True)))


def _voc(first: int, ignored: frozenset[int], figures: Mapping[str, float]) -> Layout:
    return Layout(
        picture="JPEGImages/{key}.jpg",
        truths=(Truths("SegmentationClass/{key}.png", TruthValues(first, ignored)),),
        split="ImageSets/Segmentation/val.txt",
        homes=("VOC2012", "VOCdevkit/VOC2012"),
        images=1449,
        published=figures,
    )


def _context(first: int, ignored: frozenset[int], figures: Mapping[str, float]) -> Layout:
    return Layout(
        picture="JPEGImages/{key}.jpg",
        truths=(Truths("SegmentationClassContext/{key}.png", TruthValues(first, ignored)),),
        split="ImageSets/SegmentationContext/val.txt",
        homes=("VOC2010", "VOCdevkit/VOC2010"),
        images=5104,
        published=figures,
    )


LAYOUTS: Final[Mapping[str, Layout]] = MappingProxyType(
    {
        "voc21": _voc(0, _VOID, _figures(72.2, 74.8, 76.7)),
        "voc20": _voc(1, _ZERO_TOO, _figures(88.7, 88.8, 91.5)),
        "context60": _context(0, _VOID, _figures(41.6, 44.2, 44.9)),
        "context59": _context(1, _ZERO_TOO, _figures(47.1, 48.8, 50.8)),
        "coco_stuff": Layout(
            picture="images/val2017/{key}.jpg",
            truths=(Truths("annotations/val2017/{key}_labelTrainIds.png", TruthValues()),),
            homes=("coco_stuff164k",),
            images=5000,
            published=_figures(30.7, 31.6, 34.0),
        ),
        "coco_object": Layout(
            picture="images/val2017/{key}.jpg",
            truths=(
                Truths("annotations/val2017/{key}_instanceTrainIds.png", TruthValues()),
                Truths(
                    "annotations/val2017/{key}_labelTrainIds.png",
                    TruthValues(things=_THINGS),
                    "the truth of objects was made of COCO-Stuff's: things as they are, all else background",
                ),
            ),
            homes=("coco_object", "coco_stuff164k"),
            images=5000,
            published=_figures(40.7, 43.7, 49.4),
        ),
        "ade20k": Layout(
            picture="images/validation/{key}.jpg",
            truths=(Truths("annotations/validation/{key}.png", TruthValues(1, _ZERO_TOO)),),
            homes=("ADEChallengeData2016", "ade/ADEChallengeData2016"),
            images=2000,
            short_side=448,
            published=_figures(23.7, 26.9, 30.7),
        ),
        "cityscapes": Layout(
            picture="leftImg8bit/val/{folder}/{key}_leftImg8bit.png",
            truths=(Truths("gtFine/val/{folder}/{key}_gtFine_labelTrainIds.png", TruthValues()),),
            homes=("cityscapes",),
            images=500,
            short_side=448,
            window=224,
            published=_figures(44.6, 49.4, 51.1),
        ),
    }
)
"""The layouts by the benchmark's name."""

STRIDE: Final = 112
CONDITIONS: Final = "regions of SAM 2 by 32 × 32 points, larger masks on top"
"""Under what the published figures were measured; networks of SAM 2 are none of the presets'."""


def open_benchmark(name: str, root: Path) -> Dataset:
    """Find a benchmark's images and truths below a folder; reads no picture.

    Args:
        name: one of :data:`LAYOUTS`.
        root: the folder, or one in which the published archive was unpacked.

    Raises:
        InputError: no such layout is there, or a file of it is missing.
    """
    layout, known = LAYOUTS[name], BENCHMARKS[name]
    home = _home(layout, root, known.title)
    keys = _listed(layout, home) if layout.split else _found(layout, home)
    listed, keys = len(keys), list(dict.fromkeys(keys))
    if not keys:
        where = home / (layout.split or _top(layout.picture))
        raise InputError(f"{str(where)!r} names no image of {known.title}; give another --root.")
    truths = _kept(layout, home, keys[0])
    images = tuple(
        LabelledImage(
            _name(folder, key),
            home / layout.picture.format(key=key, folder=folder),
            home / truths.pattern.format(key=key, folder=folder),
        )
        for folder, key in keys
    )
    _check_there(images)
    return Dataset(
        name=name,
        title=known.title,
        vocabulary=benchmark(name),
        images=images,
        values=truths.values,
        protocol=FrozenMapping(
            {"short_side": layout.short_side, "window": layout.window, "stride": STRIDE}
        ),
        expected=layout.images,
        published=layout.published,
        note="; ".join(filter(None, (truths.note, _repeated(layout, listed - len(keys))))),
    )


def _name(folder: str, key: str) -> str:
    return f"{folder}/{key}" if folder else key


def _top(pattern: str) -> str:
    """Return what a pattern begins with, up to its first variable folder or name."""
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if "{" in part)
    return Path(*parts[:fixed]).as_posix()


def _home(layout: Layout, root: Path, title: str) -> Path:
    """Return the folder below which a layout lies: the root itself, or where its archive unpacks to."""
    if not root.is_dir():
        raise InputError(f"There is no folder {str(root)!r}; give the data set's as --root.")
    needed = [layout.split] if layout.split else []
    needed.append(_top(layout.picture))
    for home in (root, *(root / name for name in layout.homes)):
        if all((home / each).exists() for each in needed):
            return home
    missing = [each for each in needed if not (root / each).exists()]
    raise InputError(
        f"{str(root)!r} has no {title}: there is no {' and no '.join(map(repr, missing))} in it; give the "
        "folder in which it lies as --root."
    )


def _listed(layout: Layout, home: Path) -> list[tuple[str, str]]:
    """Return folder and key of each image that the split names, as often as it does.

    Raises:
        InputError: it cannot be read, or a line would lead out of the folder of images.
    """
    found = []
    lines = read_text(home / layout.split, "list of images").split("\n")
    for number, key in enumerate(map(str.strip, lines), start=1):
        if set(key) & set("/\\") or not key.isprintable():
            raise InputError(
                f"Line {number} of {str(home / layout.split)!r}, {key[:80]!r}, is no name of an image; give "
                "names without folders and suffixes, one a line."
            )
        if key:
            found.append(("", key))
    return found


def _repeated(layout: Layout, times: int) -> str:
    """Return what is to be known of a split that names images more than once."""
    if not times:
        return ""
    lines = count(times, "line")
    return f"{lines} of {layout.split} {'repeats' if times == 1 else 'repeat'} another, which counts once"


def _found(layout: Layout, home: Path) -> list[tuple[str, str]]:
    """Return folder and key of each image that is there, by name."""
    top, name = home / _top(layout.picture), Path(layout.picture).name
    begin, end = name.split("{key}")
    folders = "*/" if "{folder}" in layout.picture else ""
    # What macOS leaves beside files on other systems' disks is hidden, and is called like them.
    paths = sorted(
        path
        for path in top.glob(f"{folders}{begin}*{end}")
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(top).parts)
    )
    return [
        (path.parent.name if folders else "", path.name[len(begin) : len(path.name) - len(end)])
        for path in paths
    ]


def _kept(layout: Layout, home: Path, first: tuple[str, str]) -> Truths:
    """Return the way in which the truths are kept, by that of the first image."""
    folder, key = first
    for truths in layout.truths:
        if (home / truths.pattern.format(key=key, folder=folder)).exists():
            return truths
    return layout.truths[0]


def _check_there(images: tuple[LabelledImage, ...]) -> None:
    """Raise Incomplete where a file is missing."""
    gone = [
        f"The {what} {str(path)!r} is not there"
        for what, paths in (
            ("image", [each.image for each in images]),
            ("truth", [each.truth for each in images]),
        )
        for path in paths
        if not path.is_file()
    ]
    if gone:
        others = count(len(gone) - 1, "other file is", "other files are")
        more = f" ({others} missing, too)" if len(gone) > 1 else ""
        raise Incomplete(
            f"{gone[0]}{more}; complete the data set, or give another --root.",
            gone,
        )
