"""What a theory declares, name by name: from our text, and from what the prover prints.

`declared` reads both. So that a verdict is about the text that is digested, the two have to agree
(`misreading`): Tamarin drops what it cannot read in a file that is included (tamarin-prover #720),
and nothing after the theory's `end` counts for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from .theory_text import TheoryError, blank_comments, blank_names, lemmas_of

_BUILTINS = {
    "hashing": "h/1",
    "symmetric-encryption": "senc/2 sdec/2",
    "asymmetric-encryption": "aenc/2 adec/2 pk/1",
    "signing": "sign/2 verify/3 pk/1 true/0",
    "revealing-signing": "revealSign/2 revealVerify/3 getMessage/1 pk/1 true/0",
    "xor": "",
    "diffie-hellman": "",
    "multiset": "",
    "natural-numbers": "",
}
"""The builtins that a theory here can use, with the symbols that the prover lists for them."""

_BUILTIN_EQUATIONS = {
    "symmetric-encryption": ["sdec(senc(x, k), k) = x"],
    "asymmetric-encryption": ["adec(aenc(x, pk(k)), k) = x"],
    "signing": ["verify(sign(x, k), x, pk(k)) = true"],
    "revealing-signing": [
        "revealVerify(revealSign(x, k), x, pk(k)) = true",
        "getMessage(revealSign(x, k)) = x",
    ],
}
_ALWAYS = ("functions: pair/2, fst/1, snd/1", "equations: fst(<x, y>) = x, snd(<x, y>) = y")
_NAME = r"([A-Za-z0-9]\w*)"
_MODULO = r"(?:\(\s*modulo\s+\w+\s*\)\s*)?"
_START = re.compile(
    r"(?<![\w#~$'!%.])(?:"
    rf"(?:rule|lemma|restriction|axiom|test)\s+{_MODULO}{_NAME}\s*[\[:]"
    r"|(?:functions?|equations|macros|predicates?|builtins|heuristic|tactic|options|export)\s*:"
    r"|equations\s*\[|(?:diffLemma|equivLemma|diffEquivLemma|process)\b|end\s*(?=\Z|[a-z]+))"
)
_RULE = re.compile(rf"rule\s+{_MODULO}{_NAME}")
_RESTRICTION = re.compile(rf"(?:restriction|axiom)\s+{_NAME}")
_TEST = re.compile(rf"test\s+{_NAME}")
_BUILTIN_NAMES = re.compile(r"\s*(?:[a-z-]+(?:\s*,\s*[a-z-]+)*)?")
_HEAD = re.compile(r"[a-z]+\s*(?:\[\s*convergent\s*\]\s*)?:?")
_SYMBOL = re.compile(rf"{_NAME}\s*(?:/\s*(\d+)|(\([^)]*\)))[^\[]*(\[[^\]]*\])?")
_MEANING = re.compile(rf"{_NAME}\s*\(([^()]*)\)\s*(?:<=>|=)")
_TOKEN = re.compile(rf"({_NAME}(?:\.\d+)*)(\s*\()?|'[^']*'|\S")


def declared(text: str) -> frozenset[str]:
    """The functions, equations, macros, predicates, rules, restrictions and lemmas of a theory.

    One line for each: a function with its arity and whether it is private or a destructor, an
    equation up to the names of its variables, a lemma with its quantifier and whether others rely
    on it. The restrictions that `_restrict` in a rule stands for have the prover's names.
    """
    text = blank_comments(text)
    found = {line for item in (*_ALWAYS, *_items(text)) for line in _item(item)}
    for lemma in lemmas_of(text):
        found.add(f"lemma {lemma.name} ({lemma.quantifier}{', relied on' * lemma.relied_on})")
    macros = {f"private destructor function {x[6:]}" for x in found if x.startswith("macro ")}
    return frozenset(found - macros)  # the prover's signature can have its macros in this way


def misreading(text: str, printed: str) -> str:
    """How what the prover prints of a theory differs from its text; "" if it does not."""
    ours, its = declared(text), declared(printed)
    parts = [("it has not read", ours - its), ("it has read besides", its - ours)]
    return "; ".join(
        f"{what} {', '.join(sorted(lines)[:5])}{' and more' * (len(lines) > 5)}"
        for what, lines in parts
        if lines
    )


def _items(text: str) -> Iterator[str]:
    """The parts of a text without comments that begin with an item's keyword."""
    starts = [match.start() for match in _START.finditer(blank_names(text))]
    for start, end in pairwise([*starts, len(text)]):
        yield text[start:end]


def _split(text: str) -> list[str]:
    """What commas outside brackets and names separate."""
    parts, depth, start = [], 0, 0
    for position, char in enumerate(blank_names(text)):
        depth += {"(": 1, "<": 1, "[": 1, ")": -1, ">": -1, "]": -1}.get(char, 0)
        if char == "," and depth <= 0:
            parts.append(text[start:position].strip())
            start = position + 1
    return [part for part in (*parts, text[start:].strip()) if part]


def _item(item: str) -> Iterator[str]:
    keyword = re.match(r"[a-z]+", item)
    kind = keyword[0] if keyword else ""
    if kind == "rule" and (match := _RULE.match(item)):
        yield f"rule {match[1]}"
        for number in range(1, item.count("_restrict") + 1):
            yield f"restriction Restr_{match[1]}_{number}"
    elif kind in ("restriction", "axiom") and (match := _RESTRICTION.match(item)):
        yield f"restriction {match[1]}"
    elif kind == "test" and (match := _TEST.match(item)):
        yield f"predicate {match[1]}/0"
    elif kind in ("macros", "predicates", "predicate"):
        for match in _MEANING.finditer(item):
            yield f"{kind.rstrip('s')} {match[1]}/{len(_split(match[2]))}"
    elif kind == "equations":
        yield from (f"equation {_normal(part)}" for part in _split(_body(item)))
    elif kind in ("functions", "function"):
        yield from (_function(match) for match in map(_SYMBOL.match, _split(_body(item))) if match)
    elif kind == "builtins" and (match := _BUILTIN_NAMES.match(_body(item))):
        yield from (line for name in _split(match[0]) for line in _builtin(name))


def _body(item: str) -> str:
    head = _HEAD.match(item)
    return item[head.end() :] if head else item


def _function(match: re.Match[str]) -> str:
    arity = int(match[2]) if match[2] else len(_split(match[3][1:-1]))
    marks = [word for word in ("private", "destructor") if word in (match[4] or "")]
    return " ".join([*marks, f"function {match[1]}/{arity}"])


def _builtin(name: str) -> Iterator[str]:
    if name not in _BUILTINS:
        raise TheoryError(f"builtin {name}: what it declares is not known here")
    symbols = _BUILTINS[name]
    if not symbols:
        yield f"builtin {name}"
    yield from (f"function {symbol}" for symbol in symbols.split())
    yield from (f"equation {_normal(text)}" for text in _BUILTIN_EQUATIONS.get(name, ()))


def _normal(equation: str) -> str:
    """An equation with its variables (and constants) numbered in the order of the text."""
    numbers: dict[str, str] = {}
    parts = []
    for match in _TOKEN.finditer(equation.replace("()", "")):
        name = match[1]
        if name and not match[3]:
            parts.append(numbers.setdefault(name, str(len(numbers) + 1)))
        else:
            parts.append("".join(match[0].split()))
    return "".join(parts)
