"""Steps of runs: rules get octets, read them from messages, and are taken or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from owamp_reference import messages, primitives, token
from owamp_reference.control import ProtectedSender, write_message
from owamp_reference.keys import ControlKeys
from owamp_vectors.groups.participants import TTL
from owamp_vectors.replay.recorded import term_of_json
from owamp_vectors.theory.infer import Inference, infer, samples
from owamp_vectors.theory.instances import Instance, OctetFact, RunState, StepError, instance
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.reading import MismatchError, Reading
from owamp_vectors.theory.table import table_of
from owamp_vectors.theory.terms import App, Const, Fact, Model, Rule, Term, Var, pair
from owamp_vectors.vectors.drbg import Drbg

from ..support import MODELS


def model_of(name: str) -> tuple[Model, Inference]:
    model = read_model(MODELS / f"{name}.spthy")
    return model, infer(model)


def rule_of(model: Model, name: str) -> Rule:
    rule = model.rule(name)
    assert rule is not None
    return rule


def by_name(rule: Rule, values: dict[str, bytes]) -> dict[Term, bytes]:
    return {variable: values[variable.name] for variable in rule.variables()}


HALVES = {"t1": bytes([1]) * 16, "t2a": bytes([2]) * 16, "t2b": bytes([3]) * 16}
GREETING = {"challenge": b"c" * 16, "salt": b"s" * 16, "count": (1024).to_bytes(4, "big")}
VALUES = {**HALVES, **GREETING, "C": b"client", "S": b"server", "psk": b"secret"}


def token_run() -> list[Instance]:
    """An honest run of the Token's model, the Token being the reference's."""
    model, inference = model_of("token_blocks")
    names = ("Provision_Secret", "Server_Greeting", "Client_Token")
    steps = [
        instance(rule_of(model, name), by_name(rule_of(model, name), VALUES), inference.table)
        for name in names
    ]
    key = token.derive_token_key(VALUES["psk"], VALUES["salt"], 1024)
    control_keys = ControlKeys(VALUES["t1"], VALUES["t2a"] + VALUES["t2b"])
    sealed = token.seal_token(key, VALUES["challenge"], control_keys)
    assert steps[-1].conclusions == (OctetFact("Out", (sealed,)),)
    rule = rule_of(model, "Server_Token")
    given = by_name(rule, VALUES | {f"b{n}": b"" for n in (2, 3, 4)})
    known = {term: value for term, value in given.items() if value}
    reading = Reading(rule.name, inference, known)
    reading.read(next(f.args[0] for f in rule.premises if f.name == "In"), sealed)
    steps.append(instance(rule, reading.values, inference.table))
    rule = rule_of(model, "Server_Keys")
    reading = Reading(rule.name, inference)
    for term, octets in zip(rule.premises[0].args, steps[-1].conclusions[0].args, strict=True):
        assert isinstance(octets, bytes)
        reading.read(term, octets)
    steps.append(instance(rule, reading.values, inference.table))
    return steps


def run(state: RunState, steps: list[Instance]) -> None:
    for step in steps:
        state.step(step)


def test_an_honest_run_is_one_of_the_theory() -> None:
    state = RunState()
    steps = token_run()
    run(state, steps)
    [accepted] = steps[-1].actions
    assert accepted == OctetFact("ServerAccepts", (b"client", b"server", *HALVES.values()))
    assert not +state.linear
    assert len(state.sent) == 2
    assert str(accepted).startswith("ServerAccepts(636c69656e74, ")


@pytest.mark.parametrize(
    ("left_out", "rule", "reason"),
    [
        (0, "Client_Token", "!Secret(636c69656e74, 736572766572, 736563726574): is not there"),
        (1, "Client_Token", "was not sent, nor can the adversary make it"),
        (2, "Server_Token", "was not sent, nor can the adversary make it"),
        (3, "Server_Keys", "is not there"),
    ],
)
def test_a_step_that_is_not_allowed_is_named(left_out: int, rule: str, reason: str) -> None:
    state = RunState()
    steps = [step for number, step in enumerate(token_run()) if number != left_out]
    with pytest.raises(StepError) as caught:
        run(state, steps)
    assert f"rule {rule}: " in str(caught.value)
    assert reason in str(caught.value)
    assert "token_blocks.spthy:" in str(caught.value)


def test_what_the_adversary_makes_is_received() -> None:
    state = RunState(can_make=lambda octets: len(octets) == 36)
    provisioned, _, sealed, *_ = token_run()
    state.step(provisioned)
    state.step(sealed)
    with pytest.raises(StepError, match="is not fresh"):
        state.step(sealed)


def test_octets_that_are_not_the_terms_are_named() -> None:
    model, inference = model_of("token_blocks")
    rule = rule_of(model, "Server_Token")
    [received] = [fact.args[0] for fact in rule.premises if fact.name == "In"]
    names = [variable for variable in rule.variables() if variable.name in VALUES]
    reading = Reading(rule.name, inference, {v: VALUES[v.name] for v in names})
    with pytest.raises(MismatchError, match=r"aes\(.*\): expected [0-9a-f]{32}, found 00"):
        reading.read(received, bytes(64))
    with pytest.raises(MismatchError, match="cannot be cut out of 63 octets"):
        Reading(rule.name, inference, {}).read(received, bytes(63))
    with pytest.raises(MismatchError, match="expected 16 octets, found 3"):
        Reading(rule.name, inference).read(Var("b2"), b"abc")
    with pytest.raises(MismatchError, match="cannot be undone"):
        reading.read(App("pbkdf2", (Var("p"), Var("q"), Var("r"))), bytes(16))
    with pytest.raises(MismatchError, match="a name without octets"):
        reading.read(Const("nothing"), bytes(16))


def test_what_is_encrypted_is_read_where_the_key_is_known() -> None:
    _, inference = model_of("token_blocks")
    x, key, block = Var("x"), Var("key"), bytes(range(16))
    for term, octets in (
        (App("aes", (key, x)), primitives.aes_ecb_encrypt(b"k" * 16, block)),
        (App("ecb_inv", (key, x)), primitives.aes_ecb_decrypt(b"k" * 16, block)),
        (App("xor", (x, key)), bytes(a ^ b for a, b in zip(block, b"k" * 16, strict=True))),
        (App("xor", (key, x)), bytes(a ^ b for a, b in zip(block, b"k" * 16, strict=True))),
    ):
        reading = Reading("none", inference, {key: b"k" * 16})
        reading.read(term, octets)
        assert reading.values[x] == block
    reading = Reading("none", inference, {key: b"k" * 16})
    with pytest.raises(MismatchError, match="ciphertext"):
        reading.read(App("senc", (x, key)), bytes(40))


def test_messages_of_the_reference_are_read_by_the_rules() -> None:
    model, inference = model_of("rfc4656")
    source = Drbg("test of instances")
    rule = rule_of(model, "Server_Accept_Session")
    kinds = inference.kinds(rule.name, rule.variables())
    values = samples(kinds, source)
    named = {str(term): octets for term, octets in values.items()}
    request = messages.RequestTWSession.parse(b"\x05" + named["$parameters"] + bytes(16))
    sender = ProtectedSender(ControlKeys(named["t1"], named["t2"]), named["client_iv"])
    received = write_message(sender, request.segments())
    asked = values.pop(Var("parameters", "pub"))
    reading = Reading(rule.name, inference, values)
    [term] = [fact.args[0] for fact in rule.premises if fact.name == "In"]
    reading.read(term, received)
    assert reading.values[Var("parameters", "pub")] == asked
    wrong = received[:-1] + bytes([received[-1] ^ 1])
    with pytest.raises(MismatchError, match=r"hmac\("):
        Reading(rule.name, inference, dict(values)).read(term, wrong)


def test_layouts_are_read_by_their_fields() -> None:
    _, inference = model_of("token_blocks")
    port, sid = Var("port"), Var("sid")
    term = pair(Const("Accept-Session"), port, sid)
    octets = messages.AcceptSession(0, 862, b"s" * 16).segments()[0]
    reading = Reading("none", inference)
    reading.read(term, octets)
    assert (reading.values[port], reading.values[sid]) == ((862).to_bytes(2, "big"), b"s" * 16)
    with pytest.raises(MismatchError, match="fields that the model leaves out"):
        Reading("none", inference).read(term, b"\1" + octets[1:])
    with pytest.raises(MismatchError, match="expected its layout, found 31 octets"):
        Reading("none", inference).read(term, octets[1:])
    packet = pair(
        App("ecb", (Var("t3"), Var("n"))),
        Var("own_time"),
        Var("number"),
        Var("time"),
        App("hmac", (Var("t4"), Var("n"))),
    )
    keys: dict[Term, bytes] = {Var("t3"): b"3" * 16, Var("t4"): b"4" * 32}
    first = b"\0\0\0\7" + bytes(12)
    text = first + bytes(64) + bytes([TTL]) + bytes(15)
    data = primitives.aes_ecb_encrypt(b"3" * 16, first) + text[16:]
    reading = Reading("none", inference, keys)
    reading.read(packet, data + primitives.hmac_sha1_128(b"4" * 32, first))
    assert reading.values[Var("n")] == first
    assert reading.values[Var("own_time")] == bytes(32)


def test_labels_without_octets_are_carried_by_facts_alone() -> None:
    label = Fact("F", (Const("initiator"), Const("IPPM")))
    sent = Fact("Out", (Const("IPPM"),))
    made = instance(Rule("R", (), (), (label, sent)), {}, table_of())
    assert made.conclusions == (
        OctetFact("F", ("initiator", b"IPPM")),
        OctetFact("Out", (b"IPPM",)),
    )
    assert str(made.conclusions[0]) == "F(initiator, 4950504d)"


def test_terms_of_recorded_traces_are_read() -> None:
    path = Path(__file__).parents[1] / "models" / "proofs" / "small" / "can_end.json"
    [graph] = json.loads(path.read_text(encoding="utf-8"))["graphs"]
    terms = [
        term_of_json(raw, ["zero"])
        for node in graph["jgNodes"]
        for fact in (node.get("jgnMetadata") or {}).get("jgnConcs", [])
        for raw in fact["jgnFactTerms"]
    ]
    assert pair(Const("greeting"), Var("challenge", "fresh")) in terms
    assert Var("C", "pub") in terms
    assert term_of_json({"jgnConst": "zero"}, ["zero"]) == App("zero")
    assert term_of_json({"jgnConst": "x.1"}, ["zero"]) == Var("x.1")
    assert term_of_json({"jgnConst": "~'n'"}, ["zero"]) == Const("n", is_fresh=True)
    three = {"jgnFunct": "Xor", "jgnParams": [{"jgnConst": name} for name in ("x", "y", "z")]}
    x, y, z = (Var(name) for name in ("x", "y", "z"))
    assert term_of_json(three, ()) == App("xor", (App("xor", (x, y)), z))
