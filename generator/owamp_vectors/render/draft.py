"""An Internet-Draft of what is known: its prose is a template, its facts come from the repository.

The template is in the vocabulary of RFC 7991 (xml2rfc v3). It takes layouts and excerpts from the
reference, octets from the vectors, verdicts from the ledger; see `Evidence` for how a sentence is
bound to the verdict that it rests on. The program ``xml2rfc`` makes text and HTML of it, without a
network; whatever it warns of is an error.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from markupsafe import Markup
from owamp_reference import messages, packets
from owamp_reference.layout import Layout

from ..claims import declared as claims_module
from ..claims.ledger import Ledger
from ..jinja import new_environment
from ..mistakes import MISTAKES
from ..theory.findings import ABSTRACTIONS, FINDINGS
from ..vectors.declaration import GENERATOR_VERSION
from ..vectors.drbg import Drbg
from .draft_cases import Cases
from .draft_evidence import DraftError, Evidence, anchor
from .draft_figures import excerpt, packet_diagram
from .draft_prose import model_head, prose
from .rfcxml import convert, need_xml2rfc

NAME = "draft-owamp-vectors-00"
_LAYOUTS: dict[str, tuple[Layout, bool, bool]] = {
    "Server-Greeting": (messages.ServerGreeting.LAYOUT, False, False),
    "Set-Up-Response": (messages.SetUpResponse.LAYOUT, False, False),
    "Server-Start": (messages.ServerStart.LAYOUT, False, False),
    "Request-Session": (messages.RequestSession.LAYOUT, True, False),
    "Request-TW-Session": (messages.RequestTWSession.LAYOUT, True, False),
    "Accept-Session": (messages.AcceptSession.LAYOUT, True, False),
    "Start-Sessions": (messages.StartSessions.LAYOUT, True, False),
    "Start-Ack": (messages.StartAck.LAYOUT, True, False),
    "sender": (packets.SenderPacket.PROTECTED_LAYOUT, True, True),
    "reflector": (packets.ReflectorPacket.PROTECTED_LAYOUT, True, True),
}


def make_draft(
    models: Path, proofs: Path, vectors: Path, day: date | None = None, *, source_only: bool = False
) -> dict[str, str]:
    """The draft: file name → content, as XML and, unless `source_only`, as text and HTML.

    Args:
        models, proofs, vectors: directories.
        day: the draft's date; that of the last verdict if it is not given.
    Raises:
        FileError: an input that cannot be used.
        DraftError: a sentence that no current verdict backs, a finding that does not reproduce,
            or what xml2rfc warns of.
        NoXml2rfcError: xml2rfc is needed and not installed.
    """
    if not source_only:
        need_xml2rfc()
    claims = claims_module.load(models, vectors)
    evidence = Evidence(claims, Ledger.load(proofs))
    day = day or _last_day(evidence)
    source = _render(models, evidence, Cases(vectors), day)
    texts = {f"{NAME}.xml": source}
    return texts if source_only else texts | convert(NAME, source, day)


def _last_day(evidence: Evidence) -> date:
    days = [date.fromisoformat(entry.date[:10]) for entry in evidence.entries()]
    if not days:
        raise DraftError("the ledger has no verdict; run owamp-vectors prove")
    return max(days)


def _diagram(name: str) -> str:
    layout, hmac, padding = _LAYOUTS[name]
    return packet_diagram(layout, hmac=hmac, padding=padding)


def _findings() -> list[tuple[str, str]]:
    """The findings, each reproduced with octets of its own."""
    for finding in FINDINGS:
        failure = finding.failure(Drbg(f"draft/{finding.id}"))
        if failure:
            raise DraftError(f"finding {finding.id} does not reproduce: {failure}")
    return [(finding.id, finding.text) for finding in FINDINGS]


def _render(models: Path, evidence: Evidence, cases: Cases, day: date) -> str:
    environment = new_environment(escape=True)
    environment.globals.update(
        says=evidence.says,
        answer=evidence.answer,
        groups=evidence.groups,
        further=evidence.further,
        seconded=evidence.seconded,
        witnesses=evidence.witnesses,
        provers=evidence.provers,
        anchor=anchor,
        case=cases.case,
        target=cases.target,
        counts=cases.counts,
        diagram=_diagram,
        excerpt=excerpt,
        heads=lambda: [model_head(path) for path in sorted(models.glob("*.spthy"))],
        findings=_findings,
        abstractions=ABSTRACTIONS,
        mistakes=len(MISTAKES),
        version=GENERATOR_VERSION,
        name=NAME,
        day=day.isoformat(),
    )
    environment.filters.update(prose=prose, artwork=_artwork)
    return environment.get_template("draft.xml.j2").render()


def _artwork(text: str) -> Markup:
    """Text that keeps its lines."""
    return Markup("\n{}\n").format(text)
