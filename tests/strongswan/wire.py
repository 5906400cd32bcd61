"""What passes on the link between the two daemons, and what is inside of its ESP."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

from cryptography.hazmat.primitives import cmac, hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from owamp_reference import ikev2
from owamp_vectors.charon.log import ChildKeys, IkeKeys

from .daemons import INTERFACE, LINK, Host
from .processes import inside

TCP, UDP = 6, 17
_ETH_P_ALL = 3
_SO_RCVBUFFORCE = 33
_NAT_T = 4500
_IKE = 500


@dataclass(frozen=True)
class Packet:
    """An IPv4 packet that is not a fragment, with the ports of TCP and UDP."""

    source: str
    destination: str
    protocol: int
    ports: tuple[int, int]
    payload: bytes

    @classmethod
    def parse(cls, octets: bytes) -> Packet:
        size = 4 * (octets[0] & 15)
        assert octets[0] >> 4 == 4
        assert int.from_bytes(octets[6:8], "big") & 0x3FFF == 0, "a fragment"
        total = int.from_bytes(octets[2:4], "big")
        protocol, body = octets[9], octets[size:total]
        start = 8 if protocol == UDP else 4 * (body[12] >> 4) if protocol == TCP else 0
        ports = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        source, destination = (str(IPv4Address(octets[n : n + 4])) for n in (12, 16))
        return cls(source, destination, protocol, ports, body[start:])

    @property
    def is_ike(self) -> bool:
        """IKE; on the port of NAT traversal marked by four zeros (RFC 3948 §2.2)."""
        if self.protocol != UDP or self.ports[0] != self.ports[1]:
            return False
        marked = self.ports[0] == _NAT_T and self.payload.startswith(bytes(4))
        is_keepalive = self.ports[0] == _NAT_T and self.payload == b"\xff"
        return self.ports[0] == _IKE or marked or is_keepalive

    @property
    def esp(self) -> bytes | None:
        """ESP in UDP (RFC 3948 §2.1)."""
        if self.protocol == UDP and self.ports == (_NAT_T, _NAT_T) and not self.is_ike:
            return self.payload
        return None


@contextmanager
def captured(host: Host) -> Iterator[list[Packet]]:
    """The IPv4 packets that pass at the host's end of the link; there when the block ends."""
    packets: list[Packet] = []
    with inside(host.holder, _open_socket) as raw:
        yield packets
        while True:
            try:
                frame = raw.recv(65536)
            except BlockingIOError:
                return
            if frame[12:14] == b"\x08\x00":
                packets.append(Packet.parse(frame[14:]))


def _open_socket() -> socket.socket:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    raw.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 2**24)
    raw.bind((INTERFACE, 0))
    raw.setblocking(False)
    return raw


# ESP (RFC 4303), with the keys that the reference derives

_ICV_SIZES = {"HMAC_SHA1_96": 12, "HMAC_SHA2_256_128": 16, "HMAC_SHA2_384_192": 24}
_ICV_SIZES |= {"HMAC_SHA2_512_256": 32, "AES_CMAC_96": 12}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "HMAC_SHA1_96": hashes.SHA1(),  # noqa: S303  (RFC 2404)
    "HMAC_SHA2_256_128": hashes.SHA256(),
    "HMAC_SHA2_384_192": hashes.SHA384(),
    "HMAC_SHA2_512_256": hashes.SHA512(),
}


class Tunnel:
    """Opens the ESP of a child SA, with keys that the reference derives from SK_d.

    Args:
        sa: the IKE SA that the child SA belongs to.
        child: as the daemon at the address `LINK[0]` logged it.
    """

    def __init__(self, sa: IkeKeys, child: ChildKeys) -> None:
        keymat = ikev2.keymat(
            sa.function, sa.keys.sk_d, child.ni, child.nr, len(child.keymat), child.shared_secret
        )
        size = len(child.encryption_i)
        half = len(keymat) // 2
        by_initiator = keymat[:size], keymat[size:half]
        by_responder = keymat[half : half + size], keymat[half + size :]
        mine, other = by_initiator, by_responder
        if not child.initiated:
            mine, other = other, mine
        self._keys = {
            (LINK[0], child.spi_out): mine,
            (LINK[1], child.spi_in): other,
        }
        self._is_gcm = child.proposal.startswith("AES_GCM_16")
        self._integrity = child.proposal.split("/")[1]

    def open(self, packets: Sequence[Packet]) -> list[Packet]:
        """What is inside. Raises `KeyError` for another SA, `InvalidTag` for another key."""
        return [self._open(packet) for packet in packets]

    def _open(self, packet: Packet) -> Packet:
        esp = packet.esp
        assert esp is not None
        encryption, integrity = self._keys[packet.source, esp[:4]]
        text = self._gcm(esp, encryption) if self._is_gcm else self._cbc(esp, encryption, integrity)
        assert text[-1] == 4, "not IPv4"
        return Packet.parse(text[: -2 - text[-2]])

    def _gcm(self, esp: bytes, key: bytes) -> bytes:
        """RFC 4106: the last 4 octets of the key are the salt."""
        return AESGCM(key[:-4]).decrypt(key[-4:] + esp[8:16], esp[16:], esp[:8])

    def _cbc(self, esp: bytes, key: bytes, integrity: bytes) -> bytes:
        size = _ICV_SIZES[self._integrity]
        if self._integrity == "AES_CMAC_96":
            mac: hmac.HMAC | cmac.CMAC = cmac.CMAC(algorithms.AES(integrity))
        else:
            mac = hmac.HMAC(integrity, _HASHES[self._integrity])
        mac.update(esp[:-size])
        assert mac.finalize()[:size] == esp[-size:], "another key for integrity"
        decryptor = Cipher(algorithms.AES(key), modes.CBC(esp[8:24])).decryptor()
        return decryptor.update(esp[24:-size]) + decryptor.finalize()
