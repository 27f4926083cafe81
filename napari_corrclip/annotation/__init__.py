"""Correcting: a person's decisions on the regions of one image. Free of napari, Qt and networks."""

from __future__ import annotations

from napari_corrclip.annotation.change import Edited
from napari_corrclip.annotation.draft import Draft
from napari_corrclip.annotation.files.log import has_session, put_aside
from napari_corrclip.annotation.journal import Journal, restore
from napari_corrclip.annotation.region import Region, Verdict
from napari_corrclip.annotation.review.queue import ORDERS, Left, Queue, SmallGroup
from napari_corrclip.annotation.session import Session
from napari_corrclip.annotation.state import Changed
from napari_corrclip.annotation.store import SessionStore, journal_folder, kept_parts
from napari_corrclip.images.source import Source

__all__ = [
    "ORDERS",
    "Changed",
    "Draft",
    "Edited",
    "Journal",
    "Left",
    "Queue",
    "Region",
    "Session",
    "SessionStore",
    "SmallGroup",
    "Source",
    "Verdict",
    "has_session",
    "journal_folder",
    "kept_parts",
    "put_aside",
    "restore",
]
