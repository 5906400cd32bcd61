"""What RFCs and slides say about security, with the claims and vectors about each statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ..disk import FileError, read_toml
from ..json_schema import misfit, package_schema
from ..vectors.declaration import Json
from .declared import Claims, Targets
from .table import ClaimRow

STATEMENTS = "statements.toml"


@dataclass(frozen=True)
class Statement:
    """An entry of ``statements.toml``.

    Attributes:
        id: its name.
        source: the section that says it, or "slides".
        text: what is said, in our words.
        claims: the claims that are about it.
        vectors: the vectors that exercise it, each "file:Flag" or "file:GroupType".
        outside: why there is nothing on it; "" if there is.
    """

    id: str
    source: str
    text: str
    claims: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    outside: str = ""


def load_statements(claims: Claims, vectors: Path) -> list[Statement]:
    """The statements beside ``claims.toml``, in the order of the file.

    Raises:
        FileError: what does not fit; a claim or vector that does not exist; a claim that is about
            no statement, without a reason.
    """
    path = claims.models / STATEMENTS
    content = read_toml(path)
    found = misfit(content, package_schema("statements.schema.json"))
    if found is not None:
        where = found.place(lambda index: f"{found.path[0]} {index + 1}")
        raise FileError(f"{path}: {where}: {found.problem}")
    statements = list(map(_statement, content["statement"]))
    for problem in _problems(statements, content.get("other", []), claims, vectors):
        raise FileError(f"{path}: {problem}")
    return statements


def _statement(entry: Json) -> Statement:
    """The statement of an entry that fits the schema."""
    lists = {name: tuple(entry.get(name, ())) for name in ("claims", "vectors")}
    return Statement(**{**entry, **lists})


def _problems(
    statements: list[Statement], others: list[Json], claims: Claims, vectors: Path
) -> Iterator[str]:
    known, targets = {claim.id for claim in claims.every}, Targets(vectors)
    ids = [statement.id for statement in statements]
    for statement in statements:
        where = f"statement {statement.id}"
        if ids.count(statement.id) > 1:
            yield f"{where}, id: is there twice"
        if bool(statement.outside) == bool(statement.claims or statement.vectors):
            yield f"{where}: expected claims or vectors, or else outside, saying why"
        yield from (f"{where}, claims: no claim {c}" for c in statement.claims if c not in known)
        for vector in statement.vectors:
            if problem := targets.problem(vector):
                yield f"{where}, vectors: {vector}: {problem}"
    beside = [claim for other in others for claim in other["claims"]]
    yield from (f"other, claims: no claim {claim}" for claim in beside if claim not in known)
    named = {claim for statement in statements for claim in statement.claims}
    yield from (f"other, claims: {c} is about a statement" for c in beside if c in named)
    for claim in claims.every:
        if claim.kind == "claim" and claim.id not in named and claim.id not in beside:
            yield f"claim {claim.id} is about no statement, and no other says why"


def statements_json(statements: list[Statement], rows: list[ClaimRow]) -> Json:
    """Each statement with its claims and their verdicts, its vectors, or why it has neither."""
    verdicts = {row.claim.id: row.verdict for row in rows}
    return {
        "statements": [
            {**asdict(statement), "claims": {claim: verdicts[claim] for claim in statement.claims}}
            for statement in statements
        ]
    }


def statements_text(statements: list[Statement], rows: list[ClaimRow]) -> str:
    """Each statement with its section, and below it verdicts, vectors, or why it is outside."""
    verdicts = {row.claim.id: row.verdict for row in rows}
    lines = []
    for statement in statements:
        lines.append(f"{statement.source}, {statement.id}: {statement.text}")
        lines += [f"    {claim}: {verdicts[claim]}" for claim in statement.claims]
        if statement.vectors:
            lines.append(f"    vectors: {', '.join(statement.vectors)}")
        if statement.outside:
            lines.append(f"    outside: {statement.outside}")
    counts = [
        ("with claims", sum(bool(statement.claims) for statement in statements)),
        ("with vectors", sum(bool(statement.vectors) for statement in statements)),
        ("outside", sum(bool(statement.outside) for statement in statements)),
    ]
    total = ", ".join(f"{count} {what}" for what, count in counts)
    return "\n".join([*lines, f"{len(statements)} statements: {total}"])
