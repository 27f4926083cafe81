"""Results of ``napari-corrclip segment`` that become a project's items, pre-labelled without a run.

A result says which image it is of, by which recipe and which words. What does not go together is told before
anything is written.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.images.origin import Origin
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.folder import (
    RESULT,
    Outcome,
    content_of,
    file_now,
    item_folder,
    relative,
)
from napari_corrclip.project.index import Index
from napari_corrclip.project.records import ItemState
from napari_corrclip.results.folder import (
    FORMAT,
    LARGE_FORMAT,
    copy_result,
    read_provenance,
    read_vocabulary,
)
from napari_corrclip.results.provenance import Provenance
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.wording.amounts import count
from napari_corrclip.wording.visible import visible


@dataclass(frozen=True, slots=True)
class Results:
    """Results that go together.

    Attributes:
        folders: each by its image.
        vocabulary: the classes of all.
        recipe: of most of them.
        recipes: of each, by its image.
        seconds: that each took, by its image.
    """

    folders: Mapping[Path, Path]
    vocabulary: Vocabulary
    recipe: Recipe
    recipes: Mapping[Path, Recipe]
    seconds: Mapping[Path, float]


def results_in(place: str | os.PathLike[str]) -> Results:
    """Return the results in a folder that ``segment`` has written into; no map is read.

    Raises:
        InputError: there is none, one tells no recipe, two have other classes or one image, or an image is
            gone or another one now.
    """
    root = Path(place).expanduser().absolute()
    inside = sorted(root.iterdir()) if root.is_dir() else []
    found = {folder: read_provenance(folder) for folder in (root, *inside) if folder.is_dir()}
    documents = {folder: document for folder, document in found.items() if document is not None}
    if not documents:
        raise InputError(
            f"{os.fspath(place)!r} has no results of napari-corrclip segment; give what was its -o."
        )
    folders: dict[Path, Path] = {}
    vocabularies: dict[Path, Vocabulary] = {}
    recipes: dict[Path, Recipe] = {}
    seconds: dict[Path, float] = {}
    gone: list[tuple[Path, str]] = []
    for folder, document in documents.items():
        if document.get("format") not in (FORMAT, LARGE_FORMAT):
            raise InputError(
                f"The result in {str(folder)!r} is of another version; segment its image again, or move it "
                "away."
            )
        provenance = Provenance.from_document(document)
        recipe = _recipe(folder, provenance)
        image = Origin.from_document(document).find(folder)
        if image is None:
            gone.append((folder, provenance.image))
            continue
        if image in folders:
            raise InputError(
                f"{str(folders[image])!r} and {str(folder)!r} are both of {str(image)!r}; move one of "
                "them away."
            )
        folders[image], recipes[image] = folder, recipe
        vocabularies[folder] = read_vocabulary(folder)
        seconds[image] = sum(provenance.seconds.values())
    if gone:
        lacking, named = gone[0]
        raise InputError(
            f"The images of {count(len(gone), 'result')} are gone or were changed, such as "
            f"'{visible(named)}' of {str(lacking)!r}; put them back, or move these results away."
        )
    first, *others = vocabularies.items()
    for folder, words in others:
        if words != first[1]:
            raise InputError(
                f"{str(folder)!r} has other classes than {str(first[0])!r} ({', '.join(words.names)} and "
                f"{', '.join(first[1].names)}), and a project has one vocabulary; move the results of the "
                "other one away."
            )
    most, _ = Counter(recipe.key() for recipe in recipes.values()).most_common(1)[0]
    recipe = next(each for each in recipes.values() if each.key() == most)
    return Results(folders, first[1], recipe, recipes, seconds)


def take_up_steps(index: Index, results: Results, images: Mapping[Path, Path]) -> Steps[None]:
    """Copy results into the items of their images; collecting takes them into the index.

    Args:
        index: of a project that has the images.
        results: to be copied.
        images: of each image that the results tell of, where the project has it.

    Raises:
        InputError: one cannot be read, or written.
    """
    records = {record.title: record for record in index.items()}
    for number, (image, folder) in enumerate(results.folders.items()):
        yield Progress("take up", number, len(results.folders))
        mine = images[image]
        record = records.get(relative(mine, index.folder))
        if record is None:
            raise InputError(
                f"{str(folder)!r} is of one picture, and {str(image)!r} has several planes now; move it away."
            )
        target = item_folder(index.folder, record.name)
        size, mtime = file_now(mine)
        outcome = Outcome(
            record.path,
            size,
            mtime,
            content_of(mine),
            ItemState.PRELABELLED,
            at=record.at,
            recipe=results.recipes[image].key(),
            vocabulary=results.vocabulary.fingerprint,
            seconds=results.seconds[image],
        )
        copy_result(folder, target / RESULT)
        outcome.write(target)


def _recipe(folder: Path, provenance: Provenance) -> Recipe:
    if not provenance.recipe:
        raise InputError(
            f"The result in {str(folder)!r} tells no recipe, since an earlier version made it; segment the "
            "image again, or move it away."
        )
    try:
        return Recipe.from_json(provenance.recipe)
    except InputError as error:
        raise InputError(f"The result in {str(folder)!r} cannot be taken up: {error}") from None
