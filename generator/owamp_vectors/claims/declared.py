"""Claims about the models: what each says, which lemma shows it, what the prover is to find."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..disk import FileError, read_text
from .theory_text import EQUIVALENCE, Theory, read_theory

EXPECTED = ("verified", "falsified")
KINDS = ("claim", "sanity", "sources", "helper", "control")

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")


@dataclass(frozen=True, order=True)
class Job:
    """What one run of the prover is about: a lemma of a model under flags.

    Attributes:
        model: the model's file name without ``.spthy``.
        flags: sorted.
        lemma: the lemma's name; with `diff`, "Observational_equivalence".
        diff: whether the prover runs with --diff.
    """

    model: str
    flags: tuple[str, ...]
    lemma: str
    diff: bool = False

    def __str__(self) -> str:
        """``model+FLAG/lemma``: also where its proof is kept, without the extension."""
        return f"{self.title}/{self.lemma}"

    @property
    def title(self) -> str:
        """``model+FLAG``."""
        return "+".join((self.model, *self.flags))


@dataclass(frozen=True)
class Claim:
    """An entry of ``claims.toml``.

    Attributes:
        id: its name, in kebab-case.
        statement: what is claimed, a sentence.
        source: the section that it is about, or "proposal".
        job: the lemma that decides it.
        expected: "verified" or "falsified".
        kind: "claim"; "sanity", something that must be possible; "sources" and "helper", lemmas
            that only help to prove others; "control", one that is there as another's control alone.
        premise: the sanity claim that shows that what this one speaks of can happen.
        control: the claim with the opposite verdict that shows what this one rests on: the same
            lemma where the mechanism is taken out, or put in.
        vectors: the vectors that exercise it, each "file:Flag" or "file:GroupType".
        note: what the verdict means, or why it is as it is.
        heading: begins a part of the table.
        timeout: seconds that its lemma gets instead of the usual.
    """

    id: str
    statement: str
    source: str
    job: Job
    expected: str
    kind: str = "claim"
    premise: str = ""
    control: str = ""
    vectors: tuple[str, ...] = ()
    note: str = ""
    heading: str = ""
    timeout: int | None = None


@dataclass
class Claims:
    """All claims, and the theories that they are about.

    Attributes:
        models: the directory that holds ``claims.toml`` and the models.
        claims: in the order of the file.
    """

    models: Path
    claims: tuple[Claim, ...]
    _theories: dict[tuple[str, tuple[str, ...], bool], Theory] = field(default_factory=dict)

    def theory(self, job: Job) -> Theory:
        """The theory of a job. Raises `TheoryError` if it cannot be read."""
        key = (job.model, job.flags, job.diff)
        if key not in self._theories:
            path = self.models / f"{job.model}.spthy"
            self._theories[key] = read_theory(path, job.flags, diff=job.diff)
        return self._theories[key]

    def digest(self, job: Job) -> str:
        """Today's digest of a job (`Theory.digest`)."""
        return self.theory(job).digest(job.lemma)

    def quantifier(self, job: Job) -> str:
        """The trace quantifier of a job's lemma."""
        return self.theory(job).lemma(job.lemma).quantifier

    def taken_for_granted(self, job: Job) -> Iterator[Job]:
        """The lemmas before a job's that its proof takes for granted (sources, reuse)."""
        if job.diff:
            return
        for lemma in self.theory(job).lemmas:
            if lemma.name == job.lemma:
                return
            if lemma.relied_on:
                yield Job(job.model, job.flags, lemma.name)

    def unclaimed(self) -> Iterator[str]:
        """The lemmas that no claim names, of every model under every set of flags in use.

        In --diff mode Tamarin takes lemmas marked sources or reuse for granted, and no run
        recorded here would show them; those are named too.
        """
        claimed = {claim.job for claim in self.claims}
        for model, flags, diff in sorted({(j.model, j.flags, j.diff) for j in claimed}):
            for lemma in self.theory(Job(model, flags, "", diff)).lemmas:
                if not diff or lemma.relied_on:
                    job = Job(model, flags, lemma.name, diff)
                    if job not in claimed:
                        yield f"{job}: no claim names this lemma"


class _Entry:
    """One ``[[claim]]``; takes its fields one by one, with errors that name claim and field."""

    def __init__(self, path: Path, number: int, content: object) -> None:
        self._path = path
        self._label = f"claim {number}"
        if not isinstance(content, dict):
            raise self.error("", f"expected a table, found {type(content).__name__}")
        self._content = dict(content)
        identity = content.get("id")
        if isinstance(identity, str):
            self._label = f"claim {identity}"

    def error(self, name: str, message: str) -> FileError:
        where = f"{self._label}, {name}" if name else self._label
        return FileError(f"{self._path}: {where}: {message}")

    def text(self, name: str, default: str | None = None) -> str:
        value = self._content.pop(name, default)
        if value is None:
            raise self.error(name, "is missing")
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.error(name, f"expected a non-empty string, found {value!r}")
        return value

    def matching(self, name: str, pattern: re.Pattern[str], what: str) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            raise self.error(name, f"expected {what}, found {value!r}")
        return value

    def one_of(self, name: str, values: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(name, default)
        if value not in values:
            raise self.error(name, f"expected one of {', '.join(values)}, found {value!r}")
        return value

    def texts(self, name: str, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
        values = self._content.pop(name, [])
        if not isinstance(values, list):
            raise self.error(name, f"expected an array of strings, found {values!r}")
        for value in values:
            if not isinstance(value, str) or not pattern.fullmatch(value):
                raise self.error(name, f"expected {what}, found {value!r}")
            if values.count(value) > 1:
                raise self.error(name, f"{value} is there twice")
        return tuple(values)

    def flag(self, name: str) -> bool:
        value = self._content.pop(name, False)
        if not isinstance(value, bool):
            raise self.error(name, f"expected true or false, found {value!r}")
        return value

    def seconds(self, name: str) -> int | None:
        value = self._content.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.error(name, f"expected a number of seconds, found {value!r}")
        return value

    def finish(self) -> None:
        for name in self._content:
            raise self.error(name, "unknown key")


def load(models: Path, vectors: Path) -> Claims:
    """The claims of ``claims.toml``, checked against the models and the vector files.

    Raises:
        FileError: anything that does not fit; the text names claim and field.
    """
    path = models / "claims.toml"
    try:
        content = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{path}: not TOML: {error}") from None
    entries = content.pop("claim", [])
    for name in content:
        raise FileError(f"{path}: {name}: unknown key; expected only [[claim]]")
    if not isinstance(entries, list) or not entries:
        raise FileError(f"{path}: expected an array of [[claim]], found none")
    found: list[tuple[_Entry, Claim]] = []
    for number, raw in enumerate(entries, 1):
        entry = _Entry(path, number, raw)
        claim = _claim(entry)
        for _, other in found:
            if other.id == claim.id:
                raise entry.error("id", "is there twice")
            if other.job == claim.job:
                raise entry.error("lemma", f"{claim.job} is already that of claim {other.id}")
        found.append((entry, claim))
    claims = Claims(models, tuple(claim for _, claim in found))
    targets = _Targets(vectors)
    for entry, claim in found:
        _check_model(entry, claim, claims)
        for vector in claim.vectors:
            problem = targets.problem(vector)
            if problem:
                raise entry.error("vectors", f"{vector}: {problem}")
    for entry, claim in found:
        _check_premise(entry, claim, claims)
        _check_control(entry, claim, claims)
    return claims


def _claim(entry: _Entry) -> Claim:
    identity = entry.matching("id", _ID, "kebab-case")
    diff = entry.flag("diff")
    model = entry.matching("model", _MODEL, "the name of a model")
    flags = entry.texts("flags", _IDENTIFIER, "names of flags")
    lemma = entry.matching("lemma", _IDENTIFIER, "the name of a lemma")
    if diff != (lemma == EQUIVALENCE):
        raise entry.error("lemma", f"{EQUIVALENCE} and diff = true go together, found {lemma}")
    claim = Claim(
        id=identity,
        statement=entry.text("statement"),
        source=entry.text("source"),
        job=Job(model, tuple(sorted(flags)), lemma, diff),
        expected=entry.one_of("expected", EXPECTED),
        kind=entry.one_of("kind", KINDS, "claim"),
        premise=entry.text("premise", ""),
        control=entry.text("control", ""),
        vectors=entry.texts("vectors", re.compile(r"[^:]+:[^:]+"), "file:Flag or file:GroupType"),
        note=entry.text("note", ""),
        heading=entry.text("heading", ""),
        timeout=entry.seconds("timeout"),
    )
    entry.finish()
    return claim


def _check_model(entry: _Entry, claim: Claim, claims: Claims) -> None:
    path = claims.models / f"{claim.job.model}.spthy"
    if not path.is_file():
        raise entry.error("model", f"{path}: no such file")
    try:
        theory = claims.theory(claim.job)
    except FileError as error:
        raise entry.error("model", str(error)) from None
    try:
        lemma = theory.lemma(claim.job.lemma)
    except FileError as error:
        raise entry.error("lemma", str(error)) from None
    if lemma.relied_on and claim.expected != "verified":
        expected = "expected verified, as other proofs take the lemma for granted"
        raise entry.error("expected", f"{expected}, found {claim.expected}")


def _check_premise(entry: _Entry, claim: Claim, claims: Claims) -> None:
    if not claim.premise:
        if (
            claim.kind in ("claim", "helper", "control")
            and claim.expected == "verified"
            and claims.quantifier(claim.job) == "all-traces"
        ):
            raise entry.error("premise", "is missing: what is verified of all traces needs one")
        return
    premise = next((other for other in claims.claims if other.id == claim.premise), None)
    if premise is None:
        raise entry.error("premise", f"no claim {claim.premise}")
    problems: list[tuple[bool, str]] = [
        (premise.job.model == claim.job.model, f"is about {premise.job.model}"),
        (premise.job.flags == claim.job.flags, f"has flags {list(premise.job.flags)}"),
        (premise.expected == "verified", f"is expected {premise.expected}"),
        (claims.quantifier(premise.job) == "exists-trace", "is no exists-trace lemma"),
    ]
    for fits, problem in problems:
        if not fits:
            raise entry.error("premise", f"{claim.premise} {problem}")


def _check_control(entry: _Entry, claim: Claim, claims: Claims) -> None:
    if not claim.control:
        return
    control = next((other for other in claims.claims if other.id == claim.control), None)
    if control is None:
        raise entry.error("control", f"no claim {claim.control}")
    if control.expected == claim.expected:
        expected = f"expected the opposite of {claim.expected}"
        raise entry.error("control", f"{expected}, found {claim.control}, expected the same")
    if control.job.lemma != claim.job.lemma and not claim.note:
        expected = f"expected the lemma {claim.job.lemma}, or a note that says why"
        raise entry.error("control", f"{expected}, found {control.job.lemma}")


class _Targets:
    """What a claim's vectors can name: the flags and types of the vector files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names: dict[str, set[str]] = {}

    def problem(self, vector: str) -> str:
        name, target = vector.split(":")
        path = self._directory / f"{name}.json"
        if name not in self._names:
            if "/" in name or not path.is_file():
                return f"{path}: no such file"
            try:
                content: Any = json.loads(read_text(path))
                types = {group["type"] for group in content["testGroups"]}
                self._names[name] = types | set(content["notes"])
            except (ValueError, TypeError, KeyError):
                return f"{path}: not a vector file"
        return "" if target in self._names[name] else f"{path} has no flag and no type {target}"


def select(
    claims: Claims, models: tuple[str, ...], lemmas: tuple[str, ...], ids: tuple[str, ...]
) -> list[Claim]:
    """The claims of the named models, lemmas and ids; an empty tuple stands for all.

    Raises:
        LookupError: a name that no claim has, or names that no claim has together.
    """
    wanted: list[tuple[str, tuple[str, ...], Callable[[Claim], str]]] = [
        ("model", models, lambda claim: claim.job.model),
        ("lemma", lemmas, lambda claim: claim.job.lemma),
        ("claim", ids, lambda claim: claim.id),
    ]
    chosen = list(claims.claims)
    for kind, names, value in wanted:
        known = list(dict.fromkeys(map(value, claims.claims)))
        for name in names:
            if name not in known:
                raise LookupError(f"no {kind} {name} in claims.toml; there are: {', '.join(known)}")
        if names:
            chosen = [claim for claim in chosen if value(claim) in names]
    if not chosen:
        raise LookupError("no claim has this model, lemma and id together")
    return chosen
