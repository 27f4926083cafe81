"""Whatever happens to a file, its reader gives it or says in one sentence why not."""

from __future__ import annotations

import pytest

from tests.storage.mutated import FORMATS, run


@pytest.mark.parametrize("name", FORMATS)
def test_a_changed_file_is_read_or_refused(name: str) -> None:
    outcome = run(name, 25 if FORMATS[name].slow else 100)
    assert not outcome.wrong
    assert outcome.read + outcome.refused > 0
