"""The vector files that the generator makes, in the order in which an implementer meets them."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import VectorFile
from . import (
    attacks,
    binding,
    control_stream,
    handshake,
    ikev2_kdf,
    messages,
    test_packets,
    test_session_keys,
    token,
    traces,
)

_MODULES = (
    token,
    test_session_keys,
    ikev2_kdf,
    binding,
    control_stream,
    messages,
    test_packets,
    handshake,
    attacks,
    traces,
)
FILES: Mapping[str, VectorFile] = {module.FILE.name: module.FILE for module in _MODULES}
