"""The keys that strongSwan derived in a recorded run, computed by the reference.

The logs are the output of strongSwan; `make strongswan` records them anew.
"""

from __future__ import annotations

import pytest
from owamp_reference import binding, ikev2
from owamp_vectors.charon.check import check_keys
from owamp_vectors.charon.reader import parse_log

from .logs import ROLES, recorded, shared_view
from .suites import ALL_SUITES, PRF_CHANGES, SUITES, Suite

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


@pytest.mark.parametrize("suite", ALL_SUITES, ids=str)
def test_both_daemons_logged_the_same(suite: Suite) -> None:
    one, other = (parse_log(recorded(suite.name, role)) for role in ROLES)
    assert shared_view(one, swapped=False) == shared_view(other, swapped=True)
    assert [sa.initiated for sa in one.ike_sas] == [not sa.initiated for sa in other.ike_sas]


@pytest.mark.parametrize("suite", ALL_SUITES, ids=str)
def test_both_ends_have_the_same_shared_secrets_of_owamp(suite: Suite) -> None:
    """Each of prf(SK_d, "IPPM") and PRF{ KEYMAT, SID }, from the log of each daemon alone."""
    found = []
    for log in (parse_log(recorded(suite.name, role)) for role in ROLES):
        secrets = [binding.shared_secret_from_sk_d(sa.function, sa.keys.sk_d) for sa in log.ike_sas]
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
def test_strongswan_expands_by_the_old_prf_when_a_rekey_changes_it(role: str) -> None:
    """A deviation of strongSwan: SKEYSEED is rightly by the old IKE SA's prf, but SK_* should be
    by the new one's (RFC 7296 §2.18). The child SA of the new IKE SA is by its prf again.
    """
    log = parse_log(recorded(PRF_CHANGES.name, role))
    assert [sa.function.name for sa in log.ike_sas] == ["PRF_AES128_XCBC", "PRF_HMAC_SHA2_256"]
    checks = list(check_keys(log))
    assert [item.name for item in checks] == CHECKS
    (odd,) = (item for item in checks if not item.agrees)
    assert (odd.name, odd.spis) == ("SK_*", log.ike_sas[1].spis)
    assert odd.note.startswith("made by PRF_AES128_XCBC of the old IKE SA")
    assert len(log.ike_sas[1].skeyseed) == 16  # of the old prf
    assert len(log.ike_sas[1].keys.sk_d) == 32  # of the new one


def test_recorded_logs_say_what_made_them() -> None:
    for suite in ALL_SUITES:
        for role in ROLES:
            text = recorded(suite.name, role)
            version = parse_log(text).version
            assert text.startswith(f"# Log of the {role}'s charon, the IKEv2 daemon of strongSwan")
            assert version
            assert f"strongSwan {version}." in text.splitlines()[0]
            assert "Made by `make strongswan` on 20" in text
