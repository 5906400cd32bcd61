"""Sources as pages with a place for each line, and what there is on each section of the RFCs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from markupsafe import Markup, escape

from ..claims.declared import OTHERS, Claim, Claims
from ..claims.statements import STATEMENTS, Statement, load_statements
from ..claims.theory_text import blank_comments, lemmas_of
from ..disk import read_text
from .report_vectors import Library, cited, section_name

_TOKENS = {
    "model": r"(?P<comment>/\*.*?\*/|//[^\n]*)|(?P<const>'[^'\n]*')|(?P<fresh>~\w+)"
    r"|(?P<public>\$\w+)|(?P<word>(?m:^#\w+[^\n]*)|\b(?:rule|lemma|restriction|macros|functions"
    r"|builtins|equations|theory|begin|end|let|in|All|Ex|not|all-traces|exists-trace|tactic)\b"
    r"|==>|<=>|--\[|\]->|-->)|(?P<fact>!?\b[A-Z]\w*(?=\())",
    "prover": r"(?P<comment>\(\*.*?\*\))|(?P<word>\b(?:fun|reduc|equation|query|let|in|out|new|if"
    r"|then|else|event|free|type|const|process|proof|param|expand|forall|inj-event|phase|table"
    r"|get|insert|return|oracle|run|equiv|set|letfun|def|channel|private)\b)"
    r"|(?P<const>\"[^\"\n]*\")",
    "python": r"(?P<comment>#[^\n]*|\"\"\".*?\"\"\")|(?P<const>[rbf]*\"(?:[^\"\\\n]|\\.)*\")"
    r"|(?P<word>\b(?:def|class|return|raise|if|elif|else|for|in|not|and|or|while|yield|from|import"
    r"|with|try|except|lambda|is|None|True|False)\b)",
}


@dataclass(frozen=True)
class SourcePage:
    """A file as a page.

    Attributes:
        name: for people.
        url: its page, from the report's root.
        lines: its lines, marked up.
        index: what is defined in it: its name, and its line from 1.
    """

    name: str
    url: str
    lines: tuple[Markup, ...] = field(repr=False)
    index: tuple[tuple[str, int], ...]


def source_url(name: str) -> str:
    """The page of a file of the models, or of a module of the reference, from the report's root."""
    return f"sources/{name.replace('/', '-')}.html"


def source_pages(models: Path) -> list[SourcePage]:
    """The theories, what they include, the other provers' files, and the reference."""
    paths = [path for suffix in ("spthy", "splib") for path in sorted(models.glob(f"*.{suffix}"))]
    for folder, (_, suffix) in OTHERS.items():
        paths += sorted((models / folder).glob(f"*{suffix}*"))
    pages = []
    for path in paths:
        name, text = path.relative_to(models).as_posix(), read_text(path)
        is_theory = path.suffix in (".spthy", ".splib")
        kind = "model" if is_theory else "prover"
        index = tuple(_defined(text)) if is_theory else ()
        pages.append(SourcePage(name, source_url(name), marked_lines(text, kind), index))
    for name, text in reference_modules():
        index = tuple((n.name, n.lineno) for n in ast.parse(text).body if isinstance(n, _NAMED))
        pages.append(SourcePage(name, source_url(name), marked_lines(text, "python"), index))
    return pages


_NAMED = (ast.FunctionDef, ast.ClassDef)


def _defined(text: str) -> Iterator[tuple[str, int]]:
    """The rules and lemmas of a theory, each with its first line; under flags there are several."""
    found = [(match.start(), match[1]) for match in re.finditer(r"^rule (\w+)", text, re.MULTILINE)]
    found += [(lemma.start, lemma.name) for lemma in lemmas_of(blank_comments(text))]
    for start, name in sorted(found):
        yield name, text.count("\n", 0, start) + 1


def marked_lines(text: str, kind: str) -> tuple[Markup, ...]:
    """The lines of a text with words, names, constants and comments marked; joined, the same."""
    parts: list[Markup] = []
    position = 0
    for match in re.finditer(_TOKENS[kind], text, re.DOTALL):
        parts.append(escape(text[position : match.start()]))
        span = Markup('<span class="{}">{}</span>')
        rows = (span.format(match.lastgroup, row) if row else row for row in match[0].split("\n"))
        parts.append(Markup("\n").join(rows))
        position = match.end()
    parts.append(escape(text[position:]))
    return tuple(Markup("").join(parts).rstrip("\n").split("\n"))


def reference_modules() -> Iterator[tuple[str, str]]:
    """The modules of the reference, each with its text."""
    for item in sorted(resources.files("owamp_reference").iterdir(), key=lambda item: item.name):
        if item.name.endswith(".py") and item.name != "__init__.py":
            yield f"reference/{item.name}", item.read_text(encoding="utf-8")


@dataclass
class Section:
    """A section of an RFC, and what rests on it.

    Attributes:
        rfc, number: which one; the number is "" for the whole RFC.
        cases: how many vectors, by the name of the file.
        places: in the reference: module, line, and the name of what is defined there.
    """

    rfc: str
    number: str
    cases: dict[str, int] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    places: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """RFC 4656 §3.1."""
        return section_name(self.rfc, self.number)

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"rfc{self.rfc}" + (f"-{self.number}" if self.number else "")


def sections(
    library: Library, claims: Iterable[Claim], statements: Iterable[Statement]
) -> list[Section]:
    """Every section that a vector, a claim, a statement or the reference names, in order."""
    found: dict[tuple[str, str], Section] = {}

    def at(key: tuple[str, str]) -> Section:
        return found.setdefault(key, Section(*key))

    for case in library.cases:
        for key in cited(case.stored.source):
            name = case.stored.file.name
            at(key).cases[name] = at(key).cases.get(name, 0) + 1
    for claim in claims:
        for key in cited(claim.source):
            at(key).claims.append(claim)
    for statement in statements:
        for key in cited(statement.source):
            at(key).statements.append(statement)
    for name, text in reference_modules():
        for key, line, what in _places(text):
            at(key).places.append((name, line, what))
    numbers = {key: [int(part) for part in key[1].split(".") if part] for key in found}
    return [found[key] for key in sorted(found, key=lambda key: (int(key[0]), numbers[key]))]


def _places(text: str) -> Iterator[tuple[tuple[str, str], int, str]]:
    """What a module says that it has from a section: the section, the line, and what is there."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _NAMED):
            for key in cited(ast.get_docstring(node) or ""):
                yield key, node.lineno, node.name


def statements_of(claims: Claims, vectors: Path) -> list[Statement]:
    """What the documents say about security; nothing if there is no such file.

    Raises:
        FileError: what does not fit.
    """
    return load_statements(claims, vectors) if (claims.models / STATEMENTS).is_file() else []
