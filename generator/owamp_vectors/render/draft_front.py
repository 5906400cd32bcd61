"""The front of a draft: its name, authors and rights."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

RIGHTS = ("trust200902", "noModificationTrust200902", "noDerivativesTrust200902")
"""What a submitted draft can say of rights (RFC 7991 §2.45.8)."""

_AUTHOR = re.compile(
    r"(?P<name>[^,<>]+?)\s*(?:,\s*(?P<organization>[^<>]+?)\s*)?<(?P<email>[^<>\s]+@[^<>\s]+)>"
)


@dataclass(frozen=True)
class Author:
    """An author: whole name, e-mail address, and the organization, which can be empty."""

    name: str
    email: str
    organization: str = ""

    @property
    def surname(self) -> str:
        """The last word of the name."""
        return self.name.split()[-1]

    @property
    def initials(self) -> str:
        """The initials of all words before the surname: "J. Q."."""
        return " ".join(f"{word[0]}." for word in self.name.split()[:-1])


@dataclass(frozen=True)
class Front:
    """What a draft says of itself; without authors, that it was not submitted.

    Attributes:
        name: of the draft, with its number, without extension.
        authors: those who submit it.
        ipr: one of `RIGHTS`, or "none".
    """

    name: str
    authors: tuple[Author, ...] = ()
    ipr: str = "none"

    @property
    def stream(self) -> str:
        """The stream in the terms of RFC 7991."""
        return "IETF" if self.authors else "independent"


def author_of(text: str) -> Author:
    """An author from "Name <e-mail>" or "Name, Organization <e-mail>".

    Raises:
        ValueError: anything else; the text says what is expected.
    """
    found = _AUTHOR.fullmatch(text.strip())
    if not found or len(found["name"].split()) < 2 or not text.isprintable():
        expected = 'expected "Given Surname, Organization <name@example.org>"'
        raise ValueError(f"{expected}, found {text!r}")
    return Author(" ".join(found["name"].split()), found["email"], found["organization"] or "")


def submitted(authors: tuple[Author, ...], ipr: str) -> Front:
    """The front of a draft of these authors, which has the surname of the first in its name."""
    plain = unicodedata.normalize("NFKD", authors[0].surname).encode("ascii", "ignore").decode()
    surname = re.sub(r"[^a-z0-9]", "", plain.lower()) or "authors"
    return Front(f"draft-{surname}-ippm-otwamp-security-00", authors, ipr)
