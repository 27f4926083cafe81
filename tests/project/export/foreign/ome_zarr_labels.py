"""OME-Zarr with labels as ome-zarr-models, ngio and ome-zarr-py read it; run where those are.

python tests/project/export/foreign/ome_zarr_labels.py FOLDER    # of tests.project.export.foreign.made
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import ngio
import numpy as np
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v05.image import Image
from ome_zarr_models.v05.image_label import ImageLabel
from ome_zarr_models.v05.labels import Labels
from PIL import Image as Picture


def main(folder: Path) -> int:
    """Compare what they find with what is true; return how many images differ."""
    truth = np.load(folder / "truth.npz")
    told = json.loads(str(truth["document"]))
    names = ("ome-zarr-models", "ngio", "ome-zarr", "zarr")
    print(", ".join(f"{name} {version(name)}" for name in names))
    wrong = 0
    for number, image in enumerate(told["images"]):
        labels, regions = truth[f"labels_{number}"], truth[f"regions_{number}"]
        pixels = np.asarray(Picture.open(folder / "pictures" / image["path"]).convert("RGB"))
        path = folder / "export" / f"{image['name']}.ome.zarr"
        root = zarr.open_group(path, mode="r")
        Image.from_zarr(root)
        Labels.from_zarr(root["labels"])
        about = ImageLabel.from_zarr(root["labels/classes"]).attributes.ome.image_label
        of_regions = ImageLabel.from_zarr(root["labels/regions"]).attributes.ome.image_label
        classes = {one.label_value: one.model_extra["name"] for one in about.properties}
        expected = {one["value"]: one["name"] for one in told["classes"]}
        good = {"names": classes == {**expected, 0: "unlabelled"}}
        said = {one.label_value: one.model_extra for one in of_regions.properties or ()}
        good["notes"] = all(
            said[one["id"]]["p"] == one["p"]
            and said[one["id"]].get("state", "") == one["state"]
            and said[one["id"]].get("by", "") == one["by"]
            for one in image["regions"]
        ) and len(said) == len(image["regions"])
        container = ngio.open_ome_zarr_container(path)
        found = {
            name: np.asarray(container.get_label(name).get_as_numpy())
            for name in container.list_labels()
        }
        good["ngio"] = (
            np.array_equal(found["classes"], labels)
            and np.array_equal(found["regions"], regions)
            and np.array_equal(container.get_image().get_as_numpy(), pixels.transpose(2, 0, 1))
        )
        nodes = {node.zarr.basename(): node for node in Reader(parse_url(path))()}
        good["ome-zarr"] = np.array_equal(
            np.asarray(nodes["classes"].data[0]), labels
        ) and np.array_equal(np.asarray(nodes["regions"].data[0]), regions)
        wrong += not all(good.values())
        print(f"{image['name']!r}: valid, {container.list_labels()}, as it is: {good}")
    return wrong


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
