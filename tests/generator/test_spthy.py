"""Theories as Tamarin reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from owamp_vectors.claims.theory_text import EQUIVALENCE, Theory, blank_comments, read_theory
from owamp_vectors.disk import FileError

MODELS = Path(__file__).parents[1] / "models"


def theory(tmp_path: Path, body: str, *flags: str, diff: bool = False) -> Theory:
    path = tmp_path / "t.spthy"
    path.write_text(f"theory T\nbegin\n{body}\nend\n", encoding="utf-8")
    return read_theory(path, flags, diff=diff)


def names(found: Theory) -> list[str]:
    return [lemma.name for lemma in found.lemmas]


def test_lemmas_of_the_small_model_under_each_flag() -> None:
    plain = read_theory(MODELS / "small.spthy")
    assert names(plain) == ["can_end", "accepted_was_sent", "t1_is_secret"]
    assert [lemma.quantifier for lemma in plain.lemmas] == [
        "exists-trace", "all-traces", "all-traces",
    ]  # fmt: skip
    assert [path.name for path in plain.files] == ["small.spthy", "setup.splib"]
    assert "Reveal_Passphrase" not in plain.text
    assert "Server_Greeting" in plain.text
    leak = read_theory(MODELS / "small.spthy", ["LEAK"])
    assert names(leak) == ["can_end", "t1_is_secret"]
    assert "Reveal_Passphrase" in leak.text


@pytest.mark.parametrize(
    ("formula", "flags", "taken"),
    [
        ("A", "", False),
        ("A", "A", True),
        ("not A", "", True),
        ("¬ A", "A", False),
        ("A & B", "A", False),
        ("A & B", "A B", True),
        ("A | B", "B", True),
        ("A ∨ B ∧ C", "A", True),
        ("A | B & C", "B", False),
        ("A & not B | C", "A B", False),
        ("A & not B | C", "A", True),
        ("not A & not B", "", True),
        ("not (A & B)", "A", True),
        ("(A | B) & C", "A", False),
        ("((A) | not (B))", "", True),
    ],
)
def test_formulas_of_flags(tmp_path: Path, formula: str, flags: str, taken: bool) -> None:
    body = f'#ifdef {formula}\nlemma yes: "T"\n#else\nlemma no: "T"\n#endif\nlemma end_: "T"'
    assert names(theory(tmp_path, body, *flags.split())) == ["yes" if taken else "no", "end_"]


def test_defines_hold_for_what_follows_in_any_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.splib").write_text('#define A\n#include "b.splib"\n', encoding="utf-8")
    (tmp_path / "sub" / "b.splib").write_text('lemma b: "T"\n', encoding="utf-8")
    body = '#ifdef A\nlemma before: "T"\n#endif\n#include "sub/a.splib"\n'
    body += '#ifdef A\n#ifdef A\nlemma after: "T"\n#endif\n#endif\n'
    found = theory(tmp_path, body)
    assert names(found) == ["b", "after"]
    assert [path.name for path in found.files] == ["t.spthy", "a.splib", "b.splib"]


def test_comments_and_quotes_do_not_confuse(tmp_path: Path) -> None:
    body = (
        '// lemma no1: "T"\n/* lemma no2: "T" /* nested */ lemma no3: "T" */\n'
        'text{* lemma no4: "T" \\*} \\\\ *}\n'
        "rule A: [ In('a//b') ] --> [ Out('/*') ]\n"
        'lemma yes [reuse, heuristic={lemma}]: /* all */ exists-trace // "no"\n "Ex #i. A()@i"\n'
        "rule B: [ In('#ifdef x') ] --> [ Out('#endif') ]\n"
        'lemma (modulo E) last[ use_induction, output=[msr, spthy] ] : "T"'
    )
    found = theory(tmp_path, body)
    assert names(found) == ["yes", "last"]
    assert found.lemmas[0].attributes == ("reuse", "heuristic={lemma}")
    assert found.lemmas[0].quantifier == "exists-trace"
    assert "'a//b'" in found.text
    assert blank_comments("a // b\n/* c\n*/ d") == "a     \n    \n   d"
    assert blank_comments("a /* b") == "a     "


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("#ifdef A\n", "#ifdef without #endif"),
        ("#endif", "line 3: #endif without #ifdef"),
        ("#else\n#endif", "#else without #ifdef"),
        ("#define A\n#ifdef A\n#else\n#else\n#endif\n#endif", "#endif without #ifdef"),
        ("#ifdef A\n#else\n#else\n#endif", "#else without #ifdef"),
        ("#define A\n#ifdef A\nrule", "#ifdef without #endif"),
        ("#ifdef (A & B\n#endif", "expected a closing )"),
        ("rule A:\n#ifdef A\n#endif\n[ ] --> [ ]", "#ifdef within an item"),
        ("#define A\nrule A: [ ] -->\n#ifdef A\n[ A() ]\n#endif", "found '[ A() ]'"),
        (
            "#ifdef A\n#endif\nrul A: [ ] --> [ ]",
            "expected an item after #ifdef, as Tamarin does",
        ),
        ('#define A\nlemma a: "T"\n#ifdef A\nby sorry\n#endif', "found 'by sorry'"),
        ('rule A: [ ] --> [ ],\n#include "t.spthy"', "t.spthy: includes itself"),
        ("#ifdef A &\n#endif", "expected a flag"),
        ("#ifdef notA\n#endif", "Tamarin would read 'not A'"),
        ("#ifdef A\n#ifdef B\n#endif\n#endif", "Tamarin cannot nest it"),
        (
            "#ifdef A\n// the #else follows\n#else\n#endif",
            "a comment or a name of the skipped branch",
        ),
        ("#define\n#", "expected a flag after #define"),
        ("#include x", "expected a quoted file"),
        ('#include "gone.splib"', "gone.splib: no such file"),
        ('#include "t.spthy"', "includes itself"),
        ('lemma a: "T"\nlemma a: "T"', "lemma a is there twice"),
        ('lemma a: A, B account for "T"', "not a lemma that can be claimed: 'lemma a: A, B"),
        ("diffLemma a:\nby sorry", "not a lemma that can be claimed"),
    ],
)
def test_what_is_refused(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(FileError) as caught:
        theory(tmp_path, body)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_theory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.spthy"
    path.write_text("begin end", encoding="utf-8")
    with pytest.raises(FileError, match="expected 'theory NAME', found 'begin end'"):
        read_theory(path)
    path.write_bytes(b"\xff")
    with pytest.raises(FileError, match="not UTF-8"):
        read_theory(path)
    with pytest.raises(FileError, match="no lemma x; there are: can_end"):
        read_theory(MODELS / "small.spthy").lemma("x")


def test_digest_depends_on_what_the_verdict_depends_on(tmp_path: Path) -> None:
    other = 'lemma b: "Ex #i. B()@i"\n  simplify\n  by sorry\n'
    body = 'rule A: [ ] --[ A() ]-> [ ]\nlemma a: "Ex #i. A()@i"\n' + other
    digest = theory(tmp_path, body).digest("a")
    assert theory(tmp_path, "// comment\n\n" + body + "\n").digest("a") == digest
    assert theory(tmp_path, body.replace(other, "")).digest("a") == digest
    assert theory(tmp_path, body.replace("B()", "A()")).digest("a") == digest
    assert theory(tmp_path, "#ifdef X\nrule C: [ ] --> [ ]\n#endif\n" + body).digest("a") == digest
    changed = [
        theory(tmp_path, body).digest("b"),
        theory(tmp_path, body, "X").digest("a"),
        theory(tmp_path, body, diff=True).digest("a"),
        theory(tmp_path, body.replace("rule A: [ ]", "rule A: [ In(x) ]")).digest("a"),
        theory(tmp_path, body.replace('a: "Ex #i.', 'a: "All #i.')).digest("a"),
        theory(tmp_path, body.replace("lemma b:", "lemma b [reuse]:")).digest("a"),
        theory(tmp_path, body.replace("lemma b:", "lemma b [sources]:")).digest("a"),
    ]
    assert len({digest, *changed}) == 1 + len(changed)


def test_digest_follows_includes(tmp_path: Path) -> None:
    (tmp_path / "a.splib").write_text("rule A: [ ] --> [ ]\n", encoding="utf-8")
    body = '#include "a.splib"\nlemma a: "T"'
    digest = theory(tmp_path, body).digest("a")
    (tmp_path / "a.splib").write_text("rule A: [ In(x) ] --> [ ]\n", encoding="utf-8")
    assert theory(tmp_path, body).digest("a") != digest


def test_proofs_go_below_their_lemmas(tmp_path: Path) -> None:
    body = 'lemma a: "T"\n  induction\n  by sorry\nlemma b: "T"\nrule A: [ ] --> [ ]'
    text = theory(tmp_path, body).with_proofs({"b": "by contradiction", "a": "simplify\n"})
    assert " ".join(text.split()) == (
        'theory T begin lemma a: "T" simplify lemma b: "T" by contradiction rule A: [ ] --> [ ] end'
    )
    found = theory(tmp_path, body, diff=True)
    assert names(found) == ["a", "b", EQUIVALENCE]
    text = found.with_proofs({EQUIVALENCE: "by sorry"})
    assert text.endswith(f"diffLemma {EQUIVALENCE}:\nby sorry\n\nend\n")
