"""GeoJSON as QuPath has it: the outlines of regions or classes, a file an image.

``NAME.geojson``, in an export that is split ``SUBSET/NAME.geojson``
    a collection of features. Coordinates are pixels, x to the right and y down; 0 is the edge of the first
    pixel. Parts that touch by a corner alone are polygons of their own.
``classes.json``
    the classes with their colours, as a project of QuPath has them.
``images/``
    the images, where they are copied.

Of files of others objects without an area (points, lines) are passed over and told. Objects without a class
are regions without one, but where none has a class they are of :data:`UNCLASSIFIED`, as QuPath calls them.

https://datatracker.ietf.org/doc/html/rfc7946
https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.errors import InputError
from napari_corrclip.maps.filling import filled, paint
from napari_corrclip.maps.outlines import outlines
from napari_corrclip.maps.regions import id_type, with_new_ids
from napari_corrclip.project.export.attributes import attributes_of, note_of, scores_of
from napari_corrclip.project.export.checks import (
    MOST_OF_PICTURE,
    MOST_PIXELS,
    Covered,
    check_size,
    inside,
    short,
    whole,
)
from napari_corrclip.project.export.exporting import SUBSETS, portable
from napari_corrclip.project.export.format import (
    Entry,
    Format,
    Reader,
    Taken,
    Writer,
    files_in,
    vocabulary_in_order,
)
from napari_corrclip.project.export.image import LabelledImage, RegionNote
from napari_corrclip.project.export.numbering import Choices
from napari_corrclip.project.export.pictures import ENDINGS, put_picture, size_of
from napari_corrclip.project.export.polygons import keyed_bands, segment_of
from napari_corrclip.project.export.segments import Masks
from napari_corrclip.project.export.sizes import Sizes
from napari_corrclip.storage.text_files import Unchecked, load_json, read_text
from napari_corrclip.vocabulary.palette import Color

ENDING, PICTURES, TABLE = ".geojson", "images", "classes.json"
IGNORED = "Ignore*"
"""QuPath's own class of what is left out; classes whose name ends with * are not measured there."""
UNCLASSIFIED = "Unclassified"
"""The class of objects without one, where no object has another."""
_IGNORED_COLOR = (180, 180, 180)
_PICTURES = (*ENDINGS, ".tif", ".tiff", ".npy")
_AREAS = ("Polygon", "MultiPolygon")
_LARGEST = 1 << 30
"""Bytes of a file at most."""
_FURTHEST = 1e9
"""Pixels from the corner of the image at most; no image is as large."""
_ADVICE = "export it again, or correct it there"


class GeojsonWriter(Writer):
    """The writer; an image's file is written a feature after another."""

    def begin(self) -> None:
        """Write the classes.

        Raises:
            InputError: one is called as what is ignored.
        """
        if any(class_.name == IGNORED for class_ in self.head.numbering.classes):
            raise InputError(
                f"The class {IGNORED!r} is called as QuPath calls what is left out, and would be lost; "
                "rename it, or take another format."
            )
        listed = [
            {"name": class_.name, "color": list(class_.color)}
            for class_ in self.head.numbering.classes
        ]
        text = json.dumps({"pathClasses": listed}, ensure_ascii=False, indent=1) + "\n"
        (self.folder / TABLE).write_text(text, encoding="utf-8", newline="")

    @property
    def most_pixels(self) -> int:
        """Of the picture beside it, which says how large it is; without one it is a number."""
        return MOST_PIXELS if self.head.pictures == "none" else MOST_OF_PICTURE

    def item(self, image: LabelledImage) -> None:
        """Write an image's features."""
        folder = self.folder / image.subset
        folder.mkdir(exist_ok=True)
        name = put_picture(image, folder / PICTURES, self.head.pictures)
        height, width = image.shape
        about = {"name": portable(name.rpartition("/")[2]), "width": width, "height": height}
        wanted: tuple[Masks, ...] = (
            ("classes", "regions") if self.head.masks == "both" else (self.head.masks,)
        )
        path = folder / f"{image.name}{ENDING}"
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(f'{{"type":"FeatureCollection","image":{_text(about)},"features":[')
            comma = "\n"
            for masks in wanted:
                for feature in self._features(image, masks):
                    file.write(comma + feature)
                    comma = ",\n"
            file.write("\n]}\n")

    def _features(self, image: LabelledImage, masks: Masks) -> Iterator[str]:
        bands = keyed_bands(image, self.head, masks, ignored=True)
        found = outlines(bands, image.shape[1])
        points = np.stack([found.columns, found.rows], axis=1)
        begins = found.begins.tolist()
        classes = {
            class_.value: {"name": class_.name, "color": list(class_.color)}
            for class_ in self.head.numbering.classes
        }
        classes[0] = {"name": IGNORED, "color": list(_IGNORED_COLOR)}
        notes = {note.id: note for note in image.notes} if masks == "regions" else {}
        both = self.head.masks == "both"
        kind = "detection" if both and masks == "regions" else "annotation"
        for key, parts in found.parts():
            polygons = []
            for rings in parts:
                polygon = [points[begins[ring] : begins[ring + 1]].tolist() for ring in rings]
                for ring in polygon:
                    ring.append(ring[0])
                polygons.append(polygon)
            several = len(polygons) > 1
            geometry = {
                "type": "MultiPolygon" if several else "Polygon",
                "coordinates": polygons if several else polygons[0],
            }
            region, value = segment_of(key)
            properties: dict[str, object] = {"objectType": kind, "classification": classes[value]}
            if masks == "regions":
                properties |= _known(region, notes.get(region))
            yield _text({"type": "Feature", "geometry": geometry, "properties": properties})


def _text(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _known(region: int, note: RegionNote | None) -> dict[str, object]:
    """Return what is known of a region, as properties."""
    if not region or note is None:
        return {"metadata": {"region": str(region)}}
    return {
        "name": str(region),
        "isLocked": bool(note.state),
        "measurements": scores_of(note),
        "metadata": {"region": str(region), **attributes_of(note)},
    }


@dataclass(frozen=True, eq=False, slots=True)
class _Feature:
    """A feature that was read.

    Attributes:
        name: of its class; empty: it has none.
        color: of its class, where that is told.
        rings: (n, 2) each, x and y.
        detection: whether it is no annotation.
        region: its id where the file says one, else -1.
        note: what the file knows of it.
    """

    name: str
    color: Color | None
    rings: list[NDArray[np.float64]]
    detection: bool
    region: int
    note: RegionNote


class GeojsonReader(Reader):
    """The reader; files of others, too, which know nothing of ``classes.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._sizes = folder, Sizes(folder)
        self._paths: dict[str, Path] = {}
        self._unclassified = False
        entries = []
        for subset in ("", *SUBSETS):
            place = folder / subset
            pictures = files_in(place / PICTURES, _PICTURES) | files_in(place, _PICTURES)
            for name, path in files_in(place, (ENDING,)).items():
                picture = pictures.get(name)
                if name in self._paths:
                    raise InputError(
                        f"There are {str(self._paths[name])!r} and {str(path)!r}, and each name may be there "
                        "once; rename one."
                    )
                self._paths[name] = path
                entries.append(Entry(name, picture.name if picture else name, subset, picture))
        self.entries = entries
        colors: dict[str, Color | None] = {}
        self._told = (folder / TABLE).is_file()
        if self._told:
            colors = _read_table(inside(folder, folder / TABLE, "table of classes"))
        else:
            colors = self._colors()
        self.vocabulary = vocabulary_in_order(colors.items())
        # As they were written: a name has been put right where it was not in Unicode's usual form.
        self._values = dict(zip(colors, self.vocabulary.values, strict=True))

    def _colors(self) -> dict[str, Color | None]:
        """Return the classes of all files that can be read; others are told when their image is.

        Raises:
            InputError: there is none.
        """
        colors: dict[str, Color | None] = {}
        damaged: list[InputError] = []
        any_ = False
        for path in self._paths.values():
            try:
                for feature in self._features(self._read(path), path):
                    any_ = True
                    if feature.name not in ("", IGNORED):
                        colors[feature.name] = colors.get(feature.name) or feature.color
            except InputError as error:
                damaged.append(error)
        if colors:
            return colors
        if damaged:
            raise damaged[0]
        if not any_:
            passed = f" {' '.join(self.notes)}" if self.notes else ""
            raise InputError(
                f"The GeoJSON in {str(self._folder)!r} has no object with an area; export annotations that "
                f"have one from QuPath.{passed}"
            )
        self._unclassified = True
        self.tell(
            f"No object has a class; all are taken as {UNCLASSIFIED!r}, which can be renamed. If they are of "
            "several classes, give them in QuPath and export once more."
        )
        return {UNCLASSIFIED: None}

    def _features(self, document: object, path: Path) -> Iterator[_Feature]:
        """Yield the features of a file that have an area, and tell of the others."""
        passed: Counter[str] = Counter()
        yield from _features_in(document, path, passed)
        if passed:
            listed = ", ".join(f"{number} {kind}" for kind, number in sorted(passed.items()))
            self.tell(
                f"{path.name!r} has objects without an area, which were passed over: {listed}."
            )

    def read(self, entry: Entry) -> Taken:
        """Return an image's labels, by filling its polygons; later ones lie over earlier ones.

        Detections lie over annotations, as they do in QuPath.
        """
        path = self._paths[entry.name]
        document = self._read(path)
        features = list(self._features(document, path))
        features.sort(key=lambda feature: feature.detection)
        shape = self._shape(entry, document, path)
        values = np.zeros(len(features), np.int64)
        for number, feature in enumerate(features):
            if feature.name == "" and self._unclassified:
                values[number] = self._values[UNCLASSIFIED]
            if feature.name in ("", IGNORED):
                continue
            if feature.name not in self._values:
                raise InputError(
                    f"{str(path)!r} has the class {feature.name!r}, which is not in {TABLE}; add it "
                    f"there, or move {TABLE} away."
                )
            values[number] = self._values[feature.name]
        out = np.array([feature.name == IGNORED for feature in features], np.bool_)
        owners, begins, columns, rows = _rings_of(features)
        labels = np.zeros(shape, np.uint16)
        ignored = np.zeros(shape, np.bool_) if out.any() else None
        regions: NDArray[np.integer] | None = None
        ids = np.zeros(len(features), np.int64)
        with_regions = not self._told or any(feature.region >= 0 for feature in features)
        if with_regions:
            told = [None if feature.region < 0 else feature.region for feature in features]
            ids = with_new_ids(told).astype(np.int64)
            regions = np.zeros(shape, id_type(int(ids.max(initial=0))))
        covered = Covered(shape, repr(str(path)))
        for piece in filled(owners, begins, rows, columns, shape):
            covered.add(int(piece.lengths.sum()))
            paint(labels, piece, values)
            if ignored is not None:
                paint(ignored, piece, out)
            if regions is not None:
                paint(regions, piece, ids)
        notes: dict[int, RegionNote] = {}
        if with_regions:
            feature_values = dict(zip(ids[::-1].tolist(), values[::-1].tolist(), strict=True))
            for feature, region in zip(features, ids.tolist(), strict=True):
                if region and feature.region >= 0 and region not in notes:
                    notes[region] = replace(feature.note, predicted=feature_values[region])
        return Taken(
            labels,
            regions,
            ignored,
            [notes[region] for region in sorted(notes)],
        )

    def _shape(self, entry: Entry, document: object, path: Path) -> tuple[int, int]:
        if entry.picture is not None:
            return size_of(entry.picture)
        about = document.get("image") if isinstance(document, dict) else None
        if isinstance(about, dict):
            height, width = whole(about.get("height")), whole(about.get("width"))
            if type(height) is int and type(width) is int:
                return check_size((height, width), f"The image of {str(path)!r}")
        shape = self._sizes.of(entry.name) or self.size_elsewhere(entry)
        if shape is not None:
            return shape
        raise InputError(
            f"{str(path)!r} does not say how large its image is; put the image beside it, as "
            f'{entry.name + ".png"!r}, or write "image": {{"width": …, "height": …}} into it.'
        )

    def _read(self, path: Path) -> Any:
        text = read_text(inside(self._folder, path, "GeoJSON"), "GeoJSON", limit=_LARGEST)
        return load_json(text, f"The GeoJSON {str(path)!r}", unchecked="coordinates")


def _read_table(path: Path) -> dict[str, Color | None]:
    where = f"The table of classes {str(path)!r}"
    document = load_json(read_text(path, "table of classes"), where)
    listed = document.get("pathClasses") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise InputError(f'{where} has no list "pathClasses"; {_ADVICE}.')
    found: dict[str, Color | None] = {}
    for class_ in listed:
        name, color = _class_of(class_, where)
        if name in ("", IGNORED):
            continue
        if name in found:
            raise InputError(f"{where} has the class {name!r} twice; remove one.")
        found[name] = color
    return found


def _features_in(document: object, path: Path, passed: Counter[str]) -> Iterator[_Feature]:
    """Yield the features of a document: of a collection, of a list as former versions wrote it, or one.

    Args:
        document: of a file.
        path: of the file.
        passed: gets the kinds of those without an area, which are passed over.
    """
    features: object = document
    if isinstance(document, dict):
        features = document.get("features") if "features" in document else [document]
    if not isinstance(features, list):
        raise InputError(f"{str(path)!r} has no features; {_ADVICE}.")
    for number, feature in enumerate(features, 1):
        where = f"The feature {number} in {str(path)!r}"
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise InputError(f"{where} is none; {_ADVICE}.")
        properties = feature.get("properties") or {}
        if not isinstance(properties, dict):
            raise InputError(f"{where} has properties that are no object; {_ADVICE}.")
        geometry = feature.get("geometry")
        shape = geometry.get("type") if isinstance(geometry, dict) else geometry
        if shape is None or (isinstance(shape, str) and shape not in _AREAS):
            passed["without a geometry" if shape is None else short(shape).strip("'")] += 1
            continue
        name, color = _class_of(properties.get("classification"), where)
        kind = properties.get("objectType", "annotation")
        region, note = _note_of(properties, where)
        yield _Feature(
            name,
            color,
            list(_rings(geometry, where)),
            kind in ("detection", "cell", "tile"),
            region,
            note,
        )


def _class_of(class_: object, where: str) -> tuple[str, Color | None]:
    """Return the name and the colour of a class, however a version of QuPath writes it."""
    if class_ is None or class_ == {}:
        return "", None
    if isinstance(class_, str):
        return class_, None
    if isinstance(class_, dict):
        name, names = class_.get("name"), class_.get("names")
        if isinstance(names, list) and all(isinstance(each, str) for each in names):
            name = ": ".join(names)
        if isinstance(name, str):
            return name, _color_of(class_, where)
    raise InputError(f"{where} has the class {short(class_)}, which has no name; {_ADVICE}.")


def _color_of(class_: Mapping[str, object], where: str) -> Color | None:
    color = class_.get("color", class_.get("colorRGB"))
    if color is None:
        return None
    if type(color) is int and -(1 << 31) <= color < 1 << 32:
        return (color >> 16) & 255, (color >> 8) & 255, color & 255
    if (
        isinstance(color, list)
        and len(color) in (3, 4)
        and all(type(each) is int and 0 <= each <= 255 for each in color)
    ):
        return color[0], color[1], color[2]
    raise InputError(f"{where} has the colour {short(color)}; write [red, green, blue], 0 to 255.")


def _rings(geometry: object, where: str) -> Iterator[NDArray[np.float64]]:
    """Yield the rings of a geometry."""
    if not isinstance(geometry, dict):
        raise InputError(f"{where} has no geometry; {_ADVICE}.")
    kind, given = geometry.get("type"), geometry.get("coordinates")
    plane = geometry.get("plane")
    if isinstance(plane, dict) and (plane.get("z") or plane.get("t")):
        raise InputError(
            f"{where} lies in the plane z {plane.get('z')}, t {plane.get('t')} of a stack; export each "
            "plane as an image of its own."
        )
    if kind not in _AREAS:
        raise InputError(f"{where} has a geometry of the kind {short(kind)}; {_ADVICE}.")
    given = given.value if isinstance(given, Unchecked) else None
    polygons = [given] if kind == "Polygon" else given
    if not isinstance(polygons, list) or not all(isinstance(each, list) for each in polygons):
        raise InputError(f"{where} has coordinates that are none of a {kind}; {_ADVICE}.")
    for ring in (ring for polygon in polygons for ring in polygon):
        try:
            points = _points_of(ring)
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{where} has coordinates that are no numbers; {_ADVICE}.") from None
        if len(points) and not np.abs(points).max() <= _FURTHEST:  # NaN is not, either
            raise InputError(
                f"{where} has a point that is further than {_FURTHEST:g} pixels, or no number; {_ADVICE}."
            )
        yield points


def _points_of(ring: Any) -> NDArray[np.float64]:
    """Return (n, 2), x and y; a height beside them is left.

    Raises:
        TypeError, ValueError, OverflowError: they are no numbers.
    """
    lengths = set(map(len, ring))
    points: NDArray[Any] = np.asarray(ring) if len(lengths) == 1 else np.zeros(0)
    if points.dtype.kind not in "iuf" or points.ndim != 2 or points.shape[1] < 2:
        # Such as an empty ring, or points of which some have a height.
        points = np.array([(x + 0.0, y + 0.0) for x, y, *_ in ring]).reshape(-1, 2)
    return points[:, :2].astype(np.float64)


def _note_of(properties: Mapping[str, object], where: str) -> tuple[int, RegionNote]:
    """Return the region that a feature is of, -1 where it says none, and what it knows of it."""
    told = properties.get("metadata")
    metadata: Mapping[str, object] = told if isinstance(told, dict) else {}
    try:
        region = int(str(metadata.get("region", -1)))
    except ValueError:
        region = -1
    if not 0 <= region <= np.iinfo(np.int32).max:
        return -1, RegionNote(0, 0, 0)
    scores = properties.get("measurements")
    return region, note_of(region, metadata, scores if isinstance(scores, dict) else {}, where)


def _rings_of(
    features: Sequence[_Feature],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the owners, the begins, the columns and the rows of all rings."""
    rings = [ring for feature in features for ring in feature.rings]
    owners = [number for number, feature in enumerate(features) for _ in feature.rings]
    begins = np.cumsum([0, *map(len, rings)])
    points = np.concatenate([np.zeros((0, 2)), *rings])
    return np.array(owners, np.int64), begins, points[:, 0], points[:, 1]


def _is_one(folder: Path) -> bool:
    return any(files_in(folder / subset, (ENDING,)) for subset in ("", *SUBSETS))


GEOJSON = Format(
    "geojson",
    "GeoJSON (QuPath)",
    "The outlines of regions or classes as QuPath opens them, with scores and who decided.",
    exact=False,
    masks=("regions", "classes", "both"),
    choices=Choices(first=1, unlabelled=None),
    free=frozenset({"background"}),
    pictures="none",
    writer=GeojsonWriter,
    is_one=_is_one,
    reader=GeojsonReader,
)
