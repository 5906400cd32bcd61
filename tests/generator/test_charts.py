"""Traces as charts."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from owamp_vectors.claims import declared as claims
from owamp_vectors.claims.cast import CHARTS, Actor, Cast, cast_of
from owamp_vectors.claims.chart import Chart, chart_of, wrap
from owamp_vectors.claims.declared import Job
from owamp_vectors.claims.ledger import CHART, TRACE, Ledger
from owamp_vectors.claims.trace import (
    ADVERSARY,
    AdversaryStep,
    RuleStep,
    ordered_nodes,
    read_trace,
    slim,
)
from owamp_vectors.disk import FileError

from ..support import VECTORS
from .test_claims import FIXTURE, ROOT
from .test_cli import refused, run

JOB = Job("m", (), "l")
SVG = "{http://www.w3.org/2000/svg}"
LEAK = (FIXTURE / "proofs" / "small+LEAK" / "t1_is_secret.json").read_text(encoding="utf-8")


def const(name: str) -> Any:
    return {"jgnConst": name}


def funct(name: str, *terms: Any) -> Any:
    return {"jgnFunct": name, "jgnParams": list(terms), "jgnShow": "x" * 50}


def fact(name: str, *terms: Any) -> Any:
    tags = {"In": "InFact", "Out": "OutFact", "Fr": "FreshFact", "!KU": "KUFact", "!KD": "KDFact"}
    return {
        "jgnFactId": "x",
        "jgnFactTag": tags.get(name, "ProtoFact"),
        "jgnFactName": name,
        "jgnFactMult": "!" if name.startswith("!") else "",
        "jgnFactTerms": list(terms),
        "jgnFactShow": "",
    }


def node(name: str, label: str, prems: Any = (), concs: Any = (), acts: Any = ()) -> Any:
    kind = "isProtocolRule" if label[0].isupper() and "_" in label else "isIntruderRule"
    if label.startswith(("Constr", "Destr")):
        kind = "isIntruderRule"
    facts = {"jgnPrems": list(prems), "jgnConcs": list(concs), "jgnActs": list(acts)}
    return {"jgnId": name, "jgnType": kind, "jgnLabel": label, "jgnMetadata": facts}


def graph(nodes: list[Any], *edges: str, abbreviations: Any = ()) -> str:
    """A trace; an edge is "source target", both perhaps with their fact's place."""
    pairs = [edge.split() for edge in edges]
    return json.dumps(
        {
            "graphs": [
                {
                    "jgNodes": nodes,
                    "jgAbbrevs": list(abbreviations),
                    "jgEdges": [
                        {"jgeSource": s, "jgeTarget": t, "jgeRelation": "x"} for s, t in pairs
                    ],
                }
            ]
        }
    )


def recorded() -> list[tuple[Path, str]]:
    """The recorded traces, of the small models and of the project's."""
    found = []
    for models in (FIXTURE, ROOT / "models"):
        if (models / "claims.toml").exists():
            loaded = claims.load(models, VECTORS)
            ledger = Ledger.load(models / "proofs")
            found += [
                (models, claim.id)
                for claim in loaded.claims
                if claim.job in ledger.entries and ledger.path(claim.job, TRACE).exists()
            ]
    return found


RECORDED = recorded()


@cache
def known(models: Path) -> tuple[claims.Claims, Ledger]:
    return claims.load(models, VECTORS), Ledger.load(models / "proofs")


@cache
def drawn(models: Path, claim_id: str) -> tuple[Chart, str]:
    """The chart of a claim as it is to be, and as it lies beside the proof."""
    loaded, ledger = known(models)
    [claim] = claims.select(loaded, (), (), (claim_id,))
    text, quantifier = ledger.artefact(claim.job, TRACE), ledger.entries[claim.job].quantifier
    assert text is not None
    cast = cast_of(loaded, claim.job)
    chart = chart_of(text, claim.job, claim.statement, quantifier, cast)
    return chart, ledger.artefact(claim.job, CHART) or ""


def test_the_leak_is_told_in_the_order_of_time() -> None:
    result = run("trace", "--models", FIXTURE, "t1-is-secret-leak")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "A run against the claim, found by Tamarin: small+LEAK/t1_is_secret",
        "Claim: T1 stays secret although the passphrase leaks | later.",
        "Columns: Client, Adversary",
        "",
        "    Adversary → Client: 'greeting', challenge",
        " 1. Client: Client SetUp",
        "      records Sent(C, S, t1)",
        "    Client → Adversary: senc(<challenge, t1>, k)",
        " 2. Reveal Passphrase (leak)",
        "    Adversary learns: k",
        "    Adversary: gets <challenge, t1> by sdec with k",
        "    Adversary: knows t1",
        "",
        "where",
        "    challenge = any value, picked by the adversary",
        "",
        "'x': a constant. <x, y>: a pair.",
    ]


@pytest.mark.parametrize(("models", "claim_id"), RECORDED)
def test_recorded_charts_are_up_to_date(models: Path, claim_id: str) -> None:
    chart, stored = drawn(models, claim_id)
    assert stored == chart.svg(), "owamp-vectors trace --redraw"


@pytest.mark.parametrize("claim_id", ["run-t3-lost", "repair-run-keys-lost", "stream-run-t1-lost"])
def test_a_loss_that_the_run_has_to_have_is_drawn(claim_id: str) -> None:
    """The adversary does not need it: the run is there to show that it changes nothing."""
    chart, _ = drawn(ROOT / "models", claim_id)
    [claim] = claims.select(known(ROOT / "models")[0], (), (), (claim_id,))
    lost = re.findall(r"(T\d|KEYMAT|test keys) (?:is|of)", claim.statement)
    leaks = [event.text for event in chart.events() if event.kind == "leak"]
    assert lost
    assert all(any(name in text for text in leaks) for name in lost), (lost, leaks)


def boxes_of_text(root: ET.Element) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom of each line of text."""
    found = []
    for text in root.iter(f"{SVG}text"):
        style = text.get("class") or ""
        size = 14 if style == "title" else 13 if style in ("rule", "head") else 12
        for line in text.iter(f"{SVG}tspan"):
            content = (line.text or "").rstrip()
            if not content:
                continue
            width = len(content) * size * 0.602  # of DejaVu Sans Mono, bold or not
            x, y = float(line.get("x", 0)), float(line.get("y", 0))
            left = x - width / 2 if style in ("head", "roles") else x
            found.append((left, y - size * 0.8, left + width, y + size * 0.2))
    return found


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def check_layout(svg: str) -> None:
    """Nothing overlaps, nothing is cut off, and each box holds its text."""
    root = ET.fromstring(svg)  # noqa: S314
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    texts = boxes_of_text(root)
    assert texts
    for number, one in enumerate(texts):
        assert 0 <= one[0] < one[2] <= width
        assert 0 <= one[1] < one[3] <= height
        assert not any(overlap(one, other) for other in texts[number + 1 :]), one
    rects = []
    for rect in root.iter(f"{SVG}rect"):
        if rect.get("class"):
            x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
            right, bottom = x + float(rect.get("width", 0)), y + float(rect.get("height", 0))
            rects.append((x, y, right, bottom))
    for number, box in enumerate(rects):
        assert not any(overlap(box, other) for other in rects[number + 1 :]), box
        for text in texts:
            if overlap(box, text):
                assert box[0] <= text[0], (box, text)
                assert text[2] <= box[2], (box, text)
    lines = [
        (float(m[1]), float(m[2]))
        for path in root.iter(f"{SVG}path")
        if path.get("class") == "message"
        and (m := re.match(r"M\S+ (\S+)H(\S+)", path.get("d", "")))
    ]
    for y, _ in lines:
        assert not any(text[1] < y < text[3] for text in texts)


@pytest.mark.parametrize(("models", "claim_id"), RECORDED)
def test_nothing_overlaps(models: Path, claim_id: str) -> None:
    check_layout(drawn(models, claim_id)[0].svg())


@pytest.mark.parametrize(("models", "claim_id"), RECORDED)
def test_steps_keep_the_order_of_the_trace(models: Path, claim_id: str) -> None:
    """Every message a rule receives, the adversary can have put together from what was sent."""
    loaded, ledger = known(models)
    [claim] = claims.select(loaded, (), (), (claim_id,))
    text = ledger.artefact(claim.job, TRACE)
    assert text is not None
    heard: set[str] = set()
    for node in ordered_nodes(text):
        if node.is_rule:
            assert fresh(node.facts(node.premises, "InFact")) <= heard, node.label
            heard |= fresh(node.facts(node.conclusions, "OutFact"))
        elif node.label.startswith("Fresh"):
            heard |= fresh(node.conclusions)


def fresh(facts: list[Any]) -> set[str]:
    return set(re.findall(r"~[\w.]+", json.dumps(facts)))


@pytest.mark.parametrize(("models", "claim_id"), RECORDED)
def test_what_is_received_was_shown_before(models: Path, claim_id: str) -> None:
    """No step is left out from which something comes that a later one uses."""
    chart, _ = drawn(models, claim_id)
    shown = ""
    free = {name for name, meaning in chart.trace.legend if meaning.startswith("any value")}
    for event in chart.events():
        if event.kind == "message" and event.who == ADVERSARY:
            names = re.findall(r"\b[A-Z][\w-]*(?:\.\d+)?", event.text)
            for name in names:
                if re.fullmatch(r"T[1-4](\.\d+)?|Token(\.\d+)?|Challenge(\.\d+)?", name):
                    assert name in shown or name in free, (name, event)
        else:
            shown += f" {event.text}"


@pytest.mark.parametrize(("models", "claim_id"), RECORDED)
def test_no_word_is_broken(models: Path, claim_id: str) -> None:
    """A line ends at a space or a comma, or within a name before a capital or after a joint."""
    chart, _ = drawn(models, claim_id)
    words = set(re.findall(r"[a-z]+", chart.text().lower()))
    for text in ET.fromstring(chart.svg()).iter(f"{SVG}text"):  # noqa: S314
        for line in text.iter(f"{SVG}tspan"):
            assert set(re.findall(r"[a-z]+", (line.text or "").lower())) <= words, line.text


def test_the_three_attacks_have_the_columns_of_who_is_hit() -> None:
    expected = {
        "token-forgery": ["Server S", "Client C", "Adversary"],
        "twamp-reflection": ["Sender A", "Adversary"],
        "ippm-who-is-client": ["Host S", "Initiator A", "Adversary"],
    }
    for claim_id, titles in expected.items():
        chart, _ = drawn(ROOT / "models", claim_id)
        assert [column.title for column in chart.trace.columns] == titles
    forgery = drawn(ROOT / "models", "token-forgery")[0].text()
    assert "Adversary → Server S: b1, b2, b3, b4" in forgery
    assert "ServerAccepts(C, S, 0, 0, 0)" in forgery


def test_the_picture_is_static_and_described() -> None:
    result = run("trace", "--models", FIXTURE, "can-end", "--format", "svg")
    root = ET.fromstring(result.stdout)  # noqa: S314
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    names = (root.get("aria-labelledby") or "").split()
    assert [root[0].get("id"), root[1].get("id")] == names
    assert (root[0].text or "").startswith("A run as claimed, found by Tamarin: small/can_end")
    assert "Server → Adversary" in (root[1].text or "")
    assert "<script" not in result.stdout
    assert "href" not in result.stdout
    sizes = re.findall(r"(\d+)px", result.stdout)
    assert min(map(int, sizes)) >= 12


def test_roles_setup_and_leaks_get_their_columns() -> None:
    state = fact("State", const("~n"))
    key = fact("!Key", const("~k"))
    nodes = [
        node("#a", "Setup_Key", [fact("Fr", const("~k"))], [key]),
        node("#b", "Client_Start", [fact("Fr", const("~n")), key],
             [state, fact("Out", const("~n"))]),
        node("#c", "Client_End", [state, fact("In", const("x"))], []),
        node("#d", "Server_Echo", [fact("In", const("~n"))], [fact("Out", const("'x'"))]),
        node("#e", "Server_Echo", [fact("In", const("~n"))], [fact("Out", const("'x'"))]),
        node("#f", "Reveal_Key", [key], [fact("Out", const("~k"))]),
    ]  # fmt: skip
    trace = read_trace(
        graph(
            nodes, "#a:c0 #b:p1", "#a:c0 #f:p0", "#b:c0 #c:p0", "#d #c", "#b #d", "#c #e", "#e #f"
        ),
        JOB,
    )
    rules = [
        (s.column.title, s.rule, s.is_leak)
        for s in trace.steps
        if isinstance(s, RuleStep) and not s.is_idle
    ]
    assert rules == [
        ("Client", "Client_Start", False),
        ("Server 1", "Server_Echo", False),
        ("Client", "Client_End", False),
        ("Server 2", "Server_Echo", False),
    ]
    assert [column.title for column in trace.columns] == [
        "Client", "Server 1", "Server 2", "Adversary",
    ]  # fmt: skip


CASTS = """
[[cast]]
actors = ["sender: State(host, session)", "reflector: !Reflector(_, host, session)"]
names = ["SID = sid", "key = h(SID)"]
steps = {Client_Start = "begins", Nothing = ""}
"""


def cast(tmp_path: Path, text: str, rule: str = "small") -> Cast:
    models = Path(shutil.copytree(FIXTURE, tmp_path / "models", dirs_exist_ok=True))
    (models / CHARTS).write_text(text, encoding="utf-8")
    return cast_of(claims.load(models, VECTORS), Job(rule, (), "can_end"))


def test_a_principal_has_one_column(tmp_path: Path) -> None:
    """Two rules of one host in two sessions, and one of another host that has no state."""
    hashed = funct("h", const("~sid"))
    nodes = [
        node("#a", "Client_Start", [], [fact("State", const("$A"), const("~sid")),
                                        fact("Out", hashed)]),
        node("#b", "Client_Again", [fact("State", const("$A"), const("~sid.1"))],
             [fact("Out", funct("h", const("~sid.1")))]),
        node("#c", "Server_Echo", [fact("!Reflector", const("x"), const("$A"), const("~sid")),
                                   fact("In", hashed)], []),
        node("#d", "Nothing", [fact("In", const("x"))], []),
    ]  # fmt: skip
    trace = read_trace(graph(nodes, "#a #b", "#b #c", "#c #d"), JOB, cast(tmp_path, CASTS))
    [column, adversary] = trace.columns
    assert (column.title, column.roles) == ("Host A", "sender, reflector")
    assert adversary.title == ADVERSARY
    steps = [s for s in trace.steps if isinstance(s, RuleStep) and not s.is_idle]
    assert [(step.words, step.sends, step.receives) for step in steps] == [
        ("begins, session SID", ("key = h(SID)",), ()),
        ("Client Again, session SID.2", ("key.2 = h(SID.2)",), ()),
        ("Server Echo, session SID", (), ("key",)),
    ]
    assert trace.legend == (("key", "h(SID)"), ("key.2", "h(SID.2)"))


@pytest.mark.parametrize(
    ("spoken", "order", "shown"),
    [("Takes", "acb", ["Client Send", "Server Take"]),
     ("Sends", "acb", ["Client Send", "Server Take", "Client Send"]),
     ("Sends", "abc", ["Client Send", "Server Take"])],
)  # fmt: skip
def test_a_step_of_which_the_lemma_speaks_keeps_its_place(
    spoken: str, order: str, shown: list[str]
) -> None:
    """Taken again after another step, it is shown again, since the lemma may order the two."""
    session, message = fact("!Session", const("~k")), funct("senc", const("x"), const("~k"))
    sent = ([session], [fact("Out", message)], [fact("Sends", const("x"))])
    taken: tuple[Any, Any, Any] = ([session, fact("In", message)], [], [fact("Takes", const("x"))])
    nodes = [
        node("#a", "Client_Send", *sent),
        node("#b", "Client_Send", *sent),
        node("#c", "Server_Take", *taken),
    ]
    actor = Actor("client", "!Session", None, 0, None)
    edges = [f"#{first} #{then}" for first, then in pairwise(order)]
    trace = read_trace(graph(nodes, *edges), JOB, Cast((actor,), spoken=frozenset({spoken})))
    assert [step.words for step in trace.shown if isinstance(step, RuleStep)] == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cast = 1", "expected an array"),
        ('[[cast]]\nactors = ["Server: X(host)"]', "a role and a fact"),
        ('[[cast]]\nactors = ["server: X(hosts)"]', "expected host, session, role or _"),
        ('[[cast]]\nnames = ["T1"]', "a name and a term"),
        ('[[cast]]\nnames = ["T1 = f(x"]', "a bracket is not closed"),
        ('[[cast]]\nnames = ["T1 = f(,x)"]', "expected a term"),
        ('[[cast]]\nnames = ["T1 = f(x) y"]', "expected a term"),
        ('[[cast]]\nnames = ["T1 = <x, y>"]', "expected a term"),
        ('[[cast]]\nnames = ["T1 = <"]', "expected a term"),
    ],
)
def test_a_cast_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        cast(tmp_path, text)


def test_every_line_of_the_cast_is_used() -> None:
    """Each theory, fact and rule that charts.toml names is there."""
    content = tomllib.loads((ROOT / "models" / CHARTS).read_text(encoding="utf-8"))
    files = {path.stem: path for path in sorted((ROOT / "models").glob("*.sp*"))}
    everything = "".join(path.read_text(encoding="utf-8") for path in files.values())
    for part in content["cast"]:
        names = part.get("theories", files)
        text = "".join(files[name].read_text(encoding="utf-8") for name in names)
        if any(name.startswith("ikev2_") for name in names):
            text += files["ikev2"].read_text(encoding="utf-8")
        for line in part.get("actors", ()):
            assert line.split(": ")[1].split("(")[0] + "(" in text, line
        for rule in part.get("steps", ()):
            assert re.search(rf"rule {rule}\b", text), rule
    assert everything


def test_what_the_adversary_works_out() -> None:
    secret, pair = const("~s"), funct("pair", const("~s"), funct("pair", const("y"), const("z")))
    sealed = funct("senc", pair, const("~k"))
    hashed = funct("h", secret)
    nodes = [
        node("#a", "Client_Send", [fact("Fr", secret)], [fact("Out", sealed)]),
        node("#b", "Recv", [fact("Out", sealed)], [fact("!KD", sealed)]),
        node("#c", "Destrd_0_sdec", [fact("!KD", sealed), fact("!KU", const("~k"))],
             [fact("!KD", pair)]),
        node("#d", "Destrd_0_fst", [fact("!KD", pair)], [fact("!KD", secret)]),
        node("#e", "Coerce", [fact("!KD", secret)], [fact("!KU", secret)]),
        node("#f", "Constrc_h", [fact("!KU", secret)], [fact("!KU", hashed)]),
        node("#g", "Constrc_pair", [fact("!KU", hashed)], [fact("!KU", pair)]),
        node("#h", "FreshConstr", [], [fact("!KU", const("~f"))]),
        {**node("#i", "any", acts=[fact("!KU", hashed)]), "jgnType": "unsolvedActionAtom"},
        node("#j", "Send", [fact("!KU", hashed)], [fact("In", hashed)], [fact("K", hashed)]),
    ]  # fmt: skip
    order = [f"#{a} #{b}" for a, b in zip("fghi", "ghij", strict=True)]
    edges = ["#a:c0 #b:p0", "#b:c0 #c:p0", "#c:c0 #d:p0", "#d:c0 #e:p0", "#e #f", *order]
    trace = read_trace(graph(nodes, *edges), JOB)
    assert trace.steps[-1] == AdversaryStep(
        ("gets <s, y, z> by sdec with k", "makes h(s)", "picks f", "has h(s)"), ("h(s)",)
    )


def test_terms_are_written_and_abbreviated() -> None:
    xor = funct(
        "Xor", const("~a"), funct("exp", const("'g'"), funct("Mult", const("x"), const("y")))
    )
    inner = funct("h", xor)
    term = funct(
        "pair", funct("zero"), funct("pair", funct("Union", const("a"), const("b")), inner)
    )
    short = [
        {"jgaTerm": inner, "jgaAbbrev": const("HA1"), "jgaExpansion": inner},
        {"jgaTerm": xor, "jgaAbbrev": const("XO1"), "jgaExpansion": xor},
        {"jgaTerm": const("~a"), "jgaAbbrev": const("A1"), "jgaExpansion": const("~a")},
    ]
    out = [fact("Out", inner), fact("Out", term), fact("Out", inner)]
    nodes = [node("#a", "A_rule", [fact("Fr", const("~a"))], [*out, fact("Out", xor)])]
    trace = read_trace(graph(nodes, abbreviations=short), JOB)
    [step] = trace.steps
    assert isinstance(step, RuleStep)
    assert step.sends == (
        "HA1 = h(XO1)", "zero, …", "HA1", "XO1 = a ⊕ ('g'^(x*y))",
    )  # fmt: skip
    any_value = "any value, picked by the adversary"
    assert trace.legend == (
        ("HA1", "h(XO1)"), ("XO1", "a ⊕ ('g'^(x*y))"), ("x", any_value), ("y", any_value),
    )  # fmt: skip
    nodes[0]["jgnMetadata"]["jgnConcs"] = [fact("Out", term)]
    trace = read_trace(graph(nodes, abbreviations=short), JOB)
    [step] = trace.steps
    assert isinstance(step, RuleStep)
    assert step.sends == ("zero, …",), "used by nothing"
    nodes.append(node("#b", "B_rule", [fact("In", term)]))
    trace = read_trace(graph(nodes, "#a #b", abbreviations=short), JOB)
    [step, _] = trace.steps
    assert isinstance(step, RuleStep)
    assert step.sends == ("zero, a ++ b, HA1",)


def test_a_long_trace_still_fits() -> None:
    long = funct("function_with_a_very_long_name", *[const(f"~argument.{n}") for n in range(40)])
    word = const("'" + "x" * 300 + "'")
    names = ["First", "Second", "Third", "Client", "Client"]
    nodes = [
        node(f"#{n}", f"{name}_rule_with_a_name_longer_than_its_box", [fact("In", long)],
             [fact("Out", word)], [fact("Action", long), fact("Short", const("x"))])
        for n, name in enumerate(names)
    ]  # fmt: skip
    chart = chart_of(graph(nodes), JOB, "A statement | <with> & many words. " * 20, "all-traces")
    check_layout(chart.svg())
    assert max(map(len, chart.text().splitlines()[5:])) <= 112


def test_slim_keeps_what_is_drawn() -> None:
    nodes = [node("#a", "A_rule", [], [fact("Out", funct("h", const("x")))])]
    text = graph(nodes)
    assert "xxx" not in slim(text)
    assert slim(slim(text)) == slim(text)
    assert chart_of(slim(text), JOB, "s", "x").svg() == chart_of(text, JOB, "s", "x").svg()
    assert slim(LEAK) == LEAK


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a trace"),
        ("[]", "no graphs"),
        ('{"graphs": []}', "no graphs"),
        ('{"graphs": [1]}', "no graphs"),
        ('{"graphs": [{}]}', "KeyError"),
        ('{"graphs": [{"jgNodes": 1, "jgAbbrevs": [], "jgEdges": []}]}', "TypeError"),
        ("[" * 100000, "not a trace"),
    ],
)
def test_what_is_no_trace_is_refused(text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read_trace(text, JOB)


def test_a_circle_in_time_is_refused() -> None:
    nodes = [node("#a", "A_rule"), node("#b", "B_rule")]
    with pytest.raises(FileError, match="comes before itself"):
        read_trace(graph(nodes, "#a #b", "#b #a"), JOB)


def test_lines_are_wrapped_at_brackets_and_commas() -> None:
    assert wrap("aes(PB1, ~t1.1) more", 12) == ["aes(PB1,", "  ~t1.1)", "  more"]
    for width in (8, 12, 30):
        lines = wrap("senc(<challenge, ~t1, h(<a,b,c>)>, " + "k" * 50 + ") ⊕ x", width)
        assert all(len(line) <= width for line in lines)
        joined = "".join(line.strip() for line in lines).replace(" ", "")
        assert joined == "senc(<challenge,~t1,h(<a,b,c>)>," + "k" * 50 + ")⊕x"
    assert wrap("", 10) == [""]


def test_trace_says_what_is_wrong(tmp_path: Path) -> None:
    assert "no claim x" in refused(run("trace", "--models", FIXTURE, "x"), 2)
    assert "expected a CLAIM_ID" in refused(run("trace", "--models", FIXTURE), 2)
    line = refused(run("trace", "--models", FIXTURE, "t1-is-secret"), 3)
    assert "no trace is recorded" in line
    models = Path(shutil.copytree(FIXTURE, tmp_path / "models"))
    path = models / "small.spthy"
    path.write_text(path.read_text(encoding="utf-8").replace("[ ]\n", "[ X() ]\n"))
    result = run("trace", "--models", models, "can-end")
    assert result.exit_code == 0
    assert result.stderr == "can-end: stale: the model has changed since\n"
    models = Path(shutil.copytree(FIXTURE, tmp_path / "others"))
    (models / "proofs" / "small" / "can_end.json").write_text("{", encoding="utf-8")
    assert "not a trace" in refused(run("trace", "--models", models, "--redraw"), 3)


def test_charts_are_redrawn(tmp_path: Path) -> None:
    models = Path(shutil.copytree(FIXTURE, tmp_path / "models"))
    path = models / "proofs" / "small" / "can_end.chart.svg"
    before = path.read_bytes()
    path.write_text("old", encoding="utf-8")
    result = run("trace", "--models", models, "--redraw")
    charts = len(list((models / "proofs").rglob("*.chart.svg")))
    assert result.stdout == f"{charts} charts in {models / 'proofs'}\n"
    assert path.read_bytes() == before
