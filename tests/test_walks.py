"""The walks of docs/walks.md that need no window, walked."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

import napari_corrclip as nc
from napari_corrclip.annotation import SessionStore
from napari_corrclip.demo.scenes import generate_scene
from tests import walks

WORDS = "purple circle, white cross, wood, water"


@walks.needs_monitoring
def test_a_script_segments_an_image_and_an_edit_reaches_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "scene.png"
    Image.fromarray(generate_scene(7).image).save(path)
    with walks.called() as order:
        nc.segment(path, WORDS, regions="superpixels")
    walks.check("segment", order)

    session = nc.annotate(path, WORDS, regions="superpixels")
    first, second = session.ids[:2].tolist()
    with SessionStore(tmp_path / "kept").journal(session):
        session.assign(first, "wood")
        with walks.called() as order:
            session.assign(second, "wood")
    walks.check("edit", order)


def test_every_walk_is_walked() -> None:
    assert set(walks.told()) == {"segment", "run", "key", "rename", "edit"}
