"""Notes on the attacks that the models find, and the mistake that makes one of them possible."""

from __future__ import annotations

from owamp_reference import keys
from owamp_reference.keys import ControlKeys, TestSessionKeys

from ..vectors.declaration import Note
from .base import Swap, mistake

NOTES = {
    "TestKeysInverted": Note(
        "PROTOCOL",
        "T1 and T2 computed from T3, T4 and the SID: the derivation of RFC 4656 is a permutation. "
        "Treat SIDs as secrets, never export test keys; no check at run time can help.",
        "Who learns the keys of one test session, and its SID, has the control connection.",
    ),
    "T2Transplanted": Note(
        "PROTOCOL",
        "The second to fourth block of one client's Token, behind the first block of another's: "
        "only the first is checked. No check at the server can tell; authenticate the Token as a "
        "whole, or run the control connection inside IPsec.",
        "The server has T2 of an honest client, and a T1 that this client did not choose.",
    ),
    "FrontCutOff": Note(
        "PROTOCOL",
        "The client's first control message cut off: its last block takes the place of Client-IV, "
        "which nothing authenticates, and the second message follows. Its HMAC is right, and a "
        "server cannot tell. Client: do not send a second protected unit before an authentic "
        "answer to the first. The schedule of a Request-Session is such a unit, but it does not "
        "read as a request to grant: where that has IPVN, a slot has MBZ.",
        "The server never sees what the client sent first, and answers the second in its place.",
    ),
    "ModeChangedToMixed": Note(
        "PROTOCOL",
        "Mode 2 or 4 changed into 8 on the way: the control connection is the same, and every "
        "message of it is authentic. Server: do not offer 8 beside 2 or 4; the policy of a client "
        "does not help.",
        "The client measures in a protected mode, and the reflector answers packets in clear, from "
        "anybody.",
    ),
    "CommandReadBeforeHmac": Note(
        "PROTOCOL",
        "Bits of Client-IV changed on the way change the same bits of the first Command Number, "
        "which is read before the HMAC, since it tells the length. Do nothing else with what is "
        "decrypted until the HMAC is checked: no answer, no log.",
        "Where the server ends the connection tells which Command Number the client has sent.",
    ),
    "OwnPacketReflected": Note(
        "PROTOCOL",
        "A TWAMP sender's own packet, rearranged, in the place of the reflector's, or a "
        "reflector's in the place of the sender's. In the authenticated mode neither end can tell: "
        "use the encrypted mode. The attacker chooses the times, and can choose plausible ones.",
        "The sender takes timestamps of the attacker's choice for measurements, or the reflector "
        "answers packets that nobody has sent.",
    ),
    "SharedKeysReflected": Note(
        "PROTOCOL",
        "A packet of one session in another of the same connection, where T3 = T1 and T4 = T2. "
        "Derive T3 and T4 from the SID.",
        "The receiver counts packets that nobody sent in its session.",
    ),
    "SecretLostLater": Note(
        "PROTOCOL",
        "A connection is recorded, and its shared secret is lost later: the Token gives T1 and T2. "
        "There is no forward secrecy. Take the secret from IKEv2, or use a tunnel that has it.",
        "Every recorded connection under the secret can be read.",
    ),
    "ControlKeysLost": Note(
        "PROTOCOL",
        "T3 and T4 computed from T1, T2 and the SID, as any holder of T1 and T2 can, whatever the "
        "KDF.",
        "Who learns the keys of a control connection has those of all its sessions.",
    ),
    "ModesNotAuthenticated": Note(
        "PROTOCOL",
        "Modes or Mode changed on the way: neither is under an HMAC or in the Token. Refuse by "
        "configuration the modes that are too weak.",
        "Client and server run in a mode that one of them did not choose, or did not offer.",
    ),
    "TimestampNotAuthenticated": Note(
        "PROTOCOL",
        "The timestamp of a packet in the authenticated mode, where it is in clear, changed. Use "
        "the encrypted mode.",
        "A receiver takes times of the attacker's choice.",
    ),
    "OwnTokenReflected": Note(
        "PROTOCOL",
        "A Set-Up-Response sent to a host that made it, where a key from IKEv2 serves both "
        "directions. Let only the initiator of the IKE SA be the client.",
        "A host takes itself for the other end of the IKE SA.",
    ),
    "OneSecretForAll": Note(
        "PROTOCOL",
        "Two connections or sessions over one IKE SA with one shared secret. Salt and Challenge "
        "alone tell them apart.",
        "What breaks one of them breaks the others.",
    ),
    "ReflectorAnswersItself": Note(
        "PROTOCOL",
        "A reflector's own packet of the authenticated mode, rearranged and given back to it as "
        "the sender's. It cannot tell. Use the encrypted mode; a reflector can limit its rate.",
        "One genuine packet and the network make an exchange that lasts until it stops.",
    ),
    "OneSidForTwoSessions": Note(
        "PROTOCOL",
        "Two sessions of a connection, one in each direction, with one SID: they have the same T3 "
        "and T4. Refuse a SID that a session of the connection has already.",
        "A packet of one session comes back to its sender in the other.",
    ),
    "OnePassphraseBothWays": Note(
        "PROTOCOL",
        "A Token of a host's own client, given back to its server, where one passphrase serves "
        "both directions. Give each direction a passphrase of its own.",
        "A host takes itself for its peer.",
    ),
    "OnePassphraseForTwoServers": Note(
        "PROTOCOL",
        "A Token that was made for one server, taken by another with the same passphrase. Give "
        "each server a passphrase of its own.",
        "A server measures with a client that wanted to talk to another server.",
    ),
    "ResponderNotNamed": Note(
        "PROTOCOL",
        "An IKE SA with a responder that the initiator did not mean: with signatures, AUTH of the "
        "initiator does not cover the identity of the responder. The keys stay with these two.",
        "A responder takes an initiator for its peer that wanted to talk to somebody else.",
    ),
    "ExponentLost": Note(
        "PROTOCOL",
        "SK_d computed from a Diffie-Hellman exponent of the IKE SA that is lost, and from values "
        "in clear. Forget the exponents as soon as SKEYSEED is computed, and do not reuse them.",
        "Who learns an exponent of an IKE SA has its SK_d, and the shared secret of O/TWAMP.",
    ),
    "OldKeysLost": Note(
        "PROTOCOL",
        "An IKE SA is rekeyed by an adversary who has SK_d, SK_e and SK_a of the old one, and "
        "sends in the place of the peer. Rekeying does not help after such a loss: set up a new "
        "IKE SA, with IKE_SA_INIT and IKE_AUTH.",
        "The adversary has SK_d of the new SA, and the shared secret of O/TWAMP.",
    ),
    "KeymatLost": Note(
        "PROTOCOL",
        "PRF{ KEYMAT, Session ID } computed from a KEYMAT that is lost. Derive from SK_d, as RFC "
        "7717 does.",
        "Who learns the keys of ESP has the shared secret of O/TWAMP.",
    ),
}


def _shared(control_keys: ControlKeys, sid: bytes) -> TestSessionKeys:
    return TestSessionKeys(control_keys.t1, control_keys.t2)


MISTAKES = (
    mistake(
        "TestKeysNotSeparated",
        "KEY_DERIVATION",
        "T1 and T2 used as the keys of test sessions.",
        "Packets of one session, or of the other direction, pass in any other.",
        Swap(keys, "derive_test_session_keys", _shared),
    ),
)
