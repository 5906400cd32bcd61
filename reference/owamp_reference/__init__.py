"""A reference implementation of the security of OWAMP (RFC 4656) and TWAMP (RFC 5357), and of
their binding to IKEv2 (RFC 7717 and the proposal before it).

It is small, typed and sans-IO, and meant to be read beside the RFCs:

- `primitives`: the cryptographic operations, each one call into `cryptography`
- `layout`: messages as tables of fields; `errors`: the one error
- `choices`: what the RFCs leave to an endpoint, with what each option rests on
- `keys`: T1 and T2 of a control connection, T3 and T4 of a test session
- `token`: the shared secret, its key, the Token
- `control`: encryption and HMAC of the control connection
- `messages`: every control message, built and parsed
- `packets`: OWAMP-Test and TWAMP-Test packets
- `ikev2`: prf, prf+, SKEYSEED, SK_*, KEYMAT
- `binding`: the shared secret key from IKEv2
- `negotiation`: what the two ends agree on: modes, credentials, requests
- `events`, `connection`: client and server of a control connection as state machines
- `sessions`: sender, receiver and reflector of a test session
- `sources`: where random octets and the time come from

It is a specification that runs, not a library for production: it keeps keys in
memory, and speed is not a goal.
"""

from .errors import ProtocolError

__version__ = "0.2.0"

__all__ = ["ProtocolError", "__version__"]
