"""Files of ProVerif and CryptoVerif: includes, flags, the queries that have names, their digests.

Neither prover has flags or, in a file, includes. Theirs are resolved here, line by line:
``#include "file"``, ``#define FLAG``, ``#ifdef FORMULA``, ``#else`` and ``#endif`` with the
formulas of theories, each at the beginning of a line. A query has the name of the lemma that it
asks in a comment before it: ``(* lemma NAME *)``, or ``(* run NAME *)`` where it asks for a run,
and gets it by being refuted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..disk import FileError, read_text
from .theory_text import TheoryError, flags_in, holds

_QUERY = re.compile(
    r"\(\*\s*(?P<kind>lemma|run)\s+(?P<name>\w+)\s*\*\)\s*"
    r"(?P<query>(?:query|weaksecret|noninterf)\b[^.]*\.|(?=process\b))"
)
_COMMENT = re.compile(r"\(\*.*?\*\)", re.DOTALL)
_DIRECTIVE = re.compile(r"#(ifdef|else|endif|define|include)\b(.*)")
_NAMED = {
    "include": (re.compile(r'\s*"([^"\n]+)"\s*'), '#include "file"'),
    "define": (re.compile(r"\s+(\w+)\s*"), "#define FLAG"),
}
_EVENT = re.compile(r"event\((\w+)\(")


@dataclass(frozen=True)
class Query:
    """A query of a resolved text.

    Attributes:
        name: the lemma that it asks.
        is_run: whether it is refuted by the run that it asks for.
        start, end: where it stands in the text; an equivalence is asked by the process itself, and
            has no text of its own.
        events: the events that it names, in order.
    """

    name: str
    is_run: bool
    start: int
    end: int
    events: tuple[str, ...]


@dataclass(frozen=True)
class QueryFile:
    """A file under flags.

    Attributes:
        path: the file.
        flags: sorted.
        known_flags: those that some ``#ifdef`` names.
        text: what is left, with its comments.
        queries: in the order of the text.
    """

    path: Path
    flags: tuple[str, ...]
    known_flags: frozenset[str]
    text: str = field(repr=False)
    queries: tuple[Query, ...]

    def query(self, name: str) -> Query:
        """The query of a name. Raises `FileError` if there is none."""
        for query in self.queries:
            if query.name == name:
                return query
        known = ", ".join(query.name for query in self.queries) or "none"
        raise FileError(f"{self.path}: no query {name}; there are: {known}")

    def asking(self, names: Collection[str]) -> str:
        """The text with these queries alone, without comments and empty lines."""
        parts, position = [], 0
        for query in self.queries:
            if query.name not in names:
                parts.append(self.text[position : query.start])
                position = query.end
        text = _COMMENT.sub(" ", "".join([*parts, self.text[position:]]))
        return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"

    def digest(self, name: str) -> str:
        """SHA-256, in hex, of what the verdict on a query depends on.

        The octets are UTF-8: the line ``owamp-vectors queries 1``, a line ``flags:`` with the
        sorted flags, each after a space, a line ``query:`` with the name after a space, an empty
        line, and the text that asks this query alone (`asking`).
        """
        self.query(name)
        flags = " ".join(("flags:", *self.flags))
        head = ["owamp-vectors queries 1", flags, f"query: {name}", ""]
        return hashlib.sha256(("\n".join(head) + "\n" + self.asking([name])).encode()).hexdigest()


def read_queries(path: Path, flags: Iterable[str] = ()) -> QueryFile:
    """A file under flags.

    Raises:
        FileError: an unreadable file, a directive that is malformed or unbalanced, a query twice.
    """
    chosen = tuple(sorted(set(flags)))
    known: set[str] = set()
    text = "".join(_resolved(path, set(chosen), known))
    queries = tuple(
        Query(
            match["name"],
            match["kind"] == "run",
            match.start("query"),
            match.end("query"),
            tuple(_EVENT.findall(match["query"])),
        )
        for match in _QUERY.finditer(text)
    )
    names = [query.name for query in queries]
    for name in names:
        if names.count(name) > 1:
            raise FileError(f"{path}: query {name} is there twice")
    return QueryFile(path, chosen, frozenset(known), text, queries)


def _resolved(path: Path, flags: set[str], known: set[str]) -> Iterator[str]:
    """The lines that are left under flags; `known` gets the flags that are asked for."""
    branches: list[bool] = []
    for number, line in enumerate(read_text(path).splitlines(keepends=True), 1):
        match = _DIRECTIVE.match(line)
        where = f"{path}, line {number}"
        if match is None:
            if all(branches):
                yield line
        elif match[1] in _NAMED:
            pattern, wanted = _NAMED[match[1]]
            name = pattern.fullmatch(match[2])
            if name is None:
                raise FileError(f"{where}: expected {wanted}, found {line.strip()!r}")
            if not all(branches):
                continue
            if match[1] == "define":
                flags.add(name[1])
            else:
                yield from _resolved(path.parent / name[1], flags, known)
        else:
            if match[1] == "ifdef":
                known |= flags_in(match[2])
            _branch(match, branches, flags, where)
    if branches:
        raise FileError(f"{path}: #ifdef without #endif")


def _branch(match: re.Match[str], branches: list[bool], flags: set[str], where: str) -> None:
    """Enter or leave a branch: `branches` says of each that is open whether it is taken."""
    if match[1] == "ifdef":
        try:
            branches.append(holds(match[2], flags, where))
        except TheoryError as error:
            raise FileError(str(error)) from None
    elif not branches:
        raise FileError(f"{where}: #{match[1]} without #ifdef")
    elif match[1] == "else":
        branches.append(not branches.pop())
    else:
        branches.pop()
