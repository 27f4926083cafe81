"""The page Export with a set: what is written, in which format, and where to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.export.panel import OWN, THIS
from napari_corrclip.gui.pages import Page
from napari_corrclip.gui.work.said import Kind
from napari_corrclip.project.export import cvat
from napari_corrclip.project.export.exporting import dealt
from napari_corrclip.project.export.formats import FORMATS, WRITTEN
from napari_corrclip.project.export.importing import Opened
from tests.gui.hand import choose, click_at, turn_to, write
from tests.gui.person import Person, answer, click_in
from tests.gui.project.opened import key, prelabelled, shown
from tests.gui.seen import check_names, cut

pytestmark = pytest.mark.canvas


def press(person: Person) -> None:
    """Press Export, and wait until it is done."""
    click_at(person, person.dock.export.button)
    person.wait()


def test_a_set_is_written_as_it_is_on_the_screen(person: Person, images: Path) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    session = dock.session
    session.assign(session.ids.tolist()[:3], "blue")  # the index has not heard of it yet
    turn_to(person, Page.EXPORT)
    panel = dock.export
    assert panel.what.isVisible()
    assert panel.kind.currentText() == OWN
    choose(panel.what, "All that have labels")
    assert [panel.kind.itemData(row) for row in range(panel.kind.count())] == list(WRITTEN)
    choose(panel.kind, FORMATS["indexed"].title)
    assert panel.names.text().startswith("4 images")
    assert "ignored 255" in panel.void.text()
    write(person, panel.trainer.split, "50/50")
    assert check_names(dock.pages)
    assert cut(dock.pages) == []
    press(person)
    folder = images.parent / "set-indexed"
    assert (
        dock.status.text()
        == f"Wrote 4 images (2 train, 2 val) as Indexed PNG (Pascal VOC) into {str(folder)!r}."
    )
    assert dock.status.said.kind is Kind.DONE
    opened = Opened.of(folder)
    assert sorted(entry.subset for entry in opened.entries) == ["train", "train", "val", "val"]
    (entry,) = (entry for entry in opened.entries if entry.name == "scene 0")
    image = opened.image(entry)
    np.testing.assert_array_equal(image.labels, session.labels)
    assert sum(note.state == "assigned" for note in image.notes) == 3
    assert len(list((folder / "JPEGImages").iterdir())) == 4

    # The next image, verified: that one alone. What is there is asked about.
    key(person, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    shown(person)
    turn_to(person, Page.EXPORT)
    choose(panel.what, "All that are verified")
    assert panel.names.text().startswith("1 image,")
    answer(QMessageBox, lambda box: click_in(box, "Cancel"))
    click_at(person, panel.button)
    assert dock.status.text() == "Nothing was written; the export is as it was."
    assert len(Opened.of(folder).entries) == 4
    write(person, panel.trainer.split, "")
    answer(QMessageBox, lambda box: click_in(box, "Replace"))
    press(person)
    assert [entry.name for entry in Opened.of(folder).entries] == ["scene 0"]
    assert project.count()  # it is still open


def test_files_of_one_image_lie_beside_the_project_where_no_run_takes_them_for_images(
    person: Person, images: Path
) -> None:
    dock, panel = person.dock, person.dock.export
    dock.open_project(str(prelabelled(images)))
    project, before = shown(person), sorted(images.iterdir())
    turn_to(person, Page.EXPORT)
    assert panel.kind.currentText() == OWN
    folder = images.parent / "set-files"
    assert panel.place.toolTip() == str(folder)
    press(person)
    assert sorted(path.name for path in folder.iterdir()) == [
        "scene 0.labels.classes.csv", "scene 0.labels.png", "scene 0.regions.csv",
    ]  # fmt: skip
    choose(panel.kind, FORMATS["indexed"].title)
    press(person)
    assert (images.parent / "scene 0-indexed").is_dir()
    assert sorted(images.iterdir()) == before
    assert project.look_again() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="links are made by few there")
def test_files_of_an_image_that_was_opened_by_a_link_lie_beside_the_link(
    person: Person, images: Path, tmp_path: Path
) -> None:
    dock = person.dock
    link = tmp_path / "links" / "photo.png"
    link.parent.mkdir()
    link.symlink_to(images / "scene 0.png")
    person.viewer.open(str(link), plugin="napari")
    dock.reset_choices()
    choose(dock.model.regions, "superpixels")
    person.type("red, green")
    person.run()
    turn_to(person, Page.EXPORT)
    press(person)
    assert sorted(path.name for path in link.parent.iterdir()) == [
        "photo.labels.classes.csv", "photo.labels.png", "photo.png", "photo.regions.csv",
    ]  # fmt: skip
    assert len(list(images.iterdir())) == 4


def test_numbers_of_what_has_no_class_are_chosen(person: Person, images: Path) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    shown(person)
    dock.session.ignore(dock.session.ids.tolist()[:3])
    turn_to(person, Page.EXPORT)
    panel, trainer = dock.export, dock.export.trainer
    choose(panel.what, "All that have labels")
    for name, format_ in WRITTEN.items():
        choose(panel.kind, format_.title)
        assert trainer.background.isVisible() == ("background" in format_.free), name
        assert trainer.unlabelled.isVisible() == ("unlabelled" in format_.free), name
        assert trainer.ignored.isVisible() == ("ignored" in format_.free), name
        assert trainer.options(several=True, replace=False).unlabelled is None
        usual = format_.choices
        if trainer.background.isVisible():
            assert trainer.background.currentData() == usual.background
        if trainer.ignored.isVisible():
            assert trainer.unlabelled.placeholderText() == str(usual.unlabelled)
            assert trainer.ignored.placeholderText() == str(usual.ignored or "the same")
        assert check_names(dock.pages)
        assert cut(dock.pages) == []
    choose(panel.kind, FORMATS["indexed"].title)
    write(person, trainer.ignored, "many")
    press(person)
    assert (
        dock.status.text() == "The number of what is ignored is 'many'; give one from 0 to 65535."
    )
    write(person, trainer.ignored, "99")
    write(person, trainer.unlabelled, "77")
    choose(trainer.first, "from 0 on")
    assert panel.void.text().startswith("What has no class is 77, what is ignored 99.")
    press(person)
    folder = images.parent / "set-indexed"
    assert dock.status.text().startswith("Wrote 4 images as Indexed PNG")
    with Image.open(folder / "SegmentationClass" / "scene 0.png") as picture:
        numbers = np.asarray(picture)
    ignored = np.isin(dock.session.regions, dock.session.ids[:3])
    np.testing.assert_array_equal(numbers == 99, ignored)
    np.testing.assert_array_equal(numbers == 77, (dock.session.labels == 0) & ~ignored)
    choose(panel.kind, FORMATS["coco"].title)
    choose(panel.kind, FORMATS["indexed"].title)
    assert trainer.ignored.text() == ""  # of another format it would be another number


def test_what_a_format_does_not_have_as_it_was_is_told(
    person: Person, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cvat, "MOST", 5)  # 255 regions are more than these images have
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    shown(person)
    turn_to(person, Page.EXPORT)
    choose(dock.export.what, "All that have labels")
    choose(dock.export.kind, FORMATS["cvat"].title)
    press(person)
    told = dock.status.text()
    assert told.startswith("Wrote 4 images as CVAT")
    assert (
        "CVAT knows 5 masks an image: of '../scenes/scene 0.png' and 3 other images the smal"
        in told
    )
    assert dock.status.said.kind is Kind.DONE


def test_a_split_that_is_none_is_told(person: Person, images: Path) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    shown(person)
    turn_to(person, Page.EXPORT)
    choose(dock.export.what, "All that have labels")
    write(person, dock.export.trainer.split, "most")
    click_at(person, dock.export.button)
    assert dock.status.text() == "The split is 'most'; give two or three parts, such as 80/10/10."
    assert dock.status.said.kind is Kind.WARNING
    assert not (images.parent / "set-indexed").exists()


def test_one_image_in_the_format_of_a_trainer(person: Person, images: Path, tmp_path: Path) -> None:
    """Of a part of an image the picture of that part is written, and not the whole file."""
    dock = person.dock
    person.viewer.open(str(images / "scene 1.png"), plugin="napari")
    dock.reset_choices()
    turn_to(person, Page.SET_UP)
    dock.model.regions.setCurrentText("superpixels")
    person.type("red, green")
    session = person.run()
    turn_to(person, Page.EXPORT)
    panel = dock.export
    assert not panel.what.isVisible()
    assert panel.what.currentText() == THIS
    choose(panel.kind, FORMATS["indexed"].title)
    assert not panel.trainer.split.isVisible()
    press(person)
    folder = images / "scene 1-indexed"
    assert dock.status.text().startswith("Wrote 1 image as Indexed PNG (Pascal VOC) into")
    opened = Opened.of(folder)
    np.testing.assert_array_equal(opened.image(opened.entries[0]).labels, session.labels)
    with Image.open(folder / "JPEGImages" / "scene 1.png") as picture:
        assert picture.size == session.shape[::-1]
    choose(panel.kind, OWN)
    assert panel.files.isVisible()
    assert not panel.trainer.isVisible()


def test_one_image_of_a_set_goes_out_with_what_the_set_knows_of_it(
    person: Person, images: Path
) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    project = shown(person)
    record = dock.projects.review.record
    dock.session.assign(dock.session.ids.tolist()[:3], "blue")
    project.mark(record, "verified", by="Ann")
    turn_to(person, Page.EXPORT)
    panel = dock.export
    assert panel.what.currentText() == THIS
    choose(panel.kind, FORMATS["indexed"].title)
    press(person)
    opened = Opened.of(images.parent / "scene 0-indexed")
    (entry,) = opened.entries
    image = opened.image(entry)
    assert (image.path, image.verified) == (record.path, True)
    np.testing.assert_array_equal(image.labels, dock.session.labels)
    who = {note.by for note in image.notes if note.state == "assigned"}
    assert who == {dock.projects.review.keeping.by}
    assert "" not in who


def test_layers_that_were_taken_as_colours_are_one_picture(person: Person, tmp_path: Path) -> None:
    scene = generate_scene(1).image[:96, :128]
    for channel, name in enumerate(("red", "green", "blue")):
        Image.fromarray(scene[..., channel]).save(tmp_path / f"{name}.png")
        person.viewer.open(str(tmp_path / f"{name}.png"), plugin="napari", contrast_limits=(0, 255))
    dock = person.dock
    dock.reset_choices()
    turn_to(person, Page.SET_UP)
    choose(dock.model.regions, "superpixels")
    dock.image.channels_box.setChecked(True)
    for channel, name in zip(dock.image.channels, ("red", "green", "blue"), strict=True):
        channel.value = person.viewer.layers[name]
    person.type("red, green")
    session = person.run()
    np.testing.assert_array_equal(session.image, scene)
    np.testing.assert_array_equal(exported(person, "yolo"), scene)


def test_a_file_that_was_changed_since_is_not_the_picture(person: Person, images: Path) -> None:
    dock = person.dock
    file = images / "scene 1.png"
    person.viewer.open(str(file), plugin="napari")
    dock.reset_choices()
    turn_to(person, Page.SET_UP)
    choose(dock.model.regions, "superpixels")
    person.type("red, green")
    session = person.run()
    assert session.image is not None
    seen = session.image.copy()
    Image.fromarray(255 - seen).save(file)
    np.testing.assert_array_equal(exported(person, "yolo"), seen)


def exported(person: Person, name: str) -> np.ndarray:
    """Export the image that is corrected as a person does, and return the picture that was written."""
    turn_to(person, Page.EXPORT)
    panel = person.dock.export
    choose(panel.kind, FORMATS[name].title)
    press(person)
    assert person.dock.status.text().startswith("Wrote 1 image")
    picture = next((Path(panel.place.toolTip()) / "images" / "train").iterdir())
    with Image.open(picture) as opened:
        return np.asarray(opened)


def test_images_are_dealt_out_by_a_seed(person: Person, images: Path) -> None:
    dock = person.dock
    dock.open_project(str(prelabelled(images)))
    shown(person)
    turn_to(person, Page.EXPORT)
    panel = dock.export
    choose(panel.kind, FORMATS["indexed"].title)
    assert not panel.trainer.seed.isVisible()
    choose(panel.what, "All that have labels")
    assert panel.trainer.seed.isVisible()
    write(person, panel.trainer.split, "50/50")
    assert panel.trainer.options(several=True, replace=False).seed == 0
    write(person, panel.trainer.seed, "one")
    click_at(person, panel.button)
    assert dock.status.text() == "The seed is 'one'; give a whole number, such as 1."
    paths = [f"../scenes/scene {number}.png" for number in range(4)]
    seed = next(each for each in range(9) if dealt(paths, (50, 50), each) != dealt(paths, (50, 50)))
    write(person, panel.trainer.seed, str(seed))
    assert check_names(dock.pages)
    assert cut(dock.pages) == []
    press(person)
    opened = Opened.of(images.parent / "set-indexed")
    found = {opened.path_of(entry): entry.subset for entry in opened.entries}
    assert [found[path] for path in paths] == dealt(paths, (50, 50), seed)
