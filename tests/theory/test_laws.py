"""Equations hold for octets; and theories keep apart what octets identify."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_vectors.theory.apart import apart
from owamp_vectors.theory.builtin import BUILTIN_EQUATIONS
from owamp_vectors.theory.findings import identifications
from owamp_vectors.theory.infer import Kind, equation_kinds
from owamp_vectors.theory.laws import difference
from owamp_vectors.theory.normal import normal_form
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.remarks import Identification
from owamp_vectors.theory.room import rooms
from owamp_vectors.theory.shared import SHARED
from owamp_vectors.theory.table import table_of
from owamp_vectors.theory.terms import App, Const, Equation, Term, Var
from owamp_vectors.vectors.drbg import Drbg

from ..support import model_flags


def values_of(kinds: dict[Var, Kind]) -> st.SearchStrategy[dict[Term, bytes]]:
    """Values of the kinds: any octets of a fitting size, or the type's own samples."""

    def one(kind: Kind) -> st.SearchStrategy[bytes]:
        if kind.type is not None and kind.type.sample is not None:
            return st.integers(0, 2**32).map(lambda n: kind.draw(Drbg(str(n))))
        if kind.size is not None:
            return st.binary(min_size=kind.size, max_size=kind.size)
        step = kind.multiple
        return st.integers(1, 5 if step > 1 else 40).flatmap(
            lambda n: st.binary(min_size=n * step, max_size=n * step)
        )

    return st.fixed_dictionaries({variable: one(kind) for variable, kind in kinds.items()})


def equations() -> list[tuple[str, Equation]]:
    """Each theory's own equations with its name, and those of the builtins that are bound."""
    found = [("", e) for group in BUILTIN_EQUATIONS.values() for e in group]
    for path, flags in model_flags():
        model = read_model(path, flags)
        found += [(model.name, e) for e in model.equations if not e.origin]
    bound = set(table_of().symbols)
    return [
        (theory, e)
        for theory, e in dict.fromkeys(found)
        if theory or {t.name for t in (e.left, e.right) if isinstance(t, App)} <= bound
    ]


@pytest.mark.parametrize(("theory", "equation"), equations(), ids=str)
@given(data=st.data())
def test_equations_hold_for_octets(theory: str, equation: Equation, data: st.DataObject) -> None:
    table = table_of(theory)
    values = data.draw(values_of(equation_kinds(equation, table)))
    assert difference(equation, values, table) is None


KNOWN = [
    (name, item) for name, room in (("", SHARED), *rooms().items()) for item in room.identifications
]


@pytest.mark.parametrize(("theory", "item"), KNOWN, ids=str)
@given(data=st.data())
def test_identifications_hold_for_octets(
    theory: str, item: Identification, data: st.DataObject
) -> None:
    table = table_of(theory)
    values = data.draw(values_of(equation_kinds(item.equation, table, item.blocks)))
    assert difference(item.equation, values, table) is None


@pytest.mark.parametrize(("path", "flags"), model_flags())
def test_theories_keep_apart_what_octets_identify(path: Path, flags: tuple[str, ...]) -> None:
    model = read_model(path, flags)
    for item in identifications(model):
        left, right = item.equation.left, item.equation.right
        assert normal_form(left, model.equations) != normal_form(right, model.equations)


def test_an_unknown_coincidence_is_found(tmp_path: Path) -> None:
    path = tmp_path / "small.spthy"
    path.write_text(
        "theory small\nbegin\nfunctions: ecb/2, ecb_inv/2\nequations: ecb_inv(k, ecb(k, m)) = m\n"
        "end\n",
        encoding="utf-8",
    )
    model = read_model(path)
    known = apart(model, Drbg("sample"), identifications(model), size=1000)
    assert not known.problems
    assert set(known.explained) == {"decrypts-anything-ecb"}
    problems = apart(model, Drbg("sample"), [], size=1000).problems
    assert problems
    assert "are apart in the theory, but are the same octets" in str(problems[0])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("xor(a, xor(b, a))", "b"),
        ("xor(a, a)", "zero"),
        ("exp(exp(a, b), c)", "exp(exp(a, c), b)"),
        ("exp(a, mult(b, inv(b)))", "a"),
        ("inv(inv(a))", "a"),
        ("inv(mult(a, b))", "mult(inv(b), inv(a))"),
        ("inv(one)", "one"),
        ("exp(DH_neutral, a)", "DH_neutral"),
    ],
)
def test_normal_forms_know_the_builtins(left: str, right: str) -> None:
    def read(text: str) -> Term:
        name, _, rest = text.partition("(")
        if not rest:
            return App(name) if name in ("zero", "one", "DH_neutral") else Const(name)
        arguments, depth, start = [], 0, 0
        for index, sign in enumerate(inner := rest[:-1]):
            depth += (sign == "(") - (sign == ")")
            if sign == "," and not depth:
                arguments.append(read(inner[start:index].strip()))
                start = index + 1
        return App(name, (*arguments, read(inner[start:].strip())))

    assert normal_form(read(left)) == normal_form(read(right))
