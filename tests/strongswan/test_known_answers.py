"""The keys that strongSwan derived in a recorded run, computed by the reference.

The logs are the output of strongSwan; `make strongswan` records them anew.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from owamp_reference import binding, ikev2
from owamp_vectors.charon.check import check_keys
from owamp_vectors.charon.reader import parse_log

from .logs import ROLES, recorded, shared_view
from .suites import (
    BOTH,
    CHANGES,
    MORE_SUITES,
    PPK,
    RECORDED,
    SEVERAL,
    SUITES,
    Suite,
)

CHECKS = ["SKEYSEED", "SK_*", "SKEYSEED", "SK_*", "KEYMAT", "KEYMAT", "KEYMAT"]
"""A new IKE SA and a rekeyed one; the child SA of each, and one with PFS between."""
SID = bytes(range(16))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_reference_computes_what_strongswan_computed(suite: Suite, role: str) -> None:
    log = parse_log(recorded(suite.name, role))
    assert [sa.function.name for sa in log.ike_sas] == [suite.prf] * 2
    checks = list(check_keys(log))
    assert [item.name for item in checks] == CHECKS
    assert [item for item in checks if not item.agrees] == []
    assert [bool(sa.old) for sa in log.ike_sas] == [False, True]
    assert [bool(child.shared_secret) for child in log.child_sas] == [False, True, True]
    assert [child.ike for child in log.child_sas] == [log.ike_sas[n].spis for n in (0, 0, 1)]


MORE_CHECKS = {
    PPK.name: [*CHECKS[:2], "SK_d, SK_p*", *CHECKS[2:]],
    SEVERAL.name: [*CHECKS[:2], *CHECKS[:2], *CHECKS],
    BOTH.name: [*CHECKS[:2], *CHECKS[:2], "SK_d, SK_p*", *CHECKS[2:]],
}
"""A PPK changes SK_d, SK_pi and SK_pr; each additional key exchange of a set-up gives new keys."""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("suite", MORE_SUITES, ids=str)
def test_reference_computes_keys_of_a_ppk_and_of_additional_exchanges(
    suite: Suite, role: str
) -> None:
    """RFC 8784 §3, RFC 9370 §2.2.2 and §2.2.4."""
    log = parse_log(recorded(suite.name, role))
    checks = list(check_keys(log))
    assert [item.name for item in checks] == MORE_CHECKS[suite.name]
    assert [item for item in checks if not item.agrees] == []
    assert len(log.in_use) == 2
    first, second = log.in_use.values()
    assert second.old == first.spis
    assert bool(first.ppk) == bool(suite.ppk)
    assert {sa.is_rekeyed for sa in log.ike_sas if sa.spis == first.spis} == {False}
    assert bool(second.additional_secret) == ("ke1" in suite.ike)
    assert [bool(child.additional_secret) for child in log.child_sas] == [
        False,
        *["ke1" in suite.esp] * 2,
    ]


@pytest.mark.parametrize("suite", MORE_SUITES, ids=str)
def test_sk_d_is_the_last_one(suite: Suite) -> None:
    """The keys before give another KEYMAT, and another SK_d after the rekeying."""
    log = parse_log(recorded(suite.name, "initiator"))
    first = log.ike_sas[0]
    assert first.keys.sk_d != log.in_use[first.spis].keys.sk_d
    early = replace(log, ike_sas=(first, *(sa for sa in log.ike_sas if sa.spis != first.spis)))
    wrong = [item.name for item in check_keys(early) if not item.agrees]
    assert wrong == ["SKEYSEED", "KEYMAT", "KEYMAT"]


@pytest.mark.parametrize("suite", RECORDED, ids=str)
def test_both_daemons_logged_the_same(suite: Suite) -> None:
    one, other = (parse_log(recorded(suite.name, role)) for role in ROLES)
    assert shared_view(one, swapped=False) == shared_view(other, swapped=True)
    assert [sa.initiated for sa in one.ike_sas] == [not sa.initiated for sa in other.ike_sas]


@pytest.mark.parametrize("suite", RECORDED, ids=str)
def test_both_ends_have_the_same_shared_secrets_of_owamp(suite: Suite) -> None:
    """Each of prf(SK_d, "IPPM") and PRF{ KEYMAT, SID }, from the log of each daemon alone."""
    found = []
    for log in (parse_log(recorded(suite.name, role)) for role in ROLES):
        in_use = log.in_use.values()
        secrets = [binding.shared_secret_from_sk_d(sa.function, sa.keys.sk_d) for sa in in_use]
        for child in log.child_sas:
            sa = log.ike_sa(child.ike)
            assert sa is not None
            secrets.append(binding.shared_secret_from_keymat(sa.function, child.keymat, SID))
        found.append(secrets)
    assert found[0] == found[1]
    assert len(set(found[0])) == len(found[0]) == 5


@pytest.mark.parametrize("suite", [suite for suite in SUITES if "AES" in suite.prf], ids=str)
def test_strongswan_takes_half_of_each_nonce_with_an_aes_prf(suite: Suite) -> None:
    """RFC 7296 §2.14; whole nonces give another SKEYSEED, so that the test above can tell."""
    sa = parse_log(recorded(suite.name, "initiator")).ike_sas[0]
    assert len(sa.ni) > 8 < len(sa.nr)
    assert ikev2.prf(sa.function, sa.ni[:8] + sa.nr[:8], sa.shared_secret) == sa.skeyseed
    assert ikev2.prf(sa.function, sa.ni + sa.nr, sa.shared_secret) != sa.skeyseed


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("suite", CHANGES, ids=str)
def test_strongswan_expands_by_the_old_prf_when_a_rekey_changes_it(suite: Suite, role: str) -> None:
    """A deviation of strongSwan: SKEYSEED is rightly by the old IKE SA's prf, but SK_* should be
    by the new one's (RFC 7296 §2.18). The child SA of the new IKE SA is by its prf again.
    """
    log = parse_log(recorded(suite.name, role))
    assert [sa.function.name for sa in log.ike_sas] == ["PRF_AES128_XCBC", "PRF_HMAC_SHA2_256"]
    checks = list(check_keys(log))
    assert [item.name for item in checks] == CHECKS
    (odd,) = (item for item in checks if not item.agrees)
    assert (odd.name, odd.spis) == ("SK_*", log.ike_sas[1].spis)
    assert odd.note.startswith("made by PRF_AES128_XCBC of the old IKE SA")
    assert len(log.ike_sas[1].skeyseed) == 16  # of the old prf
    assert len(log.ike_sas[1].keys.sk_d) == 32  # of the new one


def test_recorded_logs_say_what_made_them() -> None:
    for suite in RECORDED:
        for role in ROLES:
            text = recorded(suite.name, role)
            version = parse_log(text).version
            assert text.startswith(f"# Log of the {role}'s charon, the IKEv2 daemon of strongSwan")
            assert version
            assert f"strongSwan {version}." in text.splitlines()[0]
            assert "Made by `make strongswan` on 20" in text
