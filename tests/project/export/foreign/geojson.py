"""An export in GeoJSON, read by Shapely and by QuPath's rules alone: ``geojson.py FOLDER``.

FOLDER is made by ``tests.project.export.foreign.made geojson``. What is read is compared with the truth, each
pixel; nothing of napari-corrclip is imported.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry import shape

SUBSETS = ("train", "val")


def class_of(classification) -> str:
    """Return a class's name by the rules of QuPath's reader: a name and a colour, or it fails."""
    red, green, blue = classification["color"]
    assert all(type(each) is int and 0 <= each <= 255 for each in (red, green, blue))
    return classification["name"]


def main(folder: Path) -> None:
    truth = np.load(folder / "truth.npz")
    values = dict(zip(truth["classes"].tolist(), truth["values"].tolist(), strict=True))
    print("shapely", version("shapely"), "GEOS", shapely.geos_version_string)
    paths = {
        path.stem: path
        for subset in SUBSETS
        for path in (folder / "geojson" / subset).glob("*.geojson")
    }
    assert sorted(paths) == sorted(truth["names"].tolist())
    for name, path in paths.items():
        labels, regions = truth[f"values_{name}"], truth[f"regions_{name}"]
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["type"] == "FeatureCollection"
        rows, columns = (axis.ravel() for axis in np.indices(labels.shape))
        centres = shapely.points(columns + 0.5, rows + 0.5)
        seen = np.zeros(labels.shape, int)
        kinds = {"Polygon": 0, "MultiPolygon": 0}
        holes = 0
        for feature in document["features"]:
            geometry, properties = shape(feature["geometry"]), feature["properties"]
            kinds[geometry.geom_type] += 1
            holes += sum(len(part.interiors) for part in getattr(geometry, "geoms", [geometry]))
            assert geometry.is_valid, shapely.is_valid_reason(geometry)
            assert properties["objectType"] == "annotation"
            called = class_of(properties["classification"])
            mask = regions == int(properties["metadata"]["region"])
            if called == "Ignore*":
                mask &= truth[f"ignored_{name}"]
            else:
                mask &= labels == values[called]
            assert geometry.area == mask.sum()
            shapely.prepare(geometry)
            inside = shapely.contains(geometry, centres).reshape(labels.shape)
            np.testing.assert_array_equal(inside, mask)
            seen += inside
        np.testing.assert_array_equal(seen, (labels > 0) | truth[f"ignored_{name}"])
        print(f"{name!r}: {kinds}, {holes} holes: all valid, areas and each pixel as the truth")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
