"""A term's octets: the functions of the table applied to the octets of its variables."""

from __future__ import annotations

from collections.abc import Mapping

from owamp_reference import ProtocolError

from .table import Table
from .terms import App, Const, Place, Term, Var
from .tuples import is_layout_name, parts_of

Environment = Mapping[Term, bytes]
"""Octets of variables and of fresh names; any other term may have some too, and then is not
computed."""


class EvaluationError(Exception):
    """A term that has no octets, and where it stands."""

    def __init__(self, term: Term, reason: str) -> None:
        super().__init__(f"{f'{term.place}: ' if term.place else ''}{term}: {reason}")
        self.term = term
        self.place: Place | None = term.place
        self.reason = reason


class Evaluator:
    """Computes terms as octets; each term once.

    Args:
        environment: octets of variables and names.
        table: the rows.
        side: which term of a diff is meant, 0 or 1.
    """

    def __init__(self, environment: Environment, table: Table, side: int = 0) -> None:
        self.table = table
        self.side = side
        self._known: dict[Term, bytes] = dict(environment)

    def __call__(self, term: Term) -> bytes:
        """The octets of a term.

        Raises:
            EvaluationError: a variable without octets, an unbound symbol, or what the reference
                refuses, such as an argument of the wrong size.
        """
        if term not in self._known:
            self._known[term] = self._compute(term)
        return self._known[term]

    def _compute(self, term: Term) -> bytes:
        if isinstance(term, Var):
            raise EvaluationError(term, "a variable without octets")
        if isinstance(term, Const):
            if is_layout_name(term, self.table):
                return self._tuple(term)
            constant = self.table.constants.get(term.name)
            if term.is_fresh or constant is None:
                raise EvaluationError(term, "a name without octets")
            return constant.octets
        if term.name == "pair":
            return self._tuple(term)
        if term.name == "diff" and len(term.args) == 2:
            return self(term.args[self.side])
        symbol = self.table.symbols.get(term.name)
        if symbol is None or len(symbol.arguments) != len(term.args):
            raise EvaluationError(term, f"{term.name}/{len(term.args)} is not bound")
        arguments = [self(argument) for argument in term.args]
        try:
            return symbol.compute(*arguments)
        except ProtocolError as error:
            raise EvaluationError(term, str(error)) from None

    def _tuple(self, term: Const | App) -> bytes:
        try:
            parts = parts_of(term, self.table)
        except LookupError as error:
            raise EvaluationError(term, str(error.args[0])) from None
        octets = b""
        for part in parts:
            if part.shape is None:
                octets += self(part.terms[0])
                continue
            message = bytearray(part.shape.base)
            for span, item in zip(part.shape.spans, part.terms, strict=True):
                value = self(item)
                if len(value) != span.size:
                    reason = (
                        f"{span.name} of {part.shape.name} has {span.size} octets, "
                        f"found {len(value)}"
                    )
                    raise EvaluationError(item, reason)
                message[span.offset : span.offset + span.size] = value
            octets += bytes(message)
        return octets
