"""Runs: the Token block by block, also with a bit of its last blocks changed on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from owamp_reference import token
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig, accept_all
from owamp_reference.messages import ServerGreeting, SetUpResponse
from owamp_reference.negotiation import Mode, Protocol, secrets_of

from ...room import Runs
from ...run_checker import RunError, RunEvent
from ...shared.control import server_start
from ...world import Secret, Tap, World, interleaved, secrets, why


class _TokenOnly:
    """A connection up to the Token; of its messages what token_blocks has of them."""

    def __init__(
        self,
        world: World,
        number: int,
        secret: Secret,
        changed: range | None,
    ) -> None:
        self.world = world
        self.secret = secret
        self.title = f"connection {number} ({secret.client} to {secret.server})"
        self._tap = Tap(world.source.at(f"connection {number}"))
        self._changed = changed  # where a bit of the Token is changed on the way
        self._names = {"C": secret.client.encode(), "S": secret.server.encode()}

    def events(self) -> Iterator[RunEvent]:
        """Greeting, Token, and what the server makes of it."""
        world, credentials = self.world, self.secret.credentials
        config = ServerConfig(
            Protocol.TWAMP,
            Mode.AUTHENTICATED,
            find_secret=secrets_of(credentials),
            policy=accept_all,
            start_time=world.clock(),
        )
        server = Server(config, self._tap, world.clock)
        greeting = server.data_to_send()
        yield RunEvent(
            f"{self.title}: the server greets",
            f"{self.title}/server",
            {"S": self._names["S"]},
            self._tap.take(),
            sent=greeting[16:52],
            rule="Server_Greeting",
        )
        client_config = ClientConfig(Protocol.TWAMP, Mode.AUTHENTICATED, credentials)
        client = ControlClient(client_config, self._tap)
        failed = why(world.hand(client, greeting))
        response = SetUpResponse.parse(client.data_to_send())
        drawn = self._tap.take()
        yield RunEvent(
            f"{self.title}: the client seals its keys",
            f"{self.title}/client",
            self._names,
            {"T1": drawn["T1"], "t2a": drawn["T2"][:16], "t2b": drawn["T2"][16:]},
            received=greeting[16:52],
            sent=response.token,
            refused=failed,
            rule="Client_Token",
        )
        if self._changed is not None:
            response = replace(response, token=world.changed(response.token, self._changed))
            world.checker.state.sent.add(response.token)  # blocks XOR a constant: anybody's
        yield from self._opened(server, ServerGreeting.parse(greeting), response)

    def _opened(
        self, server: Server, greeting: ServerGreeting, response: SetUpResponse
    ) -> Iterator[RunEvent]:
        found = self.world.hand(server, response.to_octets())
        start = server.data_to_send()
        actor, refused = f"{self.title}/server", why(found)
        yield RunEvent(
            f"{self.title}: the server opens the Token",
            actor,
            self._names,
            received=response.token,
            refused=refused,
            rule="Server_Token",
        )
        if refused:
            return
        key = token.derive_token_key(
            self.secret.credentials.shared_secret, greeting.salt, greeting.count
        )
        opened = token.open_token(key, response.token, greeting.challenge)
        event = RunEvent(
            f"{self.title}: the server takes the keys",
            actor,
            self._names,
            claims={"ServerAccepts": (opened.t1, opened.t2[:16], opened.t2[16:])},
            rule="Server_Keys",
        )
        values = {
            "t1": opened.t1,
            "t2": opened.t2,
            "server_iv": start[16:32],
            "start_time": server.config.start_time.to_bytes(8, "big") + bytes(8),
        }
        if start != server_start(values):
            raise RunError(event, None, "Server-Start is not under T1 of the Token")
        yield event


def _tokens(world: World) -> Iterator[RunEvent]:
    """Six connections; in two of them the last blocks of the Token are changed, which the server
    does not see (RFC 4656 §6.10), in one of them the first, which it does.
    """
    shared = []
    for secret, event in secrets(world.source, "Provision_Secret"):
        yield replace(event, known={name: event.known[name] for name in ("C", "S")})
        shared.append(secret)
    changes = (None, None, None, range(16, 64), range(48, 64), range(16))
    connections = [
        _TokenOnly(world, index, shared[index % 3], changed)
        for index, changed in enumerate(changes)
    ]
    yield from interleaved(world.choose, *(connection.events() for connection in connections))


RUNS = Runs(
    _tokens,
    left_out=(
        "what else is in the messages: Modes, KeyID, Client-IV",
        "what follows the Token, but for the block that shows who has T1",
    ),
)
