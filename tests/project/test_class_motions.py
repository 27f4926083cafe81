"""Some hundred steps of two people's work on a set, each as the slow model has it."""

from __future__ import annotations

from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from tests.project.set_machine import Machine


def test_whatever_is_done_index_sheets_sessions_and_exports_are_the_model() -> None:
    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=5,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
        ),
    )
