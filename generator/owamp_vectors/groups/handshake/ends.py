"""The two ends of a control connection, of the reference, from the values of a case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from owamp_reference import sources, token
from owamp_reference.choices import Chooser, first_option
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig
from owamp_reference.errors import ProtocolError, Stage
from owamp_reference.messages import Accept, Request
from owamp_reference.negotiation import REQUESTS, Credentials, FindSecret, Mode, Protocol

from ...vectors.declaration import Values

T = TypeVar("T")
_DRAWS = {
    "Challenge": "challenge",
    "Salt": "salt",
    "Server-IV": "serverIv",
    "T1": "t1",
    "T2": "t2",
    "Client-IV": "clientIv",
}
"""The input for each label of what an endpoint draws."""
_DEFAULT_LIMIT = 2**20


def passphrase_credentials(protocol: str, values: Values, choose: Chooser) -> Credentials:
    """The credentials with the name and passphrase of `values`; raises `ProtocolError`."""
    for_twamp = Protocol(protocol) is Protocol.TWAMP
    name, passphrase = values["name"], values["passphrase"]
    return Credentials.from_passphrase(name, passphrase, for_twamp=for_twamp, choose=choose)


def _next(name: str, values: Iterator[T]) -> T:
    """The next of what a case gives; raises `ProtocolError` if that was all."""
    for value in values:
        return value
    raise ProtocolError(name, "one more", "none", Stage.POLICY)


def server_of(values: Values, find_secret: FindSecret, choose: Chooser = first_option) -> Server:
    """The server of a case."""
    answers, sids = iter(values["policy"]), iter(values["sids"])

    def policy(_request: Request) -> tuple[Accept, int]:
        answer = _next("policy", answers)
        return Accept(answer["accept"]), answer["port"]

    config = ServerConfig(
        Protocol(values["protocol"]),
        values["offeredModes"],
        values["count"],
        find_secret,
        policy,
        make_sid=lambda: _next("sids", sids),
        start_time=int.from_bytes(values["startTime"], "big"),
        max_message_size=values.get("messageLimit", _DEFAULT_LIMIT),
        unused=values["unused"][0],
        receivers=values.get("receivers") or None,
    )
    return Server(config, _random(values), choose=choose)


def client_of(
    values: Values, credentials: Credentials | None, choose: Chooser = first_option
) -> ControlClient:
    """The client of a case."""
    mode = Mode[values["security"].upper()]
    config = ClientConfig(
        Protocol(values["protocol"]),
        mode,
        credentials,
        max_count=values.get("maxCount", token.DEFAULT_MAX_COUNT),
        max_message_size=values.get("messageLimit", _DEFAULT_LIMIT),
        unused=values["unused"][0],
    )
    return ControlClient(config, _random(values), choose)


def parse_request(protocol: Protocol, octets: bytes) -> Request:
    """A request with zero HMACs. Raises `ProtocolError`."""
    return REQUESTS[protocol].parse(octets)


def _random(values: Values) -> sources.RandomSource:
    """A source that gives each labelled value of a case."""
    return lambda label, _size: bytes(values[_DRAWS[label]])
