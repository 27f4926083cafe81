"""The walks through the house that docs/walks.md tells, and what was really called."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType

import pytest

from tests.imports import PACKAGE

PAGE = Path(__file__).parents[1] / "docs" / "walks.md"
# Sees all threads, those that Qt starts too; newer than the oldest Python.
needs_monitoring = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")


def told() -> dict[str, list[tuple[str, str]]]:
    """Return the steps of each walk, as ``file:function`` and the remark beside it."""
    text = PAGE.read_text(encoding="utf-8")
    found = {}
    for name, block in re.findall(r"<!-- walk: (\w+) -->\n\n```text\n(.*?)```", text, re.DOTALL):
        lines = [re.split(r" {2,}", line, maxsplit=1) for line in block.splitlines()]
        found[name] = [(line[0], line[1] if len(line) > 1 else "") for line in lines]
    return found


@contextmanager
def called() -> Iterator[list[str]]:
    """Yield what becomes the functions of the package that were called, in the order of their first calls."""
    assert sys.version_info >= (3, 12)
    monitoring, order = sys.monitoring, dict[str, None]()

    def note(code: CodeType, _offset: int) -> object:
        if code.co_filename.startswith(str(PACKAGE)):
            place = Path(code.co_filename).relative_to(PACKAGE).as_posix()
            order.setdefault(f"{place}:{code.co_qualname}")
        return monitoring.DISABLE  # the first call is enough

    found: list[str] = []
    tool, event = monitoring.PROFILER_ID, monitoring.events.PY_START
    monitoring.use_tool_id(tool, "walks")
    try:
        monitoring.register_callback(tool, event, note)
        monitoring.restart_events()
        monitoring.set_events(tool, event)
        yield found
    finally:
        monitoring.set_events(tool, monitoring.events.NO_EVENTS)
        monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)
        found += order


def check(name: str, order: list[str]) -> None:
    """See that the steps of a walk were called in their order."""
    steps = told()[name]
    missing = [step for step, _ in steps if step not in order]
    assert not missing, f"the walk {name!r} does not go through {missing}"
    ordered = [step for step, remark in steps if not remark.startswith("meanwhile")]
    walked = sorted(ordered, key=order.index)
    assert ordered == walked, f"the walk {name!r} goes this way: {walked}"
