"""The table of formats in the documentation is what the formats say of themselves."""

from __future__ import annotations

from napari_corrclip.project.export.formats import WRITTEN
from tools.format_table import LACKS, PAGE, PROVED, filled


def test_the_page_has_the_table_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page) == page, "write it anew: python -m tools.format_table"


def test_each_format_has_its_proof_and_what_the_manifest_adds() -> None:
    assert set(PROVED) == set(LACKS) == set(WRITTEN)
