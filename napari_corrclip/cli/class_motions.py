"""The work of ``napari-corrclip project classes``: the classes of a set, renamed, merged, parted, removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_corrclip.cli.console import say, tell
from napari_corrclip.errors import InputError
from napari_corrclip.progress import drive
from napari_corrclip.project.project import Project
from napari_corrclip.vocabulary.grammar import key
from napari_corrclip.wording.amounts import count


@dataclass(frozen=True, slots=True)
class Motion:
    """The change of a project's classes that is asked for; one at a time.

    Attributes:
        rename: a class, and its name from now on.
        merge: a class, and the one that it becomes.
        keep_prompts: whether that one keeps its own prompts alone.
        part: a class that was merged.
        remove: a class that goes.
        to: the class that gets what was decided as it.
        undecide: whether that is taken back instead.
        bring_back: a class that was removed.
        below: a class, and the one that it is below from now on; empty: none.
    """

    rename: tuple[str, str] | None = None
    merge: tuple[str, str] | None = None
    keep_prompts: bool = False
    part: str | None = None
    remove: str | None = None
    to: str | None = None
    undecide: bool = False
    bring_back: str | None = None
    below: tuple[str, str] | None = None

    @property
    def asked(self) -> list[str]:
        """The options of the changes that are asked for."""
        given = {
            "--rename": self.rename,
            "--merge": self.merge,
            "--part": self.part,
            "--remove": self.remove,
            "--bring-back": self.bring_back,
            "--below": self.below,
        }
        return [option for option, value in given.items() if value is not None]

    def check(self) -> None:
        """Refuse what cannot be asked for.

        Raises:
            InputError: two changes, or an option without the change that it is of.
        """
        if len(self.asked) > 1:
            raise InputError(
                f"{' and '.join(self.asked)} are two changes; give one after the other."
            )
        if self.keep_prompts and self.merge is None:
            raise InputError("--keep-prompts goes with --merge; leave it out.")
        if self.remove is None and (self.to is not None or self.undecide):
            option = "--undecide" if self.to is None else "--to"
            raise InputError(f"{option} goes with --remove; leave it out.")
        if self.to is not None and self.undecide:
            raise InputError(
                "--to gives what was decided to another class, --undecide takes it back; give one of them."
            )


def move(folder: Path, motion: Motion, *, by: str) -> bool:
    """Change the classes of a project, one thing at a time, and list them; return whether all was done.

    Raises:
        InputError: two things are asked for, or it cannot be done.
    """
    motion.check()
    if by and not motion.asked:
        raise InputError("--by goes with a change; leave it out.")
    whole = True
    with Project.open(folder, read_only=not motion.asked) as project:
        if motion.rename is not None:
            _check_free(project, *motion.rename)
            project.choose(project.vocabulary.rename(*motion.rename))
        if motion.merge is not None:
            project.merge_classes(*motion.merge, prompts=not motion.keep_prompts, by=by)
        if motion.part is not None:
            _note(drive(project.part_classes_steps(motion.part)).left)
        if motion.remove is not None:
            whole = _remove(project, motion, motion.remove, by)
        if motion.bring_back is not None:
            _bring_back(project, motion.bring_back, by)
        if motion.below is not None:
            which, parent = motion.below
            project.choose(project.vocabulary.with_parent(which, parent or None))
        tell(*lines_of(project))
    return whole


def _check_free(project: Project, old: str, new: str) -> None:
    """Refuse the name of another class.

    Raises:
        InputError: there is one.
    """
    if key(new) != key(old) and key(new) in map(key, project.vocabulary.names):
        raise InputError(
            f"There is a class {new!r} already; give {old!r} another name, or --merge, which makes both one."
        )


def _note(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        say(f"Note: {sentence}")


def _remove(project: Project, motion: Motion, name: str, by: str) -> bool:
    """Remove a class, if it was said what becomes of what was decided as it; return whether it is gone.

    Raises:
        InputError: it was not.
    """
    decided = project.decided_as(name)
    if decided.regions and motion.to is None and not motion.undecide:
        raise InputError(
            f"{decided.sentence(name)}; say what becomes of that: --to CLASS gives it to another class, "
            "--undecide takes it back."
        )
    record = drive(project.remove_class_steps(name, motion.to, by=by))
    if record is not None:
        _note(record.left)
        if record.regions:
            on = count(len(record.items), "image")
            tell(
                f"{count(record.regions, 'region')} on {on} undecided; --bring-back {name!r} has them again"
            )
        if key(name) in map(key, project.vocabulary.names):
            say(f"Note: {name!r} stays until that can be taken back, too; ask for it again then.")
            return False
    return True


def _bring_back(project: Project, name: str, by: str) -> None:
    """Take the removal of a class back.

    Raises:
        InputError: none of the name was removed.
    """
    removed = project.removed_classes()
    record = next((removed[each] for each in removed if key(each) == key(name)), None)
    if record is None:
        if key(name) in map(key, project.merged_classes()):
            raise InputError(
                f"{name!r} was not removed, but became another class; --part has it again."
            )
        names = ", ".join(map(repr, removed))
        raise InputError(
            f"No class {name!r} was removed with what was decided as it; "
            + (f"these were: {names}." if names else "none was in this project.")
        )
    done = set[int]()
    while record is not None and record.number not in done:  # as often as it was asked for
        done.add(record.number)
        _note(drive(project.undo_sheet_steps(record, by=by)).left)
        removed = project.removed_classes()
        record = next((removed[each] for each in removed if key(each) == key(name)), None)


def lines_of(project: Project) -> list[str]:
    """Return the classes of a project, a line each, and what was merged into them."""
    figures = {row.value: row for row in project.figures().classes}
    merged: dict[str, list[str]] = {}
    for gone, heir in project.merged_classes().items():
        merged.setdefault(heir, []).append(gone)
    words = project.vocabulary
    paths = {class_.value: " > ".join(words.path(class_.name)) for class_ in words}
    width = max(map(len, paths.values()))
    lines = []
    for class_ in words:
        found = figures[class_.value]
        line = (
            f"{class_.value:>5}  {paths[class_.value]:<{width}}  {count(found.regions, 'region')} on "
            f"{count(found.images, 'image')}, {found.decided:,} decided"
        )
        if class_.name in merged:
            line += f"; with {', '.join(map(repr, merged[class_.name]))}"
        lines.append(line)
    removed = [name for name in project.removed_classes() if key(name) not in map(key, words.names)]
    if removed:
        lines.append(f"removed, and there again by --bring-back: {', '.join(map(repr, removed))}")
    return lines
