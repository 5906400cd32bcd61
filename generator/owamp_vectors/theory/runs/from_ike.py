"""Connections under a secret from IKEv2, for ikev2_binding."""

from __future__ import annotations

from collections.abc import Iterator

from owamp_reference import binding, ikev2
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig, accept_all
from owamp_reference.keys import SID_SIZE
from owamp_reference.negotiation import IKEV2_DERIVED, Credentials, Mode, Protocol, secrets_of

from ...vectors.drbg import Drbg
from ..bind import KEYMAT_SIZE, PRF, ike_sa_keys
from ..instance import OctetFact
from ..steps import Checker, Event
from .world import Choose, Tap, World, interleaved, why


class IkeSa:
    """An IKE SA between two hosts, its keys as the reference derives them."""

    def __init__(self, source: Drbg, number: int, by_sid: bool) -> None:
        self.hosts = (f"host {2 * number}".encode(), f"host {2 * number + 1}".encode())
        drawn = source.at(f"SA {number}")
        self.ni, self.nr = drawn.octets("Ni", 32), drawn.octets("Nr", 32)
        self.spi_i, self.spi_r = drawn.octets("SPIi", 8), drawn.octets("SPIr", 8)
        self.sid = drawn.octets("SID", SID_SIZE) if by_sid else None
        shared = drawn.octets("g^ir", 256)
        self.seed_key = ikev2.skeyseed(PRF, self.ni, self.nr, shared)
        self.sk_d = ike_sa_keys(PRF, self.seed_key, self.ni, self.nr, self.spi_i, self.spi_r).sk_d

    def secret(self) -> bytes:
        """The shared secret key of O/TWAMP."""
        if self.sid is None:
            return binding.shared_secret_from_sk_d(PRF, self.sk_d)
        keymat = ikev2.keymat(PRF, self.sk_d, self.ni, self.nr, KEYMAT_SIZE)
        return binding.shared_secret_from_keymat(PRF, keymat, self.sid)

    def facts(self) -> Iterator[OctetFact]:
        """The SA at both ends, as it is after IKE_AUTH."""
        text = self.ni + self.nr + self.spi_i + self.spi_r
        rest = (self.spi_i, self.spi_r, self.seed_key, text, self.ni, self.nr)
        for role, hosts in ((b"initiator", self.hosts), (b"responder", self.hosts[::-1])):
            yield OctetFact("SA", (role, *hosts, *rest), is_persistent=True)

    def rekeyed(self, world: World, checker: Checker) -> Iterator[Event]:
        """The SA is rekeyed, and both ends derive the secret of the new one (RFC 7296 §2.18)."""
        drawn = world.source.at(f"rekeyed {self.spi_i.hex()}")
        ni, nr = drawn.octets("Ni", 32), drawn.octets("Nr", 32)
        spis = drawn.octets("SPIi", 8), drawn.octets("SPIr", 8)
        seed = ikev2.rekeyed_skeyseed(PRF, self.sk_d, drawn.octets("g^ir", 256), ni, nr)
        sk_d = ike_sa_keys(PRF, seed, ni, nr, *spis).sk_d
        secret = binding.shared_secret_from_sk_d(PRF, sk_d)
        for host, peer in (self.hosts, self.hosts[::-1]):
            rest = (*spis, seed, ni + nr + spis[0] + spis[1], ni, nr)
            checker.given(OctetFact("Rekeyed_SA", (host, peer, *rest), is_persistent=True))
            yield Event(
                f"{host.decode()} derives the secret key after rekeying",
                known={"A": host, "B": peer, "spi_i": spis[0], "spi_r": spis[1]},
                claims={"DerivesRekeyed": (sk_d, secret)},
                rule="Derive_Shared_Secret_Rekeyed",
            )

    def events(self, world: World, number: int, clients: tuple[int, ...]) -> Iterator[Event]:
        """Both ends derive the secret; then a connection for each client, 0 being the initiator."""
        ends = (b"initiator", self.hosts), (b"responder", self.hosts[::-1])
        secret = self.secret()
        for role, (host, peer) in ends:
            known = {"role": role, "A": host, "B": peer, "spi_i": self.spi_i, "spi_r": self.spi_r}
            yield Event(
                f"{host.decode()} derives the secret key",
                known=known,
                received=self.sid,
                claims={"Key_Source": (self.sk_d, secret), "Derives": (self.sk_d, secret)},
                rule="Derive_Shared_Secret",
            )
        for index, client in enumerate(clients):
            title = f"connection {number}.{index}"
            yield from self._connection(world, title, ends[client], ends[1 - client][0], secret)

    def _connection(
        self,
        world: World,
        title: str,
        end: tuple[bytes, tuple[bytes, bytes]],
        role_of_server: bytes,
        secret: bytes,
    ) -> Iterator[Event]:
        tap = Tap(world.source.at(title))
        client_name, server_name = end[1]
        modes = IKEV2_DERIVED[Protocol.TWAMP] | Mode.AUTHENTICATED
        credentials = Credentials.from_ikev2(self.spi_i, self.spi_r, secret)
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
        yield Event(
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
        yield Event(
            f"{title}: the client sets up",
            f"{title}/client",
            names | {"role": end[0], "spi_i": self.spi_i, "spi_r": self.spi_r},
            tap.take(),
            received=greeting,
            sent=response,
            refused=failed,
            rule="Client_Set_Up_Response",
        )
        found = world.hand(server, response)
        tap.take()  # Server-IV: Server-Start is left out
        yield Event(
            f"{title}: the server takes the Token",
            actor,
            names | {"role": role_of_server},
            received=response,
            refused=why(found),
            rule="Server_Start",
        )


def from_ike(
    source: Drbg, choose: Choose, flags: tuple[str, ...], checker: Checker
) -> Iterator[Event]:
    """Connections over three IKE SAs, two over each, the initiator or the responder the client."""
    world = World(source, choose)
    found = [IkeSa(source, number, "KEYMAT_SID" in flags) for number in range(3)]
    threads = []
    for number, item in enumerate(found):
        for fact in item.facts():
            checker.given(fact)
        if item.sid is not None:
            checker.state.sent.append(item.sid)  # from outside, and no secret
        clients = (0, 1) if choose(2) else (1, 0)
        if "INITIATOR_IS_CLIENT" in flags:
            clients = (0, 0)
        threads.append(item.events(world, number, clients))
        if "REKEY" in flags:
            threads.append(item.rekeyed(world, checker))
    yield from interleaved(choose, *threads)
