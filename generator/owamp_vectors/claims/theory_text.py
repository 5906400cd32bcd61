"""Theories as Tamarin reads them: includes, flags, lemmas, and the digest of what is proved."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..disk import FileError, read_text

EQUIVALENCE = "Observational_equivalence"
"""The lemma that Tamarin adds to a theory in --diff mode."""

_RELIED_ON = {"sources", "typing", "reuse", "diff_reuse"}
_DIRECTIVE = re.compile(r"#(ifdef|else|endif|define|include)(?![A-Za-z0-9_])")
_ELSE = re.compile(r"#(?:else|endif)")
_ENDIF = re.compile(r"#endif")
_FLAG = re.compile(r"\s*(?:(not(?![A-Za-z0-9_])|¬)\s*)?([A-Za-z0-9][A-Za-z0-9_]*|\()")
_CLOSE = re.compile(r"\s*\)")
_OPERATOR = re.compile(r"\s*([&∧|∨])")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9_]*)")
_PATH = re.compile(r'\s*"([^"\n]+)"')
_THEORY = re.compile(r"\s*theory\s+([A-Za-z0-9][A-Za-z0-9_]*)")
_LEMMA = re.compile(
    r"(?<![A-Za-z0-9_#~$'!])lemma\s+(?:\(\s*modulo\s+\w+\s*\)\s*)?(?P<name>[A-Za-z0-9]\w*)\s*"
    r"(?:\[(?P<attributes>(?:[^\[\]]|\[[^\]]*\])*)\]\s*)?:\s*"
    r"(?P<quantifier>all-traces|exists-trace)?\s*"
    r'"(?P<formula>[^"]*)"',
    re.ASCII,
)
_ANY_LEMMA = re.compile(
    r"(?<![A-Za-z0-9_#~$'!])(?:lemma|diffLemma|equivLemma|diffEquivLemma)(?![A-Za-z0-9_])"
)
_PROOF = re.compile(
    r"\s*(?:simplify|induction|contradiction|sorry|solve|by|SOLVED|INVALIDATED|UNFINISHABLE)\b"
)
_KEYWORD = (
    r"(?:lemma|rule|restriction|axiom|predicates?|functions?|equations|builtins|macros|heuristic"
    r"|tactic|test|diffLemma|equivLemma|diffEquivLemma|options|export|let|process|end)"
    r"(?![A-Za-z0-9_])"
)
_ITEM = re.compile(rf"^[^\S\n]*(?P<item>{_KEYWORD})", re.MULTILINE)
_BETWEEN = re.compile(rf"\s*(?:#(?:ifdef|else|endif|define|include)|{_KEYWORD}|\Z)")
_UNFINISHED = tuple(":,([{<=&|")
_SINGLE_QUOTED = re.compile(r"'[^'\n]*'")


class TheoryError(FileError):
    """A theory that this preprocessor cannot read; the text is one line for people."""


@dataclass(frozen=True)
class Lemma:
    """A lemma of a resolved theory.

    Attributes:
        name: its name.
        quantifier: "all-traces", "exists-trace", or "diff" for observational equivalence.
        attributes: what stands in its brackets ("sources", "reuse", "use_induction", …).
        start, end: where it stands in the theory's text, without its proof.
        proof_end: where the proof skeleton written below it ends; `end` if there is none.
    """

    name: str
    quantifier: str
    attributes: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    proof_end: int = 0

    @property
    def relied_on(self) -> bool:
        """Whether the proofs of other lemmas take it for granted."""
        return any(attribute in _RELIED_ON for attribute in self.attributes)


@dataclass(frozen=True)
class Piece:
    """A part of a resolved text as it stands in a file, from `line` of it on."""

    path: Path
    line: int
    text: str


@dataclass(frozen=True)
class Theory:
    """A theory under a set of flags: one text without comments, directives or skipped branches.

    Attributes:
        path: the model's file.
        files: it and what it includes, in the order of reading.
        flags: sorted; "diff" is not among them.
        diff: whether it is read in --diff mode, where the flag "diff" is set as well.
        text: what is left for Tamarin to read.
        lemmas: in the order of the text.
        pieces: what the text is put together from.
    """

    path: Path
    files: tuple[Path, ...]
    flags: tuple[str, ...]
    diff: bool
    text: str
    lemmas: tuple[Lemma, ...]
    pieces: tuple[Piece, ...] = field(default=(), repr=False, compare=False)

    def place(self, position: int) -> tuple[Path, int]:
        """The file and its line where the character at `position` of the text stands."""
        for piece in self.pieces:
            if position < len(piece.text):
                return piece.path, piece.line + piece.text.count("\n", 0, position)
            position -= len(piece.text)
        last = self.pieces[-1]
        return last.path, last.line + last.text.count("\n")

    def lemma(self, name: str) -> Lemma:
        """The lemma of a name. Raises `TheoryError` if there is none."""
        for lemma in self.lemmas:
            if lemma.name == name:
                return lemma
        flags = f" with {' '.join(self.flags)}" if self.flags else ""
        known = ", ".join(lemma.name for lemma in self.lemmas) or "none"
        raise TheoryError(f"{self.path}{flags}: no lemma {name}; there are: {known}")

    def digest(self, name: str) -> str:
        """SHA-256, in hex, of what the verdict on a lemma depends on.

        The octets are UTF-8: the line ``owamp-vectors theory 1``, a line ``flags:`` with the
        sorted flags, each after a space, a line ``diff: true`` or ``diff: false``, a line
        ``lemma:`` with the name after a space, an empty line, and then the resolved text with

        - files included where they are named, branches not taken left out, comments (also formal
          ones, ``text{* … *}``) replaced by a space, line ends trimmed and empty lines dropped;
        - every *other* lemma left out, unless it is relied on (sources, reuse): what one lemma
          says has no bearing on the proof of another.

        Names of tactics and oracles are part of the text. What an oracle's file holds is not: it
        guides the search for a proof, and a proof once found is checked without it.
        """
        wanted = self.lemma(name)
        parts, position = [], 0
        for lemma in self.lemmas:
            if lemma.quantifier != "diff" and lemma != wanted and not lemma.relied_on:
                parts.append(self.text[position : lemma.start])
                position = lemma.proof_end
        parts.append(self.text[position:])
        lines = (line.rstrip() for line in "".join(parts).splitlines())
        head = [
            "owamp-vectors theory 1",
            " ".join(("flags:", *self.flags)),
            f"diff: {str(self.diff).lower()}",
            f"lemma: {name}",
            "",
        ]
        text = "\n".join([*head, *(line for line in lines if line)]) + "\n"
        return hashlib.sha256(text.encode()).hexdigest()

    def with_proofs(self, proofs: Mapping[str, str]) -> str:
        """The text with proofs below the lemmas that they prove.

        Raises:
            TheoryError: a proof of a lemma that does not exist.
        """
        parts, position = [], 0
        for lemma in sorted(map(self.lemma, proofs), key=lambda lemma: lemma.start):
            if lemma.quantifier == "diff":
                continue
            parts += [self.text[position : lemma.end], "\n", proofs[lemma.name].strip(), "\n"]
            position = lemma.proof_end
        text = "".join([*parts, self.text[position:]])
        if EQUIVALENCE in proofs and self.diff:
            body, _, _ = text.rstrip().rpartition("end")
            proof = proofs[EQUIVALENCE].strip()
            text = f"{body}\ndiffLemma {EQUIVALENCE}:\n{proof}\n\nend\n"
        return text


def read_theory(path: Path, flags: Iterable[str] = (), *, diff: bool = False) -> Theory:
    """A theory as Tamarin reads it under flags.

    Directives are ``#include "file"`` (relative to the file that includes), ``#define FLAG``,
    ``#ifdef FORMULA … #else … #endif``, each between two items. A formula joins flags and formulas
    in parentheses by ``&`` and ``|``, each perhaps after ``not``; & binds tighter.

    Raises:
        TheoryError: an unreadable file, a directive that is malformed, unbalanced, or means
            something else to Tamarin than it seems to; a lemma twice, or one for another prover
            or about accountability.
    """
    chosen = tuple(sorted(set(flags)))
    reader = _Reader({*chosen, *(["diff"] if diff else [])})
    pieces = reader.read(path, ())
    text = "".join(piece.text for piece in pieces)
    if not _THEORY.match(text):
        raise TheoryError(f"{path}: expected 'theory NAME', found {_first_line(text)!r}")
    lemmas = list(lemmas_of(text))
    for match in _ANY_LEMMA.finditer(text):
        if not any(lemma.start <= match.start() < lemma.proof_end for lemma in lemmas):
            found = _first_line(text[match.start() :])
            raise TheoryError(f"{path}: not a lemma that can be claimed: {found!r}")
    if diff:
        lemmas.append(Lemma(EQUIVALENCE, "diff"))
    names = [lemma.name for lemma in lemmas]
    for name in names:
        if names.count(name) > 1:
            raise TheoryError(f"{path}: lemma {name} is there twice")
    return Theory(
        path, tuple(reader.files), chosen, diff, text, tuple(lemmas), tuple(filter(_text, pieces))
    )


def _text(piece: Piece) -> str:
    return piece.text


def _first_line(text: str) -> str:
    return next((line.strip()[:40] for line in text.splitlines() if line.strip()), "")


def holds(formula: str, flags: set[str], where: str) -> bool:
    """Whether a formula of flags holds. Raises `TheoryError` if it is none."""
    value, end = _Reader(flags).formula(formula, 0, where)
    if formula[end:].strip():
        raise TheoryError(f"{where}: expected a formula of flags, found {formula.strip()!r}")
    return value


def flags_in(formula: str) -> set[str]:
    """The flags that a formula names."""
    return set(re.findall(r"[A-Za-z0-9]\w*", formula)) - {"not"}


def lemmas_of(text: str) -> Iterator[Lemma]:
    """The lemmas of a text without comments and directives, as they stand in it."""
    for match in _LEMMA.finditer(text):
        attributes = [part.strip() for part in (match["attributes"] or "").split(",")]
        proof_end = match.end()
        if _PROOF.match(text, proof_end):
            following = _ITEM.search(text, proof_end)
            proof_end = following.start() if following else len(text)
        yield Lemma(
            match["name"],
            match["quantifier"] or "all-traces",
            tuple(attribute for attribute in attributes if attribute),
            match.start(),
            match.end(),
            proof_end,
        )


def blank_comments(text: str) -> str:
    """The text with every comment, formal ones too, replaced by as many spaces; lines stay.

    Tamarin's block comments nest. What stands in quotes is no comment.
    """
    parts, position = [], 0
    while match := _OPENER.search(text, position):
        parts.append(text[position : match.start()])
        end = _comment_end(text, match)
        chunk = text[match.start() : end]
        is_comment = match[0] in ("//", "/*") or match[0].endswith("{*")
        parts.append(re.sub(r"[^\n]", " ", chunk) if is_comment else chunk)
        position = end
    return "".join([*parts, text[position:]])


def blank_names(text: str) -> str:
    """The text with what stands in quotes replaced by as many spaces; the quotes and lines stay."""
    return _QUOTED.sub(lambda match: re.sub(r"[^\n'\"]", " ", match[0]), text)


_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"]*\"")
_OPENER = re.compile(r"//|/\*|(?<![A-Za-z0-9_])[A-Za-z]+\{\*|'[^'\n]*'")
_NESTING = re.compile(r"/\*|\*/")
_FORMAL_END = re.compile(r"(?:\\[\\*]|[^*\\]|\*(?!\}))*\*\}")


def _comment_end(text: str, opener: re.Match[str]) -> int:
    if opener[0] == "//":
        line_end = text.find("\n", opener.end())
        return len(text) if line_end < 0 else line_end
    if opener[0] == "/*":
        depth = 0
        for match in _NESTING.finditer(text, opener.start()):
            depth += 1 if match[0] == "/*" else -1
            if depth == 0:
                return match.end()
        return len(text)
    if opener[0].endswith("{*"):
        match_end = _FORMAL_END.match(text, opener.end())
        return match_end.end() if match_end else len(text)
    return opener.end()


class _Reader:
    """Resolves the directives of a file and of those that it includes, with one set of flags."""

    def __init__(self, flags: set[str]) -> None:
        self.flags = flags
        self.files: list[Path] = []

    def read(self, path: Path, parents: tuple[Path, ...]) -> list[Piece]:
        if path in parents:
            raise TheoryError(f"{path}: includes itself")
        if path not in self.files:
            self.files.append(path)
        raw = read_text(path)
        text = blank_comments(raw)
        visible = _SINGLE_QUOTED.sub(lambda name: " " * len(name[0]), text)
        pieces: list[Piece] = []
        branches: list[str] = []  # the directives that opened the branches we are in
        position = 0

        def piece(end: int) -> Piece:
            return Piece(path, text.count("\n", 0, position) + 1, text[position:end])

        while match := _DIRECTIVE.search(visible, position):
            pieces.append(piece(match.start()))
            where = f"{path}, line {text.count(chr(10), 0, match.start()) + 1}"
            if match[1] == "define":
                name = self._expect(_NAME, text, match.end(), where, "a flag after #define")
                self.flags.add(name[1])
                position = name.end()
            elif match[1] == "include":
                name = self._expect(_PATH, text, match.end(), where, "a quoted file after #include")
                included = path.parent / name[1]
                if not included.is_file():
                    raise TheoryError(f"{where}: #include of {name[1]}: no such file")
                pieces += self.read(included, (*parents, path))
                position = name.end()
            else:
                position = self._branch(match, raw, visible, branches, where)
            if text[: match.start()].rstrip().endswith(_UNFINISHED):
                raise TheoryError(f"{where}: {match[0]} within an item: Tamarin takes it between")
            what = f"an item after {match[0]}, as Tamarin does"
            self._expect(_BETWEEN, text, position, where, what)
        if branches:
            raise TheoryError(f"{path}: #ifdef without #endif")
        return [*pieces, piece(len(text))]

    def _branch(
        self, match: re.Match[str], raw: str, text: str, branches: list[str], where: str
    ) -> int:
        """Where reading goes on after an #ifdef, #else or #endif."""
        if match[1] == "ifdef":
            taken, position = self.formula(text, match.end(), where)
            if taken:
                branches.append("ifdef")
                return position
            ending = _skip(raw, text, position, _ELSE, where)
            if ending[0] == "#else":
                branches.append("else")
            return ending.end()
        if not branches or (match[1] == "else" and branches[-1] == "else"):
            raise TheoryError(f"{where}: #{match[1]} without #ifdef")
        branches.pop()
        if match[1] == "else":
            return _skip(raw, text, match.end(), _ENDIF, where).end()
        return match.end()

    @staticmethod
    def _expect(
        pattern: re.Pattern[str], text: str, position: int, where: str, what: str
    ) -> re.Match[str]:
        match = pattern.match(text, position)
        if match is None:
            found = _first_line(text[position:])
            raise TheoryError(f"{where}: expected {what}, found {found!r}")
        return match

    def formula(self, text: str, position: int, where: str) -> tuple[bool, int]:
        """The value of a flag formula, and where it ends."""
        alternatives: list[bool] = []
        conjunction = True
        while True:
            atom = self._expect(_FLAG, text, position, where, "a flag, perhaps after 'not'")
            negated, name = atom[1], atom[2]
            if not negated and name.startswith("not"):
                raise TheoryError(f"{where}: flag {name}: Tamarin would read 'not {name[3:]}'")
            value, position = name in self.flags, atom.end()
            if name == "(":
                value, position = self.formula(text, position, where)
                position = self._expect(_CLOSE, text, position, where, "a closing )").end()
            conjunction = conjunction and value != bool(negated)
            operator = _OPERATOR.match(text, position)
            if operator is None:
                return any((*alternatives, conjunction)), position
            position = operator.end()
            if operator[1] in "|∨":
                alternatives.append(conjunction)
                conjunction = True


def _skip(raw: str, text: str, position: int, ending: re.Pattern[str], where: str) -> re.Match[str]:
    """The directive that ends a skipped branch.

    Tamarin skips by searching the raw characters: it sees directives in comments, and the
    first #endif ends the branch however many #ifdef it has. Where that is not what the text
    seems to say, the text is refused.
    """
    found = ending.search(text, position)
    if found is None:
        raise TheoryError(f"{where}: #ifdef without #endif")
    nested = re.search(r"#ifdef", text[position : found.start()])
    if nested:
        raise TheoryError(
            f"{where}: #ifdef within a branch that is skipped: Tamarin cannot nest it"
        )
    by_tamarin = ending.search(raw, position)
    if by_tamarin is None or by_tamarin.start() != found.start():
        raise TheoryError(f"{where}: a comment or a name of the skipped branch has #else or #endif")
    return found
