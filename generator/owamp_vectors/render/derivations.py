"""The program of the draft: each derivation in a few lines, and a check of the draft's own octets.

The draft prints it piece by piece, beside the formulas. Put together again, it reads the blocks of
test vectors from the draft's text or XML, evaluates the formula of each value, and compares. It has
nothing of the reference, so that the two check each other.
"""

import hashlib
import hmac
import re
import sys
from ast import literal_eval
from html import unescape
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

PLAIN = r'(\w+) = (\d+|".+")'
OCTETS = r"(\w+(?:\[\d\])?) \((\d+)\): ?([0-9a-f]*)"
ZERO = bytes(16)
HASH = {"PRF_HMAC_SHA1": "sha1", "PRF_HMAC_SHA2_256": "sha256"}


def cbc(key: bytes, iv: bytes, text: bytes) -> bytes:
    """AES-CBC of whole blocks; with IV 0 and one block, that block under AES."""
    return Cipher(AES(key), CBC(iv)).encryptor().update(text)


def cbc_inverse(key: bytes, iv: bytes, text: bytes) -> bytes:
    """The inverse of `cbc`."""
    return Cipher(AES(key), CBC(iv)).decryptor().update(text)


def mac(key: bytes, text: bytes) -> bytes:
    """HMAC-SHA1, its first 16 octets (RFC 4656 §3.2)."""
    return hmac.digest(key, text, "sha1")[:16]


def pbkdf2_key(secret: bytes, salt: bytes, count: int) -> bytes:
    """The key of the Token (RFC 4656 §3.1)."""
    return hashlib.pbkdf2_hmac("sha1", secret, salt, count, 16)


def token(key: bytes, challenge: bytes, keys: bytes) -> bytes:
    """The Token; `keys` is T1 | T2 (RFC 4656 §3.1)."""
    return cbc(key, ZERO, challenge + keys)


def protect(t1: bytes, t2: bytes, iv: bytes, texts: Any) -> bytes:
    """One direction of a control connection; each text has an HMAC (RFC 4656 §3.2, §3.4)."""
    sent = b"".join(text + mac(t2, text) for text in texts)
    return cbc(t1, iv, sent)


def t3(t1: bytes, sid: bytes) -> bytes:
    """The AES key of a test session (RFC 4656 §4.1.2)."""
    return cbc(sid, ZERO, t1)


def t4(t2: bytes, sid: bytes) -> bytes:
    """The HMAC key of a test session (RFC 4656 §4.1.2)."""
    return cbc(sid, ZERO, t2)


def packet(t3: bytes, t4: bytes, header: bytes, size: int) -> bytes:
    """A test packet; `size` octets of `header` are protected (RFC 4656 §4.1.2)."""
    text, rest = header[:size], header[size:]
    return cbc(t3, ZERO, text) + rest + mac(t4, text)


def sender(number: int, time: bytes, error: bytes) -> bytes:
    """The header of a sender's packet (RFC 4656 §4.1.2)."""
    first = number.to_bytes(4, "big") + bytes(12)
    return first + time + error + bytes(6)


def ike_prf(name: str, key: bytes, text: bytes) -> bytes:
    """prf, for two of those that IKEv2 has (RFC 7296 §2.13)."""
    return hmac.digest(key, text, HASH[name])


def prf_run(name: str, key: bytes, seed: bytes, size: int) -> bytes:
    """prf+, its first `size` octets (RFC 7296 §2.13)."""
    found, last, number = b"", b"", 1
    while len(found) < size:
        last = ike_prf(name, key, last + seed + bytes([number]))
        found, number = found + last, number + 1
    return found[:size]


def sk_d(name: str, skeyseed: bytes, nonces_spis: bytes) -> bytes:
    """SK_d, the first of the keys of an IKE SA (RFC 7296 §2.14)."""
    size = len(ike_prf(name, b"", b""))
    return prf_run(name, skeyseed, nonces_spis, size)


def new_kdf(key: bytes, label: str, context: bytes) -> bytes:
    """The one-way function of the proposal to repair the set-up."""
    text = label.encode() + b"\0" + context
    return hmac.digest(key, text, "sha256")


def set_up_mac(key: bytes, names: Any, messages: bytes) -> bytes:
    """The MAC of the proposal over the set-up and the names of both ends."""
    named = b"".join(bytes([len(name)]) + name for name in names)
    return mac(key, named + messages)


def value_of(line: str) -> tuple[str, int, Any] | None:
    """The name of a value, how many octets it has or -1, and what of it is in its first line."""
    if match := re.fullmatch(PLAIN, line):
        return match[1], -1, literal_eval(match[2])
    if match := re.fullmatch(OCTETS, line):
        return match[1], int(match[2]), bytes.fromhex(match[3])
    return None


def read(text: str) -> list[list[list[Any]]]:
    """The blocks of a draft: of each value its name, itself, its formula, and its size."""
    blocks: list[list[list[Any]]] = []
    formula = ""
    for line in map(str.strip, unescape(text).splitlines()):
        if re.fullmatch("-- [a-z-]+ --", line):
            blocks.append([])
        elif line.startswith("# "):
            formula += line[1:]
        elif found := value_of(line):
            name, size, value = found
            blocks[-1].append([name, value, formula.strip(), size])
            formula = ""
        elif blocks and re.fullmatch(r"([0-9a-f]{2})+", line):
            last = blocks[-1][-1]
            if last[3] > 0 and len(last[1]) < last[3]:
                last[1] += bytes.fromhex(line)
    return blocks


def check(text: str) -> list[str]:
    """The names of the values in a draft that are not what their formula gives."""
    wrong = []
    for block in read(text):
        known: dict[str, Any] = {}
        for name, value, formula, _ in block:
            if formula and eval(formula, globals(), known) != value:  # noqa: S307
                wrong.append(name)
            base = name.partition("[")[0]
            whole, earlier = base == name, known.get(base, [])
            known[base] = value if whole else [*earlier, value]
    return wrong


if __name__ == "__main__":
    wrong = check(Path(sys.argv[1]).read_text("utf-8"))
    sys.exit(" ".join(wrong) or 0)
