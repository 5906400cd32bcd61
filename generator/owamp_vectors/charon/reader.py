"""Reads the keys of IKEv2 from a log of charon; made with strongSwan 5.9.8.

The log is of many threads, and each value stands alone, so that what belongs together has to be
put together: the last message that a thread took in says which exchange it works on; the exchange
has the nonces, of which the responder's own is written only after the keys; and the first IKE SA
that the thread checks in after the keys has their SPIs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from owamp_reference.ikev2 import PRFS, IkeSaKeys

from .lines import Line, octets_below, read_line, rows_of
from .log import LEVELS, CharonLog, ChildKeys, IkeKeys, LogError, Spis

_SK = {name: f"Sk_{name} secret" for name in ("d", "ai", "ar", "ei", "er", "pi", "pr")}
_CHILD = {
    name: f"{name} key"
    for name in (
        "encryption initiator",
        "integrity initiator",
        "encryption responder",
        "integrity responder",
    )
}
_FOR_INTEGRITY = {_SK["ai"], _SK["ar"], *(key for key in _CHILD.values() if "integrity" in key)}
"""Keys that an AEAD has not."""


def parse_log(text: str) -> CharonLog:
    """The keys in the text of a log, in the order in which they were derived.

    Raises:
        LogError: a value that is cut or garbled, one that is missing, or no keys at all.
    """
    return _Reader(text).result()


def essence(text: str) -> str:
    """Those lines of a log that `parse_log` takes something from, unchanged.

    Raises:
        LogError: as `parse_log`.
    """
    reader = _Reader(text)
    reader.result()
    return "".join(f"{reader.lines[number - 1]}\n" for number in sorted(reader.used))


_Exchange = tuple[str, bool, str]
"""The IKE SA's number, whether this daemon sent the request, and the message ID."""


@dataclass
class _Derivation:
    """Keys while they are being put together.

    Attributes:
        secret: SKEYSEED, or the seed of a child SA's KEYMAT.
        old: the number of the IKE SA that is rekeyed; None for a new one and for a child SA.
        keys: by their names in the log.
        spis: of the IKE SA.
        esp: SPIs of the child SA by their direction.
    """

    is_child: bool
    line: int
    exchange: _Exchange
    proposal: str
    shared_secret: bytes
    secret: bytes
    old: str | None = None
    keys: dict[str, bytes] = field(default_factory=dict)
    spis: Spis | None = None
    esp: dict[str, bytes] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return f"line {self.line}: {'seed' if self.is_child else 'SKEYSEED'}"

    def in_order(self, names: Iterable[str]) -> list[bytes]:
        """The keys with these names; empty ones for integrity with an AEAD, which has none."""
        is_aead = not _FOR_INTEGRITY & set(self.keys)
        for name in names:
            if name not in self.keys and not (is_aead and name in _FOR_INTEGRITY):
                raise LogError(f"{self.where}: expected {name} after it, found none")
        return [self.keys.get(name, b"") for name in names]


@dataclass
class _Thread:
    """What a thread of the daemon is at.

    Attributes:
        sending: the message being made, by its exchange and role.
        in_nonce: ``generating`` or ``parsing`` while it is at a nonce.
        received: the nonce of the message that is being read.
        working_on: the exchange whose keys it would derive.
    """

    sending: tuple[_Exchange, str] | None = None
    in_nonce: str = ""
    received: bytes | None = None
    working_on: _Exchange | None = None
    shared_secret: bytes | None = None
    child_secret: bytes = b""
    direction: str = ""
    ike: _Derivation | None = None
    child: _Derivation | None = None


class _Reader:
    """Goes through a log once.

    Attributes:
        lines: of the log.
        used: the numbers of those that something was taken from.
    """

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.used: set[int] = set()
        self._version: str | None = None
        self._ike_sas: list[IkeKeys] = []
        self._child_sas: list[ChildKeys] = []
        self._begin()
        for number in range(1, len(self.lines) + 1):
            line = read_line(self.lines, number)
            if line is not None:
                self._take(line)
        self._end()

    def result(self) -> CharonLog:
        """What the log has. Raises `LogError` if that is nothing."""
        if not self._ike_sas:
            raise LogError(f"expected keys of an IKE SA, found none; charon must log at {LEVELS}")
        return CharonLog(self._version, tuple(self._ike_sas), tuple(self._child_sas))

    def _begin(self) -> None:
        """A daemon starts: it counts its IKE SAs anew."""
        self._threads: dict[str, _Thread] = {}
        self._nonces: dict[tuple[_Exchange, str], bytes] = {}
        self._inits: dict[str, _Exchange] = {}
        self._proposals: dict[tuple[str, str], str] = {}
        self._spis: dict[str, Spis] = {}
        self._derivations: list[_Derivation] = []

    def _take(self, line: Line) -> None:
        for group, pattern, action in _PATTERNS:
            if group == line.group and (match := pattern.fullmatch(line.text)):
                if action(self, self._threads.setdefault(line.thread, _Thread()), line, match):
                    self.used.add(line.number)
                return

    # Each of these takes a line, and says whether it was needed.

    def _started(self, _: _Thread, __: Line, match: re.Match[str]) -> bool:
        self._end()
        self._begin()
        self._version = match["version"]
        return True

    def _proposed(self, _: _Thread, line: Line, match: re.Match[str]) -> bool:
        self._proposals[line.sa, match["protocol"]] = match["transforms"]
        return True

    def _sends(self, thread: _Thread, line: Line, match: re.Match[str]) -> bool:
        exchange = (line.sa, match["role"] == "request", match["id"])
        thread.sending = (exchange, match["role"])
        if match["kind"] == "IKE_SA_INIT":
            self._inits[line.sa] = exchange
        return True

    def _received(self, thread: _Thread, line: Line, match: re.Match[str]) -> bool:
        exchange = (line.sa, match["role"] == "response", match["id"])
        if match["kind"] == "IKE_SA_INIT":
            self._inits[line.sa] = exchange
        if thread.received is not None:
            self._nonces[exchange, match["role"]] = thread.received
            thread.received = None
        # The child SA of IKE_AUTH has the nonces of IKE_SA_INIT (RFC 7296 §2.17).
        is_auth = match["kind"] == "IKE_AUTH"
        thread.working_on = self._inits.get(line.sa) if is_auth else exchange
        return True

    def _nonce_begins(self, thread: _Thread, _: Line, match: re.Match[str]) -> bool:
        thread.in_nonce = match["way"]
        return True

    def _unnamed(self, thread: _Thread, line: Line, match: re.Match[str]) -> bool:
        """A value of a payload; the nonce is the first one longer than the payload's length."""
        if not thread.in_nonce or int(match["size"]) <= 2:
            return False
        nonce = self._octets(line, "nonce", match)
        if thread.in_nonce == "parsing":
            thread.received = nonce
        elif thread.sending is not None:
            self._nonces[thread.sending] = nonce
        thread.in_nonce = ""
        return True

    def _ike_value(self, thread: _Thread, line: Line, match: re.Match[str]) -> bool:
        octets = self._octets(line, match["name"], match)
        if match["name"].startswith("shared"):
            thread.shared_secret = octets
        elif match["name"] == "SKEYSEED":
            self._skeyseed(thread, line, octets)
        elif thread.ike is None:
            raise LogError(f"line {line.number}: {match['name']}: expected SKEYSEED before it")
        else:
            thread.ike.keys[match["name"]] = octets
        return True

    def _child_value(self, thread: _Thread, line: Line, match: re.Match[str]) -> bool:
        octets = self._octets(line, match["name"], match)
        if match["name"] == "DH secret":
            thread.child_secret = octets
        elif match["name"] == "seed":
            exchange = self._exchange(line, "seed", thread.working_on)
            proposal = self._proposal(line, "seed", line.sa, "ESP")
            thread.child = _Derivation(
                True, line.number, exchange, proposal, thread.child_secret, octets
            )
            thread.child_secret = b""
            self._derivations.append(thread.child)
        elif thread.child is None:
            raise LogError(f"line {line.number}: {match['name']}: expected a seed before it")
        else:
            thread.child.keys[match["name"]] = octets
        return True

    def _skeyseed(self, thread: _Thread, line: Line, octets: bytes) -> None:
        if thread.shared_secret is None:
            raise LogError(f"line {line.number}: SKEYSEED: expected a shared secret before it")
        init = self._inits.get(line.sa)
        is_new = init is not None and all(init != known.exchange for known in self._ikes())
        exchange = self._exchange(line, "SKEYSEED", init if is_new else thread.working_on)
        proposal = self._proposal(line, "SKEYSEED", exchange[0], "IKE")
        thread.ike = _Derivation(
            False, line.number, exchange, proposal, thread.shared_secret, octets
        )
        thread.ike.old = None if is_new else exchange[0]
        thread.shared_secret = None
        self._derivations.append(thread.ike)

    def _ikes(self) -> list[_Derivation]:
        return [derivation for derivation in self._derivations if not derivation.is_child]

    def _exchange(self, line: Line, name: str, exchange: _Exchange | None) -> _Exchange:
        if exchange is None:
            raise LogError(f"line {line.number}: {name}: expected a message before it ({LEVELS})")
        return exchange

    def _proposal(self, line: Line, name: str, sa: str, protocol: str) -> str:
        if (sa, protocol) not in self._proposals:
            expected = f"expected a selected proposal of {protocol} before it"
            raise LogError(f"line {line.number}: {name}: {expected} ({LEVELS})")
        return self._proposals[sa, protocol]

    def _direction(self, thread: _Thread, _: Line, match: re.Match[str]) -> bool:
        thread.direction = match["direction"]
        return thread.child is not None

    def _esp_spi(self, thread: _Thread, _: Line, match: re.Match[str]) -> bool:
        direction, thread.direction = thread.direction, ""
        if thread.child is None or not direction:
            return False
        thread.child.esp[direction] = bytes.fromhex(match["spi"])
        return True

    def _checked_in(self, thread: _Thread, _: Line, match: re.Match[str]) -> bool:
        spis = Spis(bytes.fromhex(match["i"]), bytes.fromhex(match["r"]))
        is_needed = self._spis.get(match["number"]) != spis
        self._spis[match["number"]] = spis
        for derivation in (thread.ike, thread.child):
            if derivation is not None:
                derivation.spis, is_needed = spis, True
        thread.ike = thread.child = None
        return is_needed

    def _octets(self, line: Line, name: str, match: re.Match[str]) -> bytes:
        size = int(match["size"])
        octets = octets_below(self.lines, line, name, size)
        self.used.update(range(line.number, line.number + 1 + rows_of(size)))
        return octets

    # All lines

    def _end(self) -> None:
        """Put together what a daemon derived."""
        for derivation in self._derivations:
            if derivation.spis is None:
                raise LogError(f"{derivation.where}: expected the IKE SA's SPIs after it")
            if derivation.is_child:
                self._child_sas.append(self._child(derivation, derivation.spis))
            else:
                self._ike_sas.append(self._ike(derivation, derivation.spis))

    def _nonces_of(self, derivation: _Derivation) -> tuple[bytes, bytes]:
        found = []
        for name, role in (("Ni", "request"), ("Nr", "response")):
            if (derivation.exchange, role) not in self._nonces:
                raise LogError(f"{derivation.where}: expected {name} in the log ({LEVELS})")
            found.append(self._nonces[derivation.exchange, role])
        return found[0], found[1]

    def _ike(self, found: _Derivation, spis: Spis) -> IkeKeys:
        functions = [PRFS[name] for name in found.proposal.split("/") if name in PRFS]
        if len(functions) != 1:
            expected = f"expected one of {', '.join(PRFS)}"
            raise LogError(f"{found.where}: {expected}, found the proposal {found.proposal}")
        old = None if found.old is None else self._spis.get(found.old)
        if found.old is not None and old is None:
            raise LogError(f"{found.where}: expected the old IKE SA's SPIs in the log ({LEVELS})")
        return IkeKeys(
            found.line,
            spis,
            old,
            found.proposal,
            found.exchange[1],
            functions[0],
            *self._nonces_of(found),
            found.shared_secret,
            found.secret,
            IkeSaKeys(*found.in_order(_SK.values())),
        )

    def _child(self, found: _Derivation, spis: Spis) -> ChildKeys:
        for direction in ("inbound", "outbound"):
            if direction not in found.esp:
                raise LogError(f"{found.where}: expected the {direction} SPI after it, found none")
        nonces = self._nonces_of(found)
        if found.secret != found.shared_secret + nonces[0] + nonces[1]:
            raise LogError(f"{found.where}: expected the shared secret, if any, Ni and Nr in it")
        return ChildKeys(
            found.line,
            spis,
            found.esp["inbound"],
            found.esp["outbound"],
            found.proposal,
            found.exchange[1],
            *nonces,
            found.shared_secret,
            *found.in_order(_CHILD.values()),
        )


_Action = Callable[[_Reader, _Thread, Line, re.Match[str]], bool]
_MESSAGE = (
    r"(?P<kind>IKE_SA_INIT|IKE_AUTH|CREATE_CHILD_SA) (?P<role>request|response) (?P<id>\d+) \[.*"
)
_OCTETS = r" => (?P<size>\d+) bytes @ .*"
_PATTERNS: tuple[tuple[str, re.Pattern[str], _Action], ...] = tuple(
    (group, re.compile(pattern), action)
    for group, pattern, action in (
        ("DMN", r"Starting .*\(strongSwan (?P<version>[^,)]+).*", _Reader._started),
        ("CFG", r"selected proposal: (?P<protocol>IKE|ESP):(?P<transforms>.*)", _Reader._proposed),
        ("ENC", rf"generating {_MESSAGE}", _Reader._sends),
        ("ENC", rf"parsed {_MESSAGE}", _Reader._received),
        ("ENC", r"(?P<way>generating) payload of type NONCE", _Reader._nonce_begins),
        ("ENC", r"(?P<way>parsing) NONCE payload, .*", _Reader._nonce_begins),
        ("ENC", rf" *{_OCTETS}", _Reader._unnamed),
        (
            "IKE",
            rf"(?P<name>shared Diffie Hellman secret|SKEYSEED|{'|'.join(_SK.values())}){_OCTETS}",
            _Reader._ike_value,
        ),
        (
            "CHD",
            rf"(?P<name>DH secret|seed|{'|'.join(_CHILD.values())}){_OCTETS}",
            _Reader._child_value,
        ),
        ("CHD", r"(?:add|register)ing (?P<direction>\w+bound) ESP SA", _Reader._direction),
        ("CHD", r" +SPI 0x(?P<spi>[0-9a-f]{8}), src .*", _Reader._esp_spi),
        (
            "MGR",
            r"checkin IKEv2 SA .*\[(?P<number>\d+)\]"
            r" with SPIs (?P<i>[0-9a-f]{16})_i (?P<r>[0-9a-f]{16})_r",
            _Reader._checked_in,
        ),
    )
)
"""What is read of each group of lines, and by what."""
