"""The intake of a project: images that are found and added."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_stack
from napari_corrclip.project.comparing import READ, Comparison, leads_nowhere
from napari_corrclip.project.content import Content, Runs, take_content
from napari_corrclip.project.finding import (
    NothingThereError,
    Tell,
    find_images,
    is_pattern,
    names_images,
    place_from,
)
from napari_corrclip.project.folder import (
    ITEM,
    ITEMS,
    Choices,
    Outcome,
    check_text,
    file_now,
    image_in,
    item_folder,
    item_name,
    relative,
)
from napari_corrclip.project.index import Found, Index
from napari_corrclip.project.records import ItemState
from napari_corrclip.storage.disk import check_name, remove


def check_there(places: Iterable[str]) -> None:
    """Refuse places that are not there; a look at each, where :func:`found_in` looks at all images.

    Raises:
        NothingThereError: nothing is there, or fits a pattern.
    """
    for place in places:
        if not os.path.lexists(Path(place).expanduser()):
            find_images(place)


def check_apart(index: Index, folder: Path) -> None:
    """Refuse a place for pictures where the next run of a project would take them for its images.

    Args:
        index: of the project.
        folder: need not exist.

    Raises:
        InputError: it lies in a folder where images are looked for, or below one of which a pattern speaks.
    """
    target = folder.expanduser().resolve()
    for place in index.places:
        home = image_in(index.folder, place)
        if is_pattern(home, str(home)):
            at = next(at for at, part in enumerate(home.parts) if glob.has_magic(part))
            home = Path(*home.parts[:at])
        elif names_images(home):
            continue
        if target.is_relative_to(home.resolve()):
            raise InputError(
                f"{str(folder)!r} lies in {str(home)!r}, where {index.folder.name} looks for its images, and "
                "pictures would be taken for some of them; give a folder outside of it."
            )


def found_in(
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    folder: Path,
    known: Collection[tuple[str, int, int]] = (),
    *,
    tell: Tell,
) -> dict[str, list[Found]]:
    """Return the images of each place, as seen from a project's folder; of a stack each plane.

    Args:
        images: a place as :func:`~napari_corrclip.project.finding.find_images` takes it, or several.
        folder: of the project.
        known: path, size and time of files that were looked at before, and are left out.
        tell: is told what lies in a folder, or fits a pattern, and cannot be used; it is passed over.

    Raises:
        InputError: nothing is there that can be used, or an image that is named itself cannot be.
    """
    places = [images] if isinstance(images, str | os.PathLike) else list(images)
    found: dict[str, list[Found]] = {}
    for place in places:
        seen = place_from(place, folder)
        check_text(seen)
        told: list[InputError] = []
        passed = None if names_images(place) else told.append
        paths = living(paths_of(find_images(place, tell=passed), folder, passed), passed)
        if told and not paths:
            raise told[0]
        for error in told:
            tell(error)
        found.setdefault(seen, []).extend(_found(paths, known))
    return found


def paths_of(images: Iterable[Path], folder: Path, tell: Tell | None = None) -> dict[Path, str]:
    """Return the paths of images as seen from a project's folder.

    Those whose names can be none are told and passed over, or raised.
    """
    paths: dict[Path, str] = {}
    for image in images:
        try:
            check_name(image)
            paths[image] = relative(image, folder)
        except InputError as error:
            if tell is None:
                raise
            tell(error)
    return paths


def living(
    paths: Mapping[Path, str], tell: Tell | None = None, items: Collection[str] = ()
) -> dict[Path, str]:
    """Return the paths of images but for links that lead nowhere, which are told, or raised.

    Args:
        paths: of images, as of :func:`paths_of`.
        tell: as there.
        items: paths of those that are items already, which are kept.
    """
    found: dict[Path, str] = {}
    for image, path in paths.items():
        if path in items or not leads_nowhere(image):
            found[image] = path
            continue
        error = InputError(
            f"The image {str(image)!r} is a link that leads nowhere; bring back what is linked, or leave it "
            "out."
        )
        if tell is None:
            raise error
        tell(error)
    return found


def _found(paths: Mapping[Path, str], known: Collection[tuple[str, int, int]]) -> Iterator[Found]:
    """Yield what images are, but for those that are known."""
    for image, path in paths.items():
        try:
            size, mtime = file_now(image)
        except OSError:
            size = mtime = 0  # told when its turn comes
        if (path, size, mtime) not in known:
            yield from _items_in(image, path, size, mtime)


def _items_in(image: Path, path: str, size: int, mtime: int) -> Iterator[Found]:
    stack = None
    with contextlib.suppress(InputError):  # told when its turn comes
        stack = read_stack(image)
    if stack is None:
        yield Found(item_name(path), path, size, mtime)
        return
    for plane in stack:
        yield Found(item_name(path, plane, stack.shape), path, size, mtime, plane, stack)


def take(index: Index, found: Mapping[str, Sequence[Found]]) -> int:
    """Add the images of places to an index; return how many of them were new. Inside a transaction.

    What lies in the folder of one already, as where an index is older than the folders, is taken in, so that
    no run takes it for new.
    """
    index.look_in(found)
    new = 0
    there = _folders(index.folder) if any(found.values()) else set()
    runs = Runs(index)
    for images in found.values():
        # A file that could not be read, or that an earlier version took for one image, may be a stack now.
        for path in {image.path for image in images if image.stack is not None}:
            for name in index.forget_unread(path):
                remove(item_folder(index.folder, name))
                there.discard(name)
        left = {image.name: image for image in images if image.name in there}
        others = {name for name, image in left.items() if not _is_of(index, image)}
        added = index.add(images, others)
        for name in there.intersection(added):
            _take_what_is_left(index, name, left[name], runs)
        new += len(added)
    return new


def _folders(folder: Path) -> set[str]:
    """Return the names of the items' folders that are there."""
    try:
        return set(os.listdir(folder / ITEMS))  # noqa: PTH208 - of 50,000
    except OSError:
        return set()


def _is_of(index: Index, image: Found) -> bool:
    """Whether the folder that an image would get is its own, as far as it says."""
    try:
        outcome = Outcome.read(item_folder(index.folder, image.name))
    except InputError:
        return True
    return (outcome.path, outcome.plane) == (image.path, image.plane)


def _take_what_is_left(index: Index, name: str, image: Found, runs: Runs) -> None:
    folder = item_folder(index.folder, name)
    if not (folder / ITEM).exists():
        return  # a run was killed before it was done
    try:
        outcome = Outcome.read(folder)
    except InputError as error:
        outcome = Outcome(
            image.path,
            image.size,
            image.mtime,
            state=ItemState.FAILED,
            reason=str(error),
            plane=image.plane,
            stack=image.stack,
        )
    take_content(index, name, Content.read(folder, outcome), runs)


def write_choices(index: Index) -> None:
    """Let ``project.json`` say what the index has; after the transaction that changed it.

    Raises:
        InputError: it cannot be written.
    """
    if choices_of(index).is_in(index.folder):
        return
    # In a transaction of its own: of two who choose at once, the last one to write reads what both did.
    with index.transaction():
        choices_of(index).write(index.folder)


def choices_of(index: Index) -> Choices:
    """Return what ``project.json`` is to say."""
    merged = tuple(each._asdict() for each in index.merged_classes())
    words, known = index.vocabulary, index.class_tree()
    rows = known.rows() if len(known.parents) > len(words) else []
    return Choices(words, index.recipe, tuple(index.places), merged, tuple(rows))


def look_again(index: Index) -> int:
    """Add what has come to an index's places; return how many images it is.

    What cannot be read there is passed over, and told by the index.

    Raises:
        InputError: the index cannot be written.
    """
    found: dict[str, list[Found]] = {}
    known, items = index.files(), {path for path, _ in index.names()}
    told: list[InputError] = []
    for place in index.places:
        try:
            images = find_images(place, root=index.folder, tell=told.append)
        except NothingThereError:  # it is gone, or empty now: status tells what is missing
            continue
        except InputError as error:
            told.append(error)
            continue
        paths = living(paths_of(images, index.folder, told.append), told.append, items)
        found[place] = list(_found(paths, known))
    index.passed_over["places"] = tuple(dict.fromkeys(map(str, told)))
    with index.transaction():
        new = take(index, found)
    _keep_times(index, found)
    return new


def _keep_times(index: Index, found: Mapping[str, Sequence[Found]]) -> None:
    """Note the times of files that were looked at for their new time alone, so that they are not again."""
    now = {each.path: (each.size, each.mtime) for images in found.values() for each in images}
    if not now:
        return
    comparison, noted = Comparison(index, READ, looked=True), index.noted_files()
    for path, seen in now.items():
        if seen != (0, 0):
            items = noted.get(path, [])
            for item in items:
                comparison.is_another(item, image_in(index.folder, path), seen, len(items))
    comparison.keep()
