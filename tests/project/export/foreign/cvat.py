"""CVAT's archive as Datumaro reads it, by whose code CVAT imports; run where that is installed, and not ours.

python tests/project/export/foreign/cvat.py FOLDER [voc]

FOLDER is made by tests.project.export.foreign.made_blobs; voc: up to Datumaro 0.5.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import datumaro
import numpy as np
from datumaro.components.annotation import AnnotationType


def main(folder: Path) -> int:
    """Compare what Datumaro finds with what is true; return how many images differ."""
    truth = np.load(folder / "truth.npz")
    told = json.loads(str(truth["document"]))
    values = {one["name"]: one["value"] for one in told["classes"]}
    with tempfile.TemporaryDirectory() as place:
        zipfile.ZipFile(folder / "export" / "annotations.zip").extractall(place)
        found = datumaro.Environment().detect_dataset(place)
        kind = sys.argv[2] if len(sys.argv) > 2 else "voc_instance_segmentation"
        dataset = datumaro.Dataset.import_from(place, kind)
        names = [label.name for label in dataset.categories()[AnnotationType.label]]
        print("datumaro", version("datumaro"), "numpy", np.__version__)
        print("takes it for:", found)
        print("labels:", names)
        items = {item.id: item for item in dataset}
        wrong = 0
        for number, image in enumerate(told["images"]):
            labels, regions = truth[f"labels_{number}"], truth[f"regions_{number}"]
            item = items.pop(image["name"])
            mine = np.zeros_like(labels)
            overlap = np.zeros(labels.shape, int)
            for mask in item.annotations:
                inside = mask.image.astype(bool)
                overlap += inside
                mine[inside] = values[names[mask.label].replace("%3A", ":")]
            inside = labels > 0
            segments = len(np.unique(regions[inside].astype(np.int64) << 16 | labels[inside]))
            good = np.array_equal(mine, labels) and overlap.max(initial=0) <= 1
            wrong += not good
            print(
                f"{image['name']!r}: {len(item.annotations)} masks of {segments}, labels",
                "equal" if good else f"differ in {int((mine != labels).sum())} pixels",
            )
        print("left over:", sorted(items))
    return wrong


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
