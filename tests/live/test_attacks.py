"""`probe --attacks`: the attacks and honest runs of the models, played with a live server."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from owamp_reference.messages import ServerGreeting
from owamp_reference.negotiation import Mode, Protocol
from owamp_vectors.claims.declared import Claims, load
from owamp_vectors.claims.ledger import Ledger
from owamp_vectors.live.probe.attacks import target
from owamp_vectors.live.probe.attacks.run import (
    NOT_PLAYED,
    LiveAttack,
    Played,
    attacks,
    honest_runs,
    run_attacks,
)
from owamp_vectors.live.probe.attacks.target import Peer
from owamp_vectors.live.secrets import Secrets
from owamp_vectors.mistakes import MISTAKES

from ..reference.support import IKEV2_CREDENTIALS, KEY_ID, PASSPHRASE, Setting
from .attacks import ALL_MODES, PAGE, outcomes, page, played_with_serve, recorded, recorded_of
from .peers import SECRETS, plan, playing, private, run, serving
from .test_commands import cli, passphrase, refused, serve

__all__ = ["passphrase"]

ROOT = Path(__file__).parents[2]
TWAMP, OWAMP = Protocol.TWAMP, Protocol.OWAMP
EVERY = [attack for one in Protocol for attack in (*honest_runs(one), *attacks(one))]


@pytest.fixture(scope="module")
def claims() -> Claims:
    return load(ROOT / "models", ROOT / "vectors")


# What is played


def test_each_attack_is_of_a_claim_of_its_kind(claims: Claims) -> None:
    """An honest run is verified to be possible; the claims of one attack have one verdict."""
    by_id, ledger = {one.id: one for one in claims.claims}, Ledger.load(ROOT / "models" / "proofs")
    for attack in EVERY:
        found = [by_id[name] for name in attack.claims]
        assert {one.kind for one in found} == {"sanity" if attack.is_honest else "claim"}
        entries = [ledger.entries[one.job] for one in found]
        assert len({entry.verdict for entry in entries}) == 1, attack


def test_each_attack_on_what_the_rfcs_specify_is_played_or_there_is_a_reason(
    claims: Claims,
) -> None:
    """What concerns IKEv2 alone is no attack on a server of OWAMP or TWAMP."""
    falsified = {
        one.id
        for one in claims.claims
        if one.expected == "falsified"
        and one.kind == "claim"
        and one.source.startswith(("RFC 4656", "RFC 5357", "RFC 5618", "RFC 7717"))
    }
    played = {name for attack in EVERY for name in attack.claims}
    assert falsified - played == set(NOT_PLAYED)
    assert not played & set(NOT_PLAYED)


# What peers do


@pytest.mark.parametrize("protocol", list(Protocol), ids=str)
def test_serve_does_as_it_is_recorded(protocol: Protocol, claims: Claims) -> None:
    """It follows the RFCs, so that it falls for what is falsified of them, but for one SID."""
    played = played_with_serve(protocol)
    assert outcomes(played) == recorded_of("serve", protocol)
    expected = {one.id: one.expected for one in claims.claims}
    for one in played:
        if "same-sid-reflection" in one.attack.claims:
            assert one.outcome.peer is Peer.RESISTS
            continue
        is_falsified = expected[one.attack.claims[0]] == "falsified"
        does = Peer.FALLS if is_falsified else Peer.RESISTS
        assert one.outcome.peer is (Peer.RUNS if one.attack.is_honest else does), one


def test_the_page_shows_what_is_recorded() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text, recorded()) == text


def played_with(setting: Setting, modes: int, **served: Any) -> list[Played]:
    """All attacks on a service that offers these modes."""

    async def main() -> list[Played]:
        async with serving(setting, modes=modes, **served) as running:
            config = plan(setting)
            return await run_attacks(config, "127.0.0.1", running.port)

    return run(main())


def of(played: list[Played], claim: str) -> list[Played]:
    return [one for one in played if claim in one.attack.claims]


ENCRYPTED = Setting(TWAMP, Mode.ENCRYPTED)


def test_a_server_that_offers_the_encrypted_mode_alone() -> None:
    """Then it takes no other, and what needs another cannot be told."""
    played = played_with(ENCRYPTED, modes=4)
    (mixed,) = of(played, "mixed-encrypted")
    assert mixed.outcome.peer is Peer.RESISTS
    assert mixed.outcome.text.endswith("; it does not offer Mode 8")
    assert mixed.claims == ("no-mixed-encrypted",)
    (other, back) = of(played, "mode-agreement")
    assert other.outcome.peer is Peer.RESISTS
    assert other.outcome.text.endswith("; it does not offer Mode 2")
    for one in (back, *of(played, "reflector-answers-itself"), *of(played, "mixed-authenticated")):
        assert one.outcome.peer is Peer.NOT_TOLD
        assert "does not offer the authenticated mode" in one.outcome.text
    (own,) = of(played, "reflector-packet-encrypted")
    assert own.outcome.peer is Peer.RESISTS


def test_a_secret_of_ikev2() -> None:
    setting = Setting(TWAMP, Mode.ENCRYPTED, ikev2_derived=True)
    played = played_with(setting, modes=128 | 15, secrets=Secrets((IKEV2_CREDENTIALS,)))
    assert outcomes(played) == recorded_of("serve", TWAMP)


def test_the_control_attacks_in_the_mixed_mode() -> None:
    played = played_with(replace(ENCRYPTED, security=Mode.MIXED), modes=8)
    assert of(played, "token-forgery")[0].outcome.peer is Peer.FALLS
    (of_keys,) = of(played, "test-to-control")
    assert of_keys.outcome.peer is Peer.NOT_TOLD
    assert of_keys.outcome.text == "the mode has no T3 and T4"


@pytest.mark.parametrize(
    ("flag", "modes", "falls"),
    [
        (
            "TestHmacUnchecked",
            15,
            ["encrypted-to-reflector", "reflector-packet-encrypted", "authenticated-number"],
        ),
        ("ModeNotOffered", 4, ["no-mixed-encrypted"]),
    ],
)
def test_a_wrong_server_falls_for_more(flag: str, modes: int, falls: list[str]) -> None:
    """What is verified of the RFCs credits what these servers leave out."""
    with MISTAKES[flag].applied():
        played = played_with(ENCRYPTED, modes)
    for claim in falls:
        (one,) = (one for one in played if claim in one.claims)
        assert one.outcome.peer is Peer.FALLS, one


# What is not done


def test_without_an_honest_run_nothing_is_attacked() -> None:
    """The secret is another one."""
    other = replace(SECRETS.credentials[0], shared_secret=b"another")
    played = played_with(ENCRYPTED, modes=15, secrets=Secrets((other,)))
    assert all(one.attack.is_honest for one in played)
    assert {one.outcome.peer for one in played} == {Peer.NOT_TOLD}


def test_all_goes_to_the_named_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may stand for several hosts: it is looked up once."""
    hosts: list[str] = []
    connect: Callable[..., Any] = asyncio.open_connection

    async def counting(host: str, port: int, **more: Any) -> Any:
        hosts.append(host)
        return await connect(host, port, **more)

    monkeypatch.setattr(asyncio, "open_connection", counting)

    async def main() -> None:
        async with serving(ENCRYPTED, modes=15) as running:
            await run_attacks(plan(ENCRYPTED), "localhost", running.port)

    run(main())
    assert hosts[0] == "localhost"
    assert set(hosts[1:]) == {socket.gethostbyname("localhost")}


def test_each_attack_is_bounded() -> None:
    async def main() -> None:
        async with serving(ENCRYPTED) as running:
            bounded = target.AttackedHost(plan(ENCRYPTED), "127.0.0.1", running.port)
            async with bounded.line() as line:
                await line.set_up()
                session = await line.ask()
                for _ in range(target.DATAGRAMS):
                    line.send_packet(session, b"")
                with pytest.raises(target.NotToldError, match="are not sent"):
                    line.send_packet(session, b"")
            for _ in range(target.CONNECTIONS - 1):
                async with bounded.line():
                    pass
            with pytest.raises(target.NotToldError, match="are not made"):
                async with bounded.line():
                    pass

    run(main())


GREETINGS = {
    "silence": b"",
    "no Count": ServerGreeting(4, bytes(16), bytes(16), 0).to_octets(),
    "a Count without end": ServerGreeting(4, bytes(16), bytes(16), 2**31).to_octets(),
    "no service": ServerGreeting(0, bytes(16), bytes(16), 1024).to_octets(),
    "a part": bytes(63),
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
def test_a_peer_that_is_no_server(greeting: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()

    async def main() -> list[Played]:
        async with playing(script) as port:
            return await run_attacks(plan(ENCRYPTED, timeout=0.2), "127.0.0.1", port)

    assert {one.outcome.peer for one in run(main())} == {Peer.NOT_TOLD}


@pytest.mark.parametrize("kept", [64, 80, 111, 112, 150])
def test_garbage_in_answer(kept: int) -> None:
    """A server that is right up to some octet of what it sends."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            (ServerGreeting(15, bytes(16), bytes(16), 1024).to_octets() + bytes(47))[:kept]
        )
        await reader.readexactly(164)
        writer.write(bytes(range(256)))

    async def main() -> list[Played]:
        async with playing(script) as port:
            return await run_attacks(plan(ENCRYPTED, timeout=0.2), "127.0.0.1", port)

    assert {one.outcome.peer for one in run(main())} == {Peer.NOT_TOLD}


# The command

OWN = ("--attacks", "--i-own-this-host")


def test_the_command_says_which_the_peer_resists(
    passphrase: Path, tmp_path: Path, claims: Claims
) -> None:
    secret = ("--key-id", KEY_ID, "--passphrase", passphrase, "--loss-timeout", 1)
    report = tmp_path / "report.json"
    with serve(*secret[:4], "--protocol", "owamp") as served:
        command = ("probe", served.address, *secret, "--protocol", "owamp", *OWN)
        result = cli(*command, "--json", report)
    assert result.exit_code == 1, result.output
    content = json.loads(report.read_text(encoding="utf-8"))
    lines = result.stdout.splitlines()
    assert re.split("  +", lines[0])[:4] == ["peer", "claim", "prover", "mode"]
    assert (
        lines[-1] == f"{len(NOT_PLAYED)} falsified claims cannot be played with a server alone; "
        "--json says why."
    )
    assert len(content["played"]) == len(lines) - 4
    by_id = {one.id: one for one in claims.claims}
    for line, one in zip(lines[1:], content["played"], strict=False):
        assert line.startswith(one["peer"])
        assert one["sent"] in line
        for claim in one["claims"]:
            assert claim["id"] in line
            assert claim["statement"] == by_id[claim["id"]].statement
            assert claim["verdict"] == by_id[claim["id"]].expected
    numbers = content["outcomes"]
    assert f"Of {numbers['falls'] + numbers['resists']} attacks the peer resists" in lines[-2]
    assert f"The peer falls for {numbers['falls']}." in result.stderr
    assert content["complete"] is True
    assert content["notPlayed"] == NOT_PLAYED
    for text in (result.output, served.log, report.read_text(encoding="utf-8")):
        assert PASSPHRASE.decode() not in text


def test_the_command_needs_the_owners_word(passphrase: Path, tmp_path: Path) -> None:
    secret = ("--key-id", KEY_ID, "--passphrase", passphrase)
    reached: list[bool] = []

    async def script(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        reached.append(True)

    async def main() -> None:
        async with playing(script) as port:
            peer = f"127.0.0.1:{port}"
            result = await asyncio.to_thread(cli, "probe", peer, *secret, "--attacks")
            assert "--attacks: expected --i-own-this-host with it, found none" in refused(result, 2)
            assert "attack no host but your own" in result.stderr

    run(main())
    assert not reached
    peer = "127.0.0.1:1"
    for more, said in (
        (("--i-own-this-host",), "--i-own-this-host: expected --attacks with it"),
        ((*OWN, "--negative"), "--attacks: expected neither --negative nor --pcap"),
        ((*OWN, "--write-pcap", tmp_path / "x"), "--attacks: expected no --write-pcap"),
    ):
        assert said in refused(cli("probe", peer, *secret, *more), 2)
    assert "--attacks: expected a secret" in refused(cli("probe", peer, *OWN), 2)
    assert refused(cli("probe", peer, *secret, *OWN), 7).endswith("connection refused")
    other = private(tmp_path / "other", "another\n")
    with serve(*secret) as served:
        wrong = ("--key-id", KEY_ID, "--passphrase", other)
        result = cli("probe", served.address, *wrong, *OWN)
    assert result.exit_code == 8
    assert "Nothing was checked: no honest session runs." in result.stderr


def test_attacks_are_named_once() -> None:
    def named(attack: LiveAttack) -> tuple[str, Mode | None]:
        return attack.name, attack.mode

    for protocol in Protocol:
        names = [named(attack) for attack in (*honest_runs(protocol), *attacks(protocol))]
        assert len(set(names)) == len(names)
    assert set(ALL_MODES) == set(Protocol)
