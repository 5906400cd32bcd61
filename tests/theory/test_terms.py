"""Theories as terms: what is read is what is written, and what is written is read again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owamp_vectors.claims.theory_text import TheoryError
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.terms import (
    App,
    Const,
    Model,
    Term,
    Var,
    components,
    match,
    pair,
    substitute,
    variables,
)

from ..support import MODELS, TAMARIN, model_flags, needs_tamarin

HEAD = "theory t\nbegin\nbuiltins: xor, diffie-hellman, multiset\nfunctions: f/1, g/2, c/0\n"


def read(tmp_path: Path, text: str, *flags: str) -> Model:
    path = tmp_path / "t.spthy"
    path.write_text(text, encoding="utf-8")
    return read_model(path, flags)


def rule_with(term: str) -> str:
    return f"{HEAD}rule R: [ In({term}) ] --> [ ]\nend\n"


def only_term(model: Model) -> Term:
    [rule] = model.rules
    return rule.premises[0].args[0]


x, y, z = Var("x"), Var("y"), Var("z")


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("<x, y, z>", App("pair", (x, App("pair", (y, z))))),
        ("<x, <y, z>>", App("pair", (x, App("pair", (y, z))))),
        ("<<x, y>, z>", App("pair", (App("pair", (x, y)), z))),
        ("x^y^z", App("exp", (App("exp", (x, y)), z))),
        ("x^(y*z)", App("exp", (x, App("mult", (y, z))))),
        ("x XOR y ⊕ z", App("xor", (App("xor", (x, y)), z))),
        ("x XOR (y XOR z)", App("xor", (x, App("xor", (y, z))))),
        ("x ++ f(y)", App("union", (x, App("f", (y,))))),
        ("g{x}y", App("g", (x, y))),
        ("f(x, y)", App("f", (pair(x, Var("y")),))),
        ("g(c, zero)", App("g", (App("c"), App("zero")))),
        ("g(1, inv(x))", App("g", (App("one"), App("inv", (x,))))),
        ("<~x, $x, x, 'x', ~'x', %x>", pair(
            Var("x", "fresh"), Var("x", "pub"), x, Const("x"), Const("x", is_fresh=True),
            Var("x", "nat"),
        )),
        ("<x:fresh, x:pub, x.1, x:msg>", pair(
            Var("x", "fresh"), Var("x", "pub"), Var("x.1"), x
        )),
        ("diff(x, y)", App("diff", (x, y))),
    ],
)  # fmt: skip
def test_terms_are_read(tmp_path: Path, text: str, term: Term) -> None:
    assert only_term(read(tmp_path, rule_with(text))) == term


def terms() -> st.SearchStrategy[Term]:
    names = st.sampled_from(["x", "y", "key_id", "n.1"])
    variable = st.builds(Var, names, st.sampled_from(["msg", "fresh", "pub"]))
    constant = st.builds(Const, st.sampled_from(["a", "Server-Greeting", "Key Pad for IKEv2"]))
    nullary = st.sampled_from([App("c"), App("zero"), App("one"), App("DH_neutral")])

    def grow(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
        two = st.tuples(inner, inner)
        names = st.sampled_from(["g", "pair", "xor", "exp", "mult", "union"])
        return st.builds(App, names, two) | st.builds(
            App, st.sampled_from(["f", "inv"]), st.tuples(inner)
        )

    return st.recursive(variable | constant | nullary, grow, max_leaves=12)


@given(terms())
def test_what_is_printed_is_read_again(term: Term) -> None:
    path = Path(__file__).with_name("never_written.spthy")
    text = rule_with(str(term))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("owamp_vectors.claims.theory_text.read_text", lambda _: text)
        patch.setattr("owamp_vectors.theory.parse.read_text", lambda _: text)
        assert only_term(read_model(path)) == term


@pytest.mark.parametrize(("path", "flags"), model_flags())
def test_models_are_printed_as_they_are_read(
    tmp_path: Path, path: Path, flags: tuple[str, ...]
) -> None:
    model = read_model(path, flags)
    again = read(tmp_path, str(model))
    assert again.rules == model.rules
    assert again.equations == model.equations
    assert again.macros == model.macros
    assert again.restrictions == model.restrictions
    assert [lemma.name for lemma in again.lemmas] == [lemma.name for lemma in model.lemmas]


@needs_tamarin
@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.glob("*.spthy")))
def test_tamarin_reads_what_is_printed(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.spthy"
    text = str(read_model(MODELS / name))
    path.write_text(text, encoding="utf-8")
    diff = ["--diff"] if "diff(" in text else []
    command = [str(TAMARIN), "--parse-only", *diff, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_let_and_macros_are_expanded(tmp_path: Path) -> None:
    text = HEAD + (
        "macros: twice(x) = <x, x>, key(k, n) = g(k, twice(n))\n"
        "rule R:\n  let a = f(~n)\n      b = <a, $m>\n  in\n"
        "  [ Fr(~n), !P(b)[+] ]\n --[ A(key(a, ~n)), _restrict( ~n = $m ) ]->\n [ Out(b) ]\nend\n"
    )
    [rule] = read(tmp_path, text).rules
    assert str(rule) == (
        "rule R:\n    [ Fr(~n), !P(<f(~n), $m>)[+] ]\n"
        "  --[ A(g(f(~n), <~n, ~n>)), _restrict(~n = $m) ]->\n    [ Out(<f(~n), $m>) ]"
    )
    assert [(call.name, list(map(str, call.args))) for call in rule.calls] == [
        ("key", ["f(~n)", "~n"]),
        ("twice", ["~n"]),
    ]
    assert rule.place is not None
    assert rule.place.line == 6


def test_places_are_those_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "inner.splib").write_text("/* a\n comment */\nfunctions: h/1\n", encoding="utf-8")
    text = (
        'theory t\nbegin\n\n#include "inner.splib"\n'
        "#ifdef MORE\nfunctions: k/1\n#else\nfunctions: l/1\n#endif\n"
        "rule R:\n  [ In(x) ] --> [ Out(h(x)) ]\nend\n"
    )
    model = read(tmp_path, text)
    places = {function.name: function.place for function in model.functions}
    assert str(places["h"]) == f"{tmp_path / 'inner.splib'}:3"
    assert str(places["l"]) == f"{tmp_path / 't.spthy'}:8"
    [rule] = model.rules
    assert str(rule.conclusions[0].args[0].place) == f"{tmp_path / 't.spthy'}:11"
    assert [f.name for f in read(tmp_path, text, "MORE").functions] == ["h", "k"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (f"{HEAD}rule R:\n [ In(f(x) ] --> [ ]\nend\n", "t.spthy:"),
        (f"{HEAD}rule R:\n [ In(g(x)) ] --> [ ]\nend\n", "t.spthy:6: g takes 2 arguments"),
        (f"{HEAD}rule R:\n [ In(k(x)) ] --> [ ]\nend\n", "t.spthy:6: k is neither a function"),
        (f"{HEAD}macros: m(x, y) = x\nrule R: [ In(m(x)) ] --> [ ]\nend\n", "macro m takes 2"),
        (f"{HEAD}functions: f/2\nend\n", "t.spthy:5: f is declared twice"),
        (f"{HEAD}macros: f(x) = x\nend\n", "t.spthy:5: f is there twice"),
        (f"{HEAD}macros: m(c) = c\nend\n", "parameter c is a function symbol"),
        (f"{HEAD}rule R: let f(x) = y in [ ] --> [ ]\nend\n", "t.spthy:5"),
        (f"{HEAD}rule R: let a = x in [ ] --[ _restrict( a = y ) ]-> [ ]\nend\n", "let block"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named_with_its_place(
    tmp_path: Path, text: str, error: str
) -> None:
    with pytest.raises(TheoryError) as caught:
        read(tmp_path, text)
    assert error in str(caught.value)
    assert "\n" not in str(caught.value)


def test_matching_is_of_one_term_to_another() -> None:
    pattern = App("g", (x, App("f", (x,))))
    term = App("g", (App("c"), App("f", (App("c"),))))
    assert match(pattern, term) == {x: App("c")}
    assert match(pattern, App("g", (App("c"), App("f", (y,))))) is None
    assert match(Const("a"), Const("b")) is None
    assert match(Var("n", "fresh"), App("c")) is None
    assert substitute(pattern, {x: App("c")}) == term
    assert components(pair(x, y, z)) == [x, y, z]
    assert variables(pattern) == [x]


def test_without_the_extra_only_reading_models_fails() -> None:
    code = (
        "import sys; sys.modules['py_tree_sitter_spthy'] = None\n"
        "import owamp_vectors.commands.conform_model, owamp_vectors.theory.laws\n"
        "from pathlib import Path\n"
        "from owamp_vectors.theory.grammar import NoGrammarError\n"
        "from owamp_vectors.theory.parse import read_model\n"
        "try:\n    read_model(Path(sys.argv[1]))\n"
        "except NoGrammarError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(MODELS / "token_blocks.spthy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "pip install 'owamp-vectors[models]'" in done.stdout
