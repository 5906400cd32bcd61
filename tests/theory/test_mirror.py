"""ProVerif's functions are bound to the reference, as Tamarin's are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from owamp_vectors.theory.infer import infer
from owamp_vectors.theory.mirror import mirror_of, mirror_problems
from owamp_vectors.theory.parse import read_model
from owamp_vectors.vectors.drbg import Drbg

from ..support import MODELS


def problems(directory: Path, *flags: str) -> list[str]:
    model = read_model(directory / "rfc4656.spthy", flags)
    found = mirror_problems(model, infer(model).table, Drbg("test"))
    return [str(problem) for problem in found]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "proverif").mkdir()
    for name in ("rfc4656.spthy", "proverif/rfc4656.pv"):
        shutil.copy(MODELS / name, tmp_path / name)
    return tmp_path


def test_every_file_is_beside_a_theory_and_bound() -> None:
    theories = [path for path in MODELS.glob("*.spthy") if mirror_of(read_model(path)).is_file()]
    assert len(theories) >= 7
    assert not problems(MODELS)
    assert not problems(MODELS, "ONE_WAY_KDF")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "fun ecb(bitstring, bitstring)",
            "fun ecb(bitstring, bitstring, bitstring)",
            "ecb/3: owamp_reference.primitives.aes_ecb_encrypt takes 2 arguments",
        ),
        (
            "fun hmac(",
            "fun mac(",
            "the symbol mac/2 is not bound to a function of the reference",
        ),
        ("ecb_inv(k, ecb(k, m)) = m.", "ecb_inv(k, ecb(m, k)) = m.", "does not hold for octets"),
        (
            "letfun t3(t1: bitstring, sid: bitstring) = ecb",
            "letfun t3(t1: bitstring) = ecb",
            "t3/1: the theory has t3/2",
        ),
        ("const zero_iv", "const one_iv", "the constant one_iv is not bound"),
    ],
)
def test_what_is_bound_to_nothing_or_otherwise_is_named(
    models: Path, old: str, new: str, message: str
) -> None:
    path = models / "proverif" / "rfc4656.pv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    [problem] = problems(models)
    assert message in problem
    assert "proverif/rfc4656.pv" in problem
