"""Claims beside their verdicts: what is wrong with them, and the table in three forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..disk import FileError, to_text
from .declared import TAMARIN, Claim, Claims, Job
from .ledger import CHART, GRAPH, PROOF, TRACE, UNPROVED, Entry, Ledger, Witness

BEGIN, END = "<!-- claims:begin -->", "<!-- claims:end -->"


@dataclass(frozen=True)
class ClaimRow:
    """A claim and what the ledger has on it.

    Attributes:
        claim: the claim.
        entry: the ledger's entry, stale or not; None without one.
        problem: why the claim does not stand as written; "" if it does.
        files: what lies beside the entry: kind of file → path from the models' directory.
        asked: what another prover is asked of it; None if nothing is.
        witness: what that one found on the model of today; None without a run.
    """

    claim: Claim
    entry: Entry | None
    problem: str
    files: dict[str, str]
    asked: Job | None = None
    witness: Witness | None = None

    @property
    def is_current(self) -> bool:
        """Whether the entry is about the model of today."""
        return self.entry is not None and not self.problem.startswith("stale")

    @property
    def verdict(self) -> str:
        """What the table says: one of `VERDICTS`, the falsified with what was found."""
        if self.claim.job.prover != TAMARIN:
            return self.second
        if self.entry is None or not self.is_current:
            return UNPROVED
        if self.entry.verdict != "falsified":
            return self.entry.verdict
        exists = self.entry.quantifier != "exists-trace"
        return f"falsified ({'with trace' if exists else 'no trace exists'})"

    @property
    def second(self) -> str:
        """What another prover says; "" if it is not asked."""
        if self.witness is not None:
            return self.witness.verdict
        return UNPROVED if self.asked else ""

    @property
    def found_by(self) -> str:
        """The provers that found the verdict, with their versions, for people."""
        names = []
        if self.entry is not None and self.is_current and self.entry.finished:
            names.append(f"tamarin-prover {self.entry.prover}")
        if self.witness is not None and self.witness.decides:
            names.append(f"{self.witness.job.prover} {self.witness.version}")
        return ", ".join(names)


def claim_rows(claims: Claims, ledger: Ledger) -> list[ClaimRow]:
    """A row for each claim that a lemma of Tamarin decides, in order."""
    return [_row(claim, claims, ledger) for claim in claims.claims]


def further_rows(claims: Claims, ledger: Ledger) -> list[ClaimRow]:
    """A row for each claim that another prover decides, in order."""
    rows = []
    for claim in claims.further:
        witness = ledger.current_witness(claim.job, claims.digest(claim.job))
        problem = witness_problem(claim.job, claim.expected, claims, ledger)
        rows.append(ClaimRow(claim, None, problem, {}, claim.job, witness))
    return rows


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
    asked = claims.mirror(claim)
    witness = ledger.current_witness(asked, claims.digest(asked)) if asked else None
    problem = (
        _disagreement(claim, entry, witness, claims)
        or _problem(claim, entry, files, claims)
        or _weakness(claim, claims, ledger)
        or (witness_problem(asked, "", claims, ledger) if asked else "")
    )
    return ClaimRow(claim, entry, problem, files, asked, witness)


def _disagreement(
    claim: Claim, entry: Entry | None, witness: Witness | None, claims: Claims
) -> str:
    """How two provers contradict each other on models of today."""
    if entry is None or witness is None or not entry.finished or not witness.decides:
        return ""
    if entry.digest != claims.digest(claim.job) or entry.verdict == witness.verdict:
        return ""
    other = f"{witness.job.prover} says {witness.verdict}"
    return f"contradicted: tamarin-prover says {entry.verdict}, {other} ({witness.job})"


def witness_problem(job: Job, expected: str, claims: Claims, ledger: Ledger) -> str:
    """What is wrong with what another prover found; without `expected` any verdict will do."""
    witness = ledger.witnesses.get(job)
    if witness is None:
        return f"missing: no run of {job} is recorded"
    if witness.digest != claims.digest(job):
        return f"stale: the model is another than when {job} was run"
    if not witness.finished:
        return f"{UNPROVED}: {job}: {witness.reason}"
    if expected and witness.verdict != expected:
        return f"unexpected: expected {expected}, {job.prover} says {witness.verdict}"
    return ""


def disagreements(table: list[ClaimRow]) -> list[str]:
    """The claims on which provers contradict each other, one line each."""
    return [f"{r.claim.id}: {r.problem}" for r in table if r.problem.startswith("contradicted")]


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
    if row.witness is not None and row.claim.job.prover != TAMARIN:
        bound = f"chance of the adversary: {row.witness.bound}" if row.witness.bound else ""
        return "; ".join(filter(None, (bound, f"{row.witness.seconds:g} s")))
    if row.entry is None or not row.is_current or not row.entry.finished:
        return ""
    steps = "1 step" if row.entry.steps == 1 else f"{row.entry.steps} steps"
    with_others = f" for {row.entry.covers} lemmas" if row.entry.covers > 1 else ""
    return f"{steps}, {row.entry.seconds:g} s{with_others}"


def summary(table: list[ClaimRow]) -> str:
    """Counts of claims, verified, falsified, as expected, current; a line on each other prover."""
    of_tamarin = [row for row in table if row.claim.job.prover == TAMARIN]
    finished = [r.entry for r in of_tamarin if r.entry and r.is_current and r.entry.finished]
    counts = Counter(entry.verdict for entry in finished)
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("verified", "falsified"))
    fulfilled = sum(not row.problem for row in of_tamarin)
    provers = sorted({f"tamarin-prover {e.prover}, Maude {e.maude}" for e in finished})
    found = f"; found by {' and '.join(provers)}" if provers else ""
    first = (
        f"{len(of_tamarin)} claims: {verdicts}; {fulfilled} as expected, {len(finished)} current"
    )
    mirrored = [row for row in of_tamarin if row.asked]
    further = [row for row in table if row.claim.job.prover != TAMARIN]
    lines = [first + found, _said("of these", mirrored), _said("further claims", further)]
    return "\n".join(filter(None, lines))


def _said(what: str, rows: list[ClaimRow]) -> str:
    """What other provers said on rows, counted; "" without rows."""
    counts = Counter(row.second for row in rows)
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    found = sorted({f"{w.job.prover} {w.version}" for row in rows if (w := row.witness)})
    by = f" by {' and '.join(found)}" if found else ""
    return f"{len(rows)} {what}{by}: {verdicts}" if rows else ""


def _by_others(row: ClaimRow) -> str:
    return f"{row.asked.prover}: {row.second}" if row.asked else ""


def _by_tamarin(row: ClaimRow) -> str:
    return row.verdict if row.claim.job.prover == TAMARIN else ""


def claims_text(table: list[ClaimRow]) -> list[tuple[str, ...]]:
    """The table as rows of cells for a terminal."""
    lines: list[tuple[str, ...]] = [("claim", "expected", "tamarin", "others", "evidence")]
    for row in table:
        trace = row.files.get(CHART) or row.files.get(TRACE) or ""
        evidence = "; ".join(part for part in (_evidence(row), trace) if part)
        found = (_by_tamarin(row), _by_others(row))
        lines.append((row.claim.id, row.claim.expected, *found, evidence))
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
                    "foundBy": row.found_by,
                    "entry": row.entry.to_json() if row.entry else None,
                    "witness": row.witness.to_json() if row.witness else None,
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
                "| claim | expected | Tamarin | others | evidence |",
                "|---|---|---|---|---|",
            ]
        note = f"<br>{_cell(claim.note)}" if claim.note else ""
        vectors = f"<br>vectors: {', '.join(f'`{v}`' for v in claim.vectors)}"
        what = f"`{claim.id}`: {_cell(claim.statement)} ({_cell(claim.source)})"
        what += note + (vectors if claim.vectors else "")
        links = [f"[{_LINKS[kind]}]({row.files[kind]})" for kind in _LINKS if kind in row.files]
        evidence = ", ".join([part for part in (_evidence(row),) if part] + links)
        lemma = f"`{claim.job}`<br>" if row.is_current else f"`{claim.job}`"
        found = f"{_by_tamarin(row)} | {_by_others(row)}"
        parts.append(f"| {what} | {claim.expected} | {found} | {lemma}{evidence} |")
    return "\n".join(parts) + "\n"


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|")


def replace_between_markers(
    page: str, name: str, table: str, begin: str = BEGIN, end: str = END
) -> str:
    """A page with what stands between its markers replaced by the table.

    Raises:
        FileError: the page does not have each marker once, in order.
    """
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise FileError(f"{name}: expected the lines {begin} and {end}, each once, in this order")
    before, rest = page.split(begin)
    after = rest.split(end)[1]
    return f"{before}{begin}\n{table.strip()}\n{end}{after}"
