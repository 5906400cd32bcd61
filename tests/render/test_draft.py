"""The draft: facts as in the repository, and none without a current verdict."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from owamp_reference import messages
from owamp_reference.layout import Layout, mbz, octets, uint
from owamp_vectors.catalogue import FILES
from owamp_vectors.claims.declared import Claims, load
from owamp_vectors.claims.ledger import Ledger
from owamp_vectors.claims.table import claim_rows
from owamp_vectors.commands.cli import main
from owamp_vectors.disk import MANIFEST, FileError
from owamp_vectors.render import derivations, draft, draft_figures, rfcxml
from owamp_vectors.render.draft_cases import Cases, DraftCase
from owamp_vectors.render.draft_evidence import DraftError, Evidence
from owamp_vectors.render.draft_figures import WIDTH, packet_diagram, program, program_names
from owamp_vectors.render.draft_fragment import make_fragment
from owamp_vectors.render.draft_prose import prose
from owamp_vectors.render.draft_scope import VARIANTS
from owamp_vectors.vectors.declaration import Json
from owamp_vectors.vectors.stored import find_files

from ..support import MODELS, VECTORS, committed_cases

LEDGER = Ledger.load(MODELS / "proofs")
needs_xml2rfc = pytest.mark.skipif(
    find_spec("xml2rfc") is None, reason="xml2rfc is not installed (the extra 'draft')"
)


def run(output: Path, *options: str, models: Path = MODELS, vectors: Path = VECTORS) -> Result:
    """`owamp-vectors draft`."""
    where = ["-o", str(output), "--models", str(models), "--vectors", str(vectors)]
    return CliRunner().invoke(main, ["draft", *where, *options])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The draft's XML."""
    output = tmp_path_factory.mktemp("source")
    result = run(output, "--source-only")
    assert result.exit_code == 0, result.output
    return (output / f"{draft.NAME}.xml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a draft that is built in full; xml2rfc had nothing to warn of."""
    output = tmp_path_factory.mktemp("built")
    result = run(output)
    assert result.exit_code == 0, result.output
    return output


def text_of(built: Path) -> str:
    return (built / f"{draft.NAME}.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def claims() -> Claims:
    return load(MODELS, VECTORS)


# --------------------------------------------------------------------------- text and HTML


@needs_xml2rfc
def test_text_and_html_are_made(built: Path, source: str) -> None:
    assert sorted(path.suffix for path in built.iterdir()) == ["", ".html", ".txt", ".xml"]
    assert (built / MANIFEST).is_file()
    assert (built / f"{draft.NAME}.xml").read_text(encoding="utf-8") == source
    html = (built / f"{draft.NAME}.html").read_text(encoding="utf-8")
    assert 'id="claim-token_blocks-zero_keys_are_not_accepted"' in html
    assert "Security Considerations" in text_of(built)


@needs_xml2rfc
def test_lines_have_72_columns(built: Path) -> None:
    assert max(map(len, text_of(built).splitlines())) <= 72


@needs_xml2rfc
def test_two_builds_give_the_same_octets(built: Path, tmp_path: Path) -> None:
    assert run(tmp_path).exit_code == 0
    for path in built.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


@needs_xml2rfc
def test_every_claim_that_is_named_is_in_the_list(built: Path, source: str) -> None:
    text = " ".join(unpaged(text_of(built)).split())
    table = text[text.rindex("Appendix B. Claims") :]
    rows = {row.claim.id: row for row in claim_rows(load(MODELS, VECTORS), LEDGER)}
    signs = {"verified": "+", "falsified": "-"}
    for _, name in braces(source):
        if (row := rows.get(name)) is not None:
            words = r"\W+".join(name.split("-"))  # a long name may be on two lines
            assert re.search(rf"\b{words} T{re.escape(signs[row.claim.expected])}", table), name


@needs_xml2rfc
def test_it_is_short(built: Path) -> None:
    assert len(re.findall(r"\[Page \d+\]", text_of(built))) < 45


# --------------------------------------------------------------------------- sentences


def asked(pattern: str) -> list[Any]:
    """What the templates of the draft ask for."""
    paths = sorted(Path(draft.__file__).parents[1].glob("templates/draft-*.j2"))
    return [found for path in paths for found in re.findall(pattern, path.read_text("utf-8"))]


def braces(source: str) -> list[tuple[str, str]]:
    """Verdict and claim id, for each claim that a sentence names."""
    found = []
    for braces in re.findall(r"\{((?:verified|falsified): <xref [^{}]*)\}", source):
        for part in re.split(r"(?=(?:verified|falsified): )", braces)[1:]:
            verdict, _, links = part.partition(": ")
            found += [(verdict, i) for i in re.findall(r'format="none">([a-z0-9-]+)<', links)]
    return found


def test_sentences_name_claims_with_the_verdict_they_have(source: str, claims: Claims) -> None:
    expected = {claim.id: claim.expected for claim in claims.every}
    named, wanted = braces(source), braces_of_templates()
    assert sorted(named) == sorted(wanted)
    assert [(verdict, i) for verdict, i in named if expected[i] != verdict] == []


def test_security_considerations_rest_on_claims(source: str) -> None:
    security = source[source.index('anchor="security"') : source.index('anchor="status"')]
    for name in ("keys", "authentication", "control", "test", "ikev2", "bounds"):
        start = security.index(f'anchor="security-{name}"')
        assert braces(security[start : security.index("</section>", start)]), name


def test_each_link_has_a_target(source: str) -> None:
    tree = ET.fromstring(source)  # noqa: S314  # made by ourselves
    anchors = [element.get("anchor") for element in tree.iter() if element.get("anchor")]
    assert len(anchors) == len(set(anchors))
    assert {link.get("target") for link in tree.iter("xref")} <= set(anchors)


def claim_of_the_ledger(path: Path, claim_id: str) -> Callable[[Json], bool]:
    job = next(claim.job for claim in load(path, VECTORS).claims if claim.id == claim_id)
    return lambda entry: (
        (entry["model"], tuple(entry["flags"]), entry["lemma"]) == (job.model, job.flags, job.lemma)
    )


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Models and proofs that a test may change."""
    return Path(shutil.copytree(MODELS, tmp_path / "models"))


def change_ledger(models: Path, change: Callable[[list[Json]], list[Json]]) -> None:
    path = models / "proofs" / "ledger.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["entries"] = change(content["entries"])
    path.write_text(json.dumps(content), encoding="utf-8")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refusal(result: Result, output: Path) -> str:
    """The one line of a build that fails, and leaves nothing behind."""
    assert result.exit_code == 1, result.output
    assert not output.exists()
    [line] = result.output.splitlines()
    return line


def test_a_stale_verdict_ends_the_build(models: Path, tmp_path: Path) -> None:
    replace(models / "token_blocks.spthy", "Fr(~challenge), Fr(~salt)", "Fr(~salt), Fr(~challenge)")
    line = refusal(run(tmp_path / "out", models=models), tmp_path / "out")
    assert line.startswith('Error: the sentence "So a server can be made to accept a Token')
    assert "needs claim token-agreement falsified; it is stale: the model is another" in line


def test_a_comment_in_a_model_makes_nothing_stale(models: Path, tmp_path: Path) -> None:
    replace(models / "token_blocks.spthy", "theory token_blocks", "/* new */\ntheory token_blocks")
    assert run(tmp_path / "out", "--source-only", models=models).exit_code == 0


def test_a_missing_verdict_ends_the_build(models: Path, tmp_path: Path) -> None:
    is_it = claim_of_the_ledger(models, "ippm-keymat-lost")
    change_ledger(models, lambda entries: [e for e in entries if not is_it(e)])
    line = refusal(run(tmp_path / "out", models=models), tmp_path / "out")
    assert "ippm-keymat-lost verified; it is missing: no run of ikev2_binding/" in line


def test_a_missing_premise_ends_the_build(models: Path, tmp_path: Path) -> None:
    is_it = claim_of_the_ledger(models, "run-t3-lost")
    change_ledger(models, lambda entries: [e for e in entries if not is_it(e)])
    line = refusal(run(tmp_path / "out", models=models), tmp_path / "out")
    assert re.search(r"by the premise of [a-z-]+, needs claim run-t3-lost verified", line)


def test_a_missing_proof_ends_the_build(models: Path, tmp_path: Path) -> None:
    (models / "proofs" / "rfc4656" / "t3_is_secret.proof").unlink()
    line = refusal(run(tmp_path / "out", models=models), tmp_path / "out")
    assert "needs claim test-keys-secret verified; it is missing: rfc4656/t3_is_secret" in line


def flip(models: Path, claim_id: str, verdict: str) -> None:
    is_it = claim_of_the_ledger(models, claim_id)
    change_ledger(
        models, lambda entries: [e | {"verdict": verdict} if is_it(e) else e for e in entries]
    )


def test_another_verdict_ends_the_build(models: Path, tmp_path: Path) -> None:
    flip(models, "stream-end", "verified")
    line = refusal(run(tmp_path / "out", models=models), tmp_path / "out")
    assert 'sentence "The last message may never arrive' in line
    assert "claim stream-end falsified; it is unexpected: expected falsified" in line


def test_a_verdict_that_was_to_be_expected_is_still_another(models: Path, tmp_path: Path) -> None:
    flip(models, "stream-end", "verified")
    toml = (models / "claims.toml").read_text(encoding="utf-8")
    head, tail = toml.split('id = "stream-end"\n')
    verified = 'expected = "verified"\npremise = "stream-run"'
    tail = tail.replace('expected = "falsified"', verified, 1)
    toml = re.sub(r"(?m)^control = .*\n", "", f'{head}id = "stream-end"\n{tail}')
    (models / "claims.toml").write_text(toml, encoding="utf-8")
    line = refusal(run(tmp_path / "out", models=models), tmp_path / "out")
    assert "needs claim stream-end falsified; it is " in line


def test_a_claim_that_no_sentence_needs_is_in_the_list(models: Path, tmp_path: Path) -> None:
    flip(models, "modes-in-token-modes-offered", "falsified")
    line = refusal(run(tmp_path / "out", models=models), tmp_path / "out")
    assert line.startswith(
        "Error: the list of claims needs claim modes-in-token-modes-offered verified"
    )


def test_a_sentence_needs_what_its_proof_rests_on(models: Path, tmp_path: Path) -> None:
    flip(models, "one-way-t1-in-between", "falsified")
    line = refusal(run(tmp_path / "out", models=models), tmp_path / "out")
    assert 'the sentence "With a one-way KDF' in line
    assert "it is weak: it rests on t1_stays_secret, which is falsified" in line


def test_without_a_ledger_there_is_no_draft(tmp_path: Path) -> None:
    result = run(tmp_path / "out", "--proofs", str(tmp_path / "none"))
    assert "the ledger has no verdict" in refusal(result, tmp_path / "out")


def test_a_sentence_needs_claims_that_exist_and_a_full_stop(claims: Claims) -> None:
    evidence = Evidence(claims, Ledger.load(MODELS / "proofs"))

    def say(sentence: str, **needs: str) -> str:
        return evidence.says(caller=lambda: Markup(sentence), **needs)  # noqa: S704

    assert say("A <b>&amp;</b> B.", verified="token-honest").endswith("token-honest</xref>}. ")
    with pytest.raises(DraftError, match="needs claim nothing, which"):
        say("A.", verified="nothing")
    for sentence, needs in (("A", {"verified": "token-honest"}), ("A.", {})):
        with pytest.raises(DraftError, match="expected a sentence, a full stop, and its claims"):
            say(sentence, **needs)


def scoped(verified: str = "", falsified: str = "", assumed: str = "") -> Callable[[str], str]:
    """Says a sentence that rests on claims, under assumptions."""
    evidence = Evidence(load(MODELS, VECTORS), LEDGER)
    evidence.assume(*filter(None, assumed.split(", ")))
    return lambda sentence: str(
        evidence.says(verified=verified, falsified=falsified, caller=lambda: Markup(sentence))  # noqa: S704
    )


ONE_WAY = "one-way-test-to-test"


@pytest.mark.parametrize(
    ("sentence", "claims", "assumed", "problem"),
    [
        (
            "With a one-way KDF, packets cannot be forged.",
            {"verified": ONE_WAY},
            "perfect encryption, own keys",
            "does not say 'OWAMP', to which its claims are limited",
        ),
        (
            "With a one-way KDF, OWAMP packets cannot be forged.",
            {"verified": ONE_WAY},
            "perfect encryption, own keys",
            "does not say 'authenticated mode', to which its claims are limited",
        ),
        (
            "With a one-way KDF, OWAMP packets cannot be forged in both modes.",
            {"verified": ONE_WAY},
            "perfect encryption, own keys",
            "says 'encrypted mode', of which its claims say nothing",
        ),
        (
            "With a one-way KDF, OWAMP and TWAMP packets are safe in the authenticated mode.",
            {"verified": ONE_WAY},
            "perfect encryption, own keys",
            "says 'TWAMP', of which its claims say nothing",
        ),
        (
            "OWAMP packets cannot be forged in the authenticated mode.",
            {"verified": ONE_WAY},
            "perfect encryption, own keys",
            "does not say 'one-way', the variant of a claim",
        ),
        (
            "An HMAC over the Token ends the attack.",
            {"verified": "repaired-token-agreement"},
            "no loss",
            "rests on 'one server', which its section does not state",
        ),
        (
            "A sender takes its own packet.",
            {"falsified": "twamp-reflection"},
            "",
            "does not say 'TWAMP', to which its claims are limited",
        ),
    ],
)
def test_a_sentence_says_no_more_than_its_claims(
    sentence: str, claims: dict[str, str], assumed: str, problem: str
) -> None:
    with pytest.raises(DraftError, match=re.escape(problem)):
        scoped(**claims, assumed=assumed)(sentence)


def test_what_a_claim_excuses_is_printed() -> None:
    say = scoped(
        "control-keys-secret hmac-key-secret", "", "one server, one session, perfect encryption"
    )
    text = re.sub(r"<[^>]+>", "", say("T1 and T2 are secret."))
    assert text == (
        "T1 and T2 are secret {verified: control-keys-secret, unless lost: shared secret, T1, "
        "T3; hmac-key-secret, unless lost: shared secret, T2, T4}. "
    )


def test_each_flag_of_a_claim_has_its_words() -> None:
    """What a sentence has to say of a variant is words, and not the name of the flag."""
    used = {flag for claim in load(MODELS, VECTORS).every for flag in claim.job.flags}
    named = {name for _, name in braces_of_templates()}
    flags = {
        flag
        for claim in load(MODELS, VECTORS).every
        if claim.id in named
        for flag in claim.job.flags
    }
    assert flags <= set(VARIANTS) <= used | {"LOST"}


def braces_of_templates() -> list[tuple[str, str]]:
    return [
        (verdict, name)
        for arguments in asked(r"call says\(([^)]*)\)")
        for verdict, names in re.findall(r'(\w+)="([^"]*)"', arguments)
        for name in names.split()
    ]


# --------------------------------------------------------------------------- octets

PAGE_BREAK = re.compile(r"\n+[^\n]*\[Page \d+\]\n\f?\n*[^\n]*\n+")


def unpaged(text: str) -> str:
    """The text without page breaks; octets go on in the next line."""
    text = re.sub(PAGE_BREAK.pattern + r"(?=   [0-9a-f]{2}[ \n])", "\n", text)
    return PAGE_BREAK.sub("\n\n", text)


def extracted(source: str) -> str:
    """The program: all pieces of this name, in order (RFC 7991 §2.48)."""
    tree = ET.fromstring(source)  # noqa: S314  # made by ourselves
    pieces = [e.text or "" for e in tree.iter("sourcecode") if e.get("name") == "derivations.py"]
    return "\n".join(pieces)


@needs_xml2rfc
def test_the_program_of_the_draft_finds_all_its_octets_right(
    built: Path, source: str, tmp_path: Path
) -> None:
    program = tmp_path / "derivations.py"
    program.write_text(extracted(source), encoding="utf-8")

    def run_on(path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(program), str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    for suffix in ("txt", "xml"):
        result = run_on(built / f"{draft.NAME}.{suffix}")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    text = text_of(built)
    token = re.search(r"serverT1 \(16\): (0{32})", text)
    assert token
    (tmp_path / "wrong.txt").write_text(text.replace(token[0], token[0][:-1] + "1"), "utf-8")
    result = run_on(tmp_path / "wrong.txt")
    assert (result.returncode, result.stderr) == (1, "serverT1\n")


@needs_xml2rfc
def test_text_and_xml_have_the_same_blocks(built: Path, source: str) -> None:
    assert derivations.read(text_of(built)) == derivations.read(source)
    assert len(derivations.read(source)) == len(shown())


def test_each_octet_string_is_given_or_computed(source: str) -> None:
    """What is not an input of its case has a formula, and what is an input has none."""
    for variable, values in zip(shown(), derivations.read(source), strict=True):
        case = variable.case
        given = {item.name for item in case.type.inputs} | set(case.parameters)
        for name, value, formula, size in values:
            base, _, index = name.partition("[")
            stored = {**case.parameters, **case.test}[base]
            stored = stored[int(index[:-1])] if index else stored
            assert (value.hex() if isinstance(value, bytes) else value) == stored
            assert size in (-1, len(value) if isinstance(value, bytes) else -1)
            assert bool(formula) == (base not in given | {"plaintext"}), (base, formula)


def shown() -> list[DraftCase]:
    """The cases of the blocks, in the order of the draft."""
    found: list[DraftCase] = []
    original = DraftCase.block

    def block(self: DraftCase, *arguments: Any) -> list[str]:
        found.append(self)
        return original(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DraftCase, "block", block)
        draft.make_draft(MODELS, MODELS / "proofs", VECTORS, source_only=True)
    return found


def test_numbers_and_texts_are_those_of_the_files(source: str) -> None:
    text = "".join(ET.fromstring(source).itertext())  # noqa: S314
    assert 'passphrase = "passphrase 1"\n' in text
    listed = (VECTORS / MANIFEST).read_text(encoding="utf-8").splitlines()
    digests = {name: digest for digest, name in map(str.split, listed[1:])}
    for path in find_files([VECTORS]):
        number = json.loads(path.read_text(encoding="utf-8"))["numberOfTests"]
        assert f"{path.name}: {number}, {digests[path.name][:16]}" in text


def test_a_value_that_is_wrong_ends_the_build(tmp_path: Path) -> None:
    vectors = Path(shutil.copytree(VECTORS, tmp_path / "vectors"))
    t3 = json.loads((VECTORS / "attacks.json").read_text(encoding="utf-8"))["testGroups"][0]
    stored = t3["tests"][0]["t3"]
    replace(vectors / "attacks.json", f'"t3": "{stored}"', f'"t3": "{bytes(16).hex()}"')
    result = run(tmp_path / "out", vectors=vectors)
    assert result.exit_code == 3
    assert "attacks tcId 1" in result.output
    assert "t3: file has 16 octets" in result.output
    assert not (tmp_path / "out").exists()


def test_cases_that_are_not_there_are_named(tmp_path: Path) -> None:
    cases = Cases(VECTORS)
    first = "pseudo-random keys, number 1"
    for type_name, comment, found in (
        ("TokenOpen", first, 0),
        ("TokenFromPassphrase", "nothing", 0),
        ("TokenFromPassphrase", first, 2),  # one for each protocol
    ):
        with pytest.raises(FileError, match=f"expected one case of type .*, found {found}$"):
            cases.case("token", type_name, comment)
    refused = next(case for case in committed_cases(FILES["token"]) if case.result == "invalid")
    with pytest.raises(FileError, match=f"tcId {refused.tc_id} is invalid"):
        cases.case("token", refused.type.name, refused.comment, **refused.parameters)
    with pytest.raises(FileError, match="no flag and no type Nothing"):
        cases.target("token:Nothing")
    case = cases.case("token", "TokenFromPassphrase", first, protocol="OWAMP")
    with pytest.raises(FileError, match="tcId 1: trace: is missing"):
        _ = case.trace
    with pytest.raises(LookupError, match="token tcId 1 has no nothing"):
        case.block("token", "token nothing", {})
    with pytest.raises(FileError, match="cannot be read"):
        Cases(tmp_path).target("token:TokenOpen")


# --------------------------------------------------------------------------- program, diagrams


def test_the_pieces_are_the_program_without_docstrings(source: str) -> None:
    names = program_names()
    text = "\n".join(map(program, names))
    assert max(map(len, text.splitlines())) <= WIDTH
    parts = {ast.dump(node) for node in ast.parse(without_noise(derivations)).body}
    assert {ast.dump(node) for node in ast.parse(text).body} == parts
    printed = {ast.dump(node) for node in ast.parse(extracted(source)).body}
    assert printed == parts


def without_noise(module: ModuleType) -> str:
    """The source of a module, in it neither docstrings nor notes to a linter."""
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node):
            del node.body[0]
    return ast.unparse(tree)


def test_a_piece_of_nothing_or_too_wide_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LookupError, match="the program has no nothing"):
        program("nothing")
    monkeypatch.setattr(draft_figures, "WIDTH", 20)
    with pytest.raises(ValueError, match="is wider than 20 columns"):
        program("cbc")


def test_layouts_of_the_draft_have_all_fields(source: str) -> None:
    text = " ".join("".join(ET.fromstring(source).itertext()).split())  # noqa: S314
    for message in (messages.ServerGreeting, messages.FetchAck, messages.PacketRecord):
        layout = message.LAYOUT
        assert f"{layout.title} (" in text
        assert ", ".join(f"{field.label} {field.size}" for field in layout.fields) in text
    assert "Command Number 1 (=3), Accept 1, MBZ 2" in text


def test_a_size_in_the_draft_counts_all_fields_and_the_hmac(source: str) -> None:
    for title, fields in re.findall(r"<dt>(.*):</dt>\s*<dd>(.*)</dd>", source):
        if size := re.fullmatch(r".* \((\d+)\)", title):
            sizes = re.findall(r" (\d+)(?: \(=\d+\))?(?:, |$)", fields)
            assert int(size[1]) == sum(map(int, sizes)) + 16 * fields.endswith(", HMAC"), title


def test_a_diagram_is_as_the_rfc_draws_it() -> None:
    layout = Layout("A", (uint("Accept", 1, name="a"), mbz(1), uint("Port", 2, name="p"), mbz(6)))
    assert packet_diagram(layout).splitlines()[2:] == [
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|     Accept    |      MBZ      |              Port             |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|                         MBZ (6 octets)                        |",
        "|                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
        "|                               |                               |",
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+",
    ]


@given(st.lists(st.integers(1, 11), min_size=1, max_size=12))
def test_each_octet_is_drawn_where_it_is(sizes: list[int]) -> None:
    """Bars and borders stand between the octets of different fields, and nowhere else."""
    fields = tuple(octets(f"f{i}", size, name=f"f{i}") for i, size in enumerate(sizes))
    owners = [i for i, size in enumerate(sizes) for _ in range(size)]
    owners += [-1] * (-len(owners) % 4)
    grid = [owners[start : start + 4] for start in range(0, len(owners), 4)]
    body = packet_diagram(Layout("random", fields)).splitlines()[2:]
    assert len(body) == 2 * len(grid) + 1
    for row, line in zip(grid, body[1::2], strict=True):
        inner = {16 * (i + 1) for i in range(3) if row[i] != row[i + 1]}
        assert {i for i, c in enumerate(line) if c == "|"} == {0, 64} | inner
    outside = [-2] * 4
    for above, below, line in zip([outside, *grid], [*grid, outside], body[::2], strict=True):
        drawn = {i for i in range(4) if above[i] != below[i]}
        for i in range(4):
            assert set(line[16 * i + 1 : 16 * i + 16 : 2]) == ({"-"} if i in drawn else {" "})


@given(st.lists(st.integers(1, 90), min_size=1, max_size=12))
def test_labels_stand_in_order_and_many_rows_are_one(sizes: list[int]) -> None:
    fields = tuple(octets(f"f{i}", size, name=f"f{i}") for i, size in enumerate(sizes))
    body = packet_diagram(Layout("random", fields)).splitlines()[2:]
    assert {len(line) for line in body} == {65}
    assert re.findall(r"\bf\d+\b", "\n".join(body)) == [field.label for field in fields]
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    whole = [end // 4 - -(-(end - size) // 4) for end, size in zip(ends, sizes, strict=True)]
    many = [fields[i].label for i, rows in enumerate(whole) if rows >= 3]
    assert [line.strip(". ").split()[0] for line in body if line[0] == "."] == many


def test_a_label_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="too narrow"):
        packet_diagram(Layout("A", (uint("A label of many words", 1, name="a"),)))


# --------------------------------------------------------------------------- prose


@given(st.text())
def test_prose_is_well_formed_and_loses_nothing(text: str) -> None:
    text = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]|RFC|§", "", text).replace("\r", "")
    kept = "".join(c for c in text if c.isascii())
    read = "".join(ET.fromstring(f"<t>{prose(text)}</t>").itertext())  # noqa: S314
    without = re.sub(r"[…—–’→·↔]", "", text)
    assert set(kept) <= set(read) or without != text


def test_sections_become_references() -> None:
    assert prose("RFC 4656 §3.1, §6.10 & <b>") == (
        '<xref target="RFC4656" section="3.1" sectionFormat="of"/>, '
        '<xref target="RFC4656" section="6.10" sectionFormat="of"/> &amp; &lt;b&gt;'
    )
    assert prose("as RFC 7717.") == 'as <xref target="RFC7717"/>.'
    assert prose("see §2, …") == "see Section 2, ..."
    assert prose("see §2", "4656") == 'see <xref target="RFC4656" section="2" sectionFormat="of"/>'


# --------------------------------------------------------------------------- submission, fragments


@needs_xml2rfc
def test_a_submission_has_the_boilerplate(tmp_path: Path) -> None:
    authors = ("Ann B. Smith, Example Ltd <ann@example.org>", "Zoe Ünal <zoe@example.org>")
    options = [option for author in authors for option in ("--author", author)]
    assert run(tmp_path, "--submission", *options).exit_code == 0
    name = "draft-smith-ippm-otwamp-security-00"
    text = " ".join((tmp_path / f"{name}.txt").read_text(encoding="utf-8").split())
    for part in (
        "full conformance with the provisions of BCP 78 and BCP 79",
        "This Internet-Draft will expire on",
        "IETF Trust and the persons identified as the document authors",
        "Ann B. Smith Example Ltd Email: ann@example.org",
        "A. B. Smith Internet-Draft Example Ltd",
    ):
        assert part in text
    assert "It has not been submitted" not in text
    source = (tmp_path / f"{name}.xml").read_text(encoding="utf-8")
    assert 'ipr="trust200902"' in source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--submission",), "--submission and --author go together"),
        (("--author", "Ann Smith <a@example.org>"), "--submission and --author go together"),
        (("--submission", "--author", "Smith <a@example.org>"), "found 'Smith <a@example.org>'"),
        (("--submission", "--author", "Ann Smith"), 'expected "Given Surname, Organization <'),
    ],
)
def test_what_is_no_submission_is_refused(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    result = run(tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("security", "## Secrecy of the Keys {#security-keys}"),
        ("vectors", "-- token --"),
        ("figure", '{: #layout-reflector title="Protected Packet of a Reflector"}'),
    ],
)
def test_a_fragment_stands_alone(name: str, words: str, source: str) -> None:
    parts = make_fragment(name, source, draft.packet_figures())
    assert sorted(parts) == [f"{name}.md", f"{name}.xml"]
    assert words in parts[f"{name}.md"]
    tree = ET.fromstring(f"<x>{parts[f'{name}.xml']}</x>")  # noqa: S314
    anchors = {element.get("anchor") for element in tree.iter()}
    for link in tree.iter("xref"):
        target = link.get("target", "")
        assert target in anchors or target.startswith("RFC") or target.isupper()
    text = "".join(tree.itertext())
    for block in re.findall(r"^[0-9a-f]{64}$", text, re.MULTILINE):
        assert f"\n{block}\n" in parts[f"{name}.md"]


def test_fragments_are_written(tmp_path: Path) -> None:
    assert run(tmp_path, "--fragment", "figure").exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"figure.md", "figure.xml", MANIFEST}


# --------------------------------------------------------------------------- dates, xml2rfc


def test_the_date_is_that_of_the_last_verdict(source: str) -> None:
    dates = [e.date[:10] for e in Ledger.load(MODELS / "proofs").entries.values()]
    assert f"date {max(dates)} by its option" in source


def test_the_date_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    assert run(tmp_path, "--source-only").exit_code == 0
    path = tmp_path / f"{draft.NAME}.xml"
    assert "date 2026-01-01 by" in path.read_text(encoding="utf-8")
    assert run(tmp_path, "--source-only", "--date", "2025-02-03").exit_code == 0
    assert "date 2025-02-03 by" in path.read_text(encoding="utf-8")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    result = run(tmp_path / "out", "--source-only")
    assert result.exit_code == 3
    assert "SOURCE_DATE_EPOCH: expected seconds, found 'soon'" in result.output


SMALL = """\
<rfc version="3" docName="small-00" ipr="none" category="info" submissionType="independent"
 xml:lang="en"><front><title>Small</title><seriesInfo name="Internet-Draft" value="small-00"/>
<author><organization>Nobody</organization></author><abstract><t>Nothing.</t></abstract></front>
<middle><section><name>One</name><artwork>{}</artwork></section></middle></rfc>
"""
DAY = date(2001, 2, 3)


@needs_xml2rfc
def test_a_date_far_from_today_is_no_warning() -> None:
    texts = rfcxml.convert("small-00", SMALL.format("A"), DAY)
    assert "3 February 2001" in texts["small-00.txt"]
    assert 'datetime="2001-02-03"' in texts["small-00.html"]


@needs_xml2rfc
def test_artwork_that_is_too_wide_is_an_error() -> None:
    with pytest.raises(DraftError, match=r"^xml2rfc: .*Artwork too wide"):
        rfcxml.convert("small-00", SMALL.format(70 * "A"), DAY)


@needs_xml2rfc
def test_a_document_that_is_not_rfcxml_is_an_error() -> None:
    with pytest.raises(DraftError, match=r"^xml2rfc: "):
        rfcxml.convert("small-00", SMALL.replace("<abstract>", "<nonsense/><abstract>"), DAY)


FAKE = """\
import pathlib, sys, time
{}
name = sys.argv[-1].removesuffix(".xml")
for kind in ("txt", "html"):
    pathlib.Path(f"{{name}}.{{kind}}").write_text({!r})
    print(f" Created file {{name}}.{{kind}}", file=sys.stderr)
"""


@pytest.fixture
def fake_xml2rfc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a program in the place of xml2rfc: lines that it runs, the text that it writes."""
    package = tmp_path / "fake" / "xml2rfc"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def install(lines: str, text: str = "short\n") -> None:
        (package / "run.py").write_text(FAKE.format(lines, text), encoding="utf-8")

    return install


@pytest.mark.parametrize(
    ("lines", "text", "message"),
    [
        ("print('a.xml(6): Warning: W', file=sys.stderr)", "x\n", "xml2rfc: a.xml(6): Warning: W"),
        ("print('A\\nB\\nC')", "x\n", "xml2rfc: A (and 2 more lines)"),
        ("sys.exit(3)", "x\n", "xml2rfc: exit code 3"),
        ("", "x\n" + 73 * "x" + "\n", f"a.txt:2: 73 columns: {73 * 'x'}"),
    ],
)
def test_what_xml2rfc_warns_of_is_an_error(
    lines: str, text: str, message: str, fake_xml2rfc: Callable[[str, str], None]
) -> None:
    fake_xml2rfc(lines, text)
    with pytest.raises(DraftError) as caught:
        rfcxml.convert("a", SMALL, DAY)
    assert str(caught.value) == message


def test_a_warning_ends_the_build(tmp_path: Path, fake_xml2rfc: Callable[[str, str], None]) -> None:
    fake_xml2rfc("print('a.xml(6): Warning: W', file=sys.stderr)", "x\n")
    line = refusal(run(tmp_path / "out"), tmp_path / "out")
    assert line == "Error: xml2rfc: a.xml(6): Warning: W"


def test_an_xml2rfc_that_hangs_is_ended(
    fake_xml2rfc: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_xml2rfc("time.sleep(600)", "")
    monkeypatch.setattr(rfcxml, "_TIMEOUT", 0.5)
    with pytest.raises(DraftError, match=r"xml2rfc: not ready after 0\.5 s"):
        rfcxml.convert("a", SMALL, DAY)


def test_xml2rfc_is_run_without_network(fake_xml2rfc: Callable[[str, str], None]) -> None:
    fake_xml2rfc("assert '--no-network' in sys.argv and '--skip-config-files' in sys.argv", "x\n")
    assert rfcxml.convert("a", SMALL, DAY) == {"a.txt": "x\n", "a.html": "x\n"}


def test_without_xml2rfc_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rfcxml, "find_spec", lambda _: None)
    result = run(tmp_path / "out")
    assert result.exit_code == 6
    assert "xml2rfc is not installed: pip install 'owamp-vectors[draft]'" in result.output
    assert not (tmp_path / "out").exists()
