"""Parts of the draft for drafts of other people: the same part as RFCXML and as kramdown.

Links to what is not in the part are words: a section becomes "the section ...", a claim its name.
References to RFCs stay, and a comment at the beginning lists them.
"""

from __future__ import annotations

import copy
import re
import textwrap
from collections.abc import Iterator
from xml.etree import ElementTree as ET

_ANCHORS = {
    "security": ("security",),
    "vectors": ("vectors", "check"),
    "figure": ("protocol", "hierarchy", "layout-sender", "layout-reflector"),
}
FRAGMENTS = tuple(_ANCHORS)


def make_fragment(name: str, source: str, figures: str) -> dict[str, str]:
    """A part of a draft: ``<name>.xml`` and ``<name>.md`` with their contents.

    Args:
        name: one of `FRAGMENTS`.
        source: the draft as RFCXML.
        figures: more figures, which the draft has not.
    """
    tree = ET.fromstring(source)  # noqa: S314  # made by ourselves
    tree.append(ET.fromstring(f"<more>{figures}</more>"))  # noqa: S314
    titles = {e.get("anchor", ""): _title(e) for e in tree.iter() if e.get("anchor")}
    parts = [copy.deepcopy(_found(tree, anchor)) for anchor in _ANCHORS[name]]
    here = {e.get("anchor", "") for part in parts for e in part.iter() if e.get("anchor")}
    cited: set[str] = set()
    for part in parts:
        _loosen(part, here, titles, cited)
    listed = ", ".join(sorted(cited)) or "none"
    xml = "\n".join(ET.tostring(part, encoding="unicode").rstrip() for part in parts)
    markdown = "\n".join(line for part in parts for line in _block(part, 1))
    return {
        f"{name}.xml": f"<!-- References: {listed} -->\n{xml}\n",
        f"{name}.md": f"<!-- References: {listed} -->\n{_tidy(markdown)}",
    }


def _found(tree: ET.Element, anchor: str) -> ET.Element:
    return next(element for element in tree.iter() if element.get("anchor") == anchor)


def _title(element: ET.Element) -> str:
    name = element.find("name")
    return "" if name is None else "".join(name.itertext())


def _loosen(part: ET.Element, here: set[str], titles: dict[str, str], cited: set[str]) -> None:
    """Replaces links to what is elsewhere in the draft by words."""
    for parent in part.iter():
        for child in [child for child in parent if child.tag == "xref"]:
            target = child.get("target", "")
            if re.match(r"RFC\d|I-D\.|[A-Z0-9-]+$", target):
                cited.add(target)
            elif target not in here:
                title = titles.get(target, "")
                words = child.text or (f'the section "{title}"' if title else target)
                _replace(parent, child, words)


def _replace(parent: ET.Element, child: ET.Element, words: str) -> None:
    index = list(parent).index(child)
    text = words + (child.tail or "")
    if index:
        before = parent[index - 1]
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(child)


def _block(element: ET.Element, depth: int) -> Iterator[str]:
    """The lines of a block in kramdown; sections are headings of this depth."""
    anchor = element.get("anchor")
    match element.tag:
        case "section":
            yield f"{'#' * depth} {_title(element)}{f' {{#{anchor}}}' if anchor else ''}\n"
            for child in element:
                yield from _block(child, depth + 1)
        case "t":
            yield textwrap.fill(_inline(element), 76) + "\n"
        case "ul" | "ol":
            mark = "* " if element.tag == "ul" else "1. "
            for item in element:
                indent = " " * len(mark)
                text = textwrap.fill(_inline(item), 76, subsequent_indent=indent)
                yield mark + text
            yield ""
        case "dl":
            for term, meaning in zip(element.iter("dt"), element.iter("dd"), strict=True):
                yield f"{_inline(term)}:\n: {_inline(meaning)}\n"
        case "figure":
            yield from _literal(element.find("artwork"), _title(element), anchor)
        case "artwork" | "sourcecode":
            yield from _literal(element, "", None)
        case _:
            pass


def _literal(element: ET.Element | None, title: str, anchor: str | None) -> Iterator[str]:
    """Lines that stay as they are, with what kramdown-rfc needs to know of them."""
    if element is None:
        return
    kind, name = element.get("type", ""), element.get("name", "")
    yield f"~~~ {kind}".rstrip()
    yield (element.text or "").strip("\n")
    yield "~~~"
    about = f"#{anchor}" if anchor else f'sourcecode-name="{name}"' if name else ""
    title = f' title="{title}"' if title else ""
    yield f"{{: {about}{title}}}\n" if about or title else ""


def _inline(element: ET.Element) -> str:
    """The text of an element on one line, its links and emphasis in kramdown."""
    parts = [_escaped(element.text or "")]
    for child in element:
        parts += [_link(child) if child.tag == "xref" else _span(child), _escaped(child.tail or "")]
    return " ".join("".join(parts).split())


def _span(element: ET.Element) -> str:
    text = _inline(element)
    return f"**{text}**" if element.tag == "bcp14" else text


def _link(element: ET.Element) -> str:
    target, section = element.get("target", ""), element.get("section")
    if element.get("format") == "none" and element.text:
        return element.text
    return f"{{{{Section {section} of {target}}}}}" if section else f"{{{{{target}}}}}"


def _escaped(text: str) -> str:
    """Text in which nothing begins markup of kramdown."""
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", text)


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
