"""Findings reproduce, and abstractions account for them."""

from __future__ import annotations

import pytest
from owamp_reference import keys, token
from owamp_vectors.theory.findings import ABSTRACTIONS, FINDINGS
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.remarks import Finding
from owamp_vectors.vectors.drbg import Drbg

from ..support import MODELS, model_flags


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.id)
def test_findings_reproduce(finding: Finding) -> None:
    for number in range(3):
        source = Drbg(f"test/{number}")
        assert finding.failure(source) is None
        assert finding.octets(source) == finding.octets(source)
    assert finding.equal


def test_a_finding_that_no_longer_reproduces_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = next(item for item in FINDINGS if item.id == "t3-gives-t1")

    def one_way(t1: bytes, sid: bytes) -> bytes:
        return keys.one_way_test_session_keys(keys.ControlKeys(t1, bytes(32)), sid).t3

    monkeypatch.setattr(keys, "derive_t3", one_way)
    failure = finding.failure(Drbg("test"))
    assert failure is not None
    assert failure.startswith("T1 ")


def test_the_token_of_first_blocks_opens() -> None:
    finding = next(item for item in FINDINGS if item.id == "token-from-first-blocks")
    octets = finding.octets(Drbg("test"))
    assert len(octets["Token"]) == token.TOKEN_SIZE
    assert octets["T1"] == bytes(16)


def test_abstractions_account_for_findings() -> None:
    known = {finding.id for finding in FINDINGS}
    for item in ABSTRACTIONS:
        assert item.findings <= known
        assert item.reason
    [permutation] = [item for item in ABSTRACTIONS if item.id == "permutation-one-way-round"]
    assert permutation.findings == {"decrypts-anything-aes"}
    assert permutation.concerns(read_model(MODELS / "token_blocks.spthy"))


def test_what_a_room_says_is_of_its_theory_alone() -> None:
    [own] = [item for item in ABSTRACTIONS if item.id == "keys-of-any-size"]
    concerned = {
        path.stem for path, flags in model_flags() if own.concerns(read_model(path, flags))
    }
    assert concerned == {"ikev2_two_keys"}
    [perfect] = [item for item in ABSTRACTIONS if item.id == "perfect-encryption"]
    assert perfect.reason.endswith("; token_blocks has the Token block by block")
