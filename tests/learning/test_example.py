"""The example of the documentation, on a project in which somebody corrected something."""

from __future__ import annotations

import re
from pathlib import Path

import imageio.v3 as iio
import pytest

import napari_corrclip as nc
from napari_corrclip.demo.scenes import generate_scene

PAGE = Path(__file__).parents[2] / "docs" / "learning.md"


def test_the_example_of_the_docs_learns_from_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    scenes = [generate_scene(number) for number in range(3)]
    for number, scene in enumerate(scenes):
        iio.imwrite(folder / f"{number}.png", scene.image)
    recipe = nc.Recipe(regions="superpixels", region_options={"n_segments": 80})
    # Words that the networks do not know: nothing but verdicts can tell them.
    words = ["heron", "zorg", "blick", "wood", "stone", "grass", "sand", "water"]
    known = ["red", "yellow", "green", *words[3:]]
    monkeypatch.chdir(tmp_path)
    with nc.Project.create("birds.corrclip-project", words, folder, recipe=recipe) as project:
        project.run(progress=False)
        first, scene = next(iter(project)), scenes[0]
        truth = scene.truth(known)
        with project.session(first) as session:
            learning = project.lesson.learn(session, first)
            for row in session.rows():
                value = int(truth[session.regions == row.id].max())
                if value and row.id % 3:
                    session.assign([row.id], value - 1)
            project.lesson.finish(learning)
    block, loose = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    told = capsys.readouterr().out.splitlines()
    changed = [int(re.findall(r": (\d+)", line)[0]) for line in told[:-1]]
    assert len(changed) == 4
    assert min(changed) > 0
    assert told[-1].startswith("TaughtSet(images=1, regions=")
    exec(loose, names)
    told = capsys.readouterr().out.splitlines()
    assert told == ["0.png is left: 2 verdicts", "1.png is left: 4 verdicts"]
    exec(loose, names)  # the same verdicts again: there is nothing new to learn
    assert capsys.readouterr().out.splitlines()[-1] == "1.png is left: 4 verdicts"
