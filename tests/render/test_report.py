"""The static report: complete, linked, valid, escaped, the same each time, never half-written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from owamp_vectors.catalogue import FILES
from owamp_vectors.claims import table as claims_table
from owamp_vectors.claims.attacks import load_attacks
from owamp_vectors.claims.cast import cast_of
from owamp_vectors.claims.declared import Claim, load
from owamp_vectors.claims.ledger import TRACE, Ledger
from owamp_vectors.claims.matrix import excused, load_matrix
from owamp_vectors.claims.statements import load_statements
from owamp_vectors.claims.trace import RuleStep, read_trace
from owamp_vectors.disk import MANIFEST
from owamp_vectors.mistakes import MISTAKES
from owamp_vectors.replay.replay import replay
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.room import is_mutant
from owamp_vectors.vectors.stored import find_files

from ..support import MODELS, VECTORS, committed_cases
from .conftest import Made
from .pages import Page, octets_of, words

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its imports, not ours
    import html5lib

CLAIMS = load(MODELS, VECTORS)
LEDGER = Ledger.load(MODELS / "proofs")
ROWS = {row.claim.id: row for row in claims_table.claim_rows(CLAIMS, LEDGER)}
CONTENTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in find_files([VECTORS])
}
ATTACK = "claims/token-forgery.html"


# ------------------------------------------------------------------------------- the whole site


def test_links_and_anchors_resolve(made: Made) -> None:
    assert made.site.broken() == []


def test_ids_are_unique(made: Made) -> None:
    for name, page in made.site.pages.items():
        assert not page.ids or set(page.ids.values()) == {1}, name


def test_a_sample_of_the_pages_is_valid_html(made: Made) -> None:
    """One of each kind, by the HTML specification's own parsing rules; all are well-formed XML."""
    names = ["index", "claims", "models", "claims/guess", "vectors/token", "vectors/messages-13"]
    names += ["vectors/attacks-2", "claims/twamp-reflection"]
    for name in names:
        text = (made.root / f"{name}.html").read_text(encoding="utf-8")
        parser = html5lib.HTMLParser()
        parser.parse(text)
        assert parser.errors == [], name


def test_pages_have_landmarks_and_headings_in_order(made: Made) -> None:
    for name, page in made.site.pages.items():
        assert page.root.get("lang") == "en"
        for tag in ("main", "header", "footer", "h1"):
            assert len(page.all(tag)) == 1, (name, tag)
        assert page.root.find("./head/title") is not None
        assert page.all("a")[0].get("href") == "#main", "the skip link comes first"
        levels = [int(e.tag[1]) for e in page.root.iter() if re.fullmatch("h[1-6]", e.tag)]
        assert levels[0] == 1, name
        assert all(b - a <= 1 for a, b in pairwise(levels)), name
        for table in page.all("table"):
            assert table[0].tag == "caption", name
            assert all(cell.get("scope") for cell in table.iter("th")), name
        for element in page.root.iter():
            for reference in ("aria-labelledby", "aria-describedby", "for"):
                assert set((element.get(reference) or "").split()) <= set(page.ids), name


def test_nothing_is_loaded_from_elsewhere(made: Made) -> None:
    for page in made.site.pages.values():
        for tag in ("script", "img", "link", "iframe", "object", "embed", "source"):
            for element in page.all(tag):
                link = element.get("src") or element.get("href") or ""
                assert "//" not in link
                assert link == "data:," or (page.path.parent / link).is_file()
        assert "style=" not in page.text
        assert not re.search(r" on[a-z]+=", re.sub(r"<pre.*?</pre>", "", page.text, flags=re.S))
    for name in ("style.css", "report.js"):
        text = (made.root / name).read_text(encoding="utf-8")
        assert not re.search(
            r"https?:|@import|url\(|fetch\(|XMLHttp|WebSocket|innerHTML|eval", text
        )


def test_size_is_reasonable_and_said(made: Made) -> None:
    files = [path for path in made.root.rglob("*") if path.is_file() and path.name != MANIFEST]
    size = sum(path.stat().st_size for path in files)
    assert size < 70e6
    assert max(path.stat().st_size for path in files) < 10e6
    said = f"{len(files)} files, {size / 1e6:.1f} MB; open {made.root / 'index.html'}\n"
    assert made.result.stdout == said
    assert made.result.stderr == ""


def test_two_builds_give_the_same_octets(made: Made, tmp_path: Path) -> None:
    """The second in another process, with another order of hashes."""
    again = tmp_path / "again"
    code = "from owamp_vectors.commands.cli import main; main()"
    options = ["-o", str(again), "--models", str(MODELS), "--vectors", str(VECTORS)]
    command = [sys.executable, "-c", code, "report", *options]
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    names = {path.relative_to(made.root) for path in made.root.rglob("*")}
    assert names == {path.relative_to(again) for path in again.rglob("*")}
    for name in names:
        if (again / name).is_file():
            assert (again / name).read_bytes() == (made.root / name).read_bytes(), name


# ----------------------------------------------------------------------------------- overview


def test_the_matrix_says_what_the_ledger_says(made: Made) -> None:
    table = made.site.pages["index.html"].one("table", class_="matrix")
    matrix = load_matrix(CLAIMS)
    rows = [row for row in table.iter("tr") if row.find("td") is not None]
    assert [words(row[0]) for row in rows] == [name for name, _ in matrix.rows]
    for row, (_, cells) in zip(rows, matrix.rows, strict=True):
        for cell, (column, title) in zip(row[1:], matrix.columns, strict=True):
            claim = cells.get(column)
            if claim is None:
                assert words(cell) == ""
                continue
            link = cell.find("a")
            assert link is not None
            assert link.get("href") == f"claims/{claim.id}.html"
            answer = {"verified": "✓ holds", "falsified": "✗ fails"}[claim.expected]
            assert words(link) == answer
            assert cell.get("data-design") == title
            provers = {e.get("title", "") for e in cell.iter("abbr")}
            found = ROWS[claim.id].found_by.lower()
            assert provers
            assert all(name.lower() in found for name in provers)
            for lost in excused(CLAIMS, claim) if claim.expected == "verified" else ():
                assert lost in words(cell)


def test_attacks_say_what_to_do(made: Made) -> None:
    cards = made.site.pages["index.html"].all("article", class_="card")
    attacks = load_attacks(CLAIMS)
    assert len(cards) == len(attacks)
    for card, attack in zip(cards, attacks, strict=True):
        text = words(card)
        for part in (attack.title, attack.needs, attack.hit, attack.effect, attack.do):
            assert part in text
        links = [(e.get("href") or "") for e in card.iter("a")]
        assert links == [f"claims/{claim.id}.html" for claim in attack.claims]


def test_what_must_be_falsified_is_not_painted_as_a_failure(made: Made) -> None:
    """The colour of failures is for what came out otherwise than expected, or is invalid."""
    for name in ("index.html", "claims.html", "models.html", "claims/token-forgery.html"):
        for span in made.site.pages[name].all("span"):
            if words(span).endswith(" falsified"):
                assert span.get("class") in ("badge attack", "badge control")
    for claim in CLAIMS.claims:
        if claim.expected == "falsified":
            kind = "control" if claim.kind == "control" else "attack"
            page = made.site.pages[f"claims/{claim.id}.html"]
            assert page.all("span", class_=f"badge {kind}"), claim.id


def test_files_are_in_the_order_in_which_one_meets_them(made: Made) -> None:
    names = [words(link) for link in made.site.pages["vectors.html"].all("a")]
    assert [n for n in names if n.endswith(".json")] == [f"{name}.json" for name in FILES]


# ------------------------------------------------------------------------------------- claims


def test_every_claim_is_there_once_with_its_verdict(made: Made) -> None:
    table = made.site.pages["claims.html"].one("table", id="claims")
    rows = [row for row in table.iter("tr") if row.get("data-verdict")]
    assert [words(row[0]).split()[0] for row in rows] == [claim.id for claim in CLAIMS.claims]
    for row, claim in zip(rows, CLAIMS.claims, strict=True):
        cells = [words(cell) for cell in row]
        model = "+".join((claim.job.model, *claim.job.flags))
        assert cells[0] == f"{claim.id} {claim.statement} {model}, {claim.source}"
        assert cells[1] == claim.expected
        assert cells[2][2:] == ROWS[claim.id].verdict
        page = made.site.pages[f"claims/{claim.id}.html"]
        entry = ROWS[claim.id].entry
        assert entry is not None
        text = words(page.root)
        facts = {words(e[0]): words(e[1]) for dl in page.all("dl") for e in dl}
        assert facts["Verdict"][2:] == ROWS[claim.id].verdict
        assert facts["Expected"] == claim.expected
        assert facts["Lemma"] == claim.job.lemma
        several = f" for {entry.covers} lemmas" if entry.covers > 1 else ""
        assert facts["Time"] == f"{entry.seconds} s{several}"
        assert facts["Size"].split()[0] == str(entry.steps)
        assert facts["Command"] == " ".join(entry.command.split())
        assert facts["Digest"] == entry.digest
        assert entry.prover in facts["Prover"]
        assert " ".join(claim.statement.split()) in text
        assert " ".join(claim.note.split()) in text


def test_lemma_and_rules_are_those_of_the_model(made: Made) -> None:
    page = made.site.pages[ATTACK]
    lemma, *rules = page.all("pre", class_="model")
    assert words(lemma).startswith("lemma zero_keys_are_not_accepted:")
    source = (MODELS / "token_blocks.spthy").read_text(encoding="utf-8")
    lines = [" ".join(line.split()) for line in source.splitlines()]
    names = [words(rule).split()[1].rstrip(":") for rule in rules]
    assert names == [
        "Provision_Secret",
        "Server_Greeting",
        "Client_Token",
        "Server_Token",
        "Server_Keys",
    ]
    for block in (lemma, *rules):
        for line in "".join(block.itertext()).splitlines():
            assert any(" ".join(line.split()) in other for other in lines), line
    places = [words(place) for place in page.all("p", class_="place")]
    for place, block in zip(places, (lemma, *rules), strict=True):
        number = int(place.removeprefix("token_blocks.spthy, line "))
        assert lines[number - 1] == words(block)[: len(lines[number - 1])]


TRACED = [
    claim
    for claim in CLAIMS.claims
    if LEDGER.path(claim.job, TRACE).is_file() and not is_mutant(claim.job.model, claim.job.flags)
]


@pytest.mark.parametrize("claim", TRACED, ids=[claim.id for claim in TRACED])
def test_octets_on_the_chart_are_the_replays(claim: Claim, made: Made) -> None:
    text = LEDGER.artefact(claim.job, TRACE)
    assert text is not None
    found = replay(
        text, claim.job, read_model(MODELS / f"{claim.job.model}.spthy", claim.job.flags)
    )
    trace = read_trace(text, claim.job, cast_of(CLAIMS, claim.job))
    rules = [step for step in trace.steps if isinstance(step, RuleStep)]
    steps = [step for step in found.steps if ":p" not in step.id]
    wanted = [
        octets
        for step, rule in zip(steps, rules, strict=True)
        for octets in (*step.received, *step.sent)
        if not rule.is_idle
    ]
    page = made.site.pages[f"claims/{claim.id}.html"]
    shown = [
        octets_of(pre) for item in page.one("ol", class_="messages") for pre in item.iter("pre")
    ]
    assert shown == wanted
    chart = page.one("svg", class_="chart")
    links = [e for e in chart.iter() if e.get("href")]
    assert [link.get("href") for link in links] == [
        f"#message-{n}" for n in range(1, len(wanted) + 1)
    ]
    for link, octets in zip(links, wanted, strict=True):
        assert (link.get("aria-label") or "").endswith(f": {len(octets)} octets")
    drawn = [
        " ".join("".join(t.itertext()) for t in link.iter() if t.tag.endswith("text"))
        for link in links
    ]
    listed = [words(item[0]).split(": ", 1)[1] for item in page.one("ol", class_="messages")]
    for one, other in zip(drawn, listed, strict=True):
        assert one.replace(" ", "").endswith(other.replace(" ", ""))


def test_the_chart_is_the_recorded_one(made: Made) -> None:
    """The same lines of text at the same places as in the stored picture."""
    page = made.site.pages[ATTACK]
    claim = next(c for c in CLAIMS.claims if c.id == "token-forgery")
    stored = LEDGER.path(claim.job, ".chart.svg").read_text(encoding="utf-8")

    def places(root: ET.Element) -> Counter[tuple[str | None, ...]]:
        lines = (e for e in root.iter() if e.tag.endswith("tspan"))
        return Counter((e.get("x"), e.get("y"), e.text) for e in lines)

    chart = page.one("svg", class_="chart")
    assert places(chart) == places(ET.fromstring(stored))  # noqa: S314
    assert chart[0].tag.endswith("title")
    assert chart[1].tag.endswith("desc")
    assert "Adversary" in (chart[1].text or "")


# ------------------------------------------------------------------------------------ vectors


def test_every_case_is_there_once_with_its_octets(made: Made) -> None:
    seen: dict[tuple[str, int], Page] = {}
    for name, page in made.site.pages.items():
        for section in page.all("section", class_="case"):
            number = int((section.get("id") or "").removeprefix("tc-"))
            file = name.split("/")[1].rpartition("-")[0]
            assert (file, number) not in seen
            seen[file, number] = page
            assert f"{file}.json, tcId {number}" in words(section)
    wanted = {
        (file, test["tcId"]): test
        for file, content in CONTENTS.items()
        for group in content["testGroups"]
        for test in group["tests"]
    }
    assert seen.keys() == wanted.keys()
    table = made.site.pages["vectors.html"].one("table", id="all-cases")
    listed = [words(row[0]).split() for row in table.iter("tr") if row.get("data-file")]
    assert {(file, int(number)) for file, number in listed} == wanted.keys()
    assert len(listed) == len(wanted)


def test_a_case_shows_every_value(made: Made) -> None:
    """Its comment, and all hex strings of the files, whatever is between their digits."""
    for file, content in CONTENTS.items():
        for number, group in enumerate(content["testGroups"], 1):
            page = made.site.pages[f"vectors/{file}-{number}.html"]
            sections = {section.get("id"): section for section in page.all("section")}
            for test in group["tests"]:
                section = sections[f"tc-{test['tcId']}"]
                text = words(section)
                shown = {octets_of(pre).hex() for pre in section.iter("pre") if is_dump(pre)}
                shown |= {field_octets(table) for table in section.iter("table")}
                for value in hex_strings(test):
                    assert value in shown or value in text, (file, test["tcId"], value)
                assert " ".join(test["comment"].split()) in text
                assert test["result"] in text


def is_dump(element: ET.Element) -> bool:
    return element.get("class") == "octets"


def field_octets(table: ET.Element) -> str:
    """The hex digits of a table of fields, whose offsets must be right."""
    digits = ""
    for row in table.findall("./tbody/tr"):
        assert int(words(row[0])) == len(digits) // 2
        digits += words(row[3][0]).replace(" ", "")
        assert int(words(row[0])) + int(words(row[1])) == len(digits) // 2
    return digits


def hex_strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [found for item in value.values() for found in hex_strings(item)]
    if isinstance(value, list):
        return [found for item in value for found in hex_strings(item)]
    is_hex = isinstance(value, str) and re.fullmatch(r"([0-9a-f]{2})+", value)
    return [value] if is_hex else []


def test_what_an_endpoint_does_is_said_in_words(made: Made) -> None:
    """A case with a wrong passphrase is not called valid beside a green sign."""
    rows = made.site.pages["vectors.html"].one("table", id="all-cases").iter("tr")
    shown = {words(row[0]): words(row[2]) for row in rows if row.get("data-file")}
    tests = [t for group in CONTENTS["handshake"]["testGroups"] for t in group["tests"]]
    behaviours = [test for test in tests if "ending" in test]
    assert behaviours
    for test in behaviours:
        text = shown[f"handshake {test['tcId']}"]
        end = {"closed": "then closes", "open": "then stays open"}[test["ending"]]
        assert end in text
        assert text.endswith(f"({test['result']})")
        assert "✓" not in text
        first = next((bytes.fromhex(m) for m in test["sent"][1:] if m), b"")
        if len(bytes.fromhex(test["sent"][0])) == 64 and len(first) == 48:
            assert text.startswith(f"Accept {first[15]}")


def test_each_case_leads_to_its_neighbours(made: Made) -> None:
    for file, content in CONTENTS.items():
        numbers = [test["tcId"] for group in content["testGroups"] for test in group["tests"]]
        for number in range(1, len(content["testGroups"]) + 1):
            page = made.site.pages[f"vectors/{file}-{number}.html"]
            for section in page.all("section", class_="case"):
                place = numbers.index(int((section.get("id") or "")[3:]))
                [moves] = [e for e in section.iter("p") if e.get("class") == "moves"]
                wanted = numbers[max(place - 1, 0) : place] + numbers[place + 1 : place + 2]
                targets = [(e.get("href") or "").partition("#tc-")[2] for e in moves.iter("a")]
                assert targets == [str(n) for n in wanted]


def test_the_files_are_in_the_site_as_they_are(made: Made) -> None:
    for file in CONTENTS:
        script = (made.root / "vectors" / f"{file}.js").read_text(encoding="utf-8")
        text = json.loads(script.removeprefix("showVectors(").removesuffix(");\n"))
        assert text == (VECTORS / f"{file}.json").read_text(encoding="utf-8")


def test_sources_are_whole_and_excerpts_lead_to_their_lines(made: Made) -> None:
    for path in sorted(MODELS.glob("*.spthy")):
        page = made.site.pages[f"sources/{path.name}.html"]
        lines = page.all("span", class_="line")
        text = "".join("".join(line.itertext()) for line in lines)
        assert text.rstrip("\n") == path.read_text(encoding="utf-8").rstrip("\n")
    place = made.site.pages[ATTACK].all("p", class_="place")[0]
    [link] = list(place.iter("a"))
    assert (link.get("href") or "").startswith("../sources/token_blocks.spthy.html#L")


def test_each_section_has_its_vectors_claims_and_lines(made: Made) -> None:
    rows = made.site.pages["sections.html"].one("table", id="sections").iter("tr")
    shown = {row.get("id"): row for row in rows if row.get("id")}
    token = shown["rfc4656-3.1"]
    assert words(token[0]) == "RFC 4656 §3.1"
    assert "token-forgery" in words(token[2])
    derived = shown["rfc4656-4.1.2"]
    assert "derive_t3" in words(derived[3])
    listed = {name: words(row[2]) for name, row in shown.items()}
    for claim in CLAIMS.claims:
        for section in re.findall(r"RFC 4656 (§[\d.]+)", claim.source):
            assert claim.id in listed["rfc4656-" + section[1:].rstrip(".")]
    total = sum(int(n) for n in re.findall(r"token (\d+)", words(token[1])))
    tests = [t for group in CONTENTS["token"]["testGroups"] for t in group["tests"]]
    assert total == sum(bool(re.search(r"RFC 4656 §3\.1(?![.\d])", t["source"])) for t in tests)


def test_statements_have_their_claims_with_verdicts(made: Made) -> None:
    rows = made.site.pages["statements.html"].one("table", id="statements").iter("tr")
    shown = {row.get("id"): words(row) for row in rows if row.get("id")}
    statements = load_statements(CLAIMS, VECTORS)
    assert list(shown) == [statement.id for statement in statements]
    for statement in statements:
        text = shown[statement.id]
        assert " ".join(statement.text.split()) in text
        for claim in statement.claims:
            assert claim in text
            if claim in ROWS:
                assert ROWS[claim].verdict in text


def test_a_claim_says_what_it_means_for_you(made: Made) -> None:
    def facts(claim: str) -> dict[str, str]:
        page = made.site.pages[f"claims/{claim}.html"]
        return {words(e[0]): words(e[1]) for e in page.all("dl")[0]}

    forgery = facts("token-forgery")
    assert "accept connections only from known addresses" in forgery["For you"]
    assert "It can be given" not in forgery["Adversary"], "the theory gives nothing away"
    lost = facts("control-keys-secret")
    assert "T3" in lost["Adversary"]
    assert lost["For you"].startswith("You can rely on it, as long as none of these is lost: ")
    for claim in CLAIMS.claims:
        found = facts(claim.id)
        assert found["For you"]
        assert found["Adversary"]


def test_results_are_those_of_the_documents(made: Made) -> None:
    """Every cell of the table of pairs, and of every table on real peers."""
    page = made.site.pages["results.html"]
    cells = [words(e) for e in page.root.iter() if e.tag in ("td", "th")]
    names = ["adapters/README.md", *sorted(p.as_posix() for p in Path("tests/live").glob("*.md"))]
    for name in names:
        text = (MODELS.parent / name).read_text(encoding="utf-8")
        pairs = text.partition("## Adapters against each other")[2] or text
        for line in re.findall(r"^\|.*\|$", pairs, re.MULTILINE):
            for cell in (part.strip() for part in line.split("|")[1:-1]):
                if re.fullmatch(r"[\w .,()-]*", cell) and not set(cell) <= {"-"}:
                    assert " ".join(cell.split()) in cells, (name, cell)


def test_everything_can_be_searched(made: Made) -> None:
    items = list(made.site.pages["search.html"].one("ul", id="everything"))
    parts = Counter(item.get("data-part") for item in items)
    assert parts["claim"] == len(CLAIMS.claims)
    assert parts["vector"] == sum(content["numberOfTests"] for content in CONTENTS.values())
    assert all(parts[part] for part in ("statement", "section", "mistake", "source"))


def test_claims_and_vectors_link_both_ways(made: Made) -> None:
    def links(page: Page, element: ET.Element) -> set[str]:
        hrefs = (e.get("href") or "" for e in element.iter("a"))
        inside = (page.path.parent / href for href in hrefs if "://" not in href)
        return {os.path.relpath(path, made.root) for path in inside}

    there, back = set(), set()
    for claim in CLAIMS.claims:
        page = made.site.pages[f"claims/{claim.id}.html"]
        [section] = [s for s in page.all("section") if s.get("aria-labelledby") == "vectors"]
        there |= {(claim.id, link) for link in links(page, section)}
        for target in claim.vectors:
            assert target in words(section)
    for name, page in made.site.pages.items():
        for section in page.all("section", class_="case"):
            for link in links(page, section):
                if link.startswith("claims/"):
                    back.add((Path(link).stem, f"{name}#{section.get('id')}"))
    assert there == back
    assert ("token-forgery", "vectors/attacks-2.html#tc-3") in there, "the recorded trace"
    traces = {case.trace for file in FILES.values() for case in committed_cases(file)}
    exercised = {c.id for c in CLAIMS.claims if c.vectors or str(c.job) in traces}
    assert {claim for claim, _ in there} == exercised


def test_every_flag_is_explained_with_its_cases(made: Made) -> None:
    page = made.site.pages["mistakes.html"]
    notes = {n: note for content in CONTENTS.values() for n, note in content["notes"].items()}
    sections = {s.get("id"): s for s in page.all("section", class_="item")}
    assert sections.keys() == notes.keys()
    tiles = words(made.site.pages["index.html"].one("ul", class_="tiles"))
    assert f" {len(MISTAKES)} named mistakes that" in tiles, "and not the other flags"
    for name, note in notes.items():
        assert " ".join(note["description"].split()) in words(sections[name])
        cases = sum(
            name in test["flags"]
            for content in CONTENTS.values()
            for group in content["testGroups"]
            for test in group["tests"]
        )
        links = [e for e in sections[name].iter("a") if "#tc-" in (e.get("href") or "")]
        assert len(links) == cases
