"""Captures of real peers are runs of the theories; captures that were changed are not.

`record` made the captures. What is expected of each is said by message and rule.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from owamp_reference.messages import ServerGreeting
from owamp_reference.negotiation import Credentials, Mode, Protocol
from owamp_reference.primitives import aes_ecb_encrypt
from owamp_reference.token import derive_token_key
from owamp_vectors.commands.cli import main
from owamp_vectors.live.capture.writer import CaptureWriter
from owamp_vectors.live.observe.captured import report_capture

from ..reference.support import IKEV2_CREDENTIALS, KEY_ID, PASSPHRASE, PSK_CREDENTIALS, Setting
from ..support import MODELS, VECTORS
from .captured import (
    THEORIES,
    Said,
    changed,
    left,
    outcomes,
    outcomes_of,
    recording,
    refused,
    said,
    steps,
    written,
)
from .peers import private
from .record import DATA, PORT, RECORDINGS, Recording
from .support import CREDENTIALS, V4, Session
from .test_pcap_cost import steps_of

PROTECTED = [one for one in RECORDINGS if one.mode in ("authenticated", "encrypted")]
TWO_WAY = [one for one in PROTECTED if one.protocol == "twamp"]
ONE_WAY = [one for one in PROTECTED if one.protocol == "owamp"]
TWPING, OTHER = "twping-twampd-twamp-encrypted", "probe-serve-twamp-encrypted"
OWPING = "owping-owampd-owamp-encrypted"
SET_UP = [
    ("Server-Greeting", "Server_Greeting"),
    ("Set-Up-Response", "Client_Set_Up_Response"),
    ("Server-Start", "Server_Start"),
]


def name_of(item: Recording) -> str:
    return item.name


# ------------------------------------------------------------------------------- they are runs


@pytest.mark.parametrize("item", RECORDINGS, ids=name_of)
@pytest.mark.parametrize("theory", THEORIES)
def test_no_message_of_a_real_session_is_forbidden(item: Recording, theory: str) -> None:
    found = outcomes_of(DATA / f"{item.name}.pcap", theory)
    assert found
    assert not refused(found)
    assert not left(found, is_abstraction=False)


@pytest.mark.parametrize("item", TWO_WAY, ids=name_of)
def test_a_two_way_session_is_a_run_from_the_greeting_on(item: Recording) -> None:
    found = outcomes_of(DATA / f"{item.name}.pcap", "rfc4656")
    mode = item.mode.capitalize()
    packet = "TWAMP-Test packet"
    assert steps(found)[:6] == [
        *SET_UP,
        ("Request-TW-Session", "Client_Request_Session"),
        ("Accept-Session", "Server_Accept_Session"),
        ("Accept-Session", "Client_Open_Session"),
    ]
    assert Counter(steps(found)[6:]) == {
        (packet, f"Sender_Packet_{mode}"): 3,
        (packet, f"Reflector_Packet_{mode}"): 3,
        (packet, f"Sender_Receives_{mode}"): 3,
    }
    assert Counter(left(found, is_abstraction=True)) == Counter(
        (name, name) for name in ("Start-Sessions", "Start-Ack", "Stop-Sessions")
    )


@pytest.mark.parametrize("item", ONE_WAY, ids=name_of)
def test_one_way_sessions_in_both_directions_are_a_run(item: Recording) -> None:
    path, mode = DATA / f"{item.name}.pcap", item.mode.capitalize()
    assert steps(outcomes_of(path, "rfc4656")) == SET_UP
    found = Counter(steps(outcomes_of(path, "rfc4656_reflection")))
    packet = "OWAMP-Test packet"
    assert found == {
        (packet, f"OWAMP_Send_{mode}"): 6,
        (packet, f"OWAMP_Receive_{mode}"): 6,
    }


@pytest.mark.parametrize("item", PROTECTED, ids=name_of)
def test_two_messages_of_each_end_are_a_run_of_the_streams(item: Recording) -> None:
    found = steps(outcomes_of(DATA / f"{item.name}.pcap", "control_stream"))
    ends = {"client": "Client", "server": "Server"}
    sent = [rule for _, rule in found if "_Sends_" in rule]
    taken = [rule for _, rule in found if "_Takes_" in rule]
    numbers = ("First", "Second")
    assert sorted(sent) == sorted(f"{end}_Sends_{n}" for end in ends.values() for n in numbers)
    assert sorted(taken) == sorted(f"{end}_Takes_{n}" for end in ends.values() for n in numbers)


def test_a_session_of_the_mixed_mode_is_a_run_of_its_theory() -> None:
    path = DATA / "twping-twampd-twamp-mixed.pcap"
    found = outcomes_of(path, "rfc4656")
    assert [name for name, _ in steps(found)][-1] == "Accept-Session"
    assert ("TWAMP-Test packet", "a test packet in clear") in left(found, is_abstraction=True)
    rules = Counter(rule for _, rule in steps(outcomes_of(path, "mixed_mode")))
    assert rules["Sender_Packet_Mixed"] == 3
    assert rules["Reflector_Takes_Mixed"] == 1
    answers = left(outcomes_of(path, "mixed_mode"), is_abstraction=True)
    assert ("TWAMP-Test packet", "the reflector's answers") in answers


def test_a_changed_packet_in_clear_is_still_a_run() -> None:
    """Nothing protects it, which is what the theory says."""
    items = said("twping-twampd-twamp-mixed")
    place = next(n for n, one in enumerate(items) if not one.is_control)
    wrong = changed(items, place, lambda one: one.flipped(5))
    assert not refused(outcomes(written(wrong), "mixed_mode"))


def test_two_connections_with_one_secret_are_one_run() -> None:
    both = written(said(TWPING), said(OTHER))
    found = outcomes(both)
    assert not refused(found)
    assert steps(found) == 2 * steps(outcomes(written(said(TWPING))))


def test_a_capture_that_is_written_again_is_the_same_run() -> None:
    for name in (TWPING, OWPING):
        for theory in THEORIES:
            again = outcomes(written(said(name)), theory)
            assert steps(again) == steps(outcomes_of(DATA / f"{name}.pcap", theory))


def delivered(case: dict[str, Any]) -> bool:
    """Whether a trace has one client and one server, each of which gets what the other sent."""
    sent: dict[str, set[str]] = defaultdict(set)
    for step, result in zip(case["steps"], case["results"], strict=True):
        others = {one for who, all_ in sent.items() if who != step["participant"] for one in all_}
        if step["received"] and step["received"] not in others:
            return False
        sent[step["participant"]].add(result["sent"])
    return len(case["clients"]) == len(case["servers"]) == 1


TRACES = [
    case
    for group in json.loads((VECTORS / "traces.json").read_text(encoding="utf-8"))["testGroups"]
    for case in group["tests"]
    if group["model"] in THEORIES and delivered(case)
]


def of_trace(case: dict[str, Any]) -> list[Said]:
    """What passes in a recorded trace."""
    client, server = ("192.0.2.1", 40000), ("192.0.2.2", PORT)
    request = bytes.fromhex(next(one["request"] for one in case["steps"] if one["request"]))
    ports = int.from_bytes(request[11:13], "big"), case["servers"][0]["port"]
    found = []
    for result in case["results"]:
        if not result["sent"]:
            continue
        is_packet = "_Packet_" in result["rule"]
        near, far = (
            ((client[0], ports[0]), (server[0], ports[1])) if is_packet else (client, server)
        )
        if result["participant"].startswith(("server", "reflector", case["servers"][0]["name"])):
            near, far = far, near
        found.append(Said(near, far, bytes.fromhex(result["sent"]), is_control=not is_packet))
    return found


@pytest.mark.parametrize("case", TRACES, ids=[case["trace"] for case in TRACES])
def test_a_recorded_trace_as_a_capture_is_a_run_of_its_theory(case: dict[str, Any]) -> None:
    theory = case["trace"].partition("/")[0]
    end = case["clients"][0]
    secret = Credentials(bytes.fromhex(end["keyId"]), bytes.fromhex(end["sharedSecret"]))
    found = outcomes(written(of_trace(case)), theory, [secret])
    assert not refused(found)
    assert {rule for _, rule in steps(found)} >= {one["rule"] for one in case["steps"]}


# ------------------------------------------------------------------------- changed, they are not

NEAREST = {
    "Server-Greeting": ("rfc4656", "Set-Up-Response", "Client_Set_Up_Response"),
    "Set-Up-Response": ("rfc4656", "Set-Up-Response", "Client_Set_Up_Response"),
    "Request-TW-Session": ("rfc4656", "Request-TW-Session", "Client_Request_Session"),
    "Accept-Session": ("rfc4656", "Accept-Session", "Server_Accept_Session"),
    "Start-Sessions": ("control_stream", "Start-Sessions", "Client_Sends_Second"),
    "Start-Ack": ("control_stream", "Start-Ack", "Server_Sends_Second"),
}
"""What is refused if an octet of a message changes: in which theory, which message and rule."""
ORDER = [
    *("Server-Greeting", "Set-Up-Response", "Server-Start"),
    *("Request-TW-Session", "Accept-Session", "Start-Sessions", "Start-Ack"),
]
"""The control messages of a recorded two-way session up to its packets, a segment each."""


@pytest.mark.parametrize("item", TWO_WAY, ids=name_of)
@pytest.mark.parametrize("message", ["Request-TW-Session", "Accept-Session", *ORDER[5:]])
def test_a_changed_hmac_of_a_message_is_no_step(item: Recording, message: str) -> None:
    items = said(item.name)
    wrong = written(changed(items, ORDER.index(message), lambda one: one.flipped(-1)))
    theory, name, rule = NEAREST[message]
    found = outcomes(wrong, theory)
    [(refused_name, problem)] = refused(found)
    assert (refused_name, problem.nearest) == (name, rule)
    assert re.search(r"hmac\(.*\): expected [0-9a-f]{32}, found [0-9a-f]{32}", problem.reason)
    following = [reason for _, reason in left(found, is_abstraction=False)]
    assert set(following) <= {"it follows a step that no rule allows", "it cannot be read"}


@pytest.mark.parametrize("item", PROTECTED, ids=name_of)
@pytest.mark.parametrize("place", [0, 1], ids=["first", "second"])
def test_a_changed_hmac_of_a_packet_is_no_step(item: Recording, place: int) -> None:
    """The second packet of a two-way session is the reflector's."""
    items, two_way = said(item.name), item.protocol == "twamp"
    packets = [n for n, one in enumerate(items) if not one.is_control]
    end = 112 if two_way and place else 48
    wrong = changed(items, packets[place], lambda one: one.flipped(end - 1))
    found = outcomes(written(wrong), "rfc4656_reflection")
    problems = refused(found)
    mode = item.mode.capitalize()
    rule = "OWAMP_Send" if not two_way else ("TWAMP_Reflect" if place else "TWAMP_Send")
    assert problems[0][1].nearest == f"{rule}_{mode}"
    assert "hmac" in problems[0][1].reason
    # The reflector that answers a packet nobody could have sent takes no step either.
    assert len(problems) == (2 if two_way and not place else 1)
    assert steps(found), "the other packets are steps"


@pytest.mark.parametrize("item", [one for one in TWO_WAY if not one.ikev2], ids=name_of)
def test_a_token_of_another_connection_is_no_step(item: Recording) -> None:
    other = OTHER if item.name != OTHER else TWPING
    items, theirs = said(item.name), said(other)
    replayed = changed(items, 1, lambda one: replace(one, octets=theirs[1].octets))
    [(name, problem)] = refused(outcomes(written(replayed)))
    assert (name, problem.nearest) == ("Set-Up-Response", "Client_Set_Up_Response")
    assert problem.reason.startswith("token: challenge: expected ~challenge, found ")


def test_a_salt_of_an_earlier_connection_is_not_fresh() -> None:
    theirs, items = said(TWPING), said("probe-twampd-twamp-encrypted")
    greeting = items[0].octets[:32] + theirs[0].octets[32:48] + items[0].octets[48:]
    again = changed(items, 0, lambda one: replace(one, octets=greeting))
    [(_, problem)] = refused(outcomes(written(theirs, again)))
    assert problem.nearest == "Server_Greeting"
    assert problem.reason == "Fr(~salt): is not fresh"


def test_a_whole_connection_again_finds_its_values_not_fresh() -> None:
    [(name, problem)] = refused(outcomes(written(said(TWPING), said(TWPING))))
    assert (name, problem.nearest) == ("Server-Greeting", "Server_Greeting")
    assert problem.reason == "Fr(~challenge): is not fresh"


@pytest.mark.parametrize("theory", ["rfc4656", "rfc4656_reflection"])
@pytest.mark.parametrize("mode", ["authenticated", "encrypted"])
def test_a_packet_under_the_keys_of_another_connection_is_no_step(theory: str, mode: str) -> None:
    ours, theirs = said(f"twping-twampd-twamp-{mode}"), said(f"probe-serve-twamp-{mode}")
    packet = next(one.octets for one in theirs if not one.is_control)
    place = next(n for n, one in enumerate(ours) if not one.is_control)
    wrong = changed(ours, place, lambda one: replace(one, octets=packet))
    problems = refused(outcomes(written(wrong), theory))
    stem = "Sender_Packet" if theory == "rfc4656" else "TWAMP_Send"
    assert problems[0][0] == "TWAMP-Test packet"
    assert problems[0][1].nearest == f"{stem}_{mode.capitalize()}"


@pytest.mark.parametrize("mode", ["authenticated", "encrypted"])
def test_a_packet_under_the_keys_of_the_other_session_is_no_step(mode: str) -> None:
    """`owping` has a session each way over one connection; a packet of one comes in the other."""
    items = said(f"owping-owampd-owamp-{mode}")
    packets = [n for n, one in enumerate(items) if not one.is_control]
    first, last = packets[0], packets[-1]
    assert items[first].source != items[last].source
    crossed = changed(items, last, lambda one: replace(one, octets=items[first].octets))
    [(name, problem)] = refused(outcomes(written(crossed), "rfc4656_reflection"))
    assert (name, problem.nearest) == ("OWAMP-Test packet", f"OWAMP_Send_{mode.capitalize()}")


SWAPS = [
    (0, "Set-Up-Response", "Client_Set_Up_Response"),
    (1, "Server-Start", "Server_Start"),
    (2, "Request-TW-Session", "Client_Request_Session"),
    (3, "message", "Server_Accept_Session"),
]


@pytest.mark.parametrize(("place", "message", "rule"), SWAPS, ids=[case[1] for case in SWAPS])
def test_messages_in_another_order_are_no_run(place: int, message: str, rule: str) -> None:
    items = list(said(TWPING))
    items[place], items[place + 1] = items[place + 1], items[place]
    problems = refused(outcomes(written(items)))
    assert (problems[0][0], problems[0][1].nearest) == (message, rule)
    assert "unlike what happened" in problems[0][1].reason


@given(place=st.integers(1, 6), octet=st.integers(0, 2**16), bit=st.integers(0, 7))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_octet_under_an_hmac_can_change(place: int, octet: int, bit: int) -> None:
    """From the Token on, but for Mode and KeyID: the first says which theory's part it is in, and
    the second which secret.
    """
    items, message = list(said(TWPING)), ORDER[place]
    begin = {"Set-Up-Response": 84, "Server-Start": 16}.get(message, 0)
    place_in = begin + octet % (len(items[place].octets) - begin)
    wrong = bytearray(items[place].octets)
    wrong[place_in] ^= 1 << bit
    items[place] = replace(items[place], octets=bytes(wrong))
    capture = written(items)
    assert any(refused(outcomes(capture, theory)) for theory in ("rfc4656", "control_stream"))


def test_a_forged_token_looks_like_a_clients() -> None:
    """With perfect encryption its last blocks are a T1 and a T2: the check cannot see it."""
    greeting = ServerGreeting.parse(said(TWPING)[0].octets)
    key = derive_token_key(PSK_CREDENTIALS.shared_secret, greeting.salt, greeting.count)
    blocks = [greeting.challenge]
    for _ in range(4):
        blocks.append(aes_ecb_encrypt(key, blocks[-1]))
    response = said(TWPING)[1].octets
    forged = response[:84] + b"".join(blocks[1:]) + response[148:]
    items = changed(said(TWPING)[:2], 1, lambda one: replace(one, octets=forged))
    found = outcomes(written(items))
    assert steps(found) == SET_UP[:2]
    assert not refused(found)


# --------------------------------------------------------------- not in the model, unchecked


def test_nothing_of_the_unauthenticated_mode_is_in_the_model() -> None:
    path = DATA / "twping-twampd-twamp-unauthenticated.pcap"
    for theory in THEORIES:
        found = outcomes_of(path, theory)
        assert not steps(found)
        assert {reason for _, reason in left(found, is_abstraction=True)} == {
            "the unauthenticated mode"
        }


def test_a_second_session_over_a_connection_is_in_the_other_theory() -> None:
    items = said(OWPING)
    assert not refused(outcomes(written(items), "rfc4656_reflection"))
    reasons = {reason for _, reason in left(outcomes(written(items)), is_abstraction=True)}
    assert "a one-way session" in reasons


def test_a_capture_without_its_beginning_is_not_checked() -> None:
    found = outcomes(written(said(TWPING)[1:]))
    assert not steps(found)
    assert not refused(found)
    assert left(found, is_abstraction=False)


def test_a_count_above_the_limit_costs_nothing() -> None:
    found = outcomes_of(DATA / f"{TWPING}.pcap", "rfc4656", max_count=1024)
    assert not steps(found)
    reasons = {reason for _, reason in left(found, is_abstraction=False)}
    assert reasons == {"Count is 2048, and the limit 1024"}


@pytest.mark.parametrize("theory", THEORIES)
def test_what_receivers_ignore_in_a_greeting_may_be_anything(theory: str) -> None:
    items = changed(said(TWPING), 0, lambda one: replace(one, octets=b"\1" * 12 + one.octets[12:]))
    found = outcomes(written(items), theory)
    assert not refused(found)
    assert steps(found) == steps(outcomes(written(said(TWPING)), theory))


def test_fields_that_must_be_zero_are_none_of_a_rule() -> None:
    items = changed(said(TWPING), 0, lambda one: one.flipped(-1))
    [(name, problem)] = refused(outcomes(written(items)))
    assert (name, problem.nearest) == ("Server-Greeting", "Server_Greeting")
    assert "Server-Greeting: fields that the model leaves out are not usual" in problem.reason


def test_packets_with_an_extension_that_is_not_known_are_not_checked() -> None:
    """Reflect Octets and Symmetrical Size (RFC 6038): no theory has them, nor does the observer."""
    extended = [
        replace(one, octets=one.octets[:place] + bytes([bits]) + one.octets[place + 1 :])
        for one, place, bits in zip(said(TWPING)[:2], (15, 3), (0x6F, 0x64), strict=True)
    ]
    found = outcomes(written([*extended, *said(TWPING)[2:]]))
    assert not refused(found)
    packets = [why for name, why in left(found, is_abstraction=False) if "packet" in name]
    assert len(packets) == 6
    assert all(why.startswith("its layout, with ") for why in packets)


def test_a_packet_of_no_session_is_not_checked() -> None:
    stray = Said(("127.0.0.1", 5000), ("127.0.0.1", 5001), bytes(48), is_control=False)
    found = outcomes(written([*said(TWPING)[:3], stray]))
    assert not refused(found)
    assert [name for name, _ in left(found, is_abstraction=False)] in ([], ["test packet"])


def test_an_answer_to_what_was_not_captured_is_not_checked() -> None:
    items = list(said(TWPING))
    del items[next(n for n, one in enumerate(items) if not one.is_control)]
    found = outcomes(written(items))
    assert not refused(found)
    reason = "the packet that it answers is not in the capture"
    assert ("TWAMP-Test packet", reason) in left(found, is_abstraction=False)


def many_packets(number: int) -> bytes:
    items = said(TWPING)
    packets = [one for one in items if not one.is_control]
    return written([*items[:7], *packets[:2] * number])


def many_connections(number: int) -> bytes:
    writer = CaptureWriter()
    for one in range(number):
        session = Session(Setting(Protocol.TWAMP, Mode.ENCRYPTED), packets=1, seed=str(one))
        session.client_address = V4[0], 40_000 + one
        session.run().capture(writer)
    return writer.to_octets()


def many_sessions(number: int) -> bytes:
    """As many as packets, which belong to the last of them."""
    session = Session(Setting(Protocol.TWAMP, Mode.ENCRYPTED), packets=1)
    session.pump()
    opened = [session.request() for _ in range(number)]
    session.start()
    for _ in opened:
        session.test(opened[-1])
    session.close()
    return session.capture().to_octets()


@pytest.mark.parametrize(
    ("make", "theory"),
    [
        (many_packets, "rfc4656"),
        (many_connections, "rfc4656"),
        (many_connections, "control_stream"),
        (many_sessions, "rfc4656_reflection"),
    ],
)
def test_twice_the_capture_is_about_twice_the_work(
    make: Callable[[int], bytes], theory: str
) -> None:
    def work(capture: bytes) -> int:
        return steps_of(lambda: outcomes(capture, theory))

    captures = [make(number) for number in (10, 20, 40)]
    assert not refused(outcomes(captures[0], theory))  # and what is computed once is there
    small, middle, large = map(work, captures)
    assert large - middle < 2.3 * (middle - small)  # of n log n no more; of a square it is 4


# ---------------------------------------------------------------------------------- the command


def conform(*arguments: object) -> Result:
    given_ = [str(one) for one in arguments]
    return CliRunner().invoke(main, ["conform-model", "--models", str(MODELS), *given_])


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    spi_i, spi_r = IKEV2_CREDENTIALS.key_id[:8].hex(), IKEV2_CREDENTIALS.key_id[8:16].hex()
    text = f'[passphrases]\n{KEY_ID} = "{PASSPHRASE.decode()}"\n'
    text += f'[[ike_sa]]\nspi_i = "{spi_i}"\nspi_r = "{spi_r}"\n'
    text += f'shared_secret = "{IKEV2_CREDENTIALS.shared_secret.hex()}"\n'
    return private(tmp_path / "secrets.toml", text)


def of(name: str, secrets: Path) -> list[object]:
    return ["--pcap", DATA / f"{name}.pcap", "--pcap-port", PORT, "--secrets", secrets]


def test_the_command_tells_a_run(secrets: Path) -> None:
    result = conform(*of(TWPING, secrets))
    assert result.exit_code == 0, result.output
    assert "packet 6, Set-Up-Response: Client_Set_Up_Response, by the client" in result.output
    token = "cbc(pbkdf2(~psk, ~salt, $count), zero_iv, <~challenge, ~t1, ~t2>)"
    assert token in " ".join(result.output.split())
    assert "not in the model: 1 x Start-Sessions" in result.output
    assert result.output.endswith("nothing that was checked differs from one.\n")


def test_the_command_names_what_is_no_step(tmp_path: Path, secrets: Path) -> None:
    path = tmp_path / "wrong.pcap"
    path.write_bytes(written(changed(said(TWPING), 3, lambda one: one.flipped(-1))))
    told = tmp_path / "told.json"
    arguments = ["--pcap", path, "--pcap-port", PORT, "--secrets", secrets, "--json", told]
    result = conform(*arguments, "--model", "rfc4656")
    assert result.exit_code == 1
    assert re.search(
        r"connection 1, packet \d+: Request-TW-Session: no rule of rfc4656 allows it; "
        r"nearest is Client_Request_Session: hmac",
        result.output,
    )
    content = json.loads(told.read_text(encoding="utf-8"))
    [run] = content["runs"]
    [wrong] = [one for one in run["outcomes"] if one["result"] == "no step"]
    assert wrong["message"] == "Request-TW-Session"
    assert wrong["nearest"] == "Client_Request_Session"
    quiet = conform(*arguments, "--model", "rfc4656", "-q")
    assert quiet.exit_code == 1
    assert "Request-TW-Session" in quiet.output
    assert "Server_Greeting" not in quiet.output


def test_another_secret_may_be_why_a_token_is_no_step(tmp_path: Path) -> None:
    secrets = private(tmp_path / "secrets.toml", f'[passphrases]\n{KEY_ID} = "another"\n')
    result = conform(*of(TWPING, secrets), "--model", "rfc4656")
    assert result.exit_code == 1
    assert "packet 6: Set-Up-Response: no rule of rfc4656 allows it" in result.output
    assert "or the secret given here is not the one in use" in result.output


def test_a_capture_that_is_cut_off_is_checked_up_to_there(tmp_path: Path, secrets: Path) -> None:
    path, told = tmp_path / "cut.pcap", tmp_path / "told.json"
    path.write_bytes((DATA / f"{TWPING}.pcap").read_bytes()[:-100])
    arguments = ["--pcap", path, "--pcap-port", PORT, "--secrets", secrets]
    result = conform(*arguments, "--json", told)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("the capture ends here: cut off: expected ")
    [connection] = json.loads(told.read_text(encoding="utf-8"))["connections"]
    assert (connection["protocol"], connection["mode"]) == ("TWAMP", "encrypted")


def test_nothing_checked_has_its_exit_code(tmp_path: Path, secrets: Path) -> None:
    assert conform(*of("twping-twampd-twamp-unauthenticated", secrets)).exit_code == 8
    without = conform("--pcap", DATA / f"{TWPING}.pcap", "--pcap-port", PORT)
    assert without.exit_code == 8
    assert "not checked: 14 x the shared secret is not given" in without.output
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(written(said(TWPING))[:24])
    assert conform("--pcap", empty, "--secrets", secrets).exit_code == 8
    assert conform("--pcap", secrets).exit_code == 3


@pytest.mark.parametrize("name", [TWPING, OWPING, "probe-serve-twamp-encrypted-ikev2"])
def test_the_command_tells_no_secret(name: str, secrets: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    result = conform(*of(name, secrets), "--json", told)
    assert result.exit_code == 0, result.output
    text = result.output + told.read_text(encoding="utf-8")
    for secret in (PSK_CREDENTIALS.shared_secret, IKEV2_CREDENTIALS.shared_secret):
        assert secret.hex() not in text
    assert PASSPHRASE.decode() not in text
    for report in report_capture(DATA / f"{name}.pcap", CREDENTIALS, None, (PORT,)):
        keys = report.observer.control_keys
        assert keys is not None
        sessions = [item.session.keys for item in report.observer.sessions]
        known = [keys.t1, keys.t2, *(one.t3 for one in sessions if one)]
        known += [one.t4 for one in sessions if one]
        assert not [one for one in known if one.hex()[:32] in text]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--pcap", "x", "--runs", "3"], "--runs: has no use with --pcap"),
        (["--pcap-port", "3"], "--pcap-port: has no use without --pcap"),
        (["--secrets", "x"], "--secrets: has no use without --pcap"),
        (["--pcap", "x", "--model", "ikev2_sa"], "--model: expected control_stream, mixed_mode, "),
    ],
)
def test_options_that_would_do_nothing_are_refused(arguments: list[str], text: str) -> None:
    result = conform(*arguments)
    assert result.exit_code == 2
    assert text in result.output


def test_every_recording_is_small() -> None:
    names = {path.stem for path in DATA.glob("*.pcap")}
    assert names == {one.name for one in RECORDINGS}
    assert all(path.stat().st_size < 40_000 for path in DATA.glob("*.pcap"))
    assert recording(TWPING).programs() >= {"twping", "twampd"}
