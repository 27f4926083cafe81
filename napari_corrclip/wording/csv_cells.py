"""Cells of CSV tables, which no spreadsheet may take for a formula.

Excel, LibreOffice and Google Sheets compute a cell that begins with ``=``, ``+``, ``-`` or ``@``, whatever a
table's writer meant, and names of classes and files are other people's. By the rule of OWASP (CSV injection)
such a text gets a single quote in front; so does what follows a comma, semicolon or tab in it, which other
languages' spreadsheets take for the border of a cell. A text that begins with quotes before such a character
gets one more, so that what is read is what was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# At the beginning of a cell; full-width ones too, which Japanese Excel takes for the others.
_BEGIN = r"(?:^|(?<=[,;\t\r\n]))"
_COMPUTED = r"'*\s*[=+\-@\t\r\n＝＋－＠]"
_TO_QUOTE = re.compile(f"{_BEGIN}(?={_COMPUTED})")
_QUOTED = re.compile(f"{_BEGIN}'(?={_COMPUTED})")


def quoted(text: str) -> str:
    """Return ``text`` as a cell that is shown and not computed."""
    return _TO_QUOTE.sub("'", text)


def unquoted(cell: str) -> str:
    """Return the text of which :func:`quoted` made ``cell``; a cell without such a quote is its own."""
    return _QUOTED.sub("", cell)


def rows_to_csv(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV by commas; their texts have been :func:`quoted` where they are others'."""
    return "".join(",".join(map(_cell, row)) + "\n" for row in rows)


def _cell(value: object) -> str:
    # csv.writer of Python before 3.13 writes a carriage return bare.
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if re.search(r'[,"\r\n]', text) else text


def table_to_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV with a header: its texts :func:`quoted`, its numbers to six digits."""
    from pandas.api.types import is_numeric_dtype

    texts = {
        str(name): [quoted(cell) if isinstance(cell, str) else cell for cell in column]
        for name, column in table.items()
        if not is_numeric_dtype(column.dtype)
    }
    csv_text: str = table.assign(**texts).to_csv(
        index=False, float_format="%.6g", lineterminator="\n"
    )
    return csv_text
