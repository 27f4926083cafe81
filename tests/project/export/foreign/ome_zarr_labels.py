"""An export in OME-Zarr, read by ome-zarr-models, ngio and ome-zarr-py: ``ome_zarr_labels.py FOLDER``.

FOLDER is made by ``tests.project.export.foreign.made ome-zarr``. What is read is compared with the truth
pixel by pixel; nothing of napari-corrclip is imported.
"""

from __future__ import annotations

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

SUBSETS = ("train", "val")


def main(folder: Path) -> None:
    truth = np.load(folder / "truth.npz")
    libraries = ("ome-zarr-models", "ngio", "ome-zarr", "zarr")
    print(", ".join(f"{name} {version(name)}" for name in libraries))
    paths = {
        path.name.removesuffix(".ome.zarr"): path
        for subset in SUBSETS
        for path in (folder / "ome-zarr" / subset).iterdir()
    }
    assert sorted(paths) == sorted(truth["names"].tolist())
    for name, path in paths.items():
        maps = {"classes": truth[f"labels_{name}"], "regions": truth[f"regions_{name}"]}
        root = zarr.open_group(path, mode="r")
        Image.from_zarr(root)
        Labels.from_zarr(root["labels"])
        about = ImageLabel.from_zarr(root["labels/classes"]).attributes.ome.image_label
        ImageLabel.from_zarr(root["labels/regions"])
        told = {each.label_value: each.model_extra["name"] for each in about.properties}
        known = dict(zip(truth["numbers"].tolist(), truth["classes"].tolist(), strict=True))
        assert told == {**known, 0: "unlabelled"}
        container = ngio.open_ome_zarr_container(path)
        assert container.list_labels() == ["classes", "regions"]
        assert container.get_image().get_as_numpy().shape == (3, *maps["classes"].shape)
        nodes = {node.zarr.basename(): node for node in Reader(parse_url(path))()}
        for kind, array in maps.items():
            np.testing.assert_array_equal(container.get_label(kind).get_as_numpy(), array)
            np.testing.assert_array_equal(np.asarray(nodes[kind].data[0]), array)
        print(f"{name!r}: valid 0.5; classes and regions as the truth by ngio and ome-zarr-py")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
