"""The names of Modes and commands in the registries of IANA, and which of them are only named here.

What an extension changes is not known here. What it may change is then "not checked": never wrong.
"""

from __future__ import annotations

from owamp_reference.messages import Command
from owamp_reference.negotiation import IKEV2_DERIVED, SECURITY_BITS, Protocol

_SECURITY = {
    0: "unauthenticated",
    1: "authenticated",
    2: "encrypted",
    3: "mixed (RFC 5618)",
}
_MODES = {
    Protocol.OWAMP: {
        **{bit: name for bit, name in _SECURITY.items() if bit < 3},
        4: "IKEv2Derived (RFC 7717)",
    },
    Protocol.TWAMP: {
        **_SECURITY,
        4: "Individual Session Control (RFC 5938)",
        5: "Reflect Octets (RFC 6038)",
        6: "Symmetrical Size (RFC 6038)",
        7: "IKEv2Derived (RFC 7717)",
        8: "DSCP and ECN Monitoring (RFC 7750)",
        9: "PTPv2 Timestamp (RFC 8186)",
    },
}
_SESSION_CONTROL = 1 << 4
_COMMANDS = {
    6: "Experimentation (RFC 5357)",
    7: "Start-N-Sessions (RFC 5938)",
    8: "Start-N-Ack (RFC 5938)",
    9: "Stop-N-Sessions (RFC 5938)",
    10: "Stop-N-Ack (RFC 5938)",
    11: "Request-TW-Micro-Sessions (RFC 9533)",
}


def mode_names(protocol: Protocol | None, modes: int) -> str:
    """The bits of a field Modes or Mode by name; those of TWAMP if the protocol is not known."""
    known = _MODES[protocol or Protocol.TWAMP]
    bits = [bit for bit in range(32) if modes >> bit & 1]
    return ", ".join(known.get(bit, f"bit {bit}, unassigned") for bit in bits) or "none"


def extensions(protocol: Protocol, modes: int) -> int:
    """The bits that select something that is not checked here."""
    return modes & ~(SECURITY_BITS[protocol] | IKEV2_DERIVED[protocol])


def packet_extensions(protocol: Protocol, modes: int) -> int:
    """Those of `extensions` that may change test packets."""
    return extensions(protocol, modes) & ~_SESSION_CONTROL


def unchecked_command(protocol: Protocol, mode: int, command: int) -> str | None:
    """The name of a command that a client may send and that is not checked here; None if it may
    not, or if it is checked.
    """
    if protocol is not Protocol.TWAMP or command in list(Command):
        return None
    if command in (7, 9) and not mode & _SESSION_CONTROL:
        return None  # to be negotiated (RFC 5938 §3.1)
    return _COMMANDS[command] if command in (6, 7, 9, 11) else None
