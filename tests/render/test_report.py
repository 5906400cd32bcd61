"""The static report: complete, linked, valid, escaped, the same each time, never half-written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from owamp_vectors import claims_table
from owamp_vectors.chart import chart_of
from owamp_vectors.claims import Claim, load
from owamp_vectors.files import FileError
from owamp_vectors.ledger import TRACE, Ledger
from owamp_vectors.render import report_theory
from owamp_vectors.render.report_html import highlight, rfc_links
from owamp_vectors.render.report_write import MARK, write_site
from owamp_vectors.theory.parse import NoGrammarError, read_model
from owamp_vectors.theory.replay import replay

from ..generator.test_cli import refused, run
from ..support import MODELS, VECTORS
from .conftest import Made
from .pages import Page, Site, octets_of, words

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its imports, not ours
    import html5lib

FIXTURE = Path(__file__).parents[1] / "models"
CLAIMS = load(MODELS, VECTORS)
LEDGER = Ledger.load(MODELS / "proofs")
ROWS = {row.claim.id: row for row in claims_table.rows(CLAIMS, LEDGER)}
CONTENTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in VECTORS.glob("*.json")
}
ATTACK = "claims/token-forgery.html"


def small(tmp_path: Path) -> tuple[Path, Path]:
    """Copies of the tests' models and of token.json alone, to spoil."""
    models = Path(shutil.copytree(FIXTURE, tmp_path / "models"))
    vectors = tmp_path / "vectors"
    vectors.mkdir()
    shutil.copy(VECTORS / "token.json", vectors)
    return models, vectors


def report_of(models: Path, vectors: Path, *more: str) -> tuple[Any, Path]:
    root = models.parent / "out"
    return run("report", "-o", root, "--models", models, "--vectors", vectors, *more), root


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
        parser = html5lib.HTMLParser(strict=False)
        parser.parse(text)
        # it knows no self-closing void elements in the trailing-slash sense of 2026; none are left
        assert parser.errors == [], name


def test_pages_have_landmarks_and_headings_in_order(made: Made) -> None:
    for name, page in made.site.pages.items():
        assert page.root.get("lang") == "en"
        for tag in ("main", "header", "footer", "h1", "head/title"):
            assert len(page.root.findall(f".//{tag}")) == 1, (name, tag)
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
    files = [path for path in made.root.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    assert size < 20e6
    assert max(path.stat().st_size for path in files) < 1e6
    said = f"{len(files)} files, {size / 1e6:.1f} MB; open {made.root / 'index.html'}\n"
    assert made.result.stdout == said
    assert made.result.stderr == ""


def test_two_builds_give_the_same_octets(made: Made, tmp_path: Path) -> None:
    """The second in another process, with another order of hashes."""
    again = tmp_path / "again"
    code = "from owamp_vectors.cli import main; main()"
    options = ["-o", str(again), "--models", str(MODELS), "--vectors", str(VECTORS)]
    command = [sys.executable, "-c", code, "report", *options]
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    names = {path.relative_to(made.root) for path in made.root.rglob("*")}
    assert names == {path.relative_to(again) for path in again.rglob("*")}
    for name in names:
        if (again / name).is_file():
            assert (again / name).read_bytes() == (made.root / name).read_bytes(), name


# ------------------------------------------------------------------------------------- claims


def test_every_claim_is_there_once_with_its_verdict(made: Made) -> None:
    table = made.site.pages["claims.html"].one("table", id="claims")
    rows = [row for row in table.iter("tr") if row.get("data-verdict")]
    assert [words(row[0]).split()[0] for row in rows] == [claim.id for claim in CLAIMS.claims]
    for row, claim in zip(rows, CLAIMS.claims, strict=True):
        cells = [words(cell) for cell in row]
        assert claim.statement in cells[0]
        assert cells[1].replace(" ", "") == "+".join((claim.job.model, *claim.job.flags))
        assert cells[2:4] == [claim.source, claim.expected]
        assert cells[4][2:] == ROWS[claim.id].verdict
        page = made.site.pages[f"claims/{claim.id}.html"]
        entry = ROWS[claim.id].entry
        assert entry is not None
        text = words(page.root)
        facts = {words(e[0]): words(e[1]) for dl in page.all("dl") for e in dl}
        assert facts["Verdict"][2:] == ROWS[claim.id].verdict
        assert facts["Expected"] == claim.expected
        assert facts["Lemma"] == claim.job.lemma
        assert facts["Time"] == f"{entry.seconds} s"
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


TRACED = [claim for claim in CLAIMS.claims if LEDGER.path(claim.job, TRACE).is_file()]


@pytest.mark.parametrize("claim", TRACED, ids=[claim.id for claim in TRACED])
def test_octets_on_the_chart_are_the_replays(claim: Claim, made: Made) -> None:
    text = LEDGER.artefact(claim.job, TRACE)
    assert text is not None
    found = replay(
        text, claim.job, read_model(MODELS / f"{claim.job.model}.spthy", claim.job.flags)
    )
    steps = [step for step in found.steps if ":p" not in step.id]
    wanted = [octets for step in steps for octets in (*step.received, *step.sent)]
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
        assert one.replace(" ", "") == other.replace(" ", "")


def test_the_chart_is_the_recorded_one(made: Made) -> None:
    """The same lines of text at the same places as in the stored picture."""
    page = made.site.pages[ATTACK]
    claim = next(c for c in CLAIMS.claims if c.id == "token-forgery")
    stored = LEDGER.path(claim.job, ".chart.svg").read_text(encoding="utf-8")

    def places(root: ET.Element) -> set[tuple[str | None, ...]]:
        return {(e.get("x"), e.get("y"), e.text) for e in root.iter() if e.tag.endswith("tspan")}

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
    assert ("token-forgery", "vectors/attacks-2.html#tc-2") in there, "the recorded trace"
    assert len({claim for claim, _ in there}) > 15


def test_every_flag_is_explained_with_its_cases(made: Made) -> None:
    page = made.site.pages["mistakes.html"]
    notes = {n: note for content in CONTENTS.values() for n, note in content["notes"].items()}
    sections = {s.get("id"): s for s in page.all("section", class_="item")}
    assert sections.keys() == notes.keys()
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


# ---------------------------------------------------------------------- what is not as it should be


def test_a_stale_verdict_is_shown_and_fails(tmp_path: Path) -> None:
    models, vectors = small(tmp_path)
    path = models / "small.spthy"
    path.write_text(path.read_text(encoding="utf-8").replace("[ ]\n", "[ X() ]\n"))
    result, root = report_of(models, vectors)
    assert result.exit_code == 1
    assert "can-end: stale: the model is another than when small/can_end was run" in result.stderr
    site = Site(root)
    page = site.pages["claims/can-end.html"]
    assert "! stale" in words(page.one("main"))
    assert "✓ verified" not in words(page.one("main"))
    assert page.all("svg", class_="chart")
    assert not page.all("ol", class_="messages"), "no octets of another model"
    assert "can-end: stale" in words(site.pages["index.html"].one("section", class_="notice"))
    assert "stale" in words(site.pages["claims.html"].one("select", name="verdict"))
    result, _ = report_of(models, vectors, "--allow-stale")
    assert result.exit_code == 0
    assert "can-end: stale" in result.stderr
    assert site.broken() == []


def test_a_missing_verdict_is_shown_and_fails(tmp_path: Path) -> None:
    models, vectors = small(tmp_path)
    shutil.rmtree(models / "proofs")
    result, root = report_of(models, vectors)
    assert result.exit_code == 1
    assert "t1-is-secret: missing: no run of small/t1_is_secret is recorded" in result.stderr
    site = Site(root)
    main = words(site.pages["claims/t1-is-secret.html"].one("main"))
    assert "! missing" in main
    assert "No run is recorded. owamp-vectors prove --claim t1-is-secret makes one." in main
    assert site.broken() == []


def test_another_verdict_than_expected_fails_even_if_stale_is_allowed(tmp_path: Path) -> None:
    models, vectors = small(tmp_path)
    path = models / "claims.toml"
    text = path.read_text(encoding="utf-8")
    claimed = 'expected = "verified"\npremise = "can-end-leak"'
    path.write_text(text.replace('expected = "falsified"', claimed, 1), encoding="utf-8")
    result, root = report_of(models, vectors, "--allow-stale")
    assert result.exit_code == 1
    assert "unexpected: expected verified, the prover says falsified" in result.stderr
    page = Site(root).pages["claims/t1-is-secret-leak.html"]
    assert "unexpected" in words(page.all("p", class_="notice")[0])


def test_a_trace_that_does_not_replay_fails(tmp_path: Path) -> None:
    """The tests' models have names that the reference does not know; that is told."""
    models, vectors = small(tmp_path)
    result, root = report_of(models, vectors, "--allow-stale")
    assert result.exit_code == 1
    assert "can-end: rule Server_Greeting: 'greeting': a name without octets" in result.stderr
    page = Site(root).pages["claims/can-end.html"]
    notice = words(page.all("p", class_="notice")[0])
    assert notice.startswith("The trace does not replay: rule Server_Greeting")
    assert not page.all("ol", class_="messages")


def test_without_the_extra_there_are_charts_without_octets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise NoGrammarError

    monkeypatch.setattr(report_theory, "read_model", missing)
    models, vectors = small(tmp_path)
    result, root = report_of(models, vectors)
    assert result.exit_code == 0, result.output
    assert (
        "Charts have no octets: reading models as terms needs the extra 'models'" in result.stderr
    )
    page = Site(root).pages["claims/t1-is-secret-leak.html"]
    chart = page.one("svg", class_="chart")
    assert chart.get("role") == "img"
    assert not [e for e in chart.iter() if e.get("href")]
    assert "The messages have no octets here" in words(page.root)
    assert not page.all("ol", class_="messages")


def test_what_the_files_say_is_escaped(tmp_path: Path) -> None:
    models, vectors = small(tmp_path)
    evil = "<script>alert(1)</script> & \"quoted\" 'x' ]]> <b"
    path = models / "claims.toml"
    text = path.read_text(encoding="utf-8").replace("T1 stays secret.", "@@")
    path.write_text(text.replace('"@@"', json.dumps(evil)), encoding="utf-8")
    path = vectors / "token.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    test = content["testGroups"][0]["tests"][0]
    test["comment"] = content["header"][0] = evil
    content["notes"][next(iter(content["notes"]))]["description"] = evil
    path.write_text(json.dumps(content), encoding="utf-8")
    result, root = report_of(models, vectors)
    assert result.exit_code == 1, "these models have names that the reference has not"
    site = Site(root)
    wanted = " ".join(evil.split())
    for name in (
        "claims",
        "claims/t1-is-secret",
        "vectors",
        "vectors/token-1",
        "vectors/token",
        "mistakes",
    ):
        page = site.pages[f"{name}.html"]
        assert wanted in words(page.root), name
        assert [e.get("src", "").rpartition("/")[2] for e in page.all("script")] == ["report.js"]
        assert not page.all("b")


# ---------------------------------------------------------------------------------- on disk


def test_bad_input_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    models, vectors = small(tmp_path)
    (models / "proofs" / "small" / "can_end.json").write_text("{", encoding="utf-8")
    result, root = report_of(models, vectors)
    assert "not a trace" in refused(result, 3)
    assert not root.exists()
    (vectors / "token.json").write_text("[]", encoding="utf-8")
    result, root = report_of(models, vectors)
    assert "token.json" in refused(result, 3)
    assert not root.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "vectors"]


def test_an_earlier_report_is_replaced_whole(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    write_site(root, {"index.html": MARK + "1", "x/old.html": "2"})
    write_site(root, {"index.html": MARK + "3", "y/new.html": "4"})
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert found == {"index.html", "y/new.html"}
    assert [path.name for path in root.parent.iterdir()] == ["b"]
    umask = os.umask(0)
    os.umask(umask)
    assert root.stat().st_mode & 0o777 == 0o777 & ~umask


def test_other_directories_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileError, match="expected an earlier report or nothing, found other files"):
        write_site(tmp_path, {"index.html": MARK})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(FileError, match="expected a directory, found a file"):
        write_site(tmp_path / "mine.txt", {"index.html": MARK})
    with pytest.raises(FileError, match="cannot be written"):
        write_site(tmp_path / "mine.txt" / "below", {"index.html": MARK})


def test_a_failure_leaves_the_earlier_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "report"
    write_site(root, {"index.html": MARK + "1"})
    with pytest.raises(FileError, match="cannot be written"):
        write_site(root, {"index.html": MARK + "2", "index.html/x": "3"})
    assert (root / "index.html").read_text(encoding="utf-8") == MARK + "1"
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(FileError, match="Input/output error"):
        write_site(root, {"index.html": MARK + "4"})
    assert (root / "index.html").read_text(encoding="utf-8") == MARK + "1"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


# ------------------------------------------------------------------------------------- details


def test_sections_link_to_the_rfc_editor() -> None:
    text = rfc_links("RFC 4656 §3.1, §6.10; RFC 7717 §5.1 & proposal §9")
    base = "https://www.rfc-editor.org/rfc/rfc"
    assert re.findall(r'href="([^"]*)"', text) == [
        f"{base}4656", f"{base}4656#section-3.1", f"{base}4656#section-6.10",
        f"{base}7717", f"{base}7717#section-5.1", f"{base}7717#section-9",
    ]  # fmt: skip
    assert re.sub("<[^>]*>", "", text) == "RFC 4656 §3.1, §6.10; RFC 7717 §5.1 &amp; proposal §9"
    assert rfc_links("§3 <of> what?") == "§3 &lt;of&gt; what?"


def test_models_are_marked_without_changing_them() -> None:
    text = "rule A_b:\n  [ Fr(~t1), !K($C, 'x<y') ] --[ Done(t) ]-> [ Out(<t, ~t1>) ] // a & b #i"
    marked = highlight(text)
    assert ET.fromstring(f"<p>{marked}</p>").itertext() is not None  # noqa: S314
    assert "".join(ET.fromstring(f"<p>{marked}</p>").itertext()) == text  # noqa: S314
    found = re.findall(r'<span class="(\w+)">(.*?)</span>', marked)
    assert ("word", "rule") in found
    assert ("fresh", "~t1") in found
    assert ("public", "$C") in found
    assert ("const", "&#39;x&lt;y&#39;") in found
    assert ("fact", "!K") in found
    assert ("fact", "Done") in found


def palettes() -> dict[str, dict[str, str]]:
    css = (
        Path(report_theory.__file__).parents[1] / "templates" / "report" / "style.css"
    ).read_text()
    blocks = re.findall(r":root \{([^}]*)\}", css)
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks[:2])
    assert set(dark) == set(light)
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXT_ON = {
    "page": "text muted link good bad warn",
    "raised": "text muted link const fresh public",
    "role": "text",
    "other": "text",
    "leak": "text",
}
EDGE_ON = {
    "page": "edge focus role-edge other-edge leak-edge",
    "raised": "edge",
    "role": "role-edge",
    "other": "other-edge",
    "leak": "leak-edge",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_sufficient(scheme: str) -> None:
    """4.5 for text, 3 for what bounds controls and boxes (WCAG 2.2, 1.4.3 and 1.4.11)."""
    colours = palettes()[scheme]
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for pairs, least in ((TEXT_ON, 4.5), (EDGE_ON, 3.0)):
        for ground, names in pairs.items():
            for name in names.split():
                ratio = contrast(colours[name], colours[ground])
                assert ratio >= least, f"{scheme}: {name} on {ground}: {ratio:.2f}"


def test_embedded_charts_keep_their_place_in_time() -> None:
    claim = next(c for c in CLAIMS.claims if c.id == "token-forgery")
    text = LEDGER.artefact(claim.job, TRACE)
    assert text is not None
    svg = chart_of(text, claim.job, "a < b", "all-traces").embedded({2: ("#m", 'x"y')})
    root = ET.fromstring(svg)  # noqa: S314
    [link] = [e for e in root.iter() if e.get("href")]
    assert (link.get("href"), link.get("aria-label")) == ("#m", 'x"y')
    assert "<style" not in svg
    assert 'id="title"' not in svg
