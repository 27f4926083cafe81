"""A folder of images and label maps that Hugging Face's ``datasets`` reads as an ``imagefolder``.

``SUBSET/images/``, ``SUBSET/masks/NAME.png``
    without a split ``data/``. A pixel's number is its class, as an indexed PNG in the classes' colours, or
    one of 16 bits where numbers above 255 are needed.
``SUBSET/metadata.jsonl``
    of each image ``file_name`` and ``label_file_name``, which become the columns ``image`` and ``label``:
    those that the training scripts of ``transformers`` ask for. Without pictures there is ``image_name``,
    where the image is, instead of the first.
``id2label.json``
    the name of each number, with that of unlabelled pixels, so that there are as many as a network has
    outputs if numbers have no gaps.
``classes.csv``
    as of :mod:`~napari_corrclip.project.export.indexed`.
``README.md``
    the dataset card.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from napari_corrclip.errors import InputError
from napari_corrclip.project.export.checks import MOST_OF_PICTURE, inside
from napari_corrclip.project.export.coco_files import inside_of
from napari_corrclip.project.export.exporting import names_of, subset_called
from napari_corrclip.project.export.format import (
    Entry,
    Format,
    Head,
    Reader,
    Taken,
    Writer,
    vocabulary_of,
)
from napari_corrclip.project.export.image import LabelledImage
from napari_corrclip.project.export.indexed import (
    COLUMNS,
    TABLE,
    decoded,
    encoded,
    palette_of,
    read_table,
    table_rows,
)
from napari_corrclip.project.export.numbering import UNLABELLED, VOID, Choices, is_nothing
from napari_corrclip.project.export.pictures import goes_along, put_picture
from napari_corrclip.storage.text_files import load_json, read_text
from napari_corrclip.vocabulary import MAX_VALUE, Vocabulary, VocabularyClass
from napari_corrclip.vocabulary.grammar import key
from napari_corrclip.vocabulary.palette import Palette, default_color
from napari_corrclip.wording.csv_cells import rows_to_csv

LIST, NAMES, CARD = "metadata.jsonl", "id2label.json", "README.md"
PICTURES, MASKS = "images", "masks"
_WHOLE = "data"
_SPLITS = {"val": "validation"}
_ENDING = "_file_name"
_LIKELY = ("label", "mask", "annotation")
"""Columns of label maps, the likeliest first."""
_LONGEST = 1 << 28


class HuggingFaceWriter(Writer):
    """The writer; a map is written as soon as it is there."""

    def begin(self) -> None:
        """Write the tables."""
        self._lists: dict[str, IO[str]] = {}
        self._kind = np.uint8 if self.head.numbering.highest <= 255 else np.uint16
        text = rows_to_csv([COLUMNS, *table_rows(self.head)])
        (self.folder / TABLE).write_text(text, encoding="utf-8", newline="")
        names = {str(number): name for number, name, *_ in _named(self.head)}
        (self.folder / NAMES).write_text(json.dumps(names, indent=1) + "\n", encoding="ascii")

    @property
    def most_pixels(self) -> int:
        """Of a PNG."""
        return MOST_OF_PICTURE

    def item(self, image: LabelledImage) -> None:
        """Write an image's map, and note where both are."""
        subset = image.subset or _WHOLE
        folder = self.folder / subset
        if subset not in self._lists:  # one that is empty is no subset to the library
            (folder / MASKS).mkdir(parents=True)
            opened = (folder / LIST).open("w", encoding="ascii", newline="\n")
            self._lists[subset] = self.held.enter_context(opened)
        map_ = Image.fromarray(encoded(image, self.head, self._kind))
        if self._kind is np.uint8:
            map_.putpalette(palette_of(self.head))
        mask = f"{image.name}.png"
        map_.save(folder / MASKS / mask, format="PNG")
        picture = put_picture(image, folder / PICTURES, self.head.pictures)
        told = {f"label{_ENDING}": f"{MASKS}/{mask}"}
        if goes_along(image, self.head.pictures):
            told = {"file_name": f"{PICTURES}/{picture}", **told}
        else:
            told = {"image_name": picture, **told}
        self._lists[subset].write(json.dumps(told) + "\n")

    def close(self) -> None:
        """Write the card."""
        text = "\n".join(_card(self.head, list(self._lists)))
        (self.folder / CARD).write_text(text + "\n", encoding="utf-8", newline="\n")


def _named(head: Head) -> Iterator[tuple[int, str, tuple[int, int, int]]]:
    """Yield number, name and colour of each output that a network has for these numbers."""
    unlabelled = head.numbering.choices.unlabelled
    if unlabelled is not None and unlabelled < VOID:
        yield unlabelled, UNLABELLED, (0, 0, 0)
    for class_, number in zip(head.numbering.classes, head.numbering.numbers, strict=True):
        yield number, class_.name, class_.color


def _card(head: Head, subsets: list[str]) -> Iterator[str]:
    """Yield the lines of the dataset card: its settings, and a table of classes."""
    yield "---"
    yield "task_categories:"
    yield "- image-segmentation"
    yield "configs:"
    yield "- config_name: default"
    yield "  data_files:"
    for subset in subsets:
        name = "train" if subset == _WHOLE else _SPLITS.get(subset, subset)
        yield f"  - split: {name}"
        yield f"    path: {subset}/**"
    yield "---"
    yield ""
    yield "# Images and label maps"
    yield ""
    yield "Exported by napari-corrclip. `image` is an image, `label` its map: a pixel's number is its class."
    yield ""
    yield "| number | class | colour |"
    yield "|---|---|---|"
    for number, name, color in _named(head):
        yield f"| {number} | {_cell(name)} | {color[0]}, {color[1]}, {color[2]} |"
    choices = head.numbering.choices
    if choices.ignored is not None and choices.ignored != choices.unlabelled:
        yield ""
        yield f"{choices.ignored} is what a person has left out of training (`ignore_index`)."


def _cell(name: str) -> str:
    """Return a name as a cell of a Markdown table shows it."""
    for sign in ("\\", "|", "`", "*", "_", "[", "<", "&", "$", "~"):
        name = name.replace(sign, f"\\{sign}")
    return name


class HuggingFaceReader(Reader):
    """The reader; maps are read one by one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if (folder / TABLE).is_file():
            self._values, self._ignored, self.vocabulary = read_table(
                inside(folder, folder / TABLE, "table of classes")
            )
            if (folder / NAMES).is_file():
                self._check_names(inside(folder, folder / NAMES, "names of classes"))
        else:
            self._values, self._ignored, self.vocabulary = _read_names(
                inside(folder, folder / NAMES, "names of classes")
            )
        self._maps: dict[str, Path | None] = {}
        self.entries = list(self._entries())

    def _check_names(self, path: Path) -> None:
        """Refuse names that are others than in the table, since one of both was changed elsewhere."""
        names = {class_.value: class_.name for class_ in self.vocabulary}
        told = _names_in(path)
        for number in told.keys() & self._values.keys():
            name, value = told[number], self._values[number]
            other = names.get(value, UNLABELLED)
            if key(name) != key(other) and (value or not is_nothing(name)):
                raise InputError(
                    f"{str(path)!r} calls the class {number} {name!r}, and {TABLE} calls it {other!r}; "
                    "correct one of them, or move it away."
                )

    def _entries(self) -> Iterator[Entry]:
        found = [
            (path.parent, told, told.get("file_name"), _map_of(told, path))
            for path in _lists(self._folder)
            for told in _lines(inside(self._folder, path, "list of images"))
        ]
        names = names_of([f"{place.name}/{map_}" for place, _, _, map_ in found])
        for (place, told, picture, map_), name in zip(found, names, strict=True):
            self._maps[name] = inside_of([place], map_)
            subset = "" if place == self._folder or place.name == _WHOLE else place.name
            title = told.get("image_name", picture)
            title = title if isinstance(title, str) else name
            if "image_name" not in told:
                title = title.rpartition("/")[2]
            yield Entry(name, title, subset_called(subset), inside_of([place], picture))

    def read(self, entry: Entry) -> Taken:
        """Return an image's map."""
        path = self._maps[entry.name]
        if path is None:
            raise InputError(
                f"The label map of {entry.name!r} is not in {str(self._folder)!r}; put it there."
            )
        inside(self._folder, path, "label map")
        labels, ignored = decoded(path, self._values, self._ignored)
        return Taken(labels, None, ignored)


def _lists(folder: Path) -> list[Path]:
    return sorted([*folder.glob(LIST), *folder.glob(f"*/{LIST}")])


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a list.

    Raises:
        InputError: one is no object.
    """
    text = read_text(path, "list of images", limit=_LONGEST)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"Line {number} of {str(path)!r}"
            told = load_json(line, where, surrogates=True)
            if not isinstance(told, dict):
                raise InputError(f"{where} is no object with file names; correct it.")
            yield told


def _map_of(told: Mapping[str, Any], path: Path) -> str:
    """Return the file name of a label map.

    Raises:
        InputError: there is none.
    """
    columns = [key for key in told if key.endswith(_ENDING) and key != f"image{_ENDING}"]
    likely = [f"{name}{_ENDING}" for name in _LIKELY if f"{name}{_ENDING}" in columns]
    for column in (*likely, *columns):
        if isinstance(told[column], str) and told[column]:
            return str(told[column])
    raise InputError(
        f"{str(path)!r} has an image without a label map (label{_ENDING}, mask{_ENDING}); add it."
    )


def _names_in(path: Path) -> dict[int, str]:
    """Return the name of each number.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    where = f"The names of classes {str(path)!r}"
    told = load_json(read_text(path, "names of classes"), where)
    if not isinstance(told, dict) or not all(isinstance(name, str) for name in told.values()):
        raise InputError(f"{where} are no object of numbers and names; correct them.")
    try:
        names = {int(number): str(name) for number, name in told.items()}
    except ValueError:
        raise InputError(f"{where} have a key that is no number; correct them.") from None
    if len(names) < len(told) or not all(0 <= number <= MAX_VALUE for number in names):
        raise InputError(f"{where} have numbers twice, or not of 0 to {MAX_VALUE}; correct them.")
    return names


def _read_names(path: Path) -> tuple[dict[int, int], set[int], Vocabulary]:
    """Return the label value of each number, the numbers of what is ignored, and the classes.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    names = _names_in(path)
    ignored = {VOID} - names.keys()
    values: dict[int, int] = {}
    classes = []
    fit = is_nothing(names.get(0, UNLABELLED))  # else 0 is a class, and all move up by one
    for number, name in names.items():
        if number == 0 and fit:
            values[0] = 0
            continue
        value = number if fit else number + 1
        color = default_color(value, background=False, palette=Palette.DISTINCT)
        values[number] = value
        classes.append(VocabularyClass(name, (name,), value, color))
    return values, ignored, vocabulary_of(classes)


HUGGING_FACE = Format(
    "huggingface",
    "Hugging Face image folder",
    "Images and label maps as datasets.load_dataset reads them, with the names of classes.",
    exact=True,
    masks=("classes",),
    choices=Choices(first=1, ignored=VOID),
    free=frozenset({"first", "unlabelled", "ignored", "background"}),
    pictures="copy",
    writer=HuggingFaceWriter,
    is_one=lambda folder: (
        bool(_lists(folder)) and ((folder / TABLE).is_file() or (folder / NAMES).is_file())
    ),
    reader=HuggingFaceReader,
)
