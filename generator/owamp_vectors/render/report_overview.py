"""The first page of the report: which property holds in which design, and what came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from ..claims.declared import Claim, Claims
from ..claims.matrix import MATRIX, excused, load_matrix
from .report_claims import Page

PROVER_NAMES = {"tamarin-prover": "Tamarin", "proverif": "ProVerif", "cryptoverif": "CryptoVerif"}


@dataclass(frozen=True)
class Cell:
    """A property in a design.

    Attributes:
        page: the claim that says whether it holds.
        lost: what its formula allows to be lost.
        provers: who found the verdict.
    """

    page: Page
    lost: tuple[str, ...]
    provers: tuple[str, ...]

    @property
    def answer(self) -> str:
        """In a word: "holds", "fails", or why there is no answer."""
        words = {"verified": "holds", "falsified": "fails"}
        return words.get(self.page.status, self.page.status)


@dataclass(frozen=True)
class MatrixPart:
    """Rows of the matrix under one heading: properties, and a cell or None for each design."""

    heading: str
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


@dataclass(frozen=True)
class ShownMatrix:
    """The matrix: the titles of the designs, and the rows."""

    columns: tuple[str, ...]
    parts: tuple[MatrixPart, ...]


def shown_matrix(claims: Claims, by_id: Mapping[str, Page]) -> ShownMatrix | None:
    """The matrix beside ``claims.toml`` with the verdicts of today; None if there is none."""
    if not (claims.models / MATRIX).is_file():
        return None
    matrix = load_matrix(claims)
    parts: list[MatrixPart] = []
    for number, (name, cells) in enumerate(matrix.rows):
        row = tuple(_cell(cells.get(column), claims, by_id) for column, _ in matrix.columns)
        if number in matrix.headings or not parts:
            parts.append(MatrixPart(matrix.headings.get(number, ""), ()))
        last = parts[-1]
        parts[-1] = MatrixPart(last.heading, (*last.rows, (name, row)))
    return ShownMatrix(tuple(title for _, title in matrix.columns), tuple(parts))


def _cell(claim: Claim | None, claims: Claims, by_id: Mapping[str, Page]) -> Cell | None:
    if claim is None:
        return None
    page = by_id[claim.id]
    names = (name.split()[0] for name in page.row.found_by.split(", ") if name)
    provers = tuple(PROVER_NAMES.get(name, name) for name in names)
    lost = excused(claims, claim) if page.status == "verified" else ()
    return Cell(page, lost, provers)


@dataclass(frozen=True)
class Tally:
    """An outcome of claims: in words, how many claims have it, and the filters that list them."""

    words: str
    count: int
    filters: str


def tallies(pages: Iterable[Page]) -> list[Tally]:
    """The outcomes that occur. A falsified control is no attack: it has to be falsified."""
    every = list(pages)
    wanted = (
        ("properties that hold", {"verdict": "verified", "kind": "claim"}),
        ("that do not hold: an attack on each", {"verdict": "falsified", "kind": "claim"}),
        ("runs that must be possible", {"kind": "sanity"}),
        ("controls: what the others rest on", {"kind": "control"}),
        *((status, {"verdict": status}) for status in ("not proved here", "stale", "missing")),
    )
    found = []
    for words, filters in wanted:
        has = [{"verdict": page.status, "kind": page.claim.kind} for page in every]
        count = sum(all(one[key] == value for key, value in filters.items()) for one in has)
        found.append(Tally(words, count, urlencode(filters, quote_via=quote)))
    return [tally for tally in found if tally.count]
