"""Amounts in words: so many of a thing, so many bytes."""

from __future__ import annotations


def count(number: int, what: str, several: str | None = None) -> str:
    """Return "1 region", "2,140 regions"; ``several`` where it is no mere s."""
    return f"{number:,} {what if number == 1 else several or what + 's'}"


def size_text(size: int) -> str:
    """Return a file's bytes as "5.2 MB", "375 MB", "1.3 GB"; "size unknown" for 0."""
    if not size:
        return "size unknown"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.{size < 1e7:d}f} MB"
