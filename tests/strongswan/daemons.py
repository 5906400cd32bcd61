"""Two daemons of strongSwan, each in a network namespace of its own, joined by a veth pair.

The namespaces have no names: each lives as long as the process that holds it, so that nothing is
left of them when the test ends, however it ends, and two runs do not meet. The daemons end with
the thread that started them. Each has its own /run, configuration, socket for vici and log.

ESP is done by the plugin kernel-libipsec where it can be (in the daemon, over a TUN device), so
that the kernel needs no ESP; else by the kernel.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

LINK = ("192.0.2.1", "192.0.2.2")
"""Addresses on the veth pair, between which IKE and ESP are spoken."""
INNER = ("198.51.100.1", "198.51.100.2")
"""Addresses between which the child SA is a tunnel."""
PSK = "a key for tests, known to everyone"
INTERFACE = "veth0"
TIMEOUT = 15.0
"""Seconds, after which a step is taken to have failed."""

_DIRECTORIES = ("/usr/lib", "/usr/libexec", "/usr/lib64", "/usr/local/lib", "/usr/local/libexec")
_PLUGINS = (
    "random nonce openssl aes sha1 sha2 hmac kdf xcbc cmac gcm curve25519 gmp "
    "kernel-libipsec kernel-netlink socket-default vici"
)


class NotHereError(Exception):
    """Why this machine cannot run the daemons."""


class CommandError(Exception):
    """A command that failed, and what it said."""


@dataclass(frozen=True)
class Suite:
    """Proposals in the notation of swanctl.conf; `esp` has a key exchange, hence PFS."""

    name: str
    prf: str
    ike: str
    esp: str

    def __str__(self) -> str:
        return self.name


SUITES = (
    Suite("sha1", "PRF_HMAC_SHA1", "aes128-sha1-modp2048", "aes128-sha1-modp2048"),
    Suite("sha256", "PRF_HMAC_SHA2_256", "aes256-sha256-ecp256", "aes256-sha256-ecp256"),
    Suite("sha384", "PRF_HMAC_SHA2_384", "aes192-sha384-x25519", "aes192-sha384-x25519"),
    Suite("sha512", "PRF_HMAC_SHA2_512", "aes256-sha512-ecp384", "aes256-sha512-ecp384"),
    Suite("xcbc", "PRF_AES128_XCBC", "aes128gcm16-prfaesxcbc-x25519", "aes128gcm16-x25519"),
    Suite("cmac", "PRF_AES128_CMAC", "aes256gcm16-prfaescmac-ecp256", "aes256gcm16-ecp256"),
)
"""Each prf that the reference has, each kind of key exchange, and ciphers with and without a key
for integrity.
"""
PRF_CHANGES = Suite(
    "change",
    "PRF_HMAC_SHA2_256",
    "aes128-sha256-prfsha256-prfaesxcbc-x25519",
    "aes128-aescmac-x25519",
)
"""Two prfs, of which each daemon prefers another: the one that answers chooses."""
ALL_SUITES = (*SUITES, PRF_CHANGES)


def find_daemon() -> str:
    """The path of charon. Raises `NotHereError` if anything is missing to run it."""
    if sys.platform != "linux":
        raise NotHereError("network namespaces need Linux")
    if os.geteuid() != 0:
        raise NotHereError("network namespaces need root")
    for name in ("unshare", "nsenter", "setpriv", "ip", "swanctl"):
        if shutil.which(name) is None:
            raise NotHereError(f"no {name} on PATH (util-linux, iproute2, strongswan-swanctl)")
    for directory in _DIRECTORIES:
        for name in ("ipsec/charon", "strongswan/charon"):
            if os.access(f"{directory}/{name}", os.X_OK):
                return f"{directory}/{name}"
    raise NotHereError("no charon in " + ", ".join(_DIRECTORIES) + " (strongswan-charon)")


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """The output of a command. Raises `CommandError` if it fails."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=os.environ | (environment or {}),
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-300:]
        raise CommandError(f"{Path(command[0]).name}: {said}")
    return done.stdout


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return when it holds. Raises `TimeoutError` if it never does."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {TIMEOUT:.0f} s")
        time.sleep(0.02)


@contextmanager
def process(*command: str | Path, environment: dict[str, str] | None = None) -> Iterator[int]:
    """A process that ends with this block, or with this thread; its process ID."""
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=os.environ | (environment or {}),
        ) as running,
    ):
        try:
            yield running.pid
        finally:
            running.terminate()
            try:
                running.wait(5)
            except subprocess.TimeoutExpired:
                running.kill()


class Host:
    """A namespace with an address on the link and an inner one, and a charon in it."""

    def __init__(self, name: str, directory: Path, holder: int) -> None:
        self.name = name
        self.directory = directory
        self.holder = holder
        self.log_path = directory / "charon.log"
        self._environment = {"STRONGSWAN_CONF": str(directory / "strongswan.conf")}
        self._socket = f"unix://{directory}/vici"

    def inside(self, *command: str | Path) -> list[str | Path]:
        """A command, to be run in the namespace."""
        return ["nsenter", "--target", str(self.holder), "--net", "--mount", "--", *command]

    def run(self, *command: str | Path) -> str:
        return run(*self.inside(*command))

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def configure(self, connections: str) -> None:
        """Write what charon and swanctl read."""
        (self.directory / "strongswan.conf").write_text(
            f"""charon {{
  load = {_PLUGINS}
  filelog {{
    log {{
      path = {self.log_path}
      default = 1
      ike = 4
      chd = 4
      enc = 3
      mgr = 2
      ike_name = yes
      flush_line = yes
    }}
  }}
  plugins {{
    vici {{
      socket = {self._socket}
    }}
  }}
}}
swanctl {{
}}
"""
        )
        secrets = f'secrets {{\n  ike {{\n    secret = "{PSK}"\n  }}\n}}\n'
        (self.directory / "swanctl.conf").write_text(
            f"connections {{\n{connections}}}\n{secrets}", encoding="utf-8"
        )

    @contextmanager
    def daemon(self, charon: str) -> Iterator[None]:
        """charon, ready and with its connections loaded."""
        # A profile of AppArmor for the installed path would not let it use our directory.
        copy = shutil.copy(charon, self.directory)
        self.run("mount", "-t", "tmpfs", "tmpfs", "/run")
        with process(*self.inside(copy), environment=self._environment):
            try:
                wait_until((self.directory / "vici").exists, "socket of charon")
            except TimeoutError:
                log = self.log() if self.log_path.exists() else "it wrote no log"
                raise NotHereError(f"charon does not start: {log[-300:]}") from None
            self.swanctl("--load-all", "--file", self.directory / "swanctl.conf")
            yield

    def swanctl(self, command: str, *arguments: str | Path) -> str:
        """Tell charon. Raises `CommandError` if it does not do it."""
        return run(
            "swanctl", command, "--uri", self._socket, *arguments, environment=self._environment
        )

    def count(self, pattern: str) -> int:
        """How many lines of the log have it."""
        return len(re.findall(pattern, self.log()))


def _connection(name: str, here: int, ike: Sequence[str], esp: Sequence[str]) -> str:
    there = 1 - here
    return f"""  {name} {{
    version = 2
    local_addrs = {LINK[here]}
    remote_addrs = {LINK[there]}
    proposals = {",".join(ike)}
    encap = yes
    mobike = no
    local {{
      auth = psk
      id = host{here}
    }}
    remote {{
      auth = psk
      id = host{there}
    }}
    children {{
      {name} {{
        local_ts = {INNER[here]}/32
        remote_ts = {INNER[there]}/32
        esp_proposals = {",".join(esp)}
      }}
    }}
  }}
"""


@dataclass(frozen=True)
class Pair:
    """The host that asks for the first IKE SA, and the other; what keeps a tunnel from being."""

    initiator: Host
    responder: Host

    @property
    def hosts(self) -> tuple[Host, Host]:
        return self.initiator, self.responder

    def _until(self, pattern: str, more: int, action: Callable[[], object]) -> None:
        """Do it, and wait until each log has so many more lines of a kind."""
        wanted = {host.name: host.count(pattern) + more for host in self.hosts}
        action()
        for host in self.hosts:
            wait_until(
                lambda host=host: host.count(pattern) >= wanted[host.name],  # type: ignore[misc]
                f"{pattern!r} in the log of {host.name}",
            )

    def establish(self, suite: Suite) -> None:
        """An IKE SA and a child SA, as asked for by the initiator."""
        command = ("--initiate", "--ike", suite.name, "--child", suite.name)
        self._until("CHILD_SA .* established", 1, lambda: self.initiator.swanctl(*command))

    def rekey_child(self, suite: Suite, host: Host) -> None:
        """Another child SA in its place, with a key exchange of its own."""
        name = suite.name if host is self.initiator else "any"
        self._until("CHILD_SA closed", 1, lambda: host.swanctl("--rekey", "--child", name))

    def rekey_ike(self, suite: Suite, host: Host) -> None:
        """Another IKE SA in its place."""
        name = suite.name if host is self.initiator else "any"
        pattern = "IKE_SA deleted"
        self._until(pattern, 1, lambda: host.swanctl("--rekey", "--ike", name))

    def terminate(self, suite: Suite) -> None:
        self._until(
            "IKE_SA deleted", 1, lambda: self.initiator.swanctl("--terminate", "--ike", suite.name)
        )


def _set_up_link(hosts: Sequence[Host]) -> None:
    hosts[0].run(
        *("ip", "link", "add", INTERFACE, "type", "veth"),
        *("peer", "name", INTERFACE, "netns", str(hosts[1].holder)),
    )
    for host, link, inner in zip(hosts, LINK, INNER, strict=True):
        for device in ("lo", INTERFACE):
            host.run("sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1")
            host.run("ip", "link", "set", device, "up")
        host.run("ip", "address", "add", f"{link}/24", "dev", INTERFACE)
        host.run("ip", "address", "add", f"{inner}/32", "dev", "lo")


def _configure(hosts: Sequence[Host]) -> None:
    """The initiator knows a connection for each suite, the responder one for them all."""
    initiator, responder = hosts
    initiator.configure(
        "".join(_connection(suite.name, 0, [suite.ike], [suite.esp]) for suite in ALL_SUITES)
    )
    ike = [suite.ike for suite in SUITES] + ["aes128-sha256-prfaesxcbc-prfsha256-x25519"]
    responder.configure(_connection("any", 1, ike, [suite.esp for suite in ALL_SUITES]))


def _namespace_of(process_id: int | str) -> int:
    return Path(f"/proc/{process_id}/ns/net").stat().st_ino


def _wait_for_namespace(holder: int) -> None:
    try:
        wait_until(lambda: _namespace_of(holder) != _namespace_of("self"), "namespace")
    except (OSError, TimeoutError) as error:
        raise NotHereError(f"unshare makes no network namespace: {error}") from None


@contextmanager
def pair() -> Iterator[Pair]:
    """Two daemons that know each other; none of it is left afterwards.

    Raises:
        NotHereError: this machine cannot run them.
    """
    charon = find_daemon()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="swan-")))
        hosts = []
        for name in ("initiator", "responder"):
            (directory / name).mkdir()
            holder = stack.enter_context(process("unshare", "--net", "--mount", "--", "cat"))
            hosts.append(Host(name, directory / name, holder))
        for host in hosts:
            _wait_for_namespace(host.holder)
        _configure(hosts)
        try:
            _set_up_link(hosts)
            for host in hosts:
                stack.enter_context(host.daemon(charon))
        except CommandError as error:
            raise NotHereError(str(error)) from None
        yield Pair(*hosts)
