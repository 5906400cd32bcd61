"""An adversary on the path between a real twping and a real twampd; run in a network namespace.

It sees what passes on the loopback interface, puts test packets of its own to it, and relays the
control connection. It knows no key. Linux, and root within the namespace, are needed::

    unshare -n sh -c 'ip link set lo up; exec python -m tests.live.on_path CASE KEYS SERVER…'
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from owamp_reference.messages import SetUpResponse
from owamp_reference.negotiation import Mode
from owamp_reference.packets import ReflectorPacket, TestMode
from owamp_reference.sessions import SessionSender
from owamp_vectors.live.probe.attacks.packets import as_senders

from ..reference.support import KEY_ID

SERVER, RELAY = 8610, 8611
UNSENT = 0xABCDEF01
"""A Sequence Number that twping does not come to."""
ROUNDS = 3
WAIT = 10.0


@dataclass(frozen=True)
class Datagram:
    """A UDP packet on the wire."""

    source: int
    destination: int
    payload: bytes


class Wire:
    """The loopback interface."""

    def __init__(self) -> None:
        everything = socket.ntohs(3)
        self._seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, everything)
        self._seen.bind(("lo", 0))
        self._seen.setblocking(False)
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)

    async def next(self) -> Datagram:
        """The next UDP packet, each once."""
        loop = asyncio.get_running_loop()
        while True:
            octets, (*_, kind, _, _) = await loop.sock_recvfrom(self._seen, 2**16)
            if kind == socket.PACKET_OUTGOING or octets[0] >> 4 != 4 or octets[9] != 17:
                continue
            udp = octets[4 * (octets[0] & 0xF) :]
            source, destination, size = struct.unpack(">3H", udp[:6])
            return Datagram(source, destination, udp[8:size])

    def put(self, packet: Datagram) -> None:
        """Send a UDP packet from any port."""
        header = (packet.source, packet.destination, 8 + len(packet.payload), 0)
        self._raw.sendto(struct.pack(">4H", *header) + packet.payload, ("127.0.0.1", 0))


@asynccontextmanager
async def relay(changed: Mode) -> AsyncIterator[list[int]]:
    """A relay that changes Mode; what the clients' Modes were."""
    seen: list[int] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(2**16):
                writer.write(data)
            writer.write_eof()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", SERVER)
        back = asyncio.ensure_future(pump(far_reader, writer))
        with suppress(OSError, asyncio.IncompleteReadError):
            response = bytearray(await reader.readexactly(SetUpResponse.LAYOUT.size))
            seen.append(int.from_bytes(response[:4], "big"))
            response[:4] = int(changed).to_bytes(4, "big")
            far_writer.write(response)
            await pump(reader, far_writer)
        await back
        writer.close()
        far_writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", RELAY)
    try:
        yield seen
    finally:
        server.close()


async def twping(keys: str, letter: str, port: int, count: int) -> asyncio.subprocess.Process:
    """The client, which sends so many packets."""
    return await asyncio.create_subprocess_exec(
        "twping", "-A", letter, "-u", KEY_ID, "-k", keys, "-c", str(count), "-i", "0.2", "-L", "2",
        f"127.0.0.1:{port}", stdout=PIPE, stderr=DEVNULL,
    )  # fmt: skip


async def mode_changed(keys: str, letter: str) -> dict[str, object]:
    """twping's Mode becomes 8; then twampd gets a packet in clear."""
    wire = Wire()
    async with relay(Mode.MIXED) as chosen:
        process = await twping(keys, letter, RELAY, 3)
        genuine = await wire.next()
        bare = SessionSender(TestMode.UNAUTHENTICATED)
        bare.next_sequence_number = UNSENT
        wire.put(Datagram(genuine.source, genuine.destination, bare.next_packet(64)))
        is_answered = False
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                while not is_answered:
                    answer = await wire.next()
                    if (answer.source, answer.destination) == (genuine.destination, genuine.source):
                        fields = ReflectorPacket.OPEN_LAYOUT.unpack(
                            answer.payload[: ReflectorPacket.header_size(TestMode.UNAUTHENTICATED)]
                        )
                        is_answered = fields["sender_sequence_number"] == UNSENT
        output, _ = await process.communicate()
    return {"chosen": chosen, "answered": is_answered, "output": output.decode()}


async def reflector_answers_itself(keys: str, letter: str) -> dict[str, object]:
    """twping sends one packet; twampd gets its answers back."""
    wire = Wire()
    process = await twping(keys, letter, SERVER, 1)
    genuine = await wire.next()
    answers = 0
    mode = TestMode.AUTHENTICATED if letter == "A" else TestMode.ENCRYPTED
    with suppress(TimeoutError):
        async with asyncio.timeout(2):
            while answers <= ROUNDS:
                packet = await wire.next()
                if packet.source == genuine.destination:
                    answers += 1
                    forged = as_senders(packet.payload, mode) + bytes(64)
                    wire.put(Datagram(genuine.source, genuine.destination, forged))
    output, _ = await process.communicate()
    return {"answers": answers, "output": output.decode()}


CASES = {"mode": mode_changed, "reflector": reflector_answers_itself}


async def main(case: str, letter: str, keys: str, *server: str) -> None:
    process = await asyncio.create_subprocess_exec(*server, stderr=DEVNULL)
    try:
        for _ in range(50):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", SERVER)
                writer.close()
                break
            await asyncio.sleep(0.1)
        async with asyncio.timeout(3 * WAIT):
            print(json.dumps(await CASES[case](keys, letter)))
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
