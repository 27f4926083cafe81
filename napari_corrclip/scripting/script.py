"""The writer of scripts: imports, the run, the edits."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_corrclip.annotation import Session
from napari_corrclip.annotation.change import Change, Step, Swap
from napari_corrclip.annotation.evidence import Evidence
from napari_corrclip.annotation.files.folder import digest
from napari_corrclip.annotation.runs import Patch
from napari_corrclip.annotation.state import NOT_PINNED, State
from napari_corrclip.errors import CorrClipError, InputError
from napari_corrclip.images.source import Source
from napari_corrclip.maps.regions import number_regions
from napari_corrclip.progress import Progress, Steps, finish
from napari_corrclip.regions.options import SamOptions, SuperpixelOptions
from napari_corrclip.results.provenance import PERCENTILES_BEFORE, Provenance, Stretch
from napari_corrclip.scripting.edits import effective, lines_of
from napari_corrclip.scripting.packed import pack_label_map, regions_digest
from napari_corrclip.scripting.words import vocabulary_expression
from napari_corrclip.settings import DETAILS, Settings, at_detail
from napari_corrclip.weights.catalogue import get_preset
from napari_corrclip.wording.amounts import count

SCENES = (7, 0, 2, 14)
"""Seeds of the demo scenes that the dock and napari's sample menu open."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script.

    Attributes:
        text: Python.
        image: what it takes as the image, an expression; empty where the image is in no file, so that the
            script cannot be run before it is given one.
        steps: how many steps of the history it makes after the run.
    """

    text: str
    image: str
    steps: int


def as_python(session: Session, image: str | None = None) -> str:
    """Return a script that makes the last run again, and everything that was done by hand since.

    Run on the same image and device with the same versions of the libraries, it ends with a ``session``
    whose labels and regions are those of this one, pixel for pixel. Before it edits it looks whether the
    regions are the same, because edits name them by their ids.

    Args:
        session: is not changed.
        image: path of the image's file; ``None``: where it was read from.

    Raises:
        InputError: the image is in no file and no path is given, or the session does not know how it
            came about: it was saved by an early version, the run was of no preset, or so many steps
            were made that the history has forgotten the first.
    """
    script = finish(script_steps(session, image))
    if not script.image:
        raise InputError(
            "The image is in no file that a script could read; save it, and give its path."
        )
    return script.text


def script_steps(session: Session, image: str | None = None) -> Steps[Script]:
    """Generator of :func:`as_python`, to be driven in a thread.

    The session is copied at once, so that it may be edited meanwhile. A script without an image is
    returned rather than refused; somebody may be asked where to save it.
    """
    return _write(session.state.copy(), list(session.history.done), _Image.of(session, image))


@dataclass(frozen=True, slots=True)
class _Image:
    """The image, as a script may find it."""

    pixels: NDArray[np.uint8] | None
    digest: str
    source: Source | None
    given: str | None
    stretch: tuple[Stretch | None, ...]

    @classmethod
    def of(cls, session: Session, given: str | None) -> _Image:
        stretch = session.provenance.stretch
        return cls(session.image, session.image_digest, session.source, given, stretch)

    def expression(self) -> tuple[str, str]:
        """Return an expression for ``nc.annotate`` and the import it needs; empty: there is none."""
        if self.given is not None:
            return repr(self.given), ""
        if self.source is not None:
            found = self._from_file()
            if found:
                return found, ""
        for seed in SCENES if self.pixels is not None and self.pixels.shape[0] == 256 else ():
            from napari_corrclip.demo.scenes import generate_scene

            if self.digest == digest(generate_scene(seed).image):
                imported = "from napari_corrclip.demo.scenes import generate_scene"
                return f"generate_scene({seed}).image", imported
        return "", ""

    def _from_file(self) -> str:
        """Return how the file is read so that its pixels are those that were run on."""
        from napari_corrclip.images import read_image, to_rgb

        assert self.source is not None
        path, crop = self.source.path, self.source.crop
        top, left, bottom, right = crop or (0, 0, None, None)
        part = "" if crop is None else f"[{top}:{bottom}, {left}:{right}]"
        try:
            image = read_image(Path(path))
            for options in self._ways():
                told = "".join(f", {name}={value!r}" for name, value in options.items())
                if digest(to_rgb(image, **options)[top:bottom, left:right]) == self.digest:
                    if not part and not told:
                        return repr(path)
                    return f"nc.to_rgb(nc.read_image({path!r}){told}){part}"
                if part and digest(to_rgb(image[top:bottom, left:right], **options)) == self.digest:
                    return f"nc.to_rgb(nc.read_image({path!r}){part}{told})"
        except CorrClipError:  # a stack, or a format of napari's
            pass
        return ""

    def _ways(self) -> list[dict[str, Any]]:
        """Return how the file may have become 8 bits: as the dock did, or as everything else does."""
        if len(self.stretch) == 1 and self.stretch[0] is not None and self.stretch[0].gamma == 1:
            return [{}, {"limits": (self.stretch[0].low, self.stretch[0].high)}]
        return [{}] if self.stretch else [{}, {"percentiles": PERCENTILES_BEFORE}]


def _write(state: State, done: list[Step], image: _Image) -> Steps[Script]:
    steps = effective(done)
    ran = max(
        (at for at, step in enumerate(steps) if any(c.provenance for c in step.changes)), default=-1
    )
    later = steps[ran + 1 :]
    total = 2 * len(later) + 2
    for at, step in enumerate(reversed(later)):
        yield Progress("read the history", at, total)
        for change in step.inverse().changes:
            state.apply(change)
    if not state.provenance.preset or not np.array_equal(
        number_regions(state.regions)[0], state.evidence.numbers
    ):
        raise InputError(
            "The session does not know how its last run was made; save it instead, and go on with it by "
            "nc.Session.load."
        )
    yield Progress("look for the image", len(later), total)
    expression, imported = image.expression()
    base, fresh = state, _fresh(state)
    lines = list(lines_of(fresh, _carried(base)))
    carried = len(lines)
    for at, step in enumerate(later):
        yield Progress("write the edits", len(later) + 1 + at, total)
        made = list(lines_of(fresh, step))
        if len(made) > 1:
            made = [f"with session.step({step.title!r}):", *(f"    {line}" for line in made)]
        lines += made
    run = _run(base, expression or "the_image")
    body = "\n".join([*run, *(["", *lines] if lines else [])])
    if lines:
        check = f"check_regions(session, '{regions_digest(base.regions)}')"
        body = "\n".join([*run, f"{check}  # the edits name regions by their ids", "", *lines])
    said = f"{count(len(later), 'step')} made by hand"
    about = f"The last run of napari-corrclip on an image, and {said} since."
    if carried:
        about += "\n\nFirst comes what was decided before that run and still holds."
    text = "\n".join([f'"""{about}"""', "", *_imports(body, imported), "", body, ""])
    return Script(text, expression, len(later))


def _fresh(base: State) -> State:
    """Return the state that the run alone would have left."""
    evidence = base.evidence
    return State(
        base.regions.copy(),
        Evidence(
            evidence.prediction.copy(),
            evidence.numbers.copy(),
            evidence.probabilities,
            evidence.taught,
        ),
        base.vocabulary,
        voting=base.voting,
        provenance=base.provenance,
    )


def _carried(base: State) -> Step:
    """Return the step from the bare run to what it left of earlier decisions."""
    pins = Patch.between(np.full(base.shape, NOT_PINNED, np.int32), base.pins, base.full)
    change = Change(
        {} if pins is None else {"pins": pins},
        {region: Swap(None, verdict) for region, verdict in base.verdicts.items()},
        {region: Swap(None, voting) for region, voting in base.votings.items()},
    )
    return Step("Decided before", () if change.empty else (change,))


def _run(base: State, image: str) -> list[str]:
    """Return the call that makes the run."""
    run = base.provenance
    preset = get_preset(run.preset)
    arguments = [image, vocabulary_expression(base.vocabulary), f"preset={run.preset!r}"]
    arguments.append(f"device={run.device.split(' ')[0]!r}")
    if run.dtype not in ("", "float32"):
        arguments.append(f"dtype={run.dtype!r}")
    arguments += _regions(base, run)
    arguments += _settings(run, preset.settings)
    return ["session = nc.annotate(", *(f"    {argument}," for argument in arguments), ")"]


def _regions(base: State, run: Provenance) -> Iterator[str]:
    source = str(run.regions.get("source", "sam"))
    if source not in ("sam", "superpixels"):
        yield f"regions={_given(base, str(run.regions.get('origin', '')))}"
        return
    yield f"regions={source!r}"
    options = _options(source, run.regions)
    if options:
        yield f"region_options={options!r}"


def _options(source: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a region source that are not its own defaults."""
    defaults = asdict(SuperpixelOptions() if source == "superpixels" else SamOptions())
    options = {name: value for name, value in told.items() if name in defaults}
    if options.get("n_segments") == 0:  # stands for the image's own
        del options["n_segments"]
    return {name: value for name, value in options.items() if value != defaults[name]}


def _given(base: State, origin: str) -> str:
    """Return where given regions come from: their file if it still holds them, else the regions."""
    from napari_corrclip.regions.given import GivenRegions

    try:
        held = GivenRegions.from_file(origin).regions if origin else None
    except (CorrClipError, OSError, ValueError):
        held = None
    if held is not None and np.array_equal(held, base.regions):
        return f"Path({origin!r})"
    return f"label_map('{pack_label_map(base.regions)}')"


def _settings(run: Provenance, preset: Settings) -> Iterator[str]:
    if run.settings is None or run.settings == preset:
        return
    for detail in DETAILS:
        if at_detail(preset, detail) == run.settings:
            yield f"detail={detail!r}"
            return
    mine, others = run.settings.model_dump(), preset.model_dump()
    differ = ", ".join(f"{name}={mine[name]!r}" for name in mine if mine[name] != others[name])
    yield f"settings=nc.get_preset({run.preset!r}).settings.replace({differ})"


def _imports(body: str, further: str) -> list[str]:
    """Return the imports of what ``body`` calls; what stands in its texts is not looked at."""
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    lines = ["from dataclasses import replace"] if "replace" in used else []
    lines += ["from pathlib import Path"] if "Path" in used else []
    lines += ["", "import napari_corrclip as nc"] if lines else ["import napari_corrclip as nc"]
    if further:
        lines.append(further)
    called = [name for name in ("check_regions", "label_map", "mask", "repeat") if name in used]
    if called:
        lines.append(f"from napari_corrclip.scripting import {', '.join(called)}")
    return lines
