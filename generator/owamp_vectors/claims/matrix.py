"""What holds, at a glance: properties by designs, each cell a claim with its verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..disk import FileError, read_toml
from ..json_schema import misfit, package_schema
from ..vectors.declaration import Json
from .declared import Claim, Claims
from .table import ClaimRow

MATRIX = "matrix.toml"
MATRIX_BEGIN, MATRIX_END = "<!-- matrix:begin -->", "<!-- matrix:end -->"
LOST = {
    "Secret": "the shared secret",
    "AuthKey": "a long-term key",
    "SKd": "SK_d",
    "SK": "all keys of the old SA",
    "PPK": "the PPK",
    "Exponents": "the exponents of the key exchange",
    "AdditionalExponents": "the exponents of the additional key exchange",
    "InitiatorExponent": "the initiator's exponent",
    "ResponderExponent": "the responder's exponent",
    "KEYMAT": "KEYMAT",
    "SharedSecret": "the shared secret key",
    "ControlKeys": "T1 and T2",
    "TestKeys": "T3 and T4",
}
"""What the actions Reveal… of the theories give away; T1 to T4 are called so."""
_LOST_BEFORE = {"SK": "all keys of the old SA before it is rekeyed"}
"""The same, where it matters that the formula excuses only what is lost before."""


@dataclass(frozen=True)
class Matrix:
    """The content of ``matrix.toml``.

    Attributes:
        columns: the designs, each a name and a title.
        rows: the properties, each with claims by the names of columns.
        headings: of the parts of the table, by the number of the row, from 0, that begins one.
    """

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, dict[str, Claim]], ...]
    headings: dict[int, str]


def load_matrix(claims: Claims) -> Matrix:
    """The matrix beside ``claims.toml``.

    Raises:
        FileError: what does not fit, or a column or claim that does not exist.
    """
    path = claims.models / MATRIX
    content = read_toml(path)
    found = misfit(content, package_schema("matrix.schema.json"))
    if found is not None:
        where = found.place(lambda index: f"{found.path[0]} {index + 1}")
        raise FileError(f"{path}: {where}: {found.problem}")
    columns = tuple((column["id"], column["title"]) for column in content["columns"])
    named, known = dict(columns), {claim.id: claim for claim in claims.claims}
    for row in content["row"]:
        for column, claim in row["cells"].items():
            if column not in named:
                raise FileError(f"{path}: row {row['property']!r}: no column {column}")
            if claim not in known:
                raise FileError(f"{path}: row {row['property']!r}: no claim {claim}")
    rows = (
        (row["property"], {column: known[claim] for column, claim in row["cells"].items()})
        for row in content["row"]
    )
    headings = {n: row["heading"] for n, row in enumerate(content["row"]) if "heading" in row}
    return Matrix(columns, tuple(rows), headings)


def excused(claims: Claims, claim: Claim) -> tuple[str, ...]:
    """What a claim's formula allows to be lost, for people, in the order of the formula."""
    lemma = claims.theory(claim.job).lemma(claim.job.lemma)
    _, _, conclusion = claims.theory(claim.job).text[lemma.start : lemma.end].partition("==>")
    found = re.findall(r"Reveal(\w+)\(.*?\) @ (\w+)( & \2 < )?", conclusion)
    return tuple(dict.fromkeys(_lost(name, before) for name, _, before in found))


def _lost(name: str, before: str) -> str:
    """What an action gives away; `before` is empty if the formula does not say before what."""
    return (_LOST_BEFORE.get(name) if before else None) or LOST.get(name, name)


def matrix_json(matrix: Matrix, table: list[ClaimRow]) -> Json:
    """The matrix as an object: for each property and design the claim, with its verdict."""
    verdicts = {row.claim.id: row.verdict for row in table}
    return {
        "columns": dict(matrix.columns),
        "rows": [
            {
                "property": name,
                "cells": {
                    column: {"claim": claim.id, "verdict": verdicts[claim.id]}
                    for column, claim in cells.items()
                },
            }
            for name, cells in matrix.rows
        ],
    }


def matrix_markdown(matrix: Matrix, claims: Claims, table: list[ClaimRow]) -> str:
    """The matrix as a table of Markdown, with verdicts of today's ledger."""
    rows = {row.claim.id: row for row in table}

    def cell(claim: Claim | None) -> str:
        if claim is None:
            return ""
        row = rows[claim.id]
        if not row.is_current or row.entry is None or not row.entry.finished:
            return f"{row.verdict} (`{claim.id}`)"
        if row.entry.verdict == "falsified":
            return f"**no** (`{claim.id}`)"
        lost = excused(claims, claim)
        return f"yes{', unless lost: ' + ', '.join(lost) if lost else ''} (`{claim.id}`)"

    def lines() -> Iterator[str]:
        yield "| | " + " | ".join(title for _, title in matrix.columns) + " |"
        yield "|---" * (len(matrix.columns) + 1) + "|"
        for name, cells in matrix.rows:
            found = (cell(cells.get(column)) for column, _ in matrix.columns)
            yield f"| {name} | {' | '.join(found)} |"

    return "\n".join(lines()) + "\n"
