"""All checks of a model against the reference, and what fails."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from owamp_reference import ProtocolError

from ..claims.declared import load
from ..claims.theory_text import blank_comments, read_theory
from ..disk import FileError, read_text
from ..vectors.drbg import Drbg
from ..words import unknown
from .apart import apart
from .evaluate import EvaluationError, Evaluator
from .findings import ABSTRACTIONS, FINDINGS, Abstraction, Finding, identifications
from .infer import Inference, Problem, infer, type_kind
from .laws import check_equation, missing_equations
from .mirror import mirror_problems
from .parse import read_model
from .room import is_mutant, room_of
from .rows import MacroRow, MessageRow
from .table import Table
from .terms import App, Fact, Macro, Model, Place, Rule, Term, Var, subterms
from .tuples import parts_of

TIMES = 4
"""How often a macro or a message is compared, each time with other values."""


@dataclass(frozen=True)
class ModelCheck:
    """What was checked of a model under flags.

    Attributes:
        symbols: function symbols bound; `outside` of them are not in the reference.
        tuples: tuples in rules; `open_tuples` are those with two parts of open size side by side.
        terms: sampled terms; `explained` says how many of them coincide because of what.
        problems: what fails.
    """

    model: Model
    symbols: int = 0
    outside: int = 0
    equations: int = 0
    macros: int = 0
    messages: int = 0
    tuples: int = 0
    open_tuples: tuple[tuple[Place | None, str], ...] = ()
    terms: int = 0
    explained: Mapping[str, int] = field(default_factory=dict)
    abstractions: tuple[Abstraction, ...] = ()
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()


def check_model(model: Model, seed: int = 0) -> ModelCheck:
    """Check a model: symbols, types, equations, macros, messages, terms kept apart, findings."""
    source = Drbg(f"conform/{model.title}/{seed}")
    inference = infer(model)
    table = inference.table
    problems = undeclared(model, table) + inference.problems
    if problems:  # without types there are no values
        return ModelCheck(model, problems=tuple(dict.fromkeys(problems)))
    laws = [check_equation(item, source.at("laws"), table) for item in model.equations]
    macros = [check_macro(model, macro, source.at("macros"), table) for macro in model.macros]
    rows = message_rows(model)
    sent = [check_message(model, row, inference, source.at("messages")) for row in rows]
    found = (*laws, *missing_equations(model), *macros, *sent)
    sample = apart(model, source.at("apart"), identifications(model))
    abstractions = tuple(item for item in ABSTRACTIONS if item.concerns(model))
    findings = tuple(item for item in FINDINGS if item.concerns(model))
    problems = [
        *(problem for problem in found if problem is not None),
        *sample.problems,
        *_unnamed(model, abstractions),
        *_not_reproduced(findings, source.at("findings"), sample.explained),
        *mirror_problems(model, table, source),
    ]
    count, ambiguous = _tuples(model, inference)
    used = [table.symbols[f.name] for f in model.functions]
    return ModelCheck(
        model,
        symbols=len(used),
        outside=sum(bool(symbol.model_only) for symbol in used),
        equations=len(model.equations),
        macros=sum(macro.name not in table.model_only for macro in model.macros),
        messages=len(rows),
        tuples=count,
        open_tuples=ambiguous,
        terms=sample.terms,
        explained=sample.explained,
        abstractions=abstractions,
        findings=findings,
        problems=tuple(dict.fromkeys(problems)),
    )


def _unnamed(model: Model, abstractions: Iterable[Abstraction]) -> Iterator[Problem]:
    """The abstractions that the head comment does not name."""
    head = " ".join(model.head.split())
    for item in abstractions:
        if not re.search(item.marker, head):
            text = f"the head comment does not name the abstraction {item.id}: /{item.marker}/"
            yield Problem(Place(model.path, 1), text)


def _not_reproduced(
    findings: Iterable[Finding], source: Drbg, explained: Iterable[str]
) -> Iterator[Problem]:
    """The findings that do not reproduce; and what explains equal octets but is no finding."""
    known = set()
    for finding in findings:
        known.add(finding.id)
        if failure := finding.failure(source):
            yield Problem(None, f"finding {finding.id} does not reproduce: {failure}")
    for name in set(explained) - known:
        yield Problem(None, f"{name} explains equal octets and is not a finding")


def undeclared(model: Model, table: Table) -> list[Problem]:
    """Declared symbols and macros that the table does not have, or with another arity."""
    problems = []
    for function in model.functions:
        row = table.symbols.get(function.name)
        name = f"{function.name}/{function.arity}"
        if row is None:
            text = f"the symbol {name} is not bound to a function of the reference"
            problems.append(Problem(function.place, text))
        elif len(row.arguments) != function.arity:
            text = f"{name}: {row.reference} takes {len(row.arguments)} arguments"
            problems.append(Problem(function.place, text))
    for macro in model.macros:
        arity = len(macro.parameters)
        if macro.name not in table.model_only and not table.macro(macro.name, arity, model.flags):
            text = f"the macro {macro.name}/{arity} is not bound to what it must be equal to"
            problems.append(Problem(macro.place, text))
    return problems


def check_macro(model: Model, macro: Macro, source: Drbg, table: Table) -> Problem | None:
    """Whether a macro is what its row says; None also if it has no row."""
    row = table.macro(macro.name, len(macro.parameters), model.flags)
    if row is None:
        return None
    for number in range(TIMES):
        try:
            values = [
                kind.draw(source.at(f"{macro.name} {number} {index}"))
                for index, kind in enumerate((*row.arguments, *row.extra))
            ]
            found, expected = _evaluated(macro, row, values, table)
        except EvaluationError as error:
            return Problem(error.place or macro.place, f"{macro.name}: {error.reason}")
        if found != expected:
            return Problem(
                macro.place,
                f"macro {macro.name} is not {row.reference}: {found.hex()}, not {expected.hex()}",
            )
    return None


def _evaluated(
    macro: Macro, row: MacroRow, values: list[bytes], table: Table
) -> tuple[bytes, bytes]:
    """A macro's octets and those that its row wants, for its parameters' octets in order.

    Raises:
        EvaluationError: the body has no octets for these values.
    """
    count = len(macro.parameters)
    environment: dict[Term, bytes] = dict(zip(macro.parameters, values[:count], strict=True))
    body: Term = macro.body
    if row.through:
        extra = [Var(f"extra {index}") for index in range(len(row.extra))]
        environment |= dict(zip(extra, values[count:], strict=True))
        body = App(row.through, (*extra, body))
    return Evaluator(environment, table)(body), row.compute(*values)


def message_rows(model: Model) -> tuple[MessageRow, ...]:
    """The rows of a model's messages: for each place the one with the flag that is set."""
    chosen: dict[tuple[str, str], MessageRow] = {}
    for layer in room_of(model.name).layers():
        rows = [row for row in layer.messages if row.flag in ("", *model.flags)]
        for row in sorted(rows, key=lambda row: not row.flag):
            chosen.setdefault((row.rule, row.fact), row)
    return tuple(chosen.values())


def _message_values(
    rule: Rule, row: MessageRow, inference: Inference, source: Drbg
) -> tuple[dict[Term, bytes], dict[str, bytes]]:
    """Octets for the variables of a message's rule: as an environment, and by name."""
    kinds = {
        variable.name: kind
        for variable, kind in inference.kinds(rule.name, rule.variables()).items()
    }
    kinds |= {name: type_kind(kind) for name, kind in row.more.items()}
    values = {name: kind.draw(source.at(name)) for name, kind in kinds.items()}
    for name, compute in row.given.items():
        values[name] = compute(values)
    return {variable: values[variable.name] for variable in rule.variables()}, values


def _message_fact(model: Model, row: MessageRow) -> tuple[Rule, Fact]:
    """The rule and the fact that a row is about.

    Raises:
        LookupError: the model has none such; the text says what is missing.
    """
    rule = model.rule(row.rule)
    if rule is None:
        raise LookupError(f"there is no rule {row.rule}, which must agree with {row.reference}")
    for fact in (*rule.conclusions, *rule.actions, *rule.premises):
        if fact.name == row.fact:
            return rule, fact
    raise LookupError(f"rule {row.rule} has no {row.fact}, which must agree with {row.reference}")


def check_message(
    model: Model, row: MessageRow, inference: Inference, source: Drbg
) -> Problem | None:
    """Whether a fact is what its row says."""
    try:
        rule, fact = _message_fact(model, row)
    except LookupError as error:
        return Problem(Place(model.path, 1), str(error.args[0]))
    for number in range(TIMES):
        drawn = source.at(f"{row.rule} {row.fact} {number}")
        try:
            environment, values = _message_values(rule, row, inference, drawn)
            expected = row.compute(values)
        except KeyError as error:
            text = f"rule {row.rule} has no variable {error.args[0]}, which {row.reference} needs"
            return Problem(rule.place, text)
        except ProtocolError as error:
            return Problem(rule.place, f"{row.rule}: {row.reference} refuses its values: {error}")
        try:
            evaluate = Evaluator(environment, inference.table)
            found = b"".join(map(evaluate, fact.args[row.first :]))
        except EvaluationError as error:
            return Problem(error.place or fact.place, f"{row.rule}: {error.reason}")
        if found != expected:
            text = f"{row.fact} of {row.rule} is not {row.reference}"
            return Problem(fact.place, f"{text}: {found.hex()}, not {expected.hex()}")
    return None


def _tuples(model: Model, inference: Inference) -> tuple[int, tuple[tuple[Place | None, str], ...]]:
    """How many tuples there are, and those with two neighbours of open size."""
    seen: dict[Term, tuple[Place | None, str]] = {}
    tuples: set[Term] = set()
    for rule in model.rules:
        for fact in rule.facts():
            for argument in fact.args:
                inside: set[Term] = set()
                for term in subterms(argument):
                    if not isinstance(term, App) or term.name != "pair" or term in inside:
                        continue
                    inside.update(_tails(term))
                    tuples.add(term)
                    sizes = [
                        inference.size_of(rule.name, item)
                        for part in parts_of(term, inference.table)
                        for item in (part.terms if part.shape is None else (term.args[0],))
                    ]
                    if any(a is None and b is None for a, b in pairwise(sizes)):
                        seen.setdefault(term, (term.place or fact.place, str(term)))
    return len(tuples), tuple(seen.values())


def _tails(term: Term) -> Iterable[Term]:
    while isinstance(term, App) and term.name == "pair":
        term = term.args[1]
        yield term


# ----------------------------------------------------------------------------------- all models

_IFDEF = re.compile(r"#ifdef\s+(?:not\s+)?(\w+)(?:\s*[&|]\s*(?:not\s+)?(\w+))?")
_DEFINE = re.compile(r"#define\s+(\w+)")


def flag_sets(path: Path, vectors: Path) -> list[tuple[str, ...]]:
    """Under which flags to check a model: none, those of its claims, each that it asks for.

    Mutants are not among them.
    """
    sets: list[tuple[str, ...]] = [()]
    if (path.parent / "claims.toml").is_file():
        claims = load(path.parent, vectors)
        sets += [c.job.flags for c in claims.claims if c.job.model == path.stem]
    claimed = {flag for flags in sets for flag in flags}
    texts = [blank_comments(read_text(file)) for file in read_theory(path).files]
    asked = {flag for text in texts for match in _IFDEF.findall(text) for flag in match if flag}
    defined = {name for text in texts for name in _DEFINE.findall(text)}
    sets += [(flag,) for flag in sorted(asked - claimed - defined - {"diff"})]
    return [flags for flags in dict.fromkeys(sets) if not is_mutant(path.stem, flags)]


def check_models(
    directory: Path, vectors: Path, names: Iterable[str] = (), seed: int = 0
) -> Iterable[ModelCheck]:
    """The checks of the models of a directory, or of those named; claims there name vectors.

    Raises:
        FileError: a model that does not exist or cannot be read.
        NoGrammarError: the extra ``models`` is not installed.
    """
    paths = sorted(directory.glob("*.spthy"))
    wanted = list(names)
    known = [path.stem for path in paths]
    for name in wanted:
        if name not in known:
            raise FileError(f"{directory}: {unknown('model', name, known)}")
    if not paths:
        raise FileError(f"{directory}: expected models (*.spthy), found none")
    for path in paths:
        if not wanted or path.stem in wanted:
            for flags in flag_sets(path, vectors):
                yield check_model(read_model(path, flags), seed)
