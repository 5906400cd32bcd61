"""What to do about attacks that several theories have."""

from __future__ import annotations

ANY = "any implementation does this, and cannot do otherwise"
INVERTED = f"{ANY}: treat SIDs as secrets and never export test keys"
FOLLOW = f"{ANY}: who has T1, T2 and the SID has T3 and T4, by whatever KDF"
REFLECTED = (
    "the protected block and its HMAC are those of a reflector's packet with this number: a sender"
    " cannot tell, but may refuse times that are not plausible; or use the encrypted mode"
)
