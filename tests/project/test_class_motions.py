"""Thousands of steps of people's work on a set, each as the slow model has it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from tests.forms import short
from tests.project import set_machine

STEPS = 500
"""Of a seed, at least."""


@pytest.mark.parametrize("number", short(*range(4), rest=range(4, 40)))
def test_whatever_is_done_index_sheets_sessions_exports_and_joins_are_the_model(
    number: int,
) -> None:
    machine = seed(number)(type("Machine", (set_machine.Machine,), {}))
    set_machine.ran.clear()
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=10,
            stateful_step_count=60,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert set_machine.ran.total() >= STEPS
