"""An Internet-Draft of what is known: its prose is a template, its facts come from the repository.

The template is in the vocabulary of RFC 7991 (xml2rfc v3). It takes layouts from the reference,
octets from the vectors, verdicts from the ledger; see `Evidence` for how a sentence is bound to the
verdict that it rests on. The program ``xml2rfc`` makes text and HTML of it, without a network;
whatever it warns of is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from markupsafe import Markup
from owamp_reference import messages, packets
from owamp_reference.layout import Layout

from ..claims import declared as claims_module
from ..claims.ledger import Ledger
from ..jinja import new_environment
from ..mistakes import MISTAKES
from ..vectors.declaration import GENERATOR_VERSION
from .draft_cases import Cases
from .draft_evidence import DraftError, Evidence
from .draft_figures import layout_fields, packet_diagram, program, program_names
from .draft_front import Front
from .draft_prose import prose
from .draft_scope import ASSUMPTIONS
from .rfcxml import convert, need_xml2rfc

NAME = "draft-owamp-vectors-00"
_MESSAGES: tuple[tuple[Layout, str], ...] = (
    (messages.ServerGreeting.LAYOUT, ""),
    (messages.SetUpResponse.LAYOUT, ""),
    (messages.ServerStart.LAYOUT, ""),
    (messages.RequestSession.LAYOUT, "HMAC"),
    (messages.ScheduleSlot.LAYOUT, ""),
    (messages.RequestTWSession.LAYOUT, "HMAC"),
    (messages.AcceptSession.LAYOUT, "HMAC"),
    (messages.StartSessions.LAYOUT, "HMAC"),
    (messages.StartAck.LAYOUT, "HMAC"),
    (messages.StopSessions.LAYOUT, "records (OWAMP), HMAC"),
    (messages.SessionDescription.LAYOUT, "skip ranges"),
    (messages.SkipRange.LAYOUT, ""),
    (messages.FetchSession.LAYOUT, "HMAC"),
    (messages.FetchAck.LAYOUT, "HMAC"),
    (messages.PacketRecord.LAYOUT, ""),
)
"""The layouts of the draft's table, and what follows the fields."""

_PACKETS = {
    "sender": packets.SenderPacket.PROTECTED_LAYOUT,
    "reflector": packets.ReflectorPacket.PROTECTED_LAYOUT,
}


def make_draft(
    models: Path,
    proofs: Path,
    vectors: Path,
    day: date | None = None,
    *,
    source_only: bool = False,
    front: Front | None = None,
) -> dict[str, str]:
    """The draft: file name → content, as XML and, unless `source_only`, as text and HTML.

    Args:
        models, proofs, vectors: directories.
        day: the draft's date; that of the last verdict if it is not given.
        front: name, authors and rights of a draft that is to be submitted.
    Raises:
        FileError: an input that cannot be used.
        DraftError: a sentence that no current verdict backs, or that says more than its claims, or
            what xml2rfc warns of.
        NoXml2rfcError: xml2rfc is needed and not installed.
    """
    if not source_only:
        need_xml2rfc()
    claims = claims_module.load(models, vectors)
    evidence = Evidence(claims, Ledger.load(proofs))
    day = day or _last_day(evidence)
    front = front or Front(NAME)
    source = _render(vectors, evidence, day, front)
    texts = {f"{front.name}.xml": source}
    return texts if source_only else texts | convert(front.name, source, day)


def _last_day(evidence: Evidence) -> date:
    days = [date.fromisoformat(entry.date[:10]) for entry in evidence.entries()]
    if not days:
        raise DraftError("the ledger has no verdict; run owamp-vectors prove")
    return max(days)


def _layouts() -> Iterator[tuple[str, int, str]]:
    """Title, size and fields of each message, its HMAC among them where it has one."""
    for layout, more in _MESSAGES:
        size = layout.size + (16 if more.endswith("HMAC") else 0)
        yield layout.title, size, ", ".join(filter(None, (layout_fields(layout), more)))


def packet_figures() -> str:
    """The layouts of the protected test packets as figures of RFCXML."""
    return "\n".join(
        f'<figure anchor="layout-{name}"><name>Protected Packet of a {name.title()}</name>'
        f'<artwork type="ascii-art">\n{diagram}\n</artwork></figure>'
        for name, layout in _PACKETS.items()
        if (diagram := packet_diagram(layout, hmac=True, padding=True))
    )


class _Program:
    """The pieces of the program, each printed once."""

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def piece(self, *names: str) -> str:
        """Definitions of the program. Raises `LookupError` for one that it does not have."""
        self._printed.update(names)
        return program(*names)

    def rest(self) -> list[str]:
        """The names of what has not been printed yet, in order."""
        return [name for name in program_names() if name not in self._printed]


def _render(vectors: Path, evidence: Evidence, day: date, front: Front) -> str:
    environment = new_environment(escape=True)
    cases, pieces = Cases(vectors), _Program()
    environment.globals.update(
        says=evidence.says,
        assume=evidence.assume,
        assumptions=ASSUMPTIONS,
        goals=evidence.goals,
        statements=lambda: list(evidence.statements(vectors)),
        listed=evidence.listed,
        seconded=evidence.seconded,
        witnesses=evidence.witnesses,
        provers=evidence.provers,
        case=cases.case,
        target=cases.target,
        files=cases.files,
        layouts=_layouts,
        program=pieces.piece,
        rest=pieces.rest,
        mistakes=len(MISTAKES),
        version=GENERATOR_VERSION,
        front=front,
        name=front.name,
        day=day.isoformat(),
    )
    environment.filters.update(prose=prose, artwork=_artwork)
    return environment.get_template("draft.xml.j2").render()


def _artwork(text: str) -> Markup:
    """Text that keeps its lines."""
    return Markup("\n{}\n").format(text)
