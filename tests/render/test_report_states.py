"""The report when something is amiss: stale, missing, evil or broken input; and its parts."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from owamp_vectors.claims.chart import chart_of
from owamp_vectors.claims.declared import load
from owamp_vectors.claims.ledger import TRACE, Ledger
from owamp_vectors.disk import MANIFEST, FileError, digest
from owamp_vectors.render import report_theory
from owamp_vectors.render.report_html import capitals, highlight, rfc_links
from owamp_vectors.render.report_results import Conformed, conformed, result_parts
from owamp_vectors.theory.findings import Finding
from owamp_vectors.theory.grammar import NoGrammarError

from ..generator.test_cli import refused, run
from ..support import MODELS, VECTORS
from .pages import Site, words

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its imports, not ours

FIXTURE = Path(__file__).parents[1] / "models"


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
    assert "No run is recorded. Run owamp-vectors prove --claim t1-is-secret to record one." in main
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


def test_a_finding_that_does_not_reproduce_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Finding(
        "not-so",
        "Two that differ.",
        lambda _: {"a": b"1", "b": b"2"},
        (("a", "b"),),
        lambda _: True,
    )
    other = replace(wrong, id="no-models", concerns=lambda _: False)
    monkeypatch.setattr(report_theory, "FINDINGS", (wrong, other))
    models, vectors = small(tmp_path)
    result, root = report_of(models, vectors)
    assert result.exit_code == 1
    assert "finding not-so does not reproduce: a 31 is not b 32" in result.stderr
    text = words(Site(root).pages["models.html"].one("main"))
    assert "Two that differ." in text
    assert "no-models" not in text


def test_what_programs_passed_is_shown(tmp_path: Path) -> None:
    found = tmp_path / "build" / "conform"
    found.mkdir(parents=True)
    counts = {"passed": 8, "failed": 1, "unsupported": 2}
    content = {"command": ["a program"], "generatorVersion": "1", **counts}
    (found / "a.json").write_text(json.dumps(content), encoding="utf-8")
    assert conformed(tmp_path) == [Conformed("a program", "1", 8, 1, 2)]
    (found / "b.json").write_text("[]", encoding="utf-8")
    with pytest.raises(FileError, match=r"b\.json: expected what conform --json writes"):
        conformed(tmp_path)
    assert conformed(tmp_path / "elsewhere") == []


def test_markdown_is_read_as_far_as_results_need_it(tmp_path: Path) -> None:
    (tmp_path / "tests" / "live").mkdir(parents=True)
    text = "# Attacks\n\nOn `a`, **b**, [c](d)\nand <https://e>.\n\n"
    text += "| x | y |\n|---|---|\n| 1 | a \\| b |\n"
    text += "\n```sh\nmake a  # <b>\n\nmake b\n```\n\n- one\n- two\n  lines <b>\n"
    (tmp_path / "tests" / "live" / "ATTACKS.md").write_text(text, encoding="utf-8")
    [part] = result_parts(tmp_path)
    assert (part.file, part.title) == ("tests/live/ATTACKS.md", "Attacks")
    assert [block.kind for block in part.blocks] == ["text", "table", "code", "list"]
    assert part.blocks[0].rows == (("On <code>a</code>, <strong>b</strong>, c and https://e.",),)
    assert part.blocks[1].rows == (("x", "y"), ("1", "a | b"))
    assert part.blocks[2].rows == (("make a  # &lt;b&gt;\n\nmake b",),)
    assert part.blocks[3].rows == (("one",), ("two lines &lt;b&gt;",))


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


def test_an_earlier_report_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    models, vectors = small(tmp_path)
    result, root = report_of(models, vectors)
    (root / "thesis.txt").write_text("mine", encoding="utf-8")
    (root / "claims" / "old.html").write_text("theirs", encoding="utf-8")
    listed = (root / MANIFEST).read_text(encoding="utf-8")
    old, changed = digest("theirs"), digest("another")
    more = f"{old}  claims/old.html\n{changed}  thesis.txt\n"
    (root / MANIFEST).write_text(listed + more, encoding="utf-8")
    result, _ = report_of(models, vectors)
    assert "Removed, since no longer made: claims/old.html" in result.output
    assert not (root / "claims" / "old.html").exists()
    assert (root / "thesis.txt").read_text(encoding="utf-8") == "mine"
    assert (root / MANIFEST).read_text(encoding="utf-8") == listed


def test_a_file_of_another_origin_is_not_overwritten(tmp_path: Path) -> None:
    models, vectors = small(tmp_path)
    root = models.parent / "out"
    root.mkdir()
    (root / "index.html").write_text("mine", encoding="utf-8")
    result, root = report_of(models, vectors)
    assert "index.html: expected a name that is free or listed in SHA256SUMS" in refused(result, 3)
    assert [path.name for path in root.iterdir()] == ["index.html"]


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


def test_long_names_break_at_their_capitals_and_joints() -> None:
    assert capitals("TokenIvNotZero") == "Token<wbr/>Iv<wbr/>Not<wbr/>Zero"
    assert capitals("token:HMACFirst") == "token:<wbr/>HMACFirst"
    assert capitals("t1_is_secret") == "t1_<wbr/>is_<wbr/>secret"
    assert capitals("a<b") == "a&lt;b"


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
    "page": "text muted link good bad warn attack",
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
    claim = next(c for c in load(MODELS, VECTORS).claims if c.id == "token-forgery")
    text = Ledger.load(MODELS / "proofs").artefact(claim.job, TRACE)
    assert text is not None
    svg = chart_of(text, claim.job, "a < b", "all-traces").embedded({2: ("#m", 'x"y')})
    root = ET.fromstring(svg)  # noqa: S314
    [link] = [e for e in root.iter() if e.get("href")]
    assert (link.get("href"), link.get("aria-label")) == ("#m", 'x"y')
    assert "<style" not in svg
    assert 'id="title"' not in svg
