"""Two daemons of strongSwan, each in a network namespace of its own, joined by a veth pair.

Each has its own /run, configuration, socket for vici and log. ESP is done by the plugin
kernel-libipsec, in the daemon over a TUN device, so that the kernel needs no ESP; or by the
kernel, if it is asked to or the plugin is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..support import NotHereError
from .processes import CommandError, inside, is_running, namespaces, process, run, wait_until
from .suites import Suite

LINK = ("192.0.2.1", "192.0.2.2")
"""Addresses on the veth pair, between which IKE and ESP are spoken."""
INNER = ("198.51.100.1", "198.51.100.2")
"""Addresses between which the child SA is a tunnel."""
PSK = "a key for tests, known to everyone"
INTERFACE = "veth0"
LIBIPSEC, KERNEL = "kernel-libipsec", "kernel"
"""Who does ESP."""

_DIRECTORIES = ("/usr/lib", "/usr/libexec", "/usr/lib64", "/usr/local/lib", "/usr/local/libexec")
_PLUGINS = "random nonce aes sha1 sha2 hmac kdf xcbc cmac gcm curve25519 gmp openssl"
"""strongSwan's own code comes before OpenSSL, which the reference is built on."""
_TUN, _TUNSETIFF, _IFF_TUN = "/dev/net/tun", 0x400454CA, 1
_COMMANDS = ("unshare", "nsenter", "setpriv", "ip", "sysctl", "mount", "swanctl")


def find_daemon() -> str:
    """The path of charon. Raises `NotHereError` if anything is missing to run it."""
    if sys.platform != "linux":
        raise NotHereError("network namespaces need Linux")
    if os.geteuid() != 0:
        raise NotHereError("network namespaces need root")
    for name in _COMMANDS:
        if shutil.which(name) is None:
            raise NotHereError(f"no {name} on PATH (util-linux, iproute2, strongswan-swanctl)")
    for directory in _DIRECTORIES:
        for name in ("ipsec/charon", "strongswan/charon"):
            if os.access(f"{directory}/{name}", os.X_OK):
                return f"{directory}/{name}"
    raise NotHereError("no charon in " + ", ".join(_DIRECTORIES) + " (strongswan-charon)")


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
        """A command, to be run in the namespaces."""
        return ["nsenter", "--target", str(self.holder), "--net", "--mount", "--", *command]

    def run(self, *command: str | Path) -> str:
        return run(*self.inside(*command))

    def log(self) -> str:
        """The whole lines of the log."""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return text[: text.rfind("\n") + 1]

    def configure(self, connections: str, esp_by: str, ppk: str) -> None:
        """Write what charon and swanctl read."""
        kernel = "kernel-libipsec kernel-netlink" if esp_by == LIBIPSEC else "kernel-netlink"
        (self.directory / "strongswan.conf").write_text(
            f"""charon {{
  load = {_PLUGINS} {kernel} socket-default vici
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
""",
            encoding="utf-8",
        )
        more = f'  ppk {{\n    id = ppk\n    secret = "{ppk}"\n  }}\n' if ppk else ""
        secrets = f'secrets {{\n  ike {{\n    secret = "{PSK}"\n  }}\n{more}}}\n'
        (self.directory / "swanctl.conf").write_text(
            f"connections {{\n{connections}}}\n{secrets}", encoding="utf-8"
        )

    @contextmanager
    def daemon(self, charon: str, version: str) -> Iterator[None]:
        """charon, ready and with its connections loaded. Raises `CommandError`."""
        # A profile of AppArmor for the installed path would not let it use our directory.
        copy = shutil.copy(charon, self.directory)
        self.run("mount", "-t", "tmpfs", "tmpfs", "/run")
        with process(*self.inside(copy), environment=self._environment) as charon_id:
            wait_until(lambda: self._is_ready() or not is_running(charon_id), "start of charon")
            if not self._is_ready():
                log = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
                last = (log.strip() or "it wrote no log").splitlines()[-1]
                raise CommandError(f"charon does not start: {last}")
            if f"(strongSwan {version}" not in self.log():
                raise CommandError(f"it is not strongSwan {version}")
            self.swanctl("--load-all", "--file", self.directory / "swanctl.conf")
            yield

    def _is_ready(self) -> bool:
        """Whether its threads have started; by then it listens."""
        return self.log_path.exists() and bool(self.count(r"spawning \d+ worker threads"))

    def swanctl(self, command: str, *arguments: str | Path) -> str:
        """Tell charon. Raises `CommandError` if it does not do it."""
        return run(
            "swanctl", command, "--uri", self._socket, *arguments, environment=self._environment
        )

    def algorithms(self) -> dict[str, str]:
        """The algorithms that charon has, each with the plugin that it is from."""
        listed = self.swanctl("--list-algs")
        return dict(re.findall(r"^ +(\w+)\[([\w-]+)\]$", listed, re.MULTILINE))

    def count(self, pattern: str) -> int:
        """How many lines of the log have it."""
        return len(re.findall(pattern, self.log()))


def _connection(suite: Suite, here: int, ike: str) -> str:
    there, name, esp = 1 - here, suite.name, suite.esp
    ppk = "    ppk_id = ppk\n    ppk_required = yes\n" if suite.ppk else ""
    return f"""  {name} {{
    version = 2
    local_addrs = {LINK[here]}
    remote_addrs = {LINK[there]}
    proposals = {ike}
    encap = yes
    mobike = no
{ppk}    local {{
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
        esp_proposals = {esp}
      }}
    }}
  }}
"""


@dataclass(frozen=True)
class Pair:
    """The host that asks for the first IKE SA, and the other.

    Attributes:
        notes: why ESP is not done in the daemon, though it was to be.
    """

    suite: Suite
    notes: tuple[str, ...]
    initiator: Host
    responder: Host

    @property
    def hosts(self) -> tuple[Host, Host]:
        return self.initiator, self.responder

    @property
    def rekeyer(self) -> Host:
        """Who asks for the next keys: the responder, where that changes the prf."""
        return self.responder if self.suite.responder_ike else self.initiator

    def _until(self, pattern: str, action: Callable[[], object]) -> None:
        """Do it, and wait until each log has one more line of a kind."""
        wanted = {host: host.count(pattern) + 1 for host in self.hosts}
        action()
        for host, count in wanted.items():
            wait_until(
                lambda host=host, count=count: host.count(pattern) >= count,  # type: ignore[misc]
                f"{pattern!r} in the log of the {host.name}",
            )

    def establish(self) -> str:
        """An IKE SA and a child SA; why there is no child SA, else an empty string.

        Raises:
            CommandError: there is no IKE SA either.
        """
        name = self.suite.name
        command = ("--initiate", "--ike", name, "--child", name)
        try:
            self._until("CHILD_SA .* established", lambda: self.initiator.swanctl(*command))
        except CommandError:
            if not self.initiator.count("failed to establish CHILD_SA, keeping IKE_SA"):
                raise
            why = re.findall(
                r"\[(?:KNL|ESP)\] (?:<.*?> )?(.*(?:error|unable).*)", self.responder.log()
            )
            return "; ".join([*self.notes, *why[:2]]) or "charon does not say why"
        return ""

    def rekey_child(self) -> None:
        """Another child SA in place of the one there is, with a key exchange of its own."""
        self._until(
            r"CHILD_SA (?:\S+ )?closed",
            lambda: self.rekeyer.swanctl("--rekey", "--child", self.suite.name),
        )

    def rekey_ike(self) -> None:
        """Another IKE SA in place of the one there is."""
        self._until(
            "IKE_SA deleted", lambda: self.rekeyer.swanctl("--rekey", "--ike", self.suite.name)
        )


def _no_tun(holder: int) -> tuple[str, ...]:
    """Why there can be no TUN device in a namespace. charon crashes if it cannot have one."""
    name_and_flags = struct.pack("16sH22x", b"", _IFF_TUN)

    def make() -> None:
        import fcntl  # noqa: PLC0415  (not on every system)

        with Path(_TUN).open("rb+", buffering=0) as device:
            fcntl.ioctl(device, _TUNSETIFF, name_and_flags)

    try:
        inside(holder, make)
    except OSError as error:
        return (f"{_TUN}: {error.strerror}",)
    return ()


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


@contextmanager
def pair(suite: Suite, esp_by: str = LIBIPSEC, charon: str | None = None) -> Iterator[Pair]:
    """Two daemons that know each other; none of it is left afterwards.

    Args:
        charon: the path of the daemon; None for the one that is installed.
    Raises:
        NotHereError: this machine cannot run them.
    """
    charon = charon or find_daemon()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="swan-")))
        hosts = []
        try:
            for name in ("initiator", "responder"):
                (directory / name).mkdir()
                hosts.append(Host(name, directory / name, stack.enter_context(namespaces())))
            notes = _no_tun(hosts[0].holder) if esp_by == LIBIPSEC else ()
            for number, host in enumerate(hosts):
                ike = (suite.ike, suite.responder_ike or suite.ike)[number]
                connection = _connection(suite, number, ike)
                host.configure(connection, KERNEL if notes else esp_by, suite.ppk)
            _set_up_link(hosts)
            for host in hosts:
                stack.enter_context(host.daemon(charon, suite.version))
            known = hosts[0].algorithms()
        except CommandError as error:
            raise NotHereError(str(error)) from None
        missing = {suite.prf, *suite.needs} - set(known)
        if missing:
            raise NotHereError(f"no plugin here has {', '.join(sorted(missing))}")
        yield Pair(suite, notes, *hosts)
