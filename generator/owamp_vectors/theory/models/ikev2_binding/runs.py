"""Runs: from an established IKE SA to the Token, under prf(SK_d, "IPPM").

With KEYMAT_SID under PRF{ KEYMAT, Session ID }; with INITIATOR_IS_CLIENT in one direction; with
REKEY over the rekeyed SA as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from owamp_reference import binding, ikev2
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig, accept_all
from owamp_reference.keys import SID_SIZE
from owamp_reference.negotiation import IKEV2_DERIVED, Credentials, Mode, Protocol, secrets_of

from ....groups.participants import KEYMAT_SIZE, PRF, sa_keys
from ....vectors.drbg import Drbg
from ...instances import OctetFact
from ...room import Runs
from ...run_checker import RunEvent
from ...world import Tap, World, interleaved, why
from .messages import KEY_ID_OF_ANY, layouts_with_iv


class _EstablishedSa:
    """An IKE SA between two hosts, its keys as the reference derives them."""

    def __init__(self, source: Drbg, number: int, by_sid: bool) -> None:
        self.hosts = (f"host {2 * number}".encode(), f"host {2 * number + 1}".encode())
        drawn = source.at(f"SA {number}")
        self.ni, self.nr = drawn.octets("Ni", 32), drawn.octets("Nr", 32)
        self.spi_i, self.spi_r = drawn.octets("SPIi", 8), drawn.octets("SPIr", 8)
        self.sid = drawn.octets("SID", SID_SIZE)
        self.by_sid = by_sid
        shared = drawn.octets("g^ir", 256)
        self.seed_key = ikev2.skeyseed(PRF, self.ni, self.nr, shared)
        self.sk_d = sa_keys(PRF, self.seed_key, self.ni, self.nr, self.spi_i, self.spi_r).sk_d

    def secret(self) -> bytes:
        """The shared secret key of O/TWAMP."""
        if not self.by_sid:
            return binding.shared_secret_from_sk_d(PRF, self.sk_d)
        keymat = ikev2.keymat(PRF, self.sk_d, self.ni, self.nr, KEYMAT_SIZE)
        return binding.shared_secret_from_keymat(PRF, keymat, self.sid)

    def ends(self) -> tuple[tuple[bytes, bytes, bytes], ...]:
        """The role of each end, its name and that of its peer."""
        return (b"initiator", *self.hosts), (b"responder", *self.hosts[::-1])

    def facts(self) -> Iterator[OctetFact]:
        """The SA at both ends, as it is after IKE_AUTH."""
        text = self.ni + self.nr + self.spi_i + self.spi_r
        rest = (self.spi_i, self.spi_r, self.seed_key, text, self.ni, self.nr)
        for end in self.ends():
            yield OctetFact("SA", (*end, *rest), is_persistent=True)

    def rekeyed(self, world: World) -> Iterator[RunEvent]:
        """The SA is rekeyed, and both ends derive the secret of the new one (RFC 7296 §2.18)."""
        drawn = world.source.at(f"rekeyed {self.spi_i.hex()}")
        ni, nr = drawn.octets("Ni", 32), drawn.octets("Nr", 32)
        spis = drawn.octets("SPIi", 8), drawn.octets("SPIr", 8)
        seed = ikev2.rekeyed_skeyseed(PRF, self.sk_d, drawn.octets("g^ir", 256), ni, nr)
        sk_d = sa_keys(PRF, seed, ni, nr, *spis).sk_d
        secret = binding.shared_secret_from_sk_d(PRF, sk_d)
        for role, host, peer in self.ends():
            rest = (*spis, seed, ni + nr + spis[0] + spis[1], ni, nr)
            fact = OctetFact("Rekeyed_SA", (role, host, peer, *rest), is_persistent=True)
            world.checker.given(fact)
            yield RunEvent(
                f"{host.decode()} derives the secret key after rekeying",
                known={"role": role, "A": host, "B": peer, "spi_i": spis[0], "spi_r": spis[1]},
                claims={"Key_Source": (sk_d, secret), "DerivesRekeyed": (sk_d, secret)},
                rule="Derive_Shared_Secret_Rekeyed",
            )
        title = f"connection over rekeyed {self.spi_i.hex()}"
        yield from self._connection(world, title, world.choose(2), spis, secret)

    def events(self, world: World, number: int, clients: tuple[int, ...]) -> Iterator[RunEvent]:
        """Both ends derive the secret; then a connection for each client, 0 being the initiator."""
        spis, secret = (self.spi_i, self.spi_r), self.secret()
        for role, host, peer in self.ends():
            known = {"role": role, "A": host, "B": peer, "spi_i": self.spi_i, "spi_r": self.spi_r}
            yield RunEvent(
                f"{host.decode()} derives the secret key",
                known=known,
                received=self.sid,
                claims={"Key_Source": (self.sk_d, secret), "Derives": (self.sk_d, secret)},
                rule="Derive_Shared_Secret",
            )
        for index, client in enumerate(clients):
            title = f"connection {number}.{index}"
            yield from self._connection(world, title, client, spis, secret)

    def _connection(
        self,
        world: World,
        title: str,
        client_is: int,
        spis: tuple[bytes, bytes],
        secret: bytes,
    ) -> Iterator[RunEvent]:
        """A connection, its client the initiator (0) or the responder (1) of the SA."""
        tap = Tap(world.source.at(title))
        role_of_client, client_name, server_name = self.ends()[client_is]
        role_of_server = self.ends()[1 - client_is][0]
        modes = IKEV2_DERIVED[Protocol.TWAMP] | Mode.AUTHENTICATED
        credentials = Credentials.from_ikev2(*spis, secret)
        if "REKEY" in world.flags:
            credentials = replace(credentials, key_id=KEY_ID_OF_ANY)
        config = ServerConfig(
            Protocol.TWAMP,
            modes,
            find_secret=secrets_of(credentials),
            policy=accept_all,
            start_time=0,
        )
        server = Server(config, tap, world.clock)
        greeting = server.data_to_send()
        actor = f"{title}/server"
        yield RunEvent(
            f"{title}: the server greets",
            actor,
            {"S": server_name},
            tap.take(),
            sent=greeting,
            rule="Server_Greeting",
        )
        client = ControlClient(ClientConfig(Protocol.TWAMP, Mode.AUTHENTICATED, credentials), tap)
        failed = why(world.hand(client, greeting))
        response = client.data_to_send()
        names = {"C": client_name, "S": server_name}
        drawn = tap.take()
        del drawn["Client-IV"]  # left out
        layouts = layouts_with_iv(response)
        yield RunEvent(
            f"{title}: the client draws T1 and T2",
            f"{title}/client",
            {"C": client_name},
            drawn,
            rule="Draw_Control_Keys",
        )
        yield RunEvent(
            f"{title}: the client sets up",
            f"{title}/client",
            names | {"role": role_of_client, "spi_i": spis[0], "spi_r": spis[1]},
            received=greeting,
            sent=response,
            refused=failed,
            rule="Client_Set_Up_Response",
            layouts=layouts,
        )
        found = world.hand(server, response)
        tap.take()  # Server-IV: Server-Start is left out
        yield RunEvent(
            f"{title}: the server takes the Token",
            actor,
            names | {"role": role_of_server, "spi_i": spis[0], "spi_r": spis[1]},
            received=response,
            refused=why(found),
            rule="Server_Start",
            layouts=layouts,
        )


def _from_ike(world: World) -> Iterator[RunEvent]:
    """Connections over three IKE SAs, two over each, the initiator or the responder the client."""
    found = [
        _EstablishedSa(world.source, number, "KEYMAT_SID" in world.flags) for number in range(3)
    ]
    threads = []
    for number, item in enumerate(found):
        for fact in item.facts():
            world.checker.given(fact)
        world.checker.state.sent.add(item.sid)  # from outside, and no secret
        clients = (0, 1) if world.choose(2) else (1, 0)
        if "INITIATOR_IS_CLIENT" in world.flags:
            clients = (0, 0)
        threads.append(item.events(world, number, clients))
        if "REKEY" in world.flags:
            threads.append(item.rekeyed(world))
    yield from interleaved(world.choose, *threads)


RUNS = Runs(
    _from_ike,
    left_out=(
        "IKE's messages: the SA is taken as established, or as rekeyed",
        "Client-IV",
        "what follows the Token, and modes other than 130 (both are in the runs of rfc4656)",
    ),
    flags=((), ("KEYMAT_SID",), ("INITIATOR_IS_CLIENT",), ("REKEY",)),
)
