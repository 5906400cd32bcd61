"""Mutants of the models and of the reference, and which check catches each.

``python -m tests.theory.mutants`` prints the table. The checks, in the order in which they are
tried, until one catches the mutant:

=========  ===================================================================================
parse      the model is not understood: arities, undeclared names
types      symbols are not bound, or values do not fit where they are used
law        an equation does not hold for octets, or that of a cipher is missing
macro      a macro is not what the reference computes
message    a message of a rule is not what the reference sends
run        a run of the reference is no trace of the theory
sample     terms that the theory keeps apart are equal octets, or a finding does not reproduce
=========  ===================================================================================
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from owamp_vectors.claims.theory_text import TheoryError
from owamp_vectors.mistakes import MISTAKES
from owamp_vectors.theory.check import (
    check_macro,
    check_message,
    check_model,
    message_rows,
    undeclared,
)
from owamp_vectors.theory.infer import Inference, infer
from owamp_vectors.theory.laws import check_equation, missing_equations
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.room import rooms
from owamp_vectors.theory.runs import check_runs, has_runs
from owamp_vectors.theory.terms import Model
from owamp_vectors.vectors.drbg import Drbg

from ..support import MODELS


@dataclass(frozen=True)
class ModelMutant:
    """A model in which a text is replaced, at its first place.

    Attributes:
        by: the check that catches it, "" if none does.
        why: why none does.
    """

    what: str
    model: str
    old: str
    new: str
    by: str
    why: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReferenceMutant:
    """The reference with a named mistake; fields as for `ModelMutant`."""

    what: str
    by: str
    why: str = ""


A, R, B, T = "rfc4656", "rfc4656_reflection", "ikev2_binding", "token_blocks"
_ACCEPT = "Out(protected(t1, stream, text, hmac(t2, <$start_time, text>)))"
_ASKED = "request($parameters), hmac(t2, request($parameters))"
_REQUEST = f"Out(protected(t1, client_iv, {_ASKED}))"
_READ_REQUEST = f"In(protected(t1, client_iv, {_ASKED}))"
_READ_ACCEPT = "accept($port, sid), hmac(t2, <start_time, accept($port, sid)>))) ]"
_SENDS = "Out(<ecb(t3(t1, sid), $number), $time, tag(t4(t2, sid), $number)>)"
_STARTED = "cbc(t1, ~server_iv, $start_time), $start_time"

MODEL_MUTANTS: tuple[ModelMutant, ...] = (
    ModelMutant("T3: key and block swapped", A, "= ecb(sid, t1)", "= ecb(t1, sid)", "macro"),
    ModelMutant("T3 without the SID: T1 again", A, "= ecb(sid, t1)", "= t1", "macro"),
    ModelMutant("T3 by the inverse", A, "= ecb(sid, t1)", "= ecb_inv(sid, t1)", "macro"),
    ModelMutant(
        "T4 with the SID as IV", A, "= cbc(sid, zero_iv, t2)", "= cbc(sid, sid, t2)", "macro"
    ),
    ModelMutant("T4 without the SID: T2 again", A, "= cbc(sid, zero_iv, t2)", "= t2", "macro"),
    ModelMutant(
        "T3 in place of T4",
        A,
        "tag(t4(t2, sid), $number)>)",
        "tag(t3(t1, sid), $number)>)",
        "types",
    ),
    ModelMutant(
        "T1 in place of T3 in a packet", A, _SENDS, _SENDS.replace("t3(t1, sid)", "t1"), "message"
    ),
    ModelMutant(
        "T2 in place of T4 in a packet", A, _SENDS, _SENDS.replace("t4(t2, sid)", "t2"), "message"
    ),
    ModelMutant("Token without T2", A, "<challenge, t1, t2>)", "<challenge, t1>)", "types"),
    ModelMutant("Token without Challenge", A, "<challenge, t1, t2>)", "<t1, t2>)", "types"),
    ModelMutant("Token with T1 first", A, "<challenge, t1, t2>)", "<t1, challenge, t2>)", "macro"),
    ModelMutant(
        "Token with Challenge twice",
        A,
        "<challenge, t1, t2>)",
        "<challenge, challenge, t2>)",
        "macro",
    ),
    ModelMutant(
        "Token with Challenge as IV",
        A,
        "count), zero_iv, <challenge",
        "count), challenge, <challenge",
        "macro",
    ),
    ModelMutant(
        "Salt and Count swapped", A, "pbkdf2(psk, salt, count)", "pbkdf2(psk, count, salt)", "types"
    ),
    ModelMutant(
        "secret and Salt swapped",
        A,
        "pbkdf2(psk, salt, count)",
        "pbkdf2(salt, psk, count)",
        "macro",
    ),
    ModelMutant(
        "Challenge in place of Salt",
        A,
        "pbkdf2(psk, salt, count)",
        "pbkdf2(psk, challenge, count)",
        "types",
    ),
    ModelMutant("pbkdf2 of two arguments", A, "pbkdf2/3", "pbkdf2/2", "parse"),
    ModelMutant("hmac of three arguments", A, "pbkdf2/3, hmac/2", "pbkdf2/3, hmac/3", "parse"),
    ModelMutant(
        "a symbol that is not bound",
        A,
        "ecb_inv/2, zero_iv/0",
        "ecb_inv/2, zero_iv/0, mix/2",
        "types",
    ),
    ModelMutant(
        "hmac: key and text swapped",
        A,
        _REQUEST,
        _REQUEST.replace("hmac(t2, request($parameters))", "hmac(request($parameters), t2)"),
        "types",
    ),
    ModelMutant(
        "request with IV zero", A, _REQUEST, _REQUEST.replace("client_iv", "zero_iv"), "message"
    ),
    ModelMutant(
        "request: text and HMAC swapped",
        A,
        _REQUEST,
        _REQUEST.replace(
            "request($parameters), hmac(t2, request($parameters))",
            "hmac(t2, request($parameters)), request($parameters)",
        ),
        "types",
    ),
    ModelMutant(
        "request without HMAC",
        A,
        _REQUEST,
        "Out(cbc(t1, client_iv, request($parameters)))",
        "message",
    ),
    ModelMutant(
        "HMAC of Accept-Session without Start-Time",
        A,
        _ACCEPT,
        _ACCEPT.replace("<$start_time, text>", "text"),
        "message",
    ),
    ModelMutant(
        "Accept-Session from IV zero, not chained",
        A,
        _ACCEPT,
        _ACCEPT.replace("stream", "zero_iv"),
        "message",
    ),
    ModelMutant(
        "Accept-Session in the client's stream",
        A,
        _ACCEPT,
        _ACCEPT.replace("stream", "client_iv"),
        "message",
    ),
    ModelMutant(
        "greeting: Challenge and Salt swapped",
        A,
        "$modes, ~challenge, ~salt, $count>)",
        "$modes, ~salt, ~challenge, $count>)",
        "types",
    ),
    ModelMutant(
        "another constant in Server-Start",
        A,
        "'Server-Start', 'ok', ~",
        "'Server-Start', 'no', ~",
        "types",
    ),
    ModelMutant(
        "server reads the request under IV zero",
        A,
        _READ_REQUEST,
        _READ_REQUEST.replace("client_iv", "zero_iv"),
        "run",
    ),
    ModelMutant(
        "server takes a request without HMAC",
        A,
        _READ_REQUEST,
        "In(cbc(t1, client_iv, request($parameters)))",
        "run",
    ),
    ModelMutant(
        "client takes Accept-Session without Start-Time",
        A,
        _READ_ACCEPT,
        _READ_ACCEPT.replace("<start_time, accept($port, sid)>", "accept($port, sid)"),
        "run",
    ),
    ModelMutant(
        "stream begins with Client-IV",
        A,
        _STARTED,
        _STARTED.replace("~server_iv", "client_iv"),
        "run",
    ),
    ModelMutant(
        "client reads Accept-Session from Server-IV",
        A,
        "Client_Waits_Accept(C, S, key_id, t1, t2, block, cbc_inv",
        "Client_Waits_Accept(C, S, key_id, t1, t2, server_iv, cbc_inv",
        "run",
    ),
    ModelMutant(
        "reflector with T1 in place of T2",
        A,
        "!Reflector(C, S, key_id, t1, t2, ~sid), !SID",
        "!Reflector(C, S, key_id, t1, t1, ~sid), !SID",
        "types",
    ),
    ModelMutant(
        "sender's fact lost",
        A,
        "!Sender(C, S, key_id, t1, t2, sid), !Test_Keys",
        "!Test_Keys",
        "run",
    ),
    ModelMutant(
        "Server_Ready lost",
        A,
        "Server_Ready(C, S, key_id, t1, t2, client_iv, cbc",
        "Server_Waits(C, S, key_id, t1, t2, client_iv, cbc",
        "message",
    ),
    ModelMutant(
        "client and server exchanged in a fact",
        A,
        "[ Client_Waits_Start(C, S, key_id, ~t1",
        "[ Client_Waits_Start(S, C, key_id, ~t1",
        "run",
    ),
    ModelMutant(
        "reflector takes no HMAC",
        A,
        "In(packet(t3(t1, sid), t4(t2, sid), received))",
        "In(<cbc(t3(t1, sid), zero_iv, received), mac>)",
        "run",
    ),
    ModelMutant(
        "equation of ecb: key and block swapped",
        A,
        "ecb_inv(k, ecb(k, m)) = m",
        "ecb_inv(k, ecb(m, k)) = m",
        "law",
    ),
    ModelMutant(
        "equation of cbc: another IV",
        A,
        "cbc_inv(k, iv, cbc(k, iv, m)) = m",
        "cbc_inv(k, iv, cbc(k, k, m)) = m",
        "law",
    ),
    ModelMutant(
        "equation of ecb missing",
        A,
        "equations: cbc_inv(k, iv, cbc(k, iv, m)) = m,\n           ecb_inv(k, ecb(k, m)) = m",
        "equations: cbc_inv(k, iv, cbc(k, iv, m)) = m",
        "law",
    ),
    ModelMutant(
        "packet: number and time swapped",
        R,
        "<'Sender-Packet', $number, $time>",
        "<'Sender-Packet', $time, $number>",
        "message",
    ),
    ModelMutant(
        "OWAMP receiver under another SID",
        R,
        "!OWAMP_Receiver(A, B, t1, t2, ~sid)",
        "!OWAMP_Receiver(A, B, t1, t2, t1)",
        "types",
    ),
    ModelMutant(
        "OWAMP packet from receiver to sender",
        R,
        "!OWAMP_Sender(A, B, t1, t2, ~sid)",
        "!OWAMP_Sender(B, A, t1, t2, ~sid)",
        "run",
    ),
    ModelMutant(
        "connection in one direction only",
        R,
        "!Connection($A, $B, ~t1, ~t2), !Connection($B, $A, ~t1, ~t2)",
        "!Connection($A, $B, ~t1, ~t2)",
        "run",
    ),
    ModelMutant("another label", B, "'IPPM'", "'ippm'", "types"),
    ModelMutant(
        "prf: key and data swapped",
        B,
        "prf(skd, 'IPPM')",
        "prf('IPPM', skd)",
        "macro",
    ),
    ModelMutant(
        "SK_ei in place of SK_d",
        B,
        "shared_secret(sk_d(keys, text), ni, nr, sid)",
        "shared_secret(sk_ei(keys, text), ni, nr, sid)",
        "types",
    ),
    ModelMutant(
        "KEYMAT in place of SK_d",
        B,
        "prf(skd, 'IPPM')",
        "prf(keymat(skd, ni, nr), 'IPPM')",
        "macro",
    ),
    ModelMutant(
        "SK_d in place of KEYMAT",
        B,
        "prf(keymat(skd, ni, nr), sid)",
        "prf(skd, sid)",
        "macro",
        flags=("KEYMAT_SID",),
    ),
    ModelMutant(
        "KEYMAT and SID swapped",
        B,
        "prf(keymat(skd, ni, nr), sid)",
        "prf(sid, keymat(skd, ni, nr))",
        "macro",
        flags=("KEYMAT_SID",),
    ),
    ModelMutant(
        "SPIs swapped in KeyID",
        B,
        "key_id(spi_i, spi_r) = <spi_i, spi_r>",
        "key_id(spi_i, spi_r) = <spi_r, spi_i>",
        "macro",
    ),
    ModelMutant(
        "server reads the KeyID swapped",
        B,
        "In(<'Set-Up-Response', key_id(spi_i, spi_r)",
        "In(<'Set-Up-Response', key_id(spi_r, spi_i)",
        "types",
    ),
    ModelMutant(
        "server and client under one name",
        B,
        "!Key_Source(role, S, C, spi_i",
        "!Key_Source(role, C, S, spi_i",
        "run",
    ),
    ModelMutant("second block not chained", T, "aes(dk, ~t2b XOR b3)", "aes(dk, ~t2b)", "message"),
    ModelMutant("chained to the wrong block", T, "x3 XOR b2", "x3 XOR b1", "message"),
    ModelMutant(
        "secret revealed to be another",
        A,
        "[ Out(psk) ]",
        "[ Out(key_id) ]",
        "",
        "what the adversary may learn is no act of the reference: the lemmas are about it",
    ),
    ModelMutant(
        "adversary never learns a SID",
        A,
        "[ Out(sid) ]",
        "[ ]",
        "",
        "what the adversary may learn is no act of the reference: the lemmas are about it",
    ),
)

_SAME = "the model's symbol is the reference's own function, so both change: the vectors catch it"
_ONCE = "the theory has one HMAC in each direction; the vectors have more, and catch it"

REFERENCE_MUTANTS: tuple[ReferenceMutant, ...] = (
    *(
        ReferenceMutant(name, "macro")
        for name in (
            "HmacLast16",
            "Pbkdf2KeyOf32",
            "TokenInEcb",
            "TokenIvNotZero",
            "TokenFieldOrder",
            "HalfNonces",
            "HalfNoncesInSeed",
            "SecretIsKey",
            "SpiOrder",
            "SpisMissing",
            "RekeyAsNew",
            "RekeySecretLeftOut",
            "KeyIdInHex",
            "IntegerByteOrder",
            "IppmTerminated",
            "IppmLowerCase",
            "LabelIsKey",
            "SecretByPrfPlus",
            "SidIsKey",
            "SidInHex",
            "SidLeftOut",
        )
    ),
    *(
        ReferenceMutant(name, "message")
        for name in (
            "SidAndKeySwapped",
            "T3OneWay",
            "T3HashOfConcatenation",
            "T3Decrypted",
            "T4InEcb",
            "T4IvNotZero",
            "T4FromT1",
            "TestKeysAreControlKeys",
            "HmacOverCiphertext",
            "HmacOfLastText",
            "ServerHmacWithoutServerStart",
            "HmacInClear",
            "ControlIvZero",
            "TestHmacOver16",
            "ReflectorHmacOver32",
            "TestHmacOverCiphertext",
            "TestHmacEncrypted",
            "TestIvNotZero",
            "TestInEcb",
            "AuthenticatedEncryptsAll",
            "AuthenticatedCoversAll",
            "EncryptedFirstBlockAlone",
            "ReflectorTimestampsExchanged",
            "TokenDecryptedInEcb",
        )
    ),
    *(
        ReferenceMutant(name, "run")
        for name in (
            "ChallengeUnchecked",
            "SenderPacketOf96",
            "TestHmacUnchecked",
            "HmacUnchecked",
            "SidOfTheRequest",
            "IvsExchanged",
            "OneStreamForBoth",
            "StartTimeInClear",
            "Ikev2BitOfTheOther",
        )
    ),
    ReferenceMutant("Pbkdf2Sha256", "", _SAME),
    ReferenceMutant("Pbkdf2LeftOut", "", _SAME),
    ReferenceMutant("PrfPlusFromZero", "", _SAME),
    ReferenceMutant("HmacNotReset", "", _ONCE),
    ReferenceMutant("HmacCoversHmac", "", _ONCE),
    ReferenceMutant(
        "ChallengeComparedInPart",
        "",
        "no Challenge of a run is half another's: the vectors catch it",
    ),
    ReferenceMutant("TestHmacOverPadding", "", "packets of the theory have no padding"),
    ReferenceMutant(
        "SpiInitiatorAlone", "", "no two IKE SAs of a run share SPIi: the vectors catch it"
    ),
)


@dataclass(frozen=True)
class Row:
    """What became of a mutant: the check that caught it and its message, or why none did."""

    kind: str
    what: str
    by: str
    message: str


_TRIED = tuple(
    (name, flags) for name, room in rooms().items() if room.runs for flags in room.runs.flags
)


@cache
def intact(name: str, flags: tuple[str, ...]) -> tuple[Model, Inference]:
    """A model as it is, with its table already made, from the reference as it is."""
    model = read_model(MODELS / f"{name}.spthy", flags)
    inference = infer(model)
    assert inference.table.symbols
    assert inference.table.macros
    return model, inference


def _agreement(model: Model, inference: Inference) -> tuple[str, str] | None:
    """Macros and messages."""
    source = Drbg("mutants")
    for macro in model.macros:
        if problem := check_macro(model, macro, source, inference.table):
            return "macro", problem.text
    for row in message_rows(model):
        if problem := check_message(model, row, inference, source):
            return "message", problem.text
    return None


def catch_model(mutant: ModelMutant, directory: Path) -> tuple[str, str] | None:
    """The check that catches a mutant of a model, and its message."""
    for path in MODELS.glob("*.splib"):
        (directory / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    path = directory / f"{mutant.model}.spthy"
    text = (MODELS / path.name).read_text(encoding="utf-8")
    assert mutant.old in text, mutant.what
    path.write_text(text.replace(mutant.old, mutant.new, 1), encoding="utf-8")
    try:
        model = read_model(path, mutant.flags)
    except TheoryError as error:
        return "parse", str(error).rpartition("/")[2]
    inference = infer(model)
    for problem in (*undeclared(model, inference.table), *inference.problems):
        return "types", problem.text
    for equation in model.equations:
        broken = check_equation(equation, Drbg("mutants"), inference.table)
        if broken and not equation.origin:
            return "law", broken.text
    for missing in missing_equations(model):
        return "law", missing.text
    if found := _agreement(model, inference):
        return found
    if has_runs(model):
        report = check_runs(model, 1)
        if report.problem:
            return "run", report.problem.text
    rest = check_model(model).problems
    return ("sample", rest[0].text) if rest else None


def catch_reference(mutant: ReferenceMutant) -> tuple[str, str] | None:
    """The check that catches a mutant of the reference, and its message."""
    models = [intact(name, flags) for name, flags in _TRIED]
    with MISTAKES[mutant.what].applied():
        for model, inference in models:
            if found := _agreement(model, inference):
                return found
        for model, _ in models:
            report = check_runs(model, 1)
            if report.problem:
                return "run", report.problem.text
    return None


def table() -> Iterator[tuple[ModelMutant | ReferenceMutant, Row]]:
    """Each mutant with what became of it."""
    with tempfile.TemporaryDirectory() as directory:
        for mutant in MODEL_MUTANTS:
            by, message = catch_model(mutant, Path(directory)) or ("", mutant.why)
            title = "+".join((mutant.model, *mutant.flags))
            yield mutant, Row(title, mutant.what, by, message)
    for other in REFERENCE_MUTANTS:
        by, message = catch_reference(other) or ("", other.why)
        yield other, Row("reference", other.what, by, message)


def line(row: Row) -> str:
    """A row of the table as it is printed."""
    text = row.message if len(row.message) <= 110 else f"{row.message[:109]}…"
    return f"{row.kind:<26}{row.what:<50}{row.by or 'survives':<10}{text}"


if __name__ == "__main__":
    for _, found in table():
        print(line(found))
