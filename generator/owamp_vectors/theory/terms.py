"""Terms, facts and rules as plain values: equal if they are the same, wherever they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

Sort: TypeAlias = Literal["msg", "fresh", "pub", "nat", "node"]

_PREFIX: dict[Sort, str] = {"msg": "", "fresh": "~", "pub": "$", "nat": "%", "node": "#"}
_INFIX = {"union": ("++", 1), "nplus": ("%+", 2), "xor": ("XOR", 3), "mult": ("*", 4)}
_INFIX["exp"] = ("^", 5)
INFIX_NAMES = frozenset(_INFIX)
"""Function symbols that are written between their two arguments."""


class Place(NamedTuple):
    """Where something stands: a file of the model and a line of it."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Var:
    """A variable of a sort; `x` and `~x` are two variables."""

    name: str
    sort: Sort = "msg"
    place: Place | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return _PREFIX[self.sort] + self.name


@dataclass(frozen=True)
class Const:
    """A constant: a public name ``'x'``, or a fresh name ``~'x'``."""

    name: str
    is_fresh: bool = False
    place: Place | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{'~' if self.is_fresh else ''}'{self.name}'"


@dataclass(frozen=True)
class App:
    """A function symbol with its arguments. Pairs, and what is written infix, are such too:
    "pair", "exp", "mult", "xor", "union", "nplus".
    """

    name: str
    args: tuple[Term, ...] = ()
    place: Place | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        if self.name == "pair" and len(self.args) == 2:
            return f"<{', '.join(map(str, components(self)))}>"
        if self.name in _INFIX and len(self.args) == 2:
            return self._infix()
        return f"{self.name}({', '.join(map(str, self.args))})" if self.args else self.name

    def _infix(self) -> str:
        sign, level = _INFIX[self.name]
        left, right = self.args
        return f"{_operand(left, level)} {sign} {_operand(right, level + 1)}".replace(" ^ ", "^")


Term: TypeAlias = Var | Const | App


def _operand(term: Term, level: int) -> str:
    binds = _INFIX[term.name][1] if isinstance(term, App) and term.name in _INFIX else level
    return f"({term})" if binds < level else str(term)


def pair(*items: Term) -> Term:
    """The tuple of at least one term: pairs nested to the right."""
    first, *rest = items
    return App("pair", (first, pair(*rest)), place=first.place) if rest else first


def components(term: Term) -> list[Term]:
    """The terms of a tuple, or the term itself; ``<a, <b, c>>`` *is* ``<a, b, c>``."""
    found = []
    while isinstance(term, App) and term.name == "pair" and len(term.args) == 2:
        found.append(term.args[0])
        term = term.args[1]
    return [*found, term]


def subterms(term: Term) -> Iterator[Term]:
    """The term and every term in it, outermost first."""
    yield term
    if isinstance(term, App):
        for argument in term.args:
            yield from subterms(argument)


def variables(*terms: Term) -> list[Var]:
    """The variables, each once, in the order in which they occur."""
    found = (item for term in terms for item in subterms(term) if isinstance(item, Var))
    return list(dict.fromkeys(found))


def rebuild(term: Term, change: Callable[[Term], Term]) -> Term:
    """The term with `change` applied to each of its terms, innermost first."""
    if isinstance(term, App):
        term = replace(term, args=tuple(rebuild(argument, change) for argument in term.args))
    return change(term)


def substitute(term: Term, values: Mapping[Var, Term]) -> Term:
    """The term with each variable replaced that has a value."""
    if not values:
        return term
    return rebuild(term, lambda item: values.get(item, item) if isinstance(item, Var) else item)


Assignment: TypeAlias = dict[Var, Term]


def match(pattern: Term, term: Term, found: Assignment | None = None) -> Assignment | None:
    """What the variables of `pattern` stand for if it is `term`, or None. Purely syntactic."""
    found = {} if found is None else found
    if isinstance(pattern, Var):
        if pattern.sort != "msg" and not (isinstance(term, Var) and term.sort == pattern.sort):
            return None
        return found if found.setdefault(pattern, term) == term else None
    if isinstance(pattern, Const) or not isinstance(term, App):
        return found if pattern == term else None
    if (pattern.name, len(pattern.args)) != (term.name, len(term.args)):
        return None
    for left, right in zip(pattern.args, term.args, strict=True):
        if match(left, right, found) is None:
            return None
    return found


@dataclass(frozen=True)
class Fact:
    """A fact of a rule; `annotations` is what stands in brackets behind it."""

    name: str
    args: tuple[Term, ...] = ()
    is_persistent: bool = False
    annotations: tuple[str, ...] = ()
    place: Place | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        suffix = f"[{', '.join(self.annotations)}]" if self.annotations else ""
        arguments = ", ".join(map(str, self.args))
        return f"{'!' if self.is_persistent else ''}{self.name}({arguments}){suffix}"

    def map(self, change: Callable[[Term], Term]) -> Fact:
        """The fact with each argument changed."""
        return replace(self, args=tuple(map(change, self.args)))


@dataclass(frozen=True)
class Call:
    """A use of a macro, with its arguments as they are after expansion."""

    name: str
    args: tuple[Term, ...]
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Rule:
    """A rule, its let block and its macros expanded.

    Attributes:
        restrictions: the formulas of ``_restrict``, as text, not expanded.
        calls: which macros were used where.
    """

    name: str
    premises: tuple[Fact, ...]
    actions: tuple[Fact, ...]
    conclusions: tuple[Fact, ...]
    restrictions: tuple[str, ...] = ()
    calls: tuple[Call, ...] = field(default=(), compare=False)
    place: Place | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        actions = [*map(str, self.actions), *(f"_restrict({text})" for text in self.restrictions)]
        arrow = f"--[ {', '.join(actions)} ]->" if actions else "-->"
        left, right = (", ".join(map(str, side)) for side in (self.premises, self.conclusions))
        return f"rule {self.name}:\n    [ {left} ]\n  {arrow}\n    [ {right} ]"

    def facts(self) -> Iterator[Fact]:
        """Premises, actions, conclusions."""
        yield from self.premises
        yield from self.actions
        yield from self.conclusions

    def variables(self) -> list[Var]:
        """The rule's variables, each once, in order."""
        return variables(*(term for fact in self.facts() for term in fact.args))


@dataclass(frozen=True)
class Function:
    """A declared function symbol."""

    name: str
    arity: int
    is_private: bool = False
    is_destructor: bool = False
    place: Place | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        attributes = ["private"] * self.is_private + ["destructor"] * self.is_destructor
        suffix = f" [{', '.join(attributes)}]" if attributes else ""
        return f"{self.name}/{self.arity}{suffix}"


@dataclass(frozen=True)
class Macro:
    """A macro; macros in its body are expanded, `source` is the body as written."""

    name: str
    parameters: tuple[Var, ...]
    body: Term
    source: Term = field(compare=False)
    calls: tuple[Call, ...] = field(default=(), compare=False)
    place: Place | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parameters))}) = {self.source}"


@dataclass(frozen=True)
class Equation:
    """An equation; `origin` is "" or the builtin that it comes with."""

    left: Term
    right: Term
    origin: str = ""
    place: Place | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"


@dataclass(frozen=True)
class Restriction:
    """A restriction; its formula is text."""

    name: str
    formula: str
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class LemmaText:
    """A lemma; its formula is text."""

    name: str
    quantifier: str
    attributes: tuple[str, ...]
    formula: str
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Model:
    """A theory under its flags, as terms.

    Attributes:
        name: of the theory.
        path: the file.
        flags: those that were set.
        head: the comment with which the file begins.
        functions: declared ones, and those of the builtins.
        equations: likewise; those of pairs are left out.
    """

    name: str
    path: Path
    flags: tuple[str, ...]
    head: str
    builtins: tuple[str, ...]
    functions: tuple[Function, ...]
    equations: tuple[Equation, ...]
    macros: tuple[Macro, ...]
    rules: tuple[Rule, ...]
    restrictions: tuple[Restriction, ...]
    lemmas: tuple[LemmaText, ...]

    @property
    def title(self) -> str:
        """The model with its flags, as the table names it."""
        return "+".join((self.path.stem, *self.flags))

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the function symbols."""
        return frozenset(function.name for function in self.functions)

    def rule(self, name: str) -> Rule | None:
        """The rule of a name."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def macro(self, name: str) -> Macro | None:
        """The macro of a name."""
        return next((macro for macro in self.macros if macro.name == name), None)

    def __str__(self) -> str:
        """The theory as Tamarin reads it, without tactics, heuristics and comments."""
        declared = [f for f in self.functions if f.place is not None]
        parts = [f"theory {self.name}\nbegin"]
        if self.builtins:
            parts.append(f"builtins: {', '.join(self.builtins)}")
        if declared:
            parts.append(f"functions: {', '.join(map(str, declared))}")
        own = [str(equation) for equation in self.equations if not equation.origin]
        if own:
            parts.append(f"equations: {', '.join(own)}")
        if self.macros:
            parts.append(f"macros: {', '.join(map(str, self.macros))}")
        parts += map(str, self.rules)
        parts += [f'restriction {r.name}:\n  "{r.formula}"' for r in self.restrictions]
        for lemma in self.lemmas:
            attributes = f" [{', '.join(lemma.attributes)}]" if lemma.attributes else ""
            parts.append(
                f'lemma {lemma.name}{attributes}:\n  {lemma.quantifier}\n  "{lemma.formula}"'
            )
        return "\n\n".join([*parts, "end"]) + "\n"
