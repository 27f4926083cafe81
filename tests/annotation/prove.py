"""Make many random steps and hold each to the model; see of_sessions.

python -m tests.annotation.prove --steps 10000
"""

from __future__ import annotations

import argparse
import time

from hypothesis import Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from tests.annotation import machine as of_sessions


def prove(steps: int, first_seed: int, *, shrink: bool) -> None:
    """Run the machine until at least ``steps`` steps were made."""
    phases = {Phase.generate, Phase.shrink} if shrink else {Phase.generate}
    number = first_seed
    while of_sessions.ran.total() < steps:
        machine = seed(number)(type("Machine", (of_sessions.Machine,), {}))
        run_state_machine_as_test(
            machine,
            settings=hypothesis_settings(
                max_examples=50,
                stateful_step_count=50,
                deadline=None,
                database=None,
                phases=phases,
                report_multiple_bugs=False,
            ),
        )
        number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shrink", action="store_true", help="look for the shortest failure")
    options = parser.parse_args()
    start = time.perf_counter()
    prove(options.steps, options.seed, shrink=options.shrink)
    outcomes = ("done", "no change", "refused")
    print(f"{'rule':16}" + "".join(f"{outcome:>11}" for outcome in outcomes))
    for name in sorted({rule for rule, _ in of_sessions.ran}):
        counts = [of_sessions.ran[name, outcome] for outcome in outcomes]
        print(f"{name:16}" + "".join(f"{count:11,}" for count in counts))
    total, seconds = of_sessions.ran.total(), time.perf_counter() - start
    print(f"{total:,} steps in {seconds:.0f} s, each as the model has it")


if __name__ == "__main__":
    main()
