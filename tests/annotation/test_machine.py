"""Some hundred steps of the machine; ``python -m tests.annotation.prove`` makes as many as one likes."""

from __future__ import annotations

from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from tests.annotation.machine import Machine


def test_whatever_is_done_the_session_is_what_the_model_is() -> None:
    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=8, stateful_step_count=30, report_multiple_bugs=False
        ),
    )
