"""What explains a Token: bounded, whatever Count a capture has."""

from __future__ import annotations

import pytest
from owamp_reference import primitives
from owamp_reference.messages import ServerGreeting
from owamp_vectors.live.observe.causes import token_mistake


@pytest.mark.parametrize("count", [0, 0x47F, 0x4FF, 4097, 2**31, 2**32 - 1])
def test_no_count_takes_more_iterations_than_a_mistake_may(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Octets in the other order, 47f is 7f040000: minutes in which no signal is heard."""

    def derive(_secret: bytes, _salt: bytes, iterations: int, size: int) -> bytes:
        assert iterations <= 2**20
        return bytes(size)

    monkeypatch.setattr(primitives, "pbkdf2_hmac_sha1", derive)
    greeting = ServerGreeting(4, bytes(16), bytes(16), count)
    assert token_mistake(b"secret", greeting, bytes(range(64))) is None
