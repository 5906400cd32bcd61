"""What the report shows of a claim: its text in the model, its trace as chart and octets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..claims.cast import cast_of
from ..claims.chart import Chart, chart_of
from ..claims.declared import Claim, Claims
from ..claims.ledger import GRAPH, PROOF, TRACE, Ledger
from ..claims.table import ClaimRow
from ..claims.theory_text import EQUIVALENCE, Theory
from ..claims.trace import RuleStep
from ..replay.replay import Replay
from .report_sources import source_url
from .report_theory import ShownMessage, Theories, shown_messages
from .report_vectors import Library, ShownCase


@dataclass(frozen=True)
class Excerpt:
    """A lemma or a rule as it stands in a model, its flags resolved, without comments."""

    name: str
    place: str
    url: str
    text: str


@dataclass(frozen=True)
class Page:
    """A claim with all that is known of it.

    Attributes:
        status: "verified", "falsified", "not proved here", "stale" or "missing".
        rules: the rules that the trace takes, as they first occur.
        chart: the trace, if there is one.
        svg: the chart as part of a page.
        messages: of the trace; with octets if `replayed`.
        replayed: the trace in octets; None if it is stale, or the extra ``models`` is missing.
        replay_problem: the step that does not replay.
        graph: Tamarin's own picture of the trace, SVG.
        proof: the proof script.
        premised: the claims that have this one as their premise.
        vectors: the cases that exercise the claim, by what names them.
    """

    row: ClaimRow
    status: str
    lemma: Excerpt | None
    rules: tuple[Excerpt, ...]
    chart: Chart | None
    svg: str
    messages: tuple[ShownMessage, ...]
    replayed: Replay | None
    replay_problem: str
    graph: str | None
    proof: str | None
    premised: tuple[Claim, ...]
    vectors: tuple[tuple[str, tuple[ShownCase, ...]], ...]

    @property
    def claim(self) -> Claim:
        """The claim itself."""
        return self.row.claim

    @property
    def url(self) -> str:
        """Its page, from the report's root."""
        return url_of(self.claim)

    @property
    def model(self) -> str:
        """The model with its flags."""
        return "+".join((self.claim.job.model, *self.claim.job.flags))


def url_of(claim: Claim) -> str:
    """A claim's page, from the report's root."""
    return f"claims/{claim.id}.html"


def status_of(row: ClaimRow) -> str:
    """The verdict in two words at most: what the ledger says, or why it says nothing."""
    if row.entry is None:
        return "missing"
    return row.entry.verdict if row.is_current else "stale"


def claim_page(
    row: ClaimRow, claims: Claims, ledger: Ledger, theories: Theories, library: Library
) -> Page:
    """Gather what is shown of a claim.

    Raises:
        FileError: a file beside the ledger that cannot be read, or is no trace.
    """
    claim, job = row.claim, row.claim.job
    theory = claims.theory(job)
    is_recorded = row.entry is not None
    text = ledger.artefact(job, TRACE) if is_recorded else None
    chart, found, problem = None, None, ""
    sent: list[ShownMessage] = []
    if text is not None and row.entry is not None:
        chart = chart_of(text, job, claim.statement, row.entry.quantifier, cast_of(claims, job))
        if row.is_current:
            found, problem = theories.replay(text, job)
        sent = shown_messages(chart.trace, text, found)
    return Page(
        row,
        status_of(row),
        _lemma(theory, job.lemma, claims.models),
        tuple(_rules(chart, theory, claims.models)) if chart and row.is_current else (),
        chart,
        chart.embedded(_links(sent)) if chart else "",
        tuple(sent),
        found,
        problem,
        ledger.artefact(job, GRAPH) if is_recorded else None,
        ledger.artefact(job, PROOF) if is_recorded else None,
        tuple(other for other in claims.claims if other.premise == claim.id),
        tuple(library.of_claim(claim)),
    )


def _links(sent: list[ShownMessage]) -> dict[int, tuple[str, str]]:
    """What the messages of the chart link to, and their names, as far as there are octets."""
    return {
        item.number: (
            f"#message-{item.number}",
            f"Message {item.number}, {item.sender} to {item.receiver}: {len(item.octets)} octets",
        )
        for item in sent
        if item.octets is not None
    }


def _lemma(theory: Theory, name: str, models: Path) -> Excerpt | None:
    if name == EQUIVALENCE:
        return None
    lemma = theory.lemma(name)
    return _excerpt(theory, name, lemma.start, lemma.end, models)


def _rules(chart: Chart, theory: Theory, models: Path) -> Iterator[Excerpt]:
    names = [step.rule for step in chart.trace.steps if isinstance(step, RuleStep)]
    for name in dict.fromkeys(names):
        head = rf"^rule\s+(?:\(\s*modulo\s+\w+\s*\)\s*)?{re.escape(name)}\b"
        match = re.search(head + r"[^\n]*\n(?:[ \t][^\n]*\n|\n)*", theory.text, re.MULTILINE)
        if match:
            yield _excerpt(theory, name, match.start(), match.end(), models)


def _excerpt(theory: Theory, name: str, start: int, end: int, models: Path) -> Excerpt:
    path, line = theory.place(start)
    lines = [line.rstrip() for line in theory.text[start:end].splitlines()]
    file = path.relative_to(models).as_posix()
    url = f"{source_url(file)}#L{line}"
    return Excerpt(name, f"{file}, line {line}", url, "\n".join(filter(None, lines)))
