"""What wrote the files in this folder: run with version 0.1.0 as of commit facb70f, and never again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

here = Path(sys.argv[1]).absolute()
os.environ["NAPARI_CORRCLIP_CACHE"] = str(here / "cache")
os.environ["NAPARI_CORRCLIP_PRESETS"] = str(here / "presets")

# The folders are chosen before anything of ours looks at them.
import numpy as np  # noqa: E402
from napari_corrclip.weights.own import save_preset  # noqa: E402
from PIL import Image  # noqa: E402

import napari_corrclip as nc  # noqa: E402
from napari_corrclip.annotation import Journal  # noqa: E402
from napari_corrclip.demo.scenes import generate_scene  # noqa: E402
from napari_corrclip.weights.naming import make_preset  # noqa: E402

WORDS = "red circle, white cross, water\n=wood: wood"


def digest(array: object) -> str:
    """Of the type, the shape and the values."""
    values = np.ascontiguousarray(np.asarray(array))
    text = f"{values.dtype.str} {values.shape}".encode()
    return hashlib.sha256(text + values.tobytes()).hexdigest()


shutil.rmtree(here, ignore_errors=True)
here.mkdir()
image = np.ascontiguousarray(generate_scene(7).image[:96, :120])
Image.fromarray(image).save(here / "scene.png")
said = {}

segmenter = nc.Segmenter.from_preset("demo", device="cpu", regions="superpixels")
features = segmenter.encode(image)
features.save(here / "features.safetensors")
result = segmenter.classify(features, WORDS)
result.save(here / "result")
said["result"] = {
    "labels": digest(result.labels),
    "regions": digest(result.regions),
    "confidence": digest(result.confidence),
    "regions_in_table": len(result.table),
    "notes": list(result.notes),
}
large = nc.segment_large(
    here / "scene.png",
    WORDS,
    here / "large",
    scale=1.0,
    regions="superpixels",
    device="cpu",
    progress=False,
)
said["large"] = {
    name: digest(getattr(large, name)[:]) for name in ("labels", "regions", "confidence")
}

session = nc.annotate(image, WORDS, preset="demo", regions="superpixels", device="cpu")
ids = session.ids.tolist()
with Journal(session, here / "journal", records=3):
    session.assign(ids[:2], "water")
    session.accept(ids[2])
    with session.step("Tidy up"):
        session.merge(ids[3:5])
        session.ignore(ids[5])
    session.paint((np.array([3, 3, 4]), np.array([5, 6, 6])), "red circle")
    session.set_vocabulary(session.vocabulary.add("sky"))
    session.undo()
    session.save(here / "session")
said["session"] = {
    "labels": digest(session.labels),
    "regions": digest(session.regions),
    "done": [step.title for step in session.history.done],
    "undone": len(session.history.undone),
    "verdicts": len(session.state.verdicts),
    "words": list(session.vocabulary.names),
}
count = len(session.history.done)
for _ in range(count):
    session.undo()
said["session"]["first_labels"] = digest(session.labels)
(here / "journal" / "lock").unlink(missing_ok=True)

checkpoint = "ViT-B-32/laion2b_s34b_b79k"
save_preset(make_preset("mine", clip=checkpoint, similarity="demo", regions="demo", title="Mine"))
(here / "expected.json").write_text(json.dumps(said, indent=2) + "\n")
