"""An export as Hugging Face's image folder, read by ``datasets`` alone: ``hugging_face.py FOLDER``.

FOLDER is made by ``tests.project.export.foreign.made huggingface``. It is read as an ``imagefolder`` and by
its card, and compared with the truth pixel by pixel; nothing of napari-corrclip is imported.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np


def main(folder: Path, truth) -> None:
    import datasets

    datasets.disable_progress_bars()
    export = folder / "huggingface"
    wanted = {int(each) for each in truth["numbers"]}
    names = json.loads((export / "id2label.json").read_text())
    del names["0"]
    assert names == {
        str(number): name
        for number, name in zip(truth["numbers"].tolist(), truth["classes"].tolist(), strict=True)
    }
    with tempfile.TemporaryDirectory() as cache:
        for how, given in (
            ("as an imagefolder", ("imagefolder",)),
            ("by its card", (str(export),)),
        ):
            more = {"data_dir": str(export)} if how == "as an imagefolder" else {}
            loaded = datasets.load_dataset(*given, **more, cache_dir=cache)
            images = 0
            for subset in loaded.values():
                assert all(
                    isinstance(subset.features[key], datasets.Image) for key in ("image", "label")
                )
                paths = subset.cast_column("label", datasets.Image(decode=False))
                for row, raw in zip(subset, paths, strict=True):
                    name = Path(raw["label"]["path"]).stem
                    found = np.array(row["label"])
                    labels = np.where(truth[f"ignored_{name}"], 255, truth[f"labels_{name}"])
                    np.testing.assert_array_equal(found, labels)
                    assert set(np.unique(found).tolist()) <= {0, 255, *wanted}
                    assert row["image"].size == found.shape[::-1]
                    images += 1
            told = {key: subset.num_rows for key, subset in loaded.items()}
            print(f"{how}: {told}, {images} images and maps, each pixel as the truth")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    with np.load(place / "truth.npz") as stored:
        print(f"datasets {version('datasets')}")
        main(place, {key: stored[key] for key in stored.files})
