"""Reads the keys of IKEv2 from a log of charon; made with strongSwan 5.9.8 and 6.0.1.

The log is of many threads, and each value stands alone, so that what belongs together has to be
put together: the last message that a thread took in says which exchange it works on; the exchange
has the nonces, of which the responder's own is written only after the keys; and the first IKE SA
that the thread checks in after the keys has their SPIs.

What is derived after an additional key exchange, in a message of its own (RFC 9370), belongs to the
exchange that had the nonces: IKE_SA_INIT, or the last CREATE_CHILD_SA of the same IKE SA and side.
strongSwan 6 writes Ni | Nr beside the keys of an IKE SA, and its responder derives them only when
the next message comes: the nonces say which exchange these keys belong to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

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

_SECRETS = ("shared Diffie Hellman secret", "DH secret", "key exchange secret")
"""g^ir of an IKE SA and of a child SA, as strongSwan 5 and 6 call it."""
_ADDITIONAL, _PPK = "additional key exchange secret", "derive keys using PPK"
_IKE_VALUES = (*_SECRETS, _ADDITIONAL, "nonces", "SKEYSEED", _PPK)


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
        additional_secret: SK(1) to SK(n), if they go into the same derivation.
        exchange: that had the nonces; None while only these are known.
        nonces: Ni | Nr, if the log has them beside the keys.
        number: of the IKE SA that the log names beside SKEYSEED.
        proposals: by the number of the IKE SA, when the keys were derived.
        ppk: the PPK from which some keys of the IKE SA are made anew.
        keys: by their names in the log.
        spis: of the IKE SA.
        esp: SPIs of the child SA by their direction.
    """

    is_child: bool
    line: int
    exchange: _Exchange | None
    proposal: str
    shared_secret: bytes
    secret: bytes
    old: str | None = None
    additional_secret: bytes = b""
    nonces: bytes | None = None
    number: str = ""
    proposals: dict[tuple[str, str], str] = field(default_factory=dict)
    ppk: bytes = b""
    keys: dict[str, bytes] = field(default_factory=dict)
    spis: Spis | None = None
    esp: dict[str, bytes] = field(default_factory=dict)

    @property
    def where(self) -> str:
        name = "seed" if self.is_child else "PPK" if self.ppk else "SKEYSEED"
        return f"line {self.line}: {name}"

    def in_order(self, names: Collection[str]) -> list[bytes]:
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
        unnamed: what it has derived for an IKE SA whose SPIs are not yet told.
    """

    sending: tuple[_Exchange, str] | None = None
    in_nonce: str = ""
    received: bytes | None = None
    working_on: _Exchange | None = None
    shared_secret: bytes | None = None
    additional_secret: bytes = b""
    nonces: bytes | None = None
    child_secret: bytes = b""
    child_additional: bytes = b""
    direction: str = ""
    ike: _Derivation | None = None
    child: _Derivation | None = None
    unnamed: list[_Derivation] = field(default_factory=list)


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
            if any("Starting Pluto (Libreswan" in line for line in self.lines):
                raise LogError(
                    "expected a log of strongSwan's charon, found one of libreswan's pluto"
                )
            raise LogError(f"expected keys of an IKE SA, found none; charon must log at {LEVELS}")
        return CharonLog(self._version, tuple(self._ike_sas), tuple(self._child_sas))

    def _begin(self) -> None:
        """A daemon starts: it counts its IKE SAs anew."""
        self._threads: dict[str, _Thread] = {}
        self._nonces: dict[tuple[_Exchange, str], bytes] = {}
        self._inits: dict[str, _Exchange] = {}
        self._created: dict[tuple[str, bool], _Exchange] = {}
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
        self._note(match["kind"], exchange)
        return True

    def _note(self, kind: str, exchange: _Exchange) -> None:
        """An exchange that has nonces."""
        if kind == "IKE_SA_INIT":
            self._inits[exchange[0]] = exchange
        elif kind == "CREATE_CHILD_SA":
            self._created[exchange[:2]] = exchange

    def _received(self, thread: _Thread, line: Line, match: re.Match[str]) -> bool:
        exchange = (line.sa, match["role"] == "response", match["id"])
        self._note(match["kind"], exchange)
        if thread.received is not None:
            self._nonces[exchange, match["role"]] = thread.received
            thread.received = None
        match match["kind"]:
            case "IKE_AUTH" | "IKE_INTERMEDIATE":  # with the nonces of IKE_SA_INIT (§2.17)
                thread.working_on = self._inits.get(line.sa)
            case "IKE_FOLLOWUP_KE":
                thread.working_on = self._created.get(exchange[:2])
            case _:
                thread.working_on = exchange
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
        if match["name"] in _SECRETS:
            thread.shared_secret, thread.additional_secret, thread.nonces = octets, b"", None
        elif match["name"] == _ADDITIONAL:
            thread.additional_secret = octets
        elif match["name"] == "nonces":
            thread.nonces = octets
        elif match["name"] == "SKEYSEED":
            self._skeyseed(thread, line, octets)
        elif match["name"] == _PPK:
            self._ppk(thread, line, octets)
        elif thread.ike is None:
            raise LogError(f"line {line.number}: {match['name']}: expected SKEYSEED before it")
        else:
            thread.ike.keys[match["name"]] = octets
        return True

    def _child_value(self, thread: _Thread, line: Line, match: re.Match[str]) -> bool:
        octets = self._octets(line, match["name"], match)
        if match["name"] in _SECRETS:
            thread.child_secret, thread.child_additional = octets, b""
        elif match["name"] == _ADDITIONAL:
            thread.child_additional = octets
        elif match["name"] == "seed":
            exchange = self._exchange(line, "seed", thread.working_on)
            proposal = self._proposal(line, "seed", line.sa, "ESP")
            thread.child = _Derivation(
                True, line.number, exchange, proposal, thread.child_secret, octets
            )
            thread.child.additional_secret = thread.child_additional
            thread.child_secret = thread.child_additional = b""
            thread.unnamed.append(thread.child)
            self._derivations.append(thread.child)
        elif thread.child is None:
            raise LogError(f"line {line.number}: {match['name']}: expected a seed before it")
        else:
            thread.child.keys[match["name"]] = octets
        return True

    def _skeyseed(self, thread: _Thread, line: Line, octets: bytes) -> None:
        if thread.shared_secret is None:
            raise LogError(f"line {line.number}: SKEYSEED: expected a shared secret before it")
        found = _Derivation(False, line.number, None, "", thread.shared_secret, octets)
        found.additional_secret, found.nonces = thread.additional_secret, thread.nonces
        found.number, found.proposals = line.sa, dict(self._proposals)
        if found.nonces is None:
            init = self._inits.get(line.sa)
            is_new = init is not None and all(init != known.exchange for known in self._ikes())
            self._belongs(
                found, self._exchange(line, "SKEYSEED", init if is_new else thread.working_on)
            )
        thread.shared_secret, thread.additional_secret, thread.nonces = None, b"", None
        self._derived(thread, found)

    def _belongs(self, found: _Derivation, exchange: _Exchange) -> None:
        """To which exchange the keys of an IKE SA belong."""
        is_used = any(known.exchange == exchange for known in self._ikes())
        is_new = exchange == self._inits.get(exchange[0]) and not is_used
        found.exchange, found.old = exchange, None if is_new else exchange[0]
        # Who rekeys with strongSwan 6 selects under the number of the new IKE SA.
        for number in (found.number, exchange[0]):
            if (number, "IKE") in found.proposals:
                found.proposal = found.proposals[number, "IKE"]
                return
        expected = f"expected a selected proposal of IKE before it ({LEVELS})"
        raise LogError(f"{found.where}: {expected}")

    def _derived(self, thread: _Thread, found: _Derivation) -> None:
        thread.ike = found
        thread.unnamed.append(found)
        self._derivations.append(found)

    def _ppk(self, thread: _Thread, line: Line, octets: bytes) -> None:
        self._derived(thread, _Derivation(False, line.number, None, "", b"", b"", ppk=octets))

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
        for derivation in thread.unnamed:
            derivation.spis, is_needed = spis, True
        thread.ike = thread.child = None
        thread.unnamed = []
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
            if derivation.nonces is not None:
                self._belongs(derivation, self._with_nonces(derivation))
            if derivation.is_child:
                self._child_sas.append(self._child(derivation, derivation.spis))
            else:
                self._ike_sas.append(self._ike(derivation, derivation.spis))

    def _with_nonces(self, derivation: _Derivation) -> _Exchange:
        """The exchange that had the nonces of a derivation."""
        for exchange, role in self._nonces:
            both = [self._nonces.get((exchange, one), b"") for one in ("request", "response")]
            if role == "request" and b"".join(both) == derivation.nonces:
                return exchange
        expected = f"expected the exchange of these nonces in the log ({LEVELS})"
        raise LogError(f"{derivation.where}: {expected}")

    def _nonces_of(self, derivation: _Derivation) -> tuple[bytes, bytes]:
        found = []
        assert derivation.exchange is not None
        for name, role in (("Ni", "request"), ("Nr", "response")):
            if (derivation.exchange, role) not in self._nonces:
                raise LogError(f"{derivation.where}: expected {name} in the log ({LEVELS})")
            found.append(self._nonces[derivation.exchange, role])
        return found[0], found[1]

    def _ike(self, found: _Derivation, spis: Spis) -> IkeKeys:
        if found.ppk:
            return self._with_ppk(found, spis)
        functions = [PRFS[name] for name in found.proposal.split("/") if name in PRFS]
        if len(functions) != 1:
            expected = f"expected one of {', '.join(PRFS)}"
            raise LogError(f"{found.where}: {expected}, found the proposal {found.proposal}")
        old = None if found.old is None else self._spis.get(found.old)
        if found.old is not None and old is None:
            raise LogError(f"{found.where}: expected the old IKE SA's SPIs in the log ({LEVELS})")
        assert found.exchange is not None
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
            additional_secret=found.additional_secret,
        )

    def _with_ppk(self, found: _Derivation, spis: Spis) -> IkeKeys:
        """The keys of an IKE SA, of which those that a PPK changes are new."""
        for before in reversed(self._ike_sas):
            if before.spis == spis:
                names = ("d", "pi", "pr")
                made = found.in_order([_SK[name] for name in names])
                changed = {f"sk_{name}": key for name, key in zip(names, made, strict=True)}
                keys = replace(before.keys, **changed)
                return replace(before, line=found.line, old=spis, keys=keys, ppk=found.ppk)
        raise LogError(f"{found.where}: expected the keys of the IKE SA before it, found none")

    def _child(self, found: _Derivation, spis: Spis) -> ChildKeys:
        for direction in ("inbound", "outbound"):
            if direction not in found.esp:
                raise LogError(f"{found.where}: expected the {direction} SPI after it, found none")
        nonces = self._nonces_of(found)
        seed = found.shared_secret + nonces[0] + nonces[1] + found.additional_secret
        if found.secret != seed:
            raise LogError(f"{found.where}: expected the shared secret, if any, Ni and Nr in it")
        assert found.exchange is not None
        child = ChildKeys(
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
        return replace(child, additional_secret=found.additional_secret)


_Action = Callable[[_Reader, _Thread, Line, re.Match[str]], bool]
_KINDS = "IKE_SA_INIT|IKE_INTERMEDIATE|IKE_AUTH|CREATE_CHILD_SA|IKE_FOLLOWUP_KE"
_MESSAGE = rf"(?P<kind>{_KINDS}) (?P<role>request|response) (?P<id>\d+) \[.*"
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
            rf"(?P<name>{'|'.join((*_IKE_VALUES, *_SK.values()))}){_OCTETS}",
            _Reader._ike_value,
        ),
        (
            "CHD",
            rf"(?P<name>{'|'.join((*_SECRETS, _ADDITIONAL, 'seed', *_CHILD.values()))}){_OCTETS}",
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
