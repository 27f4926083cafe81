"""The store of the sessions of a project's items, for a window that opens images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_corrclip.annotation import SessionStore, Source
from napari_corrclip.images.stack import Where
from napari_corrclip.project.folder import SESSION, item_folder


@dataclass(frozen=True, slots=True)
class ItemSessions(SessionStore):
    """The sessions of a project's items, each in its item's folder; those of other images are the person's.

    Args:
        root: as of :class:`SessionStore`.
        project: the folder of the project.
        names: of the items, by the paths of their images as seen from there, and by their planes.
    """

    project: Path = Path()
    names: Mapping[tuple[str, Where], str] = field(default_factory=dict)
    _by_place: dict[str, dict[Where, str]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Find the items by their images' places."""
        SessionStore.__post_init__(self)
        folder = os.path.realpath(self.project)
        for (
            path,
            plane,
        ), name in self.names.items():  # of 50,000: no pathlib, and no look at the disk
            place = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118
            self._by_place.setdefault(place, {})[plane] = name

    def item_of(self, source: Source) -> str | None:
        """Return the name of the item that is an image or a plane, or a crop of it; ``None``: none is."""
        if source.level or source.channels:
            return None
        if source.path not in self._by_place:
            # Images that are links are known by what they lead to.
            places = [place for place in self._by_place if os.path.islink(place)]  # noqa: PTH114
            for place in places:
                self._by_place.setdefault(os.path.realpath(place), self._by_place[place])
        return self._by_place.get(source.path, {}).get(source.slice)

    def _ours(self, source: Source) -> tuple[Path, ...]:
        former = SessionStore._ours(self, source)
        name = self.item_of(source)
        if name is None:
            return former
        session = "-".join([SESSION, *map(str, source.crop or ())])
        return item_folder(self.project, name) / session, *former
