"""Terms are evaluated by the rows of their theory."""

from __future__ import annotations

import pytest
from owamp_reference import ikev2, keys, messages, primitives
from owamp_vectors.theory import standins
from owamp_vectors.theory.evaluate import EvaluationError, Evaluator
from owamp_vectors.theory.located import Attribute, Bound, dotted, located
from owamp_vectors.theory.room import rooms
from owamp_vectors.theory.rows import Constant
from owamp_vectors.theory.table import table_of
from owamp_vectors.theory.terms import App, Const, Place, Term, Var, pair


@pytest.mark.parametrize("theory", ["", *rooms()])
def test_every_row_is_bound_to_code(theory: str) -> None:
    table = table_of(theory)
    rows = (*table.symbols.values(), *table.constants.values(), *table.macros)
    messages_of = [row for layer in table.layers for row in layer.messages]
    for row in (*rows, *table.shapes.values(), *messages_of):
        line = line_of(located(row.bound))
        assert row.reference.rpartition(".")[2] in line
        assert line_of(row.place).strip()


def line_of(place: Place) -> str:
    return place.path.read_text(encoding="utf-8").splitlines()[place.line - 1]


@pytest.mark.parametrize(
    ("bound", "name", "line"),
    [
        (keys.derive_t3, "owamp_reference.keys.derive_t3", "def derive_t3("),
        (messages.Accept, "owamp_reference.messages.Accept", "class Accept(IntEnum):"),
        (Attribute(messages.Accept, "OK"), "owamp_reference.messages.Accept.OK", "OK = 0"),
        (Attribute(ikev2.IkeSaKeys, "sk_d"), "owamp_reference.ikev2.IkeSaKeys.sk_d", "sk_d: bytes"),
        (
            Attribute(messages.ServerGreeting, "to_octets"),
            "owamp_reference.messages.ServerGreeting.to_octets",
            None,
        ),
        (Attribute(keys, "derive_t5"), "owamp_reference.keys.derive_t5", None),
    ],
)
def test_code_is_found_by_the_object(bound: Bound, name: str, line: str | None) -> None:
    assert dotted(bound) == name
    if line is None:
        with pytest.raises(LookupError, match=name):
            located(bound)
    else:
        assert line_of(located(bound)).strip().startswith(line)


def test_a_row_knows_where_it_is_written() -> None:
    row = Constant("ok", b"\0", Attribute(messages.Accept, "OK"))
    assert row.place.path.name == "test_table.py"
    assert 'Constant("ok"' in line_of(row.place)


def test_the_room_of_a_theory_comes_before_what_is_shared() -> None:
    shared, own = table_of(), table_of("ikev2_two_keys")
    assert shared.symbols["cbc"].bound is primitives.aes_cbc_encrypt
    assert own.symbols["cbc"].bound is standins.cbc_cut_key
    assert own.symbols["prf"].bound is shared.symbols["prf"].bound
    assert "modes" in [span.name for span in shared.shapes["Server-Greeting"].spans]
    bound = table_of("ikev2_binding").shapes["Server-Greeting"]
    assert "modes" not in [span.name for span in bound.spans]
    assert table_of("no theory").layers[1:] == shared.layers[1:]


def test_evaluation_takes_any_term_as_given() -> None:
    sk_d = App("sk_d", (Var("keys"), Var("text")))
    secret = App("prf", (sk_d, Const("IPPM")))
    for prf in ikev2.PRFS.values():
        evaluate = Evaluator({sk_d: b"k" * prf.output_size}, table_of("ikev2_binding", prf))
        assert evaluate(secret) == ikev2.prf(prf, b"k" * prf.output_size, b"IPPM")


def test_a_side_of_diff_is_chosen() -> None:
    term = App("diff", (Const("ok"), App("zero")))
    assert [Evaluator({}, table_of(), side)(term) for side in (0, 1)] == [b"\0", bytes(16)]


@pytest.mark.parametrize(
    ("term", "reason"),
    [
        (Var("x"), "a variable without octets"),
        (Const("x", is_fresh=True), "a name without octets"),
        (App("f", (Const("ok"),)), "f/1 is not bound"),
        (App("ecb", (Const("ok"), App("zero"))), "AES key: expected 16 octets, found 1 octets"),
        (App("xor", (Const("ok"), App("zero"))), "XOR: expected 1 octets, found 16 octets"),
        (App("last_block", (Const("ok"),)), "ciphertext: expected at least 16 octets"),
        (App("sdec", (App("zero"), Const("ok"))), "ciphertext: expected one that was made"),
        (pair(Const("Accept-Session"), Const("ok"), App("zero")), "port of Accept-Session has 2"),
        (pair(Const("Accept-Session"), Const("ok")), "is followed by port, sid"),
    ],
)
def test_a_term_without_octets_says_why(term: Term, reason: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        Evaluator({}, table_of())(term)
    assert reason in str(caught.value)
