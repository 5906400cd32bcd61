"""A report's pages, read back: their elements, links and anchors, by a strict parser."""

from __future__ import annotations

import os
import re
from collections import Counter
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"


class Page:
    """A page of a site. The pages are well-formed XML as well as HTML, so that any slip shows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text(encoding="utf-8")
        self.directory = path.parent.resolve()
        self.root = ET.fromstring(text)  # noqa: S314
        self.text = text

    @cached_property
    def ids(self) -> Counter[str]:
        """The ids of its elements, and how often each is there."""
        return Counter(found for element in self.root.iter() if (found := element.get("id")))

    @cached_property
    def elements(self) -> dict[str, list[ET.Element]]:
        """The elements of each tag, in order."""
        found: dict[str, list[ET.Element]] = {}
        for element in self.root.iter():
            found.setdefault(element.tag.removeprefix(SVG), []).append(element)
        return found

    def all(self, tag: str, **attributes: str) -> list[ET.Element]:
        """The elements of a tag that have attributes ("class_" for class)."""
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        return [
            element
            for element in self.elements.get(tag, [])
            if all(element.get(key) == value for key, value in wanted.items())
        ]

    def one(self, tag: str, **attributes: str) -> ET.Element:
        """The only such element."""
        [found] = self.all(tag, **attributes)
        return found


def words(element: ET.Element) -> str:
    """The text of an element, with single spaces."""
    return " ".join("".join(element.itertext()).split())


def octets_of(element: ET.Element) -> bytes:
    """The octets of a dump: rows of offset, two spaces, hex digits."""
    rows = [line.split(maxsplit=1) for line in "".join(element.itertext()).splitlines()]
    octets = b""
    for offset, digits in rows:
        assert int(offset) == len(octets)
        octets += bytes.fromhex(digits)
    return octets


class Site:
    """All pages of a site, each parsed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pages = {
            path.relative_to(root).as_posix(): Page(path) for path in sorted(root.rglob("*.html"))
        }

    def broken(self) -> list[str]:
        """The links and images that lead nowhere; those to the RFC Editor are not followed."""
        links = {
            (page.directory, link): name
            for name, page in self.pages.items()
            for element in page.root.iter()
            for attribute in ("href", "src")
            if (link := element.get(attribute)) is not None
            if not link.startswith("#") or unquote(link[1:]) not in page.ids
        }
        return [
            f"{name}: {link}"
            for (directory, link), name in links.items()
            if not self._resolves(directory, link)
        ]

    def _resolves(self, directory: Path, link: str) -> bool:
        parts = urlsplit(link)
        if parts.scheme:
            is_rfc = re.fullmatch(
                r"https://www\.rfc-editor\.org/rfc/rfc\d{4}(#section-\d+(\.\d+)*)?", link
            )
            return bool(is_rfc) or link == "data:,"
        if not parts.path:
            return False
        name = os.path.relpath(directory / unquote(parts.path), self.root.resolve())
        if not parts.fragment:
            return (self.root / name).is_file()
        if name not in self.pages:
            return False
        if "=" in parts.fragment:
            return self._filters(self.pages[name], parts.fragment)
        return unquote(parts.fragment) in self.pages[name].ids

    @staticmethod
    def _filters(target: Page, state: str) -> bool:
        """Whether a page has filters of these names, with these values among their options."""
        for name, [value] in parse_qs(state, strict_parsing=True).items():
            [control] = [e for e in target.root.iter("select") if e.get("name") == name]
            if value not in [words(option) for option in control.iter("option")]:
                return False
        return True
