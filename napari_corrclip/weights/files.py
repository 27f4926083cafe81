"""Files of the web that networks need: their address, their licence, and their place in the cache."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

UNKNOWN_LICENCE = "licence not known to us"
_ANY_USE = frozenset(
    {
        "apache-2.0",
        "bsd-2-clause",
        "bsd-3-clause",
        "cc-by-4.0",
        "cc0-1.0",
        "isc",
        "mit",
        "unlicense",
    }
)
"""Licences by which anybody may use weights for any purpose."""
_MIB = 1 << 20
_MOST = 64 << 30  # bytes of any network's weights


class WebFile:
    """A file that has, or may have, an address: what fetching, verifying and asking know of it.

    Attributes:
        source: a URL, a repository of the Hugging Face hub (``owner/name``), or empty.
        filename: the file's name in the source.
        licence: SPDX where there is one.
        size: bytes to download.
        sha256: the file's checksum, where one is published.
    """

    __slots__ = ()

    source: str
    filename: str
    licence: str
    size: int
    sha256: str | None

    @property
    def title(self) -> str:
        """What it is called where a person reads it."""
        raise NotImplementedError

    @property
    def stage(self) -> str:
        """What it is called while it comes."""
        return self.title

    @property
    def revision(self) -> str | None:
        """The commit of the hub's repository; ``None``: its newest."""
        return None

    @property
    def most(self) -> int:
        """Bytes that a server may say it has; the size may leave out some, such as a header's."""
        return min(_MOST, 4 * self.size + (1 << 30)) if self.size else _MOST

    @property
    def free(self) -> bool:
        """Whether nothing is known by which the licence would forbid commercial use."""
        return not re.search("-NC|NON-?COMMERCIAL", self.licence.upper())

    @property
    def any_use(self) -> bool:
        """Whether the licence is one of those that are known to allow any use."""
        return self.licence.casefold() in _ANY_USE

    @property
    def licence_text(self) -> str:
        """The licence as shown to people: its name, or that it is not known."""
        return UNKNOWN_LICENCE if self.licence in ("", "unknown") else self.licence

    @property
    def terms(self) -> str:
        """The licence in a sentence: ``licence MIT``, or that it is not known."""
        text = self.licence_text
        return text if text == UNKNOWN_LICENCE else f"licence {text}"

    @property
    def from_url(self) -> bool:
        """Whether ``source`` is a URL and not a repository of the hub."""
        return self.source.startswith(("https://", "http://"))

    @property
    def place(self) -> Path:
        """Where the file lies, relative to the cache folder: no other address has that place.

        Published files and repositories of the hub have names that can be read. Every other place is
        made of the whole address, its query included, and of the checksum where there is one: file
        stores tell files apart by what a name would leave out.
        """
        if not self.source:
            return Path(self.filename)
        if self._published is not None:
            return self._published
        if not self.from_url and self.sha256 is None and self._is_plain:
            return Path(self._folder) / self.filename
        address = json.dumps([self.source, self.filename, self.sha256])
        # No repository of the hub can have a plus in its name.
        folder = f"{self._folder[:60]}+{hashlib.sha256(address.encode()).hexdigest()[:16]}"
        return Path(folder) / self.filename

    @property
    def former_place(self) -> Path | None:
        """Where earlier versions kept the file, if elsewhere; other addresses may have had that too."""
        return None

    @property
    def _published(self) -> Path | None:
        """The place of a file that this package knows by its checksum, if it is one."""
        return None

    @property
    def _folder(self) -> str:
        """A name for people to read: of the repository, or of where the file comes from."""
        if self.from_url:
            where = self.source.partition("://")[2].rpartition("/")[0]
            return "web-" + re.sub("[^A-Za-z0-9.]+", "-", where)
        owner, _, name = self.source.rpartition("/")
        return name if self._is_short else f"{owner}--{name}"

    @property
    def _is_short(self) -> bool:
        """Whether the repository is called by its name alone: one of the presets', or one like them."""
        owner, _, name = self.source.rpartition("/")
        # Both owners' names are told apart by how they begin.
        return (owner == "laion") if name.casefold().startswith("clip-") else (owner == "timm")

    @property
    def _is_plain(self) -> bool:
        """Whether no other repository, and nothing else of ours, can have the same folder."""
        owner, _, name = self.source.rpartition("/")
        apart = (
            "--" not in f"{owner}{name}" and not owner.endswith("-") and not name.startswith("-")
        )
        return apart and not (self._is_short and (name == "text" or name.startswith("web-")))


@dataclass(frozen=True, slots=True)
class Companion(WebFile):
    """A small file that a network needs beside its weights, such as its tokenizer's vocabulary.

    Attributes:
        source: a URL, or a repository of the Hugging Face hub (``owner/name``).
        filename: the file's name in the source, by which the network finds it.
        licence: SPDX where there is one.
        size: bytes to download.
        sha256: the file's checksum, where one is published.
        commit: of the hub's repository; empty: its newest.
    """

    source: str
    filename: str
    licence: str = "unknown"
    size: int = 0
    sha256: str | None = None
    commit: str = ""

    @property
    def title(self) -> str:
        """``repository/file`` as shown to people."""
        return f"{self._folder.rpartition('--')[2]}/{self.filename}"

    @property
    def revision(self) -> str | None:
        """The commit of the hub's repository; ``None``: its newest."""
        return self.commit or None

    @property
    def most(self) -> int:
        """Bytes that a server may say it has."""
        return min(max(4 * self.size, _MIB), 64 * _MIB) if self.size else 64 * _MIB

    @property
    def _published(self) -> Path | None:
        known = any(self in files for files in XLM_ROBERTA.values())
        return Path(self._folder) / self.filename if known else None


def _xlm_roberta(name: str, commit: str, config: tuple[int, str]) -> tuple[Companion, ...]:
    source = f"FacebookAI/{name}"
    return (
        Companion(source, CONFIG, "MIT", *config, commit),
        Companion(source, PIECES, "MIT", 5_069_051, _PIECES_SHA256, commit),
    )


CONFIG = "config.json"
"""The file in which a Hugging Face network says how large it is."""
PIECES = "sentencepiece.bpe.model"
"""The file of the pieces of words that XLM-RoBERTa reads, as its authors published it."""
# One and the same file for all sizes: 250,000 pieces for 100 languages (Conneau et al. 2020, "Unsupervised
# Cross-lingual Representation Learning at Scale").
_PIECES_SHA256 = "cfc8146abe2a0488e9e2a0c56de7952f7c11ab059eca145a0a727afce0db2865"
XLM_ROBERTA: Mapping[str, tuple[Companion, ...]] = MappingProxyType(
    {
        "xlm-roberta-base": _xlm_roberta(
            "xlm-roberta-base",
            "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089",
            (615, "d66ed8cd4f2a93b358c245e50736fa389ed4f35c0bae7aad0b32abb20c62b579"),
        ),
        "xlm-roberta-large": _xlm_roberta(
            "xlm-roberta-large",
            "c23d21b0620b635a76227c604d44e43a9f0ee389",
            (616, "ec7c3a99c58a38ebb702a2297f1c4586944e841b5eb29d201ff87e0f9c9abe0e"),
        ),
    }
)
"""What text towers need beside their weights, by open_clip's ``hf_model_name``.

The licence is that of the repositories; sizes, checksums and commits are those by which other public
projects pin the same files. That of ``config.json`` was computed from its text here, too.
"""


def companions_of(architecture: str) -> tuple[Companion, ...]:
    """Return what the text tower of open_clip's ``architecture`` needs beside its weights; most need nothing.

    open_clip calls a CLIP with a text tower of Hugging Face's after that and the image tower.
    """
    return next(
        (files for name, files in XLM_ROBERTA.items() if architecture.startswith(f"{name}-")), ()
    )
