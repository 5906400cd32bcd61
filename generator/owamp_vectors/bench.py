"""``make bench``: what generation costs beyond the cryptography that the vectors need.

Each file is built once while every cryptographic call of the reference is noted; then, in the
same run, building the file and making just those calls with `cryptography` are timed in turn.
The ratio of the two is the price of everything else. Absolute times are for orientation.

Then a server refuses unknown KeyIDs and wrong passphrases in turn. A ratio far from 1 would tell a
client which KeyIDs are known.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any

import click
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from owamp_reference import ikev2, primitives
from owamp_reference.connection import ClientConfig, ControlClient, Server, ServerConfig
from owamp_reference.negotiation import Credentials, Mode, Protocol, secrets_of

from . import disk, mistakes
from .catalogue import FILES
from .mistakes.base import Mistake, Swap
from .vectors.declaration import Note, VectorFile

ROUNDS = 5
REFUSALS = 500
"""Of each kind."""
_NOTHING = 1e-5  # seconds: a file without cryptography has no ratio
_Call = Callable[[], object]


def _ecb(key: bytes, data: bytes) -> None:
    context = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    context.update(data)
    context.finalize()


def _cbc(key: bytes, iv: bytes, data: bytes) -> None:
    context = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    context.update(data)
    context.finalize()


def _hmac(algorithm: hashes.HashAlgorithm, key: bytes, text: bytes) -> None:
    context = hmac.HMAC(key, algorithm)
    context.update(text)
    context.finalize()


def _pbkdf2(secret: bytes, salt: bytes, count: int, size: int) -> None:
    PBKDF2HMAC(hashes.SHA1(), size, salt, count).derive(secret)


_PRF_HASHES = {
    "PRF_HMAC_SHA1": hashes.SHA1(),
    "PRF_HMAC_SHA2_256": hashes.SHA256(),
    "PRF_HMAC_SHA2_384": hashes.SHA384(),
    "PRF_HMAC_SHA2_512": hashes.SHA512(),
}


def _bare_prf(right: Callable[..., bytes], function: ikev2.Prf, key: bytes, data: bytes) -> _Call:
    if function.name in _PRF_HASHES:
        return partial(_hmac, _PRF_HASHES[function.name], key, data)
    return partial(right, function, key, data)  # its AES calls have no single bare counterpart


class _NotingContext:
    """A CBC stream that notes each update as one call."""

    def __init__(self, right: Any, calls: list[_Call], key: bytes, iv: bytes) -> None:
        self._context = right(key, iv)
        self._calls, self._key, self._iv = calls, key, iv

    def update(self, data: bytes) -> bytes:
        """The stream's own `update`, noted."""
        self._calls.append(partial(_cbc, self._key, self._iv, data))
        return self._context.update(data)  # type: ignore[no-any-return]

    def finalize(self) -> bytes:
        """The stream's own `finalize`."""
        return self._context.finalize()  # type: ignore[no-any-return]


def noted_calls(file: VectorFile) -> list[_Call]:
    """The bare cryptographic calls that building a file makes, ready to be made again."""
    calls: list[_Call] = []

    def noting(right: Callable[..., bytes], bare: Callable[..., _Call]) -> Callable[..., bytes]:
        def run(*arguments: Any) -> bytes:
            result = right(*arguments)  # a call that is refused costs nothing
            calls.append(bare(*arguments))
            return result

        return run

    bare_calls: dict[str, Callable[..., _Call]] = {
        "aes_ecb_encrypt": partial(partial, _ecb),
        "aes_ecb_decrypt": partial(partial, _ecb),
        "hmac_sha1_128": partial(partial, _hmac, hashes.SHA1()),
        "pbkdf2_hmac_sha1": partial(partial, _pbkdf2),
    }
    swaps = [
        Swap(primitives, name, noting(getattr(primitives, name), bare))
        for name, bare in bare_calls.items()
    ]
    swaps += [
        Swap(primitives, name, partial(_NotingContext, getattr(primitives, name), calls))
        for name in ("cbc_encryptor", "cbc_decryptor")
    ]
    swaps.append(Swap(ikev2, "prf", noting(ikev2.prf, partial(_bare_prf, ikev2.prf))))
    with ExitStack() as stack:
        stack.enter_context(Mistake("Noting", Note("", ""), tuple(swaps)).applied())
        file.build(mistakes.NOTES)
    return calls


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measure(file: VectorFile) -> tuple[int, float, float]:
    """Cases, seconds to build the file's text, seconds for its bare calls; the best of `ROUNDS`,
    the two timed in turn.
    """
    calls = noted_calls(file)
    content = file.build(mistakes.NOTES)

    def build() -> None:
        disk.to_text(file.build(mistakes.NOTES))

    def bare() -> None:
        for call in calls:
            call()

    rounds = [(_seconds(build), _seconds(bare)) for _ in range(ROUNDS)]
    built, bared = (min(column) for column in zip(*rounds, strict=True))
    return content["numberOfTests"], built, bared


def refusal_times() -> tuple[float, float]:
    """Seconds in which a server refuses an unknown KeyID, and a wrong passphrase: the medians of
    `REFUSALS`, the two timed in turn.
    """
    known = Credentials.from_passphrase("alice", "the right one")
    server_config = ServerConfig(Protocol.TWAMP, Mode.ENCRYPTED, find_secret=secrets_of(known))

    def refusal(name: str) -> float:
        credentials = Credentials.from_passphrase(name, "a wrong one")
        client = ControlClient(ClientConfig(Protocol.TWAMP, Mode.ENCRYPTED, credentials))
        server = Server(server_config)
        client.receive(server.data_to_send())
        response = client.data_to_send()
        return _seconds(lambda: server.receive(response))

    rounds = [(refusal("bob"), refusal("alice")) for _ in range(REFUSALS)]
    unknown, wrong = (median(column) for column in zip(*rounds, strict=True))
    return unknown, wrong


def main() -> None:
    """Print the table, and what refusals take."""
    click.echo(f"{'file':24}{'cases':>6}{'build':>10}{'bare':>10}{'ratio':>7}{'cases/s':>9}")
    totals = [0.0, 0.0, 0.0]
    for file in FILES.values():
        row = measure(file)
        _print_row(f"{file.name}.json", *row)
        totals = [total + value for total, value in zip(totals, row, strict=True)]
    _print_row("all", int(totals[0]), *totals[1:])
    click.echo(
        f"\nbuild and bare: the best of {ROUNDS} rounds in one process; ratio = build / bare."
    )
    unknown, wrong = refusal_times()
    click.echo(
        f"A server refuses an unknown KeyID in {unknown * 1e6:.0f} µs and a wrong passphrase in"
        f" {wrong * 1e6:.0f} µs, ratio {unknown / wrong:.2f}: medians of {REFUSALS}, in turn."
    )


def _print_row(name: str, cases: int, built: float, bare: float) -> None:
    times = f"{built * 1000:>8.1f}ms{bare * 1000:>8.1f}ms"
    ratio = f"{built / bare:.2f}" if bare > _NOTHING else "-"
    click.echo(f"{name:24}{cases:>6}{times}{ratio:>7}{cases / built:>9.0f}")


if __name__ == "__main__":
    main()
