"""What was agreed to is not asked about again; another folder is another question."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtWidgets import QDialog

from napari_corrclip.gui.model.weights_question import WeightsDialog, WeightsQuestion
from napari_corrclip.weights.catalogue import get_preset


def test_each_folder_is_asked_about_once(
    qapp: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def reply(dialog: WeightsDialog) -> int:
        asked.append(dialog.label.text())
        return answers.pop(0)

    monkeypatch.setattr(WeightsDialog, "exec", reply)
    yes, no = QDialog.DialogCode.Accepted, QDialog.DialogCode.Rejected
    answers = [no, yes, yes, yes]
    networks = get_preset("vit-b-16").networks
    question = WeightsQuestion()
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "one"))
    assert not question.ask(networks[:1])
    assert question.ask(networks[:1])
    assert question.ask(networks[:1])
    assert len(asked) == 2
    assert question.ask(networks)  # more files
    monkeypatch.setenv("NAPARI_CORRCLIP_CACHE", str(tmp_path / "other"))
    assert question.ask(networks)
    assert not answers
    assert str(tmp_path / "other") in asked[-1]
