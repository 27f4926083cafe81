"""The ways of working that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from napari_corrclip.evaluation.effort.simulation.orders import (
    ExpectedError,
    Factors,
    OrderFor,
    oracle,
)

BRUSHES: Final = ("split", "brush")


@dataclass(frozen=True)
class Arm:
    """A way of working.

    Attributes:
        name: such as ``adaptive+tools``.
        title: for tables and plots.
        labels: whether there are pre-labels.
        order: of the queue: a name of the session's, or what makes one for an image; ``None``: no
            regions are looked at.
        tools: of ``spread``, ``box`` and ``sweep``, used at a look; and of ``split`` and ``brush``, used when
            the queue is done.
        refresh_every: looks between two refreshes of the queue.
        accept_above: all regions whose class is more probable are accepted unseen, to begin with;
            1: none.
    """

    name: str
    title: str
    labels: bool = True
    order: str | OrderFor | None = "area-margin"
    tools: tuple[str, ...] = ()
    refresh_every: int = 10
    accept_above: float = 1.0


BOXES: Final = ("spread", "box")
TOOLS: Final = (*BOXES, *BRUSHES)
"""The tools of the arms *all tools*, which the goals are told for; sweeping has arms of its own."""
SWEEP: Final = ("sweep",)

JUDGED: Final = ("area-margin", "adaptive")
"""Orders that the goals are told for; they are tried with all tools, the others with boxes."""

UNLABELLED: Final = Arm("regions", "regions without labels, largest first", False, "area", (), 0)
UNLABELLED_TOOLS: Final = Arm(
    "regions+tools", "regions without labels, all tools", False, "area", TOOLS, 0
)
UNLABELLED_SWEPT: Final = tuple(
    Arm(f"regions+{name}", f"regions without labels, {title}", False, "area", tools, 0)
    for name, title, tools in (
        ("boxes", "spread and boxes", BOXES),
        ("sweep", "sweep", SWEEP),
        ("boxes+sweep", "spread, boxes and sweep", (*BOXES, *SWEEP)),
    )
)
BRUSH: Final = Arm("brush", "empty canvas, brush", False, None, ("brush",))
ORACLE: Final = Arm("oracle", "pre-labels, oracle (the bound)", True, oracle, (), 0)

ORACLE_TOOLS: Final = Arm("oracle+tools", "pre-labels, oracle, all tools", True, oracle, TOOLS, 0)

ACCEPTED: Final = Arm(
    "adaptive-accepted",
    "pre-labels, adaptive, all above 0.7 accepted unseen",
    accept_above=0.7,
    order="adaptive",
)


def queue_arm(order: str) -> Arm:
    """Return the arm of pre-labels in a queue's order, one by one."""
    return Arm(order, f"pre-labels, {order}", True, order, (), _refresh(order))


def boxes_arm(order: str) -> Arm:
    """Return the arm of pre-labels in a queue's order with spread and boxes."""
    return Arm(
        f"{order}+boxes",
        f"pre-labels, {order}, spread and boxes",
        True,
        order,
        BOXES,
        _refresh(order),
    )


def tools_arm(order: str) -> Arm:
    """Return the arm of pre-labels in a queue's order with all tools."""
    return Arm(
        f"{order}+tools", f"pre-labels, {order}, all tools", True, order, TOOLS, _refresh(order)
    )


def sweeping_arms(order: str) -> tuple[Arm, ...]:
    """Return the arms that sweeping is judged by: beside spread and boxes, with and without pre-labels."""
    return (
        *UNLABELLED_SWEPT,
        boxes_arm(order),
        Arm(f"{order}+sweep", f"pre-labels, {order}, sweep", True, order, SWEEP, _refresh(order)),
        Arm(
            f"{order}+boxes+sweep",
            f"pre-labels, {order}, spread, boxes and sweep",
            True,
            order,
            (*BOXES, *SWEEP),
            _refresh(order),
        ),
    )


def _refresh(order: str) -> int:
    """Looks between two refreshes: none where what was said changes no place in the order."""
    return 10 if order == "adaptive" else 0


def standard_arms(orders: Sequence[str]) -> tuple[Arm, ...]:
    """Return every arm of the study, with each of ``orders`` one by one and with tools."""
    return (
        BRUSH,
        UNLABELLED,
        UNLABELLED_TOOLS,
        *(queue_arm(order) for order in orders),
        *(tools_arm(order) if order in JUDGED else boxes_arm(order) for order in orders),
        *sweeping_arms("adaptive"),
        ACCEPTED,
        ORACLE,
        ORACLE_TOOLS,
    )


_ROOT: Final = replace(ExpectedError(), power=0.5)

VARIANTS: Final = (
    Arm("adaptive-3", "adaptive, 3 looks", True, Factors(2, 0.7), (), 3),
    Arm("adaptive-1.5-0.8", "adaptive with factors 1.5 and 0.8", True, Factors(1.5, 0.8)),
    Arm("adaptive-3-0.5", "adaptive with factors 3 and 0.5", True, Factors(3, 0.5)),
    Arm("root-margin", "√area x (1 - margin)", True, replace(_ROOT, neighbour=0, alike=0), (), 0),
    Arm("root-neighbours", "√area x expected error, no alike", True, replace(_ROOT, alike=0)),
    Arm("root-error", "√area x expected error", True, _ROOT),
    Arm("root-error-5", "√area x expected error, 5 looks", True, _ROOT, (), 5),
    Arm("root-error-5+tools", "√area x expected error, 5 looks, all tools", True, _ROOT, TOOLS, 5),
    Arm("expected-error", "expected error, 5 looks", True, ExpectedError(), (), 5),
    Arm(
        "expected-error+tools",
        "expected error, 5 looks, all tools",
        True,
        ExpectedError(),
        TOOLS,
        5,
    ),
)
"""Orders tried beside the session's own."""
