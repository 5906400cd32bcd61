"""Record sessions of real clients and servers: ``python -m tests.live.record [DIRECTORY]``.

Each is run in a network namespace of its own, on its loopback, and tcpdump writes what passes. That
needs root, unshare, ip, tcpdump, and the programs of perfSONAR on PATH. The keys are those of the
tests, and serve nothing else.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..reference.support import KEY_ID, PASSPHRASE, SK_D, SPI_I, SPI_R
from ..support import NotHereError
from .peers import in_namespace, missing, private
from .perfsonar import keys, server_command

DATA = Path(__file__).parent / "data"
PORT = 8610
OURS = [sys.executable, "-m", "owamp_vectors"]
LETTERS = {"authenticated": "A", "encrypted": "E", "mixed": "M", "unauthenticated": "O"}
_COUNT, _INTERVAL = "3", "0.05"

_SCRIPT = """
set -e
ip link set lo up
{server} &
server=$!
trap 'kill $server; wait $server || true' EXIT
listening() {{ grep -q ":{port:04X} .* 0A " /proc/net/tcp /proc/net/tcp6; }}
for try in $(seq 100); do listening && break; sleep 0.1; done
tcpdump -i lo -n -U --immediate-mode -w {capture} 'tcp port {port} or udp' 2>{log} &
recorder=$!
for try in $(seq 100); do grep -q 'listening on' {log} && break; sleep 0.1; done
{client}
sleep 0.5
kill -INT $recorder
wait $recorder
"""


@dataclass(frozen=True)
class Recording:
    """A session between two programs."""

    client: str
    server: str
    protocol: str
    mode: str
    ikev2: bool = False

    @property
    def name(self) -> str:
        """The name of its file, without a suffix."""
        key = "-ikev2" if self.ikev2 else ""
        return f"{self.client}-{self.server}-{self.protocol}-{self.mode}{key}"

    def programs(self) -> set[str]:
        """What must be on PATH, beside what a namespace needs."""
        return {"tcpdump"} | {self.client, self.server} - {"probe", "serve"}

    def record(self, path: Path) -> None:
        """Run the session, and write its capture.

        Raises:
            NotHereError: a program is missing, or this is not root.
            RuntimeError: the session fails.
        """
        lacks = missing(*sorted(self.programs()))
        if lacks:
            raise NotHereError(f"{self.name} needs {lacks}")
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            script = _SCRIPT.format(
                server=shlex.join(self._server(folder)),
                client=shlex.join(self._client(folder)),
                port=PORT,
                capture=shlex.quote(str(folder / "seen.pcap")),
                log=shlex.quote(str(folder / "tcpdump.log")),
            )
            done = in_namespace(script)
            if done.returncode:
                raise RuntimeError(f"{self.name}: {done.stdout}")
            path.write_bytes((folder / "seen.pcap").read_bytes())

    def _secret(self, folder: Path) -> list[str]:
        """The options of our own programs that give the secret."""
        if self.ikev2:
            sk_d = private(folder / "sk_d.hex", SK_D.hex() + "\n")
            spis = ["--spi-i", SPI_I.hex(), "--spi-r", SPI_R.hex()]
            return [*spis, "--prf", "PRF_HMAC_SHA2_256", "--sk-d", str(sk_d)]
        passphrase = private(folder / "passphrase", PASSPHRASE.decode() + "\n")
        return ["--key-id", KEY_ID, "--passphrase", str(passphrase)]

    def _server(self, folder: Path) -> list[str]:
        if self.server == "serve":
            where = ["--protocol", self.protocol, "--host", "127.0.0.1", "--port", str(PORT)]
            return [*OURS, "serve", *where, *self._secret(folder)]
        return server_command(self.server, folder, PORT)

    def _client(self, folder: Path) -> list[str]:
        address = f"127.0.0.1:{PORT}"
        if self.client == "probe":
            how = ["--protocol", self.protocol, "--mode", self.mode, "--direction", "both"]
            pace = ["--count", _COUNT, "--interval", _INTERVAL, "--loss-timeout", "1"]
            return [*OURS, "probe", *how, *pace, *self._secret(folder), address]
        mode = ["-A", LETTERS[self.mode], "-u", KEY_ID, "-k", str(keys(folder))]
        return [self.client, *mode, "-c", _COUNT, "-i", _INTERVAL, "-L", "1", address]


_PAIRS = {
    "twamp": (("twping", "twampd"), ("probe", "serve"), ("twping", "serve"), ("probe", "twampd")),
    "owamp": (("owping", "owampd"), ("probe", "serve"), ("owping", "serve"), ("probe", "owampd")),
}
RECORDINGS = (
    *(
        Recording(*pair, protocol, mode)
        for protocol, pairs in _PAIRS.items()
        for pair in pairs
        for mode in ("authenticated", "encrypted")
    ),
    Recording("twping", "twampd", "twamp", "mixed"),
    Recording("twping", "twampd", "twamp", "unauthenticated"),
    Recording("probe", "serve", "twamp", "encrypted", ikev2=True),
)


def main(arguments: list[str]) -> int:
    """Record every session. 1 if this machine cannot."""
    folder = Path(arguments[0]) if arguments else DATA
    folder.mkdir(exist_ok=True)
    for item in RECORDINGS:
        path = folder / f"{item.name}.pcap"
        try:
            item.record(path)
        except NotHereError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{path.name}: {path.stat().st_size} octets")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
