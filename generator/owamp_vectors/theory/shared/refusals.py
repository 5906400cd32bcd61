"""Why an endpoint may refuse a step of an attack that several theories have."""

from __future__ import annotations

REFLECTED = (
    "the protected block and its HMAC are those of a reflector's packet with this number: a sender"
    " cannot tell, but may refuse times that are not plausible"
)
