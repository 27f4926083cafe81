"""The look at what cannot be used in a project's places, which adds nothing."""

from __future__ import annotations

from napari_corrclip.errors import InputError
from napari_corrclip.project.finding import NothingThereError, find_images
from napari_corrclip.project.index import Index
from napari_corrclip.project.intake import living, paths_of


def note(index: Index) -> None:
    """Let an index tell what cannot be used in its places, unless somebody has looked since it was opened."""
    if "places" in index.passed_over:
        return
    told: list[InputError] = []
    items = {path for path, _ in index.names()}
    for place in index.places:
        try:
            images = find_images(place, root=index.folder, tell=told.append)
        except NothingThereError:
            continue
        except InputError as error:
            told.append(error)
            continue
        living(paths_of(images, index.folder, told.append), told.append, items)
    index.passed_over["places"] = tuple(dict.fromkeys(map(str, told)))
