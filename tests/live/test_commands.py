"""`owamp-vectors serve` and `owamp-vectors probe`, as their users run them."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from owamp_reference.messages import ServerGreeting
from owamp_reference.negotiation import Mode
from owamp_vectors.commands import probe as probe_command
from owamp_vectors.commands.cli import main
from owamp_vectors.live.capture.capture import Capture
from owamp_vectors.live.probe.config import ProbeConfig
from owamp_vectors.live.probe.probe import ProbeReport

from ..reference.support import KEY_ID, PASSPHRASE, SK_D, SPI_I, SPI_R
from .peers import playing, private, run

WAIT = 60
SPIS = ("--spi-i", SPI_I.hex(), "--spi-r", SPI_R.hex())
PRF = ("--prf", "PRF_HMAC_SHA2_256")


def cli(*arguments: object, prompt: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=prompt)


def refused(result: Result, code: int) -> str:
    """The last line of an error."""
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stderr.strip().splitlines()[-1]


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    return private(tmp_path / "passphrase", PASSPHRASE.decode() + "\n")


@pytest.fixture
def sk_d(tmp_path: Path) -> Path:
    return private(tmp_path / "sk_d", SK_D.hex() + "\n")


class Served:
    """A `serve` that runs in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"listening on (127\.0\.0\.1:\d+)\n", line)
        assert match, line
        self.address = match[1]
        self.log = ""

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        self.process.send_signal(number)
        _, self.log = self.process.communicate(timeout=WAIT)
        return self.process.returncode


PROGRAM = "from owamp_vectors.commands.cli import main; main()"
WRONG_PROGRAM = """
import sys
from owamp_vectors.commands.cli import main
from owamp_vectors.mistakes import MISTAKES
with MISTAKES[sys.argv.pop(1)].applied():
    main()
"""


@contextmanager
def serve(
    *arguments: object, mistake: str | None = None, log: Path | None = None
) -> Iterator[Served]:
    """A `serve`; what it logs is in `Served.log` at its end, or in a file."""
    program = ("-c", PROGRAM) if mistake is None else ("-c", WRONG_PROGRAM, mistake)
    command = [sys.executable, *program, "serve", "--port", "0", *map(str, arguments)]
    with ExitStack() as stack:
        errors = subprocess.PIPE if log is None else stack.enter_context(log.open("wb"))
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8"
        )
    try:
        yield Served(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=WAIT)


QUICK = ("--count", 3, "--interval", 0.01, "--loss-timeout", 0.5)


def test_two_processes_and_their_captures(passphrase: Path, tmp_path: Path) -> None:
    secret = ("--key-id", KEY_ID, "--passphrase", passphrase)
    report, capture, other = (tmp_path / name for name in ("r.json", "a.pcap", "b.pcap"))
    with serve(*secret, "--write-pcap", other) as served:
        run = (served.address, *secret, *QUICK, "--json", report, "--write-pcap", capture)
        result = cli("probe", *run, "--octets")
        assert result.exit_code == 0, result.output
        assert served.end() == 0
    assert result.stdout.endswith("Everything is right.\n")
    assert "3 of 3 test packets were reflected (RFC 5357 §4.2.1)" in result.stdout
    assert re.search(r"\n +12 +4  Modes +00000006 = 6 \(", result.stdout), "a field of a message"
    assert re.search(r"127\.0\.0\.1:\d+ set up: encrypted, KeyID 'alice'\n", served.log)
    content = json.loads(report.read_text(encoding="utf-8"))
    assert content["complete"] is True
    assert content["verdicts"]["wrong"] == 0
    # From the greeting to Start-Ack, the test packets, what came of them, stop and end.
    assert content["numberOfSteps"] == len(content["steps"]) == 7 + 6 + 3
    port = served.address.split(":")[1]
    for path in (capture, other):
        found = cli("probe", "--pcap", path, "--pcap-port", port, *secret)
        assert found.exit_code == 0, found.output
        assert found.stdout.count("TWAMP-Test packet  ok") == 6
    written = [passphrase.parent / name for name in ("r.json", "a.pcap", "b.pcap")]
    for octets in [result.output.encode(), served.log.encode(), *(p.read_bytes() for p in written)]:
        assert PASSPHRASE not in octets
        assert PASSPHRASE.hex().encode() not in octets


@pytest.mark.parametrize("protocol", ["owamp", "twamp"])
def test_a_key_from_ikev2(protocol: str, sk_d: Path, tmp_path: Path) -> None:
    toml = f"""
        [passphrases]
        {KEY_ID} = "{PASSPHRASE.decode()}"
        [[ike_sa]]
        spi_i = "{SPI_I.hex()}"
        spi_r = "{SPI_R.hex()}"
        prf = "PRF_HMAC_SHA2_256"
        sk_d = "{SK_D.hex()}"
    """
    secrets = private(tmp_path / "secrets.toml", toml)
    with serve("--protocol", protocol, "--secrets", secrets) as served:
        common = ("probe", served.address, "--protocol", protocol, *QUICK)
        for secret in ((*SPIS, *PRF, "--sk-d", sk_d), (*SPIS, "--secrets", secrets)):
            result = cli(*common, *secret, "--mode", "authenticated")
            assert result.exit_code == 0, result.output
            assert f"SPIi {SPI_I.hex()}" in result.stdout
        prompted = cli(*common, "--key-id", KEY_ID, prompt=PASSPHRASE.decode() + "\n")
        assert prompted.exit_code == 0, prompted.output
        assert PASSPHRASE.decode() not in prompted.output
        wrong = cli(*common, *SPIS, *PRF, "--keymat", sk_d, "--sid", "00" * 16)
        assert wrong.exit_code == 8
        assert "Accept 1" in wrong.stdout
        assert "Not all steps could be taken." in wrong.stderr
        assert served.end(signal.SIGINT) == 0
    assert SK_D.hex() not in served.log


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("TestKeysAreControlKeys", "under the control keys T1, T2"),
        ("ServerHmacWithoutServerStart", "before a command was answered"),
    ],
)
def test_a_server_with_a_named_mistake(flag: str, said: str, passphrase: Path) -> None:
    secret = ("--key-id", KEY_ID, "--passphrase", passphrase)
    with serve("--protocol", "owamp", *secret, mistake=flag) as served:
        run = ("--protocol", "owamp", "--direction", "receive", *QUICK)
        result = cli("probe", served.address, *secret, *run)
    assert result.exit_code == 1, result.output
    assert "Something is wrong." in result.stderr
    assert said in result.stdout


# What a server takes that it has to refuse


@pytest.mark.parametrize("protocol", ["owamp", "twamp"])
@pytest.mark.parametrize("mode", ["authenticated", "encrypted"])
def test_our_server_refuses_all_that_it_has_to(
    protocol: str, mode: str, passphrase: Path, tmp_path: Path
) -> None:
    secret = ("--key-id", KEY_ID, "--passphrase", passphrase, "--protocol", protocol)
    with serve(*secret) as served:
        report = tmp_path / "report.json"
        asked = ("--negative", "--mode", mode, "--json", report)
        result = cli("probe", served.address, *secret, *asked)
    assert result.exit_code == 0, result.output
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["complete"] is True
    assert found["verdicts"] == {"ok": found["numberOfSteps"], "note": 0, "wrong": 0}
    assert "Mode 1, not offered" in {step["name"] for step in found["steps"]}


@pytest.mark.parametrize(
    ("flag", "taken"),
    [
        ("ChallengeUnchecked", ["a wrong Challenge in the Token"]),
        ("HmacFirstUnchecked", ["a wrong HMAC of the request"]),
        ("HmacFirstAlone", ["a wrong HMAC of Start-Sessions", "a wrong HMAC of Stop-Sessions"]),
        ("TestHmacUnchecked", ["a wrong HMAC of a test packet"]),
        ("ModeNotOffered", ["Mode 1, not offered"]),
    ],
)
def test_what_a_wrong_server_takes_is_said(flag: str, taken: list[str], passphrase: Path) -> None:
    secret = ("--key-id", KEY_ID, "--passphrase", passphrase)
    with serve(*secret, mistake=flag) as served:
        result = cli("probe", served.address, *secret, "--negative")
    assert result.exit_code == 1, result.output
    for name in taken:
        assert re.search(rf"{name}  wrong: it was (accepted|reflected)", result.stdout)
    assert "no fault  ok: it was accepted" in result.stdout


def test_without_the_right_secret_nothing_can_be_asked(passphrase: Path, tmp_path: Path) -> None:
    other = private(tmp_path / "other", "another\n")
    with serve("--key-id", KEY_ID, "--passphrase", passphrase) as served:
        secret = ("--key-id", KEY_ID, "--passphrase", other)
        result = cli("probe", served.address, *secret, "--negative")
        assert result.exit_code == 8, result.output
        assert "it does not accept what has no fault" in result.stderr
        no_secret = cli("probe", served.address, "--negative")
        assert "--negative: expected a secret, found none" in refused(no_secret, 2)
        written = cli("probe", served.address, *secret, "--negative", "--write-pcap", "x")
        assert "expected no --write-pcap" in refused(written, 2)
    assert refused(cli("probe", "127.0.0.1:1", *secret, "--negative"), 7).endswith(
        "connection refused"
    )


def test_steps_are_shown_while_the_peer_says_nothing() -> None:
    """The peer goes on only once the first steps are read, so they cannot have come at the end."""

    async def main() -> tuple[str, str, int | None]:
        was_read = asyncio.Event()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(ServerGreeting(1, bytes(16), bytes(16), 1024).to_octets())
            await was_read.wait()

        async with playing(script) as port:
            command = ("-c", PROGRAM, "probe", f"127.0.0.1:{port}", "--timeout", str(WAIT))
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdout=PIPE, stderr=PIPE
            )
            assert process.stdout is not None
            early = await process.stdout.readline() + await process.stdout.readline()
            was_read.set()
            late, _ = await process.communicate()
        return early.decode(), late.decode(), process.returncode

    early, late, code = run(main())
    assert [line.split()[:3] for line in early.splitlines()] == [
        ["1", "server", "Server-Greeting"],
        ["2", "client", "Set-Up-Response"],
    ]
    assert re.match(r" +3  server      end  wrong: the connection ends ", late)
    assert code == 1


def test_what_is_shown_at_once_is_the_report(passphrase: Path, tmp_path: Path) -> None:
    secret = ("--key-id", KEY_ID, "--passphrase", passphrase)
    report = tmp_path / "report.json"
    with serve(*secret) as served:
        result = cli("probe", served.address, *secret, *QUICK, "--json", report)
    steps = json.loads(report.read_text(encoding="utf-8"))["steps"]
    lines = result.stdout.splitlines()
    assert lines.pop() == "Everything is right."
    assert len(steps) == len(lines)
    for number, (step, line) in enumerate(zip(steps, lines, strict=True), 1):
        assert line.startswith(f"{number:4}  {step['who']:10}  {step['name']}  ok: {step['text']}")


def test_several_hosts() -> None:
    hosts = ("--host", "127.0.0.1", "--host", "127.0.0.2")
    with serve(*hosts) as served:
        assert cli("probe", served.address, *QUICK).exit_code == 0
        assert served.process.stdout is not None
        other = served.process.stdout.readline().split()[-1]
        assert other.startswith("127.0.0.2:")
        assert cli("probe", other, *QUICK).exit_code == 0
    bad = cli("serve", *hosts, "--host", "192.0.2.1", "--port", "0")
    assert "127.0.0.1, 127.0.0.2, 192.0.2.1, port 0: " in refused(bad, 7)


def test_the_limits_of_a_server_can_be_chosen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    limits = ("--max-packets", 2, "--test-ports", f"{port}-{port}", "--start-ahead", 1)
    with serve("--protocol", "owamp", *limits) as served:
        quick = ("--protocol", "owamp", "--interval", 0.01, "--loss-timeout", 0.5)
        few = cli("probe", served.address, *quick, "--count", 2)
        assert few.exit_code == 0, few.output
        assert f"Port {port}," in few.output
        many = cli("probe", served.address, *quick, "--count", 3)
        assert "Accept 4, permanent resource limitation" in many.output
        assert served.end() == 0
    assert "Number of Packets: expected at most 2, found 3" in served.log
    for wrong in ("5", "7-6", "0-9", "1-65536", "a-b"):
        found = refused(cli("serve", "--test-ports", wrong), 2)
        assert f"expected LOW-HIGH, from 1 to 65535, found {wrong!r}" in found


def test_nobody_there_is_exit_code_7() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        assert refused(cli("probe", address), 7).startswith("Error: 127.0.0.1, port ")
        bound.listen()
        taken = cli("serve", "--port", address.split(":")[1])
    assert "Error: 127.0.0.1, port " in refused(taken, 7)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 862),
        ("192.0.2.1:99", "192.0.2.1", 99),
        ("example.org:1", "example.org", 1),
        ("[2001:db8::1]:5", "2001:db8::1", 5),
        ("[::1]", "::1", 862),
        ("2001:db8::1", "2001:db8::1", 862),
        ("fe80::1%eth0", "fe80::1%eth0", 862),
    ],
)
def test_addresses(text: str, host: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    async def probe(config: ProbeConfig, *where: Any) -> ProbeReport:
        seen.extend([config, *where])
        return ProbeReport(is_complete=True)

    monkeypatch.setattr(probe_command, "run_probe", probe)
    assert cli("probe", text).exit_code == 0
    assert seen[1:3] == [host, port]
    assert seen[0].security is Mode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "text", ["", ":1", "a:b", "a:0", "a:65536", "[::1", "[::1]:", "[]:1", "a b:c", "x::y"]
)
def test_addresses_that_are_none(text: str) -> None:
    assert "expected HOST:PORT" in refused(cli("probe", text), 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("probe",), "HOST:PORT or --pcap"),
        (("probe", "x", "--pcap", "y"), "HOST:PORT or --pcap"),
        (("probe", "x", "--mode", "encrypted"), "expected a secret"),
        (("probe", "x", "--protocol", "owamp", "--mode", "mixed", "FILE"), "mixed"),
        (("probe", "x", "--spi-i", "00"), "expected 8 octets in hex"),
        (("probe", "x", "--spi-i", "0011223344556677"), "--spi-i and --spi-r together"),
        (("probe", "x", *SPIS), "expected a secret of the IKE SA"),
        (("probe", "x", *SPIS, "--key-id", "a"), "found both"),
        (("probe", "x", *SPIS, "--passphrase", "FILE"), "expected --key-id"),
        (("probe", "x", *SPIS, "--sk-d", "FILE"), "prf: expected one of"),
        (
            ("probe", "x", *SPIS, *PRF, "--sk-d", "FILE", "--keymat", "FILE"),
            "found sk_d and keymat",
        ),
        (("probe", "x", *SPIS, *PRF, "--keymat", "FILE"), "SID: expected one with KEYMAT"),
        (("probe", "x", "--sk-d", "FILE"), "--sk-d: expected --key-id, or"),
        (("probe", "x", "--key-id", "a", "--sk-d", "FILE"), "--key-id: expected --passphrase"),
        (("probe", "x", "--key-id", "a" * 81, "--shared-secret", "FILE"), "at most 80 octets"),
        (("probe", "x", "--key-id", "a", "--secrets", "TOML"), "found none"),
        (("serve", "--modes", "best"), "'best'"),
        (("serve", "--host", ""), "found an empty one"),
        (("serve", "--max-connections", str(2**64)), str(2**64)),
        (("serve", "--servwait", "nan"), "nan"),
        (("probe", "--timeout", "inf", "127.0.0.1:1"), "inf"),
        (("serve", "--modes", "encrypted"), "expected a secret"),
        (("serve", "--protocol", "owamp", "--modes", "mixed"), "RFC 5618"),
        (("serve", "--count", "1000"), "1024"),
        (("serve", "--count", "1025"), "power of 2"),
    ],
)
def test_what_does_not_go_together(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    private(tmp_path / "FILE", "00" * 32)
    private(tmp_path / "TOML", '[passphrases]\nother = "x"\n')
    named = [str(tmp_path / item) if item in ("FILE", "TOML") else item for item in arguments]
    if named[-1] == str(tmp_path / "FILE") and "mixed" in named:
        named = [*named[:-1], "--key-id", "a", "--shared-secret", named[-1]]
    assert said in refused(cli(*named), 2)


def test_a_shared_secret_goes_with_a_key_id(tmp_path: Path) -> None:
    secret = private(tmp_path / "secret", "00ff" * 8)
    with serve("--key-id", "x", "--shared-secret", secret, "--modes", "mixed") as served:
        run = ("--key-id", "x", "--shared-secret", secret, "--mode", "mixed", *QUICK)
        assert cli("probe", served.address, *run).exit_code == 0


@pytest.mark.parametrize(("text", "said"), [("a\rb", "no newline"), ("a\u00e9", "expected ASCII")])
def test_a_passphrase_that_rfc_5357_does_not_allow(tmp_path: Path, text: str, said: str) -> None:
    """RFC 5357 §3.1; OWAMP may have other characters than ASCII."""
    secrets = private(tmp_path / "secrets.toml", f"[passphrases]\nx = {json.dumps(text)}\n")
    assert said in refused(cli("serve", "--secrets", secrets), 3)
    assert said in refused(cli("probe", "x", "--secrets", secrets), 3)
    alone = private(tmp_path / "alone", "a\u00e9")
    named = ("--key-id", "x", "--passphrase", alone)
    assert f"{alone}: passphrase: expected ASCII" in refused(cli("probe", "x", *named), 3)
    found = refused(cli("probe", "--protocol", "owamp", *named, "--mode", "mixed", "x"), 2)
    assert "found mixed" in found, "the passphrase is taken"


def test_files_that_cannot_be_used(tmp_path: Path, passphrase: Path) -> None:
    missing = tmp_path / "missing"
    assert "cannot be read" in refused(cli("serve", "--secrets", missing), 3)
    assert "cannot be read" in refused(cli("probe", "--pcap", missing), 3)
    passphrase.chmod(0o644)
    result = cli("probe", "x", "--key-id", "a", "--passphrase", passphrase)
    assert "chmod 600" in refused(result, 3)


def test_the_exit_codes_tell_right_wrong_and_not_checked(passphrase: Path, tmp_path: Path) -> None:
    secret = ("--key-id", KEY_ID, "--passphrase", passphrase)
    path = tmp_path / "seen.pcap"
    with serve(*secret) as served:
        port = served.address.split(":")[1]
        assert cli("probe", served.address, *secret, *QUICK, "--write-pcap", path).exit_code == 0
        refused_mode = cli("probe", served.address, *QUICK)
        assert refused_mode.exit_code == 8
        assert "Not all steps could be taken." in refused_mode.stderr
    seen = ("probe", "--pcap", path, "--pcap-port", port)
    right = cli(*seen, *secret)
    assert right.exit_code == 0, right.output
    assert "Test packets  ok: 3 test packets sent, 3 of them reflected" in right.stdout
    other = private(tmp_path / "other", "another\n")
    for unknown in ((), ("--key-id", KEY_ID, "--passphrase", other)):
        result = cli(*seen, *unknown)
        assert result.exit_code == 8, result.output
        assert "Nothing was checked" in result.stderr
        assert "wrong" not in result.stdout
    taken_for_owamp = cli(*seen, *secret, "--protocol", "owamp")
    assert taken_for_owamp.exit_code == 1, "what --protocol says counts"


def test_an_empty_capture_has_nothing_to_look_at(tmp_path: Path) -> None:
    path, report = tmp_path / "none.pcap", tmp_path / "none.json"
    Capture(path).close()
    result = cli("probe", "--pcap", path, "--json", report)
    assert result.exit_code == 8
    assert "No control connection" in result.stderr
    assert json.loads(report.read_text(encoding="utf-8")) == {"connections": []}


@pytest.mark.parametrize("command", ["serve", "probe"])
def test_help_has_examples_and_exit_codes(command: str) -> None:
    output = cli(command, "--help").output
    assert "Examples:" in output
    assert "Exit codes:" in output


def test_no_passphrase_at_the_prompt_is_a_wrong_command_line() -> None:
    result = cli("probe", "--key-id", KEY_ID, "127.0.0.1:1", prompt="")
    assert result.exit_code == 2
    assert "--passphrase: expected a file" in result.output
