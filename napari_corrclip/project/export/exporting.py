"""An export of many images: written whole or not at all, with a manifest beside it."""

from __future__ import annotations

import os
import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.export.checks import check_read_back
from napari_corrclip.project.export.format import Choice, Format, Head, Wanted
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.manifest import ManifestWriter
from napari_corrclip.project.export.numbering import Background, First, Numbering
from napari_corrclip.project.export.pictures import HOWS, How, is_turned, with_picture
from napari_corrclip.project.export.replacing import Place
from napari_corrclip.storage.folders import recover_folder, staged
from napari_corrclip.storage.names import MAX_BYTES, cut
from napari_corrclip.vocabulary import MAX_VALUE, RollUp, Vocabulary
from napari_corrclip.wording.amounts import count

SUBSETS = ("train", "val", "test")
_CALLED = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
"""What others call them."""
_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_BYTE, _SURROGATE = range(0xDC80, 0xDD00), re.compile("[\ud800-\udfff]")
"""What stands for a byte of a name that is no text, and all that UTF-8 has not."""
_MOST = 1e9
"""The largest part of a split."""
_TOLD = 3
"""So many images are told one by one where none could be exported."""
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{device}{number}" for device in ("COM", "LPT") for number in "0123456789¹²³"
}
"""What Windows takes for devices, whatever ending follows."""
_ENDING = 40
"""Bytes that a format may write behind a name."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The options that a person has for an export; ``None``: as the format does usually.

    Attributes:
        masks: of what masks are.
        unlabelled: number of pixels without a class.
        ignored: number of what was ignored.
        first: how classes are numbered.
        background: what becomes of the background class.
        pictures: what becomes of the images.
        split: parts of the images for training, validation and testing, such as ``(80, 10, 10)``; empty: they
            are not split.
        seed: by which images are dealt out.
        roll_up: which classes stand for all that is below them, as :meth:`Vocabulary.roll_up
            <napari_corrclip.vocabulary.model.Vocabulary.roll_up>` takes it; ``None``: each for itself.
        replace: whether a former export in the folder may be replaced.
    """

    masks: Wanted | None = None
    unlabelled: int | None = None
    ignored: int | None = None
    first: First | None = None
    background: Background | None = None
    pictures: How | None = None
    split: tuple[float, ...] = ()
    seed: int = 0
    replace: bool = False
    roll_up: RollUp | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """The outcome of an export.

    Attributes:
        folder: absolute.
        images: how many.
        left_out: why others are not in it, a sentence each.
        turned: how many of their files are stored turned, with a note which way, where these were not copied.
        notes: what of the labels the format's files do not have as one may think, which subset has no image,
            and which photograph goes out more than once, a sentence each.
        subsets: how many images each subset of a split has, in its order; empty: it was not split.
    """

    folder: Path
    images: int
    left_out: tuple[str, ...] = ()
    turned: int = 0
    notes: tuple[str, ...] = ()
    subsets: Mapping[str, int] = field(default_factory=dict)

    @property
    def dealt(self) -> str:
        """How many images each subset has, in words that follow their number; empty: it was not split."""
        parts = ", ".join(f"{number} {name}" for name, number in self.subsets.items())
        return f" ({parts})" if parts else ""


@dataclass(frozen=True, slots=True)
class Source:
    """An image that is to be exported.

    Attributes:
        path: of the image as the person knows it; planes of one file have one.
        title: tells planes of one file apart, too; its folders are put before names that others have, too.
        read: returns its labels; its name and subset are given here.
        file: the image it is of or a part of, as far as that is known before it is read.
    """

    path: str
    title: str
    read: Callable[[], LabelledImage]
    file: Path | None = None


def head_of(format_: Format, vocabulary: Vocabulary, options: ExportOptions) -> Head:
    """Return what holds for all images of an export.

    Args:
        format_: of the files.
        vocabulary: all classes of the set.
        options: what a person says.

    Raises:
        InputError: the format is never written, does not know a choice, or cannot hold the classes.
    """
    rolled = None if options.roll_up is None else vocabulary.roll_up(options.roll_up)
    vocabulary = vocabulary if rolled is None else rolled.vocabulary
    if format_.writer is None:
        raise InputError(f"{format_.title} are read and never written; choose another format.")
    masks = options.masks or format_.masks[0]
    if masks not in format_.masks:
        raise InputError(
            f"{format_.title} has no masks of {masks!r}; choose {' or '.join(format_.masks)}."
        )
    pictures = options.pictures or format_.pictures
    if pictures not in HOWS:
        raise InputError(f"Pictures are {pictures!r}; choose {', '.join(HOWS)}.")
    given: dict[Choice, object] = {
        "first": options.first,
        "unlabelled": options.unlabelled,
        "ignored": options.ignored,
        "background": options.background,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    for name, value in chosen.items():
        if name not in format_.free:
            raise InputError(
                f"{format_.title} leaves no choice of {name!r}, which is {value!r}; leave it out."
            )
    choices = replace(format_.choices, **chosen)  # type: ignore[arg-type]
    numbering = Numbering.of(vocabulary, choices, as_they_are="ignored" in chosen)
    if format_.most is not None and numbering.highest > format_.most:
        raise InputError(
            f"{format_.title} has numbers up to {format_.most}, and {numbering.highest} is needed; number "
            "the classes from 1 on, or take another format."
        )
    subsets = () if _is_none(options.split) else SUBSETS[: len(_parts_of(options.split))]
    return Head(vocabulary, numbering, masks, pictures, subsets, rolled)


def export_steps(
    sources: Sequence[Source],
    folder: str | os.PathLike[str],
    format_: Format,
    vocabulary: Vocabulary,
    options: ExportOptions | None = None,
    notes: Sequence[str] = (),
    *,
    standing: Iterable[Path] = (),
) -> Steps[Exported]:
    """Write images' labels into a folder, all of them or nothing; return what was written.

    Args:
        sources: of the images, read one by one.
        folder: is made; a former export in it is replaced where that is asked for.
        format_: of the files.
        vocabulary: the classes.
        options: what a person says.
        notes: what is to be told of the images.
        standing: images that must stay where they are, beside those that are exported.

    An image whose labels or picture cannot be used is left out and told.

    Raises:
        InputError: something is in the folder or came there meanwhile, an image lies in what would be
            replaced, no image can be used, the format cannot hold something, or it cannot be written.
    """
    options = options or ExportOptions()
    head = head_of(format_, vocabulary, options)
    if not os.fspath(folder):
        raise InputError("The folder of the export is empty text; give one that is new.")
    place = Path(folder).expanduser().absolute()
    recover_folder(place)
    target = Place.of(place, replace=options.replace)
    target.check_apart(standing)
    target.check_apart(source.file for source in sources if source.file is not None)
    if not sources:
        raise InputError("There is no image to export; label some first, or leave --only out.")
    names = names_of([source.title for source in sources])
    subsets = dealt([source.path for source in sources], options.split, options.seed)
    left_out: list[str] = []
    counts = dict.fromkeys(head.subsets, 0)
    bare: list[str] = []
    turned, known = 0, np.zeros(MAX_VALUE + 1, np.bool_)
    known[[0, *vocabulary.values]] = True
    with staged(place, owned=target.owned, check=target.check_same) as stage:
        manifest = ManifestWriter(stage, format_.name, head)
        assert format_.writer is not None  # as the head was made
        with format_.writer(stage, head) as writer:
            for number, (source, name) in enumerate(zip(sources, names, strict=True)):
                yield Progress("export", number, len(sources))
                try:
                    image = replace(source.read(), name=name, subset=subsets[number])
                    check_read_back(image.shape, writer.most_pixels, format_.title)
                    _check_labels(image, known)
                    if head.rolled_up is not None:
                        image = image.relabelled(head.rolled_up.values)
                    image = with_picture(image, head.pictures, as_pixels=writer.puts_pixels)
                except InputError as error:  # of this image; the others go out
                    left_out.append(f"{source.title}: {error}")
                    continue
                if image.file is not None:
                    target.check_apart([image.file])
                writer.item(image)
                manifest.item(image)
                if image.subset:
                    counts[image.subset] += 1
                if number == 0:  # of all names hardly one comes later
                    target.check_free(path.name for path in stage.iterdir())
                if head.pictures == "none" and is_turned(image):
                    turned += 1
                if head.pictures != "none" and image.file is None and image.pixels is None:
                    bare.append(source.title)
            if len(left_out) == len(sources):
                raise InputError(f"No image could be exported; {_some(left_out)}")
        manifest.close()
    yield Progress("export", len(sources), len(sources))
    return Exported(
        place,
        len(sources) - len(left_out),
        tuple(left_out),
        turned,
        (*notes, *_empty(counts, options.split), *_bare_note(bare), *writer.notes),
        counts,
    )


def _bare_note(bare: Sequence[str]) -> Iterator[str]:
    """Yield what is told of images whose picture nobody has, though pictures are wanted."""
    if bare:
        others = f" and {count(len(bare) - 1, 'other image')}" if len(bare) > 1 else ""
        yield (
            f"Of {bare[0]!r}{others} there is no picture at hand, and the labels alone are written; put the "
            "pictures there, as trainers look for them."
        )


def _some(told: Sequence[str]) -> str:
    """Return the first of many sentences, and how many more there are."""
    more = [f"And {len(told) - _TOLD:,} more."] if len(told) > _TOLD else []
    return " ".join([*told[:_TOLD], *more])


def _empty(counts: Mapping[str, int], split: Sequence[float]) -> list[str]:
    """Say which subsets that were wanted have no image."""
    parts = zip(counts.items(), split, strict=True)
    names = [name for (name, number), part in parts if part and not number]
    if not names:
        return []
    return [
        f"No image is in {' and '.join(names)}: of so few files its part is less than half of one; give a "
        "larger part, or export more images."
    ]


def _check_labels(image: LabelledImage, known: NDArray[np.bool_]) -> None:
    """Refuse a label that is of no class, so that none is dropped in silence."""
    for _, labels, _ in image.bands():
        found = known[labels]
        if not found.all():
            raise InputError(
                f"{image.path or image.name!r} has the label {int(labels[~found][0])}, which no class has; "
                "add the class, or give those pixels another one."
            )


def names_with_folders(title: str) -> list[str]:
    """Return all names that the files of an image may have got: its own, with its folder, with two, ….

    Args:
        title: as for :func:`names_of`.
    """
    parts = _parts(title)
    return ["_".join(parts[-number:]) for number in range(1, len(parts) + 1)]


def names_of(titles: Iterable[str]) -> list[str]:
    """Return what the files of each image are called: its own name, with folders where others have it, too.

    No two are alike on any disk, as :func:`alike` has it, and each fits into lists of a line an image in
    UTF-8.

    Args:
        titles: of the images, as ``site/heron.jpg`` or ``cells.tif[3]``.
    """
    parts = [_parts(title) for title in titles]
    used = [1] * len(parts)
    while True:
        names = ["_".join(each[-number:]) for each, number in zip(parts, used, strict=True)]
        often: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            often.setdefault(alike(name), []).append(index)
        more = [
            index
            for together in often.values()
            if len(together) > 1
            for index in together
            if used[index] < len(parts[index])
        ]
        if not more:
            return _numbered(names)
        for index in more:
            used[index] += 1


def _parts(title: str) -> list[str]:
    path, bracket, plane = title.partition("[") if title.endswith("]") else (title, "", "")
    folders, _, last = path.rpartition("/")
    stem = last.rpartition(".")[0] or last
    if bracket:
        stem = "_".join([stem, *re.findall(r"\d+", plane)])
    kept = [part for part in folders.split("/") if part not in ("", ".", "..")]
    return [_fit(portable(part)) for part in (*kept, stem)]


def _fit(part: str) -> str:
    """Return a part of a name as each disk can hold it."""
    name = _UNFIT.sub("_", part).strip(" .") or "_"
    first, dot, rest = name.partition(".")
    return f"{first}_{dot}{rest}" if first.rstrip(" ").upper() in _DEVICES else name


def alike(name: str) -> str:
    """Return what two names have in common that are one name on some disk.

    Windows and macOS take no note of case; macOS takes an ä that is one character, as others write it, and
    one that is an a and two dots, as it hands them out itself, for the same.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def portable(name: str) -> str:
    """Return a name as text that each disk and each file can hold: é for e and ´, x and FF for a byte FF."""

    def spelled(found: re.Match[str]) -> str:
        code = ord(found[0])
        return f"_x{code - 0xDC00:02X}" if code in _BYTE else f"_u{code:04X}"

    return _SURROGATE.sub(spelled, unicodedata.normalize("NFC", name))


def _numbered(names: Sequence[str]) -> list[str]:
    """Return names that are still alike with numbers behind them, and none too long for a disk."""
    taken: set[str] = set()
    told = []
    for name in names:
        base = found = cut(name, MAX_BYTES - _ENDING)
        number = 2
        while alike(found) in taken:
            found, number = f"{base}_{number}", number + 1
        taken.add(alike(found))
        told.append(found)
    return told


def split_of(text: str) -> tuple[float, ...]:
    """Return the parts that somebody typed, such as ``80/10/10``.

    Raises:
        InputError: these are no parts.
    """
    parts = text.split("/")
    if len(parts) in (2, 3) and all(re.fullmatch(r" *\d+(\.\d+)? *", part) for part in parts):
        return tuple(map(float, parts))
    raise InputError(f"The split is {text!r}; give two or three parts, such as 80/10/10.")


def dealt(paths: Sequence[str], split: Sequence[float], seed: int = 0) -> list[str]:
    """Return the subset of each image: so many parts of the files, dealt out by a seed.

    Planes of one file come into one subset, since they look alike.

    Args:
        paths: of the images; planes of one file have one.
        split: parts for training, validation and testing; empty: no subset.
        seed: another one deals them in another way.

    Raises:
        InputError: these are no parts.
    """
    if _is_none(split):
        return [""] * len(paths)
    split = _parts_of(split)
    if type(seed) is not int:
        raise InputError(f"The seed is {seed!r}; give a whole number.")
    files = sorted(set(paths))
    random.Random(seed).shuffle(files)
    whole, ends, done = sum(split), [], 0.0
    for part in split:
        done += part
        ends.append(round(len(files) * done / whole))
    found = {}
    for index, path in enumerate(files):
        found[path] = SUBSETS[next(at for at, end in enumerate(ends) if index < end)]
    return [found[path] for path in paths]


def _is_none(split: object) -> bool:
    """Whether nobody wants a split."""
    return isinstance(split, Sequence) and not len(split)


def _parts_of(split: object) -> Sequence[float]:
    """Return the parts of a split; text is none.

    Raises:
        InputError: they are none.
    """
    known = isinstance(split, Sequence) and not isinstance(split, str | bytes)
    parts = list(split) if known and isinstance(split, Sequence) else []
    numbers = [part for part in parts if isinstance(part, int | float) and 0 <= part <= _MOST]
    if len(numbers) == len(parts) and 2 <= len(parts) <= len(SUBSETS) and sum(numbers) > 0:
        return numbers
    said = "/".join(map(str, parts)) if known else repr(split)
    raise InputError(
        f"The split is {said}; give two or three parts, such as 80/10/10, in Python (80, 10, 10)."
    )


def subset_called(name: str) -> str:
    """Return a subset by what it is called, whatever the case; one of another name is called as it is."""
    known = _CALLED.get(name.lower(), name.lower())
    return known if known in SUBSETS else name
