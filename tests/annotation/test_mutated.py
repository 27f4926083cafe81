"""Files of sessions in which anything may be: refused in a sentence, or a session that works.

The long form: ``python -m tests.annotation.mutated --times 2000``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.annotation.mutated import FORMATS, read, write_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    write_base(folder)
    return folder


@pytest.mark.parametrize("form", FORMATS)
def test_a_changed_file_is_refused_or_works(base: Path, form: str) -> None:
    @seed(10)
    @hypothesis_settings(max_examples=40, deadline=None, database=None)
    @given(st.integers(0, 2**32 - 1))
    def reads(number: int) -> None:
        read(base, form, number, moves=3)

    reads()
