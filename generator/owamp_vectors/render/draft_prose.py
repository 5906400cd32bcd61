"""Text of the repository as text of the draft: citations of RFCs."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_CITATION = re.compile(
    r"RFC (?P<rfc>\d{4,5})(?: §(?P<first>\d+(?:\.\d+)*))?|§(?P<section>[\d.]*\d)"
)
_ASCII = {"…": "...", "—": "-", "–": "-", "’": "'", "→": "->", "·": "|", "↔": "<->"}


def prose(text: str, document: str = "") -> Markup:
    """Text with its RFCs and sections as references, and otherwise ASCII.

    Args:
        text: plain text, in which "§3.1" means the RFC that was named last.
        document: the number of the RFC that is meant where none was named.
    """
    parts: list[str | Markup] = []
    rfc, position = document, 0
    for match in _CITATION.finditer(text):
        parts.append(escape(text[position : match.start()]))
        rfc = match["rfc"] or rfc
        section = match["first"] or match["section"]
        if not section:
            parts.append(Markup('<xref target="RFC{}"/>').format(rfc))
        elif not rfc:
            parts.append(Markup("Section {}").format(section))
        else:
            link = Markup('<xref target="RFC{}" section="{}" sectionFormat="of"/>')
            parts.append(link.format(rfc, section))
        position = match.end()
    parts.append(escape(text[position:]))
    joined = "".join(parts)
    for character, replacement in _ASCII.items():
        joined = joined.replace(character, escape(replacement))
    return Markup(joined)  # noqa: S704  # every part of it is escaped above
