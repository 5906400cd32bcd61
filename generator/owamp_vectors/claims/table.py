"""Claims beside their verdicts: what is wrong with them, and the table in three forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..disk import FileError, to_text
from .declared import Claim, Claims
from .ledger import CHART, GRAPH, PROOF, TRACE, UNPROVED, Entry, Ledger

BEGIN, END = "<!-- claims:begin -->", "<!-- claims:end -->"


@dataclass(frozen=True)
class ClaimRow:
    """A claim and what the ledger has on it.

    Attributes:
        claim: the claim.
        entry: the ledger's entry, stale or not; None without one.
        problem: why the claim does not stand as written; "" if it does.
        files: what lies beside the entry: kind of file → path from the models' directory.
    """

    claim: Claim
    entry: Entry | None
    problem: str
    files: dict[str, str]

    @property
    def is_current(self) -> bool:
        """Whether the entry is about the model of today."""
        return self.entry is not None and not self.problem.startswith("stale")

    @property
    def verdict(self) -> str:
        """What the table says: one of `VERDICTS`, the falsified with what was found."""
        if self.entry is None or not self.is_current:
            return UNPROVED
        if self.entry.verdict != "falsified":
            return self.entry.verdict
        exists = self.entry.quantifier != "exists-trace"
        return f"falsified ({'with trace' if exists else 'no trace exists'})"


def claim_rows(claims: Claims, ledger: Ledger) -> list[ClaimRow]:
    """A row for each claim, in order."""
    return [_row(claim, claims, ledger) for claim in claims.claims]


def _row(claim: Claim, claims: Claims, ledger: Ledger) -> ClaimRow:
    entry = ledger.entries.get(claim.job)
    files = {}
    for kind in (PROOF, TRACE, GRAPH, CHART):
        path = ledger.path(claim.job, kind)
        if entry is not None and path.exists():
            try:
                files[kind] = path.resolve().relative_to(claims.models.resolve()).as_posix()
            except ValueError:  # proofs kept elsewhere
                files[kind] = path.as_posix()
    problem = _problem(claim, entry, files, claims) or _weakness(claim, claims, ledger)
    return ClaimRow(claim, entry, problem, files)


def _problem(claim: Claim, entry: Entry | None, files: dict[str, str], claims: Claims) -> str:
    if entry is None:
        return f"missing: no run of {claim.job} is recorded"
    if entry.digest != claims.digest(claim.job):
        return f"stale: the model is another than when {claim.job} was run"
    if not entry.finished:
        return f"{UNPROVED}: {entry.reason}"
    if entry.verdict != claim.expected:
        return f"unexpected: expected {claim.expected}, the prover says {entry.verdict}"
    for kind in (PROOF, TRACE) if entry.trace else (PROOF,):
        if kind not in files:
            return f"missing: {claim.job}{kind} is not beside the ledger"
    return ""


def _weakness(claim: Claim, claims: Claims, ledger: Ledger) -> str:
    """What is wrong with a proof that stands itself: it rests on a lemma that is not verified."""
    for job in claims.taken_for_granted(claim.job):
        entry = ledger.current(job, claims.digest(job))
        if entry is None:
            return f"weak: it rests on {job.lemma}, which has no current verdict"
        if entry.verdict != "verified":
            return f"weak: it rests on {job.lemma}, which is {entry.verdict}"
    return ""


def problems(claims: Claims, table: list[ClaimRow]) -> Iterator[str]:
    """What keeps the claims from standing as written, one line each."""
    for row in table:
        if row.problem:
            yield f"{row.claim.id}: {row.problem}"
    yield from claims.unclaimed()


def _evidence(row: ClaimRow) -> str:
    if row.entry is None or not row.is_current or not row.entry.finished:
        return ""
    steps = "1 step" if row.entry.steps == 1 else f"{row.entry.steps} steps"
    with_others = f" for {row.entry.covers} lemmas" if row.entry.covers > 1 else ""
    return f"{steps}, {row.entry.seconds:g} s{with_others}"


def summary(table: list[ClaimRow]) -> str:
    """One line: how many claims, verified, falsified, as expected, current, found by what."""
    finished = [row.entry for row in table if row.entry and row.is_current and row.entry.finished]
    counts = Counter(entry.verdict for entry in finished)
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("verified", "falsified"))
    fulfilled = sum(not row.problem for row in table)
    provers = sorted({f"tamarin-prover {e.prover}, Maude {e.maude}" for e in finished})
    found = f"; found by {' and '.join(provers)}" if provers else ""
    return (
        f"{len(table)} claims: {verdicts}; {fulfilled} as expected, {len(finished)} current{found}"
    )


def claims_text(table: list[ClaimRow]) -> list[tuple[str, ...]]:
    """The table as rows of cells for a terminal."""
    lines: list[tuple[str, ...]] = [("claim", "expected", "verdict", "evidence")]
    for row in table:
        trace = row.files.get(CHART) or row.files.get(TRACE) or ""
        evidence = "; ".join(part for part in (_evidence(row), trace) if part)
        lines.append((row.claim.id, row.claim.expected, row.verdict, evidence))
    return lines


def claims_json(table: list[ClaimRow]) -> str:
    """The table as JSON, with everything that is known of each claim."""
    return to_text(
        {
            "claims": [
                {
                    "id": row.claim.id,
                    "statement": row.claim.statement,
                    "source": row.claim.source,
                    "kind": row.claim.kind,
                    "model": row.claim.job.model,
                    "flags": list(row.claim.job.flags),
                    "lemma": row.claim.job.lemma,
                    "expected": row.claim.expected,
                    "verdict": row.verdict,
                    "problem": row.problem,
                    "premise": row.claim.premise,
                    "vectors": list(row.claim.vectors),
                    "note": row.claim.note,
                    "entry": row.entry.to_json() if row.entry else None,
                    "files": sorted(row.files.values()),
                }
                for row in table
            ]
        }
    )


_LINKS = {PROOF: "proof", CHART: "chart", GRAPH: "graph", TRACE: "trace"}


def claims_markdown(table: list[ClaimRow]) -> str:
    """The table for a README in the models' directory: one part for each heading."""
    parts: list[str] = []
    for row in table:
        claim = row.claim
        if claim.heading or not parts:
            title = [f"**{_cell(claim.heading)}**", ""] if claim.heading else []
            blank = [""] if parts else []
            parts += [
                *blank,
                *title,
                "| claim | expected | verdict | evidence |",
                "|---|---|---|---|",
            ]
        note = f"<br>{_cell(claim.note)}" if claim.note else ""
        vectors = f"<br>vectors: {', '.join(f'`{v}`' for v in claim.vectors)}"
        what = f"`{claim.id}`: {_cell(claim.statement)} ({_cell(claim.source)})"
        what += note + (vectors if claim.vectors else "")
        links = [f"[{_LINKS[kind]}]({row.files[kind]})" for kind in _LINKS if kind in row.files]
        evidence = ", ".join([part for part in (_evidence(row),) if part] + links)
        lemma = f"`{claim.job}`<br>" if row.is_current else f"`{claim.job}`"
        parts.append(f"| {what} | {claim.expected} | {row.verdict} | {lemma}{evidence} |")
    return "\n".join(parts) + "\n"


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|")


def replace_between_markers(page: str, name: str, table: str) -> str:
    """A page with what stands between its markers replaced by the table.

    Raises:
        FileError: the page does not have each marker once, in order.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise FileError(f"{name}: expected the lines {BEGIN} and {END}, each once, in this order")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{table.strip()}\n{END}{after}"
