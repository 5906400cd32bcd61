"""Two daemons of strongSwan negotiate; the reference derives what they derived, and O/TWAMP runs
with it through their tunnel and beside it. Needs root and the daemon; see `make help`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from cryptography.exceptions import InvalidTag
from owamp_reference.negotiation import Mode, Protocol
from owamp_vectors.charon.check import check_keys
from owamp_vectors.charon.log import CharonLog
from owamp_vectors.live.observe.steps import Severity

from ..support import NotHereError
from .daemons import INNER, KERNEL, LIBIPSEC, LINK, Pair, pair
from .logs import shared_view
from .scenario import keys_of, negotiate
from .sessions import (
    BESIDE,
    KEYMAT,
    PLANS,
    SK_D,
    TEST_PACKETS,
    TUNNEL,
    Plan,
    Session,
    credentials,
    hold,
    with_same_secret,
)
from .suites import ALL_SUITES, MORE_SUITES, PRF_CHANGES, SUITES, Suite
from .wire import TCP, UDP, Packet, Tunnel

pytestmark = pytest.mark.strongswan
AFTER_REKEY = Plan(TUNNEL, Protocol.TWAMP, SK_D, Mode.ENCRYPTED)


@dataclass
class Run:
    """All that was seen of a suite.

    Attributes:
        no_tunnel: why there is no child SA; empty if there is.
        before, after: what the daemons logged before and after the IKE SA was rekeyed.
        sessions: those before, by their plans.
        stale: with the secret of the old IKE SA, when the server has the new one.
        misnamed: with the secret of the old IKE SA under the name of the new one.
        rekeyed: with the secret of the new IKE SA.
    """

    suite: Suite
    no_tunnel: str
    before: tuple[CharonLog, CharonLog]
    after: tuple[CharonLog, CharonLog]
    stale: Session
    misnamed: Session
    rekeyed: Session
    sessions: dict[Plan, Session] = field(default_factory=dict)

    def of(self, plan: Plan) -> Session:
        if plan not in self.sessions:
            pytest.skip(f"there is no tunnel here: {self.no_tunnel}")
        return self.sessions[plan]


def perform(daemons: Pair) -> Run:
    """Have the daemons negotiate, rekey, and hold the sessions."""
    no_tunnel = daemons.establish()
    if not no_tunnel:
        daemons.rekey_child()
    before = keys_of(daemons.initiator), keys_of(daemons.responder)
    sessions = {}
    for plan in PLANS:
        if not no_tunnel or (plan.way, plan.secret) == (BESIDE, SK_D):
            mine, other = (credentials(log, plan.secret) for log in before)
            sessions[plan] = hold(daemons, plan, mine, other)
    stale = credentials(before[0], SK_D)
    daemons.rekey_ike()
    if not no_tunnel:
        daemons.rekey_child()
    after = keys_of(daemons.initiator), keys_of(daemons.responder)
    new, other = (credentials(log, SK_D) for log in after)
    plan = AFTER_REKEY if not no_tunnel else PLANS[2]
    return Run(
        daemons.suite,
        no_tunnel,
        before,
        after,
        hold(daemons, plan, stale, other),
        hold(daemons, plan, with_same_secret(stale, new.key_id), other),
        hold(daemons, plan, new, other),
        sessions,
    )


CASES = [(suite, LIBIPSEC) for suite in ALL_SUITES] + [(SUITES[1], KERNEL)]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}, ESP by {case[1]}")
def run(request: pytest.FixtureRequest) -> Run:
    try:
        with pair(*request.param) as daemons:
            return perform(daemons)
    except NotHereError as error:
        pytest.skip(f"strongSwan cannot run here: {error}")


def test_both_daemons_derived_what_the_reference_derives(run: Run) -> None:
    for log in run.after:
        checks = list(check_keys(log))
        names = [item.name for item in checks]
        assert names[:4] == ["SKEYSEED", "SK_*", "SKEYSEED", "SK_*"]
        if not run.no_tunnel:
            assert names[4:] == ["KEYMAT"] * 3
        odd = [(item.name, item.spis) for item in checks if not item.agrees]
        # See test_known_answers: a deviation of strongSwan, which later versions may not have.
        allowed = [("SK_*", log.ike_sas[1].spis)] if run.suite is PRF_CHANGES else []
        assert odd in ([], allowed)
        assert log.ike_sas[0].function.name == run.suite.prf
        has_changed = log.ike_sas[1].function != log.ike_sas[0].function
        assert has_changed is (run.suite is PRF_CHANGES)


def test_both_daemons_logged_the_same(run: Run) -> None:
    one, other = run.after
    if run.no_tunnel:  # only the responder got as far as the child SA
        one, other = (CharonLog(None, log.ike_sas, ()) for log in run.after)
    assert shared_view(one, swapped=False) == shared_view(other, swapped=True)


@pytest.mark.parametrize("secret", [SK_D, KEYMAT])
def test_shared_secret_of_owamp_is_the_same_from_either_log(run: Run, secret: str) -> None:
    if run.no_tunnel and secret == KEYMAT:
        pytest.skip(f"there is no child SA here: {run.no_tunnel}")
    for logs in (run.before, run.after):
        mine, other = (credentials(log, secret) for log in logs)
        assert mine == other
    assert credentials(run.before[0], secret) != credentials(run.after[0], secret)


def is_accepted(session: Session) -> bool:
    """Whether the whole session went well, with the IKE SA's SPIs as KeyID."""
    steps = {step.name: step for step in session.report.steps}
    packets = [step for step in session.report.steps if "Test packet" in step.name]
    named = "".join(remark.text for remark in steps["Set-Up-Response"].remarks)
    assert session.key_id[:8].hex() in named
    assert session.key_id[8:16].hex() in named
    return session.report.is_right and bool(packets)


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_session_is_completed(run: Run, plan: Plan) -> None:
    assert is_accepted(run.of(plan)), run.of(plan).report.steps


def esp_of(session: Session) -> list[Packet]:
    return [packet for packet in session.packets if packet.esp is not None]


def contents_of(packets: list[Packet], ends: tuple[str, str], port: int) -> tuple[int, bytes]:
    """The number of test packets, and the first octets of control that the server sent."""
    assert packets
    for packet in packets:
        assert {packet.source, packet.destination} == set(ends)
        assert packet.protocol in {TCP, UDP}
    control = [p.payload for p in packets if p.protocol == TCP and p.ports[0] == port and p.payload]
    return sum(packet.protocol == UDP for packet in packets), control[0]


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan.way == TUNNEL], ids=str)
def test_only_esp_of_the_child_sa_is_on_the_link(run: Run, plan: Plan) -> None:
    """And in it, opened with KEYMAT from the reference, is the session, and nothing else."""
    session = run.of(plan)
    assert [packet for packet in session.packets if packet.esp is None and not packet.is_ike] == []
    log = run.before[0]
    opened = Tunnel(log.ike_sas[-1], log.child_sas[-1]).open(esp_of(session))
    number, greeting = contents_of(opened, INNER, session.port)
    assert number == TEST_PACKETS * (2 if plan.protocol is Protocol.TWAMP else 1)
    assert len(greeting) == 64  # Server-Greeting (RFC 4656 §3.1)
    assert greeting[15] & plan.security
    assert not any(greeting in packet.payload for packet in session.packets)


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan.way == BESIDE], ids=str)
def test_no_esp_is_on_the_link_beside_the_tunnel(run: Run, plan: Plan) -> None:
    """The same look at the link sees packets that are not in ESP."""
    session = run.of(plan)
    assert esp_of(session) == []
    packets = [packet for packet in session.packets if not packet.is_ike]
    number, greeting = contents_of(packets, LINK, session.port)
    assert number == TEST_PACKETS * (2 if plan.protocol is Protocol.TWAMP else 1)
    assert len(greeting) == 64


def test_tunnel_does_not_open_with_the_keys_of_another_child_sa(run: Run) -> None:
    session = run.of(PLANS[0])
    log = run.before[0]
    first, second = log.child_sas[:2]
    disguised = replace(first, spi_in=second.spi_in, spi_out=second.spi_out)
    with pytest.raises((InvalidTag, AssertionError)):
        Tunnel(log.ike_sas[0], disguised).open(esp_of(session))
    assert Tunnel(log.ike_sas[0], second).open(esp_of(session))


def test_tunnel_is_that_of_the_child_sa_after_the_rekey(run: Run) -> None:
    """The child SA of the rekeyed IKE SA carries the last session."""
    if run.no_tunnel:
        pytest.skip(f"there is no tunnel here: {run.no_tunnel}")
    log = run.after[0]
    opened = Tunnel(log.ike_sas[-1], log.child_sas[-1]).open(esp_of(run.rekeyed))
    assert contents_of(opened, INNER, run.rekeyed.port)[0] == 2 * TEST_PACKETS
    with pytest.raises((KeyError, InvalidTag, AssertionError)):
        Tunnel(log.ike_sas[0], log.child_sas[-1]).open(esp_of(run.rekeyed))


def test_stale_ike_sa_is_refused(run: Run) -> None:
    """RFC 7717 §5.3: the server has no IKE SA with these SPIs, and says so."""
    assert not run.stale.report.is_complete
    last = next(step for step in run.stale.report.steps if step.name == "Server-Start")
    assert "Accept 6" in "".join(remark.text for remark in last.remarks)
    assert is_accepted(run.rekeyed)


def test_stale_secret_is_refused_under_the_new_name(run: Run) -> None:
    """The Token does not open with another SK_d."""
    assert run.misnamed.key_id == run.rekeyed.key_id
    assert not run.misnamed.report.is_complete
    last = next(step for step in run.misnamed.report.steps if step.name == "Server-Start")
    text = "".join(remark.text for remark in last.remarks)
    assert "Accept 1" in text
    assert all(
        step.severity is not Severity.OK or "Test" not in step.name
        for step in run.misnamed.report.steps
    )


@pytest.mark.parametrize("suite", MORE_SUITES, ids=str)
def test_keys_of_a_ppk_and_of_additional_exchanges(suite: Suite) -> None:
    """The second and third need strongSwan 6; there are logs of it among the known answers."""
    try:
        with pair(suite) as daemons:
            negotiate(daemons)
            one, other = keys_of(daemons.initiator), keys_of(daemons.responder)
    except NotHereError as error:
        pytest.skip(f"strongSwan cannot run here: {error}")
    assert shared_view(one, swapped=False) == shared_view(other, swapped=True)
    for log in (one, other):
        checks = list(check_keys(log))
        assert checks
        assert [item for item in checks if not item.agrees] == []
        assert any(sa.ppk for sa in log.ike_sas) == bool(suite.ppk)
