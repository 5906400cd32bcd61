"""Whole transcripts: set-up, sessions, test packets and stop, in every mode; and how each end
behaves when the other breaks a rule.

The endpoints of the reference run against each other, or against given octets; every octet that
they draw and every time that they read is an input of the case.

- `inputs`: what the types of case are given, and how cases draw it
- `conversation`: a client and a server of the reference, from the values of a case
- `whole`: whole connections, nobody interfering
- `spoiling`: an honest connection that is changed somewhere, for one end to deal with
- `server`, `client`: what each end then does
"""

from __future__ import annotations

from collections.abc import Iterator

from ...vectors.declaration import Group, VectorFile
from ...vectors.drbg import Drbg
from . import client, server, whole


def make_groups(drbg: Drbg) -> Iterator[Group]:
    """The groups of ``handshake.json``."""
    yield from whole.make_groups(drbg)
    yield from server.make_groups(drbg)
    yield from client.make_groups(drbg)


FILE = VectorFile(
    name="handshake",
    algorithm="OWAMP-Control, TWAMP-Control, OWAMP-Test, TWAMP-Test",
    header=(
        "Whole connections of OWAMP and TWAMP in every mode, from a passphrase and from an IKE SA:",
        "each message in plaintext and on the wire, the keys of each test session, its packets.",
        "Then what a server and a client do with octets that break a rule: to test one end, feed",
        "it what is received, with the given random octets, and compare what it sends.",
    ),
    types=(*whole.TYPES, server.SERVER_BEHAVIOUR, client.CLIENT_BEHAVIOUR),
    make_groups=make_groups,
)
