"""Sentences of the draft and the verdicts that they rest on.

A sentence names its claims and the verdict that it needs of each. What the ledger has is looked up
when the sentence is rendered: a verdict that is missing, stale, or another ends the build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from ..claims.declared import Claims
from ..claims.ledger import Entry, Ledger
from ..claims.table import ClaimRow, claim_rows, further_rows


class DraftError(Exception):
    """The draft cannot be made as it stands; the text is one line for people."""


def anchor(claim_id: str) -> str:
    """The anchor of a claim in the draft."""
    return f"claim-{claim_id}"


@dataclass(frozen=True)
class ClaimPart:
    """The claims under one heading of ``claims.toml``."""

    heading: str
    rows: list[ClaimRow]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.rows)

    @property
    def verified(self) -> int:
        """How many are verified, as they are expected to be."""
        return sum(row.claim.expected == "verified" for row in self.rows)

    @property
    def falsified(self) -> int:
        """How many are not."""
        return self.size - self.verified


class Evidence:
    """The claims with what the ledger has on them, as the draft's template uses them."""

    def __init__(self, claims: Claims, ledger: Ledger) -> None:
        self._tamarin = claim_rows(claims, ledger)
        self._further = further_rows(claims, ledger)
        self._rows = {row.claim.id: row for row in (*self._tamarin, *self._further)}

    def says(
        self, *, verified: str = "", falsified: str = "", caller: Callable[[], Markup]
    ) -> Markup:
        """A sentence, and in braces the claims that back it, before its full stop.

        Args:
            verified, falsified: claim ids with blanks between them.
            caller: gives the sentence, which ends in a full stop.
        Raises:
            DraftError: a claim's verdict is missing, stale, or not the one needed.
        """
        sentence = caller().strip()
        plain = " ".join(sentence.striptags().split())
        if not plain.endswith(".") or not (verified or falsified):
            raise DraftError(f"{plain!r}: expected a sentence, a full stop, and its claims")
        parts = []
        for verdict, ids in (("verified", verified.split()), ("falsified", falsified.split())):
            for claim_id in ids:
                self._check(claim_id, verdict, f'the sentence "{plain}"')
            if ids:
                parts.append(Markup("{}: {}").format(verdict, Markup(", ").join(map(_link, ids))))
        return Markup("{} {{{}}}. ").format(sentence[:-1], Markup("; ").join(parts))

    def answer(self, claim_id: str, verdict: str, text: str) -> Markup:
        """A cell of a table: `text`, which needs that claim to have that verdict.

        Raises:
            DraftError: as for `says`.
        """
        self._check(claim_id, verdict, f'the answer "{text}" for {claim_id}')
        return Markup('<xref target="{}" format="none">{}</xref>').format(anchor(claim_id), text)

    def groups(self) -> list[ClaimPart]:
        """The claims that lemmas of Tamarin decide, by heading.

        Raises:
            DraftError: one that does not stand as written.
        """
        return self._by_heading(self._tamarin)

    def further(self) -> list[ClaimPart]:
        """The claims that another prover decides, by heading. Raises as `groups`."""
        return self._by_heading(self._further)

    def _by_heading(self, rows: list[ClaimRow]) -> list[ClaimPart]:
        found: list[ClaimPart] = []
        for row in rows:
            self._check(row.claim.id, row.claim.expected, "the list of claims")
            if row.claim.heading or not found:
                found.append(ClaimPart(row.claim.heading, []))
            found[-1].rows.append(row)
        return found

    def entries(self) -> Iterator[Entry]:
        """What the ledger has on the claims."""
        return (row.entry for row in self._rows.values() if row.entry is not None)

    def provers(self) -> str:
        """The provers that gave the verdicts, for people."""
        names = {f"tamarin-prover {e.prover} with Maude {e.maude}" for e in self.entries()}
        return " and ".join(sorted(names))

    def witnesses(self) -> str:
        """The other provers, for people; "" if none was asked."""
        found = (row.witness for row in self._rows.values())
        names = {f"{witness.job.prover} {witness.version}" for witness in found if witness}
        return " and ".join(sorted(names))

    def seconded(self) -> int:
        """How many claims that Tamarin decides another prover decides as well."""
        return sum(bool(row.witness and row.witness.decides) for row in self._tamarin)

    def _check(self, claim_id: str, needed: str, who: str) -> None:
        row = self._rows.get(claim_id)
        if row is None:
            raise DraftError(f"{who} needs claim {claim_id}, which claims.toml does not have")
        if row.problem:
            raise DraftError(f"{who} needs claim {claim_id} {needed}; it is {row.problem}")
        if row.claim.expected != needed:
            found = row.claim.expected  # without a problem, also what the prover says
            raise DraftError(f"{who} needs claim {claim_id} {needed}; it is {found}")
        if row.claim.premise:
            self._check(row.claim.premise, "verified", f"{who}, by the premise of {claim_id},")


def _link(claim_id: str) -> Markup:
    target = escape(anchor(claim_id))
    return Markup('<xref target="{}" format="none">{}</xref>').format(target, claim_id)
