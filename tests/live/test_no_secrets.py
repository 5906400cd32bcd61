"""Nothing that either end writes, and no exception, holds a secret: shared or derived."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig
from owamp_reference.events import Event, TestSession
from owamp_reference.negotiation import Credentials, Mode
from owamp_reference.token import derive_token_key
from owamp_vectors.live.capture.capture import Capture
from owamp_vectors.live.observe.captured import report_capture
from owamp_vectors.live.observe.observer import Observer
from owamp_vectors.live.observe.steps import steps_to_json, text_lines
from owamp_vectors.live.probe.config import Direction
from owamp_vectors.live.probe.probe import run_probe
from owamp_vectors.live.serve.server import ServiceConfig

from ..reference.support import OWAMP, TWAMP, Setting
from .peers import SECRETS, plan, run, serving

OTHER = b"an0ther s3cret"
SETTINGS = [
    replace(base, security=security, ikev2_derived=ikev2)
    for base in (OWAMP, TWAMP)
    for security in (Mode.AUTHENTICATED, Mode.ENCRYPTED)
    for ikev2 in (False, True)
]


class Ends:
    """The ends of connections, which know what must not be told."""

    def __init__(self) -> None:
        self.clients: list[ControlClient] = []
        self.servers: list[Server] = []
        self.opened: list[TestSession] = []

    def client(self, config: ClientConfig) -> ControlClient:
        ends = self

        class Kept(ControlClient):
            def receive(self, data: bytes) -> list[Event]:
                events = super().receive(data)
                ends.opened += [item for item in events if isinstance(item, TestSession)]
                return events

        self.clients.append(Kept(config))
        return self.clients[-1]

    def server(self, config: ServerConfig) -> Server:
        self.servers.append(Server(config))
        return self.servers[-1]

    def secrets(self, greetings: list[bytes], credentials: Credentials) -> Iterator[bytes]:
        yield credentials.shared_secret
        for end in (*self.clients, *self.servers):
            if end.control_keys is not None:
                yield end.control_keys.t1
                yield from halves(end.control_keys.t2)
        for session in self.opened:
            assert session.keys is not None
            yield session.keys.t3
            yield from halves(session.keys.t4)
        for salt in greetings:
            yield derive_token_key(credentials.shared_secret, salt, 1024)


def halves(key: bytes) -> tuple[bytes, bytes]:
    return key[:16], key[16:]


def forms(secret: bytes) -> list[bytes]:
    """The ways in which it could be written."""
    base64_text = base64.b64encode(secret).rstrip(b"=")[:-1]
    texts = secret.hex(), secret.hex().upper(), repr(secret)[2:-1]
    return [secret, base64_text, *(text.encode() for text in texts)]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_nothing_that_is_written_holds_a_secret(setting: Setting, tmp_path: Path) -> None:
    ends, credentials = Ends(), setting.credentials
    assert credentials is not None
    wrong = replace(credentials, shared_secret=OTHER)
    written: list[bytes] = []
    logged: list[str] = []

    async def main() -> None:
        served, probed = Capture(tmp_path / "served"), Capture(tmp_path / "probed")
        async with serving(setting, make_server=ends.server, capture=served) as running:
            for secret in (credentials, wrong):
                config = replace(
                    plan(setting, count=1, loss_timeout=0.3, direction=Direction.BOTH),
                    credentials=secret,
                    make_client=ends.client,
                )
                report = await run_probe(config, "127.0.0.1", running.port, probed)
                written.append("\n".join(text_lines(report.steps, octets=True)).encode())
                written.append(json.dumps(steps_to_json(report.steps)).encode())
                assert report.is_complete == (secret is credentials)
            await running.logged("closed: ")
            logged.extend(running.log)
            written.extend(line.encode() for line in logged)
            written.append(repr(running.service.config).encode())
            port = running.port
        for capture in (served, probed):
            capture.close()
        for name in ("served", "probed"):
            written.append((tmp_path / name).read_bytes())
            found = report_capture(tmp_path / name, SECRETS.credentials, None, [port])
            written.extend("\n".join(text_lines(one.steps, octets=True)).encode() for one in found)

    run(main())
    salts = [greeting_salt(octets) for octets in written if octets.startswith(b"{")]
    secrets = {*ends.secrets(salts, credentials), OTHER}
    assert len(secrets) >= 8
    assert ends.opened
    sids = [session.sid.hex() for session in ends.opened]
    assert not [line for line in logged if any(sid in line for sid in sids)]
    everything = b"\n".join(written)
    for secret in secrets:
        for form in forms(secret):
            assert form not in everything


def greeting_salt(report: bytes) -> bytes:
    fields = json.loads(report)["steps"][0]["parts"][0]["fields"]
    return next(bytes.fromhex(item["value"]) for item in fields if item["label"] == "Salt")


def test_no_exception_can_quote_a_secret_by_what_it_is_about() -> None:
    """An exception shows objects by their `repr`."""
    ends = Ends()
    setting = TWAMP
    assert setting.credentials is not None
    config = ServiceConfig(setting.protocol, setting.mode, SECRETS)
    shown = [SECRETS, config, setting.credentials, setting.client_config, plan(setting)]
    shown += [Observer(credentials=SECRETS.credentials), ends.client(setting.client_config)]
    text = "\n".join(repr(item) for item in shown).encode()
    for credentials in SECRETS.credentials:
        assert not any(form in text for form in forms(credentials.shared_secret))
