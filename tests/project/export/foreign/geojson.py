"""GeoJSON as Shapely reads it, and by QuPath's rules; run where Shapely is installed, and not this program.

python tests/project/export/foreign/geojson.py FOLDER    # of tests.project.export.foreign.made
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry import shape


def class_of(classification: dict[str, object]) -> str:
    """Return a class's name by the rules of QuPath's reader: a name or names, and a colour, or it fails."""
    assert "color" in classification
    color = classification["color"]
    assert isinstance(color, list)
    assert len(color) == 3
    assert all(type(one) is int and 0 <= one <= 255 for one in color)
    return str(classification["name"])


def main(folder: Path) -> int:
    """Compare what Shapely finds with what is true; return how many images differ."""
    truth = np.load(folder / "truth.npz")
    told = json.loads(str(truth["document"]))
    values = {one["name"]: one["value"] for one in told["classes"]}
    print("shapely", version("shapely"), "GEOS", shapely.geos_version_string)
    wrong = 0
    for number, image in enumerate(told["images"]):
        labels, regions = truth[f"labels_{number}"], truth[f"regions_{number}"]
        path = folder / "export" / f"{image['name']}.geojson"
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["type"] == "FeatureCollection"
        height, width = labels.shape
        rows, columns = (axis.ravel() for axis in np.mgrid[:height, :width])
        centres = shapely.points(columns + 0.5, rows + 0.5)
        notes = {one["id"]: one for one in image["regions"]}
        invalid = area = worst = 0.0
        count = {"Polygon": 0, "MultiPolygon": 0}
        seen = np.zeros(labels.shape, int)
        worst = 1.0
        for feature in document["features"]:
            geometry, properties = shape(feature["geometry"]), feature["properties"]
            count[geometry.geom_type] += 1
            invalid += not geometry.is_valid
            assert properties["objectType"] == "annotation"
            name = class_of(properties["classification"])
            region = int(properties["metadata"]["region"])
            if name == "Ignore*":
                mask = (regions == region) & (labels == 0)
            else:
                mask = (regions == region) & (labels == values[name])
            inside = shapely.contains(geometry, centres).reshape(labels.shape)
            worst = min(worst, float((inside & mask).sum() / (inside | mask).sum()))
            area = max(area, abs(geometry.area - mask.sum()))
            seen += inside
            if region in notes:
                note = notes[region]
                assert properties["measurements"]["p"] == note["p"]
                assert properties["isLocked"] == bool(note["state"])
                assert properties["metadata"].get("by", "") == note["by"]
        ignored = [one["id"] for one in image["regions"] if one["state"] == "ignored"]
        wanted = (labels > 0) | np.isin(regions, ignored)
        good = not invalid and not area and worst == 1 and np.array_equal(seen, wanted)
        wrong += not good
        print(
            f"{image['name']!r}: {count}, invalid {invalid:g}, largest difference of area {area:g}, "
            f"least IoU {worst:g}, each pixel once: {np.array_equal(seen, wanted)}"
        )
    return wrong


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
