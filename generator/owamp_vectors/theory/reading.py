"""The octets of a rule's variables, found out from octets that were received or sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from owamp_reference import ProtocolError

from .evaluate import EvaluationError, Evaluator
from .infer import Inference
from .standins import xor
from .terms import App, Const, Term, Var, pair
from .tuples import parts_of


class MismatchError(Exception):
    """Octets that no values of the variables make a term; the text says where they part."""


@dataclass
class Reading:
    """Finds the octets of a rule's variables from the octets of its terms, as a receiver does.

    A tuple is cut by sizes; what is encrypted is decrypted where key and IV are known; anything
    else must be what the known values make it.

    Attributes:
        scope: the rule's name, for its sizes.
        inference: the model's types.
        values: what is known; grows.
    """

    scope: str
    inference: Inference
    values: dict[Term, bytes] = field(default_factory=dict)

    def read(self, term: Term, octets: bytes) -> None:
        """Learn from a term's octets. What is not known yet may be by another call.

        Raises:
            MismatchError: they cannot be those of the term.
        """
        known = self._known(term)
        if known is not None:
            if known != octets:
                self._explain(term, octets)
                raise MismatchError(f"{term}: expected {known.hex()}, found {octets.hex()}")
        elif isinstance(term, Var):
            size = self.inference.kind(self.scope, term).size
            if size not in (None, len(octets)):
                raise MismatchError(f"{term}: expected {size} octets, found {len(octets)}")
            self.values[term] = octets
        elif isinstance(term, App) and term.name == "pair":
            self._read_tuple(term, octets)
        elif isinstance(term, App):
            self._read_application(term, octets)
        else:
            raise MismatchError(f"{term}: a name without octets")

    def _explain(self, term: Term, octets: bytes) -> None:
        """Raise the mismatch of a part, where a message can be taken apart."""
        if isinstance(term, App) and term.name == "pair":
            self._read_tuple(term, octets)
        elif isinstance(term, App) and self._encrypts_messages(term):
            self._read_application(term, octets)

    def _encrypts_messages(self, term: App) -> bool:
        """Whether a term is a ciphertext of any size, not of one block."""
        symbol = self.inference.table.symbols.get(term.name)
        if symbol is None or symbol.undone is None or not symbol.undone.is_in_theories:
            return False
        return isinstance(symbol.result, int)

    def _known(self, term: Term) -> bytes | None:
        try:
            return Evaluator(self.values, self.inference.table)(term)
        except EvaluationError:
            return None

    def _read_tuple(self, term: App, octets: bytes) -> None:
        parts: list[tuple[Term, int | None]] = []
        for part in parts_of(term, self.inference.table):
            if part.shape is None:
                size = self.inference.size_of(self.scope, part.terms[0])
                if size is None and (known := self._known(part.terms[0])) is not None:
                    size = len(known)
                parts.append((part.terms[0], size))
            else:
                named = pair(Const(part.shape.name), *part.terms)
                whole = pair(*part.terms) if part.shape.heads else named
                parts.append((whole, len(part.shape.base)))
        if len(parts) == 1:
            self._read_layout(term, octets)
            return
        fixed = sum(size or 0 for _, size in parts)
        is_open = [size is None for _, size in parts]
        if sum(is_open) > 1 or len(octets) < fixed or (not any(is_open) and len(octets) != fixed):
            raise MismatchError(f"{term}: cannot be cut out of {len(octets)} octets")
        chunks = []
        for item, size in parts:
            end = len(octets) - fixed if size is None else size
            fixed -= size or 0
            chunk, octets = octets[:end], octets[end:]
            chunks.append((item, chunk))
        for item, chunk in sorted(chunks, key=lambda both: isinstance(both[0], App)):
            self.read(item, chunk)

    def _read_layout(self, term: App, octets: bytes) -> None:
        [part] = parts_of(term, self.inference.table)
        shape = part.shape
        if shape is None or len(octets) != len(shape.base):
            raise MismatchError(f"{term}: expected its layout, found {len(octets)} octets")
        rest = bytearray(octets)
        for span in shape.spans:
            rest[span.offset : span.offset + span.size] = bytes(span.size)
        base = bytearray(shape.base)
        for span in shape.spans:
            base[span.offset : span.offset + span.size] = bytes(span.size)
        if rest != base:
            raise MismatchError(f"{shape.name}: fields that the model leaves out are not usual")
        for span, item in sorted(
            zip(shape.spans, part.terms, strict=True), key=lambda both: isinstance(both[1], App)
        ):
            chunk = octets[span.offset : span.offset + span.size]
            try:
                self.read(item, chunk)
            except MismatchError as error:
                text = str(error)
                is_named = text.startswith(f"{span.name}: ")
                raise MismatchError(text if is_named else f"{span.name}: {text}") from None

    def _read_application(self, term: App, octets: bytes) -> None:
        """Decrypt, if all but the text is known; the text is what its inverse gives back."""
        if term.name == "xor":
            for one, other in (term.args, term.args[::-1]):
                known = self._known(one)
                if known is not None and len(known) == len(octets):
                    self.read(other, xor(known, octets))
                    return
        symbol = self.inference.table.symbols.get(term.name)
        if symbol is not None and symbol.undone is not None:
            inverse = self.inference.table.symbols[symbol.undone.by].compute
            index = symbol.undone.argument
            others = [self._known(argument) for argument in term.args]
            if all(value is not None for n, value in enumerate(others) if n != index):
                arguments = [octets if n == index else value for n, value in enumerate(others)]
                try:
                    text = inverse(*arguments)
                except ProtocolError as error:
                    raise MismatchError(f"{term}: {error}") from None
                self.read(term.args[index], text)
                return
        raise MismatchError(f"{term}: not known, and cannot be undone")
