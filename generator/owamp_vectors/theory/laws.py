"""Equations as laws of the bound functions; and what a theory keeps apart but octets do not.

A theory's equations must hold for octets. The converse is false: octets have laws that no theory
has, since encryption there is perfect and a tuple is no concatenation. `IDENTIFICATIONS` are those
that are known, each an equation that is checked like the theory's own. Whatever else coincides in a
sample of terms is a mistake in the table or a discovery, and fails.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..vectors.drbg import Drbg
from . import bind
from .bind import CONSTANTS, Binding, Type
from .evaluate import EvaluationError, Evaluator
from .infer import Kind, Problem, infer_equation
from .instance import INVERSES
from .terms import (
    App,
    Const,
    Equation,
    Model,
    Term,
    Var,
    components,
    match,
    pair,
    rebuild,
    substitute,
    subterms,
    variables,
)

_NORMALIZED = {"xor", "diffie-hellman"}
"""Builtins whose equations `normal` has built in."""


def equation_kinds(equation: Equation, binding: Binding) -> dict[Var, Kind]:
    """What values the variables of an equation can take."""
    inference = infer_equation(equation, binding)
    return inference.kinds("equation", variables(equation.left, equation.right))


def difference(
    equation: Equation, values: Mapping[Term, bytes], binding: Binding | None = None
) -> str | None:
    """How the two sides differ as octets; None if they are equal."""
    try:
        evaluate = Evaluator(values, binding)
        left, right = evaluate(equation.left), evaluate(equation.right)
    except EvaluationError as error:
        return f"{error.term}: {error.reason}"
    if left == right:
        return None
    given = ", ".join(f"{term} = {octets.hex()}" for term, octets in values.items())
    return f"{left.hex()} is not {right.hex()} for {given}"


def check_equation(
    equation: Equation, source: Drbg, binding: Binding | None = None, times: int = 8
) -> Problem | None:
    """Whether an equation holds for values from a source, several times over."""
    binding = binding or Binding()
    inference = infer_equation(equation, binding)
    if inference.problems:
        problem = inference.problems[0]
        return Problem(problem.place or equation.place, problem.text)
    kinds = equation_kinds(equation, binding)
    for number in range(times):
        drawn = source.at(f"{equation} {number}")
        values: dict[Term, bytes] = {v: kind.sample(drawn.at(str(v))) for v, kind in kinds.items()}
        if found := difference(equation, values, binding):
            return Problem(equation.place, f"{equation} does not hold for octets: {found}")
    return None


def missing_equations(model: Model) -> list[Problem]:
    """Ciphers of a model that no equation of it decrypts, though decryption is declared."""
    declared = {function.name: function for function in model.functions}
    problems = []
    for name in ("cbc", "ecb", "aes", "senc"):
        inverse, index = INVERSES[name]
        if name not in declared or inverse not in declared:
            continue
        arguments = [Var(f"x{number}") for number in range(declared[name].arity)]
        text: Term = App(name, tuple(arguments))
        terms: list[Term] = [*arguments[:index], text, *arguments[index + 1 :]]
        undone = App(inverse, tuple(terms))
        if normal(undone, model.equations) != arguments[index]:
            wanted = f"{undone} = {arguments[index]}"
            problem = f"no equation says that {wanted}, which octets obey"
            problems.append(Problem(declared[inverse].place, problem))
    return problems


# ------------------------------------------------------------------------------ identifications


@dataclass(frozen=True)
class Identification:
    """An equation that octets obey and the theories do not have.

    Attributes:
        id: also that of the finding.
        equation: read from left to right where octets are normalized.
        text: what follows from it.
        blocks: variables that have exactly 16 octets; others of the kind have whole blocks.
        ordered: two variables that the equation exchanges; it is used to put them in order.
    """

    id: str
    equation: Equation
    text: str
    blocks: tuple[Var, ...] = field(default=())
    ordered: tuple[Var, Var] | None = None

    def in_order(self, found: Mapping[Var, Term]) -> bool:
        """Whether what it would exchange is in order already."""
        if self.ordered is None:
            return False
        first, second = (str(found[variable]) for variable in self.ordered)
        return first <= second

    def kinds(self, binding: Binding) -> dict[Var, Kind]:
        """What values its variables can take."""
        kinds = equation_kinds(self.equation, binding)
        return kinds | {block: Kind(16, 16) for block in self.blocks}

    def symbols(self) -> set[str]:
        """The function symbols that occur in it, pairs not counted."""
        terms = [*subterms(self.equation.left), *subterms(self.equation.right)]
        return {term.name for term in terms if isinstance(term, App)} - {"pair"}

    def concerns(self, model: Model) -> bool:
        """Whether the model has all its symbols."""
        return self.symbols() <= {function.name for function in model.functions}


def _f(name: str, *args: Term) -> App:
    return App(name, args)


_a, _b, _c, _k, _iv = Var("a"), Var("b"), Var("c"), Var("k"), Var("iv")
_zero_iv, _zero = _f("zero_iv"), _f("zero")


def _same(left: Term, right: Term) -> Equation:
    return Equation(left, right, "octets")


_PERMUTATION = (
    "A block cipher is a permutation: everything decrypts, and what it decrypts to encrypts to it "
    "again. In the theory decrypting what was never encrypted gives nothing."
)
_ONE_BLOCK = "One block of CBC with IV 0 is ECB: the two modes give no separation of keys or uses."
_RUNS_ON = (
    "A ciphertext of CBC can be cut between two blocks, and run on from its last one: in the "
    "theory it is whole or nothing."
)

IDENTIFICATIONS: tuple[Identification, ...] = (
    Identification(
        "concatenation-has-no-brackets",
        _same(pair(pair(_a, _b), _c), pair(_a, _b, _c)),
        "A tuple is a concatenation: where two neighbours are of variable size, nothing in the "
        "octets says where one ends.",
    ),
    Identification(
        "decrypts-anything-cbc",
        _same(_f("cbc", _k, _iv, _f("cbc_inv", _k, _iv, _c)), _c),
        _PERMUTATION,
    ),
    Identification(
        "decrypts-anything-ecb", _same(_f("ecb", _k, _f("ecb_inv", _k, _c)), _c), _PERMUTATION
    ),
    Identification(
        "decrypts-anything-aes", _same(_f("aes", _k, _f("aes_inv", _k, _c)), _c), _PERMUTATION
    ),
    Identification(
        "one-block-of-cbc-is-ecb",
        _same(_f("cbc", _k, _zero_iv, _b), _f("ecb", _k, _b)),
        _ONE_BLOCK,
        (_b,),
    ),
    Identification(
        "one-block-of-cbc-inv-is-ecb-inv",
        _same(_f("cbc_inv", _k, _zero_iv, _b), _f("ecb_inv", _k, _b)),
        _ONE_BLOCK,
        (_b,),
    ),
    Identification(
        "iv-and-first-block-exchange",
        _same(_f("cbc", _k, _iv, _b), _f("cbc", _k, _b, _iv)),
        "CBC encrypts IV XOR first block: whoever sets the IV sets the text, and for one block the "
        "two can change places. Client-IV and Server-IV are under no HMAC.",
        (_b,),
        (_iv, _b),
    ),
    Identification(
        "cbc-runs-on",
        _same(
            _f("cbc", _k, _iv, pair(_a, _b)),
            pair(
                _f("cbc", _k, _iv, _a), _f("cbc", _k, _f("last_block", _f("cbc", _k, _iv, _a)), _b)
            ),
        ),
        _RUNS_ON,
    ),
    Identification(
        "cbc-inv-runs-on",
        _same(
            _f("cbc_inv", _k, _iv, pair(_a, _b)),
            pair(_f("cbc_inv", _k, _iv, _a), _f("cbc_inv", _k, _f("last_block", _a), _b)),
        ),
        _RUNS_ON,
    ),
    Identification(
        "last-block-of-a-tuple",
        _same(_f("last_block", pair(_a, _b)), _f("last_block", _b)),
        "The last block of a concatenation is that of its last part.",
    ),
    Identification(
        "last-block-of-one",
        _same(_f("last_block", _b), _b),
        "A ciphertext of one block, such as that of Start-Time, is its own last block.",
        (_b,),
    ),
    Identification(
        "zero-iv-is-zero",
        _same(_zero_iv, _zero),
        "The IV of the Token and the zero of XOR are the same 16 octets.",
    ),
)


# --------------------------------------------------------------------------------- normal forms


def normal(term: Term, equations: Iterable[Equation] = ()) -> Term:
    """The normal form of a ground term: equal for terms that the theory takes for equal.

    Equations are used from left to right; XOR and exponents have rules of their own.
    """
    rules = [e for e in equations if e.origin not in _NORMALIZED]

    def change(item: Term) -> Term:
        if not isinstance(item, App):
            return item
        if item.name == "xor":
            return _sum_of(item)
        if item.name in ("exp", "mult", "inv"):
            return _powers(item)
        for rule in rules:
            found = match(rule.left, item)
            if found is not None:
                return normal(substitute(rule.right, found), rules)
        return item

    return rebuild(term, change)


def _leaves(name: str, term: Term) -> Iterator[Term]:
    if isinstance(term, App) and term.name == name:
        for argument in term.args:
            yield from _leaves(name, argument)
    else:
        yield term


def _joined(name: str, leaves: list[Term]) -> Term:
    leaves = sorted(leaves, key=str)
    term = leaves[0]
    for leaf in leaves[1:]:
        term = App(name, (term, leaf))
    return term


def _sum_of(term: Term) -> Term:
    counts = Counter(leaf for leaf in _leaves("xor", term) if leaf != _zero)
    odd = [leaf for leaf, count in counts.items() if count % 2]
    return _joined("xor", odd) if odd else _zero


def _powers(term: App) -> Term:
    one = App("one")
    if term.name == "inv":
        [inner] = term.args
        if isinstance(inner, App) and inner.name == "inv":
            return inner.args[0]
        if isinstance(inner, App) and inner.name == "mult":
            return _powers(App("mult", tuple(normal(App("inv", (leaf,))) for leaf in inner.args)))
        return one if inner == one else term
    if term.name == "mult":
        counts: Counter[Term] = Counter()
        for leaf in _leaves("mult", term):
            if isinstance(leaf, App) and leaf.name == "inv":
                counts[leaf.args[0]] -= 1
            elif leaf != one:
                counts[leaf] += 1
        leaves = [
            leaf if n > 0 else App("inv", (leaf,))
            for leaf, n in counts.items()
            for _ in range(abs(n))
        ]
        return _joined("mult", leaves) if leaves else one
    base, exponent = term.args
    if isinstance(base, App) and base.name == "exp":
        return _powers(App("exp", (base.args[0], _powers(App("mult", (base.args[1], exponent))))))
    if exponent == one or base == App("DH_neutral"):
        return base
    return term


# --------------------------------------------------------------------------------------- apart


@dataclass(frozen=True)
class Sample:
    """What became of a sample of terms.

    Attributes:
        terms: how many, all apart in the theory.
        explained: how often two of them were equal octets because of which identification.
        problems: pairs that are equal octets for no known reason.
    """

    terms: int
    explained: Mapping[str, int]
    problems: tuple[Problem, ...]


_EXPENSIVE = {"exp", "mult", "inv", "sign", "pk"}
_LEFT_OUT = {"one", "DH_neutral", "true", "verify"}


def apart(model: Model, source: Drbg, binding: Binding | None = None, size: int = 400) -> Sample:
    """Make terms of the model's symbols over a few names, and look for equal octets.

    Terms grow from names of every type that the symbols take, two of each, by applying symbols to
    terms of fitting size, and by pairing.
    """
    binding = binding or Binding()
    identifications = [item for item in IDENTIFICATIONS if item.concerns(model)]
    values, first = _names(model, source, binding)
    evaluate = Evaluator(values, binding)
    theory = [e for e in model.equations if e.origin not in _NORMALIZED]
    pool = _Pool()
    for term in first:
        pool.add(normal(term, theory), evaluate(term))
    functions = [f.name for f in model.functions if f.name in binding.symbols]
    cheap = [name for name in functions if name not in _LEFT_OUT | _EXPENSIVE]
    costly = [name for name in functions if name in _EXPENSIVE]
    for number in range(size):
        step = source.at(f"term {number}")
        names = costly if costly and number % 16 == 0 else [*cheap, "pair"]
        made = _grow(_pick(names, step, "symbol"), pool, step, binding)
        octets = _value(evaluate, made) if made is not None else None
        if made is not None and octets is not None and len(octets) <= 1024:
            pool.add(normal(made, theory), octets)
    return _compare(pool.octets, evaluate, theory, identifications)


def _value(evaluate: Evaluator, term: Term) -> bytes | None:
    try:
        return evaluate(term)
    except EvaluationError:  # decrypting garbage with an authenticated cipher, and the like
        return None


def _names(model: Model, source: Drbg, binding: Binding) -> tuple[dict[Term, bytes], list[Term]]:
    kinds: dict[str, Type] = {}
    used = [binding.symbols[f.name] for f in model.functions if f.name in binding.symbols]
    for symbol in used:
        for kind in symbol.arguments:
            kinds[kind.name] = kind
    kinds |= {kind.name: kind for kind in (bind.T2, bind.SID, bind.CHALLENGE)}
    values: dict[Term, bytes] = {}
    for name, kind in kinds.items():
        for number in (1, 2):
            term = Const(f"{name} {number}", is_fresh=True)
            size = Kind(kind.size, kind.multiple, kind)
            attempts = (size.sample(source.at(f"{term} {n}")) for n in range(100))
            values[term] = next(octets for octets in attempts if octets not in values.values())
    constants = {
        item.name
        for rule in model.rules
        for fact in rule.facts()
        for term in fact.args
        for item in subterms(term)
        if isinstance(item, Const) and item.name in CONSTANTS
    }
    nullary = [App(f.name) for f in model.functions if f.arity == 0 and f.name not in _LEFT_OUT]
    return values, [*values, *map(Const, sorted(constants)), *nullary]


def _pick(items: list[str], source: Drbg, label: str) -> str:
    return items[source.uint(label, 4) % len(items)]


class _Pool:
    """Terms in normal form with their octets, found again by the types they fit."""

    def __init__(self) -> None:
        self.octets: dict[Term, bytes] = {}
        self._by_size: dict[int, list[Term]] = defaultdict(list)

    def add(self, term: Term, octets: bytes) -> None:
        if term not in self.octets and octets:
            self.octets[term] = octets
            self._by_size[len(octets)].append(term)

    def fitting(self, kind: Type) -> list[Term]:
        if kind.sample is not None:  # not every string of the size will do
            named = (term for term in self.octets if isinstance(term, Const))
            return [term for term in named if term.name.startswith(kind.name)]
        if kind.size is not None:
            return self._by_size[kind.size]
        sizes = [size for size in self._by_size if size % kind.multiple == 0]
        return [term for size in sizes for term in self._by_size[size]]


def _grow(name: str, pool: _Pool, source: Drbg, binding: Binding) -> Term | None:
    wanted = (bind.ANY, bind.ANY) if name == "pair" else binding.symbols[name].arguments
    chosen: list[Term] = []
    for number, kind in enumerate(wanted):
        fitting = pool.fitting(kind)
        if not fitting:
            return None
        chosen.append(fitting[source.uint(f"argument {number}", 4) % len(fitting)])
    return App(name, tuple(chosen))


def _compare(
    known: Mapping[Term, bytes],
    evaluate: Evaluator,
    theory: list[Equation],
    identifications: list[Identification],
) -> Sample:
    by_octets: dict[bytes, list[Term]] = defaultdict(list)
    for term, octets in known.items():
        by_octets[octets].append(term)
    explained: Counter[str] = Counter()
    problems = []
    for same in by_octets.values():
        first, *rest = same
        for other in rest:
            reasons: Counter[str] = Counter()
            forms = [
                _octet_normal(t, evaluate, theory, identifications, reasons) for t in (first, other)
            ]
            if forms[0] != forms[1]:
                text = f"{first} and {other} are apart in the theory, but are the same octets"
                problems.append(Problem(None, text))
            explained.update(reasons)
    return Sample(len(known), dict(explained), tuple(problems))


def _octet_normal(
    term: Term,
    evaluate: Evaluator,
    theory: list[Equation],
    identifications: list[Identification],
    reasons: Counter[str],
) -> Term:
    """The normal form under the theory and the identifications; counts those that were used."""
    kinds = {item.id: item.kinds(evaluate.binding) for item in identifications}

    def change(item: Term) -> Term:
        for identification in identifications:
            found = match(identification.equation.left, item)
            if found is None or identification.in_order(found):
                continue
            if all(
                kind.fits(evaluate(found[name])) for name, kind in kinds[identification.id].items()
            ):
                reasons[identification.id] += 1
                return once(substitute(identification.equation.right, found))
        return item

    def once(item: Term) -> Term:
        return normal(rebuild(normal(item, theory), change), theory)

    previous = None
    while term != previous:
        previous, term = term, once(_flat(term))
    return term


def _flat(term: Term) -> Term:
    def change(item: Term) -> Term:
        if isinstance(item, App) and item.name == "pair":
            flat = [leaf for part in components(item) for leaf in components(part)]
            return pair(*flat)
        return item

    previous = None
    while term != previous:
        previous, term = term, rebuild(term, change)
    return term
