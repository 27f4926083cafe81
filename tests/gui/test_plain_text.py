"""Text of others in the window: shown as it stands, and never taken for markup."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
from napari.layers import Layer
from qtpy.QtCore import QAbstractItemModel, Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QGroupBox,
    QLabel,
    QMessageBox,
    QTabBar,
    QWidget,
)

import napari_corrclip as nc
from napari_corrclip import gui
from napari_corrclip.demo.scenes import generate_scene
from napari_corrclip.gui.model.weights_question import WeightsDialog
from napari_corrclip.gui.session.loading import ask_to_leave
from napari_corrclip.gui.words.merging import AgainDialog, MergeDialog
from napari_corrclip.gui.words.removal import RemovalDialog
from napari_corrclip.gui.work.said import done
from napari_corrclip.plugin import reader as _reader
from napari_corrclip.plugin import writer as _writer
from napari_corrclip.progress import Progress
from napari_corrclip.results.segmentation import class_layer
from napari_corrclip.vocabulary import Vocabulary
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.weights.presets import NetworkSpec
from napari_corrclip.weights.saved import save_preset
from napari_corrclip.wording.markup import as_given, plain, plain_features
from tests.gui.person import Person

TAGS = "<b>x</b><img src='file:///etc/passwd'>"
NAMES = (TAGS, "&file", "a &lt;b&gt; c", "100%p", "< i >y</i>")


def might_be_rich(text: str) -> bool:
    return bool(Qt.mightBeRichText(text))


def texts_of(widget: QWidget) -> Iterator[tuple[str, str]]:
    """What Qt may take for markup, with what it is."""
    for what in ("toolTip", "statusTip", "whatsThis"):
        yield what, getattr(widget, what)()
    if isinstance(widget, QLabel) and widget.textFormat() == Qt.TextFormat.AutoText:
        yield "text", widget.text()
    if isinstance(widget, QMessageBox) and widget.textFormat() == Qt.TextFormat.AutoText:
        yield from (("text", widget.text()), ("information", widget.informativeText()))
    for action in widget.findChildren(QAction):
        yield from (("an action's tip", action.toolTip()), ("an action's", action.statusTip()))
    model: QAbstractItemModel | None = None
    if isinstance(widget, QComboBox | QAbstractItemView):
        model = widget.model()
    for row in range(0 if model is None else model.rowCount()):
        assert model is not None
        for column in range(model.columnCount()):
            for role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.StatusTipRole):
                yield "an item's", str(model.data(model.index(row, column), role) or "")


def shortened(widget: QWidget) -> Iterator[str]:
    """Texts in which an ampersand underlines the letter after it."""
    if isinstance(widget, QAbstractButton):
        yield widget.text()
    if isinstance(widget, QGroupBox):
        yield widget.title()
    if isinstance(widget, QTabBar):
        yield from (widget.tabText(at) for at in range(widget.count()))
    if isinstance(widget, QLabel) and widget.buddy() is not None:
        yield widget.text()
    yield from (action.text() for action in widget.findChildren(QAction))


def check(*roots: QWidget) -> int:
    seen = 0
    for root in roots:
        for widget in (root, *root.findChildren(QWidget)):
            for what, text in texts_of(widget):
                assert not might_be_rich(text) or text.startswith("<qt>"), (widget, what, text)
                seen += bool(text)
            for text in shortened(widget):
                assert "&file" not in text, (widget, text)
            if isinstance(widget, QLabel) and widget.textFormat() == Qt.TextFormat.RichText:
                assert "<img" not in widget.text(), (widget, widget.text())
                assert "<b>x" not in widget.text(), (widget, widget.text())
    return seen


def layer_without_session(layer: Layer) -> dict[str, Any]:
    """What napari gives a writer of a layer, as of one that somebody made of another's features."""
    options: dict[str, Any] = layer.as_layer_data_tuple()[1]
    return options | {"metadata": {}}


@pytest.fixture
def hostile(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A dock in which everything that others can name is called like a tag."""
    folder = tmp_path / "<b>x< b><img src=a>&file"
    folder.mkdir()
    monkeypatch.setenv("NAPARI_CORRCLIP_PRESETS", str(tmp_path / "presets"))
    monkeypatch.setenv("NAPARI_CORRCLIP_SESSIONS", str(folder / "sessions"))
    demo = get_preset("demo")
    gone = NetworkSpec.local("timm", "vit_tiny_patch16_224", folder / "gone.pth")
    save_preset(
        replace(demo, name="mine", title=TAGS, description=f"{TAGS} &file", similarity=gone)
    )
    path = folder / "&file <b>x< b>.png"
    iio.imwrite(path, generate_scene(7).image[:120, :120])
    (layer,) = person.viewer.open(str(path), plugin="napari")
    layer.name = TAGS
    person.viewer.add_labels(np.ones((120, 120), np.uint8), name="&file<b>x</b>")
    person.dock.reset_choices()
    person.dock.image.layer = layer
    person.dock.model.regions.setCurrentText("superpixels")
    person.dock.words.show_vocabulary(Vocabulary.from_names(NAMES))
    return person


def test_nothing_in_the_dock_is_taken_for_markup(hostile: Person, tmp_path: Path) -> None:
    dock = hostile.dock
    session = hostile.run()
    session.assign(session.ids[:4].tolist(), TAGS)
    dock.correct.button.click()
    dock.regions.show_table()
    dock.model._offer_presets()
    QApplication.processEvents()
    window = dock.window()
    assert window is not None
    table = dock.regions.table
    assert table is not None
    table.line.setText(f"{TAGS} area>0")
    table.filter()
    table.line.setText(f"area>{TAGS}")
    table.filter()
    assert table.said.text().startswith("'<b>x</b><img' is no number in 'area><b>x</b>")
    assert check(dock, table) > 60
    for said in (TAGS, f"The image {TAGS!r} cannot be read."):
        dock.say(said)
        assert dock.status.text() == said
        dock.say(done(said))
        assert dock.status.label.textFormat() == Qt.TextFormat.PlainText
    dock.model.preset.setCurrentText("mine")
    check(dock)
    dock.bar.show_busy(True)
    dock.bar.show_progress(Progress(f"{TAGS} 100%p", 0, 1))
    dock.bar._tick()
    assert "100%p" in dock.bar.text()
    check(dock)
    for label in window.findChildren(QLabel):  # of napari's activity, too
        assert "<img" not in label.text() or label.textFormat() == Qt.TextFormat.PlainText
    dock.bar.show_busy(False)
    # What napari shows of layers, in its status bar and in its tooltips.
    layers = dock.layers
    assert layers is not None
    assert as_given(layers.labels.features["class"][1]) == TAGS
    for layer in (layers.labels, layers.regions):
        for at in ((3, 3), (60, 60), (100, 20)):
            status = layer.get_status(at, world=True)
            assert not might_be_rich(status["coordinates"])
            assert not might_be_rich(layer._get_tooltip_text(np.array(at), world=True))
    written = _writer.write_classes(
        str(tmp_path / "map.png"), np.ones((4, 4), np.uint8), layer_without_session(layers.labels)
    )
    assert Vocabulary.from_file(written[-1]).names == NAMES


def test_windows_that_ask_show_names_as_they_stand(
    hostile: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[QMessageBox] = []
    monkeypatch.setattr(QMessageBox, "exec", lambda box: asked.append(box) or check(box))
    ask_to_leave(hostile.dock, 3, TAGS, "Run", f"The image {TAGS!r} is gone. ")
    assert asked[0].textFormat() == Qt.TextFormat.PlainText
    words = Vocabulary.from_names(NAMES)
    removed = RemovalDialog(dict.fromkeys(words, (2, 9)), words, hostile.dock)
    files = WeightsDialog([replace(NetworkSpec.local("timm", TAGS, "a.pth"), licence=TAGS)])
    merging = MergeDialog(words, [0], TAGS, hostile.dock)
    again = AgainDialog("Part again", {TAGS: f"{TAGS}, which became {TAGS}"}, TAGS, hostile.dock)
    check(removed, files, merging, again)
    for dialog in (removed, merging, again):
        dialog.deleteLater()
    files.deleteLater()


def test_layers_of_results_and_sessions_are_plain(tmp_path: Path) -> None:
    image = generate_scene(7).image[:60, :60]
    words = Vocabulary.from_names(NAMES)
    result = nc.segment(image, words, regions="superpixels", progress=False)
    result.save(tmp_path / "result")
    nc.Session(result, image).save(tmp_path / "session")
    data, about, kind = class_layer(np.asarray(result.labels), words)
    layer = Layer.create(data, about, kind)
    _writer.write_classes(str(tmp_path / "<b>x< b>.png"), data, layer.as_layer_data_tuple()[1])
    before = Path(__file__).parent.parent / "data" / "before"
    large = nc.LargeSegmentation.load(before / "large")
    named = large.table.assign(**{"class": NAMES[0]})
    found = [
        *result.to_layers(),
        *replace(large, table=named, vocabulary=words).to_layers(),
        *_reader.read_result(tmp_path / "result"),
        *_reader.read_session(tmp_path / "session"),
        *_reader.read_classes(tmp_path / "<b>x< b>.classes.csv"),
    ]
    assert len(found) == 9
    for _, about, _ in found:
        assert not might_be_rich(about["name"])
        texts = about["features"].select_dtypes(exclude="number").to_numpy().ravel()
        assert len(texts)
        assert not any(might_be_rich(str(text)) for text in texts)


@pytest.mark.parametrize(
    "text",
    [*NAMES, "<?xml", "<!-- x -->", "<  img src=a>", "x<br/>y", "&lt;", "<B>", "a\n<b>", "<<b>>"],
)
def test_what_is_plain_is_what_was_given(text: str, qapp: QApplication) -> None:
    assert not might_be_rich(plain(text))
    assert as_given(plain(text)) == text
    assert plain("cat, dog & sky > 3") == "cat, dog & sky > 3"
    table = pd.DataFrame({"index": [1], "class": [text], "p": [0.5]})
    made = plain_features(table)
    assert made["class"][0] == plain(text)
    assert (made.dtypes["index"], made.dtypes["p"]) == (table.dtypes["index"], table.dtypes["p"])
    assert table["class"][0] == text


def test_texts_and_tips_are_made_in_one_place() -> None:
    """Another label, tip or message box in the dock goes by the rule, too."""
    for path in sorted(Path(gui.__file__).parent.rglob("*.py")):
        if path.name == "widgets.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                called = node.func.id if isinstance(node.func, ast.Name) else called
                wrong = {"QLabel", "QMessageBox", "setToolTip", "setStatusTip", "setWhatsThis"}
                assert called not in wrong, f"{path}:{node.lineno} {called}"
