"""Models and reference agree; a model that does not describe the reference is named, with place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from owamp_vectors.commands.cli import main
from owamp_vectors.theory.apart import SIZE
from owamp_vectors.theory.check import check_model, flag_sets, message_rows
from owamp_vectors.theory.infer import infer
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.terms import Var

from ..support import MODELS, VECTORS, model_flags


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--models", str(MODELS)])


# ------------------------------------------------------------------------------ the real models


@pytest.mark.parametrize(("path", "flags"), model_flags())
def test_models_describe_the_reference(path: Path, flags: tuple[str, ...]) -> None:
    row = check_model(read_model(path, flags))
    assert not list(map(str, row.problems))
    assert row.equations
    assert row.symbols == len(row.model.functions)
    assert row.messages == len(message_rows(row.model))
    assert row.terms > SIZE // 2


def test_command_shows_all_models() -> None:
    result = run("conform-model", "--vectors", str(VECTORS))
    assert result.exit_code == 0, result.output
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


# ------------------------------------------------------------------------------ wrong models


def wrong(tmp_path: Path, name: str, old: str, new: str, *flags: str) -> list[str]:
    """What is wrong with a model in which a text is replaced."""
    for path in MODELS.glob("*.splib"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    text = (MODELS / f"{name}.spthy").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / f"{name}.spthy"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return [str(problem) for problem in check_model(read_model(path, flags)).problems]


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
        "protected(t1, stream, text",
        "protected(t1, zero_iv, text",
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
        "prf(skd, 'IPPM')",
        "prf('IPPM', skd)",
        r"ikev2_binding.spthy:\d+: macro shared_secret is not .*from_sk_d",
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
    problems = check_model(read_model(path)).problems
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
    assert "1 thing does not fit." in result.output


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
