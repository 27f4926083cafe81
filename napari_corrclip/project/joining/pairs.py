"""The images that two projects have both, matched by their content.

An image is known by the checksum of what was run, wherever its file lies and whatever it is called; one that
was never run by its file as it is now, which is read only where the other project has one of its size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from napari_corrclip.errors import InputError
from napari_corrclip.images.stacks import read_plane
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import content_of, content_of_plane, has_content, image_in
from napari_corrclip.project.index import Index
from napari_corrclip.project.records import ItemRecord

_WHOLE = 64
"""Hex digits of the checksum of a whole file; earlier versions looked at samples of large ones."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An image that both projects have.

    Attributes:
        first: the item in the first project.
        second: the item in the second one.
    """

    first: ItemRecord
    second: ItemRecord


@dataclass(frozen=True, slots=True)
class Joined:
    """The images of two projects, joined.

    Attributes:
        pairs: those that both have, in the order of the first.
        first: those that the first alone has.
        second: those that the second alone has.
    """

    pairs: tuple[Pair, ...]
    first: tuple[ItemRecord, ...]
    second: tuple[ItemRecord, ...]


def join_steps(first: Index, second: Index) -> Steps[Joined]:
    """Join the images of two projects by their content.

    Of several with one content in a project, such as copies, those with the same path are joined, then those
    with the same name, then the others in their order.
    """
    items = first.items(), second.items()
    digests: list[dict[int, str]] = []
    total = sum(map(len, items))
    for index, ours, theirs in ((first, items[0], items[1]), (second, items[1], items[0])):
        sizes = {other.size for other in theirs}
        any_plane = any(other.plane for other in theirs)
        found: dict[int, str] = {}
        for record in ours:
            yield Progress("join", len(found) + sum(map(len, digests)), total)
            wanted = any_plane if record.plane else (not record.size or record.size in sizes)
            found[record.id] = _key(index, record, wanted=wanted)
        digests.append(found)
    of_second: dict[str, list[ItemRecord]] = defaultdict(list)
    for record in items[1]:
        of_second[digests[1][record.id]].append(record)
    of_first: dict[str, list[ItemRecord]] = defaultdict(list)
    for record in items[0]:
        of_first[digests[0][record.id]].append(record)
    partner: dict[int, ItemRecord] = {}
    for key, ours in of_first.items():
        if key:
            partner |= _partners(ours, of_second.get(key, []))
    taken = {record.id for record in partner.values()}
    return Joined(
        tuple(Pair(record, partner[record.id]) for record in items[0] if record.id in partner),
        tuple(record for record in items[0] if record.id not in partner),
        tuple(record for record in items[1] if record.id not in taken),
    )


def _key(index: Index, record: ItemRecord, *, wanted: bool) -> str:
    """Return what an image's content is known by; empty: by nothing.

    Args:
        index: of its project.
        record: the item.
        wanted: whether the other project may have it, so that its file is read where it was never run.
    """
    kind = "plane" if record.plane else "file"
    digest = record.digest
    file = image_in(index.folder, record.path)
    if record.plane:
        if not digest and wanted:
            try:
                digest = content_of_plane(read_plane(file, record.plane))
            except InputError:  # it is gone, or no image
                return ""
    elif len(digest) != _WHOLE and wanted:
        if digest and not has_content(file, digest):  # another file lies there now
            return ""
        digest = content_of(file)
    return f"{kind} {digest}" if digest else ""


def _partners(ours: Sequence[ItemRecord], theirs: Iterable[ItemRecord]) -> dict[int, ItemRecord]:
    """Return who goes with whom of items with one content."""
    left, found = list(theirs), dict[int, ItemRecord]()
    for same in (_same_path, _same_name, _any):
        for record in ours:
            if record.id in found:
                continue
            other = next((each for each in left if same(record, each)), None)
            if other is not None:
                found[record.id] = other
                left.remove(other)
    return found


def _same_path(first: ItemRecord, second: ItemRecord) -> bool:
    return first.title == second.title


def _same_name(first: ItemRecord, second: ItemRecord) -> bool:
    return (_name(first), first.plane) == (_name(second), second.plane)


def _any(_first: ItemRecord, _second: ItemRecord) -> bool:
    return True


def _name(record: ItemRecord) -> str:
    return record.path.rpartition("/")[2]
