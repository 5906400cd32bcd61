"""From a value of a vector back to the term of a model, by way of the line that computes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from owamp_reference.ikev2 import PRFS

from ..catalogue import read_file
from ..disk import FileError
from ..theory import bind
from ..theory.bind import CONSTANTS, Binding, located
from ..theory.evaluate import EvaluationError, Evaluator
from ..theory.parse import read_model
from ..theory.terms import App, Const, Model, Place, Term, Var, match, subterms
from ..vectors.declaration import Json
from ..vectors.stored import stored_cases


@dataclass(frozen=True)
class Link:
    """A value that is followed from the vectors to a model.

    Attributes:
        id: its name on the command line.
        formula: what it is, in the RFC's terms.
        source: the section.
        model, flags: where its term is.
        term: a macro's name, or a pattern that a term of a rule matches.
        file, groups: the vector file, and the types of group whose cases have the value.
        inputs: the fields of a case that give the macro's parameters, or the pattern's variables,
            in order.
        output: the field that has the value.
        reference: the dotted name of the function.
    """

    id: str
    formula: str
    source: str
    model: str
    flags: tuple[str, ...]
    term: str | App
    file: str
    groups: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str
    reference: str


_K, _SEED, _SID = Var("k"), Var("seed"), Var("sid")
_KEYS, _TEXT = Var("keys"), Var("text")

LINKS: tuple[Link, ...] = (
    Link(
        "token",
        "Token = AES-128-CBC(PBKDF2(shared secret, Salt, Count), IV 0, Challenge | T1 | T2)",
        "RFC 4656 §3.1",
        "rfc4656",
        (),
        "token",
        "token",
        ("TokenFromPassphrase", "TokenFromSharedSecret"),
        ("sharedSecret", "challenge", "salt", "count", "t1", "t2"),
        "token",
        "owamp_reference.token.seal_token",
    ),
    Link(
        "t3",
        "T3 = AES-128-ECB(key SID, T1)",
        "RFC 4656 §4.1.2",
        "rfc4656",
        (),
        "t3",
        "test-session-keys",
        ("TestSessionKeys",),
        ("t1", "sid"),
        "t3",
        "owamp_reference.keys.derive_t3",
    ),
    Link(
        "t4",
        "T4 = AES-128-CBC(key SID, IV 0, T2)",
        "RFC 4656 §4.1.2",
        "rfc4656",
        (),
        "t4",
        "test-session-keys",
        ("TestSessionKeys",),
        ("t2", "sid"),
        "t4",
        "owamp_reference.keys.derive_t4",
    ),
    Link(
        "prf-keymat-sid",
        "shared secret key = PRF{ KEYMAT, Session ID }",
        "the proposal",
        "ikev2_binding",
        ("KEYMAT_SID",),
        App("prf", (App("prf_plus", (_K, _SEED)), _SID)),
        "binding",
        ("SharedSecretFromKeymat",),
        ("keymat", "sid"),
        "sharedSecretKey",
        "owamp_reference.binding.shared_secret_from_keymat",
    ),
    Link(
        "prf-sk-d-ippm",
        'shared secret key = prf(SK_d, "IPPM")',
        "RFC 7717 §5.1",
        "ikev2_binding",
        (),
        App("prf", (App("sk_d", (_KEYS, _TEXT)), Const("IPPM"))),
        "binding",
        ("SharedSecretFromSkD",),
        ("skD",),
        "sharedSecretKey",
        "owamp_reference.binding.shared_secret_from_sk_d",
    ),
)


@dataclass(frozen=True)
class Vector:
    """A case of a vector file that has the value."""

    file: str
    number: int
    group: str
    octets: bytes


@dataclass(frozen=True)
class Chain:
    """A link followed to its end.

    Attributes:
        text: the model's term, a macro with its body.
        place: where it stands.
        row: the row of the table that binds it.
        function: the line of the reference.
        symbols: each symbol and name of the term, its function, and where that is.
        vectors: the cases whose value was compared.
        differing: those whose value is not that of the term, and why.
    """

    link: Link
    text: str
    place: Place | None
    row: Place
    function: Place
    symbols: tuple[tuple[str, str, Place], ...]
    vectors: tuple[Vector, ...]
    differing: tuple[tuple[Vector, str], ...]


def follow(link: Link, models: Path, vectors: Path) -> Chain:
    """Follow a link: find the term, evaluate it with each vector's inputs, compare.

    Raises:
        FileError: a file cannot be read, or the model has no such term, or the file no such case.
        NoGrammarError: the extra ``models`` is not installed.
    """
    path = models / f"{link.model}.spthy"
    model = read_model(path, link.flags)
    term, inputs, text = _find(link, model)
    found, differing = [], []
    for vector, environment, binding in _cases(link, inputs, vectors):
        found.append(vector)
        try:
            octets = Evaluator(environment, binding)(term)
        except EvaluationError as error:
            differing.append((vector, str(error)))
            continue
        if octets != vector.octets:
            differing.append((vector, f"the term is {octets.hex()}"))
    if not found:
        raise FileError(f"{vectors / link.file}.json: no case of {' or '.join(link.groups)}")
    return Chain(
        link,
        text,
        term.place,
        _row(link.reference),
        located(link.reference),
        tuple(_symbols(term, set(inputs))),
        tuple(found),
        tuple(differing),
    )


def _find(link: Link, model: Model) -> tuple[Term, tuple[Term, ...], str]:
    """The term, those of its terms that vectors give, and the term in words."""
    if isinstance(link.term, str):
        macro = model.macro(link.term)
        if macro is None or len(macro.parameters) != len(link.inputs):
            wanted = f"{link.term} with {len(link.inputs)} parameters"
            raise FileError(f"{model.path}: expected a macro {wanted}, found none")
        term = macro.body
        if isinstance(term, App):
            term = App(term.name, term.args, macro.place)
        return term, macro.parameters, str(macro)
    for rule in model.rules:
        for fact in rule.facts():
            for argument in fact.args:
                for item in subterms(argument):
                    if isinstance(item, App) and match(link.term, item) is not None:
                        given = tuple(a for a in item.args if not isinstance(a, Const))
                        return item, given, str(item)
    flags = f" with {' '.join(link.flags)}" if link.flags else ""
    raise FileError(f"{model.path}{flags}: expected a term {link.term}, found none")


def _cases(
    link: Link, inputs: tuple[Term, ...], vectors: Path
) -> Iterator[tuple[Vector, dict[Term, bytes], Binding]]:
    path = vectors / f"{link.file}.json"
    for case in stored_cases(*read_file(path)):
        if case.type.name in link.groups and link.output in case.test:
            binding = Binding(prf=PRFS[case.group["prf"]]) if "prf" in case.group else Binding()
            values = (_octets(case.test, name) for name in link.inputs)
            environment = dict(zip(inputs, values, strict=True))
            octets = _octets(case.test, link.output)
            yield Vector(path.name, case.tc_id, case.type.name, octets), environment, binding


def _octets(test: Json, name: str) -> bytes:
    value = test[name]
    return value.to_bytes(4, "big") if isinstance(value, int) else bytes.fromhex(value)


def _symbols(term: Term, given: set[Term]) -> Iterator[tuple[str, str, Place]]:
    """The symbols of a term, outermost first, not looking into what vectors give."""
    seen = set()
    waiting = [term]
    while waiting:
        item = waiting.pop(0)
        if item in given or isinstance(item, Var):
            continue
        if isinstance(item, App):
            waiting += item.args
            symbol = Binding().symbols.get(item.name)
            reference = symbol.reference if symbol else ""
        else:
            reference = CONSTANTS[item.name].reference
        name = item.name if isinstance(item, App) else str(item)
        if reference and name not in seen:
            seen.add(name)
            yield name, reference, located(reference)


def _row(reference: str) -> Place:
    """The line of the table where a function is bound."""
    path = Path(bind.__file__)
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next(n for n, text in enumerate(lines, 1) if text.strip() == f'"{reference}",')
    return Place(path, line)
