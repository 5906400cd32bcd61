"""The report: a static site of everything that the repository knows, from its files alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from ..claims import table as claims_table
from ..claims.attacks import load_attacks
from ..claims.declared import Claim, Claims, Job, load
from ..claims.ledger import UNPROVED, VERDICTS, Ledger
from ..disk import read_text
from ..mistakes import MISTAKES
from ..vectors.declaration import GENERATOR_VERSION
from .report_claims import Page, claim_page, url_of
from .report_html import render_page
from .report_meaning import meaning_of
from .report_overview import shown_matrix, tallies
from .report_results import conformed, result_parts
from .report_sources import (
    SourcePage,
    sections,
    source_pages,
    source_url,
    statements_of,
)
from .report_theory import Theories, failures, shown_abstractions, shown_findings
from .report_vectors import Library, load_library

_T = TypeVar("_T")

CLAIM_STATUSES = (*VERDICTS, "stale", "missing")
STATIC = ("style.css", "report.js")


@dataclass(frozen=True)
class Site:
    """A site, and what is wrong with what it shows.

    Attributes:
        files: the text of each file, by its path in the site.
        unproved: claims without a verdict on the model of today: stale, missing, not proved.
        problems: whatever else does not stand as written.
        without: what could not be shown without the extra ``models``, and why; "" if all is shown.
    """

    files: dict[str, str]
    unproved: list[str]
    problems: list[str]
    without: str


@dataclass(frozen=True)
class ModelView:
    """A model under flags, as the page of the models shows it."""

    title: str
    path: Path
    head: str
    pages: tuple[Page, ...]

    def count(self, status: str) -> int:
        """How many of its claims have a status."""
        return sum(page.status == status for page in self.pages)


def make_site(models: Path, proofs: Path, vectors: Path) -> Site:
    """Make the site. The same files give the same octets.

    Raises:
        FileError: a file that cannot be read, or is not what it should be.
    """
    claims = load(models, vectors)
    ledger = Ledger.load(proofs)
    table = claims_table.claim_rows(claims, ledger)
    further = claims_table.further_rows(claims, ledger)
    library = load_library(vectors, claims.claims)
    theories = Theories(models)
    pages = [claim_page(row, claims, ledger, theories, library) for row in table]
    jobs = _models(claims)
    found = shown_findings(theories, jobs)
    accepted = shown_abstractions(theories, jobs)
    problems = [f"{page.claim.id}: {page.replay_problem}" for page in pages if page.replay_problem]
    problems += [*claims.unclaimed(), *failures(found)]
    problems += [f"{row.claim.id}: {row.problem}" for row in further if row.problem]
    by_id = {page.claim.id: page for page in pages}
    attacks, statements = load_attacks(claims), statements_of(claims, vectors)
    sources = source_pages(models)
    unproved: list[str] = []
    for page in pages:
        if page.row.problem:
            waits = page.status in ("stale", "missing", UNPROVED)
            (unproved if waits else problems).append(f"{page.claim.id}: {page.row.problem}")
    site = _Pages(
        {
            "version": GENERATOR_VERSION,
            "pages": pages,
            "by_id": by_id,
            "matrix": shown_matrix(claims, by_id),
            "attacks": attacks,
            "meanings": {page.claim.id: meaning_of(page, claims, attacks) for page in pages},
            "statements": statements,
            "sections": sections(library, claims.every, statements),
            "sources": sources,
            "results": result_parts(models.parent),
            "conformed": conformed(models.parent),
            "source_url": source_url,
            "target_filter": library.filter_of,
            "tallies": tallies(pages),
            "library": library,
            "mistakes": len(MISTAKES),
            "further": further,
            "views": [_view(job, claims, pages) for job in jobs],
            "findings": found,
            "abstractions": accepted,
            "unproved": unproved,
            "problems": problems,
            "without": theories.missing,
            "statuses": [s for s in CLAIM_STATUSES if any(page.status == s for page in pages)],
            "provers": _provers(ledger, pages),
            "url_of": url_of,
        }
    )
    return Site(dict(site.files(pages, library, sources)), unproved, problems, theories.missing)


def _models(claims: Claims) -> list[Job]:
    """A job for each model under each set of flags that has claims, in the order of the claims."""
    keys = dict.fromkeys((c.job.model, c.job.flags, c.job.diff) for c in claims.claims)
    return [Job(model, flags, "", diff) for model, flags, diff in keys]


def _view(job: Job, claims: Claims, pages: list[Page]) -> ModelView:
    path = claims.models / f"{job.model}.spthy"
    comment = re.match(r"\s*/\*(.*?)\*/", read_text(path), re.DOTALL)
    title = "+".join((job.model, *job.flags))
    return ModelView(
        title,
        path.relative_to(claims.models),
        comment[1].strip("\n") if comment else "",
        tuple(page for page in pages if page.model == title),
    )


def _provers(ledger: Ledger, pages: list[Page]) -> list[str]:
    """The versions that gave the verdicts, the most used first."""
    jobs = {page.claim.job for page in pages}
    used = Counter(
        f"Tamarin {entry.prover} ({entry.revision}), Maude {entry.maude}"
        for job, entry in ledger.entries.items()
        if job in jobs
    )
    others = {
        f"{row.witness.job.prover} {row.witness.version}"
        for row in (page.row for page in pages)
        if row.witness is not None
    }
    names = [name for name, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))]
    return names + sorted(others)


@dataclass(frozen=True)
class _Pages:
    """The pages, all rendered with the same facts."""

    facts: dict[str, Any]

    def _page(self, template: str, part: str, depth: int, **values: Any) -> str:
        return render_page(template, root="../" * depth, part=part, **self.facts, **values)

    def files(
        self, pages: list[Page], library: Library, sources: list[SourcePage]
    ) -> Iterator[tuple[str, str]]:
        """Each file's path in the site and its text."""
        static = resources.files("owamp_vectors") / "templates" / "report"
        for name in STATIC:
            yield name, (static / name).read_text(encoding="utf-8")
        yield "index.html", self._page("index.html.j2", "overview", 0)
        yield "claims.html", self._page("claims.html.j2", "claims", 0, options=_options(pages))
        yield "models.html", self._page("models.html.j2", "models", 0)
        yield "vectors.html", self._page("vectors.html.j2", "vectors", 0)
        for name in ("mistakes", "statements", "sections", "sources", "results", "search"):
            yield f"{name}.html", self._page(f"{name}.html.j2", name, 0)
        for source in sources:
            yield source.url, self._page("source.html.j2", "sources", 1, source=source)
        order = [page.claim for page in pages]
        for page, (before, after) in zip(pages, _neighbours(order), strict=True):
            found: dict[str, Any] = {"page": page, "before": before, "after": after}
            yield page.url, self._page("claim.html.j2", "claims", 1, **found)
            if page.graph is not None:
                yield f"claims/{page.claim.id}.svg", page.graph
        for file in library.files:
            yield f"vectors/{file.name}.js", file.script
            numbers = (case.stored.tc_id for case in file.cases)
            beside = dict(zip(numbers, _neighbours(file.cases), strict=True))
            yield f"vectors/{file.name}.html", self._page("file.html.j2", "vectors", 1, file=file)
            for group, (left, right) in zip(file.groups, _neighbours(file.groups), strict=True):
                found = {"file": file, "group": group, "before": left, "after": right}
                found["beside"] = beside
                yield group.url, self._page("group.html.j2", "vectors", 1, **found)


def _neighbours(items: Sequence[_T]) -> Iterator[tuple[_T | None, _T | None]]:
    """For each item the one before and the one after it, or None."""
    return zip([None, *items[:-1]], [*items[1:], None], strict=True)


def _options(pages: list[Page]) -> dict[str, list[str]]:
    """What the filters of the claims offer."""

    def values(of: Callable[[Claim], Iterable[str]]) -> list[str]:
        return list(dict.fromkeys(value for page in pages for value in of(page.claim)))

    return {
        "model": values(lambda claim: [claim.job.model]),
        "flag": sorted(values(lambda claim: claim.job.flags)),
        "source": sorted(values(lambda claim: [claim.source])),
        "kind": values(lambda claim: [claim.kind]),
    }
