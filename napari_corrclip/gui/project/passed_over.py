"""The sentences on what of a project's folders cannot be used, each told once."""

from __future__ import annotations

from collections.abc import Iterable


class PassedOver:
    """The sentences that a person was told since a project was opened."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def forget(self) -> None:
        """Tell all of it again: another project is opened."""
        self._told.clear()

    def said_of(self, found: Iterable[str]) -> str:
        """Return a sentence on what was not told of yet; empty: nothing is new.

        Args:
            found: sentences, as :attr:`Project.passed_over` has them.
        """
        new = [sentence for sentence in dict.fromkeys(found) if sentence not in self._told]
        self._told.update(new)
        if not new:
            return ""
        more = f" {len(new) - 1:,} more: napari-corrclip project status." if len(new) > 1 else ""
        return f"Passed over: {new[0]}{more}"
