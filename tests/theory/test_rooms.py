"""Each theory has one room, which says all that is known of it; the generic code names none."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import owamp_vectors
import pytest
from owamp_vectors.claims.declared import load
from owamp_vectors.groups.participants import PRF
from owamp_vectors.mistakes import NOTES
from owamp_vectors.theory.check import flag_sets
from owamp_vectors.theory.findings import ABSTRACTIONS
from owamp_vectors.theory.parse import read_model
from owamp_vectors.theory.room import Room, room_of, rooms
from owamp_vectors.theory.table import Table
from owamp_vectors.theory.terms import Model

from ..support import MODELS, VECTORS

CODE = Path(owamp_vectors.__file__).parent
CLAIMS = {claim.id: claim for claim in load(MODELS, VECTORS).claims}
THEORIES = sorted(path.stem for path in MODELS.glob("*.spthy"))


@cache
def models_of(theory: str) -> list[Model]:
    path = MODELS / f"{theory}.spthy"
    return [read_model(path, flags) for flags in flag_sets(path, VECTORS)]


def users_of(room: Room) -> list[Model]:
    """The models of the theory of a room, or of those that include its file."""
    theories = [name for name in THEORIES if room in room_of(name).layers()]
    return [model for name in theories for model in models_of(name)]


def test_every_theory_has_a_room_and_every_room_a_file() -> None:
    included = {path.stem for path in MODELS.glob("*.splib")}
    assert set(rooms()) == {*THEORIES, *included}


@pytest.mark.parametrize("theory", THEORIES)
def test_who_takes_each_rule_is_said(theory: str) -> None:
    rules = {rule.name for model in models_of(theory) for rule in model.rules}
    assert {rule for rule in rules if room_of(theory).player(rule) is None} == set()


@pytest.mark.parametrize("name", rooms())
def test_a_room_speaks_of_what_there_is(name: str) -> None:
    room = rooms()[name]
    models, own = users_of(room), Table((room,), PRF)
    rules = {rule.name for model in models for rule in model.rules}
    macros = {(m.name, len(m.parameters)) for model in models for m in model.macros}
    assert set(room.players) | {row.rule for row in room.messages} <= rules
    assert set(own.symbols) <= {symbol for model in models for symbol in model.symbols}
    assert {(row.name, len(row.arguments)) for row in own.macros} <= macros
    assert set(room.model_only) <= {macro for macro, _ in macros}
    assert room.modes_differ <= {lemma.name for model in models for lemma in model.lemmas}
    assert set(room.takes_back) <= {item.id for item in ABSTRACTIONS}
    flags = {flag for model in models for flag in model.flags}
    assert set(room.not_played) <= flags
    assert {flag for flags in (room.runs.flags if room.runs else ()) for flag in flags} <= flags


@pytest.mark.parametrize("name", rooms())
def test_charts_know_leaks_by_their_names(name: str) -> None:
    for rule, player in rooms()[name].players.items():
        assert player.is_leak == rule.startswith(("Reveal_", "Learn_"))


@pytest.mark.parametrize("name", rooms())
def test_an_attack_refutes_a_claim_of_the_theory(name: str) -> None:
    for claim_id, attack in rooms()[name].attacks.items():
        claim = CLAIMS[claim_id]
        assert (claim.job.model, claim.expected) == (name, "falsified")
        assert attack.flag in NOTES


def test_generic_code_names_no_theory_rule_or_lemma() -> None:
    models = [model for theory in THEORIES for model in models_of(theory)]
    rules = {rule.name for model in models for rule in model.rules}
    lemmas = {lemma.name for model in models for lemma in model.lemmas}
    name = re.compile(rf"\b({'|'.join(sorted({*THEORIES, *rules, *lemmas}))})\b")
    found = [
        f"{path.relative_to(CODE)}: {match[0]}"
        for folder in ("theory", "replay")
        for path in sorted((CODE / folder).rglob("*.py"))
        if CODE / "theory" / "models" not in path.parents
        for match in name.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


BELOW = {"groups": {"theory", "replay"}, "mistakes": {"theory", "replay"}, "theory": {"replay"}}
"""Parts of the package, and what they do not import, since it uses them."""


@pytest.mark.parametrize("part", BELOW)
def test_arrows_run_down(part: str) -> None:
    upper = {"commands", "conform", "live", "render", *BELOW[part]}
    imported = re.compile(r"^\s*from \.\.+(\w+)", re.MULTILINE)
    found = {
        f"{path.relative_to(CODE)}: {name}"
        for path in (CODE / part).rglob("*.py")
        for name in imported.findall(path.read_text(encoding="utf-8"))
        if name in upper and not (CODE / part / f"{name}.py").exists()
    }
    assert not found
