"""Sentences of the draft, the verdicts that they rest on, and the scope of these.

A sentence names its claims and the verdict that it needs of each. What the ledger has is looked up
when the sentence is rendered: a verdict that is missing, stale, or another ends the build. So does
a sentence that says more than the formulas of its claims (`draft_scope`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from markupsafe import Markup

from ..claims.declared import TAMARIN, Claims
from ..claims.ledger import Entry, Ledger
from ..claims.matrix import load_matrix
from ..claims.statements import load_statements
from ..claims.table import ClaimRow, claim_rows, further_rows
from .draft_scope import ASSUMPTIONS, Scope, beyond_scope, scope_of

_SIGN = {"verified": "+", "falsified": "-", "undecided": "?"}
"""How a table writes a verdict."""


_CHANGES = 3
"""A statement that differs from another in so many words is printed as the difference."""


class DraftError(Exception):
    """The draft cannot be made as it stands; the text is one line for people."""


class Evidence:
    """The claims with what the ledger has on them, as the draft's template uses them."""

    def __init__(self, claims: Claims, ledger: Ledger) -> None:
        self._claims = claims
        self._tamarin = claim_rows(claims, ledger)
        self._further = further_rows(claims, ledger)
        self._rows = {row.claim.id: row for row in (*self._tamarin, *self._further)}
        self._assumed: set[str] = set()
        self._cited: set[str] = set()

    def anchor(self, claim_id: str) -> str:
        """The anchor of a claim in the draft; claims of one lemma share it."""
        job = self._rows[claim_id].claim.job
        return f"claim-{job.model.replace('/', '-')}-{job.lemma}"

    def _link(self, claim_id: str, text: str = "") -> Markup:
        link = Markup('<xref target="{}" format="none">{}</xref>')
        return link.format(self.anchor(claim_id), text or claim_id)

    def assume(self, *names: str) -> str:
        """Takes `ASSUMPTIONS` for granted from here on, and no others; their names."""
        unknown = set(names) - set(ASSUMPTIONS)
        if unknown:
            raise DraftError(f"no assumption is called {', '.join(sorted(unknown))}")
        self._assumed = set(names)
        return ", ".join(names)

    def says(
        self, *, verified: str = "", falsified: str = "", caller: Callable[[], Markup]
    ) -> Markup:
        """A sentence, and in braces the claims that back it, before its full stop.

        Args:
            verified, falsified: claim ids with blanks between them.
            caller: gives the sentence, which ends in a full stop.
        Raises:
            DraftError: a claim's verdict is missing, stale, or not the one needed, or the sentence
                has another scope than its claims.
        """
        sentence = caller().strip()
        plain = " ".join(sentence.striptags().split())
        if not plain.endswith(".") or not (verified or falsified):
            raise DraftError(f"{plain!r}: expected a sentence, a full stop, and its claims")
        parts, who = [], f'the sentence "{plain}"'
        for verdict, ids in (("verified", verified.split()), ("falsified", falsified.split())):
            for claim_id in ids:
                self._check(claim_id, verdict, who)
            if ids:
                parts.append(Markup("{}: {}").format(verdict, self._with_excuses(ids)))
        scopes = [self._scope(name) for name in (*verified.split(), *falsified.split())]
        for problem in beyond_scope(plain, scopes, self._assumed):
            raise DraftError(f"{who} {problem}")
        return Markup("{} {{{}}}. ").format(sentence[:-1], Markup("; ").join(parts))

    def _scope(self, claim_id: str) -> Scope:
        return scope_of(self._claims, self._rows[claim_id].claim)

    def _with_excuses(self, ids: list[str]) -> Markup:
        """Links to claims, those with one excuse together, and the excuse after them."""
        groups = []
        for lost, names in groupby(ids, lambda name: self._scope(name).excused):
            links = Markup(", ").join(self._link(name) for name in names)
            groups.append(
                links + (Markup(", unless lost: {}").format(", ".join(lost)) if lost else "")
            )
        return Markup("; ").join(groups)

    def goals(self) -> list[tuple[str, list[Markup]]]:
        """The security goals of ``matrix.toml`` by verdicts: "ippm yes, keymat no", and goals.

        Each goal is linked to a claim that has its verdict.

        Raises:
            DraftError: a verdict that is missing, stale, or not the one expected.
        """
        found: dict[str, list[Markup]] = {}
        for goal, cells in load_matrix(self._claims).rows:
            for claim in cells.values():
                self._check(claim.id, claim.expected, f'the goal "{goal}"')
            answers = {
                column: "yes" if claim.expected == "verified" else "no"
                for column, claim in cells.items()
            }
            verdict = ", ".join(f"{column} {answer}" for column, answer in answers.items())
            first = next(iter(cells.values()))
            found.setdefault(verdict, []).append(self._link(first.id, goal))
        return sorted(found.items())

    def statements(self, vectors: Path) -> Iterator[tuple[str, str, Markup]]:
        """What the documents say about security: document, section and text, claims.

        Raises:
            DraftError: a verdict that is missing, stale, or not the one expected.
        """
        for statement in load_statements(self._claims, vectors):
            found: dict[str, Markup] = {}
            for claim_id in statement.claims:
                verdict = self._rows[claim_id].claim.expected
                self._check(claim_id, verdict, f"the statement {statement.id}", cites=False)
                if claim_id not in self._cited:
                    continue
                link = Markup('<xref target="{}" format="counter"/>').format(self.anchor(claim_id))
                found[self.anchor(claim_id)] = link
            document, _, section = statement.source.partition(" §")
            where = section or statement.id
            yield document, f"{where}: {statement.text}", Markup(" ").join(found.values())

    def listed(self) -> list[tuple[str, int, int, list[tuple[str, str, str]]]]:
        """Per model, the numbers of its first and last lemma that is cited, and of each of these
        its anchor, its claims with verdicts, and a statement.

        The claims of a lemma under different flags are together; the statement is the first one's.
        Every claim is checked, also one that only helps to prove others.

        Raises:
            DraftError: one that does not stand as written.
        """
        models: dict[str, dict[str, list[ClaimRow]]] = {}
        for row in self._rows.values():
            self._check(row.claim.id, row.claim.expected, "the list of claims", cites=False)
            if row.claim.id in self._cited:
                lemmas = models.setdefault(row.claim.job.model, {})
                lemmas.setdefault(row.claim.job.lemma, []).append(row)
        found, last = [], 0
        for model, lemmas in models.items():
            first, last = last + 1, last + len(lemmas)
            lines: list[tuple[str, str, str]] = []
            statements: list[str] = []
            for rows in lemmas.values():
                anchor, names, statement = self._line(rows)
                lines.append((anchor, names, _like_another(statement, statements, first)))
                statements.append(statement)
            found.append((model, first, last, lines))
        return found

    def _line(self, rows: list[ClaimRow]) -> tuple[str, str, str]:
        first = rows[0].claim
        names = ", ".join(f"{row.claim.id} {_by_prover(row)}" for row in rows)
        return self.anchor(first.id), names, first.statement

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

    def _check(self, claim_id: str, needed: str, who: str, *, cites: bool = True) -> None:
        row = self._rows.get(claim_id)
        if row is None:
            raise DraftError(f"{who} needs claim {claim_id}, which claims.toml does not have")
        if row.problem:
            raise DraftError(f"{who} needs claim {claim_id} {needed}; it is {row.problem}")
        if row.claim.expected != needed:
            found = row.claim.expected  # without a problem, also what the prover says
            raise DraftError(f"{who} needs claim {claim_id} {needed}; it is {found}")
        if cites:
            self._cited.add(claim_id)
        if row.claim.premise:
            who = f"{who}, by the premise of {claim_id},"
            self._check(row.claim.premise, "verified", who, cites=False)


def _by_prover(row: ClaimRow) -> str:
    """The verdict of each prover, the initial of the prover before it: "T+P+"."""
    verdicts = {"T": row.claim.expected} if row.claim.job.prover == TAMARIN else {}
    if row.witness is not None:
        verdicts[row.witness.job.prover[0].upper()] = row.witness.verdict
    return "".join(f"{prover}{_SIGN[verdict]}" for prover, verdict in verdicts.items())


def _like_another(statement: str, others: list[str], first: int) -> str:
    """A statement, or if it is one of some others but for single words, which these are.

    Args:
        first: the number of the first of the others.
    """
    words = [word.strip(".,;:") for word in statement.split()]
    for number, other in enumerate(others, first):
        before = [word.strip(".,;:") for word in other.split()]
        changed = {old: new for old, new in zip(before, words, strict=False) if old != new}
        if (
            len(before) == len(words)
            and len(changed) <= _CHANGES
            and words == [changed.get(word, word) for word in before]
        ):
            return f"as C{number}, with {', '.join(f'{n} for {o}' for o, n in changed.items())}."
    return statement
