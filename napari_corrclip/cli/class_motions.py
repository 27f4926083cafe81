"""The work of ``napari-corrclip project classes``: the classes of a set, renamed, merged and parted."""

from __future__ import annotations

from pathlib import Path

from napari_corrclip.cli.console import say, tell
from napari_corrclip.errors import InputError
from napari_corrclip.progress import drive
from napari_corrclip.project.project import Project
from napari_corrclip.wording.amounts import count


def move(
    folder: Path,
    rename: tuple[str, str] | None,
    merge: tuple[str, str] | None,
    part: str | None,
    *,
    keep_prompts: bool,
    by: str,
) -> None:
    """Change the classes of a project, one thing at a time, and list them.

    Raises:
        InputError: two things are asked for, or it cannot be done.
    """
    asked = [
        name
        for name, given in (("--rename", rename), ("--merge", merge), ("--part", part))
        if given is not None
    ]
    if len(asked) > 1:
        raise InputError(f"{' and '.join(asked)} are two changes; give one after the other.")
    if keep_prompts and merge is None:
        raise InputError("--keep-prompts goes with --merge; leave it out.")
    with Project.open(folder, read_only=not asked) as project:
        if rename is not None:
            project.choose(project.vocabulary.rename(*rename))
        if merge is not None:
            project.merge_classes(*merge, prompts=not keep_prompts, by=by)
        if part is not None:
            parted = drive(project.part_classes_steps(part))
            for sentence in parted.left:
                say(f"Note: {sentence}")
        tell(*lines_of(project))


def lines_of(project: Project) -> list[str]:
    """Return the classes of a project, a line each, and what was merged into them."""
    figures = {row.value: row for row in project.figures().classes}
    merged: dict[str, list[str]] = {}
    for gone, heir in project.merged_classes().items():
        merged.setdefault(heir, []).append(gone)
    width = max(len(class_.name) for class_ in project.vocabulary)
    lines = []
    for class_ in project.vocabulary:
        found = figures[class_.value]
        line = (
            f"{class_.value:>5}  {class_.name:<{width}}  {count(found.regions, 'region')} on "
            f"{count(found.images, 'image')}, {found.decided:,} decided"
        )
        if class_.name in merged:
            line += f"; with {', '.join(map(repr, merged[class_.name]))}"
        lines.append(line)
    return lines
