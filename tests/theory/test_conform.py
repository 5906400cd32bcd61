"""Models and reference agree; a model that does not describe the reference is named, with place."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from owamp_reference import ikev2, keys, token
from owamp_vectors.commands.cli import main
from owamp_vectors.replay.chain import LINKS
from owamp_vectors.theory import laws
from owamp_vectors.theory.bind import MESSAGES, Binding, located
from owamp_vectors.theory.builtin import BUILTIN_EQUATIONS
from owamp_vectors.theory.conform import conform, flag_sets, message_rows
from owamp_vectors.theory.evaluate import EvaluationError, Evaluator
from owamp_vectors.theory.findings import ABSTRACTIONS, FINDINGS, Finding, accounted
from owamp_vectors.theory.infer import Kind, infer
from owamp_vectors.theory.laws import IDENTIFICATIONS, Identification
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.terms import App, Const, Equation, Term, Var, pair
from owamp_vectors.vectors.drbg import Drbg

from ..support import MODELS, VECTORS, model_flags


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--models", str(MODELS)])


# ------------------------------------------------------------------------------ the real models


@pytest.mark.parametrize(("path", "flags"), model_flags())
def test_models_describe_the_reference(path: Path, flags: tuple[str, ...]) -> None:
    row = conform(read_model(path, flags))
    assert not list(map(str, row.problems))
    assert row.equations
    assert row.symbols == len(row.model.functions)
    assert row.messages == len(list(message_rows(row.model)))
    assert row.terms > 300


def test_command_shows_all_models_in_time() -> None:
    started = time.process_time()
    result = run("conform-model", "--vectors", str(VECTORS))
    assert result.exit_code == 0, result.output
    assert time.process_time() - started < 30
    for path in MODELS.glob("*.spthy"):
        assert re.search(rf"^{path.stem} .* agrees$", result.output, re.MULTILINE)
        for flags in flag_sets(path, VECTORS):
            assert "+".join((path.stem, *flags)) in result.output
    assert "Models and reference agree; checked in " in result.output


def test_another_seed_tries_other_values() -> None:
    result = run("conform-model", "--model", "token_blocks", "--seed", "7", "--octets")
    assert result.exit_code == 0, result.output
    assert "token_blocks+REPAIRED_TOKEN" in result.output
    assert "first block of answer 4" in result.output


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.id)
def test_values_are_traced_to_terms(link: object) -> None:
    result = run("chain", link.id, "--vectors", str(VECTORS))  # type: ignore[attr-defined]
    assert result.exit_code == 0, result.output
    assert re.search(r"evaluated  with the inputs of \d+ vectors: equal$", result.output, re.M)
    for place in re.findall(r"(\S+\.(?:py|spthy)):(\d+)", result.output):
        lines = Path(place[0]).read_text(encoding="utf-8").splitlines()
        assert lines[int(place[1]) - 1].strip()


def test_a_vector_that_is_not_the_terms_value_is_named(tmp_path: Path) -> None:
    path = VECTORS / "test-session-keys.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["testGroups"][0]["tests"][1]["t3"] = "00" * 16
    (tmp_path / path.name).write_text(json.dumps(content), encoding="utf-8")
    result = run("chain", "t3", "--vectors", str(tmp_path))
    assert result.exit_code == 1
    assert "test-session-keys.json tcId 2: the term is " in result.output
    assert "1 values are not those" in result.output


# ------------------------------------------------------------------------------ wrong models


def wrong(tmp_path: Path, name: str, old: str, new: str, *flags: str) -> list[str]:
    """What is wrong with a model in which a text is replaced."""
    for path in MODELS.glob("*.splib"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    text = (MODELS / f"{name}.spthy").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / f"{name}.spthy"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return [str(problem) for problem in conform(read_model(path, flags)).problems]


WRONG = [
    (
        "rfc4656",
        "t3(t1, sid) = ecb(sid, t1)",
        "t3(t1, sid) = ecb(t1, sid)",
        r"rfc4656.spthy:\d+: macro t3 is not owamp_reference.keys.derive_t3",
    ),
    (
        "rfc4656",
        "<challenge, t1, t2>",
        "<challenge, t1>",
        r"rfc4656.spthy:\d+: 32 octets, the result of cbc, .* \(64 octets\), as token of Set-Up",
    ),
    (
        "rfc4656",
        "<challenge, t1, t2>",
        "<t1, challenge, t2>",
        r"rfc4656.spthy:\d+: macro token is not owamp_reference.token.seal_token",
    ),
    (
        "rfc4656",
        "Out(<'Server-Greeting', $modes, ~challenge, ~salt, $count>)",
        "Out(<'Server-Greeting', $modes, ~salt, ~challenge, $count>)",
        r"rfc4656.spthy:\d+: .* is Challenge .* but also Salt|is Salt .* but also Challenge",
    ),
    (
        "rfc4656",
        "hmac(t2, <$start_time, text>)",
        "hmac(t2, text)",
        r"rfc4656.spthy:\d+: Out of Server_Accept_Session is not owamp_reference.control",
    ),
    (
        "rfc4656",
        "cbc(t1, last_block(stream), <text",
        "cbc(t1, zero_iv, <text",
        r"rfc4656.spthy:\d+: Out of Server_Accept_Session is not",
    ),
    (
        "rfc4656",
        "rule Client_Request_Session:",
        "rule Client_Asks:",
        r"rfc4656.spthy:1: there is no rule Client_Request_Session",
    ),
    (
        "rfc4656",
        "ecb_inv(k, ecb(k, m)) = m",
        "ecb_inv(k, ecb(m, k)) = m",
        r"rfc4656.spthy:\d+: ecb_inv\(k, ecb\(m, k\)\) = m does not hold for octets",
    ),
    (
        "rfc4656",
        "Encryption is perfect",
        "Encryption is",
        r"rfc4656.spthy:1: the head comment does not name the abstraction perfect-encryption",
    ),
    (
        "token_blocks",
        "aes(dk, ~t2b XOR b3)",
        "aes(dk, ~t2b)",
        r"token_blocks.spthy:\d+: Out of Client_Token is not owamp_reference.token.seal_token",
    ),
    (
        "token_blocks",
        "x3 XOR b2",
        "x3 XOR b1",
        r"token_blocks.spthy:\d+: ServerAccepts of Server_Keys is not owamp_reference.token.open",
    ),
    (
        "token_blocks",
        "~t1 XOR b1",
        "~t1 XOR psk",
        r"token_blocks.spthy:\d+: .*|Out of Client_Token",
    ),
    (
        "token_blocks",
        "pbkdf2/3, aes/2",
        "pbkdf2/3, unknown/1, aes/2",
        r"token_blocks.spthy:\d+: the symbol unknown/1 is not bound",
    ),
    (
        "token_blocks",
        "pbkdf2/3, aes/2",
        "pbkdf2/3, hmac/3, aes/2",
        r"token_blocks.spthy:\d+: hmac/3: owamp_reference.primitives.hmac_sha1_128 takes 2",
    ),
    (
        "ikev2_binding",
        "prf(sk_d(keys, text), 'IPPM')",
        "prf(sk_ei(keys, text), 'IPPM')",
        r"ikev2_binding.spthy:\d+: Key_Source of Derive_Shared_Secret is not .*from_sk_d",
    ),
    (
        "ikev2_binding",
        "'IPPM'",
        "'ippm'",
        r"ikev2_binding.spthy:\d+: the name 'ippm' has no octets",
    ),
]


@pytest.mark.parametrize(
    ("name", "old", "new", "error"),
    [pytest.param(*case, id=case[2][:40]) for case in WRONG],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, name: str, old: str, new: str, error: str
) -> None:
    problems = wrong(tmp_path, name, old, new)
    assert any(re.search(error, problem) for problem in problems), problems


SMALL = (
    "/* Encryption is perfect; pbkdf2 */\ntheory small\nbegin\n"
    "functions: pbkdf2/3, cbc/3, zero_iv/0, hmac/2\n"
)


def small(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "small.spthy"
    path.write_text(f"{SMALL}{text}\nend\n", encoding="utf-8")
    problems = conform(read_model(path)).problems
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in problems]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "rule R: [ In(<s, c>), Fr(~n) ] --> [ Out(pbkdf2(~n, c, s)), Out(pbkdf2(~n, s, c)) ]",
            "small.spthy:5: s is Count (4 octets), as argument 3 of pbkdf2, but also Salt (16 "
            "octets), as argument 2 of pbkdf2",
        ),
        (
            "rule R: [ Fr(~k) ] --> [ Out(<'Accept-Session', ~k>) ]",
            "small.spthy:5: 'Accept-Session' is followed by port, sid; found 1",
        ),
        (
            "rule R: [ Fr(~k) ] --> [ Out(cbc(~k, zero_iv, 'ok')) ]",
            "small.spthy:5: 'ok' is octets (1 octets), as the name 'ok', but also octets (any "
            "multiple of 16), as argument 3 of cbc",
        ),
        (
            "rule R: [ Fr(~k) ] --> [ Out('nothing') ]",
            "small.spthy:5: the name 'nothing' has no octets",
        ),
        (
            "rule R: [ Fr(~k) ] --> [ Out(diff('ok', hmac(~k, ~k))) ]",
            "small.spthy:5: diff('ok', hmac(~k, ~k)) is octets (1 octets), as the name 'ok', but",
        ),
        (
            "macros: odd(x) = <x, x>",
            "small.spthy:5: the macro odd/1 is not bound",
        ),
        (
            "rule A: [ Fr(~k) ] --> [ F(cbc(~k, zero_iv, <~k, ~k>)) ]\n"
            "rule B: [ F(x) ] --> [ Out(hmac(x, <x, x>)), Out(cbc(x, x, x)) ]",
            "small.spthy:6: x is octets (32 octets), as argument 1 of hmac, but also octets (16 "
            "octets), as argument 1 of cbc",
        ),
        (
            "rule A: [ Fr(~k), In(x) ] --> [ F(cbc(~k, zero_iv, <~k, x, x>)) ]\n"
            "rule B: [ F(<~a, ~b>) ] --> [ Out(hmac(~a, ~b)), Out(cbc(~b, ~b, <~b, ~b>)) ]",
            "48 octets",
        ),
    ],
)
def test_types_that_do_not_fit_are_named(tmp_path: Path, text: str, error: str) -> None:
    problems = small(tmp_path, text)
    if error == "48 octets":  # 16 + 2 x = 48: sizes follow from each other across rules
        assert not problems
    else:
        assert any(problem.startswith(error) for problem in problems), problems


def test_sizes_follow_from_each_other(tmp_path: Path) -> None:
    path = tmp_path / "small.spthy"
    rules = (
        "rule A: [ Fr(~k), In(x) ] --> [ F(cbc(~k, zero_iv, <~k, x, x>)) ]\n"
        "rule B: [ F(y), In(z) ] --> [ Out(hmac(<y, z>, y)) ]\n"
        "rule C: [ F(<~a, ~b>) ] --> [ Out(hmac(~a, ~a)), Out(cbc(~b, ~b, <~b, ~b>)) ]\n"
    )
    path.write_text(f"{SMALL}{rules}end\n", encoding="utf-8")
    inference = infer(read_model(path))
    assert inference.kind("A", Var("x")).size == 16
    assert inference.fact_kind("F", 1, 0).size == 48
    assert any("48 octets" in str(problem) for problem in inference.problems)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--model", "absent"), "no model absent; there are: "),
        (("--models", "nowhere"), "nowhere: expected models (*.spthy), found none"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], error: str) -> None:
    models = () if "--models" in arguments else ("--models", str(MODELS))
    result = CliRunner().invoke(main, ["conform-model", *arguments, *models])
    assert result.exit_code == 3
    assert error in result.output
    assert result.output.count("\n") == 1


def test_a_model_that_is_wrong_fails_the_command(tmp_path: Path) -> None:
    (tmp_path / "small.spthy").write_text(f"{SMALL}macros: odd(x) = x\nend\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["conform-model", "--models", str(tmp_path)])
    assert result.exit_code == 1
    assert "small: " in result.output
    assert "small.spthy:5: the macro odd/1 is not bound" in result.output
    assert "1 things do not fit." in result.output


def test_without_the_extra_the_commands_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "py_tree_sitter_spthy", None)
    monkeypatch.setattr("owamp_vectors.theory.parse.parser", _parser_anew())
    result = run("conform-model", "--vectors", str(VECTORS))
    assert result.exit_code == 5
    assert "pip install 'owamp-vectors[models]'" in result.output
    assert result.output.count("\n") == 1


def _parser_anew() -> object:
    from owamp_vectors.theory import grammar  # noqa: PLC0415

    return grammar.parser.__wrapped__


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.id)
def test_a_model_without_the_term_is_named(tmp_path: Path, link: object) -> None:
    name = link.model  # type: ignore[attr-defined]
    path = tmp_path / f"{name}.spthy"
    path.write_text(f"theory {name}\nbegin\nend\n", encoding="utf-8")
    arguments = ["chain", link.id, "--models", str(tmp_path)]  # type: ignore[attr-defined]
    result = CliRunner().invoke(main, [*arguments, "--vectors", str(VECTORS)])
    assert result.exit_code == 3
    assert ": expected a " in result.output


# ----------------------------------------------------------------------------------------- laws


def values_of(kinds: dict[Var, Kind]) -> st.SearchStrategy[dict[Term, bytes]]:
    """Values of the kinds: any octets of a fitting size, or the type's own samples."""

    def one(kind: Kind) -> st.SearchStrategy[bytes]:
        if kind.type is not None and kind.type.sample is not None:
            return st.integers(0, 2**32).map(lambda n: kind.sample(Drbg(str(n))))
        if kind.size is not None:
            return st.binary(min_size=kind.size, max_size=kind.size)
        step = kind.multiple
        return st.integers(1, 5 if step > 1 else 40).flatmap(
            lambda n: st.binary(min_size=n * step, max_size=n * step)
        )

    return st.fixed_dictionaries({variable: one(kind) for variable, kind in kinds.items()})


def equations() -> list[Equation]:
    bound = set(Binding().symbols)
    found = [e for group in BUILTIN_EQUATIONS.values() for e in group]
    for path, flags in model_flags():
        found += [e for e in read_model(path, flags).equations if not e.origin]
    return [
        e
        for e in dict.fromkeys(found)
        if {t.name for t in (e.left, e.right) if isinstance(t, App)} <= bound
    ]


@pytest.mark.parametrize("equation", equations(), ids=str)
@given(data=st.data())
def test_equations_hold_for_octets(equation: Equation, data: st.DataObject) -> None:
    binding = Binding()
    values = data.draw(values_of(laws.equation_kinds(equation, binding)))
    assert laws.difference(equation, values, binding) is None


@pytest.mark.parametrize("item", IDENTIFICATIONS, ids=lambda item: item.id)
@given(data=st.data())
def test_identifications_hold_for_octets(item: Identification, data: st.DataObject) -> None:
    binding = Binding()
    values = data.draw(values_of(item.kinds(binding)))
    assert laws.difference(item.equation, values, binding) is None


@pytest.mark.parametrize("item", IDENTIFICATIONS, ids=lambda item: item.id)
def test_theories_keep_apart_what_octets_identify(item: Identification) -> None:
    left, right = item.equation.left, item.equation.right
    for path, flags in model_flags():
        model = read_model(path, flags)
        if item.concerns(model):
            assert laws.normal(left, model.equations) != laws.normal(right, model.equations)


def test_an_unknown_coincidence_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "small.spthy"
    path.write_text(
        "theory small\nbegin\nfunctions: ecb/2, ecb_inv/2\nequations: ecb_inv(k, ecb(k, m)) = m\n"
        "end\n",
        encoding="utf-8",
    )
    model = read_model(path)
    known = laws.apart(model, Drbg("sample"), size=1000)
    assert not known.problems
    assert set(known.explained) == {"decrypts-anything-ecb"}
    monkeypatch.setattr(laws, "IDENTIFICATIONS", ())
    problems = laws.apart(model, Drbg("sample"), size=1000).problems
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

    assert laws.normal(read(left)) == laws.normal(read(right))


# ------------------------------------------------------------------------------ the table


def test_every_row_names_code_that_exists() -> None:
    binding = Binding()
    references = [row.reference for row in binding.symbols.values()]
    references += [row.reference for row in binding.macros]
    references += [row.reference for row in MESSAGES]
    for reference in references:
        place = located(reference)
        assert place.path.is_file()
    with pytest.raises(LookupError):
        located("owamp_reference.keys.derive_t5")


def test_evaluation_takes_any_term_as_given() -> None:
    sk_d = App("sk_d", (Var("keys"), Var("text")))
    secret = App("prf", (sk_d, Const("IPPM")))
    for prf in ikev2.PRFS.values():
        evaluate = Evaluator({sk_d: b"k" * prf.output_size}, Binding(prf))
        assert evaluate(secret) == ikev2.prf(prf, b"k" * prf.output_size, b"IPPM")


def test_a_side_of_diff_is_chosen() -> None:
    term = App("diff", (Const("ok"), App("zero")))
    assert [Evaluator({}, side=side)(term) for side in (0, 1)] == [b"\0", bytes(16)]


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
        Evaluator({})(term)
    assert reason in str(caught.value)


# ------------------------------------------------------------------------------ findings


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.id)
def test_findings_reproduce(finding: Finding) -> None:
    for number in range(3):
        source = Drbg(f"test/{number}")
        assert finding.failure(source) is None
        assert finding.octets(source) == finding.octets(source)
    assert finding.equal


def test_a_finding_that_no_longer_reproduces_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = next(item for item in FINDINGS if item.id == "t3-gives-t1")

    def one_way(t1: bytes, sid: bytes) -> bytes:
        return keys.one_way_test_session_keys(keys.ControlKeys(t1, bytes(32)), sid).t3

    monkeypatch.setattr(keys, "derive_t3", one_way)
    failure = finding.failure(Drbg("test"))
    assert failure is not None
    assert failure.startswith("T1 ")


def test_the_token_of_first_blocks_opens() -> None:
    finding = next(item for item in FINDINGS if item.id == "token-from-first-blocks")
    octets = finding.octets(Drbg("test"))
    assert len(octets["Token"]) == token.TOKEN_SIZE
    assert octets["T1"] == bytes(16)


def test_abstractions_account_for_findings() -> None:
    known = {finding.id for finding in FINDINGS}
    for item in ABSTRACTIONS:
        assert item.findings <= known
        assert item.reason
    model = read_model(MODELS / "token_blocks.spthy")
    assert accounted(model)["decrypts-anything-aes"] == "permutation-one-way-round"
