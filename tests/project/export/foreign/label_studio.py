"""Label Studio's tasks as its SDK reads them; run where label-studio-sdk is installed, and not ours.

python tests/project/export/foreign/label_studio.py FOLDER    # of tests.project.export.foreign.made_blobs
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from label_studio_sdk.converter import Converter, brush
from label_studio_sdk.label_interface import LabelInterface
from PIL import Image


def masks_of(results: list[dict[str, object]]) -> dict[str, np.ndarray]:
    """Return the opacity of each region by its id, as the SDK unpacks it."""
    found = {}
    for result in results:
        height, width = result["original_height"], result["original_width"]
        words = brush.decode_rle(result["value"]["rle"]).reshape(height, width, 4)
        found[result["id"]] = words[:, :, 3] > 0
    return found


def main(folder: Path) -> int:
    """Compare what the SDK finds with what is true; return how many images differ."""
    truth = np.load(folder / "truth.npz")
    told = json.loads(str(truth["document"]))
    values = {one["name"]: one["value"] for one in told["classes"]}
    export = folder / "export"
    interface = LabelInterface((export / "config.xml").read_text(encoding="utf-8"))
    tasks = json.loads((export / "tasks.json").read_text(encoding="utf-8"))
    print("label-studio-sdk", version("label-studio-sdk"), "numpy", np.__version__)
    labels_of = interface.get_tag("labels").labels
    print("classes as ours:", list(labels_of) == list(values), list(labels_of))
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "png").mkdir()
        wanted = Path(place) / "tasks.json"
        # Label Studio numbers tasks and annotations and adds the person when it takes them in
        for number, task in enumerate(tasks):
            task["id"] = number
            for one in task["annotations"]:
                one.update(id=number, completed_by={"email": "a@b.c"})
        wanted.write_text(json.dumps(tasks))
        converter = Converter((export / "config.xml").read_text(encoding="utf-8"), place)
        converter.convert(str(wanted), str(Path(place) / "png"), "BRUSH_TO_PNG", is_dir=False)
        wrong = 0
        for number, (image, task) in enumerate(zip(told["images"], tasks, strict=True)):
            labels, regions = truth[f"labels_{number}"], truth[f"regions_{number}"]
            valid = [interface.validate_annotation(one) for one in task["annotations"]] + [
                interface.validate_prediction(one) for one in task["predictions"]
            ]
            mine = np.zeros_like(labels)
            (annotation,) = task["annotations"]
            names = {one["id"]: one["value"]["brushlabels"][0] for one in annotation["result"]}
            for id_, mask in masks_of(annotation["result"]).items():
                mine[mask] = values[names[id_]]
            proposed = np.zeros_like(labels)
            for one in task["predictions"]:
                for result, mask in zip(
                    one["result"], masks_of(one["result"]).values(), strict=True
                ):
                    proposed[mask] = values[result["value"]["brushlabels"][0]]
            predicted = np.zeros_like(labels)
            for region in image["regions"]:
                predicted[regions == region["id"]] = region["predicted"]
            drawn = np.zeros(labels.shape, np.bool_)
            pictures = sorted((Path(place) / "png").glob(f"task-{number}-*.png"))
            for picture in pictures:
                drawn |= np.array(Image.open(picture)) > 0
            good = (
                np.array_equal(mine, labels)
                and np.array_equal(proposed, predicted)
                and np.array_equal(drawn, labels > 0)
                and len(pictures) == len(annotation["result"])
                and all(valid)
            )
            wrong += not good
            print(
                f"{image['name']!r}: {len(annotation['result'])} regions decided and shown, "
                f"{sum(len(one['result']) for one in task['predictions'])} proposed,",
                "labels, proposals and PNGs equal" if good else f"differ ({valid})",
            )
    return wrong


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
